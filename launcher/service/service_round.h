/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* launcher/service/service_round.h - one service, once: snapshot -> plan_service -> apply.
 * Promise: everything that a plan decides is written in one transaction, which also proves that the service, its deployments, its
 * tasks and the chosen instances are as the plan saw them; else nothing is written and the caller goes round again. So two that
 * plan the same service at once, in one process or in two, cannot start two tasks for one slot.
 * Threads: any; a round belongs to one.
 * Expected errors: SW_ESTALE, something moved on meanwhile, or another server has the lease (lease.h). */
#include "launcher/service/service.h"

struct service_round_result {
    bool changed; /* something was written: there may be more to do */
    bool
        waits_room; /* tasks found no instance, or it is a daemon: whatever changes in the cluster matters */
    int64_t wake_at_us;
};
int service_round(struct launcher *l, int64_t service_id, struct service_round_result *ret,
                  struct sw_err *err);
