/* SPDX-License-Identifier: Apache-2.0 */
#include "launcher/plan/plan_capacity.h"

#include <assert.h>

#include "base/macros.h"

static int64_t weight_of(const struct plan_provider *p, size_t n)
{
    return n == 1 && p->weight == 0 ? 1 : p->weight;
}

static int64_t beyond_base(const struct plan_provider *p, int have)
{
    return SW_MAX(have - p->base, (int64_t)0);
}

size_t plan_capacity_next(const struct plan_provider *providers, size_t n, const int *have)
{
    size_t best = n;
    int64_t best_next = 0, best_weight = 0;
    for (size_t i = 0; i < n; i++) {
        if (have[i] < providers[i].base)
            return i;
    }
    for (size_t i = 0; i < n; i++) {
        int64_t weight = weight_of(&providers[i], n);
        int64_t next = beyond_base(&providers[i], have[i]) + 1;
        if (weight == 0 || (best < n && next * best_weight >= best_next * weight))
            continue;
        best = i;
        best_next = next;
        best_weight = weight;
    }
    return best;
}

void plan_capacity_split(const struct plan_provider *providers, size_t n, const int *have,
                         int count, int *ret)
{
    int there[PLAN_PROVIDERS_MAX];
    assert(n <= PLAN_PROVIDERS_MAX);
    for (size_t i = 0; i < n; i++) {
        there[i] = have[i];
        ret[i] = 0;
    }
    for (int k = 0; k < count; k++) {
        size_t i = plan_capacity_next(providers, n, there);
        if (i == n)
            return;
        there[i]++;
        ret[i]++;
    }
}
