/* SPDX-License-Identifier: Apache-2.0 */
#include "launcher/service/task_doc.h"

#include <inttypes.h>

#include "base/alloc.h"
#include "base/id.h"
#include "base/json.h"
#include "base/json_find.h"
#include "base/macros.h"
#include "launcher/model/capabilities.h"
#include "launcher/model/fargate.h"
#include "launcher/model/task_status.h"
#include "launcher/service/exec_agent_doc.h"

#define REASON_MAX   1024
#define ENI_DIGITS   17
#define BINDINGS_MAX 1000 /* of one container */

static void set_number_text(json_t *o, const char *key, int64_t v)
{
    char text[24];
    (void)snprintf(text, sizeof text, "%" PRId64, v);
    sw_json_set_str(o, key, text);
}

/* The value of a size: the override's before the definition's. */
static int64_t size_of(const json_t *override, const json_t *definition, const char *key)
{
    return sw_json_int(override, key, sw_json_int(definition, key, 0));
}

static json_t *container_new(const struct task_doc_new *n, const json_t *definition,
                             const char *arn)
{
    static const char *const sizes[] = {"memory", "memoryReservation"};
    json_t *o = json_object();
    const char *name = sw_json_str(definition, "name", "");
    const json_t *override =
        sw_json_find(sw_json_array(n->overrides, "containerOverrides"), "name", name);
    sw_json_set_str(o, "containerArn", arn);
    sw_json_set_str(o, "taskArn", n->task_arn);
    sw_json_set_str(o, "name", name);
    sw_json_set_str(o, "image", sw_json_str(definition, "image", ""));
    sw_json_set_str(o, "lastStatus", task_status_to_string(TASK_PENDING));
    sw_json_set_new(o, "networkBindings", json_array());
    sw_json_set_new(o, "networkInterfaces", json_array());
    sw_json_set_str(o, "healthStatus", "UNKNOWN");
    set_number_text(o, "cpu", size_of(override, definition, "cpu"));
    for (size_t i = 0; i < SW_ARRAY_LEN(sizes); i++) {
        int64_t v = size_of(override, definition, sizes[i]);
        if (v)
            set_number_text(o, sizes[i], v);
    }
    return o;
}

/* AWS names every container in the overrides that it answers. */
static json_t *overrides_new(const struct task_doc_new *n)
{
    json_t *o = n->overrides ? json_deep_copy(n->overrides) : json_object(), *v;
    json_t *list = sw_json_array(o, "containerOverrides");
    size_t i;
    if (!list) {
        list = json_array();
        sw_json_set_new(o, "containerOverrides", list);
    }
    json_array_foreach(sw_json_array(n->definition, "containerDefinitions"), i, v) {
        const char *name = sw_json_str(v, "name", "");
        if (!sw_json_find(list, "name", name))
            json_array_append_new(list, json_pack("{s:s}", "name", name));
    }
    if (!json_object_get(o, "inferenceAcceleratorOverrides"))
        sw_json_set_new(o, "inferenceAcceleratorOverrides", json_array());
    return o;
}

/* Task-level sizes: those of the task, else the sums over its containers. */
static void set_sizes(json_t *o, const struct task_doc_new *n)
{
    static const char *const keys[] = {"cpu", "memory"};
    for (size_t k = 0; k < SW_ARRAY_LEN(keys); k++) {
        const char *given =
            sw_json_str(n->overrides, keys[k], sw_json_str(n->definition, keys[k], NULL));
        const json_t *c;
        int64_t sum = 0;
        size_t i;
        json_array_foreach(sw_json_array(n->definition, "containerDefinitions"), i, c) {
            const json_t *override = sw_json_find(sw_json_array(n->overrides, "containerOverrides"),
                                                  "name", sw_json_str(c, "name", ""));
            int64_t v = size_of(override, c, keys[k]);
            sum += v || k == 0 ? v : size_of(override, c, "memoryReservation");
        }
        if (given)
            sw_json_set_str(o, keys[k], given);
        else
            set_number_text(o, keys[k], sum);
    }
}

static void add_detail(json_t *attachment, const char *name, const char *value)
{
    json_array_append_new(sw_json_array(attachment, "details"),
                          json_pack("{s:s, s:s}", "name", name, "value", value));
}

