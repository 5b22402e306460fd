/* SPDX-License-Identifier: Apache-2.0 */
#include "base/arena.h"

#include <assert.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/macros.h"

/* Blocks double, so that an arena that lives long with little in it, a compiled policy, is small. */
#define BLOCK_FIRST ((size_t)1024)
#define BLOCK_MOST  ((size_t)16 * 1024)

struct sw_arena_block {
    struct sw_arena_block *next;
    size_t cap;
    _Alignas(max_align_t) unsigned char bytes[];
};

static size_t rounded(size_t n)
{
    const size_t unit = _Alignof(max_align_t);
    return (n + unit - 1) / unit * unit;
}

void *sw_arena_alloc(struct sw_arena *a, size_t n, size_t size)
{
    assert(size == 0 || n < SIZE_MAX / 2 / size);
    size_t need = rounded(n * size + 1);
    if (!a->blocks || a->blocks->cap - a->used < need) {
        size_t usual = a->blocks ? SW_MIN(a->blocks->cap * 2, BLOCK_MOST) : BLOCK_FIRST;
        size_t cap = SW_MAX(need, usual);
        struct sw_arena_block *b = sw_calloc(1, sizeof *b + cap);
        b->cap = cap;
        b->next = a->blocks;
        a->blocks = b;
        a->used = 0;
    }
    void *p = a->blocks->bytes + a->used;
    a->used += need;
    return p;
}

char *sw_arena_str(struct sw_arena *a, struct sw_str s)
{
    char *p = sw_arena_alloc(a, s.n + 1, 1);
    if (s.n > 0)
        memcpy(p, s.p, s.n);
    return p;
}

char *sw_arena_printf(struct sw_arena *a, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    char *text = sw_vasprintf(fmt, ap);
    va_end(ap);
    char *p = sw_arena_str(a, sw_str(text));
    free(text);
    return p;
}

void sw_arena_done(struct sw_arena *a)
{
    while (a->blocks) {
        struct sw_arena_block *next = a->blocks->next;
        free(a->blocks);
        a->blocks = next;
    }
    a->used = 0;
}
