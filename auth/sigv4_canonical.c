/* SPDX-License-Identifier: Apache-2.0 */
/* The canonical request of Signature Version 4 (AWS General Reference, "Create a canonical request"):
 *   METHOD \n URI \n QUERY \n name:value\n ... \n SIGNED-HEADERS \n PAYLOAD-HASH
 * Both sides of a connection must arrive at the same bytes, so nothing is guessed: what does not decode is taken as it is. */
#include <assert.h>
#include <stdlib.h>

#include "auth/sigv4.h"
#include "base/alloc.h"
#include "base/encode.h"
#include "base/macros.h"

#define QUERY_PARAMETERS_MAX 1000

/* Percent-decodes and encodes again, so that "%7e", "%7E" and "~" become one. A '%' that starts no escape stands for itself. */
static void add_reencoded(struct sw_str s, struct sw_buf *out)
{
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        if (c == '%' && s.n - i > 2 && sw_hex_digit(s.p[i + 1]) >= 0 &&
            sw_hex_digit(s.p[i + 2]) >= 0) {
            c = (char)(sw_hex_digit(s.p[i + 1]) * 16 + sw_hex_digit(s.p[i + 2]));
            i += 2;
        }
        sw_buf_add_uri(out, sw_str_n(&c, 1), false);
    }
}

/* Takes the last segment off what was written since `start`. Encoded segments hold no '/'. */
static void pop_segment(struct sw_buf *out, size_t start)
{
    size_t n = out->n;

    while (n > start && out->p[n - 1] != '/')
        n--;
    if (n > start)
        n--;
    sw_buf_cut(out, n);
}

/* Every service but s3: RFC 3986 5.2.4 plus "repeated slashes are one", then the path as received encoded once more. */
static void add_normalized_path(struct sw_str path, struct sw_buf *out)
{
    size_t start = out->n;
    struct sw_str rest = path, part;

    while (sw_str_split(&rest, '/', &part)) {
        if (part.n == 0 || sw_str_eq_z(part, "."))
            continue;
        if (sw_str_eq_z(part, "..")) {
            pop_segment(out, start);
            continue;
        }
        sw_buf_add_char(out, '/');
        sw_buf_add_uri(out, part, false);
    }
    if (out->n == start || sw_str_ends_with(path, "/"))
        sw_buf_add_char(out, '/');
}

/* s3: segments stay what and where they are, encoded exactly once. */
static void add_plain_path(struct sw_str path, struct sw_buf *out)
{
    struct sw_str rest = path, part;
    bool first = true;

    if (path.n == 0)
        sw_buf_add_char(out, '/');
    while (path.n > 0 && sw_str_split(&rest, '/', &part)) {
        if (!first)
            sw_buf_add_char(out, '/');
        add_reencoded(part, out);
        first = false;
    }
}

struct parameter {
    size_t name_at, name_n, value_at, value_n; /* in the scratch buffer */
    const char *base;
};

static int parameter_cmp(const void *va, const void *vb)
{
    const struct parameter *a = va, *b = vb;
    int r = sw_str_cmp(sw_str_n(a->base + a->name_at, a->name_n),
                       sw_str_n(b->base + b->name_at, b->name_n));

    if (r == 0)
        r = sw_str_cmp(sw_str_n(a->base + a->value_at, a->value_n),
                       sw_str_n(b->base + b->value_at, b->value_n));
    return r;
}

static int add_query(struct sw_str query, struct sw_buf *out, struct sw_err *err)
{
    SW_CLEANUP(sw_buf_done) struct sw_buf scratch = SW_BUF_INIT(out->max);
    sw_autofree struct parameter *params = NULL;
    struct sw_str rest = query, part;
    size_t count = 1, n = 0;

    if (query.n == 0)
        return 0;
    for (size_t i = 0; i < query.n; i++)
        count += query.p[i] == '&';
    if (count > QUERY_PARAMETERS_MAX)
        return sw_fail(err, SW_EDENIED, "IncompleteSignatureException",
                       "The query has more than %d parameters.", QUERY_PARAMETERS_MAX);
    params = sw_calloc(count, sizeof(*params));
    while (sw_str_split(&rest, '&', &part)) {
        if (part.n == 0)
            continue;
        struct sw_str value = part, name;
        sw_str_split(&value, '=', &name); /* what is left, with any further '=', is the value */
        params[n].name_at = scratch.n;
        add_reencoded(name, &scratch);
        params[n].name_n = scratch.n - params[n].name_at;
        params[n].value_at = scratch.n;
        if (value.p)
            add_reencoded(value, &scratch);
        params[n].value_n = scratch.n - params[n].value_at;
        n++;
    }
    for (size_t i = 0; i < n; i++)
        params[i].base = sw_buf_str(&scratch).p;
    qsort(params, n, sizeof(*params), parameter_cmp);
    for (size_t i = 0; i < n; i++) {
        if (i > 0)
            sw_buf_add_char(out, '&');
        sw_buf_add(out, params[i].base + params[i].name_at, params[i].name_n);
        sw_buf_add_char(out, '=');
        sw_buf_add(out, params[i].base + params[i].value_at, params[i].value_n);
    }
    out->overflow |= scratch.overflow;
    return 0;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* Trimmed, inner runs of blanks made one space. */
static void add_header_value(struct sw_str v, struct sw_buf *out)
{
    bool first = true;

    for (size_t i = 0; i < v.n;) {
        size_t from = i;
        if (is_blank(v.p[i])) {
            i++;
            continue;
        }
        while (i < v.n && !is_blank(v.p[i]))
            i++;
        if (!first)
            sw_buf_add_char(out, ' ');
        sw_buf_add(out, v.p + from, i - from);
        first = false;
    }
}

static int add_headers(const struct sigv4_request *req, struct sw_str signed_headers,
                       struct sw_buf *out, struct sw_err *err)
{
    struct sw_str rest = signed_headers, name;

    while (sw_str_split(&rest, ';', &name)) {
        bool found = false;
        sw_buf_add_str(out, name);
        sw_buf_add_char(out, ':');
        for (size_t i = 0; i < req->headers_n; i++) {
            if (!sw_str_eq_nocase(req->headers[i].name, name))
                continue;
            if (found)
                sw_buf_add_char(out, ',');
            add_header_value(req->headers[i].value, out);
            found = true;
        }
        if (!found)
            return sw_fail(err, SW_EDENIED, "InvalidSignatureException",
                           "The signed header '" SW_STR_FMT "' is not in the request.",
                           SW_STR_ARG(name));
        sw_buf_add_char(out, '\n');
    }
    return 0;
}

int sigv4_canonical_request(const struct sigv4_request *req, struct sw_str signed_headers,
                            struct sw_str payload_hash_hex, bool normalize, struct sw_buf *out,
                            struct sw_err *err)
{
    int r;

    sw_buf_add_str(out, req->method);
    sw_buf_add_char(out, '\n');
    if (normalize)
        add_normalized_path(req->path, out);
    else
        add_plain_path(req->path, out);
    sw_buf_add_char(out, '\n');
    r = add_query(req->query, out, err);
    if (r < 0)
        return r;
    sw_buf_add_char(out, '\n');
    r = add_headers(req, signed_headers, out, err);
    if (r < 0)
        return r;
    sw_buf_add_char(out, '\n');
    sw_buf_add_str(out, signed_headers);
    sw_buf_add_char(out, '\n');
    sw_buf_add_str(out, payload_hash_hex);
    if (out->overflow)
        return sw_fail(err, SW_EDENIED, "IncompleteSignatureException",
                       "The request is too large to check its signature: more than %zu bytes.",
                       out->max);
    return 0;
}
