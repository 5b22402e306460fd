/* SPDX-License-Identifier: Apache-2.0 */
/* launcher/agent/log_followers.c
 * Invariant: a request is in the list until it can be answered, then with the pool; the looking thread alone takes from the list. */
#include "launcher/agent/log_followers.h"

#include <errno.h>
#include <pthread.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "base/macros.h"
#include "base/pool.h"
#include "launcher/agent/container_setup.h"
#include "launcher/agent/logs.h"
#include "launcher/model/agent_protocol.h"

#define SENDERS 4
#define LOOK_MS 10

struct follower {
    struct follower *next;
    struct log_followers *owner;
    char *instance_arn;
    json_t *request, *records;
    int64_t until_ms;
    char cursor[LOG_CURSOR_MAX];
    bool finished;
};

struct log_followers {
    struct log_followers_options o;
    char *cluster;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct follower *waiting;
    bool closing;
    pthread_t thread;
    struct sw_pool *senders;
};

/* Whether it can be answered now: there is output, none is to come, or the time is up. */
static bool look(struct follower *w, bool last)
{
    struct task_engine *engine = w->owner->o.engine;
    const char *task = sw_json_str(w->request, "taskArn", ""),
               *container = sw_json_str(w->request, "containerName", NULL);
    sw_autofree char *dir = NULL;
    char **containers = NULL;
    if (!engine_find(engine, task, &dir, &containers)) {
        w->records = json_array();
        w->finished = true;
        return true;
    }
    struct log_request r = {.task_dir = dir,
                            .containers = (const char *const *)containers,
                            .container = container,
                            .cursor = sw_json_str(w->request, "cursor", ""),
                            .max_bytes = sw_json_int(w->request, "maxBytes", 65536)};
    struct sw_err err = SW_ERR_INIT;
    bool drained = false, ended = engine_has_ended(engine, task, container);
    if (logs_read(&r, &w->records, w->cursor, &drained, &err) < 0) {
        sw_log_err(SW_LOG_WARNING, "logs-not-read", &err, NULL);
        w->records = json_array();
        w->finished = true;
    } else {
        w->finished = ended && drained;
    }
    strings_free(containers);
    if (json_array_size(w->records) > 0 || w->finished || last || sw_mono_ms() >= w->until_ms)
        return true;
    json_decref(SW_TAKE(w->records));
    return false;
}

static void send_answer(void *arg)
{
    struct follower *w = arg;
    struct log_followers *f = w->owner;
    struct sw_err err = SW_ERR_INIT;
    sw_autojson json_t *in = json_object();
    sw_json_set_str(in, "cluster", f->cluster);
    sw_json_set_str(in, "containerInstance", w->instance_arn);
    sw_json_set_str(in, "requestId", sw_json_str(w->request, "requestId", ""));
    sw_json_set_new(in, "records", w->records);
    sw_json_set_str(in, "cursor", w->cursor);
    sw_json_set_bool(in, "finished", w->finished);
    if (f->o.submit(f->o.ctx, in, &err) < 0)
        sw_log_err(SW_LOG_DEBUG, "logs-not-taken", &err, NULL);
    json_decref(w->request);
    free(w->instance_arn);
    free(w);
}

/* Only this thread takes from the list, and others add in front of it, so it is walked without the lock. */
static void look_for_all(struct log_followers *f, struct follower *list, bool last)
{
    for (struct follower *w = list, *next; w; w = next) {
        next = w->next;
        if (!look(w, last))
            continue;
        pthread_mutex_lock(&f->lock);
        struct follower **at = &f->waiting;
        while (*at != w)
            at = &(*at)->next;
        *at = next;
        pthread_mutex_unlock(&f->lock);
        sw_pool_submit(f->senders, send_answer, w);
    }
}

static void *looking_main(void *arg)
{
    struct log_followers *f = arg;
    for (bool last = false; !last;) {
        pthread_mutex_lock(&f->lock);
        while (!f->waiting && !f->closing)
            pthread_cond_wait(&f->changed, &f->lock);
        last = f->closing;
        struct follower *list = f->waiting;
        pthread_mutex_unlock(&f->lock);
        look_for_all(f, list, last);
        if (!last)
            sw_sleep_ms(LOOK_MS);
    }
    return NULL;
}

int log_followers_new(const struct log_followers_options *o, struct log_followers **ret,
                      struct sw_err *err)
{
    struct log_followers *f = SW_NEW(struct log_followers);
    f->o = *o;
    f->cluster = sw_strdup(o->cluster);
    pthread_mutex_init(&f->lock, NULL);
    pthread_cond_init(&f->changed, NULL);
    f->senders = sw_pool_new(SENDERS, "logs");
    int e = pthread_create(&f->thread, NULL, looking_main, f);
    if (e != 0) {
        sw_pool_free(f->senders);
        free(f->cluster);
        free(f);
        return sw_fail_os(err, e, "thread for logs");
    }
    *ret = f;
    return 0;
}

void log_followers_add(struct log_followers *f, const char *instance_arn, const json_t *request)
{
    struct follower *w = SW_NEW(struct follower);
    int64_t wait_s = SW_MIN(SW_MAX(sw_json_int(request, "waitSeconds", 0), (int64_t)0),
                            (int64_t)AGENT_LOG_WAIT_MAX_S);
    w->owner = f;
    w->instance_arn = sw_strdup(instance_arn);
    w->request = json_deep_copy(request);
    w->until_ms = sw_mono_ms() + wait_s * 1000;
    pthread_mutex_lock(&f->lock);
    w->next = f->waiting;
    f->waiting = w;
    pthread_cond_signal(&f->changed);
    pthread_mutex_unlock(&f->lock);
}

void log_followers_free(struct log_followers *f)
{
    if (!f)
        return;
    pthread_mutex_lock(&f->lock);
    f->closing = true;
    pthread_cond_signal(&f->changed);
    pthread_mutex_unlock(&f->lock);
    pthread_join(f->thread, NULL);
    sw_pool_free(f->senders);
    pthread_mutex_destroy(&f->lock);
    pthread_cond_destroy(&f->changed);
    free(f->cluster);
    free(f);
}
