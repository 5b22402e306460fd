/* SPDX-License-Identifier: Apache-2.0 */
/* server/ecs_config.c - one table of keys; unknown ECS_ keys are collected for a warning, not refused: the file is shared with
 * the official agent, which has many that are about Docker. */
#include "server/ecs_config.h"

#include <ctype.h>
#include <stddef.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/io.h"
#include "base/json.h"
#include "base/log.h"
#include "base/macros.h"
#include "base/str.h"
#include "launcher/model/capabilities.h"

#define FILE_MAX           (256 * 1024)
#define PAIRS_MAX          200
#define RATE_MAX           100000
#define CLEANUP_WAIT_MIN_S 60

enum kind {
    KIND_STRING,
    KIND_PORTS,
    KIND_MIB,
    KIND_SECONDS,
    KIND_PAIRS,
    KIND_BOOL,
    KIND_FARGATE,
    KIND_NAMES,
    KIND_COUNT,
    KIND_RATE,
    KIND_PULL
};

static const struct key {
    const char *name;
    enum kind kind;
    size_t off;
} keys[] = {
    {"ECS_CLUSTER", KIND_STRING, offsetof(struct ecs_config, cluster)},
    {"ECS_DATADIR", KIND_STRING, offsetof(struct ecs_config, data_dir)},
    {"ECS_BACKEND_HOST", KIND_STRING, offsetof(struct ecs_config, endpoint)},
    {"AWS_DEFAULT_REGION", KIND_STRING, offsetof(struct ecs_config, region)},
    {"ECS_LOGLEVEL", KIND_STRING, offsetof(struct ecs_config, log_level)},
    {"ECS_RESERVED_PORTS", KIND_PORTS, offsetof(struct ecs_config, reserved_ports)},
    {"ECS_RESERVED_PORTS_UDP", KIND_PORTS, offsetof(struct ecs_config, reserved_ports_udp)},
    {"ECS_INSTANCE_ATTRIBUTES", KIND_PAIRS, offsetof(struct ecs_config, attributes)},
    {"ECS_CONTAINER_INSTANCE_TAGS", KIND_PAIRS, offsetof(struct ecs_config, tags)},
    {"ECS_FARGATE", KIND_FARGATE, offsetof(struct ecs_config, fargate)},
    {"ECS_DISABLE_PRIVILEGED", KIND_BOOL, offsetof(struct ecs_config, no_privileged)},
    {"ECS_AVAILABLE_LOGGING_DRIVERS", KIND_NAMES, offsetof(struct ecs_config, logging_drivers)},
    {"ECS_EXTERNAL", KIND_BOOL, offsetof(struct ecs_config, external)},
    {"ECS_RESERVED_MEMORY", KIND_MIB, offsetof(struct ecs_config, reserved_memory_mib)},
    {"ECS_CONTAINER_STOP_TIMEOUT", KIND_SECONDS, offsetof(struct ecs_config, stop_timeout_s)},
    {"ECS_ENGINE_TASK_CLEANUP_WAIT_DURATION", KIND_SECONDS,
     offsetof(struct ecs_config, task_cleanup_wait_s)},
    {"ECS_ENGINE_TASK_CLEANUP_WAIT_DURATION_JITTER", KIND_SECONDS,
     offsetof(struct ecs_config, task_cleanup_jitter_s)},
    {"ECS_DISABLE_IMAGE_CLEANUP", KIND_BOOL, offsetof(struct ecs_config, no_image_cleanup)},
    {"ECS_IMAGE_CLEANUP_INTERVAL", KIND_SECONDS,
     offsetof(struct ecs_config, image_cleanup_interval_s)},
    {"ECS_IMAGE_MINIMUM_CLEANUP_AGE", KIND_SECONDS, offsetof(struct ecs_config, image_min_age_s)},
    {"ECS_NUM_IMAGES_DELETE_PER_CYCLE", KIND_COUNT, offsetof(struct ecs_config, images_per_cycle)},
    {"ECS_IMAGE_PULL_BEHAVIOR", KIND_PULL, offsetof(struct ecs_config, pull_behavior)},
    {"ECS_TASK_METADATA_RPS_LIMIT", KIND_RATE, offsetof(struct ecs_config, metadata_rate)},
};

/* What is done here anyway, or not done: with this value nothing is ignored. */
static const struct {
    const char *name, *value;
} as_it_is[] = {
    {"ECS_ENABLE_TASK_IAM_ROLE", "true"},
    {"ECS_ENABLE_TASK_IAM_ROLE_NETWORK_HOST", "true"},
    {"ECS_ENABLE_TASK_ENI", "true"},
    {"ECS_CHECKPOINT", "true"},
    {"ECS_DISABLE_METRICS", "false"},
    {"ECS_ENABLE_CONTAINER_METADATA", "false"},
    {"ECS_ENABLE_SPOT_INSTANCE_DRAINING", "false"},
    {"ECS_WARM_POOLS_CHECK", "false"},
    {"ECS_SELINUX_CAPABLE", "false"},
    {"ECS_APPARMOR_CAPABLE", "false"},
};

