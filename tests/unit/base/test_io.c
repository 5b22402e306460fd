/* SPDX-License-Identifier: Apache-2.0 */
#include "base/io.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/err.h"
#include "base/macros.h"
#include "tests/lib/test.h"

TEST(open_is_close_on_exec)
{
    struct sw_err err = SW_ERR_INIT;
    sw_autoclose int fd = -1;

    CHECK_OK(sw_open(test_path("a"), O_WRONLY | O_CREAT, 0600, &fd, &err));
    CHECK(fcntl(fd, F_GETFD) & FD_CLOEXEC);
}

TEST(open_names_the_path)
{
    struct sw_err err = SW_ERR_INIT;
    int fd = -7;

    CHECK_EQ_INT(sw_open(test_path("none"), O_RDONLY, 0, &fd, &err), SW_ENOTFOUND);
    CHECK_CONTAINS(err.msg, "/none: No such file or directory");
    CHECK_EQ_INT(fd, -7);
    sw_err_clear(&err);
    CHECK_ERR(sw_open(test_path("none/x"), O_WRONLY | O_CREAT, 0600, &fd, &err), SW_ENOTFOUND,
              NULL);
    CHECK_ERR(sw_open(test_dir(), O_WRONLY, 0, &fd, &err), SW_EIO, NULL);
}

TEST(a_full_disk_is_a_limit)
{
    struct sw_err err = SW_ERR_INIT;
    sw_autoclose int fd = open("/dev/full", O_WRONLY | O_CLOEXEC);

    CHECK_ERR(sw_write_all(fd, "x", 1, &err), SW_ELIMIT, "DiskFull");
    CHECK_ERR(sw_pwrite_all(fd, "x", 1, 0, &err), SW_ELIMIT, "DiskFull");
    CHECK_OK(sw_write_all(fd, "", 0, &err));
}

TEST(bad_descriptors_fail)
{
    struct sw_err err = SW_ERR_INIT;
    SW_CLEANUP(sw_buf_done) struct sw_buf b = SW_BUF_INIT(10);

    CHECK_ERR(sw_write_all(-1, "x", 1, &err), SW_EIO, NULL);
    CHECK_ERR(sw_read_fd(-1, &b, &err), SW_EIO, NULL);
    CHECK_ERR(sw_read_file(test_dir(), &b, &err), SW_EIO, NULL);
}

TEST(pwrite_goes_to_its_offset)
{
    struct sw_err err = SW_ERR_INIT;
    sw_autoclose int fd = -1;
    const char *path = test_path("a");

    CHECK_OK(sw_open(path, O_WRONLY | O_CREAT, 0600, &fd, &err));
    CHECK_OK(sw_write_all(fd, "abcdef", 6, &err));
    CHECK_OK(sw_pwrite_all(fd, "XY", 2, 2, &err));
    CHECK_EQ_STR(test_read_file(path, NULL), "abXYef");
}

TEST(reading_is_bounded)
{
    struct sw_err err = SW_ERR_INIT;
    sw_autofree char *data = sw_calloc(200000, 1);
    const char *path = test_write_file(test_path("a"), data, 200000);

    SW_CLEANUP(sw_buf_done) struct sw_buf exact = SW_BUF_INIT(200000);
    CHECK_OK(sw_read_file(path, &exact, &err));
    CHECK_EQ_INT(exact.n, 200000);
    SW_CLEANUP(sw_buf_done) struct sw_buf small = SW_BUF_INIT(199999);
    CHECK_EQ_INT(sw_read_file(path, &small, &err), SW_ELIMIT);
    CHECK_CONTAINS(err.msg, "/a: more than 199999 bytes");
}

