/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/core/upload.h"

#include "registry/core/usage.h"

#include "tests/unit/registry/world.h"

#define ME "AIDAME"

static int64_t fake_now;

static int64_t clock_us(void)
{
    return fake_now;
}

struct fixture {
    struct world w;
    struct repo *repo;
};

static void fixture_close(struct fixture *f)
{
    repo_unref(f->repo);
    world_stop(&f->w);
}
#define autofixture SW_CLEANUP(fixture_close) struct fixture

static void fixture_open(struct fixture *f)
{
    struct sw_err err = SW_ERR_INIT;
    struct repo_key key = world_key("app");
    fake_now = sw_now_us();
    f->w.options.now_us = clock_us;
    world_open(&f->w);
    CHECK_OK(repo_open_or_create(f->w.reg, &key, &f->repo, &err));
}

static char *start(struct fixture *f, const char *text)
{
    struct sw_err err = SW_ERR_INIT;
    struct upload *u;
    CHECK_OK(upload_begin(f->w.reg, f->repo, ME, DIGEST_SHA256, false, &u, &err));
    CHECK_OK(upload_append(u, text, strlen(text), &err));
    CHECK_EQ_UINT(upload_size(u), strlen(text));
    char *token = sw_strdup(upload_token(u));
    upload_release(u);
    return token;
}

static struct upload *acquire(struct fixture *f, const char *token)
{
    struct sw_err err = SW_ERR_INIT;
    struct upload *u;
    CHECK_OK(upload_acquire(f->w.reg, f->repo, ME, token, &u, &err));
    return u;
}

static uint64_t status(struct fixture *f, const char *token)
{
    struct sw_err err = SW_ERR_INIT;
    uint64_t size = 99;
    CHECK_OK(upload_status(f->w.reg, f->repo, ME, token, &size, &err));
    return size;
}

static int commit(struct fixture *f, struct upload *u, const char *text, struct sw_err *err)
{
    struct digest d;
    struct blob_info info;
    digest_of(DIGEST_SHA256, text, strlen(text), &d);
    return upload_commit(u, f->repo, &d, &info, err);
}

TEST(goes_on_from_request_to_request)
{
    autofixture f = {0};
    struct sw_err err = SW_ERR_INIT;
    fixture_open(&f);
    sw_autofree char *token = start(&f, "abc");
    struct upload *u = acquire(&f, token);
    CHECK_OK(upload_append(u, "def", 3, &err));
    upload_release(u);
    CHECK_EQ_UINT(status(&f, token), 6);
    u = acquire(&f, token);
    CHECK_OK(commit(&f, u, "abcdef", &err));
    upload_release(u);
    CHECK_ERR(upload_acquire(f.w.reg, f.repo, ME, token, &u, &err), SW_ENOTFOUND,
              "BLOB_UPLOAD_UNKNOWN");
}

TEST(a_wrong_digest_leaves_the_bytes)
{
    autofixture f = {0};
    struct sw_err err = SW_ERR_INIT;
    fixture_open(&f);
    sw_autofree char *token = start(&f, "abc");
    struct upload *u = acquire(&f, token);
    CHECK_ERR(commit(&f, u, "other", &err), SW_EMISMATCH, "DIGEST_INVALID");
    upload_release(u);
    u = acquire(&f, token);
    CHECK_OK(commit(&f, u, "abc", &err));
    CHECK_ERR(upload_append(u, "x", 1, &err), SW_ENOTFOUND, "BLOB_UPLOAD_UNKNOWN");
    upload_release(u);
}

TEST(rolls_back_at_the_next_use)
{
    autofixture f = {0};
    struct sw_err err = SW_ERR_INIT;
    fixture_open(&f);
    sw_autofree char *token = start(&f, "abcdef");
    struct upload *u = acquire(&f, token);
    upload_rollback(u, 3);
    upload_rollback(u, 5); /* no more than it has */
    upload_release(u);
    CHECK_EQ_UINT(status(&f, token), 3);
    u = acquire(&f, token);
    CHECK_OK(upload_append(u, "X", 1, &err));
    CHECK_OK(commit(&f, u, "abcX", &err));
    upload_release(u);
}

