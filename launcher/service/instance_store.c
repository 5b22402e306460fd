/* SPDX-License-Identifier: Apache-2.0 */
#include "launcher/service/instance_store.h"

#include "base/alloc.h"
#include "base/macros.h"
#include "launcher/service/service.h"

#define EXPIRE_BATCH 500

void instance_row_done(struct instance_row *r)
{
    free(r->id);
    free(r->status);
    free(r->principal_arn);
    free(r->document);
    free(r->capacity);
    free(r->cluster_name);
    *r = (struct instance_row){.id = NULL};
}

void instance_rows_free(struct instance_row *rows, size_t n)
{
    for (size_t i = 0; i < n; i++)
        instance_row_done(&rows[i]);
    free(rows);
}

int instance_store_add(struct meta_tx *tx, int64_t cluster_id, const char *id,
                       const char *principal_arn, const char *document, int64_t now_us,
                       struct sw_err *err)
{
    return meta_exec(tx, err, NULL,
                     "INSERT INTO container_instance"
                     " (id, cluster_id, status, principal_arn, document, version, registered_at)"
                     " VALUES ($1, $2, 'ACTIVE', $3, $4, 1, $5)",
                     "titti", id, cluster_id, principal_arn, document, now_us);
}

int instance_store_get(struct meta_tx *tx, int64_t cluster_id, const char *id,
                       struct instance_row *ret, struct sw_err *err)
{
    return meta_get(tx, err,
                    "SELECT id, status, principal_arn, document, version, registered_at, capacity"
                    " FROM container_instance WHERE ($1 = 0 OR cluster_id = $1) AND id = $2",
                    "it", cluster_id, id, "ttttiit", &ret->id, &ret->status, &ret->principal_arn,
                    &ret->document, &ret->version, &ret->registered_at, &ret->capacity);
}

int instance_store_set_document(struct meta_tx *tx, const char *id, const char *document,
                                struct sw_err *err)
{
    return meta_exec(tx, err, NULL,
                     "UPDATE container_instance SET document = $2, version = version + 1"
                     " WHERE id = $1",
                     "tt", id, document);
}

int instance_store_set_capacity(struct meta_tx *tx, const char *id, const char *capacity,
                                struct sw_err *err)
{
    return meta_exec(tx, err, NULL, "UPDATE container_instance SET capacity = $2 WHERE id = $1",
                     "tt", id, capacity);
}

int instance_store_set_status(struct meta_tx *tx, const char *id, const char *status,
                              struct sw_err *err)
{
    return meta_exec(tx, err, NULL,
                     "UPDATE container_instance SET status = $2, version = version + 1"
                     " WHERE id = $1",
                     "tt", id, status);
}

int instance_store_retire(struct meta_tx *tx, const char *id, int64_t now_us, struct sw_err *err)
{
    return meta_exec(tx, err, NULL,
                     "UPDATE container_instance SET status = 'INACTIVE', inactive_at = $2,"
                     " version = version + 1 WHERE id = $1",
                     "ti", id, now_us);
}

int instance_store_count(struct meta_tx *tx, const char *principal_arn, int64_t *ret_n,
                         struct sw_err *err)
{
    int r = meta_get(tx, err,
                     "SELECT COUNT(*) FROM container_instance WHERE principal_arn = $1"
                     " AND inactive_at = 0",
                     "t", principal_arn, "i", ret_n);
    return r < 0 ? r : 0;
}

/* Those that st names; read to its end first, since both ask one connection. */
static int delete_all(struct meta_tx *tx, struct meta_stmt *st, json_t *ids, struct sw_err *err)
{
    size_t i = json_array_size(ids);
    int r;
    while ((r = meta_step(st, err)) > 0) {
        sw_autofree char *id = meta_dup(st, 0);
        json_array_append_new(ids, json_string(id));
    }
    for (; i < json_array_size(ids) && r >= 0; i++)
        r = meta_exec(tx, err, NULL, "DELETE FROM container_instance WHERE id = $1", "t",
                      json_string_value(json_array_get(ids, i)));
    return r;
}

int instance_store_expire(struct meta_tx *tx, int64_t before_us, json_t *ids, struct sw_err *err)
{
    meta_autostmt *st = NULL;
    int r = meta_query(tx, err, &st,
                       "SELECT id FROM container_instance WHERE inactive_at > 0"
                       " AND inactive_at < $1 AND NOT EXISTS (SELECT 1 FROM task"
                       " WHERE task.instance_id = container_instance.id)"
                       " ORDER BY inactive_at LIMIT $2",
                       "ii", before_us, (int64_t)EXPIRE_BATCH);
    return r < 0 ? r : delete_all(tx, st, ids, err);
}

