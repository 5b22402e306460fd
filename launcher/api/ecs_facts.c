/* SPDX-License-Identifier: Apache-2.0 */
/* A table of keys: auth/policy_facts.h is its engine. */
#include "launcher/api/ecs_facts.h"

#include <string.h>
#include <strings.h>

#include "auth/policy_facts.h"
#include "base/json.h"
#include "base/macros.h"
#include "launcher/service/launcher_services.h"

struct facts {
    struct aws_call *call;
    const char *arn;
    const json_t *definition;
    const char *create_action; /* ecs:CreateAction of the question about tags */
    json_t *resource_tags;     /* read when first asked for */
};

static const json_t *input(const struct facts *f)
{
    return f->call->input;
}

static void add_member(struct facts *f, const char *member, json_t *values)
{
    const json_t *v = json_object_get(input(f), member);
    if (json_is_string(v))
        policy_facts_add(values, json_string_value(v));
    else if (json_is_boolean(v))
        policy_facts_add(values, json_is_true(v) ? "true" : "false");
}

static void cluster(void *ctx, const char *rest SW_UNUSED, json_t *values)
{
    struct facts *f = ctx;
    char arn[ARN_MAX];
    struct sw_err ignored = SW_ERR_INIT;
    struct launcher_caller c = ecs_caller(f->call);
    if (launcher_cluster_arn(&c, sw_json_str(input(f), "cluster", NULL), arn, &ignored) == 0)
        policy_facts_add(values, arn);
}

static void add_instance(struct facts *f, const char *text, json_t *values)
{
    char arn[ARN_MAX];
    struct sw_err ignored = SW_ERR_INIT;
    struct launcher_caller c = ecs_caller(f->call);
    if (text &&
        launcher_instance_arn(&c, sw_json_str(input(f), "cluster", NULL), text, arn, &ignored) == 0)
        policy_facts_add(values, arn);
}

static void container_instances(void *ctx, const char *rest SW_UNUSED, json_t *values)
{
    struct facts *f = ctx;
    const json_t *v;
    size_t i;
    add_instance(f, sw_json_str(input(f), "containerInstance", NULL), values);
    json_array_foreach(sw_json_array(input(f), "containerInstances"), i, v)
        add_instance(f, json_string_value(v), values);
}

static void task(void *ctx, const char *rest SW_UNUSED, json_t *values)
{
    struct facts *f = ctx;
    char arn[ARN_MAX];
    struct sw_err ignored = SW_ERR_INIT;
    struct launcher_caller c = ecs_caller(f->call);
    const char *text = sw_json_str(input(f), "task", NULL);
    if (text &&
        launcher_task_arn(&c, sw_json_str(input(f), "cluster", NULL), text, arn, &ignored) == 0)
        policy_facts_add(values, arn);
}

static void service(void *ctx, const char *rest SW_UNUSED, json_t *values)
{
    struct facts *f = ctx;
    char arn[ARN_MAX];
    struct sw_err ignored = SW_ERR_INIT;
    struct launcher_caller c = ecs_caller(f->call);
    const char *text = sw_json_str(input(f), "service", sw_json_str(input(f), "serviceName", NULL));
    if (text &&
        launcher_service_arn(&c, sw_json_str(input(f), "cluster", NULL), text, arn, &ignored) == 0)
        policy_facts_add(values, arn);
}

static void task_definition_key(void *ctx, const char *rest SW_UNUSED, json_t *values)
{
    struct facts *f = ctx;
    const char *arn = sw_json_str(f->definition, "taskDefinitionArn", NULL);
    if (arn)
        policy_facts_add(values, arn);
    else
        add_member(f, "taskDefinition", values);
}

static void container_name(void *ctx, const char *rest SW_UNUSED, json_t *values)
{
    struct facts *f = ctx;
    add_member(f, "container", values);
}

static void account_setting(void *ctx, const char *rest SW_UNUSED, json_t *values)
{
    struct facts *f = ctx;
    add_member(f, "name", values);
}

static void execute_command(void *ctx, const char *rest SW_UNUSED, json_t *values)
{
    struct facts *f = ctx;
    add_member(f, "enableExecuteCommand", values);
}

static void managed_tags(void *ctx, const char *rest SW_UNUSED, json_t *values)
{
    struct facts *f = ctx;
    add_member(f, "enableECSManagedTags", values);
}

