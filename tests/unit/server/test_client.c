/* SPDX-License-Identifier: Apache-2.0 */
#include "server/client.h"

#include <sys/stat.h>

#include "base/encode.h"
#include "base/json.h"
#include "tests/unit/server/environment.h"
#include "tests/unit/server/http_stub.h"

static const char *credentials(const char *path, const char *id)
{
    char text[256];
    (void)snprintf(text, sizeof(text),
                   "[default]\naws_access_key_id = %s\naws_secret_access_key = secret-of-%s\n", id,
                   id);
    return test_write_file(path, text, strlen(text));
}

static void make_folder(const char *path)
{
    CHECK(mkdir(path, 0700) == 0);
}

static void check_key(const struct client_options *o, const char *id)
{
    struct sw_err err = SW_ERR_INIT;
    struct client c;
    char secret[64];

    CHECK_OK(client_open(o, &c, &err));
    CHECK_EQ_STR(c.access_key_id, id);
    (void)snprintf(secret, sizeof(secret), "secret-of-%s", id);
    CHECK_EQ_STR(c.secret_access_key, secret);
    client_close(&c);
}

/* Each step adds a place that comes earlier in the order, and must win. */
TEST(credentials_are_searched_in_order)
{
    clear_environment();
    make_folder(test_path(".aws"));
    make_folder(test_path("data"));
    setenv("SLIPWAY_DATA", test_path("data"), 1);
    struct client_options o = {.endpoint = "http://127.0.0.1:1"};

    credentials(test_path(".aws/credentials"), "HOME");
    check_key(&o, "HOME");
    credentials(test_path("data/credentials"), "DATA");
    check_key(&o, "DATA");
    setenv("AWS_SHARED_CREDENTIALS_FILE", credentials(test_path("shared"), "SHARED"), 1);
    check_key(&o, "SHARED");
    setenv("AWS_ACCESS_KEY_ID", "ENV", 1);
    check_key(&o, "SHARED"); /* half a pair is none */
    setenv("AWS_SECRET_ACCESS_KEY", "secret-of-ENV", 1);
    check_key(&o, "ENV");
    o.data_dir = test_path("data"); /* who names a data folder means that server */
    check_key(&o, "DATA");
    o.credentials_file = credentials(test_path("flag"), "FLAG");
    check_key(&o, "FLAG");
}

TEST(no_credentials_says_where_was_looked)
{
    struct sw_err err = SW_ERR_INIT;
    struct client c;

    clear_environment();
    struct client_options o = {.endpoint = "http://127.0.0.1:1", .data_dir = test_path("data")};
    int r = client_open(&o, &c, &err);
    CHECK_CONTAINS(err.msg, "AWS_SHARED_CREDENTIALS_FILE");
    CHECK_CONTAINS(err.msg, test_path("data/credentials"));
    CHECK_CONTAINS(err.msg, test_path(".aws/credentials"));
    CHECK_ERR(r, SW_ENOTFOUND, NULL);
    CHECK_NULL(c.endpoint);
}

TEST(named_credentials_file_must_be_there)
{
    struct sw_err err = SW_ERR_INIT;
    struct client c;

    clear_environment();
    make_folder(test_path("data"));
    credentials(test_path("data/credentials"), "DATA");
    struct client_options o = {.endpoint = "http://127.0.0.1:1",
                               .data_dir = test_path("data"),
                               .credentials_file = test_path("none")};
    CHECK_ERR(client_open(&o, &c, &err), SW_ENOTFOUND, NULL);
    o.credentials_file = NULL;
    o.data_dir = NULL;
    setenv("SLIPWAY_DATA", test_path("data"), 1);
    setenv("AWS_SHARED_CREDENTIALS_FILE", test_path("none"), 1);
    CHECK_ERR(client_open(&o, &c, &err), SW_ENOTFOUND, NULL);
}

