/* SPDX-License-Identifier: Apache-2.0 */
/* registry/api/ecr_schema_registry.c - the registry as a whole: its policy, settings and creation templates; scanning, replication,
 * pull-through caches, signing and storage classes. Names, types, limits and enumerations as in Amazon's model of 2015-09-21. */
#include <string.h>

#include "registry/api/ecr_rows.h"
#include "registry/core/tag_rule.h"

static bool is_template_prefix(const char *s)
{
    char name[258];
    size_t n = strlen(s);
    if (strcmp(s, "ROOT") == 0)
        return true;
    if (n > 0 && s[n - 1] == '/')
        n--;
    if (n == 0 || n >= sizeof(name))
        return false;
    memcpy(name, s, n);
    name[n] = 0;
    return n == 1 ? (name[0] >= 'a' && name[0] <= 'z') || (name[0] >= '0' && name[0] <= '9')
                  : ecr_is_repository(name);
}

/* clang-format off */
static const char *const filter_types[] = {"PREFIX_MATCH", NULL};
static const char *const wildcard[] = {"WILDCARD", NULL};
static const char *const wildcard_match[] = {"WILDCARD_MATCH", NULL};
static const char *const scan_types[] = {"BASIC", "ENHANCED", NULL};
static const char *const scan_frequencies[] = {"SCAN_ON_PUSH", "CONTINUOUS_SCAN", "MANUAL", NULL};
static const char *const scan_statuses[] = {
    "IN_PROGRESS", "COMPLETE", "FAILED", "UNSUPPORTED_IMAGE", "ACTIVE", "PENDING", "SCAN_ELIGIBILITY_EXPIRED",
    "FINDINGS_UNAVAILABLE", "LIMIT_EXCEEDED", "IMAGE_ARCHIVED", NULL};
static const char *const scan_failures[] = {"REPOSITORY_NOT_FOUND", NULL};
static const char *const progress[] = {"IN_PROGRESS", "COMPLETE", "FAILED", NULL};
static const char *const backfill_statuses[] = {"PREPARING", "IN_PROGRESS", "COMPLETE", "FAILED", "STOPPING", "STOPPED", NULL};
static const char *const backfill_results[] = {"COMPLETE", "FAILED", NULL};
static const char *const storage_classes[] = {"STANDARD", "ARCHIVE", NULL};
static const char *const image_statuses[] = {"ACTIVE", "ARCHIVED", "ACTIVATING", NULL};
static const char *const applied_for[] = {"REPLICATION", "PULL_THROUGH_CACHE", "CREATE_ON_PUSH", NULL};
static const char *const account_settings[] = {"BASIC_SCAN_TYPE_VERSION", "REGISTRY_POLICY_SCOPE", "BLOB_MOUNTING", NULL};
static const char *const upstreams[] = {
    "ecr", "ecr-public", "quay", "k8s", "docker-hub", "github-container-registry", "azure-container-registry",
    "gitlab-container-registry", "chainguard", NULL};

/* DescribeRegistry and replication */
const struct sw_field ecr_describe_registry_in[] = {F_END};
static const struct sw_field destination[] = {
    STRING("region", F_REQUIRED | F_READ | F_LIMITS, .min = 2, .max = 25),
    REGISTRY_ID(F_REQUIRED | F_READ),
    F_END};
static const struct sw_field destination_element[] = {STRUCT("destination", F_READ, destination), F_END};
static const struct sw_field repository_filter[] = {
    STRING("filter", F_REQUIRED | F_READ | F_LIMITS, .min = 2, .max = 256),
    STRING("filterType", F_REQUIRED | F_READ, .values = filter_types),
    F_END};
static const struct sw_field repository_filter_element[] = {STRUCT("filter", F_READ, repository_filter), F_END};
static const struct sw_field replication_rule[] = {
    LIST("destinations", F_REQUIRED | F_READ | F_LIMITS, destination_element, .min = 0, .max = 25),
    LIST("repositoryFilters", F_READ | F_LIMITS, repository_filter_element, .min = 1, .max = 100),
    F_END};
