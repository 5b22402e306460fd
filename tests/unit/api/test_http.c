/* SPDX-License-Identifier: Apache-2.0 */
#include "api/http.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/macros.h"
#include "tests/lib/test.h"

TEST(methods_have_names)
{
    for (int m = 0; m < HTTP_OTHER; m++)
        CHECK_EQ_INT(http_method_from_string(http_method_to_string((enum http_method)m)), m);
    CHECK_EQ_INT(http_method_from_string("get"), HTTP_OTHER);
    CHECK_EQ_INT(http_method_from_string("TRACE"), HTTP_OTHER);
    CHECK_EQ_STR(http_method_to_string(HTTP_METHOD_MAX_), "OTHER");
}

TEST(headers_are_found_in_any_case_and_all_of_them)
{
    const struct http_header h[] = {{"Host", "x"}, {"ACCEPT", "a"}, {"accept", "b"}};
    struct http_req r = {.headers = h, .headers_n = 3};
    const char *out[4] = {NULL};
    CHECK_EQ_STR(http_req_header(&r, "host"), "x");
    CHECK_EQ_STR(http_req_header(&r, "Accept"), "a");
    CHECK_NULL(http_req_header(&r, "Accep"));
    CHECK_EQ_UINT(http_req_headers(&r, "Accept", out, 4), 2);
    CHECK_EQ_STR(out[1], "b");
    CHECK_EQ_UINT(http_req_headers(&r, "Accept", out, 1), 2);
    CHECK_EQ_UINT(http_req_headers(&r, "none", out, 4), 0);
}

TEST(who_forwards_is_not_local)
{
    const struct http_header plain = {"Host", "x"}, forwards = {"x-forwarded-for", "192.0.2.1"};
    static const char *const local[] = {"127.0.0.1", "127.9.0.1", "::1"};
    static const char *const remote[] = {"192.0.2.1", "::", "::2", "1.127.0.1", ""};
    struct http_req r = {.headers_n = 1};
    for (size_t i = 0; i < SW_ARRAY_LEN(local); i++) {
        (void)snprintf(r.peer_ip, sizeof(r.peer_ip), "%s", local[i]);
        r.headers = &plain;
        CHECK_MSG(http_req_is_local(&r), "%s", local[i]);
        r.headers = &forwards;
        CHECK_MSG(!http_req_is_local(&r), "%s", local[i]);
    }
    r.headers = &plain;
    for (size_t i = 0; i < SW_ARRAY_LEN(remote); i++) {
        (void)snprintf(r.peer_ip, sizeof(r.peer_ip), "%s", remote[i]);
        CHECK_MSG(!http_req_is_local(&r), "%s", remote[i]);
    }
}

TEST(query_parameters_are_decoded)
{
    struct http_req r = {
        .query = "digest=sha256%3Aab&tag=a&empty=&flag&tag=b+c&%74%61g=d&bad=%zz&&x=1=2"};
    struct sw_err err = SW_ERR_INIT;
    char out[16];
    CHECK_EQ_INT(http_req_query(&r, "digest", out, sizeof(out), &err), 1);
    CHECK_EQ_STR(out, "sha256:ab");
    CHECK_EQ_INT(http_req_query(&r, "empty", out, sizeof(out), &err), 1);
    CHECK_EQ_STR(out, "");
    CHECK_EQ_INT(http_req_query(&r, "flag", out, sizeof(out), &err), 1);
    CHECK_EQ_STR(out, "");
    CHECK_EQ_INT(http_req_query_at(&r, "tag", 1, out, sizeof(out), &err), 1);
    CHECK_EQ_STR(out, "b c");
    CHECK_EQ_INT(http_req_query_at(&r, "tag", 2, out, sizeof(out), &err), 1);
    CHECK_EQ_STR(out, "d");
    CHECK_EQ_INT(http_req_query_at(&r, "tag", 3, out, sizeof(out), &err), 0);
    CHECK_EQ_INT(http_req_query(&r, "x", out, sizeof(out), &err), 1);
    CHECK_EQ_STR(out, "1=2");
    CHECK_EQ_INT(http_req_query(&r, "none", out, sizeof(out), &err), 0);
    CHECK_ERR(http_req_query(&r, "bad", out, sizeof(out), &err), SW_EINVALID, "QUERY_INVALID");
    CHECK_ERR(http_req_query(&r, "digest", out, 4, &err), SW_EINVALID, "QUERY_INVALID");
    r.query = "";
    CHECK_EQ_INT(http_req_query(&r, "tag", out, sizeof(out), &err), 0);
}

