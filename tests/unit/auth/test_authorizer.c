/* SPDX-License-Identifier: Apache-2.0 */
#include "auth/authorizer.h"

#include <strings.h>

#include "base/buf.h"
#include "tests/unit/auth/world.h"

#define OTHER "111111111111"
#define REPO  "arn:aws:ecr:us-east-1:000000000000:repository/team/app"
#define NOW   1700000000000000LL

struct setting {
    struct world w;
    struct authorizer *a;
    struct principal ann;
};

static void setting_done(struct setting *s)
{
    authorizer_free(s->a);
    world_close(&s->w);
}

#define autosetting SW_CLEANUP(setting_done) struct setting

/* Ann has one inline policy. */
static void open_with(struct setting *s, const char *statement)
{
    struct sw_err err = SW_ERR_INIT;
    char text[1000];

    world_open(&s->w);
    struct authorizer_options o = {.identity = s->w.id};
    s->a = authorizer_new(&o);
    world_add(&s->w, "ann", PRINCIPAL_USER, &s->ann);
    (void)snprintf(text, sizeof(text), "{\"Version\":\"2012-10-17\",\"Statement\":[%s]}",
                   statement);
    CHECK_OK(directory_put_inline(s->w.id, IAM_USER, ACCOUNT, "ann", "own", text, &err));
}

static bool allowed(struct setting *s, const struct policy_context *ctx)
{
    struct sw_err err = SW_ERR_INIT;
    return may(s->a, &s->ann, "ecr:PutImage", REPO, ctx, &err) == 0;
}

/* Allowed under one condition. */
#define IF(condition) \
    "{\"Effect\":\"Allow\",\"Action\":\"*\",\"Resource\":\"*\",\"Condition\":{" condition "}}"

TEST(global_keys)
{
    static const struct {
        const char *condition;
        bool want;
    } rows[] = {
        {"\"StringEquals\":{\"aws:PrincipalAccount\":\"000000000000\"}", true},
        {"\"StringEquals\":{\"AWS:principaltype\":\"User\"}", true},
        {"\"StringEquals\":{\"aws:username\":\"ann\"}", true},
        {"\"StringLike\":{\"aws:userid\":\"AIDA*\"}", true},
        {"\"ArnEquals\":{\"aws:PrincipalArn\":\"arn:aws:iam::000000000000:user/ann\"}", true},
        {"\"IpAddress\":{\"aws:SourceIp\":\"10.0.0.0/8\"}", true},
        {"\"NotIpAddress\":{\"aws:SourceIp\":\"10.0.0.0/8\"}", false},
        {"\"Bool\":{\"aws:SecureTransport\":\"true\"}", true},
        {"\"DateLessThan\":{\"aws:CurrentTime\":\"2023-11-15T00:00:00Z\"}", true},
        {"\"NumericEquals\":{\"aws:EpochTime\":\"1700000000\"}", true},
        {"\"StringEquals\":{\"aws:RequestedRegion\":\"eu-west-1\"}", true},
        {"\"StringLike\":{\"aws:UserAgent\":\"aws-cli/*\"}", true},
        {"\"StringEquals\":{\"aws:ResourceAccount\":\"000000000000\"}", true},
        {"\"Null\":{\"aws:MultiFactorAuthPresent\":\"true\"}", true},
        {"\"Null\":{\"aws:PrincipalTag/none\":\"true\"}", true},
        {"\"Null\":{\"aws:SourceArn\":\"true\"}", true},
        {"\"StringEquals\":{\"aws:username\":\"bob\"}", false},
    };
    const struct policy_context ctx = {.account = ACCOUNT,
                                       .source_ip = "10.1.2.3",
                                       .secure_transport = true,
                                       .region = "eu-west-1",
                                       .user_agent = "aws-cli/2.9",
                                       .now_us = NOW};

    autosetting s = {0};
    open_with(&s, IF("\"Bool\":{\"aws:SecureTransport\":\"true\"}"));
    for (size_t i = 0; i < SW_ARRAY_LEN(rows); i++) {
        struct sw_err err = SW_ERR_INIT;
        char text[600];
        (void)snprintf(
            text, sizeof(text),
            "{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"Action\":"
            "\"*\",\"Resource\":\"*\",\"Condition\":{%s}}]}",
            rows[i].condition);
        CHECK_OK(directory_put_inline(s.w.id, IAM_USER, ACCOUNT, "ann", "own", text, &err));
        CHECK_MSG(allowed(&s, &ctx) == rows[i].want, "row %zu: %s", i, rows[i].condition);
    }
}

