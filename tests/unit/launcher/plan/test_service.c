/* SPDX-License-Identifier: Apache-2.0 */
/* plan_service, rule by rule. */
#include "launcher/plan/plan_scale_in.h"
#include "tests/unit/launcher/plan/service_sim.h"

#define SIM(name) SW_CLEANUP(sim_done) struct sim name = {.arena = {0}}

TEST(bounds_are_exact)
{
    static const struct {
        int desired, min, max, lower, upper;
    } table[] = {
        {4, 50, 200, 2, 8},     {2, 75, 200, 2, 4},
        {3, 100, 125, 3, 3},    {1, 100, 150, 1, 1},
        {3, 34, 134, 2, 4},     {3, 33, 133, 1, 3},
        {0, 100, 200, 0, 0},    {7, 0, 100, 0, 7},
        {10, 150, 200, 10, 20}, {20000000, 99, 200, 19800000, 40000000},
    };
    for (size_t i = 0; i < SW_ARRAY_LEN(table); i++) {
        CHECK_EQ_INT(plan_lower_bound(table[i].desired, table[i].min), table[i].lower);
        CHECK_EQ_INT(plan_upper_bound(table[i].desired, table[i].max), table[i].upper);
    }
}

TEST(the_breakers_threshold)
{
    const struct plan_breaker standard = {.enabled = true};
    const struct plan_breaker free_share = {.type = PLAN_UNBOUNDED_PERCENT, .value = 10};
    const struct plan_breaker count = {.type = PLAN_BREAKER_COUNT, .value = 7};
    static const int table[][2] = {{1, 3},   {6, 3},     {7, 4},    {10, 5},
                                   {25, 13}, {400, 200}, {900, 200}};
    for (size_t i = 0; i < SW_ARRAY_LEN(table); i++)
        CHECK_EQ_INT(plan_breaker_threshold(&standard, table[i][0]), table[i][1]);
    CHECK_EQ_INT(plan_breaker_threshold(&free_share, 5), 1);
    CHECK_EQ_INT(plan_breaker_threshold(&free_share, 5000), 500);
    CHECK_EQ_INT(plan_breaker_threshold(&free_share, 0), 1);
    CHECK_EQ_INT(plan_breaker_threshold(&count, 1000), 7);
}

TEST(delays_double_up_to_a_quarter_of_an_hour)
{
    CHECK_EQ_INT(plan_retry_delay_us(0), 0);
    CHECK_EQ_INT(plan_retry_delay_us(1), SIM_SECOND);
    CHECK_EQ_INT(plan_retry_delay_us(5), 16 * SIM_SECOND);
    CHECK_EQ_INT(plan_retry_delay_us(10), 512 * SIM_SECOND);
    CHECK_EQ_INT(plan_retry_delay_us(11), 900 * SIM_SECOND);
    CHECK_EQ_INT(plan_retry_delay_us(1000000), 900 * SIM_SECOND);
}

TEST(names_and_texts)
{
    sw_autoarena a = {0};
    static const char *const ids[] = {"a", "b"};
    const struct plan_deployment d = {.id = "ecs-svc/1"};
    struct plan_deployment_state s = {.rollout = PLAN_IN_PROGRESS};
    enum plan_rollout r;
    CHECK_EQ_STR(plan_rollout_reason(&d, &s, &a), "ECS deployment ecs-svc/1 in progress.");
    s.rollout = PLAN_COMPLETED;
    CHECK_EQ_STR(plan_rollout_reason(&d, &s, &a), "ECS deployment ecs-svc/1 completed.");
    s.rollout = PLAN_FAILED;
    CHECK_EQ_STR(plan_rollout_reason(&d, &s, &a),
                 "ECS deployment circuit breaker: tasks failed to start.");
    s.rolled_back = true;
    CHECK_CONTAINS(plan_rollout_reason(&d, &s, &a), "started again");
    CHECK_EQ_STR(plan_started_event("web", ids, 2, &a),
                 "(service web) has started 2 tasks: (task a) (task b).");
    CHECK_EQ_STR(plan_stopped_event("web", ids, 1, &a),
                 "(service web) has stopped 1 running tasks: (task a).");
    CHECK(plan_rollout_from_string("FAILED", &r) && r == PLAN_FAILED);
    CHECK(!plan_rollout_from_string("failed", &r));
    CHECK_EQ_STR(plan_rollout_to_string(PLAN_COMPLETED), "COMPLETED");
    CHECK_NULL(plan_rollout_to_string(PLAN_ROLLOUT_MAX_));
    CHECK_EQ_STR(plan_action_to_string(PLAN_ROLLBACK), "ROLLBACK");
    CHECK_NULL(plan_action_to_string(PLAN_ACTION_MAX_));
}

