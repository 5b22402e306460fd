/* SPDX-License-Identifier: Apache-2.0 */
/* Members of the operations on clusters and container instances: ECS API 2014-11-13. Output members carry no handling. */
#include "launcher/api/ecs_schema.h"

static const char *const cluster_field_values[] = {"ATTACHMENTS", "CONFIGURATIONS", "SETTINGS",
                                                   "STATISTICS",  "TAGS",           NULL};

static const struct sw_field cluster_field_list[] = {ENUM("member", 0, cluster_field_values)};

const struct sw_field describe_clusters_in[] = {
    LIST("clusters", F_READ, strings_list),
    LIST("include", F_READ, cluster_field_list),
    F_END,
};

static const char *const execute_command_logging_values[] = {"NONE", "DEFAULT", "OVERRIDE", NULL};

static const struct sw_field execute_command_log_configuration[] = {
    STRING("cloudWatchLogGroupName", F_READ), BOOLEAN("cloudWatchEncryptionEnabled", F_REFUSED),
    STRING("s3BucketName", F_REFUSED),        BOOLEAN("s3EncryptionEnabled", F_REFUSED),
    STRING("s3KeyPrefix", F_REFUSED),         F_END,
};

static const struct sw_field execute_command_configuration[] = {
    STRING("kmsKeyId", F_REFUSED),
    ENUM("logging", F_READ, execute_command_logging_values),
    STRUCT("logConfiguration", F_READ, execute_command_log_configuration),
    F_END,
};

static const struct sw_field managed_storage_configuration[] = {
    STRING("kmsKeyId", F_REFUSED),
    STRING("fargateEphemeralStorageKmsKeyId", F_REFUSED),
    F_END,
};

static const struct sw_field cluster_configuration[] = {
    STRUCT("executeCommandConfiguration", F_READ, execute_command_configuration),
    STRUCT("managedStorageConfiguration", F_REFUSED, managed_storage_configuration),
    F_END,
};

static const struct sw_field statistics_list[] = {STRUCT("member", 0, key_value_pair)};

static const char *const cluster_setting_name_values[] = {"containerInsights", NULL};

static const struct sw_field cluster_setting[] = {
    ENUM("name", F_STORED, cluster_setting_name_values),
    STRING("value", F_STORED),
    F_END,
};

static const struct sw_field cluster_settings_list[] = {STRUCT("member", 0, cluster_setting)};

static const struct sw_field cluster_service_connect_defaults[] = {
    STRING("namespace", 0),
    F_END,
};

static const struct sw_field cluster[] = {
    STRING("clusterArn", 0),
    STRING("clusterName", 0),
    STRUCT("configuration", 0, cluster_configuration),
    STRING("status", 0),
    INTEGER("registeredContainerInstancesCount", 0),
    INTEGER("runningTasksCount", 0),
    INTEGER("pendingTasksCount", 0),
    INTEGER("activeServicesCount", 0),
    LIST("statistics", 0, statistics_list),
    LIST("tags", F_LIMITS, tags_list, .min = 0, .max = 50),
    LIST("settings", 0, cluster_settings_list),
    LIST("capacityProviders", 0, strings_list),
    LIST("defaultCapacityProviderStrategy", 0, capacity_provider_strategy_list),
    LIST("attachments", 0, attachments_list),
    STRING("attachmentsStatus", 0),
    STRUCT("serviceConnectDefaults", 0, cluster_service_connect_defaults),
    F_END,
};

static const struct sw_field clusters_list[] = {STRUCT("member", 0, cluster)};

const struct sw_field describe_clusters_out[] = {
    LIST("clusters", 0, clusters_list),
    LIST("failures", 0, failures_list),
    F_END,
};

const struct sw_field list_clusters_in[] = {
    STRING("nextToken", F_READ),
    INTEGER("maxResults", F_READ),
    F_END,
};

const struct sw_field list_clusters_out[] = {
    LIST("clusterArns", 0, strings_list),
    STRING("nextToken", 0),
    F_END,
};

static const struct sw_field cluster_service_connect_defaults_request[] = {
    STRING("namespace", F_REFUSED | F_REQUIRED),
    F_END,
};

static const struct sw_field cluster_strategy_item[] = {
    STRING("capacityProvider", F_STORED | F_REQUIRED),
    INTEGER("weight", F_STORED | F_LIMITS, .min = 0, .max = 1000),
    INTEGER("base", F_STORED | F_LIMITS, .min = 0, .max = 100000),
    F_END,
};

static const struct sw_field cluster_strategy_list[] = {STRUCT("member", 0, cluster_strategy_item)};

