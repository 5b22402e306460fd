/* SPDX-License-Identifier: Apache-2.0 */
/* Fargate and capacity providers on a real database, with machines that are not there. */
#include <errno.h>

#include "launcher/service/launcher_services.h"
#include "storage/meta/meta_fault.h"
#include "tests/unit/launcher/service/world.h"

#define SUBNET "'networkConfiguration': {'awsvpcConfiguration': {'subnets': ['s']}}"

/* A machine marked so, in that cluster; its ARN. */
static void machine(struct world *w, const char *cluster, const char *mark, int cpu, int memory,
                    char arn[ARN_MAX])
{
    struct sw_err err = SW_ERR_INIT;
    struct launcher_poll p;
    sw_autojson json_t *out =
        call(w, &w->agent, launcher_register_instance,
             doc("{'cluster': '%s', 'totalResources': [{'name': 'CPU', 'type': 'INTEGER', "
                 "'integerValue': %d}, {'name': 'MEMORY', 'type': 'INTEGER', 'integerValue': %d}],"
                 " 'attributes': [{'name': 'ecs.availability-zone', 'value': 'cellar'},"
                 " {'name': 'ecs.capability.task-eni'},"
                 " {'name': 'ecs.capability.fargate', 'value': '%s'}]}",
                 cluster, cpu, memory, mark));
    (void)snprintf(
        arn, ARN_MAX, "%s",
        sw_json_str(sw_json_object(out, "containerInstance"), "containerInstanceArn", ""));
    sw_autojson json_t *in = doc("{'containerInstance': '%s', 'cluster': '%s'}", arn, cluster);
    sw_autojson json_t *state = json_object();
    CHECK_EQ_INT(launcher_poll(w->l, &w->agent, in, &p, state, &err), 1);
}

static void definition(struct world *w, const char *family)
{
    json_decref(call(w, &w->user, launcher_register_taskdef,
                     doc("{'family': '%s', 'networkMode': 'awsvpc', 'requiresCompatibilities': "
                         "['FARGATE'], 'cpu': '256', 'memory': '512', 'containerDefinitions': "
                         "[{'name': 'a', 'image': 'b', 'portMappings': [{'containerPort': 80}]}]}",
                         family)));
}

static void cluster(struct world *w, const char *name)
{
    json_decref(
        call(w, &w->user, launcher_create_cluster,
             doc("{'clusterName': '%s', 'capacityProviders': ['FARGATE', 'FARGATE_SPOT']}", name)));
}

static json_t *run_task(struct world *w, const char *members)
{
    return call(w, &w->user, launcher_run_task,
                doc("{'cluster': 'other', 'taskDefinition': 'app', " SUBNET "%s}", members));
}

static json_t *task(struct world *w, const char *arn)
{
    sw_autojson json_t *out = call(w, &w->user, launcher_describe_tasks,
                                   doc("{'cluster': 'other', 'tasks': ['%s']}", arn));
    json_t *one = json_array_get(sw_json_array(out, "tasks"), 0);
    CHECK(one != NULL);
    return json_incref(one);
}

static const char *str(const json_t *o, const char *key)
{
    return sw_json_str(o, key, "");
}

static json_t *first(const json_t *out, const char *key)
{
    return json_array_get(sw_json_array(out, key), 0);
}

static void say(struct world *w, const char *arn, const char *status)
{
    json_decref(call(w, &w->agent, launcher_submit_task_state,
                     doc("{'cluster': 'default', 'task': '%s', 'status': '%s', 'containers': "
                         "[{'containerName': 'a', 'status': '%s'}]}",
                         arn, status, status)));
}

static void open_world(struct world *w)
{
    world_open(w);
    definition(w, "app");
    cluster(w, "other");
}

