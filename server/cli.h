/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* server/cli.h - the command line: one table of commands, each with its own table of flags.
 * Exit status: 0 done, 1 it failed (one line on standard error says why), 2 the command line was wrong. */
#include <stddef.h>

#include "base/conf.h"
#include "base/err.h"
#include "base/macros.h"
#include "server/client.h"

#define CLI_FAILED 1
#define CLI_USAGE  2

struct cli_command {
    const char *name;
    const char *arguments; /* after the name, for the usage line */
    const char *summary;
    const char *example;
    const struct conf_table *flags;    /* shown by --help; NULL: none */
    int (*run)(int argc, char **argv); /* argv[0] is the command's name */
};

/* Flags of every command that talks to a server; first member of the command's own structure. */
struct cli_common {
    char *endpoint, *data, *credentials, *region, *ca_file, *profile;
};
/* clang-format off */
#define CLI_COMMON_KEYS                                                                                                       \
    {"data", CONF_STRING, offsetof(struct cli_common, data), NULL, 0, 0, NULL, "data folder of a server on this machine"},     \
    CLI_SERVER_KEYS
#define CLI_SERVER_KEYS                                                                                                       \
    {"endpoint", CONF_STRING, offsetof(struct cli_common, endpoint), NULL, 0, 0, NULL, "server, as http://HOST:PORT"},         \
    {"credentials", CONF_STRING, offsetof(struct cli_common, credentials), NULL, 0, 0, NULL, "AWS shared credentials file"},   \
    {"region", CONF_STRING, offsetof(struct cli_common, region), NULL, 0, 0, NULL, "region to sign for"},                      \
    {"ca_file", CONF_STRING, offsetof(struct cli_common, ca_file), NULL, 0, 0, NULL, "certificate authority for https, PEM"},  \
    {"profile", CONF_STRING, offsetof(struct cli_common, profile), NULL, 0, 0, NULL, "profile in the credentials file"}
/* clang-format on */

/* Reads the flags into target, then checks that between min and max positionals are left (max < 0: any). Returns 0, or the exit
 * status after having said what is wrong. */
int cli_parse(const struct cli_command *c, int *argc, char **argv, void *target, int min, int max);
/* Opens the client that the flags describe; 0 or the exit status. */
int cli_open(const struct cli_common *o, struct client *ret);
/* Prints "slipway: text" on standard error and returns CLI_FAILED. */
int cli_fail(const struct sw_err *err);

/* A copy to show on a terminal, without control characters (ECMA-48): others may have chosen the text. */
char *cli_text(const char *s);

/* A command of verbs: parses (1 or 2 positionals) into target, whose first member is a struct cli_common, opens the client, runs
 * `verb` with the positionals from argv[1] on, and frees. `verb` returns CLI_USAGE when they are no verb of the command's, which
 * the usage line then says. */
int cli_run_verb(const struct cli_command *c, int argc, char **argv, void *target,
                 int (*verb)(struct client *client, const void *target, int argc, char **argv,
                             struct sw_err *err));

extern const struct cli_command cli_up, cli_serve, cli_agent, cli_run, cli_ps, cli_logs, cli_stop,
    cli_push, cli_pull, cli_get_login_password, cli_user, cli_repo, cli_cert, cli_gc, cli_fsck,
    cli_backup, cli_restore, cli_export, cli_import, cli_quota, cli_lifecycle, cli_robot, cli_oidc,
    cli_policy, cli_debug;
extern const struct cli_command cli_placement, cli_top, cli_events, cli_exec;
