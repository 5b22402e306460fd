/* SPDX-License-Identifier: Apache-2.0 */
/* The listener over TLS, with a certificate made for the test. */
#include "api/mhd.h"

#include <fcntl.h>
#include <stdlib.h>

#include "base/httpc.h"
#include "base/macros.h"
#include "tests/unit/api/certificate.h"

#define MEGABYTE (1 << 20)

static const char *blob_path;

static int take_body(void *state, const void *data, size_t n, struct sw_err *err)
{
    (void)data, (void)err;
    *(size_t *)state += n;
    return 0;
}

static enum http_run run(void *state, struct http_req *req, struct http_res *res,
                         struct sw_err *err)
{
    (void)err;
    CHECK(req->secure);
    if (req->method == HTTP_PUT)
        http_res_set(res, "X-Bytes", "%zu", *(size_t *)state);
    else
        http_res_file(res, open(blob_path, O_RDONLY | O_CLOEXEC), 0, 3 * MEGABYTE);
    return HTTP_DONE;
}

static bool match(void *ctx, const struct http_req *req)
{
    (void)ctx, (void)req;
    return true;
}

static enum http_begin begin(void *ctx, struct http_req *req, struct http_plan *plan,
                             struct http_res *res)
{
    (void)ctx, (void)res;
    *plan = (struct http_plan){.mode = req->method == HTTP_PUT ? HTTP_BODY_STREAM : HTTP_BODY_NONE,
                               .body_max = 1 << 30,
                               .body = take_body,
                               .run = run,
                               .free = free,
                               .state = calloc(1, sizeof(size_t))};
    return HTTP_GO;
}

static const struct http_service service = {.name = "test", .match = match, .begin = begin};

static int64_t zeroes(void *ctx, void *out, size_t cap, struct sw_err *err)
{
    size_t *left = ctx, n = SW_MIN(cap, *left);
    (void)err;
    memset(out, 0, n);
    *left -= n;
    return (int64_t)n;
}

TEST(serves_files_and_uploads_over_tls)
{
    const char *cert = test_path("cert.pem"), *key = test_path("key.pem");
    struct http_server_options o = {.host = "127.0.0.1",
                                    .services = &service,
                                    .services_n = 1,
                                    .tls_cert_file = cert,
                                    .tls_key_file = key};
    struct http_server *s = NULL;
    struct sw_err err = SW_ERR_INIT;
    char url[64], header[32], *blob = malloc(3 * MEGABYTE);
    size_t left = 20 * MEGABYTE + 5;

    make_certificate(cert, key, "0x1", "1");
    for (size_t i = 0; i < 3 * MEGABYTE; i++)
        blob[i] = (char)(i * 13 + i / 255);
    blob_path = test_write_file(test_path("blob"), blob, 3 * MEGABYTE);
    CHECK_OK(http_server_start(&o, &s, &err));
    (void)snprintf(url, sizeof(url), "https://127.0.0.1:%u/x", http_server_port(s));

    struct httpc *c = httpc_new(&(struct httpc_options){.ca_file = cert});
    struct httpc_request get = {.method = "GET", .url = url, .body_max = 8 * MEGABYTE};
    struct httpc_response r = {0};
    CHECK_OK(httpc_perform(c, &get, &r, &err));
    CHECK_EQ_INT(r.status, 200);
    CHECK_EQ_MEM(r.body.p, r.body.n, blob, 3 * MEGABYTE);
    httpc_response_done(&r);

    struct httpc_request put = {.method = "PUT",
                                .url = url,
                                .source = zeroes,
                                .source_ctx = &left,
                                .source_size = (int64_t)left};
    CHECK_OK(httpc_perform(c, &put, &r, &err));
    CHECK(httpc_header(&r, "X-Bytes", header, sizeof(header)));
    CHECK_EQ_STR(header, "20971525");
    httpc_response_done(&r);
    httpc_free(c);
    http_server_stop(s, 1000);
    free(blob);
}

TEST(says_that_a_certificate_is_not_one)
{
    const char *file = test_write_file(test_path("file"), "no certificate", 14);
    struct http_server_options o = {.host = "127.0.0.1",
                                    .services = &service,
                                    .services_n = 1,
                                    .tls_cert_file = file,
                                    .tls_key_file = file};
    struct http_server *s = NULL;
    struct sw_err err = SW_ERR_INIT;
    CHECK(http_server_start(&o, &s, &err) < 0);
    CHECK_CONTAINS(err.msg, "certificate");
    CHECK_NULL(s);
}

