/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/api/oci_scope.h"

#include "base/macros.h"
#include "tests/lib/test.h"

TEST(parses_by_table)
{
    static const struct {
        const char *text, *name;
        bool ok;
        unsigned rights;
    } rows[] = {
        {"repository:aa:pull", "aa", true, OCI_PULL},
        {"repository:team/app:pull,push", "team/app", true, OCI_PULL | OCI_PUSH},
        {"repository:aa:delete", "aa", true, OCI_DELETE},
        {"repository:aa:*", "aa", true, OCI_PULL | OCI_PUSH | OCI_DELETE},
        {"repository:aa:fly,pull", "aa", true, OCI_PULL},
        {"repository:aa:", "aa", true, 0},
        {"registry:catalog:*", "", true, OCI_CATALOG_LIST},
        {"registry:catalog:pull", "", true, 0},
        {"registry:other:*", "", false, 0},
        {"repository:A:pull", "", false, 0},
        {"repository:../x:pull", "", false, 0},
        {"repository:host:5000/aa:pull", "", false, 0},
        {"repository:a:pull", "", false, 0},
        {"repository::pull", "", false, 0},
        {"repository:aa", "", false, 0},
        {"repository", "", false, 0},
        {"plugin:aaa:pull", "", false, 0},
        {":::", "", false, 0},
        {"", "", false, 0},
    };
    for (size_t i = 0; i < SW_ARRAY_LEN(rows); i++) {
        struct oci_scope s;
        bool ok = oci_scope_parse(sw_str(rows[i].text), &s);
        CHECK_MSG(ok == rows[i].ok, "%s", rows[i].text);
        CHECK_EQ_STR(s.name, rows[i].name);
        CHECK_MSG(s.rights == rows[i].rights, "%s: %u", rows[i].text, s.rights);
    }
}

TEST(formats_what_it_parses)
{
    static const char *const texts[] = {"repository:aa:pull", "repository:team/app:pull,push",
                                        "repository:aa:pull,push,delete", "registry:catalog:*"};
    struct sw_buf all = SW_BUF_INIT(1000);
    for (size_t i = 0; i < SW_ARRAY_LEN(texts); i++) {
        struct sw_buf one = SW_BUF_INIT(1000);
        struct oci_scope s;
        CHECK(oci_scope_parse(sw_str(texts[i]), &s));
        oci_scope_add(&one, &s);
        CHECK_EQ_STR(one.p, texts[i]);
        oci_scope_add(&all, &s);
        sw_buf_done(&one);
    }
    CHECK_EQ_STR(all.p, "repository:aa:pull repository:team/app:pull,push "
                        "repository:aa:pull,push,delete registry:catalog:*");
    struct oci_scope nothing = {.name = "aa"};
    size_t before = all.n;
    oci_scope_add(&all, &nothing);
    CHECK_EQ_INT(all.n, before);
    sw_buf_done(&all);
}

TEST(scopes_allow_what_they_name)
{
    const char *scopes = "repository:aa:pull repository:bb:pull,push registry:catalog:*";
    CHECK(oci_scopes_allow(scopes, "aa", OCI_PULL));
    CHECK(!oci_scopes_allow(scopes, "aa", OCI_PUSH));
    CHECK(oci_scopes_allow(scopes, "bb", OCI_PUSH));
    CHECK(!oci_scopes_allow(scopes, "bb", OCI_DELETE));
    CHECK(!oci_scopes_allow(scopes, "cc", OCI_PULL));
    CHECK(!oci_scopes_allow(scopes, "aa/bb", OCI_PULL));
    CHECK(oci_scopes_allow(scopes, "*", OCI_CATALOG_LIST));
    CHECK(!oci_scopes_allow("repository:aa:*", "*", OCI_CATALOG_LIST));
    CHECK(!oci_scopes_allow("", "aa", OCI_PULL));
}

TEST(every_action_needs_a_right)
{
    CHECK_EQ_INT(oci_right_of("ecr:BatchGetImage"), OCI_PULL);
    CHECK_EQ_INT(oci_right_of("ecr:ListImages"), OCI_PULL);
    CHECK_EQ_INT(oci_right_of("ecr:PutImage"), OCI_PUSH);
    CHECK_EQ_INT(oci_right_of("ecr:CreateRepository"), OCI_PUSH);
    CHECK_EQ_INT(oci_right_of("ecr:BatchDeleteImage"), OCI_DELETE);
    CHECK_EQ_INT(oci_right_of("ecr:DescribeRepositories"), OCI_CATALOG_LIST);
}