static void propagate_tags(void *ctx, const char *rest SW_UNUSED, json_t *values)
{
    struct facts *f = ctx;
    add_member(f, "propagateTags", values);
}

static void create_action(void *ctx, const char *rest SW_UNUSED, json_t *values)
{
    struct facts *f = ctx;
    policy_facts_add(values, f->create_action);
}

/* Of the overrides first: they are what counts when the task runs. */
static void add_size(struct facts *f, const char *member, json_t *values)
{
    const json_t *overrides = sw_json_object(input(f), "overrides");
    const char *text = sw_json_str(overrides, member, NULL);
    if (!text)
        text = sw_json_str(f->definition ? f->definition : input(f), member, NULL);
    policy_facts_add(values, text);
}

static void task_cpu(void *ctx, const char *rest SW_UNUSED, json_t *values)
{
    struct facts *f = ctx;
    add_size(f, "cpu", values);
}

static void task_memory(void *ctx, const char *rest SW_UNUSED, json_t *values)
{
    struct facts *f = ctx;
    add_size(f, "memory", values);
}

static void privileged(void *ctx, const char *rest SW_UNUSED, json_t *values)
{
    struct facts *f = ctx;
    const json_t *list = sw_json_array(input(f), "containerDefinitions"), *v;
    bool any = false;
    size_t i;
    json_array_foreach(list, i, v)
        any = any || sw_json_bool(v, "privileged", false);
    if (list)
        policy_facts_add(values, any ? "true" : "false");
}

static void compatibility(void *ctx, const char *rest SW_UNUSED, json_t *values)
{
    struct facts *f = ctx;
    const json_t *v;
    size_t i;
    json_array_foreach(sw_json_array(input(f), "requiresCompatibilities"), i, v)
        policy_facts_add(values, json_string_value(v));
}

/* By ARN, as policies name them, however the call does. */
static void capacity_provider(void *ctx, const char *rest SW_UNUSED, json_t *values)
{
    struct facts *f = ctx;
    const json_t *v;
    size_t i;
    json_array_foreach(sw_json_array(input(f), "capacityProviderStrategy"), i, v) {
        char arn[ARN_MAX];
        const char *name = sw_json_str(v, "capacityProvider", "");
        if (strncmp(name, "arn:", 4) != 0)
            (void)snprintf(arn, sizeof arn, "arn:aws:ecs:%s:%s:capacity-provider/%.255s",
                           f->call->region, f->call->principal.account, name);
        policy_facts_add(values, strncmp(name, "arn:", 4) == 0 ? name : arn);
    }
}

static const json_t *network(const struct facts *f)
{
    return sw_json_object(sw_json_object(input(f), "networkConfiguration"), "awsvpcConfiguration");
}

static void subnet(void *ctx, const char *rest SW_UNUSED, json_t *values)
{
    struct facts *f = ctx;
    const json_t *v;
    size_t i;
    json_array_foreach(sw_json_array(network(f), "subnets"), i, v)
        policy_facts_add(values, json_string_value(v));
}

static void public_ip(void *ctx, const char *rest SW_UNUSED, json_t *values)
{
    struct facts *f = ctx;
    const char *text = sw_json_str(network(f), "assignPublicIp", NULL);
    if (text)
        policy_facts_add(values, sw_streq(text, "ENABLED") ? "true" : "false");
}

static void request_tag(void *ctx, const char *rest, json_t *values)
{
    struct facts *f = ctx;
    policy_facts_add_tag(sw_json_array(input(f), "tags"), rest, values);
}

static void tag_keys(void *ctx, const char *rest SW_UNUSED, json_t *values)
{
    struct facts *f = ctx;
    const json_t *v;
    size_t i;
    policy_facts_add_tag_keys(sw_json_array(input(f), "tags"), values);
    json_array_foreach(sw_json_array(input(f), "tagKeys"), i, v)
        policy_facts_add(values, json_string_value(v));
}

static void resource_tag(void *ctx, const char *rest, json_t *values)
{
    struct facts *f = ctx;
    struct sw_err ignored = SW_ERR_INIT;
    struct launcher_caller c = ecs_caller(f->call);
    if (!f->resource_tags &&
        launcher_resource_tags(ecs_launcher(f->call), &c, f->arn, &f->resource_tags, &ignored) < 0)
        f->resource_tags = json_array(); /* what is not there has no tags */
    policy_facts_add_tag(f->resource_tags, rest, values);
}

