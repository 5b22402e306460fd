/* SPDX-License-Identifier: Apache-2.0 */
/* launcher/logs/log_queries.c
 * Invariants:
 * 1. A job is in the list until it is dropped, and lives as long as the list or its worker has it.
 * 2. `run` is the worker's; others look at it with the job's lock, which the worker has while it adds a page. When the job has ended
 *    only its result is kept.
 * Locks: the list's before a job's. */
#include "launcher/logs/log_queries.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/id.h"
#include "base/json.h"
#include "base/log.h"
#include "base/macros.h"
#include "base/pool.h"
#include "launcher/logs/log_query.h"

#define WORKERS       2
#define RUNNING_MAX   30
#define KEPT_MAX      200
#define KEPT_BYTES    (128LL * 1024 * 1024)
#define QUERY_MS      300000
#define PAGE_EVENTS   10000
#define PAGE_BYTES    (8LL * 1024 * 1024)
#define PAGE_LOOK     (32LL * 1024 * 1024)
#define PAGE_MS       1000
#define PTR_MAX       128
#define BREATH_EVENTS 64

enum state { SCHEDULED, RUNNING, COMPLETE, FAILED, CANCELLED, TIMEOUT };
static const char *const states[] = {"Scheduled", "Running",   "Complete",
                                     "Failed",    "Cancelled", "Timeout"};

struct job {
    struct job *next;
    struct log_queries *owner;
    int refs; /* guarded by the list's lock */
    char id[37], account[64], region[64];
    char *text;
    char **groups;
    size_t groups_n;
    int64_t from_ms, until_ms, created_ms, ended_ms;
    atomic_bool stop;
    atomic_int askers; /* that wait for the lock */
    pthread_mutex_t lock;
    enum state state;
    struct log_query *query;
    struct log_query_run *run;
    json_t *result; /* when it has ended */
    int64_t result_bytes;
    uint64_t matched, scanned, bytes;
};

struct log_queries {
    struct log_store *store;
    struct sw_pool *pool;
    pthread_mutex_t lock;
    struct job *jobs; /* the newest first */
};

static void job_free(struct job *j)
{
    log_query_run_free(j->run);
    log_query_free(j->query);
    json_decref(j->result);
    for (size_t i = 0; i < j->groups_n; i++)
        free(j->groups[i]);
    free(j->groups);
    free(j->text);
    pthread_mutex_destroy(&j->lock);
    free(j);
}

static void job_unref(struct job *j)
{
    struct log_queries *q = j->owner;
    pthread_mutex_lock(&q->lock);
    const bool last = --j->refs == 0;
    pthread_mutex_unlock(&q->lock);
    if (last)
        job_free(j);
}

static bool is_over(const struct job *j)
{
    return j->state != SCHEDULED && j->state != RUNNING;
}

/* --- running --- */

struct scanning {
    struct job *job;
    const char *group;
    struct log_scan_stream *streams;
    int64_t deadline_ms;
};

static bool count_all(void *ctx, struct sw_str message)
{
    struct job *j = ctx;
    j->scanned++;
    j->bytes += message.n;
    return true;
}

/* Between some events whoever asks for results gets the lock. */
static void breathe(struct job *j)
{
    if (atomic_load(&j->askers) == 0)
        return;
    pthread_mutex_unlock(&j->lock);
    sw_sleep_ms(1);
    pthread_mutex_lock(&j->lock);
}

