/* SPDX-License-Identifier: Apache-2.0 */
/* registry/api/oci.c - from a request to its operation: authenticate, route, authorize, begin. The order matters: whoever has no
 * credentials learns nothing but the challenge, whatever the path's spelling; whoever may not act learns nothing about what
 * exists. */
#include "registry/api/oci.h"

#include <string.h>

#include "auth/token_cache.h"
#include "base/alloc.h"
#include "base/clock.h"
#include "base/macros.h"
#include "registry/api/oci_internal.h"
#include "registry/core/creation_template.h"

#define RETRY_AFTER_S 5

static enum http_begin ping(struct oci_call *call SW_UNUSED, struct http_plan *plan SW_UNUSED,
                            struct http_res *res, struct sw_err *err SW_UNUSED)
{
    http_res_set(res, "Docker-Distribution-Api-Version", "registry/2.0");
    http_res_set(res, "Content-Type", "application/json");
    http_res_borrow(res, "{}", 2, NULL, NULL);
    return HTTP_ANSWER;
}

/* clang-format off */
static const struct oci_op ops[] = {
    {OCI_PING,      HTTP_GET,    NULL,                             ping},
    {OCI_PING,      HTTP_HEAD,   NULL,                             ping},
    {OCI_TOKEN,     HTTP_GET,    NULL,                             oci_token_get},
    {OCI_TOKEN,     HTTP_POST,   NULL,                             oci_token_post},
    {OCI_CATALOG,   HTTP_GET,    "ecr:DescribeRepositories",       oci_catalog_get},
    {OCI_BLOB,      HTTP_GET,    "ecr:GetDownloadUrlForLayer",     oci_blob_get},
    {OCI_BLOB,      HTTP_HEAD,   "ecr:BatchCheckLayerAvailability", oci_blob_get},
    {OCI_BLOB,      HTTP_DELETE, "ecr:BatchDeleteImage",           oci_blob_delete},
    {OCI_UPLOADS,   HTTP_POST,   "ecr:InitiateLayerUpload",        oci_upload_post},
    {OCI_UPLOAD,    HTTP_PATCH,  "ecr:UploadLayerPart",            oci_upload_patch},
    {OCI_UPLOAD,    HTTP_PUT,    "ecr:CompleteLayerUpload",        oci_upload_put},
    {OCI_UPLOAD,    HTTP_GET,    "ecr:UploadLayerPart",            oci_upload_get},
    {OCI_UPLOAD,    HTTP_DELETE, "ecr:UploadLayerPart",            oci_upload_delete},
    {OCI_MANIFEST,  HTTP_GET,    "ecr:BatchGetImage",              oci_manifest_get},
    {OCI_MANIFEST,  HTTP_HEAD,   "ecr:BatchGetImage",              oci_manifest_get},
    {OCI_MANIFEST,  HTTP_PUT,    "ecr:PutImage",                   oci_manifest_put},
    {OCI_MANIFEST,  HTTP_DELETE, "ecr:BatchDeleteImage",           oci_manifest_delete},
    {OCI_TAGS,      HTTP_GET,    "ecr:ListImages",                 oci_tags_get},
    {OCI_REFERRERS, HTTP_GET,    "ecr:BatchGetImage",              oci_referrers_get},
};
/* clang-format on */

const char *oci_action_of(enum oci_kind kind, enum http_method method)
{
    for (size_t i = 0; i < SW_ARRAY_LEN(ops); i++)
        if (ops[i].kind == kind && ops[i].method == method && ops[i].action)
            return ops[i].action;
    return "";
}

static int find_op(const struct oci_call *call, const struct oci_op **ret, struct http_res *res,
                   struct sw_err *err)
{
    struct sw_buf allow = SW_BUF_INIT(256);
    for (size_t i = 0; i < SW_ARRAY_LEN(ops); i++) {
        if (ops[i].kind != call->route.kind)
            continue;
        if (ops[i].method == call->req->method) {
            *ret = &ops[i];
            sw_buf_done(&allow);
            return 0;
        }
        (void)sw_buf_addf(&allow, "%s%s", allow.n ? ", " : "",
                          http_method_to_string(ops[i].method));
    }
    http_res_set(res, "Allow", "%s", allow.n ? allow.p : "");
    sw_buf_done(&allow);
    return sw_fail(err, SW_EUNSUPPORTED, "UNSUPPORTED", "the method is not supported here");
}

enum http_begin oci_refuse(const struct oci_call *call, struct http_res *res,
                           const struct sw_err *err)
{
    wire_log(call->req, err);
    wire_oci_error(res, err);
    if (res->status == 401)
        oci_challenge(call->api, call->req, call->bearer, call->auth_error, res);
    if ((res->status == 429 || res->status == 503) && !http_res_get(res, "Retry-After"))
        http_res_set(res, "Retry-After", "%d", RETRY_AFTER_S);
    return HTTP_ANSWER;
}

