/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* launcher/api/ssm.h - AWS Systems Manager (AWS JSON 1.1): activations of external instances, Parameter Store. The context is that of the ECS API.
 * A further part of the service is rows in ssm.c's table, and handlers and members in a file of its own.
 * Threads: shared freely. */
#include "launcher/api/ecs.h"

struct aws_service ssm_aws_service(struct ecs_api *a); /* AmazonSSM */
