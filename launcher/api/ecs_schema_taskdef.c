/* SPDX-License-Identifier: Apache-2.0 */
/* Members of the operations on task definitions: ECS API 2014-11-13. Output members carry no handling. */
#include "launcher/api/ecs_schema.h"

static const char *const network_mode_values[] = {"bridge", "host", "awsvpc", "none", NULL};

static const struct sw_field repository_credentials[] = {
    STRING("credentialsParameter", F_READ | F_REQUIRED),
    F_END,
};

const struct sw_field strings_list[] = {STRING("member", 0)};

const char *const transport_protocol_values[] = {"tcp", "udp", NULL};

static const char *const application_protocol_values[] = {"http", "http2", "grpc", NULL};

static const struct sw_field port_mapping[] = {
    INTEGER("containerPort", F_READ),
    INTEGER("hostPort", F_READ),
    ENUM("protocol", F_READ, transport_protocol_values),
    STRING("name", F_STORED),
    ENUM("appProtocol", F_STORED, application_protocol_values),
    STRING("containerPortRange", F_READ),
    F_END,
};

static const struct sw_field port_mapping_list[] = {STRUCT("member", 0, port_mapping)};

const struct sw_field key_value_pair[] = {
    STRING("name", F_READ),
    STRING("value", F_READ),
    F_END,
};

const struct sw_field environment_variables_list[] = {STRUCT("member", 0, key_value_pair)};

static const char *const environment_file_type_values[] = {"s3", NULL};

static const struct sw_field environment_file[] = {
    STRING("value", F_READ | F_REQUIRED),
    ENUM("type", F_READ | F_REQUIRED, environment_file_type_values),
    F_END,
};

const struct sw_field environment_files_list[] = {STRUCT("member", 0, environment_file)};

static const struct sw_field mount_point[] = {
    STRING("sourceVolume", F_READ),
    STRING("containerPath", F_READ),
    BOOLEAN("readOnly", F_READ),
    F_END,
};

static const struct sw_field mount_point_list[] = {STRUCT("member", 0, mount_point)};

static const struct sw_field volume_from[] = {
    STRING("sourceContainer", F_READ),
    BOOLEAN("readOnly", F_READ),
    F_END,
};

static const struct sw_field volume_from_list[] = {STRUCT("member", 0, volume_from)};

static const struct sw_field kernel_capabilities[] = {
    LIST("add", F_READ, strings_list),
    LIST("drop", F_READ, strings_list),
    F_END,
};

static const char *const device_cgroup_permission_values[] = {"read", "write", "mknod", NULL};

static const struct sw_field device_cgroup_permissions_list[] = {
    ENUM("member", 0, device_cgroup_permission_values)};

static const struct sw_field device[] = {
    STRING("hostPath", F_READ | F_REQUIRED),
    STRING("containerPath", F_READ),
    LIST("permissions", F_READ, device_cgroup_permissions_list),
    F_END,
};

static const struct sw_field devices_list[] = {STRUCT("member", 0, device)};

static const struct sw_field tmpfs[] = {
    STRING("containerPath", F_READ | F_REQUIRED),
    INTEGER("size", F_READ | F_REQUIRED),
    LIST("mountOptions", F_READ, strings_list),
    F_END,
};

static const struct sw_field tmpfs_list[] = {STRUCT("member", 0, tmpfs)};

static const struct sw_field linux_parameters[] = {
    STRUCT("capabilities", F_READ, kernel_capabilities),
    LIST("devices", F_READ, devices_list),
    BOOLEAN("initProcessEnabled", F_READ),
    INTEGER("sharedMemorySize", F_READ),
    LIST("tmpfs", F_READ, tmpfs_list),
    INTEGER("maxSwap", F_READ),
    INTEGER("swappiness", F_READ),
    F_END,
};

static const struct sw_field secret[] = {
    STRING("name", F_READ | F_REQUIRED),
    STRING("valueFrom", F_READ | F_REQUIRED),
    F_END,
};

static const struct sw_field secret_list[] = {STRUCT("member", 0, secret)};

static const char *const container_condition_values[] = {"START", "COMPLETE", "SUCCESS", "HEALTHY",
                                                         NULL};

static const struct sw_field container_dependency[] = {
    STRING("containerName", F_READ | F_REQUIRED),
    ENUM("condition", F_READ | F_REQUIRED, container_condition_values),
    F_END,
};

