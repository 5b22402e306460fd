/* SPDX-License-Identifier: Apache-2.0 */
/* server/cli_debug.c - slipway debug schema: every AWS operation's tables as JSON, for tests and for people. */
#include <stdio.h>

#include "auth/api/iam.h"
#include "base/json.h"
#include "launcher/api/ecs.h"
#include "registry/api/ecr.h"
#include "server/admin_api.h"
#include "server/cli.h"
#include "server/registry_admin.h"

static json_t *describe(const struct aws_service *s)
{
    json_t *operations = json_object(), *service = json_object(), *missing = json_array();
    for (size_t i = 0; i < s->ops_n; i++) {
        json_t *op = json_object();
        sw_json_set_str(op, "action", s->ops[i].action);
        sw_json_set_new(op, "input", schema_describe(s->ops[i].in));
        sw_json_set_new(op, "output", schema_describe(s->ops[i].out));
        sw_json_set_new(operations, s->ops[i].name, op);
    }
    for (size_t i = 0; s->unimplemented && s->unimplemented[i]; i++)
        json_array_append_new(missing, json_string(s->unimplemented[i]));
    sw_json_set_str(service, "signingName", s->signing_name);
    sw_json_set_new(service, "operations", operations);
    sw_json_set_new(service, "unimplemented", missing);
    return service;
}

static int run(int argc, char **argv)
{
    if (argc != 2 || !sw_streq(argv[1], "schema")) {
        fprintf(stderr, "usage: slipway debug %s\n", cli_debug.arguments);
        return CLI_USAGE;
    }
    struct ecr_api_options ecr_options = {.account = "000000000000"};
    struct ecs_api_options ecs_options = {0};
    struct admin_api admin = {0};
    struct ecr_api *ecr = ecr_api_new(&ecr_options);
    struct ecs_api *ecs = ecs_api_new(&ecs_options);
    struct iam_api_options iam_options = {0};
    struct iam_api *iam = iam_api_new(&iam_options);
    const struct aws_service services[] = {
        *ecr_aws_service(ecr), ecs_aws_service(ecs),      agent_aws_service(ecs),
        iam_aws_service(iam),  admin_aws_service(&admin), registry_admin_aws_service(NULL)};
    sw_autojson json_t *all = json_object();
    for (size_t i = 0; i < SW_ARRAY_LEN(services); i++)
        sw_json_set_new(all, services[i].target_prefix, describe(&services[i]));
    sw_autofree char *text = sw_json_dump(all);
    printf("%s\n", text);
    ecr_api_free(ecr);
    ecs_api_free(ecs);
    iam_api_free(iam);
    return 0;
}

const struct cli_command cli_debug = {
    .name = "debug",
    .arguments = "schema",
    .summary = "Print the tables of all AWS operations as JSON",
    .example = "slipway debug schema | jq keys",
    .flags = NULL,
    .run = run,
};