TEST(a_new_service_starts_runs_and_is_steady_once)
{
    SIM(s);
    sim_init(&s, 2, 3, 100, 200);
    sim_deploy(&s);
    sim_plan(&s);
    CHECK_EQ_INT(s.starts, 3);
    CHECK_EQ_INT(s.r.desired[0], 3);
    sim_plan(&s); /* they are PENDING: nothing more */
    CHECK_EQ_INT(s.r.actions_n, 0);
    sim_obey(&s);
    sim_plan(&s);
    CHECK_EQ_INT(s.r.actions_n, 0);
    CHECK_EQ_INT(s.r.wake_at_us, s.v.now_us + 40 * SIM_SECOND);
    sim_pass(&s, 40);
    sim_plan(&s);
    CHECK_EQ_STR(s.events, "(service web) (deployment ecs-svc/1) deployment completed.\n"
                           "(service web) has reached a steady state.\n");
    CHECK_EQ_INT(s.deployments[0].d.state.rollout, PLAN_COMPLETED);
    sim_plan(&s);
    CHECK_EQ_INT(s.r.actions_n, 0);
    CHECK(s.r.steady);
    s.tasks[0].state = PLAN_TASK_STOPPED; /* a crash */
    sim_plan(&s);
    CHECK_EQ_INT(s.starts, 1);
    CHECK(!s.r.steady);
    CHECK_EQ_INT(s.deployments[0].d.state.rollout, PLAN_COMPLETED);
    CHECK_EQ_INT(sim_settle(&s, 5), 1);
    CHECK_EQ_STR(s.events, "(service web) has reached a steady state.\n");
}

TEST(replacements_come_first_where_the_maximum_allows)
{
    SIM(s);
    sim_init(&s, 3, 4, 50, 200);
    sim_deploy(&s);
    CHECK(sim_settle(&s, 5) <= 5);
    sim_deploy(&s);
    sim_plan(&s);
    CHECK_EQ_INT(s.starts, 4);
    CHECK_EQ_INT(s.stops, 0);
    CHECK_EQ_INT(s.r.desired[0], 4);
    CHECK_EQ_INT(s.r.desired[1], 4);
    sim_obey(&s);
    sim_pass(&s, 20);
    sim_plan(&s);
    CHECK_EQ_INT(s.stops, 0);
    sim_pass(&s, 20);
    sim_plan(&s);
    CHECK_EQ_INT(s.stops, 4);
    CHECK_EQ_STR(s.r.actions[0].text, "Scaling activity initiated by (deployment ecs-svc/2)");
    CHECK_EQ_INT(s.deployments_n, 2);
    sim_obey(&s);
    sim_plan(&s);
    CHECK_EQ_INT(s.deployments_n, 1);
    CHECK(s.r.steady);
}

TEST(without_room_above_desired_the_lower_bound_is_used)
{
    SIM(s);
    sim_init(&s, 3, 4, 50, 100);
    sim_deploy(&s);
    CHECK(sim_settle(&s, 5) <= 5);
    sim_deploy(&s);
    sim_plan(&s);
    CHECK_EQ_INT(s.starts, 0);
    CHECK_EQ_INT(s.stops, 2);
    sim_plan(&s); /* they still stop, and take their room until then */
    CHECK_EQ_INT(s.r.actions_n, 0);
    sim_obey(&s);
    sim_plan(&s);
    CHECK_EQ_INT(s.starts, 2);
    sim_obey(&s);
    sim_pass(&s, 40);
    sim_plan(&s);
    CHECK_EQ_INT(s.stops, 2);
    CHECK(sim_settle(&s, 5) <= 5);
    CHECK_EQ_INT(sim_live(&s, 2), 4);
}

TEST(percentages_that_allow_nothing_are_named)
{
    SIM(s);
    sim_init(&s, 3, 3, 100, 125);
    sim_deploy(&s);
    CHECK(sim_settle(&s, 5) <= 5);
    sim_deploy(&s);
    sim_plan(&s);
    CHECK_EQ_INT(s.starts + s.stops, 0);
    CHECK_CONTAINS(s.events, "was unable to stop or start tasks during a deployment because of the "
                             "service deployment configuration.");
}

/* The exercise: two tasks with a fixed host port on one instance, then a revision with a dynamic port. */
TEST(a_fixed_port_keeps_the_second_task_out_until_the_revision)
{
    SIM(s);
    sim_init(&s, 1, 2, 100, 200);
    s.want.tcp_ports[0] = 80;
    s.want.tcp_ports_n = 1;
    sim_deploy(&s);
    sim_plan(&s);
    CHECK_EQ_INT(s.starts, 1);
    CHECK_EQ_INT(s.r.unplaced, 1);
    CHECK_EQ_INT(s.r.wake_at_us, s.v.now_us + PLAN_ROOM_RETRY_US);
    CHECK_CONTAINS(s.events,
                   "(container-instance i0) is already using a port required by your task.");
    sim_obey(&s);
    sim_pass(&s, 45);
    sim_plan(&s);
    CHECK_EQ_INT(s.starts, 0);
    CHECK(!s.r.steady);
    sim_deploy(&s);
    s.want.tcp_ports_n = 0;
    CHECK(sim_settle(&s, 5) <= 5);
    CHECK_EQ_INT(sim_live(&s, 2), 2);
    s.v.desired = 4;
    sim_plan(&s);
    CHECK_EQ_INT(s.starts, 2);
    CHECK_EQ_INT(s.deployments[0].d.state.rollout, PLAN_COMPLETED); /* scaling is no deployment */
}

