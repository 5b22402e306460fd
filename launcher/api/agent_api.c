/* SPDX-License-Identifier: Apache-2.0 */
/* The agent's own operations: launcher/model/agent_protocol.h.
 * A call that waits gives its ticket to the launcher; whoever answers does so through finish(), on any thread. Without a ticket
 * (the server shuts down) it is answered at once. */
#include "base/alloc.h"
#include "base/json.h"
#include "base/macros.h"
#include "launcher/api/agent_handlers.h"
#include "launcher/api/ecs_internal.h"
#include "launcher/api/ecs_schema.h"
#include "launcher/service/activations.h"
#include "launcher/service/usage.h"

static void finish(void *ctx, json_t *out, const struct sw_err *err)
{
    aws_complete(ctx, out, err);
}

static int poll_tasks(struct aws_call *call, const void *in SW_UNUSED, json_t *out,
                      struct sw_err *err)
{
    struct launcher_poll poll;
    struct launcher_caller c = ecs_caller(call);
    struct launcher *l = ecs_launcher(call);
    sw_autojson json_t *input = ecs_input(call);
    int r = ecs_may_instance(call, sw_json_str(input, "containerInstance", ""), err);
    if (r < 0 || (r = launcher_poll(l, &c, input, &poll, out, err)) != 0)
        return r < 0 ? r : 0;
    struct aws_ticket *t = aws_defer(call);
    if (!t)
        return sw_fail(err, SW_EUNAVAILABLE, "ServiceUnavailableException",
                       "The server is shutting down.");
    launcher_poll_wait(l, &poll, finish, t);
    return 0;
}

static int submit_logs(struct aws_call *call, const void *in SW_UNUSED, json_t *out,
                       struct sw_err *err)
{
    struct launcher_caller c = ecs_caller(call);
    int r = ecs_may_instance(call, sw_json_str(call->input, "containerInstance", ""), err);
    return r < 0 ? r : launcher_submit_logs(ecs_launcher(call), &c, call->input, out, err);
}

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

/* Asked once, by the call without events that an agent makes before the container starts: as the task's execution role, when it has
 * one, so whoever may run a task writes only where that role may. */
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

/* The stream follows from the task's definition, so the agent, which must be the instance's own, reaches no other stream. Without an
 * execution role its own right to speak for the task suffices, as that of an instance's role does in ECS. */
static int put_task_log_events(struct aws_call *call, const void *in SW_UNUSED, json_t *out,
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
    if (n == 0 && (r = may_log(call, &c, input, &target, err)) < 0) {
        launcher_log_target_done(&target);
        return r;
    }
    sw_autofree struct log_event *events = sw_calloc(n + 1, sizeof *events);
    json_array_foreach(list, i, v) {
        const json_t *message = json_object_get(v, "message");
        events[i] = (struct log_event){
            .timestamp_ms = sw_json_int(v, "timestamp", 0),
            .position = sw_json_int(v, "position", 0),
            .message = sw_str_n(json_string_value(message), json_string_length(message))};
    }
    const struct log_scope scope = {.account = c.account, .region = target.region};
    r = log_store_put_source(api->log_store, &scope, target.group, target.stream,
                             target.create_group, events, n, &position, err);
    launcher_log_target_done(&target);
    if (r == 0)
        sw_json_set_int(out, "position", position);
    return r;
}

static int submit_health(struct aws_call *call, const void *in SW_UNUSED, json_t *out,
                         struct sw_err *err)
{
    struct launcher_caller c = ecs_caller(call);
    int r = ecs_may_cluster(call, sw_json_str(call->input, "cluster", NULL), err);
    return r < 0 ? r : launcher_submit_health(ecs_launcher(call), &c, call->input, out, err);
}

static int get_task_logs(struct aws_call *call, const void *in SW_UNUSED, json_t *out SW_UNUSED,
                         struct sw_err *err)
{
    struct launcher_logs logs = {.request = NULL};
    struct launcher_caller c = ecs_caller(call);
    struct launcher *l = ecs_launcher(call);
    sw_autojson json_t *input = ecs_input(call);
    int r = ecs_may_task(call, sw_json_str(input, "task", ""), err);
    if (r < 0 || (r = launcher_logs(l, &c, input, &logs, err)) < 0)
        return r;
    struct aws_ticket *t = aws_defer(call);
    if (!t) {
        json_decref(logs.request);
        return sw_fail(err, SW_EUNAVAILABLE, "ServiceUnavailableException",
                       "The server is shutting down.");
    }
    launcher_logs_wait(l, &logs, finish, t);
    return 0;
}

