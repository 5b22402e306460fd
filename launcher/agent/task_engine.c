/* SPDX-License-Identifier: Apache-2.0 */
/* launcher/agent/task_engine.c
 *
 * Invariants:
 * 1. A container's status is changed by its task's thread, except RUNNING -> STOPPED, which is its waiter's.
 * 2. An exit code is durable in state.json before the runtime's own record of it is removed.
 * 3. A finished task's thread ends only when its last report was taken; a restart starts the thread again. */
#include "launcher/agent/task_engine.h"
#include "launcher/agent/flag.h"

#include <dirent.h>
#include <errno.h>
#include <signal.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/io.h"
#include "base/json.h"
#include "base/log.h"
#include "base/macros.h"
#include "launcher/agent/agent_plan.h"
#include "launcher/agent/container_setup.h"
#include "launcher/agent/log_sources.h"
#include "launcher/agent/task_ended.h"
#include "launcher/agent/task_engine_internal.h"
#include "launcher/agent/task_env_files.h"
#include "launcher/agent/task_namespaces.h"
#include "launcher/agent/task_roles.h"
#include "launcher/agent/task_secrets.h"
#include "launcher/runtime/cgroup.h"

#define REPORTERS        4
#define IDLE_WAIT_MS     1000
#define ADOPT_TRIES      5
#define ADOPT_PAUSE_MS   200
#define CLEAN_TRIES      10
#define RESTART_PAUSE_MS 100

bool task_persist(struct task *t, bool durable)
{
    struct sw_err err = SW_ERR_INIT;
    if (task_save(t, durable, &err) < 0)
        sw_log_err(SW_LOG_ERROR, "task-state-not-saved", &err, "task", t->id, NULL);
    for (size_t i = 0; durable && err.code == 0 && i < t->def->containers_n; i++)
        t->containers[i].end_saved |= t->containers[i].status == CONTAINER_STOPPED;
    return err.code == 0;
}

void task_wake(struct task *t)
{
    t->events = true;
    pthread_cond_broadcast(&t->changed);
}

/* --- pulls --- */

struct pull_one {
    struct task *t;
    size_t container;
    const char *name; /* NULL: the definition's */
    bool known;       /* it ran before */
};

static void *pull_main(void *arg)
{
    struct pull_one *p = arg;
    struct task *t = p->t;
    struct task_container *c = &t->containers[p->container];
    struct sw_err err = SW_ERR_INIT;
    struct image image = {0};
    const struct task_engine_options *o = &t->engine->o;
    const char *name = p->name ? p->name : c->def->image;
    sw_autofree char *credentials = task_pull_credentials(t, p->container);
    const struct pull_as as = {.authorization = t->pull_authorization,
                               .identity = t->pull_identity,
                               .credentials = credentials,
                               .known = p->known};
    int r = o->pull(o->pull_ctx, name, &as, &t->give_up_pull, &image, &err);
    pthread_mutex_lock(&t->lock);
    if (r == 0) {
        c->image = image;
        c->status = CONTAINER_READY;
        snprintf(c->image_digest, sizeof c->image_digest, "%s", image.manifest_digest);
    } else if (!flag_is_set(&t->engine->closing)) {
        c->status = CONTAINER_STOPPED;
        task_set_reason(c, "%s: %s", err.reason ? err.reason : "CannotPullContainerError", err.msg);
    }
    pthread_mutex_unlock(&t->lock);
    return NULL;
}

/* All images of the task at once; those of containers that an earlier agent started are not asked for. */
static void pull_images(struct task *t)
{
    struct pull_one jobs[TASKDEF_CONTAINERS_MAX];
    pthread_t threads[TASKDEF_CONTAINERS_MAX];
    size_t n = 0, started = 0;
    for (size_t i = 0; i < t->def->containers_n; i++)
        if (t->containers[i].status == CONTAINER_WAITING ||
            t->containers[i].status == CONTAINER_READY)
            jobs[n++] = (struct pull_one){t, i, NULL, false};
    if (n == 0)
        return;
    pthread_mutex_lock(&t->lock);
    t->pull_started_us = sw_now_us();
    pthread_mutex_unlock(&t->lock);
    while (started + 1 < n &&
           pthread_create(&threads[started], NULL, pull_main, &jobs[started]) == 0)
        started++;
    for (size_t i = started; i < n; i++)
        (void)pull_main(&jobs[i]);
    while (started > 0)
        pthread_join(threads[--started], NULL);
    pthread_mutex_lock(&t->lock);
    t->pull_stopped_us = sw_now_us();
    pthread_mutex_unlock(&t->lock);
}