TEST(a_marked_machine_serves_the_clusters_of_its_account)
{
    struct world w;
    char at[ARN_MAX], next[ARN_MAX];
    open_world(&w);
    machine(&w, "default", "only", 1024, 2048, at);
    sw_autojson json_t *listed = list(&w, launcher_list_instances, doc("{}"), "", 100, next);
    CHECK_EQ_UINT(json_array_size(sw_json_array(listed, "containerInstanceArns")), 0);
    sw_autojson json_t *out = run_task(&w, ", 'launchType': 'FARGATE'");
    CHECK_EQ_UINT(json_array_size(sw_json_array(out, "failures")), 0);
    const char *arn = task_arn_of(out, 0);
    CHECK_CONTAINS(arn, ":task/other/");
    CHECK(json_object_get(first(out, "tasks"), "containerInstanceArn") == NULL);
    CHECK_EQ_STR(str(first(out, "tasks"), "launchType"), "FARGATE");
    CHECK_EQ_STR(str(first(out, "tasks"), "platformVersion"), "1.4.0");
    CHECK_EQ_STR(str(first(out, "tasks"), "availabilityZone"), "cellar");
    say(&w, arn, "RUNNING"); /* the agent knows only its own cluster */
    sw_autojson json_t *running = task(&w, arn);
    CHECK_EQ_STR(str(running, "lastStatus"), "RUNNING");
    sw_autojson json_t *state = NULL;
    struct sw_err err = SW_ERR_INIT;
    struct launcher_poll p;
    sw_autojson json_t *in = doc("{'containerInstance': '%s'}", at);
    state = json_object();
    CHECK_EQ_INT(launcher_poll(w.l, &w.agent, in, &p, state, &err), 1);
    CHECK_EQ_STR(str(first(state, "tasks"), "taskArn"), arn);
    json_decref(
        call(&w, &w.user, launcher_stop_task, doc("{'cluster': 'other', 'task': '%s'}", arn)));
    say(&w, arn, "STOPPED");
    sw_autojson json_t *stopped = task(&w, arn);
    CHECK_EQ_STR(str(stopped, "lastStatus"), "STOPPED");
    /* It is no container instance of its cluster, and keeps it all the same. */
    refused(&w, &w.user, launcher_run_task, doc("{'taskDefinition': 'app', " SUBNET "}"),
            SW_EINVALID, "InvalidParameterException", "does not support launch_type EC2");
    refused(&w, &w.user, launcher_delete_cluster, doc("{'cluster': 'default'}"), SW_ECONFLICT,
            "ClusterContainsContainerInstancesException", "Fargate fleet");
    world_close(&w);
}

TEST(a_shared_machine_is_counted_once)
{
    struct world w;
    char at[ARN_MAX], next[ARN_MAX];
    open_world(&w);
    machine(&w, "default", "shared", 512, 1024, at);
    world_taskdef(&w, "plain", 512, 0); /* 100 units of cpu */
    sw_autojson json_t *listed = list(&w, launcher_list_instances, doc("{}"), "", 100, next);
    CHECK_EQ_UINT(json_array_size(sw_json_array(listed, "containerInstanceArns")), 1);
    sw_autojson json_t *one = run_task(&w, ", 'launchType': 'FARGATE'");
    CHECK_EQ_UINT(json_array_size(sw_json_array(one, "tasks")), 1);
    sw_autojson json_t *plain =
        call(&w, &w.user, launcher_run_task, doc("{'taskDefinition': 'plain', 'count': 2}"));
    CHECK_EQ_UINT(json_array_size(sw_json_array(plain, "tasks")), 1);
    CHECK_EQ_STR(str(first(plain, "failures"), "reason"), "RESOURCE:MEMORY");
    sw_autojson json_t *two = run_task(&w, ", 'launchType': 'FARGATE', 'count': 2");
    CHECK_EQ_UINT(json_array_size(sw_json_array(two, "tasks")), 0);
    CHECK_EQ_UINT(json_array_size(sw_json_array(two, "failures")), 2);
    CHECK_CONTAINS(str(first(two, "failures"), "reason"), "Capacity is unavailable at this time");
    CHECK_CONTAINS(str(first(two, "failures"), "detail"), "CPU units");
    sw_autojson json_t *tasks =
        list(&w, launcher_list_tasks, doc("{'cluster': 'default', 'containerInstance': '%s'}", at),
             "", 100, next);
    CHECK_EQ_UINT(json_array_size(sw_json_array(tasks, "taskArns")), 1); /* not those of Fargate */
    world_close(&w);
}

