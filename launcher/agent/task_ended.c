/* SPDX-License-Identifier: Apache-2.0 */
#include "launcher/agent/task_ended.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/id.h"
#include "base/io.h"
#include "base/log.h"
#include "base/macros.h"
#include "launcher/agent/container_setup.h"
#include "launcher/runtime/cgroup.h"

static void record_free(struct ended_task *t)
{
    free(t->id);
    free(t->arn);
    free(t->dir);
    strings_free(t->containers);
    free(t);
}

int64_t ended_keep_ms(int64_t wait_s, int64_t jitter_s, int64_t ended_us, int64_t now_us)
{
    int64_t age_ms = SW_MIN(SW_MAX(now_us - ended_us, (int64_t)0) / 1000, wait_s * 1000);
    uint32_t random = 0;
    sw_random_bytes(&random, sizeof random);
    return wait_s * 1000 - age_ms + (jitter_s > 0 ? random % (jitter_s * 1000 + 1) : 0);
}

void ended_add(struct task_engine *e, const struct task *t)
{
    struct ended_task *r = SW_NEW(struct ended_task);
    *r = (struct ended_task){.next = e->ended,
                             .id = sw_strdup(t->id),
                             .arn = sw_strdup(task_arn(t)),
                             .dir = sw_strdup(t->dir),
                             .containers = sw_calloc(t->def->containers_n + 1, sizeof(char *)),
                             .until_ms = t->keep_until_ms};
    for (size_t i = 0; i < t->def->containers_n; i++)
        r->containers[i] = sw_strdup(t->def->containers[i].name);
    e->ended = r;
}

const struct ended_task *ended_find(const struct task_engine *e, const char *arn)
{
    const struct ended_task *t = e->ended;
    while (t && strcmp(t->arn, arn) != 0)
        t = t->next;
    return t;
}

char **ended_names(const struct ended_task *t)
{
    size_t n = 0;
    while (t->containers[n])
        n++;
    char **names = sw_calloc(n + 1, sizeof *names);
    for (size_t i = 0; i < n; i++)
        names[i] = sw_strdup(t->containers[i]);
    return names;
}

void ended_sweep(struct task_engine *e)
{
    struct ended_task *gone = NULL;
    const int64_t now_ms = sw_mono_ms();
    pthread_mutex_lock(&e->lock);
    for (struct ended_task **at = &e->ended; *at;) {
        struct ended_task *t = *at;
        if (t->until_ms > now_ms) {
            at = &t->next;
            continue;
        }
        *at = t->next;
        t->next = gone;
        gone = t;
    }
    pthread_mutex_unlock(&e->lock);
    while (gone) {
        struct ended_task *t = gone;
        struct sw_err err = SW_ERR_INIT;
        gone = t->next;
        (void)cgroup_remove(e->o.cgroup_root, t->id);
        if (sw_remove_tree(t->dir, &err) < 0)
            sw_log_err(SW_LOG_WARNING, "task-folder-not-removed", &err, "task", t->id, NULL);
        record_free(t);
    }
}

void ended_free(struct task_engine *e)
{
    while (e->ended) {
        struct ended_task *t = e->ended;
        e->ended = t->next;
        record_free(t);
    }
}
