/* SPDX-License-Identifier: Apache-2.0 */
#include "launcher/api/ecs_services.h"

#include <string.h>

#include "base/json.h"
#include "base/macros.h"
#include "launcher/api/ecs_facts.h"
#include "launcher/api/ecs_handlers.h"
#include "launcher/service/launcher_services.h"

static const char *input_str(const struct aws_call *call, const char *key)
{
    return sw_json_str(call->input, key, NULL);
}

/* The whole resource of an ARN, "service/C/NAME", without the kind. */
static void audit_name(struct aws_call *call, const char *arn)
{
    const char *slash = arn ? strchr(arn, '/') : NULL;
    http_audit_reference(call->req, slash ? slash + 1 : arn);
}

static int may_service(struct aws_call *call, const char *service, const json_t *definition,
                       struct sw_err *err)
{
    char arn[ARN_MAX];
    struct launcher_caller c = ecs_caller(call);
    int r = launcher_service_arn(&c, input_str(call, "cluster"), service, arn, err);
    if (r < 0)
        return r;
    audit_name(call, arn);
    return ecs_may(call, arn, definition, err);
}

/* The revision that was asked about is the one that the service gets. *ret_input is the caller's. */
static int may_use(struct aws_call *call, const char *service, json_t **ret_input,
                   struct sw_err *err)
{
    char arn[ARN_MAX];
    sw_autojson json_t *definition = NULL;
    const char *named = input_str(call, "taskDefinition");
    struct launcher_caller c = ecs_caller(call);
    int r = named ? launcher_taskdef_find(ecs_launcher(call), &c, named, arn, &definition, err) : 0;
    if (r < 0 || (r = may_service(call, service, definition, err)) < 0 ||
        (r = ecs_may_pass_roles(call, definition, err)) < 0)
        return r;
    sw_autojson json_t *given = ecs_input(call);
    json_t *input = json_copy(given);
    if (definition) {
        sw_json_set_str(input, "requestedTaskDefinition", named);
        sw_json_set_str(input, "taskDefinition", arn);
    }
    *ret_input = input;
    return 0;
}

int create_service(struct aws_call *call, const void *in SW_UNUSED, json_t *out, struct sw_err *err)
{
    sw_autojson json_t *input = NULL;
    struct launcher_caller c = ecs_caller(call);
    int r = may_use(call, input_str(call, "serviceName"), &input, err);
    return r < 0 ? r : launcher_create_service(ecs_launcher(call), &c, input, out, err);
}

int update_service(struct aws_call *call, const void *in SW_UNUSED, json_t *out, struct sw_err *err)
{
    sw_autojson json_t *input = NULL;
    struct launcher_caller c = ecs_caller(call);
    int r = may_use(call, input_str(call, "service"), &input, err);
    return r < 0 ? r : launcher_update_service(ecs_launcher(call), &c, input, out, err);
}

int delete_service(struct aws_call *call, const void *in SW_UNUSED, json_t *out, struct sw_err *err)
{
    int r = may_service(call, input_str(call, "service"), NULL, err);
    return r < 0 ? r : ecs_run(call, launcher_delete_service, out, err);
}

int describe_services(struct aws_call *call, const void *in SW_UNUSED, json_t *out,
                      struct sw_err *err)
{
    const json_t *v;
    size_t i;
    json_array_foreach(sw_json_array(call->input, "services"), i, v) {
        int r = may_service(call, json_string_value(v), NULL, err);
        if (r < 0)
            return r;
    }
    return ecs_run(call, launcher_describe_services, out, err);
}

int list_services(struct aws_call *call, const void *in SW_UNUSED, json_t *out, struct sw_err *err)
{
    int r = ecs_may(call, "*", NULL, err);
    return r < 0 ? r : ecs_run_page(call, launcher_list_services, out, err);
}

int list_services_by_namespace(struct aws_call *call, const void *in SW_UNUSED, json_t *out,
                               struct sw_err *err)
{
    int r = ecs_may(call, "*", NULL, err);
    return r < 0 ? r : ecs_run_page(call, launcher_list_services_by_namespace, out, err);
}

int list_service_deployments(struct aws_call *call, const void *in SW_UNUSED, json_t *out,
                             struct sw_err *err)
{
    int r = may_service(call, input_str(call, "service"), NULL, err);
    return r < 0 ? r : ecs_run_page(call, launcher_list_service_deployments, out, err);
}

