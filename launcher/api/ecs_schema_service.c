/* SPDX-License-Identifier: Apache-2.0 */
/* Members of the operations on services, their deployments and task sets: ECS API 2014-11-13. Output members carry no handling. */
#include "launcher/api/ecs_schema.h"

static const char *const availability_zone_rebalancing_values[] = {"ENABLED", "DISABLED", NULL};

/* Of newer models: refused by name, whatever is in them. */
static const struct sw_field unread[] = {F_END};
static const struct sw_field unread_list[] = {STRUCT("member", 0, unread)};

static const struct sw_field advanced_configuration[] = {
    STRING("alternateTargetGroupArn", F_REFUSED),
    STRING("productionListenerRule", F_REFUSED),
    STRING("testListenerRule", F_REFUSED),
    STRING("roleArn", F_REFUSED),
    F_END,
};

static const struct sw_field load_balancer[] = {
    STRING("targetGroupArn", F_REFUSED),
    STRING("loadBalancerName", F_REFUSED),
    STRING("containerName", F_REFUSED),
    INTEGER("containerPort", F_REFUSED),
    STRUCT("advancedConfiguration", F_REFUSED, advanced_configuration),
    F_END,
};

static const struct sw_field load_balancers_list[] = {STRUCT("member", 0, load_balancer)};

static const struct sw_field service_registry[] = {
    STRING("registryArn", F_REFUSED),
    INTEGER("port", F_REFUSED),
    STRING("containerName", F_REFUSED),
    INTEGER("containerPort", F_REFUSED),
    F_END,
};

static const struct sw_field service_registries_list[] = {STRUCT("member", 0, service_registry)};

static const char *const launch_type_values[] = {"EC2", "FARGATE", "EXTERNAL", "MANAGED_INSTANCES",
                                                 NULL};

static const char *const deployment_circuit_breaker_threshold_type_values[] = {
    "BOUNDED_PERCENT", "UNBOUNDED_PERCENT", "COUNT", NULL};

static const struct sw_field deployment_circuit_breaker_threshold_configuration[] = {
    ENUM("type", F_READ, deployment_circuit_breaker_threshold_type_values),
    INTEGER("value", F_READ),
    F_END,
};

static const struct sw_field deployment_circuit_breaker[] = {
    BOOLEAN("enable", F_READ | F_REQUIRED),
    BOOLEAN("rollback", F_READ | F_REQUIRED),
    STRUCT("thresholdConfiguration", F_READ, deployment_circuit_breaker_threshold_configuration),
    BOOLEAN("resetOnHealthyTask", F_READ),
    F_END,
};

static const struct sw_field deployment_alarms[] = {
    LIST("alarmNames", F_REFUSED | F_REQUIRED, strings_list),
    BOOLEAN("rollback", F_REFUSED | F_REQUIRED),
    BOOLEAN("enable", F_REFUSED | F_REQUIRED),
    F_END,
};

static const char *const deployment_strategy_values[] = {"ROLLING", "BLUE_GREEN", "LINEAR",
                                                         "CANARY", NULL};

static const char *const deployment_lifecycle_hook_target_type_values[] = {"AWS_LAMBDA", "PAUSE",
                                                                           NULL};

static const char *const deployment_lifecycle_hook_stage_values[] = {
    "RECONCILE_SERVICE",
    "PRE_SCALE_UP",
    "POST_SCALE_UP",
    "TEST_TRAFFIC_SHIFT",
    "POST_TEST_TRAFFIC_SHIFT",
    "PRE_PRODUCTION_TRAFFIC_SHIFT",
    "PRODUCTION_TRAFFIC_SHIFT",
    "POST_PRODUCTION_TRAFFIC_SHIFT",
    NULL};

static const struct sw_field deployment_lifecycle_hook_stage_list[] = {
    ENUM("member", 0, deployment_lifecycle_hook_stage_values)};

static const struct sw_field hook_details[] = {
    F_END,
};

static const char *const deployment_lifecycle_hook_action_values[] = {"ROLLBACK", "CONTINUE", NULL};

static const struct sw_field deployment_lifecycle_hook_timeout_configuration[] = {
    INTEGER("timeoutInMinutes", F_REFUSED | F_LIMITS, .min = 1, .max = 20160),
    ENUM("action", F_REFUSED, deployment_lifecycle_hook_action_values),
    F_END,
};

