/* SPDX-License-Identifier: Apache-2.0 */
#include "base/alloc.h"

#include <stdlib.h>

#include "base/macros.h"
#include "tests/lib/test.h"

TEST(zero_sized_requests_give_a_pointer)
{
    sw_autofree char *a = sw_malloc(0);
    sw_autofree char *b = sw_calloc(0, 8);
    sw_autofree char *c = sw_realloc_array(NULL, 0, 4);

    CHECK_NOT_NULL(a);
    CHECK_NOT_NULL(b);
    CHECK_NOT_NULL(c);
}

TEST(calloc_zeroes)
{
    sw_autofree unsigned char *p = sw_calloc(100, 3);

    for (int i = 0; i < 300; i++)
        CHECK_EQ_INT(p[i], 0);
}

TEST(realloc_array_keeps_content)
{
    int *p = sw_realloc_array(NULL, 1, sizeof(int));

    p[0] = 42;
    p = sw_realloc_array(p, 1000, sizeof(int));
    CHECK_EQ_INT(p[0], 42);
    free(p);
}

TEST(strings_are_copied)
{
    sw_autofree char *a = sw_strdup("abc");
    sw_autofree char *b = sw_strndup("abcdef", 3);
    sw_autofree char *c = sw_strndup("ab", 10);
    sw_autofree char *d = sw_strdup_or_null(NULL);
    sw_autofree char *e = sw_strdup_or_null("x");
    sw_autofree char *f = sw_asprintf("%s-%d", "a", 7);

    CHECK_EQ_STR(a, "abc");
    CHECK_EQ_STR(b, "abc");
    CHECK_EQ_STR(c, "ab");
    CHECK_NULL(d);
    CHECK_EQ_STR(e, "x");
    CHECK_EQ_STR(f, "a-7");
}

TEST(take_moves_ownership)
{
    sw_autofree char *a = sw_strdup("abc");
    sw_autofree char *b = SW_TAKE(a);
    int fd = 5, taken = SW_TAKE_FD(fd);

    CHECK_NULL(a);
    CHECK_EQ_STR(b, "abc");
    CHECK_EQ_INT(fd, -1);
    CHECK_EQ_INT(taken, 5);
}
