/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* auth/policy_document.h - one IAM policy document, read strictly and compiled for fast decisions.
 * Owns: everything it needs of the text; the text itself may go away. Immutable after parsing.
 * Promise: a document that parsed never fails later: auth/policy_eval.h decides with it without errors or allocation.
 * Every statement knows its place in the text. Nothing unknown is ignored: an element, operator or principal kind that the
 * grammar does not have is refused, and so is a key that occurs twice.
 * Threads: shared freely; the count of references is atomic.
 * Expected errors: SW_EINVALID with reason "MalformedPolicyDocument" and IAM's words where IAM has them ("Syntax errors in
 * policy.", "Policy statement must contain actions."), followed by what is wrong and where. Maxima: LIMIT_POLICY_* in
 * base/limits.h; they bound work, IAM's quotas per kind of policy are the caller's (policy_text_size()).
 * Spec: IAM user guide, "Grammar of the IAM JSON policy language"; docs/internals/policy.md. */
#include <stdbool.h>
#include <stddef.h>

#include "base/macros.h"
#include "base/str.h"

struct sw_err;

/* What a document is for, which decides the elements that it may and must have. */
enum policy_type {
    POLICY_TYPE_IDENTITY, /* no Principal; Resource required */
    POLICY_TYPE_RESOURCE, /* Principal required; without Resource the resource that it is attached to */
    POLICY_TYPE_TRUST,    /* Principal required; no Resource */
    POLICY_TYPE_SESSION,  /* as identity */
    POLICY_TYPE_BOUNDARY, /* as identity */
    POLICY_TYPE_MAX_
};
const char *policy_type_to_string(enum policy_type type);

struct policy_position {
    unsigned line, column; /* from 1; columns count characters, not bytes; 0: unknown */
};

struct policy_document;

/* On failure *ret_where (unless NULL) is the offending token. The caller owns one reference of *ret. */
int policy_document_parse(struct sw_str text, enum policy_type type, struct policy_document **ret,
                          struct policy_position *ret_where, struct sw_err *err);
struct policy_document *policy_document_ref(struct policy_document *d); /* d; NULL ok */
void policy_document_unref(struct policy_document *d);                  /* NULL ok */

static inline void policy_document_unrefp(struct policy_document **d)
{
    policy_document_unref(*d);
}
#define policy_autodoc SW_CLEANUP(policy_document_unrefp)

enum policy_type policy_document_type(const struct policy_document *d);
const char *policy_document_id(const struct policy_document *d); /* "Id" or NULL */
/* Version 2012-10-17; only then ${...} are variables. */
bool policy_document_has_variables(const struct policy_document *d);

struct policy_statement_info {
    const char *sid; /* or NULL */
    bool deny;
    struct policy_position start, end; /* of its braces */
};
size_t policy_document_statement_count(const struct policy_document *d);
struct policy_statement_info policy_document_statement(const struct policy_document *d,
                                                       size_t index);

/* Principals that the statements name, in order: for "does this principal exist?". */
enum policy_principal_kind {
    POLICY_PRINCIPAL_ANYONE,    /* "*"; value "*" */
    POLICY_PRINCIPAL_ACCOUNT,   /* 12 digits, also when the text had arn:aws:iam::N:root */
    POLICY_PRINCIPAL_ARN,       /* user, role, assumed-role session, federated user */
    POLICY_PRINCIPAL_ID,        /* a unique id: AIDA..., AROA... */
    POLICY_PRINCIPAL_SERVICE,   /* ecs-tasks.amazonaws.com */
    POLICY_PRINCIPAL_FEDERATED, /* provider ARN or name */
    POLICY_PRINCIPAL_CANONICAL, /* CanonicalUser */
    POLICY_PRINCIPAL_MAX_
};
typedef void policy_principal_fn(void *ctx, enum policy_principal_kind kind, const char *value,
                                 struct policy_position where);
void policy_document_principals(const struct policy_document *d, policy_principal_fn *fn,
                                void *ctx);

/* Context keys that conditions and variables name, each once, in order of appearance, as written. */
typedef void policy_key_name_fn(void *ctx, const char *name);
void policy_document_keys(const struct policy_document *d, policy_key_name_fn *fn, void *ctx);

/* The size that IAM's quotas count: characters that are not white space. */
size_t policy_text_size(struct sw_str text);
