/* SPDX-License-Identifier: Apache-2.0 */
/* Groups of tasks in folders that look like the kernel's; test_runtime_oci.c has the kernel's own. */
#include "launcher/runtime/cgroup.h"

#include <pthread.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/io.h"
#include "base/macros.h"
#include "tests/lib/test.h"

static void make_file(const char *name)
{
    struct sw_err err = SW_ERR_INIT;
    const char *path = test_path("%s", name);
    char folder[512];
    snprintf(folder, sizeof folder, "%.*s", (int)(strrchr(path, '/') - path), path);
    CHECK_OK(sw_mkdirs(folder, 0755, &err));
    test_write_file(path, "", 0);
}

static void check_file(const char *name, const char *want)
{
    CHECK_EQ_STR(test_read_file(test_path("%s", name), NULL), want);
}

TEST(version_2_limits_are_on_the_task)
{
    struct sw_err err = SW_ERR_INIT;
    static const char *const files[] = {"g/cgroup.controllers", "g/slipway/t/memory.max",
                                        "g/slipway/t/cpu.max", "g/slipway/t/cpu.weight",
                                        "g/slipway/t/memory.swap.max"};
    for (size_t i = 0; i < SW_ARRAY_LEN(files); i++)
        make_file(files[i]);
    struct cgroup_limits l = {.memory_bytes = 1 << 20, .cpu_quota = 256, .cpu_shares = 262144};
    CHECK_OK(cgroup_make(test_path("g"), "t", &l, &err));
    check_file("g/slipway/t/memory.max", "1048576");
    check_file("g/slipway/t/memory.swap.max", "0");
    check_file("g/slipway/t/cpu.max", "25000 100000");
    check_file("g/slipway/t/cpu.weight", "10000");
}

TEST(a_tiny_share_is_the_kernels_least)
{
    struct sw_err err = SW_ERR_INIT;
    make_file("g/cgroup.controllers");
    make_file("g/slipway/t/cpu.max");
    make_file("g/slipway/t/cpu.weight");
    CHECK_OK(cgroup_make(test_path("g"), "t", &(struct cgroup_limits){.cpu_quota = 1}, &err));
    check_file("g/slipway/t/cpu.max", "1000 100000");
    check_file("g/slipway/t/cpu.weight", "1");
}

TEST(what_is_not_asked_for_needs_no_file_and_what_is_does)
{
    struct sw_err err = SW_ERR_INIT;
    CHECK_OK(sw_mkdirs(test_path("g/memory"), 0755, &err));
    CHECK_OK(cgroup_make(test_path("g"), "t", &(struct cgroup_limits){.cpu_shares = 5}, &err));
    CHECK(sw_path_exists(test_path("g/memory/slipway/t")));
    static const char *const missing[] = {"memory.limit_in_bytes", "cpu.cfs_period_us"};
    const struct cgroup_limits asked[] = {{.memory_bytes = 5}, {.cpu_quota = 5}};
    for (size_t i = 0; i < 2; i++) {
        CHECK_EQ_INT(cgroup_make(test_path("g"), "t", &asked[i], &err), SW_EUNSUPPORTED);
        CHECK_CONTAINS(err.msg, missing[i]);
        CHECK_EQ_STR(err.reason, "CannotStartContainerError");
        sw_err_clear(&err);
    }
}

TEST(removal_takes_what_is_empty_in_every_hierarchy)
{
    struct sw_err err = SW_ERR_INIT;
    CHECK_OK(sw_mkdirs(test_path("g/memory/slipway/t/container"), 0755, &err));
    CHECK_OK(sw_mkdirs(test_path("g/pids/slipway/t/container"), 0755, &err));
    CHECK_OK(sw_mkdirs(test_path("g/pids/slipway/other"), 0755, &err));
    CHECK(cgroup_remove(test_path("g"), "t"));
    CHECK(!sw_path_exists(test_path("g/memory/slipway/t")));
    CHECK(!sw_path_exists(test_path("g/pids/slipway/t")));
    CHECK(sw_path_exists(test_path("g/pids/slipway/other")));
    CHECK(cgroup_remove(test_path("g"), "t"));
    make_file("g/pids/slipway/t/container/held");
    CHECK(!cgroup_remove(test_path("g"), "t"));
    CHECK(sw_path_exists(test_path("g/pids/slipway/t/container/held")));
}

TEST(kills_are_counted_by_the_kernel)
{
    static const char v1[] = "oom_kill_disable 0\nunder_oom 0\noom_kill 2\n";
    static const char v2[] = "low 0\noom 7\noom_kill 1\noom_group_kill 0\n";
    int64_t n = -1;
    CHECK(!cgroup_oom_kills(test_path("g"), "/slipway/t/c", &n));
    make_file("g/memory/slipway/t/c/memory.oom_control");
    CHECK(!cgroup_oom_kills(test_path("g"), "/slipway/t/c", &n));
    test_write_file(test_path("g/memory/slipway/t/c/memory.oom_control"), v1, strlen(v1));
    CHECK(cgroup_oom_kills(test_path("g"), "/slipway/t/c", &n));
    CHECK_EQ_INT(n, 2);
    make_file("g/cgroup.controllers");
    make_file("g/slipway/t/c/memory.events");
    test_write_file(test_path("g/slipway/t/c/memory.events"), v2, strlen(v2));
    CHECK(cgroup_oom_kills(test_path("g"), "/slipway/t/c", &n));
    CHECK_EQ_INT(n, 1);
}

TEST(only_what_is_ours_is_killed)
{
    static const char *const groups[] = {"/", "", "/system.slice", "/slipway", "/slipway/../x"};
    make_file("g/cgroup.controllers");
    for (size_t i = 0; i < SW_ARRAY_LEN(groups); i++)
        CHECK(!cgroup_kill(test_path("g"), groups[i]));
    CHECK(cgroup_kill(test_path("g"), "/slipway/t/c"));
}

struct resident {
    pid_t pid;
    const char *procs;
};

/* The kernel takes a process that ended from its group. */
static void *wait_and_leave(void *arg)
{
    const struct resident *r = arg;
    siginfo_t info;
    CHECK_EQ_INT(waitid(P_PID, (id_t)r->pid, &info, WEXITED | WNOWAIT), 0);
    test_write_file(r->procs, "", 0);
    CHECK_EQ_INT(waitpid(r->pid, NULL, 0), r->pid);
    return NULL;
}

TEST(groups_in_the_group_of_a_container_are_killed_with_it)
{
    pthread_t waiter;
    struct stat st;
    char text[16];
    make_file("g/cgroup.controllers");
    make_file("g/slipway/t/c/cgroup.procs");
    make_file("g/slipway/t/c/init.scope/cgroup.procs");
    sw_autofree char *procs = sw_strdup(test_path("g/slipway/t/c/init.scope/cgroup.procs"));
    struct resident r = {.pid = fork(), .procs = procs};
    while (r.pid == 0)
        (void)pause();
    int n = snprintf(text, sizeof text, "%d\n", (int)r.pid);
    test_write_file(procs, text, (size_t)n);
    CHECK_EQ_INT(pthread_create(&waiter, NULL, wait_and_leave, &r), 0);
    bool killed = cgroup_kill(test_path("g"), "/slipway/t/c");
    bool left = stat(procs, &st) == 0 && st.st_size == 0;
    if (!left)
        (void)kill(r.pid, SIGKILL);
    CHECK_EQ_INT(pthread_join(waiter, NULL), 0);
    CHECK(killed && left);
}
