/* SPDX-License-Identifier: Apache-2.0 */
/* The document that RegisterTaskDefinition stores: what was sent, unchanged but for the spelling of task sizes, plus the defaults
 * that ECS shows. Anything dropped or rewritten here would be a difference for ever to Terraform. */
#include <inttypes.h>

#include "base/json.h"
#include "base/macros.h"
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
        if (!json_object_get(p, "containerPortRange"))
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

/* What a task asks of an instance: a question about the document, or about one of its containers or volumes, and the attribute. */

static const char *log_driver(const json_t *c)
{
    return sw_json_str(sw_json_object(c, "logConfiguration"), "logDriver", "");
}

static bool logs_json_file(const json_t *c)
{
    return sw_streq(log_driver(c), "json-file");
}

static bool logs_awslogs(const json_t *c)
{
    return sw_streq(log_driver(c), "awslogs");
}

static bool logs_journald(const json_t *c)
{
    return sw_streq(log_driver(c), "journald");
}

static bool has_health_check(const json_t *c)
{
    return sw_json_object(c, "healthCheck") != NULL;
}

static bool depends(const json_t *c)
{
    return json_array_size(sw_json_array(c, "dependsOn")) > 0;
}

static bool has_secret(const json_t *c, bool of_asm)
{
    json_t *s;
    size_t i;
    json_array_foreach(sw_json_array(c, "secrets"), i, s)
        if ((strncmp(sw_json_str(s, "valueFrom", ""), "arn:aws:secretsmanager:", 23) == 0) ==
            of_asm)
            return true;
    return false;
}

static bool has_secret_asm(const json_t *c)
{
    return has_secret(c, true);
}

static bool has_secret_ssm(const json_t *c)
{
    return has_secret(c, false);
}

static bool names_registry_credentials(const json_t *c)
{
    return sw_json_object(c, "repositoryCredentials") != NULL;
}

static bool is_privileged(const json_t *c)
{
    return sw_json_bool(c, "privileged", false);
}

static bool has_env_files(const json_t *c)
{
    return json_array_size(sw_json_array(c, "environmentFiles")) > 0;
}

static bool may_restart(const json_t *c)
{
    return sw_json_bool(sw_json_object(c, "restartPolicy"), "enabled", false);
}

static bool volume_is_local(const json_t *v)
{
    return sw_json_object(v, "dockerVolumeConfiguration") != NULL;
}

static bool volume_is_efs(const json_t *v)
{
    return sw_json_object(v, "efsVolumeConfiguration") != NULL;
}

static bool volume_has_efs_auth(const json_t *v)
{
    return sw_json_object(sw_json_object(v, "efsVolumeConfiguration"), "authorizationConfig") !=
           NULL;
}

static bool shares_namespaces(const json_t *doc)
{
    return *sw_json_str(doc, "pidMode", "") || *sw_json_str(doc, "ipcMode", "");
}

static bool has_task_role(const json_t *doc)
{
    return *sw_json_str(doc, "taskRoleArn", "") != 0;
}

static bool has_task_role_on_host(const json_t *doc)
{
    return has_task_role(doc) && sw_streq(sw_json_str(doc, "networkMode", ""), "host");
}

static bool has_execution_role(const json_t *doc)
{
    return *sw_json_str(doc, "executionRoleArn", "") != 0;
}

static bool any_container(const json_t *doc, bool (*asks)(const json_t *container))
{
    json_t *c;
    size_t i;
    json_array_foreach(sw_json_array(doc, "containerDefinitions"), i, c)
        if (asks(c))
            return true;
    return false;
}

static bool role_logs(const json_t *doc)
{
    return has_execution_role(doc) && any_container(doc, logs_awslogs);
}

static bool image_of_ecr(const json_t *c)
{
    return strstr(sw_json_str(c, "image", ""), ".dkr.ecr.") != NULL;
}

static bool pulls_of_ecr(const json_t *doc)
{
    return any_container(doc, image_of_ecr);
}

static bool role_pulls(const json_t *doc)
{
    return has_execution_role(doc) && pulls_of_ecr(doc);
}

static bool is_awsvpc(const json_t *doc)
{
    return sw_streq(sw_json_str(doc, "networkMode", ""), "awsvpc");
}

