/* SPDX-License-Identifier: Apache-2.0 */
#include "launcher/logs/log_files.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>
#ifdef __SANITIZE_ADDRESS__
size_t __sanitizer_get_current_allocated_bytes(
    void); /* its header is no part of every compiler's package */
#else
#include <malloc.h>
#endif

#include "base/alloc.h"
#include "base/io.h"
#include "base/macros.h"
#include "tests/lib/test.h"

#define G  "00000000000000000000000000000001"
#define S1 "0000000000000000000000000000000a"
#define S2 "0000000000000000000000000000000b"

static int64_t now_value = 1800000000000;

static int64_t now(void)
{
    return now_value;
}

static struct log_files *open_files(int64_t segment, int64_t group_max, int64_t total_max)
{
    struct sw_err err = SW_ERR_INIT;
    struct log_files *f = NULL;
    struct log_files_options o = {.dir = test_path("logs"),
                                  .segment_bytes = segment,
                                  .group_bytes_max = group_max,
                                  .total_bytes_max = total_max,
                                  .now_ms = now};
    CHECK_OK(log_files_open(&o, &f, &err));
    return f;
}

static void put(struct log_files *f, const char *stream, int64_t at, int64_t position,
                const char *text)
{
    struct sw_err err = SW_ERR_INIT;
    struct log_event e = {.timestamp_ms = at, .position = position, .message = sw_str(text)};
    CHECK_OK(log_files_append(f, G, stream, &e, 1, NULL, &err));
}

static bool collect(void *ctx, const struct log_event *e)
{
    struct sw_buf *b = ctx;
    sw_buf_addf(b, "%lld:%.*s ", (long long)e->timestamp_ms, (int)e->message.n, e->message.p);
    return true;
}

/* "TIMESTAMP:MESSAGE " for each event, as stored. */
static char *all(struct log_files *f, const char *stream)
{
    struct sw_err err = SW_ERR_INIT;
    struct log_segment_info *list = NULL;
    size_t n = 0;
    SW_CLEANUP(sw_buf_done) struct sw_buf b = SW_BUF_INIT(1 << 20);
    CHECK_OK(log_files_segments(f, G, stream, &list, &n, &err));
    for (size_t i = 0; i < n; i++)
        CHECK_OK(log_files_read(f, G, stream, &list[i], collect, &b, &err));
    free(list);
    return sw_buf_take(&b);
}

static size_t segments(struct log_files *f, const char *stream)
{
    struct sw_err err = SW_ERR_INIT;
    struct log_segment_info *list = NULL;
    size_t n = 0;
    CHECK_OK(log_files_segments(f, G, stream, &list, &n, &err));
    free(list);
    return n;
}

TEST(events_are_there_again_after_a_restart)
{
    struct log_files *f = open_files(0, 0, 0);
    struct sw_err err = SW_ERR_INIT;
    struct log_files_stat st;
    put(f, S1, 10, -1, "one");
    put(f, S1, 5, -1, "two");
    put(f, S2, 7, -1, "other");
    log_files_free(f);
    f = open_files(0, 0, 0);
    sw_autofree char *got = all(f, S1);
    CHECK_EQ_STR(got, "10:one 5:two ");
    CHECK_OK(log_files_stat(f, G, S1, &st, &err));
    CHECK_EQ_INT(st.first_ms, 5);
    CHECK_EQ_INT(st.last_ms, 10);
    CHECK_EQ_UINT(st.events, 2);
    CHECK_EQ_INT(st.last_ingestion_ms, now_value);
    put(f, S1, 11, -1, "three");
    CHECK_EQ_UINT(segments(f, S1), 1);
    log_files_free(f);
}