static const struct sw_field container_dependencies_list[] = {
    STRUCT("member", 0, container_dependency)};

static const struct sw_field host_entry[] = {
    STRING("hostname", F_READ | F_REQUIRED),
    STRING("ipAddress", F_READ | F_REQUIRED),
    F_END,
};

static const struct sw_field host_entry_list[] = {STRUCT("member", 0, host_entry)};

static const struct sw_field strings_map[] = {STRING("key", F_STORED), STRING("value", F_STORED)};

static const char *const ulimit_name_values[] = {
    "core",   "cpu",   "data", "fsize",  "locks",  "memlock",    "msgqueue", "nice",
    "nofile", "nproc", "rss",  "rtprio", "rttime", "sigpending", "stack",    NULL};

static const struct sw_field ulimit[] = {
    ENUM("name", F_READ | F_REQUIRED, ulimit_name_values),
    INTEGER("softLimit", F_READ | F_REQUIRED),
    INTEGER("hardLimit", F_READ | F_REQUIRED),
    F_END,
};

static const struct sw_field ulimit_list[] = {STRUCT("member", 0, ulimit)};

static const char *const log_driver_values[] = {
    "json-file", "syslog", "journald", "gelf", "fluentd", "awslogs", "splunk", "awsfirelens", NULL};

static const struct sw_field log_configuration[] = {
    ENUM("logDriver", F_READ | F_REQUIRED, log_driver_values),
    MAP("options", F_READ, strings_map),
    LIST("secretOptions", F_REFUSED, secret_list),
    F_END,
};

static const struct sw_field health_check[] = {
    LIST("command", F_READ | F_REQUIRED, strings_list),
    INTEGER("interval", F_READ),
    INTEGER("timeout", F_READ),
    INTEGER("retries", F_READ),
    INTEGER("startPeriod", F_READ),
    F_END,
};

static const struct sw_field system_control[] = {
    STRING("namespace", F_READ),
    STRING("value", F_READ),
    F_END,
};

static const struct sw_field system_controls_list[] = {STRUCT("member", 0, system_control)};

static const char *const resource_type_values[] = {"GPU", "InferenceAccelerator", NULL};

static const struct sw_field resource_requirement[] = {
    STRING("value", F_REFUSED | F_REQUIRED),
    ENUM("type", F_REFUSED | F_REQUIRED, resource_type_values),
    F_END,
};

const struct sw_field resource_requirements_list[] = {STRUCT("member", 0, resource_requirement)};

static const char *const firelens_configuration_type_values[] = {"fluentd", "fluentbit", NULL};

static const struct sw_field firelens_configuration[] = {
    ENUM("type", F_REFUSED | F_REQUIRED, firelens_configuration_type_values),
    MAP("options", F_REFUSED, strings_map),
    F_END,
};

static const struct sw_field integer_list[] = {INTEGER("member", 0)};

static const struct sw_field restart_policy[] = {
    BOOLEAN("enabled", F_READ | F_REQUIRED),
    LIST("ignoredExitCodes", F_READ, integer_list),
    INTEGER("restartAttemptPeriod", F_READ),
    F_END,
};

static const char *const version_consistency_values[] = {"enabled", "disabled", NULL};

