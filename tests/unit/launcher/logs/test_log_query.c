/* SPDX-License-Identifier: Apache-2.0 */
#include "launcher/logs/log_query.h"

#include <stdio.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/json.h"
#include "base/macros.h"
#include "tests/lib/test.h"

#define T0 1795255200000LL /* 2026-11-21 10:00:00 */

static const struct {
    int64_t after_ms;
    const char *stream, *message;
} events[] = {
    {0, "a", "{\"level\": \"info\", \"ms\": 10, \"user\": {\"id\": 1}, \"tags\": [\"x\", \"y\"]}"},
    {1000, "a", "{\"level\": \"error\", \"ms\": 250, \"user\": {\"id\": 2}}"},
    {2000, "b", "{\"level\": \"info\", \"ms\": 30.5, \"user\": {\"id\": 1}, \"ok\": true}"},
    {301000, "b", "GET /index.html status=200 took 12 ms"},
    {302000, "a", "GET /admin status=403 took 7 ms"},
    {303000, "a", "plain ERROR text"},
};

/* Rows as "value|value;", without @ptr. */
static char *ask(const char *text, int64_t limit)
{
    struct sw_err err = SW_ERR_INIT;
    struct log_query *q = NULL;
    CHECK_OK(log_query_parse(text, &q, &err));
    struct log_query_run *r = log_query_run_new(q, limit);
    for (size_t i = 0; i < SW_ARRAY_LEN(events); i++) {
        const struct log_query_event e = {.timestamp_ms = T0 + events[i].after_ms,
                                          .ingestion_ms = T0,
                                          .stream = events[i].stream,
                                          .log = "000000000000:g",
                                          .ptr = "p",
                                          .message = sw_str(events[i].message)};
        CHECK(log_query_add(r, &e, &err) >= 0);
    }
    sw_autojson json_t *result = log_query_result(r);
    sw_autojson json_t *again = log_query_result(r);
    CHECK(json_equal(result, again));
    struct sw_buf b = SW_BUF_INIT(100000);
    const json_t *row, *v;
    size_t i, k;
    json_array_foreach(result, i, row) {
        json_array_foreach(row, k, v)
            if (!sw_streq(sw_json_str(v, "field", ""), "@ptr"))
                sw_buf_addf(&b, "%s%s", k ? "|" : "", sw_json_str(v, "value", "?"));
        sw_buf_add_z(&b, ";");
    }
    log_query_run_free(r);
    log_query_free(q);
    return sw_buf_take(&b);
}

static void expect(const char *text, const char *want)
{
    sw_autofree char *got = ask(text, 0);
    CHECK_MSG(sw_streq(got, want), "%s\n  is   %s\n  not  %s", text, got, want);
}

TEST(rows)
{
    expect("fields level | filter ispresent(level)", "info;error;info;");
    expect("fields @timestamp | limit 1", "2026-11-21 10:05:03.000;");
    expect("fields @logStream, @log | limit 1", "a|000000000000:g;");
    expect("fields user.id as id, tags.1 as t | filter id = 1 | sort @timestamp asc", "1|y;1;");
    expect("filter level = 'error' | display ms", "250;");
    expect("filter level != 'error' and ms > 20 | fields ms", "30.5;");
    expect("fields ms | sort ms desc | limit 2", "250;30.5;");
    expect("fields ms | filter ms in [10, 250] | sort ms", "10;250;");
    expect("fields ms | filter ms not in [10, 250] and ispresent(ms)", "30.5;");
    expect("filter @message like /ERR/ | fields @logStream", "a;");
    expect("filter @message =~ /(?i)error/ | fields @logStream as s | sort @timestamp", "a;a;");
    expect("filter @message like 'index' or @message like \"admin\" | fields @logStream", "a;b;");
    expect("filter not (level = 'info' or level = 'error') and @message not like 'GET' | fields "
           "@message",
           "plain ERROR text;");
    expect("fields level | filter isblank(level) | limit 1", ";");
    expect("# only a comment\nfields ok | filter ok = 1", "1;");
    expect("filter `user.id` = 2 | fields ms", "250;");
    expect("FIELDS ms | SORT ms DESC | LIMIT 1", "250;");
}

TEST(parsing)
{
    expect(
        "parse @message 'GET * status=* took * ms' as path, status, ms | filter ispresent(path) | "
        "display path, status | sort status",
        "/index.html|200;/admin|403;");
    expect("parse 'status=*' as rest | filter ispresent(rest) | display rest",
           "403 took 7 ms;200 took 12 ms;");
    expect("parse @message '* status' as before | filter ispresent(before) | display before",
           "GET /admin;GET /index.html;");
}

