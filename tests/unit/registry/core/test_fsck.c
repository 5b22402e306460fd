/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sqlite3.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io.h"
#include "registry/core/blob_link.h"
#include "registry/core/fsck.h"
#include "registry/core/manifest_store.h"
#include "registry/core/quota.h"
#include "registry/core/upload.h"
#include "tests/unit/registry/world.h"

struct fixture {
    struct world w;
    struct repo *repo;
    struct digest config, layer;
    char manifest[DIGEST_STRING_MAX];
};

static struct digest push(struct fixture *f, const char *text)
{
    struct sw_err err = SW_ERR_INIT;
    struct upload *u;
    struct digest d;
    struct blob_info info;
    digest_of(DIGEST_SHA256, text, strlen(text), &d);
    CHECK_OK(upload_begin(f->w.reg, f->repo, "AIDA", DIGEST_SHA256, true, &u, &err));
    CHECK_OK(upload_append(u, text, strlen(text), &err));
    CHECK_OK(upload_commit(u, f->repo, &d, &info, &err));
    upload_release(u);
    return d;
}

/* One image "v1" of a configuration and a layer. */
static void fixture_open(struct fixture *f)
{
    struct sw_err err = SW_ERR_INIT;
    struct repo_key key = world_key("team/app");
    char config[DIGEST_STRING_MAX], layer[DIGEST_STRING_MAX];
    const char *tag = "v1";
    world_open(&f->w);
    CHECK_OK(repo_open_or_create(f->w.reg, &key, &f->repo, &err));
    f->config = push(f, "config");
    f->layer = push(f, "layer");
    digest_format(&f->config, config);
    digest_format(&f->layer, layer);
    sw_autofree char *json = sw_asprintf(
        "{\"schemaVersion\":2,\"config\":{\"mediaType\":\"x\",\"digest\":\"%s\",\"size\":6},"
        "\"layers\":[{\"mediaType\":\"y\",\"digest\":\"%s\",\"size\":5}]}",
        config, layer);
    struct manifest m;
    CHECK_OK(manifest_parse(sw_str(json), SW_STR(MEDIA_OCI_IMAGE), &m, &err));
    struct manifest_put put = {.manifest = &m, .bytes = sw_str(json), .tags = &tag, .tags_n = 1};
    digest_of(DIGEST_SHA256, json, strlen(json), &put.digest);
    digest_format(&put.digest, f->manifest);
    CHECK_OK(manifest_put(f->w.reg, f->repo, &put, &err));
    manifest_done(&m);
}

static void fixture_close(struct fixture *f)
{
    repo_unref(f->repo);
    world_stop(&f->w);
}
#define autofixture SW_CLEANUP(fixture_close) struct fixture

struct report {
    struct fsck_counts counts;
    int n[FSCK_MAX_];
    char text[8192];
};

static void take(void *ctx, const struct fsck_finding *f)
{
    struct report *r = ctx;
    r->n[f->kind]++;
    size_t at = strlen(r->text);
    (void)snprintf(r->text + at, sizeof(r->text) - at, "%s %s %s %s\n",
                   fsck_kind_to_string(f->kind), f->digest, f->repository, f->detail);
}

static struct report check(struct fixture *f, bool quarantine)
{
    struct sw_err err = SW_ERR_INIT;
    struct report r = {0};
    struct fsck_options o = {
        .now_us = sw_now_us() + 1000000, .quarantine = quarantine, .found = take, .ctx = &r};
    CHECK_OK(registry_fsck(f->w.reg, &o, &r.counts, &err));
    return r;
}

/* Behind the server's back: without foreign keys. */
static void plant(const char *sql)
{
    sqlite3 *db = NULL;
    CHECK(sqlite3_open(test_path("meta.db"), &db) == SQLITE_OK);
    (void)sqlite3_busy_timeout(db, 5000);
    char *message = NULL;
    CHECK_MSG(sqlite3_exec(db, sql, NULL, NULL, &message) == SQLITE_OK, "%s: %s", sql, message);
    CHECK(sqlite3_close(db) == SQLITE_OK);
}

static const char *file_of(const struct digest *d)
{
    char hex[129], name[200];
    digest_hex(d, hex);
    (void)snprintf(name, sizeof(name), "blobs/blobs/sha256/%.2s/%s", hex, hex);
    return test_path("%s", name);
}

