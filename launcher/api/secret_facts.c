/* SPDX-License-Identifier: Apache-2.0 */
/* A table of keys: auth/policy_facts.h is its engine. */
#include "launcher/api/secret_facts.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "auth/policy_facts.h"
#include "base/json.h"
#include "base/macros.h"

struct facts {
    struct aws_call *call;
    const json_t *tags;
};

static const json_t *member(void *ctx, const char *name)
{
    const struct facts *f = ctx;
    return json_object_get(f->call->input, name);
}

static void add_member(void *ctx, const char *name, json_t *values)
{
    const json_t *v = member(ctx, name);
    char number[24];
    if (json_is_string(v)) {
        policy_facts_add(values, json_string_value(v));
    } else if (json_is_boolean(v)) {
        policy_facts_add(values, json_is_true(v) ? "true" : "false");
    } else if (json_is_number(v)) {
        (void)snprintf(number, sizeof number, "%" PRId64, (int64_t)json_number_value(v));
        policy_facts_add(values, number);
    }
}

#define MEMBER_FACT(fn, name)                                             \
    static void fn(void *ctx, const char *rest SW_UNUSED, json_t *values) \
    {                                                                     \
        add_member(ctx, name, values);                                    \
    }
MEMBER_FACT(secret_name, "Name")
MEMBER_FACT(description, "Description")
MEMBER_FACT(secret_id, "SecretId")
MEMBER_FACT(version_id, "VersionId")
MEMBER_FACT(version_stage, "VersionStage")
MEMBER_FACT(kms_key_id, "KmsKeyId")
MEMBER_FACT(force_delete, "ForceDeleteWithoutRecovery")
MEMBER_FACT(recovery_window, "RecoveryWindowInDays")
MEMBER_FACT(overwrite, "Overwrite")
MEMBER_FACT(recursive, "Recursive")

static void request_tag(void *ctx, const char *rest, json_t *values)
{
    policy_facts_add_tag(member(ctx, "Tags"), rest, values);
}

static void resource_tag(void *ctx, const char *rest, json_t *values)
{
    policy_facts_add_tag(((struct facts *)ctx)->tags, rest, values);
}

static void tag_keys(void *ctx, const char *rest SW_UNUSED, json_t *values)
{
    const json_t *v;
    size_t i;
    policy_facts_add_tag_keys(member(ctx, "Tags"), values);
    json_array_foreach(member(ctx, "TagKeys"), i, v)
        policy_facts_add(values, json_string_value(v));
}

static const struct policy_fact table[] = {
    {"aws:RequestTag/", request_tag, false},
    {"aws:ResourceTag/", resource_tag, false},
    {"aws:TagKeys", tag_keys, true},
    {"secretsmanager:Description", description, false},
    {"secretsmanager:ForceDeleteWithoutRecovery", force_delete, false},
    {"secretsmanager:KmsKeyId", kms_key_id, false},
    {"secretsmanager:Name", secret_name, false},
    {"secretsmanager:RecoveryWindowInDays", recovery_window, false},
    {"secretsmanager:ResourceTag/", resource_tag, false},
    {"secretsmanager:SecretId", secret_id, false},
    {"secretsmanager:VersionId", version_id, false},
    {"secretsmanager:VersionStage", version_stage, false},
    {"ssm:Overwrite", overwrite, false},
    {"ssm:Recursive", recursive, false},
    {"ssm:resourceTag/", resource_tag, false},
};

/* action NULL: the operation's own. */
static int ask(struct aws_call *call, const char *action, const char *arn, const json_t *tags,
               struct sw_err *err)
{
    struct facts f = {.call = call, .tags = tags};
    struct policy_facts facts;
    policy_facts_init(&facts, table, SW_ARRAY_LEN(table), &f);
    call->context.more = policy_facts_key;
    call->context.more_ctx = &facts;
    int r = action ? aws_may_action(call, action, arn, err) : aws_may(call, arn, err);
    call->context.more = NULL;
    call->context.more_ctx = NULL;
    policy_facts_done(&facts);
    return r;
}

int secrets_may_action(struct aws_call *call, const char *action, const char *arn,
                       const json_t *tags, struct sw_err *err)
{
    return ask(call, action, arn, tags, err);
}

int secrets_may(struct aws_call *call, const char *arn, const json_t *tags, const char *tag_action,
                struct sw_err *err)
{
    int r = ask(call, NULL, arn, tags, err);
    if (r < 0 || !tag_action || json_array_size(sw_json_array(call->input, "Tags")) == 0)
        return r;
    return ask(call, tag_action, arn, tags, err);
}

struct secrets_caller secrets_caller_of(const struct aws_call *call)
{
    return (struct secrets_caller){
        .account = call->principal.account, .region = call->region, .arn = call->principal.arn};
}

struct secrets *secrets_of(const struct aws_call *call)
{
    const struct ecs_api *a = call->service->ctx;
    return a->secrets;
}

int secrets_run(struct aws_call *call, secrets_fn fn, json_t *out, struct sw_err *err)
{
    struct secrets_caller c = secrets_caller_of(call);
    sw_autojson json_t *input = ecs_input(call);
    return fn(secrets_of(call), &c, input, out, err);
}

int secrets_run_page(struct aws_call *call, secrets_list_fn fn, int page_max, const char *reason,
                     json_t *out, struct sw_err *err)
{
    char after[SECRETS_PAGE_MAX] = "", token[AWS_PAGE_TOKEN_MAX];
    struct secrets_caller c = secrets_caller_of(call);
    sw_autojson json_t *input = ecs_input(call);
    const char *next = sw_json_str(input, "NextToken", NULL);
    struct secrets_page page = {.after = after,
                                .limit = (int)sw_json_int(input, "MaxResults", page_max)};
    int r = next ? aws_page_token_parse(next, after, sizeof after, reason, err) : 0;
    if (r < 0 || (r = fn(secrets_of(call), &c, input, &page, out, err)) < 0)
        return r;
    if (*page.next) {
        aws_page_token(page.next, token);
        sw_json_set_str(out, "NextToken", token);
    }
    return 0;
}
