/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/launcher/service/world.h"

struct site {
    struct world w;
    char instance[ARN_MAX], task[ARN_MAX];
};

static void site_open(struct site *s)
{
    world_open(&s->w);
    world_instance(&s->w, 1024, 1000, s->instance);
    world_taskdef(&s->w, "app", 64, 8080);
    sw_autojson json_t *out =
        call(&s->w, &s->w.user, launcher_run_task, doc("{'taskDefinition': 'app'}"));
    (void)snprintf(s->task, ARN_MAX, "%s", task_arn_of(out, 0));
}

static json_t *look(struct site *s)
{
    sw_autojson json_t *out =
        call(&s->w, &s->w.user, launcher_describe_tasks, doc("{'tasks': ['%s']}", s->task));
    CHECK_EQ_INT(json_array_size(sw_json_array(out, "failures")), 0);
    return json_incref(json_array_get(sw_json_array(out, "tasks"), 0));
}

static void report(struct site *s, const char *status, const char *more)
{
    json_decref(call(&s->w, &s->w.agent, launcher_submit_task_state,
                     doc("{'task': '%s', 'status': '%s'%s}", s->task, status, more)));
}

static const char *last(const json_t *t)
{
    return sw_json_str(t, "lastStatus", "");
}

TEST(runs_through_its_states_to_stopped)
{
    struct site s;
    site_open(&s);
    report(&s, "PENDING", ", 'pullStartedAt': 1800000000.5");
    report(&s, "RUNNING",
           ", 'containers': [{'containerName': 'web', 'status': 'RUNNING', 'runtimeId': 'r1',"
           " 'networkBindings': [{'bindIP': '0.0.0.0', 'containerPort': 80, 'hostPort': 8080,"
           " 'protocol': 'tcp'}]}]");
    sw_autojson json_t *running = look(&s);
    json_t *c = json_array_get(sw_json_array(running, "containers"), 0);
    CHECK_EQ_STR(last(running), "RUNNING");
    CHECK(json_object_get(running, "startedAt") && json_object_get(running, "pullStartedAt"));
    CHECK_EQ_STR(sw_json_str(running, "connectivity", ""), "CONNECTED");
    CHECK_EQ_STR(last(c), "RUNNING");
    CHECK_EQ_INT(json_array_size(sw_json_array(c, "networkBindings")), 1);
    report(&s, "STOPPED",
           ", 'reason': 'EssentialContainerExited: Essential container in task exited',"
           " 'containers': [{'containerName': 'web', 'status': 'STOPPED', 'exitCode': 3}]");
    sw_autojson json_t *stopped = look(&s);
    c = json_array_get(sw_json_array(stopped, "containers"), 0);
    CHECK_EQ_STR(last(stopped), "STOPPED");
    CHECK_EQ_STR(sw_json_str(stopped, "desiredStatus", ""), "STOPPED");
    CHECK_EQ_STR(sw_json_str(stopped, "stopCode", ""), "EssentialContainerExited");
    CHECK_EQ_STR(sw_json_str(stopped, "stoppedReason", ""), "Essential container in task exited");
    CHECK_EQ_INT(sw_json_int(c, "exitCode", -1), 3);
    CHECK(json_object_get(stopped, "stoppedAt") && json_object_get(stopped, "executionStoppedAt"));
    CHECK(sw_json_int(stopped, "version", 0) > sw_json_int(running, "version", 0));
    world_close(&s.w);
}

TEST(late_and_repeated_reports_change_nothing)
{
    struct site s;
    site_open(&s);
    report(&s, "RUNNING", "");
    sw_autojson json_t *before = look(&s);
    report(&s, "RUNNING", "");
    report(&s, "PENDING", "");
    sw_autojson json_t *after = look(&s);
    CHECK(json_equal(before, after));
    report(&s, "STOPPED", ", 'reason': 'TaskFailedToStart: no'");
    sw_autojson json_t *stopped = look(&s);
    report(&s, "RUNNING", ", 'containers': [{'containerName': 'web', 'status': 'RUNNING'}]");
    report(&s, "STOPPED", ", 'reason': 'UserInitiated: other'");
    sw_autojson json_t *still = look(&s);
    CHECK(json_equal(stopped, still));
    CHECK_EQ_STR(sw_json_str(still, "stopCode", ""), "TaskFailedToStart");
    json_decref(call(&s.w, &s.w.agent, launcher_submit_task_state,
                     doc("{'task': '00000000000000000000000000000000', 'status': 'STOPPED'}")));
    world_close(&s.w);
}

TEST(stop_waits_for_the_agent_and_then_frees_what_it_had)
{
    struct site s;
    site_open(&s);
    report(&s, "RUNNING", "");
    sw_autojson json_t *out = call(&s.w, &s.w.user, launcher_stop_task,
                                   doc("{'task': '%s', 'reason': 'enough'}", s.task));
    json_t *t = sw_json_object(out, "task");
    CHECK_EQ_STR(last(t), "STOPPING");
    CHECK_EQ_STR(sw_json_str(t, "stopCode", ""), "UserInitiated");
    CHECK_EQ_STR(sw_json_str(t, "stoppedReason", ""), "enough");
    CHECK(json_object_get(t, "stoppingAt"));
    sw_autojson json_t *full =
        call(&s.w, &s.w.user, launcher_run_task, doc("{'taskDefinition': 'app'}"));
    CHECK_EQ_INT(json_array_size(sw_json_array(full, "tasks")), 0);
    report(&s, "STOPPED", ", 'reason': 'EssentialContainerExited: x'");
    sw_autojson json_t *stopped = look(&s);
    CHECK_EQ_STR(sw_json_str(stopped, "stopCode", ""), "UserInitiated");
    sw_autojson json_t *room =
        call(&s.w, &s.w.user, launcher_run_task, doc("{'taskDefinition': 'app'}"));
    CHECK_EQ_INT(json_array_size(sw_json_array(room, "tasks")), 1);
    refused(&s.w, &s.w.user, launcher_stop_task,
            doc("{'task': '00000000000000000000000000000000'}"), SW_ENOTFOUND,
            "InvalidParameterException", "The referenced task was not found.");
    world_close(&s.w);
}

