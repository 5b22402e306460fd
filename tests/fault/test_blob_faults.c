/* SPDX-License-Identifier: Apache-2.0 */
/* test-deps: storage/blob base */
/* Each point of a scenario fails once and for good, with each error, until a run meets no fault.
 * After every run:
 * nothing wrong is visible, what was acknowledged is there, and pushing works again. */
#include <errno.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/macros.h"
#include "storage/blob/blob.h"
#include "storage/blob/blob_fault.h"
#include "storage/blob/blob_fs.h"
#include "tests/lib/test.h"

#define SMALL 5000
#define LARGE (5 * 1024 * 1024)

static unsigned char content[LARGE];

struct acknowledged {
    struct blob_info info[4];
    size_t n;
};

static void fill_content(void)
{
    for (size_t i = 0; i < sizeof content; i++)
        content[i] = (unsigned char)(i * 2654435761u >> 24);
}

static int push(struct blob_store *s, size_t n, struct acknowledged *ack, struct sw_err *err)
{
    struct blob_writer *w = NULL;
    struct digest d;
    digest_of(DIGEST_SHA256, content, n, &d);
    int r = blob_writer_begin(s, DIGEST_SHA256, &w, err);
    for (size_t at = 0; r == 0 && at < n; at += 1 << 20)
        r = blob_writer_append(w, content + at, SW_MIN(n - at, (size_t)1 << 20), err);
    if (r == 0)
        r = blob_writer_commit(w, &d, &ack->info[ack->n], err);
    if (r == 0)
        ack->n++;
    blob_writer_free(w);
    return r;
}

static int push_resumed(struct blob_store *s, size_t n, struct acknowledged *ack,
                        struct sw_err *err)
{
    struct blob_writer *w = NULL;
    char id[BLOB_UPLOAD_ID_LEN + 1];
    struct digest d;
    digest_of(DIGEST_SHA256, content, n, &d);
    int r = blob_writer_begin(s, DIGEST_SHA256, &w, err);
    if (r < 0)
        return r;
    snprintf(id, sizeof id, "%s", blob_writer_id(w));
    r = blob_writer_append(w, content, n / 2, err);
    if (r == 0)
        r = blob_writer_flush(w, err);
    blob_writer_free(w);
    w = NULL;
    if (r == 0)
        r = blob_writer_resume(s, id, DIGEST_SHA256, &w, err);
    if (r == 0)
        r = blob_writer_truncate(w, n / 3, err);
    if (r == 0)
        r = blob_writer_append(w, content + n / 3, n - n / 3, err);
    if (r == 0)
        r = blob_writer_commit(w, &d, &ack->info[ack->n], err);
    if (r == 0)
        ack->n++;
    blob_writer_free(w);
    return r;
}

static int read_back(struct blob_store *s, const struct blob_info *b, struct sw_err *err)
{
    struct sw_buf buf SW_CLEANUP(sw_buf_done) = SW_BUF_INIT(2 * LARGE);
    int r = blob_read(s, b->key, &b->digest, LARGE, &buf, err);
    if (r == 0)
        CHECK_EQ_MEM(buf.p, buf.n, content, b->size);
    return r;
}

/* Pushes three blobs, one of them twice, reads and removes. */
static int scenario(struct blob_store *s, struct acknowledged *ack, struct sw_err *err)
{
    int r = push(s, SMALL, ack, err);
    if (r == 0)
        r = push(s, LARGE, ack, err);
    if (r == 0)
        r = push_resumed(s, LARGE - 1, ack, err);
    if (r == 0)
        r = push(s, SMALL, ack, err);
    if (r == 0)
        r = read_back(s, &ack->info[1], err);
    return r;
}

static int check_blob(void *ctx, const char *key, uint64_t size, int64_t modified_at_us)
{
    struct sw_err err = SW_ERR_INIT;
    struct sw_buf buf SW_CLEANUP(sw_buf_done) = SW_BUF_INIT(2 * LARGE);
    struct digest d;
    (void)modified_at_us;
    CHECK(digest_parse(sw_str(key), &d)); /* the filesystem's key is the digest */
    CHECK_OK(blob_read(ctx, key, &d, LARGE, &buf, &err));
    CHECK_EQ_UINT(buf.n, size);
    return 0;
}

static void check_store(struct blob_store *s, const struct acknowledged *ack)
{
    struct sw_err err = SW_ERR_INIT;
    CHECK_OK(blob_list(s, check_blob, s, &err));
    for (size_t i = 0; i < ack->n; i++)
        CHECK_OK(read_back(s, &ack->info[i], &err));
}

static void check_works_again(struct blob_store *s)
{
    struct sw_err err = SW_ERR_INIT;
    struct acknowledged ack = {.n = 0};
    CHECK_OK(push(s, SMALL, &ack, &err));
    CHECK_OK(push_resumed(s, SMALL + 1, &ack, &err));
    for (size_t i = 0; i < ack.n; i++)
        CHECK_OK(read_back(s, &ack.info[i], &err));
}