/* Exactly what ran before, whatever the tag means by now; it is on this machine. */
static void pull_again(struct task *t, size_t container)
{
    struct task_container *c = &t->containers[container];
    struct pull_one job = {t, container, NULL, true};
    sw_autofree char *name = strchr(c->def->image, '@') || !c->image_digest[0]
                                 ? sw_strdup(c->def->image)
                                 : sw_asprintf("%s@%s", c->def->image, c->image_digest);
    job.name = name;
    (void)pull_main(&job);
}

/* --- the task's thread --- */

static void signal_container(struct task *t, size_t container, int signo)
{
    struct task_container *c = &t->containers[container];
    const struct runtime *rt = t->engine->o.runtime;
    struct sw_err err = SW_ERR_INIT;
    if (rt->ops->signal(rt->self, c->id, signo, &err) < 0 && err.code != SW_ENOTFOUND)
        sw_log_err(SW_LOG_WARNING, "container-signal-failed", &err, "task", t->id, "container",
                   c->def->name, NULL);
}

static void act(struct task *t, const struct task_action *a)
{
    size_t i = (size_t)a->container;
    struct task_container *c = &t->containers[i];
    struct sw_err err = SW_ERR_INIT;
    switch (a->kind) {
    case TASK_START:
        if (task_start_container(t, i, &err) == 0)
            task_watch(t, i);
        else
            sw_log_err(SW_LOG_INFO, "container-start-failed", &err, "task", t->id, "container",
                       c->def->name, NULL);
        break;
    case TASK_NEVER_START:
        pthread_mutex_lock(&t->lock);
        c->status = CONTAINER_STOPPED;
        if (a->reason && !c->reason[0])
            task_set_reason(c, "%s", a->reason);
        pthread_mutex_unlock(&t->lock);
        break;
    case TASK_RESTART:
        if (!c->cleaned) { /* the runtime still has it, or its end is not on the disk: later */
            sw_sleep_ms(RESTART_PAUSE_MS);
            break;
        }
        task_restart_container(t, i);
        if (task_get_secrets(t) &&
            task_get_env_files(t)) /* an agent that was restarted since has none of them */
            pull_again(t, i);
        break;
    case TASK_STOP:
        pthread_mutex_lock(&t->lock);
        c->stop_sent = true;
        c->stop_sent_at_ms = sw_mono_ms();
        pthread_mutex_unlock(&t->lock);
        signal_container(t, i, c->stop_signal);
        break;
    case TASK_KILL:
        pthread_mutex_lock(&t->lock);
        c->kill_sent = true;
        c->kill_sent_at_ms = sw_mono_ms();
        pthread_mutex_unlock(&t->lock);
        signal_container(t, i, SIGKILL);
        break;
    }
}

/* With the lock held. For a task that failed to start the first essential container's reason says more than a general one. */
static void set_stop(struct task *t, const struct task_plan *plan)
{
    t->stop_wanted = true;
    if (t->stop_code[0])
        return;
    const char *text = plan->stop_text;
    bool failed = strcmp(plan->stop_code, "TaskFailedToStart") == 0;
    for (size_t i = 0; failed && i < t->def->containers_n; i++) {
        const struct task_container *c = &t->containers[i];
        if (c->def->essential && c->status == CONTAINER_STOPPED && !c->ran && c->reason[0]) {
            text = c->reason;
            break;
        }
    }
    snprintf(t->stop_code, sizeof t->stop_code, "%s", plan->stop_code);
    snprintf(t->stop_text, sizeof t->stop_text, "%s", text);
}

static bool any_uncleaned(const struct task *t)
{
    for (size_t i = 0; i < t->def->containers_n; i++)
        if (t->containers[i].status == CONTAINER_STOPPED && !t->containers[i].cleaned)
            return true;
    return false;
}

/* With the lock held: notes what the plan found out. Returns true if something changed that others have to hear of. */
static bool note(struct task *t, const struct task_plan *plan)
{
    bool changed = false;
    if (plan->stop_code && !t->stop_wanted) {
        set_stop(t, plan);
        changed = true;
    }
    bool some_ran = false, essentials_ran = true;
    for (size_t i = 0; i < t->def->containers_n; i++) {
        some_ran |= t->containers[i].ran;
        essentials_ran &= t->containers[i].ran || !t->containers[i].def->essential;
    }
    if (!t->was_running && plan->all_started && some_ran && essentials_ran &&
        (!plan->stop || plan->finished)) {
        t->was_running = true;
        changed = true;
    }
    /* STOPPED gives ports and memory to the next task at once, so what held them has to be gone first. */
    if (plan->finished && !t->finished && !any_uncleaned(t)) {
        t->finished = true;
        t->stopped_us = sw_now_us();
        changed = true;
    }
    return changed;
}

