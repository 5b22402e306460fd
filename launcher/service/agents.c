/* SPDX-License-Identifier: Apache-2.0 */
/* Invariants, all under the lock:
 * 1. A change raises the generation before it hands out waiters, and parking compares the generation: no change falls between.
 * 2. agent.waiting is the number of parked waiters of that instance.
 * 3. A log request is in the list until exactly one caller takes it out: the answer, the time-out or the shutdown. */
#include "launcher/service/agents.h"

#include <pthread.h>

#include "base/alloc.h"
#include "base/macros.h"
#include "base/str.h"
#include "launcher/service/service.h"

#define BUCKETS      1024             /* looking at a cluster asks for each of its agents */
#define CLOCK_SET_US (10 * 1000000LL) /* more than a caller's now_us is late */

struct agent {
    struct agent *next, *next_in_bucket;
    char id[ARN_ID_LEN + 1];
    int64_t last_poll_us;
    int waiting;
    uint64_t generation;
    json_t *usage; /* the last SubmitMetrics; NULL: none yet */
    int64_t usage_at_us;
};

struct agents {
    pthread_mutex_t lock;
    struct agent *agents, *buckets[BUCKETS];
    struct agents_waiter *waiters;
    struct agents_log *logs;
    size_t logs_n;
    int64_t here_us, since_us;
    int64_t (*mono_us)(void); /* NULL: now_us runs evenly */
    int64_t ahead_us;         /* now_us of mono_us */
};

struct agents *agents_new(int64_t here_us, int64_t now_us)
{
    struct agents *a = SW_NEW(struct agents);
    a->here_us = here_us;
    a->since_us = now_us;
    pthread_mutex_init(&a->lock, NULL);
    return a;
}

void agents_follow_clock(struct agents *a, int64_t (*mono_us)(void), int64_t now_us)
{
    pthread_mutex_lock(&a->lock);
    a->mono_us = mono_us;
    a->ahead_us = now_us - mono_us();
    pthread_mutex_unlock(&a->lock);
}

/* With the lock held. */
static void follow_clock(struct agents *a, int64_t now_us)
{
    const int64_t by_us = a->mono_us ? now_us - a->mono_us() - a->ahead_us : 0;
    if (by_us > -CLOCK_SET_US && by_us < CLOCK_SET_US)
        return;
    a->ahead_us += by_us;
    a->since_us += by_us;
    for (struct agent *g = a->agents; g; g = g->next) {
        g->last_poll_us += g->last_poll_us ? by_us : 0;
        g->usage_at_us += g->usage_at_us ? by_us : 0;
    }
    for (struct agents_waiter *w = a->waiters; w; w = w->next)
        w->deadline_us += by_us;
    for (struct agents_log *q = a->logs; q; q = q->next)
        q->deadline_us += by_us;
}

void agents_count_from(struct agents *a, int64_t now_us)
{
    pthread_mutex_lock(&a->lock);
    follow_clock(a, now_us);
    a->since_us = now_us;
    pthread_mutex_unlock(&a->lock);
}

void agents_free(struct agents *a)
{
    if (!a)
        return;
    while (a->agents) {
        struct agent *next = a->agents->next;
        json_decref(a->agents->usage);
        free(a->agents);
        a->agents = next;
    }
    pthread_mutex_destroy(&a->lock);
    free(a);
}

void agents_log_free(struct agents_log *q)
{
    json_decref(q->request);
    free(q);
}

/* Ids are random digits; any text will do. */
static struct agent **bucket_of(struct agents *a, const char *id)
{
    uint32_t h = 2166136261U;
    for (const char *p = id; *p; p++)
        h = (h ^ (unsigned char)*p) * 16777619U;
    return &a->buckets[h % BUCKETS];
}

static struct agent *find(struct agents *a, const char *id)
{
    for (struct agent *g = *bucket_of(a, id); g; g = g->next_in_bucket) {
        if (sw_streq(g->id, id))
            return g;
    }
    return NULL;
}

static struct agent *find_or_add(struct agents *a, const char *id)
{
    struct agent *g = find(a, id);
    if (g)
        return g;
    g = SW_NEW(struct agent);
    (void)sw_str_copy(sw_str(id), g->id, sizeof g->id);
    g->next = a->agents;
    a->agents = g;
    struct agent **bucket = bucket_of(a, id);
    g->next_in_bucket = *bucket;
    *bucket = g;
    return g;
}

static bool undelivered(const struct agents *a, const char *id)
{
    for (const struct agents_log *q = a->logs; q; q = q->next) {
        if (!q->delivered && sw_streq(q->instance_id, id))
            return true;
    }
    return false;
}

