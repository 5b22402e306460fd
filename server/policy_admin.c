/* SPDX-License-Identifier: Apache-2.0 */
#include "server/policy_admin.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/json.h"
#include "base/macros.h"
#include "registry/core/rights.h"

#define KEYS_MAX      50
#define SENTENCE_MAX  8192
#define EXPLAIN_LABEL "explain"

struct explain_in {
    const char *principal, *action, *resource, *source_ip;
    const json_t *context;
};

/* clang-format off */
#define TEXT(m, member, req, most) {.name = m, .type = T_STRING, .flags = F_BOUND | F_LIMITS | (req), .off = offsetof(struct explain_in, member), .min = 1, .max = most}
static const struct sw_field strings[] = {{.name = "value", .type = T_STRING, .flags = F_READ}, F_END};
static const struct sw_field entry[] = {
    {.name = "ContextKeyName", .type = T_STRING, .flags = F_READ | F_REQUIRED},
    {.name = "ContextKeyValues", .type = T_LIST, .flags = F_READ | F_REQUIRED, .of = strings}, F_END};
static const struct sw_field entries[] = {{.name = "entry", .type = T_STRUCT, .flags = F_READ, .of = entry}, F_END};
static const struct sw_field explain_in[] = {
    TEXT("PrincipalArn", principal, F_REQUIRED, PRINCIPAL_ARN_MAX), TEXT("ActionName", action, F_REQUIRED, 128),
    TEXT("ResourceArn", resource, F_REQUIRED, 2048), TEXT("SourceIp", source_ip, 0, 45),
    {.name = "ContextEntries", .type = T_LIST, .flags = F_BOUND | F_LIMITS, .off = offsetof(struct explain_in, context), .max = KEYS_MAX, .of = entries},
    F_END};
static const struct sw_field statement[] = {
    {.name = "Policy", .type = T_STRING}, {.name = "Kind", .type = T_STRING}, {.name = "Effect", .type = T_STRING},
    {.name = "Sid", .type = T_STRING}, {.name = "Statement", .type = T_LONG}, {.name = "File", .type = T_STRING},
    {.name = "Line", .type = T_LONG}, {.name = "Column", .type = T_LONG}, F_END};
static const struct sw_field statements[] = {{.name = "statement", .type = T_STRUCT, .of = statement}, F_END};
static const struct sw_field explain_out[] = {
    {.name = "Decision", .type = T_STRING}, {.name = "Explanation", .type = T_STRING}, {.name = "Sentence", .type = T_STRING},
    {.name = "MatchedStatements", .type = T_LIST, .of = statements}, F_END};
static const struct sw_field no_members[] = {F_END};
static const struct sw_field problem[] = {
    {.name = "File", .type = T_STRING}, {.name = "Line", .type = T_LONG}, {.name = "Column", .type = T_LONG},
    {.name = "Message", .type = T_STRING}, F_END};
static const struct sw_field problems[] = {{.name = "problem", .type = T_STRUCT, .of = problem}, F_END};
static const struct sw_field reload_out[] = {
    {.name = "Folder", .type = T_STRING}, {.name = "Problems", .type = T_LIST, .of = problems}, F_END};
/* clang-format on */

static void name_session(struct principal *p, const struct iam_entity *role)
{
    p->kind = PRINCIPAL_ROLE;
    (void)snprintf(p->session_name, sizeof p->session_name, EXPLAIN_LABEL);
    (void)snprintf(p->role_arn, sizeof p->role_arn, "%s", role->arn);
    (void)snprintf(p->arn, sizeof p->arn, "arn:aws:sts::%.12s:assumed-role/%.64s/" EXPLAIN_LABEL,
                   role->account, role->name);
}

/* "anonymous", a user's name, or the ARN of a user, a role (any session of it) or the account. */
static int find_principal(const struct policy_admin *a, const char *account, const char *text,
                          struct principal *ret, struct sw_err *err)
{
    *ret = principal_anonymous();
    if (sw_streq(text, "anonymous"))
        return 0;
    (void)snprintf(ret->account, sizeof ret->account, "%s", account);
    sw_autofree char *root = sw_asprintf("arn:aws:iam::%s:root", account);
    if (sw_streq(text, root)) {
        ret->kind = PRINCIPAL_ROOT;
        (void)sw_str_copy(sw_str(root), ret->arn, sizeof ret->arn);
        return 0;
    }
    directory_lock(a->identity);
    const struct iam_entity *e = strchr(text, ':')
                                     ? directory_by_arn(a->identity, text)
                                     : directory_find(a->identity, IAM_USER, account, text);
    bool found = e && sw_streq(e->account, account) && (e->kind == IAM_USER || e->kind == IAM_ROLE);
    if (found) {
        ret->kind = e->user_kind;
        (void)snprintf(ret->user_id, sizeof ret->user_id, "%s", e->id);
        (void)snprintf(ret->name, sizeof ret->name, "%s", e->name);
        (void)snprintf(ret->arn, sizeof ret->arn, "%s", e->arn);
        if (e->kind == IAM_ROLE)
            name_session(ret, e);
    }
    directory_unlock(a->identity);
    return found
               ? 0
               : sw_fail(err, SW_ENOTFOUND, "NoSuchEntity",
                         "There is no user or role '%s' in account %s; give a user's name, the ARN "
                         "of a user or role, or anonymous.",
                         text, account);
}

