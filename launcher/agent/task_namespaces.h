/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* launcher/agent/task_namespaces.h - what the containers of a task share besides its network: process ids (pidMode "task"), and
 * System V IPC, message queues and /dev/shm (ipcMode "task").
 * A holder, one small container that only waits, is their first process; its id is in the task's file before it is made. It goes when
 * no container of the task is left. Like ECS's pause container it is essential: when it ends, or its monitor does, its task ends,
 * and no second one is made for containers that would not share with those of the first.
 * Internal to launcher/agent. Threads: by the task's thread without its lock. */
#include "launcher/agent/task_engine_internal.h"

struct task_namespaces {
    char *pid_path, *ipc_path, *shm_path; /* NULL: not shared */
};
/* Before a container is made: makes and watches the holder if it is not there. Nothing is done for a task that shares nothing. */
int task_namespaces_get(struct task *t, struct task_namespaces *ret, struct sw_err *err);
void task_namespaces_done(struct task_namespaces *n);
/* In a new agent: watches the holder of containers that run. */
void task_namespaces_watch_again(struct task *t);
/* Joins the thread that watches. When the task or the engine is over. */
void task_namespaces_unwatch(struct task *t);
/* After the last container: holder, mounts and VOLUMEs of images of the task. False: the runtime did not let the holder go. */
bool task_release(struct task *t);
/* Mounts of tasks that are over or unknown. At start, after tasks were loaded. */
void task_mounts_clean(struct task_engine *e);
char *task_mounts_dir(const struct task *t); /* owned */
