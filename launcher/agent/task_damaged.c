/* SPDX-License-Identifier: Apache-2.0 */
/* Files of tasks that cannot be read: kept beside the tasks for whoever wants to know, while the task itself ends: its containers
 * belong to nobody any more and are removed, and the control plane, which still has it, is told that it is gone. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>

#include "base/alloc.h"
#include "base/io.h"
#include "base/log.h"
#include "base/macros.h"
#include "launcher/agent/task_engine_internal.h"

#define KEPT_MAX 100

static size_t count(const char *dir)
{
    size_t n = 0;
    DIR *d = opendir(dir);
    while (d && readdir(d))
        n++;
    if (d)
        closedir(d);
    return n;
}

void task_set_aside(struct task_engine *e, const char *id, const struct sw_err *why)
{
    struct sw_err err = SW_ERR_INIT;
    sw_autofree char *file = sw_asprintf("%s/%s/state.json", e->tasks_dir, id);
    sw_autofree char *dir = sw_asprintf("%s/damaged", e->o.data_dir);
    sw_autofree char *kept = sw_asprintf("%s/%s.json", dir, id);
    bool moved = sw_path_exists(file) && sw_mkdirs(dir, 0700, &err) == 0 && count(dir) < KEPT_MAX &&
                 rename(file, kept) == 0;
    sw_log_err(SW_LOG_ERROR, "task-file-damaged", why, "task", id, "kept", moved ? kept : "nowhere",
               "what-happens", "the task ends: its containers are removed", NULL);
}
