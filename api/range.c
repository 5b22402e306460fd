/* SPDX-License-Identifier: Apache-2.0 */
/* api/range.c - RFC 9110 14.1.2 and 14.4; distribution-spec "Pushing a blob in chunks". */
#include "api/range.h"

#include <stddef.h>

#include "base/macros.h"

/* Digits up to the end of s. A number beyond 64 bits is as good as the largest: every size is smaller. */
static bool parse_position(struct sw_str s, uint64_t *ret)
{
    if (s.n == 0)
        return false;
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] < '0' || s.p[i] > '9')
            return false;
    if (!sw_parse_u64(s, ret))
        *ret = UINT64_MAX;
    return true;
}

/* "a-b" at its only dash. */
static bool split_dash(struct sw_str s, struct sw_str *ret_a, struct sw_str *ret_b)
{
    const char *dash = s.n ? memchr(s.p, '-', s.n) : NULL;
    if (!dash)
        return false;
    size_t at = (size_t)(dash - s.p);
    *ret_a = sw_str_trim(sw_str_slice(s, 0, at));
    *ret_b = sw_str_trim(sw_str_slice(s, at + 1, s.n));
    return true;
}

static enum http_range suffix_range(uint64_t count, uint64_t size, uint64_t *ret_first,
                                    uint64_t *ret_last)
{
    if (count == 0 || size == 0)
        return HTTP_RANGE_UNSATISFIABLE;
    *ret_first = count < size ? size - count : 0;
    *ret_last = size - 1;
    return HTTP_RANGE_PARTIAL;
}

enum http_range http_range_parse(const char *value, uint64_t size, uint64_t *ret_first,
                                 uint64_t *ret_last)
{
    struct sw_str s = sw_str_trim(sw_str(value)), a, b;
    uint64_t first, last = UINT64_MAX;

    if (s.n < 6 || !sw_str_eq_nocase(sw_str_slice(s, 0, 6), SW_STR("bytes=")))
        return HTTP_RANGE_FULL;
    s = sw_str_slice(s, 6, s.n);
    if (!split_dash(s, &a, &b))
        return HTTP_RANGE_FULL;
    if (a.n == 0) {
        uint64_t count;
        return parse_position(b, &count) ? suffix_range(count, size, ret_first, ret_last)
                                         : HTTP_RANGE_FULL;
    }
    if (!parse_position(a, &first) || (b.n > 0 && !parse_position(b, &last)))
        return HTTP_RANGE_FULL;
    if (last < first || first >= size)
        return HTTP_RANGE_UNSATISFIABLE;
    *ret_first = first;
    *ret_last = SW_MIN(last, size - 1);
    return HTTP_RANGE_PARTIAL;
}

bool http_chunk_range_parse(const char *value, uint64_t *ret_first, uint64_t *ret_last)
{
    struct sw_str s = sw_str_trim(sw_str(value)), a, b;
    uint64_t first, last;

    if (s.n >= 6 && sw_str_eq_nocase(sw_str_slice(s, 0, 5), SW_STR("bytes")) &&
        (s.p[5] == ' ' || s.p[5] == '='))
        s = sw_str_slice(s, 6, s.n);
    const char *slash = s.n ? memchr(s.p, '/', s.n) : NULL;
    if (slash)
        s = sw_str_slice(s, 0, (size_t)(slash - s.p));
    if (!split_dash(s, &a, &b) || !sw_parse_u64(a, &first) || !sw_parse_u64(b, &last))
        return false;
    if (last < first || last == UINT64_MAX)
        return false;
    *ret_first = first;
    *ret_last = last;
    return true;
}
