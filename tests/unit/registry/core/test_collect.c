/* SPDX-License-Identifier: Apache-2.0 */
#include <pthread.h>
#include <stdatomic.h>

#include "base/io.h"
#include "registry/core/blob_link.h"
#include "registry/core/collect.h"
#include "registry/core/manifest_store.h"
#include "registry/core/upload.h"
#include "tests/unit/registry/world.h"

#define HOUR_US (3600LL * 1000000)

static int64_t fake_now;

static int64_t clock_us(void)
{
    return fake_now;
}

static struct repo *open_repo(struct world *w, const char *name)
{
    struct sw_err err = SW_ERR_INIT;
    struct repo_key key = world_key(name);
    struct repo *repo;
    CHECK_OK(repo_open(w->reg, &key, &repo, &err));
    return repo;
}

static struct digest push(struct world *w, struct repo *repo, const char *text)
{
    struct sw_err err = SW_ERR_INIT;
    struct upload *u;
    struct digest d;
    struct blob_info info;
    digest_of(DIGEST_SHA256, text, strlen(text), &d);
    CHECK_OK(upload_begin(w->reg, repo, "AIDA", DIGEST_SHA256, true, &u, &err));
    CHECK_OK(upload_append(u, text, strlen(text), &err));
    CHECK_OK(upload_commit(u, repo, &d, &info, &err));
    upload_release(u);
    return d;
}

static bool readable(struct world *w, struct repo *repo, const struct digest *d)
{
    struct sw_err err = SW_ERR_INIT;
    struct blob_link link;
    int fd = -1;
    if (blob_link_find(w->reg, repo, d, &link, &err) < 0)
        return false;
    CHECK_OK(blob_link_open(w->reg, d, &link, &fd, &err));
    (void)close(fd);
    return true;
}

static struct registry_collect_counts collect(struct world *w)
{
    struct sw_err err = SW_ERR_INIT;
    struct registry_collect_counts counts;
    CHECK_OK(registry_collect(w->reg, fake_now, HOUR_US, &counts, &err));
    return counts;
}

static int count_key(void *ctx, const char *key SW_UNUSED, uint64_t size SW_UNUSED,
                     int64_t at SW_UNUSED)
{
    ++*(int *)ctx;
    return 0;
}

static int stored(struct world *w)
{
    struct sw_err err = SW_ERR_INIT;
    int n = 0;
    CHECK_OK(blob_list(w->blobs, count_key, &n, &err));
    return n;
}

static void put_manifest(struct world *w, struct repo *repo, const char *config)
{
    struct sw_err err = SW_ERR_INIT;
    struct digest d;
    char text[DIGEST_STRING_MAX];
    digest_of(DIGEST_SHA256, config, strlen(config), &d);
    digest_format(&d, text);
    sw_autofree char *json = sw_asprintf(
        "{\"schemaVersion\":2,\"config\":{\"mediaType\":\"x\",\"digest\":\"%s\",\"size\":%zu}}",
        text, strlen(config));
    struct manifest m;
    CHECK_OK(manifest_parse(sw_str(json), SW_STR(MEDIA_OCI_IMAGE), &m, &err));
    struct manifest_put put = {.manifest = &m, .bytes = sw_str(json)};
    digest_of(DIGEST_SHA256, json, strlen(json), &put.digest);
    CHECK_OK(manifest_put(w->reg, repo, &put, &err));
    manifest_done(&m);
}

static void open_two(struct world *w)
{
    fake_now = sw_now_us();
    w->options.now_us = clock_us;
    world_open(w);
    world_repo(w, "one");
    world_repo(w, "two");
}

TEST(takes_what_no_manifest_needs_after_the_grace_period)
{
    autoworld w = {0};
    open_two(&w);
    struct repo *one = open_repo(&w, "one");
    struct digest needed = push(&w, one, "needed"), loose = push(&w, one, "loose");
    put_manifest(&w, one, "needed");
    CHECK_EQ_UINT(collect(&w).links, 0);
    CHECK(readable(&w, one, &loose));
    fake_now += 3 * HOUR_US;
    struct registry_collect_counts counts = collect(&w);
    CHECK_EQ_UINT(counts.links, 1);
    CHECK_EQ_UINT(counts.blobs, 1);
    CHECK_EQ_UINT(counts.bytes, 5);
    CHECK(!readable(&w, one, &loose));
    CHECK(readable(&w, one, &needed));
    CHECK_EQ_INT(stored(&w), 1);
    repo_unref(one);
}

