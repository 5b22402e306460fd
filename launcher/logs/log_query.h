/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* launcher/logs/log_query.h - queries in the language of CloudWatch Logs Insights: commands with | between, each of which changes the
 * rows that came from the one before. Pure.
 *   fields A, B as C           the columns that are shown (and what the others may ask for)
 *   display A, B               only these
 *   filter EXPRESSION          = != < <= > >=, like and =~ with "text" or /regex/ (also (?i)), not like, in [...], not in, and, or, not,
 *                              ( ), ispresent(A), isempty(A), isblank(A)
 *   parse A "text * more *" as B, C          what stands where the * are
 *   stats F(...) as NAME, ... by A, bin(5m)  count, count_distinct, sum, avg, min, max, earliest, latest
 *   sort A desc, B asc         by numbers when both are numbers
 *   dedup A, B                 the first row of each
 *   limit N                    at most LOG_QUERY_ROWS_MAX
 * Fields: @timestamp, @message, @ingestionTime, @logStream, @log, @ptr, and, of messages that are JSON objects, their members, a.b and
 * a.0 for what lies deeper. Comments begin with #. Everything else of that language is refused by name.
 * Bounded: the text, its parts, rows and bytes that are kept, values of a group.
 * Expected errors: SW_EINVALID "MalformedQueryException", which says the column; SW_ELIMIT (too many rows or groups to sort).
 * Threads: a query is shared freely, a run belongs to one. */
#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"

#define LOG_QUERY_TEXT_MAX  10000
#define LOG_QUERY_ROWS_MAX  10000
#define LOG_QUERY_ROWS      1000 /* without a limit */
#define LOG_QUERY_BYTES_MAX (32 * 1024 * 1024)

struct log_query;
int log_query_parse(const char *text, struct log_query **ret, struct sw_err *err);
void log_query_free(struct log_query *q); /* NULL ok */

struct log_query_event {
    int64_t timestamp_ms, ingestion_ms;
    const char *stream, *log, *ptr;
    struct sw_str message;
};

struct log_query_run;
/* limit: of the call, 0 for none; the query's own wins. */
struct log_query_run *log_query_run_new(const struct log_query *q, int64_t limit);
void log_query_run_free(struct log_query_run *r); /* NULL ok */
/* Events in any order. Returns whether one matched; SW_ELIMIT: more than can be kept. */
int log_query_add(struct log_query_run *r, const struct log_query_event *e, struct sw_err *err);
/* [[{field, value}, ...], ...] of what was added until now, owned by the caller. May be called again after more was added. */
json_t *log_query_result(struct log_query_run *r);
uint64_t log_query_matched(const struct log_query_run *r);
