/* SPDX-License-Identifier: Apache-2.0 */
/* Members of the operations on tasks: ECS API 2014-11-13. Output members carry no handling. */
#include "launcher/api/ecs_schema.h"

static const struct sw_field capacity_provider_strategy_item[] = {
    STRING("capacityProvider", F_READ | F_REQUIRED),
    INTEGER("weight", F_READ | F_LIMITS, .min = 0, .max = 1000),
    INTEGER("base", F_READ | F_LIMITS, .min = 0, .max = 100000),
    F_END,
};

const struct sw_field capacity_provider_strategy_list[] = {
    STRUCT("member", 0, capacity_provider_strategy_item)};

static const char *const launch_type_values[] = {"EC2", "FARGATE", "EXTERNAL", "MANAGED_INSTANCES",
                                                 NULL};

static const char *const assign_public_ip_values[] = {"ENABLED", "DISABLED", NULL};

static const struct sw_field aws_vpc_configuration[] = {
    LIST("subnets", F_READ | F_REQUIRED, strings_list),
    LIST("securityGroups", F_STORED, strings_list),
    ENUM("assignPublicIp", F_READ, assign_public_ip_values),
    F_END,
};

const struct sw_field network_configuration[] = {
    STRUCT("awsvpcConfiguration", F_READ, aws_vpc_configuration),
    F_END,
};

static const struct sw_field container_override[] = {
    STRING("name", F_READ),
    LIST("command", F_READ, strings_list),
    LIST("environment", F_READ, environment_variables_list),
    LIST("environmentFiles", F_READ, environment_files_list),
    INTEGER("cpu", F_READ),
    INTEGER("memory", F_READ),
    INTEGER("memoryReservation", F_READ),
    LIST("resourceRequirements", F_REFUSED, resource_requirements_list),
    F_END,
};

static const struct sw_field container_overrides_list[] = {STRUCT("member", 0, container_override)};

static const struct sw_field inference_accelerator_override[] = {
    STRING("deviceName", F_REFUSED),
    STRING("deviceType", F_REFUSED),
    F_END,
};

static const struct sw_field inference_accelerator_overrides_list[] = {
    STRUCT("member", 0, inference_accelerator_override)};

const struct sw_field task_override[] = {
    LIST("containerOverrides", F_READ, container_overrides_list),
    STRING("cpu", F_READ),
    LIST("inferenceAcceleratorOverrides", F_REFUSED, inference_accelerator_overrides_list),
    STRING("executionRoleArn", F_READ),
    STRING("memory", F_READ),
    STRING("taskRoleArn", F_READ),
    STRUCT("ephemeralStorage", F_READ, ephemeral_storage),
    F_END,
};

static const char *const placement_constraint_type_values[] = {"distinctInstance", "memberOf",
                                                               NULL};

static const struct sw_field placement_constraint[] = {
    ENUM("type", F_READ, placement_constraint_type_values),
    STRING("expression", F_READ),
    F_END,
};

const struct sw_field placement_constraints_list[] = {STRUCT("member", 0, placement_constraint)};

static const char *const placement_strategy_type_values[] = {"random", "spread", "binpack", NULL};

static const struct sw_field placement_strategy[] = {
    ENUM("type", F_READ, placement_strategy_type_values),
    STRING("field", F_READ),
    F_END,
};

const struct sw_field placement_strategies_list[] = {STRUCT("member", 0, placement_strategy)};

static const char *const propagate_tags_values[] = {"TASK_DEFINITION", "SERVICE", "NONE", NULL};

static const struct sw_field launch_volume[] = {
    STRING("name", F_REFUSED | F_REQUIRED),
    F_END,
};

static const struct sw_field launch_volumes_list[] = {STRUCT("member", 0, launch_volume)};

