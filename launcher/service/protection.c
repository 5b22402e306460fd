/* SPDX-License-Identifier: Apache-2.0 */
/* Task protection: a service neither scales in nor replaces such a task in a deployment before the time is over. */
#include "base/json.h"
#include "base/macros.h"
#include "launcher/service/service.h"
#include "launcher/service/service_loop.h"
#include "launcher/service/task_store.h"

#define UPDATE_MAX      10
#define DEFAULT_MINUTES 120
#define MINUTE_US       60000000LL

struct protect_arg {
    const struct launcher_caller *c;
    const struct cluster_ref *cluster;
    const char *id;
    bool update;
    int64_t until_us, now_us;
    const char *failure; /* NULL: none */
    json_t *ids;         /* of all that are protected */
};

static bool is_of_service(const json_t *task)
{
    return sw_str_starts_with(sw_str(sw_json_str(task, "group", "")), "service:");
}

static int protect_one(struct meta_tx *tx, void *arg, struct sw_err *err)
{
    struct protect_arg *a = arg;
    struct task_row row = {.id = NULL};
    a->failure = NULL;
    int r = task_store_get(tx, a->cluster->id, a->id, &row, err);
    if (r == 0 || (r > 0 && sw_streq(sw_json_str(row.document, "lastStatus", ""), "STOPPED")))
        a->failure = "MISSING";
    else if (r > 0 && !is_of_service(row.document))
        a->failure = "TASK_NOT_VALID";
    task_row_done(&row);
    if (r < 0 || a->failure)
        return r < 0 ? r : 0;
    if (a->update)
        return task_store_protect(tx, a->id, a->until_us, err);
    r = task_store_protection(tx, a->id, &a->until_us, err);
    return r < 0 ? r : 0;
}

static json_t *protected_json(const struct protect_arg *a, const char *arn)
{
    json_t *o = json_object();
    sw_json_set_str(o, "taskArn", arn);
    sw_json_set_bool(o, "protectionEnabled", a->until_us > a->now_us);
    if (a->until_us > a->now_us)
        sw_json_set_time_us(o, "expirationDate", a->until_us);
    return o;
}

static const char *detail_of(const char *failure)
{
    return sw_streq(failure, "MISSING") ? "The task was not found."
                                        : "The task is not part of a service.";
}

/* Each of the tasks in turn; a carries what is wanted. */
static int each(struct launcher *l, struct protect_arg *a, const json_t *tasks, json_t *out,
                struct sw_err *err)
{
    json_t *list = service_list(out, "protectedTasks"), *failures = service_list(out, "failures");
    const int64_t until_us = a->until_us;
    const json_t *v;
    size_t i;
    json_array_foreach(tasks, i, v) {
        char id[ARN_ID_LEN + 1], arn[ARN_MAX];
        int r = service_id(a->c, a->cluster->name, ARN_TASK, json_string_value(v), id, err);
        if (r < 0)
            return r;
        a->id = id;
        a->until_us = until_us;
        if ((r = meta_tx(l->db, a->update ? META_WRITE : META_READ, protect_one, a, err)) < 0)
            return r;
        arn_task(arn, a->c->region, a->c->account, a->cluster->name, id);
        if (!a->failure) {
            json_array_append_new(list, protected_json(a, arn));
            continue;
        }
        json_t *failure = service_failure(arn, a->failure);
        sw_json_set_str(failure, "detail", detail_of(a->failure));
        json_array_append_new(failures, failure);
    }
    return 0;
}

int launcher_update_protection(struct launcher *l, const struct launcher_caller *c,
                               const json_t *in, json_t *out, struct sw_err *err)
{
    struct cluster_ref cluster;
    const json_t *tasks = sw_json_array(in, "tasks");
    int64_t minutes = sw_json_int(in, "expiresInMinutes", DEFAULT_MINUTES);
    bool enabled = sw_json_bool(in, "protectionEnabled", false);
    int r = service_cluster(l, c, sw_json_str(in, "cluster", NULL), &cluster, err);
    if (r < 0)
        return r;
    if (json_array_size(tasks) < 1 || json_array_size(tasks) > UPDATE_MAX)
        return sw_fail(err, SW_EINVALID, SERVICE_INVALID, "Between 1 and %d tasks must be named.",
                       UPDATE_MAX);
    if (minutes < 1 || minutes > 2880)
        return sw_fail(err, SW_EINVALID, SERVICE_INVALID,
                       "expiresInMinutes must be between 1 and 2880.");
    struct protect_arg a = {.c = c, .cluster = &cluster, .update = true, .now_us = l->now_us()};
    a.until_us = enabled ? a.now_us + minutes * MINUTE_US : 0;
    r = each(l, &a, tasks, out, err);
    service_loop_wake(l->services); /* one that is free again may have to go */
    return r;
}

static int read_all(struct meta_tx *tx, void *arg, struct sw_err *err)
{
    struct protect_arg *a = arg;
    json_array_clear(a->ids);
    return task_store_protected(tx, a->cluster->id, a->now_us, SERVICE_NAMES_MAX, a->ids, err);
}

int launcher_get_protection(struct launcher *l, const struct launcher_caller *c, const json_t *in,
                            json_t *out, struct sw_err *err)
{
    struct cluster_ref cluster;
    sw_autojson json_t *ids = json_array();
    const json_t *tasks = sw_json_array(in, "tasks");
    int r = service_cluster(l, c, sw_json_str(in, "cluster", NULL), &cluster, err);
    if (r < 0 || (r = service_describe_limit(in, "tasks", err)) < 0)
        return r;
    struct protect_arg a = {.c = c, .cluster = &cluster, .now_us = l->now_us(), .ids = ids};
    if (json_array_size(tasks) == 0) {
        if ((r = meta_tx(l->db, META_READ_LONG, read_all, &a, err)) < 0)
            return r;
        tasks = ids;
    }
    return each(l, &a, tasks, out, err);
}
