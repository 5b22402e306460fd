/* SPDX-License-Identifier: Apache-2.0 */
/* server/cli_run.c - slipway run TASKDEF.json: registers the definition, runs it once, streams what it writes and exits with the
 * essential container's code (125 when it never started). Ctrl-C stops the task and waits for its end; a second one leaves. Once it
 * was answered it outlives restarts of the server: it asks again, and never for a second task. */
#include <signal.h>
#include <stdio.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/id.h"
#include "base/json.h"
#include "base/limits.h"
#include "launcher/model/fargate.h"
#include "server/cli.h"
#include "server/task_client.h"

#define SETTLE_TIMEOUT_MS 30000
#define START_TIMEOUT_MS  600000
#define POLL_MS           100

struct options {
    struct cli_common common;
    char *cluster;
    bool detach;
};

/* clang-format off */
static const struct conf_key keys[] = {
    CLI_COMMON_KEYS,
    {"cluster", CONF_STRING, offsetof(struct options, cluster), "default", 0, 0, NULL, "cluster to run in"},
    {"detach", CONF_BOOL, offsetof(struct options, detach), "false", 0, 0, NULL, "print the task and its ports once it runs, and leave"},
};
/* clang-format on */
static const struct conf_table flags = {keys, SW_ARRAY_LEN(keys), ""};

struct running {
    struct client *client;
    const struct options *o;
    json_t *definition;
    char *task_arn;
    int interrupts_seen;
};

static volatile sig_atomic_t interrupts;

static void on_interrupt(int sig)
{
    (void)sig;
    interrupts++;
}

/* What the definition needs to be run at all: a subnet by any name, and Fargate when nothing else will do. */
static void add_needs(json_t *request, const json_t *definition)
{
    const json_t *v;
    size_t i;
    bool fargate = false, other = false;
    json_array_foreach(sw_json_array(definition, "requiresCompatibilities"), i, v) {
        bool is = sw_streq(json_string_value(v), FARGATE);
        fargate |= is;
        other |= !is;
    }
    if (fargate && !other)
        sw_json_set_str(request, "launchType", FARGATE);
    if (sw_streq(sw_json_str(definition, "networkMode", ""), "awsvpc"))
        sw_json_set_new(
            request, "networkConfiguration",
            json_pack("{s:{s:[s]}}", "awsvpcConfiguration", "subnets", "subnet-slipway-run"));
}

static int start(struct running *run, const char *path, struct sw_err *err)
{
    sw_autojson json_t *in = NULL, *registered = NULL, *out = NULL;
    int r = sw_json_load_file(path, LIMIT_AWS_BODY, &in, err);
    if (r == 0)
        r = client_call(run->client, TARGET_ECS ".RegisterTaskDefinition", in, 0, &registered, err);
    if (r < 0)
        return r;
    run->definition = json_incref(json_object_get(registered, "taskDefinition"));
    char token[37]; /* asked again, the answer is the same task */
    sw_uuid(token);
    sw_autojson json_t *request =
        json_pack("{s:s, s:s, s:i, s:s, s:s}", "cluster", run->o->cluster, "taskDefinition",
                  sw_json_str(run->definition, "taskDefinitionArn", ""), "count", 1, "startedBy",
                  "slipway-run", "clientToken", token);
    add_needs(request, run->definition);
    struct watch watch = {.seen = true};
    while ((r = client_call(run->client, TARGET_ECS ".RunTask", request, 0, &out, err)) < 0 &&
           watch_on(&watch, r, err) > 0 && interrupts == 0)
        sw_sleep_ms(POLL_MS);
    if (r < 0)
        return err->code ? r : sw_fail(err, r, NULL, "interrupted");
    const json_t *task = json_array_get(sw_json_array(out, "tasks"), 0);
    const json_t *failure = json_array_get(sw_json_array(out, "failures"), 0);
    if (!task)
        return sw_fail(err, SW_EUNAVAILABLE, NULL, "the task cannot be placed: %s %s",
                       sw_json_str(failure, "reason", "?"), sw_json_str(failure, "detail", ""));
    run->task_arn = sw_strdup(sw_json_str(task, "taskArn", ""));
    return 0;
}

