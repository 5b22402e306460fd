/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* tests/unit/registry/http.h - an HTTP client without sockets: begin, body pieces, run and free as the edge calls them. */
#include <inttypes.h>
#include <strings.h>
#include <sys/types.h>
#include <unistd.h>

#include "api/http.h"
#include "base/buf.h"
#include "base/digest.h"
#include "base/encode.h"
#include "base/io.h"
#include "base/json.h"
#include "registry/api/oci.h"
#include "tests/unit/registry/world.h"

#define PIECE 777 /* bytes of a body piece */

/* Formatted; valid for a thousand calls. */
__attribute__((format(printf, 1, 2))) static inline const char *fmt(const char *f, ...)
{
    static char *texts[1000];
    static unsigned next;
    char **at = &texts[next++ % SW_ARRAY_LEN(texts)];
    va_list ap;
    va_start(ap, f);
    free(*at);
    *at = sw_vasprintf(f, ap);
    va_end(ap);
    return *at;
}

struct client {
    struct world w;
    struct oci_api *api;
    struct http_service service;
    char token[TOKEN_MAX], other_token[TOKEN_MAX];
    struct principal admin, other;
};

struct reply {
    int status;
    struct http_res res;
    struct sw_buf body;
    bool ran; /* not answered in begin() */
};

static inline void reply_done(struct reply *r)
{
    http_res_done(&r->res);
    sw_buf_done(&r->body);
}

#define autoreply SW_CLEANUP(reply_done) struct reply

static inline const char *header(const struct reply *r, const char *name)
{
    const char *v = http_res_get(&r->res, name);
    return v ? v : "";
}

struct ask {
    enum http_method method;
    const char *url; /* path and query */
    const char *body;
    size_t body_n;
    const char *type, *range, *content_range, *host, *none_match;
    const char *token; /* NULL: the admin's; "": no credentials */
    bool chunked;      /* no Content-Length */
    bool vanish;       /* the peer goes away before the end */
    bool https;
};

static inline void collect_body(struct reply *r, const struct http_req *req)
{
    r->body = (struct sw_buf)SW_BUF_INIT(64u << 20);
    r->status = r->res.status;
    if (req->method == HTTP_HEAD)
        return;
    if (r->res.kind == HTTP_RES_BYTES)
        CHECK(sw_buf_add(&r->body, r->res.bytes, r->res.bytes_n));
    for (uint64_t at = 0; r->res.kind == HTTP_RES_FILE && at < r->res.length;) {
        char piece[4096];
        ssize_t n = pread(r->res.fd, piece, SW_MIN(sizeof(piece), (size_t)(r->res.length - at)),
                          (off_t)(r->res.offset + at));
        CHECK(n > 0);
        CHECK(sw_buf_add(&r->body, piece, (size_t)n));
        at += (uint64_t)n;
    }
    (void)sw_buf_add(&r->body, "", 0);
}

static inline void run_plan(struct http_plan *plan, struct http_req *req, const struct ask *a,
                            struct reply *r)
{
    struct sw_err err = SW_ERR_INIT;
    r->ran = true;
    size_t n = a->vanish ? a->body_n / 2 : a->body_n;
    if (plan->mode == HTTP_BODY_BUFFERED) {
        req->body = (struct sw_buf)SW_BUF_INIT(plan->body_max);
        if (a->body_n > plan->body_max)
            (void)sw_fail(&err, SW_ELIMIT, "RequestEntityTooLarge", "too large");
        else
            CHECK(sw_buf_add(&req->body, a->body, n));
    }
    for (size_t at = 0; plan->mode == HTTP_BODY_STREAM && at < n && err.code == 0; at += PIECE)
        (void)plan->body(plan->state, a->body + at, SW_MIN((size_t)PIECE, n - at), &err);
    if (!a->vanish)
        CHECK_EQ_INT(plan->run(plan->state, req, &r->res, &err), HTTP_DONE);
    sw_buf_done(&req->body);
    plan->free(plan->state);
}

static inline struct reply ask_service(const struct http_service *service, const struct ask *a,
                                       const struct http_header *extra, size_t extra_n)
{
    struct http_header headers[16];
    size_t n = 0;
    sw_autofree char *path = sw_strdup(a->url);
    char *query = strchr(path, '?');
    if (query)
        *query++ = 0;
#define ADD(name, v) \
    if (v)           \
    headers[n++] = (struct http_header){name, v}
    ADD("Host", a->host ? a->host : "localhost:5000");
    ADD("Content-Type", a->type);
    ADD("Range", a->range);
    ADD("Content-Range", a->content_range);
    ADD("If-None-Match", a->none_match);
    ADD("Content-Length", a->chunked ? NULL : fmt("%zu", a->body_n));
#undef ADD
    for (size_t i = 0; i < extra_n; i++)
        headers[n++] = extra[i];
    struct http_req req = {.method = a->method,
                           .path = path,
                           .query = query ? query : "",
                           .headers = headers,
                           .headers_n = n,
                           .content_length = a->chunked ? -1 : (int64_t)a->body_n,
                           .has_body = a->body_n > 0 || a->chunked,
                           .secure = a->https,
                           .peer_ip = "127.0.0.1"};
    struct reply r = {0};
    http_res_init(&r.res);
    struct http_plan plan = {0};
    CHECK(service->match(service->ctx, &req));
    if (service->begin(service->ctx, &req, &plan, &r.res) == HTTP_GO)
        run_plan(&plan, &req, a, &r);
    collect_body(&r, &req);
    return r;
}

