/* SPDX-License-Identifier: Apache-2.0 */
#include "api/tls.h"

#include <stdlib.h>

#include "base/clock.h"
#include "tests/unit/api/certificate.h"

static const char *cert, *key;

static void first_pair(struct tls_store **ret)
{
    struct sw_err err = SW_ERR_INIT;

    cert = test_path("cert.pem");
    key = test_path("key.pem");
    make_certificate(cert, key, "0x1111", "2");
    CHECK_OK(tls_store_open(cert, key, ret, &err));
}

static void expect_serial(struct tls_store *s, const char *serial)
{
    struct tls_info info;

    tls_store_info(s, &info);
    CHECK_EQ_STR(info.serial, serial);
}

/* The old pair stays, and the error says which file is bad. */
static void expect_refused(struct tls_store *s, const char *part)
{
    struct sw_err err = SW_ERR_INIT;
    struct tls_info info;

    CHECK(tls_store_reload(s, false, &info, &err) < 0);
    CHECK_CONTAINS(err.msg, part);
    expect_serial(s, "1111");
}

TEST(knows_serial_and_end)
{
    struct tls_store *s = NULL;
    struct tls_info info;

    first_pair(&s);
    tls_store_info(s, &info);
    CHECK_EQ_STR(info.serial, "1111");
    CHECK(llabs(info.not_after_s - sw_now_s() - 2 * 86400) < 60);
    tls_store_free(s);
}

TEST(replaces_the_pair_while_the_old_one_is_in_use)
{
    struct sw_err err = SW_ERR_INIT;
    struct tls_store *s = NULL;
    struct tls_info info;

    first_pair(&s);
    struct tls_pair *old = tls_store_get(s);
    make_certificate(cert, key, "0x2222", "2");
    CHECK_EQ_INT(tls_store_reload(s, false, &info, &err), 1);
    CHECK_EQ_STR(info.serial, "2222");
    expect_serial(s, "2222");
    struct tls_pair *fresh = tls_store_get(s);
    CHECK(fresh != old);
    tls_store_free(s);
    tls_pair_unref(old);
    tls_pair_unref(fresh);
    tls_pair_unref(NULL);
}

TEST(a_bad_pair_leaves_the_old_one)
{
    struct tls_store *s = NULL;
    const char *other = test_path("other.pem");

    first_pair(&s);
    size_t key_n = 0, cert_n = 0;
    char *good_key = test_read_file(key, &key_n), *good_cert = test_read_file(cert, &cert_n);

    make_certificate(test_path("unused.pem"), other, "0x3333", "2");
    size_t other_n = 0;
    char *other_key = test_read_file(other, &other_n);
    test_write_file(key, other_key, other_n);
    expect_refused(s, "key.pem is not the key of the certificate");
    test_write_file(key, "nonsense", 8);
    expect_refused(s, "key.pem: no usable private key");
    test_write_file(key, good_key, key_n);
    test_write_file(cert, good_cert, cert_n / 2);
    expect_refused(s, "cert.pem: no certificate");
    CHECK(unlink(cert) == 0);
    expect_refused(s, "cert.pem");
    tls_store_free(s);
}

TEST(an_expired_certificate_replaces_nothing)
{
    struct tls_store *s = NULL;

    first_pair(&s);
    expire_certificate(cert, key);
    expect_refused(s, "the certificate expired at 20");
    tls_store_free(s);
}

static int look(struct tls_store *s, struct sw_err *err)
{
    struct tls_info info;
    return tls_store_reload(s, true, &info, err);
}

TEST(changed_files_are_read_once_they_have_settled)
{
    struct sw_err err = SW_ERR_INIT;
    struct tls_store *s = NULL;

    first_pair(&s);
    for (int i = 0; i < 3; i++)
        CHECK_EQ_INT(look(s, &err), 0);
    make_certificate(cert, key, "0x5555", "2");
    CHECK_EQ_INT(look(s, &err), 0); /* seen for the first time */
    expect_serial(s, "1111");
    CHECK_EQ_INT(look(s, &err), 1);
    expect_serial(s, "5555");
    CHECK_EQ_INT(look(s, &err), 0);
    tls_store_free(s);
}

TEST(a_bad_change_is_complained_about_once)
{
    struct sw_err err = SW_ERR_INIT;
    struct tls_store *s = NULL;

    first_pair(&s);
    size_t n = 0;
    char *good = test_read_file(key, &n);
    test_write_file(key, "nonsense", 8);
    CHECK_EQ_INT(look(s, &err), 0);
    CHECK_ERR(look(s, &err), SW_EINVALID, NULL);
    CHECK_EQ_INT(look(s, &err), 0);
    expect_serial(s, "1111");
    test_write_file(key, good, n);
    CHECK_EQ_INT(look(s, &err), 0);
    CHECK_EQ_INT(look(s, &err), 1);
    tls_store_free(s);
}

TEST(does_not_open_without_a_good_pair)
{
    struct sw_err err = SW_ERR_INIT;
    struct tls_store *s = NULL;
    const char *text = test_write_file(test_path("text"), "x", 1);

    CHECK_ERR(tls_store_open(test_path("none"), text, &s, &err), SW_ENOTFOUND, NULL);
    CHECK_ERR(tls_store_open(text, text, &s, &err), SW_EINVALID, NULL);
    CHECK_NULL(s);
    tls_store_free(NULL);
}
