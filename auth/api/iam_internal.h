/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* auth/api/iam_internal.h - what the handlers share. */
#include "auth/api/iam.h"
#include "auth/api/iam_schema.h"
#include "base/json.h"

struct iam_api {
    struct iam_api_options o;
};
struct identity *iam_directory(const struct aws_call *call);

/* A string member of the input, or NULL. */
const char *iam_in(const struct aws_call *call, const char *member);

/* ---- what an operation is about ---- */
struct iam_target {
    enum iam_kind kind;
    char account[13];
    char name[256];
    char arn[IAM_ARN_MAX]; /* of the object when it exists; else as it would be at path / */
};
/* By the first of the input's members UserName, RoleName, GroupName, InstanceProfileName, OpenIDConnectProviderArn and PolicyArn
 * that the operation's table has; without a UserName the caller. Asks aws_may() for it. */
int iam_target(struct aws_call *call, struct iam_target *ret, struct sw_err *err);
/* The same for an object by name (of the caller's account). */
int iam_target_named(struct aws_call *call, enum iam_kind kind, const char *name, const char *path,
                     struct iam_target *ret, struct sw_err *err);
/* aws_may() with what the request says of itself as context keys. action NULL: the operation's. */
int iam_may(struct aws_call *call, const char *action, const char *arn, struct sw_err *err);
/* For lists: the resource is KIND/PREFIX of the account. */
int iam_may_list(struct aws_call *call, enum iam_kind kind, struct sw_err *err);
/* Locks the directory and finds the object; on failure it is not locked. */
int iam_open(struct aws_call *call, const struct iam_target *t, const struct iam_entity **ret,
             struct sw_err *err);
void iam_close(struct aws_call *call);

/* ---- pages: Marker, MaxItems, IsTruncated ---- */
struct iam_page {
    int64_t max;
    char after[1025], last[1025];
    json_t *items;
    bool truncated;
};
int iam_page_begin(struct aws_call *call, struct iam_page *ret, struct sw_err *err);
/* Whether the item of that key is on this page; keys come in ascending order. */
bool iam_page_takes(struct iam_page *p, const char *key);
void iam_page_end(struct iam_page *p, json_t *out, const char *member);
/* How most reads begin: iam_target(), then iam_open(). */
int iam_open_target(struct aws_call *call, struct iam_target *ret_target,
                    const struct iam_entity **ret, struct sw_err *err);
/* How every list about one object begins: iam_target(), iam_page_begin(), iam_open(). On failure nothing is locked or held. */
int iam_open_page(struct aws_call *call, struct iam_target *ret_target, struct iam_page *ret_page,
                  const struct iam_entity **ret, struct sw_err *err);

/* ---- objects as JSON ---- */
json_t *iam_user_json(const struct iam_entity *e, bool whole);
json_t *iam_group_json(const struct iam_entity *e);
json_t *iam_role_json(const struct iam_entity *e, bool whole);
json_t *iam_profile_json(struct identity *d, const struct iam_entity *e, bool whole);
struct iam_counts; /* how often each policy is attached in an account */
struct iam_counts *iam_counts_new(struct identity *d, const char *account);
void iam_counts_free(struct iam_counts *c);
int64_t iam_count_attached(const struct iam_counts *c, const char *arn);
int64_t iam_count_boundaries(const struct iam_counts *c, const char *arn);
json_t *iam_policy_json(const struct iam_counts *c, const struct iam_entity *e, bool whole);
json_t *iam_tags_json(const struct iam_entity *e);
json_t *iam_attached_json(struct identity *d, const struct iam_entity *e);
void iam_set_document(json_t *out, const char *member, const char *text);
void iam_version_id(int64_t number, char ret[24]);

/* Tags of the input as an array, which `*ret_n` of; the caller frees the array. Strings are borrowed. */
struct iam_tag *iam_tags_in(const struct aws_call *call, size_t *ret_n);
/* A list of strings of the input, NULL-terminated; the caller frees the array. */
const char **iam_words_in(const struct aws_call *call, const char *member, size_t *ret_n);

#define IAM_HANDLER(name) \
    int iam_##name(struct aws_call *call, const void *in, json_t *out, struct sw_err *err)
/* iam_entity.c */
IAM_HANDLER(create_user);
IAM_HANDLER(create_group);
IAM_HANDLER(create_role);
IAM_HANDLER(create_policy);
IAM_HANDLER(create_instance_profile);
IAM_HANDLER(get);
IAM_HANDLER(get_group);
IAM_HANDLER(delete);
IAM_HANDLER(list_users);
IAM_HANDLER(list_groups);
IAM_HANDLER(list_roles);
IAM_HANDLER(list_policies);
IAM_HANDLER(list_instance_profiles);
IAM_HANDLER(update_entity);
IAM_HANDLER(update_role);
IAM_HANDLER(update_role_description);
IAM_HANDLER(update_assume_role_policy);
IAM_HANDLER(tag);
IAM_HANDLER(untag);
IAM_HANDLER(list_tags);
/* iam_link.c */
IAM_HANDLER(join_group);
IAM_HANDLER(leave_group);
IAM_HANDLER(list_groups_for_user);
IAM_HANDLER(add_role_to_profile);
IAM_HANDLER(remove_role_from_profile);
IAM_HANDLER(list_profiles_for_role);
IAM_HANDLER(put_boundary);
IAM_HANDLER(delete_boundary);
IAM_HANDLER(create_service_linked_role);
IAM_HANDLER(delete_service_linked_role);
IAM_HANDLER(get_service_linked_role_deletion_status);
/* iam_policy.c */
IAM_HANDLER(put_inline);
IAM_HANDLER(get_inline);
IAM_HANDLER(delete_inline);
IAM_HANDLER(list_inline);
IAM_HANDLER(attach);
IAM_HANDLER(detach);
IAM_HANDLER(list_attached);
IAM_HANDLER(list_entities_for_policy);
IAM_HANDLER(create_policy_version);
IAM_HANDLER(get_policy_version);
IAM_HANDLER(delete_policy_version);
IAM_HANDLER(list_policy_versions);
IAM_HANDLER(set_default_policy_version);
/* iam_account.c */
IAM_HANDLER(create_access_key);
IAM_HANDLER(update_access_key);
IAM_HANDLER(delete_access_key);
IAM_HANDLER(list_access_keys);
IAM_HANDLER(get_access_key_last_used);
IAM_HANDLER(create_account_alias);
IAM_HANDLER(delete_account_alias);
IAM_HANDLER(list_account_aliases);
IAM_HANDLER(get_account_summary);
IAM_HANDLER(list_nothing);
IAM_HANDLER(no_login_profile);
/* iam_details.c */
IAM_HANDLER(get_account_authorization_details);
/* iam_provider.c */
IAM_HANDLER(create_provider);
IAM_HANDLER(get_provider);
IAM_HANDLER(list_providers);
IAM_HANDLER(add_client_id);
IAM_HANDLER(remove_client_id);
IAM_HANDLER(update_thumbprint);
/* iam_simulate.c */
IAM_HANDLER(simulate);
IAM_HANDLER(context_keys);
