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
