/* SPDX-License-Identifier: Apache-2.0 */
/* launcher/api/task_log_events.c - PutTaskLogEvents: the lines of a container, from the agent that runs it, into their log stream. */
#include <stdio.h>

#include "base/alloc.h"
#include "base/json.h"
#include "base/macros.h"
#include "launcher/api/agent_handlers.h"
#include "launcher/api/task_log_rights.h"

static int role_may(struct aws_call *as, const char *action, const char *arn, struct sw_err *err)
{
    struct sw_err own = SW_ERR_INIT;
    if (aws_may_action(as, action, arn, &own) == 0)
        return 0;
    return sw_fail(err, SW_EINVALID, "ClientException",
                   "failed to validate logger args: the execution role may not write to the log "
                   "stream: %s",
                   own.msg);
}

/* Asked by the call without events that an agent makes before the container starts, and again every half minute: as the task's
 * execution role, when it has one, so whoever may run a task writes only where that role may. */
static int may_log(struct aws_call *call, const struct launcher_caller *c, const json_t *in,
                   const struct launcher_log_target *target, struct sw_err *err)
{
    char group[ARN_MAX * 2], stream[ARN_MAX * 4];
    sw_autojson json_t *definition = NULL;
    struct aws_call as = *call;
    int r = launcher_task_definition(ecs_launcher(call), c, in, &as.principal, &definition, err);
    if (r < 0 || as.principal.kind != PRINCIPAL_ROLE)
        return r;
    (void)snprintf(group, sizeof group, "arn:aws:logs:%.63s:%s:log-group:%.512s", target->region,
                   c->account, target->group);
    (void)snprintf(stream, sizeof stream, "%s:log-stream:%.512s", group, target->stream);
    as.context.region = target->region;
    if (target->create_group)
        r = role_may(&as, "logs:CreateLogGroup", group, err);
    if (r == 0)
        r = role_may(&as, "logs:CreateLogStream", stream, err);
    return r == 0 ? role_may(&as, "logs:PutLogEvents", stream, err) : r;
}

/* A machine whose clock is ahead, or that lies, makes no events that stay for ever: they are of now. */
static int64_t time_of(const json_t *event, int64_t now_ms)
{
    const int64_t at_ms = sw_json_int(event, "timestamp", 0);
    return at_ms > now_ms + LOG_TOO_NEW_MS ? now_ms : at_ms;
}

/* The stream follows from the task's definition, so the agent, which must be the instance's own, reaches no other stream. Without an
 * execution role its own right to speak for the task suffices, as that of an instance's role does in ECS. */
int put_task_log_events(struct aws_call *call, const void *in SW_UNUSED, json_t *out,
                        struct sw_err *err)
{
    struct launcher_caller c = ecs_caller(call);
    struct launcher_log_target target = {.group = NULL};
    const struct ecs_api *api = call->service->ctx;
    sw_autojson json_t *input = ecs_input(call);
    const json_t *list = sw_json_array(input, "events"), *v;
    size_t i, n = json_array_size(list);
    int64_t position = 0;
    int r = ecs_may_instance(call, sw_json_str(input, "containerInstance", ""), err);
    if (r < 0 || (r = launcher_log_target(ecs_launcher(call), &c, input, &target, err)) < 0)
        return r;
    const char *task = sw_json_str(input, "task", ""),
               *container = sw_json_str(input, "containerName", "");
    if (n == 0 || !task_log_rights_known(api->log_rights, task, container, call->now_us)) {
        if ((r = may_log(call, &c, input, &target, err)) < 0) {
            launcher_log_target_done(&target);
            return r;
        }
        task_log_rights_note(api->log_rights, task, container, call->now_us);
    }
    sw_autofree struct log_event *events = sw_calloc(n + 1, sizeof *events);
    json_array_foreach(list, i, v) {
        const json_t *message = json_object_get(v, "message");
        events[i] = (struct log_event){
            .timestamp_ms = time_of(v, call->now_us / 1000),
            .position = sw_json_int(v, "position", 0),
            .message = sw_str_n(json_string_value(message), json_string_length(message))};
    }
    const struct log_scope scope = {.account = c.account, .region = target.region};
    r = log_store_put_source(api->log_store, &scope, target.group, target.stream,
                             target.create_group, events, n, &position, err);
    launcher_log_target_done(&target);
    if (r == 0) {
        log_store_count_lost(api->log_store, sw_json_int(input, "lostLines", 0));
        sw_json_set_int(out, "position", position);
    }
    return r;
}