TEST(statistics)
{
    expect("stats count(*)", "6;");
    expect("stats count(*) by bin(5m)", "2026-11-21 10:00:00.000|3;2026-11-21 10:05:00.000|3;");
    expect("stats count(*) as n by @logStream | sort n desc", "a|4;b|2;");
    expect("stats count(*) by @logStream | sort count(*) asc", "b|2;a|4;");
    expect("filter ispresent(ms) | stats sum(ms), avg(ms), min(ms), max(ms), count(ms)",
           "290.5|96.8333333333333|10|250|3;");
    expect("stats count_distinct(user.id), earliest(level), latest(@message)",
           "2|info|plain ERROR text;");
    expect("stats count(*) as n by level | filter n > 1 | sort level", "3;info|2;");
    expect("stats count(*) as n by level, @logStream as s | sort n desc, s | limit 2",
           "a|2;info|a|1;");
}

TEST(first_of_each)
{
    expect("fields level | filter ispresent(level) | dedup level", "info;error;");
    expect("fields level, ms | filter ispresent(level) | sort ms | dedup level",
           "info|10;error|250;");
}

TEST(the_limit_of_the_call_is_the_second)
{
    sw_autofree char *a = ask("fields ms | sort @timestamp", 2);
    CHECK_EQ_STR(a, "10;250;");
    sw_autofree char *b = ask("fields ms | sort @timestamp | limit 1", 2);
    CHECK_EQ_STR(b, "10;");
    sw_autofree char *c = ask("", 2);
    CHECK_EQ_STR(c, "2026-11-21 10:05:03.000|plain ERROR text;2026-11-21 10:05:02.000|GET /admin "
                    "status=403 took 7 ms;");
}

TEST(mistakes_are_named_with_their_column)
{
    static const struct {
        const char *text, *part;
    } cases[] = {
        {"show x", "column 1: fields, display"},
        {"fields", "column 7: the name of a field"},
        {"fields a b", "column 10: '|' is expected"},
        {"fields a |", NULL},
        {"fields strlen(a)", "column 8: this function is not supported"},
        {"fields a + 1", "arithmetic"},
        {"fields @nothing", "no such @ field"},
        {"filter a", "a comparison"},
        {"filter a = ", "a number or a text"},
        {"filter a = b", "column 12: a number or a text"},
        {"filter a like x", "a /regular expression/"},
        {"filter a like /(/", "column 17: ')' is missing"},
        {"filter a like /(?=x)/", "(? are not supported"},
        {"filter (a = 1", "')' is expected"},
        {"filter a in 1", "'[' is expected"},
        {"stats median(a)", "count, count_distinct"},
        {"stats pct(a, 90)", "count, count_distinct"},
        {"stats count(*) by bin(5x)", "ms, s, m, h, d or w"},
        {"stats count(*) | stats count(*)", "a second stats"},
        {"limit 0", "from 1 to 10000"},
        {"limit 10001", "from 1 to 10000"},
        {"parse @message /x/", "parse with a regular expression"},
        {"parse @message 'x' as a", "has no *"},
        {"parse @message '*-*' as a", "more * than names"},
        {"parse @message '*' as a, b", "more names than *"},
        {"pattern @message", "the command pattern is not supported"},
        {"filter a = 'x", "closing quote"},
    };
    for (size_t i = 0; i < SW_ARRAY_LEN(cases); i++) {
        struct sw_err err = SW_ERR_INIT;
        struct log_query *q = NULL;
        int r = log_query_parse(cases[i].text, &q, &err);
        CHECK_MSG((r < 0) == (cases[i].part != NULL), "%s: %s", cases[i].text, err.msg);
        if (r == 0) {
            log_query_free(q);
            continue;
        }
        CHECK_EQ_STR(err.reason, "MalformedQueryException");
        CHECK_MSG(strstr(err.msg, cases[i].part), "%s: %s", cases[i].text, err.msg);
    }
}

TEST(what_is_kept_is_bounded)
{
    struct sw_err err = SW_ERR_INIT;
    struct log_query *q = NULL;
    CHECK_OK(log_query_parse("stats count(*) by @message", &q, &err));
    struct log_query_run *r = log_query_run_new(q, 0);
    int got = 0;
    for (int i = 0; i <= 10000 && got >= 0; i++) {
        char text[32];
        (void)snprintf(text, sizeof text, "%d", i);
        const struct log_query_event e = {
            .stream = "s", .log = "l", .ptr = "p", .message = sw_str(text)};
        got = log_query_add(r, &e, &err);
    }
    CHECK_EQ_INT(got, SW_ELIMIT);
    log_query_run_free(r);
    log_query_free(q);
}
