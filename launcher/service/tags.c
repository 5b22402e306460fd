/* SPDX-License-Identifier: Apache-2.0 */
/* Tags of what has an ARN. They lie in the thing's document, so that it is described and changed with them. */
#include "auth/policy_facts.h"
#include "base/json.h"
#include "base/macros.h"
#include "launcher/service/capacity_providers.h"
#include "launcher/service/cluster_store.h"
#include "launcher/service/instance_store.h"
#include "launcher/service/service_json.h"
#include "launcher/service/service_store.h"
#include "launcher/service/task_store.h"
#include "launcher/service/taskdef_store.h"

#define TAGS_MAX       50
#define NOT_FOUND      "ResourceNotFoundException"
#define NOT_FOUND_TEXT "The specified resource could not be found."

struct tags_arg {
    const struct launcher_caller *c;
    struct arn want;
    const json_t *add, *remove; /* NULL: nothing */
    int64_t now_us;
    json_t *tags; /* as they are after the change; owned */
};

static json_t *find_tag(const json_t *tags, const char *key, size_t *ret_index)
{
    json_t *tag;
    size_t i;
    json_array_foreach(tags, i, tag) {
        if (!sw_streq(sw_json_str(tag, "key", ""), key))
            continue;
        *ret_index = i;
        return tag;
    }
    return NULL;
}

/* The document's tags, changed as wanted: 1 when they are others than before. */
static int change(struct tags_arg *a, json_t *document, struct sw_err *err)
{
    sw_autojson json_t *before = json_incref(json_object_get(document, "tags"));
    json_t *tags = before ? json_deep_copy(before) : json_array(), *v;
    size_t i, at;
    json_decref(a->tags);
    a->tags = tags;
    json_array_foreach(a->add, i, v) {
        if (find_tag(tags, sw_json_str(v, "key", ""), &at))
            json_array_set(tags, at, v);
        else
            json_array_append(tags, v);
    }
    json_array_foreach(a->remove, i, v) {
        if (find_tag(tags, json_string_value(v), &at))
            json_array_remove(tags, at);
    }
    if (json_array_size(tags) > TAGS_MAX)
        return sw_fail(err, SW_EINVALID, SERVICE_INVALID, "A resource has at most %d tags.",
                       TAGS_MAX);
    const char *twice = a->add ? policy_facts_tag_twice(tags) : NULL;
    if (twice)
        return sw_fail(err, SW_EINVALID, SERVICE_INVALID,
                       "The resource has the tag key '%.128s' already, with other case.", twice);
    if ((!a->add && !a->remove) || (before && json_equal(before, tags)))
        return 0;
    json_object_set(document, "tags", tags);
    return 1;
}

static int not_found(struct sw_err *err)
{
    return sw_fail(err, SW_ENOTFOUND, NOT_FOUND, NOT_FOUND_TEXT);
}

/* What was deleted and is still described. */
static int inactive(const char *what, struct sw_err *err)
{
    return sw_fail(err, SW_EINVALID, SERVICE_INVALID,
                   "The specified %s is inactive. Specify an active %s and try again.", what, what);
}

static int of_cluster(struct meta_tx *tx, struct tags_arg *a, struct sw_err *err)
{
    struct cluster_row row = {.id = 0};
    sw_autojson json_t *document = NULL;
    int r = cluster_store_get(tx, a->c, a->want.cluster, &row, err);
    if (r == 0)
        r = sw_fail(err, SW_ENOTFOUND, "ClusterNotFoundException", "Cluster not found.");
    if (r > 0 && !sw_streq(row.status, "ACTIVE"))
        r = inactive("cluster", err);
    if (r > 0 && (r = service_document(row.document, &document, err)) == 0)
        r = change(a, document, err);
    if (r > 0) {
        sw_autofree char *text = sw_json_dump(document);
        r = cluster_store_set_document(tx, row.id, text, err);
    }
    cluster_row_done(&row);
    return r;
}

static int of_taskdef(struct meta_tx *tx, struct tags_arg *a, struct sw_err *err)
{
    struct taskdef_row row = {.id = 0};
    sw_autojson json_t *document = NULL;
    int r = taskdef_store_get(tx, a->c, a->want.id, a->want.revision, &row, err);
    if (r == 0)
        r = not_found(err);
    if (r > 0 && (r = service_document(row.document, &document, err)) == 0)
        r = change(a, document, err);
    if (r > 0) {
        sw_autofree char *text = sw_json_dump(document);
        r = taskdef_store_set_document(tx, row.id, text, err);
    }
    taskdef_row_done(&row);
    return r;
}

