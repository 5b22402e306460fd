/* SPDX-License-Identifier: Apache-2.0 */
/* server/lifecycle_worker.c - sleeps until something is due, somebody wakes it, or pulls may wait. */
#include "server/lifecycle_worker.h"

#include <pthread.h>
#include <stdio.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/macros.h"
#include "registry/core/pulls.h"
#include "registry/core/reference.h"

#define PULLS_MS 5000
#define RETRY_MS 5000
#define WHY_MAX  1000

struct lifecycle_worker {
    struct lifecycle_worker_options o;
    pthread_t thread;
    pthread_mutex_t lock; /* of the next two */
    pthread_cond_t wake;
    bool stopping, woken;
    atomic_bool cancelled;
};

static void wake(void *ctx)
{
    struct lifecycle_worker *w = ctx;
    pthread_mutex_lock(&w->lock);
    w->woken = true;
    pthread_cond_signal(&w->wake);
    pthread_mutex_unlock(&w->lock);
}

static void resource_of(const struct repo_key *repo, char *out, size_t cap)
{
    (void)snprintf(out, cap, "arn:aws:ecr:%s:%s:repository/%s", repo->region, repo->account,
                   repo->name);
}

static void expired(void *ctx, const struct repo_key *repo, const struct lifecycle_item *item)
{
    const struct lifecycle_worker *w = ctx;
    char resource[REPO_NAME_MAX + 160];
    struct sw_buf why = SW_BUF_INIT(WHY_MAX);
    resource_of(repo, resource, sizeof(resource));
    (void)sw_buf_addf(&why, "lifecycle rule %lld expired %s", (long long)item->rule, item->digest);
    for (size_t i = 0; i < item->tags_n && why.n + 140 < WHY_MAX; i++)
        (void)sw_buf_addf(&why, "%s%s", i ? ", " : " with the tags ", item->tags[i]);
    if (item->why == LIFECYCLE_FOLLOWS && why.n + 140 < WHY_MAX)
        (void)sw_buf_addf(&why, ", which belonged to %s", item->because);
    if (w->o.did)
        w->o.did(w->o.ctx, "ecr:BatchDeleteImage", resource, why.p);
    sw_buf_done(&why);
}

static void ran(void *ctx SW_UNUSED, const struct repo_key *repo, uint64_t n,
                const struct sw_err *err)
{
    char resource[REPO_NAME_MAX + 160];
    resource_of(repo, resource, sizeof(resource));
    if (err)
        sw_log_err(SW_LOG_ERROR, "lifecycle-failed", err, "repository", resource, NULL);
    if (n > 0)
        sw_log(SW_LOG_INFO, "lifecycle-expired", "repository", resource, "#images", (int64_t)n,
               NULL);
}

/* Milliseconds until there is something to do again. */
static int64_t work(struct lifecycle_worker *w)
{
    struct sw_err err = SW_ERR_INIT;
    struct lifecycle_work_options o = {.now_us = sw_now_us(),
                                       .cancelled = &w->cancelled,
                                       .expired = expired,
                                       .ran = ran,
                                       .ctx = w};
    int64_t next_us = INT64_MAX;
    if (lifecycle_work(w->o.registry, &o, &next_us, &err) < 0) {
        sw_log_err(SW_LOG_ERROR, "lifecycle-failed", &err, NULL);
        return RETRY_MS;
    }
    return next_us == INT64_MAX ? INT64_MAX : SW_MAX((next_us - sw_now_us()) / 1000 + 1, 1);
}

static void flush_pulls(struct lifecycle_worker *w)
{
    struct sw_err err = SW_ERR_INIT;
    if (pulls_flush(w->o.registry, &err) < 0)
        sw_log_err(SW_LOG_ERROR, "pulls-not-recorded", &err, NULL);
}

/* Up to `ms`, or until somebody wakes it. True: there is a reason to look for work. */
static bool wait_for(struct lifecycle_worker *w, int64_t ms)
{
    struct timespec until;
    (void)clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += ms / 1000;
    until.tv_nsec += ms % 1000 * 1000000L;
    until.tv_sec += until.tv_nsec / 1000000000L;
    until.tv_nsec %= 1000000000L;
    pthread_mutex_lock(&w->lock);
    int r = 0;
    while (!w->stopping && !w->woken && r == 0)
        r = pthread_cond_clockwait(&w->wake, &w->lock, CLOCK_MONOTONIC, &until);
    bool woken = w->woken;
    w->woken = false;
    pthread_mutex_unlock(&w->lock);
    return woken;
}

static void *run(void *arg)
{
    struct lifecycle_worker *w = arg;
    int64_t due_ms = 0; /* by the monotonic clock */
    while (!atomic_load(&w->cancelled)) {
        int64_t now = sw_mono_ms();
        if (now >= due_ms) {
            int64_t left = work(w);
            due_ms = left == INT64_MAX ? INT64_MAX : sw_mono_ms() + left;
            now = sw_mono_ms();
        }
        if (wait_for(w, SW_MIN(PULLS_MS, SW_MAX(due_ms - now, 1))))
            due_ms = 0;
        flush_pulls(w);
    }
    return NULL;
}

static void release(struct lifecycle_worker *w)
{
    pthread_cond_destroy(&w->wake);
    pthread_mutex_destroy(&w->lock);
    free(w);
}

int lifecycle_worker_start(const struct lifecycle_worker_options *o, struct lifecycle_worker **ret,
                           struct sw_err *err)
{
    struct lifecycle_worker *w = SW_NEW(struct lifecycle_worker);
    w->o = *o;
    pthread_mutex_init(&w->lock, NULL);
    pthread_cond_init(&w->wake, NULL);
    struct lifecycle_hooks hooks = {.holders = o->holders,
                                    .delay_us = o->delay_ms * 1000,
                                    .interval_us = o->interval_ms * 1000,
                                    .wake = wake,
                                    .wake_ctx = w};
    registry_set_lifecycle(o->registry, &hooks);
    int failed = pthread_create(&w->thread, NULL, run, w);
    if (failed) {
        registry_set_lifecycle(o->registry, &(struct lifecycle_hooks){0});
        release(w);
        return sw_fail_os(err, failed, "no thread for lifecycle policies");
    }
    *ret = w;
    return 0;
}

void lifecycle_worker_stop(struct lifecycle_worker *w)
{
    if (!w)
        return;
    atomic_store(&w->cancelled, true);
    pthread_mutex_lock(&w->lock);
    w->stopping = true;
    pthread_cond_signal(&w->wake);
    pthread_mutex_unlock(&w->lock);
    pthread_join(w->thread, NULL);
    flush_pulls(w);
    registry_set_lifecycle(w->o.registry, &(struct lifecycle_hooks){0});
    release(w);
}
