/* SPDX-License-Identifier: Apache-2.0 */
#include "launcher/service/usage.h"

#include "base/alloc.h"
#include "base/json.h"
#include "base/json_find.h"
#include "base/macros.h"
#include "launcher/service/agents.h"
#include "launcher/service/instance_view.h"
#include "launcher/service/service.h"

#define FRESH_US 60000000LL
#define NUMBER_MAX \
    1000000000000000LL /* of anything that an agent says; sums and units of 1000 stay within 64 bits */

static bool is_sane(const json_t *o, const char *member)
{
    int64_t v = sw_json_int(o, member, 0);
    return v >= 0 && v <= NUMBER_MAX;
}

static int check_numbers(const json_t *in, struct sw_err *err)
{
    static const char *const own[] = {"cpuUnits", "memoryMiB"};
    static const char *const of_tasks[] = {"cpuMs", "cpuUnits", "memoryBytes"};
    const json_t *v;
    size_t i, k;
    bool sane = true;
    for (k = 0; k < SW_ARRAY_LEN(own); k++)
        sane &= is_sane(in, own[k]);
    json_array_foreach(sw_json_array(in, "tasks"), i, v) {
        for (k = 0; k < SW_ARRAY_LEN(of_tasks); k++)
            sane &= is_sane(v, of_tasks[k]);
    }
    return sane ? 0
                : sw_fail(err, SW_EINVALID, SERVICE_INVALID,
                          "What is used must be between 0 and %lld.", NUMBER_MAX);
}

struct own_arg {
    const char *instance_id;
    json_t *ids;
};

static int read_own(struct meta_tx *tx, void *arg, struct sw_err *err)
{
    struct own_arg *a = arg;
    json_array_clear(a->ids);
    return task_store_ids_of_instance(tx, a->instance_id, a->ids, err);
}

/* Of the instance's own tasks: what an agent says of others is nobody's business. */
static json_t *own_tasks(const json_t *said, const json_t *ids)
{
    sw_autojson json_t *known = json_object();
    json_t *list = json_array();
    const json_t *v;
    struct arn arn;
    size_t i;
    json_array_foreach(ids, i, v)
        json_object_set_new(known, json_string_value(v), json_true());
    json_array_foreach(said, i, v) {
        if (arn_parse(sw_json_str(v, "task", ""), ARN_TASK, &arn) &&
            json_object_del(known, arn.id) == 0) /* once each */
            json_array_append_new(list, json_deep_copy(v));
    }
    return list;
}

int launcher_submit_metrics(struct launcher *l, const struct launcher_caller *c, const json_t *in,
                            json_t *out SW_UNUSED, struct sw_err *err)
{
    static const char *const kept[] = {"cpuUnits", "memoryMiB"};
    sw_autojson json_t *ids = json_array();
    struct cluster_ref cluster;
    char id[ARN_ID_LEN + 1];
    int r = service_cluster(l, c, sw_json_str(in, "cluster", NULL), &cluster, err);
    if (r < 0 ||
        (r = service_id(c, cluster.name, ARN_CONTAINER_INSTANCE,
                        sw_json_str(in, "containerInstance", NULL), id, err)) < 0 ||
        (r = check_numbers(in, err)) < 0 ||
        (r = service_owner(l, c, cluster.id, id, NULL, err)) < 0)
        return r;
    struct own_arg own = {.instance_id = id, .ids = ids};
    if ((r = meta_tx(l->db, META_READ, read_own, &own, err)) < 0)
        return r;
    json_t *usage = json_object();
    sw_json_set_new(usage, "tasks", own_tasks(sw_json_array(in, "tasks"), ids));
    for (size_t i = 0; i < SW_ARRAY_LEN(kept); i++) {
        if (json_object_get(in, kept[i]))
            sw_json_set_new(usage, kept[i], json_deep_copy(json_object_get(in, kept[i])));
    }
    agents_set_usage(l->agents, id, usage, l->now_us());
    return 0;
}

void launcher_each_usage(struct launcher *l,
                         void (*fn)(void *ctx, const char *instance_id, const json_t *usage),
                         void *ctx)
{
    agents_each_usage(l->agents, l->now_us() - FRESH_US, fn, ctx);
}

struct usage_arg {
    struct launcher *l;
    const struct launcher_caller *c;
    const struct cluster_ref *cluster;
    int64_t now_us;
    json_t *instances, *waiting; /* waiting: tasks without an instance */
    /* Of one instance. */
    json_t *tasks;
    const json_t *used;
};

static void copy_member(json_t *to, const json_t *from, const char *key)
{
    json_t *v = json_object_get(from, key);
    if (v)
        json_object_set(to, key, v);
}

