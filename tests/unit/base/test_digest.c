/* SPDX-License-Identifier: Apache-2.0 */
#include "base/digest.h"

#include <pthread.h>

#include "base/encode.h"
#include "base/err.h"
#include "base/lazy.h"
#include "base/macros.h"
#include "tests/lib/test.h"

#define ABC_256_HEX "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
#define ABC_256     "sha256:" ABC_256_HEX
#define ABC_512                                                               \
    "sha512:ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a" \
    "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f"
#define EMPTY_256 "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

#define LENGTHS 300

struct hashes {
    struct digest of[DIGEST_MAX_][LENGTHS];
    unsigned char hmac[LENGTHS][32];
};

static void hash_all(struct hashes *ret)
{
    unsigned char data[LENGTHS];

    for (size_t n = 0; n < LENGTHS; n++) {
        data[n] = (unsigned char)(n * 7 + 1);
        digest_of(DIGEST_SHA256, data, n, &ret->of[DIGEST_SHA256][n]);
        digest_of(DIGEST_SHA512, data, n, &ret->of[DIGEST_SHA512][n]);
        sw_hmac_sha256(data, n, data, n / 2, ret->hmac[n]);
    }
}

/* First in this file: what is loaded stays. */
TEST(small_hashes_need_no_libcrypto_and_are_the_same_with_it)
{
    static struct hashes without, with;
    unsigned char large[4096] = {0}, out[32];

    CHECK(!sw_crypto_loaded());
    hash_all(&without);
    CHECK(!sw_crypto_loaded());
    for (int i = 0; i < 64; i++)
        sw_sha256(large, sizeof large, out);
    CHECK(sw_crypto_loaded());
    hash_all(&with);
    for (size_t n = 0; n < LENGTHS; n++) {
        CHECK(digest_equal(&without.of[DIGEST_SHA256][n], &with.of[DIGEST_SHA256][n]));
        CHECK(digest_equal(&without.of[DIGEST_SHA512][n], &with.of[DIGEST_SHA512][n]));
        CHECK(memcmp(without.hmac[n], with.hmac[n], 32) == 0);
    }
}

/* FIPS 180-4 examples */
TEST(known_digests)
{
    struct digest d;
    char text[DIGEST_STRING_MAX], hex[129];

    digest_of(DIGEST_SHA256, "abc", 3, &d);
    digest_format(&d, text);
    CHECK_EQ_STR(text, ABC_256);
    digest_hex(&d, hex);
    CHECK_EQ_STR(hex, ABC_256_HEX);
    digest_of(DIGEST_SHA512, "abc", 3, &d);
    digest_format(&d, text);
    CHECK_EQ_STR(text, ABC_512);
    digest_of(DIGEST_SHA256, NULL, 0, &d);
    digest_format(&d, text);
    CHECK_EQ_STR(text, EMPTY_256);
}

TEST(parse_round_trips)
{
    static const char *const texts[] = {ABC_256, ABC_512, EMPTY_256};

    for (size_t i = 0; i < SW_ARRAY_LEN(texts); i++) {
        struct digest d;
        char text[DIGEST_STRING_MAX];
        CHECK(digest_parse(sw_str(texts[i]), &d));
        digest_format(&d, text);
        CHECK_EQ_STR(text, texts[i]);
    }
}

TEST(parse_is_strict)
{
    static const char *const bad[] = {
        "",
        ":",
        "sha256",
        "sha256:",
        "sha256:abc",
        "SHA256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
        "sha256:BA7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
        "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015a",
        "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015add",
        "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ag",
        "sha512:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
        "md5:900150983cd24fb0d6963f7d28e17f72",
        "sha256:../../etc/passwd",
        " sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
        "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015a:"};
    struct digest d;

    for (size_t i = 0; i < SW_ARRAY_LEN(bad); i++)
        CHECK_MSG(!digest_parse(sw_str(bad[i]), &d), "%s", bad[i]);
}

TEST(equality_includes_the_algorithm)
{
    struct digest a, b;

    digest_of(DIGEST_SHA256, "abc", 3, &a);
    b = a;
    CHECK(digest_equal(&a, &b));
    b.bytes[31] ^= 1;
    CHECK(!digest_equal(&a, &b));
    b = a;
    b.algorithm = DIGEST_SHA512;
    CHECK(!digest_equal(&a, &b));
}

TEST(algorithm_names)
{
    enum digest_algorithm a;

    for (int i = 0; i < DIGEST_MAX_; i++) {
        const char *name = digest_algorithm_to_string((enum digest_algorithm)i);
        CHECK(digest_algorithm_from_string(sw_str(name), &a));
        CHECK_EQ_INT(a, i);
    }
    CHECK(!digest_algorithm_from_string(SW_STR("sha1"), &a));
    CHECK_EQ_INT(digest_size(DIGEST_SHA256), 32);
    CHECK_EQ_INT(digest_size(DIGEST_SHA512), 64);
}

TEST(hasher_goes_on_after_a_peek)
{
    struct digest_hasher *h = digest_hasher_new(DIGEST_SHA256);
    struct digest a, b;

    digest_hasher_peek(h, &a);
    digest_of(DIGEST_SHA256, "", 0, &b);
    CHECK(digest_equal(&a, &b));
    digest_hasher_update(h, "a", 1);
    digest_hasher_peek(h, &a);
    digest_hasher_update(h, "bc", 2);
    digest_hasher_peek(h, &a);
    digest_hasher_peek(h, &a);
    digest_of(DIGEST_SHA256, "abc", 3, &b);
    CHECK(digest_equal(&a, &b));
    digest_hasher_free(h);
    digest_hasher_free(NULL);
}

/* RFC 4231 test cases 1, 2, 3, 6; and an empty key. */
TEST(hmac_vectors)
{
    static const unsigned char k0b[20] = {[0 ... 19] = 0x0b}, kaa[131] = {[0 ... 130] = 0xaa};
    static const unsigned char ddd[50] = {[0 ... 49] = 0xdd};
    static const char large[] = "Test Using Larger Than Block-Size Key - Hash Key First";
    static const struct {
        const void *key;
        size_t key_n;
        const void *data;
        size_t n;
        const char *want;
    } rows[] = {
        {k0b, 20, "Hi There", 8,
         "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"},
        {"Jefe", 4, "what do ya want for nothing?", 28,
         "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"},
        {kaa, 20, ddd, 50, "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe"},
        {kaa, 131, large, sizeof(large) - 1,
         "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"},
        {NULL, 0, NULL, 0, "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad"},
    };

    for (size_t i = 0; i < SW_ARRAY_LEN(rows); i++) {
        unsigned char out[32];
        char hex[65];
        sw_hmac_sha256(rows[i].key, rows[i].key_n, rows[i].data, rows[i].n, out);
        sw_hex(out, 32, hex);
        CHECK_EQ_STR(hex, rows[i].want);
    }
}

static void *hash_many(void *arg)
{
    unsigned char out[32];

    for (int i = 0; i < 200; i++)
        sw_sha256("abc", 3, out);
    memcpy(arg, out, 32);
    return NULL;
}

TEST(threads_hash_at_once)
{
    unsigned char out[4][32];
    pthread_t threads[4];
    char hex[65];

    for (int i = 0; i < 4; i++)
        CHECK_EQ_INT(pthread_create(&threads[i], NULL, hash_many, out[i]), 0);
    for (int i = 0; i < 4; i++) {
        pthread_join(threads[i], NULL);
        sw_hex(out[i], 32, hex);
        CHECK_EQ_STR(hex, ABC_256_HEX);
    }
}
