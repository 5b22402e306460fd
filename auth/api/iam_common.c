/* SPDX-License-Identifier: Apache-2.0 */
/* auth/api/iam_common.c - targets, permissions, pages and tags of IAM's operations. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "auth/api/iam_internal.h"
#include "base/alloc.h"
#include "base/buf.h"
#include "base/macros.h"

struct identity *iam_directory(const struct aws_call *call)
{
    return ((const struct iam_api *)call->service->ctx)->o.identity;
}

const char *iam_in(const struct aws_call *call, const char *member)
{
    return sw_json_str(call->input, member, NULL);
}

/* ---- context keys ---- */

/* Written down when a statement asks, and kept until the decision is made. */
struct facts {
    const struct aws_call *call;
    const char *arn;
    struct fact {
        struct policy_key key;
        char *name;
        char *text;
        const char *values[IAM_TAGS_MAX + 1];
        struct fact *next;
    } * first;
};

static struct fact *take_fact(struct facts *f)
{
    struct fact *one = SW_NEW(struct fact);

    one->next = f->first;
    f->first = one;
    return one;
}

static void facts_done(struct facts *f)
{
    for (struct fact *one = f->first, *next; one; one = next) {
        next = one->next;
        free(one->name);
        free(one->text);
        free(one);
    }
}

static const struct policy_key *add_fact(struct facts *f, const char *name, char *taken)
{
    struct fact *one = take_fact(f);

    one->name = sw_strdup(name);
    one->text = taken;
    one->values[0] = taken;
    one->key = (struct policy_key){.name = one->name, .values = one->values, .values_n = 1};
    return &one->key;
}

static const json_t *request_tag(const struct facts *f, const char *key)
{
    const json_t *tags = sw_json_array(f->call->input, "Tags"), *t;
    size_t i;

    json_array_foreach(tags, i, t)
        if (strcasecmp(sw_json_str(t, "Key", ""), key) == 0)
            return t;
    return NULL;
}

static const struct policy_key *tag_keys(struct facts *f)
{
    const json_t *tags = sw_json_array(f->call->input, "Tags"),
                 *keys = sw_json_array(f->call->input, "TagKeys"), *t;
    size_t i, n = 0;

    if (json_array_size(tags) + json_array_size(keys) == 0)
        return NULL;
    struct fact *one = take_fact(f);
    json_array_foreach(tags, i, t)
        if (n < IAM_TAGS_MAX)
            one->values[n++] = sw_json_str(t, "Key", "");
    json_array_foreach(keys, i, t)
        if (n < IAM_TAGS_MAX)
            one->values[n++] = json_string_value(t);
    one->name = sw_strdup("aws:TagKeys");
    one->text = NULL;
    one->key =
        (struct policy_key){.name = one->name, .values = one->values, .values_n = n, .multi = true};
    return &one->key;
}

static char *resource_tag(const struct facts *f, const char *key)
{
    struct identity *d = iam_directory(f->call);
    char *value = NULL;

    directory_lock(d);
    const struct iam_entity *e = directory_by_arn(d, f->arn);
    for (size_t i = 0; e && i < e->tags_n && !value; i++)
        if (strcasecmp(e->tags[i].key, key) == 0)
            value = sw_strdup(e->tags[i].value);
    directory_unlock(d);
    return value;
}

static char *boundary_of(const struct facts *f)
{
    const char *asked = iam_in(f->call, "PermissionsBoundary");
    struct identity *d = iam_directory(f->call);

    if (asked)
        return sw_strdup(asked);
    directory_lock(d);
    const struct iam_entity *e = directory_by_arn(d, f->arn);
    char *value = e ? sw_strdup_or_null(e->boundary) : NULL;
    directory_unlock(d);
    return value;
}

static const char *after(const char *name, const char *prefix)
{
    size_t n = strlen(prefix);
    return strncasecmp(name, prefix, n) == 0 ? name + n : NULL;
}

static const struct policy_key *fact_of(void *ctx, const char *name)
{
    struct facts *f = ctx;
    const char *key;
    char *value = NULL;

    for (const struct fact *one = f->first; one; one = one->next)
        if (strcasecmp(one->name, name) == 0)
            return &one->key;
    if (strcasecmp(name, "aws:TagKeys") == 0)
        return tag_keys(f);
    if ((key = after(name, "aws:RequestTag/")))
        value = sw_strdup_or_null(sw_json_str(request_tag(f, key), "Value", NULL));
    else if ((key = after(name, "aws:ResourceTag/")) || (key = after(name, "iam:ResourceTag/")))
        value = resource_tag(f, key);
    else if (strcasecmp(name, "iam:PolicyARN") == 0)
        value = sw_strdup_or_null(iam_in(f->call, "PolicyArn"));
    else if (strcasecmp(name, "iam:PermissionsBoundary") == 0)
        value = boundary_of(f);
    else if (strcasecmp(name, "iam:AWSServiceName") == 0)
        value = sw_strdup_or_null(iam_in(f->call, "AWSServiceName"));
    else if (strcasecmp(name, "iam:PassedToService") == 0 &&
             sw_streq(f->call->op->name, "AddRoleToInstanceProfile"))
        value = sw_strdup("ec2.amazonaws.com");
    return value ? add_fact(f, name, value) : NULL;
}

