/* SPDX-License-Identifier: Apache-2.0 */
/* From the stored document to values, and the overrides of RunTask.
 * The document passed the schema and taskdef_validate, so the checks here are only those that keep this code safe on any
 * JSON: sizes, indices and ranges of what is narrowed. */
#include <limits.h>

#include "base/alloc.h"
#include "base/json.h"
#include "launcher/model/task_size.h"
#include "launcher/model/taskdef.h"

#define INVALID      "ClientException"
#define OVERRIDE_MAX (1LL << 30)

static char *dup_member(const json_t *o, const char *key)
{
    return sw_strdup_or_null(sw_json_str(o, key, NULL));
}

static int strings_from(const json_t *list, const char *what, char ***ret, struct sw_err *err)
{
    size_t i;
    json_t *v;
    json_array_foreach(list, i, v) {
        if (!json_is_string(v))
            return sw_fail(err, SW_EINVALID, INVALID, "%s[%zu] must be a string.", what, i);
    }
    char **out = sw_calloc(json_array_size(list) + 1, sizeof *out);
    json_array_foreach(list, i, v)
        out[i] = sw_strdup(json_string_value(v));
    *ret = out;
    return 0;
}

/* An absent or empty list leaves *ret as it is: the image's own value holds. */
static int strings_member(const json_t *o, const char *key, char ***ret, struct sw_err *err)
{
    json_t *list = sw_json_array(o, key);
    if (!list || json_array_size(list) == 0)
        return 0;
    return strings_from(list, key, ret, err);
}

static void env_set(struct container_def *c, const char *name, const char *value)
{
    for (size_t i = 0; i < c->environment_n; i++) {
        if (sw_streq(c->environment[i].name, name)) {
            free(c->environment[i].value);
            c->environment[i].value = sw_strdup(value);
            return;
        }
    }
    c->environment = sw_realloc_array(c->environment, c->environment_n + 1, sizeof *c->environment);
    c->environment[c->environment_n++] =
        (struct env_var){.name = sw_strdup(name), .value = sw_strdup(value)};
}

static void environment_from(const json_t *o, struct container_def *c)
{
    size_t i;
    json_t *v;
    json_array_foreach(sw_json_array(o, "environment"), i, v) {
        const char *name = sw_json_str(v, "name", NULL);
        if (name)
            env_set(c, name, sw_json_str(v, "value", ""));
    }
}

/* In order; none when one of them is no object of S3, which validation refuses. */
static void environment_files_from(const json_t *o, struct container_def *c)
{
    json_t *list = sw_json_array(o, "environmentFiles"), *v;
    size_t i;
    for (i = 0; i < c->environment_files_n; i++) {
        free(c->environment_files[i].bucket);
        free(c->environment_files[i].key);
    }
    free(c->environment_files);
    c->environment_files_n = 0;
    c->environment_files = sw_calloc(json_array_size(list) + 1, sizeof *c->environment_files);
    json_array_foreach(list, i, v) {
        struct sw_str bucket, key;
        if (s3_object_parse(sw_json_str(v, "value", ""), &bucket, &key))
            c->environment_files[c->environment_files_n++] =
                (struct s3_object){sw_str_dup(bucket), sw_str_dup(key)};
    }
}

static int port_from(const json_t *o, enum network_mode mode, struct port_mapping *ret,
                     struct sw_err *err)
{
    int64_t container = sw_json_int(o, "containerPort", 0), host = sw_json_int(o, "hostPort", 0);
    uint16_t first = 0;
    if (port_range_parse(sw_json_str(o, "containerPortRange", ""), &first, &ret->count))
        container = first;
    if (container < 1 || container > 65535 || host < 0 || host > 65535)
        return sw_fail(err, SW_EINVALID, INVALID, "A port must be between 1 and 65535.");
    ret->container_port = (uint16_t)container;
    ret->host_port = (uint16_t)(mode == NETWORK_HOST     ? container
                                : mode == NETWORK_AWSVPC ? 0
                                                         : host);
    if (!port_protocol_from_string(sw_json_str(o, "protocol", "tcp"), &ret->protocol))
        ret->protocol = PORT_TCP;
    return 0;
}

