/* SPDX-License-Identifier: Apache-2.0 */
/* The rules of a registration, one function per member, walked by two tables: task_rules and container_rules. */
#include "launcher/model/taskdef_validate.h"

#include "base/json.h"
#include "base/json_find.h"
#include "base/macros.h"
#include "launcher/model/arn.h"
#include "launcher/model/fargate.h"
#include "launcher/model/log_config.h"
#include "launcher/model/task_size.h"
#include "launcher/model/taskdef.h"
#include "launcher/model/taskdef_validate_linux.h"
#include "launcher/model/taskdef_validate_volume.h"

#define INVALID            "ClientException"
#define MEMORY_MIN_MIB     6
#define CPU_MAX            262144
#define MEMORY_MAX_MIB     (1LL << 30)
#define PORT_MAPPINGS_MAX  100
#define STOP_TIMEOUT_MAX_S 86400
#define INVALID_CONTAINER(...) \
    sw_fail(err, SW_EINVALID, INVALID, "Invalid setting for container " __VA_ARGS__)

static int refuse(struct sw_err *err, const char *what, const char *value)
{
    return sw_fail(err, SW_EUNSUPPORTED, "UnsupportedFeatureException",
                   "%s%s%s%s is not supported.", what, value ? " '" : "", value ? value : "",
                   value ? "'" : "");
}

static const char *name_of(const json_t *container)
{
    return sw_json_str(container, "name", "");
}

static bool has(const json_t *o, const char *key)
{
    const json_t *v = json_object_get(o, key);
    return v && !json_is_null(v);
}

static enum network_mode mode_of(const json_t *doc)
{
    enum network_mode m = NETWORK_BRIDGE;
    (void)network_mode_from_string(sw_json_str(doc, "networkMode", "bridge"), &m);
    return m;
}

static int check_range(const json_t *o, const char *container, const char *key, int64_t min,
                       int64_t max, struct sw_err *err)
{
    int64_t v = sw_json_int(o, key, min);
    if (v >= min && v <= max)
        return 0;
    return INVALID_CONTAINER("'%s'. '%s' must be between %lld and %lld.", container, key,
                             (long long)min, (long long)max);
}

/* Containers, one rule a member. */

static int check_name(const json_t *doc, const json_t *c, struct sw_err *err)
{
    const char *name = name_of(c);
    const json_t *other;
    size_t i, same = 0;
    if (!*name)
        return sw_fail(err, SW_EINVALID, INVALID, "Container.name should not be null or empty.");
    if (!arn_name_valid(name))
        return sw_fail(err, SW_EINVALID, INVALID, "Container.name contains invalid characters.");
    json_array_foreach(sw_json_array(doc, "containerDefinitions"), i, other)
        same += sw_streq(name_of(other), name);
    if (same > 1)
        return sw_fail(err, SW_EINVALID, INVALID,
                       "Container names must be unique: '%s' is used %zu times.", name, same);
    return 0;
}

static int check_image(const json_t *doc SW_UNUSED, const json_t *c, struct sw_err *err)
{
    struct sw_str image = sw_str(sw_json_str(c, "image", ""));
    if (image.n == 0)
        return sw_fail(err, SW_EINVALID, INVALID, "Container.image should not be null or empty.");
    for (size_t i = 0; i < image.n; i++) {
        unsigned char b = (unsigned char)image.p[i];
        if (b <= ' ' || b >= 0x7f || image.n > 1024)
            return sw_fail(err, SW_EINVALID, INVALID,
                           "Container.image contains invalid characters.");
    }
    return 0;
}

static int check_cpu(const json_t *doc SW_UNUSED, const json_t *c, struct sw_err *err)
{
    return check_range(c, name_of(c), "cpu", 0, CPU_MAX, err);
}

