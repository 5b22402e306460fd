/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* server/agent_process.h - the agent as a child of `slipway up`. */
#include <signal.h>
#include <sys/types.h>

#include "base/err.h"
#include "server/config.h"

/* Asks a supervised agent to stop its tasks before it ends; SIGTERM leaves them running. */
#define AGENT_SIGNAL_STOP_TASKS SIGUSR2

/* Signals that the agent takes by waiting for them. */
void agent_process_signals(sigset_t *ret);
/* Whether it may be started: not when its folder is registered in another cluster (SW_ECONFLICT), for it would end at once. */
int agent_process_check(const struct server_config *c, const char *data_dir, struct sw_err *err);
/* Starts `slipway agent` for this server, in a process group of its own. Its signals are blocked from the start, so that one which
 * comes before it listens is not lost and does not kill it. */
int agent_process_start(const struct server_config *c, const char *data_dir, const char *endpoint,
                        const char *credentials, pid_t *ret, struct sw_err *err);
