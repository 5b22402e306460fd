/* SPDX-License-Identifier: Apache-2.0 */
#include "launcher/agent/log_reader.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/io.h"
#include "base/json.h"
#include "base/macros.h"
#include "tests/lib/test.h"

#define STAMP "2026-11-21T10:00:00.000000+00:00"

static void make_folder(void)
{
    struct sw_err err = SW_ERR_INIT;
    CHECK_OK(sw_mkdirs(test_path("task/containers/c"), 0700, &err));
}

static void append(const char *text)
{
    struct sw_err err = SW_ERR_INIT;
    sw_autoclose int fd = -1;
    CHECK_OK(sw_open(test_path("task/containers/c/log"), O_WRONLY | O_CREAT | O_APPEND, 0600, &fd,
                     &err));
    CHECK_OK(sw_write_all(fd, text, strlen(text), &err));
}

static void line(const char *stream, const char *tag, const char *text)
{
    sw_autofree char *s = sw_asprintf("%s %s %s %s\n", STAMP, stream, tag, text);
    append(s);
}

/* As conmon does: another file takes the name. */
static void renew(void)
{
    struct sw_err err = SW_ERR_INIT;
    CHECK_OK(sw_write_file_atomic(test_path("task/containers/c/log"), "", 0, 0600, &err));
}

/* "MESSAGE|MESSAGE|" of the batch, which is confirmed unless keep; positions must grow beyond *last. */
static char *take(struct log_reader *r, bool ended, bool keep, int64_t *last)
{
    struct sw_err err = SW_ERR_INIT;
    SW_CLEANUP(sw_buf_done) struct sw_buf b = SW_BUF_INIT(4 << 20);
    json_t *events, *v;
    size_t i;
    while ((events = log_reader_batch(r, ended, &err))) {
        json_array_foreach(events, i, v) {
            CHECK(sw_json_int(v, "position", 0) > *last);
            *last = sw_json_int(v, "position", 0);
            CHECK_EQ_INT(sw_json_int(v, "timestamp", 0), 1795255200000);
            sw_buf_addf(&b, "%s|", sw_json_str(v, "message", ""));
        }
        if (keep)
            break;
        log_reader_confirm(r, &err);
    }
    CHECK_EQ_INT(err.code, 0);
    return sw_buf_take(&b);
}

static struct log_reader *open_with(int64_t buffer_bytes, const char *first_line)
{
    struct log_reader *r = NULL;
    struct sw_err err = SW_ERR_INIT;
    const struct log_reader_options o = {.folder = test_path("task"),
                                         .container = "c",
                                         .buffer_bytes = buffer_bytes,
                                         .first_line = first_line};
    CHECK_OK(log_reader_new(&o, &r, &err));
    return r;
}

static struct log_reader *open_reader(void)
{
    return open_with(0, NULL);
}

#define EXPECT(r, ended, keep, want)                          \
    do {                                                      \
        sw_autofree char *got_ = take(r, ended, keep, &last); \
        CHECK_EQ_STR(got_, want);                             \
    } while (0)

TEST(lines_come_once_and_grow)
{
    int64_t last = 0;
    make_folder();
    struct log_reader *r = open_reader();
    EXPECT(r, false, false, "");
    line("stdout", "F", "one");
    line("stderr", "F", "two");
    line("stdout", "F", "");
    append(STAMP " stdout F not yet");
    EXPECT(r, false, false, "one|two|");
    append(" whole\n");
    EXPECT(r, false, false, "not yet whole|");
    EXPECT(r, true, false, "");
    CHECK(log_reader_finished(r));
    log_reader_free(r);
    r = open_reader();
    EXPECT(r, true, false, "");
    CHECK(log_reader_finished(r));
    log_reader_free(r);
}

/* Descriptors of this process that are the container's file. */
static int held(void)
{
    int n = 0;
    DIR *d = opendir("/proc/self/fd");
    for (struct dirent *e; d && (e = readdir(d));) {
        char target[4096];
        ssize_t len = readlinkat(dirfd(d), e->d_name, target, sizeof target - 1);
        if (len < 0)
            continue;
        target[len] = 0;
        n += strstr(target, "task/containers/c/log") != NULL;
    }
    if (d)
        closedir(d);
    return n;
}

TEST(a_reader_that_is_finished_holds_no_file)
{
    int64_t last = 0;
    make_folder();
    struct log_reader *r = open_reader();
    line("stdout", "F", "one");
    EXPECT(r, false, false, "one|");
    CHECK_EQ_INT(held(), 1);
    EXPECT(r, true, false, "");
    CHECK(log_reader_finished(r));
    CHECK_EQ_INT(held(), 0);
    line("stdout", "F", "started again");
    EXPECT(r, false, false, "started again|");
    CHECK_EQ_INT(held(), 1);
    log_reader_free(r);
    CHECK_EQ_INT(held(), 0);
}