static const struct sw_field deployment_lifecycle_hook[] = {
    ENUM("targetType", F_REFUSED, deployment_lifecycle_hook_target_type_values),
    STRING("hookTargetArn", F_REFUSED),
    STRING("roleArn", F_REFUSED),
    LIST("lifecycleStages", F_REFUSED, deployment_lifecycle_hook_stage_list),
    STRUCT("hookDetails", F_REFUSED, hook_details),
    STRUCT("timeoutConfiguration", F_REFUSED, deployment_lifecycle_hook_timeout_configuration),
    F_END,
};

static const struct sw_field deployment_lifecycle_hook_list[] = {
    STRUCT("member", 0, deployment_lifecycle_hook)};

static const struct sw_field linear_configuration[] = {
    DOUBLE("stepPercent", F_REFUSED),
    INTEGER("stepBakeTimeInMinutes", F_REFUSED),
    F_END,
};

static const struct sw_field canary_configuration[] = {
    DOUBLE("canaryPercent", F_REFUSED),
    INTEGER("canaryBakeTimeInMinutes", F_REFUSED),
    F_END,
};

static const struct sw_field deployment_configuration[] = {
    STRUCT("deploymentCircuitBreaker", F_READ, deployment_circuit_breaker),
    INTEGER("maximumPercent", F_READ),
    INTEGER("minimumHealthyPercent", F_READ),
    STRUCT("alarms", F_REFUSED, deployment_alarms),
    ENUM("strategy", F_READ, deployment_strategy_values),
    INTEGER("bakeTimeInMinutes", F_REFUSED),
    LIST("lifecycleHooks", F_REFUSED, deployment_lifecycle_hook_list),
    STRUCT("linearConfiguration", F_REFUSED, linear_configuration),
    STRUCT("canaryConfiguration", F_REFUSED, canary_configuration),
    STRUCT("earlySuccessCriteria", F_REFUSED, unread),
    F_END,
};

static const char *const scheduling_strategy_values[] = {"REPLICA", "DAEMON", NULL};

static const char *const deployment_controller_type_values[] = {"ECS", "CODE_DEPLOY", "EXTERNAL",
                                                                NULL};

static const struct sw_field deployment_controller[] = {
    ENUM("type", F_READ | F_REQUIRED, deployment_controller_type_values),
    F_END,
};

static const char *const propagate_tags_values[] = {"TASK_DEFINITION", "SERVICE", "NONE", NULL};

static const struct sw_field service_connect_test_traffic_header_match_rules[] = {
    STRING("exact", F_REFUSED | F_REQUIRED),
    F_END,
};

static const struct sw_field service_connect_test_traffic_header_rules[] = {
    STRING("name", F_REFUSED | F_REQUIRED),
    STRUCT("value", F_REFUSED, service_connect_test_traffic_header_match_rules),
    F_END,
};

static const struct sw_field service_connect_test_traffic_rules[] = {
    STRUCT("header", F_REFUSED | F_REQUIRED, service_connect_test_traffic_header_rules),
    F_END,
};

static const struct sw_field service_connect_client_alias[] = {
    INTEGER("port", F_REFUSED | F_REQUIRED | F_LIMITS, .min = 0, .max = 65535),
    STRING("dnsName", F_REFUSED),
    STRUCT("testTrafficRules", F_REFUSED, service_connect_test_traffic_rules),
    F_END,
};

static const struct sw_field service_connect_client_alias_list[] = {
    STRUCT("member", 0, service_connect_client_alias)};

static const struct sw_field timeout_configuration[] = {
    INTEGER("idleTimeoutSeconds", F_REFUSED | F_LIMITS, .min = 0, .max = 2147483647),
    INTEGER("perRequestTimeoutSeconds", F_REFUSED | F_LIMITS, .min = 0, .max = 2147483647),
    F_END,
};

static const struct sw_field service_connect_tls_certificate_authority[] = {
    STRING("awsPcaAuthorityArn", F_REFUSED),
    F_END,
};

static const struct sw_field service_connect_tls_configuration[] = {
    STRUCT("issuerCertificateAuthority", F_REFUSED | F_REQUIRED,
           service_connect_tls_certificate_authority),
    STRING("kmsKey", F_REFUSED),
    STRING("roleArn", F_REFUSED),
    F_END,
};

static const struct sw_field service_connect_service[] = {
    STRING("portName", F_REFUSED | F_REQUIRED),
    STRING("discoveryName", F_REFUSED),
    LIST("clientAliases", F_REFUSED, service_connect_client_alias_list),
    INTEGER("ingressPortOverride", F_REFUSED | F_LIMITS, .min = 0, .max = 65535),
    STRUCT("timeout", F_REFUSED, timeout_configuration),
    STRUCT("tls", F_REFUSED, service_connect_tls_configuration),
    F_END,
};

