/* SPDX-License-Identifier: Apache-2.0 */
/* registry/api/oci_token.c - /v2/token: from a password to a bearer token that holds the asked scopes as far as the caller has
 * them. GET with Basic credentials or none (distribution token specification), POST with a form (its OAuth 2 form).
 * A bearer token gets no other one, or it would never end. */
#include "auth/token.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/macros.h"
#include "registry/api/oci_internal.h"

#define BEARER_TTL_S 300
#define FORM_MAX     (16 * 1024)
#define SCOPE_PARAMS 32

/* An action of each right: whoever may one of a kind gets the right, and each request is asked about again. */
static const char *const asked_actions[] = {
    "ecr:BatchGetImage",    "ecr:GetDownloadUrlForLayer",
    "ecr:ListImages",       "ecr:BatchCheckLayerAvailability",
    "ecr:PutImage",         "ecr:InitiateLayerUpload",
    "ecr:BatchDeleteImage", "ecr:DescribeRepositories",
};

/* The catalog shows everybody with a name what they may see. */
static bool allows(const struct oci_call *c, const char *action, const char *repository)
{
    return repository[0] ? oci_allows(c, action, repository)
                         : c->req->principal.kind != PRINCIPAL_ANONYMOUS;
}

static void grant(const struct oci_call *c, struct sw_str text, struct sw_buf *granted)
{
    struct oci_scope scope;
    unsigned has = 0;
    if (!oci_scope_parse(text, &scope))
        return;
    for (size_t i = 0; i < SW_ARRAY_LEN(asked_actions); i++) {
        unsigned right = oci_right_of(asked_actions[i]);
        if ((scope.rights & right) && allows(c, asked_actions[i], scope.name))
            has |= right;
    }
    scope.rights = has;
    oci_scope_add(granted, &scope);
}

/* The parameters `scope`, each with one scope or several after blanks. */
static int grant_all(const struct oci_call *c, const struct http_req *params,
                     struct sw_buf *granted, struct sw_err *err)
{
    char value[TOKEN_SCOPES_MAX * 2];
    int r = 1;
    for (size_t i = 0; r > 0 && i < SCOPE_PARAMS; i++) {
        r = http_req_query_at(params, "scope", i, value, sizeof(value), err);
        struct sw_str rest = sw_str(value), one;
        while (r > 0 && sw_str_split(&rest, ' ', &one))
            grant(c, one, granted);
    }
    if (r > 0)
        return sw_fail(err, SW_ELIMIT, "QUERY_INVALID", "at most %d scope parameters",
                       SCOPE_PARAMS - 1);
    return r < 0 ? r : sw_buf_check(granted, "QUERY_INVALID", err);
}

static int check_service(const struct oci_call *c, const struct http_req *params,
                         struct sw_err *err)
{
    char service[300];
    int r = http_req_query(params, "service", service, sizeof(service), err);
    if (r > 0 && service[0] && !sw_streq(service, c->api->o.service_name)) {
        sw_fail(err, SW_EINVALID, "QUERY_INVALID", "the service of this registry is '%s'",
                c->api->o.service_name);
        return sw_detail(err, "%.200s", service);
    }
    return r < 0 ? r : 0;
}

static void answer(const char *token, const char *scopes, int64_t now_us, struct http_res *res)
{
    char issued[SW_TIME_LEN];
    sw_autojson json_t *out = json_object();
    sw_format_iso8601_s(now_us, issued);
    sw_json_set_str(out, "token", token);
    sw_json_set_str(out, "access_token", token);
    sw_json_set_str(out, "token_type", "Bearer");
    sw_json_set_str(out, "scope", scopes);
    sw_json_set_int(out, "expires_in", BEARER_TTL_S);
    sw_json_set_str(out, "issued_at", issued);
    sw_autofree char *text = sw_json_dump(out);
    http_res_set(res, "Content-Type", "application/json");
    http_res_set(res, "Cache-Control", "no-store");
    http_res_copy(res, text, strlen(text));
}

