/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* launcher/plan/cluster_query.h - ECS's cluster query language: placement constraints and list filters.
 *
 *   expression = comparison | ( expression ) | not expression | expression and expression | expression or expression
 *   comparison = subject operator [argument]
 *
 * Subjects: agentConnected, agentVersion, attribute:NAME, ec2InstanceId, registeredAt, runningTasksCount, task:group.
 * Operators: == equals, != not_equals, > greater_than, >= greater_than_equal, < less_than, <= less_than_equal, exists,
 * !exists not_exists, in [a, b], !in not_in [a, b], =~ matches, !~ not_matches. Boolean: && and, || or, ! not; `and` binds tighter.
 * An argument ends at a blank, at a closing bracket that it did not open, at && or ||, and in a list at a comma; or it stands in
 * '...' or "...". The right side of =~ is a pattern (base/pattern.h).
 *
 * Meaning: a negative operator is the negation of its positive one, so `attribute:x != y` holds where x is missing. An order (> ...)
 * compares numbers (attributes, runningTasksCount), dotted versions (agentVersion) or instants (registeredAt), and does not hold
 * where the value is missing or no such thing. task:group holds if it holds for one of the groups that have tasks on the instance.
 *
 * Lives in the arena, borrows nothing from the text; read-only afterwards. Expected errors: SW_EINVALID, its message names the column. */
#include "base/arena.h"
#include "base/err.h"
#include "launcher/plan/plan_view.h"

#define CLUSTER_QUERY_TEXT_MAX 2000

struct cluster_query;
int cluster_query_parse(struct sw_str text, struct sw_arena *a, const struct cluster_query **ret,
                        struct sw_err *err);

/* What changes while tasks are placed. */
struct cluster_query_tasks {
    int running;       /* runningTasksCount */
    const char *group; /* with tasks here besides those in the view; NULL: none */
};
bool cluster_query_matches(const struct cluster_query *q, const struct plan_instance *in,
                           const struct cluster_query_tasks *tasks);
