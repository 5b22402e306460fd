/* SPDX-License-Identifier: Apache-2.0 */
/* What the stores promise beyond what the operations show: guarded changes. */
#include "launcher/service/cluster_store.h"
#include "launcher/service/instance_store.h"
#include "launcher/service/task_store.h"
#include "launcher/service/taskdef_store.h"
#include "tests/unit/launcher/service/world.h"

struct site {
    struct world w;
    char instance[ARN_MAX], task[ARN_MAX];
    const char *instance_id, *task_id;
    int64_t cluster_id;
};

static int find_cluster(struct meta_tx *tx, void *arg, struct sw_err *err)
{
    struct site *s = arg;
    struct cluster_row row = {.id = 0};
    int r = cluster_store_get(tx, &s->w.user, "default", &row, err);
    s->cluster_id = row.id;
    cluster_row_done(&row);
    return r;
}

static void site_open(struct site *s)
{
    struct sw_err err = SW_ERR_INIT;
    world_open(&s->w);
    world_instance(&s->w, 1024, 1000, s->instance);
    world_taskdef(&s->w, "app", 64, 8080);
    sw_autojson json_t *out =
        call(&s->w, &s->w.user, launcher_run_task, doc("{'taskDefinition': 'app'}"));
    (void)snprintf(s->task, ARN_MAX, "%s", task_arn_of(out, 0));
    s->instance_id = strrchr(s->instance, '/') + 1;
    s->task_id = strrchr(s->task, '/') + 1;
    CHECK_OK(meta_tx(s->w.db, META_READ, find_cluster, s, &err));
}

static int claim_twice(struct meta_tx *tx, void *arg, struct sw_err *err)
{
    struct site *s = arg;
    struct instance_row row = {.id = NULL};
    int r = instance_store_get(tx, s->cluster_id, s->instance_id, &row, err);
    int64_t version = row.version;
    instance_row_done(&row);
    if (r < 0 || (r = instance_store_claim(tx, s->instance_id, version, err)) < 0)
        return r;
    return instance_store_claim(tx, s->instance_id, version, err);
}

static int claim_draining(struct meta_tx *tx, void *arg, struct sw_err *err)
{
    struct site *s = arg;
    struct instance_row row = {.id = NULL};
    int r = instance_store_set_status(tx, s->instance_id, "DRAINING", err);
    if (r < 0 || (r = instance_store_get(tx, s->cluster_id, s->instance_id, &row, err)) < 0)
        return r;
    int64_t version = row.version;
    instance_row_done(&row);
    return instance_store_claim(tx, s->instance_id, version, err);
}

TEST(an_instance_is_claimed_once_a_version_and_only_while_active)
{
    struct site s;
    struct sw_err err = SW_ERR_INIT;
    site_open(&s);
    CHECK_ERR(meta_tx(s.w.db, META_WRITE, claim_twice, &s, &err), SW_ESTALE, NULL);
    CHECK_ERR(meta_tx(s.w.db, META_WRITE, claim_draining, &s, &err), SW_ESTALE, NULL);
    world_close(&s.w);
}

static int put_twice(struct meta_tx *tx, void *arg, struct sw_err *err)
{
    struct site *s = arg;
    struct task_row one = {.id = NULL}, two = {.id = NULL};
    int r = task_store_get(tx, s->cluster_id, s->task_id, &one, err);
    if (r > 0)
        r = task_store_get(tx, s->cluster_id, s->task_id, &two, err);
    if (r > 0)
        r = task_store_put(tx, &one, 1, err);
    if (r == 0)
        r = task_store_put(tx, &two, 1, err);
    task_row_done(&one);
    task_row_done(&two);
    return r;
}

TEST(a_task_is_written_only_over_the_version_that_was_read)
{
    struct site s;
    struct sw_err err = SW_ERR_INIT;
    site_open(&s);
    CHECK_ERR(meta_tx(s.w.db, META_WRITE, put_twice, &s, &err), SW_ESTALE, NULL);
    world_close(&s.w);
}

struct usage_arg {
    const char *instance_id;
    struct task_usage usage;
};

static int read_usage(struct meta_tx *tx, void *arg, struct sw_err *err)
{
    struct usage_arg *a = arg;
    return task_store_usage(tx, a->instance_id, &a->usage, err);
}

TEST(usage_sums_what_is_not_stopped)
{
    struct site s;
    struct sw_err err = SW_ERR_INIT;
    site_open(&s);
    struct usage_arg a = {.instance_id = s.instance_id};
    CHECK_OK(meta_tx(s.w.db, META_READ, read_usage, &a, &err));
    CHECK_EQ_INT(a.usage.cpu, 100);
    CHECK_EQ_INT(a.usage.memory_mib, 64);
    CHECK_EQ_INT(a.usage.pending, 1);
    CHECK_EQ_INT(json_integer_value(json_array_get(a.usage.tcp_ports, 0)), 8080);
    task_usage_done(&a.usage);
    json_decref(call(&s.w, &s.w.agent, launcher_submit_task_state,
                     doc("{'task': '%s', 'status': 'STOPPED'}", s.task)));
    CHECK_OK(meta_tx(s.w.db, META_READ, read_usage, &a, &err));
    CHECK_EQ_INT(a.usage.tasks, 0);
    CHECK_EQ_INT(a.usage.memory_mib, 0);
    task_usage_done(&a.usage);
    world_close(&s.w);
}

static int count_up(struct meta_tx *tx, void *arg, struct sw_err *err)
{
    struct site *s = arg;
    int64_t one = 0, two = 0, other = 0;
    int r = taskdef_store_next_revision(tx, &s->w.user, "fam", &one, err);
    if (r == 0)
        r = taskdef_store_next_revision(tx, &s->w.user, "fam", &two, err);
    if (r == 0)
        r = taskdef_store_next_revision(tx, &s->w.user, "other", &other, err);
    if (r < 0)
        return r;
    return one == 1 && two == 2 && other == 1 ? 0
                                              : sw_fail(err, SW_EINTERNAL, NULL, "wrong revisions");
}

TEST(revisions_count_up_in_each_family)
{
    struct site s;
    struct sw_err err = SW_ERR_INIT;
    site_open(&s);
    CHECK_OK(meta_tx(s.w.db, META_WRITE, count_up, &s, &err));
    world_close(&s.w);
}

static int count_cluster(struct meta_tx *tx, void *arg, struct sw_err *err)
{
    struct site *s = arg;
    struct cluster_counts n;
    int r = cluster_store_counts(tx, s->cluster_id, &n, err);
    if (r < 0)
        return r;
    return n.instances == 1 && n.pending == 1 && n.running == 0
               ? 0
               : sw_fail(err, SW_EINTERNAL, NULL, "wrong counts");
}

TEST(a_cluster_counts_its_instances_and_tasks)
{
    struct site s;
    struct sw_err err = SW_ERR_INIT;
    site_open(&s);
    CHECK_OK(meta_tx(s.w.db, META_READ, count_cluster, &s, &err));
    world_close(&s.w);
}
