/* SPDX-License-Identifier: Apache-2.0 */
/* plan_service in wild random worlds: little room, all percentages, thresholds, protection, launch types, clocks that are set back, task
 * sets, deletion. Each world is told by its number alone; a failure prints it. SLIPWAY_TEST_SEED=N: that world only. SLIPWAY_TEST_LONG=1: 200,000 worlds, from
 * SLIPWAY_TEST_SEED on.
 * Of every plan: the promises of sim_check; the same view gives the same plan; plans that follow each other at one instant come to rest,
 * so that no two undo each other. In the end, left alone, the service is steady and a plan says nothing. */
#include <stdlib.h>

#include "base/str.h"
#include "tests/unit/launcher/plan/service_sim.h"

#define WORLDS      3000
#define WORLDS_LONG 200000
#define STEPS       30
#define REST_PLANS  12 /* a rolling deployment, a roll-back and each task set may need one more */

static uint64_t state;

static uint32_t below(uint32_t n)
{
    state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)(state >> 33) % n;
}

static bool one_in(uint32_t n)
{
    return below(n) == 0;
}

/* UpdateService may move a service from instances to Fargate, and back; daemons have instances. */
static void deploy(struct sim *s)
{
    sim_deploy(s);
    if (s->v.scheduling == PLAN_REPLICA)
        s->deployments[0].launch = 1u << below(3);
}

static void set_up(struct sim *s)
{
    static const int mins[] = {0, 1, 25, 33, 50, 66, 75, 99, 100},
                     maxes[] = {100, 101, 110, 125, 150, 200, 300};
    sim_init(s, 1 + below(6), (int)below(11), mins[below(9)], maxes[below(7)]);
    s->v.seed = state;
    s->v.scheduling = one_in(4) ? PLAN_DAEMON : PLAN_REPLICA;
    s->v.controller = s->v.scheduling == PLAN_REPLICA && one_in(5) ? PLAN_CONTROLLER_EXTERNAL
                                                                   : PLAN_CONTROLLER_ECS;
    if (s->v.scheduling == PLAN_DAEMON)
        s->v.maximum_percent = 100;
    s->v.breaker = (struct plan_breaker){.enabled = one_in(2),
                                         .rollback = one_in(2),
                                         .type = (enum plan_breaker_type)below(3),
                                         .value = one_in(3) ? 0 : (int)(1 + below(6)),
                                         .keep_count_on_healthy = one_in(3)};
    s->v.can_roll_back = one_in(2);
    s->v.grace_us = one_in(2) ? 30 * SIM_SECOND : 0;
    s->want.cpu = 100;
    if (one_in(4)) {
        s->want.tcp_ports_n = 1;
        s->want.tcp_ports[0] = 80;
    }
    if (one_in(4))
        s->constraints[s->constraints_n++] = (struct plan_constraint){.query = NULL};
    for (size_t i = 0; i < s->instances_n; i++) {
        s->instances[i].cpu = one_in(2) ? 10000 : 100 * (int)(1 + below(4));
        s->instances[i].active = !one_in(8);
        s->instances[i].draining = !s->instances[i].active;
        s->instances[i].serves = 1 + below(7);
    }
    deploy(s);
}

static void disturb_task(struct sim *s, struct plan_task *t)
{
    bool running = t->state == PLAN_TASK_RUNNING;
    switch (below(20)) {
    case 0: /* it ends */
    case 1:
        t->state = PLAN_TASK_STOPPED;
        t->stopped_us = s->v.now_us;
        break;
    case 2:
    case 3:
        if (running) {
            t->health = one_in(2) ? PLAN_UNHEALTHY : PLAN_HEALTHY;
            t->health_since_us = s->v.now_us;
        }
        break;
    case 4: t->health = PLAN_HEALTH_UNKNOWN; break;
    case 5: t->protected_until_us = s->v.now_us + (int64_t)below(200) * SIM_SECOND; break;
    case 6: /* a user stops it */
        if (t->state != PLAN_TASK_STOPPED)
            t->state = PLAN_TASK_STOPPING;
        t->wanted = true;
        break;
    default: break;
    }
}

