/* SPDX-License-Identifier: Apache-2.0 */
/* api/awsjson.c - AWS JSON 1.1 (POST /, X-Amz-Target).
 * Invariants: 1. nothing of a body is looked at before its signature is verified. 2. A handler runs only with a document that its
 * table accepts. 3. A successful answer without a granted aws_may is an internal error: an operation cannot forget to ask.
 * 4. A ticket holds copies only: the exchange may be gone (shutdown) when it is completed.
 * 5. More than LIMIT_AWS_BODY_UNKNOWN bytes of memory are only given to who names a key of ours, and now. */
#include "api/awsjson.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "api/wire_errors.h"
#include "base/alloc.h"
#include "base/clock.h"
#include "base/encode.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/macros.h"

#define CONTENT_TYPE "application/x-amz-json-1.1"
#define HEADERS_MAX  128 /* of a signed request */
#define PAGE_KEY_MAX 1040

struct aws_edge {
    struct aws_edge_options o;
    struct aws_service *services;
    char ***routes; /* "ecr:CreateRepository", by service and operation */
};

/* One exchange. */
struct aws_state {
    struct aws_edge *edge;
    struct aws_call call;
    json_t *doc;
    void *bound;
};

struct aws_ticket {
    struct http_ticket *http;
    const struct aws_op *op;
    struct http_req req; /* id and route only: what an answer and its log line need */
};

static void set_common(struct http_res *res, const struct http_req *req)
{
    http_res_set(res, "Content-Type", CONTENT_TYPE);
    http_res_set(res, "x-amzn-RequestId", "%s", req->id);
}

static void answer_error(const struct http_req *req, const struct sw_err *err, struct http_res *res)
{
    wire_log(req, err);
    wire_aws_error(res, err);
    set_common(res, req);
}

static int check_reply(const struct aws_op *op, const json_t *out, struct sw_err *err)
{
    if (!SLIPWAY_TEST_BUILD || !op->out)
        return 0;
    int r = schema_check_output(op->out, out, err);
    return r < 0 ? sw_prefix(err, "%s", op->name) : 0;
}

/* Writes `out`, or the error that it does not fit its table. */
static void answer(const struct aws_op *op, const struct http_req *req, const json_t *out,
                   struct http_res *res)
{
    struct sw_err err = SW_ERR_INIT;

    if (check_reply(op, out, &err) < 0) {
        answer_error(req, &err, res);
        return;
    }
    char *text = sw_json_dump(out);
    http_res_borrow(res, text, strlen(text), free, text);
    set_common(res, req);
}

int aws_may_action(struct aws_call *call, const char *action, const char *resource,
                   struct sw_err *err)
{
    int r = may(&call->principal, action, resource, &call->context, err);

    if (r < 0)
        http_audit_denied(call->req, action, resource, err);
    else
        http_audit_allowed(call->req, action, resource);
    return r;
}

int aws_may(struct aws_call *call, const char *resource, struct sw_err *err)
{
    int r = aws_may_action(call, call->op->action, resource, err);

    if (r == 0)
        call->authorized = true;
    return r;
}

struct aws_ticket *aws_defer(struct aws_call *call)
{
    assert(call->authorized && !call->deferred);
    struct http_ticket *http = http_defer(call->req);
    if (!http)
        return NULL;
    struct aws_ticket *t = SW_NEW(struct aws_ticket);
    t->http = http;
    t->op = call->op;
    t->req.route = call->req->route;
    memcpy(t->req.id, call->req->id, sizeof(t->req.id));
    call->deferred = true;
    return t;
}

void aws_complete(struct aws_ticket *t, json_t *out, const struct sw_err *err)
{
    struct http_res res;

    http_res_init(&res);
    if (err && err->code != 0)
        answer_error(&t->req, err, &res);
    else
        answer(t->op, &t->req, out, &res);
    json_decref(out);
    http_complete(t->http, &res);
    free(t);
}

static bool in_list(const char *const *names, struct sw_str name)
{
    for (; names && *names; names++)
        if (sw_str_eq_z(name, *names))
            return true;
    return false;
}