/* No container is left, and none will be started again. */
static bool all_over(struct task *t)
{
    bool over = true;
    pthread_mutex_lock(&t->lock);
    for (size_t i = 0; i < t->def->containers_n; i++)
        over &= t->containers[i].status == CONTAINER_STOPPED && t->containers[i].cleaned &&
                !t->containers[i].restarting;
    pthread_mutex_unlock(&t->lock);
    return over;
}

static bool clean_ended(struct task *t)
{
    bool any = false;
    for (size_t i = 0; i < t->def->containers_n; i++) {
        struct task_container *c = &t->containers[i];
        pthread_mutex_lock(&t->lock);
        bool due = c->end_saved && !c->cleaned;
        pthread_mutex_unlock(&t->lock);
        if (!due)
            continue;
        if (!task_clean_container(t, i, ++c->clean_tries >= CLEAN_TRIES))
            continue;
        pthread_mutex_lock(&t->lock);
        c->cleaned = true;
        pthread_mutex_unlock(&t->lock);
        any = true;
    }
    if (any && all_over(t))
        (void)task_release(t);
    if (any) /* goes with the last container */
        (void)cgroup_remove(t->engine->o.cgroup_root, t->id);
    return any;
}

/* With the lock held. */
static void sleep_until_event(struct task *t, int64_t wake_at_ms)
{
    int64_t now = sw_mono_ms(), ms = IDLE_WAIT_MS;
    if (wake_at_ms)
        ms = SW_MIN(ms, SW_MAX(wake_at_ms - now, (int64_t)1));
    if (t->report_retry_at_ms)
        ms = SW_MIN(ms, SW_MAX(t->report_retry_at_ms - now, (int64_t)1));
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    int64_t ns = until.tv_nsec + ms * 1000000;
    until.tv_sec += ns / 1000000000;
    until.tv_nsec = ns % 1000000000;
    if (!t->events && !flag_is_set(&t->engine->closing))
        (void)pthread_cond_clockwait(&t->changed, &t->lock, CLOCK_MONOTONIC, &until);
    t->events = false;
}

/* One round; false when the thread is done. */
static bool task_round(struct task *t)
{
    struct task_view view;
    struct task_plan plan;
    pthread_mutex_lock(&t->lock);
    task_view(t, sw_mono_ms(), t->engine->o.stop_timeout_default_s, &view);
    task_plan(&view, &plan);
    for (size_t i = 0; i < plan.n; i++)
        if (plan.actions[i].kind == TASK_RESTART)
            t->containers[plan.actions[i].container].restarting = true;
    bool ended = any_uncleaned(t), changed = note(t, &plan);
    if (changed || ended)
        task_persist(t, ended || t->finished);
    task_queue_report(t);
    task_queue_credentials(t);
    bool reported = t->silent || t->reported >= REPORT_STOPPED;
    bool done = t->finished && reported && !ended && !t->report_queued && !t->credentials_queued;
    pthread_mutex_unlock(&t->lock);
    if (done)
        return false;
    bool cleaned = ended && clean_ended(t);
    for (size_t i = 0; i < plan.n && !flag_is_set(&t->engine->closing); i++)
        act(t, &plan.actions[i]);
    pthread_mutex_lock(&t->lock);
    if (cleaned)
        task_persist(t, false);
    if (plan.n == 0 && !cleaned && !changed)
        sleep_until_event(t, plan.wake_at_ms);
    pthread_mutex_unlock(&t->lock);
    return true;
}

/* With the lock held: a task that has ended is known for hours, and its address is another's by then. */
static void forget_secrets(struct task *t)
{
    json_decref(t->credentials);
    json_decref(t->secrets);
    t->credentials = t->secrets = NULL;
    for (size_t i = 0; i < TASKDEF_CONTAINERS_MAX; i++) {
        strings_free(t->env_files[i]);
        t->env_files[i] = NULL;
    }
    free(t->pull_authorization);
    free(t->pull_identity);
    t->pull_authorization = t->pull_identity = NULL;
}

