/* SPDX-License-Identifier: Apache-2.0 */
/* launcher/api/logs_schema.c - the tables of CloudWatch Logs, after the API model of 2014-03-28; members that newer models added
 * are at the end of their structure. */
#include <string.h>

#include "launcher/api/ecs_schema.h"
#include "launcher/api/logs_internal.h"
#include "launcher/logs/log_pattern.h"
#include "launcher/logs/log_query.h"

/* clang-format off */
#define GROUP(f)   STRING("logGroupName", (f) | F_LIMITS, .min = 1, .max = 512, .check = log_group_name_valid, .pattern = "[\\.\\-_/#A-Za-z0-9]+")
#define STREAM(n, f) STRING(n, (f) | F_LIMITS, .min = 1, .max = 512, .check = log_stream_name_valid, .pattern = "[^:*]*")
#define IDENTIFIER STRING("logGroupIdentifier", F_READ | F_LIMITS, .min = 1, .max = 2048, .check = identifier_valid, .pattern = "[\\w#+=/:,.@-]*")
#define TOKEN      STRING("nextToken", F_READ | F_LIMITS, .min = 1, .max = 1024)
#define PAGE(m)    INTEGER("limit", F_READ | F_LIMITS, .min = 1, .max = (m))
#define WHEN(n)    LONG(n, F_READ | F_LIMITS, .min = 0, .max = -1)
#define ARN        STRING("resourceArn", F_READ | F_REQUIRED | F_LIMITS, .min = 1, .max = 1011, .check = arn_valid, .pattern = "[\\w+=/:,.@-]*")
/* clang-format on */

