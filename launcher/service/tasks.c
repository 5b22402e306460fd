/* SPDX-License-Identifier: Apache-2.0 */
/* What is asked of tasks that exist: describe, list, stop, and the agents' reports about them. */
#include "base/json.h"
#include "base/macros.h"
#include "launcher/service/instance_store.h"
#include "launcher/service/poll.h"
#include "launcher/service/service.h"
#include "launcher/service/service_json.h"
#include "launcher/service/service_loop.h"
#include "launcher/service/task_doc.h"
#include "launcher/service/task_store.h"
#include "launcher/service/taskdef_store.h"

#define REASON_MAX 1024

struct task_arg {
    const struct launcher_caller *c;
    const struct cluster_ref *cluster;
    const char *id;
    const char *reason;   /* stop */
    const json_t *report; /* state or health */
    bool (*apply)(json_t *task, const json_t *report, const json_t *definition, int64_t now_us);
    int64_t now_us;
    json_t *task; /* owned; NULL: there is none */
    char instance_id[ARN_ID_LEN + 1];
    bool notify;
};

static int read_task(struct meta_tx *tx, void *arg, struct sw_err *err)
{
    struct task_arg *a = arg;
    struct task_row row = {.id = NULL};
    json_decref(a->task);
    a->task = NULL;
    int r = task_store_get(tx, a->cluster->id, a->id, &row, err);
    if (r > 0)
        a->task = SW_TAKE(row.document);
    task_row_done(&row);
    return r < 0 ? r : 0;
}

int launcher_describe_tasks(struct launcher *l, const struct launcher_caller *c, const json_t *in,
                            json_t *out, struct sw_err *err)
{
    struct cluster_ref cluster;
    json_t *tasks = service_list(out, "tasks"), *failures = service_list(out, "failures");
    const json_t *list = sw_json_array(in, "tasks"), *v;
    size_t i;
    if (json_array_size(list) == 0)
        return sw_fail(err, SW_EINVALID, SERVICE_INVALID, "Tasks cannot be empty.");
    int r = service_describe_limit(in, "tasks", err);
    if (r < 0 || (r = service_cluster(l, c, sw_json_str(in, "cluster", NULL), &cluster, err)) < 0)
        return r;
    json_array_foreach(list, i, v) {
        char id[ARN_ID_LEN + 1], arn[ARN_MAX];
        struct task_arg a = {.c = c, .cluster = &cluster, .id = id};
        if ((r = service_id(c, cluster.name, ARN_TASK, json_string_value(v), id, err)) < 0 ||
            (r = meta_tx(l->db, META_READ, read_task, &a, err)) < 0)
            return r;
        arn_task(arn, c->region, c->account, cluster.name, id);
        if (!a.task) {
            json_array_append_new(failures, service_failure(arn, "MISSING"));
            continue;
        }
        if (!service_includes(in, "TAGS"))
            sw_json_set_new(a.task, "tags", json_array());
        json_array_append_new(tasks, a.task);
    }
    return 0;
}

struct list_arg {
    struct task_filter filter;
    struct launcher_page *page;
    json_t *ids;
};

static int do_list(struct meta_tx *tx, void *arg, struct sw_err *err)
{
    struct list_arg *a = arg;
    json_array_clear(a->ids);
    return task_store_list(tx, &a->filter, a->page, a->ids, err);
}

struct service_arg {
    int64_t cluster_id, id;
    const char *name;
};

static int find_service(struct meta_tx *tx, void *arg, struct sw_err *err)
{
    struct service_arg *a = arg;
    struct service_row row = {.id = 0};
    int r = service_store_get(tx, a->cluster_id, a->name, &row, err);
    if (r == 0)
        return sw_fail(err, SW_ENOTFOUND, "ServiceNotFoundException", "Service not found.");
    a->id = row.id;
    service_row_done(&row);
    return r < 0 ? r : 0;
}

