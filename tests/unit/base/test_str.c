/* SPDX-License-Identifier: Apache-2.0 */
#include "base/str.h"

#include <stdlib.h>
#include <time.h>

#include "base/alloc.h"
#include "base/macros.h"
#include "tests/lib/test.h"

static const struct sw_str null_str = {NULL, 0};

TEST(equality)
{
    CHECK(sw_str_eq(SW_STR("a"), SW_STR("a")));
    CHECK(!sw_str_eq(SW_STR("a"), SW_STR("A")));
    CHECK(!sw_str_eq(SW_STR("a"), SW_STR("ab")));
    CHECK(sw_str_eq(null_str, SW_STR("")));
    CHECK(sw_str_eq_z(SW_STR("ab"), "ab"));
    CHECK(!sw_str_eq_z(SW_STR("ab\0c"), "ab"));
    CHECK(sw_str_eq_nocase(SW_STR("Content-TYPE"), SW_STR("content-type")));
    CHECK(!sw_str_eq_nocase(SW_STR("[a"), SW_STR("{a")));
    CHECK(sw_streq(NULL, NULL));
    CHECK(!sw_streq(NULL, ""));
    CHECK(sw_streq("x", "x"));
}

TEST(prefix_and_suffix)
{
    CHECK(sw_str_starts_with(SW_STR("sha256:x"), "sha256:"));
    CHECK(!sw_str_starts_with(SW_STR("sha"), "sha256:"));
    CHECK(sw_str_starts_with(null_str, ""));
    CHECK(sw_str_ends_with(SW_STR("a.json"), ".json"));
    CHECK(!sw_str_ends_with(SW_STR("json"), ".json"));
}

TEST(compare_is_byte_order)
{
    CHECK_EQ_INT(sw_str_cmp(SW_STR("a"), SW_STR("b")), -1);
    CHECK_EQ_INT(sw_str_cmp(SW_STR("ab"), SW_STR("a")), 1);
    CHECK_EQ_INT(sw_str_cmp(SW_STR("\xff"), SW_STR("a")), 1);
    CHECK_EQ_INT(sw_str_cmp(SW_STR("a"), SW_STR("a")), 0);
    CHECK_EQ_INT(sw_str_cmp(null_str, SW_STR("")), 0);
}

TEST(trim_and_slice)
{
    CHECK(sw_str_eq_z(sw_str_trim(SW_STR(" \t a b \t")), "a b"));
    CHECK_EQ_INT(sw_str_trim(SW_STR("  ")).n, 0);
    CHECK(sw_str_eq_z(sw_str_slice(SW_STR("abcdef"), 2, 4), "cd"));
    CHECK(sw_str_eq_z(sw_str_slice(SW_STR("abc"), 2, 99), "c"));
    CHECK_EQ_INT(sw_str_slice(SW_STR("abc"), 5, 2).n, 0);
    CHECK_EQ_INT(sw_str_slice(null_str, 1, 2).n, 0);
}

TEST(split_gives_every_part)
{
    static const char *const want[] = {"a", "", "b", ""};
    struct sw_str rest = SW_STR("a,,b,"), part;

    for (size_t i = 0; i < 4; i++) {
        CHECK(sw_str_split(&rest, ',', &part));
        CHECK(sw_str_eq_z(part, want[i]));
    }
    CHECK(!sw_str_split(&rest, ',', &part));
    rest = SW_STR("");
    CHECK(sw_str_split(&rest, ',', &part));
    CHECK_EQ_INT(part.n, 0);
    CHECK(!sw_str_split(&rest, ',', &part));
}

TEST(copies)
{
    char out[4] = "zzz";
    sw_autofree char *dup = sw_str_dup(sw_str_slice(SW_STR("abcdef"), 1, 3));

    CHECK_EQ_STR(dup, "bc");
    CHECK(sw_str_copy(SW_STR("abc"), out, sizeof(out)));
    CHECK_EQ_STR(out, "abc");
    CHECK(!sw_str_copy(SW_STR("abcd"), out, sizeof(out)));
    CHECK_EQ_STR(out, "");
    CHECK(!sw_str_copy(SW_STR("a\0b"), out, sizeof(out)));
    CHECK(!sw_str_copy(SW_STR(""), out, 0));
}

