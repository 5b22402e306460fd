/* SPDX-License-Identifier: Apache-2.0 */
/* launcher/model/log_config.c - the options of the drivers, in a table. */
#include "launcher/model/log_config.h"

#include <string.h>

#include "base/alloc.h"
#include "base/json.h"
#include "base/macros.h"
#include "base/str.h"

#define REASON "ClientException"

static bool any(const char *v)
{
    return *v != 0;
}

static bool boolean(const char *v)
{
    return sw_streq(v, "true") || sw_streq(v, "false");
}

static bool mode(const char *v)
{
    return sw_streq(v, "blocking") || sw_streq(v, "non-blocking");
}

/* Docker's form: digits and an optional unit. */
static bool size(const char *v)
{
    const size_t digits = strspn(v, "0123456789");
    const char *unit = v + digits;
    return digits > 0 &&
           (!*unit || (strchr("bkmgBKMG", *unit) && (!unit[1] || sw_streq(unit + 1, "b"))));
}

static bool prefix(const char *v)
{
    return *v && !strpbrk(v, ":*");
}

/* A container is never held up for its lines, whatever the mode: the agent's file is the buffer. */
static const struct option {
    const char *name;
    bool (*valid)(const char *v);
    const char *what;
} awslogs_options[] = {
    {"awslogs-create-group", boolean, "true or false"},
    {"awslogs-group", any, "the name of a log group"},
    {"awslogs-region", any, "a region"},
    {"awslogs-stream-prefix", prefix, "text without : and *"},
    {"max-buffer-size", size, "a size such as 25m"},
    {"mode", mode, "blocking or non-blocking"},
};

static int check_option(const char *container, const char *name, const char *value,
                        struct sw_err *err)
{
    for (size_t i = 0; i < SW_ARRAY_LEN(awslogs_options); i++) {
        const struct option *o = &awslogs_options[i];
        if (!sw_streq(o->name, name))
            continue;
        return o->valid(value) ? 0
                               : sw_fail(err, SW_EINVALID, REASON,
                                         "Invalid setting for container '%s'. The log option '%s' "
                                         "must be %s.",
                                         container, name, o->what);
    }
    return sw_fail(err, SW_EUNSUPPORTED, "UnsupportedFeatureException",
                   "logConfiguration.options: the awslogs option '%s' is not supported.", name);
}

static int check_awslogs(const char *container, const json_t *options, struct sw_err *err)
{
    const char *key;
    json_t *value;
    const bool group = sw_json_str(options, "awslogs-group", NULL) != NULL;
    const bool region = sw_json_str(options, "awslogs-region", NULL) != NULL;
    if (!group || !region)
        return sw_fail(err, SW_EINVALID, REASON, "Log driver awslogs requires options: %s%s%s",
                       group ? "" : "awslogs-group", !group && !region ? ", " : "",
                       region ? "" : "awslogs-region");
    json_object_foreach((json_t *)options, key, value) {
        const char *text = json_string_value(value);
        if (check_option(container, key, text ? text : "", err) < 0)
            return err->code;
    }
    return 0;
}

int log_config_check(const json_t *container, struct sw_err *err)
{
    const json_t *l = sw_json_object(container, "logConfiguration");
    const char *driver = sw_json_str(l, "logDriver", "json-file"), *key;
    const json_t *options = sw_json_object(l, "options");
    json_t *value;
    if (sw_streq(driver, "awslogs"))
        return check_awslogs(sw_json_str(container, "name", ""), options, err);
    if (!sw_streq(driver, "json-file"))
        return sw_fail(err, SW_EUNSUPPORTED, "UnsupportedFeatureException",
                       "logConfiguration.logDriver '%s' is not supported.", driver);
    json_object_foreach((json_t *)options, key, value)
        return sw_fail(err, SW_EUNSUPPORTED, "UnsupportedFeatureException",
                       "logConfiguration.options: the json-file option '%s' is not supported.",
                       key);
    return 0;
}

bool log_config_read(const json_t *container, struct log_config *ret)
{
    const json_t *l = sw_json_object(container, "logConfiguration");
    const json_t *options = sw_json_object(l, "options");
    if (!sw_streq(sw_json_str(l, "logDriver", NULL), "awslogs"))
        return false;
    *ret = (struct log_config){
        .awslogs = true,
        .group = sw_json_str(options, "awslogs-group", ""),
        .region = sw_json_str(options, "awslogs-region", ""),
        .prefix = sw_json_str(options, "awslogs-stream-prefix", NULL),
        .create_group = sw_streq(sw_json_str(options, "awslogs-create-group", ""), "true")};
    return true;
}

char *log_config_stream(const struct log_config *c, const char *container, const char *task_id)
{
    return sw_asprintf("%s%s%s/%s", c->prefix ? c->prefix : "", c->prefix ? "/" : "", container,
                       task_id);
}
