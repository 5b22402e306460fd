/* SPDX-License-Identifier: Apache-2.0 */
/* api/slow.c - a list of connections and a thread that walks it.
 * Invariants: 1. A connection's descriptor is open while it is listed, so shutting it down under the list's lock never meets
 * another file. 2. Phase and time are one word: the watch cannot see the phase of now with the time of before. 3. What the kernel
 * counts (TCP_INFO) is the measure of bodies and answers; the threads that serve count nothing. */
#include "api/slow.h"

#include <linux/sockios.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/macros.h"

#define LISTS      16
#define LOOK_MS    500
#define PHASE_BITS 3

struct list {
    _Alignas(64) pthread_mutex_t lock;
    struct slow_conn *first;
};

struct slow_watch {
    struct slow_limits limits;
    atomic_int_least64_t now_ms; /* of the last look: exact enough */
    pthread_t thread;
    pthread_mutex_t lock; /* of stopping */
    pthread_cond_t wake;
    bool stopping;
    struct list lists[LISTS];
};

static struct list *list_of(struct slow_watch *w, int fd)
{
    return &w->lists[(unsigned)fd % LISTS];
}

static uint64_t make_state(const struct slow_watch *w, enum slow_phase phase)
{
    int64_t now_ms = atomic_load_explicit(&w->now_ms, memory_order_relaxed);

    return (uint64_t)now_ms << PHASE_BITS | phase;
}

void slow_phase(struct slow_watch *w, struct slow_conn *c, enum slow_phase phase)
{
    atomic_store_explicit(&c->state, make_state(w, phase), memory_order_relaxed);
}

void slow_add(struct slow_watch *w, struct slow_conn *c, int fd)
{
    struct list *l = list_of(w, fd);

    memset(c, 0, sizeof(*c));
    c->fd = fd;
    slow_phase(w, c, SLOW_HEAD);
    pthread_mutex_lock(&l->lock);
    c->next = l->first;
    if (c->next)
        c->next->prev = c;
    l->first = c;
    pthread_mutex_unlock(&l->lock);
}

void slow_remove(struct slow_watch *w, struct slow_conn *c)
{
    struct list *l = list_of(w, c->fd);

    pthread_mutex_lock(&l->lock);
    if (c->prev)
        c->prev->next = c->next;
    else
        l->first = c->next;
    if (c->next)
        c->next->prev = c->prev;
    pthread_mutex_unlock(&l->lock);
}

static void tell_408(const struct slow_conn *c)
{
    char text[160], date[SW_TIME_LEN];

    sw_format_http_date(sw_now_us(), date);
    int n = snprintf(text, sizeof(text),
                     "HTTP/1.1 408 Request Timeout\r\nDate: %s\r\nConnection: close\r\n"
                     "Content-Length: 0\r\n\r\n",
                     date);
    (void)send(c->fd, text, (size_t)n, MSG_NOSIGNAL | MSG_DONTWAIT);
}

void slow_drop_unsent(int fd)
{
    const struct linger drop = {.l_onoff = 1, .l_linger = 0};
    (void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &drop, sizeof(drop));
}

static void end(const struct slow_watch *w, struct slow_conn *c, enum slow_phase phase,
                const struct tcp_info *info)
{
    static const char *const names[] = {"ours", "head", "idle", "body", "answer"};

    if ((phase == SLOW_HEAD || phase == SLOW_BODY) && !w->limits.encrypted &&
        info->tcpi_bytes_received > 0)
        tell_408(c);
    if (phase == SLOW_ANSWER)
        slow_drop_unsent(c->fd);
    atomic_store(&c->ended, true);
    (void)shutdown(c->fd, SHUT_RDWR);
    sw_log(SW_LOG_DEBUG, "slow-peer", "phase", names[phase], NULL);
}

/* The peer has sent what nobody has read yet. */
static bool unread(const struct slow_conn *c)
{
    int n = 0;
    return ioctl(c->fd, FIONREAD, &n) == 0 && n > 0;
}

/* Nothing waits for the peer to take it. */
static bool all_taken(const struct slow_conn *c)
{
    int n = 0;
    return ioctl(c->fd, SIOCOUTQ, &n) == 0 && n == 0;
}

static bool counters(const struct slow_conn *c, struct tcp_info *ret)
{
    socklen_t n = sizeof(*ret);

    memset(ret, 0, sizeof(*ret));
    return getsockopt(c->fd, IPPROTO_TCP, TCP_INFO, ret, &n) == 0;
}

