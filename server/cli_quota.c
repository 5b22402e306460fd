/* SPDX-License-Identifier: Apache-2.0 */
/* server/cli_quota.c - slipway quota set|list|delete, asked of a running server. */
#include <inttypes.h>
#include <stdio.h>

#include "base/json.h"
#include "server/cli.h"
#include "server/registry_admin.h"

#define UNSET (-1)

struct options {
    struct cli_common common;
    char *bytes;
    char *images;
};

#define OFF(member) offsetof(struct options, member)
/* clang-format off */
static const struct conf_key keys[] = {
    CLI_COMMON_KEYS,
    {"bytes", CONF_STRING, OFF(bytes), NULL, 0, 0, NULL, "set: as 500M, 20G or a number; without it no maximum"},
    {"images", CONF_STRING, OFF(images), NULL, 0, 0, NULL, "set: manifests, tagged or not; without it no maximum"},
};
/* clang-format on */
static const struct conf_table flags = {keys, SW_ARRAY_LEN(keys), ""};

/* The values as conf reads sizes and numbers. */
struct maxima {
    int64_t bytes, images;
};
static const struct conf_key maximum_keys[] = {
    {"bytes", CONF_SIZE, offsetof(struct maxima, bytes), NULL, 0, INT64_MAX / 2, NULL, ""},
    {"images", CONF_INT, offsetof(struct maxima, images), NULL, 0, INT64_MAX / 2, NULL, ""},
};
static const struct conf_table maximum_table = {maximum_keys, SW_ARRAY_LEN(maximum_keys), ""};

static int set(struct client *c, const struct options *o, const char *prefix, struct sw_err *err)
{
    struct maxima m = {UNSET, UNSET};
    int r = o->bytes ? conf_set(&maximum_table, "bytes", o->bytes, "--bytes", &m, err) : 0;
    if (r == 0 && o->images)
        r = conf_set(&maximum_table, "images", o->images, "--images", &m, err);
    if (r < 0)
        return r;
    sw_autojson json_t *in = json_object();
    sw_json_set_str(in, "Prefix", prefix);
    if (m.bytes != UNSET)
        sw_json_set_int(in, "BytesMax", m.bytes);
    if (m.images != UNSET)
        sw_json_set_int(in, "ImagesMax", m.images);
    return client_call(c, TARGET_REGISTRY_ADMIN ".PutQuota", in, 0, NULL, err);
}

static int delete (struct client *c, const char *prefix, struct sw_err *err)
{
    sw_autojson json_t *in = json_pack("{s:s}", "Prefix", prefix);
    return client_call(c, TARGET_REGISTRY_ADMIN ".DeleteQuota", in, 0, NULL, err);
}

static void print_use(const json_t *quota, const char *used, const char *max)
{
    const json_t *limit = json_object_get(quota, max);
    printf(" %15" PRId64 " of ", (int64_t)json_integer_value(json_object_get(quota, used)));
    if (limit)
        printf("%-15" PRId64, (int64_t)json_integer_value(limit));
    else
        printf("%-15s", "-");
}

static int list(struct client *c, struct sw_err *err)
{
    sw_autojson json_t *out = NULL;
    int r = client_call(c, TARGET_REGISTRY_ADMIN ".ListQuotas", NULL, 0, &out, err);
    if (r < 0)
        return r;
    size_t i;
    json_t *quota;
    json_array_foreach(sw_json_array(out, "Quotas"), i, quota) {
        printf("%-30s bytes", sw_json_str(quota, "Prefix", ""));
        print_use(quota, "BytesUsed", "BytesMax");
        printf(" images");
        print_use(quota, "ImagesUsed", "ImagesMax");
        printf("\n");
    }
    return 0;
}

static int run_verb(struct client *c, const void *target, int argc, char **argv, struct sw_err *err)
{
    const struct options *o = target;
    if (sw_streq(argv[1], "set") && argc == 3 && (o->bytes || o->images))
        return set(c, o, argv[2], err);
    if (sw_streq(argv[1], "delete") && argc == 3)
        return delete (c, argv[2], err);
    return sw_streq(argv[1], "list") && argc == 2 ? list(c, err) : CLI_USAGE;
}

static int run(int argc, char **argv)
{
    struct options o = {0};
    return cli_run_verb(&cli_quota, argc, argv, &o, run_verb);
}

const struct cli_command cli_quota = {
    .name = "quota",
    .arguments = "set REPOSITORY|PREFIX/|'*' [--bytes SIZE] [--images N] | list | delete PREFIX",
    .summary = "Limit the bytes and images of a repository or of all below a prefix",
    .example = "slipway quota set team/ --bytes 20G --images 500",
    .flags = &flags,
    .run = run,
};
