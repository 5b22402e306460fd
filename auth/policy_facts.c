/* SPDX-License-Identifier: Apache-2.0 */
#include "auth/policy_facts.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/alloc.h"
#include "base/json.h"

void policy_facts_init(struct policy_facts *f, const struct policy_fact *table, size_t n, void *ctx)
{
    f->table = table;
    f->table_n = n;
    f->ctx = ctx;
    f->held = NULL;
    f->n = 0;
    f->more = NULL;
}

void policy_facts_done(struct policy_facts *f)
{
    for (size_t i = 0; i < f->n; i++)
        free(f->first[i].values);
    for (struct policy_fact_held *h = f->more, *next; h; h = next) {
        next = h->next;
        free(h->values);
        free(h);
    }
    f->more = NULL;
    json_decref(f->held);
    f->held = NULL;
    f->n = 0;
}

/* A key that is dropped could be the one that a Deny looks at. */
static struct policy_fact_held *take_held(struct policy_facts *f)
{
    if (f->n < POLICY_FACTS_HELD)
        return &f->first[f->n++];
    struct policy_fact_held *h = SW_NEW(struct policy_fact_held);
    h->next = f->more;
    f->more = h;
    return h;
}

/* The name that was asked for belongs to a document, which outlives the question. */
static const struct policy_key *hold(struct policy_facts *f, const char *name, bool multi,
                                     json_t *values)
{
    size_t count = json_array_size(values);
    if (count == 0)
        return NULL;
    const char **list = sw_calloc(count, sizeof *list);
    for (size_t i = 0; i < count; i++)
        list[i] = json_string_value(json_array_get(values, i));
    if (!f->held)
        f->held = json_array();
    json_array_append(f->held, values);
    struct policy_fact_held *h = take_held(f);
    h->values = list;
    h->key = (struct policy_key){.name = name, .values = list, .values_n = count, .multi = multi};
    return &h->key;
}

static bool stands_for(const char *fact, const char *name, const char **ret_rest)
{
    size_t n = strlen(fact);
    *ret_rest = name + n;
    return fact[n - 1] == '/' ? strncasecmp(name, fact, n) == 0 && name[n]
                              : strcasecmp(name, fact) == 0;
}

const struct policy_key *policy_facts_key(void *ctx, const char *name)
{
    struct policy_facts *f = ctx;
    const char *rest;
    for (size_t i = 0; i < f->n; i++) {
        if (strcasecmp(f->first[i].key.name, name) == 0)
            return &f->first[i].key;
    }
    for (const struct policy_fact_held *h = f->more; h; h = h->next) {
        if (strcasecmp(h->key.name, name) == 0)
            return &h->key;
    }
    for (size_t i = 0; i < f->table_n; i++) {
        if (!stands_for(f->table[i].name, name, &rest))
            continue;
        sw_autojson json_t *values = json_array();
        f->table[i].fn(f->ctx, rest, values);
        return hold(f, name, f->table[i].multi, values);
    }
    return NULL;
}

void policy_facts_add(json_t *values, const char *text)
{
    if (text && *text)
        json_array_append_new(values, json_string(text));
}

static const char *member(const json_t *tag, const char *lower, const char *upper)
{
    return sw_json_str(tag, lower, sw_json_str(tag, upper, ""));
}

void policy_facts_add_tag(const json_t *tags, const char *key, json_t *values)
{
    const json_t *tag;
    size_t i;
    json_array_foreach(tags, i, tag) {
        if (strcasecmp(member(tag, "key", "Key"), key) == 0)
            json_array_append_new(values, json_string(member(tag, "value", "Value")));
    }
}

void policy_facts_add_tag_keys(const json_t *tags, json_t *values)
{
    const json_t *tag;
    size_t i;
    json_array_foreach(tags, i, tag)
        policy_facts_add(values, member(tag, "key", "Key"));
}

static const char *key_at(const json_t *tag)
{
    return json_is_object(tag) ? member(tag, "key", "Key") : "";
}

static const char *twice_in_object(const json_t *tags)
{
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)tags, key, value) {
        void *iter = json_object_iter_at((json_t *)tags, key);
        while ((iter = json_object_iter_next((json_t *)tags, iter)))
            if (strcasecmp(json_object_iter_key(iter), key) == 0)
                return key;
    }
    return NULL;
}

const char *policy_facts_tag_twice(const json_t *tags)
{
    if (json_is_object(tags))
        return twice_in_object(tags);
    for (size_t i = 0; i < json_array_size(tags); i++) {
        const char *key = key_at(json_array_get(tags, i));
        for (size_t k = 0; *key && k < i; k++)
            if (strcasecmp(key_at(json_array_get(tags, k)), key) == 0)
                return key;
    }
    return NULL;
}
