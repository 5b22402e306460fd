/* SPDX-License-Identifier: Apache-2.0 */
/* launcher/agent/log_sources.c - looks through the engine's tasks; engine's lock before a task's. */
#include "launcher/agent/log_sources.h"

#include <string.h>

#include "base/alloc.h"
#include "base/json.h"
#include "launcher/agent/task_engine_internal.h"
#include "launcher/model/log_config.h"

static bool goes_to_a_stream(const struct task *t, const char *container)
{
    struct log_config config;
    const json_t *v, *definition = sw_json_object(t->placed, "taskDefinition");
    size_t i;
    json_array_foreach(sw_json_array(definition, "containerDefinitions"), i, v) {
        if (sw_streq(sw_json_str(v, "name", NULL), container))
            return log_config_read(v, &config);
    }
    return false;
}

static void add(const struct task *t, size_t i, struct log_source **ret, size_t *ret_n)
{
    *ret = sw_realloc_array(*ret, *ret_n + 1, sizeof **ret);
    (*ret)[(*ret_n)++] = (struct log_source){.task_arn = sw_strdup(task_arn(t)),
                                             .task_dir = sw_strdup(t->dir),
                                             .container = sw_strdup(t->def->containers[i].name),
                                             .ended = t->containers[i].status == CONTAINER_STOPPED};
}

void log_sources_list(struct task_engine *e, struct log_source **ret, size_t *ret_n)
{
    *ret = NULL;
    *ret_n = 0;
    pthread_mutex_lock(&e->lock);
    for (struct task *t = e->tasks; t; t = t->next) {
        pthread_mutex_lock(&t->lock);
        for (size_t i = 0; i < t->def->containers_n; i++)
            if (goes_to_a_stream(t, t->def->containers[i].name))
                add(t, i, ret, ret_n);
        pthread_mutex_unlock(&t->lock);
    }
    pthread_mutex_unlock(&e->lock);
}

void log_sources_free(struct log_source *list, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        free(list[i].task_arn);
        free(list[i].task_dir);
        free(list[i].container);
    }
    free(list);
}