int iam_may(struct aws_call *call, const char *action, const char *arn, struct sw_err *err)
{
    struct facts f = {.call = call, .arn = arn};

    call->context.more = fact_of;
    call->context.more_ctx = &f;
    int r = action ? aws_may_action(call, action, arn, err) : aws_may(call, arn, err);
    call->context.more = NULL;
    call->context.more_ctx = NULL;
    facts_done(&f);
    return r;
}

int iam_may_list(struct aws_call *call, enum iam_kind kind, struct sw_err *err)
{
    const char *prefix = iam_in(call, "PathPrefix");
    sw_autofree char *arn = sw_asprintf("arn:aws:iam::%s:%s%s", call->principal.account,
                                        iam_kind_to_string(kind), prefix ? prefix : "/");

    return iam_may(call, NULL, arn, err);
}

/* ---- targets ---- */

int iam_target_named(struct aws_call *call, enum iam_kind kind, const char *name, const char *path,
                     struct iam_target *ret, struct sw_err *err)
{
    *ret = (struct iam_target){.kind = kind};
    (void)snprintf(ret->account, sizeof(ret->account), "%s", call->principal.account);
    (void)snprintf(ret->name, sizeof(ret->name), "%s", name);
    directory_arn(iam_directory(call), kind, ret->account, ret->name, path, ret->arn);
    return iam_may(call, NULL, ret->arn, err);
}

/* arn:aws:iam::ACCOUNT:policy/PATH/NAME. The policies of "aws" are everybody's. */
static int target_by_arn(struct aws_call *call, enum iam_kind kind, const char *arn,
                         struct iam_target *ret, struct sw_err *err)
{
    struct sw_str rest = sw_str(arn), part[6];
    size_t n = 0;

    for (; n < 5 && sw_str_split(&rest, ':', &part[n]); n++)
        continue;
    if (n < 5 || !sw_str_eq_z(part[0], "arn") || !sw_str_eq_z(part[2], "iam") || !rest.p ||
        !sw_str_starts_with(rest, iam_kind_to_string(kind)) ||
        !sw_str_copy(part[4], ret->account, sizeof(ret->account)) || strlen(arn) >= IAM_ARN_MAX)
        return sw_fail(err, SW_EINVALID, "InvalidInput", "ARN %.600s is not valid.", arn);
    ret->kind = kind;
    (void)snprintf(ret->arn, sizeof(ret->arn), "%s", arn);
    const char *name =
        kind == IAM_PROVIDER ? strchr(rest.p, '/') : (const char *)strrchr(rest.p, '/');
    (void)snprintf(ret->name, sizeof(ret->name), "%s", name ? name + 1 : "");
    call->context.account =
        sw_streq(ret->account, IAM_AWS_ACCOUNT) ? call->principal.account : ret->account;
    int r = iam_may(call, NULL, arn, err);
    call->context.account = call->principal.account;
    return r;
}

static bool has_member(const struct sw_field *f, const char *name)
{
    for (; f && f->name; f++)
        if (sw_streq(f->name, name))
            return true;
    return false;
}

static int target_caller(struct aws_call *call, struct iam_target *ret, struct sw_err *err)
{
    if (!principal_kind_is_user(call->principal.kind))
        return sw_fail(err, SW_EINVALID, "ValidationError",
                       "Must specify userName when calling with non-User credentials");
    return iam_target_named(call, IAM_USER, call->principal.name, NULL, ret, err);
}

int iam_target(struct aws_call *call, struct iam_target *ret, struct sw_err *err)
{
    static const struct {
        const char *member;
        enum iam_kind kind;
    } members[] = {{"UserName", IAM_USER},
                   {"RoleName", IAM_ROLE},
                   {"GroupName", IAM_GROUP},
                   {"InstanceProfileName", IAM_PROFILE}};

    *ret = (struct iam_target){.kind = IAM_USER};
    for (size_t i = 0; i < SW_ARRAY_LEN(members); i++) {
        const char *name = iam_in(call, members[i].member);
        if (name)
            return iam_target_named(call, members[i].kind, name, NULL, ret, err);
        if (has_member(call->op->in, members[i].member))
            return target_caller(call, ret, err);
    }
    if (has_member(call->op->in, "OpenIDConnectProviderArn"))
        return target_by_arn(call, IAM_PROVIDER, iam_in(call, "OpenIDConnectProviderArn"), ret,
                             err);
    return target_by_arn(call, IAM_POLICY, iam_in(call, "PolicyArn"), ret, err);
}

