/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* launcher/logs/log_turns.h - how callers share what there is little of: places, workers, and room for results. A caller is whoever
 * rights belong to: a user, a role with all its sessions, an account's root; session names are the caller's own choice and must not
 * multiply its share. Pure. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* May one more come in for a caller that has `own`, when all together have `total` of `max` places? As long as more are free than the
 * caller has: alone it gets half of them, and whoever has none gets one until all are taken. */
bool log_turns_admit(size_t own, size_t total, size_t max);

struct log_turn {
    const char *caller;
    uint64_t began; /* turns are counted from 1; 0: it waits */
    bool runs;
};
/* The job whose turn is next, of those that wait; jobs are in the order in which they came. n: none waits. The caller with the fewest
 * that run, then the one whose last turn is longest ago, and of its jobs the oldest. So a caller with nothing running waits for one
 * job to end, and then for one turn of each other caller in the same position, however many jobs others have. */
size_t log_turns_next(const struct log_turn *jobs, size_t n);

struct log_share {
    const char *caller;
    int64_t size;
};
/* What goes first when room is short: the oldest (first) of the caller that has most. n > 0. */
size_t log_turns_drop(const struct log_share *kept, size_t n);
