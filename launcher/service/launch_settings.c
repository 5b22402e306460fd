/* SPDX-License-Identifier: Apache-2.0 */
#include "launcher/service/launch_settings.h"

#include "base/json.h"
#include "base/macros.h"
#include "launcher/model/fargate.h"
#include "launcher/service/capacity_providers.h"
#include "launcher/service/cluster_store.h"
#include "launcher/service/service.h"

static const char *const members[] = {"launchType", "capacityProviderStrategy", "platformVersion"};

/* Reading. */

static const json_t *strategy_of(const json_t *settings)
{
    const json_t *list = sw_json_array(settings, "capacityProviderStrategy");
    return json_array_size(list) > 0 ? list : NULL;
}

bool launch_by_provider(const json_t *settings)
{
    return strategy_of(settings) != NULL;
}

/* The providers that there are launch on Fargate. */
const char *launch_type_of(const json_t *settings)
{
    return launch_by_provider(settings) ? FARGATE : sw_json_str(settings, "launchType", "EC2");
}

bool launch_is_fargate(const json_t *settings)
{
    return sw_streq(launch_type_of(settings), FARGATE);
}

enum plan_launch launch_mask(const json_t *settings)
{
    if (launch_is_fargate(settings))
        return PLAN_LAUNCH_FARGATE;
    return sw_streq(launch_type_of(settings), "EXTERNAL") ? PLAN_LAUNCH_EXTERNAL : PLAN_LAUNCH_EC2;
}

size_t launch_providers(const json_t *settings, struct plan_provider ret[PLAN_PROVIDERS_MAX])
{
    const json_t *v;
    size_t i, n = 0;
    json_array_foreach(strategy_of(settings), i, v) {
        if (n < PLAN_PROVIDERS_MAX)
            ret[n++] = (struct plan_provider){.name = sw_json_str(v, "capacityProvider", ""),
                                              .base = sw_json_int(v, "base", 0),
                                              .weight = sw_json_int(v, "weight", 0)};
    }
    return n;
}

void launch_copy(const json_t *settings, json_t *to)
{
    for (size_t i = 0; i < SW_ARRAY_LEN(members); i++) {
        json_t *v = json_object_get(settings, members[i]);
        if (v)
            json_object_set(to, members[i], v);
    }
}

void launch_describe(const json_t *settings, bool resolve, json_t *o)
{
    struct sw_err ignored = SW_ERR_INIT;
    const char *version = sw_json_str(settings, "platformVersion", FARGATE_PLATFORM_LATEST);
    if (strategy_of(settings))
        json_object_set(o, "capacityProviderStrategy", (json_t *)strategy_of(settings));
    else
        sw_json_set_str(o, "launchType", launch_type_of(settings));
    if (!launch_is_fargate(settings))
        return;
    if (resolve)
        (void)fargate_platform_version(version, &version, &ignored);
    sw_json_set_str(o, "platformVersion", version);
    sw_json_set_str(o, "platformFamily", FARGATE_PLATFORM_FAMILY);
}

/* Settling. */

static int check_launch_type(const char *type, struct sw_err *err)
{
    static const char *const known[] = {"EC2", "EXTERNAL", FARGATE};
    for (size_t i = 0; i < SW_ARRAY_LEN(known); i++) {
        if (sw_streq(known[i], type))
            return 0;
    }
    return sw_fail(err, SW_EUNSUPPORTED, "UnsupportedFeatureException",
                   "launchType '%s' is not supported.", type);
}

static int set_platform(const json_t *in, json_t *to, struct sw_err *err)
{
    const char *resolved, *asked = sw_json_str(in, "platformVersion", "");
    if (!launch_is_fargate(to)) {
        json_object_del(to, "platformVersion");
        return !*asked ? 0
                       : sw_fail(err, SW_EINVALID, SERVICE_INVALID,
                                 "The platform version must be null when specifying an %s launch "
                                 "type.",
                                 launch_type_of(to));
    }
    int r = fargate_platform_version(asked, &resolved, err);
    if (r < 0)
        return r;
    if (*asked || !json_object_get(to, "platformVersion"))
        sw_json_set_str(to, "platformVersion", *asked ? asked : FARGATE_PLATFORM_LATEST);
    return 0;
}

/* By names, whatever it was that named them. */
static json_t *normalized(const json_t *strategy)
{
    json_t *list = json_array();
    const json_t *v;
    size_t i;
    json_array_foreach(strategy, i, v) {
        json_t *o = json_object();
        sw_json_set_str(o, "capacityProvider",
                        service_provider_name(sw_json_str(v, "capacityProvider", "")));
        sw_json_set_int(o, "weight", sw_json_int(v, "weight", 0));
        sw_json_set_int(o, "base", sw_json_int(v, "base", 0));
        json_array_append_new(list, o);
    }
    return list;
}

