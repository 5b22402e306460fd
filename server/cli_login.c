/* SPDX-License-Identifier: Apache-2.0 */
/* server/cli_login.c - slipway get-login-password. */
#include <stdio.h>

#include "server/cli.h"

static const struct conf_key keys[] = {CLI_COMMON_KEYS};
static const struct conf_table flags = {keys, SW_ARRAY_LEN(keys), ""};

static int run(int argc, char **argv)
{
    struct cli_common o = {0};
    struct client client = {0};
    char password[TOKEN_MAX];
    struct sw_err err = SW_ERR_INIT;
    int status = cli_parse(&cli_get_login_password, &argc, argv, &o, 0, 0);
    if (status == 0)
        status = cli_open(&o, &client);
    if (status == 0 && client_registry_password(&client, password, NULL, &err) < 0)
        status = cli_fail(&err);
    if (status == 0)
        printf("%s\n", password);
    client_close(&client);
    conf_free(&flags, &o);
    return status;
}

const struct cli_command cli_get_login_password = {
    .name = "get-login-password",
    .arguments = "[--endpoint URL]",
    .summary = "Print a registry password, like aws ecr get-login-password",
    .example =
        "slipway get-login-password | docker login --username AWS --password-stdin 127.0.0.1:5000",
    .flags = &flags,
    .run = run,
};
