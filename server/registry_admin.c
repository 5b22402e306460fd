/* SPDX-License-Identifier: Apache-2.0 */
/* server/registry_admin.c - public repositories and quotas over the wire. Tables first, then the handlers. */
#include "server/registry_admin.h"

#include <stdio.h>

#include "base/json.h"
#include "registry/core/quota.h"
#include "registry/core/reference.h"
#include "registry/core/repo_store.h"
#include "registry/core/rights.h"
#include "server/lifecycle_admin.h"

struct set_public_in {
    const char *name;
    enum schema_bool is_public;
};
struct put_quota_in {
    const char *prefix;
    struct schema_int bytes_max, images_max;
};
struct delete_quota_in {
    const char *prefix;
};

/* clang-format off */
static const struct sw_field set_public_in[] = {
    {.name = "RepositoryName", .type = T_STRING, .flags = F_REQUIRED | F_BOUND | F_LIMITS, .off = offsetof(struct set_public_in, name), .min = REPO_NAME_MIN, .max = REPO_NAME_MAX},
    {.name = "Public", .type = T_BOOL, .flags = F_REQUIRED | F_BOUND, .off = offsetof(struct set_public_in, is_public)},
    F_END};
static const struct sw_field put_quota_in[] = {
    {.name = "Prefix", .type = T_STRING, .flags = F_REQUIRED | F_BOUND | F_LIMITS, .off = offsetof(struct put_quota_in, prefix), .min = 1, .max = REPO_NAME_MAX + 1},
    {.name = "BytesMax", .type = T_LONG, .flags = F_BOUND | F_LIMITS, .off = offsetof(struct put_quota_in, bytes_max), .min = 0, .max = INT64_MAX / 2},
    {.name = "ImagesMax", .type = T_LONG, .flags = F_BOUND | F_LIMITS, .off = offsetof(struct put_quota_in, images_max), .min = 0, .max = INT64_MAX / 2},
    F_END};
static const struct sw_field delete_quota_in[] = {
    {.name = "Prefix", .type = T_STRING, .flags = F_REQUIRED | F_BOUND | F_LIMITS, .off = offsetof(struct delete_quota_in, prefix), .min = 1, .max = REPO_NAME_MAX + 1},
    F_END};
static const struct sw_field quota[] = {
    {.name = "Prefix", .type = T_STRING}, {.name = "BytesMax", .type = T_LONG}, {.name = "ImagesMax", .type = T_LONG},
    {.name = "BytesUsed", .type = T_LONG}, {.name = "ImagesUsed", .type = T_LONG}, F_END};
static const struct sw_field quota_element[] = {{.name = "member", .type = T_STRUCT, .of = quota}, F_END};
static const struct sw_field list_quotas_out[] = {{.name = "Quotas", .type = T_LIST, .of = quota_element}, F_END};
static const struct sw_field empty[] = {F_END};
/* clang-format on */

static struct registry *registry_of(const struct aws_call *call)
{
    return call->service->ctx;
}

static int set_repository_public(struct aws_call *call, const void *input, json_t *out SW_UNUSED,
                                 struct sw_err *err)
{
    const struct set_public_in *in = input;
    char arn[REPO_NAME_MAX + 160];
    struct repo_key key = {call->principal.account, call->region, in->name};
    struct registry_rights rights;
    (void)snprintf(arn, sizeof(arn), "arn:aws:ecr:%s:%s:repository/%s", key.region, key.account,
                   key.name);
    registry_rights_begin(registry_of(call), &key, &call->principal, NULL, &call->context, &rights);
    int r = aws_may(call, arn, err);
    registry_rights_end(&rights, &call->context);
    return r < 0 ? r : repo_set_public(registry_of(call), &key, in->is_public == SCHEMA_TRUE, err);
}

static int put_quota(struct aws_call *call, const void *input, json_t *out SW_UNUSED,
                     struct sw_err *err)
{
    const struct put_quota_in *in = input;
    struct quota q = {.prefix = in->prefix,
                      .bytes_max = in->bytes_max.set ? in->bytes_max.v : QUOTA_NONE,
                      .images_max = in->images_max.set ? in->images_max.v : QUOTA_NONE};
    int r = aws_may(call, "*", err);
    return r < 0 ? r : quota_set(registry_of(call), call->principal.account, call->region, &q, err);
}

static int delete_quota(struct aws_call *call, const void *input, json_t *out SW_UNUSED,
                        struct sw_err *err)
{
    const struct delete_quota_in *in = input;
    int r = aws_may(call, "*", err);
    return r < 0 ? r
                 : quota_delete(registry_of(call), call->principal.account, call->region,
                                in->prefix, err);
}

static int append_quota(void *ctx, const struct quota *q)
{
    if (!q) {
        (void)json_array_clear(ctx);
        return 0;
    }
    json_t *one = json_object();
    sw_json_set_str(one, "Prefix", q->prefix);
    if (q->bytes_max >= 0)
        sw_json_set_int(one, "BytesMax", q->bytes_max);
    if (q->images_max >= 0)
        sw_json_set_int(one, "ImagesMax", q->images_max);
    sw_json_set_int(one, "BytesUsed", q->bytes_used);
    sw_json_set_int(one, "ImagesUsed", q->images_used);
    (void)json_array_append_new(ctx, one);
    return 0;
}

static int list_quotas(struct aws_call *call, const void *in SW_UNUSED, json_t *out,
                       struct sw_err *err)
{
    int r = aws_may(call, "*", err);
    if (r < 0)
        return r;
    json_t *list = json_array();
    sw_json_set_new(out, "Quotas", list);
    return quota_list(registry_of(call), call->principal.account, call->region, append_quota, list,
                      err);
}

/* clang-format off */
static const struct aws_op ops[] = {
    {"DeleteQuota", delete_quota, delete_quota_in, empty, sizeof(struct delete_quota_in), "slipway:DeleteQuota"},
    {"ListQuotas", list_quotas, empty, list_quotas_out, 0, "slipway:ListQuotas"},
    {"PreviewLifecycle", preview_lifecycle, preview_lifecycle_in, preview_lifecycle_out, sizeof(struct preview_lifecycle_in), "ecr:StartLifecyclePolicyPreview"},
    {"PutQuota", put_quota, put_quota_in, empty, sizeof(struct put_quota_in), "slipway:PutQuota"},
    {"RunLifecycle", run_lifecycle, run_lifecycle_in, empty, sizeof(struct run_lifecycle_in), "ecr:PutLifecyclePolicy"},
    {"SetRepositoryPublic", set_repository_public, set_public_in, empty, sizeof(struct set_public_in), "ecr:SetRepositoryPolicy"},
};
/* clang-format on */

static const char *const none[] = {NULL};

struct aws_service registry_admin_aws_service(struct registry *reg)
{
    return (struct aws_service){.signing_name = "iam",
                                .target_prefix = TARGET_REGISTRY_ADMIN,
                                .invalid_reason = "InvalidParameterException",
                                .ops = ops,
                                .ops_n = SW_ARRAY_LEN(ops),
                                .unimplemented = none,
                                .ctx = reg};
}
