/* SPDX-License-Identifier: Apache-2.0 */
/* server/task_client.c */
#include "server/task_client.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/encode.h"
#include "base/io.h"
#include "base/json.h"
#include "base/limits.h"
#include "launcher/model/agent_protocol.h"

#define NEVER_STARTED_STATUS 125
#define LOG_WAIT_S           1
#define LOG_CALL_TIMEOUT_MS  60000
#define AWAY_MS              500

int watch_on(struct watch *w, int r, struct sw_err *err)
{
    if (r < 0 && (r != SW_EUNAVAILABLE || !w->seen))
        return r;
    if (r >= 0 && (fflush(stdout) != 0 || ferror(stdout)))
        return sw_fail(err, SW_EIO, NULL, "standard output cannot be written");
    w->seen = true;
    if (r < 0 && !w->away)
        fprintf(stderr, "slipway: %s; trying again until it answers\n", err->msg);
    if (r >= 0 && w->away)
        fprintf(stderr, "slipway: the server answers again\n");
    w->away = r < 0;
    sw_err_clear(err);
    return 1;
}

const char *task_id_of(const char *arn)
{
    const char *slash = strrchr(arn, '/');
    return slash ? slash + 1 : arn;
}

int task_describe(struct client *c, const char *cluster, const char *task, json_t **ret,
                  struct sw_err *err)
{
    sw_autojson json_t *in = json_pack("{s:s, s:[s]}", "cluster", cluster, "tasks", task),
                       *out = NULL;
    int r = client_call(c, TARGET_ECS ".DescribeTasks", in, 0, &out, err);
    if (r < 0)
        return r;
    json_t *found = json_array_get(sw_json_array(out, "tasks"), 0);
    if (!found)
        return sw_fail(err, SW_ENOTFOUND, NULL, "no task %s in cluster %s", task, cluster);
    *ret = json_incref(found);
    return 0;
}

char *task_ports(const json_t *task)
{
    struct sw_buf out = SW_BUF_INIT(65536);
    size_t i, k;
    json_t *container, *binding;
    json_array_foreach(sw_json_array(task, "containers"), i, container) {
        json_array_foreach(sw_json_array(container, "networkBindings"), k, binding) {
            const char *range = sw_json_str(binding, "containerPortRange", NULL);
            sw_buf_addf(&out, "%s%s:", out.n ? ", " : "",
                        sw_json_str(binding, "bindIP", "0.0.0.0"));
            if (range)
                sw_buf_addf(&out, "%s->%s", sw_json_str(binding, "hostPortRange", ""), range);
            else
                sw_buf_addf(&out, "%d->%d", (int)sw_json_int(binding, "hostPort", 0),
                            (int)sw_json_int(binding, "containerPort", 0));
            sw_buf_addf(&out, "/%s", sw_json_str(binding, "protocol", "tcp"));
        }
    }
    return sw_buf_take(&out);
}

char *task_why_stopped(const json_t *task)
{
    struct sw_buf out = SW_BUF_INIT(65536);
    sw_buf_addf(&out, "%s: %s", sw_json_str(task, "stopCode", "stopped"),
                sw_json_str(task, "stoppedReason", ""));
    size_t i;
    json_t *container;
    json_array_foreach(sw_json_array(task, "containers"), i, container) {
        const char *reason = sw_json_str(container, "reason", NULL);
        if (reason)
            sw_buf_addf(&out, "\n  %s: %s", sw_json_str(container, "name", "?"), reason);
    }
    return sw_buf_take(&out);
}

static bool is_essential(const json_t *definition, const char *name)
{
    size_t i;
    json_t *container;
    json_array_foreach(sw_json_array(definition, "containerDefinitions"), i, container)
        if (sw_streq(sw_json_str(container, "name", ""), name))
            return sw_json_bool(container, "essential", true);
    return true;
}

int task_exit_status(const json_t *task, const json_t *definition)
{
    if (sw_streq(sw_json_str(task, "stopCode", ""), "TaskFailedToStart"))
        return NEVER_STARTED_STATUS;
    size_t i;
    json_t *container;
    bool all_ended = json_array_size(sw_json_array(task, "containers")) > 0;
    json_array_foreach(sw_json_array(task, "containers"), i, container) {
        if (!is_essential(definition, sw_json_str(container, "name", "")))
            continue;
        int64_t code = sw_json_int(container, "exitCode", 0);
        if (code != 0)
            return code & 0xff ? (int)(code & 0xff) : 1;
        if (!json_is_integer(json_object_get(container, "exitCode")))
            all_ended = false;
    }
    return all_ended ? 0 : NEVER_STARTED_STATUS;
}