static const struct sw_field service_connect_service_list[] = {
    STRUCT("member", 0, service_connect_service)};

static const char *const log_driver_values[] = {
    "json-file", "syslog", "journald", "gelf", "fluentd", "awslogs", "splunk", "awsfirelens", NULL};

static const struct sw_field log_configuration_options_map[] = {STRING("key", 0),
                                                                STRING("value", 0)};

static const struct sw_field secret[] = {
    STRING("name", F_REFUSED | F_REQUIRED),
    STRING("valueFrom", F_REFUSED | F_REQUIRED),
    F_END,
};

static const struct sw_field secret_list[] = {STRUCT("member", 0, secret)};

static const struct sw_field log_configuration[] = {
    ENUM("logDriver", F_REFUSED | F_REQUIRED, log_driver_values),
    MAP("options", F_REFUSED, log_configuration_options_map),
    LIST("secretOptions", F_REFUSED, secret_list),
    F_END,
};

static const char *const service_connect_access_logging_format_values[] = {"TEXT", "JSON", NULL};

static const char *const service_connect_include_query_parameters_values[] = {"DISABLED", "ENABLED",
                                                                              NULL};

static const struct sw_field service_connect_access_log_configuration[] = {
    ENUM("format", F_REFUSED | F_REQUIRED, service_connect_access_logging_format_values),
    ENUM("includeQueryParameters", F_REFUSED, service_connect_include_query_parameters_values),
    F_END,
};

static const struct sw_field service_connect_configuration[] = {
    BOOLEAN("enabled", F_REFUSED | F_REQUIRED),
    STRING("namespace", F_REFUSED),
    LIST("services", F_REFUSED, service_connect_service_list),
    STRUCT("logConfiguration", F_REFUSED, log_configuration),
    STRUCT("accessLogConfiguration", F_REFUSED, service_connect_access_log_configuration),
    LIST("containerConfigurations", F_REFUSED, unread_list),
    F_END,
};

static const char *const ebs_resource_type_values[] = {"volume", NULL};

static const struct sw_field ebs_tag_specification[] = {
    ENUM("resourceType", F_REFUSED | F_REQUIRED, ebs_resource_type_values),
    LIST("tags", F_REFUSED | F_LIMITS, tags_list, .min = 0, .max = 50),
    ENUM("propagateTags", F_REFUSED, propagate_tags_values),
    F_END,
};

static const struct sw_field ebs_tag_specifications_list[] = {
    STRUCT("member", 0, ebs_tag_specification)};

static const char *const task_filesystem_type_values[] = {"ext3", "ext4", "xfs", "ntfs", NULL};

static const struct sw_field service_managed_ebs_volume_configuration[] = {
    BOOLEAN("encrypted", F_REFUSED),
    STRING("kmsKeyId", F_REFUSED),
    STRING("volumeType", F_REFUSED),
    INTEGER("sizeInGiB", F_REFUSED),
    STRING("snapshotId", F_REFUSED),
    INTEGER("volumeInitializationRate", F_REFUSED),
    INTEGER("iops", F_REFUSED),
    INTEGER("throughput", F_REFUSED),
    LIST("tagSpecifications", F_REFUSED, ebs_tag_specifications_list),
    STRING("roleArn", F_REFUSED | F_REQUIRED),
    ENUM("filesystemType", F_REFUSED, task_filesystem_type_values),
    F_END,
};

static const struct sw_field service_volume_configuration[] = {
    STRING("name", F_REFUSED | F_REQUIRED),
    STRUCT("managedEBSVolume", F_REFUSED, service_managed_ebs_volume_configuration),
    F_END,
};

static const struct sw_field service_volume_configurations_list[] = {
    STRUCT("member", 0, service_volume_configuration)};

static const struct sw_field vpc_lattice_configuration[] = {
    STRING("roleArn", F_REFUSED | F_REQUIRED),
    STRING("targetGroupArn", F_REFUSED | F_REQUIRED),
    STRING("portName", F_REFUSED | F_REQUIRED),
    F_END,
};

static const struct sw_field vpc_lattice_configurations_list[] = {
    STRUCT("member", 0, vpc_lattice_configuration)};

