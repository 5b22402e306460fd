/* SPDX-License-Identifier: Apache-2.0 */
#include "base/gate.h"

#include <malloc.h>

void sw_gate_enter(struct sw_gate *g)
{
    pthread_mutex_lock(&g->lock);
    while (g->places == 0)
        pthread_cond_wait(&g->left, &g->lock);
    g->places--;
    pthread_mutex_unlock(&g->lock);
}

void sw_gate_leave(struct sw_gate *g)
{
    (void)malloc_trim(0);
    pthread_mutex_lock(&g->lock);
    g->places++;
    pthread_cond_signal(&g->left);
    pthread_mutex_unlock(&g->lock);
}
