/* SPDX-License-Identifier: Apache-2.0 */
/* Real containers through runc and conmon; not run without root. The image is busybox alone. */
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/id.h"
#include "base/io.h"
#include "base/json.h"
#include "base/process.h"
#include "launcher/runtime/cgroup.h"
#include "launcher/runtime/runtime.h"
#include "launcher/runtime/spec.h"
#include "tests/lib/test.h"

static struct runtime rt;
static char task[33];
static char state_dir[400]; /* test_path is for the case's own thread */

static void new_id(char out[33])
{
    sw_random_hex(out, 32);
}

static void copy_file(const char *from, const char *to)
{
    size_t n;
    const char *data = test_read_file(from, &n);
    test_write_file(to, data, n);
    CHECK(chmod(to, 0755) == 0);
}

static void setup(void)
{
    char program[256];
    if (geteuid() != 0)
        test_skip("needs root");
    if (!sw_find_program("runc", program, sizeof program) ||
        !sw_find_program("conmon", program, sizeof program))
        test_skip("needs runc and conmon");
    if (!sw_find_program("busybox", program, sizeof program))
        test_skip("needs busybox");
    struct sw_err err = SW_ERR_INIT;
    new_id(task);
    CHECK_OK(sw_mkdirs(test_path("rootfs/bin"), 0755, &err));
    copy_file(program, test_path("rootfs/bin/busybox"));
    static const char *const names[] = {"sh",   "cat",   "sleep", "id",  "head",
                                        "tail", "mount", "ls",    "kill"};
    for (size_t i = 0; i < SW_ARRAY_LEN(names); i++)
        CHECK(symlink("busybox", test_path("rootfs/bin/%s", names[i])) == 0);
    (void)snprintf(state_dir, sizeof state_dir, "%s", test_path("state"));
    CHECK_OK(runtime_oci_new(&(struct runtime_oci_options){.state_dir = state_dir}, &rt, &err));
}

static const char *make_bundle(const char *id, const char *script, int64_t memory)
{
    struct sw_err err = SW_ERR_INIT;
    const char *args[] = {"/bin/sh", "-c", script, NULL};
    const char *env[] = {"PATH=/bin", "GREETING=hello", NULL};
    struct container_spec s = {.id = id,
                               .task = task,
                               .rootfs = test_path("rootfs"),
                               .hostname = "box",
                               .args = args,
                               .env = env,
                               .cwd = "/",
                               .cpu_units = 0,
                               .memory_limit_bytes = memory,
                               .pids_limit = 100};
    json_t *j = NULL;
    CHECK_OK(spec_build(&s, &j, &err));
    char *text = sw_json_dump(j);
    const char *bundle = test_path("%s", id);
    CHECK_OK(sw_mkdirs(bundle, 0700, &err));
    test_write_file(test_path("%s/config.json", id), text, strlen(text));
    free(text);
    json_decref(j);
    return bundle;
}

static void run(const char *id, const char *script, int64_t memory)
{
    struct sw_err err = SW_ERR_INIT;
    const char *bundle = make_bundle(id, script, memory);
    CHECK_OK(rt.ops->create(rt.self, id, bundle, test_path("%s.log", id), &err));
    CHECK_OK(rt.ops->start(rt.self, id, &err));
}

static void finish(const char *id, struct runtime_state *st)
{
    struct sw_err err = SW_ERR_INIT;
    CHECK_EQ_INT(rt.ops->wait(rt.self, id, 20000, st, &err), 1);
    CHECK_EQ_INT(st->status, RUNTIME_STOPPED);
}

static void removed(const char *id)
{
    struct sw_err err = SW_ERR_INIT;
    struct runtime_state st;
    CHECK_OK(rt.ops->remove(rt.self, id, &err));
    CHECK_OK(rt.ops->remove(rt.self, id, &err));
    CHECK_OK(rt.ops->state(rt.self, id, &st, &err));
    CHECK_EQ_INT(st.status, RUNTIME_ABSENT);
    CHECK(!sw_path_exists(test_path("state/exits/%s", id)));
    CHECK(cgroup_remove(NULL, task));
}

