/* SPDX-License-Identifier: Apache-2.0 */
/* launcher/api/logs_events.c - events in and out.
 * Tokens of GetLogEvents are f/ or b/ and the key of an event in 56 digits: events after or before it. The token of a page that has
 * nothing more in its direction is the one that was given, which is how clients know the end.
 * Tokens of FilterLogEvents hold the key where the next page begins. */
#include <stdio.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/macros.h"
#include "launcher/api/logs_internal.h"
#include "launcher/api/logs_seats.h"
#include "launcher/logs/log_pattern.h"

#define PAGE_EVENTS 10000
#define PAGE_BYTES  (1024 * 1024)
#define LOOK_MAX \
    (64LL * 1024 * 1024) /* bytes that one FilterLogEvents looks at, beside what it must */
#define LOOK_MS   3000   /* and how long, whatever the pattern costs */
#define BRIEF_MS  100    /* and how long when the caller has as many long looks as it may */
#define TOKEN_LEN 58
#define KEY_PART  20

static int64_t whole(const json_t *o, const char *key, int64_t def)
{
    const json_t *v = json_object_get(o, key);
    return json_is_number(v)
               ? (json_is_integer(v) ? json_integer_value(v) : (int64_t)json_real_value(v))
               : def;
}

static void rejected_json(const struct log_rejected *x, json_t *out)
{
    json_t *o = json_object();
    if (x->too_new_start >= 0)
        sw_json_set_int(o, "tooNewLogEventStartIndex", x->too_new_start);
    if (x->too_old_end >= 0)
        sw_json_set_int(o, "tooOldLogEventEndIndex", x->too_old_end);
    if (x->expired_end >= 0)
        sw_json_set_int(o, "expiredLogEventEndIndex", x->expired_end);
    if (json_object_size(o) > 0)
        sw_json_set_new(out, "rejectedLogEventsInfo", o);
    else
        json_decref(o);
}

int logs_put_log_events(struct aws_call *call, const void *in SW_UNUSED, json_t *out,
                        struct sw_err *err)
{
    struct log_scope c = logs_scope(call);
    struct log_rejected rejected = {-1, -1, -1};
    const char *group = sw_json_str(call->input, "logGroupName", ""),
               *stream = sw_json_str(call->input, "logStreamName", "");
    const json_t *list = sw_json_array(call->input, "logEvents"), *v;
    size_t i, n = json_array_size(list);
    int r = logs_may(call, group, stream, err);
    if (r < 0)
        return r;
    sw_autofree struct log_event *events = sw_calloc(n + 1, sizeof *events);
    json_array_foreach(list, i, v) {
        const json_t *message = json_object_get(v, "message");
        events[i] = (struct log_event){
            .timestamp_ms = whole(v, "timestamp", 0),
            .position = LOG_POSITION_NONE,
            .message = sw_str_n(json_string_value(message), json_string_length(message))};
    }
    r = log_store_put(logs_store(call), &c, group, stream, events, n, &rejected, err);
    if (r < 0)
        return r;
    sw_autofree char *token = sw_asprintf("49%054lld", (long long)call->now_us);
    sw_json_set_str(out, "nextSequenceToken", token);
    rejected_json(&rejected, out);
    if (sw_json_object(call->input, "entity"))
        sw_json_set_new(out, "rejectedEntityInfo",
                        json_pack("{s:s}", "errorType", "UnsupportedLogGroupType"));
    return 0;
}

/* --- GetLogEvents --- */

static void format_token(char kind, const struct log_key *k, char out[TOKEN_LEN + 1])
{
    char text[96];
    (void)snprintf(text, sizeof text, "%c/%016llu%020llu%020llu", kind,
                   (unsigned long long)k->timestamp_ms % 10000000000000000ull,
                   (unsigned long long)k->stream, (unsigned long long)k->sequence);
    memcpy(out, text, TOKEN_LEN);
    out[TOKEN_LEN] = 0;
}

static bool parse_token(const char *token, char *ret_kind, struct log_key *ret)
{
    uint64_t timestamp;
    struct sw_str s = sw_str(token);
    if (s.n != TOKEN_LEN || (token[0] != 'f' && token[0] != 'b') || token[1] != '/' ||
        !sw_parse_u64(sw_str_slice(s, 2, 18), &timestamp) ||
        !sw_parse_u64(sw_str_slice(s, 18, 18 + KEY_PART), &ret->stream) ||
        !sw_parse_u64(sw_str_slice(s, 18 + KEY_PART, s.n), &ret->sequence))
        return false;
    *ret_kind = token[0];
    ret->timestamp_ms = (int64_t)timestamp;
    return true;
}

