/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/io.h"
#include "base/macros.h"
#include "storage/blob/blob_fs.h"
#include "tests/lib/test.h"

/* What is the filesystem driver's own; what every driver must do is in tests/suite/blob_suite.c. */

#define ABC "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
#define KEY "sha256:" ABC

static struct blob_store *open_store(void)
{
    struct sw_err err = SW_ERR_INIT;
    struct blob_store *s = NULL;
    CHECK_OK(blob_fs_open(test_path("store"), &s, &err));
    return s;
}

static struct digest digest(const char *text)
{
    struct digest d;
    CHECK(digest_parse(sw_str(text), &d));
    return d;
}

static int push(struct blob_store *s, const char *text, const char *key, struct sw_err *err)
{
    struct blob_writer *w = NULL;
    struct digest d = digest(key);
    struct blob_info info;
    int r = blob_writer_begin(s, DIGEST_SHA256, &w, err);
    if (r == 0)
        r = blob_writer_append(w, text, strlen(text), err);
    if (r == 0)
        r = blob_writer_commit(w, &d, &info, err);
    blob_writer_free(w);
    return r;
}

static unsigned mode_of(const char *path)
{
    struct stat st;
    CHECK(lstat(path, &st) == 0);
    return st.st_mode & 0777;
}

TEST(layout_and_modes)
{
    struct sw_err err = SW_ERR_INIT;
    struct blob_store *s = open_store();
    CHECK_OK(push(s, "abc", KEY, &err));
    CHECK_EQ_UINT(mode_of(test_path("store")), 0700);
    CHECK_EQ_UINT(mode_of(test_path("store/uploads")), 0700);
    CHECK_EQ_UINT(mode_of(test_path("store/blobs/sha256/ba")), 0700);
    CHECK_EQ_UINT(mode_of(test_path("store/blobs/sha256/ba/%s", ABC)), 0400);
    CHECK_EQ_STR(test_read_file(test_path("store/blobs/sha256/ba/%s", ABC), NULL), "abc");
    struct blob_writer *w = NULL;
    CHECK_OK(blob_writer_begin(s, DIGEST_SHA256, &w, &err));
    CHECK_EQ_UINT(mode_of(test_path("store/uploads/%s", blob_writer_id(w))), 0600);
    blob_writer_free(w);
    blob_store_free(s);
}

TEST(the_first_one_wins_but_a_damaged_one_is_replaced)
{
    struct sw_err err = SW_ERR_INIT;
    struct blob_store *s = open_store();
    const char *path = test_path("store/blobs/sha256/ba/%s", ABC);
    struct stat before, after;
    CHECK_OK(push(s, "abc", KEY, &err));
    CHECK(stat(path, &before) == 0);
    CHECK_OK(push(s, "abc", KEY, &err));
    CHECK(stat(path, &after) == 0);
    CHECK_EQ_UINT(after.st_ino, before.st_ino);
    CHECK_EQ_UINT(after.st_nlink, 1);
    CHECK(truncate(path, 1) == 0 || geteuid() != 0);
    CHECK_OK(push(s, "abc", KEY, &err));
    CHECK_EQ_STR(test_read_file(path, NULL), "abc");
    blob_store_free(s);
}

TEST(links_and_folders_in_place_of_blobs_are_refused)
{
    struct sw_err err = SW_ERR_INIT;
    struct blob_store *s = open_store();
    const char *path = test_path("store/blobs/sha256/ba/%s", ABC);
    uint64_t size;
    int fd = -1;
    CHECK_OK(push(s, "abc", KEY, &err));
    CHECK(unlink(path) == 0);
    test_write_file(test_path("secret"), "key", 3);
    CHECK(symlink(test_path("secret"), path) == 0);
    CHECK_ERR(blob_stat(s, KEY, &size, &err), SW_EIO, NULL);
    CHECK_ERR(blob_open(s, KEY, &fd, &size, &err), SW_EIO, NULL);
    CHECK(unlink(path) == 0 && mkdir(path, 0700) == 0);
    CHECK_ERR(blob_open(s, KEY, &fd, &size, &err), SW_EIO, NULL);
    CHECK_EQ_INT(fd, -1);
    blob_store_free(s);
}