/* The same port again: the old task gives way only as far as the minimum lets it. */
TEST(no_room_on_the_instances_uses_the_lower_bound)
{
    SIM(s);
    sim_init(&s, 2, 2, 50, 200);
    s.want.tcp_ports[0] = 80;
    s.want.tcp_ports_n = 1;
    sim_deploy(&s);
    CHECK(sim_settle(&s, 5) <= 5);
    sim_deploy(&s);
    sim_plan(&s);
    CHECK_EQ_INT(s.starts, 0);
    CHECK_EQ_INT(s.stops, 1);
    CHECK(sim_settle(&s, 10) <= 10);
    CHECK_EQ_INT(sim_live(&s, 2), 2);
}

TEST(waiting_tasks_of_an_older_deployment_stop_at_once)
{
    SIM(s);
    sim_init(&s, 2, 2, 100, 200);
    sim_deploy(&s);
    CHECK(sim_settle(&s, 5) <= 5);
    sim_deploy(&s);
    sim_plan(&s);
    CHECK_EQ_INT(sim_live(&s, 2), 2);
    sim_deploy(&s);
    sim_plan(&s);
    CHECK_EQ_INT(s.stops, 2);
    CHECK_EQ_INT(sim_live(&s, 2), 0);
    CHECK_EQ_INT(sim_live(&s, 1), 2);
    CHECK_EQ_INT(s.starts, 0); /* four are there until the stopping ones are gone */
    sim_obey(&s);
    sim_plan(&s);
    CHECK_EQ_INT(s.starts, 2);
    CHECK_EQ_INT(s.deployments_n, 2);
    CHECK(sim_settle(&s, 5) <= 5);
    CHECK_EQ_INT(sim_live(&s, 3), 2);
}

/* Every live task of the deployment ends without ever having run. */
static void fail_starts(struct sim *s, int serial)
{
    for (size_t k = 0; k < s->tasks_n; k++) {
        struct plan_task *t = &s->tasks[k];
        if (t->deployment == (size_t)serial && t->state == PLAN_TASK_PENDING)
            t->state = PLAN_TASK_STOPPED;
    }
}

TEST(the_breaker_fails_a_deployment_and_rolls_back)
{
    SIM(s);
    sim_init(&s, 2, 2, 100, 200);
    s.v.breaker = (struct plan_breaker){.enabled = true, .rollback = true};
    s.v.can_roll_back = true;
    sim_deploy(&s);
    CHECK(sim_settle(&s, 5) <= 5);
    sim_deploy(&s);
    for (int round = 0; round < 10 && s.rollbacks == 0; round++) {
        sim_plan(&s);
        CHECK_EQ_INT(sim_live(&s, 1), 2);
        fail_starts(&s, 2);
        sim_pass(&s, 60);
    }
    CHECK_EQ_INT(s.rollbacks, 1);
    CHECK_EQ_INT(s.starts, 0);
    CHECK_CONTAINS(s.events, "(service web) (deployment ecs-svc/2) deployment failed: tasks failed "
                             "to start.");
    CHECK_EQ_INT(s.deployments[1].d.state.rollout, PLAN_FAILED);
    CHECK_EQ_INT(s.deployments[1].d.state.failed_tasks, 4);
    CHECK(s.deployments[1].d.state.rolled_back);
    CHECK(sim_settle(&s, 10) <= 10);
    CHECK_EQ_INT(sim_live(&s, 3), 2);
}

TEST(without_rollback_a_failed_deployment_rests_and_the_old_one_is_kept)
{
    SIM(s);
    sim_init(&s, 2, 2, 100, 200);
    s.v.breaker = (struct plan_breaker){.enabled = true, .type = PLAN_BREAKER_COUNT, .value = 2};
    sim_deploy(&s);
    CHECK(sim_settle(&s, 5) <= 5);
    sim_deploy(&s);
    sim_plan(&s);
    fail_starts(&s, 2);
    sim_plan(&s);
    CHECK_EQ_INT(s.rollbacks, 0);
    CHECK_EQ_INT(s.starts + s.stops, 0);
    CHECK_EQ_INT(s.deployments_n, 2);
    sim_pass(&s, 1000);
    sim_plan(&s);
    CHECK_EQ_INT(s.starts + s.stops, 0);
    s.tasks[0].state = PLAN_TASK_STOPPED;
    sim_plan(&s); /* what crashes of the old one is replaced by its like */
    CHECK_EQ_INT(s.starts, 1);
    CHECK_EQ_INT(sim_live(&s, 1), 2);
    sim_deploy(&s); /* a new attempt goes on as usual */
    CHECK(sim_settle(&s, 10) <= 10);
    CHECK_EQ_INT(sim_live(&s, 3), 2);
}

TEST(tasks_of_a_failed_deployment_go_first_when_there_are_too_many)
{
    SIM(s);
    sim_init(&s, 2, 2, 100, 200);
    sim_deploy(&s);
    s.deployments[0].d.state.rollout = PLAN_COMPLETED;
    sim_deploy(&s);
    s.deployments[0].d.state.rollout = PLAN_FAILED;
    sim_add_healthy(&s, 1, 0);
    sim_add_healthy(&s, 1, 1);
    sim_add_healthy(&s, 2, 1);
    sim_plan(&s);
    CHECK_EQ_INT(s.stops, 1);
    CHECK_EQ_INT(sim_live(&s, 1), 2);
}