static const struct policy_key *more(void *ctx, const char *name)
{
    static const char *const values[] = {"yes"};
    static const struct policy_key key = {"ecr:ResourceTag/public", values, 1, false};

    ++*(int *)ctx;
    return strcasecmp(name, key.name) == 0 ? &key : NULL;
}

TEST(the_services_keys_win_and_are_asked_late)
{
    static const char *const bob[] = {"bob"};
    const struct policy_key own = {"AWS:UserName", bob, 1, false};
    autosetting s = {0};
    int asked = 0;
    struct policy_context ctx = {.account = ACCOUNT, .more = more, .more_ctx = &asked};

    open_with(&s, IF("\"StringEquals\":{\"ecr:ResourceTag/public\":\"yes\"}"));
    CHECK(allowed(&s, &ctx));
    CHECK_EQ_INT(asked, 1);
    struct sw_err err = SW_ERR_INIT;
    CHECK_OK(directory_put_inline(s.w.id, IAM_USER, ACCOUNT, "ann", "own",
                                  "{\"Version\":\"2012-10-17\",\"Statement\":{\"Effect\":\"Allow\","
                                  "\"Action\":\"ecr:PutImage\","
                                  "\"Resource\":\"*\"}}",
                                  &err));
    asked = 0;
    CHECK(allowed(&s, &ctx));
    CHECK_EQ_INT(asked, 0);
    CHECK_OK(directory_put_inline(
        s.w.id, IAM_USER, ACCOUNT, "ann", "own",
        "{\"Version\":\"2012-10-17\",\"Statement\":{\"Effect\":\"Allow\",\"Action\":\"*\","
        "\"Resource\":\"*\",\"Condition\":{\"StringEquals\":{\"aws:username\":\"bob\"}}}}",
        &err));
    CHECK(!allowed(&s, &ctx));
    ctx.keys = &own;
    ctx.keys_n = 1;
    CHECK(allowed(&s, &ctx));
}

TEST(resource_policies_count_beside_the_public_one)
{
    autosetting s = {0};
    struct sw_err err = SW_ERR_INIT;
    struct policy_document *doc = NULL;

    open_with(&s, "{\"Effect\":\"Allow\",\"Action\":\"iam:GetUser\",\"Resource\":\"*\"}");
    CHECK_OK(policy_document_parse(
        SW_STR("{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"Principal\":"
               "{\"AWS\":\"arn:aws:iam::000000000000:user/ann\"},\"Action\":\"ecr:PutImage\"},"
               "{\"Effect\":\"Deny\",\"Principal\":\"*\",\"Action\":\"ecr:ListImages\"}]}"),
        POLICY_TYPE_RESOURCE, &doc, NULL, &err));
    struct policy_attached attached = {
        .doc = doc, .name = "repository", .kind = POLICY_FROM_RESOURCE};
    struct policy_context ctx = {.account = ACCOUNT};
    CHECK(!allowed(&s, &ctx));
    ctx.resource_policies = &attached;
    ctx.resource_policies_n = 1;
    CHECK(allowed(&s, &ctx));
    ctx.resource_public = true;
    struct principal nobody = principal_anonymous();
    CHECK_OK(may(s.a, &nobody, "ecr:BatchGetImage", REPO, &ctx, &err));
    CHECK_EQ_INT(may(s.a, &nobody, "ecr:ListImages", REPO, &ctx, &err), SW_EDENIED);
    policy_document_unref(doc);
}