/* Whatever length a power cut leaves the last frame at: the batches before it are there, it is not, and appending goes on. */
TEST(a_torn_frame_is_as_if_it_had_never_been)
{
    struct log_files *f = open_files(0, 0, 0);
    const char *path = test_path("logs/" G "/" S1 "/0000000001.log");
    struct stat before, after;
    put(f, S1, 1, 100, "first");
    CHECK_EQ_INT(stat(path, &before), 0);
    put(f, S1, 2, 200, "second");
    CHECK_EQ_INT(stat(path, &after), 0);
    log_files_free(f);
    size_t n = 0;
    char *whole = test_read_file(path, &n);
    CHECK_EQ_INT(n, after.st_size);
    for (off_t cut = before.st_size; cut < after.st_size; cut++) {
        struct sw_err err = SW_ERR_INIT;
        CHECK_OK(sw_write_file_atomic(path, whole, (size_t)cut, 0600, &err));
        f = open_files(0, 0, 0);
        sw_autofree char *got = all(f, S1);
        CHECK_EQ_STR(got, "1:first ");
        put(f, S1, 3, 200, "again");
        put(f, S1, 3, 200, "doubled");
        log_files_free(f);
        f = open_files(0, 0, 0);
        sw_autofree char *then = all(f, S1);
        CHECK_EQ_STR(then, "1:first 3:again ");
        log_files_free(f);
        (void)unlink(test_path("logs/" G "/" S1 "/0000000002.log"));
    }
}

TEST(damage_inside_a_frame_is_found)
{
    struct log_files *f = open_files(0, 0, 0);
    const char *path = test_path("logs/" G "/" S1 "/0000000001.log");
    put(f, S1, 1, -1, "first");
    log_files_free(f);
    size_t n = 0;
    char *whole = test_read_file(path, &n);
    for (size_t i = 0; i < n; i++) {
        struct sw_err err = SW_ERR_INIT;
        sw_autofree char *bad = sw_malloc(n);
        memcpy(bad, whole, n);
        bad[i] = (char)(bad[i] ^ 0x10);
        CHECK_OK(sw_write_file_atomic(path, bad, n, 0600, &err));
        f = open_files(0, 0, 0);
        sw_autofree char *got = all(f, S1);
        /* The last bytes of the header are unused. */
        CHECK_MSG(got[0] == 0 || (i >= 28 && i < 32), "byte %zu", i);
        log_files_free(f);
    }
}

TEST(a_segment_that_was_never_whole_is_removed)
{
    struct sw_err err = SW_ERR_INIT;
    struct log_files *f = open_files(0, 0, 0);
    put(f, S1, 1, -1, "first");
    log_files_free(f);
    CHECK_OK(
        sw_write_file_atomic(test_path("logs/" G "/" S1 "/0000000002.log"), "SWLO", 4, 0600, &err));
    f = open_files(0, 0, 0);
    put(f, S1, 2, -1, "second");
    sw_autofree char *got = all(f, S1);
    CHECK_EQ_STR(got, "1:first 2:second ");
    log_files_free(f);
}

TEST(what_a_source_sent_before_is_left_out)
{
    struct sw_err err = SW_ERR_INIT;
    struct log_files *f = open_files(0, 0, 0);
    struct log_event e[3] = {
        {.timestamp_ms = 1, .position = 10, .message = SW_STR("a")},
        {.timestamp_ms = 2, .position = 20, .message = SW_STR("b")},
        {.timestamp_ms = 3, .position = 30, .message = SW_STR("c")},
    };
    size_t taken = 0;
    int64_t position = 0;
    CHECK_OK(log_files_append(f, G, S1, e, 2, &taken, &err));
    CHECK_EQ_UINT(taken, 2);
    log_files_free(f);
    f = open_files(0, 0, 0);
    CHECK_OK(log_files_append(f, G, S1, e, 3, &taken, &err));
    CHECK_EQ_UINT(taken, 1);
    CHECK_OK(log_files_append(f, G, S1, e, 3, &taken, &err));
    CHECK_EQ_UINT(taken, 0);
    CHECK_OK(log_files_position(f, G, S1, &position, &err));
    CHECK_EQ_INT(position, 30);
    sw_autofree char *got = all(f, S1);
    CHECK_EQ_STR(got, "1:a 2:b 3:c ");
    log_files_free(f);
}

