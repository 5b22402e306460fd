/* SPDX-License-Identifier: Apache-2.0 */
/* The agent's pure decisions: task_plan, agent_plan, health. */
#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/macros.h"
#include "launcher/agent/agent_plan.h"
#include "launcher/agent/health.h"
#include "launcher/agent/task_ended.h"
#include "launcher/agent/task_plan.h"
#include "tests/lib/test.h"

static struct task_view view;

static void world(size_t n)
{
    memset(&view, 0, sizeof view);
    view.n = n;
    for (size_t i = 0; i < n; i++) {
        view.containers[i].status = CONTAINER_READY;
        view.containers[i].essential = i == 0;
        view.containers[i].stop_timeout_ms = 1000;
    }
}

static void ended(size_t i, int code)
{
    view.containers[i].status = CONTAINER_STOPPED;
    view.containers[i].ran = view.containers[i].has_exit_code = true;
    view.containers[i].exit_code = code;
}

static bool has(const struct task_plan *p, enum task_action_kind kind, int container)
{
    for (size_t i = 0; i < p->n; i++)
        if (p->actions[i].kind == kind && p->actions[i].container == container)
            return true;
    return false;
}

TEST(starts_what_is_ready)
{
    struct task_plan p;
    world(2);
    view.containers[1].status = CONTAINER_WAITING;
    task_plan(&view, &p);
    CHECK(has(&p, TASK_START, 0) && p.n == 1 && !p.stop && !p.finished && !p.all_started);
}

TEST(conditions_decide_starts)
{
    static const struct {
        enum depends_condition condition;
        enum container_status status;
        bool ran;
        int exit_code;
        enum container_health health;
        int want; /* 1 start, 0 wait, -1 never */
    } rows[] = {
        {DEPENDS_START, CONTAINER_READY, false, 0, HEALTH_UNKNOWN, 0},
        {DEPENDS_START, CONTAINER_RUNNING, true, 0, HEALTH_UNKNOWN, 1},
        {DEPENDS_START, CONTAINER_STOPPED, true, 1, HEALTH_UNKNOWN, 1},
        {DEPENDS_START, CONTAINER_STOPPED, false, 0, HEALTH_UNKNOWN, -1},
        {DEPENDS_COMPLETE, CONTAINER_RUNNING, true, 0, HEALTH_UNKNOWN, 0},
        {DEPENDS_COMPLETE, CONTAINER_STOPPED, true, 1, HEALTH_UNKNOWN, 1},
        {DEPENDS_SUCCESS, CONTAINER_RUNNING, true, 0, HEALTH_UNKNOWN, 0},
        {DEPENDS_SUCCESS, CONTAINER_STOPPED, true, 0, HEALTH_UNKNOWN, 1},
        {DEPENDS_SUCCESS, CONTAINER_STOPPED, true, 1, HEALTH_UNKNOWN, -1},
        {DEPENDS_HEALTHY, CONTAINER_RUNNING, true, 0, HEALTH_UNKNOWN, 0},
        {DEPENDS_HEALTHY, CONTAINER_RUNNING, true, 0, HEALTH_HEALTHY, 1},
        {DEPENDS_HEALTHY, CONTAINER_RUNNING, true, 0, HEALTH_UNHEALTHY, -1},
        {DEPENDS_HEALTHY, CONTAINER_STOPPED, true, 0, HEALTH_HEALTHY, -1},
    };
    for (size_t i = 0; i < SW_ARRAY_LEN(rows); i++)
        for (int essential = 0; essential < 2; essential++) {
            struct task_plan p;
            struct depends_on on = {.container = 1, .condition = rows[i].condition};
            world(3);
            view.containers[0].essential = false;
            view.containers[2].essential = true;
            view.containers[2].status = CONTAINER_RUNNING;
            view.containers[2].ran = true;
            view.containers[0].essential = essential;
            view.containers[0].depends_on = &on;
            view.containers[0].depends_on_n = 1;
            view.containers[1].status = rows[i].status;
            view.containers[1].ran = rows[i].ran;
            view.containers[1].has_exit_code = rows[i].status == CONTAINER_STOPPED;
            view.containers[1].exit_code = rows[i].exit_code;
            view.containers[1].health = rows[i].health;
            task_plan(&view, &p);
            CHECK_MSG(has(&p, TASK_START, 0) == (rows[i].want == 1), "row %zu", i);
            CHECK_MSG(p.stop == (rows[i].want == -1 && essential), "row %zu essential %d", i,
                      essential);
            if (rows[i].want == -1 && !essential)
                CHECK_MSG(has(&p, TASK_NEVER_START, 0), "row %zu", i);
        }
}

