/* SPDX-License-Identifier: Apache-2.0 */
/* Capacity providers FARGATE and FARGATE_SPOT, which every account has; others are refused by name. */
#include "launcher/service/capacity_providers.h"

#include <string.h>

#include "base/json.h"
#include "base/macros.h"
#include "launcher/service/service.h"

#define STRATEGY_MAX 20 /* items of one strategy */

static const char *const built_in[] = {"FARGATE", "FARGATE_SPOT"};

/* The name in a name or an ARN; NULL: of none that there is. */
static const char *provider_name(const char *text)
{
    const char *slash = strrchr(text, '/');
    const char *name = strncmp(text, "arn:", 4) == 0 && slash ? slash + 1 : text;
    for (size_t i = 0; i < SW_ARRAY_LEN(built_in); i++) {
        if (sw_streq(built_in[i], name))
            return built_in[i];
    }
    return NULL;
}

static int not_found(const char *text, struct sw_err *err)
{
    return sw_fail(err, SW_EINVALID, SERVICE_INVALID,
                   "The specified capacity provider '%.100s' was not found. Specify a valid name "
                   "or ARN and try again.",
                   text);
}

static bool contains(const json_t *list, const char *name)
{
    const json_t *v;
    size_t i;
    json_array_foreach(list, i, v) {
        if (sw_streq(provider_name(json_string_value(v)), name))
            return true;
    }
    return false;
}

int service_check_providers(const json_t *in, struct sw_err *err)
{
    const json_t *names = sw_json_array(in, "capacityProviders"), *v;
    const json_t *strategy = sw_json_array(in, "defaultCapacityProviderStrategy");
    size_t i;
    int bases = 0;
    int64_t weights = 0;
    json_array_foreach(names, i, v) {
        if (!provider_name(json_string_value(v)))
            return not_found(json_string_value(v), err);
    }
    if (json_array_size(strategy) > STRATEGY_MAX)
        return sw_fail(err, SW_EINVALID, SERVICE_INVALID,
                       "A capacity provider strategy can contain a maximum of %d capacity "
                       "providers.",
                       STRATEGY_MAX);
    json_array_foreach(strategy, i, v) {
        const char *name = sw_json_str(v, "capacityProvider", "");
        if (!provider_name(name))
            return not_found(name, err);
        if (!contains(names, provider_name(name)))
            return sw_fail(err, SW_EINVALID, SERVICE_INVALID,
                           "The specified capacity provider strategy cannot contain a capacity "
                           "provider that is not associated with the cluster. Associate the "
                           "capacity provider with the cluster and try again.");
        bases += sw_json_int(v, "base", 0) > 0;
        weights += sw_json_int(v, "weight", 0);
    }
    if (bases > 1)
        return sw_fail(err, SW_EINVALID, SERVICE_INVALID,
                       "Only one capacity provider in a capacity provider strategy can have a base "
                       "defined.");
    if (json_array_size(strategy) > 1 && weights == 0)
        return sw_fail(err, SW_EINVALID, SERVICE_INVALID,
                       "At least one capacity provider of a strategy must have a weight greater "
                       "than zero.");
    return 0;
}

int service_check_settings(const json_t *settings, struct sw_err *err)
{
    static const char *const values[] = {"enabled", "disabled", "enhanced"};
    const json_t *v;
    size_t i, k;
    json_array_foreach(settings, i, v) {
        const char *value = sw_json_str(v, "value", "");
        for (k = 0; k < SW_ARRAY_LEN(values) && !sw_streq(values[k], value);)
            k++;
        if (!sw_streq(sw_json_str(v, "name", ""), "containerInsights") || k == SW_ARRAY_LEN(values))
            return sw_fail(err, SW_EINVALID, SERVICE_INVALID,
                           "The cluster setting containerInsights is enabled, disabled or "
                           "enhanced, not '%.100s'.",
                           value);
    }
    return 0;
}

static json_t *provider_json(const struct launcher_caller *c, const char *name)
{
    char arn[ARN_MAX];
    json_t *o = json_object();
    (void)snprintf(arn, sizeof arn, "arn:aws:ecs:%s:%s:capacity-provider/%s", c->region, c->account,
                   name);
    sw_json_set_str(o, "capacityProviderArn", arn);
    sw_json_set_str(o, "name", name);
    sw_json_set_str(o, "status", "ACTIVE");
    (void)service_list(o, "tags");
    return o;
}

int launcher_describe_providers(struct launcher *l SW_UNUSED, const struct launcher_caller *c,
                                const json_t *in, struct launcher_page *page, json_t *out,
                                struct sw_err *err)
{
    json_t *list = service_list(out, "capacityProviders"),
           *failures = service_list(out, "failures");
    const json_t *names = sw_json_array(in, "capacityProviders"), *v;
    size_t i;
    int r = service_describe_limit(in, "capacityProviders", err);
    json_array_foreach(names, i, v) {
        const char *name = provider_name(json_string_value(v));
        if (name)
            json_array_append_new(list, provider_json(c, name));
        else
            json_array_append_new(failures, service_failure(json_string_value(v), "MISSING"));
    }
    if (r < 0 || json_array_size(names) > 0)
        return r;
    for (i = 0; i < SW_ARRAY_LEN(built_in); i++) {
        if (strcmp(built_in[i], page->after) <= 0)
            continue;
        if ((int)json_array_size(list) == page->limit) {
            service_page_end(page, built_in[i - 1], true);
            break;
        }
        json_array_append_new(list, provider_json(c, built_in[i]));
    }
    return 0;
}

int launcher_delete_provider(struct launcher *l SW_UNUSED,
                             const struct launcher_caller *c SW_UNUSED, const json_t *in,
                             json_t *out SW_UNUSED, struct sw_err *err)
{
    const char *text = sw_json_str(in, "capacityProvider", "");
    if (provider_name(text))
        return sw_fail(err, SW_EINVALID, SERVICE_CLIENT,
                       "The specified capacity provider '%s' is reserved and cannot be deleted.",
                       provider_name(text));
    return sw_fail(
        err, SW_ENOTFOUND, SERVICE_CLIENT,
        "The specified capacity provider does not exist. Specify a valid name or ARN and "
        "try again.");
}
