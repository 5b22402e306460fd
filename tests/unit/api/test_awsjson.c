/* SPDX-License-Identifier: Apache-2.0 */
/* The AWS edge with JSON without sockets, but for the deferred answers. Requests are signed with our own signer. */
#include "api/awsjson.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "api/mhd.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/macros.h"
#include "tests/lib/test.h"

#define NOW_US  1795270000000000LL
#define TARGET  "Test_V1"
#define PEER_ID "11111111-2222-4333-8444-555555555555"

struct greet_in {
    const char *name;
};

static const struct sw_field greet_in[] = {{.name = "name",
                                            .type = T_STRING,
                                            .flags = F_BOUND | F_REQUIRED,
                                            .off = offsetof(struct greet_in, name)},
                                           F_END};
static const struct sw_field greet_out[] = {{.name = "greeting", .type = T_STRING}, F_END};
static const struct sw_field nothing[] = {F_END};

static char seen_region[64];
static struct http_audit seen_audit;
static char seen_route[64];
static struct aws_ticket *ticket;

static int greet(struct aws_call *call, const void *in, json_t *out, struct sw_err *err)
{
    const struct greet_in *g = in;
    int r = aws_may(call, "arn:aws:test:::x", err);
    if (r < 0)
        return r;
    if (strcmp(g->name, "nobody") == 0)
        return sw_fail(err, SW_ENOTFOUND, "RepositoryNotFoundException", "no %s", g->name);
    if (strcmp(g->name, "broken") == 0)
        return sw_fail(err, SW_EIO, NULL, "secret path");
    (void)snprintf(seen_region, sizeof(seen_region), "%s", call->region);
    sw_json_set_str(out, strcmp(g->name, "wrong") == 0 ? "unlisted" : "greeting", g->name);
    CHECK(call->now_us > 0 && call->input && call->principal.name[0]);
    return 0;
}

static int forget(struct aws_call *call, const void *in, json_t *out, struct sw_err *err)
{
    (void)call, (void)in, (void)out, (void)err;
    return 0;
}

static int poll_long(struct aws_call *call, const void *in, json_t *out, struct sw_err *err)
{
    (void)in;
    int r = aws_may(call, "*", err);
    if (r < 0)
        return r;
    __atomic_store_n(&ticket, aws_defer(call), __ATOMIC_SEQ_CST);
    if (!__atomic_load_n(&ticket, __ATOMIC_SEQ_CST))
        sw_json_set_str(out, "greeting", "now");
    return 0;
}

static const struct aws_op ops[] = {
    {"Forget", forget, nothing, nothing, 0, "test:Forget"},
    {"Greet", greet, greet_in, greet_out, sizeof(struct greet_in), "test:Greet"},
    {"Poll", poll_long, nothing, greet_out, 0, "test:Poll"},
};
static const char *const unimplemented[] = {"Later", NULL};
static const struct aws_service services[] = {{.signing_name = "test",
                                               .target_prefix = TARGET,
                                               .invalid_reason = "InvalidParameterException",
                                               .ops = ops,
                                               .ops_n = SW_ARRAY_LEN(ops),
                                               .unimplemented = unimplemented}};

static int secret(void *ctx, const struct sigv4_key *key, struct principal *ret, char out[129],
                  struct sw_err *err)
{
    const char *id = key->access_key_id;

    (void)ctx;
    if (strcmp(id, "AKIAADMINADMINADMIN") != 0 && strcmp(id, "AKIAUSERUSERUSERUSE") != 0)
        return sw_fail(err, SW_ENOTFOUND, "UnrecognizedClientException",
                       "The security token included in the request is invalid.");
    *ret = (struct principal){.kind = id[4] == 'A' ? PRINCIPAL_ADMIN : PRINCIPAL_USER,
                              .account = "000000000000",
                              .name = "someone",
                              .arn = "arn:aws:iam::000000000000:user/someone"};
    (void)snprintf(out, 129, "secret");
    return 0;
}

