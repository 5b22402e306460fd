/* SPDX-License-Identifier: Apache-2.0 */
#include "server/transfer_client.h"

#include <sys/stat.h>

#include "base/encode.h"
#include "base/io.h"
#include "server/local_image.h"
#include "tests/unit/server/environment.h"
#include "tests/unit/server/http_stub.h"

#define HEX64 "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static void check_reference(const char *text, const char *host, const char *repository,
                            const char *tag, const char *digest)
{
    struct sw_err err = SW_ERR_INIT;
    struct transfer_reference r;

    CHECK_OK(transfer_reference_parse(text, &r, &err));
    CHECK_EQ_STR(r.host_port, host);
    CHECK_EQ_STR(r.repository, repository);
    CHECK_EQ_STR(r.tag, tag);
    CHECK_EQ_STR(r.digest, digest);
}

TEST(references_have_host_repository_and_tag_or_digest)
{
    check_reference("127.0.0.1:5000/team/app:v1", "127.0.0.1:5000", "team/app", "v1", "");
    check_reference("127.0.0.1:5000/app", "127.0.0.1:5000", "app", "latest", "");
    check_reference("[::1]:5000/a/b/c:V_1.0-x", "[::1]:5000", "a/b/c", "V_1.0-x", "");
    check_reference("host/app@sha256:" HEX64, "host", "app", "", "sha256:" HEX64);
    check_reference("host/app:v1@sha256:" HEX64, "host", "app", "", "sha256:" HEX64);
    check_reference("host/app@sha512:" HEX64 HEX64, "host", "app", "", "sha512:" HEX64 HEX64);
}

TEST(malformed_references_are_refused)
{
    static const char *const bad[] = {"",
                                      "app",
                                      "host/",
                                      "host/:v1",
                                      "host/app:",
                                      "host/App",
                                      "host/a//b",
                                      "host/app:v 1",
                                      "host/app:v1:v2",
                                      "host/../app",
                                      "host/app?x",
                                      "host/app@",
                                      "host/app@v1",
                                      "host/app@sha256:"
                                      "00",
                                      "host/app#x",
                                      "host/app%2f:x",
                                      "host/app:../x"};
    struct sw_err err = SW_ERR_INIT;
    struct transfer_reference r;

    for (size_t i = 0; i < SW_ARRAY_LEN(bad); i++) {
        int rc = transfer_reference_parse(bad[i], &r, &err);
        CHECK_MSG(rc == SW_EINVALID, "'%s' was taken", bad[i]);
        sw_err_clear(&err);
    }
    char text[400] = "host/";
    memset(text + 5, 'a', 300);
    CHECK_ERR(transfer_reference_parse(text, &r, &err), SW_EINVALID, NULL);
    memset(text, 'h', 301);
    text[301] = '/';
    CHECK_ERR(transfer_reference_parse(text, &r, &err), SW_EINVALID, NULL);
}

/* A registry that answers by request line: the rule whose text is in the line. */
struct rule {
    const char *line;
    int status;
    const char *headers, *body;
};
struct world {
    const struct rule *rules;
    struct stub *stub;
    struct httpc *http;
    struct transfer_client client;
    char location[256];
};

static void by_rule(void *ctx, const struct stub_request *r, struct sw_buf *out)
{
    const struct world *w = ctx;
    for (const struct rule *rule = w->rules; rule->line; rule++) {
        if (strstr(r->line, rule->line)) {
            const char *headers = rule->headers ? rule->headers : w->location;
            stub_answer_text(out, rule->status, headers, rule->body ? rule->body : "");
            return;
        }
    }
    stub_answer_text(out, 599, "", "");
}

static struct world *world_new(const struct rule *rules)
{
    struct world *w = calloc(1, sizeof(*w));
    struct httpc_options o = {0};

    CHECK_NOT_NULL(w);
    w->rules = rules;
    w->stub = stub_start(by_rule, w);
    w->http = httpc_new(&o);
    w->client = (struct transfer_client){.http = w->http,
                                         .base = w->stub->endpoint,
                                         .repository = (char *)(uintptr_t) "team/app",
                                         .authorization = (char *)(uintptr_t) "Basic QVdTOng="};
    return w;
}

static void world_free(struct world *w)
{
    stub_free(w->stub);
    httpc_free(w->http);
    free(w);
}

static struct digest digest_of_text(const char *text)
{
    struct digest d;
    digest_of(DIGEST_SHA256, text, strlen(text), &d);
    return d;
}

