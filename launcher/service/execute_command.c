/* SPDX-License-Identifier: Apache-2.0 */
/* launcher/service/execute_command.c - ExecuteCommand: may this container be entered now, and if so by a session whose two tokens go to
 * the caller and, with its next poll, to the agent. Nothing is written: a session is two connections to this process. */
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/id.h"
#include "base/json.h"
#include "base/json_find.h"
#include "base/macros.h"
#include "launcher/model/exec_message.h"
#include "launcher/model/log_config.h"
#include "launcher/service/agents.h"
#include "launcher/service/cluster_store.h"
#include "launcher/service/exec_sessions.h"
#include "launcher/service/poll.h"
#include "launcher/service/service.h"
#include "launcher/service/task_store.h"
#include "launcher/service/taskdef_store.h"

#define SESSION_PREFIX "ecs-execute-command-"
#define SESSION_DIGITS 17
#define TOKEN_CHARS    43
#define COMMAND_MAX    (32 * 1024)
#define NOT_ENABLED                                                                                \
    "The execute command failed because execute command was not enabled when the task was run or " \
    "the execute command agent isn't running. Wait and try again or run a new task with execute "  \
    "command enabled and try again."

int service_check_exec(const json_t *configuration, struct sw_err *err)
{
    const json_t *exec = sw_json_object(configuration, "executeCommandConfiguration");
    const json_t *log = sw_json_object(exec, "logConfiguration");
    bool override = sw_streq(sw_json_str(exec, "logging", ""), "OVERRIDE");
    if (override && !*sw_json_str(log, "cloudWatchLogGroupName", ""))
        return sw_fail(err, SW_EINVALID, SERVICE_INVALID,
                       "A logConfiguration with cloudWatchLogGroupName must be specified when the "
                       "execute command logging is OVERRIDE.");
    if (!override && json_object_size(log) > 0)
        return sw_fail(err, SW_EINVALID, SERVICE_INVALID,
                       "A logConfiguration can be specified only when the execute command logging "
                       "is OVERRIDE.");
    return 0;
}

struct seen {
    int64_t cluster_id;
    const char *task_id;
    char *instance_id;
    json_t *task, *definition, *cluster;
};

static void seen_done(struct seen *s)
{
    free(s->instance_id);
    json_decref(s->task);
    json_decref(s->definition);
    json_decref(s->cluster);
    s->instance_id = NULL;
    s->task = s->definition = s->cluster = NULL;
}

static int read_seen(struct meta_tx *tx, void *arg, struct sw_err *err)
{
    struct seen *s = arg;
    struct task_row row = {.id = NULL};
    seen_done(s);
    int r = cluster_store_document(tx, s->cluster_id, &s->cluster, err);
    if (r >= 0)
        r = task_store_get(tx, s->cluster_id, s->task_id, &row, err);
    if (r == 0)
        r = sw_fail(err, SW_ENOTFOUND, SERVICE_INVALID, "The referenced task was not found.");
    if (r > 0)
        r = taskdef_store_document(tx, row.definition_id, &s->definition, err);
    s->instance_id = SW_TAKE(row.instance_id);
    s->task = SW_TAKE(row.document);
    task_row_done(&row);
    return r < 0 ? r : 0;
}

/* By its name; without one the only one. */
static int find_container(const json_t *task, const char *name, json_t **ret, struct sw_err *err)
{
    json_t *list = sw_json_array(task, "containers"), *v;
    size_t i;
    if (!name && json_array_size(list) != 1)
        return sw_fail(err, SW_EINVALID, SERVICE_INVALID,
                       "The container name must be specified because the task has multiple "
                       "containers.");
    json_array_foreach(list, i, v) {
        if (!name || sw_streq(sw_json_str(v, "name", NULL), name)) {
            *ret = v;
            return 0;
        }
    }
    return sw_fail(err, SW_ENOTFOUND, SERVICE_INVALID, "The task has no container named '%.300s'.",
                   name);
}