static const struct sw_field container_definition[] = {
    STRING("name", F_READ),
    STRING("image", F_READ),
    STRUCT("repositoryCredentials", F_READ, repository_credentials),
    INTEGER("cpu", F_READ),
    INTEGER("memory", F_READ),
    INTEGER("memoryReservation", F_READ),
    LIST("links", F_READ, strings_list),
    LIST("portMappings", F_READ, port_mapping_list),
    BOOLEAN("essential", F_READ),
    LIST("entryPoint", F_READ, strings_list),
    LIST("command", F_READ, strings_list),
    LIST("environment", F_READ, environment_variables_list),
    LIST("environmentFiles", F_READ, environment_files_list),
    LIST("mountPoints", F_READ, mount_point_list),
    LIST("volumesFrom", F_READ, volume_from_list),
    STRUCT("linuxParameters", F_READ, linux_parameters),
    LIST("secrets", F_READ, secret_list),
    LIST("dependsOn", F_READ, container_dependencies_list),
    INTEGER("startTimeout", F_READ),
    INTEGER("stopTimeout", F_READ),
    STRING("hostname", F_READ),
    STRING("user", F_READ),
    STRING("workingDirectory", F_READ),
    BOOLEAN("disableNetworking", F_READ),
    BOOLEAN("privileged", F_READ),
    BOOLEAN("readonlyRootFilesystem", F_READ),
    LIST("dnsServers", F_READ, strings_list),
    LIST("dnsSearchDomains", F_READ, strings_list),
    LIST("extraHosts", F_READ, host_entry_list),
    LIST("dockerSecurityOptions", F_READ, strings_list),
    BOOLEAN("interactive", F_READ),
    BOOLEAN("pseudoTerminal", F_READ),
    MAP("dockerLabels", F_STORED, strings_map),
    LIST("ulimits", F_READ, ulimit_list),
    STRUCT("logConfiguration", F_READ, log_configuration),
    STRUCT("healthCheck", F_READ, health_check),
    LIST("systemControls", F_READ, system_controls_list),
    LIST("resourceRequirements", F_REFUSED, resource_requirements_list),
    STRUCT("firelensConfiguration", F_REFUSED, firelens_configuration),
    STRUCT("restartPolicy", F_READ, restart_policy),
    ENUM("versionConsistency", F_STORED, version_consistency_values),
    LIST("credentialSpecs", F_REFUSED, strings_list),
    F_END,
};

static const struct sw_field container_definitions_list[] = {
    STRUCT("member", 0, container_definition)};

static const struct sw_field host_volume_properties[] = {
    STRING("sourcePath", F_READ),
    F_END,
};

static const char *const scope_values[] = {"task", "shared", NULL};

static const struct sw_field docker_volume_configuration[] = {
    ENUM("scope", F_READ, scope_values),
    BOOLEAN("autoprovision", F_READ),
    STRING("driver", F_READ),
    MAP("driverOpts", F_READ, strings_map),
    MAP("labels", F_STORED, strings_map),
    F_END,
};

static const char *const efs_transit_encryption_values[] = {"ENABLED", "DISABLED", NULL};

static const char *const efs_authorization_config_i_a_m_values[] = {"ENABLED", "DISABLED", NULL};

static const struct sw_field efs_authorization_config[] = {
    STRING("accessPointId", F_READ),
    ENUM("iam", F_READ, efs_authorization_config_i_a_m_values),
    F_END,
};

static const struct sw_field efs_volume_configuration[] = {
    STRING("fileSystemId", F_READ | F_REQUIRED),
    STRING("rootDirectory", F_READ),
    ENUM("transitEncryption", F_READ, efs_transit_encryption_values),
    INTEGER("transitEncryptionPort", F_READ),
    STRUCT("authorizationConfig", F_READ, efs_authorization_config),
    F_END,
};

static const struct sw_field fsx_windows_file_server_authorization_config[] = {
    STRING("credentialsParameter", F_REFUSED | F_REQUIRED),
    STRING("domain", F_REFUSED | F_REQUIRED),
    F_END,
};

static const struct sw_field fsx_windows_file_server_volume_configuration[] = {
    STRING("fileSystemId", F_REFUSED | F_REQUIRED),
    STRING("rootDirectory", F_REFUSED | F_REQUIRED),
    STRUCT("authorizationConfig", F_REFUSED | F_REQUIRED,
           fsx_windows_file_server_authorization_config),
    F_END,
};

static const struct sw_field s3files_volume_configuration[] = {
    STRING("fileSystemArn", F_REFUSED),
    STRING("rootDirectory", F_REFUSED),
    INTEGER("transitEncryptionPort", F_REFUSED),
    STRING("accessPointArn", F_REFUSED),
    F_END,
};

static const struct sw_field volume[] = {
    STRING("name", F_READ),
    STRUCT("host", F_READ, host_volume_properties),
    STRUCT("dockerVolumeConfiguration", F_READ, docker_volume_configuration),
    STRUCT("efsVolumeConfiguration", F_READ, efs_volume_configuration),
    STRUCT("fsxWindowsFileServerVolumeConfiguration", F_REFUSED,
           fsx_windows_file_server_volume_configuration),
    BOOLEAN("configuredAtLaunch", F_REFUSED),
    STRUCT("s3filesVolumeConfiguration", F_REFUSED, s3files_volume_configuration),
    F_END,
};

static const struct sw_field volume_list[] = {STRUCT("member", 0, volume)};

