/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/core/lifecycle_policy.h"

#include "base/alloc.h"
#include "base/buf.h"
#include "base/macros.h"
#include "tests/lib/test.h"

#define INVALID "InvalidParameterException"
#define FRAME   "Invalid parameter at 'LifecyclePolicyText' failed to satisfy constraint"

static void done(struct lifecycle_policy *p)
{
    lifecycle_policy_done(p);
}
#define autopolicy SW_CLEANUP(done) struct lifecycle_policy

static char *rule(int priority, const char *selection)
{
    return sw_asprintf("{\"rulePriority\":%d,\"selection\":{%s},\"action\":{\"type\":\"expire\"}}",
                       priority, selection);
}

#define COUNT  "\"countType\":\"imageCountMoreThan\",\"countNumber\":3"
#define PUSHED "\"countType\":\"sinceImagePushed\",\"countUnit\":\"days\",\"countNumber\":3"
#define ANY    "\"tagStatus\":\"any\","
#define NONE   "\"tagStatus\":\"untagged\","
#define TAGGED "\"tagStatus\":\"tagged\","

static void check_bad(const char *text, const char *message)
{
    struct sw_err err = SW_ERR_INIT;
    struct lifecycle_policy p;
    int r = lifecycle_policy_parse(sw_str(text), &p, &err);
    CHECK_MSG(r == SW_EINVALID && sw_streq(err.reason, INVALID), "%s", text);
    CHECK_CONTAINS(err.msg, FRAME);
    CHECK_CONTAINS(err.msg, message);
}

static void check_bad_rules(const char *a, const char *b, const char *message)
{
    sw_autofree char *text = sw_asprintf("{\"rules\":[%s%s%s]}", a, b ? "," : "", b ? b : "");
    check_bad(text, message);
}

static void check_bad_selection(const char *selection, const char *message)
{
    sw_autofree char *one = rule(1, selection);
    check_bad_rules(one, NULL, message);
}

TEST(reads_the_whole_grammar)
{
    static const char text[] =
        "{\"rules\":["
        "{\"rulePriority\":30,\"selection\":{\"tagStatus\":\"any\",\"storageClass\":\"standard\","
        "\"countType\":\"sinceImagePulled\",\"countUnit\":\"days\",\"countNumber\":90},"
        "\"action\":{\"type\":\"expire\"}},"
        "{\"rulePriority\":2,\"description\":\"d\",\"selection\":{\"tagStatus\":\"tagged\","
        "\"tagPatternList\":[\"v*\",\"*rc*\"],\"countType\":\"imageCountMoreThan\","
        "\"countNumber\":5},\"action\":{\"type\":\"expire\"}},"
        "{\"rulePriority\":7,\"selection\":{\"tagStatus\":\"untagged\",\"countType\":"
        "\"sinceImagePushed\",\"countUnit\":\"days\",\"countNumber\":1},\"action\":{\"type\":"
        "\"expire\"}}]}";
    struct sw_err err = SW_ERR_INIT;
    autopolicy p;
    CHECK_OK(lifecycle_policy_parse(sw_str(text), &p, &err));
    CHECK_EQ_UINT(p.n, 3);
    CHECK_EQ_INT(p.rules[0].priority, 2);
    CHECK_EQ_INT(p.rules[0].status, LIFECYCLE_TAGGED);
    CHECK(!p.rules[0].prefixes);
    CHECK_EQ_UINT(p.rules[0].tags_n, 2);
    CHECK_EQ_INT(p.rules[0].count, LIFECYCLE_MORE_THAN);
    CHECK_EQ_INT(p.rules[0].number, 5);
    CHECK_EQ_INT(p.rules[1].status, LIFECYCLE_UNTAGGED);
    CHECK_EQ_INT(p.rules[1].count, LIFECYCLE_SINCE_PUSHED);
    CHECK_EQ_INT(p.rules[2].status, LIFECYCLE_ANY);
    CHECK_EQ_INT(p.rules[2].count, LIFECYCLE_SINCE_PULLED);
    CHECK_EQ_INT(p.rules[2].number, 90);
}

