/* SPDX-License-Identifier: Apache-2.0 */
/* Users, folders and mount targets of hostile images. */
#include "launcher/runtime/image_user.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io.h"
#include "base/limits.h"
#include "base/macros.h"
#include "tests/lib/test.h"

static const char passwd[] =
    "root:x:0:0:root:/root:/bin/sh\nweb:x:33:34:w:/var/www:/bin/false\nbad "
    "line\nbig:x:4294967296:0::/:\n"
    "neg:x:-1:0::/:\n1000:x:5:6:named by digits:/five:\nlast:x:77:78::relative:";
static const char group[] =
    "root:x:0:\nwww:x:34:web\ndisk:x:6:web,other\naudio:x:29:other,web\nhuge:x:9999999999:web\n"
    "near:x:40:webx,xweb\n";

TEST(resolves_as_the_image_says)
{
    static const struct {
        const char *user;
        uint32_t uid, gid;
        size_t groups;
        const char *home;
    } rows[] = {
        {"", 0, 0, 0, "/root"},
        {"root", 0, 0, 0, "/root"},
        {"web", 33, 34, 2, "/var/www"},
        {"33", 33, 34, 2, "/var/www"},
        {"web:root", 33, 0, 0, "/var/www"},
        {"web:6", 33, 6, 0, "/var/www"},
        {"4242", 4242, 0, 0, "/"},
        {"4242:4343", 4242, 4343, 0, "/"},
        {"1000", 5, 6, 0, "/five"},
        {"2147483647", 2147483647, 0, 0, "/"},
        {"last", 77, 78, 0, "/"},
        {":34", 0, 34, 0, "/root"},
    };
    for (size_t i = 0; i < SW_ARRAY_LEN(rows); i++) {
        struct sw_err err = SW_ERR_INIT;
        struct image_user u;
        CHECK_MSG(image_user_parse(rows[i].user, sw_str(passwd), sw_str(group), &u, &err) == 0,
                  "%s: %s", rows[i].user, err.msg);
        CHECK_MSG(u.uid == rows[i].uid && u.gid == rows[i].gid && u.groups_n == rows[i].groups,
                  "%s: %u:%u %zu", rows[i].user, u.uid, u.gid, u.groups_n);
        CHECK_EQ_STR(u.home, rows[i].home);
    }
}

TEST(refuses_hostile_users)
{
    static const char *const rows[] = {"nobody",
                                       "2147483648",
                                       "4294967296",
                                       "-1",
                                       "web:",
                                       "a:b:c",
                                       "web:none",
                                       "web:99999999999",
                                       "18446744073709551616",
                                       "0x0",
                                       "we b",
                                       "web\n",
                                       "../root",
                                       "big",
                                       "neg"};
    for (size_t i = 0; i < SW_ARRAY_LEN(rows); i++) {
        struct sw_err err = SW_ERR_INIT;
        struct image_user u;
        int r = image_user_parse(rows[i], sw_str(passwd), sw_str(group), &u, &err);
        CHECK_MSG(r == SW_EINVALID, "%s was accepted", rows[i]);
        CHECK_EQ_STR(err.reason, "CannotCreateContainerError");
    }
}

static int root_fd(void)
{
    struct sw_err err = SW_ERR_INIT;
    CHECK_OK(sw_mkdirs(test_path("root/etc"), 0755, &err));
    CHECK_OK(sw_mkdirs(test_path("outside"), 0755, &err));
    int fd = open(test_path("root"), O_PATH | O_DIRECTORY | O_CLOEXEC);
    CHECK(fd >= 0);
    return fd;
}

TEST(passwd_is_read_beneath_the_root_and_bounded)
{
    struct sw_err err = SW_ERR_INIT;
    struct image_user u;
    sw_autoclose int fd = root_fd();
    CHECK_OK(image_user_resolve(fd, "7", &u, &err));
    /* A link to the host's file leads into the image. */
    CHECK(symlink("/../../../../../../../../etc/passwd", test_path("root/etc/passwd")) == 0);
    CHECK(image_user_resolve(fd, "daemon", &u, &err) < 0);
    sw_err_clear(&err);
    CHECK(unlink(test_path("root/etc/passwd")) == 0 &&
          mkfifo(test_path("root/etc/passwd"), 0600) == 0);
    CHECK_ERR(image_user_resolve(fd, "7", &u, &err), SW_EINVALID, "CannotCreateContainerError");
    CHECK(unlink(test_path("root/etc/passwd")) == 0);
    test_write_file(test_path("root/etc/passwd"), "", 0);
    CHECK(truncate(test_path("root/etc/passwd"), 100 << 20) == 0);
    CHECK_ERR(image_user_resolve(fd, "7", &u, &err), SW_ELIMIT, "CannotCreateContainerError");
    CHECK(truncate(test_path("root/etc/passwd"), 0) == 0);
    test_write_file(test_path("root/etc/group"), "", 0);
    CHECK(truncate(test_path("root/etc/group"), 100 << 20) == 0);
    CHECK_ERR(image_user_resolve(fd, "7", &u, &err), SW_ELIMIT, "CannotCreateContainerError");
}

