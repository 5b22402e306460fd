/* SPDX-License-Identifier: Apache-2.0 */
/* auth/api/iam_schema_in.c - inputs of IAM: names, types, limits, enumerations and patterns as in the model of 2010-05-08. Everything is
 * read by the handlers from the document; documents may be larger here than IAM's request limit, since quotas count without white space. */
#include "auth/api/iam_schema.h"

#include "base/macros.h"

/* clang-format off */
const struct sw_field iam_add_client_id_to_openidconnect_provider_in[] = {
    {.name = "OpenIDConnectProviderArn", .type = T_STRING, .flags = F_REQUIRED | F_READ | F_LIMITS, .min = 20, .max = 2048},
    {.name = "ClientID", .type = T_STRING, .flags = F_REQUIRED | F_READ | F_LIMITS, .min = 1, .max = 255},
    F_END};
const struct sw_field iam_add_role_to_instance_profile_in[] = {
    {.name = "InstanceProfileName", .type = T_STRING, .flags = F_REQUIRED | F_READ | F_LIMITS, .min = 1, .max = 128, .check = iam_is_name, .pattern = "[\\w+=,.@-]+"},
    {.name = "RoleName", .type = T_STRING, .flags = F_REQUIRED | F_READ | F_LIMITS, .min = 1, .max = 64, .check = iam_is_name, .pattern = "[\\w+=,.@-]+"},
    F_END};
const struct sw_field iam_add_user_to_group_in[] = {
    {.name = "GroupName", .type = T_STRING, .flags = F_REQUIRED | F_READ | F_LIMITS, .min = 1, .max = 128, .check = iam_is_name, .pattern = "[\\w+=,.@-]+"},
    {.name = "UserName", .type = T_STRING, .flags = F_REQUIRED | F_READ | F_LIMITS, .min = 1, .max = 128, .check = iam_is_name, .pattern = "[\\w+=,.@-]+"},
    F_END};
const struct sw_field iam_attach_group_policy_in[] = {
    {.name = "GroupName", .type = T_STRING, .flags = F_REQUIRED | F_READ | F_LIMITS, .min = 1, .max = 128, .check = iam_is_name, .pattern = "[\\w+=,.@-]+"},
    {.name = "PolicyArn", .type = T_STRING, .flags = F_REQUIRED | F_READ | F_LIMITS, .min = 20, .max = 2048},
    F_END};
const struct sw_field iam_attach_role_policy_in[] = {
    {.name = "RoleName", .type = T_STRING, .flags = F_REQUIRED | F_READ | F_LIMITS, .min = 1, .max = 64, .check = iam_is_name, .pattern = "[\\w+=,.@-]+"},
    {.name = "PolicyArn", .type = T_STRING, .flags = F_REQUIRED | F_READ | F_LIMITS, .min = 20, .max = 2048},
    F_END};
const struct sw_field iam_attach_user_policy_in[] = {
    {.name = "UserName", .type = T_STRING, .flags = F_REQUIRED | F_READ | F_LIMITS, .min = 1, .max = 64, .check = iam_is_name, .pattern = "[\\w+=,.@-]+"},
    {.name = "PolicyArn", .type = T_STRING, .flags = F_REQUIRED | F_READ | F_LIMITS, .min = 20, .max = 2048},
    F_END};
const struct sw_field iam_create_access_key_in[] = {
    {.name = "UserName", .type = T_STRING, .flags = F_READ | F_LIMITS, .min = 1, .max = 128, .check = iam_is_name, .pattern = "[\\w+=,.@-]+"},
    F_END};
const struct sw_field iam_create_account_alias_in[] = {
    {.name = "AccountAlias", .type = T_STRING, .flags = F_REQUIRED | F_READ | F_LIMITS, .min = 3, .max = 63, .check = iam_is_alias, .pattern = "[a-z0-9](([a-z0-9]|-(?!-))*[a-z0-9])?"},
    F_END};
const struct sw_field iam_create_group_in[] = {
    {.name = "Path", .type = T_STRING, .flags = F_READ | F_LIMITS, .min = 1, .max = 512, .check = iam_is_path, .pattern = "(/)|(/[!-~]+/)"},
    {.name = "GroupName", .type = T_STRING, .flags = F_REQUIRED | F_READ | F_LIMITS, .min = 1, .max = 128, .check = iam_is_name, .pattern = "[\\w+=,.@-]+"},
    F_END};
static const struct sw_field in_tag[] = {
    {.name = "Key", .type = T_STRING, .flags = F_REQUIRED | F_READ | F_LIMITS, .min = 1, .max = 128, .check = iam_is_tag, .pattern = "[\\p{L}\\p{Z}\\p{N}_.:/=+\\-@]+"},
    {.name = "Value", .type = T_STRING, .flags = F_REQUIRED | F_READ | F_LIMITS, .min = 0, .max = 256, .check = iam_is_tag, .pattern = "[\\p{L}\\p{Z}\\p{N}_.:/=+\\-@]*"},
    F_END};
static const struct sw_field in_tag_list_type[] = {
    {.name = "member", .type = T_STRUCT, .flags = F_READ, .of = in_tag},
    F_END};
const struct sw_field iam_create_instance_profile_in[] = {
    {.name = "InstanceProfileName", .type = T_STRING, .flags = F_REQUIRED | F_READ | F_LIMITS, .min = 1, .max = 128, .check = iam_is_name, .pattern = "[\\w+=,.@-]+"},
    {.name = "Path", .type = T_STRING, .flags = F_READ | F_LIMITS, .min = 1, .max = 512, .check = iam_is_path, .pattern = "(/)|(/[!-~]+/)"},
    {.name = "Tags", .type = T_LIST, .flags = F_READ | F_LIMITS, .min = 0, .max = 50, .of = in_tag_list_type},
    F_END};
static const struct sw_field in_client_id_list_type[] = {
    {.name = "member", .type = T_STRING, .flags = F_READ | F_LIMITS, .min = 1, .max = 255},
    F_END};
static const struct sw_field in_thumbprint_list_type[] = {
    {.name = "member", .type = T_STRING, .flags = F_READ | F_LIMITS, .min = 40, .max = 40},
    F_END};
const struct sw_field iam_create_openidconnect_provider_in[] = {
    {.name = "Url", .type = T_STRING, .flags = F_REQUIRED | F_READ | F_LIMITS, .min = 1, .max = 255},
    {.name = "ClientIDList", .type = T_LIST, .flags = F_READ, .of = in_client_id_list_type},
    {.name = "ThumbprintList", .type = T_LIST, .flags = F_REQUIRED | F_READ, .of = in_thumbprint_list_type},
    {.name = "Tags", .type = T_LIST, .flags = F_READ | F_LIMITS, .min = 0, .max = 50, .of = in_tag_list_type},
    F_END};
const struct sw_field iam_create_policy_in[] = {
    {.name = "PolicyName", .type = T_STRING, .flags = F_REQUIRED | F_READ | F_LIMITS, .min = 1, .max = 128, .check = iam_is_name, .pattern = "[\\w+=,.@-]+"},
    {.name = "Path", .type = T_STRING, .flags = F_READ | F_LIMITS, .min = 1, .max = 512, .check = iam_is_policy_path, .pattern = "((/[A-Za-z0-9.,+@=_-]+)*)/"},
    {.name = "PolicyDocument", .type = T_STRING, .flags = F_REQUIRED | F_READ | F_LIMITS, .min = 1, .max = 131072, .check = iam_is_document, .pattern = "[\\u0009\\u000A\\u000D\\u0020-\\u00FF]+"},
    {.name = "Description", .type = T_STRING, .flags = F_READ | F_LIMITS, .min = 0, .max = 1000},
    {.name = "Tags", .type = T_LIST, .flags = F_READ | F_LIMITS, .min = 0, .max = 50, .of = in_tag_list_type},
    F_END};
