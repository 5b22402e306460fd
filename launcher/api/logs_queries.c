/* SPDX-License-Identifier: Apache-2.0 */
/* launcher/api/logs_queries.c - StartQuery, GetQueryResults, StopQuery, DescribeQueries; StartLiveTail. */
#include <stdio.h>
#include <stdlib.h>

#include "api/eventstream.h"
#include "base/alloc.h"
#include "base/json.h"
#include "base/macros.h"
#include "launcher/api/logs_internal.h"
#include "launcher/api/logs_live.h"
#include "launcher/logs/log_queries.h"

#define PAGE_QUERIES 1000

struct group_names {
    char *names[LOG_QUERY_GROUPS_MAX];
    size_t n;
};

static void names_done(struct group_names *g)
{
    for (size_t i = 0; i < g->n; i++)
        free(g->names[i]);
}

/* A group that the caller may query and that is there. */
static int add_group(struct aws_call *call, struct group_names *g, const char *name,
                     struct sw_err *err)
{
    struct log_scope c = logs_scope(call);
    struct log_group_row row = {.tags = NULL};
    char of_arn[LOG_NAME_MAX + 1];
    int r = 0;
    if (strncmp(name, "arn:", 4) == 0) {
        r = logs_group_of_arn(call, name, of_arn, err);
        name = of_arn;
    }
    if (r < 0 || (r = logs_may(call, name, NULL, err)) < 0 ||
        (r = log_store_get_group(logs_store(call), &c, name, &row, err)) < 0)
        return r;
    log_group_row_done(&row);
    if (g->n == LOG_QUERY_GROUPS_MAX)
        return sw_fail(err, SW_EINVALID, LOGS_INVALID, "A query can have at most %d log groups.",
                       LOG_QUERY_GROUPS_MAX);
    g->names[g->n++] = sw_strdup(name);
    return 0;
}

static int group_names(struct aws_call *call, struct group_names *g, struct sw_err *err)
{
    const char *one = sw_json_str(call->input, "logGroupName", NULL);
    const json_t *names = sw_json_array(call->input, "logGroupNames"),
                 *identifiers = sw_json_array(call->input, "logGroupIdentifiers"), *v;
    const json_t *list = names ? names : identifiers;
    size_t i;
    if ((one != NULL) + (names != NULL) + (identifiers != NULL) != 1 ||
        (!one && json_array_size(list) == 0))
        return sw_fail(err, SW_EINVALID, LOGS_INVALID,
                       "Exactly one of logGroupName, logGroupNames and logGroupIdentifiers must be "
                       "given.");
    if (one)
        return add_group(call, g, one, err);
    json_array_foreach(list, i, v)
        if (add_group(call, g, json_string_value(v), err) < 0)
            return err->code;
    return 0;
}

/* -1: none that can be reckoned with. */
static int64_t seconds_of(const struct aws_call *call, const char *key)
{
    const double v = json_number_value(json_object_get(call->input, key));
    return v >= 0 && v < 9e15 ? (int64_t)v : -1;
}

int logs_start_query(struct aws_call *call, const void *in SW_UNUSED, json_t *out,
                     struct sw_err *err)
{
    const struct logs_api *a = call->service->ctx;
    struct group_names g = {.n = 0};
    char id[37], caller[LOGS_CALLER_MAX];
    const int64_t from = seconds_of(call, "startTime"), until = seconds_of(call, "endTime");
    logs_caller(call, caller);
    int r = group_names(call, &g, err);
    if (r == 0 && !sw_streq(sw_json_str(call->input, "queryLanguage", "CWLI"), "CWLI"))
        r = sw_fail(err, SW_EUNSUPPORTED, "UnsupportedFeatureException",
                    "'queryLanguage' %s is not supported.",
                    sw_json_str(call->input, "queryLanguage", ""));
    if (r == 0 && (from < 0 || until < from))
        r = sw_fail(err, SW_EINVALID, LOGS_INVALID, "endTime must not be before startTime.");
    const struct log_queries_request q = {
        .scope = logs_scope(call),
        .caller = caller,
        .groups = (const char *const *)g.names,
        .groups_n = g.n,
        .text = sw_json_str(call->input, "queryString", ""),
        .from_ms = from * 1000,
        .until_ms = until * 1000 + 1000,
        .limit = (int64_t)json_number_value(json_object_get(call->input, "limit")),
        .now_us = call->now_us};
    if (r == 0)
        r = log_queries_start(a->queries, &q, id, err);
    names_done(&g);
    if (r == 0)
        sw_json_set_str(out, "queryId", id);
    return r;
}

