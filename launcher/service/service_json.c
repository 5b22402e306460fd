/* SPDX-License-Identifier: Apache-2.0 */
#include "launcher/service/service_json.h"

#include "base/json.h"
#include "base/macros.h"
#include "launcher/service/launch_settings.h"
#include "launcher/service/launcher_services.h"
#include "launcher/service/service_settings.h"
#include "launcher/service/taskdef_store.h"

static const char *const statuses[] = {"PRIMARY", "ACTIVE", "INACTIVE"};

static void set_definition(json_t *o, const struct launcher_caller *c,
                           const struct service_deployment_row *d)
{
    char arn[ARN_MAX];
    arn_task_definition(arn, c->region, c->account, d->family, d->definition_revision);
    sw_json_set_str(o, "taskDefinition", arn);
}

static void set_part_arn(json_t *o, const char *key, enum arn_kind kind,
                         const struct launcher_caller *c, const struct cluster_ref *cluster,
                         const struct service_row *row, const char *id)
{
    char arn[ARN_MAX];
    arn_of_service(arn, kind, c->region, c->account, cluster->name, row->name, id);
    sw_json_set_str(o, key, arn);
}

static void set_service(json_t *o, const struct launcher_caller *c,
                        const struct cluster_ref *cluster, const struct service_row *row)
{
    char arn[ARN_MAX];
    arn_service(arn, c->region, c->account, cluster->name, row->name);
    sw_json_set_str(o, "serviceArn", arn);
    sw_json_set_str(o, "clusterArn", cluster->arn);
}

bool service_is_external(const json_t *document)
{
    const json_t *controller = sw_json_object(document, "deploymentController");
    return sw_streq(sw_json_str(controller, "type", "ECS"), "EXTERNAL");
}

static int set_counts(struct meta_tx *tx, json_t *o, int64_t service_id, const char *deployment,
                      struct service_task_counts *ret, struct sw_err *err)
{
    struct service_task_counts n;
    int r = service_store_task_counts(tx, service_id, deployment, &n, err);
    if (r < 0)
        return r;
    sw_json_set_int(o, "runningCount", n.running);
    sw_json_set_int(o, "pendingCount", n.pending);
    if (ret)
        *ret = n;
    return 0;
}

static json_t *deployment_entry(const struct launcher_caller *c,
                                const struct service_deployment_row *d)
{
    sw_autoarena arena = {0};
    const struct plan_deployment as_planned = {.id = d->id};
    json_t *o = json_object();
    sw_json_set_str(o, "id", d->id);
    sw_json_set_str(o, "status", statuses[d->state.status]);
    set_definition(o, c, d);
    sw_json_set_int(o, "desiredCount", d->desired);
    sw_json_set_int(o, "failedTasks", d->state.failed_tasks);
    sw_json_set_time_us(o, "createdAt", d->created_at);
    sw_json_set_time_us(o, "updatedAt", d->updated_at);
    launch_describe(d->document, true, o);
    if (sw_json_object(d->document, "networkConfiguration"))
        json_object_set(o, "networkConfiguration",
                        sw_json_object(d->document, "networkConfiguration"));
    sw_json_set_str(o, "rolloutState", plan_rollout_to_string(d->state.rollout));
    const char *reason = sw_json_str(d->document, "reason", NULL);
    const char *back_to = sw_json_str(d->document, "rollingBackTo", NULL);
    if (back_to && d->state.rollout == PLAN_IN_PROGRESS)
        reason = sw_arena_printf(
            &arena, "ECS deployment circuit breaker: rolling back to deploymentId %s.", back_to);
    sw_json_set_str(o, "rolloutStateReason",
                    reason ? reason : plan_rollout_reason(&as_planned, &d->state, &arena));
    return o;
}

struct parts {
    struct meta_tx *tx;
    const struct launcher_caller *c;
    const struct cluster_ref *cluster;
    const struct service_row *row;
    struct service_deployment_row *deployments;
    size_t n;
};