static int check_memory(const json_t *doc, const json_t *c, struct sw_err *err)
{
    const char *name = name_of(c);
    int64_t hard = sw_json_int(c, "memory", 0), soft = sw_json_int(c, "memoryReservation", 0);
    if (!has(c, "memory") && !has(c, "memoryReservation")) {
        if (has(doc, "memory"))
            return 0;
        return INVALID_CONTAINER(
            "'%s'. At least one of 'memory' or 'memoryReservation' must be specified.", name);
    }
    if (has(c, "memory") && (hard < MEMORY_MIN_MIB || hard > MEMORY_MAX_MIB))
        return INVALID_CONTAINER("'%s'. 'memory' must be at least %d MiB.", name, MEMORY_MIN_MIB);
    if (has(c, "memoryReservation") && (soft < MEMORY_MIN_MIB || soft > MEMORY_MAX_MIB))
        return INVALID_CONTAINER("'%s'. 'memoryReservation' must be at least %d MiB.", name,
                                 MEMORY_MIN_MIB);
    if (has(c, "memory") && hard < soft)
        return INVALID_CONTAINER("'%s'. 'memory' must be greater than 'memoryReservation'.", name);
    return 0;
}

static int check_environment(const json_t *doc SW_UNUSED, const json_t *c, struct sw_err *err)
{
    const json_t *v;
    size_t i;
    json_array_foreach(sw_json_array(c, "environment"), i, v) {
        const char *name = sw_json_str(v, "name", "");
        if (!*name || strchr(name, '='))
            return INVALID_CONTAINER(
                "'%s'. environment[%zu].name must not be empty or hold an equals sign.", name_of(c),
                i);
    }
    return 0;
}

static bool has_name(const json_t *list, size_t end, const char *name)
{
    for (size_t i = 0; i < end; i++) {
        if (sw_streq(sw_json_str(json_array_get(list, i), "name", ""), name))
            return true;
    }
    return false;
}

static int check_secrets(const json_t *doc SW_UNUSED, const json_t *c, struct sw_err *err)
{
    const json_t *list = sw_json_array(c, "secrets"), *env = sw_json_array(c, "environment"), *v;
    size_t i;
    json_array_foreach(list, i, v) {
        const char *name = sw_json_str(v, "name", ""), *from = sw_json_str(v, "valueFrom", "");
        if (!*name || strchr(name, '='))
            return INVALID_CONTAINER(
                "'%s'. secrets[%zu].name must not be empty or hold an equals sign.", name_of(c), i);
        if (!*from)
            return INVALID_CONTAINER("'%s'. secrets[%zu].valueFrom must not be empty.", name_of(c),
                                     i);
        if (has_name(list, i, name) || has_name(env, json_array_size(env), name))
            return sw_fail(err, SW_EINVALID, INVALID,
                           "The secret name must be unique and not shared with any new or existing "
                           "environment variables set on the container, such as '%.200s'.",
                           name);
    }
    return 0;
}

static int check_port(const json_t *c, enum network_mode mode, const json_t *p, struct sw_err *err)
{
    int64_t container = sw_json_int(p, "containerPort", 0), host = sw_json_int(p, "hostPort", 0);
    if (container < 1 || container > 65535)
        return INVALID_CONTAINER("'%s'. 'containerPort' must be between 1 and 65535.", name_of(c));
    if (host < 0 || host > 65535)
        return INVALID_CONTAINER("'%s'. 'hostPort' must be between 0 and 65535.", name_of(c));
    if (mode == NETWORK_HOST && host != 0 && host != container)
        return sw_fail(err, SW_EINVALID, INVALID,
                       "When networkMode=host, the host ports and container ports in port mappings "
                       "must match.");
    if (mode == NETWORK_AWSVPC && host != 0 && host != container)
        return sw_fail(err, SW_EINVALID, INVALID,
                       "When networkMode=awsvpc, the host ports and container ports in port "
                       "mappings must match.");
    return 0;
}

