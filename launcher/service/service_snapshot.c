/* SPDX-License-Identifier: Apache-2.0 */
#include "launcher/service/service_snapshot.h"

#include "base/alloc.h"
#include "base/id.h"
#include "base/json.h"
#include "base/macros.h"
#include "launcher/model/task_status.h"
#include "launcher/service/agents.h"
#include "launcher/service/launch_settings.h"
#include "launcher/service/service_json.h"
#include "launcher/service/service_settings.h"
#include "launcher/service/taskdef_store.h"

static void forget(struct service_snapshot *s)
{
    service_row_done(&s->service);
    for (size_t i = 0; s->templates && i < s->deployments_n; i++) {
        json_decref(s->templates[i].definition);
        free(s->templates[i].ports);
    }
    free(s->templates);
    service_deployment_rows_free(s->deployments, s->deployments_n);
    service_task_rows_free(s->tasks, s->tasks_n);
    instance_views_free(s->instances, s->instances_n);
    json_decref(s->daemons);
    sw_arena_done(&s->arena);
    s->templates = NULL;
    s->deployments = NULL;
    s->tasks = NULL;
    s->instances = NULL;
    s->daemons = NULL;
    s->deployments_n = s->tasks_n = s->instances_n = 0;
    s->has_target = false;
}

void service_snapshot_done(struct service_snapshot *s)
{
    forget(s);
}

/* Rows. */

static int read_cluster(struct meta_tx *tx, struct service_snapshot *s, struct sw_err *err)
{
    sw_autofree char *account = NULL, *region = NULL, *name = NULL;
    int r = meta_get(tx, err, "SELECT account_id, region, name FROM cluster WHERE id = $1", "i",
                     s->service.cluster_id, "ttt", &account, &region, &name);
    if (r <= 0)
        return r < 0 ? r : sw_fail(err, SW_ENOTFOUND, NULL, "the service's cluster is gone");
    s->cluster.id = s->service.cluster_id;
    (void)sw_str_copy(sw_str(account), s->account, sizeof s->account);
    (void)sw_str_copy(sw_str(region), s->region, sizeof s->region);
    (void)sw_str_copy(sw_str(name), s->cluster.name, sizeof s->cluster.name);
    arn_cluster(s->cluster.arn, region, account, name);
    return 0;
}

static int read_service(struct meta_tx *tx, struct service_snapshot *s, struct sw_err *err)
{
    int r = service_store_by_id(tx, s->service_id, &s->service, err);
    if (r == 0 || (r > 0 && sw_streq(s->service.status, "INACTIVE")))
        return sw_fail(err, SW_ENOTFOUND, NULL, "the service is gone");
    return r < 0 ? r : read_cluster(tx, s, err);
}

static int read_deployments(struct meta_tx *tx, struct service_snapshot *s, struct sw_err *err)
{
    const char *primary = "";
    int r = service_store_deployments(tx, s->service_id, false, &s->deployments, &s->deployments_n,
                                      err);
    if (r < 0)
        return r;
    s->templates = sw_calloc(s->deployments_n + 1, sizeof *s->templates);
    for (size_t i = 0; i < s->deployments_n && r >= 0; i++) {
        if (s->deployments[i].state.status == PLAN_PRIMARY)
            primary = s->deployments[i].id;
        r = taskdef_store_document(tx, s->deployments[i].definition_id, &s->templates[i].definition,
                                   err);
    }
    if (r >= 0)
        r = service_store_last_completed(tx, s->service_id, primary, &s->target, err);
    s->has_target = r > 0;
    return r < 0 ? r : 0;
}

static bool has_expressions(const json_t *document)
{
    const json_t *v;
    size_t i;
    json_array_foreach(sw_json_array(document, "placementConstraints"), i, v) {
        if (sw_json_str(v, "expression", NULL))
            return true;
    }
    return false;
}

static bool needs_all_groups(const struct service_snapshot *s)
{
    for (size_t i = 0; i < s->deployments_n; i++) {
        if (has_expressions(s->templates[i].definition))
            return true;
    }
    return has_expressions(s->service.document);
}

/* Where tasks of any of the deployments can go: an update may move a service from instances to Fargate. */
static int read_instances(struct meta_tx *tx, struct service_snapshot *s, struct sw_err *err)
{
    s->all_groups = needs_all_groups(s);
    struct instance_scope scope = {.cluster_id = s->cluster.id,
                                   .account = s->account,
                                   .region = s->region,
                                   .groups = s->all_groups};
    for (size_t i = 0; i < s->deployments_n; i++)
        scope.launch |= launch_mask(s->deployments[i].document);
    return instance_views_read(tx, &scope, &s->instances, &s->instances_n, err);
}