static int set_strategy(const json_t *strategy, const json_t *cluster, json_t *to,
                        struct sw_err *err)
{
    int r = service_check_strategy(strategy, sw_json_array(cluster, "capacityProviders"), err);
    if (r < 0)
        return r;
    json_object_del(to, "launchType");
    sw_json_set_new(to, "capacityProviderStrategy", normalized(strategy));
    return 0;
}

int launch_settle(struct meta_tx *tx, int64_t cluster_id, const json_t *in, bool no_default,
                  json_t *to, struct sw_err *err)
{
    sw_autojson json_t *cluster = NULL;
    const json_t *strategy = strategy_of(in);
    const char *type = sw_json_str(in, "launchType", "");
    int r = cluster_store_document(tx, cluster_id, &cluster, err);
    if (r < 0)
        return r;
    if (*type && strategy)
        return sw_fail(err, SW_EINVALID, SERVICE_INVALID,
                       "Specifying both a launch type and capacity provider strategy is not "
                       "supported. Remove one and try again.");
    if (!*type && !strategy && !no_default) {
        const json_t *standing = sw_json_array(cluster, "defaultCapacityProviderStrategy");
        strategy = json_array_size(standing) > 0 ? standing : NULL;
    }
    if (strategy)
        r = set_strategy(strategy, cluster, to, err);
    else if ((r = check_launch_type(*type ? type : "EC2", err)) == 0)
        sw_json_set_str(to, "launchType", *type ? type : "EC2");
    return r < 0 ? r : set_platform(in, to, err);
}

int launch_update(struct meta_tx *tx, int64_t cluster_id, const json_t *in, json_t *document,
                  bool *ret_changed, struct sw_err *err)
{
    sw_autojson json_t *cluster = NULL, *before = json_object(), *after = json_object();
    const json_t *asked = sw_json_array(in, "capacityProviderStrategy");
    bool force = sw_json_bool(in, "forceNewDeployment", false);
    launch_copy(document, before);
    int r = cluster_store_document(tx, cluster_id, &cluster, err);
    if (r == 0 && json_array_size(asked) > 0) {
        r = set_strategy(asked, cluster, document, err);
    } else if (r == 0 && asked && launch_by_provider(document)) {
        json_object_del(document, "capacityProviderStrategy");
        sw_json_set_str(document, "launchType", FARGATE);
    }
    if (r == 0)
        r = set_platform(in, document, err);
    if (r < 0)
        return r;
    launch_copy(document, after);
    *ret_changed = !json_equal(before, after);
    const json_t *old = json_object_get(before, "capacityProviderStrategy");
    const json_t *new = json_object_get(after, "capacityProviderStrategy");
    if (!force && old != new && !json_equal(old, new)) /* both NULL: none before, none now */
        return sw_fail(err, SW_EINVALID, SERVICE_INVALID,
                       "When switching from launch type to capacity provider strategy on an "
                       "existing service, or making a change to a capacity provider strategy on a "
                       "service that is already using one, you must force a new deployment.");
    return 0;
}

/* The definition. */

/* A definition that names none may run on any instance; on Fargate only one whose rules were asked when it was registered. */
static bool compatible(const json_t *definition, const char *type)
{
    const json_t *list = sw_json_array(definition, "requiresCompatibilities"), *v;
    size_t i;
    json_array_foreach(list, i, v) {
        if (sw_streq(json_string_value(v), type))
            return true;
    }
    return json_array_size(list) == 0 && !sw_streq(type, FARGATE);
}

static int refuse_placement(const json_t *o, struct sw_err *err)
{
    if (json_array_size(sw_json_array(o, "placementConstraints")) > 0)
        return sw_fail(err, SW_EINVALID, SERVICE_INVALID,
                       "Placement constraints are not supported with FARGATE launch type.");
    if (json_array_size(sw_json_array(o, "placementStrategy")) > 0)
        return sw_fail(err, SW_EINVALID, SERVICE_INVALID,
                       "Placement strategies are not supported with FARGATE launch type.");
    return 0;
}

int launch_check(const json_t *settings, const json_t *definition, const json_t *rules,
                 const json_t *overrides, struct sw_err *err)
{
    const char *type = launch_type_of(settings);
    const json_t *storage = sw_json_object(overrides, "ephemeralStorage");
    if (!compatible(definition, type))
        return sw_fail(err, SW_EINVALID, SERVICE_INVALID,
                       "Task definition does not support launch_type %s.", type);
    if (!launch_is_fargate(settings))
        return storage ? sw_fail(err, SW_EINVALID, SERVICE_CLIENT,
                                 "ephemeralStorage is only supported for tasks hosted on Fargate.")
                       : 0;
    int r = refuse_placement(rules, err);
    if (r == 0)
        r = fargate_check_size(definition, overrides, err);
    return r < 0 ? r : fargate_check_storage(storage, err);
}