static void overwrite(const struct digest *d, const char *text)
{
    const char *path = file_of(d);
    (void)unlink(path);
    (void)test_write_file(path, text, strlen(text));
}

TEST(what_was_pushed_is_clean)
{
    autofixture f = {0};
    fixture_open(&f);
    struct report r = check(&f, false);
    CHECK_MSG(r.counts.findings == 0, "%s", r.text);
    CHECK_EQ_UINT(r.counts.blobs, 2);
    CHECK_EQ_UINT(r.counts.bytes, 11);
    CHECK_EQ_UINT(r.counts.manifests, 1);
    CHECK_EQ_UINT(r.counts.files, 2);
}

TEST(a_blob_without_its_bytes)
{
    autofixture f = {0};
    fixture_open(&f);
    CHECK(unlink(file_of(&f.layer)) == 0);
    struct report r = check(&f, false);
    CHECK_EQ_UINT(r.counts.findings, 1);
    CHECK_EQ_INT(r.n[FSCK_BLOB_MISSING], 1);
    CHECK_EQ_INT(r.n[FSCK_BLOB_LINKED], 1);
    CHECK(strstr(r.text, "team/app") != NULL);
}

TEST(bytes_of_another_length_and_of_another_digest)
{
    autofixture f = {0};
    fixture_open(&f);
    overwrite(&f.layer, "laye");
    overwrite(&f.config, "Config");
    struct report r = check(&f, false);
    CHECK_EQ_UINT(r.counts.findings, 2);
    CHECK_EQ_INT(r.n[FSCK_BLOB_SIZE], 1);
    CHECK_EQ_INT(r.n[FSCK_BLOB_DAMAGED], 1);
    CHECK_EQ_UINT(r.counts.quarantined, 0);
    CHECK(sw_path_exists(file_of(&f.layer)));
}

TEST(quarantine_moves_the_bytes_and_the_next_push_mends)
{
    autofixture f = {0};
    struct sw_err err = SW_ERR_INIT;
    struct blob_link link;
    char hex[129], name[200];
    fixture_open(&f);
    CHECK_OK(blob_link_find(f.w.reg, f.repo, &f.config, &link, &err));
    overwrite(&f.config, "Config");
    struct report r = check(&f, true);
    CHECK_EQ_UINT(r.counts.quarantined, 1);
    CHECK(!sw_path_exists(file_of(&f.config)));
    digest_hex(&f.config, hex);
    (void)snprintf(name, sizeof(name), "blobs/quarantine/sha256-%s", hex);
    CHECK_EQ_STR(test_read_file(test_path("%s", name), NULL), "Config");
    CHECK_ERR(blob_link_find(f.w.reg, f.repo, &f.config, &link, &err), SW_ENOTFOUND,
              "LayerInaccessibleException");
    r = check(&f, true);
    CHECK_EQ_INT(r.n[FSCK_BLOB_MISSING], 1);
    (void)push(&f, "config");
    r = check(&f, true);
    CHECK_EQ_UINT(r.counts.findings, 0);
}

TEST(a_file_that_no_row_knows)
{
    autofixture f = {0};
    struct digest d;
    char hex[129], folder[200];
    fixture_open(&f);
    digest_of(DIGEST_SHA256, "stray", 5, &d);
    digest_hex(&d, hex);
    (void)snprintf(folder, sizeof(folder), "blobs/blobs/sha256/%.2s", hex);
    CHECK(mkdir(test_path("%s", folder), 0700) == 0 || errno == EEXIST);
    overwrite(&d, "stray");
    struct report r = check(&f, true);
    CHECK_EQ_UINT(r.counts.findings, 1);
    CHECK_EQ_INT(r.n[FSCK_FILE_UNKNOWN], 1);
    CHECK(sw_path_exists(file_of(&d)));
}

TEST(damaged_manifests)
{
    autofixture f = {0};
    fixture_open(&f);
    plant("UPDATE manifest SET content = X'7B7D'");
    struct report r = check(&f, false);
    CHECK_EQ_UINT(r.counts.findings, 1);
    CHECK_EQ_INT(r.n[FSCK_MANIFEST_DAMAGED], 1);
    CHECK(strstr(r.text, f.manifest) && strstr(r.text, "team/app"));
}