static void set_tokens(const struct log_page *p, const char *given, const struct log_key *at,
                       json_t *out)
{
    char forward[TOKEN_LEN + 1], backward[TOKEN_LEN + 1];
    struct log_key first = *at, last = *at;
    if (p->n > 0) {
        first = p->events[0].key;
        last = p->events[p->n - 1].key;
    } else if (given && given[0] == 'f') {
        first.sequence++; /* backwards from here: what the token's event was, too */
    } else if (given && last.sequence > 0) {
        last.sequence--;
    }
    format_token('f', &last, forward);
    format_token('b', &first, backward);
    sw_json_set_str(out, "nextForwardToken", forward);
    sw_json_set_str(out, "nextBackwardToken", backward);
}

static json_t *event_json(const struct log_found *e)
{
    json_t *o = json_object();
    sw_json_set_int(o, "timestamp", e->key.timestamp_ms);
    json_t *message = json_stringn(e->message, e->message_n);
    sw_json_set_new(o, "message", message ? message : json_string(""));
    sw_json_set_int(o, "ingestionTime", e->ingestion_ms);
    return o;
}

static int get_page(struct aws_call *call, const struct log_group_row *g,
                    const struct log_stream_row *row, json_t *out, struct sw_err *err)
{
    struct log_scan_stream stream = {.id = row->id, .name = row->name};
    struct log_page page;
    const char *token = sw_json_str(call->input, "nextToken", NULL);
    char kind = sw_json_bool(call->input, "startFromHead", false) ? 'f' : 'b';
    struct log_key at = {.timestamp_ms = whole(call->input, "startTime", 0)};
    struct log_scan q = {.streams = &stream,
                         .streams_n = 1,
                         .from_ms = at.timestamp_ms,
                         .until_ms = whole(call->input, "endTime", INT64_MAX),
                         .events_max = (size_t)whole(call->input, "limit", PAGE_EVENTS),
                         .bytes_max = PAGE_BYTES};
    if (token && !parse_token(token, &kind, &at))
        return sw_fail(err, SW_EINVALID, LOGS_INVALID, "The specified nextToken is invalid.");
    q.backwards = kind == 'b';
    q.after = token && kind == 'f' ? &at : NULL;
    q.before = token && kind == 'b' ? &at : NULL;
    int r = log_store_scan(logs_store(call), g, &q, &page, err);
    if (r < 0)
        return r;
    json_t *events = json_array();
    for (size_t i = 0; i < page.n; i++)
        json_array_append_new(events, event_json(&page.events[i]));
    sw_json_set_new(out, "events", events);
    set_tokens(&page, token, &at, out);
    log_page_done(&page);
    return 0;
}

int logs_get_log_events(struct aws_call *call, const void *in SW_UNUSED, json_t *out,
                        struct sw_err *err)
{
    struct log_scope c = logs_scope(call);
    struct log_group_row g = {.tags = NULL};
    sw_autofree struct log_stream_row *rows = NULL;
    size_t n = 0;
    char group[LOG_NAME_MAX + 1];
    const char *stream = sw_json_str(call->input, "logStreamName", "");
    int r = logs_group_name(call, group, err);
    if (r < 0 || (r = logs_may(call, group, stream, err)) < 0 ||
        (r = log_store_get_group(logs_store(call), &c, group, &g, err)) < 0)
        return r;
    sw_autojson json_t *names = json_pack("[s]", stream);
    r = log_store_list_streams(logs_store(call), g.id, NULL, names, &rows, &n, err);
    if (r == 0 && n == 0)
        r = sw_fail(err, SW_ENOTFOUND, "ResourceNotFoundException",
                    "The specified log stream does not exist.");
    if (r == 0)
        r = get_page(call, &g, rows, out, err);
    log_group_row_done(&g);
    return r;
}

/* --- FilterLogEvents --- */

static bool wanted(void *ctx, struct sw_str message)
{
    return log_pattern_matches(ctx, message);
}

static int filter_streams(struct aws_call *call, const struct log_group_row *g,
                          struct log_stream_row **ret, size_t *ret_n, struct sw_err *err)
{
    const json_t *names = sw_json_array(call->input, "logStreamNames");
    const char *prefix = sw_json_str(call->input, "logStreamNamePrefix", NULL);
    if (names && prefix)
        return sw_fail(err, SW_EINVALID, LOGS_INVALID,
                       "logStreamNames and logStreamNamePrefix cannot be given together.");
    int r = log_store_list_streams(logs_store(call), g->id, prefix, names, ret, ret_n, err);
    if (r == 0 && names && *ret_n == 0)
        r = sw_fail(err, SW_ENOTFOUND, "ResourceNotFoundException",
                    "The specified log stream does not exist.");
    return r;
}