const struct sw_field create_service_in[] = {
    STRING("cluster", F_READ),
    STRING("serviceName", F_READ | F_REQUIRED),
    STRING("taskDefinition", F_READ),
    ENUM("availabilityZoneRebalancing", F_STORED, availability_zone_rebalancing_values),
    LIST("loadBalancers", F_REFUSED, load_balancers_list),
    LIST("serviceRegistries", F_REFUSED, service_registries_list),
    INTEGER("desiredCount", F_READ),
    STRING("clientToken", F_READ),
    ENUM("launchType", F_READ, launch_type_values),
    LIST("capacityProviderStrategy", F_READ, capacity_provider_strategy_list),
    STRING("platformVersion", F_READ),
    STRING("role", F_REFUSED),
    STRUCT("deploymentConfiguration", F_READ, deployment_configuration),
    LIST("placementConstraints", F_READ, placement_constraints_list),
    LIST("placementStrategy", F_READ, placement_strategies_list),
    STRUCT("networkConfiguration", F_READ, network_configuration),
    INTEGER("healthCheckGracePeriodSeconds", F_READ),
    ENUM("schedulingStrategy", F_READ, scheduling_strategy_values),
    STRUCT("deploymentController", F_READ, deployment_controller),
    LIST("tags", F_STORED | F_LIMITS, tags_list, .min = 0, .max = 50),
    BOOLEAN("enableECSManagedTags", F_STORED),
    ENUM("propagateTags", F_READ, propagate_tags_values),
    BOOLEAN("enableExecuteCommand", F_STORED),
    STRUCT("serviceConnectConfiguration", F_REFUSED, service_connect_configuration),
    LIST("volumeConfigurations", F_REFUSED, service_volume_configurations_list),
    LIST("vpcLatticeConfigurations", F_REFUSED, vpc_lattice_configurations_list),
    STRUCT("monitoring", F_REFUSED, unread),
    LIST("gatewayConnectors", F_REFUSED, unread_list),
    F_END,
};

static const char *const scale_unit_values[] = {"PERCENT", NULL};

static const struct sw_field scale[] = {
    DOUBLE("value", F_READ),
    ENUM("unit", F_READ, scale_unit_values),
    F_END,
};

static const char *const stability_status_values[] = {"STEADY_STATE", "STABILIZING", NULL};

static const struct sw_field deployment_ephemeral_storage[] = {
    STRING("kmsKeyId", 0),
    F_END,
};

static const struct sw_field task_set[] = {
    STRING("id", 0),
    STRING("taskSetArn", 0),
    STRING("serviceArn", 0),
    STRING("clusterArn", 0),
    STRING("startedBy", 0),
    STRING("externalId", 0),
    STRING("status", 0),
    STRING("taskDefinition", 0),
    INTEGER("computedDesiredCount", 0),
    INTEGER("pendingCount", 0),
    INTEGER("runningCount", 0),
    TIME("createdAt", 0),
    TIME("updatedAt", 0),
    ENUM("launchType", 0, launch_type_values),
    LIST("capacityProviderStrategy", 0, capacity_provider_strategy_list),
    STRING("platformVersion", 0),
    STRING("platformFamily", 0),
    STRUCT("networkConfiguration", 0, network_configuration),
    LIST("loadBalancers", 0, load_balancers_list),
    LIST("serviceRegistries", 0, service_registries_list),
    STRUCT("scale", 0, scale),
    ENUM("stabilityStatus", 0, stability_status_values),
    TIME("stabilityStatusAt", 0),
    LIST("tags", F_LIMITS, tags_list, .min = 0, .max = 50),
    STRUCT("fargateEphemeralStorage", 0, deployment_ephemeral_storage),
    F_END,
};

static const struct sw_field task_sets_list[] = {STRUCT("member", 0, task_set)};

static const char *const deployment_rollout_state_values[] = {"COMPLETED", "FAILED", "IN_PROGRESS",
                                                              NULL};

static const struct sw_field service_connect_service_resource[] = {
    STRING("discoveryName", 0),
    STRING("discoveryArn", 0),
    F_END,
};

static const struct sw_field service_connect_service_resource_list[] = {
    STRUCT("member", 0, service_connect_service_resource)};

static const struct sw_field deployment[] = {
    STRING("id", 0),
    STRING("status", 0),
    STRING("taskDefinition", 0),
    INTEGER("desiredCount", 0),
    INTEGER("pendingCount", 0),
    INTEGER("runningCount", 0),
    INTEGER("failedTasks", 0),
    TIME("createdAt", 0),
    TIME("updatedAt", 0),
    LIST("capacityProviderStrategy", 0, capacity_provider_strategy_list),
    ENUM("launchType", 0, launch_type_values),
    STRING("platformVersion", 0),
    STRING("platformFamily", 0),
    STRUCT("networkConfiguration", 0, network_configuration),
    ENUM("rolloutState", 0, deployment_rollout_state_values),
    STRING("rolloutStateReason", 0),
    STRUCT("serviceConnectConfiguration", 0, service_connect_configuration),
    LIST("serviceConnectResources", 0, service_connect_service_resource_list),
    LIST("volumeConfigurations", 0, service_volume_configurations_list),
    STRUCT("fargateEphemeralStorage", 0, deployment_ephemeral_storage),
    LIST("vpcLatticeConfigurations", 0, vpc_lattice_configurations_list),
    F_END,
};