TEST(says_what_is_wrong_with_a_member)
{
    check_bad("{", "line 1");
    check_bad("[]", "must be an object");
    check_bad("{\"rules\":[],\"rule\":1}", "did you mean \"rules\"");
    check_bad("{\"rules\":[]}", "1 to 50 rules");
    check_bad("{\"rules\":[3]}", "rules[0] must be an object");
    check_bad("{\"rules\":[{}]}", "\"rulePriority\" is missing");
    check_bad("{\"rules\":[{\"rulePriority\":0}]}", "integer from 1");
    check_bad("{\"rules\":[{\"rulePriority\":1.5}]}", "integer from 1");
    check_bad("{\"rules\":[{\"rulePriority\":1}]}", "\"selection\" is missing");
    check_bad_selection("", "\"tagStatus\" is missing");
    check_bad_selection("\"tagStatus\":\"Tagged\"", "one of \"tagged\", \"untagged\", \"any\"");
    check_bad_selection(ANY "\"countType\":\"x\"", "\"imageCountMoreThan\", \"sinceImagePushed\"");
    check_bad_selection(ANY "\"countType\":\"imageCountMoreThan\"", "\"countNumber\" is missing");
    check_bad_selection(ANY "\"countNumbers\":1", "did you mean \"countNumber\"");
}

TEST(says_which_members_do_not_go_together)
{
    check_bad_selection(TAGGED COUNT, "needs \"tagPatternList\" or \"tagPrefixList\"");
    check_bad_selection(NONE "\"tagPrefixList\":[\"a\"]," COUNT, "goes only with");
    check_bad_selection(ANY "\"tagPatternList\":[\"a\"]," COUNT, "goes only with");
    check_bad_selection(TAGGED "\"tagPatternList\":[\"a\"],\"tagPrefixList\":[\"a\"]," COUNT,
                        "exclude each other");
    check_bad_selection(TAGGED "\"tagPatternList\":[]," COUNT, "a list of 1 to");
    check_bad_selection(TAGGED "\"tagPatternList\":[1]," COUNT, "a list of strings");
    check_bad_selection(TAGGED "\"tagPatternList\":[\"*a*b*c*d*\"]," COUNT, "5 wildcards");
    check_bad_selection(TAGGED "\"tagPrefixList\":[\"a*\"]," COUNT, "no tag has");
    check_bad_selection(ANY "\"countUnit\":\"days\"," COUNT, "\"countUnit\" does not go with");
    check_bad_selection(ANY "\"countType\":\"sinceImagePushed\",\"countNumber\":1",
                        "needs \"countUnit\"");
    check_bad_selection(ANY "\"countType\":\"sinceImagePulled\",\"countUnit\":\"hours\","
                            "\"countNumber\":1",
                        "must be one of \"days\"");
    check_bad_selection(ANY "\"countType\":\"sinceImageTransitioned\",\"countUnit\":\"days\","
                            "\"countNumber\":1",
                        "needs \"storageClass\" \"archive\"");
    check_bad_selection(ANY "\"storageClass\":\"archive\"," COUNT, "goes only with \"countType\"");
}

TEST(says_what_is_wrong_with_an_action)
{
    static const char head[] = "{\"rulePriority\":1,\"selection\":{" ANY COUNT "}";
    static const struct {
        const char *action, *message;
    } cases[] = {
        {"", "\"action\" is missing"},
        {",\"action\":1", "\"action\" must be an object"},
        {",\"action\":{}", "\"type\" is missing"},
        {",\"action\":{\"type\":\"delete\"}", "one of \"expire\", \"transition\""},
        {",\"action\":{\"type\":\"transition\"}", "needs \"targetStorageClass\""},
        {",\"action\":{\"type\":\"expire\",\"targetStorageClass\":\"archive\"}", "goes only with"},
    };
    for (size_t i = 0; i < SW_ARRAY_LEN(cases); i++) {
        sw_autofree char *one = sw_asprintf("%s%s}", head, cases[i].action);
        check_bad_rules(one, NULL, cases[i].message);
    }
}

TEST(says_which_rules_cannot_stand_beside_each_other)
{
    sw_autofree char *any1 = rule(1, ANY COUNT), *any2 = rule(2, ANY COUNT);
    sw_autofree char *none1 = rule(1, NONE COUNT), *none3 = rule(3, NONE PUSHED);
    sw_autofree char *ab = rule(1, TAGGED "\"tagPrefixList\":[\"a\",\"b\"]," COUNT);
    sw_autofree char *ba = rule(4, TAGGED "\"tagPrefixList\":[\"b\",\"a\"]," PUSHED);
    check_bad_rules(any1, none1, "the rulePriority 1 is given twice");
    check_bad_rules(any2, none3, "it must have the highest of all");
    check_bad_rules(any1, any2, "it must have the highest of all");
    check_bad_rules(none1, none3, "only one rule may select untagged images");
    check_bad_rules(ab, ba, "the same list of tags");
}

