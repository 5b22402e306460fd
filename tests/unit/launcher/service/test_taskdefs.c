/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/launcher/service/world.h"

static json_t *definition(const json_t *out)
{
    return sw_json_object(out, "taskDefinition");
}

TEST(registers_with_defaults_and_counts_revisions)
{
    struct world w;
    world_open(&w);
    sw_autojson json_t *one =
        call(&w, &w.user, launcher_register_taskdef,
             doc("{'family': 'app', 'cpu': '1 vCPU', 'memory': '0.5GB',"
                 " 'tags': [{'key': 'k', 'value': 'v'}],"
                 " 'containerDefinitions': [{'name': 'web', 'image': 'img'}]}"));
    json_t *d = definition(one), *c = json_array_get(sw_json_array(d, "containerDefinitions"), 0);
    CHECK_EQ_STR(sw_json_str(d, "taskDefinitionArn", ""),
                 "arn:aws:ecs:us-east-1:" WORLD_ACCOUNT ":task-definition/app:1");
    CHECK_EQ_STR(sw_json_str(d, "cpu", ""), "1024");
    CHECK_EQ_STR(sw_json_str(d, "memory", ""), "512");
    CHECK_EQ_STR(sw_json_str(d, "status", ""), "ACTIVE");
    CHECK_EQ_STR(sw_json_str(d, "registeredBy", ""), w.admin.arn);
    CHECK_NULL(json_object_get(d, "tags"));
    CHECK_EQ_INT(json_array_size(sw_json_array(one, "tags")), 1);
    CHECK(sw_json_bool(c, "essential", false));
    CHECK(sw_json_array(c, "portMappings") && sw_json_array(c, "environment"));
    world_taskdef(&w, "app", 64, 0);
    sw_autojson json_t *two =
        call(&w, &w.user, launcher_describe_taskdef, doc("{'taskDefinition': 'app'}"));
    CHECK_EQ_INT(sw_json_int(definition(two), "revision", 0), 2);
    sw_autojson json_t *tagged = call(&w, &w.user, launcher_describe_taskdef,
                                      doc("{'taskDefinition': 'app:1', 'include': ['TAGS']}"));
    CHECK_EQ_INT(json_array_size(sw_json_array(tagged, "tags")), 1);
    world_close(&w);
}

TEST(a_deregistered_revision_stays_and_its_number_is_not_used_again)
{
    struct world w;
    world_open(&w);
    world_taskdef(&w, "app", 64, 0);
    sw_autojson json_t *gone =
        call(&w, &w.user, launcher_deregister_taskdef, doc("{'taskDefinition': 'app:1'}"));
    CHECK_EQ_STR(sw_json_str(definition(gone), "status", ""), "INACTIVE");
    CHECK(json_object_get(definition(gone), "deregisteredAt"));
    json_decref(call(&w, &w.user, launcher_deregister_taskdef, doc("{'taskDefinition': 'app:1'}")));
    refused(&w, &w.user, launcher_describe_taskdef, doc("{'taskDefinition': 'app'}"), SW_ENOTFOUND,
            "ClientException", "Unable to describe task definition.");
    sw_autojson json_t *still =
        call(&w, &w.user, launcher_describe_taskdef, doc("{'taskDefinition': 'app:1'}"));
    CHECK_EQ_STR(sw_json_str(definition(still), "status", ""), "INACTIVE");
    world_taskdef(&w, "app", 64, 0);
    sw_autojson json_t *two =
        call(&w, &w.user, launcher_describe_taskdef, doc("{'taskDefinition': 'app'}"));
    CHECK_EQ_INT(sw_json_int(definition(two), "revision", 0), 2);
    refused(&w, &w.user, launcher_deregister_taskdef, doc("{'taskDefinition': 'app'}"), SW_EINVALID,
            "ClientException", "Invalid revision number");
    world_close(&w);
}

