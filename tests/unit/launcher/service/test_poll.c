/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/launcher/service/world.h"

/* What a waiting caller was told. */
struct told {
    int times;
    json_t *out;
    struct sw_err err;
};

static void tell(void *ctx, json_t *out, const struct sw_err *err)
{
    struct told *t = ctx;
    t->times++;
    t->err = *err;
    json_decref(t->out);
    t->out = out;
}

/* Polls as the agent does; 1: answered. */
static int poll(struct world *w, const char *arn, int64_t seen, struct launcher_poll *p,
                json_t **ret)
{
    struct sw_err err = SW_ERR_INIT;
    sw_autojson json_t *in =
        doc("{'containerInstance': '%s', 'seenVersion': %lld, 'waitSeconds': 20}", arn,
            (long long)seen);
    json_t *out = json_object();
    int r = launcher_poll(w->l, &w->agent, in, p, out, &err);
    CHECK_OK(r);
    json_decref(*ret);
    *ret = out;
    return r;
}

TEST(a_change_wakes_the_agent_with_the_whole_state)
{
    struct world w;
    char arn[ARN_MAX];
    struct launcher_poll p;
    struct told told = {.times = 0};
    sw_autojson json_t *state = NULL;
    world_open(&w);
    world_instance(&w, 1024, 1000, arn);
    world_taskdef(&w, "app", 64, 0);
    CHECK_EQ_INT(poll(&w, arn, -1, &p, &state), 1);
    int64_t version = sw_json_int(state, "version", 0);
    CHECK_EQ_INT(poll(&w, arn, version, &p, &state), 0);
    launcher_poll_wait(w.l, &p, tell, &told);
    CHECK_EQ_INT(told.times, 0);
    sw_autojson json_t *run =
        call(&w, &w.user, launcher_run_task, doc("{'taskDefinition': 'app'}"));
    CHECK_EQ_INT(told.times, 1);
    CHECK(sw_json_int(told.out, "version", 0) > version);
    json_t *t = json_array_get(sw_json_array(told.out, "tasks"), 0);
    CHECK_EQ_STR(sw_json_str(t, "taskArn", ""), task_arn_of(run, 0));
    CHECK_EQ_STR(sw_json_str(t, "desiredStatus", ""), "RUNNING");
    CHECK_EQ_STR(sw_json_str(sw_json_object(t, "taskDefinition"), "family", ""), "app");
    CHECK_EQ_INT(poll(&w, arn, version, &p, &state),
                 1); /* asked again with the old version: told again */
    CHECK_EQ_INT(json_array_size(sw_json_array(state, "tasks")), 1);
    json_decref(call(&w, &w.agent, launcher_submit_task_state,
                     doc("{'task': '%s', 'status': 'STOPPED'}", task_arn_of(run, 0))));
    CHECK_EQ_INT(poll(&w, arn, -1, &p, &state), 1);
    CHECK_EQ_INT(json_array_size(sw_json_array(state, "tasks")), 0);
    json_decref(told.out);
    world_close(&w);
}

TEST(a_change_between_the_two_steps_is_not_missed)
{
    struct world w;
    char arn[ARN_MAX];
    struct launcher_poll p;
    struct told told = {.times = 0};
    sw_autojson json_t *state = NULL;
    world_open(&w);
    world_instance(&w, 1024, 1000, arn);
    world_taskdef(&w, "app", 64, 0);
    (void)poll(&w, arn, -1, &p, &state);
    CHECK_EQ_INT(poll(&w, arn, sw_json_int(state, "version", 0), &p, &state), 0);
    json_decref(call(&w, &w.user, launcher_run_task, doc("{'taskDefinition': 'app'}")));
    launcher_poll_wait(w.l, &p, tell, &told);
    CHECK_EQ_INT(told.times, 1);
    CHECK_EQ_INT(json_array_size(sw_json_array(told.out, "tasks")), 1);
    json_decref(told.out);
    world_close(&w);
}

TEST(time_up_and_shutdown_answer_whoever_waits)
{
    struct world w;
    char arn[ARN_MAX];
    struct launcher_poll p;
    struct told first = {.times = 0}, second = {.times = 0};
    sw_autojson json_t *state = NULL;
    world_open(&w);
    world_instance(&w, 1024, 1000, arn);
    (void)poll(&w, arn, -1, &p, &state);
    int64_t version = sw_json_int(state, "version", 0);
    CHECK_EQ_INT(poll(&w, arn, version, &p, &state), 0);
    launcher_poll_wait(w.l, &p, tell, &first);
    launcher_tick(w.l);
    CHECK_EQ_INT(first.times, 0);
    world_now_us += 21 * 1000000LL;
    launcher_tick(w.l);
    CHECK_EQ_INT(first.times, 1);
    CHECK_EQ_INT(sw_json_int(first.out, "version", 0), version);
    CHECK_EQ_INT(poll(&w, arn, version, &p, &state), 0);
    launcher_poll_wait(w.l, &p, tell, &second);
    json_decref(first.out);
    world_close(&w);
    CHECK_EQ_INT(second.times, 1);
    json_decref(second.out);
}

