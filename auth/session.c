/* SPDX-License-Identifier: Apache-2.0 */
/* A session token is base64 of the sealed form of
 *   claims | n, secret (1 + n)
 * and claims are
 *   version (1 byte) | kind (1) | flags (1) | issued at us (8, big endian) | expires at us (8) | account, id, name, access key id
 *   (1 + n each) | n, extra (2 + n)
 * The user or role is named by its id, which is never given twice, so the session of a role deleted and made again by the same
 * name is void. An access key id of a session is ASIA and 80 bits in base 32: the account in 40 bits, then 40 random ones; it is
 * no secret and need not be unique, since the token says which secret belongs to it. */
#include "auth/session.h"

#include <assert.h>
#include <string.h>

#include "auth/directory.h"
#include "auth/session_extra.h"
#include "base/alloc.h"
#include "base/encode.h"
#include "base/id.h"
#include "base/macros.h"

#define CLAIMS_VERSION 2
#define FLAG_POLICY    1
#define TOKEN_CONTEXT  "session token"
#define EXTRAS_MAX     2048
#define SECRET_LEN     40
#define SEAL_MAX       64 /* what sealing adds */
#define PLAIN_MAX      (SESSION_CLAIMS_MAX + 1 + SECRET_LEN)
#define SEALED_MAX     (PLAIN_MAX + SEAL_MAX)
#define EXPIRED        "The security token included in the request is expired"
#define INVALID        "The security token included in the request is invalid."

_Static_assert(SW_BASE64_LEN(SEALED_MAX) < SESSION_TOKEN_MAX, "a sealed token fits");
_Static_assert(3 + 16 + 5 + 12 + 32 + 64 + 32 + 2 + SESSION_PACKED_MAX <= SESSION_CLAIMS_MAX,
               "claims fit");

struct session_store {
    struct session_options o;
    struct session_extras *extras;
};

struct session_store *session_store_new(const struct session_options *o)
{
    struct session_store *s = SW_NEW(struct session_store);

    s->o = *o;
    s->extras = session_extras_new(o->extras_max ? o->extras_max : EXTRAS_MAX);
    return s;
}

void session_store_free(struct session_store *s)
{
    if (!s)
        return;
    session_extras_free(s->extras);
    free(s);
}

/* ---- claims ---- */

static void add_i64(struct sw_buf *b, int64_t v)
{
    for (int shift = 56; shift >= 0; shift -= 8)
        sw_buf_add_char(b, (char)((uint64_t)v >> shift & 0xff));
}

static void add_word(struct sw_buf *b, const char *word)
{
    sw_buf_add_char(b, (char)strlen(word));
    sw_buf_add_z(b, word);
}

static bool take(struct sw_str *rest, size_t n, struct sw_str *ret)
{
    if (rest->n < n)
        return false;
    *ret = sw_str_n(rest->p, n);
    *rest = sw_str_n(rest->p + n, rest->n - n);
    return true;
}

static bool take_number(struct sw_str *rest, size_t n, uint64_t *ret)
{
    struct sw_str bytes;

    if (!take(rest, n, &bytes))
        return false;
    *ret = 0;
    for (size_t i = 0; i < n; i++)
        *ret = *ret << 8 | (unsigned char)bytes.p[i];
    return true;
}

static bool take_word(struct sw_str *rest, char *ret, size_t cap)
{
    uint64_t n;
    struct sw_str word;

    return take_number(rest, 1, &n) && take(rest, (size_t)n, &word) && sw_str_copy(word, ret, cap);
}

void session_claims_add(struct sw_buf *out, const struct session_claims *c)
{
    sw_buf_add_char(out, CLAIMS_VERSION);
    sw_buf_add_char(out, (char)c->kind);
    sw_buf_add_char(out, c->has_policy ? FLAG_POLICY : 0);
    add_i64(out, c->issued_at_us);
    add_i64(out, c->expires_at_us);
    add_word(out, c->account);
    add_word(out, c->id);
    add_word(out, c->name);
    add_word(out, c->access_key_id);
    sw_buf_add_char(out, (char)(c->packed_n >> 8));
    sw_buf_add_char(out, (char)(c->packed_n & 0xff));
    sw_buf_add(out, c->packed, c->packed_n);
}

