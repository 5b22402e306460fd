/* SPDX-License-Identifier: Apache-2.0 */
#include "launcher/service/managed.h"

#include <string.h>

#include "auth/identity.h"
#include "base/alloc.h"
#include "base/json.h"
#include "base/macros.h"
#include "launcher/service/activations.h"
#include "launcher/service/agents.h"
#include "launcher/service/service.h"

#define INVALID_ID "InvalidInstanceId"

struct managed_arg {
    struct launcher *l;
    const struct launcher_caller *c;
    const char *id, *role;
    int64_t now_us;
    bool there, elsewhere; /* of this region; of another */
    /* Describe. */
    const json_t *in;
    struct launcher_page *page;
    json_t *found;
};

static int unknown(const char *id, struct sw_err *err)
{
    return sw_fail(err, SW_ENOTFOUND, INVALID_ID, "The managed instance %.40s is not registered.",
                   id);
}

/* What the activation said of its machines. */
static json_t *document_of(const json_t *activation)
{
    static const struct {
        const char *from, *to;
    } kept[] = {{"DefaultInstanceName", "Name"}, {"IamRole", "IamRole"}, {"Tags", "Tags"}};
    json_t *o = json_object();
    for (size_t i = 0; i < SW_ARRAY_LEN(kept); i++) {
        json_t *v = json_object_get(activation, kept[i].from);
        if (v)
            json_object_set(o, kept[i].to, v);
    }
    return o;
}

int managed_add(struct meta_tx *tx, const struct launcher_caller *c, const char *id,
                const char *activation_id, int64_t now_us, struct sw_err *err)
{
    sw_autofree char *text = NULL;
    sw_autojson json_t *activation = NULL;
    int r = meta_get(tx, err, "SELECT document FROM ssm_activation WHERE id = $1", "t",
                     activation_id, "t", &text);
    if (r <= 0 || (r = service_document(text, &activation, err)) < 0)
        return r;
    sw_autojson json_t *document = document_of(activation);
    sw_autofree char *kept = sw_json_dump(document);
    return meta_exec(tx, err, NULL,
                     "INSERT INTO ssm_managed_instance"
                     " (id, account_id, region, activation_id, document, registered_at)"
                     " VALUES ($1, $2, $3, $4, $5, $6)",
                     "tttt"
                     "ti",
                     id, c->account, c->region, activation_id, kept, now_us);
}

static int look(struct meta_tx *tx, void *arg, struct sw_err *err)
{
    struct managed_arg *a = arg;
    sw_autofree char *region = NULL;
    int r = meta_get(tx, err,
                     "SELECT region FROM ssm_managed_instance WHERE id = $1 AND account_id = $2",
                     "tt", a->id, a->c->account, "t", &region);
    a->there = r > 0 && sw_streq(region, a->c->region);
    a->elsewhere = r > 0 && !a->there;
    return r < 0 ? r : 0;
}

static int remove_row(struct meta_tx *tx, void *arg, struct sw_err *err)
{
    struct managed_arg *a = arg;
    return meta_exec(tx, err, NULL,
                     "DELETE FROM ssm_managed_instance WHERE id = $1 AND account_id = $2"
                     " AND region = $3",
                     "ttt", a->id, a->c->account, a->c->region);
}

/* Machines of before there were rows have their user only. Its key is of no region, so a row of another region keeps it: who may
 * deregister machines of this one was asked about this one. */
static int end_key(struct managed_arg *a, char ret_arn[ARN_MAX], struct sw_err *err)
{
    struct principal p;
    struct sw_err ignored = SW_ERR_INIT;
    (void)snprintf(ret_arn, ARN_MAX, "arn:aws:iam::%s:user/%s", a->c->account, a->id);
    int r = identity_user_by_name(a->l->identity, a->c->account, a->id, &p, &ignored);
    if (r < 0 || a->elsewhere || !launcher_is_managed(&p))
        return a->there ? 0 : unknown(a->id, err);
    (void)sw_str_copy(sw_str(p.arn), ret_arn, ARN_MAX);
    r = identity_user_delete(a->l->identity, a->c->account, a->id, err);
    if (r == SW_ENOTFOUND) { /* by another call like this one */
        sw_err_clear(err);
        r = 0;
    }
    return r;
}

