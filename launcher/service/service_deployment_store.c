/* SPDX-License-Identifier: Apache-2.0 */
/* Rows of deployments and task sets: the other half of service_store.h. */
#include "base/alloc.h"
#include "base/id.h"
#include "base/json.h"
#include "base/macros.h"
#include "launcher/service/service.h"
#include "launcher/service/service_store.h"

static const char *const statuses[] = {"PRIMARY", "ACTIVE", "INACTIVE"};

void service_deployment_rows_free(struct service_deployment_row *rows, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        free(rows[i].public_id);
        free(rows[i].revision);
        free(rows[i].rollback_of);
        free(rows[i].family);
        json_decref(rows[i].document);
    }
    free(rows);
}

/* n decimal digits, the first of them not 0. */
static void random_digits(char *out, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        uint64_t v;
        sw_random_bytes(&v, sizeof v);
        out[i] = (char)(i == 0 ? '1' + v % 9 : '0' + v % 10);
    }
    out[n] = 0;
}

static int step_down(struct meta_tx *tx, int64_t service_id, int64_t now_us, struct sw_err *err)
{
    return meta_exec(tx, err, NULL,
                     "UPDATE service_deployment SET status = 'ACTIVE', updated_at = $2,"
                     " finished_at = COALESCE(finished_at, $2)"
                     " WHERE service_id = $1 AND status = 'PRIMARY'",
                     "ii", service_id, now_us);
}

int service_store_add_deployment(struct meta_tx *tx, const struct service_deployment_new *n,
                                 int64_t now_us, char ret_id[SERVICE_DEPLOYMENT_ID],
                                 struct sw_err *err)
{
    char digits[SERVICE_REVISION_ID], public_id[SERVICE_PUBLIC_ID];
    int64_t number = 0;
    sw_autofree char *document = sw_json_dump(n->document);
    random_digits(digits, sizeof digits - 1);
    sw_random_base32(public_id, SERVICE_PUBLIC_ID - 1);
    (void)snprintf(ret_id, SERVICE_DEPLOYMENT_ID, "ecs-svc/%s", digits);
    int r = meta_get(tx, err,
                     "SELECT COALESCE(MAX(number), 0) + 1 FROM service_deployment"
                     " WHERE service_id = $1",
                     "i", n->service_id, "i", &number);
    if (r < 0)
        return r;
    if (sw_streq(n->status, statuses[PLAN_PRIMARY]) &&
        (r = step_down(tx, n->service_id, now_us, err)) < 0)
        return r;
    return meta_exec(tx, err, NULL,
                     "INSERT INTO service_deployment (id, service_id, number, definition_id,"
                     " public_id, revision, rollback_of, status, rollout, failed_tasks,"
                     " start_failures, last_failure_at, retry_at, rolled_back, stable, desired,"
                     " document, created_at, updated_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8,"
                     " 'IN_PROGRESS', 0, 0, 0, 0, 0, 0, $9, $10, $11, $11)",
                     "tiiittttiti", ret_id, n->service_id, number, n->definition_id, public_id,
                     n->revision ? n->revision : digits, n->rollback_of, n->status, n->desired,
                     document, now_us);
}

static enum plan_deployment_status status_from(const char *text)
{
    for (size_t i = 0; i < SW_ARRAY_LEN(statuses); i++) {
        if (sw_streq(text, statuses[i]))
            return (enum plan_deployment_status)i;
    }
    return PLAN_DEPLOYMENT_INACTIVE;
}

static int read_row(struct meta_stmt *st, struct service_deployment_row *d, struct sw_err *err)
{
    sw_autofree char *status = meta_dup(st, 5);
    sw_autofree char *rollout = meta_dup(st, 6);
    sw_autofree char *document = meta_dup(st, 14);
    *d = (struct service_deployment_row){.number = meta_int(st, 1),
                                         .public_id = meta_dup(st, 2),
                                         .revision = meta_dup(st, 3),
                                         .rollback_of = meta_dup(st, 4),
                                         .desired = meta_int(st, 13),
                                         .created_at = meta_int(st, 15),
                                         .updated_at = meta_int(st, 16),
                                         .finished_at = meta_int(st, 17),
                                         .definition_id = meta_int(st, 18),
                                         .family = meta_dup(st, 19),
                                         .definition_revision = meta_int(st, 20)};
    (void)sw_str_copy(meta_str(st, 0), d->id, sizeof d->id);
    d->state = (struct plan_deployment_state){.status = status_from(status),
                                              .failed_tasks = (int)meta_int(st, 7),
                                              .start_failures = (int)meta_int(st, 8),
                                              .last_failure_us = meta_int(st, 9),
                                              .retry_at_us = meta_int(st, 10),
                                              .rolled_back = meta_int(st, 11) != 0,
                                              .stable = meta_int(st, 12) != 0};
    (void)plan_rollout_from_string(rollout, &d->state.rollout);
    return service_document(document, &d->document, err);
}

