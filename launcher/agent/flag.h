/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* launcher/agent/flag.h - a switch that one thread sets and others look at now and then: "give up", "closing". Orders nothing else. */
#include <stdbool.h>

static inline void flag_set(volatile int *f)
{
    __atomic_store_n(f, 1, __ATOMIC_RELAXED);
}

static inline bool flag_is_set(const volatile int *f)
{
    return f && __atomic_load_n(f, __ATOMIC_RELAXED) != 0;
}
