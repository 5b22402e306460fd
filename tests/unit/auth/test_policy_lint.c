/* SPDX-License-Identifier: Apache-2.0 */
#include "auth/policy_lint.h"

#include "auth/policy_actions.h"
#include "base/buf.h"
#include "tests/unit/auth/policy_util.h"

#define DOC(inner) "{'Version':'2012-10-17','Statement':[{'Effect':'Allow'," inner "}]}"
#define ON_REPO    ",'Resource':'" REPO "'"
#define WITH(cond) ",'Condition':{" cond "}"

static void note(void *ctx, const struct policy_finding *f)
{
    struct sw_buf *b = ctx;
    CHECK(f->where.line >= 1 && f->where.column >= 1 && f->severity < POLICY_SEVERITY_MAX_);
    sw_buf_addf(b, "%s %s: %s\n", policy_severity_to_string(f->severity), f->code, f->message);
}

struct row {
    const char *text, *says; /* says NULL: no finding */
    enum policy_type type;
};

static void check_rows(const struct row *rows, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        SW_CLEANUP(sw_buf_done) struct sw_buf b = SW_BUF_INIT(65536);
        policy_autodoc struct policy_document *d = parse_doc(rows[i].text, rows[i].type);
        size_t found = policy_lint(d, note, &b);
        if (rows[i].says)
            CHECK_CONTAINS(b.p ? b.p : "", rows[i].says);
        else
            CHECK_MSG(found == 0, "%s: %s", rows[i].text, b.p);
    }
}

TEST(finds_actions_that_do_not_exist)
{
    static const struct row rows[] = {
        {DOC("'Action':['ecr:PutImage','ECR:batchgetimage','ecr:Get*']" ON_REPO), NULL, 0},
        {DOC("'Action':'ecr:PutImge'" ON_REPO),
         "error UNKNOWN_ACTION: there is no action \"ecr:PutImge\"; did you mean ecr:PutImage", 0},
        {DOC("'Action':'ecs:RunTasks','Resource':'arn:aws:ecs:*:*:task-definition/a'"),
         "did you mean ecs:RunTask", 0},
        {DOC("'Action':'erc:PutImage'" ON_REPO),
         "note UNKNOWN_SERVICE: no service \"erc\" is served here; did you mean ecr:PutImage", 0},
        {DOC("'Action':'dynamodb:GetItem'" ON_REPO), "UNKNOWN_SERVICE", 0},
        {DOC("'Action':'ecr:Zap*'" ON_REPO), "warning EMPTY_WILDCARD: no action matches", 0},
        {DOC("'Action':'ecr:Xxxxxxxxxxxxxx'" ON_REPO),
         "there is no action \"ecr:Xxxxxxxxxxxxxx\"\n", 0},
    };
    check_rows(rows, SW_ARRAY_LEN(rows));
}

TEST(finds_resources_that_never_match)
{
    static const struct row rows[] = {
        {DOC("'Action':'ecr:PutImage','Resource':'arn:aws:ecs:us-east-1:111111111111:cluster/a'"),
         "warning RESOURCE_NEVER_MATCHES", 0},
        {DOC("'Action':'ecr:PutImage','Resource':'arn:aws:ecr:us-east-1:111111111111:repo/a'"),
         "RESOURCE_NEVER_MATCHES", 0},
        {DOC("'Action':'ecr:PutImage','Resource':'arn:aws:ecr:*:*:repository/${aws:username}/*'"),
         NULL, 0},
        {DOC("'Action':'ecr:PutImage','Resource':'arn:aws:ecr:*:*:*'"), NULL, 0},
        {DOC("'Action':'ecr:PutImage','Resource':'arn:aws:ecr:*'"),
         "note SHORT_ARN: \"arn:aws:ecr:*\" has 4 of six parts", 0},
        {DOC("'Action':['ecr:PutImage','ecs:RunTask'],'Resource':['arn:aws:ecs:*:*:task-definition/"
             "x:*']"),
         NULL, 0},
        {DOC("'Action':'iam:PassRole','Resource':'arn:aws:iam::111111111111:user/x'"),
         "RESOURCE_NEVER_MATCHES", 0},
        {DOC("'Action':'logs:PutLogEvents','Resource':'arn:aws:logs:*:*:log-group:/ecs/"
             "app:log-stream:*'"),
         NULL, 0},
        {DOC("'Action':'sts:AssumeRole','Resource':'arn:aws:iam::*:role/ci'"), NULL, 0},
        {DOC("'Action':'ecr:GetAuthorizationToken'" ON_REPO),
         "warning ACTION_NEEDS_STAR: ecr:GetAuthorizationToken", 0},
        {DOC("'Action':['ecr:GetAuthorizationToken','ecr:PutImage']" ON_REPO), "ACTION_NEEDS_STAR",
         0},
        {DOC("'Action':'ecr:GetAuthorizationToken','Resource':'*'"), NULL, 0},
        {DOC("'Action':'ecr:PutImage','Principal':{'AWS':'111111111111'},'Resource':'arn:aws:ecr'"),
         "a short ARN without wildcards", POLICY_TYPE_RESOURCE},
    };
    check_rows(rows, SW_ARRAY_LEN(rows));
}