const struct sw_field iam_create_policy_version_in[] = {
    {.name = "PolicyArn", .type = T_STRING, .flags = F_REQUIRED | F_READ | F_LIMITS, .min = 20, .max = 2048},
    {.name = "PolicyDocument", .type = T_STRING, .flags = F_REQUIRED | F_READ | F_LIMITS, .min = 1, .max = 131072, .check = iam_is_document, .pattern = "[\\u0009\\u000A\\u000D\\u0020-\\u00FF]+"},
    {.name = "SetAsDefault", .type = T_BOOL, .flags = F_READ},
    F_END};
const struct sw_field iam_create_role_in[] = {
    {.name = "Path", .type = T_STRING, .flags = F_READ | F_LIMITS, .min = 1, .max = 512, .check = iam_is_path, .pattern = "(/)|(/[!-~]+/)"},
    {.name = "RoleName", .type = T_STRING, .flags = F_REQUIRED | F_READ | F_LIMITS, .min = 1, .max = 64, .check = iam_is_name, .pattern = "[\\w+=,.@-]+"},
    {.name = "AssumeRolePolicyDocument", .type = T_STRING, .flags = F_REQUIRED | F_READ | F_LIMITS, .min = 1, .max = 131072, .check = iam_is_document, .pattern = "[\\u0009\\u000A\\u000D\\u0020-\\u00FF]+"},
    {.name = "Description", .type = T_STRING, .flags = F_READ | F_LIMITS, .min = 0, .max = 1000, .check = iam_is_description, .pattern = "[\\p{L}\\p{M}\\p{Z}\\p{S}\\p{N}\\p{P}]*"},
    {.name = "MaxSessionDuration", .type = T_INT, .flags = F_READ | F_LIMITS, .min = 3600, .max = 43200},
    {.name = "PermissionsBoundary", .type = T_STRING, .flags = F_READ | F_LIMITS, .min = 20, .max = 2048},
    {.name = "Tags", .type = T_LIST, .flags = F_READ | F_LIMITS, .min = 0, .max = 50, .of = in_tag_list_type},
    F_END};
const struct sw_field iam_create_service_linked_role_in[] = {
    {.name = "AWSServiceName", .type = T_STRING, .flags = F_REQUIRED | F_READ | F_LIMITS, .min = 1, .max = 128, .check = iam_is_name, .pattern = "[\\w+=,.@-]+"},
    {.name = "Description", .type = T_STRING, .flags = F_READ | F_LIMITS, .min = 0, .max = 1000, .check = iam_is_description, .pattern = "[\\p{L}\\p{M}\\p{Z}\\p{S}\\p{N}\\p{P}]*"},
    {.name = "CustomSuffix", .type = T_STRING, .flags = F_READ | F_LIMITS, .min = 1, .max = 64, .check = iam_is_name, .pattern = "[\\w+=,.@-]+"},
    F_END};
const struct sw_field iam_create_user_in[] = {
    {.name = "Path", .type = T_STRING, .flags = F_READ | F_LIMITS, .min = 1, .max = 512, .check = iam_is_path, .pattern = "(/)|(/[!-~]+/)"},
    {.name = "UserName", .type = T_STRING, .flags = F_REQUIRED | F_READ | F_LIMITS, .min = 1, .max = 64, .check = iam_is_name, .pattern = "[\\w+=,.@-]+"},
    {.name = "PermissionsBoundary", .type = T_STRING, .flags = F_READ | F_LIMITS, .min = 20, .max = 2048},
    {.name = "Tags", .type = T_LIST, .flags = F_READ | F_LIMITS, .min = 0, .max = 50, .of = in_tag_list_type},
    F_END};
const struct sw_field iam_delete_access_key_in[] = {
    {.name = "UserName", .type = T_STRING, .flags = F_READ | F_LIMITS, .min = 1, .max = 128, .check = iam_is_name, .pattern = "[\\w+=,.@-]+"},
    {.name = "AccessKeyId", .type = T_STRING, .flags = F_REQUIRED | F_READ | F_LIMITS, .min = 16, .max = 128, .check = iam_is_word, .pattern = "[\\w]+"},
    F_END};
const struct sw_field iam_delete_account_alias_in[] = {
    {.name = "AccountAlias", .type = T_STRING, .flags = F_REQUIRED | F_READ | F_LIMITS, .min = 3, .max = 63, .check = iam_is_alias, .pattern = "[a-z0-9](([a-z0-9]|-(?!-))*[a-z0-9])?"},
    F_END};
const struct sw_field iam_delete_group_in[] = {
    {.name = "GroupName", .type = T_STRING, .flags = F_REQUIRED | F_READ | F_LIMITS, .min = 1, .max = 128, .check = iam_is_name, .pattern = "[\\w+=,.@-]+"},
    F_END};
const struct sw_field iam_delete_group_policy_in[] = {
    {.name = "GroupName", .type = T_STRING, .flags = F_REQUIRED | F_READ | F_LIMITS, .min = 1, .max = 128, .check = iam_is_name, .pattern = "[\\w+=,.@-]+"},
    {.name = "PolicyName", .type = T_STRING, .flags = F_REQUIRED | F_READ | F_LIMITS, .min = 1, .max = 128, .check = iam_is_name, .pattern = "[\\w+=,.@-]+"},
    F_END};
const struct sw_field iam_delete_instance_profile_in[] = {
    {.name = "InstanceProfileName", .type = T_STRING, .flags = F_REQUIRED | F_READ | F_LIMITS, .min = 1, .max = 128, .check = iam_is_name, .pattern = "[\\w+=,.@-]+"},
    F_END};
const struct sw_field iam_delete_login_profile_in[] = {
    {.name = "UserName", .type = T_STRING, .flags = F_REQUIRED | F_READ | F_LIMITS, .min = 1, .max = 64, .check = iam_is_name, .pattern = "[\\w+=,.@-]+"},
    F_END};
const struct sw_field iam_delete_openidconnect_provider_in[] = {
    {.name = "OpenIDConnectProviderArn", .type = T_STRING, .flags = F_REQUIRED | F_READ | F_LIMITS, .min = 20, .max = 2048},
    F_END};
const struct sw_field iam_delete_policy_in[] = {
    {.name = "PolicyArn", .type = T_STRING, .flags = F_REQUIRED | F_READ | F_LIMITS, .min = 20, .max = 2048},
    F_END};
const struct sw_field iam_delete_policy_version_in[] = {
    {.name = "PolicyArn", .type = T_STRING, .flags = F_REQUIRED | F_READ | F_LIMITS, .min = 20, .max = 2048},
    {.name = "VersionId", .type = T_STRING, .flags = F_REQUIRED | F_READ, .check = iam_is_version, .pattern = "v[1-9][0-9]*"},
    F_END};
const struct sw_field iam_delete_role_in[] = {
    {.name = "RoleName", .type = T_STRING, .flags = F_REQUIRED | F_READ | F_LIMITS, .min = 1, .max = 64, .check = iam_is_name, .pattern = "[\\w+=,.@-]+"},
    F_END};
const struct sw_field iam_delete_role_permissions_boundary_in[] = {
    {.name = "RoleName", .type = T_STRING, .flags = F_REQUIRED | F_READ | F_LIMITS, .min = 1, .max = 64, .check = iam_is_name, .pattern = "[\\w+=,.@-]+"},
    F_END};
