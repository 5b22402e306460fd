/* SPDX-License-Identifier: Apache-2.0 */
#include "server/audit.h"

#include <string.h>

#include "base/clock.h"
#include "base/macros.h"
#include "base/str.h"

/* Actions that only read begin so, after the service. */
static const char *const reading_verbs[] = {"BatchCheck", "Describe", "Discover",
                                            "Get",        "List",     "Poll"};
/* These hand something out all the same. */
static const char *const audited[] = {"ecr:GetAuthorizationToken",     "ecr:GetDownloadUrlForLayer",
                                      "secretsmanager:GetSecretValue", "ssm:GetParameter",
                                      "ssm:GetParameterHistory",       "ssm:GetParameters",
                                      "ssm:GetParametersByPath"};
static const char *const pulls[] = {"ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"};
/* Steps and reports: what they lead to is audited, or is the machinery's own. */
static const char *const steps[] = {"ecr:InitiateLayerUpload", "ecr:UploadLayerPart",
                                    "ecs:StartTelemetrySession", "ecs:SubmitContainerStateChange",
                                    "ecs:SubmitTaskStateChange"};

static bool in(const char *const *list, size_t n, const char *action)
{
    if (!action)
        return false;
    for (size_t i = 0; i < n; i++)
        if (strcmp(list[i], action) == 0)
            return true;
    return false;
}

static bool action_wanted(const char *action)
{
    if (!action || in(steps, SW_ARRAY_LEN(steps), action))
        return false;
    if (in(audited, SW_ARRAY_LEN(audited), action))
        return true;
    const char *colon = strchr(action, ':');
    struct sw_str verb = sw_str(colon ? colon + 1 : action);
    for (size_t i = 0; i < SW_ARRAY_LEN(reading_verbs); i++)
        if (sw_str_starts_with(verb, reading_verbs[i]))
            return false;
    return true;
}

bool audit_wanted(const struct http_req *req, const struct http_res *res)
{
    const struct http_audit *a = &req->audit;

    if (a->denied)
        return true;
    if (action_wanted(a->also))
        return true;
    /* A HEAD hands nothing out. */
    if (action_wanted(a->action))
        return req->method != HTTP_HEAD;
    /* An upload that was complete at once, or a mount. */
    return res->status == 201 && a->action && strcmp(a->action, "ecr:InitiateLayerUpload") == 0;
}

bool audit_may_wait(const struct http_req *req)
{
    const struct http_audit *a = &req->audit;

    return !a->denied && !a->also && in(pulls, SW_ARRAY_LEN(pulls), a->action);
}

static const char *outcome(const struct http_req *req, const struct http_res *res)
{
    if (req->audit.denied)
        return "denied";
    return res->status < 400 ? "allowed" : "failed";
}

static void add(struct sw_buf *b, const char *key, const char *value)
{
    if (!value || !*value)
        return;
    sw_buf_add_z(b, ",\"");
    sw_buf_add_z(b, key);
    sw_buf_add_z(b, "\":");
    sw_buf_add_json_string(b, sw_str(value));
}

static void begin(struct sw_buf *b, int64_t now_us)
{
    char when[SW_TIME_LEN];

    sw_format_iso8601(now_us, when);
    sw_buf_addf(b, "{\"time\":\"%s\"", when);
}

void audit_line(struct sw_buf *b, const struct http_req *req, const struct http_res *res)
{
    const struct http_audit *a = &req->audit;
    bool nobody = req->principal.kind == PRINCIPAL_ANONYMOUS;

    begin(b, req->started_at_us);
    add(b, "request_id", req->id);
    add(b, "principal", nobody ? "anonymous" : req->principal.arn);
    add(b, "access_key_id", req->principal.access_key_id);
    add(b, "source_ip", req->peer_ip);
    if (a->action)
        add(b, "action", a->action);
    else
        sw_buf_add_z(b, ",\"action\":null");
    add(b, "also", a->also);
    add(b, "resource", a->resource);
    add(b, "reference", a->reference);
    add(b, "digest", http_res_get(res, "Docker-Content-Digest"));
    add(b, "outcome", outcome(req, res));
    add(b, "why", a->why);
    add(b, "route", req->route);
    add(b, "method", http_method_to_string(req->method));
    sw_buf_addf(b, ",\"status\":%d}\n", res->status);
}

void audit_own_line(struct sw_buf *b, int64_t now_us, const char *action, const char *resource,
                    const char *why)
{
    begin(b, now_us);
    add(b, "principal", "slipway");
    add(b, "action", action);
    add(b, "resource", resource);
    add(b, "outcome", "allowed");
    add(b, "why", why);
    sw_buf_add_z(b, "}\n");
}