const struct sw_field create_cluster_in[] = {
    STRING("clusterName", F_READ),
    LIST("tags", F_STORED | F_LIMITS, tags_list, .min = 0, .max = 50),
    LIST("settings", F_STORED, cluster_settings_list),
    STRUCT("configuration", F_STORED, cluster_configuration),
    LIST("capacityProviders", F_STORED, strings_list),
    LIST("defaultCapacityProviderStrategy", F_STORED, cluster_strategy_list),
    STRUCT("serviceConnectDefaults", F_REFUSED, cluster_service_connect_defaults_request),
    F_END,
};

const struct sw_field create_cluster_out[] = {
    STRUCT("cluster", 0, cluster),
    F_END,
};

const struct sw_field delete_cluster_in[] = {
    STRING("cluster", F_READ | F_REQUIRED),
    F_END,
};

const struct sw_field delete_cluster_out[] = {
    STRUCT("cluster", 0, cluster),
    F_END,
};

const struct sw_field update_cluster_in[] = {
    STRING("cluster", F_READ | F_REQUIRED),
    LIST("settings", F_STORED, cluster_settings_list),
    STRUCT("configuration", F_STORED, cluster_configuration),
    STRUCT("serviceConnectDefaults", F_REFUSED, cluster_service_connect_defaults_request),
    F_END,
};

const struct sw_field update_cluster_out[] = {
    STRUCT("cluster", 0, cluster),
    F_END,
};

const struct sw_field update_cluster_settings_in[] = {
    STRING("cluster", F_READ | F_REQUIRED),
    LIST("settings", F_STORED | F_REQUIRED, cluster_settings_list),
    F_END,
};

const struct sw_field update_cluster_settings_out[] = {
    STRUCT("cluster", 0, cluster),
    F_END,
};

const struct sw_field put_cluster_capacity_providers_in[] = {
    STRING("cluster", F_READ | F_REQUIRED),
    LIST("capacityProviders", F_STORED | F_REQUIRED, strings_list),
    LIST("defaultCapacityProviderStrategy", F_STORED | F_REQUIRED, cluster_strategy_list),
    F_END,
};

const struct sw_field put_cluster_capacity_providers_out[] = {
    STRUCT("cluster", 0, cluster),
    F_END,
};

static const char *const container_instance_status_values[] = {
    "ACTIVE", "DRAINING", "REGISTERING", "DEREGISTERING", "REGISTRATION_FAILED", NULL};

const struct sw_field list_container_instances_in[] = {
    STRING("cluster", F_READ),
    STRING("filter", F_READ),
    STRING("nextToken", F_READ),
    INTEGER("maxResults", F_READ),
    ENUM("status", F_READ, container_instance_status_values),
    F_END,
};

const struct sw_field list_container_instances_out[] = {
    LIST("containerInstanceArns", 0, strings_list),
    STRING("nextToken", 0),
    F_END,
};

static const char *const container_instance_field_values[] = {"TAGS", "CONTAINER_INSTANCE_HEALTH",
                                                              NULL};

static const struct sw_field container_instance_field_list[] = {
    ENUM("member", 0, container_instance_field_values)};

const struct sw_field describe_container_instances_in[] = {
    STRING("cluster", F_READ),
    LIST("containerInstances", F_READ | F_REQUIRED, strings_list),
    LIST("include", F_READ, container_instance_field_list),
    F_END,
};

static const struct sw_field version_info[] = {
    STRING("agentVersion", F_STORED),
    STRING("agentHash", F_STORED),
    STRING("dockerVersion", F_STORED),
    F_END,
};

static const struct sw_field resource[] = {
    STRING("name", F_READ),
    STRING("type", F_READ),
    DOUBLE("doubleValue", F_READ),
    LONG("longValue", F_READ),
    INTEGER("integerValue", F_READ),
    LIST("stringSetValue", F_READ, strings_list),
    F_END,
};

static const struct sw_field resources_list[] = {STRUCT("member", 0, resource)};

static const char *const agent_update_status_values[] = {"PENDING", "STAGING", "STAGED", "UPDATING",
                                                         "UPDATED", "FAILED",  NULL};

static const char *const instance_health_check_state_values[] = {
    "OK", "IMPAIRED", "INSUFFICIENT_DATA", "INITIALIZING", NULL};

static const char *const instance_health_check_type_values[] = {"CONTAINER_RUNTIME", NULL};

static const struct sw_field instance_health_check_result[] = {
    ENUM("type", 0, instance_health_check_type_values),
    ENUM("status", 0, instance_health_check_state_values),
    TIME("lastUpdated", 0),
    TIME("lastStatusChange", 0),
    F_END,
};

static const struct sw_field instance_health_check_result_list[] = {
    STRUCT("member", 0, instance_health_check_result)};

static const struct sw_field container_instance_health_status[] = {
    ENUM("overallStatus", 0, instance_health_check_state_values),
    LIST("details", 0, instance_health_check_result_list),
    F_END,
};

