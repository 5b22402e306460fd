/* SPDX-License-Identifier: Apache-2.0 */
/* A token is base64url of the sealed form of
 *   claims (auth/session.h) | scopes
 * Claims name the user or role by id, which is never given twice, so the token of a user deleted and made again by the same name
 * is void; and the access key that it was got with, so revoking the key voids it too. Scopes are the rest, "" in a password;
 * passwords and bearer tokens are sealed for different purposes, so neither opens as the other. */
#include "auth/token.h"

#include <assert.h>
#include <string.h>

#include "auth/robot.h"
#include "auth/token_cache.h"
#include "base/encode.h"
#include "base/limits.h"
#include "base/macros.h"

#define TOKEN_CONTEXT  "registry token"
#define BEARER_CONTEXT "registry bearer token"
#define PLAIN_MAX      (SESSION_CLAIMS_MAX + TOKEN_SCOPES_MAX)
#define SEAL_MAX       64 /* what sealing adds */
#define SEALED_MAX     (PLAIN_MAX + SEAL_MAX)

_Static_assert(SW_BASE64_LEN(SESSION_CLAIMS_MAX + SEAL_MAX) < TOKEN_MAX, "a sealed token fits");
_Static_assert(SW_BASE64_LEN(SW_BASE64_LEN(SESSION_CLAIMS_MAX + SEAL_MAX) + 4) + sizeof("Basic ") <=
                   LIMIT_TOKEN,
               "as a password in its header, too");
_Static_assert(SW_BASE64_LEN(SEALED_MAX) + sizeof("Bearer ") <= TOKEN_BEARER_MAX,
               "with its scheme");

#define deny(err, ...) sw_fail((err), SW_EDENIED, "UNAUTHORIZED", __VA_ARGS__)

static int seal(const struct token_authority *a, const char *context,
                const struct session_claims *c, const char *scopes, char *ret_token,
                struct sw_err *err)
{
    SW_CLEANUP(sw_buf_done)
    struct sw_buf plain = SW_BUF_INIT(PLAIN_MAX), sealed = SW_BUF_INIT(SEALED_MAX);
    int r;

    session_claims_add(&plain, c);
    sw_buf_add_z(&plain, scopes);
    if ((r = sw_buf_check(&plain, NULL, err)) < 0 ||
        (r = keyring_seal(a->keyring, context, plain.p, plain.n, &sealed, err)) < 0)
        return r;
    sw_base64url(sealed.p, sealed.n, ret_token);
    return 0;
}

/* Claims of a token that lives ttl_s, or as long as the principal's session. */
static int make_claims(const struct token_authority *a, const struct principal *p, int64_t now_us,
                       int64_t ttl_s, struct session_claims *ret, struct sw_err *err)
{
    int64_t expires_at_us = now_us + ttl_s * 1000000;

    if (ttl_s <= 0 || ttl_s > TOKEN_TTL_S)
        return sw_fail(err, SW_EINVALID, NULL, "a token lives 1 to %d seconds", TOKEN_TTL_S);
    if (p->expires_at_us)
        expires_at_us = SW_MIN(expires_at_us, p->expires_at_us);
    return session_claims_of(a->sessions, p, now_us, expires_at_us, ret, err);
}

int token_issue(const struct token_authority *a, const struct principal *p, int64_t now_us,
                int64_t ttl_s, char ret_token[TOKEN_MAX], int64_t *ret_expires_at_us,
                struct sw_err *err)
{
    struct session_claims c;

    if (p->kind == PRINCIPAL_ANONYMOUS || p->user_id[0] == 0)
        return deny(err, "An anonymous caller gets no token.");
    int r = make_claims(a, p, now_us, ttl_s, &c, err);
    if (r == 0)
        r = seal(a, TOKEN_CONTEXT, &c, "", ret_token, err);
    if (r == 0)
        *ret_expires_at_us = c.expires_at_us;
    return r;
}

int token_issue_bearer(const struct token_authority *a, const struct principal *p,
                       const char *scopes, int64_t now_us, int64_t ttl_s,
                       char ret_token[TOKEN_BEARER_MAX], int64_t *ret_expires_at_us,
                       struct sw_err *err)
{
    struct session_claims c;
    int r = make_claims(a, p, now_us, ttl_s, &c, err);

    if (r < 0)
        return r;
    if (strlen(scopes) > TOKEN_SCOPES_MAX)
        return sw_fail(err, SW_ELIMIT, "QUERY_INVALID", "the scopes of a token may have %d bytes",
                       TOKEN_SCOPES_MAX);
    if ((r = seal(a, BEARER_CONTEXT, &c, scopes, ret_token, err)) == 0)
        *ret_expires_at_us = c.expires_at_us;
    return r;
}

static bool unseal(const struct token_authority *a, const char *context, struct sw_str token,
                   struct session_claims *ret, char ret_scopes[TOKEN_SCOPES_MAX + 1])
{
    SW_CLEANUP(sw_buf_done) struct sw_buf plain = SW_BUF_INIT(PLAIN_MAX);
    struct sw_err ignored = SW_ERR_INIT;
    unsigned char sealed[SEALED_MAX];
    size_t n = 0;

