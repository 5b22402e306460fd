/* SPDX-License-Identifier: Apache-2.0 */
/* The EVP_MD objects are fetched once for the life of the process: a fetch walks the provider's
 * tables under a lock and costs more than hashing a small manifest. OpenSSL fails here only without
 * memory or without its default provider; neither can be handled, so both abort. */
#include "base/digest.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/encode.h"
#include "base/macros.h"

struct algorithm {
    const char *name;
    const char *evp_name;
    size_t size;
};

static const struct algorithm algorithms[DIGEST_MAX_] = {
    [DIGEST_SHA256] = {"sha256", "SHA2-256", 32},
    [DIGEST_SHA512] = {"sha512", "SHA2-512", 64},
};

static EVP_MD *fetched[DIGEST_MAX_];
static pthread_once_t fetch_once = PTHREAD_ONCE_INIT;

static void must(bool ok, const char *what)
{
    if (ok)
        return;
    (void)fprintf(stderr, "slipway: libcrypto: %s failed\n", what);
    abort();
}

static void fetch_all(void)
{
    for (size_t i = 0; i < DIGEST_MAX_; i++) {
        fetched[i] = EVP_MD_fetch(NULL, algorithms[i].evp_name, NULL);
        must(fetched[i] != NULL, "EVP_MD_fetch");
    }
}

static const EVP_MD *evp_of(enum digest_algorithm a)
{
    (void)pthread_once(&fetch_once, fetch_all);
    return fetched[a];
}

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

void digest_of(enum digest_algorithm a, const void *data, size_t n, struct digest *ret)
{
    struct digest d = {.algorithm = a};

    must(EVP_Digest(data, n, d.bytes, NULL, evp_of(a), NULL) == 1, "EVP_Digest");
    *ret = d;
}

struct digest_hasher {
    enum digest_algorithm algorithm;
    EVP_MD_CTX *ctx;
};

struct digest_hasher *digest_hasher_new(enum digest_algorithm a)
{
    struct digest_hasher *h = SW_NEW(struct digest_hasher);

    h->algorithm = a;
    h->ctx = EVP_MD_CTX_new();
    must(h->ctx && EVP_DigestInit_ex2(h->ctx, evp_of(a), NULL) == 1, "EVP_DigestInit");
    return h;
}

void digest_hasher_update(struct digest_hasher *h, const void *data, size_t n)
{
    must(EVP_DigestUpdate(h->ctx, data, n) == 1, "EVP_DigestUpdate");
}

void digest_hasher_peek(const struct digest_hasher *h, struct digest *ret)
{
    struct digest d = {.algorithm = h->algorithm};
    EVP_MD_CTX *copy = EVP_MD_CTX_new();

    must(copy && EVP_MD_CTX_copy_ex(copy, h->ctx) == 1, "EVP_MD_CTX_copy");
    must(EVP_DigestFinal_ex(copy, d.bytes, NULL) == 1, "EVP_DigestFinal");
    EVP_MD_CTX_free(copy);
    *ret = d;
}

void digest_hasher_free(struct digest_hasher *h)
{
    if (!h)
        return;
    EVP_MD_CTX_free(h->ctx);
    free(h);
}

void sw_sha256(const void *data, size_t n, unsigned char out[32])
{
    must(EVP_Digest(data, n, out, NULL, evp_of(DIGEST_SHA256), NULL) == 1, "EVP_Digest");
}

/* FIPS 198-1 section 4. Done here because OpenSSL's one-shot HMAC() fetches the algorithm on every
 * call. */
void sw_hmac_sha256(const void *key, size_t key_n, const void *data, size_t n,
                    unsigned char out[32])
{
    unsigned char block[64] = {0}, inner[32];
    const EVP_MD *md = evp_of(DIGEST_SHA256);
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();

    if (key_n > sizeof(block))
        sw_sha256(key, key_n, block);
    else if (key_n > 0)
        memcpy(block, key, key_n);
    for (size_t i = 0; i < sizeof(block); i++)
        block[i] ^= 0x36;
    must(ctx && EVP_DigestInit_ex2(ctx, md, NULL) == 1 &&
             EVP_DigestUpdate(ctx, block, sizeof(block)) == 1 &&
             EVP_DigestUpdate(ctx, data, n) == 1 && EVP_DigestFinal_ex(ctx, inner, NULL) == 1,
         "inner hash");
    for (size_t i = 0; i < sizeof(block); i++)
        block[i] ^= 0x36 ^ 0x5c;
    must(EVP_DigestInit_ex2(ctx, md, NULL) == 1 &&
             EVP_DigestUpdate(ctx, block, sizeof(block)) == 1 &&
             EVP_DigestUpdate(ctx, inner, sizeof(inner)) == 1 &&
             EVP_DigestFinal_ex(ctx, out, NULL) == 1,
         "outer hash");
    EVP_MD_CTX_free(ctx);
    OPENSSL_cleanse(block, sizeof(block));
}
