/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* launcher/plan/plan_place.h - on which container instances the tasks of one request go. A function of values: same view and
 * request, same answer; no clock, chance (random placement takes its seed from the request) or I/O.
 * Steps, as ECS orders them: (1) instances that can take the task at all: state, agent, attributes, cpu, memory, ports,
 * (2) constraints, (3) strategies, each keeping the best of what the one before it kept, (4) pick. Where the strategies leave
 * several, (4) takes the one with the fewest tasks, then the most memory, the most cpu, the smallest id.
 * Promise: no placement exceeds an instance's remaining cpu or memory, takes a port twice or breaks a constraint, also counting the
 * placements of the same request; placed + unplaced = count; no task is unplaced while an instance could take it.
 * Cost: one look at each instance, then a logarithm of the instances a task (docs/internals/placement.md). */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "launcher/model/taskdef.h"
#include "launcher/plan/cluster_query.h"
#include "launcher/plan/plan_view.h"

#define PLAN_COUNT_MAX       100000 /* tasks of one request */
#define PLAN_STRATEGIES_MAX  5
#define PLAN_CONSTRAINTS_MAX 10

enum plan_strategy_type {
    PLAN_RANDOM,
    PLAN_SPREAD_ATTRIBUTE, /* fewest tasks of the group on instances with the same value; no value is a value too */
    PLAN_SPREAD_INSTANCE, /* fewest tasks of the group on the instance */
    PLAN_BINPACK_CPU,     /* least cpu left */
    PLAN_BINPACK_MEMORY,
    PLAN_STRATEGY_MAX_
};
struct plan_strategy {
    enum plan_strategy_type type;
    const char *attribute; /* of PLAN_SPREAD_ATTRIBUTE */
};
/* From the members of placementStrategy; field may be NULL. The attribute's name borrows from field.
 * SW_EINVALID "InvalidParameterException". */
int plan_strategy_parse(const char *type, const char *field, struct plan_strategy *ret,
                        struct sw_err *err);
/* What a service without strategies has: over availability zones, then over instances. */
extern const struct plan_strategy plan_service_strategies[];
#define PLAN_SERVICE_STRATEGIES 2

/* query NULL: distinctInstance, no other task of the group on the instance; else memberOf. */
struct plan_constraint {
    const struct cluster_query *query;
    const char *expression; /* as it was written, for explanations */
};
/* From the members of placementConstraints; expression may be NULL. SW_EINVALID "InvalidParameterException". */
int plan_constraint_parse(const char *type, const char *expression, struct sw_arena *a,
                          struct plan_constraint *ret, struct sw_err *err);

struct plan_request {
    const struct task_resources *resources; /* of one task */
    unsigned launch;                        /* plan_launch: only instances that serve it; 0: any */
    const struct plan_attribute *required;
    size_t required_n;
    const struct plan_constraint *constraints;
    size_t constraints_n;
    const struct plan_strategy *strategies;
    size_t strategies_n;
    const char *group; /* whose tasks are counted; NULL: only those of this request */
    int count;         /* 0..PLAN_COUNT_MAX */
    uint64_t seed;     /* of PLAN_RANDOM */
};

/* Why an instance takes no (further) task, in the order in which it is asked. */
enum plan_reason {
    PLAN_FITS,
    PLAN_LAUNCH_TYPE,
    PLAN_INACTIVE,
    PLAN_AGENT,
    PLAN_ATTRIBUTE,
    PLAN_CPU,
    PLAN_MEMORY,
    PLAN_PORTS,
    PLAN_DISTINCT,
    PLAN_MEMBER_OF,
    PLAN_REASON_MAX_
};
/* As in RunTask's failures: "RESOURCE:CPU" ...; NULL for PLAN_FITS. */
const char *plan_reason_to_string(enum plan_reason r);

struct plan_placements {
    size_t *instance; /* index into the view, one a task */
    int placed, unplaced;
    int *here; /* tasks of this request on each instance of the view */
};

/* The result lies in the arena. */
void plan_place(const struct plan_cluster *view, const struct plan_request *req, struct sw_arena *a,
                struct plan_placements *ret);

/* What stood in the way of one more task. */
struct plan_obstacle {
    enum plan_reason reason;
    int64_t needed, available; /* cpu, memory; needed: the port that is taken */
    const char *what;          /* PLAN_ATTRIBUTE: its name; PLAN_MEMBER_OF: the expression */
};
/* Why instance i takes no task beyond `here` ones of this request. */
struct plan_obstacle plan_place_obstacle(const struct plan_cluster *view,
                                         const struct plan_request *req, size_t i, int here);
