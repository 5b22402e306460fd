/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* api/acceptor.h - takes connections from a listening socket, on a thread of its own.
 * Why: network threads that wait on the same listening socket share new connections badly: the first to wake takes all that are there,
 * and serves them alone while another one idles.
 * While `has_room` says no, connections wait in the kernel's queue.
 * Threads: start and stop by the owner; the callbacks run on the thread. */
#include <stdbool.h>
#include <sys/socket.h>

struct acceptor_options {
    bool (*has_room)(void *ctx);
    /* Takes fd, which does not block and is closed on exec. */
    void (*take)(void *ctx, int fd, const struct sockaddr *peer, socklen_t peer_n);
    void *ctx;
};

struct acceptor;
struct acceptor *acceptor_start(int listen_fd,
                                const struct acceptor_options *o); /* takes listen_fd */
/* No more callbacks; the listening socket is closed. NULL ok. */
void acceptor_stop(struct acceptor *a);
