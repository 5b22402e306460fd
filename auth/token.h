/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* auth/token.h - registry passwords: sealed, expiring, naming their principal. No colon, base64url, so that the AWS CLI's
 * split of AWS:<password> works. Checking reads no row: the seal proves it is ours, memory says whether the user still exists. */
#include <stdint.h>

#include "auth/identity.h"
#include "base/limits.h"

#define TOKEN_TTL_S      (12 * 3600)
#define TOKEN_MAX        1024
#define TOKEN_SCOPES_MAX 1200        /* text of a bearer token's scopes */
#define TOKEN_BEARER_MAX LIMIT_TOKEN /* more than its text and NUL */

/* Writes the password and its expiry. Pure but for the nonce: the time is given. */
int token_issue(struct keyring *k, const struct principal *p, int64_t now_us, int64_t ttl_s,
                char ret_token[TOKEN_MAX], int64_t *ret_expires_at_us, struct sw_err *err);
/* SW_EDENIED with reason "UNAUTHORIZED": tampered, foreign, expired, user deleted (also deleted and made again). */
int token_verify(struct keyring *k, struct identity *id, struct sw_str token, int64_t now_us,
                 struct principal *ret, struct sw_err *err);
/* The value of an Authorization header with the Basic scheme: user AWS and a token. SW_EDENIED, "UNAUTHORIZED". */
int token_verify_basic(struct keyring *k, struct identity *id, struct sw_str authorization,
                       int64_t now_us, struct principal *ret, struct sw_err *err);

/* Bearer tokens: the same, with the scopes that were granted (text that this module does not read), and for anonymous callers
 * too. A password is no bearer token and a bearer token no password. */
int token_issue_bearer(struct keyring *k, const struct principal *p, const char *scopes,
                       int64_t now_us, int64_t ttl_s, char ret_token[TOKEN_BEARER_MAX],
                       int64_t *ret_expires_at_us, struct sw_err *err);
int token_verify_bearer(struct keyring *k, struct identity *id, struct sw_str token, int64_t now_us,
                        struct principal *ret, char ret_scopes[TOKEN_SCOPES_MAX + 1],
                        struct sw_err *err);
