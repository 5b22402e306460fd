/* SPDX-License-Identifier: Apache-2.0 */
/* plan_service in every small world, and in random ones that never rest until they may. sim_plan checks the promises. */
#include "tests/unit/launcher/plan/service_sim.h"

static const int percents[][2] = {{100, 200}, {50, 200},  {50, 100},
                                  {0, 100},   {100, 150}, {100, 100}};

enum kind {
    ABSENT,
    PENDING_NEW,
    PENDING_OLD,
    UNREADY_NEW,
    UNREADY_OLD,
    HEALTHY_NEW,
    HEALTHY_OLD,
    SICK_NEW,
    SICK_OLD,
    STOPPING,
    HEALTHY_NEW_DRAINING,
    HEALTHY_OLD_DRAINING,
    PENDING_NEW_DRAINING,
    LOST,
    KINDS
};

/* Instance 2 drains. */
static void add_kind(struct sim *s, enum kind kind, size_t instance)
{
    struct plan_task *t;
    switch (kind) {
    case PENDING_NEW:
    case PENDING_OLD:
        (void)sim_add(s, kind == PENDING_NEW ? 2 : 1, instance, PLAN_TASK_PENDING);
        break;
    case UNREADY_NEW:
    case UNREADY_OLD:
        t = sim_add(s, kind == UNREADY_NEW ? 2 : 1, instance, PLAN_TASK_RUNNING);
        t->started_us = s->v.now_us - SIM_SECOND;
        break;
    case HEALTHY_NEW:
    case HEALTHY_OLD: (void)sim_add_healthy(s, kind == HEALTHY_NEW ? 2 : 1, instance); break;
    case SICK_NEW:
    case SICK_OLD:
        t = sim_add_healthy(s, kind == SICK_NEW ? 2 : 1, instance);
        t->health = PLAN_UNHEALTHY;
        break;
    case STOPPING: sim_add(s, 2, instance, PLAN_TASK_STOPPING)->wanted = true; break;
    case HEALTHY_NEW_DRAINING:
    case HEALTHY_OLD_DRAINING:
        (void)sim_add_healthy(s, kind == HEALTHY_NEW_DRAINING ? 2 : 1, 2);
        break;
    case PENDING_NEW_DRAINING: (void)sim_add(s, 2, 2, PLAN_TASK_PENDING); break;
    case LOST: sim_add_healthy(s, 2, instance)->lost = true; break;
    default: break;
    }
}

static void small_world(struct sim *s, const int kinds[4], int desired, int min, int max)
{
    sim_init(s, 3, desired, min, max);
    s->instances[2].active = false;
    s->instances[2].draining = true;
    sim_deploy(s);
    s->deployments[0].d.state.rollout = PLAN_COMPLETED;
    sim_deploy(s);
    for (size_t k = 0; k < 4; k++)
        add_kind(s, (enum kind)kinds[k], k % 2);
}

static void check_converges(struct sim *s, const char *what)
{
    bool stuck = s->v.min_healthy_percent == 100 && s->v.maximum_percent == 100;
    if (stuck || (s->v.desired == 1 && s->v.maximum_percent < 200 && s->v.min_healthy_percent > 0))
        return; /* these percentages allow no progress */
    int steps = sim_settle(s, 20);
    CHECK_MSG(steps <= 20, "%s: not steady", what);
    CHECK_EQ_INT(sim_live(s, 2), s->v.desired);
    CHECK_EQ_INT(sim_live(s, 0), s->v.desired);
    CHECK_EQ_INT(s->deployments_n, 1);
    CHECK_EQ_INT(s->deployments[0].d.state.rollout, PLAN_COMPLETED);
    sim_plan(s); /* what is finished needs nothing */
    CHECK_EQ_INT(s->r.actions_n, 0);
    CHECK_EQ_INT(s->r.wake_at_us, PLAN_NEVER);
}

TEST(every_small_world_is_planned_safely_and_converges)
{
    SW_CLEANUP(sim_done) struct sim s = {.arena = {0}};
    int k[4];
    for (k[0] = 0; k[0] < KINDS; k[0]++) {
        for (k[1] = k[0]; k[1] < KINDS; k[1]++) {
            for (k[2] = k[1]; k[2] < KINDS; k[2]++) {
                for (k[3] = k[2]; k[3] < KINDS; k[3]++) {
                    int desired = (k[0] + k[1] * 3 + k[2] * 5 + k[3]) % 5;
                    for (size_t p = 0; p < SW_ARRAY_LEN(percents); p++) {
                        char what[80];
                        (void)snprintf(what, sizeof what, "%d %d %d %d, desired %d, %d/%d", k[0],
                                       k[1], k[2], k[3], desired, percents[p][0], percents[p][1]);
                        small_world(&s, k, desired, percents[p][0], percents[p][1]);
                        sim_plan(&s);
                        if ((k[0] * 7 + k[1] + k[2] + k[3]) % 6 != (int)p)
                            continue;
                        check_converges(&s, what);
                    }
                }
            }
        }
    }
}

static uint32_t next_random(uint32_t *state)
{
    *state = *state * 1664525u + 1013904223u;
    return *state >> 8;
}

static void disturb_task(struct sim *s, struct plan_task *t, uint32_t what)
{
    switch (what) {
    case 0: /* it fails */
        t->state = PLAN_TASK_STOPPED;
        t->stopped_us = s->v.now_us;
        break;
    case 1: t->health = t->state == PLAN_TASK_RUNNING ? PLAN_UNHEALTHY : t->health; break;
    case 2: t->health = PLAN_HEALTH_NONE; break;
    case 3: t->protected_until_us = s->v.now_us + 60 * SIM_SECOND; break;
    case 4: /* a user stops it */
        t->state = PLAN_TASK_STOPPING;
        t->wanted = true;
        break;
    default: break;
    }
}