TEST(lists_page_by_page_in_both_directions)
{
    struct world w;
    char next[ARN_MAX], end[ARN_MAX];
    world_open(&w);
    world_taskdef(&w, "a", 64, 0);
    world_taskdef(&w, "b", 64, 0);
    world_taskdef(&w, "b", 64, 0);
    sw_autojson json_t *first = list(&w, launcher_list_taskdefs, doc("{}"), "", 2, next);
    CHECK_EQ_INT(json_array_size(sw_json_array(first, "taskDefinitionArns")), 2);
    CHECK_EQ_STR(next, "b:1");
    sw_autojson json_t *second = list(&w, launcher_list_taskdefs, doc("{}"), next, 2, end);
    CHECK_EQ_INT(json_array_size(sw_json_array(second, "taskDefinitionArns")), 1);
    CHECK_EQ_STR(end, "");
    sw_autojson json_t *down =
        list(&w, launcher_list_taskdefs, doc("{'sort': 'DESC'}"), "", 1, next);
    CHECK_CONTAINS(json_string_value(json_array_get(sw_json_array(down, "taskDefinitionArns"), 0)),
                   "/b:2");
    sw_autojson json_t *more =
        list(&w, launcher_list_taskdefs, doc("{'sort': 'DESC'}"), next, 5, end);
    CHECK_EQ_INT(json_array_size(sw_json_array(more, "taskDefinitionArns")), 2);
    sw_autojson json_t *only =
        list(&w, launcher_list_taskdefs, doc("{'familyPrefix': 'b'}"), "", 9, end);
    CHECK_EQ_INT(json_array_size(sw_json_array(only, "taskDefinitionArns")), 2);
    world_close(&w);
}

TEST(lists_families_by_status)
{
    struct world w;
    char end[ARN_MAX];
    world_open(&w);
    world_taskdef(&w, "app", 64, 0);
    world_taskdef(&w, "old", 64, 0);
    json_decref(call(&w, &w.user, launcher_deregister_taskdef, doc("{'taskDefinition': 'old:1'}")));
    sw_autojson json_t *active = list(&w, launcher_list_families, doc("{}"), "", 9, end);
    sw_autojson json_t *inactive =
        list(&w, launcher_list_families, doc("{'status': 'INACTIVE'}"), "", 9, end);
    sw_autojson json_t *all =
        list(&w, launcher_list_families, doc("{'status': 'ALL'}"), "", 9, end);
    sw_autojson json_t *prefix =
        list(&w, launcher_list_families, doc("{'status': 'ALL', 'familyPrefix': 'o'}"), "", 9, end);
    CHECK_EQ_STR(json_string_value(json_array_get(sw_json_array(active, "families"), 0)), "app");
    CHECK_EQ_INT(json_array_size(sw_json_array(active, "families")), 1);
    CHECK_EQ_STR(json_string_value(json_array_get(sw_json_array(inactive, "families"), 0)), "old");
    CHECK_EQ_INT(json_array_size(sw_json_array(all, "families")), 2);
    CHECK_EQ_INT(json_array_size(sw_json_array(prefix, "families")), 1);
    world_close(&w);
}

TEST(another_region_sees_nothing)
{
    struct world w;
    char next[ARN_MAX];
    world_open(&w);
    world_taskdef(&w, "app", 64, 0);
    w.user.region = "eu-west-1";
    refused(&w, &w.user, launcher_describe_taskdef, doc("{'taskDefinition': 'app:1'}"),
            SW_ENOTFOUND, "ClientException", "Unable to describe");
    refused(
        &w, &w.user, launcher_describe_taskdef,
        doc("{'taskDefinition': 'arn:aws:ecs:us-east-1:" WORLD_ACCOUNT ":task-definition/app:1'}"),
        SW_EINVALID, "ClientException", "Unable to describe");
    sw_autojson json_t *none = list(&w, launcher_list_taskdefs, doc("{}"), "", 9, next);
    CHECK_EQ_INT(json_array_size(sw_json_array(none, "taskDefinitionArns")), 0);
    world_close(&w);
}

TEST(reference_finds_the_revision_and_its_document)
{
    struct world w;
    char arn[ARN_MAX];
    struct sw_err err = SW_ERR_INIT;
    json_t *definition = NULL;
    world_open(&w);
    world_taskdef(&w, "app", 64, 0);
    CHECK_OK(launcher_taskdef_find(w.l, &w.user, "app", arn, &definition, &err));
    CHECK_CONTAINS(arn, ":task-definition/app:1");
    CHECK_EQ_STR(sw_json_str(definition, "taskDefinitionArn", ""), arn);
    json_decref(definition);
    CHECK_OK(launcher_taskdef_find(w.l, &w.user, "none", arn, &definition, &err));
    CHECK_CONTAINS(arn, ":task-definition/none:*");
    CHECK(definition == NULL);
    CHECK_OK(launcher_taskdef_find(w.l, &w.user, "app:7", arn, &definition, &err));
    CHECK_CONTAINS(arn, ":task-definition/app:7");
    CHECK(definition == NULL);
    CHECK_ERR(launcher_taskdef_find(w.l, &w.user, "a b", arn, &definition, &err), SW_EINVALID,
              "ClientException");
    world_close(&w);
}