/* The ports of a mapping, whichever way it says them; count 0: none that are valid. */
static void ports_of(const json_t *p, uint16_t *ret_first, uint16_t *ret_count)
{
    int64_t one = sw_json_int(p, "containerPort", 0);
    *ret_first = (uint16_t)one;
    *ret_count = one >= 1 && one <= 65535 ? 1 : 0;
    if (has(p, "containerPortRange") &&
        !port_range_parse(sw_json_str(p, "containerPortRange", ""), ret_first, ret_count))
        *ret_count = 0;
}

/* A range and another mapping of the container have no port in common. */
static bool overlaps(const json_t *list, const json_t *range)
{
    uint16_t first, count, a, n;
    const json_t *p;
    size_t i;
    ports_of(range, &first, &count);
    json_array_foreach(list, i, p) {
        ports_of(p, &a, &n);
        if (p != range && a < first + count && first < a + n &&
            sw_streq(sw_json_str(p, "protocol", "tcp"), sw_json_str(range, "protocol", "tcp")))
            return true;
    }
    return false;
}

static int check_range_of_ports(const json_t *c, enum network_mode mode, const json_t *list,
                                const json_t *p, struct sw_err *err)
{
    uint16_t first, count;
    if (mode != NETWORK_BRIDGE && mode != NETWORK_AWSVPC)
        return INVALID_CONTAINER(
            "'%s'. 'containerPortRange' is only for the network modes bridge and awsvpc.",
            name_of(c));
    if (has(p, "containerPort") || sw_json_int(p, "hostPort", 0))
        return INVALID_CONTAINER(
            "'%s'. 'containerPortRange' cannot be given with 'containerPort' or 'hostPort'.",
            name_of(c));
    ports_of(p, &first, &count);
    if (count == 0)
        return INVALID_CONTAINER("'%s'. 'containerPortRange' must be like '8000-8010'.",
                                 name_of(c));
    if (overlaps(list, p))
        return INVALID_CONTAINER("'%s'. The 'containerPortRange' %s overlaps with other ports.",
                                 name_of(c), sw_json_str(p, "containerPortRange", ""));
    return 0;
}

static int check_ports(const json_t *doc, const json_t *c, struct sw_err *err)
{
    const json_t *p;
    size_t i, ranges = 0;
    if (mode_of(doc) == NETWORK_NONE && json_array_size(sw_json_array(c, "portMappings")) > 0)
        return sw_fail(err, SW_EINVALID, INVALID,
                       "When networkMode=none, port mappings are not allowed.");
    const json_t *list = sw_json_array(c, "portMappings");
    json_array_foreach(list, i, p) {
        uint16_t first, count;
        int r = has(p, "containerPortRange") ? check_range_of_ports(c, mode_of(doc), list, p, err)
                                             : check_port(c, mode_of(doc), p, err);
        if (r < 0)
            return r;
        ports_of(p, &first, &count);
        ranges += has(p, "containerPortRange") ? count : 0;
    }
    return ranges > PORT_RANGE_MAX
               ? sw_fail(err, SW_EUNSUPPORTED, "UnsupportedFeatureException",
                         "containerPortRange: %zu ports of container '%s' in ranges, more than %d, "
                         "are not supported.",
                         ranges, name_of(c), PORT_RANGE_MAX)
               : 0;
}

static int check_dependency(const json_t *doc, const json_t *c, const json_t *d, struct sw_err *err)
{
    const char *name = sw_json_str(d, "containerName", "");
    const json_t *other = sw_json_find(sw_json_array(doc, "containerDefinitions"), "name", name);
    enum depends_condition condition = DEPENDS_START;
    (void)depends_condition_from_string(sw_json_str(d, "condition", ""), &condition);
    if (!other)
        return INVALID_CONTAINER("'%s'. It depends on container '%s', which is not defined.",
                                 name_of(c), name);
    if (other == c)
        return INVALID_CONTAINER("'%s'. It cannot depend on itself.", name_of(c));
    if ((condition == DEPENDS_COMPLETE || condition == DEPENDS_SUCCESS) &&
        sw_json_bool(other, "essential", true))
        return INVALID_CONTAINER(
            "'%s'. The condition %s cannot be set on the essential container '%s'.", name_of(c),
            depends_condition_to_string(condition), name);
    if (condition == DEPENDS_HEALTHY && !sw_json_object(other, "healthCheck"))
        return INVALID_CONTAINER(
            "'%s'. The condition HEALTHY needs a health check on container '%s'.", name_of(c),
            name);
    return 0;
}

