/* SPDX-License-Identifier: Apache-2.0 */
#include "launcher/service/task_doc.h"

#include "tests/unit/launcher/service/world.h"

#define DEFINITION                                                                               \
    "{'family': 'f', 'containerDefinitions': ["                                                  \
    "{'name': 'web', 'image': 'i', 'cpu': 10, 'memory': 64, 'healthCheck': {'command': ['CMD', " \
    "'x']}},"                                                                                    \
    "{'name': 'log', 'image': 'j', 'essential': false, 'memoryReservation': 32}]}"

static json_t *fresh(json_t *definition, json_t *overrides)
{
    static const char *const arns[] = {"c1", "c2"};
    sw_autojson json_t *attributes =
        doc("[{'name': 'x'}, {'name': 'ecs.cpu-architecture', 'value': 'x86_64'}]");
    const struct task_doc_new n = {.task_arn = "t",
                                   .cluster_arn = "c",
                                   .instance_arn = "i",
                                   .definition_arn = "d",
                                   .group = "g",
                                   .definition = definition,
                                   .overrides = overrides,
                                   .attributes = attributes,
                                   .container_arns = arns,
                                   .now_us = 1000000};
    return task_doc_new(&n);
}

static json_t *container(const json_t *task, size_t i)
{
    return json_array_get(sw_json_array(task, "containers"), i);
}

TEST(a_new_task_shows_sizes_overrides_and_attributes)
{
    sw_autojson json_t *d = doc(DEFINITION);
    sw_autojson json_t *o = doc("{'containerOverrides': [{'name': 'log', 'cpu': 5}]}");
    sw_autojson json_t *t = fresh(d, o), *plain = fresh(d, NULL);
    json_t *list = sw_json_array(sw_json_object(t, "overrides"), "containerOverrides");
    CHECK_EQ_STR(sw_json_str(plain, "cpu", ""), "10");
    CHECK_EQ_STR(sw_json_str(t, "cpu", ""), "15");
    CHECK_EQ_STR(sw_json_str(t, "memory", ""), "96");
    CHECK_EQ_INT(json_array_size(list), 2);
    CHECK_EQ_STR(sw_json_str(container(t, 1), "cpu", ""), "5");
    CHECK_EQ_STR(sw_json_str(container(t, 1), "memoryReservation", ""), "32");
    CHECK_EQ_STR(sw_json_str(container(t, 0), "containerArn", ""), "c1");
    CHECK_EQ_INT(json_array_size(sw_json_array(t, "attributes")), 1);
    CHECK_NULL(json_object_get(t, "startedBy"));
    sw_json_set_str(d, "cpu", "256");
    sw_autojson json_t *sized = fresh(d, NULL);
    CHECK_EQ_STR(sw_json_str(sized, "cpu", ""), "256");
}

TEST(every_pair_of_reports_moves_only_forward)
{
    static const char *const names[] = {"PENDING", "RUNNING", "STOPPED"};
    for (size_t a = 0; a < 3; a++) {
        for (size_t b = 0; b < 3; b++) {
            sw_autojson json_t *d = doc(DEFINITION), *t = fresh(d, NULL);
            sw_autojson json_t *first = doc("{'status': '%s'}", names[a]);
            sw_autojson json_t *second = doc("{'status': '%s'}", names[b]);
            CHECK(task_doc_report(t, first, d, 1));
            CHECK_EQ_INT(task_doc_report(t, second, d, 2), b > a);
            CHECK_EQ_STR(sw_json_str(t, "lastStatus", ""), names[b > a ? b : a]);
        }
    }
}

TEST(a_stop_before_the_start_stays_a_stop)
{
    sw_autojson json_t *d = doc(DEFINITION), *t = fresh(d, NULL);
    sw_autojson json_t *running = doc("{'status': 'RUNNING'}");
    CHECK(task_doc_stop(t, "UserInitiated", "why", 5));
    CHECK(!task_doc_stop(t, "Other", "other", 6));
    CHECK(task_doc_report(t, running, d, 7));
    CHECK_EQ_STR(sw_json_str(t, "lastStatus", ""), "STOPPING");
    CHECK(json_object_get(t, "startedAt"));
    CHECK(task_doc_finish(t, "EssentialContainerExited", "text", 8));
    CHECK(!task_doc_finish(t, "EssentialContainerExited", "text", 9));
    CHECK_EQ_STR(sw_json_str(t, "stoppedReason", ""), "why");
    CHECK_EQ_STR(sw_json_str(container(t, 0), "lastStatus", ""), "STOPPED");
}