static int check_running(const json_t *task, const json_t *container, struct sw_err *err)
{
    const json_t *agent = json_array_get(sw_json_array(container, "managedAgents"), 0);
    if (sw_json_bool(task, "enableExecuteCommand", false) &&
        sw_streq(sw_json_str(agent, "lastStatus", ""), "RUNNING"))
        return 0;
    return sw_fail(err, SW_ECONFLICT, SERVICE_INVALID, NOT_ENABLED);
}

static int check_input(const json_t *in, struct sw_err *err)
{
    const char *command = sw_json_str(in, "command", ""), *task = sw_json_str(in, "task", "");
    char **words = NULL;
    if (!sw_json_bool(in, "interactive", false))
        return sw_fail(err, SW_EINVALID, SERVICE_INVALID,
                       "Interactive is the only mode supported currently.");
    if (!strpbrk(task, ":/") && strlen(task) != ARN_ID_LEN && strlen(task) != ARN_ID_LEN + 4)
        return sw_fail(err, SW_EINVALID, SERVICE_INVALID, "task length should be one of [%d,%d]",
                       ARN_ID_LEN, ARN_ID_LEN + 4);
    if (strlen(command) > COMMAND_MAX)
        return sw_fail(err, SW_EINVALID, SERVICE_INVALID,
                       "command must not be longer than %d bytes.", COMMAND_MAX);
    int r = exec_command_split(command, &words, err);
    if (r == 0)
        exec_command_free(words);
    return r;
}

/* What the cluster's executeCommandConfiguration asks for: DEFAULT (also when it says nothing) is the container's own awslogs. */
static void choose_log(const struct launcher_caller *c, const struct seen *s, const char *container,
                       struct exec_session *e)
{
    const json_t *config =
        sw_json_object(sw_json_object(s->cluster, "configuration"), "executeCommandConfiguration");
    const char *logging = sw_json_str(config, "logging", "DEFAULT");
    const json_t *definition =
        sw_json_find(sw_json_array(s->definition, "containerDefinitions"), "name", container);
    struct log_config own;
    const char *group = NULL, *region = c->region;
    if (sw_streq(logging, "OVERRIDE")) {
        group =
            sw_json_str(sw_json_object(config, "logConfiguration"), "cloudWatchLogGroupName", NULL);
    } else if (sw_streq(logging, "DEFAULT") && definition && log_config_read(definition, &own)) {
        group = own.group;
        region = own.region;
    }
    if (!group || !*group)
        return;
    e->log = (struct exec_log_target){.account = sw_strdup(c->account),
                                      .region = sw_strdup(region),
                                      .group = sw_strdup(group),
                                      .stream = sw_strdup(e->id)};
}

static struct exec_session *session_new(struct launcher *l, const struct launcher_caller *c,
                                        const struct seen *s, const char *container,
                                        const char *command)
{
    struct exec_session *e = SW_NEW(struct exec_session);
    char digits[SESSION_DIGITS + 1];
    sw_random_hex(digits, SESSION_DIGITS);
    (void)snprintf(e->id, sizeof e->id, SESSION_PREFIX "%s", digits);
    for (int end = 0; end < EXEC_END_MAX_; end++)
        sw_random_base64(e->tokens[end], TOKEN_CHARS);
    (void)sw_str_copy(sw_str(s->instance_id), e->instance_id, sizeof e->instance_id);
    (void)sw_str_copy(sw_str(sw_json_str(s->task, "taskArn", "")), e->task_arn, sizeof e->task_arn);
    e->principal_arn = sw_strdup(c->principal->arn);
    e->container = sw_strdup(container);
    e->created_us = l->now_us();
    e->request = json_pack("{s:s, s:s, s:s, s:s, s:s}", "sessionId", e->id, "taskArn", e->task_arn,
                           "containerName", container, "command", command, "tokenValue",
                           e->tokens[EXEC_END_AGENT]);
    choose_log(c, s, container, e);
    return e;
}

