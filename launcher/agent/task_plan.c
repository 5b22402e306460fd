/* SPDX-License-Identifier: Apache-2.0 */
/* launcher/agent/task_plan.c - the ECS developer guide's "container dependencies" and "stopped tasks". */
#include "launcher/agent/task_plan.h"

#include <string.h>

#include "base/macros.h"

static const char *const status_names[] = {"WAITING", "READY", "RUNNING", "STOPPED"};
static const char *const health_names[] = {"UNKNOWN", "HEALTHY", "UNHEALTHY"};

const char *container_status_to_string(enum container_status s)
{
    return status_names[s];
}

bool container_status_from_string(const char *s, enum container_status *ret)
{
    for (size_t i = 0; s && i < SW_ARRAY_LEN(status_names); i++)
        if (strcmp(s, status_names[i]) == 0) {
            *ret = (enum container_status)i;
            return true;
        }
    return false;
}

const char *container_health_to_string(enum container_health h)
{
    return health_names[h];
}

/* One that still runs so long after SIGKILL did not get it: the runtime failed, and is asked again. */
#define KILL_AGAIN_MS 10000

enum verdict { MET, NOT_YET, NEVER, TOO_LATE };

static enum verdict condition(const struct container_view *c, enum depends_condition want)
{
    bool stopped = c->status == CONTAINER_STOPPED;
    if (stopped && !c->ran)
        return NEVER;
    switch (want) {
    case DEPENDS_START: return c->status == CONTAINER_RUNNING || stopped ? MET : NOT_YET;
    case DEPENDS_COMPLETE: return stopped ? MET : NOT_YET;
    case DEPENDS_SUCCESS:
        if (!stopped)
            return NOT_YET;
        return c->has_exit_code && c->exit_code == 0 ? MET : NEVER;
    case DEPENDS_HEALTHY:
        if (stopped || c->health == HEALTH_UNHEALTHY)
            return NEVER;
        return c->health == HEALTH_HEALTHY ? MET : NOT_YET;
    default: return NEVER;
    }
}

/* startTimeout is of the container that others wait for, from its start on; being started is waited for without it. */
static enum verdict in_time(const struct task_view *v, const struct container_view *on,
                            enum depends_condition want, int64_t *wake_at_ms)
{
    enum verdict one = condition(on, want);
    if (one != NOT_YET || want == DEPENDS_START || on->give_up_at_ms == 0)
        return one;
    if (v->now_ms >= on->give_up_at_ms)
        return TOO_LATE;
    if (*wake_at_ms == 0 || on->give_up_at_ms < *wake_at_ms)
        *wake_at_ms = on->give_up_at_ms;
    return NOT_YET;
}

static enum verdict may_start(const struct task_view *v, const struct container_view *c,
                              int64_t *wake_at_ms)
{
    enum verdict r = MET;
    for (size_t i = 0; i < c->depends_on_n; i++) {
        int on = c->depends_on[i].container;
        enum verdict one =
            on >= 0 && (size_t)on < v->n
                ? in_time(v, &v->containers[on], c->depends_on[i].condition, wake_at_ms)
                : NEVER;
        if (one == NEVER || one == TOO_LATE)
            return one;
        if (one == NOT_YET)
            r = NOT_YET;
    }
    return r;
}

static void add(struct task_plan *p, enum task_action_kind kind, size_t container,
                const char *reason)
{
    p->actions[p->n++] =
        (struct task_action){.kind = kind, .container = (int)container, .reason = reason};
}

static void decide_stop(struct task_plan *p, const char *code, const char *text)
{
    p->stop = true;
    if (!p->stop_code) {
        p->stop_code = code;
        p->stop_text = text;
    }
}

static void plan_running(const struct task_view *v, struct task_plan *p)
{
    for (size_t i = 0; i < v->n; i++) {
        const struct container_view *c = &v->containers[i];
        if (c->restart)
            add(p, TASK_RESTART, i, NULL);
        if (c->status != CONTAINER_STOPPED || !c->essential || c->restart)
            continue;
        if (c->ran)
            decide_stop(p, "EssentialContainerExited", "Essential container in task exited");
        else
            decide_stop(p, "TaskFailedToStart", "Task failed to start");
    }
    for (size_t i = 0; i < v->n && !p->stop; i++) {
        const struct container_view *c = &v->containers[i];
        if (c->status == CONTAINER_RUNNING || c->status == CONTAINER_STOPPED)
            continue;
        enum verdict verdict = may_start(v, c, &p->wake_at_ms);
        if (verdict == TOO_LATE) /* as ECS: the task ends, essential or not */
            decide_stop(p, "TaskFailedToStart",
                        "TaskDependencyError: dependency graph: a container ordering dependency "
                        "has timed out");
        else if (verdict == NEVER && c->essential)
            decide_stop(p, "TaskFailedToStart",
                        "TaskDependencyError: a container that an essential one depends on did not "
                        "reach its condition");
        else if (verdict == NEVER)
            add(p, TASK_NEVER_START, i,
                "TaskDependencyError: a container that this one depends on did not reach its "
                "condition");
        else if (verdict == MET && c->status == CONTAINER_READY)
            add(p, TASK_START, i, NULL);
    }
    if (p->stop)
        p->n = 0;
}

/* Reversed order: whoever depends on it stops first. */
static bool is_needed(const struct task_view *v, size_t container)
{
    for (size_t i = 0; i < v->n; i++) {
        const struct container_view *c = &v->containers[i];
        if (c->status != CONTAINER_RUNNING)
            continue;
        for (size_t k = 0; k < c->depends_on_n; k++)
            if (c->depends_on[k].container == (int)container)
                return true;
    }
    return false;
}

static void plan_stopping(const struct task_view *v, struct task_plan *p)
{
    for (size_t i = 0; i < v->n; i++) {
        const struct container_view *c = &v->containers[i];
        if (c->status == CONTAINER_STOPPED)
            continue;
        if (c->status != CONTAINER_RUNNING) {
            add(p, TASK_NEVER_START, i, NULL);
            continue;
        }
        if (is_needed(v, i))
            continue;
        int64_t kill_at = c->kill_sent ? c->kill_sent_at_ms + KILL_AGAIN_MS
                                       : c->stop_sent_at_ms + c->stop_timeout_ms;
        if (!c->stop_sent)
            add(p, TASK_STOP, i, NULL);
        else if (v->now_ms >= kill_at)
            add(p, TASK_KILL, i, NULL);
        else if (p->wake_at_ms == 0 || kill_at < p->wake_at_ms)
            p->wake_at_ms = kill_at;
    }
}

void task_plan(const struct task_view *v, struct task_plan *ret)
{
    *ret = (struct task_plan){.finished = true, .all_started = true, .stop = v->stop_wanted};
    for (size_t i = 0; i < v->n; i++) {
        if (v->containers[i].status != CONTAINER_STOPPED ||
            (v->containers[i].restart && !v->stop_wanted))
            ret->finished = false;
        if (v->containers[i].status == CONTAINER_WAITING ||
            v->containers[i].status == CONTAINER_READY)
            ret->all_started = false;
    }
    if (!ret->stop)
        plan_running(v, ret);
    if (ret->stop)
        plan_stopping(v, ret);
}