TEST(header_values_cannot_break_their_line)
{
    struct http_res r;
    http_res_init(&r);
    CHECK_EQ_INT(r.status, 200);
    http_res_set(&r, "X-One", "a\r\nX-Evil: %s", "b\tc");
    CHECK_EQ_STR(http_res_get(&r, "x-one"), "a  X-Evil: b c");
    http_res_set(&r, "x-ONE", "again");
    CHECK_EQ_UINT(r.headers_n, 1);
    CHECK_EQ_STR(http_res_get(&r, "X-One"), "again");
    CHECK_NULL(http_res_get(&r, "X-Two"));
    http_res_done(&r);
    CHECK_EQ_UINT(r.headers_n, 0);
}

static void count_release(void *ctx)
{
    ++*(int *)ctx;
}

TEST(a_body_is_released_once)
{
    struct http_res r;
    int released = 0;
    struct sw_buf b = SW_BUF_INIT(100);
    http_res_init(&r);
    http_res_borrow(&r, "abc", 3, count_release, &released);
    http_res_copy(&r, "text", 4);
    CHECK_EQ_INT(released, 1);
    CHECK_EQ_MEM(r.bytes, r.bytes_n, "text", 4);
    CHECK(sw_buf_add_z(&b, "taken"));
    http_res_take(&r, &b);
    CHECK_EQ_MEM(r.bytes, r.bytes_n, "taken", 5);
    CHECK_EQ_UINT(b.n, 0);
    int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    http_res_file(&r, fd, 3, 4);
    CHECK_EQ_INT(r.kind, HTTP_RES_FILE);
    http_res_done(&r);
    CHECK(fcntl(fd, F_GETFD) < 0);
    http_res_borrow(&r, "abc", 3, count_release, &released);
    http_res_done(&r);
    http_res_done(&r);
    CHECK_EQ_INT(released, 2);
    http_res_copy(&r, NULL, 0);
    CHECK_EQ_UINT(r.bytes_n, 0);
    http_res_done(&r);
    sw_buf_done(&b);
}

static void deny(struct http_req *r, const char *action, int code, const char *why)
{
    struct sw_err err = SW_ERR_INIT;
    (void)sw_fail(&err, code, "AccessDeniedException", "%s", why);
    http_audit_denied(r, action, "arn:denied", &err);
}

TEST(the_first_allowed_action_and_one_more_are_noted)
{
    struct http_req r = {.path = "/"};
    http_audit_allowed(&r, "ecr:PutImage", "arn:1");
    http_audit_allowed(&r, "ecr:PutImage", "arn:2");
    CHECK_NULL(r.audit.also);
    http_audit_allowed(&r, "ecr:CreateRepository", "arn:3");
    http_audit_allowed(&r, "ecr:TagResource", "arn:4");
    CHECK_EQ_STR(r.audit.action, "ecr:PutImage");
    CHECK_EQ_STR(r.audit.resource, "arn:1");
    CHECK_EQ_STR(r.audit.also, "ecr:CreateRepository");
    CHECK(!r.audit.denied);
}

TEST(a_denial_replaces_what_was_allowed)
{
    struct http_req r = {.path = "/"};
    http_audit_allowed(&r, "ecr:CreateRepository", "arn:1");
    http_audit_allowed(&r, "ecr:TagResource", "arn:1");
    deny(&r, "ecr:TagResource", SW_EDENIED, "no");
    http_audit_allowed(&r, "ecr:PutImage", "arn:2");
    CHECK(r.audit.denied);
    CHECK_EQ_STR(r.audit.action, "ecr:TagResource");
    CHECK_EQ_STR(r.audit.resource, "arn:denied");
    CHECK_EQ_STR(r.audit.why, "no");
    CHECK_NULL(r.audit.also);
}

TEST(a_failure_of_ours_is_no_denial)
{
    struct http_req r = {.path = "/"};
    deny(&r, NULL, SW_EIO, "disk");
    deny(&r, NULL, SW_EUNAVAILABLE, "busy");
    CHECK(!r.audit.denied);
    deny(&r, NULL, SW_ENOTFOUND, "no such key");
    CHECK(r.audit.denied);
    CHECK_NULL(r.audit.action);
}

TEST(notes_are_cut_to_their_room)
{
    struct http_req r = {.path = "/"};
    char text[1000];
    memset(text, 'x', sizeof(text));
    text[sizeof(text) - 1] = 0;
    http_audit_allowed(&r, "a:b", text);
    CHECK_EQ_UINT(strlen(r.audit.resource), HTTP_RESOURCE_MAX - 1);
    text[300] = 0;
    http_audit_reference(&r, NULL);
    http_audit_reference(&r, "");
    http_audit_reference(&r, text);
    http_audit_reference(&r, "v1");
    http_audit_reference(&r, text);
    CHECK_EQ_UINT(strlen(r.audit.reference), 300 + 3 + 301);
    http_audit_reference(&r, text);
    http_audit_reference(&r, "v2");
    CHECK_EQ_UINT(strlen(r.audit.reference), 300 + 3 + 301 + 4);
    CHECK_EQ_STR(r.audit.reference + 300 + 3 + 301, " ...");
}
