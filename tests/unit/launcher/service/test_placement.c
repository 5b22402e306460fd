/* SPDX-License-Identifier: Apache-2.0 */
/* placementStrategy and placementConstraints, from the request to the rows. */
#include "launcher/service/placement_rules.h"
#include "tests/unit/launcher/service/world.h"

static const char *instance_of(const json_t *out, size_t i)
{
    return sw_json_str(json_array_get(sw_json_array(out, "tasks"), i), "containerInstanceArn", "");
}

static const char *failure(const json_t *out, size_t i)
{
    return sw_json_str(json_array_get(sw_json_array(out, "failures"), i), "reason", "");
}

static json_t *run(struct world *w, const char *more)
{
    return call(w, &w->user, launcher_run_task, doc("{'taskDefinition': 'app'%s}", more));
}

TEST(binpack_fills_one_instance_and_spread_both)
{
    struct world w;
    char a[ARN_MAX], b[ARN_MAX];
    world_open(&w);
    world_instance(&w, 1024, 1000, a);
    world_instance(&w, 1024, 900, b);
    world_taskdef(&w, "app", 64, 0);
    sw_autojson json_t *packed =
        run(&w, ", 'count': 3, 'placementStrategy': [{'type': 'binpack', 'field': 'memory'}]");
    for (size_t i = 0; i < 3; i++)
        CHECK_EQ_STR(instance_of(packed, i), b);
    sw_autojson json_t *spread =
        run(&w, ", 'count': 3, 'placementStrategy': [{'type': 'spread', 'field': 'instanceId'}]");
    for (size_t i = 0; i < 3; i++)
        CHECK_EQ_STR(instance_of(spread, i), a); /* the tasks there count, of this family's group */
    sw_autojson json_t *other =
        run(&w, ", 'count': 2, 'group': 'g', 'placementStrategy': [{'type': 'spread', 'field':"
                " 'host'}, {'type': 'random'}]");
    CHECK(!sw_streq(instance_of(other, 0), instance_of(other, 1)));
    world_close(&w);
}

TEST(distinct_instance_looks_at_tasks_that_shall_run)
{
    struct world w;
    char a[ARN_MAX], b[ARN_MAX];
    world_open(&w);
    world_instance(&w, 1024, 1000, a);
    world_instance(&w, 1024, 1000, b);
    world_taskdef(&w, "app", 64, 0);
    const char *distinct = ", 'count': 3, 'placementConstraints': [{'type': 'distinctInstance'}]";
    sw_autojson json_t *first = run(&w, distinct);
    CHECK_EQ_INT(json_array_size(sw_json_array(first, "tasks")), 2);
    CHECK_EQ_INT(json_array_size(sw_json_array(first, "failures")), 2);
    CHECK_EQ_STR(failure(first, 0), "DistinctInstance placement constraint unsatisfied.");
    json_decref(
        call(&w, &w.user, launcher_stop_task, doc("{'task': '%s'}", task_arn_of(first, 0))));
    sw_autojson json_t *second = run(&w, distinct);
    CHECK_EQ_INT(json_array_size(sw_json_array(second, "tasks")), 1);
    CHECK_EQ_STR(instance_of(second, 0), instance_of(first, 0));
    world_close(&w);
}

TEST(constraints_of_the_definition_and_of_the_request_both_bind)
{
    struct world w;
    char a[ARN_MAX];
    world_open(&w);
    world_instance(&w, 1024, 1000, a);
    sw_autojson json_t *defined = call(
        &w, &w.user, launcher_register_taskdef,
        doc("{'family': 'app', 'containerDefinitions': [{'name': 'web', 'image': 'img', 'memory': "
            "64}],"
            " 'placementConstraints': [{'type': 'memberOf', 'expression': 'agentVersion == 1'}]}"));
    CHECK_EQ_INT(json_array_size(sw_json_array(sw_json_object(defined, "taskDefinition"),
                                               "placementConstraints")),
                 1);
    sw_autojson json_t *yes =
        run(&w, ", 'placementConstraints': [{'type': 'memberOf', 'expression':"
                " 'attribute:ecs.cpu-architecture == x86_64 and agentConnected == true'}]");
    CHECK_EQ_STR(instance_of(yes, 0), a);
    sw_autojson json_t *no = run(&w, ", 'placementConstraints': [{'type': 'memberOf', 'expression':"
                                     " 'runningTasksCount < 1'}]");
    CHECK_EQ_STR(failure(no, 0), "MemberOf placement constraint unsatisfied.");
    sw_autojson json_t *group =
        run(&w, ", 'placementConstraints': [{'type': 'memberOf', 'expression':"
                " 'task:group == family:app'}]");
    CHECK_EQ_STR(instance_of(group, 0), a);
    json_decref(call(
        &w, &w.user, launcher_register_taskdef,
        doc("{'family': 'app', 'containerDefinitions': [{'name': 'web', 'image': 'img', 'memory': "
            "64}],"
            " 'placementConstraints': [{'type': 'memberOf', 'expression': 'agentVersion > 1'}]}")));
    sw_autojson json_t *newer = run(&w, "");
    CHECK_EQ_STR(failure(newer, 0), "MemberOf placement constraint unsatisfied.");
    world_close(&w);
}

