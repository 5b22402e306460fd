/* SPDX-License-Identifier: Apache-2.0 */
/* What registries ask for: challenges, and token services that get no credentials. */
#include "base/macros.h"
#include "launcher/agent/registry_auth.h"
#include "tests/lib/test.h"

static struct registry_challenge parsed(const char *headers)
{
    SW_CLEANUP(sw_buf_done) struct sw_buf b = SW_BUF_INIT(8192);
    struct registry_challenge c;
    sw_buf_add_z(&b, headers);
    registry_challenge_parse(&b, &c);
    return c;
}

TEST(challenges)
{
    static const struct {
        const char *headers;
        enum challenge_scheme scheme;
        const char *realm, *service;
    } rows[] = {
        {"Content-Type: x\r\n", CHALLENGE_NONE, "", ""},
        {"WWW-Authenticate: Basic realm=\"r\"\r\n", CHALLENGE_BASIC, "r", ""},
        {"www-authenticate: basic\r\n", CHALLENGE_BASIC, "", ""},
        {"WWW-Authenticate: Bearer realm=\"https://a/t\",service=\"s\",scope=\"x,y\"\r\n",
         CHALLENGE_BEARER, "https://a/t", "s"},
        {"WWW-Authenticate: BEARER service=s , realm=https://a/t\r\n", CHALLENGE_BEARER,
         "https://a/t", "s"},
        {"WWW-Authenticate: Bearer realm=\"a\\\"b\"\r\n", CHALLENGE_BEARER, "a\"b", ""},
        {"WWW-Authenticate: Basic realm=\"r\"\r\nWWW-Authenticate: Bearer realm=\"b\"\r\n",
         CHALLENGE_BEARER, "b", ""},
        {"WWW-Authenticate: Bearer service=\"s\"\r\n", CHALLENGE_NONE, "", ""},
        {"WWW-Authenticate: Negotiate abc==\r\n", CHALLENGE_NONE, "", ""},
        {"WWW-Authenticate: \r\n", CHALLENGE_NONE, "", ""},
        {"WWW-Authenticate: Bearer realm=\"unclosed\r\n", CHALLENGE_BEARER, "unclosed", ""},
        {"WWW-Authenticate: Bearer =x,realm\r\n", CHALLENGE_NONE, "", ""},
    };
    for (size_t i = 0; i < SW_ARRAY_LEN(rows); i++) {
        struct registry_challenge c = parsed(rows[i].headers);
        CHECK_MSG(c.scheme == rows[i].scheme, "%s: %d", rows[i].headers, c.scheme);
        if (c.scheme != CHALLENGE_NONE) {
            CHECK_EQ_STR(c.realm, rows[i].realm);
            CHECK_EQ_STR(c.service, rows[i].service);
        }
    }
}

TEST(a_realm_that_is_too_long_is_none)
{
    char text[3000] = "WWW-Authenticate: Bearer realm=\"";
    size_t n = strlen(text);
    memset(text + n, 'x', 2000);
    memcpy(text + n + 2000, "\"\r\n", 4);
    CHECK_EQ_INT(parsed(text).scheme, CHALLENGE_NONE);
}

/* Nothing is sent: there is no client that could. */
static int answer(const struct image_reference *ref, const char *headers, char **ret,
                  struct sw_err *err)
{
    struct httpc_response refused = {.status = 401, .headers = SW_BUF_INIT(8192)};
    struct registry_auth *a = registry_auth_new(NULL);
    sw_buf_add_z(&refused.headers, headers);
    int r = registry_auth_answer(a, ref, &refused, NULL, ret, err);
    sw_autofree char *known = registry_auth_known(a, ref);
    if (r == 1)
        CHECK_EQ_STR(known, *ret);
    else
        CHECK_NULL(known);
    struct image_reference other = *ref;
    other.credentials = "Basic other";
    CHECK_NULL(registry_auth_known(a, &other));
    registry_auth_free(a);
    sw_buf_done(&refused.headers);
    return r;
}

TEST(basic_only_with_credentials)
{
    struct image_reference ref = {.host_port = "r.example.com", .repository = "a", .tls = true};
    struct sw_err err = SW_ERR_INIT;
    char *header = NULL;
    CHECK_EQ_INT(answer(&ref, "WWW-Authenticate: Basic realm=\"r\"\r\n", &header, &err), 0);
    ref.credentials = "Basic QTpC";
    CHECK_EQ_INT(answer(&ref, "WWW-Authenticate: Basic realm=\"r\"\r\n", &header, &err), 1);
    CHECK_EQ_STR(header, "Basic QTpC");
    free(header);
    CHECK_EQ_INT(answer(&ref, "Content-Length: 0\r\n", &header, &err), 0);
}

TEST(token_services_that_are_not_asked)
{
    static const struct {
        const char *host, *realm;
        bool tls;
    } rows[] = {
        {"r.example.com", "http://r.example.com/token", true},
        {"r.example.com", "http://127.0.0.1/token", true},
        {"127.0.0.1:5000", "http://elsewhere.example.com/token", false},
        {"127.0.0.1:5000", "ftp://127.0.0.1/token", false},
        {"r.example.com", "https://user@elsewhere.example.com/token", true},
        {"r.example.com", "/token", true},
    };
    for (size_t i = 0; i < SW_ARRAY_LEN(rows); i++) {
        struct image_reference ref = {
            .repository = "a", .tls = rows[i].tls, .credentials = "Basic QTpC"};
        struct sw_err err = SW_ERR_INIT;
        char header[300], *got = NULL;
        snprintf(ref.host_port, sizeof ref.host_port, "%s", rows[i].host);
        snprintf(header, sizeof header, "WWW-Authenticate: Bearer realm=\"%s\"\r\n", rows[i].realm);
        CHECK_EQ_INT(answer(&ref, header, &got, &err), SW_EINVALID);
        CHECK_CONTAINS(err.msg, "names a token service");
        CHECK_NULL(got);
    }
}
