/* SPDX-License-Identifier: Apache-2.0 */
#include <pthread.h>
#include <stdatomic.h>

#include "tests/unit/launcher/service/world.h"

static json_t *run_app(struct world *w, const char *more)
{
    return call(w, &w->user, launcher_run_task, doc("{'taskDefinition': 'app'%s}", more));
}

static const char *failure(const json_t *out, size_t i)
{
    return sw_json_str(json_array_get(sw_json_array(out, "failures"), i), "reason", "");
}

TEST(places_a_task_and_answers_it_as_ecs_does)
{
    struct world w;
    char instance[ARN_MAX];
    world_open(&w);
    world_instance(&w, 1024, 1000, instance);
    world_taskdef(&w, "app", 64, 0);
    sw_autojson json_t *out =
        run_app(&w, ", 'startedBy': 'me', 'tags': [{'key': 'k', 'value': 'v'}]");
    json_t *t = json_array_get(sw_json_array(out, "tasks"), 0);
    CHECK_EQ_INT(json_array_size(sw_json_array(out, "failures")), 0);
    CHECK_EQ_STR(sw_json_str(t, "containerInstanceArn", ""), instance);
    CHECK_EQ_STR(sw_json_str(t, "lastStatus", ""), "PROVISIONING");
    CHECK_EQ_STR(sw_json_str(t, "desiredStatus", ""), "RUNNING");
    CHECK_EQ_STR(sw_json_str(t, "group", ""), "family:app");
    CHECK_EQ_STR(sw_json_str(t, "startedBy", ""), "me");
    CHECK_EQ_STR(sw_json_str(t, "cpu", ""), "100");
    CHECK_EQ_STR(sw_json_str(t, "memory", ""), "64");
    sw_autojson json_t *seen =
        call(&w, &w.user, launcher_describe_tasks,
             doc("{'tasks': ['%s'], 'include': ['TAGS']}", task_arn_of(out, 0)));
    CHECK(json_equal(json_array_get(sw_json_array(seen, "tasks"), 0), t));
    sw_autojson json_t *inst = call(&w, &w.user, launcher_describe_instances,
                                    doc("{'containerInstances': ['%s']}", instance));
    json_t *i = json_array_get(sw_json_array(inst, "containerInstances"), 0);
    json_t *left = sw_json_array(i, "remainingResources");
    CHECK_EQ_INT(sw_json_int(json_array_get(left, 0), "integerValue", 0), 924);
    CHECK_EQ_INT(sw_json_int(json_array_get(left, 1), "integerValue", 0), 936);
    CHECK_EQ_INT(sw_json_int(i, "pendingTasksCount", 0), 1);
    CHECK(sw_json_bool(i, "agentConnected", false));
    world_close(&w);
}

TEST(says_why_there_is_no_room)
{
    struct world w;
    char instance[ARN_MAX];
    world_open(&w);
    world_taskdef(&w, "app", 600, 8080);
    refused(&w, &w.user, launcher_run_task, doc("{'taskDefinition': 'app'}"), SW_EINVALID,
            "InvalidParameterException", "No Container Instances were found in your cluster.");
    world_instance(&w, 1024, 1000, instance);
    sw_autojson json_t *both = run_app(&w, ", 'count': 2");
    CHECK_EQ_INT(json_array_size(sw_json_array(both, "tasks")), 1);
    CHECK_EQ_STR(failure(both, 0), "RESOURCE:MEMORY");
    world_taskdef(&w, "small", 10, 8080);
    sw_autojson json_t *port =
        call(&w, &w.user, launcher_run_task, doc("{'taskDefinition': 'small'}"));
    CHECK_EQ_STR(failure(port, 0), "RESOURCE:PORTS");
    CHECK_EQ_INT(json_array_size(sw_json_array(port, "tasks")), 0);
    world_now_us += 61000000;
    sw_autojson json_t *away = run_app(&w, "");
    CHECK_EQ_STR(failure(away, 0), "AGENT");
    world_close(&w);
}

