/* SPDX-License-Identifier: Apache-2.0 */
/* Service deployments and service revisions: what was rolled out when, and from what. A rollback is part of the deployment that
 * failed, as AWS tells it; its row is not listed by itself. */
#include "base/json.h"
#include "base/macros.h"
#include "launcher/service/launcher_services.h"
#include "launcher/service/service_json.h"
#include "launcher/service/service_loop.h"
#include "launcher/service/taskdef_store.h"

#define DESCRIBE_MAX 20

struct history_arg {
    const struct launcher_caller *c;
    const struct cluster_ref *cluster;
    const char *name; /* of the service */
    const json_t *in;
    const char *id; /* of the deployment or revision */
    struct launcher_page *page;
    int64_t now_us;
    json_t *result; /* owned; NULL: there is none */
};

struct history {
    struct service_row row;
    struct service_deployment_row *all;
    size_t n;
};

static void history_done(struct history *h)
{
    service_row_done(&h->row);
    service_deployment_rows_free(h->all, h->n);
}

/* 1 found, 0 there is no such service. */
static int history_read(struct meta_tx *tx, const struct history_arg *a, struct history *ret,
                        struct sw_err *err)
{
    int r = service_store_get(tx, a->cluster->id, a->name, &ret->row, err);
    if (r > 0 &&
        (r = service_store_deployments(tx, ret->row.id, true, &ret->all, &ret->n, err)) == 0)
        r = 1;
    return r;
}

/* A service deployment of its own: no rollback, which is part of the one that failed, and no task set. */
static bool is_deployment(const struct history *h, size_t i)
{
    return !h->all[i].rollback_of && !service_is_external(h->row.document);
}

/* A member of a structure of times, in microseconds. */
static int64_t time_of(const json_t *in, const char *key, int64_t def)
{
    const json_t *v = json_object_get(sw_json_object(in, "createdAt"), key);
    return json_is_number(v) ? (int64_t)(json_number_value(v) * 1e6) : def;
}

static bool is_wanted(const json_t *in, const struct service_deployment_row *d, const char *status)
{
    const json_t *wanted = sw_json_array(in, "status"), *v;
    size_t i;
    if (d->created_at < time_of(in, "after", 0) || d->created_at > time_of(in, "before", INT64_MAX))
        return false;
    json_array_foreach(wanted, i, v) {
        if (sw_streq(json_string_value(v), status))
            return true;
    }
    return json_array_size(wanted) == 0;
}

static json_t *brief(const json_t *whole)
{
    static const char *const same[] = {
        "serviceDeploymentArn", "serviceArn", "clusterArn",  "startedAt", "createdAt",
        "finishedAt",           "status",     "statusReason"};
    json_t *o = json_object();
    for (size_t i = 0; i < SW_ARRAY_LEN(same); i++) {
        if (json_object_get(whole, same[i]))
            json_object_set(o, same[i], json_object_get(whole, same[i]));
    }
    sw_json_set_str(o, "targetServiceRevisionArn",
                    sw_json_str(sw_json_object(whole, "targetServiceRevision"), "arn", NULL));
    return o;
}

/* Newest first; a page begins after the deployment whose id ended the one before. */
static int list_tx(struct meta_tx *tx, void *arg, struct sw_err *err)
{
    struct history_arg *a = arg;
    SW_CLEANUP(history_done) struct history h = {.n = 0};
    bool begun = !*a->page->after;
    const char *last = "";
    json_array_clear(a->result);
    int r = history_read(tx, a, &h, err);
    if (r <= 0)
        return r < 0 ? r
                     : sw_fail(err, SW_ENOTFOUND, "ServiceNotFoundException", "Service not found.");
    for (size_t i = 0; i < h.n; i++) {
        sw_autojson json_t *whole = NULL;
        sw_autoarena arena = {0};
        const char *reason;
        const char *status = service_deployment_status(h.all, h.n, i, &reason, &arena);
        bool now = begun && is_deployment(&h, i) && is_wanted(a->in, &h.all[i], status);
        begun |= sw_streq(h.all[i].public_id, a->page->after);
        if (!now)
            continue;
        if ((int)json_array_size(a->result) == a->page->limit) {
            service_page_end(a->page, last, true);
            return 0;
        }
        r = service_deployment_json(tx, a->c, a->cluster, &h.row, h.all, h.n, i, &whole, err);
        if (r < 0)
            return r;
        json_array_append_new(a->result, brief(whole));
        last = h.all[i].public_id;
    }
    return 0;
}

int launcher_list_service_deployments(struct launcher *l, const struct launcher_caller *c,
                                      const json_t *in, struct launcher_page *page, json_t *out,
                                      struct sw_err *err)
{
    struct cluster_ref cluster;
    char name[ARN_NAME_MAX + 1];
    const char *text = sw_json_str(in, "service", NULL);
    int r = service_input_cluster(l, c, in, text, &cluster, err);
    if (r < 0 || (r = service_name(c, cluster.name, text, name, err)) < 0)
        return r;
    struct history_arg a = {.c = c,
                            .cluster = &cluster,
                            .name = name,
                            .in = in,
                            .page = page,
                            .result = service_list(out, "serviceDeployments")};
    return meta_tx(l->db, META_READ_LONG, list_tx, &a, err);
}

