/* SPDX-License-Identifier: Apache-2.0 */
/* The order of a plan: (1) tasks that are over are counted, (2) lost ones are given up, (3) the circuit breaker judges, (4) tasks are
 * started and stopped, (5) deployments end, (6) the service is steady or not. Each step sees what those before it decided. */
#include "launcher/plan/plan_service.h"

#include <assert.h>

#include "base/macros.h"
#include "launcher/plan/plan_explain.h"
#include "launcher/plan/service_plan.h"

#define RETRY_MAX_US     INT64_C(900000000)
#define THROTTLE_TELL_AT 3 /* rounds of failed starts */

static const char *const rollouts[PLAN_ROLLOUT_MAX_] = {"IN_PROGRESS", "COMPLETED", "FAILED"};
static const char *const actions[PLAN_ACTION_MAX_] = {"START", "STOP",     "COUNTED",
                                                      "EVENT", "ROLLBACK", "DELETED"};

const char *plan_rollout_to_string(enum plan_rollout r)
{
    return (int)r >= 0 && r < PLAN_ROLLOUT_MAX_ ? rollouts[r] : NULL;
}

bool plan_rollout_from_string(const char *s, enum plan_rollout *ret)
{
    for (int i = 0; i < PLAN_ROLLOUT_MAX_; i++) {
        if (sw_streq(s, rollouts[i])) {
            *ret = (enum plan_rollout)i;
            return true;
        }
    }
    return false;
}

const char *plan_action_to_string(enum plan_action_type t)
{
    return (int)t >= 0 && t < PLAN_ACTION_MAX_ ? actions[t] : NULL;
}

/* Arithmetic. */

int plan_upper_bound(int desired, int maximum_percent)
{
    return (int)((int64_t)desired * maximum_percent / 100);
}

int plan_lower_bound(int desired, int min_healthy_percent)
{
    int64_t n = ((int64_t)desired * min_healthy_percent + 99) / 100;
    return (int)SW_MIN(n, desired);
}

int plan_breaker_threshold(const struct plan_breaker *b, int desired)
{
    int value = b->value > 0 ? b->value : 50;
    int share = (int)(((int64_t)desired * value + 99) / 100);
    if (b->type == PLAN_BREAKER_COUNT)
        return value;
    if (b->type == PLAN_UNBOUNDED_PERCENT)
        return SW_MAX(share, 1);
    return SW_MIN(SW_MAX(share, 3), 200);
}

int64_t plan_retry_delay_us(int start_failures)
{
    if (start_failures <= 0)
        return 0;
    return start_failures > 10 ? RETRY_MAX_US
                               : SW_MIN(INT64_C(1000000) << (start_failures - 1), RETRY_MAX_US);
}

/* Texts. */

const char *plan_rollout_reason(const struct plan_deployment *d,
                                const struct plan_deployment_state *s, struct sw_arena *a)
{
    if (s->rollout == PLAN_FAILED)
        return s->rolled_back ? "ECS deployment circuit breaker: tasks failed to start; the last "
                                "completed deployment is started again."
                              : "ECS deployment circuit breaker: tasks failed to start.";
    return sw_arena_printf(a, "ECS deployment %s %s.", d->id,
                           s->rollout == PLAN_COMPLETED ? "completed" : "in progress");
}

static const char *tasks_event(const char *service, const char *verb, const char *kind,
                               const char *const *ids, size_t n, struct sw_arena *a)
{
    size_t size = 1;
    for (size_t i = 0; i < n; i++)
        size += strlen(ids[i]) + strlen(" (task )");
    char *list = SW_ARENA_NEW(a, char, size);
    for (size_t i = 0, at = 0; i < n; i++)
        at += (size_t)snprintf(list + at, size - at, " (task %s)", ids[i]);
    return sw_arena_printf(a, "(service %s) has %s %zu %stasks:%s.", service, verb, n, kind, list);
}

const char *plan_started_event(const char *service, const char *const *ids, size_t n,
                               struct sw_arena *a)
{
    return tasks_event(service, "started", "", ids, n, a);
}