bool session_claims_take(struct sw_str *rest, struct session_claims *ret)
{
    uint64_t version, kind, flags, issued, expires, n;
    struct sw_str packed;

    if (!take_number(rest, 1, &version) || version != CLAIMS_VERSION ||
        !take_number(rest, 1, &kind) || kind >= PRINCIPAL_MAX_ || !take_number(rest, 1, &flags) ||
        !take_number(rest, 8, &issued) || !take_number(rest, 8, &expires) ||
        !take_word(rest, ret->account, sizeof(ret->account)) ||
        !take_word(rest, ret->id, sizeof(ret->id)) ||
        !take_word(rest, ret->name, sizeof(ret->name)) ||
        !take_word(rest, ret->access_key_id, sizeof(ret->access_key_id)) ||
        !take_number(rest, 2, &n) || n > SESSION_PACKED_MAX || !take(rest, (size_t)n, &packed))
        return false;
    ret->kind = (enum principal_kind)kind;
    ret->has_policy = flags & FLAG_POLICY;
    ret->issued_at_us = (int64_t)issued;
    ret->expires_at_us = (int64_t)expires;
    ret->packed_n = packed.n;
    memcpy(ret->packed, packed.p, packed.n);
    return true;
}

static bool is_zero(const unsigned char id[PRINCIPAL_POLICY_ID])
{
    static const unsigned char zero[PRINCIPAL_POLICY_ID];

    return memcmp(id, zero, sizeof(zero)) == 0;
}

static int add_extra(struct session_store *s, const struct principal *p, struct session_claims *c,
                     struct sw_err *err)
{
    if (is_zero(p->session_policy_id))
        return 0;
    struct session_extra *x = s ? session_extras_find(s->extras, p->session_policy_id) : NULL;
    if (!x) /* more sessions with extras are calling at this moment than are kept */
        return sw_fail(err, SW_EUNAVAILABLE, NULL, "the session's policies are not in memory");
    struct sw_str packed = session_extra_packed(x);
    c->packed_n = packed.n;
    memcpy(c->packed, packed.p, packed.n);
    session_extra_unref(x);
    return 0;
}

int session_claims_of(struct session_store *s, const struct principal *p, int64_t now_us,
                      int64_t expires_at_us, struct session_claims *ret, struct sw_err *err)
{
    bool user = principal_kind_is_user(p->kind);

    memset(ret, 0, offsetof(struct session_claims, packed));
    ret->kind = user ? PRINCIPAL_USER : p->kind;
    ret->has_policy = p->has_session_policy;
    ret->issued_at_us = p->issued_at_us ? p->issued_at_us : now_us;
    ret->expires_at_us = expires_at_us;
    (void)sw_str_copy(sw_str(p->account), ret->account, sizeof(ret->account));
    (void)sw_str_copy(sw_str(p->user_id), ret->id, sizeof(ret->id));
    (void)sw_str_copy(sw_str(p->access_key_id), ret->access_key_id, sizeof(ret->access_key_id));
    const char *name = p->kind == PRINCIPAL_ROLE        ? p->session_name
                       : p->kind == PRINCIPAL_FEDERATED ? p->name
                                                        : "";
    (void)sw_str_copy(sw_str(name), ret->name, sizeof(ret->name));
    return add_extra(s, p, ret, err);
}

/* ---- what claims mean now ---- */

static bool role_principal(struct identity *id, const struct session_claims *c,
                           struct principal *ret)
{
    bool ok = false;

    directory_lock(id);
    const struct iam_entity *role = directory_by_id(id, c->id);
    if (role && role->kind == IAM_ROLE) {
        ok = sw_str_copy(sw_str(role->account), ret->account, sizeof(ret->account)) &&
             sw_str_copy(sw_str(role->name), ret->name, sizeof(ret->name)) &&
             sw_str_copy(sw_str(role->arn), ret->role_arn, sizeof(ret->role_arn));
        (void)snprintf(ret->arn, sizeof(ret->arn), "arn:aws:sts::%s:assumed-role/%s/%s",
                       role->account, role->name, c->name);
    }
    directory_unlock(id);
    (void)sw_str_copy(sw_str(c->name), ret->session_name, sizeof(ret->session_name));
    return ok;
}

static bool federated_principal(struct identity *id, const struct session_claims *c,
                                struct principal *ret)
{
    struct sw_err ignored = SW_ERR_INIT;
    struct principal user;

    if (identity_user_by_id(id, c->id, &user, &ignored) < 0)
        return false;
    (void)sw_str_copy(sw_str(user.account), ret->account, sizeof(ret->account));
    (void)sw_str_copy(sw_str(c->name), ret->name, sizeof(ret->name));
    (void)snprintf(ret->arn, sizeof(ret->arn), "arn:aws:sts::%s:federated-user/%s", user.account,
                   c->name);
    return true;
}