const struct sw_field iam_delete_role_policy_in[] = {
    {.name = "RoleName", .type = T_STRING, .flags = F_REQUIRED | F_READ | F_LIMITS, .min = 1, .max = 64, .check = iam_is_name, .pattern = "[\\w+=,.@-]+"},
    {.name = "PolicyName", .type = T_STRING, .flags = F_REQUIRED | F_READ | F_LIMITS, .min = 1, .max = 128, .check = iam_is_name, .pattern = "[\\w+=,.@-]+"},
    F_END};
const struct sw_field iam_delete_service_linked_role_in[] = {
    {.name = "RoleName", .type = T_STRING, .flags = F_REQUIRED | F_READ | F_LIMITS, .min = 1, .max = 64, .check = iam_is_name, .pattern = "[\\w+=,.@-]+"},
    F_END};
const struct sw_field iam_delete_user_in[] = {
    {.name = "UserName", .type = T_STRING, .flags = F_REQUIRED | F_READ | F_LIMITS, .min = 1, .max = 128, .check = iam_is_name, .pattern = "[\\w+=,.@-]+"},
    F_END};
const struct sw_field iam_delete_user_permissions_boundary_in[] = {
    {.name = "UserName", .type = T_STRING, .flags = F_REQUIRED | F_READ | F_LIMITS, .min = 1, .max = 64, .check = iam_is_name, .pattern = "[\\w+=,.@-]+"},
    F_END};
const struct sw_field iam_delete_user_policy_in[] = {
    {.name = "UserName", .type = T_STRING, .flags = F_REQUIRED | F_READ | F_LIMITS, .min = 1, .max = 128, .check = iam_is_name, .pattern = "[\\w+=,.@-]+"},
    {.name = "PolicyName", .type = T_STRING, .flags = F_REQUIRED | F_READ | F_LIMITS, .min = 1, .max = 128, .check = iam_is_name, .pattern = "[\\w+=,.@-]+"},
    F_END};
const struct sw_field iam_detach_group_policy_in[] = {
    {.name = "GroupName", .type = T_STRING, .flags = F_REQUIRED | F_READ | F_LIMITS, .min = 1, .max = 128, .check = iam_is_name, .pattern = "[\\w+=,.@-]+"},
    {.name = "PolicyArn", .type = T_STRING, .flags = F_REQUIRED | F_READ | F_LIMITS, .min = 20, .max = 2048},
    F_END};
const struct sw_field iam_detach_role_policy_in[] = {
    {.name = "RoleName", .type = T_STRING, .flags = F_REQUIRED | F_READ | F_LIMITS, .min = 1, .max = 64, .check = iam_is_name, .pattern = "[\\w+=,.@-]+"},
    {.name = "PolicyArn", .type = T_STRING, .flags = F_REQUIRED | F_READ | F_LIMITS, .min = 20, .max = 2048},
    F_END};
const struct sw_field iam_detach_user_policy_in[] = {
    {.name = "UserName", .type = T_STRING, .flags = F_REQUIRED | F_READ | F_LIMITS, .min = 1, .max = 64, .check = iam_is_name, .pattern = "[\\w+=,.@-]+"},
    {.name = "PolicyArn", .type = T_STRING, .flags = F_REQUIRED | F_READ | F_LIMITS, .min = 20, .max = 2048},
    F_END};
const struct sw_field iam_get_access_key_last_used_in[] = {
    {.name = "AccessKeyId", .type = T_STRING, .flags = F_REQUIRED | F_READ | F_LIMITS, .min = 16, .max = 128, .check = iam_is_word, .pattern = "[\\w]+"},
    F_END};
static const char *const values_entity_type[] = {"User", "Role", "Group", "LocalManagedPolicy", "AWSManagedPolicy", NULL};
static const struct sw_field in_entity_list_type[] = {
    {.name = "member", .type = T_STRING, .flags = F_READ, .values = values_entity_type},
    F_END};
const struct sw_field iam_get_account_authorization_details_in[] = {
    {.name = "Filter", .type = T_LIST, .flags = F_READ, .of = in_entity_list_type},
    {.name = "MaxItems", .type = T_INT, .flags = F_READ | F_LIMITS, .min = 1, .max = 1000},
    {.name = "Marker", .type = T_STRING, .flags = F_READ | F_LIMITS, .min = 1, .max = 320},
    F_END};
static const struct sw_field in_simulation_policy_list_type[] = {
    {.name = "member", .type = T_STRING, .flags = F_READ | F_LIMITS, .min = 1, .max = 131072, .check = iam_is_document, .pattern = "[\\u0009\\u000A\\u000D\\u0020-\\u00FF]+"},
    F_END};
const struct sw_field iam_get_context_keys_for_custom_policy_in[] = {
    {.name = "PolicyInputList", .type = T_LIST, .flags = F_REQUIRED | F_READ, .of = in_simulation_policy_list_type},
    F_END};
const struct sw_field iam_get_context_keys_for_principal_policy_in[] = {
    {.name = "PolicySourceArn", .type = T_STRING, .flags = F_REQUIRED | F_READ | F_LIMITS, .min = 20, .max = 2048},
    {.name = "PolicyInputList", .type = T_LIST, .flags = F_READ, .of = in_simulation_policy_list_type},
    F_END};
const struct sw_field iam_get_group_in[] = {
    {.name = "GroupName", .type = T_STRING, .flags = F_REQUIRED | F_READ | F_LIMITS, .min = 1, .max = 128, .check = iam_is_name, .pattern = "[\\w+=,.@-]+"},
    {.name = "Marker", .type = T_STRING, .flags = F_READ | F_LIMITS, .min = 1, .max = 320},
    {.name = "MaxItems", .type = T_INT, .flags = F_READ | F_LIMITS, .min = 1, .max = 1000},
    F_END};
const struct sw_field iam_get_group_policy_in[] = {
    {.name = "GroupName", .type = T_STRING, .flags = F_REQUIRED | F_READ | F_LIMITS, .min = 1, .max = 128, .check = iam_is_name, .pattern = "[\\w+=,.@-]+"},
    {.name = "PolicyName", .type = T_STRING, .flags = F_REQUIRED | F_READ | F_LIMITS, .min = 1, .max = 128, .check = iam_is_name, .pattern = "[\\w+=,.@-]+"},
    F_END};
const struct sw_field iam_get_instance_profile_in[] = {
    {.name = "InstanceProfileName", .type = T_STRING, .flags = F_REQUIRED | F_READ | F_LIMITS, .min = 1, .max = 128, .check = iam_is_name, .pattern = "[\\w+=,.@-]+"},
    F_END};
const struct sw_field iam_get_login_profile_in[] = {
    {.name = "UserName", .type = T_STRING, .flags = F_REQUIRED | F_READ | F_LIMITS, .min = 1, .max = 64, .check = iam_is_name, .pattern = "[\\w+=,.@-]+"},
    F_END};
const struct sw_field iam_get_openidconnect_provider_in[] = {
    {.name = "OpenIDConnectProviderArn", .type = T_STRING, .flags = F_REQUIRED | F_READ | F_LIMITS, .min = 20, .max = 2048},
    F_END};
const struct sw_field iam_get_policy_in[] = {
    {.name = "PolicyArn", .type = T_STRING, .flags = F_REQUIRED | F_READ | F_LIMITS, .min = 20, .max = 2048},
    F_END};