const char *plan_stopped_event(const char *service, const char *const *ids, size_t n,
                               struct sw_arena *a)
{
    return tasks_event(service, "stopped", "running ", ids, n, a);
}

/* Facts about one task. */

static const struct plan_task *task_of(const struct service_plan *p, size_t task)
{
    return &p->v->tasks[task];
}

bool service_task_live(const struct service_plan *p, size_t task)
{
    const struct plan_task *t = task_of(p, task);
    return !t->lost && !p->stopped[task] &&
           (t->state == PLAN_TASK_PENDING || t->state == PLAN_TASK_RUNNING);
}

bool service_task_stopping(const struct service_plan *p, size_t task)
{
    const struct plan_task *t = task_of(p, task);
    return !t->lost && t->state != PLAN_TASK_STOPPED &&
           (p->stopped[task] || t->state == PLAN_TASK_STOPPING);
}

/* When it became healthy, or will if nothing changes; PLAN_NEVER: not by time alone. */
static int64_t healthy_since(const struct service_plan *p, size_t task)
{
    const struct plan_task *t = task_of(p, task);
    if (t->state != PLAN_TASK_RUNNING)
        return PLAN_NEVER;
    if (t->health == PLAN_HEALTH_NONE)
        return t->started_us + p->v->healthy_after_us;
    /* What is healthy is so now, also when the clock was set back since. */
    return t->health == PLAN_HEALTHY ? SW_MIN(t->health_since_us, p->v->now_us) : PLAN_NEVER;
}

bool service_task_healthy(const struct service_plan *p, size_t task)
{
    return service_task_live(p, task) && healthy_since(p, task) <= p->v->now_us;
}

bool service_task_unhealthy(const struct service_plan *p, size_t task)
{
    const struct plan_task *t = task_of(p, task);
    return service_task_live(p, task) && t->state == PLAN_TASK_RUNNING &&
           t->health == PLAN_UNHEALTHY && p->v->now_us >= t->started_us + p->v->grace_us;
}

bool service_task_away(const struct service_plan *p, size_t task)
{
    size_t i = task_of(p, task)->instance;
    return i >= p->v->cluster.instances_n || !p->v->cluster.instances[i].active;
}

bool service_task_protected(const struct service_plan *p, size_t task)
{
    return task_of(p, task)->protected_until_us > p->v->now_us;
}

bool service_task_current(const struct service_plan *p, size_t task)
{
    size_t d = task_of(p, task)->deployment;
    return d < p->v->deployments_n && (d == p->primary || d == p->starts_from);
}

/* Actions. */

static struct plan_action *add(struct service_plan *p, enum plan_action_type type)
{
    if (p->r.actions_n == p->actions_max) {
        size_t max = p->actions_max * 2 + 16;
        struct plan_action *more = SW_ARENA_NEW(p->arena, struct plan_action, max);
        if (p->r.actions_n > 0)
            memcpy(more, p->r.actions, p->r.actions_n * sizeof *more);
        p->r.actions = more;
        p->actions_max = max;
    }
    struct plan_action *a = &p->r.actions[p->r.actions_n++];
    *a = (struct plan_action){.type = type,
                              .deployment = p->v->deployments_n,
                              .instance = p->v->cluster.instances_n,
                              .task = p->v->tasks_n};
    return a;
}

void service_plan_event(struct service_plan *p, const char *text)
{
    add(p, PLAN_EVENT)->text = text;
}

void service_plan_blocked(struct service_plan *p)
{
    service_plan_event(
        p, sw_arena_printf(p->arena,
                           "(service %s) was unable to stop or start tasks during a deployment "
                           "because of the service deployment configuration. Update the "
                           "minimumHealthyPercent or maximumPercent value and try again.",
                           p->v->name));
}

void service_plan_wake(struct service_plan *p, int64_t at_us)
{
    if (at_us > p->v->now_us && at_us < p->r.wake_at_us)
        p->r.wake_at_us = at_us;
}