TEST(what_was_not_confirmed_comes_again_with_the_same_positions)
{
    int64_t last = 0, first;
    make_folder();
    struct log_reader *r = open_reader();
    line("stdout", "F", "one");
    EXPECT(r, false, false, "one|");
    first = last;
    line("stdout", "F", "two");
    EXPECT(r, false, true, "two|");
    const int64_t second = last;
    log_reader_free(r);
    last = first;
    r = open_reader();
    EXPECT(r, false, false, "two|");
    CHECK_EQ_INT(last, second);
    log_reader_free(r);
}

TEST(pieces_are_put_together_also_over_a_restart)
{
    int64_t last = 0;
    make_folder();
    struct log_reader *r = open_reader();
    line("stdout", "P", "a long ");
    line("stderr", "F", "between");
    EXPECT(r, false, false, "between|");
    log_reader_free(r);
    line("stdout", "F", "line");
    r = open_reader();
    /* "between" comes again, at its old position: the stream leaves it out. */
    last = 0;
    EXPECT(r, false, false, "between|a long line|");
    line("stdout", "P", "no end");
    EXPECT(r, false, false, "");
    EXPECT(r, true, false, "no end|");
    log_reader_free(r);
}

TEST(a_line_has_a_largest_size)
{
    int64_t last = 0;
    make_folder();
    struct log_reader *r = open_reader();
    char piece[8001];
    memset(piece, 'x', 8000);
    piece[8000] = 0;
    for (int i = 0; i < 60; i++)
        line("stdout", "P", piece);
    line("stdout", "F", "end");
    sw_autofree char *got = take(r, true, false, &last);
    const char *first = strchr(got, '|');
    CHECK_EQ_INT(strlen(got), 480000 + 3 + 2);
    CHECK(first - got >= LOG_EVENT_MAX && first - got < LOG_EVENT_MAX + 8000);
    log_reader_free(r);
}

TEST(a_file_that_was_begun_anew_is_read_after_the_old_one)
{
    int64_t last = 0;
    make_folder();
    struct log_reader *r = open_reader();
    line("stdout", "F", "one");
    EXPECT(r, false, false, "one|");
    line("stdout", "F", "two");
    renew();
    line("stdout", "F", "three");
    EXPECT(r, false, false, "two|three|");
    renew();
    log_reader_free(r);
    line("stdout", "F", "four");
    r = open_reader();
    EXPECT(r, false, false, "four|");
    log_reader_free(r);
}

TEST(a_container_that_was_started_again_goes_on)
{
    int64_t last = 0;
    make_folder();
    struct log_reader *r = open_reader();
    line("stdout", "F", "one");
    EXPECT(r, true, false, "one|");
    line("stdout", "F", "two");
    EXPECT(r, false, false, "two|");
    log_reader_free(r);
}

TEST(bytes_that_are_no_text_are_replaced)
{
    int64_t last = 0;
    make_folder();
    struct log_reader *r = open_reader();
    line("stdout", "F", "a\xff\xc3\xa9z");
    append("garbage\n");
    line("stdout", "F", "next");
    EXPECT(r, false, false, "a\xef\xbf\xbd\xc3\xa9z|next|");
    log_reader_free(r);
}

static void look(struct log_reader *r)
{
    struct sw_err err = SW_ERR_INIT;
    CHECK_OK(log_spool_look(log_reader_spool(r), &err));
}

/* Whoever looks keeps what was begun anew, however often, also for the next process. */
TEST(files_that_were_seen_wait_for_the_reader)
{
    int64_t last = 0;
    make_folder();
    struct log_reader *r = open_reader();
    line("stdout", "F", "one");
    EXPECT(r, false, false, "one|");
    line("stdout", "F", "two");
    for (int i = 0; i < 5; i++) {
        sw_autofree char *text = sw_asprintf("file %d", i);
        renew();
        line("stdout", "F", text);
        look(r);
    }
    CHECK(log_spool_unread(log_reader_spool(r)) > 0);
    log_reader_free(r);
    r = open_reader();
    EXPECT(r, false, false, "two|file 0|file 1|file 2|file 3|file 4|");
    CHECK_EQ_INT(log_spool_unread(log_reader_spool(r)), 0);
    CHECK(!sw_path_exists(test_path("task/containers/c/log.0000000004")));
    CHECK(sw_path_exists(test_path("task/containers/c/log.0000000005")));
    log_reader_free(r);
}