static const struct sw_field replication_rule_element[] = {STRUCT("rule", F_READ, replication_rule), F_END};
const struct sw_field ecr_replication[] = {
    LIST("rules", F_REQUIRED | F_READ | F_LIMITS, replication_rule_element, .min = 0, .max = 10), F_END};
const struct sw_field ecr_describe_registry_out[] = {
    REGISTRY_ID(0), STRUCT("replicationConfiguration", 0, ecr_replication), F_END};
const struct sw_field ecr_put_replication_configuration_in[] = {
    STRUCT("replicationConfiguration", F_REQUIRED | F_READ, ecr_replication), F_END};
const struct sw_field ecr_put_replication_configuration_out[] = {STRUCT("replicationConfiguration", 0, ecr_replication), F_END};
#define IN_IMAGE \
    IN_REPOSITORY(ecr_one_image_in), \
    {.name = "imageId", .type = T_STRUCT, .flags = F_REQUIRED | F_BOUND, .of = ecr_image_id_members, BOUND(ecr_one_image_in, image_id)}
const struct sw_field ecr_one_image_in[] = {IN_IMAGE, F_END};
static const struct sw_field replication_status[] = {
    STRING("region", 0), REGISTRY_ID(0), STRING("status", 0, .values = progress), STRING("failureCode", 0), F_END};
static const struct sw_field replication_status_element[] = {STRUCT("status", 0, replication_status), F_END};
const struct sw_field ecr_describe_image_replication_status_out[] = {
    REPOSITORY("repositoryName", 0), STRUCT("imageId", 0, ecr_image_id_members),
    LIST("replicationStatuses", 0, replication_status_element), F_END};
static const struct sw_field backfill_progress[] = {
    {.name = "totalReplicationCount", .type = T_LONG}, {.name = "completedReplicationCount", .type = T_LONG},
    {.name = "failedReplicationCount", .type = T_LONG}, LIST("failureCodes", 0, ecr_string_element), F_END};
#define OUT_BACKFILL \
    STRING("replicationBackfillId", 0), STRUCT("destination", 0, destination), \
    STRING("status", 0, .values = backfill_statuses), TIME("startedAt")
const struct sw_field ecr_start_replication_backfill_in[] = {
    REGISTRY_ID(F_BOUND, BOUND(ecr_backfill_in, registry_id)), STRUCT("destination", F_REQUIRED | F_READ, destination), F_END};
const struct sw_field ecr_stop_replication_backfill_in[] = {
    REGISTRY_ID(F_BOUND, BOUND(ecr_backfill_in, registry_id)),
    STRING("replicationBackfillId", F_REQUIRED | F_BOUND, BOUND(ecr_backfill_in, id)), F_END};
const struct sw_field ecr_replication_backfill_out[] = {REGISTRY_ID(0), OUT_BACKFILL, F_END};
const struct sw_field ecr_list_replication_backfills_in[] = {
    REGISTRY_ID(F_BOUND, BOUND(ecr_backfill_in, registry_id)), IN_PAGE(ecr_backfill_in), F_END};
static const struct sw_field backfill[] = {
    OUT_BACKFILL, TIME("endedAt"), STRING("failureCode", 0), STRUCT("progress", 0, backfill_progress), F_END};
static const struct sw_field backfill_element[] = {STRUCT("backfill", 0, backfill), F_END};
const struct sw_field ecr_list_replication_backfills_out[] = {
    REGISTRY_ID(0), LIST("backfills", 0, backfill_element), STRING("nextToken", 0), F_END};