TEST(a_condition_is_waited_for_until_the_start_timeout)
{
    for (int c = DEPENDS_START; c < DEPENDS_CONDITION_MAX_; c++)
        for (int late = 0; late < 2; late++)
            for (int essential = 0; essential < 2; essential++) {
                struct task_plan p;
                struct depends_on on = {.container = 1, .condition = (enum depends_condition)c};
                world(3);
                view.containers[2].status = CONTAINER_RUNNING;
                view.containers[2].ran = view.containers[2].essential = true;
                view.containers[0].essential = essential;
                view.containers[0].depends_on = &on;
                view.containers[0].depends_on_n = 1;
                view.containers[1].status = CONTAINER_RUNNING;
                view.containers[1].ran = true;
                view.containers[1].give_up_at_ms = 5000;
                view.now_ms = late ? 5000 : 4000;
                task_plan(&view, &p);
                bool met = c == DEPENDS_START; /* never too late */
                CHECK_MSG(has(&p, TASK_START, 0) == met, "%d %d", c, late);
                CHECK_MSG(p.stop == (!met && late), "%d %d", c, late);
                if (p.stop)
                    CHECK_CONTAINS(p.stop_text, "has timed out");
                else
                    CHECK_EQ_INT(p.wake_at_ms, met ? 0 : 5000);
            }
    /* What is met already is met, however late it is. */
    struct task_plan p;
    struct depends_on on = {.container = 1, .condition = DEPENDS_SUCCESS};
    world(2);
    ended(1, 0);
    view.containers[0].depends_on = &on;
    view.containers[0].depends_on_n = 1;
    view.containers[1].give_up_at_ms = 1;
    view.now_ms = 9000;
    task_plan(&view, &p);
    CHECK(has(&p, TASK_START, 0) && !p.stop);
}

TEST(an_essential_end_stops_the_rest)
{
    struct task_plan p;
    world(3);
    ended(0, 0);
    view.containers[1].status = CONTAINER_RUNNING;
    view.containers[1].ran = true;
    task_plan(&view, &p);
    CHECK(p.stop);
    CHECK_EQ_STR(p.stop_code, "EssentialContainerExited");
    CHECK(has(&p, TASK_STOP, 1) && has(&p, TASK_NEVER_START, 2));
    world(2);
    view.containers[0].status = CONTAINER_STOPPED;
    task_plan(&view, &p);
    CHECK_EQ_STR(p.stop_code, "TaskFailedToStart");
    world(2);
    ended(1, 5);
    task_plan(&view, &p);
    CHECK(!p.stop && has(&p, TASK_START, 0));
}

TEST(stops_in_reverse_order_and_kills_in_time)
{
    struct task_plan p;
    struct depends_on on = {.container = 1, .condition = DEPENDS_START};
    world(2);
    for (size_t i = 0; i < 2; i++) {
        view.containers[i].status = CONTAINER_RUNNING;
        view.containers[i].ran = true;
    }
    view.containers[0].depends_on = &on;
    view.containers[0].depends_on_n = 1;
    view.stop_wanted = true;
    view.now_ms = 5000;
    task_plan(&view, &p);
    CHECK(has(&p, TASK_STOP, 0) && p.n == 1);
    view.containers[0].stop_sent = true;
    view.containers[0].stop_sent_at_ms = 4500;
    task_plan(&view, &p);
    CHECK_EQ_INT((int)p.n, 0);
    CHECK_EQ_INT(p.wake_at_ms, 5500);
    view.now_ms = 5500;
    task_plan(&view, &p);
    CHECK(has(&p, TASK_KILL, 0) && p.n == 1);
    view.containers[0].kill_sent = true;
    view.containers[0].kill_sent_at_ms = 5500;
    task_plan(&view, &p);
    CHECK_EQ_INT((int)p.n, 0);
    CHECK_EQ_INT(p.wake_at_ms, 15500);
    view.now_ms = 15500; /* it was lost: again */
    task_plan(&view, &p);
    CHECK(has(&p, TASK_KILL, 0) && p.n == 1);
    ended(0, 137);
    task_plan(&view, &p);
    CHECK(has(&p, TASK_STOP, 1) && p.n == 1);
    ended(1, 0);
    task_plan(&view, &p);
    CHECK(p.finished && p.n == 0);
}

