/* SPDX-License-Identifier: Apache-2.0 */
/* Services whose zones got out of balance. */
#include "tests/unit/launcher/plan/service_sim.h"

static const struct plan_attribute zones[] = {
    {"ecs.availability-zone", "a"}, {"ecs.availability-zone", "b"}, {"ecs.availability-zone", "c"}};

/* Instance i is in zone i modulo n; a complete service of so many tasks on instance 0. */
static void world(struct sim *s, size_t instances, size_t zones_n, int tasks)
{
    sim_init(s, instances, tasks, 100, 200);
    for (size_t i = 0; i < instances; i++) {
        s->instances[i].attributes = &zones[i % zones_n];
        s->instances[i].attributes_n = 1;
    }
    s->v.rebalance = true;
    sim_deploy(s);
    s->deployments[0].d.state.rollout = PLAN_COMPLETED;
    for (int i = 0; i < tasks; i++)
        (void)sim_add_healthy(s, 1, 0);
}

static int in_zone(const struct sim *s, size_t zones_n, size_t zone)
{
    int n = 0;
    for (size_t k = 0; k < s->tasks_n; k++)
        n += sim_present(&s->tasks[k]) && s->tasks[k].instance % zones_n == zone;
    return n;
}

/* Until nothing happens any more; the bounds are checked by sim_plan. Returns the steps, or -1. */
static int settle(struct sim *s)
{
    for (int step = 0; step < 60; step++) {
        sim_plan(s);
        if (s->r.steady && s->starts + s->stops == 0 && s->r.wake_at_us > s->v.now_us + 1)
            return step;
        sim_obey(s);
        sim_pass(s, 45);
    }
    return -1;
}

TEST(one_more_first_and_then_one_fewer)
{
    SW_CLEANUP(sim_done) struct sim s = {.arena = {0}};
    world(&s, 2, 2, 4);
    sim_plan(&s);
    CHECK_EQ_INT(s.starts, 1);
    CHECK_EQ_INT(s.stops, 0);
    CHECK_EQ_INT(in_zone(&s, 2, 1), 1);
    CHECK(strstr(s.events, "is not AZ balanced with 4 tasks in a, 0 tasks in b. AZ Rebalancing"));
    sim_plan(&s); /* it is not there yet: nothing */
    CHECK_EQ_INT(s.starts + s.stops, 0);
    sim_obey(&s);
    sim_pass(&s, 39); /* it runs, but is not healthy yet */
    sim_plan(&s);
    CHECK_EQ_INT(s.starts + s.stops, 0);
    sim_pass(&s, 2);
    sim_plan(&s);
    CHECK_EQ_INT(s.starts, 0);
    CHECK_EQ_INT(s.stops, 1);
    CHECK_EQ_INT(s.tasks[4].state, PLAN_TASK_RUNNING); /* not the new one */
    CHECK(settle(&s) >= 0);
    CHECK_EQ_INT(in_zone(&s, 2, 0), 2);
    CHECK_EQ_INT(in_zone(&s, 2, 1), 2);
    sim_plan(&s);
    CHECK_EQ_INT(s.r.actions_n, 0);
}

TEST(zones_within_one_of_each_other_stay)
{
    SW_CLEANUP(sim_done) struct sim s = {.arena = {0}};
    world(&s, 2, 2, 1);
    sim_plan(&s);
    CHECK_EQ_INT(s.starts, 0);
    world(&s, 2, 2, 3);
    s.tasks[0].instance = 1;
    sim_plan(&s);
    CHECK_EQ_INT(s.starts, 0);
    world(&s, 4, 1, 4); /* one zone */
    sim_plan(&s);
    CHECK_EQ_INT(s.starts, 0);
    world(&s, 2, 2, 4);
    s.v.rebalance = false;
    sim_plan(&s);
    CHECK_EQ_INT(s.starts, 0);
}

TEST(without_room_where_it_matters_nothing_moves)
{
    SW_CLEANUP(sim_done) struct sim s = {.arena = {0}};
    for (int way = 0; way < 5; way++) {
        world(&s, 2, 2, 4);
        switch (way) {
        case 0: s.instances[1].memory_mib = 50; break;
        case 1: s.instances[1].active = false; break;
        case 2: s.instances[1].agent_connected = false; break;
        case 3: s.v.maximum_percent = 110; break; /* floor(4.4) */
        default:
            for (int i = 0; i < 4; i++)
                s.tasks[i].protected_until_us = s.v.now_us + 1000 * SIM_SECOND;
        }
        for (int i = 0; i < 3; i++) {
            sim_plan(&s);
            CHECK_EQ_INT(s.starts + s.stops, 0);
            CHECK_EQ_STR(s.events, i == 0 ? "(service web) has reached a steady state.\n" : "");
        }
    }
}

TEST(deployments_and_failures_come_first)
{
    SW_CLEANUP(sim_done) struct sim s = {.arena = {0}};
    world(&s, 2, 2, 4);
    s.tasks[0].health = PLAN_UNHEALTHY;
    sim_plan(&s);
    CHECK_EQ_INT(s.starts, 1); /* its replacement */
    CHECK(!strstr(s.events, "balanced"));
    world(&s, 2, 2, 4);
    sim_deploy(&s);
    sim_plan(&s);
    CHECK(!strstr(s.events, "balanced"));
    CHECK(settle(&s) >= 0);
    CHECK_EQ_INT(in_zone(&s, 2, 0), 2); /* spread by the strategies anyway */
    world(&s, 2, 2,
          4); /* the new one does not start: it is tried again later, and nothing else stops */
    sim_plan(&s);
    CHECK_EQ_INT(s.starts, 1);
    s.tasks[4].state = PLAN_TASK_STOPPED;
    s.tasks[4].stopped_us = s.v.now_us;
    sim_plan(&s);
    CHECK_EQ_INT(s.starts + s.stops, 0);
    CHECK_EQ_INT(sim_live(&s, 0), 4);
}

TEST(less_is_wanted_while_it_goes_on)
{
    SW_CLEANUP(sim_done) struct sim s = {.arena = {0}};
    world(&s, 2, 2, 4);
    sim_plan(&s);
    s.v.desired = 2;
    sim_plan(&s);
    CHECK(s.stops >= 2);
    CHECK(settle(&s) >= 0);
    CHECK_EQ_INT(sim_live(&s, 0), 2);
    CHECK_EQ_INT(in_zone(&s, 2, 0), 1);
}

TEST(every_start_ends_balanced)
{
    SW_CLEANUP(sim_done) struct sim s = {.arena = {0}};
    for (size_t instances = 2; instances <= 6; instances++) {
        for (size_t zones_n = 2; zones_n <= 3; zones_n++) {
            for (int tasks = 1; tasks <= 9; tasks++) {
                for (int from = 0; from < 4; from++) {
                    world(&s, instances, zones_n, tasks);
                    for (int i = 0; i < tasks; i++)
                        s.tasks[i].instance = (size_t)(i * i * from) % instances;
                    CHECK_MSG(settle(&s) >= 0, "%zu instances, %zu zones, %d tasks, %d", instances,
                              zones_n, tasks, from);
                    int least = tasks, most = 0;
                    for (size_t z = 0; z < SW_MIN(zones_n, instances); z++) {
                        least = SW_MIN(least, in_zone(&s, zones_n, z));
                        most = SW_MAX(most, in_zone(&s, zones_n, z));
                    }
                    CHECK(most - least <= 1);
                    CHECK_EQ_INT(sim_live(&s, 0), tasks);
                }
            }
        }
    }
}
