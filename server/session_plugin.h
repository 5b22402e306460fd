/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* server/session_plugin.h - session-manager-plugin: the program under another name is what `aws ecs execute-command` hands a session to,
 * for machines that do not have AWS's own plugin of that name. For sessions of slipway servers only. It is made by hand, a symbolic link
 * in the PATH: docs/internals/exec.md. The CLI's side of it: awscli, customizations/ecs/executecommand.py. */
#include <stdbool.h>

#define SESSION_PLUGIN_NAME "session-manager-plugin"

bool session_plugin_is_name(const char *argv0);
/* SESSION REGION StartSession PROFILE REQUEST ENDPOINT; SESSION is ExecuteCommand's `session` as JSON, or the name of an environment
 * variable that holds it. Exit status: 0 when the session came to its end, whatever the command's code was (the CLI takes any other for
 * a failure of its own); 1, 2 for a wrong call. */
int session_plugin_main(int argc, char **argv);
