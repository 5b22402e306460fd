/* SPDX-License-Identifier: Apache-2.0 */
#include "server/request_stats.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/macros.h"
#include "tests/lib/test.h"

#define THREADS 8
#define TIMES   3000

static char *text_of(const struct request_stats *s)
{
    struct sw_buf b = SW_BUF_INIT(16 * 1024 * 1024);
    request_stats_text(s, &b);
    CHECK(!b.overflow);
    return sw_buf_take(&b);
}

TEST(requests_are_told_apart_by_route_method_and_status)
{
    struct request_stats *s = request_stats_new();
    char copy[] = "oci.blob"; /* the same text elsewhere is the same route */

    request_stats_count(s, "oci.blob", HTTP_GET, 200, 0, 1000, 400);
    request_stats_count(s, copy, HTTP_GET, 200, 0, 500, 700);
    request_stats_count(s, "oci.blob", HTTP_GET, 404, 7, 10, 90000000);
    request_stats_count(s, "oci.blob", HTTP_HEAD, 200, 0, 0, 100);
    request_stats_count(s, NULL, HTTP_OTHER, 405, 0, 0, 1);
    sw_autofree char *text = text_of(s);
    CHECK_CONTAINS(text, "_requests_total{route=\"oci.blob\",method=\"GET\",status=\"200\"} 2\n");
    CHECK_CONTAINS(text, "_requests_total{route=\"oci.blob\",method=\"GET\",status=\"404\"} 1\n");
    CHECK_CONTAINS(text, "_requests_total{route=\"oci.blob\",method=\"HEAD\",status=\"200\"} 1\n");
    CHECK_CONTAINS(text, "_requests_total{route=\"none\",method=\"OTHER\",status=\"405\"} 1\n");
    CHECK_CONTAINS(text, "_duration_seconds_bucket{route=\"oci.blob\",le=\"0.0005\"} 2\n");
    CHECK_CONTAINS(text, "_duration_seconds_bucket{route=\"oci.blob\",le=\"0.001\"} 3\n");
    CHECK_CONTAINS(text, "_duration_seconds_bucket{route=\"oci.blob\",le=\"60\"} 3\n");
    CHECK_CONTAINS(text, "_duration_seconds_count{route=\"oci.blob\"} 4\n");
    CHECK_CONTAINS(text, "_duration_seconds_sum{route=\"oci.blob\"} 90.001200\n");
    CHECK_CONTAINS(text, "slipway_http_received_bytes_total{route=\"oci.blob\"} 7\n");
    CHECK_CONTAINS(text, "slipway_http_sent_bytes_total{route=\"oci.blob\"} 1510\n");
    request_stats_free(s);
    request_stats_free(NULL);
}

static void *count_many(void *arg)
{
    static const char *const routes[] = {"a", "b", "c", "d", "e", "f", "g"};
    for (int i = 0; i < TIMES; i++)
        request_stats_count(arg, routes[i % 7], HTTP_GET, 200 + i % 5, 0, 1, 10);
    return NULL;
}

TEST(threads_that_meet_a_new_series_share_it)
{
    struct request_stats *s = request_stats_new();
    pthread_t t[THREADS];
    uint64_t n = 0, lines = 0;

    for (int i = 0; i < THREADS; i++)
        CHECK(pthread_create(&t[i], NULL, count_many, s) == 0);
    for (int i = 0; i < THREADS; i++)
        CHECK(pthread_join(t[i], NULL) == 0);
    sw_autofree char *text = text_of(s);
    struct sw_str rest = sw_str(text), line;
    while (sw_str_split(&rest, '\n', &line)) {
        if (!sw_str_starts_with(line, "slipway_http_requests_total{"))
            continue;
        uint64_t one = 0;
        const char *blank = memrchr(line.p, ' ', line.n);
        CHECK(blank &&
              sw_parse_u64(sw_str_n(blank + 1, (size_t)(line.p + line.n - blank - 1)), &one));
        n += one;
        lines++;
    }
    CHECK_EQ_UINT(n, THREADS * TIMES);
    CHECK_EQ_UINT(lines, 35);
    request_stats_free(s);
}

TEST(too_many_series_are_counted_together)
{
    struct request_stats *s = request_stats_new();
    for (int i = 0; i < REQUEST_SERIES_MAX + 10; i++)
        request_stats_count(s, "r", HTTP_GET, i, 0, 0, 1);
    request_stats_count(
        s, "a-route-whose-name-is-so-long-that-it-can-only-come-from-a-mistake-of-ours", HTTP_GET,
        200, 0, 0, 1);
    sw_autofree char *text = text_of(s);
    CHECK_CONTAINS(text, "requests_total{route=\"other\",method=\"OTHER\",status=\"0\"} 11\n");
    request_stats_free(s);
}
