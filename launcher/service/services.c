/* SPDX-License-Identifier: Apache-2.0 */
/* CreateService, UpdateService, DeleteService, DescribeServices, ListServices: rows in, rows out. The loop makes tasks follow. */
#include "base/alloc.h"
#include "base/json.h"
#include "base/macros.h"
#include "launcher/service/launch_settings.h"
#include "launcher/service/launcher_services.h"
#include "launcher/service/service_json.h"
#include "launcher/service/service_loop.h"
#include "launcher/service/service_settings.h"
#include "launcher/service/taskdef_store.h"

#define DESCRIBE_MAX 10
#define LIST_PAGE    10 /* without maxResults */

struct service_arg {
    const struct launcher_caller *c;
    const struct cluster_ref *cluster;
    const char *name;
    const json_t *in;
    json_t *document; /* of a new service */
    const char *request;
    int64_t now_us;
    bool with_tags;
    bool launch_changed;  /* update: tasks are launched by something else from now on */
    bool network_changed; /* update: tasks are in another network from now on */
    json_t *service;      /* the answer; owned. NULL: there is none */
};

static int answer(struct meta_tx *tx, struct service_arg *a, const struct service_row *row,
                  struct sw_err *err)
{
    json_decref(a->service);
    a->service = NULL;
    return service_json(tx, a->c, a->cluster, row, a->with_tags, &a->service, err);
}

/* Runs fn, wakes the loop and answers "service". */
static int change(struct launcher *l, meta_fn fn, struct service_arg *a, json_t *out,
                  struct sw_err *err)
{
    int r = meta_tx(l->db, META_WRITE, fn, a, err);
    if (r < 0) {
        json_decref(a->service);
        return r;
    }
    service_loop_wake(l->services);
    sw_json_set_new(out, "service", a->service);
    return 0;
}

static int add_deployment(struct meta_tx *tx, int64_t service_id, int64_t definition_id,
                          int64_t desired, const json_t *settings, int64_t now_us,
                          struct sw_err *err)
{
    char id[SERVICE_DEPLOYMENT_ID];
    sw_autojson json_t *document = json_object();
    json_t *network = sw_json_object(settings, "networkConfiguration");
    launch_copy(settings, document);
    if (network)
        json_object_set(document, "networkConfiguration", network);
    const struct service_deployment_new n = {.service_id = service_id,
                                             .definition_id = definition_id,
                                             .desired = desired,
                                             .status = "PRIMARY",
                                             .document = document};
    return service_store_add_deployment(tx, &n, now_us, id, err);
}

/* CreateService. */

/* 1: it is there already, as it is asked for now. */
static int find_same(struct meta_tx *tx, struct service_arg *a, struct sw_err *err)
{
    sw_autofree char *request = NULL;
    struct service_row row = {.id = 0};
    int r = service_store_get(tx, a->cluster->id, a->name, &row, err);
    if (r <= 0)
        return r;
    if (sw_streq(row.status, "DRAINING"))
        r = sw_fail(err, SW_EINVALID, SERVICE_INVALID,
                    "Unable to Start a service that is still Draining.");
    else if (sw_streq(row.status, "INACTIVE"))
        r = 0;
    else if ((r = service_store_request(tx, row.id, &request, err)) > 0)
        r = sw_streq(request, a->request) ? answer(tx, a, &row, err)
                                          : sw_fail(err, SW_EINVALID, SERVICE_INVALID,
                                                    "Creation of service was not idempotent.");
    bool found = r == 0 && request;
    service_row_done(&row);
    return r < 0 ? r : found;
}

static int read_definition(struct meta_tx *tx, struct service_arg *a, int64_t *ret_id,
                           const json_t *document, struct sw_err *err)
{
    struct taskdef_row definition = {.id = 0};
    sw_autojson json_t *doc = NULL;
    int r =
        service_definition(tx, a->c, sw_json_str(a->in, "taskDefinition", NULL), &definition, err);
    if (r == 0 && (r = service_document(definition.document, &doc, err)) == 0)
        r = service_settings_check_rules(document, doc, err);
    if (r == 0)
        r = launch_check(document, doc, document, NULL, err);
    if (r == 0)
        r = service_check_network(document, doc, sw_json_object(document, "networkConfiguration"),
                                  err);
    *ret_id = definition.id;
    taskdef_row_done(&definition);
    return r;
}