TEST(runs_logs_and_gives_the_exit_code)
{
    setup();
    char id[33];
    new_id(id);
    int64_t t0 = sw_mono_us();
    run(id, "echo out $GREETING; echo oops >&2; exit 7", 0);
    struct runtime_state st;
    finish(id, &st);
    printf("  create to exit seen: %lld us\n", (long long)(sw_mono_us() - t0));
    CHECK_EQ_INT(st.exit_code, 7);
    CHECK(!st.oom_killed);
    const char *log = test_read_file(test_path("%s.log", id), NULL);
    CHECK_CONTAINS(log, "stdout F out hello\n");
    CHECK_CONTAINS(log, "stderr F oops\n");
    removed(id);
    runtime_oci_free(&rt);
}

TEST(a_killed_container_ends_with_128_plus_the_signal)
{
    setup();
    char id[33];
    new_id(id);
    struct sw_err err = SW_ERR_INIT;
    run(id, "sleep 100", 0);
    struct runtime_state st;
    CHECK_EQ_INT(rt.ops->wait(rt.self, id, 20, &st, &err), 0);
    CHECK_OK(rt.ops->state(rt.self, id, &st, &err));
    CHECK_EQ_INT(st.status, RUNTIME_RUNNING);
    CHECK(st.pid > 0);
    CHECK_OK(rt.ops->signal(rt.self, id, SIGKILL, &err));
    finish(id, &st);
    CHECK_EQ_INT(st.exit_code, 137);
    CHECK(!st.oom_killed);
    CHECK_OK(rt.ops->signal(rt.self, id, SIGTERM, &err));
    removed(id);
    runtime_oci_free(&rt);
}

TEST(a_second_instance_goes_on_with_a_running_container)
{
    setup();
    char id[33];
    new_id(id);
    run(id, "trap 'echo stopping; exit 5' TERM; echo up; while :; do sleep 0.05; done", 0);
    runtime_oci_free(&rt);
    struct sw_err err = SW_ERR_INIT;
    (void)snprintf(state_dir, sizeof state_dir, "%s", test_path("state"));
    CHECK_OK(runtime_oci_new(&(struct runtime_oci_options){.state_dir = state_dir}, &rt, &err));
    for (int i = 0; i < 2000 && !strstr(test_read_file(test_path("%s.log", id), NULL), "up"); i++)
        sw_sleep_ms(10);
    struct runtime_state st;
    CHECK_OK(rt.ops->state(rt.self, id, &st, &err));
    CHECK_EQ_INT(st.status, RUNTIME_RUNNING);
    CHECK_OK(rt.ops->signal(rt.self, id, SIGTERM, &err));
    finish(id, &st);
    CHECK_EQ_INT(st.exit_code, 5);
    CHECK_CONTAINS(test_read_file(test_path("%s.log", id), NULL), "stopping");
    removed(id);
    runtime_oci_free(&rt);
}

TEST(memory_over_the_limit_is_an_oom_kill)
{
    setup();
    char id[33];
    new_id(id);
    run(id, "exec tail /dev/zero", 8 << 20);
    struct runtime_state st;
    finish(id, &st);
    CHECK_EQ_INT(st.exit_code, 137);
    CHECK(st.oom_killed);
    removed(id);
    runtime_oci_free(&rt);
}

/* The victim says so, its neighbour does not, whoever's limit it was. */
TEST(the_limit_of_a_task_is_shared)
{
    setup();
    struct sw_err err = SW_ERR_INIT;
    char first[33], second[33];
    new_id(first);
    new_id(second);
    CHECK_OK(cgroup_make(NULL, task, &(struct cgroup_limits){.memory_bytes = 24 << 20}, &err));
    run(first, "trap 'exit 3' TERM; while :; do sleep 0.1; done", 0);
    run(second, "exec tail /dev/zero", 0);
    struct runtime_state st;
    finish(second, &st);
    CHECK_EQ_INT(st.exit_code, 137);
    CHECK(st.oom_killed);
    CHECK_OK(rt.ops->signal(rt.self, first, SIGTERM, &err));
    finish(first, &st);
    CHECK_EQ_INT(st.exit_code, 3);
    CHECK(!st.oom_killed);
    CHECK_OK(rt.ops->remove(rt.self, first, &err));
    removed(second);
    runtime_oci_free(&rt);
}

