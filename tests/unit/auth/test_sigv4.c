/* SPDX-License-Identifier: Apache-2.0 */
#include "auth/sigv4.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/digest.h"
#include "base/encode.h"
#include "base/limits.h"
#include "base/macros.h"
#include "tests/lib/test.h"
#include "tests/unit/auth/sigv4_cases.h"
#include "tests/unit/auth/sigv4_util.h"

#define NOW_US     (1440938160LL * 1000000) /* 20150830T123600Z */
#define SCOPE      "20150830/us-east-1/service/aws4_request"
#define CREDENTIAL "AKIDEXAMPLE/" SCOPE
#define AUTH(signed_headers, signature)                                         \
    "AWS4-HMAC-SHA256 Credential=" CREDENTIAL ", SignedHeaders=" signed_headers \
    ", Signature=" signature
#define VANILLA_SIGNATURE "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"
#define VANILLA_AUTH      AUTH("host;x-amz-date", VANILLA_SIGNATURE)

#define MISSING    "MissingAuthenticationTokenException"
#define INCOMPLETE "IncompleteSignatureException"
#define INVALID    "InvalidSignatureException"
#define UNKNOWN    "UnrecognizedClientException"

static int suite_secret(void *ctx, const struct sigv4_key *key, struct principal *ret,
                        char ret_secret[129], struct sw_err *err)
{
    if (ctx)
        ++*(int *)ctx;
    if (strcmp(key->access_key_id, "AKIDEXAMPLE") != 0 || key->session_token.n > 0)
        return sw_fail(err, SW_ENOTFOUND, UNKNOWN, "no such key");
    *ret =
        (struct principal){.kind = PRINCIPAL_USER, .name = "suite", .access_key_id = "AKIDEXAMPLE"};
    (void)snprintf(ret_secret, 129, "%s", SUITE_SECRET);
    return 0;
}

static int broken_secret(void *ctx SW_UNUSED, const struct sigv4_key *key SW_UNUSED,
                         struct principal *ret SW_UNUSED, char ret_secret[129] SW_UNUSED,
                         struct sw_err *err)
{
    return sw_fail(err, SW_EIO, NULL, "the disk is gone");
}

static int verify(const struct parsed *p, int64_t now_us, struct sigv4_result *ret,
                  struct sw_err *err)
{
    return sigv4_verify(&p->req, now_us, suite_secret, NULL, ret, err);
}

/* Verifies and wants this refusal, whose message holds `part`. */
static void check_refused(const struct parsed *p, int64_t now_us, const char *reason,
                          const char *part)
{
    struct sw_err err = SW_ERR_INIT;
    struct sigv4_result res = {.region = "untouched"};

    CHECK_EQ_INT(verify(p, now_us, &res, &err), SW_EDENIED);
    CHECK_EQ_STR(err.reason, reason);
    CHECK_CONTAINS(err.msg, part);
    CHECK_EQ_STR(res.region, "untouched");
}

static void vanilla(struct parsed *p, const char *authorization)
{
    parse_request("GET / HTTP/1.1\nHost:example.amazonaws.com\nX-Amz-Date:20150830T123600Z\n\n", p);
    if (authorization)
        add_header(p, "Authorization", authorization);
}

/* ---- the public suite ---- */

TEST(suite_canonical_requests)
{
    for (size_t i = 0; i < SW_ARRAY_LEN(sigv4_cases); i++) {
        const struct sigv4_case *c = &sigv4_cases[i];
        SW_CLEANUP(sw_buf_done) struct sw_buf out = SW_BUF_INIT(16384);
        struct sw_err err = SW_ERR_INIT;
        struct parsed p;
        unsigned char hash[32];
        char hex[65];
        parse_request(c->request, &p);
        sw_sha256(p.req.body.p, p.req.body.n, hash);
        sw_hex(hash, 32, hex);
        const char *from = strstr(c->authorization, "SignedHeaders=") + 14, *to = strchr(from, ',');
        int r = sigv4_canonical_request(&p.req, sw_str_n(from, (size_t)(to - from)), sw_str(hex),
                                        c->normalize, &out, &err);
        CHECK_MSG(r == 0, "case %s: %s", c->name, err.msg);
        CHECK_MSG(strcmp(sw_buf_str(&out).p, c->canonical) == 0, "case %s: got\n%s", c->name,
                  out.p);
    }
}

