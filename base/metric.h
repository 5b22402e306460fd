/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* base/metric.h - counters and histograms that many threads raise at once, and the Prometheus text form (version 0.0.4).
 * Promise: raising one never blocks, never allocates and touches a cache line that few other threads write: each thread has one
 * of SW_METRIC_SHARDS. Reading adds the shards up; a reading beside writers may miss what is being added at that moment, and
 * never goes back. Zeroed memory is a valid counter or histogram.
 * Threads: shared freely. The text writers are pure. */
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

#define SW_METRIC_SHARDS 8

struct sw_counter {
    struct {
        _Alignas(64) _Atomic uint64_t n;
    } shard[SW_METRIC_SHARDS];
};
void sw_counter_add(struct sw_counter *c, uint64_t n);
uint64_t sw_counter_get(const struct sw_counter *c);

/* Durations in fixed buckets: 0.5, 1, 2.5, 5, 10, 25, 50, 100, 250, 500 ms, 1, 2.5, 5, 10, 30, 60 s, and beyond. */
#define SW_HISTOGRAM_BUCKETS 17

struct sw_histogram {
    struct {
        _Alignas(64) _Atomic uint64_t bucket[SW_HISTOGRAM_BUCKETS];
        _Atomic uint64_t sum_us;
    } shard[SW_METRIC_SHARDS];
};
/* A duration on a bound belongs below it; a negative one (the clock was set back) counts as 0. */
void sw_histogram_observe(struct sw_histogram *h, int64_t duration_us);

struct sw_histogram_sum {
    uint64_t bucket[SW_HISTOGRAM_BUCKETS]; /* each by itself, not cumulative */
    uint64_t sum_us;
};
/* Adds to *sum: histograms of several series make one. */
void sw_histogram_add_to(const struct sw_histogram *h, struct sw_histogram_sum *sum);
uint64_t sw_histogram_count(const struct sw_histogram_sum *sum);

/* Text. A family's samples must follow its head without others in between. Names and label names are ours, help is one line;
 * label values may be anything and are escaped. */
struct sw_label {
    const char *name, *value;
};
void sw_metric_head(struct sw_buf *b, const char *name, const char *type, const char *help);
void sw_metric_value(struct sw_buf *b, const char *name, const struct sw_label *labels, size_t n,
                     uint64_t value);
/* Microseconds, written as seconds. */
void sw_metric_seconds(struct sw_buf *b, const char *name, const struct sw_label *labels, size_t n,
                       int64_t value_us);
/* Cumulative buckets with their bounds, the sum in seconds, the count. */
void sw_metric_histogram(struct sw_buf *b, const char *name, const struct sw_label *labels,
                         size_t n, const struct sw_histogram_sum *sum);
/* Head and the only sample of a family. */
void sw_metric_one(struct sw_buf *b, const char *name, const char *type, const char *help,
                   uint64_t value);