static inline struct reply ask_(struct client *c, struct ask a)
{
    char authorization[2 * TOKEN_MAX + 16], pair[TOKEN_MAX + 8], encoded[2 * TOKEN_MAX];
    const char *token = a.token ? a.token : c->token;
    int n = snprintf(pair, sizeof(pair), "AWS:%s", token);
    sw_base64(pair, (size_t)n, encoded);
    snprintf(authorization, sizeof(authorization), "Basic %s", encoded);
    struct http_header h = {"Authorization", authorization};
    return ask_service(&c->service, &a, &h, *token ? 1 : 0);
}

/* ask(c, HTTP_GET, "/v2/", .range = "bytes=0-1") */
#define ask(c, m, u, ...) ask_((c), (struct ask){.method = (m), .url = (u), __VA_ARGS__})

static inline void add_user(struct client *c, const char *name, enum principal_kind kind,
                            struct principal *p, char token[TOKEN_MAX])
{
    struct sw_err err = SW_ERR_INIT;
    struct identity_key key;
    int64_t expires;
    CHECK_OK(identity_user_add(c->w.identity, ACCOUNT, name, kind, NULL, p, &key, &err));
    (void)snprintf(p->access_key_id, sizeof(p->access_key_id), "%s", key.access_key_id);
    CHECK_OK(token_issue(&(struct token_authority){.keyring = c->w.keyring}, p, sw_now_us(),
                         TOKEN_TTL_S, token, &expires, &err));
}

static inline void client_serve(struct client *c)
{
    struct oci_api_options o = {.registry = c->w.reg,
                                .keyring = c->w.keyring,
                                .identity = c->w.identity,
                                .account = ACCOUNT,
                                .region = REGION};
    c->api = oci_api_new(&o);
    c->service = oci_api_service(c->api);
}

static inline void client_open(struct client *c)
{
    world_open(&c->w);
    add_user(c, "admin", PRINCIPAL_ADMIN, &c->admin, c->token);
    add_user(c, "other", PRINCIPAL_ADMIN, &c->other, c->other_token);
    client_serve(c);
}

static inline void client_close(struct client *c)
{
    oci_api_free(c->api);
    c->api = NULL;
    world_stop(&c->w);
}

static inline void client_restart(struct client *c)
{
    client_close(c);
    world_open(&c->w);
    client_serve(c);
}

#define autoclient SW_CLEANUP(client_close) struct client

static inline const char *digest_text(enum digest_algorithm a, const void *data, size_t n)
{
    struct digest d;
    char text[DIGEST_STRING_MAX];
    digest_of(a, data, n, &d);
    digest_format(&d, text);
    return fmt("%s", text);
}
#define SHA(s) digest_text(DIGEST_SHA256, (s), strlen(s))

static inline void check_status(const char *file, int line, const char *what, const struct reply *r,
                                int want)
{
    if (r->status != want)
        test_fail(file, line, "%s: status %d, expected %d: %s", what, r->status, want,
                  r->body.p ? r->body.p : "");
}
#define CHECK_STATUS(r, want) check_status(__FILE__, __LINE__, #r, &(r), (want))
/* One request that must give this status. */
#define EXPECT(want, c, ...)                         \
    do {                                             \
        autoreply expected_ = ask((c), __VA_ARGS__); \
        CHECK_STATUS(expected_, want);               \
    } while (0)

static inline void check_code(const char *file, int line, const struct reply *r, int status,
                              const char *code)
{
    check_status(file, line, code, r, status);
    test_check_contains(file, line, "body", r->body.p, fmt("\"code\":\"%s\"", code));
    test_check_str(file, line, "Content-Type", header(r, "Content-Type"), "application/json");
}
#define CHECK_CODE(r, status, code) check_code(__FILE__, __LINE__, &(r), (status), (code))
#define REFUSED(status, code, c, ...)               \
    do {                                            \
        autoreply refused_ = ask((c), __VA_ARGS__); \
        CHECK_CODE(refused_, status, code);         \
    } while (0)

static inline void push_blob(struct client *c, const char *repo, const char *data, size_t n)
{
    EXPECT(201, c, HTTP_POST,
           fmt("/v2/%s/blobs/uploads/?digest=%s", repo, digest_text(DIGEST_SHA256, data, n)),
           .body = data, .body_n = n);
}

#define OCI_IMAGE "application/vnd.oci.image.manifest.v1+json"
#define OCI_INDEX "application/vnd.oci.image.index.v1+json"

/* An image of the config {} and one layer with this text; `extra` is JSON behind the layers (",\"x\":1") or "". */
static inline const char *image_of(const char *layer, const char *extra)
{
    return fmt("{\"schemaVersion\":2,\"mediaType\":\"" OCI_IMAGE
               "\",\"config\":{\"mediaType\":\"application/x.config\","
               "\"digest\":\"%s\",\"size\":2},\"layers\":[{\"mediaType\":\"application/"
               "x.layer\",\"digest\":\"%s\","
               "\"size\":%zu}]%s}",
               SHA("{}"), SHA(layer), strlen(layer), extra);
}

static inline void push_image(struct client *c, const char *repo, const char *reference,
                              const char *layer, const char *manifest)
{
    push_blob(c, repo, "{}", 2);
    push_blob(c, repo, layer, strlen(layer));
    EXPECT(201, c, HTTP_PUT, fmt("/v2/%s/manifests/%s", repo, reference), .body = manifest,
           .body_n = strlen(manifest), .type = OCI_IMAGE);
}
