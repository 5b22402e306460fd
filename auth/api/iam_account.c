/* SPDX-License-Identifier: Apache-2.0 */
/* auth/api/iam_account.c - access keys, the account's alias and numbers, and lists of what there is none of here: clients that
 * delete a user ask for them first. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "auth/api/iam_internal.h"
#include "base/macros.h"

/* ---- access keys ---- */

static json_t *key_json(const struct iam_key_info *k, const char *user)
{
    json_t *o = json_object();

    sw_json_set_str(o, "UserName", user);
    sw_json_set_str(o, "AccessKeyId", k->id);
    sw_json_set_str(o, "Status", k->active ? "Active" : "Inactive");
    sw_json_set_time_us(o, "CreateDate", k->created_at_us);
    return o;
}

IAM_HANDLER(create_access_key)
{
    struct identity *d = iam_directory(call);
    struct identity_key pair = {0};
    struct iam_key_info info;
    struct iam_target t;
    int r = iam_target(call, &t, err);

    (void)in;
    if (r == 0)
        r = directory_key_add(d, t.account, t.name, NULL, &pair, err);
    if (r < 0)
        return r;
    directory_lock(d);
    bool found = directory_key(d, pair.access_key_id, &info);
    directory_unlock(d);
    if (found) {
        json_t *key = key_json(&info, t.name);
        sw_json_set_str(key, "SecretAccessKey", pair.secret_access_key);
        sw_json_set_new(out, "AccessKey", key);
    }
    explicit_bzero(&pair, sizeof(pair));
    return 0;
}

IAM_HANDLER(update_access_key)
{
    struct iam_target t;
    int r = iam_target(call, &t, err);

    (void)in;
    (void)out;
    return r < 0 ? r
                 : directory_key_set(iam_directory(call), t.account, t.name,
                                     iam_in(call, "AccessKeyId"),
                                     sw_streq(iam_in(call, "Status"), "Active"), err);
}

IAM_HANDLER(delete_access_key)
{
    struct iam_target t;
    int r = iam_target(call, &t, err);

    (void)in;
    (void)out;
    return r < 0 ? r
                 : directory_key_delete(iam_directory(call), t.account, t.name,
                                        iam_in(call, "AccessKeyId"), err);
}

struct key_list {
    struct iam_page page;
    const char *user;
};

static void add_key(void *ctx, const struct iam_key_info *k)
{
    struct key_list *l = ctx;
    char key[64];

    (void)snprintf(key, sizeof(key), "%020lld %s", (long long)k->created_at_us, k->id);
    if (iam_page_takes(&l->page, key))
        json_array_append_new(l->page.items, key_json(k, l->user));
}

IAM_HANDLER(list_access_keys)
{
    struct key_list l = {.user = NULL};
    const struct iam_entity *e;
    struct iam_target t;
    int r = iam_open_page(call, &t, &l.page, &e, err);

    (void)in;
    if (r < 0)
        return r;
    l.user = e->name;
    directory_each_key(iam_directory(call), e->id, add_key, &l);
    iam_close(call);
    iam_page_end(&l.page, out, "AccessKeyMetadata");
    return 0;
}

static json_t *last_used_json(const struct iam_key_info *k)
{
    json_t *o = json_object();

    if (k->last_used_us)
        sw_json_set_time_us(o, "LastUsedDate", k->last_used_us);
    sw_json_set_str(o, "ServiceName", k->last_used_us ? k->last_service : "N/A");
    sw_json_set_str(o, "Region", k->last_used_us ? k->last_region : "N/A");
    return o;
}

/* Keys of another account are as if they were not there. */
IAM_HANDLER(get_access_key_last_used)
{
    const char *id = iam_in(call, "AccessKeyId");
    struct identity *d = iam_directory(call);
    struct iam_key_info info;
    char name[256] = "";
    int r;

    (void)in;
    directory_lock(d);
    bool found = directory_key(d, id, &info) && sw_streq(info.account, call->principal.account);
    const struct iam_entity *e = found ? directory_by_id(d, info.user_id) : NULL;
    if (e)
        (void)snprintf(name, sizeof(name), "%s", e->name);
    directory_unlock(d);
    struct iam_target t;
    r = iam_target_named(call, IAM_USER, e ? name : "*", NULL, &t, err);
    if (r < 0)
        return r;
    if (!e)
        return sw_fail(err, SW_ENOTFOUND, "NoSuchEntity",
                       "The Access Key with id %.128s cannot be found.", id);
    sw_json_set_str(out, "UserName", name);
    sw_json_set_new(out, "AccessKeyLastUsed", last_used_json(&info));
    return 0;
}

/* ---- the account ---- */

IAM_HANDLER(create_account_alias)
{
    int r = iam_may(call, NULL, "*", err);

    (void)in;
    (void)out;
    return r < 0 ? r
                 : directory_set_alias(iam_directory(call), call->principal.account,
                                       iam_in(call, "AccountAlias"), err);
}

IAM_HANDLER(delete_account_alias)
{
    const char *asked = iam_in(call, "AccountAlias");
    struct identity *d = iam_directory(call);
    char alias[64];
    int r = iam_may(call, NULL, "*", err);

    (void)in;
    (void)out;
    if (r < 0)
        return r;
    directory_lock(d);
    bool there = directory_alias(d, call->principal.account, alias) && sw_streq(alias, asked);
    directory_unlock(d);
    if (!there)
        return sw_fail(err, SW_ENOTFOUND, "NoSuchEntity", "The account alias %s cannot be found.",
                       asked);
    return directory_set_alias(d, call->principal.account, NULL, err);
}

