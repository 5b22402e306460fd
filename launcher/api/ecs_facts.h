/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* launcher/api/ecs_facts.h - may() for ECS operations: what a policy's conditions may ask about the call (ecs:cluster,
 * ecs:task-cpu, aws:RequestTag/..., aws:ResourceTag/...), the right to tag what is made, and iam:PassRole for the roles that a
 * task gets. A key is worked out only when a statement asks for it; tags of what exists are then read from its row.
 * Threads: within one call.
 * Spec: Service Authorization Reference, "Actions, resources, and condition keys for Amazon Elastic Container Service". */
#include "launcher/api/ecs_internal.h"

/* aws_may() on `arn` with the facts of the call. An operation that makes something with tags also needs ecs:TagResource on it.
 * definition: the task definition that the call is about, or NULL. */
int ecs_may(struct aws_call *call, const char *arn, const json_t *definition, struct sw_err *err);
/* iam:PassRole on taskRoleArn and executionRoleArn of the document (a task definition, overrides), if it names them.
 * NULL is no document. */
int ecs_may_pass_roles(struct aws_call *call, const json_t *document, struct sw_err *err);
