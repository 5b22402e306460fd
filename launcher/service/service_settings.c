/* SPDX-License-Identifier: Apache-2.0 */
#include "launcher/service/service_settings.h"

#include "base/json.h"
#include "base/macros.h"
#include "launcher/service/launch_settings.h"
#include "launcher/service/placement_rules.h"
#include "launcher/service/service.h"

#define DESIRED_MAX         100000 /* = PLAN_COUNT_MAX */
#define PERCENT_MAX         10000
#define GRACE_MAX           2147483647
#define TOKEN_MAX           36
#define SUBNETS_MAX         16
#define SECURITY_GROUPS_MAX 5

static int refuse(struct sw_err *err, const char *what, const char *value)
{
    return sw_fail(err, SW_EUNSUPPORTED, "UnsupportedFeatureException", "%s '%s' is not supported.",
                   what, value);
}

static int check_range(const json_t *in, const char *key, int64_t max, struct sw_err *err)
{
    int64_t v = sw_json_int(in, key, 0);
    if (v < 0 || v > max)
        return sw_fail(err, SW_EINVALID, SERVICE_INVALID, "%s must be between 0 and %lld.", key,
                       (long long)max);
    return 0;
}

static bool is_daemon(const json_t *document)
{
    return sw_streq(sw_json_str(document, "schedulingStrategy", ""), "DAEMON");
}

static const char *controller_of(const json_t *document)
{
    return sw_json_str(sw_json_object(document, "deploymentController"), "type", "ECS");
}

/* What is in `from` over what is in `to`. */
static void merge(json_t *to, const json_t *from)
{
    const char *key;
    json_t *v;
    json_object_foreach((json_t *)from, key, v) {
        if (!json_is_null(v))
            json_object_set(to, key, v);
    }
}

static int check_breaker(const json_t *breaker, struct sw_err *err)
{
    const json_t *t = sw_json_object(breaker, "thresholdConfiguration");
    const char *type = sw_json_str(t, "type", "BOUNDED_PERCENT");
    int64_t value = sw_json_int(t, "value", 50);
    bool count = sw_streq(type, "COUNT");
    if (value < 1 || value > (count ? DESIRED_MAX : 100))
        return sw_fail(err, SW_EINVALID, SERVICE_INVALID,
                       "The value of thresholdConfiguration must be between 1 and %d for %s.",
                       count ? DESIRED_MAX : 100, type);
    return 0;
}

static int check_percentages(const json_t *document, const json_t *configuration,
                             struct sw_err *err)
{
    int64_t maximum = sw_json_int(configuration, "maximumPercent", 200);
    int64_t minimum = sw_json_int(configuration, "minimumHealthyPercent", 100);
    int r = check_range(configuration, "maximumPercent", PERCENT_MAX, err);
    if (r < 0 || (r = check_range(configuration, "minimumHealthyPercent", 100, err)) < 0)
        return r;
    if (is_daemon(document) && maximum > 100)
        return sw_fail(err, SW_EINVALID, SERVICE_INVALID,
                       "The daemon scheduling strategy does not support values above 100 for "
                       "maximumPercent on a deployment configuration. Change the maximumPercent "
                       "value to 100, and try again.");
    if (is_daemon(document) && maximum < 100)
        return sw_fail(err, SW_EINVALID, SERVICE_INVALID,
                       "maximumPercent must be 100 for the DAEMON scheduling strategy.");
    if (maximum < 100)
        return sw_fail(err, SW_EINVALID, SERVICE_INVALID,
                       "maximumPercent must be at least 100 for the REPLICA scheduling strategy.");
    if (maximum == 100 && minimum == 100)
        return sw_fail(err, SW_EINVALID, SERVICE_INVALID,
                       "Both maximumPercent and minimumHealthyPercent cannot be 100 as this will "
                       "block deployments.");
    return 0;
}