static int create(struct meta_tx *tx, void *arg, struct sw_err *err)
{
    struct service_arg *a = arg;
    struct service_row row = {.id = 0};
    int64_t id = 0, definition_id = 0;
    int64_t desired = sw_json_int(a->in, "desiredCount", 0);
    bool external = service_is_external(a->document);
    int r = find_same(tx, a, err);
    if (r != 0)
        return r < 0 ? r : 0;
    if ((r = service_settings_launch(tx, a->cluster->id, a->in, a->document, err)) < 0)
        return r;
    r = external ? service_settings_check_rules(a->document, NULL, err)
                 : read_definition(tx, a, &definition_id, a->document, err);
    const struct service_new n = {.cluster_id = a->cluster->id,
                                  .desired = desired,
                                  .name = a->name,
                                  .scheduling = sw_json_str(a->document, "schedulingStrategy", ""),
                                  .request = a->request,
                                  .document = a->document};
    if (r < 0 || (r = service_store_add(tx, &n, a->now_us, &id, err)) < 0)
        return r;
    if (!external &&
        (r = add_deployment(tx, id, definition_id, desired, a->document, a->now_us, err)) < 0)
        return r;
    r = service_store_by_id(tx, id, &row, err);
    if (r > 0)
        r = answer(tx, a, &row, err);
    service_row_done(&row);
    return r < 0 ? r : 0;
}

int launcher_create_service(struct launcher *l, const struct launcher_caller *c, const json_t *in,
                            json_t *out, struct sw_err *err)
{
    struct cluster_ref cluster;
    sw_autojson json_t *document = NULL;
    const char *name = sw_json_str(in, "serviceName", "");
    if (!arn_name_valid(name))
        return sw_fail(err, SW_EINVALID, SERVICE_INVALID,
                       "Service name must be 1 to 255 letters, numbers, hyphens or underscores.");
    int r = service_cluster(l, c, sw_json_str(in, "cluster", NULL), &cluster, err);
    if (r < 0 || (r = service_settings_new(in, &document, err)) < 0)
        return r;
    if (!service_is_external(document) && !sw_json_str(in, "taskDefinition", NULL))
        return sw_fail(err, SW_EINVALID, SERVICE_INVALID, "TaskDefinition can not be blank.");
    if (service_is_external(document) && sw_json_str(in, "taskDefinition", NULL))
        return sw_fail(err, SW_EINVALID, SERVICE_INVALID,
                       "taskDefinition belongs to the task sets of a service with an EXTERNAL "
                       "deployment controller.");
    sw_json_set_str(document, "createdBy", c->principal->arn);
    sw_autofree char *request = service_request_text(in, "cluster");
    struct service_arg a = {.c = c,
                            .cluster = &cluster,
                            .name = name,
                            .in = in,
                            .document = document,
                            .request = request,
                            .now_us = l->now_us(),
                            .with_tags = true};
    return change(l, create, &a, out, err);
}

/* UpdateService. */

/* The definition that the service has, with what is said of it now. */
static int check_definition(struct meta_tx *tx, const struct service_arg *a,
                            const struct service_row *row, int64_t definition_id,
                            struct sw_err *err)
{
    sw_autojson json_t *definition = NULL;
    const json_t *network = sw_json_object(row->document, "networkConfiguration");
    int r = taskdef_store_document(tx, definition_id, &definition, err);
    if (r == 0)
        r = launch_check(row->document, definition, row->document, NULL, err);
    return r == 0 && a->network_changed
               ? service_check_network(row->document, definition, network, err)
               : r;
}

/* A new deployment, if the task definition is another one or it is forced. */
static int update_deployment(struct meta_tx *tx, struct service_arg *a, struct service_row *row,
                             struct sw_err *err)
{
    struct service_deployment_row *deployments = NULL;
    size_t n = 0;
    int64_t now_on = 0, wanted = 0;
    int r = service_store_deployments(tx, row->id, false, &deployments, &n, err);
    for (size_t i = 0; i < n; i++)
        now_on =
            deployments[i].state.status == PLAN_PRIMARY ? deployments[i].definition_id : now_on;
    service_deployment_rows_free(deployments, n);
    wanted = now_on;
    if (r == 0 && sw_json_str(a->in, "taskDefinition", NULL))
        r = read_definition(tx, a, &wanted, row->document, err);
    else if (r == 0)
        r = check_definition(tx, a, row, now_on, err);
    bool other = a->launch_changed || a->network_changed || wanted != now_on;
    if (r < 0 || (!other && !sw_json_bool(a->in, "forceNewDeployment", false)))
        return r;
    return add_deployment(tx, row->id, wanted, row->desired, row->document, a->now_us, err);
}