TEST(a_healthy_task_ends_the_series_of_failures_if_it_may)
{
    for (int keep = 0; keep < 2; keep++) {
        SIM(s);
        sim_init(&s, 2, 3, 100, 200);
        s.v.breaker = (struct plan_breaker){.enabled = true, .keep_count_on_healthy = keep};
        sim_deploy(&s);
        sim_plan(&s);
        s.tasks[0].state = s.tasks[1].state = PLAN_TASK_STOPPED;
        sim_plan(&s);
        CHECK_EQ_INT(s.deployments[0].d.state.failed_tasks, 2);
        sim_pass(&s, 10);
        sim_obey(&s);
        sim_pass(&s, 40);
        sim_plan(&s);
        CHECK_EQ_INT(s.deployments[0].d.state.failed_tasks, keep ? 2 : 0);
        fail_starts(&s, 1);
        sim_pass(&s, 60);
        sim_plan(&s);
        CHECK_EQ_INT(s.deployments[0].d.state.rollout, keep ? PLAN_FAILED : PLAN_IN_PROGRESS);
    }
}

TEST(wanted_ends_and_ends_after_health_are_no_failures)
{
    SIM(s);
    sim_init(&s, 1, 3, 100, 200);
    sim_deploy(&s);
    struct plan_task *t = sim_add(&s, 1, 0, PLAN_TASK_STOPPED);
    t->wanted = true;
    t = sim_add_healthy(&s, 1, 0);
    t->state = PLAN_TASK_STOPPED;
    t->stopped_us = s.v.now_us;
    t = sim_add_healthy(&s, 1, 0);
    t->state = PLAN_TASK_STOPPED;
    t->health = PLAN_HEALTHY;
    sim_plan(&s);
    CHECK_EQ_INT(s.counted, 3);
    CHECK_EQ_INT(s.tasks_n, 3); /* the three new ones */
    CHECK_EQ_INT(s.deployments[0].d.state.failed_tasks, 0);
    t = sim_add_healthy(&s, 1, 0); /* ran for five seconds */
    t->state = PLAN_TASK_STOPPED;
    t->stopped_us = t->started_us + 5 * SIM_SECOND;
    t = sim_add_healthy(&s, 1, 0); /* never passed its check */
    t->state = PLAN_TASK_STOPPED;
    t->stopped_us = s.v.now_us;
    t->health = PLAN_HEALTH_UNKNOWN;
    sim_plan(&s);
    CHECK_EQ_INT(s.deployments[0].d.state.failed_tasks, 2);
    CHECK_EQ_INT(s.deployments[0].d.state.start_failures, 0); /* they reached RUNNING */
}

TEST(a_task_that_ends_at_once_is_started_again_every_five_seconds)
{
    SIM(s);
    sim_init(&s, 1, 1, 100, 200);
    sim_deploy(&s);
    for (int i = 0; i < 5; i++) {
        struct plan_task *t = sim_add_healthy(&s, 1, 0);
        t->state = PLAN_TASK_STOPPED;
        t->started_us = s.v.now_us - SIM_SECOND;
        t->stopped_us = s.v.now_us;
        sim_plan(&s);
        CHECK_EQ_INT(s.starts, 0);
        CHECK_EQ_INT(s.r.wake_at_us, s.v.now_us + 4 * SIM_SECOND); /* not more and more */
        CHECK_EQ_INT(s.deployments[0].d.state.start_failures, 0);
        s.v.now_us = s.r.wake_at_us;
        sim_plan(&s);
        CHECK_EQ_INT(s.starts, 1);
        s.tasks_n = 0;
    }
    struct plan_task *t = sim_add_healthy(&s, 1, 0);
    t->state = PLAN_TASK_STOPPED;
    t->started_us = s.v.now_us - 6 * SIM_SECOND;
    t->stopped_us = s.v.now_us;
    sim_plan(&s);
    CHECK_EQ_INT(s.starts, 1); /* it ran for six */
}

TEST(restarts_of_tasks_that_never_run_are_delayed_more_and_more)
{
    SIM(s);
    int64_t delay = 0;
    sim_init(&s, 2, 4, 100, 200);
    sim_deploy(&s);
    for (int round = 1; round <= 12; round++) {
        sim_plan(&s);
        CHECK_EQ_INT(s.starts, 4);
        fail_starts(&s, 1);
        sim_plan(&s);
        CHECK_EQ_INT(s.starts, 0);
        CHECK_EQ_INT(s.deployments[0].d.state.start_failures, round); /* four tasks, one round */
        CHECK_EQ_INT(s.deployments[0].d.state.failed_tasks, round * 4);
        CHECK(strstr(s.events, "consistently start") ? round == 3 : round != 3);
        CHECK(s.r.wake_at_us - s.v.now_us >= delay);
        delay = s.r.wake_at_us - s.v.now_us;
        s.v.now_us = s.r.wake_at_us;
    }
    CHECK_EQ_INT(delay, 900 * SIM_SECOND);
    sim_plan(&s);
    sim_pass(&s, 1);
    sim_obey(&s);
    sim_plan(&s); /* RUNNING: all is forgotten */
    CHECK_EQ_INT(s.deployments[0].d.state.start_failures, 0);
    s.deployments[0].d.state.retry_at_us = s.v.now_us + 1;
    sim_deploy(&s);
    sim_plan(&s); /* and a new deployment begins without a delay */
    CHECK_EQ_INT(s.starts, 4);
}

