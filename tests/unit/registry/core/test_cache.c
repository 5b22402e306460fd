/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/core/cache.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/macros.h"
#include "tests/lib/test.h"

static int freed;

static void count_free(struct cache_item *item)
{
    freed++;
    free(item);
}

static struct cache_item *item_new(void)
{
    struct cache_item *i = SW_NEW(struct cache_item);
    cache_item_init(i, count_free);
    return i;
}

static void put(struct cache *c, uint64_t repo, const char *text, uint64_t generation, size_t cost)
{
    struct cache_item *i = item_new();
    cache_put(c, &(struct cache_key){repo, 'T', text}, generation, i, cost);
    cache_item_unref(i);
}

static bool has(struct cache *c, uint64_t repo, const char *text, uint64_t generation)
{
    struct cache_item *i = cache_get(c, &(struct cache_key){repo, 'T', text}, generation);
    cache_item_unref(i);
    return i != NULL;
}

TEST(finds_by_repository_kind_and_text)
{
    struct cache *c = cache_new(1 << 20);
    put(c, 1, "a", 0, 10);
    CHECK(has(c, 1, "a", 0));
    CHECK(!has(c, 2, "a", 0));
    CHECK(!has(c, 1, "b", 0));
    CHECK_NULL(cache_get(c, &(struct cache_key){1, 'M', "a"}, 0));
    cache_free(c);
}

TEST(an_older_generation_is_no_answer)
{
    struct cache *c = cache_new(1 << 20);
    put(c, 1, "a", 3, 10);
    CHECK(!has(c, 1, "a", 4));
    CHECK(!has(c, 1, "a", 3)); /* it went */
    put(c, 1, "a", 4, 10);
    CHECK(has(c, 1, "a", 4));
    CHECK(!has(c, 1, "a", 3)); /* a reader from the past does not throw it out */
    CHECK(has(c, 1, "a", 4));
    cache_free(c);
}

TEST(keeps_within_its_bytes_and_frees_what_leaves)
{
    freed = 0;
    struct cache *c = cache_new(8 * 4096);
    for (int i = 0; i < 1000; i++) {
        char text[16];
        snprintf(text, sizeof(text), "t%d", i);
        put(c, 1, text, 0, 500);
    }
    CHECK(freed > 900);
    CHECK(has(c, 1, "t999", 0));
    CHECK(!has(c, 1, "t0", 0));
    put(c, 1, "huge", 0, 1 << 20);
    CHECK(!has(c, 1, "huge", 0));
    cache_free(c);
    CHECK_EQ_INT(freed, 1001);
}

TEST(a_value_in_use_outlives_its_entry)
{
    freed = 0;
    struct cache *c = cache_new(1 << 20);
    put(c, 1, "a", 0, 10);
    struct cache_item *i = cache_get(c, &(struct cache_key){1, 'T', "a"}, 0);
    cache_clear(c);
    CHECK_EQ_INT(freed, 0);
    CHECK(!has(c, 1, "a", 0));
    cache_item_unref(i);
    CHECK_EQ_INT(freed, 1);
    cache_free(c);
}