TEST(atomic_write_replaces_and_leaves_nothing_behind)
{
    struct sw_err err = SW_ERR_INIT;
    const char *path = test_path("f");
    struct stat st;

    CHECK_OK(sw_write_file_atomic(path, "one", 3, 0600, &err));
    CHECK_OK(sw_write_file_atomic(path, "two!", 4, 0644, &err));
    CHECK_EQ_STR(test_read_file(path, NULL), "two!");
    CHECK_EQ_INT(stat(path, &st), 0);
    CHECK_EQ_INT(st.st_mode & 07777, 0644);
    CHECK_OK(sw_write_file_atomic(path, "", 0, 0600, &err));
    CHECK_EQ_INT(stat(path, &st), 0);
    CHECK_EQ_INT(st.st_size, 0);
    CHECK_EQ_INT(unlink(path), 0);
    CHECK_EQ_INT(rmdir(test_dir()), 0); /* empty: no temporary file */
    CHECK_EQ_INT(mkdir(test_dir(), 0700), 0);
}

TEST(atomic_write_works_without_a_folder_part)
{
    struct sw_err err = SW_ERR_INIT;
    sw_autofree char *before = getcwd(NULL, 0);

    CHECK_EQ_INT(chdir(test_dir()), 0);
    int rc = sw_write_file_atomic("plain", "x", 1, 0600, &err);
    CHECK_EQ_INT(chdir(before), 0);
    CHECK_EQ_INT(rc, 0);
    CHECK_EQ_STR(test_read_file(test_path("plain"), NULL), "x");
}

TEST(a_replaced_file_has_the_new_content_and_leaves_nothing_behind)
{
    struct sw_err err = SW_ERR_INIT;
    const char *path = test_path("f");
    struct stat st;

    CHECK_OK(sw_replace_file(path, "one", 3, 0600, &err));
    CHECK_OK(sw_replace_file(path, "two!", 4, 0644, &err));
    CHECK_EQ_STR(test_read_file(path, NULL), "two!");
    CHECK_EQ_INT(stat(path, &st), 0);
    CHECK_EQ_INT(st.st_mode & 07777, 0644);
    CHECK_ERR(sw_replace_file(test_path("no/f"), "x", 1, 0600, &err), SW_ENOTFOUND, NULL);
    CHECK_EQ_INT(unlink(path), 0);
    CHECK_EQ_INT(rmdir(test_dir()), 0); /* empty: no temporary file */
    CHECK_EQ_INT(mkdir(test_dir(), 0700), 0);
}

TEST(a_failed_atomic_write_keeps_the_old_file)
{
    struct sw_err err = SW_ERR_INIT;
    struct rlimit before, tiny;
    const char *path = test_path("f");
    sw_autofree char *big = sw_calloc(100000, 1);

    CHECK_OK(sw_write_file_atomic(path, "old", 3, 0600, &err));
    CHECK_EQ_INT(getrlimit(RLIMIT_FSIZE, &before), 0);
    tiny = (struct rlimit){4096, before.rlim_max};
    (void)signal(SIGXFSZ, SIG_IGN);
    CHECK_EQ_INT(setrlimit(RLIMIT_FSIZE, &tiny), 0);
    int rc = sw_write_file_atomic(path, big, 100000, 0600, &err);
    CHECK_EQ_INT(setrlimit(RLIMIT_FSIZE, &before), 0);
    CHECK_ERR(rc, SW_EIO, NULL);
    CHECK_EQ_STR(test_read_file(path, NULL), "old");
    CHECK_EQ_INT(unlink(path), 0);
    CHECK_EQ_INT(rmdir(test_dir()), 0);
    CHECK_EQ_INT(mkdir(test_dir(), 0700), 0);
    CHECK_ERR(sw_write_file_atomic(test_path("no/f"), "x", 1, 0600, &err), SW_ENOTFOUND, NULL);
    CHECK_EQ_INT(mkdir(test_path("d"), 0700), 0);
    CHECK_ERR(sw_write_file_atomic(test_path("d"), "x", 1, 0600, &err), SW_EIO, NULL);
}

