/* SPDX-License-Identifier: Apache-2.0 */
/* auth/api/iam_policy.c - inline policies, attached ones, and versions of managed ones. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "auth/api/iam_internal.h"
#include "base/macros.h"

/* ---- inline ---- */

IAM_HANDLER(put_inline)
{
    struct iam_target t;
    int r = iam_target(call, &t, err);

    (void)in;
    (void)out;
    return r < 0 ? r
                 : directory_put_inline(iam_directory(call), t.kind, t.account, t.name,
                                        iam_in(call, "PolicyName"), iam_in(call, "PolicyDocument"),
                                        err);
}

IAM_HANDLER(delete_inline)
{
    struct iam_target t;
    int r = iam_target(call, &t, err);

    (void)in;
    (void)out;
    return r < 0 ? r
                 : directory_delete_inline(iam_directory(call), t.kind, t.account, t.name,
                                           iam_in(call, "PolicyName"), err);
}

static const char *name_member(enum iam_kind kind)
{
    return kind == IAM_USER ? "UserName" : kind == IAM_ROLE ? "RoleName" : "GroupName";
}

IAM_HANDLER(get_inline)
{
    const char *policy = iam_in(call, "PolicyName");
    const struct iam_entity *e;
    struct iam_target t;
    int r = iam_open_target(call, &t, &e, err);

    (void)in;
    if (r < 0)
        return r;
    const struct iam_inline *p = iam_inline_of(e, policy);
    if (p) {
        sw_json_set_str(out, name_member(t.kind), e->name);
        sw_json_set_str(out, "PolicyName", p->name);
        iam_set_document(out, "PolicyDocument", p->text);
    }
    iam_close(call);
    return p ? 0
             : sw_fail(err, SW_ENOTFOUND, "NoSuchEntity",
                       "The %s policy with name %s cannot be found.", iam_kind_to_string(t.kind),
                       policy);
}

IAM_HANDLER(list_inline)
{
    const struct iam_entity *e;
    struct iam_target t;
    struct iam_page page;
    int r = iam_open_page(call, &t, &page, &e, err);

    (void)in;
    if (r < 0)
        return r;
    for (size_t i = 0; i < e->inlines_n; i++)
        if (iam_page_takes(&page, e->inlines[i].name))
            json_array_append_new(page.items, json_string(e->inlines[i].name));
    iam_close(call);
    iam_page_end(&page, out, "PolicyNames");
    return 0;
}

/* ---- attached ---- */

IAM_HANDLER(attach)
{
    struct iam_target t;
    int r = iam_target(call, &t, err);

    (void)in;
    (void)out;
    return r < 0 ? r
                 : directory_attach(iam_directory(call), t.kind, t.account, t.name,
                                    iam_in(call, "PolicyArn"), err);
}

IAM_HANDLER(detach)
{
    struct iam_target t;
    int r = iam_target(call, &t, err);

    (void)in;
    (void)out;
    return r < 0 ? r
                 : directory_detach(iam_directory(call), t.kind, t.account, t.name,
                                    iam_in(call, "PolicyArn"), err);
}

static void add_attached(struct identity *d, const struct iam_entity *e, const char *prefix,
                         struct iam_page *page)
{
    for (size_t i = 0; i < e->policies.n; i++) {
        const struct iam_entity *p = directory_by_arn(d, e->policies.v[i]);
        if (!p || (prefix && strncmp(p->path, prefix, strlen(prefix)) != 0) ||
            !iam_page_takes(page, p->arn))
            continue;
        json_t *o = json_object();
        sw_json_set_str(o, "PolicyName", p->name);
        sw_json_set_str(o, "PolicyArn", p->arn);
        json_array_append_new(page->items, o);
    }
}

IAM_HANDLER(list_attached)
{
    const struct iam_entity *e;
    struct iam_target t;
    struct iam_page page;
    int r = iam_open_page(call, &t, &page, &e, err);

    (void)in;
    if (r < 0)
        return r;
    add_attached(iam_directory(call), e, iam_in(call, "PathPrefix"), &page);
    iam_close(call);
    iam_page_end(&page, out, "AttachedPolicies");
    return 0;
}

struct having {
    const char *arn, *prefix, *filter, *usage;
    struct iam_page page;
    json_t *lists[IAM_KIND_MAX_];
};

/* Users, groups and roles in one order: that of the page's keys. */
static void add_having(void *ctx, const struct iam_entity *e)
{
    static const char *const filters[IAM_KIND_MAX_] = {"User", "Group", "Role"};
    static const char *const names[IAM_KIND_MAX_] = {"UserName", "GroupName", "RoleName"};
    static const char *const ids[IAM_KIND_MAX_] = {"UserId", "GroupId", "RoleId"};
    struct having *h = ctx;
    char key[256];
    bool attached = iam_words_has(&e->policies, h->arn), boundary = sw_streq(e->boundary, h->arn);

    if (sw_streq(h->usage, "PermissionsPolicy")     ? !attached
        : sw_streq(h->usage, "PermissionsBoundary") ? !boundary
                                                    : !attached && !boundary)
        return;
    if ((h->filter && !sw_streq(h->filter, filters[e->kind])) ||
        (h->prefix && strncmp(e->path, h->prefix, strlen(h->prefix)) != 0))
        return;
    (void)snprintf(key, sizeof(key), "%d %s", (int)e->kind, e->name);
    if (!iam_page_takes(&h->page, key))
        return;
    json_t *o = json_object();
    sw_json_set_str(o, names[e->kind], e->name);
    sw_json_set_str(o, ids[e->kind], e->id);
    json_array_append_new(h->lists[e->kind], o);
    json_array_append_new(h->page.items, json_null()); /* counts */
}

