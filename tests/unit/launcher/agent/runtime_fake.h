/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* A runtime without processes: containers are rows, the test decides when they end. Counts its calls, fails on demand, and calls a
 * hook before every operation, so that a test can take the state there as a crash would leave it. */
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/macros.h"
#include "launcher/runtime/runtime.h"
#include "tests/lib/test.h"

#define FAKE_MAX 16

struct fake_container {
    char id[RUNTIME_ID_MAX + 1];
    enum runtime_status status;
    int exit_code, signals[8], signals_n;
    bool oom, holder; /* holder: of a task's namespaces; it runs until it is removed */
};
struct fake_state {
    struct fake_container list[FAKE_MAX];
    int expects, creates, starts, removes, execs;
};
struct fake {
    pthread_mutex_t lock;
    struct fake_state s;
    int exit_on_start; /* -1: goes on running; else the exit code */
    bool ignores_term, fail_create, fail_start;
    int fail_states, fail_removes; /* so many of the next calls */
    int exec_code;
    void (*hook)(void *ctx);
    void *ctx;
};

static inline struct fake_container *fake_find(struct fake *f, const char *id)
{
    for (size_t i = 0; i < FAKE_MAX; i++)
        if (f->s.list[i].status != RUNTIME_ABSENT && strcmp(f->s.list[i].id, id) == 0)
            return &f->s.list[i];
    return NULL;
}

static inline void fake_enter(struct fake *f)
{
    if (f->hook)
        f->hook(f->ctx);
    pthread_mutex_lock(&f->lock);
}

static inline void fake_expect(void *self)
{
    struct fake *f = self;
    pthread_mutex_lock(&f->lock);
    f->s.expects++;
    pthread_mutex_unlock(&f->lock);
}

static inline int fake_create(void *self, const char *id, const char *bundle, const char *log,
                              struct sw_err *err)
{
    struct fake *f = self;
    (void)log;
    fake_enter(f);
    int r = 0;
    f->s.creates++;
    struct fake_container *c = NULL;
    for (size_t i = 0; i < FAKE_MAX && !c; i++)
        if (f->s.list[i].status == RUNTIME_ABSENT)
            c = &f->s.list[i];
    if (f->fail_create || !c) {
        r = sw_fail(err, SW_EIO, "CannotCreateContainerError", "as the test wants");
    } else {
        size_t n = strlen(bundle);
        *c = (struct fake_container){.status = RUNTIME_CREATED,
                                     .holder = n > 7 && strcmp(bundle + n - 7, "/holder") == 0};
        snprintf(c->id, sizeof c->id, "%s", id);
    }
    pthread_mutex_unlock(&f->lock);
    return r;
}

static inline int fake_start(void *self, const char *id, struct sw_err *err)
{
    struct fake *f = self;
    fake_enter(f);
    struct fake_container *c = fake_find(f, id);
    int r = 0;
    if (f->fail_start || !c) {
        r = sw_fail(err, SW_EIO, "CannotStartContainerError", "as the test wants");
    } else {
        f->s.starts += !c->holder;
        c->status = f->exit_on_start >= 0 && !c->holder ? RUNTIME_STOPPED : RUNTIME_RUNNING;
        c->exit_code = f->exit_on_start;
    }
    pthread_mutex_unlock(&f->lock);
    return r;
}

static inline int fake_signal(void *self, const char *id, int signo, struct sw_err *err)
{
    struct fake *f = self;
    fake_enter(f);
    struct fake_container *c = fake_find(f, id);
    int r = c ? 0 : sw_fail(err, SW_ENOTFOUND, NULL, "no container");
    if (c && c->signals_n < 8)
        c->signals[c->signals_n++] = signo;
    if (c && c->status == RUNTIME_RUNNING && (signo == SIGKILL || !f->ignores_term)) {
        c->status = RUNTIME_STOPPED;
        c->exit_code = 128 + signo;
    }
    pthread_mutex_unlock(&f->lock);
    return r;
}

