/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* launcher/plan/plan_place.h - on which container instances the tasks of one request go. A function of values: same view and
 * request, same answer; no clock, chance, memory or I/O.
 * Steps, as ECS orders them: (1) instances that can take the task at all, (2) constraints, (3) strategies, (4) pick. Today (2) is
 * required attributes and (3) one ranking, the fewest tasks first; both are functions over one candidate, where more join.
 * Promise: no placement exceeds an instance's remaining cpu or memory or takes a port twice, also counting the placements of the
 * same request; placed + unplaced = count. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "launcher/model/taskdef.h"
#include "launcher/plan/plan_view.h"

#define PLAN_COUNT_MAX 10 /* tasks of one RunTask */

struct plan_request {
    const struct task_resources *resources; /* of one task */
    const struct plan_attribute *required;
    size_t required_n;
    const char *group;
    int count; /* 1..PLAN_COUNT_MAX */
};

/* Why an instance takes no (further) task, in the order in which it is asked. */
enum plan_reason {
    PLAN_FITS,
    PLAN_INACTIVE,
    PLAN_AGENT,
    PLAN_ATTRIBUTE,
    PLAN_CPU,
    PLAN_MEMORY,
    PLAN_PORTS,
    PLAN_REASON_MAX_
};
const char *plan_reason_to_string(enum plan_reason r); /* "RESOURCE:CPU" ...; NULL for PLAN_FITS */

struct plan_placements {
    size_t instance[PLAN_COUNT_MAX]; /* index into the view, one a task */
    int placed, unplaced;
};

void plan_place(const struct plan_cluster *view, const struct plan_request *req,
                struct plan_placements *ret);
/* Why instance i takes no task beyond those in `placed`. */
enum plan_reason plan_place_reason(const struct plan_cluster *view, const struct plan_request *req,
                                   const struct plan_placements *placed, size_t i);