int service_snapshot_read(struct meta_tx *tx, void *snapshot, struct sw_err *err)
{
    struct service_snapshot *s = snapshot;
    forget(s);
    int r = read_service(tx, s, err);
    if (r < 0 || (r = read_deployments(tx, s, err)) < 0 ||
        (r = service_store_tasks(tx, s->service_id, &s->tasks, &s->tasks_n, err)) < 0 ||
        (r = service_store_stamp(tx, s->service_id, &s->stamp, err)) < 0 ||
        (r = read_instances(tx, s, err)) < 0)
        return r;
    if (!sw_streq(s->service.scheduling, "DAEMON"))
        return 0;
    s->daemons = json_object();
    return service_store_daemons(tx, s->cluster.id, s->daemons, err);
}

/* The view. */

static bool has_health_check(const json_t *definition)
{
    const json_t *c;
    size_t i;
    json_array_foreach(sw_json_array(definition, "containerDefinitions"), i, c) {
        if (sw_json_object(c, "healthCheck") && sw_json_bool(c, "essential", true))
            return true;
    }
    return false;
}

static int make_template(struct service_snapshot *s, struct service_template *t,
                         const struct service_deployment_row *deployment, struct sw_err *err)
{
    struct taskdef *definition = NULL;
    size_t required_n;
    int r = taskdef_from_json(t->definition, &definition, err);
    if (r < 0)
        return r;
    taskdef_resources(definition, &t->resources);
    taskdef_free(definition);
    /* What a service says of placement was said for its instances. */
    bool fargate = launch_is_fargate(deployment->document);
    r = placement_rules_read(t->definition, fargate ? NULL : s->service.document, &s->arena,
                             &t->rules, err);
    if (r < 0)
        return r;
    const struct plan_attribute *required =
        placement_required(t->definition, &s->arena, &required_n);
    t->ports = placement_ports(&t->resources);
    t->health_check = has_health_check(t->definition);
    bool own = t->rules.strategies_n > 0;
    t->request =
        (struct plan_request){.resources = &t->resources,
                              .launch = launch_mask(deployment->document),
                              .required = required,
                              .required_n = required_n,
                              .constraints = t->rules.constraints,
                              .constraints_n = t->rules.constraints_n,
                              .strategies = own ? t->rules.strategies : plan_service_strategies,
                              .strategies_n = own ? t->rules.strategies_n : PLAN_SERVICE_STRATEGIES,
                              .group = s->group};
    return 0;
}

static const struct plan_deployment *view_deployments(struct service_snapshot *s)
{
    struct plan_deployment *d = SW_ARENA_NEW(&s->arena, struct plan_deployment, s->deployments_n);
    for (size_t i = 0; i < s->deployments_n; i++) {
        const json_t *scale = sw_json_object(s->deployments[i].document, "scale");
        d[i] = (struct plan_deployment){.id = s->deployments[i].id,
                                        .request = &s->templates[i].request,
                                        .scale_percent =
                                            (int)json_number_value(json_object_get(scale, "value")),
                                        .state = s->deployments[i].state};
    }
    return d;
}

static enum plan_task_state state_of(const struct service_task_row *t)
{
    if (sw_streq(t->last_status, "STOPPED"))
        return PLAN_TASK_STOPPED;
    if (t->stopping)
        return PLAN_TASK_STOPPING;
    return sw_streq(t->last_status, "RUNNING") ? PLAN_TASK_RUNNING : PLAN_TASK_PENDING;
}

static enum plan_health health_of(const struct service_snapshot *s,
                                  const struct service_task_row *t, size_t deployment)
{
    if (deployment == s->deployments_n || !s->templates[deployment].health_check)
        return PLAN_HEALTH_NONE;
    if (sw_streq(t->health, "HEALTHY"))
        return PLAN_HEALTHY;
    return sw_streq(t->health, "UNHEALTHY") ? PLAN_UNHEALTHY : PLAN_HEALTH_UNKNOWN;
}

/* Instances are in the order of ids. */
static size_t find_instance(const struct service_snapshot *s, const char *id)
{
    size_t low = 0, high = s->instances_n;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        int c = strcmp(s->instances[mid].row.id, id);
        if (c == 0)
            return mid;
        if (c < 0)
            low = mid + 1;
        else
            high = mid;
    }
    return s->instances_n;
}

