/* SPDX-License-Identifier: Apache-2.0 */
#include "server/audit.h"

#include "base/json.h"
#include "base/macros.h"
#include "tests/lib/test.h"

static bool wanted(const char *action, const char *also, enum http_method method, int status,
                   bool denied)
{
    struct http_req q = {.path = "/", .method = method};
    struct http_res res = {.status = status};
    q.audit.action = action;
    q.audit.also = also;
    q.audit.denied = denied;
    return audit_wanted(&q, &res);
}

TEST(what_changes_or_hands_out_something_is_audited)
{
    static const char *const yes[] = {
        "ecr:PutImage",
        "ecr:CompleteLayerUpload",
        "ecr:BatchGetImage",
        "ecr:BatchDeleteImage",
        "ecr:GetDownloadUrlForLayer",
        "ecr:GetAuthorizationToken",
        "ecr:CreateRepository",
        "ecr:DeleteRepository",
        "iam:CreateUser",
        "iam:DeleteUser",
        "ecs:RunTask",
        "ecs:StopTask",
        "ecs:StartTask",
        "ecs:RegisterTaskDefinition",
        "iam:PassRole",
        "new:NeverThoughtOfIt",
    };
    static const char *const no[] = {
        "ecr:BatchCheckLayerAvailability",
        "ecr:DescribeImages",
        "ecr:ListImages",
        "ecr:UploadLayerPart",
        "iam:GetUser",
        "ecs:Poll",
        "ecs:SubmitTaskStateChange",
        "ecs:DescribeTasks",
        "ecs:DiscoverPollEndpoint",
        "ecs:StartTelemetrySession",
    };
    for (size_t i = 0; i < SW_ARRAY_LEN(yes); i++)
        CHECK_MSG(wanted(yes[i], NULL, HTTP_POST, 200, false), "%s", yes[i]);
    for (size_t i = 0; i < SW_ARRAY_LEN(no); i++) {
        CHECK_MSG(!wanted(no[i], NULL, HTTP_POST, 200, false), "%s", no[i]);
        CHECK_MSG(wanted(no[i], NULL, HTTP_POST, 400, true), "%s, denied", no[i]);
    }
    CHECK(!wanted(NULL, NULL, HTTP_GET, 200, false));
    CHECK(wanted(NULL, NULL, HTTP_GET, 401, true));
}

TEST(beginning_an_upload_counts_when_it_is_complete_or_makes_the_repository)
{
    CHECK(!wanted("ecr:InitiateLayerUpload", NULL, HTTP_POST, 202, false));
    CHECK(wanted("ecr:InitiateLayerUpload", NULL, HTTP_POST, 201, false));
    CHECK(wanted("ecr:InitiateLayerUpload", "ecr:CreateRepository", HTTP_POST, 202, false));
}

TEST(a_head_hands_nothing_out)
{
    CHECK(!wanted("ecr:BatchGetImage", NULL, HTTP_HEAD, 200, false));
    CHECK(wanted("ecr:BatchGetImage", NULL, HTTP_HEAD, 403, true));
}

TEST(only_lines_of_allowed_pulls_may_wait)
{
    struct http_req q = {.path = "/"};
    struct sw_err err = SW_ERR_INIT;
    CHECK(!audit_may_wait(&q));
    q.audit.action = "ecr:BatchDeleteImage";
    CHECK(!audit_may_wait(&q));
    q.audit.action = "ecr:BatchGetImage";
    CHECK(audit_may_wait(&q));
    q.audit.action = "ecr:GetDownloadUrlForLayer";
    CHECK(audit_may_wait(&q));
    (void)sw_fail(&err, SW_EDENIED, NULL, "no");
    http_audit_denied(&q, "ecr:BatchGetImage", "x", &err);
    CHECK(!audit_may_wait(&q));
}

static json_t *line_of(const struct http_req *q, const struct http_res *res)
{
    SW_CLEANUP(sw_buf_done) struct sw_buf b = SW_BUF_INIT(AUDIT_LINE_MAX);
    audit_line(&b, q, res);
    CHECK(!b.overflow);
    CHECK(b.p[b.n - 1] == '\n' && !memchr(b.p, '\n', b.n - 1));
    json_t *j = json_loadb(b.p, b.n, 0, NULL);
    CHECK_NOT_NULL(j);
    return j;
}

