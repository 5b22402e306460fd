/* SPDX-License-Identifier: Apache-2.0 */
/* OpenSSL's own block functions, without EVP: the first fetch of an algorithm reads the library's configuration and sets its providers
 * up, 1.2 ms and 1.9 MiB at every start, and each use after it allocates. Same code underneath, with the processor's SHA
 * instructions where it has them. They are deprecated in favour of fetching and cannot fail.
 *
 * libcrypto itself comes with the first hasher or once SMALL_TOTAL bytes were hashed (base/lazy.h): until then, and where it cannot be
 * loaded, libsodium's plain C does the same, a fifth as fast. A hash that was begun with one of the two ends with it. */
#define OPENSSL_SUPPRESS_DEPRECATED
#include "base/digest.h"

#include <openssl/sha.h>
#include <sodium.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/encode.h"
#include "base/err.h"
#include "base/lazy.h"
#include "base/macros.h"

#define SMALL_TOTAL ((size_t)256 * 1024) /* a millisecond of libsodium, about what loading takes */

struct algorithm {
    const char *name;
    size_t size;
};

static const struct algorithm algorithms[DIGEST_MAX_] = {
    [DIGEST_SHA256] = {"sha256", 32},
    [DIGEST_SHA512] = {"sha512", 64},
};

const char *digest_algorithm_to_string(enum digest_algorithm a)
{
    return algorithms[a].name;
}

bool digest_algorithm_from_string(struct sw_str s, enum digest_algorithm *ret)
{
    for (size_t i = 0; i < DIGEST_MAX_; i++) {
        if (sw_str_eq_z(s, algorithms[i].name)) {
            *ret = (enum digest_algorithm)i;
            return true;
        }
    }
    return false;
}

size_t digest_size(enum digest_algorithm a)
{
    return algorithms[a].size;
}

static bool is_lower_hex(struct sw_str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (!((s.p[i] >= '0' && s.p[i] <= '9') || (s.p[i] >= 'a' && s.p[i] <= 'f')))
            return false;
    return true;
}

bool digest_parse(struct sw_str s, struct digest *ret)
{
    struct digest d = {0};
    struct sw_str rest = s, name;

    if (!sw_str_split(&rest, ':', &name) || !rest.p)
        return false;
    if (!digest_algorithm_from_string(name, &d.algorithm))
        return false;
    if (!is_lower_hex(rest) || !sw_unhex(rest, d.bytes, digest_size(d.algorithm)))
        return false;
    *ret = d;
    return true;
}

void digest_format(const struct digest *d, char out[DIGEST_STRING_MAX])
{
    const char *name = algorithms[d->algorithm].name;
    size_t n = strlen(name);

    memcpy(out, name, n);
    out[n] = ':';
    sw_hex(d->bytes, digest_size(d->algorithm), out + n + 1);
}

void digest_hex(const struct digest *d, char out[129])
{
    sw_hex(d->bytes, digest_size(d->algorithm), out);
}

bool digest_equal(const struct digest *a, const struct digest *b)
{
    return a->algorithm == b->algorithm &&
           memcmp(a->bytes, b->bytes, digest_size(a->algorithm)) == 0;
}

struct digest_hasher {
    enum digest_algorithm algorithm;
    bool fast;
    union {
        SHA256_CTX sha256;
        SHA512_CTX sha512;
        crypto_hash_sha256_state plain256;
        crypto_hash_sha512_state plain512;
    };
};

/* Whether libcrypto hashes the next n bytes; loads it when they make it worth while. */
static bool use_libcrypto(size_t n)
{
    static _Atomic(size_t) total;
    if (sw_crypto_loaded())
        return true;
    if (n < SMALL_TOTAL && atomic_fetch_add(&total, n) + n < SMALL_TOTAL)
        return false;
    struct sw_err err = SW_ERR_INIT;
    bool loaded = sw_crypto_load(&err) == 0;
    sw_err_clear(&err);
    return loaded;
}

