/* SPDX-License-Identifier: Apache-2.0 */
#include "launcher/service/launcher_services.h"
#include "tests/unit/launcher/service/world.h"

static json_t *tags_of(struct world *w, const char *arn)
{
    sw_autojson json_t *out =
        call(w, &w->user, launcher_list_tags, doc("{'resourceArn': '%s'}", arn));
    return json_incref(sw_json_array(out, "tags"));
}

static const char *value_of(const json_t *tags, const char *key)
{
    const json_t *t;
    size_t i;
    json_array_foreach(tags, i, t) {
        if (sw_streq(sw_json_str(t, "key", ""), key))
            return sw_json_str(t, "value", "");
    }
    return NULL;
}

static void tag(struct world *w, const char *arn, const char *tags)
{
    json_decref(call(w, &w->user, launcher_tag_resource,
                     doc("{'resourceArn': '%s', 'tags': [%s]}", arn, tags)));
}

TEST(everything_with_an_arn_is_tagged_and_untagged)
{
    struct world w;
    char instance[ARN_MAX];
    world_open(&w);
    world_instance(&w, 1024, 1000, instance);
    world_taskdef(&w, "app", 64, 0);
    sw_autojson json_t *run =
        call(&w, &w.user, launcher_run_task, doc("{'taskDefinition': 'app'}"));
    const char *arns[] = {"arn:aws:ecs:us-east-1:" WORLD_ACCOUNT ":cluster/default", instance,
                          task_arn_of(run, 0),
                          "arn:aws:ecs:us-east-1:" WORLD_ACCOUNT ":task-definition/app:1"};
    for (size_t i = 0; i < SW_ARRAY_LEN(arns); i++) {
        tag(&w, arns[i], "{'key': 'team', 'value': 'a'}, {'key': 'Ünïcode', 'value': ''}");
        tag(&w, arns[i], "{'key': 'team', 'value': 'b'}");
        sw_autojson json_t *tags = tags_of(&w, arns[i]);
        CHECK_EQ_INT(json_array_size(tags), 2);
        CHECK_EQ_STR(value_of(tags, "team"), "b");
        CHECK_EQ_STR(value_of(tags, "Ünïcode"), "");
        json_decref(call(&w, &w.user, launcher_untag_resource,
                         doc("{'resourceArn': '%s', 'tagKeys': ['team', 'none']}", arns[i])));
        sw_autojson json_t *left = tags_of(&w, arns[i]);
        CHECK_EQ_INT(json_array_size(left), 1);
        CHECK(value_of(left, "team") == NULL);
    }
    sw_autojson json_t *described =
        call(&w, &w.user, launcher_describe_tasks,
             doc("{'tasks': ['%s'], 'include': ['TAGS']}", task_arn_of(run, 0)));
    CHECK_EQ_INT(json_array_size(
                     sw_json_array(json_array_get(sw_json_array(described, "tasks"), 0), "tags")),
                 1);
    world_close(&w);
}

