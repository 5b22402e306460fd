/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* launcher/agent/task_secrets.h - values of the secrets that a task's containers name.
 * And of repositoryCredentials. They are in memory, and in the config.json of a container while it lives; never in the task's file, a report or a log.
 * Internal to launcher/agent. Threads: by the task's thread without its lock. */
#include "launcher/agent/task_engine_internal.h"

/* Before the images are pulled: waits for the values, if a container that is to be started names any. False: the task shall not
 * start; why is in it. */
bool task_get_secrets(struct task *t);
/* Adds the container's to an environment of "NAME=value", NULL-terminated and owned. */
void task_add_secrets(const struct task *t, size_t container, char ***env);
/* The header for the registry of the container's image, "Basic ..."; NULL: its definition names no repositoryCredentials. Owned. */
char *task_pull_credentials(const struct task *t, size_t container);
