/* SPDX-License-Identifier: Apache-2.0 */
#include "launcher/logs/log_turns.h"

#include <string.h>

#include "base/macros.h"
#include "tests/lib/test.h"

TEST(nobody_has_more_places_than_are_left)
{
    static const struct {
        size_t own, total, max;
        bool want;
    } table[] = {
        {0, 0, 60, true},   {29, 29, 60, true}, {30, 30, 60, false}, {0, 59, 60, true},
        {1, 59, 60, false}, {0, 60, 60, false}, {5, 54, 60, true},   {6, 54, 60, false},
        {0, 0, 0, false},   {15, 15, 32, true}, {16, 16, 32, false}, {0, 61, 60, false},
    };
    for (size_t i = 0; i < SW_ARRAY_LEN(table); i++)
        CHECK_MSG(log_turns_admit(table[i].own, table[i].total, table[i].max) == table[i].want,
                  "row %zu", i);
}

/* One after the other takes all that it gets: there is a place for whoever comes next. */
TEST(greedy_callers_leave_places)
{
    size_t total = 0;
    for (int caller = 0; caller < 5; caller++) {
        size_t own = 0;
        CHECK(log_turns_admit(own, total, 60));
        for (; log_turns_admit(own, total, 60); own++)
            total++;
        CHECK(own >= 1 && total < 60);
    }
}

TEST(the_turn_goes_to_whoever_has_least)
{
    static const struct {
        struct log_turn jobs[6];
        size_t n, want;
    } table[] = {
        {{{"a", 0, false}}, 1, 0},
        {{{"a", 1, false}}, 1, 1},                  /* it ran */
        {{{"a", 0, false}, {"a", 0, false}}, 2, 0}, /* the oldest */
        {{{"a", 0, false}, {"b", 0, false}}, 2, 0}, /* nobody had a turn: the first that came */
        {{{"a", 1, true}, {"a", 0, false}, {"b", 0, false}}, 3, 2},
        {{{"a", 1, false}, {"a", 0, false}, {"b", 0, false}}, 3, 2}, /* a had its turn */
        {{{"a", 1, false}, {"b", 2, false}, {"b", 0, false}, {"a", 0, false}}, 4, 3},
        /* b's last turn was before a's, but it has one running */
        {{{"a", 2, false}, {"b", 1, true}, {"b", 0, false}, {"a", 0, false}}, 4, 3},
        {{{"a", 1, true}, {"b", 2, true}, {"b", 0, false}, {"a", 0, false}}, 4, 3},
        {{{"a", 1, true}, {"a", 2, true}, {"a", 0, false}, {"b", 0, false}, {"c", 0, false}}, 5, 3},
    };
    for (size_t i = 0; i < SW_ARRAY_LEN(table); i++)
        CHECK_EQ_INT(log_turns_next(table[i].jobs, table[i].n), table[i].want);
}

struct world {
    struct log_turn jobs[64];
    size_t n, running;
    uint64_t turn;
    uint32_t seed;
};

static size_t number(struct world *w, size_t below)
{
    w->seed = w->seed * 1664525 + 1013904223;
    return (w->seed >> 16) % below;
}

static void start_jobs(struct world *w, size_t workers)
{
    for (size_t next; w->running < workers && (next = log_turns_next(w->jobs, w->n)) < w->n;) {
        w->jobs[next].began = ++w->turn;
        w->jobs[next].runs = true;
        w->running++;
    }
}

static void end_one(struct world *w)
{
    size_t which = number(w, w->running);
    for (size_t i = 0; i < w->n; i++)
        if (w->jobs[i].runs && which-- == 0) {
            w->jobs[i].runs = false;
            w->running--;
            return;
        }
}

/* Random worlds: callers with more jobs than ever end, and one that now and then has one. None of the others gets more than one turn
 * between its coming and its own turn, so one greedy caller delays it by one job. */
TEST(a_greedy_caller_delays_by_one_running_job)
{
    static const char *const greedy[] = {"g0", "g1", "g2"};
    for (int seed = 1; seed < 200; seed++) {
        struct world w = {.seed = (uint32_t)seed};
        const size_t callers = 1 + number(&w, 3), workers = 1 + number(&w, 2);
        for (; w.n < 44; w.n++)
            w.jobs[w.n] = (struct log_turn){.caller = greedy[number(&w, callers)]};
        uint64_t came = 0;
        size_t mine = 0; /* its job; 0: it has none */
        for (int step = 0; step < 20; step++) {
            if (!mine && number(&w, 3) == 0) {
                mine = w.n++;
                w.jobs[mine] = (struct log_turn){.caller = "small"};
                came = w.turn;
            }
            start_jobs(&w, workers);
            CHECK(w.running == workers);
            if (mine && w.jobs[mine].began)
                CHECK_MSG(w.jobs[mine].began <= came + callers + 1, "seed %d", seed);
            else if (mine)
                CHECK_MSG(w.turn <= came + callers, "seed %d", seed);
            end_one(&w);
            if (mine && w.jobs[mine].began && !w.jobs[mine].runs)
                mine = 0;
        }
    }
}

TEST(room_is_taken_from_whoever_has_most)
{
    static const struct {
        struct log_share kept[4];
        size_t n, want;
    } table[] = {
        {{{"a", 1}}, 1, 0},
        {{{"a", 5}, {"b", 3}, {"b", 3}}, 3, 1},
        {{{"a", 7}, {"b", 3}, {"b", 3}}, 3, 0},
        {{{"b", 1}, {"a", 1}, {"b", 1}, {"a", 1}}, 4, 0}, /* the oldest */
        {{{"b", 0}, {"a", 1}, {"a", 0}}, 3, 1},
        {{{"b", 0}, {"a", 0}}, 2, 0},
    };
    for (size_t i = 0; i < SW_ARRAY_LEN(table); i++)
        CHECK_EQ_INT(log_turns_drop(table[i].kept, table[i].n), table[i].want);
}