static int check_current_rules(struct meta_tx *tx, const struct service_row *row,
                               struct sw_err *err)
{
    struct service_deployment_row *deployments = NULL;
    size_t n = 0;
    int r = service_store_deployments(tx, row->id, false, &deployments, &n, err);
    for (size_t i = 0; i < n && r >= 0; i++) {
        sw_autojson json_t *definition = NULL;
        if ((r = taskdef_store_document(tx, deployments[i].definition_id, &definition, err)) == 0)
            r = service_settings_check_rules(row->document, definition, err);
    }
    service_deployment_rows_free(deployments, n);
    return r < 0 ? r : 0;
}

static int update(struct meta_tx *tx, void *arg, struct sw_err *err)
{
    struct service_arg *a = arg;
    struct service_row row = {.id = 0};
    int r = service_change(tx, a->cluster, a->name, &row, err);
    sw_autojson json_t *network =
        json_incref(json_object_get(row.document, "networkConfiguration"));
    if (r == 0 && (r = service_settings_update(a->in, row.document, err)) == 0 &&
        (r = service_settings_relaunch(tx, a->cluster->id, a->in, row.document, &a->launch_changed,
                                       err)) == 0) {
        row.desired = sw_json_int(a->in, "desiredCount", row.desired);
        const json_t *now = json_object_get(row.document, "networkConfiguration");
        a->network_changed = network != now && !json_equal(network, now);
        r = check_current_rules(tx, &row, err);
    }
    if (r == 0)
        r = service_store_set(tx, &row, err);
    if (r == 0 && !service_is_external(row.document))
        r = update_deployment(tx, a, &row, err);
    if (r == 0)
        r = answer(tx, a, &row, err);
    service_row_done(&row);
    return r;
}

/* Which cluster and which service; the name is checked to be the caller's. */
static int find(struct launcher *l, const struct launcher_caller *c, const json_t *in,
                struct cluster_ref *cluster, char name[ARN_NAME_MAX + 1], struct sw_err *err)
{
    const char *text = sw_json_str(in, "service", NULL);
    int r = service_input_cluster(l, c, in, text, cluster, err);
    return r < 0 ? r : service_name(c, cluster->name, text, name, err);
}

int launcher_update_service(struct launcher *l, const struct launcher_caller *c, const json_t *in,
                            json_t *out, struct sw_err *err)
{
    struct cluster_ref cluster;
    char name[ARN_NAME_MAX + 1];
    struct service_arg a = {
        .c = c, .cluster = &cluster, .name = name, .in = in, .now_us = l->now_us()};
    int r = find(l, c, in, &cluster, name, err);
    return r < 0 ? r : change(l, update, &a, out, err);
}

/* DeleteService. */

static int delete (struct meta_tx *tx, void *arg, struct sw_err *err)
{
    struct service_arg *a = arg;
    struct service_row row = {.id = 0};
    int r = service_store_get(tx, a->cluster->id, a->name, &row, err);
    if (r > 0 && !sw_streq(row.status, "ACTIVE"))
        r = answer(tx, a, &row, err); /* again */
    else if (r >= 0) {
        service_row_done(&row);
        r = service_change(tx, a->cluster, a->name, &row, err);
        if (r == 0 && row.desired > 0 && sw_streq(row.scheduling, "REPLICA") &&
            !sw_json_bool(a->in, "force", false))
            r = sw_fail(err, SW_EINVALID, SERVICE_INVALID,
                        "The service cannot be stopped while it is scaled above 0.");
        if (r == 0) {
            free(row.status);
            row.status = sw_strdup("DRAINING");
            row.desired = 0;
            r = service_store_set(tx, &row, err);
        }
        if (r == 0)
            r = answer(tx, a, &row, err);
    }
    service_row_done(&row);
    return r;
}

int launcher_delete_service(struct launcher *l, const struct launcher_caller *c, const json_t *in,
                            json_t *out, struct sw_err *err)
{
    struct cluster_ref cluster;
    char name[ARN_NAME_MAX + 1];
    struct service_arg a = {
        .c = c, .cluster = &cluster, .name = name, .in = in, .now_us = l->now_us()};
    int r = find(l, c, in, &cluster, name, err);
    return r < 0 ? r : change(l, delete, &a, out, err);
}

/* DescribeServices, ListServices. */

static int describe(struct meta_tx *tx, void *arg, struct sw_err *err)
{
    struct service_arg *a = arg;
    struct service_row row = {.id = 0};
    int r = service_store_get(tx, a->cluster->id, a->name, &row, err);
    if (r > 0)
        r = answer(tx, a, &row, err);
    service_row_done(&row);
    return r;
}