TEST(has_blob_tells_yes_no_and_refused)
{
    struct sw_err err = SW_ERR_INIT;
    struct rule rules[] = {{"HEAD /v2/team/app/blobs/sha256:", 200, "", NULL}, {0}};
    struct world *w = world_new(rules);
    struct digest d = digest_of_text("x");

    CHECK_EQ_INT(transfer_client_has_blob(&w->client, &d, &err), 1);
    CHECK_CONTAINS(stub_last(w->stub)->head.p, "Authorization: Basic QVdTOng=\r\n");
    rules[0].status = 404;
    CHECK_EQ_INT(transfer_client_has_blob(&w->client, &d, &err), 0);
    rules[0].status = 403;
    int r = transfer_client_has_blob(&w->client, &d, &err);
    CHECK_EQ_STR(err.msg, "looking for a blob: the registry answered 403");
    CHECK_ERR(r, SW_EDENIED, NULL);
    rules[0].status = 503;
    CHECK_ERR(transfer_client_has_blob(&w->client, &d, &err), SW_EUNAVAILABLE, NULL);
    world_free(w);
}

static const struct rule upload_rules[] = {
    {"POST /v2/team/app/blobs/uploads/", 202, NULL, NULL}, {"PUT ", 201, "", NULL}, {0}};

static int put(struct world *w, const char *content, struct sw_err *err)
{
    struct digest d = digest_of_text(content);
    const char *path = test_write_file(test_path("blob"), content, strlen(content));
    return transfer_client_put_blob(&w->client, &d, path, strlen(content), err);
}

/* location: with %s for the stub's own endpoint. */
static void check_location(const char *before, bool own, const char *after, const char *want)
{
    struct sw_err err = SW_ERR_INIT;
    struct world *w = world_new(upload_rules);
    char digest[DIGEST_STRING_MAX], line[512];
    struct digest d = digest_of_text("content");

    (void)snprintf(w->location, sizeof(w->location), "Location: %s%s%s\r\n", before,
                   own ? w->stub->endpoint : "", after);
    CHECK_OK(put(w, "content", &err));
    digest_hex(&d, digest);
    (void)snprintf(line, sizeof(line), "PUT %sdigest=sha256%%3A%s", want, digest);
    stub_stop(w->stub);
    CHECK_EQ_STR(stub_last(w->stub)->line, line);
    CHECK_EQ_STR(stub_last(w->stub)->body.p, "content");
    CHECK_CONTAINS(stub_last(w->stub)->head.p, "Content-Type: application/octet-stream\r\n");
    CHECK_CONTAINS(stub_last(w->stub)->head.p, "Authorization: Basic");
    world_free(w);
}

TEST(upload_goes_where_location_says_on_the_same_registry)
{
    check_location("", false, "/v2/team/app/blobs/uploads/1", "/v2/team/app/blobs/uploads/1?");
    check_location("", true, "/up/1", "/up/1?");
    check_location("", true, "/up/1?_state=a%2Fb", "/up/1?_state=a%2Fb&");
}

TEST(upload_elsewhere_is_refused_without_another_request)
{
    static const char *const bad[] = {
        "http://other:5000/up", "//other/up", "https://127.0.0.1/up", "up/1", "",
        "file:///etc/passwd"};
    struct sw_err err = SW_ERR_INIT;

    for (size_t i = 0; i < SW_ARRAY_LEN(bad) + 2; i++) {
        struct world *w = world_new(upload_rules);
        if (i < SW_ARRAY_LEN(bad))
            (void)snprintf(w->location, sizeof(w->location), "Location: %s\r\n", bad[i]);
        else /* our own host as the beginning of another's */
            (void)snprintf(w->location, sizeof(w->location), "Location: %s%s/up\r\n",
                           w->stub->endpoint, i == SW_ARRAY_LEN(bad) ? "1" : "@other");
        int r = put(w, "content", &err);
        CHECK_MSG(r == SW_EDENIED, "%s: %d", w->location, r);
        CHECK_CONTAINS(err.msg, "the registry sends the upload elsewhere");
        sw_err_clear(&err);
        stub_stop(w->stub);
        CHECK(strchr(stub_log(w->stub), '\n')[1] == '\0'); /* one line: the POST */
        world_free(w);
    }
}

TEST(upload_without_location_is_an_error)
{
    struct sw_err err = SW_ERR_INIT;
    struct world *w = world_new(upload_rules);

    int r = put(w, "content", &err);
    CHECK_CONTAINS(err.msg, "no Location");
    CHECK_ERR(r, SW_EINVALID, NULL);
    world_free(w);
}