/* n: how much is going to be hashed, SIZE_MAX when nobody knows. */
static void start(struct digest_hasher *h, enum digest_algorithm a, size_t n)
{
    h->algorithm = a;
    h->fast = use_libcrypto(n);
    if (h->fast)
        (void)(a == DIGEST_SHA512 ? SHA512_Init(&h->sha512) : SHA256_Init(&h->sha256));
    else if (a == DIGEST_SHA512)
        (void)crypto_hash_sha512_init(&h->plain512);
    else
        (void)crypto_hash_sha256_init(&h->plain256);
}

static void finish(struct digest_hasher *h, unsigned char *out)
{
    if (h->fast)
        (void)(h->algorithm == DIGEST_SHA512 ? SHA512_Final(out, &h->sha512)
                                             : SHA256_Final(out, &h->sha256));
    else if (h->algorithm == DIGEST_SHA512)
        (void)crypto_hash_sha512_final(&h->plain512, out);
    else
        (void)crypto_hash_sha256_final(&h->plain256, out);
}

void digest_of(enum digest_algorithm a, const void *data, size_t n, struct digest *ret)
{
    struct digest d = {.algorithm = a};
    struct digest_hasher h;

    start(&h, a, n);
    digest_hasher_update(&h, data, n);
    finish(&h, d.bytes);
    *ret = d;
}

struct digest_hasher *digest_hasher_new(enum digest_algorithm a)
{
    struct digest_hasher *h = SW_NEW(struct digest_hasher);

    start(h, a, SIZE_MAX);
    return h;
}

void digest_hasher_update(struct digest_hasher *h, const void *data, size_t n)
{
    if (h->fast)
        (void)(h->algorithm == DIGEST_SHA512 ? SHA512_Update(&h->sha512, data, n)
                                             : SHA256_Update(&h->sha256, data, n));
    else if (h->algorithm == DIGEST_SHA512)
        (void)crypto_hash_sha512_update(&h->plain512, data, n);
    else
        (void)crypto_hash_sha256_update(&h->plain256, data, n);
}

void digest_hasher_peek(const struct digest_hasher *h, struct digest *ret)
{
    struct digest d = {.algorithm = h->algorithm};
    struct digest_hasher copy = *h;

    finish(&copy, d.bytes);
    *ret = d;
}

void digest_hasher_free(struct digest_hasher *h)
{
    free(h);
}

void sw_sha256(const void *data, size_t n, unsigned char out[32])
{
    struct digest_hasher h;

    start(&h, DIGEST_SHA256, n);
    digest_hasher_update(&h, data, n);
    finish(&h, out);
}

/* FIPS 198-1 section 4. */
void sw_hmac_sha256(const void *key, size_t key_n, const void *data, size_t n,
                    unsigned char out[32])
{
    unsigned char block[64] = {0}, inner[32];
    struct digest_hasher h;

    if (key_n > sizeof(block))
        sw_sha256(key, key_n, block);
    else if (key_n > 0)
        memcpy(block, key, key_n);
    for (size_t i = 0; i < sizeof(block); i++)
        block[i] ^= 0x36;
    start(&h, DIGEST_SHA256, sizeof(block) + n);
    digest_hasher_update(&h, block, sizeof(block));
    digest_hasher_update(&h, data, n);
    finish(&h, inner);
    for (size_t i = 0; i < sizeof(block); i++)
        block[i] ^= 0x36 ^ 0x5c;
    start(&h, DIGEST_SHA256, sizeof(block) + sizeof(inner));
    digest_hasher_update(&h, block, sizeof(block));
    digest_hasher_update(&h, inner, sizeof(inner));
    finish(&h, out);
    explicit_bzero(&h, sizeof(h));
    explicit_bzero(block, sizeof(block));
    explicit_bzero(inner, sizeof(inner));
}
