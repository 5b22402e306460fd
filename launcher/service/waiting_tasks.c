/* SPDX-License-Identifier: Apache-2.0 */
/* One look: snapshot (waiting tasks of one account and region, the Fargate fleet) -> plan_place, for tasks that ask for the same at once
 * -> one write transaction that claims each machine at the version that was seen, and each task at its own. */
#include "launcher/service/waiting_tasks.h"

#include "base/alloc.h"
#include "base/arena.h"
#include "base/id.h"
#include "base/json.h"
#include "base/log.h"
#include "base/macros.h"
#include "launcher/service/agents.h"
#include "launcher/service/instance_view.h"
#include "launcher/service/lease.h"
#include "launcher/service/placement_rules.h"
#include "launcher/service/poll.h"
#include "launcher/service/service.h"
#include "launcher/service/task_doc.h"
#include "launcher/service/taskdef_store.h"

/* Tasks of one look; and of these, in one cluster, that ask for the same: what cannot be placed keeps no other from the look. */
#define LOOK_MAX  1000
#define ALIKE_MAX 50

struct waiting {
    char id[ARN_ID_LEN + 1];
    int64_t cpu, memory_mib, definition_id;
    bool placed;
    size_t instance; /* index, when it is placed */
};

struct look {
    struct launcher *l;
    int64_t now_us;
    char account[13], region[64];
    struct waiting *tasks; /* oldest first */
    size_t n;
    json_t *definitions; /* {"row id": document} */
    struct instance_view *instances;
    size_t instances_n;
    struct sw_arena arena;
    size_t placed;
};

static void forget(struct look *k)
{
    free(k->tasks);
    json_decref(k->definitions);
    instance_views_free(k->instances, k->instances_n);
    k->tasks = NULL;
    k->definitions = NULL;
    k->instances = NULL;
    k->n = k->instances_n = 0;
}

static void look_done(struct look *k)
{
    forget(k);
    sw_arena_done(&k->arena);
}

int waiting_tasks_room(struct meta_tx *tx, int64_t cluster_id, int *ret_room, struct sw_err *err)
{
    int64_t n = 0;
    int r = meta_get(tx, err,
                     "SELECT COUNT(*) FROM task WHERE cluster_id = $1 AND instance_id IS NULL"
                     " AND stopped_at IS NULL",
                     "i", cluster_id, "i", &n);
    *ret_room = (int)SW_MAX(WAITING_TASKS_MAX - n, (int64_t)0);
    return r < 0 ? r : 0;
}

/* Snapshot. */

static int read_definition(struct meta_tx *tx, struct look *k, int64_t id, struct sw_err *err)
{
    char key[24];
    json_t *document = NULL;
    (void)snprintf(key, sizeof key, "%lld", (long long)id);
    if (json_object_get(k->definitions, key))
        return 0;
    int r = taskdef_store_document(tx, id, &document, err);
    if (r == 0)
        json_object_set_new(k->definitions, key, document);
    return r;
}

static int read_tasks(struct meta_tx *tx, struct look *k, struct sw_err *err)
{
    meta_autostmt *st = NULL;
    int r = meta_query(tx, err, &st,
                       "SELECT id, cpu, memory_mib, definition_id FROM"
                       " (SELECT t.id, t.cpu, t.memory_mib, t.definition_id, t.created_at,"
                       " ROW_NUMBER() OVER (PARTITION BY t.cluster_id, t.definition_id, t.cpu,"
                       " t.memory_mib ORDER BY t.created_at, t.id) AS alike FROM task t"
                       " JOIN cluster c ON c.id = t.cluster_id WHERE t.instance_id IS NULL"
                       " AND t.stopped_at IS NULL AND c.account_id = $1 AND c.region = $2) AS w"
                       " WHERE alike <= $3 ORDER BY created_at, id LIMIT $4",
                       "ttii", k->account, k->region, (int64_t)ALIKE_MAX, (int64_t)LOOK_MAX);
    k->tasks = sw_calloc(LOOK_MAX, sizeof *k->tasks);
    while (r >= 0 && (r = meta_step(st, err)) > 0) {
        struct waiting *w = &k->tasks[k->n++];
        (void)sw_str_copy(meta_str(st, 0), w->id, sizeof w->id);
        w->cpu = meta_int(st, 1);
        w->memory_mib = meta_int(st, 2);
        w->definition_id = meta_int(st, 3);
    }
    for (size_t i = 0; i < k->n && r >= 0; i++)
        r = read_definition(tx, k, k->tasks[i].definition_id, err);
    return r < 0 ? r : 0;
}

static int snapshot(struct meta_tx *tx, void *arg, struct sw_err *err)
{
    struct look *k = arg;
    const struct instance_scope scope = {
        .account = k->account, .region = k->region, .launch = PLAN_LAUNCH_FARGATE};
    forget(k);
    k->definitions = json_object();
    int r = read_tasks(tx, k, err);
    return r < 0 ? r : instance_views_read(tx, &scope, &k->instances, &k->instances_n, err);
}

/* Plan. */

static bool same(const struct waiting *a, const struct waiting *b)
{
    return a->definition_id == b->definition_id && a->cpu == b->cpu &&
           a->memory_mib == b->memory_mib;
}

