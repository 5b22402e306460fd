/* SPDX-License-Identifier: Apache-2.0 */
/* Members of the agent's own operations: launcher/model/agent_protocol.h. */
#include "base/limits.h"
#include "launcher/api/ecs_schema.h"
#include "launcher/model/agent_protocol.h"

static const char *const health_values[] = {"HEALTHY", "UNHEALTHY", "UNKNOWN", NULL};
static const char *const stream_values[] = {"stdout", "stderr", NULL};

const struct sw_field poll_tasks_in[] = {
    STRING("cluster", F_READ),
    STRING("containerInstance", F_READ | F_REQUIRED),
    STRING("session", F_READ | F_LIMITS, .min = 1, .max = AGENT_IDENTITY_MAX),
    LONG("seenVersion", F_READ),
    INTEGER("waitSeconds", F_READ | F_LIMITS, .min = 0, .max = AGENT_POLL_WAIT_MAX_S),
    F_END,
};

static const struct sw_field poll_container[] = {
    STRING("name", 0),
    STRING("containerArn", 0),
    F_END,
};
static const struct sw_field poll_container_list[] = {STRUCT("member", 0, poll_container)};

static const struct sw_field poll_task[] = {
    STRING("taskArn", 0),
    STRING("taskDefinitionArn", 0),
    STRING("desiredStatus", 0),
    STRING("stopReason", 0),
    STRING("group", 0),
    STRING("startedBy", 0),
    STRING("clusterArn", 0),
    TIME("createdAt", 0),
    STRING("launchType", 0),
    LIST("tags", 0, tags_list),
    LIST("containers", 0, poll_container_list),
    STRUCT("taskDefinition", 0, task_definition),
    STRUCT("overrides", 0, task_override),
    STRING("knownStatus", 0),
    F_END,
};
static const struct sw_field poll_task_list[] = {STRUCT("member", 0, poll_task)};

static const struct sw_field log_request[] = {
    STRING("requestId", 0),
    STRING("taskArn", 0),
    STRING("containerName", 0),
    STRING("cursor", 0),
    INTEGER("maxBytes", 0),
    INTEGER("waitSeconds", 0),
    F_END,
};
static const struct sw_field log_request_list[] = {STRUCT("member", 0, log_request)};

static const struct sw_field exec_request[] = {
    STRING("sessionId", 0), STRING("taskArn", 0),    STRING("containerName", 0),
    STRING("command", 0),   STRING("tokenValue", 0), F_END,
};
static const struct sw_field exec_request_list[] = {STRUCT("member", 0, exec_request)};

const struct sw_field poll_tasks_out[] = {
    LONG("version", 0),
    LIST("tasks", 0, poll_task_list),
    LIST("logRequests", 0, log_request_list),
    LIST("execRequests", 0, exec_request_list),
    F_END,
};

static const struct sw_field log_record[] = {
    STRING("containerName", F_READ | F_REQUIRED),
    ENUM("stream", F_READ | F_REQUIRED, stream_values),
    LONG("timestamp", F_READ | F_REQUIRED),
    BLOB("message", F_READ | F_REQUIRED),
    BOOLEAN("partial", F_READ),
    F_END,
};
static const struct sw_field log_record_list[] = {STRUCT("member", 0, log_record)};

static const struct sw_field task_log_event[] = {
    LONG("position", F_READ | F_REQUIRED | F_LIMITS, .min = 0, .max = -1),
    LONG("timestamp", F_READ | F_REQUIRED | F_LIMITS, .min = 0, .max = -1),
    STRING("message", F_READ | F_REQUIRED),
    F_END,
};
static const struct sw_field task_log_event_list[] = {STRUCT("member", 0, task_log_event)};

const struct sw_field put_task_log_events_in[] = {
    STRING("cluster", F_READ),
    STRING("containerInstance", F_READ | F_REQUIRED),
    STRING("task", F_READ | F_REQUIRED),
    STRING("containerName", F_READ | F_REQUIRED),
    LIST("events", F_READ | F_REQUIRED | F_LIMITS, task_log_event_list, .min = 0,
         .max = AGENT_LOG_EVENTS_MAX),
    LONG("lostLines", F_READ | F_LIMITS, .min = 0, .max = -1),
    F_END,
};

const struct sw_field put_task_log_events_out[] = {LONG("position", 0), F_END};

const struct sw_field submit_logs_in[] = {
    STRING("cluster", F_READ),
    STRING("containerInstance", F_READ | F_REQUIRED),
    STRING("requestId", F_READ | F_REQUIRED),
    LIST("records", F_READ | F_REQUIRED, log_record_list),
    STRING("cursor", F_READ),
    BOOLEAN("finished", F_READ),
    F_END,
};

static const struct sw_field container_health[] = {
    STRING("containerName", F_READ | F_REQUIRED),
    ENUM("healthStatus", F_READ | F_REQUIRED, health_values),
    F_END,
};
static const struct sw_field container_health_list[] = {STRUCT("member", 0, container_health)};

const struct sw_field submit_health_in[] = {
    STRING("cluster", F_READ),
    STRING("task", F_READ | F_REQUIRED),
    LIST("containers", F_READ | F_REQUIRED, container_health_list),
    F_END,
};

static const char *const role_type_values[] = {"TASK", "EXECUTION", NULL};

const struct sw_field get_task_credentials_in[] = {
    STRING("cluster", F_READ),
    STRING("containerInstance", F_READ | F_REQUIRED),
    STRING("task", F_READ | F_REQUIRED),
    ENUM("roleType", F_READ | F_REQUIRED, role_type_values),
    F_END,
};

static const struct sw_field denied_file[] = {STRING("file", 0), STRING("message", 0), F_END};
static const struct sw_field denied_file_list[] = {STRUCT("member", 0, denied_file)};