TEST(folders_are_made_inside)
{
    struct sw_err err = SW_ERR_INIT;
    struct stat st;
    sw_autoclose int fd = root_fd();
    CHECK_OK(image_make_folder(fd, "/a//b/./c", geteuid(), getegid(), &err));
    CHECK_OK(image_make_folder(fd, "/a/b/c", 0, 0, &err));
    CHECK_OK(image_make_folder(fd, "/", 0, 0, &err));
    CHECK(stat(test_path("root/a/b/c"), &st) == 0 && S_ISDIR(st.st_mode));
    CHECK(symlink("../../../outside", test_path("root/link")) == 0);
    CHECK(symlink("/a", test_path("root/abs")) == 0);
    CHECK_OK(image_make_folder(fd, "/abs/new", geteuid(), getegid(), &err));
    CHECK(sw_path_exists(test_path("root/a/new")));
    (void)image_make_folder(fd, "/link/pwn", geteuid(), getegid(), &err);
    sw_err_clear(&err);
    CHECK(!sw_path_exists(test_path("outside/pwn")));
    static const char *const bad[] = {"relative", "", "/a/../../outside/x", "/..", "/etc/../x"};
    for (size_t i = 0; i < SW_ARRAY_LEN(bad); i++)
        CHECK_ERR(image_make_folder(fd, bad[i], 0, 0, &err), SW_EINVALID,
                  "CannotCreateContainerError");
    test_write_file(test_path("root/file"), "", 0);
    CHECK(image_make_folder(fd, "/file/x", 0, 0, &err) < 0);
    sw_err_clear(&err);
    CHECK(image_make_folder(fd, "/file", 0, 0, &err) < 0);
}

TEST(files_replace_links)
{
    struct sw_err err = SW_ERR_INIT;
    struct stat st;
    sw_autoclose int fd = root_fd();
    test_write_file(test_path("outside/hosts"), "host's", 6);
    CHECK(symlink("../../outside/hosts", test_path("root/etc/hosts")) == 0);
    CHECK_OK(image_make_file(fd, "/etc/hosts", &err));
    CHECK(lstat(test_path("root/etc/hosts"), &st) == 0 && S_ISREG(st.st_mode));
    CHECK_EQ_STR(test_read_file(test_path("outside/hosts"), NULL), "host's");
    CHECK_OK(image_make_file(fd, "/etc/hosts", &err));
    CHECK(mkdir(test_path("root/etc/resolv.conf"), 0755) == 0);
    CHECK_ERR(image_make_file(fd, "/etc/resolv.conf", &err), SW_EINVALID, NULL);
    CHECK_ERR(image_make_file(fd, "etc/x", &err), SW_EINVALID, NULL);
}

TEST(proc_and_dev_have_to_be_folders)
{
    static const char *const names[] = {"proc", "dev", "sys"};
    struct sw_err err = SW_ERR_INIT;
    sw_autoclose int fd = root_fd();
    CHECK_OK(image_check_mount_targets(fd, &err));
    for (size_t i = 0; i < SW_ARRAY_LEN(names); i++) {
        CHECK(symlink("etc", test_path("root/%s", names[i])) == 0);
        CHECK_ERR(image_check_mount_targets(fd, &err), SW_EINVALID, "CannotCreateContainerError");
        CHECK(unlink(test_path("root/%s", names[i])) == 0 &&
              mkdir(test_path("root/%s", names[i]), 0755) == 0);
    }
    CHECK_OK(image_check_mount_targets(fd, &err));
    CHECK(symlink("/etc", test_path("root/dev/shm")) == 0);
    CHECK_ERR(image_check_mount_targets(fd, &err), SW_EINVALID, NULL);
}
