/* SPDX-License-Identifier: Apache-2.0 */
/* Daemons: one task on each ACTIVE instance that meets the constraints.
 * 1. A daemon starts only where no live or stopping task of the service is: the old one goes first (maximumPercent is 100).
 * 2. Old ones stop only while new ones may start. Those that are RUNNING stop within the lower bound: new ones count for it when they are
 *    healthy, old ones that are not healthy yet because they run.
 * 3. On a draining instance it is the last to stop: after all tasks that are not daemons. */
#include "base/macros.h"
#include "launcher/plan/plan_explain.h"
#include "launcher/plan/service_plan.h"

struct daemons {
    struct plan_request anywhere; /* one task without resources and without distinctInstance */
    int *taken;                   /* live and stopping tasks of the service on each instance */
    size_t *keeper;               /* the task that stays there; tasks_n: none */
    int healthy, serving, lower;
    int held; /* old ones that stay for the lower bound */
    bool may_start;
};

static struct plan_request without_resources(const struct service_plan *p)
{
    static const struct task_resources none = {.cpu = INT64_MIN / 2, .memory_mib = INT64_MIN / 2};
    struct plan_request req = *p->v->deployments[p->primary].request;
    struct plan_constraint *kept =
        SW_ARENA_NEW(p->arena, struct plan_constraint, req.constraints_n);
    size_t n = 0;
    for (size_t i = 0; i < req.constraints_n; i++) {
        if (req.constraints[i].query)
            kept[n++] = req.constraints[i];
    }
    req.constraints = kept;
    req.constraints_n = n;
    req.resources = &none;
    return req;
}

/* Does a daemon belong on instance i, as far as state and constraints go, connected or not? */
static bool belongs(const struct service_plan *p, const struct plan_request *anywhere, size_t i)
{
    struct plan_instance in = p->v->cluster.instances[i];
    const struct plan_cluster one = {&in, 1};
    in.agent_connected = true;
    return plan_place_obstacle(&one, anywhere, 0, 0).reason == PLAN_FITS;
}

static int *count_taken(const struct service_plan *p)
{
    int *taken = SW_ARENA_NEW(p->arena, int, p->v->cluster.instances_n);
    for (size_t i = 0; i < p->v->tasks_n; i++) {
        const struct plan_task *t = &p->v->tasks[i];
        if (t->instance < p->v->cluster.instances_n &&
            (service_task_live(p, i) || service_task_stopping(p, i)))
            taken[t->instance]++;
    }
    return taken;
}

int service_daemons_wanted(const struct service_plan *p)
{
    const struct plan_cluster *c = &p->v->cluster;
    int n = 0, *taken = count_taken(p);
    if (p->primary == p->v->deployments_n)
        return 0;
    const struct plan_request anywhere = without_resources(p);
    for (size_t i = 0; i < c->instances_n; i++)
        n += belongs(p, &anywhere, i) && (c->instances[i].agent_connected || taken[i] > 0);
    return n;
}

static bool is_serving(const struct service_plan *p, size_t task)
{
    bool runs = service_task_live(p, task) && p->v->tasks[task].state == PLAN_TASK_RUNNING &&
                !service_task_unhealthy(p, task);
    return service_task_current(p, task) ? service_task_healthy(p, task) : runs;
}

static void stop(struct service_plan *p, struct daemons *d, size_t task, enum plan_stop_cause cause)
{
    d->serving -= is_serving(p, task);
    d->healthy -= service_task_healthy(p, task);
    service_plan_stop(p, task, cause);
}

/* On an instance that is not ACTIVE, or gone. */
static void stop_away(struct service_plan *p, size_t task)
{
    const struct plan_task *t = &p->v->tasks[task];
    bool last = true;
    if (t->instance < p->v->cluster.instances_n) {
        const struct plan_instance *in = &p->v->cluster.instances[t->instance];
        last = !in->draining || in->tasks <= in->daemon_tasks;
    }
    if ((last || t->state == PLAN_TASK_PENDING) && !service_task_protected(p, task))
        service_plan_stop(p, task, PLAN_STOP_DRAINING);
}

