/* SPDX-License-Identifier: Apache-2.0 */
#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <pthread.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/macros.h"
#include "tests/lib/test.h"

static const char *path;
static int fd;

static void begin(enum sw_log_level level)
{
    path = test_path("log");
    fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0600);
    CHECK(fd >= 0);
    sw_log_set_fd(fd);
    sw_log_set_level(level);
}

/* Ends the capture and returns what was written. */
static char *text(size_t *ret_n)
{
    sw_log_set_fd(STDERR_FILENO);
    sw_log_set_level(SW_LOG_INFO);
    close(fd);
    return test_read_file(path, ret_n);
}

static json_t *one_line(void)
{
    size_t n;
    char *t = text(&n);

    CHECK(n > 0);
    CHECK_EQ_INT(t[n - 1], '\n');
    CHECK(memchr(t, '\n', n - 1) == NULL);
    json_t *j = json_loadb(t, n, JSON_REJECT_DUPLICATES, NULL);
    CHECK_MSG(j != NULL, "%s", t);
    return j;
}

static const char *str(const json_t *j, const char *key)
{
    return json_string_value(json_object_get(j, key));
}

TEST(a_line_holds_every_kind_of_pair)
{
    int64_t us;

    begin(SW_LOG_INFO);
    sw_log(SW_LOG_WARNING, "request", "method", "G\"ET\n", "none", NULL, "#status", (int64_t)-200,
           "?cached", 1, "?hot", 0, NULL);
    json_t *j = one_line();
    CHECK_EQ_STR(str(j, "level"), "warning");
    CHECK_EQ_STR(str(j, "event"), "request");
    CHECK_EQ_STR(str(j, "method"), "G\"ET\n");
    CHECK(json_is_null(json_object_get(j, "none")));
    CHECK_EQ_INT(json_integer_value(json_object_get(j, "status")), -200);
    CHECK(json_is_true(json_object_get(j, "cached")));
    CHECK(json_is_false(json_object_get(j, "hot")));
    CHECK(sw_parse_iso8601(sw_str(str(j, "time")), &us));
    CHECK(sw_now_us() - us < 60000000);
    json_decref(j);
}

TEST(below_the_level_nothing_is_written)
{
    size_t n;

    begin(SW_LOG_WARNING);
    sw_log(SW_LOG_INFO, "x", NULL);
    CHECK(!sw_log_enabled(SW_LOG_INFO));
    CHECK(sw_log_enabled(SW_LOG_WARNING));
    text(&n);
    CHECK_EQ_INT(n, 0);
}

TEST(errors_carry_code_reason_and_place)
{
    struct sw_err err = SW_ERR_INIT;

    begin(SW_LOG_DEBUG);
    sw_fail_os(&err, ENOSPC, "write blob");
    sw_detail(&err, "sha256:1");
    sw_log_err(SW_LOG_ERROR, "push", &err, "#n", (int64_t)7, NULL);
    json_t *j = one_line();
    CHECK_EQ_STR(str(j, "error"), "limit");
    CHECK_EQ_STR(str(j, "reason"), "DiskFull");
    CHECK_CONTAINS(str(j, "message"), "write blob: ");
    CHECK_EQ_STR(str(j, "detail"), "sha256:1");
    CHECK_CONTAINS(str(j, "where"), "test_log.c:");
    CHECK_EQ_INT(json_integer_value(json_object_get(j, "errno")), ENOSPC);
    CHECK_EQ_INT(json_integer_value(json_object_get(j, "n")), 7);
    json_decref(j);
}

TEST(a_huge_value_is_cut_and_the_line_stays_json)
{
    sw_autofree char *big = sw_malloc(200001);

    for (int i = 0; i < 200000; i += 2)
        memcpy(big + i, "\xc3\xa4", 2);
    big[200000] = 0;
    begin(SW_LOG_INFO);
    sw_log(SW_LOG_INFO, "x", "big", big, "after", "y", NULL);
    json_t *j = one_line();
    CHECK(json_is_true(json_object_get(j, "cut")));
    CHECK_CONTAINS(str(j, "big"), "\xc3\xa4\xc3\xa4");
    CHECK(strstr(str(j, "big"), "\xef\xbf\xbd") == NULL);
    CHECK_EQ_STR(str(j, "after"), "y");
    json_decref(j);
}

TEST(many_pairs_end_at_16_kib)
{
    sw_autofree char *half = sw_malloc(7001);
    size_t n;

    memset(half, '\n', 7000); /* doubles when escaped */
    half[7000] = 0;
    begin(SW_LOG_INFO);
    sw_log(SW_LOG_INFO, "x", "a", half, "b", half, "c", half, "d", half, "e", half, "f", half, "g",
           half, "h", half, "i", half, "#n", (int64_t)INT64_MIN, "nul", NULL, NULL);
    char *t = text(&n);
    CHECK(n <= (size_t)16 * 1024);
    json_t *j = json_loadb(t, n, JSON_REJECT_DUPLICATES, NULL);
    CHECK_NOT_NULL(j);
    CHECK(json_is_true(json_object_get(j, "cut")));
    json_decref(j);
}

TEST(a_full_device_does_not_stop_the_program)
{
    int full = open("/dev/full", O_WRONLY | O_CLOEXEC);

    CHECK(full >= 0);
    sw_log_set_fd(full);
    errno = 77;
    sw_log(SW_LOG_ERROR, "x", NULL);
    CHECK_EQ_INT(errno, 77);
    sw_log_set_fd(STDERR_FILENO);
    close(full);
}

TEST(level_names)
{
    enum sw_log_level l;

    static const char *const names[SW_LOG_MAX_] = {"debug", "info", "warning", "error"};

    for (int i = 0; i < SW_LOG_MAX_; i++) {
        CHECK(sw_log_level_from_string(names[i], &l));
        CHECK_EQ_INT(l, i);
    }
    CHECK(!sw_log_level_from_string("loud", &l));
    CHECK(!sw_log_level_from_string(NULL, &l));
}

static void *log_many(void *arg)
{
    for (int i = 0; i < 200; i++)
        sw_log(SW_LOG_INFO, "thread", "name", (const char *)arg, "#i", (int64_t)i, NULL);
    return NULL;
}

TEST(lines_of_threads_do_not_mix)
{
    static char names[4][600];
    pthread_t threads[4];
    size_t n, lines = 0;

    begin(SW_LOG_INFO);
    for (int i = 0; i < 4; i++) {
        memset(names[i], 'a' + i, sizeof(names[i]) - 1);
        CHECK_EQ_INT(pthread_create(&threads[i], NULL, log_many, names[i]), 0);
    }
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    struct sw_str rest = sw_str(text(&n)), line;
    while (sw_str_split(&rest, '\n', &line) && line.n > 0) {
        json_t *j = json_loadb(line.p, line.n, 0, NULL);
        CHECK_NOT_NULL(j);
        const char *name = str(j, "name");
        CHECK_EQ_INT(strlen(name), 599);
        CHECK_EQ_INT(strspn(name, (char[2]){name[0], 0}), 599);
        json_decref(j);
        lines++;
    }
    CHECK_EQ_INT(lines, 800);
}