#define BY_BOTH                                                                               \
    ", 'capacityProviderStrategy': [{'capacityProvider': 'FARGATE', 'base': 1, 'weight': 1}," \
    " {'capacityProvider': 'FARGATE_SPOT', 'weight': 1}]"

TEST(tasks_by_a_provider_wait_for_room)
{
    struct sw_err err = SW_ERR_INIT;
    struct world w;
    char at[ARN_MAX];
    open_world(&w);
    sw_autojson json_t *nothing = run_task(&w, ", 'launchType': 'FARGATE'");
    CHECK_EQ_UINT(json_array_size(sw_json_array(nothing, "tasks")), 0);
    CHECK_CONTAINS(str(first(nothing, "failures"), "detail"), "No machine of the Fargate fleet");
    sw_autojson json_t *out = run_task(&w, ", 'count': 4" BY_BOTH);
    CHECK_EQ_UINT(json_array_size(sw_json_array(out, "tasks")), 4);
    CHECK_EQ_UINT(json_array_size(sw_json_array(out, "failures")), 0);
    static const char *const providers[] = {"FARGATE", "FARGATE", "FARGATE", "FARGATE_SPOT"};
    for (size_t i = 0; i < 4; i++) {
        const json_t *t = json_array_get(sw_json_array(out, "tasks"), i);
        CHECK_EQ_STR(str(t, "lastStatus"), "PROVISIONING");
        CHECK_EQ_STR(str(t, "capacityProviderName"), providers[i]);
    }
    CHECK_OK(launcher_services_settle(w.l, &err));
    sw_autojson json_t *waits = task(&w, task_arn_of(out, 0));
    CHECK(json_object_get(waits, "availabilityZone") == NULL);
    /* One that is stopped while it waits has nobody to wait for. */
    sw_autojson json_t *stopped =
        call(&w, &w.user, launcher_stop_task,
             doc("{'cluster': 'other', 'task': '%s'}", task_arn_of(out, 1)));
    CHECK_EQ_STR(str(sw_json_object(stopped, "task"), "lastStatus"), "STOPPED");
    CHECK_EQ_STR(str(sw_json_object(stopped, "task"), "stopCode"), "UserInitiated");
    machine(&w, "default", "only", 512, 1024, at); /* room for two */
    CHECK_OK(launcher_services_settle(w.l, &err));
    static const size_t waiting[] = {0, 2, 3};
    int placed = 0;
    for (size_t i = 0; i < SW_ARRAY_LEN(waiting); i++) {
        sw_autojson json_t *t = task(&w, task_arn_of(out, waiting[i]));
        placed += sw_streq(str(t, "availabilityZone"), "cellar");
    }
    CHECK_EQ_INT(placed, 2);
    machine(&w, "default", "only", 512, 1024, at);
    CHECK_OK(launcher_services_settle(w.l, &err));
    for (size_t i = 0; i < SW_ARRAY_LEN(waiting); i++) {
        sw_autojson json_t *t = task(&w, task_arn_of(out, waiting[i]));
        CHECK_EQ_STR(str(t, "availabilityZone"), "cellar");
    }
    world_close(&w);
}

