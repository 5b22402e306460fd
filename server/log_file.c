/* SPDX-License-Identifier: Apache-2.0 */
/* Invariants:
 * 1. The number of the descriptor never changes; reopening puts another file behind it (dup3), in one step that writers cannot
 *    see half of.
 * 2. What is gathered consists of whole lines, and is written before its lock is given up: no line is written twice or not at all. */
#include "server/log_file.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/uio.h>

#include "base/alloc.h"
#include "base/io.h"
#include "base/log.h"
#include "base/macros.h"
#include "base/metric.h"

#define GATHERERS  4
#define GATHER_MAX (32 * 1024)

/* Lines that wait. A thread always uses the same one. */
struct gatherer {
    _Alignas(64) pthread_mutex_t lock;
    size_t n, lines;
    char *text; /* GATHER_MAX bytes, made at the first use */
};

struct log_file {
    struct sw_counter lines, failures;
    struct gatherer gatherers[GATHERERS];
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
    for (size_t i = 0; i < GATHERERS; i++)
        pthread_mutex_init(&f->gatherers[i].lock, NULL);
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
    log_file_flush(f);
    for (size_t i = 0; i < GATHERERS; i++) {
        free(f->gatherers[i].text);
        pthread_mutex_destroy(&f->gatherers[i].lock);
    }
    if (f->fd > STDERR_FILENO)
        (void)close(f->fd);
    free(f->path);
    free(f);
}

static void failed(struct log_file *f, size_t lines, int error)
{
    sw_counter_add(&f->failures, lines);
    if (!atomic_exchange(&f->failing, true))
        sw_log(SW_LOG_ERROR, "log-not-written", "path", f->path, "#errno", (int64_t)error, NULL);
}

static void write_lines(struct log_file *f, const char *text, size_t n, size_t lines)
{
    struct iovec io[2] = {{(void *)(uintptr_t) "\n", 1}, {(void *)(uintptr_t)text, n}};
    ssize_t written;
    bool torn =
        atomic_load_explicit(&f->torn, memory_order_relaxed) && atomic_exchange(&f->torn, false);

    do {
        written = torn ? writev(f->fd, io, 2) : write(f->fd, text, n);
    } while (written < 0 && errno == EINTR);
    if (written == (ssize_t)(n + torn)) {
        sw_counter_add(&f->lines, lines);
        if (atomic_load_explicit(&f->failing, memory_order_relaxed))
            atomic_store(&f->failing, false);
        return;
    }
    if (written > torn || (torn && written <= 0))
        atomic_store(&f->torn, true);
    failed(f, lines, written < 0 ? errno : ENOSPC);
}

void log_file_write(struct log_file *f, const char *line, size_t n)
{
    if (f)
        write_lines(f, line, n, 1);
}

/* With the lock held. */
static void write_gathered(struct log_file *f, struct gatherer *g)
{
    if (g->n)
        write_lines(f, g->text, g->n, g->lines);
    g->n = g->lines = 0;
}

static struct gatherer *my_gatherer(struct log_file *f)
{
    static atomic_uint next;
    static _Thread_local unsigned mine; /* 0: not chosen yet */

    if (!mine)
        mine = atomic_fetch_add(&next, 1) % GATHERERS + 1;
    return &f->gatherers[mine - 1];
}

void log_file_write_later(struct log_file *f, const char *line, size_t n)
{
    if (!f || n > GATHER_MAX) {
        log_file_write(f, line, n);
        return;
    }
    struct gatherer *g = my_gatherer(f);
    pthread_mutex_lock(&g->lock);
    if (g->n + n > GATHER_MAX)
        write_gathered(f, g);
    if (!g->text)
        g->text = sw_malloc(GATHER_MAX);
    memcpy(g->text + g->n, line, n);
    g->n += n;
    g->lines++;
    pthread_mutex_unlock(&g->lock);
}

void log_file_flush(struct log_file *f)
{
    for (size_t i = 0; f && i < GATHERERS; i++) {
        pthread_mutex_lock(&f->gatherers[i].lock);
        write_gathered(f, &f->gatherers[i]);
        pthread_mutex_unlock(&f->gatherers[i].lock);
    }
}

int log_file_reopen(struct log_file *f, struct sw_err *err)
{
    sw_autoclose int fd = -1;

    if (!f || f->fd <= STDERR_FILENO)
        return 0;
    int r = open_path(f, &fd, err);
    if (r < 0)
        return r;
    log_file_flush(f); /* into the file of its time */
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
