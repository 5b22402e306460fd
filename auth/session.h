/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* auth/session.h - temporary credentials: what a session is, how it is sealed into its own token, and what is left of it when it
 * comes back.
 * Owns: no rows. A session lives in its token alone, which is sealed (auth/keyring.h) and carries principal, secret, expiry and
 * `extra`: session policies, session tags, source identity, the key that asked. Extras are compiled once and kept in memory
 * (interned) by a 128-bit id, at most as many as the options say; the least recently used go first and are compiled again when
 * their token comes back.
 * Promise: rights end with the user or role: opening a session looks it up in the directory every time. A session of
 * GetSessionToken or GetFederationToken ends with the access key that asked for it, too.
 * Threads: shared freely. The directory's lock is never held when its functions are called from here.
 * Expected errors: SW_EDENIED ("ExpiredTokenException", "UnrecognizedClientException"), SW_EINVALID ("MalformedPolicyDocument",
 * "PackedPolicyTooLarge").
 * Spec: STS API reference 2011-06-15; docs/internals/tokens.md. */
#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "auth/identity.h"
#include "auth/keyring.h"
#include "auth/policy_eval.h"
#include "auth/principal.h"
#include "auth/sigv4.h"
#include "base/str.h"

#define SESSION_PACKED_MAX 2048 /* bytes of a packed extra */
#define SESSION_TOKEN_MAX  4096
#define SESSION_ARNS_MAX   10
#define SESSION_TAGS_MAX   50

struct session_store;
struct session_options {
    struct keyring *keyring;
    struct identity *identity;
    size_t extras_max; /* 0: 2048 */
};
struct session_store *session_store_new(const struct session_options *o);
void session_store_free(struct session_store *s); /* NULL ok */

/* ---- claims: who a token speaks for. A plain value, the same inside session tokens and registry tokens. ---- */
struct session_claims {
    enum principal_kind kind; /* ANONYMOUS, USER (any kind of user), ROLE or FEDERATED */
    bool has_policy;
    int64_t issued_at_us, expires_at_us;
    char account[13];
    char id[33];                      /* AIDA... or AROA...; FEDERATED: of the user who asked */
    char name[PRINCIPAL_SESSION_MAX]; /* ROLE: session name; FEDERATED: name; else "" */
    char access_key_id[33];
    size_t packed_n; /* of the extra; 0: none */
    unsigned char packed[SESSION_PACKED_MAX];
};
#define SESSION_CLAIMS_MAX (SESSION_PACKED_MAX + 256) /* encoded */
void session_claims_add(struct sw_buf *out, const struct session_claims *c);
bool session_claims_take(struct sw_str *rest, struct session_claims *ret);

/* The claims of a principal that was authenticated just now. s may be NULL for principals without an extra. */
int session_claims_of(struct session_store *s, const struct principal *p, int64_t now_us,
                      int64_t expires_at_us, struct session_claims *ret, struct sw_err *err);

enum session_state { SESSION_VALID, SESSION_EXPIRED, SESSION_GONE, SESSION_KEY_GONE };
/* What the claims mean now. s may be NULL: then only users without an extra are valid. */
enum session_state session_principal(struct session_store *s, struct identity *id,
                                     const struct session_claims *c, int64_t now_us,
                                     struct principal *ret);

/* ---- issuing ---- */
struct session_tag {
    const char *key, *value;
};
struct session_grant {
    enum principal_kind kind; /* USER, ROLE, FEDERATED */
    const char *account, *id, *name;
    const char *source_identity; /* or NULL */
    const char *parent_key_id;   /* of the access key that the session ends with, or NULL */
    const char *policy;          /* document, or NULL */
    const char *const *policy_arns;
    size_t policy_arns_n;
    const struct session_tag *tags;
    size_t tags_n;
    const char *const *transitive; /* keys of tags */
    size_t transitive_n;
    bool
        has_policy; /* with neither a document nor ARNs: nothing is allowed (a federated user without policies) */
    int64_t now_us, expires_at_us;
};
struct session_credentials {
    char access_key_id[21]; /* ASIA..., which tells the account: session_key_account() */
    char secret_access_key[41];
    char token[SESSION_TOKEN_MAX];
    int packed_percent; /* of SESSION_PACKED_MAX; 0 without policies and tags */
};
int session_issue(struct session_store *s, const struct session_grant *g,
                  struct session_credentials *ret, struct sw_err *err);
/* False: no key id of a session. */
bool session_key_account(const char *access_key_id, char ret_account[13]);

/* For Signature Version 4: principal and secret of a key with its token. */
int session_open(struct session_store *s, const char *access_key_id, struct sw_str token,
                 int64_t now_us, struct principal *ret, char ret_secret[129], struct sw_err *err);

/* sigv4_secret_fn for every kind of key: ctx is the store. */
int session_secret(void *ctx, const struct sigv4_key *key, struct principal *ret,
                   char ret_secret[129], struct sw_err *err);

/* ---- what came with a session ---- */
/* An extra, counted. NULL: it is not in memory (any more). The zero id has one without anything. */
struct session_extra;
struct session_extra *session_extra(struct session_store *s,
                                    const unsigned char id[PRINCIPAL_POLICY_ID]);
void session_extra_unref(struct session_extra *x); /* NULL ok */
/* aws:PrincipalTag/..., aws:SourceIdentity and what else the session says of itself; names compare without case. */
const struct policy_key *session_extra_key(const struct session_extra *x, const char *name);
const struct policy_key *session_extra_keys(const struct session_extra *x, size_t *ret_n);
const char *session_extra_source_identity(const struct session_extra *x); /* or NULL */
/* Tags that the next session of a chain inherits: {key: value}; borrowed, read only. */
const json_t *session_extra_tags(const struct session_extra *x);
bool session_extra_is_transitive(const struct session_extra *x, const char *key);

/* Calls fn once; false when the id is not in memory, and then nothing may be allowed. ctx is the store. Managed policies are taken as they are now; one that is gone allows
 * nothing. */
bool session_policies(void *ctx, const unsigned char id[PRINCIPAL_POLICY_ID],
                      void (*fn)(void *ctx, const struct policy_attached *policies, size_t n),
                      void *fn_ctx);