TEST(suite_strings_to_sign)
{
    for (size_t i = 0; i < SW_ARRAY_LEN(sigv4_cases); i++) {
        const struct sigv4_case *c = &sigv4_cases[i];
        SW_CLEANUP(sw_buf_done) struct sw_buf out = SW_BUF_INIT(1024);
        sigv4_string_to_sign(sw_str(c->canonical), "20150830T123600Z", SCOPE, &out);
        CHECK_EQ_STR(out.p, c->string_to_sign);
    }
}

TEST(suite_signatures)
{
    for (size_t i = 0; i < SW_ARRAY_LEN(sigv4_cases); i++) {
        const struct sigv4_case *c = &sigv4_cases[i];
        char hex[65];
        sigv4_signature(SUITE_SECRET, "20150830", "us-east-1", "service", sw_str(c->string_to_sign),
                        hex);
        CHECK_EQ_STR(hex, strstr(c->authorization, "Signature=") + 10);
    }
}

TEST(suite_verifies)
{
    size_t tokens = 0;

    for (size_t i = 0; i < SW_ARRAY_LEN(sigv4_cases); i++) {
        const struct sigv4_case *c = &sigv4_cases[i];
        struct sw_err err = SW_ERR_INIT;
        struct sigv4_result res = {0};
        struct parsed p;
        parse_request(c->request, &p);
        add_header(&p, "Authorization", c->authorization);
        if (strstr(c->request, "X-Amz-Security-Token")) {
            check_refused(&p, NOW_US, UNKNOWN, "security token");
            tokens++;
            continue;
        }
        bool same =
            c->normalize || strstr(c->name, "get_space"); /* the others sign what only s3 would */
        int r = verify(&p, NOW_US, &res, &err);
        CHECK_MSG((r == 0) == same, "case %s: %s", c->name, err.msg);
        if (r == 0) {
            CHECK_EQ_STR(res.region, "us-east-1");
            CHECK_EQ_STR(res.service, "service");
            CHECK_EQ_STR(res.principal.name, "suite");
        }
    }
    CHECK_EQ_INT(tokens, 2);
}

TEST(suite_signs_the_same)
{
    for (size_t i = 0; i < SW_ARRAY_LEN(sigv4_cases); i++) {
        const struct sigv4_case *c = &sigv4_cases[i];
        SW_CLEANUP(sw_buf_done) struct sw_buf out = SW_BUF_INIT(1024);
        struct sw_err err = SW_ERR_INIT;
        struct parsed p;
        if (!c->normalize)
            continue;
        parse_request(c->request, &p);
        CHECK_OK(sigv4_sign(&p.req, "AKIDEXAMPLE", SUITE_SECRET, "us-east-1", "service",
                            "20150830T123600Z", &out, &err));
        CHECK_EQ_STR(out.p, c->authorization);
    }
}

/* ---- what verification refuses ---- */

TEST(refuses_no_authorization)
{
    struct parsed p;

    vanilla(&p, NULL);
    check_refused(&p, NOW_US, MISSING, "Missing Authentication Token");
    add_header(&p, "Authorization", "  ");
    check_refused(&p, NOW_US, MISSING, "Missing Authentication Token");
}

TEST(refuses_a_signature_in_the_query_by_name)
{
    struct parsed p;

    parse_request("GET /?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Signature=00 HTTP/1.1\nHost:a\n\n",
                  &p);
    check_refused(&p, NOW_US, INCOMPLETE, "in the query");
}