const struct sw_field iam_get_policy_version_in[] = {
    {.name = "PolicyArn", .type = T_STRING, .flags = F_REQUIRED | F_READ | F_LIMITS, .min = 20, .max = 2048},
    {.name = "VersionId", .type = T_STRING, .flags = F_REQUIRED | F_READ, .check = iam_is_version, .pattern = "v[1-9][0-9]*"},
    F_END};
const struct sw_field iam_get_role_in[] = {
    {.name = "RoleName", .type = T_STRING, .flags = F_REQUIRED | F_READ | F_LIMITS, .min = 1, .max = 64, .check = iam_is_name, .pattern = "[\\w+=,.@-]+"},
    F_END};
const struct sw_field iam_get_role_policy_in[] = {
    {.name = "RoleName", .type = T_STRING, .flags = F_REQUIRED | F_READ | F_LIMITS, .min = 1, .max = 64, .check = iam_is_name, .pattern = "[\\w+=,.@-]+"},
    {.name = "PolicyName", .type = T_STRING, .flags = F_REQUIRED | F_READ | F_LIMITS, .min = 1, .max = 128, .check = iam_is_name, .pattern = "[\\w+=,.@-]+"},
    F_END};
const struct sw_field iam_get_service_linked_role_deletion_status_in[] = {
    {.name = "DeletionTaskId", .type = T_STRING, .flags = F_REQUIRED | F_READ | F_LIMITS, .min = 1, .max = 1000},
    F_END};
const struct sw_field iam_get_user_in[] = {
    {.name = "UserName", .type = T_STRING, .flags = F_READ | F_LIMITS, .min = 1, .max = 128, .check = iam_is_name, .pattern = "[\\w+=,.@-]+"},
    F_END};
const struct sw_field iam_get_user_policy_in[] = {
    {.name = "UserName", .type = T_STRING, .flags = F_REQUIRED | F_READ | F_LIMITS, .min = 1, .max = 128, .check = iam_is_name, .pattern = "[\\w+=,.@-]+"},
    {.name = "PolicyName", .type = T_STRING, .flags = F_REQUIRED | F_READ | F_LIMITS, .min = 1, .max = 128, .check = iam_is_name, .pattern = "[\\w+=,.@-]+"},
    F_END};
const struct sw_field iam_list_access_keys_in[] = {
    {.name = "UserName", .type = T_STRING, .flags = F_READ | F_LIMITS, .min = 1, .max = 128, .check = iam_is_name, .pattern = "[\\w+=,.@-]+"},
    {.name = "Marker", .type = T_STRING, .flags = F_READ | F_LIMITS, .min = 1, .max = 320},
    {.name = "MaxItems", .type = T_INT, .flags = F_READ | F_LIMITS, .min = 1, .max = 1000},
    F_END};
const struct sw_field iam_list_account_aliases_in[] = {
    {.name = "Marker", .type = T_STRING, .flags = F_READ | F_LIMITS, .min = 1, .max = 320},
    {.name = "MaxItems", .type = T_INT, .flags = F_READ | F_LIMITS, .min = 1, .max = 1000},
    F_END};
const struct sw_field iam_list_attached_group_policies_in[] = {
    {.name = "GroupName", .type = T_STRING, .flags = F_REQUIRED | F_READ | F_LIMITS, .min = 1, .max = 128, .check = iam_is_name, .pattern = "[\\w+=,.@-]+"},
    {.name = "PathPrefix", .type = T_STRING, .flags = F_READ | F_LIMITS, .min = 1, .max = 512, .check = iam_is_policy_path, .pattern = "((/[A-Za-z0-9.,+@=_-]+)*)/"},
    {.name = "Marker", .type = T_STRING, .flags = F_READ | F_LIMITS, .min = 1, .max = 320},
    {.name = "MaxItems", .type = T_INT, .flags = F_READ | F_LIMITS, .min = 1, .max = 1000},
    F_END};
const struct sw_field iam_list_attached_role_policies_in[] = {
    {.name = "RoleName", .type = T_STRING, .flags = F_REQUIRED | F_READ | F_LIMITS, .min = 1, .max = 64, .check = iam_is_name, .pattern = "[\\w+=,.@-]+"},
    {.name = "PathPrefix", .type = T_STRING, .flags = F_READ | F_LIMITS, .min = 1, .max = 512, .check = iam_is_policy_path, .pattern = "((/[A-Za-z0-9.,+@=_-]+)*)/"},
    {.name = "Marker", .type = T_STRING, .flags = F_READ | F_LIMITS, .min = 1, .max = 320},
    {.name = "MaxItems", .type = T_INT, .flags = F_READ | F_LIMITS, .min = 1, .max = 1000},
    F_END};
const struct sw_field iam_list_attached_user_policies_in[] = {
    {.name = "UserName", .type = T_STRING, .flags = F_REQUIRED | F_READ | F_LIMITS, .min = 1, .max = 64, .check = iam_is_name, .pattern = "[\\w+=,.@-]+"},
    {.name = "PathPrefix", .type = T_STRING, .flags = F_READ | F_LIMITS, .min = 1, .max = 512, .check = iam_is_policy_path, .pattern = "((/[A-Za-z0-9.,+@=_-]+)*)/"},
    {.name = "Marker", .type = T_STRING, .flags = F_READ | F_LIMITS, .min = 1, .max = 320},
    {.name = "MaxItems", .type = T_INT, .flags = F_READ | F_LIMITS, .min = 1, .max = 1000},
    F_END};
static const char *const values_policy_usage_type[] = {"PermissionsPolicy", "PermissionsBoundary", NULL};
const struct sw_field iam_list_entities_for_policy_in[] = {
    {.name = "PolicyArn", .type = T_STRING, .flags = F_REQUIRED | F_READ | F_LIMITS, .min = 20, .max = 2048},
    {.name = "EntityFilter", .type = T_STRING, .flags = F_READ, .values = values_entity_type},
    {.name = "PathPrefix", .type = T_STRING, .flags = F_READ | F_LIMITS, .min = 1, .max = 512, .check = iam_is_path, .pattern = "(/)|(/[!-~]+/)"},
    {.name = "PolicyUsageFilter", .type = T_STRING, .flags = F_READ, .values = values_policy_usage_type},
    {.name = "Marker", .type = T_STRING, .flags = F_READ | F_LIMITS, .min = 1, .max = 320},
    {.name = "MaxItems", .type = T_INT, .flags = F_READ | F_LIMITS, .min = 1, .max = 1000},
    F_END};
const struct sw_field iam_list_group_policies_in[] = {
    {.name = "GroupName", .type = T_STRING, .flags = F_REQUIRED | F_READ | F_LIMITS, .min = 1, .max = 128, .check = iam_is_name, .pattern = "[\\w+=,.@-]+"},
    {.name = "Marker", .type = T_STRING, .flags = F_READ | F_LIMITS, .min = 1, .max = 320},
    {.name = "MaxItems", .type = T_INT, .flags = F_READ | F_LIMITS, .min = 1, .max = 1000},
    F_END};
const struct sw_field iam_list_groups_in[] = {
    {.name = "PathPrefix", .type = T_STRING, .flags = F_READ | F_LIMITS, .min = 1, .max = 512, .check = iam_is_path_prefix, .pattern = "/[!-~]*"},
    {.name = "Marker", .type = T_STRING, .flags = F_READ | F_LIMITS, .min = 1, .max = 320},
    {.name = "MaxItems", .type = T_INT, .flags = F_READ | F_LIMITS, .min = 1, .max = 1000},
    F_END};