static const struct sw_field deployments_list[] = {STRUCT("member", 0, deployment)};

static const struct sw_field service_event[] = {
    STRING("id", 0),
    TIME("createdAt", 0),
    STRING("message", 0),
    F_END,
};

static const struct sw_field service_events_list[] = {STRUCT("member", 0, service_event)};

static const struct sw_field service_current_revision_summary[] = {
    STRING("arn", 0),
    INTEGER("requestedTaskCount", 0),
    INTEGER("runningTaskCount", 0),
    INTEGER("pendingTaskCount", 0),
    F_END,
};

static const struct sw_field service_current_revision_summary_list[] = {
    STRUCT("member", 0, service_current_revision_summary)};

static const char *const resource_management_type_values[] = {"CUSTOMER", "ECS", NULL};

static const struct sw_field service[] = {
    STRING("serviceArn", 0),
    STRING("serviceName", 0),
    STRING("clusterArn", 0),
    LIST("loadBalancers", 0, load_balancers_list),
    LIST("serviceRegistries", 0, service_registries_list),
    STRING("status", 0),
    INTEGER("desiredCount", 0),
    INTEGER("runningCount", 0),
    INTEGER("pendingCount", 0),
    ENUM("launchType", 0, launch_type_values),
    LIST("capacityProviderStrategy", 0, capacity_provider_strategy_list),
    STRING("platformVersion", 0),
    STRING("platformFamily", 0),
    STRING("taskDefinition", 0),
    STRUCT("deploymentConfiguration", 0, deployment_configuration),
    LIST("taskSets", 0, task_sets_list),
    LIST("deployments", 0, deployments_list),
    STRING("roleArn", 0),
    LIST("events", 0, service_events_list),
    TIME("createdAt", 0),
    STRING("currentServiceDeployment", 0),
    LIST("currentServiceRevisions", 0, service_current_revision_summary_list),
    LIST("placementConstraints", 0, placement_constraints_list),
    LIST("placementStrategy", 0, placement_strategies_list),
    STRUCT("networkConfiguration", 0, network_configuration),
    INTEGER("healthCheckGracePeriodSeconds", 0),
    ENUM("schedulingStrategy", 0, scheduling_strategy_values),
    STRUCT("deploymentController", 0, deployment_controller),
    LIST("tags", F_LIMITS, tags_list, .min = 0, .max = 50),
    STRING("createdBy", 0),
    BOOLEAN("enableECSManagedTags", 0),
    ENUM("propagateTags", 0, propagate_tags_values),
    BOOLEAN("enableExecuteCommand", 0),
    ENUM("availabilityZoneRebalancing", 0, availability_zone_rebalancing_values),
    ENUM("resourceManagementType", 0, resource_management_type_values),
    F_END,
};

const struct sw_field create_service_out[] = {
    STRUCT("service", 0, service),
    F_END,
};

const struct sw_field update_service_in[] = {
    STRING("cluster", F_READ),
    STRING("service", F_READ | F_REQUIRED),
    INTEGER("desiredCount", F_READ),
    STRING("taskDefinition", F_READ),
    LIST("capacityProviderStrategy", F_READ, capacity_provider_strategy_list),
    STRUCT("deploymentConfiguration", F_READ, deployment_configuration),
    ENUM("availabilityZoneRebalancing", F_STORED, availability_zone_rebalancing_values),
    STRUCT("networkConfiguration", F_READ, network_configuration),
    LIST("placementConstraints", F_READ, placement_constraints_list),
    LIST("placementStrategy", F_READ, placement_strategies_list),
    STRING("platformVersion", F_READ),
    BOOLEAN("forceNewDeployment", F_READ),
    INTEGER("healthCheckGracePeriodSeconds", F_READ),
    STRUCT("deploymentController", F_READ, deployment_controller),
    BOOLEAN("enableExecuteCommand", F_STORED),
    BOOLEAN("enableECSManagedTags", F_STORED),
    LIST("loadBalancers", F_REFUSED, load_balancers_list),
    ENUM("propagateTags", F_READ, propagate_tags_values),
    LIST("serviceRegistries", F_REFUSED, service_registries_list),
    STRUCT("serviceConnectConfiguration", F_REFUSED, service_connect_configuration),
    LIST("volumeConfigurations", F_REFUSED, service_volume_configurations_list),
    LIST("vpcLatticeConfigurations", F_REFUSED, vpc_lattice_configurations_list),
    STRUCT("monitoring", F_REFUSED, unread),
    LIST("gatewayConnectors", F_REFUSED, unread_list),
    F_END,
};