struct requirement {
    bool (*asks)(const json_t *part);
    const char *attribute;
};
static const struct requirement of_containers[] = {
    {logs_json_file, CAPABILITY_LOG_JSON_FILE},
    {logs_awslogs, CAPABILITY_LOG_AWSLOGS},
    {logs_journald, CAPABILITY_LOG_JOURNALD},
    {has_health_check, CAPABILITY_HEALTH_CHECK},
    {depends, CAPABILITY_ORDERING},
    {has_secret_asm, CAPABILITY_SECRETS_ASM},
    {has_secret_ssm, CAPABILITY_SECRETS_SSM},
    {names_registry_credentials, CAPABILITY_REGISTRY_AUTH},
    {is_privileged, CAPABILITY_PRIVILEGED},
    {has_env_files, CAPABILITY_ENV_FILES},
    {may_restart, CAPABILITY_RESTARTS},
};
static const struct requirement of_volumes[] = {
    {volume_is_local, CAPABILITY_VOLUME_LOCAL},
    {volume_is_efs, CAPABILITY_EFS},
    {volume_has_efs_auth, CAPABILITY_EFS_AUTH},
};
static const struct requirement of_tasks[] = {
    {shares_namespaces, CAPABILITY_NAMESPACES},
    {has_task_role, CAPABILITY_TASK_ROLE},
    {has_task_role_on_host, CAPABILITY_TASK_ROLE_HOST},
    {role_logs, CAPABILITY_ROLE_AWSLOGS},
    {role_pulls, CAPABILITY_ROLE_ECR},
    {pulls_of_ecr, CAPABILITY_ECR_AUTH},
    {is_awsvpc, CAPABILITY_TASK_ENI},
};

static void require_of(json_t *list, const struct requirement *r, size_t n, const json_t *parts)
{
    json_t *part;
    for (size_t k = 0; k < n; k++) {
        bool asks = false;
        size_t i;
        json_array_foreach(parts, i, part)
            asks |= r[k].asks(part);
        if (asks)
            require(list, r[k].attribute, NULL);
    }
}

static json_t *required_attributes(json_t *doc)
{
    const char *arch = sw_json_str(sw_json_object(doc, "runtimePlatform"), "cpuArchitecture", NULL);
    const json_t *containers = sw_json_array(doc, "containerDefinitions");
    sw_autojson json_t *task = json_pack("[O]", doc);
    json_t *list = json_array();
    require_of(list, of_containers, SW_ARRAY_LEN(of_containers), containers);
    require_of(list, of_volumes, SW_ARRAY_LEN(of_volumes), sw_json_array(doc, "volumes"));
    require_of(list, of_tasks, SW_ARRAY_LEN(of_tasks), task);
    if (arch)
        require(list, ATTRIBUTE_CPU_ARCHITECTURE, capability_cpu_architecture(arch));
    return list;
}

json_t *taskdef_normalized(const json_t *doc)
{
    json_t *out = json_deep_copy(doc), *c, *v;
    size_t i;
    drop_nulls(out);
    normalize_size(out, "cpu", task_cpu_parse);
    normalize_size(out, "memory", task_memory_parse);
    const char *mode = sw_json_str(out, "networkMode", "bridge");
    bool same_port = sw_streq(mode, "host") || sw_streq(mode, "awsvpc");
    json_array_foreach(sw_json_array(out, "containerDefinitions"), i, c)
        normalize_container(c, same_port);
    set_default(out, "volumes", json_array());
    json_array_foreach(sw_json_array(out, "volumes"), i, v) {
        json_t *efs = sw_json_object(v, "efsVolumeConfiguration");
        if (efs)
            set_default(efs, "rootDirectory", json_string("/"));
    }
    set_default(out, "placementConstraints", json_array());
    sw_json_set_new(out, "compatibilities",
                    fargate_compatible(out)    ? json_pack("[s, s]", "EC2", FARGATE)
                    : sw_streq(mode, "awsvpc") ? json_pack("[s]", "EC2")
                                               : json_pack("[s, s]", "EXTERNAL", "EC2"));
    sw_json_set_new(out, "requiresAttributes", required_attributes(out));
    return out;
}