const struct sw_field run_task_in[] = {
    LIST("capacityProviderStrategy", F_READ, capacity_provider_strategy_list),
    STRING("cluster", F_READ),
    INTEGER("count", F_READ),
    BOOLEAN("enableECSManagedTags", F_READ),
    BOOLEAN("enableExecuteCommand", F_READ),
    STRING("group", F_READ),
    ENUM("launchType", F_READ, launch_type_values),
    STRUCT("networkConfiguration", F_READ, network_configuration),
    STRUCT("overrides", F_READ, task_override),
    LIST("placementConstraints", F_READ, placement_constraints_list),
    LIST("placementStrategy", F_READ, placement_strategies_list),
    STRING("platformVersion", F_READ),
    ENUM("propagateTags", F_READ, propagate_tags_values),
    STRING("referenceId", F_REFUSED),
    STRING("startedBy", F_READ),
    LIST("tags", F_STORED | F_LIMITS, tags_list, .min = 0, .max = 50),
    STRING("taskDefinition", F_READ | F_REQUIRED),
    STRING("clientToken", F_READ),
    LIST("volumeConfigurations", F_REFUSED, launch_volumes_list),
    F_END,
};

static const struct sw_field attachment_details_list[] = {STRUCT("member", 0, key_value_pair)};

static const struct sw_field attachment[] = {
    STRING("id", 0),
    STRING("type", 0),
    STRING("status", 0),
    LIST("details", 0, attachment_details_list),
    F_END,
};

const struct sw_field attachments_list[] = {STRUCT("member", 0, attachment)};

const struct sw_field attributes_list[] = {STRUCT("member", 0, attribute)};

static const char *const connectivity_values[] = {"CONNECTED", "DISCONNECTED", NULL};

static const struct sw_field network_binding[] = {
    STRING("bindIP", F_READ),
    INTEGER("containerPort", F_READ),
    INTEGER("hostPort", F_READ),
    ENUM("protocol", F_READ, transport_protocol_values),
    STRING("containerPortRange", F_READ),
    STRING("hostPortRange", F_READ),
    F_END,
};

const struct sw_field network_bindings_list[] = {STRUCT("member", 0, network_binding)};

static const struct sw_field network_interface[] = {
    STRING("attachmentId", 0),
    STRING("privateIpv4Address", 0),
    STRING("ipv6Address", 0),
    F_END,
};

static const struct sw_field network_interfaces_list[] = {STRUCT("member", 0, network_interface)};

static const char *const health_status_values[] = {"HEALTHY", "UNHEALTHY", "UNKNOWN", NULL};

static const char *const managed_agent_name_values[] = {"ExecuteCommandAgent", NULL};

static const struct sw_field managed_agent[] = {
    TIME("lastStartedAt", 0),
    ENUM("name", 0, managed_agent_name_values),
    STRING("reason", 0),
    STRING("lastStatus", 0),
    F_END,
};

static const struct sw_field managed_agents_list[] = {STRUCT("member", 0, managed_agent)};

static const struct sw_field container[] = {
    STRING("containerArn", 0),
    STRING("taskArn", 0),
    STRING("name", 0),
    STRING("image", 0),
    STRING("imageDigest", 0),
    STRING("runtimeId", 0),
    STRING("lastStatus", 0),
    INTEGER("exitCode", 0),
    STRING("reason", 0),
    LIST("networkBindings", 0, network_bindings_list),
    LIST("networkInterfaces", 0, network_interfaces_list),
    ENUM("healthStatus", 0, health_status_values),
    LIST("managedAgents", 0, managed_agents_list),
    STRING("cpu", 0),
    STRING("memory", 0),
    STRING("memoryReservation", 0),
    LIST("gpuIds", 0, strings_list),
    F_END,
};

static const struct sw_field containers_list[] = {STRUCT("member", 0, container)};

static const char *const task_stop_code_values[] = {"TaskFailedToStart",
                                                    "EssentialContainerExited",
                                                    "UserInitiated",
                                                    "ServiceSchedulerInitiated",
                                                    "SpotInterruption",
                                                    "TerminationNotice",
                                                    NULL};