/* Looks at the rate once in each idle_ms of a phase. */
static void look_at_rate(struct slow_watch *w, struct slow_conn *c, uint64_t state,
                         enum slow_phase phase, int64_t now_ms)
{
    bool begins = c->window_state != state;
    struct tcp_info info;

    if ((!begins && now_ms - c->window_ms < w->limits.idle_ms) || !counters(c, &info))
        return;
    uint64_t bytes = phase == SLOW_BODY ? info.tcpi_bytes_received : info.tcpi_bytes_acked;
    uint64_t least = (uint64_t)w->limits.rate_min * (uint64_t)w->limits.idle_ms / 1000;
    bool behind = phase == SLOW_BODY ? unread(c) : all_taken(c);
    if (!begins && bytes - c->window_bytes < least && !behind) {
        end(w, c, phase, &info);
        return;
    }
    c->window_state = state;
    c->window_ms = now_ms;
    c->window_bytes = bytes;
}

static void look_at(struct slow_watch *w, struct slow_conn *c, int64_t now_ms)
{
    uint64_t state = atomic_load_explicit(&c->state, memory_order_relaxed);
    enum slow_phase phase = (enum slow_phase)(state & ((1 << PHASE_BITS) - 1));
    int64_t since_ms = (int64_t)(state >> PHASE_BITS);
    const struct slow_limits *m = &w->limits;
    struct tcp_info info;

    if (phase == SLOW_OURS || atomic_load_explicit(&c->ended, memory_order_relaxed))
        return;
    if (phase == SLOW_BODY || phase == SLOW_ANSWER) {
        if (m->rate_min > 0)
            look_at_rate(w, c, state, phase, now_ms);
        return;
    }
    int64_t allowed_ms = phase == SLOW_HEAD ? m->header_ms : m->idle_ms + m->header_ms;
    if (now_ms - since_ms > allowed_ms && !unread(c) && counters(c, &info))
        end(w, c, phase, &info);
}

static bool wait_to_look(struct slow_watch *w)
{
    struct timespec until;

    (void)clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_nsec += LOOK_MS * 1000000L;
    until.tv_sec += until.tv_nsec / 1000000000L;
    until.tv_nsec %= 1000000000L;
    pthread_mutex_lock(&w->lock);
    if (!w->stopping)
        (void)pthread_cond_clockwait(&w->wake, &w->lock, CLOCK_MONOTONIC, &until);
    bool stopping = w->stopping;
    pthread_mutex_unlock(&w->lock);
    return !stopping;
}

static void *watch(void *arg)
{
    struct slow_watch *w = arg;

    while (wait_to_look(w)) {
        int64_t now_ms = sw_mono_ms();
        atomic_store_explicit(&w->now_ms, now_ms, memory_order_relaxed);
        for (size_t i = 0; i < LISTS; i++) {
            pthread_mutex_lock(&w->lists[i].lock);
            for (struct slow_conn *c = w->lists[i].first; c; c = c->next)
                look_at(w, c, now_ms);
            pthread_mutex_unlock(&w->lists[i].lock);
        }
    }
    return NULL;
}

struct slow_watch *slow_watch_new(const struct slow_limits *limits)
{
    struct slow_watch *w = aligned_alloc(64, (sizeof(*w) + 63) / 64 * 64);

    if (!w)
        abort();
    memset(w, 0, sizeof(*w));
    w->limits = *limits;
    atomic_init(&w->now_ms, sw_mono_ms());
    for (size_t i = 0; i < LISTS; i++)
        pthread_mutex_init(&w->lists[i].lock, NULL);
    pthread_mutex_init(&w->lock, NULL);
    pthread_cond_init(&w->wake, NULL);
    if (pthread_create(&w->thread, NULL, watch, w) != 0)
        abort();
    return w;
}

void slow_watch_free(struct slow_watch *w)
{
    if (!w)
        return;
    pthread_mutex_lock(&w->lock);
    w->stopping = true;
    pthread_cond_signal(&w->wake);
    pthread_mutex_unlock(&w->lock);
    (void)pthread_join(w->thread, NULL);
    for (size_t i = 0; i < LISTS; i++)
        pthread_mutex_destroy(&w->lists[i].lock);
    pthread_mutex_destroy(&w->lock);
    pthread_cond_destroy(&w->wake);
    free(w);
}
