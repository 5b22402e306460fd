/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* launcher/api/secretsmanager.h - AWS Secrets Manager (AWS JSON 1.1). The context is that of the ECS API.
 * Table and handlers in secretsmanager.c, members in secretsmanager_schema.c. Every handler asks aws_may() for the secret's ARN
 * before it tells whether there is one.
 * Threads: shared freely. */
#include "launcher/api/ecs.h"

struct aws_service secretsmanager_aws_service(struct ecs_api *a);