const struct sw_field ecr_describe_replication_backfill_results_in[] = {
    REGISTRY_ID(F_BOUND, BOUND(ecr_backfill_in, registry_id)),
    STRING("replicationBackfillId", F_REQUIRED | F_BOUND, BOUND(ecr_backfill_in, id)),
    STRING("resultStatusFilter", F_READ, .values = backfill_results), IN_PAGE(ecr_backfill_in), F_END};
static const struct sw_field backfill_result[] = {
    REPOSITORY("repositoryName", 0), STRUCT("imageId", 0, ecr_image_id_members), STRING("status", 0, .values = backfill_results),
    STRING("failureCode", 0), LIST("subImageFailureCodes", 0, ecr_string_element), F_END};
static const struct sw_field backfill_result_element[] = {STRUCT("result", 0, backfill_result), F_END};
const struct sw_field ecr_describe_replication_backfill_results_out[] = {
    REGISTRY_ID(0), OUT_BACKFILL, TIME("endedAt"), STRING("failureCode", 0), STRUCT("progress", 0, backfill_progress),
    LIST("results", 0, backfill_result_element), STRING("nextToken", 0), F_END};

/* Registry policy */
const struct sw_field ecr_put_registry_policy_in[] = {
    STRING("policyText", F_REQUIRED | F_BOUND | F_LIMITS, .min = 0, .max = LIMIT_ECR_POLICY_TEXT, BOUND(ecr_policy_in, text)), F_END};
const struct sw_field ecr_no_in[] = {F_END};
const struct sw_field ecr_registry_policy_out[] = {REGISTRY_ID(0), STRING("policyText", 0), F_END};

/* Account settings */
const struct sw_field ecr_get_account_setting_in[] = {
    STRING("name", F_REQUIRED | F_BOUND, .values = account_settings, BOUND(ecr_setting_in, name)), F_END};
const struct sw_field ecr_put_account_setting_in[] = {
    STRING("name", F_REQUIRED | F_BOUND, .values = account_settings, BOUND(ecr_setting_in, name)),
    STRING("value", F_REQUIRED | F_BOUND, BOUND(ecr_setting_in, value)), F_END};
const struct sw_field ecr_account_setting_out[] = {STRING("name", 0), STRING("value", 0), F_END};

/* Pull time update exclusions */
const struct sw_field ecr_pull_time_exclusion_in[] = {
    STRING("principalArn", F_REQUIRED | F_BOUND | F_LIMITS, .min = 0, .max = 200, BOUND(ecr_setting_in, name)), F_END};
const struct sw_field ecr_register_pull_time_exclusion_out[] = {STRING("principalArn", 0), TIME("createdAt"), F_END};
const struct sw_field ecr_deregister_pull_time_exclusion_out[] = {STRING("principalArn", 0), F_END};
const struct sw_field ecr_list_pull_time_exclusions_in[] = {IN_TOKEN_AND_MAX(ecr_list_in, 100), F_END};
const struct sw_field ecr_list_pull_time_exclusions_out[] = {
    LIST("pullTimeUpdateExclusions", 0, ecr_string_element), STRING("nextToken", 0), F_END};

/* Creation templates */
static const struct sw_field reason_element[] = {STRING("reason", F_READ, .values = applied_for), F_END};
#define PREFIX(fl, ...) \
    STRING("prefix", F_LIMITS | (fl), .min = 1, .max = 256, .check = is_template_prefix, \
           .pattern = "((?:[a-z0-9]+(?:[._-][a-z0-9]+)*/)*[a-z0-9]+(?:[._-][a-z0-9]+)*/?|ROOT)", __VA_ARGS__)
