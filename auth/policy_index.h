/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* auth/policy_index.h - which statements can concern an action, without looking at all of them.
 * A statement is filed under each action that it names in full, under the service of each `service:Wild*` and, with
 * anything wider (`*`, NotAction), in the general list. A scan merges the three lists, so that statements come in the order
 * of the document, each once. What a scan offers is a candidate: the caller still compares.
 * An item remembers the end of the text that every resource of its statement begins with, so a scan passes over statements that
 * are about other resources without reading them.
 * Built once, then immutable; scanning allocates nothing. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/str.h"

struct policy_statement;

enum { POLICY_ANY_ACTION = -1 };

struct policy_index_item {
    uint32_t statement;
    int32_t action; /* the only one of the statement that can match, or POLICY_ANY_ACTION */
    uint32_t
        tail_end; /* the last part of the resource has `tail` before this place; 0: who knows */
    char tail[8];
};

struct policy_index_list {
    uint64_t hash;
    const struct policy_index_item *items;
    size_t n;
};

struct policy_index {
    struct policy_index_list *slots; /* open addressing; items NULL: free */
    size_t mask;                     /* 0: no slots */
    struct policy_index_list general;
};

/* Most documents deny nothing: such a scan need not begin. */
static inline bool policy_index_is_empty(const struct policy_index *ix)
{
    return !ix->mask && !ix->general.n;
}

/* What a question's action looks like to an index: computed once per question. */
struct policy_action_hash {
    uint64_t whole, service;
};

void policy_index_build(struct policy_index *ix, struct sw_arena *arena,
                        const struct policy_statement *statements, size_t n, bool deny);
struct policy_action_hash policy_action_hash(const char *action);

struct policy_scan {
    const struct policy_index_item *at[3], *end[3];
    struct sw_str resource;
};
/* resource: the last part of the ARN that is asked about, borrowed; p NULL when it is no ARN. */
void policy_scan_begin(struct policy_scan *s, const struct policy_index *ix,
                       const struct policy_action_hash *action, struct sw_str resource);
bool policy_scan_next(struct policy_scan *s, struct policy_index_item *ret);
