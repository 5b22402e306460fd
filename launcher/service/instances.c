/* SPDX-License-Identifier: Apache-2.0 */
/* Container instances: registration, and what is asked about them. */
#include <string.h>

#include "base/alloc.h"
#include "base/arena.h"
#include "base/id.h"
#include "base/json.h"
#include "base/macros.h"
#include "launcher/model/agent_protocol.h"
#include "launcher/model/capabilities.h"
#include "launcher/plan/cluster_query.h"
#include "launcher/service/activations.h"
#include "launcher/service/agents.h"
#include "launcher/service/instance_attributes.h"
#include "launcher/service/instance_view.h"
#include "launcher/service/poll.h"
#include "launcher/service/service.h"
#include "launcher/service/service_loop.h"
#include "launcher/service/task_doc.h"

#define OWNER_ID           "ownerId" /* of the document */
#define INSTANCES_MAX      20000     /* of one identity, in all clusters */
#define INSTANCES_GONE_MAX 100       /* INACTIVE ones of one identity */
#define PORTS_MAX          100       /* that an agent reserves */
#define ATTRIBUTES_MAX     300       /* of a registration, with what the agent says of itself */
#define VERSION_MAX        255
#define STATES_MAX         10 /* instances of one UpdateContainerInstancesState */

struct instance_arg {
    struct launcher *l;
    const struct launcher_caller *c;
    const struct cluster_ref *cluster;
    const char *id; /* "" in register: a new one */
    char *new_id;   /* register: room for it */
    json_t *document;
    json_t *forgotten;   /* register: ids whose rows went */
    const char *status;  /* update: the new one */
    const char *refusal; /* update: why it has not changed; NULL: it has */
    const char *why;     /* deregister: what its tasks are told */
    bool force, with_tags, with_health;
    int64_t now_us;
    json_t *instance; /* NULL: there is none */
};

/* The one check that there is: whether the agent, which is what runs containers, is heard of. */
static void add_health(struct instance_arg *a, const struct instance_view *v)
{
    int64_t away_us = agents_away_us(a->l->agents, v->row.id, a->now_us);
    const char *status = away_us == 0 ? "OK" : "INSUFFICIENT_DATA";
    json_t *check = json_object();
    sw_json_set_str(check, "type", "CONTAINER_RUNTIME");
    sw_json_set_str(check, "status", status);
    sw_json_set_time_us(check, "lastUpdated", a->now_us - away_us);
    sw_json_set_time_us(check, "lastStatusChange",
                        away_us == 0 ? v->row.registered_at : a->now_us - away_us);
    sw_json_set_new(a->instance, "healthStatus",
                    json_pack("{s:s, s:[o]}", "overallStatus", status, "details", check));
}

/* Reads the instance into a->instance. */
static int read_one(struct meta_tx *tx, struct instance_arg *a, const char *id, struct sw_err *err)
{
    char arn[ARN_MAX];
    struct instance_row row = {.id = NULL};
    struct instance_view v;
    json_decref(a->instance);
    a->instance = NULL;
    int r = instance_store_get(tx, a->cluster->id, id, &row, err);
    if (r <= 0)
        return r;
    if ((r = instance_view_read(tx, &row, &v, err)) < 0)
        return r;
    v.agent_connected = agents_connected(a->l->agents, id, a->now_us);
    arn_container_instance(arn, a->c->region, a->c->account, a->cluster->name, id);
    a->instance = instance_view_json(&v, arn, a->with_tags);
    if (a->with_health)
        add_health(a, &v);
    instance_view_done(&v);
    return 0;
}

static int refuse_foreign(const char *id, struct sw_err *err)
{
    return sw_fail(err, SW_EDENIED, "AccessDeniedException",
                   "The container instance %s was registered by another principal.", id);
}

/* Who it is, for good, where an ARN is a name that somebody else may have later. Sessions of a role are owners of their own. */
static char *owner_id(const struct principal *p)
{
    const char *session = p->kind == PRINCIPAL_ROLE        ? p->session_name
                          : p->kind == PRINCIPAL_FEDERATED ? p->name
                                                           : "";
    return sw_asprintf("%s%s%s", p->user_id, *session ? ":" : "", session);
}

int service_check_owner(const struct instance_row *row, const struct principal *p,
                        bool *ret_is_owner, struct sw_err *err)
{
    sw_autojson json_t *document = NULL;
    sw_autofree char *id = owner_id(p);
    int r = service_document(row->document, &document, err);
    const char *stored = r < 0 ? NULL : sw_json_str(document, OWNER_ID, NULL);
    *ret_is_owner =
        r == 0 && (stored ? sw_streq(stored, id) : sw_streq(row->principal_arn, p->arn));
    return r;
}

