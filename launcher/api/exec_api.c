/* SPDX-License-Identifier: Apache-2.0 */
/* launcher/api/exec_api.c - ExecuteCommand: who may, and where the stream is. */
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/json.h"
#include "base/macros.h"
#include "launcher/api/ecs_facts.h"
#include "launcher/api/ecs_handlers.h"
#include "launcher/api/exec_relay.h"

#define URL_MAX 640

/* ws://HOST/v1/data-channel/SESSION, or wss. */
static void stream_url(const struct aws_call *call, const char *session, char out[URL_MAX])
{
    const struct ecs_api *api = call->service->ctx;
    const char *host = http_req_header(call->req, "Host"), *url = api->endpoint;
    bool secure = url ? strncmp(url, "https:", 6) == 0 : call->req->secure;
    const char *named = url ? strstr(url, "://") : NULL;
    (void)snprintf(out, URL_MAX, "%s://%.400s%s%s", secure ? "wss" : "ws",
                   named  ? named + 3
                   : host ? host
                          : "localhost",
                   EXEC_RELAY_PATH, session);
}

/* Both are the resources of the action, and the policy's ecs:container-name is the container's that will be entered, named or not. */
static int may_execute(struct aws_call *call, struct sw_err *err)
{
    const json_t *given = call->input;
    struct launcher_caller c = ecs_caller(call);
    sw_autojson json_t *whole = json_copy((json_t *)(uintptr_t)given);
    if (!sw_json_str(given, "container", NULL)) {
        sw_autofree char *only = launcher_exec_container(ecs_launcher(call), &c, given);
        sw_json_set_str(whole, "container", only);
    }
    call->input = whole;
    int r = ecs_may_task(call, sw_json_str(given, "task", NULL), err);
    if (r == 0)
        r = ecs_may_cluster(call, sw_json_str(given, "cluster", NULL), err);
    call->input = given;
    return r;
}

/* A transcript that cannot be written is known before anything is executed. */
static int open_log(struct aws_call *call, const struct exec_log_target *t, struct sw_err *err)
{
    const struct ecs_api *api = call->service->ctx;
    const struct log_scope scope = {.account = t->account, .region = t->region};
    struct sw_err own = SW_ERR_INIT;
    if (!t->group || !api->log_store ||
        log_store_create_stream(api->log_store, &scope, t->group, t->stream, &own) == 0)
        return 0;
    return sw_fail(err, SW_EINVALID, "ClientException",
                   "The log group %.512s of the execute command configuration cannot be written: "
                   "%.200s",
                   t->group, own.msg);
}

int execute_command(struct aws_call *call, const void *in SW_UNUSED, json_t *out,
                    struct sw_err *err)
{
    char url[URL_MAX];
    struct exec_session *session = NULL;
    struct launcher_caller c = ecs_caller(call);
    struct launcher *l = ecs_launcher(call);
    int r = may_execute(call, err);
    if (r < 0 || (r = launcher_execute_command(l, &c, call->input, out, &session, err)) < 0)
        return r;
    if ((r = open_log(call, &session->log, err)) < 0) {
        exec_session_free(session);
        return r;
    }
    stream_url(call, session->id, url);
    sw_json_set_str(sw_json_object(out, "session"), "streamUrl", url);
    http_audit_reference(call->req, session->id);
    return launcher_exec_begin(l, session, err);
}
