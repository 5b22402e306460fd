/* SPDX-License-Identifier: Apache-2.0 */
/* launcher/api/logs_live.c
 * What was stored is seen by its time of ingestion, a second late: an event has that time before it is on the disk, and is seen after. */
#include "launcher/api/logs_live.h"

#include <pthread.h>
#include <stdlib.h>

#include "api/eventstream.h"
#include "base/alloc.h"
#include "base/clock.h"
#include "base/id.h"
#include "base/json.h"
#include "base/macros.h"
#include "launcher/api/logs_seats.h"

#define SESSIONS_MAX  32
#define SESSION_MS    (3LL * 3600 * 1000)
#define ROUND_MS      1000
#define SETTLE_MS     1000
#define EVENTS_MAX    500
#define BYTES_MAX     (1024 * 1024)
#define LOOK_MAX      (16LL * 1024 * 1024)
#define LOOK_MS       500
#define WAITING_MAX   (8 * 1024 * 1024)
#define EVENT_BUF_MAX (16 * 1024 * 1024)

struct session {
    struct session *next;
    struct http_stream *stream;
    char account[64], region[64];
    int seat;
    char *groups[LOGS_LIVE_GROUPS_MAX];
    size_t groups_n;
    json_t *names, *prefixes;
    struct log_pattern *pattern;
    int64_t since_ms, until_ms; /* since: of ingestion */
    int64_t budget_ms;          /* of this round */
    bool over;
};

struct logs_live {
    struct log_store *store;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct session *sessions;
    struct logs_seats *seats;
    bool closing, started;
    uint64_t epoch; /* raised by a reset */
    pthread_t thread;
};

static void session_free(struct session *s)
{
    http_stream_end(s->stream);
    for (size_t i = 0; i < s->groups_n; i++)
        free(s->groups[i]);
    json_decref(s->names);
    json_decref(s->prefixes);
    log_pattern_free(s->pattern);
    free(s);
}

static void leave(struct logs_live *l, struct session *s)
{
    logs_seats_leave(l->seats, s->seat);
    session_free(s);
}

static int send_event(struct session *s, const char *type, const json_t *payload,
                      struct sw_err *err)
{
    SW_CLEANUP(sw_buf_done) struct sw_buf b = SW_BUF_INIT(EVENT_BUF_MAX);
    sw_autofree char *text = sw_json_dump(payload);
    eventstream_event(&b, type, sw_str(text));
    int r = sw_buf_check(&b, NULL, err);
    return r < 0 ? r : http_stream_write(s->stream, b.p, b.n, err);
}

static bool wanted(void *ctx, struct sw_str message)
{
    return log_pattern_matches(ctx, message);
}

static bool names_it(const struct session *s, const char *stream)
{
    const json_t *v;
    size_t i;
    if (!s->names && !s->prefixes)
        return true;
    json_array_foreach(s->names, i, v)
        if (sw_streq(json_string_value(v), stream))
            return true;
    json_array_foreach(s->prefixes, i, v)
        if (sw_str_starts_with(sw_str(stream), json_string_value(v)))
            return true;
    return false;
}

static void add_events(const struct session *s, const char *group, const struct log_page *page,
                       const struct log_scan_stream *streams, json_t *results)
{
    sw_autofree char *identifier = sw_asprintf("%s:%s", s->account, group);
    for (size_t i = 0; i < page->n; i++) {
        const struct log_found *e = &page->events[i];
        json_t *o = json_object(), *message = json_stringn(e->message, e->message_n);
        sw_json_set_str(o, "logStreamName", streams[e->stream].name);
        sw_json_set_str(o, "logGroupIdentifier", identifier);
        sw_json_set_new(o, "message", message ? message : json_string(""));
        sw_json_set_int(o, "timestamp", e->key.timestamp_ms);
        sw_json_set_int(o, "ingestionTime", e->ingestion_ms);
        json_array_append_new(results, o);
    }
}

struct look {
    int64_t now_ms, until_ms; /* until: of the monotonic clock */
};

