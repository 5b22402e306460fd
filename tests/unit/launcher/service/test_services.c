/* SPDX-License-Identifier: Apache-2.0 */
#include <pthread.h>

#include "launcher/service/launcher_services.h"
#include "tests/unit/launcher/service/world.h"

/* The services' side of a world: agents that do what they are told, at once or when the test says so. */

static json_t *service(struct world *w, const char *name)
{
    sw_autojson json_t *out = call(w, &w->user, launcher_describe_services,
                                   doc("{'services': ['%s'], 'include': ['TAGS']}", name));
    json_t *s = json_array_get(sw_json_array(out, "services"), 0);
    CHECK_MSG(s != NULL, "no service %s", name);
    return json_incref(s);
}

static void settle(struct world *w)
{
    struct sw_err err = SW_ERR_INIT;
    CHECK_OK(launcher_services_settle(w->l, &err));
}

static void pass_time(struct world *w, int seconds)
{
    world_now_us += (int64_t)seconds * 1000000;
    settle(w);
}

static void report(struct world *w, const char *task, const char *status, const char *reason)
{
    json_decref(call(w, &w->agent, launcher_submit_task_state,
                     doc("{'task': '%s', 'status': '%s', 'reason': '%s'}", task, status, reason)));
}

/* Agents poll, start what shall run and stop what shall not; *ret: how many reports it took. */
static int agents_work(struct world *w, const char *status_of_new)
{
    struct sw_err err = SW_ERR_INIT;
    char next[ARN_MAX];
    const json_t *v, *task;
    size_t i, k;
    int reports = 0;
    sw_autojson json_t *all = list(w, launcher_list_instances, doc("{}"), "", 100, next);
    json_array_foreach(sw_json_array(all, "containerInstanceArns"), i, v) {
        struct launcher_poll p;
        sw_autojson json_t *in = doc("{'containerInstance': '%s'}", json_string_value(v));
        sw_autojson json_t *state = json_object();
        CHECK_EQ_INT(launcher_poll(w->l, &w->agent, in, &p, state, &err), 1);
        json_array_foreach(sw_json_array(state, "tasks"), k, task) {
            const char *arn = sw_json_str(task, "taskArn", "");
            const char *known = sw_json_str(task, "knownStatus", "");
            bool stop = sw_streq(sw_json_str(task, "desiredStatus", ""), "STOPPED");
            if (!stop && sw_streq(known, status_of_new))
                continue;
            report(w, arn, stop ? "STOPPED" : status_of_new, "");
            reports++;
        }
    }
    return reports;
}

/* Until nobody has anything to do at this time. */
static void work(struct world *w)
{
    settle(w);
    for (int i = 0; agents_work(w, "RUNNING") > 0; i++) {
        CHECK(i < 100);
        settle(w);
    }
}

static size_t deployments(const json_t *s)
{
    return json_array_size(sw_json_array(s, "deployments"));
}

static const json_t *deployment(const json_t *s, size_t i)
{
    return json_array_get(sw_json_array(s, "deployments"), i);
}

/* -1: there is none. */
static int event_index(const json_t *s, const char *part)
{
    const json_t *v;
    size_t i;
    json_array_foreach(sw_json_array(s, "events"), i, v) {
        if (strstr(sw_json_str(v, "message", ""), part))
            return (int)i;
    }
    return -1;
}

static bool has_event(const json_t *s, const char *part)
{
    return event_index(s, part) >= 0;
}

static void check_counts(struct world *w, const char *name, int desired, int running, int pending,
                         size_t deployments_n)
{
    sw_autojson json_t *s = service(w, name);
    CHECK_EQ_INT(sw_json_int(s, "desiredCount", -1), desired);
    CHECK_EQ_INT(sw_json_int(s, "runningCount", -1), running);
    CHECK_EQ_INT(sw_json_int(s, "pendingCount", -1), pending);
    CHECK_EQ_INT(deployments(s), deployments_n);
}

static void create(struct world *w, const char *name, const char *definition, int desired)
{
    json_decref(call(w, &w->user, launcher_create_service,
                     doc("{'serviceName': '%s', 'taskDefinition': '%s', 'desiredCount': %d}", name,
                         definition, desired)));
}