TEST(an_active_holder_keeps_it)
{
    autofixture f = {0};
    struct sw_err err = SW_ERR_INIT;
    fixture_open(&f);
    sw_autofree char *token = start(&f, "abc");
    struct upload *u = acquire(&f, token), *second;
    CHECK_OK(upload_append(u, "def", 3, &err));
    CHECK_ERR(upload_acquire(f.w.reg, f.repo, ME, token, &second, &err), SW_ECONFLICT,
              "ConflictException");
    CHECK_EQ_UINT(status(&f, token), 3); /* what was acknowledged */
    upload_release(u);
    CHECK_EQ_UINT(status(&f, token), 6);
}

TEST(a_quiet_holder_loses_it_and_its_chunk)
{
    autofixture f = {0};
    struct sw_err err = SW_ERR_INIT;
    fixture_open(&f);
    sw_autofree char *token = start(&f, "abc");
    struct upload *dead = acquire(&f, token);
    CHECK_OK(upload_append(dead, "def", 3, &err));
    fake_now += 3 * 1000000;
    struct upload *u = acquire(&f, token);
    CHECK_EQ_UINT(upload_size(u), 3);
    CHECK_ERR(upload_append(dead, "zzz", 3, &err), SW_ECONFLICT, "ConflictException");
    upload_rollback(dead, 0); /* nothing */
    CHECK_ERR(commit(&f, dead, "abc", &err), SW_ECONFLICT, "ConflictException");
    CHECK_ERR(upload_cancel(dead, &err), SW_ECONFLICT, "ConflictException");
    upload_release(dead);
    struct upload *third;
    CHECK_ERR(upload_acquire(f.w.reg, f.repo, ME, token, &third, &err), SW_ECONFLICT,
              "ConflictException");
    CHECK_OK(upload_append(u, "def", 3, &err));
    CHECK_OK(commit(&f, u, "abcdef", &err));
    upload_release(u);
}

TEST(a_quiet_stream_leaves_what_came)
{
    autofixture f = {0};
    struct sw_err err = SW_ERR_INIT;
    fixture_open(&f);
    sw_autofree char *token = start(&f, "abc");
    struct upload *dead = acquire(&f, token);
    upload_keep_partial(dead);
    CHECK_OK(upload_append(dead, "de", 2, &err));
    fake_now += 3 * 1000000;
    CHECK_EQ_UINT(status(&f, token), 5);
    upload_release(dead);
    CHECK_EQ_UINT(status(&f, token), 5);
}

TEST(only_the_owner_finds_it_before_and_after_a_restart)
{
    autofixture f = {0};
    struct sw_err err = SW_ERR_INIT;
    struct upload *u;
    fixture_open(&f);
    sw_autofree char *token = start(&f, "abc");
    for (int restarted = 0; restarted < 2; restarted++) {
        struct repo_key key = world_key("other");
        struct repo *other;
        CHECK_OK(repo_open_or_create(f.w.reg, &key, &other, &err));
        CHECK_ERR(upload_acquire(f.w.reg, f.repo, "AIDAYOU", token, &u, &err), SW_ENOTFOUND,
                  "BLOB_UPLOAD_UNKNOWN");
        CHECK_ERR(upload_acquire(f.w.reg, other, ME, token, &u, &err), SW_ENOTFOUND,
                  "BLOB_UPLOAD_UNKNOWN");
        repo_unref(other);
        fixture_close(&f);
        f.repo = NULL;
        fixture_open(&f);
    }
    token[40] = token[40] == 'A' ? 'B' : 'A';
    CHECK_ERR(upload_acquire(f.w.reg, f.repo, ME, token, &u, &err), SW_ENOTFOUND,
              "BLOB_UPLOAD_UNKNOWN");
    CHECK_ERR(upload_acquire(f.w.reg, f.repo, ME, "../../../../etc/passwd", &u, &err), SW_ENOTFOUND,
              "BLOB_UPLOAD_UNKNOWN");
}

TEST(cancelled_bytes_are_gone)
{
    autofixture f = {0};
    struct sw_err err = SW_ERR_INIT;
    fixture_open(&f);
    sw_autofree char *token = start(&f, "abc");
    struct upload *u = acquire(&f, token);
    CHECK_OK(upload_cancel(u, &err));
    upload_release(u);
    CHECK_ERR(upload_acquire(f.w.reg, f.repo, ME, token, &u, &err), SW_ENOTFOUND,
              "BLOB_UPLOAD_UNKNOWN");
}

