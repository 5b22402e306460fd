/* SPDX-License-Identifier: Apache-2.0 */
/* 1. What an instance still has is its remaining value less here x (what one task needs), computed at each question: there is no
 *    second copy of the view that could drift.
 * 2. A placement changes the answer of plan_place_obstacle only for its own instance: constraints look at nothing but the instance and
 *    the tasks on it. So an instance that was refused once need not be asked again. */
#include "launcher/plan/plan_place.h"

#include <assert.h>

#include "base/macros.h"
#include "launcher/plan/place_index.h"

#define INVALID "InvalidParameterException"

static const char *const reasons[PLAN_REASON_MAX_] = {
    [PLAN_FITS] = NULL,
    [PLAN_LAUNCH_TYPE] = "LAUNCH_TYPE",
    [PLAN_INACTIVE] = "INACTIVE",
    [PLAN_AGENT] = "AGENT",
    [PLAN_ATTRIBUTE] = "ATTRIBUTE",
    [PLAN_CPU] = "RESOURCE:CPU",
    [PLAN_MEMORY] = "RESOURCE:MEMORY",
    [PLAN_PORTS] = "RESOURCE:PORTS",
    [PLAN_DISTINCT] = "DistinctInstance placement constraint unsatisfied.",
    [PLAN_MEMBER_OF] = "MemberOf placement constraint unsatisfied.",
};

const char *plan_reason_to_string(enum plan_reason r)
{
    return (int)r >= 0 && r < PLAN_REASON_MAX_ ? reasons[r] : NULL;
}

const struct plan_strategy plan_service_strategies[PLAN_SERVICE_STRATEGIES] = {
    {PLAN_SPREAD_ATTRIBUTE, "ecs.availability-zone"},
    {PLAN_SPREAD_INSTANCE, NULL},
};

int plan_strategy_parse(const char *type, const char *field, struct plan_strategy *ret,
                        struct sw_err *err)
{
    static const char prefix[] = "attribute:";
    static const struct {
        const char *type, *field;
        enum plan_strategy_type meaning;
    } table[] = {
        {"spread", "instanceId", PLAN_SPREAD_INSTANCE},
        {"spread", "host", PLAN_SPREAD_INSTANCE},
        {"binpack", "cpu", PLAN_BINPACK_CPU},
        {"binpack", "memory", PLAN_BINPACK_MEMORY},
    };
    struct sw_str want = sw_str(field);
    *ret = (struct plan_strategy){.type = PLAN_RANDOM};
    if (sw_streq(type, "random")) /* its field means nothing, and ECS lets it stand */
        return 0;
    for (size_t i = 0; i < SW_ARRAY_LEN(table); i++) {
        if (sw_streq(type, table[i].type) && sw_str_eq_nocase(want, sw_str(table[i].field))) {
            ret->type = table[i].meaning;
            return 0;
        }
    }
    bool spread = sw_streq(type, "spread");
    if (spread && sw_str_starts_with(want, prefix) && want.n > strlen(prefix)) {
        *ret = (struct plan_strategy){PLAN_SPREAD_ATTRIBUTE, field + strlen(prefix)};
        return 0;
    }
    if (spread || sw_streq(type, "binpack"))
        return sw_fail(err, SW_EINVALID, INVALID,
                       "The field '%s' of the placement strategy '%s' is not %s.",
                       field ? field : "", type,
                       spread ? "instanceId, host or attribute:NAME" : "cpu or memory");
    return sw_fail(err, SW_EINVALID, INVALID,
                   "The placement strategy '%s' is not random, spread or binpack.",
                   type ? type : "");
}

int plan_constraint_parse(const char *type, const char *expression, struct sw_arena *a,
                          struct plan_constraint *ret, struct sw_err *err)
{
    *ret = (struct plan_constraint){.query = NULL};
    if (sw_streq(type, "distinctInstance")) {
        if (expression && *expression)
            return sw_fail(err, SW_EINVALID, INVALID,
                           "A distinctInstance constraint has no expression.");
        return 0;
    }
    if (!sw_streq(type, "memberOf"))
        return sw_fail(err, SW_EINVALID, INVALID,
                       "The placement constraint '%s' is not distinctInstance or memberOf.",
                       type ? type : "");
    ret->expression = expression;
    return cluster_query_parse(sw_str(expression), a, &ret->query, err);
}

/* Steps 1 and 2. */

static bool has_attribute(const struct plan_instance *in, const struct plan_attribute *want)
{
    for (size_t i = 0; i < in->attributes_n; i++) {
        if (sw_streq(in->attributes[i].name, want->name) &&
            (!want->value || sw_streq(in->attributes[i].value, want->value)))
            return true;
    }
    return false;
}

static const char *missing_attribute(const struct plan_instance *in, const struct plan_request *req)
{
    for (size_t i = 0; i < req->required_n; i++) {
        if (!has_attribute(in, &req->required[i]))
            return req->required[i].name;
    }
    return NULL;
}