TEST(refuses_malformed_authorization)
{
    static const struct {
        const char *value, *reason, *part;
    } rows[] = {
        {"Basic QVdTOng=", INCOMPLETE, "'Basic'"},
        {"SECRET+/=", INCOMPLETE, "Unsupported AWS 'algorithm'. "},
        {"AWS4-ECDSA-P256-SHA256 Credential=a/b/c/d", INCOMPLETE, "SigV4a"},
        {"AWS4-HMAC-SHA256", INCOMPLETE, "requires 'Credential'"},
        {"AWS4-HMAC-SHA256  ,", INCOMPLETE, "each once"},
        {"AWS4-HMAC-SHA256 Credential=" CREDENTIAL, INCOMPLETE, "requires 'SignedHeaders'"},
        {"AWS4-HMAC-SHA256 Credential=" CREDENTIAL ", SignedHeaders=host", INCOMPLETE,
         "requires 'Signature'"},
        {"AWS4-HMAC-SHA256 Credential=, SignedHeaders=host, Signature=00", INCOMPLETE,
         "requires 'Credential'"},
        {"AWS4-HMAC-SHA256 Credential=" CREDENTIAL ", Credential=" CREDENTIAL, INCOMPLETE,
         "each once"},
        {VANILLA_AUTH ", More=1", INCOMPLETE, "each once"},
        {VANILLA_AUTH ",", INCOMPLETE, "each once"},
        {"AWS4-HMAC-SHA256 Credential=A/20150830/us-east-1/service, SignedHeaders=host, "
         "Signature=0",
         INCOMPLETE, "5 slash"},
        {"AWS4-HMAC-SHA256 Credential=A/" SCOPE "/x, SignedHeaders=host, Signature=0", INCOMPLETE,
         "5 slash"},
        {"AWS4-HMAC-SHA256 Credential=A/20150830/us-east-1/service/aws5_request, "
         "SignedHeaders=host, Signature=0",
         INVALID, "terminator"},
        {"AWS4-HMAC-SHA256 Credential=A/20150830/US'1/service/aws4_request, SignedHeaders=host, "
         "Signature=0",
         INVALID, "valid region"},
        {"AWS4-HMAC-SHA256 Credential=A/20150830//service/aws4_request, SignedHeaders=host, "
         "Signature=0",
         INVALID, "valid region"},
        {"AWS4-HMAC-SHA256 Credential=A/20150830/us-east-1/s_s/aws4_request, SignedHeaders=host, "
         "Signature=0",
         INVALID, "valid service"},
        {AUTH("x-amz-date;host", VANILLA_SIGNATURE), INCOMPLETE, "in order"},
        {AUTH("host;host;x-amz-date", VANILLA_SIGNATURE), INCOMPLETE, "each once"},
        {AUTH("Host;x-amz-date", VANILLA_SIGNATURE), INCOMPLETE, "lower-case"},
        {AUTH("host;;x-amz-date", VANILLA_SIGNATURE), INCOMPLETE, "header names"},
        {AUTH(";host;x-amz-date", VANILLA_SIGNATURE), INCOMPLETE, "header names"},
        {AUTH("x-amz-date", VANILLA_SIGNATURE), INVALID,
         "'Host' or ':authority' must be a 'SignedHeader'"},
        {AUTH("host", VANILLA_SIGNATURE), INVALID, "not signed: 'X-Amz-Date'"},
        {AUTH("accept;host;x-amz-date", VANILLA_SIGNATURE), INVALID,
         "'accept' is not in the request"},
    };

    for (size_t i = 0; i < SW_ARRAY_LEN(rows); i++) {
        struct parsed p;
        vanilla(&p, rows[i].value);
        check_refused(&p, NOW_US, rows[i].reason, rows[i].part);
    }
}

TEST(refuses_an_authorization_beyond_the_limit)
{
    static char value[LIMIT_TOKEN + 100];
    struct parsed p;

    memset(value, 'a', sizeof(value) - 1);
    value[sizeof(value) - 1] = 0;
    memcpy(value, "AWS4-HMAC-SHA256 ", 17);
    vanilla(&p, value);
    check_refused(&p, NOW_US, INCOMPLETE, "longer than 8192");
}

TEST(refuses_more_than_100_signed_headers)
{
    char value[2048];
    size_t n =
        (size_t)snprintf(value, sizeof(value),
                         "AWS4-HMAC-SHA256 Credential=" CREDENTIAL ",Signature=0,SignedHeaders=");
    struct parsed p;

    for (int i = 0; i <= 100; i++)
        n += (size_t)snprintf(value + n, sizeof(value) - n, "%sa%03d", i ? ";" : "", i);
    vanilla(&p, value);
    check_refused(&p, NOW_US, INCOMPLETE, "at most 100");
}

