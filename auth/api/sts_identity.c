/* SPDX-License-Identifier: Apache-2.0 */
/* auth/api/sts_identity.c - who a caller is, and credentials of callers for themselves. */
#include <stdio.h>

#include "auth/api/sts_internal.h"
#include "base/json.h"
#include "base/macros.h"

#define DEFAULT_S (12 * 3600)

STS_HANDLER(get_caller_identity)
{
    const struct principal *p = &call->principal;
    char id[128];

    (void)in, (void)err;
    aws_allow(call, "*");
    if (p->kind == PRINCIPAL_ROLE)
        (void)snprintf(id, sizeof(id), "%s:%s", p->user_id, p->session_name);
    else if (p->kind == PRINCIPAL_FEDERATED)
        (void)snprintf(id, sizeof(id), "%s:%s", p->account, p->name);
    else
        (void)snprintf(id, sizeof(id), "%s", p->user_id);
    sw_json_set_str(out, "UserId", id);
    sw_json_set_str(out, "Account", p->account);
    sw_json_set_str(out, "Arn", p->arn);
    return 0;
}

STS_HANDLER(get_access_key_info)
{
    const struct sts_in *i = in;
    struct iam_key_info key;
    char account[13];
    int r = aws_may(call, "*", err);

    if (r < 0)
        return r;
    if (session_key_account(i->access_key_id, account)) {
        sw_json_set_str(out, "Account", account);
        return 0;
    }
    directory_lock(sts_of(call)->o.identity);
    bool found = directory_key(sts_of(call)->o.identity, i->access_key_id, &key);
    directory_unlock(sts_of(call)->o.identity);
    if (!found)
        return sw_fail(err, SW_EINVALID, "ValidationError", "Invalid access key id: %.128s",
                       i->access_key_id);
    sw_json_set_str(out, "Account", key.account);
    return 0;
}

/* Temporary credentials get no others of their own (they may assume roles). */
static int check_long_term(struct aws_call *call, struct sw_err *err)
{
    const struct principal *p = &call->principal;

    if (principal_kind_is_user(p->kind) && p->expires_at_us == 0)
        return 0;
    char text[80];
    (void)snprintf(text, sizeof(text), "Cannot call %s with session credentials", call->op->name);
    return sts_denied(call, p->arn, err, text);
}

STS_HANDLER(get_session_token)
{
    const struct sts_in *i = in;
    const struct principal *p = &call->principal;
    int64_t duration_s = i->duration_s.set ? i->duration_s.v : DEFAULT_S;
    int r = check_long_term(call, err);

    if (r < 0)
        return r;
    aws_allow(call, p->arn);
    const struct session_grant g = {.kind = PRINCIPAL_USER,
                                    .account = p->account,
                                    .id = p->user_id,
                                    .name = "",
                                    .parent_key_id = p->access_key_id,
                                    .now_us = call->now_us,
                                    .expires_at_us = call->now_us + duration_s * 1000000};
    return sts_issue(call, &g, out, err);
}

/* sts:GetFederationToken, and sts:TagSession for the tags: policies may trust them. */
static int ask_federation(struct aws_call *call, const struct session_grant *g, const char *arn,
                          struct sw_err *err)
{
    SW_CLEANUP(sts_keys_freep) struct sts_keys *keys = sts_keys_new();
    const char *names[SESSION_TAGS_MAX];

    for (size_t i = 0; i < g->tags_n; i++) {
        sts_keys_add(keys, "aws:RequestTag/", g->tags[i].key, g->tags[i].value);
        names[i] = g->tags[i].key;
    }
    sts_keys_add_list(keys, "aws:TagKeys", names, g->tags_n);
    call->context.keys = sts_keys_array(keys, &call->context.keys_n);
    int r = aws_may(call, arn, err);
    if (r == 0 && g->tags_n > 0)
        r = aws_may_action(call, "sts:TagSession", arn, err);
    call->context.keys = NULL;
    call->context.keys_n = 0;
    return r;
}

STS_HANDLER(get_federation_token)
{
    const struct sts_in *i = in;
    const struct principal *p = &call->principal;
    int64_t duration_s = i->duration_s.set ? i->duration_s.v : DEFAULT_S;
    struct sts_grant grant = {0};
    char arn[PRINCIPAL_ARN_MAX], id[64];
    int r = check_long_term(call, err);

    (void)snprintf(arn, sizeof(arn), "arn:aws:sts::%s:federated-user/%s", p->account, i->name);
    if (r == 0)
        r = sts_read_grant(call, i, &grant, err);
    if (r == 0)
        r = ask_federation(call, &grant.g, arn, err);
    if (r < 0)
        return r;
    grant.g.kind = PRINCIPAL_FEDERATED;
    grant.g.account = p->account;
    grant.g.id = p->user_id;
    grant.g.parent_key_id = p->access_key_id;
    grant.g.has_policy = true;
    grant.g.expires_at_us = call->now_us + duration_s * 1000000;
    json_t *user = json_object();
    (void)snprintf(id, sizeof(id), "%s:%s", p->account, i->name);
    sw_json_set_str(user, "FederatedUserId", id);
    sw_json_set_str(user, "Arn", arn);
    sw_json_set_new(out, "FederatedUser", user);
    return sts_issue(call, &grant.g, out, err);
}
