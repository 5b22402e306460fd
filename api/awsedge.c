/* SPDX-License-Identifier: Apache-2.0 */
/* api/awsedge.c - from a request to an operation's handler and back, for every protocol.
 * Invariants: 1. nothing of a signed body is looked at before its signature is verified, and only then is it inflated; a body
 * without a signature reaches only operations that are marked so. 2. A handler runs only with a document that its table accepts.
 * 3. A successful answer without a granted aws_may is an internal error: an operation cannot forget to ask.
 * 4. A ticket holds copies only: the exchange may be gone (shutdown) when it is completed.
 * 5. More than LIMIT_AWS_BODY_UNKNOWN bytes of memory are only given to who names a key of ours, and now. */
#include "api/awsedge.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "api/awsjson.h"
#include "api/awsquery.h"
#include "api/inflate.h"
#include "api/rejected.h"
#include "api/tag_rules.h"
#include "api/wire_errors.h"
#include "base/alloc.h"
#include "base/clock.h"
#include "base/encode.h"
#include "base/gate.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/macros.h"

#define FEW_VALUES 5000 /* of a call, that are always taken */

#define EXPLAIN_BYTES 1024
#define HEADERS_MAX   128 /* of a signed request */
#define PAGE_KEY_MAX  1040

struct aws_edge {
    struct aws_edge_options o;
    struct aws_service *services;
    char ***routes; /* "ecr:CreateRepository", by service and operation */
};

/* One exchange. */
struct aws_state {
    struct aws_edge *edge;
    const struct aws_codec *codec;
    struct aws_call call;
    struct sw_buf inflated;
    json_t *doc;
    void *bound;
    bool many_values; /* holds a place of `many_values_places` */
};

struct aws_ticket {
    struct http_ticket *http;
    const struct aws_codec *codec;
    const struct aws_service *service;
    const struct aws_op *op;
    struct http_req req; /* id and route only: what an answer and its log line need */
};

static void answer_error(const struct aws_codec *c, const struct aws_service *s,
                         const struct http_req *req, const struct sw_err *err, const json_t *more,
                         struct http_res *res)
{
    wire_log(req, err);
    c->error(s, req, err, more, res);
    http_res_set(res, "x-amzn-RequestId", "%s", req->id);
}

static int check_reply(const struct aws_op *op, const json_t *out, struct sw_err *err)
{
    if (!SLIPWAY_TEST_BUILD || !op->out)
        return 0;
    int r = schema_check_output(op->out, out, err);
    return r < 0 ? sw_prefix(err, "%s", op->name) : 0;
}

/* Writes `out`, or the error that it does not fit its table. */
static void answer(const struct aws_codec *c, const struct aws_service *s, const struct aws_op *op,
                   const struct http_req *req, const json_t *out, struct http_res *res)
{
    struct sw_err err = SW_ERR_INIT;

    if (check_reply(op, out, &err) < 0 || c->answer(s, op, req->id, out, res, &err) < 0)
        answer_error(c, s, req, &err, NULL, res);
    else
        http_res_set(res, "x-amzn-RequestId", "%s", req->id);
}

static void answer_stream(struct aws_call *call, struct http_res *res)
{
    http_res_stream(res, SW_TAKE(call->stream));
    http_res_set(res, "Content-Type", "%s", call->stream_type);
    http_res_set(res, "x-amzn-RequestId", "%s", call->req->id);
}

/* A request says by its headers which protocol it speaks. */
static const struct aws_codec *codec_of(const struct http_req *req)
{
    if (http_req_header(req, "X-Amz-Target"))
        return &aws_json_codec;
    return req->method == HTTP_GET || aws_query_is_form(req) ? &aws_query_codec : &aws_json_codec;
}

int aws_may_action(struct aws_call *call, const char *action, const char *resource,
                   struct sw_err *err)
{
    struct sw_buf explain = SW_BUF_INIT(EXPLAIN_BYTES);
    call->context.explain = &explain;
    int r = may(call->authorizer, &call->principal, action, resource, &call->context, err);
    call->context.explain = NULL;
    if (r < 0)
        http_audit_denied(call->req, action, resource, err);
    else
        http_audit_allowed(call->req, action, resource);
    if (r < 0 && explain.n > 0)
        http_audit_explain(call->req, explain.p);
    sw_buf_done(&explain);
    return r;
}

int aws_may(struct aws_call *call, const char *resource, struct sw_err *err)
{
    int r = aws_may_action(call, call->op->action, resource, err);

    if (r == 0)
        call->authorized = true;
    return r;
}

void aws_allow(struct aws_call *call, const char *resource)
{
    http_audit_allowed(call->req, call->op->action, resource);
    call->authorized = true;
}

