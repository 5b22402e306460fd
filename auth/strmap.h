/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* auth/strmap.h - a hash table from strings to pointers that it does not own.
 * Owns copies of the keys. Grows, never shrinks. Threads: one writer or many readers at a time; the caller locks. */
#include <stddef.h>

struct strmap_entry;
struct strmap {
    struct strmap_entry **buckets;
    size_t cap, n; /* cap: 0 or a power of two */
};

void *strmap_get(const struct strmap *m, const char *key);       /* NULL: absent */
void strmap_put(struct strmap *m, const char *key, void *value); /* value not NULL; replaces */
void *strmap_remove(struct strmap *m, const char *key); /* the value that was there, or NULL */
/* Calls fn for every value, in no order. */
void strmap_each(const struct strmap *m, void (*fn)(void *ctx, void *value), void *ctx);
void strmap_done(struct strmap *m); /* frees the entries, not the values; empty afterwards */