TEST(what_cannot_be_placed_keeps_no_other_cluster_waiting)
{
    struct sw_err err = SW_ERR_INIT;
    struct world w;
    char at[ARN_MAX];
    open_world(&w);
    for (int i = 0; i < 100; i++) {
        if (i % 50 == 0)
            cluster(&w, i ? "large" : "larger");
        json_decref(call(&w, &w.user, launcher_run_task,
                         doc("{'cluster': '%s', 'taskDefinition': 'app', 'count': 10, 'overrides': "
                             "{'cpu': '4096', 'memory': '30720'}, " SUBNET BY_BOTH "}",
                             i < 50 ? "larger" : "large")));
    }
    world_now_us += 1000000; /* the newest of all */
    sw_autojson json_t *out = run_task(&w, BY_BOTH);
    machine(&w, "default", "only", 256, 512, at);
    CHECK_OK(launcher_services_settle(w.l, &err));
    sw_autojson json_t *placed = task(&w, task_arn_of(out, 0));
    CHECK_EQ_STR(str(placed, "availabilityZone"), "cellar");
    world_close(&w);
}

TEST(only_so_many_wait)
{
    struct world w;
    open_world(&w);
    for (int i = 0; i < 50; i++) {
        sw_autojson json_t *out = run_task(&w, ", 'count': 10" BY_BOTH);
        CHECK_EQ_UINT(json_array_size(sw_json_array(out, "tasks")), 10);
    }
    sw_autojson json_t *out = run_task(&w, BY_BOTH);
    CHECK_EQ_UINT(json_array_size(sw_json_array(out, "tasks")), 0);
    CHECK_EQ_UINT(json_array_size(sw_json_array(out, "failures")), 1);
    world_close(&w);
}

TEST(what_a_launch_may_not_say)
{
    static const struct {
        const char *members;
        int code;
        const char *reason, *part;
    } table[] = {
        {", 'launchType': 'FARGATE'" BY_BOTH, SW_EINVALID, "InvalidParameterException",
         "Specifying both a launch type and capacity provider strategy is not supported. Remove "
         "one "
         "and try again."},
        {", 'capacityProviderStrategy': [{'capacityProvider': 'mine'}]", SW_EINVALID,
         "InvalidParameterException", "'mine' was not found"},
        {", 'capacityProviderStrategy': [{'capacityProvider': 'FARGATE', 'weight': 0},"
         " {'capacityProvider': 'FARGATE_SPOT'}]",
         SW_EINVALID, "InvalidParameterException", "weight greater than zero"},
        {", 'capacityProviderStrategy': [{'capacityProvider': 'FARGATE', 'weight': 1},"
         " {'capacityProvider': 'FARGATE', 'weight': 1}]",
         SW_EINVALID, "InvalidParameterException", "duplicate"},
        {", 'launchType': 'FARGATE', 'placementConstraints': [{'type': 'distinctInstance'}]",
         SW_EINVALID, "InvalidParameterException",
         "Placement constraints are not supported with FARGATE launch type."},
        {", 'launchType': 'FARGATE', 'placementStrategy': [{'type': 'random'}]", SW_EINVALID,
         "InvalidParameterException",
         "Placement strategies are not supported with FARGATE launch type."},
        {", 'launchType': 'FARGATE', 'platformVersion': '7'", SW_ENOTFOUND,
         "PlatformUnknownException", "platform version"},
        {", 'launchType': 'FARGATE', 'overrides': {'memory': '4096'}", SW_EINVALID,
         "ClientException", "No Fargate configuration exists for given values."},
        {", 'launchType': 'FARGATE', 'overrides': {'ephemeralStorage': {'sizeInGiB': 5}}",
         SW_EINVALID, "ClientException", "between 21 and 200"},
    };
    struct world w;
    char at[ARN_MAX];
    open_world(&w);
    machine(&w, "default", "shared", 4096, 8192, at);
    for (size_t i = 0; i < SW_ARRAY_LEN(table); i++)
        refused(
            &w, &w.user, launcher_run_task,
            doc("{'cluster': 'other', 'taskDefinition': 'app', " SUBNET "%s}", table[i].members),
            table[i].code, table[i].reason, table[i].part);
    refused(&w, &w.user, launcher_run_task,
            doc("{'cluster': 'other', 'taskDefinition': 'app', 'launchType': 'FARGATE'}"),
            SW_EINVALID, "InvalidParameterException", "Network Configuration must be provided");
    refused(&w, &w.user, launcher_run_task, doc("{'taskDefinition': 'app', " SUBNET BY_BOTH "}"),
            SW_EINVALID, "InvalidParameterException", "not associated with the cluster");
    refused(&w, &w.user, launcher_start_task,
            doc("{'taskDefinition': 'app', 'containerInstances': ['%s'], " SUBNET "}", at),
            SW_EINVALID, "InvalidParameterException", "does not support launch_type EC2");
    world_close(&w);
}