TEST(finds_keys_that_are_never_there)
{
    static const struct row rows[] = {
        {DOC("'Action':'ecr:PutImage'" ON_REPO WITH(
             "'ArnEquals':{'ecs:cluster':'arn:aws:ecs:*:*:cluster/a'}")),
         "warning KEY_NEVER_PRESENT: no action of this statement has the key \"ecs:cluster\"", 0},
        {DOC("'Action':'ecr:PutImage'" ON_REPO WITH("'StringEquals':{'ECR:resourcetag/team':'a'}")),
         NULL, 0},
        {DOC("'Action':['ecr:PutImage','ecs:*'],'Resource':'*'" WITH(
             "'ArnEquals':{'ecs:cluster':'arn:aws:ecs:*:*:cluster/a'}")),
         NULL, 0},
        {DOC("'Action':'iam:PassRole','Resource':'*'" WITH(
             "'StringEquals':{'iam:PassedToService':'ecs-tasks.amazonaws.com'}")),
         NULL, 0},
        {DOC("'Action':'ecr:PutImage'" ON_REPO WITH(
             "'StringEquals':{'aws:PrincipalTag/team':'a'}")),
         NULL, 0},
        {DOC("'Action':'ecr:PutImage'" ON_REPO WITH("'StringEquals':{'aws:PrincipalTag/':'a'}")),
         "UNKNOWN_KEY", 0},
        {DOC("'Action':'ecr:PutImage'" ON_REPO WITH("'IpAddress':{'aws:SourceIP':'10.0.0.1'}")),
         NULL, 0},
        {DOC("'Action':'ecr:PutImage'" ON_REPO WITH("'IpAddress':{'aws:SrcIp':'10.0.0.1'}")),
         "warning UNKNOWN_KEY: there is no key \"aws:SrcIp\"; did you mean aws:SourceIp", 0},
        {DOC("'Action':'sts:AssumeRoleWithWebIdentity','Principal':{'Federated':'x'}" WITH(
             "'StringLike':{'token.actions.githubusercontent.com:sub':'repo:a/*'}")),
         NULL, POLICY_TYPE_TRUST},
        {DOC("'NotAction':'ecr:PutImage','Resource':'*'" WITH(
             "'ArnEquals':{'ecs:cluster':'arn:aws:ecs:*:*:cluster/a'}")),
         "ALLOWS_ALL_BUT", 0},
    };
    check_rows(rows, SW_ARRAY_LEN(rows));
}

TEST(finds_grants_that_are_too_broad)
{
    static const struct row rows[] = {
        {DOC("'Action':'*','Resource':'*'"), "warning ALLOWS_ALL_ACTIONS", 0},
        {DOC("'Action':'*','Resource':'*'"), "warning PASSES_ANY_ROLE", 0},
        {DOC("'Action':'iam:Pass*','Resource':'*'"), "PASSES_ANY_ROLE", 0},
        {DOC("'Action':'ecr:PutImage','Resource':'*'"), "note ALLOWS_ALL_RESOURCES", 0},
        {DOC("'NotAction':'iam:*','Resource':'*'"), "warning ALLOWS_ALL_BUT", 0},
        {DOC("'Action':'ecr:BatchGetImage','Principal':'*'"), "warning ALLOWS_EVERYONE",
         POLICY_TYPE_RESOURCE},
        {DOC("'Action':'ecr:BatchGetImage','Principal':'*'" WITH(
             "'IpAddress':{'aws:SourceIp':'10.0.0.0/8'}")),
         NULL, POLICY_TYPE_RESOURCE},
        {"{'Version':'2012-10-17','Statement':{'Effect':'Deny','Action':'*','Resource':'*'}}", NULL,
         0},
    };
    check_rows(rows, SW_ARRAY_LEN(rows));
}