TEST(parses_unsigned)
{
    static const char *const bad[] = {
        "", "-1", "+1", " 1", "1 ", "0x1", "1a", "18446744073709551616", "99999999999999999999999"};
    uint64_t v = 7;

    for (size_t i = 0; i < SW_ARRAY_LEN(bad); i++)
        CHECK_MSG(!sw_parse_u64(sw_str(bad[i]), &v), "\"%s\"", bad[i]);
    CHECK_EQ_UINT(v, 7);
    CHECK(sw_parse_u64(SW_STR("18446744073709551615"), &v));
    CHECK_EQ_UINT(v, UINT64_MAX);
    CHECK(sw_parse_u64(SW_STR("0"), &v));
    CHECK_EQ_UINT(v, 0);
    CHECK(!sw_parse_u64(SW_STR("1\0"), &v));
}

TEST(parses_signed)
{
    int64_t v;

    CHECK(sw_parse_i64(SW_STR("-9223372036854775808"), &v));
    CHECK_EQ_INT(v, INT64_MIN);
    CHECK(sw_parse_i64(SW_STR("9223372036854775807"), &v));
    CHECK_EQ_INT(v, INT64_MAX);
    CHECK(sw_parse_i64(SW_STR("-1"), &v));
    CHECK_EQ_INT(v, -1);
    CHECK(!sw_parse_i64(SW_STR("9223372036854775808"), &v));
    CHECK(!sw_parse_i64(SW_STR("-9223372036854775809"), &v));
    CHECK(!sw_parse_i64(SW_STR("-"), &v));
    CHECK(!sw_parse_i64(SW_STR("--1"), &v));
}

TEST(parses_sizes)
{
    uint64_t v;

    CHECK(sw_parse_size(SW_STR("512"), &v) && v == 512);
    CHECK(sw_parse_size(SW_STR("64K"), &v) && v == 65536);
    CHECK(sw_parse_size(SW_STR("10MiB"), &v) && v == 10485760);
    CHECK(sw_parse_size(SW_STR("2G"), &v) && v == 2147483648);
    CHECK(sw_parse_size(SW_STR("1TiB"), &v) && v == 1ULL << 40);
    CHECK(!sw_parse_size(SW_STR("K"), &v));
    CHECK(!sw_parse_size(SW_STR("1X"), &v));
    CHECK(!sw_parse_size(SW_STR("1 K"), &v));
    CHECK(!sw_parse_size(SW_STR("99999999999T"), &v));
}

TEST(parses_durations)
{
    uint64_t v;

    CHECK(sw_parse_duration_ms(SW_STR("500ms"), &v) && v == 500);
    CHECK(sw_parse_duration_ms(SW_STR("30s"), &v) && v == 30000);
    CHECK(sw_parse_duration_ms(SW_STR("5m"), &v) && v == 300000);
    CHECK(sw_parse_duration_ms(SW_STR("12h"), &v) && v == 43200000);
    CHECK(sw_parse_duration_ms(SW_STR("7d"), &v) && v == 604800000);
    CHECK(sw_parse_duration_ms(SW_STR("3"), &v) && v == 3000);
    CHECK(!sw_parse_duration_ms(SW_STR("5w"), &v));
    CHECK(!sw_parse_duration_ms(SW_STR("18446744073709551615d"), &v));
}

TEST(parses_booleans)
{
    static const char *const yes[] = {"true", "yes", "on", "1"};
    static const char *const no[] = {"false", "no", "off", "0"};
    bool v;

    for (size_t i = 0; i < 4; i++) {
        v = false;
        CHECK(sw_parse_bool(sw_str(yes[i]), &v) && v);
        CHECK(sw_parse_bool(sw_str(no[i]), &v) && !v);
    }
    CHECK(!sw_parse_bool(SW_STR("TRUE"), &v));
    CHECK(!sw_parse_bool(SW_STR(""), &v));
}

TEST(compares_secrets)
{
    CHECK(sw_equal_secret("abc", "abc", 3));
    CHECK(!sw_equal_secret("abc", "abd", 3));
    CHECK(!sw_equal_secret("xbc", "abc", 3));
    CHECK(sw_equal_secret("a", "b", 0));
}