TEST(the_clusters_own_strategy_is_the_default)
{
    struct world w;
    char at[ARN_MAX];
    open_world(&w);
    machine(&w, "default", "only", 1024, 2048, at);
    json_decref(call(&w, &w.user, launcher_put_cluster_providers,
                     doc("{'cluster': 'other', 'capacityProviders': ['FARGATE', 'FARGATE_SPOT'], "
                         "'defaultCapacityProviderStrategy': [{'capacityProvider': "
                         "'FARGATE_SPOT', 'weight': 1}]}")));
    sw_autojson json_t *out = run_task(&w, "");
    CHECK_EQ_STR(str(first(out, "tasks"), "capacityProviderName"), "FARGATE_SPOT");
    /* A provider that is used stays. */
    refused(&w, &w.user, launcher_put_cluster_providers,
            doc("{'cluster': 'other', 'capacityProviders': ['FARGATE'], "
                "'defaultCapacityProviderStrategy': []}"),
            SW_ECONFLICT, "ResourceInUseException", "in use and cannot be removed");
    json_decref(call(&w, &w.user, launcher_stop_task,
                     doc("{'cluster': 'other', 'task': '%s'}", task_arn_of(out, 0))));
    say(&w, task_arn_of(out, 0), "STOPPED");
    json_decref(call(&w, &w.user, launcher_put_cluster_providers,
                     doc("{'cluster': 'other', 'capacityProviders': ['FARGATE'], "
                         "'defaultCapacityProviderStrategy': []}")));
    world_close(&w);
}

/* How many tasks of the service have that provider. */
static int of_provider(struct world *w, const char *provider)
{
    char next[ARN_MAX];
    int n = 0;
    sw_autojson json_t *out =
        list(w, launcher_list_tasks, doc("{'cluster': 'other'}"), "", 100, next);
    const json_t *arns = sw_json_array(out, "taskArns"), *v;
    size_t i;
    json_array_foreach(arns, i, v) {
        sw_autojson json_t *t = task(w, json_string_value(v));
        n += sw_streq(str(t, "capacityProviderName"), provider);
    }
    return n;
}

static json_t *service(struct world *w, const char *members)
{
    return call(w, &w->user, launcher_create_service,
                doc("{'cluster': 'other', 'serviceName': 'web', 'taskDefinition': 'app', "
                    "'desiredCount': 5, " SUBNET "%s}",
                    members));
}