TEST(refuses_a_header_that_decides_given_twice)
{
    static const char *const names[] = {"authorization", "x-amz-date", "X-AMZ-CONTENT-SHA256",
                                        "X-Amz-Security-Token"};

    for (size_t i = 0; i < SW_ARRAY_LEN(names); i++) {
        struct parsed p;
        vanilla(&p, AUTH("host;x-amz-content-sha256;x-amz-date;x-amz-security-token",
                         VANILLA_SIGNATURE));
        add_header(&p, names[i], "20150830T123600Z");
        if (i > 1)
            add_header(&p, names[i], "20150830T123600Z");
        check_refused(&p, NOW_US, INCOMPLETE, "more than one");
    }
}

TEST(refuses_x_amz_headers_that_are_not_signed)
{
    struct parsed p;

    vanilla(&p, VANILLA_AUTH);
    add_header(&p, "X-Amz-Target", "AmazonEC2ContainerRegistry_V20150921.DeleteRepository");
    check_refused(&p, NOW_US, INVALID, "not signed: 'X-Amz-Target'");
}

TEST(takes_other_headers_that_are_not_signed)
{
    struct sw_err err = SW_ERR_INIT;
    struct sigv4_result res;
    struct parsed p;

    vanilla(&p, VANILLA_AUTH);
    add_header(&p, "X-Amzn-Trace-Id", "Root=1");
    add_header(&p, "User-Agent", "aws-cli");
    CHECK_OK(verify(&p, NOW_US, &res, &err));
}

TEST(takes_authorization_in_any_order_and_spacing)
{
    struct sw_err err = SW_ERR_INIT;
    struct sigv4_result res;
    struct parsed p;

    vanilla(&p, "AWS4-HMAC-SHA256 Signature=" VANILLA_SIGNATURE
                ",SignedHeaders=host;x-amz-date ,  Credential=" CREDENTIAL);
    CHECK_OK(verify(&p, NOW_US, &res, &err));
}

TEST(refuses_an_unknown_access_key)
{
    struct parsed p;

    vanilla(&p, "AWS4-HMAC-SHA256 Credential=NOBODY/" SCOPE
                ", SignedHeaders=host;x-amz-date, Signature=" VANILLA_SIGNATURE);
    check_refused(&p, NOW_US, UNKNOWN, "The security token included in the request is invalid.");
    vanilla(&p, "AWS4-HMAC-SHA256 Credential=A23456789012345678901234567890123/" SCOPE
                ", SignedHeaders=host;x-amz-date, Signature=" VANILLA_SIGNATURE);
    check_refused(&p, NOW_US, UNKNOWN, "The security token included in the request is invalid.");
    vanilla(&p, "AWS4-HMAC-SHA256 Credential=/" SCOPE
                ", SignedHeaders=host;x-amz-date, Signature=" VANILLA_SIGNATURE);
    check_refused(&p, NOW_US, UNKNOWN, "The security token included in the request is invalid.");
}

TEST(hands_on_a_failure_to_look_up_the_key)
{
    struct sw_err err = SW_ERR_INIT;
    struct sigv4_result res;
    struct parsed p;

    vanilla(&p, VANILLA_AUTH);
    CHECK_ERR(sigv4_verify(&p.req, NOW_US, broken_secret, NULL, &res, &err), SW_EIO, NULL);
}

/* What a body would change does not matter: the time and the key do. */
TEST(the_head_is_checked_without_a_body)
{
    struct sw_err err = SW_ERR_INIT;
    struct parsed p;

    vanilla(&p, VANILLA_AUTH);
    p.req.body = SW_STR("something else");
    CHECK_OK(sigv4_check_head(&p.req, NOW_US, suite_secret, NULL, &err));
    CHECK_ERR(sigv4_check_head(&p.req, NOW_US + 301 * 1000000LL, suite_secret, NULL, &err),
              SW_EDENIED, INVALID);
    CHECK_ERR(sigv4_check_head(&p.req, NOW_US, broken_secret, NULL, &err), SW_EIO, NULL);
    p.req.headers_n = 0;
    CHECK_ERR(sigv4_check_head(&p.req, NOW_US, suite_secret, NULL, &err), SW_EDENIED, MISSING);
}

static int no_secret(void *ctx SW_UNUSED, const struct sigv4_key *key SW_UNUSED,
                     struct principal *ret SW_UNUSED, char ret_secret[129] SW_UNUSED,
                     struct sw_err *err)
{
    return sw_fail(err, SW_ENOTFOUND, "UnrecognizedClientException", "nobody's");
}

