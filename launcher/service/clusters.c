/* SPDX-License-Identifier: Apache-2.0 */
/* Clusters: what they are, how they change, and their end: a deleted one is INACTIVE and can be made anew. */
#include <string.h>
#include <strings.h>

#include "base/json.h"
#include "base/macros.h"
#include "launcher/service/account_settings.h"
#include "launcher/service/capacity_providers.h"
#include "launcher/service/cluster_store.h"
#include "launcher/service/service.h"

static const char *const launch_types[] = {"EC2", "Fargate", "External"};

struct describe_arg {
    const struct launcher_caller *c;
    const json_t *in; /* with "include"; NULL: everything */
    const char *name, *document;
    int64_t now_us;
    json_t *cluster; /* owned; NULL: there is none */
};

static const char *const pending[] = {"PROVISIONING", "PENDING", "ACTIVATING"};

static bool is_pending(const char *status)
{
    for (size_t i = 0; i < SW_ARRAY_LEN(pending); i++) {
        if (sw_streq(pending[i], status))
            return true;
    }
    return false;
}

static void add_count(json_t *counts, const char *prefix, const char *type, const char *suffix,
                      int64_t n)
{
    for (size_t i = 0; i < SW_ARRAY_LEN(launch_types); i++) {
        char key[64];
        if (strcasecmp(launch_types[i], type) != 0)
            continue;
        (void)snprintf(key, sizeof key, "%s%s%s", prefix, launch_types[i], suffix);
        sw_json_set_int(counts, key, sw_json_int(counts, key, 0) + n);
    }
}

static void add_tasks(void *ctx, const char *type, const char *status, int64_t n)
{
    if (sw_streq(status, "RUNNING"))
        add_count(ctx, "running", type, "TasksCount", n);
    else if (is_pending(status))
        add_count(ctx, "pending", type, "TasksCount", n);
}

static void add_services(void *ctx, const char *type, const char *status, int64_t n)
{
    add_count(ctx, sw_streq(status, "ACTIVE") ? "active" : "draining", type, "ServiceCount", n);
}

/* [{name, value}]: tasks and services by launch type, each of them, in a fixed order. */
static int read_statistics(struct meta_tx *tx, int64_t cluster_id, json_t **ret, struct sw_err *err)
{
    static const struct {
        const char *prefix, *suffix;
    } kinds[] = {{"running", "TasksCount"},
                 {"pending", "TasksCount"},
                 {"active", "ServiceCount"},
                 {"draining", "ServiceCount"}};
    sw_autojson json_t *counts = json_object();
    const char *key;
    json_t *n;
    for (size_t k = 0; k < SW_ARRAY_LEN(kinds); k++) {
        for (size_t i = 0; i < SW_ARRAY_LEN(launch_types); i++)
            add_count(counts, kinds[k].prefix, launch_types[i], kinds[k].suffix, 0);
    }
    int r = cluster_store_task_types(tx, cluster_id, add_tasks, counts, err);
    if (r == 0)
        r = cluster_store_service_types(tx, cluster_id, add_services, counts, err);
    if (r < 0)
        return r;
    *ret = json_array();
    json_object_foreach(counts, key, n) {
        char value[24];
        (void)snprintf(value, sizeof value, "%" JSON_INTEGER_FORMAT, json_integer_value(n));
        json_array_append_new(*ret, json_pack("{s:s, s:s}", "name", key, "value", value));
    }
    return 0;
}

static json_t *insights(const char *value)
{
    return json_pack("{s:s, s:s}", "name", "containerInsights", "value", value);
}

static bool shows(const json_t *in, const char *what)
{
    return !in || service_includes(in, what);
}