static int add_page(struct scanning *s, const struct log_page *page, struct sw_err *err)
{
    struct job *j = s->job;
    sw_autofree char *log = sw_asprintf("%s:%s", j->account, s->group);
    int r = 0;
    pthread_mutex_lock(&j->lock);
    for (size_t i = 0; r >= 0 && i < page->n && !atomic_load(&j->stop); i++) {
        const struct log_found *e = &page->events[i];
        char ptr[PTR_MAX];
        if (i % BREATH_EVENTS == BREATH_EVENTS - 1)
            breathe(j);
        (void)snprintf(ptr, sizeof ptr, "%016llu%020llu%020llu",
                       (unsigned long long)e->key.timestamp_ms, (unsigned long long)e->key.stream,
                       (unsigned long long)e->key.sequence);
        const struct log_query_event event = {.timestamp_ms = e->key.timestamp_ms,
                                              .ingestion_ms = e->ingestion_ms,
                                              .stream = s->streams[e->stream].name,
                                              .log = log,
                                              .ptr = ptr,
                                              .message = sw_str_n(e->message, e->message_n)};
        r = log_query_add(j->run, &event, err);
    }
    j->matched = log_query_matched(j->run);
    pthread_mutex_unlock(&j->lock);
    return r < 0 ? r : 0;
}

/* 1: it was stopped, or its time is over. */
static int scan_group(struct scanning *s, const struct log_group_row *g, size_t streams_n,
                      struct sw_err *err)
{
    struct job *j = s->job;
    struct log_key after;
    struct log_scan q = {.streams = s->streams,
                         .streams_n = streams_n,
                         .from_ms = j->from_ms,
                         .until_ms = j->until_ms,
                         .events_max = PAGE_EVENTS,
                         .bytes_max = PAGE_BYTES,
                         .look_max = PAGE_LOOK,
                         .wanted = count_all,
                         .ctx = j};
    for (bool more = true; more;) {
        struct log_page page;
        if (atomic_load(&j->stop) || sw_mono_ms() > s->deadline_ms)
            return 1;
        q.look_until_ms = sw_mono_ms() + PAGE_MS;
        int r = log_store_scan(j->owner->store, g, &q, &page, err);
        if (r == 0)
            r = add_page(s, &page, err);
        more = page.more;
        after = page.next;
        q.after = &after;
        log_page_done(&page);
        if (r < 0)
            return r;
    }
    return 0;
}

static int run_group(struct job *j, const char *name, int64_t deadline_ms, struct sw_err *err)
{
    const struct log_scope c = {.account = j->account, .region = j->region};
    struct log_group_row g = {.tags = NULL};
    sw_autofree struct log_stream_row *rows = NULL;
    size_t n = 0;
    int r = log_store_get_group(j->owner->store, &c, name, &g, err);
    if (r < 0)
        return r;
    r = log_store_list_streams(j->owner->store, g.id, NULL, NULL, &rows, &n, err);
    sw_autofree struct log_scan_stream *streams = sw_calloc(n + 1, sizeof *streams);
    for (size_t i = 0; r == 0 && i < n; i++)
        streams[i] = (struct log_scan_stream){.id = rows[i].id, .name = rows[i].name};
    struct scanning s = {.job = j, .group = name, .streams = streams, .deadline_ms = deadline_ms};
    if (r == 0)
        r = scan_group(&s, &g, n, err);
    log_group_row_done(&g);
    return r;
}

static void end(struct job *j, enum state state)
{
    pthread_mutex_lock(&j->lock);
    j->result = state == FAILED ? json_array() : log_query_result(j->run);
    sw_autofree char *text = sw_json_dump(j->result);
    j->result_bytes = (int64_t)strlen(text);
    log_query_run_free(SW_TAKE(j->run));
    j->state = state;
    j->ended_ms = sw_now_us() / 1000;
    pthread_mutex_unlock(&j->lock);
}

static void run_job(void *arg)
{
    struct job *j = arg;
    struct sw_err err = SW_ERR_INIT;
    const int64_t deadline_ms = sw_mono_ms() + QUERY_MS;
    int r = 0;
    pthread_mutex_lock(&j->lock);
    j->state = RUNNING;
    pthread_mutex_unlock(&j->lock);
    for (size_t i = 0; r == 0 && i < j->groups_n; i++)
        r = run_group(j, j->groups[i], deadline_ms, &err);
    if (r < 0)
        sw_log_err(SW_LOG_INFO, "log-query-failed", &err, "query", j->id, NULL);
    end(j, r < 0 ? FAILED : r == 0 ? COMPLETE : atomic_load(&j->stop) ? CANCELLED : TIMEOUT);
    job_unref(j);
}