IAM_HANDLER(list_entities_for_policy)
{
    static const char *const members[] = {"PolicyUsers", "PolicyGroups", "PolicyRoles"};
    struct having h = {.prefix = iam_in(call, "PathPrefix"),
                       .filter = iam_in(call, "EntityFilter"),
                       .usage = iam_in(call, "PolicyUsageFilter")};
    const struct iam_entity *e;
    struct iam_target t;
    int r = iam_open_page(call, &t, &h.page, &e, err);

    (void)in;
    if (r < 0)
        return r;
    h.arn = t.arn;
    for (int kind = IAM_USER; kind <= IAM_ROLE; kind++) {
        h.lists[kind] = json_array();
        directory_each(iam_directory(call), (enum iam_kind)kind, call->principal.account,
                       add_having, &h);
        sw_json_set_new(out, members[kind], h.lists[kind]);
    }
    iam_close(call);
    iam_page_end(&h.page, out, "Counted");
    json_object_del(out, "Counted");
    return 0;
}

/* ---- versions ---- */

static json_t *version_json(const struct iam_entity *e, const struct iam_version *v, bool document)
{
    json_t *o = json_object();
    char id[24];

    iam_version_id(v->number, id);
    if (document)
        iam_set_document(o, "Document", v->text);
    sw_json_set_str(o, "VersionId", id);
    sw_json_set_bool(o, "IsDefaultVersion", v->number == e->default_version);
    sw_json_set_time_us(o, "CreateDate", v->created_at_us);
    return o;
}

static int64_t version_in(const struct aws_call *call)
{
    int64_t number = 0;

    (void)sw_parse_i64(sw_str(iam_in(call, "VersionId") + 1), &number);
    return number;
}

/* The policy must be there under that very ARN. */
static int policy_target(struct aws_call *call, struct iam_target *t, struct sw_err *err)
{
    const struct iam_entity *e;
    int r = iam_target(call, t, err);

    if (r == 0)
        r = iam_open(call, t, &e, err);
    if (r == 0)
        iam_close(call);
    return r;
}

IAM_HANDLER(create_policy_version)
{
    const struct iam_entity *e;
    struct iam_target t;
    int64_t number = 0;
    int r = policy_target(call, &t, err);

    (void)in;
    if (r == 0)
        r = directory_add_version(iam_directory(call), t.account, t.name,
                                  iam_in(call, "PolicyDocument"),
                                  sw_json_bool(call->input, "SetAsDefault", false), &number, err);
    if (r == 0)
        r = iam_open(call, &t, &e, err);
    if (r < 0)
        return r;
    const struct iam_version *v = iam_version_of(e, number);
    if (v)
        sw_json_set_new(out, "PolicyVersion", version_json(e, v, false));
    iam_close(call);
    return 0;
}

IAM_HANDLER(get_policy_version)
{
    const struct iam_entity *e;
    struct iam_target t;
    int r = iam_open_target(call, &t, &e, err);

    (void)in;
    if (r < 0)
        return r;
    const struct iam_version *v = iam_version_of(e, version_in(call));
    if (v)
        sw_json_set_new(out, "PolicyVersion", version_json(e, v, true));
    iam_close(call);
    return v ? 0
             : sw_fail(err, SW_ENOTFOUND, "NoSuchEntity",
                       "Policy %s version %s does not exist or is not attachable.", t.arn,
                       iam_in(call, "VersionId"));
}

IAM_HANDLER(delete_policy_version)
{
    struct iam_target t;
    int r = policy_target(call, &t, err);

    (void)in;
    (void)out;
    return r < 0 ? r
                 : directory_delete_version(iam_directory(call), t.account, t.name,
                                            version_in(call), err);
}

IAM_HANDLER(set_default_policy_version)
{
    struct iam_target t;
    int r = policy_target(call, &t, err);

    (void)in;
    (void)out;
    return r < 0 ? r
                 : directory_set_default_version(iam_directory(call), t.account, t.name,
                                                 version_in(call), err);
}

/* Newest first. */
IAM_HANDLER(list_policy_versions)
{
    const struct iam_entity *e;
    struct iam_target t;
    struct iam_page page;
    int r = iam_open_page(call, &t, &page, &e, err);

    (void)in;
    if (r < 0)
        return r;
    for (size_t i = e->versions_n; i-- > 0;) {
        char key[32];
        (void)snprintf(key, sizeof(key), "%012lld",
                       999999999999LL - (long long)e->versions[i].number);
        if (iam_page_takes(&page, key))
            json_array_append_new(page.items, version_json(e, &e->versions[i], false));
    }
    iam_close(call);
    iam_page_end(&page, out, "Versions");
    return 0;
}