static int check_depends_on(const json_t *doc, const json_t *c, struct sw_err *err)
{
    const json_t *d;
    size_t i;
    json_array_foreach(sw_json_array(c, "dependsOn"), i, d) {
        int r = check_dependency(doc, c, d, err);
        if (r < 0)
            return r;
    }
    return 0;
}

static const char *const ulimit_names[] = {
    "core",   "cpu",   "data", "fsize",  "locks",  "memlock",    "msgqueue", "nice",
    "nofile", "nproc", "rss",  "rtprio", "rttime", "sigpending", "stack",
};

static bool is_one_of(const char *s, const char *const *names, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (sw_streq(names[i], s))
            return true;
    }
    return false;
}

static int check_ulimits(const json_t *doc SW_UNUSED, const json_t *c, struct sw_err *err)
{
    const json_t *list = sw_json_array(c, "ulimits"), *u;
    size_t i;
    json_array_foreach(list, i, u) {
        const char *name = sw_json_str(u, "name", "");
        int64_t soft = sw_json_int(u, "softLimit", 0), hard = sw_json_int(u, "hardLimit", 0);
        if (!is_one_of(name, ulimit_names, SW_ARRAY_LEN(ulimit_names)))
            return INVALID_CONTAINER("'%s'. The ulimit '%s' is unknown.", name_of(c), name);
        if (sw_json_find(list, "name", name) != u)
            return INVALID_CONTAINER("'%s'. The ulimit '%s' is given twice.", name_of(c), name);
        if (soft < -1 || hard < -1 || (hard != -1 && (soft == -1 || soft > hard)))
            return INVALID_CONTAINER(
                "'%s'. The soft limit of ulimit '%s' must not be above the hard limit.", name_of(c),
                name);
    }
    return 0;
}

/* An absolute path without "..": nothing in it can point outside of what it is resolved in. */
static bool path_valid(const char *path)
{
    struct sw_str rest = sw_str(path), part;
    if (*path != '/')
        return false;
    while (sw_str_split(&rest, '/', &part)) {
        if (sw_str_eq_z(part, ".."))
            return false;
    }
    return true;
}

/* "//" and "/." are the root, too. */
static bool is_root(const char *path)
{
    struct sw_str rest = sw_str(path), part;
    while (sw_str_split(&rest, '/', &part)) {
        if (part.n && !sw_str_eq_z(part, "."))
            return false;
    }
    return true;
}

static int check_mount_points(const json_t *doc, const json_t *c, struct sw_err *err)
{
    const json_t *list = sw_json_array(c, "mountPoints"), *m;
    size_t i;
    json_array_foreach(list, i, m) {
        const char *volume = sw_json_str(m, "sourceVolume", "");
        const char *path = sw_json_str(m, "containerPath", "");
        if (!sw_json_find(sw_json_array(doc, "volumes"), "name", volume))
            return sw_fail(err, SW_EINVALID, INVALID, "Unknown volume '%s'.", volume);
        if (!path_valid(path) || is_root(path))
            return INVALID_CONTAINER(
                "'%s'. mountPoints[%zu].containerPath must be an absolute path below '/'.",
                name_of(c), i);
        if (sw_json_find(list, "containerPath", path) != m)
            return INVALID_CONTAINER("'%s'. The containerPath '%s' is mounted twice.", name_of(c),
                                     path);
    }
    return 0;
}

