/* SPDX-License-Identifier: Apache-2.0 */
/* launcher/api/logs_ops.c - groups, streams, retention, tags; and the table of operations. */
#include <stdio.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/json.h"
#include "base/macros.h"
#include "launcher/api/logs_internal.h"

#define PAGE_DEFAULT 50

static const char *text(const struct aws_call *call, const char *member)
{
    return sw_json_str(call->input, member, NULL);
}

static int create_group(struct aws_call *call, const void *in SW_UNUSED, json_t *out SW_UNUSED,
                        struct sw_err *err)
{
    struct log_scope c = logs_scope(call);
    const char *name = text(call, "logGroupName");
    int r = logs_may(call, name, NULL, err);
    if (r == 0 && !sw_streq(sw_json_str(call->input, "logGroupClass", "STANDARD"), "STANDARD"))
        r = sw_fail(err, SW_EUNSUPPORTED, "UnsupportedFeatureException",
                    "'logGroupClass' %s is not supported.", text(call, "logGroupClass"));
    return r < 0 ? r
                 : log_store_create_group(logs_store(call), &c, name,
                                          sw_json_object(call->input, "tags"), err);
}

static int delete_group(struct aws_call *call, const void *in SW_UNUSED, json_t *out SW_UNUSED,
                        struct sw_err *err)
{
    struct log_scope c = logs_scope(call);
    const char *name = text(call, "logGroupName");
    int r = logs_may(call, name, NULL, err);
    return r < 0 ? r : log_store_delete_group(logs_store(call), &c, name, err);
}

struct group_list {
    const struct aws_call *call;
    json_t *list;
    size_t limit;
    bool more;
    char last[LOG_NAME_MAX + 1];
};

static int add_group(void *ctx, const struct log_group_row *g)
{
    struct group_list *l = ctx;
    char arn[LOGS_ARN_MAX];
    if (json_array_size(l->list) == l->limit) {
        l->more = true;
        return 1;
    }
    json_t *o = json_object();
    logs_group_arn(l->call, g->name, arn);
    sw_autofree char *all = sw_asprintf("%s:*", arn);
    sw_json_set_str(o, "logGroupName", g->name);
    sw_json_set_int(o, "creationTime", g->created_ms);
    if (g->retention_days > 0)
        sw_json_set_int(o, "retentionInDays", g->retention_days);
    sw_json_set_int(o, "metricFilterCount", 0);
    sw_json_set_str(o, "arn", all);
    sw_json_set_int(o, "storedBytes", g->stored_bytes);
    sw_json_set_str(o, "logGroupClass", "STANDARD");
    sw_json_set_str(o, "logGroupArn", arn);
    json_array_append_new(l->list, o);
    (void)sw_str_copy(sw_str(g->name), l->last, sizeof l->last);
    return 0;
}

static int describe_groups(struct aws_call *call, const void *in SW_UNUSED, json_t *out,
                           struct sw_err *err)
{
    struct log_scope c = logs_scope(call);
    char after[LOG_NAME_MAX + 1], token[AWS_PAGE_TOKEN_MAX];
    const char *next = text(call, "nextToken"), *prefix = text(call, "logGroupNamePrefix"),
               *pattern = text(call, "logGroupNamePattern");
    struct group_list l = {.call = call,
                           .list = json_array(),
                           .limit = (size_t)sw_json_int(call->input, "limit", PAGE_DEFAULT)};
    sw_json_set_new(out, "logGroups", l.list);
    int r = logs_may(call, "", NULL, err);
    if (r == 0 && prefix && pattern)
        r = sw_fail(err, SW_EINVALID, LOGS_INVALID,
                    "LogGroup name prefix and LogGroup name pattern are mutually exclusive "
                    "parameters.");
    if (r == 0 && next)
        r = aws_page_token_parse(next, after, sizeof after, LOGS_INVALID, err);
    if (r < 0 || !sw_streq(sw_json_str(call->input, "logGroupClass", "STANDARD"), "STANDARD"))
        return r;
    r = log_store_list_groups(logs_store(call), &c, prefix, pattern, next ? after : NULL,
                              l.limit + 1, add_group, &l, err);
    if (r == 0 && l.more) {
        aws_page_token(l.last, token);
        sw_json_set_str(out, "nextToken", token);
    }
    return r;
}