TEST(what_is_healthy_stays_so_when_the_clock_is_set_back)
{
    SW_CLEANUP(sim_done) struct sim s = {.arena = {0}};
    sim_init(&s, 2, 2, 100, 200);
    sim_deploy(&s);
    for (size_t i = 0; i < 2; i++) {
        struct plan_task *t = sim_add_healthy(&s, 1, i);
        t->health = PLAN_HEALTHY;
        t->health_since_us = s.v.now_us;
    }
    sim_plan(&s);
    CHECK(s.r.steady);
    sim_pass(&s, -900);
    sim_deploy(&s);
    sim_plan(&s);
    CHECK_EQ_INT(s.starts, 2);
    CHECK_EQ_INT(s.stops, 0); /* of those that serve */
}

TEST(a_clock_that_is_set_back_delays_no_longer_than_a_delay_is)
{
    SW_CLEANUP(sim_done) struct sim s = {.arena = {0}};
    sim_init(&s, 2, 1, 100, 200);
    sim_deploy(&s);
    s.deployments[0].d.state.retry_at_us = s.v.now_us + 86400 * SIM_SECOND;
    sim_plan(&s);
    CHECK_EQ_INT(s.starts, 0);
    sim_pass(&s, 15 * 60);
    sim_plan(&s);
    CHECK_EQ_INT(s.starts, 1);
}

TEST(unhealthy_tasks_are_replaced_before_they_stop)
{
    SIM(s);
    sim_init(&s, 2, 2, 100, 200);
    sim_deploy(&s);
    CHECK(sim_settle(&s, 5) <= 5);
    s.tasks[0].health = PLAN_UNHEALTHY;
    sim_plan(&s);
    CHECK_EQ_INT(s.starts, 1);
    CHECK_EQ_INT(s.stops, 0);
    sim_obey(&s);
    sim_pass(&s, 40);
    sim_plan(&s);
    CHECK_EQ_INT(s.stops, 1);
    CHECK_EQ_STR(s.r.actions[0].text, "Task failed container health checks");
    CHECK(strstr(s.events, "(service web) (task t1) failed container health checks."));
    CHECK_EQ_INT(s.tasks[0].state, PLAN_TASK_STOPPING);
    sim_obey(&s);
    sim_plan(&s);
    CHECK_EQ_INT(s.deployments[0].d.state.failed_tasks, 1);
}

TEST(unhealthy_tasks_stop_one_by_one_where_there_is_no_room_for_more)
{
    SIM(s);
    sim_init(&s, 2, 3, 50, 100);
    sim_deploy(&s);
    CHECK(sim_settle(&s, 5) <= 5);
    s.tasks[0].health = s.tasks[1].health = PLAN_UNHEALTHY;
    sim_plan(&s);
    CHECK_EQ_INT(s.stops, 1);
    sim_plan(&s);
    CHECK_EQ_INT(s.stops, 0);
    sim_obey(&s);
    sim_plan(&s);
    CHECK_EQ_INT(s.starts, 1);
    CHECK_EQ_INT(s.stops, 1);
}

TEST(the_grace_forgives_failed_checks)
{
    SIM(s);
    sim_init(&s, 1, 1, 100, 200);
    s.v.grace_us = 60 * SIM_SECOND;
    sim_deploy(&s);
    struct plan_task *t = sim_add(&s, 1, 0, PLAN_TASK_RUNNING);
    t->started_us = s.v.now_us;
    t->health = PLAN_UNHEALTHY;
    sim_plan(&s);
    CHECK_EQ_INT(s.starts + s.stops, 0);
    CHECK_EQ_INT(s.r.wake_at_us, s.v.now_us + 60 * SIM_SECOND);
    sim_pass(&s, 60);
    sim_plan(&s);
    CHECK_EQ_INT(s.starts, 1);
}

TEST(a_health_check_must_pass_before_anything_counts_on_the_task)
{
    SIM(s);
    sim_init(&s, 1, 1, 100, 200);
    sim_deploy(&s);
    struct plan_task *t = sim_add_healthy(&s, 1, 0);
    t->health = PLAN_HEALTH_UNKNOWN;
    sim_plan(&s);
    CHECK(!s.r.steady);
    s.tasks[0].health = PLAN_HEALTHY;
    s.tasks[0].health_since_us = s.v.now_us;
    sim_plan(&s);
    CHECK(s.r.steady);
}

TEST(a_draining_instance_is_left_within_the_bounds)
{
    SIM(s);
    sim_init(&s, 3, 3, 100, 200);
    sim_deploy(&s);
    CHECK(sim_settle(&s, 5) <= 5);
    (void)sim_add(&s, 1, 0, PLAN_TASK_PENDING);
    s.v.desired = 4;
    s.instances[0].active = false;
    s.instances[0].draining = true;
    sim_plan(&s);
    CHECK_EQ_INT(s.stops, 1); /* the PENDING one, at once */
    CHECK_EQ_INT(s.r.actions[s.r.actions_n - 1].cause, PLAN_STOP_DRAINING);
    CHECK_EQ_INT(s.starts, 2);
    CHECK_EQ_INT(sim_live(&s, 1), 5);
    CHECK(sim_settle(&s, 5) <= 5);
    for (size_t k = 0; k < s.tasks_n; k++)
        CHECK(s.tasks[k].instance != 0);
}