/* A port that is in both lists, -1: none. */
static int common_port(const uint16_t *a, size_t a_n, const uint16_t *b, size_t b_n)
{
    for (size_t i = 0; i < a_n; i++) {
        for (size_t k = 0; k < b_n; k++) {
            if (a[i] == b[k])
                return a[i];
        }
    }
    return -1;
}

static int taken_port(const struct plan_instance *in, const struct task_resources *r, int here)
{
    if (here > 0 && r->tcp_ports_n + r->udp_ports_n > 0)
        return r->tcp_ports_n > 0 ? r->tcp_ports[0] : r->udp_ports[0];
    int port = common_port(r->tcp_ports, r->tcp_ports_n, in->tcp_ports, in->tcp_ports_n);
    return port >= 0 ? port
                     : common_port(r->udp_ports, r->udp_ports_n, in->udp_ports, in->udp_ports_n);
}

static bool has_group(const struct plan_instance *in, const char *group)
{
    for (size_t i = 0; group && i < in->groups_n; i++) {
        if (in->groups[i].tasks > 0 && sw_streq(in->groups[i].name, group))
            return true;
    }
    return false;
}

static struct plan_obstacle constraints_obstacle(const struct plan_instance *in,
                                                 const struct plan_request *req, int here)
{
    const struct cluster_query_tasks tasks = {.running = in->tasks + here,
                                              .group = here > 0 ? req->group : NULL};
    for (size_t i = 0; i < req->constraints_n; i++) {
        const struct plan_constraint *c = &req->constraints[i];
        if (!c->query && (here > 0 || has_group(in, req->group)))
            return (struct plan_obstacle){.reason = PLAN_DISTINCT};
        if (c->query && !cluster_query_matches(c->query, in, &tasks))
            return (struct plan_obstacle){.reason = PLAN_MEMBER_OF, .what = c->expression};
    }
    return (struct plan_obstacle){.reason = PLAN_FITS};
}

struct plan_obstacle plan_place_obstacle(const struct plan_cluster *view,
                                         const struct plan_request *req, size_t i, int here)
{
    const struct plan_instance *in = &view->instances[i];
    const struct task_resources *r = req->resources;
    int64_t cpu = in->cpu - here * r->cpu, memory = in->memory_mib - here * r->memory_mib;
    if (req->launch && !(in->serves & req->launch))
        return (struct plan_obstacle){.reason = PLAN_LAUNCH_TYPE};
    if (!in->active)
        return (struct plan_obstacle){.reason = PLAN_INACTIVE};
    if (!in->agent_connected)
        return (struct plan_obstacle){.reason = PLAN_AGENT};
    const char *attribute = missing_attribute(in, req);
    if (attribute)
        return (struct plan_obstacle){.reason = PLAN_ATTRIBUTE, .what = attribute};
    if (r->cpu > cpu)
        return (struct plan_obstacle){.reason = PLAN_CPU, .needed = r->cpu, .available = cpu};
    if (r->memory_mib > memory)
        return (struct plan_obstacle){
            .reason = PLAN_MEMORY, .needed = r->memory_mib, .available = memory};
    int port = taken_port(in, r, here);
    if (port >= 0)
        return (struct plan_obstacle){.reason = PLAN_PORTS, .needed = port};
    return constraints_obstacle(in, req, here);
}

/* The same as a yes or no, with the cheap questions first. */
static bool fits(const struct plan_cluster *view, const struct plan_request *req, size_t i,
                 int here)
{
    const struct plan_instance *in = &view->instances[i];
    const struct task_resources *r = req->resources;
    return in->active && in->agent_connected && r->cpu <= in->cpu - here * r->cpu &&
           r->memory_mib <= in->memory_mib - here * r->memory_mib &&
           plan_place_obstacle(view, req, i, here).reason == PLAN_FITS;
}

/* Steps 3 and 4. */

void plan_place(const struct plan_cluster *view, const struct plan_request *req, struct sw_arena *a,
                struct plan_placements *ret)
{
    size_t n = view->instances_n, at;
    assert(req->count >= 0 && req->count <= PLAN_COUNT_MAX);
    struct plan_placements p = {.instance = SW_ARENA_NEW(a, size_t, (size_t)req->count),
                                .here = SW_ARENA_NEW(a, int, n)};
    bool *candidates = SW_ARENA_NEW(a, bool, n);
    for (size_t i = 0; i < n; i++)
        candidates[i] = fits(view, req, i, 0);
    struct place_index *ix = place_index_new(view, req, PLACE_START, candidates, p.here, a);
    while (p.placed < req->count && place_index_best(ix, &at)) {
        p.instance[p.placed++] = at;
        p.here[at]++;
        place_index_changed(ix, at, 1, fits(view, req, at, p.here[at]));
    }
    p.unplaced = req->count - p.placed;
    *ret = p;
}
