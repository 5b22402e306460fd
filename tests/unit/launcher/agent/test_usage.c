/* SPDX-License-Identifier: Apache-2.0 */
#include "launcher/agent/usage.h"

#include "base/io.h"
#include "base/json.h"
#include "launcher/agent/task_engine_internal.h"
#include "tests/lib/test.h"

static void write_proc(const char *stat)
{
    static const char meminfo[] = "MemTotal:       2048000 kB\nMemFree:         1 kB\n"
                                  "MemAvailable:   1024000 kB\nBuffers: 3 kB\n";
    test_write_file(test_path("proc/stat"), stat, strlen(stat));
    test_write_file(test_path("proc/meminfo"), meminfo, sizeof meminfo - 1);
}

TEST(the_machine_is_read_and_cpu_is_a_mean_between_two_samples)
{
    struct sw_err err = SW_ERR_INIT;
    struct task_engine e = {.lock = PTHREAD_MUTEX_INITIALIZER};
    struct usage_sampler u = {.proc_root = test_path("proc")};
    CHECK_OK(sw_mkdirs(test_path("proc"), 0700, &err));
    write_proc("cpu  100 0 50 800 50 0 0 0 0 0\ncpu0 1 2 3 4\n");
    json_t *one = usage_sample(&u, &e, 1000);
    CHECK_NULL(json_object_get(one, "cpuUnits"));
    CHECK_EQ_INT(sw_json_int(one, "memoryMiB", 0), 1000);
    CHECK_EQ_INT(json_array_size(sw_json_array(one, "tasks")), 0);
    write_proc("cpu  150 0 100 850 50 50 0 0 9 9\n");
    json_t *two = usage_sample(&u, &e, 2000);
    /* 200 ticks, 50 of them idle. */
    CHECK_EQ_INT(sw_json_int(two, "cpuUnits", -1), 768 * sysconf(_SC_NPROCESSORS_ONLN));
    json_decref(one);
    json_decref(two);
    usage_done(&u);
}

TEST(a_system_without_these_files_says_nothing)
{
    struct task_engine e = {.lock = PTHREAD_MUTEX_INITIALIZER};
    struct usage_sampler u = {.proc_root = test_path("none")};
    json_t *one = usage_sample(&u, &e, 1000);
    CHECK_EQ_INT(json_object_size(one), 1);
    json_decref(one);
    usage_done(&u);
}
