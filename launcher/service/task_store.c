/* SPDX-License-Identifier: Apache-2.0 */
#include "launcher/service/task_store.h"

#include "base/json.h"
#include "base/macros.h"
#include "launcher/service/service.h"

#define TASK_NO_PORTS "{\"tcp\":[],\"udp\":[]}" /* most tasks: not worth reading */

void task_row_done(struct task_row *r)
{
    free(r->id);
    free(r->instance_id);
    json_decref(r->document);
    *r = (struct task_row){.id = NULL};
}

int task_store_add(struct meta_tx *tx, const struct task_new *t, int64_t now_us, struct sw_err *err)
{
    sw_autofree char *text = sw_json_dump(t->document);
    return meta_exec(tx, err, NULL,
                     "INSERT INTO task (id, cluster_id, instance_id, definition_id, family, cpu,"
                     " memory_mib, ports, document, desired_status, last_status, started_by,"
                     " version, created_at, service_id, launch_type, provider)"
                     " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14,"
                     " CASE WHEN $15 > 0 THEN $15 END, $16, $17)",
                     "titi"
                     "tiit"
                     "ttttiiitt",
                     t->id, t->cluster_id, t->instance_id, t->definition_id, t->family, t->cpu,
                     t->memory_mib, t->ports, text, sw_json_str(t->document, "desiredStatus", ""),
                     sw_json_str(t->document, "lastStatus", ""),
                     sw_json_str(t->document, "startedBy", ""),
                     sw_json_int(t->document, "version", 1), now_us, t->service_id,
                     sw_json_str(t->document, "launchType", "EC2"),
                     sw_json_str(t->document, "capacityProviderName", ""));
}

int task_store_set_instance(struct meta_tx *tx, const char *id, const char *instance_id,
                            struct sw_err *err)
{
    return meta_exec(tx, err, NULL, "UPDATE task SET instance_id = $2 WHERE id = $1", "tt", id,
                     instance_id);
}

int task_store_get(struct meta_tx *tx, int64_t cluster_id, const char *id, struct task_row *ret,
                   struct sw_err *err)
{
    sw_autofree char *text = NULL;
    struct task_row row = {.id = NULL};
    int r = meta_get(tx, err,
                     "SELECT id, instance_id, cluster_id, definition_id, version, document"
                     " FROM task WHERE ($1 = 0 OR cluster_id = $1) AND id = $2",
                     "it", cluster_id, id, "ttiiit", &row.id, &row.instance_id, &row.cluster_id,
                     &row.definition_id, &row.version, &text);
    if (r <= 0)
        return r;
    r = service_document(text, &row.document, err);
    if (r < 0) {
        task_row_done(&row);
        return r;
    }
    *ret = row;
    return 1;
}

/* What a service asks: did somebody want this end? A failed health check is not wanted. */
static bool stop_wanted(const json_t *document)
{
    const char *code = sw_json_str(document, "stopCode", "");
    const char *reason = sw_json_str(document, "stoppedReason", "");
    return sw_streq(code, "UserInitiated") || (sw_streq(code, "ServiceSchedulerInitiated") &&
                                               !sw_str_starts_with(sw_str(reason), "Task failed "));
}

int task_store_put(struct meta_tx *tx, struct task_row *row, int64_t now_us, struct sw_err *err)
{
    int64_t changed = 0;
    const json_t *started = json_object_get(row->document, "startedAt");
    const char *last = sw_json_str(row->document, "lastStatus", "");
    sw_json_set_int(row->document, "version", row->version + 1);
    sw_autofree char *text = sw_json_dump(row->document);
    int r =
        meta_exec(tx, err, &changed,
                  "UPDATE task SET document = $3, desired_status = $4, last_status = $5,"
                  " version = $2 + 1, stopped_at = CASE WHEN $5 = 'STOPPED'"
                  " THEN COALESCE(stopped_at, $6) END,"
                  " health_at = CASE WHEN health = $7 THEN health_at ELSE $6 END, health = $7,"
                  " started_at = $8, stop_wanted = $9 WHERE id = $1 AND version = $2",
                  "tittti"
                  "tii",
                  row->id, row->version, text, sw_json_str(row->document, "desiredStatus", ""),
                  last, now_us, sw_json_str(row->document, "healthStatus", "UNKNOWN"),
                  (int64_t)(json_number_value(started) * 1e6), (int64_t)stop_wanted(row->document));
    if (r < 0)
        return r;
    if (changed != 1)
        return sw_fail(err, SW_ESTALE, NULL, "task %s has changed", row->id);
    row->version++;
    return 0;
}

