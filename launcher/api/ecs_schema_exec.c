/* SPDX-License-Identifier: Apache-2.0 */
/* Members of ExecuteCommand: ECS API 2014-11-13. */
#include "launcher/api/ecs_schema.h"

const struct sw_field execute_command_in[] = {
    STRING("cluster", F_READ),
    STRING("container", F_READ),
    STRING("command", F_READ | F_REQUIRED),
    BOOLEAN("interactive", F_READ | F_REQUIRED),
    STRING("task", F_READ | F_REQUIRED),
    F_END,
};

static const struct sw_field session[] = {
    STRING("sessionId", 0),
    STRING("streamUrl", 0),
    STRING("tokenValue", 0),
    F_END,
};

const struct sw_field execute_command_out[] = {
    STRING("clusterArn", 0),
    STRING("containerArn", 0),
    STRING("containerName", 0),
    BOOLEAN("interactive", 0),
    STRUCT("session", 0, session),
    STRING("taskArn", 0),
    F_END,
};