int launcher_deregister_managed(struct launcher *l, const struct launcher_caller *c,
                                const json_t *in, json_t *out SW_UNUSED, struct sw_err *err)
{
    char arn[ARN_MAX], why[160];
    struct managed_arg a = {.l = l, .c = c, .id = sw_json_str(in, "InstanceId", "")};
    int r = meta_tx(l->db, META_READ, look, &a, err);
    if (r < 0 || (r = end_key(&a, arn, err)) < 0)
        return r;
    (void)snprintf(why, sizeof why, "The managed instance %.40s was deregistered.", a.id);
    r = service_retire_instances(l, arn, why, err);
    return r < 0 ? r : meta_tx(l->db, META_WRITE, remove_row, &a, err);
}

static int set_role(struct meta_tx *tx, void *arg, struct sw_err *err)
{
    struct managed_arg *a = arg;
    sw_autofree char *text = NULL;
    sw_autojson json_t *document = NULL;
    int r = meta_get(tx, err,
                     "SELECT document FROM ssm_managed_instance WHERE id = $1"
                     " AND account_id = $2 AND region = $3",
                     "ttt", a->id, a->c->account, a->c->region, "t", &text);
    if (r == 0)
        return unknown(a->id, err);
    if (r < 0 || (r = service_document(text, &document, err)) < 0)
        return r;
    sw_json_set_str(document, "IamRole", a->role);
    sw_autofree char *changed = sw_json_dump(document);
    return meta_exec(tx, err, NULL, "UPDATE ssm_managed_instance SET document = $2 WHERE id = $1",
                     "tt", a->id, changed);
}

int launcher_update_managed_role(struct launcher *l, const struct launcher_caller *c,
                                 const json_t *in, json_t *out SW_UNUSED, struct sw_err *err)
{
    struct managed_arg a = {.l = l,
                            .c = c,
                            .id = sw_json_str(in, "InstanceId", ""),
                            .role = sw_json_str(in, "IamRole", "")};
    int r = activation_check_role(l, c, a.role, err);
    return r < 0 ? r : meta_tx(l->db, META_WRITE, set_role, &a, err);
}

/* The list. */

/* What is known of the machine by the container instance that it registered last. */
static int add_ping(struct meta_tx *tx, struct managed_arg *a, json_t *o, struct sw_err *err)
{
    sw_autofree char *id = NULL, *text = NULL;
    sw_autojson json_t *document = NULL;
    char arn[ARN_MAX];
    (void)snprintf(arn, sizeof arn, "arn:aws:iam::%s:user/%s", a->c->account,
                   sw_json_str(o, "InstanceId", ""));
    int r = meta_get(tx, err,
                     "SELECT id, document FROM container_instance WHERE principal_arn = $1"
                     " AND inactive_at = 0 ORDER BY registered_at DESC, id LIMIT 1",
                     "t", arn, "tt", &id, &text);
    sw_json_set_str(o, "PingStatus", "Inactive");
    if (r <= 0 || (r = service_document(text, &document, err)) < 0)
        return r;
    int64_t away_us = agents_away_us(a->l->agents, id, a->now_us);
    sw_json_set_str(o, "PingStatus", away_us == 0 ? "Online" : "ConnectionLost");
    sw_json_set_time_us(o, "LastPingDateTime", a->now_us - away_us);
    sw_json_set_str(o, "AgentVersion",
                    sw_json_str(sw_json_object(document, "versionInfo"), "agentVersion", NULL));
    return 0;
}

static bool is_among(const json_t *values, const char *text)
{
    const json_t *v;
    size_t i;
    json_array_foreach(values, i, v) {
        if (sw_streq(json_string_value(v), text))
            return true;
    }
    return false;
}

static bool has_tag(const json_t *tags, const char *key, const json_t *values)
{
    const json_t *t;
    size_t i;
    json_array_foreach(tags, i, t) {
        const char *name = sw_json_str(t, "Key", "");
        if (key ? sw_streq(name, key) && is_among(values, sw_json_str(t, "Value", ""))
                : is_among(values, name))
            return true;
    }
    return false;
}

