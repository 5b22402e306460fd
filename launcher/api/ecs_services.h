/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* launcher/api/ecs_services.h - handlers of the operations on services, their deployments and task sets; rows of ecs_ops. */
#include "launcher/api/ecs_internal.h"

/* clang-format off */
int create_service(struct aws_call *call, const void *in, json_t *out, struct sw_err *err);
int update_service(struct aws_call *call, const void *in, json_t *out, struct sw_err *err);
int delete_service(struct aws_call *call, const void *in, json_t *out, struct sw_err *err);
int describe_services(struct aws_call *call, const void *in, json_t *out, struct sw_err *err);
int list_services(struct aws_call *call, const void *in, json_t *out, struct sw_err *err);
int list_service_deployments(struct aws_call *call, const void *in, json_t *out, struct sw_err *err);
int describe_service_deployments(struct aws_call *call, const void *in, json_t *out, struct sw_err *err);
int describe_service_revisions(struct aws_call *call, const void *in, json_t *out, struct sw_err *err);
int list_services_by_namespace(struct aws_call *call, const void *in, json_t *out,
                               struct sw_err *err);
int continue_service_deployment(struct aws_call *call, const void *in, json_t *out,
                                struct sw_err *err);
int stop_service_deployment(struct aws_call *call, const void *in, json_t *out, struct sw_err *err);
int create_task_set(struct aws_call *call, const void *in, json_t *out, struct sw_err *err);
int update_task_set(struct aws_call *call, const void *in, json_t *out, struct sw_err *err);
int delete_task_set(struct aws_call *call, const void *in, json_t *out, struct sw_err *err);
int update_service_primary_task_set(struct aws_call *call, const void *in, json_t *out, struct sw_err *err);
int describe_task_sets(struct aws_call *call, const void *in, json_t *out, struct sw_err *err);
/* clang-format on */
