/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* server/policies.h - the folder of policy files of a server: where it is, and taking it up at the start and on SIGHUP. Every problem
 * is logged with its file, line and column; then the server does not start, or goes on with what it had. */
#include "auth/policy_files.h"
#include "server/config.h"

struct policies {
    char *folder;
    bool required; /* it was configured; else it may be missing, which is as if it were empty */
    struct identity *directory;
    const char *account;
};
/* The folder: the key `policies`; else `policies` beside the configuration file that --config names, when that is there; else
 * `policies` in the data folder, which may come later. */
void policies_init(struct policies *p, const struct server_config *c, const char *data_dir,
                   struct identity *d, const char *account);
void policies_done(struct policies *p);
/* fn NULL: problems are logged. */
int policies_load(const struct policies *p, policy_problem_fn *fn, void *ctx, struct sw_err *err);