static int add_deployments(const struct parts *p, json_t *o, struct sw_err *err)
{
    json_t *list = service_list(o, "deployments"), *revisions = json_array();
    for (size_t i = 0; i < p->n; i++) {
        const struct service_deployment_row *d = &p->deployments[i];
        struct service_task_counts counts;
        json_t *entry = deployment_entry(p->c, d), *revision = json_object();
        json_array_append_new(list, entry);
        json_array_append_new(revisions, revision);
        if (d->state.status == PLAN_PRIMARY)
            sw_json_set_int(entry, "desiredCount", p->row->desired);
        int r = set_counts(p->tx, entry, p->row->id, d->id, &counts, err);
        if (r < 0) {
            json_decref(revisions);
            return r;
        }
        set_part_arn(revision, "arn", ARN_SERVICE_REVISION, p->c, p->cluster, p->row, d->revision);
        sw_json_set_int(revision, "requestedTaskCount",
                        d->state.status == PLAN_PRIMARY ? p->row->desired : 0);
        sw_json_set_int(revision, "runningTaskCount", counts.running);
        sw_json_set_int(revision, "pendingTaskCount", counts.pending);
        if (d->state.status == PLAN_PRIMARY && d->state.rollout == PLAN_IN_PROGRESS)
            set_part_arn(o, "currentServiceDeployment", ARN_SERVICE_DEPLOYMENT, p->c, p->cluster,
                         p->row, d->public_id);
    }
    sw_json_set_new(o, "currentServiceRevisions", revisions);
    return 0;
}

static void add_settings(json_t *o, const struct service_row *row, bool with_tags)
{
    static const char *const same[] = {
        "deploymentConfiguration",       "placementConstraints", "placementStrategy",
        "healthCheckGracePeriodSeconds", "deploymentController", "createdBy",
        "enableECSManagedTags",          "propagateTags",        "enableExecuteCommand",
        "availabilityZoneRebalancing",   "networkConfiguration"};
    for (size_t i = 0; i < SW_ARRAY_LEN(same); i++) {
        json_t *v = json_object_get(row->document, same[i]);
        if (v)
            json_object_set(o, same[i], v);
    }
    launch_describe(row->document, false, o);
    json_t *tags = sw_json_array(row->document, "tags");
    if (with_tags)
        json_array_extend(service_list(o, "tags"), tags);
}

int service_json(struct meta_tx *tx, const struct launcher_caller *c,
                 const struct cluster_ref *cluster, const struct service_row *row, bool with_tags,
                 json_t **ret, struct sw_err *err)
{
    struct parts p = {.tx = tx, .c = c, .cluster = cluster, .row = row};
    sw_autojson json_t *o = json_object();
    int r = service_store_deployments(tx, row->id, false, &p.deployments, &p.n, err);
    if (r < 0)
        return r;
    set_service(o, c, cluster, row);
    sw_json_set_str(o, "serviceName", row->name);
    sw_json_set_str(o, "status", row->status);
    sw_json_set_str(o, "schedulingStrategy", row->scheduling);
    sw_json_set_int(o, "desiredCount", row->desired);
    sw_json_set_time_us(o, "createdAt", row->created_at);
    (void)service_list(o, "loadBalancers");
    (void)service_list(o, "serviceRegistries");
    add_settings(o, row, with_tags);
    for (size_t i = 0; i < p.n; i++) {
        if (p.deployments[i].state.status == PLAN_PRIMARY)
            set_definition(o, c, &p.deployments[i]);
    }
    if (!json_object_get(o, "taskDefinition"))
        sw_json_set_str(o, "taskDefinition", sw_json_str(row->document, "taskDefinition", NULL));
    r = set_counts(tx, o, row->id, NULL, NULL, err);
    if (r == 0 && service_is_external(row->document)) {
        (void)service_list(o, "deployments");
        r = service_task_sets(tx, c, cluster, row, p.deployments, p.n, service_list(o, "taskSets"),
                              err);
    } else if (r == 0) {
        r = add_deployments(&p, o, err);
    }
    if (r == 0)
        r = service_store_events(tx, row->id, service_list(o, "events"), err);
    service_deployment_rows_free(p.deployments, p.n);
    if (r == 0)
        *ret = SW_TAKE(o);
    return r;
}