static int64_t fixed_now(void)
{
    return NOW_US;
}

struct options {
    const char *target, *body, *type, *encoding, *key, *service, *secret;
    int64_t now_us;
    const char *path;
};

struct signed_headers {
    struct http_header h[8];
    size_t n;
    char date[SW_TIME_LEN];
    struct sw_buf authorization;
};

static void sign(const struct options *o, struct signed_headers *s)
{
    struct sigv4_header sh[8];
    struct sw_err err = SW_ERR_INIT;

    memset(s, 0, sizeof(*s));
    s->authorization.max = 4096;
    sw_format_amz_date(o->now_us ? o->now_us : NOW_US, s->date);
    s->h[s->n++] = (struct http_header){"Host", "127.0.0.1:5000"};
    s->h[s->n++] = (struct http_header){"X-Amz-Date", s->date};
    if (o->target)
        s->h[s->n++] = (struct http_header){"X-Amz-Target", o->target};
    for (size_t i = 0; i < s->n; i++)
        sh[i] = (struct sigv4_header){sw_str(s->h[i].name), sw_str(s->h[i].value)};
    struct sigv4_request q = {SW_STR("POST"), SW_STR("/"), SW_STR(""), sh, s->n, sw_str(o->body)};
    CHECK_OK(sigv4_sign(&q, o->key ? o->key : "AKIAADMINADMINADMIN",
                        o->secret ? o->secret : "secret", "eu-west-1",
                        o->service ? o->service : "test", s->date, &s->authorization, &err));
    s->h[s->n++] = (struct http_header){"Authorization", s->authorization.p};
    if (o->type)
        s->h[s->n++] = (struct http_header){"Content-Type", o->type};
    if (o->encoding)
        s->h[s->n++] = (struct http_header){"Content-Encoding", o->encoding};
}

static struct aws_edge *edge(int64_t (*now)(void))
{
    struct aws_edge_options o = {
        .services = services, .services_n = 1, .secret = secret, .now_us = now};
    return aws_edge_new(&o);
}

/* Runs one request through the edge; returns its answer, body as JSON in *ret. */
static struct http_res perform(struct options o, json_t **ret)
{
    struct aws_edge *e = edge(fixed_now);
    struct http_service service = aws_edge_service(e);
    struct signed_headers s;
    struct http_plan plan;
    struct http_res res;
    struct sw_err err = SW_ERR_INIT;

    if (!o.body)
        o.body = "{}";
    sign(&o, &s);
    struct http_req req = {.method = HTTP_POST,
                           .path = "/",
                           .query = "",
                           .headers = s.h,
                           .headers_n = s.n,
                           .id = PEER_ID,
                           .peer_ip = "127.0.0.1",
                           .body = SW_BUF_INIT(LIMIT_AWS_BODY)};
    http_res_init(&res);
    CHECK(service.match(service.ctx, &req));
    CHECK_EQ_INT(service.begin(service.ctx, &req, &plan, &res), HTTP_GO);
    CHECK_EQ_INT(plan.mode, HTTP_BODY_BUFFERED);
    CHECK_EQ_UINT(plan.body_max, LIMIT_AWS_BODY);
    CHECK(!plan.run_inline);
    CHECK(sw_buf_add_z(&req.body, o.body));
    CHECK_EQ_INT(plan.run(plan.state, &req, &res, &err), HTTP_DONE);
    plan.free(plan.state);
    seen_audit = req.audit;
    (void)snprintf(seen_route, sizeof(seen_route), "%s", req.route);
    CHECK_EQ_STR(http_res_get(&res, "x-amzn-RequestId"), PEER_ID);
    CHECK_EQ_STR(http_res_get(&res, "Content-Type"), "application/x-amz-json-1.1");
    *ret = json_loadb(res.bytes, res.bytes_n, 0, NULL);
    CHECK_NOT_NULL(*ret);
    sw_buf_done(&req.body);
    sw_buf_done(&s.authorization);
    aws_edge_free(e);
    return res;
}

