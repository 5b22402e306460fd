/* SPDX-License-Identifier: Apache-2.0 */
/* One handler an operation: who may, which function of the launcher, how long a page. The table is at the end. */
#include <string.h>

#include "base/digest.h"
#include "base/encode.h"
#include "base/json.h"
#include "base/macros.h"
#include "launcher/api/ecs_facts.h"
#include "launcher/api/ecs_handlers.h"
#include "launcher/api/ecs_schema.h"
#include "launcher/api/ecs_services.h"
#include "launcher/model/capabilities.h"

#define PAGE_MAX 100
#define MARK_LEN 16 /* of a page token: hexadecimal digits */

int ecs_run(struct aws_call *call, launcher_fn fn, json_t *out, struct sw_err *err)
{
    struct launcher_caller c = ecs_caller(call);
    sw_autojson json_t *in = ecs_input(call);
    return fn(ecs_launcher(call), &c, in, out, err);
}

/* A page is continued by the operation, for the members, that it was begun with: the token begins with the hash of both. */
static void page_mark(const struct aws_call *call, char *out)
{
    unsigned char hash[32];
    sw_autojson json_t *members = json_copy((json_t *)call->input);
    json_object_del(members, "nextToken");
    json_object_del(members, "maxResults");
    json_object_set_new(members, "", json_string(call->op->name));
    sw_autofree char *text = json_dumps(members, JSON_SORT_KEYS | JSON_COMPACT);
    sw_sha256(text, strlen(text), hash);
    sw_hex(hash, MARK_LEN / 2, out);
}

int ecs_run_page(struct aws_call *call, launcher_list_fn fn, json_t *out, struct sw_err *err)
{
    char after[MARK_LEN + ARN_MAX] = "", mark[MARK_LEN + ARN_MAX], token[AWS_PAGE_TOKEN_MAX];
    sw_autojson json_t *in = ecs_input(call);
    const char *next = sw_json_str(in, "nextToken", NULL);
    int64_t limit = sw_json_int(in, "maxResults", PAGE_MAX);
    struct launcher_page page = {.after = after};
    struct launcher_caller c = ecs_caller(call);
    int r = 0;
    page_mark(call, mark);
    if (limit < 1 || limit > PAGE_MAX)
        return sw_fail(err, SW_EINVALID, "InvalidParameterException",
                       "maxResults must be between 1 and %d.", PAGE_MAX);
    if (next &&
        (r = aws_page_token_parse(next, after, sizeof after, "InvalidParameterException", err)) < 0)
        return r;
    if (next && strncmp(after, mark, MARK_LEN) != 0)
        return sw_fail(err, SW_EINVALID, "InvalidParameterException",
                       "Invalid token: it continues another request than this one.");
    page.after = next ? after + MARK_LEN : after;
    page.limit = (int)limit;
    if ((r = fn(ecs_launcher(call), &c, in, &page, out, err)) < 0 || !*page.next)
        return r;
    (void)snprintf(mark + MARK_LEN, sizeof mark - MARK_LEN, "%s", page.next);
    aws_page_token(mark, token);
    sw_json_set_str(out, "nextToken", token);
    return 0;
}

static const char *input_str(const struct aws_call *call, const char *key)
{
    return sw_json_str(call->input, key, NULL);
}

/* Every one of the named things; when there is none, the whole cluster. */
int ecs_may_each(struct aws_call *call, const char *key,
                 int (*may_one)(struct aws_call *, const char *, struct sw_err *),
                 struct sw_err *err)
{
    const json_t *list = sw_json_array(call->input, key), *v;
    size_t i;
    if (json_array_size(list) == 0)
        return ecs_may_cluster(call, input_str(call, "cluster"), err);
    json_array_foreach(list, i, v) {
        int r = may_one(call, json_string_value(v), err);
        if (r < 0)
            return r;
    }
    return 0;
}

static int create_cluster(struct aws_call *call, const void *in SW_UNUSED, json_t *out,
                          struct sw_err *err)
{
    int r = ecs_may_cluster(call, input_str(call, "clusterName"), err);
    return r < 0 ? r : ecs_run(call, launcher_create_cluster, out, err);
}

/* One of another account or region is described as MISSING to those who may ask for it. */
static int may_describe_cluster(struct aws_call *call, const char *text, struct sw_err *err)
{
    struct arn a;
    if (arn_parse(text, ARN_CLUSTER, &a) &&
        !arn_is_local(&a, call->principal.account, call->region))
        return aws_may(call, text, err);
    return ecs_may_cluster(call, text, err);
}