int launcher_describe_services(struct launcher *l, const struct launcher_caller *c,
                               const json_t *in, json_t *out, struct sw_err *err)
{
    struct cluster_ref cluster;
    const json_t *list = sw_json_array(in, "services"), *v;
    json_t *services = service_list(out, "services"), *failures = service_list(out, "failures");
    size_t i;
    if (json_array_size(list) == 0)
        return sw_fail(err, SW_EINVALID, SERVICE_INVALID, "Services cannot be empty.");
    if (json_array_size(list) > DESCRIBE_MAX)
        return sw_fail(err, SW_EINVALID, SERVICE_INVALID, "At most %d services can be described.",
                       DESCRIBE_MAX);
    int r =
        service_input_cluster(l, c, in, json_string_value(json_array_get(list, 0)), &cluster, err);
    if (r < 0)
        return r;
    json_array_foreach(list, i, v) {
        char name[ARN_NAME_MAX + 1], arn[ARN_MAX];
        struct service_arg a = {
            .c = c, .cluster = &cluster, .name = name, .with_tags = service_includes(in, "TAGS")};
        if ((r = service_name(c, cluster.name, json_string_value(v), name, err)) < 0 ||
            (r = meta_tx(l->db, META_READ, describe, &a, err)) < 0)
            return r;
        arn_service(arn, c->region, c->account, cluster.name, name);
        if (a.service)
            json_array_append_new(services, a.service);
        else
            json_array_append_new(failures, service_failure(arn, "MISSING"));
    }
    return 0;
}

struct list_arg {
    struct service_filter filter;
    struct launcher_page *page;
    json_t *names;
};

static int list(struct meta_tx *tx, void *arg, struct sw_err *err)
{
    struct list_arg *a = arg;
    json_array_clear(a->names);
    return service_store_list(tx, &a->filter, a->page, a->names, err);
}

int launcher_list_services(struct launcher *l, const struct launcher_caller *c, const json_t *in,
                           struct launcher_page *page, json_t *out, struct sw_err *err)
{
    struct cluster_ref cluster;
    sw_autojson json_t *names = json_array();
    const json_t *v;
    size_t i;
    int r = service_cluster(l, c, sw_json_str(in, "cluster", NULL), &cluster, err);
    if (r < 0)
        return r;
    if (!json_is_integer(json_object_get(in, "maxResults")))
        page->limit = LIST_PAGE;
    json_t *arns = service_list(out, "serviceArns");
    if (sw_streq(sw_json_str(in, "resourceManagementType", "CUSTOMER"), "ECS"))
        return 0; /* services that ECS itself manages; here there are none */
    struct list_arg a = {.filter = {.cluster_id = cluster.id,
                                    .scheduling = sw_json_str(in, "schedulingStrategy", ""),
                                    .launch_type = sw_json_str(in, "launchType", "")},
                         .page = page,
                         .names = names};
    if ((r = meta_tx(l->db, META_READ_LONG, list, &a, err)) < 0)
        return r;
    json_array_foreach(names, i, v) {
        char arn[ARN_MAX];
        arn_service(arn, c->region, c->account, cluster.name, json_string_value(v));
        json_array_append_new(arns, json_string(arn));
    }
    return 0;
}

/* ListServicesByNamespace. */

#define NAMESPACE_MAX 1024

/* Names are of the characters of ASCII that can be seen; ARNs of this account and region. */
static bool is_namespace(const struct launcher_caller *c, const char *text)
{
    char prefix[160];
    size_t n = strlen(text);
    if (sw_str_starts_with(sw_str(text), "arn:")) {
        (void)snprintf(prefix, sizeof prefix, "arn:aws:servicediscovery:%.63s:%.12s:namespace/ns-",
                       c->region, c->account);
        return sw_str_starts_with(sw_str(text), prefix) && n > strlen(prefix) && n <= NAMESPACE_MAX;
    }
    for (const char *p = text; *p; p++) {
        if (*p < '!' || *p > '~')
            return false;
    }
    return n > 0 && n <= NAMESPACE_MAX;
}

int launcher_list_services_by_namespace(struct launcher *l SW_UNUSED,
                                        const struct launcher_caller *c, const json_t *in,
                                        struct launcher_page *page SW_UNUSED, json_t *out,
                                        struct sw_err *err)
{
    const char *text = sw_json_str(in, "namespace", "");
    if (!is_namespace(c, text))
        return sw_fail(err, SW_EINVALID, SERVICE_INVALID,
                       "Invalid namespace: '%.300s'. It must be the name of a Cloud Map namespace, "
                       "or the ARN of one of this account and region.",
                       text);
    (void)service_list(out, "serviceArns");
    return 0;
}
