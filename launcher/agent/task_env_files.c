/* SPDX-License-Identifier: Apache-2.0 */
/* launcher/agent/task_env_files.c - ECS developer guide, "Pass environment variables to a container": one variable a line, no
 * interpolation; of a variable that several files have the first one counts. */
#include "launcher/agent/task_env_files.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "base/macros.h"
#include "launcher/agent/container_setup.h"
#include "launcher/agent/flag.h"

#define BACKOFF_MIN_MS 200
#define BACKOFF_MAX_MS 5000
#define ATTEMPTS_MAX   6 /* of one file; then the task fails, as ECS's agent gives up, too */
#define PAUSE_SLICE_MS 50
#define REASON         "ResourceInitializationError"

static bool has_name(char *const *list, struct sw_str name)
{
    for (; *list; list++)
        if (strncmp(*list, name.p, name.n) == 0 && (*list)[name.n] == '=')
            return true;
    return false;
}

int env_file_parse(struct sw_str text, char ***list, struct sw_err *err)
{
    struct sw_str rest = text, line;
    size_t n = 0;
    while ((*list)[n])
        n++;
    if (memchr(text.p, 0, text.n))
        return sw_fail(err, SW_EINVALID, REASON, "the file is no text");
    while (rest.n && sw_str_split(&rest, '\n', &line)) {
        struct sw_str value = line, name;
        if (line.n && line.p[line.n - 1] == '\r')
            line.n--;
        value = line;
        if (line.n == 0 || !sw_str_split(&value, '=', &name) || !value.p)
            continue;
        name = sw_str_trim(name);
        if (name.n == 0 || name.p[0] == '#' || has_name(*list, name))
            continue;
        if (n == ENV_FILE_LINES_MAX)
            return sw_fail(err, SW_ELIMIT, REASON, "more than %d variables", ENV_FILE_LINES_MAX);
        *list = sw_realloc_array(*list, n + 2, sizeof **list);
        (*list)[n++] = sw_asprintf(SW_STR_FMT "=" SW_STR_FMT, SW_STR_ARG(name), SW_STR_ARG(value));
        (*list)[n] = NULL;
    }
    return 0;
}

static bool given_up(struct task *t)
{
    return flag_is_set(&t->give_up_pull) || flag_is_set(&t->engine->closing);
}

static void pause_for(struct task *t, int64_t ms)
{
    for (int64_t until = sw_mono_ms() + ms; sw_mono_ms() < until && !given_up(t);)
        sw_sleep_ms(PAUSE_SLICE_MS);
}

/* The control plane is waited for, as with roles and secrets. */
static int role_credentials(struct task *t, json_t **ret, struct sw_err *err)
{
    const struct task_engine_options *o = &t->engine->o;
    int64_t wait_ms = BACKOFF_MIN_MS;
    if (!t->def->execution_role || !o->credentials || !o->s3_get)
        return sw_fail(err, SW_EINVALID, REASON,
                       "failed to download env files: environmentFiles need an execution role");
    while (o->credentials(o->submit_ctx, task_arn(t), true, ret, err) < 0) {
        if (!report_is_temporary(err) || given_up(t))
            return err->code;
        sw_err_clear(err);
        pause_for(t, wait_ms);
        wait_ms = SW_MIN(wait_ms * 2, (int64_t)BACKOFF_MAX_MS);
    }
    return 0;
}

/* The keys for the store may be the agent's own: the control plane says what the role may not read. */
static int may_read(const json_t *credentials, const struct s3_object *object, struct sw_err *err)
{
    sw_autofree char *arn = sw_asprintf("arn:aws:s3:::%s/%s", object->bucket, object->key);
    const json_t *v;
    size_t i;
    json_array_foreach(sw_json_array(credentials, "deniedFiles"), i, v) {
        if (sw_streq(sw_json_str(v, "file", ""), arn))
            return sw_fail(err, SW_EDENIED, REASON, "failed to download env files: %.300s",
                           sw_json_str(v, "message", arn));
    }
    return 0;
}

static int fetch_one(struct task *t, const json_t *credentials, const struct s3_object *object,
                     struct sw_buf *text, struct sw_err *err)
{
    const struct task_engine_options *o = &t->engine->o;
    int64_t wait_ms = BACKOFF_MIN_MS;
    if (may_read(credentials, object, err) < 0)
        return err->code;
    for (int attempt = 1;; attempt++) {
        sw_buf_reset(text);
        if (o->s3_get(o->submit_ctx, credentials, object->bucket, object->key, text, err) == 0)
            return 0;
        if (err->code != SW_EUNAVAILABLE || attempt == ATTEMPTS_MAX || given_up(t))
            return sw_prefix(err, "failed to download env files: arn:aws:s3:::%s/%s",
                             object->bucket, object->key);
        sw_err_clear(err);
        pause_for(t, wait_ms);
        wait_ms = SW_MIN(wait_ms * 2, (int64_t)BACKOFF_MAX_MS);
    }
}

static int fetch_container(struct task *t, const json_t *credentials, size_t container,
                           struct sw_err *err)
{
    const struct container_def *c = t->containers[container].def;
    SW_CLEANUP(sw_buf_done) struct sw_buf text = SW_BUF_INIT(ENV_FILE_MAX);
    SW_CLEANUP(strings_freep) char **list = sw_calloc(1, sizeof *list);
    for (size_t i = 0; i < c->environment_files_n; i++)
        if (fetch_one(t, credentials, &c->environment_files[i], &text, err) < 0 ||
            env_file_parse(sw_buf_str(&text), &list, err) < 0)
            return sw_prefix(err, "container %s", c->name);
    t->env_files[container] = SW_TAKE(list);
    return 0;
}

static bool wanted(struct task *t, size_t container)
{
    const struct task_container *c = &t->containers[container];
    pthread_mutex_lock(&t->lock);
    bool want = c->def->environment_files_n > 0 && !t->env_files[container] &&
                (c->status == CONTAINER_WAITING || c->status == CONTAINER_READY);
    pthread_mutex_unlock(&t->lock);
    return want;
}

bool task_get_env_files(struct task *t)
{
    struct sw_err err = SW_ERR_INIT;
    json_t *credentials = NULL;
    int r = 0;
    for (size_t i = 0; r == 0 && i < t->def->containers_n; i++) {
        if (!wanted(t, i))
            continue;
        if (!credentials)
            r = role_credentials(t, &credentials, &err);
        if (r == 0)
            r = fetch_container(t, credentials, i, &err);
    }
    json_decref(credentials);
    if (r < 0 && !given_up(t)) {
        sw_log_err(SW_LOG_WARNING, "task-env-files-failed", &err, "task", t->id, NULL);
        task_fail_resources(t, err.msg);
    }
    return r == 0;
}
