/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* launcher/plan/plan_service.h - what a service does next: a view in, a list of actions and the next state of its deployments out.
 * Knows replicas and daemons, rolling deployments with their percentages, the circuit breaker with rollback, health and its grace,
 * delayed restarts, drained and lost instances, task protection, task sets. Starts are placed here as well (plan_place), so that an
 * action is one task on one instance, and the event says why a task found none.
 *
 * A function of values: same view, same answer. The caller takes the view in one transaction, applies all actions and states in
 * another that proves that nothing moved on, and plans again: after each change of a task, an instance or the service, and at
 * wake_at_us. Planning on a finished state gives no action.
 *
 * Promises, for the tasks of one service (docs/internals/services.md has the arithmetic):
 * 1. A stop that the planner may choose to delay never takes the healthy tasks below ceil(desired x minimum / 100).
 * 2. A start never takes live and stopping tasks above floor(desired x maximum / 100).
 * 3. No more tasks are started than are missing; a daemon has at most one live or stopping task of its service beside it.
 * 4. A protected task is stopped only by deletion of the service, failed health checks or the loss of its instance. */
#include "launcher/plan/plan_place.h"

#define PLAN_HEALTHY_AFTER_US INT64_C(40000000) /* RUNNING this long, without a health check */
#define PLAN_ROOM_RETRY_US    INT64_C(15000000) /* a task found no instance: ask again then */
#define PLAN_RESTART_PAUSE_US INT64_C(5000000)  /* between starts of a task that ends by itself */
#define PLAN_NEVER            INT64_MAX

enum plan_task_state {
    PLAN_TASK_PENDING, /* all before RUNNING */
    PLAN_TASK_RUNNING,
    PLAN_TASK_STOPPING, /* desired status STOPPED, and not stopped yet */
    PLAN_TASK_STOPPED   /* in a view only until PLAN_COUNTED was applied to it */
};
enum plan_health {
    PLAN_HEALTH_NONE, /* no health check */
    PLAN_HEALTH_UNKNOWN,
    PLAN_HEALTHY,
    PLAN_UNHEALTHY
};

struct plan_task {
    const char *id;
    size_t deployment; /* index into the view; deployments_n: one that is gone */
    size_t instance;   /* index into the cluster; instances_n: one that is gone */
    enum plan_task_state state;
    enum plan_health health; /* of a stopped task: the last it had */
    bool lost;               /* its instance has been away for longer than the grace */
    bool wanted;             /* PLAN_TASK_STOPPED: somebody asked for it, so it is no failure */
    int64_t created_us;
    int64_t started_us;         /* reached RUNNING; 0: never */
    int64_t stopped_us;         /* of PLAN_TASK_STOPPED */
    int64_t health_since_us;    /* of PLAN_HEALTHY and PLAN_UNHEALTHY */
    int64_t protected_until_us; /* 0: not protected */
};

enum plan_deployment_status { PLAN_PRIMARY, PLAN_ACTIVE, PLAN_DEPLOYMENT_INACTIVE };
enum plan_rollout { PLAN_IN_PROGRESS, PLAN_COMPLETED, PLAN_FAILED, PLAN_ROLLOUT_MAX_ };
const char *plan_rollout_to_string(enum plan_rollout r); /* "IN_PROGRESS" ... */
bool plan_rollout_from_string(const char *s, enum plan_rollout *ret);

/* Stored with each deployment; a new one has all 0, PLAN_PRIMARY and PLAN_IN_PROGRESS (which is all 0). */
struct plan_deployment_state {
    enum plan_deployment_status status;
    enum plan_rollout rollout;
    int failed_tasks;        /* consecutive failures, DescribeServices' failedTasks */
    int start_failures;      /* consecutive rounds of tasks that never reached RUNNING */
    int64_t last_failure_us; /* when the newest of failed_tasks was counted */
    int64_t retry_at_us;     /* no start before */
    bool rolled_back;        /* it failed, and another was started in its place */
    bool stable;             /* of a task set: stabilityStatus is STEADY_STATE */
};

struct plan_deployment {
    const char *id;                     /* "ecs-svc/123", or the task set's */
    const struct plan_request *request; /* of one task; group is the service's */
    int scale_percent;                  /* of a task set: 0..100 */
    struct plan_deployment_state state;
};

