/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* api/slow.h - ends connections whose peer is too slow. The HTTP library ends a connection that is silent; this ends one that says
 * or takes just enough not to be silent.
 *   HEAD    from the accepted connection, or the request line, to the last header: header_ms, TLS handshake included
 *   IDLE    from an answer to the next request line: idle_ms + header_ms
 *   BODY    the peer sends: in each idle_ms at least rate_min bytes a second
 *   ANSWER  the peer takes: the same, by what it has acknowledged
 *   OURS    we are at work: no limit
 * Time that we are behind (bytes are here that nobody has read, or none wait to be taken) is not held against the peer.
 * Where the answer cannot get in the way of another one the peer is told 408, then the socket is shut down; whoever owns the
 * descriptor sees its end as if the peer had closed.
 * Threads: a connection is added, changes its phase and is removed on any thread, in this order; a thread of the watch looks at all
 * of them twice a second. slow_phase() is one load and one store. */
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

enum slow_phase { SLOW_OURS, SLOW_HEAD, SLOW_IDLE, SLOW_BODY, SLOW_ANSWER };

struct slow_limits {
    int64_t header_ms, idle_ms;
    int64_t rate_min; /* bytes a second; 0: any */
    bool encrypted;   /* no plain 408 */
};

struct slow_conn {
    struct slow_conn *prev, *next;
    int fd;
    atomic_uint_least64_t state; /* phase and the time it began */
    atomic_bool ended;           /* by the watch */
    /* The watch's own: */
    uint64_t window_state, window_bytes;
    int64_t window_ms;
};

struct slow_watch;
struct slow_watch *slow_watch_new(const struct slow_limits *limits);
void slow_watch_free(struct slow_watch *w); /* every connection is removed before */
void slow_add(struct slow_watch *w, struct slow_conn *c, int fd); /* in phase HEAD */
void slow_phase(struct slow_watch *w, struct slow_conn *c, enum slow_phase phase);
/* Closing fd will drop what the peer did not take: else the kernel keeps it for as long as the peer likes. */
void slow_drop_unsent(int fd);
void slow_remove(struct slow_watch *w, struct slow_conn *c); /* before fd is closed */
