/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* auth/policy_match.h - patterns of policies, compiled once: texts with *, ? and ${variables}.
 * `*` is any run of characters, `?` one character (not byte). Variables are replaced by the value of a context key, whose own
 * `*` and `?` are plain characters; ${*} ${?} ${$} are those characters; ${key, 'text'} is the text when the key is absent.
 * Matching remembers one `*` at a time, so its cost is at most the product of both lengths, never exponential.
 * An ARN's six parts are matched separately: `*` does not cross the first five colons. A shorter ARN is completed with `*`.
 * Pure, no allocation when matching. Threads: compiled patterns are shared freely. */
#include "auth/policy_eval.h"
#include "base/arena.h"

enum policy_piece_kind { POLICY_PIECE_TEXT, POLICY_PIECE_ANY, POLICY_PIECE_ONE, POLICY_PIECE_VAR };

struct policy_piece {
    enum policy_piece_kind kind;
    struct sw_str text;   /* of a variable: the key's name, NUL-terminated */
    const char *fallback; /* of a variable: its default, or NULL */
};

#define POLICY_GLOB_VARIABLES 16 /* in one pattern */

/* The common forms, compared without a loop. */
enum policy_glob_shape {
    POLICY_GLOB_GENERAL,
    POLICY_GLOB_LITERAL,
    POLICY_GLOB_PREFIX,
    POLICY_GLOB_ALL
};

struct policy_glob {
    const struct policy_piece *pieces;
    struct sw_str text; /* of a literal or a prefix */
    unsigned n;
    enum policy_glob_shape shape;
    bool variables;
};

enum { POLICY_GLOB_WILDCARDS = 1, POLICY_GLOB_VARS = 2 };

/* Where variables get their values; key may be NULL. */
struct policy_vars {
    policy_key_fn *key;
    void *ctx;
};

enum policy_match {
    POLICY_NO_MATCH,
    POLICY_MATCH,
    POLICY_UNRESOLVED /* a variable has no value */
};

/* NULL, or what is wrong (static). */
const char *policy_glob_compile(struct sw_arena *arena, struct sw_str raw, unsigned flags,
                                struct policy_glob *ret);
enum policy_match policy_glob_match(const struct policy_glob *g, struct sw_str text, bool nocase,
                                    const struct policy_vars *vars);
bool policy_glob_has_wildcards(const struct policy_glob *g);

enum { POLICY_ARN_PARTS = 6 };

/* An ARN taken apart once per decision. */
struct policy_arn_text {
    struct sw_str whole, part[POLICY_ARN_PARTS];
    bool valid;
};
void policy_arn_split(struct sw_str arn, struct policy_arn_text *ret);

enum policy_arn_kind {
    POLICY_ARN_ALL,   /* "*" */
    POLICY_ARN_SPLIT, /* part[1..5] */
    POLICY_ARN_WHOLE, /* begins with a variable: the whole text, compared as one */
    POLICY_ARN_NEVER, /* too short for where it stands */
};

struct policy_arn_glob {
    enum policy_arn_kind kind;
    struct policy_glob part[POLICY_ARN_PARTS], whole;
    unsigned parts_written;
};
const char *policy_arn_compile(struct sw_arena *arena, struct sw_str raw, bool variables,
                               struct policy_arn_glob *ret);
enum policy_match policy_arn_match(const struct policy_arn_glob *g,
                                   const struct policy_arn_text *arn,
                                   const struct policy_vars *vars);
