/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* registry/core/cache.h - a bounded map from (repository, kind, text) to shared immutable values, least recently used out first.
 * An entry carries the generation that its rows had when reading them began; a lookup names the generation that is current
 * and an older entry is no answer. So whoever changes rows raises the generation after the commit and need not find entries.
 * Threads: shared freely. */
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* First member of what is cached. */
struct cache_item {
    atomic_int refs;
    void (*free)(struct cache_item *item);
};
void cache_item_init(struct cache_item *item,
                     void (*free_fn)(struct cache_item *)); /* one reference */
void cache_item_ref(struct cache_item *item);
void cache_item_unref(struct cache_item *item); /* NULL ok */

struct cache_key {
    uint64_t repo; /* serial of the repository object */
    char kind;
    const char *text;
};

struct cache;
struct cache *cache_new(size_t max_bytes);
void cache_free(struct cache *c); /* NULL ok */
void cache_clear(struct cache *c);
/* A new reference, or NULL. */
struct cache_item *cache_get(struct cache *c, const struct cache_key *key, uint64_t generation);
/* Takes a reference of its own. Replaces; does nothing when cost is beyond a shard's share. */
void cache_put(struct cache *c, const struct cache_key *key, uint64_t generation,
               struct cache_item *item, size_t cost);
