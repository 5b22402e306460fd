/* SPDX-License-Identifier: Apache-2.0 */
/* launcher/agent/log_shipper.c
 * Invariants:
 * 1. A batch is confirmed to its reader only after the control plane answered that it has it, or the journal's socket took it.
 * 2. The keeper does nothing that waits for others: files that are begun anew are seen, and containers held up, also while the control
 *    plane is slow.
 * Threads: one ships, one keeps. `lines_lock` guards the list and what both look at; only the shipping one changes the list. */
#include "launcher/agent/log_shipper.h"

#include <errno.h>
#include <pthread.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "base/macros.h"
#include "launcher/agent/flag.h"
#include "launcher/agent/instance.h"
#include "launcher/agent/journal.h"
#include "launcher/agent/log_reader.h"
#include "launcher/agent/log_sources.h"

#define LOOK_MS        200
#define KEEP_MS        50
#define BACKOFF_MIN_MS 200
#define BACKOFF_MAX_MS 10000
#define REFUSED_MS     15000
#define HOLD_BYTES     (16LL * 1024 * 1024) /* unread of a container whose mode is blocking */
#define RELEASE_BYTES  (8LL * 1024 * 1024)
#define HOLD_AGAIN_MS  1000
#define ENTRY_MAX      (4 * 1024 * 1024)

struct line {
    struct line *next;
    char *task_arn, *container;
    struct log_reader *reader;
    enum log_driver driver;
    bool blocking;
    int64_t buffer_bytes, away_bytes;
    json_t *fields; /* journald */
    size_t sent;    /* of the batch, to the journal */
    bool listed, refused;
    int64_t retry_at_ms;
    /* Of both threads: */
    char id[RUNTIME_ID_MAX + 1];
    bool ended, stopping;
    /* Of the keeper: */
    bool held, seen;
    int64_t hold_again_ms;
};

struct log_shipper {
    struct log_shipper_options o;
    char *cluster;
    pthread_t thread, keeper;
    pthread_mutex_t lock, lines_lock;
    pthread_cond_t changed;
    char instance_arn[INSTANCE_ARN_MAX];
    volatile int closing;
    uint64_t idle_rounds; /* that found nothing to send */
    struct line *lines;
    struct journal *journal;
    int64_t backoff_ms;
};

/* --- the list --- */

static struct line *line_new(const struct log_source *source)
{
    struct line *l = SW_NEW(struct line);
    struct sw_err err = SW_ERR_INIT;
    struct log_reader_options o = {.folder = source->task_dir,
                                   .container = source->container,
                                   .buffer_bytes = source->blocking ? 0 : source->buffer_bytes,
                                   .away_bytes = source->away_bytes,
                                   .first_line = source->first_line};
    if (log_reader_new(&o, &l->reader, &err) < 0) { /* checked when it was registered */
        sw_log_err(SW_LOG_WARNING, "container-logs-pattern", &err, "task", source->task_arn, NULL);
        sw_err_clear(&err);
        o.first_line = NULL;
        (void)log_reader_new(&o, &l->reader, &err);
    }
    l->task_arn = sw_strdup(source->task_arn);
    l->container = sw_strdup(source->container);
    l->driver = source->driver;
    l->blocking = source->blocking;
    l->buffer_bytes = source->buffer_bytes;
    l->away_bytes = source->away_bytes;
    return l;
}

static struct line *line_of(struct log_shipper *s, const struct log_source *source)
{
    for (struct line *l = s->lines; l; l = l->next)
        if (sw_streq(l->task_arn, source->task_arn) && sw_streq(l->container, source->container))
            return l;
    struct line *l = line_new(source);
    l->next = s->lines;
    s->lines = l;
    return l;
}

static void line_free(struct line *l)
{
    log_reader_free(l->reader);
    json_decref(l->fields);
    free(l->task_arn);
    free(l->container);
    free(l);
}

/* Those that the engine does not know any more are dropped: their folder is gone. */
static void look_for_sources(struct log_shipper *s)
{
    struct log_source *list;
    size_t n;
    log_sources_list(s->o.engine, &list, &n);
    pthread_mutex_lock(&s->lines_lock);
    for (struct line *l = s->lines; l; l = l->next)
        l->listed = false;
    for (size_t i = 0; i < n; i++) {
        struct line *l = line_of(s, &list[i]);
        l->listed = true;
        l->ended = list[i].ended;
        l->stopping = list[i].stopping;
        memcpy(l->id, list[i].id, sizeof l->id);
        json_decref(l->fields);
        l->fields = SW_TAKE(list[i].fields);
    }
    for (struct line **at = &s->lines; *at;) {
        struct line *l = *at;
        if (l->listed) {
            at = &l->next;
            continue;
        }
        *at = l->next;
        line_free(l);
    }
    pthread_mutex_unlock(&s->lines_lock);
    log_sources_free(list, n);
}

/* --- the keeper --- */