TEST(a_new_poll_ends_the_one_that_a_killed_agent_left)
{
    struct world w;
    char arn[ARN_MAX];
    struct launcher_poll p;
    struct told dead = {.times = 0}, alive = {.times = 0};
    sw_autojson json_t *state = NULL;
    world_open(&w);
    world_instance(&w, 1024, 1000, arn);
    world_taskdef(&w, "app", 64, 0);
    (void)poll(&w, arn, -1, &p, &state);
    int64_t version = sw_json_int(state, "version", 0);
    CHECK_EQ_INT(poll(&w, arn, version, &p, &state), 0);
    launcher_poll_wait(w.l, &p, tell, &dead);
    CHECK_EQ_INT(poll(&w, arn, version, &p, &state), 0);
    CHECK_EQ_INT(dead.times, 1);
    CHECK_NULL(dead.out);
    CHECK_EQ_INT(dead.err.code, SW_ECONFLICT);
    launcher_poll_wait(w.l, &p, tell, &alive);
    json_decref(call(&w, &w.user, launcher_run_task, doc("{'taskDefinition': 'app'}")));
    CHECK_EQ_INT(dead.times, 1);
    CHECK_EQ_INT(alive.times, 1);
    CHECK_EQ_INT(json_array_size(sw_json_array(alive.out, "tasks")), 1);
    json_decref(alive.out);
    world_close(&w);
}

TEST(polls_are_for_the_registering_principal_and_known_instances)
{
    struct world w;
    char arn[ARN_MAX];
    struct launcher_poll p;
    struct sw_err err = SW_ERR_INIT;
    world_open(&w);
    world_instance(&w, 1024, 1000, arn);
    sw_autojson json_t *in = doc("{'containerInstance': '%s'}", arn), *out = json_object();
    CHECK_ERR(launcher_poll(w.l, &w.user, in, &p, out, &err), SW_EDENIED, "AccessDeniedException");
    sw_autojson json_t *unknown = doc("{'containerInstance': '00000000000000000000000000000000'}");
    CHECK_ERR(launcher_poll(w.l, &w.agent, unknown, &p, out, &err), SW_ENOTFOUND,
              "InvalidParameterException");
    world_close(&w);
}

/* Logs. */

static void ask_logs(struct world *w, const char *task, struct told *told)
{
    struct sw_err err = SW_ERR_INIT;
    struct launcher_logs q;
    sw_autojson json_t *in = doc("{'task': '%s', 'containerName': 'web', 'waitSeconds': 2}", task);
    CHECK_OK(launcher_logs(w->l, &w->user, in, &q, &err));
    launcher_logs_wait(w->l, &q, tell, told);
}

TEST(readers_of_logs_meet_the_agent)
{
    struct world w;
    char arn[ARN_MAX];
    struct launcher_poll p;
    struct told reader = {.times = 0}, agent = {.times = 0};
    sw_autojson json_t *state = NULL;
    world_open(&w);
    world_instance(&w, 1024, 1000, arn);
    world_taskdef(&w, "app", 64, 0);
    sw_autojson json_t *run =
        call(&w, &w.user, launcher_run_task, doc("{'taskDefinition': 'app'}"));
    (void)poll(&w, arn, -1, &p, &state);
    CHECK_EQ_INT(poll(&w, arn, sw_json_int(state, "version", 0), &p, &state), 0);
    launcher_poll_wait(w.l, &p, tell, &agent);
    ask_logs(&w, task_arn_of(run, 0), &reader);
    CHECK_EQ_INT(agent.times, 1);
    json_t *request = json_array_get(sw_json_array(agent.out, "logRequests"), 0);
    CHECK_EQ_STR(sw_json_str(request, "containerName", ""), "web");
    CHECK_EQ_STR(sw_json_str(request, "taskArn", ""), task_arn_of(run, 0));
    (void)poll(&w, arn, -1, &p, &state);
    CHECK_EQ_INT(json_array_size(sw_json_array(state, "logRequests")), 0); /* delivered once */
    for (int i = 0; i < 2; i++) /* the second answer is late and harmless */
        json_decref(call(
            &w, &w.agent, launcher_submit_logs,
            doc("{'containerInstance': '%s', 'requestId': '%s', 'cursor': 'c1', 'finished': true,"
                " 'records': [{'containerName': 'web', 'stream': 'stdout', 'timestamp': 1,"
                " 'message': 'aGk=', 'partial': false}]}",
                arn, sw_json_str(request, "requestId", ""))));
    CHECK_EQ_INT(reader.times, 1);
    CHECK_EQ_INT(reader.err.code, 0);
    CHECK_EQ_STR(sw_json_str(reader.out, "cursor", ""), "c1");
    CHECK_EQ_INT(json_array_size(sw_json_array(reader.out, "records")), 1);
    json_decref(reader.out);
    json_decref(agent.out);
    world_close(&w);
}

