/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* launcher/logs/log_query_internal.h - a parsed query, as log_query_parse.c makes it and log_query_run.c follows it. A row is one value
 * for each column of the query; columns are numbered in the order of their first mention. */
#include "base/arena.h"
#include "base/pattern.h"
#include "launcher/logs/log_query.h"

#define QUERY_COLUMNS_MAX  64
#define QUERY_COMMANDS_MAX 32
#define QUERY_PARTS_MAX    32 /* of one command's list */
#define QUERY_GROUPS_MAX   10000

enum query_source {
    SOURCE_JSON, /* a member of the message, by its path */
    SOURCE_TIMESTAMP,
    SOURCE_MESSAGE,
    SOURCE_INGESTION,
    SOURCE_STREAM,
    SOURCE_LOG,
    SOURCE_PTR,
    SOURCE_MADE /* by a command */
};

struct query_column {
    const char *name;
    enum query_source source;
};

enum query_op {
    OP_EQ,
    OP_NE,
    OP_LT,
    OP_LE,
    OP_GT,
    OP_GE,
    OP_CONTAINS,
    OP_MATCHES,
    OP_IN,
    OP_PRESENT,
    OP_EMPTY,
    OP_BLANK,
    OP_AND,
    OP_OR,
    OP_NOT
};

struct query_text {
    const char *text;
    bool has_number;
    double number;
};

struct query_test {
    enum query_op op;
    const struct query_test *left, *right; /* OP_NOT: left */
    size_t column;
    const struct query_text *values;
    size_t values_n;
    const struct sw_pattern *pattern;
};

enum query_function {
    FN_COUNT,
    FN_COUNT_DISTINCT,
    FN_SUM,
    FN_AVG,
    FN_MIN,
    FN_MAX,
    FN_EARLIEST,
    FN_LATEST,
    FN_MAX_
};

enum query_command_kind {
    CMD_FIELDS,
    CMD_DISPLAY,
    CMD_FILTER,
    CMD_PARSE,
    CMD_STATS,
    CMD_SORT,
    CMD_DEDUP,
    CMD_LIMIT
};

struct query_part {
    size_t column; /* fields, display, sort, dedup, by: which; stats: where the result goes */
    size_t from;   /* fields: what `column` takes; stats and by: what is looked at */
    bool descending, all;   /* sort; stats: count(*) */
    enum query_function fn; /* stats */
    int64_t bin_ms;         /* by: 0 for the value itself */
};

struct query_command {
    enum query_command_kind kind;
    struct query_part parts[QUERY_PARTS_MAX];
    size_t n;
    struct query_part by[QUERY_PARTS_MAX];
    size_t by_n;
    const struct query_test *test;
    size_t column;             /* parse */
    const char *const *pieces; /* parse: n + 1 texts around the n values */
    int64_t limit;
};

struct log_query {
    struct sw_arena arena;
    struct query_column columns[QUERY_COLUMNS_MAX];
    size_t columns_n;
    struct query_command *commands[QUERY_COMMANDS_MAX];
    size_t n;
    size_t shown[QUERY_COLUMNS_MAX];
    size_t shown_n;
    bool has_stats;
    int64_t limit; /* 0: not said */
};

/* Nothing but a number. */
bool query_number(struct sw_str text, double *ret);
