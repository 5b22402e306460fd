/* SPDX-License-Identifier: Apache-2.0 */
/* server/admin_api.c - users over the wire. Tables first, then the handlers. */
#include "server/admin_api.h"

#include <stdio.h>

#include "base/json.h"

struct create_user_in {
    const char *name, *access_key_id, *secret_access_key;
};
struct delete_user_in {
    const char *name;
};

/* clang-format off */
static const struct sw_field create_user_in[] = {
    {.name = "UserName", .type = T_STRING, .flags = F_REQUIRED | F_BOUND | F_LIMITS, .off = offsetof(struct create_user_in, name), .min = 1, .max = 64},
    {.name = "AccessKeyId", .type = T_STRING, .flags = F_BOUND | F_LIMITS, .off = offsetof(struct create_user_in, access_key_id), .min = 3, .max = 32},
    {.name = "SecretAccessKey", .type = T_STRING, .flags = F_BOUND | F_LIMITS, .off = offsetof(struct create_user_in, secret_access_key), .min = 1, .max = 128},
    F_END};
static const struct sw_field user[] = {
    {.name = "UserName", .type = T_STRING}, {.name = "UserId", .type = T_STRING}, {.name = "Arn", .type = T_STRING},
    {.name = "Kind", .type = T_STRING}, {.name = "CreateDate", .type = T_TIMESTAMP}, F_END};
static const struct sw_field user_element[] = {{.name = "member", .type = T_STRUCT, .of = user}, F_END};
static const struct sw_field access_key[] = {
    {.name = "AccessKeyId", .type = T_STRING}, {.name = "SecretAccessKey", .type = T_STRING}, F_END};
static const struct sw_field create_user_out[] = {
    {.name = "User", .type = T_STRUCT, .of = user}, {.name = "AccessKey", .type = T_STRUCT, .of = access_key}, F_END};
static const struct sw_field delete_user_in[] = {
    {.name = "UserName", .type = T_STRING, .flags = F_REQUIRED | F_BOUND | F_LIMITS, .off = offsetof(struct delete_user_in, name), .min = 1, .max = 64},
    F_END};
static const struct sw_field list_users_out[] = {{.name = "Users", .type = T_LIST, .of = user_element}, F_END};
static const struct sw_field empty[] = {F_END};
/* clang-format on */

static struct identity *identity_of(const struct aws_call *call)
{
    return ((const struct admin_api *)call->service->ctx)->identity;
}

static int may_user(struct aws_call *call, const char *name, struct sw_err *err)
{
    char arn[PRINCIPAL_ARN_MAX];
    (void)snprintf(arn, sizeof(arn), "arn:aws:iam::%s:user/%s", call->principal.account, name);
    return aws_may(call, arn, err);
}

static json_t *user_json(const struct principal *p)
{
    json_t *u = json_object();
    sw_json_set_str(u, "UserName", p->name);
    sw_json_set_str(u, "UserId", p->user_id);
    sw_json_set_str(u, "Arn", p->arn);
    sw_json_set_str(u, "Kind", principal_kind_to_string(p->kind));
    return u;
}

static int create_user(struct aws_call *call, const void *input, json_t *out, struct sw_err *err)
{
    const struct create_user_in *in = input;
    int r = may_user(call, in->name, err);
    if (r < 0)
        return r;
    if (!in->access_key_id != !in->secret_access_key)
        return sw_fail(err, SW_EINVALID, "ValidationError",
                       "AccessKeyId and SecretAccessKey go together");
    struct identity_key given = {0}, key = {0};
    if (in->access_key_id) {
        (void)snprintf(given.access_key_id, sizeof(given.access_key_id), "%s", in->access_key_id);
        (void)snprintf(given.secret_access_key, sizeof(given.secret_access_key), "%s",
                       in->secret_access_key);
    }
    struct principal p;
    r = identity_user_add(identity_of(call), call->principal.account, in->name, PRINCIPAL_USER,
                          in->access_key_id ? &given : NULL, &p, &key, err);
    if (r < 0)
        return r;
    json_t *k = json_object();
    sw_json_set_str(k, "AccessKeyId", key.access_key_id);
    sw_json_set_str(k, "SecretAccessKey", key.secret_access_key);
    sw_json_set_new(out, "User", user_json(&p));
    sw_json_set_new(out, "AccessKey", k);
    explicit_bzero(&key, sizeof(key));
    return 0;
}

static int delete_user(struct aws_call *call, const void *input, json_t *out, struct sw_err *err)
{
    const struct delete_user_in *in = input;
    (void)out;
    int r = may_user(call, in->name, err);
    return r < 0 ? r
                 : identity_user_delete(identity_of(call), call->principal.account, in->name, err);
}

static int append_user(void *ctx, const struct principal *p, int64_t created_at_us)
{
    json_t *u = user_json(p);
    sw_json_set_time_us(u, "CreateDate", created_at_us);
    json_array_append_new(ctx, u);
    return 0;
}

static int list_users(struct aws_call *call, const void *in, json_t *out, struct sw_err *err)
{
    (void)in;
    int r = may_user(call, "*", err);
    if (r < 0)
        return r;
    json_t *users = json_array();
    sw_json_set_new(out, "Users", users);
    return identity_user_list(identity_of(call), call->principal.account, append_user, users, err);
}

/* clang-format off */
static const struct aws_op ops[] = {
    {"CreateUser", create_user, create_user_in, create_user_out, sizeof(struct create_user_in), "iam:CreateUser"},
    {"DeleteUser", delete_user, delete_user_in, empty, sizeof(struct delete_user_in), "iam:DeleteUser"},
    {"ListUsers", list_users, empty, list_users_out, 0, "iam:ListUsers"},
};
/* clang-format on */

static const char *const none[] = {NULL};

struct aws_service admin_aws_service(struct admin_api *a)
{
    return (struct aws_service){.signing_name = "iam",
                                .target_prefix = TARGET_ADMIN,
                                .invalid_reason = "ValidationError",
                                .ops = ops,
                                .ops_n = SW_ARRAY_LEN(ops),
                                .unimplemented = none,
                                .ctx = a};
}