/* Tasks [from, to) ask for the same. What they take is gone for those that come later. */
static void place(struct look *k, struct plan_instance *view, size_t from, size_t to)
{
    char key[24];
    const struct waiting *w = &k->tasks[from];
    (void)snprintf(key, sizeof key, "%lld", (long long)w->definition_id);
    size_t n;
    const struct plan_attribute *required =
        placement_required(json_object_get(k->definitions, key), &k->arena, &n);
    const struct task_resources want = {.cpu = w->cpu, .memory_mib = w->memory_mib};
    const struct plan_cluster cluster = {.instances = view, .instances_n = k->instances_n};
    struct plan_placements got;
    const struct plan_request req = {.resources = &want,
                                     .launch = PLAN_LAUNCH_FARGATE,
                                     .required = required,
                                     .required_n = n,
                                     .count = (int)(to - from)};
    plan_place(&cluster, &req, &k->arena, &got);
    for (size_t i = 0; i < (size_t)got.placed; i++) {
        struct plan_instance *at = &view[got.instance[i]];
        k->tasks[from + i].placed = true;
        k->tasks[from + i].instance = got.instance[i];
        at->cpu -= want.cpu;
        at->memory_mib -= want.memory_mib;
        at->tasks++;
    }
    k->placed += (size_t)got.placed;
}

static void plan(struct look *k)
{
    struct plan_instance *view = SW_ARENA_NEW(&k->arena, struct plan_instance, k->instances_n);
    for (size_t i = 0; i < k->instances_n; i++) {
        k->instances[i].agent_connected =
            agents_connected(k->l->agents, k->instances[i].row.id, k->now_us);
        view[i] = instance_view_plan(&k->instances[i]);
    }
    for (size_t from = 0, to; from < k->n; from = to) {
        for (to = from + 1; to < k->n && same(&k->tasks[from], &k->tasks[to]);)
            to++;
        place(k, view, from, to);
    }
}

/* Changes. */

static bool first_on_instance(const struct look *k, size_t task)
{
    for (size_t i = 0; i < task; i++) {
        if (k->tasks[i].placed && k->tasks[i].instance == k->tasks[task].instance)
            return false;
    }
    return true;
}

static int apply_one(struct meta_tx *tx, struct look *k, size_t i, struct sw_err *err)
{
    struct task_row row = {.id = NULL};
    const struct instance_view *at = &k->instances[k->tasks[i].instance];
    int r =
        first_on_instance(k, i) ? instance_store_claim(tx, at->row.id, at->row.version, err) : 0;
    if (r == 0)
        r = task_store_get(tx, 0, k->tasks[i].id, &row, err);
    bool waits = r > 0 && !row.instance_id &&
                 sw_streq(sw_json_str(row.document, "desiredStatus", ""), "RUNNING");
    if (r >= 0 && !waits)
        r = sw_fail(err, SW_ESTALE, NULL, "task %s waits no more", k->tasks[i].id);
    if (r > 0) {
        task_doc_place(row.document, sw_json_array(at->document, "attributes"));
        r = task_store_set_instance(tx, row.id, at->row.id, err);
    }
    if (r == 0)
        r = task_store_put(tx, &row, k->now_us, err);
    task_row_done(&row);
    return r;
}

static int apply(struct meta_tx *tx, void *arg, struct sw_err *err)
{
    struct look *k = arg;
    int r = lease_guard(tx, k->l->lease, err);
    for (size_t i = 0; i < k->n && r == 0; i++) {
        if (k->tasks[i].placed)
            r = apply_one(tx, k, i, err);
    }
    return r;
}

static int place_region(struct launcher *l, const char *account, const char *region,
                        struct sw_err *err)
{
    SW_CLEANUP(look_done) struct look k = {.l = l, .now_us = l->now_us()};
    (void)sw_str_copy(sw_str(account), k.account, sizeof k.account);
    (void)sw_str_copy(sw_str(region), k.region, sizeof k.region);
    int r = meta_tx(l->db, META_READ_LONG, snapshot, &k, err);
    if (r < 0)
        return r;
    plan(&k);
    if (k.placed == 0)
        return 0;
    if ((r = meta_tx(l->db, META_WRITE, apply, &k, err)) < 0)
        return r;
    for (size_t i = 0; i < k.n; i++) {
        if (k.tasks[i].placed && first_on_instance(&k, i))
            poll_notify(l, k.instances[k.tasks[i].instance].row.id);
    }
    sw_log(SW_LOG_INFO, "waiting-tasks-placed", "#placed", (int64_t)k.placed, "#waiting",
           (int64_t)(k.n - k.placed), NULL);
    return 1;
}

/* [[account, region]] that have waiting tasks. */
static int read_regions(struct meta_tx *tx, void *arg, struct sw_err *err)
{
    meta_autostmt *st = NULL;
    json_array_clear(arg);
    int r = meta_query(tx, err, &st,
                       "SELECT DISTINCT c.account_id, c.region FROM task t"
                       " JOIN cluster c ON c.id = t.cluster_id"
                       " WHERE t.instance_id IS NULL AND t.stopped_at IS NULL"
                       " ORDER BY c.account_id, c.region",
                       "");
    while (r >= 0 && (r = meta_step(st, err)) > 0) {
        sw_autofree char *account = meta_dup(st, 0), *region = meta_dup(st, 1);
        json_array_append_new(arg, json_pack("[s, s]", account, region));
    }
    return r < 0 ? r : 0;
}

int waiting_tasks_place(struct launcher *l, struct sw_err *err)
{
    sw_autojson json_t *regions = json_array();
    const json_t *v;
    size_t i;
    bool any = false;
    int r = meta_tx(l->db, META_READ, read_regions, regions, err);
    json_array_foreach(regions, i, v) {
        if (r >= 0)
            r = place_region(l, json_string_value(json_array_get(v, 0)),
                             json_string_value(json_array_get(v, 1)), err);
        any |= r > 0;
    }
    return r < 0 ? r : any;
}