int iam_open(struct aws_call *call, const struct iam_target *t, const struct iam_entity **ret,
             struct sw_err *err)
{
    struct identity *d = iam_directory(call);
    bool by_arn = t->kind == IAM_POLICY || t->kind == IAM_PROVIDER;

    directory_lock(d);
    const struct iam_entity *e =
        by_arn ? directory_by_arn(d, t->arn) : directory_find(d, t->kind, t->account, t->name);
    if (e && e->kind == t->kind) {
        *ret = e;
        return 0;
    }
    directory_unlock(d);
    if (t->kind == IAM_POLICY)
        return sw_fail(err, SW_ENOTFOUND, "NoSuchEntity", "Policy %s was not found.", t->arn);
    if (t->kind == IAM_PROVIDER)
        return sw_fail(err, SW_ENOTFOUND, "NoSuchEntity",
                       "OpenIDConnect Provider not found for arn %s", t->arn);
    if (t->kind == IAM_PROFILE)
        return sw_fail(err, SW_ENOTFOUND, "NoSuchEntity", "Instance Profile %s cannot be found.",
                       t->name);
    return sw_fail(err, SW_ENOTFOUND, "NoSuchEntity", "The %s with name %s cannot be found.",
                   iam_kind_to_string(t->kind), t->name);
}

void iam_close(struct aws_call *call)
{
    directory_unlock(iam_directory(call));
}

/* ---- pages ---- */

int iam_page_begin(struct aws_call *call, struct iam_page *ret, struct sw_err *err)
{
    const char *marker = iam_in(call, "Marker");

    *ret = (struct iam_page){.max = sw_json_int(call->input, "MaxItems", 100)};
    if (marker) {
        int r =
            aws_page_token_parse(marker, ret->after, sizeof(ret->after), "ValidationError", err);
        if (r < 0)
            return r;
    }
    ret->items = json_array();
    return 0;
}

bool iam_page_takes(struct iam_page *p, const char *key)
{
    if (p->after[0] && strcmp(key, p->after) <= 0)
        return false;
    if ((int64_t)json_array_size(p->items) == p->max) {
        p->truncated = true;
        return false;
    }
    (void)snprintf(p->last, sizeof(p->last), "%s", key);
    return true;
}

void iam_page_end(struct iam_page *p, json_t *out, const char *member)
{
    char token[AWS_PAGE_TOKEN_MAX];

    sw_json_set_new(out, member, SW_TAKE(p->items));
    sw_json_set_bool(out, "IsTruncated", p->truncated);
    if (!p->truncated)
        return;
    aws_page_token(p->last, token);
    sw_json_set_str(out, "Marker", token);
}

/* Instead of iam_page_end. */
static void page_drop(struct iam_page *p)
{
    json_decref(p->items);
    p->items = NULL;
}

/* ---- inputs ---- */

struct iam_tag *iam_tags_in(const struct aws_call *call, size_t *ret_n)
{
    const json_t *tags = sw_json_array(call->input, "Tags"), *t;
    size_t n = json_array_size(tags), i;
    struct iam_tag *v = sw_calloc(n + 1, sizeof(*v));

    json_array_foreach(tags, i, t)
        v[i] = (struct iam_tag){(char *)sw_json_str(t, "Key", ""),
                                (char *)sw_json_str(t, "Value", "")};
    *ret_n = n;
    return v;
}

const char **iam_words_in(const struct aws_call *call, const char *member, size_t *ret_n)
{
    const json_t *list = sw_json_array(call->input, member), *w;
    size_t n = json_array_size(list), i;
    const char **v = sw_calloc(n + 1, sizeof(*v));

    json_array_foreach(list, i, w)
        v[i] = json_string_value(w);
    if (ret_n)
        *ret_n = n;
    return v;
}

int iam_open_target(struct aws_call *call, struct iam_target *ret_target,
                    const struct iam_entity **ret, struct sw_err *err)
{
    int r = iam_target(call, ret_target, err);

    return r < 0 ? r : iam_open(call, ret_target, ret, err);
}

int iam_open_page(struct aws_call *call, struct iam_target *ret_target, struct iam_page *ret_page,
                  const struct iam_entity **ret, struct sw_err *err)
{
    int r = iam_target(call, ret_target, err);

    if (r == 0)
        r = iam_page_begin(call, ret_page, err);
    if (r < 0)
        return r;
    r = iam_open(call, ret_target, ret, err);
    if (r < 0)
        page_drop(ret_page);
    return r;
}
