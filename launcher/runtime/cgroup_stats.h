/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* launcher/runtime/cgroup_stats.h - what a control group used so far. Reads only, version 1 and 2; what the system does not count
 * is 0. Threads: no state. */
#include <stdbool.h>
#include <stdint.h>

struct cgroup_stats {
    int64_t cpu_ns, cpu_user_ns, cpu_system_ns; /* since the group was made */
    int64_t periods, throttled_periods, throttled_ns;
    int64_t memory_bytes, memory_max_bytes, memory_limit_bytes; /* limit 0: none */
    int64_t cache_bytes, rss_bytes;
    int64_t pids, pids_limit; /* limit 0: none */
};
/* group: "/slipway/TASK/CONTAINER". False: there is no such group. root NULL: the system's. */
bool cgroup_stats_read(const char *root, const char *group, struct cgroup_stats *ret);
/* Of all processors, idle time included, in nanoseconds; 0 if it cannot be read. */
int64_t cgroup_system_cpu_ns(void);