/* One that looked at a new container before the reader did, and a file that was begun anew between the two. */
TEST(another_spool_that_came_first_hides_nothing)
{
    int64_t last = 0;
    struct sw_err err = SW_ERR_INIT;
    make_folder();
    struct log_reader *r = open_reader();
    look(r); /* nothing yet */
    line("stdout", "F", "one");
    struct log_spool *other = log_spool_new(test_path("task"), "c");
    CHECK_OK(log_spool_look(other, &err));
    log_spool_free(other);
    CHECK(sw_path_exists(test_path("task/containers/c/log.0000000000")));
    renew();
    line("stdout", "F", "two");
    look(r);
    EXPECT(r, false, false, "one|two|");
    renew();
    line("stdout", "F", "three");
    EXPECT(r, false, false, "three|");
    log_reader_free(r);
}

TEST(lines_that_belong_together_are_one_event)
{
    int64_t last = 0;
    make_folder();
    struct log_reader *r = open_with(0, "^\\[");
    line("stdout", "F", "[1] first");
    line("stdout", "P", "  more ");
    line("stderr", "F", "[a] other");
    line("stdout", "F", "of it");
    line("stdout", "F", "");
    line("stderr", "F", "its own");
    line("stdout", "F", "[2] second");
    EXPECT(r, false, true, "[1] first\n  more of it\n|");
    const int64_t first = last;
    log_reader_free(r);
    last = 0;
    r = open_with(0, "^\\[");
    EXPECT(r, false, false, "[1] first\n  more of it\n|");
    CHECK_EQ_INT(last, first);
    line("stdout", "F", "[3]");
    EXPECT(r, false, false, "[2] second|");
    EXPECT(r, true, false, "[3]|[a] other\nits own|");
    CHECK(log_reader_finished(r));
    log_reader_free(r);
}

TEST(an_event_ends_by_time_where_it_did_before)
{
    int64_t last = 0;
    make_folder();
    struct log_reader *r = open_with(0, "^\\[");
    line("stdout", "F", "[1]");
    line("stdout", "F", "more");
    EXPECT(r, false, false, "");
    sw_sleep_ms(5100);
    EXPECT(r, false, true, "[1]\nmore|");
    const int64_t first = last;
    log_reader_free(r); /* killed before the answer; meanwhile the container went on */
    line("stdout", "F", "late");
    last = 0;
    r = open_with(0, "^\\[");
    EXPECT(r, false, true, "[1]\nmore|");
    CHECK_EQ_INT(last, first);
    struct sw_err err = SW_ERR_INIT;
    log_reader_confirm(r, &err);
    line("stdout", "F", "[2]");
    EXPECT(r, true, false, "late|[2]|");
    log_reader_free(r);
}

TEST(which_file_follows_which)
{
    static const struct {
        int64_t first_line_us, renamed_us, now_us;
        bool next;
    } cases[] = {
        {1000000, 1000000, 9000000, true},  {999000, 1000000, 9000000, true},
        {1200000, 1000000, 9000000, true}, /* a coarse clock */
        {1200001, 1000000, 9000000, false}, {5000000, 1000000, 9000000, false},
        {9000001, 1000000, 9000000, true}, /* a clock that was set: nothing is said of it */
        {-1, 1000000, 9000000, true},
    };
    for (size_t i = 0; i < SW_ARRAY_LEN(cases); i++)
        CHECK_MSG(log_spool_is_next(cases[i].first_line_us, cases[i].renamed_us, cases[i].now_us) ==
                      cases[i].next,
                  "row %zu", i);
}

static void line_of(int64_t time_us, const char *text)
{
    char at[SW_TIME_LEN];
    sw_format_iso8601(time_us, at);
    sw_autofree char *s = sw_asprintf("%s stdout F %s\n", at, text);
    append(s);
}

static void line_now(const char *text)
{
    line_of(sw_now_us(), text);
}

/* "MESSAGE|MESSAGE|", with positions that grow. */
static char *take_all(struct log_reader *r, int64_t *last)
{
    struct sw_err err = SW_ERR_INIT;
    struct sw_buf b = SW_BUF_INIT(1 << 20);
    json_t *events, *v;
    size_t i;
    while ((events = log_reader_batch(r, false, &err))) {
        json_array_foreach(events, i, v) {
            CHECK(sw_json_int(v, "position", 0) > *last);
            *last = sw_json_int(v, "position", 0);
            sw_buf_addf(&b, "%s|", sw_json_str(v, "message", ""));
        }
        log_reader_confirm(r, &err);
    }
    CHECK_EQ_INT(err.code, 0);
    return sw_buf_take(&b);
}