TEST(asking_for_a_blob_renews_its_grace)
{
    autoworld w = {0};
    open_two(&w);
    struct repo *one = open_repo(&w, "one");
    struct digest d = push(&w, one, "x");
    fake_now += 3 * HOUR_US;
    CHECK(readable(&w, one, &d));
    CHECK_EQ_UINT(collect(&w).links, 0);
    put_manifest(&w, one, "x");
    fake_now += 3 * HOUR_US;
    CHECK_EQ_UINT(collect(&w).links, 0);
    repo_unref(one);
}

TEST(bytes_stay_while_any_repository_has_them)
{
    autoworld w = {0};
    struct sw_err err = SW_ERR_INIT;
    open_two(&w);
    struct repo *one = open_repo(&w, "one"), *two = open_repo(&w, "two");
    struct digest d = push(&w, one, "shared");
    (void)push(&w, two, "shared");
    put_manifest(&w, two, "shared");
    CHECK_OK(blob_link_remove(w.reg, one, &d, &err));
    fake_now += 3 * HOUR_US;
    CHECK_EQ_UINT(collect(&w).blobs, 0);
    CHECK(readable(&w, two, &d));
    struct repo_key key = world_key("two");
    CHECK_OK(repo_delete(w.reg, &key, true, NULL, &err));
    CHECK_EQ_UINT(collect(&w).blobs, 1);
    CHECK_EQ_INT(stored(&w), 0);
    repo_unref(one);
    repo_unref(two);
}

TEST(bytes_without_a_row_go_too)
{
    autoworld w = {0};
    struct sw_err err = SW_ERR_INIT;
    open_two(&w);
    struct blob_writer *writer;
    struct blob_info info;
    struct digest d;
    digest_of(DIGEST_SHA256, "orphan", 6, &d);
    CHECK_OK(blob_writer_begin(w.blobs, DIGEST_SHA256, &writer, &err));
    CHECK_OK(blob_writer_append(writer, "orphan", 6, &err));
    CHECK_OK(blob_writer_commit(writer, &d, &info, &err));
    blob_writer_free(writer);
    CHECK_EQ_UINT(collect(&w).blobs, 0);
    fake_now += 3 * HOUR_US;
    CHECK_EQ_UINT(collect(&w).files, 1);
    CHECK_EQ_INT(stored(&w), 0);
}

TEST(a_blob_pushed_again_after_its_collection_is_there)
{
    autoworld w = {0};
    open_two(&w);
    struct repo *one = open_repo(&w, "one");
    struct digest d = push(&w, one, "again");
    fake_now += 3 * HOUR_US;
    CHECK_EQ_UINT(collect(&w).blobs, 1);
    (void)push(&w, one, "again");
    CHECK(readable(&w, one, &d));
    repo_unref(one);
}

struct noted {
    int n[COLLECT_MAX_];
    char text[2048];
};

static void take_note(void *ctx, const struct collect_item *item)
{
    struct noted *noted = ctx;
    noted->n[item->kind]++;
    CHECK(item->since_us > 0);
    size_t at = strlen(noted->text);
    (void)snprintf(noted->text + at, sizeof(noted->text) - at, "%s %s %s%s\n",
                   collect_kind_to_string(item->kind), item->name,
                   item->repository ? item->repository : "-", item->last_link ? " last" : "");
}

static struct registry_collect_counts run_collection(struct world *w, bool dry, struct noted *noted)
{
    struct sw_err err = SW_ERR_INIT;
    struct registry_collect_counts counts;
    *noted = (struct noted){0};
    struct collect_options o = {.now_us = fake_now,
                                .grace_us = HOUR_US,
                                .dry_run = dry,
                                .walk_files = true,
                                .note = take_note,
                                .ctx = noted};
    CHECK_OK(registry_collect_with(w->reg, &o, &counts, &err));
    return counts;
}

struct count_args {
    const char *table;
    int64_t n;
};

static int count_tx(struct meta_tx *tx, void *arg, struct sw_err *err)
{
    struct count_args *a = arg;
    sw_autofree char *sql = sw_asprintf("SELECT COUNT(*) FROM %s", a->table);
    int r = meta_get(tx, err, sql, "", "i", &a->n);
    return r < 0 ? r : 0;
}

static int64_t count_rows(struct world *w, const char *table)
{
    struct sw_err err = SW_ERR_INIT;
    struct count_args a = {.table = table};
    CHECK_OK(meta_tx(w->db, META_READ, count_tx, &a, &err));
    return a.n;
}

