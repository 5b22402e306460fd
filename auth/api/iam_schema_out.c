/* SPDX-License-Identifier: Apache-2.0 */
/* auth/api/iam_schema_out.c - outputs of IAM, as in the model of 2010-05-08. */
#include "auth/api/iam_schema.h"

/* clang-format off */
static const char *const values_status_type[] = {"Active", "Inactive", NULL};
static const struct sw_field out_access_key[] = {
    {.name = "UserName", .type = T_STRING},
    {.name = "AccessKeyId", .type = T_STRING},
    {.name = "Status", .type = T_STRING, .values = values_status_type},
    {.name = "SecretAccessKey", .type = T_STRING},
    {.name = "CreateDate", .type = T_TIMESTAMP},
    F_END};
const struct sw_field iam_create_access_key_out[] = {
    {.name = "AccessKey", .type = T_STRUCT, .of = out_access_key},
    F_END};
static const struct sw_field out_group[] = {
    {.name = "Path", .type = T_STRING},
    {.name = "GroupName", .type = T_STRING},
    {.name = "GroupId", .type = T_STRING},
    {.name = "Arn", .type = T_STRING},
    {.name = "CreateDate", .type = T_TIMESTAMP},
    F_END};
const struct sw_field iam_create_group_out[] = {
    {.name = "Group", .type = T_STRUCT, .of = out_group},
    F_END};
static const char *const values_permissions_boundary_attachment_type[] = {"PermissionsBoundaryPolicy", NULL};
static const struct sw_field out_attached_permissions_boundary[] = {
    {.name = "PermissionsBoundaryType", .type = T_STRING, .values = values_permissions_boundary_attachment_type},
    {.name = "PermissionsBoundaryArn", .type = T_STRING},
    F_END};
static const struct sw_field out_tag[] = {
    {.name = "Key", .type = T_STRING},
    {.name = "Value", .type = T_STRING},
    F_END};
static const struct sw_field out_tag_list_type[] = {
    {.name = "member", .type = T_STRUCT, .of = out_tag},
    F_END};
static const struct sw_field out_role_last_used[] = {
    {.name = "LastUsedDate", .type = T_TIMESTAMP},
    {.name = "Region", .type = T_STRING},
    F_END};
static const struct sw_field out_role[] = {
    {.name = "Path", .type = T_STRING},
    {.name = "RoleName", .type = T_STRING},
    {.name = "RoleId", .type = T_STRING},
    {.name = "Arn", .type = T_STRING},
    {.name = "CreateDate", .type = T_TIMESTAMP},
    {.name = "AssumeRolePolicyDocument", .type = T_STRING},
    {.name = "Description", .type = T_STRING},
    {.name = "MaxSessionDuration", .type = T_INT},
    {.name = "PermissionsBoundary", .type = T_STRUCT, .of = out_attached_permissions_boundary},
    {.name = "Tags", .type = T_LIST, .of = out_tag_list_type},
    {.name = "RoleLastUsed", .type = T_STRUCT, .of = out_role_last_used},
    F_END};
static const struct sw_field out_role_list_type[] = {
    {.name = "member", .type = T_STRUCT, .of = out_role},
    F_END};
static const struct sw_field out_instance_profile[] = {
    {.name = "Path", .type = T_STRING},
    {.name = "InstanceProfileName", .type = T_STRING},
    {.name = "InstanceProfileId", .type = T_STRING},
    {.name = "Arn", .type = T_STRING},
    {.name = "CreateDate", .type = T_TIMESTAMP},
    {.name = "Roles", .type = T_LIST, .of = out_role_list_type},
    {.name = "Tags", .type = T_LIST, .of = out_tag_list_type},
    F_END};
const struct sw_field iam_create_instance_profile_out[] = {
    {.name = "InstanceProfile", .type = T_STRUCT, .of = out_instance_profile},
    F_END};
const struct sw_field iam_create_openidconnect_provider_out[] = {
    {.name = "OpenIDConnectProviderArn", .type = T_STRING},
    {.name = "Tags", .type = T_LIST, .of = out_tag_list_type},
    F_END};
static const struct sw_field out_policy[] = {
    {.name = "PolicyName", .type = T_STRING},
    {.name = "PolicyId", .type = T_STRING},
    {.name = "Arn", .type = T_STRING},
    {.name = "Path", .type = T_STRING},
    {.name = "DefaultVersionId", .type = T_STRING},
    {.name = "AttachmentCount", .type = T_INT},
    {.name = "PermissionsBoundaryUsageCount", .type = T_INT},
    {.name = "IsAttachable", .type = T_BOOL},
    {.name = "Description", .type = T_STRING},
    {.name = "CreateDate", .type = T_TIMESTAMP},
    {.name = "UpdateDate", .type = T_TIMESTAMP},
    {.name = "Tags", .type = T_LIST, .of = out_tag_list_type},
    F_END};