static json_t *attachments_new(const struct task_doc_new *n)
{
    const json_t *vpc = sw_json_object(n->network, "awsvpcConfiguration");
    const char *subnet = json_string_value(json_array_get(sw_json_array(vpc, "subnets"), 0));
    json_t *list = json_array();
    char id[37];
    if (!vpc)
        return list;
    sw_uuid(id);
    char interface[sizeof "eni-" + ENI_DIGITS];
    memcpy(interface, "eni-", sizeof "eni-");
    sw_random_hex(interface + strlen("eni-"), ENI_DIGITS);
    json_t *a = json_pack("{s:s, s:s, s:s, s:[]}", "id", id, "type", "ElasticNetworkInterface",
                          "status", "PRECREATED", "details");
    if (subnet)
        add_detail(a, "subnetId", subnet);
    add_detail(a, "networkInterfaceId", interface);
    json_array_append_new(list, a);
    return list;
}

void task_doc_place(json_t *task, const json_t *attributes)
{
    json_t *list = json_array(),
           *arch = sw_json_find(attributes, "name", ATTRIBUTE_CPU_ARCHITECTURE);
    if (arch)
        json_array_append(list, arch);
    sw_json_set_new(task, "attributes", list);
    sw_json_set_str(task, "availabilityZone",
                    sw_json_str(sw_json_find(attributes, "name", ATTRIBUTE_ZONE), "value", NULL));
}

static void set_fargate(json_t *o, const struct task_doc_new *n)
{
    struct sw_err ignored = SW_ERR_INIT;
    const char *version = NULL;
    json_t *own = sw_json_object(n->definition, "ephemeralStorage");
    json_t *storage = sw_json_object(n->overrides, "ephemeralStorage");
    storage = storage ? storage : own;
    (void)fargate_platform_version(n->platform_version, &version, &ignored);
    sw_json_set_str(o, "platformVersion", version);
    sw_json_set_str(o, "platformFamily", FARGATE_PLATFORM_FAMILY);
    sw_json_set_new(o, "ephemeralStorage",
                    storage ? json_deep_copy(storage)
                            : json_pack("{s:i}", "sizeInGiB", FARGATE_STORAGE_GIB));
}

json_t *task_doc_new(const struct task_doc_new *n)
{
    json_t *o = json_object(), *containers = json_array(), *c;
    size_t i;
    json_array_foreach(sw_json_array(n->definition, "containerDefinitions"), i, c)
        json_array_append_new(containers, container_new(n, c, n->container_arns[i]));
    sw_json_set_new(o, "attachments", attachments_new(n));
    task_doc_place(o, n->attributes);
    sw_json_set_str(o, "capacityProviderName", n->provider);
    sw_json_set_str(o, "clusterArn", n->cluster_arn);
    sw_json_set_str(o, "containerInstanceArn", n->instance_arn);
    sw_json_set_new(o, "containers", containers);
    set_sizes(o, n);
    sw_json_set_time_us(o, "createdAt", n->now_us);
    sw_json_set_str(o, "desiredStatus", task_status_to_string(TASK_RUNNING));
    sw_json_set_bool(o, "enableExecuteCommand", n->execute_command);
    sw_json_set_str(o, "group", n->group);
    sw_json_set_str(o, "healthStatus", "UNKNOWN");
    sw_json_set_str(o, "lastStatus", task_status_to_string(TASK_PROVISIONING));
    sw_json_set_str(o, "launchType", n->launch_type ? n->launch_type : "EC2");
    if (sw_streq(n->launch_type, FARGATE))
        set_fargate(o, n);
    sw_json_set_new(o, "overrides", overrides_new(n));
    sw_json_set_str(o, "startedBy", n->started_by);
    sw_json_set_new(o, "tags", n->tags ? json_deep_copy(n->tags) : json_array());
    sw_json_set_str(o, "taskArn", n->task_arn);
    sw_json_set_str(o, "taskDefinitionArn", n->definition_arn);
    sw_json_set_int(o, "version", 1);
    exec_agent_doc_follow(o, n->now_us);
    return o;
}

static enum task_status status_of(const json_t *o)
{
    enum task_status s = TASK_PROVISIONING;
    (void)task_status_from_string(sw_json_str(o, "lastStatus", NULL), &s);
    return s;
}

static bool advance(json_t *o, enum task_status to)
{
    if (status_of(o) >= to)
        return false;
    sw_json_set_str(o, "lastStatus", task_status_to_string(to));
    return true;
}

/* Sets what is not known yet; the first word stands. */
static bool set_once(json_t *o, const char *key, const char *value)
{
    if (!value || !*value || json_object_get(o, key))
        return false;
    struct sw_str s = sw_str(value);
    size_t n = SW_MIN(s.n, (size_t)REASON_MAX);
    while (n > 0 && n < s.n && ((unsigned char)s.p[n] & 0xc0) == 0x80)
        n--;
    sw_json_set_new(o, key, json_stringn(s.p, n));
    return true;
}

static bool set_time_once(json_t *o, const char *key, int64_t us)
{
    if (json_object_get(o, key))
        return false;
    sw_json_set_time_us(o, key, us);
    return true;
}

