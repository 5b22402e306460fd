/* SPDX-License-Identifier: Apache-2.0 */
/* What goes after a while, and what stays; and that the database finds it by an index. */
#include "launcher/service/expire.h"

#include "launcher/service/launcher_services.h"
#include "tests/unit/launcher/service/world.h"

#define DAY (86400 * INT64_C(1000000))

struct sql {
    const char *text;
    int64_t n;
};

static int exec_tx(struct meta_tx *tx, void *arg, struct sw_err *err)
{
    return meta_exec(tx, err, NULL, ((struct sql *)arg)->text, "");
}

static int count_tx(struct meta_tx *tx, void *arg, struct sw_err *err)
{
    struct sql *q = arg;
    int r = meta_get(tx, err, q->text, "", "i", &q->n);
    return r < 0 ? r : 0;
}

static void run_sql(struct world *w, const char *text)
{
    struct sw_err err = SW_ERR_INIT;
    struct sql q = {.text = text};
    CHECK_OK(meta_tx(w->db, META_WRITE, exec_tx, &q, &err));
}

static int64_t count(struct world *w, const char *text)
{
    struct sw_err err = SW_ERR_INIT;
    struct sql q = {.text = text};
    CHECK_OK(meta_tx(w->db, META_READ, count_tx, &q, &err));
    return q.n;
}

static void expire(struct world *w)
{
    struct sw_err err = SW_ERR_INIT;
    CHECK_OK(launcher_expire(w->l, &err));
}

TEST(a_deleted_cluster_is_described_for_a_day_and_then_missing)
{
    struct world w;
    world_open(&w);
    json_decref(call(&w, &w.user, launcher_create_cluster, doc("{'clusterName': 'old'}")));
    json_decref(call(&w, &w.user, launcher_create_cluster, doc("{'clusterName': 'again'}")));
    json_decref(call(&w, &w.user, launcher_delete_cluster, doc("{'cluster': 'old'}")));
    json_decref(call(&w, &w.user, launcher_delete_cluster, doc("{'cluster': 'again'}")));
    world_now_us += DAY / 2;
    json_decref(call(&w, &w.user, launcher_create_cluster, doc("{'clusterName': 'again'}")));
    expire(&w);
    sw_autojson json_t *there =
        call(&w, &w.user, launcher_describe_clusters, doc("{'clusters': ['old']}"));
    const json_t *c = json_array_get(sw_json_array(there, "clusters"), 0);
    CHECK_EQ_STR(sw_json_str(c, "status", ""), "INACTIVE");
    world_now_us += DAY;
    expire(&w);
    sw_autojson json_t *gone =
        call(&w, &w.user, launcher_describe_clusters, doc("{'clusters': ['old', 'again']}"));
    CHECK_EQ_INT(json_array_size(sw_json_array(gone, "clusters")), 1);
    const json_t *f = json_array_get(sw_json_array(gone, "failures"), 0);
    CHECK_EQ_STR(sw_json_str(f, "reason", ""), "MISSING");
    world_close(&w);
}

TEST(a_cluster_goes_after_what_refers_to_it)
{
    struct world w;
    char instance[ARN_MAX];
    world_open(&w);
    world_instance(&w, 1024, 1000, instance);
    json_decref(call(&w, &w.user, launcher_deregister_instance,
                     doc("{'containerInstance': '%s', 'force': true}", instance)));
    json_decref(call(&w, &w.user, launcher_delete_cluster, doc("{'cluster': 'default'}")));
    world_now_us += 2 * DAY;
    for (int i = 0; i < 2; i++) /* instances, then the cluster */
        expire(&w);
    CHECK_EQ_INT(count(&w, "SELECT COUNT(*) FROM cluster"), 0);
    world_close(&w);
}