/* 1: passes, 0: not. */
static int passes(const json_t *o, const json_t *tags, const char *key, const json_t *values,
                  struct sw_err *err)
{
    static const struct {
        const char *key, *member;
    } known[] = {{"ActivationIds", "ActivationId"}, {"AgentVersion", "AgentVersion"},
                 {"AssociationStatus", NULL},       {"IamRole", "IamRole"},
                 {"InstanceIds", "InstanceId"},     {"PingStatus", "PingStatus"},
                 {"PlatformTypes", "PlatformType"}, {"ResourceType", "ResourceType"}};
    if (sw_streq(key, "tag-key"))
        return has_tag(tags, NULL, values);
    if (strncmp(key, "tag:", 4) == 0)
        return has_tag(tags, key + 4, values);
    for (size_t i = 0; i < SW_ARRAY_LEN(known); i++) {
        if (sw_streq(known[i].key, key))
            return known[i].member && is_among(values, sw_json_str(o, known[i].member, ""));
    }
    return sw_fail(err, SW_EINVALID, "InvalidFilterKey", "The filter key %.80s is not valid.", key);
}

static int passes_all(const json_t *in, const json_t *o, const json_t *tags, struct sw_err *err)
{
    static const struct {
        const char *list, *key, *values;
    } forms[] = {{"InstanceInformationFilterList", "key", "valueSet"},
                 {"Filters", "Key", "Values"}};
    int r = 1;
    for (size_t f = 0; f < SW_ARRAY_LEN(forms); f++) {
        const json_t *v;
        size_t i;
        json_array_foreach(sw_json_array(in, forms[f].list), i, v) {
            r = passes(o, tags, sw_json_str(v, forms[f].key, ""), sw_json_array(v, forms[f].values),
                       err);
            if (r <= 0)
                return r;
        }
    }
    return r;
}

static int read_rows(struct meta_tx *tx, struct managed_arg *a, json_t *rows, struct sw_err *err)
{
    meta_autostmt *st = NULL;
    int r = meta_query(tx, err, &st,
                       "SELECT id, document, activation_id, registered_at"
                       " FROM ssm_managed_instance"
                       " WHERE account_id = $1 AND region = $2 AND id > $3 ORDER BY id",
                       "ttt", a->c->account, a->c->region, a->page->after);
    while (r >= 0 && (r = meta_step(st, err)) > 0) {
        sw_autofree char *id = meta_dup(st, 0), *text = meta_dup(st, 1), *from = meta_dup(st, 2);
        json_t *o = NULL;
        if ((r = service_document(text, &o, err)) < 0)
            return r;
        sw_json_set_str(o, "InstanceId", id);
        sw_json_set_str(o, "ActivationId", from);
        sw_json_set_time_us(o, "RegistrationDate", meta_int(st, 3));
        sw_json_set_str(o, "PlatformType", "Linux");
        sw_json_set_str(o, "ResourceType", "ManagedInstance");
        json_array_append_new(rows, o);
    }
    return r;
}

static int describe(struct meta_tx *tx, void *arg, struct sw_err *err)
{
    struct managed_arg *a = arg;
    sw_autojson json_t *rows = json_array();
    json_t *o;
    size_t i;
    json_array_clear(a->found);
    service_page_end(a->page, "", false);
    int r = read_rows(tx, a, rows, err);
    if (r < 0)
        return r;
    json_array_foreach(rows, i, o) {
        if ((r = add_ping(tx, a, o, err)) < 0 ||
            (r = passes_all(a->in, o, sw_json_array(o, "Tags"), err)) < 0)
            return r;
        size_t n = json_array_size(a->found);
        if (r > 0 && (int)n == a->page->limit) {
            service_page_end(a->page,
                             sw_json_str(json_array_get(a->found, n - 1), "InstanceId", ""), true);
            return 0;
        }
        json_object_del(o, "Tags");
        if (r > 0)
            json_array_append(a->found, o);
    }
    return 0;
}

int launcher_describe_managed(struct launcher *l, const struct launcher_caller *c, const json_t *in,
                              struct launcher_page *page, json_t *out, struct sw_err *err)
{
    struct managed_arg a = {.l = l,
                            .c = c,
                            .in = in,
                            .page = page,
                            .found = service_list(out, "InstanceInformationList"),
                            .now_us = l->now_us()};
    return meta_tx(l->db, META_READ_LONG, describe, &a, err);
}