static int of_instance(struct meta_tx *tx, struct tags_arg *a, int64_t cluster_id,
                       struct sw_err *err)
{
    struct instance_row row = {.id = NULL};
    sw_autojson json_t *document = NULL;
    int r = instance_store_get(tx, cluster_id, a->want.id, &row, err);
    if (r == 0)
        r = not_found(err);
    if (r > 0 && (r = service_document(row.document, &document, err)) == 0)
        r = change(a, document, err);
    if (r > 0) {
        sw_autofree char *text = sw_json_dump(document);
        r = instance_store_set_document(tx, row.id, text, err);
    }
    instance_row_done(&row);
    return r;
}

static int of_task(struct meta_tx *tx, struct tags_arg *a, int64_t cluster_id, struct sw_err *err)
{
    struct task_row row = {.id = NULL};
    int r = task_store_get(tx, cluster_id, a->want.id, &row, err);
    if (r == 0)
        r = not_found(err);
    if (r > 0)
        r = change(a, row.document, err);
    if (r > 0)
        r = task_store_put(tx, &row, a->now_us, err);
    task_row_done(&row);
    return r;
}

/* Tags are of the service's document, which the loop writes too: hence the claim. */
static int of_service(struct meta_tx *tx, struct tags_arg *a, int64_t cluster_id,
                      struct sw_err *err)
{
    struct service_row row = {.id = 0};
    int r = service_store_get(tx, cluster_id, a->want.id, &row, err);
    if (r == 0)
        r = not_found(err);
    if (r > 0 && sw_streq(row.status, "INACTIVE"))
        r = inactive("service", err);
    if (r > 0)
        r = change(a, row.document, err);
    if (r > 0 && (r = service_store_claim(tx, row.id, row.version, err)) == 0)
        r = service_store_set(tx, &row, err);
    service_row_done(&row);
    return r;
}

/* Of a service that is not deleted, and not of one that is: as it is described. */
static int of_task_set(struct meta_tx *tx, struct tags_arg *a, int64_t cluster_id,
                       struct sw_err *err)
{
    struct service_row row = {.id = 0};
    struct service_deployment_row *all = NULL;
    size_t n = 0, i = 0;
    int r = service_store_get(tx, cluster_id, a->want.service, &row, err);
    if (r > 0)
        r = service_store_deployments(tx, row.id, false, &all, &n, err);
    while (i < n && !sw_streq(all[i].id, a->want.id))
        i++;
    if (r == 0 && (i == n || !service_is_external(row.document)))
        r = not_found(err);
    if (r == 0)
        r = change(a, all[i].document, err);
    if (r > 0 && (r = service_store_claim(tx, row.id, row.version, err)) == 0)
        r = service_store_set_deployment(tx, &all[i], a->now_us, err);
    service_deployment_rows_free(all, n);
    service_row_done(&row);
    return r;
}

static int apply(struct meta_tx *tx, void *arg, struct sw_err *err)
{
    struct tags_arg *a = arg;
    struct cluster_row cluster = {.id = 0};
    if (a->want.kind == ARN_CLUSTER)
        return of_cluster(tx, a, err);
    if (a->want.kind == ARN_TASK_DEFINITION)
        return of_taskdef(tx, a, err);
    int r = cluster_store_get(tx, a->c, a->want.cluster, &cluster, err);
    if (r == 0)
        r = not_found(err);
    if (r > 0 && a->want.kind == ARN_SERVICE)
        r = of_service(tx, a, cluster.id, err);
    else if (r > 0 && a->want.kind == ARN_TASK_SET)
        r = of_task_set(tx, a, cluster.id, err);
    else if (r > 0)
        r = a->want.kind == ARN_TASK ? of_task(tx, a, cluster.id, err)
                                     : of_instance(tx, a, cluster.id, err);
    cluster_row_done(&cluster);
    return r;
}

