/* SPDX-License-Identifier: Apache-2.0 */
/* server/cli_lifecycle.c - slipway lifecycle preview|run, asked of a running server. */
#include <inttypes.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/io.h"
#include "base/json.h"
#include "registry/core/lifecycle_policy.h"
#include "server/cli.h"
#include "server/registry_admin.h"

#define POLICY_BYTES_MAX (4 * LIFECYCLE_TEXT_MAX)

struct options {
    struct cli_common common;
    char *policy;
    bool json;
};

#define OFF(member) offsetof(struct options, member)
/* clang-format off */
static const struct conf_key keys[] = {
    CLI_COMMON_KEYS,
    {"policy", CONF_STRING, OFF(policy), NULL, 0, 0, NULL, "preview: a file with a policy; without it that of the repository"},
    {"json", CONF_BOOL, OFF(json), "false", 0, 0, NULL, "preview: one JSON object a line"},
};
/* clang-format on */
static const struct conf_table flags = {keys, SW_ARRAY_LEN(keys), ""};

static void print_list(const char *before, const json_t *list, const char *separator)
{
    const json_t *one;
    size_t i;
    json_array_foreach(list, i, one)
        printf("%s%s", i ? separator : before, json_string_value(one));
}

static void print_image(const json_t *image)
{
    char when[SW_TIME_LEN];
    const char *why = sw_json_str(image, "Why", ""), *because = sw_json_str(image, "Because", "");
    double pushed_at = json_number_value(json_object_get(image, "PushedAt"));
    sw_format_iso8601_s((int64_t)(pushed_at * 1e6), when);
    printf("%-6s rule %-3" PRId64 " %s pushed %s", sw_json_str(image, "Action", ""),
           sw_json_int(image, "Rule", 0), sw_json_str(image, "Digest", ""), when);
    print_list(" tags ", sw_json_array(image, "Tags"), ",");
    if (sw_streq(why, "part-of"))
        printf(" goes with %s", because);
    if (sw_streq(why, "part-in-use"))
        printf(" its part %s is in use", because);
    if (sw_streq(why, "needed-by"))
        printf(" needed by %s", because);
    print_list(" used by ", sw_json_array(image, "UsedBy"), ", ");
    printf("\n");
}

static int read_policy(const char *path, json_t *in, struct sw_err *err)
{
    struct sw_buf text = SW_BUF_INIT(POLICY_BYTES_MAX);
    int r = sw_read_file(path, &text, err);
    if (r == 0)
        sw_json_set_new(in, "Policy", json_stringn(text.p, text.n));
    sw_buf_done(&text);
    return r;
}

static int preview(struct client *c, const struct options *o, const char *repository,
                   struct sw_err *err)
{
    sw_autojson json_t *in = json_pack("{s:s}", "RepositoryName", repository), *out = NULL;
    int r = o->policy ? read_policy(o->policy, in, err) : 0;
    if (r == 0)
        r = client_call(c, TARGET_REGISTRY_ADMIN ".PreviewLifecycle", in, 0, &out, err);
    if (r < 0)
        return r;
    const json_t *image;
    size_t i;
    json_array_foreach(sw_json_array(out, "Images"), i, image) {
        if (o->json) {
            sw_autofree char *line = sw_json_dump(image);
            printf("%s\n", line);
        } else {
            print_image(image);
        }
    }
    if (!o->json)
        printf("%" PRId64 " of %" PRId64 " images expire; %" PRId64
               " that a rule selects stay because they are in use\n",
               sw_json_int(out, "Expiring", 0), sw_json_int(out, "Total", 0),
               sw_json_int(out, "InUse", 0));
    return 0;
}

static int run_now(struct client *c, const char *repository, struct sw_err *err)
{
    sw_autojson json_t *in = json_pack("{s:s}", "RepositoryName", repository);
    return client_call(c, TARGET_REGISTRY_ADMIN ".RunLifecycle", in, 0, NULL, err);
}

static int run_verb(struct client *c, const void *target, int argc, char **argv, struct sw_err *err)
{
    const struct options *o = target;
    if (sw_streq(argv[1], "preview") && argc == 3)
        return preview(c, o, argv[2], err);
    return sw_streq(argv[1], "run") && argc == 3 && !o->policy ? run_now(c, argv[2], err)
                                                               : CLI_USAGE;
}

static int run(int argc, char **argv)
{
    struct options o = {0};
    return cli_run_verb(&cli_lifecycle, argc, argv, &o, run_verb);
}

const struct cli_command cli_lifecycle = {
    .name = "lifecycle",
    .arguments = "preview REPOSITORY [--policy FILE] [--json] | run REPOSITORY",
    .summary = "Say what a lifecycle policy would expire and who uses what stays; run it now",
    .example = "slipway lifecycle preview team/app --policy keep-ten.json",
    .flags = &flags,
    .run = run,
};