TEST(a_service_keeps_the_share_of_its_providers)
{
    struct sw_err err = SW_ERR_INIT;
    struct world w;
    char at[ARN_MAX];
    open_world(&w);
    sw_autojson json_t *out = service(&w, BY_BOTH);
    const json_t *made = sw_json_object(out, "service");
    CHECK(json_object_get(made, "launchType") == NULL);
    CHECK_EQ_STR(str(made, "platformVersion"), "LATEST");
    CHECK_EQ_STR(str(first(made, "deployments"), "platformVersion"), "1.4.0");
    CHECK_EQ_STR(str(first(made, "deployments"), "platformFamily"), "Linux");
    CHECK_EQ_UINT(
        json_array_size(sw_json_array(first(made, "deployments"), "capacityProviderStrategy")), 2);
    CHECK_OK(launcher_services_settle(w.l, &err));
    sw_autojson json_t *told = call(&w, &w.user, launcher_describe_services,
                                    doc("{'cluster': 'other', 'services': ['web']}"));
    CHECK_CONTAINS(str(first(first(told, "services"), "events"), "message"),
                   "(service web) was unable to place a task. Reason: Capacity is unavailable at "
                   "this time. Please try again later or in a different availability zone.");
    machine(&w, "default", "only", 4096, 8192, at);
    CHECK_OK(launcher_services_settle(w.l, &err));
    CHECK_EQ_INT(of_provider(&w, "FARGATE"), 3);
    CHECK_EQ_INT(of_provider(&w, "FARGATE_SPOT"), 2);
    json_decref(call(&w, &w.user, launcher_update_service,
                     doc("{'cluster': 'other', 'service': 'web', 'desiredCount': 9}")));
    CHECK_OK(launcher_services_settle(w.l, &err));
    CHECK_EQ_INT(of_provider(&w, "FARGATE"), 5);
    CHECK_EQ_INT(of_provider(&w, "FARGATE_SPOT"), 4);
    refused(&w, &w.user, launcher_put_cluster_providers,
            doc("{'cluster': 'other', 'capacityProviders': ['FARGATE'], "
                "'defaultCapacityProviderStrategy': []}"),
            SW_ECONFLICT, "ResourceInUseException", "in use");
    world_close(&w);
}

TEST(an_update_moves_a_service_to_fargate)
{
    struct sw_err err = SW_ERR_INIT;
    struct world w;
    char at[ARN_MAX], fleet[ARN_MAX];
    open_world(&w);
    machine(&w, "other", "shared", 2048, 4096, at);
    machine(&w, "default", "only", 2048, 4096, fleet);
    json_decref(call(&w, &w.user, launcher_register_taskdef,
                     doc("{'family': 'both', 'networkMode': 'awsvpc', 'requiresCompatibilities': "
                         "['EC2', 'FARGATE'], 'cpu': '256', 'memory': '512', "
                         "'containerDefinitions': [{'name': 'a', 'image': 'b'}]}")));
    json_decref(call(&w, &w.user, launcher_create_service,
                     doc("{'cluster': 'other', 'serviceName': 'web', 'taskDefinition': 'both', "
                         "'desiredCount': 2, 'launchType': 'EC2', " SUBNET "}")));
    CHECK_OK(launcher_services_settle(w.l, &err));
    refused(&w, &w.user, launcher_update_service,
            doc("{'cluster': 'other', 'service': 'web'" BY_BOTH "}"), SW_EINVALID,
            "InvalidParameterException", "you must force a new deployment.");
    refused(&w, &w.user, launcher_update_service,
            doc("{'cluster': 'other', 'service': 'web', 'platformVersion': 'LATEST'}"), SW_EINVALID,
            "InvalidParameterException", "platform version must be null");
    sw_autojson json_t *out =
        call(&w, &w.user, launcher_update_service,
             doc("{'cluster': 'other', 'service': 'web', 'forceNewDeployment': true" BY_BOTH "}"));
    const json_t *deployments = sw_json_array(sw_json_object(out, "service"), "deployments");
    CHECK_EQ_UINT(json_array_size(deployments), 2);
    CHECK_EQ_STR(str(json_array_get(deployments, 1), "launchType"), "EC2");
    CHECK(json_object_get(json_array_get(deployments, 0), "launchType") == NULL);
    CHECK_OK(launcher_services_settle(w.l, &err));
    CHECK_EQ_INT(of_provider(&w, "FARGATE") + of_provider(&w, "FARGATE_SPOT"), 2);
    world_close(&w);
}

