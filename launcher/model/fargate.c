/* SPDX-License-Identifier: Apache-2.0 */
/* Two tables: the members that a definition must not have, and the times that have bounds. */
#include "launcher/model/fargate.h"

#include <inttypes.h>
#include <string.h>

#include "base/json.h"
#include "base/macros.h"
#include "launcher/model/log_config.h"
#include "launcher/model/task_size.h"

#define INVALID       "ClientException"
#define TIMEOUT_MIN_S 2
#define TIMEOUT_MAX_S 120
#define PLATFORM      "1.4.0"

bool fargate_compatible(const json_t *definition)
{
    const json_t *v;
    size_t i;
    json_array_foreach(sw_json_array(definition, "requiresCompatibilities"), i, v) {
        if (sw_streq(json_string_value(v), FARGATE))
            return true;
    }
    return false;
}

/* Says something: false, 0, "", [] and {} are what clients send for nothing. */
static bool says(const json_t *o, const char *key)
{
    const json_t *v = json_object_get(o, key);
    return json_is_true(v) || json_string_length(v) > 0 || json_array_size(v) > 0 ||
           json_object_size(v) > 0 || (json_is_integer(v) && json_integer_value(v) != 0);
}

static int refuse_members(const json_t *o, const char *const *members, size_t n, struct sw_err *err)
{
    for (size_t i = 0; i < n; i++) {
        if (says(o, members[i]))
            return sw_fail(err, SW_EINVALID, INVALID,
                           "Fargate compatible task definitions do not support %s", members[i]);
    }
    return 0;
}

/* Sizes. */

static const char *size_text(const json_t *definition, const json_t *overrides, const char *key)
{
    const char *own = sw_json_str(definition, key, NULL);
    return sw_json_str(overrides, key, own);
}

int fargate_check_size(const json_t *definition, const json_t *overrides, struct sw_err *err)
{
    static const char *const keys[] = {"cpu", "memory"};
    int64_t cpu = 0, memory = 0;
    for (size_t i = 0; i < SW_ARRAY_LEN(keys); i++) {
        if (!size_text(definition, overrides, keys[i]))
            return sw_fail(err, SW_EINVALID, INVALID,
                           "Fargate requires that '%s' be defined at the task level.", keys[i]);
    }
    if (!task_cpu_parse(size_text(definition, overrides, "cpu"), &cpu) ||
        !task_memory_parse(size_text(definition, overrides, "memory"), &memory) ||
        !task_size_fargate(cpu, memory))
        return sw_fail(err, SW_EINVALID, INVALID,
                       "No Fargate configuration exists for given values.");
    return 0;
}

int fargate_check_storage(const json_t *storage, struct sw_err *err)
{
    int64_t gib = sw_json_int(storage, "sizeInGiB", 0);
    if (!storage || (gib >= FARGATE_STORAGE_MIN_GIB && gib <= FARGATE_STORAGE_MAX_GIB))
        return 0;
    return sw_fail(err, SW_EINVALID, INVALID,
                   "Invalid 'ephemeralStorage' setting for task: sizeInGiB must be between %d and "
                   "%d.",
                   FARGATE_STORAGE_MIN_GIB, FARGATE_STORAGE_MAX_GIB);
}

int fargate_platform_version(const char *text, const char **ret, struct sw_err *err)
{
    *ret = PLATFORM;
    if (!text || !*text || sw_streq(text, FARGATE_PLATFORM_LATEST) || sw_streq(text, PLATFORM))
        return 0;
    if (sw_streq(text, "1.3.0"))
        return sw_fail(err, SW_EUNSUPPORTED, "UnsupportedFeatureException",
                       "platformVersion '%s' is not supported.", text);
    return sw_fail(err, SW_ENOTFOUND, "PlatformUnknownException",
                   "The specified platform version does not exist.");
}

/* Containers. */

static int check_timeouts(const json_t *c, struct sw_err *err)
{
    static const char *const keys[] = {"startTimeout", "stopTimeout"};
    for (size_t i = 0; i < SW_ARRAY_LEN(keys); i++) {
        int64_t v = sw_json_int(c, keys[i], TIMEOUT_MIN_S);
        if (v < TIMEOUT_MIN_S || v > TIMEOUT_MAX_S)
            return sw_fail(err, SW_EINVALID, INVALID,
                           "Invalid setting for container '%s'. '%s' must be between %d and %d on "
                           "Fargate.",
                           sw_json_str(c, "name", ""), keys[i], TIMEOUT_MIN_S, TIMEOUT_MAX_S);
    }
    return 0;
}

/* The machine is not its user's: of what a container may have besides the usual, only tracing in its own namespace of processes. */
static int check_capabilities(const json_t *c, struct sw_err *err)
{
    const json_t *host = sw_json_object(sw_json_object(c, "linuxParameters"), "capabilities"), *v;
    size_t i;
    json_array_foreach(sw_json_array(host, "add"), i, v) {
        if (!sw_streq(json_string_value(v), "SYS_PTRACE"))
            return sw_fail(err, SW_EINVALID, INVALID,
                           "Fargate compatible task definitions do not support adding the "
                           "capability %.64s to container '%s'; only SYS_PTRACE can be added.",
                           json_string_value(v) ? json_string_value(v) : "",
                           sw_json_str(c, "name", ""));
    }
    return 0;
}