/* A container whose mode is blocking waits while too much of its output is unread. One that was told to end does not. */
static void hold_or_release(struct log_shipper *s, struct line *l, int64_t unread)
{
    const bool free_to_go = l->ended || l->stopping;
    if (!l->seen && l->id[0]) { /* by an earlier process, perhaps */
        l->seen = true;
        l->held = true;
    }
    if (l->held && (free_to_go || unread < RELEASE_BYTES)) {
        (void)log_sources_hold(s->o.engine, l->id, false);
        l->held = false;
    } else if (!free_to_go && l->id[0] && (l->held || unread > HOLD_BYTES) &&
               sw_mono_ms() >= l->hold_again_ms) {
        l->held = log_sources_hold(s->o.engine, l->id, true);
        l->hold_again_ms = sw_mono_ms() + (l->held ? HOLD_AGAIN_MS : 0);
    }
}

static void keep(struct log_shipper *s, struct line *l)
{
    struct sw_err err = SW_ERR_INIT;
    struct log_spool *spool = log_reader_spool(l->reader);
    if (log_spool_look(spool, &err) < 0)
        sw_log_err(SW_LOG_DEBUG, "container-logs-not-seen", &err, "task", l->task_arn, NULL);
    if (l->blocking)
        hold_or_release(s, l, log_spool_unread(spool));
    else
        log_spool_trim(spool, log_spool_room(spool, l->buffer_bytes, l->away_bytes));
}

static void *keeping_main(void *arg)
{
    struct log_shipper *s = arg;
    while (!flag_is_set(&s->closing)) {
        pthread_mutex_lock(&s->lines_lock);
        for (struct line *l = s->lines; l; l = l->next)
            if (!l->ended || l->held)
                keep(s, l);
        pthread_mutex_unlock(&s->lines_lock);
        sw_sleep_ms(KEEP_MS);
    }
    return NULL;
}

/* --- shipping --- */

static json_t *without_marks(const json_t *events)
{
    json_t *list = json_array(), *o;
    const json_t *v;
    size_t i;
    json_array_foreach(events, i, v) {
        o = json_copy((json_t *)v);
        json_object_del(o, "error");
        json_array_append_new(list, o);
    }
    return list;
}

static int put(struct log_shipper *s, const struct line *l, json_t *events, struct sw_err *err)
{
    sw_autojson json_t *in = json_object();
    char instance[INSTANCE_ARN_MAX];
    pthread_mutex_lock(&s->lock);
    memcpy(instance, s->instance_arn, sizeof instance);
    pthread_mutex_unlock(&s->lock);
    if (!instance[0])
        return sw_fail(err, SW_EUNAVAILABLE, NULL, "this instance is not registered yet");
    sw_json_set_str(in, "cluster", s->cluster);
    sw_json_set_str(in, "containerInstance", instance);
    sw_json_set_str(in, "task", l->task_arn);
    sw_json_set_str(in, "containerName", l->container);
    sw_json_set_new(in, "events", without_marks(events));
    if (log_reader_lost(l->reader))
        sw_json_set_int(in, "lostLines", log_reader_lost(l->reader));
    return s->o.put(s->o.ctx, in, err);
}

/* Those before l->sent are there. */
static int put_journal(struct log_shipper *s, struct line *l, const json_t *events,
                       struct sw_err *err)
{
    for (; l->sent < json_array_size(events); l->sent++) {
        SW_CLEANUP(sw_buf_done) struct sw_buf b = SW_BUF_INIT(ENTRY_MAX);
        journal_entry(&b, l->fields, json_array_get(events, l->sent));
        if (sw_buf_check(&b, NULL, err) < 0 || journal_send(s->journal, &b, err) < 0)
            return err->code;
    }
    l->sent = 0;
    return 0;
}

static void failed(struct log_shipper *s, struct line *l, struct sw_err *err)
{
    const bool temporary = err->code == SW_EUNAVAILABLE || err->code == SW_EIO;
    s->backoff_ms = temporary ? SW_MIN(SW_MAX(s->backoff_ms * 2, (int64_t)BACKOFF_MIN_MS),
                                       (int64_t)BACKOFF_MAX_MS)
                              : s->backoff_ms;
    l->retry_at_ms = sw_mono_ms() + (temporary ? s->backoff_ms : REFUSED_MS);
    if (!temporary && !l->refused)
        sw_log_err(SW_LOG_WARNING, "container-logs-refused", err, "task", l->task_arn, "container",
                   l->container, NULL);
    l->refused |= !temporary;
}

