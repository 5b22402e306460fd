/* SPDX-License-Identifier: Apache-2.0 */
/* Service deployments from outside: stopping, continuing; what they are not, task sets and rollbacks; services of a namespace. */
#include "launcher/service/launcher_services.h"
#include "tests/unit/launcher/service/world.h"

#define DEPLOYMENT "arn:aws:ecs:us-east-1:" WORLD_ACCOUNT ":service-deployment/default/web/"

static void settle(struct world *w)
{
    struct sw_err err = SW_ERR_INIT;
    CHECK_OK(launcher_services_settle(w->l, &err));
}

/* Agents do what they are told until nothing is left, and tasks become healthy. */
static void work(struct world *w, const char *instance)
{
    struct sw_err err = SW_ERR_INIT;
    for (int i = 0; i < 10; i++) {
        struct launcher_poll p;
        const json_t *task;
        size_t k;
        settle(w);
        sw_autojson json_t *in = doc("{'containerInstance': '%s'}", instance);
        sw_autojson json_t *state = json_object();
        CHECK_EQ_INT(launcher_poll(w->l, &w->agent, in, &p, state, &err), 1);
        json_array_foreach(sw_json_array(state, "tasks"), k, task) {
            bool stop = sw_streq(sw_json_str(task, "desiredStatus", ""), "STOPPED");
            json_decref(call(w, &w->agent, launcher_submit_task_state,
                             doc("{'task': '%s', 'status': '%s'}", sw_json_str(task, "taskArn", ""),
                                 stop ? "STOPPED" : "RUNNING")));
        }
        world_now_us += 20000000;
    }
    settle(w);
}

static json_t *deployments(struct world *w)
{
    char next[ARN_MAX];
    return list(w, launcher_list_service_deployments, doc("{'service': 'web'}"), "", 10, next);
}

/* The newest one's. */
static void arn_of(const json_t *list_out, char out[ARN_MAX])
{
    const json_t *d = json_array_get(sw_json_array(list_out, "serviceDeployments"), 0);
    CHECK(sw_str_copy(sw_str(sw_json_str(d, "serviceDeploymentArn", "")), out, ARN_MAX));
}

static const char *status_of(const json_t *list_out)
{
    const json_t *d = json_array_get(sw_json_array(list_out, "serviceDeployments"), 0);
    return sw_json_str(d, "status", "");
}

static void open_service(struct world *w, char instance[ARN_MAX])
{
    world_open(w);
    world_instance(w, 4096, 4000, instance);
    world_taskdef(w, "web", 100, 0);
    world_taskdef(w, "web", 110, 0);
    json_decref(call(w, &w->user, launcher_create_service,
                     doc("{'serviceName': 'web', 'taskDefinition': 'web:1', 'desiredCount': 2}")));
}

static void stop_refused(struct world *w, const char *arn, const char *type, int code,
                         const char *reason, const char *part)
{
    refused(w, &w->user, launcher_stop_service_deployment,
            doc("{'serviceDeploymentArn': '%s', 'stopType': '%s'}", arn, type), code, reason, part);
}

/* Terraform finds the service deployment that belongs to PRIMARY by the number in both. */
TEST(a_revision_has_the_number_of_its_deployment)
{
    struct world w;
    char instance[ARN_MAX];
    open_service(&w, instance);
    sw_autojson json_t *out =
        call(&w, &w.user, launcher_describe_services, doc("{'services': ['web']}"));
    const json_t *s = json_array_get(sw_json_array(out, "services"), 0);
    const json_t *primary = json_array_get(sw_json_array(s, "deployments"), 0);
    const char *number = strchr(sw_json_str(primary, "id", "/"), '/') + 1;
    sw_autojson json_t *history = deployments(&w);
    const json_t *d = json_array_get(sw_json_array(history, "serviceDeployments"), 0);
    CHECK_CONTAINS(sw_json_str(d, "targetServiceRevisionArn", ""), number);
    CHECK_EQ_INT(strlen(number), 19);
    world_close(&w);
}