/* What an earlier agent started, and what there was no room for a thread for. */
static void watch_what_runs(struct task *t)
{
    for (size_t i = 0; i < t->def->containers_n; i++) {
        pthread_mutex_lock(&t->lock);
        bool runs = t->containers[i].status == CONTAINER_RUNNING;
        pthread_mutex_unlock(&t->lock);
        if (runs)
            task_watch(t, i);
    }
    task_namespaces_watch_again(t);
}

static void *task_main(void *arg)
{
    struct task *t = arg;
    pthread_mutex_lock(&t->lock);
    bool pull = !t->stop_wanted && !t->finished && !t->other_boot;
    task_queue_report(t);
    pthread_mutex_unlock(&t->lock);
    if (pull && task_get_roles(t) && task_get_secrets(t) && task_get_env_files(t) &&
        log_sources_open(t))
        pull_images(t);
    do
        watch_what_runs(t);
    while (!flag_is_set(&t->engine->closing) && task_round(t));
    task_join_watchers(t);
    task_namespaces_unwatch(t);
    if (!flag_is_set(&t->engine->closing))
        task_give_up_restarts(t);
    pthread_mutex_lock(&t->lock);
    if (t->finished)
        forget_secrets(t);
    t->thread_ended = true;
    pthread_mutex_unlock(&t->lock);
    return NULL;
}

void task_threads_start(struct task_engine *e)
{
    bool known = e->threads_missing;
    e->threads_missing = false;
    for (struct task *t = e->tasks; t; t = t->next) {
        if (t->thread_started || t->thread_ended)
            continue;
        t->thread_started = pthread_create(&t->thread, NULL, task_main, t) == 0;
        if (!t->thread_started && !known)
            sw_log(SW_LOG_ERROR, "task-thread-failed", "task", t->id, "what-happens",
                   "it is tried again", NULL);
        e->threads_missing |= !t->thread_started;
    }
    if (e->threads_missing && !known)
        pthread_cond_signal(&e->chores_due);
}

static void begin(struct task_engine *e, struct task *t)
{
    pthread_mutex_lock(&e->lock);
    t->next = e->tasks;
    e->tasks = t;
    task_threads_start(e);
    pthread_mutex_unlock(&e->lock);
}

/* --- adoption --- */

/* A runtime that cannot say is no runtime that says "gone": one that ran is taken as running, and its waiter asks on. One of which only
 * the start was asked for has ended without an exit code: it may wait for ever, and must not run twice. */
static struct runtime_state state_at_start(struct task *t, const struct task_container *c)
{
    const struct runtime *rt = t->engine->o.runtime;
    for (int i = 1;; i++) {
        struct runtime_state st = {.status = RUNTIME_ABSENT, .exit_code = -1};
        struct sw_err err = SW_ERR_INIT;
        if (rt->ops->state(rt->self, c->id, &st, &err) == 0)
            return st;
        sw_log_err(SW_LOG_WARNING, "container-state-unknown", &err, "task", t->id, NULL);
        if (i == ADOPT_TRIES)
            return (struct runtime_state){.status = c->ran ? RUNTIME_RUNNING : RUNTIME_STOPPED,
                                          .exit_code = -1};
        sw_sleep_ms(ADOPT_PAUSE_MS);
    }
}

/* Between creation and start when the agent ended: begin again from nothing. Removing it makes the monitor write down an end
 * that must never pass for the task's, whoever is killed meanwhile: so the file says first what this is. */
static void discard_container(struct task *t, size_t container)
{
    struct task_container *c = &t->containers[container];
    if (!c->discarding) {
        c->discarding = true;
        task_persist(t, true);
    }
    (void)task_clean_container(t, container, true);
    c->id[0] = c->lease[0] = c->address[0] = 0;
    c->bindings_n = 0;
    c->status = CONTAINER_WAITING;
    c->starting = c->discarding = false;
}