static const char *deployment_id(const struct service_plan *p, size_t d)
{
    return d < p->v->deployments_n ? p->v->deployments[d].id : "";
}

void service_plan_stop(struct service_plan *p, size_t task, enum plan_stop_cause cause)
{
    size_t d = task_of(p, task)->deployment;
    assert(!p->stopped[task]);
    struct plan_action *a = add(p, PLAN_STOP);
    p->stopped[task] = true;
    a->task = task;
    a->deployment = d;
    a->cause = cause;
    if (cause == PLAN_STOP_HEALTH)
        a->text = "Task failed container health checks";
    else if (cause == PLAN_STOP_LOST)
        a->text = "The container instance of the task is not connected";
    else
        a->text = sw_arena_printf(p->arena, "Scaling activity initiated by (deployment %s)",
                                  deployment_id(p, p->primary));
    if (cause == PLAN_STOP_HEALTH)
        service_plan_event(
            p, sw_arena_printf(p->arena, "(service %s) (task %s) failed container health checks.",
                               p->v->name, task_of(p, task)->id));
}

void service_plan_add_start(struct service_plan *p, size_t deployment, size_t instance)
{
    struct plan_action *a = add(p, PLAN_START);
    a->deployment = deployment;
    a->instance = instance;
}

int service_plan_start(struct service_plan *p, size_t deployment, int n)
{
    const struct plan_service_view *v = p->v;
    struct plan_request req = *v->deployments[deployment].request;
    struct plan_placements placed;
    req.count = SW_MIN(n, PLAN_COUNT_MAX);
    req.seed = v->seed;
    plan_place(&v->cluster, &req, p->arena, &placed);
    for (int i = 0; i < placed.placed; i++)
        service_plan_add_start(p, deployment, placed.instance[i]);
    p->r.unplaced += placed.unplaced;
    if (placed.unplaced > 0) {
        struct plan_explanation why;
        plan_explain(&v->cluster, &req, &placed, p->arena, &why);
        service_plan_event(p, plan_unplaced_event(v->name, &v->cluster, &req, &why, p->arena));
    }
    return placed.placed;
}

/* 1. Counting. */

/* Was it ever healthy before it ended? */
static bool was_healthy(const struct service_plan *p, const struct plan_task *t)
{
    if (t->started_us == 0)
        return false;
    if (t->health == PLAN_HEALTH_NONE)
        return t->stopped_us - t->started_us >= p->v->healthy_after_us;
    return t->health == PLAN_HEALTHY;
}

/* Tasks of one round that fail together lengthen the delay once: those of the round are older than its first failure. */
static void delay_starts(struct service_plan *p, size_t deployment)
{
    struct plan_deployment_state *s = &p->r.deployments[deployment];
    s->start_failures++;
    s->retry_at_us = p->v->now_us + plan_retry_delay_us(s->start_failures);
    if (s->start_failures == THROTTLE_TELL_AT)
        service_plan_event(
            p, sw_arena_printf(p->arena,
                               "(service %s) is unable to consistently start tasks successfully.",
                               p->v->name));
}

/* A task that ran, however shortly, delays nothing more and more; but one that ends at once is not started again at once for ever. */
static void pause_starts(struct service_plan *p, const struct plan_task *t)
{
    struct plan_deployment_state *s = &p->r.deployments[t->deployment];
    int64_t pause = SW_MIN(PLAN_RESTART_PAUSE_US, p->v->healthy_after_us);
    int64_t until = SW_MIN(t->started_us, p->v->now_us) + pause;
    if (until > p->v->now_us)
        s->retry_at_us = SW_MAX(s->retry_at_us, until);
}

