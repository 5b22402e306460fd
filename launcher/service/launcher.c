/* SPDX-License-Identifier: Apache-2.0 */
/* Life of the launcher and what all operations share: references, pages, documents. */
#include "launcher/service/launcher.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/macros.h"
#include "launcher/plan/plan_service.h"
#include "launcher/service/agents.h"
#include "launcher/service/cluster_store.h"
#include "launcher/service/exec_sessions.h"
#include "launcher/service/expire.h"
#include "launcher/service/instance_store.h"
#include "launcher/service/launcher_services.h"
#include "launcher/service/lease.h"
#include "launcher/service/poll.h"
#include "launcher/service/service.h"
#include "launcher/service/service_loop.h"

int launcher_services_start(struct launcher *l, struct sw_err *err)
{
    return service_loop_start(l->services, err);
}

void launcher_services_stop(struct launcher *l)
{
    if (l)
        service_loop_stop(l->services);
}

int launcher_services_settle(struct launcher *l, struct sw_err *err)
{
    return service_loop_settle(l->services, err);
}

int launcher_open(const struct launcher_options *o, struct launcher **ret,
                  struct sw_err *err SW_UNUSED)
{
    struct launcher *l = SW_NEW(struct launcher);
    l->db = o->db;
    l->identity = o->identity;
    l->sessions = o->sessions;
    l->now_us = o->now_us ? o->now_us : sw_now_us;
    l->agents =
        agents_new(o->agent_timeout_us ? o->agent_timeout_us : SERVICE_HERE_US, l->now_us());
    if (!o->now_us)
        agents_follow_clock(l->agents, sw_mono_us, l->now_us());
    l->exec = exec_sessions_new();
    l->healthy_after_us = o->healthy_after_us ? o->healthy_after_us : PLAN_HEALTHY_AFTER_US;
    const struct lease_options lease = {
        .db = l->db, .now_us = l->now_us, .mono_us = o->mono_us, .patience_us = o->lease_us};
    l->lease = lease_new(&lease);
    l->services = service_loop_new(l);
    l->agent_grace_us = o->agent_grace_us ? o->agent_grace_us : SERVICE_GRACE_US;
    *ret = l;
    return 0;
}

void launcher_free(struct launcher *l)
{
    if (!l)
        return;
    service_loop_free(l->services);
    l->services = NULL;
    launcher_reset_memory(l);
    agents_free(l->agents);
    exec_sessions_free(l->exec);
    lease_free(l->lease);
    free(l);
}

void launcher_reset_memory(struct launcher *l)
{
    poll_answer_all(l, agents_changed(l->agents, NULL, l->now_us()));
    poll_fail_logs(agents_log_due(l->agents, INT64_MAX));
    service_loop_forget(l->services);
}

void launcher_tick(struct launcher *l)
{
    int64_t now = l->now_us();
    poll_answer_all(l, agents_due(l->agents, now));
    poll_fail_logs(agents_log_due(l->agents, now));
}

struct expire_arg {
    int64_t before_us;
    json_t *ids;
};

static int expire_instances(struct meta_tx *tx, void *arg, struct sw_err *err)
{
    struct expire_arg *a = arg;
    json_array_clear(a->ids);
    return instance_store_expire(tx, a->before_us, a->ids, err);
}

int launcher_expire(struct launcher *l, struct sw_err *err)
{
    int64_t before = l->now_us() - SERVICE_KEEP_US;
    sw_autojson json_t *ids = json_array();
    struct expire_arg instances = {.before_us = before, .ids = ids};
    int r = expire_rows(l, err);
    while (r == 0 && (r = meta_tx(l->db, META_WRITE, expire_instances, &instances, err)) == 0 &&
           json_array_size(ids) > 0)
        agents_forget(l->agents, ids);
    return r;
}

