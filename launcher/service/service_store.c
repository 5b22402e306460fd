/* SPDX-License-Identifier: Apache-2.0 */
#include "launcher/service/service_store.h"

#include <string.h>

#include "base/alloc.h"
#include "base/id.h"
#include "base/json.h"
#include "base/macros.h"
#include "launcher/service/launch_settings.h"
#include "launcher/service/service.h"

#define EVENTS_MAX    100
#define EVENT_SAME_US INT64_C(21600000000) /* six hours */

void service_row_done(struct service_row *r)
{
    free(r->name);
    free(r->status);
    free(r->scheduling);
    json_decref(r->document);
    *r = (struct service_row){.id = 0};
}

int service_store_add(struct meta_tx *tx, const struct service_new *n, int64_t now_us,
                      int64_t *ret_id, struct sw_err *err)
{
    sw_autofree char *document = sw_json_dump(n->document);
    int r = meta_get(tx, err,
                     "INSERT INTO service (cluster_id, name, status, scheduling, desired, steady,"
                     " document, request, version, created_at, launch_type)"
                     " VALUES ($1, $2, 'ACTIVE', $3, $4, 0, $5, $6, 1, $7, $8) RETURNING id",
                     "ittittit", n->cluster_id, n->name, n->scheduling, n->desired, document,
                     n->request, now_us, launch_type_of(n->document), "i", ret_id);
    return r < 0 ? r : 0;
}

#define SERVICE_COLUMNS \
    "id, cluster_id, desired, version, created_at, steady, name, status, scheduling, document"
#define SERVICE_TYPES "iiiiiitttt"

static int take_service(int r, int64_t steady, const char *text, struct service_row *row,
                        struct service_row *ret, struct sw_err *err)
{
    if (r <= 0)
        return r;
    row->steady = steady != 0;
    r = service_document(text, &row->document, err);
    if (r < 0) {
        service_row_done(row);
        return r;
    }
    *ret = *row;
    return 1;
}

int service_store_get(struct meta_tx *tx, int64_t cluster_id, const char *name,
                      struct service_row *ret, struct sw_err *err)
{
    sw_autofree char *text = NULL;
    int64_t steady = 0;
    struct service_row s = {.id = 0};
    int r = meta_get(tx, err,
                     "SELECT " SERVICE_COLUMNS " FROM service"
                     " WHERE cluster_id = $1 AND name = $2 ORDER BY id DESC LIMIT 1",
                     "it", cluster_id, name, SERVICE_TYPES, &s.id, &s.cluster_id, &s.desired,
                     &s.version, &s.created_at, &steady, &s.name, &s.status, &s.scheduling, &text);
    return take_service(r, steady, text, &s, ret, err);
}

int service_store_by_id(struct meta_tx *tx, int64_t id, struct service_row *ret, struct sw_err *err)
{
    sw_autofree char *text = NULL;
    int64_t steady = 0;
    struct service_row s = {.id = 0};
    int r = meta_get(tx, err, "SELECT " SERVICE_COLUMNS " FROM service WHERE id = $1", "i", id,
                     SERVICE_TYPES, &s.id, &s.cluster_id, &s.desired, &s.version, &s.created_at,
                     &steady, &s.name, &s.status, &s.scheduling, &text);
    return take_service(r, steady, text, &s, ret, err);
}

int service_store_request(struct meta_tx *tx, int64_t id, char **ret_request, struct sw_err *err)
{
    return meta_get(tx, err, "SELECT request FROM service WHERE id = $1", "i", id, "t",
                    ret_request);
}

int service_store_claim(struct meta_tx *tx, int64_t id, int64_t version, struct sw_err *err)
{
    int64_t changed = 0;
    int r = meta_exec(tx, err, &changed,
                      "UPDATE service SET version = version + 1 WHERE id = $1 AND version = $2",
                      "ii", id, version);
    if (r == 0 && changed != 1)
        return sw_fail(err, SW_ESTALE, NULL, "the service has changed");
    return r;
}

int service_store_set(struct meta_tx *tx, const struct service_row *row, struct sw_err *err)
{
    sw_autofree char *document = sw_json_dump(row->document);
    return meta_exec(tx, err, NULL,
                     "UPDATE service SET status = $2, desired = $3, steady = $4, document = $5,"
                     " launch_type = $6 WHERE id = $1",
                     "itiitt", row->id, row->status, row->desired, (int64_t)row->steady, document,
                     launch_type_of(row->document));
}