TEST(a_service_starts_its_tasks_and_becomes_steady)
{
    struct world w;
    char instance[ARN_MAX];
    world_open(&w);
    world_instance(&w, 2048, 2000, instance);
    world_taskdef(&w, "web", 100, 0);
    create(&w, "web", "web", 2);
    check_counts(&w, "web", 2, 0, 0, 1);
    settle(&w);
    check_counts(&w, "web", 2, 0, 2, 1);
    work(&w);
    check_counts(&w, "web", 2, 2, 0, 1);
    pass_time(&w, 41);
    sw_autojson json_t *s = service(&w, "web");
    const json_t *d = deployment(s, 0);
    CHECK_EQ_STR(sw_json_str(d, "rolloutState", ""), "COMPLETED");
    CHECK_EQ_STR(sw_json_str(d, "status", ""), "PRIMARY");
    CHECK(has_event(s, "(service web) has started 2 tasks: (task "));
    CHECK(has_event(s, "(service web) has reached a steady state."));
    char next[ARN_MAX];
    sw_autojson json_t *arns =
        list(&w, launcher_list_tasks, doc("{'serviceName': 'web'}"), "", 10, next);
    sw_autojson json_t *tasks = call(&w, &w.user, launcher_describe_tasks,
                                     json_pack("{s:O}", "tasks", sw_json_array(arns, "taskArns")));
    const json_t *t = json_array_get(sw_json_array(tasks, "tasks"), 0);
    CHECK_EQ_INT(json_array_size(sw_json_array(tasks, "tasks")), 2);
    CHECK_EQ_STR(sw_json_str(t, "group", ""), "service:web");
    CHECK_EQ_STR(sw_json_str(t, "startedBy", ""), sw_json_str(d, "id", "?"));
    world_close(&w);
}

TEST(a_new_definition_replaces_tasks_and_the_old_deployment_goes)
{
    struct world w;
    char instance[ARN_MAX];
    world_open(&w);
    world_instance(&w, 2048, 2000, instance);
    world_taskdef(&w, "web", 100, 0);
    create(&w, "web", "web", 2);
    work(&w);
    pass_time(&w, 41);
    world_taskdef(&w, "web", 110, 0);
    json_decref(call(&w, &w.user, launcher_update_service,
                     doc("{'service': 'web', 'taskDefinition': 'web'}")));
    check_counts(&w, "web", 2, 2, 0, 2);
    work(&w);
    check_counts(&w, "web", 2, 4, 0, 2);
    pass_time(&w, 41);
    work(&w);
    pass_time(&w, 1);
    check_counts(&w, "web", 2, 2, 0, 1);
    sw_autojson json_t *s = service(&w, "web");
    CHECK_CONTAINS(sw_json_str(s, "taskDefinition", ""), "task-definition/web:2");
    CHECK(has_event(s, "has stopped 2 running tasks: (task "));
    world_close(&w);
}

TEST(the_event_says_why_the_second_task_does_not_fit)
{
    struct world w;
    char instance[ARN_MAX];
    world_open(&w);
    world_instance(&w, 2048, 2000, instance);
    world_taskdef(&w, "web", 100, 8080);
    create(&w, "web", "web", 2);
    work(&w);
    check_counts(&w, "web", 2, 1, 0, 1);
    {
        sw_autojson json_t *s = service(&w, "web");
        CHECK(has_event(s, "(service web) was unable to place a task because no container instance "
                           "met all of its requirements."));
        CHECK(has_event(s, "is already using a port required by your task"));
    }
    world_taskdef(&w, "web", 100, 0);
    json_decref(call(&w, &w.user, launcher_update_service,
                     doc("{'service': 'web', 'taskDefinition': 'web:2'}")));
    work(&w);
    pass_time(&w, 41);
    work(&w);
    pass_time(&w, 1);
    check_counts(&w, "web", 2, 2, 0, 1);
    json_decref(
        call(&w, &w.user, launcher_update_service, doc("{'service': 'web', 'desiredCount': 4}")));
    work(&w);
    check_counts(&w, "web", 4, 4, 0, 1);
    world_close(&w);
}

TEST(scale_in_says_so_and_a_stopped_task_is_replaced)
{
    struct world w;
    char instance[ARN_MAX], next[ARN_MAX];
    world_open(&w);
    world_instance(&w, 2048, 2000, instance);
    world_taskdef(&w, "web", 100, 0);
    create(&w, "web", "web", 3);
    work(&w);
    pass_time(&w, 41);
    json_decref(
        call(&w, &w.user, launcher_update_service, doc("{'service': 'web', 'desiredCount': 1}")));
    work(&w);
    check_counts(&w, "web", 1, 1, 0, 1);
    sw_autojson json_t *gone =
        list(&w, launcher_list_tasks, doc("{'serviceName': 'web', 'desiredStatus': 'STOPPED'}"), "",
             10, next);
    CHECK_EQ_INT(json_array_size(sw_json_array(gone, "taskArns")), 2);
    sw_autojson json_t *tasks = call(&w, &w.user, launcher_describe_tasks,
                                     json_pack("{s:O}", "tasks", sw_json_array(gone, "taskArns")));
    const json_t *t = json_array_get(sw_json_array(tasks, "tasks"), 0);
    CHECK_EQ_STR(sw_json_str(t, "stopCode", ""), "ServiceSchedulerInitiated");
    CHECK_CONTAINS(sw_json_str(t, "stoppedReason", ""),
                   "Scaling activity initiated by (deployment ecs-svc/");
    sw_autojson json_t *left =
        list(&w, launcher_list_tasks, doc("{'serviceName': 'web'}"), "", 10, next);
    const char *arn = json_string_value(json_array_get(sw_json_array(left, "taskArns"), 0));
    json_decref(call(&w, &w.user, launcher_stop_task, doc("{'task': '%s'}", arn)));
    work(&w);
    check_counts(&w, "web", 1, 1, 0, 1);
    world_close(&w);
}