static int check_health(const json_t *doc SW_UNUSED, const json_t *c, struct sw_err *err)
{
    static const struct {
        const char *key;
        int64_t min, max;
    } ranges[] = {
        {"interval", 5, 300}, {"timeout", 2, 60}, {"retries", 1, 10}, {"startPeriod", 0, 300}};
    const json_t *h = sw_json_object(c, "healthCheck");
    if (!h)
        return 0;
    const json_t *command = sw_json_array(h, "command");
    const char *first = json_string_value(json_array_get(command, 0));
    if (!sw_streq(first, "CMD") && !sw_streq(first, "CMD-SHELL"))
        return INVALID_CONTAINER(
            "'%s'. The health check command must start with 'CMD' or 'CMD-SHELL'.", name_of(c));
    if (json_array_size(command) < 2)
        return INVALID_CONTAINER("'%s'. The health check command is empty.", name_of(c));
    for (size_t i = 0; i < SW_ARRAY_LEN(ranges); i++) {
        int r = has(h, ranges[i].key)
                    ? check_range(h, name_of(c), ranges[i].key, ranges[i].min, ranges[i].max, err)
                    : 0;
        if (r < 0)
            return r;
    }
    return 0;
}

static int check_log(const json_t *doc SW_UNUSED, const json_t *c, struct sw_err *err)
{
    return log_config_check(c, err);
}

static int check_misc(const json_t *doc SW_UNUSED, const json_t *c, struct sw_err *err)
{
    const char *dir = sw_json_str(c, "workingDirectory", "/");
    if (*dir && !path_valid(dir))
        return INVALID_CONTAINER("'%s'. 'workingDirectory' must be an absolute path.", name_of(c));
    return check_range(c, name_of(c), "stopTimeout", 0, STOP_TIMEOUT_MAX_S, err);
}

static int (*const container_rules[])(const json_t *, const json_t *, struct sw_err *) = {
    check_name,    check_image, check_cpu,        check_memory,           check_environment,
    check_secrets, check_ports, check_depends_on, check_ulimits,          check_mount_points,
    check_health,  check_log,   check_misc,       taskdef_validate_linux,
};

/* The task. */

static int check_family(const json_t *doc, struct sw_err *err)
{
    const char *family = sw_json_str(doc, "family", "");
    if (!*family)
        return sw_fail(err, SW_EINVALID, INVALID, "Family should not be blank.");
    if (!arn_name_valid(family))
        return sw_fail(err, SW_EINVALID, INVALID, "Family contains invalid characters.");
    return 0;
}

/* Names alone would not be what policies about iam:PassRole name. */
static int check_roles(const json_t *doc, struct sw_err *err)
{
    static const char *const members[] = {"taskRoleArn", "executionRoleArn"};
    for (size_t i = 0; i < SW_ARRAY_LEN(members); i++) {
        const char *arn = sw_json_str(doc, members[i], "");
        if (*arn && !taskdef_role_valid(arn))
            return sw_fail(err, SW_EINVALID, INVALID, "Role is not valid");
    }
    return 0;
}

static int check_platform(const json_t *doc, struct sw_err *err)
{
    const json_t *v;
    size_t i;
    const json_t *p = sw_json_object(doc, "runtimePlatform");
    const char *os = sw_json_str(p, "operatingSystemFamily", "LINUX");
    json_array_foreach(sw_json_array(doc, "requiresCompatibilities"), i, v) {
        if (!sw_streq(json_string_value(v), "EC2") && !sw_streq(json_string_value(v), "EXTERNAL") &&
            !sw_streq(json_string_value(v), FARGATE))
            return refuse(err, "requiresCompatibilities", json_string_value(v));
    }
    if (!sw_streq(os, "LINUX"))
        return refuse(err, "runtimePlatform.operatingSystemFamily", os);
    return 0;
}

