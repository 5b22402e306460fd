/* SPDX-License-Identifier: Apache-2.0 */
/* Zones that got out of balance: a machine of a zone came back, or came. Of a service that is complete and wants it:
 * 1. When a zone that has room has at least two tasks fewer than another, one more task is started in it, above desired.
 * 2. Until that one is healthy, it is not too many.
 * 3. Then scale-in takes the excess from the zone with the most tasks, and it begins again until all zones are within one.
 * A step ends nearer to balance than it began, so that it ends: the started task's zone has at most as many as the other one keeps. */
#include <string.h>

#include "base/macros.h"
#include "launcher/plan/service_plan.h"

#define ZONE "ecs.availability-zone"

struct zone {
    const char *name;
    int tasks;   /* healthy ones */
    int movable; /* of them those that are not protected */
};

static const char *zone_of(const struct plan_instance *in)
{
    for (size_t i = 0; i < in->attributes_n; i++) {
        if (sw_streq(in->attributes[i].name, ZONE) && in->attributes[i].value)
            return in->attributes[i].value;
    }
    return "";
}

static struct zone *find(struct zone *zones, size_t n, const char *name)
{
    size_t i = 0;
    while (i < n && !sw_streq(zones[i].name, name))
        i++;
    return &zones[i];
}

/* The zones of the active instances, by name. */
static struct zone *count(const struct service_plan *p, size_t *ret_n)
{
    const struct plan_cluster *c = &p->v->cluster;
    struct zone *zones = SW_ARENA_NEW(p->arena, struct zone, c->instances_n + 1);
    size_t n = 0;
    for (size_t i = 0; i < c->instances_n; i++) {
        struct zone *z = find(zones, n, zone_of(&c->instances[i]));
        if (!c->instances[i].active || z < &zones[n])
            continue;
        for (; z > zones && strcmp(z[-1].name, zone_of(&c->instances[i])) > 0; z--)
            z->name = z[-1].name;
        z->name = zone_of(&c->instances[i]);
        n++;
    }
    for (size_t i = 0; i < p->v->tasks_n; i++) {
        if (!service_task_healthy(p, i) || service_task_away(p, i))
            continue;
        struct zone *z = find(zones, n, zone_of(&c->instances[p->v->tasks[i].instance]));
        z->tasks++;
        z->movable += !service_task_protected(p, i);
    }
    *ret_n = n;
    return zones;
}

/* How many are in the fullest zone that can give one away; 0: none can. */
static int fullest(const struct zone *zones, size_t n)
{
    int most = 0, movable = 0;
    for (size_t i = 0; i < n; i++) {
        most = SW_MAX(most, zones[i].tasks);
        movable = zones[i].movable > 0 ? SW_MAX(movable, zones[i].tasks) : movable;
    }
    return movable == most ? most : 0; /* else scale-in would take it elsewhere */
}

/* Some zone has at most so many. */
static bool any_with(const struct zone *zones, size_t n, int tasks)
{
    for (size_t i = 0; i < n; i++) {
        if (zones[i].tasks <= tasks)
            return true;
    }
    return false;
}

static const char *unbalanced_text(const struct service_plan *p, const struct zone *zones, size_t n)
{
    const char *text =
        sw_arena_printf(p->arena, "(service %s) is not AZ balanced with", p->v->name);
    for (size_t i = 0; i < n; i++)
        text = sw_arena_printf(p->arena, "%s%s %d tasks in %s", text, i == 0 ? "" : ",",
                               zones[i].tasks, zones[i].name);
    return sw_arena_printf(p->arena, "%s. AZ Rebalancing in progress.", text);
}

bool service_plan_rebalance(struct service_plan *p)
{
    const struct plan_service_view *v = p->v;
    struct plan_placements placed;
    size_t n = 0;
    struct zone *zones = count(p, &n);
    int most = fullest(zones, n);
    if (!any_with(zones, n, most - 2))
        return false;
    struct plan_request req = *v->deployments[p->primary].request;
    req.count = 1;
    req.seed = v->seed;
    plan_place(&v->cluster, &req, p->arena, &placed);
    if (placed.placed == 0)
        return false;
    size_t instance = placed.instance[0];
    if (find(zones, n, zone_of(&v->cluster.instances[instance]))->tasks > most - 2)
        return false;
    service_plan_event(p, unbalanced_text(p, zones, n));
    service_plan_add_start(p, p->primary, instance);
    return true;
}

bool service_rebalance_waits(const struct service_plan *p)
{
    size_t n = 0;
    struct zone *zones = count(p, &n);
    int most = fullest(zones, n);
    for (size_t i = 0; i < p->v->tasks_n; i++) {
        if (!service_task_live(p, i) || service_task_healthy(p, i) || service_task_away(p, i))
            continue;
        const struct plan_instance *in = &p->v->cluster.instances[p->v->tasks[i].instance];
        if (find(zones, n, zone_of(in))->tasks <= most - 2)
            return true;
    }
    return false;
}
