/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* launcher/api/ecs_handlers.h - handlers of ECS operations that lie outside ecs_ops.c, for its table, and what all of them use. */
#include "launcher/api/ecs_internal.h"

/* Runs a function of the launcher for the caller on the call's input. */
int ecs_run(struct aws_call *call, launcher_fn fn, json_t *out, struct sw_err *err);
/* The same for one page: nextToken and maxResults (1..100). */
int ecs_run_page(struct aws_call *call, launcher_list_fn fn, json_t *out, struct sw_err *err);
/* may_one on each of the things that the input's list names; when there is none, ecs_may_cluster. */
int ecs_may_each(struct aws_call *call, const char *key,
                 int (*may_one)(struct aws_call *, const char *, struct sw_err *),
                 struct sw_err *err);

int create_capacity_provider(struct aws_call *call, const void *in, json_t *out,
                             struct sw_err *err);
int delete_account_setting(struct aws_call *call, const void *in, json_t *out, struct sw_err *err);
int delete_attributes(struct aws_call *call, const void *in, json_t *out, struct sw_err *err);
int delete_capacity_provider(struct aws_call *call, const void *in, json_t *out,
                             struct sw_err *err);
int delete_cluster(struct aws_call *call, const void *in, json_t *out, struct sw_err *err);
int delete_task_definitions(struct aws_call *call, const void *in, json_t *out, struct sw_err *err);
int describe_capacity_providers(struct aws_call *call, const void *in, json_t *out,
                                struct sw_err *err);
int execute_command(struct aws_call *call, const void *in, json_t *out, struct sw_err *err);
int get_task_protection(struct aws_call *call, const void *in, json_t *out, struct sw_err *err);
int list_account_settings(struct aws_call *call, const void *in, json_t *out, struct sw_err *err);
int list_attributes(struct aws_call *call, const void *in, json_t *out, struct sw_err *err);
int put_account_setting(struct aws_call *call, const void *in, json_t *out, struct sw_err *err);
int put_account_setting_default(struct aws_call *call, const void *in, json_t *out,
                                struct sw_err *err);
int put_attributes(struct aws_call *call, const void *in, json_t *out, struct sw_err *err);
int put_cluster_capacity_providers(struct aws_call *call, const void *in, json_t *out,
                                   struct sw_err *err);
int start_task(struct aws_call *call, const void *in, json_t *out, struct sw_err *err);
int submit_attachment_state_changes(struct aws_call *call, const void *in, json_t *out,
                                    struct sw_err *err);
int submit_container_state_change(struct aws_call *call, const void *in, json_t *out,
                                  struct sw_err *err);
int update_capacity_provider(struct aws_call *call, const void *in, json_t *out,
                             struct sw_err *err);
int update_cluster(struct aws_call *call, const void *in, json_t *out, struct sw_err *err);
int update_cluster_settings(struct aws_call *call, const void *in, json_t *out, struct sw_err *err);
int update_container_agent(struct aws_call *call, const void *in, json_t *out, struct sw_err *err);
int update_container_instances_state(struct aws_call *call, const void *in, json_t *out,
                                     struct sw_err *err);
int update_task_protection(struct aws_call *call, const void *in, json_t *out, struct sw_err *err);
