/* SPDX-License-Identifier: Apache-2.0 */
/* server/admin_api.c - users and maintenance over the wire. Tables first, then the handlers. */
#include "server/admin_api.h"

#include <stdio.h>

#include "auth/directory.h"
#include "base/json.h"
#include "base/macros.h"
#include "base/str.h"

#define ACCOUNTS_ACTION "slipway:AdministerAccounts"

struct create_user_in {
    const char *name, *access_key_id, *secret_access_key, *account;
    enum schema_bool admin;
};
struct delete_user_in {
    const char *name;
};
struct collect_in {
    enum schema_bool dry_run;
};
struct check_in {
    enum schema_bool quarantine;
};
struct backup_in {
    const char *path;
};
struct describe_in {
    const char *id;
    struct schema_int after;
};

/* clang-format off */
#define USER_AND_KEY \
    {.name = "UserName", .type = T_STRING, .flags = F_REQUIRED | F_BOUND | F_LIMITS, .off = offsetof(struct create_user_in, name), .min = 1, .max = 64}, \
    {.name = "AccessKeyId", .type = T_STRING, .flags = F_BOUND | F_LIMITS, .off = offsetof(struct create_user_in, access_key_id), .min = 3, .max = 32}, \
    {.name = "SecretAccessKey", .type = T_STRING, .flags = F_BOUND | F_LIMITS, .off = offsetof(struct create_user_in, secret_access_key), .min = 1, .max = 128}