const struct sw_field iam_create_policy_out[] = {
    {.name = "Policy", .type = T_STRUCT, .of = out_policy},
    F_END};
static const struct sw_field out_policy_version[] = {
    {.name = "Document", .type = T_STRING},
    {.name = "VersionId", .type = T_STRING},
    {.name = "IsDefaultVersion", .type = T_BOOL},
    {.name = "CreateDate", .type = T_TIMESTAMP},
    F_END};
const struct sw_field iam_create_policy_version_out[] = {
    {.name = "PolicyVersion", .type = T_STRUCT, .of = out_policy_version},
    F_END};
const struct sw_field iam_create_role_out[] = {
    {.name = "Role", .type = T_STRUCT, .of = out_role},
    F_END};
const struct sw_field iam_create_service_linked_role_out[] = {
    {.name = "Role", .type = T_STRUCT, .of = out_role},
    F_END};
static const struct sw_field out_user[] = {
    {.name = "Path", .type = T_STRING},
    {.name = "UserName", .type = T_STRING},
    {.name = "UserId", .type = T_STRING},
    {.name = "Arn", .type = T_STRING},
    {.name = "CreateDate", .type = T_TIMESTAMP},
    {.name = "PasswordLastUsed", .type = T_TIMESTAMP},
    {.name = "PermissionsBoundary", .type = T_STRUCT, .of = out_attached_permissions_boundary},
    {.name = "Tags", .type = T_LIST, .of = out_tag_list_type},
    F_END};
const struct sw_field iam_create_user_out[] = {
    {.name = "User", .type = T_STRUCT, .of = out_user},
    F_END};
const struct sw_field iam_delete_service_linked_role_out[] = {
    {.name = "DeletionTaskId", .type = T_STRING},
    F_END};
static const struct sw_field out_access_key_last_used[] = {
    {.name = "LastUsedDate", .type = T_TIMESTAMP},
    {.name = "ServiceName", .type = T_STRING},
    {.name = "Region", .type = T_STRING},
    F_END};
const struct sw_field iam_get_access_key_last_used_out[] = {
    {.name = "UserName", .type = T_STRING},
    {.name = "AccessKeyLastUsed", .type = T_STRUCT, .of = out_access_key_last_used},
    F_END};
static const struct sw_field out_policy_detail[] = {
    {.name = "PolicyName", .type = T_STRING},
    {.name = "PolicyDocument", .type = T_STRING},
    F_END};
static const struct sw_field out_policy_detail_list_type[] = {
    {.name = "member", .type = T_STRUCT, .of = out_policy_detail},
    F_END};
static const struct sw_field out_group_name_list_type[] = {
    {.name = "member", .type = T_STRING},
    F_END};
static const struct sw_field out_attached_policy[] = {
    {.name = "PolicyName", .type = T_STRING},
    {.name = "PolicyArn", .type = T_STRING},
    F_END};
static const struct sw_field out_attached_policies_list_type[] = {
    {.name = "member", .type = T_STRUCT, .of = out_attached_policy},
    F_END};
static const struct sw_field out_user_detail[] = {
    {.name = "Path", .type = T_STRING},
    {.name = "UserName", .type = T_STRING},
    {.name = "UserId", .type = T_STRING},
    {.name = "Arn", .type = T_STRING},
    {.name = "CreateDate", .type = T_TIMESTAMP},
    {.name = "UserPolicyList", .type = T_LIST, .of = out_policy_detail_list_type},
    {.name = "GroupList", .type = T_LIST, .of = out_group_name_list_type},
    {.name = "AttachedManagedPolicies", .type = T_LIST, .of = out_attached_policies_list_type},
    {.name = "PermissionsBoundary", .type = T_STRUCT, .of = out_attached_permissions_boundary},
    {.name = "Tags", .type = T_LIST, .of = out_tag_list_type},
    F_END};
static const struct sw_field out_user_detail_list_type[] = {
    {.name = "member", .type = T_STRUCT, .of = out_user_detail},
    F_END};