static void add_service(struct world *w)
{
    run_sql(w, "INSERT INTO cluster (id, account_id, region, name, status, document, created_at)"
               " VALUES (1, '" WORLD_ACCOUNT "', 'us-east-1', 'c', 'ACTIVE', '{}', 0)");
    run_sql(w, "INSERT INTO task_definition (id, account_id, region, family, revision, status,"
               " document, registered_at) VALUES (1, '" WORLD_ACCOUNT
               "', 'us-east-1', 'f', 1, 'ACTIVE', '{}', 0)");
    run_sql(w,
            "INSERT INTO service (id, cluster_id, name, status, scheduling, launch_type, desired,"
            " steady, document, request, version, created_at, ended_at) VALUES (1, 1, 's',"
            " 'INACTIVE', 'REPLICA', 'EC2', 0, 1, '{}', '{}', 1, 0, 1)");
}

TEST(many_rows_go_in_batches)
{
    struct world w;
    world_open(&w);
    add_service(&w);
    run_sql(&w, "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1200)"
                " INSERT INTO service_event (service_id, uuid, message, created_at)"
                " SELECT 1, 'u' || i, 'm', 0 FROM n");
    run_sql(&w, "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1200)"
                " INSERT INTO task_request (cluster_id, client_token, request, tasks, created_at)"
                " SELECT 1, 't' || i, '{}', '[]', 5 FROM n");
    expire(&w);
    CHECK_EQ_INT(count(&w, "SELECT COUNT(*) FROM service_event"), 0);
    CHECK_EQ_INT(count(&w, "SELECT COUNT(*) FROM task_request"), 0);
    CHECK_EQ_INT(count(&w, "SELECT COUNT(*) FROM service"), 0);
    world_close(&w);
}

#define DEPLOYMENT(id, number, rollout, finished)                                                 \
    "INSERT INTO service_deployment (id, service_id, number, definition_id, public_id, revision," \
    " status, rollout, failed_tasks, start_failures, last_failure_at, retry_at, rolled_back,"     \
    " stable, desired, document, created_at, updated_at, finished_at) VALUES ('" id               \
    "', 1, " number ", 1, 'p', 'r', 'INACTIVE', '" rollout                                        \
    "', 0, 0, 0, 0, 0, 0, 1, '{}', 0, 0, " finished ")"

TEST(old_deployments_go_but_for_what_a_rollback_needs)
{
    struct world w;
    world_open(&w);
    add_service(&w);
    run_sql(&w, "UPDATE service SET status = 'ACTIVE', ended_at = NULL");
    run_sql(&w, DEPLOYMENT("a", "1", "COMPLETED", "1"));
    run_sql(&w, DEPLOYMENT("b", "2", "COMPLETED", "1"));
    run_sql(&w, DEPLOYMENT("c", "3", "FAILED", "1"));
    run_sql(&w, DEPLOYMENT("d", "4", "IN_PROGRESS", "1")); /* a task set, or replaced */
    run_sql(&w, DEPLOYMENT("e", "5", "FAILED", "1800000000000000"));
    expire(&w);
    CHECK_EQ_INT(count(&w, "SELECT COUNT(*) FROM service_deployment"), 2);
    CHECK_EQ_INT(count(&w, "SELECT COUNT(*) FROM service_deployment WHERE id IN ('b', 'e')"), 2);
    world_close(&w);
}

TEST(activations_go_a_month_after_they_expired)
{
    struct world w;
    world_open(&w);
    run_sql(&w, "INSERT INTO ssm_activation VALUES ('old', '" WORLD_ACCOUNT
                "', 'us-east-1', '{}', 1, 0, 0, 5)");
    run_sql(&w, "INSERT INTO ssm_activation VALUES ('new', '" WORLD_ACCOUNT
                "', 'us-east-1', '{}', 1, 0, 0, 1800000000000000)");
    expire(&w);
    CHECK_EQ_INT(count(&w, "SELECT COUNT(*) FROM ssm_activation"), 1);
    CHECK_EQ_INT(count(&w, "SELECT COUNT(*) FROM ssm_activation WHERE id = 'new'"), 1);
    world_close(&w);
}