char *service_request_text(const json_t *in, const char *without)
{
    sw_autojson json_t *copy = json_copy((json_t *)in);
    const char *requested = sw_json_str(in, "requestedTaskDefinition", NULL);
    if (requested)
        sw_json_set_str(copy, "taskDefinition", requested);
    json_object_del(copy, "requestedTaskDefinition");
    json_object_del(copy, without);
    return json_dumps(copy, JSON_SORT_KEYS | JSON_COMPACT);
}

int service_document(const char *text, json_t **ret, struct sw_err *err)
{
    json_error_t e;
    json_t *j = json_loads(text, 0, &e);
    if (!j)
        return sw_fail(err, SW_EINTERNAL, NULL, "a stored document is not JSON: %s", e.text);
    *ret = j;
    return 0;
}

json_t *service_failure(const char *arn, const char *reason)
{
    json_t *f = json_object();
    sw_json_set_str(f, "arn", arn);
    sw_json_set_str(f, "reason", reason);
    return f;
}

json_t *service_list(json_t *out, const char *key)
{
    json_t *list = json_array();
    sw_json_set_new(out, key, list);
    return list;
}

bool service_includes(const json_t *in, const char *what)
{
    const json_t *v;
    size_t i;
    json_array_foreach(sw_json_array(in, "include"), i, v) {
        if (sw_streq(json_string_value(v), what))
            return true;
    }
    return false;
}

int service_describe_limit(const json_t *in, const char *key, struct sw_err *err)
{
    if (json_array_size(sw_json_array(in, key)) <= SERVICE_NAMES_MAX)
        return 0;
    return sw_fail(err, SW_EINVALID, SERVICE_INVALID, "At most %d %s can be described.",
                   SERVICE_NAMES_MAX, key);
}

void service_page_end(struct launcher_page *page, const char *last_key, bool more)
{
    if (!more || !sw_str_copy(sw_str(last_key), page->next, sizeof page->next))
        page->next[0] = 0;
}

int service_page_rows(struct meta_stmt *st, struct launcher_page *page, json_t *names,
                      struct sw_err *err)
{
    int r;
    while ((r = meta_step(st, err)) > 0) {
        if ((int)json_array_size(names) == page->limit) {
            const json_t *last = json_array_get(names, (size_t)page->limit - 1);
            service_page_end(page, json_string_value(last), true);
            return 0;
        }
        struct sw_str name = meta_str(st, 0);
        json_array_append_new(names, json_stringn(name.p, name.n));
    }
    return r;
}

int service_cluster_name(const struct launcher_caller *c, const char *cluster,
                         char out[ARN_NAME_MAX + 1], struct sw_err *err)
{
    struct arn a;
    if (!cluster || !*cluster)
        cluster = SERVICE_DEFAULT;
    if (!arn_parse(cluster, ARN_CLUSTER, &a))
        return sw_fail(err, SW_EINVALID, SERVICE_INVALID, "Invalid identifier: '%.300s'.", cluster);
    if (!arn_is_local(&a, c->account, c->region))
        return sw_fail(err, SW_ENOTFOUND, "ClusterNotFoundException", "Cluster not found.");
    (void)sw_str_copy(sw_str(a.cluster), out, ARN_NAME_MAX + 1);
    return 0;
}

static const char *kind_name(enum arn_kind kind)
{
    return kind == ARN_TASK ? "task" : "container instance";
}

int service_id(const struct launcher_caller *c, const char *cluster_name, enum arn_kind kind,
               const char *text, char out[ARN_ID_LEN + 1], struct sw_err *err)
{
    struct arn a;
    if (!text || !arn_parse(text, kind, &a) || !sw_str_copy(sw_str(a.id), out, ARN_ID_LEN + 1))
        return sw_fail(err, SW_EINVALID, SERVICE_INVALID, "Invalid %s identifier: '%.300s'.",
                       kind_name(kind), text ? text : "");
    if (*a.cluster && !sw_streq(a.cluster, cluster_name))
        return sw_fail(err, SW_EINVALID, SERVICE_INVALID,
                       "Identifier is for cluster %s. Your cluster is %s", a.cluster, cluster_name);
    if (!arn_is_local(&a, c->account, c->region))
        return sw_fail(err, SW_EINVALID, SERVICE_INVALID,
                       "Invalid identifier: '%.300s' is of another account or region.", text);
    return 0;
}

