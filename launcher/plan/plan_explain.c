/* SPDX-License-Identifier: Apache-2.0 */
/* The closest instance is the one whose obstacle comes last in the order in which placement asks; among these the one that lacks the
 * smallest share of what is needed; then the smallest id. */
#include "launcher/plan/plan_explain.h"

#include <inttypes.h>

#include "base/macros.h"
#include "launcher/plan/place_index.h"

static const char *const kinds[PLAN_VERDICT_MAX_] = {
    [PLAN_CHOSEN] = "CHOSEN",
    [PLAN_REJECTED] = "REJECTED",
    [PLAN_PASSED_OVER] = "PASSED_OVER",
};

const char *plan_verdict_kind_to_string(enum plan_verdict_kind k)
{
    return (int)k >= 0 && k < PLAN_VERDICT_MAX_ ? kinds[k] : NULL;
}

static bool closer(const struct plan_cluster *view, const struct plan_verdict *v, size_t a,
                   size_t b)
{
    const struct plan_obstacle *x = &v[a].obstacle, *y = &v[b].obstacle;
    if (x->reason != y->reason)
        return x->reason > y->reason;
    if ((x->reason == PLAN_CPU || x->reason == PLAN_MEMORY) && x->available != y->available)
        return x->available > y->available; /* needed is the same */
    return strcmp(view->instances[a].id, view->instances[b].id) < 0;
}

void plan_explain(const struct plan_cluster *view, const struct plan_request *req,
                  const struct plan_placements *placed, struct sw_arena *a,
                  struct plan_explanation *ret)
{
    size_t n = view->instances_n, chosen = n;
    struct plan_explanation e = {.verdicts = SW_ARENA_NEW(a, struct plan_verdict, n), .closest = n};
    int *here = SW_ARENA_NEW(a, int, n);
    bool *candidates = SW_ARENA_NEW(a, bool, n);
    for (size_t i = 0; i < n; i++)
        here[i] = placed->here[i];
    if (placed->unplaced == 0 && placed->placed > 0) {
        chosen = placed->instance[placed->placed - 1];
        here[chosen]--;
    }
    for (size_t i = 0; i < n; i++) {
        struct plan_verdict *v = &e.verdicts[i];
        v->here = placed->here[i];
        v->obstacle = plan_place_obstacle(view, req, i, here[i]);
        candidates[i] = v->obstacle.reason == PLAN_FITS;
        v->kind = i == chosen ? PLAN_CHOSEN : candidates[i] ? PLAN_PASSED_OVER : PLAN_REJECTED;
        if (v->kind == PLAN_REJECTED && (e.closest == n || closer(view, e.verdicts, i, e.closest)))
            e.closest = i;
    }
    const struct place_index *ix = place_index_new(view, req, PLACE_START, candidates, here, a);
    for (size_t i = 0; i < n && chosen < n; i++) {
        struct plan_verdict *v = &e.verdicts[i];
        if (v->kind == PLAN_PASSED_OVER)
            v->strategy = place_index_difference(ix, i, chosen, &v->own, &v->chosen);
    }
    *ret = e;
}

static const char *obstacle_text(const struct plan_obstacle *o, struct sw_arena *a)
{
    switch (o->reason) {
    case PLAN_LAUNCH_TYPE: return "it does not serve the launch type";
    case PLAN_INACTIVE: return "its status is not ACTIVE";
    case PLAN_AGENT: return "its agent is not connected";
    case PLAN_ATTRIBUTE: return sw_arena_printf(a, "it lacks the attribute %s", o->what);
    case PLAN_CPU:
        return sw_arena_printf(a, "needs %" PRId64 " CPU units, %" PRId64 " are left", o->needed,
                               o->available);
    case PLAN_MEMORY:
        return sw_arena_printf(a, "needs %" PRId64 " MiB of memory, %" PRId64 " are left",
                               o->needed, o->available);
    case PLAN_PORTS: return sw_arena_printf(a, "port %" PRId64 " is in use", o->needed);
    case PLAN_DISTINCT: return "distinctInstance: it has a task of the group";
    case PLAN_MEMBER_OF: return sw_arena_printf(a, "memberOf: not so: %s", o->what ? o->what : "");
    default: return "it could take the task";
    }
}

const char *plan_verdict_text(const struct plan_request *req, const struct plan_verdict *v,
                              struct sw_arena *a)
{
    static const char *const compared[PLAN_STRATEGY_MAX_] = {
        [PLAN_SPREAD_ATTRIBUTE] = "tasks of the group share its value of the attribute",
        [PLAN_SPREAD_INSTANCE] = "tasks of the group are on it",
        [PLAN_BINPACK_CPU] = "CPU units are left",
        [PLAN_BINPACK_MEMORY] = "MiB of memory are left",
    };
    if (v->kind == PLAN_REJECTED)
        return obstacle_text(&v->obstacle, a);
    if (v->kind == PLAN_CHOSEN)
        return "the best of those that fit";
    if (v->strategy >= req->strategies_n)
        return "equal in all strategies; another has fewer tasks, more room, or comes first";
    const struct plan_strategy *s = &req->strategies[v->strategy];
    if (s->type == PLAN_RANDOM)
        return "not drawn";
    return sw_arena_printf(a, "%s%s%s: %" PRId64 " %s, %" PRId64 " with the chosen one",
                           s->type == PLAN_BINPACK_CPU || s->type == PLAN_BINPACK_MEMORY ? "binpack"
                                                                                         : "spread",
                           s->attribute ? " over " : "", s->attribute ? s->attribute : "", v->own,
                           compared[s->type], v->chosen);
}

const char *plan_unplaced_event(const char *service, const struct plan_cluster *view,
                                const struct plan_request *req, const struct plan_explanation *e,
                                struct sw_arena *a)
{
    static const char *const said[PLAN_REASON_MAX_] = {
        [PLAN_LAUNCH_TYPE] = "does not serve the launch type of your task",
        [PLAN_INACTIVE] = "is not active",
        [PLAN_AGENT] = "doesn't have the agent connected",
        [PLAN_ATTRIBUTE] = "is missing an attribute required by your task",
        [PLAN_CPU] = "has insufficient CPU units available",
        [PLAN_MEMORY] = "has insufficient memory available",
        [PLAN_PORTS] = "is already using a port required by your task",
        [PLAN_DISTINCT] =
            "encountered error \"DistinctInstance placement constraint unsatisfied.\"",
        [PLAN_MEMBER_OF] = "encountered error \"MemberOf placement constraint unsatisfied.\"",
    };
    if (req->launch == PLAN_LAUNCH_FARGATE)
        return sw_arena_printf(a, "(service %s) was unable to place a task. Reason: %s.", service,
                               PLAN_NO_CAPACITY);
    const char *start = sw_arena_printf(a,
                                        "(service %s) was unable to place a task because no "
                                        "container instance met all of its requirements.",
                                        service);
    if (e->closest >= view->instances_n)
        return sw_arena_printf(a, "%s Reason: No Container Instances were found in your cluster.",
                               start);
    return sw_arena_printf(a, "%s The closest matching (container-instance %s) %s.", start,
                           view->instances[e->closest].id,
                           said[e->verdicts[e->closest].obstacle.reason]);
}