static json_t *to_json(const struct launcher_caller *c, const struct cluster_row *row,
                       const struct cluster_counts *n, json_t *document, const json_t *in)
{
    static const struct {
        const char *key, *include; /* include NULL: always */
    } lists[] = {{"tags", "TAGS"},
                 {"settings", "SETTINGS"},
                 {"capacityProviders", NULL},
                 {"defaultCapacityProviderStrategy", NULL}};
    char arn[ARN_MAX];
    json_t *o = json_object();
    arn_cluster(arn, c->region, c->account, row->name);
    sw_json_set_str(o, "clusterArn", arn);
    sw_json_set_str(o, "clusterName", row->name);
    sw_json_set_str(o, "status", row->status);
    sw_json_set_int(o, "registeredContainerInstancesCount", n->instances);
    sw_json_set_int(o, "runningTasksCount", n->running);
    sw_json_set_int(o, "pendingTasksCount", n->pending);
    sw_json_set_int(o, "activeServicesCount", n->services);
    (void)service_list(o, "statistics");
    for (size_t i = 0; i < SW_ARRAY_LEN(lists); i++) {
        json_t *list = service_list(o, lists[i].key);
        if (!lists[i].include || shows(in, lists[i].include))
            json_array_extend(list, sw_json_array(document, lists[i].key));
    }
    json_t *settings = sw_json_array(o, "settings");
    if (shows(in, "SETTINGS") && json_array_size(settings) == 0)
        json_array_append_new(settings, insights("disabled"));
    if (shows(in, "CONFIGURATIONS") && sw_json_object(document, "configuration"))
        json_object_set(o, "configuration", sw_json_object(document, "configuration"));
    if (in && service_includes(in, "ATTACHMENTS"))
        (void)service_list(o, "attachments");
    return o;
}

/* Into a->cluster. */
static int show(struct meta_tx *tx, struct describe_arg *a, const struct cluster_row *row,
                struct sw_err *err)
{
    struct cluster_counts n = {0};
    sw_autojson json_t *document = NULL;
    json_t *statistics = NULL;
    int r = cluster_store_counts(tx, row->id, &n, err);
    if (r < 0 || (r = service_document(row->document, &document, err)) < 0)
        return r;
    if (a->in && service_includes(a->in, "STATISTICS") &&
        (r = read_statistics(tx, row->id, &statistics, err)) < 0)
        return r;
    json_decref(a->cluster);
    a->cluster = to_json(a->c, row, &n, document, a->in);
    if (statistics)
        sw_json_set_new(a->cluster, "statistics", statistics);
    return 0;
}

static int describe(struct meta_tx *tx, void *arg, struct sw_err *err)
{
    struct describe_arg *a = arg;
    struct cluster_row row = {.id = 0};
    int r = cluster_store_get(tx, a->c, a->name, &row, err);
    if (r > 0)
        r = show(tx, a, &row, err);
    cluster_row_done(&row);
    return r < 0 ? r : 0;
}

static int create(struct meta_tx *tx, void *arg, struct sw_err *err)
{
    struct describe_arg *a = arg;
    int r = cluster_store_create(tx, a->c, a->name, a->document, a->now_us, err);
    return r < 0 ? r : describe(tx, arg, err);
}

static int answer(int r, struct describe_arg *a, json_t *out)
{
    if (r == 0)
        sw_json_set_new(out, "cluster", a->cluster);
    else
        json_decref(a->cluster);
    return r;
}

int launcher_create_cluster(struct launcher *l, const struct launcher_caller *c, const json_t *in,
                            json_t *out, struct sw_err *err)
{
    char name[ARN_NAME_MAX + 1];
    sw_autojson json_t *document = json_object();
    static const char *const kept[] = {"tags", "settings", "configuration", "capacityProviders",
                                       "defaultCapacityProviderStrategy"};
    for (size_t i = 0; i < SW_ARRAY_LEN(kept); i++) {
        json_t *v = json_object_get(in, kept[i]);
        if (v && !json_is_null(v))
            json_object_set(document, kept[i], v);
    }
    const char *wanted = sw_json_str(in, "clusterName", SERVICE_DEFAULT);
    if (!arn_name_valid(wanted))
        return sw_fail(err, SW_EINVALID, SERVICE_INVALID,
                       "Cluster name must be 1 to 255 letters, numbers, hyphens or underscores.");
    int r = service_cluster_name(c, wanted, name, err);
    if (r < 0 || (r = service_check_exec(sw_json_object(in, "configuration"), err)) < 0 ||
        (r = service_check_settings(sw_json_array(in, "settings"), err)) < 0 ||
        (r = service_check_providers(in, err)) < 0)
        return r;
    if (json_array_size(sw_json_array(document, "settings")) == 0) {
        char value[ACCOUNT_SETTING_VALUE];
        if ((r = service_account_setting(l, c, "containerInsights", value, err)) < 0)
            return r;
        sw_json_set_new(document, "settings", json_pack("[o]", insights(value)));
    }
    sw_autofree char *text = sw_json_dump(document);
    struct describe_arg a = {.c = c, .name = name, .document = text, .now_us = l->now_us()};
    r = meta_tx(l->db, META_WRITE, create, &a, err);
    return answer(r, &a, out);
}

