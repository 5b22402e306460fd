/* SPDX-License-Identifier: Apache-2.0 */
#include "base/buf.h"

#include <stdlib.h>

#include "base/err.h"
#include "base/macros.h"
#include "tests/lib/test.h"

#define AUTO_BUF(name, maximum) SW_CLEANUP(sw_buf_done) struct sw_buf name = SW_BUF_INIT(maximum)

TEST(grows_and_stays_terminated)
{
    AUTO_BUF(b, 100000);

    for (int i = 0; i < 10000; i++)
        CHECK(sw_buf_add_char(&b, 'x'));
    CHECK_EQ_INT(b.n, 10000);
    CHECK_EQ_INT(b.p[b.n], 0);
    CHECK(b.cap <= 100001);
}

TEST(overflow_is_sticky_and_keeps_the_content)
{
    struct sw_err err = SW_ERR_INIT;
    AUTO_BUF(b, 5);

    CHECK(sw_buf_add_z(&b, "abcde"));
    CHECK_OK(sw_buf_check(&b, "R", &err));
    CHECK(!sw_buf_add_z(&b, "f"));
    CHECK(!sw_buf_add_z(&b, ""));
    CHECK_EQ_STR(b.p, "abcde");
    CHECK_ERR(sw_buf_check(&b, "TooLarge", &err), SW_ELIMIT, "TooLarge");
    sw_buf_reset(&b);
    CHECK(sw_buf_add_z(&b, "x"));
    CHECK_EQ_STR(b.p, "x");
}

TEST(an_append_that_does_not_fit_adds_nothing)
{
    AUTO_BUF(b, 5);

    CHECK(sw_buf_add_z(&b, "abc"));
    CHECK(!sw_buf_add_z(&b, "def"));
    CHECK_EQ_STR(b.p, "abc");
    AUTO_BUF(none, 0);
    CHECK(sw_buf_add_z(&none, ""));
    CHECK(!sw_buf_add_char(&none, 'x'));
}

TEST(formats_short_and_long)
{
    AUTO_BUF(b, 2000);

    CHECK(sw_buf_addf(&b, "%d-%s", 5, "x"));
    CHECK_EQ_STR(b.p, "5-x");
    CHECK(sw_buf_addf(&b, "%0500d", 1));
    CHECK_EQ_INT(b.n, 503);
    CHECK_EQ_INT(b.p[502], '1');
    CHECK(!sw_buf_addf(&b, "%02000d", 1));
    CHECK_EQ_INT(b.n, 503);
}

TEST(escapes_json)
{
    static const struct {
        struct sw_str in;
        const char *want;
    } rows[] = {
        {{"", 0}, "\"\""},
        {{"a\"b\\c", 5}, "\"a\\\"b\\\\c\""},
        {{"\n\r\t\b\f\x01", 6}, "\"\\n\\r\\t\\b\\f\\u0001\""},
        {{"a\0b", 3}, "\"a\\u0000b\""},
        {{"\xc3\xa4", 2}, "\"\xc3\xa4\""},
        {{"a\xff"
          "b\xc3",
          4},
         "\"a\xef\xbf\xbd"
         "b\xef\xbf\xbd\""},
    };

    for (size_t i = 0; i < SW_ARRAY_LEN(rows); i++) {
        AUTO_BUF(b, 100);
        CHECK(sw_buf_add_json_string(&b, rows[i].in));
        CHECK_EQ_STR(b.p, rows[i].want);
    }
    AUTO_BUF(small, 3);
    CHECK(!sw_buf_add_json_string(&small, SW_STR("abc")));
}

TEST(escapes_uris)
{
    AUTO_BUF(b, 100);

    CHECK(sw_buf_add_uri(&b, SW_STR("aZ9-_.~ /+\xc3"), false));
    CHECK_EQ_STR(b.p, "aZ9-_.~%20%2F%2B%C3");
    sw_buf_reset(&b);
    CHECK(sw_buf_add_uri(&b, SW_STR("a/b c"), true));
    CHECK_EQ_STR(b.p, "a/b%20c");
}

TEST(drop_keeps_the_end)
{
    SW_CLEANUP(sw_buf_done) struct sw_buf b = SW_BUF_INIT(8);
    sw_buf_drop(&b, 0);
    CHECK(sw_buf_add_z(&b, "abcdefgh"));
    sw_buf_drop(&b, 3);
    CHECK_EQ_STR(b.p, "defgh");
    CHECK_EQ_INT(b.n, 5);
    CHECK(sw_buf_add_z(&b, "ijk"));
    sw_buf_drop(&b, 8);
    CHECK_EQ_INT(b.n, 0);
    CHECK_EQ_STR(b.p, "");
}

TEST(cut_keeps_the_beginning)
{
    struct sw_buf b = SW_BUF_INIT(100);
    sw_buf_cut(&b, 0);
    CHECK(sw_buf_add_z(&b, "slipway"));
    sw_buf_cut(&b, 8);
    CHECK_EQ_STR(b.p, "slipway");
    sw_buf_cut(&b, 4);
    CHECK_EQ_STR(b.p, "slip");
    CHECK_EQ_UINT(b.n, 4);
    sw_buf_done(&b);
}

TEST(take_hands_over_and_empties)
{
    AUTO_BUF(b, 100);
    sw_autofree char *empty = sw_buf_take(&b);

    CHECK_EQ_STR(empty, "");
    sw_buf_add_z(&b, "abc");
    sw_autofree char *abc = sw_buf_take(&b);
    CHECK_EQ_STR(abc, "abc");
    CHECK_EQ_INT(b.n, 0);
    CHECK(sw_str_eq_z(sw_buf_str(&b), ""));
    CHECK(sw_buf_add_z(&b, "again"));
}
