/* SPDX-License-Identifier: Apache-2.0 */
#include "base/err.h"

#include <errno.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/lib/test.h"

TEST(fail_fills_everything_and_returns_the_code)
{
    struct sw_err err = SW_ERR_INIT;

    CHECK_EQ_INT(sw_fail(&err, SW_ENOTFOUND, "Reason", "no %s", "tag"), SW_ENOTFOUND);
    CHECK_EQ_INT(err.code, SW_ENOTFOUND);
    CHECK_EQ_INT(err.os_errno, 0);
    CHECK_EQ_STR(err.reason, "Reason");
    CHECK_EQ_STR(err.msg, "no tag");
    CHECK_EQ_STR(err.detail, "");
    CHECK_CONTAINS(err.where, "test_err.c:");
}

TEST(fail_os_maps_errno)
{
    static const struct {
        int value, code;
        const char *reason;
    } rows[] = {
        {ENOENT, SW_ENOTFOUND, NULL},
        {ENOSPC, SW_ELIMIT, "DiskFull"},
        {EDQUOT, SW_ELIMIT, "DiskFull"},
        {EACCES, SW_EIO, NULL},
        {EPERM, SW_EIO, NULL},
        {EROFS, SW_EIO, "DiskReadOnly"},
        {EIO, SW_EIO, NULL},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct sw_err err = SW_ERR_INIT;
        CHECK_EQ_INT(sw_fail_os(&err, rows[i].value, "open %s", "x"), rows[i].code);
        CHECK_EQ_STR(err.reason, rows[i].reason);
        CHECK_EQ_INT(err.os_errno, rows[i].value);
        CHECK_CONTAINS(err.msg, "open x: ");
        CHECK_CONTAINS(err.msg, strerrordesc_np(rows[i].value));
    }
}

TEST(fail_os_names_an_unknown_errno_by_number)
{
    struct sw_err err = SW_ERR_INIT;

    sw_fail_os(&err, 99999, "x");
    CHECK_EQ_STR(err.msg, "x: error 99999");
}

TEST(a_long_message_is_cut_but_the_cause_stays)
{
    struct sw_err err = SW_ERR_INIT;

    sw_fail_os(&err, ENOENT, "%02000d", 1);
    CHECK(strlen(err.msg) < sizeof(err.msg));
    CHECK_CONTAINS(err.msg, ": No such file or directory");
    sw_err_clear(&err);
    sw_fail(&err, SW_EIO, NULL, "%02000d", 1);
    CHECK_EQ_INT(strlen(err.msg), sizeof(err.msg) - 1);
}

TEST(prefix_keeps_code_and_reason)
{
    struct sw_err err = SW_ERR_INIT;

    sw_fail(&err, SW_EINVALID, "R", "bad");
    CHECK_EQ_INT(sw_prefix(&err, "file %d", 7), SW_EINVALID);
    CHECK_EQ_STR(err.msg, "file 7: bad");
    CHECK_EQ_STR(err.reason, "R");
}

TEST(prefix_survives_any_length)
{
    struct sw_err err = SW_ERR_INIT;

    sw_fail(&err, SW_EINVALID, NULL, "%0700d", 1);
    for (int i = 0; i < 20; i++)
        sw_prefix(&err, "%0100d", i);
    CHECK_EQ_INT(strlen(err.msg), sizeof(err.msg) - 1);
    sw_prefix(&err, "%0900d", 1);
    CHECK(strlen(err.msg) < sizeof(err.msg));
}

TEST(detail_is_cut_to_fit)
{
    struct sw_err err = SW_ERR_INIT;

    sw_fail(&err, SW_EINVALID, NULL, "x");
    CHECK_EQ_INT(sw_detail(&err, "sha256:%d", 5), SW_EINVALID);
    CHECK_EQ_STR(err.detail, "sha256:5");
    sw_detail(&err, "%0500d", 1);
    CHECK_EQ_INT(strlen(err.detail), sizeof(err.detail) - 1);
}

TEST(move_empties_the_source)
{
    struct sw_err err = SW_ERR_INIT, other = SW_ERR_INIT;

    sw_fail(&other, SW_ESTALE, "R", "x");
    CHECK_EQ_INT(sw_err_move(&err, &other), SW_ESTALE);
    CHECK_EQ_INT(other.code, 0);
    CHECK_EQ_STR(err.msg, "x");
    CHECK_EQ_STR(err.reason, "R");
}

/* True if fn dies of an assertion in a process of its own. */
static bool aborts(void (*fn)(void))
{
    int status = 0;

    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        struct rlimit none = {0, 0};
        (void)setrlimit(RLIMIT_CORE, &none);
        (void)signal(SIGABRT, SIG_DFL);
        if (!freopen("/dev/null", "w", stderr))
            _exit(1);
        fn();
        _exit(0);
    }
    CHECK(pid > 0);
    CHECK_EQ_INT(waitpid(pid, &status, 0), pid);
    return WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT;
}

static void fail_twice(void)
{
    struct sw_err err = SW_ERR_INIT;

    sw_fail(&err, SW_EIO, NULL, "first");
    sw_fail(&err, SW_EIO, NULL, "second");
}

static void fail_with_success(void)
{
    struct sw_err err = SW_ERR_INIT;

    sw_fail(&err, 0, NULL, "nothing");
}

static void prefix_of_nothing(void)
{
    struct sw_err err = SW_ERR_INIT;

    sw_prefix(&err, "x");
}

static void move_over_an_error(void)
{
    struct sw_err a = SW_ERR_INIT, b = SW_ERR_INIT;

    sw_fail(&a, SW_EIO, NULL, "a");
    sw_fail(&b, SW_EIO, NULL, "b");
    sw_err_move(&a, &b);
}

TEST(overwriting_an_error_is_a_crash)
{
    CHECK(aborts(fail_twice));
    CHECK(aborts(fail_with_success));
    CHECK(aborts(prefix_of_nothing));
    CHECK(aborts(move_over_an_error));
}

TEST(every_code_has_a_name)
{
    for (int code = SW_ENOTFOUND; code >= SW_EUNSUPPORTED; code--)
        CHECK(strcmp(sw_error_code_to_string(code), "unknown") != 0);
    CHECK_EQ_STR(sw_error_code_to_string(SW_ENOTFOUND), "not-found");
    CHECK_EQ_STR(sw_error_code_to_string(SW_EUNSUPPORTED), "unsupported");
    CHECK_EQ_STR(sw_error_code_to_string(0), "none");
    CHECK_EQ_STR(sw_error_code_to_string(-12), "unknown");
    CHECK_EQ_STR(sw_error_code_to_string(1), "unknown");
}