TEST(rules_that_mean_nothing_are_refused)
{
    static const char *const table[][2] = {
        {"'placementStrategy': [{'type': 'binpack', 'field': 'disk'}]", "cpu or memory"},
        {"'placementStrategy': [{'type': 'spread'}]", "attribute:NAME"},
        {"'placementConstraints': [{'type': 'memberOf', 'expression': 'attribute:x = 1'}]",
         "column 13: an operator was expected"},
        {"'placementConstraints': [{'type': 'memberOf'}]", "column 1: a subject"},
        {"'placementStrategy': [{'type': 'random'}, {'type': 'random'}, {'type': 'random'},"
         " {'type': 'random'}, {'type': 'random'}, {'type': 'random'}]",
         "at most 5 placement strategies"},
    };
    struct world w;
    char a[ARN_MAX];
    world_open(&w);
    world_instance(&w, 1024, 1000, a);
    world_taskdef(&w, "app", 64, 0);
    for (size_t i = 0; i < SW_ARRAY_LEN(table); i++)
        refused(&w, &w.user, launcher_run_task, doc("{'taskDefinition': 'app', %s}", table[i][0]),
                SW_EINVALID, "InvalidParameterException", table[i][1]);
    refused(
        &w, &w.user, launcher_register_taskdef,
        doc("{'family': 'x', 'containerDefinitions': [{'name': 'c', 'image': 'i', 'memory': 64}],"
            " 'placementConstraints': [{'type': 'memberOf', 'expression': 'colour == red'}]}"),
        SW_EINVALID, "InvalidParameterException", "unknown subject");
    world_close(&w);
}

TEST(at_most_ten_constraints)
{
    struct sw_err err = SW_ERR_INIT;
    struct placement_rules rules;
    sw_autoarena a = {0};
    sw_autojson json_t *some = doc("{'placementConstraints': [{'type': 'distinctInstance'},"
                                   " {'type': 'distinctInstance'}, {'type': 'distinctInstance'},"
                                   " {'type': 'distinctInstance'}, {'type': 'distinctInstance'}]}");
    sw_autojson json_t *one = doc("{'placementConstraints': [{'type': 'distinctInstance'}]}");
    CHECK_OK(placement_rules_read(some, some, &a, &rules, &err));
    CHECK_EQ_INT(rules.constraints_n, 10);
    CHECK(placement_rules_read_groups(&rules));
    json_array_extend(sw_json_array(some, "placementConstraints"),
                      sw_json_array(one, "placementConstraints"));
    CHECK_ERR(placement_rules_read(some, some, &a, &rules, &err), SW_EINVALID,
              "InvalidParameterException");
    CHECK_OK(placement_rules_read(NULL, NULL, &a, &rules, &err));
    CHECK(!placement_rules_read_groups(&rules));
}

TEST(explains_without_placing)
{
    struct world w;
    char a[ARN_MAX], b[ARN_MAX];
    world_open(&w);
    refused(&w, &w.user, launcher_explain_placement, doc("{'taskDefinition': 'app'}"), SW_ENOTFOUND,
            "ClientException", "TaskDefinition not found.");
    world_taskdef(&w, "app", 64, 0);
    refused(&w, &w.user, launcher_explain_placement, doc("{'taskDefinition': 'app'}"), SW_EINVALID,
            "InvalidParameterException", "No Container Instances");
    world_instance(&w, 1024, 1000, a);
    world_instance(&w, 1024, 32, b);
    sw_autojson json_t *out =
        call(&w, &w.user, launcher_explain_placement, doc("{'taskDefinition': 'app', 'count': 2}"));
    CHECK_EQ_INT(sw_json_int(out, "placed", 0), 2);
    CHECK_EQ_INT(sw_json_int(out, "unplaced", -1), 0);
    const json_t *v;
    size_t i;
    json_array_foreach(sw_json_array(out, "instances"), i, v) {
        bool first = sw_streq(sw_json_str(v, "containerInstanceArn", ""), a);
        CHECK_EQ_STR(sw_json_str(v, "verdict", ""), first ? "CHOSEN" : "REJECTED");
        CHECK_EQ_INT(sw_json_int(v, "tasks", -1), first ? 2 : 0);
        CHECK_EQ_STR(sw_json_str(v, "reason", NULL), first ? NULL : "RESOURCE:MEMORY");
        CHECK_EQ_STR(sw_json_str(v, "text", ""),
                     first ? "the best of those that fit" : "needs 64 MiB of memory, 32 are left");
    }
    CHECK_EQ_INT(i, 2);
    char next[ARN_MAX];
    sw_autojson json_t *tasks = list(&w, launcher_list_tasks, doc("{}"), "", 10, next);
    CHECK_EQ_INT(json_array_size(sw_json_array(tasks, "taskArns")), 0);
    world_close(&w);
}
