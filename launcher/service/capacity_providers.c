/* SPDX-License-Identifier: Apache-2.0 */
/* Capacity providers FARGATE and FARGATE_SPOT, which every account has; others are refused by name. */
#include "launcher/service/capacity_providers.h"

#include <string.h>

#include "base/json.h"
#include "base/macros.h"
#include "launcher/plan/plan_capacity.h"
#include "launcher/service/cluster_store.h"
#include "launcher/service/service.h"

static const char *const built_in[] = {"FARGATE", "FARGATE_SPOT"};

/* The name in a name or an ARN; NULL: of none that there is. */
const char *service_provider_name(const char *text)
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
        if (sw_streq(service_provider_name(json_string_value(v)), name))
            return true;
    }
    return false;
}

static bool is_repeated(const json_t *strategy, size_t at, const char *name)
{
    for (size_t i = 0; i < at; i++) {
        const char *other = sw_json_str(json_array_get(strategy, i), "capacityProvider", "");
        if (sw_streq(service_provider_name(other), name))
            return true;
    }
    return false;
}

static int check_item(const json_t *strategy, size_t at, const json_t *attached, struct sw_err *err)
{
    const char *text = sw_json_str(json_array_get(strategy, at), "capacityProvider", "");
    const char *name = service_provider_name(text);
    if (!name)
        return not_found(text, err);
    if (is_repeated(strategy, at, name))
        return sw_fail(err, SW_EINVALID, SERVICE_INVALID,
                       "The specified capacity provider strategy contains duplicate capacity "
                       "providers. Remove the duplicates and try again.");
    if (!contains(attached, name))
        return sw_fail(err, SW_EINVALID, SERVICE_INVALID,
                       "The specified capacity provider strategy cannot contain a capacity "
                       "provider that is not associated with the cluster. Associate the "
                       "capacity provider with the cluster and try again.");
    return 0;
}

int service_check_strategy(const json_t *strategy, const json_t *attached, struct sw_err *err)
{
    const json_t *v;
    size_t i;
    int bases = 0;
    int64_t weights = 0;
    if (json_array_size(strategy) > PLAN_PROVIDERS_MAX)
        return sw_fail(err, SW_EINVALID, SERVICE_INVALID,
                       "A capacity provider strategy can contain a maximum of %d capacity "
                       "providers.",
                       PLAN_PROVIDERS_MAX);
    json_array_foreach(strategy, i, v) {
        int r = check_item(strategy, i, attached, err);
        if (r < 0)
            return r;
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

int service_check_providers(const json_t *in, struct sw_err *err)
{
    const json_t *names = sw_json_array(in, "capacityProviders"), *v;
    size_t i;
    json_array_foreach(names, i, v) {
        if (!service_provider_name(json_string_value(v)))
            return not_found(json_string_value(v), err);
    }
    return service_check_strategy(sw_json_array(in, "defaultCapacityProviderStrategy"), names, err);
}

/* Whether a row of st, documents of services or deployments, has a strategy with that provider. 1, 0. */
static int names_provider(struct meta_stmt *st, const char *name, struct sw_err *err)
{
    int r, found = 0;
    while (!found && (r = meta_step(st, err)) > 0) {
        sw_autojson json_t *document = NULL;
        sw_autofree char *text = meta_dup(st, 0);
        const json_t *v;
        size_t i;
        if ((r = service_document(text, &document, err)) < 0)
            return r;
        json_array_foreach(sw_json_array(document, "capacityProviderStrategy"), i, v)
            found |= sw_streq(sw_json_str(v, "capacityProvider", ""), name);
    }
    return found ? 1 : r;
}

static int in_use(struct meta_tx *tx, int64_t cluster_id, const char *name, struct sw_err *err)
{
    static const char *const sql[] = {
        "SELECT document FROM service WHERE cluster_id = $1 AND status <> 'INACTIVE'",
        "SELECT d.document FROM service_deployment d JOIN service s ON s.id = d.service_id"
        " WHERE s.cluster_id = $1 AND s.status <> 'INACTIVE' AND d.status <> 'INACTIVE'"};
    int64_t n = 0;
    int r = meta_get(tx, err,
                     "SELECT COUNT(*) FROM task WHERE cluster_id = $1 AND provider = $2"
                     " AND last_status <> 'STOPPED'",
                     "it", cluster_id, name, "i", &n);
    for (size_t i = 0; i < SW_ARRAY_LEN(sql) && r >= 0 && n == 0; i++) {
        meta_autostmt *st = NULL;
        r = meta_query(tx, err, &st, sql[i], "i", cluster_id);
        if (r >= 0 && (r = names_provider(st, name, err)) > 0)
            n = 1;
    }
    return r < 0 ? r : n > 0;
}

int service_check_removed_providers(struct meta_tx *tx, int64_t cluster_id, const json_t *names,
                                    struct sw_err *err)
{
    sw_autojson json_t *cluster = NULL;
    const json_t *v;
    size_t i;
    int r = cluster_store_document(tx, cluster_id, &cluster, err);
    if (r < 0)
        return r;
    json_array_foreach(sw_json_array(cluster, "capacityProviders"), i, v) {
        const char *name = service_provider_name(json_string_value(v));
        if (contains(names, name) || (r = in_use(tx, cluster_id, name, err)) == 0)
            continue;
        return r < 0 ? r
                     : sw_fail(err, SW_ECONFLICT, "ResourceInUseException",
                               "The specified capacity provider is in use and cannot be removed.");
    }
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
    if (json_array_size(settings) > 1) /* there is but one */
        return sw_fail(err, SW_EINVALID, SERVICE_INVALID,
                       "The cluster setting containerInsights is given %zu times.",
                       json_array_size(settings));
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
        const char *name = service_provider_name(json_string_value(v));
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
    if (service_provider_name(text))
        return sw_fail(err, SW_EINVALID, SERVICE_CLIENT,
                       "The specified capacity provider '%s' is reserved and cannot be deleted.",
                       service_provider_name(text));
    return sw_fail(
        err, SW_ENOTFOUND, SERVICE_CLIENT,
        "The specified capacity provider does not exist. Specify a valid name or ARN and "
        "try again.");
}