TEST(sealed_segments_are_known_by_their_footer)
{
    struct sw_err err = SW_ERR_INIT;
    struct log_files_stat st;
    struct log_files *f = open_files(100, 0, 0);
    for (int i = 0; i < 20; i++)
        put(f, S1, i, i, "0123456789012345678901234567890123456789");
    CHECK(segments(f, S1) > 5);
    int64_t bytes = log_files_bytes(f);
    log_files_free(f);
    f = open_files(100, 0, 0);
    CHECK_EQ_INT(log_files_bytes(f), bytes);
    CHECK_OK(log_files_stat(f, G, S1, &st, &err));
    CHECK_EQ_UINT(st.events, 20);
    CHECK_EQ_INT(st.bytes, bytes);
    CHECK_EQ_INT(log_files_group_bytes(f, G), bytes);
    log_files_free(f);
}

TEST(retention_takes_whole_segments_and_keeps_the_position)
{
    struct sw_err err = SW_ERR_INIT;
    int64_t position = 0;
    struct log_files *f = open_files(100, 0, 0);
    for (int i = 0; i < 10; i++)
        put(f, S1, i, i + 1, "0123456789012345678901234567890123456789");
    CHECK_OK(log_files_expire(f, G, 5, &err));
    sw_autofree char *got = all(f, S1);
    CHECK(!strstr(got, "3:") && strstr(got, "5:") && strstr(got, "9:"));
    CHECK_OK(log_files_expire(f, G, 100, &err));
    CHECK_OK(log_files_expire(f, G, 100, &err));
    sw_autofree char *none = all(f, S1);
    CHECK_EQ_STR(none, "");
    log_files_free(f);
    f = open_files(100, 0, 0);
    CHECK_OK(log_files_position(f, G, S1, &position, &err));
    CHECK_EQ_INT(position, 10);
    put(f, S1, 4, 10, "old");
    put(f, S1, 4, 11, "new");
    sw_autofree char *then = all(f, S1);
    CHECK_EQ_STR(then, "4:new ");
    log_files_free(f);
}

TEST(a_stream_that_cannot_be_read_keeps_no_other_from_expiring)
{
    struct log_files *f = open_files(100, 0, 0);
    static const char *const streams[] = {S1, S2};
    for (size_t broken = 0; broken < SW_ARRAY_LEN(streams); broken++) {
        struct sw_err err = SW_ERR_INIT;
        const char *other = streams[1 - broken];
        put(f, S1, 1, -1, "old");
        put(f, S2, 1, -1, "old");
        log_files_free(f);
        const char *path = test_path("logs/" G "/%s/0000000001.log", streams[broken]);
        CHECK_EQ_INT(truncate(path, LOG_SEGMENT_FILE_MAX + 1LL), 0);
        f = open_files(100, 0, 0);
        CHECK_ERR(log_files_expire(f, G, 5, &err), SW_EIO, NULL);
        sw_autofree char *left = all(f, other);
        CHECK_EQ_STR(left, "");
        CHECK_EQ_INT(unlink(path), 0);
        log_files_free(f);
        f = open_files(100, 0, 0);
    }
    log_files_free(f);
}

TEST(a_stream_that_cannot_be_read_takes_no_bound_away)
{
    struct log_files *f = open_files(1000, 8000, 0);
    put(f, S1, 1, -1, "damaged later");
    log_files_free(f);
    CHECK_EQ_INT(
        truncate(test_path("logs/" G "/" S1 "/0000000001.log"), LOG_SEGMENT_FILE_MAX + 1LL), 0);
    f = open_files(1000, 8000, 0);
    for (int i = 0; i < 500; i++)
        put(f, S2, i, i, "0123456789012345678901234567890123456789");
    CHECK(log_files_group_bytes(f, G) <= 8000);
    CHECK(segments(f, S2) <= 10);
    log_files_free(f);
}