const struct sw_field iam_list_groups_for_user_in[] = {
    {.name = "UserName", .type = T_STRING, .flags = F_REQUIRED | F_READ | F_LIMITS, .min = 1, .max = 128, .check = iam_is_name, .pattern = "[\\w+=,.@-]+"},
    {.name = "Marker", .type = T_STRING, .flags = F_READ | F_LIMITS, .min = 1, .max = 320},
    {.name = "MaxItems", .type = T_INT, .flags = F_READ | F_LIMITS, .min = 1, .max = 1000},
    F_END};
const struct sw_field iam_list_instance_profile_tags_in[] = {
    {.name = "InstanceProfileName", .type = T_STRING, .flags = F_REQUIRED | F_READ | F_LIMITS, .min = 1, .max = 128, .check = iam_is_name, .pattern = "[\\w+=,.@-]+"},
    {.name = "Marker", .type = T_STRING, .flags = F_READ | F_LIMITS, .min = 1, .max = 320},
    {.name = "MaxItems", .type = T_INT, .flags = F_READ | F_LIMITS, .min = 1, .max = 1000},
    F_END};
const struct sw_field iam_list_instance_profiles_in[] = {
    {.name = "PathPrefix", .type = T_STRING, .flags = F_READ | F_LIMITS, .min = 1, .max = 512, .check = iam_is_path_prefix, .pattern = "/[!-~]*"},
    {.name = "Marker", .type = T_STRING, .flags = F_READ | F_LIMITS, .min = 1, .max = 320},
    {.name = "MaxItems", .type = T_INT, .flags = F_READ | F_LIMITS, .min = 1, .max = 1000},
    F_END};
const struct sw_field iam_list_instance_profiles_for_role_in[] = {
    {.name = "RoleName", .type = T_STRING, .flags = F_REQUIRED | F_READ | F_LIMITS, .min = 1, .max = 64, .check = iam_is_name, .pattern = "[\\w+=,.@-]+"},
    {.name = "Marker", .type = T_STRING, .flags = F_READ | F_LIMITS, .min = 1, .max = 320},
    {.name = "MaxItems", .type = T_INT, .flags = F_READ | F_LIMITS, .min = 1, .max = 1000},
    F_END};
const struct sw_field iam_list_mfa_devices_in[] = {
    {.name = "UserName", .type = T_STRING, .flags = F_READ | F_LIMITS, .min = 1, .max = 128, .check = iam_is_name, .pattern = "[\\w+=,.@-]+"},
    {.name = "Marker", .type = T_STRING, .flags = F_READ | F_LIMITS, .min = 1, .max = 320},
    {.name = "MaxItems", .type = T_INT, .flags = F_READ | F_LIMITS, .min = 1, .max = 1000},
    F_END};
const struct sw_field iam_list_openidconnect_provider_tags_in[] = {
    {.name = "OpenIDConnectProviderArn", .type = T_STRING, .flags = F_REQUIRED | F_READ | F_LIMITS, .min = 20, .max = 2048},
    {.name = "Marker", .type = T_STRING, .flags = F_READ | F_LIMITS, .min = 1, .max = 320},
    {.name = "MaxItems", .type = T_INT, .flags = F_READ | F_LIMITS, .min = 1, .max = 1000},
    F_END};
const struct sw_field iam_list_openidconnect_providers_in[] = {
F_END};
static const char *const values_policy_scope_type[] = {"All", "AWS", "Local", NULL};
const struct sw_field iam_list_policies_in[] = {
    {.name = "Scope", .type = T_STRING, .flags = F_READ, .values = values_policy_scope_type},
    {.name = "OnlyAttached", .type = T_BOOL, .flags = F_READ},
    {.name = "PathPrefix", .type = T_STRING, .flags = F_READ | F_LIMITS, .min = 1, .max = 512, .check = iam_is_policy_path, .pattern = "((/[A-Za-z0-9.,+@=_-]+)*)/"},
    {.name = "PolicyUsageFilter", .type = T_STRING, .flags = F_READ, .values = values_policy_usage_type},
    {.name = "Marker", .type = T_STRING, .flags = F_READ | F_LIMITS, .min = 1, .max = 320},
    {.name = "MaxItems", .type = T_INT, .flags = F_READ | F_LIMITS, .min = 1, .max = 1000},
    F_END};
const struct sw_field iam_list_policy_tags_in[] = {
    {.name = "PolicyArn", .type = T_STRING, .flags = F_REQUIRED | F_READ | F_LIMITS, .min = 20, .max = 2048},
    {.name = "Marker", .type = T_STRING, .flags = F_READ | F_LIMITS, .min = 1, .max = 320},
    {.name = "MaxItems", .type = T_INT, .flags = F_READ | F_LIMITS, .min = 1, .max = 1000},
    F_END};
const struct sw_field iam_list_policy_versions_in[] = {
    {.name = "PolicyArn", .type = T_STRING, .flags = F_REQUIRED | F_READ | F_LIMITS, .min = 20, .max = 2048},
    {.name = "Marker", .type = T_STRING, .flags = F_READ | F_LIMITS, .min = 1, .max = 320},
    {.name = "MaxItems", .type = T_INT, .flags = F_READ | F_LIMITS, .min = 1, .max = 1000},
    F_END};
const struct sw_field iam_list_role_policies_in[] = {
    {.name = "RoleName", .type = T_STRING, .flags = F_REQUIRED | F_READ | F_LIMITS, .min = 1, .max = 64, .check = iam_is_name, .pattern = "[\\w+=,.@-]+"},
    {.name = "Marker", .type = T_STRING, .flags = F_READ | F_LIMITS, .min = 1, .max = 320},
    {.name = "MaxItems", .type = T_INT, .flags = F_READ | F_LIMITS, .min = 1, .max = 1000},
    F_END};
const struct sw_field iam_list_role_tags_in[] = {
    {.name = "RoleName", .type = T_STRING, .flags = F_REQUIRED | F_READ | F_LIMITS, .min = 1, .max = 64, .check = iam_is_name, .pattern = "[\\w+=,.@-]+"},
    {.name = "Marker", .type = T_STRING, .flags = F_READ | F_LIMITS, .min = 1, .max = 320},
    {.name = "MaxItems", .type = T_INT, .flags = F_READ | F_LIMITS, .min = 1, .max = 1000},
    F_END};
const struct sw_field iam_list_roles_in[] = {
    {.name = "PathPrefix", .type = T_STRING, .flags = F_READ | F_LIMITS, .min = 1, .max = 512, .check = iam_is_path_prefix, .pattern = "/[!-~]*"},
    {.name = "Marker", .type = T_STRING, .flags = F_READ | F_LIMITS, .min = 1, .max = 320},
    {.name = "MaxItems", .type = T_INT, .flags = F_READ | F_LIMITS, .min = 1, .max = 1000},
    F_END};
const struct sw_field iam_list_saml_providers_in[] = {
F_END};
const struct sw_field iam_list_ssh_public_keys_in[] = {
    {.name = "UserName", .type = T_STRING, .flags = F_READ | F_LIMITS, .min = 1, .max = 64, .check = iam_is_name, .pattern = "[\\w+=,.@-]+"},
    {.name = "Marker", .type = T_STRING, .flags = F_READ | F_LIMITS, .min = 1, .max = 320},
    {.name = "MaxItems", .type = T_INT, .flags = F_READ | F_LIMITS, .min = 1, .max = 1000},
    F_END};
