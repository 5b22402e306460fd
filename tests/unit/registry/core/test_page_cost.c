/* SPDX-License-Identifier: Apache-2.0 */
/* A page of a list costs what the page has, not what the list has, and a push or delete what it changes: counted in steps of SQLite's machine, over lists of which one is
 * fifty times as long as the other. */
#include <sqlite3.h>
#include <stdatomic.h>
#include <stdio.h>

#include "base/io.h"
#include "registry/core/collect.h"
#include "registry/core/manifest_store.h"
#include "registry/core/tag_store.h"
#include "tests/unit/registry/world.h"

#define SHORT   200
#define LONG    10000
#define PAGE    10
#define SUBJECT "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

static _Atomic uint64_t steps;

static int on_statement(unsigned what, void *ctx, void *statement, void *nanoseconds)
{
    (void)what, (void)ctx, (void)nanoseconds;
    atomic_fetch_add(&steps,
                     (uint64_t)sqlite3_stmt_status(statement, SQLITE_STMTSTATUS_VM_STEP, 1));
    return 0;
}

static int on_connection(sqlite3 *db, const char **error, const struct sqlite3_api_routines *api)
{
    (void)error, (void)api;
    return sqlite3_trace_v2(db, SQLITE_TRACE_PROFILE, on_statement, NULL);
}

struct fixture {
    struct world w;
    struct repo *repo;
    int64_t n, repo_id;
    bool filled; /* with blobs */
};

static void fixture_close(struct fixture *f)
{
    repo_unref(f->repo);
    world_stop(&f->w);
}
#define autofixture SW_CLEANUP(fixture_close) struct fixture

static int add_manifest(struct meta_tx *tx, const struct fixture *f, const char *digest,
                        const char *subject, struct sw_err *err)
{
    return meta_exec(tx, err, NULL,
                     "INSERT INTO manifest (repository_id, digest, media_type, subject, size,"
                     " image_size, content, pushed_at) VALUES ($1, $2, 'm', $3, 2, 2, $4, 0)",
                     "ittb", f->repo_id, digest, subject, "{}", (size_t)2);
}

/* Repositories r000000..., in `app` as many images, each with a tag. The first hundred and the last refer to one subject. */
static int fill_tx(struct meta_tx *tx, void *arg, struct sw_err *err)
{
    struct fixture *f = arg;
    int r = meta_get(tx, err, "SELECT id FROM repository WHERE name = 'app'", "", "i", &f->repo_id);
    for (int64_t i = 0; i < f->n && r >= 0; i++) {
        char name[32], digest[80];
        (void)snprintf(name, sizeof(name), "r%06d", (int)i);
        (void)snprintf(digest, sizeof(digest), "sha256:%064x", (unsigned)i);
        r = meta_exec(tx, err, NULL,
                      "INSERT INTO repository (id, account_id, region, name, created_at)"
                      " VALUES ($1, '" ACCOUNT "', '" REGION "', $2, 0)",
                      "it", i + 1, name);
        if (r >= 0)
            r = add_manifest(tx, f, digest, i < 100 || i == f->n - 1 ? SUBJECT : NULL, err);
        if (r >= 0)
            r = meta_exec(tx, err, NULL,
                          "INSERT INTO tag (repository_id, name, digest, updated_at)"
                          " VALUES ($1, $2, $3, 0)",
                          "itt", f->repo_id, name, digest);
    }
    return r < 0 ? r : 0;
}

static void fixture_open(struct fixture *f, int64_t n)
{
    struct sw_err err = SW_ERR_INIT;
    struct repo_key key = world_key("app");
    f->n = n;
    CHECK(sqlite3_auto_extension((void (*)(void))on_connection) == SQLITE_OK);
    world_open(&f->w);
    CHECK_OK(repo_open_or_create(f->w.reg, &key, &f->repo, &err));
    CHECK_OK(meta_tx(f->w.db, META_WRITE, fill_tx, f, &err));
}

/* --- the lists -------------------------------------------------------------------------------- */

static int counted;

static int on_repo(void *ctx, const struct repo_info *info)
{
    (void)ctx;
    counted = info ? counted + 1 : 0;
    return 0;
}

static int on_tag(void *ctx, const char *tag)
{
    (void)ctx;
    counted = tag ? counted + 1 : 0;
    return 0;
}

static int on_referrer(void *ctx, const struct referrer *r)
{
    (void)ctx;
    counted = r ? counted + 1 : 0;
    return 0;
}

static void list_repositories(struct fixture *f, const char *last)
{
    struct sw_err err = SW_ERR_INIT;
    CHECK_OK(repo_list(f->w.reg, ACCOUNT, REGION, last, PAGE, on_repo, NULL, &err));
}

static void list_tags(struct fixture *f, const char *last)
{
    struct sw_err err = SW_ERR_INIT;
    CHECK_OK(tag_list(f->w.reg, f->repo, last, PAGE, on_tag, NULL, &err));
}

static void list_referrers(struct fixture *f, const char *last)
{
    struct sw_err err = SW_ERR_INIT;
    struct digest subject;
    CHECK(digest_parse(sw_str(SUBJECT), &subject));
    CHECK_OK(manifest_referrers(f->w.reg, f->repo, &subject, last, PAGE, on_referrer, NULL, &err));
}

static void list_images(struct fixture *f, const char *last)
{
    struct sw_err err = SW_ERR_INIT;
    struct image_info *list = NULL;
    size_t n = 0;
    CHECK_OK(image_list(f->w.reg, f->repo, IMAGE_ANY, last, PAGE, &list, &n, &err));
    counted = (int)n;
    image_list_free(list, n);
}

