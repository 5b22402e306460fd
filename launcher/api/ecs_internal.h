/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* launcher/api/ecs_internal.h - what the handlers of this folder share; nobody else includes it. */
#include "launcher/api/ecs.h"

struct ecs_api {
    struct launcher *launcher;
    struct secrets *secrets;
    struct log_store *log_store;
    const char *endpoint;
    struct task_log_rights *log_rights;
};

struct launcher *ecs_launcher(const struct aws_call *call);
/* Of the call; borrows from it. */
struct launcher_caller ecs_caller(const struct aws_call *call);
/* The validated input with numbers like 2.0, which the schema takes for integers, as integers. Owned by the caller. */
json_t *ecs_input(const struct aws_call *call);
/* aws_may on the ARN of what the call's input names. */
int ecs_may_cluster(struct aws_call *call, const char *cluster, struct sw_err *err);
int ecs_may_task(struct aws_call *call, const char *task, struct sw_err *err);
int ecs_may_instance(struct aws_call *call, const char *instance, struct sw_err *err);
/* May the caller run the task definition that the input names? *ret_input: the input with its revision. */
int ecs_may_run(struct aws_call *call, json_t **ret_input, struct sw_err *err);

/* ecs_ops.c, sorted by name */
extern const struct aws_op ecs_ops[];
extern const size_t ecs_ops_n;
/* agent_api.c */
extern const struct aws_op agent_ops[];
extern const size_t agent_ops_n;
