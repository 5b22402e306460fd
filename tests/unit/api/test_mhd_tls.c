/* SPDX-License-Identifier: Apache-2.0 */
/* The listener over TLS, with a certificate made for the test. */
#include "api/mhd.h"

#include <fcntl.h>
#include <stdlib.h>

#include "base/httpc.h"
#include "base/macros.h"
#include "base/process.h"
#include "tests/lib/test.h"

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

static void make_certificate(const char *cert, const char *key)
{
    const char *const argv[] = {"openssl",
                                "req",
                                "-x509",
                                "-newkey",
                                "ec",
                                "-pkeyopt",
                                "ec_paramgen_curve:P-256",
                                "-nodes",
                                "-days",
                                "1",
                                "-subj",
                                "/CN=slipway",
                                "-addext",
                                "subjectAltName=IP:127.0.0.1",
                                "-keyout",
                                key,
                                "-out",
                                cert,
                                NULL};
    const struct sw_process_spec spec = {.argv = argv};
    struct sw_process_result result;
    struct sw_buf out = SW_BUF_INIT(65536), err_out = SW_BUF_INIT(65536);
    struct sw_err err = SW_ERR_INIT;
    char path[4096];

    if (!sw_find_program("openssl", path, sizeof(path)))
        test_skip("needs the openssl program");
    CHECK_OK(sw_process_run(&spec, &out, &err_out, &result, &err));
    CHECK_MSG(result.exit_code == 0, "%s", err_out.p);
    sw_buf_done(&out);
    sw_buf_done(&err_out);
}

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

    make_certificate(cert, key);
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
