/* SPDX-License-Identifier: Apache-2.0 */
/* Invariants: cap is 0 or a power of two; n <= cap once something was put; a key is in the bucket of its hash, once. */
#include "auth/strmap.h"

#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"

#define CAP_FIRST 16

struct strmap_entry {
    struct strmap_entry *next;
    void *value;
    char *key;
};

/* FNV-1a. Keys are put by administrators only, so nobody can aim at collisions. */
static uint64_t hash(const char *key)
{
    uint64_t h = 14695981039346656037U;

    for (const unsigned char *p = (const unsigned char *)key; *p; p++)
        h = (h ^ *p) * 1099511628211U;
    return h ^ h >> 32;
}

/* Where the pointer to the entry of the key is, or would be. */
static struct strmap_entry **find(const struct strmap *m, const char *key)
{
    struct strmap_entry **at = &m->buckets[hash(key) & (m->cap - 1)];

    while (*at && strcmp((*at)->key, key) != 0)
        at = &(*at)->next;
    return at;
}

void *strmap_get(const struct strmap *m, const char *key)
{
    if (m->cap == 0)
        return NULL;
    const struct strmap_entry *e = *find(m, key);
    return e ? e->value : NULL;
}

static void grow(struct strmap *m)
{
    struct strmap bigger = {.cap = m->cap ? m->cap * 2 : CAP_FIRST, .n = m->n};

    bigger.buckets = sw_calloc(bigger.cap, sizeof(struct strmap_entry *));
    for (size_t i = 0; i < m->cap; i++) {
        struct strmap_entry *next;
        for (struct strmap_entry *e = m->buckets[i]; e; e = next) {
            struct strmap_entry **at = &bigger.buckets[hash(e->key) & (bigger.cap - 1)];
            next = e->next;
            e->next = *at;
            *at = e;
        }
    }
    free(m->buckets);
    *m = bigger;
}

void strmap_put(struct strmap *m, const char *key, void *value)
{
    struct strmap_entry **at, *e;

    assert(value);
    if (m->n >= m->cap)
        grow(m);
    at = find(m, key);
    if (*at) {
        (*at)->value = value;
        return;
    }
    e = SW_NEW(struct strmap_entry);
    e->key = sw_strdup(key);
    e->value = value;
    *at = e;
    m->n++;
}

void *strmap_remove(struct strmap *m, const char *key)
{
    struct strmap_entry **at, *e;
    void *value;

    if (m->cap == 0)
        return NULL;
    at = find(m, key);
    e = *at;
    if (!e)
        return NULL;
    value = e->value;
    *at = e->next;
    free(e->key);
    free(e);
    m->n--;
    return value;
}

void strmap_each(const struct strmap *m, void (*fn)(void *ctx, void *value), void *ctx)
{
    for (size_t i = 0; i < m->cap; i++) {
        for (const struct strmap_entry *e = m->buckets[i]; e; e = e->next)
            fn(ctx, e->value);
    }
}

void strmap_done(struct strmap *m)
{
    for (size_t i = 0; i < m->cap; i++) {
        struct strmap_entry *next;
        for (struct strmap_entry *e = m->buckets[i]; e; e = next) {
            next = e->next;
            free(e->key);
            free(e);
        }
    }
    free(m->buckets);
    *m = (struct strmap){0};
}