TEST(profiles_are_told_apart)
{
    struct sw_err err = SW_ERR_INIT;
    char id[129], secret[129];
    static const char text[] = "; a comment\n"
                               "aws_access_key_id = STRAY\n"
                               "[ default ]\r\n"
                               "aws_access_key_id=A\r\n"
                               "aws_secret_access_key = a=b==\r\n"
                               "# another\n"
                               "[ci]\n"
                               "region = x\n"
                               "aws_secret_access_key = c\n"
                               "aws_access_key_id = C\n"
                               "[half]\n"
                               "aws_access_key_id = H\n"
                               "[\n"
                               "[broken\n"
                               "aws_secret_access_key = h\n";
    const char *path = test_write_file(test_path("c"), text, sizeof(text) - 1);

    CHECK_OK(credentials_read(path, "default", id, secret, &err));
    CHECK_EQ_STR(id, "A");
    CHECK_EQ_STR(secret, "a=b==");
    CHECK_OK(credentials_read(path, "ci", id, secret, &err));
    CHECK_EQ_STR(id, "C");
    CHECK_EQ_STR(secret, "c");
    int r = credentials_read(path, "half", id, secret, &err);
    CHECK_CONTAINS(err.msg, "no key pair in profile 'half'");
    CHECK_ERR(r, SW_ENOTFOUND, NULL);
    CHECK_ERR(credentials_read(path, "broken", id, secret, &err), SW_ENOTFOUND, NULL);
    CHECK_ERR(credentials_read(path, "", id, secret, &err), SW_ENOTFOUND, NULL);
}

TEST(profile_comes_from_option_then_environment)
{
    clear_environment();
    static const char text[] = "[default]\naws_access_key_id=D\naws_secret_access_key=secret-of-D\n"
                               "[e]\naws_access_key_id=E\naws_secret_access_key=secret-of-E\n"
                               "[o]\naws_access_key_id=O\naws_secret_access_key=secret-of-O\n";
    struct client_options o = {.endpoint = "http://127.0.0.1:1",
                               .credentials_file =
                                   test_write_file(test_path("c"), text, sizeof(text) - 1)};
    check_key(&o, "D");
    setenv("AWS_PROFILE", "e", 1);
    check_key(&o, "E");
    o.profile = "o";
    check_key(&o, "O");
}

TEST(an_oversized_key_is_not_cut)
{
    struct sw_err err = SW_ERR_INIT;
    char text[600], id[129], secret[129], longest[130];

    memset(longest, 'k', 129);
    longest[129] = '\0';
    int n = snprintf(text, sizeof(text),
                     "[default]\naws_access_key_id=%s\naws_secret_access_key=s\n", longest);
    const char *path = test_write_file(test_path("c"), text, (size_t)n);
    CHECK_ERR(credentials_read(path, "default", id, secret, &err), SW_ENOTFOUND, NULL);
}

TEST(written_credentials_are_private_and_read_back)
{
    struct sw_err err = SW_ERR_INIT;
    char id[129], secret[129];
    struct stat st;
    const char *path = test_path("c");

    CHECK_OK(credentials_write(path, "AKIAX", "s/+=", &err));
    CHECK(stat(path, &st) == 0);
    CHECK_EQ_INT(st.st_mode & 07777, 0600);
    CHECK_OK(credentials_read(path, "default", id, secret, &err));
    CHECK_EQ_STR(id, "AKIAX");
    CHECK_EQ_STR(secret, "s/+=");
}

static void check_endpoint(const struct client_options *o, const char *endpoint,
                           const char *host_port)
{
    struct sw_err err = SW_ERR_INIT;
    struct client c;

    CHECK_OK(client_open(o, &c, &err));
    CHECK_EQ_STR(c.endpoint, endpoint);
    CHECK_EQ_STR(c.host_port, host_port);
    CHECK(c.tls == (strncmp(endpoint, "https", 5) == 0));
    client_close(&c);
}

TEST(endpoint_is_searched_in_order)
{
    clear_environment();
    make_folder(test_path("data"));
    struct client_options o = {.data_dir = test_path("data"),
                               .credentials_file = credentials(test_path("c"), "A")};

    check_endpoint(&o, "http://127.0.0.1:5000", "127.0.0.1:5000");
    static const char line[] = "https://[::1]:5443\n";
    test_write_file(test_path("data/endpoint"), line, sizeof(line) - 1);
    check_endpoint(&o, "https://[::1]:5443", "[::1]:5443");
    setenv("SLIPWAY_ENDPOINT", "http://env:1", 1);
    check_endpoint(&o, "http://env:1", "env:1");
    o.endpoint = "http://flag:2///";
    check_endpoint(&o, "http://flag:2", "flag:2");
}