static const struct sw_field container_instance[] = {
    STRING("containerInstanceArn", 0),
    STRING("ec2InstanceId", 0),
    STRING("capacityProviderName", 0),
    LONG("version", 0),
    STRUCT("versionInfo", 0, version_info),
    LIST("remainingResources", 0, resources_list),
    LIST("registeredResources", 0, resources_list),
    STRING("status", 0),
    STRING("statusReason", 0),
    BOOLEAN("agentConnected", 0),
    INTEGER("runningTasksCount", 0),
    INTEGER("pendingTasksCount", 0),
    ENUM("agentUpdateStatus", 0, agent_update_status_values),
    LIST("attributes", 0, attributes_list),
    TIME("registeredAt", 0),
    LIST("attachments", 0, attachments_list),
    LIST("tags", F_LIMITS, tags_list, .min = 0, .max = 50),
    STRUCT("healthStatus", 0, container_instance_health_status),
    F_END,
};

static const struct sw_field container_instances_list[] = {STRUCT("member", 0, container_instance)};

const struct sw_field describe_container_instances_out[] = {
    LIST("containerInstances", 0, container_instances_list),
    LIST("failures", 0, failures_list),
    F_END,
};

const struct sw_field update_container_instances_state_in[] = {
    STRING("cluster", F_READ),
    LIST("containerInstances", F_READ | F_REQUIRED, strings_list),
    ENUM("status", F_READ | F_REQUIRED, container_instance_status_values),
    F_END,
};

const struct sw_field update_container_instances_state_out[] = {
    LIST("containerInstances", 0, container_instances_list),
    LIST("failures", 0, failures_list),
    F_END,
};

const struct sw_field update_container_agent_in[] = {
    STRING("cluster", F_READ),
    STRING("containerInstance", F_READ | F_REQUIRED),
    F_END,
};

const struct sw_field update_container_agent_out[] = {
    STRUCT("containerInstance", 0, container_instance),
    F_END,
};

static const char *const platform_device_type_values[] = {"GPU", NULL};

static const struct sw_field platform_device[] = {
    STRING("id", F_REFUSED | F_REQUIRED),
    ENUM("type", F_REFUSED | F_REQUIRED, platform_device_type_values),
    F_END,
};

static const struct sw_field platform_devices_list[] = {STRUCT("member", 0, platform_device)};

const struct sw_field register_container_instance_in[] = {
    STRING("cluster", F_READ),
    STRING("instanceIdentityDocument", F_READ),
    STRING("instanceIdentityDocumentSignature", F_REFUSED),
    LIST("totalResources", F_READ, resources_list),
    STRUCT("versionInfo", F_STORED, version_info),
    STRING("containerInstanceArn", F_READ),
    LIST("attributes", F_READ, attributes_list),
    LIST("platformDevices", F_REFUSED, platform_devices_list),
    LIST("tags", F_STORED | F_LIMITS, tags_list, .min = 0, .max = 50),
    F_END,
};

const struct sw_field register_container_instance_out[] = {
    STRUCT("containerInstance", 0, container_instance),
    F_END,
};

const struct sw_field deregister_container_instance_in[] = {
    STRING("cluster", F_READ),
    STRING("containerInstance", F_READ | F_REQUIRED),
    BOOLEAN("force", F_READ),
    F_END,
};

const struct sw_field deregister_container_instance_out[] = {
    STRUCT("containerInstance", 0, container_instance),
    F_END,
};

const struct sw_field discover_poll_endpoint_in[] = {
    STRING("containerInstance", F_READ),
    STRING("cluster", F_READ),
    F_END,
};

const struct sw_field discover_poll_endpoint_out[] = {
    STRING("endpoint", 0),
    STRING("telemetryEndpoint", 0),
    STRING("serviceConnectEndpoint", 0),
    F_END,
};

const struct sw_field list_tags_for_resource_in[] = {
    STRING("resourceArn", F_READ | F_REQUIRED),
    F_END,
};

const struct sw_field list_tags_for_resource_out[] = {
    LIST("tags", F_LIMITS, tags_list, .min = 0, .max = 50),
    F_END,
};

const struct sw_field tag_resource_in[] = {
    STRING("resourceArn", F_READ | F_REQUIRED),
    LIST("tags", F_STORED | F_REQUIRED | F_LIMITS, tags_list, .min = 0, .max = 50),
    F_END,
};

const struct sw_field tag_resource_out[] = {
    F_END,
};

static const struct sw_field tag_keys_list[] = {STRING("member", F_LIMITS, .min = 1, .max = 128)};

const struct sw_field untag_resource_in[] = {
    STRING("resourceArn", F_READ | F_REQUIRED),
    LIST("tagKeys", F_READ | F_REQUIRED, tag_keys_list),
    F_END,
};

const struct sw_field untag_resource_out[] = {
    F_END,
};