struct owner_arg {
    const struct launcher_caller *c;
    int64_t cluster_id, version;
    const char *id;
    const char *session; /* NULL: not asked about */
};

/* Agents that say nothing of a session are of before there were any. */
static int check_session(const struct instance_row *row, const char *session, struct sw_err *err)
{
    sw_autojson json_t *document = NULL;
    int r = session ? service_document(row->document, &document, err) : 0;
    if (r < 0 || !session)
        return r;
    const char *last = sw_json_str(sw_json_object(document, AGENT_IDENTITY), "session", NULL);
    return !last || sw_streq(last, session) ? 0 : service_superseded(row->id, err);
}

int service_superseded(const char *id, struct sw_err *err)
{
    return sw_fail(err, SW_ECONFLICT, AGENT_SUPERSEDED,
                   "Another agent has registered as the container instance %s since.", id);
}

static int check_owner(struct meta_tx *tx, void *arg, struct sw_err *err)
{
    struct owner_arg *a = arg;
    struct instance_row row = {.id = NULL};
    bool is_owner = false;
    int r = instance_store_get(tx, a->cluster_id, a->id, &row, err);
    if (r == 0 || (r > 0 && sw_streq(row.status, "INACTIVE")))
        r = sw_fail(err, SW_ENOTFOUND, SERVICE_INVALID,
                    "Referenced container instance %s not found.", a->id);
    else if (r > 0)
        r = service_check_owner(&row, a->c->principal, &is_owner, err);
    if (r >= 0 && !is_owner)
        r = refuse_foreign(a->id, err);
    else if (r >= 0)
        r = check_session(&row, a->session, err);
    a->version = row.version;
    instance_row_done(&row);
    return r < 0 ? r : 0;
}

int service_poller(struct launcher *l, const struct launcher_caller *c, int64_t cluster_id,
                   const char *instance_id, const char *session, int64_t *ret_version,
                   struct sw_err *err)
{
    struct owner_arg a = {.c = c, .cluster_id = cluster_id, .id = instance_id, .session = session};
    int r = meta_tx(l->db, META_READ, check_owner, &a, err);
    if (r == 0 && ret_version)
        *ret_version = a.version;
    return r;
}

int service_owner(struct launcher *l, const struct launcher_caller *c, int64_t cluster_id,
                  const char *instance_id, int64_t *ret_version, struct sw_err *err)
{
    return service_poller(l, c, cluster_id, instance_id, NULL, ret_version, err);
}

int service_agent_task(struct launcher *l, const struct launcher_caller *c, const json_t *in,
                       struct cluster_ref *ret_cluster, char ret_task[ARN_ID_LEN + 1],
                       struct sw_err *err)
{
    struct arn named;
    const char *task = sw_json_str(in, "task", NULL), *cluster = sw_json_str(in, "cluster", NULL);
    if (task && arn_parse(task, ARN_TASK, &named) && *named.cluster)
        cluster = named.cluster;
    int r = service_cluster(l, c, cluster, ret_cluster, err);
    return r < 0 ? r : service_id(c, ret_cluster->name, ARN_TASK, task, ret_task, err);
}

int service_own_task(struct launcher *l, const struct launcher_caller *c, const json_t *in,
                     struct cluster_ref *ret_cluster, char ret_instance[ARN_ID_LEN + 1],
                     char ret_task[ARN_ID_LEN + 1], struct sw_err *err)
{
    struct cluster_ref cluster;
    int r = service_cluster(l, c, sw_json_str(in, "cluster", NULL), &cluster, err);
    if (r == 0)
        r = service_id(c, cluster.name, ARN_CONTAINER_INSTANCE,
                       sw_json_str(in, "containerInstance", NULL), ret_instance, err);
    if (r == 0)
        r = service_agent_task(l, c, in, ret_cluster, ret_task, err);
    return r == 0 ? service_owner(l, c, cluster.id, ret_instance, NULL, err) : r;
}

/* What others said of the instance since stands: its tags, and the attributes that were put. */
static void keep(const json_t *before, json_t *document)
{
    json_t *tags = sw_json_array(before, "tags"), *put = sw_json_object(before, "putAttributes");
    if (tags)
        json_object_set(document, "tags", tags);
    if (!put)
        return;
    json_object_set(document, "putAttributes", put);
    instance_attributes_apply(document);
}

