/* SPDX-License-Identifier: Apache-2.0 */
/* A table of keys plus a short engine. What a key's function returns lies in `held` until the question is answered. */
#include "launcher/api/ecs_facts.h"

#include <string.h>
#include <strings.h>

#include "base/alloc.h"
#include "base/json.h"
#include "base/macros.h"

#define KEYS_MAX 32 /* asked for in one question; more are not there */

struct facts {
    struct aws_call *call;
    const char *arn;
    const json_t *definition;
    const char *create_action; /* ecs:CreateAction of the question about tags */
    json_t *resource_tags;     /* read when first asked for */
    json_t *held;              /* lists of strings */
    struct policy_key keys[KEYS_MAX];
    const char **values[KEYS_MAX];
    size_t n;
};

/* Adds the key's values to the list; none: the request has no such key. `rest`: what follows the name's '/'. */
typedef void (*fact_fn)(struct facts *f, const char *rest, json_t *values);

static const json_t *input(const struct facts *f)
{
    return f->call->input;
}

static void add(json_t *values, const char *text)
{
    if (text && *text)
        json_array_append_new(values, json_string(text));
}

static void add_member(struct facts *f, const char *member, json_t *values)
{
    const json_t *v = json_object_get(input(f), member);
    if (json_is_string(v))
        add(values, json_string_value(v));
    else if (json_is_boolean(v))
        add(values, json_is_true(v) ? "true" : "false");
}

static void cluster(struct facts *f, const char *rest SW_UNUSED, json_t *values)
{
    char arn[ARN_MAX];
    struct sw_err ignored = SW_ERR_INIT;
    struct launcher_caller c = ecs_caller(f->call);
    if (launcher_cluster_arn(&c, sw_json_str(input(f), "cluster", NULL), arn, &ignored) == 0)
        add(values, arn);
}

static void add_instance(struct facts *f, const char *text, json_t *values)
{
    char arn[ARN_MAX];
    struct sw_err ignored = SW_ERR_INIT;
    struct launcher_caller c = ecs_caller(f->call);
    if (text &&
        launcher_instance_arn(&c, sw_json_str(input(f), "cluster", NULL), text, arn, &ignored) == 0)
        add(values, arn);
}

static void container_instances(struct facts *f, const char *rest SW_UNUSED, json_t *values)
{
    const json_t *v;
    size_t i;
    add_instance(f, sw_json_str(input(f), "containerInstance", NULL), values);
    json_array_foreach(sw_json_array(input(f), "containerInstances"), i, v)
        add_instance(f, json_string_value(v), values);
}

static void task(struct facts *f, const char *rest SW_UNUSED, json_t *values)
{
    char arn[ARN_MAX];
    struct sw_err ignored = SW_ERR_INIT;
    struct launcher_caller c = ecs_caller(f->call);
    const char *text = sw_json_str(input(f), "task", NULL);
    if (text &&
        launcher_task_arn(&c, sw_json_str(input(f), "cluster", NULL), text, arn, &ignored) == 0)
        add(values, arn);
}

static void service(struct facts *f, const char *rest SW_UNUSED, json_t *values)
{
    add_member(f, json_object_get(input(f), "service") ? "service" : "serviceName", values);
}

static void task_definition_key(struct facts *f, const char *rest SW_UNUSED, json_t *values)
{
    const char *arn = sw_json_str(f->definition, "taskDefinitionArn", NULL);
    if (arn)
        add(values, arn);
    else
        add_member(f, "taskDefinition", values);
}

static void container_name(struct facts *f, const char *rest SW_UNUSED, json_t *values)
{
    add_member(f, "container", values);
}

static void account_setting(struct facts *f, const char *rest SW_UNUSED, json_t *values)
{
    add_member(f, "name", values);
}

static void execute_command(struct facts *f, const char *rest SW_UNUSED, json_t *values)
{
    add_member(f, "enableExecuteCommand", values);
}

static void managed_tags(struct facts *f, const char *rest SW_UNUSED, json_t *values)
{
    add_member(f, "enableECSManagedTags", values);
}

static void propagate_tags(struct facts *f, const char *rest SW_UNUSED, json_t *values)
{
    add_member(f, "propagateTags", values);
}

static void create_action(struct facts *f, const char *rest SW_UNUSED, json_t *values)
{
    add(values, f->create_action);
}

/* Of the overrides first: they are what counts when the task runs. */
static void add_size(struct facts *f, const char *member, json_t *values)
{
    const json_t *overrides = sw_json_object(input(f), "overrides");
    const char *text = sw_json_str(overrides, member, NULL);
    if (!text)
        text = sw_json_str(f->definition ? f->definition : input(f), member, NULL);
    add(values, text);
}

static void task_cpu(struct facts *f, const char *rest SW_UNUSED, json_t *values)
{
    add_size(f, "cpu", values);
}

static void task_memory(struct facts *f, const char *rest SW_UNUSED, json_t *values)
{
    add_size(f, "memory", values);
}

static void privileged(struct facts *f, const char *rest SW_UNUSED, json_t *values)
{
    const json_t *list = sw_json_array(input(f), "containerDefinitions"), *v;
    bool any = false;
    size_t i;
    json_array_foreach(list, i, v)
        any = any || sw_json_bool(v, "privileged", false);
    if (list)
        add(values, any ? "true" : "false");
}