int launcher_list_tasks(struct launcher *l, const struct launcher_caller *c, const json_t *in,
                        struct launcher_page *page, json_t *out, struct sw_err *err)
{
    struct cluster_ref cluster;
    char instance[ARN_ID_LEN + 1] = "", service[ARN_NAME_MAX + 1];
    const char *wanted = sw_json_str(in, "containerInstance", "");
    sw_autojson json_t *ids = json_array();
    const json_t *v;
    size_t i;
    int r = service_cluster(l, c, sw_json_str(in, "cluster", NULL), &cluster, err);
    if (r < 0)
        return r;
    if (*wanted &&
        (r = service_id(c, cluster.name, ARN_CONTAINER_INSTANCE, wanted, instance, err)) < 0)
        return r;
    struct service_arg of = {.cluster_id = cluster.id, .name = service};
    const char *named = sw_json_str(in, "serviceName", NULL);
    if (named && ((r = service_name(c, cluster.name, named, service, err)) < 0 ||
                  (r = meta_tx(l->db, META_READ, find_service, &of, err)) < 0))
        return r;
    json_t *arns = service_list(out, "taskArns");
    struct list_arg a = {.filter = {.cluster_id = cluster.id,
                                    .desired_status = sw_json_str(in, "desiredStatus", "RUNNING"),
                                    .family = sw_json_str(in, "family", ""),
                                    .started_by = sw_json_str(in, "startedBy", ""),
                                    .instance_id = instance,
                                    .launch_type = sw_json_str(in, "launchType", ""),
                                    .service_id = of.id},
                         .page = page,
                         .ids = ids};
    if ((r = meta_tx(l->db, META_READ_LONG, do_list, &a, err)) < 0)
        return r;
    json_array_foreach(ids, i, v) {
        char arn[ARN_MAX];
        arn_task(arn, c->region, c->account, cluster.name, json_string_value(v));
        json_array_append_new(arns, json_string(arn));
    }
    return 0;
}

/* Writes the changed task, tells the instance when its desired state is another, and keeps the document for the answer. */
static int put(struct meta_tx *tx, struct task_arg *a, struct task_row *row, bool tell,
               struct sw_err *err)
{
    int r = task_store_put(tx, row, a->now_us, err);
    if (r < 0)
        return r;
    a->notify = tell;
    (void)sw_str_copy(sw_str(row->instance_id), a->instance_id, sizeof a->instance_id);
    return tell ? instance_store_touch(tx, row->instance_id, err) : 0;
}

static int do_stop(struct meta_tx *tx, void *arg, struct sw_err *err)
{
    struct task_arg *a = arg;
    struct task_row row = {.id = NULL};
    json_decref(a->task);
    a->task = NULL;
    a->notify = false;
    int r = task_store_get(tx, a->cluster->id, a->id, &row, err);
    if (r == 0)
        r = sw_fail(err, SW_ENOTFOUND, SERVICE_INVALID, "The referenced task was not found.");
    else if (r > 0 && !row.instance_id) /* it waits: no agent would say that it ended */
        r = task_doc_finish(row.document, "UserInitiated", a->reason, a->now_us)
                ? put(tx, a, &row, false, err)
                : 0;
    else if (r > 0 && task_doc_stop(row.document, "UserInitiated", a->reason, a->now_us))
        r = put(tx, a, &row, true, err);
    if (r >= 0)
        a->task = SW_TAKE(row.document);
    task_row_done(&row);
    return r < 0 ? r : 0;
}

int launcher_stop_task(struct launcher *l, const struct launcher_caller *c, const json_t *in,
                       json_t *out, struct sw_err *err)
{
    struct cluster_ref cluster;
    char id[ARN_ID_LEN + 1];
    const char *reason = sw_json_str(in, "reason", "");
    int r = service_cluster(l, c, sw_json_str(in, "cluster", NULL), &cluster, err);
    if (r < 0 ||
        (r = service_id(c, cluster.name, ARN_TASK, sw_json_str(in, "task", NULL), id, err)) < 0)
        return r;
    if (strlen(reason) > REASON_MAX)
        return sw_fail(err, SW_EINVALID, SERVICE_INVALID,
                       "The reason must not be longer than %d characters.", REASON_MAX);
    struct task_arg a = {.c = c,
                         .cluster = &cluster,
                         .id = id,
                         .reason = *reason ? reason : "Task stopped by user",
                         .now_us = l->now_us()};
    if ((r = meta_tx(l->db, META_WRITE, do_stop, &a, err)) < 0) {
        json_decref(a.task);
        return r;
    }
    if (a.notify)
        poll_notify(l, a.instance_id);
    sw_json_set_new(out, "task", a.task);
    return 0;
}

/* Reports. */

static int check_speaker(struct meta_tx *tx, const struct task_arg *a, const struct task_row *row,
                         struct sw_err *err)
{
    struct instance_row instance = {.id = NULL};
    bool is_owner = false;
    /* By id alone: a machine of Fargate has tasks of all clusters. */
    int r = row->instance_id ? instance_store_get(tx, 0, row->instance_id, &instance, err) : 0;
    if (r > 0)
        r = service_check_owner(&instance, a->c->principal, &is_owner, err);
    if (r >= 0 && !is_owner)
        r = sw_fail(err, SW_EDENIED, "AccessDeniedException",
                    "Task %s runs on a container instance that another principal registered.",
                    row->id);
    instance_row_done(&instance);
    return r < 0 ? r : 0;
}

