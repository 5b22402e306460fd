/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* launcher/service/placement_rules.h - placementConstraints, placementStrategy and the attributes that a definition needs, from JSON to
 * plan_place's values; and the host ports that a placed task reserves, as its row has them.
 * The result lies in the arena and borrows texts from the documents. */
#include <jansson.h>

#include "launcher/plan/plan_place.h"

struct placement_rules {
    struct plan_constraint constraints[PLAN_CONSTRAINTS_MAX];
    size_t constraints_n;
    struct plan_strategy strategies[PLAN_STRATEGIES_MAX];
    size_t strategies_n;
};
/* Constraints of the task definition and of the request together, strategies of the request; either may be NULL.
 * SW_EINVALID "InvalidParameterException". */
int placement_rules_read(const json_t *definition, const json_t *request, struct sw_arena *a,
                         struct placement_rules *ret, struct sw_err *err);
/* requiresAttributes of the definition. */
const struct plan_attribute *placement_required(const json_t *definition, struct sw_arena *a,
                                                size_t *ret_n);
/* {"tcp": [...], "udp": [...]}, owned. */
char *placement_ports(const struct task_resources *r);
/* Do they look at the groups of tasks (plan_instance.groups)? */
bool placement_rules_read_groups(const struct placement_rules *r);
