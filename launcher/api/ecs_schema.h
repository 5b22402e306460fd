/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* launcher/api/ecs_schema.h - the tables of the ECS operations and of the agent's, one array a structure, one line a member.
 * Names, types, required members, enumerations and limits are those of the ECS API model of 2014-11-13; members that newer
 * models added are at the end of their structure. Inputs say what becomes of each member: read, stored, or refused by name. */
#include "api/schema.h"

/* Rows: name, handling, then what the type needs; limits as designators at the end. */
/* clang-format off */
#define STRING(n, f, ...)    {.name = (n), .type = T_STRING, .flags = (f), ##__VA_ARGS__}
#define ENUM(n, f, v)        {.name = (n), .type = T_STRING, .flags = (f), .values = (v)}
#define BOOLEAN(n, f)        {.name = (n), .type = T_BOOL, .flags = (f)}
#define INTEGER(n, f, ...)   {.name = (n), .type = T_INT, .flags = (f), ##__VA_ARGS__}
#define LONG(n, f, ...)      {.name = (n), .type = T_LONG, .flags = (f), ##__VA_ARGS__}
#define DOUBLE(n, f)         {.name = (n), .type = T_DOUBLE, .flags = (f)}
#define TIME(n, f)           {.name = (n), .type = T_TIMESTAMP, .flags = (f)}
#define BLOB(n, f)           {.name = (n), .type = T_BLOB, .flags = (f)}
#define LIST(n, f, o, ...)   {.name = (n), .type = T_LIST, .flags = (f), .of = (o), ##__VA_ARGS__}
#define MAP(n, f, o, ...)    {.name = (n), .type = T_MAP, .flags = (f), .of = (o), ##__VA_ARGS__}
#define STRUCT(n, f, o)      {.name = (n), .type = T_STRUCT, .flags = (f), .of = (o)}
/* clang-format on */

extern const struct sw_field strings_list[];
extern const struct sw_field task_definition[];
extern const struct sw_field task_override[];
extern const char *const transport_protocol_values[];
extern const struct sw_field key_value_pair[];
extern const struct sw_field environment_variables_list[];
extern const struct sw_field environment_files_list[];
extern const struct sw_field resource_requirements_list[];
extern const struct sw_field tags_list[];
extern const struct sw_field inference_accelerators_list[];
extern const struct sw_field ephemeral_storage[];
extern const struct sw_field register_task_definition_in[];
extern const struct sw_field attribute[];
extern const struct sw_field register_task_definition_out[];
extern const struct sw_field describe_task_definition_in[];
extern const struct sw_field describe_task_definition_out[];
extern const struct sw_field list_task_definitions_in[];
extern const struct sw_field list_task_definitions_out[];
extern const struct sw_field list_task_definition_families_in[];
extern const struct sw_field list_task_definition_families_out[];
extern const struct sw_field deregister_task_definition_in[];
extern const struct sw_field deregister_task_definition_out[];
extern const struct sw_field network_configuration[];
extern const struct sw_field capacity_provider_strategy_list[];
extern const struct sw_field placement_constraints_list[];
extern const struct sw_field placement_strategies_list[];
extern const struct sw_field run_task_in[];
extern const struct sw_field attachments_list[];
extern const struct sw_field attributes_list[];
extern const struct sw_field failures_list[];
extern const struct sw_field run_task_out[];
extern const struct sw_field describe_tasks_in[];
extern const struct sw_field describe_tasks_out[];
extern const struct sw_field list_tasks_in[];
extern const struct sw_field list_tasks_out[];
extern const struct sw_field stop_task_in[];
extern const struct sw_field stop_task_out[];
extern const struct sw_field submit_task_state_change_in[];
extern const struct sw_field submit_task_state_change_out[];
extern const struct sw_field describe_clusters_in[];
extern const struct sw_field describe_clusters_out[];
extern const struct sw_field list_clusters_in[];
extern const struct sw_field list_clusters_out[];
extern const struct sw_field create_cluster_in[];
extern const struct sw_field create_cluster_out[];
extern const struct sw_field list_container_instances_in[];
extern const struct sw_field list_container_instances_out[];
extern const struct sw_field describe_container_instances_in[];
extern const struct sw_field describe_container_instances_out[];
extern const struct sw_field register_container_instance_in[];
extern const struct sw_field register_container_instance_out[];
extern const struct sw_field deregister_container_instance_in[];
extern const struct sw_field deregister_container_instance_out[];
extern const struct sw_field list_tags_for_resource_in[];
extern const struct sw_field list_tags_for_resource_out[];
extern const struct sw_field tag_resource_in[];
extern const struct sw_field tag_resource_out[];
extern const struct sw_field untag_resource_in[];
extern const struct sw_field untag_resource_out[];
extern const struct sw_field discover_poll_endpoint_in[];
extern const struct sw_field discover_poll_endpoint_out[];

