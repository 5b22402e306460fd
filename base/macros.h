/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* base/macros.h - cleanup attributes and small helpers. No state, no functions with effects but
 * close and free. */
#include <stddef.h>
#include <stdlib.h>
#include <unistd.h>

#define SW_CLEANUP(fn)                     __attribute__((cleanup(fn)))
#define SW_ARRAY_LEN(a)                    (sizeof(a) / sizeof((a)[0]))
#define SW_MIN(a, b)                       ((a) < (b) ? (a) : (b))
#define SW_MAX(a, b)                       ((a) > (b) ? (a) : (b))
#define SW_UNUSED                          __attribute__((unused))
#define SW_CONTAINER_OF(ptr, type, member) ((type *)((char *)(ptr)-offsetof(type, member)))

/* Hands over a pointer or descriptor that a cleanup attribute guards. */
#define SW_TAKE(p)                     \
    __extension__({                    \
        __typeof__(p) sw_taken_ = (p); \
        (p) = NULL;                    \
        sw_taken_;                     \
    })
#define SW_TAKE_FD(fd)        \
    __extension__({           \
        int sw_taken_ = (fd); \
        (fd) = -1;            \
        sw_taken_;            \
    })

static inline void sw_freep(void *p)
{
    free(*(void **)p);
}

static inline void sw_closep(int *fd)
{
    if (*fd >= 0)
        (void)close(*fd);
}

/* `sw_autofree char *s = NULL;` is freed at the end of its scope; `sw_autoclose int fd = -1;` is
 * closed. */
#define sw_autofree  SW_CLEANUP(sw_freep)
#define sw_autoclose SW_CLEANUP(sw_closep)