int instance_store_trim(struct meta_tx *tx, const char *principal_arn, int keep, json_t *ids,
                        struct sw_err *err)
{
    meta_autostmt *st = NULL;
    int r = meta_query(tx, err, &st,
                       "SELECT id FROM container_instance WHERE principal_arn = $1"
                       " AND inactive_at > 0 AND NOT EXISTS (SELECT 1 FROM task"
                       " WHERE task.instance_id = container_instance.id)"
                       " ORDER BY inactive_at DESC, id LIMIT $2 OFFSET $3",
                       "tii", principal_arn, (int64_t)EXPIRE_BATCH, (int64_t)keep);
    return r < 0 ? r : delete_all(tx, st, ids, err);
}

int instance_store_touch(struct meta_tx *tx, const char *id, struct sw_err *err)
{
    return meta_exec(tx, err, NULL,
                     "UPDATE container_instance SET version = version + 1 WHERE id = $1", "t", id);
}

int instance_store_claim(struct meta_tx *tx, const char *id, int64_t version, struct sw_err *err)
{
    int64_t changed = 0;
    int r = meta_exec(tx, err, &changed,
                      "UPDATE container_instance SET version = version + 1"
                      " WHERE id = $1 AND version = $2 AND status = 'ACTIVE'",
                      "ti", id, version);
    if (r < 0)
        return r;
    return changed == 1 ? 0 : sw_fail(err, SW_ESTALE, NULL, "instance %s has changed", id);
}

static int read_rows(struct meta_stmt *st, struct instance_row **ret, size_t *ret_n,
                     struct sw_err *err)
{
    struct instance_row *rows = NULL;
    size_t n = 0;
    int r;
    while ((r = meta_step(st, err)) > 0) {
        rows = sw_realloc_array(rows, n + 1, sizeof *rows);
        rows[n++] = (struct instance_row){.id = meta_dup(st, 0),
                                          .status = meta_dup(st, 1),
                                          .principal_arn = meta_dup(st, 2),
                                          .document = meta_dup(st, 3),
                                          .version = meta_int(st, 4),
                                          .registered_at = meta_int(st, 5),
                                          .capacity = meta_dup(st, 6),
                                          .cluster_name = meta_dup(st, 7)};
    }
    if (r < 0) {
        instance_rows_free(rows, n);
        return r;
    }
    *ret = rows;
    *ret_n = n;
    return 0;
}

int instance_store_all(struct meta_tx *tx, int64_t cluster_id, struct instance_row **ret,
                       size_t *ret_n, struct sw_err *err)
{
    meta_autostmt *st = NULL;
    int r = meta_query(tx, err, &st,
                       "SELECT id, status, principal_arn, document, version, registered_at,"
                       " capacity, '' FROM container_instance WHERE cluster_id = $1"
                       " AND status <> 'INACTIVE' AND capacity <> 'FARGATE' ORDER BY id",
                       "i", cluster_id);
    return r < 0 ? r : read_rows(st, ret, ret_n, err);
}

int instance_store_fleet(struct meta_tx *tx, const char *account, const char *region,
                         struct instance_row **ret, size_t *ret_n, struct sw_err *err)
{
    meta_autostmt *st = NULL;
    int r = meta_query(tx, err, &st,
                       "SELECT i.id, i.status, i.principal_arn, i.document, i.version,"
                       " i.registered_at, i.capacity, c.name FROM container_instance i"
                       " JOIN cluster c ON c.id = i.cluster_id WHERE i.capacity <> 'CLUSTER'"
                       " AND i.status <> 'INACTIVE' AND c.account_id = $1 AND c.region = $2"
                       " ORDER BY i.id",
                       "tt", account, region);
    return r < 0 ? r : read_rows(st, ret, ret_n, err);
}

int instance_store_list(struct meta_tx *tx, int64_t cluster_id, const char *status,
                        struct launcher_page *page, json_t *ids, struct sw_err *err)
{
    meta_autostmt *st = NULL;
    int r = meta_query(tx, err, &st,
                       "SELECT id FROM container_instance WHERE cluster_id = $1 AND id > $2"
                       " AND (status = $3 OR ($3 = '' AND status <> 'INACTIVE'))"
                       " AND capacity <> 'FARGATE'"
                       " ORDER BY id LIMIT $4",
                       "itti", cluster_id, page->after, status, (int64_t)page->limit + 1);
    return r < 0 ? r : service_page_rows(st, page, ids, err);
}
