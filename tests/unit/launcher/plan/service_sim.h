/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* A service in a small simulated cluster: the world that plan_service's tests change and let be planned.
 * sim_plan() makes the view, plans, checks the promises that hold of every plan, and applies it. */
#include "base/macros.h"
#include "launcher/plan/plan_service.h"
#include "tests/lib/test.h"

#define SIM_INSTANCES   8
#define SIM_TASKS       128
#define SIM_DEPLOYMENTS 8
#define SIM_SECOND      INT64_C(1000000)

static unsigned long long sim_world; /* which of many random ones, for messages */
#define SIM_CHECK(cond) CHECK_MSG(cond, "world %llu", sim_world)

struct sim_deployment {
    struct plan_deployment d;
    struct plan_request request;
    char id[16];
    int serial;
    unsigned launch; /* as plan_request has it */
};

struct sim {
    struct plan_service_view v;
    struct plan_instance instances[SIM_INSTANCES]; /* as registered: all their room */
    char instance_ids[SIM_INSTANCES][8];
    size_t instances_n;
    struct sim_deployment deployments[SIM_DEPLOYMENTS]; /* newest first */
    size_t deployments_n;
    struct plan_task tasks[SIM_TASKS]; /* .deployment is a serial here */
    char task_ids[SIM_TASKS][16];
    size_t tasks_n;
    struct task_resources want;
    struct plan_constraint constraints[2];
    size_t constraints_n;
    int serial, next_task;
    struct sw_arena arena;
    /* Of the last plan. */
    struct plan_service_result r;
    int starts, stops, counted, rollbacks, deleted;
    char events[2048];
    /* What plan_service saw. */
    struct plan_instance seen_instances[SIM_INSTANCES];
    struct plan_group groups[SIM_INSTANCES];
    struct plan_task seen_tasks[SIM_TASKS];
    struct plan_deployment seen_deployments[SIM_DEPLOYMENTS];
};

static inline void sim_done(struct sim *s)
{
    sw_arena_done(&s->arena);
}

static inline void sim_init(struct sim *s, size_t instances, int desired, int min, int max)
{
    sw_arena_done(&s->arena);
    memset(s, 0, sizeof *s);
    s->want = (struct task_resources){.cpu = 100, .memory_mib = 100};
    s->instances_n = instances;
    for (size_t i = 0; i < instances; i++) {
        (void)snprintf(s->instance_ids[i], sizeof s->instance_ids[i], "i%u", (unsigned)i % 100);
        s->instances[i] = (struct plan_instance){.id = s->instance_ids[i],
                                                 .active = true,
                                                 .agent_connected = true,
                                                 .cpu = 10000,
                                                 .memory_mib = 10000};
    }
    s->v = (struct plan_service_view){.name = "web",
                                      .desired = desired,
                                      .min_healthy_percent = min,
                                      .maximum_percent = max,
                                      .healthy_after_us = 40 * SIM_SECOND,
                                      .now_us = 1000 * SIM_SECOND};
}

/* UpdateService: a new PRIMARY deployment. */
static inline void sim_deploy(struct sim *s)
{
    CHECK(s->deployments_n < SIM_DEPLOYMENTS);
    memmove(&s->deployments[1], &s->deployments[0], s->deployments_n * sizeof s->deployments[0]);
    for (size_t d = 1; d <= s->deployments_n; d++) {
        if (s->deployments[d].d.state.status == PLAN_PRIMARY)
            s->deployments[d].d.state.status = PLAN_ACTIVE;
    }
    s->deployments_n++;
    s->deployments[0] = (struct sim_deployment){.serial = ++s->serial};
    s->deployments[0].d.scale_percent = 100;
}

static inline struct plan_task *sim_add(struct sim *s, int serial, size_t instance,
                                        enum plan_task_state state)
{
    CHECK(s->tasks_n < SIM_TASKS);
    struct plan_task *t = &s->tasks[s->tasks_n];
    *t = (struct plan_task){.deployment = (size_t)serial,
                            .instance = instance,
                            .state = state,
                            .created_us = s->v.now_us};
    (void)snprintf(s->task_ids[s->tasks_n], sizeof s->task_ids[0], "t%d", ++s->next_task);
    s->tasks_n++;
    return t;
}

/* Running for long. */
static inline struct plan_task *sim_add_healthy(struct sim *s, int serial, size_t instance)
{
    struct plan_task *t = sim_add(s, serial, instance, PLAN_TASK_RUNNING);
    t->created_us -= 100 * SIM_SECOND;
    t->started_us = t->created_us + SIM_SECOND;
    return t;
}