TEST(lost_tasks_are_given_up_and_replaced)
{
    SIM(s);
    sim_init(&s, 2, 2, 100, 100);
    sim_deploy(&s);
    CHECK(sim_settle(&s, 5) <= 5);
    s.tasks[0].lost = true;
    s.instances[s.tasks[0].instance].agent_connected = false;
    sim_plan(&s);
    CHECK_EQ_INT(s.starts, 1);
    CHECK_EQ_INT(s.stops, 1);
    CHECK_EQ_INT(s.tasks[0].state, PLAN_TASK_STOPPING);
    CHECK(sim_settle(&s, 5) <= 5);
    CHECK_EQ_INT(sim_live(&s, 1), 2);
}

TEST(protected_tasks_outlive_scaling_and_deployments)
{
    SIM(s);
    sim_init(&s, 2, 2, 100, 200);
    sim_deploy(&s);
    CHECK(sim_settle(&s, 5) <= 5);
    s.tasks[0].protected_until_us = s.v.now_us + 500 * SIM_SECOND;
    s.v.desired = 0;
    sim_plan(&s);
    CHECK_EQ_INT(s.stops, 1);
    CHECK_EQ_INT(s.tasks[0].state, PLAN_TASK_RUNNING);
    CHECK_EQ_INT(s.r.wake_at_us, s.tasks[0].protected_until_us);
    s.v.desired = 1;
    sim_deploy(&s);
    CHECK_EQ_INT(sim_settle(&s, 5), 6);
    CHECK_EQ_INT(sim_live(&s, 1), 1);
    CHECK_EQ_INT(sim_live(&s, 2), 1);
    sim_pass(&s, 500);
    CHECK(sim_settle(&s, 5) <= 5);
    CHECK_EQ_INT(sim_live(&s, 1), 0);
}

TEST(scale_in_takes_from_where_most_are)
{
    static const struct plan_attribute zones[] = {{"ecs.availability-zone", "a"},
                                                  {"ecs.availability-zone", "b"}};
    SIM(s);
    sim_init(&s, 3, 2, 100, 200);
    for (size_t i = 0; i < 3; i++) { /* 0 and 1 in zone a, 2 in b */
        s.instances[i].attributes = &zones[i == 2];
        s.instances[i].attributes_n = 1;
    }
    sim_deploy(&s);
    for (int k = 0; k < 5; k++)
        sim_add_healthy(&s, 1, (size_t)(k < 3 ? 0 : k - 2))->created_us += k;
    sim_plan(&s);
    CHECK_EQ_INT(s.stops, 3);
    /* Four in zone a: twice from instance 0, the newest first, then one of the two that have one each. */
    CHECK_EQ_INT(s.tasks[2].state, PLAN_TASK_STOPPING);
    CHECK_EQ_INT(s.tasks[1].state, PLAN_TASK_STOPPING);
    CHECK_EQ_INT(s.tasks[4].state, PLAN_TASK_RUNNING);
    CHECK_EQ_INT(
        (s.tasks[0].state == PLAN_TASK_STOPPING) + (s.tasks[3].state == PLAN_TASK_STOPPING), 1);
}

TEST(scale_in_by_class_and_strategy)
{
    static const struct plan_strategy binpack = {PLAN_BINPACK_MEMORY, NULL};
    const struct task_resources want = {.cpu = 1, .memory_mib = 100};
    struct plan_instance instances[3] = {
        {.id = "i0", .active = true, .memory_mib = 100},
        {.id = "i1", .active = true, .memory_mib = 500},
        {.id = "i2", .draining = true, .memory_mib = 0},
    };
    const struct plan_cluster cluster = {instances, 3};
    const struct plan_request req = {.resources = &want, .strategies = &binpack, .strategies_n = 1};
    const struct plan_task tasks[] = {
        {.id = "a", .instance = 0, .state = PLAN_TASK_RUNNING, .created_us = 1},
        {.id = "b", .instance = 1, .state = PLAN_TASK_RUNNING, .created_us = 2},
        {.id = "c", .instance = 1, .state = PLAN_TASK_RUNNING, .created_us = 3},
        {.id = "d", .instance = 2, .state = PLAN_TASK_RUNNING, .created_us = 4},
        {.id = "e", .instance = 0, .state = PLAN_TASK_PENDING, .created_us = 5},
        {.id = "f", .instance = 9, .state = PLAN_TASK_RUNNING, .created_us = 6},
        {.id = "g", .instance = 1, .state = PLAN_TASK_RUNNING, .protected_until_us = 100},
    };
    static const size_t all[] = {0, 1, 2, 3, 4, 5, 6}, want_order[] = {5, 3, 4, 2, 1, 0};
    sw_autoarena a = {0};
    size_t got[7];
    for (size_t k = 0; k <= 7; k++) {
        size_t n = plan_scale_in(&cluster, &req, tasks, all, 7, k, 50, &a, got);
        CHECK_EQ_INT(n, SW_MIN(k, SW_ARRAY_LEN(want_order)));
        for (size_t i = 0; i < n; i++)
            CHECK_MSG(got[i] == want_order[i], "%zu of %zu: %zu", i, k, got[i]);
    }
}

