/* SPDX-License-Identifier: Apache-2.0 */
#include "api/range.h"

#include "base/macros.h"
#include "tests/lib/test.h"

TEST(range_table)
{
    static const struct {
        const char *value;
        uint64_t size;
        enum http_range want;
        uint64_t first, last;
    } rows[] = {
        {NULL, 2048, HTTP_RANGE_FULL, 0, 0},
        {"", 2048, HTTP_RANGE_FULL, 0, 0},
        {"bytes=500-1499", 2048, HTTP_RANGE_PARTIAL, 500, 1499},
        {"Bytes=500-1499", 2048, HTTP_RANGE_PARTIAL, 500, 1499},
        {" bytes= 500 - 1499 ", 2048, HTTP_RANGE_PARTIAL, 500, 1499},
        {"bytes=500-", 2048, HTTP_RANGE_PARTIAL, 500, 2047},
        {"bytes=-500", 2048, HTTP_RANGE_PARTIAL, 1548, 2047},
        {"bytes=-5000", 2048, HTTP_RANGE_PARTIAL, 0, 2047},
        {"bytes=2000-5000", 2048, HTTP_RANGE_PARTIAL, 2000, 2047},
        {"bytes=0-0", 2048, HTTP_RANGE_PARTIAL, 0, 0},
        {"bytes=2047-", 2048, HTTP_RANGE_PARTIAL, 2047, 2047},
        {"bytes=0-99999999999999999999999", 2048, HTTP_RANGE_PARTIAL, 0, 2047},
        {"bytes=500-0", 2048, HTTP_RANGE_UNSATISFIABLE, 0, 0},
        {"bytes=5000-10000", 2048, HTTP_RANGE_UNSATISFIABLE, 0, 0},
        {"bytes=2048-", 2048, HTTP_RANGE_UNSATISFIABLE, 0, 0},
        {"bytes=99999999999999999999999-", 2048, HTTP_RANGE_UNSATISFIABLE, 0, 0},
        {"bytes=-0", 2048, HTTP_RANGE_UNSATISFIABLE, 0, 0},
        {"bytes=-1", 0, HTTP_RANGE_UNSATISFIABLE, 0, 0},
        {"bytes=0-", 0, HTTP_RANGE_UNSATISFIABLE, 0, 0},
        {"bytes=0-1,5-6", 2048, HTTP_RANGE_FULL, 0, 0},
        {"lines=0-1", 2048, HTTP_RANGE_FULL, 0, 0},
        {"bytes=", 2048, HTTP_RANGE_FULL, 0, 0},
        {"bytes=-", 2048, HTTP_RANGE_FULL, 0, 0},
        {"bytes=a-b", 2048, HTTP_RANGE_FULL, 0, 0},
        {"bytes=1-2-3", 2048, HTTP_RANGE_FULL, 0, 0},
        {"bytes=--5", 2048, HTTP_RANGE_FULL, 0, 0},
        {"bytes=+5-6", 2048, HTTP_RANGE_FULL, 0, 0},
        {"bytes=5", 2048, HTTP_RANGE_FULL, 0, 0},
    };
    for (size_t i = 0; i < SW_ARRAY_LEN(rows); i++) {
        uint64_t first = 0, last = 0;
        CHECK_MSG(http_range_parse(rows[i].value, rows[i].size, &first, &last) == rows[i].want,
                  "row %zu", i);
        CHECK_MSG(first == rows[i].first && last == rows[i].last, "row %zu: %llu-%llu", i,
                  (unsigned long long)first, (unsigned long long)last);
    }
}

TEST(chunk_range_table)
{
    static const struct {
        const char *value;
        bool good;
        uint64_t first, last;
    } rows[] = {
        {"0-1023", true, 0, 1023},
        {"1024-1024", true, 1024, 1024},
        {"bytes 5-9/100", true, 5, 9},
        {"bytes=5-9", true, 5, 9},
        {"5-9/*", true, 5, 9},
        {NULL, false, 0, 0},
        {"", false, 0, 0},
        {"-5", false, 0, 0},
        {"5-", false, 0, 0},
        {"9-5", false, 0, 0},
        {"a-b", false, 0, 0},
        {"0-18446744073709551615", false, 0, 0},
        {"0-99999999999999999999", false, 0, 0},
        {"1-2-3", false, 0, 0},
    };
    for (size_t i = 0; i < SW_ARRAY_LEN(rows); i++) {
        uint64_t first = 0, last = 0;
        CHECK_MSG(http_chunk_range_parse(rows[i].value, &first, &last) == rows[i].good, "row %zu",
                  i);
        CHECK_MSG(first == rows[i].first && last == rows[i].last, "row %zu", i);
    }
}
