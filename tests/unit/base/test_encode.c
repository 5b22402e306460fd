/* SPDX-License-Identifier: Apache-2.0 */
#include "base/encode.h"

#include "base/macros.h"
#include "tests/lib/test.h"

TEST(hex_digits)
{
    for (int c = -128; c < 256; c++) {
        char digit = (char)c;
        static const char digits[] = "00112233445566778899aAbBcCdDeEfF";
        const char *at = digit ? strchr(digits, digit) : NULL;
        CHECK_EQ_INT(sw_hex_digit(digit), at ? (at - digits) / 2 : -1);
    }
}

TEST(hex_both_ways)
{
    char out[9];
    unsigned char back[4];

    sw_hex("\x00\xab\xff\x10", 4, out);
    CHECK_EQ_STR(out, "00abff10");
    CHECK(sw_unhex(SW_STR("00ABff10"), back, 4));
    CHECK_EQ_MEM(back, 4, "\x00\xab\xff\x10", 4);
    CHECK(!sw_unhex(SW_STR("00abff1"), back, 4));
    CHECK(!sw_unhex(SW_STR("00abff1g"), back, 4));
    CHECK(!sw_unhex(SW_STR("00abff1000"), back, 4));
}

TEST(base64_vectors)
{
    /* RFC 4648 section 10 */
    static const struct {
        const char *plain, *std, *url;
    } rows[] = {
        {"", "", ""},
        {"f", "Zg==", "Zg"},
        {"fo", "Zm8=", "Zm8"},
        {"foo", "Zm9v", "Zm9v"},
        {"foob", "Zm9vYg==", "Zm9vYg"},
        {"fooba", "Zm9vYmE=", "Zm9vYmE"},
        {"foobar", "Zm9vYmFy", "Zm9vYmFy"},
        {"\xfb\xff\xfe", "+//+", "-__-"},
    };

    for (size_t i = 0; i < SW_ARRAY_LEN(rows); i++) {
        size_t n = strlen(rows[i].plain), got;
        char text[SW_BASE64_LEN(8) + 1], back[8];
        sw_base64(rows[i].plain, n, text);
        CHECK_EQ_STR(text, rows[i].std);
        CHECK(sw_unbase64(sw_str(text), back, sizeof(back), &got));
        CHECK_EQ_MEM(back, got, rows[i].plain, n);
        sw_base64url(rows[i].plain, n, text);
        CHECK_EQ_STR(text, rows[i].url);
        CHECK(sw_unbase64url(sw_str(text), back, sizeof(back), &got));
        CHECK_EQ_MEM(back, got, rows[i].plain, n);
    }
}

TEST(base64_is_strict)
{
    static const char *const bad[] = {"Z",    "Zg",       "Zg=",  "Zg===",  "Z===", "====", "Zh==",
                                      "Zm9=", "Zg==Zg==", "Zm 9", "Zm9v\n", "-__-", "=Zg="};
    static const char *const bad_url[] = {"Z", "Zg==", "Zh", "+//+", "Zm9vZ"};
    char out[16];
    size_t n;

    for (size_t i = 0; i < SW_ARRAY_LEN(bad); i++)
        CHECK_MSG(!sw_unbase64(sw_str(bad[i]), out, sizeof(out), &n), "\"%s\"", bad[i]);
    for (size_t i = 0; i < SW_ARRAY_LEN(bad_url); i++)
        CHECK_MSG(!sw_unbase64url(sw_str(bad_url[i]), out, sizeof(out), &n), "\"%s\"", bad_url[i]);
    CHECK(!sw_unbase64(SW_STR("Zm9v"), out, 2, &n));
    CHECK(sw_unbase64(SW_STR("Zm9v"), out, 3, &n));
}

TEST(uri_decoding)
{
    char out[8];
    size_t n;

    CHECK(sw_uri_decode(SW_STR("a%2Fb+c"), false, out, sizeof(out), &n));
    CHECK_EQ_STR(out, "a/b+c");
    CHECK_EQ_INT(n, 5);
    CHECK(sw_uri_decode(SW_STR("a+b"), true, out, sizeof(out), NULL));
    CHECK_EQ_STR(out, "a b");
    CHECK(!sw_uri_decode(SW_STR("%"), false, out, sizeof(out), &n));
    CHECK(!sw_uri_decode(SW_STR("%4"), false, out, sizeof(out), &n));
    CHECK(!sw_uri_decode(SW_STR("%zz"), false, out, sizeof(out), &n));
    CHECK(!sw_uri_decode(SW_STR("%00"), false, out, sizeof(out), &n));
    CHECK(!sw_uri_decode(SW_STR("a\0b"), false, out, sizeof(out), &n));
    CHECK(sw_uri_decode(SW_STR("1234567"), false, out, sizeof(out), &n));
    CHECK(!sw_uri_decode(SW_STR("12345678"), false, out, sizeof(out), &n));
    CHECK(!sw_uri_decode(SW_STR(""), false, out, 0, &n));
}
