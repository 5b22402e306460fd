/* SPDX-License-Identifier: Apache-2.0 */
#include "launcher/service/cluster_store.h"

#include "base/alloc.h"
#include "base/json.h"
#include "launcher/service/service.h"

void cluster_row_done(struct cluster_row *r)
{
    free(r->name);
    free(r->status);
    free(r->document);
    *r = (struct cluster_row){.id = 0};
}

int cluster_store_get(struct meta_tx *tx, const struct launcher_caller *c, const char *name,
                      struct cluster_row *ret, struct sw_err *err)
{
    return meta_get(tx, err,
                    "SELECT id, name, status, document, created_at FROM cluster"
                    " WHERE account_id = $1 AND region = $2 AND name = $3",
                    "ttt", c->account, c->region, name, "ittti", &ret->id, &ret->name, &ret->status,
                    &ret->document, &ret->created_at);
}

int cluster_store_add(struct meta_tx *tx, const struct launcher_caller *c, const char *name,
                      const char *document, int64_t now_us, struct sw_err *err)
{
    return meta_exec(tx, err, NULL,
                     "INSERT INTO cluster (account_id, region, name, status, document, created_at)"
                     " VALUES ($1, $2, $3, 'ACTIVE', $4, $5)"
                     " ON CONFLICT (account_id, region, name) DO NOTHING",
                     "tttti", c->account, c->region, name, document, now_us);
}

int cluster_store_create(struct meta_tx *tx, const struct launcher_caller *c, const char *name,
                         const char *document, int64_t now_us, struct sw_err *err)
{
    return meta_exec(
        tx, err, NULL,
        "INSERT INTO cluster (account_id, region, name, status, document, created_at)"
        " VALUES ($1, $2, $3, 'ACTIVE', $4, $5)"
        " ON CONFLICT (account_id, region, name) DO UPDATE SET status = 'ACTIVE',"
        " document = excluded.document, created_at = excluded.created_at, ended_at = NULL"
        " WHERE cluster.status = 'INACTIVE'",
        "tttti", c->account, c->region, name, document, now_us);
}

int cluster_store_retire(struct meta_tx *tx, int64_t id, int64_t now_us, struct sw_err *err)
{
    return meta_exec(tx, err, NULL,
                     "UPDATE cluster SET status = 'INACTIVE', ended_at = $2 WHERE id = $1", "ii",
                     id, now_us);
}

int cluster_store_set_document(struct meta_tx *tx, int64_t id, const char *document,
                               struct sw_err *err)
{
    return meta_exec(tx, err, NULL, "UPDATE cluster SET document = $2 WHERE id = $1", "it", id,
                     document);
}

int cluster_store_document(struct meta_tx *tx, int64_t id, json_t **ret, struct sw_err *err)
{
    sw_autofree char *text = NULL;
    int r = meta_get(tx, err, "SELECT document FROM cluster WHERE id = $1", "i", id, "t", &text);
    if (r == 0)
        return sw_fail(err, SW_ENOTFOUND, "ClusterNotFoundException", "Cluster not found.");
    return r < 0 ? r : service_document(text, ret, err);
}

int cluster_store_list(struct meta_tx *tx, const struct launcher_caller *c,
                       struct launcher_page *page, json_t *names, struct sw_err *err)
{
    meta_autostmt *st = NULL;
    int r = meta_query(tx, err, &st,
                       "SELECT name FROM cluster WHERE account_id = $1 AND region = $2"
                       " AND name > $3 AND status = 'ACTIVE' ORDER BY name LIMIT $4",
                       "ttti", c->account, c->region, page->after, (int64_t)page->limit + 1);
    return r < 0 ? r : service_page_rows(st, page, names, err);
}

static int count(struct meta_tx *tx, int64_t cluster_id, const char *sql, int64_t *ret,
                 struct sw_err *err)
{
    int r = meta_get(tx, err, sql, "i", cluster_id, "i", ret);
    return r < 0 ? r : 0;
}

int cluster_store_counts(struct meta_tx *tx, int64_t cluster_id, struct cluster_counts *ret,
                         struct sw_err *err)
{
    int r = count(tx, cluster_id,
                  "SELECT count(*) FROM container_instance"
                  " WHERE cluster_id = $1 AND status <> 'INACTIVE' AND capacity <> 'FARGATE'",
                  &ret->instances, err);
    if (r == 0)
        r = count(tx, cluster_id,
                  "SELECT count(*) FROM container_instance"
                  " WHERE cluster_id = $1 AND status <> 'INACTIVE' AND capacity = 'FARGATE'",
                  &ret->fleet, err);
    if (r == 0)
        r = count(tx, cluster_id,
                  "SELECT count(*) FROM task WHERE cluster_id = $1 AND last_status = 'RUNNING'",
                  &ret->running, err);
    if (r == 0)
        r = count(tx, cluster_id,
                  "SELECT count(*) FROM task WHERE cluster_id = $1"
                  " AND last_status IN ('PROVISIONING', 'PENDING', 'ACTIVATING')",
                  &ret->pending, err);
    if (r == 0)
        r = count(tx, cluster_id,
                  "SELECT count(*) FROM task WHERE cluster_id = $1 AND last_status <> 'STOPPED'",
                  &ret->unstopped, err);
    if (r == 0)
        r = count(tx, cluster_id,
                  "SELECT count(*) FROM service WHERE cluster_id = $1 AND status = 'ACTIVE'",
                  &ret->services, err);
    return r;
}

int cluster_store_task_types(struct meta_tx *tx, int64_t cluster_id, cluster_store_type_fn fn,
                             void *ctx, struct sw_err *err)
{
    meta_autostmt *st = NULL;
    int r = meta_query(tx, err, &st,
                       "SELECT launch_type, last_status, count(*) FROM task WHERE cluster_id = $1"
                       " AND last_status <> 'STOPPED' GROUP BY launch_type, last_status",
                       "i", cluster_id);
    if (r < 0)
        return r;
    while ((r = meta_step(st, err)) > 0) {
        sw_autofree char *type = meta_dup(st, 0);
        sw_autofree char *status = meta_dup(st, 1);
        fn(ctx, type, status, meta_int(st, 2));
    }
    return r;
}

int cluster_store_service_types(struct meta_tx *tx, int64_t cluster_id, cluster_store_type_fn fn,
                                void *ctx, struct sw_err *err)
{
    meta_autostmt *st = NULL;
    int r = meta_query(tx, err, &st,
                       "SELECT document, status FROM service WHERE cluster_id = $1"
                       " AND status <> 'INACTIVE'",
                       "i", cluster_id);
    if (r < 0)
        return r;
    while ((r = meta_step(st, err)) > 0) {
        sw_autojson json_t *document = NULL;
        sw_autofree char *text = meta_dup(st, 0);
        sw_autofree char *status = meta_dup(st, 1);
        if ((r = service_document(text, &document, err)) < 0)
            return r;
        fn(ctx, sw_json_str(document, "launchType", "EC2"), status, 1);
    }
    return r;
}
