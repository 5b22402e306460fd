/* SPDX-License-Identifier: Apache-2.0 */
/* launcher/runtime/cgroup_moves.c - the lock is the kernel's cgroup_threadgroup_rwsem, a percpu_rw_semaphore: its writers wait for a grace
 * period only after a while without writers. */
#include "launcher/runtime/cgroup_moves.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/io.h"
#include "base/macros.h"
#include "base/str.h"

#define ROOT        "/sys/fs/cgroup"
#define TABLE_MAX   65536
#define SOON_MS     100
#define INTERVAL_MS 5

struct cgroup_moves {
    int procs; /* cgroup.procs of a group that we are in */
    bool started, closing;
    int64_t until_ms;
    pthread_mutex_t lock;
    pthread_cond_t due;
    pthread_t thread;
};

/* A line of /proc/self/cgroup, "4:cpu,cpuacct:/a" or "0::/a". */
static int open_group(const char *root, struct sw_str line)
{
    struct sw_str number, controllers;
    if (!sw_str_split(&line, ':', &number) || !sw_str_split(&line, ':', &controllers) || !line.p)
        return -1;
    if (sw_str_starts_with(controllers, "name="))
        controllers = sw_str_slice(controllers, strlen("name="), controllers.n);
    sw_autofree char *path = sw_asprintf("%s/" SW_STR_FMT "/" SW_STR_FMT "/cgroup.procs", root,
                                         SW_STR_ARG(controllers), SW_STR_ARG(line));
    return open(path, O_WRONLY | O_CLOEXEC);
}

static int open_own(const char *root)
{
    SW_CLEANUP(sw_buf_done) struct sw_buf table = SW_BUF_INIT(TABLE_MAX);
    struct sw_err ignored = SW_ERR_INIT;
    int fd = -1;
    if (sw_read_file("/proc/self/cgroup", &table, &ignored) < 0)
        return -1;
    struct sw_str rest = sw_buf_str(&table), line;
    while (fd < 0 && rest.n > 0 && sw_str_split(&rest, '\n', &line))
        fd = open_group(root, line);
    return fd;
}

static void *moves_main(void *arg)
{
    struct cgroup_moves *m = arg;
    pthread_mutex_lock(&m->lock);
    while (!m->closing) {
        if (sw_mono_ms() >= m->until_ms) {
            pthread_cond_wait(&m->due, &m->lock);
            continue;
        }
        pthread_mutex_unlock(&m->lock);
        bool moved = write(m->procs, "0", 1) == 1;
        sw_sleep_ms(INTERVAL_MS);
        pthread_mutex_lock(&m->lock);
        m->closing |= !moved;
    }
    pthread_mutex_unlock(&m->lock);
    return NULL;
}

struct cgroup_moves *cgroup_moves_new(const char *root)
{
    struct cgroup_moves *m = SW_NEW(struct cgroup_moves);
    m->procs = open_own(root ? root : ROOT);
    pthread_mutex_init(&m->lock, NULL);
    pthread_cond_init(&m->due, NULL);
    m->started = m->procs >= 0 && pthread_create(&m->thread, NULL, moves_main, m) == 0;
    return m;
}

void cgroup_moves_soon(struct cgroup_moves *m)
{
    pthread_mutex_lock(&m->lock);
    m->until_ms = sw_mono_ms() + SOON_MS;
    pthread_cond_signal(&m->due);
    pthread_mutex_unlock(&m->lock);
}

void cgroup_moves_free(struct cgroup_moves *m)
{
    if (!m)
        return;
    pthread_mutex_lock(&m->lock);
    m->closing = true;
    pthread_cond_signal(&m->due);
    pthread_mutex_unlock(&m->lock);
    if (m->started)
        pthread_join(m->thread, NULL);
    if (m->procs >= 0)
        (void)close(m->procs);
    pthread_mutex_destroy(&m->lock);
    pthread_cond_destroy(&m->due);
    free(m);
}
