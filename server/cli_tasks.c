/* SPDX-License-Identifier: Apache-2.0 */
/* server/cli_tasks.c - slipway ps, logs, stop. */
#include <stdio.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/json.h"
#include "server/cli.h"
#include "server/task_client.h"

#define DESCRIBE_BATCH 100

struct options {
    struct cli_common common;
    char *cluster, *container, *reason;
    bool all, follow, timestamps;
};

#define OFF(member) offsetof(struct options, member)
/* clang-format off */
#define CLUSTER_KEY {"cluster", CONF_STRING, OFF(cluster), "default", 0, 0, NULL, "cluster of the task"}
static const struct conf_key ps_keys[] = {
    CLI_COMMON_KEYS, CLUSTER_KEY,
    {"all", CONF_BOOL, OFF(all), "false", 0, 0, NULL, "stopped tasks too"},
};
static const struct conf_key logs_keys[] = {
    CLI_COMMON_KEYS, CLUSTER_KEY,
    {"container", CONF_STRING, OFF(container), NULL, 0, 0, NULL, "only this container of the task"},
    {"follow", CONF_BOOL, OFF(follow), "false", 0, 0, NULL, "go on until the task has ended"},
    {"timestamps", CONF_BOOL, OFF(timestamps), "false", 0, 0, NULL, "put the time before each line"},
};
static const struct conf_key stop_keys[] = {
    CLI_COMMON_KEYS, CLUSTER_KEY,
    {"reason", CONF_STRING, OFF(reason), NULL, 0, 0, NULL, "kept as the task's stoppedReason"},
};
/* clang-format on */
static const struct conf_table ps_flags = {ps_keys, SW_ARRAY_LEN(ps_keys), ""};
static const struct conf_table logs_flags = {logs_keys, SW_ARRAY_LEN(logs_keys), ""};
static const struct conf_table stop_flags = {stop_keys, SW_ARRAY_LEN(stop_keys), ""};

static void print_task(const json_t *task)
{
    sw_autofree char *ports = task_ports(task);
    const char *definition = sw_json_str(task, "taskDefinitionArn", "");
    char started[SW_TIME_LEN] = "-";
    double at = json_number_value(json_object_get(task, "startedAt"));
    if (at > 0)
        sw_format_iso8601_s((int64_t)(at * 1e6), started);
    printf("%-32s  %-24s  %-14s  %-20s  %s\n", task_id_of(sw_json_str(task, "taskArn", "")),
           task_id_of(definition), sw_json_str(task, "lastStatus", ""), started, ports);
}

static int print_page(struct client *c, const char *cluster, json_t *arns, struct sw_err *err)
{
    if (json_array_size(arns) == 0)
        return 0;
    sw_autojson json_t *in = json_pack("{s:s, s:O}", "cluster", cluster, "tasks", arns),
                       *out = NULL;
    int r = client_call(c, TARGET_ECS ".DescribeTasks", in, 0, &out, err);
    if (r < 0)
        return r;
    size_t i;
    json_t *task;
    json_array_foreach(sw_json_array(out, "tasks"), i, task)
        print_task(task);
    return 0;
}

static int list(struct client *c, const char *cluster, const char *desired, bool *headed,
                struct sw_err *err)
{
    sw_autojson json_t *in = json_pack("{s:s, s:s, s:i}", "cluster", cluster, "desiredStatus",
                                       desired, "maxResults", DESCRIBE_BATCH);
    for (;;) {
        sw_autojson json_t *out = NULL;
        int r = client_call(c, TARGET_ECS ".ListTasks", in, 0, &out, err);
        if (r == 0 && !*headed)
            printf("%-32s  %-24s  %-14s  %-20s  %s\n", "TASK", "DEFINITION", "STATUS", "STARTED",
                   "PORTS");
        *headed |= r == 0;
        if (r == 0)
            r = print_page(c, cluster, sw_json_array(out, "taskArns"), err);
        if (r < 0)
            return r;
        const char *next = sw_json_str(out, "nextToken", NULL);
        if (!next)
            return 0;
        sw_json_set_str(in, "nextToken", next);
    }
}

static int do_ps(struct client *c, const struct options *o, const char *task, struct sw_err *err)
{
    bool headed = false;
    (void)task;
    int r = list(c, o->cluster, "RUNNING", &headed, err);
    return r == 0 && o->all ? list(c, o->cluster, "STOPPED", &headed, err) : r;
}

static int do_logs(struct client *c, const struct options *o, const char *task, struct sw_err *err)
{
    struct log_options l = {.cluster = o->cluster,
                            .task = task,
                            .container = o->container,
                            .follow = o->follow,
                            .timestamps = o->timestamps};
    return task_print_logs(c, &l, err);
}

static int do_stop(struct client *c, const struct options *o, const char *task, struct sw_err *err)
{
    return task_stop(c, o->cluster, task, o->reason, err);
}

typedef int (*command_fn)(struct client *c, const struct options *o, const char *task,
                          struct sw_err *err);

static int run(const struct cli_command *command, int argc, char **argv, int positionals,
               command_fn fn)
{
    struct options o = {0};
    struct client client = {0};
    struct sw_err err = SW_ERR_INIT;
    int status = cli_parse(command, &argc, argv, &o, positionals, positionals);
    if (status == 0)
        status = cli_open(&o.common, &client);
    if (status == 0 && fn(&client, &o, argc > 1 ? argv[1] : NULL, &err) < 0)
        status = cli_fail(&err);
    client_close(&client);
    conf_free(command->flags, &o);
    return status;
}

static int run_ps(int argc, char **argv)
{
    return run(&cli_ps, argc, argv, 0, do_ps);
}
static int run_logs(int argc, char **argv)
{
    return run(&cli_logs, argc, argv, 1, do_logs);
}
static int run_stop(int argc, char **argv)
{
    return run(&cli_stop, argc, argv, 1, do_stop);
}

const struct cli_command cli_ps = {
    .name = "ps",
    .arguments = "[--all]",
    .summary = "List tasks with their state and ports",
    .example = "slipway ps --all",
    .flags = &ps_flags,
    .run = run_ps,
};
const struct cli_command cli_logs = {
    .name = "logs",
    .arguments = "TASK [--follow]",
    .summary = "Print what a task's containers wrote",
    .example = "slipway logs 0123456789abcdef0123456789abcdef --follow",
    .flags = &logs_flags,
    .run = run_logs,
};
const struct cli_command cli_stop = {
    .name = "stop",
    .arguments = "TASK [--reason TEXT]",
    .summary = "Stop a task: SIGTERM, then after its stopTimeout SIGKILL",
    .example = "slipway stop 0123456789abcdef0123456789abcdef",
    .flags = &stop_flags,
    .run = run_stop,
};
