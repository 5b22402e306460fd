/* SPDX-License-Identifier: Apache-2.0 */
/* launcher/agent/task_chores.c - what the engine does beside its tasks, on one thread: a second look for containers that belong to no
 * task, and the reports of tasks that it could not understand.
 *
 * Programs that create or remove something may be killed, and may outlive an agent that was killed: what they leave shows itself only
 * later. So there is a look every now and then. */
#include <errno.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "base/macros.h"
#include "launcher/agent/flag.h"
#include "launcher/agent/task_ended.h"
#include "launcher/agent/task_engine_internal.h"
#include "launcher/runtime/cgroup.h"

#define FIRST_LOOK_MS    10000
#define LOOK_EVERY_MS    30000
#define THREADS_EVERY_MS 1000
#define BACKOFF_MIN_MS   200
#define BACKOFF_MAX_MS   15000

struct refusal {
    struct refusal *next;
    json_t *report;
};

static bool has_container(struct task_engine *e, const char *id)
{
    bool found = false;
    pthread_mutex_lock(&e->lock);
    for (struct task *t = e->tasks; t && !found; t = t->next) {
        pthread_mutex_lock(&t->lock);
        for (size_t i = 0; i < t->def->containers_n; i++)
            found |= !t->containers[i].cleaned && strcmp(t->containers[i].id, id) == 0;
        found |= !t->finished && strcmp(t->holder, id) == 0;
        pthread_mutex_unlock(&t->lock);
    }
    pthread_mutex_unlock(&e->lock);
    return found;
}

static int remove_orphan(void *ctx, const char *id)
{
    struct task_engine *e = ctx;
    struct sw_err err = SW_ERR_INIT;
    if (!has_container(e, id) && e->o.runtime->ops->remove(e->o.runtime->self, id, &err) < 0)
        sw_log_err(SW_LOG_WARNING, "container-not-removed", &err, "container", id, NULL);
    return 0;
}

/* An orphan may have held the group of a task that was finished before it. */
static void remove_groups(struct task_engine *e)
{
    pthread_mutex_lock(&e->lock);
    for (struct task *t = e->tasks; t; t = t->next) {
        pthread_mutex_lock(&t->lock);
        bool finished = t->finished;
        pthread_mutex_unlock(&t->lock);
        if (finished)
            (void)cgroup_remove(e->o.cgroup_root, t->id);
    }
    for (const struct ended_task *t = e->ended; t; t = t->next)
        (void)cgroup_remove(e->o.cgroup_root, t->id);
    pthread_mutex_unlock(&e->lock);
}

int chores_remove_orphans(struct task_engine *e, struct sw_err *err)
{
    return e->o.runtime->ops->list(e->o.runtime->self, remove_orphan, e, err);
}

void chores_refuse(struct task_engine *e, const char *arn, const char *code, const char *why)
{
    sw_autofree char *reason = sw_asprintf("%s: %.900s", code, why);
    json_t *report = json_object();
    sw_json_set_str(report, "cluster", e->cluster);
    sw_json_set_str(report, "task", arn);
    sw_json_set_str(report, "status", "STOPPED");
    sw_json_set_str(report, "reason", reason);
    sw_json_set_new(report, "containers", json_array());
    pthread_mutex_lock(&e->lock);
    struct refusal **at = &e->refused;
    /* The control plane goes on asking until the report was taken. */
    while (*at && strcmp(sw_json_str((*at)->report, "task", ""), arn) != 0)
        at = &(*at)->next;
    if (!*at) {
        *at = SW_NEW(struct refusal);
        (*at)->report = json_incref(report);
        pthread_cond_signal(&e->chores_due);
    }
    pthread_mutex_unlock(&e->lock);
    json_decref(report);
}

