/* SPDX-License-Identifier: Apache-2.0 */
#include "api/acceptor.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/alloc.h"

#define RETRY_MS 10 /* without room, descriptors or memory */

struct acceptor {
    struct acceptor_options o;
    int listen_fd, stop_fd;
    pthread_t thread;
};

/* False: to be stopped. */
static bool wait_for(const struct acceptor *a, bool connections, int timeout_ms)
{
    struct pollfd p[] = {{.fd = a->stop_fd, .events = POLLIN},
                         {.fd = connections ? a->listen_fd : -1, .events = POLLIN}};

    (void)poll(p, 2, timeout_ms);
    return p[0].revents == 0;
}

/* False: there is none, or none can be taken now. */
static bool take_one(struct acceptor *a)
{
    struct sockaddr_storage peer;
    socklen_t n = sizeof(peer);
    int fd = accept4(a->listen_fd, (struct sockaddr *)&peer, &n, SOCK_NONBLOCK | SOCK_CLOEXEC);

    if (fd >= 0)
        a->o.take(a->o.ctx, fd, (struct sockaddr *)&peer, n);
    return fd >= 0 || errno == EINTR || errno == ECONNABORTED;
}

static void *accept_loop(void *arg)
{
    struct acceptor *a = arg;
    bool run = true;

    while (run) {
        bool room = a->o.has_room(a->o.ctx);
        if (room && take_one(a))
            continue;
        bool none = room && (errno == EAGAIN || errno == EWOULDBLOCK);
        run = wait_for(a, none, none ? -1 : RETRY_MS);
    }
    return NULL;
}

struct acceptor *acceptor_start(int listen_fd, const struct acceptor_options *o)
{
    struct acceptor *a = SW_NEW(struct acceptor);

    a->o = *o;
    a->listen_fd = listen_fd;
    a->stop_fd = eventfd(0, EFD_CLOEXEC);
    if (a->stop_fd < 0 || pthread_create(&a->thread, NULL, accept_loop, a) != 0)
        abort();
    return a;
}

void acceptor_stop(struct acceptor *a)
{
    if (!a)
        return;
    (void)eventfd_write(a->stop_fd, 1);
    (void)pthread_join(a->thread, NULL);
    (void)close(a->listen_fd);
    (void)close(a->stop_fd);
    free(a);
}
