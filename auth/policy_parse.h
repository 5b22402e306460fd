/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* auth/policy_parse.h - one parse of a policy document: shared by the files that read its parts.
 * Every refusal goes through policy_refuse(): IAM's words, then line, column and what is wrong. */
#include "auth/policy_compiled.h"
#include "auth/policy_json.h"
#include "base/err.h"

struct policy_parse {
    struct policy_document *doc;  /* under construction; its arena keeps what the document needs */
    struct policy_position where; /* of the refusal */
    struct sw_err *err;
};

#define POLICY_SYNTAX "Syntax errors in policy."

/* Always SW_EINVALID. iam: the sentence that IAM itself answers. */
int policy_refuse(struct policy_parse *p, struct policy_position at, const char *iam,
                  const char *fmt, ...) __attribute__((format(printf, 4, 5)));
/* A member that the grammar does not have, with the nearest of names[]. */
int policy_refuse_unknown(struct policy_parse *p, const struct policy_node *member,
                          const char *const *names, size_t n);
/* A node as a list: calls fn for the node itself or for each element of an array. */
typedef int policy_each_fn(struct policy_parse *p, const struct policy_node *node, void *ctx);
int policy_each(struct policy_parse *p, const struct policy_node *node, policy_each_fn *fn,
                void *ctx);
size_t policy_list_length(const struct policy_node *node);

/* Reads one statement. */
int policy_statement_parse(struct policy_parse *p, const struct policy_node *node,
                           struct policy_statement *ret);