static int may_each_arn(struct aws_call *call, const char *key, struct sw_err *err)
{
    const json_t *v;
    size_t i;
    json_array_foreach(sw_json_array(call->input, key), i, v) {
        int r = ecs_may(call, json_string_value(v), NULL, err);
        if (r < 0)
            return r;
    }
    return 0;
}

int describe_service_deployments(struct aws_call *call, const void *in SW_UNUSED, json_t *out,
                                 struct sw_err *err)
{
    int r = may_each_arn(call, "serviceDeploymentArns", err);
    return r < 0 ? r : ecs_run(call, launcher_describe_service_deployments, out, err);
}

int describe_service_revisions(struct aws_call *call, const void *in SW_UNUSED, json_t *out,
                               struct sw_err *err)
{
    int r = may_each_arn(call, "serviceRevisionArns", err);
    return r < 0 ? r : ecs_run(call, launcher_describe_service_revisions, out, err);
}

int continue_service_deployment(struct aws_call *call, const void *in SW_UNUSED, json_t *out,
                                struct sw_err *err)
{
    const char *arn = input_str(call, "serviceDeploymentArn");
    int r = ecs_may(call, arn, NULL, err);
    audit_name(call, arn);
    return r < 0 ? r : ecs_run(call, launcher_continue_service_deployment, out, err);
}

int stop_service_deployment(struct aws_call *call, const void *in SW_UNUSED, json_t *out,
                            struct sw_err *err)
{
    const char *arn = input_str(call, "serviceDeploymentArn");
    int r = ecs_may(call, arn, NULL, err);
    audit_name(call, arn);
    return r < 0 ? r : ecs_run(call, launcher_stop_service_deployment, out, err);
}

int create_task_set(struct aws_call *call, const void *in SW_UNUSED, json_t *out,
                    struct sw_err *err)
{
    sw_autojson json_t *input = NULL;
    struct launcher_caller c = ecs_caller(call);
    int r = may_use(call, input_str(call, "service"), &input, err);
    if (r < 0)
        return r;
    json_object_del(input, "requestedTaskDefinition");
    return launcher_create_task_set(ecs_launcher(call), &c, input, out, err);
}

/* Task sets are known to policies by their own ARNs, with the service's in ecs:service. */
static int may_set(struct aws_call *call, const char *set, struct sw_err *err)
{
    char service[ARN_MAX], arn[ARN_MAX];
    struct arn parsed;
    struct launcher_caller c = ecs_caller(call);
    int r = launcher_service_arn(&c, input_str(call, "cluster"), input_str(call, "service"),
                                 service, err);
    if (r < 0)
        return r;
    if (!set || !arn_parse(service, ARN_SERVICE, &parsed))
        return ecs_may(call, service, NULL, err);
    audit_name(call, service);
    if (strncmp(set, "arn:", 4) == 0)
        return ecs_may(call, set, NULL, err);
    arn_of_service(arn, ARN_TASK_SET, c.region, c.account, parsed.cluster, parsed.id, set);
    return ecs_may(call, arn, NULL, err);
}

int update_task_set(struct aws_call *call, const void *in SW_UNUSED, json_t *out,
                    struct sw_err *err)
{
    int r = may_set(call, input_str(call, "taskSet"), err);
    return r < 0 ? r : ecs_run(call, launcher_update_task_set, out, err);
}

int delete_task_set(struct aws_call *call, const void *in SW_UNUSED, json_t *out,
                    struct sw_err *err)
{
    int r = may_set(call, input_str(call, "taskSet"), err);
    return r < 0 ? r : ecs_run(call, launcher_delete_task_set, out, err);
}

int update_service_primary_task_set(struct aws_call *call, const void *in SW_UNUSED, json_t *out,
                                    struct sw_err *err)
{
    int r = may_set(call, NULL, err);
    return r < 0 ? r : ecs_run(call, launcher_update_primary_task_set, out, err);
}

int describe_task_sets(struct aws_call *call, const void *in SW_UNUSED, json_t *out,
                       struct sw_err *err)
{
    const json_t *sets = sw_json_array(call->input, "taskSets"), *v;
    size_t i;
    int r = json_array_size(sets) == 0 ? may_set(call, NULL, err) : 0;
    json_array_foreach(sets, i, v) {
        if (r == 0)
            r = may_set(call, json_string_value(v), err);
    }
    return r < 0 ? r : ecs_run(call, launcher_describe_task_sets, out, err);
}