const struct sw_field update_service_out[] = {
    STRUCT("service", 0, service),
    F_END,
};

const struct sw_field delete_service_in[] = {
    STRING("cluster", F_READ),
    STRING("service", F_READ | F_REQUIRED),
    BOOLEAN("force", F_READ),
    F_END,
};

const struct sw_field delete_service_out[] = {
    STRUCT("service", 0, service),
    F_END,
};

static const char *const service_field_values[] = {"TAGS", NULL};

static const struct sw_field service_field_list[] = {ENUM("member", 0, service_field_values)};

const struct sw_field describe_services_in[] = {
    STRING("cluster", F_READ),
    LIST("services", F_READ | F_REQUIRED, strings_list),
    LIST("include", F_READ, service_field_list),
    F_END,
};

static const struct sw_field services_list[] = {STRUCT("member", 0, service)};

const struct sw_field describe_services_out[] = {
    LIST("services", 0, services_list),
    LIST("failures", 0, failures_list),
    F_END,
};

const struct sw_field list_services_in[] = {
    STRING("cluster", F_READ),
    STRING("nextToken", F_READ),
    INTEGER("maxResults", F_READ),
    ENUM("launchType", F_READ, launch_type_values),
    ENUM("schedulingStrategy", F_READ, scheduling_strategy_values),
    ENUM("resourceManagementType", F_READ, resource_management_type_values),
    F_END,
};

const struct sw_field list_services_out[] = {
    LIST("serviceArns", 0, strings_list),
    STRING("nextToken", 0),
    F_END,
};

const struct sw_field list_services_by_namespace_in[] = {
    STRING("namespace", F_READ | F_REQUIRED),
    STRING("nextToken", F_READ),
    INTEGER("maxResults", F_READ),
    F_END,
};

const struct sw_field list_services_by_namespace_out[] = {
    LIST("serviceArns", 0, strings_list),
    STRING("nextToken", 0),
    F_END,
};

static const char *const service_deployment_status_values[] = {"PENDING",
                                                               "SUCCESSFUL",
                                                               "STOPPED",
                                                               "STOP_REQUESTED",
                                                               "IN_PROGRESS",
                                                               "ROLLBACK_REQUESTED",
                                                               "ROLLBACK_IN_PROGRESS",
                                                               "ROLLBACK_SUCCESSFUL",
                                                               "ROLLBACK_FAILED",
                                                               NULL};

static const struct sw_field service_deployment_status_list[] = {
    ENUM("member", 0, service_deployment_status_values)};

static const struct sw_field created_at[] = {
    TIME("before", F_READ),
    TIME("after", F_READ),
    F_END,
};

const struct sw_field list_service_deployments_in[] = {
    STRING("service", F_READ | F_REQUIRED),
    STRING("cluster", F_READ),
    LIST("status", F_READ, service_deployment_status_list),
    STRUCT("createdAt", F_READ, created_at),
    STRING("nextToken", F_READ),
    INTEGER("maxResults", F_READ),
    F_END,
};

static const struct sw_field service_deployment_brief[] = {
    STRING("serviceDeploymentArn", 0),
    STRING("serviceArn", 0),
    STRING("clusterArn", 0),
    TIME("startedAt", 0),
    TIME("createdAt", 0),
    TIME("finishedAt", 0),
    STRING("targetServiceRevisionArn", 0),
    ENUM("status", 0, service_deployment_status_values),
    STRING("statusReason", 0),
    F_END,
};

static const struct sw_field service_deployments_brief_list[] = {
    STRUCT("member", 0, service_deployment_brief)};

const struct sw_field list_service_deployments_out[] = {
    LIST("serviceDeployments", 0, service_deployments_brief_list),
    STRING("nextToken", 0),
    F_END,
};

const struct sw_field describe_service_deployments_in[] = {
    LIST("serviceDeploymentArns", F_READ | F_REQUIRED, strings_list),
    F_END,
};

static const struct sw_field service_revision_summary[] = {
    STRING("arn", 0),
    INTEGER("requestedTaskCount", 0),
    INTEGER("runningTaskCount", 0),
    INTEGER("pendingTaskCount", 0),
    DOUBLE("requestedTestTrafficWeight", 0),
    DOUBLE("requestedProductionTrafficWeight", 0),
    F_END,
};

