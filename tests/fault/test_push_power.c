/* SPDX-License-Identifier: Apache-2.0 */
/* test-deps: registry/core auth storage/blob storage/meta base */
/* The power goes away at every call that reaches the disk while images are pushed, tagged, moved, deleted and collected: bytes and rows
 * are on one disk (tests/lib/power.h), so what survives of the one is chosen independently of the other. The registry is opened on
 * what may be left: every image whose push was acknowledged is served whole, none whose delete was acknowledged is, a tag
 * leads to one of the images it was last given, the check finds nothing, and the push that was cut off can be repeated. With
 * SLIPWAY_TEST_LONG=1 more images of each cut. */
#include <stdlib.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/io.h"
#include "base/macros.h"
#include "registry/core/blob_link.h"
#include "registry/core/fsck.h"
#include "registry/core/manifest_store.h"
#include "registry/core/tag_store.h"
#include "registry/core/upload.h"
#include "tests/lib/power.h"
#include "tests/lib/test.h"

#define IMAGES    5
#define LAYER_MAX 40000
#define LATER_US  (48LL * 3600 * 1000000) /* beyond every grace period */

/* What a client knows about its image. */
enum state { NEVER, UNCERTAIN, THERE, MAYBE_DELETED, DELETED };

struct history {
    enum state state[IMAGES];
    bool may_be_latest[IMAGES]; /* what the tag "latest" may lead to */
    uint64_t opened_at;         /* calls until then: migrations, which test_meta_power.c is about */
};

struct server {
    struct meta_db *db;
    struct blob_store *blobs;
    struct keyring *keyring;
    struct registry *reg;
    struct repo *repo;
};

static void server_close(struct server *s)
{
    repo_unref(s->repo);
    registry_free(s->reg);
    blob_store_free(s->blobs);
    meta_db_free(s->db);
    keyring_free(s->keyring);
    *s = (struct server){.db = NULL};
}

static int add_account(struct meta_tx *tx, void *arg, struct sw_err *err)
{
    (void)arg;
    return meta_exec(tx, err, NULL,
                     "INSERT INTO account (id, created_at) VALUES ('000000000000', 0)"
                     " ON CONFLICT DO NOTHING",
                     "");
}

static int server_open(struct server *s, const char *folder, struct power_disk *disk,
                       struct sw_err *err)
{
    sw_autofree char *rows = sw_asprintf("%s/meta.db", folder);
    sw_autofree char *bytes = sw_asprintf("%s/blobs", folder);
    struct meta_options o = {.path = rows, .readers_max = 2};
    struct repo_key key = {"000000000000", "us-east-1", "team/app"};
    *s = (struct server){.db = NULL};
    int r = keyring_open(test_path("master.key"), &s->keyring, err);
    if (r == 0)
        r = meta_sqlite_open(&o, &s->db, err);
    if (r == 0)
        r = meta_tx(s->db, META_WRITE, add_account, NULL, err);
    if (r == 0)
        r = disk ? blob_fs_open_sys(bytes, &power_blob_sys, disk, &s->blobs, err)
                 : blob_fs_open(bytes, &s->blobs, err);
    struct registry_options ro = {.db = s->db, .blobs = s->blobs, .keyring = s->keyring};
    if (r == 0)
        r = registry_open(&ro, &s->reg, err);
    if (r == 0)
        r = repo_open_or_create(s->reg, &key, &s->repo, err);
    return r;
}

/* --- images ----------------------------------------------------------------------------------- */

static unsigned char bytes[LAYER_MAX];

struct image {
    char config[64];
    size_t layers[2]; /* lengths; layers of one length are one blob: images share them */
    char *manifest;
    struct digest digest;
    char reference[DIGEST_STRING_MAX];
};

static struct image images[IMAGES];