static const struct sw_field out_group_detail[] = {
    {.name = "Path", .type = T_STRING},
    {.name = "GroupName", .type = T_STRING},
    {.name = "GroupId", .type = T_STRING},
    {.name = "Arn", .type = T_STRING},
    {.name = "CreateDate", .type = T_TIMESTAMP},
    {.name = "GroupPolicyList", .type = T_LIST, .of = out_policy_detail_list_type},
    {.name = "AttachedManagedPolicies", .type = T_LIST, .of = out_attached_policies_list_type},
    F_END};
static const struct sw_field out_group_detail_list_type[] = {
    {.name = "member", .type = T_STRUCT, .of = out_group_detail},
    F_END};
static const struct sw_field out_instance_profile_list_type[] = {
    {.name = "member", .type = T_STRUCT, .of = out_instance_profile},
    F_END};
static const struct sw_field out_role_detail[] = {
    {.name = "Path", .type = T_STRING},
    {.name = "RoleName", .type = T_STRING},
    {.name = "RoleId", .type = T_STRING},
    {.name = "Arn", .type = T_STRING},
    {.name = "CreateDate", .type = T_TIMESTAMP},
    {.name = "AssumeRolePolicyDocument", .type = T_STRING},
    {.name = "InstanceProfileList", .type = T_LIST, .of = out_instance_profile_list_type},
    {.name = "RolePolicyList", .type = T_LIST, .of = out_policy_detail_list_type},
    {.name = "AttachedManagedPolicies", .type = T_LIST, .of = out_attached_policies_list_type},
    {.name = "PermissionsBoundary", .type = T_STRUCT, .of = out_attached_permissions_boundary},
    {.name = "Tags", .type = T_LIST, .of = out_tag_list_type},
    {.name = "RoleLastUsed", .type = T_STRUCT, .of = out_role_last_used},
    F_END};
static const struct sw_field out_role_detail_list_type[] = {
    {.name = "member", .type = T_STRUCT, .of = out_role_detail},
    F_END};
static const struct sw_field out_policy_document_version_list_type[] = {
    {.name = "member", .type = T_STRUCT, .of = out_policy_version},
    F_END};
static const struct sw_field out_managed_policy_detail[] = {
    {.name = "PolicyName", .type = T_STRING},
    {.name = "PolicyId", .type = T_STRING},
    {.name = "Arn", .type = T_STRING},
    {.name = "Path", .type = T_STRING},
    {.name = "DefaultVersionId", .type = T_STRING},
    {.name = "AttachmentCount", .type = T_INT},
    {.name = "PermissionsBoundaryUsageCount", .type = T_INT},
    {.name = "IsAttachable", .type = T_BOOL},
    {.name = "Description", .type = T_STRING},
    {.name = "CreateDate", .type = T_TIMESTAMP},
    {.name = "UpdateDate", .type = T_TIMESTAMP},
    {.name = "PolicyVersionList", .type = T_LIST, .of = out_policy_document_version_list_type},
    F_END};
static const struct sw_field out_managed_policy_detail_list_type[] = {
    {.name = "member", .type = T_STRUCT, .of = out_managed_policy_detail},
    F_END};
const struct sw_field iam_get_account_authorization_details_out[] = {
    {.name = "UserDetailList", .type = T_LIST, .of = out_user_detail_list_type},
    {.name = "GroupDetailList", .type = T_LIST, .of = out_group_detail_list_type},
    {.name = "RoleDetailList", .type = T_LIST, .of = out_role_detail_list_type},
    {.name = "Policies", .type = T_LIST, .of = out_managed_policy_detail_list_type},
    {.name = "IsTruncated", .type = T_BOOL},
    {.name = "Marker", .type = T_STRING},
    F_END};
static const struct sw_field out_summary_map_type[] = {
    {.name = "key", .type = T_STRING},
    {.name = "value", .type = T_INT},
    F_END};
const struct sw_field iam_get_account_summary_out[] = {
    {.name = "SummaryMap", .type = T_MAP, .of = out_summary_map_type},
    F_END};
static const struct sw_field out_context_key_names_result_list_type[] = {
    {.name = "member", .type = T_STRING},
    F_END};
const struct sw_field iam_get_context_keys_for_custom_policy_out[] = {
    {.name = "ContextKeyNames", .type = T_LIST, .of = out_context_key_names_result_list_type},
    F_END};
const struct sw_field iam_get_context_keys_for_principal_policy_out[] = {
    {.name = "ContextKeyNames", .type = T_LIST, .of = out_context_key_names_result_list_type},
    F_END};
static const struct sw_field out_user_list_type[] = {
    {.name = "member", .type = T_STRUCT, .of = out_user},
    F_END};
