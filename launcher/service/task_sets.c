/* SPDX-License-Identifier: Apache-2.0 */
/* Task sets: what services with the EXTERNAL deployment controller have in the place of deployments. A set that is deleted goes from
 * the plan at once; it is described as DRAINING until its tasks are gone. */
#include "base/json.h"
#include "base/macros.h"
#include "launcher/service/launch_settings.h"
#include "launcher/service/launcher_services.h"
#include "launcher/service/service_json.h"
#include "launcher/service/service_loop.h"
#include "launcher/service/service_settings.h"
#include "launcher/service/taskdef_store.h"

#define TOKEN_MAX 36

struct set_arg {
    const struct launcher_caller *c;
    const struct cluster_ref *cluster;
    const char *service;
    const json_t *in;
    const char *id; /* "ecs-svc/..." of the set; NULL: a new one */
    json_t *document;
    int64_t now_us;
    json_t *result;  /* owned: a set, or a list of sets */
    json_t *missing; /* ids that were asked for and are not there */
};

static double scale_of(const json_t *document)
{
    return json_number_value(json_object_get(sw_json_object(document, "scale"), "value"));
}

static int check_scale(const json_t *in, struct sw_err *err)
{
    const json_t *scale = sw_json_object(in, "scale");
    double v = scale_of(in);
    if (scale && !(v >= 0 && v <= 100 && v == (double)(int)v))
        return sw_fail(err, SW_EINVALID, SERVICE_INVALID,
                       "The value of scale must be a whole number from 0 to 100.");
    return 0;
}

/* *ret: NULL for a set that is gone altogether. */
static int set_json(struct meta_tx *tx, const struct set_arg *a, const struct service_row *row,
                    const struct service_deployment_row *d, json_t **ret, struct sw_err *err)
{
    static const char *const statuses[] = {"PRIMARY", "ACTIVE", "DRAINING"};
    static const char *const same[] = {"externalId", "scale", "networkConfiguration"};
    char arn[ARN_MAX];
    const struct launcher_caller *c = a->c;
    struct service_task_counts n;
    int r = service_store_task_counts(tx, row->id, d->id, &n, err);
    *ret = NULL;
    if (r < 0 || (d->state.status == PLAN_DEPLOYMENT_INACTIVE && n.running + n.pending == 0))
        return r;
    json_t *o = json_object();
    sw_json_set_str(o, "id", d->id);
    arn_of_service(arn, ARN_TASK_SET, c->region, c->account, a->cluster->name, row->name, d->id);
    sw_json_set_str(o, "taskSetArn", arn);
    arn_service(arn, c->region, c->account, a->cluster->name, row->name);
    sw_json_set_str(o, "serviceArn", arn);
    sw_json_set_str(o, "clusterArn", a->cluster->arn);
    sw_json_set_str(o, "status", statuses[d->state.status]);
    arn_task_definition(arn, c->region, c->account, d->family, d->definition_revision);
    sw_json_set_str(o, "taskDefinition", arn);
    sw_json_set_int(o, "computedDesiredCount", d->desired);
    sw_json_set_int(o, "pendingCount", n.pending);
    sw_json_set_int(o, "runningCount", n.running);
    sw_json_set_time_us(o, "createdAt", d->created_at);
    sw_json_set_time_us(o, "updatedAt", d->updated_at);
    for (size_t i = 0; i < SW_ARRAY_LEN(same); i++) {
        if (json_object_get(d->document, same[i]))
            json_object_set(o, same[i], json_object_get(d->document, same[i]));
    }
    launch_describe(d->document, true, o);
    (void)service_list(o, "loadBalancers");
    (void)service_list(o, "serviceRegistries");
    sw_json_set_str(o, "stabilityStatus", d->state.stable ? "STEADY_STATE" : "STABILIZING");
    sw_json_set_time_us(o, "stabilityStatusAt", d->updated_at);
    json_t *tags = service_list(o, "tags");
    if (!a->in || a->document || service_includes(a->in, "TAGS"))
        json_array_extend(tags, sw_json_array(d->document, "tags"));
    *ret = o;
    return 0;
}

static const struct service_deployment_row *find(const struct service_deployment_row *all, size_t n,
                                                 const char *id)
{
    for (size_t i = 0; i < n; i++) {
        if (sw_streq(all[i].id, id))
            return &all[i];
    }
    return NULL;
}

/* The answer: the set of this id as it is now. */
static int answer(struct meta_tx *tx, struct set_arg *a, const struct service_row *row,
                  const char *id, struct sw_err *err)
{
    struct service_deployment_row *all = NULL;
    size_t n = 0;
    int r = service_store_deployments(tx, row->id, true, &all, &n, err);
    const struct service_deployment_row *d = find(all, n, id);
    json_decref(a->result);
    a->result = NULL;
    if (r == 0 && d)
        r = set_json(tx, a, row, d, &a->result, err);
    service_deployment_rows_free(all, n);
    return r;
}

