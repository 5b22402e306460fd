/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* auth/sigv4.h - AWS Signature Version 4 in headers: verifying what clients sent, and signing what we send.
 * Pure functions of values: the time is given, secrets come through a function. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "auth/principal.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

struct sigv4_header {
    struct sw_str name, value; /* as received */
};

struct sigv4_request {
    struct sw_str method;
    struct sw_str path;  /* as received, still encoded, without the query */
    struct sw_str query; /* as received, without '?' */
    const struct sigv4_header *headers;
    size_t headers_n;
    struct sw_str body;
};

#define SIGV4_MAX_SKEW_S 300

struct sigv4_result {
    struct principal principal;
    char region[64];
    char service[64];
};

/* The credentials that a request names: its access key id, and X-Amz-Security-Token, which temporary ones have. */
struct sigv4_key {
    const char *access_key_id;
    struct sw_str session_token; /* n 0: none */
    int64_t now_us;
};
/* Fills secret and principal for a key. SW_ENOTFOUND with "UnrecognizedClientException" when nobody has it; other errors are
 * passed on (SW_EDENIED "ExpiredTokenException"). */
typedef int (*sigv4_secret_fn)(void *ctx, const struct sigv4_key *key, struct principal *ret,
                               char ret_secret[129], struct sw_err *err);

/* Header form only. Reasons: MissingAuthenticationTokenException, IncompleteSignatureException,
 * UnrecognizedClientException, ExpiredTokenException, InvalidSignatureException (wrong signature, skew, body hash; wording as AWS's:
 * "Signature expired: ... is now earlier than ...", "Signature not yet current: ..."). All are SW_EDENIED. */
int sigv4_verify(const struct sigv4_request *req, int64_t now_us, sigv4_secret_fn secret, void *ctx,
                 struct sigv4_result *ret, struct sw_err *err);

/* As much of it as needs no body: everything but the signature itself, so success proves nothing. It tells whose body may be
 * worth reading. */
int sigv4_check_head(const struct sigv4_request *req, int64_t now_us, sigv4_secret_fn secret,
                     void *ctx, struct sw_err *err);

/* Whether the access key that the request names (with its session token) is one that there is. Proves nothing. */
bool sigv4_key_exists(const struct sigv4_request *req, int64_t now_us, sigv4_secret_fn secret,
                      void *ctx);

/* For people who look for what is wrong: canonical request and string to sign of a request as they are made here, appended, and the
 * access key id that it names. Proves nothing. Fails as sigv4_verify() does for what is malformed. */
int sigv4_explain(const struct sigv4_request *req, struct sw_buf *ret_canonical,
                  struct sw_buf *ret_string_to_sign, char ret_access_key_id[33],
                  struct sw_err *err);

/* The pieces, for tests and `debug`: canonical request and string to sign appended to the buffers.
 * normalize: path normalisation and double encoding as for every service but s3. */
int sigv4_canonical_request(const struct sigv4_request *req, struct sw_str signed_headers,
                            struct sw_str payload_hash_hex, bool normalize, struct sw_buf *out,
                            struct sw_err *err);
void sigv4_string_to_sign(struct sw_str canonical_request, const char *amz_date, const char *scope,
                          struct sw_buf *out);
void sigv4_signature(const char *secret, const char *date, const char *region, const char *service,
                     struct sw_str string_to_sign, char ret_hex[65]);

/* Value of the Authorization header for a request that we send. headers must hold host and x-amz-date. */
int sigv4_sign(const struct sigv4_request *req, const char *access_key_id, const char *secret,
               const char *region, const char *service, const char *amz_date,
               struct sw_buf *ret_authorization, struct sw_err *err);