/* awslogs-stream-prefix is what names the stream there; the role is whose rights write it. */
static int check_log(const json_t *definition, const json_t *c, struct sw_err *err)
{
    struct log_config log;
    bool ships = log_config_read(c, &log);
    if (log.driver == LOG_DRIVER_JOURNALD)
        return sw_fail(err, SW_EINVALID, INVALID,
                       "Fargate compatible task definitions do not support log driver journald");
    if (!ships)
        return 0;
    if (!log.prefix || !*log.prefix)
        return sw_fail(err, SW_EINVALID, INVALID,
                       "Log driver awslogs requires options: awslogs-stream-prefix");
    if (!says(definition, "executionRoleArn"))
        return sw_fail(err, SW_EINVALID, INVALID,
                       "Fargate requires task definition to have execution role ARN to support log "
                       "driver awslogs.");
    return 0;
}

static int check_container(const json_t *definition, const json_t *c, struct sw_err *err)
{
    static const char *const members[] = {
        "privileged",        "links",           "dnsServers",
        "dnsSearchDomains",  "extraHosts",      "hostname",
        "disableNetworking", "credentialSpecs", "dockerSecurityOptions"};
    static const char *const linux_members[] = {"devices", "sharedMemorySize", "tmpfs", "maxSwap",
                                                "swappiness"};
    const json_t *host = sw_json_object(c, "linuxParameters");
    int r = refuse_members(c, members, SW_ARRAY_LEN(members), err);
    if (r == 0)
        r = refuse_members(host, linux_members, SW_ARRAY_LEN(linux_members), err);
    if (r == 0)
        r = check_capabilities(c, err);
    if (r == 0)
        r = check_timeouts(c, err);
    if (r == 0)
        r = check_log(definition, c, err);
    if (r == 0 && json_array_size(sw_json_array(c, "secrets")) > 0 &&
        !says(definition, "executionRoleArn"))
        r = sw_fail(err, SW_EINVALID, INVALID,
                    "Fargate requires task definition to have execution role ARN to support "
                    "secrets.");
    return r;
}

static int check_volumes(const json_t *definition, struct sw_err *err)
{
    static const char *const members[] = {"sourcePath"};
    static const char *const kinds[] = {"dockerVolumeConfiguration"};
    const json_t *v;
    size_t i;
    json_array_foreach(sw_json_array(definition, "volumes"), i, v) {
        int r = refuse_members(sw_json_object(v, "host"), members, SW_ARRAY_LEN(members), err);
        if (r < 0 || (r = refuse_members(v, kinds, SW_ARRAY_LEN(kinds), err)) < 0)
            return r;
    }
    return 0;
}

int fargate_check_definition(const json_t *definition, struct sw_err *err)
{
    static const char *const members[] = {"placementConstraints", "ipcMode",
                                          "inferenceAccelerators"};
    const json_t *c;
    size_t i;
    const json_t *storage = sw_json_object(definition, "ephemeralStorage");
    int r = fargate_check_storage(storage, err);
    if (r < 0)
        return r;
    if (!fargate_compatible(definition))
        return storage ? sw_fail(err, SW_EINVALID, INVALID,
                                 "ephemeralStorage is only supported for tasks hosted on Fargate.")
                       : 0;
    if (!sw_streq(sw_json_str(definition, "networkMode", ""), "awsvpc"))
        return sw_fail(err, SW_EINVALID, INVALID, "Fargate only supports network mode ‘awsvpc’.");
    if (sw_streq(sw_json_str(definition, "pidMode", ""), "host"))
        return sw_fail(err, SW_EINVALID, INVALID,
                       "Fargate compatible task definitions do not support pidMode host");
    if ((r = fargate_check_size(definition, NULL, err)) < 0 ||
        (r = refuse_members(definition, members, SW_ARRAY_LEN(members), err)) < 0 ||
        (r = check_volumes(definition, err)) < 0)
        return r;
    json_array_foreach(sw_json_array(definition, "containerDefinitions"), i, c) {
        if ((r = check_container(definition, c, err)) < 0)
            return r;
    }
    return 0;
}

/* Before it runs. */

static bool has_nofile(const json_t *container)
{
    const json_t *v;
    size_t i;
    json_array_foreach(sw_json_array(container, "ulimits"), i, v) {
        if (sw_streq(sw_json_str(v, "name", ""), "nofile"))
            return true;
    }
    return false;
}

void fargate_complete(json_t *definition, int64_t nofile_max)
{
    bool less = nofile_max >= 0 && nofile_max < FARGATE_ULIMIT_NOFILE;
    json_int_t nofile = less ? nofile_max : FARGATE_ULIMIT_NOFILE;
    json_t *c;
    size_t i;
    json_array_foreach(sw_json_array(definition, "containerDefinitions"), i, c) {
        if (has_nofile(c))
            continue;
        if (!sw_json_array(c, "ulimits"))
            sw_json_set_new(c, "ulimits", json_array());
        json_array_append_new(sw_json_array(c, "ulimits"),
                              json_pack("{s:s, s:I, s:I}", "name", "nofile", "softLimit", nofile,
                                        "hardLimit", nofile));
    }
}