static int ports_from(const json_t *o, enum network_mode mode, struct container_def *c,
                      struct sw_err *err)
{
    json_t *list = sw_json_array(o, "portMappings"), *v;
    size_t i;
    c->ports = sw_calloc(json_array_size(list) + 1, sizeof *c->ports);
    json_array_foreach(list, i, v) {
        int r = port_from(v, mode, &c->ports[i], err);
        if (r < 0)
            return r;
        c->ports_n++;
    }
    return 0;
}

static void ulimits_from(const json_t *o, struct container_def *c)
{
    json_t *list = sw_json_array(o, "ulimits"), *v;
    size_t i;
    c->ulimits = sw_calloc(json_array_size(list) + 1, sizeof *c->ulimits);
    json_array_foreach(list, i, v) {
        c->ulimits[c->ulimits_n++] = (struct ulimit){.name = sw_strdup(sw_json_str(v, "name", "")),
                                                     .soft = sw_json_int(v, "softLimit", 0),
                                                     .hard = sw_json_int(v, "hardLimit", 0)};
    }
}

static void mount_points_from(const json_t *o, struct container_def *c)
{
    json_t *list = sw_json_array(o, "mountPoints"), *v;
    size_t i;
    c->mount_points = sw_calloc(json_array_size(list) + 1, sizeof *c->mount_points);
    json_array_foreach(list, i, v) {
        c->mount_points[c->mount_points_n++] =
            (struct mount_point){.source_volume = sw_strdup(sw_json_str(v, "sourceVolume", "")),
                                 .container_path = sw_strdup(sw_json_str(v, "containerPath", "")),
                                 .read_only = sw_json_bool(v, "readOnly", false)};
    }
}

static int health_check_from(const json_t *o, struct health_check *h, struct sw_err *err)
{
    const json_t *j = sw_json_object(o, "healthCheck");
    if (!j)
        return 0;
    h->interval_s = (int)sw_json_int(j, "interval", 30);
    h->timeout_s = (int)sw_json_int(j, "timeout", 5);
    h->retries = (int)sw_json_int(j, "retries", 3);
    h->start_period_s = (int)sw_json_int(j, "startPeriod", 0);
    return strings_member(j, "command", &h->command, err);
}

static int container_from(const json_t *o, enum network_mode mode, struct container_def *c,
                          struct sw_err *err)
{
    int r;
    c->name = dup_member(o, "name");
    c->image = dup_member(o, "image");
    if (!c->name || !c->image)
        return sw_fail(err, SW_EINVALID, INVALID,
                       "Container definitions need the members name and image.");
    c->working_directory = dup_member(o, "workingDirectory");
    c->user = dup_member(o, "user");
    c->cpu = sw_json_int(o, "cpu", 0);
    c->memory_mib = sw_json_int(o, "memory", 0);
    c->memory_reservation_mib = sw_json_int(o, "memoryReservation", 0);
    c->essential = sw_json_bool(o, "essential", true);
    c->readonly_root_filesystem = sw_json_bool(o, "readonlyRootFilesystem", false);
    int64_t stop = sw_json_int(o, "stopTimeout", -1);
    c->stop_timeout_s = (int)(stop > INT_MAX ? INT_MAX : stop);
    c->start_timeout_s = (int)SW_MIN(sw_json_int(o, "startTimeout", 0), (json_int_t)INT_MAX);
    c->privileged = sw_json_bool(o, "privileged", false);
    c->interactive = sw_json_bool(o, "interactive", false);
    c->pseudo_terminal = sw_json_bool(o, "pseudoTerminal", false);
    c->disable_networking = sw_json_bool(o, "disableNetworking", false);
    environment_from(o, c);
    environment_files_from(o, c);
    ulimits_from(o, c);
    mount_points_from(o, c);
    container_linux_from_json(o, &c->host);
    if ((r = strings_member(o, "command", &c->command, err)) < 0 ||
        (r = strings_member(o, "entryPoint", &c->entry_point, err)) < 0 ||
        (r = ports_from(o, mode, c, err)) < 0)
        return r;
    return health_check_from(o, &c->health_check, err);
}