TEST(a_missing_program_is_named)
{
    setup();
    char id[33];
    new_id(id);
    struct sw_err err = SW_ERR_INIT;
    const char *bundle = make_bundle(id, "true", 0);
    char *text = test_read_file(test_path("%s/config.json", id), NULL);
    char *at = strstr(text, "/bin/sh");
    CHECK_NOT_NULL(at);
    memcpy(at, "/bin/no", 7);
    test_write_file(test_path("%s/config.json", id), text, strlen(text));
    CHECK_ERR(rt.ops->create(rt.self, id, bundle, test_path("%s.log", id), &err), SW_EIO,
              "CannotCreateContainerError");
    removed(id);
    CHECK_ERR(rt.ops->create(rt.self, "../x", bundle, test_path("x.log"), &err), SW_EINVALID, NULL);
    runtime_oci_free(&rt);
}

TEST(the_inside_is_confined)
{
    setup();
    char id[33];
    new_id(id);
    run(id,
        "cat /proc/self/status; id; cat /proc/1/comm; mount -t tmpfs none /bin; echo mount $?; ls "
        "/proc/kcore -l; "
        "cat /proc/sys/kernel/hostname; echo 1 > /proc/sys/kernel/hostname; echo sys $?",
        0);
    struct runtime_state st;
    finish(id, &st);
    const char *log = test_read_file(test_path("%s.log", id), NULL);
    CHECK_CONTAINS(log, "CapInh:\t0000000000000000");
    CHECK_CONTAINS(log, "CapAmb:\t0000000000000000");
    CHECK_CONTAINS(log, "CapEff:\t00000000a80425fb");
    CHECK_CONTAINS(log, "CapBnd:\t00000000a80425fb");
    CHECK_CONTAINS(log, "NoNewPrivs:\t1");
    CHECK_CONTAINS(log, "Seccomp:\t2");
    CHECK_CONTAINS(log, "uid=0 gid=0");
    CHECK(strstr(log, "mount 0") == NULL);
    CHECK(strstr(log, "sys 0") == NULL);
    removed(id);
    runtime_oci_free(&rt);
}

TEST(exec_runs_inside_and_times_out)
{
    setup();
    char id[33];
    new_id(id);
    struct sw_err err = SW_ERR_INIT;
    run(id, "sleep 100", 0);
    int code = -1;
    const char *argv[] = {"/bin/sh", "-c", "test \"$X\" = 1 && exit 4", NULL};
    const char *env[] = {"X=1", NULL};
    CHECK_OK(rt.ops->exec(rt.self, id,
                          &(struct runtime_exec){.argv = argv, .env = env, .timeout_ms = 60000},
                          &code, &err));
    CHECK_EQ_INT(code, 4);
    const char *slow[] = {"/bin/sleep", "50", NULL};
    CHECK_ERR(rt.ops->exec(rt.self, id, &(struct runtime_exec){.argv = slow, .timeout_ms = 300},
                           &code, &err),
              SW_EUNAVAILABLE, NULL);
    removed(id);
    runtime_oci_free(&rt);
}

static int count_one(void *ctx, const char *id)
{
    (void)id;
    ++*(int *)ctx;
    return 0;
}