int service_store_end(struct meta_tx *tx, int64_t id, int64_t now_us, struct sw_err *err)
{
    int r = meta_exec(tx, err, NULL,
                      "UPDATE service SET status = 'INACTIVE', ended_at = $2 WHERE id = $1", "ii",
                      id, now_us);
    if (r < 0)
        return r;
    return meta_exec(tx, err, NULL,
                     "UPDATE service_deployment SET status = 'INACTIVE', updated_at = $2,"
                     " finished_at = COALESCE(finished_at, $2)"
                     " WHERE service_id = $1 AND status <> 'INACTIVE'",
                     "ii", id, now_us);
}

int service_store_list(struct meta_tx *tx, const struct service_filter *f,
                       struct launcher_page *page, json_t *names, struct sw_err *err)
{
    meta_autostmt *st = NULL;
    int r = meta_query(tx, err, &st,
                       "SELECT name FROM service WHERE cluster_id = $1 AND status = 'ACTIVE'"
                       " AND ($2 = '' OR scheduling = $2) AND ($5 = '' OR launch_type = $5)"
                       " AND name > $3 ORDER BY name LIMIT $4",
                       "ittit", f->cluster_id, f->scheduling, page->after, (int64_t)page->limit + 1,
                       f->launch_type);
    return r < 0 ? r : service_page_rows(st, page, names, err);
}

/* Events. */

int service_store_event(struct meta_tx *tx, int64_t service_id, const char *message, int64_t now_us,
                        struct sw_err *err)
{
    char uuid[37];
    int64_t newest = 0, same = 0;
    int r = meta_get(tx, err, "SELECT id FROM service_event WHERE service_id = $1 ORDER BY id DESC",
                     "i", service_id, "i", &newest);
    if (r < 0)
        return r;
    r = meta_get(tx, err,
                 "SELECT id FROM service_event WHERE service_id = $1 AND message = $2"
                 " AND created_at > $3 ORDER BY id DESC",
                 "iti", service_id, message, now_us - EVENT_SAME_US, "i", &same);
    /* That it is steady again is news after anything else was said. */
    bool steady = strstr(message, "has reached a steady state") != NULL;
    if (r < 0 || (r > 0 && (!steady || same == newest)))
        return r < 0 ? r : 0;
    sw_uuid(uuid);
    r = meta_exec(tx, err, NULL,
                  "INSERT INTO service_event (service_id, uuid, message, created_at)"
                  " VALUES ($1, $2, $3, $4)",
                  "itti", service_id, uuid, message, now_us);
    if (r < 0)
        return r;
    return meta_exec(tx, err, NULL,
                     "DELETE FROM service_event WHERE service_id = $1 AND id <= COALESCE((SELECT id"
                     " FROM service_event WHERE service_id = $1 ORDER BY id DESC LIMIT 1"
                     " OFFSET $2), 0)",
                     "ii", service_id, (int64_t)EVENTS_MAX);
}

int service_store_events(struct meta_tx *tx, int64_t service_id, json_t *list, struct sw_err *err)
{
    meta_autostmt *st = NULL;
    int r = meta_query(tx, err, &st,
                       "SELECT uuid, message, created_at FROM service_event WHERE service_id = $1"
                       " ORDER BY id DESC",
                       "i", service_id);
    while (r >= 0 && (r = meta_step(st, err)) > 0) {
        json_t *o = json_object();
        sw_autofree char *uuid = meta_dup(st, 0);
        sw_autofree char *message = meta_dup(st, 1);
        sw_json_set_str(o, "id", uuid);
        sw_json_set_time_us(o, "createdAt", meta_int(st, 2));
        sw_json_set_str(o, "message", message);
        json_array_append_new(list, o);
    }
    return r < 0 ? r : 0;
}

/* Tasks. */

void service_task_rows_free(struct service_task_row *rows, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        free(rows[i].id);
        free(rows[i].instance_id);
        free(rows[i].provider);
        free(rows[i].deployment);
        free(rows[i].last_status);
        free(rows[i].health);
    }
    free(rows);
}