/* A robot's password that argon2 would have to compute, which is not for a network thread. */
static bool is_unverified(const struct sw_err *err)
{
    return sw_streq(err->reason, "RobotUnverified");
}

static int authorize(struct oci_call *call, const struct oci_op **ret, struct http_res *res,
                     struct sw_err *err)
{
    oci_place(call->api, call->req, call);
    if (oci_authenticate(call, err) < 0 && is_unverified(err))
        return err->code;
    int r = rate_take_any(call->api->o.rate, call->req, res, err);
    if (r < 0)
        return r;
    bool anonymous = call->req->principal.kind == PRINCIPAL_ANONYMOUS;
    r = oci_route_parse(call->req->path, &call->route, err);
    if (r == 0) {
        call->req->route = oci_kind_to_string(call->route.kind);
        if (call->route.kind != OCI_UPLOAD) /* an upload's token is for its owner only */
            http_audit_reference(call->req, call->route.reference);
    }
    if (r == 0)
        r = find_op(call, ret, res, err);
    if (r == 0 && (*ret)->action)
        r = call->route.kind == OCI_CATALOG ? oci_may_list(call, (*ret)->action, err)
                                            : oci_may(call, (*ret)->action, call->route.name, err);
    if (anonymous && (r < 0 || !(*ret)->action) && call->route.kind != OCI_TOKEN) {
        sw_err_clear(err);
        r = sw_fail(err, SW_EDENIED, "UNAUTHORIZED", "authentication required");
    }
    return r;
}

static void call_done(struct oci_call *call)
{
    upload_release(call->upload);
    repo_unref(call->repo);
    free(call->scopes);
}

static enum http_begin begin_call(struct oci_call *call, struct http_plan *plan,
                                  struct http_res *res, struct sw_err *err)
{
    const struct oci_op *op = NULL;
    call->req->route = "oci.unknown";
    enum http_begin b = HTTP_ANSWER;
    if (authorize(call, &op, res, err) == 0)
        b = op->begin(call, plan, res, err);
    if (b == HTTP_GO)
        return b; /* the heap has the call now */
    if (err->code != 0 && (call->may_wait || !is_unverified(err)))
        b = oci_refuse(call, res, err);
    call_done(call);
    return b;
}

/* A request without a body whose password has to be computed: all of it on a worker. */
static enum http_run later_run(void *state, struct http_req *req, struct http_res *res,
                               struct sw_err *err)
{
    struct oci_call call = {.api = state, .req = req, .may_wait = true};
    struct http_plan plan = {0};
    if (err->code != 0)
        (void)oci_refuse(&call, res, err);
    if (err->code != 0 || begin_call(&call, &plan, res, err) == HTTP_ANSWER)
        return HTTP_DONE;
    enum http_run r = plan.run(plan.state, req, res, err);
    plan.free(plan.state);
    return r;
}

static void later_free(void *state SW_UNUSED)
{
}

static enum http_begin service_begin(void *ctx, struct http_req *req, struct http_plan *plan,
                                     struct http_res *res)
{
    struct oci_call call = {.api = ctx, .req = req};
    struct sw_err err = SW_ERR_INIT;
    enum http_begin b = begin_call(&call, plan, res, &err);
    if (b == HTTP_GO || !is_unverified(&err))
        return b;
    if (!req->has_body) {
        *plan = (struct http_plan){
            .mode = HTTP_BODY_NONE, .run = later_run, .free = later_free, .state = ctx};
        return HTTP_GO;
    }
    /* Bodies are planned for here, so this thread has to wait: a client that sends one has asked for something before, and
     * then the password is known, but after a restart. */
    sw_err_clear(&err);
    call = (struct oci_call){.api = ctx, .req = req, .may_wait = true};
    return begin_call(&call, plan, res, &err);
}

struct planned {
    struct oci_call call;
    oci_run_fn run;
    bool ran;
};

static int planned_body(void *state, const void *data, size_t n, struct sw_err *err)
{
    struct planned *p = state;
    return upload_append(p->call.upload, data, n, err);
}

static enum http_run planned_run(void *state, struct http_req *req, struct http_res *res,
                                 struct sw_err *err)
{
    struct planned *p = state;
    p->ran = true;
    p->call.req = req;
    if (err->code == 0)
        (void)p->run(&p->call, res, err);
    if (err->code != 0)
        (void)oci_refuse(&p->call, res, err);
    /* At once, so that the client's next request on another connection finds the upload free. */
    upload_release(SW_TAKE(p->call.upload));
    return HTTP_DONE;
}

/* A request that was cut off: a stream's bytes count, those of a chunk with known bounds or of a closing PUT do not. */
static void planned_free(void *state)
{
    struct planned *p = state;
    if (p->call.upload && !p->ran && !p->call.keep_partial)
        upload_rollback(p->call.upload, p->call.size_before);
    call_done(&p->call);
    free(p);
}