static const struct sw_field service_revisions_summary_list[] = {
    STRUCT("member", 0, service_revision_summary)};

static const char *const service_deployment_lifecycle_stage_values[] = {
    "RECONCILE_SERVICE",
    "PRE_SCALE_UP",
    "SCALE_UP",
    "POST_SCALE_UP",
    "TEST_TRAFFIC_SHIFT",
    "POST_TEST_TRAFFIC_SHIFT",
    "PRODUCTION_TRAFFIC_SHIFT",
    "POST_PRODUCTION_TRAFFIC_SHIFT",
    "BAKE_TIME",
    "CLEAN_UP",
    NULL};

static const char *const deployment_lifecycle_hook_status_values[] = {
    "AWAITING_ACTION", "IN_PROGRESS", "SUCCEEDED", "FAILED", "TIMED_OUT", NULL};

static const struct sw_field deployment_lifecycle_hook_detail[] = {
    STRING("hookId", 0),
    ENUM("targetType", 0, deployment_lifecycle_hook_target_type_values),
    STRING("targetArn", 0),
    ENUM("status", 0, deployment_lifecycle_hook_status_values),
    TIME("expiresAt", 0),
    ENUM("timeoutAction", 0, deployment_lifecycle_hook_action_values),
    F_END,
};

static const struct sw_field deployment_lifecycle_hook_detail_list[] = {
    STRUCT("member", 0, deployment_lifecycle_hook_detail)};

static const struct sw_field rollback[] = {
    STRING("reason", 0),
    TIME("startedAt", 0),
    STRING("serviceRevisionArn", 0),
    F_END,
};

static const char *const service_deployment_rollback_monitors_status_values[] = {
    "TRIGGERED", "MONITORING", "MONITORING_COMPLETE", "DISABLED", NULL};

static const struct sw_field service_deployment_circuit_breaker[] = {
    ENUM("status", 0, service_deployment_rollback_monitors_status_values),
    INTEGER("failureCount", 0),
    INTEGER("threshold", 0),
    F_END,
};

static const struct sw_field service_deployment_alarms[] = {
    ENUM("status", 0, service_deployment_rollback_monitors_status_values),
    LIST("alarmNames", 0, strings_list),
    LIST("triggeredAlarmNames", 0, strings_list),
    F_END,
};

static const struct sw_field service_deployment[] = {
    STRING("serviceDeploymentArn", 0),
    STRING("serviceArn", 0),
    STRING("clusterArn", 0),
    TIME("createdAt", 0),
    TIME("startedAt", 0),
    TIME("finishedAt", 0),
    TIME("stoppedAt", 0),
    TIME("updatedAt", 0),
    LIST("sourceServiceRevisions", 0, service_revisions_summary_list),
    STRUCT("targetServiceRevision", 0, service_revision_summary),
    ENUM("status", 0, service_deployment_status_values),
    STRING("statusReason", 0),
    ENUM("lifecycleStage", 0, service_deployment_lifecycle_stage_values),
    LIST("lifecycleHookDetails", 0, deployment_lifecycle_hook_detail_list),
    STRUCT("deploymentConfiguration", 0, deployment_configuration),
    STRUCT("rollback", 0, rollback),
    STRUCT("deploymentCircuitBreaker", 0, service_deployment_circuit_breaker),
    STRUCT("alarms", 0, service_deployment_alarms),
    F_END,
};

static const struct sw_field service_deployments_list[] = {STRUCT("member", 0, service_deployment)};

const struct sw_field describe_service_deployments_out[] = {
    LIST("serviceDeployments", 0, service_deployments_list),
    LIST("failures", 0, failures_list),
    F_END,
};

const struct sw_field describe_service_revisions_in[] = {
    LIST("serviceRevisionArns", F_READ | F_REQUIRED, strings_list),
    F_END,
};

static const struct sw_field container_image[] = {
    STRING("containerName", 0),
    STRING("imageDigest", 0),
    STRING("image", 0),
    F_END,
};

static const struct sw_field container_images_list[] = {STRUCT("member", 0, container_image)};