TEST(logs_of_a_silent_agent_are_an_error_in_bounded_time)
{
    struct world w;
    char arn[ARN_MAX];
    struct told reader = {.times = 0};
    struct sw_err err = SW_ERR_INIT;
    struct launcher_logs q;
    world_open(&w);
    world_instance(&w, 1024, 1000, arn);
    world_taskdef(&w, "app", 64, 0);
    sw_autojson json_t *run =
        call(&w, &w.user, launcher_run_task, doc("{'taskDefinition': 'app'}"));
    ask_logs(&w, task_arn_of(run, 0), &reader);
    world_now_us += 8 * 1000000LL;
    launcher_tick(w.l);
    CHECK_EQ_INT(reader.times, 1);
    CHECK_EQ_INT(reader.err.code, SW_EUNAVAILABLE);
    CHECK_EQ_STR(reader.err.reason, "TargetNotConnectedException");
    world_now_us += 61 * 1000000LL;
    sw_autojson json_t *in = doc("{'task': '%s'}", task_arn_of(run, 0));
    CHECK_ERR(launcher_logs(w.l, &w.user, in, &q, &err), SW_EUNAVAILABLE,
              "TargetNotConnectedException");
    sw_autojson json_t *other = doc("{'task': '%s', 'containerName': 'x'}", task_arn_of(run, 0));
    CHECK_ERR(launcher_logs(w.l, &w.user, other, &q, &err), SW_ENOTFOUND,
              "InvalidParameterException");
    world_close(&w);
}

TEST(an_instance_of_another_cluster_answers_logs_without_naming_it)
{
    struct world w;
    struct sw_err err = SW_ERR_INIT;
    char arn[ARN_MAX], resource[ARN_MAX];
    world_open(&w);
    json_decref(call(&w, &w.user, launcher_create_cluster, doc("{'clusterName': 'two'}")));
    sw_autojson json_t *out =
        call(&w, &w.agent, launcher_register_instance,
             doc("{'cluster': 'two', 'totalResources': ["
                 "{'name': 'CPU', 'type': 'INTEGER', 'integerValue': 1},"
                 "{'name': 'MEMORY', 'type': 'INTEGER', 'integerValue': 1}]}"));
    (void)snprintf(
        arn, sizeof arn, "%s",
        sw_json_str(sw_json_object(out, "containerInstance"), "containerInstanceArn", ""));
    CHECK_OK(launcher_instance_arn(&w.agent, NULL, arn, resource, &err));
    CHECK_EQ_STR(resource, arn);
    json_decref(call(&w, &w.agent, launcher_submit_logs,
                     doc("{'containerInstance': '%s', 'requestId': 'r', 'records': []}", arn)));
    CHECK_ERR(launcher_instance_arn(&w.agent, "default", arn, resource, &err), SW_EINVALID,
              "InvalidParameterException");
    world_close(&w);
}

TEST(an_agent_learns_that_its_instance_was_deregistered)
{
    struct world w;
    char arn[ARN_MAX];
    struct launcher_poll p;
    struct sw_err err = SW_ERR_INIT;
    world_open(&w);
    world_instance(&w, 1024, 1000, arn);
    json_decref(
        call(&w, &w.user, launcher_deregister_instance, doc("{'containerInstance': '%s'}", arn)));
    sw_autojson json_t *in = doc("{'containerInstance': '%s'}", arn), *out = json_object();
    int r = launcher_poll(w.l, &w.agent, in, &p, out, &err);
    CHECK_ERR(r, SW_ECONFLICT, "InstanceDeregisteredException");
    sw_err_clear(&err);
    sw_autojson json_t *other = doc("{'containerInstance': '%032d'}", 0);
    r = launcher_poll(w.l, &w.agent, other, &p, out, &err);
    CHECK_ERR(r, SW_ENOTFOUND, "InvalidParameterException");
    world_close(&w);
}

TEST(an_instance_of_another_cluster_says_nothing)
{
    struct world w;
    char arn[ARN_MAX];
    struct launcher_poll p;
    struct sw_err err = SW_ERR_INIT;
    world_open(&w);
    world_instance(&w, 1024, 1000, arn);
    json_decref(call(&w, &w.user, launcher_create_cluster, doc("{'clusterName': 'blue'}")));
    sw_autojson json_t *in = doc("{'cluster': 'blue', 'containerInstance': '%s'}",
                                 strrchr(arn, '/') + 1),
                       *out = json_object();
    int r = launcher_poll(w.l, &w.agent, in, &p, out, &err);
    CHECK_ERR(r, SW_ENOTFOUND, "InvalidParameterException");
    CHECK_NULL(json_object_get(out, "tasks"));
    world_close(&w);
}