static void expect_200(struct httpc *c, const char *url)
{
    struct httpc_request get = {.method = "GET", .url = url, .body_max = 8 * MEGABYTE};
    struct httpc_response r = {0};
    struct sw_err err = SW_ERR_INIT;

    CHECK_OK(httpc_perform(c, &get, &r, &err));
    CHECK_EQ_INT(r.status, 200);
    CHECK_EQ_INT(r.body.n, 3 * MEGABYTE);
    httpc_response_done(&r);
}

/* Each client trusts one certificate only: the old one's connection lives on, a new connection meets the new certificate. */
TEST(a_new_certificate_is_for_new_connections)
{
    const char *cert = test_path("cert.pem"), *key = test_path("key.pem");
    const char *old_copy = test_path("old.pem");
    struct http_server_options o = {.host = "127.0.0.1",
                                    .services = &service,
                                    .services_n = 1,
                                    .tls_cert_file = cert,
                                    .tls_key_file = key};
    struct http_server *s = NULL;
    struct sw_err err = SW_ERR_INIT;
    struct tls_info info;
    char url[64], *blob = calloc(3, MEGABYTE);

    make_certificate(cert, key, "0x1", "1");
    size_t n = 0;
    char *text = test_read_file(cert, &n);
    test_write_file(old_copy, text, n);
    blob_path = test_write_file(test_path("blob"), blob, 3 * MEGABYTE);
    CHECK_OK(http_server_start(&o, &s, &err));
    (void)snprintf(url, sizeof(url), "https://127.0.0.1:%u/x", http_server_port(s));
    struct httpc *old = httpc_new(&(struct httpc_options){.ca_file = old_copy});
    expect_200(old, url);

    CHECK(unlink(key) == 0);
    make_certificate(cert, key, "0x2", "1");
    CHECK_EQ_INT(http_server_reload_tls(s, false, &info, &err), 1);
    CHECK_EQ_STR(info.serial, "02");
    expect_200(old, url);
    struct httpc *fresh = httpc_new(&(struct httpc_options){.ca_file = cert});
    expect_200(fresh, url);
    struct httpc *stale = httpc_new(&(struct httpc_options){.ca_file = old_copy});
    struct httpc_request get = {.method = "GET", .url = url, .body_max = 8 * MEGABYTE};
    struct httpc_response r = {0};
    CHECK(httpc_perform(stale, &get, &r, &err) < 0);
    httpc_response_done(&r);
    httpc_free(old);
    httpc_free(fresh);
    httpc_free(stale);
    http_server_stop(s, 1000);
    free(blob);
}

static int s_client(unsigned port, const char *flag)
{
    char address[32];
    (void)snprintf(address, sizeof(address), "127.0.0.1:%u", port);
    const char *const argv[] = {"openssl", "s_client", "-connect",       address,
                                flag,      "-cipher",  "ALL@SECLEVEL=0", NULL};
    const struct sw_process_spec spec = {.argv = argv};
    struct sw_process_result result;
    struct sw_buf out = SW_BUF_INIT(1 << 20), err_out = SW_BUF_INIT(1 << 20);
    struct sw_err err = SW_ERR_INIT;

    CHECK_OK(sw_process_run(&spec, &out, &err_out, &result, &err));
    sw_buf_done(&out);
    sw_buf_done(&err_out);
    return result.exit_code;
}

TEST(speaks_tls_1_2_and_1_3_only)
{
    const char *cert = test_path("cert.pem"), *key = test_path("key.pem");
    struct http_server_options o = {.host = "127.0.0.1",
                                    .services = &service,
                                    .services_n = 1,
                                    .tls_cert_file = cert,
                                    .tls_key_file = key};
    struct http_server *s = NULL;
    struct sw_err err = SW_ERR_INIT;

    make_certificate(cert, key, "0x1", "1");
    CHECK_OK(http_server_start(&o, &s, &err));
    CHECK_EQ_INT(s_client(http_server_port(s), "-tls1_3"), 0);
    CHECK_EQ_INT(s_client(http_server_port(s), "-tls1_2"), 0);
    CHECK(s_client(http_server_port(s), "-tls1_1") != 0);
    CHECK(s_client(http_server_port(s), "-tls1") != 0);
    http_server_stop(s, 1000);
}