TEST(a_stop_is_refused_before_anything_changes)
{
    struct world w;
    char instance[ARN_MAX], arn[ARN_MAX];
    open_service(&w, instance);
    sw_autojson json_t *first = deployments(&w);
    arn_of(first, arn);
    stop_refused(&w, arn, "ROLLBACK", SW_EINVALID, "InvalidParameterException",
                 "no completed deployment");
    sw_autojson json_t *still = deployments(&w);
    CHECK_EQ_STR(status_of(still), "IN_PROGRESS");
    work(&w, instance);
    sw_autojson json_t *good = deployments(&w);
    CHECK_EQ_STR(status_of(good), "SUCCESSFUL");
    stop_refused(&w, arn, "ROLLBACK", SW_ECONFLICT, "ConflictException", "not in progress");
    stop_refused(&w, DEPLOYMENT "AAAAAAAAAAAAAAAAAAAAA", "ROLLBACK", SW_ENOTFOUND,
                 "ServiceDeploymentNotFoundException", "not found");
    world_close(&w);
}

TEST(a_deployment_that_is_stopped_goes_back_and_its_rollback_is_none_of_its_own)
{
    struct world w;
    char instance[ARN_MAX], arn[ARN_MAX];
    open_service(&w, instance);
    work(&w, instance);
    json_decref(call(&w, &w.user, launcher_update_service,
                     doc("{'service': 'web', 'taskDefinition': 'web:2'}")));
    sw_autojson json_t *second = deployments(&w);
    arn_of(second, arn);
    json_decref(call(&w, &w.user, launcher_stop_service_deployment,
                     doc("{'serviceDeploymentArn': '%s'}", arn)));
    sw_autojson json_t *stopped = deployments(&w);
    CHECK_EQ_INT(json_array_size(sw_json_array(stopped, "serviceDeployments")), 2);
    CHECK_EQ_STR(status_of(stopped), "ROLLBACK_IN_PROGRESS");
    stop_refused(&w, arn, "ABORT", SW_ECONFLICT, "ConflictException", "not in progress");
    work(&w, instance);
    sw_autojson json_t *back = deployments(&w);
    CHECK_EQ_STR(status_of(back), "ROLLBACK_SUCCESSFUL");
    world_close(&w);
}

TEST(the_deployment_of_a_service_that_is_deleted_is_not_stopped)
{
    struct world w;
    char instance[ARN_MAX], arn[ARN_MAX];
    open_service(&w, instance);
    settle(&w);
    sw_autojson json_t *first = deployments(&w);
    arn_of(first, arn);
    json_decref(
        call(&w, &w.user, launcher_delete_service, doc("{'service': 'web', 'force': true}")));
    stop_refused(&w, arn, "ABORT", SW_ECONFLICT, "ConflictException", "not in progress");
    world_close(&w);
}

TEST(no_deployment_pauses_so_none_continues)
{
    struct world w;
    char instance[ARN_MAX], arn[ARN_MAX];
    open_service(&w, instance);
    sw_autojson json_t *first = deployments(&w);
    arn_of(first, arn);
    refused(&w, &w.user, launcher_continue_service_deployment,
            doc("{'serviceDeploymentArn': '%s', 'hookId': 'h-1'}", arn), SW_EINVALID,
            "InvalidParameterException", "not paused at a lifecycle hook with the ID 'h-1'");
    refused(&w, &w.user, launcher_continue_service_deployment,
            doc("{'serviceDeploymentArn': '" DEPLOYMENT "AAAAAAAAAAAAAAAAAAAAA',"
                " 'hookId': 'h'}"),
            SW_ENOTFOUND, "ServiceDeploymentNotFoundException", "not found");
    refused(&w, &w.user, launcher_continue_service_deployment,
            doc("{'serviceDeploymentArn': 'nonsense', 'hookId': 'h'}"), SW_EINVALID,
            "InvalidParameterException", "Invalid identifier");
    world_close(&w);
}

