/* SPDX-License-Identifier: Apache-2.0 */
/* A token is base64url of the sealed form of
 *   version (1 byte) | issued at us (8, big endian) | expires at us (8) | n, user id (1 + n) | n, access key id (1 + n) | scopes
 * It names the user by id, which is never given twice, so the token of a user deleted and made again by the same name is void;
 * and the access key it was got with, so revoking the key voids it too. Scopes are the rest, "" in a password; passwords and
 * bearer tokens are sealed for different purposes, so neither opens as the other. */
#include "auth/token.h"

#include <assert.h>
#include <string.h>

#include "base/encode.h"
#include "base/limits.h"
#include "base/macros.h"

#define TOKEN_VERSION  1
#define TOKEN_CONTEXT  "registry token"
#define BEARER_CONTEXT "registry bearer token"
#define CLAIMS_MAX     128
#define PLAIN_MAX      (CLAIMS_MAX + TOKEN_SCOPES_MAX)
#define SEAL_MAX       64 /* what sealing adds */
#define SEALED_MAX     (PLAIN_MAX + SEAL_MAX)

_Static_assert(SW_BASE64_LEN(CLAIMS_MAX + SEAL_MAX) < TOKEN_MAX, "a sealed token fits");
_Static_assert(SW_BASE64_LEN(SEALED_MAX) + sizeof("Bearer ") <= TOKEN_BEARER_MAX,
               "with its scheme");
_Static_assert(1 + 8 + 8 + 2 * (1 + 32) <= CLAIMS_MAX, "ids fit");

#define deny(err, ...) sw_fail((err), SW_EDENIED, "UNAUTHORIZED", __VA_ARGS__)

struct claims {
    int64_t issued_at_us, expires_at_us;
    char user_id[33], access_key_id[33];
    char scopes[TOKEN_SCOPES_MAX + 1];
};

static void add_i64(struct sw_buf *b, int64_t v)
{
    for (int shift = 56; shift >= 0; shift -= 8)
        sw_buf_add_char(b, (char)((uint64_t)v >> shift & 0xff));
}

static void add_id(struct sw_buf *b, const char *id)
{
    sw_buf_add_char(b, (char)strlen(id));
    sw_buf_add_z(b, id);
}

static bool take(struct sw_str *rest, size_t n, struct sw_str *ret)
{
    if (rest->n < n)
        return false;
    *ret = sw_str_n(rest->p, n);
    *rest = sw_str_n(rest->p + n, rest->n - n);
    return true;
}

static bool take_i64(struct sw_str *rest, int64_t *ret)
{
    struct sw_str bytes;
    uint64_t v = 0;

    if (!take(rest, 8, &bytes))
        return false;
    for (size_t i = 0; i < 8; i++)
        v = v << 8 | (unsigned char)bytes.p[i];
    *ret = (int64_t)v;
    return true;
}

static bool take_id(struct sw_str *rest, char ret[33])
{
    struct sw_str n, id;

    return take(rest, 1, &n) && take(rest, (unsigned char)n.p[0], &id) && sw_str_copy(id, ret, 33);
}

static bool parse_claims(struct sw_str plain, struct claims *ret)
{
    struct sw_str version;

    return take(&plain, 1, &version) && version.p[0] == TOKEN_VERSION &&
           take_i64(&plain, &ret->issued_at_us) && take_i64(&plain, &ret->expires_at_us) &&
           take_id(&plain, ret->user_id) && take_id(&plain, ret->access_key_id) &&
           sw_str_copy(plain, ret->scopes, sizeof(ret->scopes));
}

static int seal(struct keyring *k, const char *context, const struct principal *p,
                const char *scopes, int64_t now_us, int64_t expires_us, char *ret_token,
                struct sw_err *err)
{
    SW_CLEANUP(sw_buf_done)
    struct sw_buf plain = SW_BUF_INIT(PLAIN_MAX), sealed = SW_BUF_INIT(SEALED_MAX);
    int r;

    sw_buf_add_char(&plain, TOKEN_VERSION);
    add_i64(&plain, now_us);
    add_i64(&plain, expires_us);
    add_id(&plain, p->user_id);
    add_id(&plain, p->access_key_id);
    sw_buf_add_z(&plain, scopes);
    if ((r = sw_buf_check(&plain, NULL, err)) < 0 ||
        (r = keyring_seal(k, context, plain.p, plain.n, &sealed, err)) < 0)
        return r;
    sw_base64url(sealed.p, sealed.n, ret_token);
    return 0;
}

static int check_ttl(int64_t ttl_s, struct sw_err *err)
{
    if (ttl_s <= 0 || ttl_s > TOKEN_TTL_S)
        return sw_fail(err, SW_EINVALID, NULL, "a token lives 1 to %d seconds", TOKEN_TTL_S);
    return 0;
}