/* A group that has gone, or whose disk fails, has nothing new. */
static void look_at(const struct logs_live *l, const struct session *s, const char *group,
                    const struct look *look, json_t *results, bool *sampled)
{
    const struct log_scope c = {.account = s->account, .region = s->region};
    struct log_group_row g = {.tags = NULL};
    struct sw_err ignored = SW_ERR_INIT;
    sw_autofree struct log_stream_row *rows = NULL;
    struct log_page page = {.n = 0};
    size_t n = 0, m = 0;
    if (log_store_get_group(l->store, &c, group, &g, &ignored) < 0)
        return;
    const char *prefix = json_array_size(s->prefixes) == 1
                             ? json_string_value(json_array_get(s->prefixes, 0))
                             : NULL;
    if (log_store_list_streams(l->store, g.id, prefix, s->names, &rows, &n, &ignored) < 0)
        n = 0;
    sw_autofree struct log_scan_stream *streams = sw_calloc(n + 1, sizeof *streams);
    for (size_t i = 0; i < n; i++)
        if (names_it(s, rows[i].name))
            streams[m++] = (struct log_scan_stream){.id = rows[i].id, .name = rows[i].name};
    struct log_scan q = {.streams = streams,
                         .streams_n = m,
                         .until_ms = INT64_MAX,
                         .ingested_from_ms = s->since_ms,
                         .ingested_until_ms = look->now_ms - SETTLE_MS,
                         .events_max = EVENTS_MAX - json_array_size(results),
                         .bytes_max = BYTES_MAX,
                         .look_max = LOOK_MAX,
                         .look_until_ms = look->until_ms,
                         .wanted = s->pattern ? wanted : NULL,
                         .ctx = s->pattern,
                         .costly = true};
    if (q.events_max > 0 && log_store_scan(l->store, &g, &q, &page, &ignored) == 0) {
        add_events(s, group, &page, streams, results);
        *sampled |= page.more;
    }
    log_page_done(&page);
    log_group_row_done(&g);
}

/* Looks for budget_ms at most, an equal part of what is left at each group. False: the session is over. */
static bool update(const struct logs_live *l, struct session *s, int64_t budget_ms)
{
    const int64_t now_ms = sw_now_us() / 1000, end_ms = sw_mono_ms() + budget_ms;
    sw_autojson json_t *results = json_array();
    struct sw_err err = SW_ERR_INIT;
    bool sampled = false;
    for (size_t i = 0; i < s->groups_n; i++) {
        const int64_t at_ms = sw_mono_ms(), left = SW_MAX(end_ms - at_ms, (int64_t)0);
        const struct look look = {now_ms, at_ms + left / (int64_t)(s->groups_n - i)};
        look_at(l, s, s->groups[i], &look, results, &sampled);
    }
    s->since_ms = SW_MAX(s->since_ms, now_ms - SETTLE_MS);
    sw_autojson json_t *payload = json_pack("{s:{s:b}, s:O}", "sessionMetadata", "sampled", sampled,
                                            "sessionResults", results);
    return send_event(s, "sessionUpdate", payload, &err) == 0 && sw_mono_ms() < s->until_ms;
}

/* With the lock held. Sessions are looked at without it; others only add in front. */
static void round_of(struct logs_live *l, uint64_t epoch)
{
    struct session *list = SW_TAKE(l->sessions), *looked_at = NULL;
    for (struct session *s = list; s; s = s->next)
        s->budget_ms = LOOK_MS / (int64_t)logs_seats_share(l->seats, s->seat);
    pthread_mutex_unlock(&l->lock);
    while (list) {
        struct session *s = list;
        list = s->next;
        s->over = !update(l, s, s->budget_ms);
        s->next = looked_at;
        looked_at = s;
    }
    pthread_mutex_lock(&l->lock);
    while (looked_at) {
        struct session *s = looked_at;
        looked_at = s->next;
        if (s->over || l->epoch != epoch) {
            leave(l, s);
            continue;
        }
        s->next = l->sessions;
        l->sessions = s;
    }
}

static void *live_main(void *arg)
{
    struct logs_live *l = arg;
    pthread_mutex_lock(&l->lock);
    while (!l->closing) {
        struct timespec until;
        if (!l->sessions) {
            pthread_cond_wait(&l->changed, &l->lock);
            continue;
        }
        round_of(l, l->epoch);
        clock_gettime(CLOCK_MONOTONIC, &until);
        until.tv_sec += ROUND_MS / 1000;
        while (!l->closing &&
               pthread_cond_clockwait(&l->changed, &l->lock, CLOCK_MONOTONIC, &until) == 0)
            continue;
    }
    pthread_mutex_unlock(&l->lock);
    return NULL;
}

struct logs_live *logs_live_new(struct log_store *store)
{
    struct logs_live *l = SW_NEW(struct logs_live);
    l->store = store;
    l->seats = logs_seats_new(SESSIONS_MAX);
    pthread_mutex_init(&l->lock, NULL);
    pthread_cond_init(&l->changed, NULL);
    return l;
}

void logs_live_reset(struct logs_live *l)
{
    pthread_mutex_lock(&l->lock);
    l->epoch++;
    while (l->sessions) {
        struct session *s = l->sessions;
        l->sessions = s->next;
        leave(l, s);
    }
    pthread_mutex_unlock(&l->lock);
}

