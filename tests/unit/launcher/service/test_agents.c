/* SPDX-License-Identifier: Apache-2.0 */
#include "launcher/service/agents.h"

#include "base/alloc.h"
#include "launcher/service/service.h"
#include "tests/lib/test.h"

static struct agents_waiter *waiter(const char *id, uint64_t generation, int64_t deadline_us)
{
    struct agents_waiter *w = SW_NEW(struct agents_waiter);
    (void)snprintf(w->poll.instance_id, sizeof w->poll.instance_id, "%s", id);
    w->poll.generation = generation;
    w->deadline_us = deadline_us;
    return w;
}

static size_t drop(struct agents_waiter *list)
{
    size_t n = 0;
    for (struct agents_waiter *next; list; list = next, n++) {
        next = list->next;
        free(list);
    }
    return n;
}

TEST(parking_fails_after_a_change)
{
    struct agents *a = agents_new(60000000, 0);
    bool logs;
    uint64_t g = agents_polled(a, "i", 1, &logs);
    CHECK_EQ_INT(drop(agents_changed(a, "i", 1)), 0);
    struct agents_waiter *w = waiter("i", g, 100);
    CHECK(!agents_park(a, w));
    w->poll.generation = agents_polled(a, "i", 2, &logs);
    CHECK(agents_park(a, w));
    CHECK_EQ_INT(drop(agents_changed(a, "other", 1)), 0);
    CHECK_EQ_INT(drop(agents_changed(a, "i", 1)), 1);
    agents_free(a);
}

TEST(waiters_are_due_at_their_time)
{
    struct agents *a = agents_new(60000000, 0);
    bool logs;
    uint64_t g = agents_polled(a, "i", 1, &logs);
    CHECK(agents_park(a, waiter("i", g, 100)));
    CHECK(agents_park(a, waiter("i", g, 200)));
    CHECK_EQ_INT(drop(agents_due(a, 99)), 0);
    CHECK_EQ_INT(drop(agents_due(a, 100)), 1);
    CHECK_EQ_INT(drop(agents_changed(a, NULL, 1)), 1);
    agents_free(a);
}

TEST(after_a_restart_those_of_before_count_until_they_had_the_time_to_be_heard)
{
    const int64_t began = 1000000000;
    struct agents *a = agents_new(SERVICE_HERE_US, began);
    bool logs;
    CHECK(agents_presumed(a, "i", began - 1, began + SERVICE_HERE_US - 1));
    CHECK(!agents_presumed(a, "i", began - 1, began + SERVICE_HERE_US));
    CHECK(!agents_presumed(a, "i", began, began + 1)); /* it registered here, and is not heard */
    (void)agents_polled(a, "i", began + 5, &logs);
    CHECK(agents_presumed(a, "i", began, began + 5));
    CHECK(!agents_presumed(a, "i", began - 1, began + 5 + SERVICE_HERE_US));
    agents_retired(a, "i");
    CHECK(!agents_connected(a, "i", began + 6));
    agents_free(a);
}

TEST(an_agent_is_here_while_it_waits_and_a_minute_after)
{
    struct agents *a = agents_new(60000000, 0);
    bool logs;
    const int64_t t = 1000000000;
    CHECK(!agents_connected(a, "i", t));
    uint64_t g = agents_polled(a, "i", t, &logs);
    CHECK(agents_connected(a, "i", t + SERVICE_HERE_US - 1));
    CHECK(!agents_connected(a, "i", t + SERVICE_HERE_US));
    CHECK(agents_park(a, waiter("i", g, t + 100)));
    CHECK(agents_connected(a, "i", t + 2 * SERVICE_HERE_US));
    CHECK_EQ_INT(drop(agents_changed(a, NULL, 1)), 1);
    CHECK(!agents_connected(a, "i", t + 1)); /* all is forgotten */
    agents_free(a);
}