struct cluster_arg {
    const struct launcher_caller *c;
    const char *name;
    int64_t now_us, id;
    bool inactive;
};

static int cluster_read(struct meta_tx *tx, void *arg, struct sw_err *err)
{
    struct cluster_arg *a = arg;
    struct cluster_row row = {.id = 0};
    int r = cluster_store_get(tx, a->c, a->name, &row, err);
    a->inactive = r > 0 && !sw_streq(row.status, "ACTIVE");
    a->id = r > 0 && !a->inactive ? row.id : 0;
    cluster_row_done(&row);
    return r < 0 ? r : 0;
}

static int cluster_add_default(struct meta_tx *tx, void *arg, struct sw_err *err)
{
    struct cluster_arg *a = arg;
    int r = cluster_store_add(tx, a->c, a->name, "{}", a->now_us, err);
    return r < 0 ? r : cluster_read(tx, arg, err);
}

int service_cluster(struct launcher *l, const struct launcher_caller *c, const char *cluster,
                    struct cluster_ref *ret, struct sw_err *err)
{
    struct cluster_arg a = {.c = c, .name = ret->name, .now_us = l->now_us()};
    int r = service_cluster_name(c, cluster, ret->name, err);
    if (r < 0 || (r = meta_tx(l->db, META_READ, cluster_read, &a, err)) < 0)
        return r;
    if (!a.id && !a.inactive && sw_streq(ret->name, SERVICE_DEFAULT) &&
        (r = meta_tx(l->db, META_WRITE, cluster_add_default, &a, err)) < 0)
        return r;
    if (!a.id)
        return sw_fail(err, SW_ENOTFOUND, "ClusterNotFoundException",
                       a.inactive ? "The referenced cluster was inactive." : "Cluster not found.");
    ret->id = a.id;
    arn_cluster(ret->arn, c->region, c->account, ret->name);
    return 0;
}

bool service_instance_lost(struct launcher *l, const char *instance_id, int64_t now_us)
{
    return agents_away_us(l->agents, instance_id, now_us) > l->agent_grace_us;
}

int launcher_cluster_arn(const struct launcher_caller *c, const char *cluster, char out[ARN_MAX],
                         struct sw_err *err)
{
    char name[ARN_NAME_MAX + 1];
    int r = service_cluster_name(c, cluster, name, err);
    if (r < 0)
        return r;
    arn_cluster(out, c->region, c->account, name);
    return 0;
}

int launcher_task_arn(const struct launcher_caller *c, const char *cluster, const char *task,
                      char out[ARN_MAX], struct sw_err *err)
{
    char name[ARN_NAME_MAX + 1], id[ARN_ID_LEN + 1];
    int r = service_cluster_name(c, cluster, name, err);
    if (r < 0 || (r = service_id(c, name, ARN_TASK, task, id, err)) < 0)
        return r;
    arn_task(out, c->region, c->account, name, id);
    return 0;
}

int launcher_instance_arn(const struct launcher_caller *c, const char *cluster,
                          const char *instance, char out[ARN_MAX], struct sw_err *err)
{
    char name[ARN_NAME_MAX + 1], id[ARN_ID_LEN + 1];
    struct arn parsed;
    if (!cluster && instance && arn_parse(instance, ARN_CONTAINER_INSTANCE, &parsed) &&
        *parsed.cluster)
        cluster = parsed.cluster;
    int r = service_cluster_name(c, cluster, name, err);
    if (r < 0 || (r = service_id(c, name, ARN_CONTAINER_INSTANCE, instance, id, err)) < 0)
        return r;
    arn_container_instance(out, c->region, c->account, name, id);
    return 0;
}