static bool is_session_key(const char *access_key_id)
{
    return strncmp(access_key_id, "ASIA", 4) == 0;
}

/* The extra in memory; false when it names a key that is gone or is not one of ours. */
static enum session_state take_extra(struct session_store *s, struct identity *id,
                                     const struct session_claims *c, struct principal *ret)
{
    if (c->packed_n == 0)
        return SESSION_VALID;
    struct session_extra *x = s ? session_extras_intern(s->extras, c->packed, c->packed_n) : NULL;
    if (!x)
        return SESSION_GONE;
    const char *parent = session_extra_parent(x);
    bool ok = !parent || identity_key_is_of(id, parent, c->id);
    session_extra_unref(x);
    session_extra_id(c->packed, c->packed_n, ret->session_policy_id);
    return ok ? SESSION_VALID : SESSION_KEY_GONE;
}

enum session_state session_principal(struct session_store *s, struct identity *id,
                                     const struct session_claims *c, int64_t now_us,
                                     struct principal *ret)
{
    struct principal p = {.kind = c->kind};
    struct sw_err ignored = SW_ERR_INIT;
    bool session = is_session_key(c->access_key_id), found = false;

    if (now_us >= c->expires_at_us)
        return SESSION_EXPIRED;
    switch (c->kind) {
    case PRINCIPAL_USER: found = identity_user_by_id(id, c->id, &p, &ignored) == 0; break;
    case PRINCIPAL_ROLE: found = s && role_principal(id, c, &p); break;
    case PRINCIPAL_FEDERATED: found = s && federated_principal(id, c, &p); break;
    default: break;
    }
    if (!found)
        return SESSION_GONE;
    if (c->access_key_id[0] && !session && !identity_key_is_of(id, c->access_key_id, c->id))
        return SESSION_KEY_GONE;
    enum session_state state = take_extra(s, id, c, &p);
    if (state != SESSION_VALID)
        return state;
    (void)sw_str_copy(sw_str(c->id), p.user_id, sizeof(p.user_id));
    (void)sw_str_copy(sw_str(c->access_key_id), p.access_key_id, sizeof(p.access_key_id));
    p.has_session_policy = c->has_policy;
    p.expires_at_us = session ? c->expires_at_us : 0;
    p.issued_at_us = session ? c->issued_at_us : 0;
    *ret = p;
    return SESSION_VALID;
}

/* ---- issuing ---- */

