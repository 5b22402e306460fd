/* SPDX-License-Identifier: Apache-2.0 */
#include "launcher/service/counts.h"

#include "launcher/service/agents.h"
#include "launcher/service/lease.h"
#include "launcher/service/service.h"
#include "launcher/service/service_loop.h"

static int counts_tx(struct meta_tx *tx, void *arg, struct sw_err *err)
{
    struct launcher_counts *c = arg;
    meta_autostmt *st = NULL;
    int64_t instances = 0;
    c->tasks_n = 0;
    int r = meta_query(tx, err, &st,
                       "SELECT last_status, COUNT(*) FROM task GROUP BY last_status ORDER BY "
                       "last_status LIMIT $1",
                       "i", (int64_t)LAUNCHER_STATES_MAX);
    while (r >= 0 && (r = meta_step(st, err)) > 0) {
        struct launcher_count *one = &c->tasks[c->tasks_n++];
        (void)sw_str_copy(meta_str(st, 0), one->status, sizeof one->status);
        one->n = (uint64_t)meta_int(st, 1);
    }
    if (r >= 0)
        r = meta_get(tx, err, "SELECT COUNT(*) FROM container_instance WHERE status <> 'INACTIVE'",
                     "", "i", &instances);
    c->instances = (uint64_t)instances;
    return r < 0 ? r : 0;
}

int launcher_counts(struct launcher *l, struct launcher_counts *ret, struct sw_err *err)
{
    struct launcher_counts c = {.tasks_n = 0};
    int r = meta_tx(l->db, META_READ_LONG, counts_tx, &c, err);
    if (r < 0)
        return r;
    c.agents = agents_count(l->agents, l->now_us());
    *ret = c;
    return 0;
}

void launcher_acting(struct launcher *l, struct launcher_acting *ret)
{
    struct lease_state lease;
    lease_state(l->lease, &lease);
    *ret = (struct launcher_acting){.lease_held = lease.held,
                                    .lease_epoch = lease.epoch,
                                    .lease_taken = lease.taken,
                                    .rounds = service_loop_rounds(l->services)};
}
