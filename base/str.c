/* SPDX-License-Identifier: Apache-2.0 */
#include "base/str.h"

#include "base/alloc.h"
#include "base/macros.h"

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

bool sw_str_eq(struct sw_str a, struct sw_str b)
{
    return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

bool sw_str_eq_z(struct sw_str a, const char *z)
{
    return sw_str_eq(a, sw_str(z));
}

bool sw_str_eq_nocase(struct sw_str a, struct sw_str b)
{
    if (a.n != b.n)
        return false;
    for (size_t i = 0; i < a.n; i++)
        if (lower(a.p[i]) != lower(b.p[i]))
            return false;
    return true;
}

bool sw_str_starts_with(struct sw_str s, const char *prefix)
{
    size_t n = strlen(prefix);

    return s.n >= n && (n == 0 || memcmp(s.p, prefix, n) == 0);
}

bool sw_str_ends_with(struct sw_str s, const char *suffix)
{
    size_t n = strlen(suffix);

    return s.n >= n && (n == 0 || memcmp(s.p + s.n - n, suffix, n) == 0);
}

int sw_str_cmp(struct sw_str a, struct sw_str b)
{
    size_t n = SW_MIN(a.n, b.n);
    int c = n ? memcmp(a.p, b.p, n) : 0;

    if (c != 0)
        return c < 0 ? -1 : 1;
    return a.n == b.n ? 0 : a.n < b.n ? -1 : 1;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

struct sw_str sw_str_trim(struct sw_str s)
{
    while (s.n > 0 && is_blank(s.p[0])) {
        s.p++;
        s.n--;
    }
    while (s.n > 0 && is_blank(s.p[s.n - 1]))
        s.n--;
    return s;
}

struct sw_str sw_str_slice(struct sw_str s, size_t from, size_t to)
{
    to = SW_MIN(to, s.n);
    from = SW_MIN(from, to);
    return s.p ? (struct sw_str){s.p + from, to - from} : (struct sw_str){"", 0};
}

bool sw_str_split(struct sw_str *rest, char sep, struct sw_str *ret_part)
{
    if (!rest->p)
        return false;
    const char *at = rest->n ? memchr(rest->p, sep, rest->n) : NULL;
    if (!at) {
        *ret_part = *rest;
        *rest = (struct sw_str){NULL, 0};
        return true;
    }
    size_t n = (size_t)(at - rest->p);
    *ret_part = (struct sw_str){rest->p, n};
    *rest = (struct sw_str){at + 1, rest->n - n - 1};
    return true;
}

char *sw_str_dup(struct sw_str s)
{
    char *copy = sw_malloc(s.n + 1);

    if (s.n)
        memcpy(copy, s.p, s.n);
    copy[s.n] = 0;
    return copy;
}

bool sw_str_copy(struct sw_str s, char *out, size_t cap)
{
    if (cap == 0)
        return false;
    out[0] = 0;
    if (s.n >= cap || (s.n && memchr(s.p, 0, s.n)))
        return false;
    if (s.n)
        memcpy(out, s.p, s.n);
    out[s.n] = 0;
    return true;
}

bool sw_streq(const char *a, const char *b)
{
    if (!a || !b)
        return a == b;
    return strcmp(a, b) == 0;
}

bool sw_parse_u64(struct sw_str s, uint64_t *ret)
{
    uint64_t v = 0;

    if (s.n == 0)
        return false;
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] < '0' || s.p[i] > '9')
            return false;
        if (__builtin_mul_overflow(v, 10U, &v) ||
            __builtin_add_overflow(v, (unsigned)(s.p[i] - '0'), &v))
            return false;
    }
    *ret = v;
    return true;
}

bool sw_parse_i64(struct sw_str s, int64_t *ret)
{
    bool negative = s.n > 0 && s.p[0] == '-';
    uint64_t v;

    if (!sw_parse_u64(negative ? sw_str_slice(s, 1, s.n) : s, &v))
        return false;
    if (v > (uint64_t)INT64_MAX + negative)
        return false;
    *ret = negative ? (int64_t)(0 - v) : (int64_t)v;
    return true;
}

/* Splits "10MiB" into its digits and its unit. */
static bool split_unit(struct sw_str s, uint64_t *ret_number, struct sw_str *ret_unit)
{
    size_t n = 0;

    while (n < s.n && s.p[n] >= '0' && s.p[n] <= '9')
        n++;
    *ret_unit = sw_str_slice(s, n, s.n);
    return sw_parse_u64(sw_str_slice(s, 0, n), ret_number);
}

struct unit {
    const char *name;
    uint64_t factor;
};

static bool parse_with_units(struct sw_str s, const struct unit *units, size_t n, uint64_t *ret)
{
    struct sw_str unit;
    uint64_t v;

    if (!split_unit(s, &v, &unit))
        return false;
    for (size_t i = 0; i < n; i++)
        if (sw_str_eq_z(unit, units[i].name))
            return !__builtin_mul_overflow(v, units[i].factor, ret);
    return false;
}

