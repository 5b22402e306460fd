/* SPDX-License-Identifier: Apache-2.0 */
/* Invariant: what an instance still has is its remaining value less the placements of this request on it, counted afresh at each
 * question: there is no second copy of the view that could drift. */
#include "launcher/plan/plan_place.h"

#include <assert.h>

#include "base/str.h"

static const char *const reasons[PLAN_REASON_MAX_] = {
    [PLAN_FITS] = NULL,
    [PLAN_INACTIVE] = "INACTIVE",
    [PLAN_AGENT] = "AGENT",
    [PLAN_ATTRIBUTE] = "ATTRIBUTE",
    [PLAN_CPU] = "RESOURCE:CPU",
    [PLAN_MEMORY] = "RESOURCE:MEMORY",
    [PLAN_PORTS] = "RESOURCE:PORTS",
};

const char *plan_reason_to_string(enum plan_reason r)
{
    return (int)r >= 0 && r < PLAN_REASON_MAX_ ? reasons[r] : NULL;
}

static int placed_on(const struct plan_placements *p, size_t instance)
{
    int n = 0;
    for (int i = 0; i < p->placed; i++)
        n += p->instance[i] == instance;
    return n;
}

static bool has_attribute(const struct plan_instance *in, const struct plan_attribute *want)
{
    for (size_t i = 0; i < in->attributes_n; i++) {
        if (sw_streq(in->attributes[i].name, want->name) &&
            (!want->value || sw_streq(in->attributes[i].value, want->value)))
            return true;
    }
    return false;
}

static bool has_attributes(const struct plan_instance *in, const struct plan_request *req)
{
    for (size_t i = 0; i < req->required_n; i++) {
        if (!has_attribute(in, &req->required[i]))
            return false;
    }
    return true;
}

static bool ports_disjoint(const uint16_t *a, size_t a_n, const uint16_t *b, size_t b_n)
{
    for (size_t i = 0; i < a_n; i++) {
        for (size_t k = 0; k < b_n; k++) {
            if (a[i] == b[k])
                return false;
        }
    }
    return true;
}

static bool ports_free(const struct plan_instance *in, const struct task_resources *r, int here)
{
    if (here > 0 && r->tcp_ports_n + r->udp_ports_n > 0)
        return false;
    return ports_disjoint(in->tcp_ports, in->tcp_ports_n, r->tcp_ports, r->tcp_ports_n) &&
           ports_disjoint(in->udp_ports, in->udp_ports_n, r->udp_ports, r->udp_ports_n);
}

enum plan_reason plan_place_reason(const struct plan_cluster *view, const struct plan_request *req,
                                   const struct plan_placements *placed, size_t i)
{
    const struct plan_instance *in = &view->instances[i];
    const struct task_resources *r = req->resources;
    int here = placed_on(placed, i);
    if (!in->active)
        return PLAN_INACTIVE;
    if (!in->agent_connected)
        return PLAN_AGENT;
    if (!has_attributes(in, req))
        return PLAN_ATTRIBUTE;
    if (r->cpu > in->cpu - here * r->cpu)
        return PLAN_CPU;
    if (r->memory_mib > in->memory_mib - here * r->memory_mib)
        return PLAN_MEMORY;
    if (!ports_free(in, r, here))
        return PLAN_PORTS;
    return PLAN_FITS;
}

/* True if a is the better place than b: fewer tasks, then more memory left, then more cpu, then the id. */
static bool better(const struct plan_cluster *view, const struct plan_request *req,
                   const struct plan_placements *placed, size_t a, size_t b)
{
    const struct plan_instance *x = &view->instances[a], *y = &view->instances[b];
    int x_here = placed_on(placed, a), y_here = placed_on(placed, b);
    int x_tasks = x->tasks + x_here, y_tasks = y->tasks + y_here;
    int64_t x_memory = x->memory_mib - x_here * req->resources->memory_mib;
    int64_t y_memory = y->memory_mib - y_here * req->resources->memory_mib;
    int64_t x_cpu = x->cpu - x_here * req->resources->cpu;
    int64_t y_cpu = y->cpu - y_here * req->resources->cpu;
    if (x_tasks != y_tasks)
        return x_tasks < y_tasks;
    if (x_memory != y_memory)
        return x_memory > y_memory;
    if (x_cpu != y_cpu)
        return x_cpu > y_cpu;
    return strcmp(x->id, y->id) < 0;
}

static bool pick(const struct plan_cluster *view, const struct plan_request *req,
                 const struct plan_placements *placed, size_t *ret)
{
    bool found = false;
    for (size_t i = 0; i < view->instances_n; i++) {
        if (plan_place_reason(view, req, placed, i) != PLAN_FITS)
            continue;
        if (!found || better(view, req, placed, i, *ret))
            *ret = i;
        found = true;
    }
    return found;
}

void plan_place(const struct plan_cluster *view, const struct plan_request *req,
                struct plan_placements *ret)
{
    assert(req->count >= 1 && req->count <= PLAN_COUNT_MAX);
    *ret = (struct plan_placements){.placed = 0};
    size_t at = 0;
    while (ret->placed < req->count && pick(view, req, ret, &at))
        ret->instance[ret->placed++] = at;
    ret->unplaced = req->count - ret->placed;
}