TEST(refuses_what_it_cannot_mean)
{
    static const struct {
        const char *in;
        int code;
        const char *reason, *part;
    } table[] = {
        {"{'taskDefinition': 'none'}", SW_ENOTFOUND, "ClientException",
         "TaskDefinition not found."},
        {"{'taskDefinition': 'app:7'}", SW_ENOTFOUND, "ClientException",
         "TaskDefinition not found."},
        {"{'taskDefinition': 'old:1'}", SW_ECONFLICT, "ClientException",
         "TaskDefinition is inactive"},
        {"{'taskDefinition': 'app', 'cluster': 'x'}", SW_ENOTFOUND, "ClusterNotFoundException",
         "Cluster not found."},
        {"{'taskDefinition': 'app', 'count': 11}", SW_EINVALID, "InvalidParameterException",
         "count"},
        {"{'taskDefinition': 'app', 'launchType': 'FARGATE'}", SW_EINVALID,
         "InvalidParameterException", "Task definition does not support launch_type FARGATE."},
        {"{'taskDefinition': 'app', 'launchType': 'MANAGED_INSTANCES'}", SW_EUNSUPPORTED,
         "UnsupportedFeatureException", "MANAGED_INSTANCES"},
        {"{'taskDefinition': 'app', 'platformVersion': '1.4.0'}", SW_EINVALID,
         "InvalidParameterException",
         "The platform version must be null when specifying an EC2 launch type."},
        {"{'taskDefinition': 'app', 'overrides': {'containerOverrides': [{'name': 'x'}]}}",
         SW_EINVALID, "InvalidParameterException",
         "Override for container named x is not a container"},
        {"{'taskDefinition': 'app', 'overrides': {'containerOverrides': [{'name': 'c'}, {'name': "
         "'c', 'cpu': 5}]}}",
         SW_EINVALID, "InvalidParameterException", "several overrides for the container named c."},
        {"{'taskDefinition': 'app', 'overrides': {'containerOverrides': [{'name': 'web', 'memory': "
         "-5}]}}",
         SW_EINVALID, "InvalidParameterException", "out of range"},
    };
    struct world w;
    char instance[ARN_MAX];
    world_open(&w);
    world_instance(&w, 1024, 1000, instance);
    world_taskdef(&w, "app", 64, 0);
    world_taskdef(&w, "old", 64, 0);
    json_decref(call(&w, &w.user, launcher_deregister_taskdef, doc("{'taskDefinition': 'old:1'}")));
    for (size_t i = 0; i < SW_ARRAY_LEN(table); i++)
        refused(&w, &w.user, launcher_run_task, doc("%s", table[i].in), table[i].code,
                table[i].reason, table[i].part);
    world_close(&w);
}

TEST(a_client_token_gives_the_same_tasks_or_a_conflict)
{
    struct world w;
    char instance[ARN_MAX], next[ARN_MAX];
    world_open(&w);
    world_instance(&w, 1024, 1000, instance);
    world_taskdef(&w, "app", 64, 0);
    sw_autojson json_t *one = run_app(&w, ", 'clientToken': 't1', 'count': 2");
    sw_autojson json_t *two = run_app(&w, ", 'count': 2, 'clientToken': 't1'");
    CHECK_EQ_STR(task_arn_of(one, 0), task_arn_of(two, 0));
    CHECK_EQ_STR(task_arn_of(one, 1), task_arn_of(two, 1));
    refused(&w, &w.user, launcher_run_task, doc("{'taskDefinition': 'app', 'clientToken': 't1'}"),
            SW_ECONFLICT, "ConflictException", "clientToken");
    sw_autojson json_t *all = list(&w, launcher_list_tasks, doc("{}"), "", 99, next);
    CHECK_EQ_INT(json_array_size(sw_json_array(all, "taskArns")), 2);
    world_close(&w);
}

TEST(overrides_count_when_room_is_looked_for)
{
    struct world w;
    char instance[ARN_MAX];
    world_open(&w);
    world_instance(&w, 1024, 1000, instance);
    world_taskdef(&w, "app", 64, 0);
    sw_autojson json_t *out =
        run_app(&w, ", 'overrides': {'containerOverrides': [{'name': 'web', 'memory': 2000}]}");
    CHECK_EQ_STR(failure(out, 0), "RESOURCE:MEMORY");
    world_close(&w);
}

/* Many callers at once: what they got together is what the instance has. */
struct crowd {
    struct world *w;
    atomic_int placed, failed;
};

static void *crowd_member(void *arg)
{
    struct crowd *c = arg;
    for (int i = 0; i < 5; i++) {
        struct sw_err err = SW_ERR_INIT;
        sw_autojson json_t *in = json_pack("{s:s, s:i}", "taskDefinition", "app", "count", 2);
        sw_autojson json_t *out = json_object();
        if (launcher_run_task(c->w->l, &c->w->user, in, out, &err) < 0)
            atomic_fetch_add(&c->failed, 1);
        else
            atomic_fetch_add(&c->placed, (int)json_array_size(sw_json_array(out, "tasks")));
    }
    return NULL;
}

TEST(callers_at_once_never_get_more_than_there_is)
{
    struct world w;
    char instance[ARN_MAX];
    struct crowd crowd = {.w = &w};
    pthread_t threads[4];
    world_open(&w);
    world_instance(&w, 4096, 960, instance);
    world_taskdef(&w, "app", 64, 0);
    for (size_t i = 0; i < 4; i++)
        CHECK_EQ_INT(pthread_create(&threads[i], NULL, crowd_member, &crowd), 0);
    for (size_t i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    CHECK_EQ_INT(atomic_load(&crowd.failed), 0);
    CHECK_EQ_INT(atomic_load(&crowd.placed), 15);
    world_close(&w);
}