static void count_tasks(struct service_plan *p)
{
    const struct plan_service_view *v = p->v;
    bool *failed = SW_ARENA_NEW(p->arena, bool, v->deployments_n);
    bool *not_started = SW_ARENA_NEW(p->arena, bool, v->deployments_n);
    for (size_t i = 0; i < v->tasks_n; i++) {
        const struct plan_task *t = task_of(p, i);
        if (t->state != PLAN_TASK_STOPPED)
            continue;
        add(p, PLAN_COUNTED)->task = i;
        if (t->wanted || t->lost || t->deployment >= v->deployments_n || was_healthy(p, t))
            continue;
        struct plan_deployment_state *s = &p->r.deployments[t->deployment];
        s->failed_tasks++;
        failed[t->deployment] = true;
        not_started[t->deployment] |= t->started_us == 0 && t->created_us >= s->last_failure_us;
        if (t->started_us > 0)
            pause_starts(p, t);
    }
    for (size_t d = 0; d < v->deployments_n; d++) {
        if (not_started[d])
            delay_starts(p, d);
        if (failed[d])
            p->r.deployments[d].last_failure_us = v->now_us;
    }
}

/* What became healthy or reached RUNNING after the last failure ends the series. */
static void forget_failures(struct service_plan *p)
{
    for (size_t i = 0; i < p->v->tasks_n; i++) {
        const struct plan_task *t = task_of(p, i);
        if (t->deployment >= p->v->deployments_n || !service_task_live(p, i))
            continue;
        struct plan_deployment_state *s = &p->r.deployments[t->deployment];
        if (t->state == PLAN_TASK_RUNNING && t->started_us > s->last_failure_us &&
            s->start_failures > 0) {
            s->start_failures = 0;
            s->retry_at_us = 0;
        }
        if (!p->v->breaker.keep_count_on_healthy && service_task_healthy(p, i) &&
            healthy_since(p, i) > s->last_failure_us)
            s->failed_tasks = 0;
    }
}

/* 2. */
static void give_up_lost(struct service_plan *p)
{
    for (size_t i = 0; i < p->v->tasks_n; i++) {
        const struct plan_task *t = task_of(p, i);
        if (t->lost && (t->state == PLAN_TASK_PENDING || t->state == PLAN_TASK_RUNNING))
            service_plan_stop(p, i, PLAN_STOP_LOST);
    }
}

/* 3. */
static void judge(struct service_plan *p)
{
    const struct plan_breaker *b = &p->v->breaker;
    if (p->primary == p->v->deployments_n || !b->enabled || p->v->deleting)
        return;
    struct plan_deployment_state *s = &p->r.deployments[p->primary];
    if (s->rollout != PLAN_IN_PROGRESS ||
        s->failed_tasks < plan_breaker_threshold(b, p->r.service_desired))
        return;
    s->rollout = PLAN_FAILED;
    service_plan_event(p, sw_arena_printf(p->arena,
                                          "(service %s) (deployment %s) deployment failed: tasks "
                                          "failed to start.",
                                          p->v->name, deployment_id(p, p->primary)));
    if (b->rollback && p->v->can_roll_back) {
        s->rolled_back = true;
        add(p, PLAN_ROLLBACK)->deployment = p->primary;
    }
}

/* New tasks are of the PRIMARY deployment; once that failed, of the newest one that had completed. */
static void choose_deployment(struct service_plan *p)
{
    p->starts_from = p->primary;
    if (p->primary == p->v->deployments_n || p->r.deployments[p->primary].rollout != PLAN_FAILED)
        return;
    p->starts_from = p->v->deployments_n;
    for (size_t d = p->v->deployments_n; d-- > 0;) {
        const struct plan_deployment_state *s = &p->r.deployments[d];
        if (s->status == PLAN_ACTIVE && s->rollout == PLAN_COMPLETED)
            p->starts_from = d;
    }
}

/* 4. */

static void stop_all(struct service_plan *p)
{
    bool any = false;
    for (size_t i = 0; i < p->v->tasks_n; i++) {
        if (service_task_live(p, i))
            service_plan_stop(p, i, PLAN_STOP_DELETION);
        any |= service_task_stopping(p, i);
    }
    if (!any)
        add(p, PLAN_DELETED);
}

