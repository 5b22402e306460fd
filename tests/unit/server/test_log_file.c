/* SPDX-License-Identifier: Apache-2.0 */
#include "server/log_file.h"

#include <pthread.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/macros.h"
#include "tests/lib/test.h"

#define THREADS 4
#define LINES   2000

static struct log_file *open_at(const char *path)
{
    struct sw_err err = SW_ERR_INIT;
    struct log_file *f = NULL;
    CHECK_OK(log_file_open(path, 0600, &f, &err));
    return f;
}

TEST(lines_are_added_at_the_end)
{
    const char *path = test_write_file(test_path("log"), "old\n", 4);
    struct log_file *f = open_at(path);
    struct log_file_counts counts;
    log_file_write(f, "one\n", 4);
    log_file_write(f, "two\n", 4);
    log_file_counts(f, &counts);
    CHECK_EQ_UINT(counts.lines, 2);
    CHECK_EQ_UINT(counts.failures, 0);
    log_file_free(f);
    CHECK_EQ_STR(test_read_file(path, NULL), "old\none\ntwo\n");
}

TEST(a_new_file_has_the_mode_given)
{
    struct stat st;
    log_file_free(open_at(test_path("new")));
    CHECK(stat(test_path("new"), &st) == 0);
    CHECK_EQ_INT(st.st_mode & 07777, 0600);
}

TEST(nothing_happens_without_a_file)
{
    struct sw_err err = SW_ERR_INIT;
    struct log_file_counts counts = {1, 1};
    struct log_file *f = NULL;
    log_file_write(NULL, "x\n", 2);
    log_file_counts(NULL, &counts);
    CHECK_EQ_UINT(counts.lines, 0);
    CHECK_OK(log_file_reopen(NULL, &err));
    log_file_free(NULL);
    CHECK_ERR(log_file_open(test_path("no/such/folder"), 0600, &f, &err), SW_ENOTFOUND, NULL);
}

TEST(failures_are_counted)
{
    struct log_file_counts counts;
    struct log_file *f = open_at("/dev/full");
    for (int i = 0; i < 3; i++)
        log_file_write(f, "one\n", 4);
    log_file_counts(f, &counts);
    CHECK_EQ_UINT(counts.lines, 0);
    CHECK_EQ_UINT(counts.failures, 3);
    log_file_free(f);
}

struct writer {
    struct log_file *f;
    char name;
};

static void *write_many(void *arg)
{
    const struct writer *w = arg;
    char line[64];
    for (int i = 0; i < LINES; i++) {
        int n = snprintf(line, sizeof(line), "%c %06d\n", w->name, i);
        if (i % 2)
            log_file_write(w->f, line, (size_t)n);
        else
            log_file_write_later(w->f, line, (size_t)n);
    }
    return NULL;
}

TEST(no_line_is_lost_while_the_file_is_rotated)
{
    const char *path = test_path("log");
    struct log_file *f = open_at(path);
    struct sw_err err = SW_ERR_INIT;
    struct writer w[THREADS];
    pthread_t t[THREADS];
    size_t lines = 0, bytes = 0;

    for (int i = 0; i < THREADS; i++) {
        w[i] = (struct writer){f, (char)('a' + i)};
        CHECK(pthread_create(&t[i], NULL, write_many, &w[i]) == 0);
    }
    for (int i = 0; i < 20; i++) {
        CHECK(rename(path, test_path("log.%d", i)) == 0);
        CHECK_OK(log_file_reopen(f, &err));
        CHECK(access(path, F_OK) == 0);
        (void)usleep(500);
    }
    for (int i = 0; i < THREADS; i++)
        CHECK(pthread_join(t[i], NULL) == 0);
    log_file_flush(f);
    for (int i = 0; i <= 20; i++) {
        size_t n = 0;
        const char *text = test_read_file(i < 20 ? test_path("log.%d", i) : path, &n);
        bytes += n;
        for (const char *p = text; *p; p++)
            lines += *p == '\n';
    }
    CHECK_EQ_UINT(lines, THREADS * LINES);
    CHECK_EQ_UINT(bytes, THREADS * LINES * strlen("a 000000\n"));
    log_file_free(f);
}

TEST(lines_that_may_wait_are_written_together)
{
    const char *path = test_path("log");
    struct log_file *f = open_at(path);
    struct log_file_counts counts;
    char big[40000];
    memset(big, 'x', sizeof(big));
    big[sizeof(big) - 1] = '\n';
    log_file_write_later(f, "one\n", 4);
    log_file_write_later(f, "two\n", 4);
    CHECK_EQ_STR(test_read_file(path, NULL), "");
    log_file_write(f, "now\n", 4);
    CHECK_EQ_STR(test_read_file(path, NULL), "now\n");
    log_file_flush(f);
    CHECK_EQ_STR(test_read_file(path, NULL), "now\none\ntwo\n");
    log_file_counts(f, &counts);
    CHECK_EQ_UINT(counts.lines, 3);
    log_file_write_later(f, big, sizeof(big)); /* longer than what is gathered */
    log_file_write_later(f, big, 20000);
    log_file_write_later(f, big + 20000, 20000);
    size_t n = 0;
    (void)test_read_file(path, &n);
    CHECK_EQ_UINT(n, 12 + 40000 + 20000);
    log_file_free(f);
    (void)test_read_file(path, &n);
    CHECK_EQ_UINT(n, 12 + 40000 + 40000);
    log_file_flush(NULL);
    log_file_write_later(NULL, "x\n", 2);
}

TEST(what_cannot_be_opened_again_stays_in_use)
{
    struct sw_err err = SW_ERR_INIT;
    struct log_file *f;
    CHECK(mkdir(test_path("dir"), 0700) == 0);
    f = open_at(test_path("dir/log"));
    CHECK(rename(test_path("dir"), test_path("gone")) == 0);
    CHECK(log_file_reopen(f, &err) < 0);
    sw_err_clear(&err);
    log_file_write(f, "still\n", 6);
    log_file_free(f);
    CHECK_EQ_STR(test_read_file(test_path("gone/log"), NULL), "still\n");
}