static const char base32[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

static void make_key_id(const char *account, char ret[21])
{
    unsigned char random[5];
    uint64_t number = 0, salt = 0;

    (void)sw_parse_u64(sw_str(account), &number);
    sw_random_bytes(random, sizeof(random));
    for (size_t i = 0; i < sizeof(random); i++)
        salt = salt << 8 | random[i];
    memcpy(ret, "ASIA", 4);
    for (int i = 0; i < 8; i++) {
        ret[4 + i] = base32[number >> (35 - 5 * i) & 31];
        ret[12 + i] = base32[salt >> (35 - 5 * i) & 31];
    }
    ret[20] = 0;
}

bool session_key_account(const char *access_key_id, char ret_account[13])
{
    uint64_t number = 0;

    if (!is_session_key(access_key_id) || strlen(access_key_id) != 20)
        return false;
    for (int i = 4; i < 12; i++) {
        const char *at = strchr(base32, access_key_id[i]);
        if (!at)
            return false;
        number = number << 5 | (uint64_t)(at - base32);
    }
    if (number > 999999999999ULL)
        return false;
    (void)snprintf(ret_account, 13, "%012llu", (unsigned long long)number);
    return true;
}

static int seal(struct session_store *s, const struct session_claims *c, const char *secret,
                char ret_token[SESSION_TOKEN_MAX], struct sw_err *err)
{
    SW_CLEANUP(sw_buf_done)
    struct sw_buf plain = SW_BUF_INIT(PLAIN_MAX), sealed = SW_BUF_INIT(SEALED_MAX);
    int r;

    session_claims_add(&plain, c);
    add_word(&plain, secret);
    r = sw_buf_check(&plain, NULL, err);
    if (r == 0)
        r = keyring_seal(s->o.keyring, TOKEN_CONTEXT, plain.p, plain.n, &sealed, err);
    if (r == 0)
        sw_base64(sealed.p, sealed.n, ret_token);
    if (plain.p)
        explicit_bzero(plain.p, plain.n);
    return r;
}

int session_issue(struct session_store *s, const struct session_grant *g,
                  struct session_credentials *ret, struct sw_err *err)
{
    struct session_claims c = {.kind = g->kind,
                               .has_policy = g->has_policy || g->policy || g->policy_arns_n,
                               .issued_at_us = g->now_us,
                               .expires_at_us = g->expires_at_us};
    int r = session_extra_pack(g, c.packed, &c.packed_n, &ret->packed_percent, err);

    if (r < 0)
        return r;
    if (!sw_str_copy(sw_str(g->account), c.account, sizeof(c.account)) ||
        !sw_str_copy(sw_str(g->id), c.id, sizeof(c.id)) ||
        !sw_str_copy(sw_str(g->name), c.name, sizeof(c.name)))
        return sw_fail(err, SW_EINVALID, "ValidationError", "the session's name is too long");
    make_key_id(g->account, ret->access_key_id);
    memcpy(c.access_key_id, ret->access_key_id, sizeof(ret->access_key_id));
    sw_random_base64(ret->secret_access_key, SECRET_LEN);
    return seal(s, &c, ret->secret_access_key, ret->token, err);
}

/* ---- opening ---- */

static bool unseal(struct session_store *s, struct sw_str token, struct session_claims *ret,
                   char ret_secret[SECRET_LEN + 1])
{
    SW_CLEANUP(sw_buf_done) struct sw_buf plain = SW_BUF_INIT(PLAIN_MAX);
    struct sw_err ignored = SW_ERR_INIT;
    unsigned char sealed[SEALED_MAX];
    size_t n = 0;

    if (token.n == 0 || !sw_unbase64(token, sealed, sizeof(sealed), &n) ||
        keyring_open_sealed(s->o.keyring, TOKEN_CONTEXT, sealed, n, &plain, &ignored) < 0)
        return false;
    struct sw_str rest = sw_buf_str(&plain);
    bool ok =
        session_claims_take(&rest, ret) && take_word(&rest, ret_secret, SECRET_LEN + 1) && !rest.n;
    explicit_bzero(plain.p, plain.n);
    return ok;
}

int session_open(struct session_store *s, const char *access_key_id, struct sw_str token,
                 int64_t now_us, struct principal *ret, char ret_secret[129], struct sw_err *err)
{
    char secret[SECRET_LEN + 1] = "";
    struct session_claims c;

    if (!unseal(s, token, &c, secret) || !sw_streq(c.access_key_id, access_key_id))
        return sw_fail(err, SW_EDENIED, "UnrecognizedClientException", INVALID);
    switch (session_principal(s, s->o.identity, &c, now_us, ret)) {
    case SESSION_EXPIRED: return sw_fail(err, SW_EDENIED, "ExpiredTokenException", EXPIRED);
    case SESSION_GONE:
    case SESSION_KEY_GONE: return sw_fail(err, SW_EDENIED, "UnrecognizedClientException", INVALID);
    case SESSION_VALID: break;
    }
    memcpy(ret_secret, secret, sizeof(secret));
    explicit_bzero(secret, sizeof(secret));
    return 0;
}

int session_secret(void *ctx, const struct sigv4_key *key, struct principal *ret,
                   char ret_secret[129], struct sw_err *err)
{
    struct session_store *s = ctx;

    if (is_session_key(key->access_key_id) || key->session_token.n > 0)
        return session_open(s, key->access_key_id, key->session_token, key->now_us, ret, ret_secret,
                            err);
    return identity_secret(s->o.identity, key->access_key_id, ret, ret_secret, err);
}

/* ---- extras ---- */

struct session_extra *session_extra(struct session_store *s,
                                    const unsigned char id[PRINCIPAL_POLICY_ID])
{
    return is_zero(id) ? session_extras_intern(s->extras, "", 0)
                       : session_extras_find(s->extras, id);
}

bool session_policies(void *ctx, const unsigned char id[PRINCIPAL_POLICY_ID],
                      void (*fn)(void *ctx, const struct policy_attached *policies, size_t n),
                      void *fn_ctx)
{
    struct session_store *s = ctx;
    struct session_extra *x = session_extra(s, id);

    if (!x)
        return false;
    session_extra_policies(x, s->o.identity, fn, fn_ctx);
    session_extra_unref(x);
    return true;
}