static void make_images(void)
{
    static const size_t lengths[IMAGES][2] = {
        {100, 30000}, {30000, 7}, {512, 40000}, {1, 7}, {40000, 2000}};
    for (size_t i = 0; i < sizeof(bytes); i++)
        bytes[i] = (unsigned char)(i * 2654435761u >> 24 | 1); /* no zero: holes differ from it */
    for (int i = 0; i < IMAGES; i++) {
        struct image *m = &images[i];
        char text[3][DIGEST_STRING_MAX];
        struct digest d;
        memcpy(m->layers, lengths[i], sizeof(m->layers));
        (void)snprintf(m->config, sizeof(m->config), "{\"image\":%d}", i);
        digest_of(DIGEST_SHA256, m->config, strlen(m->config), &d);
        digest_format(&d, text[0]);
        for (int k = 0; k < 2; k++) {
            digest_of(DIGEST_SHA256, bytes, m->layers[k], &d);
            digest_format(&d, text[k + 1]);
        }
        m->manifest = sw_asprintf(
            "{\"schemaVersion\":2,\"config\":{\"mediaType\":\"c\",\"digest\":\"%s\",\"size\":%zu},"
            "\"layers\":[{\"mediaType\":\"l\",\"digest\":\"%s\",\"size\":%zu},"
            "{\"mediaType\":\"l\",\"digest\":\"%s\",\"size\":%zu}]}",
            text[0], strlen(m->config), text[1], m->layers[0], text[2], m->layers[1]);
        digest_of(DIGEST_SHA256, m->manifest, strlen(m->manifest), &m->digest);
        digest_format(&m->digest, m->reference);
    }
}

static void free_images(void)
{
    for (int i = 0; i < IMAGES; i++) {
        free(images[i].manifest);
        images[i].manifest = NULL;
    }
}

static int push_blob(struct server *s, const void *data, size_t n, struct sw_err *err)
{
    struct upload *u = NULL;
    struct blob_link link;
    struct blob_info info;
    struct digest d;
    digest_of(DIGEST_SHA256, data, n, &d);
    if (blob_link_find(s->reg, s->repo, &d, &link, err) == 0)
        return 0; /* as clients do it: ask first */
    if (err->code != SW_ENOTFOUND)
        return err->code;
    sw_err_clear(err);
    int r = upload_begin(s->reg, s->repo, "AIDA", DIGEST_SHA256, n < 1000, &u, err);
    if (r == 0)
        r = upload_append(u, data, n / 2, err);
    if (r == 0)
        r = upload_append(u, (const char *)data + n / 2, n - n / 2, err);
    if (r == 0)
        r = upload_commit(u, s->repo, &d, &info, err);
    upload_release(u);
    return r;
}

static int push_image(struct server *s, struct history *h, int i, struct sw_err *err)
{
    static const char *const tag = "latest";
    const struct image *m = &images[i];
    struct manifest parsed;
    h->state[i] = UNCERTAIN;
    int r = push_blob(s, m->config, strlen(m->config), err);
    for (int k = 0; k < 2 && r == 0; k++)
        r = push_blob(s, bytes, m->layers[k], err);
    if (r < 0)
        return r;
    CHECK_OK_IN(manifest_parse(sw_str(m->manifest), SW_STR(MEDIA_OCI_IMAGE), &parsed, err), err);
    struct manifest_put put = {.manifest = &parsed,
                               .bytes = sw_str(m->manifest),
                               .digest = m->digest,
                               .tags = &tag,
                               .tags_n = 1};
    h->may_be_latest[i] = true;
    r = manifest_put(s->reg, s->repo, &put, err);
    manifest_done(&parsed);
    if (r < 0)
        return r;
    h->state[i] = THERE;
    memset(h->may_be_latest, 0, sizeof(h->may_be_latest));
    h->may_be_latest[i] = true;
    return 0;
}

static int delete_image(struct server *s, struct history *h, int i, struct sw_err *err)
{
    h->state[i] = MAYBE_DELETED;
    int r = manifest_delete(s->reg, s->repo, &images[i].digest, err);
    if (r == 0)
        h->state[i] = DELETED;
    return r;
}