/* As after a crash between publishing and removing the upload's name. */
TEST(an_upload_that_became_a_blob_is_never_written_again)
{
    struct sw_err err = SW_ERR_INIT;
    struct blob_store *s = open_store();
    struct blob_writer *w = NULL;
    const char *id = "00112233445566778899aabbccddeeff";
    const char *upload = test_path("store/uploads/%s", id);
    CHECK_OK(push(s, "abc", KEY, &err));
    CHECK(link(test_path("store/blobs/sha256/ba/%s", ABC), upload) == 0);
    CHECK_ERR(blob_writer_resume(s, id, DIGEST_SHA256, &w, &err), SW_ENOTFOUND, NULL);
    CHECK(access(upload, F_OK) < 0);
    blob_store_free(s);
}

static int see_nothing(void *ctx, const char *key, uint64_t size, int64_t modified_at_us)
{
    (void)ctx, (void)size, (void)modified_at_us;
    test_fail(__FILE__, __LINE__, "listed %s", key);
}

static int see_no_upload(void *ctx, const struct blob_upload_info *u)
{
    (void)ctx;
    test_fail(__FILE__, __LINE__, "listed %s", u->id);
}

TEST(lists_leave_out_what_is_not_ours)
{
    struct sw_err err = SW_ERR_INIT;
    struct blob_store *s = open_store();
    CHECK(mkdir(test_path("store/blobs/sha256/ba"), 0700) == 0);
    test_write_file(test_path("store/blobs/sha256/ba/readme"), "", 0);
    test_write_file(test_path("store/blobs/sha256/lost"), "", 0);
    test_write_file(test_path("store/uploads/notes"), "", 0);
    CHECK(mkdir(test_path("store/uploads/00112233445566778899aabbccddeeff"), 0700) == 0);
    CHECK_OK(blob_list(s, see_nothing, NULL, &err));
    CHECK_OK(blob_list_uploads(s, see_no_upload, NULL, &err));
    blob_store_free(s);
}

TEST(damage_is_noticed_when_read)
{
    struct sw_err err = SW_ERR_INIT;
    struct blob_store *s = open_store();
    struct digest d = digest(KEY);
    struct sw_buf buf = SW_BUF_INIT(100);
    CHECK_OK(push(s, "abc", KEY, &err));
    const char *path = test_path("store/blobs/sha256/ba/%s", ABC);
    CHECK(unlink(path) == 0);
    test_write_file(path, "abd", 3);
    CHECK_ERR(blob_read(s, KEY, &d, 100, &buf, &err), SW_EMISMATCH, NULL);
    CHECK_NULL(err.reason);
    sw_buf_done(&buf);
    blob_store_free(s);
}

/* --- failing system calls --------------------------------------------------------------------- */

static int failing_sync(void *ctx, int fd)
{
    (void)ctx, (void)fd;
    errno = EIO;
    return -1;
}

TEST(a_failed_sync_drops_the_upload)
{
    struct sw_err err = SW_ERR_INIT;
    struct blob_fs_sys sys = blob_fs_sys_default;
    struct blob_store *s = NULL;
    struct blob_writer *w = NULL;
    struct blob_info info;
    struct digest d = digest(KEY);
    uint64_t size;
    sys.fdatasync = failing_sync;
    CHECK_OK(blob_fs_open_sys(test_path("store"), &sys, NULL, &s, &err));
    CHECK_OK(blob_writer_begin(s, DIGEST_SHA256, &w, &err));
    CHECK_OK(blob_writer_append(w, "abc", 3, &err));
    CHECK_ERR(blob_writer_commit(w, &d, &info, &err), SW_EIO, NULL);
    CHECK_ERR(blob_writer_commit(w, &d, &info, &err), SW_EIO, NULL);
    CHECK_ERR(blob_writer_append(w, "d", 1, &err), SW_EIO, NULL);
    blob_writer_free(w);
    CHECK_OK(blob_list_uploads(s, see_no_upload, NULL, &err));
    CHECK_ERR(blob_stat(s, KEY, &size, &err), SW_ENOTFOUND, NULL);
    blob_store_free(s);
}