static const struct sw_field create_key_in[] = {USER_AND_KEY, F_END};
static const struct sw_field create_user_in[] = {
    USER_AND_KEY,
    {.name = "AccountId", .type = T_STRING, .flags = F_BOUND | F_LIMITS, .off = offsetof(struct create_user_in, account), .min = 12, .max = 12},
    {.name = "Administrator", .type = T_BOOL, .flags = F_BOUND, .off = offsetof(struct create_user_in, admin)},
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
static const struct sw_field collect_in[] = {
    {.name = "DryRun", .type = T_BOOL, .flags = F_BOUND, .off = offsetof(struct collect_in, dry_run)}, F_END};
static const struct sw_field check_in[] = {
    {.name = "Quarantine", .type = T_BOOL, .flags = F_BOUND, .off = offsetof(struct check_in, quarantine)}, F_END};
static const struct sw_field backup_in[] = {
    {.name = "Path", .type = T_STRING, .flags = F_REQUIRED | F_BOUND | F_LIMITS, .off = offsetof(struct backup_in, path), .min = 2, .max = 3000},
    F_END};
static const struct sw_field job_out[] = {{.name = "JobId", .type = T_STRING}, F_END};
static const struct sw_field describe_in[] = {
    {.name = "JobId", .type = T_STRING, .flags = F_REQUIRED | F_BOUND | F_LIMITS, .off = offsetof(struct describe_in, id), .min = 1, .max = 64},
    {.name = "After", .type = T_LONG, .flags = F_BOUND | F_LIMITS, .off = offsetof(struct describe_in, after), .min = 0, .max = 1000000000},
    F_END};
static const struct sw_field count[] = {{.name = "key", .type = T_STRING}, {.name = "value", .type = T_LONG}, F_END};
static const struct sw_field entry[] = {
    {.name = "Kind", .type = T_STRING}, {.name = "Name", .type = T_STRING}, {.name = "Repository", .type = T_STRING},
    {.name = "Reason", .type = T_STRING}, {.name = "Size", .type = T_LONG}, {.name = "Since", .type = T_TIMESTAMP},
    {.name = "Quarantined", .type = T_BOOL}, F_END};
static const struct sw_field entry_element[] = {{.name = "member", .type = T_STRUCT, .of = entry}, F_END};
static const struct sw_field describe_out[] = {
    {.name = "JobId", .type = T_STRING}, {.name = "Status", .type = T_STRING}, {.name = "Message", .type = T_STRING},
    {.name = "Counts", .type = T_MAP, .of = count}, {.name = "Entries", .type = T_LIST, .of = entry_element},
    {.name = "NextEntry", .type = T_LONG}, {.name = "EntriesKept", .type = T_LONG}, {.name = "EntriesTotal", .type = T_LONG}, F_END};
/* clang-format on */

static struct identity *identity_of(const struct aws_call *call)
{
    return ((const struct admin_api *)call->service->ctx)->identity;
}

static int may_user(struct aws_call *call, const char *name, struct sw_err *err)
{
    char arn[IAM_ARN_MAX];
    directory_arn(identity_of(call), IAM_USER, call->principal.account, name, NULL, arn);
    return aws_may(call, arn, err);
}

/* What is about the storage of all accounts. */
static int may_server(struct aws_call *call, struct sw_err *err)
{
    const struct admin_api *a = call->service->ctx;
    if (sw_streq(call->principal.account, a->account))
        return aws_may(call, "*", err);
    sw_fail(err, SW_EDENIED, "AccessDeniedException",
            "The server is administered from its own account.");
    http_audit_denied(call->req, call->op->action, "*", err);
    return err->code;
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

/* The key that was given, or NULL. */
static int given_key(const struct create_user_in *in, struct identity_key *given,
                     const struct identity_key **ret, struct sw_err *err)
{
    *ret = NULL;
    if (!in->access_key_id != !in->secret_access_key)
        return sw_fail(err, SW_EINVALID, "ValidationError",
                       "AccessKeyId and SecretAccessKey go together");
    if (!in->access_key_id)
        return 0;
    (void)snprintf(given->access_key_id, sizeof(given->access_key_id), "%s", in->access_key_id);
    (void)snprintf(given->secret_access_key, sizeof(given->secret_access_key), "%s",
                   in->secret_access_key);
    *ret = given;
    return 0;
}

static void answer_key(json_t *out, const struct principal *p, struct identity_key *key)
{
    json_t *k = json_object();
    sw_json_set_str(k, "AccessKeyId", key->access_key_id);
    sw_json_set_str(k, "SecretAccessKey", key->secret_access_key);
    sw_json_set_new(out, "User", user_json(p));
    sw_json_set_new(out, "AccessKey", k);
    explicit_bzero(key, sizeof(*key));
}

/* A user of another account, or an administrator: for who administers the server's own account. */
static int may_create(struct aws_call *call, const struct create_user_in *in, struct sw_err *err)
{
    const struct admin_api *a = call->service->ctx;
    if (in->admin != SCHEMA_TRUE &&
        (!in->account || sw_streq(in->account, call->principal.account)))
        return may_user(call, in->name, err);
    if (!sw_streq(call->principal.account, a->account)) {
        sw_fail(err, SW_EDENIED, "AccessDeniedException",
                "Accounts and their administrators are made from the server's own account.");
        http_audit_denied(call->req, ACCOUNTS_ACTION, "*", err);
        return err->code;
    }
    int r = aws_may_action(call, ACCOUNTS_ACTION, "*", err);
    if (r == 0)
        aws_allow(call, "*");
    return r == 0 && in->account ? identity_ensure_account(identity_of(call), in->account, err) : r;
}

static int create_user(struct aws_call *call, const void *input, json_t *out, struct sw_err *err)
{
    const struct create_user_in *in = input;
    struct identity_key given = {0}, key = {0};
    const struct identity_key *chosen;
    struct principal p;
    int r = may_create(call, in, err);
    if (r == 0)
        r = given_key(in, &given, &chosen, err);
    if (r == 0)
        r = identity_user_add(
            identity_of(call), in->account ? in->account : call->principal.account, in->name,
            in->admin == SCHEMA_TRUE ? PRINCIPAL_ADMIN : PRINCIPAL_USER, chosen, &p, &key, err);
    if (r == 0)
        answer_key(out, &p, &key);
    return r;
}

/* Another key of a user, also of one that a policy file has. */
static int create_key(struct aws_call *call, const void *input, json_t *out, struct sw_err *err)
{
    const struct create_user_in *in = input;
    struct identity_key given = {0}, key = {0};
    const struct identity_key *chosen;
    struct principal p;
    int r = may_user(call, in->name, err);
    if (r == 0)
        r = given_key(in, &given, &chosen, err);
    if (r == 0)
        r = identity_user_by_name(identity_of(call), call->principal.account, in->name, &p, err);
    if (r == 0)
        r = directory_key_add(identity_of(call), call->principal.account, in->name, chosen, &key,
                              err);
    if (r == 0)
        answer_key(out, &p, &key);
    return r;
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

/* Looked up after the caller may: who may not learns nothing. */
static int maintenance_of(const struct aws_call *call, struct maintenance **ret, struct sw_err *err)
{
    *ret = ((const struct admin_api *)call->service->ctx)->maintenance;
    return *ret ? 0 : sw_fail(err, SW_EUNAVAILABLE, NULL, "the server is starting");
}

static int submit(struct aws_call *call, const struct maintenance_request *request, json_t *out,
                  struct sw_err *err)
{
    char id[MAINTENANCE_ID_LEN + 1];
    struct maintenance *m = NULL;
    int r = may_server(call, err);
    if (r == 0)
        r = maintenance_of(call, &m, err);
    if (r == 0)
        r = maintenance_submit(m, request, id, err);
    if (r == 0)
        sw_json_set_str(out, "JobId", id);
    return r;
}

static int collect_garbage(struct aws_call *call, const void *input, json_t *out,
                           struct sw_err *err)
{
    const struct collect_in *in = input;
    struct maintenance_request request = {.kind = MAINTENANCE_COLLECT,
                                          .dry_run = in->dry_run == SCHEMA_TRUE};
    return submit(call, &request, out, err);
}

static int check_storage(struct aws_call *call, const void *input, json_t *out, struct sw_err *err)
{
    const struct check_in *in = input;
    struct maintenance_request request = {.kind = MAINTENANCE_CHECK,
                                          .quarantine = in->quarantine == SCHEMA_TRUE};
    return submit(call, &request, out, err);
}

bool admin_path_is_below(const char *path, const char *dir)
{
    struct sw_str rest = sw_str(path), part, below = sw_str(dir);
    while (sw_str_ends_with(below, "/"))
        below.n--;
    if (rest.n <= below.n + 1 || memcmp(rest.p, below.p, below.n) != 0 || rest.p[below.n] != '/')
        return false;
    rest.p += below.n + 1;
    rest.n -= below.n + 1;
    while (sw_str_split(&rest, '/', &part))
        if (part.n == 0 || sw_str_eq_z(part, ".") || sw_str_eq_z(part, ".."))
            return false;
    return true;
}

/* The server writes where it may, which is more than what an administrator elsewhere may: only who is on this machine names any
 * folder. The answer does not depend on what is there. */
static int may_write_to(const struct aws_call *call, const char *path, struct sw_err *err)
{
    const char *dir = ((const struct admin_api *)call->service->ctx)->backup_dir;
    if (http_req_is_local(call->req) || (dir && admin_path_is_below(path, dir)))
        return 0;
    sw_fail(err, SW_EDENIED, "AccessDeniedException",
            "from another machine, a backup goes only below the folder that the server's "
            "configuration names as backup_dir");
    http_audit_denied(call->req, "slipway:BackupData", "*", err);
    return err->code;
}

static int backup_data(struct aws_call *call, const void *input, json_t *out, struct sw_err *err)
{
    const struct backup_in *in = input;
    struct maintenance_request request = {.kind = MAINTENANCE_BACKUP, .path = in->path};
    int r = may_server(call, err);
    if (r == 0)
        r = may_write_to(call, in->path, err);
    return r < 0 ? r : submit(call, &request, out, err);
}

static int describe_job(struct aws_call *call, const void *input, json_t *out, struct sw_err *err)
{
    const struct describe_in *in = input;
    struct maintenance *m = NULL;
    int r = may_server(call, err);
    if (r == 0)
        r = maintenance_of(call, &m, err);
    return r < 0 ? r : maintenance_describe(m, in->id, in->after.v, out, err);
}

/* clang-format off */
static const struct aws_op ops[] = {
    {"BackupData", backup_data, backup_in, job_out, sizeof(struct backup_in), "slipway:BackupData"},
    {"CheckStorage", check_storage, check_in, job_out, sizeof(struct check_in), "slipway:CheckStorage"},
    {"CollectGarbage", collect_garbage, collect_in, job_out, sizeof(struct collect_in), "slipway:CollectGarbage"},
    {"CreateAccessKey", create_key, create_key_in, create_user_out, sizeof(struct create_user_in), "iam:CreateAccessKey"},
    {"CreateUser", create_user, create_user_in, create_user_out, sizeof(struct create_user_in), "iam:CreateUser"},
    {"DeleteUser", delete_user, delete_user_in, empty, sizeof(struct delete_user_in), "iam:DeleteUser"},
    {"DescribeMaintenanceJob", describe_job, describe_in, describe_out, sizeof(struct describe_in), "slipway:DescribeMaintenanceJob"},
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
