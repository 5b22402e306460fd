/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* launcher/agent/exec_sessions.h - commands that are executed in this machine's containers (ExecuteCommand): for each the agent opens a
 * connection to the control plane, shakes hands with the client behind it, and moves bytes until the command, the container, the client
 * or the agent ends. See docs/internals/exec.md.
 * Threads: one a session, at most AGENT_EXECS_MAX; add from one thread, free when nobody adds any more. */
#include "base/websocket_client.h"
#include "launcher/agent/task_engine.h"

#define AGENT_EXECS_MAX 48 /* more than the control plane lets in: some are still ending */

struct agent_execs_options {
    struct task_engine *engine; /* borrowed, outlives it */
    const struct runtime *runtime;
    const char *data_dir;
    int (*open_stream)(void *ctx, const char *path, struct ws_client **ret, struct sw_err *err);
    void *ctx;
};
struct agent_execs;
int agent_execs_new(const struct agent_execs_options *o, struct agent_execs **ret,
                    struct sw_err *err);
/* One of PollTasks' execRequests; one that was taken before is nothing. Never waits. */
void agent_execs_add(struct agent_execs *t, const json_t *request);
void agent_execs_free(struct agent_execs *t); /* ends them all; NULL ok */