TEST(task_sets_are_no_service_deployments_and_have_tags)
{
    struct world w;
    char instance[ARN_MAX];
    world_open(&w);
    world_instance(&w, 4096, 4000, instance);
    world_taskdef(&w, "web", 100, 0);
    json_decref(call(&w, &w.user, launcher_create_service,
                     doc("{'serviceName': 'web', 'desiredCount': 1,"
                         " 'deploymentController': {'type': 'EXTERNAL'}}")));
    sw_autojson json_t *made = call(&w, &w.user, launcher_create_task_set,
                                    doc("{'cluster': 'default', 'service': 'web',"
                                        " 'taskDefinition': 'web'}"));
    const char *set = sw_json_str(sw_json_object(made, "taskSet"), "taskSetArn", "");
    sw_autojson json_t *none = deployments(&w);
    CHECK_EQ_INT(json_array_size(sw_json_array(none, "serviceDeployments")), 0);
    json_decref(call(&w, &w.user, launcher_tag_resource,
                     doc("{'resourceArn': '%s', 'tags': [{'key': 'a', 'value': 'b'},"
                         " {'key': 'c', 'value': 'd'}]}",
                         set)));
    settle(&w);
    json_decref(call(&w, &w.user, launcher_untag_resource,
                     doc("{'resourceArn': '%s', 'tagKeys': ['a']}", set)));
    sw_autojson json_t *tags =
        call(&w, &w.user, launcher_list_tags, doc("{'resourceArn': '%s'}", set));
    CHECK_EQ_INT(json_array_size(sw_json_array(tags, "tags")), 1);
    sw_autojson json_t *shown =
        call(&w, &w.user, launcher_describe_task_sets,
             doc("{'cluster': 'default', 'service': 'web', 'include': ['TAGS']}"));
    const json_t *one = json_array_get(sw_json_array(shown, "taskSets"), 0);
    CHECK(json_equal(json_object_get(one, "tags"), json_object_get(tags, "tags")));
    refused(&w, &w.user, launcher_tag_resource,
            doc("{'resourceArn': '%s1', 'tags': [{'key': 'a', 'value': 'b'}]}", set), SW_ENOTFOUND,
            "ResourceNotFoundException", "could not be found");
    world_close(&w);
}

TEST(services_of_a_namespace)
{
    struct world w;
    char instance[ARN_MAX], next[ARN_MAX];
    open_service(&w, instance);
    static const char *const good[] = {"prod.local",
                                       "arn:aws:servicediscovery:us-east-1:" WORLD_ACCOUNT
                                       ":namespace/ns-abcdefghijklmnop"};
    static const char *const bad[] = {
        "", "two words", "arn:aws:ecs:us-east-1:" WORLD_ACCOUNT ":cluster/default",
        "arn:aws:servicediscovery:us-west-2:" WORLD_ACCOUNT ":namespace/ns-abcdefghijklmnop",
        "arn:aws:servicediscovery:us-east-1:" WORLD_ACCOUNT ":namespace/ns-"};
    for (size_t i = 0; i < SW_ARRAY_LEN(good); i++) {
        sw_autojson json_t *out = list(&w, launcher_list_services_by_namespace,
                                       doc("{'namespace': '%s'}", good[i]), "", 10, next);
        CHECK_EQ_INT(json_array_size(sw_json_array(out, "serviceArns")), 0);
        CHECK_EQ_STR(next, "");
    }
    for (size_t i = 0; i < SW_ARRAY_LEN(bad); i++) {
        struct sw_err err = SW_ERR_INIT;
        struct launcher_page page = {.after = "", .limit = 10};
        sw_autojson json_t *in = doc("{'namespace': '%s'}", bad[i]), *out = json_object();
        CHECK_ERR(launcher_list_services_by_namespace(w.l, &w.user, in, &page, out, &err),
                  SW_EINVALID, "InvalidParameterException");
    }
    world_close(&w);
}