TEST(deletion_drains_and_the_name_is_free_again)
{
    struct world w;
    char instance[ARN_MAX], next[ARN_MAX];
    world_open(&w);
    world_instance(&w, 2048, 2000, instance);
    world_taskdef(&w, "web", 100, 0);
    create(&w, "web", "web", 2);
    work(&w);
    refused(&w, &w.user, launcher_delete_service, doc("{'service': 'web'}"), SW_EINVALID,
            "InvalidParameterException",
            "The service cannot be stopped while it is scaled above 0.");
    json_decref(
        call(&w, &w.user, launcher_delete_service, doc("{'service': 'web', 'force': true}")));
    sw_autojson json_t *names = list(&w, launcher_list_services, doc("{}"), "", 10, next);
    CHECK_EQ_INT(json_array_size(sw_json_array(names, "serviceArns")), 0);
    refused(&w, &w.user, launcher_update_service, doc("{'service': 'web', 'desiredCount': 1}"),
            SW_ECONFLICT, "ServiceNotActiveException", "Service was not ACTIVE.");
    refused(&w, &w.user, launcher_create_service,
            doc("{'serviceName': 'web', 'taskDefinition': 'web', 'desiredCount': 1}"), SW_EINVALID,
            "InvalidParameterException", "still Draining");
    work(&w);
    {
        sw_autojson json_t *s = service(&w, "web");
        CHECK_EQ_STR(sw_json_str(s, "status", ""), "INACTIVE");
        CHECK_EQ_INT(sw_json_int(s, "runningCount", -1), 0);
    }
    {
        sw_autojson json_t *again =
            call(&w, &w.user, launcher_delete_service, doc("{'service': 'web'}"));
        CHECK_EQ_STR(sw_json_str(sw_json_object(again, "service"), "status", ""), "INACTIVE");
    }
    create(&w, "web", "web", 1);
    work(&w);
    check_counts(&w, "web", 1, 1, 0, 1);
    refused(&w, &w.user, launcher_update_service, doc("{'service': 'nope'}"), SW_ENOTFOUND,
            "ServiceNotFoundException", "Service not found.");
    world_close(&w);
}

/* Tasks that never start: the breaker fails the deployment and goes back to the one that had completed. */
TEST(a_deleted_service_is_described_for_a_day)
{
    struct world w;
    struct sw_err err = SW_ERR_INIT;
    world_open(&w);
    world_taskdef(&w, "web", 100, 0);
    create(&w, "web", "web", 0);
    json_decref(call(&w, &w.user, launcher_delete_service, doc("{'service': 'web'}")));
    settle(&w);
    pass_time(&w, 86000);
    CHECK_OK(launcher_expire(w.l, &err));
    json_decref(service(&w, "web"));
    pass_time(&w, 1000);
    CHECK_OK(launcher_expire(w.l, &err));
    sw_autojson json_t *out =
        call(&w, &w.user, launcher_describe_services, doc("{'services': ['web']}"));
    CHECK_EQ_INT(json_array_size(sw_json_array(out, "failures")), 1);
    world_close(&w);
}