const struct sw_field iam_list_server_certificates_in[] = {
    {.name = "PathPrefix", .type = T_STRING, .flags = F_READ | F_LIMITS, .min = 1, .max = 512, .check = iam_is_path_prefix, .pattern = "/[!-~]*"},
    {.name = "Marker", .type = T_STRING, .flags = F_READ | F_LIMITS, .min = 1, .max = 320},
    {.name = "MaxItems", .type = T_INT, .flags = F_READ | F_LIMITS, .min = 1, .max = 1000},
    F_END};
const struct sw_field iam_list_service_specific_credentials_in[] = {
    {.name = "UserName", .type = T_STRING, .flags = F_READ | F_LIMITS, .min = 1, .max = 64, .check = iam_is_name, .pattern = "[\\w+=,.@-]+"},
    {.name = "ServiceName", .type = T_STRING, .flags = F_READ},
    F_END};
const struct sw_field iam_list_signing_certificates_in[] = {
    {.name = "UserName", .type = T_STRING, .flags = F_READ | F_LIMITS, .min = 1, .max = 128, .check = iam_is_name, .pattern = "[\\w+=,.@-]+"},
    {.name = "Marker", .type = T_STRING, .flags = F_READ | F_LIMITS, .min = 1, .max = 320},
    {.name = "MaxItems", .type = T_INT, .flags = F_READ | F_LIMITS, .min = 1, .max = 1000},
    F_END};
const struct sw_field iam_list_user_policies_in[] = {
    {.name = "UserName", .type = T_STRING, .flags = F_REQUIRED | F_READ | F_LIMITS, .min = 1, .max = 128, .check = iam_is_name, .pattern = "[\\w+=,.@-]+"},
    {.name = "Marker", .type = T_STRING, .flags = F_READ | F_LIMITS, .min = 1, .max = 320},
    {.name = "MaxItems", .type = T_INT, .flags = F_READ | F_LIMITS, .min = 1, .max = 1000},
    F_END};
const struct sw_field iam_list_user_tags_in[] = {
    {.name = "UserName", .type = T_STRING, .flags = F_REQUIRED | F_READ | F_LIMITS, .min = 1, .max = 128, .check = iam_is_name, .pattern = "[\\w+=,.@-]+"},
    {.name = "Marker", .type = T_STRING, .flags = F_READ | F_LIMITS, .min = 1, .max = 320},
    {.name = "MaxItems", .type = T_INT, .flags = F_READ | F_LIMITS, .min = 1, .max = 1000},
    F_END};
const struct sw_field iam_list_users_in[] = {
    {.name = "PathPrefix", .type = T_STRING, .flags = F_READ | F_LIMITS, .min = 1, .max = 512, .check = iam_is_path_prefix, .pattern = "/[!-~]*"},
    {.name = "Marker", .type = T_STRING, .flags = F_READ | F_LIMITS, .min = 1, .max = 320},
    {.name = "MaxItems", .type = T_INT, .flags = F_READ | F_LIMITS, .min = 1, .max = 1000},
    F_END};
static const char *const values_assignment_status_type[] = {"Assigned", "Unassigned", "Any", NULL};
const struct sw_field iam_list_virtual_mfa_devices_in[] = {
    {.name = "AssignmentStatus", .type = T_STRING, .flags = F_READ, .values = values_assignment_status_type},
    {.name = "Marker", .type = T_STRING, .flags = F_READ | F_LIMITS, .min = 1, .max = 320},
    {.name = "MaxItems", .type = T_INT, .flags = F_READ | F_LIMITS, .min = 1, .max = 1000},
    F_END};
const struct sw_field iam_put_group_policy_in[] = {
    {.name = "GroupName", .type = T_STRING, .flags = F_REQUIRED | F_READ | F_LIMITS, .min = 1, .max = 128, .check = iam_is_name, .pattern = "[\\w+=,.@-]+"},
    {.name = "PolicyName", .type = T_STRING, .flags = F_REQUIRED | F_READ | F_LIMITS, .min = 1, .max = 128, .check = iam_is_name, .pattern = "[\\w+=,.@-]+"},
    {.name = "PolicyDocument", .type = T_STRING, .flags = F_REQUIRED | F_READ | F_LIMITS, .min = 1, .max = 131072, .check = iam_is_document, .pattern = "[\\u0009\\u000A\\u000D\\u0020-\\u00FF]+"},
    F_END};
const struct sw_field iam_put_role_permissions_boundary_in[] = {
    {.name = "RoleName", .type = T_STRING, .flags = F_REQUIRED | F_READ | F_LIMITS, .min = 1, .max = 64, .check = iam_is_name, .pattern = "[\\w+=,.@-]+"},
    {.name = "PermissionsBoundary", .type = T_STRING, .flags = F_REQUIRED | F_READ | F_LIMITS, .min = 20, .max = 2048},
    F_END};
const struct sw_field iam_put_role_policy_in[] = {
    {.name = "RoleName", .type = T_STRING, .flags = F_REQUIRED | F_READ | F_LIMITS, .min = 1, .max = 64, .check = iam_is_name, .pattern = "[\\w+=,.@-]+"},
    {.name = "PolicyName", .type = T_STRING, .flags = F_REQUIRED | F_READ | F_LIMITS, .min = 1, .max = 128, .check = iam_is_name, .pattern = "[\\w+=,.@-]+"},
    {.name = "PolicyDocument", .type = T_STRING, .flags = F_REQUIRED | F_READ | F_LIMITS, .min = 1, .max = 131072, .check = iam_is_document, .pattern = "[\\u0009\\u000A\\u000D\\u0020-\\u00FF]+"},
    F_END};
const struct sw_field iam_put_user_permissions_boundary_in[] = {
    {.name = "UserName", .type = T_STRING, .flags = F_REQUIRED | F_READ | F_LIMITS, .min = 1, .max = 64, .check = iam_is_name, .pattern = "[\\w+=,.@-]+"},
    {.name = "PermissionsBoundary", .type = T_STRING, .flags = F_REQUIRED | F_READ | F_LIMITS, .min = 20, .max = 2048},
    F_END};
const struct sw_field iam_put_user_policy_in[] = {
    {.name = "UserName", .type = T_STRING, .flags = F_REQUIRED | F_READ | F_LIMITS, .min = 1, .max = 128, .check = iam_is_name, .pattern = "[\\w+=,.@-]+"},
    {.name = "PolicyName", .type = T_STRING, .flags = F_REQUIRED | F_READ | F_LIMITS, .min = 1, .max = 128, .check = iam_is_name, .pattern = "[\\w+=,.@-]+"},
    {.name = "PolicyDocument", .type = T_STRING, .flags = F_REQUIRED | F_READ | F_LIMITS, .min = 1, .max = 131072, .check = iam_is_document, .pattern = "[\\u0009\\u000A\\u000D\\u0020-\\u00FF]+"},
    F_END};
const struct sw_field iam_remove_client_id_from_openidconnect_provider_in[] = {
    {.name = "OpenIDConnectProviderArn", .type = T_STRING, .flags = F_REQUIRED | F_READ | F_LIMITS, .min = 20, .max = 2048},
    {.name = "ClientID", .type = T_STRING, .flags = F_REQUIRED | F_READ | F_LIMITS, .min = 1, .max = 255},
    F_END};
const struct sw_field iam_remove_role_from_instance_profile_in[] = {
    {.name = "InstanceProfileName", .type = T_STRING, .flags = F_REQUIRED | F_READ | F_LIMITS, .min = 1, .max = 128, .check = iam_is_name, .pattern = "[\\w+=,.@-]+"},
    {.name = "RoleName", .type = T_STRING, .flags = F_REQUIRED | F_READ | F_LIMITS, .min = 1, .max = 64, .check = iam_is_name, .pattern = "[\\w+=,.@-]+"},
    F_END};
