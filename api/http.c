/* SPDX-License-Identifier: Apache-2.0 */
/* api/http.c - requests and responses as values. */
#include "api/http.h"

#include <assert.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/encode.h"
#include "base/macros.h"

static const char *const method_names[] = {
    [HTTP_GET] = "GET",         [HTTP_HEAD] = "HEAD",   [HTTP_POST] = "POST",
    [HTTP_PUT] = "PUT",         [HTTP_PATCH] = "PATCH", [HTTP_DELETE] = "DELETE",
    [HTTP_OPTIONS] = "OPTIONS", [HTTP_OTHER] = "OTHER",
};

const char *http_method_to_string(enum http_method m)
{
    return (unsigned)m < HTTP_METHOD_MAX_ ? method_names[m] : "OTHER";
}

enum http_method http_method_from_string(const char *s)
{
    for (int m = 0; m < HTTP_OTHER; m++)
        if (strcmp(method_names[m], s) == 0)
            return (enum http_method)m;
    return HTTP_OTHER;
}

static void cut_copy(const char *text, char *out, size_t cap)
{
    size_t n = text ? strnlen(text, cap - 1) : 0;

    if (n)
        memcpy(out, text, n);
    out[n] = 0;
}

void http_audit_allowed(struct http_req *r, const char *static_action, const char *resource)
{
    struct http_audit *a = &r->audit;

    if (a->denied)
        return;
    if (a->action) {
        if (!a->also && strcmp(a->action, static_action) != 0)
            a->also = static_action;
        return;
    }
    a->action = static_action;
    cut_copy(resource, a->resource, sizeof(a->resource));
}

void http_audit_denied(struct http_req *r, const char *static_action, const char *resource,
                       const struct sw_err *err)
{
    struct http_audit *a = &r->audit;

    if (err->code == SW_EIO || err->code == SW_EINTERNAL || err->code == SW_EUNAVAILABLE)
        return;
    a->action = static_action;
    a->also = NULL;
    a->denied = true;
    cut_copy(resource, a->resource, sizeof(a->resource));
    cut_copy(err->msg, a->why, sizeof(a->why));
}

void http_audit_explain(struct http_req *r, const char *text)
{
    if (r->audit.denied)
        cut_copy(text, r->audit.why, sizeof(r->audit.why));
}

void http_audit_reference(struct http_req *r, const char *reference)
{
    static const char more[] = " ...";
    char *at = r->audit.reference;
    size_t used = strlen(at), n = reference ? strlen(reference) : 0;
    bool full = used >= sizeof(more) && memcmp(at + used - 4, more, 4) == 0;

    if (n == 0 || full)
        return;
    if (used + 1 + n + sizeof(more) > sizeof(r->audit.reference)) {
        memcpy(at + used, more, sizeof(more));
        return;
    }
    if (used)
        at[used++] = ' ';
    memcpy(at + used, reference, n + 1);
}

const char *http_req_header(const struct http_req *r, const char *name)
{
    for (size_t i = 0; i < r->headers_n; i++)
        if (strcasecmp(r->headers[i].name, name) == 0)
            return r->headers[i].value;
    return NULL;
}

bool http_req_is_local(const struct http_req *r)
{
    static const char *const forwarding[] = {"Forwarded", "X-Forwarded-For", "X-Real-IP", "Via"};

    for (size_t i = 0; i < SW_ARRAY_LEN(forwarding); i++)
        if (http_req_header(r, forwarding[i]))
            return false;
    return strncmp(r->peer_ip, "127.", 4) == 0 || strcmp(r->peer_ip, "::1") == 0;
}

size_t http_req_headers(const struct http_req *r, const char *name, const char **out, size_t cap)
{
    size_t n = 0;
    for (size_t i = 0; i < r->headers_n; i++)
        if (strcasecmp(r->headers[i].name, name) == 0) {
            if (n < cap)
                out[n] = r->headers[i].value;
            n++;
        }
    return n;
}

/* Whether the encoded name of a parameter decodes to `name`. Names of interest are short. */
static bool name_matches(struct sw_str encoded, const char *name)
{
    char decoded[128];
    size_t n;

    if (sw_str_eq_z(encoded, name))
        return true;
    if (encoded.n == 0 ||
        (!memchr(encoded.p, '%', encoded.n) && !memchr(encoded.p, '+', encoded.n)))
        return false;
    return sw_uri_decode(encoded, true, decoded, sizeof(decoded), &n) && strcmp(decoded, name) == 0;
}