static const struct plan_task *view_tasks(struct service_snapshot *s, const bool *lost)
{
    struct plan_task *tasks = SW_ARENA_NEW(&s->arena, struct plan_task, s->tasks_n);
    for (size_t i = 0; i < s->tasks_n; i++) {
        const struct service_task_row *t = &s->tasks[i];
        size_t instance = find_instance(s, t->instance_id), d = 0;
        while (d < s->deployments_n && !sw_streq(s->deployments[d].id, t->deployment))
            d++;
        tasks[i] = (struct plan_task){.id = t->id,
                                      .deployment = d,
                                      .instance = instance,
                                      .state = state_of(t),
                                      .health = health_of(s, t, d),
                                      .lost = instance < s->instances_n && lost[instance],
                                      .wanted = t->wanted,
                                      .created_us = t->created_at,
                                      .started_us = t->started_at,
                                      .stopped_us = t->stopped_at,
                                      .health_since_us = t->health_at,
                                      .protected_until_us = t->protected_until};
    }
    return tasks;
}

/* How many tasks of the service shall run on each instance. */
static const struct plan_group *own_groups(struct service_snapshot *s)
{
    struct plan_group *own = SW_ARENA_NEW(&s->arena, struct plan_group, s->instances_n + 1);
    for (size_t i = 0; i < s->instances_n; i++)
        own[i].name = s->group;
    for (size_t i = 0; i < s->tasks_n; i++) {
        const struct service_task_row *t = &s->tasks[i];
        if (!t->stopping && !sw_streq(t->last_status, "STOPPED"))
            own[find_instance(s, t->instance_id)].tasks++;
    }
    return own;
}

static struct plan_cluster view_cluster(struct service_snapshot *s, bool **ret_lost)
{
    struct plan_instance *view = SW_ARENA_NEW(&s->arena, struct plan_instance, s->instances_n);
    bool *lost = SW_ARENA_NEW(&s->arena, bool, s->instances_n);
    const struct plan_group *own = s->all_groups ? NULL : own_groups(s);
    for (size_t i = 0; i < s->instances_n; i++) {
        struct instance_view *v = &s->instances[i];
        v->agent_connected = agents_connected(s->l->agents, v->row.id, s->now_us);
        lost[i] = !v->agent_connected && service_instance_lost(s->l, v->row.id, s->now_us);
        view[i] = instance_view_plan(v);
        if (!s->all_groups) {
            view[i].groups = &own[i];
            view[i].groups_n = 1;
        }
        view[i].daemon_tasks = (int)sw_json_int(s->daemons, v->row.id, 0);
    }
    *ret_lost = lost;
    return (struct plan_cluster){.instances = view, .instances_n = s->instances_n};
}

static bool primary_is_rollback(const struct service_snapshot *s)
{
    for (size_t i = 0; i < s->deployments_n; i++) {
        if (s->deployments[i].state.status == PLAN_PRIMARY)
            return s->deployments[i].rollback_of != NULL;
    }
    return false;
}

int service_snapshot_view(struct service_snapshot *s, struct sw_err *err)
{
    const json_t *doc = s->service.document;
    const json_t *configuration = sw_json_object(doc, "deploymentConfiguration");
    bool daemon = sw_streq(s->service.scheduling, "DAEMON"), *lost = NULL;
    uint64_t seed = 0;
    (void)snprintf(s->group, sizeof s->group, "service:%s", s->service.name);
    for (size_t i = 0; i < s->deployments_n; i++) {
        int r = make_template(s, &s->templates[i], &s->deployments[i], err);
        if (r < 0)
            return r;
    }
    sw_random_bytes(&seed, sizeof seed);
    const struct plan_cluster cluster = view_cluster(s, &lost);
    s->view = (struct plan_service_view){
        .name = s->service.name,
        .scheduling = daemon ? PLAN_DAEMON : PLAN_REPLICA,
        .controller = service_is_external(s->service.document) ? PLAN_CONTROLLER_EXTERNAL
                                                               : PLAN_CONTROLLER_ECS,
        .deleting = sw_streq(s->service.status, "DRAINING"),
        .desired = (int)s->service.desired,
        .min_healthy_percent =
            (int)sw_json_int(configuration, "minimumHealthyPercent", daemon ? 0 : 100),
        .maximum_percent = (int)sw_json_int(configuration, "maximumPercent", daemon ? 100 : 200),
        .grace_us = sw_json_int(doc, "healthCheckGracePeriodSeconds", 0) * 1000000,
        .healthy_after_us = s->l->healthy_after_us,
        .breaker = service_settings_breaker(doc),
        .rebalance = sw_streq(sw_json_str(doc, "availabilityZoneRebalancing", ""), "ENABLED"),
        .can_roll_back = s->has_target && !primary_is_rollback(s),
        .steady = s->service.steady,
        .deployments = view_deployments(s),
        .deployments_n = s->deployments_n,
        .tasks = view_tasks(s, lost),
        .tasks_n = s->tasks_n,
        .cluster = cluster,
        .now_us = s->now_us,
        .seed = seed};
    return 0;
}