enum http_begin oci_go(struct oci_call *call, struct http_plan *plan, enum http_body_mode mode,
                       uint64_t body_max, oci_run_fn run)
{
    struct planned *p = SW_NEW(struct planned);
    p->call = *call;
    p->run = run;
    *plan = (struct http_plan){.mode = mode,
                               .body_max = body_max,
                               .body = mode == HTTP_BODY_STREAM ? planned_body : NULL,
                               .run = planned_run,
                               .free = planned_free,
                               .state = p};
    return HTTP_GO;
}

int oci_open_repo(struct oci_call *call, bool push, struct sw_err *err)
{
    struct repo_key key = {call->account, call->region, call->route.name};
    int r = repo_open(call->api->o.registry, &key, &call->repo, err);
    bool creates = false;
    struct sw_err other = SW_ERR_INIT;
    if (r != SW_ENOTFOUND || !push)
        return r;
    if (registry_creates_on_push(call->api->o.registry, &key, &creates, &other) < 0) {
        sw_err_clear(err);
        return sw_err_move(err, &other);
    }
    if (!creates)
        return r;
    sw_err_clear(err);
    return oci_may(call, "ecr:CreateRepository", call->route.name, err);
}

int oci_need_repo(struct oci_call *call, struct sw_err *err)
{
    struct repo_key key = {call->account, call->region, call->route.name};
    return call->repo ? 0 : repo_open_or_create(call->api->o.registry, &key, &call->repo, err);
}

/* More than fits is the most, in as many digits as one likes to write. */
static bool parse_page_size(struct sw_str text, int64_t *ret)
{
    if (sw_parse_i64(text, ret))
        return *ret >= 0;
    for (size_t i = 0; i < text.n; i++)
        if (text.p[i] < '0' || text.p[i] > '9')
            return false;
    *ret = INT64_MAX;
    return text.n > 0;
}

int oci_page_size(const struct http_req *req, int64_t max, int64_t *ret, struct sw_err *err)
{
    char text[200];
    int64_t n = max;
    int r = http_req_query(req, "n", text, sizeof(text), err);
    if (r < 0)
        return r;
    if (r > 0 && !parse_page_size(sw_str(text), &n)) {
        sw_fail(err, SW_EINVALID, "PAGINATION_NUMBER_INVALID",
                "n must be a number that is not negative");
        return sw_detail(err, "%s", text);
    }
    *ret = SW_MIN(n, max);
    return 0;
}

bool oci_not_modified(const struct http_req *req, const char *etag)
{
    const char *value = http_req_header(req, "If-None-Match");
    if (!value)
        return false;
    struct sw_str rest = sw_str(value), part;
    while (sw_str_split(&rest, ',', &part)) {
        part = sw_str_trim(part);
        if (sw_str_starts_with(part, "W/"))
            part = sw_str_slice(part, 2, part.n);
        if (sw_str_eq_z(part, "*") || sw_str_eq_z(part, etag))
            return true;
    }
    return false;
}

static bool service_match(void *ctx SW_UNUSED, const struct http_req *req)
{
    return strncmp(req->path, "/v2", 3) == 0 && (req->path[3] == 0 || req->path[3] == '/');
}

static void service_error(void *ctx, const struct http_req *req, const struct sw_err *err,
                          struct http_res *res)
{
    struct sw_err told = *err;
    /* The edge counted the bytes of a body of unknown length: the same code as for one that told it. */
    if (sw_streq(err->reason, "RequestEntityTooLarge") &&
        sw_streq(req->route, oci_kind_to_string(OCI_MANIFEST)))
        told.reason = "MANIFEST_TOO_LARGE";
    wire_log(req, &told);
    wire_oci_error(res, &told);
    if (res->status == 401)
        oci_challenge(ctx, req, false, NULL, res);
}

struct http_service oci_api_service(struct oci_api *a)
{
    return (struct http_service){.name = "oci",
                                 .match = service_match,
                                 .begin = service_begin,
                                 .error = service_error,
                                 .ctx = a};
}

struct oci_api *oci_api_new(const struct oci_api_options *o)
{
    struct oci_api *a = SW_NEW(struct oci_api);
    a->o = *o;
    a->o.account = sw_strdup(o->account);
    a->o.region = sw_strdup(o->region);
    a->o.service_name = sw_strdup(o->service_name ? o->service_name : "ecr.amazonaws.com");
    if (!a->o.now_us)
        a->o.now_us = sw_now_us;
    a->authority = (struct token_authority){.keyring = o->keyring,
                                            .identity = o->identity,
                                            .sessions = o->sessions,
                                            .robots = o->robots,
                                            .cache = token_cache_new()};
    return a;
}

void oci_api_free(struct oci_api *a)
{
    if (!a)
        return;
    free((void *)a->o.account);
    free((void *)a->o.region);
    free((void *)a->o.service_name);
    token_cache_free(a->authority.cache);
    free(a);
}