/* Whose volumes or address it needs starts before it, as if dependsOn said so. */
static void depend_on(struct taskdef *t, struct container_def *c, struct sw_str name)
{
    int on = -1;
    for (size_t i = 0; i < t->containers_n; i++)
        if (sw_str_eq_z(name, t->containers[i].name))
            on = (int)i;
    for (size_t i = 0; i < c->depends_on_n; i++)
        if (c->depends_on[i].container == on)
            on = -1;
    if (on < 0 || &t->containers[on] == c)
        return;
    c->depends_on = sw_realloc_array(c->depends_on, c->depends_on_n + 1, sizeof *c->depends_on);
    c->depends_on[c->depends_on_n++] = (struct depends_on){on, DEPENDS_START};
}

static void implied_depends(struct taskdef *t, struct container_def *c)
{
    for (size_t i = 0; i < c->host.volumes_from_n; i++)
        depend_on(t, c, sw_str(c->host.volumes_from[i].container));
    for (size_t i = 0; i < c->host.links.n; i++) {
        struct sw_str name, alias;
        link_parse(c->host.links.v[i], &name, &alias);
        depend_on(t, c, name);
    }
}

static int depends_from(const json_t *o, struct taskdef *t, struct container_def *c,
                        struct sw_err *err)
{
    json_t *list = sw_json_array(o, "dependsOn"), *v;
    size_t i;
    c->depends_on = sw_calloc(json_array_size(list) + 1, sizeof *c->depends_on);
    json_array_foreach(list, i, v) {
        const char *name = sw_json_str(v, "containerName", "");
        struct depends_on d = {.container = taskdef_container_index(t, name)};
        if (d.container < 0)
            return sw_fail(err, SW_EINVALID, INVALID,
                           "Container '%s' depends on container '%s' that does not exist.", c->name,
                           name);
        if (!depends_condition_from_string(sw_json_str(v, "condition", ""), &d.condition))
            return sw_fail(err, SW_EINVALID, INVALID,
                           "Container '%s' depends on '%s' under an unknown condition.", c->name,
                           name);
        c->depends_on[c->depends_on_n++] = d;
    }
    return 0;
}

static void volumes_from(const json_t *doc, struct taskdef *t)
{
    json_t *list = sw_json_array(doc, "volumes"), *v;
    size_t i;
    t->volumes = sw_calloc(json_array_size(list) + 1, sizeof *t->volumes);
    json_array_foreach(list, i, v) {
        const char *path = sw_json_str(sw_json_object(v, "host"), "sourcePath", NULL);
        const json_t *docker = sw_json_object(v, "dockerVolumeConfiguration");
        const json_t *driver = sw_json_object(docker, "driverOpts");
        const json_t *efs = sw_json_object(v, "efsVolumeConfiguration");
        const json_t *auth = sw_json_object(efs, "authorizationConfig");
        t->volumes[t->volumes_n++] = (struct volume){
            .name = sw_strdup(sw_json_str(v, "name", "")),
            .source_path = path && *path ? sw_strdup(path) : NULL,
            .shared = sw_streq(sw_json_str(docker, "scope", "task"), "shared"),
            .autoprovision = sw_json_bool(docker, "autoprovision", false),
            .mount = {dup_member(driver, "type"), dup_member(driver, "o"),
                      dup_member(driver, "device")},
            .file_system = dup_member(efs, "fileSystemId"),
            .efs = {dup_member(efs, "rootDirectory"), dup_member(auth, "accessPointId"),
                    sw_streq(sw_json_str(efs, "transitEncryption", ""), "ENABLED"),
                    sw_streq(sw_json_str(auth, "iam", ""), "ENABLED")}};
    }
}

static int containers_from(const json_t *doc, struct taskdef *t, struct sw_err *err)
{
    json_t *list = sw_json_array(doc, "containerDefinitions"), *v;
    size_t i, n = json_array_size(list);
    int r;
    if (n == 0 || n > TASKDEF_CONTAINERS_MAX)
        return sw_fail(err, SW_EINVALID, INVALID,
                       "A task definition must have between 1 and %d containers.",
                       TASKDEF_CONTAINERS_MAX);
    t->containers = sw_calloc(n, sizeof *t->containers);
    json_array_foreach(list, i, v) {
        t->containers_n++;
        if ((r = container_from(v, t->network_mode, &t->containers[i], err)) < 0)
            return r;
    }
    json_array_foreach(list, i, v) {
        if ((r = depends_from(v, t, &t->containers[i], err)) < 0)
            return r;
        implied_depends(t, &t->containers[i]);
    }
    return 0;
}

