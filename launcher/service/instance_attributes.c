/* SPDX-License-Identifier: Apache-2.0 */
/* PutAttributes, DeleteAttributes, ListAttributes. */
#include "launcher/service/instance_attributes.h"

#include <string.h>

#include "base/alloc.h"
#include "base/json.h"
#include "base/macros.h"
#include "launcher/service/instance_store.h"
#include "launcher/service/service.h"
#include "launcher/service/service_loop.h"

#define NAME_MAX_CHARS 128
#define CALL_MAX       10 /* attributes of one call, and custom ones of one instance */
#define LETTERS        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"

static bool name_valid(const char *s)
{
    size_t n = strlen(s);
    return n >= 1 && n <= NAME_MAX_CHARS && strspn(s, LETTERS "-_/\\.") == n;
}

static bool value_valid(const char *s)
{
    size_t n = strlen(s);
    return n >= 1 && n <= NAME_MAX_CHARS && strspn(s, LETTERS "-_/\\.@: ") == n && s[0] != ' ' &&
           s[n - 1] != ' ';
}

static int check(const char *name, const char *value, struct sw_err *err)
{
    if (!name_valid(name))
        return sw_fail(err, SW_EINVALID, SERVICE_INVALID,
                       "Invalid attribute name '%.200s': 1 to %d letters, digits and any of "
                       "-_/\\. are allowed.",
                       name, NAME_MAX_CHARS);
    if (value && !value_valid(value))
        return sw_fail(err, SW_EINVALID, SERVICE_INVALID,
                       "Invalid value '%.200s' of attribute %.128s: 1 to %d letters, digits, inner "
                       "spaces and any of -_/\\.@: are allowed.",
                       value, name, NAME_MAX_CHARS);
    return 0;
}

/* An empty value in a registration is no value. */
int service_check_attributes(const json_t *attributes, struct sw_err *err)
{
    const json_t *v;
    size_t i;
    json_array_foreach(attributes, i, v) {
        const char *value = sw_json_str(v, "value", "");
        int r = check(sw_json_str(v, "name", ""), *value ? value : NULL, err);
        if (r < 0)
            return r;
    }
    return 0;
}

static void remove_named(json_t *list, const char *name)
{
    for (size_t i = json_array_size(list); i-- > 0;) {
        if (sw_streq(sw_json_str(json_array_get(list, i), "name", ""), name))
            json_array_remove(list, i);
    }
}

static json_t *attribute_json(const char *name, const char *value)
{
    json_t *o = json_object();
    sw_json_set_str(o, "name", name);
    sw_json_set_str(o, "value", value);
    return o;
}

static json_t *list_of(json_t *document)
{
    json_t *list = sw_json_array(document, "attributes");
    if (!list) {
        list = json_array();
        sw_json_set_new(document, "attributes", list);
    }
    return list;
}

void instance_attributes_apply(json_t *document)
{
    json_t *list = list_of(document), *value;
    const char *name;
    json_object_foreach(sw_json_object(document, "putAttributes"), name, value) {
        remove_named(list, name);
        json_array_append_new(list, attribute_json(name, json_string_value(value)));
    }
}

/* Changes. */

struct change_arg {
    const struct launcher_caller *c;
    const struct cluster_ref *cluster;
    const json_t *attributes;
    bool put;
    json_t *done; /* the attributes as they are answered */
};

static int put_one(json_t *document, const char *name, const char *value, struct sw_err *err)
{
    json_t *put = sw_json_object(document, "putAttributes");
    if (!put) {
        put = json_object();
        sw_json_set_new(document, "putAttributes", put);
    }
    json_object_set_new(put, name, value ? json_string(value) : json_null());
    if (json_object_size(put) > CALL_MAX)
        return sw_fail(err, SW_ELIMIT, "AttributeLimitExceededException",
                       "You can apply up to %d custom attributes for each resource.", CALL_MAX);
    instance_attributes_apply(document);
    return 0;
}