TEST(the_circuit_breaker_rolls_back)
{
    struct world w;
    char instance[ARN_MAX];
    world_open(&w);
    world_instance(&w, 2048, 2000, instance);
    world_taskdef(&w, "web", 100, 0);
    json_decref(call(&w, &w.user, launcher_create_service,
                     doc("{'serviceName': 'web', 'taskDefinition': 'web', 'desiredCount': 1,"
                         " 'deploymentConfiguration': {'deploymentCircuitBreaker':"
                         " {'enable': true, 'rollback': true}}}")));
    work(&w);
    pass_time(&w, 41);
    world_taskdef(&w, "web", 110, 0);
    json_decref(call(&w, &w.user, launcher_update_service,
                     doc("{'service': 'web', 'taskDefinition': 'web:2'}")));
    for (int i = 0; i < 40; i++) {
        char next[ARN_MAX];
        const json_t *v;
        size_t k;
        settle(&w);
        sw_autojson json_t *arns =
            list(&w, launcher_list_tasks, doc("{'serviceName': 'web'}"), "", 10, next);
        json_array_foreach(sw_json_array(arns, "taskArns"), k, v) {
            sw_autojson json_t *out = call(&w, &w.user, launcher_describe_tasks,
                                           doc("{'tasks': ['%s']}", json_string_value(v)));
            const json_t *t = json_array_get(sw_json_array(out, "tasks"), 0);
            if (strstr(sw_json_str(t, "taskDefinitionArn", ""), "web:2"))
                report(&w, json_string_value(v), "STOPPED", "TaskFailedToStart: no such image");
        }
        pass_time(&w, 2);
    }
    {
        sw_autojson json_t *s = service(&w, "web");
        CHECK_CONTAINS(sw_json_str(deployment(s, 0), "rolloutStateReason", ""),
                       "ECS deployment circuit breaker: rolling back to deploymentId ecs-svc/");
    }
    for (int i = 0; i < 3; i++) {
        work(&w);
        pass_time(&w, 41);
    }
    sw_autojson json_t *s = service(&w, "web");
    CHECK_EQ_INT(deployments(s), 1);
    CHECK_CONTAINS(sw_json_str(deployment(s, 0), "rolloutStateReason", ""), " completed.");
    CHECK_CONTAINS(sw_json_str(s, "taskDefinition", ""), "task-definition/web:1");
    CHECK(has_event(s, "rolling back to deployment ecs-svc/")); /* and the newest is first */
    CHECK(event_index(s, "deployment failed: tasks failed to start.") >
          event_index(s, "rolling back to deployment ecs-svc/"));
    char next[ARN_MAX];
    sw_autojson json_t *history =
        list(&w, launcher_list_service_deployments, doc("{'service': 'web'}"), "", 10, next);
    const json_t *all = sw_json_array(history, "serviceDeployments");
    CHECK_EQ_INT(json_array_size(all), 2);
    CHECK_EQ_STR(sw_json_str(json_array_get(all, 0), "status", ""), "ROLLBACK_SUCCESSFUL");
    CHECK_EQ_STR(sw_json_str(json_array_get(all, 1), "status", ""), "SUCCESSFUL");
    world_close(&w);
}

TEST(an_instance_that_stays_away_is_replaced)
{
    struct world w;
    char first[ARN_MAX], second[ARN_MAX];
    world_open(&w);
    world_instance(&w, 2048, 2000, first);
    world_taskdef(&w, "web", 100, 0);
    create(&w, "web", "web", 1);
    work(&w);
    pass_time(&w, 41);
    check_counts(&w, "web", 1, 1, 0, 1);
    pass_time(&w, 200);
    world_instance(&w, 2048, 2000, second);
    settle(&w);
    check_counts(&w, "web", 1, 1, 0, 1); /* within the grace nothing happens */
    pass_time(&w, 110);
    {
        sw_autojson json_t *poll_in = doc("{'containerInstance': '%s'}", second);
        sw_autojson json_t *out = json_object();
        struct sw_err err = SW_ERR_INIT;
        struct launcher_poll p;
        CHECK_EQ_INT(launcher_poll(w.l, &w.agent, poll_in, &p, out, &err), 1);
    }
    settle(&w);
    char next[ARN_MAX];
    sw_autojson json_t *arns =
        list(&w, launcher_list_tasks, doc("{'containerInstance': '%s'}", second), "", 10, next);
    CHECK_EQ_INT(json_array_size(sw_json_array(arns, "taskArns")), 1);
    world_close(&w);
}

TEST(a_steady_service_writes_nothing)
{
    struct world w;
    char instance[ARN_MAX];
    struct meta_stats before, after;
    world_open(&w);
    world_instance(&w, 2048, 2000, instance);
    world_taskdef(&w, "web", 100, 0);
    create(&w, "web", "web", 2);
    work(&w);
    pass_time(&w, 41);
    settle(&w);
    meta_stats(w.db, &before);
    for (int i = 0; i < 20; i++)
        pass_time(&w, 1);
    meta_stats(w.db, &after);
    CHECK_EQ_INT(after.writes, before.writes);
    world_close(&w);
}

TEST(creating_it_again_is_the_same_service_only_with_the_same_parameters)
{
    struct world w;
    world_open(&w);
    world_taskdef(&w, "web", 100, 0);
    create(&w, "web", "web", 2);
    create(&w, "web", "web", 2);
    refused(&w, &w.user, launcher_create_service,
            doc("{'serviceName': 'web', 'taskDefinition': 'web', 'desiredCount': 3}"), SW_EINVALID,
            "InvalidParameterException", "Creation of service was not idempotent.");
    world_close(&w);
}

