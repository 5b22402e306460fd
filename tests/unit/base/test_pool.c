/* SPDX-License-Identifier: Apache-2.0 */
#include "base/pool.h"

#include <pthread.h>
#include <stdatomic.h>

#include "base/clock.h"
#include "tests/lib/test.h"

static atomic_int done, running, most;

enum { THREADS_MAX = 4 };

static void reset(void)
{
    done = running = most = 0;
}

static void count(void *arg)
{
    atomic_fetch_add((atomic_int *)arg, 1);
}

static void linger(void *arg)
{
    int now = atomic_fetch_add(&running, 1) + 1;
    int seen = atomic_load(&most);

    while (now > seen && !atomic_compare_exchange_weak(&most, &seen, now))
        ;
    for (int i = 0; i < 10000 && atomic_load(&most) < THREADS_MAX; i++)
        sw_sleep_ms(1); /* for the other threads, however long they take to start */
    sw_sleep_ms(5);
    atomic_fetch_sub(&running, 1);
    count(arg);
}

TEST(free_runs_what_is_queued)
{
    struct sw_pool *p = sw_pool_new(3, "test");

    reset();
    for (int i = 0; i < 1000; i++)
        sw_pool_submit(p, count, &done);
    sw_pool_free(p);
    CHECK_EQ_INT(done, 1000);
    sw_pool_free(NULL);
}

TEST(never_more_threads_than_the_maximum_and_all_of_them_under_load)
{
    struct sw_pool *p = sw_pool_new(THREADS_MAX, "test");

    reset();
    for (int i = 0; i < 16; i++)
        sw_pool_submit(p, linger, &done);
    CHECK(sw_pool_backlog(p) >= 1);
    sw_pool_free(p);
    CHECK_EQ_INT(done, 16);
    CHECK_EQ_INT(most, THREADS_MAX);
}

static int order[100], order_n;

static void record(void *arg)
{
    order[order_n++] = (int)(intptr_t)arg;
}

TEST(one_thread_keeps_the_order)
{
    struct sw_pool *p = sw_pool_new(1, "a name longer than the kernel keeps");

    order_n = 0;
    for (int i = 0; i < 100; i++)
        sw_pool_submit(p, record, (void *)(intptr_t)i);
    sw_pool_free(p);
    CHECK_EQ_INT(order_n, 100);
    for (int i = 0; i < 100; i++)
        CHECK_EQ_INT(order[i], i);
}

static struct sw_pool *nested;

static void submit_more(void *arg)
{
    sw_sleep_ms(10);
    for (int i = 0; i < 5; i++)
        sw_pool_submit(nested, count, arg);
}

TEST(jobs_may_submit_jobs_even_while_stopping)
{
    reset();
    nested = sw_pool_new(2, "test");
    sw_pool_submit(nested, submit_more, &done);
    sw_pool_free(nested);
    CHECK_EQ_INT(done, 5);
}

TEST(an_idle_thread_is_used_again)
{
    struct sw_pool *p = sw_pool_new(2, "test");

    reset();
    for (int i = 0; i < 20; i++) {
        sw_pool_submit(p, count, &done);
        for (int spin = 0; spin < 20000 && done != i + 1; spin++)
            sw_sleep_ms(1);
        CHECK_EQ_INT(done, i + 1);
    }
    CHECK_EQ_INT(sw_pool_backlog(p), 0);
    sw_pool_free(p);
}
