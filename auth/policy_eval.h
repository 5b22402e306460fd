/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* auth/policy_eval.h - who may do what: a pure function of values.
 * No clock, no I/O, no globals, no locks, no allocation. Time, address and tags come as context keys through the
 * question's key(), which is asked only when a condition or a variable of a statement that otherwise matches needs one.
 * Promise: an explicit deny anywhere wins; the order of policies and of statements never matters for the decision; the
 * verdict names the deciding statement, or what is missing.
 * Threads: anything may be asked from anywhere; the question's arrays are only read.
 * Errors: none. A context value that does not fit an operator (a word where a number is compared) does not match.
 * Spec: IAM user guide, "Policy evaluation logic"; docs/internals/policy.md. */
#include <stdbool.h>
#include <stddef.h>

#include "auth/policy_document.h"

struct sw_buf;

/* Where a policy is attached. */
enum policy_origin {
    POLICY_FROM_USER,
    POLICY_FROM_GROUP,
    POLICY_FROM_ROLE,
    POLICY_FROM_BOUNDARY,
    POLICY_FROM_SESSION,
    POLICY_FROM_RESOURCE, /* repository policy, trust policy */
    POLICY_FROM_REGISTRY,
    POLICY_FROM_BUILTIN,
    POLICY_ORIGIN_MAX_
};
const char *policy_origin_to_string(enum policy_origin kind);

struct policy_attached {
    const struct policy_document *doc;
    const char *name;   /* policy name or ARN, for explanations */
    const char *origin; /* the file that it came from, or NULL */
    enum policy_origin kind;
};

/* One context key with its values. Names compare case-insensitively. A key without values counts as absent,
 * except for ForAllValues and ForAnyValue, which see an empty set. */
struct policy_key {
    const char *name;
    const char *const *values;
    size_t values_n;
    bool multi; /* the key is a set by its nature (aws:TagKeys), even when it holds one value */
};

/* NULL when the request has no such key. What it returns must stay valid until policy_evaluate() returns. */
typedef const struct policy_key *policy_key_fn(void *ctx, const char *name);

/* Exactly one of: principal_arn; service_principal; federated; anonymous. */
struct policy_question {
    const char *action;           /* "ecr:PutImage" */
    const char *resource;         /* ARN or "*" */
    const char *resource_account; /* that owns it; NULL: the principal's own */

    const char *principal_arn;     /* user, role session, federated user, account root; else NULL */
    const char *principal_account; /* 12 digits; NULL with principal_arn NULL */
    /* Behind a session: of an assumed role arn:aws:iam::A:role/path/R, of a federated user
     * arn:aws:iam::A:user/N; else NULL. */
    const char *principal_role_arn;
    const char *principal_id;      /* aws:userid or the unique id of user or role, or NULL */
    const char *service_principal; /* "ecs-tasks.amazonaws.com", or NULL */
    const char *federated;         /* OIDC provider ARN of AssumeRoleWithWebIdentity, or NULL */
    bool anonymous;
    bool root; /* principal_arn is its account's root */

    const struct policy_attached *identity; /* user, groups, role */
    size_t identity_n;
    const struct policy_attached *boundary; /* NULL: none */
    const struct policy_attached *session;
    size_t session_n;
    bool has_session_policy; /* true with session_n 0: an empty intersection, nothing is allowed */

    const struct policy_attached
        *resource_policies; /* repository policy, registry policy, trust policy */
    size_t resource_policies_n;
    /* The resource's own policy must allow, also within one account: role trust policies (sts:AssumeRole*). */
    bool resource_must_allow;

    policy_key_fn *key; /* NULL: no context at all */
    void *key_ctx;
};

/* What stopped an implicit deny. */
enum policy_missing {
    POLICY_MISSING_NOTHING,
    POLICY_MISSING_IDENTITY, /* no identity-based policy allows */
    POLICY_MISSING_BOUNDARY,
    POLICY_MISSING_SESSION,
    POLICY_MISSING_RESOURCE, /* no resource-based policy allows (another account, trust, anonymous) */
    POLICY_MISSING_MAX_
};

enum policy_decision { POLICY_IMPLICIT_DENY, POLICY_EXPLICIT_DENY, POLICY_ALLOW, POLICY_MAX_ };
const char *policy_decision_to_string(
    enum policy_decision d); /* "allowed", "explicitDeny", "implicitDeny" */

struct policy_verdict {
    enum policy_decision decision;
    enum policy_missing missing; /* of an implicit deny */
    const struct policy_attached
        *by;          /* the deciding policy; NULL: implicit deny, or allowed as account root */
    size_t statement; /* index in by->doc, from 0 */
    struct policy_position where; /* of the statement */
    const char *sid;              /* borrowed from by->doc, or NULL */
};

void policy_evaluate(const struct policy_question *q, struct policy_verdict *ret);

/* AWS's sentence for a refusal: "User: ARN is not authorized to perform: ecs:RunTask on resource: ARN because no
 * identity-based policy allows the ecs:RunTask action", "... with an explicit deny in a resource-based policy".
 * Tells nothing about statements: it is for the caller. */
void policy_verdict_sentence(const struct policy_question *q, const struct policy_verdict *v,
                             struct sw_buf *out);
/* For the log and for `policy explain`: "denied by statement 2 \"NoOverwrite\" of user policy team-a
 * (policies/team-a.json:14:5)", "implicitly denied: no identity-based policy allows ecr:PutImage". */
void policy_verdict_explain(const struct policy_question *q, const struct policy_verdict *v,
                            struct sw_buf *out);

/* Every statement of every policy of the question that matches it (principal, action, resource and conditions), in
 * order: what SimulatePrincipalPolicy lists. */
typedef void policy_match_fn(void *ctx, const struct policy_attached *policy, size_t statement);
void policy_matches(const struct policy_question *q, policy_match_fn *fn, void *ctx);