static int create_stream(struct aws_call *call, const void *in SW_UNUSED, json_t *out SW_UNUSED,
                         struct sw_err *err)
{
    struct log_scope c = logs_scope(call);
    const char *group = text(call, "logGroupName"), *stream = text(call, "logStreamName");
    int r = logs_may(call, group, stream, err);
    return r < 0 ? r : log_store_create_stream(logs_store(call), &c, group, stream, err);
}

static int delete_stream(struct aws_call *call, const void *in SW_UNUSED, json_t *out SW_UNUSED,
                         struct sw_err *err)
{
    struct log_scope c = logs_scope(call);
    const char *group = text(call, "logGroupName"), *stream = text(call, "logStreamName");
    int r = logs_may(call, group, stream, err);
    return r < 0 ? r : log_store_delete_stream(logs_store(call), &c, group, stream, err);
}

static json_t *stream_json(const struct aws_call *call, const char *group,
                           const struct log_stream_row *s)
{
    char arn[LOGS_ARN_MAX];
    json_t *o = json_object();
    logs_group_arn(call, group, arn);
    sw_autofree char *full = sw_asprintf("%s:log-stream:%s", arn, s->name);
    sw_autofree char *sequence = sw_asprintf("49%054llu", (unsigned long long)s->stat.events);
    sw_json_set_str(o, "logStreamName", s->name);
    sw_json_set_int(o, "creationTime", s->created_ms);
    if (s->stat.events > 0) {
        sw_json_set_int(o, "firstEventTimestamp", s->stat.first_ms);
        sw_json_set_int(o, "lastEventTimestamp", s->stat.last_ms);
        sw_json_set_int(o, "lastIngestionTime", s->stat.last_ingestion_ms);
        sw_json_set_str(o, "uploadSequenceToken", sequence);
    }
    sw_json_set_str(o, "arn", full);
    sw_json_set_int(o, "storedBytes", s->stat.bytes);
    return o;
}

/* How DescribeLogStreams orders: by name, or by the last event, then name. */
struct order {
    bool by_time, descending;
};

static int64_t last_event(const struct log_stream_row *s)
{
    return s->stat.events ? s->stat.last_ms : 0;
}

static int compare(const void *a, const void *b, void *ctx)
{
    const struct log_stream_row *x = a, *y = b;
    const struct order *o = ctx;
    const int64_t m = o->by_time ? last_event(x) : 0, n = o->by_time ? last_event(y) : 0;
    const int c = m != n ? (m < n ? -1 : 1) : strcmp(x->name, y->name);
    return o->descending ? -c : c;
}

/* All of them in the order asked for. */
static int sorted_streams(struct aws_call *call, const struct log_group_row *g, struct order *o,
                          struct log_stream_row **ret, size_t *ret_n, struct sw_err *err)
{
    int r = log_store_list_streams(logs_store(call), g->id, text(call, "logStreamNamePrefix"), NULL,
                                   ret, ret_n, err);
    for (size_t i = 0; r == 0 && o->by_time && i < *ret_n; i++)
        r = log_store_stream_stat(logs_store(call), g->id, &(*ret)[i], err);
    if (r == 0 && *ret_n)
        qsort_r(*ret, *ret_n, sizeof **ret, compare, o);
    return r;
}

/* Tokens hold the key of the last stream of a page, so a page begins behind it though that stream has gone: "LAST-EVENT/NAME". */
static int parse_key(const char *token, struct log_stream_row *ret, struct sw_err *err)
{
    char key[LOG_NAME_MAX + 32];
    int r = aws_page_token_parse(token, key, sizeof key, LOGS_INVALID, err);
    struct sw_str name = sw_str(r == 0 ? key : ""), time;
    *ret = (struct log_stream_row){.stat = {.events = 1}};
    if (r == 0 && (!sw_str_split(&name, '/', &time) || !sw_parse_i64(time, &ret->stat.last_ms) ||
                   !name.p || !sw_str_copy(name, ret->name, sizeof ret->name)))
        r = sw_fail(err, SW_EINVALID, LOGS_INVALID, "The specified nextToken is invalid.");
    return r;
}