static const struct aws_op *find_op(const struct aws_service *s, struct sw_str name)
{
    size_t low = 0, high = s->ops_n;

    while (low < high) {
        size_t mid = low + (high - low) / 2;
        int c = sw_str_cmp(name, sw_str(s->ops[mid].name));
        if (c == 0)
            return &s->ops[mid];
        if (c < 0)
            high = mid;
        else
            low = mid + 1;
    }
    return NULL;
}

/* "Prefix.Operation" to the service and operation of the call. */
static int find_target(struct aws_state *st, struct sw_err *err)
{
    const char *target = http_req_header(st->call.req, "X-Amz-Target");
    const char *dot = target ? strrchr(target, '.') : NULL;

    if (!dot)
        return sw_fail(err, SW_EINVALID, "UnknownOperationException",
                       "the header X-Amz-Target names no operation");
    struct sw_str prefix = {target, (size_t)(dot - target)}, name = sw_str(dot + 1);
    for (size_t i = 0; i < st->edge->o.services_n; i++) {
        const struct aws_service *s = &st->edge->services[i];
        if (!sw_str_eq_z(prefix, s->target_prefix))
            continue;
        st->call.service = s;
        st->call.op = find_op(s, name);
        if (st->call.op) {
            st->call.req->route = st->edge->routes[i][st->call.op - s->ops];
            return 0;
        }
        if (in_list(s->unimplemented, name))
            return sw_fail(err, SW_EUNSUPPORTED, "UnsupportedFeatureException",
                           "%s: the operation " SW_STR_FMT " is not implemented", s->signing_name,
                           SW_STR_ARG(name));
    }
    return sw_fail(err, SW_EINVALID, "UnknownOperationException", "there is no operation %.200s",
                   target);
}

static int64_t now_of(const struct aws_edge *e)
{
    return e->o.now_us ? e->o.now_us() : sw_now_us();
}

/* headers: room for the request's. */
static int to_signed(const struct http_req *req, struct sigv4_header headers[HEADERS_MAX],
                     struct sigv4_request *ret, struct sw_err *err)
{
    if (req->headers_n > HEADERS_MAX)
        return sw_fail(err, SW_EINVALID, "IncompleteSignatureException",
                       "the request has more than %d headers", HEADERS_MAX);
    for (size_t i = 0; i < req->headers_n; i++)
        headers[i] =
            (struct sigv4_header){sw_str(req->headers[i].name), sw_str(req->headers[i].value)};
    *ret = (struct sigv4_request){
        .method = sw_str(http_method_to_string(req->method)),
        .path = sw_str(req->path),
        .query = sw_str(req->query),
        .headers = headers,
        .headers_n = req->headers_n,
        .body = sw_buf_str(&req->body),
    };
    return 0;
}

/* Who calls, in which region; the credential must be scoped to the target's service. */
static int identify(struct aws_state *st, struct sw_err *err)
{
    struct http_req *req = st->call.req;
    struct sigv4_header headers[HEADERS_MAX];
    struct sigv4_request signed_request;
    struct sigv4_result result;
    int64_t now_us = now_of(st->edge);
    int r = to_signed(req, headers, &signed_request, err);

    if (r == 0)
        r = sigv4_verify(&signed_request, now_us, st->edge->o.secret, st->edge->o.secret_ctx,
                         &result, err);
    if (r < 0)
        return r;
    req->principal = st->call.principal = result.principal;
    st->call.now_us = now_us;
    if (strcmp(result.service, st->call.service->signing_name) != 0)
        return sw_fail(err, SW_EDENIED, "InvalidSignatureException",
                       "Credential should be scoped to correct service: '%s'.",
                       st->call.service->signing_name);
    (void)sw_str_copy(sw_str(result.region), st->call.region, sizeof(st->call.region));
    st->call.context = (struct policy_context){.account = st->call.principal.account,
                                               .source_ip = req->peer_ip,
                                               .secure_transport = req->secure};
    return 0;
}