#define TEMPLATE_MEMBERS \
    STRING("description", F_READ | F_LIMITS, .min = 0, .max = 256), \
    STRUCT("encryptionConfiguration", F_READ, ecr_encryption), \
    LIST("resourceTags", F_READ, ecr_tag_element), \
    STRING("imageTagMutability", F_READ, .values = ecr_mutabilities), \
    LIST("imageTagMutabilityExclusionFilters", F_READ | F_LIMITS, ecr_mutability_filter_element, .min = 1, .max = TAG_FILTERS_MAX), \
    STRING("repositoryPolicy", F_READ | F_LIMITS, .min = 0, .max = LIMIT_ECR_POLICY_TEXT), \
    STRING("lifecyclePolicy", F_READ | F_LIMITS, .min = 0, .max = 30720), \
    STRING("customRoleArn", F_STORED | F_LIMITS, .min = 0, .max = 2048)
const struct sw_field ecr_create_template_in[] = {
    PREFIX(F_REQUIRED | F_BOUND, BOUND(ecr_template_in, prefix)), LIST("appliedFor", F_REQUIRED | F_READ, reason_element),
    TEMPLATE_MEMBERS, F_END};
const struct sw_field ecr_update_template_in[] = {
    PREFIX(F_REQUIRED | F_BOUND, BOUND(ecr_template_in, prefix)), LIST("appliedFor", F_READ, reason_element),
    TEMPLATE_MEMBERS, F_END};
static const struct sw_field creation_template[] = {
    PREFIX(0), LIST("appliedFor", 0, reason_element), TEMPLATE_MEMBERS, TIME("createdAt"), TIME("updatedAt"), F_END};
const struct sw_field ecr_template_out[] = {REGISTRY_ID(0), STRUCT("repositoryCreationTemplate", 0, creation_template), F_END};
const struct sw_field ecr_delete_template_in[] = {PREFIX(F_REQUIRED | F_BOUND, BOUND(ecr_template_in, prefix)), F_END};
static const struct sw_field prefix_element[] = {PREFIX(F_READ), F_END};
const struct sw_field ecr_describe_templates_in[] = {
    LIST("prefixes", F_BOUND, prefix_element, BOUND(ecr_list_in, names)), IN_PAGE(ecr_list_in), F_END};
static const struct sw_field template_element[] = {STRUCT("template", 0, creation_template), F_END};
const struct sw_field ecr_describe_templates_out[] = {
    REGISTRY_ID(0), LIST("repositoryCreationTemplates", 0, template_element), STRING("nextToken", 0), F_END};

/* Scanning */
static const struct sw_field scan_filter[] = {
    STRING("filter", F_REQUIRED | F_READ | F_LIMITS, .min = 1, .max = 255),
    STRING("filterType", F_REQUIRED | F_READ, .values = wildcard), F_END};
static const struct sw_field scan_filter_element[] = {STRUCT("filter", F_READ, scan_filter), F_END};
static const struct sw_field scan_rule[] = {
    STRING("scanFrequency", F_REQUIRED | F_READ, .values = scan_frequencies),
    LIST("repositoryFilters", F_REQUIRED | F_READ | F_LIMITS, scan_filter_element, .min = 0, .max = 100), F_END};
static const struct sw_field scan_rule_element[] = {STRUCT("rule", F_READ, scan_rule), F_END};
static const struct sw_field scan_configuration[] = {
    STRING("scanType", F_READ, .values = scan_types),
    LIST("rules", F_READ | F_LIMITS, scan_rule_element, .min = 0, .max = 2), F_END};
const struct sw_field ecr_put_registry_scanning_configuration_in[] = {
    STRING("scanType", F_READ, .values = scan_types),
    LIST("rules", F_READ | F_LIMITS, scan_rule_element, .min = 0, .max = 2), F_END};
const struct sw_field ecr_put_registry_scanning_configuration_out[] = {
    STRUCT("registryScanningConfiguration", 0, scan_configuration), F_END};
const struct sw_field ecr_get_registry_scanning_configuration_out[] = {
    REGISTRY_ID(0), STRUCT("scanningConfiguration", 0, scan_configuration), F_END};
const struct sw_field ecr_batch_get_repository_scanning_configuration_in[] = {
    LIST("repositoryNames", F_REQUIRED | F_BOUND | F_LIMITS, ecr_repository_name_element, .min = 1, .max = 25,
         BOUND(ecr_list_in, names)), F_END};