static void set_key(const struct log_stream_row *last, const struct order *o, json_t *out)
{
    char token[AWS_PAGE_TOKEN_MAX];
    sw_autofree char *key =
        sw_asprintf("%lld/%s", (long long)(o->by_time ? last_event(last) : 0), last->name);
    aws_page_token(key, token);
    sw_json_set_str(out, "nextToken", token);
}

static int page_of_streams(struct aws_call *call, const struct log_group_row *g, struct order *o,
                           const struct log_stream_row *after, json_t *out, struct sw_err *err)
{
    sw_autofree struct log_stream_row *list = NULL;
    size_t n = 0, from = 0;
    const size_t limit = (size_t)sw_json_int(call->input, "limit", PAGE_DEFAULT);
    json_t *streams = json_array();
    sw_json_set_new(out, "logStreams", streams);
    int r = o->by_time || o->descending
                ? sorted_streams(call, g, o, &list, &n, err)
                : log_store_page_streams(logs_store(call), g->id, text(call, "logStreamNamePrefix"),
                                         after ? after->name : NULL, limit + 1, &list, &n, err);
    while (r == 0 && after && from < n && compare(&list[from], after, o) <= 0)
        from++;
    for (size_t i = from; r == 0 && i < n && i < from + limit; i++) {
        r = o->by_time ? 0 : log_store_stream_stat(logs_store(call), g->id, &list[i], err);
        if (r == 0)
            json_array_append_new(streams, stream_json(call, g->name, &list[i]));
    }
    if (r == 0 && from + limit < n)
        set_key(&list[from + limit - 1], o, out);
    return r;
}

static int describe_streams(struct aws_call *call, const void *in SW_UNUSED, json_t *out,
                            struct sw_err *err)
{
    struct log_scope c = logs_scope(call);
    struct log_group_row g = {.tags = NULL};
    char group[LOG_NAME_MAX + 1];
    struct log_stream_row after;
    struct order o = {.by_time = sw_streq(text(call, "orderBy"), "LastEventTime"),
                      .descending = sw_json_bool(call->input, "descending", false)};
    const char *next = text(call, "nextToken");
    int r = logs_group_name(call, group, err);
    if (r < 0 || (r = logs_may(call, group, NULL, err)) < 0)
        return r;
    if (o.by_time && text(call, "logStreamNamePrefix"))
        return sw_fail(err, SW_EINVALID, LOGS_INVALID,
                       "Cannot order by LastEventTime with a logStreamNamePrefix.");
    if ((next && (r = parse_key(next, &after, err)) < 0) ||
        (r = log_store_get_group(logs_store(call), &c, group, &g, err)) < 0)
        return r;
    r = page_of_streams(call, &g, &o, next ? &after : NULL, out, err);
    log_group_row_done(&g);
    return r;
}

static int put_retention(struct aws_call *call, const void *in SW_UNUSED, json_t *out SW_UNUSED,
                         struct sw_err *err)
{
    static const int64_t allowed[] = {1,   3,   5,   7,   14,   30,   60,   90,   120,  150,  180,
                                      365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653};
    struct log_scope c = logs_scope(call);
    const char *name = text(call, "logGroupName");
    const json_t *v = json_object_get(call->input, "retentionInDays");
    const int64_t days = (int64_t)json_number_value(v);
    int r = logs_may(call, name, NULL, err);
    for (size_t i = 0; r == 0 && i < SW_ARRAY_LEN(allowed); i++)
        if (allowed[i] == days)
            return log_store_set_retention(logs_store(call), &c, name, days, err);
    return r < 0 ? r
                 : sw_fail(err, SW_EINVALID, LOGS_INVALID,
                           "1 validation error detected: Value '%lld' at 'retentionInDays' failed "
                           "to satisfy constraint: Member must satisfy enum value set: [1, 3, 5, "
                           "7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, "
                           "2192, 2557, 2922, 3288, 3653]",
                           (long long)days);
}