static void expect_error(struct options o, int status, const char *type, const char *part)
{
    sw_autojson json_t *j = NULL;
    struct http_res res = perform(o, &j);
    if (!sw_streq(sw_json_str(j, "__type", NULL), type))
        test_fail(__FILE__, __LINE__, "%d %s: %s", res.status, sw_json_str(j, "__type", "none"),
                  sw_json_str(j, "message", ""));
    CHECK_EQ_INT(res.status, status);
    CHECK_EQ_STR(http_res_get(&res, "x-amzn-ErrorType"), type);
    if (part)
        CHECK_CONTAINS(sw_json_str(j, "message", NULL), part);
    http_res_done(&res);
}

#define GREET TARGET ".Greet"

TEST(performs_an_operation)
{
    static const char *const types[] = {NULL, "application/x-amz-json-1.1",
                                        "application/x-amz-json-1.0",
                                        "application/x-amz-json-1.1; charset=utf-8"};
    for (size_t i = 0; i < SW_ARRAY_LEN(types); i++) {
        sw_autojson json_t *j = NULL;
        struct http_res res = perform((struct options){.target = GREET,
                                                       .body = "{\"name\":\"you\"}",
                                                       .type = types[i],
                                                       .encoding = i ? "identity" : NULL},
                                      &j);
        CHECK_EQ_INT(res.status, 200);
        CHECK_EQ_STR(sw_json_str(j, "greeting", NULL), "you");
        CHECK_EQ_STR(seen_region, "eu-west-1");
        http_res_done(&res);
    }
}

TEST(refuses_unknown_operations)
{
    expect_error((struct options){.target = TARGET ".Nothing"}, 400, "UnknownOperationException",
                 "Nothing");
    expect_error((struct options){.target = "Other_V1.Greet"}, 400, "UnknownOperationException",
                 NULL);
    expect_error((struct options){.target = "Greet"}, 400, "UnknownOperationException", NULL);
    expect_error((struct options){.target = NULL}, 400, "UnknownOperationException", NULL);
    expect_error((struct options){.target = TARGET ".Later"}, 400, "UnsupportedFeatureException",
                 "Later");
}

TEST(refuses_who_is_not_known)
{
    const char *body = "{\"name\":\"you\"}";
    expect_error((struct options){.target = GREET, .body = body, .key = "AKIANOBODYNOBODYNO"}, 400,
                 "UnrecognizedClientException", NULL);
    expect_error((struct options){.target = GREET, .body = body, .secret = "other"}, 400,
                 "InvalidSignatureException", NULL);
    expect_error(
        (struct options){.target = GREET, .body = body, .now_us = NOW_US - 1000LL * 1000000}, 400,
        "InvalidSignatureException", "Signature expired");
    expect_error((struct options){.target = GREET, .body = body, .service = "ecr"}, 400,
                 "InvalidSignatureException",
                 "Credential should be scoped to correct service: 'test'.");
    expect_error((struct options){.target = GREET, .body = body, .key = "AKIAUSERUSERUSERUSE"}, 400,
                 "AccessDeniedException", "test:Greet");
}

TEST(routes_and_audit_notes_say_what_was_asked)
{
    const char *body = "{\"name\":\"you\"}";
    sw_autojson json_t *j = NULL;
    struct http_res res = perform((struct options){.target = GREET, .body = body}, &j);
    http_res_done(&res);
    CHECK_EQ_STR(seen_route, "test:Greet");
    CHECK_EQ_STR(seen_audit.action, "test:Greet");
    CHECK_EQ_STR(seen_audit.resource, "arn:aws:test:::x");
    CHECK(!seen_audit.denied);
    expect_error((struct options){.target = GREET, .body = body, .key = "AKIAUSERUSERUSERUSE"}, 400,
                 "AccessDeniedException", NULL);
    CHECK(seen_audit.denied);
    CHECK_CONTAINS(seen_audit.why, "no identity-based policy allows test:Greet");
    expect_error((struct options){.target = GREET, .body = body, .secret = "other"}, 400,
                 "InvalidSignatureException", NULL);
    CHECK(seen_audit.denied);
    CHECK_EQ_STR(seen_audit.action, "test:Greet");
    expect_error((struct options){.target = TARGET ".Nothing"}, 400, "UnknownOperationException",
                 NULL);
    CHECK_EQ_STR(seen_route, "aws");
    CHECK(!seen_audit.denied);
}

