/* SPDX-License-Identifier: Apache-2.0 */
/* RunTask and StartTask: snapshot -> plan -> apply. StartTask names its instances, so its plan is only whether each takes the task.
 * 1. The snapshot is one read transaction: the task definition, the instances with what is reserved, the client token.
 * 2. The plan is a function of it.
 * 3. Applying claims each chosen instance at the version that was seen; one that moved on gives SW_ESTALE, nothing is written, and
 *    it all starts again. Whatever changes an instance's reservations changes its version, so it never holds more than it has.
 * 4. The client token's row is written with the tasks: two equal requests at once give one set of tasks.
 * Tasks by a capacity provider that find no place are written without an instance: waiting_tasks.h places them later. */
#include <ctype.h>
#include <strings.h>

#include "base/alloc.h"
#include "base/arena.h"
#include "base/id.h"
#include "base/json.h"
#include "base/json_find.h"
#include "base/macros.h"
#include "launcher/model/fargate.h"
#include "launcher/model/taskdef.h"
#include "launcher/plan/plan_explain.h"
#include "launcher/service/agents.h"
#include "launcher/service/instance_view.h"
#include "launcher/service/launch_settings.h"
#include "launcher/service/placement_rules.h"
#include "launcher/service/poll.h"
#include "launcher/service/service.h"
#include "launcher/service/service_settings.h"
#include "launcher/service/task_arns.h"
#include "launcher/service/task_doc.h"
#include "launcher/service/taskdef_store.h"
#include "launcher/service/waiting_tasks.h"

#define COUNT_MAX     10   /* tasks of one RunTask */
#define OVERRIDES_MAX 8192 /* of containerOverrides, as JSON */

struct run {
    struct launcher *l;
    const struct launcher_caller *c;
    const json_t *in;
    struct cluster_ref cluster;
    struct arn want;
    const char *token; /* NULL: none */
    json_t *wanted;    /* StartTask: ids of instances; NULL: RunTask */
    bool explains;     /* nothing is to be started */
    json_t *missing;   /* of them, those that are not there */
    char *request;     /* with a token: the parameters */
    int64_t now_us;
    /* The snapshot. */
    struct taskdef_row definition_row;
    json_t *definition;
    json_t *launch; /* launch_settings.h */
    struct instance_view *instances;
    size_t instances_n;
    json_t *earlier; /* tasks of the same token */
    struct sw_arena arena;
    struct placement_rules rules;
    char group[ARN_NAME_MAX + 16];
    /* The plan. */
    struct task_resources resources;
    char *ports;
    struct plan_cluster cluster_view;
    struct plan_request request_view;
    struct plan_placements placements;
    enum plan_reason *reasons; /* one an instance */
    int room;                  /* for tasks that wait */
    int waiting;               /* tasks that are written without an instance */
    const char **providers;    /* of each task, first those that are placed; NULL: by launch type */
    /* The result. */
    json_t *tasks;
};

static void forget_snapshot(struct run *s)
{
    taskdef_row_done(&s->definition_row);
    instance_views_free(s->instances, s->instances_n);
    s->instances = NULL;
    s->instances_n = 0;
    json_decref(s->definition);
    json_decref(s->launch);
    json_decref(s->earlier);
    s->definition = s->launch = s->earlier = NULL;
    free(s->ports);
    sw_arena_done(&s->arena);
    s->placements = (struct plan_placements){.placed = 0};
    s->waiting = 0;
    s->ports = NULL;
    s->reasons = NULL;
    s->providers = NULL;
}

static void run_done(struct run *s)
{
    forget_snapshot(s);
    free(s->request);
    json_decref(s->tasks);
    json_decref(s->wanted);
    json_decref(s->missing);
}

/* 1. The snapshot. */

