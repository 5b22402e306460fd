/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* launcher/agent/log_sources.h - the containers of this instance whose lines go somewhere: to a log stream (awslogs) or to the journal
 * (journald). Threads: any. */
#include "launcher/agent/task_engine.h"
#include "launcher/model/log_config.h"

struct log_source {
    char *task_arn, *task_dir, *container; /* owned */
    char id[RUNTIME_ID_MAX + 1];           /* of the runtime */
    enum log_driver driver;
    bool blocking;
    int64_t buffer_bytes;
    int64_t away_bytes; /* what may wait besides, if it came while no agent ran */
    char *first_line;   /* owned; NULL: each line is an event */
    json_t *fields;     /* journald; owned */
    bool ended;         /* nothing more is written */
    bool stopping;      /* it was told to end, and is not held up any more */
};
/* *ret is owned by the caller: log_sources_free. */
void log_sources_list(struct task_engine *e, struct log_source **ret, size_t *ret_n);
void log_sources_free(struct log_source *list, size_t n);
/* Holds a container up that writes, or lets it go on. False: there is nothing to hold. */
bool log_sources_hold(struct task_engine *e, const char *id, bool on);
/* All lines of a container that ended are where they belong; it is listed no more once its task is over. */
void log_sources_done(struct task_engine *e, const char *task_arn, const char *container);
/* Whether that was said of all containers of a task whose lines go anywhere. With the task's lock held. */
struct task;
bool log_sources_are_done(const struct task *t);
/* By the task's thread, before images are pulled: makes the log streams of containers that have still to start, and sees whether
 * there is a journal. False: the control plane refuses one (the log group is missing), or there is none, so the task shall not start; why
 * is in it. A control plane that cannot be reached stops nothing. */
struct task;
bool log_sources_open(struct task *t);
/* Before a container is created from its bundle: writes there how many bytes one file of its output has (runtime.h), and which of its
 * variables go to the journal. */
int log_sources_prepare(const struct task *t, const char *container, const char *bundle,
                        struct sw_err *err);
/* Before what was created is started: from now on output that is lost unseen is noticed, were the agent killed at once (log_spool.h). */
void log_sources_begin(const struct task *t, const char *container);
