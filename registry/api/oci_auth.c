/* SPDX-License-Identifier: Apache-2.0 */
/* registry/api/oci_auth.c - who calls and where: Basic credentials with a password or a bearer token with its scopes, the account
 * and region of an ECR-style host name, and the question whether they may. */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "auth/policy.h"
#include "auth/token.h"
#include "base/alloc.h"
#include "base/limits.h"
#include "registry/api/oci_internal.h"
#include "registry/api/registry_host.h"
#include "registry/core/rights.h"

#define ARN_BYTES     (REPO_NAME_MAX + 160)
#define EXPLAIN_BYTES 1024
#define EMPTY_PAIR    "Og==" /* ":" */

static int check_bearer(struct oci_call *call, struct sw_str token, struct sw_err *err)
{
    char scopes[TOKEN_SCOPES_MAX + 1];
    int r = token_verify_bearer(&call->api->authority, token, call->api->o.now_us(),
                                &call->req->principal, scopes, err);
    if (r < 0)
        call->auth_error = "invalid_token";
    else
        call->scopes = sw_strdup(scopes);
    return r;
}

int oci_authenticate(struct oci_call *call, struct sw_err *err)
{
    const struct oci_api *api = call->api;
    struct http_req *req = call->req;
    const char *value = http_req_header(req, "Authorization");
    if (!value) {
        req->principal = principal_anonymous();
        return 0;
    }
    struct sw_str authorization = sw_str(value);
    if (authorization.n > LIMIT_TOKEN)
        return sw_fail(err, SW_EDENIED, "UNAUTHORIZED", "the Authorization header is too long");
    struct sw_str rest = sw_str_trim(authorization), scheme;
    (void)sw_str_split(&rest, ' ', &scheme);
    call->bearer = sw_str_eq_nocase(scheme, SW_STR("Bearer"));
    /* Podman and skopeo answer a Basic challenge without credentials with an empty user and password. */
    if (sw_str_eq_nocase(scheme, SW_STR("Basic")) && sw_str_eq_z(sw_str_trim(rest), EMPTY_PAIR)) {
        req->principal = principal_anonymous();
        return 0;
    }
    const struct token_login login = {.account = call->account,
                                      .peer_ip = req->peer_ip,
                                      .now_us = api->o.now_us(),
                                      .must_not_block = !call->may_wait};
    int r = call->bearer
                ? check_bearer(call, sw_str_trim(rest), err)
                : token_verify_basic(&api->authority, authorization, &login, &req->principal, err);
    if (r < 0 && !sw_streq(err->reason, "RobotUnverified"))
        http_audit_denied(req, NULL, NULL, err);
    return r;
}

void oci_place(const struct oci_api *api, const struct http_req *req, struct oci_call *call)
{
    struct registry_host place;
    if (!registry_host_parse(http_req_header(req, "Host"), &place)) {
        place.account = sw_str(api->o.account);
        place.region = sw_str(api->o.region);
    }
    (void)sw_str_copy(place.account, call->account, sizeof(call->account));
    (void)sw_str_copy(place.region, call->region, sizeof(call->region));
}

static bool in_scope(const struct oci_call *call, const char *action, const char *repository)
{
    return !call->scopes || oci_scopes_allow(call->scopes, repository, oci_right_of(action));
}

static int ask(const struct oci_call *call, const char *action, const char *repository,
               char arn[ARN_BYTES], struct sw_buf *explain, struct sw_err *err)
{
    const struct principal *p = &call->req->principal;
    struct repo_key key = {call->account, call->region, repository};
    struct policy_context context = {.account = call->account,
                                     .source_ip = call->req->peer_ip,
                                     .secure_transport = call->req->secure,
                                     .region = call->region,
                                     .user_agent = http_req_header(call->req, "User-Agent"),
                                     .explain = explain};
    struct registry_rights rights;
    snprintf(arn, ARN_BYTES, "arn:aws:ecr:%s:%s:repository/%s", call->region, call->account,
             repository);
    registry_rights_begin(call->api->o.registry, &key, p, NULL, &context, &rights);
    int r = may(call->api->o.authorizer, p, action, arn, &context, err);
    registry_rights_end(&rights, &context);
    return r;
}

static int out_of_scope(struct oci_call *call, const char *action, const char *arn,
                        struct sw_err *err)
{
    call->auth_error = "insufficient_scope";
    sw_err_clear(err);
    return sw_fail(err, SW_EDENIED, "UNAUTHORIZED", "the token does not hold %s on %s", action,
                   arn);
}