TEST(malformed_endpoints_are_refused)
{
    static const char *const bad[] = {"127.0.0.1:5000",  "ftp://a:1",       "http://",
                                      "https:///",       "http://a:1/path", "http://u:p@a:1",
                                      "http://a:1?x",    "http://a:1#x",    "http://a b:1",
                                      "http://a:1\nb:2", "HTTP://a:1/x",    ""};
    struct sw_err err = SW_ERR_INIT;
    struct client c;

    clear_environment();
    struct client_options o = {.credentials_file = credentials(test_path("c"), "A")};
    for (size_t i = 0; i < SW_ARRAY_LEN(bad); i++) {
        o.endpoint = bad[i];
        int r = client_open(&o, &c, &err);
        CHECK_MSG(r < 0, "'%s' was taken", bad[i]);
        CHECK_CONTAINS(err.msg, "endpoint '");
        CHECK_ERR(r, SW_EINVALID, NULL);
    }
}

TEST(region_is_searched_in_order)
{
    struct sw_err err = SW_ERR_INIT;
    struct client c;
    static const char *const wanted[] = {"us-east-1", "default-region", "region", "option"};

    clear_environment();
    struct client_options o = {.endpoint = "http://a:1",
                               .credentials_file = credentials(test_path("c"), "A")};
    for (size_t i = 0; i < SW_ARRAY_LEN(wanted); i++) {
        if (i == 1)
            setenv("AWS_DEFAULT_REGION", wanted[i], 1);
        if (i == 2)
            setenv("AWS_REGION", wanted[i], 1);
        if (i == 3)
            o.region = wanted[i];
        CHECK_OK(client_open(&o, &c, &err));
        CHECK_EQ_STR(c.region, wanted[i]);
        client_close(&c);
    }
    o.region = "a-region-that-is-much-longer-than-any-region-could-ever-be-in-earnest";
    CHECK_ERR(client_open(&o, &c, &err), SW_EINVALID, NULL);
}

/* What the stub answers to every call. */
struct answer {
    int status;
    const char *body;
};

static void give(void *ctx, const struct stub_request *r, struct sw_buf *out)
{
    const struct answer *a = ctx;
    (void)r;
    if (a->body)
        stub_answer_text(out, a->status, "Content-Type: application/x-amz-json-1.1\r\n", a->body);
}

static void open_at(const struct stub *s, struct client *ret)
{
    struct sw_err err = SW_ERR_INIT;
    struct client_options o = {.endpoint = s->endpoint,
                               .credentials_file = credentials(test_path("c"), "AKIAX")};
    CHECK_OK(client_open(&o, ret, &err));
}

TEST(a_call_is_signed_and_answered)
{
    struct sw_err err = SW_ERR_INIT;
    struct answer a = {200, "{\"x\":1}"};
    struct client c;
    sw_autojson json_t *in = json_pack("{s:s}", "k", "v"), *out = NULL;

    clear_environment();
    struct stub *s = stub_start(give, &a);
    open_at(s, &c);
    CHECK_OK(client_call(&c, TARGET_ECR ".ListImages", in, 0, &out, &err));
    CHECK_EQ_INT(sw_json_int(out, "x", 0), 1);
    stub_stop(s);
    CHECK_EQ_STR(stub_last(s)->line, "POST /");
    CHECK_EQ_STR(stub_last(s)->body.p, "{\"k\":\"v\"}");
    CHECK_CONTAINS(stub_last(s)->head.p, "X-Amz-Target: " TARGET_ECR ".ListImages\r\n");
    CHECK_CONTAINS(stub_last(s)->head.p, "AWS4-HMAC-SHA256 Credential=AKIAX/");
    CHECK_CONTAINS(stub_last(s)->head.p, "/us-east-1/ecr/aws4_request");
    CHECK(!strstr(stub_last(s)->head.p, "secret-of"));
    client_close(&c);
    stub_free(s);
}

static void service_of(const char *target, const char *part)
{
    struct sw_err err = SW_ERR_INIT;
    struct answer a = {200, "{}"};
    struct client c;

    clear_environment();
    struct stub *s = stub_start(give, &a);
    open_at(s, &c);
    CHECK_OK(client_call(&c, target, NULL, 0, NULL, &err));
    stub_stop(s);
    CHECK_CONTAINS(stub_last(s)->head.p, part);
    CHECK_EQ_STR(stub_last(s)->body.p, "{}");
    client_close(&c);
    stub_free(s);
}

TEST(each_service_has_its_signing_name)
{
    service_of(TARGET_ECS ".ListTasks", "/ecs/aws4_request");
    service_of("SlipwayAdmin_V20261121.ListUsers", "/iam/aws4_request");
    service_of("SlipwayAgent_V20261121.Poll", "/ecs/aws4_request");
}