static int check_sizes(const json_t *doc, struct sw_err *err)
{
    int64_t cpu = 0, memory = 0, sum = 0, reserved = 0;
    const json_t *c;
    size_t i;
    if (has(doc, "cpu") && (!task_cpu_parse(sw_json_str(doc, "cpu", ""), &cpu) ||
                            cpu < TASK_CPU_MIN || cpu > TASK_CPU_MAX))
        return sw_fail(err, SW_EINVALID, INVALID, "Invalid 'cpu' setting for task.");
    if (has(doc, "memory") && (!task_memory_parse(sw_json_str(doc, "memory", ""), &memory) ||
                               memory < TASK_MEMORY_MIN_MIB || memory > MEMORY_MAX_MIB))
        return sw_fail(err, SW_EINVALID, INVALID, "Invalid 'memory' setting for task.");
    json_array_foreach(sw_json_array(doc, "containerDefinitions"), i, c) {
        sum += sw_json_int(c, "cpu", 0);
        reserved += sw_json_int(c, "memoryReservation", 0);
        if (memory && sw_json_int(c, "memory", 0) > memory)
            return INVALID_CONTAINER("'%s'. 'memory' must not be above the task's.", name_of(c));
    }
    if (cpu && sum > cpu)
        return sw_fail(err, SW_EINVALID, INVALID,
                       "Invalid 'cpu' setting for task. The containers ask for %lld units, the "
                       "task has %lld.",
                       (long long)sum, (long long)cpu);
    if (memory && reserved > memory)
        return sw_fail(err, SW_EINVALID, INVALID,
                       "Invalid 'memory' setting for task. The containers reserve %lld MiB, the "
                       "task has %lld.",
                       (long long)reserved, (long long)memory);
    return 0;
}

static int check_volumes(const json_t *doc, struct sw_err *err)
{
    const json_t *list = sw_json_array(doc, "volumes"), *v;
    size_t i;
    json_array_foreach(list, i, v) {
        const char *name = sw_json_str(v, "name", "");
        const char *path = sw_json_str(sw_json_object(v, "host"), "sourcePath", "");
        if (!arn_name_valid(name))
            return sw_fail(err, SW_EINVALID, INVALID, "Volume name '%s' is not valid.", name);
        if (sw_json_find(list, "name", name) != v)
            return sw_fail(err, SW_EINVALID, INVALID, "Volume '%s' is defined twice.", name);
        if (*path && !path_valid(path))
            return sw_fail(err, SW_EINVALID, INVALID,
                           "The host.sourcePath of volume '%s' must be an absolute path.", name);
        int r = taskdef_validate_volume(v, err);
        if (r < 0)
            return r;
    }
    return 0;
}

/* Two mappings of one task cannot have the same fixed host port. */
struct ports_seen {
    uint8_t tcp[65536 / 8], udp[65536 / 8];
    size_t mappings;
};

static int see_port(struct ports_seen *seen, enum network_mode mode, const json_t *p,
                    struct sw_err *err)
{
    bool own =
        mode == NETWORK_HOST || mode == NETWORK_AWSVPC; /* the containers share one network */
    int64_t port = sw_json_int(p, own ? "containerPort" : "hostPort", 0);
    uint16_t first = 0, count = 0;
    bool udp = sw_streq(sw_json_str(p, "protocol", "tcp"), "udp");
    uint8_t *bits = udp ? seen->udp : seen->tcp;
    if (own && has(p, "containerPortRange"))
        ports_of(p, &first, &count);
    for (uint32_t at = first; at < (uint32_t)first + count; at++) {
        if (bits[at / 8] & (1 << (at % 8)))
            return sw_fail(err, SW_EINVALID, INVALID, "The host port %u/%s is mapped twice.",
                           (unsigned)at, udp ? "udp" : "tcp");
        bits[at / 8] |= (uint8_t)(1 << (at % 8));
    }
    if (++seen->mappings > PORT_MAPPINGS_MAX)
        return sw_fail(err, SW_EINVALID, INVALID, "A task can have at most %d port mappings.",
                       PORT_MAPPINGS_MAX);
    if (port < 1 || port > 65535)
        return 0;
    if (bits[port / 8] & (1 << (port % 8)))
        return sw_fail(err, SW_EINVALID, INVALID, "The host port %lld/%s is mapped twice.",
                       (long long)port, udp ? "udp" : "tcp");
    bits[port / 8] |= (uint8_t)(1 << (port % 8));
    return 0;
}