const struct sw_field get_task_credentials_out[] = {
    STRING("roleArn", 0),
    STRING("accessKeyId", 0),
    STRING("secretAccessKey", 0),
    STRING("sessionToken", 0),
    TIME("expiration", 0),
    LIST("deniedFiles", 0, denied_file_list),
    F_END,
};

const struct sw_field get_task_secrets_in[] = {
    STRING("cluster", F_READ),
    STRING("containerInstance", F_READ | F_REQUIRED),
    STRING("task", F_READ | F_REQUIRED),
    F_END,
};

static const struct sw_field secret_value[] = {STRING("name", 0), STRING("value", 0), F_END};
static const struct sw_field secret_value_list[] = {STRUCT("member", 0, secret_value)};

static const struct sw_field registry_credentials[] = {STRING("username", 0), STRING("password", 0),
                                                       F_END};

static const struct sw_field container_secrets[] = {
    STRING("containerName", 0),
    LIST("secrets", 0, secret_value_list),
    STRUCT("repositoryCredentials", 0, registry_credentials),
    F_END,
};
static const struct sw_field container_secrets_list[] = {STRUCT("member", 0, container_secrets)};

const struct sw_field get_task_secrets_out[] = {
    LIST("containers", 0, container_secrets_list),
    F_END,
};

const struct sw_field get_task_logs_in[] = {
    STRING("cluster", F_READ),
    STRING("task", F_READ | F_REQUIRED),
    STRING("containerName", F_READ),
    STRING("cursor", F_READ),
    INTEGER("maxBytes", F_READ | F_LIMITS, .min = 1, .max = LIMIT_LOG_CHUNK),
    INTEGER("waitSeconds", F_READ | F_LIMITS, .min = 0, .max = AGENT_LOG_WAIT_MAX_S),
    F_END,
};

const struct sw_field get_task_logs_out[] = {
    LIST("records", 0, log_record_list),
    STRING("cursor", 0),
    BOOLEAN("finished", 0),
    F_END,
};

const struct sw_field explain_placement_in[] = {
    STRING("cluster", F_READ),
    STRING("taskDefinition", F_READ | F_REQUIRED),
    INTEGER("count", F_READ),
    STRING("group", F_READ),
    STRING("launchType", F_READ),
    LIST("capacityProviderStrategy", F_READ, capacity_provider_strategy_list),
    STRUCT("networkConfiguration", F_READ, network_configuration),
    STRUCT("overrides", F_READ, task_override),
    LIST("placementConstraints", F_READ, placement_constraints_list),
    LIST("placementStrategy", F_READ, placement_strategies_list),
    F_END,
};

static const char *const verdict_values[] = {"CHOSEN", "REJECTED", "PASSED_OVER", NULL};

static const struct sw_field placement_verdict[] = {
    STRING("containerInstanceArn", 0),
    ENUM("verdict", 0, verdict_values),
    INTEGER("tasks", 0),
    STRING("reason", 0),
    STRING("text", 0),
    F_END,
};
static const struct sw_field placement_verdict_list[] = {STRUCT("member", 0, placement_verdict)};

const struct sw_field explain_placement_out[] = {
    INTEGER("placed", 0),
    INTEGER("unplaced", 0),
    LIST("instances", 0, placement_verdict_list),
    F_END,
};

/* clang-format off */
static const struct sw_field task_usage[] = {
    STRING("task", F_READ | F_REQUIRED | F_LIMITS, .min = 1, .max = 640),
    LONG("cpuMs", F_READ | F_REQUIRED),
    LONG("cpuUnits", F_READ),
    LONG("memoryBytes", F_READ | F_REQUIRED),
    F_END,
};
static const struct sw_field task_usage_list[] = {STRUCT("member", 0, task_usage)};

const struct sw_field submit_metrics_in[] = {
    STRING("cluster", F_READ),
    STRING("containerInstance", F_READ | F_REQUIRED),
    LONG("cpuUnits", F_READ),
    LONG("memoryMiB", F_READ),
    LIST("tasks", F_READ | F_REQUIRED | F_LIMITS, task_usage_list, .min = 0, .max = 10000),
    F_END,
};

const struct sw_field get_usage_in[] = {STRING("cluster", F_READ), F_END};

static const struct sw_field used_task[] = {
    STRING("taskArn", 0),
    STRING("group", 0),
    STRING("lastStatus", 0),
    STRING("launchType", 0),
    LONG("cpuUnits", 0),
    LONG("memoryBytes", 0),
    F_END,
};
static const struct sw_field used_task_list[] = {STRUCT("member", 0, used_task)};

static const struct sw_field used_instance[] = {
    STRING("containerInstanceArn", 0),
    STRING("launchTypes", 0),
    STRING("status", 0),
    BOOLEAN("agentConnected", 0),
    TIME("sampledAt", 0),
    LONG("cpuUnits", 0),
    LONG("memoryMiB", 0),
    LONG("registeredCpu", 0),
    LONG("registeredMemory", 0),
    LONG("reservedCpu", 0),
    LONG("reservedMemory", 0),
    LIST("tasks", 0, used_task_list),
    F_END,
};
static const struct sw_field used_instance_list[] = {STRUCT("member", 0, used_instance)};

const struct sw_field get_usage_out[] = {
    LIST("instances", 0, used_instance_list),
    LIST("waitingTasks", 0, used_task_list),
    F_END,
};
/* clang-format on */

const struct sw_field register_managed_instance_out[] = {
    STRING("managedInstanceId", 0),
    STRING("accessKeyId", 0),
    STRING("secretAccessKey", 0),
    F_END,
};

const struct sw_field nothing_out[] = {F_END};
