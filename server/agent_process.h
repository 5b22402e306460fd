/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* server/agent_process.h - the agent as a child of `slipway up`. */
#include <signal.h>
#include <sys/types.h>

#include "base/err.h"
#include "server/config.h"

/* Asks a supervised agent to stop its tasks before it ends; SIGTERM leaves them running. */
#define AGENT_SIGNAL_STOP_TASKS SIGUSR2

/* Starts `slipway agent` for this server, in a process group of its own. */
int agent_process_start(const struct server_config *c, const char *data_dir, const char *endpoint,
                        const char *credentials, pid_t *ret, struct sw_err *err);