static int delete_retention(struct aws_call *call, const void *in SW_UNUSED, json_t *out SW_UNUSED,
                            struct sw_err *err)
{
    struct log_scope c = logs_scope(call);
    const char *name = text(call, "logGroupName");
    int r = logs_may(call, name, NULL, err);
    return r < 0 ? r : log_store_set_retention(logs_store(call), &c, name, 0, err);
}

/* --- tags: by ARN, and the older operations by name --- */

static int tagged_group(struct aws_call *call, char out[LOG_NAME_MAX + 1], struct sw_err *err)
{
    const char *arn = text(call, "resourceArn");
    int r = 0;
    if (arn)
        r = logs_group_of_arn(call, arn, out, err);
    else
        (void)sw_str_copy(sw_str(text(call, "logGroupName")), out, LOG_NAME_MAX + 1);
    return r < 0 ? r : logs_may_tags(call, out, err);
}

static int tag(struct aws_call *call, const void *in SW_UNUSED, json_t *out SW_UNUSED,
               struct sw_err *err)
{
    struct log_scope c = logs_scope(call);
    char group[LOG_NAME_MAX + 1];
    int r = tagged_group(call, group, err);
    return r < 0 ? r
                 : log_store_set_tags(logs_store(call), &c, group,
                                      sw_json_object(call->input, "tags"), NULL, err);
}

static int untag(struct aws_call *call, const void *in SW_UNUSED, json_t *out SW_UNUSED,
                 struct sw_err *err)
{
    struct log_scope c = logs_scope(call);
    char group[LOG_NAME_MAX + 1];
    const json_t *keys = sw_json_array(call->input, "tagKeys");
    int r = tagged_group(call, group, err);
    return r < 0 ? r
                 : log_store_set_tags(logs_store(call), &c, group, NULL,
                                      keys ? keys : sw_json_array(call->input, "tags"), err);
}

static int list_tags(struct aws_call *call, const void *in SW_UNUSED, json_t *out,
                     struct sw_err *err)
{
    struct log_scope c = logs_scope(call);
    struct log_group_row g = {.tags = NULL};
    char group[LOG_NAME_MAX + 1];
    int r = tagged_group(call, group, err);
    if (r < 0 || (r = log_store_get_group(logs_store(call), &c, group, &g, err)) < 0)
        return r;
    sw_json_set_new(out, "tags", json_incref(g.tags));
    log_group_row_done(&g);
    return 0;
}

/* clang-format off */
#define OP(n, f, i, o) {.name = n, .fn = f, .in = i, .out = o, .action = "logs:" n}
static const struct aws_op ops[] = {
    OP("CreateLogGroup",        create_group,     logs_create_group_in,     logs_nothing_out),
    OP("CreateLogStream",       create_stream,    logs_stream_in,           logs_nothing_out),
    OP("DeleteLogGroup",        delete_group,     logs_group_in,            logs_nothing_out),
    OP("DeleteLogStream",       delete_stream,    logs_stream_in,           logs_nothing_out),
    OP("DeleteRetentionPolicy", delete_retention, logs_group_in,            logs_nothing_out),
    OP("DescribeLogGroups",     describe_groups,  logs_describe_groups_in,  logs_describe_groups_out),
    OP("DescribeLogStreams",    describe_streams, logs_describe_streams_in, logs_describe_streams_out),
    OP("DescribeQueries",       logs_describe_queries, logs_describe_queries_in, logs_describe_queries_out),
    OP("FilterLogEvents",       logs_filter_log_events, logs_filter_events_in, logs_filter_events_out),
    OP("GetLogEvents",          logs_get_log_events, logs_get_events_in,    logs_get_events_out),
    OP("GetQueryResults",       logs_get_query_results, logs_query_id,       logs_query_results_out),
    OP("ListTagsForResource",   list_tags,        logs_list_tags_in,        logs_list_tags_out),
    OP("ListTagsLogGroup",      list_tags,        logs_group_in,            logs_list_tags_out),
    OP("PutLogEvents",          logs_put_log_events, logs_put_events_in,    logs_put_events_out),
    OP("PutRetentionPolicy",    put_retention,    logs_put_retention_in,    logs_nothing_out),
    OP("StartLiveTail",         logs_start_live_tail, logs_live_tail_in,    logs_nothing_out),
    OP("StartQuery",            logs_start_query, logs_start_query_in,      logs_query_id),
    OP("StopQuery",             logs_stop_query,  logs_query_id,            logs_stop_query_out),
    OP("TagLogGroup",           tag,              logs_tag_group_in,        logs_nothing_out),
    OP("TagResource",           tag,              logs_tag_resource_in,     logs_nothing_out),
    OP("UntagLogGroup",         untag,            logs_untag_group_in,      logs_nothing_out),
    OP("UntagResource",         untag,            logs_untag_resource_in,   logs_nothing_out),
};
/* clang-format on */