TEST(refusals_carry_the_registrys_words)
{
    struct sw_err err = SW_ERR_INIT;
    static const char unknown[] =
        "{\"errors\":[{\"code\":\"NAME_UNKNOWN\",\"message\":\"create it first\"}]}";
    struct rule rules[] = {{"POST ", 404, "", unknown}, {0}};
    struct world *w = world_new(rules);

    int r = put(w, "content", &err);
    CHECK_EQ_STR(err.msg, "starting an upload: 404 NAME_UNKNOWN: create it first");
    CHECK_ERR(r, SW_ENOTFOUND, NULL);
    rules[0].status = 400;
    rules[0].body = "<html>";
    r = put(w, "content", &err);
    CHECK_EQ_STR(err.msg, "starting an upload: the registry answered 400");
    CHECK_ERR(r, SW_EINVALID, NULL);
    world_free(w);
}

TEST(a_redirect_is_not_followed)
{
    struct sw_err err = SW_ERR_INIT;
    static const struct rule rules[] = {{"GET ", 307, "Location: http://127.0.0.1:1/\r\n", NULL},
                                        {0}};
    struct world *w = world_new(rules);
    struct digest d = digest_of_text("x");

    CHECK_ERR(transfer_client_get_blob(&w->client, &d, 1, test_path("out"), &err), SW_EINVALID,
              NULL);
    CHECK(!sw_path_exists(test_path("out")));
    world_free(w);
}

static uint64_t progress_done, progress_total;
static void on_progress(void *ctx, uint64_t done, uint64_t total)
{
    CHECK(ctx == &progress_done);
    progress_done = done;
    progress_total = total;
}

TEST(large_blob_goes_over_whole_with_progress)
{
    struct sw_err err = SW_ERR_INIT;
    struct world *w = world_new(upload_rules);
    size_t n = 3 * 1024 * 1024 + 7;
    sw_autofree char *content = malloc(n + 1);

    CHECK_NOT_NULL(content);
    for (size_t i = 0; i < n; i++)
        content[i] = (char)('a' + i % 23);
    content[n] = '\0';
    (void)snprintf(w->location, sizeof(w->location), "Location: /up\r\n");
    w->client.progress = on_progress;
    w->client.progress_ctx = &progress_done;
    CHECK_OK(put(w, content, &err));
    CHECK_EQ_UINT(progress_done, n);
    CHECK_EQ_UINT(progress_total, n);
    stub_stop(w->stub);
    CHECK_EQ_MEM(stub_last(w->stub)->body.p, stub_last(w->stub)->body.n, content, n);
    world_free(w);
}

TEST(a_file_shorter_than_announced_is_an_error)
{
    struct sw_err err = SW_ERR_INIT;
    struct world *w = world_new(upload_rules);
    struct digest d = digest_of_text("content");

    (void)snprintf(w->location, sizeof(w->location), "Location: /up\r\n");
    const char *path = test_write_file(test_path("blob"), "con", 3);
    CHECK(transfer_client_put_blob(&w->client, &d, path, 7, &err) < 0);
    sw_err_clear(&err);
    CHECK_ERR(transfer_client_put_blob(&w->client, &d, test_path("none"), 7, &err), SW_ENOTFOUND,
              NULL);
    world_free(w);
}

TEST(manifest_is_put_under_its_reference_and_type)
{
    struct sw_err err = SW_ERR_INIT;
    struct rule rules[] = {{"PUT /v2/team/app/manifests/v1", 201, "", NULL}, {0}};
    struct world *w = world_new(rules);

    CHECK_OK(
        transfer_client_put_manifest(&w->client, "v1", MEDIA_OCI_MANIFEST, SW_STR("{}"), &err));
    CHECK_EQ_STR(stub_last(w->stub)->body.p, "{}");
    CHECK_CONTAINS(stub_last(w->stub)->head.p, "Content-Type: " MEDIA_OCI_MANIFEST "\r\n");
    rules[0].status = 400;
    rules[0].body = "{\"errors\":[{\"code\":\"MANIFEST_INVALID\",\"message\":\"no\"}]}";
    int r = transfer_client_put_manifest(&w->client, "v1", MEDIA_OCI_MANIFEST, SW_STR("{}"), &err);
    CHECK_CONTAINS(err.msg, "400 MANIFEST_INVALID: no");
    CHECK_ERR(r, SW_EINVALID, NULL);
    world_free(w);
}