static int describe_clusters(struct aws_call *call, const void *in SW_UNUSED, json_t *out,
                             struct sw_err *err)
{
    int r = ecs_may_each(call, "clusters", may_describe_cluster, err);
    return r < 0 ? r : ecs_run(call, launcher_describe_clusters, out, err);
}

static int list_clusters(struct aws_call *call, const void *in SW_UNUSED, json_t *out,
                         struct sw_err *err)
{
    int r = aws_may(call, "*", err);
    return r < 0 ? r : ecs_run_page(call, launcher_list_clusters, out, err);
}

/* The name at the end of an ARN, for the audit log: FAMILY:REVISION or a task's id. */
static void audit_name(struct aws_call *call, const char *arn)
{
    const char *slash = arn ? strrchr(arn, '/') : NULL;
    http_audit_reference(call->req, slash ? slash + 1 : arn);
}

static int register_task_definition(struct aws_call *call, const void *in SW_UNUSED, json_t *out,
                                    struct sw_err *err)
{
    char arn[ARN_MAX];
    (void)snprintf(arn, sizeof arn, "arn:aws:ecs:%s:%s:task-definition/%.255s:*", call->region,
                   call->principal.account, sw_json_str(call->input, "family", ""));
    int r = ecs_may(call, arn, NULL, err);
    if (r < 0 || (r = ecs_may_pass_roles(call, call->input, err)) < 0 ||
        (r = ecs_run(call, launcher_register_taskdef, out, err)) < 0)
        return r;
    audit_name(call, sw_json_str(sw_json_object(out, "taskDefinition"), "taskDefinitionArn", NULL));
    return 0;
}

static int describe_task_definition(struct aws_call *call, const void *in SW_UNUSED, json_t *out,
                                    struct sw_err *err)
{
    int r = aws_may(call, "*", err);
    return r < 0 ? r : ecs_run(call, launcher_describe_taskdef, out, err);
}

static int deregister_task_definition(struct aws_call *call, const void *in SW_UNUSED, json_t *out,
                                      struct sw_err *err)
{
    int r = aws_may(call, "*", err);
    audit_name(call, input_str(call, "taskDefinition"));
    return r < 0 ? r : ecs_run(call, launcher_deregister_taskdef, out, err);
}

static int list_task_definitions(struct aws_call *call, const void *in SW_UNUSED, json_t *out,
                                 struct sw_err *err)
{
    int r = aws_may(call, "*", err);
    return r < 0 ? r : ecs_run_page(call, launcher_list_taskdefs, out, err);
}

static int list_task_definition_families(struct aws_call *call, const void *in SW_UNUSED,
                                         json_t *out, struct sw_err *err)
{
    int r = aws_may(call, "*", err);
    return r < 0 ? r : ecs_run_page(call, launcher_list_families, out, err);
}

static bool is_for_fargate(const struct aws_call *call)
{
    const json_t *v;
    size_t i;
    json_array_foreach(sw_json_array(call->input, "attributes"), i, v) {
        if (sw_streq(sw_json_str(v, "name", ""), ATTRIBUTE_FARGATE))
            return true;
    }
    return false;
}

/* It gets tasks of every cluster, with their roles and secrets. */
static int may_all_clusters(struct aws_call *call, struct sw_err *err)
{
    char arn[ARN_MAX];
    (void)snprintf(arn, sizeof arn, "arn:aws:ecs:%s:%s:cluster/*", call->region,
                   call->principal.account);
    return ecs_may(call, arn, NULL, err);
}

static int register_container_instance(struct aws_call *call, const void *in SW_UNUSED, json_t *out,
                                       struct sw_err *err)
{
    int r = ecs_may_cluster(call, input_str(call, "cluster"), err);
    if (r == 0 && is_for_fargate(call))
        r = may_all_clusters(call, err);
    return r < 0 ? r : ecs_run(call, launcher_register_instance, out, err);
}

static int deregister_container_instance(struct aws_call *call, const void *in SW_UNUSED,
                                         json_t *out, struct sw_err *err)
{
    int r = ecs_may_cluster(call, input_str(call, "cluster"), err);
    return r < 0 ? r : ecs_run(call, launcher_deregister_instance, out, err);
}