/* Operations of the service that are not implemented. */
static const char *const unimplemented[] = {
    "AssociateKmsKey",
    "AssociateSourceToS3TableIntegration",
    "CancelExportTask",
    "CancelImportTask",
    "CreateDelivery",
    "CreateExportTask",
    "CreateImportTask",
    "CreateLogAnomalyDetector",
    "CreateScheduledQuery",
    "DeleteAccountPolicy",
    "DeleteDataProtectionPolicy",
    "DeleteDelivery",
    "DeleteDeliveryDestination",
    "DeleteDeliveryDestinationPolicy",
    "DeleteDeliverySource",
    "DeleteDestination",
    "DeleteIndexPolicy",
    "DeleteIntegration",
    "DeleteLogAnomalyDetector",
    "DeleteMetricFilter",
    "DeleteQueryDefinition",
    "DeleteResourcePolicy",
    "DeleteScheduledQuery",
    "DeleteSubscriptionFilter",
    "DeleteTransformer",
    "DescribeAccountPolicies",
    "DescribeConfigurationTemplates",
    "DescribeDeliveries",
    "DescribeDeliveryDestinations",
    "DescribeDeliverySources",
    "DescribeDestinations",
    "DescribeExportTasks",
    "DescribeFieldIndexes",
    "DescribeImportTaskBatches",
    "DescribeImportTasks",
    "DescribeIndexPolicies",
    "DescribeMetricFilters",
    "DescribeQueryDefinitions",
    "DescribeResourcePolicies",
    "DescribeSubscriptionFilters",
    "DisassociateKmsKey",
    "DisassociateSourceFromS3TableIntegration",
    "GetDataProtectionPolicy",
    "GetDelivery",
    "GetDeliveryDestination",
    "GetDeliveryDestinationPolicy",
    "GetDeliverySource",
    "GetIntegration",
    "GetLogAnomalyDetector",
    "GetLogFields",
    "GetLogGroupFields",
    "GetLogObject",
    "GetLogRecord",
    "GetScheduledQuery",
    "GetScheduledQueryHistory",
    "GetTransformer",
    "ListAggregateLogGroupSummaries",
    "ListAnomalies",
    "ListIntegrations",
    "ListLogAnomalyDetectors",
    "ListLogGroups",
    "ListLogGroupsForQuery",
    "ListScheduledQueries",
    "ListSourcesForS3TableIntegration",
    "PutAccountPolicy",
    "PutBearerTokenAuthentication",
    "PutDataProtectionPolicy",
    "PutDeliveryDestination",
    "PutDeliveryDestinationPolicy",
    "PutDeliverySource",
    "PutDestination",
    "PutDestinationPolicy",
    "PutIndexPolicy",
    "PutIntegration",
    "PutLogGroupDeletionProtection",
    "PutMetricFilter",
    "PutQueryDefinition",
    "PutResourcePolicy",
    "PutSubscriptionFilter",
    "PutTransformer",
    "TestMetricFilter",
    "TestTransformer",
    "UpdateAnomaly",
    "UpdateDeliveryConfiguration",
    "UpdateLogAnomalyDetector",
    "UpdateScheduledQuery",
    NULL,
};

struct aws_service logs_aws_service(struct logs_api *a)
{
    return (struct aws_service){.signing_name = "logs",
                                .target_prefix = "Logs_20140328",
                                .invalid_reason = LOGS_INVALID,
                                .ops = ops,
                                .ops_n = SW_ARRAY_LEN(ops),
                                .unimplemented = unimplemented,
                                .ctx = a};
}
