/* SPDX-License-Identifier: Apache-2.0 */
#include "base/json.h"
#include "base/macros.h"
#include "launcher/service/cluster_store.h"
#include "launcher/service/service.h"

struct describe_arg {
    const struct launcher_caller *c;
    const json_t *in;
    const char *name, *document;
    int64_t now_us;
    json_t *cluster; /* NULL: there is none */
};

static json_t *to_json(const struct launcher_caller *c, const struct cluster_row *row,
                       const struct cluster_counts *n, json_t *document, const json_t *in)
{
    char arn[ARN_MAX];
    json_t *o = json_object();
    arn_cluster(arn, c->region, c->account, row->name);
    sw_json_set_str(o, "clusterArn", arn);
    sw_json_set_str(o, "clusterName", row->name);
    sw_json_set_str(o, "status", row->status);
    sw_json_set_int(o, "registeredContainerInstancesCount", n->instances);
    sw_json_set_int(o, "runningTasksCount", n->running);
    sw_json_set_int(o, "pendingTasksCount", n->pending);
    sw_json_set_int(o, "activeServicesCount", 0);
    (void)service_list(o, "statistics");
    json_t *tags = service_list(o, "tags"), *settings = service_list(o, "settings");
    if (!in || service_includes(in, "TAGS"))
        json_array_extend(tags, sw_json_array(document, "tags"));
    if (!in || service_includes(in, "SETTINGS"))
        json_array_extend(settings, sw_json_array(document, "settings"));
    (void)service_list(o, "capacityProviders");
    (void)service_list(o, "defaultCapacityProviderStrategy");
    return o;
}

static int describe(struct meta_tx *tx, void *arg, struct sw_err *err)
{
    struct describe_arg *a = arg;
    struct cluster_row row = {.id = 0};
    struct cluster_counts n = {0};
    sw_autojson json_t *document = NULL;
    int r = cluster_store_get(tx, a->c, a->name, &row, err);
    if (r > 0 && (r = cluster_store_counts(tx, row.id, &n, err)) >= 0 &&
        (r = service_document(row.document, &document, err)) >= 0) {
        json_decref(a->cluster);
        a->cluster = to_json(a->c, &row, &n, document, a->in);
    }
    cluster_row_done(&row);
    return r < 0 ? r : 0;
}

static int create(struct meta_tx *tx, void *arg, struct sw_err *err)
{
    struct describe_arg *a = arg;
    int r = cluster_store_add(tx, a->c, a->name, a->document, a->now_us, err);
    return r < 0 ? r : describe(tx, arg, err);
}

int launcher_create_cluster(struct launcher *l, const struct launcher_caller *c, const json_t *in,
                            json_t *out, struct sw_err *err)
{
    char name[ARN_NAME_MAX + 1];
    sw_autojson json_t *document = json_object();
    static const char *const kept[] = {"tags", "settings"};
    for (size_t i = 0; i < SW_ARRAY_LEN(kept); i++) {
        if (sw_json_array(in, kept[i]))
            json_object_set(document, kept[i], sw_json_array(in, kept[i]));
    }
    const char *wanted = sw_json_str(in, "clusterName", SERVICE_DEFAULT);
    if (!arn_name_valid(wanted))
        return sw_fail(err, SW_EINVALID, SERVICE_INVALID,
                       "Cluster name must be 1 to 255 letters, numbers, hyphens or underscores.");
    int r = service_cluster_name(c, wanted, name, err);
    if (r < 0)
        return r;
    sw_autofree char *text = sw_json_dump(document);
    struct describe_arg a = {.c = c, .name = name, .document = text, .now_us = l->now_us()};
    r = meta_tx(l->db, META_WRITE, create, &a, err);
    if (r == 0)
        sw_json_set_new(out, "cluster", a.cluster);
    else
        json_decref(a.cluster);
    return r;
}

static int describe_one(struct launcher *l, const struct launcher_caller *c, const json_t *in,
                        const char *text, json_t *clusters, json_t *failures, struct sw_err *err)
{
    struct cluster_ref ref;
    struct describe_arg a = {.c = c, .in = in, .name = ref.name};
    int r = service_cluster(l, c, text, &ref, err);
    if (r == SW_ENOTFOUND) {
        char arn[ARN_MAX];
        struct sw_err ignored = SW_ERR_INIT;
        sw_err_clear(err);
        if (launcher_cluster_arn(c, text, arn, &ignored) < 0)
            (void)sw_str_copy(sw_str(text), arn, sizeof arn);
        json_array_append_new(failures, service_failure(arn, "MISSING"));
        return 0;
    }
    if (r < 0 || (r = meta_tx(l->db, META_READ_LONG, describe, &a, err)) < 0)
        return r;
    if (a.cluster)
        json_array_append_new(clusters, a.cluster);
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
