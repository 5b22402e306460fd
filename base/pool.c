/* SPDX-License-Identifier: Apache-2.0 */
/* Invariants, under the lock: (1) jobs leave the queue in the order they came; (2) idle <= threads
 * <= threads_max; (3) a job that is queued has a thread that will take it: a submit either finds
 * more idle threads than queued jobs, or starts one, or every thread is busy and looks at the queue
 * before it sleeps. */
#include "base/pool.h"

#include <assert.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/alloc.h"

struct job {
    struct job *next;
    sw_job_fn fn;
    void *arg;
};

struct sw_pool {
    pthread_mutex_t lock;
    pthread_cond_t wake;
    struct job *head, **tail;
    size_t queued, idle, threads, threads_max;
    bool stopping;
    char name[16]; /* what the kernel keeps of a thread's name */
    pthread_t handles[];
};

static struct job *next_job(struct sw_pool *p)
{
    while (!p->head && !p->stopping) {
        p->idle++;
        (void)pthread_cond_wait(&p->wake, &p->lock);
        p->idle--;
    }
    struct job *j = p->head;
    if (j) {
        p->head = j->next;
        if (!p->head)
            p->tail = &p->head;
        p->queued--;
    }
    return j;
}

static void *work(void *arg)
{
    struct sw_pool *p = arg;

    (void)pthread_setname_np(pthread_self(), p->name);
    (void)pthread_mutex_lock(&p->lock);
    for (struct job *j = next_job(p); j; j = next_job(p)) {
        (void)pthread_mutex_unlock(&p->lock);
        j->fn(j->arg);
        free(j);
        (void)pthread_mutex_lock(&p->lock);
    }
    (void)pthread_mutex_unlock(&p->lock);
    return NULL;
}

struct sw_pool *sw_pool_new(size_t threads_max, const char *name)
{
    assert(threads_max > 0);
    struct sw_pool *p = sw_calloc(1, sizeof(*p) + threads_max * sizeof(p->handles[0]));

    (void)pthread_mutex_init(&p->lock, NULL);
    (void)pthread_cond_init(&p->wake, NULL);
    p->tail = &p->head;
    p->threads_max = threads_max;
    (void)snprintf(p->name, sizeof(p->name), "%s", name);
    return p;
}

/* A worker takes no signals: they belong to the thread that waits for them. */
static int start_thread(struct sw_pool *p)
{
    sigset_t all, before;

    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    int failed = pthread_create(&p->handles[p->threads], NULL, work, p);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (!failed)
        p->threads++;
    return failed;
}

void sw_pool_submit(struct sw_pool *p, sw_job_fn fn, void *arg)
{
    struct job *j = SW_NEW(struct job);

    j->fn = fn;
    j->arg = arg;
    (void)pthread_mutex_lock(&p->lock);
    assert(!p->stopping || p->threads > 0); /* while stopping only a running job may submit */
    *p->tail = j;
    p->tail = &j->next;
    p->queued++;
    bool wanted = p->queued > p->idle && p->threads < p->threads_max && !p->stopping;
    if (wanted && start_thread(p) != 0 && p->threads == 0)
        abort(); /* not one thread: nothing would ever run the job */
    (void)pthread_cond_signal(&p->wake);
    (void)pthread_mutex_unlock(&p->lock);
}

size_t sw_pool_backlog(struct sw_pool *p)
{
    (void)pthread_mutex_lock(&p->lock);
    size_t n = p->queued;
    (void)pthread_mutex_unlock(&p->lock);
    return n;
}

void sw_pool_free(struct sw_pool *p)
{
    if (!p)
        return;
    (void)pthread_mutex_lock(&p->lock);
    p->stopping = true;
    (void)pthread_cond_broadcast(&p->wake);
    (void)pthread_mutex_unlock(&p->lock);
    for (size_t i = 0; i < p->threads; i++)
        (void)pthread_join(p->handles[i], NULL);
    (void)pthread_cond_destroy(&p->wake);
    (void)pthread_mutex_destroy(&p->lock);
    free(p);
}
