/* SPDX-License-Identifier: Apache-2.0 */
/* launcher/agent/log_sources.c - looks through the engine's tasks; engine's lock before a task's. */
#include "launcher/agent/log_sources.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/io.h"
#include "base/json.h"
#include "base/json_find.h"
#include "base/log.h"
#include "launcher/agent/journal.h"
#include "launcher/agent/log_spool.h"
#include "launcher/agent/task_engine_internal.h"
#include "launcher/agent/task_metadata.h"

#define CONFIG_MAX (16 * 1024 * 1024)
#define ENV_MAX    (16 * 1024 * 1024)

static const json_t *find_definition(const struct task *t, const char *container)
{
    return sw_json_find(
        sw_json_array(sw_json_object(t->placed, "taskDefinition"), "containerDefinitions"), "name",
        container);
}

/* The container's definition, NULL when its lines stay in its file. */
static const json_t *definition_of(const struct task *t, const char *container,
                                   struct log_config *ret)
{
    const json_t *v = find_definition(t, container);
    if (v)
        (void)log_config_read(v, ret);
    return v && ret->driver != LOG_DRIVER_JSON_FILE ? v : NULL;
}

static int64_t away_max(const struct task *t)
{
    return t->engine->o.log_away_max > 0 ? t->engine->o.log_away_max : LOG_AWAY_BYTES;
}

/* What log_sources_prepare wrote; NULL: nothing is asked for. */
static json_t *env_of(const struct task *t, const char *container)
{
    json_t *env = NULL;
    struct sw_err ignored = SW_ERR_INIT;
    sw_autofree char *path = sw_asprintf("%s/containers/%s/log-env.json", t->dir, container);
    (void)sw_json_load_file(path, ENV_MAX, &env, &ignored);
    return env;
}

static void add(const struct task *t, size_t i, struct log_source **ret, size_t *ret_n)
{
    struct log_config c;
    const struct task_container *container = &t->containers[i];
    const json_t *definition = definition_of(t, t->def->containers[i].name, &c);
    if (!definition || (t->finished && container->logs_done))
        return;
    *ret = sw_realloc_array(*ret, *ret_n + 1, sizeof **ret);
    struct log_source *s = &(*ret)[(*ret_n)++];
    *s = (struct log_source){.task_arn = sw_strdup(task_arn(t)),
                             .task_dir = sw_strdup(t->dir),
                             .container = sw_strdup(t->def->containers[i].name),
                             .driver = c.driver,
                             .blocking = c.blocking,
                             .buffer_bytes = c.buffer_bytes,
                             .away_bytes = 2 * away_max(t),
                             .first_line = log_config_first_line(&c),
                             .ended = container->status == CONTAINER_STOPPED,
                             .stopping = t->stop_wanted || container->stop_sent};
    (void)sw_str_copy(sw_str(container->id), s->id, sizeof s->id);
    if (c.driver == LOG_DRIVER_JOURNALD) {
        sw_autojson json_t *metadata = metadata_container(t, i);
        sw_autojson json_t *env = env_of(t, container->def->name);
        s->fields = journal_container_fields(metadata, definition, env);
    }
}

void log_sources_done(struct task_engine *e, const char *arn, const char *container)
{
    pthread_mutex_lock(&e->lock);
    for (struct task *t = e->tasks; t; t = t->next) {
        if (strcmp(task_arn(t), arn) != 0)
            continue;
        pthread_mutex_lock(&t->lock);
        for (size_t i = 0; t->finished && i < t->def->containers_n; i++)
            t->containers[i].logs_done |= strcmp(t->def->containers[i].name, container) == 0;
        pthread_mutex_unlock(&t->lock);
    }
    pthread_mutex_unlock(&e->lock);
}

bool log_sources_are_done(const struct task *t)
{
    struct log_config c;
    bool done = true;
    for (size_t i = 0; i < t->def->containers_n; i++)
        done &= t->containers[i].logs_done || !definition_of(t, t->def->containers[i].name, &c);
    return done;
}

void log_sources_list(struct task_engine *e, struct log_source **ret, size_t *ret_n)
{
    *ret = NULL;
    *ret_n = 0;
    pthread_mutex_lock(&e->lock);
    for (struct task *t = e->tasks; t; t = t->next) {
        pthread_mutex_lock(&t->lock);
        for (size_t i = 0; i < t->def->containers_n; i++)
            add(t, i, ret, ret_n);
        pthread_mutex_unlock(&t->lock);
    }
    pthread_mutex_unlock(&e->lock);
}