static int read_earlier(struct meta_tx *tx, struct run *s, struct sw_err *err)
{
    sw_autofree char *request = NULL, *tasks = NULL;
    sw_autojson json_t *ids = NULL, *found = json_array();
    const json_t *v;
    size_t i;
    int r = task_store_request(tx, s->cluster.id, s->token, &request, &tasks, err);
    if (r <= 0)
        return r;
    if (!sw_streq(request, s->request))
        return sw_fail(err, SW_ECONFLICT, "ConflictException",
                       "The clientToken was used before with other parameters.");
    if ((r = service_document(tasks, &ids, err)) < 0)
        return r;
    json_array_foreach(ids, i, v) {
        struct task_row row = {.id = NULL};
        r = task_store_get(tx, s->cluster.id, json_string_value(v), &row, err);
        if (r > 0)
            json_array_append(found, row.document);
        task_row_done(&row);
        if (r < 0)
            return r;
    }
    s->earlier = SW_TAKE(found);
    return 1;
}

/* StartTask: each instance says what it launches. */
static int read_launch(struct meta_tx *tx, struct run *s, struct sw_err *err)
{
    s->launch = json_object();
    if (s->wanted)
        return 0;
    int r = launch_settle(tx, s->cluster.id, s->in, false, s->launch, err);
    return r < 0 ? r
                 : launch_check(s->launch, s->definition, s->in, sw_json_object(s->in, "overrides"),
                                err);
}

static int check_network(const struct run *s, struct sw_err *err)
{
    if (s->explains) /* where it would go does not depend on it */
        return 0;
    return service_check_network(s->launch, s->definition,
                                 sw_json_object(s->in, "networkConfiguration"), err);
}

static int read_definition(struct meta_tx *tx, struct run *s, struct sw_err *err)
{
    int r = taskdef_store_get(tx, s->c, s->want.id, s->want.revision, &s->definition_row, err);
    if (r == 0)
        return sw_fail(err, SW_ENOTFOUND, SERVICE_CLIENT, "TaskDefinition not found.");
    if (r > 0 && !s->definition_row.active)
        return sw_fail(err, SW_ECONFLICT, SERVICE_CLIENT, "TaskDefinition is inactive");
    return r < 0 ? r : service_document(s->definition_row.document, &s->definition, err);
}

/* Takes row. Machines of Fargate alone are nobody's container instances. */
static int read_instance(struct meta_tx *tx, struct run *s, struct instance_row *row,
                         struct sw_err *err)
{
    struct instance_view *v = &s->instances[s->instances_n];
    int r = instance_view_read(tx, row, v, err);
    if (r < 0)
        return r;
    sw_autojson json_t *launch =
        json_pack("{s:s}", "launchType", instance_view_external(v) ? "EXTERNAL" : "EC2");
    s->instances_n++;
    return launch_check(launch, s->definition, NULL, sw_json_object(s->in, "overrides"), err);
}

static int read_wanted(struct meta_tx *tx, struct run *s, struct sw_err *err)
{
    const json_t *v;
    size_t i;
    s->instances = sw_calloc(json_array_size(s->wanted) + 1, sizeof *s->instances);
    json_array_clear(s->missing);
    json_array_foreach(s->wanted, i, v) {
        struct instance_row row = {.id = NULL};
        int r = instance_store_get(tx, s->cluster.id, json_string_value(v), &row, err);
        if (r == 0 || (r > 0 && sw_streq(row.capacity, "FARGATE")))
            json_array_append(s->missing, (json_t *)v);
        else if (r > 0)
            r = read_instance(tx, s, &row, err);
        instance_row_done(&row);
        if (r < 0)
            return r;
    }
    return 0;
}

static int read_instances(struct meta_tx *tx, struct run *s, struct sw_err *err)
{
    const struct instance_scope scope = {.cluster_id = s->cluster.id,
                                         .account = s->c->account,
                                         .region = s->c->region,
                                         .launch = launch_mask(s->launch),
                                         .groups = placement_rules_read_groups(&s->rules)};
    int r = instance_views_read(tx, &scope, &s->instances, &s->instances_n, err);
    if (r == 0 && s->instances_n == 0 && !launch_is_fargate(s->launch))
        return sw_fail(err, SW_EINVALID, SERVICE_INVALID,
                       "No Container Instances were found in your cluster.");
    return r;
}

