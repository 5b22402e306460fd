/* SPDX-License-Identifier: Apache-2.0 */
/* auth/api/iam_details.c - GetAccountAuthorizationDetails: everything at once, in pages over all kinds. */
#include <stdio.h>
#include <string.h>

#include "auth/api/iam_internal.h"
#include "base/macros.h"

struct details {
    struct aws_call *call;
    struct identity *d;
    struct iam_page page;
    struct iam_counts *counts;
    json_t *profiles; /* role id -> its profiles */
    json_t *users, *groups, *roles, *policies;
};

static json_t *inline_list(const struct iam_entity *e)
{
    json_t *list = json_array();

    for (size_t i = 0; i < e->inlines_n; i++) {
        json_t *o = json_object();
        sw_json_set_str(o, "PolicyName", e->inlines[i].name);
        iam_set_document(o, "PolicyDocument", e->inlines[i].text);
        json_array_append_new(list, o);
    }
    return list;
}

static void add_user(struct details *s, const struct iam_entity *e)
{
    json_t *o = iam_user_json(e, true), *groups = json_array();

    for (size_t i = 0; i < e->groups.n; i++) {
        const struct iam_entity *g = directory_by_id(s->d, e->groups.v[i]);
        if (g)
            json_array_append_new(groups, json_string(g->name));
    }
    sw_json_set_new(o, "GroupList", groups);
    sw_json_set_new(o, "UserPolicyList", inline_list(e));
    sw_json_set_new(o, "AttachedManagedPolicies", iam_attached_json(s->d, e));
    json_array_append_new(s->users, o);
}

static void add_group(struct details *s, const struct iam_entity *e)
{
    json_t *o = iam_group_json(e);

    sw_json_set_new(o, "GroupPolicyList", inline_list(e));
    sw_json_set_new(o, "AttachedManagedPolicies", iam_attached_json(s->d, e));
    json_array_append_new(s->groups, o);
}

/* Each profile once, at the role that it holds. */
static void note_profile(void *ctx, const struct iam_entity *e)
{
    struct details *s = ctx;

    for (size_t i = 0; i < e->roles.n; i++) {
        json_t *list = json_object_get(s->profiles, e->roles.v[i]);
        if (!list) {
            list = json_array();
            sw_json_set_new(s->profiles, e->roles.v[i], list);
        }
        json_array_append_new(list, iam_profile_json(s->d, e, false));
    }
}

static void add_role(struct details *s, const struct iam_entity *e)
{
    json_t *o = iam_role_json(e, true), *profiles = json_object_get(s->profiles, e->id);

    json_object_del(o, "Description");
    json_object_del(o, "MaxSessionDuration");
    sw_json_set_new(o, "InstanceProfileList", profiles ? json_incref(profiles) : json_array());
    sw_json_set_new(o, "RolePolicyList", inline_list(e));
    sw_json_set_new(o, "AttachedManagedPolicies", iam_attached_json(s->d, e));
    json_array_append_new(s->roles, o);
}

static void add_policy(struct details *s, const struct iam_entity *e)
{
    json_t *o = iam_policy_json(s->counts, e, true), *versions = json_array();

    json_object_del(o, "Tags");
    for (size_t i = e->versions_n; i-- > 0;) {
        json_t *v = json_object();
        char id[24];
        iam_version_id(e->versions[i].number, id);
        iam_set_document(v, "Document", e->versions[i].text);
        sw_json_set_str(v, "VersionId", id);
        sw_json_set_bool(v, "IsDefaultVersion", e->versions[i].number == e->default_version);
        sw_json_set_time_us(v, "CreateDate", e->versions[i].created_at_us);
        json_array_append_new(versions, v);
    }
    sw_json_set_new(o, "PolicyVersionList", versions);
    json_array_append_new(s->policies, o);
}

static bool wanted(const struct details *s, const struct iam_entity *e)
{
    static const char *const filters[IAM_KIND_MAX_] = {"User", "Group", "Role"};
    const json_t *list = sw_json_array(s->call->input, "Filter"), *f;
    bool aws = sw_streq(e->account, IAM_AWS_ACCOUNT);
    const char *name = e->kind != IAM_POLICY ? filters[e->kind]
                       : aws                 ? "AWSManagedPolicy"
                                             : "LocalManagedPolicy";
    size_t i;

    if (!aws && !sw_streq(e->account, s->call->principal.account))
        return false;
    /* Of AWS's policies those that somebody has. */
    if (aws && iam_count_attached(s->counts, e->arn) == 0)
        return false;
    json_array_foreach(list, i, f)
        if (sw_streq(json_string_value(f), name))
            return true;
    return json_array_size(list) == 0;
}

static void add_one(void *ctx, const struct iam_entity *e)
{
    static void (*const adders[])(struct details *,
                                  const struct iam_entity *) = {[IAM_USER] = add_user,
                                                                [IAM_GROUP] = add_group,
                                                                [IAM_ROLE] = add_role,
                                                                [IAM_POLICY] = add_policy};
    struct details *s = ctx;
    char key[256];

    if (!wanted(s, e))
        return;
    (void)snprintf(key, sizeof(key), "%d %s %s", (int)e->kind, e->name, e->id);
    if (!iam_page_takes(&s->page, key))
        return;
    adders[e->kind](s, e);
    json_array_append_new(s->page.items, json_null()); /* counts */
}

IAM_HANDLER(get_account_authorization_details)
{
    struct details s = {.call = call, .d = iam_directory(call)};
    int r = iam_may(call, NULL, "*", err);

    (void)in;
    if (r == 0)
        r = iam_page_begin(call, &s.page, err);
    if (r < 0)
        return r;
    s.users = json_array();
    s.groups = json_array();
    s.roles = json_array();
    s.policies = json_array();
    directory_lock(s.d);
    s.counts = iam_counts_new(s.d, call->principal.account);
    s.profiles = json_object();
    directory_each(s.d, IAM_PROFILE, call->principal.account, note_profile, &s);
    for (int kind = IAM_USER; kind <= IAM_POLICY; kind++)
        directory_each(s.d, (enum iam_kind)kind,
                       kind == IAM_POLICY ? NULL : call->principal.account, add_one, &s);
    iam_counts_free(s.counts);
    json_decref(s.profiles);
    directory_unlock(s.d);
    sw_json_set_new(out, "UserDetailList", s.users);
    sw_json_set_new(out, "GroupDetailList", s.groups);
    sw_json_set_new(out, "RoleDetailList", s.roles);
    sw_json_set_new(out, "Policies", s.policies);
    iam_page_end(&s.page, out, "Counted");
    json_object_del(out, "Counted");
    return 0;
}