static const char *const task_definition_placement_constraint_type_values[] = {"memberOf", NULL};

static const struct sw_field task_definition_placement_constraint[] = {
    ENUM("type", F_READ, task_definition_placement_constraint_type_values),
    STRING("expression", F_READ),
    F_END,
};

static const struct sw_field task_definition_placement_constraints_list[] = {
    STRUCT("member", 0, task_definition_placement_constraint)};

static const char *const compatibility_values[] = {"EC2", "FARGATE", "EXTERNAL", NULL};

static const struct sw_field compatibility_list[] = {ENUM("member", 0, compatibility_values)};

static const struct sw_field tag[] = {
    STRING("key", F_STORED | F_LIMITS, .min = 1, .max = 128),
    STRING("value", F_STORED | F_LIMITS, .min = 0, .max = 256),
    F_END,
};

const struct sw_field tags_list[] = {STRUCT("member", 0, tag)};

static const char *const pid_mode_values[] = {"host", "task", NULL};

static const char *const ipc_mode_values[] = {"host", "task", "none", NULL};

static const char *const proxy_configuration_type_values[] = {"APPMESH", NULL};

static const struct sw_field proxy_configuration_properties_list[] = {
    STRUCT("member", 0, key_value_pair)};

static const struct sw_field proxy_configuration[] = {
    ENUM("type", F_REFUSED, proxy_configuration_type_values),
    STRING("containerName", F_REFUSED | F_REQUIRED),
    LIST("properties", F_REFUSED, proxy_configuration_properties_list),
    F_END,
};

static const struct sw_field inference_accelerator[] = {
    STRING("deviceName", F_REFUSED | F_REQUIRED),
    STRING("deviceType", F_REFUSED | F_REQUIRED),
    F_END,
};

const struct sw_field inference_accelerators_list[] = {STRUCT("member", 0, inference_accelerator)};

const struct sw_field ephemeral_storage[] = {
    INTEGER("sizeInGiB", F_STORED | F_REQUIRED),
    F_END,
};

static const char *const c_p_u_architecture_values[] = {"X86_64", "ARM64", NULL};

static const char *const o_s_family_values[] = {"WINDOWS_SERVER_2019_FULL",
                                                "WINDOWS_SERVER_2019_CORE",
                                                "WINDOWS_SERVER_2016_FULL",
                                                "WINDOWS_SERVER_2004_CORE",
                                                "WINDOWS_SERVER_2022_CORE",
                                                "WINDOWS_SERVER_2022_FULL",
                                                "WINDOWS_SERVER_20H2_CORE",
                                                "LINUX",
                                                NULL};

static const struct sw_field runtime_platform[] = {
    ENUM("cpuArchitecture", F_READ, c_p_u_architecture_values),
    ENUM("operatingSystemFamily", F_READ, o_s_family_values),
    F_END,
};

const struct sw_field register_task_definition_in[] = {
    STRING("family", F_READ | F_REQUIRED),
    STRING("taskRoleArn", F_READ),
    STRING("executionRoleArn", F_READ),
    ENUM("networkMode", F_READ, network_mode_values),
    LIST("containerDefinitions", F_READ | F_REQUIRED, container_definitions_list),
    LIST("volumes", F_READ, volume_list),
    LIST("placementConstraints", F_READ, task_definition_placement_constraints_list),
    LIST("requiresCompatibilities", F_READ, compatibility_list),
    STRING("cpu", F_READ),
    STRING("memory", F_READ),
    LIST("tags", F_STORED | F_LIMITS, tags_list, .min = 0, .max = 50),
    ENUM("pidMode", F_READ, pid_mode_values),
    ENUM("ipcMode", F_READ, ipc_mode_values),
    STRUCT("proxyConfiguration", F_REFUSED, proxy_configuration),
    LIST("inferenceAccelerators", F_REFUSED, inference_accelerators_list),
    STRUCT("ephemeralStorage", F_STORED, ephemeral_storage),
    STRUCT("runtimePlatform", F_READ, runtime_platform),
    BOOLEAN("enableFaultInjection", F_REFUSED),
    F_END,
};

static const char *const task_definition_status_values[] = {"ACTIVE", "INACTIVE",
                                                            "DELETE_IN_PROGRESS", NULL};

static const char *const target_type_values[] = {"container-instance", NULL};