static int describe_container_instances(struct aws_call *call, const void *in SW_UNUSED,
                                        json_t *out, struct sw_err *err)
{
    int r = ecs_may_each(call, "containerInstances", ecs_may_instance, err);
    return r < 0 ? r : ecs_run(call, launcher_describe_instances, out, err);
}

static int list_container_instances(struct aws_call *call, const void *in SW_UNUSED, json_t *out,
                                    struct sw_err *err)
{
    int r = ecs_may_cluster(call, input_str(call, "cluster"), err);
    return r < 0 ? r : ecs_run_page(call, launcher_list_instances, out, err);
}

/* The revision that was asked about is the one that runs, whatever is registered in between. */
int ecs_may_run(struct aws_call *call, json_t **ret_input, struct sw_err *err)
{
    char arn[ARN_MAX];
    sw_autojson json_t *definition = NULL;
    struct launcher_caller c = ecs_caller(call);
    int r = launcher_taskdef_find(ecs_launcher(call), &c, input_str(call, "taskDefinition"), arn,
                                  &definition, err);
    if (r < 0 || (r = ecs_may(call, arn, definition, err)) < 0 ||
        (r = ecs_may_pass_roles(call, definition, err)) < 0 ||
        (r = ecs_may_pass_roles(call, sw_json_object(call->input, "overrides"), err)) < 0)
        return r;
    sw_autojson json_t *given = ecs_input(call);
    json_t *input = json_copy(given);
    if (definition) {
        sw_json_set_str(input, "requestedTaskDefinition", input_str(call, "taskDefinition"));
        sw_json_set_str(input, "taskDefinition", arn);
    }
    *ret_input = input;
    return 0;
}

static int run_task(struct aws_call *call, const void *in SW_UNUSED, json_t *out,
                    struct sw_err *err)
{
    sw_autojson json_t *input = NULL;
    struct launcher_caller c = ecs_caller(call);
    int r = ecs_may_run(call, &input, err);
    if (r < 0)
        return r;
    r = launcher_run_task(ecs_launcher(call), &c, input, out, err);
    const json_t *tasks = sw_json_array(out, "tasks"), *task;
    size_t i;
    json_array_foreach(tasks, i, task)
        audit_name(call, sw_json_str(task, "taskArn", NULL));
    return r;
}

static int stop_task(struct aws_call *call, const void *in SW_UNUSED, json_t *out,
                     struct sw_err *err)
{
    int r = ecs_may_task(call, input_str(call, "task"), err);
    return r < 0 ? r : ecs_run(call, launcher_stop_task, out, err);
}

static int describe_tasks(struct aws_call *call, const void *in SW_UNUSED, json_t *out,
                          struct sw_err *err)
{
    int r = ecs_may_each(call, "tasks", ecs_may_task, err);
    return r < 0 ? r : ecs_run(call, launcher_describe_tasks, out, err);
}

static int list_tasks(struct aws_call *call, const void *in SW_UNUSED, json_t *out,
                      struct sw_err *err)
{
    const char *instance = input_str(call, "containerInstance");
    int r = instance ? ecs_may_instance(call, instance, err) : aws_may(call, "*", err);
    return r < 0 ? r : ecs_run_page(call, launcher_list_tasks, out, err);
}

static int submit_task_state_change(struct aws_call *call, const void *in SW_UNUSED, json_t *out,
                                    struct sw_err *err)
{
    int r = ecs_may_cluster(call, input_str(call, "cluster"), err);
    return r < 0 ? r : ecs_run(call, launcher_submit_task_state, out, err);
}

/* Everything is at this port. */
static int discover_poll_endpoint(struct aws_call *call, const void *in SW_UNUSED, json_t *out,
                                  struct sw_err *err)
{
    char url[300];
    const char *host = http_req_header(call->req, "Host");
    int r = aws_may(call, "*", err);
    if (r < 0)
        return r;
    (void)snprintf(url, sizeof url, "%s://%.255s", call->req->secure ? "https" : "http",
                   host ? host : "localhost");
    sw_json_set_str(out, "endpoint", url);
    sw_json_set_str(out, "telemetryEndpoint", url);
    return 0;
}

static int list_tags_for_resource(struct aws_call *call, const void *in SW_UNUSED, json_t *out,
                                  struct sw_err *err)
{
    int r = ecs_may(call, input_str(call, "resourceArn"), NULL, err);
    return r < 0 ? r : ecs_run(call, launcher_list_tags, out, err);
}