static int collect(struct server *s, struct sw_err *err)
{
    struct registry_collect_counts counts;
    return registry_collect(s->reg, sw_now_us() + LATER_US, 1, &counts, err);
}

static int live(const char *folder, struct power_disk *disk, struct history *h, struct sw_err *err)
{
    struct server s;
    int r = server_open(&s, folder, disk, err);
    h->opened_at = disk->calls;
    if (r == 0)
        r = push_image(&s, h, 0, err);
    if (r == 0)
        r = push_image(&s, h, 1, err);
    if (r == 0)
        r = delete_image(&s, h, 0, err);
    if (r == 0)
        r = collect(&s, err);
    if (r == 0)
        r = push_image(&s, h, 2, err);
    server_close(&s);
    if (r < 0)
        return r;
    r = server_open(&s, folder, disk, err);
    if (r == 0)
        r = push_image(&s, h, 3, err);
    if (r == 0)
        r = delete_image(&s, h, 2, err);
    if (r == 0)
        r = push_image(&s, h, 4, err); /* while the layer it shares with 2 is garbage */
    if (r == 0)
        r = collect(&s, err);
    server_close(&s);
    return r;
}

/* --- what is found ------------------------------------------------------------------------------ */

static void check_whole(struct server *s, const struct image *m, const char *where)
{
    struct sw_err err = SW_ERR_INIT;
    struct stored_manifest *stored = NULL;
    struct reference ref;
    struct manifest parsed;
    CHECK_OK(reference_parse(sw_str(m->reference), &ref, &err));
    CHECK_MSG(manifest_get(s->reg, s->repo, &ref, &stored, &err) == 0, "%s: %s", where, err.msg);
    CHECK_EQ_MEM(stored->bytes, stored->n, m->manifest, strlen(m->manifest));
    CHECK_OK(manifest_parse(sw_str(m->manifest), SW_STR(MEDIA_OCI_IMAGE), &parsed, &err));
    for (size_t i = 0; i < parsed.refs_n; i++) {
        struct blob_link link;
        struct sw_buf content SW_CLEANUP(sw_buf_done) = SW_BUF_INIT(LAYER_MAX);
        CHECK_OK(blob_link_find(s->reg, s->repo, &parsed.refs[i].digest, &link, &err));
        CHECK_MSG(
            blob_read(s->blobs, link.key, &parsed.refs[i].digest, LAYER_MAX, &content, &err) == 0,
            "%s: %s", where, err.msg);
    }
    manifest_done(&parsed);
    stored_manifest_unref(stored);
}

static bool is_there(struct server *s, const char *reference, char ret_digest[DIGEST_STRING_MAX])
{
    struct sw_err err = SW_ERR_INIT;
    struct stored_manifest *stored = NULL;
    struct reference ref;
    CHECK_OK(reference_parse(sw_str(reference), &ref, &err));
    int r = manifest_get(s->reg, s->repo, &ref, &stored, &err);
    CHECK(r == 0 || r == SW_ENOTFOUND);
    if (r == 0)
        (void)snprintf(ret_digest, DIGEST_STRING_MAX, "%s", stored->digest);
    stored_manifest_unref(stored);
    return r == 0;
}

static void no_finding(void *ctx, const struct fsck_finding *f)
{
    test_fail(__FILE__, __LINE__, "%s: %s %s %s", (const char *)ctx, fsck_kind_to_string(f->kind),
              f->digest, f->detail);
}

static void check_latest(struct server *s, const struct history *h, const char *where)
{
    char digest[DIGEST_STRING_MAX];
    bool must = false, right = false;
    for (int i = 0; i < IMAGES; i++)
        must = must || (h->may_be_latest[i] && h->state[i] == THERE);
    if (!is_there(s, "latest", digest)) {
        bool uncertain = false;
        for (int i = 0; i < IMAGES; i++)
            uncertain = uncertain || (h->may_be_latest[i] && h->state[i] != THERE);
        CHECK_MSG(!must || uncertain, "%s: the tag was lost", where);
        return;
    }
    for (int i = 0; i < IMAGES; i++)
        right = right || (h->may_be_latest[i] && sw_streq(images[i].reference, digest));
    CHECK_MSG(right, "%s: the tag leads to %s", where, digest);
}

