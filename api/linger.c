/* SPDX-License-Identifier: Apache-2.0 */
/* api/linger.c - RFC 9112 9.6: half close, read on, close. */
#include "api/linger.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/pool.h"

#define LINGER_MS        5000
#define LINGER_THREADS   2
#define LINGER_QUEUE_MAX 64

struct lingerer {
    struct sw_pool *pool;
    atomic_bool ending;
};

struct job {
    struct lingerer *owner;
    int fd;
};

struct lingerer *linger_new(void)
{
    struct lingerer *l = SW_NEW(struct lingerer);

    l->pool = sw_pool_new(LINGER_THREADS, "linger");
    return l;
}

void linger_free(struct lingerer *l)
{
    if (!l)
        return;
    atomic_store(&l->ending, true);
    sw_pool_free(l->pool);
    free(l);
}

static void run(void *arg)
{
    struct job *j = arg;
    int64_t end_ms = sw_mono_ms() + LINGER_MS;
    char buf[16 * 1024];

    while (sw_mono_ms() < end_ms && !atomic_load(&j->owner->ending)) {
        struct pollfd p = {.fd = j->fd, .events = POLLIN};
        if (poll(&p, 1, 100) <= 0)
            continue;
        ssize_t n = recv(j->fd, buf, sizeof(buf), MSG_DONTWAIT);
        if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
            break;
    }
    (void)close(j->fd);
    free(j);
}

void linger_start(struct lingerer *l, int fd)
{
    if (sw_pool_backlog(l->pool) >= LINGER_QUEUE_MAX)
        return;
    int copy = fcntl(fd, F_DUPFD_CLOEXEC, 3);
    if (copy < 0)
        return;
    (void)shutdown(copy, SHUT_WR);
    struct job *j = SW_NEW(struct job);
    *j = (struct job){l, copy};
    sw_pool_submit(l->pool, run, j);
}