static int describe_deployment(struct meta_tx *tx, void *arg, struct sw_err *err)
{
    struct history_arg *a = arg;
    SW_CLEANUP(history_done) struct history h = {.n = 0};
    json_decref(a->result);
    a->result = NULL;
    int r = history_read(tx, a, &h, err);
    for (size_t i = 0; r > 0 && i < h.n; i++) {
        if (is_deployment(&h, i) && sw_streq(h.all[i].public_id, a->id))
            return service_deployment_json(tx, a->c, a->cluster, &h.row, h.all, h.n, i, &a->result,
                                           err);
    }
    return r < 0 ? r : 0;
}

/* The oldest deployment of the revision is when it was made. */
static int describe_revision(struct meta_tx *tx, void *arg, struct sw_err *err)
{
    struct history_arg *a = arg;
    SW_CLEANUP(history_done) struct history h = {.n = 0};
    sw_autojson json_t *definition = NULL;
    json_decref(a->result);
    a->result = NULL;
    int r = history_read(tx, a, &h, err);
    for (size_t i = h.n; r > 0 && i-- > 0;) {
        if (!sw_streq(h.all[i].revision, a->id))
            continue;
        r = taskdef_store_document(tx, h.all[i].definition_id, &definition, err);
        if (r == 0)
            a->result = service_revision_json(a->c, a->cluster, &h.row, &h.all[i], definition);
        return r;
    }
    return r < 0 ? r : 0;
}

/* An ARN of the caller's; SW_ENOTFOUND when it is of another. */
static int parse(const struct launcher_caller *c, const char *text, enum arn_kind kind,
                 struct arn *ret, struct sw_err *err)
{
    if (!text || !sw_str_starts_with(sw_str(text), "arn:") || !arn_parse(text, kind, ret))
        return sw_fail(err, SW_EINVALID, SERVICE_INVALID, "Invalid identifier: '%.600s'.",
                       text ? text : "");
    if (!arn_is_local(ret, c->account, c->region))
        return sw_fail(err, SW_EINVALID, SERVICE_INVALID,
                       "Invalid identifier: '%.600s' is of another account or region.", text);
    return 0;
}

static int describe_all(struct launcher *l, const struct launcher_caller *c, const json_t *list,
                        enum arn_kind kind, meta_fn fn, json_t *found, json_t *failures,
                        struct sw_err *err)
{
    const json_t *v;
    size_t i;
    if (json_array_size(list) == 0 || json_array_size(list) > DESCRIBE_MAX)
        return sw_fail(err, SW_EINVALID, SERVICE_INVALID, "Between 1 and %d ARNs are described.",
                       DESCRIBE_MAX);
    json_array_foreach(list, i, v) {
        struct arn arn;
        struct cluster_ref cluster;
        struct history_arg a = {.c = c, .cluster = &cluster};
        int r = parse(c, json_string_value(v), kind, &arn, err);
        if (r < 0)
            return r;
        a.name = arn.service;
        a.id = arn.id;
        r = service_cluster(l, c, arn.cluster, &cluster, err);
        if (r == 0)
            r = meta_tx(l->db, META_READ, fn, &a, err);
        if (r < 0 && r != SW_ENOTFOUND) {
            json_decref(a.result);
            return r;
        }
        sw_err_clear(err);
        if (a.result)
            json_array_append_new(found, a.result);
        else
            json_array_append_new(failures, service_failure(json_string_value(v), "MISSING"));
    }
    return 0;
}

int launcher_describe_service_deployments(struct launcher *l, const struct launcher_caller *c,
                                          const json_t *in, json_t *out, struct sw_err *err)
{
    json_t *found = service_list(out, "serviceDeployments");
    return describe_all(l, c, sw_json_array(in, "serviceDeploymentArns"), ARN_SERVICE_DEPLOYMENT,
                        describe_deployment, found, service_list(out, "failures"), err);
}

int launcher_describe_service_revisions(struct launcher *l, const struct launcher_caller *c,
                                        const json_t *in, json_t *out, struct sw_err *err)
{
    json_t *found = service_list(out, "serviceRevisions");
    return describe_all(l, c, sw_json_array(in, "serviceRevisionArns"), ARN_SERVICE_REVISION,
                        describe_revision, found, service_list(out, "failures"), err);
}

/* StopServiceDeployment. */

static int deployment_not_found(struct sw_err *err)
{
    return sw_fail(err, SW_ENOTFOUND, "ServiceDeploymentNotFoundException",
                   "Service deployment not found.");
}

/* What a rollback goes back to; ABORT needs none. */
struct stop_target {
    struct service_target target;
    json_t *document;
};

static void stop_target_done(struct stop_target *t)
{
    json_decref(t->document);
}

static int find_target(struct meta_tx *tx, const struct history *h,
                       const struct service_deployment_row *d, struct stop_target *ret,
                       struct sw_err *err)
{
    int r = service_store_last_completed(tx, h->row.id, d->id, &ret->target, err);
    if (r == 0)
        return sw_fail(err, SW_EINVALID, SERVICE_INVALID,
                       "The service has no completed deployment to roll back to.");
    return r < 0 ? r : service_store_deployment_document(tx, ret->target.id, &ret->document, err);
}