uint64_t agents_polled(struct agents *a, const char *instance_id, int64_t now_us, bool *ret_logs)
{
    pthread_mutex_lock(&a->lock);
    follow_clock(a, now_us);
    struct agent *g = find_or_add(a, instance_id);
    g->last_poll_us = now_us;
    uint64_t generation = g->generation;
    *ret_logs = undelivered(a, instance_id);
    pthread_mutex_unlock(&a->lock);
    return generation;
}

static bool is_here(const struct agents *a, const struct agent *g, int64_t now_us)
{
    return g->waiting > 0 || (g->last_poll_us && now_us - g->last_poll_us < a->here_us);
}

size_t agents_count(struct agents *a, int64_t now_us)
{
    size_t n = 0;
    pthread_mutex_lock(&a->lock);
    follow_clock(a, now_us);
    for (const struct agent *g = a->agents; g; g = g->next)
        n += is_here(a, g, now_us);
    pthread_mutex_unlock(&a->lock);
    return n;
}

bool agents_connected(struct agents *a, const char *instance_id, int64_t now_us)
{
    pthread_mutex_lock(&a->lock);
    follow_clock(a, now_us);
    const struct agent *g = find(a, instance_id);
    bool connected = g && is_here(a, g, now_us);
    pthread_mutex_unlock(&a->lock);
    return connected;
}

bool agents_presumed(struct agents *a, const char *instance_id, int64_t registered_us,
                     int64_t now_us)
{
    pthread_mutex_lock(&a->lock);
    follow_clock(a, now_us);
    const struct agent *g = find(a, instance_id);
    bool unheard = !g || (!g->last_poll_us && g->waiting == 0);
    bool early = registered_us < a->since_us && now_us - a->since_us < a->here_us;
    bool presumed = (g && is_here(a, g, now_us)) || (unheard && early);
    pthread_mutex_unlock(&a->lock);
    return presumed;
}

int64_t agents_away_us(struct agents *a, const char *instance_id, int64_t now_us)
{
    pthread_mutex_lock(&a->lock);
    follow_clock(a, now_us);
    const struct agent *g = find(a, instance_id);
    int64_t heard_us = SW_MAX(g ? g->last_poll_us : 0, a->since_us);
    int64_t away_us = g && is_here(a, g, now_us) ? 0 : now_us - heard_us;
    pthread_mutex_unlock(&a->lock);
    return away_us;
}

void agents_set_usage(struct agents *a, const char *instance_id, json_t *usage, int64_t now_us)
{
    pthread_mutex_lock(&a->lock);
    follow_clock(a, now_us);
    struct agent *g = find_or_add(a, instance_id);
    json_decref(g->usage);
    g->usage = usage;
    g->usage_at_us = now_us;
    pthread_mutex_unlock(&a->lock);
}

json_t *agents_usage(struct agents *a, const char *instance_id, int64_t *ret_at_us)
{
    pthread_mutex_lock(&a->lock);
    const struct agent *g = find(a, instance_id);
    json_t *copy = g && g->usage ? json_deep_copy(g->usage) : NULL;
    *ret_at_us = g ? g->usage_at_us : 0;
    pthread_mutex_unlock(&a->lock);
    return copy;
}

void agents_each_usage(struct agents *a, int64_t since_us, agents_usage_fn fn, void *ctx)
{
    pthread_mutex_lock(&a->lock);
    for (const struct agent *g = a->agents; g; g = g->next) {
        if (g->usage && g->usage_at_us >= since_us)
            fn(ctx, g->id, g->usage);
    }
    pthread_mutex_unlock(&a->lock);
}

void agents_retired(struct agents *a, const char *instance_id)
{
    pthread_mutex_lock(&a->lock);
    struct agent *g = find(a, instance_id);
    if (g) {
        json_decref(g->usage);
        g->usage = NULL;
        g->usage_at_us = 0;
        g->last_poll_us = 0;
    }
    pthread_mutex_unlock(&a->lock);
}

static void forget_one(struct agents *a, const char *id)
{
    struct agent **at = bucket_of(a, id), *g;
    while (*at && !sw_streq((*at)->id, id))
        at = &(*at)->next_in_bucket;
    g = *at;
    if (!g || g->waiting > 0) /* who waits is counted here */
        return;
    *at = g->next_in_bucket;
    for (at = &a->agents; *at != g; at = &(*at)->next)
        ;
    *at = g->next;
    json_decref(g->usage);
    free(g);
}

void agents_forget(struct agents *a, const json_t *instance_ids)
{
    const json_t *v;
    size_t i;
    pthread_mutex_lock(&a->lock);
    json_array_foreach(instance_ids, i, v)
        forget_one(a, json_string_value(v));
    pthread_mutex_unlock(&a->lock);
}

