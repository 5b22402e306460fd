/* SPDX-License-Identifier: Apache-2.0 */
/* With the machine's runc, where there is one. */
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "base/io.h"
#include "base/process.h"
#include "launcher/runtime/sealed_program.h"
#include "tests/lib/test.h"

static void put(const char *from, const char *to)
{
    size_t n;
    const char *data = test_read_file(from, &n);
    test_write_file(to, data, n);
    CHECK(chmod(to, 0755) == 0);
}

static void find_runc(char *out, size_t cap)
{
    if (!sw_find_program("runc", out, cap))
        test_skip("needs runc");
}

TEST(runc_runs_from_a_copy_that_cannot_be_written)
{
    char runc[256], target[256] = {0};
    find_runc(runc, sizeof runc);
    struct sealed_program *s = sealed_program_new(runc, test_path("link"));
    CHECK_EQ_STR(sealed_program_path(s), test_path("link"));
    CHECK(readlink(test_path("link"), target, sizeof target - 1) > 0);
    CHECK_CONTAINS(target, "/proc/");
    int fd = open(test_path("link"), O_RDONLY | O_CLOEXEC);
    CHECK(fd >= 0);
    /* These and no others are what runc looks for. */
    CHECK_EQ_INT(fcntl(fd, F_GET_SEALS), F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE);
    struct stat copy, file;
    CHECK(fstat(fd, &copy) == 0 && stat(runc, &file) == 0);
    CHECK_EQ_INT(copy.st_size, file.st_size);
    CHECK(close(fd) == 0);
    int writable = open(test_path("link"), O_WRONLY | O_CLOEXEC);
    CHECK(writable < 0 || write(writable, "x", 1) < 0);
    if (writable >= 0)
        CHECK(close(writable) == 0);
    sealed_program_free(s);
    CHECK(!sw_path_exists(test_path("link")));
}

TEST(another_program_and_a_script_run_as_they_are)
{
    char runc[256], script[512];
    find_runc(runc, sizeof runc);
    struct sealed_program *s = sealed_program_new("/bin/true", test_path("link"));
    CHECK_EQ_STR(sealed_program_path(s), "/bin/true");
    sealed_program_free(s);
    int n = snprintf(script, sizeof script, "#!/bin/sh\nexec %s \"$@\"\n", runc);
    test_write_file(test_path("runc"), script, (size_t)n);
    CHECK(chmod(test_path("runc"), 0755) == 0);
    s = sealed_program_new(test_path("runc"), test_path("link"));
    CHECK_EQ_STR(sealed_program_path(s), test_path("runc"));
    sealed_program_free(s);
    s = sealed_program_new(test_path("absent"), test_path("link"));
    CHECK_EQ_STR(sealed_program_path(s), test_path("absent"));
    sealed_program_free(s);
}

TEST(a_program_that_was_replaced_is_copied_anew)
{
    char runc[256], before[256] = {0}, after[256] = {0};
    find_runc(runc, sizeof runc);
    put(runc, test_path("runc"));
    struct sealed_program *s = sealed_program_new(test_path("runc"), test_path("link"));
    CHECK_EQ_STR(sealed_program_path(s), test_path("link"));
    CHECK(readlink(test_path("link"), before, sizeof before - 1) > 0);
    put("/bin/true", test_path("new"));
    CHECK(rename(test_path("new"), test_path("runc")) == 0);
    CHECK_EQ_STR(sealed_program_path(s), test_path("runc"));
    put(runc, test_path("new"));
    CHECK(rename(test_path("new"), test_path("runc")) == 0);
    CHECK_EQ_STR(sealed_program_path(s), test_path("link"));
    CHECK(readlink(test_path("link"), after, sizeof after - 1) > 0);
    CHECK_EQ_STR(before, after); /* whoever was told the link finds the new one */
    struct stat copy, file;
    CHECK(stat(test_path("link"), &copy) == 0 && stat(runc, &file) == 0);
    CHECK_EQ_INT(copy.st_size, file.st_size);
    sealed_program_free(s);
}

TEST(a_link_that_a_dead_process_left_is_replaced)
{
    char runc[256];
    find_runc(runc, sizeof runc);
    CHECK(symlink("/proc/1/fd/3", test_path("link")) == 0);
    struct sealed_program *s = sealed_program_new(runc, test_path("link"));
    CHECK_EQ_STR(sealed_program_path(s), test_path("link"));
    struct stat copy, file;
    CHECK(stat(test_path("link"), &copy) == 0 && stat(runc, &file) == 0);
    CHECK_EQ_INT(copy.st_size, file.st_size);
    sealed_program_free(s);
}