TEST(reasons_carry_a_code_or_not_and_are_cut_between_characters)
{
    sw_autojson json_t *d = doc(DEFINITION), *t = fresh(d, NULL), *u = fresh(d, NULL);
    sw_autojson json_t *coded =
        doc("{'status': 'STOPPED', 'reason': 'TaskFailedToStart: CannotPull: x'}");
    CHECK(task_doc_report(t, coded, d, 1));
    CHECK_EQ_STR(sw_json_str(t, "stopCode", ""), "TaskFailedToStart");
    CHECK_EQ_STR(sw_json_str(t, "stoppedReason", ""), "CannotPull: x");
    char text[1100];
    memset(text, 'a', 1023);
    (void)snprintf(text + 1023, sizeof text - 1023, "\xc3\xa9 tail");
    sw_autojson json_t *plain = json_pack("{s:s, s:s}", "status", "STOPPED", "reason", text);
    CHECK(task_doc_report(u, plain, d, 1));
    CHECK_NULL(json_object_get(u, "stopCode"));
    CHECK_EQ_INT(strlen(sw_json_str(u, "stoppedReason", "")), 1023);
}

TEST(only_an_essential_container_takes_the_task_with_it)
{
    sw_autojson json_t *d = doc(DEFINITION), *t = fresh(d, NULL);
    sw_autojson json_t *sidecar = doc("{'status': 'RUNNING', 'containers': [{'containerName': "
                                      "'log', 'status': 'STOPPED', 'exitCode': 0},"
                                      " {'containerName': 'nobody', 'status': 'RUNNING'}]}");
    sw_autojson json_t *main_one = doc("{'status': 'RUNNING', 'containers': [{'containerName': "
                                       "'web', 'status': 'STOPPED', 'exitCode': 1}]}");
    sw_autojson json_t *later = doc("{'status': 'RUNNING', 'containers': [{'containerName': 'web', "
                                    "'status': 'RUNNING', 'exitCode': 2}]}");
    CHECK(task_doc_report(t, sidecar, d, 1));
    CHECK_EQ_STR(sw_json_str(t, "desiredStatus", ""), "RUNNING");
    CHECK(task_doc_report(t, main_one, d, 2));
    CHECK_EQ_STR(sw_json_str(t, "desiredStatus", ""), "STOPPED");
    CHECK(!task_doc_report(t, later, d, 3));
    CHECK_EQ_INT(sw_json_int(container(t, 0), "exitCode", -1), 1);
}

TEST(why_a_container_never_ran_is_left_to_the_agent)
{
    sw_autojson json_t *d = doc(DEFINITION), *t = fresh(d, NULL);
    sw_autojson json_t *pending =
        doc("{'status': 'PENDING', 'containers': [{'containerName': 'web', 'status': 'STOPPED', "
            "'reason': 'CannotPullContainerError: x'}]}");
    sw_autojson json_t *stopped =
        doc("{'status': 'STOPPED', 'reason': 'TaskFailedToStart: CannotPullContainerError: x'}");
    CHECK(task_doc_report(t, pending, d, 1));
    CHECK_EQ_STR(sw_json_str(t, "desiredStatus", ""), "RUNNING");
    CHECK(task_doc_report(t, stopped, d, 2));
    CHECK_EQ_STR(sw_json_str(t, "stopCode", ""), "TaskFailedToStart");
}

TEST(health_is_that_of_essential_containers_with_a_check)
{
    sw_autojson json_t *d = doc(DEFINITION), *t = fresh(d, NULL);
    sw_autojson json_t *good =
        doc("{'containers': [{'containerName': 'web', 'healthStatus': 'HEALTHY'}]}");
    sw_autojson json_t *bad =
        doc("{'containers': [{'containerName': 'web', 'healthStatus': 'UNHEALTHY'}]}");
    CHECK(task_doc_health(t, good, d));
    CHECK(!task_doc_health(t, good, d));
    CHECK_EQ_STR(sw_json_str(t, "healthStatus", ""), "HEALTHY");
    CHECK(task_doc_health(t, bad, d));
    CHECK_EQ_STR(sw_json_str(t, "healthStatus", ""), "UNHEALTHY");
    CHECK(task_doc_finish(t, NULL, NULL, 1));
    CHECK(!task_doc_health(t, good, d));
}

TEST(times_that_no_client_can_show_are_left_out)
{
    static const char *const bad[] = {"-1", "-1e18", "1e300", "253402300800"};
    sw_autojson json_t *d = doc(DEFINITION);
    for (size_t i = 0; i < SW_ARRAY_LEN(bad); i++) {
        sw_autojson json_t *t = fresh(d, NULL);
        sw_autojson json_t *report = doc("{'status': 'RUNNING', 'pullStartedAt': %s,"
                                         "'pullStoppedAt': 1800000000.5, 'containers': []}",
                                         bad[i]);
        CHECK(task_doc_report(t, report, d, 5000000));
        CHECK(json_object_get(t, "pullStartedAt") == NULL);
        CHECK_EQ_INT((int64_t)json_number_value(json_object_get(t, "pullStoppedAt")), 1800000000);
        CHECK_EQ_STR(sw_json_str(t, "lastStatus", ""), "RUNNING");
    }
}
