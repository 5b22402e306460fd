/* SPDX-License-Identifier: Apache-2.0 */
/* launcher/agent/log_shipper.c
 * Invariant: a batch is confirmed to its reader only after the control plane answered that it has it. */
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
#include "launcher/agent/log_reader.h"
#include "launcher/agent/log_sources.h"

#define LOOK_MS        200
#define BACKOFF_MIN_MS 200
#define BACKOFF_MAX_MS 10000
#define REFUSED_MS     15000

struct line {
    struct line *next;
    char *task_arn, *container;
    struct log_reader *reader;
    bool listed, ended, refused;
    int64_t retry_at_ms;
};

struct log_shipper {
    struct log_shipper_options o;
    char *cluster;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    char instance_arn[INSTANCE_ARN_MAX];
    volatile int closing;
    uint64_t idle_rounds; /* that found nothing to send */
    struct line *lines;   /* of the thread alone */
    int64_t backoff_ms;
};

static struct line *line_of(struct log_shipper *s, const struct log_source *source)
{
    for (struct line *l = s->lines; l; l = l->next)
        if (sw_streq(l->task_arn, source->task_arn) && sw_streq(l->container, source->container))
            return l;
    struct line *l = SW_NEW(struct line);
    l->task_arn = sw_strdup(source->task_arn);
    l->container = sw_strdup(source->container);
    l->reader = log_reader_new(source->task_dir, source->container);
    l->next = s->lines;
    s->lines = l;
    return l;
}

static void line_free(struct line *l)
{
    log_reader_free(l->reader);
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
    for (struct line *l = s->lines; l; l = l->next)
        l->listed = false;
    for (size_t i = 0; i < n; i++) {
        struct line *l = line_of(s, &list[i]);
        l->listed = true;
        l->ended = list[i].ended;
    }
    log_sources_free(list, n);
    for (struct line **at = &s->lines; *at;) {
        struct line *l = *at;
        if (l->listed) {
            at = &l->next;
            continue;
        }
        *at = l->next;
        line_free(l);
    }
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
    sw_json_set_new(in, "events", json_incref(events));
    return s->o.put(s->o.ctx, in, err);
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
    if ((l->ended && log_reader_finished(l->reader)) || sw_mono_ms() < l->retry_at_ms)
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
    if (put(s, l, events, &err) < 0) {
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
    while (s->lines) {
        struct line *l = s->lines;
        s->lines = l->next;
        line_free(l);
    }
    return NULL;
}

int log_shipper_new(const struct log_shipper_options *o, struct log_shipper **ret,
                    struct sw_err *err)
{
    struct log_shipper *s = SW_NEW(struct log_shipper);
    s->o = *o;
    s->cluster = sw_strdup(o->cluster);
    pthread_mutex_init(&s->lock, NULL);
    pthread_cond_init(&s->changed, NULL);
    int e = pthread_create(&s->thread, NULL, shipping_main, s);
    if (e != 0) {
        free(s->cluster);
        free(s);
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
    pthread_mutex_destroy(&s->lock);
    pthread_cond_destroy(&s->changed);
    free(s->cluster);
    free(s);
}
