/* SPDX-License-Identifier: Apache-2.0 */
#include "server/observe.h"

#include <inttypes.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/macros.h"
#include "server/audit.h"

#define ACCESS_LINE_MAX (16 * 1024)
#define ACCESS_PATH_MAX 2048

/* A buffer in memory that is there already: base/buf.c never reallocates a full-sized one. */
#define ON_STACK(memory)                                                \
    {                                                                   \
        .p = (memory), .cap = sizeof(memory), .max = sizeof(memory) - 1 \
    }

static int open_one(const char *path, mode_t mode, struct log_file **ret, struct sw_err *err)
{
    return path && *path ? log_file_open(path, mode, ret, err) : 0;
}

int observe_open(struct observe *o, const char *access_path, const char *audit_path,
                 struct sw_err *err)
{
    if (!o->requests)
        o->requests = request_stats_new();
    int r = open_one(access_path, 0640, &o->access, err);
    return r < 0 ? r : open_one(audit_path, 0600, &o->audit, err);
}

void observe_close(struct observe *o)
{
    log_file_free(o->access);
    log_file_free(o->audit);
    request_stats_free(o->requests);
    *o = (struct observe){.requests = NULL};
}

static void write_access(struct log_file *f, const struct http_req *req, const struct http_res *res,
                         uint64_t bytes_in, uint64_t bytes_out, int64_t duration_us)
{
    char memory[ACCESS_LINE_MAX], when[SW_TIME_LEN];
    struct sw_buf line = ON_STACK(memory);
    struct sw_str path = sw_str(req->path);

    sw_format_iso8601(req->started_at_us, when);
    sw_buf_addf(&line,
                "{\"time\":\"%s\",\"event\":\"request\",\"request_id\":\"%s\",\"peer\":\"%s\","
                "\"method\":\"%s\",\"path\":",
                when, req->id, req->peer_ip, http_method_to_string(req->method));
    sw_buf_add_json_string(&line, sw_str_slice(path, 0, SW_MIN(path.n, (size_t)ACCESS_PATH_MAX)));
    sw_buf_addf(&line, ",\"route\":\"%s\",\"principal\":", req->route ? req->route : "");
    sw_buf_add_json_string(&line, sw_str(req->principal.arn));
    sw_buf_addf(&line,
                ",\"status\":%d,\"bytes_in\":%" PRIu64 ",\"bytes_out\":%" PRIu64
                ",\"duration_us\":%" PRId64 "}\n",
                res->status, bytes_in, bytes_out, duration_us);
    log_file_write_later(f, line.p, line.n);
}

static void write_audit(struct log_file *f, const struct http_req *req, const struct http_res *res)
{
    char memory[AUDIT_LINE_MAX];
    struct sw_buf line = ON_STACK(memory);

    audit_line(&line, req, res);
    if (audit_may_wait(req))
        log_file_write_later(f, line.p, line.n);
    else
        log_file_write(f, line.p, line.n);
}

void observe_finished(struct observe *o, const struct http_req *req, const struct http_res *res,
                      uint64_t bytes_in, uint64_t bytes_out, int64_t duration_us)
{
    request_stats_count(o->requests, req->route, req->method, res->status, bytes_in, bytes_out,
                        duration_us);
    if (o->audit && audit_wanted(req, res))
        write_audit(o->audit, req, res);
    if (o->access)
        write_access(o->access, req, res, bytes_in, bytes_out, duration_us);
}

void observe_own_action(struct observe *o, const char *action, const char *resource,
                        const char *why)
{
    char memory[AUDIT_LINE_MAX];
    struct sw_buf line = ON_STACK(memory);

    if (!o->audit)
        return;
    audit_own_line(&line, sw_now_us(), action, resource, why);
    log_file_write(o->audit, line.p, line.n);
}

void observe_flush(struct observe *o)
{
    log_file_flush(o->access);
    log_file_flush(o->audit);
}

static void reopen_one(struct log_file *f)
{
    struct sw_err err = SW_ERR_INIT;

    if (log_file_reopen(f, &err) < 0)
        sw_log_err(SW_LOG_ERROR, "log-not-reopened", &err, NULL);
}

void observe_reopen(struct observe *o)
{
    reopen_one(o->access);
    reopen_one(o->audit);
}