/* "[22, 80]" -> "22,80". */
static bool parse_ports(struct sw_str value, char **ret)
{
    value = sw_str_trim(value);
    if (value.n < 2 || value.p[0] != '[' || value.p[value.n - 1] != ']')
        return false;
    SW_CLEANUP(sw_buf_done) struct sw_buf out = SW_BUF_INIT(FILE_MAX);
    struct sw_str rest = sw_str_slice(value, 1, value.n - 1), part;
    bool empty = sw_str_trim(rest).n == 0;
    while (!empty && sw_str_split(&rest, ',', &part)) {
        uint64_t port = 0;
        if (!sw_parse_u64(sw_str_trim(part), &port) || port < 1 || port > 65535)
            return false;
        sw_buf_addf(&out, "%s%u", out.n ? "," : "", (unsigned)port);
    }
    free(*ret);
    *ret = sw_buf_take(&out);
    return true;
}

/* {"name": "value", ...} */
static bool parse_pairs(struct sw_str value, json_t **ret)
{
    struct sw_err ignored = SW_ERR_INIT;
    sw_autojson json_t *pairs = NULL;
    const char *name;
    json_t *v;
    if (sw_json_load(value, 2, PAIRS_MAX, NULL, &pairs, &ignored) < 0 || !json_is_object(pairs))
        return false;
    json_object_foreach(pairs, name, v) {
        if (!json_is_string(v))
            return false;
    }
    json_decref(*ret);
    *ret = SW_TAKE(pairs);
    return true;
}

/* ["json-file", "awslogs"] -> "json-file,awslogs" */
static bool parse_names(struct sw_str value, char **ret)
{
    struct sw_err ignored = SW_ERR_INIT;
    sw_autojson json_t *list = NULL;
    SW_CLEANUP(sw_buf_done) struct sw_buf out = SW_BUF_INIT(FILE_MAX);
    size_t i;
    json_t *v;
    if (sw_json_load(value, 2, PAIRS_MAX, NULL, &list, &ignored) < 0 || !json_is_array(list))
        return false;
    json_array_foreach(list, i, v) {
        const char *name = json_string_value(v);
        if (!name || !*name || strchr(name, ','))
            return false;
        sw_buf_addf(&out, "%s%s", out.n ? "," : "", name);
    }
    free(*ret);
    *ret = sw_strdup(sw_buf_str(&out).p);
    return true;
}

static bool parse_bool(struct sw_str value, bool *ret)
{
    *ret = sw_str_eq_z(value, "true");
    return *ret || sw_str_eq_z(value, "false");
}

/* "40,60": requests a second, at a time. */
static bool parse_rate(struct sw_str value, struct ecs_config *c)
{
    struct sw_str first;
    uint64_t rate, burst;
    if (!sw_str_split(&value, ',', &first) || !value.p ||
        !sw_parse_u64(sw_str_trim(first), &rate) || !sw_parse_u64(sw_str_trim(value), &burst) ||
        rate < 1 || burst < 1 || rate > RATE_MAX || burst > RATE_MAX)
        return false;
    c->metadata_rate = (int)rate;
    c->metadata_burst = (int)burst;
    return true;
}

static bool parse_pull(struct sw_str value, enum pull_behavior *ret)
{
    static const struct {
        const char *name;
        enum pull_behavior behavior;
    } known[] = {{"default", PULL_DEFAULT},
                 {"always", PULL_ALWAYS},
                 {"once", PULL_CACHED},
                 {"prefer-cached", PULL_CACHED}};
    for (size_t i = 0; i < SW_ARRAY_LEN(known); i++) {
        if (sw_str_eq_z(value, known[i].name)) {
            *ret = known[i].behavior;
            return true;
        }
    }
    return false;
}

static bool set(const struct key *k, struct sw_str value, struct ecs_config *c)
{
    void *slot = (char *)c + k->off;
    uint64_t number = 0;
    switch (k->kind) {
    case KIND_STRING:
        free(*(char **)slot);
        *(char **)slot = sw_str_dup(value);
        return value.n > 0;
    case KIND_FARGATE:
        free(*(char **)slot);
        *(char **)slot = sw_str_dup(value);
        return sw_str_eq_z(value, FARGATE_ONLY) || sw_str_eq_z(value, FARGATE_SHARED);
    case KIND_PORTS: return parse_ports(value, slot);
    case KIND_NAMES: return parse_names(value, slot);
    case KIND_PAIRS: return parse_pairs(value, slot);
    case KIND_BOOL: return parse_bool(value, slot);
    case KIND_RATE: return parse_rate(value, c);
    case KIND_PULL: return parse_pull(value, slot);
    case KIND_COUNT:
        if (!sw_parse_u64(value, &number) || number < 1 || number > INT32_MAX)
            return false;
        *(int64_t *)slot = (int64_t)number;
        return true;
    case KIND_MIB:
        if (!sw_parse_u64(value, &number) || number > INT64_MAX)
            return false;
        *(int64_t *)slot = (int64_t)number;
        return true;
    case KIND_SECONDS:
        if (!sw_parse_duration_ms(value, &number) || number < 1000)
            return false;
        *(int64_t *)slot = (int64_t)(number / 1000);
        return true;
    }
    return false;
}