TEST(a_noisy_stream_loses_its_oldest_and_its_neighbour_nothing)
{
    struct log_files *f = open_files(1000, 8000, 0);
    put(f, S2, 1, -1, "quiet");
    for (int i = 0; i < 1000; i++) {
        put(f, S1, i, i, "0123456789012345678901234567890123456789");
        CHECK(log_files_group_bytes(f, G) <= 8000);
    }
    sw_autofree char *quiet = all(f, S2);
    CHECK_EQ_STR(quiet, "1:quiet ");
    sw_autofree char *noisy = all(f, S1);
    CHECK(!strstr(noisy, " 10:") && strstr(noisy, "999:"));
    log_files_free(f);
}

TEST(the_total_is_bounded_too)
{
    struct log_files *f = open_files(1000, 0, 5000);
    for (int i = 0; i < 300; i++) {
        put(f, i % 2 ? S1 : S2, i, -1, "0123456789012345678901234567890123456789");
        CHECK(log_files_bytes(f) <= 5000);
    }
    log_files_free(f);
}

static bool is_known; /* by the rows of this test */

static bool exists(void *ctx, const char *group, const char *stream)
{
    (void)ctx, (void)group, (void)stream;
    return is_known;
}

TEST(what_was_removed_takes_no_more)
{
    struct sw_err err = SW_ERR_INIT;
    struct log_event e = {.position = -1, .message = SW_STR("x")};
    struct log_files *f = NULL;
    struct log_files_options o = {.dir = test_path("logs"), .exists = exists, .now_ms = now};
    is_known = true;
    CHECK_OK(log_files_open(&o, &f, &err));
    put(f, S1, 1, -1, "one");
    put(f, S2, 1, -1, "one");
    is_known = false;
    CHECK_OK(log_files_remove_stream(f, G, S1, &err));
    CHECK_ERR(log_files_append(f, G, S1, &e, 1, NULL, &err), SW_ENOTFOUND,
              "ResourceNotFoundException");
    sw_err_clear(&err);
    CHECK(!sw_path_exists(test_path("logs/" G "/" S1)));
    CHECK_OK(log_files_remove_group(f, G, &err));
    CHECK(!sw_path_exists(test_path("logs/" G)));
    CHECK_ERR(log_files_append(f, G, S2, &e, 1, NULL, &err), SW_ENOTFOUND,
              "ResourceNotFoundException");
    CHECK_EQ_INT(log_files_bytes(f), 0);
    log_files_free(f);
}

/* Bytes that the program has from the allocator. */
static size_t allocated(void)
{
#ifdef __SANITIZE_ADDRESS__
    return __sanitizer_get_current_allocated_bytes();
#else
    const struct mallinfo2 m = mallinfo2();
    return m.uordblks + m.hblkhd;
#endif
}

TEST(streams_that_come_and_go_leave_nothing_in_memory)
{
    struct sw_err err = SW_ERR_INIT;
    struct log_files *f = open_files(0, 0, 0);
    struct log_files_stat st;
    char id[LOG_ID_LEN + 1];
    size_t before = 0;
    for (int i = 0; i < 2200; i++) {
        if (i == 200)
            before = allocated();
        (void)snprintf(id, sizeof id, "%032x", i + 100);
        CHECK_OK(log_files_stat(f, G, id, &st, &err));
        if (i % 4 == 0)
            put(f, id, 1, -1, "one");
        if (i % 2 == 0)
            CHECK_OK(log_files_remove_stream(f, G, id, &err));
    }
    const size_t after = allocated();
    CHECK_MSG(after <= before + 4096, "%zu bytes, then %zu", before, after);
    CHECK_EQ_INT(log_files_bytes(f), 0);
    log_files_free(f);
}

