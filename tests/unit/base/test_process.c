/* SPDX-License-Identifier: Apache-2.0 */
#include "base/process.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/macros.h"
#include "tests/lib/test.h"

#define AUTO_BUF(name, maximum) SW_CLEANUP(sw_buf_done) struct sw_buf name = SW_BUF_INIT(maximum)
#define SHELL(script)           ((const char *const[]){"/bin/sh", "-c", script, NULL})

TEST(captures_both_outputs_and_the_exit_code)
{
    struct sw_process_spec spec = {.argv = SHELL("echo out; echo err >&2; exit 3")};
    struct sw_process_result result;
    struct sw_err err = SW_ERR_INIT;
    AUTO_BUF(out, 100);
    AUTO_BUF(err_out, 100);

    CHECK_OK(sw_process_run(&spec, &out, &err_out, &result, &err));
    CHECK_EQ_INT(result.exit_code, 3);
    CHECK_EQ_STR(out.p, "out\n");
    CHECK_EQ_STR(err_out.p, "err\n");
}

TEST(one_buffer_for_both_keeps_the_order)
{
    struct sw_process_spec spec = {.argv = SHELL("echo a; echo b >&2; echo c")};
    struct sw_process_result result;
    struct sw_err err = SW_ERR_INIT;
    AUTO_BUF(out, 100);

    CHECK_OK(sw_process_run(&spec, &out, &out, &result, &err));
    CHECK_EQ_STR(out.p, "a\nb\nc\n");
}

TEST(input_of_any_size_arrives)
{
    sw_autofree char *big = sw_malloc(1000000);
    struct sw_process_result result;
    struct sw_err err = SW_ERR_INIT;
    AUTO_BUF(out, 100);
    AUTO_BUF(echo, 1000000);

    memset(big, 'x', 1000000);
    struct sw_process_spec spec = {.argv = SHELL("wc -c"), .input = {big, 1000000}};
    CHECK_OK(sw_process_run(&spec, &out, NULL, &result, &err));
    CHECK_EQ_INT(strtod(out.p, NULL), 1000000);
    spec.argv = SHELL("cat");
    CHECK_OK(sw_process_run(&spec, &echo, NULL, &result, &err));
    CHECK_EQ_MEM(echo.p, echo.n, big, 1000000);
    spec.argv = SHELL("exit 0"); /* does not read it */
    CHECK_OK(sw_process_run(&spec, NULL, NULL, &result, &err));
}

TEST(no_input_is_dev_null)
{
    struct sw_process_spec spec = {.argv = SHELL("wc -c; readlink /proc/self/fd/0")};
    struct sw_process_result result;
    struct sw_err err = SW_ERR_INIT;
    AUTO_BUF(out, 100);

    CHECK_OK(sw_process_run(&spec, &out, NULL, &result, &err));
    CHECK_EQ_STR(out.p, "0\n/dev/null\n");
}

TEST(output_beyond_the_maximum_is_dropped)
{
    struct sw_process_spec spec = {.argv = SHELL("head -c 3000000 /dev/zero | tr '\\0' x; exit 5")};
    struct sw_process_result result;
    struct sw_err err = SW_ERR_INIT;
    AUTO_BUF(out, 1000);

    CHECK_OK(sw_process_run(&spec, &out, NULL, &result, &err));
    CHECK_EQ_INT(result.exit_code, 5);
    CHECK_EQ_INT(out.n, 1000);
    CHECK(out.overflow);
}

TEST(what_was_written_last_is_not_lost)
{
    struct sw_process_spec spec = {.argv = SHELL("head -c 65536 /dev/zero")};
    struct sw_err err = SW_ERR_INIT;

    for (int i = 0; i < 20; i++) {
        struct sw_process_result result;
        AUTO_BUF(out, 100000);
        CHECK_OK(sw_process_run(&spec, &out, NULL, &result, &err));
        CHECK_EQ_INT(out.n, 65536);
    }
}