static int describe_one(struct launcher *l, const struct launcher_caller *c, const json_t *in,
                        const char *text, json_t *clusters, json_t *failures, struct sw_err *err)
{
    struct cluster_ref ref;
    struct describe_arg a = {.c = c, .in = in, .name = ref.name};
    int r = service_cluster_name(c, text, ref.name, err);
    bool foreign = r == SW_ENOTFOUND;
    if (r == 0 && sw_streq(ref.name, SERVICE_DEFAULT))
        r = service_cluster(l, c, text, &ref, err); /* makes it; one that is INACTIVE is shown */
    if (r < 0 && r != SW_ENOTFOUND)
        return r;
    sw_err_clear(err);
    if (!foreign && (r = meta_tx(l->db, META_READ_LONG, describe, &a, err)) < 0)
        return r;
    if (a.cluster) {
        json_array_append_new(clusters, a.cluster);
        return 0;
    }
    char arn[ARN_MAX];
    struct sw_err ignored = SW_ERR_INIT;
    if (launcher_cluster_arn(c, text, arn, &ignored) < 0)
        (void)sw_str_copy(sw_str(text), arn, sizeof arn);
    json_array_append_new(failures, service_failure(arn, "MISSING"));
    return 0;
}

int launcher_describe_clusters(struct launcher *l, const struct launcher_caller *c,
                               const json_t *in, json_t *out, struct sw_err *err)
{
    json_t *clusters = service_list(out, "clusters"), *failures = service_list(out, "failures");
    const json_t *names = sw_json_array(in, "clusters"), *v;
    size_t i;
    int r = service_describe_limit(in, "clusters", err);
    if (r < 0 || json_array_size(names) == 0)
        return r < 0 ? r : describe_one(l, c, in, SERVICE_DEFAULT, clusters, failures, err);
    json_array_foreach(names, i, v) {
        r = describe_one(l, c, in, json_string_value(v), clusters, failures, err);
        if (r < 0)
            return r;
    }
    return 0;
}

/* Changes. */

struct change_arg {
    struct describe_arg d; /* first: show() and answer() */
    int64_t id;
    const json_t *set; /* members that replace those of the document */
    bool providers;    /* capacityProviders is one of them */
};

static int change(struct meta_tx *tx, void *arg, struct sw_err *err)
{
    struct change_arg *a = arg;
    struct cluster_row row = {.id = 0};
    sw_autojson json_t *document = NULL;
    int r = cluster_store_get(tx, a->d.c, a->d.name, &row, err);
    if (r > 0 && a->providers) {
        int e = service_check_removed_providers(tx, row.id,
                                                sw_json_array(a->set, "capacityProviders"), err);
        r = e < 0 ? e : r;
    }
    if (r > 0 && (r = service_document(row.document, &document, err)) == 0) {
        json_object_update(document, (json_t *)a->set);
        sw_autofree char *text = sw_json_dump(document);
        if ((r = cluster_store_set_document(tx, row.id, text, err)) == 0)
            r = describe(tx, &a->d, err);
    }
    cluster_row_done(&row);
    return r < 0 ? r : 0;
}

/* Of what is changed or deleted: one that must be named is not meant to be the default one when a script's variable is empty. */
static int named_cluster(struct launcher *l, const struct launcher_caller *c, const json_t *in,
                         struct cluster_ref *ret, struct sw_err *err)
{
    const char *name = sw_json_str(in, "cluster", "");
    if (!*name)
        return sw_fail(err, SW_EINVALID, SERVICE_INVALID, "Cluster can not be blank.");
    return service_cluster(l, c, name, ret, err);
}

/* The named members of the input become those of the cluster. */
static int update(struct launcher *l, const struct launcher_caller *c, const json_t *in,
                  const char *const *members, json_t *out, struct sw_err *err)
{
    struct cluster_ref cluster;
    sw_autojson json_t *set = json_object();
    int r = named_cluster(l, c, in, &cluster, err);
    if (r < 0)
        return r;
    for (size_t i = 0; members[i]; i++) {
        json_t *v = json_object_get(in, members[i]);
        if (v && !json_is_null(v))
            json_object_set(set, members[i], v);
    }
    struct change_arg a = {.d = {.c = c, .name = cluster.name},
                           .id = cluster.id,
                           .set = set,
                           .providers = sw_json_array(set, "capacityProviders") != NULL};
    r = meta_tx(l->db, META_WRITE, change, &a, err);
    return answer(r, &a.d, out);
}