int service_store_deployments(struct meta_tx *tx, int64_t service_id, bool all,
                              struct service_deployment_row **ret, size_t *ret_n,
                              struct sw_err *err)
{
    meta_autostmt *st = NULL;
    struct service_deployment_row *rows = NULL;
    size_t n = 0, max = 0;
    int r = meta_query(tx, err, &st,
                       "SELECT s.id, s.number, s.public_id, s.revision, s.rollback_of, s.status,"
                       " s.rollout, s.failed_tasks, s.start_failures, s.last_failure_at,"
                       " s.retry_at, s.rolled_back, s.stable, s.desired, s.document, s.created_at,"
                       " s.updated_at, s.finished_at, s.definition_id, d.family, d.revision"
                       " FROM service_deployment s JOIN task_definition d"
                       " ON d.id = s.definition_id WHERE s.service_id = $1"
                       " AND ($2 = 1 OR s.status <> 'INACTIVE') ORDER BY s.number DESC",
                       "ii", service_id, (int64_t)all);
    while (r >= 0 && (r = meta_step(st, err)) > 0) {
        if (n == max) {
            max = max * 2 + 4;
            rows = sw_realloc_array(rows, max, sizeof *rows);
        }
        r = read_row(st, &rows[n++], err);
    }
    if (r < 0) {
        service_deployment_rows_free(rows, n);
        return r;
    }
    *ret = rows;
    *ret_n = n;
    return 0;
}

int service_store_set_deployment(struct meta_tx *tx, const struct service_deployment_row *d,
                                 int64_t now_us, struct sw_err *err)
{
    const struct plan_deployment_state *s = &d->state;
    sw_autofree char *document = sw_json_dump(d->document);
    bool finished = s->rollout != PLAN_IN_PROGRESS || s->status == PLAN_DEPLOYMENT_INACTIVE;
    int r = meta_exec(tx, err, NULL,
                      "UPDATE service_deployment SET status = $2, rollout = $3, failed_tasks = $4,"
                      " start_failures = $5, last_failure_at = $6, retry_at = $7, rolled_back = $8,"
                      " stable = $9, desired = $10, document = $11, updated_at = $12"
                      " WHERE id = $1",
                      "tttiiiiiiiti", d->id, statuses[s->status],
                      plan_rollout_to_string(s->rollout), (int64_t)s->failed_tasks,
                      (int64_t)s->start_failures, s->last_failure_us, s->retry_at_us,
                      (int64_t)s->rolled_back, (int64_t)s->stable, d->desired, document, now_us);
    if (r < 0 || !finished)
        return r;
    return meta_exec(tx, err, NULL,
                     "UPDATE service_deployment SET finished_at = COALESCE(finished_at, $2)"
                     " WHERE id = $1",
                     "ti", d->id, now_us);
}

int service_store_last_completed(struct meta_tx *tx, int64_t service_id, const char *but,
                                 struct service_target *ret, struct sw_err *err)
{
    sw_autofree char *id = NULL, *revision = NULL;
    int r = meta_get(tx, err,
                     "SELECT id, revision, definition_id FROM service_deployment"
                     " WHERE service_id = $1 AND rollout = 'COMPLETED' AND id <> $2"
                     " ORDER BY number DESC LIMIT 1",
                     "it", service_id, but, "tti", &id, &revision, &ret->definition_id);
    if (r <= 0)
        return r;
    (void)sw_str_copy(sw_str(id), ret->id, sizeof ret->id);
    (void)sw_str_copy(sw_str(revision), ret->revision, sizeof ret->revision);
    return 1;
}

int service_store_deployment_document(struct meta_tx *tx, const char *id, json_t **ret,
                                      struct sw_err *err)
{
    sw_autofree char *text = NULL;
    int r = meta_get(tx, err, "SELECT document FROM service_deployment WHERE id = $1", "t", id, "t",
                     &text);
    if (r == 0)
        return sw_fail(err, SW_ESTALE, NULL, "deployment %s is gone", id);
    if (r > 0 && (r = service_document(text, ret, err)) == 0) {
        json_object_del(*ret, "reason");
        json_object_del(*ret, "rollingBackTo");
    }
    return r;
}
