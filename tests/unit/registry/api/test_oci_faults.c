/* SPDX-License-Identifier: Apache-2.0 */
/* A push in which the Nth call of the blob store, or the Nth statement or commit of the database, fails: for every N until none
 * does. Whatever was acknowledged must be there, whatever was refused must not hurt, and a second try must succeed. */
#include <errno.h>
#include <fcntl.h>

#include "base/log.h"
#include "storage/meta/meta_fault.h"
#include "tests/unit/registry/http.h"

#define REPO  "app"
#define LAYER "the layer's bytes"

enum kind { BLOB_CALL, STATEMENT, COMMIT };

static void arm(struct client *c, enum kind kind, uint64_t n, bool persistent, int errno_value)
{
    if (kind == BLOB_CALL)
        blob_fault_arm(c->w.fault, n, persistent, errno_value);
    else
        meta_fault_arm(kind == STATEMENT ? META_FAULT_STATEMENT : META_FAULT_COMMIT, n, persistent,
                       errno_value);
}

/* True if something failed. */
static bool disarm(struct client *c, enum kind kind)
{
    if (kind != BLOB_CALL)
        return meta_fault_disarm();
    bool hit = blob_fault_hits(c->w.fault) > 0;
    blob_fault_arm(c->w.fault, 0, false, 0);
    return hit;
}

/* What the server acknowledged. */
struct acknowledged {
    bool config, layer, manifest, untagged;
};

static int status_of(struct client *c, struct ask a)
{
    autoreply r = ask_(c, a);
    CHECK_MSG(r.status < 300 || r.status == 404 || r.status == 400 || r.status == 500 ||
                  r.status == 507,
              "status %d: %s", r.status, r.body.p);
    return r.status;
}

static void push_all(struct client *c, struct acknowledged *done)
{
    const char *m = image_of(LAYER, "");
    *done = (struct acknowledged){0};
    done->config =
        status_of(c, (struct ask){.method = HTTP_POST,
                                  .url = fmt("/v2/" REPO "/blobs/uploads/?digest=%s", SHA("{}")),
                                  .body = "{}",
                                  .body_n = 2}) == 201;
    autoreply start = ask(c, HTTP_POST, "/v2/" REPO "/blobs/uploads/");
    if (start.status == 202) {
        const char *location = fmt("%s", header(&start, "Location"));
        (void)status_of(c, (struct ask){.method = HTTP_PATCH,
                                        .url = location,
                                        .body = LAYER,
                                        .body_n = 5,
                                        .chunked = true});
        done->layer = status_of(c, (struct ask){.method = HTTP_PUT,
                                                .url = fmt("%s?digest=%s", location, SHA(LAYER)),
                                                .body = &LAYER[5],
                                                .body_n = strlen(LAYER) - 5}) == 201;
    }
    struct ask put = {.method = HTTP_PUT, .body = m, .body_n = strlen(m), .type = OCI_IMAGE};
    put.url = "/v2/" REPO "/manifests/v1";
    done->manifest = status_of(c, put) == 201;
    done->untagged = status_of(c, (struct ask){.method = HTTP_DELETE,
                                               .url = "/v2/" REPO "/manifests/v1"}) == 202;
}

static void expect_bytes(struct client *c, const char *url, const char *want)
{
    autoreply r = ask(c, HTTP_GET, url);
    CHECK_STATUS(r, 200);
    CHECK_EQ_MEM(r.body.p, r.body.n, want, strlen(want));
}

static void check_acknowledged(struct client *c, const struct acknowledged *done)
{
    const char *m = image_of(LAYER, "");
    if (done->config)
        expect_bytes(c, fmt("/v2/" REPO "/blobs/%s", SHA("{}")), "{}");
    if (done->layer)
        expect_bytes(c, fmt("/v2/" REPO "/blobs/%s", SHA(LAYER)), LAYER);
    if (done->manifest)
        expect_bytes(c, fmt("/v2/" REPO "/manifests/%s", SHA(m)), m);
    if (done->manifest && !done->untagged)
        expect_bytes(c, "/v2/" REPO "/manifests/v1", m);
    if (done->untagged)
        EXPECT(404, c, HTTP_HEAD, "/v2/" REPO "/manifests/v1");
}

/* With EROFS the disk is mended under the running server, which goes on by itself; else it is restarted. */
static void fail_each(enum kind kind, bool persistent, int errno_value)
{
    bool hit = true;
    uint64_t n = 1;
    int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
    sw_log_set_fd(null); /* every injected failure is logged */
    for (; hit && n < 500; n++) {
        autoclient c = {.w.with_faults = true};
        struct acknowledged done;
        struct sw_err err = SW_ERR_INIT;
        client_open(&c);
        struct repo_key key = world_key(REPO);
        CHECK_OK(repo_create(c.w.reg, &key, false, "{}", NULL, &err));
        arm(&c, kind, n, persistent, errno_value);
        push_all(&c, &done);
        hit = disarm(&c, kind);
        CHECK_MSG(hit || (done.config && done.layer && done.manifest && done.untagged),
                  "call %" PRIu64, n);
        check_acknowledged(&c, &done);
        if (errno_value != EROFS)
            client_restart(&c);
        check_acknowledged(&c, &done);
        push_all(&c, &done);
        CHECK_MSG(done.config && done.layer && done.manifest && done.untagged,
                  "the second try after call %" PRIu64, n);
        struct registry_collect_counts counts;
        CHECK_OK(registry_collect(c.w.reg, sw_now_us() + 1000000, 0, &counts, &err));
        check_acknowledged(&c, &done);
        client_close(&c);
        CHECK_OK(sw_remove_tree(test_path("blobs"), &err));
        (void)unlink(test_path("meta.db"));
        (void)unlink(test_path("meta.db-wal"));
        (void)unlink(test_path("meta.db-shm"));
    }
    sw_log_set_fd(STDERR_FILENO);
    (void)close(null);
    CHECK(!hit);
    CHECK(n > 3);
}

TEST(the_nth_blob_call_fails_once)
{
    fail_each(BLOB_CALL, false, EIO);
}

TEST(the_blob_store_is_full_from_the_nth_call_on)
{
    fail_each(BLOB_CALL, true, ENOSPC);
}

TEST(the_nth_statement_fails_once)
{
    fail_each(STATEMENT, false, EIO);
}

TEST(the_database_is_full_from_the_nth_statement_on)
{
    fail_each(STATEMENT, true, ENOSPC);
}

TEST(the_nth_commit_fails_once)
{
    fail_each(COMMIT, false, EIO);
}

TEST(the_blob_store_is_read_only_from_the_nth_call_on)
{
    fail_each(BLOB_CALL, true, EROFS);
}

TEST(the_database_is_read_only_from_the_nth_statement_on)
{
    fail_each(STATEMENT, true, EROFS);
}

TEST(no_commit_succeeds_from_the_nth_on_until_the_disk_is_writable)
{
    fail_each(COMMIT, true, EROFS);
}
