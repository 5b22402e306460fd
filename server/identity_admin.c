/* SPDX-License-Identifier: Apache-2.0 */
/* server/identity_admin.c - robots and keys of OIDC providers over the wire. Tables first, then the handlers. */
#include "server/identity_admin.h"

#include <stdio.h>
#include <string.h>

#include "auth/directory.h"
#include "auth/oidc.h"
#include "auth/session.h"
#include "base/json.h"
#include "base/macros.h"

struct robot_in {
    const char *name, *scopes;
    struct schema_double expires;
};
struct keys_in {
    const char *url, *jwks;
};

struct rejected_in {
    const char *request_id;
};

#define OFF(type, member) .off = offsetof(struct type, member)
/* clang-format off */
#define ROBOT_NAME {.name = "RobotName", .type = T_STRING, .flags = F_REQUIRED | F_BOUND | F_LIMITS, OFF(robot_in, name), .min = 1, .max = 64}
#define EXPIRES {.name = "ExpiresAt", .type = T_TIMESTAMP, .flags = F_BOUND | F_LIMITS, OFF(robot_in, expires), .min = 0, .max = 32503680000}
static const struct sw_field add_in[] = {
    ROBOT_NAME, EXPIRES,
    {.name = "Scopes", .type = T_STRING, .flags = F_REQUIRED | F_BOUND | F_LIMITS, OFF(robot_in, scopes), .min = 1, .max = ROBOT_SCOPES_MAX},
    F_END};
static const struct sw_field rotate_in[] = {ROBOT_NAME, EXPIRES, F_END};
static const struct sw_field remove_in[] = {ROBOT_NAME, F_END};
static const struct sw_field robot[] = {
    {.name = "RobotName", .type = T_STRING}, {.name = "Arn", .type = T_STRING}, {.name = "Scopes", .type = T_STRING},
    {.name = "CreatedAt", .type = T_TIMESTAMP}, {.name = "RotatedAt", .type = T_TIMESTAMP}, {.name = "ExpiresAt", .type = T_TIMESTAMP}, F_END};
static const struct sw_field robot_element = {.type = T_STRUCT, .of = robot};
static const struct sw_field password_out[] = {
    {.name = "UserName", .type = T_STRING}, {.name = "Password", .type = T_STRING}, F_END};
static const struct sw_field list_out[] = {{.name = "Robots", .type = T_LIST, .of = &robot_element}, F_END};
static const struct sw_field keys_in[] = {
    {.name = "Url", .type = T_STRING, .flags = F_REQUIRED | F_BOUND | F_LIMITS, OFF(keys_in, url), .min = 1, .max = 255},
    {.name = "Jwks", .type = T_STRING, .flags = F_REQUIRED | F_BOUND | F_LIMITS, OFF(keys_in, jwks), .min = 1, .max = OIDC_JWKS_MAX},
    F_END};
static const struct sw_field keys_out[] = {{.name = "Keys", .type = T_INT}, F_END};
static const struct sw_field rejected_in[] = {
    {.name = "RequestId", .type = T_STRING, .flags = F_BOUND | F_LIMITS, OFF(rejected_in, request_id), .min = 1, .max = 64}, F_END};
static const struct sw_field rejected[] = {
    {.name = "RequestId", .type = T_STRING}, {.name = "Time", .type = T_TIMESTAMP}, {.name = "AccessKeyId", .type = T_STRING},
    {.name = "SourceIp", .type = T_STRING}, {.name = "Message", .type = T_STRING}, {.name = "CanonicalRequest", .type = T_STRING},
    {.name = "StringToSign", .type = T_STRING}, F_END};
static const struct sw_field rejected_element = {.type = T_STRUCT, .of = rejected};
static const struct sw_field rejected_out[] = {{.name = "Rejected", .type = T_LIST, .of = &rejected_element}, F_END};
static const struct sw_field empty[] = {F_END};
/* clang-format on */

static const struct identity_admin *admin_of(const struct aws_call *call)
{
    return call->service->ctx;
}

static void robot_arn(const struct aws_call *call, const char *name, char ret[IAM_ARN_MAX])
{
    directory_arn(admin_of(call)->identity, IAM_USER, call->principal.account, name, ROBOT_PATH,
                  ret);
}

static int may_robot(struct aws_call *call, const char *name, struct sw_err *err)
{
    char arn[IAM_ARN_MAX];

    robot_arn(call, name, arn);
    return aws_may(call, arn, err);
}

static void set_password(json_t *out, const char *name, char password[ROBOT_PASSWORD_MAX])
{
    sw_json_set_str(out, "UserName", name);
    sw_json_set_str(out, "Password", password);
    explicit_bzero(password, ROBOT_PASSWORD_MAX);
}

static int add_robot(struct aws_call *call, const void *input, json_t *out, struct sw_err *err)
{
    const struct robot_in *in = input;
    char password[ROBOT_PASSWORD_MAX];
    int r = may_robot(call, in->name, err);

    if (r == 0)
        r = robot_add(admin_of(call)->robots, call->principal.account, in->name, in->scopes,
                      call->now_us, (int64_t)(in->expires.v * 1e6), password, err);
    if (r == 0)
        set_password(out, in->name, password);
    return r;
}

static int rotate_robot(struct aws_call *call, const void *input, json_t *out, struct sw_err *err)
{
    const struct robot_in *in = input;
    char password[ROBOT_PASSWORD_MAX];
    int64_t expires_at_us = in->expires.set ? (int64_t)(in->expires.v * 1e6) : -1;
    int r = may_robot(call, in->name, err);

    if (r == 0)
        r = robot_rotate(admin_of(call)->robots, call->principal.account, in->name, call->now_us,
                         expires_at_us, password, err);
    if (r == 0)
        set_password(out, in->name, password);
    return r;
}

