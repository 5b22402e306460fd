/* SPDX-License-Identifier: Apache-2.0 */
/* Verifying a JWT: header and claims are base64url JSON, the signature is over both as they were sent (RFC 7515 5.2).
 * Invariants: 1. the key says which algorithms it may be used for, never the token alone: an RSA key verifies RS* only, a curve
 * its own ES* only. 2. A header with `crit` is refused, as RFC 7515 4.1.11 demands of who knows no extension. */
#include "auth/oidc.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/rsa.h>
#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/encode.h"
#include "base/json.h"
#include "base/lazy.h"
#include "base/macros.h"

#define DEPTH          16
#define VALUES         2000
#define NUMBER_MAX     1024 /* bytes of an RSA modulus */
#define POINT_MAX      (1 + 2 * 66)
#define SKEW_US        (300 * 1000000LL) /* of nbf and iat */
#define RSA_BITS       2048
#define deny(err, ...) sw_fail((err), SW_EDENIED, "InvalidIdentityToken", __VA_ARGS__)

static const struct algorithm {
    const char *name, *curve, *group; /* JWK's and OpenSSL's name of a curve; NULL: RSA */
    const char *digest;
    size_t coordinate; /* bytes of each half of an EC signature */
} algorithms[] = {
    {"ES256", "P-256", "P-256", "SHA256", 32}, {"ES384", "P-384", "P-384", "SHA384", 48},
    {"ES512", "P-521", "P-521", "SHA512", 66}, {"RS256", NULL, NULL, "SHA256", 0},
    {"RS384", NULL, NULL, "SHA384", 0},        {"RS512", NULL, NULL, "SHA512", 0},
};

static const struct algorithm *algorithm_of(const char *name)
{
    for (size_t i = 0; i < SW_ARRAY_LEN(algorithms); i++)
        if (sw_streq(name, algorithms[i].name))
            return &algorithms[i];
    return NULL;
}

/* ---- the three parts ---- */

struct parts {
    struct sw_str header, claims, signature, signed_text;
};

static int split(struct sw_str token, struct parts *ret, struct sw_err *err)
{
    struct sw_str rest = token;

    if (token.n <= OIDC_TOKEN_MAX && sw_str_split(&rest, '.', &ret->header) &&
        sw_str_split(&rest, '.', &ret->claims) && sw_str_split(&rest, '.', &ret->signature) &&
        !rest.p) {
        ret->signed_text = sw_str_n(token.p, ret->header.n + 1 + ret->claims.n);
        return 0;
    }
    return deny(err, "The ID Token provided is not a valid JWT.");
}

static int load(struct sw_str part, const char *what, json_t **ret, struct sw_err *err)
{
    sw_autofree char *text = sw_malloc(part.n + 1);
    struct sw_err ignored = SW_ERR_INIT;
    size_t n = 0;

    if (sw_unbase64url(part, text, part.n + 1, &n) &&
        sw_json_load(sw_str_n(text, n), DEPTH, VALUES, NULL, ret, &ignored) == 0 &&
        json_is_object(*ret))
        return 0;
    return deny(err, "The ID Token provided is not a valid JWT: its %s is no JSON object.", what);
}

int oidc_issuer(struct sw_str token, char ret[OIDC_ISSUER_MAX], struct sw_err *err)
{
    sw_autojson json_t *claims = NULL;
    struct parts p;
    int r = split(token, &p, err);

    if (r == 0)
        r = load(p.claims, "payload", &claims, err);
    if (r < 0)
        return r;
    const char *issuer = sw_json_str(claims, "iss", "");
    if (!*issuer || !sw_str_copy(sw_str(issuer), ret, OIDC_ISSUER_MAX))
        return deny(err, "The ID Token names no issuer.");
    return 0;
}

/* ---- keys ---- */

static BIGNUM *number(const json_t *jwk, const char *name)
{
    unsigned char bytes[NUMBER_MAX];
    const char *text = sw_json_str(jwk, name, "");
    size_t n = 0;

    return *text && sw_unbase64url(sw_str(text), bytes, sizeof(bytes), &n)
               ? BN_bin2bn(bytes, (int)n, NULL)
               : NULL;
}