TEST(services_that_fargate_cannot_have)
{
    struct world w;
    open_world(&w);
    refused(&w, &w.user, launcher_create_service,
            doc("{'cluster': 'other', 'serviceName': 'd', 'taskDefinition': 'app', "
                "'schedulingStrategy': 'DAEMON', 'launchType': 'FARGATE', " SUBNET "}"),
            SW_EINVALID, "InvalidParameterException",
            "The daemon scheduling strategy does not support");
    json_decref(call(&w, &w.user, launcher_register_taskdef,
                     doc("{'family': 'plain', 'networkMode': 'awsvpc', 'containerDefinitions': "
                         "[{'name': 'a', 'image': 'b', 'memory': 64}]}")));
    json_decref(call(&w, &w.user, launcher_create_service,
                     doc("{'cluster': 'other', 'serviceName': 'daemon', 'taskDefinition': 'plain', "
                         "'schedulingStrategy': 'DAEMON', " SUBNET "}")));
    refused(&w, &w.user, launcher_update_service,
            doc("{'cluster': 'other', 'service': 'daemon', 'forceNewDeployment': true" BY_BOTH "}"),
            SW_EINVALID, "InvalidParameterException",
            "The daemon scheduling strategy does not support");
    refused(&w, &w.user, launcher_create_service,
            doc("{'cluster': 'other', 'serviceName': 'd', 'taskDefinition': 'app', "
                "'desiredCount': 1, 'launchType': 'FARGATE'" BY_BOTH ", " SUBNET "}"),
            SW_EINVALID, "InvalidParameterException", "Specifying both");
    refused(&w, &w.user, launcher_create_service,
            doc("{'cluster': 'other', 'serviceName': 'd', 'taskDefinition': 'app', "
                "'desiredCount': 1, 'launchType': 'FARGATE', 'placementStrategy': [{'type': "
                "'random'}], " SUBNET "}"),
            SW_EINVALID, "InvalidParameterException", "Placement strategies are not supported");
    refused(&w, &w.user, launcher_create_service,
            doc("{'cluster': 'other', 'serviceName': 'd', 'taskDefinition': 'app', "
                "'desiredCount': 1, " SUBNET "}"),
            SW_EINVALID, "InvalidParameterException", "does not support launch_type EC2");
    world_close(&w);
}

TEST(task_sets_say_by_what_they_are_launched)
{
    struct sw_err err = SW_ERR_INIT;
    struct world w;
    char at[ARN_MAX];
    open_world(&w);
    machine(&w, "default", "only", 2048, 4096, at);
    json_decref(call(&w, &w.user, launcher_create_service,
                     doc("{'cluster': 'other', 'serviceName': 'web', 'desiredCount': 2, "
                         "'deploymentController': {'type': 'EXTERNAL'}}")));
    sw_autojson json_t *one =
        call(&w, &w.user, launcher_create_task_set,
             doc("{'cluster': 'other', 'service': 'web', 'taskDefinition': 'app', 'launchType': "
                 "'FARGATE', 'platformVersion': '1.4.0', " SUBNET "}"));
    const json_t *set = sw_json_object(one, "taskSet");
    CHECK_EQ_STR(str(set, "launchType"), "FARGATE");
    CHECK_EQ_STR(str(set, "platformVersion"), "1.4.0");
    CHECK_EQ_STR(str(set, "platformFamily"), "Linux");
    sw_autojson json_t *two =
        call(&w, &w.user, launcher_create_task_set,
             doc("{'cluster': 'other', 'service': 'web', 'taskDefinition': 'app', 'scale': "
                 "{'value': 50.0, 'unit': 'PERCENT'}" BY_BOTH ", " SUBNET "}"));
    CHECK_EQ_UINT(
        json_array_size(sw_json_array(sw_json_object(two, "taskSet"), "capacityProviderStrategy")),
        2);
    CHECK_OK(launcher_services_settle(w.l, &err));
    CHECK_EQ_INT(of_provider(&w, ""), 2);
    CHECK_EQ_INT(of_provider(&w, "FARGATE"), 1);
    refused(&w, &w.user, launcher_create_task_set,
            doc("{'cluster': 'other', 'service': 'web', 'taskDefinition': 'app', " SUBNET "}"),
            SW_EINVALID, "InvalidParameterException", "does not support launch_type EC2");
    world_close(&w);
}