static const struct sw_field service_revision[] = {
    STRING("serviceRevisionArn", 0),
    STRING("serviceArn", 0),
    STRING("clusterArn", 0),
    STRING("taskDefinition", 0),
    LIST("capacityProviderStrategy", 0, capacity_provider_strategy_list),
    ENUM("launchType", 0, launch_type_values),
    STRING("platformVersion", 0),
    STRING("platformFamily", 0),
    LIST("loadBalancers", 0, load_balancers_list),
    LIST("serviceRegistries", 0, service_registries_list),
    STRUCT("networkConfiguration", 0, network_configuration),
    LIST("containerImages", 0, container_images_list),
    STRUCT("serviceConnectConfiguration", 0, service_connect_configuration),
    LIST("volumeConfigurations", 0, service_volume_configurations_list),
    STRUCT("fargateEphemeralStorage", 0, deployment_ephemeral_storage),
    TIME("createdAt", 0),
    LIST("vpcLatticeConfigurations", 0, vpc_lattice_configurations_list),
    F_END,
};

static const struct sw_field service_revisions_list[] = {STRUCT("member", 0, service_revision)};

const struct sw_field describe_service_revisions_out[] = {
    LIST("serviceRevisions", 0, service_revisions_list),
    LIST("failures", 0, failures_list),
    F_END,
};

const struct sw_field continue_service_deployment_in[] = {
    STRING("serviceDeploymentArn", F_READ | F_REQUIRED),
    STRING("hookId", F_READ | F_REQUIRED),
    ENUM("action", F_READ, deployment_lifecycle_hook_action_values),
    F_END,
};

const struct sw_field continue_service_deployment_out[] = {
    STRING("serviceDeploymentArn", 0),
    F_END,
};

static const char *const stop_service_deployment_stop_type_values[] = {"ABORT", "ROLLBACK", NULL};

const struct sw_field stop_service_deployment_in[] = {
    STRING("serviceDeploymentArn", F_READ | F_REQUIRED),
    ENUM("stopType", F_READ, stop_service_deployment_stop_type_values),
    F_END,
};

const struct sw_field stop_service_deployment_out[] = {
    STRING("serviceDeploymentArn", 0),
    F_END,
};

const struct sw_field create_task_set_in[] = {
    STRING("service", F_READ | F_REQUIRED),
    STRING("cluster", F_READ | F_REQUIRED),
    STRING("externalId", F_STORED),
    STRING("taskDefinition", F_READ | F_REQUIRED),
    STRUCT("networkConfiguration", F_READ, network_configuration),
    LIST("loadBalancers", F_REFUSED, load_balancers_list),
    LIST("serviceRegistries", F_REFUSED, service_registries_list),
    ENUM("launchType", F_READ, launch_type_values),
    LIST("capacityProviderStrategy", F_READ, capacity_provider_strategy_list),
    STRING("platformVersion", F_READ),
    STRUCT("scale", F_READ, scale),
    STRING("clientToken", F_READ),
    LIST("tags", F_STORED | F_LIMITS, tags_list, .min = 0, .max = 50),
    F_END,
};

const struct sw_field create_task_set_out[] = {
    STRUCT("taskSet", 0, task_set),
    F_END,
};

const struct sw_field update_task_set_in[] = {
    STRING("cluster", F_READ | F_REQUIRED),
    STRING("service", F_READ | F_REQUIRED),
    STRING("taskSet", F_READ | F_REQUIRED),
    STRUCT("scale", F_READ | F_REQUIRED, scale),
    F_END,
};

const struct sw_field update_task_set_out[] = {
    STRUCT("taskSet", 0, task_set),
    F_END,
};

const struct sw_field delete_task_set_in[] = {
    STRING("cluster", F_READ | F_REQUIRED),
    STRING("service", F_READ | F_REQUIRED),
    STRING("taskSet", F_READ | F_REQUIRED),
    BOOLEAN("force", F_READ),
    F_END,
};

const struct sw_field delete_task_set_out[] = {
    STRUCT("taskSet", 0, task_set),
    F_END,
};

static const char *const task_set_field_values[] = {"TAGS", NULL};

static const struct sw_field task_set_field_list[] = {ENUM("member", 0, task_set_field_values)};

const struct sw_field describe_task_sets_in[] = {
    STRING("cluster", F_READ | F_REQUIRED),
    STRING("service", F_READ | F_REQUIRED),
    LIST("taskSets", F_READ, strings_list),
    LIST("include", F_READ, task_set_field_list),
    F_END,
};

const struct sw_field describe_task_sets_out[] = {
    LIST("taskSets", 0, task_sets_list),
    LIST("failures", 0, failures_list),
    F_END,
};

const struct sw_field update_service_primary_task_set_in[] = {
    STRING("cluster", F_READ | F_REQUIRED),
    STRING("service", F_READ | F_REQUIRED),
    STRING("primaryTaskSet", F_READ | F_REQUIRED),
    F_END,
};

const struct sw_field update_service_primary_task_set_out[] = {
    STRUCT("taskSet", 0, task_set),
    F_END,
};
