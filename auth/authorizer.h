/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* auth/authorizer.h - what may() asks with: which policies a principal has, and the global context keys.
 * Owns nothing but its options; the directory and the sessions outlive it.
 * Built in, and shown in explanations as `builtin`: AdministratorAccess of a user of kind ADMIN, the node policy of kind NODE, and
 * the pull policy of a public repository.
 * Threads: shared freely. A decision takes the directory's read lock once, for a few loads. */
#include "auth/directory.h"
#include "auth/policy.h"
#include "auth/session.h"

struct authorizer_options {
    struct identity *identity; /* NULL: nobody has a policy but the built-in ones of its kind */
    struct session_store *sessions; /* NULL: a session that has policies gets nothing */
};

struct authorizer *authorizer_new(const struct authorizer_options *o);
void authorizer_free(struct authorizer *a); /* NULL ok */

/* What may() asks, without its error: fn gets the question as it was put and the verdict; both are valid inside it only. */
typedef void authorizer_verdict_fn(void *ctx, const struct policy_question *q,
                                   const struct policy_verdict *v);
void authorizer_ask(struct authorizer *a, const struct principal *p, const char *action,
                    const char *resource, const struct policy_context *ctx,
                    authorizer_verdict_fn *fn, void *fn_ctx);
