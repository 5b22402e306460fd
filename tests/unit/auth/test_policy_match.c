/* SPDX-License-Identifier: Apache-2.0 */
#include "auth/policy_match.h"

#include "base/buf.h"
#include "base/clock.h"
#include "tests/unit/auth/policy_util.h"

static enum policy_match match(struct world *w, const char *pattern, const char *text, bool nocase)
{
    struct sw_arena arena = {0};
    struct policy_glob g;
    struct policy_vars vars = {world_key, w};
    const char *problem =
        policy_glob_compile(&arena, sw_str(pattern), POLICY_GLOB_WILDCARDS | POLICY_GLOB_VARS, &g);
    CHECK_MSG(!problem, "%s: %s", pattern, problem);
    enum policy_match m = policy_glob_match(&g, sw_str(text), nocase, &vars);
    sw_arena_done(&arena);
    return m;
}

TEST(matches_globs)
{
    static const struct {
        const char *pattern, *text;
        bool want;
    } rows[] = {
        {"", "", true},
        {"", "a", false},
        {"*", "", true},
        {"*", "abc", true},
        {"a", "a", true},
        {"a", "A", false},
        {"a*", "a", true},
        {"a*", "abc", true},
        {"*c", "abc", true},
        {"*c", "abd", false},
        {"a*c", "abbc", true},
        {"a*b*c", "aXbYc", true},
        {"a*b*c", "acb", false},
        {"?", "a", true},
        {"?", "", false},
        {"??", "a", false},
        {"a?c", "abc", true},
        {"?", "ä", true},
        {"??", "ä", false},
        {"a?c",
         "a\xf0\x9f\x9a\xa2"
         "c",
         true},
        {"*?", "a", true},
        {"*?", "", false},
        {"?*?", "ab", true},
        {"?*?", "a", false},
        {"**", "x", true},
        {"*ab", "aab", true},
        {"*aab", "aaab", true},
        {"${*}", "*", true},
        {"${*}", "x", false},
        {"${?}a", "?a", true},
        {"${$}{x}", "${x}", true},
        {"$", "$", true},
        {"a$b", "a$b", true},
        {"[a]", "[a]", true},
        {"a.c", "abc", false},
        {"\\*", "\\x", true},
    };
    struct world w;
    world_init(&w);
    for (size_t i = 0; i < SW_ARRAY_LEN(rows); i++)
        CHECK_MSG((match(&w, rows[i].pattern, rows[i].text, false) == POLICY_MATCH) == rows[i].want,
                  "%s on %s", rows[i].pattern, rows[i].text);
    CHECK(match(&w, "ECR:put*", "ecr:PutImage", true) == POLICY_MATCH);
    CHECK(match(&w, "ECR:put*", "ecr:GetImage", true) == POLICY_NO_MATCH);
}

TEST(replaces_variables)
{
    static const struct {
        const char *pattern, *text;
        enum policy_match want;
    } rows[] = {
        {"${aws:username}", "ann", POLICY_MATCH},
        {"${AWS:UserName}", "ann", POLICY_MATCH},
        {"${ aws:username }", "ann", POLICY_MATCH},
        {"${aws:username}", "bob", POLICY_NO_MATCH},
        {"a/${aws:username}/*", "a/ann/x", POLICY_MATCH},
        {"*${aws:username}*${aws:username}", "xannyann", POLICY_MATCH},
        {"*${aws:username}*${aws:username}", "xanny", POLICY_NO_MATCH},
        {"${aws:nobody}", "ann", POLICY_UNRESOLVED},
        {"x${aws:nobody}", "ann", POLICY_NO_MATCH},
        {"a${aws:nobody}n", "ann", POLICY_UNRESOLVED},
        {"${aws:nobody}${aws:username}", "xann", POLICY_UNRESOLVED},
        {"${aws:nobody, 'ann'}", "ann", POLICY_MATCH},
        {"${aws:nobody,'ann'}", "ann", POLICY_MATCH},
        {"${aws:nobody, ''}", "", POLICY_MATCH},
        {"${aws:username, 'bob'}", "bob", POLICY_NO_MATCH},
        {"${aws:PrincipalTag/wild}", "abc", POLICY_NO_MATCH},
        {"${aws:PrincipalTag/wild}", "a*c", POLICY_MATCH},
        {"${aws:TagKeys}", "a", POLICY_UNRESOLVED},
        {"${aws:TagKeys, 'a'}", "a", POLICY_UNRESOLVED},
    };
    struct world w;
    world_init(&w);
    world_context(&w, "aws:username=ann;aws:PrincipalTag/wild=a*c;aws:TagKeys=[a]");
    for (size_t i = 0; i < SW_ARRAY_LEN(rows); i++)
        CHECK_MSG(match(&w, rows[i].pattern, rows[i].text, false) == rows[i].want, "%s on %s",
                  rows[i].pattern, rows[i].text);
}