/* Whatever the state: following the plan always comes to an end, and nothing is started after the decision to stop. */
TEST(every_small_world_comes_to_an_end)
{
    for (unsigned w = 0; w < 2u * 4 * 4 * 4 * 3 * 2; w++) {
        unsigned x = w;
        struct depends_on on = {.container = 1};
        world(2);
        view.stop_wanted = x % 2, x /= 2;
        view.containers[0].status = (enum container_status)(x % 4), x /= 4;
        view.containers[1].status = (enum container_status)(x % 4), x /= 4;
        on.condition = (enum depends_condition)(x % 4), x /= 4;
        view.containers[1].health = (enum container_health)(x % 3), x /= 3;
        view.containers[0].depends_on = &on;
        view.containers[0].depends_on_n = x % 2;
        bool stopping = view.stop_wanted, finished = false;
        for (int round = 0; round < 40 && !finished; round++) {
            struct task_plan p;
            task_plan(&view, &p);
            CHECK_MSG(!stopping || p.stop, "world %u", w);
            stopping = view.stop_wanted = p.stop;
            finished = p.finished;
            for (size_t i = 0; i < p.n; i++) {
                struct container_view *c = &view.containers[p.actions[i].container];
                CHECK_MSG(!(stopping && p.actions[i].kind == TASK_START), "world %u", w);
                if (p.actions[i].kind == TASK_START)
                    c->status = CONTAINER_RUNNING, c->ran = true;
                else if (p.actions[i].kind == TASK_STOP)
                    c->stop_sent = true, c->stop_sent_at_ms = view.now_ms;
                else
                    c->status = CONTAINER_STOPPED;
            }
            view.now_ms += 600;
            /* Images arrive; in the end every container exits by itself. */
            for (size_t i = 0; i < 2; i++)
                if (view.containers[i].status == CONTAINER_WAITING)
                    view.containers[i].status = CONTAINER_READY;
            if (round == 10) {
                view.containers[1].health = HEALTH_HEALTHY;
            } else if (round > 20) {
                for (size_t i = 0; i < 2; i++)
                    if (view.containers[i].status == CONTAINER_RUNNING)
                        ended(i, 0);
            }
        }
        CHECK_MSG(finished, "world %u", w);
    }
}

TEST(an_answer_is_applied_once)
{
    const struct plan_desired desired[] = {{"new", false, false},  {"stop", true, true},
                                           {"on", false, true},    {"lost", false, true},
                                           {"never", true, false}, {"done", true, true}};
    const struct plan_known known[] = {{"stop", false, false, false, false},
                                       {"on", false, false, false, false},
                                       {"gone", false, false, false, false},
                                       {"silent", true, true, true, false},
                                       {"done", false, true, false, false}};
    struct agent_action a[16];
    size_t n = agent_plan(desired, 6, known, 5, a);
    CHECK_EQ_INT((int)n, 5);
    CHECK(a[0].kind == AGENT_FORGET && a[0].index == 2);
    CHECK(a[1].kind == AGENT_END && a[1].index == 1 && a[1].other == 0);
    CHECK(a[2].kind == AGENT_BEGIN && a[2].index == 0);
    CHECK(a[3].kind == AGENT_REFUSE && a[3].index == 3);
    CHECK(a[4].kind == AGENT_REFUSE && a[4].index == 4);
    const struct plan_known after[] = {
        {"new", false, false, false, false}, {"stop", true, false, false, false},
        {"on", false, false, false, false},  {"lost", true, true, false, false},
        {"never", true, true, false, false}, {"done", false, true, false, false},
        {"gone", true, false, true, false}};
    CHECK_EQ_INT((int)agent_plan(desired, 6, after, 7, a), 0);
    CHECK_EQ_INT((int)agent_plan(NULL, 0, NULL, 0, a), 0);
}

/* The control plane's rows were set back: it asks for what had ended. */
TEST(what_ended_is_said_again_to_whoever_forgot_it)
{
    const struct plan_desired desired[] = {
        {"let go", false, true}, {"reported", true, true}, {"on its way", false, true}};
    const struct plan_known known[] = {{"reported", true, true, false, true},
                                       {"on its way", true, true, false, false},
                                       {"let go", true, true, true, true}};
    struct agent_action a[8];
    CHECK_EQ_INT((int)agent_plan(desired, 3, known, 3, a), 2);
    CHECK(a[0].kind == AGENT_AGAIN && a[0].index == 0);
    CHECK(a[1].kind == AGENT_AGAIN && a[1].index == 1);
}

TEST(health_follows_retries_and_the_start_period)
{
    struct health_check c = {.interval_s = 5, .timeout_s = 2, .retries = 2, .start_period_s = 10};
    struct health h = {.started_at_ms = 1000};
    CHECK(!health_step(&h, &c, false, 2000));
    CHECK(!health_step(&h, &c, false, 10000));
    CHECK_EQ_INT(h.failures, 0);
    CHECK(!health_step(&h, &c, false, 11000));
    CHECK(health_step(&h, &c, false, 12000));
    CHECK_EQ_INT(h.status, HEALTH_UNHEALTHY);
    CHECK(health_step(&h, &c, true, 13000));
    CHECK_EQ_INT(h.status, HEALTH_HEALTHY);
    /* Once healthy the start period is over. */
    struct health early = {.started_at_ms = 0};
    CHECK(health_step(&early, &c, true, 10));
    CHECK(!health_step(&early, &c, false, 20));
    CHECK(health_step(&early, &c, false, 30));
}

