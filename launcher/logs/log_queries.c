/* SPDX-License-Identifier: Apache-2.0 */
/* launcher/logs/log_queries.c
 * Invariants:
 * 1. A job is in the list until it is dropped, and lives as long as the list or its worker has it.
 * 2. Each job that came in is one job of the pool, which takes whichever job's turn it is then (log_turns.h).
 * 3. `run` is the worker's; others look at it with the job's lock, which the worker has while it adds a page. When the job has ended
 *    only its result is kept. The list's lock is enough to know in which state a job is.
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
#include "launcher/logs/log_turns.h"

#define WORKERS       2
#define PLACES        60 /* for jobs that wait or run */
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
    char *caller, *text;
    char **groups;
    size_t groups_n;
    int64_t from_ms, until_ms, created_ms, ended_ms;
    atomic_bool stop;
    atomic_int askers; /* that wait for the lock */
    uint64_t began;    /* with the list's lock: its turn; 0: not yet */
    atomic_int state;  /* changed with the job's lock */
    pthread_mutex_t lock;
    struct log_query *query;
    struct log_query_run *run;
    json_t *result; /* when it has ended */
    atomic_llong result_bytes;
    uint64_t matched, scanned, bytes;
};

struct log_queries {
    struct log_store *store;
    struct sw_pool *pool;
    pthread_mutex_t lock;
    struct job *jobs; /* the newest first */
    size_t n;
    uint64_t turns;
};

