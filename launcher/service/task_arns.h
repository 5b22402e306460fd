/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* launcher/service/task_arns.h - names of a new task, its containers and what it belongs to. Containers get random ids. Threads: any. */
#include "launcher/model/arn.h"
#include "launcher/model/taskdef.h"

struct task_arns_of {
    const char *region, *account, *cluster; /* cluster: its name */
    const char *task_id;
    const char *instance_id; /* NULL: none */
    const char *family;
    int64_t revision;
};
struct task_arns {
    char task[ARN_MAX], definition[ARN_MAX];
    char instance[ARN_MAX]; /* "": none */
    char container[TASKDEF_CONTAINERS_MAX][ARN_MAX];
    const char *containers[TASKDEF_CONTAINERS_MAX]; /* of container: not to be copied */
};
void task_arns_make(const struct task_arns_of *of, struct task_arns *ret);
