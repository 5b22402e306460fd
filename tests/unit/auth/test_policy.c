/* SPDX-License-Identifier: Apache-2.0 */
#include "auth/policy.h"

#include "base/macros.h"
#include "tests/lib/test.h"

#define REPO "arn:aws:ecr:us-east-1:000000000000:repository/team/app"

static const struct policy_context here = {.account = "000000000000"};
static const struct policy_context elsewhere = {.account = "111111111111"};

static enum policy_decision decide(const struct principal *p, const char *action,
                                   const char *resource, const struct policy_context *ctx)
{
    struct sw_err err = SW_ERR_INIT;
    return may(NULL, p, action, resource, ctx, &err) == 0 ? POLICY_ALLOW : POLICY_IMPLICIT_DENY;
}

static struct principal someone(enum principal_kind kind)
{
    return (struct principal){.kind = kind,
                              .account = "000000000000",
                              .arn = "arn:aws:iam::000000000000:user/ann",
                              .user_id = "AIDAX"};
}

TEST(decides_by_table)
{
    static const struct {
        enum principal_kind kind;
        const char *action;
        enum policy_decision want;
    } rows[] = {
        {PRINCIPAL_ADMIN, "ecr:DeleteRepository", POLICY_ALLOW},
        {PRINCIPAL_ADMIN, "ecs:RunTask", POLICY_ALLOW},
        {PRINCIPAL_USER, "ecr:BatchGetImage", POLICY_IMPLICIT_DENY},
        {PRINCIPAL_USER, "ecr:GetAuthorizationToken", POLICY_IMPLICIT_DENY},
        {PRINCIPAL_ANONYMOUS, "ecr:BatchGetImage", POLICY_IMPLICIT_DENY},
        {PRINCIPAL_NODE, "ecr:GetAuthorizationToken", POLICY_ALLOW},
        {PRINCIPAL_NODE, "ecr:BatchCheckLayerAvailability", POLICY_ALLOW},
        {PRINCIPAL_NODE, "ecr:GetDownloadUrlForLayer", POLICY_ALLOW},
        {PRINCIPAL_NODE, "ecr:BatchGetImage", POLICY_ALLOW},
        {PRINCIPAL_NODE, "ecs:RegisterContainerInstance", POLICY_ALLOW},
        {PRINCIPAL_NODE, "ecs:DeregisterContainerInstance", POLICY_ALLOW},
        {PRINCIPAL_NODE, "ecs:DiscoverPollEndpoint", POLICY_ALLOW},
        {PRINCIPAL_NODE, "ecs:Poll", POLICY_ALLOW},
        {PRINCIPAL_NODE, "ecs:SubmitTaskStateChange", POLICY_ALLOW},
        {PRINCIPAL_NODE, "ecs:SubmitContainerStateChange", POLICY_ALLOW},
        {PRINCIPAL_NODE, "ecs:StartTelemetrySession", POLICY_ALLOW},
        {PRINCIPAL_NODE, "ecr:PutImage", POLICY_IMPLICIT_DENY},
        {PRINCIPAL_NODE, "ecs:RunTask", POLICY_IMPLICIT_DENY},
        {PRINCIPAL_NODE, "ecs:PollX", POLICY_IMPLICIT_DENY},
        {PRINCIPAL_NODE, "ecs:*", POLICY_IMPLICIT_DENY},
    };

    for (size_t i = 0; i < SW_ARRAY_LEN(rows); i++) {
        struct principal p =
            rows[i].kind == PRINCIPAL_ANONYMOUS ? principal_anonymous() : someone(rows[i].kind);
        struct sw_err err = SW_ERR_INIT;
        CHECK_MSG(decide(&p, rows[i].action, REPO, &here) == rows[i].want, "row %zu", i);
        CHECK_EQ_INT(may(NULL, &p, rows[i].action, REPO, &here, &err),
                     rows[i].want == POLICY_ALLOW ? 0 : SW_EDENIED);
    }
}

TEST(nobody_reaches_another_account)
{
    for (int kind = 0; kind < PRINCIPAL_MAX_; kind++) {
        struct principal p = someone((enum principal_kind)kind);
        CHECK_EQ_INT(decide(&p, "ecr:BatchGetImage", "*", &elsewhere), POLICY_IMPLICIT_DENY);
    }
}

TEST(refusals_explain_themselves)
{
    struct sw_err err = SW_ERR_INIT;
    struct principal user = someone(PRINCIPAL_USER), admin = someone(PRINCIPAL_ADMIN),
                     nobody = principal_anonymous();

    CHECK_EQ_INT(may(NULL, &user, "ecr:BatchGetImage", REPO, &here, &err), SW_EDENIED);
    CHECK_EQ_STR(err.reason, "AccessDeniedException");
    CHECK_EQ_STR(err.msg, "User: arn:aws:iam::000000000000:user/ann is not authorized to perform: "
                          "ecr:BatchGetImage on "
                          "resource: " REPO
                          " because no identity-based policy allows the ecr:BatchGetImage action");
    sw_err_clear(&err);
    CHECK_EQ_INT(may(NULL, &nobody, "ecr:BatchGetImage", REPO, &here, &err), SW_EDENIED);
    CHECK_EQ_STR(
        err.msg,
        "User: anonymous is not authorized to perform: ecr:BatchGetImage on resource: " REPO
        " because no resource-based policy allows the ecr:BatchGetImage action");
    sw_err_clear(&err);
    CHECK_EQ_INT(may(NULL, &admin, "ecs:RunTask", "*", &elsewhere, &err), SW_EDENIED);
    CHECK_EQ_STR(err.msg, "User: arn:aws:iam::000000000000:user/ann is not authorized to perform: "
                          "ecs:RunTask on resource: "
                          "* because no resource-based policy allows the ecs:RunTask action");
}

TEST(an_anonymous_caller_of_no_account_gets_nothing_from_no_account)
{
    struct policy_context none = {.account = ""};
    struct principal nobody = principal_anonymous();

    CHECK_EQ_INT(decide(&nobody, "ecr:BatchGetImage", "*", &none), POLICY_IMPLICIT_DENY);
}

TEST(everyone_pulls_what_is_public)
{
    static const char *const pulls[] = {"ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer",
                                        "ecr:BatchCheckLayerAvailability", "ecr:ListImages"};
    static const char *const others[] = {"ecr:PutImage", "ecr:BatchDeleteImage",
                                         "ecr:DescribeRepositories", "ecs:RunTask", "ecr:*"};
    struct policy_context open = here;
    struct principal nobody = principal_anonymous(), user = someone(PRINCIPAL_USER);

    open.resource_public = true;
    for (size_t i = 0; i < SW_ARRAY_LEN(pulls); i++) {
        CHECK_EQ_INT(decide(&nobody, pulls[i], REPO, &open), POLICY_ALLOW);
        CHECK_EQ_INT(decide(&user, pulls[i], REPO, &open), POLICY_ALLOW);
        CHECK_EQ_INT(decide(&nobody, pulls[i], REPO, &here), POLICY_IMPLICIT_DENY);
    }
    for (size_t i = 0; i < SW_ARRAY_LEN(others); i++) {
        CHECK_EQ_INT(decide(&nobody, others[i], REPO, &open), POLICY_IMPLICIT_DENY);
        CHECK_EQ_INT(decide(&user, others[i], REPO, &open), POLICY_IMPLICIT_DENY);
    }
}
