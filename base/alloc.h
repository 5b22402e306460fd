/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* base/alloc.h - small allocations that abort instead of failing.
 * For sizes that we choose. Anything sized by a peer goes through struct sw_buf, whose maximum is
 * required. */
#include <stdarg.h>
#include <stddef.h>

void *sw_malloc(size_t n) __attribute__((malloc, warn_unused_result));
void *sw_calloc(size_t n, size_t size)
    __attribute__((malloc, warn_unused_result)); /* zeroed; checks overflow */
void *sw_realloc_array(void *p, size_t n, size_t size) __attribute__((warn_unused_result));
char *sw_strdup(const char *s) __attribute__((malloc, warn_unused_result));
char *sw_strdup_or_null(const char *s) __attribute__((warn_unused_result)); /* NULL in, NULL out */
char *sw_strndup(const char *s, size_t n) __attribute__((malloc, warn_unused_result));
char *sw_asprintf(const char *fmt, ...)
    __attribute__((format(printf, 1, 2), malloc, warn_unused_result));
char *sw_vasprintf(const char *fmt, va_list ap)
    __attribute__((format(printf, 1, 0), malloc, warn_unused_result));

#define SW_NEW(type) ((type *)sw_calloc(1, sizeof(type)))