TEST(signature_comes_before_the_document)
{
    expect_error((struct options){.target = GREET, .body = "{not json", .secret = "other"}, 400,
                 "InvalidSignatureException", NULL);
    expect_error((struct options){.target = GREET, .body = "{not json"}, 400,
                 "SerializationException", "line 1");
}

TEST(refuses_bad_documents)
{
    expect_error((struct options){.target = GREET, .body = "[]"}, 400, "SerializationException",
                 NULL);
    expect_error((struct options){.target = GREET, .body = "{\"name\":\"a\",\"name\":\"b\"}"}, 400,
                 "SerializationException", NULL);
    expect_error((struct options){.target = GREET, .body = "{\"name\":5}"}, 400,
                 "SerializationException", "name");
    expect_error((struct options){.target = GREET, .body = "{}"}, 400, "InvalidParameterException",
                 "name");
    expect_error((struct options){.target = GREET, .body = ""}, 400, "InvalidParameterException",
                 "name");
    expect_error((struct options){.target = GREET, .body = "{\"name\":\"a\",\"x\":1}"}, 400,
                 "InvalidParameterException", "Unknown parameter: 'x'");
    expect_error((struct options){.target = GREET, .encoding = "gzip"}, 400,
                 "SerializationException", "gzip");
    expect_error((struct options){.target = GREET, .encoding = "br"}, 400,
                 "UnsupportedFeatureException", "br");
    expect_error((struct options){.target = GREET, .type = "text/xml"}, 400,
                 "SerializationException", "text/xml");
}

TEST(errors_of_handlers_are_modelled)
{
    expect_error((struct options){.target = GREET, .body = "{\"name\":\"nobody\"}"}, 400,
                 "RepositoryNotFoundException", "no nobody");
    expect_error((struct options){.target = GREET, .body = "{\"name\":\"broken\"}"}, 500,
                 "ServerException", "internal failure");
}

TEST(an_operation_that_does_not_ask_is_an_internal_error)
{
    expect_error((struct options){.target = TARGET ".Forget"}, 500, "ServerException", NULL);
}

TEST(a_reply_that_does_not_fit_its_table_is_an_internal_error)
{
    if (!SLIPWAY_TEST_BUILD)
        test_skip("replies are checked in test builds");
    expect_error((struct options){.target = GREET, .body = "{\"name\":\"wrong\"}"}, 500,
                 "ServerException", NULL);
}

TEST(a_poll_without_a_socket_answers_at_once)
{
    sw_autojson json_t *j = NULL;
    struct http_res res = perform((struct options){.target = TARGET ".Poll"}, &j);
    CHECK_EQ_STR(sw_json_str(j, "greeting", NULL), "now");
    http_res_done(&res);
}

TEST(takes_only_its_own_requests)
{
    struct aws_edge *e = edge(NULL);
    struct http_service s = aws_edge_service(e);
    const struct http_header target[] = {{"X-Amz-Target", "x"}},
                             aws4[] = {{"Authorization", "AWS4-HMAC-SHA256 x"}},
                             basic[] = {{"Authorization", "Basic x"}};
    struct http_req q = {
        .method = HTTP_POST, .path = "/", .query = "", .headers = target, .headers_n = 1};
    CHECK(s.match(s.ctx, &q));
    q.headers = aws4;
    CHECK(s.match(s.ctx, &q));
    q.headers = basic;
    CHECK(!s.match(s.ctx, &q));
    q.headers = target;
    q.method = HTTP_GET;
    CHECK(!s.match(s.ctx, &q));
    q.method = HTTP_POST;
    q.path = "/v2/";
    CHECK(!s.match(s.ctx, &q));
    aws_edge_free(e);
    aws_edge_free(NULL);
}

