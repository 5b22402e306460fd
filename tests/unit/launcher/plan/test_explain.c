/* SPDX-License-Identifier: Apache-2.0 */
#include "base/macros.h"
#include "launcher/plan/plan_explain.h"
#include "tests/lib/test.h"

static const uint16_t web_port[] = {80};
static const struct plan_attribute zone_a[] = {{"zone", "a"}}, zone_b[] = {{"zone", "b"}};
static const struct plan_group one_task[] = {{"service:web", 1}};

static const struct plan_instance room = {
    .active = true, .agent_connected = true, .cpu = 1000, .memory_mib = 1000};

struct world {
    struct plan_instance instances[5];
    struct plan_cluster view;
    struct task_resources want;
    struct plan_request req;
    struct sw_arena arena;
    struct plan_placements got;
    struct plan_explanation why;
};

static void world_done(struct world *w)
{
    sw_arena_done(&w->arena);
}

static void world_init(struct world *w, size_t n)
{
    static const char *const ids[] = {"i0", "i1", "i2", "i3", "i4"};
    sw_arena_done(&w->arena);
    memset(w, 0, sizeof *w);
    for (size_t i = 0; i < n; i++) {
        w->instances[i] = room;
        w->instances[i].id = ids[i];
    }
    w->view = (struct plan_cluster){w->instances, n};
    w->want = (struct task_resources){.cpu = 100, .memory_mib = 100};
    w->req = (struct plan_request){.resources = &w->want, .group = "service:web", .count = 1};
}

static const char *text(struct world *w, size_t i)
{
    plan_place(&w->view, &w->req, &w->arena, &w->got);
    plan_explain(&w->view, &w->req, &w->got, &w->arena, &w->why);
    return plan_verdict_text(&w->req, &w->why.verdicts[i], &w->arena);
}

static const char *event(struct world *w)
{
    (void)text(w, 0);
    return plan_unplaced_event("web", &w->view, &w->req, &w->why, &w->arena);
}

TEST(says_what_each_strategy_saw)
{
    static const struct plan_strategy spread[] = {
        {PLAN_SPREAD_ATTRIBUTE, "zone"}, {PLAN_SPREAD_INSTANCE, NULL}, {PLAN_BINPACK_MEMORY, NULL}};
    SW_CLEANUP(world_done) struct world w = {.arena = {0}};
    world_init(&w, 5);
    w.instances[0].attributes = w.instances[4].attributes = zone_a;
    w.instances[1].attributes = w.instances[2].attributes = w.instances[3].attributes = zone_b;
    for (int i = 0; i < 5; i++)
        w.instances[i].attributes_n = 1;
    for (int i = 0; i < 5; i += 4) {
        w.instances[i].groups = one_task;
        w.instances[i].groups_n = 1;
    }
    w.instances[1].groups = one_task;
    w.instances[1].groups_n = 1;
    w.instances[3].memory_mib = 400;
    w.req.strategies = spread;
    w.req.strategies_n = 3;
    CHECK_EQ_STR(text(&w, 3), "the best of those that fit");
    CHECK_EQ_STR(plan_verdict_kind_to_string(w.why.verdicts[3].kind), "CHOSEN");
    CHECK_EQ_STR(plan_verdict_kind_to_string(w.why.verdicts[0].kind), "PASSED_OVER");
    CHECK_EQ_INT(w.why.verdicts[3].here, 1);
    CHECK_EQ_INT(w.why.closest, 5);
    CHECK_EQ_STR(text(&w, 0), "spread over zone: 2 tasks of the group share its value of the "
                              "attribute, 1 with the chosen one");
    CHECK_EQ_STR(text(&w, 1), "spread: 1 tasks of the group are on it, 0 with the chosen one");
    CHECK_EQ_STR(text(&w, 2), "binpack: 1000 MiB of memory are left, 400 with the chosen one");
    w.instances[2].memory_mib = 400;
    CHECK_EQ_INT(w.why.verdicts[2].strategy, 2);
    CHECK_CONTAINS(text(&w, 3), "equal in all strategies");
    static const struct plan_strategy random = {PLAN_RANDOM, NULL};
    w.req.strategies = &random;
    w.req.strategies_n = 1;
    (void)text(&w, 0);
    for (size_t i = 0; i < 5; i++)
        CHECK_EQ_STR(plan_verdict_text(&w.req, &w.why.verdicts[i], &w.arena),
                     w.got.here[i] ? "the best of those that fit" : "not drawn");
}

