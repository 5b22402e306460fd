/* SPDX-License-Identifier: Apache-2.0 */
/* launcher/service/task_logs.c - GetTaskLogs and SubmitLogs: those who read logs meet the agent that has them.
 * Invariant: a request is delivered to the agent once. When its answer is lost, the reader's time runs out and it asks again. */
#include "base/alloc.h"
#include "base/id.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/macros.h"
#include "launcher/service/poll.h"
#include "launcher/service/service.h"
#include "launcher/service/task_store.h"

#define ANSWER_SLACK_US 5000000LL /* beyond the agent's own wait */

void poll_fail_logs(struct agents_log *list)
{
    while (list) {
        struct agents_log *q = list;
        struct sw_err err = SW_ERR_INIT;
        list = q->next;
        (void)sw_fail(&err, SW_EUNAVAILABLE, "TargetNotConnectedException",
                      "The container instance that has the logs did not answer.");
        q->done(q->ctx, NULL, &err);
        agents_log_free(q);
    }
}

struct logs_arg {
    const struct launcher_caller *c;
    int64_t cluster_id;
    const char *task_id, *container;
    char *instance_id;
};

static bool has_container(const json_t *task, const char *name)
{
    const json_t *v;
    size_t i;
    json_array_foreach(sw_json_array(task, "containers"), i, v) {
        if (sw_streq(sw_json_str(v, "name", NULL), name))
            return true;
    }
    return false;
}

static int find_logs(struct meta_tx *tx, void *arg, struct sw_err *err)
{
    struct logs_arg *a = arg;
    struct task_row row = {.id = NULL};
    int r = task_store_get(tx, a->cluster_id, a->task_id, &row, err);
    if (r == 0)
        r = sw_fail(err, SW_ENOTFOUND, SERVICE_INVALID, "The referenced task was not found.");
    else if (r > 0 && a->container && !has_container(row.document, a->container))
        r = sw_fail(err, SW_ENOTFOUND, SERVICE_INVALID, "The task has no container named '%s'.",
                    a->container);
    else if (r > 0 && !row.instance_id)
        r = sw_fail(err, SW_ECONFLICT, SERVICE_CLIENT,
                    "The task waited for capacity and was never placed: it has no logs.");
    free(a->instance_id);
    a->instance_id = SW_TAKE(row.instance_id);
    task_row_done(&row);
    return r < 0 ? r : 0;
}

static json_t *log_request(const struct launcher_caller *c, const struct cluster_ref *cluster,
                           const char *task_id, const json_t *in)
{
    char id[37], arn[ARN_MAX];
    json_t *o = json_object();
    sw_uuid(id);
    arn_task(arn, c->region, c->account, cluster->name, task_id);
    sw_json_set_str(o, "requestId", id);
    sw_json_set_str(o, "taskArn", arn);
    sw_json_set_str(o, "containerName", sw_json_str(in, "containerName", NULL));
    sw_json_set_str(o, "cursor", sw_json_str(in, "cursor", NULL));
    sw_json_set_int(o, "maxBytes", sw_json_int(in, "maxBytes", LIMIT_LOG_CHUNK / 4));
    sw_json_set_int(o, "waitSeconds", sw_json_int(in, "waitSeconds", 0));
    return o;
}

int launcher_logs(struct launcher *l, const struct launcher_caller *c, const json_t *in,
                  struct launcher_logs *ret, struct sw_err *err)
{
    struct cluster_ref cluster;
    char task_id[ARN_ID_LEN + 1];
    int r = service_cluster(l, c, sw_json_str(in, "cluster", NULL), &cluster, err);
    if (r < 0 || (r = service_id(c, cluster.name, ARN_TASK, sw_json_str(in, "task", NULL), task_id,
                                 err)) < 0)
        return r;
    struct logs_arg a = {.c = c,
                         .cluster_id = cluster.id,
                         .task_id = task_id,
                         .container = sw_json_str(in, "containerName", NULL)};
    r = meta_tx(l->db, META_READ_LONG, find_logs, &a, err);
    sw_autofree char *instance = a.instance_id;
    if (r < 0)
        return r;
    if (!agents_connected(l->agents, instance, l->now_us()))
        return sw_fail(err, SW_EUNAVAILABLE, "TargetNotConnectedException",
                       "The agent of the container instance that has the logs is not connected.");
    (void)sw_str_copy(sw_str(instance), ret->instance_id, sizeof ret->instance_id);
    ret->wait_ms = sw_json_int(in, "waitSeconds", 0) * 1000;
    ret->request = log_request(c, &cluster, task_id, in);
    return 0;
}

void launcher_logs_wait(struct launcher *l, struct launcher_logs *q, launcher_done_fn done,
                        void *ctx)
{
    struct agents_log *g = SW_NEW(struct agents_log);
    g->request = SW_TAKE(q->request);
    (void)sw_str_copy(sw_str(sw_json_str(g->request, "requestId", "")), g->request_id,
                      sizeof g->request_id);
    (void)sw_str_copy(sw_str(q->instance_id), g->instance_id, sizeof g->instance_id);
    g->deadline_us = l->now_us() + q->wait_ms * 1000 + ANSWER_SLACK_US;
    g->done = done;
    g->ctx = ctx;
    if (agents_log_add(l->agents, g)) {
        poll_notify(l, q->instance_id);
        return;
    }
    struct sw_err err = SW_ERR_INIT;
    (void)sw_fail(&err, SW_ELIMIT, "LimitExceededException",
                  "Too many requests for logs wait at this moment.");
    done(ctx, NULL, &err);
    agents_log_free(g);
}

int launcher_submit_logs(struct launcher *l, const struct launcher_caller *c, const json_t *in,
                         json_t *out SW_UNUSED, struct sw_err *err)
{
    struct cluster_ref cluster;
    char id[ARN_ID_LEN + 1];
    struct arn parsed;
    const char *text = sw_json_str(in, "containerInstance", "");
    const char *name =
        arn_parse(text, ARN_CONTAINER_INSTANCE, &parsed) && *parsed.cluster ? parsed.cluster : NULL;
    int r = service_cluster(l, c, name, &cluster, err);
    if (r < 0 || (r = service_id(c, cluster.name, ARN_CONTAINER_INSTANCE, text, id, err)) < 0)
        return r;
    if ((r = service_owner(l, c, cluster.id, id, NULL, err)) < 0)
        return r;
    struct agents_log *q = agents_log_take(l->agents, id, sw_json_str(in, "requestId", ""));
    if (!q)
        return 0;
    static const char *const same[] = {"records", "cursor", "finished"};
    struct sw_err none = SW_ERR_INIT;
    json_t *reply = json_object();
    for (size_t i = 0; i < SW_ARRAY_LEN(same); i++) {
        json_t *v = json_object_get(in, same[i]);
        if (v && !json_is_null(v))
            sw_json_set_new(reply, same[i], json_deep_copy(v));
    }
    q->done(q->ctx, reply, &none);
    agents_log_free(q);
    return 0;
}