bool agents_park(struct agents *a, struct agents_waiter *w)
{
    pthread_mutex_lock(&a->lock);
    struct agent *g = find_or_add(a, w->poll.instance_id);
    bool parked = g->generation == w->poll.generation;
    if (parked) {
        g->waiting++;
        w->next = a->waiters;
        a->waiters = w;
    }
    pthread_mutex_unlock(&a->lock);
    return parked;
}

/* Takes out the waiters of an instance (NULL: any) whose time is up at due_us. Who waited was there until heard_us (0: unknown),
 * however long ago it asked: else it would count as away until it asks again. */
static struct agents_waiter *detach(struct agents *a, const char *id, int64_t due_us,
                                    int64_t heard_us)
{
    struct agents_waiter *out = NULL, **at = &a->waiters;
    while (*at) {
        struct agents_waiter *w = *at;
        if ((id && !sw_streq(w->poll.instance_id, id)) || w->deadline_us > due_us) {
            at = &w->next;
            continue;
        }
        struct agent *g = find_or_add(a, w->poll.instance_id);
        g->waiting--;
        if (g->last_poll_us < heard_us)
            g->last_poll_us = heard_us;
        *at = w->next;
        w->next = out;
        out = w;
    }
    return out;
}

struct agents_waiter *agents_changed(struct agents *a, const char *instance_id, int64_t now_us)
{
    pthread_mutex_lock(&a->lock);
    follow_clock(a, now_us);
    for (struct agent *g = a->agents; g; g = g->next) {
        if (!instance_id || sw_streq(g->id, instance_id))
            g->generation++;
        if (!instance_id)
            g->last_poll_us = 0;
    }
    struct agents_waiter *out = detach(a, instance_id, INT64_MAX, instance_id ? now_us : 0);
    pthread_mutex_unlock(&a->lock);
    return out;
}

struct agents_waiter *agents_superseded(struct agents *a, const char *instance_id, int64_t now_us)
{
    pthread_mutex_lock(&a->lock);
    follow_clock(a, now_us);
    struct agents_waiter *out = detach(a, instance_id, INT64_MAX, now_us);
    pthread_mutex_unlock(&a->lock);
    return out;
}

struct agents_waiter *agents_due(struct agents *a, int64_t now_us)
{
    pthread_mutex_lock(&a->lock);
    follow_clock(a, now_us);
    struct agents_waiter *out = detach(a, NULL, now_us, now_us);
    pthread_mutex_unlock(&a->lock);
    return out;
}

bool agents_log_add(struct agents *a, struct agents_log *q)
{
    pthread_mutex_lock(&a->lock);
    bool room = a->logs_n < SERVICE_LOGS_MAX;
    if (room) {
        q->next = a->logs;
        a->logs = q;
        a->logs_n++;
    }
    pthread_mutex_unlock(&a->lock);
    return room;
}

void agents_log_deliver(struct agents *a, const char *instance_id, json_t *list)
{
    pthread_mutex_lock(&a->lock);
    for (struct agents_log *q = a->logs; q; q = q->next) {
        if (!q->delivered && sw_streq(q->instance_id, instance_id)) {
            q->delivered = true;
            json_array_append_new(list, json_deep_copy(q->request));
        }
    }
    pthread_mutex_unlock(&a->lock);
}

void agents_log_redeliver(struct agents *a, const char *instance_id)
{
    pthread_mutex_lock(&a->lock);
    for (struct agents_log *q = a->logs; q; q = q->next)
        if (sw_streq(q->instance_id, instance_id))
            q->delivered = false;
    pthread_mutex_unlock(&a->lock);
}

static struct agents_log *unlink_log(struct agents *a, struct agents_log **at)
{
    struct agents_log *q = *at;
    *at = q->next;
    q->next = NULL;
    a->logs_n--;
    return q;
}

struct agents_log *agents_log_take(struct agents *a, const char *instance_id,
                                   const char *request_id)
{
    struct agents_log *out = NULL;
    pthread_mutex_lock(&a->lock);
    for (struct agents_log **at = &a->logs; *at && !out; at = &(*at)->next) {
        if (sw_streq((*at)->request_id, request_id) && sw_streq((*at)->instance_id, instance_id)) {
            out = unlink_log(a, at);
            break;
        }
    }
    pthread_mutex_unlock(&a->lock);
    return out;
}

struct agents_log *agents_log_due(struct agents *a, int64_t now_us)
{
    struct agents_log *out = NULL, **at;
    pthread_mutex_lock(&a->lock);
    follow_clock(a, now_us);
    at = &a->logs;
    while (*at) {
        if ((*at)->deadline_us > now_us) {
            at = &(*at)->next;
            continue;
        }
        struct agents_log *q = unlink_log(a, at);
        q->next = out;
        out = q;
    }
    pthread_mutex_unlock(&a->lock);
    return out;
}