void logs_live_free(struct logs_live *l)
{
    if (!l)
        return;
    pthread_mutex_lock(&l->lock);
    l->closing = true;
    pthread_cond_broadcast(&l->changed);
    pthread_mutex_unlock(&l->lock);
    if (l->started)
        pthread_join(l->thread, NULL);
    logs_live_reset(l);
    logs_seats_free(l->seats);
    pthread_mutex_destroy(&l->lock);
    pthread_cond_destroy(&l->changed);
    free(l);
}

static json_t *start_json(const struct logs_live_request *r)
{
    char id[37];
    json_t *o = json_object(), *groups = json_array();
    sw_uuid(id);
    for (size_t i = 0; i < r->groups_n; i++) {
        sw_autofree char *arn = sw_asprintf("arn:aws:logs:%s:%s:log-group:%s", r->scope.region,
                                            r->scope.account, r->groups[i]);
        json_array_append_new(groups, json_string(arn));
    }
    sw_json_set_str(o, "requestId", r->request_id);
    sw_json_set_str(o, "sessionId", id);
    sw_json_set_new(o, "logGroupIdentifiers", groups);
    sw_json_set_new(o, "logStreamNames",
                    r->stream_names ? json_deep_copy(r->stream_names) : json_array());
    sw_json_set_new(o, "logStreamNamePrefixes",
                    r->stream_prefixes ? json_deep_copy(r->stream_prefixes) : json_array());
    sw_json_set_str(o, "logEventFilterPattern", r->filter ? r->filter : "");
    return o;
}

/* The first events, which are there before anybody can read. */
static int greet(struct session *s, const struct logs_live_request *r, struct sw_err *err)
{
    sw_autojson json_t *nothing = json_object();
    sw_autojson json_t *start = start_json(r);
    int e = send_event(s, "initial-response", nothing, err);
    return e < 0 ? e : send_event(s, "sessionStart", start, err);
}

static int add(struct logs_live *l, struct session *s, const char *caller, struct sw_err *err)
{
    int r = 0;
    size_t own, total;
    pthread_mutex_lock(&l->lock);
    s->seat = l->closing ? -1 : logs_seats_take(l->seats, caller, &own, &total);
    if (l->closing)
        r = sw_fail(err, SW_EUNAVAILABLE, "ServiceUnavailableException", "The server ends.");
    else if (s->seat < 0)
        r = sw_fail(err, SW_ELIMIT, "LimitExceededException",
                    "Of %d Live Tail sessions this caller has %zu and others have %zu.",
                    SESSIONS_MAX, own, total - own);
    if (r == 0 && !l->started) {
        const int e = pthread_create(&l->thread, NULL, live_main, l);
        l->started = e == 0;
        r = e == 0 ? 0 : sw_fail_os(err, e, "thread for Live Tail");
        if (r < 0)
            logs_seats_leave(l->seats, s->seat);
    }
    if (r == 0) {
        s->next = l->sessions;
        l->sessions = s;
        pthread_cond_signal(&l->changed);
    }
    pthread_mutex_unlock(&l->lock);
    return r;
}

int logs_live_start(struct logs_live *l, const struct logs_live_request *r,
                    struct http_stream **ret, struct sw_err *err)
{
    struct log_pattern *pattern = NULL;
    if (r->filter && *r->filter && log_pattern_parse(r->filter, &pattern, err) < 0)
        return err->code;
    struct session *s = SW_NEW(struct session);
    s->stream = http_stream_new(WAITING_MAX);
    s->pattern = pattern;
    (void)sw_str_copy(sw_str(r->scope.account), s->account, sizeof s->account);
    (void)sw_str_copy(sw_str(r->scope.region), s->region, sizeof s->region);
    for (; s->groups_n < r->groups_n; s->groups_n++)
        s->groups[s->groups_n] = sw_strdup(r->groups[s->groups_n]);
    s->names = r->stream_names ? json_deep_copy(r->stream_names) : NULL;
    s->prefixes = r->stream_prefixes ? json_deep_copy(r->stream_prefixes) : NULL;
    s->since_ms = r->now_us / 1000;
    s->until_ms = sw_mono_ms() + SESSION_MS;
    struct http_stream *stream = s->stream;
    http_stream_ref(stream);
    if (greet(s, r, err) < 0 || add(l, s, r->caller, err) < 0) {
        http_stream_unref(stream);
        session_free(s);
        return err->code;
    }
    *ret = stream;
    return 0;
}
