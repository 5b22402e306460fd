/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* launcher/agent/log_shipper.h - sends the lines of containers with the driver awslogs to the control plane, which puts them into
 * their log streams, and those with the driver journald to the journal. The container's files are the buffer. In the mode blocking a
 * container whose output is not read fast enough is held up; in the other one what exceeds max-buffer-size is left out and counted.
 * Promise: every other line is sent until the control plane has it durably, and the control plane leaves out what it has; so restarts
 * of either side lose and double nothing, as long as the file was not begun anew twice without an agent and the task's folder is there.
 * The journal gives no answer: what was sent when the agent was killed may be sent again.
 * Containers take turns, one batch each. What the control plane refuses (the log group is missing) is tried again every so often.
 * Threads: any; two of its own. */
#include "launcher/agent/task_engine.h"

struct log_shipper_options {
    struct task_engine *engine; /* borrowed, outlives it */
    const char *cluster;
    /* Sends one batch: input of PutTaskLogEvents. */
    int (*put)(void *ctx, const json_t *in, struct sw_err *err);
    void *ctx;
    int64_t look_ms;            /* 0: 200 */
    const char *journal_socket; /* NULL: the system's */
};
struct log_shipper;
int log_shipper_new(const struct log_shipper_options *o, struct log_shipper **ret,
                    struct sw_err *err);
/* Nothing is sent before the instance has a name. */
void log_shipper_set_instance(struct log_shipper *s, const char *instance_arn);
/* Waits until all that is there was sent, at most so long. */
void log_shipper_drain(struct log_shipper *s, int64_t timeout_ms);
void log_shipper_free(struct log_shipper *s); /* NULL ok */
