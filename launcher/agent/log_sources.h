/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* launcher/agent/log_sources.h - the containers of this instance whose lines go to a log stream: those with the driver awslogs.
 * Threads: any. */
#include "launcher/agent/task_engine.h"

struct log_source {
    char *task_arn, *task_dir, *container; /* owned */
    bool ended;                            /* nothing more is written */
};
/* *ret is owned by the caller: log_sources_free. */
void log_sources_list(struct task_engine *e, struct log_source **ret, size_t *ret_n);
/* By the task's thread, before images are pulled: makes the log streams of containers that have still to start. False: the control
 * plane refuses one (the log group is missing), so the task shall not start; why is in it. A control plane that cannot be reached stops
 * nothing. */
struct task;
bool log_sources_open(struct task *t);
void log_sources_free(struct log_source *list, size_t n);