static EVP_PKEY *from_params(const char *type, OSSL_PARAM_BLD *bld)
{
    OSSL_PARAM *params = OSSL_PARAM_BLD_to_param(bld);
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);
    EVP_PKEY *key = NULL;

    if (!params || !ctx || EVP_PKEY_fromdata_init(ctx) <= 0 ||
        EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_PUBLIC_KEY, params) <= 0)
        key = NULL;
    EVP_PKEY_CTX_free(ctx);
    OSSL_PARAM_free(params);
    return key;
}

static EVP_PKEY *rsa_key(const json_t *jwk)
{
    OSSL_PARAM_BLD *bld = OSSL_PARAM_BLD_new();
    BIGNUM *n = number(jwk, "n"), *e = number(jwk, "e");
    EVP_PKEY *key = NULL;

    if (bld && n && e && BN_num_bits(n) >= RSA_BITS && BN_num_bits(e) <= 64 &&
        OSSL_PARAM_BLD_push_BN(bld, OSSL_PKEY_PARAM_RSA_N, n) &&
        OSSL_PARAM_BLD_push_BN(bld, OSSL_PKEY_PARAM_RSA_E, e))
        key = from_params("RSA", bld);
    BN_free(n);
    BN_free(e);
    OSSL_PARAM_BLD_free(bld);
    return key;
}

static bool coordinate(const json_t *jwk, const char *name, unsigned char *ret, size_t n)
{
    size_t got = 0;

    return sw_unbase64url(sw_str(sw_json_str(jwk, name, "")), ret, n, &got) && got == n;
}

static EVP_PKEY *ec_key(const json_t *jwk, const struct algorithm *a)
{
    OSSL_PARAM_BLD *bld = OSSL_PARAM_BLD_new();
    unsigned char point[POINT_MAX] = {4};
    size_t n = a->coordinate;
    EVP_PKEY *key = NULL;

    if (bld && coordinate(jwk, "x", point + 1, n) && coordinate(jwk, "y", point + 1 + n, n) &&
        OSSL_PARAM_BLD_push_utf8_string(bld, OSSL_PKEY_PARAM_GROUP_NAME, a->group, 0) &&
        OSSL_PARAM_BLD_push_octet_string(bld, OSSL_PKEY_PARAM_PUB_KEY, point, 1 + 2 * n))
        key = from_params("EC", bld);
    OSSL_PARAM_BLD_free(bld);
    return key;
}

/* NULL when the key is not for this algorithm, or no key. */
static EVP_PKEY *key_for(const json_t *jwk, const struct algorithm *a)
{
    const char *type = sw_json_str(jwk, "kty", ""), *use = sw_json_str(jwk, "use", "sig");
    const char *alg = sw_json_str(jwk, "alg", a->name);

    if (!sw_streq(use, "sig") || !sw_streq(alg, a->name))
        return NULL;
    if (!a->curve)
        return sw_streq(type, "RSA") ? rsa_key(jwk) : NULL;
    return sw_streq(type, "EC") && sw_streq(sw_json_str(jwk, "crv", ""), a->curve) ? ec_key(jwk, a)
                                                                                   : NULL;
}

static bool can_verify(const json_t *jwk)
{
    for (size_t i = 0; i < SW_ARRAY_LEN(algorithms); i++) {
        EVP_PKEY *key = key_for(jwk, &algorithms[i]);
        EVP_PKEY_free(key);
        if (key)
            return true;
    }
    return false;
}