/* A long ARN of a thing that can have tags; a task definition's with its revision. */
static int parse(const struct launcher_caller *c, const char *text, struct arn *ret,
                 struct sw_err *err)
{
    static const enum arn_kind kinds[] = {ARN_CLUSTER, ARN_TASK_DEFINITION,
                                          ARN_TASK,    ARN_CONTAINER_INSTANCE,
                                          ARN_SERVICE, ARN_TASK_SET};
    bool found = false;
    for (size_t i = 0; i < SW_ARRAY_LEN(kinds) && !found; i++)
        found = sw_str_starts_with(sw_str(text), "arn:") && arn_parse(text, kinds[i], ret);
    if (!found || (ret->kind == ARN_TASK_DEFINITION && !ret->revision) ||
        (ret->kind != ARN_TASK_DEFINITION && !*ret->cluster))
        return sw_fail(err, SW_EINVALID, SERVICE_INVALID,
                       "Invalid resource ARN: '%.600s'. It must be that of a cluster, a service, a "
                       "task set, a task, a container instance or a task definition with its "
                       "revision.",
                       text);
    return arn_is_local(ret, c->account, c->region) ? 0 : not_found(err);
}

/* The two that exist everywhere have no tags. 1: text is the ARN of one; 0: of something else. */
static int of_provider(const struct launcher_caller *c, const char *text, const char **ret_name,
                       struct sw_err *err)
{
    char prefix[160];
    (void)snprintf(prefix, sizeof prefix, "arn:aws:ecs:%.63s:%.12s:capacity-provider/", c->region,
                   c->account);
    if (!sw_str_starts_with(sw_str(text), prefix))
        return 0;
    *ret_name = service_provider_name(text);
    return *ret_name ? 1 : not_found(err);
}

int launcher_resource_tags(struct launcher *l, const struct launcher_caller *c, const char *arn,
                           json_t **ret_tags, struct sw_err *err)
{
    struct tags_arg a = {.c = c};
    const char *provider;
    int r = of_provider(c, arn, &provider, err);
    if (r > 0)
        *ret_tags = json_array();
    if (r != 0)
        return r < 0 ? r : 0;
    r = parse(c, arn, &a.want, err);
    if (r == 0)
        r = meta_tx(l->db, META_READ, apply, &a, err);
    if (r == 0)
        *ret_tags = SW_TAKE(a.tags);
    json_decref(a.tags);
    return r;
}

int launcher_list_tags(struct launcher *l, const struct launcher_caller *c, const json_t *in,
                       json_t *out, struct sw_err *err)
{
    json_t *tags = NULL;
    int r = launcher_resource_tags(l, c, sw_json_str(in, "resourceArn", ""), &tags, err);
    if (r == 0)
        sw_json_set_new(out, "tags", tags);
    if (r == SW_ENOTFOUND && sw_streq(err->reason, NOT_FOUND)) { /* no error of this operation */
        sw_err_clear(err);
        return sw_fail(err, SW_EINVALID, SERVICE_INVALID, NOT_FOUND_TEXT);
    }
    return r;
}

static int change_tags(struct launcher *l, const struct launcher_caller *c, const json_t *in,
                       const char *add, const char *remove, struct sw_err *err)
{
    struct tags_arg a = {.c = c,
                         .add = add ? sw_json_array(in, add) : NULL,
                         .remove = remove ? sw_json_array(in, remove) : NULL,
                         .now_us = l->now_us()};
    const char *arn = sw_json_str(in, "resourceArn", ""), *provider;
    int r = of_provider(c, arn, &provider, err);
    if (r > 0)
        r = sw_fail(err, SW_EINVALID, SERVICE_INVALID,
                    "The capacity provider %s is reserved; its tags cannot be changed.", provider);
    if (r == 0)
        r = parse(c, arn, &a.want, err);
    if (r == 0)
        r = meta_tx(l->db, META_WRITE, apply, &a, err);
    json_decref(a.tags);
    return r < 0 ? r : 0;
}

int launcher_tag_resource(struct launcher *l, const struct launcher_caller *c, const json_t *in,
                          json_t *out SW_UNUSED, struct sw_err *err)
{
    return change_tags(l, c, in, "tags", NULL, err);
}

int launcher_untag_resource(struct launcher *l, const struct launcher_caller *c, const json_t *in,
                            json_t *out SW_UNUSED, struct sw_err *err)
{
    return change_tags(l, c, in, NULL, "tagKeys", err);
}
