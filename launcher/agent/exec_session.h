/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* launcher/agent/exec_session.h - one session, on a thread of its own: between a WebSocket connection and a process in a container.
 * Internal to exec_sessions.c. */
#include "launcher/agent/exec_sessions.h"

struct exec_session_run {
    const struct agent_execs_options *o;
    const json_t *request;
    const char *dir; /* an empty folder for the process */
    int stop_fd;     /* readable: end */
};
/* Returns when the session is over. An error was told to the client too, as far as it could be. */
int exec_session_run(const struct exec_session_run *run, struct sw_err *err);
