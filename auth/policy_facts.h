/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* auth/policy_facts.h - the context keys of a service, from a table of functions that are called when a statement asks.
 * What they find stays valid until policy_facts_done(). Give policy_facts_key and the facts to struct policy_context as `more`.
 * Threads: one question. Nothing fails: a key that has no values is not there. */
#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "auth/policy_eval.h"

#define POLICY_FACTS_HELD \
    32 /* different keys in one question without memory of their own; there may be more */

/* Appends the key's values, strings, to the list. rest: what follows the '/' of a name that stands for many. */
typedef void policy_fact_fn(void *ctx, const char *rest, json_t *values);

struct policy_fact {
    const char *name; /* "ecs:cluster"; "aws:RequestTag/": all that begin so */
    policy_fact_fn *fn;
    bool multi; /* as in struct policy_key */
};

struct policy_fact_held {
    struct policy_key key;
    const char **values;
    struct policy_fact_held *next;
};

struct policy_facts {
    const struct policy_fact *table;
    size_t table_n;
    void *ctx;
    /* what was asked for */
    json_t *held;
    struct policy_fact_held first[POLICY_FACTS_HELD];
    size_t n;
    struct policy_fact_held *more;
};

void policy_facts_init(struct policy_facts *f, const struct policy_fact *table, size_t n,
                       void *ctx);
void policy_facts_done(struct policy_facts *f);
/* A policy_key_fn; ctx is the struct policy_facts. */
const struct policy_key *policy_facts_key(void *ctx, const char *name);

/* For the functions. Tags are lists of {key, value} or {Key, Value}; NULL is an empty list. Keys compare without case. */
void policy_facts_add(json_t *values, const char *text); /* NULL and "" are no value */
void policy_facts_add_tag(const json_t *tags, const char *key, json_t *values);
void policy_facts_add_tag_keys(const json_t *tags, json_t *values);
/* A key that the tags, a list or an object of keys, have more than once without regard to case, or NULL. Who stores tags refuses
 * such: a condition key with two values fails every operator for single values, so that a Deny would not deny. */
const char *policy_facts_tag_twice(const json_t *tags);