int logs_start_live_tail(struct aws_call *call, const void *in SW_UNUSED, json_t *out SW_UNUSED,
                         struct sw_err *err)
{
    const struct logs_api *a = call->service->ctx;
    struct group_names g = {.n = 0};
    char caller[LOGS_CALLER_MAX];
    struct logs_live_request r = {.scope = logs_scope(call),
                                  .caller = caller,
                                  .request_id = call->req->id,
                                  .stream_names = sw_json_array(call->input, "logStreamNames"),
                                  .stream_prefixes =
                                      sw_json_array(call->input, "logStreamNamePrefixes"),
                                  .filter = sw_json_str(call->input, "logEventFilterPattern", NULL),
                                  .now_us = call->now_us};
    logs_caller(call, caller);
    int e = group_names(call, &g, err);
    for (; e == 0 && r.groups_n < g.n; r.groups_n++)
        r.groups[r.groups_n] = g.names[r.groups_n];
    if (e == 0 && (r.stream_names || r.stream_prefixes) &&
        (g.n > 1 || (r.stream_names && r.stream_prefixes)))
        e = sw_fail(err, SW_EINVALID, LOGS_INVALID,
                    "logStreamNames or logStreamNamePrefixes can be given for one log group only, "
                    "and not both.");
    if (e == 0)
        e = logs_live_start(a->live, &r, &call->stream, err);
    call->stream_type = EVENTSTREAM_TYPE;
    names_done(&g);
    return e;
}

/* AWS: StopQuery and DescribeQueries have no type of resource. Whoever may has the right for all of the account. */
static int may_query(struct aws_call *call, struct sw_err *err)
{
    return logs_may(call, "", NULL, err);
}

/* GetQueryResults has the log group. Policies give it for all, as it long had no type of resource, and so nobody is shown what
 * others' queries found who could not ask the same. */
static int may_one(void *ctx, const char *group, struct sw_err *err)
{
    int r = logs_may(ctx, group, NULL, err);
    return r < 0 ? r : logs_may_action(ctx, "logs:StartQuery", group, err);
}

int logs_get_query_results(struct aws_call *call, const void *in SW_UNUSED, json_t *out,
                           struct sw_err *err)
{
    const struct logs_api *a = call->service->ctx;
    const struct log_scope c = logs_scope(call);
    const char *id = sw_json_str(call->input, "queryId", "");
    struct sw_err e = SW_ERR_INIT;
    int r = log_queries_each_group(a->queries, &c, id, may_one, call, &e);
    if (r == SW_ENOTFOUND && (r = may_query(call, err)) < 0) /* is not for everybody to know */
        return r;
    if (e.code)
        return sw_err_move(err, &e);
    return log_queries_result(a->queries, &c, id, out, err);
}

int logs_stop_query(struct aws_call *call, const void *in SW_UNUSED, json_t *out,
                    struct sw_err *err)
{
    const struct logs_api *a = call->service->ctx;
    const struct log_scope c = logs_scope(call);
    bool was_running = false;
    int r = may_query(call, err);
    if (r == 0)
        r = log_queries_stop(a->queries, &c, sw_json_str(call->input, "queryId", ""), &was_running,
                             err);
    if (r == 0 && !was_running)
        r = sw_fail(err, SW_EINVALID, LOGS_INVALID, "The specified query is not running.");
    if (r == 0)
        sw_json_set_bool(out, "success", true);
    return r;
}

int logs_describe_queries(struct aws_call *call, const void *in SW_UNUSED, json_t *out,
                          struct sw_err *err)
{
    const struct logs_api *a = call->service->ctx;
    const struct log_scope c = logs_scope(call);
    char after[64] = "", token[AWS_PAGE_TOKEN_MAX];
    const char *next = sw_json_str(call->input, "nextToken", NULL);
    const size_t max = (size_t)sw_json_int(call->input, "maxResults", PAGE_QUERIES);
    const json_t *v;
    size_t i;
    int r = may_query(call, err);
    if (r == 0 && next)
        r = aws_page_token_parse(next, after, sizeof after, LOGS_INVALID, err);
    if (r < 0)
        return r;
    sw_autojson json_t *all =
        log_queries_list(a->queries, &c, sw_json_str(call->input, "logGroupName", NULL),
                         sw_json_str(call->input, "status", NULL));
    json_t *page = json_array();
    bool reached = !*after;
    json_array_foreach(all, i, v) {
        const char *id = sw_json_str(v, "queryId", "");
        if (!reached) {
            reached = sw_streq(id, after);
            continue;
        }
        if (json_array_size(page) == max) {
            aws_page_token(sw_json_str(json_array_get(page, max - 1), "queryId", ""), token);
            sw_json_set_str(out, "nextToken", token);
            break;
        }
        json_array_append(page, (json_t *)v);
    }
    sw_json_set_new(out, "queries", page);
    return 0;
}