static const struct sw_field repository_scanning[] = {
    STRING("repositoryArn", 0), REPOSITORY("repositoryName", 0), BOOL("scanOnPush", 0),
    STRING("scanFrequency", 0, .values = scan_frequencies), LIST("appliedScanFilters", 0, scan_filter_element), F_END};
static const struct sw_field repository_scanning_element[] = {STRUCT("configuration", 0, repository_scanning), F_END};
static const struct sw_field scanning_failure[] = {
    REPOSITORY("repositoryName", 0), STRING("failureCode", 0, .values = scan_failures), STRING("failureReason", 0), F_END};
static const struct sw_field scanning_failure_element[] = {STRUCT("failure", 0, scanning_failure), F_END};
const struct sw_field ecr_batch_get_repository_scanning_configuration_out[] = {
    LIST("scanningConfigurations", 0, repository_scanning_element), LIST("failures", 0, scanning_failure_element), F_END};
static const struct sw_field scan_status[] = {
    STRING("status", 0, .values = scan_statuses), STRING("description", 0), F_END};
const struct sw_field ecr_start_image_scan_out[] = {
    OUT_REPOSITORY, STRUCT("imageId", 0, ecr_image_id_members), STRUCT("imageScanStatus", 0, scan_status), F_END};
const struct sw_field ecr_describe_image_scan_findings_in[] = {
    IN_IMAGE, IN_PAGE(ecr_one_image_in), F_END};
const struct sw_field ecr_describe_image_scan_findings_out[] = {
    OUT_REPOSITORY, STRUCT("imageId", 0, ecr_image_id_members), STRUCT("imageScanStatus", 0, scan_status), STRING("nextToken", 0), F_END};

/* Pull-through caches */
#define CACHE_PREFIX(fl, ...) STRING("ecrRepositoryPrefix", F_LIMITS | (fl), .min = 2, .max = 30, __VA_ARGS__)
#define SECRET STRING("credentialArn", F_READ | F_LIMITS, .min = 50, .max = 612), STRING("customRoleArn", F_READ | F_LIMITS, .min = 0, .max = 2048)
#define OUT_RULE \
    CACHE_PREFIX(0), STRING("upstreamRegistryUrl", 0), REGISTRY_ID(0), STRING("credentialArn", 0), STRING("customRoleArn", 0), \
    STRING("upstreamRepositoryPrefix", 0)
const struct sw_field ecr_create_cache_rule_in[] = {
    CACHE_PREFIX(F_REQUIRED | F_BOUND, BOUND(ecr_cache_in, prefix)), STRING("upstreamRegistryUrl", F_REQUIRED | F_READ),
    REGISTRY_ID(F_BOUND, BOUND(ecr_cache_in, registry_id)), STRING("upstreamRegistry", F_READ, .values = upstreams), SECRET,
    STRING("upstreamRepositoryPrefix", F_READ | F_LIMITS, .min = 2, .max = 30), F_END};
const struct sw_field ecr_create_cache_rule_out[] = {
    OUT_RULE, TIME("createdAt"), STRING("upstreamRegistry", 0, .values = upstreams), F_END};
const struct sw_field ecr_cache_rule_in[] = {
    CACHE_PREFIX(F_REQUIRED | F_BOUND, BOUND(ecr_cache_in, prefix)), REGISTRY_ID(F_BOUND, BOUND(ecr_cache_in, registry_id)), F_END};
const struct sw_field ecr_delete_cache_rule_out[] = {OUT_RULE, TIME("createdAt"), F_END};
const struct sw_field ecr_update_cache_rule_in[] = {
    CACHE_PREFIX(F_REQUIRED | F_BOUND, BOUND(ecr_cache_in, prefix)), REGISTRY_ID(F_BOUND, BOUND(ecr_cache_in, registry_id)),
    SECRET, F_END};
