/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* launcher/agent/log_followers.h - answers the requests for logs that came with a poll. However many wait for output that is not there
 * yet, one thread looks for it; answers are sent by a small pool, so a slow control plane delays no look.
 * Threads: add and free from one; `submit` is called from several. */
#include "launcher/agent/task_engine.h"

struct log_followers_options {
    struct task_engine *engine; /* borrowed, outlives it */
    const char *cluster;
    /* Sends one answer: input of SubmitLogs. */
    int (*submit)(void *ctx, const json_t *in, struct sw_err *err);
    void *ctx;
};
struct log_followers;
int log_followers_new(const struct log_followers_options *o, struct log_followers **ret,
                      struct sw_err *err);
/* One of PollTasks' logRequests, sent to that instance. Never waits. */
void log_followers_add(struct log_followers *f, const char *instance_arn, const json_t *request);
/* Those that wait are answered with what there is. NULL ok. */
void log_followers_free(struct log_followers *f);
