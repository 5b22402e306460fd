/* SPDX-License-Identifier: Apache-2.0 */
/* server/cli_top.c - slipway top: instances and tasks with what they use, again and again; slipway events: what services say. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/json.h"
#include "launcher/model/agent_protocol.h"
#include "server/cli.h"
#include "server/task_client.h"

#define MIB            (1024 * 1024)
#define SERVICES_BATCH 10
#define FOLLOW_MS      2000

struct options {
    struct cli_common common;
    char *cluster, *service;
    int64_t interval_ms;
    bool once, follow;
};

#define OFF(member) offsetof(struct options, member)
/* clang-format off */
static const struct conf_key top_keys[] = {
    CLI_COMMON_KEYS,
    {"cluster", CONF_STRING, OFF(cluster), "default", 0, 0, NULL, "cluster to look at"},
    {"interval", CONF_DURATION_MS, OFF(interval_ms), "2s", 100, 3600000, NULL, "between two looks"},
    {"once", CONF_BOOL, OFF(once), "false", 0, 0, NULL, "look once and end"},
};
static const struct conf_key events_keys[] = {
    CLI_COMMON_KEYS,
    {"cluster", CONF_STRING, OFF(cluster), "default", 0, 0, NULL, "cluster to look at"},
    {"service", CONF_STRING, OFF(service), NULL, 0, 0, NULL, "only this service"},
    {"follow", CONF_BOOL, OFF(follow), "false", 0, 0, NULL, "go on with what happens from now on"},
};
/* clang-format on */
static const struct conf_table top_flags = {top_keys, SW_ARRAY_LEN(top_keys), ""};
static const struct conf_table events_flags = {events_keys, SW_ARRAY_LEN(events_keys), ""};

/* "-" for what is not known. */
static void number(char out[24], const json_t *o, const char *key, int64_t divisor)
{
    const json_t *v = json_object_get(o, key);
    if (json_is_integer(v))
        (void)snprintf(out, 24, "%lld", (long long)(json_integer_value(v) / divisor));
    else
        (void)snprintf(out, 24, "-");
}

static void print_instance(FILE *to, const json_t *o)
{
    char cpu[24], memory[24];
    number(cpu, o, "cpuUnits", 1);
    number(memory, o, "memoryMiB", 1);
    fprintf(to, "%-32s  %-12s  %8s  %6lld/%-6lld  %8s  %7lld/%-7lld  %5zu  %s\n",
            task_id_of(sw_json_str(o, "containerInstanceArn", "")),
            sw_json_bool(o, "agentConnected", false) ? sw_json_str(o, "status", "")
                                                     : "DISCONNECTED",
            cpu, (long long)sw_json_int(o, "reservedCpu", 0),
            (long long)sw_json_int(o, "registeredCpu", 0), memory,
            (long long)sw_json_int(o, "reservedMemory", 0),
            (long long)sw_json_int(o, "registeredMemory", 0),
            json_array_size(sw_json_array(o, "tasks")), sw_json_str(o, "launchTypes", "EC2"));
}

static void print_task(FILE *to, const json_t *t, const char *instance)
{
    char cpu[24], memory[24];
    number(cpu, t, "cpuUnits", 1);
    number(memory, t, "memoryBytes", MIB);
    sw_autofree char *group = cli_text(sw_json_str(t, "group", ""));
    fprintf(to, "%-32s  %-28.28s  %-12s  %8s  %8s  %.8s\n",
            task_id_of(sw_json_str(t, "taskArn", "")), group, sw_json_str(t, "lastStatus", ""), cpu,
            memory, instance);
}

static void print_all(FILE *to, const json_t *out)
{
    const json_t *instance, *task;
    size_t i, k;
    fprintf(to, "%-32s  %-12s  %8s  %-13s  %8s  %-15s  %5s  %s\n", "INSTANCE", "STATUS", "CPU",
            "RESERVED", "MIB", "RESERVED", "TASKS", "SERVES");
    json_array_foreach(sw_json_array(out, "instances"), i, instance)
        print_instance(to, instance);
    fprintf(to, "\n%-32s  %-28s  %-12s  %8s  %8s  %s\n", "TASK", "GROUP", "STATUS", "CPU", "MIB",
            "INSTANCE");
    json_array_foreach(sw_json_array(out, "instances"), i, instance) {
        json_array_foreach(sw_json_array(instance, "tasks"), k, task)
            print_task(to, task, task_id_of(sw_json_str(instance, "containerInstanceArn", "")));
    }
    json_array_foreach(sw_json_array(out, "waitingTasks"), i, task)
        print_task(to, task, "-");
}