static bool only_first(void *ctx, const char *group, const char *stream)
{
    (void)ctx;
    return strcmp(group, G) == 0 && (!stream || strcmp(stream, S1) == 0);
}

TEST(folders_that_nobody_knows_go_at_the_start)
{
    struct sw_err err = SW_ERR_INIT;
    struct log_files *f = open_files(0, 0, 0);
    put(f, S1, 1, -1, "one");
    put(f, S2, 1, -1, "two");
    log_files_free(f);
    struct log_files_options o = {.dir = test_path("logs"), .known = only_first, .now_ms = now};
    CHECK_OK(log_files_open(&o, &f, &err));
    CHECK(sw_path_exists(test_path("logs/" G "/" S1)));
    CHECK(!sw_path_exists(test_path("logs/" G "/" S2)));
    log_files_free(f);
}

TEST(a_failed_write_leaves_the_batches_before_it)
{
    struct sw_err err = SW_ERR_INIT;
    struct log_event e = {.position = -1, .message = SW_STR("lost")};
    struct log_files *f = open_files(0, 0, 0);
    put(f, S1, 1, -1, "kept");
    const char *path = test_path("logs/" G "/" S1 "/0000000001.log");
    CHECK_EQ_INT(rename(path, test_path("away")), 0);
    CHECK(log_files_append(f, G, S1, &e, 1, NULL, &err) < 0);
    sw_err_clear(&err);
    CHECK_EQ_INT(rename(test_path("away"), path), 0);
    put(f, S1, 2, -1, "next");
    sw_autofree char *got = all(f, S1);
    CHECK_EQ_STR(got, "1:kept 2:next ");
    log_files_free(f);
}

/* Appends, reads, retention and caps of the same streams at once: nothing is lost but by the caps, nothing waits for ever. */
struct worker {
    struct log_files *f;
    int number;
};

static bool count_one(void *ctx, const struct log_event *e SW_UNUSED)
{
    ++*(int64_t *)ctx;
    return true;
}

static void *append_many(void *arg)
{
    struct worker *w = arg;
    char stream[LOG_ID_LEN + 1];
    (void)snprintf(stream, sizeof stream, "%032x", w->number % 2 + 1);
    for (int i = 0; i < 150; i++) {
        struct sw_err err = SW_ERR_INIT;
        struct log_segment_info *list = NULL;
        struct log_event e = {.timestamp_ms = 100 + i, .position = -1, .message = SW_STR("text")};
        size_t n = 0;
        int64_t seen = 0;
        CHECK_OK(log_files_append(w->f, G, stream, &e, 1, NULL, &err));
        if (i % 10 == 0)
            CHECK_OK(log_files_expire(w->f, G, 50, &err));
        CHECK_OK(log_files_segments(w->f, G, stream, &list, &n, &err));
        for (size_t k = 0; k < n; k++)
            CHECK_OK(log_files_read(w->f, G, stream, &list[k], count_one, &seen, &err));
        CHECK(seen > 0);
        free(list);
    }
    return NULL;
}

TEST(streams_are_used_by_many_at_once)
{
    struct sw_err err = SW_ERR_INIT;
    struct log_files_stat st;
    struct log_files *f = open_files(500, 0, 0);
    struct worker w[4];
    pthread_t threads[4];
    uint64_t events = 0;
    for (int i = 0; i < 4; i++) {
        w[i] = (struct worker){f, i};
        CHECK_EQ_INT(pthread_create(&threads[i], NULL, append_many, &w[i]), 0);
    }
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    for (int i = 1; i <= 2; i++) {
        char stream[LOG_ID_LEN + 1];
        (void)snprintf(stream, sizeof stream, "%032x", i);
        CHECK_OK(log_files_stat(f, G, stream, &st, &err));
        events += st.events;
    }
    CHECK_EQ_UINT(events, 600);
    log_files_free(f);
}
