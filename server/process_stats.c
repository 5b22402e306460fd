/* SPDX-License-Identifier: Apache-2.0 */
#include "server/process_stats.h"

#include <dirent.h>
#include <inttypes.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/err.h"
#include "base/io.h"
#include "base/macros.h"
#include "base/metric.h"

#define STAT_FIELDS 24

/* Fields of /proc/self/stat from the third on (the second may contain blanks); field n of proc(5) is ret[n]. */
static bool read_stat(uint64_t ret[STAT_FIELDS + 1])
{
    SW_CLEANUP(sw_buf_done) struct sw_buf text = SW_BUF_INIT(4096);
    struct sw_err err = SW_ERR_INIT;

    if (sw_read_file("/proc/self/stat", &text, &err) < 0)
        return false;
    const char *end = strrchr(text.p, ')');
    struct sw_str rest = sw_str(end && end[1] ? end + 2 : ""), field;
    for (size_t i = 3; i <= STAT_FIELDS; i++) {
        if (!sw_str_split(&rest, ' ', &field))
            return false;
        if (!sw_parse_u64(field, &ret[i]))
            ret[i] = 0; /* a state letter, or a negative number that nobody asks for */
    }
    return true;
}

/* Seconds since the epoch at which the system started. */
static uint64_t boot_time_s(void)
{
    SW_CLEANUP(sw_buf_done) struct sw_buf text = SW_BUF_INIT(1024 * 1024);
    struct sw_err err = SW_ERR_INIT;
    uint64_t s = 0;

    if (sw_read_file("/proc/stat", &text, &err) < 0)
        return 0;
    struct sw_str rest = sw_buf_str(&text), line;
    while (sw_str_split(&rest, '\n', &line))
        if (sw_str_starts_with(line, "btime "))
            (void)sw_parse_u64(sw_str_slice(line, strlen("btime "), line.n), &s);
    return s;
}

static uint64_t open_descriptors(void)
{
    uint64_t n = 0;
    DIR *d = opendir("/proc/self/fd");

    if (!d)
        return 0;
    for (const struct dirent *e = readdir(d); e; e = readdir(d))
        n += e->d_name[0] != '.';
    (void)closedir(d);
    return n ? n - 1 : 0; /* without the folder's own */
}

static void seconds_one(struct sw_buf *b, const char *name, const char *type, const char *help,
                        uint64_t us)
{
    sw_metric_head(b, name, type, help);
    sw_metric_seconds(b, name, NULL, 0, (int64_t)us);
}

static void from_stat(struct sw_buf *b)
{
    uint64_t stat[STAT_FIELDS + 1] = {0};
    long ticks = sysconf(_SC_CLK_TCK), page = sysconf(_SC_PAGESIZE);
    uint64_t boot_s = boot_time_s();

    if (ticks <= 0 || page <= 0 || !read_stat(stat))
        return;
    uint64_t tick_us = 1000000 / (uint64_t)ticks;
    seconds_one(b, "process_cpu_seconds_total", "counter", "Processor time, user and system.",
                (stat[14] + stat[15]) * tick_us);
    sw_metric_one(b, "process_threads", "gauge", "Threads.", stat[20]);
    if (boot_s)
        seconds_one(b, "process_start_time_seconds", "gauge", "Start, since the epoch.",
                    boot_s * 1000000 + stat[22] * tick_us);
    sw_metric_one(b, "process_virtual_memory_bytes", "gauge", "Address space.", stat[23]);
    sw_metric_one(b, "process_resident_memory_bytes", "gauge", "Resident memory.",
                  stat[24] * (uint64_t)page);
}

void process_stats_text(struct sw_buf *b)
{
    struct rlimit limit;

    from_stat(b);
    sw_metric_one(b, "process_open_fds", "gauge", "Open descriptors.", open_descriptors());
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0)
        sw_metric_one(b, "process_max_fds", "gauge", "Descriptors that may be open.",
                      limit.rlim_cur);
}