TEST(a_timeout_kills)
{
    struct sw_process_spec spec = {.argv = (const char *const[]){"sleep", "100", NULL},
                                   .timeout_ms = 100};
    struct sw_process_result result = {.exit_code = 77};
    struct sw_err err = SW_ERR_INIT;
    int64_t before = sw_mono_ms();
    AUTO_BUF(out, 100);

    CHECK_EQ_INT(sw_process_run(&spec, &out, NULL, &result, &err), SW_EUNAVAILABLE);
    CHECK_EQ_STR(err.msg, "sleep: timed out");
    CHECK_EQ_INT(result.exit_code, 77);
    CHECK(sw_mono_ms() - before < 60000);
}

TEST(a_timeout_is_kept_while_output_flows)
{
    struct sw_process_spec spec = {.argv = (const char *const[]){"yes", NULL}, .timeout_ms = 200};
    struct sw_process_result result;
    struct sw_err err = SW_ERR_INIT;
    int64_t before = sw_mono_ms();
    AUTO_BUF(out, 100);

    CHECK_ERR(sw_process_run(&spec, &out, NULL, &result, &err), SW_EUNAVAILABLE, NULL);
    CHECK(sw_mono_ms() - before < 60000);
}

TEST(a_daemon_that_keeps_the_pipe_does_not_hold_us)
{
    struct sw_process_spec spec = {.argv = SHELL("sleep 100 & echo $!")};
    struct sw_process_result result;
    struct sw_err err = SW_ERR_INIT;
    int64_t before = sw_mono_ms();
    AUTO_BUF(out, 100);
    int64_t pid;

    CHECK_OK(sw_process_run(&spec, &out, NULL, &result, &err));
    CHECK(sw_mono_ms() - before < 60000);
    CHECK(sw_parse_i64(sw_str_slice(sw_buf_str(&out), 0, out.n - 1), &pid) && pid > 1);
    kill((pid_t)pid, SIGKILL);
}

TEST(death_by_signal_is_128_and_the_signal)
{
    struct sw_process_spec spec = {.argv = SHELL("kill -9 $$")};
    struct sw_process_result result;
    struct sw_err err = SW_ERR_INIT;

    CHECK_OK(sw_process_run(&spec, NULL, NULL, &result, &err));
    CHECK_EQ_INT(result.exit_code, 137);
}

TEST(what_cannot_start_is_an_error)
{
    struct sw_process_spec spec = {.argv = (const char *const[]){"/no/such/program", NULL}};
    struct sw_process_result result;
    struct sw_err err = SW_ERR_INIT;

    CHECK_EQ_INT(sw_process_run(&spec, NULL, NULL, &result, &err), SW_ENOTFOUND);
    CHECK_EQ_STR(err.msg, "start /no/such/program: No such file or directory");
    sw_err_clear(&err);
    spec.argv = SHELL("true");
    spec.cwd = "/no/such/folder";
    CHECK_ERR(sw_process_run(&spec, NULL, NULL, &result, &err), SW_ENOTFOUND, NULL);
    spec.cwd = NULL;
    struct sw_process_fd bad = {.child_fd = 5, .our_fd = -1};
    spec.fds = &bad;
    spec.fds_n = 1;
    CHECK_ERR(sw_process_run(&spec, NULL, NULL, &result, &err), SW_EIO, NULL);
}

TEST(environment_and_folder)
{
    struct sw_process_spec spec = {.argv = SHELL("echo $A; pwd; echo ${HOME-none}"),
                                   .env = (const char *const[]){"A=b c", NULL},
                                   .cwd = "/"};
    struct sw_process_result result;
    struct sw_err err = SW_ERR_INIT;
    AUTO_BUF(out, 100);

    CHECK_OK(sw_process_run(&spec, &out, NULL, &result, &err));
    CHECK_EQ_STR(out.p, "b c\n/\nnone\n");
}