static void adopt_container(struct task *t, size_t container)
{
    struct task_container *c = &t->containers[container];
    if (c->status == CONTAINER_STOPPED || !c->id[0])
        return;
    if (c->discarding) {
        discard_container(t, container);
        return;
    }
    const struct runtime_state st = state_at_start(t, c);
    bool started = c->starting || c->ran; /* a creation that failed leaves an exit code too */
    bool not_yet = st.status == RUNTIME_CREATED && !c->ran;
    if (st.status == RUNTIME_RUNNING ||
        (st.status == RUNTIME_STOPPED && st.exit_code >= 0 && started)) {
        c->status = CONTAINER_RUNNING; /* its waiter sees the end at once if it ended */
        c->ran = true;
        c->started_us = c->started_us ? c->started_us : c->created_us; /* not saved any more */
        c->started_ms = task_mono_of_us(c->started_us);
    } else if (c->status == CONTAINER_RUNNING || (started && !not_yet)) {
        c->status = CONTAINER_STOPPED;
        c->has_exit_code = false;
        c->ran = true; /* as far as anybody can tell: it is not run twice */
        c->stopped_us = sw_now_us();
        task_set_reason(
            c, "CannotInspectContainerError: the container was gone when the agent started");
    } else {
        discard_container(t, container);
    }
    if (t->def->network_mode == NETWORK_BRIDGE && c->status == CONTAINER_RUNNING)
        for (size_t i = 0; i < c->bindings_n; i++) {
            struct sw_err ignored = SW_ERR_INIT;
            (void)ports_take(t->engine->ports, &c->bindings[i], true, &ignored);
        }
}

/* The machine was restarted. How far its containers had come by then is not known for certain, because not every step is synced: so
 * nothing of it is begun again. */
static void end_with_machine(struct task *t)
{
    for (size_t i = 0; i < t->def->containers_n; i++) {
        struct task_container *c = &t->containers[i];
        if (c->status == CONTAINER_STOPPED)
            continue;
        c->ran |= c->starting;
        c->status = CONTAINER_STOPPED;
        c->stopped_us = sw_now_us();
        c->starting = c->discarding = c->has_exit_code = false;
        task_set_reason(c, "%s: the container instance was restarted",
                        c->ran ? "CannotInspectContainerError" : "CannotStartContainerError");
    }
}

/* How long its folder stays, from now on. */
static void set_keep(struct task *t)
{
    const struct task_engine_options *o = &t->engine->o;
    t->keep_until_ms = sw_mono_ms() + ended_keep_ms(o->cleanup_wait_s, o->cleanup_jitter_s,
                                                    t->stopped_us, sw_now_us());
}

static int load_tasks(struct task_engine *e, struct sw_err *err)
{
    DIR *d = opendir(e->tasks_dir);
    if (!d)
        return sw_fail_os(err, errno, "%s", e->tasks_dir);
    for (struct dirent *f; (f = readdir(d));) {
        struct sw_err one = SW_ERR_INIT;
        struct task *t = NULL;
        if (f->d_name[0] == '.')
            continue;
        if (task_load(e, e->tasks_dir, f->d_name, &t, &one) < 0) {
            task_set_aside(e, f->d_name, &one);
            continue;
        }
        if (t->finished && t->silent && log_sources_are_done(t)) {
            (void)cgroup_remove(e->o.cgroup_root, t->id);
            set_keep(t);
            ended_add(e, t);
            task_free(t);
            continue;
        }
        if (t->other_boot)
            end_with_machine(t);
        for (size_t i = 0; i < t->def->containers_n; i++)
            adopt_container(t, i);
        if (t->finished)
            (void)cgroup_remove(e->o.cgroup_root, t->id);
        t->next = e->tasks;
        e->tasks = t;
    }
    closedir(d);
    return 0;
}

static bool lease_in_use(void *ctx, const char *name)
{
    const struct task_engine *e = ctx;
    for (const struct task *t = e->tasks; t; t = t->next)
        for (size_t i = 0; i < t->def->containers_n; i++)
            if (!t->containers[i].cleaned && strcmp(t->containers[i].lease, name) == 0)
                return true;
    return false;
}

static bool is_known(const struct task_engine *e, const char *id)
{
    for (const struct task *t = e->tasks; t; t = t->next)
        if (strcmp(t->id, id) == 0)
            return true;
    for (const struct ended_task *t = e->ended; t; t = t->next)
        if (strcmp(t->id, id) == 0)
            return true;
    return false;
}

/* A folder whose file cannot be read: its containers are gone by now, its mounts go too. */
static void remove_unreadable(struct task_engine *e)
{
    DIR *d = opendir(e->tasks_dir);
    for (struct dirent *f; d && (f = readdir(d));) {
        if (f->d_name[0] == '.' || is_known(e, f->d_name))
            continue;
        struct sw_err err = SW_ERR_INIT;
        sw_autofree char *dir = sw_asprintf("%s/%s", e->tasks_dir, f->d_name);
        sw_autofree char *containers = sw_asprintf("%s/containers", dir);
        DIR *c = opendir(containers);
        for (struct dirent *g; c && err.code == 0 && (g = readdir(c));) {
            sw_autofree char *folder = sw_asprintf("%s/%s", containers, g->d_name);
            if (g->d_name[0] != '.')
                (void)container_teardown(folder, &err);
        }
        if (c)
            closedir(c);
        (void)cgroup_remove(e->o.cgroup_root, f->d_name);
        if (err.code || sw_remove_tree(dir, &err) < 0)
            sw_log_err(SW_LOG_WARNING, "task-folder-not-removed", &err, "task", f->d_name, NULL);
    }
    if (d)
        closedir(d);
}