IAM_HANDLER(list_account_aliases)
{
    struct identity *d = iam_directory(call);
    json_t *list;
    char alias[64];
    int r = iam_may(call, NULL, "*", err);

    (void)in;
    if (r < 0)
        return r;
    list = json_array();
    directory_lock(d);
    if (directory_alias(d, call->principal.account, alias))
        json_array_append_new(list, json_string(alias));
    directory_unlock(d);
    sw_json_set_new(out, "AccountAliases", list);
    sw_json_set_bool(out, "IsTruncated", false);
    return 0;
}

struct sums {
    size_t n, versions;
};

static void sum_one(void *ctx, const struct iam_entity *e)
{
    struct sums *s = ctx;

    s->n++;
    s->versions += e->versions_n;
}

static struct sums sum_of(struct identity *d, enum iam_kind kind, const char *account)
{
    struct sums s = {0};

    directory_each(d, kind, account, sum_one, &s);
    return s;
}

IAM_HANDLER(get_account_summary)
{
    struct identity *d = iam_directory(call);
    const char *account = call->principal.account;
    int r = iam_may(call, NULL, "*", err);

    (void)in;
    if (r < 0)
        return r;
    directory_lock(d);
    struct sums policies = sum_of(d, IAM_POLICY, account);
    const struct {
        const char *name;
        size_t value;
    } rows[] = {
        {"Users", sum_of(d, IAM_USER, account).n},
        {"UsersQuota", IAM_ENTITIES_MAX},
        {"Groups", sum_of(d, IAM_GROUP, account).n},
        {"GroupsQuota", IAM_ENTITIES_MAX},
        {"Roles", sum_of(d, IAM_ROLE, account).n},
        {"RolesQuota", IAM_ENTITIES_MAX},
        {"InstanceProfiles", sum_of(d, IAM_PROFILE, account).n},
        {"InstanceProfilesQuota", IAM_ENTITIES_MAX},
        {"Providers", sum_of(d, IAM_PROVIDER, account).n},
        {"Policies", policies.n},
        {"PoliciesQuota", IAM_ENTITIES_MAX},
        {"PolicyVersionsInUse", policies.versions},
        {"PolicyVersionsInUseQuota", (size_t)IAM_ENTITIES_MAX * IAM_VERSIONS_MAX},
        {"PolicySizeQuota", IAM_MANAGED_SIZE},
        {"VersionsPerPolicyQuota", IAM_VERSIONS_MAX},
        {"UserPolicySizeQuota", IAM_INLINE_USER},
        {"GroupPolicySizeQuota", IAM_INLINE_GROUP},
        {"RolePolicySizeQuota", IAM_INLINE_ROLE},
        {"AssumeRolePolicySizeQuota", IAM_TRUST_SIZE},
        {"AttachedPoliciesPerUserQuota", IAM_ATTACHED_MAX},
        {"AttachedPoliciesPerGroupQuota", IAM_ATTACHED_MAX},
        {"AttachedPoliciesPerRoleQuota", IAM_ATTACHED_MAX},
        {"GroupsPerUserQuota", IAM_GROUPS_MAX},
        {"AccessKeysPerUserQuota", IAM_KEYS_MAX},
        {"SigningCertificatesPerUserQuota", 0},
        {"ServerCertificates", 0},
        {"ServerCertificatesQuota", 0},
        {"MFADevices", 0},
        {"MFADevicesInUse", 0},
        {"AccountMFAEnabled", 0},
        {"AccountAccessKeysPresent", 0},
        {"AccountSigningCertificatesPresent", 0},
        {"GlobalEndpointTokenVersion", 1},
    };
    directory_unlock(d);
    json_t *map = json_object();
    for (size_t i = 0; i < SW_ARRAY_LEN(rows); i++)
        sw_json_set_int(map, rows[i].name, (int64_t)rows[i].value);
    sw_json_set_new(out, "SummaryMap", map);
    return 0;
}

/* ---- what there is none of ---- */

static const struct {
    const char *op, *member;
    bool has_user, pages;
} empty_lists[] = {
    {"ListMFADevices", "MFADevices", true, true},
    {"ListSAMLProviders", "SAMLProviderList", false, false},
    {"ListSSHPublicKeys", "SSHPublicKeys", true, true},
    {"ListServerCertificates", "ServerCertificateMetadataList", false, true},
    {"ListServiceSpecificCredentials", "ServiceSpecificCredentials", true, false},
    {"ListSigningCertificates", "Certificates", true, true},
    {"ListVirtualMFADevices", "VirtualMFADevices", false, true},
};

static int may_see_user(struct aws_call *call, struct sw_err *err)
{
    const struct iam_entity *e;
    struct iam_target t;
    int r = iam_open_target(call, &t, &e, err);

    if (r == 0)
        iam_close(call);
    return r;
}

IAM_HANDLER(list_nothing)
{
    size_t i = 0;

    (void)in;
    while (!sw_streq(empty_lists[i].op, call->op->name))
        i++;
    int r = empty_lists[i].has_user ? may_see_user(call, err) : iam_may(call, NULL, "*", err);
    if (r < 0)
        return r;
    sw_json_set_new(out, empty_lists[i].member, json_array());
    if (empty_lists[i].pages)
        sw_json_set_bool(out, "IsTruncated", false);
    return 0;
}

IAM_HANDLER(no_login_profile)
{
    int r = may_see_user(call, err);

    (void)in;
    (void)out;
    return r < 0 ? r
                 : sw_fail(err, SW_ENOTFOUND, "NoSuchEntity",
                           "Login Profile for User %s cannot be found.", iam_in(call, "UserName"));
}
