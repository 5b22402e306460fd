/* SPDX-License-Identifier: Apache-2.0 */
#include "base/metric.h"

#include <inttypes.h>

#include "base/macros.h"

static const struct bound {
    int64_t us;
    const char *text; /* in seconds, as the label says it */
} bounds[SW_HISTOGRAM_BUCKETS - 1] = {
    {500, "0.0005"},  {1000, "0.001"},  {2500, "0.0025"}, {5000, "0.005"},
    {10000, "0.01"},  {25000, "0.025"}, {50000, "0.05"},  {100000, "0.1"},
    {250000, "0.25"}, {500000, "0.5"},  {1000000, "1"},   {2500000, "2.5"},
    {5000000, "5"},   {10000000, "10"}, {30000000, "30"}, {60000000, "60"},
};

static unsigned my_shard(void)
{
    static atomic_uint next;
    static _Thread_local unsigned mine; /* 0: not chosen yet */

    if (!mine)
        mine = atomic_fetch_add_explicit(&next, 1, memory_order_relaxed) % SW_METRIC_SHARDS + 1;
    return mine - 1;
}

static uint64_t load(const _Atomic uint64_t *n)
{
    return atomic_load_explicit(n, memory_order_relaxed);
}

static void add(_Atomic uint64_t *to, uint64_t n)
{
    atomic_fetch_add_explicit(to, n, memory_order_relaxed);
}

void sw_counter_add(struct sw_counter *c, uint64_t n)
{
    add(&c->shard[my_shard()].n, n);
}

uint64_t sw_counter_get(const struct sw_counter *c)
{
    uint64_t sum = 0;

    for (size_t i = 0; i < SW_METRIC_SHARDS; i++)
        sum += load(&c->shard[i].n);
    return sum;
}

void sw_histogram_observe(struct sw_histogram *h, int64_t duration_us)
{
    unsigned shard = my_shard();
    size_t i = 0;

    while (i < SW_ARRAY_LEN(bounds) && duration_us > bounds[i].us)
        i++;
    add(&h->shard[shard].bucket[i], 1);
    add(&h->shard[shard].sum_us, (uint64_t)SW_MAX(duration_us, 0));
}

void sw_histogram_add_to(const struct sw_histogram *h, struct sw_histogram_sum *sum)
{
    for (size_t s = 0; s < SW_METRIC_SHARDS; s++) {
        for (size_t i = 0; i < SW_HISTOGRAM_BUCKETS; i++)
            sum->bucket[i] += load(&h->shard[s].bucket[i]);
        sum->sum_us += load(&h->shard[s].sum_us);
    }
}

uint64_t sw_histogram_count(const struct sw_histogram_sum *sum)
{
    uint64_t n = 0;

    for (size_t i = 0; i < SW_HISTOGRAM_BUCKETS; i++)
        n += sum->bucket[i];
    return n;
}

void sw_metric_head(struct sw_buf *b, const char *name, const char *type, const char *help)
{
    sw_buf_addf(b, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void add_escaped(struct sw_buf *b, const char *value)
{
    for (const char *p = value; *p; p++) {
        if (*p == '\n')
            sw_buf_add_z(b, "\\n");
        else if (*p == '"' || *p == '\\')
            (void)(sw_buf_add_char(b, '\\') && sw_buf_add_char(b, *p));
        else
            sw_buf_add_char(b, *p);
    }
}

/* {a="1",b="2",le="x"}; nothing when there are none. */
static void add_labels(struct sw_buf *b, const struct sw_label *labels, size_t n, const char *le)
{
    const char *before = "{";

    for (size_t i = 0; i < n; i++, before = ",") {
        sw_buf_addf(b, "%s%s=\"", before, labels[i].name);
        add_escaped(b, labels[i].value);
        sw_buf_add_char(b, '"');
    }
    if (le) {
        sw_buf_addf(b, "%sle=\"%s\"", before, le);
        before = ",";
    }
    if (*before == ',')
        sw_buf_add_char(b, '}');
}

static void add_sample(struct sw_buf *b, const char *name, const char *suffix,
                       const struct sw_label *labels, size_t n, const char *le, uint64_t value)
{
    sw_buf_addf(b, "%s%s", name, suffix);
    add_labels(b, labels, n, le);
    sw_buf_addf(b, " %" PRIu64 "\n", value);
}

static void add_seconds(struct sw_buf *b, int64_t us)
{
    uint64_t magnitude = us < 0 ? 0 - (uint64_t)us : (uint64_t)us;

    sw_buf_addf(b, " %s%" PRIu64 ".%06" PRIu64 "\n", us < 0 ? "-" : "", magnitude / 1000000,
                magnitude % 1000000);
}

void sw_metric_value(struct sw_buf *b, const char *name, const struct sw_label *labels, size_t n,
                     uint64_t value)
{
    add_sample(b, name, "", labels, n, NULL, value);
}

void sw_metric_seconds(struct sw_buf *b, const char *name, const struct sw_label *labels, size_t n,
                       int64_t value_us)
{
    sw_buf_add_z(b, name);
    add_labels(b, labels, n, NULL);
    add_seconds(b, value_us);
}

void sw_metric_histogram(struct sw_buf *b, const char *name, const struct sw_label *labels,
                         size_t n, const struct sw_histogram_sum *sum)
{
    uint64_t below = 0;

    for (size_t i = 0; i < SW_ARRAY_LEN(bounds); i++) {
        below += sum->bucket[i];
        add_sample(b, name, "_bucket", labels, n, bounds[i].text, below);
    }
    uint64_t count = sw_histogram_count(sum);
    add_sample(b, name, "_bucket", labels, n, "+Inf", count);
    sw_buf_addf(b, "%s_sum", name);
    add_labels(b, labels, n, NULL);
    add_seconds(b, (int64_t)sum->sum_us);
    add_sample(b, name, "_count", labels, n, NULL, count);
}

void sw_metric_one(struct sw_buf *b, const char *name, const char *type, const char *help,
                   uint64_t value)
{
    sw_metric_head(b, name, type, help);
    sw_metric_value(b, name, NULL, 0, value);
}