/* 1 when there was such a one. A value that is named must be the one that it has. */
static int delete_one(json_t *document, const char *name, const char *value)
{
    json_t *put = sw_json_object(document, "putAttributes"), *list = list_of(document), *v;
    size_t i;
    json_array_foreach(list, i, v) {
        if (!sw_streq(sw_json_str(v, "name", ""), name))
            continue;
        if (value && !sw_streq(sw_json_str(v, "value", ""), value))
            return 0;
        json_array_remove(list, i);
        json_object_del(put, name);
        return 1;
    }
    return 0;
}

static int not_found(const char *target, struct sw_err *err)
{
    return sw_fail(err, SW_ENOTFOUND, "TargetNotFoundException",
                   "The specified target was not found: %.300s.", target);
}

static int change_one(struct meta_tx *tx, struct change_arg *a, const json_t *attribute,
                      struct sw_err *err)
{
    char id[ARN_ID_LEN + 1], arn[ARN_MAX];
    struct instance_row row = {.id = NULL};
    sw_autojson json_t *document = NULL;
    const char *name = sw_json_str(attribute, "name", "");
    const char *value = sw_json_str(attribute, "value", NULL);
    int r = service_id(a->c, a->cluster->name, ARN_CONTAINER_INSTANCE,
                       sw_json_str(attribute, "targetId", NULL), id, err);
    if (r < 0 || (r = instance_store_get(tx, a->cluster->id, id, &row, err)) < 0)
        return r;
    if (r == 0 || sw_streq(row.status, "INACTIVE"))
        r = not_found(id, err);
    else if ((r = service_document(row.document, &document, err)) == 0)
        r = a->put ? put_one(document, name, value, err) : delete_one(document, name, value);
    instance_row_done(&row);
    if (r < 0 || (r == 0 && !a->put))
        return r;
    sw_autofree char *text = sw_json_dump(document);
    json_t *answered = attribute_json(name, value);
    arn_container_instance(arn, a->c->region, a->c->account, a->cluster->name, id);
    sw_json_set_str(answered, "targetType", "container-instance");
    sw_json_set_str(answered, "targetId", arn);
    json_array_append_new(a->done, answered);
    return instance_store_set_document(tx, id, text, err);
}

static int change_all(struct meta_tx *tx, void *arg, struct sw_err *err)
{
    struct change_arg *a = arg;
    const json_t *v;
    size_t i;
    json_array_clear(a->done);
    json_array_foreach(a->attributes, i, v) {
        int r = change_one(tx, a, v, err);
        if (r < 0)
            return r;
    }
    return 0;
}

/* Placement relies on what agents say of themselves. */
static bool is_reserved(const char *name)
{
    return strncmp(name, "ecs.", 4) == 0 || strncmp(name, "com.amazonaws.ecs.", 18) == 0;
}

static int check_call(const json_t *attributes, struct sw_err *err)
{
    const json_t *v;
    size_t i;
    if (json_array_size(attributes) < 1 || json_array_size(attributes) > CALL_MAX)
        return sw_fail(err, SW_EINVALID, SERVICE_INVALID,
                       "Between 1 and %d attributes must be named in one call.", CALL_MAX);
    json_array_foreach(attributes, i, v) {
        const char *name = sw_json_str(v, "name", "");
        int r = check(name, sw_json_str(v, "value", NULL), err);
        if (r < 0)
            return r;
        if (is_reserved(name))
            return sw_fail(err, SW_EINVALID, SERVICE_INVALID,
                           "The attribute %.128s is the agent's to register.", name);
        if (!sw_json_str(v, "targetId", NULL))
            return sw_fail(err, SW_EINVALID, SERVICE_INVALID,
                           "The attribute %.128s names no targetId.", name);
    }
    return 0;
}

static int change(struct launcher *l, const struct launcher_caller *c, const json_t *in, bool put,
                  json_t *out, struct sw_err *err)
{
    struct cluster_ref cluster;
    struct change_arg a = {.c = c,
                           .cluster = &cluster,
                           .attributes = sw_json_array(in, "attributes"),
                           .put = put,
                           .done = service_list(out, "attributes")};
    int r = service_cluster(l, c, sw_json_str(in, "cluster", NULL), &cluster, err);
    if (r < 0 || (r = check_call(a.attributes, err)) < 0)
        return r;
    r = meta_tx(l->db, META_WRITE, change_all, &a, err);
    if (r == 0)
        service_loop_wake(l->services); /* an instance may fit now */
    return r;
}