static void error_of(int status, const char *body, int code, const char *reason, const char *part)
{
    struct sw_err err = SW_ERR_INIT;
    struct answer a = {status, body};
    struct client c;

    clear_environment();
    struct stub *s = stub_start(give, &a);
    open_at(s, &c);
    int r = client_call(&c, TARGET_ECS ".ListTasks", NULL, 0, NULL, &err);
    CHECK_CONTAINS(err.msg, part);
    CHECK_EQ_STR(err.reason, reason);
    CHECK_ERR(r, code, NULL);
    client_close(&c);
    stub_free(s);
}

TEST(modelled_errors_keep_type_and_message)
{
    error_of(400, "{\"__type\":\"ClusterNotFoundException\",\"message\":\"no such\"}", SW_ENOTFOUND,
             "ClusterNotFoundException", "no such");
    error_of(400, "{\"__type\":\"NoSuchEntity\",\"Message\":\"who\"}", SW_ENOTFOUND, "NoSuchEntity",
             "who");
    error_of(400, "{\"__type\":\"RepositoryAlreadyExistsException\",\"message\":\"m\"}",
             SW_ECONFLICT, "RepositoryAlreadyExistsException", "m");
    error_of(400, "{\"__type\":\"AccessDeniedException\",\"message\":\"m\"}", SW_EDENIED,
             "AccessDeniedException", "m");
    error_of(403, "{\"__type\":\"InvalidSignatureException\",\"message\":\"m\"}", SW_EDENIED,
             "InvalidSignatureException", "m");
    error_of(400, "{\"__type\":\"ClientException\"}", SW_EINVALID, "ClientException", "");
    error_of(500, "{\"__type\":\"ServerException\",\"message\":\"m\"}", SW_EUNAVAILABLE,
             "ServerException", "m");
}

TEST(other_answers_are_errors_too)
{
    error_of(502, "<html>", SW_EUNAVAILABLE, NULL, "the server answered 502");
    error_of(404, "", SW_EUNAVAILABLE, NULL, "the server answered 404");
    error_of(200, NULL, SW_EUNAVAILABLE, NULL, "http://127.0.0.1:");
}

TEST(garbage_after_success_names_the_call)
{
    struct sw_err err = SW_ERR_INIT;
    struct answer a = {200, "not json"};
    struct client c;
    json_t *out = NULL;

    clear_environment();
    struct stub *s = stub_start(give, &a);
    open_at(s, &c);
    int r = client_call(&c, TARGET_ECS ".ListTasks", NULL, 0, &out, &err);
    CHECK_CONTAINS(err.msg, "ListTasks");
    CHECK_ERR(r, SW_EINVALID, NULL);
    CHECK_NULL(out);
    client_close(&c);
    stub_free(s);
}

TEST(nobody_listening_is_unavailable)
{
    struct sw_err err = SW_ERR_INIT;
    struct answer a = {0};
    struct client c;

    clear_environment();
    struct stub *s = stub_start(give, &a);
    open_at(s, &c);
    stub_stop(s);
    CHECK_ERR(client_call(&c, TARGET_ECS ".ListTasks", NULL, 0, NULL, &err), SW_EUNAVAILABLE, NULL);
    client_close(&c);
    stub_free(s);
}

static int password_of(const char *plain, char out[TOKEN_MAX], int64_t *ret_expires,
                       struct sw_err *err)
{
    char encoded[256], body[512];
    sw_base64(plain, strlen(plain), encoded);
    (void)snprintf(body, sizeof(body),
                   "{\"authorizationData\":[{\"authorizationToken\":\"%s\",\"expiresAt\":1234.5}]}",
                   encoded);
    struct answer a = {200, body};
    struct client c;

    clear_environment();
    struct stub *s = stub_start(give, &a);
    open_at(s, &c);
    int r = client_registry_password(&c, out, ret_expires, err);
    client_close(&c);
    stub_free(s);
    return r;
}

TEST(registry_password_is_what_follows_the_user)
{
    struct sw_err err = SW_ERR_INIT;
    char password[TOKEN_MAX];
    int64_t expires = 0;

    CHECK_OK(password_of("AWS:pass:word", password, &expires, &err));
    CHECK_EQ_STR(password, "pass:word");
    CHECK_EQ_INT(expires, 1234);
    CHECK_ERR(password_of("AWS:", password, NULL, &err), SW_EINVALID, NULL);
    CHECK_ERR(password_of("bob:secret", password, NULL, &err), SW_EINVALID, NULL);
    CHECK_ERR(password_of("", password, NULL, &err), SW_EINVALID, NULL);
}
