/* SPDX-License-Identifier: Apache-2.0 */
#include "server/session_plugin.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/json.h"
#include "server/cli.h"
#include "server/exec_client.h"

/* The CLI compares: from 1.2.497.0 on it names an environment variable, whose value others do not see as they see arguments. */
#define LEVEL "1.2.500.0"

bool session_plugin_is_name(const char *argv0)
{
    const char *slash = argv0 ? strrchr(argv0, '/') : NULL;
    return sw_streq(slash ? slash + 1 : argv0, SESSION_PLUGIN_NAME);
}

static int attach(const char *text, const char *endpoint, struct sw_err *err)
{
    sw_autojson json_t *session = NULL;
    int code;
    if (sw_json_load(sw_str(text), 4, 64, NULL, &session, err) < 0)
        return err->code;
    size_t n = strlen(endpoint);
    n -= n > 0 && endpoint[n - 1] == '/';
    struct client c = {.endpoint = sw_strndup(endpoint, n),
                       .http =
                           httpc_new(&(struct httpc_options){.ca_file = getenv("AWS_CA_BUNDLE")})};
    const struct exec_client_options o = {.session = session,
                                          .tty = isatty(STDIN_FILENO) && isatty(STDOUT_FILENO)};
    int r = exec_client_run(&c, &o, &code, err);
    client_close(&c);
    return r;
}

int session_plugin_main(int argc, char **argv)
{
    struct sw_err err = SW_ERR_INIT;
    if (argc == 1) {
        printf("The Session Manager plugin of slipway is here. Use it through the AWS CLI:\n"
               "aws ecs execute-command --interactive --task TASK --container NAME --command sh\n");
        return 0;
    }
    if (argc == 2 && sw_streq(argv[1], "--version")) {
        printf(LEVEL "\n");
        return 0;
    }
    if (argc != 7 || !sw_streq(argv[3], "StartSession")) {
        fprintf(stderr, "usage: " SESSION_PLUGIN_NAME
                        " SESSION REGION StartSession PROFILE REQUEST ENDPOINT\n");
        return CLI_USAGE;
    }
    const char *text = argv[1][0] == '{' ? argv[1] : getenv(argv[1]);
    if (!text) {
        fprintf(stderr, SESSION_PLUGIN_NAME ": the environment variable %s is not set\n", argv[1]);
        return CLI_USAGE;
    }
    return attach(text, argv[6], &err) < 0 ? cli_fail(&err) : 0;
}