/* --- the list --- */

/* With the lock held: jobs that have ended, beyond what is kept. */
static struct job *take_oldest(struct log_queries *q, bool all)
{
    struct job *out = NULL;
    size_t n = 0;
    int64_t bytes = 0;
    for (struct job **at = &q->jobs; *at;) {
        struct job *j = *at;
        pthread_mutex_lock(&j->lock);
        const bool over = is_over(j);
        bytes += j->result_bytes;
        pthread_mutex_unlock(&j->lock);
        if (!all && (!over || (++n <= KEPT_MAX && bytes <= KEPT_BYTES))) {
            at = &j->next;
            continue;
        }
        *at = j->next;
        j->next = out;
        out = j;
    }
    return out;
}

static void drop(struct job *list)
{
    while (list) {
        struct job *j = list;
        list = j->next;
        atomic_store(&j->stop, true);
        job_unref(j);
    }
}

struct log_queries *log_queries_new(struct log_store *store)
{
    struct log_queries *q = SW_NEW(struct log_queries);
    q->store = store;
    q->pool = sw_pool_new(WORKERS, "log-queries");
    pthread_mutex_init(&q->lock, NULL);
    return q;
}

void log_queries_reset(struct log_queries *q)
{
    pthread_mutex_lock(&q->lock);
    struct job *list = take_oldest(q, true);
    pthread_mutex_unlock(&q->lock);
    drop(list);
}

void log_queries_free(struct log_queries *q)
{
    if (!q)
        return;
    log_queries_reset(q);
    sw_pool_free(q->pool);
    pthread_mutex_destroy(&q->lock);
    free(q);
}

static size_t running(struct log_queries *q)
{
    size_t n = 0;
    for (struct job *j = q->jobs; j; j = j->next) {
        pthread_mutex_lock(&j->lock);
        n += !is_over(j);
        pthread_mutex_unlock(&j->lock);
    }
    return n;
}

int log_queries_start(struct log_queries *q, const struct log_queries_request *r, char ret_id[37],
                      struct sw_err *err)
{
    struct log_query *query = NULL;
    if (log_query_parse(r->text, &query, err) < 0)
        return err->code;
    struct job *j = SW_NEW(struct job);
    j->owner = q;
    j->refs = 2; /* the list's, the worker's */
    sw_uuid(j->id);
    (void)sw_str_copy(sw_str(r->scope.account), j->account, sizeof j->account);
    (void)sw_str_copy(sw_str(r->scope.region), j->region, sizeof j->region);
    j->text = sw_strdup(r->text);
    j->groups = sw_calloc(r->groups_n + 1, sizeof *j->groups);
    for (; j->groups_n < r->groups_n; j->groups_n++)
        j->groups[j->groups_n] = sw_strdup(r->groups[j->groups_n]);
    j->from_ms = r->from_ms;
    j->until_ms = r->until_ms;
    j->created_ms = r->now_us / 1000;
    pthread_mutex_init(&j->lock, NULL);
    j->query = query;
    j->run = log_query_run_new(query, r->limit);
    memcpy(ret_id, j->id, sizeof j->id);
    pthread_mutex_lock(&q->lock);
    const bool full = running(q) >= RUNNING_MAX;
    if (!full) {
        j->next = q->jobs;
        q->jobs = j;
    }
    struct job *old = take_oldest(q, false);
    pthread_mutex_unlock(&q->lock);
    drop(old);
    if (full) {
        job_free(j);
        return sw_fail(err, SW_ELIMIT, "LimitExceededException", "%d queries wait or run already.",
                       RUNNING_MAX);
    }
    sw_pool_submit(q->pool, run_job, j);
    return 0;
}

