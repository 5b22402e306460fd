/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* launcher/model/capabilities.h - attributes that a task definition asks of an instance, by ECS's names.
 * An agent registers every name in capabilities_all without a value, and the platform ones with their value; placement refuses
 * an instance that lacks one with ATTRIBUTE. */
#include <stddef.h>

#define CAPABILITY_LOG_PREFIX     "com.amazonaws.ecs.capability.logging-driver."
#define CAPABILITY_LOG_JSON_FILE  "com.amazonaws.ecs.capability.logging-driver.json-file"
#define CAPABILITY_LOG_AWSLOGS    "com.amazonaws.ecs.capability.logging-driver.awslogs"
#define CAPABILITY_LOG_JOURNALD   "com.amazonaws.ecs.capability.logging-driver.journald"
#define CAPABILITY_HEALTH_CHECK   "ecs.capability.container-health-check"
#define CAPABILITY_ORDERING       "ecs.capability.container-ordering"
#define CAPABILITY_SECRETS_ASM    "ecs.capability.secrets.asm.environment-variables"
#define CAPABILITY_SECRETS_SSM    "ecs.capability.secrets.ssm.environment-variables"
#define CAPABILITY_REGISTRY_AUTH  "ecs.capability.private-registry-authentication.secretsmanager"
#define CAPABILITY_PRIVILEGED     "com.amazonaws.ecs.capability.privileged-container"
#define CAPABILITY_NAMESPACES     "ecs.capability.pid-ipc-namespace-sharing"
#define CAPABILITY_ENV_FILES      "ecs.capability.env-files.s3"
#define CAPABILITY_VOLUME_LOCAL   "ecs.capability.docker-plugin.local"
#define CAPABILITY_EFS            "ecs.capability.efs"
#define CAPABILITY_EFS_AUTH       "ecs.capability.efsAuth"
#define CAPABILITY_TASK_ROLE      "com.amazonaws.ecs.capability.task-iam-role"
#define CAPABILITY_TASK_ROLE_HOST "com.amazonaws.ecs.capability.task-iam-role-network-host"
#define CAPABILITY_ROLE_ECR       "ecs.capability.execution-role-ecr-pull"
#define CAPABILITY_ROLE_AWSLOGS   "ecs.capability.execution-role-awslogs"
#define CAPABILITY_ECR_AUTH       "com.amazonaws.ecs.capability.ecr-auth"
#define CAPABILITY_TASK_ENI       "ecs.capability.task-eni"
#define CAPABILITY_RESTARTS       "ecs.capability.container-restart-policy"
#define ATTRIBUTE_EXTERNAL        "ecs.capability.external" /* an instance for launch type EXTERNAL */
#define ATTRIBUTE_FARGATE \
    "ecs.capability.fargate" /* only | shared: for tasks of launch type FARGATE */
#define FARGATE_ONLY               "only"
#define FARGATE_SHARED             "shared"
#define ATTRIBUTE_CPU_ARCHITECTURE "ecs.cpu-architecture" /* x86_64 | arm64 */
#define ATTRIBUTE_ZONE             "ecs.availability-zone"
#define ATTRIBUTE_OS_TYPE          "ecs.os-type" /* linux */

extern const char *const capabilities_all[]; /* NULL-terminated */
/* ECS's attribute value for a runtimePlatform.cpuArchitecture or uname machine; NULL: none that is known. */
const char *capability_cpu_architecture(const char *name);