static const struct sw_field task[] = {
    LIST("attachments", 0, attachments_list),
    LIST("attributes", 0, attributes_list),
    STRING("availabilityZone", 0),
    STRING("capacityProviderName", 0),
    STRING("clusterArn", 0),
    ENUM("connectivity", 0, connectivity_values),
    TIME("connectivityAt", 0),
    STRING("containerInstanceArn", 0),
    LIST("containers", 0, containers_list),
    STRING("cpu", 0),
    TIME("createdAt", 0),
    STRING("desiredStatus", 0),
    BOOLEAN("enableExecuteCommand", 0),
    TIME("executionStoppedAt", 0),
    STRING("group", 0),
    ENUM("healthStatus", 0, health_status_values),
    LIST("inferenceAccelerators", 0, inference_accelerators_list),
    STRING("lastStatus", 0),
    ENUM("launchType", 0, launch_type_values),
    STRING("memory", 0),
    STRUCT("overrides", 0, task_override),
    STRING("platformVersion", 0),
    STRING("platformFamily", 0),
    TIME("pullStartedAt", 0),
    TIME("pullStoppedAt", 0),
    TIME("startedAt", 0),
    STRING("startedBy", 0),
    ENUM("stopCode", 0, task_stop_code_values),
    TIME("stoppedAt", 0),
    STRING("stoppedReason", 0),
    TIME("stoppingAt", 0),
    LIST("tags", F_LIMITS, tags_list, .min = 0, .max = 50),
    STRING("taskArn", 0),
    STRING("taskDefinitionArn", 0),
    LONG("version", 0),
    STRUCT("ephemeralStorage", 0, ephemeral_storage),
    F_END,
};

static const struct sw_field tasks_list[] = {STRUCT("member", 0, task)};

static const struct sw_field failure[] = {
    STRING("arn", 0),
    STRING("reason", 0),
    STRING("detail", 0),
    F_END,
};

const struct sw_field failures_list[] = {STRUCT("member", 0, failure)};

const struct sw_field run_task_out[] = {
    LIST("tasks", 0, tasks_list),
    LIST("failures", 0, failures_list),
    F_END,
};

static const char *const task_field_values[] = {"TAGS", NULL};

static const struct sw_field task_field_list[] = {ENUM("member", 0, task_field_values)};

const struct sw_field describe_tasks_in[] = {
    STRING("cluster", F_READ),
    LIST("tasks", F_READ | F_REQUIRED, strings_list),
    LIST("include", F_READ, task_field_list),
    F_END,
};

const struct sw_field describe_tasks_out[] = {
    LIST("tasks", 0, tasks_list),
    LIST("failures", 0, failures_list),
    F_END,
};

static const char *const desired_status_values[] = {"RUNNING", "PENDING", "STOPPED", NULL};

const struct sw_field list_tasks_in[] = {
    STRING("cluster", F_READ),
    STRING("containerInstance", F_READ),
    STRING("family", F_READ),
    STRING("nextToken", F_READ),
    INTEGER("maxResults", F_READ),
    STRING("startedBy", F_READ),
    STRING("serviceName", F_READ),
    ENUM("desiredStatus", F_READ, desired_status_values),
    ENUM("launchType", F_READ, launch_type_values),
    STRING("daemonName", F_REFUSED),
    F_END,
};

const struct sw_field list_tasks_out[] = {
    LIST("taskArns", 0, strings_list),
    STRING("nextToken", 0),
    F_END,
};

const struct sw_field stop_task_in[] = {
    STRING("cluster", F_READ),
    STRING("task", F_READ | F_REQUIRED),
    STRING("reason", F_READ),
    F_END,
};

const struct sw_field stop_task_out[] = {
    STRUCT("task", 0, task),
    F_END,
};

static const struct sw_field container_state_change[] = {
    STRING("containerName", F_READ),
    STRING("imageDigest", F_READ),
    STRING("runtimeId", F_READ),
    INTEGER("exitCode", F_READ),
    LIST("networkBindings", F_READ, network_bindings_list),
    STRING("reason", F_READ),
    STRING("status", F_READ),
    F_END,
};

static const struct sw_field container_state_changes_list[] = {
    STRUCT("member", 0, container_state_change)};

static const struct sw_field attachment_state_change[] = {
    STRING("attachmentArn", F_REFUSED | F_REQUIRED),
    STRING("status", F_REFUSED | F_REQUIRED),
    F_END,
};

static const struct sw_field attachment_state_changes_list[] = {
    STRUCT("member", 0, attachment_state_change)};

static const struct sw_field managed_agent_state_change[] = {
    STRING("containerName", F_REFUSED | F_REQUIRED),
    ENUM("managedAgentName", F_REFUSED | F_REQUIRED, managed_agent_name_values),
    STRING("status", F_REFUSED | F_REQUIRED),
    STRING("reason", F_REFUSED),
    F_END,
};

