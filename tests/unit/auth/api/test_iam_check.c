/* SPDX-License-Identifier: Apache-2.0 */
/* The patterns of the model as functions, and the table of operations. */
#include "auth/api/iam.h"
#include "auth/api/iam_schema.h"
#include "base/macros.h"
#include "tests/lib/test.h"

struct row {
    bool (*check)(const char *);
    const char *text;
    bool want;
};

TEST(patterns)
{
    static const struct row rows[] = {
        {iam_is_name, "a+=,.@-_Z9", true},
        {iam_is_name, "", false},
        {iam_is_name, "a b", false},
        {iam_is_name, "a/b", false},
        {iam_is_name, "\xc3\xa9", false},
        {iam_is_word, "AKIA_1", true},
        {iam_is_word, "a-b", false},
        {iam_is_path, "/", true},
        {iam_is_path, "/a/b/", true},
        {iam_is_path, "/a", false},
        {iam_is_path, "a/", false},
        {iam_is_path, "", false},
        {iam_is_path_prefix, "/a", true},
        {iam_is_path_prefix, "/a b", false},
        {iam_is_policy_path, "/a.b/", true},
        {iam_is_policy_path, "//", false},
        {iam_is_policy_path, "/a!/", false},
        {iam_is_version, "v1", true},
        {iam_is_version, "v120", true},
        {iam_is_version, "v0", false},
        {iam_is_version, "1", false},
        {iam_is_version, "v1x", false},
        {iam_is_version, "v99999999999999999999", false},
        {iam_is_alias, "our-place", true},
        {iam_is_alias, "-a", false},
        {iam_is_alias, "a--b", false},
        {iam_is_alias, "A", false},
        {iam_is_tag, "k: \xe5\x90\x8d", true},
        {iam_is_tag, "", true},
        {iam_is_tag, "a*b", false},
        {iam_is_tag, "a\nb", false},
        {iam_is_description, "runs \xe2\x82\xac\n", true},
        {iam_is_description, "\x01", false},
        {iam_is_document, "{\"a\":\"\xc3\xa9\"}\t\r\n", true},
        {iam_is_document, "\xe2\x82\xac", false},
        {iam_is_document, "\x02", false},
    };

    for (size_t i = 0; i < SW_ARRAY_LEN(rows); i++)
        CHECK_MSG(rows[i].check(rows[i].text) == rows[i].want, "row %zu: '%s'", i, rows[i].text);
}

TEST(operations_are_sorted_and_named_once)
{
    struct iam_api_options o = {0};
    struct iam_api *a = iam_api_new(&o);
    struct aws_service s = iam_aws_service(a);

    CHECK(s.ops_n >= 100);
    for (size_t i = 1; i < s.ops_n; i++)
        CHECK_MSG(strcmp(s.ops[i - 1].name, s.ops[i].name) < 0, "%s", s.ops[i].name);
    for (size_t i = 0; i < s.ops_n; i++) {
        CHECK_EQ_STR(s.ops[i].action + 4, s.ops[i].name);
        for (const char *const *u = s.unimplemented; *u; u++)
            CHECK_MSG(strcmp(*u, s.ops[i].name) != 0, "%s", *u);
    }
    iam_api_free(a);
}