static int check_external(const struct service_row *row, struct sw_err *err)
{
    if (service_is_external(row->document))
        return 0;
    return sw_fail(err, SW_EINVALID, SERVICE_INVALID,
                   "Task sets need a service with the EXTERNAL deployment controller.");
}

/* CreateTaskSet. */

static bool same_request(const struct service_deployment_row *d, const json_t *document)
{
    const char *token = sw_json_str(document, "clientToken", NULL);
    return token && sw_streq(token, sw_json_str(d->document, "clientToken", NULL));
}

/* 1: the client token was used before, and the set is as it is asked for now. */
static int find_earlier(struct meta_tx *tx, struct set_arg *a, const struct service_row *row,
                        struct sw_err *err)
{
    struct service_deployment_row *all = NULL;
    size_t n = 0;
    int found = 0;
    int r = service_store_deployments(tx, row->id, true, &all, &n, err);
    for (size_t i = 0; i < n && r == 0 && !found; i++) {
        if (!same_request(&all[i], a->document))
            continue;
        found = 1;
        r = sw_streq(sw_json_str(all[i].document, "request", ""),
                     sw_json_str(a->document, "request", ""))
                ? set_json(tx, a, row, &all[i], &a->result, err)
                : sw_fail(err, SW_EINVALID, SERVICE_INVALID,
                          "Creation of task set was not idempotent.");
    }
    service_deployment_rows_free(all, n);
    return r < 0 ? r : found;
}

static int add(struct meta_tx *tx, struct set_arg *a, const struct service_row *row,
               struct sw_err *err)
{
    struct taskdef_row definition = {.id = 0};
    sw_autojson json_t *doc = NULL;
    char id[SERVICE_DEPLOYMENT_ID];
    int r =
        service_definition(tx, a->c, sw_json_str(a->in, "taskDefinition", NULL), &definition, err);
    if (r == 0 && (r = service_document(definition.document, &doc, err)) == 0)
        r = service_settings_check_rules(row->document, NULL, err);
    if (r == 0)
        r = launch_check(a->document, doc, row->document, NULL, err);
    if (r == 0)
        r = service_check_network(a->document, doc,
                                  sw_json_object(a->document, "networkConfiguration"), err);
    const struct service_deployment_new n = {
        .service_id = row->id,
        .definition_id = definition.id,
        .desired = plan_lower_bound((int)row->desired, (int)scale_of(a->document)),
        .status = "ACTIVE",
        .document = a->document};
    if (r == 0)
        r = service_store_add_deployment(tx, &n, a->now_us, id, err);
    taskdef_row_done(&definition);
    return r < 0 ? r : answer(tx, a, row, id, err);
}

static int create(struct meta_tx *tx, void *arg, struct sw_err *err)
{
    struct set_arg *a = arg;
    struct service_row row = {.id = 0};
    int r = service_change(tx, a->cluster, a->service, &row, err);
    if (r == 0 && (r = check_external(&row, err)) == 0 &&
        (r = launch_settle(tx, a->cluster->id, a->in, false, a->document, err)) == 0 &&
        (r = find_earlier(tx, a, &row, err)) == 0)
        r = add(tx, a, &row, err);
    service_row_done(&row);
    return r < 0 ? r : 0;
}

/* UpdateTaskSet, UpdateServicePrimaryTaskSet, DeleteTaskSet: fn changes the row of the set. */
typedef int (*set_fn)(struct meta_tx *tx, struct set_arg *a, const struct service_row *row,
                      struct service_deployment_row *d, struct sw_err *err);

static int on_set(struct meta_tx *tx, struct set_arg *a, set_fn fn, struct sw_err *err)
{
    struct service_row row = {.id = 0};
    struct service_deployment_row *all = NULL;
    size_t n = 0, i = 0;
    int r = service_change(tx, a->cluster, a->service, &row, err);
    if (r == 0 && (r = check_external(&row, err)) == 0)
        r = service_store_deployments(tx, row.id, false, &all, &n, err);
    while (i < n && !sw_streq(all[i].id, a->id))
        i++;
    if (r == 0 && i == n)
        r = sw_fail(err, SW_ENOTFOUND, "TaskSetNotFoundException", "Task set not found.");
    if (r == 0 && (r = fn(tx, a, &row, &all[i], err)) == 0)
        r = answer(tx, a, &row, a->id, err);
    service_deployment_rows_free(all, n);
    service_row_done(&row);
    return r;
}