TEST(a_line_says_who_what_and_how_it_ended)
{
    struct http_req q = {.method = HTTP_PUT,
                         .path = "/",
                         .id = "req-1",
                         .peer_ip = "10.0.0.9",
                         .route = "oci.manifest",
                         .principal = {.kind = PRINCIPAL_USER,
                                       .arn = "arn:aws:iam::000000000000:user/u",
                                       .access_key_id = "AKIA1"}};
    struct http_res res;
    http_res_init(&res);
    res.status = 201;
    http_res_set(&res, "Docker-Content-Digest", "sha256:ab");
    http_audit_allowed(&q, "ecr:PutImage", "arn:aws:ecr:r:a:repository/x");
    http_audit_reference(&q, "v1");
    json_t *j = line_of(&q, &res);
    CHECK_EQ_STR(sw_json_str(j, "principal", NULL), "arn:aws:iam::000000000000:user/u");
    CHECK_EQ_STR(sw_json_str(j, "access_key_id", NULL), "AKIA1");
    CHECK_EQ_STR(sw_json_str(j, "source_ip", NULL), "10.0.0.9");
    CHECK_EQ_STR(sw_json_str(j, "action", NULL), "ecr:PutImage");
    CHECK_EQ_STR(sw_json_str(j, "resource", NULL), "arn:aws:ecr:r:a:repository/x");
    CHECK_EQ_STR(sw_json_str(j, "reference", NULL), "v1");
    CHECK_EQ_STR(sw_json_str(j, "digest", NULL), "sha256:ab");
    CHECK_EQ_STR(sw_json_str(j, "outcome", NULL), "allowed");
    CHECK_EQ_INT(sw_json_int(j, "status", 0), 201);
    json_decref(j);
    res.status = 507;
    j = line_of(&q, &res);
    CHECK_EQ_STR(sw_json_str(j, "outcome", NULL), "failed");
    json_decref(j);
    struct sw_err err = SW_ERR_INIT;
    (void)sw_fail(&err, SW_EDENIED, NULL, "because");
    http_audit_denied(&q, NULL, NULL, &err);
    j = line_of(&q, &res);
    CHECK(json_is_null(json_object_get(j, "action")));
    CHECK_EQ_STR(sw_json_str(j, "outcome", NULL), "denied");
    CHECK_EQ_STR(sw_json_str(j, "why", NULL), "because");
    json_decref(j);
    http_res_done(&res);
}

TEST(the_longest_line_fits)
{
    struct http_req q = {.path = "/", .principal = {.kind = PRINCIPAL_USER}};
    struct http_res res = {.status = 200};
    memset(q.audit.resource, 1, sizeof(q.audit.resource) - 1);
    memset(q.audit.reference, 1, sizeof(q.audit.reference) - 1);
    memset(q.audit.why, 1, sizeof(q.audit.why) - 1);
    memset(q.principal.arn, 1, sizeof(q.principal.arn) - 1);
    memset(q.principal.access_key_id, 1, sizeof(q.principal.access_key_id) - 1);
    q.audit.action = "ecr:BatchCheckLayerAvailability";
    q.audit.denied = true;
    json_decref(line_of(&q, &res));
}

TEST(the_server_is_named_for_what_it_does_by_itself)
{
    SW_CLEANUP(sw_buf_done) struct sw_buf b = SW_BUF_INIT(AUDIT_LINE_MAX);
    audit_own_line(&b, 1795270000000000LL, "iam:CreateUser", "arn:u", "first start");
    CHECK_EQ_STR(b.p,
                 "{\"time\":\"2026-11-21T14:06:40.000000Z\",\"principal\":\"slipway\","
                 "\"action\":\"iam:CreateUser\",\"resource\":\"arn:u\",\"outcome\":\"allowed\","
                 "\"why\":\"first start\"}\n");
}
