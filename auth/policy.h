/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* auth/policy.h - the one seam where it is decided who may do what. Pure: no clock, no I/O, no globals.
 * Every route and every operation asks here. Today: admin may do everything in its account, a node what an agent needs
 * (a table in policy.c), a user and an anonymous caller nothing; whoever asks may pull from a public repository. The policy
 * engine will replace the inside. */
#include <stdbool.h>
#include <stddef.h>

#include "auth/principal.h"
#include "base/err.h"

struct policy_context {
    const char *account;   /* that owns the resource */
    const char *source_ip; /* may be NULL */
    bool secure_transport;
    bool resource_public; /* the resource's own policy lets everyone pull from it */
};

enum policy_decision { POLICY_IMPLICIT_DENY, POLICY_EXPLICIT_DENY, POLICY_ALLOW, POLICY_MAX_ };

/* action: "ecr:BatchGetImage"; resource: an ARN or "*". */
enum policy_decision policy_decide(const struct principal *p, const char *action,
                                   const char *resource, const struct policy_context *ctx);

/* 0, or SW_EDENIED with reason "AccessDeniedException" and IAM's sentence: "User: ARN is not authorized to perform: ACTION on
 * resource: ARN because no identity-based policy allows the ACTION action". */
int may(const struct principal *p, const char *action, const char *resource,
        const struct policy_context *ctx, struct sw_err *err);
