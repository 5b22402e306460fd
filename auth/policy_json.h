/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* auth/policy_json.h - JSON (RFC 8259) as a tree whose every node knows its line and column.
 * jansson gives no positions after loading; a policy's errors, findings and deciding statements need them.
 * Refused: duplicate keys, NUL, invalid UTF-8, lone surrogates, control characters in strings, depth beyond
 * LIMIT_POLICY_DEPTH, more than LIMIT_POLICY_TOKENS nodes. Pure; the tree lives in the caller's arena. */
#include "auth/policy_document.h"
#include "base/arena.h"

enum policy_node_type {
    POLICY_NODE_OBJECT,
    POLICY_NODE_ARRAY,
    POLICY_NODE_STRING,
    POLICY_NODE_NUMBER, /* text: as written */
    POLICY_NODE_BOOL,   /* text: "true" or "false" */
    POLICY_NODE_NULL,
};

struct policy_node {
    enum policy_node_type type;
    struct policy_position at, end; /* first and last character */
    struct sw_str key;              /* of an object's member; p NULL elsewhere */
    struct policy_position key_at;
    struct sw_str text; /* NUL-terminated beyond n */
    struct policy_node *first, *next;
    size_t count; /* of children */
};

/* The root, or NULL with *ret_where and *ret_problem (static) filled. */
const struct policy_node *policy_json_parse(struct sw_arena *arena, struct sw_str text,
                                            struct policy_position *ret_where,
                                            const char **ret_problem);
/* NULL when the object has no such member. */
const struct policy_node *policy_json_member(const struct policy_node *object, const char *key);