TEST(says_what_each_rejected_instance_lacks)
{
    static const struct plan_attribute gpu = {"gpu", NULL};
    SW_CLEANUP(world_done) struct world w = {.arena = {0}};
    world_init(&w, 5);
    w.instances[0].active = false;
    w.instances[1].agent_connected = false;
    w.instances[2].cpu = 99;
    w.instances[3].memory_mib = 50;
    w.instances[4].tcp_ports = web_port;
    w.instances[4].tcp_ports_n = 1;
    w.want.tcp_ports[0] = 80;
    w.want.tcp_ports_n = 1;
    CHECK_EQ_STR(text(&w, 0), "its status is not ACTIVE");
    CHECK_EQ_STR(text(&w, 1), "its agent is not connected");
    CHECK_EQ_STR(text(&w, 2), "needs 100 CPU units, 99 are left");
    CHECK_EQ_STR(text(&w, 3), "needs 100 MiB of memory, 50 are left");
    CHECK_EQ_STR(text(&w, 4), "port 80 is in use");
    w.req.required = &gpu;
    w.req.required_n = 1;
    CHECK_EQ_STR(text(&w, 4), "it lacks the attribute gpu");
    CHECK_EQ_STR(plan_verdict_kind_to_string(w.why.verdicts[4].kind), "REJECTED");
    CHECK_NULL(plan_verdict_kind_to_string(PLAN_VERDICT_MAX_));
}

TEST(constraints_are_quoted)
{
    struct plan_constraint c;
    struct sw_err err = SW_ERR_INIT;
    SW_CLEANUP(world_done) struct world w = {.arena = {0}};
    world_init(&w, 1);
    w.instances[0].groups = one_task;
    w.instances[0].groups_n = 1;
    CHECK_OK(plan_constraint_parse("memberOf", "attribute:zone == a", &w.arena, &c, &err));
    w.req.constraints = &c;
    w.req.constraints_n = 1;
    CHECK_EQ_STR(text(&w, 0), "memberOf: not so: attribute:zone == a");
    CHECK_CONTAINS(event(&w), "(container-instance i0) encountered error \"MemberOf placement "
                              "constraint unsatisfied.\".");
    CHECK_OK(plan_constraint_parse("distinctInstance", NULL, &w.arena, &c, &err));
    CHECK_EQ_STR(text(&w, 0), "distinctInstance: it has a task of the group");
    CHECK_CONTAINS(event(&w), "error \"DistinctInstance placement constraint unsatisfied.\".");
}

/* The exercise: two tasks with a fixed host port, one instance. */
TEST(the_event_names_the_closest_instance)
{
    SW_CLEANUP(world_done) struct world w = {.arena = {0}};
    world_init(&w, 1);
    w.want.tcp_ports[0] = 80;
    w.want.tcp_ports_n = 1;
    w.req.count = 2;
    CHECK_EQ_STR(
        event(&w),
        "(service web) was unable to place a task because no container instance met all of "
        "its requirements. The closest matching (container-instance i0) is already using a "
        "port required by your task.");
    CHECK_EQ_INT(w.why.verdicts[0].here, 1);
    world_init(&w, 0);
    CHECK_EQ_STR(event(&w), "(service web) was unable to place a task because no container "
                            "instance met all of its requirements. Reason: No Container Instances "
                            "were found in your cluster.");
    world_init(&w, 4);
    w.want.cpu = 2000;
    w.instances[1].cpu = 1500;
    w.instances[2].cpu = 1500;
    w.instances[3].agent_connected = false;
    CHECK_CONTAINS(event(&w), "(container-instance i1) has insufficient CPU units available.");
    w.instances[3] = room;
    w.instances[3].id = "i3";
    w.instances[3].cpu = 2000;
    w.instances[3].memory_mib = 1;
    CHECK_CONTAINS(event(&w), "(container-instance i3) has insufficient memory available.");
}

TEST(fargate_names_no_instance)
{
    SW_CLEANUP(world_done) struct world w = {.arena = {0}};
    world_init(&w, 2);
    w.instances[0].serves = PLAN_LAUNCH_EC2;
    w.instances[1].serves = PLAN_LAUNCH_EC2 | PLAN_LAUNCH_FARGATE;
    w.req.launch = PLAN_LAUNCH_FARGATE;
    CHECK_EQ_STR(text(&w, 0), "it does not serve the launch type");
    CHECK_EQ_STR(text(&w, 1), "the best of those that fit");
    w.want.cpu = 1000000;
    CHECK_EQ_STR(event(&w), "(service web) was unable to place a task. Reason: Capacity is "
                            "unavailable at this time. Please try again later or in a different "
                            "availability zone.");
    w.req.launch = PLAN_LAUNCH_EXTERNAL;
    CHECK_CONTAINS(event(&w), "does not serve the launch type of your task");
}