static void add_statement(void *ctx, const struct policy_attached *p, size_t index)
{
    struct policy_statement_info s = policy_document_statement(p->doc, index);
    json_t *one = json_object();
    sw_json_set_str(one, "Policy", p->name);
    sw_json_set_str(one, "Kind", policy_origin_to_string(p->kind));
    sw_json_set_str(one, "Effect", s.deny ? "Deny" : "Allow");
    sw_json_set_str(one, "Sid", s.sid);
    sw_json_set_int(one, "Statement", (int64_t)index + 1);
    sw_json_set_str(one, "File", p->origin);
    sw_json_set_int(one, "Line", s.start.line);
    sw_json_set_int(one, "Column", s.start.column);
    (void)json_array_append_new(ctx, one);
}

static void on_verdict(void *ctx, const struct policy_question *q, const struct policy_verdict *v)
{
    json_t *out = ctx, *matched = json_array();
    struct sw_buf explanation = SW_BUF_INIT(SENTENCE_MAX), sentence = SW_BUF_INIT(SENTENCE_MAX);
    policy_verdict_explain(q, v, &explanation);
    if (v->decision != POLICY_ALLOW)
        policy_verdict_sentence(q, v, &sentence);
    policy_matches(q, add_statement, matched);
    sw_json_set_str(out, "Decision", policy_decision_to_string(v->decision));
    sw_json_set_str(out, "Explanation", explanation.n ? explanation.p : NULL);
    sw_json_set_str(out, "Sentence", sentence.n ? sentence.p : NULL);
    sw_json_set_new(out, "MatchedStatements", matched);
    sw_buf_done(&explanation);
    sw_buf_done(&sentence);
}

struct given_keys {
    struct policy_key keys[KEYS_MAX];
    const char **values[KEYS_MAX];
    size_t n;
};

static void read_keys(const json_t *context, struct given_keys *g)
{
    const json_t *one, *v;
    size_t i, k;
    json_array_foreach(context, i, one) {
        const json_t *values = sw_json_array(one, "ContextKeyValues");
        const char **list = sw_calloc(json_array_size(values) + 1, sizeof *list);
        json_array_foreach(values, k, v)
            list[k] = json_string_value(v);
        g->values[g->n] = list;
        g->keys[g->n++] = (struct policy_key){.name = sw_json_str(one, "ContextKeyName", ""),
                                              .values = list,
                                              .values_n = json_array_size(values),
                                              .multi = json_array_size(values) > 1};
    }
}

/* arn:aws:SERVICE:REGION:ACCOUNT:... */
struct arn_parts {
    char service[32], region[64], account[13];
    const char *rest;
};

static bool split_arn(const char *text, struct arn_parts *ret)
{
    struct sw_str rest = sw_str(text), part[5];
    *ret = (struct arn_parts){.rest = ""};
    for (size_t i = 0; i < 5; i++) {
        if (!sw_str_split(&rest, ':', &part[i]))
            return false;
    }
    ret->rest = rest.p ? rest.p : "";
    return sw_str_copy(part[2], ret->service, sizeof ret->service) &&
           sw_str_copy(part[3], ret->region, sizeof ret->region) &&
           sw_str_copy(part[4], ret->account, sizeof ret->account);
}

/* Whoever may not ask about somebody is not told whether they exist, however they are named. */
static int ask_about(struct aws_call *call, const char *text, const struct principal *found,
                     struct sw_err *err)
{
    bool by_name = !strchr(text, ':') && !sw_streq(text, "anonymous");
    sw_autofree char *arn =
        by_name ? sw_asprintf("arn:aws:iam::%s:user/%s", call->principal.account, text) : NULL;

    return aws_may(call, !by_name ? text : found->arn[0] ? found->arn : arn, err);
}