TEST(a_deleted_service_stops_all_and_is_gone)
{
    SIM(s);
    sim_init(&s, 2, 2, 100, 200);
    sim_deploy(&s);
    CHECK(sim_settle(&s, 5) <= 5);
    s.tasks[0].protected_until_us = PLAN_NEVER;
    s.v.deleting = true;
    sim_plan(&s);
    CHECK_EQ_INT(s.stops, 2);
    CHECK_EQ_INT(s.deleted, 0);
    sim_plan(&s);
    CHECK_EQ_INT(s.r.actions_n, 0);
    sim_obey(&s);
    sim_plan(&s);
    CHECK_EQ_INT(s.deleted, 1);
}

TEST(a_daemon_runs_once_on_each_instance_that_it_belongs_on)
{
    static const struct plan_attribute gpu = {"gpu", "yes"};
    struct sw_err err = SW_ERR_INIT;
    sw_autoarena a = {0};
    SIM(s);
    sim_init(&s, 4, 0, 0, 100);
    s.v.scheduling = PLAN_DAEMON;
    for (size_t i = 0; i < 4; i += 2) {
        s.instances[i].attributes = &gpu;
        s.instances[i].attributes_n = 1;
    }
    CHECK_OK(
        plan_constraint_parse("memberOf", "attribute:gpu == yes", &a, &s.constraints[0], &err));
    CHECK_OK(plan_constraint_parse("distinctInstance", NULL, &a, &s.constraints[1], &err));
    s.constraints_n = 2;
    sim_deploy(&s);
    sim_plan(&s);
    CHECK_EQ_INT(s.starts, 2);
    CHECK_EQ_INT(s.r.service_desired, 2);
    CHECK(sim_settle(&s, 5) <= 5);
    s.instances[1].attributes = &gpu; /* one more joins */
    s.instances[1].attributes_n = 1;
    sim_plan(&s);
    CHECK_EQ_INT(s.starts, 1);
    CHECK(sim_settle(&s, 5) <= 5);
    s.instances[0].attributes_n = 0; /* one leaves */
    sim_plan(&s);
    CHECK_EQ_INT(s.stops, 1);
    CHECK(sim_settle(&s, 5) <= 5);
    CHECK_EQ_INT(sim_live(&s, 1), 2);
    s.instances[1].agent_connected = false; /* away for a while: it keeps its task */
    sim_plan(&s);
    CHECK_EQ_INT(s.r.actions_n, 0);
    CHECK_EQ_INT(s.r.service_desired, 2);
    s.constraints_n = 0;
}

TEST(a_daemon_without_room_says_so)
{
    SIM(s);
    sim_init(&s, 2, 0, 0, 100);
    s.v.scheduling = PLAN_DAEMON;
    s.instances[1].memory_mib = 50;
    sim_deploy(&s);
    sim_plan(&s);
    CHECK_EQ_INT(s.starts, 1);
    CHECK_EQ_INT(s.r.unplaced, 1);
    CHECK_CONTAINS(s.events, "(container-instance i1) has insufficient memory available.");
}

TEST(daemons_are_updated_old_one_first_within_the_minimum)
{
    SIM(s);
    sim_init(&s, 4, 0, 50, 100);
    s.v.scheduling = PLAN_DAEMON;
    sim_deploy(&s);
    CHECK(sim_settle(&s, 5) <= 5);
    sim_deploy(&s);
    sim_plan(&s);
    CHECK_EQ_INT(s.stops, 2);
    CHECK_EQ_INT(s.starts, 0);
    sim_obey(&s);
    sim_plan(&s);
    CHECK_EQ_INT(s.starts, 2);
    CHECK(sim_settle(&s, 10) <= 10);
    CHECK_EQ_INT(sim_live(&s, 2), 4);
}

/* One deployment after the other: those that run have not been healthy yet, and serve all the same. */
TEST(daemons_that_are_not_healthy_yet_are_kept_within_the_minimum)
{
    SIM(s);
    sim_init(&s, 4, 0, 50, 100);
    s.v.scheduling = PLAN_DAEMON;
    sim_deploy(&s);
    sim_plan(&s);
    sim_obey(&s);
    sim_deploy(&s);
    sim_plan(&s);
    CHECK_EQ_INT(s.stops, 2);
    sim_obey(&s);
    sim_plan(&s);
    CHECK_EQ_INT(s.starts, 2);
    sim_obey(&s); /* they run, and are not healthy either */
    sim_plan(&s);
    CHECK_EQ_INT(s.stops, 0);
    CHECK(sim_settle(&s, 10) <= 10);
    CHECK_EQ_INT(sim_live(&s, 2), 4);
}