TEST(manifest_by_digest_is_verified)
{
    struct sw_err err = SW_ERR_INIT;
    static const char content[] = "{\"schemaVersion\":2}";
    struct rule rules[] = {
        {"GET /v2/team/app/manifests/", 200, "Content-Type: " MEDIA_OCI_MANIFEST "\r\n", content},
        {0}};
    struct world *w = world_new(rules);
    struct digest d = digest_of_text(content), other = digest_of_text("other");
    char right[DIGEST_STRING_MAX], wrong[DIGEST_STRING_MAX], type[256];
    SW_CLEANUP(sw_buf_done) struct sw_buf got = SW_BUF_INIT(1024);

    digest_format(&d, right);
    digest_format(&other, wrong);
    CHECK_OK(transfer_client_get_manifest(&w->client, right, &got, type, &err));
    CHECK_EQ_STR(got.p, content);
    CHECK_EQ_STR(type, MEDIA_OCI_MANIFEST);
    CHECK_CONTAINS(stub_last(w->stub)->head.p,
                   "application/vnd.docker.distribution.manifest.v2+json");
    int r = transfer_client_get_manifest(&w->client, wrong, &got, type, &err);
    CHECK_CONTAINS(err.msg, "the registry sent something else");
    CHECK_ERR(r, SW_EMISMATCH, NULL);
    sw_buf_reset(&got);
    CHECK_OK(transfer_client_get_manifest(&w->client, "v1", &got, type, &err));
    rules[0].headers = "";
    r = transfer_client_get_manifest(&w->client, "v1", &got, type, &err);
    CHECK_CONTAINS(err.msg, "names no media type");
    CHECK_ERR(r, SW_EINVALID, NULL);
    world_free(w);
}

TEST(blob_is_verified_or_no_file_stays)
{
    struct sw_err err = SW_ERR_INIT;
    struct rule rules[] = {{"GET /v2/team/app/blobs/", 200, "", "content"}, {0}};
    struct world *w = world_new(rules);
    struct digest d = digest_of_text("content"), other = digest_of_text("c0ntent");
    const char *path = test_path("out");

    CHECK_OK(transfer_client_get_blob(&w->client, &d, 7, path, &err));
    CHECK_EQ_STR(test_read_file(path, NULL), "content");
    CHECK_ERR(transfer_client_get_blob(&w->client, &other, 7, path, &err), SW_EMISMATCH, NULL);
    CHECK(!sw_path_exists(path));
    int r = transfer_client_get_blob(&w->client, &d, 6, path, &err);
    CHECK_CONTAINS(err.msg, "more than the descriptor says");
    CHECK_ERR(r, SW_EMISMATCH, NULL);
    CHECK(!sw_path_exists(path));
    rules[0].status = 404;
    rules[0].body = "{\"errors\":[{\"code\":\"BLOB_UNKNOWN\",\"message\":\"gone\"}]}";
    r = transfer_client_get_blob(&w->client, &d, 7, path, &err);
    CHECK_CONTAINS(err.msg, "404 BLOB_UNKNOWN: gone");
    CHECK_ERR(r, SW_ENOTFOUND, NULL);
    CHECK(!sw_path_exists(path));
    world_free(w);
}

static void give_token(void *ctx, const struct stub_request *r, struct sw_buf *out)
{
    (void)ctx, (void)r;
    char encoded[64], body[256];
    sw_base64("AWS:pw", 6, encoded);
    (void)snprintf(body, sizeof(body),
                   "{\"authorizationData\":[{\"authorizationToken\":\"%s\",\"expiresAt\":1}]}",
                   encoded);
    stub_answer_text(out, 200, "", body);
}

TEST(password_goes_to_our_own_server_only)
{
    struct sw_err err = SW_ERR_INIT;
    struct stub *s = stub_start(give_token, NULL);
    struct transfer_client r;
    struct client c;
    static const char keys[] = "[default]\naws_access_key_id = A\naws_secret_access_key = B\n";

    clear_environment();
    struct client_options o = {.endpoint = s->endpoint,
                               .credentials_file =
                                   test_write_file(test_path("c"), keys, sizeof(keys) - 1)};
    struct transfer_reference ref = {.repository = "team/app", .host_port = "other:5000"};
    CHECK_OK(client_open(&o, &c, &err));
    int rc = transfer_client_open(&c, &ref, &r, &err);
    CHECK_CONTAINS(err.msg, "other:5000 is not the server at http://127.0.0.1:");
    CHECK_ERR(rc, SW_EINVALID, NULL);
    CHECK_EQ_STR(stub_log(s), "");
    transfer_client_close(&r);
    (void)snprintf(ref.host_port, sizeof(ref.host_port), "%s", s->host_port);
    CHECK_OK(transfer_client_open(&c, &ref, &r, &err));
    CHECK_EQ_STR(r.authorization, "Basic QVdTOnB3");
    CHECK_EQ_STR(r.repository, "team/app");
    transfer_client_close(&r);
    client_close(&c);
    stub_free(s);
}
