/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* auth/token.h - registry passwords and bearer tokens: sealed, expiring, naming their principal, a session with all that it carries
 * (auth/session.h). No colon, base64url, so that the AWS CLI's split of AWS:<password> works. Checking reads no row: the seal proves
 * it is ours, memory says whether the user or role still exists.
 * Named passwords of robots (auth/robot.h) are taken in the same place.
 * Threads: shared freely. Expected errors: SW_EDENIED "UNAUTHORIZED", SW_ELIMIT "TOOMANYREQUESTS" (wrong passwords of robots). */
#include <stdint.h>

#include "auth/identity.h"
#include "auth/session.h"
#include "base/limits.h"

#define TOKEN_TTL_S      (12 * 3600)
#define TOKEN_MAX        4096
#define TOKEN_SCOPES_MAX 1200        /* text of a bearer token's scopes */
#define TOKEN_BEARER_MAX LIMIT_TOKEN /* more than its text and NUL */

struct robot_store;
struct token_cache;

/* What issues and verifies: all borrowed. */
struct token_authority {
    struct keyring *keyring;
    struct identity *identity;
    struct session_store *sessions; /* NULL: no principals with temporary credentials */
    struct robot_store *robots;     /* NULL: no robots */
    struct token_cache *cache;      /* NULL: each token is opened each time */
};

/* Writes the password and its expiry, which is that of the principal's session when that comes first. */
int token_issue(const struct token_authority *a, const struct principal *p, int64_t now_us,
                int64_t ttl_s, char ret_token[TOKEN_MAX], int64_t *ret_expires_at_us,
                struct sw_err *err);
/* SW_EDENIED with reason "UNAUTHORIZED": tampered, foreign, expired, user deleted (also deleted and made again). */
int token_verify(const struct token_authority *a, struct sw_str token, int64_t now_us,
                 struct principal *ret, struct sw_err *err);

/* A user name and a password: AWS and a token, or a robot's. account: whose robots; peer_ip: who guesses. */
struct token_login {
    struct sw_str user, password;
    const char *account, *peer_ip;
    int64_t now_us;
    bool
        must_not_block; /* SW_EUNAVAILABLE "RobotUnverified": ask again where one may wait (auth/robot.h) */
};
int token_verify_login(const struct token_authority *a, const struct token_login *l,
                       struct principal *ret, struct sw_err *err);
/* The value of an Authorization header with the Basic scheme; user and password of `l` are taken from there. */
int token_verify_basic(const struct token_authority *a, struct sw_str authorization,
                       const struct token_login *l, struct principal *ret, struct sw_err *err);

/* Bearer tokens: the same, with the scopes that were granted (text that this module does not read), and for anonymous callers
 * too. A password is no bearer token and a bearer token no password. */
int token_issue_bearer(const struct token_authority *a, const struct principal *p,
                       const char *scopes, int64_t now_us, int64_t ttl_s,
                       char ret_token[TOKEN_BEARER_MAX], int64_t *ret_expires_at_us,
                       struct sw_err *err);
int token_verify_bearer(const struct token_authority *a, struct sw_str token, int64_t now_us,
                        struct principal *ret, char ret_scopes[TOKEN_SCOPES_MAX + 1],
                        struct sw_err *err);
