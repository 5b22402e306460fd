/* SPDX-License-Identifier: Apache-2.0 */
/* registry/api/ecr_setting.c - account settings, and the principals whose pulls are not to count. */
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/macros.h"
#include "registry/api/ecr_internal.h"
#include "registry/core/pulls.h"
#include "registry/core/registry_setting.h"

#define EXCLUSIONS_MAX 100

/* The first value is the default. `refused`: one that Amazon has and that would need what is not here. */
static const struct account_setting {
    const char *name, *values[3], *refused;
} settings[] = {
    {"BASIC_SCAN_TYPE_VERSION", {"AWS_NATIVE", NULL}, "CLAIR"},
    {"REGISTRY_POLICY_SCOPE", {"V2", NULL}, "V1"},
    {REGISTRY_SETTING_BLOB_MOUNTING, {"ENABLED", "DISABLED", NULL}, NULL},
};

static const struct account_setting *find_setting(const char *name)
{
    size_t i = 0;
    while (i + 1 < SW_ARRAY_LEN(settings) && !sw_streq(settings[i].name, name))
        i++;
    return &settings[i]; /* the schema lets no other name through */
}

int ecr_get_account_setting(struct aws_call *call, const void *in, json_t *out, struct sw_err *err)
{
    const struct ecr_setting_in *args = in;
    struct registry_key key = ecr_registry_key(call);
    sw_autofree char *value = NULL;
    int r = ecr_may_registry(call, err);
    if (r == 0)
        r = registry_setting_get(ecr_of(call)->o.registry, &key, args->name, &value, err);
    if (r < 0)
        return r;
    sw_json_set_str(out, "name", args->name);
    sw_json_set_str(out, "value", value ? value : find_setting(args->name)->values[0]);
    return 0;
}

static int check_value(const struct account_setting *s, const char *value, struct sw_err *err)
{
    for (size_t i = 0; s->values[i]; i++)
        if (sw_streq(value, s->values[i]))
            return 0;
    if (sw_streq(value, s->refused))
        return sw_fail(err, SW_EUNSUPPORTED, "UnsupportedFeatureException",
                       "the value %s of %s is not implemented", value, s->name);
    return sw_fail(err, SW_EINVALID, "InvalidParameterException",
                   "Invalid parameter at 'value' failed to satisfy constraint: 'not a value of %s'",
                   s->name);
}

int ecr_put_account_setting(struct aws_call *call, const void *in, json_t *out, struct sw_err *err)
{
    const struct ecr_setting_in *args = in;
    struct registry_key key = ecr_registry_key(call);
    int r = ecr_may_registry(call, err);
    if (r == 0)
        r = check_value(find_setting(args->name), args->value, err);
    if (r == 0)
        r = registry_setting_put(ecr_of(call)->o.registry, &key, args->name, args->value, NULL,
                                 err);
    if (r < 0)
        return r;
    sw_json_set_str(out, "name", args->name);
    sw_json_set_str(out, "value", args->value);
    return 0;
}

/* arn:aws:iam::ACCOUNT:user/NAME or role/NAME. */
static bool is_principal_arn(const char *arn)
{
    struct sw_str rest = sw_str(arn), part;
    bool ok = sw_str_split(&rest, ':', &part) && sw_str_eq_z(part, "arn") &&
              sw_str_split(&rest, ':', &part) && sw_str_starts_with(part, "aws") &&
              sw_str_split(&rest, ':', &part) && sw_str_eq_z(part, "iam") &&
              sw_str_split(&rest, ':', &part) && part.n == 0 && sw_str_split(&rest, ':', &part) &&
              part.n == 12 && rest.p;
    return ok && (sw_str_starts_with(rest, "user/") || sw_str_starts_with(rest, "role/")) &&
           rest.n > 5;
}

struct exclusions {
    json_t *list;
    int64_t n;
    char last[ECR_PAGE_KEY_MAX];
    bool more;
};

