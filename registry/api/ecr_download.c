/* SPDX-License-Identifier: Apache-2.0 */
/* registry/api/ecr_download.c - addresses of layers that work without credentials for an hour: the address holds a sealed statement
 * of who asked for which layer of which repository, and until when. What it names is looked up when it is used, so a layer or a
 * repository that went meanwhile is not served; a right that was taken away meanwhile is not noticed before it expires. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "api/wire_errors.h"
#include "base/alloc.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/encode.h"
#include "base/macros.h"
#include "registry/api/blob_answer.h"
#include "registry/api/ecr_internal.h"

#define PATH           "/_slipway/layer"
#define SEAL_CONTEXT   "ecr-layer-download"
#define ACTION         "ecr:GetDownloadUrlForLayer"
#define TTL_US         ((int64_t)3600 * 1000000)
#define STATEMENT_MAX  (REPO_NAME_MAX + DIGEST_STRING_MAX + PRINCIPAL_ARN_MAX + 200)
#define TOKEN_TEXT_MAX (SW_BASE64_LEN(STATEMENT_MAX + 64) + 1)

/* Lines: expiry, account, region, repository, digest, ARN of who asked. */
int ecr_download_url(struct aws_call *call, const struct ecr_target *t, const struct digest *d,
                     char ret[ECR_DOWNLOAD_URL_MAX], struct sw_err *err)
{
    char digest[DIGEST_STRING_MAX], token[TOKEN_TEXT_MAX], base[REGISTRY_HOST_MAX];
    SW_CLEANUP(sw_buf_done) struct sw_buf plain = SW_BUF_INIT(STATEMENT_MAX);
    SW_CLEANUP(sw_buf_done) struct sw_buf sealed = SW_BUF_INIT(STATEMENT_MAX + 64);
    digest_format(d, digest);
    (void)sw_buf_addf(&plain, "%" PRId64 "\n%s\n%s\n%s\n%s\n%s", call->now_us + TTL_US, t->account,
                      t->key.region, t->key.name, digest, call->principal.arn);
    int r = sw_buf_check(&plain, NULL, err);
    if (r == 0)
        r = keyring_seal(ecr_of(call)->o.keyring, SEAL_CONTEXT, plain.p, plain.n, &sealed, err);
    if (r < 0)
        return r;
    sw_base64url(sealed.p, sealed.n, token);
    ecr_base_url(call, base);
    (void)snprintf(ret, ECR_DOWNLOAD_URL_MAX, "%s" PATH "?token=%s", base, token);
    return 0;
}

struct download {
    struct ecr_api *api;
    char account[13], region[REGISTRY_REGION_MAX], name[REPO_NAME_MAX + 1];
    struct digest digest;
};

static bool read_statement(struct sw_str text, struct download *d, int64_t *ret_expires_us,
                           char arn[PRINCIPAL_ARN_MAX])
{
    struct sw_str expires, account, region, name, digest;
    return sw_str_split(&text, '\n', &expires) && sw_parse_i64(expires, ret_expires_us) &&
           sw_str_split(&text, '\n', &account) &&
           sw_str_copy(account, d->account, sizeof(d->account)) &&
           sw_str_split(&text, '\n', &region) &&
           sw_str_copy(region, d->region, sizeof(d->region)) && sw_str_split(&text, '\n', &name) &&
           sw_str_copy(name, d->name, sizeof(d->name)) && sw_str_split(&text, '\n', &digest) &&
           digest_parse(digest, &d->digest) && sw_str_copy(text, arn, PRINCIPAL_ARN_MAX);
}

static int open_statement(struct http_req *req, struct download *d, struct sw_err *err)
{
    char token[TOKEN_TEXT_MAX];
    unsigned char sealed[STATEMENT_MAX + 64];
    SW_CLEANUP(sw_buf_done) struct sw_buf plain = SW_BUF_INIT(STATEMENT_MAX);
    size_t n;
    int64_t expires_us = 0;
    struct sw_err ignored = SW_ERR_INIT;
    bool ok = http_req_query(req, "token", token, sizeof(token), &ignored) > 0 &&
              sw_unbase64url(sw_str(token), sealed, sizeof(sealed), &n);
    sw_err_clear(&ignored);
    ok = ok &&
         keyring_open_sealed(d->api->o.keyring, SEAL_CONTEXT, sealed, n, &plain, &ignored) == 0 &&
         read_statement(sw_buf_str(&plain), d, &expires_us, req->principal.arn);
    if (!ok)
        return sw_fail(err, SW_EDENIED, "DENIED", "this is not an address of a layer");
    if (sw_now_us() > expires_us)
        return sw_fail(err, SW_EDENIED, "DENIED", "the address of this layer has expired");
    return 0;
}

static enum http_run refuse(struct http_req *req, const struct sw_err *err, struct http_res *res)
{
    wire_log(req, err);
    wire_oci_error(res, err);
    return HTTP_DONE;
}

static enum http_run run(void *state, struct http_req *req, struct http_res *res,
                         struct sw_err *err)
{
    struct download *d = state;
    struct repo_key key = {d->account, d->region, d->name};
    struct repo *repo = NULL;
    struct blob_link link;
    int r = err->code;
    if (r == 0)
        r = repo_open(d->api->o.registry, &key, &repo, err);
    if (r == 0)
        r = blob_link_find(d->api->o.registry, repo, &d->digest, &link, err);
    if (r == 0)
        r = blob_answer(d->api->o.registry, req, repo, &d->digest, &link, res, err);
    repo_unref(repo);
    return r < 0 ? refuse(req, err, res) : HTTP_DONE;
}

static void audit(struct http_req *req, const struct download *d)
{
    char arn[REPO_NAME_MAX + 160], digest[DIGEST_STRING_MAX];
    (void)snprintf(arn, sizeof(arn), "arn:aws:ecr:%s:%s:repository/%s", d->region, d->account,
                   d->name);
    digest_format(&d->digest, digest);
    http_audit_allowed(req, ACTION, arn);
    http_audit_reference(req, digest);
}

static enum http_begin begin(void *ctx, struct http_req *req, struct http_plan *plan,
                             struct http_res *res)
{
    struct sw_err err = SW_ERR_INIT;
    struct download *d = SW_NEW(struct download);
    d->api = ctx;
    req->route = "ecr.layer";
    req->principal = principal_anonymous();
    if (req->method != HTTP_GET && req->method != HTTP_HEAD)
        (void)sw_fail(&err, SW_EUNSUPPORTED, "UNSUPPORTED", "an address of a layer is for GET");
    else if (open_statement(req, d, &err) < 0)
        http_audit_denied(req, ACTION, NULL, &err);
    if (err.code != 0) {
        free(d);
        (void)refuse(req, &err, res);
        return HTTP_ANSWER;
    }
    audit(req, d);
    *plan = (struct http_plan){.mode = HTTP_BODY_NONE, .run = run, .free = free, .state = d};
    return HTTP_GO;
}

static bool match(void *ctx SW_UNUSED, const struct http_req *req)
{
    return strcmp(req->path, PATH) == 0;
}

static void error(void *ctx SW_UNUSED, const struct http_req *req, const struct sw_err *err,
                  struct http_res *res)
{
    wire_log(req, err);
    wire_oci_error(res, err);
}

struct http_service ecr_download_service(struct ecr_api *a)
{
    return (struct http_service){
        .name = "ecr-layer", .match = match, .begin = begin, .error = error, .ctx = a};
}