int task_store_list(struct meta_tx *tx, const struct task_filter *f, struct launcher_page *page,
                    json_t *ids, struct sw_err *err)
{
    meta_autostmt *st = NULL;
    int r = meta_query(tx, err, &st,
                       "SELECT id FROM task WHERE cluster_id = $1 AND desired_status = $2"
                       " AND ($3 = '' OR family = $3) AND ($4 = '' OR started_by = $4)"
                       " AND ($5 = '' OR (instance_id = $5 AND launch_type <> 'FARGATE'))"
                       " AND id > $6"
                       " AND ($8 = '' OR launch_type = $8) AND ($9 = 0 OR service_id = $9)"
                       " ORDER BY id LIMIT $7",
                       "itttt"
                       "titi",
                       f->cluster_id, f->desired_status, f->family, f->started_by, f->instance_id,
                       page->after, (int64_t)page->limit + 1, f->launch_type ? f->launch_type : "",
                       f->service_id);
    return r < 0 ? r : service_page_rows(st, page, ids, err);
}

static int each_row(struct meta_stmt *st, task_store_fn fn, void *ctx, struct sw_err *err)
{
    int r;
    while ((r = meta_step(st, err)) > 0) {
        sw_autofree char *task = meta_dup(st, 0);
        sw_autofree char *definition = meta_dup(st, 1);
        if ((r = fn(ctx, task, definition, err)) < 0)
            return r;
    }
    return r;
}

int task_store_each_of_instance(struct meta_tx *tx, const char *instance_id, task_store_fn fn,
                                void *ctx, struct sw_err *err)
{
    meta_autostmt *st = NULL;
    int r = meta_query(tx, err, &st,
                       "SELECT t.document, d.document FROM task t"
                       " JOIN task_definition d ON d.id = t.definition_id"
                       " WHERE t.instance_id = $1 AND t.last_status <> 'STOPPED'"
                       " ORDER BY t.created_at, t.id",
                       "t", instance_id);
    return r < 0 ? r : each_row(st, fn, ctx, err);
}

int task_store_each_waiting(struct meta_tx *tx, int64_t cluster_id, task_store_fn fn, void *ctx,
                            struct sw_err *err)
{
    meta_autostmt *st = NULL;
    int r = meta_query(tx, err, &st,
                       "SELECT t.document, d.document FROM task t"
                       " JOIN task_definition d ON d.id = t.definition_id"
                       " WHERE t.cluster_id = $1 AND t.instance_id IS NULL"
                       " AND t.stopped_at IS NULL ORDER BY t.created_at, t.id",
                       "i", cluster_id);
    return r < 0 ? r : each_row(st, fn, ctx, err);
}

int task_store_ids_of_instance(struct meta_tx *tx, const char *instance_id, json_t *ids,
                               struct sw_err *err)
{
    meta_autostmt *st = NULL;
    int r = meta_query(tx, err, &st,
                       "SELECT id FROM task WHERE instance_id = $1 AND last_status <> 'STOPPED'"
                       " ORDER BY id",
                       "t", instance_id);
    if (r < 0)
        return r;
    while ((r = meta_step(st, err)) > 0) {
        struct sw_str id = meta_str(st, 0);
        json_array_append_new(ids, json_stringn(id.p, id.n));
    }
    return r;
}

void task_usage_done(struct task_usage *u)
{
    json_decref(u->tcp_ports);
    json_decref(u->udp_ports);
    *u = (struct task_usage){.cpu = 0};
}

