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
