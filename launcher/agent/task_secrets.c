/* SPDX-License-Identifier: Apache-2.0 */
/* launcher/agent/task_secrets.c - asks the control plane, which resolves names with the rights of the task's execution role.
 * Invariants:
 * 1. No container of a task with secrets starts before all values of the task are here.
 * 2. A restarted agent asks again for those of containers that it has still to start. */
#include "launcher/agent/task_secrets.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/encode.h"
#include "base/json.h"
#include "base/log.h"
#include "base/macros.h"
#include "launcher/agent/flag.h"

#define BACKOFF_MIN_MS 200
#define BACKOFF_MAX_MS 15000
#define PAUSE_SLICE_MS 50

static bool given_up(struct task *t)
{
    return flag_is_set(&t->give_up_pull) || flag_is_set(&t->engine->closing);
}

/* Until it succeeds, is refused for good or nobody wants it any more. */
static int fetch_until(struct task *t, json_t **ret, struct sw_err *err)
{
    const struct task_engine_options *o = &t->engine->o;
    int64_t wait_ms = BACKOFF_MIN_MS;
    if (!o->secrets)
        return sw_fail(err, SW_EUNSUPPORTED, NULL, "this instance cannot ask for secrets");
    while (o->secrets(o->submit_ctx, task_arn(t), ret, err) < 0) {
        if (!report_is_temporary(err) || given_up(t))
            return err->code;
        sw_log_err(SW_LOG_DEBUG, "secrets-wait", err, "task", t->id, NULL);
        sw_err_clear(err);
        for (int64_t until = sw_mono_ms() + wait_ms; sw_mono_ms() < until && !given_up(t);)
            sw_sleep_ms(PAUSE_SLICE_MS);
        wait_ms = SW_MIN(wait_ms * 2, (int64_t)BACKOFF_MAX_MS);
    }
    return 0;
}

static const json_t *definition(const struct task *t, const char *container)
{
    const json_t *list = sw_json_array(sw_json_object(t->placed, "taskDefinition"),
                                       "containerDefinitions"),
                 *c;
    size_t i;
    json_array_foreach(list, i, c) {
        if (sw_streq(sw_json_str(c, "name", ""), container))
            return c;
    }
    return NULL;
}

static bool any_wanted(struct task *t)
{
    bool any = false;
    pthread_mutex_lock(&t->lock);
    for (size_t i = 0; i < t->def->containers_n; i++) {
        const struct task_container *c = &t->containers[i];
        const json_t *d = definition(t, c->def->name);
        any |= (c->status == CONTAINER_WAITING || c->status == CONTAINER_READY) &&
               (json_array_size(sw_json_array(d, "secrets")) > 0 ||
                sw_json_object(d, "repositoryCredentials"));
    }
    pthread_mutex_unlock(&t->lock);
    return any;
}

void task_fail_resources(struct task *t, const char *why)
{
    pthread_mutex_lock(&t->lock);
    if (!t->stop_wanted) {
        t->stop_wanted = true;
        if (!t->stop_code[0]) {
            snprintf(t->stop_code, sizeof t->stop_code, "TaskFailedToStart");
            snprintf(t->stop_text, sizeof t->stop_text, "ResourceInitializationError: %s", why);
        }
    }
    task_persist(t, true);
    pthread_mutex_unlock(&t->lock);
}

bool task_get_secrets(struct task *t)
{
    struct sw_err err = SW_ERR_INIT;
    if (t->secrets || !any_wanted(t))
        return true;
    int r = fetch_until(t, &t->secrets, &err);
    if (r < 0 && !given_up(t)) {
        sw_log_err(SW_LOG_WARNING, "task-secrets-refused", &err, "task", t->id, NULL);
        task_fail_resources(t, err.msg);
    }
    return r == 0;
}

static const json_t *values_of(const struct task *t, size_t container)
{
    const json_t *c;
    size_t i;
    json_array_foreach(sw_json_array(t->secrets, "containers"), i, c)
        if (sw_streq(sw_json_str(c, "containerName", ""), t->containers[container].def->name))
            return c;
    return NULL;
}

void task_add_secrets(const struct task *t, size_t container, char ***env)
{
    const json_t *v;
    size_t k, n = 0;
    while ((*env)[n])
        n++;
    json_array_foreach(sw_json_array(values_of(t, container), "secrets"), k, v) {
        *env = sw_realloc_array(*env, n + 2, sizeof **env);
        (*env)[n++] = sw_asprintf("%s=%s", sw_json_str(v, "name", ""), sw_json_str(v, "value", ""));
        (*env)[n] = NULL;
    }
}

char *task_pull_credentials(const struct task *t, size_t container)
{
    const json_t *c = sw_json_object(values_of(t, container), "repositoryCredentials");
    if (!c)
        return NULL;
    sw_autofree char *plain =
        sw_asprintf("%s:%s", sw_json_str(c, "username", ""), sw_json_str(c, "password", ""));
    size_t n = strlen(plain);
    sw_autofree char *encoded = sw_calloc(SW_BASE64_LEN(n) + 1, 1);
    sw_base64(plain, n, encoded);
    explicit_bzero(plain, n);
    return sw_asprintf("Basic %s", encoded);
}