/* With the lock held, which is let go meanwhile; only this thread takes from the list. False: later. */
static bool report_first(struct task_engine *e)
{
    struct refusal *r = e->refused;
    struct sw_err err = SW_ERR_INIT;
    pthread_mutex_unlock(&e->lock);
    bool later = e->o.submit_state(e->o.submit_ctx, r->report, &err) < 0;
    if (later) {
        later = report_is_temporary(&err);
        sw_log_err(later ? SW_LOG_DEBUG : SW_LOG_WARNING, "refusal-not-taken", &err, "task",
                   sw_json_str(r->report, "task", ""), NULL);
    }
    pthread_mutex_lock(&e->lock);
    if (later)
        return false;
    e->refused = r->next;
    json_decref(r->report);
    free(r);
    return true;
}

/* With the lock held; or until somebody has something to do. */
static void wait_until(struct task_engine *e, int64_t at_ms)
{
    struct timespec t = {.tv_sec = at_ms / 1000, .tv_nsec = at_ms % 1000 * 1000000};
    (void)pthread_cond_clockwait(&e->chores_due, &e->lock, CLOCK_MONOTONIC, &t);
}

/* Nothing gives a container that runs another network. */
static void network_gone(void *ctx, const char *lease)
{
    struct task_engine *e = ctx;
    pthread_mutex_lock(&e->lock);
    for (struct task *t = e->tasks; t; t = t->next) {
        pthread_mutex_lock(&t->lock);
        for (size_t i = 0; !t->finished && i < t->def->containers_n; i++)
            if (!t->containers[i].cleaned && strcmp(t->containers[i].lease, lease) == 0)
                task_want_stop(t, "EssentialContainerExited",
                               "ContainerNetworkingError: the network interface of a container was "
                               "removed from the container instance",
                               false);
        pthread_mutex_unlock(&t->lock);
    }
    pthread_mutex_unlock(&e->lock);
}

static void look_for_leftovers(struct task_engine *e)
{
    struct sw_err err = SW_ERR_INIT;
    if (chores_remove_orphans(e, &err) < 0)
        sw_log_err(SW_LOG_WARNING, "containers-not-listed", &err, NULL);
    remove_groups(e);
    if (!e->o.network)
        return;
    network_tidy(e->o.network);
    network_mend(e->o.network, network_gone, e);
}

static void *chores_main(void *arg)
{
    struct task_engine *e = arg;
    int64_t given = e->o.look_every_ms, report_at = 0, backoff = 0;
    int64_t look_at = sw_mono_ms() + (given > 0 ? given : FIRST_LOOK_MS);
    pthread_mutex_lock(&e->lock);
    while (!flag_is_set(&e->closing)) {
        int64_t now = sw_mono_ms();
        if (now >= look_at) {
            pthread_mutex_unlock(&e->lock);
            look_for_leftovers(e);
            pthread_mutex_lock(&e->lock);
            look_at = sw_mono_ms() + (given > 0 ? given : LOOK_EVERY_MS);
        } else if (e->refused && now >= report_at) {
            bool taken = report_first(e);
            backoff = taken ? 0
                            : SW_MIN(SW_MAX(backoff * 2, (int64_t)BACKOFF_MIN_MS),
                                     (int64_t)BACKOFF_MAX_MS);
            report_at = sw_mono_ms() + backoff;
        } else {
            if (e->threads_missing)
                task_threads_start(e);
            int64_t at = e->refused ? SW_MIN(look_at, report_at) : look_at;
            wait_until(e, e->threads_missing ? SW_MIN(at, now + THREADS_EVERY_MS) : at);
        }
    }
    pthread_mutex_unlock(&e->lock);
    return NULL;
}

int chores_start(struct task_engine *e, struct sw_err *err)
{
    int c = pthread_create(&e->chores, NULL, chores_main, e);
    return c == 0 ? 0 : sw_fail_os(err, c, "thread beside the tasks");
}

void chores_stop(struct task_engine *e)
{
    pthread_mutex_lock(&e->lock);
    pthread_cond_signal(&e->chores_due);
    pthread_mutex_unlock(&e->lock);
    pthread_join(e->chores, NULL);
    while (e->refused) {
        struct refusal *r = e->refused;
        e->refused = r->next;
        json_decref(r->report);
        free(r);
    }
}