static int set_configuration(const json_t *in, json_t *document, struct sw_err *err)
{
    /* When they say anything; else they are not there. */
    static const char *const refused[] = {
        "alarms",         "bakeTimeInMinutes",  "canaryConfiguration", "earlySuccessCriteria",
        "lifecycleHooks", "linearConfiguration"};
    const json_t *given = sw_json_object(in, "deploymentConfiguration");
    const char *strategy = sw_json_str(given, "strategy", "ROLLING");
    json_t *c = sw_json_object(document, "deploymentConfiguration");
    if (!sw_streq(strategy, "ROLLING"))
        return refuse(err, "deployment strategy", strategy);
    if (!c) {
        bool daemon = is_daemon(document);
        c = json_pack("{s:{s:b, s:b}, s:i, s:i, s:s}", "deploymentCircuitBreaker", "enable", 0,
                      "rollback", 0, "maximumPercent", daemon ? 100 : 200, "minimumHealthyPercent",
                      daemon ? 0 : 100, "strategy", "ROLLING");
        sw_json_set_new(document, "deploymentConfiguration", c);
    }
    merge(c, given);
    for (size_t i = 0; i < SW_ARRAY_LEN(refused); i++)
        json_object_del(c, refused[i]);
    const json_t *breaker = sw_json_object(c, "deploymentCircuitBreaker");
    if (sw_json_bool(breaker, "enable", false) && !sw_streq(controller_of(document), "ECS"))
        return sw_fail(err, SW_EINVALID, SERVICE_INVALID,
                       "The deployment circuit breaker needs the deployment controller ECS.");
    int r = check_breaker(breaker, err);
    return r < 0 ? r : check_percentages(document, c, err);
}

static void set_list(const json_t *in, json_t *document, const char *key)
{
    json_t *v = sw_json_array(in, key);
    if (v)
        json_object_set(document, key, v);
    else if (!json_object_get(document, key))
        sw_json_set_new(document, key, json_array());
}

/* Why zones cannot be kept in balance; NULL: they can. */
static const char *unbalanceable(const json_t *document)
{
    const json_t *first = json_array_get(sw_json_array(document, "placementStrategy"), 0);
    const json_t *configuration = sw_json_object(document, "deploymentConfiguration");
    bool zones = sw_streq(sw_json_str(first, "type", ""), "spread") &&
                 sw_streq(sw_json_str(first, "field", ""), "attribute:ecs.availability-zone");
    if (is_daemon(document))
        return "the DAEMON scheduling strategy";
    if (!sw_streq(controller_of(document), "ECS"))
        return "an EXTERNAL deployment controller";
    if (sw_json_int(configuration, "maximumPercent", 200) <= 100)
        return "a maximumPercent of 100";
    return first && !zones ? "placement strategies that do not begin with a spread over "
                             "attribute:ecs.availability-zone"
                           : NULL;
}

/* Asked for, it must be possible; else it is off where it is not. */
static int set_rebalancing(const json_t *in, json_t *document, struct sw_err *err)
{
    const char *why = unbalanceable(document);
    if (why && sw_streq(sw_json_str(in, "availabilityZoneRebalancing", ""), "ENABLED"))
        return sw_fail(err, SW_EINVALID, SERVICE_INVALID,
                       "Availability Zone rebalancing cannot be combined with %s.", why);
    if (why)
        sw_json_set_str(document, "availabilityZoneRebalancing", "DISABLED");
    return 0;
}

/* What both operations set. */
static int set_common(const json_t *in, json_t *document, struct sw_err *err)
{
    static const char *const same[] = {
        "enableECSManagedTags",          "propagateTags",
        "enableExecuteCommand",          "availabilityZoneRebalancing",
        "healthCheckGracePeriodSeconds", "networkConfiguration"};
    int r = check_range(in, "healthCheckGracePeriodSeconds", GRACE_MAX, err);
    if (r < 0 || (r = check_range(in, "desiredCount", DESIRED_MAX, err)) < 0)
        return r;
    for (size_t i = 0; i < SW_ARRAY_LEN(same); i++) {
        json_t *v = json_object_get(in, same[i]);
        bool empty = json_is_object(v) && json_object_size(v) == 0;
        if (v && !json_is_null(v) && !empty)
            json_object_set(document, same[i], v);
    }
    set_list(in, document, "placementConstraints");
    set_list(in, document, "placementStrategy");
    if (is_daemon(document) && json_array_size(sw_json_array(document, "placementStrategy")) > 0)
        return sw_fail(err, SW_EINVALID, SERVICE_INVALID,
                       "Placement strategies are not supported with the DAEMON scheduling "
                       "strategy.");
    if (is_daemon(document) && json_object_get(in, "desiredCount") &&
        !json_is_null(json_object_get(in, "desiredCount")))
        return sw_fail(err, SW_EINVALID, SERVICE_INVALID,
                       "The daemon scheduling strategy does not support a desired count for "
                       "services. Specify a REPLICA service and try again.");
    r = set_configuration(in, document, err);
    return r < 0 ? r : set_rebalancing(in, document, err);
}