static int set_document(struct meta_tx *tx, struct instance_arg *a, const char *before_text,
                        struct sw_err *err)
{
    sw_autojson json_t *before = NULL, *document = json_deep_copy(a->document);
    int r = service_document(before_text, &before, err);
    if (r < 0)
        return r;
    keep(before, document);
    sw_autofree char *text = sw_json_dump(document);
    return instance_store_set_document(tx, a->id, text, err);
}

/* A folder that was copied to another machine makes no second agent of the same instance. */
static int is_elsewhere(const struct instance_row *row, const struct instance_arg *a, bool *ret,
                        struct sw_err *err)
{
    sw_autojson json_t *before = NULL;
    int r = service_document(row->document, &before, err);
    const char *there = sw_json_str(sw_json_object(before, AGENT_IDENTITY), "machine", "");
    const char *here = sw_json_str(sw_json_object(a->document, AGENT_IDENTITY), "machine", "");
    *ret = *there && *here && !sw_streq(there, here);
    return r;
}

static int renew(struct meta_tx *tx, struct instance_arg *a, bool *ret_done, struct sw_err *err)
{
    struct instance_row row = {.id = NULL};
    bool is_owner = false;
    int r = instance_store_get(tx, a->cluster->id, a->id, &row, err);
    bool gone = r == 0 || (r > 0 && sw_streq(row.status, "INACTIVE"));
    if (r > 0 && !gone)
        r = service_check_owner(&row, a->c->principal, &is_owner, err);
    if (r >= 0 && !gone && !is_owner)
        r = refuse_foreign(a->id, err);
    else if (r >= 0 && !gone)
        r = is_elsewhere(&row, a, &gone, err);
    if (r >= 0 && !gone && is_owner)
        r = set_document(tx, a, row.document, err);
    instance_row_done(&row);
    *ret_done = r >= 0 && !gone;
    return r < 0 ? r : 0;
}

/* One identity has so many instances at most, and of those that it gave up only the last are remembered. */
static int make_room(struct meta_tx *tx, struct instance_arg *a, struct sw_err *err)
{
    int64_t n = 0;
    const char *owner = a->c->principal->arn;
    json_array_clear(a->forgotten);
    int r = instance_store_count(tx, owner, &n, err);
    if (r == 0 && n >= INSTANCES_MAX)
        return sw_fail(err, SW_ELIMIT, SERVICE_CLIENT,
                       "%.200s has registered %d container instances already; deregister those "
                       "that are gone.",
                       owner, INSTANCES_MAX);
    return r < 0 ? r : instance_store_trim(tx, owner, INSTANCES_GONE_MAX, a->forgotten, err);
}

/* What the agent says of Fargate: the machine's own cluster, all clusters of the account, or both have tasks there. */
static const char *capacity_of(const json_t *document)
{
    const json_t *v;
    size_t i;
    json_array_foreach(sw_json_array(document, "attributes"), i, v) {
        if (sw_streq(sw_json_str(v, "name", ""), ATTRIBUTE_FARGATE))
            return sw_streq(sw_json_str(v, "value", ""), FARGATE_SHARED) ? "BOTH" : "FARGATE";
    }
    return "CLUSTER";
}

static int check_capacity(const struct launcher_caller *c, const json_t *document,
                          struct sw_err *err)
{
    const json_t *v;
    size_t i;
    json_array_foreach(sw_json_array(document, "attributes"), i, v) {
        const char *value = sw_json_str(v, "value", "");
        if (!sw_streq(sw_json_str(v, "name", ""), ATTRIBUTE_FARGATE))
            continue;
        /* An activation is for a cluster's external instances; a code that leaks must not get the tasks of all clusters. */
        if (launcher_is_managed(c->principal))
            return sw_fail(err, SW_EDENIED, "AccessDeniedException",
                           "A machine that came by an activation cannot serve Fargate.");
        if (!sw_streq(value, FARGATE_ONLY) && !sw_streq(value, FARGATE_SHARED))
            return sw_fail(err, SW_EINVALID, SERVICE_INVALID,
                           "The attribute %s is %s or %s, not '%.100s'.", ATTRIBUTE_FARGATE,
                           FARGATE_ONLY, FARGATE_SHARED, value);
    }
    return 0;
}

