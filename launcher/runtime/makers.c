/* SPDX-License-Identifier: Apache-2.0 */
#include "launcher/runtime/makers.h"

#include <dirent.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/io.h"
#include "base/macros.h"

#define ROUNDS 20

enum maker { NO_MAKER, RUNTIME, MONITOR };

static bool is_among(struct sw_str args, const char *arg)
{
    struct sw_str one;
    while (sw_str_split(&args, 0, &one))
        if (sw_str_eq_z(one, arg))
            return true;
    return false;
}

static enum maker maker_of(const struct makers *m, pid_t pid)
{
    struct sw_err ignored = SW_ERR_INIT;
    SW_CLEANUP(sw_buf_done) struct sw_buf b = SW_BUF_INIT(64 * 1024);
    sw_autofree char *path = sw_asprintf("/proc/%d/cmdline", (int)pid);
    if (sw_read_file(path, &b, &ignored) < 0 || !is_among(sw_buf_str(&b), m->id))
        return NO_MAKER;
    if (is_among(sw_buf_str(&b), m->monitor))
        return MONITOR;
    return is_among(sw_buf_str(&b), m->root) ? RUNTIME : NO_MAKER;
}

/* The descriptor is of the process whose arguments are read, whatever its number is by then. */
static bool kill_maker(const struct makers *m, pid_t pid)
{
    sw_autoclose int fd = (int)syscall(SYS_pidfd_open, pid, 0);
    return fd >= 0 && maker_of(m, pid) != NO_MAKER &&
           syscall(SYS_pidfd_send_signal, fd, SIGKILL, NULL, 0) == 0;
}

static bool is_runtime(const struct makers *m, pid_t pid)
{
    return maker_of(m, pid) == RUNTIME;
}

/* For how many processes fn says yes; -1: they cannot be listed. */
static int for_each(const struct makers *m, bool (*fn)(const struct makers *m, pid_t pid))
{
    DIR *d = opendir("/proc");
    if (!d)
        return -1;
    int n = 0;
    for (struct dirent *e; (e = readdir(d));) {
        uint64_t pid;
        if (sw_parse_u64(sw_str(e->d_name), &pid) && pid <= INT32_MAX)
            n += fn(m, (pid_t)pid);
    }
    closedir(d);
    return n;
}

void makers_kill(const struct makers *m)
{
    for (int i = 0; i < ROUNDS && for_each(m, kill_maker) > 0; i++)
        sw_sleep_ms(10);
}

bool makers_runtime_is_gone(const struct makers *m)
{
    return for_each(m, is_runtime) == 0;
}
