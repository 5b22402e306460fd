/* SPDX-License-Identifier: Apache-2.0 */
/* launcher/agent/log_sources.c - looks through the engine's tasks; engine's lock before a task's. */
#include "launcher/agent/log_sources.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/json.h"
#include "base/log.h"
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

static void refused(struct task *t, const struct sw_err *err)
{
    pthread_mutex_lock(&t->lock);
    if (!t->stop_wanted && !t->stop_code[0]) {
        snprintf(t->stop_code, sizeof t->stop_code, "TaskFailedToStart");
        snprintf(t->stop_text, sizeof t->stop_text,
                 "ResourceInitializationError: failed to validate logger args: failed to create "
                 "Cloudwatch log stream: %s: %s",
                 err->reason ? err->reason : "error", err->msg);
    }
    t->stop_wanted = true;
    task_persist(t, true);
    pthread_mutex_unlock(&t->lock);
}

bool log_sources_open(struct task *t)
{
    const struct task_engine_options *o = &t->engine->o;
    for (size_t i = 0; o->log_stream && i < t->def->containers_n; i++) {
        const struct task_container *c = &t->containers[i];
        struct sw_err err = SW_ERR_INIT;
        pthread_mutex_lock(&t->lock);
        bool wanted = (c->status == CONTAINER_WAITING || c->status == CONTAINER_READY) &&
                      goes_to_a_stream(t, t->def->containers[i].name);
        pthread_mutex_unlock(&t->lock);
        if (!wanted ||
            o->log_stream(o->submit_ctx, task_arn(t), t->def->containers[i].name, &err) == 0)
            continue;
        if (!report_is_temporary(&err)) {
            sw_log_err(SW_LOG_WARNING, "log-stream-refused", &err, "task", t->id, NULL);
            refused(t, &err);
            return false;
        }
    }
    return true;
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
