/* SPDX-License-Identifier: Apache-2.0 */
/* server/cli_robot.c - slipway robot add|list|rotate|remove, asked of a running server. A password goes to standard output alone,
 * so that it can be piped; what to do with it is said on standard error. */
#include <stdio.h>

#include "base/clock.h"
#include "base/json.h"
#include "server/cli.h"
#include "server/identity_admin.h"

struct options {
    struct cli_common common;
    char *scopes, *expires;
};

#define OFF(member) offsetof(struct options, member)
/* clang-format off */
static const struct conf_key keys[] = {
    CLI_COMMON_KEYS,
    {"scopes", CONF_STRING, OFF(scopes), NULL, 0, 0, NULL, "add: 'NAME:RIGHT[,RIGHT...] ...'; NAME is a repository or 'PREFIX*', RIGHT pull, push or delete"},
    {"expires", CONF_STRING, OFF(expires), NULL, 0, 0, NULL, "add, rotate: how long the password is good, as 90d or 12h, or never"},
};
/* clang-format on */
static const struct conf_table flags = {keys, SW_ARRAY_LEN(keys), ""};

static int set_expires(const struct options *o, json_t *in, struct sw_err *err)
{
    uint64_t ms = 0;

    if (!o->expires)
        return 0;
    if (sw_streq(o->expires, "never")) {
        sw_json_set_int(in, "ExpiresAt", 0);
        return 0;
    }
    if (!sw_parse_duration_ms(sw_str(o->expires), &ms) || ms == 0 || ms > 3650ULL * 86400 * 1000)
        return sw_fail(err, SW_EINVALID, NULL, "--expires '%s': not a duration such as 90d",
                       o->expires);
    sw_json_set_int(in, "ExpiresAt", sw_now_s() + (int64_t)(ms / 1000));
    return 0;
}

static int get_password(struct client *c, const char *target, const json_t *in, struct sw_err *err)
{
    sw_autojson json_t *out = NULL;
    int r = client_call(c, target, in, 0, &out, err);

    if (r < 0)
        return r;
    printf("%s\n", sw_json_str(out, "Password", ""));
    fprintf(stderr, "log in with: docker login --username %s --password-stdin %s\n",
            sw_json_str(out, "UserName", ""), c->host_port);
    return 0;
}

static void print_time(const json_t *robot, const char *member)
{
    char text[SW_TIME_LEN] = "never";
    const json_t *v = json_object_get(robot, member);

    if (v)
        sw_format_iso8601_s((int64_t)(json_number_value(v) * 1e6), text);
    printf("  %-20s", text);
}

static int list(struct client *c, struct sw_err *err)
{
    sw_autojson json_t *out = NULL;
    size_t i;
    json_t *robot;
    int r = client_call(c, TARGET_IDENTITY_ADMIN ".ListRobots", NULL, 0, &out, err);

    if (r < 0)
        return r;
    json_array_foreach(sw_json_array(out, "Robots"), i, robot) {
        printf("%-24s", sw_json_str(robot, "RobotName", ""));
        print_time(robot, "RotatedAt");
        print_time(robot, "ExpiresAt");
        printf("  %s\n", sw_json_str(robot, "Scopes", ""));
    }
    return 0;
}

static int run_verb(struct client *c, const void *target, int argc, char **argv, struct sw_err *err)
{
    const struct options *o = target;
    const char *verb = argv[1];
    sw_autojson json_t *in = json_object();
    int r;

    if (argc == 2)
        return sw_streq(verb, "list") ? list(c, err) : CLI_USAGE;
    sw_json_set_str(in, "RobotName", argv[2]);
    if (sw_streq(verb, "remove") && !o->scopes && !o->expires)
        return client_call(c, TARGET_IDENTITY_ADMIN ".RemoveRobot", in, 0, NULL, err);
    if ((r = set_expires(o, in, err)) < 0)
        return r;
    if (sw_streq(verb, "rotate") && !o->scopes)
        return get_password(c, TARGET_IDENTITY_ADMIN ".RotateRobot", in, err);
    if (!sw_streq(verb, "add") || !o->scopes)
        return CLI_USAGE;
    sw_json_set_str(in, "Scopes", o->scopes);
    return get_password(c, TARGET_IDENTITY_ADMIN ".AddRobot", in, err);
}

static int run(int argc, char **argv)
{
    struct options o = {0};
    return cli_run_verb(&cli_robot, argc, argv, &o, run_verb);
}

const struct cli_command cli_robot = {
    .name = "robot",
    .arguments = "add NAME --scopes SCOPES [--expires 90d] | list | rotate NAME [--expires 90d] | "
                 "remove NAME",
    .summary = "Named passwords for tools that cannot sign; add and rotate print one, once",
    .example =
        "slipway robot add ci --scopes 'team-a/*:push base:pull' --expires 90d > ci-password",
    .flags = &flags,
    .run = run,
};
