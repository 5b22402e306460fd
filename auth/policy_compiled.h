/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* auth/policy_compiled.h - what policy_document_parse() makes and policy_evaluate() and policy_lint() read.
 * For the files of the policy engine only; everybody else uses auth/policy_document.h.
 * All memory is the document's arena. Immutable once parsed. */
#include <stdatomic.h>
#include <stdint.h>

#include "auth/policy_condition.h"
#include "auth/policy_index.h"

struct policy_principal {
    enum policy_principal_kind kind;
    const char *value;
    struct policy_position where;
};

struct policy_action {
    const char *text;
    struct policy_glob glob;
    struct policy_position where;
};

struct policy_resource {
    const char *text;
    struct policy_arn_glob arn;
    struct policy_position where;
};

struct policy_statement {
    const char *sid; /* or NULL */
    bool deny, not_action, not_resource, not_principal;
    struct policy_position start, end, sid_at;
    const struct policy_action *actions;
    const struct policy_resource *resources;
    const struct policy_principal *principals;
    const struct policy_condition *conditions;
    size_t actions_n, resources_n, principals_n, conditions_n;
};

struct policy_document {
    atomic_uint refs;
    enum policy_type type;
    bool variables;
    const char *id;
    struct sw_arena arena;
    struct policy_statement *statements;
    size_t statements_n;
    struct policy_index allow, deny;
};