static const struct key *find(struct sw_str name)
{
    for (size_t i = 0; i < SW_ARRAY_LEN(keys); i++)
        if (sw_str_eq_z(name, keys[i].name))
            return &keys[i];
    return NULL;
}

static struct sw_str unquote(struct sw_str v)
{
    v = sw_str_trim(v);
    if (v.n >= 2 && (v.p[0] == '"' || v.p[0] == '\'') && v.p[v.n - 1] == v.p[0])
        return sw_str_slice(v, 1, v.n - 1);
    return v;
}

static bool is_as_it_is(struct sw_str name, struct sw_str value)
{
    for (size_t i = 0; i < SW_ARRAY_LEN(as_it_is); i++)
        if (sw_str_eq_z(name, as_it_is[i].name))
            return sw_str_eq_z(value, as_it_is[i].value);
    return false;
}

static int load_file(const char *path, struct ecs_config *c, struct sw_buf *ignored,
                     struct sw_err *err)
{
    SW_CLEANUP(sw_buf_done) struct sw_buf text = SW_BUF_INIT(FILE_MAX);
    int r = sw_read_file(path, &text, err);
    if (r < 0)
        return r;
    struct sw_str rest = sw_buf_str(&text), line, name;
    for (int number = 1; sw_str_split(&rest, '\n', &line); number++) {
        if (line.n > 0 && line.p[line.n - 1] == '\r')
            line.n--;
        line = sw_str_trim(line);
        if (line.n == 0 || line.p[0] == '#')
            continue;
        struct sw_str value = line;
        if (!sw_str_split(&value, '=', &name) || !value.p)
            return sw_fail(err, SW_EINVALID, NULL, "%s:%d: not KEY=value", path, number);
        const struct key *k = find(sw_str_trim(name));
        if (is_as_it_is(sw_str_trim(name), unquote(value)))
            continue;
        if (!k)
            sw_buf_addf(ignored, "%s" SW_STR_FMT, ignored->n ? " " : "",
                        SW_STR_ARG(sw_str_trim(name)));
        else if (!set(k, unquote(value), c))
            return sw_fail(err, SW_EINVALID, NULL,
                           "%s:%d: %s: '" SW_STR_FMT "' is not a value for it", path, number,
                           k->name, SW_STR_ARG(value));
    }
    return 0;
}

int ecs_config_load(const char *path, const char *const *env, struct ecs_config *ret,
                    struct sw_err *err)
{
    *ret = (struct ecs_config){0};
    SW_CLEANUP(sw_buf_done) struct sw_buf ignored = SW_BUF_INIT(FILE_MAX);
    int r = path ? load_file(path, ret, &ignored, err) : 0;
    for (size_t i = 0; r == 0 && env[i]; i++) {
        struct sw_str value = sw_str(env[i]), name;
        if (!sw_str_split(&value, '=', &name) || value.n == 0)
            continue; /* as everywhere, an empty variable counts as one that is not set */
        const struct key *k = find(name);
        if (k && !set(k, value, ret))
            r = sw_fail(err, SW_EINVALID, NULL, "%s: '" SW_STR_FMT "' is not a value for it",
                        k->name, SW_STR_ARG(value));
    }
    /* As ECS's agent has it: what is too short is not taken. */
    if (r == 0 && ret->task_cleanup_wait_s && ret->task_cleanup_wait_s < CLEANUP_WAIT_MIN_S) {
        sw_log(SW_LOG_WARNING, "ecs-config-too-short", "key",
               "ECS_ENGINE_TASK_CLEANUP_WAIT_DURATION", "least", "1m", "taken", "3h", NULL);
        ret->task_cleanup_wait_s = 0;
    }
    if (r == 0 && ignored.n)
        sw_log(SW_LOG_WARNING, "ecs-config-ignored", "path", path, "keys", ignored.p, NULL);
    if (r < 0)
        ecs_config_free(ret);
    return r;
}

void ecs_config_free(struct ecs_config *c)
{
    free(c->cluster);
    free(c->data_dir);
    free(c->endpoint);
    free(c->region);
    free(c->log_level);
    free(c->logging_drivers);
    free(c->fargate);
    free(c->reserved_ports);
    free(c->reserved_ports_udp);
    json_decref(c->attributes);
    json_decref(c->tags);
    *c = (struct ecs_config){0};
}