TEST(refuses_broken_variables)
{
    struct sw_arena arena = {0};
    struct policy_glob g;
    SW_CLEANUP(sw_buf_done) struct sw_buf many = SW_BUF_INIT(4096);
    static const char *const bad[] = {"${",      "a${aws:username", "${}",    "${ }",
                                      "${a, b}", "${a, 'b}",        "${,'x'}"};
    for (size_t i = 0; i < SW_ARRAY_LEN(bad); i++)
        CHECK_MSG(policy_glob_compile(&arena, sw_str(bad[i]), POLICY_GLOB_VARS, &g), "%s", bad[i]);
    CHECK_NULL(policy_glob_compile(&arena, sw_str("${"), POLICY_GLOB_WILDCARDS, &g));
    for (int i = 0; i <= POLICY_GLOB_VARIABLES; i++)
        sw_buf_add_z(&many, "${a:b}");
    CHECK_NOT_NULL(policy_glob_compile(&arena, sw_buf_str(&many), POLICY_GLOB_VARS, &g));
    sw_arena_done(&arena);
}

TEST(matches_arns_part_by_part)
{
    static const struct {
        const char *pattern, *arn;
        bool want;
    } rows[] = {
        {"*", REPO, true},
        {"*", "*", true},
        {"arn:aws:ecr:*", "*", false},
        {REPO, REPO, true},
        {"arn:aws:ecr:us-east-1:111111111111:repository/*", REPO, true},
        {"arn:aws:ecr:*:111111111111:repository/team/*", REPO, true},
        {"arn:aws:ecr:*:*:*", REPO, true},
        {"arn:aws:ecr:us-*-1:1?1111111111:repository/team/app", REPO, true},
        {"arn:aws:ecr:us-east-1:*:repository/team/app", REPO, true},
        {"arn:aws:ecr:*:repository/team/app", REPO, false},
        {"arn:aws:ecr:*repository/team/app", REPO, false},
        {"arn:aws:ecr", REPO, true},
        {"arn:aws:ecr:", REPO, false},
        {"arn:aws:ecr:us-east-1", REPO, true},
        {"arn:aws:ecs", REPO, false},
        {"arn:*:*:*:*:*", REPO, true},
        {"arn:aws:ecr:us-east-1:111111111111:repository/Team/app", REPO, false},
        {"arn:aws:ecr:us-east-1:111111111111:repository*app", REPO, true},
        {"arn:aws:iam::111111111111:role/a", "arn:aws:iam::111111111111:role/a", true},
        {"arn:aws:iam:us-east-1:111111111111:role/a", "arn:aws:iam::111111111111:role/a", false},
        {"arn:aws:ecs:*:*:task-definition/web:*", "arn:aws:ecs:us-east-1:1:task-definition/web:7",
         true},
        {"arn:aws:ecs:*:*:task-definition/w*7", "arn:aws:ecs:us-east-1:1:task-definition/web:7",
         true},
    };
    for (size_t i = 0; i < SW_ARRAY_LEN(rows); i++) {
        struct sw_arena arena = {0};
        struct policy_arn_glob g;
        struct policy_arn_text arn;
        CHECK_NULL(policy_arn_compile(&arena, sw_str(rows[i].pattern), true, &g));
        policy_arn_split(sw_str(rows[i].arn), &arn);
        CHECK_MSG((policy_arn_match(&g, &arn, NULL) == POLICY_MATCH) == rows[i].want, "%s on %s",
                  rows[i].pattern, rows[i].arn);
        sw_arena_done(&arena);
    }
}

TEST(a_part_that_differs_decides_before_a_variable_without_value)
{
    struct sw_arena arena = {0};
    struct policy_arn_glob g;
    struct policy_arn_text arn;
    policy_arn_split(sw_str(REPO), &arn);
    CHECK_NULL(policy_arn_compile(&arena, sw_str("arn:aws:ecr:*:*:repository/${aws:x}"), true, &g));
    CHECK(policy_arn_match(&g, &arn, NULL) == POLICY_UNRESOLVED);
    CHECK_NULL(policy_arn_compile(&arena, sw_str("arn:aws:ecs:*:*:repository/${aws:x}"), true, &g));
    CHECK(policy_arn_match(&g, &arn, NULL) == POLICY_NO_MATCH);
    sw_arena_done(&arena);
}

TEST(splits_arns)
{
    struct policy_arn_text arn;
    policy_arn_split(sw_str("arn:aws:ecs:r:1:task-definition/web:7"), &arn);
    CHECK(arn.valid && sw_str_eq_z(arn.part[5], "task-definition/web:7") &&
          sw_str_eq_z(arn.part[3], "r"));
    static const char *const bad[] = {"", "*", "arn", "arn:", "arn:a:b:c:d", "urn:a:b:c:d:e"};
    for (size_t i = 0; i < SW_ARRAY_LEN(bad); i++) {
        policy_arn_split(sw_str(bad[i]), &arn);
        CHECK_MSG(!arn.valid, "%s", bad[i]);
    }
}

TEST(stars_cost_no_exponential_time)
{
    char pattern[256] = "", text[2001];
    struct world w;
    world_init(&w);
    for (int i = 0; i < 60; i++)
        memcpy(pattern + i * 2, "a*", 3);
    memcpy(pattern + 120, "b", 2);
    memset(text, 'a', sizeof(text) - 1);
    text[sizeof(text) - 1] = 0;
    int64_t start = sw_mono_ms();
    CHECK(match(&w, pattern, text, false) == POLICY_NO_MATCH);
    CHECK(sw_mono_ms() - start < 60000);
}
