/* SPDX-License-Identifier: Apache-2.0 */
/* launcher/agent/task_roles.c - credentials of a task's roles.
 * Invariants:
 * 1. No container of a task with a role starts before its credentials are here.
 * 2. Credentials are in memory only; a restarted agent asks for others, under the same id that the containers know.
 * 3. They are renewed at half of their life, so an answer always has hours left while the control plane can be reached; and when the clock
 *    was set. */
#include "launcher/agent/task_roles.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "base/macros.h"
#include "launcher/agent/flag.h"

#define BACKOFF_MIN_MS  200
#define BACKOFF_MAX_MS  15000
#define RENEW_MIN_MS    1000
#define RENEW_SKEWED_MS 300000
#define CLOCK_SET_MS    60000 /* by less a clock is set that is kept right all the time */
#define PAUSE_SLICE_MS  50

static int fetch(struct task *t, bool execution, json_t **ret, struct sw_err *err)
{
    const struct task_engine_options *o = &t->engine->o;
    if (!o->credentials)
        return sw_fail(err, SW_EUNSUPPORTED, NULL, "this instance has no credentials for roles");
    return o->credentials(o->submit_ctx, task_arn(t), execution, ret, err);
}

static int64_t clock_ahead_ms(void)
{
    return sw_now_us() / 1000 - sw_mono_ms();
}

/* If the clock was set, the control plane's may have been too, on the same machine: it may call them expired by now. */
static bool clock_was_set(const struct task *t)
{
    int64_t by_ms = clock_ahead_ms() - t->clock_ahead_ms;
    return t->credentials && (by_ms > CLOCK_SET_MS || by_ms < -CLOCK_SET_MS);
}

/* With the lock held; takes the document. */
static void keep(struct task *t, json_t *credentials)
{
    int64_t expires_us =
        (int64_t)(json_number_value(json_object_get(credentials, "expiration")) * 1e6);
    int64_t life_ms = (expires_us - sw_now_us()) / 1000;
    json_decref(t->credentials);
    t->credentials = credentials;
    t->credentials_expire_us = expires_us;
    t->credentials_backoff_ms = 0;
    t->clock_ahead_ms = clock_ahead_ms();
    /* Expired as soon as they are made: this clock is not the control plane's, and says nothing about their life. */
    t->credentials_renew_at_ms =
        sw_mono_ms() + (life_ms > 0 ? SW_MAX(life_ms / 2, (int64_t)RENEW_MIN_MS) : RENEW_SKEWED_MS);
}

static bool given_up(struct task *t)
{
    return flag_is_set(&t->give_up_pull) || flag_is_set(&t->engine->closing);
}

/* Until it succeeds, is refused for good or nobody wants it any more. */
static int fetch_until(struct task *t, bool execution, json_t **ret, struct sw_err *err)
{
    int64_t wait_ms = BACKOFF_MIN_MS;
    while (fetch(t, execution, ret, err) < 0) {
        if (!report_is_temporary(err) || given_up(t))
            return err->code;
        sw_log_err(SW_LOG_DEBUG, "credentials-wait", err, "task", t->id, NULL);
        sw_err_clear(err);
        for (int64_t until = sw_mono_ms() + wait_ms; sw_mono_ms() < until && !given_up(t);)
            sw_sleep_ms(PAUSE_SLICE_MS);
        wait_ms = SW_MIN(wait_ms * 2, (int64_t)BACKOFF_MAX_MS);
    }
    return 0;
}

/* The value of an Authorization header, got as any client of the role's would. */
static int registry_login(struct task *t, struct sw_err *err)
{
    const struct task_engine_options *o = &t->engine->o;
    json_t *credentials = NULL;
    sw_autojson json_t *in = json_object();
    sw_autojson json_t *out = NULL;
    if (fetch_until(t, true, &credentials, err) < 0)
        return err->code;
    int r = o->call_as(o->submit_ctx, credentials,
                       "AmazonEC2ContainerRegistry_V20150921.GetAuthorizationToken", in, &out, err);
    sw_autofree char *role = sw_strdup(sw_json_str(credentials, "roleArn", ""));
    json_decref(credentials);
    if (r < 0) {
        err->reason = "CannotPullECRContainerError";
        return r;
    }
    const char *token = sw_json_str(json_array_get(sw_json_array(out, "authorizationData"), 0),
                                    "authorizationToken", "");
    free(t->pull_authorization);
    free(t->pull_identity);
    t->pull_authorization = sw_asprintf("Basic %s", token);
    t->pull_identity = SW_TAKE(role);
    return 0;
}

static bool is_pull_error(const struct sw_err *err)
{
    return err->reason && strncmp(err->reason, "CannotPull", 10) == 0;
}

/* A role that cannot be had ends the task; a registry that refuses the role is the images' error. */
static void failed(struct task *t, const struct sw_err *err)
{
    pthread_mutex_lock(&t->lock);
    for (size_t i = 0; is_pull_error(err) && i < t->def->containers_n; i++)
        if (t->containers[i].status == CONTAINER_WAITING) {
            t->containers[i].status = CONTAINER_STOPPED;
            task_set_reason(&t->containers[i], "%s: %s", err->reason, err->msg);
        }
    if (!is_pull_error(err) && !t->stop_wanted) {
        t->stop_wanted = true;
        if (!t->stop_code[0]) {
            snprintf(t->stop_code, sizeof t->stop_code, "TaskFailedToStart");
            snprintf(t->stop_text, sizeof t->stop_text, "%s", err->msg);
        }
    }
    task_persist(t, true);
    pthread_mutex_unlock(&t->lock);
    sw_log_err(SW_LOG_WARNING, "task-role-refused", err, "task", t->id, NULL);
}

