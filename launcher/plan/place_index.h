/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* launcher/plan/place_index.h - the instances of a view in the order of a list of strategies, kept while tasks come and go.
 * Only for the planners. Each spread over an attribute makes groups of instances, groups within groups for the next such strategy;
 * within a group instances stand in a heap, and so do the groups of a group. What a placement changes (one instance, and the counts
 * of the groups that it is in) moves it and its groups in their heaps and nothing else: order between other instances never depends
 * on a count that they share. Cost: building is linear in instances, a change is a logarithm of them.
 * Lives in the arena. */
#include "launcher/plan/plan_place.h"

struct place_index;

enum place_direction {
    PLACE_START,
    PLACE_STOP
}; /* PLACE_STOP turns the order of each strategy around */

/* here[i] are the tasks on instance i besides the view's, below 0 for stopped ones; the array stays the caller's, who calls
 * place_index_changed after writing to it. candidates[i] says who is in the order. */
struct place_index *place_index_new(const struct plan_cluster *view, const struct plan_request *req,
                                    enum place_direction direction, const bool *candidates,
                                    const int *here, struct sw_arena *a);
bool place_index_best(const struct place_index *ix, size_t *ret);
/* After here[i] grew by `by`; keep: i is still a candidate. */
void place_index_changed(struct place_index *ix, size_t i, int by, bool keep);
/* The first strategy by which candidate i comes after candidate `best`, with the two values; strategies_n: only what breaks ties;
 * works for instances that were candidates when the index was made. */
size_t place_index_difference(const struct place_index *ix, size_t i, size_t best, int64_t *ret_own,
                              int64_t *ret_best);
