/* SPDX-License-Identifier: Apache-2.0 */
/* Invariants: n <= max; if p is set, cap > n and p[n] == 0. A buffer whose cap is already max + 1
 * never reallocates (base/log.c relies on it to write into its stack). */
#include "base/buf.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/err.h"
#include "base/macros.h"

#define CAP_FIRST 64

void sw_buf_done(struct sw_buf *b)
{
    free(b->p);
    b->p = NULL;
    b->n = b->cap = 0;
}

void sw_buf_reset(struct sw_buf *b)
{
    b->n = 0;
    b->overflow = false;
    if (b->p)
        b->p[0] = 0;
}

void sw_buf_cut(struct sw_buf *b, size_t n)
{
    if (n >= b->n)
        return;
    b->n = n;
    b->p[n] = 0;
}

void sw_buf_drop(struct sw_buf *b, size_t n)
{
    if (n == 0)
        return;
    memmove(b->p, b->p + n, b->n - n);
    sw_buf_cut(b, b->n - n);
}

/* Room for `more` bytes and the NUL, or false and the sticky flag. */
static bool reserve(struct sw_buf *b, size_t more)
{
    if (b->overflow || more > b->max - b->n) {
        b->overflow = true;
        return false;
    }
    size_t need = b->n + more + 1;
    if (need == 0) { /* only with max == SIZE_MAX */
        b->overflow = true;
        return false;
    }
    if (need <= b->cap)
        return true;
    size_t cap = b->cap ? b->cap : CAP_FIRST;
    while (cap < need)
        cap = cap > SIZE_MAX / 2 ? need : cap * 2;
    if (b->max < SIZE_MAX)
        cap = SW_MIN(cap, b->max + 1);
    b->p = sw_realloc_array(b->p, cap, 1);
    b->cap = cap;
    return true;
}

bool sw_buf_add(struct sw_buf *b, const void *data, size_t n)
{
    if (!reserve(b, n))
        return false;
    if (n)
        memcpy(b->p + b->n, data, n);
    b->n += n;
    b->p[b->n] = 0;
    return true;
}

bool sw_buf_add_str(struct sw_buf *b, struct sw_str s)
{
    return sw_buf_add(b, s.p, s.n);
}

bool sw_buf_add_z(struct sw_buf *b, const char *z)
{
    return sw_buf_add(b, z, strlen(z));
}

bool sw_buf_add_char(struct sw_buf *b, char c)
{
    return sw_buf_add(b, &c, 1);
}

bool sw_buf_vaddf(struct sw_buf *b, const char *fmt, va_list ap)
{
    char small[256];
    va_list again;

    va_copy(again, ap);
    int n = vsnprintf(small, sizeof(small), fmt, ap);
    bool ok = n >= 0 && reserve(b, (size_t)n);
    if (n < 0)
        b->overflow = true;
    if (ok) {
        if ((size_t)n < sizeof(small))
            memcpy(b->p + b->n, small, (size_t)n + 1);
        else
            (void)vsnprintf(b->p + b->n, (size_t)n + 1, fmt, again);
        b->n += (size_t)n;
    }
    va_end(again);
    return ok;
}

bool sw_buf_addf(struct sw_buf *b, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    bool ok = sw_buf_vaddf(b, fmt, ap);
    va_end(ap);
    return ok;
}

/* The escape for a character that a JSON string may not hold as it is, else NULL (RFC 8259 section
 * 7). */
static const char *json_escape(unsigned char c, char scratch[8])
{
    switch (c) {
    case '"': return "\\\"";
    case '\\': return "\\\\";
    case '\n': return "\\n";
    case '\r': return "\\r";
    case '\t': return "\\t";
    case '\b': return "\\b";
    case '\f': return "\\f";
    default:
        if (c >= 0x20 && c != 0x7f)
            return NULL;
        (void)snprintf(scratch, 8, "\\u%04x", c);
        return scratch;
    }
}

bool sw_buf_add_json_string(struct sw_buf *b, struct sw_str s)
{
    char scratch[8];
    size_t from = 0, i = 0;

    sw_buf_add_char(b, '"');
    while (i < s.n) {
        unsigned char c = (unsigned char)s.p[i];
        if (c >= 0x20 && c < 0x7f && c != '"' && c != '\\') { /* most bytes */
            i++;
            continue;
        }
        size_t len = sw_utf8_sequence(s.p + i, s.n - i);
        const char *instead = len == 0   ? "\xef\xbf\xbd"
                              : len == 1 ? json_escape((unsigned char)s.p[i], scratch)
                                         : NULL;
        if (instead) {
            sw_buf_add(b, s.p + from, i - from);
            sw_buf_add_z(b, instead);
            from = i + 1;
        }
        i += len ? len : 1;
    }
    sw_buf_add(b, s.p + from, i - from);
    return sw_buf_add_char(b, '"');
}

static bool is_unreserved(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_' || c == '.' || c == '~';
}

bool sw_buf_add_uri(struct sw_buf *b, struct sw_str s, bool keep_slash)
{
    static const char digits[] = "0123456789ABCDEF";
    bool ok = !b->overflow;

    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        if (is_unreserved(s.p[i]) || (keep_slash && c == '/')) {
            ok = sw_buf_add_char(b, s.p[i]);
        } else {
            char escape[3] = {'%', digits[c >> 4], digits[c & 15]};
            ok = sw_buf_add(b, escape, 3);
        }
    }
    return ok;
}

int sw_buf_check(const struct sw_buf *b, const char *reason, struct sw_err *err)
{
    if (b->overflow)
        return sw_fail(err, SW_ELIMIT, reason, "more than %zu bytes", b->max);
    return 0;
}

char *sw_buf_take(struct sw_buf *b)
{
    char *p = b->p ? b->p : sw_strdup("");

    b->p = NULL;
    b->n = b->cap = 0;
    b->overflow = false;
    return p;
}