TEST(finds_variables_that_are_none)
{
    static const struct row rows[] = {
        {"{'Statement':{'Effect':'Allow','Action':'ecr:PutImage','Resource':'arn:aws:ecr:*:*:"
         "repository/${aws:username}'}}",
         "warning VARIABLE_IS_TEXT", 0},
        {"{'Statement':{'Effect':'Allow','Action':'ecr:PutImage'" ON_REPO WITH(
             "'StringEquals':{'aws:userid':'${aws:username}'}") "}}",
         "VARIABLE_IS_TEXT", 0},
        {DOC("'Action':'ecr:PutImage','Resource':'arn:aws:ecr:${aws:RequestedRegion}:*:repository/"
             "a'"),
         "note VARIABLE_BEFORE_RESOURCE", 0},
    };
    check_rows(rows, SW_ARRAY_LEN(rows));
}

TEST(patterns_meet_when_some_text_matches_both)
{
    static const struct {
        const char *a, *b;
        bool want;
    } rows[] = {
        {"", "", true},          {"*", "", true},          {"*", "*", true},
        {"a", "a", true},        {"a", "b", false},        {"a*", "*b", true},
        {"a*c", "ab*", true},    {"a*c", "b*", false},     {"a?c", "abc", true},
        {"a?c", "abbc", false},  {"*x*", "*y*", true},     {"a*", "b*", false},
        {"ab", "a", false},      {"a*", "a", true},        {"a", "a*", true},
        {"${x:y}b", "ab", true}, {"r/*", "role/*", false}, {"ro?e/a", "role/*", true},
        {"?", "", false},        {"*?", "a", true},
    };
    for (size_t i = 0; i < SW_ARRAY_LEN(rows); i++) {
        CHECK_MSG(policy_patterns_meet(rows[i].a, rows[i].b) == rows[i].want, "%s and %s",
                  rows[i].a, rows[i].b);
        CHECK_MSG(policy_patterns_meet(rows[i].b, rows[i].a) == rows[i].want, "%s and %s",
                  rows[i].b, rows[i].a);
    }
}

TEST(knows_actions)
{
    struct policy_action_info info;
    char near[64];
    CHECK(policy_action_find(sw_str("ECR:getauthorizationtoken"), &info));
    CHECK(sw_str_eq_z(info.name, "GetAuthorizationToken") && !info.resources);
    CHECK(policy_action_find(sw_str("ecs:RunTask"), &info));
    CHECK_CONTAINS(info.resources, "task-definition/*");
    CHECK_CONTAINS(info.keys, "ecs:cluster");
    CHECK(!policy_action_find(sw_str("ecr:PutImag"), &info));
    CHECK(!policy_action_find(sw_str("PutImage"), &info));
    CHECK_EQ_UINT(policy_actions_matching(sw_str("ecr:*LayerUpload"), NULL, NULL), 2);
    CHECK(policy_actions_matching(sw_str("*"), NULL, NULL) > 350);
    CHECK_EQ_UINT(policy_actions_matching(sw_str("s3:*"), NULL, NULL), 0);
    CHECK(policy_action_nearest(sw_str("iam:PasRole"), near, sizeof(near)));
    CHECK_EQ_STR(near, "iam:PassRole");
    CHECK(!policy_action_nearest(sw_str("s3000:GetObject"), near, sizeof(near)));
    CHECK(policy_service_known(sw_str("ECS")) && !policy_service_known(sw_str("s3")));
}

TEST(bounds_its_work_on_long_patterns)
{
    char a[1000], b[1000];
    memset(a, '*', sizeof(a) - 1);
    memset(b, 'x', sizeof(b) - 1);
    a[sizeof(a) - 1] = b[sizeof(b) - 1] = 0;
    CHECK(policy_patterns_meet(a, b));
}
