/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* base/str.h - views of strings that a peer sent, and strict number parsing.
 * A view does not own its bytes and need not be NUL-terminated. Locale-free, thread-free. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct sw_str {
    const char *p;
    size_t n;
};

#define SW_STR(literal) ((struct sw_str){"" literal, sizeof(literal) - 1})
#define SW_STR_FMT      "%.*s"
#define SW_STR_ARG(s)   (int)(s).n, (s).p

static inline struct sw_str sw_str(const char *s)
{
    return s ? (struct sw_str){s, strlen(s)} : (struct sw_str){"", 0};
}
static inline struct sw_str sw_str_n(const char *p, size_t n)
{
    return (struct sw_str){p, n};
}

bool sw_str_eq(struct sw_str a, struct sw_str b);
bool sw_str_eq_z(struct sw_str a, const char *z);
bool sw_str_eq_nocase(struct sw_str a, struct sw_str b); /* ASCII only */
bool sw_str_starts_with(struct sw_str s, const char *prefix);
bool sw_str_ends_with(struct sw_str s, const char *suffix);
int sw_str_cmp(struct sw_str a, struct sw_str b); /* byte order */
struct sw_str sw_str_trim(struct sw_str s);       /* ASCII blanks and tabs at both ends */
struct sw_str sw_str_slice(struct sw_str s, size_t from, size_t to); /* clamped */

/* Takes the part up to the first `sep` off the front of *rest (all of it if there is none).
 * Returns false when *rest was already exhausted (p == NULL); "a,,b," gives "a" "" "b" "". */
bool sw_str_split(struct sw_str *rest, char sep, struct sw_str *ret_part);

char *sw_str_dup(struct sw_str s)
    __attribute__((warn_unused_result)); /* NUL-terminated copy; aborts on no memory */
/* Copies into out[cap] with NUL; false (and "" in out) when it does not fit or holds a NUL byte. */
bool sw_str_copy(struct sw_str s, char *out, size_t cap);

bool sw_streq(const char *a, const char *b); /* NULL equals only NULL */

/* Decimal digits only (one leading '-' for the signed one), whole string, no blanks, no overflow.
 */
bool sw_parse_u64(struct sw_str s, uint64_t *ret);
bool sw_parse_i64(struct sw_str s, int64_t *ret);
/* "512", "64K", "10MiB", "2G", "1TiB" (powers of 1024). */
bool sw_parse_size(struct sw_str s, uint64_t *ret_bytes);
/* "500ms", "30s", "5m", "12h", "7d"; a bare number is seconds. */
bool sw_parse_duration_ms(struct sw_str s, uint64_t *ret_ms);
bool sw_parse_bool(struct sw_str s, bool *ret); /* true false yes no on off 1 0 */

/* Constant time in n: for secrets and signatures. */
bool sw_equal_secret(const void *a, const void *b, size_t n);

/* The entry of names[] with the smallest edit distance to `got` (at most 3), or NULL: for "did you
 * mean". */
const char *sw_nearest_name(const char *got, const char *const *names, size_t n);

/* True if the bytes are valid UTF-8 without NUL. */
bool sw_utf8_valid(struct sw_str s);
/* Length of the valid UTF-8 sequence at p (1 to 4; a NUL counts as 1), or 0 if there is none in n
 * bytes. */
size_t sw_utf8_sequence(const char *p, size_t n);
