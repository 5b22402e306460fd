/* SPDX-License-Identifier: Apache-2.0 */
/* registry/core/cache.c - invariants:
 * 1. An entry is in exactly one bucket chain and once in the list of its shard, both under the shard's lock.
 * 2. shard.bytes is the sum of the costs of its entries and never above max when the lock is released.
 * 3. Values are only freed outside the locks of the cache or when their last reference goes. */
#include "registry/core/cache.h"

#include <pthread.h>
#include <string.h>

#include "base/alloc.h"
#include "base/id.h"

#define SHARDS     8
#define BUCKETS    4096
#define ENTRY_COST 192 /* of our own structures, roughly */

struct entry {
    struct entry *next_in_bucket;
    struct entry *newer, *older;
    struct cache_item *item;
    uint64_t hash, repo, generation;
    size_t cost;
    char kind;
    char text[];
};

struct shard {
    pthread_mutex_t lock;
    struct entry *buckets[BUCKETS];
    struct entry *newest, *oldest;
    size_t bytes, max;
};

struct cache {
    uint64_t seed;
    struct shard shards[SHARDS];
};

void cache_item_init(struct cache_item *item, void (*free_fn)(struct cache_item *))
{
    atomic_init(&item->refs, 1);
    item->free = free_fn;
}

void cache_item_ref(struct cache_item *item)
{
    atomic_fetch_add_explicit(&item->refs, 1, memory_order_relaxed);
}

void cache_item_unref(struct cache_item *item)
{
    if (item && atomic_fetch_sub_explicit(&item->refs, 1, memory_order_acq_rel) == 1)
        item->free(item);
}

struct cache *cache_new(size_t max_bytes)
{
    struct cache *c = SW_NEW(struct cache);
    sw_random_bytes(&c->seed, sizeof(c->seed));
    for (size_t i = 0; i < SHARDS; i++) {
        pthread_mutex_init(&c->shards[i].lock, NULL);
        c->shards[i].max = max_bytes / SHARDS;
    }
    return c;
}

static uint64_t hash_key(const struct cache *c, const struct cache_key *key)
{
    uint64_t h = c->seed ^ (key->repo * 0x9e3779b97f4a7c15u) ^ (unsigned char)key->kind;
    for (const char *p = key->text; *p; p++)
        h = (h ^ (unsigned char)*p) * 0x100000001b3u;
    h ^= h >> 32;
    return h * 0xd6e8feb86659fd93u;
}

static struct shard *shard_of(struct cache *c, uint64_t hash)
{
    return &c->shards[hash >> 61];
}

static struct entry **find(struct shard *s, uint64_t hash, const struct cache_key *key)
{
    struct entry **at = &s->buckets[hash % BUCKETS];
    while (*at && ((*at)->hash != hash || (*at)->repo != key->repo || (*at)->kind != key->kind ||
                   strcmp((*at)->text, key->text) != 0))
        at = &(*at)->next_in_bucket;
    return at;
}

static void list_remove(struct shard *s, struct entry *e)
{
    *(e->newer ? &e->newer->older : &s->newest) = e->older;
    *(e->older ? &e->older->newer : &s->oldest) = e->newer;
}

static void list_add(struct shard *s, struct entry *e)
{
    e->newer = NULL;
    e->older = s->newest;
    *(s->newest ? &s->newest->newer : &s->oldest) = e;
    s->newest = e;
}

/* Out of the maps; the caller frees it after unlocking. */
static struct entry *detach(struct shard *s, struct entry **at)
{
    struct entry *e = *at;
    *at = e->next_in_bucket;
    list_remove(s, e);
    s->bytes -= e->cost;
    return e;
}

static void entry_free(struct entry *e)
{
    cache_item_unref(e->item);
    free(e);
}

static struct entry *detach_oldest(struct shard *s)
{
    struct entry **at = &s->buckets[s->oldest->hash % BUCKETS];
    while (*at != s->oldest)
        at = &(*at)->next_in_bucket;
    return detach(s, at);
}

struct cache_item *cache_get(struct cache *c, const struct cache_key *key, uint64_t generation)
{
    uint64_t hash = hash_key(c, key);
    struct shard *s = shard_of(c, hash);
    struct cache_item *item = NULL;
    struct entry *stale = NULL;
    pthread_mutex_lock(&s->lock);
    struct entry **at = find(s, hash, key);
    if (*at && (*at)->generation == generation) {
        struct entry *e = *at;
        item = e->item;
        cache_item_ref(item);
        if (s->newest != e) {
            list_remove(s, e);
            list_add(s, e);
        }
    } else if (*at && (*at)->generation < generation) {
        stale = detach(s, at);
    }
    pthread_mutex_unlock(&s->lock);
    if (stale)
        entry_free(stale);
    return item;
}

void cache_put(struct cache *c, const struct cache_key *key, uint64_t generation,
               struct cache_item *item, size_t cost)
{
    uint64_t hash = hash_key(c, key);
    struct shard *s = shard_of(c, hash);
    size_t text_n = strlen(key->text);
    cost += ENTRY_COST + text_n;
    if (cost > s->max)
        return;
    struct entry *e = sw_calloc(1, sizeof(*e) + text_n + 1);
    *e = (struct entry){.item = item,
                        .hash = hash,
                        .repo = key->repo,
                        .generation = generation,
                        .cost = cost,
                        .kind = key->kind};
    memcpy(e->text, key->text, text_n);
    cache_item_ref(item);
    struct entry *out = NULL;
    pthread_mutex_lock(&s->lock);
    struct entry **at = find(s, hash, key);
    if (*at) {
        struct entry *old = detach(s, at);
        old->next_in_bucket = out;
        out = old;
    }
    while (s->bytes + cost > s->max) {
        struct entry *old = detach_oldest(s);
        old->next_in_bucket = out;
        out = old;
    }
    e->next_in_bucket = s->buckets[hash % BUCKETS];
    s->buckets[hash % BUCKETS] = e;
    list_add(s, e);
    s->bytes += cost;
    pthread_mutex_unlock(&s->lock);
    while (out) {
        struct entry *next = out->next_in_bucket;
        entry_free(out);
        out = next;
    }
}

void cache_clear(struct cache *c)
{
    for (size_t i = 0; i < SHARDS; i++) {
        struct shard *s = &c->shards[i];
        pthread_mutex_lock(&s->lock);
        while (s->oldest)
            entry_free(detach_oldest(s));
        pthread_mutex_unlock(&s->lock);
    }
}

void cache_free(struct cache *c)
{
    if (!c)
        return;
    cache_clear(c);
    for (size_t i = 0; i < SHARDS; i++)
        pthread_mutex_destroy(&c->shards[i].lock);
    free(c);
}
