/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/launcher/service/world.h"

TEST(default_cluster_exists_and_others_are_made_once)
{
    struct world w;
    char next[ARN_MAX];
    world_open(&w);
    sw_autojson json_t *d = call(&w, &w.user, launcher_describe_clusters, doc("{}"));
    json_t *c = json_array_get(sw_json_array(d, "clusters"), 0);
    CHECK_EQ_STR(sw_json_str(c, "clusterArn", ""),
                 "arn:aws:ecs:us-east-1:" WORLD_ACCOUNT ":cluster/default");
    CHECK_EQ_STR(sw_json_str(c, "status", ""), "ACTIVE");
    json_decref(call(&w, &w.user, launcher_create_cluster, doc("{'clusterName': 'two'}")));
    json_decref(call(&w, &w.user, launcher_create_cluster, doc("{'clusterName': 'two'}")));
    sw_autojson json_t *all = list(&w, launcher_list_clusters, doc("{}"), "", 1, next);
    CHECK_EQ_STR(next, "default");
    sw_autojson json_t *rest = list(&w, launcher_list_clusters, doc("{}"), next, 9, next);
    CHECK_EQ_INT(json_array_size(sw_json_array(rest, "clusterArns")), 1);
    sw_autojson json_t *none =
        call(&w, &w.user, launcher_describe_clusters, doc("{'clusters': ['none', 'two']}"));
    CHECK_EQ_INT(json_array_size(sw_json_array(none, "clusters")), 1);
    CHECK_EQ_STR(sw_json_str(json_array_get(sw_json_array(none, "failures"), 0), "reason", ""),
                 "MISSING");
    refused(&w, &w.user, launcher_create_cluster, doc("{'clusterName': 'a b'}"), SW_EINVALID,
            "InvalidParameterException", "Cluster name");
    world_close(&w);
}

static json_t *again(struct world *w, const struct launcher_caller *c, const char *arn, int cpu)
{
    return call(w, c, launcher_register_instance,
                doc("{'containerInstanceArn': '%s', 'totalResources': ["
                    "{'name': 'CPU', 'type': 'INTEGER', 'integerValue': %d},"
                    "{'name': 'MEMORY', 'type': 'INTEGER', 'integerValue': 100}]}",
                    arn, cpu));
}

TEST(registering_again_renews_the_same_instance)
{
    struct world w;
    char arn[ARN_MAX], next[ARN_MAX];
    world_open(&w);
    world_instance(&w, 1024, 1000, arn);
    sw_autojson json_t *renewed = again(&w, &w.agent, arn, 2048);
    json_t *i = sw_json_object(renewed, "containerInstance");
    CHECK_EQ_STR(sw_json_str(i, "containerInstanceArn", ""), arn);
    CHECK_EQ_INT(
        sw_json_int(json_array_get(sw_json_array(i, "registeredResources"), 0), "integerValue", 0),
        2048);
    sw_autojson json_t *in = doc("{'containerInstanceArn': '%s', 'totalResources': []}", arn);
    refused(&w, &w.agent, launcher_register_instance, json_incref(in), SW_EINVALID,
            "InvalidParameterException", "CPU and MEMORY");
    sw_autojson json_t *all = list(&w, launcher_list_instances, doc("{}"), "", 9, next);
    CHECK_EQ_INT(json_array_size(sw_json_array(all, "containerInstanceArns")), 1);
    refused(&w, &w.agent, launcher_register_instance, doc("{'cluster': 'none'}"), SW_ENOTFOUND,
            "ClientException", "Cluster not found."); /* the words that agents know */
    refused(&w, &w.user, launcher_register_instance,
            doc("{'containerInstanceArn': '%s', 'totalResources': ["
                "{'name': 'CPU', 'type': 'INTEGER', 'integerValue': 1},"
                "{'name': 'MEMORY', 'type': 'INTEGER', 'integerValue': 100}]}",
                arn),
            SW_EDENIED, "AccessDeniedException", "another principal");
    sw_autojson json_t *fresh = again(&w, &w.agent, "00000000000000000000000000000000", 1);
    CHECK(!sw_streq(
        sw_json_str(sw_json_object(fresh, "containerInstance"), "containerInstanceArn", ""), arn));
    world_close(&w);
}

