/* SPDX-License-Identifier: Apache-2.0 */
/* launcher/service/poll.c - PollTasks.
 * 1. The generation is noted before the rows are read, and compared when parking: a change in between is answered at once.
 * 2. An answer always holds the whole desired state of the instance; nothing depends on an earlier answer having arrived. */
#include "launcher/service/poll.h"

#include "base/alloc.h"
#include "base/json.h"
#include "base/macros.h"
#include "launcher/model/agent_protocol.h"
#include "launcher/service/exec_sessions.h"
#include "launcher/service/service.h"
#include "launcher/service/service_loop.h"
#include "launcher/service/task_store.h"

struct state_arg {
    const char *instance_id;
    int64_t version;
    json_t *tasks;
};

static int add_task(void *ctx, const char *task_text, const char *definition_text,
                    struct sw_err *err)
{
    static const char *const same[] = {
        "taskArn",    "taskDefinitionArn", "desiredStatus", "group",     "startedBy",
        "clusterArn", "createdAt",         "launchType",    "overrides", "tags"};
    sw_autojson json_t *task = NULL, *definition = NULL;
    int r = service_document(task_text, &task, err);
    if (r < 0 || (r = service_document(definition_text, &definition, err)) < 0)
        return r;
    json_t *o = json_object();
    size_t i;
    for (i = 0; i < SW_ARRAY_LEN(same); i++)
        json_object_set(o, same[i], json_object_get(task, same[i]));
    sw_json_set_str(o, "stopReason", sw_json_str(task, "stoppedReason", NULL));
    sw_json_set_str(o, "knownStatus", sw_json_str(task, "lastStatus", NULL));
    json_t *containers = service_list(o, "containers"), *v;
    json_array_foreach(sw_json_array(task, "containers"), i, v)
        json_array_append_new(containers,
                              json_pack("{s:s, s:s}", "name", sw_json_str(v, "name", ""),
                                        "containerArn", sw_json_str(v, "containerArn", "")));
    json_object_del(definition, "tags"); /* ours beside the document, not part of it */
    json_object_set(o, "taskDefinition", definition);
    json_array_append_new(ctx, o);
    return 0;
}

static int read_state(struct meta_tx *tx, void *arg, struct sw_err *err)
{
    struct state_arg *a = arg;
    int64_t inactive = 0;
    json_array_clear(a->tasks);
    int r = meta_get(tx, err,
                     "SELECT version, CASE WHEN status = 'INACTIVE' THEN 1 ELSE 0 END"
                     " FROM container_instance WHERE id = $1",
                     "t", a->instance_id, "ii", &a->version, &inactive);
    if (r > 0 && inactive)
        return sw_fail(err, SW_ECONFLICT, AGENT_DEREGISTERED,
                       "The container instance %s was deregistered.", a->instance_id);
    if (r == 0)
        return sw_fail(err, SW_ENOTFOUND, SERVICE_INVALID,
                       "Referenced container instance %s not found.", a->instance_id);
    return r < 0 ? r : task_store_each_of_instance(tx, a->instance_id, add_task, a->tasks, err);
}

static int answer(struct launcher *l, const char *instance_id, json_t *out, struct sw_err *err)
{
    struct state_arg a = {.instance_id = instance_id, .tasks = service_list(out, "tasks")};
    int r = meta_tx(l->db, META_READ, read_state, &a, err);
    if (r < 0)
        return r;
    sw_json_set_int(out, "version", a.version);
    agents_log_deliver(l->agents, instance_id, service_list(out, "logRequests"));
    exec_sessions_deliver(l->exec, instance_id, l->now_us(), service_list(out, "execRequests"));
    return 0;
}

void poll_answer_all(struct launcher *l, struct agents_waiter *list)
{
    while (list) {
        struct agents_waiter *w = list;
        struct sw_err err = SW_ERR_INIT;
        json_t *out = json_object();
        list = w->next;
        if (answer(l, w->poll.instance_id, out, &err) < 0) {
            json_decref(out);
            out = NULL;
        }
        w->done(w->ctx, out, &err);
        free(w);
    }
}

