/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* launcher/api/logs_internal.h - what the handlers of the Logs API share; nobody else includes it. */
#include "launcher/api/logs.h"

#define LOGS_INVALID "InvalidParameterException"
#define LOGS_ARN_MAX 1300

struct logs_api {
    struct log_store *store;
    struct log_queries *queries; /* NULL without a store */
    struct logs_live *live;      /* the same */
    struct logs_seats *seats;    /* for FilterLogEvents that take long */
};

struct log_store *logs_store(const struct aws_call *call);
struct log_scope logs_scope(const struct aws_call *call); /* borrows from it */
/* Whose share it is (log_turns.h): the account, and the id of the user or role there. */
#define LOGS_CALLER_MAX 64
void logs_caller(const struct aws_call *call, char out[LOGS_CALLER_MAX]);
/* aws_may on a group ("" for all), or on a stream of it (NULL: the group), with the keys of the request's and the group's tags. */
int logs_may(struct aws_call *call, const char *group, const char *stream, struct sw_err *err);
int logs_may_action(struct aws_call *call, const char *action, const char *group,
                    struct sw_err *err);
int logs_may_tags(struct aws_call *call, const char *group, struct sw_err *err);
void logs_group_arn(const struct aws_call *call, const char *group, char out[LOGS_ARN_MAX]);
/* The group that logGroupName or logGroupIdentifier (a name or an ARN) names. */
int logs_group_name(const struct aws_call *call, char out[LOG_NAME_MAX + 1], struct sw_err *err);
/* The group of an ARN, with or without :*. */
int logs_group_of_arn(const struct aws_call *call, const char *arn, char out[LOG_NAME_MAX + 1],
                      struct sw_err *err);

/* logs_events.c */
int logs_put_log_events(struct aws_call *call, const void *in, json_t *out, struct sw_err *err);
int logs_get_log_events(struct aws_call *call, const void *in, json_t *out, struct sw_err *err);
int logs_filter_log_events(struct aws_call *call, const void *in, json_t *out, struct sw_err *err);

/* logs_queries.c */
int logs_start_live_tail(struct aws_call *call, const void *in, json_t *out, struct sw_err *err);
int logs_start_query(struct aws_call *call, const void *in, json_t *out, struct sw_err *err);
int logs_get_query_results(struct aws_call *call, const void *in, json_t *out, struct sw_err *err);
int logs_stop_query(struct aws_call *call, const void *in, json_t *out, struct sw_err *err);
int logs_describe_queries(struct aws_call *call, const void *in, json_t *out, struct sw_err *err);

/* logs_schema.c */
extern const struct sw_field logs_live_tail_in[];
extern const struct sw_field logs_start_query_in[];
extern const struct sw_field logs_query_id[];
extern const struct sw_field logs_query_results_out[];
extern const struct sw_field logs_stop_query_out[];
extern const struct sw_field logs_describe_queries_in[];
extern const struct sw_field logs_describe_queries_out[];
extern const struct sw_field logs_nothing_out[];
extern const struct sw_field logs_group_in[];
extern const struct sw_field logs_create_group_in[];
extern const struct sw_field logs_describe_groups_in[];
extern const struct sw_field logs_describe_groups_out[];
extern const struct sw_field logs_stream_in[];
extern const struct sw_field logs_describe_streams_in[];
extern const struct sw_field logs_describe_streams_out[];
extern const struct sw_field logs_put_events_in[];
extern const struct sw_field logs_put_events_out[];
extern const struct sw_field logs_get_events_in[];
extern const struct sw_field logs_get_events_out[];
extern const struct sw_field logs_filter_events_in[];
extern const struct sw_field logs_filter_events_out[];
extern const struct sw_field logs_put_retention_in[];
extern const struct sw_field logs_tag_resource_in[];
extern const struct sw_field logs_list_tags_in[];
extern const struct sw_field logs_list_tags_out[];
extern const struct sw_field logs_untag_resource_in[];
extern const struct sw_field logs_tag_group_in[];
extern const struct sw_field logs_untag_group_in[];