TEST(everyone_is_everyone_with_a_name)
{
    autosetting s = {0};
    struct sw_err err = SW_ERR_INIT;
    struct policy_document *doc = NULL;

    open_with(&s, "{\"Effect\":\"Allow\",\"Action\":\"ecs:*\",\"Resource\":\"*\"}");
    CHECK_OK(policy_document_parse(
        SW_STR("{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"Principal\":"
               "\"*\",\"Action\":\"ecr:*\"}]}"),
        POLICY_TYPE_RESOURCE, &doc, NULL, &err));
    struct policy_attached attached = {
        .doc = doc, .name = "repository", .kind = POLICY_FROM_RESOURCE};
    struct policy_context ctx = {.account = ACCOUNT,
                                 .resource_public = true,
                                 .resource_policies = &attached,
                                 .resource_policies_n = 1};
    struct principal nobody = principal_anonymous();
    CHECK(allowed(&s, &ctx));
    CHECK_OK(may(s.a, &nobody, "ecr:BatchGetImage", REPO, &ctx, &err));
    CHECK_EQ_INT(may(s.a, &nobody, "ecr:PutImage", REPO, &ctx, &err), SW_EDENIED);
    sw_err_clear(&err);
    CHECK_EQ_INT(may(s.a, &nobody, "ecr:DescribeImages", REPO, &ctx, &err), SW_EDENIED);
    policy_document_unref(doc);
}

TEST(refusals_are_explained_to_who_asks)
{
    autosetting s = {0};
    struct sw_err err = SW_ERR_INIT;
    struct sw_buf why = SW_BUF_INIT(2000);
    struct policy_context ctx = {.account = ACCOUNT, .explain = &why};

    open_with(
        &s,
        "{\"Sid\":\"NoPush\",\"Effect\":\"Deny\",\"Action\":\"ecr:PutImage\",\"Resource\":\"*\"}");
    CHECK_EQ_INT(may(s.a, &s.ann, "ecr:PutImage", REPO, &ctx, &err), SW_EDENIED);
    CHECK_EQ_STR(err.reason, "AccessDeniedException");
    CHECK_CONTAINS(err.msg, "with an explicit deny in an identity-based policy");
    (void)sw_buf_add(&why, "", 0);
    CHECK_CONTAINS(why.p, "NoPush");
    CHECK_CONTAINS(why.p, "own");
    CHECK_NULL(strstr(err.msg, "NoPush")); /* the caller is not told */
    sw_buf_done(&why);
}

TEST(a_session_whose_policies_are_gone_gets_nothing)
{
    autosetting s = {0};
    struct policy_context ctx = {.account = ACCOUNT};

    open_with(&s, "{\"Effect\":\"Allow\",\"Action\":\"*\",\"Resource\":\"*\"}");
    CHECK(allowed(&s, &ctx));
    s.ann.has_session_policy = true;
    s.ann.session_policy_id[3] = 7;
    CHECK(!allowed(&s, &ctx));
}

TEST(federated_users_have_the_policies_of_who_asked)
{
    autosetting s = {0};
    struct policy_context ctx = {.account = ACCOUNT};

    open_with(&s, IF("\"StringEquals\":{\"aws:userid\":\"000000000000:guest\"}"));
    CHECK(!allowed(&s, &ctx));
    s.ann.kind = PRINCIPAL_FEDERATED;
    (void)snprintf(s.ann.name, sizeof(s.ann.name), "guest");
    (void)snprintf(s.ann.arn, sizeof(s.ann.arn), "arn:aws:sts::" ACCOUNT ":federated-user/guest");
    CHECK(allowed(&s, &ctx));
    ctx.account = OTHER;
    CHECK(!allowed(&s, &ctx));
}

static void find_use(void *ctx, const struct iam_key_info *k)
{
    *(struct iam_key_info *)ctx = *k;
}

TEST(uses_are_noted_once_a_minute)
{
    autosetting s = {0};
    struct iam_key_info info = {.id = ""};
    struct policy_context ctx = {.account = ACCOUNT, .region = "eu-west-1", .now_us = NOW};

    open_with(&s, "{\"Effect\":\"Allow\",\"Action\":\"*\",\"Resource\":\"*\"}");
    directory_lock(s.w.id);
    directory_each_key(s.w.id, s.ann.user_id, find_use, &info);
    directory_unlock(s.w.id);
    (void)snprintf(s.ann.access_key_id, sizeof(s.ann.access_key_id), "%s", info.id);
    for (int seconds = 0; seconds <= 90; seconds += 30) {
        ctx.now_us = NOW + seconds * 1000000LL;
        CHECK(allowed(&s, &ctx));
        directory_lock(s.w.id);
        directory_each_key(s.w.id, s.ann.user_id, find_use, &info);
        directory_unlock(s.w.id);
        CHECK_EQ_INT(info.last_used_us, seconds >= 60 ? NOW + 60000000LL : NOW);
        CHECK_EQ_STR(info.last_service, "ecr");
        CHECK_EQ_STR(info.last_region, "eu-west-1");
    }
}

