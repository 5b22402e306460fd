/* SPDX-License-Identifier: Apache-2.0 */
#include "auth/strmap.h"

#include <stdio.h>

#include "base/macros.h"
#include "tests/lib/test.h"

static void count(void *ctx, void *value)
{
    *(size_t *)ctx += *(int *)value ? 1U : 0U;
}

TEST(finds_what_was_put_and_nothing_else)
{
    SW_CLEANUP(strmap_done) struct strmap m = {0};
    int one = 1, two = 2;

    CHECK_NULL(strmap_get(&m, "a"));
    CHECK_NULL(strmap_remove(&m, "a"));
    strmap_put(&m, "a", &one);
    strmap_put(&m, "", &two);
    CHECK(strmap_get(&m, "a") == &one);
    CHECK(strmap_get(&m, "") == &two);
    CHECK_NULL(strmap_get(&m, "aa"));
    strmap_put(&m, "a", &two);
    CHECK(strmap_get(&m, "a") == &two);
    CHECK_EQ_UINT(m.n, 2);
    CHECK(strmap_remove(&m, "a") == &two);
    CHECK_NULL(strmap_get(&m, "a"));
    CHECK_EQ_UINT(m.n, 1);
}

TEST(grows_and_keeps_all)
{
    SW_CLEANUP(strmap_done) struct strmap m = {0};
    static int values[5000];
    size_t seen = 0;
    char key[32];

    for (int i = 0; i < 5000; i++) {
        values[i] = i + 1;
        (void)snprintf(key, sizeof(key), "key%d", i);
        strmap_put(&m, key, &values[i]);
    }
    for (int i = 0; i < 5000; i += 2) {
        (void)snprintf(key, sizeof(key), "key%d", i);
        CHECK(strmap_remove(&m, key) == &values[i]);
    }
    for (int i = 0; i < 5000; i++) {
        (void)snprintf(key, sizeof(key), "key%d", i);
        CHECK(strmap_get(&m, key) == (i % 2 ? &values[i] : NULL));
    }
    strmap_each(&m, count, &seen);
    CHECK_EQ_UINT(seen, 2500);
}