static int do_register(struct meta_tx *tx, void *arg, struct sw_err *err)
{
    struct instance_arg *a = arg;
    bool done = false;
    int r = *a->id ? renew(tx, a, &done, err) : 0;
    if (r < 0)
        return r;
    if (!done) {
        sw_autofree char *text = sw_json_dump(a->document);
        if ((r = make_room(tx, a, err)) < 0)
            return r;
        r = instance_store_add(tx, a->cluster->id, a->new_id, a->c->principal->arn, text, a->now_us,
                               err);
        if (r < 0)
            return r;
    }
    const char *id = done ? a->id : a->new_id;
    r = instance_store_set_capacity(tx, id, capacity_of(a->document), err);
    return r < 0 ? r : read_one(tx, a, id, err);
}

static bool ports_are_valid(const json_t *list)
{
    const json_t *v;
    size_t i;
    uint64_t port;
    json_array_foreach(list, i, v) {
        if (i >= PORTS_MAX || !sw_parse_u64(sw_str(json_string_value(v)), &port) || port < 1 ||
            port > 65535)
            return false;
    }
    return true;
}

static int check_attributes(const json_t *in, struct sw_err *err)
{
    const json_t *list = sw_json_array(in, "attributes");
    if (json_array_size(list) > ATTRIBUTES_MAX)
        return sw_fail(err, SW_EINVALID, SERVICE_INVALID,
                       "A container instance has at most %d attributes.", ATTRIBUTES_MAX);
    return service_check_attributes(list, err);
}

static int check_resources(const json_t *in, struct sw_err *err)
{
    static const struct {
        const char *name, *type, *value;
    } known[] = {{"CPU", "INTEGER", "integerValue"},
                 {"MEMORY", "INTEGER", "integerValue"},
                 {"PORTS", "STRINGSET", "stringSetValue"},
                 {"PORTS_UDP", "STRINGSET", "stringSetValue"}};
    const json_t *v;
    size_t i;
    bool seen[SW_ARRAY_LEN(known)] = {false};
    json_array_foreach(sw_json_array(in, "totalResources"), i, v) {
        const char *name = sw_json_str(v, "name", "");
        size_t k = 0;
        while (k < SW_ARRAY_LEN(known) && !sw_streq(known[k].name, name))
            k++;
        if (k == SW_ARRAY_LEN(known))
            return sw_fail(err, SW_EINVALID, SERVICE_INVALID, "Unknown resource '%.100s'.", name);
        if (seen[k] || !sw_streq(sw_json_str(v, "type", ""), known[k].type) ||
            !json_object_get(v, known[k].value) || sw_json_int(v, "integerValue", 0) < 0)
            return sw_fail(err, SW_EINVALID, SERVICE_INVALID,
                           "Resource %s must be given once, as %s.", name, known[k].type);
        if (!ports_are_valid(json_object_get(v, "stringSetValue")))
            return sw_fail(err, SW_EINVALID, SERVICE_INVALID,
                           "Resource %s must list at most %d ports between 1 and 65535.", name,
                           PORTS_MAX);
        seen[k] = true;
    }
    const char *key;
    json_t *text;
    json_object_foreach(sw_json_object(in, "versionInfo"), key, text) {
        if (json_string_length(text) > VERSION_MAX)
            return sw_fail(err, SW_EINVALID, SERVICE_INVALID,
                           "versionInfo.%s is longer than %d bytes.", key, VERSION_MAX);
    }
    if (!seen[0] || !seen[1])
        return sw_fail(err, SW_EINVALID, SERVICE_INVALID,
                       "totalResources must name CPU and MEMORY.");
    return 0;
}

static json_t *registration(const json_t *in)
{
    static const struct {
        const char *from, *to;
    } kept[] = {{"totalResources", "registeredResources"},
                {"versionInfo", "versionInfo"},
                {"attributes", "attributes"},
                {"tags", "tags"}};
    json_t *o = json_object();
    for (size_t i = 0; i < SW_ARRAY_LEN(kept); i++) {
        json_t *v = json_object_get(in, kept[i].from);
        if (v && !json_is_null(v))
            json_object_set(o, kept[i].to, v);
    }
    return o;
}

/* Of our own agents; a document of EC2 would have to be believed for its signature. */
static int read_identity(const json_t *in, json_t *document, struct sw_err *err)
{
    static const char *const members[] = {"machine", "session"};
    struct sw_err ignored = SW_ERR_INIT;
    sw_autojson json_t *parsed = NULL;
    const char *text = sw_json_str(in, "instanceIdentityDocument", NULL);
    if (!text)
        return 0;
    json_t *kept = json_object(), *given = NULL;
    if (sw_json_load(sw_str(text), 3, 10, NULL, &parsed, &ignored) == 0)
        given = sw_json_object(parsed, AGENT_IDENTITY);
    for (size_t i = 0; i < SW_ARRAY_LEN(members); i++) {
        const char *v = sw_json_str(given, members[i], "");
        if (*v && strlen(v) <= AGENT_IDENTITY_MAX)
            sw_json_set_str(kept, members[i], v);
    }
    if (!*sw_json_str(kept, "session", "")) {
        json_decref(kept);
        return sw_fail(err, SW_EINVALID, SERVICE_INVALID,
                       "instanceIdentityDocument is not one of a slipway agent; others are not "
                       "taken.");
    }
    sw_json_set_new(document, AGENT_IDENTITY, kept);
    return 0;
}

