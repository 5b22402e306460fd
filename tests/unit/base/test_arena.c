/* SPDX-License-Identifier: Apache-2.0 */
#include "base/arena.h"

#include <stdint.h>

#include "tests/lib/test.h"

TEST(pieces_are_zeroed_aligned_and_apart)
{
    sw_autoarena a = {0};
    unsigned char *last = NULL;
    for (size_t n = 0; n < 3000; n += 7) {
        unsigned char *p = sw_arena_alloc(&a, n, 1);
        CHECK_NOT_NULL(p);
        CHECK_EQ_UINT((uintptr_t)p % _Alignof(max_align_t), 0);
        for (size_t i = 0; i < n; i++)
            CHECK_EQ_INT(p[i], 0);
        memset(p, 0xaa, n);
        CHECK(p != last);
        last = p;
    }
}

TEST(one_piece_may_be_larger_than_a_block)
{
    sw_autoarena a = {0};
    char *small = sw_arena_str(&a, SW_STR("small"));
    uint64_t *big = SW_ARENA_NEW(&a, uint64_t, 100000);
    big[99999] = 1;
    CHECK_EQ_UINT(big[0], 0);
    CHECK_EQ_STR(sw_arena_printf(&a, "%s %d", small, 7), "small 7");
    CHECK_EQ_STR(small, "small");
}

TEST(is_usable_again_when_done)
{
    struct sw_arena a = {0};
    sw_arena_done(&a);
    CHECK_EQ_STR(sw_arena_str(&a, sw_str(NULL)), "");
    sw_arena_done(&a);
    CHECK_EQ_STR(sw_arena_str(&a, SW_STR("x")), "x");
    sw_arena_done(&a);
    CHECK_NULL(a.blocks);
}