const struct sw_field attribute[] = {
    STRING("name", F_READ | F_REQUIRED),
    STRING("value", F_READ),
    ENUM("targetType", F_READ, target_type_values),
    STRING("targetId", F_READ),
    F_END,
};

static const struct sw_field requires_attributes_list[] = {STRUCT("member", 0, attribute)};

const struct sw_field task_definition[] = {
    STRING("taskDefinitionArn", 0),
    LIST("containerDefinitions", 0, container_definitions_list),
    STRING("family", 0),
    STRING("taskRoleArn", 0),
    STRING("executionRoleArn", 0),
    ENUM("networkMode", 0, network_mode_values),
    INTEGER("revision", 0),
    LIST("volumes", 0, volume_list),
    ENUM("status", 0, task_definition_status_values),
    LIST("requiresAttributes", 0, requires_attributes_list),
    LIST("placementConstraints", 0, task_definition_placement_constraints_list),
    LIST("compatibilities", 0, compatibility_list),
    STRUCT("runtimePlatform", 0, runtime_platform),
    LIST("requiresCompatibilities", 0, compatibility_list),
    STRING("cpu", 0),
    STRING("memory", 0),
    LIST("inferenceAccelerators", 0, inference_accelerators_list),
    ENUM("pidMode", 0, pid_mode_values),
    ENUM("ipcMode", 0, ipc_mode_values),
    STRUCT("proxyConfiguration", 0, proxy_configuration),
    TIME("registeredAt", 0),
    TIME("deregisteredAt", 0),
    TIME("deleteRequestedAt", 0),
    STRING("registeredBy", 0),
    STRUCT("ephemeralStorage", 0, ephemeral_storage),
    BOOLEAN("enableFaultInjection", 0),
    F_END,
};

const struct sw_field register_task_definition_out[] = {
    STRUCT("taskDefinition", 0, task_definition),
    LIST("tags", F_LIMITS, tags_list, .min = 0, .max = 50),
    F_END,
};

static const char *const task_definition_field_values[] = {"TAGS", NULL};

static const struct sw_field task_definition_field_list[] = {
    ENUM("member", 0, task_definition_field_values)};

const struct sw_field describe_task_definition_in[] = {
    STRING("taskDefinition", F_READ | F_REQUIRED),
    LIST("include", F_READ, task_definition_field_list),
    F_END,
};

const struct sw_field describe_task_definition_out[] = {
    STRUCT("taskDefinition", 0, task_definition),
    LIST("tags", F_LIMITS, tags_list, .min = 0, .max = 50),
    F_END,
};

static const char *const sort_order_values[] = {"ASC", "DESC", NULL};

const struct sw_field list_task_definitions_in[] = {
    STRING("familyPrefix", F_READ),          ENUM("status", F_READ, task_definition_status_values),
    ENUM("sort", F_READ, sort_order_values), STRING("nextToken", F_READ),
    INTEGER("maxResults", F_READ),           F_END,
};

const struct sw_field list_task_definitions_out[] = {
    LIST("taskDefinitionArns", 0, strings_list),
    STRING("nextToken", 0),
    F_END,
};

static const char *const task_definition_family_status_values[] = {"ACTIVE", "INACTIVE", "ALL",
                                                                   NULL};

const struct sw_field list_task_definition_families_in[] = {
    STRING("familyPrefix", F_READ),
    ENUM("status", F_READ, task_definition_family_status_values),
    STRING("nextToken", F_READ),
    INTEGER("maxResults", F_READ),
    F_END,
};

const struct sw_field list_task_definition_families_out[] = {
    LIST("families", 0, strings_list),
    STRING("nextToken", 0),
    F_END,
};

const struct sw_field deregister_task_definition_in[] = {
    STRING("taskDefinition", F_READ | F_REQUIRED),
    F_END,
};

const struct sw_field deregister_task_definition_out[] = {
    STRUCT("taskDefinition", 0, task_definition),
    F_END,
};

static const struct sw_field task_definitions_list[] = {STRUCT("member", 0, task_definition)};

const struct sw_field delete_task_definitions_in[] = {
    LIST("taskDefinitions", F_READ | F_REQUIRED, strings_list),
    F_END,
};

const struct sw_field delete_task_definitions_out[] = {
    LIST("taskDefinitions", 0, task_definitions_list),
    LIST("failures", 0, failures_list),
    F_END,
};