static void disturb(struct sim *s)
{
    struct plan_instance *in = &s->instances[below((uint32_t)s->instances_n)];
    size_t at = (size_t)(in - s->instances);
    switch (below(14)) {
    case 0:
        in->active = !in->active;
        in->draining = !in->active;
        break;
    case 1: in->agent_connected = !in->agent_connected; break;
    case 2:
        for (size_t k = 0; k < s->tasks_n && !in->agent_connected; k++)
            s->tasks[k].lost |= s->tasks[k].instance == at;
        break;
    case 3:
        if (s->deployments_n < SIM_DEPLOYMENTS - 2)
            deploy(s);
        break;
    case 4: s->v.desired = (int)below(11); break;
    case 5:
        if (s->v.controller == PLAN_CONTROLLER_EXTERNAL && s->deployments_n > 0)
            s->deployments[below((uint32_t)s->deployments_n)].d.scale_percent = (int)below(101);
        break;
    case 6: s->v.min_healthy_percent = (int)below(101); break;
    case 7:
        if (one_in(4)) /* somebody sets the clock back */
            s->v.now_us -= (int64_t)below(900) * SIM_SECOND;
        break;
    default: break;
    }
    for (size_t k = 0; k < s->tasks_n; k++) {
        if (one_in(3))
            disturb_task(s, &s->tasks[k]);
    }
}

/* Each agent that is connected does what it is told, or not yet. */
static void obey_some(struct sim *s)
{
    struct plan_task before[SIM_TASKS];
    memcpy(before, s->tasks, sizeof before);
    sim_obey(s);
    for (size_t k = 0; k < s->tasks_n; k++) {
        if (one_in(3))
            s->tasks[k] = before[k];
    }
}

static bool same_action(const struct plan_action *a, const struct plan_action *b)
{
    return a->type == b->type && a->deployment == b->deployment && a->instance == b->instance &&
           a->task == b->task && a->cause == b->cause && sw_streq(a->text, b->text);
}

/* Of the view as it is. */
static void check_same(struct sim *s)
{
    SW_CLEANUP(sw_arena_done) struct sw_arena arena = {0};
    struct plan_service_result one, two;
    sim_see(s);
    plan_service(&s->v, &arena, &one);
    plan_service(&s->v, &arena, &two);
    SIM_CHECK(one.actions_n == two.actions_n);
    for (size_t i = 0; i < one.actions_n; i++)
        SIM_CHECK(same_action(&one.actions[i], &two.actions[i]));
    SIM_CHECK(one.wake_at_us == two.wake_at_us);
}

static bool acts(const struct sim *s)
{
    return s->starts + s->stops + s->counted + s->rollbacks + s->deleted > 0;
}

/* What the loop does at one instant. */
static void plan_to_rest(struct sim *s)
{
    if (s->deployments_n == 0 && s->v.controller == PLAN_CONTROLLER_ECS)
        deploy(s);
    check_same(s);
    for (int i = 0; i < REST_PLANS; i++) {
        if (s->tasks_n > SIM_TASKS - 40 || s->deployments_n > SIM_DEPLOYMENTS - 2)
            return;
        sim_plan(s);
        if (!acts(s))
            return;
    }
    CHECK_MSG(!acts(s), "world %llu: plans do not come to rest: %d starts, %d stops", sim_world,
              s->starts, s->stops);
}