static void compatibility(struct facts *f, const char *rest SW_UNUSED, json_t *values)
{
    const json_t *v;
    size_t i;
    json_array_foreach(sw_json_array(input(f), "requiresCompatibilities"), i, v)
        add(values, json_string_value(v));
}

static void capacity_provider(struct facts *f, const char *rest SW_UNUSED, json_t *values)
{
    const json_t *v;
    size_t i;
    json_array_foreach(sw_json_array(input(f), "capacityProviderStrategy"), i, v)
        add(values, sw_json_str(v, "capacityProvider", NULL));
}

static const json_t *network(const struct facts *f)
{
    return sw_json_object(sw_json_object(input(f), "networkConfiguration"), "awsvpcConfiguration");
}

static void subnet(struct facts *f, const char *rest SW_UNUSED, json_t *values)
{
    const json_t *v;
    size_t i;
    json_array_foreach(sw_json_array(network(f), "subnets"), i, v)
        add(values, json_string_value(v));
}

static void public_ip(struct facts *f, const char *rest SW_UNUSED, json_t *values)
{
    const char *text = sw_json_str(network(f), "assignPublicIp", NULL);
    if (text)
        add(values, sw_streq(text, "ENABLED") ? "true" : "false");
}

static void add_tag(const json_t *tags, const char *key, json_t *values)
{
    const json_t *tag;
    size_t i;
    json_array_foreach(tags, i, tag) {
        if (strcasecmp(sw_json_str(tag, "key", ""), key) == 0)
            json_array_append_new(values, json_string(sw_json_str(tag, "value", "")));
    }
}

static void request_tag(struct facts *f, const char *rest, json_t *values)
{
    add_tag(sw_json_array(input(f), "tags"), rest, values);
}

static void tag_keys(struct facts *f, const char *rest SW_UNUSED, json_t *values)
{
    const json_t *v;
    size_t i;
    json_array_foreach(sw_json_array(input(f), "tags"), i, v)
        add(values, sw_json_str(v, "key", NULL));
    json_array_foreach(sw_json_array(input(f), "tagKeys"), i, v)
        add(values, json_string_value(v));
}

static void resource_tag(struct facts *f, const char *rest, json_t *values)
{
    struct sw_err ignored = SW_ERR_INIT;
    struct launcher_caller c = ecs_caller(f->call);
    if (!f->resource_tags &&
        launcher_resource_tags(ecs_launcher(f->call), &c, f->arn, &f->resource_tags, &ignored) < 0)
        f->resource_tags = json_array(); /* what is not there has no tags */
    add_tag(f->resource_tags, rest, values);
}

/* A name that ends with '/' stands for all that begin so. */
static const struct {
    const char *name;
    fact_fn fn;
    bool multi;
} facts[] = {
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

/* Its function, and what follows a prefix. */
static bool is_fact(size_t i, const char *name, const char **ret_rest)
{
    size_t n = strlen(facts[i].name);
    *ret_rest = name + n;
    return facts[i].name[n - 1] == '/' ? strncasecmp(name, facts[i].name, n) == 0 && name[n]
                                       : strcasecmp(name, facts[i].name) == 0;
}

static const struct policy_key *hold(struct facts *f, const char *name, bool multi, json_t *values)
{
    size_t count = json_array_size(values);
    if (count == 0 || f->n == KEYS_MAX)
        return NULL;
    const char **list = sw_calloc(count, sizeof *list);
    for (size_t i = 0; i < count; i++)
        list[i] = json_string_value(json_array_get(values, i));
    json_array_append(f->held, values);
    f->values[f->n] = list;
    f->keys[f->n] =
        (struct policy_key){.name = name, .values = list, .values_n = count, .multi = multi};
    return &f->keys[f->n++];
}

static const struct policy_key *look_up(void *ctx, const char *name)
{
    struct facts *f = ctx;
    const char *rest;
    for (size_t i = 0; i < f->n; i++) {
        if (strcasecmp(f->keys[i].name, name) == 0)
            return &f->keys[i];
    }
    for (size_t i = 0; i < SW_ARRAY_LEN(facts); i++) {
        if (!is_fact(i, name, &rest))
            continue;
        sw_autojson json_t *values = json_array();
        facts[i].fn(f, rest, values);
        return hold(f, name, facts[i].multi, values);
    }
    return NULL;
}

/* action NULL: the operation's own. */
static int ask(struct facts *f, const char *action, struct sw_err *err)
{
    struct policy_context *context = &f->call->context;
    f->held = json_array();
    context->more = look_up;
    context->more_ctx = f;
    int r = action ? aws_may_action(f->call, action, f->arn, err) : aws_may(f->call, f->arn, err);
    context->more = NULL;
    context->more_ctx = NULL;
    for (size_t i = 0; i < f->n; i++)
        free(f->values[i]);
    json_decref(f->held);
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

/* A role by its ARN, or by the name of one of the caller's account. */
static int may_pass(struct aws_call *call, const char *role, struct sw_err *err)
{
    char arn[ARN_MAX];
    struct policy_context *context = &call->context, before = *context;
    if (strncmp(role, "arn:", 4) == 0)
        (void)snprintf(arn, sizeof arn, "%s", role);
    else
        (void)snprintf(arn, sizeof arn, "arn:aws:iam::%s:role/%s", call->principal.account, role);
    context->more = passed_to;
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