static int get_task_credentials(struct aws_call *call, const void *in SW_UNUSED, json_t *out,
                                struct sw_err *err)
{
    struct launcher_caller c = ecs_caller(call);
    int r = ecs_may_instance(call, sw_json_str(call->input, "containerInstance", ""), err);
    return r < 0 ? r : launcher_task_credentials(ecs_launcher(call), &c, call->input, out, err);
}

/* Whoever has an activation's code signs as its user, which may do nothing else. */
static int register_managed_instance(struct aws_call *call, const void *in SW_UNUSED, json_t *out,
                                     struct sw_err *err)
{
    struct launcher_caller c = ecs_caller(call);
    int r = launcher_register_managed(ecs_launcher(call), &c, call->input, out, err);
    if (r == 0)
        aws_allow(call, c.principal->arn);
    return r;
}

static int explain_placement(struct aws_call *call, const void *in SW_UNUSED, json_t *out,
                             struct sw_err *err)
{
    sw_autojson json_t *input = NULL;
    struct launcher_caller c = ecs_caller(call);
    int r = ecs_may_run(call, &input, err);
    return r < 0 ? r : launcher_explain_placement(ecs_launcher(call), &c, input, out, err);
}

static int submit_metrics(struct aws_call *call, const void *in SW_UNUSED, json_t *out,
                          struct sw_err *err)
{
    struct launcher_caller c = ecs_caller(call);
    sw_autojson json_t *input = ecs_input(call);
    int r = ecs_may_instance(call, sw_json_str(input, "containerInstance", ""), err);
    return r < 0 ? r : launcher_submit_metrics(ecs_launcher(call), &c, input, out, err);
}

static int get_usage(struct aws_call *call, const void *in SW_UNUSED, json_t *out,
                     struct sw_err *err)
{
    struct launcher_caller c = ecs_caller(call);
    int r = ecs_may_cluster(call, sw_json_str(call->input, "cluster", NULL), err);
    return r < 0 ? r : launcher_usage(ecs_launcher(call), &c, call->input, out, err);
}

const struct aws_op agent_ops[] = {
    {.name = "ExplainPlacement",
     .fn = explain_placement,
     .in = explain_placement_in,
     .out = explain_placement_out,
     .action = "ecs:RunTask"},
    {.name = "GetTaskCredentials",
     .fn = get_task_credentials,
     .in = get_task_credentials_in,
     .out = get_task_credentials_out,
     .action = "ecs:Poll"},
    {.name = "GetTaskLogs",
     .fn = get_task_logs,
     .in = get_task_logs_in,
     .out = get_task_logs_out,
     .action = "ecs:DescribeTasks"},
    {.name = "GetTaskSecrets",
     .fn = get_task_secrets,
     .in = get_task_secrets_in,
     .out = get_task_secrets_out,
     .action = "ecs:Poll"},
    {.name = "GetUsage",
     .fn = get_usage,
     .in = get_usage_in,
     .out = get_usage_out,
     .action = "ecs:DescribeClusters"},
    {.name = "PollTasks",
     .fn = poll_tasks,
     .in = poll_tasks_in,
     .out = poll_tasks_out,
     .action = "ecs:Poll"},
    {.name = "PutTaskLogEvents",
     .fn = put_task_log_events,
     .in = put_task_log_events_in,
     .out = put_task_log_events_out,
     .action = "ecs:Poll"},
    {.name = "RegisterManagedInstance",
     .fn = register_managed_instance,
     .in = nothing_out,
     .out = register_managed_instance_out,
     .action = "ssm:RegisterManagedInstance"},
    {.name = "SubmitHealth",
     .fn = submit_health,
     .in = submit_health_in,
     .out = nothing_out,
     .action = "ecs:SubmitTaskStateChange"},
    {.name = "SubmitLogs",
     .fn = submit_logs,
     .in = submit_logs_in,
     .out = nothing_out,
     .action = "ecs:Poll"},
    {.name = "SubmitMetrics",
     .fn = submit_metrics,
     .in = submit_metrics_in,
     .out = nothing_out,
     .action = "ecs:StartTelemetrySession"},
};
const size_t agent_ops_n = SW_ARRAY_LEN(agent_ops);
