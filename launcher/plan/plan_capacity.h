/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* launcher/plan/plan_capacity.h - how a capacity provider strategy divides tasks among its providers. Functions of values.
 * First every provider gets its base, in the order of the strategy. What is beyond the bases is divided by weight: each further task goes
 * to the provider that has the fewest of them for its weight, the earlier one of equals; so any number of tasks that is a multiple of the
 * sum of weights is divided exactly, and no provider gets less than its share rounded down. A weight of 0 gets nothing beyond the base,
 * except in a strategy of one provider.
 * Promise: the sum of the answer is count, unless no provider can take any (all weights 0 in a strategy of several). */
#include <stddef.h>
#include <stdint.h>

#define PLAN_PROVIDERS_MAX 20

struct plan_provider {
    const char *name;
    int64_t base, weight;
};

/* ret[i]: how many of `count` more tasks provider i gets, when have[i] are there already. */
void plan_capacity_split(const struct plan_provider *providers, size_t n, const int *have,
                         int count, int *ret);
/* The provider of the next task; n: none can take it. */
size_t plan_capacity_next(const struct plan_provider *providers, size_t n, const int *have);