TEST(mkdirs_makes_every_folder)
{
    struct sw_err err = SW_ERR_INIT;
    struct stat st;

    CHECK_OK(sw_mkdirs(test_path("a/b/c"), 0700, &err));
    CHECK_OK(sw_mkdirs(test_path("a/b//c/"), 0700, &err));
    CHECK_OK(sw_mkdirs("/", 0700, &err));
    CHECK_EQ_INT(stat(test_path("a/b/c"), &st), 0);
    CHECK(S_ISDIR(st.st_mode));
    test_write_file(test_path("file"), "", 0);
    CHECK_ERR(sw_mkdirs(test_path("file"), 0700, &err), SW_EIO, NULL);
    CHECK_ERR(sw_mkdirs(test_path("file/x"), 0700, &err), SW_EIO, NULL);
    CHECK_ERR(sw_mkdirs("", 0700, &err), SW_ENOTFOUND, NULL);
    CHECK(sw_mkdirs("/proc/none", 0700, &err) < 0);
}

TEST(fsync_dir_wants_a_folder)
{
    struct sw_err err = SW_ERR_INIT;

    CHECK_OK(sw_fsync_dir(test_dir(), &err));
    CHECK_ERR(sw_fsync_dir(test_write_file(test_path("f"), "", 0), &err), SW_EIO, NULL);
    CHECK_ERR(sw_fsync_dir(test_path("none"), &err), SW_ENOTFOUND, NULL);
}

TEST(path_exists_sees_dangling_links)
{
    CHECK(!sw_path_exists(test_path("l")));
    CHECK_EQ_INT(symlink("/nowhere", test_path("l")), 0);
    CHECK(sw_path_exists(test_path("l")));
}

TEST(temp_dir_is_private)
{
    struct sw_err err = SW_ERR_INIT;
    sw_autofree char *path = sw_strdup(test_path("x-XXXXXX"));
    struct stat st;

    CHECK_OK(sw_make_temp_dir(path, &err));
    CHECK_EQ_INT(stat(path, &st), 0);
    CHECK_EQ_INT(st.st_mode & 07777, 0700);
    sw_autofree char *bad = sw_strdup(test_path("none/x-XXXXXX"));
    CHECK_ERR(sw_make_temp_dir(bad, &err), SW_ENOTFOUND, NULL);
}

TEST(lock_is_exclusive_and_ends_with_its_descriptor)
{
    struct sw_err err = SW_ERR_INIT;
    int a = -1, b = -1;

    CHECK_OK(sw_lock_file(test_path("lock"), &a, &err));
    CHECK_ERR(sw_lock_file(test_path("lock"), &b, &err), SW_ECONFLICT, NULL);
    CHECK_EQ_INT(b, -1);
    close(a);
    CHECK_OK(sw_lock_file(test_path("lock"), &b, &err));
    close(b);
    CHECK_ERR(sw_lock_file(test_path("none/lock"), &b, &err), SW_ENOTFOUND, NULL);
}

TEST(remove_tree_takes_files_links_and_folders)
{
    struct sw_err err = SW_ERR_INIT;

    CHECK_OK(sw_mkdirs(test_path("keep"), 0700, &err));
    test_write_file(test_path("keep/file"), "x", 1);
    CHECK_OK(sw_mkdirs(test_path("t/a/b"), 0700, &err));
    test_write_file(test_path("t/a/f"), "x", 1);
    CHECK_EQ_INT(symlink(test_path("keep"), test_path("t/a/link")), 0);
    CHECK_EQ_INT(symlink("/nowhere", test_path("t/dangling")), 0);
    CHECK_EQ_INT(mkfifo(test_path("t/fifo"), 0600), 0);
    CHECK_OK(sw_remove_tree(test_path("t/"), &err));
    CHECK(!sw_path_exists(test_path("t")));
    CHECK(sw_path_exists(test_path("keep/file")));
    CHECK_OK(sw_remove_tree(test_path("t"), &err));
    CHECK_OK(sw_remove_tree(test_path("none/none"), &err));
    CHECK_EQ_INT(symlink(test_path("keep"), test_path("link")), 0);
    CHECK_OK(sw_remove_tree(test_path("link"), &err));
    CHECK(sw_path_exists(test_path("keep/file")));
    CHECK_OK(sw_remove_tree(test_path("keep/file"), &err));
    CHECK(!sw_path_exists(test_path("keep/file")));
}