struct aws_ticket *aws_defer(struct aws_call *call)
{
    assert(call->authorized && !call->deferred);
    struct http_ticket *http = http_defer(call->req);
    if (!http)
        return NULL;
    struct aws_ticket *t = SW_NEW(struct aws_ticket);
    t->http = http;
    t->codec = codec_of(call->req);
    t->service = call->service;
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
        answer_error(t->codec, t->service, &t->req, err, NULL, &res);
    else
        answer(t->codec, t->service, t->op, &t->req, out, &res);
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

static int unknown_operation(const struct aws_service *s, struct sw_str name, const char *version,
                             struct sw_err *err)
{
    if (in_list(s->unimplemented, name))
        return sw_fail(err, SW_EUNSUPPORTED, "UnsupportedFeatureException",
                       "%s: the operation " SW_STR_FMT " is not implemented", s->signing_name,
                       SW_STR_ARG(name));
    if (version)
        return sw_fail(err, SW_EINVALID, "UnknownOperationException",
                       "Could not find operation %.100s for version %.40s", name.p, version);
    return sw_fail(err, SW_EINVALID, "UnknownOperationException", "there is no operation %s.%.100s",
                   s->target_prefix, name.p);
}

static bool take_op(struct aws_state *st, const struct aws_service *s, struct sw_str name)
{
    st->call.service = s;
    st->call.op = find_op(s, name);
    if (!st->call.op)
        return false;
    st->call.req->route = st->edge->routes[s - st->edge->services][st->call.op - s->ops];
    return true;
}

/* JSON: the service and operation of the call. */
static int find_target(struct aws_state *st, struct sw_err *err)
{
    const char *target = http_req_header(st->call.req, "X-Amz-Target");
    struct sw_str prefix, name;
    int r = aws_json_target(target, &prefix, &name, err);

    for (size_t i = 0; r == 0 && i < st->edge->o.services_n; i++) {
        const struct aws_service *s = &st->edge->services[i];
        if (s->protocol == AWS_JSON_1_1 && sw_str_eq_z(prefix, s->target_prefix))
            return take_op(st, s, name) ? 0 : unknown_operation(s, name, NULL, err);
    }
    return r < 0 ? r
                 : sw_fail(err, SW_EINVALID, "UnknownOperationException",
                           "there is no operation %.200s", target);
}

/* Query: the same from the parameters; signing_name: of the verified credential, NULL without one. */
static int find_action(struct aws_state *st, const char *signing_name, struct sw_err *err)
{
    const struct aws_service *near = NULL;
    const char *action, *version;
    int r = aws_query_action(st->doc, &action, &version, err);

    if (r < 0)
        return r;
    for (size_t i = 0; i < st->edge->o.services_n; i++) {
        const struct aws_service *s = &st->edge->services[i];
        if (s->protocol != AWS_QUERY || (signing_name && !sw_streq(s->signing_name, signing_name)))
            continue;
        if (!near || sw_streq(s->api_version, version))
            near = s;
        if (sw_streq(s->api_version, version) && take_op(st, s, sw_str(action)))
            return 0;
    }
    if (near && signing_name)
        return unknown_operation(near, sw_str(action), version, err);
    return sw_fail(err, SW_EINVALID, "UnknownOperationException",
                   "Could not find operation %.100s for version %.40s%s%s", action, version,
                   signing_name ? " of service " : "", signing_name ? signing_name : "");
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

/* Who calls, in which region, by a credential for which service. */
static int identify(struct aws_state *st, struct sigv4_result *ret, struct sw_err *err)
{
    struct http_req *req = st->call.req;
    struct sigv4_header headers[HEADERS_MAX];
    struct sigv4_request signed_request;
    int r = to_signed(req, headers, &signed_request, err);

    if (r == 0)
        r = sigv4_verify(&signed_request, st->call.now_us, st->edge->o.secret,
                         st->edge->o.secret_ctx, ret, err);
    /* Whoever has no key of ours does not push out what others look for. */
    if (r < 0 && st->edge->o.rejected && sw_streq(err->reason, "InvalidSignatureException") &&
        sigv4_key_exists(&signed_request, st->call.now_us, st->edge->o.secret,
                         st->edge->o.secret_ctx))
        rejected_note(st->edge->o.rejected, req, &signed_request, st->call.now_us, err);
    if (r < 0)
        return r;
    req->principal = st->call.principal = ret->principal;
    (void)sw_str_copy(sw_str(ret->region), st->call.region, sizeof(st->call.region));
    return 0;
}

static int check_scope(const struct aws_state *st, const struct sigv4_result *id,
                       struct sw_err *err)
{
    if (strcmp(id->service, st->call.service->signing_name) == 0)
        return 0;
    return sw_fail(err, SW_EDENIED, "InvalidSignatureException",
                   "Credential should be scoped to correct service: '%s'.",
                   st->call.service->signing_name);
}

static int check_media_type(const struct aws_state *st, struct sw_err *err)
{
    const char *type = http_req_header(st->call.req, "Content-Type");
    struct sw_str rest = sw_str(type), media;

    if (!type || st->call.req->method == HTTP_GET)
        return 0;
    (void)sw_str_split(&rest, ';', &media);
    return st->codec->check_media(sw_str_trim(media), err);
}

/* A value takes up to 300 bytes of memory for a few of text, so of calls with many of them a few at once are in memory. A long string,
 * as a layer's part is, is none of them. Nobody waits here who holds a place of a manifest, and the other way round they may. */
static struct sw_gate many_values_places = SW_GATE_INIT(4);

static bool has_many_values(struct sw_str body)
{
    size_t n = 0;

    for (size_t i = 0; i < body.n && n <= FEW_VALUES; i++)
        n += body.p[i] == ',' || body.p[i] == '{' || body.p[i] == '[' || body.p[i] == '&';
    return n > FEW_VALUES;
}

/* The input is gone by now, or belongs to an answer that comes later. */
static void leave_place(struct aws_state *st)
{
    if (st->many_values)
        sw_gate_leave(&many_values_places);
    st->many_values = false;
}

/* What the body says; after its signature was verified. */
static int read_body(struct aws_state *st, struct sw_err *err)
{
    struct http_req *req = st->call.req;
    const char *encoding = http_req_header(req, "Content-Encoding");
    struct sw_str body = req->method == HTTP_GET ? sw_str(req->query) : sw_buf_str(&req->body);

    if (encoding && *encoding && strcasecmp(encoding, "identity") != 0) {
        st->inflated = (struct sw_buf)SW_BUF_INIT(LIMIT_AWS_BODY);
        int r = api_inflate(encoding, body, &st->inflated, err);
        if (r < 0)
            return r;
        body = sw_buf_str(&st->inflated);
    }
    st->many_values = has_many_values(body);
    if (st->many_values)
        sw_gate_enter(&many_values_places);
    return st->codec->load(body, &st->doc, err);
}

static int take_rate(struct aws_state *st, struct http_res *res, struct sw_err *err)
{
    if (err->code != 0)
        http_audit_denied(st->call.req, st->call.op ? st->call.op->action : NULL, NULL, err);
    return rate_take_any(st->edge->o.rate, st->call.req, res, err);
}

static int route_json(struct aws_state *st, struct http_res *res, struct sw_err *err)
{
    struct sigv4_result id;
    int r = find_target(st, err);

    if (r < 0)
        return rate_take_any(st->edge->o.rate, st->call.req, res, err);
    if (identify(st, &id, err) == 0)
        (void)check_scope(st, &id, err);
    r = take_rate(st, res, err);
    return r < 0 ? r : read_body(st, err);
}

static bool is_unsigned(const struct http_req *req)
{
    return !http_req_header(req, "Authorization") && !strstr(req->query, "X-Amz-Signature=");
}

static int route_query(struct aws_state *st, struct http_res *res, struct sw_err *err)
{
    bool anonymous = is_unsigned(st->call.req);
    struct sigv4_result id;

    if (!anonymous)
        (void)identify(st, &id, err);
    int r = take_rate(st, res, err);
    if (r == 0)
        r = read_body(st, err);
    if (r == 0)
        r = find_action(st, anonymous ? NULL : id.service, err);
    if (r == 0 && anonymous &&
        !in_list(st->call.service->unsigned_ops, sw_str(st->call.op->name))) {
        r = sw_fail(err, SW_EDENIED, "MissingAuthenticationTokenException",
                    "Request is missing Authentication Token");
        http_audit_denied(st->call.req, st->call.op->action, NULL, err);
    }
    return r;
}

static const char *tags_reason(const struct aws_service *s)
{
    return s->tags_reason ? s->tags_reason : s->invalid_reason;
}

static int load_input(struct aws_state *st, struct sw_err *err)
{
    const struct aws_op *op = st->call.op;
    int r = st->codec->shape ? st->codec->shape(op, &st->doc, err) : 0;

    if (r < 0)
        return r;
    if (op->in_size)
        st->bound = sw_calloc(1, op->in_size);
    st->call.input = st->doc;
    r = schema_validate(op->in, st->doc, st->call.service->invalid_reason, st->bound, op->in_size,
                        err);
    return r < 0 ? r : tag_rules_check(st->doc, tags_reason(st->call.service), err);
}

static void set_context(struct aws_state *st)
{
    struct aws_call *c = &st->call;

    c->authorizer = st->edge->o.authorizer;
    c->context = (struct policy_context){.account = c->principal.account,
                                         .source_ip = c->req->peer_ip,
                                         .secure_transport = c->req->secure,
                                         .region = c->region,
                                         .user_agent = http_req_header(c->req, "User-Agent"),
                                         .now_us = c->now_us};
}

static int perform(struct aws_state *st, json_t *out, struct http_res *res, struct sw_err *err)
{
    int r = check_media_type(st, err);

    st->call.now_us = now_of(st->edge);
    if (r == 0)
        r = st->codec == &aws_json_codec ? route_json(st, res, err) : route_query(st, res, err);
    else
        r = rate_take_any(st->edge->o.rate, st->call.req, res, err);
    set_context(st);
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

/* For errors that come before routing: the service that the credential claims to be for, by its signing name alone. */
static const struct aws_service *claimed_service(const struct aws_edge *e,
                                                 const struct http_req *req)
{
    const char *value = http_req_header(req, "Authorization");
    const char *end = value ? strstr(value, "/aws4_request") : NULL;
    const char *at = end;

    while (at && at > value && at[-1] != '/')
        at--;
    for (size_t i = 0; at && i < e->o.services_n; i++)
        if (sw_str_eq_z(sw_str_n(at, (size_t)(end - at)), e->services[i].signing_name) &&
            e->services[i].protocol == AWS_QUERY)
            return &e->services[i];
    return NULL;
}

static enum http_run edge_run(void *state, struct http_req *req, struct http_res *res,
                              struct sw_err *err)
{
    struct aws_state *st = state;
    sw_autojson json_t *out = json_object();

    st->call.req = req;
    st->call.principal = principal_anonymous();
    st->codec = codec_of(req);
    if (err->code == 0)
        (void)perform(st, out, res, err);
    if (err->code != 0)
        answer_error(st->codec,
                     st->call.service ? st->call.service : claimed_service(st->edge, req), req, err,
                     st->call.error_members, res);
    else if (st->call.stream)
        answer_stream(&st->call, res);
    else if (!st->call.deferred)
        answer(st->codec, st->call.service, st->call.op, req, out, res);
    bool later = err->code == 0 && st->call.deferred;
    if (st->many_values && !later)
        json_decref(SW_TAKE(st->doc)); /* not only when the peer has taken the answer */
    leave_place(st);
    return later ? HTTP_DEFERRED : HTTP_DONE;
}

static void edge_state_free(void *state)
{
    struct aws_state *st = state;

    json_decref(st->doc);
    json_decref(st->call.error_members);
    sw_buf_done(&st->inflated);
    free(st->bound);
    free(st);
}

static bool edge_match(void *ctx, const struct http_req *req)
{
    (void)ctx;
    if (strcmp(req->path, "/") != 0)
        return false;
    if (req->method == HTTP_GET)
        return aws_query_is_query(req);
    const char *authorization = http_req_header(req, "Authorization");
    return req->method == HTTP_POST &&
           (http_req_header(req, "X-Amz-Target") || aws_query_is_form(req) ||
            (authorization && strncmp(authorization, "AWS4-", 5) == 0));
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

/* Before the signature: only how much may be read depends on it. */
static uint64_t body_max_of(struct aws_edge *e, struct http_req *req)
{
    struct aws_state probe = {.edge = e, .call = {.req = req}};
    struct sw_err ignored = SW_ERR_INIT;
    const char *route = req->route;
    bool known = http_req_header(req, "X-Amz-Target") && find_target(&probe, &ignored) == 0;

    req->route = route;
    return known && sw_streq(probe.call.op->name, probe.call.service->large_op)
               ? probe.call.service->large_body
               : LIMIT_AWS_BODY;
}

static enum http_begin edge_begin(void *ctx, struct http_req *req, struct http_plan *ret_plan,
                                  struct http_res *res)
{
    struct sw_err err = SW_ERR_INIT;

    req->route = "aws";
    if (admit(ctx, req, res, &err) < 0) {
        answer_error(codec_of(req), claimed_service(ctx, req), req, &err, NULL, res);
        return HTTP_ANSWER;
    }
    struct aws_state *st = SW_NEW(struct aws_state);
    st->edge = ctx;
    *ret_plan = (struct http_plan){.mode = HTTP_BODY_BUFFERED,
                                   .body_max = body_max_of(ctx, req),
                                   .run = edge_run,
                                   .free = edge_state_free,
                                   .state = st};
    return HTTP_GO;
}

static void edge_error(void *ctx, const struct http_req *req, const struct sw_err *err,
                       struct http_res *res)
{
    answer_error(codec_of(req), claimed_service(ctx, req), req, err, NULL, res);
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