static bool any_to_start(struct task *t)
{
    bool any = false;
    pthread_mutex_lock(&t->lock);
    for (size_t i = 0; i < t->def->containers_n; i++)
        any |= t->containers[i].status == CONTAINER_WAITING ||
               t->containers[i].status == CONTAINER_READY;
    pthread_mutex_unlock(&t->lock);
    return any;
}

bool task_get_roles(struct task *t)
{
    struct sw_err err = SW_ERR_INIT;
    json_t *credentials = NULL;
    if (!any_to_start(t))
        return true;
    int r = 0;
    if (t->def->task_role) {
        r = fetch_until(t, false, &credentials, &err);
        if (r == 0) {
            pthread_mutex_lock(&t->lock);
            keep(t, credentials);
            pthread_mutex_unlock(&t->lock);
        }
    }
    if (r == 0 && t->def->execution_role && t->engine->o.call_as)
        r = registry_login(t, &err);
    if (r < 0 && !given_up(t))
        failed(t, &err);
    return r == 0;
}

static void renew_job(void *arg)
{
    struct task *t = arg;
    json_t *credentials = NULL;
    struct sw_err err = SW_ERR_INIT;
    int r = fetch(t, false, &credentials, &err);
    if (r < 0)
        sw_log_err(SW_LOG_WARNING, "credentials-not-renewed", &err, "task", t->id, NULL);
    pthread_mutex_lock(&t->lock);
    if (r == 0) {
        keep(t, credentials);
    } else {
        t->credentials_backoff_ms =
            SW_MIN(SW_MAX(t->credentials_backoff_ms * 2, (int64_t)BACKOFF_MIN_MS),
                   (int64_t)BACKOFF_MAX_MS);
        t->credentials_renew_at_ms = sw_mono_ms() + t->credentials_backoff_ms;
    }
    t->credentials_queued = false;
    task_wake(t);
    pthread_mutex_unlock(&t->lock);
}

void task_queue_credentials(struct task *t)
{
    if (!t->def->task_role || t->credentials_queued || t->stop_wanted || t->finished ||
        flag_is_set(&t->engine->closing))
        return;
    bool due = sw_mono_ms() >= t->credentials_renew_at_ms;
    if (!due && (t->credentials_backoff_ms || !clock_was_set(t)))
        return;
    t->credentials_queued = true;
    sw_pool_submit(t->engine->reporters, renew_job, t);
}

/* --- what containers are told --- */

static void add(char ***list, size_t *n, char *entry)
{
    *list = sw_realloc_array(*list, *n + 2, sizeof **list);
    (*list)[(*n)++] = entry;
    (*list)[*n] = NULL;
}

static const char *endpoint_of(const struct task *t)
{
    const struct task_endpoint_urls *u = &t->engine->o.urls;
    switch (t->def->network_mode) {
    case NETWORK_AWSVPC:
    case NETWORK_BRIDGE: return u->bridge;
    case NETWORK_HOST: return u->host;
    default: return NULL;
    }
}

char **task_container_environment(const struct task *t, size_t container)
{
    const struct task_container *c = &t->containers[container];
    const char *base = endpoint_of(t);
    char **env = sw_calloc(1, sizeof *env);
    size_t n = 0;
    if (!base)
        return env;
    if (t->def->task_role && strcmp(base, TASK_ENDPOINT) == 0)
        add(&env, &n,
            sw_asprintf("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI=/v2/credentials/%s",
                        t->credentials_id));
    else if (t->def->task_role)
        add(&env, &n,
            sw_asprintf("AWS_CONTAINER_CREDENTIALS_FULL_URI=%s/v2/credentials/%s", base,
                        t->credentials_id));
    add(&env, &n, sw_asprintf("ECS_CONTAINER_METADATA_URI=%s/v3/%s", base, c->endpoint_id));
    add(&env, &n, sw_asprintf("ECS_CONTAINER_METADATA_URI_V4=%s/v4/%s", base, c->endpoint_id));
    add(&env, &n, sw_asprintf("ECS_AGENT_URI=%s/api/%s", base, c->endpoint_id));
    return env;
}

char **task_container_defaults(const struct task *t)
{
    const char *region = t->engine->o.region;
    char **env = sw_calloc(1, sizeof *env);
    size_t n = 0;
    add(&env, &n,
        sw_asprintf("AWS_EXECUTION_ENV=%s",
                    sw_streq(sw_json_str(t->placed, "launchType", ""), "FARGATE")
                        ? "AWS_ECS_FARGATE"
                        : "AWS_ECS_EC2"));
    if (region && *region) {
        add(&env, &n, sw_asprintf("AWS_REGION=%s", region));
        add(&env, &n, sw_asprintf("AWS_DEFAULT_REGION=%s", region));
    }
    return env;
}
