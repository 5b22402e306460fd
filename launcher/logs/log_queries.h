/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* launcher/logs/log_queries.h - queries that run, and the results of those that did. In memory: a restart forgets them.
 * Bounded: two run at a time, PLACES wait or run; each ends after QUERY_MS; the results of the last ones are kept. Callers share all
 * of it (log_turns.h): places, turns, and the room for results, where the oldest of whoever has most goes first.
 * Threads: shared freely; two of its own. Expected errors: SW_ENOTFOUND "ResourceNotFoundException", SW_ELIMIT
 * "LimitExceededException", those of log_query_parse. */
#include <jansson.h>

#include "launcher/logs/log_store.h"

#define LOG_QUERY_GROUPS_MAX 50

struct log_queries;
struct log_queries *log_queries_new(struct log_store *store);
void log_queries_free(struct log_queries *q);  /* stops what runs; NULL ok */
void log_queries_reset(struct log_queries *q); /* all are stopped and forgotten */

struct log_queries_request {
    struct log_scope scope;
    const char *caller;        /* log_turns.h's */
    const char *const *groups; /* names; each is there */
    size_t groups_n;
    const char *text;
    int64_t from_ms, until_ms; /* until is not included */
    int64_t limit;             /* 0: none */
    int64_t now_us;
};
int log_queries_start(struct log_queries *q, const struct log_queries_request *r, char ret_id[37],
                      struct sw_err *err);
/* The groups that it asks, as long as fn returns 0; else what fn returned. */
int log_queries_each_group(struct log_queries *q, const struct log_scope *c, const char *id,
                           int (*fn)(void *ctx, const char *group, struct sw_err *err), void *ctx,
                           struct sw_err *err);
/* GetQueryResults' answer. */
int log_queries_result(struct log_queries *q, const struct log_scope *c, const char *id,
                       json_t *out, struct sw_err *err);
/* *ret: whether it was running. */
int log_queries_stop(struct log_queries *q, const struct log_scope *c, const char *id, bool *ret,
                     struct sw_err *err);
/* DescribeQueries' entries, the newest first; group, status: NULL for all. Owned by the caller. */
json_t *log_queries_list(struct log_queries *q, const struct log_scope *c, const char *group,
                         const char *status);
