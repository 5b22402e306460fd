/* SPDX-License-Identifier: Apache-2.0 */
#include "launcher/service/instance_view.h"

#include <inttypes.h>

#include "base/alloc.h"
#include "base/json.h"
#include "base/json_find.h"
#include "base/macros.h"
#include "launcher/model/capabilities.h"
#include "launcher/service/service.h"

void instance_view_done(struct instance_view *v)
{
    instance_row_done(&v->row);
    task_usage_done(&v->usage);
    json_decref(v->document);
    free(v->tcp_ports);
    free(v->udp_ports);
    free(v->attributes);
    free(v->groups);
    json_decref(v->group_counts);
    *v = (struct instance_view){.cpu = 0};
}

static json_t *resource(const json_t *document, const char *name)
{
    return sw_json_find(sw_json_array(document, "registeredResources"), "name", name);
}

static size_t read_ports(const json_t *document, const char *name, const json_t *used,
                         uint16_t **ret)
{
    const json_t *reserved = sw_json_array(resource(document, name), "stringSetValue"), *v;
    size_t i, n = 0;
    uint16_t *ports =
        sw_calloc(json_array_size(reserved) + json_array_size(used) + 1, sizeof *ports);
    json_array_foreach(reserved, i, v) {
        uint64_t port;
        if (sw_parse_u64(sw_str(json_string_value(v)), &port) && port <= 65535)
            ports[n++] = (uint16_t)port;
    }
    json_array_foreach(used, i, v)
        ports[n++] = (uint16_t)json_integer_value(v);
    *ret = ports;
    return n;
}

static void read_attributes(struct instance_view *v)
{
    const json_t *list = sw_json_array(v->document, "attributes"), *a;
    size_t i;
    v->attributes = sw_calloc(json_array_size(list) + 1, sizeof *v->attributes);
    json_array_foreach(list, i, a) {
        v->attributes[v->attributes_n++] = (struct plan_attribute){
            .name = sw_json_str(a, "name", ""), .value = sw_json_str(a, "value", NULL)};
    }
}

static unsigned serves(const struct instance_view *v)
{
    unsigned own = instance_view_external(v) ? PLAN_LAUNCH_EXTERNAL : PLAN_LAUNCH_EC2;
    if (sw_streq(v->row.capacity, "FARGATE"))
        return PLAN_LAUNCH_FARGATE;
    return sw_streq(v->row.capacity, "BOTH") ? own | PLAN_LAUNCH_FARGATE : own;
}

int instance_view_read(struct meta_tx *tx, struct instance_row *row, struct instance_view *ret,
                       struct sw_err *err)
{
    struct instance_view v = {.row = *row};
    *row = (struct instance_row){.id = NULL};
    int r = service_document(v.row.document, &v.document, err);
    if (r == 0)
        r = task_store_usage(tx, v.row.id, &v.usage, err);
    if (r < 0) {
        instance_view_done(&v);
        return r;
    }
    v.cpu = sw_json_int(resource(v.document, "CPU"), "integerValue", 0);
    v.memory_mib = sw_json_int(resource(v.document, "MEMORY"), "integerValue", 0);
    v.tcp_ports_n = read_ports(v.document, "PORTS", v.usage.tcp_ports, &v.tcp_ports);
    v.udp_ports_n = read_ports(v.document, "PORTS_UDP", v.usage.udp_ports, &v.udp_ports);
    read_attributes(&v);
    v.serves = serves(&v);
    *ret = v;
    return 0;
}

int instance_view_read_groups(struct meta_tx *tx, struct instance_view *v, struct sw_err *err)
{
    const char *name;
    json_t *count;
    int r = task_store_groups(tx, v->row.id, &v->group_counts, err);
    if (r < 0)
        return r;
    v->groups = sw_calloc(json_object_size(v->group_counts) + 1, sizeof *v->groups);
    json_object_foreach(v->group_counts, name, count)
        v->groups[v->groups_n++] =
            (struct plan_group){.name = name, .tasks = (int)json_integer_value(count)};
    return 0;
}

void instance_views_free(struct instance_view *views, size_t n)
{
    for (size_t i = 0; i < n; i++)
        instance_view_done(&views[i]);
    free(views);
}

struct views {
    struct instance_view *list;
    size_t n;
};

/* Among the first n, which are in the order of ids. */
static bool known(const struct views *v, size_t n, const char *id)
{
    size_t low = 0, high = n;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        int c = strcmp(v->list[mid].row.id, id);
        if (c == 0)
            return true;
        if (c < 0)
            low = mid + 1;
        else
            high = mid;
    }
    return false;
}

/* Takes the rows. Those that serve none of it are left out, and those that were in the list before. */
static int add_rows(struct meta_tx *tx, const struct instance_scope *scope,
                    struct instance_row *rows, size_t n, struct views *to, struct sw_err *err)
{
    int r = 0;
    size_t before = to->n;
    to->list = sw_realloc_array(to->list, to->n + n + 1, sizeof *to->list);
    for (size_t i = 0; i < n && r == 0; i++) {
        struct instance_view *v = &to->list[to->n];
        if (known(to, before, rows[i].id))
            continue;
        if ((r = instance_view_read(tx, &rows[i], v, err)) < 0)
            break;
        if (!(v->serves & scope->launch)) {
            instance_view_done(v);
            continue;
        }
        to->n++;
        r = scope->groups ? instance_view_read_groups(tx, v, err) : 0;
    }
    instance_rows_free(rows, n);
    return r;
}

