/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* server/exec_client.h - streams of ExecuteCommand from our own side: the agent's connections, and the client of `slipway exec`. */
#include <jansson.h>

#include "base/websocket_client.h"
#include "server/client.h"

/* A connection to a path of the server ("/v1/data-channel/..."), or to a URL. */
int exec_client_open(struct client *c, const char *path_or_url, struct ws_client **ret,
                     struct sw_err *err);

struct exec_client_options {
    const json_t *session; /* of ExecuteCommand's answer */
    bool tty;              /* standard input is a terminal, and is one there */
};
/* Joins the session and moves standard input, output and error until it ends. *ret_code: the command's exit code. */
int exec_client_run(struct client *c, const struct exec_client_options *o, int *ret_code,
                    struct sw_err *err);
