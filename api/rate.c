/* SPDX-License-Identifier: Apache-2.0 */
/* api/rate.c - token buckets, kept as the one number that the generic cell rate algorithm needs: the time at which the bucket
 * will be full again. Nothing is refilled by a clock, and a bucket whose time has passed is as good as none.
 * Callers are found by a keyed hash of their name in sets of WAYS buckets: nobody can aim at somebody else's set. */
#include "api/rate.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <sodium.h>
#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/id.h"
#include "base/macros.h"

#define WAYS  8
#define SETS  (RATE_BUCKETS / WAYS)
#define LOCKS 64

struct bucket {
    uint64_t caller;
    int64_t full_at_ns;
};

struct lock {
    _Alignas(64) pthread_mutex_t mutex;
};

struct rate_limiter {
    int64_t (*now_us)(void);
    int64_t interval_ns; /* one token */
    int64_t capacity_ns; /* of a whole bucket */
    unsigned char key[crypto_shorthash_KEYBYTES];
    struct bucket (*sets)[WAYS];
    struct lock locks[LOCKS];
};

struct rate_limiter *rate_new(const struct rate_options *o)
{
    struct rate_limiter *l = aligned_alloc(64, (sizeof(*l) + 63) / 64 * 64);

    if (!l)
        abort();
    memset(l, 0, sizeof(*l));
    l->now_us = o->now_us ? o->now_us : sw_mono_us;
    l->interval_ns = SW_MAX(1000000000 / o->per_second, 1);
    l->capacity_ns = l->interval_ns * (o->burst > 0 ? o->burst : o->per_second);
    sw_random_bytes(l->key, sizeof(l->key));
    l->sets = sw_calloc(SETS, sizeof(*l->sets));
    for (size_t i = 0; i < LOCKS; i++)
        pthread_mutex_init(&l->locks[i].mutex, NULL);
    return l;
}

void rate_free(struct rate_limiter *l)
{
    if (!l)
        return;
    for (size_t i = 0; i < LOCKS; i++)
        pthread_mutex_destroy(&l->locks[i].mutex);
    free(l->sets);
    free(l);
}

static uint64_t hash(const struct rate_limiter *l, const void *data, size_t n)
{
    union {
        unsigned char bytes[crypto_shorthash_BYTES];
        uint64_t number;
    } out;

    (void)crypto_shorthash(out.bytes, data, n, l->key);
    return out.number;
}

/* Names of principals begin with "arn:", so that they are never taken for an address. */
static uint64_t caller_of(const struct rate_limiter *l, const struct http_req *req)
{
    unsigned char v6[16];

    if (req->principal.kind != PRINCIPAL_ANONYMOUS)
        return hash(l, req->principal.arn, strlen(req->principal.arn));
    if (inet_pton(AF_INET6, req->peer_ip, v6) == 1)
        return hash(l, v6, sizeof(v6) / 2);
    return hash(l, req->peer_ip, strlen(req->peer_ip));
}

/* The caller's bucket, else the one of its set that loses least. */
static struct bucket *find(struct bucket *set, uint64_t caller, int64_t now_ns)
{
    struct bucket *b = &set[0];

    for (size_t i = 0; i < WAYS; i++) {
        if (set[i].caller == caller && set[i].full_at_ns > 0)
            return &set[i];
        if (set[i].full_at_ns < b->full_at_ns)
            b = &set[i];
    }
    *b = (struct bucket){caller, now_ns};
    return b;
}

/* 0, or how long until there is a token. */
static int64_t take(struct rate_limiter *l, uint64_t caller, int64_t now_ns)
{
    size_t set = caller % SETS;
    pthread_mutex_t *mutex = &l->locks[set % LOCKS].mutex;

    pthread_mutex_lock(mutex);
    struct bucket *b = find(l->sets[set], caller, now_ns);
    int64_t full_at_ns = SW_MAX(b->full_at_ns, now_ns) + l->interval_ns;
    int64_t wait_ns = full_at_ns - now_ns - l->capacity_ns;
    if (wait_ns <= 0)
        b->full_at_ns = full_at_ns;
    pthread_mutex_unlock(mutex);
    return SW_MAX(wait_ns, 0);
}

int rate_take(struct rate_limiter *l, const struct http_req *req, struct http_res *res,
              struct sw_err *err)
{
    if (!l)
        return 0;
    int64_t wait_ns = take(l, caller_of(l, req), l->now_us() * 1000);
    if (wait_ns == 0)
        return 0;
    http_res_set(res, "Retry-After", "%lld", (long long)((wait_ns + 999999999) / 1000000000));
    return sw_fail(err, SW_ELIMIT, "ThrottlingException",
                   "too many requests: at most %lld in a second",
                   (long long)(1000000000 / l->interval_ns));
}

int rate_take_any(struct rate_limiter *l, const struct http_req *req, struct http_res *res,
                  struct sw_err *err)
{
    struct sw_err limit = SW_ERR_INIT;

    if (rate_take(l, req, res, &limit) < 0) {
        sw_err_clear(err);
        return sw_err_move(err, &limit);
    }
    return err->code;
}