TEST(a_key_is_looked_for_whatever_else_is_wrong)
{
    struct parsed p;

    vanilla(&p, VANILLA_AUTH);
    CHECK(sigv4_key_exists(&p.req, NOW_US + 301 * 1000000LL, suite_secret, NULL));
    CHECK(!sigv4_key_exists(&p.req, NOW_US, no_secret, NULL));
    p.req.headers_n = 0;
    CHECK(!sigv4_key_exists(&p.req, NOW_US, suite_secret, NULL));
}

TEST(asks_for_no_secret_of_an_expired_request)
{
    struct sw_err err = SW_ERR_INIT;
    struct sigv4_result res;
    struct parsed p;
    int calls = 0;

    vanilla(&p, VANILLA_AUTH);
    CHECK_ERR(sigv4_verify(&p.req, NOW_US + 301 * 1000000LL, suite_secret, &calls, &res, &err),
              SW_EDENIED, INVALID);
    CHECK_EQ_INT(calls, 0);
    CHECK_OK(sigv4_verify(&p.req, NOW_US, suite_secret, &calls, &res, &err));
    CHECK_EQ_INT(calls, 1);
}

/* ---- time ---- */

TEST(skew_of_five_minutes_both_ways)
{
    struct sw_err err = SW_ERR_INIT;
    struct sigv4_result res;
    struct parsed p;

    vanilla(&p, VANILLA_AUTH);
    CHECK_OK(verify(&p, NOW_US + 300 * 1000000LL + 999999, &res, &err));
    CHECK_OK(verify(&p, NOW_US - 300 * 1000000LL, &res, &err));
    check_refused(&p, NOW_US + 301 * 1000000LL, INVALID,
                  "Signature expired: 20150830T123600Z is now earlier than 20150830T123601Z "
                  "(20150830T124101Z - 5 min.)");
    check_refused(&p, NOW_US - 301 * 1000000LL, INVALID,
                  "Signature not yet current: 20150830T123600Z is still later than "
                  "20150830T123559Z (20150830T123059Z + 5 "
                  "min.)");
}

TEST(refuses_bad_dates)
{
    static const struct {
        const char *headers, *reason, *part;
    } rows[] = {
        {"", INCOMPLETE, "'X-Amz-Date' or a 'Date'"},
        {"X-Amz-Date:\n", INCOMPLETE, "ISO-8601"},
        {"X-Amz-Date:2015-08-30T12:36:00Z\n", INCOMPLETE, "ISO-8601"},
        {"X-Amz-Date:20150230T123600Z\n", INCOMPLETE, "ISO-8601"},
        {"X-Amz-Date:Sun, 30 Aug 2015 12:36:00 GMT\n", INCOMPLETE, "ISO-8601"},
        {"Date:yesterday\n", INCOMPLETE, "ISO-8601"},
        {"X-Amz-Date:20150831T000000Z\n", INVALID, "does not match YYYYMMDD"},
        {"Date:Mon, 31 Aug 2015 00:00:00 GMT\n", INVALID, "does not match YYYYMMDD"},
    };

    for (size_t i = 0; i < SW_ARRAY_LEN(rows); i++) {
        struct parsed p;
        char text[512];
        (void)snprintf(text, sizeof(text), "GET / HTTP/1.1\nHost:example.amazonaws.com\n%s\n",
                       rows[i].headers);
        if (rows[i].headers[0] == 0)
            (void)snprintf(text, sizeof(text), "GET / HTTP/1.1\nHost:example.amazonaws.com\n\n");
        parse_request(text, &p);
        add_header(&p, "Authorization", VANILLA_AUTH);
        check_refused(&p, NOW_US, rows[i].reason, rows[i].part);
    }
}