static int authenticate(struct aws_state *st, struct sw_err *err)
{
    int r = identify(st, err);

    if (r < 0)
        http_audit_denied(st->call.req, st->call.op->action, NULL, err);
    return r;
}

static int check_media_type(const struct http_req *req, struct sw_err *err)
{
    const char *encoding = http_req_header(req, "Content-Encoding");
    const char *type = http_req_header(req, "Content-Type");

    if (encoding && *encoding && strcasecmp(encoding, "identity") != 0)
        return sw_fail(err, SW_EUNSUPPORTED, "UnsupportedFeatureException",
                       "the Content-Encoding %.60s is not supported", encoding);
    if (!type)
        return 0;
    struct sw_str rest = sw_str(type), media;
    (void)sw_str_split(&rest, ';', &media);
    media = sw_str_trim(media);
    if (sw_str_eq_nocase(media, SW_STR("application/x-amz-json-1.1")) ||
        sw_str_eq_nocase(media, SW_STR("application/x-amz-json-1.0")))
        return 0;
    return sw_fail(err, SW_EINVALID, "SerializationException",
                   "the Content-Type must be application/x-amz-json-1.1, not %.60s", type);
}

static int load_input(struct aws_state *st, struct sw_err *err)
{
    const struct aws_op *op = st->call.op;
    struct sw_str text = sw_buf_str(&st->call.req->body);

    if (text.n == 0)
        text = SW_STR("{}");
    int r = sw_json_load(text, LIMIT_AWS_DEPTH, LIMIT_AWS_VALUES, "SerializationException",
                         &st->doc, err);
    if (r < 0)
        return r;
    if (op->in_size)
        st->bound = sw_calloc(1, op->in_size);
    st->call.input = st->doc;
    return schema_validate(op->in, st->doc, st->call.service->invalid_reason, st->bound,
                           op->in_size, err);
}

static int perform(struct aws_state *st, json_t *out, struct http_res *res, struct sw_err *err)
{
    int r = check_media_type(st->call.req, err);

    if (r == 0)
        r = find_target(st, err);
    if (r == 0)
        (void)authenticate(st, err);
    r = rate_take_any(st->edge->o.rate, st->call.req, res, err);
    if (r == 0)
        r = load_input(st, err);
    if (r == 0)
        r = st->call.op->fn(&st->call, st->bound, out, err);
    assert(r >= 0 || !st->call.deferred);
    if (r >= 0 && !st->call.authorized)
        return sw_fail(err, SW_EINTERNAL, NULL, "%s answered without asking for permission",
                       st->call.op->name);
    return r;
}

static enum http_run edge_run(void *state, struct http_req *req, struct http_res *res,
                              struct sw_err *err)
{
    struct aws_state *st = state;
    sw_autojson json_t *out = json_object();

    st->call.req = req;
    if (err->code == 0)
        (void)perform(st, out, res, err);
    if (err->code != 0)
        answer_error(req, err, res);
    else if (st->call.deferred)
        return HTTP_DEFERRED;
    else
        answer(st->call.op, req, out, res);
    return HTTP_DONE;
}

static void edge_state_free(void *state)
{
    struct aws_state *st = state;

    json_decref(st->doc);
    free(st->bound);
    free(st);
}

static bool edge_match(void *ctx, const struct http_req *req)
{
    (void)ctx;
    if (req->method != HTTP_POST || strcmp(req->path, "/") != 0)
        return false;
    const char *authorization = http_req_header(req, "Authorization");
    return http_req_header(req, "X-Amz-Target") ||
           (authorization && strncmp(authorization, "AWS4-", 5) == 0);
}

/* A body is kept whole until its signature is checked, so whoever is not known gets little room for one. */
static int admit(const struct aws_edge *e, struct http_req *req, struct http_res *res,
                 struct sw_err *err)
{
    struct sigv4_header headers[HEADERS_MAX];
    struct sigv4_request head;

