/* SPDX-License-Identifier: Apache-2.0 */
/* Handlers of clusters, container instances, task protection, account settings and capacity providers. */
#include "launcher/api/ecs_handlers.h"

#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/macros.h"
#include "launcher/api/ecs_facts.h"

static const char *input_str(const struct aws_call *call, const char *key)
{
    return sw_json_str(call->input, key, NULL);
}

static int on_cluster(struct aws_call *call, launcher_fn fn, json_t *out, struct sw_err *err)
{
    int r = ecs_may_cluster(call, input_str(call, "cluster"), err);
    return r < 0 ? r : ecs_run(call, fn, out, err);
}

int delete_cluster(struct aws_call *call, const void *in SW_UNUSED, json_t *out, struct sw_err *err)
{
    return on_cluster(call, launcher_delete_cluster, out, err);
}

int update_cluster(struct aws_call *call, const void *in SW_UNUSED, json_t *out, struct sw_err *err)
{
    return on_cluster(call, launcher_update_cluster, out, err);
}

int update_cluster_settings(struct aws_call *call, const void *in SW_UNUSED, json_t *out,
                            struct sw_err *err)
{
    return on_cluster(call, launcher_update_cluster, out, err);
}

int put_cluster_capacity_providers(struct aws_call *call, const void *in SW_UNUSED, json_t *out,
                                   struct sw_err *err)
{
    return on_cluster(call, launcher_put_cluster_providers, out, err);
}

int submit_container_state_change(struct aws_call *call, const void *in SW_UNUSED, json_t *out,
                                  struct sw_err *err)
{
    return on_cluster(call, launcher_submit_container_state, out, err);
}

int submit_attachment_state_changes(struct aws_call *call, const void *in SW_UNUSED, json_t *out,
                                    struct sw_err *err)
{
    return on_cluster(call, launcher_submit_attachments, out, err);
}

/* "*" in the place of the id when the operation is about all of them. */
static int may_instances(struct aws_call *call, struct sw_err *err)
{
    char cluster[ARN_MAX], arn[ARN_MAX + 2];
    struct launcher_caller c = ecs_caller(call);
    int r = launcher_cluster_arn(&c, input_str(call, "cluster"), cluster, err);
    if (r < 0)
        return r;
    const char *name = strrchr(cluster, '/');
    (void)snprintf(arn, sizeof arn, "arn:aws:ecs:%.64s:%.12s:container-instance%s/*", c.region,
                   c.account, name ? name : "");
    return ecs_may(call, arn, NULL, err);
}

/* Each instance that the attributes name. */
static int may_targets(struct aws_call *call, struct sw_err *err)
{
    const json_t *list = sw_json_array(call->input, "attributes"), *v;
    size_t i;
    if (json_array_size(list) == 0)
        return may_instances(call, err);
    json_array_foreach(list, i, v) {
        const char *target = sw_json_str(v, "targetId", NULL);
        int r = target ? ecs_may_instance(call, target, err) : may_instances(call, err);
        if (r < 0)
            return r;
    }
    return 0;
}

int put_attributes(struct aws_call *call, const void *in SW_UNUSED, json_t *out, struct sw_err *err)
{
    int r = may_targets(call, err);
    return r < 0 ? r : ecs_run(call, launcher_put_attributes, out, err);
}

int delete_attributes(struct aws_call *call, const void *in SW_UNUSED, json_t *out,
                      struct sw_err *err)
{
    int r = may_targets(call, err);
    return r < 0 ? r : ecs_run(call, launcher_delete_attributes, out, err);
}

int list_attributes(struct aws_call *call, const void *in SW_UNUSED, json_t *out,
                    struct sw_err *err)
{
    int r = may_instances(call, err);
    return r < 0 ? r : ecs_run_page(call, launcher_list_attributes, out, err);
}

int update_container_instances_state(struct aws_call *call, const void *in SW_UNUSED, json_t *out,
                                     struct sw_err *err)
{
    int r = ecs_may_each(call, "containerInstances", ecs_may_instance, err);
    return r < 0 ? r : ecs_run(call, launcher_update_instances_state, out, err);
}

int update_container_agent(struct aws_call *call, const void *in SW_UNUSED, json_t *out,
                           struct sw_err *err)
{
    int r = ecs_may_instance(call, input_str(call, "containerInstance"), err);
    return r < 0 ? r : ecs_run(call, launcher_update_agent, out, err);
}

int get_task_protection(struct aws_call *call, const void *in SW_UNUSED, json_t *out,
                        struct sw_err *err)
{
    int r = ecs_may_each(call, "tasks", ecs_may_task, err);
    return r < 0 ? r : ecs_run(call, launcher_get_protection, out, err);
}

