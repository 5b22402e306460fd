/* SPDX-License-Identifier: Apache-2.0 */
#include "launcher/agent/image_cleaner.h"

#include <pthread.h>
#include <stdio.h>
#include <time.h>

#include "base/alloc.h"
#include "base/json.h"
#include "base/log.h"
#include "base/macros.h"
#include "launcher/agent/task_engine_internal.h"

#define INTERVAL_S 1800
#define MIN_AGE_S  3600
#define IMAGES     5
#define TRIES      10 /* while images pass from pulls to tasks */

struct image_cleaner {
    struct image_cleaner_options o;
    pthread_mutex_t
        lock; /* one cleaning at a time is not asked for: the store has a lock of its own */
    pthread_cond_t changed;
    struct task_engine *engine; /* NULL: not yet, or not any more */
    int working;                /* with the engine */
    bool stopping, started;
    pthread_t thread;
};

struct image_cleaner *image_cleaner_new(const struct image_cleaner_options *o)
{
    struct image_cleaner *c = SW_NEW(struct image_cleaner);
    c->o = *o;
    c->o.interval_s = o->interval_s > 0 ? o->interval_s : INTERVAL_S;
    c->o.min_age_s = o->min_age_s > 0 ? o->min_age_s : MIN_AGE_S;
    c->o.images_max = o->images_max > 0 ? o->images_max : IMAGES;
    pthread_mutex_init(&c->lock, NULL);
    pthread_cond_init(&c->changed, NULL);
    return c;
}

void image_cleaner_free(struct image_cleaner *c)
{
    if (!c)
        return;
    image_cleaner_stop(c);
    pthread_mutex_destroy(&c->lock);
    pthread_cond_destroy(&c->changed);
    free(c);
}

/* Of every task that is not over; a container that starts again pulls its image anew, by digest. */
static json_t *used_images(struct task_engine *e)
{
    json_t *used = json_array();
    pthread_mutex_lock(&e->lock);
    for (struct task *t = e->tasks; t; t = t->next) {
        pthread_mutex_lock(&t->lock);
        for (size_t i = 0; i < t->def->containers_n && !t->finished; i++)
            if (t->containers[i].image_digest[0])
                json_array_append_new(used, json_string(t->containers[i].image_digest));
        pthread_mutex_unlock(&t->lock);
    }
    pthread_mutex_unlock(&e->lock);
    return used;
}

static bool clean(struct image_cleaner *c, int64_t min_age_s, size_t images_max)
{
    struct image_cleaned done = {0};
    struct sw_err err = SW_ERR_INIT;
    int r = SW_ESTALE;
    pthread_mutex_lock(&c->lock);
    struct task_engine *e = c->engine;
    c->working += e != NULL;
    pthread_mutex_unlock(&c->lock);
    for (int i = 0; e && i < TRIES && r == SW_ESTALE; i++) {
        sw_err_clear(&err);
        uint64_t generation = image_store_generation(c->o.images);
        sw_autojson json_t *used = used_images(e);
        struct image_cleanup o = {.used = used,
                                  .generation = generation,
                                  .min_age_s = min_age_s,
                                  .images_max = images_max};
        r = image_store_clean(c->o.images, &o, &done, &err);
    }
    if (e && r < 0 && r != SW_ESTALE)
        sw_log_err(SW_LOG_WARNING, "images-not-cleaned", &err, NULL);
    pthread_mutex_lock(&c->lock);
    c->working -= e != NULL;
    pthread_cond_broadcast(&c->changed);
    pthread_mutex_unlock(&c->lock);
    if (done.images + done.snapshots + done.documents == 0)
        return false;
    char images[24], snapshots[24];
    (void)snprintf(images, sizeof images, "%zu", done.images);
    (void)snprintf(snapshots, sizeof snapshots, "%zu", done.snapshots);
    sw_log(SW_LOG_INFO, "images-removed", "images", images, "snapshots", snapshots, NULL);
    return true;
}

bool image_cleaner_make_room(struct image_cleaner *c)
{
    return clean(c, 0, SIZE_MAX);
}

static void *cleaner_main(void *arg)
{
    struct image_cleaner *c = arg;
    pthread_mutex_lock(&c->lock);
    while (!c->stopping) {
        struct timespec until;
        clock_gettime(CLOCK_MONOTONIC, &until);
        until.tv_sec += c->o.interval_s;
        int e = 0;
        while (!c->stopping && e == 0)
            e = pthread_cond_clockwait(&c->changed, &c->lock, CLOCK_MONOTONIC, &until);
        if (c->stopping)
            break;
        pthread_mutex_unlock(&c->lock);
        (void)clean(c, c->o.min_age_s, (size_t)c->o.images_max);
        pthread_mutex_lock(&c->lock);
    }
    pthread_mutex_unlock(&c->lock);
    return NULL;
}

int image_cleaner_start(struct image_cleaner *c, struct task_engine *e, struct sw_err *err)
{
    pthread_mutex_lock(&c->lock);
    c->engine = e;
    pthread_mutex_unlock(&c->lock);
    if (c->o.disabled)
        return 0;
    int code = pthread_create(&c->thread, NULL, cleaner_main, c);
    c->started = code == 0;
    return code == 0 ? 0 : sw_fail_os(err, code, "thread that cleans images");
}

void image_cleaner_stop(struct image_cleaner *c)
{
    if (!c)
        return;
    pthread_mutex_lock(&c->lock);
    c->stopping = true;
    c->engine = NULL;
    pthread_cond_broadcast(&c->changed);
    while (c->working)
        pthread_cond_wait(&c->changed, &c->lock);
    pthread_mutex_unlock(&c->lock);
    if (c->started)
        pthread_join(c->thread, NULL);
    c->started = false;
}
