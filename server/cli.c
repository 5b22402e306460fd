/* SPDX-License-Identifier: Apache-2.0 */
/* server/cli.c - what the commands share. */
#include "server/cli.h"

#include <stdio.h>

#include "base/alloc.h"

int cli_run_verb(const struct cli_command *c, int argc, char **argv, void *target,
                 int (*verb)(struct client *client, const void *target, int argc, char **argv,
                             struct sw_err *err))
{
    struct client client = {0};
    struct sw_err err = SW_ERR_INIT;
    int status = cli_parse(c, &argc, argv, target, 1, 2);
    if (status == 0)
        status = cli_open(target, &client);
    if (status == 0) {
        int r = verb(&client, target, argc, argv, &err);
        status = r < 0 ? cli_fail(&err) : r;
        if (r == CLI_USAGE)
            fprintf(stderr, "usage: slipway %s %s\n", c->name, c->arguments);
    }
    client_close(&client);
    conf_free(c->flags, target);
    return status;
}

int cli_fail(const struct sw_err *err)
{
    if (err->reason)
        fprintf(stderr, "slipway: %s: %s\n", err->reason, err->msg);
    else
        fprintf(stderr, "slipway: %s\n", err->msg);
    return CLI_FAILED;
}

int cli_parse(const struct cli_command *c, int *argc, char **argv, void *target, int min, int max)
{
    struct sw_err err = SW_ERR_INIT;
    if (c->flags && (conf_defaults(c->flags, target, &err) < 0 ||
                     conf_load_flags(c->flags, argc, argv, target, &err) < 0)) {
        fprintf(stderr, "slipway %s: %s\n", c->name, err.msg);
        return CLI_USAGE;
    }
    int positionals = *argc - 1;
    if (positionals < min || (max >= 0 && positionals > max)) {
        fprintf(stderr, "usage: slipway %s %s\n", c->name, c->arguments);
        return CLI_USAGE;
    }
    return 0;
}

int cli_open(const struct cli_common *o, struct client *ret)
{
    struct client_options options = {.endpoint = o->endpoint,
                                     .data_dir = o->data,
                                     .credentials_file = o->credentials,
                                     .region = o->region,
                                     .ca_file = o->ca_file,
                                     .profile = o->profile};
    struct sw_err err = SW_ERR_INIT;
    return client_open(&options, ret, &err) < 0 ? cli_fail(&err) : 0;
}

char *cli_text(const char *s)
{
    char *out = sw_strdup(s);
    for (char *c = out; *c; c++) {
        bool c1 = (unsigned char)c[0] == 0xc2 && ((unsigned char)c[1] & 0xe0) == 0x80;
        if (!c1 && (unsigned char)*c >= ' ' && *c != 0x7f)
            continue;
        *c = '?';
        if (c1)
            *++c = '?';
    }
    return out;
}
