/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* launcher/agent/task_roles.h - a task's roles: credentials before it starts and while it runs, the registry password of its
 * execution role, and the environment that tells containers where to ask.
 * Internal to launcher/agent. Threads: task_get_roles by the task's thread without its lock; task_queue_credentials with it. */
#include "launcher/agent/task_engine_internal.h"

#define TASK_ENDPOINT "http://169.254.170.2"

/* Before the images are pulled: waits for what the task needs. False: it shall not start; why is in the task. */
bool task_get_roles(struct task *t);
/* Renews in the background when it is time. */
void task_queue_credentials(struct task *t);
/* "NAME=value", NULL-terminated, owned: what the agent says whatever image and definition say, and what they may replace. */
char **task_container_environment(const struct task *t, size_t container);
char **task_container_defaults(const struct task *t);
