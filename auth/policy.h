/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* auth/policy.h - the one seam where it is decided who may do what. Every route and every operation asks here.
 * may() collects the policies of the principal (auth/authorizer.h), takes those of the resource and the facts of the request from
 * the context, and asks auth/policy_eval.h. What is asked for is formatted only when a statement looks at it.
 * Threads: ask from anywhere. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "auth/policy_eval.h"
#include "auth/principal.h"
#include "base/err.h"

struct authorizer;
struct sw_buf;

/* What is known about the request and the resource. Strings and arrays are borrowed. */
struct policy_context {
    const char *account;   /* that owns the resource */
    const char *source_ip; /* may be NULL */
    bool secure_transport;
    bool resource_public; /* the resource's own policy lets everyone pull from it */
    bool
        resource_must_allow; /* trust policies: the resource's policy has to say yes in one account too */
    const char *region;     /* aws:RequestedRegion; may be NULL */
    const char *user_agent; /* may be NULL */
    int64_t now_us;         /* aws:CurrentTime; 0: the clock is read when a statement asks */
    const struct policy_attached *resource_policies; /* of the repository, of the registry */
    size_t resource_policies_n;
    const struct policy_key
        *keys; /* the service's own keys and tags; they win over the global ones */
    size_t keys_n;
    policy_key_fn *
        more; /* keys that cost something to find out (a resource's tags): asked when `keys` has none; may be NULL */
    void *more_ctx;
    struct sw_buf *
        explain; /* NULL: nobody asks; else a refusal's statement, for logs and those who may know */
};

/* action: "ecr:BatchGetImage"; resource: an ARN or "*". 0, or SW_EDENIED with reason "AccessDeniedException" and IAM's sentence:
 * "User: ARN is not authorized to perform: ACTION on resource: ARN because no identity-based policy allows the ACTION action".
 * Without an authorizer there are no policies but the built-in ones. */
int may(struct authorizer *a, const struct principal *p, const char *action, const char *resource,
        const struct policy_context *ctx, struct sw_err *err);
