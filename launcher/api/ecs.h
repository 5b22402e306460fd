/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* launcher/api/ecs.h - the ECS API and the agent's own operations (both AWS JSON 1.1, signed as ecs) over the launcher.
 * Tables in ecs_schema_*.c and agent_schema.c, handlers in ecs_ops.c and agent_api.c. Every handler asks aws_may() for the
 * resource that the service authorization reference names, before anything is changed or shown.
 * Threads: shared freely; long polls hold no thread. */
#include "api/awsjson.h"
#include "launcher/logs/log_store.h"
#include "launcher/secrets/secrets.h"
#include "launcher/service/launcher.h"

struct ecs_api_options {
    struct secrets *secrets;     /* for Secrets Manager, SSM and what containers ask for */
    struct launcher *launcher;   /* NULL: the tables can be looked at, nothing can be called */
    struct log_store *log_store; /* where the lines of containers go */
    const char *endpoint; /* URL of this server for clients; NULL: the name that each caller used */
};

struct ecs_api;
struct ecs_api *ecs_api_new(const struct ecs_api_options *o);
void ecs_api_free(struct ecs_api *a);
struct aws_service ecs_aws_service(struct ecs_api *a);   /* AmazonEC2ContainerServiceV20141113 */
struct aws_service agent_aws_service(struct ecs_api *a); /* SlipwayAgent_V20261121 */
