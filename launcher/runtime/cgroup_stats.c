/* SPDX-License-Identifier: Apache-2.0 */
/* launcher/runtime/cgroup_stats.c - see Documentation/admin-guide/cgroup-v1 and cgroup-v2.rst of the kernel, proc(5). */
#include "launcher/runtime/cgroup_stats.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/io.h"
#include "base/macros.h"

#define ROOT          "/sys/fs/cgroup"
#define FILE_MAX      (64 * 1024)
#define NS_PER_US     1000LL
#define NS_PER_S      1000000000LL
#define LIMIT_IS_NONE (1LL << 60) /* version 1 says "no limit" by a number like this */

/* One file of a group: `controller` is the folder of version 1, "" in version 2. */
static bool read_text(const char *root, const char *controller, const char *group, const char *name,
                      struct sw_buf *out)
{
    struct sw_err ignored = SW_ERR_INIT;
    sw_autofree char *path =
        sw_asprintf("%s%s%s%s/%s", root, *controller ? "/" : "", controller, group, name);
    sw_buf_reset(out);
    return sw_read_file(path, out, &ignored) == 0;
}

static int64_t number(struct sw_str s)
{
    uint64_t v;
    s = sw_str_trim(s);
    while (s.n && s.p[s.n - 1] == '\n')
        s.n--;
    return sw_parse_u64(s, &v) && v < (uint64_t)LIMIT_IS_NONE ? (int64_t)v : 0;
}

static int64_t read_number(const char *root, const char *controller, const char *group,
                           const char *name)
{
    SW_CLEANUP(sw_buf_done) struct sw_buf b = SW_BUF_INIT(FILE_MAX);
    return read_text(root, controller, group, name, &b) ? number(sw_buf_str(&b)) : 0;
}

/* "key value" lines. */
static int64_t value_of(const struct sw_buf *text, const char *key)
{
    struct sw_str rest = sw_buf_str(text), line, word;
    while (sw_str_split(&rest, '\n', &line))
        if (sw_str_split(&line, ' ', &word) && sw_str_eq_z(word, key))
            return number(line);
    return 0;
}

static void read_v1(const char *root, const char *group, struct cgroup_stats *s)
{
    SW_CLEANUP(sw_buf_done) struct sw_buf b = SW_BUF_INIT(FILE_MAX);
    int64_t tick_ns = NS_PER_S / SW_MAX(sysconf(_SC_CLK_TCK), 1L);
    s->cpu_ns = read_number(root, "cpuacct", group, "cpuacct.usage");
    if (read_text(root, "cpuacct", group, "cpuacct.stat", &b)) {
        s->cpu_user_ns = value_of(&b, "user") * tick_ns;
        s->cpu_system_ns = value_of(&b, "system") * tick_ns;
    }
    if (read_text(root, "cpu", group, "cpu.stat", &b)) {
        s->periods = value_of(&b, "nr_periods");
        s->throttled_periods = value_of(&b, "nr_throttled");
        s->throttled_ns = value_of(&b, "throttled_time");
    }
    s->memory_bytes = read_number(root, "memory", group, "memory.usage_in_bytes");
    s->memory_max_bytes = read_number(root, "memory", group, "memory.max_usage_in_bytes");
    s->memory_limit_bytes = read_number(root, "memory", group, "memory.limit_in_bytes");
    if (read_text(root, "memory", group, "memory.stat", &b)) {
        s->cache_bytes = value_of(&b, "cache");
        s->rss_bytes = value_of(&b, "rss");
    }
    s->pids = read_number(root, "pids", group, "pids.current");
    s->pids_limit = read_number(root, "pids", group, "pids.max");
}

static void read_v2(const char *root, const char *group, struct cgroup_stats *s)
{
    SW_CLEANUP(sw_buf_done) struct sw_buf b = SW_BUF_INIT(FILE_MAX);
    if (read_text(root, "", group, "cpu.stat", &b)) {
        s->cpu_ns = value_of(&b, "usage_usec") * NS_PER_US;
        s->cpu_user_ns = value_of(&b, "user_usec") * NS_PER_US;
        s->cpu_system_ns = value_of(&b, "system_usec") * NS_PER_US;
        s->periods = value_of(&b, "nr_periods");
        s->throttled_periods = value_of(&b, "nr_throttled");
        s->throttled_ns = value_of(&b, "throttled_usec") * NS_PER_US;
    }
    s->memory_bytes = read_number(root, "", group, "memory.current");
    s->memory_max_bytes = read_number(root, "", group, "memory.peak");
    s->memory_limit_bytes = read_number(root, "", group, "memory.max");
    if (read_text(root, "", group, "memory.stat", &b)) {
        s->cache_bytes = value_of(&b, "file");
        s->rss_bytes = value_of(&b, "anon");
    }
    s->pids = read_number(root, "", group, "pids.current");
    s->pids_limit = read_number(root, "", group, "pids.max");
}

bool cgroup_stats_read(const char *root, const char *group, struct cgroup_stats *ret)
{
    root = root ? root : ROOT;
    sw_autofree char *unified = sw_asprintf("%s/cgroup.controllers", root);
    bool v2 = sw_path_exists(unified);
    sw_autofree char *folder = sw_asprintf("%s%s%s", root, v2 ? "" : "/memory", group);
    memset(ret, 0, sizeof *ret);
    if (!sw_path_exists(folder))
        return false;
    (v2 ? read_v2 : read_v1)(root, group, ret);
    return true;
}

int64_t cgroup_system_cpu_ns(void)
{
    SW_CLEANUP(sw_buf_done) struct sw_buf b = SW_BUF_INIT(1024 * 1024);
    struct sw_err ignored = SW_ERR_INIT;
    struct sw_str rest, line, word;
    int64_t ticks = 0;
    if (sw_read_file("/proc/stat", &b, &ignored) < 0)
        return 0;
    rest = sw_buf_str(&b);
    if (!sw_str_split(&rest, '\n', &line) || !sw_str_split(&line, ' ', &word) ||
        !sw_str_eq_z(word, "cpu"))
        return 0;
    for (int i = 0; i < 9 && sw_str_split(&line, ' ', &word); i++)
        ticks += number(word);
    return ticks * (NS_PER_S / SW_MAX(sysconf(_SC_CLK_TCK), 1L));
}
