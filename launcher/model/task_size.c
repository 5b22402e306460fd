/* SPDX-License-Identifier: Apache-2.0 */
#include "launcher/model/task_size.h"

#include "base/macros.h"
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

bool task_size_fargate(int64_t cpu_units, int64_t memory_mib)
{
    static const struct {
        int64_t cpu, from, to, step; /* MiB; step 0: twice the one before */
    } table[] = {
        {256, 512, 2048, 0},          {512, 1024, 4096, 1024},   {1024, 2048, 8192, 1024},
        {2048, 4096, 16384, 1024},    {4096, 8192, 30720, 1024}, {8192, 16384, 61440, 4096},
        {16384, 32768, 122880, 8192},
    };
    for (size_t i = 0; i < SW_ARRAY_LEN(table); i++) {
        if (table[i].cpu != cpu_units)
            continue;
        for (int64_t m = table[i].from; m <= table[i].to;
             m = table[i].step ? m + table[i].step : m * 2) {
            if (m == memory_mib)
                return true;
        }
    }
    return false;
}
