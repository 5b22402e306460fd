/* SPDX-License-Identifier: Apache-2.0 */
/* server/cli_debug.c - slipway debug schema: every AWS operation's tables as JSON, for tests and for people; slipway debug
 * operations: docs/operations.md. */
#include <stdio.h>
#include <string.h>

#include "auth/api/iam.h"
#include "auth/api/sts.h"
#include "base/json.h"
#include "launcher/api/ecs.h"
#include "launcher/api/logs.h"
#include "launcher/api/secretsmanager.h"
#include "launcher/api/ssm.h"
#include "registry/api/ecr.h"
#include "server/admin_api.h"
#include "server/cli.h"
#include "server/cli_debug_sigv4.h"
#include "server/identity_admin.h"
#include "server/policy_admin.h"
#include "server/registry_admin.h"

static json_t *describe(const struct aws_service *s)
{
    json_t *operations = json_object(), *service = json_object(), *missing = json_array();
    for (size_t i = 0; i < s->ops_n; i++) {
        json_t *op = json_object();
        sw_json_set_str(op, "action", s->ops[i].action);
        sw_json_set_new(op, "input", schema_describe(s->ops[i].in));
        if (s->ops[i].out)
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

static const struct aws_op_note *note_of(const struct aws_service *s, const char *name)
{
    for (const struct aws_op_note *n = s->notes; n && n->name; n++)
        if (sw_streq(n->name, name))
            return n;
    return NULL;
}

/* docs/operations.md is this, word for word. */
static void print_service(const struct aws_service *s)
{
    size_t i = 0, missing = 0;
    bool own_service = s->target_prefix && strncmp(s->target_prefix, "Slipway", 7) == 0;
    printf("\n## %s\n\n", own_service ? s->target_prefix : s->signing_name);
    if (own_service)
        printf("Slipway's own, signed for %s. ", s->signing_name);
    printf("%s `%s`. ", s->protocol == AWS_QUERY ? "Query, version" : "AWS JSON 1.1, target",
           s->protocol == AWS_QUERY ? s->api_version : s->target_prefix);
    while (s->unimplemented && s->unimplemented[missing])
        missing++;
    printf("%zu operations, %zu of them not implemented.\n\n", s->ops_n + missing, missing);
    static const char *const states[] = {[AWS_OP_STORED] = "stored only",
                                         [AWS_OP_REFUSED] = "refused",
                                         [AWS_OP_EMPTY] = "always empty"};
    printf("| operation | state | remark |\n|---|---|---|\n");
    for (size_t m = 0; i < s->ops_n || m < missing;) {
        bool own =
            m == missing || (i < s->ops_n && strcmp(s->ops[i].name, s->unimplemented[m]) < 0);
        const char *name = own ? s->ops[i++].name : s->unimplemented[m++];
        const struct aws_op_note *note = own ? note_of(s, name) : NULL;
        printf("| %s | %s | %s |\n", name,
               !own   ? "not implemented"
               : note ? states[note->status]
                      : "implemented",
               note ? note->text : "");
    }
}

static void print_operations(const struct aws_service *services, size_t n)
{
    fputs("# Operations\n\n"
          "Every operation of the AWS services that slipway answers, as `slipway debug operations` "
          "prints it from the tables\n"
          "that requests are validated with.\n\n"
          "- *implemented*: what it accepts has its effect\n"
          "- *stored only*: validated, kept and given back; the remark says what does not follow\n"
          "- *refused*: validated, then refused with `UnsupportedFeatureException` for the feature "
          "in the remark\n"
          "- *always empty*: answers as if the feature had never been used\n"
          "- *not implemented*: refused by its name alone\n\n"
          "Members that an operation refuses are in `slipway debug schema`.\n",
          stdout);
    for (size_t i = 0; i < n; i++)
        print_service(&services[i]);
}

static void print_schema(const struct aws_service *services, size_t n)
{
    sw_autojson json_t *all = json_object();
    for (size_t i = 0; i < n; i++)
        sw_json_set_new(
            all, services[i].target_prefix ? services[i].target_prefix : services[i].signing_name,
            describe(&services[i]));
    sw_autofree char *text = sw_json_dump(all);
    printf("%s\n", text);
}

static int run(int argc, char **argv)
{
    if (argc >= 2 && sw_streq(argv[1], "sigv4"))
        return debug_sigv4_run(argc - 1, argv + 1);
    bool operations = argc == 2 && sw_streq(argv[1], "operations");
    if (!operations && (argc != 2 || !sw_streq(argv[1], "schema"))) {
        fprintf(stderr, "usage: slipway debug %s\n", cli_debug.arguments);
        return CLI_USAGE;
    }
    struct ecr_api_options ecr_options = {.account = "000000000000"};
    struct ecs_api_options ecs_options = {0};
    struct admin_api admin = {0};
    struct identity_admin identity_admin = {0};
    struct policy_admin policy_admin = {0};
    struct ecr_api *ecr = ecr_api_new(&ecr_options);
    struct ecs_api *ecs = ecs_api_new(&ecs_options);
    struct logs_api_options logs_options = {0};
    struct logs_api *logs = logs_api_new(&logs_options);
    struct iam_api_options iam_options = {0};
    struct iam_api *iam = iam_api_new(&iam_options);
    struct sts_api_options sts_options = {0};
    struct sts_api *sts = sts_api_new(&sts_options);
    const struct aws_service services[] = {*ecr_aws_service(ecr),
                                           *ecr_public_aws_service(ecr),
                                           ecs_aws_service(ecs),
                                           agent_aws_service(ecs),
                                           logs_aws_service(logs),
                                           secretsmanager_aws_service(ecs),
                                           ssm_aws_service(ecs),
                                           iam_aws_service(iam),
                                           sts_aws_service(sts),
                                           admin_aws_service(&admin),
                                           identity_admin_aws_service(&identity_admin),
                                           policy_admin_aws_service(&policy_admin),
                                           registry_admin_aws_service(NULL)};
    (operations ? print_operations : print_schema)(services, SW_ARRAY_LEN(services));
    ecr_api_free(ecr);
    logs_api_free(logs);
    ecs_api_free(ecs);
    iam_api_free(iam);
    sts_api_free(sts);
    return 0;
}

const struct cli_command cli_debug = {
    .name = "debug",
    .arguments = "schema | operations | sigv4 [REQUEST-ID] [--request FILE]",
    .summary = "Print the tables of all AWS operations, or why a server refused a signature",
    .example = "slipway debug schema | jq keys",
    .flags = NULL,
    .run = run,
};