static int set_scale(struct meta_tx *tx, struct set_arg *a, const struct service_row *row,
                     struct service_deployment_row *d, struct sw_err *err)
{
    json_object_set(d->document, "scale", sw_json_object(a->document, "scale"));
    d->desired = plan_lower_bound((int)row->desired, (int)scale_of(d->document));
    d->state.stable = false;
    return service_store_set_deployment(tx, d, a->now_us, err);
}

static int make_primary(struct meta_tx *tx, struct set_arg *a, const struct service_row *row,
                        struct service_deployment_row *d, struct sw_err *err)
{
    struct service_deployment_row *all = NULL;
    size_t n = 0;
    int r = service_store_deployments(tx, row->id, false, &all, &n, err);
    for (size_t i = 0; i < n && r == 0; i++) {
        if (all[i].state.status != PLAN_PRIMARY || sw_streq(all[i].id, d->id))
            continue;
        all[i].state.status = PLAN_ACTIVE;
        r = service_store_set_deployment(tx, &all[i], a->now_us, err);
    }
    service_deployment_rows_free(all, n);
    d->state.status = PLAN_PRIMARY;
    return r < 0 ? r : service_store_set_deployment(tx, d, a->now_us, err);
}

static int retire(struct meta_tx *tx, struct set_arg *a, const struct service_row *row,
                  struct service_deployment_row *d, struct sw_err *err)
{
    struct service_task_counts n;
    int r = service_store_task_counts(tx, row->id, d->id, &n, err);
    if (r == 0 && scale_of(d->document) > 0 && n.running + n.pending > 0 &&
        !sw_json_bool(a->in, "force", false))
        return sw_fail(err, SW_EINVALID, SERVICE_INVALID,
                       "The task set cannot be deleted while it is scaled above 0.");
    d->state.status = PLAN_DEPLOYMENT_INACTIVE;
    d->desired = 0;
    return r < 0 ? r : service_store_set_deployment(tx, d, a->now_us, err);
}

static int update(struct meta_tx *tx, void *arg, struct sw_err *err)
{
    return on_set(tx, arg, set_scale, err);
}

static int update_primary(struct meta_tx *tx, void *arg, struct sw_err *err)
{
    return on_set(tx, arg, make_primary, err);
}

static int delete (struct meta_tx *tx, void *arg, struct sw_err *err)
{
    return on_set(tx, arg, retire, err);
}

/* What all five need: which cluster and service. */
static int prepare(struct launcher *l, struct set_arg *a, struct cluster_ref *cluster,
                   char service[ARN_NAME_MAX + 1], struct sw_err *err)
{
    const char *text = sw_json_str(a->in, "service", NULL);
    int r = service_input_cluster(l, a->c, a->in, text, cluster, err);
    a->cluster = cluster;
    a->service = service;
    a->now_us = l->now_us();
    return r < 0 ? r : service_name(a->c, cluster->name, text, service, err);
}

static int set_id(const struct set_arg *a, const char *text, char out[ARN_NAME_MAX + 1],
                  struct sw_err *err)
{
    struct arn parsed;
    if (!text || !arn_parse(text, ARN_TASK_SET, &parsed) ||
        !arn_is_local(&parsed, a->c->account, a->c->region) ||
        (*parsed.service &&
         (!sw_streq(parsed.service, a->service) || !sw_streq(parsed.cluster, a->cluster->name))))
        return sw_fail(err, SW_EINVALID, SERVICE_INVALID, "Invalid task set identifier: '%.600s'.",
                       text ? text : "");
    (void)sw_str_copy(sw_str(parsed.id), out, ARN_NAME_MAX + 1);
    return 0;
}

static int change(struct launcher *l, struct set_arg *a, meta_fn fn, json_t *out,
                  struct sw_err *err)
{
    int r = meta_tx(l->db, META_WRITE, fn, a, err);
    if (r < 0) {
        json_decref(a->result);
        return r;
    }
    service_loop_wake(l->services);
    if (a->result)
        sw_json_set_new(out, "taskSet", a->result);
    return 0;
}

int launcher_create_task_set(struct launcher *l, const struct launcher_caller *c, const json_t *in,
                             json_t *out, struct sw_err *err)
{
    static const char *const same[] = {"externalId", "tags", "clientToken", "scale",
                                       "networkConfiguration"};
    struct cluster_ref cluster;
    char service[ARN_NAME_MAX + 1];
    sw_autojson json_t *document = json_object();
    struct set_arg a = {.c = c, .in = in, .document = document};
    if (strlen(sw_json_str(in, "clientToken", "")) > TOKEN_MAX)
        return sw_fail(err, SW_EINVALID, SERVICE_INVALID,
                       "clientToken must not be longer than %d characters.", TOKEN_MAX);
    int r = check_scale(in, err);
    if (r < 0 || (r = prepare(l, &a, &cluster, service, err)) < 0)
        return r;
    sw_json_set_new(document, "scale", json_pack("{s:f, s:s}", "value", 100.0, "unit", "PERCENT"));
    for (size_t i = 0; i < SW_ARRAY_LEN(same); i++) {
        if (json_object_get(in, same[i]))
            json_object_set(document, same[i], json_object_get(in, same[i]));
    }
    sw_autofree char *request = service_request_text(in, "cluster");
    sw_json_set_str(document, "request", request);
    return change(l, &a, create, out, err);
}

