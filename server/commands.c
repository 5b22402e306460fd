/* SPDX-License-Identifier: Apache-2.0 */
/* server/commands.c - help, version, and the nearest name for a command that does not exist. */
#include "server/commands.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>

#include "base/str.h"
#include "launcher/runtime/exec_process.h"
#include "server/cli.h"
#include "server/credential_helper.h"
#include "server/session_plugin.h"

static const struct cli_command *const commands[] = {
    &cli_up,     &cli_serve,  &cli_agent,     &cli_push,
    &cli_pull,   &cli_import, &cli_export,    &cli_get_login_password,
    &cli_run,    &cli_exec,   &cli_ps,        &cli_logs,
    &cli_stop,   &cli_repo,   &cli_quota,     &cli_lifecycle,
    &cli_user,   &cli_policy, &cli_robot,     &cli_oidc,
    &cli_gc,     &cli_fsck,   &cli_backup,    &cli_restore,
    &cli_cert,   &cli_debug,  &cli_placement, &cli_top,
    &cli_events,
};

static void print_help(FILE *f)
{
    fprintf(f, "slipway %s - a private container registry that also runs what it stores\n\n",
            SLIPWAY_VERSION);
    for (size_t i = 0; i < SW_ARRAY_LEN(commands); i++)
        fprintf(f, "  %-19s %s\n", commands[i]->name, commands[i]->summary);
    fprintf(f, "\nslipway COMMAND --help tells more. Example: %s\n", cli_up.example);
}

static void print_flags(const struct conf_table *t)
{
    for (size_t i = 0; i < t->n; i++) {
        const struct conf_key *k = &t->keys[i];
        char flag[64];
        int n = snprintf(flag, sizeof(flag), "--%s", k->name);
        for (int j = 0; j < n && j < (int)sizeof(flag); j++)
            if (flag[j] == '_')
                flag[j] = '-';
        printf("  %-26s %s%s%s%s\n", flag, k->help, k->def ? " (" : "", k->def ? k->def : "",
               k->def ? ")" : "");
    }
}

static int print_command_help(const struct cli_command *c)
{
    printf("slipway %s%s%s\n%s.\n", c->name, c->arguments[0] ? " " : "", c->arguments, c->summary);
    if (c->flags) {
        printf("\n");
        print_flags(c->flags);
    }
    printf("\nExample: %s\n", c->example);
    return 0;
}

static bool asks_for_help(int argc, char **argv)
{
    for (int i = 1; i < argc && !sw_streq(argv[i], "--"); i++)
        if (sw_streq(argv[i], "--help") || sw_streq(argv[i], "-h"))
            return true;
    return false;
}

static int unknown(const char *name)
{
    const char *names[SW_ARRAY_LEN(commands)];
    for (size_t i = 0; i < SW_ARRAY_LEN(commands); i++)
        names[i] = commands[i]->name;
    const char *near = sw_nearest_name(name, names, SW_ARRAY_LEN(names));
    if (near)
        fprintf(stderr, "slipway: no command '%s', did you mean '%s'?\n", name, near);
    else
        fprintf(stderr, "slipway: no command '%s'; slipway --help lists them\n", name);
    return CLI_USAGE;
}

/* What was printed has to arrive; a reader who has seen enough is told nothing. */
static int check_output(int status)
{
    errno = 0;
    if ((fflush(stdout) == 0 && !ferror(stdout)) || status != 0)
        return status;
    if (errno != EPIPE)
        fprintf(stderr, "slipway: standard output cannot be written\n");
    return CLI_FAILED;
}

int commands_main(int argc, char **argv)
{
    (void)signal(SIGPIPE, SIG_IGN);
    if (credential_helper_is_name(argv[0]))
        return credential_helper_main(argc, argv);
    if (session_plugin_is_name(argv[0]))
        return session_plugin_main(argc, argv);
    if (argc < 2 || sw_streq(argv[1], "--help") || sw_streq(argv[1], "-h") ||
        sw_streq(argv[1], "help")) {
        print_help(argc < 2 ? stderr : stdout);
        return argc < 2 ? CLI_USAGE : 0;
    }
    if (sw_streq(argv[1], "--version") || sw_streq(argv[1], "version")) {
        printf("slipway %s\n", SLIPWAY_VERSION);
        return 0;
    }
    if (sw_streq(argv[1], EXEC_MONITOR_COMMAND)) /* the agent's own, for nobody else */
        return exec_monitor_main(argc - 1, argv + 1);
    for (size_t i = 0; i < SW_ARRAY_LEN(commands); i++) {
        if (!sw_streq(commands[i]->name, argv[1]))
            continue;
        if (asks_for_help(argc - 1, argv + 1))
            return print_command_help(commands[i]);
        return check_output(commands[i]->run(argc - 1, argv + 1));
    }
    return unknown(argv[1]);
}