TEST(deregistering_needs_force_while_tasks_are_there)
{
    struct world w;
    char arn[ARN_MAX];
    world_open(&w);
    world_instance(&w, 1024, 1000, arn);
    world_taskdef(&w, "app", 64, 0);
    sw_autojson json_t *run =
        call(&w, &w.user, launcher_run_task, doc("{'taskDefinition': 'app'}"));
    refused(&w, &w.agent, launcher_deregister_instance, doc("{'containerInstance': '%s'}", arn),
            SW_EINVALID, "InvalidParameterException", "Found running tasks on the instance.");
    sw_autojson json_t *gone = call(&w, &w.agent, launcher_deregister_instance,
                                    doc("{'containerInstance': '%s', 'force': true}", arn));
    CHECK_EQ_STR(sw_json_str(sw_json_object(gone, "containerInstance"), "status", ""), "INACTIVE");
    sw_autojson json_t *seen =
        call(&w, &w.user, launcher_describe_tasks, doc("{'tasks': ['%s']}", task_arn_of(run, 0)));
    CHECK_EQ_STR(sw_json_str(json_array_get(sw_json_array(seen, "tasks"), 0), "lastStatus", ""),
                 "STOPPED");
    refused(&w, &w.agent, launcher_deregister_instance, doc("{'containerInstance': '%s'}", arn),
            SW_ENOTFOUND, "InvalidParameterException", "not found");
    world_close(&w);
}

TEST(a_node_deregisters_only_itself)
{
    struct world w;
    char arn[ARN_MAX];
    world_open(&w);
    world_instance(&w, 1024, 1000, arn);
    struct principal other = w.node;
    (void)snprintf(other.user_id, sizeof other.user_id, "AIDAOTHER"); /* the name again, anew */
    struct launcher_caller neighbour = w.agent;
    neighbour.principal = &other;
    refused(&w, &neighbour, launcher_deregister_instance,
            doc("{'containerInstance': '%s', 'force': true}", arn), SW_EDENIED,
            "AccessDeniedException", "another principal");
    json_decref(
        call(&w, &w.agent, launcher_deregister_instance, doc("{'containerInstance': '%s'}", arn)));
    world_close(&w);
}

static int forget_owner_ids(struct meta_tx *tx, void *arg, struct sw_err *err)
{
    (void)arg;
    return meta_exec(tx, err, NULL,
                     "UPDATE container_instance SET document = replace(document, 'ownerId', 'x')",
                     "");
}

TEST(an_instance_of_before_owner_ids_is_its_arns)
{
    struct world w;
    struct sw_err err = SW_ERR_INIT;
    char arn[ARN_MAX];
    world_open(&w);
    world_instance(&w, 1024, 1000, arn);
    CHECK_OK(meta_tx(w.db, META_WRITE, forget_owner_ids, NULL, &err));
    struct principal same = w.node, other = w.node;
    (void)snprintf(same.user_id, sizeof same.user_id, "AIDAOTHER");
    (void)snprintf(other.arn, sizeof other.arn, "arn:aws:iam::" WORLD_ACCOUNT ":user/other");
    struct launcher_caller neighbour = w.agent;
    neighbour.principal = &other;
    refused(&w, &neighbour, launcher_deregister_instance, doc("{'containerInstance': '%s'}", arn),
            SW_EDENIED, "AccessDeniedException", "another principal");
    neighbour.principal = &same;
    json_decref(again(&w, &neighbour, arn, 1024)); /* from now on it is the id's */
    refused(&w, &w.agent, launcher_deregister_instance, doc("{'containerInstance': '%s'}", arn),
            SW_EDENIED, "AccessDeniedException", "another principal");
    world_close(&w);
}

TEST(no_more_than_a_hundred_are_described_at_once)
{
    static const struct {
        launcher_fn fn;
        const char *key;
    } table[] = {{launcher_describe_clusters, "clusters"},
                 {launcher_describe_instances, "containerInstances"},
                 {launcher_describe_tasks, "tasks"}};
    struct world w;
    world_open(&w);
    for (size_t i = 0; i < SW_ARRAY_LEN(table); i++) {
        json_t *in = json_object(), *names = json_array();
        for (int n = 0; n < 101; n++)
            json_array_append_new(names, json_string("00000000000000000000000000000000"));
        json_object_set_new(in, table[i].key, names);
        refused(&w, &w.user, table[i].fn, in, SW_EINVALID, "InvalidParameterException",
                "At most 100");
    }
    world_close(&w);
}