static int check_kind(const json_t *in, json_t *document, struct sw_err *err)
{
    const char *controller = controller_of(document);
    if (sw_streq(controller, "CODE_DEPLOY"))
        return refuse(err, "deployment controller", controller);
    if (sw_streq(controller, "EXTERNAL") && is_daemon(document))
        return sw_fail(err, SW_EINVALID, SERVICE_INVALID,
                       "The DAEMON scheduling strategy needs the deployment controller ECS.");
    if (strlen(sw_json_str(in, "clientToken", "")) > TOKEN_MAX)
        return sw_fail(err, SW_EINVALID, SERVICE_INVALID,
                       "clientToken must not be longer than %d characters.", TOKEN_MAX);
    bool counted = json_is_integer(json_object_get(in, "desiredCount"));
    if (!is_daemon(document) && !counted && sw_streq(controller, "ECS"))
        return sw_fail(err, SW_EINVALID, SERVICE_INVALID,
                       "desiredCount is required for the REPLICA scheduling strategy.");
    return 0;
}

int service_settings_new(const json_t *in, json_t **ret_document, struct sw_err *err)
{
    sw_autojson json_t *document = json_object();
    json_t *controller = sw_json_object(in, "deploymentController");
    sw_json_set_str(document, "schedulingStrategy",
                    sw_json_str(in, "schedulingStrategy", "REPLICA"));
    if (controller) /* shown when it was given: there are clients which know no ECS in it */
        json_object_set(document, "deploymentController", controller);
    int r = check_kind(in, document, err);
    if (r < 0)
        return r;
    sw_json_set_int(document, "healthCheckGracePeriodSeconds", 0);
    sw_json_set_bool(document, "enableECSManagedTags", false);
    sw_json_set_bool(document, "enableExecuteCommand", false);
    sw_json_set_str(document, "propagateTags", "NONE");
    sw_json_set_str(document, "availabilityZoneRebalancing", "ENABLED");
    set_list(in, document, "tags");
    if ((r = set_common(in, document, err)) < 0)
        return r;
    *ret_document = SW_TAKE(document);
    return 0;
}

static int check_update(const json_t *in, const json_t *document, struct sw_err *err)
{
    static const char *const only_ecs[] = {"taskDefinition", "deploymentConfiguration",
                                           "networkConfiguration", "capacityProviderStrategy",
                                           "platformVersion"};
    const json_t *controller = sw_json_object(in, "deploymentController");
    const char *now = controller_of(document);
    if (controller && !sw_streq(sw_json_str(controller, "type", "ECS"), now))
        return refuse(err, "A change of the deployment controller to",
                      sw_json_str(controller, "type", "ECS"));
    if (sw_streq(now, "ECS"))
        return 0;
    for (size_t i = 0; i < SW_ARRAY_LEN(only_ecs); i++) {
        const json_t *v = json_object_get(in, only_ecs[i]);
        if (v && !json_is_null(v))
            return sw_fail(err, SW_EINVALID, SERVICE_INVALID,
                           "%s cannot be updated on services with an EXTERNAL deployment "
                           "controller. Use a task set.",
                           only_ecs[i]);
    }
    if (sw_json_bool(in, "forceNewDeployment", false))
        return sw_fail(err, SW_EINVALID, SERVICE_INVALID,
                       "Unable to force a new deployment on services with an EXTERNAL deployment "
                       "controller. Use a task set.");
    return 0;
}