/* Whoever came by an activation is external, whatever it says. */
static void mark_external(json_t *document, const char *name)
{
    const json_t *given = sw_json_array(document, "attributes"), *v;
    json_t *attributes = json_array();
    size_t i;
    json_array_foreach(given, i, v) {
        if (!sw_streq(sw_json_str(v, "name", ""), ATTRIBUTE_EXTERNAL))
            json_array_append(attributes, (json_t *)v);
    }
    json_array_append_new(attributes, json_pack("{s:s}", "name", ATTRIBUTE_EXTERNAL));
    sw_json_set_new(document, "attributes", attributes);
    sw_json_set_str(document, "ec2InstanceId", name);
}

int launcher_register_instance(struct launcher *l, const struct launcher_caller *c,
                               const json_t *in, json_t *out, struct sw_err *err)
{
    struct cluster_ref cluster;
    char id[ARN_ID_LEN + 1] = "", fresh[ARN_ID_LEN + 1];
    const char *arn = sw_json_str(in, "containerInstanceArn", "");
    int r = service_cluster(l, c, sw_json_str(in, "cluster", NULL), &cluster, err);
    if (r == SW_ENOTFOUND) { /* as this operation says it: agents wait for these words */
        sw_err_clear(err);
        return sw_fail(err, SW_ENOTFOUND, SERVICE_CLIENT, "Cluster not found.");
    }
    if (r < 0 || (r = check_resources(in, err)) < 0 || (r = check_attributes(in, err)) < 0 ||
        (r = check_capacity(c, in, err)) < 0)
        return r;
    if (*arn && (r = service_id(c, cluster.name, ARN_CONTAINER_INSTANCE, arn, id, err)) < 0)
        return r;
    sw_random_hex(fresh, ARN_ID_LEN);
    sw_autojson json_t *document = registration(in);
    sw_autofree char *owner = owner_id(c->principal);
    sw_json_set_str(document, OWNER_ID, owner);
    if ((r = read_identity(in, document, err)) < 0)
        return r;
    if (launcher_is_managed(c->principal))
        mark_external(document, c->principal->name);
    sw_autojson json_t *forgotten = json_array();
    struct instance_arg a = {.l = l,
                             .c = c,
                             .cluster = &cluster,
                             .id = id,
                             .forgotten = forgotten,
                             .new_id = fresh,
                             .document = document,
                             .with_tags = true,
                             .now_us = l->now_us()};
    r = meta_tx(l->db, META_WRITE, do_register, &a, err);
    if (r < 0) {
        json_decref(a.instance);
        return r;
    }
    agents_forget(l->agents, forgotten);
    bool logs;
    struct arn parsed;
    if (arn_parse(sw_json_str(a.instance, "containerInstanceArn", ""), ARN_CONTAINER_INSTANCE,
                  &parsed)) {
        (void)agents_polled(l->agents, parsed.id, a.now_us, &logs); /* it has just spoken */
        /* A new process knows nothing of what an earlier one was given. */
        poll_end_older(l, parsed.id, true);
        agents_log_redeliver(l->agents, parsed.id);
    }
    service_loop_wake(l->services);
    sw_json_set_new(out, "containerInstance", a.instance);
    return 0;
}

/* Every task of the instance becomes STOPPED. */
static int stop_tasks(struct meta_tx *tx, struct instance_arg *a, struct sw_err *err)
{
    sw_autojson json_t *ids = json_array();
    const json_t *v;
    size_t i;
    int r = task_store_ids_of_instance(tx, a->id, ids, err);
    if (r < 0)
        return r;
    if (json_array_size(ids) && !a->force)
        return sw_fail(err, SW_EINVALID, SERVICE_INVALID, "Found running tasks on the instance.");
    json_array_foreach(ids, i, v) {
        struct task_row row = {.id = NULL};
        r = task_store_get(tx, 0, json_string_value(v), &row, err);
        if (r > 0) {
            task_doc_finish(row.document, "UserInitiated", a->why, a->now_us);
            r = task_store_put(tx, &row, a->now_us, err);
        }
        task_row_done(&row);
        if (r < 0)
            return r;
    }
    return 0;
}