TEST(health_commands)
{
    char *shell[] = {(char[]){"CMD-SHELL"}, (char[]){"test $0"}, (char[]){"y"}, NULL};
    char *plain[] = {(char[]){"CMD"}, (char[]){"/a"}, (char[]){"b"}, NULL};
    char *neither[] = {(char[]){"NONE"}, (char[]){"x"}, NULL};
    char *empty[] = {(char[]){"CMD"}, NULL};
    char *many[302] = {plain[0]};
    for (size_t i = 1; i < 301; i++)
        many[i] = plain[2];
    sw_autofree const char **argv = health_argv(&(struct health_check){.command = shell});
    CHECK_EQ_STR(argv[0], "/bin/sh");
    CHECK_EQ_STR(argv[2], "test $0");
    CHECK_EQ_STR(argv[3], "y");
    CHECK_NULL(argv[4]);
    sw_autofree const char **direct = health_argv(&(struct health_check){.command = plain});
    CHECK_EQ_STR(direct[1], "b");
    CHECK_NULL(direct[2]);
    sw_autofree const char **all = health_argv(&(struct health_check){.command = many});
    CHECK(all[299] == plain[2] && !all[300]);
    CHECK_NULL(health_argv(&(struct health_check){.command = neither}));
    CHECK_NULL(health_argv(&(struct health_check){.command = empty}));
    CHECK_EQ_STR(container_health_to_string(HEALTH_UNHEALTHY), "UNHEALTHY");
    enum container_status s;
    CHECK(container_status_from_string("RUNNING", &s) && s == CONTAINER_RUNNING &&
          !container_status_from_string("x", &s));
    CHECK_EQ_STR(container_status_to_string(s), "RUNNING");
}

/* A clock that was set to another day takes no folder away before its time, and keeps none for ever. */
TEST(how_long_folders_stay)
{
    const int64_t s = 1000000, day = 86400 * s;
    CHECK_EQ_INT(ended_keep_ms(60, 0, 10 * day, 10 * day), 60000);
    CHECK_EQ_INT(ended_keep_ms(60, 0, 10 * day, 10 * day + 20 * s), 40000);
    CHECK_EQ_INT(ended_keep_ms(60, 0, 10 * day, 9 * day), 60000);
    CHECK_EQ_INT(ended_keep_ms(60, 0, 9 * day, 10 * day), 0);
    for (int i = 0; i < 100; i++) {
        int64_t ms = ended_keep_ms(60, 5, 0, 0);
        CHECK(ms >= 60000 && ms <= 65000);
    }
}

/* A clock that was set while containers run makes no start late and no end early. */
TEST(what_a_clock_that_is_set_does_not_decide)
{
    const int64_t day_us = 86400LL * 1000000, now_ms = sw_mono_ms();
    static struct container_def container;
    static struct taskdef def;
    static struct task t;
    static struct task_view v;
    struct task_container *c = &t.containers[0];
    container.start_timeout_s = 60;
    container.stop_timeout_s = -1;
    container.host.restart = (struct restart_policy){.enabled = true, .period_s = 60};
    def.containers = &container;
    def.containers_n = 1;
    t.def = &def;
    c->def = &container;
    for (int day = -1; day <= 1; day++) {
        *c = (struct task_container){.def = c->def,
                                     .status = CONTAINER_RUNNING,
                                     .ran = true,
                                     .started_us = sw_now_us() + day * day_us,
                                     .started_ms = now_ms - 10000};
        task_view(&t, now_ms, 30, &v);
        CHECK_EQ_INT(v.containers[0].give_up_at_ms, now_ms + 50000);
        c->status = CONTAINER_STOPPED;
        c->stopped_us = sw_now_us();
        c->has_exit_code = true;
        c->ran_ms = 59000;
        task_view(&t, now_ms, 30, &v);
        CHECK(!v.containers[0].restart);
        c->ran_ms = 61000;
        task_view(&t, now_ms, 30, &v);
        CHECK(v.containers[0].restart);
    }
}

TEST(a_start_of_before_is_never_after_now)
{
    const int64_t now_ms = sw_mono_ms(), now_us = sw_now_us();
    CHECK(task_mono_of_us(now_us + 86400LL * 1000000) >= now_ms);
    CHECK(task_mono_of_us(now_us + 86400LL * 1000000) <= sw_mono_ms());
    CHECK(task_mono_of_us(now_us - 60000000) <= sw_mono_ms() - 59000);
}