extern const struct sw_field create_capacity_provider_in[];
extern const struct sw_field create_capacity_provider_out[];
extern const struct sw_field delete_account_setting_in[];
extern const struct sw_field delete_account_setting_out[];
extern const struct sw_field delete_attributes_in[];
extern const struct sw_field delete_attributes_out[];
extern const struct sw_field delete_capacity_provider_in[];
extern const struct sw_field delete_capacity_provider_out[];
extern const struct sw_field delete_cluster_in[];
extern const struct sw_field delete_cluster_out[];
extern const struct sw_field delete_task_definitions_in[];
extern const struct sw_field delete_task_definitions_out[];
extern const struct sw_field describe_capacity_providers_in[];
extern const struct sw_field describe_capacity_providers_out[];
extern const struct sw_field get_task_protection_in[];
extern const struct sw_field get_task_protection_out[];
extern const struct sw_field list_account_settings_in[];
extern const struct sw_field list_account_settings_out[];
extern const struct sw_field list_attributes_in[];
extern const struct sw_field list_attributes_out[];
extern const struct sw_field put_account_setting_in[];
extern const struct sw_field put_account_setting_out[];
extern const struct sw_field put_account_setting_default_in[];
extern const struct sw_field put_account_setting_default_out[];
extern const struct sw_field put_attributes_in[];
extern const struct sw_field put_attributes_out[];
extern const struct sw_field put_cluster_capacity_providers_in[];
extern const struct sw_field put_cluster_capacity_providers_out[];
extern const struct sw_field start_task_in[];
extern const struct sw_field start_task_out[];
extern const struct sw_field submit_attachment_state_changes_in[];
extern const struct sw_field submit_attachment_state_changes_out[];
extern const struct sw_field submit_container_state_change_in[];
extern const struct sw_field submit_container_state_change_out[];
extern const struct sw_field update_capacity_provider_in[];
extern const struct sw_field update_capacity_provider_out[];
extern const struct sw_field update_cluster_in[];
extern const struct sw_field update_cluster_out[];
extern const struct sw_field update_cluster_settings_in[];
extern const struct sw_field update_cluster_settings_out[];
extern const struct sw_field update_container_agent_in[];
extern const struct sw_field update_container_agent_out[];
extern const struct sw_field update_container_instances_state_in[];
extern const struct sw_field update_container_instances_state_out[];
extern const struct sw_field update_task_protection_in[];
extern const struct sw_field update_task_protection_out[];
extern const struct sw_field execute_command_in[];
extern const struct sw_field execute_command_out[];

/* ecs_schema_service.c */
extern const struct sw_field create_service_in[];
extern const struct sw_field create_service_out[];
extern const struct sw_field update_service_in[];
extern const struct sw_field update_service_out[];
extern const struct sw_field delete_service_in[];
extern const struct sw_field delete_service_out[];
extern const struct sw_field describe_services_in[];
extern const struct sw_field describe_services_out[];
extern const struct sw_field list_services_in[];
extern const struct sw_field list_services_out[];
extern const struct sw_field list_services_by_namespace_in[];
extern const struct sw_field list_services_by_namespace_out[];
extern const struct sw_field list_service_deployments_in[];
extern const struct sw_field list_service_deployments_out[];
extern const struct sw_field describe_service_deployments_in[];
extern const struct sw_field describe_service_deployments_out[];
extern const struct sw_field describe_service_revisions_in[];
extern const struct sw_field describe_service_revisions_out[];
extern const struct sw_field continue_service_deployment_in[];
extern const struct sw_field continue_service_deployment_out[];
extern const struct sw_field stop_service_deployment_in[];
extern const struct sw_field stop_service_deployment_out[];
extern const struct sw_field create_task_set_in[];
extern const struct sw_field create_task_set_out[];
extern const struct sw_field update_task_set_in[];
extern const struct sw_field update_task_set_out[];
extern const struct sw_field delete_task_set_in[];
extern const struct sw_field delete_task_set_out[];
extern const struct sw_field describe_task_sets_in[];
extern const struct sw_field describe_task_sets_out[];
extern const struct sw_field update_service_primary_task_set_in[];
extern const struct sw_field update_service_primary_task_set_out[];

/* agent_schema.c */
extern const struct sw_field poll_tasks_in[];
extern const struct sw_field poll_tasks_out[];
extern const struct sw_field put_task_log_events_in[];
extern const struct sw_field put_task_log_events_out[];
extern const struct sw_field submit_logs_in[];
extern const struct sw_field submit_health_in[];
extern const struct sw_field get_task_credentials_in[];
extern const struct sw_field get_task_credentials_out[];
extern const struct sw_field get_task_secrets_in[];
extern const struct sw_field get_task_secrets_out[];
extern const struct sw_field get_task_logs_in[];
extern const struct sw_field get_task_logs_out[];
extern const struct sw_field explain_placement_in[];
extern const struct sw_field explain_placement_out[];
extern const struct sw_field submit_metrics_in[];
extern const struct sw_field get_usage_in[];
extern const struct sw_field get_usage_out[];
extern const struct sw_field register_managed_instance_out[];
extern const struct sw_field nothing_out[];