static inline void sim_see(struct sim *s)
{
    for (size_t i = 0; i < s->instances_n; i++) {
        s->seen_instances[i] = s->instances[i];
        s->groups[i] = (struct plan_group){"service:web", 0};
        s->seen_instances[i].groups = &s->groups[i];
        s->seen_instances[i].groups_n = 1;
    }
    for (size_t d = 0; d < s->deployments_n; d++) {
        struct sim_deployment *sd = &s->deployments[d];
        (void)snprintf(sd->id, sizeof sd->id, "ecs-svc/%d", sd->serial);
        sd->request = (struct plan_request){.resources = &s->want,
                                            .launch = sd->launch,
                                            .constraints = s->constraints,
                                            .constraints_n = s->constraints_n,
                                            .strategies = plan_service_strategies,
                                            .strategies_n = PLAN_SERVICE_STRATEGIES,
                                            .group = "service:web"};
        sd->d.id = sd->id;
        sd->d.request = &sd->request;
        s->seen_deployments[d] = sd->d;
    }
    for (size_t k = 0; k < s->tasks_n; k++) {
        struct plan_task *t = &s->seen_tasks[k];
        *t = s->tasks[k];
        t->id = s->task_ids[k];
        size_t d = 0;
        while (d < s->deployments_n && (size_t)s->deployments[d].serial != t->deployment)
            d++;
        t->deployment = d;
        if (t->state == PLAN_TASK_STOPPED || t->instance >= s->instances_n)
            continue;
        struct plan_instance *in = &s->seen_instances[t->instance];
        in->cpu -= s->want.cpu;
        in->memory_mib -= s->want.memory_mib;
        in->tasks++;
        in->daemon_tasks += s->v.scheduling == PLAN_DAEMON;
        if (s->want.tcp_ports_n > 0) {
            in->tcp_ports = s->want.tcp_ports;
            in->tcp_ports_n = s->want.tcp_ports_n;
        }
        s->groups[t->instance].tasks += t->state != PLAN_TASK_STOPPING;
    }
    s->v.cluster = (struct plan_cluster){s->seen_instances, s->instances_n};
    s->v.deployments = s->seen_deployments;
    s->v.deployments_n = s->deployments_n;
    s->v.tasks = s->seen_tasks;
    s->v.tasks_n = s->tasks_n;
}

static inline bool sim_present(const struct plan_task *t)
{
    return !t->lost && t->state != PLAN_TASK_STOPPED;
}

static inline bool sim_healthy(const struct sim *s, const struct plan_task *t)
{
    if (t->lost || t->state != PLAN_TASK_RUNNING)
        return false;
    if (t->health == PLAN_HEALTH_NONE)
        return s->v.now_us - t->started_us >= s->v.healthy_after_us;
    return t->health == PLAN_HEALTHY;
}

/* What holds of every plan of a service with the ECS controller, whatever the view. */
static inline void sim_check(const struct sim *s)
{
    bool stopped[SIM_TASKS] = {false};
    int there[SIM_INSTANCES] = {0}, started[SIM_INSTANCES] = {0};
    int present = 0, starts = 0, healthy = 0, healthy_stops = 0;
    bool daemon = s->v.scheduling == PLAN_DAEMON;
    for (size_t k = 0; k < s->tasks_n; k++) {
        present += sim_present(&s->seen_tasks[k]);
        healthy += sim_healthy(s, &s->seen_tasks[k]);
        if (sim_present(&s->seen_tasks[k]) && s->seen_tasks[k].instance < s->instances_n)
            there[s->seen_tasks[k].instance]++;
    }
    for (size_t i = 0; i < s->r.actions_n; i++) {
        const struct plan_action *a = &s->r.actions[i];
        const struct plan_task *t = a->type == PLAN_STOP ? &s->seen_tasks[a->task] : NULL;
        if (t) {
            SIM_CHECK(!stopped[a->task]);
            stopped[a->task] = true;
            SIM_CHECK(t->state == PLAN_TASK_PENDING || t->state == PLAN_TASK_RUNNING);
            SIM_CHECK(a->text);
            bool forced = a->cause == PLAN_STOP_HEALTH || a->cause == PLAN_STOP_LOST ||
                          a->cause == PLAN_STOP_DELETION;
            SIM_CHECK(forced || t->protected_until_us <= s->v.now_us);
            SIM_CHECK(a->cause != PLAN_STOP_HEALTH || t->health == PLAN_UNHEALTHY);
            SIM_CHECK((a->cause == PLAN_STOP_LOST) == t->lost);
            healthy_stops += !forced && sim_healthy(s, t);
        }
        if (a->type == PLAN_START) {
            SIM_CHECK(a->deployment < s->deployments_n && a->instance < s->instances_n);
            unsigned launch = s->deployments[a->deployment].launch;
            SIM_CHECK(launch == 0 || (s->instances[a->instance].serves & launch));
            starts++;
            started[a->instance]++;
        }
    }
    int lower = plan_lower_bound(s->r.service_desired, s->v.min_healthy_percent);
    if (healthy_stops > 0 && !daemon)
        CHECK_MSG(healthy - healthy_stops >= lower,
                  "world %llu: %d healthy, %d stop, lower bound %d", sim_world, healthy,
                  healthy_stops, lower);
    if (starts > 0 && !daemon)
        SIM_CHECK(present + starts <= plan_upper_bound(s->r.service_desired, s->v.maximum_percent));
    for (size_t i = 0; i < s->instances_n; i++) {
        const struct plan_instance *in = &s->seen_instances[i];
        SIM_CHECK(started[i] == 0 || (in->active && in->agent_connected));
        SIM_CHECK(started[i] * s->want.cpu <= SW_MAX(in->cpu, 0));
        SIM_CHECK(started[i] == 0 || s->want.tcp_ports_n == 0 ||
                  (started[i] == 1 && in->tcp_ports_n == 0));
        SIM_CHECK(!daemon || started[i] == 0 || (started[i] == 1 && there[i] == 0));
    }
}