TEST(a_draining_instance_is_emptied_and_its_tasks_run_elsewhere)
{
    struct world w;
    char first[ARN_MAX], second[ARN_MAX], next[ARN_MAX];
    world_open(&w);
    world_instance(&w, 2048, 2000, first);
    world_taskdef(&w, "web", 100, 0);
    create(&w, "web", "web", 2);
    work(&w);
    pass_time(&w, 41);
    world_instance(&w, 2048, 2000, second);
    json_decref(call(&w, &w.user, launcher_update_instances_state,
                     doc("{'containerInstances': ['%s'], 'status': 'DRAINING'}", first)));
    work(&w);
    check_counts(&w, "web", 2, 4, 0, 1); /* the new ones come first */
    pass_time(&w, 41);
    work(&w);
    check_counts(&w, "web", 2, 2, 0, 1);
    sw_autojson json_t *there =
        list(&w, launcher_list_tasks, doc("{'containerInstance': '%s'}", second), "", 10, next);
    CHECK_EQ_INT(json_array_size(sw_json_array(there, "taskArns")), 2);
    world_close(&w);
}

/* Beside each other, as two servers on one database are: each slot gets one task, whoever has the lease (test_lease.c). */
static void *settle_often(void *arg)
{
    struct launcher *l = arg;
    for (int i = 0; i < 30; i++) {
        struct sw_err err = SW_ERR_INIT;
        if (launcher_services_settle(l, &err) < 0 && err.code != SW_ESTALE)
            return (void *)1;
    }
    return NULL;
}

TEST(two_loops_start_one_task_for_one_slot)
{
    struct world w;
    struct sw_err err = SW_ERR_INIT;
    char instance[ARN_MAX], next[ARN_MAX];
    pthread_t thread;
    void *failed = NULL;
    struct launcher *other = NULL;
    world_open(&w);
    world_instance(&w, 4096, 4000, instance);
    struct launcher_options lo = {.db = w.db, .now_us = world_clock};
    CHECK_OK(launcher_open(&lo, &other, &err));
    { /* the other one knows the agent too */
        struct launcher_poll p;
        sw_autojson json_t *in = doc("{'containerInstance': '%s'}", instance);
        sw_autojson json_t *state = json_object();
        CHECK_EQ_INT(launcher_poll(other, &w.agent, in, &p, state, &err), 1);
    }
    world_taskdef(&w, "web", 20, 0);
    for (int i = 0; i < 5; i++) {
        char name[16];
        (void)snprintf(name, sizeof name, "web%d", i);
        create(&w, name, "web", 3);
    }
    CHECK_EQ_INT(pthread_create(&thread, NULL, settle_often, other), 0);
    CHECK(settle_often(w.l) == NULL);
    CHECK_EQ_INT(pthread_join(thread, &failed), 0);
    CHECK(failed == NULL);
    sw_autojson json_t *all = list(&w, launcher_list_tasks, doc("{}"), "", 100, next);
    CHECK_EQ_INT(json_array_size(sw_json_array(all, "taskArns")), 15);
    launcher_free(other);
    world_close(&w);
}

TEST(tags_of_services)
{
    struct world w;
    world_open(&w);
    world_taskdef(&w, "web", 100, 0);
    create(&w, "web", "web", 0);
    const char *arn = "arn:aws:ecs:us-east-1:" WORLD_ACCOUNT ":service/default/web";
    json_decref(call(&w, &w.user, launcher_tag_resource,
                     doc("{'resourceArn': '%s', 'tags': [{'key': 'a', 'value': 'b'}]}", arn)));
    settle(&w);
    sw_autojson json_t *s = service(&w, "web");
    CHECK_EQ_INT(json_array_size(sw_json_array(s, "tags")), 1);
    json_decref(call(&w, &w.user, launcher_untag_resource,
                     doc("{'resourceArn': '%s', 'tagKeys': ['a']}", arn)));
    sw_autojson json_t *tags =
        call(&w, &w.user, launcher_list_tags, doc("{'resourceArn': '%s'}", arn));
    CHECK_EQ_INT(json_array_size(sw_json_array(tags, "tags")), 0);
    world_close(&w);
}

TEST(daemons_run_on_each_instance)
{
    struct world w;
    char first[ARN_MAX], second[ARN_MAX];
    world_open(&w);
    world_instance(&w, 2048, 2000, first);
    world_instance(&w, 2048, 2000, second);
    world_taskdef(&w, "agent", 100, 0);
    json_decref(call(&w, &w.user, launcher_create_service,
                     doc("{'serviceName': 'd', 'taskDefinition': 'agent',"
                         " 'schedulingStrategy': 'DAEMON'}")));
    work(&w);
    check_counts(&w, "d", 2, 2, 0, 1);
    char third[ARN_MAX];
    world_instance(&w, 2048, 2000, third);
    work(&w);
    check_counts(&w, "d", 3, 3, 0, 1);
    json_decref(call(&w, &w.user, launcher_delete_service, doc("{'service': 'd'}")));
    work(&w);
    sw_autojson json_t *s = service(&w, "d");
    CHECK_EQ_STR(sw_json_str(s, "status", ""), "INACTIVE");
    world_close(&w);
}