/* Our descriptors carry the numbers that the child is to see, crosswise. */
TEST(descriptors_whose_numbers_collide)
{
    struct sw_process_result result;
    struct sw_err err = SW_ERR_INIT;
    AUTO_BUF(out, 100);

    int a = open(test_write_file(test_path("a"), "A", 1), O_RDONLY | O_CLOEXEC);
    int b = open(test_write_file(test_path("b"), "B", 1), O_RDONLY | O_CLOEXEC);
    sw_autoclose int x = fcntl(a, F_DUPFD_CLOEXEC, 7);
    sw_autoclose int y = fcntl(b, F_DUPFD_CLOEXEC, x + 1);
    close(a);
    close(b);
    struct sw_process_fd fds[] = {{.child_fd = y, .our_fd = x}, {.child_fd = x, .our_fd = y}};
    sw_autofree char *script = sw_asprintf("cat <&%d; cat <&%d", x, y);
    struct sw_process_spec spec = {.argv = SHELL(script), .fds = fds, .fds_n = 2};
    CHECK_OK(sw_process_run(&spec, &out, NULL, &result, &err));
    CHECK_EQ_STR(out.p, "BA");
}

TEST(the_same_number_loses_close_on_exec)
{
    struct sw_process_result result;
    struct sw_err err = SW_ERR_INIT;
    AUTO_BUF(out, 100);
    int a = open(test_write_file(test_path("a"), "A", 1), O_RDONLY | O_CLOEXEC);
    sw_autoclose int same = fcntl(a, F_DUPFD_CLOEXEC, 8);

    close(a);
    struct sw_process_fd fds[] = {{.child_fd = same, .our_fd = same}};
    sw_autofree char *script = sw_asprintf("cat <&%d", same);
    struct sw_process_spec spec = {.argv = SHELL(script), .fds = fds, .fds_n = 1};
    CHECK_OK(sw_process_run(&spec, &out, NULL, &result, &err));
    CHECK_EQ_STR(out.p, "A");
}

TEST(nothing_else_is_inherited)
{
    struct sw_process_result result;
    struct sw_err err = SW_ERR_INIT;
    AUTO_BUF(out, 200);

    int a = open("/dev/null", O_RDONLY | O_CLOEXEC);
    sw_autoclose int leaked = fcntl(a, F_DUPFD, 4), high = fcntl(a, F_DUPFD, 50);
    CHECK(leaked >= 0 && high >= 0); /* neither is close-on-exec */
    struct sw_process_fd fds[] = {{.child_fd = 9, .our_fd = a}};
    struct sw_process_spec spec = {
        .argv = (const char *const[]){"ls", "/proc/self/fd", NULL}, .fds = fds, .fds_n = 1};
    CHECK_OK(sw_process_run(&spec, &out, NULL, &result, &err));
    CHECK_EQ_STR(out.p, "0\n1\n2\n3\n9\n"); /* 3: the folder that ls reads */
    close(a);
}

TEST(signals_are_reset)
{
    struct sw_process_spec spec = {
        .argv = SHELL("grep -E '^Sig(Blk|Ign):' /proc/self/status | tr -d '\\t\\n'")};
    struct sw_process_result result;
    struct sw_err err = SW_ERR_INIT;
    sigset_t set, before;
    AUTO_BUF(out, 100);

    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    CHECK_EQ_INT(pthread_sigmask(SIG_BLOCK, &set, &before), 0);
    (void)signal(SIGUSR2, SIG_IGN);
    (void)signal(SIGPIPE, SIG_IGN);
    int rc = sw_process_run(&spec, &out, NULL, &result, &err);
    (void)signal(SIGUSR2, SIG_DFL);
    (void)signal(SIGPIPE, SIG_DFL);
    CHECK_EQ_INT(pthread_sigmask(SIG_SETMASK, &before, NULL), 0);
    CHECK_OK(rc);
    CHECK_CONTAINS(out.p, "SigBlk:0000000000000000");
    /* Signals 1 to 28; the C library itself ignores 32 and 33 in what it spawns. */
    CHECK(sw_str_ends_with(sw_buf_str(&out), "0000000"));
}

