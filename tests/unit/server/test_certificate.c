/* SPDX-License-Identifier: Apache-2.0 */
#include "server/certificate.h"

#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/macros.h"
#include "tests/lib/test.h"

#define NOW_S 1793000000LL
#define DAY_S 86400LL

static int issue(const char *host, bool force, int64_t now_s, struct certificate_result *ret,
                 struct sw_err *err)
{
    const char *hosts[] = {host, "192.0.2.7"};
    struct certificate_request q = {
        .dir = test_dir(), .hosts = hosts, .hosts_n = 2, .force = force, .now_s = now_s};

    *ret = (struct certificate_result){0};
    return certificate_issue(&q, ret, err);
}

static struct certificate_result issued(const char *host, bool force, int64_t now_s)
{
    struct sw_err err = SW_ERR_INIT;
    struct certificate_result r;
    CHECK_OK(issue(host, force, now_s, &r, &err));
    return r;
}

static void refused(bool force, int64_t now_s, const char *part)
{
    struct sw_err err = SW_ERR_INIT;
    struct certificate_result r;
    int status = issue("a.example", force, now_s, &r, &err);
    CHECK_CONTAINS(err.msg, part);
    CHECK(status < 0);
}

static X509 *read_first(const char *name)
{
    FILE *f = fopen(test_path("%s", name), "re");
    CHECK_NOT_NULL(f);
    X509 *x = PEM_read_X509(f, NULL, NULL, NULL);
    (void)fclose(f);
    CHECK_NOT_NULL(x);
    return x;
}

/* A strict verifier accepts the leaf for that name, at that time. */
static bool verifies(const char *host, int64_t at_s)
{
    X509 *ca = read_first("ca.crt"), *leaf = read_first("tls.crt");
    X509_STORE *store = X509_STORE_new();
    X509_STORE_CTX *ctx = X509_STORE_CTX_new();
    X509_VERIFY_PARAM *param = X509_STORE_get0_param(store);

    (void)X509_STORE_add_cert(store, ca);
    (void)X509_VERIFY_PARAM_set_flags(param, X509_V_FLAG_X509_STRICT);
    X509_VERIFY_PARAM_set_time(param, at_s);
    (void)X509_VERIFY_PARAM_set_purpose(param, X509_PURPOSE_SSL_SERVER);
    if (strspn(host, "0123456789.:") == strlen(host))
        (void)X509_VERIFY_PARAM_set1_ip_asc(param, host);
    else
        (void)X509_VERIFY_PARAM_set1_host(param, host, 0);
    CHECK(X509_STORE_CTX_init(ctx, store, leaf, NULL) == 1);
    bool good = X509_verify_cert(ctx) == 1;
    X509_STORE_CTX_free(ctx);
    X509_STORE_free(store);
    X509_free(ca);
    X509_free(leaf);
    return good;
}

TEST(a_strict_client_accepts_it_for_its_names_and_its_time)
{
    struct certificate_result r = issued("registry.example.com", false, NOW_S);

    CHECK(r.new_authority);
    CHECK_EQ_INT(strlen(r.serial), 32);
    CHECK_EQ_INT(r.not_after_s, NOW_S + 397 * DAY_S);
    CHECK_EQ_INT(r.authority_not_after_s, NOW_S + 3650 * DAY_S);
    CHECK(verifies("registry.example.com", NOW_S));
    CHECK(verifies("192.0.2.7", NOW_S));
    CHECK(verifies("127.0.0.1", NOW_S));
    CHECK(verifies("::1", NOW_S));
    CHECK(verifies("localhost", NOW_S + 397 * DAY_S - 1));
    CHECK(!verifies("other.example.com", NOW_S));
    CHECK(!verifies("192.0.2.8", NOW_S));
    CHECK(!verifies("localhost", NOW_S + 397 * DAY_S + 1));
}

TEST(keys_are_secret_and_certificates_are_not)
{
    static const char *const names[] = {"ca.key", "tls.key", "ca.crt", "tls.crt"};
    struct stat st;

    (void)issued("a.example", false, NOW_S);
    for (size_t i = 0; i < SW_ARRAY_LEN(names); i++) {
        CHECK(stat(test_path("%s", names[i]), &st) == 0);
        CHECK_EQ_INT(st.st_mode & 07777, i < 2 ? 0600 : 0644);
    }
}

TEST(again_is_a_new_certificate_of_the_same_authority)
{
    struct certificate_result first = issued("a.example", false, NOW_S);
    char *ca = test_read_file(test_path("ca.crt"), NULL);
    char *ca_key = test_read_file(test_path("ca.key"), NULL);
    char *key = test_read_file(test_path("tls.key"), NULL);
    struct certificate_result again = issued("b.example", false, NOW_S + 300 * DAY_S);

    CHECK(!again.new_authority);
    CHECK(strcmp(first.serial, again.serial) != 0);
    CHECK_EQ_STR(test_read_file(test_path("ca.crt"), NULL), ca);
    CHECK_EQ_STR(test_read_file(test_path("ca.key"), NULL), ca_key);
    CHECK(strcmp(test_read_file(test_path("tls.key"), NULL), key) != 0);
    CHECK(verifies("b.example", NOW_S + 400 * DAY_S));
    CHECK(!verifies("a.example", NOW_S + 400 * DAY_S));
}