/* They could never be updated: each would have to stop before its successor starts. */
TEST(daemons_leave_room_for_deployments)
{
    static const char *const bad[][2] = {
        {"'maximumPercent': 200", "does not support values above 100 for maximumPercent"},
        {"'maximumPercent': 99", "maximumPercent must be 100"},
        {"'minimumHealthyPercent': 100", "as this will block deployments."}};
    struct world w;
    world_open(&w);
    world_taskdef(&w, "agent", 100, 0);
    for (size_t i = 0; i < SW_ARRAY_LEN(bad); i++)
        refused(&w, &w.user, launcher_create_service,
                doc("{'serviceName': 'd', 'taskDefinition': 'agent', 'schedulingStrategy': "
                    "'DAEMON', 'deploymentConfiguration': {%s}}",
                    bad[i][0]),
                SW_EINVALID, "InvalidParameterException", bad[i][1]);
    json_decref(call(&w, &w.user, launcher_create_service,
                     doc("{'serviceName': 'd', 'taskDefinition': 'agent', 'schedulingStrategy': "
                         "'DAEMON', 'deploymentConfiguration': {'minimumHealthyPercent': 99}}")));
    world_close(&w);
}

TEST(task_sets_of_an_external_controller)
{
    struct world w;
    char instance[ARN_MAX];
    world_open(&w);
    world_instance(&w, 4096, 4000, instance);
    world_taskdef(&w, "blue", 100, 0);
    world_taskdef(&w, "green", 100, 0);
    json_decref(call(&w, &w.user, launcher_create_service,
                     doc("{'serviceName': 'web', 'desiredCount': 4,"
                         " 'deploymentController': {'type': 'EXTERNAL'}}")));
    sw_autojson json_t *blue =
        call(&w, &w.user, launcher_create_task_set,
             doc("{'cluster': 'default', 'service': 'web', 'taskDefinition': 'blue',"
                 " 'externalId': 'x', 'clientToken': 't'}"));
    sw_autojson json_t *again =
        call(&w, &w.user, launcher_create_task_set,
             doc("{'cluster': 'default', 'service': 'web', 'taskDefinition': 'blue',"
                 " 'externalId': 'x', 'clientToken': 't'}"));
    const char *blue_id = sw_json_str(sw_json_object(blue, "taskSet"), "id", "");
    CHECK_EQ_STR(sw_json_str(sw_json_object(again, "taskSet"), "id", ""), blue_id);
    CHECK_EQ_INT(sw_json_int(sw_json_object(blue, "taskSet"), "computedDesiredCount", 0), 4);
    refused(&w, &w.user, launcher_create_task_set,
            doc("{'cluster': 'default', 'service': 'web', 'taskDefinition': 'green',"
                " 'externalId': 'x', 'clientToken': 't'}"),
            SW_EINVALID, "InvalidParameterException", "Creation of task set was not idempotent.");
    json_decref(call(&w, &w.user, launcher_tag_resource,
                     doc("{'resourceArn': '%s', 'tags': [{'key': 'a', 'value': 'b'}]}",
                         sw_json_str(sw_json_object(blue, "taskSet"), "taskSetArn", ""))));
    json_decref(again); /* what became of the set since does not matter */
    again = call(&w, &w.user, launcher_create_task_set,
                 doc("{'cluster': 'default', 'service': 'web', 'taskDefinition': 'blue',"
                     " 'externalId': 'x', 'clientToken': 't'}"));
    CHECK_EQ_STR(sw_json_str(sw_json_object(again, "taskSet"), "id", ""), blue_id);
    json_decref(
        call(&w, &w.user, launcher_update_primary_task_set,
             doc("{'cluster': 'default', 'service': 'web', 'primaryTaskSet': '%s'}", blue_id)));
    work(&w);
    check_counts(&w, "web", 4, 4, 0, 0);
    sw_autojson json_t *green =
        call(&w, &w.user, launcher_create_task_set,
             doc("{'cluster': 'default', 'service': 'web', 'taskDefinition': 'green',"
                 " 'scale': {'value': 50, 'unit': 'PERCENT'}}"));
    work(&w);
    pass_time(&w, 41);
    check_counts(&w, "web", 4, 6, 0, 0);
    refused(&w, &w.user, launcher_delete_task_set,
            doc("{'cluster': 'default', 'service': 'web', 'taskSet': '%s'}", blue_id), SW_EINVALID,
            "InvalidParameterException", "scaled above 0");
    json_decref(call(&w, &w.user, launcher_delete_task_set,
                     doc("{'cluster': 'default', 'service': 'web', 'taskSet': '%s',"
                         " 'force': true}",
                         blue_id)));
    work(&w);
    check_counts(&w, "web", 4, 2, 0, 0);
    json_decref(call(&w, &w.user, launcher_update_task_set,
                     doc("{'cluster': 'default', 'service': 'web', 'taskSet': '%s',"
                         " 'scale': {'value': 100, 'unit': 'PERCENT'}}",
                         sw_json_str(sw_json_object(green, "taskSet"), "taskSetArn", ""))));
    work(&w);
    pass_time(&w, 41);
    sw_autojson json_t *sets = call(&w, &w.user, launcher_describe_task_sets,
                                    doc("{'cluster': 'default', 'service': 'web'}"));
    const json_t *one = json_array_get(sw_json_array(sets, "taskSets"), 0);
    CHECK_EQ_INT(json_array_size(sw_json_array(sets, "taskSets")), 1);
    CHECK_EQ_INT(sw_json_int(one, "runningCount", 0), 4);
    CHECK_EQ_STR(sw_json_str(one, "stabilityStatus", ""), "STEADY_STATE");
    refused(&w, &w.user, launcher_update_service,
            doc("{'service': 'web', 'taskDefinition': 'blue'}"), SW_EINVALID,
            "InvalidParameterException", "Use a task set");
    world_close(&w);
}