/* Of this thread alone, so that a busy machine does not matter. */
static int64_t comparing_takes(const char *a, const char *b, size_t n)
{
    struct timespec began, ended;
    CHECK(clock_gettime(CLOCK_THREAD_CPUTIME_ID, &began) == 0);
    CHECK(!sw_equal_secret(a, b, n));
    CHECK(clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ended) == 0);
    return (ended.tv_sec - began.tv_sec) * 1000000000 + ended.tv_nsec - began.tv_nsec;
}

/* The shortest of many: as many as it takes, for caches and clocks are others' too. A comparison that ends at the first difference
 * takes a thousandth of the other, however often it is tried. */
TEST(advisory_cve_2023_20902_the_time_does_not_tell_where_secrets_differ)
{
    size_t n = 256u << 10;
    sw_autofree char *a = sw_calloc(n, 1), *first = sw_calloc(n, 1), *last = sw_calloc(n, 1);
    first[0] = 1;
    last[n - 1] = 1;
    int64_t early = INT64_MAX, late = INT64_MAX;
    for (int i = 0; i < 3000 && (i < 20 || early * 4 <= late); i++) {
        early = SW_MIN(early, comparing_takes(a, first, n));
        late = SW_MIN(late, comparing_takes(a, last, n));
    }
    CHECK_MSG(early * 4 > late, "%lld ns and %lld ns", (long long)early, (long long)late);
}

TEST(names_the_nearest)
{
    static const char *const names[] = {"listen", "data", "log_level", "tls_key", "on"};
    static const struct {
        const char *got, *want;
    } rows[] = {
        {"lisen", "listen"},       {"lsiten", "listen"},
        {"listenn", "listen"},     {"dta", "data"},
        {"loglevel", "log_level"}, {"log-lvl", "log_level"},
        {"xyzzyplugh", NULL},      {"", NULL},
        {"data", "data"},          {"xx", NULL},
    };

    for (size_t i = 0; i < SW_ARRAY_LEN(rows); i++)
        CHECK_EQ_STR(sw_nearest_name(rows[i].got, names, SW_ARRAY_LEN(names)), rows[i].want);
}

TEST(no_suggestion_for_an_endless_name)
{
    static const char *const names[] = {"listen"};
    char got[5000];

    memset(got, 'l', sizeof(got) - 1);
    got[sizeof(got) - 1] = 0;
    CHECK_NULL(sw_nearest_name(got, names, 1));
}

TEST(checks_utf8)
{
    static const char *const good[] = {"",
                                       "abc",
                                       "\xc3\xa4",
                                       "\xe2\x82\xac",
                                       "\xf0\x9f\x9a\xa2",
                                       "\xf4\x8f\xbf\xbf",
                                       "\xed\x9f\xbf",
                                       "\xee\x80\x80"};
    static const char *const bad[] = {
        "\x80",             /* continuation alone */
        "\xc3",             /* cut */
        "\xc0\xaf",         /* overlong '/' */
        "\xe0\x80\xaf",     /* overlong */
        "\xf0\x80\x80\xaf", /* overlong */
        "\xed\xa0\x80",     /* surrogate */
        "\xf4\x90\x80\x80", /* beyond U+10FFFF */
        "\xf5\x80\x80\x80",
        "\xff",
        "\xe2\x82",
        "\xe2\x28\xa1",
    };

    for (size_t i = 0; i < SW_ARRAY_LEN(good); i++)
        CHECK_MSG(sw_utf8_valid(sw_str(good[i])), "row %zu", i);
    for (size_t i = 0; i < SW_ARRAY_LEN(bad); i++)
        CHECK_MSG(!sw_utf8_valid(sw_str(bad[i])), "row %zu", i);
    CHECK(!sw_utf8_valid(SW_STR("a\0b")));
    CHECK_EQ_INT(sw_utf8_sequence("\xe2\x82\xac", 2), 0);
    CHECK_EQ_INT(sw_utf8_sequence("\xe2\x82\xacx", 4), 3);
}
