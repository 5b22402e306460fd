/* SPDX-License-Identifier: Apache-2.0 */
#include "base/alloc.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/macros.h"

static void out_of_memory(void) __attribute__((noreturn));
static void out_of_memory(void)
{
    static const char text[] = "slipway: out of memory\n";

    ssize_t ignored SW_UNUSED = write(STDERR_FILENO, text, sizeof(text) - 1);
    abort();
}

static void *checked(void *p)
{
    if (!p)
        out_of_memory();
    return p;
}

void *sw_malloc(size_t n)
{
    return checked(malloc(n ? n : 1));
}

void *sw_calloc(size_t n, size_t size)
{
    return checked(calloc(n ? n : 1, size ? size : 1));
}

void *sw_realloc_array(void *p, size_t n, size_t size)
{
    if (n == 0 || size == 0)
        n = size = 1;
    return checked(reallocarray(p, n, size));
}

char *sw_strndup(const char *s, size_t n)
{
    size_t len = strnlen(s, n);

    if (len == SIZE_MAX)
        out_of_memory();
    char *copy = sw_malloc(len + 1);
    memcpy(copy, s, len);
    copy[len] = 0;
    return copy;
}

char *sw_strdup(const char *s)
{
    return sw_strndup(s, SIZE_MAX);
}

char *sw_strdup_or_null(const char *s)
{
    return s ? sw_strdup(s) : NULL;
}

char *sw_vasprintf(const char *fmt, va_list ap)
{
    char *s = NULL;

    if (vasprintf(&s, fmt, ap) < 0)
        out_of_memory();
    return s;
}

char *sw_asprintf(const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    char *s = sw_vasprintf(fmt, ap);
    va_end(ap);
    return s;
}