static int failing_sync_dir(void *ctx, int dir, const char *path)
{
    (void)path;
    return failing_sync(ctx, dir);
}

static int counted_sync_dir(void *ctx, int dir, const char *path)
{
    ++*(int *)ctx;
    return blob_fs_sys_default.fsync_dir(NULL, dir, path);
}

TEST(folders_are_synced_until_that_succeeded_once)
{
    static const int expected[] = {2, 0, 2};
    struct sw_err err = SW_ERR_INIT;
    struct blob_fs_sys sys = blob_fs_sys_default;
    struct blob_store *s = NULL;
    sys.fsync_dir = failing_sync_dir;
    CHECK_ERR(blob_fs_open_sys(test_path("store"), &sys, NULL, &s, &err), SW_EIO, NULL);
    sys.fsync_dir = counted_sync_dir;
    for (size_t i = 0; i < SW_ARRAY_LEN(expected); i++) {
        int n = 0;
        CHECK_OK(blob_fs_open_sys(test_path("store"), &sys, &n, &s, &err));
        CHECK_EQ_INT(n, expected[i]);
        blob_store_free(s);
        CHECK(sw_path_exists(test_path("store/uploads")));
        if (i == 1) /* somebody took one away */
            CHECK_EQ_INT(rmdir(test_path("store/blobs/sha512")), 0);
    }
}

/* Takes at most two bytes a call, and nothing beyond the fifth. */
static ssize_t short_pwrite(void *ctx, int fd, const void *data, size_t n, off_t offset)
{
    (void)ctx;
    if (offset >= 5) {
        errno = ENOSPC;
        return -1;
    }
    return pwrite(fd, data, SW_MIN(n, (size_t)2), offset);
}

TEST(a_full_disk_keeps_what_was_acknowledged)
{
    struct sw_err err = SW_ERR_INIT;
    struct blob_fs_sys sys = blob_fs_sys_default;
    struct blob_store *s = NULL;
    struct blob_writer *w = NULL;
    char id[BLOB_UPLOAD_ID_LEN + 1];
    sys.pwrite = short_pwrite;
    CHECK_OK(blob_fs_open_sys(test_path("store"), &sys, NULL, &s, &err));
    CHECK_OK(blob_writer_begin(s, DIGEST_SHA256, &w, &err));
    snprintf(id, sizeof id, "%s", blob_writer_id(w));
    CHECK_OK(blob_writer_append(w, "abc", 3, &err));
    CHECK_OK(blob_writer_flush(w, &err));
    CHECK_OK(blob_writer_append(w, "defghi", 6, &err));
    CHECK_ERR(blob_writer_flush(w, &err), SW_ELIMIT, "DiskFull");
    CHECK_ERR(blob_writer_append(w, "d", 1, &err), SW_ELIMIT, "DiskFull");
    CHECK_ERR(blob_writer_truncate(w, 0, &err), SW_ELIMIT, "DiskFull");
    blob_writer_free(w);
    CHECK_OK(blob_writer_resume(s, id, DIGEST_SHA256, &w, &err));
    CHECK_EQ_UINT(blob_writer_size(w), 3);
    struct digest d = digest(KEY);
    struct blob_info info;
    CHECK_OK(blob_writer_commit(w, &d, &info, &err));
    CHECK_EQ_STR(info.key, KEY);
    blob_writer_free(w);
    blob_store_free(s);
}

/* --- past the page cache ---------------------------------------------------------------------- */

#define MIB (1024 * 1024)

struct watched {
    int error;   /* of direct writes; 0: none */
    int wait_ms; /* for each */
    size_t direct, cached, tries;
    int64_t us;
    bool slow; /* so slow that the cache may take it, or almost */
};

static ssize_t watched_pwrite(void *ctx, int fd, const void *data, size_t n, off_t offset)
{
    struct watched *w = ctx;
    if (!(fcntl(fd, F_GETFL) & O_DIRECT)) {
        w->cached += n;
        return pwrite(fd, data, n, offset);
    }
    w->tries++;
    if (w->wait_ms)
        sw_sleep_ms(w->wait_ms);
    if (w->error) {
        errno = w->error;
        return -1;
    }
    int64_t began_us = sw_mono_us();
    ssize_t r = pwrite(fd, data, n, offset);
    if (r > 0)
        w->direct += (size_t)r;
    w->us += sw_mono_us() - began_us;
    w->slow = w->slow || w->us / (int64_t)(1 + w->direct / MIB) > 5000;
    return r;
}

