/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* launcher/api/logs.h - the CloudWatch Logs API (AWS JSON 1.1) over launcher/logs.
 * Tables in logs_schema.c, handlers in logs_ops.c (groups, streams, tags), logs_events.c and logs_queries.c. Resources that may() is asked for, as
 * AWS forms them: log-group:NAME:log-stream:STREAM for one stream, log-group:NAME:log-stream: for a group, log-group::log-stream: for
 * lists of groups, log-group:NAME for its tags. Threads: shared freely. */
#include "api/awsjson.h"
#include "launcher/logs/log_store.h"

struct logs_api_options {
    struct log_store *store; /* NULL: the tables can be looked at, nothing can be called */
};

struct logs_api;
struct logs_api *logs_api_new(const struct logs_api_options *o);
void logs_api_free(struct logs_api *a);
void logs_api_reset(struct logs_api *a); /* after log_store_reset: no query of before is known */
struct aws_service logs_aws_service(struct logs_api *a); /* Logs_20140328 */
