/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* base/arena.h - small allocations that are given back together.
 * Owns: every piece it handed out; they die with sw_arena_done, never before, so results of a computation can point at each other.
 * Promise: memory is zeroed and aligned for any type; aborts on no memory, as base/alloc.h does: only for sizes that we choose.
 * Threads: one at a time. `struct sw_arena a = {0};` is an empty one. */
#include <stdarg.h>
#include <stddef.h>

#include "base/str.h"

struct sw_arena_block;
struct sw_arena {
    struct sw_arena_block *blocks;
    size_t used; /* of the newest block */
};

/* n elements of that size, zeroed; never NULL, also for n = 0. */
void *sw_arena_alloc(struct sw_arena *a, size_t n, size_t size)
    __attribute__((malloc, warn_unused_result));
char *sw_arena_str(struct sw_arena *a, struct sw_str s) __attribute__((warn_unused_result));
char *sw_arena_printf(struct sw_arena *a, const char *fmt, ...)
    __attribute__((format(printf, 2, 3), warn_unused_result));
void sw_arena_done(struct sw_arena *a); /* empty again, usable again */

#define SW_ARENA_NEW(a, type, n) ((type *)sw_arena_alloc((a), (n), sizeof(type)))
#define sw_autoarena             __attribute__((cleanup(sw_arena_done))) struct sw_arena