/* Task-level sizes are strings in the document; numbers are taken as well. */
static int size_member(const json_t *o, const char *key, bool (*parse)(const char *, int64_t *),
                       int64_t *ret, struct sw_err *err)
{
    const json_t *v = json_object_get(o, key);
    if (json_is_integer(v) && json_integer_value(v) >= 0) {
        *ret = json_integer_value(v);
        return 0;
    }
    if (!v || json_is_null(v))
        return 0;
    if (!json_is_string(v) || !parse(json_string_value(v), ret))
        return sw_fail(err, SW_EINVALID, INVALID, "Invalid '%s' setting for task.", key);
    return 0;
}

static int sizes_from(const json_t *o, struct taskdef *t, struct sw_err *err)
{
    int r = size_member(o, "cpu", task_cpu_parse, &t->cpu, err);
    return r < 0 ? r : size_member(o, "memory", task_memory_parse, &t->memory_mib, err);
}

static bool is_given(const json_t *o, const char *key)
{
    const json_t *v = json_object_get(o, key);
    return v && !json_is_null(v);
}

/* A size of 0 would mean "none given": the task would run without the limit and reserve nothing. */
static int check_size_overrides(const json_t *o, const struct taskdef *t, struct sw_err *err)
{
    const char *wrong = NULL;
    if (is_given(o, "cpu") && (t->cpu < TASK_CPU_MIN || t->cpu > TASK_CPU_MAX))
        wrong = "cpu";
    if (is_given(o, "memory") &&
        (t->memory_mib < TASK_MEMORY_MIN_MIB || t->memory_mib > OVERRIDE_MAX))
        wrong = "memory";
    return wrong ? sw_fail(err, SW_EINVALID, INVALID, "Invalid '%s' setting for task.", wrong) : 0;
}

/* An empty one is none; owned. Takes `old`. */
static char *role_member(const json_t *o, const char *key, char *old)
{
    const char *arn = sw_json_str(o, key, "");
    if (!*arn)
        return old;
    free(old);
    return sw_strdup(arn);
}

static int role_overrides(struct taskdef *t, const json_t *o, struct sw_err *err)
{
    t->task_role = role_member(o, "taskRoleArn", t->task_role);
    t->execution_role = role_member(o, "executionRoleArn", t->execution_role);
    if ((t->task_role && !taskdef_role_valid(t->task_role)) ||
        (t->execution_role && !taskdef_role_valid(t->execution_role)))
        return sw_fail(err, SW_EINVALID, INVALID, "Role is not valid");
    return 0;
}

static void taskdef_freep(struct taskdef **t)
{
    taskdef_free(*t);
}

int taskdef_from_json(const json_t *doc, struct taskdef **ret, struct sw_err *err)
{
    SW_CLEANUP(taskdef_freep) struct taskdef *t = SW_NEW(struct taskdef);
    int r;
    if (!json_is_object(doc))
        return sw_fail(err, SW_EINVALID, INVALID, "A task definition must be an object.");
    t->family = sw_strdup(sw_json_str(doc, "family", ""));
    t->revision = sw_json_int(doc, "revision", 0);
    if (!network_mode_from_string(sw_json_str(doc, "networkMode", "bridge"), &t->network_mode))
        return sw_fail(err, SW_EINVALID, INVALID, "The network mode is unknown.");
    t->task_role = role_member(doc, "taskRoleArn", NULL);
    t->execution_role = role_member(doc, "executionRoleArn", NULL);
    t->pid_mode = share_mode_from_string(sw_json_str(doc, "pidMode", ""));
    t->ipc_mode = share_mode_from_string(sw_json_str(doc, "ipcMode", ""));
    volumes_from(doc, t);
    if ((r = sizes_from(doc, t, err)) < 0 || (r = containers_from(doc, t, err)) < 0)
        return r;
    *ret = SW_TAKE(t);
    return 0;
}