enum plan_breaker_type { PLAN_BOUNDED_PERCENT, PLAN_UNBOUNDED_PERCENT, PLAN_BREAKER_COUNT };
struct plan_breaker {
    bool enabled, rollback;
    enum plan_breaker_type type;
    int value;                  /* per cent or tasks; 0: 50 per cent */
    bool keep_count_on_healthy; /* resetOnHealthyTask is false */
};

enum plan_scheduling { PLAN_REPLICA, PLAN_DAEMON };
enum plan_controller { PLAN_CONTROLLER_ECS, PLAN_CONTROLLER_EXTERNAL };

struct plan_service_view {
    const char *name;
    enum plan_scheduling scheduling;
    enum plan_controller controller;
    bool deleting;                            /* status DRAINING: stop everything */
    int desired;                              /* of PLAN_REPLICA */
    int min_healthy_percent, maximum_percent; /* 100 and 200 by default, daemons 0 and 100 */
    int64_t grace_us;                         /* healthCheckGracePeriodSeconds */
    int64_t healthy_after_us;                 /* PLAN_HEALTHY_AFTER_US, shorter in tests */
    struct plan_breaker breaker;
    bool rebalance;     /* availabilityZoneRebalancing, of PLAN_REPLICA */
    bool can_roll_back; /* one completed before, and PRIMARY is no rollback itself */
    bool steady;        /* as the last plan said */
    const struct plan_deployment *deployments; /* none that is INACTIVE; newest first */
    size_t deployments_n;
    const struct plan_task *tasks; /* all but the stopped ones that were counted */
    size_t tasks_n;
    struct plan_cluster cluster;
    int64_t now_us;
    uint64_t seed;
};

enum plan_action_type {
    PLAN_START,    /* a task of `deployment` on `instance` */
    PLAN_STOP,     /* `task`, stoppedReason `text` (PLAN_STOP_HEALTH: it failed) */
    PLAN_COUNTED,  /* `task` is in the deployment's next state: leave it out of later views */
    PLAN_EVENT,    /* service event `text` */
    PLAN_ROLLBACK, /* start a new deployment of what completed last */
    PLAN_DELETED,  /* the service is INACTIVE now */
    PLAN_ACTION_MAX_
};
enum plan_stop_cause {
    PLAN_STOP_SCALING,
    PLAN_STOP_DEPLOYMENT,
    PLAN_STOP_DRAINING,
    PLAN_STOP_HEALTH, /* store the task as not `wanted`: it counts as a failure */
    PLAN_STOP_LOST,
    PLAN_STOP_DELETION
};
struct plan_action {
    enum plan_action_type type;
    size_t deployment, instance, task; /* indices into the view */
    enum plan_stop_cause cause;
    const char *text;
};
const char *plan_action_to_string(enum plan_action_type t); /* "START" ... */

struct plan_service_result {
    struct plan_action *actions;
    size_t actions_n;
    struct plan_deployment_state *deployments; /* to be stored, one each of the view */
    int *desired;        /* of each deployment; a task set's computedDesiredCount */
    bool steady;         /* to be stored */
    int service_desired; /* desiredCount; of a daemon the instances that it should be on */
    int unplaced;        /* starts that found no instance */
    int64_t wake_at_us;  /* plan again then, without anything else having happened; PLAN_NEVER */
};
/* Everything in the result lies in the arena or in the view. */
void plan_service(const struct plan_service_view *v, struct sw_arena *a,
                  struct plan_service_result *ret);

/* The arithmetic, exact for desired up to 20 million. */
int plan_upper_bound(int desired, int maximum_percent);     /* floor */
int plan_lower_bound(int desired, int min_healthy_percent); /* ceil, at most desired */
int plan_breaker_threshold(const struct plan_breaker *b, int desired);
int64_t plan_retry_delay_us(int start_failures); /* 1 s, 2 s, 4 s ... 15 min */

/* "ECS deployment ecs-svc/1 in progress." and the others. */
const char *plan_rollout_reason(const struct plan_deployment *d,
                                const struct plan_deployment_state *s, struct sw_arena *a);
/* "(service web) has started 2 tasks: (task a) (task b)." */
const char *plan_started_event(const char *service, const char *const *ids, size_t n,
                               struct sw_arena *a);
const char *plan_stopped_event(const char *service, const char *const *ids, size_t n,
                               struct sw_arena *a);
