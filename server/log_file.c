/* SPDX-License-Identifier: Apache-2.0 */
/* Invariant: the number of the descriptor never changes; reopening puts another file behind it (dup3), in one step that
 * writers cannot see half of. */
#include "server/log_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/uio.h>

#include "base/alloc.h"
#include "base/io.h"
#include "base/log.h"
#include "base/macros.h"
#include "base/metric.h"

struct log_file {
    struct sw_counter lines, failures;
    char *path;
    mode_t mode;
    int fd;
    atomic_bool torn;    /* the last line has no end */
    atomic_bool failing; /* and it was said */
};

static int open_path(const struct log_file *f, int *ret_fd, struct sw_err *err)
{
    return sw_open(f->path, O_WRONLY | O_CREAT | O_APPEND | O_NOCTTY, f->mode, ret_fd, err);
}

int log_file_open(const char *path, mode_t mode, struct log_file **ret, struct sw_err *err)
{
    struct log_file *f = aligned_alloc(64, (sizeof(*f) + 63) / 64 * 64);

    if (!f)
        abort();
    memset(f, 0, sizeof(*f));
    f->path = sw_strdup(path);
    f->mode = mode;
    f->fd = STDERR_FILENO;
    int r = sw_streq(path, "-") ? 0 : open_path(f, &f->fd, err);
    if (r < 0) {
        f->fd = -1;
        log_file_free(f);
        return r;
    }
    *ret = f;
    return 0;
}

void log_file_free(struct log_file *f)
{
    if (!f)
        return;
    if (f->fd > STDERR_FILENO)
        (void)close(f->fd);
    free(f->path);
    free(f);
}

static void failed(struct log_file *f, int error)
{
    sw_counter_add(&f->failures, 1);
    if (!atomic_exchange(&f->failing, true))
        sw_log(SW_LOG_ERROR, "log-not-written", "path", f->path, "#errno", (int64_t)error, NULL);
}

void log_file_write(struct log_file *f, const char *line, size_t n)
{
    struct iovec io[2] = {{(void *)(uintptr_t) "\n", 1}, {(void *)(uintptr_t)line, n}};
    ssize_t written;

    if (!f)
        return;
    bool torn =
        atomic_load_explicit(&f->torn, memory_order_relaxed) && atomic_exchange(&f->torn, false);
    do {
        written = torn ? writev(f->fd, io, 2) : write(f->fd, line, n);
    } while (written < 0 && errno == EINTR);
    if (written == (ssize_t)(n + torn)) {
        sw_counter_add(&f->lines, 1);
        if (atomic_load_explicit(&f->failing, memory_order_relaxed))
            atomic_store(&f->failing, false);
        return;
    }
    if (written > torn || (torn && written <= 0))
        atomic_store(&f->torn, true);
    failed(f, written < 0 ? errno : ENOSPC);
}

int log_file_reopen(struct log_file *f, struct sw_err *err)
{
    sw_autoclose int fd = -1;

    if (!f || f->fd <= STDERR_FILENO)
        return 0;
    int r = open_path(f, &fd, err);
    if (r < 0)
        return r;
    if (dup3(fd, f->fd, O_CLOEXEC) < 0)
        return sw_fail_os(err, errno, "%s", f->path);
    return 0;
}

void log_file_counts(const struct log_file *f, struct log_file_counts *ret)
{
    *ret = (struct log_file_counts){0, 0};
    if (f) {
        ret->lines = sw_counter_get(&f->lines);
        ret->failures = sw_counter_get(&f->failures);
    }
}
