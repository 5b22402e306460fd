/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* server/metrics.h - GET /metrics in the Prometheus text form. Families and their meaning: docs/internals/observability.md.
 * Who may: METRICS_LOCAL answers only peers on a loopback address that do not say they forward for somebody; others get 403.
 * What costs a query (stored bytes, tasks) is kept for ten seconds, and longer when the query takes long: it uses at most a
 * twentieth of one processor, however often somebody asks.
 * Threads: the service runs on workers; metrics_collected from any thread. */
#include <pthread.h>
#include <stdatomic.h>

#include "api/http.h"
#include "launcher/logs/log_store.h"
#include "launcher/service/counts.h"
#include "registry/core/usage.h"
#include "server/observe.h"
#include "storage/blob/blob.h"
#include "storage/meta/meta.h"

#define METRICS_REPOSITORIES_MAX 1000 /* the largest ones */

enum metrics_access { METRICS_NONE, METRICS_LOCAL, METRICS_ALL };

struct metrics_collect {
    _Atomic uint64_t runs, failures, links, blobs, bytes;
    _Atomic int64_t last_end_us, last_duration_us; /* of the last that succeeded */
};

struct metrics_cache {
    pthread_mutex_t lock;
    int64_t until_ms;   /* monotonic; 0: nothing yet */
    struct sw_buf text; /* families that came from queries */
    uint64_t query_failures;
};

struct exec_relay; /* launcher/api/exec_relay.h */

struct metrics {
    /* Borrowed, set before the first request. */
    enum metrics_access access;
    const struct observe *observe;
    struct registry *registry;
    struct launcher *launcher;
    struct log_store *logs;
    struct exec_relay *exec; /* NULL: no streams */
    struct meta_db *db;
    struct blob_store *blobs;
    const char *data_dir;
    /* Its own. */
    struct metrics_collect collect;
    struct metrics_cache cache;
};

void metrics_init(struct metrics *m);
void metrics_done(struct metrics *m);
/* A collection ended; counts NULL: it failed. */
void metrics_collected(struct metrics *m, const struct registry_collect_counts *counts,
                       int64_t duration_us);
/* Takes /metrics, and nothing when access is METRICS_NONE. */
struct http_service metrics_service(struct metrics *m);