TEST(references_that_rows_do_not_have)
{
    autofixture f = {0};
    fixture_open(&f);
    plant("DELETE FROM manifest_reference WHERE kind = 'layer'");
    struct report r = check(&f, false);
    CHECK_EQ_UINT(r.counts.findings, 1);
    CHECK_EQ_INT(r.n[FSCK_REFERENCE_ROWS], 1);
}

TEST(references_to_what_the_repository_has_not)
{
    autofixture f = {0};
    struct sw_err err = SW_ERR_INIT;
    fixture_open(&f);
    CHECK_OK(blob_link_remove(f.w.reg, f.repo, &f.layer, &err));
    struct report r = check(&f, false);
    CHECK_EQ_UINT(r.counts.findings, 1);
    CHECK_EQ_INT(r.n[FSCK_REFERENCE_MISSING], 1);
    plant("UPDATE repository SET settings = '{\"allowSparseManifests\":true}'");
    CHECK_EQ_UINT(check(&f, false).counts.findings, 0);
}

TEST(rows_without_their_parents)
{
    autofixture f = {0};
    fixture_open(&f);
    plant("INSERT INTO tag (repository_id, name, digest, updated_at) "
          "SELECT id, 'lost', 'sha256:00', 1 FROM repository");
    struct report r = check(&f, false);
    CHECK_EQ_INT(r.n[FSCK_TAG_DANGLING], 1);
    CHECK_EQ_INT(r.n[FSCK_DATABASE], 1);
    CHECK(strstr(r.text, "the tag 'lost' names no manifest") != NULL);
}

TEST(a_quota_that_counts_what_is_not_there)
{
    autofixture f = {0};
    struct sw_err err = SW_ERR_INIT;
    struct quota q = {.prefix = "*", .bytes_max = 1 << 20, .images_max = QUOTA_NONE};
    fixture_open(&f);
    CHECK_OK(quota_set(f.w.reg, ACCOUNT, REGION, &q, &err));
    CHECK_EQ_UINT(check(&f, false).counts.findings, 0);
    plant("UPDATE quota SET bytes_used = bytes_used + 1");
    struct report r = check(&f, false);
    CHECK_EQ_UINT(r.counts.findings, 1);
    CHECK_EQ_INT(r.n[FSCK_QUOTA_COUNT], 1);
    CHECK(strstr(r.text, "the quota of '*' counts") != NULL);
}

TEST(a_row_that_is_no_blob)
{
    autofixture f = {0};
    fixture_open(&f);
    plant("INSERT INTO blob (digest, size, blob_key, created_at) VALUES ('md5:1', 1, 'md5:1', 1)");
    CHECK_EQ_INT(check(&f, false).n[FSCK_BLOB_ROW], 1);
}

/* The bytes come back between the two looks. */
static void *mend_soon(void *arg)
{
    const struct fixture *f = arg;
    sw_sleep_ms(100);
    overwrite(&f->layer, "layer");
    return NULL;
}

TEST(what_is_right_on_the_second_look_is_not_reported)
{
    autofixture f = {0};
    struct sw_err err = SW_ERR_INIT;
    struct report r = {0};
    pthread_t thread;
    fixture_open(&f);
    CHECK(unlink(file_of(&f.layer)) == 0);
    CHECK_EQ_INT(pthread_create(&thread, NULL, mend_soon, &f), 0);
    struct fsck_options o = {.now_us = sw_now_us(), .settle_ms = 3000, .found = take, .ctx = &r};
    CHECK_OK(registry_fsck(f.w.reg, &o, &r.counts, &err));
    pthread_join(thread, NULL);
    CHECK_MSG(r.counts.findings == 0, "%s", r.text);
}

TEST(a_cancelled_check_stops)
{
    autofixture f = {0};
    struct sw_err err = SW_ERR_INIT;
    struct report r = {0};
    atomic_bool cancelled = true;
    fixture_open(&f);
    struct fsck_options o = {
        .now_us = sw_now_us(), .found = take, .ctx = &r, .cancelled = &cancelled};
    CHECK_ERR(registry_fsck(f.w.reg, &o, &r.counts, &err), SW_EUNAVAILABLE, NULL);
}