static const struct policy_fact table[] = {
    {"aws:RequestTag/", request_tag, false},
    {"aws:ResourceTag/", resource_tag, false},
    {"aws:TagKeys", tag_keys, true},
    {"ecs:CreateAction", create_action, false},
    {"ecs:ResourceTag/", resource_tag, false},
    {"ecs:account-setting", account_setting, false},
    {"ecs:auto-assign-public-ip", public_ip, false},
    {"ecs:capacity-provider", capacity_provider, true},
    {"ecs:cluster", cluster, false},
    {"ecs:compute-compatibility", compatibility, true},
    {"ecs:container-instances", container_instances, true},
    {"ecs:container-name", container_name, false},
    {"ecs:enable-ecs-managed-tags", managed_tags, false},
    {"ecs:enable-execute-command", execute_command, false},
    {"ecs:privileged", privileged, false},
    {"ecs:propagate-tags", propagate_tags, false},
    {"ecs:service", service, false},
    {"ecs:subnet", subnet, true},
    {"ecs:task", task, false},
    {"ecs:task-cpu", task_cpu, false},
    {"ecs:task-definition", task_definition_key, false},
    {"ecs:task-memory", task_memory, false},
};

/* action NULL: the operation's own. */
static int ask(struct facts *f, const char *action, struct sw_err *err)
{
    struct policy_context *context = &f->call->context;
    struct policy_facts facts;
    policy_facts_init(&facts, table, SW_ARRAY_LEN(table), f);
    context->more = policy_facts_key;
    context->more_ctx = &facts;
    int r = action ? aws_may_action(f->call, action, f->arn, err) : aws_may(f->call, f->arn, err);
    context->more = NULL;
    context->more_ctx = NULL;
    policy_facts_done(&facts);
    json_decref(f->resource_tags);
    return r;
}

int ecs_may(struct aws_call *call, const char *arn, const json_t *definition, struct sw_err *err)
{
    struct facts own = {.call = call, .arn = arn, .definition = definition};
    const char *op = call->op->name;
    int r = ask(&own, NULL, err);
    if (r < 0 || sw_streq(op, "TagResource") ||
        json_array_size(sw_json_array(call->input, "tags")) == 0)
        return r;
    struct facts tagging = {
        .call = call, .arn = arn, .definition = definition, .create_action = op};
    return ask(&tagging, "ecs:TagResource", err);
}

static const struct policy_key *passed_to(void *ctx SW_UNUSED, const char *name)
{
    static const char *const tasks[] = {"ecs-tasks.amazonaws.com"};
    static const struct policy_key key = {
        .name = "iam:PassedToService", .values = tasks, .values_n = 1};
    return strcasecmp(name, key.name) == 0 ? &key : NULL;
}

/* The account in arn:aws:iam::ACCOUNT:role/NAME; false when there is none. */
static bool account_of_role(const char *role, char ret[13])
{
    struct sw_str rest = sw_str(role), part = {0};
    for (int i = 0; i < 5; i++)
        if (!sw_str_split(&rest, ':', &part))
            return false;
    return part.n == 12 && sw_str_copy(part, ret, 13);
}

/* A role by its ARN, or by the name of one of the caller's account. Roles have no policies that say who may pass them, so those
 * of another account cannot be passed. */
static int may_pass(struct aws_call *call, const char *role, struct sw_err *err)
{
    char arn[ARN_MAX], account[13];
    struct policy_context *context = &call->context, before = *context;
    if (strncmp(role, "arn:", 4) == 0)
        (void)snprintf(arn, sizeof arn, "%s", role);
    else
        (void)snprintf(arn, sizeof arn, "arn:aws:iam::%s:role/%s", call->principal.account, role);
    context->more = passed_to;
    if (account_of_role(arn, account))
        context->account = account;
    int r = aws_may_action(call, "iam:PassRole", arn, err);
    *context = before;
    return r;
}

int ecs_may_pass_roles(struct aws_call *call, const json_t *document, struct sw_err *err)
{
    static const char *const members[] = {"taskRoleArn", "executionRoleArn"};
    for (size_t i = 0; i < SW_ARRAY_LEN(members); i++) {
        const char *role = sw_json_str(document, members[i], "");
        int r = *role ? may_pass(call, role, err) : 0;
        if (r < 0)
            return r;
    }
    return 0;
}