static bool is_stopping(const json_t *task)
{
    return sw_streq(sw_json_str(task, "desiredStatus", ""), "STOPPED");
}

bool task_doc_stop(json_t *task, const char *code, const char *reason, int64_t now_us)
{
    if (is_stopping(task))
        return false;
    sw_json_set_str(task, "desiredStatus", "STOPPED");
    (void)set_once(task, "stopCode", code);
    (void)set_once(task, "stoppedReason", reason);
    (void)set_time_once(task, "stoppingAt", now_us);
    (void)advance(task, TASK_STOPPING);
    return true;
}

bool task_doc_finish(json_t *task, const char *code, const char *reason, int64_t now_us)
{
    json_t *c;
    size_t i;
    if (status_of(task) == TASK_STOPPED)
        return false;
    (void)task_doc_stop(task, code, reason, now_us);
    (void)set_once(task, "stopCode", code);
    (void)set_once(task, "stoppedReason", reason);
    (void)advance(task, TASK_STOPPED);
    (void)set_time_once(task, "executionStoppedAt", now_us);
    (void)set_time_once(task, "stoppedAt", now_us);
    json_array_foreach(sw_json_array(task, "attachments"), i, c)
        sw_json_set_str(c, "status", "DELETED");
    json_array_foreach(sw_json_array(task, "containers"), i, c)
        (void)advance(c, TASK_STOPPED);
    exec_agent_doc_follow(task, now_us);
    return true;
}

/* "CODE: text" of the agent into its two members; any other text is all reason. */
static void split_reason(const char *reason, char *code, size_t cap, const char **ret_text)
{
    static const char *const codes[] = {"TaskFailedToStart", "EssentialContainerExited",
                                        "UserInitiated"};
    *code = 0;
    *ret_text = reason;
    for (size_t i = 0; reason && i < SW_ARRAY_LEN(codes); i++) {
        size_t n = strlen(codes[i]);
        if (strncmp(reason, codes[i], n) == 0 && reason[n] == ':') {
            (void)sw_str_copy(sw_str(codes[i]), code, cap);
            *ret_text = reason + n + 1 + (reason[n + 1] == ' ');
            return;
        }
    }
}

static bool copy_member(json_t *to, const json_t *from, const char *key, bool replace)
{
    json_t *v = json_object_get(from, key);
    const json_t *old = json_object_get(to, key);
    if (!v || json_is_null(v) || (old && (!replace || json_equal(old, v))))
        return false;
    sw_json_set_new(to, key, json_deep_copy(v));
    return true;
}

/* What an agent says is kept only as far as it can be meant: a reason is cut, other words must be short. */
static bool is_sensible(const json_t *v)
{
    return json_string_length(v) <= REASON_MAX && json_array_size(v) <= BINDINGS_MAX;
}

static bool container_report(json_t *c, const json_t *report)
{
    static const char *const once[] = {"exitCode", "imageDigest"};
    static const char *const latest[] = {"runtimeId", "networkBindings"};
    enum task_status to;
    bool changed = false;
    if (!task_status_from_string(sw_json_str(report, "status", NULL), &to) || to < status_of(c))
        return false;
    changed |= advance(c, to);
    changed |= set_once(c, "reason", sw_json_str(report, "reason", NULL));
    for (size_t i = 0; i < SW_ARRAY_LEN(once); i++)
        changed |=
            is_sensible(json_object_get(report, once[i])) && copy_member(c, report, once[i], false);
    for (size_t i = 0; i < SW_ARRAY_LEN(latest); i++)
        changed |= is_sensible(json_object_get(report, latest[i])) &&
                   copy_member(c, report, latest[i], true);
    return changed;
}

/* One that ran: of one that never did, only the agent can say why, and says so when the task is STOPPED. */
static bool essential_exited(const json_t *task, const json_t *definition)
{
    const json_t *c;
    size_t i;
    json_array_foreach(sw_json_array(definition, "containerDefinitions"), i, c) {
        const json_t *k =
            sw_json_find(sw_json_array(task, "containers"), "name", sw_json_str(c, "name", ""));
        if (sw_json_bool(c, "essential", true) && k && status_of(k) == TASK_STOPPED &&
            json_object_get(k, "exitCode"))
            return true;
    }
    return false;
}

/* Between 1970 and the end of 9999, which all clients can show: a machine's clock may be wrong, and its reports count all the same. */
static bool is_a_time(const json_t *v)
{
    return json_number_value(v) >= 0 && json_number_value(v) < 253402300800.0;
}