TEST(describe_says_missing)
{
    struct world w;
    world_open(&w);
    sw_autojson json_t *out =
        call(&w, &w.user, launcher_describe_instances,
             doc("{'containerInstances': ['00000000000000000000000000000000']}"));
    CHECK_EQ_STR(sw_json_str(json_array_get(sw_json_array(out, "failures"), 0), "reason", ""),
                 "MISSING");
    refused(&w, &w.user, launcher_describe_instances,
            doc("{'containerInstances': ['arn:aws:ecs:us-east-1:" WORLD_ACCOUNT
                ":container-instance/other/00000000000000000000000000000000']}"),
            SW_EINVALID, "InvalidParameterException", "Identifier is for cluster other");
    world_close(&w);
}

static int count_instances(struct meta_tx *tx, void *arg, struct sw_err *err)
{
    int r = meta_get(tx, err, "SELECT COUNT(*) FROM container_instance", "", "i", arg);
    return r < 0 ? r : 0;
}

static int many_instances(struct meta_tx *tx, void *arg, struct sw_err *err)
{
    return meta_exec(tx, err, NULL,
                     "WITH RECURSIVE n(i) AS (SELECT 2 UNION ALL SELECT i + 1 FROM n WHERE i <"
                     " 20000) INSERT INTO container_instance (id, cluster_id, status,"
                     " principal_arn, document, version, registered_at) SELECT 'x' || i,"
                     " (SELECT MIN(id) FROM cluster), 'ACTIVE', $1, '{}', 1, 1 FROM n",
                     "t", (const char *)arg);
}

static int rows_of_instances(struct world *w)
{
    struct sw_err err = SW_ERR_INIT;
    int64_t n = -1;
    CHECK_OK(meta_tx(w->db, META_READ, count_instances, &n, &err));
    return (int)n;
}

TEST(an_instance_that_was_deregistered_is_forgotten_with_its_last_task)
{
    const int64_t start = world_now_us, day_us = 86400000000LL;
    struct world w;
    char arn[ARN_MAX];
    struct sw_err err = SW_ERR_INIT;
    world_open(&w);
    world_instance(&w, 1024, 1000, arn);
    world_taskdef(&w, "app", 64, 0);
    json_decref(call(&w, &w.user, launcher_run_task, doc("{'taskDefinition': 'app'}")));
    json_decref(call(&w, &w.agent, launcher_deregister_instance,
                     doc("{'containerInstance': '%s', 'force': true}", arn)));
    world_now_us = start + day_us;
    CHECK_OK(launcher_expire(w.l, &err));
    sw_autojson json_t *seen =
        call(&w, &w.user, launcher_describe_instances, doc("{'containerInstances': ['%s']}", arn));
    const json_t *shown = json_array_get(sw_json_array(seen, "containerInstances"), 0);
    CHECK_EQ_STR(sw_json_str(shown, "status", ""), "INACTIVE");
    CHECK(!sw_json_bool(shown, "agentConnected", true));
    world_now_us += 1;
    CHECK_OK(launcher_expire(w.l, &err));
    CHECK_EQ_INT(rows_of_instances(&w), 0);
    world_now_us = start;
    world_close(&w);
}

TEST(of_those_that_an_identity_gave_up_the_last_are_remembered)
{
    struct world w;
    char arn[ARN_MAX];
    world_open(&w);
    for (int i = 0; i < 103; i++) {
        sw_autojson json_t *one = again(&w, &w.agent, "", 1);
        json_decref(call(
            &w, &w.agent, launcher_deregister_instance,
            doc("{'containerInstance': '%s'}", sw_json_str(sw_json_object(one, "containerInstance"),
                                                           "containerInstanceArn", ""))));
        world_now_us++;
    }
    CHECK_EQ_INT(rows_of_instances(&w), 101); /* 100 remembered when the last one came */
    world_instance(&w, 1, 1, arn);
    CHECK_EQ_INT(rows_of_instances(&w), 101);
    world_now_us -= 103;
    world_close(&w);
}

TEST(one_identity_does_not_register_without_end)
{
    struct world w;
    char arn[ARN_MAX];
    struct sw_err err = SW_ERR_INIT;
    world_open(&w);
    world_instance(&w, 1, 1, arn);
    CHECK_OK(meta_tx(w.db, META_WRITE, many_instances, w.node.arn, &err));
    refused(&w, &w.agent, launcher_register_instance,
            doc("{'totalResources': [{'name': 'CPU', 'type': 'INTEGER', 'integerValue': 1},"
                "{'name': 'MEMORY', 'type': 'INTEGER', 'integerValue': 9}]}"),
            SW_ELIMIT, "ClientException", "deregister those");
    sw_autojson json_t *renewed = again(&w, &w.agent, arn, 2);
    CHECK(renewed != NULL);
    json_decref(again(&w, &w.user, "", 1)); /* others may */
    world_close(&w);
}