static void report_health(struct world *w, const char *task, const char *health)
{
    json_decref(call(w, &w->agent, launcher_submit_health,
                     doc("{'task': '%s', 'containers': [{'containerName': 'web',"
                         " 'healthStatus': '%s'}]}",
                         task, health)));
}

static json_t *task_of(struct world *w, const char *name, const char *desired, size_t i)
{
    char next[ARN_MAX];
    sw_autojson json_t *arns =
        list(w, launcher_list_tasks,
             doc("{'serviceName': '%s', 'desiredStatus': '%s'}", name, desired), "", 10, next);
    const char *arn = json_string_value(json_array_get(sw_json_array(arns, "taskArns"), i));
    CHECK_MSG(arn != NULL, "no task %zu of %s that shall be %s", i, name, desired);
    sw_autojson json_t *out =
        call(w, &w->user, launcher_describe_tasks, doc("{'tasks': ['%s']}", arn));
    return json_incref(json_array_get(sw_json_array(out, "tasks"), 0));
}

TEST(health_decides_and_what_is_unhealthy_is_replaced_after_the_grace)
{
    struct world w;
    world_open(&w);
    sw_autojson json_t *out =
        call(&w, &w.agent, launcher_register_instance,
             doc("{'totalResources': [{'name': 'CPU', 'type': 'INTEGER', 'integerValue': 1024},"
                 " {'name': 'MEMORY', 'type': 'INTEGER', 'integerValue': 1000}],"
                 " 'attributes': [{'name':"
                 " 'ecs.capability.container-health-check'}]}"));
    CHECK(json_object_get(out, "containerInstance") != NULL);
    json_decref(call(&w, &w.user, launcher_register_taskdef,
                     doc("{'family': 'web', 'containerDefinitions': [{'name': 'web', 'image': 'i',"
                         " 'memory': 64, 'healthCheck': {'command': ['CMD', 'true']}}]}")));
    json_decref(call(&w, &w.user, launcher_create_service,
                     doc("{'serviceName': 'web', 'taskDefinition': 'web', 'desiredCount': 1,"
                         " 'healthCheckGracePeriodSeconds': 60}")));
    work(&w);
    pass_time(&w, 50); /* RUNNING for long is not enough */
    {
        sw_autojson json_t *s = service(&w, "web");
        CHECK_EQ_STR(sw_json_str(deployment(s, 0), "rolloutState", ""), "IN_PROGRESS");
    }
    sw_autojson json_t *task = task_of(&w, "web", "RUNNING", 0);
    report_health(&w, sw_json_str(task, "taskArn", ""), "UNHEALTHY");
    work(&w);
    check_counts(&w, "web", 1, 1, 0, 1); /* within the grace */
    pass_time(&w, 11);
    work(&w);
    {
        sw_autojson json_t *newer = task_of(&w, "web", "RUNNING", 0);
        const char *arn = sw_json_str(newer, "taskArn", "");
        if (sw_streq(arn, sw_json_str(task, "taskArn", ""))) {
            json_decref(newer);
            newer = task_of(&w, "web", "RUNNING", 1);
            arn = sw_json_str(newer, "taskArn", "");
        }
        report_health(&w, arn, "HEALTHY");
    }
    work(&w);
    check_counts(&w, "web", 1, 1, 0, 1);
    sw_autojson json_t *gone = task_of(&w, "web", "STOPPED", 0);
    CHECK_EQ_STR(sw_json_str(gone, "taskArn", ""), sw_json_str(task, "taskArn", "?"));
    CHECK_EQ_STR(sw_json_str(gone, "stoppedReason", ""), "Task failed container health checks");
    CHECK_EQ_STR(sw_json_str(gone, "stopCode", ""), "ServiceSchedulerInitiated");
    sw_autojson json_t *s = service(&w, "web");
    CHECK_EQ_STR(sw_json_str(deployment(s, 0), "rolloutState", ""), "COMPLETED");
    world_close(&w);
}

