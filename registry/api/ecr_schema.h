/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* registry/api/ecr_schema.h - the ECR API as data: one array per structure, named as in Amazon's model, and what the handlers
 * compute with. A member that is read from the JSON or only stored has no place in a structure. */
#include "api/awsjson.h"
#include "api/schema.h"

struct ecr_repository_in { /* every operation on one repository */
    const char *registry_id, *repository;
    enum schema_bool force;
    const char *mutability;
    json_t *filters; /* imageTagMutabilityExclusionFilters */
};
struct ecr_list_in { /* lists in pages */
    const char *registry_id, *repository, *next_token;
    struct schema_int max_results;
    json_t *names, *image_ids, *filter;
};
struct ecr_images_in {
    const char *registry_id, *repository;
    json_t *image_ids, *media_types, *digests;
};
struct ecr_put_image_in {
    const char *registry_id, *repository, *manifest, *media_type, *tag, *digest;
};
struct ecr_tags_in {
    const char *arn;
    json_t *tags, *keys;
};
struct ecr_token_in {
    json_t *registry_ids;
};

struct ecr_layer_in { /* uploads in parts, and downloads */
    const char *registry_id, *repository, *upload_id, *blob, *digest;
    struct schema_int first, last;
    json_t *digests;
};
struct ecr_policy_in {
    const char *registry_id, *repository, *text;
    enum schema_bool force;
};
struct ecr_one_image_in {
    const char *registry_id, *repository, *next_token;
    struct schema_int max_results;
    json_t *image_id;
};
struct ecr_backfill_in {
    const char *registry_id, *id, *next_token;
    struct schema_int max_results;
};
struct ecr_setting_in {
    const char *name, *value;
};
struct ecr_template_in {
    const char *prefix;
};
struct ecr_cache_in {
    const char *registry_id, *prefix;
};

extern const struct sw_field ecr_account_setting_out[], ecr_batch_check_layer_availability_in[],
    ecr_batch_check_layer_availability_out[], ecr_batch_delete_image_in[],
    ecr_batch_delete_image_out[], ecr_batch_get_image_in[], ecr_batch_get_image_out[],
    ecr_batch_get_repository_scanning_configuration_in[],
    ecr_batch_get_repository_scanning_configuration_out[], ecr_cache_rule_in[],
    ecr_complete_layer_upload_in[], ecr_complete_layer_upload_out[], ecr_create_cache_rule_in[],
    ecr_create_cache_rule_out[], ecr_create_repository_in[], ecr_create_repository_out[],
    ecr_create_template_in[], ecr_delete_cache_rule_out[], ecr_delete_repository_in[],
    ecr_delete_template_in[], ecr_deregister_pull_time_exclusion_out[],
    ecr_describe_cache_rules_in[], ecr_describe_cache_rules_out[],
    ecr_describe_image_replication_status_out[], ecr_describe_image_scan_findings_in[],
    ecr_describe_image_scan_findings_out[], ecr_describe_image_signing_status_out[],
    ecr_describe_images_in[], ecr_describe_images_out[], ecr_describe_registry_in[],
    ecr_describe_registry_out[], ecr_describe_replication_backfill_results_in[],
    ecr_describe_replication_backfill_results_out[], ecr_describe_repositories_in[],
    ecr_describe_repositories_out[], ecr_describe_templates_in[], ecr_describe_templates_out[],
    ecr_empty_out[], ecr_get_account_setting_in[], ecr_get_authorization_token_in[],
    ecr_get_authorization_token_out[], ecr_get_download_url_for_layer_in[],
    ecr_get_download_url_for_layer_out[], ecr_get_registry_scanning_configuration_out[],
    ecr_initiate_layer_upload_in[], ecr_initiate_layer_upload_out[], ecr_list_image_referrers_in[],
    ecr_list_image_referrers_out[], ecr_list_images_in[], ecr_list_images_out[],
    ecr_list_pull_time_exclusions_in[], ecr_list_pull_time_exclusions_out[],
    ecr_list_replication_backfills_in[], ecr_list_replication_backfills_out[],
    ecr_list_tags_for_resource_in[], ecr_list_tags_for_resource_out[], ecr_no_in[],
    ecr_one_image_in[], ecr_pull_time_exclusion_in[], ecr_put_account_setting_in[],
    ecr_put_image_in[], ecr_put_image_out[], ecr_put_image_scanning_configuration_in[],
    ecr_put_image_scanning_configuration_out[], ecr_put_image_tag_mutability_in[],
    ecr_put_image_tag_mutability_out[], ecr_put_registry_policy_in[],
    ecr_put_registry_scanning_configuration_in[], ecr_put_registry_scanning_configuration_out[],
    ecr_put_replication_configuration_in[], ecr_put_replication_configuration_out[],
    ecr_put_signing_configuration_in[], ecr_put_signing_configuration_out[],
    ecr_register_pull_time_exclusion_out[], ecr_registry_policy_out[],
    ecr_replication_backfill_out[], ecr_repository_policy_in[], ecr_repository_policy_out[],
    ecr_set_repository_policy_in[], ecr_signing_configuration_out[], ecr_start_image_scan_out[],
    ecr_start_replication_backfill_in[], ecr_stop_replication_backfill_in[], ecr_tag_resource_in[],
    ecr_template_out[], ecr_untag_resource_in[], ecr_update_cache_rule_in[],
    ecr_update_cache_rule_out[], ecr_update_image_storage_class_in[],
    ecr_update_image_storage_class_out[], ecr_update_template_in[], ecr_upload_layer_part_in[],
    ecr_upload_layer_part_out[], ecr_validate_cache_rule_out[];
