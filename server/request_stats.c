/* SPDX-License-Identifier: Apache-2.0 */
/* Invariants:
 * 1. A slot of the table goes from NULL to a series once and never changes again: readers need no lock.
 * 2. A key is in one slot only: two threads that meet it first probe the same slots in the same order, and the one that loses a
 *    slot looks again at what won it.
 * 3. The table is larger than the number of series, so probing ends at an empty slot. */
#include "server/request_stats.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/macros.h"
#include "base/metric.h"

#define SLOTS     (2 * REQUEST_SERIES_MAX) /* a power of two */
#define ROUTE_MAX 64

struct series {
    struct sw_histogram duration;
    struct sw_counter bytes_in, bytes_out;
    char route[ROUTE_MAX];
    enum http_method method;
    int status;
};

struct request_stats {
    struct series *_Atomic slots[SLOTS];
    atomic_uint n;
    struct series *_Atomic other;
};

struct request_stats *request_stats_new(void)
{
    return SW_NEW(struct request_stats);
}

void request_stats_free(struct request_stats *s)
{
    if (!s)
        return;
    for (size_t i = 0; i < SLOTS; i++)
        free(atomic_load(&s->slots[i]));
    free(atomic_load(&s->other));
    free(s);
}

static size_t hash(const char *route, enum http_method method, int status)
{
    uint64_t h = 14695981039346656037ull;

    for (const char *p = route; *p; p++)
        h = (h ^ (unsigned char)*p) * 1099511628211ull;
    h = (h ^ (unsigned)method) * 1099511628211ull;
    h = (h ^ (unsigned)status) * 1099511628211ull;
    return (size_t)(h ^ (h >> 32)) % SLOTS;
}

static bool same(const struct series *x, const char *route, enum http_method method, int status)
{
    return x->status == status && x->method == method && strcmp(x->route, route) == 0;
}

static struct series *series_new(const char *route, enum http_method method, int status)
{
    struct series *x = aligned_alloc(64, (sizeof(*x) + 63) / 64 * 64);

    if (!x)
        abort();
    memset(x, 0, sizeof(*x));
    (void)snprintf(x->route, sizeof(x->route), "%s", route);
    x->method = method;
    x->status = status;
    return x;
}

/* What the slot holds afterwards: ours, or what another thread put there first. */
static struct series *fill(struct series *_Atomic *slot, const char *route, enum http_method method,
                           int status)
{
    struct series *mine = series_new(route, method, status), *there = NULL;

    if (atomic_compare_exchange_strong(slot, &there, mine))
        return mine;
    free(mine);
    return there;
}

static struct series *other(struct request_stats *s)
{
    struct series *x = atomic_load_explicit(&s->other, memory_order_acquire);

    return x ? x : fill(&s->other, "other", HTTP_OTHER, 0);
}

static struct series *find(struct request_stats *s, const char *route, enum http_method method,
                           int status)
{
    if (strlen(route) >= ROUTE_MAX)
        return other(s);
    for (size_t i = hash(route, method, status);; i = (i + 1) % SLOTS) {
        struct series *x = atomic_load_explicit(&s->slots[i], memory_order_acquire);
        if (!x) {
            if (atomic_load(&s->n) >= REQUEST_SERIES_MAX)
                return other(s);
            x = fill(&s->slots[i], route, method, status);
            if (same(x, route, method, status)) {
                atomic_fetch_add(&s->n, 1);
                return x;
            }
        }
        if (same(x, route, method, status))
            return x;
    }
}

void request_stats_count(struct request_stats *s, const char *route, enum http_method method,
                         int status, uint64_t bytes_in, uint64_t bytes_out, int64_t duration_us)
{
    struct series *x = find(s, route ? route : "none", method, status);

    sw_histogram_observe(&x->duration, duration_us);
    if (bytes_in)
        sw_counter_add(&x->bytes_in, bytes_in);
    if (bytes_out)
        sw_counter_add(&x->bytes_out, bytes_out);
}

static int by_key(const void *pa, const void *pb)
{
    const struct series *a = *(const struct series *const *)pa;
    const struct series *b = *(const struct series *const *)pb;
    int c = strcmp(a->route, b->route);

    if (c == 0)
        c = (int)a->method - (int)b->method;
    return c ? c : a->status - b->status;
}

struct listing {
    const struct series *series[SLOTS + 1];
    size_t n;
};

static struct listing *list(const struct request_stats *s)
{
    struct listing *l = SW_NEW(struct listing);

    for (size_t i = 0; i < SLOTS; i++) {
        const struct series *x = atomic_load(&((struct request_stats *)s)->slots[i]);
        if (x)
            l->series[l->n++] = x;
    }
    const struct series *rest = atomic_load(&((struct request_stats *)s)->other);
    if (rest)
        l->series[l->n++] = rest;
    qsort(l->series, l->n, sizeof(l->series[0]), by_key);
    return l;
}

static void requests_text(const struct listing *l, struct sw_buf *b)
{
    sw_metric_head(b, "slipway_http_requests_total", "counter",
                   "Answered requests; status 499: the client went away first.");
    for (size_t i = 0; i < l->n; i++) {
        struct sw_histogram_sum sum = {.sum_us = 0};
        char status[16];
        const struct series *x = l->series[i];
        sw_histogram_add_to(&x->duration, &sum);
        (void)snprintf(status, sizeof(status), "%d", x->status);
        const struct sw_label labels[] = {
            {"route", x->route}, {"method", http_method_to_string(x->method)}, {"status", status}};
        sw_metric_value(b, "slipway_http_requests_total", labels, SW_ARRAY_LEN(labels),
                        sw_histogram_count(&sum));
    }
}

/* Past the series of the same route as the i-th. */
static size_t route_end(const struct listing *l, size_t i)
{
    size_t end = i + 1;

    while (end < l->n && strcmp(l->series[end]->route, l->series[i]->route) == 0)
        end++;
    return end;
}

static void durations_text(const struct listing *l, struct sw_buf *b)
{
    sw_metric_head(b, "slipway_http_request_duration_seconds", "histogram",
                   "From the first byte of a request to the last of its answer.");
    for (size_t i = 0, end; i < l->n; i = end) {
        struct sw_histogram_sum sum = {.sum_us = 0};
        struct sw_label label = {"route", l->series[i]->route};
        end = route_end(l, i);
        for (size_t k = i; k < end; k++)
            sw_histogram_add_to(&l->series[k]->duration, &sum);
        sw_metric_histogram(b, "slipway_http_request_duration_seconds", &label, 1, &sum);
    }
}

static void bytes_text(const struct listing *l, struct sw_buf *b, const char *name,
                       const char *help, size_t counter_off)
{
    sw_metric_head(b, name, "counter", help);
    for (size_t i = 0, end; i < l->n; i = end) {
        uint64_t n = 0;
        struct sw_label label = {"route", l->series[i]->route};
        end = route_end(l, i);
        for (size_t k = i; k < end; k++)
            n += sw_counter_get(
                (const struct sw_counter *)((const char *)l->series[k] + counter_off));
        sw_metric_value(b, name, &label, 1, n);
    }
}

void request_stats_text(const struct request_stats *s, struct sw_buf *b)
{
    struct listing *l = list(s);

    requests_text(l, b);
    durations_text(l, b);
    bytes_text(l, b, "slipway_http_received_bytes_total", "Body bytes received.",
               offsetof(struct series, bytes_in));
    bytes_text(l, b, "slipway_http_sent_bytes_total", "Body bytes of answers.",
               offsetof(struct series, bytes_out));
    free(l);
}
