/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* launcher/agent/task_plan.h - what to do next for one task: a function of values.
 * ECS's rules: dependencies decide the order of starts and, reversed, of stops; the end of an essential container ends the task.
 * Pure: no clock, no allocation. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "launcher/model/taskdef.h"

enum container_status {
    CONTAINER_WAITING,
    CONTAINER_READY,
    CONTAINER_RUNNING,
    CONTAINER_STOPPED,
    CONTAINER_STATUS_MAX_
};
enum container_health { HEALTH_UNKNOWN, HEALTH_HEALTHY, HEALTH_UNHEALTHY, CONTAINER_HEALTH_MAX_ };
const char *container_status_to_string(enum container_status s); /* "WAITING" ... */
bool container_status_from_string(const char *s, enum container_status *ret);
const char *container_health_to_string(enum container_health h); /* "HEALTHY" ... */

struct container_view {
    enum container_status status; /* WAITING: for its image; READY: may start */
    bool restart;                 /* STOPPED, and its policy wants it started again */
    bool ran;                     /* it was started (a STOPPED one without this failed to start) */
    bool has_exit_code;
    int exit_code;
    enum container_health health;
    bool essential;
    const struct depends_on *depends_on;
    size_t depends_on_n;
    int64_t give_up_at_ms; /* then nobody waits any more for a condition of this one; 0: never */
    bool stop_sent, kill_sent;
    int64_t stop_sent_at_ms, kill_sent_at_ms, stop_timeout_ms;
};
struct task_view {
    struct container_view containers[TASKDEF_CONTAINERS_MAX];
    size_t n;
    bool stop_wanted; /* by the control plane, or decided before */
    int64_t now_ms;
};

enum task_action_kind { TASK_START, TASK_STOP, TASK_KILL, TASK_NEVER_START, TASK_RESTART };
struct task_action {
    enum task_action_kind kind;
    int container;
    const char *reason; /* of NEVER_START; static */
};
struct task_plan {
    struct task_action actions[TASKDEF_CONTAINERS_MAX];
    size_t n;
    bool stop;             /* the task ends (and goes on ending) */
    const char *stop_code; /* set when it is this plan that decided it; static */
    const char *stop_text;
    bool finished;      /* every container is STOPPED */
    bool all_started;   /* none is left to start */
    int64_t wake_at_ms; /* look again then; 0: only when something changes */
};
void task_plan(const struct task_view *v, struct task_plan *ret);