static int tag_resource(struct aws_call *call, const void *in SW_UNUSED, json_t *out,
                        struct sw_err *err)
{
    int r = ecs_may(call, input_str(call, "resourceArn"), NULL, err);
    return r < 0 ? r : ecs_run(call, launcher_tag_resource, out, err);
}

static int untag_resource(struct aws_call *call, const void *in SW_UNUSED, json_t *out,
                          struct sw_err *err)
{
    int r = ecs_may(call, input_str(call, "resourceArn"), NULL, err);
    return r < 0 ? r : ecs_run(call, launcher_untag_resource, out, err);
}

#define OP(aws_name, fn_)                                                                          \
    {                                                                                              \
        .name = #aws_name, .fn = fn_, .in = fn_##_in, .out = fn_##_out, .action = "ecs:" #aws_name \
    }

const struct aws_op ecs_ops[] = {
    OP(ContinueServiceDeployment, continue_service_deployment),
    OP(CreateCapacityProvider, create_capacity_provider),
    OP(CreateCluster, create_cluster),
    OP(CreateService, create_service),
    OP(CreateTaskSet, create_task_set),
    OP(DeleteAccountSetting, delete_account_setting),
    OP(DeleteAttributes, delete_attributes),
    OP(DeleteCapacityProvider, delete_capacity_provider),
    OP(DeleteCluster, delete_cluster),
    OP(DeleteService, delete_service),
    OP(DeleteTaskDefinitions, delete_task_definitions),
    OP(DeleteTaskSet, delete_task_set),
    OP(DeregisterContainerInstance, deregister_container_instance),
    OP(DeregisterTaskDefinition, deregister_task_definition),
    OP(DescribeCapacityProviders, describe_capacity_providers),
    OP(DescribeClusters, describe_clusters),
    OP(DescribeContainerInstances, describe_container_instances),
    OP(DescribeServiceDeployments, describe_service_deployments),
    OP(DescribeServiceRevisions, describe_service_revisions),
    OP(DescribeServices, describe_services),
    OP(DescribeTaskDefinition, describe_task_definition),
    OP(DescribeTaskSets, describe_task_sets),
    OP(DescribeTasks, describe_tasks),
    OP(DiscoverPollEndpoint, discover_poll_endpoint),
    OP(ExecuteCommand, execute_command),
    OP(GetTaskProtection, get_task_protection),
    OP(ListAccountSettings, list_account_settings),
    OP(ListAttributes, list_attributes),
    OP(ListClusters, list_clusters),
    OP(ListContainerInstances, list_container_instances),
    OP(ListServiceDeployments, list_service_deployments),
    OP(ListServices, list_services),
    OP(ListServicesByNamespace, list_services_by_namespace),
    OP(ListTagsForResource, list_tags_for_resource),
    OP(ListTaskDefinitionFamilies, list_task_definition_families),
    OP(ListTaskDefinitions, list_task_definitions),
    OP(ListTasks, list_tasks),
    OP(PutAccountSetting, put_account_setting),
    OP(PutAccountSettingDefault, put_account_setting_default),
    OP(PutAttributes, put_attributes),
    OP(PutClusterCapacityProviders, put_cluster_capacity_providers),
    OP(RegisterContainerInstance, register_container_instance),
    OP(RegisterTaskDefinition, register_task_definition),
    OP(RunTask, run_task),
    OP(StartTask, start_task),
    OP(StopServiceDeployment, stop_service_deployment),
    OP(StopTask, stop_task),
    OP(SubmitAttachmentStateChanges, submit_attachment_state_changes),
    OP(SubmitContainerStateChange, submit_container_state_change),
    OP(SubmitTaskStateChange, submit_task_state_change),
    OP(TagResource, tag_resource),
    OP(UntagResource, untag_resource),
    OP(UpdateCapacityProvider, update_capacity_provider),
    OP(UpdateCluster, update_cluster),
    OP(UpdateClusterSettings, update_cluster_settings),
    OP(UpdateContainerAgent, update_container_agent),
    OP(UpdateContainerInstancesState, update_container_instances_state),
    OP(UpdateService, update_service),
    OP(UpdateServicePrimaryTaskSet, update_service_primary_task_set),
    OP(UpdateTaskProtection, update_task_protection),
    OP(UpdateTaskSet, update_task_set),
};
const size_t ecs_ops_n = SW_ARRAY_LEN(ecs_ops);
