/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* auth/authorizer.h - what may() asks with: which policies a principal has, and the global context keys.
 * Owns nothing but its options; the directory and the sessions outlive it.
 * Built in, and shown in explanations as `builtin`: AdministratorAccess of a user of kind ADMIN, the node policy of kind NODE, and
 * the pull policy of a public repository.
 * Threads: shared freely. A decision takes the directory's read lock once, for a few loads. */
#include "auth/identity.h"
#include "auth/policy.h"

/* The policies of a session by id: calls `fn` once with them, for as long as they are valid; false when the id is unknown, and
 * then nothing is allowed. */
typedef void authorizer_policies_fn(void *ctx, const struct policy_attached *policies, size_t n);
typedef bool authorizer_session_fn(void *ctx, const unsigned char id[PRINCIPAL_POLICY_ID],
                                   authorizer_policies_fn *fn, void *fn_ctx);

struct authorizer_options {
    struct identity *identity; /* NULL: nobody has a policy */
    authorizer_session_fn
        *session; /* NULL: no session has a policy, so that those that need one get nothing */
    void *session_ctx;
};

struct authorizer *authorizer_new(const struct authorizer_options *o);
void authorizer_free(struct authorizer *a); /* NULL ok */

/* may() without its error: the verdict, whose `by` says what decided and stays valid inside `fn` only. */
typedef void authorizer_verdict_fn(void *ctx, const struct policy_question *q,
                                   const struct policy_verdict *v);
void authorizer_ask(struct authorizer *a, const struct principal *p, const char *action,
                    const char *resource, const struct policy_context *ctx,
                    authorizer_verdict_fn *fn, void *fn_ctx);