static void job_free(struct job *j)
{
    log_query_run_free(j->run);
    log_query_free(j->query);
    json_decref(j->result);
    for (size_t i = 0; i < j->groups_n; i++)
        free(j->groups[i]);
    free(j->groups);
    free(j->caller);
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

static bool is_over(struct job *j)
{
    const int state = atomic_load(&j->state);
    return state != SCHEDULED && state != RUNNING;
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

/* With the job's lock. */
static void end(struct job *j, enum state state)
{
    j->result = state == FAILED ? json_array() : log_query_result(j->run);
    sw_autofree char *text = sw_json_dump(j->result);
    atomic_store(&j->result_bytes, (long long)strlen(text));
    log_query_run_free(SW_TAKE(j->run));
    j->ended_ms = sw_now_us() / 1000;
    atomic_store(&j->state, state);
}

static void run_job(struct job *j)
{
    struct sw_err err = SW_ERR_INIT;
    const int64_t deadline_ms = sw_mono_ms() + QUERY_MS;
    int r = 0;
    for (size_t i = 0; r == 0 && i < j->groups_n; i++)
        r = run_group(j, j->groups[i], deadline_ms, &err);
    if (r < 0)
        sw_log_err(SW_LOG_INFO, "log-query-failed", &err, "query", j->id, NULL);
    pthread_mutex_lock(&j->lock);
    end(j, r < 0 ? FAILED : r == 0 ? COMPLETE : atomic_load(&j->stop) ? CANCELLED : TIMEOUT);
    pthread_mutex_unlock(&j->lock);
}

/* --- the list --- */

/* False: it was stopped a moment ago. */
static bool begin(struct job *j)
{
    pthread_mutex_lock(&j->lock);
    const bool waits = atomic_load(&j->state) == SCHEDULED;
    if (waits)
        atomic_store(&j->state, RUNNING);
    pthread_mutex_unlock(&j->lock);
    return waits;
}

/* With the lock held. The job whose turn it is, a reference, in the state RUNNING; NULL: none waits. */
static struct job *take_next(struct log_queries *q)
{
    size_t i = q->n;
    sw_autofree struct log_turn *turns = sw_calloc(q->n + 1, sizeof *turns);
    sw_autofree struct job **jobs = sw_calloc(q->n + 1, sizeof(struct job *));
    for (struct job *j = q->jobs; j; j = j->next) {
        const int state = atomic_load(&j->state);
        jobs[--i] = j;
        /* One that was stopped before it had a turn waits no more. */
        turns[i] = (struct log_turn){.caller = j->caller,
                                     .began = state == SCHEDULED ? 0 : SW_MAX(j->began, 1U),
                                     .runs = state == RUNNING};
    }
    for (;;) {
        const size_t next = log_turns_next(turns, q->n);
        if (next == q->n)
            return NULL;
        struct job *j = jobs[next];
        turns[next].began = 1;
        if (begin(j)) {
            j->refs++;
            j->began = ++q->turns;
            return j;
        }
    }
}

static void run_next(void *arg)
{
    struct log_queries *q = arg;
    pthread_mutex_lock(&q->lock);
    struct job *j = take_next(q);
    pthread_mutex_unlock(&q->lock);
    if (!j)
        return;
    run_job(j);
    job_unref(j);
}

/* With the lock held. */
static struct job *take(struct log_queries *q, const struct job *which, struct job *before)
{
    struct job **at = &q->jobs;
    while (*at != which)
        at = &(*at)->next;
    struct job *j = *at;
    *at = j->next;
    j->next = before;
    q->n--;
    return j;
}

/* With the lock held: jobs that have ended, beyond what is kept; the one with most goes first. */
static struct job *take_oldest(struct log_queries *q)
{
    struct job *out = NULL;
    for (;;) {
        size_t n = 0, i;
        int64_t bytes = 0;
        sw_autofree struct log_share *kept = sw_calloc(q->n + 1, sizeof *kept);
        sw_autofree struct job **jobs = sw_calloc(q->n + 1, sizeof(struct job *));
        for (struct job *j = q->jobs; j; j = j->next)
            n += is_over(j);
        i = n;
        for (struct job *j = q->jobs; j && i > 0; j = j->next)
            if (is_over(j)) {
                jobs[--i] = j;
                kept[i] = (struct log_share){j->caller, atomic_load(&j->result_bytes)};
                bytes += kept[i].size;
            }
        if (n <= KEPT_MAX && bytes <= KEPT_BYTES)
            return out;
        for (i = 0; n > KEPT_MAX && i < n; i++)
            kept[i].size = 1;
        out = take(q, jobs[log_turns_drop(kept, n)], out);
    }
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
    struct job *list = SW_TAKE(q->jobs);
    q->n = 0;
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

static int admit(struct log_queries *q, const char *caller, struct sw_err *err)
{
    size_t own = 0, total = 0;
    for (struct job *j = q->jobs; j; j = j->next)
        if (!is_over(j)) {
            total++;
            own += sw_streq(j->caller, caller);
        }
    if (log_turns_admit(own, total, PLACES))
        return 0;
    return sw_fail(err, SW_ELIMIT, "LimitExceededException",
                   "Account maximum query concurrency limit of [%d] reached: %zu queries of this "
                   "caller and %zu of others wait or run.",
                   PLACES, own, total - own);
}

static struct job *job_new(struct log_queries *q, const struct log_queries_request *r,
                           struct log_query *query)
{
    struct job *j = SW_NEW(struct job);
    j->owner = q;
    j->refs = 1; /* the list's */
    sw_uuid(j->id);
    (void)sw_str_copy(sw_str(r->scope.account), j->account, sizeof j->account);
    (void)sw_str_copy(sw_str(r->scope.region), j->region, sizeof j->region);
    j->caller = sw_strdup(r->caller);
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
    return j;
}

int log_queries_start(struct log_queries *q, const struct log_queries_request *r, char ret_id[37],
                      struct sw_err *err)
{
    struct log_query *query = NULL;
    struct job *old = NULL;
    if (log_query_parse(r->text, &query, err) < 0)
        return err->code;
    struct job *j = job_new(q, r, query);
    memcpy(ret_id, j->id, sizeof j->id);
    pthread_mutex_lock(&q->lock);
    const int e = admit(q, j->caller, err);
    if (e == 0) {
        j->next = q->jobs;
        q->jobs = j;
        q->n++;
        old = take_oldest(q);
    }
    pthread_mutex_unlock(&q->lock);
    drop(old);
    if (e < 0) {
        job_free(j);
        return e;
    }
    sw_pool_submit(q->pool, run_next, q);
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
    sw_json_set_str(out, "status", states[atomic_load(&j->state)]);
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
    atomic_store(&j->stop, true);
    if (atomic_load(&j->state) == SCHEDULED) /* nobody has it */
        end(j, CANCELLED);
    pthread_mutex_unlock(&j->lock);
    job_unref(j);
    return 0;
}

static json_t *job_json(struct job *j)
{
    json_t *o = json_object();
    sw_json_set_str(o, "queryLanguage", "CWLI");
    sw_json_set_str(o, "queryId", j->id);
    sw_json_set_str(o, "queryString", j->text);
    sw_json_set_str(o, "status", states[atomic_load(&j->state)]);
    sw_json_set_int(o, "createTime", j->created_ms);
    if (j->groups_n == 1)
        sw_json_set_str(o, "logGroupName", j->groups[0]);
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