int launcher_put_attributes(struct launcher *l, const struct launcher_caller *c, const json_t *in,
                            json_t *out, struct sw_err *err)
{
    return change(l, c, in, true, out, err);
}

int launcher_delete_attributes(struct launcher *l, const struct launcher_caller *c,
                               const json_t *in, json_t *out, struct sw_err *err)
{
    return change(l, c, in, false, out, err);
}

/* The list: in the order of instances and names, "ID NAME" is where a page ends. */

struct list_arg {
    const struct launcher_caller *c;
    const struct cluster_ref *cluster;
    const char *name, *value; /* NULL: any */
    struct launcher_page *page;
    json_t *found;
    char last[ARN_MAX];
    bool more;
};

static int by_name(const void *a, const void *b)
{
    const json_t *const *x = a, *const *y = b;
    return strcmp(sw_json_str(*x, "name", ""), sw_json_str(*y, "name", ""));
}

static void add_matching(struct list_arg *a, const char *id, const json_t *attributes)
{
    size_t n = json_array_size(attributes);
    const json_t **sorted = sw_calloc(n + 1, sizeof(const json_t *));
    for (size_t i = 0; i < n; i++)
        sorted[i] = json_array_get(attributes, i);
    qsort(sorted, n, sizeof(const json_t *), by_name);
    for (size_t i = 0; i < n && !a->more; i++) {
        char key[ARN_MAX], arn[ARN_MAX];
        const char *name = sw_json_str(sorted[i], "name", "");
        const char *value = sw_json_str(sorted[i], "value", NULL);
        (void)snprintf(key, sizeof key, "%s %s", id, name);
        if ((a->name && !sw_streq(a->name, name)) || (a->value && !sw_streq(a->value, value)) ||
            strcmp(key, a->page->after) <= 0)
            continue;
        a->more = (int)json_array_size(a->found) == a->page->limit;
        if (a->more)
            break;
        json_t *o = attribute_json(name, value);
        arn_container_instance(arn, a->c->region, a->c->account, a->cluster->name, id);
        sw_json_set_str(o, "targetType", "container-instance");
        sw_json_set_str(o, "targetId", arn);
        json_array_append_new(a->found, o);
        (void)sw_str_copy(sw_str(key), a->last, sizeof a->last);
    }
    free(sorted);
}

static int list(struct meta_tx *tx, void *arg, struct sw_err *err)
{
    struct list_arg *a = arg;
    struct instance_row *rows = NULL;
    size_t n = 0;
    json_array_clear(a->found);
    a->more = false;
    int r = instance_store_all(tx, a->cluster->id, &rows, &n, err);
    for (size_t i = 0; i < n && r == 0 && !a->more; i++) {
        sw_autojson json_t *document = NULL;
        if ((r = service_document(rows[i].document, &document, err)) == 0)
            add_matching(a, rows[i].id, sw_json_array(document, "attributes"));
    }
    instance_rows_free(rows, n);
    return r;
}

int launcher_list_attributes(struct launcher *l, const struct launcher_caller *c, const json_t *in,
                             struct launcher_page *page, json_t *out, struct sw_err *err)
{
    struct cluster_ref cluster;
    struct list_arg a = {.c = c,
                         .cluster = &cluster,
                         .name = sw_json_str(in, "attributeName", NULL),
                         .value = sw_json_str(in, "attributeValue", NULL),
                         .page = page,
                         .found = service_list(out, "attributes")};
    int r = service_cluster(l, c, sw_json_str(in, "cluster", NULL), &cluster, err);
    if (r < 0)
        return r;
    if (a.value && !a.name)
        return sw_fail(err, SW_EINVALID, SERVICE_INVALID,
                       "attributeValue is for an attributeName, which is missing.");
    r = meta_tx(l->db, META_READ_LONG, list, &a, err);
    if (r == 0)
        service_page_end(page, a.last, a.more);
    return r;
}