static int add_task(void *ctx, const char *task_text, const char *definition_text SW_UNUSED,
                    struct sw_err *err)
{
    static const char *const same[] = {"taskArn", "group", "lastStatus", "launchType"};
    struct usage_arg *a = ctx;
    sw_autojson json_t *task = NULL;
    int r = service_document(task_text, &task, err);
    /* A machine of Fargate has tasks of other clusters, which are nobody's business here. */
    if (r < 0 || !sw_streq(sw_json_str(task, "clusterArn", ""), a->cluster->arn))
        return r;
    json_t *o = json_object();
    for (size_t i = 0; i < SW_ARRAY_LEN(same); i++)
        copy_member(o, task, same[i]);
    const json_t *used =
        sw_json_find(sw_json_array(a->used, "tasks"), "task", sw_json_str(task, "taskArn", ""));
    copy_member(o, used, "cpuUnits");
    copy_member(o, used, "memoryBytes");
    json_array_append_new(a->tasks, o);
    return 0;
}

/* "EC2", "FARGATE", "EC2,FARGATE" ... */
static const char *launch_types(unsigned serves, char ret[32])
{
    static const struct {
        unsigned bit;
        const char *name;
    } table[] = {{PLAN_LAUNCH_EC2, "EC2"},
                 {PLAN_LAUNCH_EXTERNAL, "EXTERNAL"},
                 {PLAN_LAUNCH_FARGATE, "FARGATE"}};
    size_t n = 0;
    ret[0] = 0;
    for (size_t i = 0; i < SW_ARRAY_LEN(table); i++) {
        if (serves & table[i].bit)
            n += (size_t)snprintf(ret + n, 32 - n, "%s%s", n > 0 ? "," : "", table[i].name);
    }
    return ret;
}

static int add_instance(struct meta_tx *tx, struct usage_arg *a, const struct instance_view *v,
                        struct sw_err *err)
{
    char arn[ARN_MAX], types[32];
    int64_t at_us = 0;
    const char *cluster = v->row.cluster_name;
    sw_autojson json_t *usage = agents_usage(a->l->agents, v->row.id, &at_us);
    const json_t *used = usage && at_us > a->now_us - FRESH_US ? usage : NULL;
    json_t *o = json_object();
    arn_container_instance(arn, a->c->region, a->c->account,
                           cluster && *cluster ? cluster : a->cluster->name, v->row.id);
    sw_json_set_str(o, "containerInstanceArn", arn);
    sw_json_set_str(o, "launchTypes", launch_types(v->serves, types));
    sw_json_set_str(o, "status", v->row.status);
    sw_json_set_bool(o, "agentConnected", agents_connected(a->l->agents, v->row.id, a->now_us));
    sw_json_set_int(o, "registeredCpu", v->cpu);
    sw_json_set_int(o, "registeredMemory", v->memory_mib);
    sw_json_set_int(o, "reservedCpu", v->usage.cpu);
    sw_json_set_int(o, "reservedMemory", v->usage.memory_mib);
    if (used)
        sw_json_set_time_us(o, "sampledAt", at_us);
    copy_member(o, used, "cpuUnits");
    copy_member(o, used, "memoryMiB");
    a->tasks = service_list(o, "tasks");
    a->used = used;
    json_array_append_new(a->instances, o);
    int r = task_store_each_of_instance(tx, v->row.id, add_task, a, err);
    /* A container instance of another cluster that serves Fargate beside is seen where it has tasks. */
    bool elsewhere = sw_streq(v->row.capacity, "BOTH") && cluster && *cluster;
    if (r == 0 && elsewhere && json_array_size(a->tasks) == 0)
        json_array_remove(a->instances, json_array_size(a->instances) - 1);
    return r;
}

static int read_usage(struct meta_tx *tx, void *arg, struct sw_err *err)
{
    struct usage_arg *a = arg;
    const struct instance_scope scope = {.cluster_id = a->cluster->id,
                                         .account = a->c->account,
                                         .region = a->c->region,
                                         .launch = PLAN_LAUNCH_EC2 | PLAN_LAUNCH_EXTERNAL |
                                                   PLAN_LAUNCH_FARGATE};
    struct instance_view *views = NULL;
    size_t n = 0;
    json_array_clear(a->instances);
    int r = instance_views_read(tx, &scope, &views, &n, err);
    for (size_t i = 0; i < n && r == 0; i++)
        r = add_instance(tx, a, &views[i], err);
    instance_views_free(views, n);
    a->tasks = a->waiting;
    a->used = NULL;
    json_array_clear(a->waiting);
    return r < 0 ? r : task_store_each_waiting(tx, a->cluster->id, add_task, a, err);
}

int launcher_usage(struct launcher *l, const struct launcher_caller *c, const json_t *in,
                   json_t *out, struct sw_err *err)
{
    struct cluster_ref cluster;
    struct usage_arg a = {.l = l,
                          .c = c,
                          .cluster = &cluster,
                          .now_us = l->now_us(),
                          .instances = service_list(out, "instances"),
                          .waiting = service_list(out, "waitingTasks")};
    int r = service_cluster(l, c, sw_json_str(in, "cluster", NULL), &cluster, err);
    return r < 0 ? r : meta_tx(l->db, META_READ_LONG, read_usage, &a, err);
}