static json_t *registers(struct world *w, const char *arn, const char *machine, const char *session)
{
    return call(w, &w->agent, launcher_register_instance,
                doc("{'containerInstanceArn': '%s', 'totalResources': ["
                    "{'name': 'CPU', 'type': 'INTEGER', 'integerValue': 1},"
                    "{'name': 'MEMORY', 'type': 'INTEGER', 'integerValue': 100}],"
                    "'instanceIdentityDocument': '{\\'slipwayAgent\\': {\\'machine\\': \\'%s\\', "
                    "\\'session\\': \\'%s\\'}}'}",
                    arn, machine, session));
}

static const char *arn_in(const json_t *registered)
{
    return sw_json_str(sw_json_object(registered, "containerInstance"), "containerInstanceArn", "");
}

static int poll_as(struct world *w, const char *arn, const char *session, struct sw_err *err)
{
    struct launcher_poll p;
    sw_autojson json_t *out = json_object();
    sw_autojson json_t *in =
        doc("{'containerInstance': '%s', 'session': '%s', 'waitSeconds': 0}", arn, session);
    return launcher_poll(w->l, &w->agent, in, &p, out, err);
}

TEST(a_folder_on_another_machine_makes_another_instance)
{
    struct world w;
    world_open(&w);
    sw_autojson json_t *first = registers(&w, "", "m1", "s1");
    sw_autojson json_t *booted = registers(&w, arn_in(first), "m1", "s2");
    CHECK_EQ_STR(arn_in(booted), arn_in(first));
    sw_autojson json_t *copied = registers(&w, arn_in(first), "m2", "s3");
    CHECK(!sw_streq(arn_in(copied), arn_in(first)));
    /* One that does not say which machine it is may be the same. */
    sw_autojson json_t *silent = registers(&w, arn_in(first), "", "s4");
    CHECK_EQ_STR(arn_in(silent), arn_in(first));
    struct sw_err err = SW_ERR_INIT;
    CHECK(poll_as(&w, arn_in(copied), "s3", &err) == 1);
    world_close(&w);
}

static void superseded_answer(void *ctx, json_t *out, const struct sw_err *err)
{
    char *reason = ctx;
    (void)snprintf(reason, 64, "%s", err->reason ? err->reason : "");
    json_decref(out);
}

TEST(of_two_agents_of_one_instance_the_last_one_is_it)
{
    struct world w;
    struct sw_err err = SW_ERR_INIT;
    char reason[64] = "";
    world_open(&w);
    sw_autojson json_t *first = registers(&w, "", "m1", "s1");
    CHECK(poll_as(&w, arn_in(first), "s1", &err) == 1);
    struct launcher_poll p;
    sw_autojson json_t *out = json_object(), *again_out = json_object();
    sw_autojson json_t *in = doc("{'containerInstance': '%s', 'session': 's1', 'seenVersion': 1,"
                                 "'waitSeconds': 20}",
                                 arn_in(first));
    CHECK_EQ_INT(launcher_poll(w.l, &w.agent, in, &p, out, &err), 0);
    launcher_poll_wait(w.l, &p, superseded_answer, reason);
    sw_autojson json_t *second = registers(&w, arn_in(first), "m1", "s2");
    CHECK_EQ_STR(arn_in(second), arn_in(first));
    CHECK_EQ_STR(reason, "AgentSupersededException");
    CHECK_ERR(poll_as(&w, arn_in(first), "s1", &err), SW_ECONFLICT, "AgentSupersededException");
    sw_err_clear(&err);
    CHECK(poll_as(&w, arn_in(first), "s2", &err) == 1);
    refused(&w, &w.agent, launcher_register_instance,
            doc("{'totalResources': [{'name': 'CPU', 'type': 'INTEGER', 'integerValue': 1},"
                "{'name': 'MEMORY', 'type': 'INTEGER', 'integerValue': 9}],"
                "'instanceIdentityDocument': '{}'}"),
            SW_EINVALID, "InvalidParameterException", "instanceIdentityDocument");
    world_close(&w);
}