/* Applies the plan as a caller does. */
static inline void sim_apply(struct sim *s)
{
    bool counted[SIM_TASKS] = {false};
    size_t n = s->tasks_n, kept = 0, e = 0;
    s->starts = s->stops = s->counted = s->rollbacks = s->deleted = 0;
    s->events[0] = 0;
    for (size_t i = 0; i < s->r.actions_n; i++) {
        const struct plan_action *a = &s->r.actions[i];
        switch (a->type) {
        case PLAN_START:
            (void)sim_add(s, s->deployments[a->deployment].serial, a->instance, PLAN_TASK_PENDING);
            s->starts++;
            break;
        case PLAN_STOP:
            s->tasks[a->task].state = PLAN_TASK_STOPPING;
            s->tasks[a->task].wanted = a->cause != PLAN_STOP_HEALTH;
            s->stops++;
            break;
        case PLAN_COUNTED:
            counted[a->task] = true;
            s->counted++;
            break;
        case PLAN_EVENT:
            e += (size_t)snprintf(s->events + e, sizeof s->events - e, "%s\n", a->text);
            CHECK(e < sizeof s->events);
            break;
        case PLAN_ROLLBACK: s->rollbacks++; break;
        default: s->deleted++;
        }
    }
    for (size_t d = 0; d < s->deployments_n; d++)
        s->deployments[d].d.state = s->r.deployments[d];
    s->v.steady = s->r.steady;
    for (size_t k = 0; k < s->tasks_n; k++) {
        if (k < n && counted[k])
            continue;
        s->tasks[kept] = s->tasks[k];
        memmove(s->task_ids[kept], s->task_ids[k], sizeof s->task_ids[0]);
        kept++;
    }
    s->tasks_n = kept;
    kept = 0;
    for (size_t d = 0; d < s->deployments_n; d++) {
        if (s->deployments[d].d.state.status != PLAN_DEPLOYMENT_INACTIVE)
            s->deployments[kept++] = s->deployments[d];
    }
    s->deployments_n = kept;
    if (s->rollbacks > 0)
        sim_deploy(s);
}

static inline void sim_plan(struct sim *s)
{
    sw_arena_done(&s->arena);
    sim_see(s);
    plan_service(&s->v, &s->arena, &s->r);
    if (s->v.controller == PLAN_CONTROLLER_ECS)
        sim_check(s);
    sim_apply(s);
}

/* The agents do what they are told: what was started runs, what was stopped is gone. */
static inline void sim_obey(struct sim *s)
{
    for (size_t k = 0; k < s->tasks_n; k++) {
        struct plan_task *t = &s->tasks[k];
        if (t->lost)
            continue;
        if (t->state == PLAN_TASK_PENDING) {
            t->state = PLAN_TASK_RUNNING;
            t->started_us = s->v.now_us;
        } else if (t->state == PLAN_TASK_STOPPING) {
            t->state = PLAN_TASK_STOPPED;
            t->stopped_us = s->v.now_us;
        }
    }
}

static inline void sim_pass(struct sim *s, int64_t seconds)
{
    s->v.now_us += seconds * SIM_SECOND;
}

/* Plans, obeys and lets time pass until the service is steady; returns the steps, limit + 1 if it never was. */
static inline int sim_settle(struct sim *s, int limit)
{
    for (int step = 0; step <= limit; step++) {
        sim_plan(s);
        if (s->r.steady)
            return step;
        sim_obey(s);
        sim_pass(s, 45);
    }
    return limit + 1;
}

/* Live tasks of a deployment (0: of any). */
static inline int sim_live(const struct sim *s, int serial)
{
    int n = 0;
    for (size_t k = 0; k < s->tasks_n; k++)
        n += (s->tasks[k].state == PLAN_TASK_PENDING || s->tasks[k].state == PLAN_TASK_RUNNING) &&
             !s->tasks[k].lost && (serial == 0 || s->tasks[k].deployment == (size_t)serial);
    return n;
}
