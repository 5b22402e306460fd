/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* launcher/agent/task_ended.h - tasks that are over, that the control plane asks for no more, and whose lines are all where they belong:
 * of each there stays what reading its logs takes, some hundred bytes, until its folder goes (ECS_ENGINE_TASK_CLEANUP_WAIT_DURATION).
 * The time until then runs on the monotonic clock: one that is set says nothing about age. Internal to launcher/agent; the engine's
 * lock is held unless it says otherwise. */
#include "launcher/agent/task_engine_internal.h"

struct ended_task {
    struct ended_task *next;
    char *id, *arn, *dir, **containers;
    int64_t until_ms;
};
/* How long a task's folder stays from now on, if it ended at this time of the clock. */
int64_t ended_keep_ms(int64_t wait_s, int64_t jitter_s, int64_t ended_us, int64_t now_us);
/* The caller takes t out of the engine's list and frees it. */
void ended_add(struct task_engine *e, const struct task *t);
const struct ended_task *ended_find(const struct task_engine *e, const char *arn);
char **ended_names(const struct ended_task *t); /* of its containers; owned, NULL at the end */
/* Without the lock: removes the folders whose time has come. */
void ended_sweep(struct task_engine *e);
void ended_free(struct task_engine *e);