/* While no agent runs: one renewal loses nothing, more do, which is said once, whatever is killed in between. */
TEST(output_that_nobody_saw_is_told)
{
    static const char said[] =
        "one|last|slipway: lines are missing here: more came than waits while "
        "no agent runs (log_away_max)|third|";
    int64_t last = 0;
    make_folder();
    struct log_reader *r = open_reader();
    line_now("one");
    look(r);
    log_reader_free(r);
    line_now("last");
    renew();
    line_now("unseen");
    sw_sleep_ms(300);
    renew();
    line_now("third");
    r = open_reader();
    look(r);
    CHECK(sw_path_exists(test_path("task/containers/c/log.0000000001.gap")));
    log_reader_free(r); /* it saw it, and said nothing */
    r = open_reader();
    sw_autofree char *got = take_all(r, &last);
    CHECK_EQ_STR(got, said);
    CHECK(!sw_path_exists(test_path("task/containers/c/log.0000000001.gap")));
    log_reader_free(r);
    sw_sleep_ms(300);                      /* the file waits for its next line */
    const int64_t before_us = sw_now_us(); /* as conmon: the clock first, then the name */
    renew();
    line_of(before_us, "fourth");
    r = open_reader();
    sw_autofree char *more = take_all(r, &last);
    CHECK_EQ_STR(more, "fourth|");
    log_reader_free(r);
}

/* A file with a gap before it that has no room either. */
TEST(what_was_given_up_keeps_its_gap)
{
    int64_t last = 0;
    char text[1001];
    make_folder();
    memset(text, 'x', 1000);
    text[1000] = 0;
    struct log_reader *r = open_with(4000, NULL);
    line_now("one");
    sw_autofree char *one = take_all(r, &last);
    CHECK_EQ_STR(one, "one|");
    renew();
    sw_sleep_ms(300);
    renew();
    for (int i = 0; i < 10; i++)
        line_now(text);
    look(r);
    renew();
    line_now("here");
    look(r);
    log_spool_trim(log_reader_spool(r), 4000);
    CHECK(!sw_path_exists(test_path("task/containers/c/log.0000000001")));
    sw_autofree char *got = take_all(r, &last);
    CHECK_CONTAINS(got, "slipway: 10 lines (");
    CHECK_CONTAINS(got,
                   "max-buffer-size was reached; slipway: lines are missing here: more came than "
                   "waits while no agent runs (log_away_max)|here|");
    log_reader_free(r);
}

TEST(what_waited_when_the_agent_came_has_room)
{
    struct sw_err err = SW_ERR_INIT;
    make_folder();
    struct log_spool *s = log_spool_new(test_path("task"), "c");
    CHECK_OK(log_spool_look(s, &err));
    CHECK_EQ_INT(log_spool_room(s, 1000, 5000), 1000);
    log_spool_free(s);
    for (int i = 0; i < 40; i++)
        line("stdout", "F", "a line that is not shipped");
    s = log_spool_new(test_path("task"), "c");
    CHECK_OK(log_spool_look(s, &err));
    const int64_t waits = log_spool_unread(s);
    CHECK(waits > 2000);
    CHECK_EQ_INT(log_spool_room(s, 1000, 5000), 1000 + waits);
    CHECK_EQ_INT(log_spool_room(s, 1000, 500), 1500);
    line("stdout", "F", "more"); /* while it catches up */
    CHECK_EQ_INT(log_spool_room(s, 1000, 5000), 1000 + waits);
    log_spool_read_to(s, 0, waits - 100);
    const int64_t left = log_spool_unread(s);
    CHECK(left < waits);
    CHECK_EQ_INT(log_spool_room(s, 1000, 5000), 1000 + left);
    line("stdout", "F", "this came while an agent ran");
    CHECK_EQ_INT(log_spool_room(s, 1000, 5000), 1000 + left);
    log_spool_free(s);
}

TEST(what_has_no_room_is_counted_and_said)
{
    int64_t last = 0;
    char text[1001];
    make_folder();
    memset(text, 'x', 1000);
    text[1000] = 0;
    struct log_reader *r = open_with(8000, NULL);
    line("stdout", "F", "first");
    EXPECT(r, false, false, "first|");
    for (int f = 0; f < 3; f++) {
        for (int i = 0; i < 10; i++)
            line("stdout", "F", text);
        look(r);
        if (f < 2)
            renew();
    }
    log_spool_trim(log_reader_spool(r), 8000);
    CHECK(sw_path_exists(test_path("task/containers/c/log.0000000000")));
    CHECK(!sw_path_exists(test_path("task/containers/c/log.0000000001")));
    sw_autofree char *got = take(r, false, true, &last);
    const int64_t position = last;
    CHECK_CONTAINS(got, "slipway: 25 lines (");
    CHECK_CONTAINS(got, "missing here: max-buffer-size was reached|xxx");
    CHECK_EQ_INT(log_reader_lost(r), 25);
    log_reader_free(r);
    last = 0;
    r = open_with(8000, NULL);
    sw_autofree char *again = take(r, false, false, &last);
    CHECK_EQ_STR(again, got);
    CHECK_EQ_INT(last, position);
    CHECK_EQ_INT(log_reader_lost(r), 0);
    line("stdout", "F", "next");
    EXPECT(r, false, false, "next|");
    log_reader_free(r);
}