/* Statements that look at many keys do not hide one from a later Deny. */
TEST(every_key_is_there_however_many_are_asked_for)
{
    autosetting s = {0};
    struct sw_err err = SW_ERR_INIT;
    struct iam_tag tags[40];
    char keys[40][8];
    struct sw_buf text = SW_BUF_INIT(4000);
    const struct policy_context ctx = {.account = ACCOUNT, .source_ip = "10.1.2.3"};

    open_with(&s, IF("\"Null\":{\"aws:SourceArn\":\"true\"}"));
    (void)sw_buf_add_z(&text,
                       "{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\","
                       "\"Action\":\"*\",\"Resource\":\"*\"},{\"Effect\":\"Deny\","
                       "\"Action\":\"*\",\"Resource\":\"*\",\"Condition\":{\"StringLike\":{");
    for (int i = 0; i < 40; i++) {
        (void)snprintf(keys[i], sizeof(keys[i]), "k%d", i);
        tags[i] = (struct iam_tag){keys[i], keys[i]};
        (void)sw_buf_addf(&text, "\"aws:PrincipalTag/k%d\":\"*\",", i);
    }
    (void)sw_buf_add_z(&text, "\"aws:username\":\"zed\"}}},{\"Effect\":\"Deny\",\"Action\":\"*\","
                              "\"Resource\":\"*\",\"Condition\":{\"IpAddress\":{\"aws:SourceIp\":"
                              "\"10.0.0.0/8\"}}}]}");
    CHECK(allowed(&s, &ctx));
    CHECK_OK(directory_tag(s.w.id, IAM_USER, ACCOUNT, "ann", tags, SW_ARRAY_LEN(tags), &err));
    CHECK_OK(directory_put_inline(s.w.id, IAM_USER, ACCOUNT, "ann", "own", text.p, &err));
    CHECK(!allowed(&s, &ctx));
    sw_buf_done(&text);
}

TEST(a_session_whose_tags_are_gone_gets_nothing)
{
    autosetting s = {0};
    const struct policy_context ctx = {.account = ACCOUNT};

    open_with(&s, "{\"Effect\":\"Allow\",\"Action\":\"*\",\"Resource\":\"*\"}");
    s.ann.session_policy_id[3] = 7;
    CHECK(!allowed(&s, &ctx));
}

/* The session policy caps what a resource grants to the user behind the session, by ARN or by id. */
TEST(a_grant_to_the_user_behind_a_federated_one_is_capped)
{
    autosetting s = {0};
    struct sw_err err = SW_ERR_INIT;

    open_with(&s, "{\"Effect\":\"Allow\",\"Action\":\"iam:GetUser\",\"Resource\":\"*\"}");
    const char *const names[] = {"arn:aws:iam::" ACCOUNT ":user/ann", s.ann.user_id};
    struct principal guest = s.ann;
    guest.kind = PRINCIPAL_FEDERATED;
    (void)snprintf(guest.arn, sizeof(guest.arn), "arn:aws:sts::" ACCOUNT ":federated-user/guest");
    for (size_t i = 0; i < SW_ARRAY_LEN(names); i++) {
        struct policy_document *doc = NULL;
        char text[300];
        (void)snprintf(text, sizeof(text),
                       "{\"Version\":\"2012-10-17\",\"Statement\":{\"Effect\":\"Allow\","
                       "\"Principal\":{\"AWS\":\"%s\"},\"Action\":\"ecr:PutImage\"}}",
                       names[i]);
        CHECK_OK(policy_document_parse(sw_str(text), POLICY_TYPE_RESOURCE, &doc, NULL, &err));
        const struct policy_attached attached = {
            .doc = doc, .name = "repository", .kind = POLICY_FROM_RESOURCE};
        const struct policy_context ctx = {
            .account = ACCOUNT, .resource_policies = &attached, .resource_policies_n = 1};
        guest.has_session_policy = false;
        CHECK_MSG(may(s.a, &guest, "ecr:PutImage", REPO, &ctx, &err) == 0, "%s", names[i]);
        guest.has_session_policy = true;
        CHECK_MSG(may(s.a, &guest, "ecr:PutImage", REPO, &ctx, &err) < 0, "%s", names[i]);
        sw_err_clear(&err);
        policy_document_unref(doc);
    }
}