/* Pushes n bytes in two requests, the first of `first`; what is stored is read back. */
static void push_watched(struct watched *w, const char *name, size_t first, size_t n)
{
    struct sw_err err = SW_ERR_INIT;
    struct blob_fs_sys sys = blob_fs_sys_default;
    struct blob_store *s = NULL;
    struct blob_writer *writer = NULL;
    struct blob_info info;
    struct digest d;
    struct sw_buf back SW_CLEANUP(sw_buf_done) = SW_BUF_INIT(64 * MIB);
    sw_autofree unsigned char *p = sw_malloc(n);
    for (size_t i = 0; i < n; i++)
        p[i] = (unsigned char)(i * 2654435761u >> 24);
    digest_of(DIGEST_SHA256, p, n, &d);
    sys.pwrite = watched_pwrite;
    CHECK_OK(blob_fs_open_sys(test_path("%s", name), &sys, w, &s, &err));
    CHECK_OK(blob_writer_begin(s, DIGEST_SHA256, &writer, &err));
    CHECK_OK(blob_writer_append(writer, p, first, &err));
    CHECK_OK(blob_writer_flush(writer, &err));
    CHECK_OK(blob_writer_append(writer, p + first, n - first, &err));
    CHECK_OK(blob_writer_commit(writer, &d, &info, &err));
    CHECK_OK(blob_read(s, info.key, &d, n, &back, &err));
    CHECK_EQ_MEM(back.p, back.n, p, n);
    blob_writer_free(writer);
    blob_store_free(s);
}

static bool direct_is_possible(void)
{
    struct watched w = {0};
    push_watched(&w, "probe", 0, 2 * MIB);
    return w.direct > 0;
}

/* Again while others keep the disk busy. */
static void push_on_a_fast_disk(struct watched *w, const char *name, size_t first, size_t n)
{
    for (int i = 0; i < 50; i++) {
        *w = (struct watched){0};
        push_watched(w, name, first, n);
        if (!w->slow)
            return;
    }
    test_skip("the disk has too much to do");
}

TEST(large_pieces_go_past_the_page_cache_and_ends_through_it)
{
    struct watched w, odd, small = {0};
    if (!direct_is_possible())
        test_skip("the file system here has no O_DIRECT");
    push_on_a_fast_disk(&w, "a", 4 * MIB, 9 * MIB + 100);
    CHECK_EQ_UINT(w.direct, 9 * MIB);
    CHECK_EQ_UINT(w.cached, 100);
    push_on_a_fast_disk(&odd, "b", 3 * MIB + 1000, 9 * MIB + 100);
    CHECK_EQ_UINT(odd.cached, 4096 + 100);
    CHECK_EQ_UINT(odd.direct, 9 * MIB - 4096);
    push_watched(&small, "c", 1000, 100 * 1024);
    CHECK_EQ_UINT(small.direct, 0);
}

TEST(what_cannot_be_written_directly_goes_through_the_cache)
{
    static const int errors[] = {EINVAL, EIO, EOPNOTSUPP};
    for (size_t i = 0; i < SW_ARRAY_LEN(errors); i++) {
        struct watched w = {.error = errors[i]};
        push_watched(&w, i == 0 ? "a" : i == 1 ? "b" : "c", 2 * MIB, 6 * MIB);
        CHECK(w.tries <= 1);
        CHECK_EQ_UINT(w.cached, 6 * MIB);
    }
}

TEST(on_a_slow_disk_the_cache_takes_it)
{
    struct watched w = {.wait_ms = 60};
    if (!direct_is_possible())
        test_skip("the file system here has no O_DIRECT");
    push_watched(&w, "a", 0, 16 * MIB);
    CHECK(w.direct >= 4 * MIB && w.direct < 8 * MIB);
    CHECK_EQ_UINT(w.direct + w.cached, 16 * MIB);
}