/* Else a change that comes late in a long wait makes an agent count as away until its next poll, and its tasks as lost. */
TEST(whoever_waited_was_there_until_it_was_answered)
{
    enum { HERE = 2000000, LATE = 19000000 };
    struct agents *a = agents_new(HERE, 0);
    bool logs;
    const int64_t t = 1000000000;
    uint64_t g = agents_polled(a, "i", t, &logs);
    CHECK(agents_park(a, waiter("i", g, t + 2 * LATE)));
    CHECK_EQ_INT(drop(agents_changed(a, "i", t + LATE)), 1);
    CHECK_EQ_INT(agents_away_us(a, "i", t + LATE + HERE - 1), 0);
    CHECK_EQ_INT(agents_away_us(a, "i", t + LATE + HERE), HERE);
    g = agents_polled(a, "i", t, &logs);
    CHECK(agents_park(a, waiter("i", g, t + 2 * LATE)));
    CHECK_EQ_INT(drop(agents_superseded(a, "i", t + LATE)), 1);
    CHECK(agents_connected(a, "i", t + LATE + HERE - 1));
    CHECK(!agents_connected(a, "i", t + LATE + HERE));
    agents_free(a);
}

TEST(what_is_known_of_an_agent_goes_when_it_is_forgotten)
{
    struct agents *a = agents_new(60000000, 0);
    bool logs;
    int64_t at;
    uint64_t g = agents_polled(a, "i", 5, &logs);
    (void)agents_polled(a, "j", 5, &logs);
    agents_set_usage(a, "i", json_object(), 5);
    agents_retired(a, "i");
    agents_retired(a, "unknown");
    CHECK(agents_usage(a, "i", &at) == NULL);
    CHECK(!agents_connected(a, "i", 6) && agents_connected(a, "j", 6));
    json_t *gone = json_pack("[s, s]", "i", "unknown");
    CHECK(agents_park(a, waiter("i", g, 100)));
    agents_forget(a, gone); /* not while somebody waits */
    CHECK_EQ_INT(drop(agents_changed(a, "i", 6)), 1);
    agents_set_usage(a, "i", json_object(), 6);
    agents_forget(a, gone);
    CHECK(agents_usage(a, "i", &at) == NULL);
    CHECK_EQ_INT(agents_count(a, 6), 1);
    json_decref(gone);
    agents_free(a);
}

static struct agents_log *ask(const char *id, const char *request, int64_t deadline_us)
{
    struct agents_log *q = SW_NEW(struct agents_log);
    (void)snprintf(q->instance_id, sizeof q->instance_id, "%s", id);
    (void)snprintf(q->request_id, sizeof q->request_id, "%s", request);
    q->request = json_object();
    q->deadline_us = deadline_us;
    return q;
}

TEST(log_requests_are_delivered_once_and_taken_once)
{
    struct agents *a = agents_new(60000000, 0);
    json_t *list = json_array();
    bool logs;
    CHECK(agents_log_add(a, ask("i", "r1", 10)));
    (void)agents_polled(a, "i", 1, &logs);
    CHECK(logs);
    agents_log_deliver(a, "other", list);
    CHECK_EQ_INT(json_array_size(list), 0);
    agents_log_deliver(a, "i", list);
    agents_log_deliver(a, "i", list);
    CHECK_EQ_INT(json_array_size(list), 1);
    (void)agents_polled(a, "i", 1, &logs);
    CHECK(!logs);
    agents_log_redeliver(a, "other");
    (void)agents_polled(a, "i", 1, &logs);
    CHECK(!logs);
    agents_log_redeliver(a, "i");
    (void)agents_polled(a, "i", 1, &logs);
    CHECK(logs);
    CHECK_NULL(agents_log_take(a, "other", "r1"));
    struct agents_log *q = agents_log_take(a, "i", "r1");
    CHECK_NOT_NULL(q);
    CHECK_NULL(agents_log_take(a, "i", "r1"));
    agents_log_free(q);
    CHECK(agents_log_add(a, ask("i", "r2", 10)));
    CHECK_NULL(agents_log_due(a, 9));
    q = agents_log_due(a, 10);
    CHECK_NOT_NULL(q);
    agents_log_free(q);
    json_decref(list);
    agents_free(a);
}