static int check_all_ports(const json_t *doc, struct sw_err *err)
{
    struct ports_seen seen = {.mappings = 0};
    const json_t *c, *p;
    size_t i, k;
    json_array_foreach(sw_json_array(doc, "containerDefinitions"), i, c) {
        json_array_foreach(sw_json_array(c, "portMappings"), k, p) {
            int r = see_port(&seen, mode_of(doc), p, err);
            if (r < 0)
                return r;
        }
    }
    return 0;
}

/* Does this container wait for the one of that name? */
static bool waits_for(const json_t *c, const char *name)
{
    const json_t *v;
    size_t i;
    json_array_foreach(sw_json_array(c, "dependsOn"), i, v)
        if (sw_streq(sw_json_str(v, "containerName", ""), name))
            return true;
    json_array_foreach(sw_json_array(c, "volumesFrom"), i, v)
        if (sw_streq(sw_json_str(v, "sourceContainer", ""), name))
            return true;
    json_array_foreach(sw_json_array(c, "links"), i, v) {
        struct sw_str to, alias;
        link_parse(json_string_value(v) ? json_string_value(v) : "", &to, &alias);
        if (sw_str_eq_z(to, name))
            return true;
    }
    return false;
}

static int check_cycles(const json_t *doc, struct sw_err *err)
{
    const json_t *list = sw_json_array(doc, "containerDefinitions"), *c;
    bool done[TASKDEF_CONTAINERS_MAX] = {false};
    size_t i, left = json_array_size(list);
    bool progress = true;
    while (progress) {
        progress = false;
        json_array_foreach(list, i, c) {
            bool ready = !done[i];
            for (size_t o = 0; ready && o < json_array_size(list); o++)
                ready = done[o] || !waits_for(c, name_of(json_array_get(list, o)));
            if (ready) {
                done[i] = progress = true;
                left--;
            }
        }
    }
    if (left)
        return sw_fail(err, SW_EINVALID, INVALID,
                       "The container dependencies (dependsOn, links, volumesFrom) form a cycle.");
    return 0;
}

static int check_containers(const json_t *doc, struct sw_err *err)
{
    const json_t *list = sw_json_array(doc, "containerDefinitions"), *c;
    size_t i, essential = 0;
    if (json_array_size(list) == 0)
        return sw_fail(err, SW_EINVALID, INVALID, "Container list cannot be empty.");
    if (json_array_size(list) > TASKDEF_CONTAINERS_MAX)
        return sw_fail(err, SW_EINVALID, INVALID,
                       "A task definition can have at most %d containers.", TASKDEF_CONTAINERS_MAX);
    json_array_foreach(list, i, c) {
        for (size_t k = 0; k < SW_ARRAY_LEN(container_rules); k++) {
            int r = container_rules[k](doc, c, err);
            if (r < 0)
                return r;
        }
        essential += sw_json_bool(c, "essential", true);
    }
    if (essential == 0)
        return sw_fail(err, SW_EINVALID, INVALID,
                       "At least one container must be marked as essential.");
    return 0;
}

static int (*const task_rules[])(const json_t *, struct sw_err *) = {
    check_family,  check_roles,      check_platform,
    check_volumes, check_containers, check_sizes,
    check_cycles,  check_all_ports,  fargate_check_definition,
};

int taskdef_validate(const json_t *doc, struct sw_err *err)
{
    for (size_t i = 0; i < SW_ARRAY_LEN(task_rules); i++) {
        int r = task_rules[i](doc, err);
        if (r < 0)
            return r;
    }
    return 0;
}
