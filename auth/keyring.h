/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* auth/keyring.h - sealing with the master key (libsodium XChaCha20-Poly1305). The key is 32 random bytes in a file,
 * mode 0600, made on first use. Threads: shared freely. */
#include <stddef.h>

#include "base/buf.h"
#include "base/err.h"

struct keyring;
/* Refuses a file that others may read or of the wrong size. */
int keyring_open(const char *path, struct keyring **ret, struct sw_err *err);
void keyring_free(struct keyring *k); /* wipes */
/* Nonce and ciphertext appended to out. `context` (purpose plus owner) is authenticated, not stored: a sealed value cannot be
 * moved elsewhere. */
int keyring_seal(struct keyring *k, const char *context, const void *data, size_t n,
                 struct sw_buf *out, struct sw_err *err);
/* SW_EMISMATCH when tampered, foreign or of another context. */
int keyring_open_sealed(struct keyring *k, const char *context, const void *sealed, size_t n,
                        struct sw_buf *out, struct sw_err *err);
