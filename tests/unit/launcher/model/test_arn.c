/* SPDX-License-Identifier: Apache-2.0 */
#include "launcher/model/arn.h"

#include "base/macros.h"
#include "tests/lib/test.h"

#define P "arn:aws:ecs:us-east-1:123456789012:"

TEST(parses_all_forms)
{
    static const struct {
        const char *text;
        enum arn_kind kind;
        const char *cluster, *id;
        int64_t revision;
        bool local;
    } table[] = {
        {"c", ARN_CLUSTER, "c", "", 0, true},
        {P "cluster/c", ARN_CLUSTER, "c", "", 0, true},
        {"0123", ARN_TASK, "", "0123", 0, true},
        {"c/0123", ARN_TASK, "c", "0123", 0, true},
        {P "task/c/0123", ARN_TASK, "c", "0123", 0, true},
        {P "task/0123", ARN_TASK, "", "0123", 0, true},
        {"arn:aws:ecs:eu-west-1:123456789012:task/c/0123", ARN_TASK, "c", "0123", 0, false},
        {"arn:aws:ecs:us-east-1:999999999999:task/c/0123", ARN_TASK, "c", "0123", 0, false},
        {P "container-instance/c/0123", ARN_CONTAINER_INSTANCE, "c", "0123", 0, true},
        {"app", ARN_TASK_DEFINITION, "", "app", 0, true},
        {"app:7", ARN_TASK_DEFINITION, "", "app", 7, true},
        {P "task-definition/app:7", ARN_TASK_DEFINITION, "", "app", 7, true},
        {"web", ARN_SERVICE, "", "web", 0, true},
        {P "service/c/web", ARN_SERVICE, "c", "web", 0, true},
        {P "service/web", ARN_SERVICE, "", "web", 0, true},
        {P "service-deployment/c/web/AB3D", ARN_SERVICE_DEPLOYMENT, "c", "AB3D", 0, true},
        {P "service-revision/c/web/123", ARN_SERVICE_REVISION, "c", "123", 0, true},
        {P "task-set/c/web/ecs-svc/123", ARN_TASK_SET, "c", "ecs-svc/123", 0, true},
        {"ecs-svc/123", ARN_TASK_SET, "", "ecs-svc/123", 0, true},
    };
    for (size_t i = 0; i < SW_ARRAY_LEN(table); i++) {
        struct arn a;
        CHECK_MSG(arn_parse(table[i].text, table[i].kind, &a), "%s", table[i].text);
        CHECK_EQ_STR(a.cluster, table[i].cluster);
        CHECK_EQ_STR(a.id, table[i].id);
        CHECK_EQ_INT(a.revision, table[i].revision);
        CHECK_EQ_INT(arn_is_local(&a, "123456789012", "us-east-1"), table[i].local);
    }
}

TEST(refuses_what_names_nothing)
{
    static const struct {
        const char *text;
        enum arn_kind kind;
    } table[] = {{"", ARN_CLUSTER},
                 {"a b", ARN_CLUSTER},
                 {P "task/c/1", ARN_CLUSTER},
                 {"arn:aws:ecs", ARN_TASK},
                 /* Other spellings of what policies name. */
                 {"arn:aws-x:ecs:us-east-1:123456789012:cluster/c", ARN_CLUSTER},
                 {"arn:awsecs:ecs:us-east-1:123456789012:cluster/c", ARN_CLUSTER},
                 {P "task-definition/app:07", ARN_TASK_DEFINITION},
                 {"app:07", ARN_TASK_DEFINITION},
                 {"a/b/c", ARN_TASK},
                 {P "service-deployment/c/web", ARN_SERVICE_DEPLOYMENT},
                 {P "service-revision/c/web/a b", ARN_SERVICE_REVISION},
                 {P "task-set/c/web/123", ARN_TASK_SET},
                 {P "task-set/ecs-svc/123", ARN_TASK_SET},
                 {"ecs-svc/", ARN_TASK_SET},
                 {P "service/c/web/x", ARN_SERVICE},
                 {"app:0", ARN_TASK_DEFINITION},
                 {"app:x", ARN_TASK_DEFINITION},
                 {":1", ARN_TASK_DEFINITION},
                 {"arn:aws:ecr:us-east-1:123456789012:cluster/c", ARN_CLUSTER},
                 {"arn:aws:ecs:us-east-1:1234567890123:cluster/c", ARN_CLUSTER},
                 {"arn:aws:ecs::123456789012:cluster/c", ARN_CLUSTER}};
    for (size_t i = 0; i < SW_ARRAY_LEN(table); i++) {
        struct arn a;
        CHECK_MSG(!arn_parse(table[i].text, table[i].kind, &a), "%s", table[i].text);
    }
}

TEST(builds_what_it_parses)
{
    char text[ARN_MAX];
    arn_cluster(text, "us-east-1", "123456789012", "c");
    CHECK_EQ_STR(text, P "cluster/c");
    arn_task(text, "us-east-1", "123456789012", "c", "1f");
    CHECK_EQ_STR(text, P "task/c/1f");
    arn_container_instance(text, "us-east-1", "123456789012", "c", "1f");
    CHECK_EQ_STR(text, P "container-instance/c/1f");
    arn_task_definition(text, "us-east-1", "123456789012", "app", 12);
    CHECK_EQ_STR(text, P "task-definition/app:12");
    arn_service(text, "us-east-1", "123456789012", "c", "web");
    CHECK_EQ_STR(text, P "service/c/web");
    arn_of_service(text, ARN_TASK_SET, "us-east-1", "123456789012", "c", "web", "ecs-svc/12");
    CHECK_EQ_STR(text, P "task-set/c/web/ecs-svc/12");
    arn_of_service(text, ARN_SERVICE_REVISION, "us-east-1", "123456789012", "c", "web", "12");
    CHECK_EQ_STR(text, P "service-revision/c/web/12");
    arn_container(text, "us-east-1", "123456789012", "c", "1f", "u");
    CHECK_EQ_STR(text, P "container/c/1f/u");
}

TEST(names_have_letters_digits_hyphens_underscores)
{
    char longest[258];
    memset(longest, 'a', sizeof longest);
    longest[255] = 0;
    CHECK(arn_name_valid(longest) && arn_name_valid("A-z_0"));
    longest[255] = 'a';
    longest[256] = 0;
    CHECK(!arn_name_valid(longest) && !arn_name_valid("") && !arn_name_valid("a.b") &&
          !arn_name_valid(NULL));
}
