/* SPDX-License-Identifier: Apache-2.0 */
/* registry/api/oci_auth.c - who calls and where: Basic credentials with a token, the account and region of an ECR-style host
 * name, and the question whether they may. */
#include <stdio.h>
#include <string.h>

#include "auth/policy.h"
#include "auth/token.h"
#include "base/limits.h"
#include "registry/api/oci_internal.h"

#define ARN_BYTES (REPO_NAME_MAX + 160)

int oci_authenticate(const struct oci_api *api, struct http_req *req, struct sw_err *err)
{
    const char *value = http_req_header(req, "Authorization");
    if (!value) {
        req->principal = principal_anonymous();
        return 0;
    }
    struct sw_str authorization = sw_str(value);
    if (authorization.n > LIMIT_TOKEN)
        return sw_fail(err, SW_EDENIED, "UNAUTHORIZED", "the Authorization header is too long");
    int r = token_verify_basic(api->o.keyring, api->o.identity, authorization, api->o.now_us(),
                               &req->principal, err);
    if (r < 0)
        http_audit_denied(req, NULL, NULL, err);
    return r;
}

static bool is_account(struct sw_str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] < '0' || s.p[i] > '9')
            return false;
    return s.n == 12;
}

static bool is_region(struct sw_str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (!((s.p[i] >= 'a' && s.p[i] <= 'z') || (s.p[i] >= '0' && s.p[i] <= '9') ||
              s.p[i] == '-'))
            return false;
    return s.n >= 2 && s.n < OCI_REGION_MAX;
}

/* <account>.dkr.ecr.<region>.<anything> */
static bool ecr_host(const char *host, struct sw_str *ret_account, struct sw_str *ret_region)
{
    struct sw_str rest = sw_str(host), dkr, ecr;
    return host && sw_str_split(&rest, '.', ret_account) && is_account(*ret_account) &&
           sw_str_split(&rest, '.', &dkr) && sw_str_eq_z(dkr, "dkr") &&
           sw_str_split(&rest, '.', &ecr) && sw_str_eq_z(ecr, "ecr") &&
           sw_str_split(&rest, '.', ret_region) && is_region(*ret_region) && rest.p && rest.n > 0;
}

void oci_place(const struct oci_api *api, const struct http_req *req, struct oci_call *call)
{
    struct sw_str account, region;
    if (!ecr_host(http_req_header(req, "Host"), &account, &region)) {
        account = sw_str(api->o.account);
        region = sw_str(api->o.region);
    }
    (void)sw_str_copy(account, call->account, sizeof(call->account));
    (void)sw_str_copy(region, call->region, sizeof(call->region));
}

static int ask(const struct oci_call *call, const char *action, const char *repository,
               char arn[ARN_BYTES], struct sw_err *err)
{
    struct policy_context context = {.account = call->account,
                                     .source_ip = call->req->peer_ip,
                                     .secure_transport = call->req->secure};
    snprintf(arn, ARN_BYTES, "arn:aws:ecr:%s:%s:repository/%s", call->region, call->account,
             repository);
    return may(&call->req->principal, action, arn, &context, err);
}

int oci_may(const struct oci_call *call, const char *action, const char *repository,
            struct sw_err *err)
{
    char arn[ARN_BYTES];
    int r = ask(call, action, repository, arn, err);
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
    return ask(call, action, repository, arn, &err) == 0;
}

static bool is_plain_host(const char *s)
{
    size_t n =
        s ? strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_:[]") : 0;
    return n > 0 && s[n] == 0 && n < 256;
}

void oci_challenge(const struct oci_api *api, const struct http_req *req, struct http_res *res)
{
    const char *host = http_req_header(req, "Host");
    http_res_set(res, "WWW-Authenticate", "Basic realm=\"%s://%s/\",service=\"%s\"",
                 req->secure ? "https" : "http", is_plain_host(host) ? host : "slipway",
                 api->o.service_name);
}