static int parse_filter_token(const char *token, struct log_key *ret, struct sw_err *err)
{
    char text[TOKEN_LEN + 2], kind;
    int r = aws_page_token_parse(token, text, sizeof text, LOGS_INVALID, err);
    if (r == 0 && !parse_token(text, &kind, ret))
        r = sw_fail(err, SW_EINVALID, LOGS_INVALID, "The specified nextToken is invalid.");
    return r;
}

static void filter_reply(const struct log_page *p, const struct log_stream_row *rows, json_t *out)
{
    json_t *events = json_array();
    for (size_t i = 0; i < p->n; i++) {
        const struct log_found *e = &p->events[i];
        char id[TOKEN_LEN + 1];
        json_t *o = event_json(e);
        format_token('f', &e->key, id);
        sw_json_set_str(o, "logStreamName", rows[e->stream].name);
        sw_json_set_str(o, "eventId", id + 2);
        json_array_append_new(events, o);
    }
    sw_json_set_new(out, "events", events);
    sw_json_set_new(out, "searchedLogStreams", json_array());
    if (p->more) {
        char key[TOKEN_LEN + 1], token[AWS_PAGE_TOKEN_MAX];
        format_token('f', &p->next, key);
        aws_page_token(key, token);
        sw_json_set_str(out, "nextToken", token);
    }
}

/* A costly pattern takes a worker thread for long. Callers share the few that may: who has none left gets shorter pages. */
static int look(struct aws_call *call, const struct log_group_row *g, struct log_scan *q,
                struct log_page *ret, struct sw_err *err)
{
    const struct logs_api *a = call->service->ctx;
    char caller[LOGS_CALLER_MAX];
    logs_caller(call, caller);
    const int seat = logs_seats_take(a->seats, caller, NULL, NULL);
    q->look_until_ms = sw_mono_ms() + (seat < 0 ? BRIEF_MS : LOOK_MS);
    int r = log_store_scan(logs_store(call), g, q, ret, err);
    if (seat >= 0)
        logs_seats_leave(a->seats, seat);
    return r;
}

static int filter(struct aws_call *call, const struct log_group_row *g, struct log_pattern *pattern,
                  json_t *out, struct sw_err *err)
{
    sw_autofree struct log_stream_row *rows = NULL;
    size_t n = 0;
    struct log_key after;
    struct log_page page;
    const char *token = sw_json_str(call->input, "nextToken", NULL);
    const int64_t end = whole(call->input, "endTime", INT64_MAX);
    int r = filter_streams(call, g, &rows, &n, err);
    if (r < 0 || (token && (r = parse_filter_token(token, &after, err)) < 0))
        return r;
    sw_autofree struct log_scan_stream *streams = sw_calloc(n + 1, sizeof *streams);
    for (size_t i = 0; i < n; i++)
        streams[i] = (struct log_scan_stream){.id = rows[i].id, .name = rows[i].name};
    struct log_scan q = {.streams = streams,
                         .streams_n = n,
                         .from_ms = whole(call->input, "startTime", 0),
                         .until_ms = end == INT64_MAX ? end : end + 1,
                         .after = token ? &after : NULL,
                         .events_max = (size_t)whole(call->input, "limit", PAGE_EVENTS),
                         .bytes_max = PAGE_BYTES,
                         .look_max = LOOK_MAX,
                         .wanted = pattern ? wanted : NULL,
                         .ctx = pattern,
                         .costly = true};
    if ((r = look(call, g, &q, &page, err)) < 0)
        return r;
    filter_reply(&page, rows, out);
    log_page_done(&page);
    return 0;
}

int logs_filter_log_events(struct aws_call *call, const void *in SW_UNUSED, json_t *out,
                           struct sw_err *err)
{
    struct log_scope c = logs_scope(call);
    struct log_group_row g = {.tags = NULL};
    struct log_pattern *pattern = NULL;
    char group[LOG_NAME_MAX + 1];
    const char *text = sw_json_str(call->input, "filterPattern", "");
    int r = logs_group_name(call, group, err);
    if (r < 0 || (r = logs_may(call, group, NULL, err)) < 0 ||
        (*text && (r = log_pattern_parse(text, &pattern, err)) < 0))
        return r;
    r = log_store_get_group(logs_store(call), &c, group, &g, err);
    if (r == 0)
        r = filter(call, &g, pattern, out, err);
    log_group_row_done(&g);
    log_pattern_free(pattern);
    return r;
}
