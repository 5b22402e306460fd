/* SPDX-License-Identifier: Apache-2.0 */
#include "launcher/model/task_size.h"

#include "base/str.h"

/* "1.25" times scale; the product must be whole. */
static bool parse_scaled(struct sw_str s, int64_t scale, int64_t *ret)
{
    struct sw_str rest = s, whole, fraction = {"", 0};
    uint64_t units = 0, part = 0, divisor = 1;
    if (!sw_str_split(&rest, '.', &whole))
        return false;
    if (rest.p && (!sw_str_split(&rest, '.', &fraction) || rest.p || fraction.n == 0))
        return false;
    if (whole.n == 0 && fraction.n == 0)
        return false;
    if (whole.n && !sw_parse_u64(whole, &units))
        return false;
    if (fraction.n > 6 || (fraction.n && !sw_parse_u64(fraction, &part)))
        return false;
    if (units > 1000000000)
        return false;
    for (size_t i = 0; i < fraction.n; i++)
        divisor *= 10;
    if (part * (uint64_t)scale % divisor != 0)
        return false;
    *ret = (int64_t)(units * (uint64_t)scale + part * (uint64_t)scale / divisor);
    return true;
}

static bool parse_with_unit(const char *text, const char *unit, int64_t *ret)
{
    struct sw_str s = sw_str_trim(sw_str(text));
    size_t n = strlen(unit);
    uint64_t v;
    if (s.n > n && sw_str_eq_nocase(sw_str_slice(s, s.n - n, s.n), sw_str(unit)))
        return parse_scaled(sw_str_trim(sw_str_slice(s, 0, s.n - n)), 1024, ret);
    if (!sw_parse_u64(s, &v) || v > 1000000000)
        return false;
    *ret = (int64_t)v;
    return true;
}

bool task_cpu_parse(const char *s, int64_t *ret_units)
{
    return parse_with_unit(s, "vCPU", ret_units);
}

bool task_memory_parse(const char *s, int64_t *ret_mib)
{
    return parse_with_unit(s, "GB", ret_mib);
}
