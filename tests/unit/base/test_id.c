/* SPDX-License-Identifier: Apache-2.0 */
#include "base/id.h"

#include "tests/lib/test.h"

static void check_alphabet(void (*make)(char *, size_t), const char *alphabet)
{
    bool seen[256] = {false};
    char out[4097];

    make(out, 4096);
    CHECK_EQ_INT(strlen(out), 4096);
    CHECK_EQ_INT(strspn(out, alphabet), 4096);
    for (const char *p = out; *p; p++)
        seen[(unsigned char)*p] = true;
    for (const char *p = alphabet; *p; p++)
        CHECK_MSG(seen[(unsigned char)*p], "%c never came up", *p);
}

TEST(texts_use_their_whole_alphabet)
{
    check_alphabet(sw_random_hex, "0123456789abcdef");
    check_alphabet(sw_random_base32, "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567");
    check_alphabet(sw_random_base64,
                   "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/");
}

TEST(lengths_are_exact)
{
    char out[8] = "zzzzzzz";

    sw_random_hex(out, 3);
    CHECK_EQ_INT(strlen(out), 3);
    CHECK_EQ_INT(out[4], 'z');
    sw_random_hex(out, 0);
    CHECK_EQ_STR(out, "");
}

TEST(bytes_differ)
{
    unsigned char a[32] = {0}, b[32] = {0};

    sw_random_bytes(a, sizeof(a));
    sw_random_bytes(b, sizeof(b));
    CHECK(memcmp(a, b, sizeof(a)) != 0);
}

TEST(uuid_is_version_4)
{
    char a[37], b[37];

    sw_uuid(a);
    sw_uuid(b);
    CHECK(strcmp(a, b) != 0);
    CHECK_EQ_INT(strlen(a), 36);
    CHECK_EQ_INT(strspn(a, "0123456789abcdef-"), 36);
    CHECK(a[8] == '-' && a[13] == '-' && a[18] == '-' && a[23] == '-');
    CHECK_EQ_INT(a[14], '4');
    CHECK(strchr("89ab", a[19]) != NULL);
}

TEST(the_boot_has_one_name)
{
    char a[37], b[37];

    sw_boot_id(a);
    sw_boot_id(b);
    CHECK_EQ_INT(strlen(a), 36);
    CHECK_EQ_STR(a, b);
}