static bool copy_times(json_t *task, const json_t *report)
{
    static const char *const keys[] = {"pullStartedAt", "pullStoppedAt", "executionStoppedAt"};
    bool changed = false;
    for (size_t i = 0; i < SW_ARRAY_LEN(keys); i++)
        changed |= is_a_time(json_object_get(report, keys[i])) &&
                   copy_member(task, report, keys[i], false);
    return changed;
}

static bool advance_task(json_t *task, enum task_status to, const json_t *report, int64_t now_us)
{
    char code[64];
    const char *text;
    split_reason(sw_json_str(report, "reason", NULL), code, sizeof code, &text);
    if (to == TASK_STOPPED)
        return task_doc_finish(task, code, text, now_us);
    bool changed = to == TASK_RUNNING && set_time_once(task, "startedAt", now_us);
    return advance(task, to) || changed;
}

/* In awsvpc mode what an agent binds is the task's address: it becomes the network interface of each container. */
static bool own_address(json_t *task)
{
    json_t *attachment = json_array_get(sw_json_array(task, "attachments"), 0), *c;
    bool changed = false;
    size_t i;
    json_array_foreach(sw_json_array(task, "containers"), i, c) {
        const json_t *bound = json_array_get(sw_json_array(c, "networkBindings"), 0);
        sw_autofree char *address = sw_strdup(sw_json_str(bound, "bindIP", ""));
        if (!*address)
            continue;
        json_t *interface = json_pack("{s:s}", "privateIpv4Address", address);
        sw_json_set_str(interface, "attachmentId", sw_json_str(attachment, "id", NULL));
        sw_json_set_new(c, "networkInterfaces", json_pack("[o]", interface));
        sw_json_set_new(c, "networkBindings", json_array());
        if (attachment && sw_streq(sw_json_str(attachment, "status", ""), "PRECREATED")) {
            sw_json_set_str(attachment, "status", "ATTACHED");
            add_detail(attachment, "privateIPv4Address", address);
        }
        changed = true;
    }
    return changed;
}

bool task_doc_report(json_t *task, const json_t *report, const json_t *definition, int64_t now_us)
{
    enum task_status to = TASK_PROVISIONING;
    const json_t *v;
    bool changed = false;
    size_t i;
    if (status_of(task) == TASK_STOPPED)
        return false;
    json_array_foreach(sw_json_array(report, "containers"), i, v) {
        json_t *c = sw_json_find(sw_json_array(task, "containers"), "name",
                                 sw_json_str(v, "containerName", ""));
        if (c)
            changed |= container_report(c, v);
    }
    if (!json_object_get(task, "connectivity")) {
        sw_json_set_str(task, "connectivity", "CONNECTED");
        sw_json_set_time_us(task, "connectivityAt", now_us);
        changed = true;
    }
    if (sw_streq(sw_json_str(definition, "networkMode", ""), "awsvpc"))
        changed |= own_address(task);
    changed |= copy_times(task, report);
    (void)task_status_from_string(sw_json_str(report, "status", NULL), &to);
    changed |= advance_task(task, to, report, now_us);
    if (to != TASK_STOPPED && !is_stopping(task) && essential_exited(task, definition))
        changed |= task_doc_stop(task, "EssentialContainerExited",
                                 "Essential container in task exited", now_us);
    if (changed)
        exec_agent_doc_follow(task, now_us);
    return changed;
}

/* UNHEALTHY if an essential container with a check is; HEALTHY if all of them are; else UNKNOWN. */
static const char *overall_health(const json_t *task, const json_t *definition)
{
    const json_t *c;
    bool any = false, all = true;
    size_t i;
    json_array_foreach(sw_json_array(definition, "containerDefinitions"), i, c) {
        const json_t *k =
            sw_json_find(sw_json_array(task, "containers"), "name", sw_json_str(c, "name", ""));
        const char *health = sw_json_str(k, "healthStatus", "UNKNOWN");
        if (!sw_json_object(c, "healthCheck") || !sw_json_bool(c, "essential", true))
            continue;
        if (sw_streq(health, "UNHEALTHY"))
            return "UNHEALTHY";
        any = true;
        all = all && sw_streq(health, "HEALTHY");
    }
    return any && all ? "HEALTHY" : "UNKNOWN";
}

bool task_doc_health(json_t *task, const json_t *report, const json_t *definition)
{
    const json_t *v;
    bool changed = false;
    size_t i;
    if (status_of(task) == TASK_STOPPED)
        return false;
    json_array_foreach(sw_json_array(report, "containers"), i, v) {
        json_t *c = sw_json_find(sw_json_array(task, "containers"), "name",
                                 sw_json_str(v, "containerName", ""));
        if (c)
            changed |= copy_member(c, v, "healthStatus", true);
    }
    if (changed)
        sw_json_set_str(task, "healthStatus", overall_health(task, definition));
    return changed;
}