/* Signs by the pieces, so that what sigv4_sign would refuse can be signed too. */
static void sign_by_hand(struct parsed *p, const char *signed_headers, const char *service,
                         const char *payload, char out[1024])
{
    SW_CLEANUP(sw_buf_done) struct sw_buf canonical = SW_BUF_INIT(65536), sts = SW_BUF_INIT(1024);
    struct sw_err err = SW_ERR_INIT;
    unsigned char hash[32];
    char hex[65], scope[128];

    sw_sha256(p->req.body.p, p->req.body.n, hash);
    sw_hex(hash, 32, hex);
    CHECK_OK(sigv4_canonical_request(&p->req, sw_str(signed_headers),
                                     sw_str(payload ? payload : hex), strcmp(service, "s3") != 0,
                                     &canonical, &err));
    (void)snprintf(scope, sizeof(scope), "20150830/us-east-1/%s/aws4_request", service);
    sigv4_string_to_sign(sw_buf_str(&canonical), "20150830T123600Z", scope, &sts);
    sigv4_signature(SUITE_SECRET, "20150830", "us-east-1", service, sw_buf_str(&sts), hex);
    (void)snprintf(out, 1024,
                   "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/%s, SignedHeaders=%s, Signature=%s",
                   scope, signed_headers, hex);
    add_header(p, "Authorization", out);
}

TEST(takes_the_date_header)
{
    static const char *const dates[] = {"Sun, 30 Aug 2015 12:36:00 GMT", "20150830T123600Z"};

    for (size_t i = 0; i < SW_ARRAY_LEN(dates); i++) {
        struct sw_err err = SW_ERR_INIT;
        struct sigv4_result res;
        struct parsed p;
        char text[256], out[1024];
        (void)snprintf(text, sizeof(text), "POST / HTTP/1.1\nHost:a\nDate:%s\n\n{}", dates[i]);
        parse_request(text, &p);
        sign_by_hand(&p, "date;host", "ecr", NULL, out);
        CHECK_OK(verify(&p, NOW_US, &res, &err));
        CHECK_EQ_STR(res.service, "ecr");
    }
}

/* ---- body ---- */

#define POSTED "POST / HTTP/1.1\nHost:a\nX-Amz-Date:20150830T123600Z\n"

TEST(refuses_a_changed_body)
{
    struct parsed p;
    char out[1024];

    parse_request(POSTED "\n{\"a\":1}", &p);
    sign_by_hand(&p, "host;x-amz-date", "ecr", NULL, out);
    p.req.body = SW_STR("{\"a\":2}");
    check_refused(&p, NOW_US, INVALID,
                  "The request signature we calculated does not match the signature you provided. "
                  "Check your AWS Secret "
                  "Access Key and signing method. Consult the service documentation for details.");
}

TEST(refuses_a_body_that_is_not_what_its_hash_header_says)
{
    struct parsed p;
    char out[1024];

    parse_request(
        POSTED "x-amz-content-sha256:"
               "9095672bbd1f56dfc5b65f3e153adc8731a4a654192329106275f4c7b24d0b6e\n\nParam1=value2",
        &p);
    sign_by_hand(&p, "host;x-amz-content-sha256;x-amz-date", "ecr",
                 "9095672bbd1f56dfc5b65f3e153adc8731a4a654192329106275f4c7b24d0b6e", out);
    check_refused(&p, NOW_US, INVALID,
                  "'x-amz-content-sha256' header does not match what was computed");
}

TEST(refuses_unsigned_and_streamed_bodies_by_name)
{
    static const char *const forms[] = {"UNSIGNED-PAYLOAD", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD",
                                        "STREAMING-UNSIGNED-PAYLOAD-TRAILER"};

    for (size_t i = 0; i < SW_ARRAY_LEN(forms); i++) {
        struct parsed p;
        char text[256], out[1024];
        (void)snprintf(text, sizeof(text), POSTED "x-amz-content-sha256:%s\n\n{}", forms[i]);
        parse_request(text, &p);
        sign_by_hand(&p, "host;x-amz-content-sha256;x-amz-date", "ecr", forms[i], out);
        check_refused(&p, NOW_US, INVALID, forms[i]);
    }
}

/* ---- properties ---- */