TEST(a_certificate_does_not_outlive_its_authority)
{
    struct certificate_result first = issued("a.example", false, NOW_S);
    struct certificate_result late = issued("a.example", false, NOW_S + 3600 * DAY_S);

    CHECK_EQ_INT(late.not_after_s, first.authority_not_after_s);
    refused(false, NOW_S + 3651 * DAY_S, "ca.crt has expired");
    CHECK(issued("a.example", true, NOW_S + 3651 * DAY_S).new_authority);
}

TEST(keys_of_others_are_left_alone_unless_forced)
{
    const char *key = test_path("tls.key");

    test_write_file(key, "somebody's", 10);
    refused(false, NOW_S, "tls.key was not made by slipway cert");
    CHECK_EQ_STR(test_read_file(key, NULL), "somebody's");
    CHECK(access(test_path("ca.key"), F_OK) != 0);
    (void)issued("a.example", true, NOW_S);
    CHECK_CONTAINS(test_read_file(key, NULL), "PRIVATE KEY");
    (void)issued("a.example", false, NOW_S);
}

TEST(an_authority_that_cannot_sign_is_named)
{
    (void)issued("a.example", false, NOW_S);
    size_t n = 0;
    char *leaf_key = test_read_file(test_path("tls.key"), &n);
    char *leaf = test_read_file(test_path("tls.crt"), NULL);
    size_t ca_key_n = 0;
    char *ca_key = test_read_file(test_path("ca.key"), &ca_key_n);

    test_write_file(test_path("ca.key"), leaf_key, n);
    refused(false, NOW_S, "ca.key is not the key of ca.crt");
    test_write_file(test_path("ca.crt"), leaf, strlen(leaf));
    refused(false, NOW_S, "ca.crt is not that of an authority");
    test_write_file(test_path("ca.key"), "x", 1);
    refused(false, NOW_S, "ca.key is no key");
    test_write_file(test_path("ca.crt"), "x", 1);
    refused(false, NOW_S, "ca.crt is no certificate");
    CHECK(unlink(test_path("ca.crt")) == 0);
    test_write_file(test_path("ca.key"), ca_key, ca_key_n);
    refused(false, NOW_S, "half of the authority is there");
    CHECK_EQ_STR(test_read_file(test_path("ca.key"), NULL), ca_key);
    CHECK(issued("a.example", true, NOW_S).new_authority);
    CHECK(verifies("a.example", NOW_S));
}

TEST(an_authority_of_ones_own_is_used)
{
    (void)issued("a.example", false, NOW_S);
    char *key = strchr(test_read_file(test_path("ca.key"), NULL), '\n') + 1; /* without our mark */

    test_write_file(test_path("ca.key"), key, strlen(key));
    CHECK(!issued("b.example", false, NOW_S).new_authority);
    CHECK(verifies("b.example", NOW_S));
}

TEST(hosts_are_names_or_addresses)
{
    static const char *const good[] = {
        "a",         "registry.example.com", "*.example.com", "x-1.y_2",
        "192.0.2.1", "2001:db8::1",          "localhost",     "3com.example"};
    static const char *const bad[] = {"",
                                      "a b",
                                      "a,DNS:b",
                                      "a:5000",
                                      "http://a",
                                      "a..b",
                                      "-a",
                                      "a-",
                                      "1.2.3.456",
                                      "*",
                                      "*.",
                                      "a.*.b",
                                      "a/b",
                                      "[::1]",
                                      "ä.example",
                                      "a\n",
                                      "192.0.2.1:443",
                                      "."};
    char label[70], name[300];

    for (size_t i = 0; i < SW_ARRAY_LEN(good); i++)
        CHECK_MSG(certificate_host_valid(good[i]), "%s", good[i]);
    for (size_t i = 0; i < SW_ARRAY_LEN(bad); i++)
        CHECK_MSG(!certificate_host_valid(bad[i]), "%s", bad[i]);
    memset(label, 'a', sizeof(label));
    label[63] = 0;
    CHECK(certificate_host_valid(label));
    (void)snprintf(name, sizeof(name), "%s.%s.%s.%s", label, label, label, label);
    CHECK(!certificate_host_valid(name)); /* 255 */
    name[253] = 0;
    CHECK(certificate_host_valid(name));
    label[63] = 'a';
    label[64] = 0;
    CHECK(!certificate_host_valid(label));

    struct sw_err err = SW_ERR_INIT;
    struct certificate_result r;
    CHECK_ERR(issue("a,b", false, NOW_S, &r, &err), SW_EINVALID, NULL);
    CHECK(access(test_path("ca.key"), F_OK) != 0);
}