/* Also says so, once. */
static void set_stable(struct service_plan *p, const struct service_group *g, bool started)
{
    struct plan_deployment_state *s = &p->r.deployments[g->deployment];
    int running = 0, other = 0;
    for (size_t i = 0; i < p->v->tasks_n; i++) {
        if (task_of(p, i)->deployment != g->deployment)
            continue;
        bool live = service_task_live(p, i);
        running += live && service_task_healthy(p, i);
        other += (live && !service_task_healthy(p, i)) || service_task_stopping(p, i);
    }
    bool was = s->stable;
    s->stable = running == g->desired && other == 0 && !started;
    if (s->stable && !was)
        service_plan_event(
            p, sw_arena_printf(p->arena, "(service %s, taskSet %s) has reached a steady state.",
                               p->v->name, deployment_id(p, g->deployment)));
}

static void plan_task_sets(struct service_plan *p)
{
    const struct plan_service_view *v = p->v;
    for (size_t i = 0; i < v->tasks_n; i++) {
        if (task_of(p, i)->deployment == v->deployments_n && service_task_live(p, i))
            service_plan_stop(p, i, PLAN_STOP_DEPLOYMENT);
    }
    for (size_t d = 0; d < v->deployments_n; d++) {
        size_t before = p->r.actions_n;
        int desired = plan_lower_bound(v->desired, v->deployments[d].scale_percent);
        const struct service_group g = {
            .deployment = d,
            .desired = desired,
            .lower = plan_lower_bound(desired, v->min_healthy_percent),
            .upper = SW_MAX(plan_upper_bound(desired, v->maximum_percent), desired)};
        p->r.desired[d] = desired;
        p->starts_from = p->primary = d;
        service_plan_replicas(p, &g);
        /* The next set's starts must see where this one's went. */
        bool started = false;
        for (size_t i = before; i < p->r.actions_n; i++)
            started |= p->r.actions[i].type == PLAN_START;
        set_stable(p, &g, started);
        if (started && d + 1 < v->deployments_n) {
            p->r.wake_at_us = v->now_us;
            return;
        }
    }
}

static void share_desired(struct service_plan *p)
{
    for (size_t d = 0; d < p->v->deployments_n; d++)
        p->r.desired[d] = 0;
    for (size_t i = 0; i < p->v->tasks_n; i++) {
        size_t d = task_of(p, i)->deployment;
        if (d < p->v->deployments_n && d != p->primary && service_task_live(p, i))
            p->r.desired[d]++;
    }
    if (p->primary < p->v->deployments_n)
        p->r.desired[p->primary] = p->r.service_desired;
}

static void plan_tasks(struct service_plan *p)
{
    const struct plan_service_view *v = p->v;
    const struct service_group g = {.deployment = v->deployments_n,
                                    .desired = v->desired,
                                    .lower = plan_lower_bound(v->desired, v->min_healthy_percent),
                                    .upper = plan_upper_bound(v->desired, v->maximum_percent)};
    if (v->scheduling == PLAN_DAEMON)
        service_plan_daemons(p);
    else
        service_plan_replicas(p, &g);
    share_desired(p);
}

/* 5. and 6. */

struct totals {
    int live, healthy, stopping, current;
};

static struct totals totals_of(const struct service_plan *p)
{
    struct totals t = {0};
    for (size_t i = 0; i < p->v->tasks_n; i++) {
        bool live = service_task_live(p, i);
        if (p->v->scheduling == PLAN_DAEMON && service_task_away(p, i))
            continue; /* it goes with its instance, whenever that is empty */
        t.live += live;
        t.current += live && service_task_current(p, i);
        t.healthy += live && service_task_healthy(p, i) && !service_task_away(p, i);
        t.stopping += service_task_stopping(p, i);
    }
    return t;
}

static bool has_tasks(const struct service_plan *p, size_t deployment)
{
    for (size_t i = 0; i < p->v->tasks_n; i++) {
        if (task_of(p, i)->deployment == deployment &&
            (service_task_live(p, i) || service_task_stopping(p, i)))
            return true;
    }
    return false;
}