const struct sw_field iam_remove_user_from_group_in[] = {
    {.name = "GroupName", .type = T_STRING, .flags = F_REQUIRED | F_READ | F_LIMITS, .min = 1, .max = 128, .check = iam_is_name, .pattern = "[\\w+=,.@-]+"},
    {.name = "UserName", .type = T_STRING, .flags = F_REQUIRED | F_READ | F_LIMITS, .min = 1, .max = 128, .check = iam_is_name, .pattern = "[\\w+=,.@-]+"},
    F_END};
const struct sw_field iam_set_default_policy_version_in[] = {
    {.name = "PolicyArn", .type = T_STRING, .flags = F_REQUIRED | F_READ | F_LIMITS, .min = 20, .max = 2048},
    {.name = "VersionId", .type = T_STRING, .flags = F_REQUIRED | F_READ, .check = iam_is_version, .pattern = "v[1-9][0-9]*"},
    F_END};
static const struct sw_field in_action_name_list_type[] = {
    {.name = "member", .type = T_STRING, .flags = F_READ | F_LIMITS, .min = 3, .max = 128},
    F_END};
static const struct sw_field in_resource_name_list_type[] = {
    {.name = "member", .type = T_STRING, .flags = F_READ | F_LIMITS, .min = 1, .max = 2048},
    F_END};
static const struct sw_field in_context_key_value_list_type[] = {
    {.name = "member", .type = T_STRING, .flags = F_READ},
    F_END};
static const char *const values_context_key_type_enum[] = {"string", "stringList", "numeric", "numericList", "boolean", "booleanList", "ip", "ipList", "binary", "binaryList", "date", "dateList", NULL};
static const struct sw_field in_context_entry[] = {
    {.name = "ContextKeyName", .type = T_STRING, .flags = F_READ | F_LIMITS, .min = 5, .max = 256},
    {.name = "ContextKeyValues", .type = T_LIST, .flags = F_READ, .of = in_context_key_value_list_type},
    {.name = "ContextKeyType", .type = T_STRING, .flags = F_READ, .values = values_context_key_type_enum},
    F_END};
static const struct sw_field in_context_entry_list_type[] = {
    {.name = "member", .type = T_STRUCT, .flags = F_READ, .of = in_context_entry},
    F_END};
const struct sw_field iam_simulate_custom_policy_in[] = {
    {.name = "PolicyInputList", .type = T_LIST, .flags = F_REQUIRED | F_READ, .of = in_simulation_policy_list_type},
    {.name = "PermissionsBoundaryPolicyInputList", .type = T_LIST, .flags = F_READ, .of = in_simulation_policy_list_type},
    {.name = "ActionNames", .type = T_LIST, .flags = F_REQUIRED | F_READ, .of = in_action_name_list_type},
    {.name = "ResourceArns", .type = T_LIST, .flags = F_READ, .of = in_resource_name_list_type},
    {.name = "ResourcePolicy", .type = T_STRING, .flags = F_READ | F_LIMITS, .min = 1, .max = 131072, .check = iam_is_document, .pattern = "[\\u0009\\u000A\\u000D\\u0020-\\u00FF]+"},
    {.name = "ResourceOwner", .type = T_STRING, .flags = F_READ | F_LIMITS, .min = 1, .max = 2048},
    {.name = "CallerArn", .type = T_STRING, .flags = F_READ | F_LIMITS, .min = 1, .max = 2048},
    {.name = "ContextEntries", .type = T_LIST, .flags = F_READ, .of = in_context_entry_list_type},
    {.name = "ResourceHandlingOption", .type = T_STRING, .flags = F_REFUSED | F_LIMITS, .min = 1, .max = 64},
    {.name = "MaxItems", .type = T_INT, .flags = F_READ | F_LIMITS, .min = 1, .max = 1000},
    {.name = "Marker", .type = T_STRING, .flags = F_READ | F_LIMITS, .min = 1, .max = 320},
    F_END};
const struct sw_field iam_simulate_principal_policy_in[] = {
    {.name = "PolicySourceArn", .type = T_STRING, .flags = F_REQUIRED | F_READ | F_LIMITS, .min = 20, .max = 2048},
    {.name = "PolicyInputList", .type = T_LIST, .flags = F_READ, .of = in_simulation_policy_list_type},
    {.name = "PermissionsBoundaryPolicyInputList", .type = T_LIST, .flags = F_READ, .of = in_simulation_policy_list_type},
    {.name = "ActionNames", .type = T_LIST, .flags = F_REQUIRED | F_READ, .of = in_action_name_list_type},
    {.name = "ResourceArns", .type = T_LIST, .flags = F_READ, .of = in_resource_name_list_type},
    {.name = "ResourcePolicy", .type = T_STRING, .flags = F_READ | F_LIMITS, .min = 1, .max = 131072, .check = iam_is_document, .pattern = "[\\u0009\\u000A\\u000D\\u0020-\\u00FF]+"},
    {.name = "ResourceOwner", .type = T_STRING, .flags = F_READ | F_LIMITS, .min = 1, .max = 2048},
    {.name = "CallerArn", .type = T_STRING, .flags = F_READ | F_LIMITS, .min = 1, .max = 2048},
    {.name = "ContextEntries", .type = T_LIST, .flags = F_READ, .of = in_context_entry_list_type},
    {.name = "ResourceHandlingOption", .type = T_STRING, .flags = F_REFUSED | F_LIMITS, .min = 1, .max = 64},
    {.name = "MaxItems", .type = T_INT, .flags = F_READ | F_LIMITS, .min = 1, .max = 1000},
    {.name = "Marker", .type = T_STRING, .flags = F_READ | F_LIMITS, .min = 1, .max = 320},
    F_END};
const struct sw_field iam_tag_instance_profile_in[] = {
    {.name = "InstanceProfileName", .type = T_STRING, .flags = F_REQUIRED | F_READ | F_LIMITS, .min = 1, .max = 128, .check = iam_is_name, .pattern = "[\\w+=,.@-]+"},
    {.name = "Tags", .type = T_LIST, .flags = F_REQUIRED | F_READ | F_LIMITS, .min = 0, .max = 50, .of = in_tag_list_type},
    F_END};
const struct sw_field iam_tag_openidconnect_provider_in[] = {
    {.name = "OpenIDConnectProviderArn", .type = T_STRING, .flags = F_REQUIRED | F_READ | F_LIMITS, .min = 20, .max = 2048},
    {.name = "Tags", .type = T_LIST, .flags = F_REQUIRED | F_READ | F_LIMITS, .min = 0, .max = 50, .of = in_tag_list_type},
    F_END};
const struct sw_field iam_tag_policy_in[] = {
    {.name = "PolicyArn", .type = T_STRING, .flags = F_REQUIRED | F_READ | F_LIMITS, .min = 20, .max = 2048},
    {.name = "Tags", .type = T_LIST, .flags = F_REQUIRED | F_READ | F_LIMITS, .min = 0, .max = 50, .of = in_tag_list_type},
    F_END};
const struct sw_field iam_tag_role_in[] = {
    {.name = "RoleName", .type = T_STRING, .flags = F_REQUIRED | F_READ | F_LIMITS, .min = 1, .max = 64, .check = iam_is_name, .pattern = "[\\w+=,.@-]+"},
    {.name = "Tags", .type = T_LIST, .flags = F_REQUIRED | F_READ | F_LIMITS, .min = 0, .max = 50, .of = in_tag_list_type},
    F_END};
