/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* base/buf.h - growing byte buffer that must name its maximum.
 * Appending past the maximum sets the sticky flag `overflow`, keeps what was there, and all later
 * appends fail too: callers append freely and ask once at the end. Always NUL-terminated after the
 * content. One thread at a time. */
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

struct sw_err;

struct sw_buf {
    char *p; /* never NULL once something was appended; p[n] == 0 */
    size_t n, cap, max;
    bool overflow;
};

#define SW_BUF_INIT(maximum) \
    {                        \
        .max = (maximum)     \
    }

void sw_buf_done(struct sw_buf *b);           /* frees; usable with SW_CLEANUP */
void sw_buf_reset(struct sw_buf *b);          /* empties, keeps memory and maximum */
void sw_buf_cut(struct sw_buf *b, size_t n);  /* to its first n bytes, if it has more */
void sw_buf_drop(struct sw_buf *b, size_t n); /* its first n bytes, n <= b->n */
bool sw_buf_add(struct sw_buf *b, const void *data, size_t n);
bool sw_buf_add_str(struct sw_buf *b, struct sw_str s);
bool sw_buf_add_z(struct sw_buf *b, const char *z);
bool sw_buf_add_char(struct sw_buf *b, char c);
bool sw_buf_addf(struct sw_buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
bool sw_buf_vaddf(struct sw_buf *b, const char *fmt, va_list ap)
    __attribute__((format(printf, 2, 0)));
/* JSON string with quotes; invalid UTF-8 becomes U+FFFD. */
bool sw_buf_add_json_string(struct sw_buf *b, struct sw_str s);
/* RFC 3986: everything but A-Z a-z 0-9 - _ . ~ as %XX; '/' too unless keep_slash. */
bool sw_buf_add_uri(struct sw_buf *b, struct sw_str s, bool keep_slash);
/* 0, or SW_ELIMIT with `reason` when it overflowed. */
int sw_buf_check(const struct sw_buf *b, const char *reason, struct sw_err *err);
/* The content as an owned NUL-terminated string ("" if empty); the buffer is empty afterwards. */
char *sw_buf_take(struct sw_buf *b);
static inline struct sw_str sw_buf_str(const struct sw_buf *b)
{
    return (struct sw_str){b->p ? b->p : "", b->n};
}