static int snapshot(struct meta_tx *tx, void *arg, struct sw_err *err)
{
    struct run *s = arg;
    forget_snapshot(s);
    int r = s->token ? read_earlier(tx, s, err) : 0;
    if (r != 0)
        return r < 0 ? r : 0;
    if ((r = read_definition(tx, s, err)) < 0 || (r = read_launch(tx, s, err)) < 0 ||
        (r = check_network(s, err)) < 0)
        return r;
    (void)snprintf(s->group, sizeof s->group, "family:%s", s->definition_row.family);
    if (s->wanted)
        return read_wanted(tx, s, err);
    if ((r = placement_rules_read(s->definition, s->in, &s->arena, &s->rules, err)) < 0)
        return r;
    if (launch_by_provider(s->launch) &&
        (r = waiting_tasks_room(tx, s->cluster.id, &s->room, err)) < 0)
        return r;
    return read_instances(tx, s, err);
}

/* 2. The plan. */

static int read_resources(struct run *s, struct sw_err *err)
{
    struct taskdef *t = NULL;
    const json_t *overrides = sw_json_object(s->in, "overrides");
    int r = taskdef_from_json(s->definition, &t, err);
    if (r == 0 && overrides)
        r = taskdef_apply_overrides(t, overrides, err);
    if (r == 0)
        taskdef_resources(t, &s->resources);
    taskdef_free(t);
    return r;
}

/* One task on each instance that takes it. */
static void place_wanted(struct run *s)
{
    struct plan_placements *p = &s->placements;
    p->instance = SW_ARENA_NEW(&s->arena, size_t, s->instances_n);
    p->here = SW_ARENA_NEW(&s->arena, int, s->instances_n);
    for (size_t i = 0; i < s->instances_n; i++) {
        if (plan_place_obstacle(&s->cluster_view, &s->request_view, i, 0).reason == PLAN_FITS)
            p->instance[p->placed++] = i;
        else
            p->unplaced++;
    }
}

/* Of each task, and how many of them wait when they find no place. */
static void choose_providers(struct run *s)
{
    static const int none[PLAN_PROVIDERS_MAX] = {0};
    struct plan_provider providers[PLAN_PROVIDERS_MAX];
    int share[PLAN_PROVIDERS_MAX];
    size_t n = launch_providers(s->launch, providers);
    int count = s->placements.placed + s->placements.unplaced, at = 0;
    s->providers = SW_ARENA_NEW(&s->arena, const char *, (size_t)count);
    plan_capacity_split(providers, n, none, count, share);
    for (size_t p = 0; p < n; p++) {
        for (int i = 0; i < share[p]; i++)
            s->providers[at++] = providers[p].name;
    }
    s->waiting = n > 0 ? SW_MIN(s->placements.unplaced, s->room) : 0;
}

static int plan(struct run *s, struct sw_err *err)
{
    size_t i, required_n;
    int r = read_resources(s, err);
    if (r < 0)
        return r;
    struct plan_instance *view = SW_ARENA_NEW(&s->arena, struct plan_instance, s->instances_n);
    const struct plan_attribute *required =
        placement_required(s->definition, &s->arena, &required_n);
    for (i = 0; i < s->instances_n; i++) {
        s->instances[i].agent_connected = agents_presumed(
            s->l->agents, s->instances[i].row.id, s->instances[i].row.registered_at, s->now_us);
        view[i] = instance_view_plan(&s->instances[i]);
    }
    uint64_t seed = 0;
    sw_random_bytes(&seed, sizeof seed);
    s->cluster_view = (struct plan_cluster){.instances = view, .instances_n = s->instances_n};
    s->request_view = (struct plan_request){.resources = &s->resources,
                                            .launch = s->wanted ? 0 : launch_mask(s->launch),
                                            .required = required,
                                            .required_n = required_n,
                                            .constraints = s->rules.constraints,
                                            .constraints_n = s->rules.constraints_n,
                                            .strategies = s->rules.strategies,
                                            .strategies_n = s->rules.strategies_n,
                                            .group = sw_json_str(s->in, "group", s->group),
                                            .seed = seed,
                                            .count = (int)sw_json_int(s->in, "count", 1)};
    s->reasons = SW_ARENA_NEW(&s->arena, enum plan_reason, s->instances_n);
    if (s->wanted)
        place_wanted(s);
    else
        plan_place(&s->cluster_view, &s->request_view, &s->arena, &s->placements);
    choose_providers(s);
    for (i = 0; i < s->instances_n; i++)
        s->reasons[i] =
            plan_place_obstacle(&s->cluster_view, &s->request_view, i, s->placements.here[i])
                .reason;
    s->ports = placement_ports(&s->resources);
    return 0;
}

