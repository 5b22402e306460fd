/* SPDX-License-Identifier: Apache-2.0 */
/* The token and the key of RFC 7515, appendix A.2 (RS256) and A.3 (ES256): their claims have no subject and a time of 2011. What
 * real issuers send is tried in tests/http. */
#include "auth/oidc.h"

#include "base/json.h"
#include "base/macros.h"
#include "tests/lib/test.h"

#define RSA_KEY                                                                                   \
    "{\"kty\":\"RSA\",\"n\":\"ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-"  \
    "Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_"  \
    "7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3" \
    "qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWy" \
    "uXpoQ\",\"e\":\"AQAB\"}"
#define RSA_TOKEN                                                                                  \
    "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLm"  \
    "NvbS9pc19yb290Ijp0cnVlfQ.cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AA"  \
    "uHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75v" \
    "RK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI"  \
    "7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77"  \
    "Rw"
#define EC_KEY                                                                                 \
    "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\"," \
    "\"y\":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\"}"
#define EC_TOKEN                                                                                   \
    "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLm"  \
    "NvbS9pc19yb290Ijp0cnVlfQ.DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmW" \
    "QxfKTUJqPP3-Kg6NU1Q"
#define SET(keys)  "{\"keys\":[" keys "]}"
#define EXPIRES_US (1300819380LL * 1000000)

static int verify(const char *token, const char *jwks, int64_t now_us, struct sw_err *err)
{
    static const char *const clients[] = {"me"};
    const struct oidc_expect e = {
        .issuer = "joe", .jwks = jwks, .clients = clients, .clients_n = 1, .now_us = now_us};
    struct oidc_token t = {0};
    int r = oidc_verify(sw_str(token), &e, &t, err);

    oidc_token_done(&t);
    return r;
}

/* A good signature gets as far as the audience, which these tokens do not have. */
TEST(signatures_of_the_standard)
{
    struct sw_err err = SW_ERR_INIT;

    CHECK_EQ_INT(verify(RSA_TOKEN, SET(RSA_KEY), EXPIRES_US - 1000000, &err), SW_EDENIED);
    CHECK_CONTAINS(err.msg, "audience");
    sw_err_clear(&err);
    CHECK_EQ_INT(verify(EC_TOKEN, SET(RSA_KEY "," EC_KEY), EXPIRES_US - 1000000, &err), SW_EDENIED);
    CHECK_CONTAINS(err.msg, "audience");
    sw_err_clear(&err);
    CHECK_ERR(verify(RSA_TOKEN, SET(RSA_KEY), EXPIRES_US, &err), SW_EDENIED,
              "WebIdentityTokenExpired");
}

TEST(a_key_verifies_its_own_algorithm_only)
{
    struct sw_err err = SW_ERR_INIT;

    CHECK_EQ_INT(verify(RSA_TOKEN, SET(EC_KEY), 0, &err), SW_EDENIED);
    CHECK_CONTAINS(err.msg, "signature");
    sw_err_clear(&err);
    CHECK_EQ_INT(verify(EC_TOKEN, SET(RSA_KEY), 0, &err), SW_EDENIED);
    CHECK_CONTAINS(err.msg, "signature");
}

TEST(every_changed_byte_is_noticed)
{
    char token[sizeof(EC_TOKEN)];

    for (size_t i = 0; i < sizeof(EC_TOKEN) - 1; i += 3) {
        struct sw_err err = SW_ERR_INIT;
        memcpy(token, EC_TOKEN, sizeof(token));
        token[i] = token[i] == 'A' ? 'B' : 'A';
        CHECK_EQ_INT(verify(token, SET(EC_KEY), 0, &err), SW_EDENIED);
        CHECK(!strstr(err.msg, "audience"));
    }
    for (size_t i = 0; i < sizeof(EC_TOKEN) - 1; i++) {
        struct sw_err err = SW_ERR_INIT;
        memcpy(token, EC_TOKEN, sizeof(token));
        token[i] = 0;
        CHECK_ERR(verify(token, SET(EC_KEY), 0, &err), SW_EDENIED, "InvalidIdentityToken");
    }
}

TEST(the_issuer_is_read_before_anything_is_verified)
{
    char issuer[OIDC_ISSUER_MAX];
    struct sw_err err = SW_ERR_INIT;

    CHECK_OK(oidc_issuer(SW_STR(EC_TOKEN), issuer, &err));
    CHECK_EQ_STR(issuer, "joe");
    CHECK_ERR(oidc_issuer(SW_STR("a.b"), issuer, &err), SW_EDENIED, "InvalidIdentityToken");
    CHECK_ERR(oidc_issuer(SW_STR("a.W10.c"), issuer, &err), SW_EDENIED, "InvalidIdentityToken");
    CHECK_ERR(oidc_issuer(SW_STR("a.e30.c"), issuer, &err), SW_EDENIED, "InvalidIdentityToken");
}

TEST(key_sets_are_checked)
{
    static const char *const bad[] = {
        "",
        "[]",
        "{}",
        SET(""),
        SET("{\"kty\":\"oct\",\"k\":\"AAAA\"}"),
        SET("{\"kty\":\"RSA\",\"n\":\"AQAB\",\"e\":\"AQAB\"}"),
        SET("{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"AA\",\"y\":\"AA\"}"),
        SET("{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":"
            "\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\",\"y\":"
            "\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\"}")};
    struct sw_err err = SW_ERR_INIT;
    size_t n = 0;

    CHECK_OK(oidc_check_jwks(SET(RSA_KEY "," EC_KEY ",{\"kty\":\"oct\"}"), &n, &err));
    CHECK_EQ_UINT(n, 2);
    for (size_t i = 0; i < SW_ARRAY_LEN(bad); i++)
        CHECK_ERR(oidc_check_jwks(bad[i], &n, &err), SW_EINVALID, "ValidationError");
}
