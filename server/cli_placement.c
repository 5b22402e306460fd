/* SPDX-License-Identifier: Apache-2.0 */
/* server/cli_placement.c - slipway placement explain: where a task would go, and why not elsewhere. */
#include <inttypes.h>
#include <stdio.h>

#include "base/alloc.h"
#include "base/json.h"
#include "launcher/model/agent_protocol.h"
#include "server/cli.h"
#include "server/task_client.h"

struct options {
    struct cli_common common;
    char *cluster, *group, *strategy, *constraint, *launch_type;
    int64_t count;
    bool distinct;
};

#define OFF(member) offsetof(struct options, member)
/* clang-format off */
static const struct conf_key keys[] = {
    CLI_COMMON_KEYS,
    {"cluster", CONF_STRING, OFF(cluster), "default", 0, 0, NULL, "cluster to place in"},
    {"count", CONF_INT, OFF(count), "1", 1, 10, NULL, "tasks; the last one is explained"},
    {"group", CONF_STRING, OFF(group), NULL, 0, 0, NULL, "whose tasks are counted; else family:FAMILY"},
    {"strategy", CONF_STRING, OFF(strategy), NULL, 0, 0, NULL, "as spread:attribute:ecs.availability-zone,binpack:memory"},
    {"constraint", CONF_STRING, OFF(constraint), NULL, 0, 0, NULL, "memberOf expression, as 'attribute:stack == prod'"},
    {"launch_type", CONF_STRING, OFF(launch_type), NULL, 0, 0, NULL, "EC2, EXTERNAL or FARGATE; default the cluster's strategy, else EC2"},
    {"distinct", CONF_BOOL, OFF(distinct), "false", 0, 0, NULL, "with the constraint distinctInstance"},
};
/* clang-format on */
static const struct conf_table flags = {keys, SW_ARRAY_LEN(keys), ""};

static json_t *strategies(const char *text)
{
    json_t *list = json_array();
    struct sw_str rest = sw_str(text), part, type;
    while (text && sw_str_split(&rest, ',', &part)) {
        part = sw_str_trim(part);
        if (!sw_str_split(&part, ':', &type))
            continue;
        json_t *o = json_object();
        sw_json_set_new(o, "type", json_stringn(type.p, type.n));
        if (part.p)
            sw_json_set_new(o, "field", json_stringn(part.p, part.n));
        json_array_append_new(list, o);
    }
    return list;
}

static json_t *constraints(const struct options *o)
{
    json_t *list = json_array();
    if (o->distinct)
        json_array_append_new(list, json_pack("{s:s}", "type", "distinctInstance"));
    if (o->constraint)
        json_array_append_new(
            list, json_pack("{s:s, s:s}", "type", "memberOf", "expression", o->constraint));
    return list;
}

static void print_verdict(const json_t *v)
{
    printf("%-32s  %-11s  %5" PRId64 "  %s\n",
           task_id_of(sw_json_str(v, "containerInstanceArn", "")), sw_json_str(v, "verdict", ""),
           sw_json_int(v, "tasks", 0), sw_json_str(v, "text", ""));
}

static int explain(struct client *c, const struct options *o, const char *definition,
                   struct sw_err *err)
{
    sw_autojson json_t *out = NULL;
    sw_autojson json_t *in =
        json_pack("{s:s, s:s, s:I, s:o, s:o}", "cluster", o->cluster, "taskDefinition", definition,
                  "count", (json_int_t)o->count, "placementStrategy", strategies(o->strategy),
                  "placementConstraints", constraints(o));
    sw_json_set_str(in, "group", o->group);
    sw_json_set_str(in, "launchType", o->launch_type);
    int r = client_call(c, AGENT_TARGET_PREFIX ".ExplainPlacement", in, 0, &out, err);
    if (r < 0)
        return r;
    const json_t *v;
    size_t i;
    printf("%-32s  %-11s  %5s  %s\n", "INSTANCE", "VERDICT", "TASKS", "WHY");
    json_array_foreach(sw_json_array(out, "instances"), i, v)
        print_verdict(v);
    int64_t unplaced = sw_json_int(out, "unplaced", 0);
    if (unplaced > 0)
        printf("%" PRId64 " of %" PRId64 " tasks find no place.\n", unplaced, o->count);
    return 0;
}

static int verb(struct client *c, const void *target, int argc, char **argv, struct sw_err *err)
{
    if (argc != 3 || !sw_streq(argv[1], "explain"))
        return CLI_USAGE;
    return explain(c, target, argv[2], err);
}

static int run(int argc, char **argv)
{
    struct options o = {0};
    return cli_run_verb(&cli_placement, argc, argv, &o, verb);
}

const struct cli_command cli_placement = {
    .name = "placement",
    .arguments = "explain TASKDEF [--strategy LIST] [--constraint EXPRESSION]",
    .summary = "Say where a task would be placed, and why not elsewhere",
    .example = "slipway placement explain web --strategy spread:instanceId --count 2",
    .flags = &flags,
    .run = run,
};
