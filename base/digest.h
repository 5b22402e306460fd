/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* base/digest.h - content digests (OCI image-spec "descriptor.md", digests) and the hashes behind
 * them. A digest always carries its algorithm and is valid by construction: only digest_parse and
 * the hasher make one. Threads: values are plain; one hasher belongs to one thread at a time. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

enum digest_algorithm { DIGEST_SHA256, DIGEST_SHA512, DIGEST_MAX_ };

#define DIGEST_BYTES_MAX  64
#define DIGEST_STRING_MAX 136 /* "sha512:" + 128 digits + NUL */

struct digest {
    enum digest_algorithm algorithm;
    unsigned char bytes[DIGEST_BYTES_MAX]; /* the first digest_size() count; the rest is zero */
};

const char *digest_algorithm_to_string(enum digest_algorithm a); /* "sha256" */
bool digest_algorithm_from_string(struct sw_str s, enum digest_algorithm *ret);
size_t digest_size(enum digest_algorithm a);

/* Strict: known algorithm, exactly its count of lower-case hex digits. False otherwise; never
 * touches a path. */
bool digest_parse(struct sw_str s, struct digest *ret);
void digest_format(const struct digest *d, char out[DIGEST_STRING_MAX]); /* "sha256:abc..." */
void digest_hex(const struct digest *d, char out[129]);
bool digest_equal(const struct digest *a, const struct digest *b);
void digest_of(enum digest_algorithm a, const void *data, size_t n, struct digest *ret);

struct digest_hasher;
struct digest_hasher *digest_hasher_new(enum digest_algorithm a);
void digest_hasher_update(struct digest_hasher *h, const void *data, size_t n);
void digest_hasher_peek(const struct digest_hasher *h,
                        struct digest *ret); /* digest so far; h goes on */
void digest_hasher_free(struct digest_hasher *h);

void sw_sha256(const void *data, size_t n, unsigned char out[32]);
void sw_hmac_sha256(const void *key, size_t key_n, const void *data, size_t n,
                    unsigned char out[32]);