TEST(a_body_over_the_limit_is_modelled)
{
    struct aws_edge *e = edge(NULL);
    struct http_service s = aws_edge_service(e);
    struct http_req q = {.method = HTTP_POST, .path = "/", .query = "", .id = PEER_ID};
    struct http_res res;
    struct sw_err err = SW_ERR_INIT;
    http_res_init(&res);
    (void)sw_fail(&err, SW_ELIMIT, "RequestEntityTooLarge", "too large");
    s.error(s.ctx, &q, &err, &res);
    CHECK_EQ_INT(res.status, 413);
    CHECK_EQ_STR(http_res_get(&res, "x-amzn-ErrorType"), "RequestEntityTooLarge");
    http_res_done(&res);
    aws_edge_free(e);
}

/* begin() of a request of `o` whose body is announced with that length. */
static enum http_begin announce(struct options o, int64_t length, struct http_res *res)
{
    struct aws_edge *e = edge(fixed_now);
    struct http_service service = aws_edge_service(e);
    struct signed_headers s;
    struct http_plan plan;

    o.body = "{}";
    sign(&o, &s);
    struct http_req req = {.method = HTTP_POST,
                           .path = "/",
                           .query = "",
                           .headers = s.h,
                           .headers_n = s.n,
                           .id = PEER_ID,
                           .peer_ip = "127.0.0.1",
                           .content_length = length,
                           .has_body = true};
    http_res_init(res);
    enum http_begin b = service.begin(service.ctx, &req, &plan, res);
    if (b == HTTP_GO)
        plan.free(plan.state);
    seen_audit = req.audit;
    sw_buf_done(&s.authorization);
    aws_edge_free(e);
    return b;
}

TEST(a_large_body_is_only_read_from_who_has_a_key)
{
    static const int64_t lengths[] = {-1, LIMIT_AWS_BODY_UNKNOWN + 1, LIMIT_AWS_BODY};
    const struct options known = {.target = GREET},
                         unknown = {.target = GREET, .key = "AKIANOBODYNOBODYNO"},
                         late = {.target = GREET, .now_us = NOW_US - 1000LL * 1000000};
    struct http_res res;
    for (size_t i = 0; i < SW_ARRAY_LEN(lengths); i++) {
        CHECK_EQ_INT(announce(known, lengths[i], &res), HTTP_GO);
        CHECK_EQ_INT(announce(unknown, lengths[i], &res), HTTP_ANSWER);
        CHECK_EQ_INT(res.status, 400);
        CHECK_EQ_STR(http_res_get(&res, "x-amzn-ErrorType"), "UnrecognizedClientException");
        CHECK(seen_audit.denied);
        http_res_done(&res);
        CHECK_EQ_INT(announce(late, lengths[i], &res), HTTP_ANSWER);
        CHECK_EQ_STR(http_res_get(&res, "x-amzn-ErrorType"), "InvalidSignatureException");
        http_res_done(&res);
    }
    CHECK_EQ_INT(announce(unknown, LIMIT_AWS_BODY_UNKNOWN, &res), HTTP_GO);
}