TEST(a_dry_run_tells_all_and_takes_nothing)
{
    autoworld w = {.options.upload_ttl_ms = 3600 * 1000};
    struct sw_err err = SW_ERR_INIT;
    struct noted dry, real;
    open_two(&w);
    struct repo *one = open_repo(&w, "one"), *two = open_repo(&w, "two");
    struct digest loose = push(&w, one, "loose"), shared = push(&w, one, "shared");
    (void)push(&w, two, "shared");
    put_manifest(&w, two, "shared");
    struct digest unlinked = push(&w, one, "unlinked");
    CHECK_OK(blob_link_remove(w.reg, one, &unlinked, &err));
    struct upload *u;
    CHECK_OK(upload_begin(w.reg, one, "AIDA", DIGEST_SHA256, false, &u, &err));
    CHECK_OK(upload_append(u, "x", 1, &err));
    upload_release(u);
    fake_now += 3 * HOUR_US;
    struct registry_collect_counts would = run_collection(&w, true, &dry);
    CHECK_EQ_INT(stored(&w), 3);
    struct registry_collect_counts did = run_collection(&w, false, &real);
    CHECK_EQ_UINT(would.links, 2);
    CHECK_EQ_UINT(would.blobs, 2);
    CHECK_EQ_UINT(would.bytes, 13);
    CHECK_EQ_UINT(did.links, 2);
    CHECK_EQ_UINT(did.blobs, 2);
    CHECK_EQ_UINT(did.bytes, 13);
    CHECK_EQ_UINT(did.uploads, 1);
    CHECK_EQ_INT(dry.n[COLLECT_UPLOAD], 1);
    char text[DIGEST_STRING_MAX];
    digest_format(&loose, text);
    sw_autofree char *line = sw_asprintf("link %s one last\n", text);
    CHECK(strstr(dry.text, line) != NULL);
    digest_format(&shared, text);
    sw_autofree char *other = sw_asprintf("link %s one\n", text);
    CHECK(strstr(dry.text, other) != NULL);
    digest_format(&unlinked, text);
    sw_autofree char *blob = sw_asprintf("blob %s -\n", text);
    CHECK(strstr(dry.text, blob) != NULL);
    CHECK_EQ_INT(stored(&w), 1);
    struct registry_collect_counts again = run_collection(&w, true, &dry);
    CHECK_EQ_UINT(again.links + again.blobs + again.files + again.uploads, 0);
    repo_unref(one);
    repo_unref(two);
}

TEST(what_is_settled_is_not_looked_at_again)
{
    autoworld w = {0};
    struct noted noted;
    open_two(&w);
    struct repo *one = open_repo(&w, "one");
    for (int i = 0; i < 60; i++) {
        sw_autofree char *text = sw_asprintf("blob %d", i);
        (void)push(&w, one, text);
        put_manifest(&w, one, text);
    }
    (void)push(&w, one, "loose");
    CHECK_EQ_INT(count_rows(&w, "collect_link"), 61);
    (void)run_collection(&w, false, &noted);
    CHECK_EQ_INT(count_rows(&w, "collect_link"), 1);
    fake_now += 3 * HOUR_US;
    (void)run_collection(&w, false, &noted);
    CHECK_EQ_INT(count_rows(&w, "collect_link"), 0);
    CHECK_EQ_INT(count_rows(&w, "collect_blob"), 0);
    CHECK_EQ_INT(count_rows(&w, "repository_blob"), 60);
    repo_unref(one);
}

TEST(deleting_a_manifest_makes_its_blobs_candidates_again)
{
    autoworld w = {0};
    struct sw_err err = SW_ERR_INIT;
    open_two(&w);
    struct repo *one = open_repo(&w, "one");
    (void)push(&w, one, "x");
    put_manifest(&w, one, "x");
    fake_now += 3 * HOUR_US;
    CHECK_EQ_UINT(collect(&w).links, 0);
    CHECK_EQ_INT(count_rows(&w, "collect_link"), 0);
    struct image_info *list;
    size_t n;
    CHECK_OK(image_list(w.reg, one, IMAGE_ANY, "", 10, &list, &n, &err));
    CHECK_EQ_UINT(n, 1);
    struct digest d;
    CHECK(digest_parse(sw_str(list[0].digest), &d));
    image_list_free(list, n);
    CHECK_OK(manifest_delete(w.reg, one, &d, &err));
    CHECK_EQ_UINT(collect(&w).blobs, 1);
    repo_unref(one);
}