/* 3. The changes. */

/* The request's tags, and before them those of the task definition when they shall be passed on. */
static json_t *tags_of(const struct run *s)
{
    json_t *own = sw_json_array(s->in, "tags"), *tags = json_array(), *v, *o;
    size_t i, k;
    if (sw_streq(sw_json_str(s->in, "propagateTags", ""), "TASK_DEFINITION")) {
        json_array_foreach(sw_json_array(s->definition, "tags"), i, v) {
            bool replaced = false;
            json_array_foreach(own, k, o)
                replaced |= strcasecmp(sw_json_str(o, "key", ""), sw_json_str(v, "key", "")) == 0;
            if (!replaced)
                json_array_append(tags, v);
        }
    }
    json_array_extend(tags, own);
    if (sw_json_bool(s->in, "enableECSManagedTags", false))
        json_array_append_new(
            tags, json_pack("{s:s, s:s}", "key", "aws:ecs:clusterName", "value", s->cluster.name));
    return tags;
}

/* at NULL: it waits. */
static json_t *task_document(const struct run *s, const struct instance_view *at,
                             const char *provider, const char *id)
{
    struct task_arns arns;
    const char *type =
        s->wanted ? instance_view_external(at) ? "EXTERNAL" : "EC2" : launch_type_of(s->launch);
    bool fargate = sw_streq(type, FARGATE);
    sw_autojson json_t *tags = tags_of(s);
    const struct task_arns_of of = {.region = s->c->region,
                                    .account = s->c->account,
                                    .cluster = s->cluster.name,
                                    .task_id = id,
                                    .instance_id = fargate ? NULL : at->row.id,
                                    .family = s->definition_row.family,
                                    .revision = s->definition_row.revision};
    task_arns_make(&of, &arns);
    const struct task_doc_new n = {
        .task_arn = arns.task,
        .cluster_arn = s->cluster.arn,
        .instance_arn = fargate ? NULL : arns.instance,
        .definition_arn = arns.definition,
        .group = sw_json_str(s->in, "group", s->group),
        .started_by = sw_json_str(s->in, "startedBy", NULL),
        .launch_type = type,
        .provider = provider,
        .platform_version = sw_json_str(s->launch, "platformVersion", NULL),
        .definition = s->definition,
        .overrides = sw_json_object(s->in, "overrides"),
        .network = sw_json_object(s->in, "networkConfiguration"),
        .tags = tags,
        .attributes = at ? sw_json_array(at->document, "attributes") : NULL,
        .container_arns = arns.containers,
        .execute_command = sw_json_bool(s->in, "enableExecuteCommand", false),
        .now_us = s->now_us};
    return task_doc_new(&n);
}

static bool first_on_instance(const struct run *s, int placement)
{
    for (int i = 0; i < placement; i++) {
        if (s->placements.instance[i] == s->placements.instance[placement])
            return false;
    }
    return true;
}