static bool same_member(const json_t *before, const json_t *after, const char *key)
{
    return sw_streq(sw_json_str(before, key, ""), sw_json_str(after, key, ""));
}

static int apply_report(struct meta_tx *tx, struct task_arg *a, struct task_row *row,
                        struct sw_err *err)
{
    sw_autojson json_t *definition = NULL, *before = NULL;
    int r = check_speaker(tx, a, row, err);
    if (r < 0 || (r = taskdef_store_document(tx, row->definition_id, &definition, err)) < 0)
        return r;
    before = json_copy(row->document);
    if (!a->apply(row->document, a->report, definition, a->now_us))
        return 0;
    bool tell = !same_member(before, row->document, "desiredStatus") ||
                (!same_member(before, row->document, "lastStatus") &&
                 sw_streq(sw_json_str(row->document, "lastStatus", ""), "STOPPED"));
    return put(tx, a, row, tell, err);
}

static int do_report(struct meta_tx *tx, void *arg, struct sw_err *err)
{
    struct task_arg *a = arg;
    struct task_row row = {.id = NULL};
    a->notify = false;
    int r = task_store_get(tx, a->cluster->id, a->id, &row, err);
    if (r > 0)
        r = apply_report(tx, a, &row, err);
    task_row_done(&row);
    return r < 0 ? r : 0;
}

static int report(struct launcher *l, const struct launcher_caller *c, const json_t *in,
                  bool (*apply)(json_t *, const json_t *, const json_t *, int64_t),
                  struct sw_err *err)
{
    struct cluster_ref cluster;
    char id[ARN_ID_LEN + 1];
    int r = service_agent_task(l, c, in, &cluster, id, err);
    if (r < 0)
        return r;
    struct task_arg a = {
        .c = c, .cluster = &cluster, .id = id, .report = in, .apply = apply, .now_us = l->now_us()};
    r = meta_tx(l->db, META_WRITE, do_report, &a, err);
    if (r == 0 && a.notify)
        poll_notify(l, a.instance_id);
    if (r == 0)
        service_loop_wake(l->services);
    return r;
}

int launcher_submit_task_state(struct launcher *l, const struct launcher_caller *c,
                               const json_t *in, json_t *out, struct sw_err *err)
{
    const char *status = sw_json_str(in, "status", "");
    if (!sw_streq(status, "PENDING") && !sw_streq(status, "RUNNING") &&
        !sw_streq(status, "STOPPED"))
        return sw_fail(err, SW_EINVALID, SERVICE_CLIENT,
                       "A task's status is reported as PENDING, RUNNING or STOPPED.");
    int r = report(l, c, in, task_doc_report, err);
    if (r == 0)
        sw_json_set_str(out, "acknowledgment", "ACCEPTED");
    return r;
}

/* One container's part of a task's report. */
int launcher_submit_container_state(struct launcher *l, const struct launcher_caller *c,
                                    const json_t *in, json_t *out, struct sw_err *err)
{
    static const char *const members[] = {"containerName", "runtimeId", "status",
                                          "exitCode",      "reason",    "networkBindings"};
    sw_autojson json_t *task = json_object();
    json_t *container = json_object();
    for (size_t i = 0; i < SW_ARRAY_LEN(members); i++) {
        json_t *v = json_object_get(in, members[i]);
        if (v && !json_is_null(v))
            json_object_set(container, members[i], v);
    }
    sw_json_set_str(task, "cluster", sw_json_str(in, "cluster", NULL));
    sw_json_set_str(task, "task", sw_json_str(in, "task", NULL));
    json_array_append_new(service_list(task, "containers"), container);
    int r = report(l, c, task, task_doc_report, err);
    if (r == 0)
        sw_json_set_str(out, "acknowledgment", "ACCEPTED");
    return r;
}

/* No task has attachments. */
int launcher_submit_attachments(struct launcher *l SW_UNUSED,
                                const struct launcher_caller *c SW_UNUSED, const json_t *in,
                                json_t *out SW_UNUSED, struct sw_err *err)
{
    const json_t *first = json_array_get(sw_json_array(in, "attachments"), 0);
    return sw_fail(err, SW_ENOTFOUND, SERVICE_INVALID, "The attachment '%.300s' was not found.",
                   sw_json_str(first, "attachmentArn", ""));
}

static bool apply_health(json_t *task, const json_t *in, const json_t *definition,
                         int64_t now_us SW_UNUSED)
{
    return task_doc_health(task, in, definition);
}

int launcher_submit_health(struct launcher *l, const struct launcher_caller *c, const json_t *in,
                           json_t *out SW_UNUSED, struct sw_err *err)
{
    return report(l, c, in, apply_health, err);
}