static int by_id(const void *a, const void *b)
{
    const struct instance_view *x = a, *y = b;
    return strcmp(x->row.id, y->row.id);
}

int instance_views_read(struct meta_tx *tx, const struct instance_scope *scope,
                        struct instance_view **ret, size_t *ret_n, struct sw_err *err)
{
    struct views found = {.n = 0};
    struct instance_row *rows = NULL;
    size_t n = 0;
    bool both = scope->launch != PLAN_LAUNCH_FARGATE, fleet = scope->launch & PLAN_LAUNCH_FARGATE;
    int r = both ? instance_store_all(tx, scope->cluster_id, &rows, &n, err) : 0;
    if (r == 0)
        r = add_rows(tx, scope, rows, n, &found, err);
    rows = NULL;
    n = 0;
    if (r == 0 && fleet)
        r = instance_store_fleet(tx, scope->account, scope->region, &rows, &n, err);
    if (r == 0)
        r = add_rows(tx, scope, rows, n, &found, err);
    if (r < 0) {
        instance_views_free(found.list, found.n);
        return r;
    }
    if (both && fleet)
        qsort(found.list, found.n, sizeof *found.list, by_id);
    *ret = found.list;
    *ret_n = found.n;
    return 0;
}

bool instance_view_external(const struct instance_view *v)
{
    for (size_t i = 0; i < v->attributes_n; i++) {
        if (sw_streq(v->attributes[i].name, ATTRIBUTE_EXTERNAL))
            return true;
    }
    return false;
}

static json_t *port_strings(const uint16_t *ports, size_t n)
{
    json_t *list = json_array();
    for (size_t i = 0; i < n; i++) {
        char text[8];
        (void)snprintf(text, sizeof text, "%" PRIu16, ports[i]);
        json_array_append_new(list, json_string(text));
    }
    return list;
}

/* The registered resources with what is left of them, in the same order. */
static json_t *remaining(const struct instance_view *v)
{
    json_t *list = json_deep_copy(sw_json_array(v->document, "registeredResources")), *o;
    size_t i;
    json_array_foreach(list, i, o) {
        const char *name = sw_json_str(o, "name", "");
        if (sw_streq(name, "CPU"))
            sw_json_set_int(o, "integerValue", v->cpu - v->usage.cpu);
        else if (sw_streq(name, "MEMORY"))
            sw_json_set_int(o, "integerValue", v->memory_mib - v->usage.memory_mib);
        else if (sw_streq(name, "PORTS"))
            sw_json_set_new(o, "stringSetValue", port_strings(v->tcp_ports, v->tcp_ports_n));
        else if (sw_streq(name, "PORTS_UDP"))
            sw_json_set_new(o, "stringSetValue", port_strings(v->udp_ports, v->udp_ports_n));
    }
    return list;
}

json_t *instance_view_json(const struct instance_view *v, const char *arn, bool with_tags)
{
    static const char *const same[] = {"versionInfo", "registeredResources", "attributes",
                                       "ec2InstanceId"};
    json_t *o = json_object(), *tags = sw_json_array(v->document, "tags");
    sw_json_set_str(o, "containerInstanceArn", arn);
    sw_json_set_int(o, "version", v->row.version);
    for (size_t i = 0; i < SW_ARRAY_LEN(same); i++) {
        if (json_object_get(v->document, same[i]))
            json_object_set(o, same[i], json_object_get(v->document, same[i]));
    }
    sw_json_set_new(o, "remainingResources", remaining(v));
    sw_json_set_str(o, "status", v->row.status);
    sw_json_set_bool(o, "agentConnected", v->agent_connected);
    sw_json_set_int(o, "runningTasksCount", v->usage.running);
    sw_json_set_int(o, "pendingTasksCount", v->usage.pending);
    sw_json_set_time_us(o, "registeredAt", v->row.registered_at);
    (void)service_list(o, "attachments");
    json_t *list = service_list(o, "tags");
    if (with_tags)
        json_array_extend(list, tags);
    return o;
}

struct plan_instance instance_view_plan(const struct instance_view *v)
{
    const json_t *version = sw_json_object(v->document, "versionInfo");
    return (struct plan_instance){.id = v->row.id,
                                  .ec2_instance_id =
                                      sw_json_str(v->document, "ec2InstanceId", NULL),
                                  .agent_version = sw_json_str(version, "agentVersion", NULL),
                                  .registered_at_us = v->row.registered_at,
                                  .draining = sw_streq(v->row.status, "DRAINING"),
                                  .groups = v->groups,
                                  .groups_n = v->groups_n,
                                  .active = sw_streq(v->row.status, "ACTIVE"),
                                  .agent_connected = v->agent_connected,
                                  .serves = v->serves,
                                  .cpu = v->cpu - v->usage.cpu,
                                  .memory_mib = v->memory_mib - v->usage.memory_mib,
                                  .tcp_ports = v->tcp_ports,
                                  .tcp_ports_n = v->tcp_ports_n,
                                  .udp_ports = v->udp_ports,
                                  .udp_ports_n = v->udp_ports_n,
                                  .attributes = v->attributes,
                                  .attributes_n = v->attributes_n,
                                  .tasks = v->usage.tasks};
}
