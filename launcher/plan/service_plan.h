/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* launcher/plan/service_plan.h - what the parts of plan_service share: the plan while it is made. Only for them. */
#include "launcher/plan/plan_service.h"

struct service_plan {
    const struct plan_service_view *v;
    struct sw_arena *arena;
    struct plan_service_result r;
    size_t actions_max;
    bool *stopped;      /* one a task: this plan stops it */
    size_t primary;     /* deployments_n: none */
    size_t starts_from; /* the deployment that new tasks are of; deployments_n: none starts */
};

void service_plan_stop(struct service_plan *p, size_t task, enum plan_stop_cause cause);
void service_plan_event(struct service_plan *p, const char *text);
void service_plan_blocked(struct service_plan *p); /* the event: the percentages let nothing move */
void service_plan_wake(struct service_plan *p,
                       int64_t at_us); /* the earliest one counts; the past does not */
void service_plan_add_start(struct service_plan *p, size_t deployment, size_t instance);
/* Places n tasks of the deployment and adds the starts, and the event if some found no place; returns how many did. */
int service_plan_start(struct service_plan *p, size_t deployment, int n);

bool service_task_live(const struct service_plan *p,
                       size_t task); /* PENDING or RUNNING, not lost, not stopped by this plan */
bool service_task_stopping(const struct service_plan *p,
                           size_t task); /* takes room until it is gone */
bool service_task_healthy(const struct service_plan *p, size_t task);
bool service_task_unhealthy(const struct service_plan *p, size_t task); /* after the grace */
bool service_task_away(const struct service_plan *p,
                       size_t task); /* on an instance that drains or is gone */
bool service_task_protected(const struct service_plan *p, size_t task);
/* Its deployment is the one that new tasks are of, or the failed PRIMARY one. */
bool service_task_current(const struct service_plan *p, size_t task);

/* One set of tasks that is kept at `desired`: of the whole service (deployment == deployments_n), or of one task set. */
struct service_group {
    size_t deployment;
    int desired, lower, upper;
};
void service_plan_replicas(struct service_plan *p, const struct service_group *g);
/* Of a complete service: starts one more task for the balance of zones; false: there is nothing to do or no room. */
bool service_plan_rebalance(struct service_plan *p);
/* A task that is not healthy yet is in a zone that lacks tasks: what is too many is needed until it is. */
bool service_rebalance_waits(const struct service_plan *p);
void service_plan_daemons(struct service_plan *p);
int service_daemons_wanted(
    const struct service_plan *p); /* on how many instances a daemon belongs */
