/* SPDX-License-Identifier: Apache-2.0 */
#include "auth/principal.h"

#include "tests/lib/test.h"

TEST(kinds_have_names_both_ways)
{
    static const char *const names[PRINCIPAL_MAX_] = {"anonymous", "user", "admin",    "node",
                                                      "root",      "role", "federated"};

    for (int i = 0; i < PRINCIPAL_MAX_; i++) {
        enum principal_kind k = PRINCIPAL_MAX_;
        CHECK_EQ_STR(principal_kind_to_string((enum principal_kind)i), names[i]);
        CHECK(principal_kind_from_string(names[i], &k));
        CHECK_EQ_INT(k, i);
    }
}

TEST(unknown_kind_is_refused)
{
    enum principal_kind k = PRINCIPAL_NODE;

    CHECK(!principal_kind_from_string("nobody", &k));
    CHECK(!principal_kind_from_string("", &k));
    CHECK(!principal_kind_from_string("Admin", &k));
    CHECK(!principal_kind_from_string(NULL, &k));
    CHECK_EQ_INT(k, PRINCIPAL_NODE);
}

TEST(anonymous_is_nobody)
{
    struct principal p = principal_anonymous();

    CHECK_EQ_INT(p.kind, PRINCIPAL_ANONYMOUS);
    CHECK_EQ_STR(p.arn, "");
    CHECK_EQ_STR(p.account, "");
    CHECK_EQ_STR(p.user_id, "");
}
