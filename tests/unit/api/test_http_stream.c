/* SPDX-License-Identifier: Apache-2.0 */
#include <pthread.h>

#include "api/http.h"
#include "base/clock.h"
#include "tests/lib/test.h"

static int sleeps, wakes;

static void on_sleep(void *ctx)
{
    (void)ctx;
    sleeps++;
}

static void on_wake(void *ctx)
{
    (void)ctx;
    wakes++;
}

static const struct http_stream_reader reader = {on_sleep, on_wake, NULL};

TEST(bytes_wait_for_the_reader_and_the_reader_for_bytes)
{
    struct sw_err err = SW_ERR_INIT;
    char out[16];
    struct http_stream *s = http_stream_new(8);
    http_stream_ref(s);
    CHECK_EQ_INT(http_stream_read(s, out, sizeof out, &reader), 0);
    CHECK_EQ_INT(sleeps, 1);
    CHECK_OK(http_stream_write(s, "hello", 5, &err));
    CHECK_EQ_INT(wakes, 1);
    CHECK_EQ_INT(http_stream_write(s, "more", 4, &err), SW_ELIMIT);
    sw_err_clear(&err);
    CHECK_EQ_INT(http_stream_read(s, out, 3, &reader), 3);
    CHECK_OK(http_stream_write(s, "!", 1, &err));
    CHECK_EQ_INT(http_stream_read(s, out, sizeof out, &reader), 3);
    CHECK(memcmp(out, "lo!", 3) == 0);
    CHECK_EQ_INT(http_stream_read(s, out, sizeof out, &reader), 0);
    http_stream_end(s);
    CHECK_EQ_INT(wakes, 2);
    CHECK_EQ_INT(http_stream_read(s, out, sizeof out, &reader), -1);
    http_stream_unref(s);
}

TEST(a_reader_that_is_always_behind_loses_nothing)
{
    struct sw_err err = SW_ERR_INIT;
    char out[16] = "";
    struct http_stream *s = http_stream_new(8);
    http_stream_ref(s);
    CHECK_OK(http_stream_write(s, "0123", 4, &err));
    for (int i = 0; i < 100; i++) {
        CHECK_OK(http_stream_write(s, "4567", 4, &err));
        CHECK_EQ_INT(http_stream_read(s, out, 4, &reader), 4);
        CHECK(memcmp(out, "0123", 4) == 0);
        CHECK_OK(http_stream_write(s, "0123", 4, &err));
        CHECK_EQ_INT(http_stream_read(s, out, 4, &reader), 4);
        CHECK(memcmp(out, "4567", 4) == 0);
    }
    http_stream_end(s);
    CHECK_EQ_INT(http_stream_read(s, out, sizeof out, &reader), 4);
    CHECK_EQ_INT(http_stream_read(s, out, sizeof out, &reader), -1);
    http_stream_unref(s);
}

TEST(a_writer_learns_that_the_reader_has_gone)
{
    struct sw_err err = SW_ERR_INIT;
    struct http_stream *s = http_stream_new(8);
    http_stream_ref(s);
    http_stream_unref(s);
    CHECK_EQ_INT(http_stream_write(s, "x", 1, &err), SW_EUNAVAILABLE);
    http_stream_end(s);
}

static void *write_many(void *arg)
{
    for (int i = 0; i < 20000; i++) {
        struct sw_err err = SW_ERR_INIT;
        while (http_stream_write(arg, "0123456789", 10, &err) == SW_ELIMIT)
            sw_err_clear(&err);
    }
    http_stream_end(arg);
    return NULL;
}

TEST(a_thread_writes_and_another_reads)
{
    char out[64];
    size_t total = 0;
    pthread_t writer;
    struct http_stream *s = http_stream_new(100);
    http_stream_ref(s);
    CHECK_EQ_INT(pthread_create(&writer, NULL, write_many, s), 0);
    for (ssize_t n; (n = http_stream_read(s, out, sizeof out, &reader)) >= 0;)
        total += (size_t)n;
    CHECK_EQ_INT(total, 200000);
    pthread_join(writer, NULL);
    http_stream_unref(s);
}
