/* SPDX-License-Identifier: Apache-2.0 */
/* AWS Secrets Manager: the table of its operations, and who may do what. Secrets have no policies of their own, are not rotated and
 * not replicated. */
#include "launcher/api/secretsmanager.h"

#include <stdio.h>

#include "base/json.h"
#include "base/macros.h"
#include "launcher/api/secret_facts.h"
#include "launcher/api/secretsmanager_schema.h"

#define PAGE_MAX   100
#define TAG_ACTION "secretsmanager:TagResource"
#define BAD_TOKEN  "InvalidNextTokenException"

/* Operations of the service that are not implemented, as of the models of 2026. */
static const char *const unimplemented[] = {
    "CancelRotateSecret",           "DeleteResourcePolicy",     "PutResourcePolicy",
    "RemoveRegionsFromReplication", "ReplicateSecretToRegions", "RotateSecret",
    "StopReplicationToReplica",     "ValidateResourcePolicy",   NULL,
};

/* May the caller, on the secret that SecretId names? */
static int may_secret(struct aws_call *call, struct sw_err *err)
{
    char arn[SECRETS_ARN_MAX];
    sw_autojson json_t *tags = NULL;
    struct secrets_caller c = secrets_caller_of(call);
    int r =
        secret_arn(secrets_of(call), &c, sw_json_str(call->input, "SecretId", ""), arn, &tags, err);
    return r < 0 ? r : secrets_may(call, arn, tags, NULL, err);
}

static int on_secret(struct aws_call *call, secrets_fn fn, json_t *out, struct sw_err *err)
{
    int r = may_secret(call, err);
    return r < 0 ? r : secrets_run(call, fn, out, err);
}

#define ON_SECRET(name, fn)                                                       \
    static int name(struct aws_call *call, const void *in SW_UNUSED, json_t *out, \
                    struct sw_err *err)                                           \
    {                                                                             \
        return on_secret(call, fn, out, err);                                     \
    }
ON_SECRET(delete_secret, secret_delete)
ON_SECRET(describe_secret, secret_describe)
ON_SECRET(get_resource_policy, secret_identify)
ON_SECRET(get_secret_value, secret_get_value)
ON_SECRET(put_secret_value, secret_put_value)
ON_SECRET(restore_secret, secret_restore)
ON_SECRET(tag_secret, secret_tag)
ON_SECRET(untag_secret, secret_untag)
ON_SECRET(update_secret, secret_update)
ON_SECRET(update_secret_version_stage, secret_update_stage)

static int create_secret(struct aws_call *call, const void *in SW_UNUSED, json_t *out,
                         struct sw_err *err)
{
    char arn[SECRETS_ARN_MAX];
    (void)snprintf(arn, sizeof arn, "arn:aws:secretsmanager:%s:%s:secret:%s", call->region,
                   call->principal.account, sw_json_str(call->input, "Name", ""));
    int r = secrets_may(call, arn, NULL, TAG_ACTION, err);
    return r < 0 ? r : secrets_run(call, secret_create, out, err);
}

static int list_secrets(struct aws_call *call, const void *in SW_UNUSED, json_t *out,
                        struct sw_err *err)
{
    int r = secrets_may(call, "*", NULL, NULL, err);
    return r < 0 ? r : secrets_run_page(call, secret_list, PAGE_MAX, BAD_TOKEN, out, err);
}

static int list_secret_version_ids(struct aws_call *call, const void *in SW_UNUSED, json_t *out,
                                   struct sw_err *err)
{
    int r = may_secret(call, err);
    return r < 0 ? r : secrets_run_page(call, secret_list_versions, PAGE_MAX, BAD_TOKEN, out, err);
}

static int get_random_password(struct aws_call *call, const void *in SW_UNUSED, json_t *out,
                               struct sw_err *err)
{
    int r = secrets_may(call, "*", NULL, NULL, err);
    return r < 0 ? r : secret_random_password(call->input, out, err);
}

static int value_of(struct aws_call *call, const char *id, json_t *out, struct sw_err *err)
{
    char arn[SECRETS_ARN_MAX];
    sw_autojson json_t *tags = NULL;
    sw_autojson json_t *in = json_pack("{s:s}", "SecretId", id);
    struct secrets_caller c = secrets_caller_of(call);
    int r = secret_arn(secrets_of(call), &c, id, arn, &tags, err);
    if (r < 0 ||
        (r = secrets_may_action(call, "secretsmanager:GetSecretValue", arn, tags, err)) < 0)
        return r;
    return secret_get_value(secrets_of(call), &c, in, out, err);
}

/* What cannot be had is in Errors; the others are answered. */
static int batch_get_secret_value(struct aws_call *call, const void *in SW_UNUSED, json_t *out,
                                  struct sw_err *err)
{
    json_t *values = json_array(), *errors = json_array();
    const json_t *ids = sw_json_array(call->input, "SecretIdList"), *v;
    size_t i;
    sw_json_set_new(out, "SecretValues", values);
    sw_json_set_new(out, "Errors", errors);
    int r = secrets_may(call, "*", NULL, NULL, err);
    if (r < 0)
        return r;
    if (json_array_size(ids) == 0)
        return sw_fail(err, SW_EINVALID, "InvalidParameterException",
                       "You must provide SecretIdList.");
    json_array_foreach(ids, i, v) {
        struct sw_err own = SW_ERR_INIT;
        json_t *one = json_object();
        r = value_of(call, json_string_value(v), one, &own);
        if (r == 0) {
            json_array_append_new(values, one);
            continue;
        }
        json_decref(one);
        if (!own.reason)
            return sw_err_move(err, &own);
        json_array_append_new(errors, json_pack("{s:O, s:s, s:s}", "SecretId", v, "ErrorCode",
                                                own.reason, "Message", own.msg));
    }
    return 0;
}

#define OP(aws_name, fn_)                                               \
    {                                                                   \
        .name = #aws_name, .fn = fn_, .in = fn_##_in, .out = fn_##_out, \
        .action = "secretsmanager:" #aws_name                           \
    }

/* Sorted by name. */
static const struct aws_op ops[] = {
    OP(BatchGetSecretValue, batch_get_secret_value),
    OP(CreateSecret, create_secret),
    OP(DeleteSecret, delete_secret),
    OP(DescribeSecret, describe_secret),
    OP(GetRandomPassword, get_random_password),
    OP(GetResourcePolicy, get_resource_policy),
    OP(GetSecretValue, get_secret_value),
    OP(ListSecretVersionIds, list_secret_version_ids),
    OP(ListSecrets, list_secrets),
    OP(PutSecretValue, put_secret_value),
    OP(RestoreSecret, restore_secret),
    OP(TagResource, tag_secret),
    OP(UntagResource, untag_secret),
    OP(UpdateSecret, update_secret),
    OP(UpdateSecretVersionStage, update_secret_version_stage),
};

static const struct aws_op_note notes[] = {
    {"GetResourcePolicy", AWS_OP_EMPTY, "secrets have no policies of their own"},
    {NULL, 0, NULL},
};

struct aws_service secretsmanager_aws_service(struct ecs_api *a)
{
    return (struct aws_service){.signing_name = "secretsmanager",
                                .target_prefix = "secretsmanager",
                                .invalid_reason = "InvalidParameterException",
                                .ops = ops,
                                .ops_n = SW_ARRAY_LEN(ops),
                                .unimplemented = unimplemented,
                                .notes = notes,
                                .ctx = a};
}