static bool only(const char *text, const char *more)
{
    static const char word[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_";
    for (; *text; text++)
        if (!strchr(word, *text) && !strchr(more, *text))
            return false;
    return true;
}

static bool identifier_valid(const char *text)
{
    return only(text, "#+=/:,.@-*");
}

static bool arn_valid(const char *text)
{
    return only(text, "#+=/:,.@-*");
}

static bool pattern_valid(const char *text)
{
    return only(text, ".-/#");
}

static const struct sw_field tags_map[] = {
    STRING("key", F_LIMITS, .min = 1, .max = 128),
    STRING("value", F_LIMITS, .min = 0, .max = 256),
};
static const struct sw_field tag_keys[] = {STRING("member", F_LIMITS, .min = 1, .max = 128)};
static const struct sw_field stream_names[] = {STREAM("member", 0)};
static const struct sw_field account_ids[] = {STRING("member", F_LIMITS, .min = 12, .max = 12)};
static const char *const class_values[] = {"STANDARD", "INFREQUENT_ACCESS", "DELIVERY", NULL};
static const char *const order_values[] = {"LogStreamName", "LastEventTime", NULL};
static const char *const protection_values[] = {"ACTIVATED", "DELETED", "ARCHIVED", "DISABLED",
                                                NULL};

const struct sw_field logs_nothing_out[] = {F_END};

const struct sw_field logs_group_in[] = {GROUP(F_READ | F_REQUIRED), F_END};

const struct sw_field logs_create_group_in[] = {
    GROUP(F_READ | F_REQUIRED),
    STRING("kmsKeyId", F_REFUSED | F_LIMITS, .min = 0, .max = 256),
    MAP("tags", F_READ | F_LIMITS, tags_map, .min = 1, .max = 50),
    ENUM("logGroupClass", F_READ, class_values),
    BOOLEAN("deletionProtectionEnabled", F_REFUSED),
    F_END,
};

const struct sw_field logs_describe_groups_in[] = {
    LIST("accountIdentifiers", F_REFUSED | F_LIMITS, account_ids, .min = 0, .max = 20),
    STRING("logGroupNamePrefix", F_READ | F_LIMITS, .min = 1, .max = 512,
           .check = log_group_name_valid, .pattern = "[\\.\\-_/#A-Za-z0-9]+"),
    STRING("logGroupNamePattern", F_READ | F_LIMITS, .min = 0, .max = 512, .check = pattern_valid,
           .pattern = "[\\.\\-_/#A-Za-z0-9]*"),
    TOKEN,
    PAGE(50),
    BOOLEAN("includeLinkedAccounts", F_REFUSED),
    ENUM("logGroupClass", F_READ, class_values),
    LIST("logGroupIdentifiers", F_REFUSED, stream_names),
    F_END,
};

static const struct sw_field group_row[] = {
    STRING("logGroupName", 0),
    LONG("creationTime", 0),
    INTEGER("retentionInDays", 0),
    INTEGER("metricFilterCount", 0),
    STRING("arn", 0),
    LONG("storedBytes", 0),
    STRING("kmsKeyId", 0),
    ENUM("dataProtectionStatus", 0, protection_values),
    ENUM("logGroupClass", 0, class_values),
    STRING("logGroupArn", 0),
    F_END,
};
static const struct sw_field group_rows[] = {STRUCT("member", 0, group_row)};

const struct sw_field logs_describe_groups_out[] = {
    LIST("logGroups", 0, group_rows),
    STRING("nextToken", 0),
    F_END,
};

const struct sw_field logs_stream_in[] = {
    GROUP(F_READ | F_REQUIRED),
    STREAM("logStreamName", F_READ | F_REQUIRED),
    F_END,
};

const struct sw_field logs_describe_streams_in[] = {
    GROUP(F_READ),
    IDENTIFIER,
    STREAM("logStreamNamePrefix", F_READ),
    ENUM("orderBy", F_READ, order_values),
    BOOLEAN("descending", F_READ),
    TOKEN,
    PAGE(50),
    F_END,
};

static const struct sw_field stream_row[] = {
    STRING("logStreamName", 0),
    LONG("creationTime", 0),
    LONG("firstEventTimestamp", 0),
    LONG("lastEventTimestamp", 0),
    LONG("lastIngestionTime", 0),
    STRING("uploadSequenceToken", 0),
    STRING("arn", 0),
    LONG("storedBytes", 0),
    F_END,
};
static const struct sw_field stream_rows[] = {STRUCT("member", 0, stream_row)};

const struct sw_field logs_describe_streams_out[] = {
    LIST("logStreams", 0, stream_rows),
    STRING("nextToken", 0),
    F_END,
};

static const struct sw_field input_event[] = {
    LONG("timestamp", F_READ | F_REQUIRED | F_LIMITS, .min = 0, .max = -1),
    STRING("message", F_READ | F_REQUIRED | F_LIMITS, .min = 1, .max = -1),
    F_END,
};
static const struct sw_field input_events[] = {STRUCT("member", 0, input_event)};
static const struct sw_field entity_map[] = {STRING("key", 0), STRING("value", 0)};
static const struct sw_field entity[] = {
    MAP("keyAttributes", F_READ, entity_map),
    MAP("attributes", F_READ, entity_map),
    F_END,
};

const struct sw_field logs_put_events_in[] = {
    GROUP(F_READ | F_REQUIRED),
    STREAM("logStreamName", F_READ | F_REQUIRED),
    LIST("logEvents", F_READ | F_REQUIRED | F_LIMITS, input_events, .min = 1, .max = 10000),
    STRING("sequenceToken", F_READ | F_LIMITS, .min = 1, .max = -1),
    STRUCT("entity", F_READ, entity),
    F_END,
};

static const struct sw_field rejected_events[] = {
    INTEGER("tooNewLogEventStartIndex", 0),
    INTEGER("tooOldLogEventEndIndex", 0),
    INTEGER("expiredLogEventEndIndex", 0),
    F_END,
};
static const char *const entity_error_values[] = {"InvalidEntity", "UnsupportedLogGroupType", NULL};
static const struct sw_field rejected_entity[] = {ENUM("errorType", 0, entity_error_values), F_END};

const struct sw_field logs_put_events_out[] = {
    STRING("nextSequenceToken", 0),
    STRUCT("rejectedLogEventsInfo", 0, rejected_events),
    STRUCT("rejectedEntityInfo", 0, rejected_entity),
    F_END,
};

const struct sw_field logs_get_events_in[] = {
    GROUP(F_READ),
    IDENTIFIER,
    STREAM("logStreamName", F_READ | F_REQUIRED),
    WHEN("startTime"),
    WHEN("endTime"),
    TOKEN,
    PAGE(10000),
    BOOLEAN("startFromHead", F_READ),
    BOOLEAN("unmask", F_REFUSED),
    F_END,
};

static const struct sw_field output_event[] = {
    LONG("timestamp", 0),
    STRING("message", 0),
    LONG("ingestionTime", 0),
    F_END,
};
static const struct sw_field output_events[] = {STRUCT("member", 0, output_event)};

const struct sw_field logs_get_events_out[] = {
    LIST("events", 0, output_events),
    STRING("nextForwardToken", 0),
    STRING("nextBackwardToken", 0),
    F_END,
};

const struct sw_field logs_filter_events_in[] = {
    GROUP(F_READ),
    IDENTIFIER,
    LIST("logStreamNames", F_READ | F_LIMITS, stream_names, .min = 1, .max = 100),
    STREAM("logStreamNamePrefix", F_READ),
    WHEN("startTime"),
    WHEN("endTime"),
    STRING("filterPattern", F_READ | F_LIMITS, .min = 0, .max = LOG_PATTERN_MAX),
    TOKEN,
    PAGE(10000),
    BOOLEAN("interleaved", F_READ),
    BOOLEAN("unmask", F_REFUSED),
    F_END,
};

static const struct sw_field filtered_event[] = {
    STRING("logStreamName", 0), LONG("timestamp", 0), STRING("message", 0),
    LONG("ingestionTime", 0),   STRING("eventId", 0), F_END,
};
static const struct sw_field filtered_events[] = {STRUCT("member", 0, filtered_event)};
static const struct sw_field searched_stream[] = {
    STRING("logStreamName", 0),
    BOOLEAN("searchedCompletely", 0),
    F_END,
};
static const struct sw_field searched_streams[] = {STRUCT("member", 0, searched_stream)};

const struct sw_field logs_filter_events_out[] = {
    LIST("events", 0, filtered_events),
    LIST("searchedLogStreams", 0, searched_streams),
    STRING("nextToken", 0),
    F_END,
};

const struct sw_field logs_put_retention_in[] = {
    GROUP(F_READ | F_REQUIRED),
    INTEGER("retentionInDays", F_READ | F_REQUIRED),
    F_END,
};

const struct sw_field logs_tag_resource_in[] = {
    ARN,
    MAP("tags", F_READ | F_REQUIRED | F_LIMITS, tags_map, .min = 1, .max = 50),
    F_END,
};

const struct sw_field logs_list_tags_in[] = {ARN, F_END};

const struct sw_field logs_list_tags_out[] = {MAP("tags", 0, tags_map), F_END};

const struct sw_field logs_untag_resource_in[] = {
    ARN,
    LIST("tagKeys", F_READ | F_REQUIRED | F_LIMITS, tag_keys, .min = 0, .max = 50),
    F_END,
};

const struct sw_field logs_tag_group_in[] = {
    GROUP(F_READ | F_REQUIRED),
    MAP("tags", F_READ | F_REQUIRED | F_LIMITS, tags_map, .min = 1, .max = 50),
    F_END,
};

const struct sw_field logs_untag_group_in[] = {
    GROUP(F_READ | F_REQUIRED),
    LIST("tags", F_READ | F_REQUIRED | F_LIMITS, tag_keys, .min = 1, .max = -1),
    F_END,
};

static const char *const language_values[] = {"CWLI", "SQL", "PPL", NULL};
static const char *const status_values[] = {"Scheduled", "Running", "Complete", "Failed",
                                            "Cancelled", "Timeout", "Unknown",  NULL};
static const struct sw_field group_names[] = {GROUP(F_READ)};
static const struct sw_field group_identifiers[] = {STRING("member", F_READ | F_LIMITS, .min = 1,
                                                           .max = 2048, .check = identifier_valid,
                                                           .pattern = "[\\w#+=/:,.@-]*")};

const struct sw_field logs_start_query_in[] = {
    GROUP(F_READ),
    LIST("logGroupNames", F_READ, group_names),
    LIST("logGroupIdentifiers", F_READ, group_identifiers),
    LONG("startTime", F_READ | F_REQUIRED | F_LIMITS, .min = 0, .max = -1),
    LONG("endTime", F_READ | F_REQUIRED | F_LIMITS, .min = 0, .max = -1),
    STRING("queryString", F_READ | F_REQUIRED | F_LIMITS, .min = 0, .max = LOG_QUERY_TEXT_MAX),
    PAGE(10000),
    ENUM("queryLanguage", F_READ, language_values),
    F_END,
};

const struct sw_field logs_query_id[] = {
    STRING("queryId", F_READ | F_REQUIRED | F_LIMITS, .min = 0, .max = 256),
    F_END,
};

static const struct sw_field result_field[] = {STRING("field", 0), STRING("value", 0), F_END};
static const struct sw_field result_fields[] = {STRUCT("member", 0, result_field)};
static const struct sw_field result_rows[] = {LIST("member", 0, result_fields)};
static const struct sw_field query_statistics[] = {
    DOUBLE("recordsMatched", 0),
    DOUBLE("recordsScanned", 0),
    DOUBLE("bytesScanned", 0),
    F_END,
};

const struct sw_field logs_query_results_out[] = {
    LIST("results", 0, result_rows),
    STRUCT("statistics", 0, query_statistics),
    ENUM("status", 0, status_values),
    ENUM("queryLanguage", 0, language_values),
    F_END,
};

const struct sw_field logs_stop_query_out[] = {BOOLEAN("success", 0), F_END};

const struct sw_field logs_describe_queries_in[] = {
    GROUP(F_READ),
    ENUM("status", F_READ, status_values),
    INTEGER("maxResults", F_READ | F_LIMITS, .min = 1, .max = 1000),
    STRING("nextToken", F_READ | F_LIMITS, .min = 1, .max = -1),
    ENUM("queryLanguage", F_READ, language_values),
    F_END,
};

static const struct sw_field query_row[] = {
    STRING("queryId", 0),
    STRING("queryString", 0),
    ENUM("status", 0, status_values),
    LONG("createTime", 0),
    STRING("logGroupName", 0),
    ENUM("queryLanguage", 0, language_values),
    F_END,
};
static const struct sw_field query_rows[] = {STRUCT("member", 0, query_row)};

const struct sw_field logs_describe_queries_out[] = {
    LIST("queries", 0, query_rows),
    STRING("nextToken", 0),
    F_END,
};

static const struct sw_field stream_prefixes[] = {STREAM("member", F_READ)};

const struct sw_field logs_live_tail_in[] = {
    LIST("logGroupIdentifiers", F_READ | F_REQUIRED | F_LIMITS, group_identifiers, .min = 1,
         .max = 10),
    LIST("logStreamNames", F_READ | F_LIMITS, stream_prefixes, .min = 1, .max = 100),
    LIST("logStreamNamePrefixes", F_READ | F_LIMITS, stream_prefixes, .min = 1, .max = 100),
    STRING("logEventFilterPattern", F_READ | F_LIMITS, .min = 0, .max = LOG_PATTERN_MAX),
    F_END,
};