const struct sw_field iam_get_group_out[] = {
    {.name = "Group", .type = T_STRUCT, .of = out_group},
    {.name = "Users", .type = T_LIST, .of = out_user_list_type},
    {.name = "IsTruncated", .type = T_BOOL},
    {.name = "Marker", .type = T_STRING},
    F_END};
const struct sw_field iam_get_group_policy_out[] = {
    {.name = "GroupName", .type = T_STRING},
    {.name = "PolicyName", .type = T_STRING},
    {.name = "PolicyDocument", .type = T_STRING},
    F_END};
const struct sw_field iam_get_instance_profile_out[] = {
    {.name = "InstanceProfile", .type = T_STRUCT, .of = out_instance_profile},
    F_END};
static const struct sw_field out_login_profile[] = {
    {.name = "UserName", .type = T_STRING},
    {.name = "CreateDate", .type = T_TIMESTAMP},
    {.name = "PasswordResetRequired", .type = T_BOOL},
    F_END};
const struct sw_field iam_get_login_profile_out[] = {
    {.name = "LoginProfile", .type = T_STRUCT, .of = out_login_profile},
    F_END};
static const struct sw_field out_client_id_list_type[] = {
    {.name = "member", .type = T_STRING},
    F_END};
static const struct sw_field out_thumbprint_list_type[] = {
    {.name = "member", .type = T_STRING},
    F_END};
const struct sw_field iam_get_openidconnect_provider_out[] = {
    {.name = "Url", .type = T_STRING},
    {.name = "ClientIDList", .type = T_LIST, .of = out_client_id_list_type},
    {.name = "ThumbprintList", .type = T_LIST, .of = out_thumbprint_list_type},
    {.name = "CreateDate", .type = T_TIMESTAMP},
    {.name = "Tags", .type = T_LIST, .of = out_tag_list_type},
    F_END};
const struct sw_field iam_get_policy_out[] = {
    {.name = "Policy", .type = T_STRUCT, .of = out_policy},
    F_END};
const struct sw_field iam_get_policy_version_out[] = {
    {.name = "PolicyVersion", .type = T_STRUCT, .of = out_policy_version},
    F_END};
const struct sw_field iam_get_role_out[] = {
    {.name = "Role", .type = T_STRUCT, .of = out_role},
    F_END};
const struct sw_field iam_get_role_policy_out[] = {
    {.name = "RoleName", .type = T_STRING},
    {.name = "PolicyName", .type = T_STRING},
    {.name = "PolicyDocument", .type = T_STRING},
    F_END};
static const char *const values_deletion_task_status_type[] = {"SUCCEEDED", "IN_PROGRESS", "FAILED", "NOT_STARTED", NULL};
static const struct sw_field out_arn_list_type[] = {
    {.name = "member", .type = T_STRING},
    F_END};
static const struct sw_field out_role_usage_type[] = {
    {.name = "Region", .type = T_STRING},
    {.name = "Resources", .type = T_LIST, .of = out_arn_list_type},
    F_END};
static const struct sw_field out_role_usage_list_type[] = {
    {.name = "member", .type = T_STRUCT, .of = out_role_usage_type},
    F_END};
static const struct sw_field out_deletion_task_failure_reason_type[] = {
    {.name = "Reason", .type = T_STRING},
    {.name = "RoleUsageList", .type = T_LIST, .of = out_role_usage_list_type},
    F_END};
const struct sw_field iam_get_service_linked_role_deletion_status_out[] = {
    {.name = "Status", .type = T_STRING, .values = values_deletion_task_status_type},
    {.name = "Reason", .type = T_STRUCT, .of = out_deletion_task_failure_reason_type},
    F_END};
const struct sw_field iam_get_user_out[] = {
    {.name = "User", .type = T_STRUCT, .of = out_user},
    F_END};
const struct sw_field iam_get_user_policy_out[] = {
    {.name = "UserName", .type = T_STRING},
    {.name = "PolicyName", .type = T_STRING},
    {.name = "PolicyDocument", .type = T_STRING},
    F_END};
static const struct sw_field out_access_key_metadata[] = {
    {.name = "UserName", .type = T_STRING},
    {.name = "AccessKeyId", .type = T_STRING},
    {.name = "Status", .type = T_STRING, .values = values_status_type},
    {.name = "CreateDate", .type = T_TIMESTAMP},
    F_END};
static const struct sw_field out_access_key_metadata_list_type[] = {
    {.name = "member", .type = T_STRUCT, .of = out_access_key_metadata},
    F_END};
