/* SPDX-License-Identifier: Apache-2.0 */
/* Invariants of applying:
 * 0. The lease is this server's, first of all: what a server planned before another took its place is not written.
 * 1. The service's row is claimed at the version of the snapshot, before anything else of the service.
 * 2. The stamp of its tasks is compared: none of them changed, came or went, so that the percentages hold on what is there now.
 * 3. Instances that get tasks are claimed at their versions before tasks of the plan stop, because a stop raises the version too.
 * 4. A plan that says nothing new changes no version: otherwise two loops would wake each other for ever. */
#include "launcher/service/service_round.h"

#include "base/alloc.h"
#include "base/id.h"
#include "base/json.h"
#include "base/log.h"
#include "base/macros.h"
#include "launcher/service/launch_settings.h"
#include "launcher/service/lease.h"
#include "launcher/service/poll.h"
#include "launcher/service/service_snapshot.h"
#include "launcher/service/task_arns.h"
#include "launcher/service/task_doc.h"

struct deployment_providers {
    struct plan_provider providers[PLAN_PROVIDERS_MAX];
    int have[PLAN_PROVIDERS_MAX];
    size_t n; /* 0: by launch type */
};

struct round {
    struct service_snapshot s;
    struct plan_service_result result;
    json_t *notify; /* {"instance id": true} */
    const char **started, **stopped;
    struct deployment_providers *providers; /* one a deployment */
    size_t started_n, stopped_n;            /* stopped while RUNNING */
    int stopped_pending;
    const char *rolling_back; /* the event; NULL: it does not */
    bool ended;
};

static void round_done(struct round *r)
{
    service_snapshot_done(&r->s);
    json_decref(r->notify);
}

/* Tags of a task: those that AWS manages, then what the service was told to pass on. */
static json_t *task_tags(const struct round *r, const struct service_template *t)
{
    const json_t *doc = r->s.service.document;
    const char *from = sw_json_str(doc, "propagateTags", "NONE");
    json_t *tags = json_array();
    if (sw_json_bool(doc, "enableECSManagedTags", false)) {
        json_array_append_new(tags, json_pack("{s:s, s:s}", "key", "aws:ecs:clusterName", "value",
                                              r->s.cluster.name));
        json_array_append_new(tags, json_pack("{s:s, s:s}", "key", "aws:ecs:serviceName", "value",
                                              r->s.service.name));
    }
    if (sw_streq(from, "SERVICE"))
        json_array_extend(tags, sw_json_array(doc, "tags"));
    else if (sw_streq(from, "TASK_DEFINITION"))
        json_array_extend(tags, sw_json_array(t->definition, "tags"));
    return tags;
}

/* How many tasks of each provider a deployment has. */
static void count_providers(struct round *r)
{
    memset(r->providers, 0, r->s.deployments_n * sizeof *r->providers);
    for (size_t d = 0; d < r->s.deployments_n; d++) {
        struct deployment_providers *of = &r->providers[d];
        of->n = launch_providers(r->s.deployments[d].document, of->providers);
        for (size_t i = 0; i < r->s.tasks_n && of->n > 0; i++) {
            const struct service_task_row *t = &r->s.tasks[i];
            bool counts = sw_streq(t->deployment, r->s.deployments[d].id) && !t->stopping &&
                          !sw_streq(t->last_status, "STOPPED");
            for (size_t p = 0; p < of->n && counts; p++)
                of->have[p] += sw_streq(t->provider, of->providers[p].name);
        }
    }
}

/* The next task's; NULL: by launch type. */
static const char *next_provider(struct round *r, size_t deployment)
{
    struct deployment_providers *of = &r->providers[deployment];
    size_t next = plan_capacity_next(of->providers, of->n, of->have);
    if (next == of->n)
        return NULL;
    of->have[next]++;
    return of->providers[next].name;
}