void poll_notify(struct launcher *l, const char *instance_id)
{
    poll_answer_all(l, agents_changed(l->agents, instance_id, l->now_us()));
    service_loop_wake(l->services);
}

void poll_end_older(struct launcher *l, const char *instance_id, bool superseded)
{
    int64_t now = l->now_us();
    /* Whoever is about to park asks again, and is told too. */
    struct agents_waiter *list = superseded ? agents_changed(l->agents, instance_id, now)
                                            : agents_superseded(l->agents, instance_id, now);
    while (list) {
        struct agents_waiter *w = list;
        struct sw_err err = SW_ERR_INIT;
        list = w->next;
        if (superseded)
            (void)service_superseded(instance_id, &err);
        else
            (void)sw_fail(&err, SW_ECONFLICT, SERVICE_CLIENT,
                          "The agent of this container instance asked again.");
        w->done(w->ctx, NULL, &err);
        free(w);
    }
}

struct gone_arg {
    int64_t cluster_id, there;
    const char *instance_id;
};

static int read_gone(struct meta_tx *tx, void *arg, struct sw_err *err)
{
    struct gone_arg *a = arg;
    int r = meta_get(tx, err,
                     "SELECT 1 FROM container_instance WHERE id = $1 AND cluster_id = $2"
                     " AND status = 'INACTIVE'",
                     "ti", a->instance_id, a->cluster_id, "i", &a->there);
    return r < 0 ? r : 0;
}

/* err says that the instance is not there; one that was deregistered is told so. */
static int say_gone(struct launcher *l, int64_t cluster_id, const char *instance_id,
                    struct sw_err *err)
{
    struct sw_err ignored = SW_ERR_INIT;
    struct gone_arg a = {.cluster_id = cluster_id, .instance_id = instance_id};
    if (meta_tx(l->db, META_READ, read_gone, &a, &ignored) < 0 || !a.there)
        return err->code;
    sw_err_clear(err);
    return sw_fail(err, SW_ECONFLICT, AGENT_DEREGISTERED,
                   "The container instance %s was deregistered.", instance_id);
}

int launcher_poll(struct launcher *l, const struct launcher_caller *c, const json_t *in,
                  struct launcher_poll *ret_poll, json_t *out, struct sw_err *err)
{
    struct cluster_ref cluster;
    struct launcher_poll p = {.seen_version = sw_json_int(in, "seenVersion", -1),
                              .wait_ms = sw_json_int(in, "waitSeconds", 0) * 1000};
    bool logs = false;
    int r = service_cluster(l, c, sw_json_str(in, "cluster", NULL), &cluster, err);
    if (r < 0 ||
        (r = service_id(c, cluster.name, ARN_CONTAINER_INSTANCE,
                        sw_json_str(in, "containerInstance", NULL), p.instance_id, err)) < 0)
        return r;
    int64_t version = 0;
    const char *session = sw_json_str(in, "session", NULL);
    if ((r = service_poller(l, c, cluster.id, p.instance_id, session, NULL, err)) < 0)
        return r == SW_ENOTFOUND ? say_gone(l, cluster.id, p.instance_id, err) : r;
    poll_end_older(l, p.instance_id, false);
    p.generation = agents_polled(l->agents, p.instance_id, l->now_us(), &logs);
    /* Again after the generation was noted: the version that decides must not be older than it. */
    if ((r = service_poller(l, c, cluster.id, p.instance_id, session, &version, err)) < 0)
        return r;
    bool exec = exec_sessions_waiting(l->exec, p.instance_id, l->now_us());
    if (version == p.seen_version && !logs && !exec && p.wait_ms > 0) {
        *ret_poll = p;
        return 0;
    }
    r = answer(l, p.instance_id, out, err);
    return r < 0 ? r : 1;
}

void launcher_poll_wait(struct launcher *l, const struct launcher_poll *p, launcher_done_fn done,
                        void *ctx)
{
    struct agents_waiter *w = SW_NEW(struct agents_waiter);
    *w = (struct agents_waiter){
        .poll = *p, .deadline_us = l->now_us() + p->wait_ms * 1000, .done = done, .ctx = ctx};
    if (!agents_park(l->agents, w))
        poll_answer_all(l, w);
}