const struct sw_field iam_list_access_keys_out[] = {
    {.name = "AccessKeyMetadata", .type = T_LIST, .of = out_access_key_metadata_list_type},
    {.name = "IsTruncated", .type = T_BOOL},
    {.name = "Marker", .type = T_STRING},
    F_END};
static const struct sw_field out_account_alias_list_type[] = {
    {.name = "member", .type = T_STRING},
    F_END};
const struct sw_field iam_list_account_aliases_out[] = {
    {.name = "AccountAliases", .type = T_LIST, .of = out_account_alias_list_type},
    {.name = "IsTruncated", .type = T_BOOL},
    {.name = "Marker", .type = T_STRING},
    F_END};
const struct sw_field iam_list_attached_group_policies_out[] = {
    {.name = "AttachedPolicies", .type = T_LIST, .of = out_attached_policies_list_type},
    {.name = "IsTruncated", .type = T_BOOL},
    {.name = "Marker", .type = T_STRING},
    F_END};
const struct sw_field iam_list_attached_role_policies_out[] = {
    {.name = "AttachedPolicies", .type = T_LIST, .of = out_attached_policies_list_type},
    {.name = "IsTruncated", .type = T_BOOL},
    {.name = "Marker", .type = T_STRING},
    F_END};
const struct sw_field iam_list_attached_user_policies_out[] = {
    {.name = "AttachedPolicies", .type = T_LIST, .of = out_attached_policies_list_type},
    {.name = "IsTruncated", .type = T_BOOL},
    {.name = "Marker", .type = T_STRING},
    F_END};
static const struct sw_field out_policy_group[] = {
    {.name = "GroupName", .type = T_STRING},
    {.name = "GroupId", .type = T_STRING},
    F_END};
static const struct sw_field out_policy_group_list_type[] = {
    {.name = "member", .type = T_STRUCT, .of = out_policy_group},
    F_END};
static const struct sw_field out_policy_user[] = {
    {.name = "UserName", .type = T_STRING},
    {.name = "UserId", .type = T_STRING},
    F_END};
static const struct sw_field out_policy_user_list_type[] = {
    {.name = "member", .type = T_STRUCT, .of = out_policy_user},
    F_END};
static const struct sw_field out_policy_role[] = {
    {.name = "RoleName", .type = T_STRING},
    {.name = "RoleId", .type = T_STRING},
    F_END};
static const struct sw_field out_policy_role_list_type[] = {
    {.name = "member", .type = T_STRUCT, .of = out_policy_role},
    F_END};
const struct sw_field iam_list_entities_for_policy_out[] = {
    {.name = "PolicyGroups", .type = T_LIST, .of = out_policy_group_list_type},
    {.name = "PolicyUsers", .type = T_LIST, .of = out_policy_user_list_type},
    {.name = "PolicyRoles", .type = T_LIST, .of = out_policy_role_list_type},
    {.name = "IsTruncated", .type = T_BOOL},
    {.name = "Marker", .type = T_STRING},
    F_END};
static const struct sw_field out_policy_name_list_type[] = {
    {.name = "member", .type = T_STRING},
    F_END};
const struct sw_field iam_list_group_policies_out[] = {
    {.name = "PolicyNames", .type = T_LIST, .of = out_policy_name_list_type},
    {.name = "IsTruncated", .type = T_BOOL},
    {.name = "Marker", .type = T_STRING},
    F_END};
static const struct sw_field out_group_list_type[] = {
    {.name = "member", .type = T_STRUCT, .of = out_group},
    F_END};
const struct sw_field iam_list_groups_out[] = {
    {.name = "Groups", .type = T_LIST, .of = out_group_list_type},
    {.name = "IsTruncated", .type = T_BOOL},
    {.name = "Marker", .type = T_STRING},
    F_END};
const struct sw_field iam_list_groups_for_user_out[] = {
    {.name = "Groups", .type = T_LIST, .of = out_group_list_type},
    {.name = "IsTruncated", .type = T_BOOL},
    {.name = "Marker", .type = T_STRING},
    F_END};
const struct sw_field iam_list_instance_profile_tags_out[] = {
    {.name = "Tags", .type = T_LIST, .of = out_tag_list_type},
    {.name = "IsTruncated", .type = T_BOOL},
    {.name = "Marker", .type = T_STRING},
    F_END};
const struct sw_field iam_list_instance_profiles_out[] = {
    {.name = "InstanceProfiles", .type = T_LIST, .of = out_instance_profile_list_type},
    {.name = "IsTruncated", .type = T_BOOL},
    {.name = "Marker", .type = T_STRING},
    F_END};