int task_stop(struct client *c, const char *cluster, const char *task, const char *reason,
              struct sw_err *err)
{
    sw_autojson json_t *in =
        json_pack("{s:s, s:s, s:s*}", "cluster", cluster, "task", task, "reason", reason);
    return client_call(c, TARGET_ECS ".StopTask", in, 0, NULL, err);
}

static int print_record(const json_t *record, const struct log_options *o, bool many,
                        struct sw_err *err)
{
    const char *encoded = sw_json_str(record, "message", "");
    size_t cap = strlen(encoded) + 1, n = 0;
    sw_autofree char *text = sw_malloc(cap + 1);
    if (!sw_unbase64(sw_str(encoded), text, cap, &n))
        return sw_fail(err, SW_EINVALID, NULL, "a log record is not base64");
    FILE *to = sw_streq(sw_json_str(record, "stream", "stdout"), "stderr") ? stderr : stdout;
    if (o->timestamps) {
        char when[SW_TIME_LEN];
        sw_format_iso8601(sw_json_int(record, "timestamp", 0), when);
        fprintf(to, "%s ", when);
    }
    if (many)
        fprintf(to, "%s | ", sw_json_str(record, "containerName", ""));
    (void)fwrite(text, 1, n, to);
    if (!sw_json_bool(record, "partial", false) && (n == 0 || text[n - 1] != '\n'))
        (void)fputc('\n', to);
    return 0;
}

static int print_batch(const json_t *out, const struct log_options *o, bool many,
                       struct sw_err *err)
{
    size_t i;
    json_t *record;
    int r = 0;
    json_array_foreach(sw_json_array(out, "records"), i, record) {
        r = print_record(record, o, many, err);
        if (r < 0)
            break;
    }
    if (fflush(stdout) != 0 && r == 0) /* a pipe whose reader left: nothing more will be read */
        r = sw_fail_os(err, errno, "standard output");
    return r;
}

/* Prefixes are only worth their place when several containers speak. */
static bool speaks_in_many_voices(struct client *c, const struct log_options *o)
{
    sw_autojson json_t *task = NULL;
    struct sw_err ignored = SW_ERR_INIT;
    return !o->container && task_describe(c, o->cluster, o->task, &task, &ignored) == 0 &&
           json_array_size(sw_json_array(task, "containers")) > 1;
}

/* One look. *ret_over: nothing more will come. */
static int print_more(struct client *c, const struct log_options *o, bool many, char **cursor,
                      bool *ret_over, struct sw_err *err)
{
    sw_autojson json_t *in =
        json_pack("{s:s, s:s, s:s*, s:s*, s:i, s:i}", "cluster", o->cluster, "task", o->task,
                  "containerName", o->container, "cursor", *cursor, "maxBytes", LIMIT_LOG_CHUNK / 2,
                  "waitSeconds", o->follow ? LOG_WAIT_S : 0);
    sw_autojson json_t *out = NULL;
    int r = client_call(c, AGENT_TARGET_PREFIX ".GetTaskLogs", in, LOG_CALL_TIMEOUT_MS, &out, err);
    if (r == 0)
        r = print_batch(out, o, many, err);
    if (r < 0)
        return r;
    const char *next = sw_json_str(out, "cursor", NULL);
    if (next) {
        free(*cursor);
        *cursor = sw_strdup(next);
    }
    bool nothing = json_array_size(sw_json_array(out, "records")) == 0;
    *ret_over = sw_json_bool(out, "finished", false) || (nothing && !o->follow);
    return 0;
}

int task_print_logs(struct client *c, const struct log_options *o, struct sw_err *err)
{
    sw_autofree char *cursor = NULL;
    struct watch watch = {.seen = false};
    bool many = speaks_in_many_voices(c, o), over = false;
    for (;;) {
        int r = print_more(c, o, many, &cursor, &over, err);
        if (r == 0 && over)
            return 0;
        if ((r < 0 && !o->follow) || (r = watch_on(&watch, r, err)) < 0)
            return r;
        if (watch.away)
            sw_sleep_ms(AWAY_MS);
        if (o->idle && (r = o->idle(o->ctx, err)) != 0)
            return r;
    }
}