TEST(forgetting_memory_does_not_free_what_is_held)
{
    autofixture f = {0};
    struct sw_err err = SW_ERR_INIT;
    fixture_open(&f);
    sw_autofree char *token = start(&f, "abc");
    struct upload *u = acquire(&f, token);
    registry_reset_memory(f.w.reg);
    CHECK_OK(upload_append(u, "x", 1, &err));
    upload_release(u);
}

TEST(counts_per_principal)
{
    autofixture f = {.w.options.uploads_per_principal = 2};
    struct sw_err err = SW_ERR_INIT;
    struct upload *u;
    fixture_open(&f);
    free(start(&f, "1"));
    free(start(&f, "2"));
    CHECK_ERR(upload_begin(f.w.reg, f.repo, ME, DIGEST_SHA256, false, &u, &err), SW_ELIMIT,
              "TOOMANYREQUESTS");
    CHECK_OK(upload_begin(f.w.reg, f.repo, ME, DIGEST_SHA256, true, &u,
                          &err)); /* one that ends with its request */
    upload_release(u);
    CHECK_OK(upload_begin(f.w.reg, f.repo, "AIDAYOU", DIGEST_SHA256, false, &u, &err));
    upload_release(u);
}

/* As mounts that failed leave them. */
TEST(abandoned_ones_without_bytes_hold_no_place)
{
    autofixture f = {.w.options.uploads_per_principal = 3};
    struct sw_err err = SW_ERR_INIT;
    struct upload *held, *u;
    fixture_open(&f);
    CHECK_OK(upload_begin(f.w.reg, f.repo, ME, DIGEST_SHA256, false, &held, &err));
    free(start(&f, "bytes"));
    sw_autofree char *oldest = start(&f, "");
    for (int i = 0; i < 10; i++) {
        fake_now += 1000;
        free(start(&f, ""));
        CHECK_EQ_UINT(registry_uploads_open(f.w.reg), 3);
    }
    CHECK_ERR(upload_acquire(f.w.reg, f.repo, ME, oldest, &u, &err), SW_ENOTFOUND,
              "BLOB_UPLOAD_UNKNOWN");
    sw_err_clear(&err);
    free(start(&f, "more bytes"));
    CHECK_ERR(upload_begin(f.w.reg, f.repo, ME, DIGEST_SHA256, false, &u, &err), SW_ELIMIT,
              "TOOMANYREQUESTS");
    sw_err_clear(&err);
    upload_release(held); /* nobody holds it now, and it is empty */
    CHECK_OK(upload_begin(f.w.reg, f.repo, ME, DIGEST_SHA256, false, &u, &err));
    upload_release(u);
}

TEST(an_idle_one_is_closed_and_comes_back)
{
    autofixture f = {.w.options.uploads_per_principal = 1};
    struct sw_err err = SW_ERR_INIT;
    fixture_open(&f);
    sw_autofree char *one = start(&f, "abc");
    fake_now += 10LL * 60 * 1000000;
    CHECK_OK(registry_expire_uploads(f.w.reg, fake_now, &err));
    free(start(&f, "x")); /* the first holds no place any more */
    fake_now += 10LL * 60 * 1000000;
    CHECK_OK(registry_expire_uploads(f.w.reg, fake_now, &err));
    struct upload *u = acquire(&f, one);
    CHECK_EQ_UINT(upload_size(u), 3);
    CHECK_OK(commit(&f, u, "abc", &err));
    upload_release(u);
}

TEST(expiry_leaves_what_is_written_and_takes_the_rest)
{
    autofixture f = {0};
    struct sw_err err = SW_ERR_INIT;
    struct upload *once, *u;
    fixture_open(&f);
    CHECK_OK(upload_begin(f.w.reg, f.repo, ME, DIGEST_SHA256, true, &once, &err));
    CHECK_OK(upload_append(once, "abc", 3, &err));
    sw_autofree char *old = start(&f, "x");
    fake_now += 3LL * 24 * 3600 * 1000000;
    CHECK_OK(registry_expire_uploads(f.w.reg, fake_now, &err));
    CHECK_ERR(upload_acquire(f.w.reg, f.repo, ME, old, &u, &err), SW_ENOTFOUND,
              "BLOB_UPLOAD_UNKNOWN");
    CHECK_OK(commit(&f, once, "abc", &err));
    upload_release(once);
}
