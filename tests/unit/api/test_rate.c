/* SPDX-License-Identifier: Apache-2.0 */
#include "api/rate.h"

#include <pthread.h>
#include <stdatomic.h>

#include "base/macros.h"
#include "tests/lib/test.h"

static int64_t time_us;

static int64_t now_us(void)
{
    return time_us;
}

static struct http_req from(const char *arn, const char *peer)
{
    struct http_req q = {.principal = principal_anonymous()};

    if (arn) {
        q.principal.kind = PRINCIPAL_USER;
        (void)snprintf(q.principal.arn, sizeof(q.principal.arn), "%s", arn);
    }
    (void)snprintf(q.peer_ip, sizeof(q.peer_ip), "%s", peer);
    return q;
}

/* Seconds to wait, 0 when the request may go on. */
static int wait_of(struct rate_limiter *l, const char *arn, const char *peer)
{
    struct http_req q = from(arn, peer);
    struct http_res res;
    struct sw_err err = SW_ERR_INIT;
    int wait_s = 0;

    http_res_init(&res);
    if (rate_take(l, &q, &res, &err) < 0) {
        CHECK_EQ_INT(err.code, SW_ELIMIT);
        CHECK_EQ_STR(err.reason, "ThrottlingException");
        CHECK_NOT_NULL(http_res_get(&res, "Retry-After"));
        CHECK_EQ_INT(sscanf(http_res_get(&res, "Retry-After"), "%d", &wait_s), 1);
    } else {
        CHECK_NULL(http_res_get(&res, "Retry-After"));
    }
    http_res_done(&res);
    return wait_s;
}

static struct rate_limiter *limiter(int64_t per_second, int64_t burst)
{
    time_us = 5000000;
    return rate_new(
        &(struct rate_options){.per_second = per_second, .burst = burst, .now_us = now_us});
}

TEST(burst_then_steady_rate)
{
    struct rate_limiter *l = limiter(4, 10);

    for (int i = 0; i < 10; i++)
        CHECK_EQ_INT(wait_of(l, "arn:a", "192.0.2.1"), 0);
    CHECK_EQ_INT(wait_of(l, "arn:a", "192.0.2.1"), 1);
    time_us += 250000;
    CHECK_EQ_INT(wait_of(l, "arn:a", "192.0.2.1"), 0);
    CHECK_EQ_INT(wait_of(l, "arn:a", "192.0.2.1"), 1);
    time_us += 3600LL * 1000000; /* full again, not fuller */
    for (int i = 0; i < 10; i++)
        CHECK_EQ_INT(wait_of(l, "arn:a", "192.0.2.1"), 0);
    CHECK_EQ_INT(wait_of(l, "arn:a", "192.0.2.1"), 1);
    rate_free(l);
}

TEST(burst_is_a_second_unless_told)
{
    struct rate_limiter *l = limiter(3, 0);

    for (int i = 0; i < 3; i++)
        CHECK_EQ_INT(wait_of(l, "arn:a", ""), 0);
    CHECK_EQ_INT(wait_of(l, "arn:a", ""), 1);
    rate_free(l);
}

TEST(a_refusal_costs_nothing)
{
    struct rate_limiter *l = limiter(1, 1);

    CHECK_EQ_INT(wait_of(l, "arn:a", ""), 0);
    for (int i = 0; i < 1000; i++)
        CHECK_EQ_INT(wait_of(l, "arn:a", ""), 1);
    time_us += 1000000;
    CHECK_EQ_INT(wait_of(l, "arn:a", ""), 0);
    rate_free(l);
}

TEST(callers_do_not_share)
{
    struct rate_limiter *l = limiter(1, 1);

    CHECK_EQ_INT(wait_of(l, "arn:a", "192.0.2.1"), 0);
    CHECK_EQ_INT(wait_of(l, "arn:b", "192.0.2.1"), 0);
    CHECK_EQ_INT(wait_of(l, NULL, "192.0.2.1"), 0);
    CHECK_EQ_INT(wait_of(l, NULL, "192.0.2.2"), 0);
    CHECK_EQ_INT(wait_of(l, "arn:a", "192.0.2.9"), 1);
    CHECK_EQ_INT(wait_of(l, NULL, "192.0.2.1"), 1);
    rate_free(l);
}

TEST(ipv6_peers_count_by_their_network)
{
    struct rate_limiter *l = limiter(1, 1);

    CHECK_EQ_INT(wait_of(l, NULL, "2001:db8:0:1::1"), 0);
    CHECK_EQ_INT(wait_of(l, NULL, "2001:db8:0:1:ffff::2"), 1);
    CHECK_EQ_INT(wait_of(l, NULL, "2001:db8:0:2::1"), 0);
    rate_free(l);
}

/* More callers than buckets: everybody is served, and somebody who keeps coming stays limited. */
TEST(a_crowd_does_not_free_the_one_who_keeps_coming)
{
    struct rate_limiter *l = limiter(1, 100);
    int refused = 0;
    char arn[32];

    for (int i = 0; i < 4 * RATE_BUCKETS; i++) {
        (void)snprintf(arn, sizeof(arn), "arn:%d", i);
        CHECK_EQ_INT(wait_of(l, arn, ""), 0);
        refused += wait_of(l, "arn:greedy", "") > 0;
    }
    CHECK_EQ_INT(refused, 4 * RATE_BUCKETS - 100);
    rate_free(l);
}

TEST(no_limiter_no_limit)
{
    for (int i = 0; i < 1000; i++)
        CHECK_EQ_INT(wait_of(NULL, NULL, "192.0.2.1"), 0);
}

TEST(a_very_high_rate_is_no_division_by_nothing)
{
    struct rate_limiter *l = limiter(1000000000, 0);

    for (int i = 0; i < 1000; i++)
        CHECK_EQ_INT(wait_of(l, "arn:a", ""), 0);
    rate_free(l);
}

#define THREADS 4

static void *take_many(void *arg)
{
    struct rate_limiter *l = arg;
    long passed = 0;

    for (int i = 0; i < 1000; i++)
        passed += wait_of(l, "arn:a", "") == 0;
    return (void *)(intptr_t)passed;
}

TEST(threads_share_one_bucket_exactly)
{
    struct rate_limiter *l = limiter(1, 700);
    pthread_t threads[THREADS];
    long passed = 0;

    for (size_t i = 0; i < THREADS; i++)
        CHECK(pthread_create(&threads[i], NULL, take_many, l) == 0);
    for (size_t i = 0; i < THREADS; i++) {
        void *n;
        CHECK(pthread_join(threads[i], &n) == 0);
        passed += (long)(intptr_t)n;
    }
    CHECK_EQ_INT(passed, 700);
    rate_free(l);
}
