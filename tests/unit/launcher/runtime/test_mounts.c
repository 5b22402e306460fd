/* SPDX-License-Identifier: Apache-2.0 */
/* Mount points of volumes, and copying an image's files into a new one. */
#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/io.h"
#include "base/macros.h"
#include "launcher/runtime/copy_tree.h"
#include "launcher/runtime/mounts.h"
#include "tests/lib/test.h"

TEST(options)
{
    static const struct {
        const char *options, *rest;
        unsigned long flags;
    } rows[] = {
        {"", "", 0},
        {"ro", "", MS_RDONLY},
        {"addr=10.0.0.1,nolock", "addr=10.0.0.1,nolock", 0},
        {"nosuid,size=1m,nodev,noexec,mode=700", "size=1m,mode=700",
         MS_NOSUID | MS_NODEV | MS_NOEXEC},
        {"bind,ro", "", MS_BIND | MS_RDONLY},
        {"rbind", "", MS_BIND | MS_REC},
        {",,rw,defaults,", "", 0},
    };
    for (size_t i = 0; i < SW_ARRAY_LEN(rows); i++) {
        char rest[256];
        CHECK_EQ_INT((long)mounts_options(rows[i].options, rest), (long)rows[i].flags);
        CHECK_EQ_STR(rest, rows[i].rest);
    }
}

static void put(const char *path, const char *text)
{
    struct sw_err err = SW_ERR_INIT;
    CHECK_OK(sw_write_file_atomic(path, text, strlen(text), 0644, &err));
}

static void text_is(const char *path, const char *want)
{
    struct sw_err err = SW_ERR_INIT;
    SW_CLEANUP(sw_buf_done) struct sw_buf b = SW_BUF_INIT(4096);
    CHECK_OK(sw_read_file(path, &b, &err));
    CHECK_EQ_STR(b.n ? sw_buf_str(&b).p : "", want);
}

static void need_root(void)
{
    if (geteuid() != 0)
        test_skip("mounts need root");
}

TEST(a_folder_beneath_another)
{
    need_root();
    struct sw_err err = SW_ERR_INIT;
    const struct mounts_folder no = {.create = false},
                               make = {.create = true, .uid = 7, .gid = 8, .mode = 0750};
    const char *dir = test_path("mounts"), *top = test_path("top");
    char *path = NULL;
    CHECK_OK(sw_mkdirs(test_path("top/a/b"), 0755, &err));
    CHECK_OK(sw_mkdirs(test_path("out"), 0755, &err));
    put(test_path("top/a/b/x"), "inside");
    put(test_path("out/x"), "outside");
    CHECK(symlink(test_path("out"), test_path("top/away")) == 0);
    CHECK(symlink("../../../../../out", test_path("top/a/up")) == 0);
    CHECK(symlink("a/b", test_path("top/near")) == 0);
    CHECK_OK(mounts_bind_beneath(dir, "1", top, "/near", &no, &path, &err));
    sw_autofree char *file = sw_asprintf("%s/x", path);
    text_is(file, "inside");
    free(path);
    CHECK_OK(mounts_bind_beneath(dir, "1", top, "/near", &no, &path, &err)); /* stays as it is */
    free(path);
    CHECK_ERR(mounts_bind_beneath(dir, "2", top, "/away", &no, &path, &err), SW_ENOTFOUND,
              "InvalidVolumeError");
    sw_err_clear(&err);
    CHECK_ERR(mounts_bind_beneath(dir, "3", top, "/a/up", &no, &path, &err), SW_ENOTFOUND,
              "InvalidVolumeError");
    sw_err_clear(&err);
    CHECK_OK(mounts_bind_beneath(dir, "4", top, "/new/er", &make, &path, &err));
    free(path);
    struct stat st;
    CHECK(stat(test_path("top/new/er"), &st) == 0);
    CHECK(st.st_uid == 7 && st.st_gid == 8 && (st.st_mode & 07777) == 0750);
    CHECK_OK(mounts_bind_beneath(dir, "5", top, "/a/b/x", &no, &path, &err)); /* a file */
    text_is(path, "inside");
    free(path);
    CHECK(mounts_release(dir));
    CHECK(!sw_path_exists(dir));
    text_is(test_path("top/a/b/x"), "inside");
    CHECK(mounts_release(dir));
}