/* The first tasks are those that were placed, the others wait. */
static int add_task(struct meta_tx *tx, struct run *s, int task, json_t *ids, struct sw_err *err)
{
    char id[ARN_ID_LEN + 1];
    bool placed = task < s->placements.placed;
    const struct instance_view *at = placed ? &s->instances[s->placements.instance[task]] : NULL;
    int r = placed && first_on_instance(s, task)
                ? instance_store_claim(tx, at->row.id, at->row.version, err)
                : 0;
    if (r < 0)
        return r;
    sw_random_hex(id, ARN_ID_LEN);
    json_t *document = task_document(s, at, s->providers[task], id);
    json_array_append_new(s->tasks, document);
    json_array_append_new(ids, json_string(id));
    const struct task_new t = {.id = id,
                               .instance_id = at ? at->row.id : NULL,
                               .family = s->definition_row.family,
                               .cluster_id = s->cluster.id,
                               .definition_id = s->definition_row.id,
                               .cpu = s->resources.cpu,
                               .memory_mib = s->resources.memory_mib,
                               .ports = s->ports,
                               .document = document};
    return task_store_add(tx, &t, s->now_us, err);
}

static int apply(struct meta_tx *tx, void *arg, struct sw_err *err)
{
    struct run *s = arg;
    sw_autojson json_t *ids = json_array();
    json_array_clear(s->tasks);
    for (int i = 0; i < s->placements.placed + s->waiting; i++) {
        int r = add_task(tx, s, i, ids, err);
        if (r < 0)
            return r;
    }
    if (!s->token)
        return 0;
    sw_autofree char *text = sw_json_dump(ids);
    int r = task_store_add_request(tx, s->cluster.id, s->token, s->request, text, s->now_us, err);
    if (r == SW_ECONFLICT) { /* the same token, a moment earlier: the next snapshot sees it */
        sw_err_clear(err);
        return sw_fail(err, SW_ESTALE, NULL, "the client token was used meanwhile");
    }
    return r;
}

static int attempt(struct run *s, struct sw_err *err)
{
    s->now_us = s->l->now_us();
    int r = meta_tx(s->l->db, META_READ, snapshot, s, err);
    if (r < 0 || s->earlier)
        return r;
    if ((r = plan(s, err)) < 0 || s->placements.placed + s->waiting == 0)
        return r;
    return meta_tx(s->l->db, META_WRITE, apply, s, err);
}

/* Fargate has no instances to speak of: one failure a task. What it lacks is the closest machine's first obstacle. */
static void say_no_capacity(struct run *s, json_t *failures)
{
    struct plan_explanation why;
    const char *detail = "No machine of the Fargate fleet is registered.";
    plan_explain(&s->cluster_view, &s->request_view, &s->placements, &s->arena, &why);
    if (why.closest < s->instances_n)
        detail = sw_arena_printf(
            &s->arena, "The closest machine of the Fargate fleet: %s.",
            plan_verdict_text(&s->request_view, &why.verdicts[why.closest], &s->arena));
    for (int i = s->waiting; i < s->placements.unplaced; i++)
        json_array_append_new(
            failures, json_pack("{s:s, s:s}", "reason", PLAN_NO_CAPACITY, "detail", detail));
}

static void answer(struct run *s, json_t *out)
{
    json_t *tasks = service_list(out, "tasks"), *failures = service_list(out, "failures");
    json_array_extend(tasks, s->earlier ? s->earlier : s->tasks);
    const json_t *v;
    size_t k;
    json_array_foreach(s->missing, k, v) {
        char arn[ARN_MAX];
        arn_container_instance(arn, s->c->region, s->c->account, s->cluster.name,
                               json_string_value(v));
        json_array_append_new(failures, service_failure(arn, "MISSING"));
    }
    if (s->earlier || s->placements.unplaced == 0)
        return;
    if (launch_is_fargate(s->launch)) {
        say_no_capacity(s, failures);
        return;
    }
    for (size_t i = 0; i < s->instances_n; i++) {
        char arn[ARN_MAX];
        if (s->reasons[i] == PLAN_FITS)
            continue;
        arn_container_instance(arn, s->c->region, s->c->account, s->cluster.name,
                               s->instances[i].row.id);
        json_array_append_new(failures, service_failure(arn, plan_reason_to_string(s->reasons[i])));
    }
}

