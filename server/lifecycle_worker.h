/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* server/lifecycle_worker.h - a thread that computes lifecycle previews, runs policies when they are due, and writes down pulls. Not the
 * maintenance thread: a client that waits for a preview must not wait for a check of the whole store.
 * Threads: start and stop from one; the rest happens on its own. */
#include "registry/core/lifecycle_run.h"

struct lifecycle_worker;

struct lifecycle_worker_options {
    struct registry *registry;
    struct image_holders holders;
    int64_t delay_ms;    /* from a put to the first run */
    int64_t interval_ms; /* between runs */
    /* The server's own action, for the audit log. */
    void (*did)(void *ctx, const char *action, const char *resource, const char *why);
    void *ctx;
};

/* Sets the registry's lifecycle hooks; before requests are answered. */
int lifecycle_worker_start(const struct lifecycle_worker_options *o, struct lifecycle_worker **ret,
                           struct sw_err *err);
void lifecycle_worker_stop(
    struct lifecycle_worker *w); /* NULL ok; writes down the pulls that wait */