TEST(a_start_cut_short_is_a_start)
{
    setup();
    char id[33];
    new_id(id);
    struct sw_err err = SW_ERR_INIT;
    struct runtime_state st;
    const char *bundle = make_bundle(id, "sleep 100", 0);
    CHECK_OK(rt.ops->create(rt.self, id, bundle, test_path("%s.log", id), &err));
    CHECK_OK(rt.ops->state(rt.self, id, &st, &err));
    CHECK_EQ_INT(st.status, RUNTIME_CREATED);
    CHECK_OK(rt.ops->start(rt.self, id, &err));
    /* As if the starter had died before it removed the fifo, by which the runtime tells the two apart. */
    CHECK(mkfifo(test_path("state/runtime/%s/exec.fifo", id), 0600) == 0);
    for (int i = 0; i < 5000; i++) {
        CHECK_OK(rt.ops->state(rt.self, id, &st, &err));
        if (st.status == RUNTIME_RUNNING)
            break;
        sw_sleep_ms(10);
    }
    CHECK_EQ_INT(st.status, RUNTIME_RUNNING);
    removed(id);
    runtime_oci_free(&rt);
}

/* Its exit code. The first process may be quicker than the one who closes, and then it runs. */
static int cut_short(void)
{
    char id[33];
    new_id(id);
    struct sw_err err = SW_ERR_INIT;
    struct runtime_state st;
    const char *bundle = make_bundle(id, "exit 7", 0);
    CHECK_OK(rt.ops->create(rt.self, id, bundle, test_path("%s.log", id), &err));
    /* As whoever starts it, and is killed then: the first process finds nobody who reads. */
    int fd = -1;
    for (int i = 0; i < 1000 && rt.ops->wait(rt.self, id, 0, &st, &err) == 0; i++) {
        fd = open(test_path("state/runtime/%s/exec.fifo", id), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
        CHECK(fd >= 0);
        close(fd);
        sw_sleep_ms(10);
    }
    finish(id, &st);
    removed(id);
    return st.exit_code;
}

TEST(a_start_that_was_cut_short_before_the_program_began_has_no_exit_code)
{
    setup();
    int code = 7;
    for (int i = 0; i < 50 && code == 7; i++)
        code = cut_short();
    CHECK_EQ_INT(code, -1);
    runtime_oci_free(&rt);
}

static pid_t number_in(const char *path)
{
    uint64_t n = 0;
    CHECK(sw_parse_u64(sw_str_trim(sw_str(test_read_file(path, NULL))), &n) && n > 1);
    return (pid_t)n;
}

/* Or is a zombie that nobody waits for. */
static bool has_ended(pid_t pid)
{
    struct sw_err ignored = SW_ERR_INIT;
    SW_CLEANUP(sw_buf_done) struct sw_buf b = SW_BUF_INIT(65536);
    char path[64];
    (void)snprintf(path, sizeof path, "/proc/%d/cmdline", (int)pid);
    return sw_read_file(path, &b, &ignored) < 0 || b.n == 0;
}

static const char *begun_path; /* test_path is for the case's own thread */

static void *kill_monitor_of(void *id)
{
    char path[512];
    struct sw_err err = SW_ERR_INIT;
    SW_CLEANUP(sw_buf_done) struct sw_buf b = SW_BUF_INIT(64);
    uint64_t pid = 0;
    snprintf(path, sizeof path, "%s/containers/%s/conmon.pid", state_dir, (const char *)id);
    for (int i = 0; i < 20000 && !(sw_path_exists(begun_path) && sw_path_exists(path)); i++)
        sw_sleep_ms(1);
    CHECK_OK(sw_read_file(path, &b, &err));
    CHECK(sw_parse_u64(sw_str_slice(sw_buf_str(&b), 0, strcspn(b.p, "\n")), &pid) && pid > 1);
    CHECK(kill((pid_t)pid, SIGKILL) == 0);
    return NULL;
}

/* That script is the runtime from now on. */
static void run_by(const char *script, size_t n)
{
    struct sw_err err = SW_ERR_INIT;
    struct runtime_oci_options o = {.state_dir = state_dir, .runtime_path = test_path("runtime")};
    test_write_file(o.runtime_path, script, n);
    CHECK(chmod(o.runtime_path, 0755) == 0);
    runtime_oci_free(&rt);
    CHECK_OK(runtime_oci_new(&o, &rt, &err));
}

/* What the runtime began goes on when the monitor that started it is killed, and would make the container when everybody has left. */
TEST(a_creation_whose_monitor_is_killed_ends)
{
    setup();
    char id[33], runc[256], script[1024];
    new_id(id);
    struct sw_err err = SW_ERR_INIT;
    CHECK(sw_find_program("runc", runc, sizeof runc));
    begun_path = test_path("begun");
    /* In a process of its own: the monitor's child ends with it. */
    int n = snprintf(
        script, sizeof script,
        "#!/bin/sh\ncase \"$*\" in *create*) (sh -c 'printf %%s $PPID' >%s.new; mv %s.new %s; "
        "i=0; while [ $i -lt 600 ]; do sleep 0.1; i=$((i + 1)); done) &\n"
        "wait $!; exit $?;; esac\nexec %s \"$@\"\n",
        begun_path, begun_path, begun_path, runc);
    run_by(script, (size_t)n);
    const char *bundle = make_bundle(id, "sleep 100", 0);
    pthread_t killer;
    CHECK_EQ_INT(pthread_create(&killer, NULL, kill_monitor_of, id), 0);
    CHECK_ERR(rt.ops->create(rt.self, id, bundle, test_path("%s.log", id), &err), SW_EIO,
              "CannotCreateContainerError");
    pthread_join(killer, NULL);
    sw_err_clear(&err);
    CHECK(has_ended(number_in(begun_path)));
    int left = 0;
    CHECK_OK(rt.ops->list(rt.self, count_one, &left, &err));
    CHECK_EQ_INT(left, 0);
    CHECK(cgroup_remove(NULL, task));
    runtime_oci_free(&rt);
}

/* The process that holds the error pipe stands for the container's first one, which waits to be started when its runtime is killed. */
TEST(a_creation_whose_runtime_is_killed_ends)
{
    setup();
    char id[33], runc[256], script[512];
    new_id(id);
    struct sw_err err = SW_ERR_INIT;
    CHECK(sw_find_program("runc", runc, sizeof runc));
    int n = snprintf(
        script, sizeof script,
        "#!/bin/sh\ncase \"$*\" in *create*) sleep 50 & printf %%s $! >%s; kill -9 $$;; esac\n"
        "exec %s \"$@\"\n",
        test_path("holds"), runc);
    run_by(script, (size_t)n);
    const char *bundle = make_bundle(id, "sleep 100", 0);
    CHECK_ERR(rt.ops->create(rt.self, id, bundle, test_path("%s.log", id), &err), SW_EIO,
              "CannotCreateContainerError");
    CHECK(kill(number_in(test_path("holds")), SIGKILL) == 0); /* it lives: nobody waited for it */
    int left = 0;
    sw_err_clear(&err);
    CHECK_OK(rt.ops->list(rt.self, count_one, &left, &err));
    CHECK_EQ_INT(left, 0);
    runtime_oci_free(&rt);
}

/* As when the runtime was killed before it wrote its state, or somebody cleaned its folder. */
TEST(a_container_that_the_runtime_forgot_can_be_stopped)
{
    setup();
    char id[33];
    new_id(id);
    struct sw_err err = SW_ERR_INIT;
    struct runtime_state st;
    run(id, "sleep 100", 0);
    CHECK_OK(sw_remove_tree(test_path("state/runtime/%s", id), &err));
    CHECK_OK(rt.ops->signal(rt.self, id, SIGKILL, &err));
    CHECK_EQ_INT(rt.ops->wait(rt.self, id, 20000, &st, &err), 1);
    CHECK_EQ_INT(st.exit_code, 137);
    removed(id);
    runtime_oci_free(&rt);
}

TEST(a_container_that_the_runtime_forgot_is_removed_all_the_same)
{
    setup();
    char id[33];
    new_id(id);
    struct sw_err err = SW_ERR_INIT;
    run(id, "sleep 100", 0);
    pid_t pid = number_in(test_path("state/containers/%s/pid", id));
    CHECK(pid > 1 && kill(pid, 0) == 0);
    CHECK_OK(sw_remove_tree(test_path("state/runtime/%s", id), &err));
    CHECK_OK(rt.ops->signal(rt.self, id, SIGURG, &err)); /* heard, and of no effect */
    CHECK_OK(rt.ops->remove(rt.self, id, &err));
    for (int i = 0; i < 1000 && kill(pid, 0) == 0; i++)
        sw_sleep_ms(10); /* its monitor takes note of it */
    CHECK(kill(pid, 0) < 0);
    removed(id);
    runtime_oci_free(&rt);
}

TEST(a_monitor_that_was_stopped_still_tells_the_end)
{
    setup();
    char id[33];
    new_id(id);
    struct sw_err err = SW_ERR_INIT;
    struct runtime_state st;
    run(id, "sleep 100", 0);
    CHECK(kill(number_in(test_path("state/containers/%s/conmon.pid", id)), SIGSTOP) == 0);
    CHECK_OK(rt.ops->signal(rt.self, id, SIGKILL, &err));
    int r = 0;
    for (int i = 0; r == 0 && i < 300; i++) {
        r = rt.ops->wait(rt.self, id, 100, &st, &err);
        CHECK(r >= 0);
    }
    CHECK_EQ_INT(r, 1);
    CHECK_EQ_INT(st.exit_code, 137);
    removed(id);
    runtime_oci_free(&rt);
}

TEST(a_container_whose_monitor_is_killed_has_ended)
{
    setup();
    char id[33];
    new_id(id);
    struct sw_err err = SW_ERR_INIT;
    struct runtime_state st;
    run(id, "sleep 100", 0);
    CHECK_EQ_INT(rt.ops->wait(rt.self, id, 20, &st, &err), 0);
    CHECK_OK(rt.ops->state(rt.self, id, &st, &err));
    pid_t first = st.pid;
    CHECK(kill(number_in(test_path("state/containers/%s/conmon.pid", id)), SIGKILL) == 0);
    finish(id, &st);
    CHECK(st.monitor_lost);
    CHECK_EQ_INT(st.exit_code, -1);
    removed(id);
    size_t n = 0; /* what went on unwatched is gone, or waits for its parent to take note */
    char line[64];
    snprintf(line, sizeof line, "/proc/%d/cmdline", (int)first);
    CHECK(!sw_path_exists(line) || (test_read_file(line, &n) && n == 0));
    runtime_oci_free(&rt);
}

TEST(a_monitor_that_cannot_be_found_out_about_is_no_end)
{
    setup();
    char id[33];
    new_id(id);
    struct sw_err err = SW_ERR_INIT;
    struct runtime_state st;
    run(id, "sleep 100", 0);
    CHECK(rename(test_path("state/containers/%s/conmon.pid", id), test_path("away")) == 0);
    CHECK_EQ_INT(rt.ops->wait(rt.self, id, 20, &st, &err), 0);
    CHECK(rename(test_path("away"), test_path("state/containers/%s/conmon.pid", id)) == 0);
    removed(id);
    runtime_oci_free(&rt);
}

TEST(lists_what_is_there_and_refuses_a_second_of_the_same_name)
{
    setup();
    char id[33];
    new_id(id);
    struct sw_err err = SW_ERR_INIT;
    const char *bundle = make_bundle(id, "sleep 100", 0);
    CHECK_OK(rt.ops->create(rt.self, id, bundle, test_path("%s.log", id), &err));
    CHECK_ERR(rt.ops->create(rt.self, id, bundle, test_path("%s.log", id), &err), SW_ECONFLICT,
              NULL);
    int n = 0;
    CHECK_OK(rt.ops->list(rt.self, count_one, &n, &err));
    CHECK_EQ_INT(n, 1);
    /* What only the runtime knows is there, too. */
    n = 0;
    CHECK_OK(sw_mkdirs(test_path("state/runtime/left"), 0700, &err));
    CHECK_OK(rt.ops->list(rt.self, count_one, &n, &err));
    CHECK_EQ_INT(n, 2);
    struct runtime_state st;
    CHECK_OK(rt.ops->state(rt.self, id, &st, &err));
    CHECK_EQ_INT(st.status, RUNTIME_CREATED);
    removed(id);
    runtime_oci_free(&rt);
}