const struct sw_field iam_list_instance_profiles_for_role_out[] = {
    {.name = "InstanceProfiles", .type = T_LIST, .of = out_instance_profile_list_type},
    {.name = "IsTruncated", .type = T_BOOL},
    {.name = "Marker", .type = T_STRING},
    F_END};
static const struct sw_field out_mfa_device[] = {
    {.name = "UserName", .type = T_STRING},
    {.name = "SerialNumber", .type = T_STRING},
    {.name = "EnableDate", .type = T_TIMESTAMP},
    F_END};
static const struct sw_field out_mfa_device_list_type[] = {
    {.name = "member", .type = T_STRUCT, .of = out_mfa_device},
    F_END};
const struct sw_field iam_list_mfa_devices_out[] = {
    {.name = "MFADevices", .type = T_LIST, .of = out_mfa_device_list_type},
    {.name = "IsTruncated", .type = T_BOOL},
    {.name = "Marker", .type = T_STRING},
    F_END};
const struct sw_field iam_list_openidconnect_provider_tags_out[] = {
    {.name = "Tags", .type = T_LIST, .of = out_tag_list_type},
    {.name = "IsTruncated", .type = T_BOOL},
    {.name = "Marker", .type = T_STRING},
    F_END};
static const struct sw_field out_openidconnect_provider_list_entry[] = {
    {.name = "Arn", .type = T_STRING},
    F_END};
static const struct sw_field out_openidconnect_provider_list_type[] = {
    {.name = "member", .type = T_STRUCT, .of = out_openidconnect_provider_list_entry},
    F_END};
const struct sw_field iam_list_openidconnect_providers_out[] = {
    {.name = "OpenIDConnectProviderList", .type = T_LIST, .of = out_openidconnect_provider_list_type},
    F_END};
static const struct sw_field out_policy_list_type[] = {
    {.name = "member", .type = T_STRUCT, .of = out_policy},
    F_END};
const struct sw_field iam_list_policies_out[] = {
    {.name = "Policies", .type = T_LIST, .of = out_policy_list_type},
    {.name = "IsTruncated", .type = T_BOOL},
    {.name = "Marker", .type = T_STRING},
    F_END};
const struct sw_field iam_list_policy_tags_out[] = {
    {.name = "Tags", .type = T_LIST, .of = out_tag_list_type},
    {.name = "IsTruncated", .type = T_BOOL},
    {.name = "Marker", .type = T_STRING},
    F_END};
const struct sw_field iam_list_policy_versions_out[] = {
    {.name = "Versions", .type = T_LIST, .of = out_policy_document_version_list_type},
    {.name = "IsTruncated", .type = T_BOOL},
    {.name = "Marker", .type = T_STRING},
    F_END};
const struct sw_field iam_list_role_policies_out[] = {
    {.name = "PolicyNames", .type = T_LIST, .of = out_policy_name_list_type},
    {.name = "IsTruncated", .type = T_BOOL},
    {.name = "Marker", .type = T_STRING},
    F_END};
const struct sw_field iam_list_role_tags_out[] = {
    {.name = "Tags", .type = T_LIST, .of = out_tag_list_type},
    {.name = "IsTruncated", .type = T_BOOL},
    {.name = "Marker", .type = T_STRING},
    F_END};
const struct sw_field iam_list_roles_out[] = {
    {.name = "Roles", .type = T_LIST, .of = out_role_list_type},
    {.name = "IsTruncated", .type = T_BOOL},
    {.name = "Marker", .type = T_STRING},
    F_END};
static const struct sw_field out_saml_provider_list_entry[] = {
    {.name = "Arn", .type = T_STRING},
    {.name = "ValidUntil", .type = T_TIMESTAMP},
    {.name = "CreateDate", .type = T_TIMESTAMP},
    F_END};
static const struct sw_field out_saml_provider_list_type[] = {
    {.name = "member", .type = T_STRUCT, .of = out_saml_provider_list_entry},
    F_END};
const struct sw_field iam_list_saml_providers_out[] = {
    {.name = "SAMLProviderList", .type = T_LIST, .of = out_saml_provider_list_type},
    F_END};
static const struct sw_field out_ssh_public_key_metadata[] = {
    {.name = "UserName", .type = T_STRING},
    {.name = "SSHPublicKeyId", .type = T_STRING},
    {.name = "Status", .type = T_STRING, .values = values_status_type},
    {.name = "UploadDate", .type = T_TIMESTAMP},
    F_END};
