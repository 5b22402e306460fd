/* SPDX-License-Identifier: Apache-2.0 */
/* Replicas. Each live task is in one class: good (of the current deployment, in its place, not unhealthy), sick (unhealthy), or old (of
 * another deployment or on an instance that drains or is gone).
 * 1. Missing = desired - good. They start as far as the upper bound leaves room; old, sick and stopping tasks take room.
 * 2. Old tasks that are not RUNNING stop at once: nobody is served by them.
 * 3. Old tasks that are RUNNING stop as good ones become healthy, so that together they stay at desired. Only if the missing ones cannot
 *    start (no room under the upper bound or on the instances) the floor is the lower bound instead: then stopping is what makes room.
 *    Those that are not healthy themselves go first.
 * 4. Sick tasks stop when as many good ones as desired are healthy; if the missing ones cannot start, one at a time.
 * 5. Good tasks in excess of desired stop by plan_scale_in, never below the lower bound of healthy ones. */
#include "base/macros.h"
#include "launcher/plan/plan_scale_in.h"
#include "launcher/plan/service_plan.h"

struct list {
    size_t *tasks;
    size_t n;
};

struct replicas {
    struct list good, sick, old_waiting, old_unready, old_healthy;
    int live, stopping, healthy, good_healthy, good_unready;
};

static void append(struct list *l, size_t task)
{
    l->tasks[l->n++] = task;
}

static void sort_out(struct service_plan *p, const struct service_group *g, struct replicas *ret)
{
    const struct plan_service_view *v = p->v;
    struct list *all[] = {&ret->good, &ret->sick, &ret->old_waiting, &ret->old_unready,
                          &ret->old_healthy};
    for (size_t i = 0; i < SW_ARRAY_LEN(all); i++)
        all[i]->tasks = SW_ARENA_NEW(p->arena, size_t, v->tasks_n);
    for (size_t i = 0; i < v->tasks_n; i++) {
        if (g->deployment < v->deployments_n && v->tasks[i].deployment != g->deployment)
            continue;
        ret->stopping += service_task_stopping(p, i);
        if (!service_task_live(p, i))
            continue;
        bool healthy = service_task_healthy(p, i), running = v->tasks[i].state == PLAN_TASK_RUNNING;
        ret->live++;
        ret->healthy += healthy;
        if (service_task_unhealthy(p, i)) {
            append(&ret->sick, i);
        } else if (service_task_current(p, i) && !service_task_away(p, i)) {
            append(&ret->good, i);
            ret->good_healthy += healthy;
            ret->good_unready += !healthy;
        } else {
            append(healthy   ? &ret->old_healthy
                   : running ? &ret->old_unready
                             : &ret->old_waiting,
                   i);
        }
    }
}

/* Returns how many of the missing cannot start now for want of room. */
static int start_missing(struct service_plan *p, const struct service_group *g,
                         const struct replicas *r)
{
    int missing = g->desired - (int)r->good.n, room = g->upper - r->live - r->stopping;
    if (missing <= 0)
        return 0;
    if (p->starts_from == p->v->deployments_n)
        return 0;
    const struct plan_deployment_state *s = &p->r.deployments[p->starts_from];
    if (s->retry_at_us > p->v->now_us) {
        service_plan_wake(p, s->retry_at_us);
        return 0;
    }
    int n = SW_MAX(SW_MIN(missing, room), 0);
    return missing - (n > 0 ? service_plan_start(p, p->starts_from, n) : 0);
}

static enum plan_stop_cause cause_of(const struct service_plan *p, size_t task)
{
    return service_task_current(p, task) ? PLAN_STOP_DRAINING : PLAN_STOP_DEPLOYMENT;
}

/* Stops up to n of the list; returns how many. */
static int stop_some(struct service_plan *p, const struct list *l, int n)
{
    int stopped = 0;
    for (size_t i = 0; i < l->n && stopped < n; i++) {
        if (service_task_protected(p, l->tasks[i]))
            continue;
        service_plan_stop(p, l->tasks[i], cause_of(p, l->tasks[i]));
        stopped++;
    }
    return stopped;
}

static int stop_old(struct service_plan *p, const struct service_group *g, struct replicas *r,
                    int blocked)
{
    int floor = blocked > 0 ? g->lower : SW_MAX(g->lower, g->desired);
    int stopped = stop_some(p, &r->old_waiting, (int)r->old_waiting.n);
    int serving = r->good_healthy + (int)(r->old_unready.n + r->old_healthy.n);
    int more = stop_some(p, &r->old_unready, serving - floor);
    serving -= more;
    int healthy = stop_some(p, &r->old_healthy, SW_MIN(serving, r->healthy) - floor);
    r->healthy -= healthy;
    return stopped + more + healthy;
}