/* Service deployments. */

static const struct service_deployment_row *rollback_of(const struct service_deployment_row *all,
                                                        size_t n, const char *id)
{
    for (size_t i = 0; i < n; i++) {
        if (sw_streq(all[i].rollback_of, id))
            return &all[i];
    }
    return NULL;
}

static bool replaced(const struct service_deployment_row *d)
{
    return d->state.rollout == PLAN_IN_PROGRESS && d->state.status != PLAN_PRIMARY;
}

const char *service_deployment_status(const struct service_deployment_row *all, size_t n,
                                      size_t which, const char **ret_reason, struct sw_arena *a)
{
    const struct service_deployment_row *d = &all[which];
    const struct service_deployment_row *back = rollback_of(all, n, d->id);
    const struct plan_deployment as_planned = {.id = d->id};
    const char *own = sw_json_str(d->document, "reason", NULL);
    *ret_reason = own ? own : plan_rollout_reason(&as_planned, &d->state, a);
    if (d->state.rollout == PLAN_COMPLETED)
        return "SUCCESSFUL";
    if (back && back->state.rollout == PLAN_COMPLETED)
        return "ROLLBACK_SUCCESSFUL";
    if (back)
        return back->state.rollout == PLAN_FAILED || replaced(back) ? "ROLLBACK_FAILED"
                                                                    : "ROLLBACK_IN_PROGRESS";
    if (d->state.rollout == PLAN_FAILED)
        return "STOPPED";
    if (replaced(d)) {
        *ret_reason = "A newer deployment replaced it.";
        return "STOPPED";
    }
    return "IN_PROGRESS";
}

static void set_circuit_breaker(json_t *o, const struct service_row *row,
                                const struct service_deployment_row *d)
{
    const struct plan_breaker wanted = service_settings_breaker(row->document);
    json_t *breaker = json_object();
    const char *status = "MONITORING";
    if (!wanted.enabled)
        status = "DISABLED";
    else if (d->state.rollout == PLAN_FAILED)
        status = "TRIGGERED";
    else if (d->state.rollout == PLAN_COMPLETED)
        status = "MONITORING_COMPLETE";
    sw_json_set_str(breaker, "status", status);
    sw_json_set_int(breaker, "failureCount", d->state.failed_tasks);
    sw_json_set_int(breaker, "threshold", plan_breaker_threshold(&wanted, (int)row->desired));
    sw_json_set_new(o, "deploymentCircuitBreaker", breaker);
}

static int revision_summary(struct meta_tx *tx, const struct launcher_caller *c,
                            const struct cluster_ref *cluster, const struct service_row *row,
                            const struct service_deployment_row *d, json_t **ret,
                            struct sw_err *err)
{
    struct service_task_counts n;
    int r = service_store_task_counts(tx, row->id, d->id, &n, err);
    if (r < 0)
        return r;
    json_t *o = json_object();
    set_part_arn(o, "arn", ARN_SERVICE_REVISION, c, cluster, row, d->revision);
    sw_json_set_int(o, "requestedTaskCount",
                    d->state.status == PLAN_PRIMARY ? row->desired : d->desired);
    sw_json_set_int(o, "runningTaskCount", n.running);
    sw_json_set_int(o, "pendingTaskCount", n.pending);
    *ret = o;
    return 0;
}

