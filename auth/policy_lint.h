/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* auth/policy_lint.h - what is probably not meant, in a document that is well formed.
 * Findings never change a decision. Codes are stable, for scripts:
 *   UNKNOWN_SERVICE, UNKNOWN_ACTION, EMPTY_WILDCARD     an action that no service has, with the nearest name
 *   RESOURCE_NEVER_MATCHES                              none of the statement's actions has such a resource
 *   SHORT_ARN                                           fewer than six parts
 *   ACTION_NEEDS_STAR                                   an action whose only resource is "*", in a statement that names others
 *   KEY_NEVER_PRESENT, UNKNOWN_KEY                      conditions on keys that an action never has
 *   ALLOWS_ALL_ACTIONS, ALLOWS_ALL_RESOURCES, ALLOWS_EVERYONE, ALLOWS_ALL_BUT, PASSES_ANY_ROLE   over-broad grants
 *   VARIABLE_IS_TEXT                                    ${...} in version 2008-10-17
 *   VARIABLE_BEFORE_RESOURCE                            AWS replaces variables after the fifth colon only
 * What the parser refuses (unknown elements, Sids that occur twice) is no finding: policy_document_parse() reports it.
 * Pure. Threads: from anywhere. */
#include "auth/policy_document.h"

enum policy_severity { POLICY_ERROR, POLICY_WARNING, POLICY_NOTE, POLICY_SEVERITY_MAX_ };
const char *policy_severity_to_string(enum policy_severity s);

struct policy_finding {
    enum policy_severity severity;
    struct policy_position where;
    const char *code;    /* static */
    const char *message; /* valid during the call */
    size_t statement;    /* index, from 0 */
};
typedef void policy_finding_fn(void *ctx, const struct policy_finding *finding);

/* Findings come statement by statement. Returns how many there were. */
size_t policy_lint(const struct policy_document *d, policy_finding_fn *fn, void *ctx);

/* True when some text matches both patterns of * and ?; a ${variable} is any text. For ARNs as wholes: `*` crosses colons. */
bool policy_patterns_meet(const char *a, const char *b);