/* Not a list, but the same rule: one manifest with a tag comes and goes. */
static void push_and_delete(struct fixture *f, const char *last)
{
    static const char *const tag = "r0000995";
    struct sw_err err = SW_ERR_INIT;
    struct manifest m;
    sw_autofree char *text =
        sw_asprintf("{\"schemaVersion\":2,\"manifests\":[],\"note\":\"%s\",\"subject\":{"
                    "\"mediaType\":\"m\",\"digest\":\"" SUBJECT "\",\"size\":2}}",
                    last);
    CHECK_OK(manifest_parse(sw_str(text), SW_STR(MEDIA_OCI_INDEX), &m, &err));
    struct manifest_put put = {.manifest = &m, .bytes = sw_str(text), .tags = &tag, .tags_n = 1};
    digest_of(DIGEST_SHA256, text, strlen(text), &put.digest);
    CHECK_OK(manifest_put(f->w.reg, f->repo, &put, &err));
    manifest_done(&m);
    CHECK_OK(manifest_delete(f->w.reg, f->repo, &put.digest, &err));
    counted = PAGE;
}

struct blobs {
    const struct fixture *f;
    int64_t first, n;
    bool needed; /* by the image of the same number */
};

static int add_blobs_tx(struct meta_tx *tx, void *arg, struct sw_err *err)
{
    const struct blobs *b = arg;
    int r = 0;
    for (int64_t i = b->first; i < b->first + b->n && r >= 0; i++) {
        char blob[80], image[80];
        (void)snprintf(blob, sizeof(blob), "sha256:b%063x", (unsigned)i);
        (void)snprintf(image, sizeof(image), "sha256:%064x", (unsigned)i);
        r = meta_exec(tx, err, NULL,
                      "INSERT INTO blob (digest, size, blob_key, created_at) VALUES ($1, 1, $1, 0)",
                      "t", blob);
        if (r >= 0 && b->needed)
            r = meta_exec(tx, err, NULL,
                          "INSERT INTO manifest_reference (repository_id, parent, child, kind)"
                          " VALUES ($1, $2, $3, 'layer')",
                          "itt", b->f->repo_id, image, blob);
        if (r >= 0)
            r = meta_exec(tx, err, NULL,
                          "INSERT INTO repository_blob (repository_id, digest, linked_at)"
                          " VALUES ($1, $2, 0)",
                          "it", b->f->repo_id, blob);
    }
    return r < 0 ? r : 0;
}

static void collect(struct fixture *f, uint64_t want)
{
    struct sw_err err = SW_ERR_INIT;
    struct registry_collect_counts counts;
    struct collect_options o = {.now_us = sw_now_us() + 60000000, .grace_us = 1};
    CHECK_OK(registry_collect_with(f->w.reg, &o, &counts, &err));
    CHECK_EQ_UINT(counts.links, want);
    CHECK_EQ_UINT(counts.blobs, want);
}

/* All that the images need was looked at once, by the first collection. */
static void make_garbage_and_collect(struct fixture *f, const char *last)
{
    struct sw_err err = SW_ERR_INIT;
    struct blobs live = {.f = f, .n = f->n, .needed = true};
    struct blobs garbage = {.f = f, .first = LONG, .n = PAGE};
    if (*last) {
        CHECK_OK(meta_tx(f->w.db, META_WRITE, add_blobs_tx, &garbage, &err));
        collect(f, PAGE);
    } else if (!f->filled) {
        CHECK_OK(meta_tx(f->w.db, META_WRITE, add_blobs_tx, &live, &err));
        collect(f, 0);
        f->filled = true;
    } else {
        collect(f, 0);
    }
    counted = PAGE;
}

static uint64_t cost(struct fixture *f, void (*list)(struct fixture *, const char *),
                     const char *last)
{
    list(f, last); /* prepares the statement, fills caches */
    uint64_t before = atomic_load(&steps);
    list(f, last);
    CHECK_EQ_INT(counted, PAGE);
    return atomic_load(&steps) - before;
}

static void compare(void (*list)(struct fixture *, const char *), const char *middle)
{
    autofixture few = {.n = 0};
    uint64_t first, later;
    fixture_open(&few, SHORT);
    first = cost(&few, list, "");
    later = cost(&few, list, middle);
    fixture_close(&few);
    struct sw_err err = SW_ERR_INIT;
    CHECK_OK(sw_remove_tree(test_path("blobs"), &err));
    for (size_t i = 0; i < 3; i++)
        (void)remove(test_path("meta.db%s", (const char *[]){"", "-wal", "-shm"}[i]));
    few = (struct fixture){.n = 0};
    fixture_open(&few, LONG);
    uint64_t long_first = cost(&few, list, ""), long_later = cost(&few, list, middle);
    CHECK_MSG(first > 0 && long_first <= first + first / 5, "first page: %llu steps, then %llu",
              (unsigned long long)first, (unsigned long long)long_first);
    CHECK_MSG(long_later <= later + later / 5, "later page: %llu steps, then %llu",
              (unsigned long long)later, (unsigned long long)long_later);
}

#define MIDDLE_DIGEST "sha256:0000000000000000000000000000000000000000000000000000000000000050"

TEST(a_page_of_repositories)
{
    compare(list_repositories, "r000080");
}

TEST(a_page_of_tags)
{
    compare(list_tags, "r000080");
}

/* It ends behind thousands of images that are no referrers. */
TEST(a_page_of_referrers)
{
    compare(list_referrers,
            "sha256:000000000000000000000000000000000000000000000000000000000000005a");
}

TEST(a_page_of_images)
{
    compare(list_images, MIDDLE_DIGEST);
}

TEST(a_push_and_a_delete)
{
    compare(push_and_delete, "other");
}

TEST(a_collection_without_and_with_garbage)
{
    compare(make_garbage_and_collect, "garbage");
}