static int change_one(struct launcher *l, const struct launcher_caller *c, const json_t *in,
                      const char *key, meta_fn fn, json_t *out, struct sw_err *err)
{
    struct cluster_ref cluster;
    char service[ARN_NAME_MAX + 1], id[ARN_NAME_MAX + 1];
    struct set_arg a = {.c = c, .in = in, .document = (json_t *)in, .id = id};
    int r = check_scale(in, err);
    if (r < 0 || (r = prepare(l, &a, &cluster, service, err)) < 0 ||
        (r = set_id(&a, sw_json_str(in, key, NULL), id, err)) < 0)
        return r;
    return change(l, &a, fn, out, err);
}

int launcher_update_task_set(struct launcher *l, const struct launcher_caller *c, const json_t *in,
                             json_t *out, struct sw_err *err)
{
    return change_one(l, c, in, "taskSet", update, out, err);
}

int launcher_delete_task_set(struct launcher *l, const struct launcher_caller *c, const json_t *in,
                             json_t *out, struct sw_err *err)
{
    return change_one(l, c, in, "taskSet", delete, out, err);
}

int launcher_update_primary_task_set(struct launcher *l, const struct launcher_caller *c,
                                     const json_t *in, json_t *out, struct sw_err *err)
{
    return change_one(l, c, in, "primaryTaskSet", update_primary, out, err);
}

/* DescribeTaskSets. */

static int describe(struct meta_tx *tx, void *arg, struct sw_err *err)
{
    struct set_arg *a = arg;
    struct service_row row = {.id = 0};
    struct service_deployment_row *all = NULL;
    const json_t *wanted = sw_json_array(a->in, "taskSets"), *v;
    size_t n = 0, i;
    json_array_clear(a->result);
    json_array_clear(a->missing);
    int r = service_store_get(tx, a->cluster->id, a->service, &row, err);
    if (r == 0)
        return sw_fail(err, SW_ENOTFOUND, "ServiceNotFoundException", "Service not found.");
    if (r > 0 && (r = check_external(&row, err)) == 0)
        r = service_store_deployments(tx, row.id, true, &all, &n, err);
    for (i = 0; i < n && r == 0 && json_array_size(wanted) == 0; i++) {
        json_t *set = NULL;
        r = set_json(tx, a, &row, &all[i], &set, err);
        if (set)
            json_array_append_new(a->result, set);
    }
    json_array_foreach(wanted, i, v) {
        char id[ARN_NAME_MAX + 1];
        json_t *set = NULL;
        if (r < 0 || (r = set_id(a, json_string_value(v), id, err)) < 0)
            break;
        const struct service_deployment_row *d = find(all, n, id);
        r = d ? set_json(tx, a, &row, d, &set, err) : 0;
        if (set)
            json_array_append_new(a->result, set);
        else if (r == 0)
            json_array_append_new(a->missing, service_failure(json_string_value(v), "MISSING"));
    }
    service_deployment_rows_free(all, n);
    service_row_done(&row);
    return r;
}

int launcher_describe_task_sets(struct launcher *l, const struct launcher_caller *c,
                                const json_t *in, json_t *out, struct sw_err *err)
{
    struct cluster_ref cluster;
    char service[ARN_NAME_MAX + 1];
    struct set_arg a = {.c = c,
                        .in = in,
                        .result = service_list(out, "taskSets"),
                        .missing = service_list(out, "failures")};
    int r = service_describe_limit(in, "taskSets", err);
    if (r < 0 || (r = prepare(l, &a, &cluster, service, err)) < 0)
        return r;
    return meta_tx(l->db, META_READ, describe, &a, err);
}

/* For DescribeServices: those of a service that are not gone. */
int service_task_sets(struct meta_tx *tx, const struct launcher_caller *c,
                      const struct cluster_ref *cluster, const struct service_row *row,
                      const struct service_deployment_row *all, size_t n, json_t *list,
                      struct sw_err *err)
{
    const struct set_arg a = {.c = c, .cluster = cluster, .service = row->name};
    for (size_t i = 0; i < n; i++) {
        json_t *set = NULL;
        int r = set_json(tx, &a, row, &all[i], &set, err);
        if (r < 0)
            return r;
        if (set)
            json_array_append_new(list, set);
    }
    return 0;
}