/* A reference. */
static struct job *find(struct log_queries *q, const struct log_scope *c, const char *id)
{
    pthread_mutex_lock(&q->lock);
    struct job *j = q->jobs;
    while (j && !(sw_streq(j->id, id) && sw_streq(j->account, c->account) &&
                  sw_streq(j->region, c->region)))
        j = j->next;
    if (j)
        j->refs++;
    pthread_mutex_unlock(&q->lock);
    return j;
}

static int no_query(struct sw_err *err)
{
    return sw_fail(err, SW_ENOTFOUND, "ResourceNotFoundException",
                   "The specified query does not exist.");
}

int log_queries_each_group(struct log_queries *q, const struct log_scope *c, const char *id,
                           int (*fn)(void *ctx, const char *group, struct sw_err *err), void *ctx,
                           struct sw_err *err)
{
    struct job *j = find(q, c, id);
    int r = j ? 0 : no_query(err);
    for (size_t i = 0; j && r == 0 && i < j->groups_n; i++)
        r = fn(ctx, j->groups[i], err);
    if (j)
        job_unref(j);
    return r;
}

int log_queries_result(struct log_queries *q, const struct log_scope *c, const char *id,
                       json_t *out, struct sw_err *err)
{
    struct job *j = find(q, c, id);
    if (!j)
        return no_query(err);
    atomic_fetch_add(&j->askers, 1);
    pthread_mutex_lock(&j->lock);
    atomic_fetch_sub(&j->askers, 1);
    sw_json_set_str(out, "queryLanguage", "CWLI");
    sw_json_set_new(out, "results", j->result ? json_incref(j->result) : log_query_result(j->run));
    sw_json_set_new(out, "statistics",
                    json_pack("{s:f, s:f, s:f}", "recordsMatched", (double)j->matched,
                              "recordsScanned", (double)j->scanned, "bytesScanned",
                              (double)j->bytes));
    sw_json_set_str(out, "status", states[j->state]);
    pthread_mutex_unlock(&j->lock);
    job_unref(j);
    return 0;
}

int log_queries_stop(struct log_queries *q, const struct log_scope *c, const char *id, bool *ret,
                     struct sw_err *err)
{
    struct job *j = find(q, c, id);
    if (!j)
        return no_query(err);
    atomic_fetch_add(&j->askers, 1);
    pthread_mutex_lock(&j->lock);
    atomic_fetch_sub(&j->askers, 1);
    *ret = !is_over(j);
    pthread_mutex_unlock(&j->lock);
    atomic_store(&j->stop, true);
    job_unref(j);
    return 0;
}

static json_t *job_json(struct job *j)
{
    json_t *o = json_object();
    pthread_mutex_lock(&j->lock);
    sw_json_set_str(o, "queryLanguage", "CWLI");
    sw_json_set_str(o, "queryId", j->id);
    sw_json_set_str(o, "queryString", j->text);
    sw_json_set_str(o, "status", states[j->state]);
    sw_json_set_int(o, "createTime", j->created_ms);
    if (j->groups_n == 1)
        sw_json_set_str(o, "logGroupName", j->groups[0]);
    pthread_mutex_unlock(&j->lock);
    return o;
}

static bool asks(const struct job *j, const char *group)
{
    for (size_t i = 0; group && i < j->groups_n; i++)
        if (sw_streq(j->groups[i], group))
            return true;
    return !group;
}

json_t *log_queries_list(struct log_queries *q, const struct log_scope *c, const char *group,
                         const char *status)
{
    json_t *list = json_array();
    pthread_mutex_lock(&q->lock);
    for (struct job *j = q->jobs; j; j = j->next) {
        if (!sw_streq(j->account, c->account) || !sw_streq(j->region, c->region) || !asks(j, group))
            continue;
        json_t *o = job_json(j);
        if (!status || sw_streq(status, sw_json_str(o, "status", "")))
            json_array_append_new(list, o);
        else
            json_decref(o);
    }
    pthread_mutex_unlock(&q->lock);
    return list;
}