int service_store_tasks(struct meta_tx *tx, int64_t service_id, struct service_task_row **ret,
                        size_t *ret_n, struct sw_err *err)
{
    meta_autostmt *st = NULL;
    struct service_task_row *rows = NULL;
    size_t n = 0, max = 0;
    int r = meta_query(tx, err, &st,
                       "SELECT id, instance_id, started_by, last_status, desired_status,"
                       " stop_wanted, health, version, created_at, started_at, stopped_at,"
                       " health_at, protected_until, provider FROM task WHERE service_id = $1"
                       " AND counted = 0 ORDER BY id",
                       "i", service_id);
    while (r >= 0 && (r = meta_step(st, err)) > 0) {
        if (n == max) {
            max = max * 2 + 16;
            rows = sw_realloc_array(rows, max, sizeof *rows);
        }
        rows[n++] = (struct service_task_row){.id = meta_dup(st, 0),
                                              .instance_id = meta_dup(st, 1),
                                              .deployment = meta_dup(st, 2),
                                              .last_status = meta_dup(st, 3),
                                              .stopping = sw_str_eq_z(meta_str(st, 4), "STOPPED"),
                                              .wanted = meta_int(st, 5) != 0,
                                              .health = meta_dup(st, 6),
                                              .version = meta_int(st, 7),
                                              .created_at = meta_int(st, 8),
                                              .started_at = meta_int(st, 9),
                                              .stopped_at = meta_int(st, 10),
                                              .health_at = meta_int(st, 11),
                                              .protected_until = meta_int(st, 12),
                                              .provider = meta_dup(st, 13)};
    }
    if (r < 0) {
        service_task_rows_free(rows, n);
        return r;
    }
    *ret = rows;
    *ret_n = n;
    return 0;
}

int service_store_stamp(struct meta_tx *tx, int64_t service_id, struct service_stamp *ret,
                        struct sw_err *err)
{
    int r = meta_get(tx, err,
                     "SELECT COUNT(*), COALESCE(SUM(version), 0),"
                     " COALESCE(SUM(protected_until / 1000000), 0) FROM task"
                     " WHERE service_id = $1 AND counted = 0",
                     "i", service_id, "iii", &ret->tasks, &ret->versions, &ret->protections);
    return r < 0 ? r : 0;
}

int service_store_counted(struct meta_tx *tx, const char *task_id, struct sw_err *err)
{
    return meta_exec(tx, err, NULL, "UPDATE task SET counted = 1 WHERE id = $1", "t", task_id);
}

int service_store_task_counts(struct meta_tx *tx, int64_t service_id, const char *deployment,
                              struct service_task_counts *ret, struct sw_err *err)
{
    struct service_task_counts n = {0};
    meta_autostmt *st = NULL;
    int r = meta_query(tx, err, &st,
                       "SELECT last_status, COUNT(*) FROM task WHERE service_id = $1"
                       " AND counted = 0 AND desired_status = 'RUNNING'"
                       " AND ($2 = '' OR started_by = $2) GROUP BY last_status",
                       "it", service_id, deployment ? deployment : "");
    while (r >= 0 && (r = meta_step(st, err)) > 0) {
        if (sw_str_eq_z(meta_str(st, 0), "RUNNING"))
            n.running += meta_int(st, 1);
        else
            n.pending += meta_int(st, 1);
    }
    if (r == 0)
        *ret = n;
    return r;
}

int service_store_daemons(struct meta_tx *tx, int64_t cluster_id, json_t *counts,
                          struct sw_err *err)
{
    meta_autostmt *st = NULL;
    int r = meta_query(tx, err, &st,
                       "SELECT t.instance_id, COUNT(*) FROM task t JOIN service s"
                       " ON s.id = t.service_id WHERE s.cluster_id = $1"
                       " AND s.scheduling = 'DAEMON' AND t.last_status <> 'STOPPED'"
                       " GROUP BY t.instance_id",
                       "i", cluster_id);
    while (r >= 0 && (r = meta_step(st, err)) > 0) {
        sw_autofree char *id = meta_dup(st, 0);
        sw_json_set_int(counts, id, meta_int(st, 1));
    }
    return r < 0 ? r : 0;
}