/* params: the request's query, or a form in its place. */
static int issue(const struct oci_call *c, const struct http_req *params, struct http_res *res,
                 struct sw_err *err)
{
    char token[TOKEN_BEARER_MAX];
    SW_CLEANUP(sw_buf_done) struct sw_buf granted = SW_BUF_INIT(TOKEN_SCOPES_MAX);
    int64_t now_us = c->api->o.now_us(), expires;
    int r = check_service(c, params, err);
    if (r == 0)
        r = grant_all(c, params, &granted, err);
    const char *scopes = granted.n ? granted.p : "";
    if (r == 0)
        r = token_issue_bearer(&c->api->authority, &c->req->principal, scopes, now_us, BEARER_TTL_S,
                               token, &expires, err);
    if (r < 0)
        return r;
    http_audit_allowed(c->req, "ecr:GetAuthorizationToken", "*");
    http_audit_reference(c->req, scopes);
    answer(token, scopes, now_us, res);
    return 0;
}

enum http_begin oci_token_get(struct oci_call *c, struct http_plan *p SW_UNUSED,
                              struct http_res *res, struct sw_err *err)
{
    if (c->bearer)
        sw_fail(err, SW_EDENIED, "UNAUTHORIZED", "a bearer token gets no other one");
    else
        (void)issue(c, c->req, res, err);
    return HTTP_ANSWER;
}

static int form_field(const struct http_req *form, const char *name, char *out, size_t cap,
                      struct sw_err *err)
{
    int r = http_req_query(form, name, out, cap, err);
    if (r == 0)
        return sw_fail(err, SW_EINVALID, "QUERY_INVALID", "the form has no '%s'", name);
    return r < 0 ? r : 0;
}

static int check_grant(const struct http_req *form, struct sw_err *err)
{
    char grant_type[64];
    int r = form_field(form, "grant_type", grant_type, sizeof(grant_type), err);
    if (r < 0 || sw_streq(grant_type, "password"))
        return r;
    return sw_fail(err, SW_EINVALID, "QUERY_INVALID",
                   "grant_type %.60s is not supported: this registry gives no refresh tokens, ask "
                   "with grant_type=password",
                   grant_type);
}

static int check_password(struct oci_call *c, const struct http_req *form, struct sw_err *err)
{
    char user[128], password[TOKEN_MAX];
    int r = form_field(form, "username", user, sizeof(user), err);
    if (r == 0)
        r = form_field(form, "password", password, sizeof(password), err);
    const struct token_login login = {.user = sw_str(user),
                                      .password = sw_str(password),
                                      .account = c->account,
                                      .peer_ip = c->req->peer_ip,
                                      .now_us = c->api->o.now_us()};
    if (r == 0)
        r = token_verify_login(&c->api->authority, &login, &c->req->principal, err);
    explicit_bzero(password, sizeof(password));
    if (r == SW_EDENIED)
        http_audit_denied(c->req, NULL, NULL, err);
    return r;
}

static int post_run(struct oci_call *c, struct http_res *res, struct sw_err *err)
{
    const struct http_req form = {.query = c->req->body.n ? c->req->body.p : ""};
    int r = check_grant(&form, err);
    if (r == 0)
        r = check_password(c, &form, err);
    return r < 0 ? r : issue(c, &form, res, err);
}

enum http_begin oci_token_post(struct oci_call *c, struct http_plan *p,
                               struct http_res *res SW_UNUSED, struct sw_err *err)
{
    const char *type = http_req_header(c->req, "Content-Type");
    if (!type || !sw_str_starts_with(sw_str(type), "application/x-www-form-urlencoded")) {
        sw_fail(err, SW_EINVALID, "UNSUPPORTED",
                "the body must be application/x-www-form-urlencoded");
        return HTTP_ANSWER;
    }
    return oci_go(c, p, HTTP_BODY_BUFFERED, FORM_MAX, post_run);
}
