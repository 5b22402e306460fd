/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* launcher/agent/task_env_files.h - environmentFiles: objects of S3, fetched with the credentials of the task's execution role.
 * Their contents are in memory, and in the config.json of a container while it lives. Internal to launcher/agent. Threads: by the
 * task's thread without its lock. */
#include "base/buf.h"
#include "launcher/agent/task_engine_internal.h"

#define ENV_FILE_MAX       (1024 * 1024)
#define ENV_FILE_LINES_MAX 10000

/* Before the images are pulled: waits for the files of containers that are to be started. False: the task shall not start; why is in
 * it. */
bool task_get_env_files(struct task *t);
/* Pure: the lines NAME=VALUE of one file added to a list of them, NULL-terminated and owned. Empty lines and those that begin with # are
 * none; nothing is replaced, quoted or continued; a name that is there already stays as it is. SW_EINVALID for a NUL or too many. */
int env_file_parse(struct sw_str text, char ***list, struct sw_err *err);
