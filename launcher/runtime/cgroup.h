/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* launcher/runtime/cgroup.h - the control group of a task, /slipway/TASK, above those of its containers, /slipway/TASK/CONTAINER.
 * The runtime makes and removes the containers' own; the task's holds the limits that its containers share. Version 1 (one folder a
 * hierarchy) and version 2. `root` is where they are mounted; NULL: /sys/fs/cgroup. Threads: no state. */
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

struct cgroup_limits {
    int64_t memory_bytes; /* 0: none */
    int64_t swap_bytes;   /* beside memory_bytes */
    int64_t cpu_quota;    /* CPU units that are never exceeded, 1024 a processor; 0: none */
    int64_t cpu_shares;   /* the weight among tasks */
};
/* Made, or given these limits if it is there. SW_EUNSUPPORTED, or what the system says, when a limit cannot be set; the weight is set
 * where the system has one. */
int cgroup_make(const char *root, const char *task, const struct cgroup_limits *l,
                struct sw_err *err);
/* With empty groups of containers that the runtime left behind. True when nothing of it is there any more. */
bool cgroup_remove(const char *root, const char *task);
/* Ends what is in this group ("/slipway/TASK/CONTAINER") and in those below it, and waits for it, for a moment. True: nothing is there. */
bool cgroup_kill(const char *root, const char *group);
/* The kernel's count of processes in this group ("/slipway/TASK/CONTAINER") that were killed for want of memory, whether it was the
 * group's own limit or its task's. False: no such group, or a kernel that does not count. */
bool cgroup_oom_kills(const char *root, const char *group, int64_t *ret);