const struct sw_field iam_tag_user_in[] = {
    {.name = "UserName", .type = T_STRING, .flags = F_REQUIRED | F_READ | F_LIMITS, .min = 1, .max = 128, .check = iam_is_name, .pattern = "[\\w+=,.@-]+"},
    {.name = "Tags", .type = T_LIST, .flags = F_REQUIRED | F_READ | F_LIMITS, .min = 0, .max = 50, .of = in_tag_list_type},
    F_END};
static const struct sw_field in_tag_key_list_type[] = {
    {.name = "member", .type = T_STRING, .flags = F_READ | F_LIMITS, .min = 1, .max = 128, .check = iam_is_tag, .pattern = "[\\p{L}\\p{Z}\\p{N}_.:/=+\\-@]+"},
    F_END};
const struct sw_field iam_untag_instance_profile_in[] = {
    {.name = "InstanceProfileName", .type = T_STRING, .flags = F_REQUIRED | F_READ | F_LIMITS, .min = 1, .max = 128, .check = iam_is_name, .pattern = "[\\w+=,.@-]+"},
    {.name = "TagKeys", .type = T_LIST, .flags = F_REQUIRED | F_READ | F_LIMITS, .min = 0, .max = 50, .of = in_tag_key_list_type},
    F_END};
const struct sw_field iam_untag_openidconnect_provider_in[] = {
    {.name = "OpenIDConnectProviderArn", .type = T_STRING, .flags = F_REQUIRED | F_READ | F_LIMITS, .min = 20, .max = 2048},
    {.name = "TagKeys", .type = T_LIST, .flags = F_REQUIRED | F_READ | F_LIMITS, .min = 0, .max = 50, .of = in_tag_key_list_type},
    F_END};
const struct sw_field iam_untag_policy_in[] = {
    {.name = "PolicyArn", .type = T_STRING, .flags = F_REQUIRED | F_READ | F_LIMITS, .min = 20, .max = 2048},
    {.name = "TagKeys", .type = T_LIST, .flags = F_REQUIRED | F_READ | F_LIMITS, .min = 0, .max = 50, .of = in_tag_key_list_type},
    F_END};
const struct sw_field iam_untag_role_in[] = {
    {.name = "RoleName", .type = T_STRING, .flags = F_REQUIRED | F_READ | F_LIMITS, .min = 1, .max = 64, .check = iam_is_name, .pattern = "[\\w+=,.@-]+"},
    {.name = "TagKeys", .type = T_LIST, .flags = F_REQUIRED | F_READ | F_LIMITS, .min = 0, .max = 50, .of = in_tag_key_list_type},
    F_END};
const struct sw_field iam_untag_user_in[] = {
    {.name = "UserName", .type = T_STRING, .flags = F_REQUIRED | F_READ | F_LIMITS, .min = 1, .max = 128, .check = iam_is_name, .pattern = "[\\w+=,.@-]+"},
    {.name = "TagKeys", .type = T_LIST, .flags = F_REQUIRED | F_READ | F_LIMITS, .min = 0, .max = 50, .of = in_tag_key_list_type},
    F_END};
static const char *const values_status_type[] = {"Active", "Inactive", NULL};
const struct sw_field iam_update_access_key_in[] = {
    {.name = "UserName", .type = T_STRING, .flags = F_READ | F_LIMITS, .min = 1, .max = 128, .check = iam_is_name, .pattern = "[\\w+=,.@-]+"},
    {.name = "AccessKeyId", .type = T_STRING, .flags = F_REQUIRED | F_READ | F_LIMITS, .min = 16, .max = 128, .check = iam_is_word, .pattern = "[\\w]+"},
    {.name = "Status", .type = T_STRING, .flags = F_REQUIRED | F_READ, .values = values_status_type},
    F_END};
const struct sw_field iam_update_assume_role_policy_in[] = {
    {.name = "RoleName", .type = T_STRING, .flags = F_REQUIRED | F_READ | F_LIMITS, .min = 1, .max = 64, .check = iam_is_name, .pattern = "[\\w+=,.@-]+"},
    {.name = "PolicyDocument", .type = T_STRING, .flags = F_REQUIRED | F_READ | F_LIMITS, .min = 1, .max = 131072, .check = iam_is_document, .pattern = "[\\u0009\\u000A\\u000D\\u0020-\\u00FF]+"},
    F_END};
const struct sw_field iam_update_group_in[] = {
    {.name = "GroupName", .type = T_STRING, .flags = F_REQUIRED | F_READ | F_LIMITS, .min = 1, .max = 128, .check = iam_is_name, .pattern = "[\\w+=,.@-]+"},
    {.name = "NewPath", .type = T_STRING, .flags = F_READ | F_LIMITS, .min = 1, .max = 512, .check = iam_is_path, .pattern = "(/)|(/[!-~]+/)"},
    {.name = "NewGroupName", .type = T_STRING, .flags = F_READ | F_LIMITS, .min = 1, .max = 128, .check = iam_is_name, .pattern = "[\\w+=,.@-]+"},
    F_END};
const struct sw_field iam_update_openidconnect_provider_thumbprint_in[] = {
    {.name = "OpenIDConnectProviderArn", .type = T_STRING, .flags = F_REQUIRED | F_READ | F_LIMITS, .min = 20, .max = 2048},
    {.name = "ThumbprintList", .type = T_LIST, .flags = F_REQUIRED | F_READ, .of = in_thumbprint_list_type},
    F_END};
const struct sw_field iam_update_role_in[] = {
    {.name = "RoleName", .type = T_STRING, .flags = F_REQUIRED | F_READ | F_LIMITS, .min = 1, .max = 64, .check = iam_is_name, .pattern = "[\\w+=,.@-]+"},
    {.name = "Description", .type = T_STRING, .flags = F_READ | F_LIMITS, .min = 0, .max = 1000, .check = iam_is_description, .pattern = "[\\p{L}\\p{M}\\p{Z}\\p{S}\\p{N}\\p{P}]*"},
    {.name = "MaxSessionDuration", .type = T_INT, .flags = F_READ | F_LIMITS, .min = 3600, .max = 43200},
    F_END};
const struct sw_field iam_update_role_description_in[] = {
    {.name = "RoleName", .type = T_STRING, .flags = F_REQUIRED | F_READ | F_LIMITS, .min = 1, .max = 64, .check = iam_is_name, .pattern = "[\\w+=,.@-]+"},
    {.name = "Description", .type = T_STRING, .flags = F_REQUIRED | F_READ | F_LIMITS, .min = 0, .max = 1000, .check = iam_is_description, .pattern = "[\\p{L}\\p{M}\\p{Z}\\p{S}\\p{N}\\p{P}]*"},
    F_END};
const struct sw_field iam_update_user_in[] = {
    {.name = "UserName", .type = T_STRING, .flags = F_REQUIRED | F_READ | F_LIMITS, .min = 1, .max = 128, .check = iam_is_name, .pattern = "[\\w+=,.@-]+"},
    {.name = "NewPath", .type = T_STRING, .flags = F_READ | F_LIMITS, .min = 1, .max = 512, .check = iam_is_path, .pattern = "(/)|(/[!-~]+/)"},
    {.name = "NewUserName", .type = T_STRING, .flags = F_READ | F_LIMITS, .min = 1, .max = 64, .check = iam_is_name, .pattern = "[\\w+=,.@-]+"},
    F_END};
/* clang-format on */