int token_issue(struct keyring *k, const struct principal *p, int64_t now_us, int64_t ttl_s,
                char ret_token[TOKEN_MAX], int64_t *ret_expires_at_us, struct sw_err *err)
{
    if (p->kind == PRINCIPAL_ANONYMOUS || p->user_id[0] == 0)
        return deny(err, "An anonymous caller gets no token.");
    int r = check_ttl(ttl_s, err);
    if (r < 0)
        return r;
    *ret_expires_at_us = now_us + ttl_s * 1000000;
    return seal(k, TOKEN_CONTEXT, p, "", now_us, *ret_expires_at_us, ret_token, err);
}

int token_issue_bearer(struct keyring *k, const struct principal *p, const char *scopes,
                       int64_t now_us, int64_t ttl_s, char ret_token[TOKEN_BEARER_MAX],
                       int64_t *ret_expires_at_us, struct sw_err *err)
{
    int r = check_ttl(ttl_s, err);
    if (r < 0)
        return r;
    if (strlen(scopes) > TOKEN_SCOPES_MAX)
        return sw_fail(err, SW_ELIMIT, "QUERY_INVALID", "the scopes of a token may have %d bytes",
                       TOKEN_SCOPES_MAX);
    *ret_expires_at_us = now_us + ttl_s * 1000000;
    return seal(k, BEARER_CONTEXT, p, scopes, now_us, *ret_expires_at_us, ret_token, err);
}

static bool unseal(struct keyring *k, const char *context, struct sw_str token, struct claims *ret)
{
    SW_CLEANUP(sw_buf_done) struct sw_buf plain = SW_BUF_INIT(PLAIN_MAX);
    struct sw_err ignored = SW_ERR_INIT;
    unsigned char sealed[SEALED_MAX];
    size_t n = 0;

    return token.n > 0 && sw_unbase64url(token, sealed, sizeof(sealed), &n) &&
           keyring_open_sealed(k, context, sealed, n, &plain, &ignored) == 0 &&
           parse_claims(sw_buf_str(&plain), ret);
}

/* Times and names of an opened token. */
static int check_claims(struct identity *id, const struct claims *c, int64_t now_us,
                        struct principal *ret, struct sw_err *err)
{
    struct sw_err ignored = SW_ERR_INIT;
    struct principal found;

    if (now_us >= c->expires_at_us)
        return deny(err, "Your authorization token has expired. Reauthenticate and try again.");
    if (identity_user_by_id(id, c->user_id, &found, &ignored) < 0)
        return deny(err, "The token's user no longer exists.");
    if (c->access_key_id[0] && !identity_key_is_of(id, c->access_key_id, c->user_id))
        return deny(err, "The access key that the token was got with no longer exists.");
    (void)sw_str_copy(sw_str(c->access_key_id), found.access_key_id, sizeof(found.access_key_id));
    *ret = found;
    return 0;
}

int token_verify(struct keyring *k, struct identity *id, struct sw_str token, int64_t now_us,
                 struct principal *ret, struct sw_err *err)
{
    struct claims c;

    if (!unseal(k, TOKEN_CONTEXT, token, &c))
        return deny(err, "The password is not a token of this registry. Get one with: aws ecr "
                         "get-login-password");
    return check_claims(id, &c, now_us, ret, err);
}

int token_verify_bearer(struct keyring *k, struct identity *id, struct sw_str token, int64_t now_us,
                        struct principal *ret, char ret_scopes[TOKEN_SCOPES_MAX + 1],
                        struct sw_err *err)
{
    struct claims c;
    int r = 0;

    if (!unseal(k, BEARER_CONTEXT, token, &c))
        return deny(err, "The bearer token is not one of this registry.");
    if (c.user_id[0])
        r = check_claims(id, &c, now_us, ret, err);
    else if (now_us >= c.expires_at_us)
        r = deny(err, "The bearer token has expired.");
    else
        *ret = principal_anonymous();
    if (r == 0)
        (void)sw_str_copy(sw_str(c.scopes), ret_scopes, TOKEN_SCOPES_MAX + 1);
    return r;
}

int token_verify_basic(struct keyring *k, struct identity *id, struct sw_str authorization,
                       int64_t now_us, struct principal *ret, struct sw_err *err)
{
    struct sw_str rest = sw_str_trim(authorization), scheme, user;
    char plain[LIMIT_TOKEN];
    size_t n = 0;
    int r;

    if (rest.n == 0)
        return deny(err, "Authentication is required.");
    if (rest.n > LIMIT_TOKEN)
        return deny(err, "The Authorization header is longer than %d bytes.", LIMIT_TOKEN);
    sw_str_split(&rest, ' ', &scheme);
    if (!sw_str_eq_nocase(scheme, SW_STR("Basic")) || rest.p == NULL)
        return deny(err, "The Authorization header must have the Basic scheme.");
    if (!sw_unbase64(sw_str_trim(rest), plain, sizeof(plain), &n))
        return deny(err, "The Authorization header is not valid base64.");
    rest = sw_str_n(plain, n);
    sw_str_split(&rest, ':', &user);
    if (!sw_str_eq_z(user, "AWS") || rest.p == NULL)
        r = deny(err, "The user name must be AWS and the password a token.");
    else
        r = token_verify(k, id, rest, now_us, ret, err);
    explicit_bzero(plain, sizeof(plain));
    return r;
}
