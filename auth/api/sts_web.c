/* SPDX-License-Identifier: Apache-2.0 */
/* auth/api/sts_web.c - AssumeRoleWithWebIdentity: the bearer of a token of a registered OpenID Connect issuer gets a role whose
 * trust policy names the issuer. The call is not signed, so the token is verified before anything is told, and until then an
 * unknown role and an unknown issuer look alike.
 * Context keys: ISSUER:CLAIM for every claim of the token that is text, a number, a boolean or a list of texts, so that trust
 * policies can look at `sub`, `aud` and whatever else the issuer says; the issuer is written without its scheme. */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "auth/api/sts_internal.h"
#include "auth/oidc.h"
#include "base/alloc.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/macros.h"

/* The provider of an issuer as it was when it was looked up. */
struct provider {
    char *arn, *jwks;
    char **clients;
    size_t clients_n;
};

static void provider_done(struct provider *p)
{
    for (size_t i = 0; i < p->clients_n; i++)
        free(p->clients[i]);
    free(p->clients);
    free(p->arn);
    free(p->jwks);
}

static const char *without_scheme(const char *url)
{
    const char *at = strstr(url, "://");

    return at ? at + 3 : url;
}

static int find_provider(const struct aws_call *call, const char *account, const char *issuer,
                         struct provider *ret, struct sw_err *err)
{
    struct identity *id = sts_of(call)->o.identity;

    directory_lock(id);
    const struct iam_entity *e = directory_find(id, IAM_PROVIDER, account, without_scheme(issuer));
    if (e) {
        ret->arn = sw_strdup(e->arn);
        ret->jwks = sw_strdup_or_null(e->jwks);
        ret->clients = sw_calloc(e->clients.n + 1, sizeof(*ret->clients));
        for (size_t i = 0; i < e->clients.n; i++)
            ret->clients[ret->clients_n++] = sw_strdup(e->clients.v[i]);
    }
    directory_unlock(id);
    if (!ret->arn || strncasecmp(issuer, "https://", 8) != 0)
        return sw_fail(err, SW_EDENIED, "InvalidIdentityToken",
                       "No OpenIDConnect provider found in your account for %.200s", issuer);
    if (!ret->jwks)
        return sw_fail(err, SW_EDENIED, "InvalidIdentityToken",
                       "No keys are registered for the issuer %.200s: an administrator does that "
                       "with slipway oidc keys",
                       issuer);
    return 0;
}

static int verify(struct aws_call *call, const struct sts_in *in, const char *account,
                  struct provider *provider, struct oidc_token *ret, struct sw_err *err)
{
    char issuer[OIDC_ISSUER_MAX];
    int r = oidc_issuer(sw_str(in->token), issuer, err);

    if (r == 0)
        r = find_provider(call, account, issuer, provider, err);
    if (r == 0) {
        const struct oidc_expect expect = {.issuer = issuer,
                                           .jwks = provider->jwks,
                                           .clients = (const char *const *)provider->clients,
                                           .clients_n = provider->clients_n,
                                           .now_us = call->now_us};
        r = oidc_verify(sw_str(in->token), &expect, ret, err);
    }
    if (r < 0)
        http_audit_denied(call->req, call->op->action, in->role_arn, err);
    return r;
}

/* ---- the question ---- */

static const struct policy_key *key_of(void *ctx, const char *name)
{
    size_t n;
    const struct policy_key *keys = sts_keys_array(ctx, &n);

    for (size_t i = 0; i < n; i++)
        if (strcasecmp(keys[i].name, name) == 0)
            return &keys[i];
    return NULL;
}

/* aud is the client that the token was taken for, also when it names several. */
static void add_claims(struct sts_keys *keys, const struct oidc_token *token)
{
    const char *issuer = without_scheme(sw_json_str(token->claims, "iss", "")), *claim;
    sw_autofree char *prefix = sw_asprintf("%s:", issuer);
    json_t *v;

    sts_keys_add(keys, prefix, "aud", token->audience);
    json_object_foreach(token->claims, claim, v)
        if (!sw_streq(claim, "aud"))
            sts_keys_add_json(keys, prefix, claim, v);
}

static void add_globals(struct sts_keys *keys, const struct aws_call *call,
                        const struct provider *provider, char time[SW_TIME_LEN],
                        char epoch[SW_TIME_LEN])
{
    sw_format_iso8601_s(call->now_us, time);
    (void)snprintf(epoch, SW_TIME_LEN, "%lld", (long long)(call->now_us / 1000000));
    sts_keys_add(keys, "aws:", "CurrentTime", time);
    sts_keys_add(keys, "aws:", "EpochTime", epoch);
    sts_keys_add(keys, "aws:", "FederatedProvider", provider->arn);
    sts_keys_add(keys, "aws:", "SourceIp", call->req->peer_ip);
    sts_keys_add(keys, "aws:", "SecureTransport", call->req->secure ? "true" : "false");
    sts_keys_add(keys, "aws:", "UserAgent", http_req_header(call->req, "User-Agent"));
}

static int ask(struct aws_call *call, const struct sts_in *in, const struct sts_role *role,
               const struct provider *provider, const struct oidc_token *token,
               const struct session_grant *g, struct sw_err *err)
{
    const struct policy_attached trust = {
        .doc = role->trust, .name = "trust policy", .kind = POLICY_FROM_RESOURCE};
    SW_CLEANUP(sts_keys_freep) struct sts_keys *keys = sts_keys_new();
    char time[SW_TIME_LEN], epoch[SW_TIME_LEN];
    const struct policy_question q = {.action = call->op->action,
                                      .resource = role->arn,
                                      .resource_account = role->account,
                                      .federated = provider->arn,
                                      .resource_policies = &trust,
                                      .resource_policies_n = role->trust != NULL,
                                      .resource_must_allow = true,
                                      .key = key_of,
                                      .key_ctx = keys};
    struct policy_verdict v;

    sts_keys_of(keys, in, g, role);
    add_globals(keys, call, provider, time, epoch);
    add_claims(keys, token);
    policy_evaluate(&q, &v);
    if (v.decision != POLICY_ALLOW)
        return sts_denied(call, role->arn, err,
                          "Not authorized to perform sts:AssumeRoleWithWebIdentity");
    aws_allow(call, role->arn);
    return 0;
}

static int assume(struct aws_call *call, const struct sts_in *in, const struct sts_role *role,
                  const struct provider *provider, const struct oidc_token *token, json_t *out,
                  struct sw_err *err)
{
    struct sts_grant grant = {0};
    int r = sts_read_grant(call, in, &grant, err);

    if (r == 0)
        r = ask(call, in, role, provider, token, &grant.g, err);
    if (r == 0)
        r = sts_issue_assumed(call, in, role, false, &grant.g, out, err);
    if (r < 0)
        return r;
    http_audit_reference(call->req, token->subject);
    sw_json_set_str(out, "SubjectFromWebIdentityToken", token->subject);
    sw_json_set_str(out, "Audience", token->audience);
    sw_json_set_str(out, "Provider", provider->arn);
    return 0;
}

STS_HANDLER(assume_role_with_web_identity)
{
    const struct sts_in *i = in;
    SW_CLEANUP(sts_role_done) struct sts_role role = {0};
    SW_CLEANUP(provider_done) struct provider provider = {0};
    SW_CLEANUP(oidc_token_done) struct oidc_token token = {0};
    int r = sts_find_role(call, i->role_arn, &role, err);

    if (r == 0)
        r = verify(call, i, role.account, &provider, &token, err);
    return r < 0 ? r : assume(call, i, &role, &provider, &token, out, err);
}