static json_t *task_document(const struct round *r, size_t deployment,
                             const struct instance_view *at, const char *provider, const char *id)
{
    const struct service_snapshot *s = &r->s;
    const struct service_template *t = &s->templates[deployment];
    const struct service_deployment_row *d = &s->deployments[deployment];
    struct task_arns arns;
    bool fargate = launch_is_fargate(d->document);
    sw_autojson json_t *tags = task_tags(r, t);
    const struct task_arns_of of = {.region = s->region,
                                    .account = s->account,
                                    .cluster = s->cluster.name,
                                    .task_id = id,
                                    .instance_id = fargate ? NULL : at->row.id,
                                    .family = d->family,
                                    .revision = d->definition_revision};
    task_arns_make(&of, &arns);
    const struct task_doc_new n = {
        .task_arn = arns.task,
        .cluster_arn = s->cluster.arn,
        .instance_arn = fargate ? NULL : arns.instance,
        .definition_arn = arns.definition,
        .group = s->group,
        .started_by = d->id,
        .launch_type = launch_type_of(d->document),
        .provider = provider,
        .platform_version = sw_json_str(d->document, "platformVersion", NULL),
        .definition = t->definition,
        .network = sw_json_object(d->document, "networkConfiguration"),
        .tags = tags,
        .attributes = sw_json_array(at->document, "attributes"),
        .container_arns = arns.containers,
        .execute_command = sw_json_bool(s->service.document, "enableExecuteCommand", false),
        .now_us = s->now_us};
    return task_doc_new(&n);
}

static int start(struct meta_tx *tx, struct round *r, const struct plan_action *a,
                 struct sw_err *err)
{
    struct service_snapshot *s = &r->s;
    const struct instance_view *at = &s->instances[a->instance];
    const struct service_template *t = &s->templates[a->deployment];
    char *id = SW_ARENA_NEW(&s->arena, char, ARN_ID_LEN + 1);
    if (!json_object_get(r->notify, at->row.id)) {
        int e = instance_store_claim(tx, at->row.id, at->row.version, err);
        if (e < 0)
            return e;
        json_object_set_new(r->notify, at->row.id, json_true());
    }
    sw_random_hex(id, ARN_ID_LEN);
    const char *provider = next_provider(r, a->deployment);
    sw_autojson json_t *document = task_document(r, a->deployment, at, provider, id);
    const struct task_new n = {.id = id,
                               .instance_id = at->row.id,
                               .family = s->deployments[a->deployment].family,
                               .cluster_id = s->cluster.id,
                               .definition_id = s->deployments[a->deployment].definition_id,
                               .service_id = s->service_id,
                               .cpu = t->resources.cpu,
                               .memory_mib = t->resources.memory_mib,
                               .ports = t->ports,
                               .document = document};
    r->started[r->started_n++] = id;
    return task_store_add(tx, &n, s->now_us, err);
}

static int stop(struct meta_tx *tx, struct round *r, const struct plan_action *a,
                struct sw_err *err)
{
    struct service_snapshot *s = &r->s;
    struct task_row row = {.id = NULL};
    int e = task_store_get(tx, s->cluster.id, s->tasks[a->task].id, &row, err);
    if (e > 0 && task_doc_stop(row.document, "ServiceSchedulerInitiated", a->text, s->now_us)) {
        e = task_store_put(tx, &row, s->now_us, err);
        if (e == 0)
            e = instance_store_touch(tx, row.instance_id, err);
        json_object_set_new(r->notify, row.instance_id, json_true());
        if (s->view.tasks[a->task].state == PLAN_TASK_PENDING)
            r->stopped_pending++;
        else
            r->stopped[r->stopped_n++] = s->tasks[a->task].id;
    }
    task_row_done(&row);
    return e < 0 ? e : 0;
}

static int roll_back(struct meta_tx *tx, struct round *r, const struct plan_action *a,
                     struct sw_err *err)
{
    char id[SERVICE_DEPLOYMENT_ID];
    sw_autojson json_t *document = NULL;
    int e = service_store_deployment_document(tx, r->s.target.id, &document, err);
    if (e < 0)
        return e;
    sw_json_set_str(document, "rollingBackTo", r->s.target.id);
    const struct service_deployment_new n = {.service_id = r->s.service_id,
                                             .definition_id = r->s.target.definition_id,
                                             .desired = r->result.service_desired,
                                             .revision = r->s.target.revision,
                                             .rollback_of = r->s.deployments[a->deployment].id,
                                             .status = "PRIMARY",
                                             .document = document};
    if ((e = service_store_add_deployment(tx, &n, r->s.now_us, id, err)) < 0)
        return e;
    r->rolling_back = sw_arena_printf(&r->s.arena, "(service %s) rolling back to deployment %s.",
                                      r->s.service.name, r->s.target.id);
    return 0;
}