static bool starts(const struct service_plan *p)
{
    for (size_t i = 0; i < p->r.actions_n; i++) {
        if (p->r.actions[i].type == PLAN_START)
            return true;
    }
    return false;
}

static void end_deployments(struct service_plan *p)
{
    const struct plan_service_view *v = p->v;
    bool alone = true;
    for (size_t d = 0; d < v->deployments_n; d++) {
        struct plan_deployment_state *s = &p->r.deployments[d];
        if (d == p->primary || d == p->starts_from)
            continue;
        if (s->status == PLAN_ACTIVE && !has_tasks(p, d))
            s->status = PLAN_DEPLOYMENT_INACTIVE;
        alone &= s->status == PLAN_DEPLOYMENT_INACTIVE;
    }
    const struct totals t = totals_of(p);
    bool full = t.healthy == p->r.service_desired && t.current == t.live && t.live == t.healthy &&
                t.stopping == 0 && !starts(p);
    if (p->primary == v->deployments_n) {
        p->r.steady = full;
        return;
    }
    struct plan_deployment_state *s = &p->r.deployments[p->primary];
    if (full && alone && s->rollout == PLAN_IN_PROGRESS) {
        s->rollout = PLAN_COMPLETED;
        if (v->rebalance)
            service_plan_wake(p, v->now_us + 1); /* what is complete may be moved */
        service_plan_event(p, sw_arena_printf(p->arena,
                                              "(service %s) (deployment %s) deployment completed.",
                                              v->name, deployment_id(p, p->primary)));
    }
    p->r.steady = full && s->rollout != PLAN_IN_PROGRESS;
    if (p->r.steady && !v->steady)
        service_plan_event(
            p, sw_arena_printf(p->arena, "(service %s) has reached a steady state.", v->name));
}

static void note_times(struct service_plan *p)
{
    for (size_t i = 0; i < p->v->tasks_n; i++) {
        const struct plan_task *t = task_of(p, i);
        if (!service_task_live(p, i))
            continue;
        if (healthy_since(p, i) != PLAN_NEVER)
            service_plan_wake(p, healthy_since(p, i));
        if (t->state == PLAN_TASK_RUNNING && t->health == PLAN_UNHEALTHY)
            service_plan_wake(p, t->started_us + p->v->grace_us);
        service_plan_wake(p, t->protected_until_us);
    }
}

void plan_service(const struct plan_service_view *v, struct sw_arena *a,
                  struct plan_service_result *ret)
{
    struct service_plan p = {
        .v = v,
        .arena = a,
        .stopped = SW_ARENA_NEW(a, bool, v->tasks_n),
        .primary = v->deployments_n,
        .r = {.deployments = SW_ARENA_NEW(a, struct plan_deployment_state, v->deployments_n),
              .desired = SW_ARENA_NEW(a, int, v->deployments_n),
              .service_desired = v->desired,
              .wake_at_us = PLAN_NEVER}};
    for (size_t d = v->deployments_n; d-- > 0;) {
        p.r.deployments[d] = v->deployments[d].state;
        /* A clock that was set back delays no longer than a delay is. */
        p.r.deployments[d].retry_at_us =
            SW_MIN(p.r.deployments[d].retry_at_us, v->now_us + RETRY_MAX_US);
        if (p.r.deployments[d].status == PLAN_PRIMARY)
            p.primary = d;
    }
    p.starts_from = p.primary;
    count_tasks(&p);
    forget_failures(&p);
    give_up_lost(&p);
    if (v->deleting) {
        p.r.service_desired = 0;
        stop_all(&p);
    } else if (v->controller == PLAN_CONTROLLER_EXTERNAL) {
        plan_task_sets(&p);
    } else {
        if (v->scheduling == PLAN_DAEMON)
            p.r.service_desired = service_daemons_wanted(&p);
        judge(&p);
        choose_deployment(&p);
        plan_tasks(&p);
        end_deployments(&p);
    }
    note_times(&p);
    if (p.r.unplaced > 0)
        service_plan_wake(&p, v->now_us + PLAN_ROOM_RETRY_US);
    *ret = p.r;
}