TEST(an_essential_container_that_ends_stops_the_task)
{
    struct site s;
    site_open(&s);
    report(&s, "RUNNING",
           ", 'containers': [{'containerName': 'web', 'status': 'STOPPED', 'exitCode': 0}]");
    sw_autojson json_t *t = look(&s);
    CHECK_EQ_STR(last(t), "STOPPING");
    CHECK_EQ_STR(sw_json_str(t, "desiredStatus", ""), "STOPPED");
    CHECK_EQ_STR(sw_json_str(t, "stopCode", ""), "EssentialContainerExited");
    world_close(&s.w);
}

TEST(only_the_registering_principal_speaks_for_a_task)
{
    struct site s;
    site_open(&s);
    refused(&s.w, &s.w.user, launcher_submit_task_state,
            doc("{'task': '%s', 'status': 'RUNNING'}", s.task), SW_EDENIED, "AccessDeniedException",
            "another principal");
    refused(&s.w, &s.w.agent, launcher_submit_task_state,
            doc("{'task': '%s', 'status': 'DONE'}", s.task), SW_EINVALID, "ClientException",
            "PENDING");
    world_close(&s.w);
}

TEST(lists_by_filter)
{
    static const struct {
        const char *filter;
        size_t n;
    } table[] = {{"{}", 1},
                 {"{'family': 'app'}", 1},
                 {"{'family': 'other'}", 0},
                 {"{'startedBy': 'x'}", 0},
                 {"{'desiredStatus': 'STOPPED'}", 0},
                 {"{'desiredStatus': 'PENDING'}", 0},
                 {"{'launchType': 'FARGATE'}", 0},
                 {"{'launchType': 'EC2'}", 1},
                 {"{'containerInstance': '00000000000000000000000000000000'}", 0}};
    struct site s;
    char next[ARN_MAX];
    site_open(&s);
    for (size_t i = 0; i < SW_ARRAY_LEN(table); i++) {
        sw_autojson json_t *out =
            list(&s.w, launcher_list_tasks, doc("%s", table[i].filter), "", 9, next);
        CHECK_MSG(json_array_size(sw_json_array(out, "taskArns")) == table[i].n, "%s",
                  table[i].filter);
    }
    sw_autojson json_t *here = list(&s.w, launcher_list_tasks,
                                    doc("{'containerInstance': '%s'}", s.instance), "", 9, next);
    CHECK_EQ_INT(json_array_size(sw_json_array(here, "taskArns")), 1);
    world_close(&s.w);
}

TEST(describe_says_missing_and_health_follows_essential_checks)
{
    struct site s;
    site_open(&s);
    sw_autojson json_t *none = call(&s.w, &s.w.user, launcher_describe_tasks,
                                    doc("{'tasks': ['00000000000000000000000000000000']}"));
    json_t *f = json_array_get(sw_json_array(none, "failures"), 0);
    CHECK_EQ_STR(sw_json_str(f, "reason", ""), "MISSING");
    CHECK_CONTAINS(sw_json_str(f, "arn", ""), ":task/default/0000");
    refused(&s.w, &s.w.user, launcher_describe_tasks, doc("{'tasks': []}"), SW_EINVALID,
            "InvalidParameterException", "Tasks cannot be empty.");
    json_decref(call(&s.w, &s.w.agent, launcher_submit_health,
                     doc("{'task': '%s', 'containers': [{'containerName': 'web',"
                         " 'healthStatus': 'HEALTHY'}]}",
                         s.task)));
    sw_autojson json_t *t = look(&s);
    CHECK_EQ_STR(sw_json_str(json_array_get(sw_json_array(t, "containers"), 0), "healthStatus", ""),
                 "HEALTHY");
    CHECK_EQ_STR(sw_json_str(t, "healthStatus", ""), "UNKNOWN"); /* the definition has no check */
    world_close(&s.w);
}

TEST(stopped_tasks_are_forgotten_after_a_day)
{
    struct site s;
    struct sw_err err = SW_ERR_INIT;
    site_open(&s);
    report(&s, "STOPPED", "");
    world_now_us += 3600 * 1000000LL;
    CHECK_OK(launcher_expire(s.w.l, &err));
    json_decref(look(&s));
    world_now_us += 24 * 3600 * 1000000LL;
    CHECK_OK(launcher_expire(s.w.l, &err));
    sw_autojson json_t *out =
        call(&s.w, &s.w.user, launcher_describe_tasks, doc("{'tasks': ['%s']}", s.task));
    CHECK_EQ_INT(json_array_size(sw_json_array(out, "failures")), 1);
    world_close(&s.w);
}