static int stop_when_interrupted(struct running *run, struct sw_err *err)
{
    if (interrupts == run->interrupts_seen)
        return 0;
    run->interrupts_seen = interrupts;
    if (run->interrupts_seen > 1)
        return sw_fail(err, SW_EUNAVAILABLE, NULL, "interrupted; the task %s may still be running",
                       task_id_of(run->task_arn));
    fprintf(stderr, "slipway: stopping the task; Ctrl-C again leaves it\n");
    return task_stop(run->client, run->o->cluster, run->task_arn, "Stopped by slipway run", err);
}

static int idle(void *ctx, struct sw_err *err)
{
    return stop_when_interrupted(ctx, err);
}

/* Waits for RUNNING (when asked) or STOPPED. *ret is the last description. */
static int settle(struct running *run, bool running_is_enough, int64_t timeout_ms, json_t **ret,
                  struct sw_err *err)
{
    int64_t deadline = sw_mono_ms() + timeout_ms;
    struct watch watch = {.seen = true};
    for (;;) {
        sw_autojson json_t *task = NULL;
        int r = watch_on(
            &watch, task_describe(run->client, run->o->cluster, run->task_arn, &task, err), err);
        if (r < 0)
            return r;
        if (watch.away) {
            sw_sleep_ms(POLL_MS);
            deadline += POLL_MS;
            r = stop_when_interrupted(run, err);
            if (r < 0)
                return r;
            continue;
        }
        const char *status = sw_json_str(task, "lastStatus", "");
        if (sw_streq(status, "STOPPED") || (running_is_enough && sw_streq(status, "RUNNING"))) {
            *ret = SW_TAKE(task);
            return 0;
        }
        if (sw_mono_ms() > deadline)
            return sw_fail(err, SW_EUNAVAILABLE, NULL, "task %s is still %s",
                           task_id_of(run->task_arn), status);
        r = stop_when_interrupted(run, err);
        if (r < 0)
            return r;
        sw_sleep_ms(POLL_MS);
    }
}

static int report_stopped(const json_t *task, const json_t *definition)
{
    int status = task_exit_status(task, definition);
    if (status != 0 && !sw_streq(sw_json_str(task, "stopCode", ""), "EssentialContainerExited")) {
        sw_autofree char *why = task_why_stopped(task);
        fprintf(stderr, "slipway: %s\n", why);
    }
    return status;
}

static int detach(struct running *run, int *ret_status, struct sw_err *err)
{
    sw_autojson json_t *task = NULL;
    int r = settle(run, true, START_TIMEOUT_MS, &task, err);
    if (r < 0)
        return r;
    if (sw_streq(sw_json_str(task, "lastStatus", ""), "STOPPED")) {
        *ret_status = report_stopped(task, run->definition);
        return 0;
    }
    sw_autofree char *ports = task_ports(task);
    printf("%s%s%s\n", task_id_of(run->task_arn), *ports ? " " : "", ports);
    return 0;
}

static int attach(struct running *run, int *ret_status, struct sw_err *err)
{
    struct log_options logs = {.cluster = run->o->cluster,
                               .task = run->task_arn,
                               .follow = true,
                               .idle = idle,
                               .ctx = run};
    int r = task_print_logs(run->client, &logs, err);
    if (r < 0)
        return r;
    sw_autojson json_t *task = NULL;
    r = settle(run, false, SETTLE_TIMEOUT_MS, &task, err);
    if (r == 0)
        *ret_status = report_stopped(task, run->definition);
    return r;
}

static int run(int argc, char **argv)
{
    struct options o = {0};
    struct client client = {0};
    struct sw_err err = SW_ERR_INIT;
    int status = cli_parse(&cli_run, &argc, argv, &o, 1, 1);
    if (status == 0)
        status = cli_open(&o.common, &client);
    if (status == 0) {
        struct running running = {.client = &client, .o = &o};
        struct sigaction action = {.sa_handler = on_interrupt};
        (void)sigaction(SIGINT, &action, NULL);
        (void)sigaction(SIGTERM, &action, NULL);
        int r = start(&running, argv[1], &err);
        if (r == 0)
            r = o.detach ? detach(&running, &status, &err) : attach(&running, &status, &err);
        if (r < 0)
            status = cli_fail(&err);
        json_decref(running.definition);
        free(running.task_arn);
    }
    client_close(&client);
    conf_free(&flags, &o);
    return status;
}

const struct cli_command cli_run = {
    .name = "run",
    .arguments = "TASKDEF.json [--detach]",
    .summary = "Run one task definition, stream its output, exit with its code",
    .example = "slipway run conf/tasks/hello.json",
    .flags = &flags,
    .run = run,
};