static int add_usage(struct task_usage *u, struct meta_stmt *st, struct sw_err *err)
{
    sw_autojson json_t *ports = NULL;
    struct sw_str status = meta_str(st, 3);
    if (!sw_str_eq_z(meta_str(st, 2), TASK_NO_PORTS)) {
        sw_autofree char *text = meta_dup(st, 2);
        int r = service_document(text, &ports, err);
        if (r < 0)
            return r;
    }
    u->cpu += meta_int(st, 0);
    u->memory_mib += meta_int(st, 1);
    u->tasks++;
    u->running += sw_str_eq_z(status, "RUNNING");
    u->pending += sw_str_eq_z(status, "PROVISIONING") || sw_str_eq_z(status, "PENDING") ||
                  sw_str_eq_z(status, "ACTIVATING");
    json_array_extend(u->tcp_ports, sw_json_array(ports, "tcp"));
    json_array_extend(u->udp_ports, sw_json_array(ports, "udp"));
    return 0;
}

int task_store_usage(struct meta_tx *tx, const char *instance_id, struct task_usage *ret,
                     struct sw_err *err)
{
    meta_autostmt *st = NULL;
    struct task_usage u = {.tcp_ports = json_array(), .udp_ports = json_array()};
    int r = meta_query(tx, err, &st,
                       "SELECT cpu, memory_mib, ports, last_status FROM task"
                       " WHERE instance_id = $1 AND last_status <> 'STOPPED'",
                       "t", instance_id);
    while (r >= 0 && (r = meta_step(st, err)) > 0)
        r = add_usage(&u, st, err);
    if (r < 0) {
        task_usage_done(&u);
        return r;
    }
    *ret = u;
    return 0;
}

int task_store_groups(struct meta_tx *tx, const char *instance_id, json_t **ret, struct sw_err *err)
{
    meta_autostmt *st = NULL;
    sw_autojson json_t *counts = json_object();
    int r = meta_query(tx, err, &st,
                       "SELECT document FROM task WHERE instance_id = $1"
                       " AND last_status <> 'STOPPED' AND desired_status = 'RUNNING'",
                       "t", instance_id);
    while (r >= 0 && (r = meta_step(st, err)) > 0) {
        sw_autojson json_t *task = NULL;
        sw_autofree char *text = meta_dup(st, 0);
        if ((r = service_document(text, &task, err)) < 0)
            break;
        const char *group = sw_json_str(task, "group", "");
        sw_json_set_int(counts, group, sw_json_int(counts, group, 0) + 1);
    }
    if (r == 0)
        *ret = SW_TAKE(counts);
    return r;
}

int task_store_request(struct meta_tx *tx, int64_t cluster_id, const char *token,
                       char **ret_request, char **ret_tasks, struct sw_err *err)
{
    return meta_get(tx, err,
                    "SELECT request, tasks FROM task_request"
                    " WHERE cluster_id = $1 AND client_token = $2",
                    "it", cluster_id, token, "tt", ret_request, ret_tasks);
}

int task_store_add_request(struct meta_tx *tx, int64_t cluster_id, const char *token,
                           const char *request, const char *tasks, int64_t now_us,
                           struct sw_err *err)
{
    return meta_exec(tx, err, NULL,
                     "INSERT INTO task_request (cluster_id, client_token, request, tasks,"
                     " created_at) VALUES ($1, $2, $3, $4, $5)",
                     "ittti", cluster_id, token, request, tasks, now_us);
}

int task_store_protection(struct meta_tx *tx, const char *id, int64_t *ret_until_us,
                          struct sw_err *err)
{
    return meta_get(tx, err, "SELECT protected_until FROM task WHERE id = $1", "t", id, "i",
                    ret_until_us);
}

int task_store_protect(struct meta_tx *tx, const char *id, int64_t until_us, struct sw_err *err)
{
    return meta_exec(tx, err, NULL, "UPDATE task SET protected_until = $2 WHERE id = $1", "ti", id,
                     until_us);
}

int task_store_protected(struct meta_tx *tx, int64_t cluster_id, int64_t now_us, int limit,
                         json_t *ids, struct sw_err *err)
{
    meta_autostmt *st = NULL;
    int r = meta_query(tx, err, &st,
                       "SELECT id FROM task WHERE cluster_id = $1 AND protected_until > 0"
                       " AND protected_until > $2 AND last_status <> 'STOPPED'"
                       " ORDER BY id LIMIT $3",
                       "iii", cluster_id, now_us, (int64_t)limit);
    if (r < 0)
        return r;
    while ((r = meta_step(st, err)) > 0) {
        struct sw_str id = meta_str(st, 0);
        json_array_append_new(ids, json_stringn(id.p, id.n));
    }
    return r;
}