TEST(has_limits)
{
    struct sw_buf b = SW_BUF_INIT(100000);
    (void)sw_buf_addf(&b, "{\"rules\":[");
    for (int i = 1; i <= 51; i++) {
        sw_autofree char *one =
            sw_asprintf("\"tagStatus\":\"tagged\",\"tagPrefixList\":[\"p%d\"]," COUNT, i);
        sw_autofree char *text = rule(i, one);
        (void)sw_buf_addf(&b, "%s%s", i > 1 ? "," : "", text);
    }
    (void)sw_buf_addf(&b, "]}");
    check_bad(b.p, "1 to 50 rules");
    sw_buf_done(&b);
}

TEST(refuses_archive_storage_by_name)
{
    static const char *const texts[] = {
        "{\"rules\":[{\"rulePriority\":9,\"selection\":{" ANY PUSHED "},\"action\":{\"type\":"
        "\"transition\",\"targetStorageClass\":\"archive\"}}]}",
        "{\"rules\":[{\"rulePriority\":9,\"selection\":{" ANY
        "\"storageClass\":\"archive\",\"countType\":\"sinceImageTransitioned\",\"countUnit\":"
        "\"days\",\"countNumber\":90},\"action\":{\"type\":\"expire\"}}]}",
    };
    for (size_t i = 0; i < SW_ARRAY_LEN(texts); i++) {
        struct sw_err err = SW_ERR_INIT;
        struct lifecycle_policy p;
        CHECK_EQ_INT(lifecycle_policy_parse(sw_str(texts[i]), &p, &err), SW_EUNSUPPORTED);
        CHECK_CONTAINS(err.msg, "rulePriority 9");
        CHECK_CONTAINS(err.msg, "archive");
    }
}

TEST(a_star_stands_for_any_run_of_characters)
{
    static const struct {
        const char *pattern, *text;
        bool want;
    } cases[] = {
        {"a", "a", true},       {"a", "ab", false},
        {"a*", "abc", true},    {"*", "", true},
        {"*b", "ab", true},     {"*b", "abc", false},
        {"a*c", "abbc", true},  {"*test*1*2*3", "xtest-1-2-3", true},
        {"a*b*a", "aba", true}, {"a*b*a", "ab", false},
        {"*a*", "bbb", false},  {"**", "x", true},
        {"a*ab", "aab", true},  {"a*ab", "aaabab", true},
    };
    for (size_t i = 0; i < SW_ARRAY_LEN(cases); i++)
        CHECK_MSG(lifecycle_pattern_matches(cases[i].pattern, cases[i].text) == cases[i].want,
                  "%s %s", cases[i].pattern, cases[i].text);
}

TEST(each_prefix_or_pattern_must_match_some_tag)
{
    const char *tags[] = {"prod-1", "v2", "v3"};
    char *want[] = {"prod", "v3"}, *both[] = {"prod*", "x*"};
    struct lifecycle_rule r = {
        .status = LIFECYCLE_TAGGED, .prefixes = true, .tags = want, .tags_n = 2};
    CHECK(lifecycle_rule_matches(&r, tags, 3));
    CHECK(!lifecycle_rule_matches(&r, tags, 2));
    r.prefixes = false;
    r.tags = both;
    CHECK(!lifecycle_rule_matches(&r, tags, 3));
    r.tags_n = 1;
    CHECK(lifecycle_rule_matches(&r, tags, 3));
    CHECK(!lifecycle_rule_matches(&r, NULL, 0));
    r.status = LIFECYCLE_UNTAGGED;
    CHECK(lifecycle_rule_matches(&r, NULL, 0));
    CHECK(!lifecycle_rule_matches(&r, tags, 1));
    r.status = LIFECYCLE_ANY;
    CHECK(lifecycle_rule_matches(&r, tags, 1) && lifecycle_rule_matches(&r, NULL, 0));
}