static inline int fake_state_of(void *self, const char *id, struct runtime_state *ret,
                                struct sw_err *err)
{
    struct fake *f = self;
    fake_enter(f);
    struct fake_container *c = fake_find(f, id);
    bool fails = f->fail_states > 0 && f->fail_states-- > 0;
    *ret = (struct runtime_state){.status = c ? c->status : RUNTIME_ABSENT, .exit_code = -1};
    if (c && c->status == RUNTIME_RUNNING)
        ret->pid = getpid();
    if (c && c->status == RUNTIME_STOPPED) {
        ret->exit_code = c->exit_code;
        ret->oom_killed = c->oom;
    }
    pthread_mutex_unlock(&f->lock);
    return fails ? sw_fail(err, SW_EIO, NULL, "as the test wants") : 0;
}

static inline int fake_wait(void *self, const char *id, int64_t timeout_ms,
                            struct runtime_state *ret, struct sw_err *err)
{
    struct fake *f = self;
    for (int64_t until = sw_mono_ms() + timeout_ms;;) {
        pthread_mutex_lock(&f->lock);
        struct fake_container *c = fake_find(f, id);
        bool gone = !c, stopped = c && c->status == RUNTIME_STOPPED;
        if (stopped)
            *ret = (struct runtime_state){
                .status = RUNTIME_STOPPED, .exit_code = c->exit_code, .oom_killed = c->oom};
        pthread_mutex_unlock(&f->lock);
        if (gone)
            return sw_fail(err, SW_ENOTFOUND, NULL, "no container");
        if (stopped)
            return 1;
        if (sw_mono_ms() >= until)
            return 0;
        sw_sleep_ms(2);
    }
}

static inline int fake_exec(void *self, const char *id, const struct runtime_exec *e,
                            int *ret_exit_code, struct sw_err *err)
{
    struct fake *f = self;
    (void)id, (void)e, (void)err;
    pthread_mutex_lock(&f->lock);
    f->s.execs++;
    *ret_exit_code = f->exec_code;
    pthread_mutex_unlock(&f->lock);
    return 0;
}

static inline int fake_remove(void *self, const char *id, struct sw_err *err)
{
    struct fake *f = self;
    fake_enter(f);
    struct fake_container *c = fake_find(f, id);
    bool fails = f->fail_removes > 0 && f->fail_removes-- > 0;
    f->s.removes++;
    if (c && !fails)
        c->status = RUNTIME_ABSENT;
    pthread_mutex_unlock(&f->lock);
    return fails ? sw_fail(err, SW_EIO, NULL, "as the test wants") : 0;
}

static inline int fake_list(void *self, int (*fn)(void *ctx, const char *id), void *ctx,
                            struct sw_err *err)
{
    struct fake *f = self;
    (void)err;
    for (size_t i = 0; i < FAKE_MAX; i++) {
        pthread_mutex_lock(&f->lock);
        struct fake_container c = f->s.list[i];
        pthread_mutex_unlock(&f->lock);
        if (c.status != RUNTIME_ABSENT)
            fn(ctx, c.id);
    }
    return 0;
}

static const struct runtime_ops fake_ops = {.expect = fake_expect,
                                            .create = fake_create,
                                            .start = fake_start,
                                            .signal = fake_signal,
                                            .state = fake_state_of,
                                            .wait = fake_wait,
                                            .exec = fake_exec,
                                            .remove = fake_remove,
                                            .list = fake_list};

static inline void fake_init(struct fake *f)
{
    memset(f, 0, sizeof *f);
    pthread_mutex_init(&f->lock, NULL);
    f->exit_on_start = -1;
    for (size_t i = 0; i < FAKE_MAX; i++)
        f->s.list[i].status = RUNTIME_ABSENT;
}

static inline int fake_count(struct fake *f, const int *counter)
{
    pthread_mutex_lock(&f->lock);
    int n = *counter;
    pthread_mutex_unlock(&f->lock);
    return n;
}

/* Ends the only running container, or the nth. */
static inline void fake_end(struct fake *f, int nth, int code, bool oom)
{
    pthread_mutex_lock(&f->lock);
    for (size_t i = 0; i < FAKE_MAX; i++)
        if (f->s.list[i].status == RUNTIME_RUNNING && nth-- == 0) {
            f->s.list[i].status = RUNTIME_STOPPED;
            f->s.list[i].exit_code = code;
            f->s.list[i].oom = oom;
        }
    pthread_mutex_unlock(&f->lock);
}
