/* SPDX-License-Identifier: Apache-2.0 */
/* launcher/agent/task_report.c - telling the control plane, off the task's own thread.
 * Invariant: `reported` only grows, and only after the control plane answered (or refused for good); at most one job a task. */
#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "base/macros.h"
#include "launcher/agent/flag.h"
#include "launcher/agent/task_engine_internal.h"

#define BACKOFF_MIN_MS 200
#define BACKOFF_MAX_MS 15000

bool report_is_temporary(const struct sw_err *err)
{
    return err->code == SW_EUNAVAILABLE || err->code == SW_EIO || err->code == SW_EINTERNAL ||
           err->code == SW_EDENIED || err->code == SW_ESTALE || err->code == SW_ELIMIT;
}

/* 1: sent and more may be due; 0: nothing is due; <0: try later. */
static int report_once(struct task *t)
{
    struct sw_err err = SW_ERR_INIT;
    pthread_mutex_lock(&t->lock);
    enum report_level level = task_level(t);
    bool due = !t->silent && level > t->reported;
    sw_autojson json_t *in = due ? task_report(t, t->engine->cluster, level) : NULL;
    pthread_mutex_unlock(&t->lock);
    if (!due)
        return 0;
    int r = t->engine->o.submit_state(t->engine->o.submit_ctx, in, &err);
    if (r < 0 && report_is_temporary(&err)) {
        sw_log_err(SW_LOG_DEBUG, "task-report-waits", &err, "task", t->id, NULL);
        return r;
    }
    if (r < 0)
        sw_log_err(SW_LOG_WARNING, "task-report-refused", &err, "task", t->id, NULL);
    pthread_mutex_lock(&t->lock);
    t->reported = level;
    /* A report that is sent twice changes nothing, so only the last one has to survive the machine. */
    task_persist(t, level == REPORT_STOPPED);
    pthread_mutex_unlock(&t->lock);
    return 1;
}

static void report_job(void *arg)
{
    struct task *t = arg;
    int r = 1;
    while (r > 0 && !flag_is_set(&t->engine->closing))
        r = report_once(t);
    pthread_mutex_lock(&t->lock);
    t->report_queued = false;
    if (r < 0) {
        t->report_backoff_ms = SW_MIN(SW_MAX(t->report_backoff_ms * 2, (int64_t)BACKOFF_MIN_MS),
                                      (int64_t)BACKOFF_MAX_MS);
        t->report_retry_at_ms = sw_mono_ms() + t->report_backoff_ms;
    } else {
        t->report_backoff_ms = t->report_retry_at_ms = 0;
    }
    task_wake(t);
    pthread_mutex_unlock(&t->lock);
}

void task_queue_report(struct task *t)
{
    if (t->report_queued || t->silent || task_level(t) <= t->reported ||
        sw_mono_ms() < t->report_retry_at_ms)
        return;
    t->report_queued = true;
    sw_pool_submit(t->engine->reporters, report_job, t);
}

bool task_submit_health(struct task *t)
{
    if (!t->engine->o.submit_health)
        return true;
    sw_autojson json_t *in = json_object();
    json_t *list = json_array();
    sw_json_set_str(in, "cluster", t->engine->cluster);
    sw_json_set_str(in, "task", task_arn(t));
    pthread_mutex_lock(&t->lock);
    for (size_t i = 0; i < t->def->containers_n; i++)
        if (t->containers[i].def->health_check.command)
            json_array_append_new(list,
                                  json_pack("{s:s, s:s}", "containerName",
                                            t->containers[i].def->name, "healthStatus",
                                            container_health_to_string(t->containers[i].health)));
    pthread_mutex_unlock(&t->lock);
    sw_json_set_new(in, "containers", list);
    struct sw_err err = SW_ERR_INIT;
    int r = t->engine->o.submit_health(t->engine->o.submit_ctx, in, &err);
    if (r < 0)
        sw_log_err(SW_LOG_DEBUG, "health-report-failed", &err, "task", t->id, NULL);
    return r == 0 || !report_is_temporary(&err);
}
