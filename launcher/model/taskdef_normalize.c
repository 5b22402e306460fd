/* SPDX-License-Identifier: Apache-2.0 */
/* The document that RegisterTaskDefinition stores: what was sent, unchanged but for the spelling of task sizes, plus the defaults
 * that ECS shows. Anything dropped or rewritten here would be a difference for ever to Terraform. */
#include <inttypes.h>

#include "base/json.h"
#include "launcher/model/capabilities.h"
#include "launcher/model/fargate.h"
#include "launcher/model/task_size.h"
#include "launcher/model/taskdef_validate.h"

static void drop_nulls(json_t *v)
{
    const char *key;
    json_t *member;
    void *next;
    size_t i;
    json_array_foreach(v, i, member)
        drop_nulls(member);
    json_object_foreach_safe(v, next, key, member) {
        if (json_is_null(member))
            json_object_del(v, key);
        else
            drop_nulls(member);
    }
}

static void set_default(json_t *o, const char *key, json_t *value)
{
    if (json_object_get(o, key))
        json_decref(value);
    else
        sw_json_set_new(o, key, value);
}

static void normalize_size(json_t *doc, const char *key, bool (*parse)(const char *, int64_t *))
{
    int64_t v;
    char text[24];
    const char *s = sw_json_str(doc, key, NULL);
    if (!s || !parse(s, &v))
        return;
    (void)snprintf(text, sizeof text, "%" PRId64, v);
    sw_json_set_str(doc, key, text);
}

static void normalize_container(json_t *c, bool same_port)
{
    static const char *const lists[] = {"portMappings", "environment", "mountPoints",
                                        "volumesFrom"};
    json_t *health = sw_json_object(c, "healthCheck"), *p;
    size_t i;
    set_default(c, "cpu", json_integer(0));
    set_default(c, "essential", json_true());
    for (i = 0; i < sizeof lists / sizeof *lists; i++)
        set_default(c, lists[i], json_array());
    json_array_foreach(sw_json_array(c, "portMappings"), i, p) {
        int64_t port = same_port ? sw_json_int(p, "containerPort", 0) : 0;
        set_default(p, "hostPort", json_integer(port));
        set_default(p, "protocol", json_string("tcp"));
    }
    if (health) {
        set_default(health, "interval", json_integer(30));
        set_default(health, "timeout", json_integer(5));
        set_default(health, "retries", json_integer(3));
    }
}

static void require(json_t *list, const char *name, const char *value)
{
    json_t *a = json_object();
    sw_json_set_str(a, "name", name);
    sw_json_set_str(a, "value", value);
    json_array_append_new(list, a);
}

static json_t *required_attributes(const json_t *doc)
{
    const char *arch = sw_json_str(sw_json_object(doc, "runtimePlatform"), "cpuArchitecture", NULL);
    bool log = false, awslogs = false, journald = false, health = false, order = false,
         secret = false, parameter = false;
    json_t *list = json_array(), *c, *s;
    size_t i, k;
    json_array_foreach(sw_json_array(doc, "containerDefinitions"), i, c) {
        const char *driver = sw_json_str(sw_json_object(c, "logConfiguration"), "logDriver", NULL);
        log |= sw_streq(driver, "json-file");
        awslogs |= sw_streq(driver, "awslogs");
        journald |= sw_streq(driver, "journald");
        health |= sw_json_object(c, "healthCheck") != NULL;
        order |= json_array_size(sw_json_array(c, "dependsOn")) > 0;
        json_array_foreach(sw_json_array(c, "secrets"), k, s) {
            bool asm_arn =
                strncmp(sw_json_str(s, "valueFrom", ""), "arn:aws:secretsmanager:", 23) == 0;
            secret |= asm_arn;
            parameter |= !asm_arn;
        }
    }
    if (log)
        require(list, CAPABILITY_LOG_JSON_FILE, NULL);
    if (awslogs)
        require(list, CAPABILITY_LOG_AWSLOGS, NULL);
    if (journald)
        require(list, CAPABILITY_LOG_JOURNALD, NULL);
    if (health)
        require(list, CAPABILITY_HEALTH_CHECK, NULL);
    if (order)
        require(list, CAPABILITY_ORDERING, NULL);
    if (secret)
        require(list, CAPABILITY_SECRETS_ASM, NULL);
    if (parameter)
        require(list, CAPABILITY_SECRETS_SSM, NULL);
    if (arch)
        require(list, ATTRIBUTE_CPU_ARCHITECTURE, capability_cpu_architecture(arch));
    return list;
}

json_t *taskdef_normalized(const json_t *doc)
{
    json_t *out = json_deep_copy(doc), *c;
    size_t i;
    drop_nulls(out);
    normalize_size(out, "cpu", task_cpu_parse);
    normalize_size(out, "memory", task_memory_parse);
    const char *mode = sw_json_str(out, "networkMode", "bridge");
    bool same_port = sw_streq(mode, "host") || sw_streq(mode, "awsvpc");
    json_array_foreach(sw_json_array(out, "containerDefinitions"), i, c)
        normalize_container(c, same_port);
    set_default(out, "volumes", json_array());
    set_default(out, "placementConstraints", json_array());
    sw_json_set_new(out, "compatibilities",
                    fargate_compatible(out) ? json_pack("[s, s]", "EC2", FARGATE)
                                            : json_pack("[s, s]", "EXTERNAL", "EC2"));
    sw_json_set_new(out, "requiresAttributes", required_attributes(out));
    return out;
}
