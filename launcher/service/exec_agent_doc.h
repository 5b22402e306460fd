/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* launcher/service/exec_agent_doc.h - `managedAgents` of the containers of a task whose commands may be executed. There is no agent in the
 * container; what the member says is whether a command can be run in it now. Values only. */
#include <jansson.h>
#include <stdint.h>

/* Makes the member agree with the container's status; nothing for a task without enableExecuteCommand. */
void exec_agent_doc_follow(json_t *task, int64_t now_us);