/* One batch; whether one was sent. */
static bool send_one(struct log_shipper *s, struct line *l)
{
    struct sw_err err = SW_ERR_INIT;
    if (l->ended && log_reader_finished(l->reader)) {
        log_sources_done(s->o.engine, l->task_arn, l->container);
        return false;
    }
    if (sw_mono_ms() < l->retry_at_ms)
        return false;
    json_t *events = log_reader_batch(l->reader, l->ended, &err);
    if (!events) {
        if (err.code)
            sw_log_err(SW_LOG_WARNING, "container-logs-not-read", &err, "task", l->task_arn,
                       "container", l->container, NULL);
        if (err.code)
            l->retry_at_ms = sw_mono_ms() + REFUSED_MS;
        return false;
    }
    if (log_reader_lost(l->reader) && l->sent == 0)
        sw_log(SW_LOG_WARNING, "container-lines-lost", "task", l->task_arn, "container",
               l->container, "#lines", log_reader_lost(l->reader), "why",
               log_reader_unseen(l->reader) ? "no-agent" : "max-buffer-size", NULL);
    if ((l->driver == LOG_DRIVER_JOURNALD ? put_journal(s, l, events, &err)
                                          : put(s, l, events, &err)) < 0) {
        failed(s, l, &err);
        return false;
    }
    s->backoff_ms = 0;
    l->refused = false;
    log_reader_confirm(l->reader, &err);
    if (err.code)
        sw_log_err(SW_LOG_WARNING, "container-logs-state-not-saved", &err, "task", l->task_arn,
                   NULL);
    return true;
}

/* With the lock held. */
static void wait_ms(struct log_shipper *s, int64_t ms)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_nsec += ms * 1000000;
    until.tv_sec += until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;
    (void)pthread_cond_clockwait(&s->changed, &s->lock, CLOCK_MONOTONIC, &until);
}

static void *shipping_main(void *arg)
{
    struct log_shipper *s = arg;
    const int64_t look_ms = s->o.look_ms > 0 ? s->o.look_ms : LOOK_MS;
    pthread_mutex_lock(&s->lock);
    while (!flag_is_set(&s->closing)) {
        bool sent = false;
        pthread_mutex_unlock(&s->lock);
        look_for_sources(s);
        /* A control plane that does not answer is waited for once when the agent ends, not once a container. */
        for (struct line *l = s->lines; l && !flag_is_set(&s->closing); l = l->next)
            sent |= send_one(s, l);
        pthread_mutex_lock(&s->lock);
        s->idle_rounds += !sent;
        pthread_cond_broadcast(&s->changed);
        if (!sent && !flag_is_set(&s->closing))
            wait_ms(s, look_ms);
    }
    pthread_mutex_unlock(&s->lock);
    return NULL;
}

static void done(struct log_shipper *s)
{
    while (s->lines) {
        struct line *l = s->lines;
        s->lines = l->next;
        line_free(l);
    }
    journal_free(s->journal);
    pthread_mutex_destroy(&s->lock);
    pthread_mutex_destroy(&s->lines_lock);
    pthread_cond_destroy(&s->changed);
    free(s->cluster);
    free(s);
}

int log_shipper_new(const struct log_shipper_options *o, struct log_shipper **ret,
                    struct sw_err *err)
{
    struct log_shipper *s = SW_NEW(struct log_shipper);
    s->o = *o;
    s->cluster = sw_strdup(o->cluster);
    s->journal = journal_new(o->journal_socket ? o->journal_socket : JOURNAL_SOCKET);
    pthread_mutex_init(&s->lock, NULL);
    pthread_mutex_init(&s->lines_lock, NULL);
    pthread_cond_init(&s->changed, NULL);
    int e = pthread_create(&s->keeper, NULL, keeping_main, s);
    if (e == 0 && (e = pthread_create(&s->thread, NULL, shipping_main, s)) != 0) {
        flag_set(&s->closing);
        pthread_join(s->keeper, NULL);
    }
    if (e != 0) {
        done(s);
        return sw_fail_os(err, e, "thread for logs of containers");
    }
    *ret = s;
    return 0;
}

void log_shipper_set_instance(struct log_shipper *s, const char *instance_arn)
{
    pthread_mutex_lock(&s->lock);
    (void)sw_str_copy(sw_str(instance_arn), s->instance_arn, sizeof s->instance_arn);
    pthread_mutex_unlock(&s->lock);
}

void log_shipper_drain(struct log_shipper *s, int64_t timeout_ms)
{
    const int64_t until = sw_mono_ms() + timeout_ms;
    pthread_mutex_lock(&s->lock);
    /* The round that runs now may have looked before the last line was written. */
    const uint64_t wanted = s->idle_rounds + 2;
    pthread_cond_broadcast(&s->changed);
    while (s->idle_rounds < wanted && sw_mono_ms() < until)
        wait_ms(s, 50);
    pthread_mutex_unlock(&s->lock);
}

void log_shipper_free(struct log_shipper *s)
{
    if (!s)
        return;
    pthread_mutex_lock(&s->lock);
    flag_set(&s->closing);
    pthread_cond_broadcast(&s->changed);
    pthread_mutex_unlock(&s->lock);
    pthread_join(s->thread, NULL);
    pthread_join(s->keeper, NULL);
    done(s);
}