    if (req->content_length >= 0 && req->content_length <= LIMIT_AWS_BODY_UNKNOWN)
        return 0;
    int r = to_signed(req, headers, &head, err);
    if (r == 0)
        r = sigv4_check_head(&head, now_of(e), e->o.secret, e->o.secret_ctx, err);
    if (r == 0)
        return 0;
    http_audit_denied(req, NULL, NULL, err);
    return rate_take_any(e->o.rate, req, res, err);
}

static enum http_begin edge_begin(void *ctx, struct http_req *req, struct http_plan *ret_plan,
                                  struct http_res *res)
{
    struct sw_err err = SW_ERR_INIT;

    req->route = "aws";
    if (admit(ctx, req, res, &err) < 0) {
        answer_error(req, &err, res);
        return HTTP_ANSWER;
    }
    struct aws_state *st = SW_NEW(struct aws_state);
    st->edge = ctx;
    *ret_plan = (struct http_plan){.mode = HTTP_BODY_BUFFERED,
                                   .body_max = LIMIT_AWS_BODY,
                                   .run = edge_run,
                                   .free = edge_state_free,
                                   .state = st};
    return HTTP_GO;
}

static void edge_error(void *ctx, const struct http_req *req, const struct sw_err *err,
                       struct http_res *res)
{
    (void)ctx;
    answer_error(req, err, res);
}

static char **make_routes(const struct aws_service *s)
{
    char **routes = sw_calloc(s->ops_n ? s->ops_n : 1, sizeof(*routes));

    for (size_t k = 0; k < s->ops_n; k++)
        routes[k] = sw_asprintf("%s:%s", s->signing_name, s->ops[k].name);
    return routes;
}

struct aws_edge *aws_edge_new(const struct aws_edge_options *o)
{
    struct aws_edge *e = SW_NEW(struct aws_edge);

    e->o = *o;
    e->services = sw_calloc(o->services_n ? o->services_n : 1, sizeof(*e->services));
    e->routes = sw_calloc(o->services_n ? o->services_n : 1, sizeof(*e->routes));
    for (size_t i = 0; i < o->services_n; i++) {
        const struct aws_service *s = &o->services[i];
        e->services[i] = *s;
        e->routes[i] = make_routes(s);
        for (size_t k = 1; k < s->ops_n; k++)
            assert(strcmp(s->ops[k - 1].name, s->ops[k].name) < 0);
    }
    e->o.services = e->services;
    return e;
}

void aws_edge_free(struct aws_edge *e)
{
    if (!e)
        return;
    for (size_t i = 0; i < e->o.services_n; i++) {
        for (size_t k = 0; k < e->services[i].ops_n; k++)
            free(e->routes[i][k]);
        free(e->routes[i]);
    }
    free(e->routes);
    free(e->services);
    free(e);
}

struct http_service aws_edge_service(struct aws_edge *e)
{
    return (struct http_service){
        .name = "aws", .match = edge_match, .begin = edge_begin, .error = edge_error, .ctx = e};
}

void aws_page_token(const char *last_key, char out[AWS_PAGE_TOKEN_MAX])
{
    char text[PAGE_KEY_MAX + 4];
    size_t n = strlen(last_key);

    assert(n <= PAGE_KEY_MAX);
    memcpy(text, "v1:", 3);
    memcpy(text + 3, last_key, n);
    sw_base64url(text, n + 3, out);
}

int aws_page_token_parse(const char *token, char *out, size_t cap, const char *reason,
                         struct sw_err *err)
{
    char text[PAGE_KEY_MAX + 4];
    size_t n = 0;

    if (strlen(token) >= AWS_PAGE_TOKEN_MAX ||
        !sw_unbase64url(sw_str(token), text, sizeof(text) - 1, &n) || n < 3 ||
        memcmp(text, "v1:", 3) != 0 || !sw_utf8_valid(sw_str_n(text, n)) ||
        !sw_str_copy(sw_str_n(text + 3, n - 3), out, cap))
        return sw_fail(err, SW_EINVALID, reason, "the page token is not one of ours");
    return 0;
}
