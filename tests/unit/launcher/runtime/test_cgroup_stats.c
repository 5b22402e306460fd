/* SPDX-License-Identifier: Apache-2.0 */
/* Groups in folders that look like the kernel's. */
#include "launcher/runtime/cgroup_stats.h"

#include "base/io.h"
#include "base/macros.h"
#include "tests/lib/test.h"

static void put(const char *name, const char *text)
{
    struct sw_err err = SW_ERR_INIT;
    const char *path = test_path("%s", name);
    char folder[512];
    snprintf(folder, sizeof folder, "%.*s", (int)(strrchr(path, '/') - path), path);
    CHECK_OK(sw_mkdirs(folder, 0755, &err));
    test_write_file(path, text, strlen(text));
}

TEST(version_2)
{
    struct cgroup_stats s;
    put("g/cgroup.controllers", "cpu memory pids\n");
    put("g/slipway/t/c/cpu.stat", "usage_usec 12\nuser_usec 7\nsystem_usec 5\nnr_periods 3\n"
                                  "nr_throttled 2\nthrottled_usec 9\n");
    put("g/slipway/t/c/memory.current", "4096\n");
    put("g/slipway/t/c/memory.peak", "8192\n");
    put("g/slipway/t/c/memory.max", "max\n");
    put("g/slipway/t/c/memory.stat", "anon 100\nfile 200\n");
    put("g/slipway/t/c/pids.current", "4\n");
    CHECK(cgroup_stats_read(test_path("g"), "/slipway/t/c", &s));
    CHECK_EQ_INT(s.cpu_ns, 12000);
    CHECK_EQ_INT(s.cpu_user_ns, 7000);
    CHECK_EQ_INT(s.cpu_system_ns, 5000);
    CHECK_EQ_INT(s.periods, 3);
    CHECK_EQ_INT(s.throttled_periods, 2);
    CHECK_EQ_INT(s.throttled_ns, 9000);
    CHECK_EQ_INT(s.memory_bytes, 4096);
    CHECK_EQ_INT(s.memory_max_bytes, 8192);
    CHECK_EQ_INT(s.memory_limit_bytes, 0);
    CHECK_EQ_INT(s.rss_bytes, 100);
    CHECK_EQ_INT(s.cache_bytes, 200);
    CHECK_EQ_INT(s.pids, 4);
    CHECK(!cgroup_stats_read(test_path("g"), "/slipway/t/none", &s));
}

TEST(version_1)
{
    struct cgroup_stats s;
    put("g/cpuacct/slipway/t/c/cpuacct.usage", "1234\n");
    put("g/cpuacct/slipway/t/c/cpuacct.stat", "user 1\nsystem 2\n");
    put("g/cpu/slipway/t/c/cpu.stat", "nr_periods 3\nnr_throttled 2\nthrottled_time 9\n");
    put("g/memory/slipway/t/c/memory.usage_in_bytes", "4096\n");
    put("g/memory/slipway/t/c/memory.max_usage_in_bytes", "8192\n");
    put("g/memory/slipway/t/c/memory.limit_in_bytes", "9223372036854771712\n");
    put("g/memory/slipway/t/c/memory.stat", "cache 200\nrss 100\n");
    put("g/pids/slipway/t/c/pids.max", "8192\n");
    CHECK(cgroup_stats_read(test_path("g"), "/slipway/t/c", &s));
    CHECK_EQ_INT(s.cpu_ns, 1234);
    CHECK_EQ_INT(s.cpu_system_ns, 2 * s.cpu_user_ns);
    CHECK_EQ_INT(s.throttled_ns, 9);
    CHECK_EQ_INT(s.memory_bytes, 4096);
    CHECK_EQ_INT(s.memory_limit_bytes, 0);
    CHECK_EQ_INT(s.cache_bytes, 200);
    CHECK_EQ_INT(s.pids_limit, 8192);
    CHECK_EQ_INT(s.pids, 0);
}

TEST(the_system_has_used_time)
{
    CHECK(cgroup_system_cpu_ns() > 0);
}
