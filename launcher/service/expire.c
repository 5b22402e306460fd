/* SPDX-License-Identifier: Apache-2.0 */
#include "launcher/service/expire.h"

#include "base/macros.h"
#include "launcher/service/activations.h"

#define BATCH       500
#define BATCHES_MAX 20 /* of one kind in one call */
#define DAY_US      INT64_C(86400000000)

/* In this order: what refers to a row goes before it. */
static const struct step {
    int64_t age_us;
    const char *sql; /* $1: what is older goes; $2: so many, or a few more */
} steps[] = {
    {SERVICE_KEEP_US, "DELETE FROM task WHERE id IN (SELECT id FROM task WHERE stopped_at < $1"
                      " ORDER BY stopped_at LIMIT $2)"},
    {SERVICE_KEEP_US, "DELETE FROM task_request WHERE created_at <= (SELECT MAX(o.created_at) FROM"
                      " (SELECT created_at FROM task_request WHERE created_at < $1"
                      " ORDER BY created_at LIMIT $2) o)"},
    {SERVICE_KEEP_US, "DELETE FROM service_event WHERE id IN (SELECT e.id FROM service s"
                      " JOIN service_event e ON e.service_id = s.id WHERE s.ended_at < $1"
                      " LIMIT $2)"},
    {SERVICE_KEEP_US, "DELETE FROM service_deployment WHERE id IN (SELECT d.id FROM service s"
                      " JOIN service_deployment d ON d.service_id = s.id WHERE s.ended_at < $1"
                      " LIMIT $2)"},
    {SERVICE_KEEP_US,
     "DELETE FROM service WHERE id IN (SELECT s.id FROM service s WHERE s.ended_at < $1"
     " AND NOT EXISTS (SELECT 1 FROM service_event e WHERE e.service_id = s.id)"
     " AND NOT EXISTS (SELECT 1 FROM service_deployment d WHERE d.service_id = s.id)"
     " ORDER BY s.ended_at LIMIT $2)"},
    /* What a rollback may go back to stays: the newest that was completed. */
    {90 * DAY_US,
     "DELETE FROM service_deployment WHERE id IN (SELECT d.id FROM service_deployment d"
     " WHERE d.status = 'INACTIVE' AND d.finished_at < $1 AND (d.rollout <> 'COMPLETED'"
     " OR EXISTS (SELECT 1 FROM service_deployment n WHERE n.service_id = d.service_id"
     " AND n.number > d.number AND n.rollout = 'COMPLETED')) ORDER BY d.finished_at LIMIT $2)"},
    {SERVICE_KEEP_US,
     "DELETE FROM cluster WHERE id IN (SELECT c.id FROM cluster c WHERE c.ended_at < $1"
     " AND c.status = 'INACTIVE'"
     " AND NOT EXISTS (SELECT 1 FROM task t WHERE t.cluster_id = c.id)"
     " AND NOT EXISTS (SELECT 1 FROM task_request r WHERE r.cluster_id = c.id)"
     " AND NOT EXISTS (SELECT 1 FROM service s WHERE s.cluster_id = c.id)"
     " AND NOT EXISTS (SELECT 1 FROM container_instance i WHERE i.cluster_id = c.id)"
     " ORDER BY c.ended_at LIMIT $2)"},
};

struct batch {
    const struct step *step;
    int64_t before_us, deleted;
};

static int delete_batch(struct meta_tx *tx, void *arg, struct sw_err *err)
{
    struct batch *b = arg;
    return meta_exec(tx, err, &b->deleted, b->step->sql, "ii", b->before_us, (int64_t)BATCH);
}

int expire_rows(struct launcher *l, struct sw_err *err)
{
    int64_t now = l->now_us();
    for (size_t i = 0; i < SW_ARRAY_LEN(steps); i++) {
        struct batch b = {.step = &steps[i], .before_us = now - steps[i].age_us, .deleted = BATCH};
        for (int k = 0; k < BATCHES_MAX && b.deleted >= BATCH; k++) {
            int r = meta_tx(l->db, META_WRITE, delete_batch, &b, err);
            if (r < 0)
                return r;
        }
    }
    return activations_expire(l, now - ACTIVATION_KEEP_US, err);
}
