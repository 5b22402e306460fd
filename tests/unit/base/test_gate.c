/* SPDX-License-Identifier: Apache-2.0 */
#include "base/gate.h"

#include <stdatomic.h>

#include "base/clock.h"
#include "tests/lib/test.h"

#define THREADS 12
#define PLACES  3

static struct sw_gate gate = SW_GATE_INIT(PLACES);
static _Atomic int inside, most, passed;

static void *pass_often(void *arg)
{
    (void)arg;
    for (int i = 0; i < 20; i++) {
        sw_gate_enter(&gate);
        int now = atomic_fetch_add(&inside, 1) + 1, seen = atomic_load(&most);
        while (now > seen && !atomic_compare_exchange_weak(&most, &seen, now))
            continue;
        for (int spin = 0; spin < 10000 && (spin == 0 || atomic_load(&most) < PLACES); spin++)
            sw_sleep_ms(1);
        atomic_fetch_sub(&inside, 1);
        sw_gate_leave(&gate);
        atomic_fetch_add(&passed, 1);
    }
    return NULL;
}

TEST(as_many_as_there_are_places_and_everybody_at_last)
{
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++)
        CHECK(pthread_create(&threads[i], NULL, pass_often, NULL) == 0);
    for (int i = 0; i < THREADS; i++)
        CHECK(pthread_join(threads[i], NULL) == 0);
    CHECK_EQ_INT(passed, THREADS * 20);
    CHECK_EQ_INT(most, PLACES);
}

static void *enter_once(void *arg)
{
    sw_gate_enter(&gate);
    atomic_store((_Atomic int *)arg, 1);
    return NULL;
}

TEST(who_comes_to_a_full_gate_waits_for_any_thread_to_leave)
{
    _Atomic int entered = 0;
    pthread_t thread;
    for (int i = 0; i < PLACES; i++)
        sw_gate_enter(&gate);
    CHECK(pthread_create(&thread, NULL, enter_once, &entered) == 0);
    sw_sleep_ms(50);
    CHECK_EQ_INT(entered, 0);
    sw_gate_leave(&gate);
    CHECK(pthread_join(thread, NULL) == 0);
    CHECK_EQ_INT(entered, 1);
    for (int i = 0; i < PLACES; i++)
        sw_gate_leave(&gate);
}