static void engine_release(struct task_engine *e)
{
    while (e->tasks) {
        struct task *t = e->tasks;
        e->tasks = t->next;
        task_free(t);
    }
    ended_free(e);
    ports_free(e->ports);
    pthread_mutex_destroy(&e->lock);
    pthread_cond_destroy(&e->chores_due);
    free(e->tasks_dir);
    free(e->cluster);
    free(e);
}

int engine_new(const struct task_engine_options *o, struct task_engine **ret, struct sw_err *err)
{
    struct task_engine *e = SW_NEW(struct task_engine);
    e->o = *o;
    e->tasks_dir = sw_asprintf("%s/tasks", o->data_dir);
    e->cluster = sw_strdup(o->cluster ? o->cluster : "default");
    e->ports = ports_new();
    pthread_mutex_init(&e->lock, NULL);
    pthread_cond_init(&e->chores_due, NULL);
    if (sw_mkdirs(e->tasks_dir, 0700, err) < 0 || load_tasks(e, err) < 0 ||
        chores_remove_orphans(e, err) < 0 ||
        (o->network && network_clean(o->network, lease_in_use, e, err) < 0) ||
        chores_start(e, err) < 0) {
        engine_release(e);
        return err->code;
    }
    remove_unreadable(e);
    task_mounts_clean(e);
    e->reporters = sw_pool_new(REPORTERS, "reports");
    pthread_mutex_lock(&e->lock);
    task_threads_start(e);
    pthread_mutex_unlock(&e->lock);
    *ret = e;
    return 0;
}

void engine_free(struct task_engine *e)
{
    if (!e)
        return;
    flag_set(&e->closing);
    chores_stop(e);
    for (struct task *t = e->tasks; t; t = t->next) {
        pthread_mutex_lock(&t->lock);
        flag_set(&t->give_up_pull);
        task_wake(t);
        pthread_mutex_unlock(&t->lock);
    }
    for (struct task *t = e->tasks; t; t = t->next)
        if (t->thread_started)
            pthread_join(t->thread, NULL);
    sw_pool_free(e->reporters);
    engine_release(e);
}

/* --- desired state --- */

void task_want_stop(struct task *t, const char *code, const char *text, bool silent)
{
    t->silent |= silent;
    if (!t->stop_wanted) {
        t->stop_wanted = true;
        if (!t->stop_code[0]) {
            snprintf(t->stop_code, sizeof t->stop_code, "%s", code);
            snprintf(t->stop_text, sizeof t->stop_text, "%s", text);
        }
    }
    flag_set(&t->give_up_pull);
    task_persist(t, true);
    task_wake(t);
}

static void begin_new(struct task_engine *e, const json_t *placed, bool refuse)
{
    struct sw_err err = SW_ERR_INIT;
    struct task *t = NULL;
    const char *arn = sw_json_str(placed, "taskArn", "");
    if (!refuse && e->o.runtime->ops->expect)
        e->o.runtime->ops->expect(e->o.runtime->self);
    if (task_new(e, e->tasks_dir, placed, &t, &err) < 0) {
        sw_log_err(SW_LOG_ERROR, "task-not-understood", &err, "task", arn, NULL);
        chores_refuse(e, arn, "TaskFailedToStart", err.msg);
        return;
    }
    bool stopped = sw_streq(sw_json_str(placed, "desiredStatus", ""), "STOPPED");
    if (refuse) {
        t->stop_wanted = true;
        snprintf(t->stop_code, sizeof t->stop_code, "%s",
                 stopped ? "UserInitiated" : "TaskFailedToStart");
        snprintf(t->stop_text, sizeof t->stop_text, "%s",
                 stopped ? sw_json_str(placed, "stopReason", "Task stopped by user")
                         : "The container instance lost what it knew of the task");
    }
    (void)task_persist(t, false);
    begin(e, t);
    /* The disk may take its time while the image is looked for and the container made: nothing is started before (task_start.c). */
    if (task_sync(t, &err) < 0)
        sw_log_err(SW_LOG_ERROR, "task-state-not-saved", &err, "task", t->id, NULL);
    pthread_mutex_lock(&t->lock);
    t->durable = true;
    pthread_cond_broadcast(&t->changed);
    pthread_mutex_unlock(&t->lock);
}