TEST(flipping_any_byte_of_the_signature_or_request_fails)
{
    struct parsed p;
    char out[1024];
    struct sw_err err = SW_ERR_INIT;
    struct sigv4_result res;

    parse_request(
        "POST /p%20q?b=2&a=1 "
        "HTTP/"
        "1.1\nHost:registry.example\nX-Amz-Target:T.Op\nX-Amz-Date:20150830T123600Z\n\n{\"a\":1}",
        &p);
    sign_by_hand(&p, "host;x-amz-date;x-amz-target", "ecr", NULL, out);
    CHECK_OK(verify(&p, NOW_US, &res, &err));
    for (int bit = 0; bit < 8; bit++) {
        for (char *c = out; *c; c++) {
            *c = (char)(*c ^ (1 << bit));
            int r = *c ? verify(&p, NOW_US, &res, &err)
                       : SW_EDENIED; /* a NUL would only shorten the string */
            CHECK_MSG(r == SW_EDENIED, "authorization byte %td bit %d", c - out, bit);
            sw_err_clear(&err);
            *c = (char)(*c ^ (1 << bit));
        }
    }
    struct sw_str parts[] = {p.req.method,       p.req.path,         p.req.query,       p.req.body,
                             p.headers[0].value, p.headers[1].value, p.headers[2].value};
    for (size_t i = 0; i < SW_ARRAY_LEN(parts); i++) {
        for (size_t at = 0; at < parts[i].n; at++) {
            char *c = (char *)(uintptr_t)parts[i].p + at;
            *c = (char)(*c ^ 1);
            int r = verify(&p, NOW_US, &res, &err);
            CHECK_MSG(r == SW_EDENIED, "part %zu byte %zu", i, at);
            sw_err_clear(&err);
            *c = (char)(*c ^ 1);
        }
    }
    CHECK_OK(verify(&p, NOW_US, &res, &err));
}

TEST(paths_are_normalised_but_for_s3)
{
    static const struct {
        const char *path, *normal, *plain;
    } rows[] = {
        {"", "/", "/"},
        {"/", "/", "/"},
        {"/a/b/..", "/a", "/a/b/.."},
        {"/a/b/../", "/a/", "/a/b/../"},
        {"/../../x", "/x", "/../../x"},
        {"/a//b/.", "/a/b", "/a//b/."},
        {"/a%20b", "/a%2520b", "/a%20b"},
        {"/a%2fb", "/a%252fb", "/a%2Fb"},
        {"/a%7Eb%", "/a%257Eb%25", "/a~b%25"},
        {"/a%zz%4", "/a%25zz%254", "/a%25zz%254"},
        {"/a+b*c'", "/a%2Bb%2Ac%27", "/a%2Bb%2Ac%27"},
    };

    for (size_t i = 0; i < SW_ARRAY_LEN(rows); i++) {
        for (int normal = 0; normal < 2; normal++) {
            SW_CLEANUP(sw_buf_done) struct sw_buf out = SW_BUF_INIT(4096);
            struct sw_err err = SW_ERR_INIT;
            char want[128];
            struct sigv4_header host = {SW_STR("host"), SW_STR("a")};
            struct sigv4_request req = {.method = SW_STR("GET"),
                                        .path = sw_str(rows[i].path),
                                        .headers = &host,
                                        .headers_n = 1};
            CHECK_OK(
                sigv4_canonical_request(&req, SW_STR("host"), SW_STR("h"), normal, &out, &err));
            (void)snprintf(want, sizeof(want), "GET\n%s\n\nhost:a\n\nhost\nh",
                           normal ? rows[i].normal : rows[i].plain);
            CHECK_EQ_STR(out.p, want);
        }
    }
}

TEST(s3_signs_the_plain_path)
{
    struct sw_err err = SW_ERR_INIT;
    struct sigv4_result res;
    struct parsed p;
    char out[1024];

    parse_request("PUT /bucket//key%20x HTTP/1.1\nHost:a\nX-Amz-Date:20150830T123600Z\n\nbytes",
                  &p);
    sign_by_hand(&p, "host;x-amz-date", "s3", NULL, out);
    CHECK_OK(verify(&p, NOW_US, &res, &err));
}