static int load_keys(const char *jwks, json_t **ret, struct sw_err *err)
{
    struct sw_err why = SW_ERR_INIT;
    json_t *keys;

    if (strlen(jwks) > OIDC_JWKS_MAX)
        return sw_fail(err, SW_EINVALID, "ValidationError", "the keys have more than %d bytes",
                       OIDC_JWKS_MAX);
    if (sw_crypto_load(err) < 0)
        return err->code;
    if (sw_json_load(sw_str(jwks), DEPTH, VALUES, NULL, ret, &why) < 0)
        return sw_fail(err, SW_EINVALID, "ValidationError", "the keys are not JSON: %s", why.msg);
    keys = sw_json_array(*ret, "keys");
    if (!keys || json_array_size(keys) > OIDC_KEYS_MAX)
        return sw_fail(err, SW_EINVALID, "ValidationError",
                       "the keys must be a JWKS, {\"keys\": [...]}, with at most %d keys",
                       OIDC_KEYS_MAX);
    return 0;
}

int oidc_check_jwks(const char *jwks, size_t *ret_keys, struct sw_err *err)
{
    sw_autojson json_t *doc = NULL;
    size_t i, n = 0;
    json_t *jwk;
    int r = load_keys(jwks, &doc, err);

    if (r < 0)
        return r;
    json_array_foreach(sw_json_array(doc, "keys"), i, jwk)
        n += can_verify(jwk);
    if (n == 0)
        return sw_fail(err, SW_EINVALID, "ValidationError",
                       "none of the keys can verify: RSA of %d bits and more, P-256, P-384 and "
                       "P-521 can",
                       RSA_BITS);
    *ret_keys = n;
    return 0;
}

/* ---- the signature ---- */

/* JOSE writes r and s one after the other, OpenSSL wants DER. 0: malformed. */
static size_t to_der(const unsigned char *raw, size_t n, const struct algorithm *a,
                     unsigned char **ret)
{
    ECDSA_SIG *sig = n == 2 * a->coordinate ? ECDSA_SIG_new() : NULL;
    int made = 0;

    if (!sig)
        return 0;
    BIGNUM *r = BN_bin2bn(raw, (int)a->coordinate, NULL);
    BIGNUM *s = BN_bin2bn(raw + a->coordinate, (int)a->coordinate, NULL);
    if (r && s && ECDSA_SIG_set0(sig, r, s)) {
        made = i2d_ECDSA_SIG(sig, ret);
    } else {
        BN_free(r);
        BN_free(s);
    }
    ECDSA_SIG_free(sig);
    return made > 0 ? (size_t)made : 0;
}

static bool verify_digest(EVP_PKEY *key, const struct algorithm *a, const unsigned char *signature,
                          size_t n, struct sw_str text)
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    bool ok = ctx && EVP_DigestVerifyInit_ex(ctx, NULL, a->digest, NULL, NULL, key, NULL) == 1 &&
              EVP_DigestVerify(ctx, signature, n, (const unsigned char *)text.p, text.n) == 1;

    EVP_MD_CTX_free(ctx);
    return ok;
}

static bool verify_with(const json_t *jwk, const struct algorithm *a,
                        const unsigned char *signature, size_t n, struct sw_str text)
{
    EVP_PKEY *key = key_for(jwk, a);
    unsigned char *der = NULL;
    bool ok = false;

    if (key && !a->curve) {
        ok = verify_digest(key, a, signature, n, text);
    } else if (key) {
        size_t der_n = to_der(signature, n, a, &der);
        ok = der_n > 0 && verify_digest(key, a, der, der_n, text);
    }
    OPENSSL_free(der);
    EVP_PKEY_free(key);
    return ok;
}

static int check_signature(const struct parts *p, const char *jwks, struct sw_err *err)
{
    sw_autojson json_t *header = NULL, *keys = NULL;
    unsigned char signature[NUMBER_MAX];
    size_t n = 0, i;
    json_t *jwk;
    int r = load(p->header, "header", &header, err);

    if (r < 0)
        return r;
    const struct algorithm *a = algorithm_of(sw_json_str(header, "alg", ""));
    const char *id = sw_json_str(header, "kid", NULL);
    if (!a || json_object_get(header, "crit"))
        return deny(err,
                    "The ID Token is signed with the algorithm '%.40s', which is not "
                    "supported.",
                    sw_json_str(header, "alg", ""));
    if (!sw_unbase64url(p->signature, signature, sizeof(signature), &n))
        return deny(err, "The ID Token provided is not a valid JWT: its signature is malformed.");
    if ((r = load_keys(jwks, &keys, err)) < 0)
        return r;
    json_array_foreach(sw_json_array(keys, "keys"), i, jwk) {
        const char *key_id = sw_json_str(jwk, "kid", NULL);
        if ((!id || !key_id || sw_streq(id, key_id)) &&
            verify_with(jwk, a, signature, n, p->signed_text))
            return 0;
    }
    return deny(err, "Couldn't verify the signature of the ID Token with the keys of its issuer.");
}