TEST(signals_asked_for_start_blocked)
{
    static const char *const argv[] = {"grep", "SigBlk", "/proc/self/status", NULL};
    sigset_t blocked;
    struct sw_process_spec spec = {.argv = argv, .blocked = &blocked};
    struct sw_process_result result;
    struct sw_err err = SW_ERR_INIT;
    AUTO_BUF(out, 200);

    sigemptyset(&blocked);
    sigaddset(&blocked, SIGUSR2);
    sigaddset(&blocked, SIGTERM);
    CHECK_OK(sw_process_run(&spec, &out, NULL, &result, &err));
    CHECK_EQ_INT(result.exit_code, 0);
    CHECK_EQ_STR(out.p, "SigBlk:\t0000000000004800\n"); /* bits of signals 12 and 15 */
}

TEST(start_wait_and_stop)
{
    struct sw_process_spec spec = {.argv = SHELL("echo started; exec sleep 30")};
    struct sw_process_result result;
    struct sw_err err = SW_ERR_INIT;
    char text[16] = "";
    int fds[2];
    pid_t pid;

    CHECK_EQ_INT(pipe2(fds, O_CLOEXEC), 0);
    CHECK_OK(sw_process_start(&spec, fds[1], -1, &pid, &err));
    close(fds[1]);
    CHECK_EQ_INT(read(fds[0], text, sizeof(text) - 1), 8);
    CHECK_EQ_STR(text, "started\n");
    close(fds[0]);
    CHECK_EQ_INT(sw_process_wait(pid, 0, &result, &err), 0);
    CHECK_EQ_INT(sw_process_wait(pid, 30, &result, &err), 0);
    sw_process_stop(pid, 5000);
    CHECK_EQ_INT(kill(pid, 0), -1);
    CHECK_EQ_INT(errno, ESRCH);
    CHECK(sw_process_wait(pid, 0, &result, &err) < 0);
}

TEST(wait_gives_the_exit_code)
{
    struct sw_process_spec spec = {.argv = SHELL("exit 4")};
    struct sw_process_result result;
    struct sw_err err = SW_ERR_INIT;
    pid_t pid;

    CHECK_OK(sw_process_start(&spec, -1, -1, &pid, &err));
    CHECK_EQ_INT(sw_process_wait(pid, 10000, &result, &err), 1);
    CHECK_EQ_INT(result.exit_code, 4);
    CHECK_OK(sw_process_start(&spec, -1, -1, &pid, &err));
    CHECK_EQ_INT(sw_process_wait(pid, -1, &result, &err), 1);
    CHECK_EQ_INT(result.exit_code, 4);
    CHECK_ERR(sw_process_wait(pid, -1, &result, &err), SW_EIO, NULL);
}

TEST(stop_kills_who_ignores_the_request)
{
    struct sw_process_spec spec = {
        .argv = SHELL("trap '' TERM; echo ready; while :; do sleep 0.05; done")};
    struct sw_err err = SW_ERR_INIT;
    char text[8];
    int fds[2];
    pid_t pid;

    CHECK_EQ_INT(pipe2(fds, O_CLOEXEC), 0);
    CHECK_OK(sw_process_start(&spec, fds[1], -1, &pid, &err));
    close(fds[1]);
    CHECK_EQ_INT(read(fds[0], text, sizeof(text)), 6);
    close(fds[0]);
    int64_t before = sw_mono_ms();
    sw_process_stop(pid, 100);
    CHECK(sw_mono_ms() - before < 60000);
    CHECK_EQ_INT(kill(pid, 0), -1);
}

TEST(finds_programs)
{
    char out[4096];

    CHECK(sw_find_program("sh", out, sizeof(out)));
    CHECK_EQ_INT(out[0], '/');
    CHECK_EQ_INT(access(out, X_OK), 0);
    CHECK(!sw_find_program("no-such-program-here", out, sizeof(out)));
    CHECK_EQ_STR(out, "");
    CHECK(!sw_find_program("", out, sizeof(out)));
    CHECK(!sw_find_program("sh", out, 3));
    CHECK(sw_find_program("/bin/sh", out, sizeof(out)));
    CHECK(!sw_find_program(test_write_file(test_path("plain"), "x", 1), out, sizeof(out)));
    CHECK(!sw_find_program("/etc", out, sizeof(out)));
}

TEST(knows_its_own_path)
{
    CHECK_CONTAINS(sw_self_path(), "process");
    CHECK_EQ_INT(access(sw_self_path(), X_OK), 0);
}