/* How many bytes of the line take so many columns. */
static size_t fitting(struct sw_str line, size_t columns)
{
    size_t n = 0;
    for (; n < line.n; n++)
        if (((unsigned char)line.p[n] & 0xC0) != 0x80 && columns-- == 0)
            break;
    return n;
}

/* As much as the window has room for: what is wider or longer would scroll the beginning away. */
static void fill_window(struct sw_str text)
{
    struct winsize w = {0};
    struct sw_str line;
    size_t left = 0;
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &w) < 0 || w.ws_row < 2 || w.ws_col == 0)
        w = (struct winsize){.ws_row = 24, .ws_col = 80};
    for (size_t i = 0; i < text.n; i++)
        left += text.p[i] == '\n';
    printf("\033[H");
    for (int row = 1; sw_str_split(&text, '\n', &line) && left > 0; row++, left--) {
        if (row == w.ws_row && left > 1) {
            printf("\033[K... %zu more: --once prints all", left);
            break;
        }
        printf("\033[K%.*s%s", (int)fitting(line, w.ws_col), line.p, row < w.ws_row ? "\n" : "");
    }
    printf("\033[J");
}

static int show(struct client *client, const struct options *o, struct sw_err *err)
{
    sw_autojson json_t *in = json_pack("{s:s}", "cluster", o->cluster), *out = NULL;
    sw_autofree char *text = NULL;
    size_t n = 0;
    int r = client_call(client, AGENT_TARGET_PREFIX ".GetUsage", in, 0, &out, err);
    if (r < 0)
        return r;
    FILE *to = open_memstream(&text, &n);
    if (!to)
        return sw_fail_os(err, errno, "memory");
    print_all(to, out);
    (void)fclose(to);
    if (isatty(STDOUT_FILENO) && !o->once)
        fill_window(sw_str_n(text, n));
    else
        printf("%s", text);
    (void)fflush(stdout);
    return 0;
}

static int run_top(int argc, char **argv)
{
    struct options o = {0};
    struct client client = {0};
    struct sw_err err = SW_ERR_INIT;
    struct watch watch = {.seen = false};
    int status = cli_parse(&cli_top, &argc, argv, &o, 0, 0), r = 0;
    if (status == 0)
        status = cli_open(&o.common, &client);
    while (status == 0 && r >= 0) {
        r = show(&client, &o, &err);
        if (o.once)
            break;
        r = watch_on(&watch, r, &err);
        if (r > 0)
            sw_sleep_ms(o.interval_ms);
    }
    if (status == 0 && r < 0)
        status = cli_fail(&err);
    client_close(&client);
    conf_free(&top_flags, &o);
    return status;
}

/* Events. */

struct event {
    double at;
    const char *id, *service, *message; /* borrowed from the answer */
};

static int by_time(const void *a, const void *b)
{
    const struct event *x = a, *y = b;
    return x->at < y->at ? -1 : x->at > y->at ? 1 : strcmp(x->id, y->id);
}

static int services_of(struct client *client, const struct options *o, json_t *names,
                       struct sw_err *err)
{
    sw_autojson json_t *in = json_pack("{s:s, s:i}", "cluster", o->cluster, "maxResults", 100);
    if (o->service) {
        json_array_append_new(names, json_string(o->service));
        return 0;
    }
    for (;;) {
        sw_autojson json_t *out = NULL;
        int r = client_call(client, TARGET_ECS ".ListServices", in, 0, &out, err);
        if (r < 0)
            return r;
        json_array_extend(names, sw_json_array(out, "serviceArns"));
        const char *next = sw_json_str(out, "nextToken", NULL);
        if (!next)
            return 0;
        sw_json_set_str(in, "nextToken", next);
    }
}