const struct sw_field ecr_update_cache_rule_out[] = {
    CACHE_PREFIX(0), REGISTRY_ID(0), TIME("updatedAt"), STRING("credentialArn", 0), STRING("customRoleArn", 0),
    STRING("upstreamRepositoryPrefix", 0), F_END};
const struct sw_field ecr_validate_cache_rule_out[] = {OUT_RULE, BOOL("isValid", 0), STRING("failure", 0), F_END};
static const struct sw_field cache_prefix_element[] = {CACHE_PREFIX(F_READ), F_END};
const struct sw_field ecr_describe_cache_rules_in[] = {
    REGISTRY_ID(F_BOUND, BOUND(ecr_list_in, registry_id)),
    LIST("ecrRepositoryPrefixes", F_BOUND | F_LIMITS, cache_prefix_element, .min = 1, .max = 100, BOUND(ecr_list_in, names)),
    IN_PAGE(ecr_list_in), F_END};
static const struct sw_field cache_rule[] = {
    OUT_RULE, TIME("createdAt"), TIME("updatedAt"), STRING("upstreamRegistry", 0, .values = upstreams), F_END};
static const struct sw_field cache_rule_element[] = {STRUCT("rule", 0, cache_rule), F_END};
const struct sw_field ecr_describe_cache_rules_out[] = {
    LIST("pullThroughCacheRules", 0, cache_rule_element), STRING("nextToken", 0), F_END};

/* Signing */
static const struct sw_field signing_filter[] = {
    STRING("filter", F_REQUIRED | F_READ | F_LIMITS, .min = 1, .max = 255),
    STRING("filterType", F_REQUIRED | F_READ, .values = wildcard_match), F_END};
static const struct sw_field signing_filter_element[] = {STRUCT("filter", F_READ, signing_filter), F_END};
static const struct sw_field signing_rule[] = {
    STRING("signingProfileArn", F_REQUIRED | F_READ | F_LIMITS, .min = 0, .max = 200),
    LIST("repositoryFilters", F_READ | F_LIMITS, signing_filter_element, .min = 1, .max = 100), F_END};
static const struct sw_field signing_rule_element[] = {STRUCT("rule", F_READ, signing_rule), F_END};
static const struct sw_field signing[] = {
    LIST("rules", F_REQUIRED | F_READ | F_LIMITS, signing_rule_element, .min = 0, .max = 10), F_END};
const struct sw_field ecr_put_signing_configuration_in[] = {STRUCT("signingConfiguration", F_REQUIRED | F_READ, signing), F_END};
const struct sw_field ecr_put_signing_configuration_out[] = {STRUCT("signingConfiguration", 0, signing), F_END};
const struct sw_field ecr_signing_configuration_out[] = {REGISTRY_ID(0), STRUCT("signingConfiguration", 0, signing), F_END};
static const struct sw_field signing_status[] = {
    STRING("signingProfileArn", 0), STRING("failureCode", 0), STRING("failureReason", 0), STRING("status", 0, .values = progress), F_END};
static const struct sw_field signing_status_element[] = {STRUCT("status", 0, signing_status), F_END};
const struct sw_field ecr_describe_image_signing_status_out[] = {
    OUT_REPOSITORY, STRUCT("imageId", 0, ecr_image_id_members), LIST("signingStatuses", 0, signing_status_element), F_END};

/* Storage classes */
const struct sw_field ecr_update_image_storage_class_in[] = {
    IN_IMAGE, STRING("targetStorageClass", F_REQUIRED | F_READ, .values = storage_classes), F_END};
const struct sw_field ecr_update_image_storage_class_out[] = {
    OUT_REPOSITORY, STRUCT("imageId", 0, ecr_image_id_members), STRING("imageStatus", 0, .values = image_statuses), F_END};
/* clang-format on */