static int start_rollback(struct meta_tx *tx, const struct history *h,
                          const struct service_deployment_row *d, const struct stop_target *to,
                          int64_t now_us, struct sw_err *err)
{
    char id[SERVICE_DEPLOYMENT_ID];
    const struct service_deployment_new n = {.service_id = h->row.id,
                                             .definition_id = to->target.definition_id,
                                             .desired = h->row.desired,
                                             .revision = to->target.revision,
                                             .rollback_of = d->id,
                                             .status = "PRIMARY",
                                             .document = to->document};
    return service_store_add_deployment(tx, &n, now_us, id, err);
}

/* Everything that refuses comes before the first change. */
static int stop_one(struct meta_tx *tx, const struct history_arg *a, const struct history *h,
                    struct service_deployment_row *d, struct sw_err *err)
{
    SW_CLEANUP(stop_target_done) struct stop_target to = {.document = NULL};
    bool abort = sw_streq(sw_json_str(a->in, "stopType", "ROLLBACK"), "ABORT");
    if (!sw_streq(h->row.status, "ACTIVE") || d->state.status != PLAN_PRIMARY ||
        d->state.rollout != PLAN_IN_PROGRESS)
        return sw_fail(err, SW_ECONFLICT, "ConflictException",
                       "The service deployment is not in progress.");
    int r = abort ? 0 : find_target(tx, h, d, &to, err);
    if (r < 0 || (r = service_store_claim(tx, h->row.id, h->row.version, err)) < 0)
        return r;
    d->state.rollout = PLAN_FAILED;
    d->state.rolled_back = !abort;
    sw_json_set_str(d->document, "reason",
                    abort ? "The service deployment was stopped by a user."
                          : "The service deployment was stopped by a user and is rolled back.");
    r = service_store_set_deployment(tx, d, a->now_us, err);
    return r < 0 || abort ? r : start_rollback(tx, h, d, &to, a->now_us, err);
}

static int stop_tx(struct meta_tx *tx, void *arg, struct sw_err *err)
{
    struct history_arg *a = arg;
    SW_CLEANUP(history_done) struct history h = {.n = 0};
    int r = history_read(tx, a, &h, err);
    for (size_t i = 0; r > 0 && i < h.n; i++) {
        if (is_deployment(&h, i) && sw_streq(h.all[i].public_id, a->id))
            return stop_one(tx, a, &h, &h.all[i], err);
    }
    return r < 0 ? r : deployment_not_found(err);
}

int launcher_stop_service_deployment(struct launcher *l, const struct launcher_caller *c,
                                     const json_t *in, json_t *out, struct sw_err *err)
{
    struct arn arn;
    struct cluster_ref cluster;
    const char *text = sw_json_str(in, "serviceDeploymentArn", NULL);
    int r = parse(c, text, ARN_SERVICE_DEPLOYMENT, &arn, err);
    if (r < 0 || (r = service_cluster(l, c, arn.cluster, &cluster, err)) < 0)
        return r;
    struct history_arg a = {.c = c,
                            .cluster = &cluster,
                            .name = arn.service,
                            .id = arn.id,
                            .in = in,
                            .now_us = l->now_us()};
    if ((r = meta_tx(l->db, META_WRITE, stop_tx, &a, err)) < 0)
        return r;
    service_loop_wake(l->services);
    sw_json_set_str(out, "serviceDeploymentArn", text);
    return 0;
}

/* ContinueServiceDeployment. */

static int find_deployment(struct meta_tx *tx, void *arg, struct sw_err *err)
{
    struct history_arg *a = arg;
    SW_CLEANUP(history_done) struct history h = {.n = 0};
    int r = history_read(tx, a, &h, err);
    for (size_t i = 0; r > 0 && i < h.n; i++) {
        if (is_deployment(&h, i) && sw_streq(h.all[i].public_id, a->id))
            return 0;
    }
    return r < 0 ? r : deployment_not_found(err);
}

/* Hooks are refused by name when a service is made, so there is none to go on from. */
int launcher_continue_service_deployment(struct launcher *l, const struct launcher_caller *c,
                                         const json_t *in, json_t *out SW_UNUSED,
                                         struct sw_err *err)
{
    struct arn arn;
    struct cluster_ref cluster;
    int r =
        parse(c, sw_json_str(in, "serviceDeploymentArn", NULL), ARN_SERVICE_DEPLOYMENT, &arn, err);
    if (r < 0 || (r = service_cluster(l, c, arn.cluster, &cluster, err)) < 0)
        return r;
    struct history_arg a = {.c = c, .cluster = &cluster, .name = arn.service, .id = arn.id};
    if ((r = meta_tx(l->db, META_READ, find_deployment, &a, err)) < 0)
        return r;
    return sw_fail(err, SW_EINVALID, SERVICE_INVALID,
                   "The service deployment is not paused at a lifecycle hook with the ID '%.300s'.",
                   sw_json_str(in, "hookId", ""));
}