static bool same_state(const struct plan_deployment_state *a, const struct plan_deployment_state *b)
{
    return a->status == b->status && a->rollout == b->rollout &&
           a->failed_tasks == b->failed_tasks && a->start_failures == b->start_failures &&
           a->last_failure_us == b->last_failure_us && a->retry_at_us == b->retry_at_us &&
           a->rolled_back == b->rolled_back && a->stable == b->stable;
}

static bool deployment_changed(const struct round *r, size_t i)
{
    const struct service_deployment_row *d = &r->s.deployments[i];
    return !same_state(&d->state, &r->result.deployments[i]) || d->desired != r->result.desired[i];
}

static bool has_events(const struct round *r)
{
    for (size_t i = 0; i < r->result.actions_n; i++) {
        if (r->result.actions[i].type == PLAN_EVENT)
            return true;
    }
    return false;
}

/* Other than events. */
static bool has_news(const struct round *r)
{
    const struct service_row *s = &r->s.service;
    bool daemon = r->s.view.scheduling == PLAN_DAEMON;
    for (size_t i = 0; i < r->result.actions_n; i++) {
        if (r->result.actions[i].type != PLAN_EVENT)
            return true;
    }
    if (r->result.steady != s->steady || (daemon && r->result.service_desired != s->desired))
        return true;
    for (size_t i = 0; i < r->s.deployments_n; i++) {
        if (deployment_changed(r, i))
            return true;
    }
    return false;
}

static int claim(struct meta_tx *tx, const struct round *r, struct sw_err *err)
{
    struct service_stamp now;
    const struct service_stamp *seen = &r->s.stamp;
    int e = service_store_claim(tx, r->s.service_id, r->s.service.version, err);
    if (e < 0 || (e = service_store_stamp(tx, r->s.service_id, &now, err)) < 0)
        return e;
    if (now.tasks != seen->tasks || now.versions != seen->versions ||
        now.protections != seen->protections)
        return sw_fail(err, SW_ESTALE, NULL, "a task of the service has changed");
    return 0;
}

static int write_states(struct meta_tx *tx, struct round *r, struct sw_err *err)
{
    struct service_row *s = &r->s.service;
    for (size_t i = 0; i < r->s.deployments_n; i++) {
        struct service_deployment_row d = r->s.deployments[i];
        if (!deployment_changed(r, i))
            continue;
        d.state = r->result.deployments[i];
        d.desired = r->result.desired[i];
        int e = service_store_set_deployment(tx, &d, r->s.now_us, err);
        if (e < 0)
            return e;
    }
    struct service_row changed = *s;
    changed.steady = r->result.steady;
    if (r->s.view.scheduling == PLAN_DAEMON)
        changed.desired = r->result.service_desired;
    return service_store_set(tx, &changed, err);
}

static int tell(struct meta_tx *tx, struct round *r, struct sw_err *err)
{
    struct service_snapshot *s = &r->s;
    int e = 0;
    if (r->started_n > 0)
        e = service_store_event(
            tx, s->service_id,
            plan_started_event(s->service.name, r->started, r->started_n, &s->arena), s->now_us,
            err);
    if (e == 0 && r->stopped_n > 0)
        e = service_store_event(
            tx, s->service_id,
            plan_stopped_event(s->service.name, r->stopped, r->stopped_n, &s->arena), s->now_us,
            err);
    if (e == 0 && r->stopped_pending > 0)
        e = service_store_event(tx, s->service_id,
                                sw_arena_printf(&s->arena, "(service %s) stopped %d pending tasks.",
                                                s->service.name, r->stopped_pending),
                                s->now_us, err);
    return e;
}