static int do_deregister(struct meta_tx *tx, void *arg, struct sw_err *err)
{
    struct instance_arg *a = arg;
    struct owner_arg owner = {.c = a->c, .cluster_id = a->cluster->id, .id = a->id};
    int r = 0;
    /* Every node may deregister, as far as its policy knows; but only itself. */
    if (a->c->principal->kind == PRINCIPAL_NODE && (r = check_owner(tx, &owner, err)) < 0)
        return r;
    if ((r = read_one(tx, a, a->id, err)) < 0)
        return r;
    if (!a->instance || sw_streq(sw_json_str(a->instance, "status", ""), "INACTIVE"))
        return sw_fail(err, SW_ENOTFOUND, SERVICE_INVALID,
                       "Referenced container instance %s not found.", a->id);
    if ((r = stop_tasks(tx, a, err)) < 0 ||
        (r = instance_store_retire(tx, a->id, a->now_us, err)) < 0)
        return r;
    return read_one(tx, a, a->id, err);
}

int launcher_deregister_instance(struct launcher *l, const struct launcher_caller *c,
                                 const json_t *in, json_t *out, struct sw_err *err)
{
    struct cluster_ref cluster;
    char id[ARN_ID_LEN + 1];
    int r = service_cluster(l, c, sw_json_str(in, "cluster", NULL), &cluster, err);
    if (r < 0 || (r = service_id(c, cluster.name, ARN_CONTAINER_INSTANCE,
                                 sw_json_str(in, "containerInstance", NULL), id, err)) < 0)
        return r;
    struct instance_arg a = {.l = l,
                             .c = c,
                             .cluster = &cluster,
                             .id = id,
                             .force = sw_json_bool(in, "force", false),
                             .why = "The container instance of the task was deregistered.",
                             .now_us = l->now_us()};
    r = meta_tx(l->db, META_WRITE, do_deregister, &a, err);
    if (r < 0) {
        json_decref(a.instance);
        return r;
    }
    poll_notify(l, id);
    agents_retired(l->agents, id);
    sw_json_set_new(out, "containerInstance", a.instance);
    return 0;
}

struct retire_arg {
    struct instance_arg one;
    const char *principal_arn;
    json_t *ids;
};

static int do_retire(struct meta_tx *tx, void *arg, struct sw_err *err)
{
    struct retire_arg *a = arg;
    struct cluster_ref cluster = {.id = 0};
    sw_autofree char *id = NULL;
    json_array_clear(a->ids);
    a->one.cluster = &cluster;
    for (;;) {
        free(SW_TAKE(id));
        int r = meta_get(tx, err,
                         "SELECT id, cluster_id FROM container_instance WHERE principal_arn = $1"
                         " AND inactive_at = 0 ORDER BY id LIMIT 1",
                         "t", a->principal_arn, "ti", &id, &cluster.id);
        if (r <= 0)
            return r;
        a->one.id = id;
        if ((r = stop_tasks(tx, &a->one, err)) < 0 ||
            (r = instance_store_retire(tx, id, a->one.now_us, err)) < 0)
            return r;
        json_array_append_new(a->ids, json_string(id));
    }
}

int service_retire_instances(struct launcher *l, const char *principal_arn, const char *why,
                             struct sw_err *err)
{
    sw_autojson json_t *ids = json_array();
    struct retire_arg a = {.one = {.l = l, .force = true, .why = why, .now_us = l->now_us()},
                           .principal_arn = principal_arn,
                           .ids = ids};
    const json_t *v;
    size_t i;
    int r = meta_tx(l->db, META_WRITE, do_retire, &a, err);
    if (r < 0)
        return r;
    json_array_foreach(ids, i, v) {
        poll_notify(l, json_string_value(v));
        agents_retired(l->agents, json_string_value(v));
    }
    return 0;
}

static int do_describe(struct meta_tx *tx, void *arg, struct sw_err *err)
{
    struct instance_arg *a = arg;
    return read_one(tx, a, a->id, err);
}