/* What was there before: the deployments that still have tasks, or the one before it. */
static int add_sources(struct meta_tx *tx, const struct launcher_caller *c,
                       const struct cluster_ref *cluster, const struct service_row *row,
                       const struct service_deployment_row *all, size_t n, size_t which,
                       json_t *list, struct sw_err *err)
{
    for (size_t i = which + 1; i < n; i++) {
        json_t *o = NULL;
        if (all[i].state.status == PLAN_DEPLOYMENT_INACTIVE && i != which + 1)
            continue;
        int r = revision_summary(tx, c, cluster, row, &all[i], &o, err);
        if (r < 0)
            return r;
        json_array_append_new(list, o);
    }
    return 0;
}

int service_deployment_json(struct meta_tx *tx, const struct launcher_caller *c,
                            const struct cluster_ref *cluster, const struct service_row *row,
                            const struct service_deployment_row *all, size_t n, size_t which,
                            json_t **ret, struct sw_err *err)
{
    sw_autoarena arena = {0};
    const struct service_deployment_row *d = &all[which];
    const struct service_deployment_row *back = rollback_of(all, n, d->id);
    const char *reason = NULL;
    sw_autojson json_t *o = json_object();
    json_t *target = NULL;
    const char *status = service_deployment_status(all, n, which, &reason, &arena);
    set_service(o, c, cluster, row);
    set_part_arn(o, "serviceDeploymentArn", ARN_SERVICE_DEPLOYMENT, c, cluster, row, d->public_id);
    sw_json_set_time_us(o, "createdAt", d->created_at);
    sw_json_set_time_us(o, "startedAt", d->created_at);
    sw_json_set_time_us(o, "updatedAt", d->updated_at);
    if (d->finished_at)
        sw_json_set_time_us(o, "finishedAt", d->finished_at);
    if (d->finished_at && sw_streq(status, "STOPPED"))
        sw_json_set_time_us(o, "stoppedAt", d->finished_at);
    sw_json_set_str(o, "status", status);
    sw_json_set_str(o, "statusReason", reason);
    json_object_set(o, "deploymentConfiguration",
                    json_object_get(row->document, "deploymentConfiguration"));
    set_circuit_breaker(o, row, d);
    if (back) {
        json_t *rollback = json_object();
        sw_json_set_str(rollback, "reason", reason);
        sw_json_set_time_us(rollback, "startedAt", back->created_at);
        set_part_arn(rollback, "serviceRevisionArn", ARN_SERVICE_REVISION, c, cluster, row,
                     back->revision);
        sw_json_set_new(o, "rollback", rollback);
    }
    int r = add_sources(tx, c, cluster, row, all, n, which,
                        service_list(o, "sourceServiceRevisions"), err);
    if (r == 0)
        r = revision_summary(tx, c, cluster, row, d, &target, err);
    if (r < 0)
        return r;
    sw_json_set_new(o, "targetServiceRevision", target);
    *ret = SW_TAKE(o);
    return 0;
}

json_t *service_revision_json(const struct launcher_caller *c, const struct cluster_ref *cluster,
                              const struct service_row *row, const struct service_deployment_row *d,
                              const json_t *definition)
{
    json_t *o = json_object(), *images;
    const json_t *container;
    size_t i;
    set_service(o, c, cluster, row);
    set_part_arn(o, "serviceRevisionArn", ARN_SERVICE_REVISION, c, cluster, row, d->revision);
    set_definition(o, c, d);
    launch_describe(d->document, true, o);
    if (sw_json_object(d->document, "networkConfiguration"))
        json_object_set(o, "networkConfiguration",
                        sw_json_object(d->document, "networkConfiguration"));
    sw_json_set_time_us(o, "createdAt", d->created_at);
    (void)service_list(o, "loadBalancers");
    (void)service_list(o, "serviceRegistries");
    images = service_list(o, "containerImages");
    json_array_foreach(sw_json_array(definition, "containerDefinitions"), i, container) {
        json_t *image = json_object();
        sw_json_set_str(image, "containerName", sw_json_str(container, "name", ""));
        sw_json_set_str(image, "image", sw_json_str(container, "image", ""));
        json_array_append_new(images, image);
    }
    return o;
}

