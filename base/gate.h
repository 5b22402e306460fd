/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* base/gate.h - of what takes much memory, a few at once; who comes next waits, in no particular order.
 * Leaving gives freed memory back to the system first: what was a hundred thousand small pieces stays with the arena of the thread that
 * freed them otherwise, and each thread has one.
 * A thread may hold places of two gates only if all do so in the same order, and never two of one.
 * Threads: shared freely; a place may be left by another thread. */
#include <pthread.h>

struct sw_gate {
    pthread_mutex_t lock;
    pthread_cond_t left;
    unsigned places; /* free ones */
};

#define SW_GATE_INIT(n)                                          \
    {                                                            \
        PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, (n) \
    }

void sw_gate_enter(struct sw_gate *g);
void sw_gate_leave(struct sw_gate *g);