static size_t snapshot_known(struct task_engine *e, struct plan_known **ret_plan,
                             struct task ***ret_tasks)
{
    size_t n = 0, i = 0;
    pthread_mutex_lock(&e->lock);
    for (struct task *t = e->tasks; t; t = t->next)
        n++;
    for (const struct ended_task *t = e->ended; t; t = t->next)
        n++;
    *ret_plan = sw_calloc(n + 1, sizeof **ret_plan);
    *ret_tasks = sw_calloc(n + 1, sizeof **ret_tasks);
    for (struct task *t = e->tasks; t; t = t->next) {
        pthread_mutex_lock(&t->lock);
        (*ret_plan)[i] = (struct plan_known){task_arn(t), t->stop_wanted, t->finished, t->silent,
                                             t->silent || t->reported >= REPORT_STOPPED};
        pthread_mutex_unlock(&t->lock);
        (*ret_tasks)[i++] = t;
    }
    for (const struct ended_task *t = e->ended; t; t = t->next) /* nothing is asked of these */
        (*ret_plan)[i++] = (struct plan_known){t->arn, true, true, true, true};
    pthread_mutex_unlock(&e->lock);
    return n;
}

static bool status_is_late(const char *status)
{
    static const char *const late[] = {"RUNNING", "DEACTIVATING", "STOPPING", "DEPROVISIONING",
                                       "STOPPED"};
    for (size_t i = 0; i < SW_ARRAY_LEN(late); i++)
        if (sw_streq(status, late[i]))
            return true;
    return false;
}

static void carry_out(struct task_engine *e, const struct agent_action *a, const json_t *tasks,
                      struct task **known)
{
    const char *ended = "The task had ended; the control plane was set back to before its end";
    const json_t *placed = a->kind == AGENT_FORGET ? NULL : json_array_get(tasks, a->index);
    struct task *t = a->kind == AGENT_FORGET ? known[a->index]
                     : a->kind == AGENT_END  ? known[a->other]
                                             : NULL;
    switch (a->kind) {
    case AGENT_BEGIN: begin_new(e, placed, false); break;
    case AGENT_REFUSE: begin_new(e, placed, true); break;
    case AGENT_AGAIN:
        chores_refuse(e, sw_json_str(placed, "taskArn", ""), "EssentialContainerExited", ended);
        break;
    case AGENT_END:
        pthread_mutex_lock(&t->lock);
        task_want_stop(t, "UserInitiated",
                       sw_json_str(placed, "stopReason", "Task stopped by user"), false);
        pthread_mutex_unlock(&t->lock);
        break;
    case AGENT_FORGET:
        pthread_mutex_lock(&t->lock);
        task_want_stop(t, "UserInitiated", "The task is no longer placed on this instance", true);
        pthread_mutex_unlock(&t->lock);
        break;
    }
}

void engine_apply(struct task_engine *e, const json_t *tasks)
{
    size_t n = json_array_size(tasks);
    struct plan_known *known = NULL;
    struct task **known_tasks = NULL;
    size_t known_n = snapshot_known(e, &known, &known_tasks);
    sw_autofree struct plan_desired *desired = sw_calloc(n + 1, sizeof *desired);
    sw_autofree struct agent_action *actions = sw_calloc(n + known_n + 1, sizeof *actions);
    for (size_t i = 0; i < n; i++) {
        const json_t *j = json_array_get(tasks, i);
        desired[i] = (struct plan_desired){
            .task = sw_json_str(j, "taskArn", ""),
            .stopped = sw_streq(sw_json_str(j, "desiredStatus", ""), "STOPPED"),
            .ran = status_is_late(sw_json_str(j, "knownStatus", ""))};
    }
    size_t actions_n = agent_plan(desired, n, known, known_n, actions);
    for (size_t i = 0; i < actions_n; i++)
        carry_out(e, &actions[i], tasks, known_tasks);
    free(known);
    free(known_tasks);
}