int launcher_describe_instances(struct launcher *l, const struct launcher_caller *c,
                                const json_t *in, json_t *out, struct sw_err *err)
{
    struct cluster_ref cluster;
    json_t *list = service_list(out, "containerInstances");
    json_t *failures = service_list(out, "failures");
    const json_t *v;
    size_t i;
    int r = service_describe_limit(in, "containerInstances", err);
    if (r == 0 && json_array_size(sw_json_array(in, "containerInstances")) == 0)
        r = sw_fail(err, SW_EINVALID, SERVICE_INVALID, "Container instances cannot be empty.");
    if (r < 0 || (r = service_cluster(l, c, sw_json_str(in, "cluster", NULL), &cluster, err)) < 0)
        return r;
    json_array_foreach(sw_json_array(in, "containerInstances"), i, v) {
        char id[ARN_ID_LEN + 1], arn[ARN_MAX];
        struct instance_arg a = {.l = l,
                                 .c = c,
                                 .cluster = &cluster,
                                 .id = id,
                                 .with_tags = service_includes(in, "TAGS"),
                                 .with_health = service_includes(in, "CONTAINER_INSTANCE_HEALTH"),
                                 .now_us = l->now_us()};
        r = service_id(c, cluster.name, ARN_CONTAINER_INSTANCE, json_string_value(v), id, err);
        if (r < 0 || (r = meta_tx(l->db, META_READ_LONG, do_describe, &a, err)) < 0)
            return r;
        arn_container_instance(arn, c->region, c->account, cluster.name, id);
        if (a.instance)
            json_array_append_new(list, a.instance);
        else
            json_array_append_new(failures, service_failure(arn, "MISSING"));
    }
    return 0;
}

/* State. A DRAINING instance gets no new tasks; its standalone tasks stay, those of services are their services' to move. */

static int set_state(struct meta_tx *tx, void *arg, struct sw_err *err)
{
    struct instance_arg *a = arg;
    a->refusal = NULL;
    int r = read_one(tx, a, a->id, err);
    const char *now = sw_json_str(a->instance, "status", "");
    if (r < 0)
        return r;
    if (!a->instance || sw_streq(now, "INACTIVE")) {
        a->refusal = a->instance ? "INACTIVE" : "MISSING";
        return 0;
    }
    if (sw_streq(now, a->status))
        return 0;
    r = instance_store_set_status(tx, a->id, a->status, err);
    return r < 0 ? r : read_one(tx, a, a->id, err);
}

int launcher_update_instances_state(struct launcher *l, const struct launcher_caller *c,
                                    const json_t *in, json_t *out, struct sw_err *err)
{
    struct cluster_ref cluster;
    json_t *list = service_list(out, "containerInstances");
    json_t *failures = service_list(out, "failures");
    const json_t *names = sw_json_array(in, "containerInstances"), *v;
    const char *status = sw_json_str(in, "status", "");
    size_t i;
    int r = service_cluster(l, c, sw_json_str(in, "cluster", NULL), &cluster, err);
    if (r < 0)
        return r;
    if (!sw_streq(status, "ACTIVE") && !sw_streq(status, "DRAINING"))
        return sw_fail(err, SW_EINVALID, SERVICE_INVALID,
                       "A container instance can be set to ACTIVE or DRAINING.");
    if (json_array_size(names) < 1 || json_array_size(names) > STATES_MAX)
        return sw_fail(err, SW_EINVALID, SERVICE_INVALID,
                       "Between 1 and %d container instances must be named.", STATES_MAX);
    json_array_foreach(names, i, v) {
        char id[ARN_ID_LEN + 1], arn[ARN_MAX];
        struct instance_arg a = {
            .l = l, .c = c, .cluster = &cluster, .id = id, .status = status, .now_us = l->now_us()};
        r = service_id(c, cluster.name, ARN_CONTAINER_INSTANCE, json_string_value(v), id, err);
        if (r == 0)
            r = meta_tx(l->db, META_WRITE, set_state, &a, err);
        if (r == 0 && !a.refusal)
            json_array_append(list, a.instance);
        arn_container_instance(arn, c->region, c->account, cluster.name, id);
        if (r == 0 && a.refusal)
            json_array_append_new(failures, service_failure(arn, a.refusal));
        json_decref(a.instance);
        if (r < 0)
            return r;
    }
    service_loop_wake(l->services);
    return 0;
}