    if (token.n == 0 || !sw_unbase64url(token, sealed, sizeof(sealed), &n) ||
        keyring_open_sealed(a->keyring, context, sealed, n, &plain, &ignored) < 0)
        return false;
    struct sw_str rest = sw_buf_str(&plain);
    return session_claims_take(&rest, ret) && sw_str_copy(rest, ret_scopes, TOKEN_SCOPES_MAX + 1);
}

/* Times and names of an opened token. */
static int check_claims(const struct token_authority *a, const struct session_claims *c,
                        int64_t now_us, struct principal *ret, struct sw_err *err)
{
    switch (session_principal(a->sessions, a->identity, c, now_us, ret)) {
    case SESSION_VALID: break;
    case SESSION_EXPIRED:
        return deny(err, "Your authorization token has expired. Reauthenticate and try again.");
    case SESSION_GONE:
        return deny(err, "The token's %s no longer exists.",
                    c->kind == PRINCIPAL_ROLE ? "role" : "user");
    case SESSION_KEY_GONE:
        return deny(err, "The access key that the token was got with no longer exists.");
    }
    return 0;
}

/* basic: the credentials of the header that the token came in, or nothing. */
static int verify(const struct token_authority *a, struct sw_str token, struct sw_str basic,
                  int64_t now_us, struct principal *ret, struct sw_err *err)
{
    char scopes[TOKEN_SCOPES_MAX + 1];
    struct session_claims c;

    if (!unseal(a, TOKEN_CONTEXT, token, &c, scopes))
        return deny(err, "The password is not a token of this registry. Get one with: aws ecr "
                         "get-login-password");
    if (basic.n > 0)
        token_cache_put(a->cache, TOKEN_BASIC, basic, &c, scopes);
    return check_claims(a, &c, now_us, ret, err);
}

int token_verify(const struct token_authority *a, struct sw_str token, int64_t now_us,
                 struct principal *ret, struct sw_err *err)
{
    return verify(a, token, sw_str(NULL), now_us, ret, err);
}

int token_verify_bearer(const struct token_authority *a, struct sw_str token, int64_t now_us,
                        struct principal *ret, char ret_scopes[TOKEN_SCOPES_MAX + 1],
                        struct sw_err *err)
{
    char scopes[TOKEN_SCOPES_MAX + 1];
    struct session_claims c;
    int r = 0;

    if (!token_cache_find(a->cache, TOKEN_BEARER, token, &c, scopes)) {
        if (!unseal(a, BEARER_CONTEXT, token, &c, scopes))
            return deny(err, "The bearer token is not one of this registry.");
        token_cache_put(a->cache, TOKEN_BEARER, token, &c, scopes);
    }
    if (c.kind != PRINCIPAL_ANONYMOUS)
        r = check_claims(a, &c, now_us, ret, err);
    else if (now_us >= c.expires_at_us)
        r = deny(err, "The bearer token has expired.");
    else
        *ret = principal_anonymous();
    if (r == 0)
        memcpy(ret_scopes, scopes, sizeof(scopes));
    return r;
}

int token_verify_login(const struct token_authority *a, const struct token_login *l,
                       struct principal *ret, struct sw_err *err)
{
    struct robot_login login = {.account = l->account,
                                .user = l->user,
                                .password = l->password,
                                .peer_ip = l->peer_ip,
                                .now_us = l->now_us,
                                .must_not_block = l->must_not_block};

    if (sw_str_eq_z(l->user, "AWS"))
        return token_verify(a, l->password, l->now_us, ret, err);
    if (a->robots)
        return robot_verify(a->robots, &login, ret, err);
    return deny(err, "The user name must be AWS and the password a token.");
}

int token_verify_basic(const struct token_authority *a, struct sw_str authorization,
                       const struct token_login *l, struct principal *ret, struct sw_err *err)
{
    struct sw_str rest = sw_str_trim(authorization), scheme;
    struct token_login login = *l;
    struct session_claims known;
    char plain[LIMIT_TOKEN], scopes[TOKEN_SCOPES_MAX + 1];
    size_t n = 0;
    int r;

    if (rest.n == 0)
        return deny(err, "Authentication is required.");
    if (rest.n > LIMIT_TOKEN)
        return deny(err, "The Authorization header is longer than %d bytes.", LIMIT_TOKEN);
    sw_str_split(&rest, ' ', &scheme);
    if (!sw_str_eq_nocase(scheme, SW_STR("Basic")) || rest.p == NULL)
        return deny(err, "The Authorization header must have the Basic scheme.");
    rest = sw_str_trim(rest);
    if (token_cache_find(a->cache, TOKEN_BASIC, rest, &known, scopes))
        return check_claims(a, &known, l->now_us, ret, err);
    if (!sw_unbase64(rest, plain, sizeof(plain), &n))
        return deny(err, "The Authorization header is not valid base64.");
    login.password = sw_str_n(plain, n);
    sw_str_split(&login.password, ':', &login.user);
    if (login.password.p == NULL)
        r = deny(err, "The user name must be AWS and the password a token.");
    else if (sw_str_eq_z(login.user, "AWS"))
        r = verify(a, login.password, rest, l->now_us, ret, err);
    else
        r = token_verify_login(a, &login, ret, err);
    explicit_bzero(plain, sizeof(plain));
    return r;
}