static int stop_sick(struct service_plan *p, const struct service_group *g,
                     const struct replicas *r, int blocked)
{
    int n = 0;
    if (r->good_healthy >= g->desired)
        n = (int)r->sick.n;
    else if (blocked > 0 && r->stopping == 0)
        n = SW_MIN((int)r->sick.n, 1);
    for (int i = 0; i < n; i++)
        service_plan_stop(p, r->sick.tasks[i], PLAN_STOP_HEALTH);
    return n;
}

/* Stops up to k good tasks, of the failed deployment only or of any. */
static int scale_in(struct service_plan *p, const struct service_group *g, struct replicas *r,
                    int k, bool failed_only)
{
    size_t *from = SW_ARENA_NEW(p->arena, size_t, r->good.n), n = 0;
    size_t *victims = SW_ARENA_NEW(p->arena, size_t, (size_t)k);
    int stopped = 0;
    for (size_t i = 0; i < r->good.n; i++) {
        size_t task = r->good.tasks[i];
        if (service_task_live(p, task) &&
            (!failed_only || p->v->tasks[task].deployment != p->starts_from))
            from[n++] = task;
    }
    n = plan_scale_in(&p->v->cluster, p->v->deployments[p->primary].request, p->v->tasks, from, n,
                      (size_t)k, p->v->now_us, p->arena, victims);
    for (size_t i = 0; i < n; i++) {
        bool healthy = service_task_healthy(p, victims[i]);
        if (healthy && r->healthy <= g->lower)
            continue;
        r->healthy -= healthy;
        service_plan_stop(p, victims[i], PLAN_STOP_SCALING);
        stopped++;
    }
    return stopped;
}

static int stop_excess(struct service_plan *p, const struct service_group *g, struct replicas *r)
{
    int excess = (int)r->good.n - g->desired, stopped = 0;
    if (excess <= 0 || p->primary == p->v->deployments_n)
        return 0;
    if (p->v->rebalance && excess <= r->good_unready && service_rebalance_waits(p))
        return 0;
    if (p->starts_from != p->primary)
        stopped = scale_in(p, g, r, excess, true);
    return stopped < excess ? stopped + scale_in(p, g, r, excess - stopped, false) : stopped;
}

/* What is too much is what people protect. */
static void say_protected(struct service_plan *p, const struct service_group *g,
                          const struct replicas *r)
{
    int live = 0, kept = 0;
    for (size_t i = 0; i < r->good.n; i++) {
        live += service_task_live(p, r->good.tasks[i]);
        kept +=
            service_task_live(p, r->good.tasks[i]) && service_task_protected(p, r->good.tasks[i]);
    }
    if (live > g->desired && kept == live)
        service_plan_event(p, sw_arena_printf(p->arena,
                                              "(service %s) was unable to scale in due to (reason "
                                              "%d tasks under protection)",
                                              p->v->name, kept));
}

/* All that is wanted is there and nothing else is, or the balance of zones must wait. */
static bool is_complete(const struct service_plan *p, const struct service_group *g,
                        const struct replicas *r)
{
    if (p->primary == p->v->deployments_n || p->starts_from != p->primary)
        return false;
    const struct plan_deployment_state *s = &p->r.deployments[p->primary];
    return s->rollout == PLAN_COMPLETED && s->retry_at_us <= p->v->now_us &&
           (int)r->good.n == g->desired && r->live == g->desired && r->healthy == g->desired &&
           r->stopping == 0 && r->live < g->upper;
}

void service_plan_replicas(struct service_plan *p, const struct service_group *g)
{
    struct replicas r = {.live = 0};
    sort_out(p, g, &r);
    size_t before = p->r.actions_n;
    int blocked = start_missing(p, g, &r);
    bool placing = p->r.unplaced > 0;
    int stopped =
        stop_old(p, g, &r, blocked) + stop_sick(p, g, &r, blocked) + stop_excess(p, g, &r);
    say_protected(p, g, &r);
    bool still = p->r.actions_n == before && stopped == 0 && r.stopping == 0 &&
                 r.good_unready == 0 && r.old_unready.n == 0;
    if (p->v->rebalance && is_complete(p, g, &r) && service_plan_rebalance(p))
        return;
    if (blocked > 0 && still && !placing && r.old_healthy.n + r.sick.n > 0)
        service_plan_blocked(p);
}