static const struct sw_field managed_agent_state_changes_list[] = {
    STRUCT("member", 0, managed_agent_state_change)};

const struct sw_field submit_task_state_change_in[] = {
    STRING("cluster", F_READ),
    STRING("task", F_READ),
    STRING("status", F_READ),
    STRING("reason", F_READ),
    LIST("containers", F_READ, container_state_changes_list),
    LIST("attachments", F_REFUSED, attachment_state_changes_list),
    LIST("managedAgents", F_REFUSED, managed_agent_state_changes_list),
    TIME("pullStartedAt", F_READ),
    TIME("pullStoppedAt", F_READ),
    TIME("executionStoppedAt", F_READ),
    F_END,
};

const struct sw_field submit_task_state_change_out[] = {
    STRING("acknowledgment", 0),
    F_END,
};

const struct sw_field start_task_in[] = {
    STRING("cluster", F_READ),
    LIST("containerInstances", F_READ | F_REQUIRED, strings_list),
    BOOLEAN("enableECSManagedTags", F_READ),
    BOOLEAN("enableExecuteCommand", F_READ),
    STRING("group", F_READ),
    STRUCT("networkConfiguration", F_READ, network_configuration),
    STRUCT("overrides", F_READ, task_override),
    ENUM("propagateTags", F_READ, propagate_tags_values),
    STRING("referenceId", F_REFUSED),
    STRING("startedBy", F_READ),
    LIST("tags", F_STORED | F_LIMITS, tags_list, .min = 0, .max = 50),
    STRING("taskDefinition", F_READ | F_REQUIRED),
    LIST("volumeConfigurations", F_REFUSED, launch_volumes_list),
    F_END,
};

const struct sw_field start_task_out[] = {
    LIST("tasks", 0, tasks_list),
    LIST("failures", 0, failures_list),
    F_END,
};

static const struct sw_field protected_task[] = {
    STRING("taskArn", 0),
    BOOLEAN("protectionEnabled", 0),
    TIME("expirationDate", 0),
    F_END,
};

static const struct sw_field protected_tasks_list[] = {STRUCT("member", 0, protected_task)};

const struct sw_field get_task_protection_in[] = {
    STRING("cluster", F_READ | F_REQUIRED),
    LIST("tasks", F_READ, strings_list),
    F_END,
};

const struct sw_field get_task_protection_out[] = {
    LIST("protectedTasks", 0, protected_tasks_list),
    LIST("failures", 0, failures_list),
    F_END,
};

const struct sw_field update_task_protection_in[] = {
    STRING("cluster", F_READ | F_REQUIRED),
    LIST("tasks", F_READ | F_REQUIRED, strings_list),
    BOOLEAN("protectionEnabled", F_READ | F_REQUIRED),
    INTEGER("expiresInMinutes", F_READ),
    F_END,
};

const struct sw_field update_task_protection_out[] = {
    LIST("protectedTasks", 0, protected_tasks_list),
    LIST("failures", 0, failures_list),
    F_END,
};

const struct sw_field submit_container_state_change_in[] = {
    STRING("cluster", F_READ),
    STRING("task", F_READ),
    STRING("containerName", F_READ),
    STRING("runtimeId", F_READ),
    STRING("status", F_READ),
    INTEGER("exitCode", F_READ),
    STRING("reason", F_READ),
    LIST("networkBindings", F_READ, network_bindings_list),
    F_END,
};

const struct sw_field submit_container_state_change_out[] = {
    STRING("acknowledgment", 0),
    F_END,
};

static const struct sw_field submitted_attachment[] = {
    STRING("attachmentArn", F_READ | F_REQUIRED),
    STRING("status", F_READ | F_REQUIRED),
    F_END,
};

static const struct sw_field submitted_attachments_list[] = {
    STRUCT("member", 0, submitted_attachment)};

const struct sw_field submit_attachment_state_changes_in[] = {
    STRING("cluster", F_READ),
    LIST("attachments", F_READ | F_REQUIRED, submitted_attachments_list),
    F_END,
};

const struct sw_field submit_attachment_state_changes_out[] = {
    STRING("acknowledgment", 0),
    F_END,
};
