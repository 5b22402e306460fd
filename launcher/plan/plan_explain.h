/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* launcher/plan/plan_explain.h - why a placement is what it is: one verdict an instance, and ECS's sentence when a task found no place.
 * Explains the last task of an answer of plan_place: with it taken back, who could have taken it, and what made the chosen one the best.
 * If tasks were left over it explains the first of these instead: then nobody could. */
#include "launcher/plan/plan_place.h"

enum plan_verdict_kind {
    PLAN_CHOSEN,
    PLAN_REJECTED,    /* obstacle says why */
    PLAN_PASSED_OVER, /* it would fit, but comes after the chosen one */
    PLAN_VERDICT_MAX_
};
const char *plan_verdict_kind_to_string(
    enum plan_verdict_kind k); /* "CHOSEN" "REJECTED" "PASSED_OVER" */

struct plan_verdict {
    enum plan_verdict_kind kind;
    int here;                      /* tasks of the whole request on it */
    struct plan_obstacle obstacle; /* PLAN_REJECTED */
    size_t
        strategy; /* PLAN_PASSED_OVER: the first by which it is worse; strategies_n: equal, the tie was broken */
    int64_t own, chosen; /* what that strategy compared: tasks, or cpu or memory left */
};
struct plan_explanation {
    struct plan_verdict *verdicts; /* one an instance of the view */
    size_t closest; /* the rejected one that got furthest; instances_n: none was rejected */
};
void plan_explain(const struct plan_cluster *view, const struct plan_request *req,
                  const struct plan_placements *placed, struct sw_arena *a,
                  struct plan_explanation *ret);

/* One line for people: "needs 512 cpu units, 128 are left". */
const char *plan_verdict_text(const struct plan_request *req, const struct plan_verdict *v,
                              struct sw_arena *a);

/* What ECS says when Fargate has no room, which has no instances to speak of. */
#define PLAN_NO_CAPACITY                                                                           \
    "Capacity is unavailable at this time. Please try again later or in a different availability " \
    "zone"
/* ECS's event of a service whose task found no place. */
const char *plan_unplaced_event(const char *service, const struct plan_cluster *view,
                                const struct plan_request *req, const struct plan_explanation *e,
                                struct sw_arena *a);
