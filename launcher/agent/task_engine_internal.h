/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* launcher/agent/task_engine_internal.h - shared by task_engine.c (threads, tasks), task_start.c (one container's start and end) and
 * task_report.c (reports), task_chores.c (what belongs to no task). Lock order: engine, then task; no lock while a program runs or a
 * request is out. */
#include "base/pool.h"
#include "launcher/agent/ports.h"
#include "launcher/agent/task.h"
#include "launcher/agent/task_engine.h"

struct task_engine {
    struct task_engine_options o;
    char *tasks_dir, *cluster;
    pthread_mutex_t lock;
    struct task *tasks;
    struct ended_task *ended; /* task_ended.h */
    struct ports *ports;
    struct sw_pool *reporters;
    volatile int closing;
    bool threads_missing; /* a task's could not be started: the machine has no room for one more */
    struct refusal *refused; /* task_chores.c */
    pthread_cond_t chores_due;
    pthread_t chores;
};

/* Starts the threads that are missing, as far as there is room now. With the engine's lock held. */
void task_threads_start(struct task_engine *e);
/* Saves. A failure is logged: the task goes on, the file is older; what a container left is kept until its end could be saved, and
 * none is started that the file does not know of. */
bool task_persist(struct task *t, bool durable);
void task_wake(struct task *t); /* with the lock held */
/* It ends, unless its end was decided before; silent: nobody is told any more. With the lock held. */
void task_want_stop(struct task *t, const char *code, const char *text, bool silent);
/* What it needs to start cannot be had: it stops with ResourceInitializationError. Without the lock. */
void task_fail_resources(struct task *t, const char *why);

/* task_start.c; called without the lock, by the task's thread only. */
int task_start_container(struct task *t, size_t container, struct sw_err *err);
/* Starts the waiter, and the health check's thread, as far as they do not run. */
void task_watch(struct task *t, size_t container);
/* False: the runtime could not remove it, so nothing was taken from under it; try again. With anyway all else is taken all the same. */
bool task_clean_container(struct task *t, size_t container, bool anyway);
/* After its end was cleaned away: WAITING again. */
void task_restart_container(struct task *t, size_t container);
/* The task ended meanwhile: what was kept for them goes. */
void task_give_up_restarts(struct task *t);
void task_join_watchers(struct task *t);

/* task_chores.c */
int chores_start(struct task_engine *e, struct sw_err *err);
void chores_stop(struct task_engine *e); /* after closing is set */
int chores_remove_orphans(struct task_engine *e, struct sw_err *err);
/* Reports as STOPPED a task that is none of ours, until the control plane took it. */
void chores_refuse(struct task_engine *e, const char *arn, const char *code, const char *why);

/* task_damaged.c: the file of a task cannot be read, and the task ends. */
void task_set_aside(struct task_engine *e, const char *id, const struct sw_err *why);

/* task_report.c */
/* Trying again can help. Any other answer is the control plane's last word on this report. */
bool report_is_temporary(const struct sw_err *err);
void task_queue_report(struct task *t);  /* with the lock held */
bool task_submit_health(struct task *t); /* without it; false: say it again later */