static void calm(struct sim *s)
{
    for (size_t i = 0; i < s->instances_n; i++) {
        s->instances[i].active = s->instances[i].agent_connected = true;
        s->instances[i].draining = false;
        s->instances[i].cpu = 10000;
        s->instances[i].serves = PLAN_LAUNCH_EC2 | PLAN_LAUNCH_EXTERNAL | PLAN_LAUNCH_FARGATE;
    }
    for (size_t k = 0; k < s->tasks_n; k++) {
        s->tasks[k].protected_until_us = 0;
        if (s->tasks[k].state == PLAN_TASK_STOPPED)
            s->tasks[k].wanted = true;
        if (s->tasks[k].health == PLAN_HEALTH_UNKNOWN)
            s->tasks[k].health = PLAN_HEALTH_NONE;
        if (s->tasks[k].lost) { /* the instance is back, and was told to stop it */
            s->tasks[k].lost = false;
            s->tasks[k].state = PLAN_TASK_STOPPING;
        }
    }
    /* Later than whatever was noted before a clock was set back, and no delay is longer. */
    s->v.now_us = SW_MAX(s->v.now_us, (1000 + STEPS * 60) * SIM_SECOND);
    sim_pass(s, 3600);
}

static bool is_steady(const struct sim *s)
{
    if (s->v.controller == PLAN_CONTROLLER_ECS)
        return s->r.steady;
    for (size_t d = 0; d < s->deployments_n; d++) {
        if (!s->deployments[d].d.state.stable)
            return false;
    }
    return true;
}

static int settle(struct sim *s)
{
    for (int step = 0; step <= 60; step++) {
        sim_plan(s);
        if (is_steady(s) && !acts(s))
            return step;
        sim_obey(s);
        sim_pass(s, 45);
    }
    return -1;
}

static void check_end(struct sim *s)
{
    s->want.tcp_ports_n = 0; /* so that all find room */
    s->constraints_n = 0;
    s->v.breaker.enabled = false;
    s->v.min_healthy_percent = SW_MIN(s->v.min_healthy_percent, 50);
    if (s->v.maximum_percent < 200)
        s->v.min_healthy_percent = 0;
    if (s->v.controller == PLAN_CONTROLLER_ECS)
        deploy(s); /* whatever failed before */
    calm(s);
    SIM_CHECK(settle(s) >= 0);
    if (s->v.controller == PLAN_CONTROLLER_ECS) {
        int want = s->v.scheduling == PLAN_DAEMON ? (int)s->instances_n : s->v.desired;
        SIM_CHECK(sim_live(s, 0) == want);
        SIM_CHECK(sim_live(s, s->deployments[0].serial) == want);
        SIM_CHECK(s->deployments_n == 1);
    } else {
        for (size_t d = 0; d < s->deployments_n; d++)
            CHECK_EQ_INT(sim_live(s, s->deployments[d].serial),
                         plan_lower_bound(s->v.desired, s->deployments[d].d.scale_percent));
    }
    sim_plan(s);
    SIM_CHECK(s->r.actions_n == 0);
    s->v.deleting = true;
    for (int i = 0; i < 3 && s->deleted == 0; i++) {
        sim_plan(s);
        sim_obey(s);
    }
    SIM_CHECK(s->deleted == 1);
    SIM_CHECK(sim_live(s, 0) == 0);
}

static void world(struct sim *s, uint64_t number)
{
    sim_world = number;
    state = number * UINT64_C(0x9E3779B97F4A7C15);
    set_up(s);
    for (int step = 0; step < STEPS; step++) {
        disturb(s);
        plan_to_rest(s);
        obey_some(s);
        sim_pass(s, (int64_t)below(60));
        if (s->tasks_n > SIM_TASKS - 50)
            break;
    }
    check_end(s);
}

TEST(wild_worlds_keep_the_promises_rest_and_converge)
{
    SW_CLEANUP(sim_done) struct sim s = {.arena = {0}};
    const char *seed = getenv("SLIPWAY_TEST_SEED"), *more = getenv("SLIPWAY_TEST_LONG");
    uint64_t first = 1, n = more ? WORLDS_LONG : WORLDS;
    if (seed && sw_parse_u64(sw_str(seed), &first) && !more)
        n = 1;
    for (uint64_t i = first; i < first + n; i++)
        world(&s, i);
}