static void disturb(struct sim *s, uint32_t *seed)
{
    size_t i = next_random(seed) % s->instances_n;
    switch (next_random(seed) % 12) {
    case 0:
        s->instances[i].active = !s->instances[i].active;
        s->instances[i].draining = !s->instances[i].active;
        break;
    case 1: s->instances[i].agent_connected = !s->instances[i].agent_connected; break;
    case 2:
        for (size_t k = 0; k < s->tasks_n && !s->instances[i].agent_connected; k++)
            s->tasks[k].lost |= s->tasks[k].instance == i;
        break;
    case 3:
        if (s->deployments_n < SIM_DEPLOYMENTS - 2)
            sim_deploy(s);
        break;
    case 4: s->v.desired = (int)(next_random(seed) % 8); break;
    default: break;
    }
    for (size_t k = 0; k < s->tasks_n; k++) {
        if (next_random(seed) % 3 == 0)
            disturb_task(s, &s->tasks[k], next_random(seed) % 24);
    }
}

/* A half of the agents does what it is told. */
static void obey_some(struct sim *s, uint32_t *seed)
{
    struct plan_task before[SIM_TASKS];
    memcpy(before, s->tasks, sizeof before);
    sim_obey(s);
    for (size_t k = 0; k < s->tasks_n; k++) {
        if (next_random(seed) % 2 == 0)
            s->tasks[k] = before[k];
    }
}

static void calm(struct sim *s)
{
    for (size_t i = 0; i < s->instances_n; i++) {
        s->instances[i].active = s->instances[i].agent_connected = true;
        s->instances[i].draining = false;
    }
    for (size_t k = 0; k < s->tasks_n; k++) {
        s->tasks[k].protected_until_us = 0;
        if (s->tasks[k].state == PLAN_TASK_STOPPED)
            s->tasks[k].wanted = true;
        if (s->tasks[k].lost) { /* the instance is back, and was told to stop it */
            s->tasks[k].lost = false;
            s->tasks[k].state = PLAN_TASK_STOPPING;
        }
    }
    sim_pass(s, 3600); /* no delay is longer */
}

static void check_quiet_end(struct sim *s, int round)
{
    calm(s);
    int steps = sim_settle(s, 40);
    CHECK_MSG(steps <= 40, "round %d", round);
    for (int i = 0; i < 60 && s->v.rebalance;
         i++) { /* each move leaves the steady state for a while */
        sim_plan(s);
        sim_obey(s);
        sim_pass(s, 45);
    }
    sim_plan(s);
    CHECK(s->r.steady);
    int want = s->v.scheduling == PLAN_DAEMON ? (int)s->instances_n : s->v.desired;
    CHECK_EQ_INT(sim_live(s, 0), want);
    CHECK_EQ_INT(sim_live(s, s->deployments[0].serial), want);
    CHECK_EQ_INT(s->deployments_n, 1);
    sim_plan(s);
    CHECK_EQ_INT(s->r.actions_n, 0);
}

static const struct plan_attribute zones[] = {{"ecs.availability-zone", "a"},
                                              {"ecs.availability-zone", "b"}};

static void random_rounds(enum plan_scheduling scheduling, int rounds, uint32_t seed)
{
    SW_CLEANUP(sim_done) struct sim s = {.arena = {0}};
    for (int round = 0; round < rounds; round++) {
        const int *p = percents[next_random(&seed) % 4];
        sim_init(&s, 2 + next_random(&seed) % 4, (int)(next_random(&seed) % 8), p[0], p[1]);
        s.v.scheduling = scheduling;
        s.v.rebalance = scheduling == PLAN_REPLICA && next_random(&seed) % 2;
        for (size_t i = 0; i < s.instances_n; i++) {
            s.instances[i].attributes = &zones[i % SW_ARRAY_LEN(zones)];
            s.instances[i].attributes_n = s.v.rebalance;
        }
        s.v.breaker = (struct plan_breaker){.enabled = next_random(&seed) % 2,
                                            .rollback = next_random(&seed) % 2};
        s.v.can_roll_back = next_random(&seed) % 2;
        s.v.grace_us = (int64_t)(next_random(&seed) % 2) * 30 * SIM_SECOND;
        if (next_random(&seed) % 4 == 0)
            s.want.tcp_ports_n = 1;
        s.want.tcp_ports[0] = 80;
        if (scheduling == PLAN_DAEMON)
            s.v.maximum_percent = 100;
        sim_deploy(&s);
        for (int step = 0; step < 40; step++) {
            disturb(&s, &seed);
            sim_plan(&s);
            obey_some(&s, &seed);
            sim_pass(&s, (int64_t)(next_random(&seed) % 60));
            if (s.tasks_n > SIM_TASKS - 40)
                break;
        }
        if (s.want.tcp_ports_n > 0 && s.v.scheduling == PLAN_REPLICA) /* so that all find room */
            s.want.tcp_ports_n = 0;
        s.v.breaker.enabled = false;
        if (s.v.min_healthy_percent > 50)
            s.v.min_healthy_percent = 50;
        if (s.v.maximum_percent < 200 && scheduling == PLAN_REPLICA)
            s.v.min_healthy_percent = 0;
        sim_deploy(&s); /* whatever failed before */
        check_quiet_end(&s, round);
    }
}

TEST(random_replicas_keep_the_promises_and_converge)
{
    random_rounds(PLAN_REPLICA, 400, 3);
}

TEST(random_daemons_keep_the_promises_and_converge)
{
    random_rounds(PLAN_DAEMON, 400, 5);
}