static const struct sw_field out_ssh_public_key_list_type[] = {
    {.name = "member", .type = T_STRUCT, .of = out_ssh_public_key_metadata},
    F_END};
const struct sw_field iam_list_ssh_public_keys_out[] = {
    {.name = "SSHPublicKeys", .type = T_LIST, .of = out_ssh_public_key_list_type},
    {.name = "IsTruncated", .type = T_BOOL},
    {.name = "Marker", .type = T_STRING},
    F_END};
static const struct sw_field out_server_certificate_metadata[] = {
    {.name = "Path", .type = T_STRING},
    {.name = "ServerCertificateName", .type = T_STRING},
    {.name = "ServerCertificateId", .type = T_STRING},
    {.name = "Arn", .type = T_STRING},
    {.name = "UploadDate", .type = T_TIMESTAMP},
    {.name = "Expiration", .type = T_TIMESTAMP},
    F_END};
static const struct sw_field out_server_certificate_metadata_list_type[] = {
    {.name = "member", .type = T_STRUCT, .of = out_server_certificate_metadata},
    F_END};
const struct sw_field iam_list_server_certificates_out[] = {
    {.name = "ServerCertificateMetadataList", .type = T_LIST, .of = out_server_certificate_metadata_list_type},
    {.name = "IsTruncated", .type = T_BOOL},
    {.name = "Marker", .type = T_STRING},
    F_END};
static const struct sw_field out_service_specific_credential_metadata[] = {
    {.name = "UserName", .type = T_STRING},
    {.name = "Status", .type = T_STRING, .values = values_status_type},
    {.name = "ServiceUserName", .type = T_STRING},
    {.name = "CreateDate", .type = T_TIMESTAMP},
    {.name = "ServiceSpecificCredentialId", .type = T_STRING},
    {.name = "ServiceName", .type = T_STRING},
    F_END};
static const struct sw_field out_service_specific_credentials_list_type[] = {
    {.name = "member", .type = T_STRUCT, .of = out_service_specific_credential_metadata},
    F_END};
const struct sw_field iam_list_service_specific_credentials_out[] = {
    {.name = "ServiceSpecificCredentials", .type = T_LIST, .of = out_service_specific_credentials_list_type},
    F_END};
static const struct sw_field out_signing_certificate[] = {
    {.name = "UserName", .type = T_STRING},
    {.name = "CertificateId", .type = T_STRING},
    {.name = "CertificateBody", .type = T_STRING},
    {.name = "Status", .type = T_STRING, .values = values_status_type},
    {.name = "UploadDate", .type = T_TIMESTAMP},
    F_END};
static const struct sw_field out_certificate_list_type[] = {
    {.name = "member", .type = T_STRUCT, .of = out_signing_certificate},
    F_END};
const struct sw_field iam_list_signing_certificates_out[] = {
    {.name = "Certificates", .type = T_LIST, .of = out_certificate_list_type},
    {.name = "IsTruncated", .type = T_BOOL},
    {.name = "Marker", .type = T_STRING},
    F_END};
const struct sw_field iam_list_user_policies_out[] = {
    {.name = "PolicyNames", .type = T_LIST, .of = out_policy_name_list_type},
    {.name = "IsTruncated", .type = T_BOOL},
    {.name = "Marker", .type = T_STRING},
    F_END};
const struct sw_field iam_list_user_tags_out[] = {
    {.name = "Tags", .type = T_LIST, .of = out_tag_list_type},
    {.name = "IsTruncated", .type = T_BOOL},
    {.name = "Marker", .type = T_STRING},
    F_END};
const struct sw_field iam_list_users_out[] = {
    {.name = "Users", .type = T_LIST, .of = out_user_list_type},
    {.name = "IsTruncated", .type = T_BOOL},
    {.name = "Marker", .type = T_STRING},
    F_END};
static const struct sw_field out_virtual_mfa_device[] = {
    {.name = "SerialNumber", .type = T_STRING},
    {.name = "Base32StringSeed", .type = T_BLOB},
    {.name = "QRCodePNG", .type = T_BLOB},
    {.name = "User", .type = T_STRUCT, .of = out_user},
    {.name = "EnableDate", .type = T_TIMESTAMP},
    {.name = "Tags", .type = T_LIST, .of = out_tag_list_type},
    F_END};
static const struct sw_field out_virtual_mfa_device_list_type[] = {
    {.name = "member", .type = T_STRUCT, .of = out_virtual_mfa_device},
    F_END};