TEST(page_tokens)
{
    char token[AWS_PAGE_TOKEN_MAX], key[1041], out[1100];
    struct sw_err err = SW_ERR_INIT;
    memset(key, 'k', 1040);
    key[1040] = 0;
    aws_page_token(key, token);
    CHECK_OK(aws_page_token_parse(token, out, sizeof(out), "InvalidParameterException", &err));
    CHECK_EQ_STR(out, key);
    CHECK_ERR(aws_page_token_parse(token, out, 10, "InvalidParameterException", &err), SW_EINVALID,
              "InvalidParameterException");
    aws_page_token("", token);
    CHECK_OK(aws_page_token_parse(token, out, sizeof(out), "X", &err));
    CHECK_EQ_STR(out, "");
    static const char *const bad[] = {"", "!", "djI6eA", "dg", "djE6AA", "djE6_w"};
    for (size_t i = 0; i < SW_ARRAY_LEN(bad); i++)
        CHECK_ERR(aws_page_token_parse(bad[i], out, sizeof(out), "ValidationError", &err),
                  SW_EINVALID, "ValidationError");
}

/* ---- deferred answers, over a socket ---- */

static int post(struct http_server *server, const struct options *o)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(http_server_port(server))};
    struct signed_headers s;
    struct sw_buf text = SW_BUF_INIT(8192);
    struct timeval tv = {.tv_sec = 120};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    sign(o, &s);
    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv));
    CHECK(connect(fd, (struct sockaddr *)&a, sizeof(a)) == 0);
    sw_buf_addf(&text, "POST / HTTP/1.1\r\nContent-Length: %zu\r\nConnection: close\r\n",
                strlen(o->body));
    for (size_t i = 0; i < s.n; i++)
        sw_buf_addf(&text, "%s: %s\r\n", s.h[i].name, s.h[i].value);
    sw_buf_addf(&text, "\r\n%s", o->body);
    CHECK(send(fd, text.p, text.n, MSG_NOSIGNAL) == (ssize_t)text.n);
    sw_buf_done(&text);
    sw_buf_done(&s.authorization);
    return fd;
}

static void expect_text(int fd, const char *status, const char *part)
{
    char buf[4096];
    size_t n = 0;
    ssize_t k;
    while (n < sizeof(buf) - 1 && (k = recv(fd, buf + n, sizeof(buf) - 1 - n, 0)) > 0)
        n += (size_t)k;
    buf[n] = 0;
    CHECK_CONTAINS(buf, status);
    CHECK_CONTAINS(buf, part);
    CHECK_CONTAINS(buf, "x-amzn-RequestId: ");
    (void)close(fd);
}

static struct aws_ticket *wait_ticket(void)
{
    struct aws_ticket *t = NULL;
    for (int i = 0; i < 20000 && !t; i++) {
        t = __atomic_exchange_n(&ticket, NULL, __ATOMIC_SEQ_CST);
        sw_sleep_ms(2);
    }
    CHECK_NOT_NULL(t);
    return t;
}

TEST(a_deferred_call_is_answered_later)
{
    struct aws_edge *e = edge(NULL);
    struct http_service service = aws_edge_service(e);
    struct http_server_options o = {.host = "127.0.0.1", .services = &service, .services_n = 1};
    struct options poll = {.target = TARGET ".Poll", .body = "{}", .now_us = sw_now_us()};
    struct http_server *server = NULL;
    struct sw_err err = SW_ERR_INIT;

    CHECK_OK(http_server_start(&o, &server, &err));
    int fd = post(server, &poll);
    aws_complete(wait_ticket(), json_pack("{s:s}", "greeting", "later"), NULL);
    expect_text(fd, "HTTP/1.1 200", "later");
    fd = post(server, &poll);
    (void)sw_fail(&err, SW_ENOTFOUND, "ClusterNotFoundException", "gone");
    aws_complete(wait_ticket(), NULL, &err);
    expect_text(fd, "HTTP/1.1 400", "ClusterNotFoundException");
    fd = post(server, &poll);
    struct aws_ticket *late = wait_ticket();
    http_server_stop(server, 1000);
    expect_text(fd, "HTTP/1.1 503", "ServiceUnavailableException");
    aws_complete(late, json_object(), NULL);
    aws_edge_free(e);
}
