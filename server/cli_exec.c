/* SPDX-License-Identifier: Apache-2.0 */
/* server/cli_exec.c - slipway exec TASK -- COMMAND...: runs a command in a container of a task that was started with
 * enableExecuteCommand, with this terminal or with pipes, and exits with its code. 125: it was not begun; 255: the connection was lost. */
#include <stdio.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/json.h"
#include "launcher/model/exec_message.h"
#include "server/cli.h"
#include "server/exec_client.h"

#define NOT_BEGUN 125

struct options {
    struct cli_common common;
    char *cluster, *container, *tty;
};

static const char *const tty_values[] = {"auto", "yes", "no", NULL};
/* clang-format off */
static const struct conf_key keys[] = {
    CLI_COMMON_KEYS,
    {"cluster", CONF_STRING, offsetof(struct options, cluster), "default", 0, 0, NULL, "cluster of the task"},
    {"container", CONF_STRING, offsetof(struct options, container), NULL, 0, 0, NULL, "which container, when the task has several"},
    {"tty", CONF_ENUM, offsetof(struct options, tty), "auto", 0, 0, tty_values, "a terminal for the command: auto (when this is one), yes or no; -it is yes"},
};
/* clang-format on */
static const struct conf_table flags = {keys, SW_ARRAY_LEN(keys), ""};

/* -it, -t and -i as docker's users type them. Owned list of borrowed words; standard input is always passed on. */
static char **spell_out(int *argc, char **argv)
{
    static char tty[] = "--tty=yes";
    char **out = sw_calloc((size_t)*argc + 1, sizeof *out);
    int n = 0;
    bool done = false;
    for (int i = 0; i < *argc; i++) {
        const char *a = argv[i];
        bool short_t = sw_streq(a, "-it") || sw_streq(a, "-ti") || sw_streq(a, "-t");
        done = done || sw_streq(a, "--");
        if (!done && sw_streq(a, "-i"))
            continue;
        out[n++] = !done && short_t ? tty : argv[i];
    }
    *argc = n;
    return out;
}

static int choose_tty(const struct options *o, bool *ret, struct sw_err *err)
{
    bool here = isatty(STDIN_FILENO), prints = isatty(STDOUT_FILENO);
    *ret = sw_streq(o->tty, "yes") || (sw_streq(o->tty, "auto") && here && prints);
    if (*ret && !here)
        return sw_fail(err, SW_EINVALID, NULL,
                       "standard input is no terminal: leave -t (--tty yes) out");
    return 0;
}

static int execute(struct client *client, const struct options *o, const char *task,
                   const char *const *words, int *ret_status, struct sw_err *err)
{
    struct exec_client_options run = {.tty = false};
    sw_autojson json_t *out = NULL;
    sw_autofree char *command = exec_command_join(words);
    sw_autojson json_t *in = json_pack("{s:s, s:s, s:s, s:b}", "cluster", o->cluster, "task", task,
                                       "command", command, "interactive", 1);
    *ret_status = NOT_BEGUN;
    sw_json_set_str(in, "container", o->container);
    int r = choose_tty(o, &run.tty, err);
    if (r < 0 || (r = client_call(client, TARGET_ECS ".ExecuteCommand", in, 0, &out, err)) < 0)
        return r;
    run.session = sw_json_object(out, "session");
    return exec_client_run(client, &run, ret_status, err);
}

static int run(int argc, char **argv)
{
    struct options o = {0};
    struct client client = {0};
    struct sw_err err = SW_ERR_INIT;
    sw_autofree char **words = spell_out(&argc, argv);
    int status = cli_parse(&cli_exec, &argc, words, &o, 2, -1);
    if (status == 0) {
        status = cli_open(&o.common, &client);
        words[argc] = NULL;
        if (status == 0 &&
            execute(&client, &o, words[1], (const char *const *)words + 2, &status, &err) < 0)
            (void)cli_fail(&err);
    }
    client_close(&client);
    conf_free(&flags, &o);
    return status;
}

const struct cli_command cli_exec = {
    .name = "exec",
    .arguments = "[-it] TASK [--container NAME] -- COMMAND...",
    .summary = "Run a command in a container of a running task",
    .example = "slipway exec -it 0123456789abcdef0123456789abcdef -- sh -c 'ls -l /'",
    .flags = &flags,
    .run = run,
};