bool sw_parse_size(struct sw_str s, uint64_t *ret_bytes)
{
    static const struct unit units[] = {
        {"", 1},
        {"K", 1ULL << 10},
        {"KiB", 1ULL << 10},
        {"M", 1ULL << 20},
        {"MiB", 1ULL << 20},
        {"G", 1ULL << 30},
        {"GiB", 1ULL << 30},
        {"T", 1ULL << 40},
        {"TiB", 1ULL << 40},
    };
    uint64_t v;

    if (!parse_with_units(s, units, SW_ARRAY_LEN(units), &v))
        return false;
    *ret_bytes = v;
    return true;
}

bool sw_parse_duration_ms(struct sw_str s, uint64_t *ret_ms)
{
    static const struct unit units[] = {
        {"", 1000}, {"ms", 1}, {"s", 1000}, {"m", 60000}, {"h", 3600000}, {"d", 86400000},
    };
    uint64_t v;

    if (!parse_with_units(s, units, SW_ARRAY_LEN(units), &v))
        return false;
    *ret_ms = v;
    return true;
}

bool sw_parse_bool(struct sw_str s, bool *ret)
{
    static const char *const words[] = {"false", "true", "no", "yes", "off", "on", "0", "1"};

    for (size_t i = 0; i < SW_ARRAY_LEN(words); i++) {
        if (sw_str_eq_z(s, words[i])) {
            *ret = i % 2 == 1;
            return true;
        }
    }
    return false;
}

bool sw_equal_secret(const void *a, const void *b, size_t n)
{
    const volatile unsigned char *x = a, *y = b;
    unsigned char difference = 0;

    for (size_t i = 0; i < n; i++)
        difference |= (unsigned char)(x[i] ^ y[i]);
    return difference == 0;
}

#define NAME_MAX_COMPARED 64 /* longer names get no suggestion */

/* Damerau-Levenshtein distance with adjacent transpositions (optimal string alignment). */
static size_t edit_distance(const char *a, size_t a_n, const char *b, size_t b_n)
{
    size_t rows[3][NAME_MAX_COMPARED + 1];
    size_t *before = rows[0], *last = rows[1], *now = rows[2];

    for (size_t j = 0; j <= b_n; j++)
        last[j] = j;
    for (size_t i = 1; i <= a_n; i++) {
        now[0] = i;
        for (size_t j = 1; j <= b_n; j++) {
            size_t cost = a[i - 1] != b[j - 1];
            size_t best = SW_MIN(last[j] + 1, now[j - 1] + 1);
            best = SW_MIN(best, last[j - 1] + cost);
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                best = SW_MIN(best, before[j - 2] + 1);
            now[j] = best;
        }
        size_t *spare = before;
        before = last;
        last = now;
        now = spare;
    }
    return last[b_n];
}

const char *sw_nearest_name(const char *got, const char *const *names, size_t n)
{
    size_t got_n = strlen(got), best = 4;
    const char *ret = NULL;

    if (got_n > NAME_MAX_COMPARED)
        return NULL;
    for (size_t i = 0; i < n; i++) {
        size_t name_n = strlen(names[i]);
        if (name_n > NAME_MAX_COMPARED)
            continue;
        size_t d = edit_distance(got, got_n, names[i], name_n);
        if (d < best && d < name_n && d < SW_MAX(got_n, 1U)) {
            best = d;
            ret = names[i];
        }
    }
    return ret;
}

size_t sw_utf8_sequence(const char *p, size_t n)
{
    const unsigned char *u = (const unsigned char *)p;

    if (n == 0)
        return 0;
    if (u[0] < 0x80)
        return 1;
    size_t len = u[0] >= 0xc2 && u[0] <= 0xdf   ? 2
                 : u[0] >= 0xe0 && u[0] <= 0xef ? 3
                 : u[0] >= 0xf0 && u[0] <= 0xf4 ? 4
                                                : 0;
    if (len == 0 || len > n)
        return 0;
    for (size_t i = 1; i < len; i++)
        if ((u[i] & 0xc0) != 0x80)
            return 0;
    /* Overlong forms, surrogates, and what lies beyond U+10FFFF (Unicode 15.0, table 3-7). */
    if ((u[0] == 0xe0 && u[1] < 0xa0) || (u[0] == 0xed && u[1] > 0x9f) ||
        (u[0] == 0xf0 && u[1] < 0x90) || (u[0] == 0xf4 && u[1] > 0x8f))
        return 0;
    return len;
}

bool sw_utf8_valid(struct sw_str s)
{
    for (size_t i = 0; i < s.n;) {
        size_t len = s.p[i] == 0 ? 0 : sw_utf8_sequence(s.p + i, s.n - i);
        if (len == 0)
            return false;
        i += len;
    }
    return true;
}