static int on_exclusion(void *ctx, const char *name, const char *value SW_UNUSED)
{
    struct exclusions *e = ctx;
    if (!name) {
        (void)json_array_clear(e->list);
        e->more = false;
        return 0;
    }
    e->more = (int64_t)json_array_size(e->list) == e->n;
    if (e->more)
        return 1;
    (void)json_array_append_new(e->list, json_string(name));
    (void)sw_str_copy(sw_str(name), e->last, sizeof(e->last));
    return 0;
}

static int check_room(struct registry *reg, const struct registry_key *key, struct sw_err *err)
{
    sw_autojson json_t *list = json_array();
    struct exclusions e = {.list = list, .n = EXCLUSIONS_MAX};
    int r = registry_setting_list(reg, key, PULL_EXCLUSION_PREFIX, "", EXCLUSIONS_MAX, on_exclusion,
                                  &e, err);
    if (r < 0 || json_array_size(list) < EXCLUSIONS_MAX)
        return r;
    return sw_fail(err, SW_ELIMIT, "LimitExceededException",
                   "a registry may have %d pull time update exclusions", EXCLUSIONS_MAX);
}

int ecr_register_pull_time_exclusion(struct aws_call *call, const void *in, json_t *out,
                                     struct sw_err *err)
{
    const struct ecr_setting_in *args = in;
    struct registry *reg = ecr_of(call)->o.registry;
    struct registry_key key = ecr_registry_key(call);
    sw_autofree char *name = sw_asprintf("%s%s", PULL_EXCLUSION_PREFIX, args->name);
    bool is_new = false;
    int r = ecr_may_registry(call, err);
    if (r == 0 && !is_principal_arn(args->name))
        r = sw_fail(err, SW_EINVALID, "InvalidParameterException",
                    "Invalid parameter at 'principalArn' failed to satisfy constraint: 'must be "
                    "the ARN of a user or role'");
    if (r == 0)
        r = check_room(reg, &key, err);
    if (r == 0)
        r = registry_setting_put(reg, &key, name, "", &is_new, err);
    if (r == 0 && !is_new)
        r = sw_fail(err, SW_ECONFLICT, "ExclusionAlreadyExistsException",
                    "There is an exclusion for '%s' already", args->name);
    if (r == 0)
        r = pulls_load_exclusions(reg, err);
    if (r < 0)
        return r;
    sw_json_set_str(out, "principalArn", args->name);
    sw_json_set_time_us(out, "createdAt", call->now_us);
    return 0;
}

int ecr_deregister_pull_time_exclusion(struct aws_call *call, const void *in, json_t *out,
                                       struct sw_err *err)
{
    const struct ecr_setting_in *args = in;
    struct registry_key key = ecr_registry_key(call);
    sw_autofree char *name = sw_asprintf("%s%s", PULL_EXCLUSION_PREFIX, args->name);
    bool existed = false;
    int r = ecr_may_registry(call, err);
    if (r == 0)
        r = registry_setting_delete(ecr_of(call)->o.registry, &key, name, &existed, err);
    if (r == 0 && !existed)
        r = sw_fail(err, SW_ENOTFOUND, "ExclusionNotFoundException",
                    "There is no exclusion for '%s'", args->name);
    if (r == 0)
        r = pulls_load_exclusions(ecr_of(call)->o.registry, err);
    if (r == 0)
        sw_json_set_str(out, "principalArn", args->name);
    return r;
}

int ecr_list_pull_time_exclusions(struct aws_call *call, const void *in, json_t *out,
                                  struct sw_err *err)
{
    const struct ecr_list_in *args = in;
    struct registry_key key = ecr_registry_key(call);
    struct exclusions e = {.list = json_array()};
    char last[ECR_PAGE_KEY_MAX];
    sw_json_set_new(out, "pullTimeUpdateExclusions", e.list);
    int r = ecr_may_registry(call, err);
    if (r == 0)
        r = ecr_page(args, &e.n, last, err);
    if (r == 0)
        r = registry_setting_list(ecr_of(call)->o.registry, &key, PULL_EXCLUSION_PREFIX, last,
                                  e.n + 1, on_exclusion, &e, err);
    if (r == 0 && e.more)
        ecr_set_next_token(out, e.last);
    return r;
}