int launcher_update_cluster(struct launcher *l, const struct launcher_caller *c, const json_t *in,
                            json_t *out, struct sw_err *err)
{
    static const char *const members[] = {"settings", "configuration", NULL};
    int r = service_check_settings(sw_json_array(in, "settings"), err);
    if (r == 0)
        r = service_check_exec(sw_json_object(in, "configuration"), err);
    return r < 0 ? r : update(l, c, in, members, out, err);
}

int launcher_put_cluster_providers(struct launcher *l, const struct launcher_caller *c,
                                   const json_t *in, json_t *out, struct sw_err *err)
{
    static const char *const members[] = {"capacityProviders", "defaultCapacityProviderStrategy",
                                          NULL};
    int r = service_check_providers(in, err);
    return r < 0 ? r : update(l, c, in, members, out, err);
}

static int retire(struct meta_tx *tx, void *arg, struct sw_err *err)
{
    struct change_arg *a = arg;
    struct cluster_counts n = {0};
    int r = cluster_store_counts(tx, a->id, &n, err);
    if (r < 0)
        return r;
    if (n.instances > 0)
        return sw_fail(err, SW_ECONFLICT, "ClusterContainsContainerInstancesException",
                       "The Cluster cannot be deleted while Container Instances are active or "
                       "draining.");
    if (n.fleet > 0)
        return sw_fail(err, SW_ECONFLICT, "ClusterContainsContainerInstancesException",
                       "The Cluster cannot be deleted while machines of the Fargate fleet are "
                       "registered in it: %lld.",
                       (long long)n.fleet);
    if (n.services > 0)
        return sw_fail(err, SW_ECONFLICT, "ClusterContainsServicesException",
                       "The Cluster cannot be deleted while Services are active.");
    if (n.unstopped > 0)
        return sw_fail(err, SW_ECONFLICT, "ClusterContainsTasksException",
                       "The Cluster cannot be deleted while Tasks are active.");
    r = cluster_store_retire(tx, a->id, a->d.now_us, err);
    return r < 0 ? r : describe(tx, &a->d, err);
}

int launcher_delete_cluster(struct launcher *l, const struct launcher_caller *c, const json_t *in,
                            json_t *out, struct sw_err *err)
{
    struct cluster_ref cluster;
    int r = named_cluster(l, c, in, &cluster, err);
    if (r < 0)
        return r;
    struct change_arg a = {.d = {.c = c, .name = cluster.name, .now_us = l->now_us()},
                           .id = cluster.id};
    r = meta_tx(l->db, META_WRITE, retire, &a, err);
    return answer(r, &a.d, out);
}

struct list_arg {
    const struct launcher_caller *c;
    struct launcher_page *page;
    json_t *names;
};

static int list(struct meta_tx *tx, void *arg, struct sw_err *err)
{
    struct list_arg *a = arg;
    json_array_clear(a->names);
    return cluster_store_list(tx, a->c, a->page, a->names, err);
}

int launcher_list_clusters(struct launcher *l, const struct launcher_caller *c,
                           const json_t *in SW_UNUSED, struct launcher_page *page, json_t *out,
                           struct sw_err *err)
{
    struct cluster_ref ref;
    sw_autojson json_t *names = json_array();
    struct list_arg a = {.c = c, .page = page, .names = names};
    const json_t *v;
    size_t i;
    int r = service_cluster(l, c, NULL, &ref, err); /* the default cluster exists */
    if (r == SW_ENOTFOUND) {                        /* unless it was deleted */
        sw_err_clear(err);
        r = 0;
    }
    if (r < 0 || (r = meta_tx(l->db, META_READ_LONG, list, &a, err)) < 0)
        return r;
    json_t *arns = service_list(out, "clusterArns");
    json_array_foreach(names, i, v) {
        char arn[ARN_MAX];
        arn_cluster(arn, c->region, c->account, json_string_value(v));
        json_array_append_new(arns, json_string(arn));
    }
    return 0;
}
