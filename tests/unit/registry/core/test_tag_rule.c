/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/core/tag_rule.h"

#include "base/json.h"
#include "tests/lib/test.h"

TEST(names_of_mutabilities)
{
    for (int i = 0; i < REPO_MUTABILITY_MAX_; i++) {
        enum repo_mutability m = REPO_MUTABILITY_MAX_;
        CHECK(repo_mutability_from_string(sw_str(repo_mutability_to_string(i)), &m));
        CHECK_EQ_INT(m, i);
    }
    enum repo_mutability m;
    CHECK(!repo_mutability_from_string(sw_str("mutable"), &m));
    CHECK(!repo_mutability_from_string(sw_str(""), &m));
}

TEST(filters_match_as_globs)
{
    static const struct {
        const char *filter, *tag;
        bool want;
    } rows[] = {
        {"latest", "latest", true}, {"latest", "latest2", false},
        {"latest", "lates", false}, {"*", "", true},
        {"*", "anything", true},    {"v*", "v1", true},
        {"v*", "v", true},          {"v*", "1v", false},
        {"*-dev", "x-dev", true},   {"*-dev", "x-dev-dev", true},
        {"*-dev", "x-dev1", false}, {"a*b*c", "a1b2c", true},
        {"a*b*c", "abc", true},     {"a*b*c", "acb", false},
        {"a**c", "ac", true},       {"V*", "v1", false},
        {"a.c", "abc", false},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        CHECK_MSG(tag_filter_matches(rows[i].filter, rows[i].tag) == rows[i].want, "%s on %s",
                  rows[i].filter, rows[i].tag);
}

TEST(matching_takes_bounded_time)
{
    char filter[TAG_FILTER_MAX + 1], tag[129];
    for (int i = 0; i < TAG_FILTER_MAX; i++)
        filter[i] = i % 2 ? 'a' : '*';
    filter[TAG_FILTER_MAX] = 0;
    for (int i = 0; i < 128; i++)
        tag[i] = 'a';
    tag[127] = 'b';
    tag[128] = 0;
    for (int i = 0; i < 10000; i++)
        CHECK(!tag_filter_matches(filter, tag));
}

TEST(filters_have_a_grammar)
{
    char longest[TAG_FILTER_MAX + 2] = {0};
    for (int i = 0; i < TAG_FILTER_MAX; i++)
        longest[i] = 'x';
    CHECK(tag_filter_valid(sw_str("v*.-_9Z")));
    CHECK(tag_filter_valid(sw_str(longest)));
    longest[TAG_FILTER_MAX] = 'x';
    CHECK(!tag_filter_valid(sw_str(longest)));
    CHECK(!tag_filter_valid(sw_str("")));
    CHECK(!tag_filter_valid(sw_str("a/b")));
    CHECK(!tag_filter_valid(sw_str("\xc3\xa4")));
    CHECK(!tag_filter_valid(sw_str_n("a\0b", 3)));
}

TEST(what_may_be_moved)
{
    sw_autojson json_t *filters =
        json_pack("[{s:s}, {s:s}]", "filter", "dev-*", "filter", "latest");
    static const struct {
        enum repo_mutability m;
        bool dev, v1;
    } rows[] = {{REPO_MUTABLE, false, false},
                {REPO_IMMUTABLE, true, true},
                {REPO_MUTABLE_WITH_EXCLUSION, true, false},
                {REPO_IMMUTABLE_WITH_EXCLUSION, false, true}};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        CHECK_EQ_INT(tag_is_fixed(rows[i].m, filters, "dev-1"), rows[i].dev);
        CHECK_EQ_INT(tag_is_fixed(rows[i].m, filters, "v1"), rows[i].v1);
        CHECK_EQ_INT(tag_is_fixed(rows[i].m, filters, "latest"), rows[i].dev);
    }
    CHECK(tag_is_fixed(REPO_IMMUTABLE_WITH_EXCLUSION, NULL, "x"));
}