/* References. */

int service_name(const struct launcher_caller *c, const char *cluster_name, const char *text,
                 char out[ARN_NAME_MAX + 1], struct sw_err *err)
{
    struct arn a;
    if (!text || !arn_parse(text, ARN_SERVICE, &a))
        return sw_fail(err, SW_EINVALID, SERVICE_INVALID, "Invalid service identifier: '%.300s'.",
                       text ? text : "");
    if (*a.cluster && !sw_streq(a.cluster, cluster_name))
        return sw_fail(err, SW_EINVALID, SERVICE_INVALID,
                       "Identifier is for cluster %s. Your cluster is %s", a.cluster, cluster_name);
    if (!arn_is_local(&a, c->account, c->region))
        return sw_fail(err, SW_EINVALID, SERVICE_INVALID,
                       "Invalid identifier: '%.300s' is of another account or region.", text);
    (void)sw_str_copy(sw_str(a.id), out, ARN_NAME_MAX + 1);
    return 0;
}

/* The cluster's reference: what was said, else what the service's ARN says, else NULL. */
static const char *cluster_text(const char *cluster, const char *service, struct arn *parsed)
{
    if (!cluster && service && arn_parse(service, ARN_SERVICE, parsed) && *parsed->cluster)
        return parsed->cluster;
    return cluster;
}

int service_input_cluster(struct launcher *l, const struct launcher_caller *c, const json_t *in,
                          const char *service, struct cluster_ref *ret, struct sw_err *err)
{
    struct arn parsed;
    return service_cluster(l, c, cluster_text(sw_json_str(in, "cluster", NULL), service, &parsed),
                           ret, err);
}

int launcher_service_arn(const struct launcher_caller *c, const char *cluster, const char *service,
                         char out[ARN_MAX], struct sw_err *err)
{
    char cluster_name[ARN_NAME_MAX + 1], name[ARN_NAME_MAX + 1];
    struct arn parsed;
    int r = service_cluster_name(c, cluster_text(cluster, service, &parsed), cluster_name, err);
    if (r < 0 || (r = service_name(c, cluster_name, service, name, err)) < 0)
        return r;
    arn_service(out, c->region, c->account, cluster_name, name);
    return 0;
}

int service_change(struct meta_tx *tx, const struct cluster_ref *cluster, const char *name,
                   struct service_row *ret, struct sw_err *err)
{
    int r = service_store_get(tx, cluster->id, name, ret, err);
    if (r == 0)
        return sw_fail(err, SW_ENOTFOUND, "ServiceNotFoundException", "Service not found.");
    if (r > 0 && !sw_streq(ret->status, "ACTIVE"))
        r = sw_fail(err, SW_ECONFLICT, "ServiceNotActiveException", "Service was not ACTIVE.");
    if (r > 0)
        r = service_store_claim(tx, ret->id, ret->version, err);
    if (r < 0)
        service_row_done(ret);
    return r;
}

int service_definition(struct meta_tx *tx, const struct launcher_caller *c, const char *text,
                       struct taskdef_row *ret, struct sw_err *err)
{
    struct arn want;
    if (!text || !arn_parse(text, ARN_TASK_DEFINITION, &want) ||
        !arn_is_local(&want, c->account, c->region))
        return sw_fail(err, SW_ENOTFOUND, SERVICE_CLIENT, "TaskDefinition not found.");
    int r = taskdef_store_get(tx, c, want.id, want.revision, ret, err);
    if (r == 0)
        return sw_fail(err, SW_ENOTFOUND, SERVICE_CLIENT, "TaskDefinition not found.");
    if (r > 0 && !ret->active) {
        taskdef_row_done(ret);
        return sw_fail(err, SW_ECONFLICT, SERVICE_CLIENT, "TaskDefinition is inactive");
    }
    return r < 0 ? r : 0;
}