TEST(the_number_of_log_requests_is_bounded)
{
    struct agents *a = agents_new(60000000, 0);
    for (int i = 0; i < SERVICE_LOGS_MAX; i++)
        CHECK(agents_log_add(a, ask("i", "r", 10)));
    struct agents_log *over = ask("i", "r", 10);
    CHECK(!agents_log_add(a, over));
    agents_log_free(over);
    struct agents_log *all = agents_log_due(a, INT64_MAX);
    for (struct agents_log *next; all; all = next) {
        next = all->next;
        agents_log_free(all);
    }
    agents_free(a);
}

TEST(away_is_counted_from_the_last_word_or_the_start)
{
    struct agents *a = agents_new(1000, 50);
    bool logs;
    CHECK_EQ_INT(agents_away_us(a, "i", 5000), 4950);
    (void)agents_polled(a, "i", 5000, &logs);
    CHECK_EQ_INT(agents_away_us(a, "i", 5999), 0);
    CHECK_EQ_INT(agents_away_us(a, "i", 6000), 1000);
    CHECK(agents_park(a, waiter("i", agents_polled(a, "i", 7000, &logs), 100000)));
    CHECK_EQ_INT(agents_away_us(a, "i", 90000), 0);
    CHECK_EQ_INT(drop(agents_due(a, 100000)), 1);
    CHECK_EQ_INT(agents_away_us(a, "i", 100999), 0);
    agents_free(a);
}

static int64_t even_us;

static int64_t even(void)
{
    return even_us;
}

TEST(a_clock_that_is_set_makes_nobody_away_and_nobody_wait_longer)
{
    const int64_t s = 1000000, day = 86400 * s;
    for (int64_t by = -day; by <= day; by += 2 * day) {
        int64_t t = 10 * day;
        even_us = 5 * s;
        struct agents *a = agents_new(60 * s, t);
        bool logs;
        agents_follow_clock(a, even, t);
        CHECK(agents_park(a, waiter("i", agents_polled(a, "i", t, &logs), t + 30 * s)));
        (void)agents_polled(a, "j", t, &logs);
        (void)agents_polled(a, "k", t, &logs);
        t += by;
        CHECK(!agents_superseded(a, "k", t)); /* whoever tells the new time first */
        CHECK(agents_connected(a, "j", t));
        CHECK_EQ_INT(agents_away_us(a, "j", t), 0);
        CHECK_EQ_INT(drop(agents_due(a, t + 29 * s)), 0);
        even_us += 31 * s;
        CHECK_EQ_INT(drop(agents_due(a, t + 31 * s)), 1);
        even_us += 39 * s;
        CHECK_EQ_INT(agents_away_us(a, "j", t + 70 * s), 70 * s);
        CHECK(!agents_connected(a, "j", t + 70 * s) && agents_connected(a, "i", t + 70 * s));
        agents_free(a);
    }
}

static void count_usage(void *ctx, const char *instance_id, const json_t *usage)
{
    CHECK_EQ_STR(instance_id, "i");
    CHECK_EQ_INT(json_integer_value(json_object_get(usage, "cpuUnits")), 2);
    ++*(int *)ctx;
}

TEST(the_last_usage_counts)
{
    struct agents *a = agents_new(1000, 0);
    int64_t at;
    int n = 0;
    CHECK_NULL(agents_usage(a, "i", &at));
    agents_set_usage(a, "i", json_pack("{s:i}", "cpuUnits", 1), 10);
    agents_set_usage(a, "i", json_pack("{s:i}", "cpuUnits", 2), 20);
    json_t *copy = agents_usage(a, "i", &at);
    CHECK_NOT_NULL(copy);
    CHECK_EQ_INT(at, 20);
    json_decref(copy);
    agents_each_usage(a, 21, count_usage, &n);
    CHECK_EQ_INT(n, 0);
    agents_each_usage(a, 20, count_usage, &n);
    CHECK_EQ_INT(n, 1);
    agents_free(a);
}