/* How many tasks the machine is told of. */
static size_t told(struct world *w, const char *at)
{
    struct sw_err err = SW_ERR_INIT;
    struct launcher_poll p;
    sw_autojson json_t *in = doc("{'containerInstance': '%s'}", at), *state = json_object();
    CHECK_EQ_INT(launcher_poll(w->l, &w->agent, in, &p, state, &err), 1);
    return json_array_size(sw_json_array(state, "tasks"));
}

static void with_failures(enum meta_fault_kind kind)
{
    struct sw_err err = SW_ERR_INIT;
    struct world w;
    char at[ARN_MAX];
    bool failed = true;
    open_world(&w);
    sw_autojson json_t *out = run_task(&w, ", 'count': 4" BY_BOTH);
    machine(&w, "default", "only", 1024, 1536, at); /* memory for three */
    for (uint64_t n = 1; failed; n++) {
        CHECK(n < 200);
        meta_fault_arm(kind, n, false, EIO);
        (void)launcher_services_settle(w.l, &err);
        failed = meta_fault_disarm();
        sw_err_clear(&err);
        size_t there = told(&w, at);
        CHECK(there == 0 || there == 3); /* all at once, or none */
    }
    CHECK_EQ_UINT(told(&w, at), 3);
    for (size_t i = 0; i < 4; i++)
        json_decref(call(&w, &w.user, launcher_stop_task,
                         doc("{'cluster': 'other', 'task': '%s'}", task_arn_of(out, i))));
    CHECK_EQ_UINT(told(&w, at), 3); /* the agent ends them; the fourth has ended */
    world_close(&w);
}

TEST(what_fails_while_tasks_are_placed_leaves_them_waiting)
{
    with_failures(META_FAULT_STATEMENT);
}

TEST(a_commit_that_fails_leaves_them_waiting)
{
    with_failures(META_FAULT_COMMIT);
}

TEST(an_agent_speaks_for_its_own_tasks_in_every_cluster)
{
    struct world w;
    char at[ARN_MAX];
    open_world(&w);
    machine(&w, "default", "only", 1024, 2048, at);
    sw_autojson json_t *out = run_task(&w, ", 'launchType': 'FARGATE'");
    const char *arn = task_arn_of(out, 0);
    struct principal stranger = w.node;
    (void)snprintf(stranger.user_id, sizeof stranger.user_id, "AIDASTRANGER");
    (void)snprintf(stranger.arn, sizeof stranger.arn, "arn:aws:iam::" WORLD_ACCOUNT ":user/x");
    struct launcher_caller other = {
        .account = WORLD_ACCOUNT, .region = "us-east-1", .principal = &stranger};
    refused(&w, &other, launcher_submit_task_state,
            doc("{'cluster': 'default', 'task': '%s', 'status': 'RUNNING'}", arn), SW_EDENIED,
            "AccessDeniedException", "another principal");
    sw_autojson json_t *theirs =
        call(&w, &other, launcher_register_instance,
             doc("{'totalResources': [{'name': 'CPU', 'type': 'INTEGER', 'integerValue': 1}, "
                 "{'name': 'MEMORY', 'type': 'INTEGER', 'integerValue': 1}]}"));
    const char *instance = str(sw_json_object(theirs, "containerInstance"), "containerInstanceArn");
    refused(&w, &other, launcher_task_credentials,
            doc("{'cluster': 'default', 'containerInstance': '%s', 'task': '%s'}", instance, arn),
            SW_ENOTFOUND, "InvalidParameterException", "The referenced task was not found.");
    refused(&w, &w.agent, launcher_task_credentials,
            doc("{'cluster': 'default', 'containerInstance': '%s', 'task': '%s'}", at, arn),
            SW_EINVALID, "InvalidParameterException", "The task has no taskRoleArn.");
    world_close(&w);
}