static void strings_replace(char ***dst, char **src)
{
    for (size_t i = 0; *dst && (*dst)[i]; i++)
        free((*dst)[i]);
    free(*dst);
    *dst = src;
}

/* Overrides do not pass taskdef_validate: their numbers and names are checked here. */
static int check_override_files(const json_t *o, const char *name, struct sw_err *err)
{
    const json_t *list = sw_json_array(o, "environmentFiles"), *v;
    size_t i;
    json_array_foreach(list, i, v) {
        struct sw_str bucket, key;
        if (json_array_size(list) > ENVIRONMENT_FILES_MAX ||
            !s3_object_parse(sw_json_str(v, "value", ""), &bucket, &key))
            return sw_fail(err, SW_EINVALID, "InvalidParameterException",
                           "The environmentFiles override of container '%s' is not at most %d "
                           "objects, arn:aws:s3:::BUCKET/KEY.env.",
                           name, ENVIRONMENT_FILES_MAX);
    }
    return 0;
}

static int check_override(const json_t *o, const char *name, struct sw_err *err)
{
    static const struct {
        const char *key;
        int64_t min;
    } numbers[] = {{"cpu", 0}, {"memory", TASK_MEMORY_MIN_MIB}, {"memoryReservation", 1}};
    const json_t *v;
    size_t i;
    for (i = 0; i < SW_ARRAY_LEN(numbers); i++) {
        int64_t n = sw_json_int(o, numbers[i].key, numbers[i].min);
        if (n < numbers[i].min || n > OVERRIDE_MAX)
            return sw_fail(err, SW_EINVALID, "InvalidParameterException",
                           "The override of '%s' for container '%s' is out of range.",
                           numbers[i].key, name);
    }
    json_array_foreach(sw_json_array(o, "environment"), i, v) {
        const char *variable = sw_json_str(v, "name", "");
        if (!*variable || strchr(variable, '='))
            return sw_fail(err, SW_EINVALID, "InvalidParameterException",
                           "The environment override of container '%s' has an invalid name.", name);
    }
    return 0;
}

static int container_override(struct taskdef *t, const json_t *o, struct sw_err *err)
{
    const char *name = sw_json_str(o, "name", "");
    int index = taskdef_container_index(t, name);
    if (index < 0)
        return sw_fail(err, SW_EINVALID, "InvalidParameterException",
                       "Override for container named %s is not a container in the TaskDefinition.",
                       name);
    struct container_def *c = &t->containers[index];
    char **command = NULL;
    int r = check_override(o, name, err);
    if (r < 0 || (r = check_override_files(o, name, err)) < 0 ||
        (r = strings_member(o, "command", &command, err)) < 0)
        return r;
    if (command)
        strings_replace(&c->command, command);
    environment_from(o, c);
    if (json_array_size(sw_json_array(o, "environmentFiles")))
        environment_files_from(o, c);
    c->cpu = sw_json_int(o, "cpu", c->cpu);
    c->memory_mib = sw_json_int(o, "memory", c->memory_mib);
    c->memory_reservation_mib = sw_json_int(o, "memoryReservation", c->memory_reservation_mib);
    if (c->memory_mib && c->memory_mib < c->memory_reservation_mib)
        return sw_fail(err, SW_EINVALID, INVALID,
                       "Invalid setting for container '%s'. 'memory' must be greater than "
                       "'memoryReservation'.",
                       name);
    return 0;
}

int taskdef_apply_overrides(struct taskdef *t, const json_t *overrides, struct sw_err *err)
{
    size_t i;
    json_t *v;
    int r = sizes_from(overrides, t, err);
    if (r < 0 || (r = check_size_overrides(overrides, t, err)) < 0 ||
        (r = role_overrides(t, overrides, err)) < 0)
        return r;
    json_array_foreach(sw_json_array(overrides, "containerOverrides"), i, v) {
        if ((r = container_override(t, v, err)) < 0)
            return r;
    }
    for (i = 0; t->memory_mib && i < t->containers_n; i++) {
        if (t->containers[i].memory_mib > t->memory_mib)
            return sw_fail(err, SW_EINVALID, INVALID,
                           "Invalid setting for container '%s'. 'memory' must not be above the "
                           "task's.",
                           t->containers[i].name);
    }
    return 0;
}
