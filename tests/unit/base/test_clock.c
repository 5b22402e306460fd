/* SPDX-License-Identifier: Apache-2.0 */
#include "base/clock.h"

#include <time.h>

#include "base/macros.h"
#include "tests/lib/test.h"

#define T_2026 1795270029123456LL /* 2026-11-21T14:07:09.123456Z */

TEST(formats)
{
    char out[SW_TIME_LEN];

    sw_format_iso8601(T_2026, out);
    CHECK_EQ_STR(out, "2026-11-21T14:07:09.123456Z");
    sw_format_iso8601_s(T_2026, out);
    CHECK_EQ_STR(out, "2026-11-21T14:07:09Z");
    sw_format_amz_date(T_2026, out);
    CHECK_EQ_STR(out, "20261121T140709Z");
    sw_format_http_date(T_2026, out);
    CHECK_EQ_STR(out, "Sat, 21 Nov 2026 14:07:09 GMT");
    sw_format_iso8601(0, out);
    CHECK_EQ_STR(out, "1970-01-01T00:00:00.000000Z");
    sw_format_iso8601(-1, out);
    CHECK_EQ_STR(out, "1969-12-31T23:59:59.999999Z");
    sw_format_http_date(784111777000000, out); /* the example of RFC 9110 */
    CHECK_EQ_STR(out, "Sun, 06 Nov 1994 08:49:37 GMT");
}

TEST(extreme_times_keep_their_width)
{
    char out[SW_TIME_LEN];

    sw_format_iso8601_s(INT64_MAX, out);
    CHECK_EQ_STR(out, "9999-12-31T23:59:59Z");
    sw_format_iso8601_s(INT64_MIN, out);
    CHECK_EQ_STR(out, "0000-01-01T00:00:00Z");
}

/* Every 9.7 days over 800 years, against the C library. */
TEST(agrees_with_gmtime)
{
    for (int64_t s = -12000000000; s < 14000000000; s += 838861) {
        char ours[SW_TIME_LEN], theirs[SW_TIME_LEN];
        time_t t = s;
        struct tm tm;
        int64_t back;

        CHECK_NOT_NULL(gmtime_r(&t, &tm));
        sw_format_iso8601_s(s * 1000000, ours);
        strftime(theirs, sizeof(theirs), "%Y-%m-%dT%H:%M:%SZ", &tm);
        CHECK_EQ_STR(ours, theirs);
        CHECK(sw_parse_iso8601(sw_str(ours), &back) && back == s * 1000000);
        sw_format_http_date(s * 1000000, ours);
        strftime(theirs, sizeof(theirs), "%a, %d %b %Y %H:%M:%S GMT", &tm);
        CHECK_EQ_STR(ours, theirs);
        CHECK(sw_parse_http_date(sw_str(ours), &back) && back == s * 1000000);
        sw_format_amz_date(s * 1000000, ours);
        CHECK(sw_parse_amz_date(sw_str(ours), &back) && back == s * 1000000);
    }
}

TEST(parses_iso8601_forms)
{
    int64_t us;

    CHECK(sw_parse_iso8601(SW_STR("2026-11-21T14:07:09.123456Z"), &us) && us == T_2026);
    CHECK(sw_parse_iso8601(SW_STR("2026-11-21T14:07:09.123456789Z"), &us) && us == T_2026);
    CHECK(sw_parse_iso8601(SW_STR("2026-11-21T16:07:09.123456+02:00"), &us) && us == T_2026);
    CHECK(sw_parse_iso8601(SW_STR("2026-11-21T08:37:09.123456-05:30"), &us) && us == T_2026);
    CHECK(sw_parse_iso8601(SW_STR("2026-11-21T14:07:09.1Z"), &us));
    CHECK_EQ_INT(us % 1000000, 100000);
    CHECK(sw_parse_iso8601(SW_STR("2024-02-29T00:00:00Z"), &us));
}

TEST(refuses_bad_dates)
{
    static const char *const iso[] = {"",
                                      "2026-11-21",
                                      "2026-11-21T14:07:09",
                                      "2026-11-21 14:07:09Z",
                                      "2026-13-21T14:07:09Z",
                                      "2026-02-29T00:00:00Z",
                                      "2026-00-01T00:00:00Z",
                                      "2026-01-00T00:00:00Z",
                                      "2026-01-01T24:00:00Z",
                                      "2026-01-01T00:60:00Z",
                                      "2026-01-01T00:00:60Z",
                                      "2026-01-01T00:00:00.Z",
                                      "2026-01-01T00:00:00+24:00",
                                      "2026-01-01T00:00:00+0100",
                                      "2026-01-01T00:00:00Zx",
                                      "2026-01-01T00:00:00z",
                                      "-026-01-01T00:00:00Z",
                                      "1900-02-29T00:00:00Z"};
    static const char *const amz[] = {"20261121T140709",  "20261121T140709Zx",    "20261121140709Z",
                                      "20261321T140709Z", "2026-11-21T14:07:09Z", ""};
    static const char *const http[] = {
        "Sat, 21 Nov 2026 14:07:09",     "Sat, 21 Nov 2026 14:07:09 UTC",
        "Xyz, 21 Nov 2026 14:07:09 GMT", "Saturday, 21-Nov-26 14:07:09 GMT",
        "Sat Nov 21 14:07:09 2026",      "Sat, 31 Nov 2026 14:07:09 GMT"};
    int64_t us = 5;

    for (size_t i = 0; i < SW_ARRAY_LEN(iso); i++)
        CHECK_MSG(!sw_parse_iso8601(sw_str(iso[i]), &us), "%s", iso[i]);
    for (size_t i = 0; i < SW_ARRAY_LEN(amz); i++)
        CHECK_MSG(!sw_parse_amz_date(sw_str(amz[i]), &us), "%s", amz[i]);
    for (size_t i = 0; i < SW_ARRAY_LEN(http); i++)
        CHECK_MSG(!sw_parse_http_date(sw_str(http[i]), &us), "%s", http[i]);
    CHECK_EQ_INT(us, 5);
}

TEST(clocks_run)
{
    int64_t before = sw_mono_ms(), before_us = sw_mono_us();

    sw_sleep_ms(20);
    sw_sleep_ms(0);
    sw_sleep_ms(-5);
    CHECK(sw_mono_ms() - before >= 19);
    CHECK(sw_mono_us() - before_us >= 20000);
    CHECK(sw_now_s() > 1700000000);
    CHECK(sw_now_us() / 1000000 - sw_now_s() <= 1);
}