int http_req_query_at(const struct http_req *r, const char *name, size_t index, char *out,
                      size_t cap, struct sw_err *err)
{
    struct sw_str rest = sw_str(r->query), part;
    size_t seen = 0, n;

    while (sw_str_split(&rest, '&', &part)) {
        const char *eq = part.n ? memchr(part.p, '=', part.n) : NULL;
        size_t name_n = eq ? (size_t)(eq - part.p) : part.n;
        if (part.n == 0 || !name_matches(sw_str_slice(part, 0, name_n), name) || seen++ != index)
            continue;
        struct sw_str value = eq ? sw_str_slice(part, name_n + 1, part.n) : SW_STR("");
        if (!sw_uri_decode(value, true, out, cap, &n))
            return sw_fail(err, SW_EINVALID, "QUERY_INVALID",
                           "query parameter %s is too long or badly escaped", name);
        return 1;
    }
    return 0;
}

int http_req_query(const struct http_req *r, const char *name, char *out, size_t cap,
                   struct sw_err *err)
{
    return http_req_query_at(r, name, 0, out, cap, err);
}

void http_res_init(struct http_res *r)
{
    memset(r, 0, sizeof(*r));
    r->status = 200;
    r->fd = -1;
    r->head_length = -1;
}

/* Releases the body, so that another can be set. */
static void body_done(struct http_res *r)
{
    if (r->kind == HTTP_RES_BYTES && r->bytes_free)
        r->bytes_free(r->bytes_ctx);
    if (r->kind == HTTP_RES_FILE && r->fd >= 0)
        (void)close(r->fd);
    if (r->stream)
        http_stream_unref(SW_TAKE(r->stream));
    r->kind = HTTP_RES_EMPTY;
    r->bytes = NULL;
    r->bytes_n = 0;
    r->bytes_free = NULL;
    r->bytes_ctx = NULL;
    r->fd = -1;
    r->offset = r->length = 0;
}

void http_res_stream(struct http_res *r, struct http_stream *s)
{
    body_done(r);
    r->kind = HTTP_RES_STREAM;
    r->stream = s;
}

void http_res_done(struct http_res *r)
{
    body_done(r);
    for (size_t i = 0; i < r->headers_n; i++)
        free(r->headers[i].value);
    http_res_init(r);
}

/* A header value cannot break out of its line, whatever went into it. */
static void neutralize(char *value)
{
    for (char *c = value; *c; c++)
        if ((unsigned char)*c < 0x20 || *c == 0x7f)
            *c = ' ';
}

void http_res_set(struct http_res *r, const char *static_name, const char *fmt, ...)
{
    va_list ap;
    size_t i;

    va_start(ap, fmt);
    char *value = sw_vasprintf(fmt, ap);
    va_end(ap);
    neutralize(value);
    for (i = 0; i < r->headers_n; i++)
        if (strcasecmp(r->headers[i].name, static_name) == 0)
            break;
    if (i == r->headers_n) {
        assert(r->headers_n < HTTP_RES_HEADERS_MAX);
        r->headers[r->headers_n++].name = static_name;
    } else {
        free(r->headers[i].value);
    }
    r->headers[i].value = value;
}

const char *http_res_get(const struct http_res *r, const char *name)
{
    for (size_t i = 0; i < r->headers_n; i++)
        if (strcasecmp(r->headers[i].name, name) == 0)
            return r->headers[i].value;
    return NULL;
}

void http_res_copy(struct http_res *r, const void *data, size_t n)
{
    void *copy = sw_malloc(n ? n : 1);

    if (n)
        memcpy(copy, data, n);
    http_res_borrow(r, copy, n, free, copy);
}

void http_res_take(struct http_res *r, struct sw_buf *b)
{
    size_t n = b->n;
    char *p = sw_buf_take(b);

    http_res_borrow(r, p, n, free, p);
}

void http_res_borrow(struct http_res *r, const void *data, size_t n, void (*release)(void *ctx),
                     void *ctx)
{
    body_done(r);
    r->kind = HTTP_RES_BYTES;
    r->bytes = data;
    r->bytes_n = n;
    r->bytes_free = release;
    r->bytes_ctx = ctx;
}

void http_res_file(struct http_res *r, int fd, uint64_t offset, uint64_t length)
{
    body_done(r);
    r->kind = HTTP_RES_FILE;
    r->fd = fd;
    r->offset = offset;
    r->length = length;
}

void http_res_upgrade(struct http_res *r, http_upgrade_fn fn, void *ctx)
{
    assert(r->kind == HTTP_RES_EMPTY);
    r->status = 101;
    r->kind = HTTP_RES_UPGRADE;
    r->upgrade = fn;
    r->upgrade_ctx = ctx;
}