/* startedBy may look like a deployment's id; a token is anything that can be printed. */
static int check_characters(const json_t *in, struct sw_err *err)
{
    const char *by = sw_json_str(in, "startedBy", ""), *token = sw_json_str(in, "clientToken", "");
    for (const char *c = by; *c; c++) {
        if (!isalnum((unsigned char)*c) && !strchr("-_/", *c))
            return sw_fail(err, SW_EINVALID, SERVICE_INVALID,
                           "startedBy can have letters, numbers, hyphens, forward slashes and "
                           "underscores: '%.128s'.",
                           by);
    }
    for (const char *c = token; *c; c++) {
        if (!isgraph((unsigned char)*c))
            return sw_fail(err, SW_EINVALID, SERVICE_INVALID,
                           "clientToken can have the ASCII characters from 33 to 126.");
    }
    return 0;
}

static int check_overrides(const json_t *in, struct sw_err *err)
{
    const json_t *list = sw_json_array(sw_json_object(in, "overrides"), "containerOverrides");
    sw_autofree char *text = list ? sw_json_dump(list) : NULL;
    if (text && strlen(text) > OVERRIDES_MAX)
        return sw_fail(err, SW_EINVALID, SERVICE_INVALID,
                       "Container Overrides length must be at most %d", OVERRIDES_MAX);
    size_t i;
    json_t *v;
    json_array_foreach(list, i, v) {
        const char *name = sw_json_str(v, "name", "");
        if (sw_json_find(list, "name", name) != v)
            return sw_fail(err, SW_EINVALID, SERVICE_INVALID,
                           "There are several overrides for the container named %.255s.", name);
    }
    return 0;
}

static int check_request(const json_t *in, struct sw_err *err)
{
    static const struct {
        const char *key;
        size_t max;
    } texts[] = {{"group", 255}, {"startedBy", 128}, {"clientToken", 64}};
    int64_t count = sw_json_int(in, "count", 1);
    if (count < 1 || count > COUNT_MAX)
        return sw_fail(err, SW_EINVALID, SERVICE_INVALID, "count must be between 1 and %d.",
                       COUNT_MAX);
    for (size_t i = 0; i < SW_ARRAY_LEN(texts); i++) {
        if (strlen(sw_json_str(in, texts[i].key, "")) > texts[i].max)
            return sw_fail(err, SW_EINVALID, SERVICE_INVALID,
                           "%s must not be longer than %zu characters.", texts[i].key,
                           texts[i].max);
    }
    if (sw_str_starts_with(sw_str(sw_json_str(in, "group", "")), "service:"))
        return sw_fail(err, SW_EINVALID, SERVICE_INVALID, "Invalid namespace for group.");
    if (sw_streq(sw_json_str(in, "propagateTags", ""), "SERVICE"))
        return sw_fail(err, SW_EINVALID, SERVICE_INVALID,
                       "A task that is run alone has no service to take tags from.");
    return 0;
}

static int prepare(struct run *s, struct sw_err *err)
{
    int r = check_request(s->in, err);
    if (r < 0 || (r = check_characters(s->in, err)) < 0 || (r = check_overrides(s->in, err)) < 0)
        return r;
    if (!arn_parse(sw_json_str(s->in, "taskDefinition", ""), ARN_TASK_DEFINITION, &s->want) ||
        !arn_is_local(&s->want, s->c->account, s->c->region))
        return sw_fail(err, SW_ENOTFOUND, SERVICE_CLIENT, "TaskDefinition not found.");
    s->token = sw_json_str(s->in, "clientToken", NULL);
    if (s->token)
        s->request = service_request_text(s->in, "clientToken");
    return service_cluster(s->l, s->c, sw_json_str(s->in, "cluster", NULL), &s->cluster, err);
}