/* ---- claims ---- */

static int check_times(const json_t *claims, int64_t now_us, struct sw_err *err)
{
    const char *const names[] = {"nbf", "iat"};
    const json_t *exp = json_object_get(claims, "exp");
    char now[SW_TIME_LEN], end[SW_TIME_LEN];

    if (!json_is_number(exp))
        return deny(err, "The ID Token has no expiration time.");
    double now_s = (double)now_us / 1e6, exp_s = json_number_value(exp);
    if (!(exp_s > now_s)) {
        sw_format_iso8601_s(now_us, now);
        sw_format_iso8601_s((int64_t)(SW_MAX(exp_s, 0.0) * 1e6), end);
        return sw_fail(err, SW_EDENIED, "WebIdentityTokenExpired",
                       "Token expired: current date/time %s must be before the expiration "
                       "date/time %s",
                       now, end);
    }
    for (size_t i = 0; i < SW_ARRAY_LEN(names); i++) {
        const json_t *from = json_object_get(claims, names[i]);
        if (from &&
            (!json_is_number(from) || json_number_value(from) > now_s + (double)SKEW_US / 1e6))
            return deny(err, "The ID Token is not valid yet (%s).", names[i]);
    }
    return 0;
}

static const char *client_named(const struct oidc_expect *e, const char *name)
{
    for (size_t i = 0; name && i < e->clients_n; i++)
        if (sw_streq(e->clients[i], name))
            return e->clients[i];
    return NULL;
}

/* The authorized party, when the token names one beside several audiences (OpenID Connect Core 3.1.3.7). */
static int check_audience(const json_t *claims, const struct oidc_expect *e, const char **ret,
                          struct sw_err *err)
{
    const json_t *aud = json_object_get(claims, "aud");
    const char *party = sw_json_str(claims, "azp", NULL);
    size_t n = json_array_size(aud);

    *ret = json_is_string(aud) ? client_named(e, json_string_value(aud)) : NULL;
    if (n > 1 && party)
        *ret = client_named(e, party);
    else
        for (size_t i = 0; i < n && !*ret; i++)
            *ret = client_named(e, json_string_value(json_array_get(aud, i)));
    return *ret ? 0 : deny(err, "Incorrect token audience");
}

int oidc_verify(struct sw_str token, const struct oidc_expect *expect, struct oidc_token *ret,
                struct sw_err *err)
{
    sw_autojson json_t *claims = NULL;
    const char *audience = NULL;
    struct parts p;
    int r = split(token, &p, err);

    if (r == 0)
        r = check_signature(&p, expect->jwks, err);
    if (r == 0)
        r = load(p.claims, "payload", &claims, err);
    if (r == 0 && !sw_streq(sw_json_str(claims, "iss", ""), expect->issuer))
        r = deny(err, "The ID Token's issuer is not %s", expect->issuer);
    if (r == 0)
        r = check_times(claims, expect->now_us, err);
    if (r == 0)
        r = check_audience(claims, expect, &audience, err);
    if (r == 0 && !*sw_json_str(claims, "sub", ""))
        r = deny(err, "The ID Token names no subject.");
    if (r < 0)
        return r;
    *ret = (struct oidc_token){
        .claims = claims, .subject = sw_json_str(claims, "sub", ""), .audience = audience};
    claims = NULL;
    return 0;
}

void oidc_token_done(struct oidc_token *t)
{
    json_decref(t->claims);
    *t = (struct oidc_token){0};
}