void engine_stop_all(struct task_engine *e, const char *reason)
{
    pthread_mutex_lock(&e->lock);
    for (struct task *t = e->tasks; t; t = t->next) {
        pthread_mutex_lock(&t->lock);
        if (!t->finished)
            task_want_stop(t, "UserInitiated", reason, false);
        pthread_mutex_unlock(&t->lock);
    }
    pthread_mutex_unlock(&e->lock);
}

bool engine_idle(struct task_engine *e)
{
    bool idle = true;
    pthread_mutex_lock(&e->lock);
    for (struct task *t = e->tasks; t && idle; t = t->next) {
        pthread_mutex_lock(&t->lock);
        idle = t->thread_ended;
        pthread_mutex_unlock(&t->lock);
    }
    pthread_mutex_unlock(&e->lock);
    return idle;
}

/* With both locks held. Nobody asks for it any more, and its lines are all sent, or were waited for long enough. */
static bool is_over(struct task *t)
{
    if (!t->silent || !t->thread_ended || !t->finished)
        return false;
    if (!t->keep_until_ms)
        set_keep(t);
    return log_sources_are_done(t) || t->keep_until_ms <= sw_mono_ms();
}

void engine_sweep(struct task_engine *e)
{
    struct task *gone = NULL;
    pthread_mutex_lock(&e->lock);
    for (struct task **at = &e->tasks; *at;) {
        struct task *t = *at;
        pthread_mutex_lock(&t->lock);
        bool over = is_over(t), join = t->thread_ended && t->thread_started;
        pthread_mutex_unlock(&t->lock);
        if (join) { /* its stack goes */
            pthread_join(t->thread, NULL);
            t->thread_started = false;
        }
        if (!over) {
            at = &t->next;
            continue;
        }
        *at = t->next;
        t->next = gone;
        gone = t;
        ended_add(e, t);
    }
    pthread_mutex_unlock(&e->lock);
    while (gone) {
        struct task *t = gone;
        gone = t->next;
        task_free(t);
    }
    ended_sweep(e);
}

/* --- for logs --- */

static struct task *find(struct task_engine *e, const char *arn)
{
    struct task *t = e->tasks;
    while (t && strcmp(task_arn(t), arn) != 0)
        t = t->next;
    return t;
}

static char **names_of(const struct task *t)
{
    char **names = sw_calloc(t->def->containers_n + 1, sizeof *names);
    for (size_t i = 0; i < t->def->containers_n; i++)
        names[i] = sw_strdup(t->def->containers[i].name);
    return names;
}

bool engine_find(struct task_engine *e, const char *arn, char **ret_dir, char ***ret_containers)
{
    pthread_mutex_lock(&e->lock);
    const struct task *t = find(e, arn);
    const struct ended_task *ended = t ? NULL : ended_find(e, arn);
    if (t || ended) {
        *ret_dir = sw_strdup(t ? t->dir : ended->dir);
        *ret_containers = t ? names_of(t) : ended_names(ended);
    }
    pthread_mutex_unlock(&e->lock);
    return t || ended;
}

bool engine_has_ended(struct task_engine *e, const char *arn, const char *container)
{
    bool ended = true;
    pthread_mutex_lock(&e->lock);
    struct task *t = find(e, arn);
    if (t) {
        pthread_mutex_lock(&t->lock);
        for (size_t i = 0; i < t->def->containers_n; i++)
            if ((!container || sw_streq(t->def->containers[i].name, container)) &&
                t->containers[i].status != CONTAINER_STOPPED)
                ended = false;
        pthread_mutex_unlock(&t->lock);
    }
    pthread_mutex_unlock(&e->lock);
    return ended;
}

int engine_running(struct task_engine *e, const char *arn, const char *container,
                   char ret_id[RUNTIME_ID_MAX + 1], struct sw_err *err)
{
    int r = SW_ENOTFOUND;
    pthread_mutex_lock(&e->lock);
    struct task *t = find(e, arn);
    if (t) {
        pthread_mutex_lock(&t->lock);
        for (size_t i = 0; i < t->def->containers_n; i++) {
            const struct task_container *c = &t->containers[i];
            if (!sw_streq(t->def->containers[i].name, container))
                continue;
            r = c->status == CONTAINER_RUNNING && c->id[0] ? 0 : SW_ECONFLICT;
            memcpy(ret_id, c->id, sizeof c->id);
        }
        pthread_mutex_unlock(&t->lock);
    }
    pthread_mutex_unlock(&e->lock);
    if (r == 0)
        return 0;
    return sw_fail(err, r, NULL,
                   r == SW_ENOTFOUND ? "the container is not on this instance"
                                     : "the container is not running");
}