static void check_image(const char *folder, const struct history *h, const char *where)
{
    struct sw_err err = SW_ERR_INIT;
    struct server s;
    struct fsck_counts counts;
    char digest[DIGEST_STRING_MAX];
    CHECK_MSG(server_open(&s, folder, NULL, &err) == 0, "%s: %s", where, err.msg);
    for (int i = 0; i < IMAGES; i++) {
        bool there = is_there(&s, images[i].reference, digest);
        CHECK_MSG(there || h->state[i] != THERE, "%s: image %d was lost", where, i);
        CHECK_MSG(!there || (h->state[i] != NEVER && h->state[i] != DELETED),
                  "%s: image %d is back", where, i);
        if (there)
            check_whole(&s, &images[i], where);
    }
    check_latest(&s, h, where);
    /* What is damaged or missing, and rows that disagree; strays of the cut may lie about, and the collection takes them. */
    struct fsck_options o = {.now_us = sw_now_us() + LATER_US,
                             .leaked_after_us = INT64_MAX / 4,
                             .found = no_finding,
                             .ctx = (void *)(uintptr_t)where};
    CHECK_OK(registry_fsck(s.reg, &o, &counts, &err));
    CHECK_OK(collect(&s, &err));
    struct history after = {.state = {NEVER}};
    for (int i = 0; i < IMAGES; i++) {
        CHECK_OK(push_image(&s, &after, i, &err));
        check_whole(&s, &images[i], where);
    }
    o.leaked_after_us = 0;
    CHECK_OK(collect(&s, &err));
    CHECK_OK(registry_fsck(s.reg, &o, &counts, &err));
    CHECK_EQ_UINT(counts.manifests, IMAGES);
    server_close(&s);
}

static struct power_disk *run_until(uint64_t cut_at, uint32_t found, struct history *h)
{
    struct sw_err err = SW_ERR_INIT;
    struct power_disk *disk = power_new(cut_at);
    const char *folder = test_path("live"), *image = test_path("image");
    disk->blobs = "blobs/";
    CHECK_OK(sw_mkdirs(folder, 0700, &err));
    power_sqlite_attach(disk, folder);
    int r = live(folder, disk, h, &err);
    CHECK_MSG((r < 0) <= disk->dead, "%s", err.msg);
    power_cut(disk);
    power_sqlite_detach();
    for (uint32_t seed = 0; seed < found; seed++) {
        char where[64];
        uint32_t chosen = seed == 0 ? 0 : (uint32_t)cut_at + seed;
        (void)snprintf(where, sizeof where, "cut at %llu, seed %u", (unsigned long long)cut_at,
                       chosen);
        power_image(disk, image, chosen);
        check_image(image, h, where);
        sw_err_clear(&err);
        CHECK_OK(sw_remove_tree(image, &err));
    }
    CHECK_OK(sw_remove_tree(folder, &err));
    return disk;
}

TEST(no_cut_loses_an_acknowledged_image)
{
    uint32_t found = sw_streq(getenv("SLIPWAY_TEST_LONG"), "1") ? 20 : 2;
    make_images();
    struct history h = {.state = {NEVER}};
    struct power_disk *disk = run_until(0, 1, &h);
    uint64_t calls = disk->calls;
    CHECK(calls > 100 && h.state[4] == THERE);
    power_free(disk);
    bool dead = true;
    for (uint64_t cut_at = h.opened_at; dead; cut_at++) {
        CHECK(cut_at < 2 * calls + 100);
        h = (struct history){.state = {NEVER}};
        disk = run_until(cut_at, found, &h);
        dead = disk->calls >= cut_at;
        power_free(disk);
    }
    printf("    %llu calls, %u images of each cut\n", (unsigned long long)calls, found);
    free_images();
}