static int write_env(const json_t *definition, const char *bundle, struct sw_err *err)
{
    sw_autojson json_t *config = NULL;
    sw_autofree char *config_path = sw_asprintf("%s/config.json", bundle);
    sw_autofree char *path = sw_asprintf("%s/log-env.json", bundle);
    if (sw_json_load_file(config_path, CONFIG_MAX, &config, err) < 0)
        return err->code;
    sw_autojson json_t *env =
        journal_env(definition, sw_json_array(sw_json_object(config, "process"), "env"));
    sw_autofree char *text = sw_json_dump(env);
    return sw_replace_file(path, text, strlen(text), 0600, err);
}

int log_sources_prepare(const struct task *t, const char *container, const char *bundle,
                        struct sw_err *err)
{
    struct log_config c = {.file_bytes = LOG_FILE_BYTES};
    const json_t *v = find_definition(t, container);
    if (v)
        (void)log_config_read(v, &c);
    if ((c.env || c.env_regex) && write_env(v, bundle, err) < 0)
        return err->code;
    if (v && c.driver != LOG_DRIVER_JSON_FILE && !c.blocking)
        c.file_bytes = away_max(t);
    sw_autofree char *path = sw_asprintf("%s/log-bytes", bundle);
    sw_autofree char *text = sw_asprintf("%lld\n", (long long)c.file_bytes);
    return sw_replace_file(path, text, strlen(text), 0600, err);
}

bool log_sources_hold(struct task_engine *e, const char *id, bool on)
{
    const struct runtime *rt = e->o.runtime;
    struct sw_err ignored = SW_ERR_INIT;
    return id[0] && rt->ops->hold && rt->ops->hold(rt->self, id, on, &ignored) == 0;
}

static void refused(struct task *t, const char *why)
{
    pthread_mutex_lock(&t->lock);
    if (!t->stop_wanted && !t->stop_code[0]) {
        snprintf(t->stop_code, sizeof t->stop_code, "TaskFailedToStart");
        snprintf(t->stop_text, sizeof t->stop_text, "%s", why);
    }
    t->stop_wanted = true;
    task_persist(t, true);
    pthread_mutex_unlock(&t->lock);
}

static bool open_stream(struct task *t, const char *container)
{
    const struct task_engine_options *o = &t->engine->o;
    struct sw_err err = SW_ERR_INIT;
    if (!o->log_stream || o->log_stream(o->submit_ctx, task_arn(t), container, &err) == 0 ||
        report_is_temporary(&err))
        return true;
    sw_log_err(SW_LOG_WARNING, "log-stream-refused", &err, "task", t->id, NULL);
    sw_autofree char *why =
        sw_asprintf("ResourceInitializationError: failed to validate logger args: failed to create "
                    "Cloudwatch log stream: %s: %s",
                    err.reason ? err.reason : "error", err.msg);
    refused(t, why);
    return false;
}

static bool open_journal(struct task *t)
{
    const char *path = t->engine->o.journal_socket;
    if (journal_is_there(path ? path : JOURNAL_SOCKET))
        return true;
    sw_log(SW_LOG_WARNING, "journal-missing", "task", t->id, NULL);
    refused(t, "CannotStartContainerError: Error response from daemon: failed to create task for "
               "container: failed to initialize logging driver: journald is not enabled on this "
               "host");
    return false;
}

bool log_sources_open(struct task *t)
{
    for (size_t i = 0; i < t->def->containers_n; i++) {
        const struct task_container *c = &t->containers[i];
        struct log_config config;
        pthread_mutex_lock(&t->lock);
        bool wanted = (c->status == CONTAINER_WAITING || c->status == CONTAINER_READY) &&
                      definition_of(t, t->def->containers[i].name, &config);
        pthread_mutex_unlock(&t->lock);
        if (wanted &&
            !(config.driver == LOG_DRIVER_JOURNALD ? open_journal(t)
                                                   : open_stream(t, t->def->containers[i].name)))
            return false;
    }
    return true;
}

void log_sources_free(struct log_source *list, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        free(list[i].task_arn);
        free(list[i].task_dir);
        free(list[i].container);
        free(list[i].first_line);
        json_decref(list[i].fields);
    }
    free(list);
}

void log_sources_begin(const struct task *t, const char *container)
{
    struct log_config c;
    struct sw_err err = SW_ERR_INIT;
    if (!definition_of(t, container, &c))
        return;
    struct log_spool *spool = log_spool_new(t->dir, container);
    (void)log_spool_look(spool, &err); /* what fails here the shipper says */
    log_spool_free(spool);
    sw_err_clear(&err);
}
