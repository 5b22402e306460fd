/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* base/pool.h - a bounded pool of worker threads with one queue.
 * Threads start on demand up to the maximum. Jobs run in the order given, each on some thread. */
#include <stddef.h>

typedef void (*sw_job_fn)(void *arg);

struct sw_pool;
struct sw_pool *sw_pool_new(size_t threads_max, const char *name);
void sw_pool_submit(struct sw_pool *p, sw_job_fn fn, void *arg); /* never blocks */
size_t sw_pool_backlog(struct sw_pool *p);
void sw_pool_free(struct sw_pool *p); /* runs what is queued, then joins */