TEST(remove_tree_refuses_paths_without_a_name)
{
    struct sw_err err = SW_ERR_INIT;
    static const char *const bad[] = {"", "/", "//", ".", "..", "/tmp/..", "/tmp/."};

    for (size_t i = 0; i < SW_ARRAY_LEN(bad); i++)
        CHECK_ERR(sw_remove_tree(bad[i], &err), SW_EINVALID, NULL);
}

TEST(remove_tree_is_not_stopped_by_modes)
{
    struct sw_err err = SW_ERR_INIT;

    CHECK_OK(sw_mkdirs(test_path("t/a/b"), 0700, &err));
    test_write_file(test_path("t/a/b/f"), "x", 1);
    CHECK_EQ_INT(chmod(test_path("t/a/b"), 0500), 0);
    CHECK_EQ_INT(chmod(test_path("t/a"), 0000), 0);
    CHECK_OK(sw_remove_tree(test_path("t"), &err));
    CHECK(!sw_path_exists(test_path("t")));
}

/* Deeper than PATH_MAX allows to name, and than there are descriptors. */
TEST(remove_tree_takes_any_depth)
{
    struct sw_err err = SW_ERR_INIT;
    struct rlimit before, few;

    CHECK_EQ_INT(mkdir(test_path("t"), 0700), 0);
    int fd = open(test_path("t"), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    for (int i = 0; i < 3000; i++) {
        CHECK_EQ_INT(mkdirat(fd, "dir", i % 100 == 50 ? 0500 : 0700), 0);
        if (i % 100 == 50)
            CHECK_EQ_INT(fchmodat(fd, "dir", 0700, 0), 0);
        int next = openat(fd, "dir", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        CHECK(next >= 0);
        close(fd);
        fd = next;
    }
    close(fd);
    CHECK_EQ_INT(getrlimit(RLIMIT_NOFILE, &before), 0);
    few = (struct rlimit){100, before.rlim_max};
    CHECK_EQ_INT(setrlimit(RLIMIT_NOFILE, &few), 0);
    int rc = sw_remove_tree(test_path("t"), &err);
    CHECK_EQ_INT(setrlimit(RLIMIT_NOFILE, &before), 0);
    CHECK_MSG(rc == 0, "%s", err.msg);
    CHECK(!sw_path_exists(test_path("t")));
}

/* In a process of its own: the mount lives in a namespace that ends with it. 0: as expected. */
static int with_bind_mount(const char *from, const char *to, const char *tree)
{
    pid_t pid = fork();

    if (pid == 0) {
        struct sw_err err = SW_ERR_INIT;
        if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
            mount(from, to, NULL, MS_BIND, NULL) < 0)
            _exit(77);
        _exit(sw_remove_tree(tree, &err) == SW_ECONFLICT ? 0 : 1);
    }
    int status;
    CHECK_EQ_INT(waitpid(pid, &status, 0), pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

TEST(remove_tree_does_not_enter_mounts)
{
    struct sw_err err = SW_ERR_INIT;

    CHECK_OK(sw_mkdirs(test_path("precious"), 0700, &err));
    test_write_file(test_path("precious/file"), "x", 1);
    CHECK_OK(sw_mkdirs(test_path("t/m"), 0700, &err));
    int inner = with_bind_mount(test_path("precious"), test_path("t/m"), test_path("t"));
    CHECK(sw_path_exists(test_path("precious/file")));
    CHECK_OK(sw_mkdirs(test_path("t/m"), 0700, &err));
    int outer = with_bind_mount(test_path("precious"), test_path("t"), test_path("t"));
    CHECK(sw_path_exists(test_path("precious/file")));
    if (inner == 77)
        test_skip("needs the right to mount");
    CHECK_EQ_INT(inner, 0);
    CHECK_EQ_INT(outer, 0);
}
