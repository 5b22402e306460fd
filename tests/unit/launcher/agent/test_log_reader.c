/* SPDX-License-Identifier: Apache-2.0 */
#include "launcher/agent/log_reader.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/buf.h"
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

static struct log_reader *open_reader(void)
{
    return log_reader_new(test_path("task"), "c");
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