TEST(daemons_that_cannot_be_updated_say_so)
{
    SIM(s);
    sim_init(&s, 2, 0, 60, 100); /* at least 2 of 2 */
    s.v.scheduling = PLAN_DAEMON;
    sim_deploy(&s);
    CHECK(sim_settle(&s, 5) <= 5);
    sim_deploy(&s);
    sim_plan(&s);
    CHECK_EQ_INT(s.stops, 0);
    CHECK_CONTAINS(s.events, "was unable to stop or start tasks during a deployment");
    s.v.min_healthy_percent = 50;
    sim_plan(&s);
    CHECK_EQ_INT(s.stops, 1);
    CHECK_EQ_STR(s.events, "");
}

TEST(a_daemon_leaves_a_draining_instance_last)
{
    SIM(s);
    sim_init(&s, 2, 0, 0, 100);
    s.v.scheduling = PLAN_DAEMON;
    sim_deploy(&s);
    CHECK(sim_settle(&s, 5) <= 5);
    s.instances[0].active = false;
    s.instances[0].draining = true;
    s.instances[0].tasks = 1; /* somebody else's */
    sim_plan(&s);
    CHECK_EQ_INT(s.stops, 0);
    s.instances[0].tasks = 0;
    sim_plan(&s);
    CHECK_EQ_INT(s.stops, 1);
    CHECK(sim_settle(&s, 5) <= 5);
    CHECK_EQ_INT(s.r.service_desired, 1);
}

TEST(task_sets_have_their_share_of_desired_rounded_up)
{
    SIM(s);
    sim_init(&s, 3, 5, 100, 200);
    s.v.controller = PLAN_CONTROLLER_EXTERNAL;
    sim_deploy(&s);
    sim_deploy(&s);
    s.deployments[0].d.scale_percent = 30;
    s.deployments[1].d.scale_percent = 50;
    sim_plan(&s);
    CHECK_EQ_INT(s.r.desired[0], 2);
    CHECK_EQ_INT(s.starts, 2);
    CHECK_EQ_INT(s.r.wake_at_us, s.v.now_us); /* the other set comes next */
    sim_plan(&s);
    CHECK_EQ_INT(s.r.desired[1], 3);
    CHECK_EQ_INT(s.starts, 3);
    CHECK(!s.r.deployments[0].stable && !s.r.deployments[1].stable);
    sim_obey(&s);
    sim_pass(&s, 40);
    sim_plan(&s);
    CHECK(s.r.deployments[0].stable && s.r.deployments[1].stable);
    CHECK_EQ_STR(s.events, "(service web, taskSet ecs-svc/2) has reached a steady state.\n"
                           "(service web, taskSet ecs-svc/1) has reached a steady state.\n");
    sim_plan(&s);
    CHECK_EQ_INT(s.r.actions_n, 0);
    s.deployments[1].d.scale_percent = 0;
    sim_plan(&s);
    CHECK_EQ_INT(s.stops, 3);
    CHECK(!s.r.deployments[1].stable);
    CHECK_EQ_INT(sim_live(&s, 1), 0);
    CHECK_EQ_INT(sim_live(&s, 2), 2);
    s.deployments_n = 1; /* the other set was deleted: its tasks stop wherever they are */
    (void)sim_add(&s, 1, 0, PLAN_TASK_PENDING);
    sim_plan(&s);
    CHECK_EQ_INT(s.stops, 1);
}

TEST(old_tasks_that_are_not_ready_wait_for_new_ones_that_are)
{
    SIM(s);
    sim_init(&s, 2, 1, 100, 200);
    sim_deploy(&s);
    sim_deploy(&s);
    for (int serial = 1; serial <= 2; serial++)
        sim_add(&s, serial, 0, PLAN_TASK_RUNNING)->started_us = s.v.now_us - SIM_SECOND;
    sim_plan(&s);
    CHECK_EQ_INT(s.stops, 0);
    s.tasks[1].started_us -= 40 * SIM_SECOND;
    sim_plan(&s);
    CHECK_EQ_INT(s.stops, 1);
    CHECK_EQ_INT(sim_live(&s, 1), 0);
}

TEST(scale_in_counts_what_it_has_taken)
{
    SIM(s);
    sim_init(&s, 2, 4, 100, 200);
    sim_deploy(&s);
    for (int k = 0; k < 7; k++)
        (void)sim_add_healthy(&s, 1, k >= 4);
    sim_plan(&s);
    CHECK_EQ_INT(s.stops, 3);
    int left[2] = {0, 0};
    for (size_t k = 0; k < s.tasks_n; k++)
        left[s.tasks[k].instance] += s.tasks[k].state == PLAN_TASK_RUNNING;
    CHECK_EQ_INT(left[0], 2);
    CHECK_EQ_INT(left[1], 2);
}

TEST(after_a_failure_new_tasks_are_of_the_last_deployment_that_completed)
{
    SIM(s);
    sim_init(&s, 2, 4, 100, 200);
    for (int serial = 1; serial <= 3; serial++) {
        sim_deploy(&s);
        s.deployments[0].d.state.rollout = serial == 1   ? PLAN_COMPLETED
                                           : serial == 2 ? PLAN_IN_PROGRESS
                                                         : PLAN_FAILED;
        (void)sim_add_healthy(&s, serial, 0);
    }
    sim_plan(&s);
    CHECK_EQ_INT(s.starts, 2); /* one of 1, one of 3 stay; that of 2 is old */
    CHECK_EQ_INT(sim_live(&s, 1), 3);
}
