/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* auth/oidc.h - OpenID Connect tokens (JWT, RFC 7519) of registered issuers: keyless login of CI systems.
 * Keys are a JWKS (RFC 7517) that was registered with the issuer; nothing is fetched. Algorithms: RS256, RS384, RS512, ES256,
 * ES384, ES512 (RFC 7518), RSA of 2048 to 8192 bits; `none` and the symmetric ones are refused.
 * Pure: the time is given. Threads: shared freely.
 * Expected errors: SW_EDENIED with "InvalidIdentityToken" or "WebIdentityTokenExpired"; SW_EINVALID "ValidationError" for keys.
 * docs/internals/tokens.md. */
#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"

#define OIDC_TOKEN_MAX  20000
#define OIDC_ISSUER_MAX 256
#define OIDC_JWKS_MAX   (64 * 1024)
#define OIDC_KEYS_MAX   32

/* Of a token that nobody has verified: says only whose keys to take. */
int oidc_issuer(struct sw_str token, char ret[OIDC_ISSUER_MAX], struct sw_err *err);

struct oidc_expect {
    const char *issuer; /* as in `iss` */
    const char *jwks;
    const char *const *clients; /* one of them must be the audience */
    size_t clients_n;
    int64_t now_us;
};
struct oidc_token {
    json_t *claims;       /* owned */
    const char *subject;  /* borrowed from claims */
    const char *audience; /* the client that it was for: borrowed from the expectation */
};
int oidc_verify(struct sw_str token, const struct oidc_expect *expect, struct oidc_token *ret,
                struct sw_err *err);
void oidc_token_done(struct oidc_token *t);

/* The keys of a set that can verify; SW_EINVALID "ValidationError" when it is no JWKS or has none. */
int oidc_check_jwks(const char *jwks, size_t *ret_keys, struct sw_err *err);