/* What a token lacks its principal may have: the client is told to get another one. */
int oci_may(struct oci_call *call, const char *action, const char *repository, struct sw_err *err)
{
    char arn[ARN_BYTES];
    struct sw_buf explain = SW_BUF_INIT(EXPLAIN_BYTES);
    int r = ask(call, action, repository, arn, &explain, err);
    if (!in_scope(call, action, repository)) {
        sw_buf_reset(&explain);
        r = out_of_scope(call, action, arn, err);
    }
    if (r < 0)
        http_audit_denied(call->req, action, arn, err);
    else
        http_audit_allowed(call->req, action, arn);
    if (r < 0 && explain.n > 0)
        http_audit_explain(call->req, explain.p);
    sw_buf_done(&explain);
    return r;
}

/* Whoever has a name may ask; which names the list holds is asked for each. */
int oci_may_list(struct oci_call *call, const char *action, struct sw_err *err)
{
    char arn[ARN_BYTES];
    int r = 0;
    snprintf(arn, sizeof(arn), "arn:aws:ecr:%s:%s:repository/*", call->region, call->account);
    if (call->req->principal.kind == PRINCIPAL_ANONYMOUS)
        r = sw_fail(err, SW_EDENIED, "UNAUTHORIZED", "authentication required");
    else if (!in_scope(call, action, "*"))
        r = out_of_scope(call, action, arn, err);
    if (r < 0)
        http_audit_denied(call->req, action, arn, err);
    else
        http_audit_allowed(call->req, action, arn);
    return r;
}

bool oci_allows(const struct oci_call *call, const char *action, const char *repository)
{
    char arn[ARN_BYTES];
    struct sw_err err = SW_ERR_INIT;
    return in_scope(call, action, repository) &&
           ask(call, action, repository, arn, NULL, &err) == 0;
}

bool oci_needs_token(const struct oci_call *call, const char *action, const char *repository)
{
    char arn[ARN_BYTES];
    struct sw_err err = SW_ERR_INIT;
    return !in_scope(call, action, repository) &&
           ask(call, action, repository, arn, NULL, &err) == 0;
}

static bool is_plain_host(const char *s)
{
    size_t n =
        s ? strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_:[]") : 0;
    return n > 0 && s[n] == 0 && n < 256;
}

/* The scopes that the request needs, "" when it needs none. */
static void wanted_scopes(const struct http_req *req, struct sw_buf *out)
{
    struct oci_route route;
    struct sw_err err = SW_ERR_INIT;
    char from[REPO_NAME_MAX + 2];
    if (oci_route_parse(req->path, &route, &err) < 0)
        return;
    const char *action = oci_action_of(route.kind, req->method);
    if (!*action)
        return;
    struct oci_scope scope = {.rights = oci_right_of(action)}, source = {.rights = OCI_PULL};
    (void)sw_str_copy(sw_str(route.name), scope.name, sizeof(scope.name));
    if (scope.rights == OCI_PUSH)
        scope.rights |= OCI_PULL;
    oci_scope_add(out, &scope);
    if (route.kind != OCI_UPLOADS || http_req_query(req, "from", from, sizeof(from), &err) <= 0 ||
        !repo_name_valid(sw_str(from)))
        return;
    (void)sw_str_copy(sw_str(from), source.name, sizeof(source.name));
    oci_scope_add(out, &source);
}

static bool says_basic(const char *s)
{
    for (; *s; s++)
        if (strncasecmp(s, "basic", 5) == 0)
            return true;
    return false;
}

/* Some clients take the last of the words "bearer" and "basic" in the header for the scheme, so a repository that is called so is
 * left out: clients know what they want to do. */
void oci_challenge(const struct oci_api *api, const struct http_req *req, bool bearer,
                   const char *error, struct http_res *res)
{
    const char *given = http_req_header(req, "Host");
    const char *host = is_plain_host(given) ? given : "slipway";
    const char *scheme = req->secure ? "https" : "http";
    struct sw_buf text = SW_BUF_INIT(4096), scopes = SW_BUF_INIT(2048);
    if (strcmp(req->path, "/v2/token") == 0 || !(bearer || api->o.bearer_challenge)) {
        (void)sw_buf_addf(&text, "Basic realm=\"%s://%s/\",service=\"%s\"", scheme, host,
                          api->o.service_name);
    } else {
        wanted_scopes(req, &scopes);
        (void)sw_buf_addf(&text, "Bearer realm=\"%s://%s/v2/token\",service=\"%s\"", scheme, host,
                          api->o.service_name);
        if (scopes.n && !says_basic(scopes.p))
            (void)sw_buf_addf(&text, ",scope=\"%s\"", scopes.p);
        if (error)
            (void)sw_buf_addf(&text, ",error=\"%s\"", error);
    }
    http_res_set(res, "WWW-Authenticate", "%s", text.p);
    sw_buf_done(&text);
    sw_buf_done(&scopes);
}