TEST(what_the_driver_local_mounts)
{
    need_root();
    struct sw_err err = SW_ERR_INIT;
    const char *dir = test_path("mounts");
    char *path = NULL;
    CHECK_OK(mounts_make(dir, "t", "tmpfs", "tmpfs", "size=1m,mode=0711,noexec", &path, &err));
    struct stat st;
    CHECK(stat(path, &st) == 0 && (st.st_mode & 07777) == 0711);
    sw_autofree char *file = sw_asprintf("%s/kept", path);
    put(file, "x");
    free(path);
    CHECK_OK(mounts_make(dir, "t", "tmpfs", "tmpfs", "size=1m", &path, &err));
    text_is(file, "x");
    free(path);
    CHECK_OK(sw_mkdirs(test_path("there"), 0755, &err));
    put(test_path("there/y"), "y");
    CHECK_OK(mounts_make(dir, "b", "none", test_path("there"), "bind,ro", &path, &err));
    sw_autofree char *bound = sw_asprintf("%s/y", path);
    text_is(bound, "y");
    CHECK(open(bound, O_WRONLY | O_CLOEXEC) < 0);
    free(path);
    CHECK_ERR(mounts_make(dir, "n", "none", test_path("not-there"), "bind", &path, &err),
              SW_ENOTFOUND, "InvalidVolumeError");
    sw_err_clear(&err);
    CHECK_ERR(mounts_make(dir, "w", "tmpfs", "tmpfs", "nonsense=1", &path, &err), SW_EIO,
              "InvalidVolumeError");
    CHECK(mounts_release(dir));
    text_is(test_path("there/y"), "y");
}

TEST(a_copy_has_all_of_it)
{
    need_root();
    struct sw_err err = SW_ERR_INIT;
    struct stat st;
    char target[64] = "";
    CHECK_OK(sw_mkdirs(test_path("from/deep/er"), 0755, &err));
    put(test_path("from/a"), "first");
    put(test_path("from/deep/er/b"), "second");
    CHECK(symlink("/etc/passwd", test_path("from/link")) == 0);
    CHECK(mkfifo(test_path("from/fifo"), 0600) == 0);
    CHECK(mknod(test_path("from/null"), S_IFCHR | 0600, 0x103) == 0);
    CHECK(chown(test_path("from/a"), 11, 12) == 0 && chmod(test_path("from/a"), 04711) == 0);
    CHECK(lchown(test_path("from/link"), 13, 14) == 0);
    CHECK(chown(test_path("from"), 15, 16) == 0 && chmod(test_path("from"), 01777) == 0);
    CHECK(setxattr(test_path("from/a"), "user.note", "x", 1, 0) == 0);
    sw_autoclose int sparse = open(test_path("from/sparse"), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    CHECK(sparse >= 0 && ftruncate(sparse, 1LL << 40) == 0 && pwrite(sparse, "x", 1, 1 << 30) == 1);
    CHECK_OK(sw_mkdirs(test_path("to"), 0700, &err));
    sw_autoclose int from = open(test_path("from"), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    sw_autoclose int to = open(test_path("to"), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    CHECK_OK(copy_tree(from, to, &err));
    text_is(test_path("to/a"), "first");
    text_is(test_path("to/deep/er/b"), "second");
    CHECK(stat(test_path("to/a"), &st) == 0 && st.st_uid == 11 && st.st_gid == 12);
    CHECK_EQ_INT(st.st_mode & 07777, 04711);
    CHECK(getxattr(test_path("to/a"), "user.note", target, sizeof target) == 1);
    CHECK(stat(test_path("to/sparse"), &st) == 0 && st.st_size == 1LL << 40);
    CHECK(st.st_blocks < 10000);
    CHECK(lstat(test_path("to/link"), &st) == 0 && S_ISLNK(st.st_mode) && st.st_uid == 13);
    CHECK(readlink(test_path("to/link"), target, sizeof target - 1) == 11);
    CHECK(lstat(test_path("to/fifo"), &st) == 0 && S_ISFIFO(st.st_mode));
    CHECK(lstat(test_path("to/null"), &st) == 0 && S_ISCHR(st.st_mode) && st.st_rdev == 0x103);
    CHECK(stat(test_path("to"), &st) == 0 && st.st_uid == 15 && (st.st_mode & 07777) == 01777);
}