TEST(tasks_that_never_ran_are_told_apart_when_they_stop)
{
    struct world w;
    char instance[ARN_MAX];
    world_open(&w);
    world_instance(&w, 2048, 2000, instance);
    world_taskdef(&w, "web", 100, 0);
    create(&w, "web", "web", 3);
    settle(&w);
    json_decref(
        call(&w, &w.user, launcher_update_service, doc("{'service': 'web', 'desiredCount': 1}")));
    settle(&w);
    sw_autojson json_t *s = service(&w, "web");
    CHECK(has_event(s, "(service web) stopped 2 pending tasks."));
    CHECK(!has_event(s, "running tasks"));
    world_close(&w);
}

TEST(a_protected_task_survives_scaling_in)
{
    struct world w;
    char instance[ARN_MAX];
    world_open(&w);
    world_instance(&w, 2048, 2000, instance);
    world_taskdef(&w, "web", 100, 0);
    create(&w, "web", "web", 2);
    work(&w);
    pass_time(&w, 41);
    sw_autojson json_t *a = task_of(&w, "web", "RUNNING", 0);
    json_decref(call(&w, &w.user, launcher_update_protection,
                     doc("{'cluster': 'default', 'tasks': ['%s'], 'protectionEnabled': true,"
                         " 'expiresInMinutes': 10}",
                         sw_json_str(a, "taskArn", ""))));
    json_decref(
        call(&w, &w.user, launcher_update_service, doc("{'service': 'web', 'desiredCount': 0}")));
    work(&w);
    check_counts(&w, "web", 0, 1, 0, 1);
    {
        sw_autojson json_t *s = service(&w, "web");
        CHECK(has_event(s, "unable to scale in due to (reason 1 tasks under protection)"));
    }
    sw_autojson json_t *left = task_of(&w, "web", "RUNNING", 0);
    CHECK_EQ_STR(sw_json_str(left, "taskArn", ""), sw_json_str(a, "taskArn", "?"));
    pass_time(&w, 601);
    work(&w);
    check_counts(&w, "web", 0, 0, 0, 1);
    world_close(&w);
}

TEST(awsvpc_definitions_need_a_network_and_others_have_none)
{
    struct world w;
    char instance[ARN_MAX];
    world_open(&w);
    world_instance(&w, 2048, 2000, instance);
    world_taskdef(&w, "web", 100, 0);
    json_decref(call(&w, &w.user, launcher_register_taskdef,
                     doc("{'family': 'vpc', 'networkMode': 'awsvpc', 'containerDefinitions':"
                         " [{'name': 'web', 'image': 'i', 'memory': 64}]}")));
    const char *network = "'networkConfiguration': {'awsvpcConfiguration': {'subnets': ['s-1']}}";
    refused(&w, &w.user, launcher_create_service,
            doc("{'serviceName': 'a', 'taskDefinition': 'web', 'desiredCount': 1, %s}", network),
            SW_EINVALID, "InvalidParameterException", "Network Configuration is not valid");
    refused(&w, &w.user, launcher_create_service,
            doc("{'serviceName': 'a', 'taskDefinition': 'vpc', 'desiredCount': 1}"), SW_EINVALID,
            "InvalidParameterException", "Network Configuration must be provided");
    json_decref(
        call(&w, &w.user, launcher_create_service,
             doc("{'serviceName': 'a', 'taskDefinition': 'vpc', 'desiredCount': 1, %s}", network)));
    /* To say what is so already deploys nothing; nor does it to say nothing. */
    json_decref(call(&w, &w.user, launcher_update_service, doc("{'service': 'a', %s}", network)));
    json_decref(call(&w, &w.user, launcher_update_service,
                     doc("{'service': 'a', 'networkConfiguration': {}}")));
    check_counts(&w, "a", 1, 0, 0, 1);
    json_decref(call(&w, &w.user, launcher_update_service,
                     doc("{'service': 'a', 'networkConfiguration': {'awsvpcConfiguration': "
                         "{'subnets': ['s-2']}}}")));
    check_counts(&w, "a", 1, 0, 0, 2);
    create(&w, "web", "web", 0);
    json_decref(call(&w, &w.user, launcher_update_service,
                     doc("{'service': 'web', 'networkConfiguration': {}}")));
    check_counts(&w, "web", 0, 0, 0, 1);
    {
        sw_autojson json_t *s = service(&w, "web");
        CHECK(!json_object_get(s, "networkConfiguration"));
    }
    sw_autojson json_t *s = service(&w, "a");
    CHECK(sw_json_object(sw_json_object(s, "networkConfiguration"), "awsvpcConfiguration") != NULL);
    CHECK(sw_json_object(deployment(s, 0), "networkConfiguration") != NULL);
    create(&w, "b", "web", 0);
    refused(&w, &w.user, launcher_update_service, doc("{'service': 'b', %s}", network), SW_EINVALID,
            "InvalidParameterException", "Network Configuration is not valid");
    world_close(&w);
}