static int remove_robot(struct aws_call *call, const void *input, json_t *out SW_UNUSED,
                        struct sw_err *err)
{
    const struct robot_in *in = input;
    int r = may_robot(call, in->name, err);

    return r < 0 ? r : robot_remove(admin_of(call)->robots, call->principal.account, in->name, err);
}

struct listing {
    const struct aws_call *call;
    json_t *list;
};

static void append(void *ctx, const struct robot *r)
{
    const struct listing *l = ctx;
    char arn[IAM_ARN_MAX];
    json_t *one = json_object();

    robot_arn(l->call, r->name, arn);
    sw_json_set_str(one, "RobotName", r->name);
    sw_json_set_str(one, "Arn", arn);
    sw_json_set_str(one, "Scopes", r->scopes);
    sw_json_set_time_us(one, "CreatedAt", r->created_at_us);
    sw_json_set_time_us(one, "RotatedAt", r->rotated_at_us);
    if (r->expires_at_us)
        sw_json_set_time_us(one, "ExpiresAt", r->expires_at_us);
    json_array_append_new(l->list, one);
}

static int list_robots(struct aws_call *call, const void *input SW_UNUSED, json_t *out,
                       struct sw_err *err)
{
    struct listing l = {call, json_array()};
    int r = may_robot(call, "*", err);

    sw_json_set_new(out, "Robots", l.list);
    return r < 0 ? r : robot_list(admin_of(call)->robots, call->principal.account, append, &l, err);
}

static int put_provider_keys(struct aws_call *call, const void *input, json_t *out,
                             struct sw_err *err)
{
    const struct keys_in *in = input;
    const char *name = strncmp(in->url, "https://", 8) == 0 ? in->url + 8 : in->url;
    const struct directory_update update = {.jwks = in->jwks};
    char arn[IAM_ARN_MAX];
    size_t n = 0;

    directory_arn(admin_of(call)->identity, IAM_PROVIDER, call->principal.account, name, NULL, arn);
    int r = aws_may(call, arn, err);
    if (r == 0)
        r = oidc_check_jwks(in->jwks, &n, err);
    if (r == 0)
        r = directory_change(admin_of(call)->identity, IAM_PROVIDER, call->principal.account, name,
                             &update, err);
    sw_json_set_int(out, "Keys", (int64_t)n);
    return r;
}

/* ---- wrong signatures ---- */

struct finding {
    const struct aws_call *call;
    const char *request_id; /* NULL: all */
    json_t *list;
};

static bool is_ours(const struct aws_call *call, const char *access_key_id)
{
    struct iam_key_info key;
    char account[13] = "";

    if (!session_key_account(access_key_id, account)) {
        directory_lock(admin_of(call)->identity);
        if (directory_key(admin_of(call)->identity, access_key_id, &key))
            (void)sw_str_copy(sw_str(key.account), account, sizeof(account));
        directory_unlock(admin_of(call)->identity);
    }
    return sw_streq(account, call->principal.account);
}

static void set_text(json_t *object, const char *member, const char *text)
{
    sw_json_set_str(object, member, sw_utf8_valid(sw_str(text)) ? text : "(not UTF-8)");
}

static void find_rejected(void *ctx, const struct rejected *r)
{
    const struct finding *f = ctx;

    if ((f->request_id && !sw_streq(f->request_id, r->request_id)) ||
        !is_ours(f->call, r->access_key_id))
        return;
    json_t *one = json_object();
    sw_json_set_str(one, "RequestId", r->request_id);
    sw_json_set_time_us(one, "Time", r->at_us);
    set_text(one, "AccessKeyId", r->access_key_id);
    sw_json_set_str(one, "SourceIp", r->peer_ip);
    set_text(one, "Message", r->message);
    set_text(one, "CanonicalRequest", r->canonical);
    set_text(one, "StringToSign", r->string_to_sign);
    json_array_append_new(f->list, one);
}

static int debug_sigv4(struct aws_call *call, const void *input, json_t *out, struct sw_err *err)
{
    const struct rejected_in *in = input;
    struct finding f = {call, in->request_id, json_array()};
    int r = aws_may(call, "*", err);

    sw_json_set_new(out, "Rejected", f.list);
    if (r == 0)
        rejected_each(admin_of(call)->rejected, find_rejected, &f);
    return r;
}

/* clang-format off */
static const struct aws_op ops[] = {
    {"AddRobot", add_robot, add_in, password_out, sizeof(struct robot_in), "slipway:AddRobot"},
    {"DebugSigv4", debug_sigv4, rejected_in, rejected_out, sizeof(struct rejected_in), "slipway:DebugSigv4"},
    {"ListRobots", list_robots, empty, list_out, 0, "slipway:ListRobots"},
    {"PutProviderKeys", put_provider_keys, keys_in, keys_out, sizeof(struct keys_in), "slipway:PutProviderKeys"},
    {"RemoveRobot", remove_robot, remove_in, empty, sizeof(struct robot_in), "slipway:RemoveRobot"},
    {"RotateRobot", rotate_robot, rotate_in, password_out, sizeof(struct robot_in), "slipway:RotateRobot"},
};
/* clang-format on */

static const char *const none[] = {NULL};

struct aws_service identity_admin_aws_service(struct identity_admin *a)
{
    return (struct aws_service){.signing_name = "iam",
                                .target_prefix = TARGET_IDENTITY_ADMIN,
                                .invalid_reason = "ValidationError",
                                .ops = ops,
                                .ops_n = SW_ARRAY_LEN(ops),
                                .unimplemented = none,
                                .ctx = a};
}