/* The described services of all batches, in one list. */
static int describe(struct client *client, const struct options *o, const json_t *names,
                    json_t *services, struct sw_err *err)
{
    for (size_t at = 0; at < json_array_size(names); at += SERVICES_BATCH) {
        json_t *batch = json_array();
        for (size_t i = at; i < at + SERVICES_BATCH && i < json_array_size(names); i++)
            json_array_append(batch, json_array_get(names, i));
        sw_autojson json_t *in = json_pack("{s:s, s:o}", "cluster", o->cluster, "services", batch);
        sw_autojson json_t *out = NULL;
        int r = client_call(client, TARGET_ECS ".DescribeServices", in, 0, &out, err);
        if (r < 0)
            return r;
        json_array_extend(services, sw_json_array(out, "services"));
    }
    if (o->service && json_array_size(services) == 0)
        return sw_fail(err, SW_ENOTFOUND, "ServiceNotFoundException",
                       "There is no service %.300s in the cluster %.300s.", o->service, o->cluster);
    return 0;
}

/* Prints those that were not printed before, oldest first. *printed: the ids of the look before, then of this one. */
static void print_events(const json_t *services, json_t **printed)
{
    json_t *seen = json_object();
    const json_t *s, *e;
    struct event *all = NULL;
    size_t i, k, n = 0;
    json_array_foreach(services, i, s) {
        json_array_foreach(sw_json_array(s, "events"), k, e) {
            const char *id = sw_json_str(e, "id", "");
            json_object_set_new(seen, id, json_true());
            if (json_object_get(*printed, id))
                continue;
            all = sw_realloc_array(all, n + 1, sizeof *all);
            all[n++] = (struct event){.at = json_number_value(json_object_get(e, "createdAt")),
                                      .id = id,
                                      .service = sw_json_str(s, "serviceName", ""),
                                      .message = sw_json_str(e, "message", "")};
        }
    }
    if (n > 0)
        qsort(all, n, sizeof *all, by_time);
    for (i = 0; i < n; i++) {
        char at[SW_TIME_LEN];
        sw_autofree char *message = cli_text(all[i].message);
        sw_format_iso8601_s((int64_t)(all[i].at * 1e6), at);
        printf("%s  %-24s  %s\n", at, all[i].service, message);
    }
    free(all);
    json_decref(*printed);
    *printed = seen;
    (void)fflush(stdout);
}

static int look_for_events(struct client *client, const struct options *o, json_t **printed,
                           struct sw_err *err)
{
    sw_autojson json_t *names = json_array(), *services = json_array();
    int r = services_of(client, o, names, err);
    if (r == 0)
        r = describe(client, o, names, services, err);
    if (r == 0)
        print_events(services, printed);
    return r;
}

static int events(struct client *client, const struct options *o, struct sw_err *err)
{
    sw_autojson json_t *printed = json_object();
    struct watch watch = {.seen = false};
    for (;;) {
        int r = look_for_events(client, o, &printed, err);
        if (!o->follow || (r = watch_on(&watch, r, err)) < 0)
            return r;
        sw_sleep_ms(FOLLOW_MS);
    }
}

static int run_events(int argc, char **argv)
{
    struct options o = {0};
    struct client client = {0};
    struct sw_err err = SW_ERR_INIT;
    int status = cli_parse(&cli_events, &argc, argv, &o, 0, 0);
    if (status == 0)
        status = cli_open(&o.common, &client);
    if (status == 0 && events(&client, &o, &err) < 0)
        status = cli_fail(&err);
    client_close(&client);
    conf_free(&events_flags, &o);
    return status;
}

const struct cli_command cli_top = {
    .name = "top",
    .arguments = "[--cluster NAME] [--once]",
    .summary = "Instances and tasks of a cluster with the CPU and memory that they use",
    .example = "slipway top --cluster prod --interval 5s",
    .flags = &top_flags,
    .run = run_top,
};

const struct cli_command cli_events = {
    .name = "events",
    .arguments = "[--cluster NAME] [--service NAME] [--follow]",
    .summary = "What the services of a cluster said, oldest first",
    .example = "slipway events --follow",
    .flags = &events_flags,
    .run = run_events,
};