TEST(refuses_tags_of_what_is_not_here)
{
    static const struct {
        const char *arn;
        int code;
        const char *reason;
    } table[] = {
        {"default", SW_EINVALID, "InvalidParameterException"},
        {"arn:aws:ecs:us-east-1:" WORLD_ACCOUNT ":task-definition/app", SW_EINVALID,
         "InvalidParameterException"},
        {"arn:aws:ecs:us-east-1:" WORLD_ACCOUNT ":task-definition/app:9", SW_ENOTFOUND,
         "ResourceNotFoundException"},
        {"arn:aws:ecs:us-east-1:" WORLD_ACCOUNT ":cluster/none", SW_ENOTFOUND,
         "ClusterNotFoundException"},
        {"arn:aws:ecs:us-east-1:" WORLD_ACCOUNT ":task/none/0123456789abcdef0123456789abcdef",
         SW_ENOTFOUND, "ResourceNotFoundException"},
        {"arn:aws:ecs:eu-west-1:" WORLD_ACCOUNT ":cluster/default", SW_ENOTFOUND,
         "ResourceNotFoundException"},
        {"arn:aws:ecs:us-east-1:999999999999:cluster/default", SW_ENOTFOUND,
         "ResourceNotFoundException"},
    };
    struct world w;
    world_open(&w);
    for (size_t i = 0; i < SW_ARRAY_LEN(table); i++) {
        bool other = sw_streq(table[i].reason, "ResourceNotFoundException"); /* of changes only */
        refused(&w, &w.user, launcher_list_tags, doc("{'resourceArn': '%s'}", table[i].arn),
                other ? SW_EINVALID : table[i].code,
                other ? "InvalidParameterException" : table[i].reason, "");
        refused(&w, &w.user, launcher_tag_resource,
                doc("{'resourceArn': '%s', 'tags': [{'key': 'a', 'value': 'b'}]}", table[i].arn),
                table[i].code, table[i].reason, "");
    }
    world_close(&w);
}

/* Terraform looks for these words to learn that the thing is gone. */
TEST(what_was_deleted_has_no_tags)
{
    static const char *const calls[][2] = {
        {"cluster/c",
         "The specified cluster is inactive. Specify an active cluster and try again."},
        {"service/default/s",
         "The specified service is inactive. Specify an active service and try again."}};
    struct world w;
    world_open(&w);
    world_taskdef(&w, "app", 64, 0);
    json_decref(call(&w, &w.user, launcher_create_cluster, doc("{'clusterName': 'c'}")));
    json_decref(call(&w, &w.user, launcher_delete_cluster, doc("{'cluster': 'c'}")));
    json_decref(call(&w, &w.user, launcher_create_service,
                     doc("{'serviceName': 's', 'taskDefinition': 'app', 'desiredCount': 0}")));
    json_decref(call(&w, &w.user, launcher_delete_service, doc("{'service': 's'}")));
    struct sw_err err = SW_ERR_INIT;
    CHECK_OK(launcher_services_settle(w.l, &err));
    for (size_t i = 0; i < SW_ARRAY_LEN(calls); i++) {
        const char *arn = calls[i][0];
        refused(&w, &w.user, launcher_list_tags,
                doc("{'resourceArn': 'arn:aws:ecs:us-east-1:" WORLD_ACCOUNT ":%s'}", arn),
                SW_EINVALID, "InvalidParameterException", calls[i][1]);
        refused(&w, &w.user, launcher_tag_resource,
                doc("{'resourceArn': 'arn:aws:ecs:us-east-1:" WORLD_ACCOUNT
                    ":%s', 'tags': [{'key': 'a', 'value': 'b'}]}",
                    arn),
                SW_EINVALID, "InvalidParameterException", calls[i][1]);
    }
    world_close(&w);
}

TEST(a_resource_has_at_most_fifty_tags)
{
    struct world w;
    static const char arn[] = "arn:aws:ecs:us-east-1:" WORLD_ACCOUNT ":task-definition/app:1";
    world_open(&w);
    world_taskdef(&w, "app", 64, 0);
    for (int i = 0; i < 50; i++) {
        char text[64];
        (void)snprintf(text, sizeof text, "{'key': 'k%d', 'value': 'v'}", i);
        tag(&w, arn, text);
    }
    refused(&w, &w.user, launcher_tag_resource,
            doc("{'resourceArn': '%s', 'tags': [{'key': 'more', 'value': 'v'}]}", arn), SW_EINVALID,
            "InvalidParameterException", "at most 50 tags");
    tag(&w, arn, "{'key': 'k7', 'value': 'changed'}");
    sw_autojson json_t *tags = tags_of(&w, arn);
    CHECK_EQ_INT(json_array_size(tags), 50);
    CHECK_EQ_STR(value_of(tags, "k7"), "changed");
    world_close(&w);
}