static bool expected(const struct sw_err *err, int errno_value)
{
    if (errno_value == ENOSPC)
        return err->code == SW_ELIMIT && sw_streq(err->reason, "DiskFull");
    return err->code == SW_EIO;
}

static void run_points(bool persistent, int errno_value)
{
    struct sw_err err = SW_ERR_INIT;
    uint64_t hits = 1;
    for (uint64_t nth = 1; hits > 0; nth++) {
        struct blob_store *inner = NULL;
        struct blob_fault *fault = NULL;
        struct acknowledged ack = {.n = 0};
        CHECK(nth < 500);
        CHECK_OK(blob_fs_open(test_path("s%llu", (unsigned long long)nth), &inner, &err));
        struct blob_store *s = blob_fault_wrap(inner, &fault);
        blob_fault_arm(fault, nth, persistent, errno_value);
        int r = scenario(s, &ack, &err);
        hits = blob_fault_hits(fault);
        CHECK(r == 0 || expected(&err, errno_value));
        CHECK((r == 0) == (hits == 0) || !persistent);
        sw_err_clear(&err);
        blob_fault_arm(fault, 0, false, 0);
        check_store(s, &ack);
        check_works_again(s);
        blob_store_free(s);
    }
}

TEST(every_driver_call_fails_once)
{
    fill_content();
    run_points(false, EIO);
}

TEST(every_driver_call_fails_for_good)
{
    fill_content();
    run_points(true, ENOSPC);
}

/* --- the same one layer down: system calls ---------------------------------------------------- */

struct sys_plan {
    uint64_t calls, nth;
    bool persistent, hit;
    int errno_value;
};

static bool fails(struct sys_plan *p)
{
    p->calls++;
    if (p->nth == 0 || p->calls < p->nth || (p->calls > p->nth && !p->persistent))
        return false;
    p->hit = true;
    errno = p->errno_value;
    return true;
}

static const struct blob_fs_sys *const real = &blob_fs_sys_default;

static int f_openat(void *c, int dir, const char *path, int flags, mode_t mode)
{
    return fails(c) ? -1 : real->openat(NULL, dir, path, flags, mode);
}

static ssize_t f_pwrite(void *c, int fd, const void *data, size_t n, off_t offset)
{
    return fails(c) ? -1 : real->pwrite(NULL, fd, data, n, offset);
}

static int f_ftruncate(void *c, int fd, off_t size)
{
    return fails(c) ? -1 : real->ftruncate(NULL, fd, size);
}

static int f_fdatasync(void *c, int fd)
{
    return fails(c) ? -1 : real->fdatasync(NULL, fd);
}

static int f_link(void *c, int dir, const char *from, const char *to)
{
    return fails(c) ? -1 : real->link(NULL, dir, from, to);
}

static int f_rename(void *c, int dir, const char *from, const char *to)
{
    return fails(c) ? -1 : real->rename(NULL, dir, from, to);
}

static int f_unlink(void *c, int dir, const char *path)
{
    return fails(c) ? -1 : real->unlink(NULL, dir, path);
}

static int f_mkdir(void *c, int dir, const char *path, mode_t mode)
{
    return fails(c) ? -1 : real->mkdir(NULL, dir, path, mode);
}

static int f_fsync_dir(void *c, int dir, const char *path)
{
    return fails(c) ? -1 : real->fsync_dir(NULL, dir, path);
}

static const struct blob_fs_sys failing_sys = {.openat = f_openat,
                                               .pwrite = f_pwrite,
                                               .ftruncate = f_ftruncate,
                                               .fdatasync = f_fdatasync,
                                               .link = f_link,
                                               .rename = f_rename,
                                               .unlink = f_unlink,
                                               .mkdir = f_mkdir,
                                               .fsync_dir = f_fsync_dir};

static void run_sys_calls(bool persistent, int errno_value)
{
    struct sw_err err = SW_ERR_INIT;
    bool hit = true;
    for (uint64_t nth = 1; hit; nth++) {
        struct sys_plan plan = {.nth = nth, .persistent = persistent, .errno_value = errno_value};
        struct blob_store *s = NULL;
        struct acknowledged ack = {.n = 0};
        const char *dir = test_path("y%llu", (unsigned long long)nth);
        CHECK(nth < 500);
        int r = blob_fs_open_sys(dir, &failing_sys, &plan, &s, &err);
        if (r == 0)
            r = scenario(s, &ack, &err);
        hit = plan.hit;
        CHECK(r == 0 || (hit && expected(&err, errno_value)));
        sw_err_clear(&err);
        plan.nth = 0;
        if (s)
            check_store(s, &ack);
        blob_store_free(s);
        CHECK_OK(blob_fs_open(dir, &s, &err));
        check_store(s, &ack);
        check_works_again(s);
        blob_store_free(s);
    }
}

TEST(every_system_call_fails_once)
{
    fill_content();
    run_sys_calls(false, EIO);
}

TEST(every_system_call_fails_for_good)
{
    fill_content();
    run_sys_calls(true, ENOSPC);
}