/* The program is updated with the machine, never from here. */
int launcher_update_agent(struct launcher *l, const struct launcher_caller *c, const json_t *in,
                          json_t *out SW_UNUSED, struct sw_err *err)
{
    struct cluster_ref cluster;
    char id[ARN_ID_LEN + 1];
    int r = service_cluster(l, c, sw_json_str(in, "cluster", NULL), &cluster, err);
    if (r < 0 || (r = service_id(c, cluster.name, ARN_CONTAINER_INSTANCE,
                                 sw_json_str(in, "containerInstance", NULL), id, err)) < 0)
        return r;
    struct instance_arg a = {.l = l, .c = c, .cluster = &cluster, .id = id, .now_us = l->now_us()};
    if ((r = meta_tx(l->db, META_READ, do_describe, &a, err)) < 0)
        return r;
    bool there = a.instance && !sw_streq(sw_json_str(a.instance, "status", ""), "INACTIVE");
    json_decref(a.instance);
    if (!there)
        return sw_fail(err, SW_ENOTFOUND, SERVICE_INVALID,
                       "Referenced container instance %s not found.", id);
    return sw_fail(err, SW_ECONFLICT, "NoUpdateAvailableException",
                   "There is no update available for your container agent: it is updated with the "
                   "slipway program of its machine.");
}

struct list_arg {
    struct launcher *l;
    int64_t cluster_id, now_us;
    const char *status;
    const struct cluster_query *query; /* NULL: all */
    struct launcher_page *page;
    json_t *ids;
};

/* Whether the row, which is taken, is one that the query wants: 1 or 0. */
static int wanted(struct meta_tx *tx, struct list_arg *a, struct instance_row *row,
                  struct sw_err *err)
{
    struct instance_view v;
    int r = instance_view_read(tx, row, &v, err);
    if (r < 0)
        return r;
    r = instance_view_read_groups(tx, &v, err);
    v.agent_connected = agents_connected(a->l->agents, v.row.id, a->now_us);
    struct plan_instance view = instance_view_plan(&v);
    struct cluster_query_tasks tasks = {.running = v.usage.running};
    if (r == 0)
        r = cluster_query_matches(a->query, &view, &tasks);
    instance_view_done(&v);
    return r;
}

static int list_matching(struct meta_tx *tx, struct list_arg *a, struct sw_err *err)
{
    struct instance_row *rows = NULL;
    size_t n = 0;
    bool more = false;
    int r = instance_store_all(tx, a->cluster_id, &rows, &n, err);
    for (size_t i = 0; i < n && r >= 0 && !more; i++) {
        if (strcmp(rows[i].id, a->page->after) <= 0 ||
            (*a->status && !sw_streq(rows[i].status, a->status)))
            continue;
        char id[ARN_ID_LEN + 1];
        (void)sw_str_copy(sw_str(rows[i].id), id, sizeof id);
        r = wanted(tx, a, &rows[i], err);
        more = r > 0 && (int)json_array_size(a->ids) == a->page->limit;
        if (r > 0 && !more)
            json_array_append_new(a->ids, json_string(id));
    }
    instance_rows_free(rows, n);
    if (r < 0)
        return r;
    size_t last = json_array_size(a->ids);
    if (more)
        service_page_end(a->page, json_string_value(json_array_get(a->ids, last - 1)), true);
    return 0;
}

static int do_list(struct meta_tx *tx, void *arg, struct sw_err *err)
{
    struct list_arg *a = arg;
    json_array_clear(a->ids);
    if (a->query)
        return list_matching(tx, a, err);
    return instance_store_list(tx, a->cluster_id, a->status, a->page, a->ids, err);
}

int launcher_list_instances(struct launcher *l, const struct launcher_caller *c, const json_t *in,
                            struct launcher_page *page, json_t *out, struct sw_err *err)
{
    struct cluster_ref cluster;
    sw_autojson json_t *ids = json_array();
    const json_t *v;
    size_t i;
    int r = service_cluster(l, c, sw_json_str(in, "cluster", NULL), &cluster, err);
    if (r < 0)
        return r;
    SW_CLEANUP(sw_arena_done) struct sw_arena arena = {0};
    const char *filter = sw_json_str(in, "filter", "");
    struct list_arg a = {.l = l,
                         .cluster_id = cluster.id,
                         .now_us = l->now_us(),
                         .status = sw_json_str(in, "status", ""),
                         .page = page,
                         .ids = ids};
    if (*filter && (r = cluster_query_parse(sw_str(filter), &arena, &a.query, err)) < 0)
        return r;
    if ((r = meta_tx(l->db, META_READ_LONG, do_list, &a, err)) < 0)
        return r;
    json_t *arns = service_list(out, "containerInstanceArns");
    json_array_foreach(ids, i, v) {
        char arn[ARN_MAX];
        arn_container_instance(arn, c->region, c->account, cluster.name, json_string_value(v));
        json_array_append_new(arns, json_string(arn));
    }
    return 0;
}