/* An old one: may it make room for its successor? */
static bool may_leave(const struct service_plan *p, const struct daemons *d, size_t task)
{
    if (p->v->tasks[task].state != PLAN_TASK_RUNNING)
        return true; /* nobody is served by it */
    return (service_task_healthy(p, task) ? SW_MIN(d->serving, d->healthy) : d->serving) > d->lower;
}

/* What one task has to give way for, if anything. Of several good ones on an instance the oldest stays. */
static void consider(struct service_plan *p, struct daemons *d, size_t task)
{
    const struct plan_task *t = &p->v->tasks[task];
    if (service_task_away(p, task)) {
        stop_away(p, task);
    } else if (service_task_unhealthy(p, task)) {
        stop(p, d, task, PLAN_STOP_HEALTH);
    } else if (!belongs(p, &d->anywhere, t->instance)) {
        if (!service_task_protected(p, task))
            stop(p, d, task, PLAN_STOP_SCALING);
    } else if (service_task_current(p, task)) {
        size_t other = d->keeper[t->instance];
        if (other == p->v->tasks_n) {
            d->keeper[t->instance] = task;
            return;
        }
        bool older = t->created_us < p->v->tasks[other].created_us;
        d->keeper[t->instance] = older ? task : other;
        stop(p, d, older ? other : task, PLAN_STOP_SCALING);
    } else if (d->may_start && !service_task_protected(p, task)) {
        if (may_leave(p, d, task))
            stop(p, d, task, PLAN_STOP_DEPLOYMENT);
        else
            d->held++;
    }
}

/* Starts one on instance i; the first that finds no room tells why. */
static void start(struct service_plan *p, size_t i)
{
    const struct plan_cluster one = {&p->v->cluster.instances[i], 1};
    struct plan_request req = *p->v->deployments[p->starts_from].request;
    struct plan_placements placed;
    req.count = 1;
    plan_place(&one, &req, p->arena, &placed);
    if (placed.placed == 1) {
        service_plan_add_start(p, p->starts_from, i);
        return;
    }
    if (p->r.unplaced++ == 0) {
        struct plan_explanation why;
        plan_explain(&one, &req, &placed, p->arena, &why);
        service_plan_event(p, plan_unplaced_event(p->v->name, &one, &req, &why, p->arena));
    }
}

static bool may_start(struct service_plan *p)
{
    if (p->starts_from == p->v->deployments_n)
        return false;
    int64_t at = p->r.deployments[p->starts_from].retry_at_us;
    service_plan_wake(p, at);
    return at <= p->v->now_us;
}

/* Nothing moves, and nothing will by itself. */
static bool is_still(const struct service_plan *p, size_t actions_before)
{
    for (size_t i = 0; i < p->v->tasks_n; i++) {
        bool unready =
            service_task_live(p, i) && !service_task_healthy(p, i) && !service_task_unhealthy(p, i);
        if (unready || service_task_stopping(p, i))
            return false;
    }
    return p->r.actions_n == actions_before;
}

void service_plan_daemons(struct service_plan *p)
{
    const struct plan_service_view *v = p->v;
    size_t n = v->cluster.instances_n, before = p->r.actions_n;
    if (p->primary == v->deployments_n)
        return;
    struct daemons d = {.anywhere = without_resources(p),
                        .taken = count_taken(p),
                        .keeper = SW_ARENA_NEW(p->arena, size_t, n),
                        .lower = plan_lower_bound(p->r.service_desired, v->min_healthy_percent),
                        .may_start = may_start(p)};
    for (size_t i = 0; i < n; i++)
        d.keeper[i] = v->tasks_n;
    for (size_t i = 0; i < v->tasks_n; i++) {
        d.healthy += service_task_healthy(p, i) && !service_task_away(p, i);
        d.serving += is_serving(p, i) && !service_task_away(p, i);
    }
    for (size_t i = 0; i < v->tasks_n; i++) {
        if (service_task_live(p, i))
            consider(p, &d, i);
    }
    for (size_t i = 0; i < n && d.may_start; i++) {
        if (d.taken[i] == 0 && v->cluster.instances[i].agent_connected &&
            belongs(p, &d.anywhere, i))
            start(p, i);
    }
    if (d.held > 0 && is_still(p, before))
        service_plan_blocked(p);
}