TEST(a_blob_that_was_asked_for_stays_when_others_of_its_repository_go)
{
    autoworld w = {0};
    open_two(&w);
    struct repo *one = open_repo(&w, "one");
    struct digest asked = push(&w, one, "asked");
    for (int i = 0; i < 120; i++) {
        sw_autofree char *text = sw_asprintf("loose %d", i);
        (void)push(&w, one, text);
    }
    fake_now += 3 * HOUR_US;
    CHECK(readable(&w, one, &asked));
    CHECK_EQ_UINT(collect(&w).links, 120);
    CHECK(readable(&w, one, &asked));
    repo_unref(one);
}

TEST(a_cancelled_collection_stops)
{
    autoworld w = {0};
    struct sw_err err = SW_ERR_INIT;
    struct registry_collect_counts counts;
    atomic_bool cancelled = true;
    open_two(&w);
    struct repo *one = open_repo(&w, "one");
    (void)push(&w, one, "x");
    fake_now += 3 * HOUR_US;
    struct collect_options o = {.now_us = fake_now, .grace_us = HOUR_US, .cancelled = &cancelled};
    CHECK_ERR(registry_collect_with(w.reg, &o, &counts, &err), SW_EUNAVAILABLE, NULL);
    CHECK_EQ_INT(stored(&w), 1);
    repo_unref(one);
}

struct race {
    struct world *w;
    atomic_bool stop;
};

/* A collector without any grace: whatever is linked for an instant only is its prey. */
static void *collector(void *arg)
{
    struct race *r = arg;
    while (!atomic_load(&r->stop)) {
        struct sw_err err = SW_ERR_INIT;
        struct registry_collect_counts counts;
        CHECK_OK(registry_collect(r->w->reg, sw_now_us() + HOUR_US, 0, &counts, &err));
    }
    return NULL;
}

TEST(concurrent_push_and_collection_never_leave_a_link_without_bytes)
{
    autoworld w = {0};
    world_open(&w);
    world_repo(&w, "one");
    struct repo *one = open_repo(&w, "one");
    struct race race = {.w = &w};
    pthread_t thread;
    CHECK_EQ_INT(pthread_create(&thread, NULL, collector, &race), 0);
    for (int i = 0; i < 60; i++) {
        struct digest d = push(&w, one, i % 2 ? "a" : "b");
        struct sw_err err = SW_ERR_INIT;
        struct blob_link link;
        int fd = -1;
        int r = blob_link_find(w.reg, one, &d, &link, &err);
        if (r == 0)
            r = blob_link_open(w.reg, &d, &link, &fd, &err);
        /* It may be gone again by now, but never in part. */
        CHECK(r == 0 || (r == SW_ENOTFOUND && sw_streq(err.reason, "BLOB_UNKNOWN")));
        if (fd >= 0)
            (void)close(fd);
    }
    atomic_store(&race.stop, true);
    pthread_join(thread, NULL);
    struct digest d = push(&w, one, "a");
    CHECK(readable(&w, one, &d));
    repo_unref(one);
}

static int count_upload(void *ctx, const struct blob_upload_info *u SW_UNUSED)
{
    ++*(int *)ctx;
    return 0;
}

static int open_uploads(struct world *w)
{
    struct sw_err err = SW_ERR_INIT;
    int n = 0;
    CHECK_OK(blob_list_uploads(w->blobs, count_upload, &n, &err));
    return n;
}

TEST(old_uploads_expire_but_not_those_in_use)
{
    autoworld w = {.options.upload_ttl_ms = 3600 * 1000};
    struct sw_err err = SW_ERR_INIT;
    open_two(&w);
    struct repo *one = open_repo(&w, "one");
    struct upload *idle, *held;
    CHECK_OK(upload_begin(w.reg, one, "AIDA", DIGEST_SHA256, false, &idle, &err));
    CHECK_OK(upload_append(idle, "x", 1, &err));
    sw_autofree char *token = sw_strdup(upload_token(idle));
    upload_release(idle);
    CHECK_OK(upload_begin(w.reg, one, "AIDA", DIGEST_SHA256, false, &held, &err));
    CHECK_OK(registry_expire_uploads(w.reg, fake_now, &err));
    CHECK_EQ_INT(open_uploads(&w), 2);
    fake_now += 3 * HOUR_US;
    CHECK_OK(registry_expire_uploads(w.reg, fake_now, &err));
    CHECK_EQ_INT(open_uploads(&w), 1);
    CHECK_ERR(upload_acquire(w.reg, one, "AIDA", token, &idle, &err), SW_ENOTFOUND,
              "BLOB_UPLOAD_UNKNOWN");
    CHECK_OK(upload_append(held, "y", 1, &err));
    upload_release(held);
    repo_unref(one);
}
