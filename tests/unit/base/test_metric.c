/* SPDX-License-Identifier: Apache-2.0 */
#include "base/metric.h"

#include <pthread.h>

#include "base/macros.h"
#include "tests/lib/test.h"

#define THREADS 12 /* more than shards */
#define TIMES   20000

static struct sw_counter counter;
static struct sw_histogram histogram;

static void *raise_both(void *arg)
{
    (void)arg;
    for (int i = 0; i < TIMES; i++) {
        sw_counter_add(&counter, 3);
        sw_histogram_observe(&histogram, i % 2 ? 400 : 2000);
    }
    return NULL;
}

TEST(nothing_is_lost_between_threads)
{
    pthread_t t[THREADS];
    struct sw_histogram_sum sum = {0};

    for (size_t i = 0; i < THREADS; i++)
        CHECK(pthread_create(&t[i], NULL, raise_both, NULL) == 0);
    for (size_t i = 0; i < THREADS; i++)
        CHECK(pthread_join(t[i], NULL) == 0);
    CHECK_EQ_UINT(sw_counter_get(&counter), 3ull * THREADS * TIMES);
    sw_histogram_add_to(&histogram, &sum);
    CHECK_EQ_UINT(sw_histogram_count(&sum), (uint64_t)THREADS * TIMES);
    CHECK_EQ_UINT(sum.bucket[0], (uint64_t)THREADS * TIMES / 2);
    CHECK_EQ_UINT(sum.bucket[2], (uint64_t)THREADS * TIMES / 2);
    CHECK_EQ_UINT(sum.sum_us, 1200ull * THREADS * TIMES);
}

TEST(a_duration_on_a_bound_belongs_below_it)
{
    static const struct {
        int64_t us;
        size_t bucket;
    } rows[] = {
        {INT64_MIN, 0}, {-1, 0},        {0, 0},         {500, 0},         {501, 1},
        {1000, 1},      {1001, 2},      {2500, 2},      {100000, 7},      {100001, 8},
        {1000000, 10},  {60000000, 15}, {60000001, 16}, {3600000000, 16},
    };
    for (size_t i = 0; i < SW_ARRAY_LEN(rows); i++) {
        static struct sw_histogram
            each[SW_ARRAY_LEN(rows)]; /* sanitizers' stacks are not aligned */
        struct sw_histogram_sum sum = {0};
        sw_histogram_observe(&each[i], rows[i].us);
        sw_histogram_add_to(&each[i], &sum);
        CHECK_MSG(sum.bucket[rows[i].bucket] == 1, "row %zu", i);
        CHECK_EQ_UINT(sw_histogram_count(&sum), 1);
        CHECK_EQ_UINT(sum.sum_us, rows[i].us > 0 ? (uint64_t)rows[i].us : 0);
    }
}

TEST(histograms_add_up)
{
    static struct sw_histogram a, b; /* sanitizers' stacks are not aligned */
    struct sw_histogram_sum sum = {0};
    sw_histogram_observe(&a, 100);
    sw_histogram_observe(&b, 200);
    sw_histogram_observe(&b, 90000000);
    sw_histogram_add_to(&a, &sum);
    sw_histogram_add_to(&b, &sum);
    CHECK_EQ_UINT(sum.bucket[0], 2);
    CHECK_EQ_UINT(sum.bucket[SW_HISTOGRAM_BUCKETS - 1], 1);
    CHECK_EQ_UINT(sum.sum_us, 90000300);
}

TEST(values_and_labels_as_text)
{
    SW_CLEANUP(sw_buf_done) struct sw_buf b = SW_BUF_INIT(4096);
    const struct sw_label labels[] = {{"route", "oci.blob"}, {"name", "a\"b\\c\nd"}};

    sw_metric_one(&b, "x_total", "counter", "Things.", 18446744073709551615ull);
    sw_metric_value(&b, "y", labels, 2, 7);
    sw_metric_seconds(&b, "z", labels, 1, 1500000);
    sw_metric_seconds(&b, "z", NULL, 0, -1);
    CHECK_EQ_STR(b.p, "# HELP x_total Things.\n"
                      "# TYPE x_total counter\n"
                      "x_total 18446744073709551615\n"
                      "y{route=\"oci.blob\",name=\"a\\\"b\\\\c\\nd\"} 7\n"
                      "z{route=\"oci.blob\"} 1.500000\n"
                      "z -0.000001\n");
}

TEST(a_histogram_as_text_is_cumulative)
{
    SW_CLEANUP(sw_buf_done) struct sw_buf b = SW_BUF_INIT(8192);
    const struct sw_label label = {"r", "x"};
    struct sw_histogram_sum sum = {.sum_us = 62000600};

    sum.bucket[0] = 2;
    sum.bucket[10] = 1;
    sum.bucket[SW_HISTOGRAM_BUCKETS - 1] = 4;
    sw_metric_histogram(&b, "d_seconds", &label, 1, &sum);
    CHECK_CONTAINS(b.p, "d_seconds_bucket{r=\"x\",le=\"0.0005\"} 2\n");
    CHECK_CONTAINS(b.p, "d_seconds_bucket{r=\"x\",le=\"0.5\"} 2\n");
    CHECK_CONTAINS(b.p, "d_seconds_bucket{r=\"x\",le=\"1\"} 3\n");
    CHECK_CONTAINS(b.p, "d_seconds_bucket{r=\"x\",le=\"60\"} 3\n");
    CHECK_CONTAINS(b.p, "d_seconds_bucket{r=\"x\",le=\"+Inf\"} 7\n");
    CHECK_CONTAINS(b.p, "d_seconds_sum{r=\"x\"} 62.000600\n");
    CHECK_CONTAINS(b.p, "d_seconds_count{r=\"x\"} 7\n");
    sw_buf_reset(&b);
    sw_metric_histogram(&b, "d", NULL, 0, &sum);
    CHECK_CONTAINS(b.p, "d_bucket{le=\"0.0005\"} 2\n");
    CHECK_CONTAINS(b.p, "d_count 7\n");
}