const struct sw_field iam_list_virtual_mfa_devices_out[] = {
    {.name = "VirtualMFADevices", .type = T_LIST, .of = out_virtual_mfa_device_list_type},
    {.name = "IsTruncated", .type = T_BOOL},
    {.name = "Marker", .type = T_STRING},
    F_END};
static const char *const values_policy_evaluation_decision_type[] = {"allowed", "explicitDeny", "implicitDeny", NULL};
static const char *const values_policy_source_type[] = {"user", "group", "role", "aws-managed", "user-managed", "resource", "none", NULL};
static const struct sw_field out_position[] = {
    {.name = "Line", .type = T_INT},
    {.name = "Column", .type = T_INT},
    F_END};
static const struct sw_field out_statement[] = {
    {.name = "SourcePolicyId", .type = T_STRING},
    {.name = "SourcePolicyType", .type = T_STRING, .values = values_policy_source_type},
    {.name = "StartPosition", .type = T_STRUCT, .of = out_position},
    {.name = "EndPosition", .type = T_STRUCT, .of = out_position},
    F_END};
static const struct sw_field out_statement_list_type[] = {
    {.name = "member", .type = T_STRUCT, .of = out_statement},
    F_END};
static const struct sw_field out_organizations_decision_detail[] = {
    {.name = "AllowedByOrganizations", .type = T_BOOL},
    F_END};
static const struct sw_field out_permissions_boundary_decision_detail[] = {
    {.name = "AllowedByPermissionsBoundary", .type = T_BOOL},
    F_END};
static const struct sw_field out_eval_decision_details_type[] = {
    {.name = "key", .type = T_STRING},
    {.name = "value", .type = T_STRING, .values = values_policy_evaluation_decision_type},
    F_END};
static const struct sw_field out_resource_specific_result[] = {
    {.name = "EvalResourceName", .type = T_STRING},
    {.name = "EvalResourceDecision", .type = T_STRING, .values = values_policy_evaluation_decision_type},
    {.name = "MatchedStatements", .type = T_LIST, .of = out_statement_list_type},
    {.name = "MissingContextValues", .type = T_LIST, .of = out_context_key_names_result_list_type},
    {.name = "EvalDecisionDetails", .type = T_MAP, .of = out_eval_decision_details_type},
    {.name = "PermissionsBoundaryDecisionDetail", .type = T_STRUCT, .of = out_permissions_boundary_decision_detail},
    F_END};
static const struct sw_field out_resource_specific_result_list_type[] = {
    {.name = "member", .type = T_STRUCT, .of = out_resource_specific_result},
    F_END};
static const struct sw_field out_evaluation_result[] = {
    {.name = "EvalActionName", .type = T_STRING},
    {.name = "EvalResourceName", .type = T_STRING},
    {.name = "EvalDecision", .type = T_STRING, .values = values_policy_evaluation_decision_type},
    {.name = "MatchedStatements", .type = T_LIST, .of = out_statement_list_type},
    {.name = "MissingContextValues", .type = T_LIST, .of = out_context_key_names_result_list_type},
    {.name = "OrganizationsDecisionDetail", .type = T_STRUCT, .of = out_organizations_decision_detail},
    {.name = "PermissionsBoundaryDecisionDetail", .type = T_STRUCT, .of = out_permissions_boundary_decision_detail},
    {.name = "EvalDecisionDetails", .type = T_MAP, .of = out_eval_decision_details_type},
    {.name = "ResourceSpecificResults", .type = T_LIST, .of = out_resource_specific_result_list_type},
    F_END};
static const struct sw_field out_evaluation_results_list_type[] = {
    {.name = "member", .type = T_STRUCT, .of = out_evaluation_result},
    F_END};
const struct sw_field iam_simulate_custom_policy_out[] = {
    {.name = "EvaluationResults", .type = T_LIST, .of = out_evaluation_results_list_type},
    {.name = "IsTruncated", .type = T_BOOL},
    {.name = "Marker", .type = T_STRING},
    F_END};
const struct sw_field iam_simulate_principal_policy_out[] = {
    {.name = "EvaluationResults", .type = T_LIST, .of = out_evaluation_results_list_type},
    {.name = "IsTruncated", .type = T_BOOL},
    {.name = "Marker", .type = T_STRING},
    F_END};
const struct sw_field iam_update_role_out[] = {
F_END};
const struct sw_field iam_update_role_description_out[] = {
    {.name = "Role", .type = T_STRUCT, .of = out_role},
    F_END};
/* clang-format on */