TEST(queries_are_sorted_and_encoded)
{
    static const struct {
        const char *query, *want;
    } rows[] = {
        {"a", "a="},
        {"a=", "a="},
        {"=", "="},
        {"b=1&a=2", "a=2&b=1"},
        {"a=2&a=10&a", "a=&a=10&a=2"},
        {"a=b=c", "a=b%3Dc"},
        {"a+b=c%20d", "a%2Bb=c%20d"},
        {"%61=%7e", "a=~"},
        {"&&a=1&", "a=1"},
        {"ab=1&a-b=2&a=3", "a=3&a-b=2&ab=1"},
        {"a=%", "a=%25"},
    };

    for (size_t i = 0; i < SW_ARRAY_LEN(rows); i++) {
        SW_CLEANUP(sw_buf_done) struct sw_buf out = SW_BUF_INIT(4096);
        struct sw_err err = SW_ERR_INIT;
        char want[128];
        struct sigv4_header host = {SW_STR("host"), SW_STR("a")};
        struct sigv4_request req = {.method = SW_STR("GET"),
                                    .path = SW_STR("/"),
                                    .query = sw_str(rows[i].query),
                                    .headers = &host,
                                    .headers_n = 1};
        CHECK_OK(sigv4_canonical_request(&req, SW_STR("host"), SW_STR("h"), true, &out, &err));
        (void)snprintf(want, sizeof(want), "GET\n/\n%s\nhost:a\n\nhost\nh", rows[i].want);
        CHECK_EQ_STR(out.p, want);
    }
}

TEST(canonical_request_has_maxima)
{
    SW_CLEANUP(sw_buf_done) struct sw_buf out = SW_BUF_INIT(100);
    struct sw_err err = SW_ERR_INIT;
    char query[2002], value[200];
    struct sigv4_header host = {SW_STR("host"), {value, sizeof(value)}};
    struct sigv4_request req = {
        .method = SW_STR("GET"), .path = SW_STR("/"), .headers = &host, .headers_n = 1};

    memset(value, 'v', sizeof(value));
    CHECK_ERR(sigv4_canonical_request(&req, SW_STR("host"), SW_STR("h"), true, &out, &err),
              SW_EDENIED, INCOMPLETE);
    memset(query, '&', sizeof(query));
    req.query = sw_str_n(query, sizeof(query));
    sw_buf_reset(&out);
    CHECK_ERR(sigv4_canonical_request(&req, SW_STR("host"), SW_STR("h"), true, &out, &err),
              SW_EDENIED, INCOMPLETE);
}

TEST(sign_refuses_what_cannot_be_verified)
{
    SW_CLEANUP(sw_buf_done) struct sw_buf out = SW_BUF_INIT(1024);
    struct sw_err err = SW_ERR_INIT;
    struct parsed p;

    parse_request("GET / HTTP/1.1\nHost:a\n\n", &p);
    CHECK_ERR(sigv4_sign(&p.req, "A", "s", "us-east-1", "ecr", "20150830T123600Z", &out, &err),
              SW_EINVALID, NULL);
    p.req.headers_n = 0;
    CHECK_ERR(sigv4_sign(&p.req, "A", "s", "us-east-1", "ecr", "20150830T123600Z", &out, &err),
              SW_EINVALID, NULL);
    vanilla(&p, NULL);
    CHECK_ERR(sigv4_sign(&p.req, "A", "s", "us east", "ecr", "20150830T123600Z", &out, &err),
              SW_EINVALID, NULL);
    CHECK_ERR(sigv4_sign(&p.req, "A", "s", "us-east-1", "ecr", "2015", &out, &err), SW_EINVALID,
              NULL);
    add_header(&p, "x-amz-content-sha256", "UNSIGNED-PAYLOAD");
    CHECK_ERR(sigv4_sign(&p.req, "A", "s", "us-east-1", "ecr", "20150830T123600Z", &out, &err),
              SW_EINVALID, NULL);
}

TEST(sign_leaves_out_what_proxies_change)
{
    SW_CLEANUP(sw_buf_done) struct sw_buf out = SW_BUF_INIT(1024);
    struct sw_err err = SW_ERR_INIT;
    struct sigv4_result res;
    struct parsed p;

    vanilla(&p, NULL);
    add_header(&p, "User-Agent", "slipway");
    add_header(&p, "Expect", "100-continue");
    CHECK_OK(sigv4_sign(&p.req, "AKIDEXAMPLE", SUITE_SECRET, "us-east-1", "service",
                        "20150830T123600Z", &out, &err));
    CHECK_EQ_STR(out.p, VANILLA_AUTH);
    p.req.headers_n -= 2;
    add_header(&p, "Authorization", out.p);
    CHECK_OK(verify(&p, NOW_US, &res, &err));
}