/* Plans and applies until nothing moved meanwhile. */
static int run(struct run *s, json_t *out, struct sw_err *err)
{
    int r = 0;
    for (int i = 0; i < SERVICE_PLANS_MAX; i++) {
        r = attempt(s, err);
        if (r != SW_ESTALE)
            break;
        if (i + 1 < SERVICE_PLANS_MAX)
            sw_err_clear(err);
    }
    if (r == SW_ESTALE) {
        sw_err_clear(err);
        return sw_fail(err, SW_EUNAVAILABLE, SERVICE_CLIENT,
                       "The cluster changes too quickly to place the task; try again.");
    }
    if (r < 0)
        return r;
    for (int i = 0; !s->earlier && i < s->placements.placed; i++) {
        if (first_on_instance(s, i))
            poll_notify(s->l, s->instances[s->placements.instance[i]].row.id);
    }
    answer(s, out);
    return 0;
}

int launcher_run_task(struct launcher *l, const struct launcher_caller *c, const json_t *in,
                      json_t *out, struct sw_err *err)
{
    SW_CLEANUP(run_done) struct run s = {.l = l, .c = c, .in = in, .tasks = json_array()};
    int r = prepare(&s, err);
    return r < 0 ? r : run(&s, out, err);
}

int launcher_start_task(struct launcher *l, const struct launcher_caller *c, const json_t *in,
                        json_t *out, struct sw_err *err)
{
    SW_CLEANUP(run_done)
    struct run s = {.l = l,
                    .c = c,
                    .in = in,
                    .tasks = json_array(),
                    .wanted = json_array(),
                    .missing = json_array()};
    const json_t *list = sw_json_array(in, "containerInstances"), *v;
    size_t i, k;
    int r = prepare(&s, err);
    if (r < 0)
        return r;
    if (json_array_size(list) < 1 || json_array_size(list) > COUNT_MAX)
        return sw_fail(err, SW_EINVALID, SERVICE_INVALID,
                       "Between 1 and %d container instances must be named.", COUNT_MAX);
    json_array_foreach(list, i, v) {
        char id[ARN_ID_LEN + 1];
        const json_t *other;
        r = service_id(c, s.cluster.name, ARN_CONTAINER_INSTANCE, json_string_value(v), id, err);
        if (r < 0)
            return r;
        json_array_foreach(s.wanted, k, other) {
            if (sw_streq(json_string_value(other), id))
                return sw_fail(err, SW_EINVALID, SERVICE_INVALID,
                               "The container instance %s is named twice.", id);
        }
        json_array_append_new(s.wanted, json_string(id));
    }
    return run(&s, out, err);
}

/* The same snapshot and plan, and nothing applied. */
int launcher_explain_placement(struct launcher *l, const struct launcher_caller *c,
                               const json_t *in, json_t *out, struct sw_err *err)
{
    SW_CLEANUP(run_done)
    struct run s = {.l = l, .c = c, .in = in, .tasks = json_array(), .explains = true};
    struct plan_explanation why;
    int r = prepare(&s, err);
    s.now_us = l->now_us();
    if (r < 0 || (r = meta_tx(l->db, META_READ, snapshot, &s, err)) < 0 || (r = plan(&s, err)) < 0)
        return r;
    plan_explain(&s.cluster_view, &s.request_view, &s.placements, &s.arena, &why);
    json_t *list = service_list(out, "instances");
    sw_json_set_int(out, "placed", s.placements.placed);
    sw_json_set_int(out, "unplaced", s.placements.unplaced);
    for (size_t i = 0; i < s.instances_n; i++) {
        char arn[ARN_MAX];
        const struct plan_verdict *v = &why.verdicts[i];
        json_t *o = json_object();
        const char *cluster = s.instances[i].row.cluster_name;
        arn_container_instance(arn, c->region, c->account,
                               cluster && *cluster ? cluster : s.cluster.name,
                               s.instances[i].row.id);
        sw_json_set_str(o, "containerInstanceArn", arn);
        sw_json_set_str(o, "verdict", plan_verdict_kind_to_string(v->kind));
        sw_json_set_int(o, "tasks", v->here);
        sw_json_set_str(o, "reason", plan_reason_to_string(v->obstacle.reason));
        sw_json_set_str(o, "text", plan_verdict_text(&s.request_view, v, &s.arena));
        json_array_append_new(list, o);
    }
    return 0;
}