int service_settings_update(const json_t *in, json_t *document, struct sw_err *err)
{
    int r = check_update(in, document, err);
    return r < 0 ? r : set_common(in, document, err);
}

static int check_daemon_launch(const json_t *document, struct sw_err *err)
{
    if (!is_daemon(document) || !launch_is_fargate(document))
        return 0;
    return sw_fail(err, SW_EINVALID, SERVICE_INVALID,
                   "The daemon scheduling strategy does not support the FARGATE launch type or "
                   "capacity provider strategies. Specify a REPLICA service and try again.");
}

int service_settings_launch(struct meta_tx *tx, int64_t cluster_id, const json_t *in,
                            json_t *document, struct sw_err *err)
{
    int r = launch_settle(tx, cluster_id, in, is_daemon(document), document, err);
    return r < 0 ? r : check_daemon_launch(document, err);
}

int service_settings_relaunch(struct meta_tx *tx, int64_t cluster_id, const json_t *in,
                              json_t *document, bool *ret_changed, struct sw_err *err)
{
    int r = launch_update(tx, cluster_id, in, document, ret_changed, err);
    return r < 0 ? r : check_daemon_launch(document, err);
}

int service_settings_check_rules(const json_t *document, const json_t *definition,
                                 struct sw_err *err)
{
    sw_autoarena arena = {0};
    struct placement_rules rules;
    return placement_rules_read(definition, document, &arena, &rules, err);
}

int service_check_network(const json_t *settings, const json_t *definition, const json_t *network,
                          struct sw_err *err)
{
    bool awsvpc = sw_streq(sw_json_str(definition, "networkMode", ""), "awsvpc");
    const json_t *given = sw_json_object(network, "awsvpcConfiguration");
    const json_t *subnets = sw_json_array(given, "subnets");
    if (awsvpc && !given)
        return sw_fail(err, SW_EINVALID, SERVICE_INVALID,
                       "Network Configuration must be provided when networkMode 'awsvpc' is "
                       "specified.");
    if (!awsvpc && given)
        return sw_fail(err, SW_EINVALID, SERVICE_INVALID,
                       "Network Configuration is not valid for the given networkMode of this task "
                       "definition.");
    if (awsvpc && json_array_size(subnets) == 0)
        return sw_fail(err, SW_EINVALID, SERVICE_INVALID, "subnets can not be empty.");
    if (json_array_size(subnets) > SUBNETS_MAX)
        return sw_fail(err, SW_EINVALID, SERVICE_INVALID, "subnets can have at most %d items.",
                       SUBNETS_MAX);
    if (json_array_size(sw_json_array(given, "securityGroups")) > SECURITY_GROUPS_MAX)
        return sw_fail(err, SW_EINVALID, SERVICE_INVALID,
                       "securityGroups can have at most %d items.", SECURITY_GROUPS_MAX);
    if (sw_streq(sw_json_str(given, "assignPublicIp", ""), "ENABLED") &&
        !launch_is_fargate(settings))
        return sw_fail(err, SW_EINVALID, SERVICE_INVALID,
                       "Assign public IP is not supported for this launch type.");
    return 0;
}

struct plan_breaker service_settings_breaker(const json_t *document)
{
    const json_t *configuration = sw_json_object(document, "deploymentConfiguration");
    const json_t *b = sw_json_object(configuration, "deploymentCircuitBreaker");
    const json_t *t = sw_json_object(b, "thresholdConfiguration");
    const char *type = sw_json_str(t, "type", "BOUNDED_PERCENT");
    struct plan_breaker ret = {.enabled = sw_json_bool(b, "enable", false),
                               .rollback = sw_json_bool(b, "rollback", false),
                               .value = (int)sw_json_int(t, "value", 0),
                               .keep_count_on_healthy =
                                   !sw_json_bool(b, "resetOnHealthyTask", true)};
    if (sw_streq(type, "COUNT"))
        ret.type = PLAN_BREAKER_COUNT;
    else if (sw_streq(type, "UNBOUNDED_PERCENT"))
        ret.type = PLAN_UNBOUNDED_PERCENT;
    return ret;
}