static int act(struct meta_tx *tx, struct round *r, const struct plan_action *a, struct sw_err *err)
{
    switch (a->type) {
    case PLAN_STOP: return stop(tx, r, a, err);
    case PLAN_COUNTED: return service_store_counted(tx, r->s.tasks[a->task].id, err);
    case PLAN_ROLLBACK: return roll_back(tx, r, a, err);
    case PLAN_DELETED:
        r->ended = true;
        return service_store_end(tx, r->s.service_id, r->s.now_us, err);
    case PLAN_START:
    case PLAN_EVENT:
    case PLAN_ACTION_MAX_: break;
    }
    return 0;
}

/* The plan's own events. They claim nothing: a service that waits for room says so at every plan, and only that is no change. */
static int say(struct meta_tx *tx, void *arg, struct sw_err *err)
{
    struct round *r = arg;
    int e = lease_check(tx, r->s.l->lease, err);
    for (size_t i = 0; i < r->result.actions_n && e == 0; i++) {
        if (r->result.actions[i].type == PLAN_EVENT)
            e = service_store_event(tx, r->s.service_id, r->result.actions[i].text, r->s.now_us,
                                    err);
    }
    return e;
}

static int apply(struct meta_tx *tx, void *arg, struct sw_err *err)
{
    struct round *r = arg;
    const struct plan_service_result *p = &r->result;
    r->started_n = r->stopped_n = 0;
    r->stopped_pending = 0;
    r->ended = false;
    r->rolling_back = NULL;
    count_providers(r);
    json_object_clear(r->notify);
    int e = lease_guard(tx, r->s.l->lease, err);
    if (e == 0)
        e = claim(tx, r, err);
    for (size_t i = 0; i < p->actions_n && e == 0; i++) {
        if (p->actions[i].type == PLAN_START)
            e = start(tx, r, &p->actions[i], err);
    }
    if (e == 0)
        e = write_states(tx, r, err);
    for (size_t i = 0; i < p->actions_n && e == 0; i++)
        e = act(tx, r, &p->actions[i], err);
    if (e == 0)
        e = tell(tx, r, err);
    if (e == 0)
        e = say(tx, r, err);
    if (e == 0 && r->rolling_back) /* after the event which says why */
        e = service_store_event(tx, r->s.service_id, r->rolling_back, r->s.now_us, err);
    return e;
}

int service_round(struct launcher *l, int64_t service_id, struct service_round_result *ret,
                  struct sw_err *err)
{
    SW_CLEANUP(round_done)
    struct round r = {.s = {.l = l, .service_id = service_id, .now_us = l->now_us()},
                      .notify = json_object()};
    const char *id;
    json_t *v;
    int e = meta_tx(l->db, META_READ_LONG, service_snapshot_read, &r.s, err);
    if (e < 0 || (e = service_snapshot_view(&r.s, err)) < 0)
        return e;
    plan_service(&r.s.view, &r.s.arena, &r.result);
    r.started = SW_ARENA_NEW(&r.s.arena, const char *, r.result.actions_n);
    r.providers = SW_ARENA_NEW(&r.s.arena, struct deployment_providers, r.s.deployments_n);
    r.stopped = SW_ARENA_NEW(&r.s.arena, const char *, r.result.actions_n);
    bool changed = has_news(&r);
    if ((changed || has_events(&r)) &&
        (e = meta_tx(l->db, META_WRITE, changed ? apply : say, &r, err)) < 0)
        return e;
    json_object_foreach(r.notify, id, v)
        poll_notify(l, id);
    int64_t stopped = (int64_t)r.stopped_n + r.stopped_pending;
    if (r.started_n > 0 || stopped > 0)
        sw_log(SW_LOG_INFO, "service-tasks", "service", r.s.service.name, "cluster",
               r.s.cluster.arn, "#started", (int64_t)r.started_n, "#stopped", stopped, NULL);
    *ret = (struct service_round_result){.changed = changed,
                                         .waits_room = r.result.unplaced > 0 ||
                                                       r.s.view.scheduling == PLAN_DAEMON,
                                         .wake_at_us = r.ended ? PLAN_NEVER : r.result.wake_at_us};
    return 0;
}
