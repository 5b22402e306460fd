/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* launcher/service/counts.h - how many tasks in which state, and how many agents, for operators. All accounts and regions
 * together. Reads an index from end to end, so callers keep the answer for a while. */
#include "launcher/service/launcher.h"

#define LAUNCHER_STATES_MAX 16

struct launcher_counts {
    struct launcher_count {
        char status[32];
        uint64_t n;
    } tasks[LAUNCHER_STATES_MAX]; /* by lastStatus; stopped ones are remembered for a day */
    size_t tasks_n;
    uint64_t instances; /* registered and not deregistered */
    uint64_t agents;    /* connected at this moment */
};
int launcher_counts(struct launcher *l, struct launcher_counts *ret, struct sw_err *err);

/* From memory: whether this server is the one that acts, and how many plans of services it made. */
struct launcher_acting {
    bool lease_held;
    uint64_t lease_epoch, lease_taken, rounds;
};
void launcher_acting(struct launcher *l, struct launcher_acting *ret);
