/* SPDX-License-Identifier: Apache-2.0 */
#include "launcher/plan/plan_capacity.h"

#include "base/macros.h"
#include "tests/lib/test.h"

#define N_MAX 5

struct row {
    struct plan_provider providers[N_MAX];
    size_t n;
    int have[N_MAX];
    int count;
    int want[N_MAX];
};

TEST(base_comes_first_then_weight)
{
    static const struct row table[] = {
        {{{"a", 0, 1}}, 1, {0}, 4, {4}},
        {{{"a", 0, 0}}, 1, {0}, 3, {3}}, /* alone it needs no weight */
        {{{"a", 2, 0}}, 1, {0}, 3, {3}},
        {{{"a", 0, 1}, {"b", 0, 1}}, 2, {0}, 4, {2, 2}},
        {{{"a", 0, 1}, {"b", 0, 1}}, 2, {0}, 1, {1, 0}},
        {{{"a", 0, 1}, {"b", 0, 4}}, 2, {0}, 10, {2, 8}},
        {{{"a", 0, 1}, {"b", 0, 4}}, 2, {0}, 1, {0, 1}},
        {{{"a", 1, 1}, {"b", 0, 4}}, 2, {0}, 1, {1, 0}},
        {{{"a", 1, 1}, {"b", 0, 4}}, 2, {0}, 6, {2, 4}},
        {{{"a", 1, 0}, {"b", 0, 1}}, 2, {0}, 5, {1, 4}},
        {{{"a", 0, 1}, {"b", 3, 0}}, 2, {0}, 5, {2, 3}},
        {{{"a", 0, 1}, {"b", 3, 0}}, 2, {0, 3}, 5, {5, 0}},
        {{{"a", 0, 1}, {"b", 0, 3}}, 2, {4, 0}, 4, {0, 4}}, /* what is there counts */
        {{{"a", 100000, 0}, {"b", 0, 1}}, 2, {0}, 7, {7, 0}},
        {{{"a", 0, 0}, {"b", 0, 0}}, 2, {0}, 7, {0, 0}},
        {{{"a", 2, 0}, {"b", 0, 0}}, 2, {0}, 7, {2, 0}},
        {{{"a", 0, 1000}, {"b", 0, 1}}, 2, {0}, 1001, {1000, 1}},
    };
    for (size_t i = 0; i < SW_ARRAY_LEN(table); i++) {
        const struct row *t = &table[i];
        int got[N_MAX] = {0};
        plan_capacity_split(t->providers, t->n, t->have, t->count, got);
        for (size_t p = 0; p < t->n; p++)
            CHECK_MSG(got[p] == t->want[p], "row %zu: %d tasks of provider %zu, not %d", i, got[p],
                      p, t->want[p]);
    }
}

static uint64_t next(uint64_t *seed)
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    return *seed;
}

static int64_t weights(const struct plan_provider *p, size_t n)
{
    int64_t sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += p[i].weight;
    return sum;
}

/* All are placed, the base is met first, and beyond it nobody gets less than the share rounded down. */
static void check_fresh(const struct plan_provider *p, size_t n, int count, const int *got)
{
    static const int none[N_MAX] = {0};
    int64_t base = 0, sum = 0, all = weights(p, n);
    for (size_t i = 0; i < n; i++) {
        base += p[i].base;
        sum += got[i];
        CHECK(got[i] >= 0);
    }
    CHECK_EQ_INT(sum, count);
    int64_t beyond = SW_MAX(count - base, (int64_t)0);
    for (size_t i = 0; i < n && all > 0; i++) {
        int64_t extra = SW_MAX(got[i] - p[i].base, (int64_t)0);
        CHECK(beyond == 0 || got[i] >= p[i].base);
        CHECK(extra >= beyond * p[i].weight / all);
        CHECK(p[i].weight > 0 || extra == 0 || n == 1);
        if (beyond % all == 0)
            CHECK_EQ_INT(extra, beyond * p[i].weight / all);
    }
    CHECK(plan_capacity_next(p, n, none) < n);
}

TEST(random_strategies_keep_their_promises)
{
    uint64_t seed = 88172645463325252ull;
    for (int round = 0; round < 20000; round++) {
        struct plan_provider p[N_MAX] = {{NULL, 0, 0}};
        size_t n = 1 + next(&seed) % N_MAX;
        for (size_t i = 0; i < n; i++)
            p[i] = (struct plan_provider){"p", next(&seed) % 4 ? 0 : (int64_t)(next(&seed) % 5),
                                          (int64_t)(next(&seed) % 7)};
        p[next(&seed) % n].weight += n > 1;
        int count = 1 + (int)(next(&seed) % 60), got[N_MAX], none[N_MAX] = {0};
        plan_capacity_split(p, n, none, count, got);
        check_fresh(p, n, count, got);
        /* One by one is the same as at once, and what is added later does not change what was there. */
        int first = (int)(next(&seed) % (uint64_t)(count + 1)), some[N_MAX], rest[N_MAX];
        plan_capacity_split(p, n, none, first, some);
        plan_capacity_split(p, n, some, count - first, rest);
        for (size_t i = 0; i < n; i++)
            CHECK_EQ_INT(some[i] + rest[i], got[i]);
    }
}
