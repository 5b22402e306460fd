/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* launcher/api/agent_handlers.h - handlers of the agent's operations that lie outside agent_api.c, for its table. */
#include "launcher/api/ecs_internal.h"

int put_task_log_events(struct aws_call *call, const void *in, json_t *out, struct sw_err *err);
int get_task_credentials(struct aws_call *call, const void *in, json_t *out, struct sw_err *err);
int get_task_secrets(struct aws_call *call, const void *in, json_t *out, struct sw_err *err);