/* The statements of another account's repository or registry are told to who may read them there. */
static int may_read_policies(const struct aws_call *call, const struct policy_context *asked,
                             const struct repo_key *key, const char *resource, struct sw_err *err)
{
    const struct policy_admin *a = call->service->ctx;
    const char *action = key->name ? "ecr:GetRepositoryPolicy" : "ecr:GetRegistryPolicy";
    struct policy_context context = {.account = asked->account,
                                     .region = asked->region,
                                     .source_ip = call->req->peer_ip,
                                     .secure_transport = call->req->secure,
                                     .now_us = call->now_us};
    struct registry_rights rights;

    if (sw_streq(asked->account, call->principal.account))
        return 0;
    registry_rights_begin(a->registry, key, &call->principal, NULL, &context, &rights);
    int r = may(a->authorizer, &call->principal, action, resource, &context, err);
    registry_rights_end(&rights, &context);
    if (r < 0)
        http_audit_denied(call->req, action, resource, err);
    return r;
}

static int explain(struct aws_call *call, const void *input, json_t *out, struct sw_err *err)
{
    static const char repository[] = "repository/";
    const struct explain_in *in = input;
    const struct policy_admin *a = call->service->ctx;
    struct principal p;
    struct given_keys given = {.n = 0};
    struct arn_parts arn;
    struct registry_rights rights;
    struct sw_err missing = SW_ERR_INIT;
    int found = find_principal(a, call->principal.account, in->principal, &p, &missing);
    int r = ask_about(call, in->principal, &p, err);
    if (r < 0 || found < 0)
        return r < 0 ? r : sw_err_move(err, &missing);
    bool has_arn = split_arn(in->resource, &arn);
    struct policy_context context = {
        .account = has_arn && *arn.account ? arn.account : call->principal.account,
        .region = has_arn && *arn.region ? arn.region : call->region,
        .source_ip = in->source_ip ? in->source_ip : call->req->peer_ip,
        .secure_transport = call->req->secure,
        .now_us = call->now_us};
    bool image = has_arn && sw_streq(arn.service, "ecr") &&
                 strncmp(arn.rest, repository, sizeof(repository) - 1) == 0;
    struct repo_key key = {context.account, context.region,
                           image ? arn.rest + sizeof(repository) - 1 : NULL};
    r = may_read_policies(call, &context, &key, in->resource, err);
    if (r < 0)
        return r;
    read_keys(in->context, &given);
    context.keys = given.keys;
    context.keys_n = given.n;
    registry_rights_begin(a->registry, &key, &p, NULL, &context, &rights);
    authorizer_ask(a->authorizer, &p, in->action, in->resource, &context, on_verdict, out);
    registry_rights_end(&rights, &context);
    for (size_t i = 0; i < given.n; i++)
        free(given.values[i]);
    return 0;
}

static void add_problem(void *ctx, const struct policy_problem *p)
{
    json_t *one = json_object();
    sw_json_set_str(one, "File", p->file);
    sw_json_set_int(one, "Line", p->where.line);
    sw_json_set_int(one, "Column", p->where.column);
    sw_json_set_str(one, "Message", p->message);
    (void)json_array_append_new(ctx, one);
}

/* Problems of the files are an answer, not a failure: nothing was changed then. */
static int reload(struct aws_call *call, const void *in SW_UNUSED, json_t *out, struct sw_err *err)
{
    const struct policy_admin *a = call->service->ctx;
    json_t *found = json_array();
    int r;
    sw_json_set_new(out, "Problems", found);
    if (!sw_streq(call->principal.account,
                  a->policies->account)) { /* the files are of all accounts */
        sw_fail(err, SW_EDENIED, "AccessDeniedException",
                "Policy files are taken up from the server's own account.");
        http_audit_denied(call->req, call->op->action, "*", err);
        return err->code;
    }
    r = aws_may(call, "*", err);
    if (r < 0)
        return r;
    sw_json_set_str(out, "Folder", a->policies->folder);
    r = policies_load(a->policies, add_problem, found, err);
    if (r < 0 && json_array_size(found) > 0) {
        sw_err_clear(err);
        r = 0;
    }
    return r;
}

struct aws_service policy_admin_aws_service(struct policy_admin *a)
{
    static const struct aws_op ops[] = {
        {.name = "ExplainPolicy",
         .fn = explain,
         .in = explain_in,
         .out = explain_out,
         .in_size = sizeof(struct explain_in),
         .action = "slipway:ExplainPolicy"},
        {.name = "ReloadPolicies",
         .fn = reload,
         .in = no_members,
         .out = reload_out,
         .action = "slipway:ReloadPolicies"},
    };
    static const char *const none[] = {NULL};
    return (struct aws_service){.signing_name = "iam",
                                .target_prefix = TARGET_POLICY_ADMIN,
                                .invalid_reason = "ValidationError",
                                .ops = ops,
                                .ops_n = SW_ARRAY_LEN(ops),
                                .unimplemented = none,
                                .ctx = a};
}
