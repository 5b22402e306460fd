/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* server/policies.h - the folder of policy files of a server: where it is, and taking it up at the start and on SIGHUP. Every problem
 * is logged with its file, line and column; then the server does not start, or goes on with what it had. */
#include "auth/policy_files.h"
#include "server/config.h"

/* The key `policies`; else `policies` beside the configuration file that --config names; else `policies` in the data folder. NULL:
 * it was not configured and is not there. The caller's. */
char *policies_folder(const struct server_config *c, const char *data_dir);
/* fn NULL: problems are logged. A NULL folder is an empty one. */
int policies_load(struct identity *d, const char *folder, const char *account,
                  policy_problem_fn *fn, void *ctx, struct sw_err *err);