int update_task_protection(struct aws_call *call, const void *in SW_UNUSED, json_t *out,
                           struct sw_err *err)
{
    int r = ecs_may_each(call, "tasks", ecs_may_task, err);
    return r < 0 ? r : ecs_run(call, launcher_update_protection, out, err);
}

int start_task(struct aws_call *call, const void *in SW_UNUSED, json_t *out, struct sw_err *err)
{
    sw_autojson json_t *input = NULL;
    struct launcher_caller c = ecs_caller(call);
    int r = ecs_may_run(call, &input, err);
    return r < 0 ? r : launcher_start_task(ecs_launcher(call), &c, input, out, err);
}

int delete_task_definitions(struct aws_call *call, const void *in SW_UNUSED, json_t *out,
                            struct sw_err *err)
{
    const json_t *list = sw_json_array(call->input, "taskDefinitions"), *v;
    struct launcher_caller c = ecs_caller(call);
    size_t i;
    int r = json_array_size(list) == 0 ? aws_may(call, "*", err) : 0;
    json_array_foreach(list, i, v) {
        char arn[ARN_MAX];
        sw_autojson json_t *definition = NULL;
        if ((r = launcher_taskdef_find(ecs_launcher(call), &c, json_string_value(v), arn,
                                       &definition, err)) < 0 ||
            (r = ecs_may(call, arn, definition, err)) < 0)
            return r;
    }
    return r < 0 ? r : ecs_run(call, launcher_delete_taskdefs, out, err);
}

int put_account_setting(struct aws_call *call, const void *in SW_UNUSED, json_t *out,
                        struct sw_err *err)
{
    int r = ecs_may(call, "*", NULL, err);
    return r < 0 ? r : ecs_run(call, launcher_put_setting, out, err);
}

int put_account_setting_default(struct aws_call *call, const void *in SW_UNUSED, json_t *out,
                                struct sw_err *err)
{
    int r = ecs_may(call, "*", NULL, err);
    return r < 0 ? r : ecs_run(call, launcher_put_setting_default, out, err);
}

int delete_account_setting(struct aws_call *call, const void *in SW_UNUSED, json_t *out,
                           struct sw_err *err)
{
    int r = ecs_may(call, "*", NULL, err);
    return r < 0 ? r : ecs_run(call, launcher_delete_setting, out, err);
}

int list_account_settings(struct aws_call *call, const void *in SW_UNUSED, json_t *out,
                          struct sw_err *err)
{
    int r = ecs_may(call, "*", NULL, err);
    return r < 0 ? r : ecs_run_page(call, launcher_list_settings, out, err);
}

static int may_provider(struct aws_call *call, const char *name, struct sw_err *err)
{
    char arn[ARN_MAX];
    if (strncmp(name, "arn:", 4) == 0)
        (void)snprintf(arn, sizeof arn, "%s", name);
    else
        (void)snprintf(arn, sizeof arn, "arn:aws:ecs:%s:%s:capacity-provider/%.255s", call->region,
                       call->principal.account, name);
    return ecs_may(call, arn, NULL, err);
}

static int no_scaling_groups(struct aws_call *call, struct sw_err *err)
{
    int r = may_provider(call, sw_json_str(call->input, "name", ""), err);
    return r < 0 ? r
                 : sw_fail(err, SW_EUNSUPPORTED, "UnsupportedFeatureException",
                           "Capacity providers with Auto Scaling groups are not supported.");
}

int create_capacity_provider(struct aws_call *call, const void *in SW_UNUSED, json_t *out SW_UNUSED,
                             struct sw_err *err)
{
    return no_scaling_groups(call, err);
}

int update_capacity_provider(struct aws_call *call, const void *in SW_UNUSED, json_t *out SW_UNUSED,
                             struct sw_err *err)
{
    return no_scaling_groups(call, err);
}

int delete_capacity_provider(struct aws_call *call, const void *in SW_UNUSED, json_t *out,
                             struct sw_err *err)
{
    int r = may_provider(call, sw_json_str(call->input, "capacityProvider", ""), err);
    return r < 0 ? r : ecs_run(call, launcher_delete_provider, out, err);
}

int describe_capacity_providers(struct aws_call *call, const void *in SW_UNUSED, json_t *out,
                                struct sw_err *err)
{
    const json_t *list = sw_json_array(call->input, "capacityProviders"), *v;
    size_t i;
    int r = json_array_size(list) == 0 ? aws_may(call, "*", err) : 0;
    json_array_foreach(list, i, v) {
        if ((r = may_provider(call, json_string_value(v), err)) < 0)
            return r;
    }
    return r < 0 ? r : ecs_run_page(call, launcher_describe_providers, out, err);
}