static void answer(const struct exec_session *e, const struct cluster_ref *cluster,
                   const json_t *container, json_t *out)
{
    sw_json_set_str(out, "clusterArn", cluster->arn);
    sw_json_set_str(out, "containerArn", sw_json_str(container, "containerArn", NULL));
    sw_json_set_str(out, "containerName", e->container);
    sw_json_set_bool(out, "interactive", true);
    sw_json_set_new(
        out, "session",
        json_pack("{s:s, s:s}", "sessionId", e->id, "tokenValue", e->tokens[EXEC_END_CLIENT]));
    sw_json_set_str(out, "taskArn", e->task_arn);
}

static int make(struct launcher *l, const struct launcher_caller *c, const json_t *in,
                const struct cluster_ref *cluster, const struct seen *s, json_t *out,
                struct exec_session **ret, struct sw_err *err)
{
    json_t *container = NULL;
    int r = find_container(s->task, sw_json_str(in, "container", NULL), &container, err);
    if (r < 0 || (r = check_running(s->task, container, err)) < 0)
        return r;
    if (!s->instance_id || !agents_connected(l->agents, s->instance_id, l->now_us()))
        return sw_fail(err, SW_EUNAVAILABLE, "TargetNotConnectedException",
                       "The execute command failed due to an internal error. Try again later.");
    struct exec_session *e =
        session_new(l, c, s, sw_json_str(container, "name", ""), sw_json_str(in, "command", ""));
    answer(e, cluster, container, out);
    *ret = e;
    return 0;
}

int launcher_execute_command(struct launcher *l, const struct launcher_caller *c, const json_t *in,
                             json_t *out, struct exec_session **ret, struct sw_err *err)
{
    struct cluster_ref cluster;
    char task_id[ARN_ID_LEN + 1];
    struct seen s = {.task_id = task_id};
    int r = check_input(in, err);
    if (r < 0 || (r = service_cluster(l, c, sw_json_str(in, "cluster", NULL), &cluster, err)) < 0 ||
        (r = service_id(c, cluster.name, ARN_TASK, sw_json_str(in, "task", NULL), task_id, err)) <
            0)
        return r;
    s.cluster_id = cluster.id;
    r = meta_tx(l->db, META_READ, read_seen, &s, err);
    if (r == 0)
        r = make(l, c, in, &cluster, &s, out, ret, err);
    seen_done(&s);
    return r;
}

int launcher_exec_begin(struct launcher *l, struct exec_session *e, struct sw_err *err)
{
    char instance[ARN_ID_LEN + 1];
    (void)sw_str_copy(sw_str(e->instance_id), instance, sizeof instance);
    exec_sessions_expire(l->exec, l->now_us());
    if (!exec_sessions_add(l->exec, e)) {
        exec_session_free(e);
        return sw_fail(err, SW_ELIMIT, SERVICE_CLIENT,
                       "Too many commands are being executed at this moment.");
    }
    poll_answer_all(l, agents_changed(l->agents, instance, l->now_us()));
    return 0;
}

char *launcher_exec_container(struct launcher *l, const struct launcher_caller *c, const json_t *in)
{
    struct cluster_ref cluster;
    char task_id[ARN_ID_LEN + 1];
    struct seen s = {.task_id = task_id};
    struct sw_err ignored = SW_ERR_INIT;
    char *name = NULL;
    if (service_cluster(l, c, sw_json_str(in, "cluster", NULL), &cluster, &ignored) < 0 ||
        service_id(c, cluster.name, ARN_TASK, sw_json_str(in, "task", NULL), task_id, &ignored) < 0)
        return NULL;
    s.cluster_id = cluster.id;
    if (meta_tx(l->db, META_READ, read_seen, &s, &ignored) == 0) {
        const json_t *list = sw_json_array(s.task, "containers");
        if (json_array_size(list) == 1)
            name = sw_strdup_or_null(sw_json_str(json_array_get(list, 0), "name", NULL));
    }
    seen_done(&s);
    return name;
}

struct exec_sessions *launcher_exec_sessions(struct launcher *l)
{
    return l->exec;
}
