/* SPDX-License-Identifier: Apache-2.0 */
#include "auth/token.h"

#include <pthread.h>
#include <stdatomic.h>

#include "auth/directory.h"
#include "auth/token_cache.h"
#include "base/encode.h"
#include "base/macros.h"
#include "tests/unit/auth/world.h"

#define NOW_US       1793000000000000LL
#define UNAUTH       "UNAUTHORIZED"
#define AUTHORITY(w) (&(const struct token_authority){.keyring = (w)->keyring, .identity = (w)->id})

static const struct token_login login = {.account = ACCOUNT, .now_us = NOW_US};

struct issued {
    struct principal principal;
    char token[TOKEN_MAX];
    int64_t expires_at_us;
};

static void issue(struct world *w, const char *name, struct issued *ret)
{
    struct sw_err err = SW_ERR_INIT;
    struct identity_key key = world_add(w, name, PRINCIPAL_USER, &ret->principal);

    (void)snprintf(ret->principal.access_key_id, sizeof(ret->principal.access_key_id), "%s",
                   key.access_key_id);
    CHECK_OK(token_issue(AUTHORITY(w), &ret->principal, NOW_US, TOKEN_TTL_S, ret->token,
                         &ret->expires_at_us, &err));
}

static int verify(struct world *w, const char *token, int64_t now_us, struct principal *ret,
                  struct sw_err *err)
{
    return token_verify(AUTHORITY(w), sw_str(token), now_us, ret, err);
}

TEST(names_its_user)
{
    autoworld w = {0};
    struct issued t;
    struct principal p;
    struct sw_err err = SW_ERR_INIT;

    world_open(&w);
    issue(&w, "ann", &t);
    CHECK_EQ_INT(t.expires_at_us, NOW_US + 12 * 3600 * 1000000LL);
    CHECK_EQ_INT(
        strspn(t.token, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"),
        strlen(t.token));
    CHECK(strlen(t.token) < 200);
    CHECK_OK(verify(&w, t.token, NOW_US, &p, &err));
    CHECK_EQ_STR(p.user_id, t.principal.user_id);
    CHECK_EQ_STR(p.name, "ann");
    CHECK_EQ_STR(p.access_key_id, t.principal.access_key_id);
    CHECK_OK(verify(&w, t.token, NOW_US + TOKEN_TTL_S * 1000000LL - 1, &p, &err));
    world_close(&w);
    world_open(&w);
    CHECK_OK(verify(&w, t.token, NOW_US, &p, &err));
}

TEST(expires)
{
    autoworld w = {0};
    struct issued t;
    struct principal p = {.name = "untouched"};
    struct sw_err err = SW_ERR_INIT;

    world_open(&w);
    issue(&w, "ann", &t);
    CHECK_EQ_INT(verify(&w, t.token, t.expires_at_us, &p, &err), SW_EDENIED);
    CHECK_EQ_STR(err.reason, UNAUTH);
    CHECK_CONTAINS(err.msg, "expired");
    CHECK_EQ_STR(p.name, "untouched");
}

TEST(dies_with_its_user)
{
    autoworld w = {0};
    struct issued t;
    struct principal p;
    struct sw_err err = SW_ERR_INIT;

    world_open(&w);
    issue(&w, "ann", &t);
    CHECK_OK(identity_user_delete(w.id, ACCOUNT, "ann", &err));
    CHECK_ERR(verify(&w, t.token, NOW_US, &p, &err), SW_EDENIED, UNAUTH);
    world_add(&w, "ann", PRINCIPAL_USER, &p);
    CHECK_ERR(verify(&w, t.token, NOW_US, &p, &err), SW_EDENIED, UNAUTH);
}

TEST(dies_with_its_access_key)
{
    autoworld w = {0};
    struct issued t;
    struct principal p, bob;
    struct sw_err err = SW_ERR_INIT;
    char token[TOKEN_MAX];
    int64_t expires;

    world_open(&w);
    issue(&w, "ann", &t);
    struct identity_key key = world_add(&w, "bob", PRINCIPAL_USER, &bob);
    (void)snprintf(t.principal.access_key_id, sizeof(t.principal.access_key_id), "%s",
                   key.access_key_id);
    CHECK_OK(token_issue(AUTHORITY(&w), &t.principal, NOW_US, 60, token, &expires, &err));
    CHECK_ERR(verify(&w, token, NOW_US, &p, &err), SW_EDENIED, UNAUTH);
    t.principal.access_key_id[0] = 0; /* got without a key */
    CHECK_OK(token_issue(AUTHORITY(&w), &t.principal, NOW_US, 60, token, &expires, &err));
    CHECK_OK(verify(&w, token, NOW_US, &p, &err));
}

TEST(refuses_to_issue)
{
    autoworld w = {0};
    struct issued t;
    struct principal nobody = principal_anonymous();
    struct sw_err err = SW_ERR_INIT;
    int64_t expires = 7;

    world_open(&w);
    issue(&w, "ann", &t);
    CHECK_ERR(token_issue(AUTHORITY(&w), &nobody, NOW_US, 60, t.token, &expires, &err), SW_EDENIED,
              UNAUTH);
    CHECK_ERR(token_issue(AUTHORITY(&w), &t.principal, NOW_US, 0, t.token, &expires, &err),
              SW_EINVALID, NULL);
    CHECK_ERR(token_issue(AUTHORITY(&w), &t.principal, NOW_US, -5, t.token, &expires, &err),
              SW_EINVALID, NULL);
    CHECK_ERR(
        token_issue(AUTHORITY(&w), &t.principal, NOW_US, TOKEN_TTL_S + 1, t.token, &expires, &err),
        SW_EINVALID, NULL);
    CHECK_EQ_INT(expires, 7);
}

TEST(flipping_any_bit_or_cutting_fails)
{
    autoworld w = {0};
    struct issued t;
    struct principal p;
    struct sw_err err = SW_ERR_INIT;

    world_open(&w);
    issue(&w, "ann", &t);
    size_t n = strlen(t.token);
    for (size_t i = 0; i < n * 8; i++) {
        t.token[i / 8] = (char)(t.token[i / 8] ^ (1 << i % 8));
        CHECK_ERR(token_verify(AUTHORITY(&w), sw_str_n(t.token, n), NOW_US, &p, &err), SW_EDENIED,
                  UNAUTH);
        t.token[i / 8] = (char)(t.token[i / 8] ^ (1 << i % 8));
    }
    for (size_t i = 0; i < n; i++)
        CHECK_ERR(token_verify(AUTHORITY(&w), sw_str_n(t.token, i), NOW_US, &p, &err), SW_EDENIED,
                  UNAUTH);
    CHECK_OK(verify(&w, t.token, NOW_US, &p, &err));
}

TEST(foreign_and_malformed_tokens_are_refused)
{
    static const char *const bad[] = {"", "x", "====", "not a token", "AAAA", "\xff"};
    autoworld w = {0};
    struct issued t;
    struct principal p;
    struct keyring *other = NULL;
    struct sw_err err = SW_ERR_INIT;
    char token[TOKEN_MAX], big[5000];
    int64_t expires;

    world_open(&w);
    issue(&w, "ann", &t);
    for (size_t i = 0; i < SW_ARRAY_LEN(bad); i++)
        CHECK_ERR(verify(&w, bad[i], NOW_US, &p, &err), SW_EDENIED, UNAUTH);
    memset(big, 'A', sizeof(big));
    CHECK_ERR(token_verify(AUTHORITY(&w), sw_str_n(big, sizeof(big)), NOW_US, &p, &err), SW_EDENIED,
              UNAUTH);
    CHECK_OK(keyring_open(test_path("other.key"), &other, &err));
    CHECK_OK(token_issue(&(struct token_authority){.keyring = other}, &t.principal, NOW_US, 60,
                         token, &expires, &err));
    keyring_free(other);
    CHECK_ERR(verify(&w, token, NOW_US, &p, &err), SW_EDENIED, UNAUTH);
}

/* Sealed by us, but not of a form that this program makes. */
TEST(sealed_values_of_another_form_are_refused)
{
    static const struct sw_str forms[] = {
        {"", 0},
        {"\2", 1},
        {"\1", 1},
        {"\1"
         "1234567812345678",
         17},
        {"\1"
         "1234567812345678\5AIDA",
         22},
        {"\1"
         "1234567812345678\4AIDA\0x",
         24},
        {"\1"
         "1234567812345678\377AIDA\0",
         23},
        {"\1"
         "1234567812345678\4A\0DA\0",
         23},
    };
    autoworld w = {0};
    struct principal p;
    struct sw_err err = SW_ERR_INIT;

    world_open(&w);
    for (size_t i = 0; i < SW_ARRAY_LEN(forms); i++) {
        SW_CLEANUP(sw_buf_done) struct sw_buf sealed = SW_BUF_INIT(512);
        char token[TOKEN_MAX];
        CHECK_OK(keyring_seal(w.keyring, "registry token", forms[i].p, forms[i].n, &sealed, &err));
        sw_base64url(sealed.p, sealed.n, token);
        CHECK_ERR(verify(&w, token, NOW_US, &p, &err), SW_EDENIED, UNAUTH);
    }
}

static int verify_basic(struct world *w, const char *scheme, const char *user, const char *password,
                        struct principal *p, struct sw_err *err)
{
    char plain[TOKEN_MAX + 64], header[2 * TOKEN_MAX + 64];
    size_t n = (size_t)snprintf(plain, sizeof(plain), "%s%s", user, password);

    int at = snprintf(header, sizeof(header), "%s ", scheme);
    sw_base64(plain, n, header + at);
    return token_verify_basic(AUTHORITY(w), sw_str(header), &login, p, err);
}

TEST(basic_takes_the_user_AWS_and_a_token)
{
    autoworld w = {0};
    struct issued t;
    struct principal p;
    struct sw_err err = SW_ERR_INIT;

    world_open(&w);
    issue(&w, "ann", &t);
    CHECK_OK(verify_basic(&w, "Basic", "AWS:", t.token, &p, &err));
    CHECK_EQ_STR(p.name, "ann");
    CHECK_OK(verify_basic(&w, "  basic  ", "AWS:", t.token, &p, &err));
    CHECK_ERR(verify_basic(&w, "Bearer", "AWS:", t.token, &p, &err), SW_EDENIED, UNAUTH);
    CHECK_ERR(verify_basic(&w, "Basic", "aws:", t.token, &p, &err), SW_EDENIED, UNAUTH);
    CHECK_ERR(verify_basic(&w, "Basic", "AWS", t.token, &p, &err), SW_EDENIED, UNAUTH);
    CHECK_ERR(verify_basic(&w, "Basic", ":", t.token, &p, &err), SW_EDENIED, UNAUTH);
    CHECK_ERR(verify_basic(&w, "Basic", "AWS::", t.token, &p, &err), SW_EDENIED, UNAUTH);
    CHECK_ERR(verify_basic(&w, "Basic", "AWS:", "", &p, &err), SW_EDENIED, UNAUTH);
    CHECK_ERR(verify_basic(&w, "Basic", "", "", &p, &err), SW_EDENIED, UNAUTH);
}

TEST(basic_refuses_malformed_headers)
{
    static const char *const bad[] = {"",           " ",        "Basic",    "Basic ",
                                      "Basic !!!!", "Basic QQ", "QVdTOg==", "Basic\tQVdTOg=="};
    autoworld w = {0};
    struct principal p;
    struct sw_err err = SW_ERR_INIT;
    char big[4096];

    world_open(&w);
    for (size_t i = 0; i < SW_ARRAY_LEN(bad); i++)
        CHECK_ERR(token_verify_basic(AUTHORITY(&w), sw_str(bad[i]), &login, &p, &err), SW_EDENIED,
                  UNAUTH);
    CHECK_ERR(token_verify_basic(AUTHORITY(&w), (struct sw_str){NULL, 0}, &login, &p, &err),
              SW_EDENIED, UNAUTH);
    memset(big, 'A', sizeof(big));
    memcpy(big, "Basic ", 6);
    CHECK_ERR(token_verify_basic(AUTHORITY(&w), sw_str_n(big, sizeof(big)), &login, &p, &err),
              SW_EDENIED, UNAUTH);
}

TEST(bearer_carries_its_scopes)
{
    autoworld w = {0};
    struct issued t;
    struct principal p, nobody = principal_anonymous();
    char token[TOKEN_BEARER_MAX], scopes[TOKEN_SCOPES_MAX + 1], many[TOKEN_SCOPES_MAX + 2];
    int64_t expires;
    struct sw_err err = SW_ERR_INIT;

    world_open(&w);
    issue(&w, "ann", &t);
    CHECK_OK(token_issue_bearer(AUTHORITY(&w), &t.principal, "a:b:c d", NOW_US, 60, token, &expires,
                                &err));
    CHECK_EQ_INT(expires, NOW_US + 60 * 1000000LL);
    CHECK_OK(token_verify_bearer(AUTHORITY(&w), sw_str(token), expires - 1, &p, scopes, &err));
    CHECK_EQ_STR(scopes, "a:b:c d");
    CHECK_EQ_STR(p.name, "ann");
    CHECK_EQ_STR(p.access_key_id, t.principal.access_key_id);
    CHECK_EQ_INT(token_verify_bearer(AUTHORITY(&w), sw_str(token), expires, &p, scopes, &err),
                 SW_EDENIED);
    sw_err_clear(&err);
    CHECK_EQ_INT(verify(&w, token, NOW_US, &p, &err), SW_EDENIED);
    sw_err_clear(&err);
    CHECK_EQ_INT(token_verify_bearer(AUTHORITY(&w), sw_str(t.token), NOW_US, &p, scopes, &err),
                 SW_EDENIED);
    sw_err_clear(&err);

    CHECK_OK(token_issue_bearer(AUTHORITY(&w), &nobody, "", NOW_US, 60, token, &expires, &err));
    CHECK_OK(token_verify_bearer(AUTHORITY(&w), sw_str(token), NOW_US, &p, scopes, &err));
    CHECK_EQ_INT(p.kind, PRINCIPAL_ANONYMOUS);
    CHECK_EQ_STR(scopes, "");
    CHECK_EQ_INT(token_verify_bearer(AUTHORITY(&w), sw_str(token), expires, &p, scopes, &err),
                 SW_EDENIED);
    sw_err_clear(&err);

    memset(many, 'x', sizeof(many));
    many[TOKEN_SCOPES_MAX] = 0;
    CHECK_OK(
        token_issue_bearer(AUTHORITY(&w), &t.principal, many, NOW_US, 60, token, &expires, &err));
    CHECK(strlen(token) + strlen("Bearer ") < LIMIT_TOKEN);
    CHECK_OK(token_verify_bearer(AUTHORITY(&w), sw_str(token), NOW_US, &p, scopes, &err));
    CHECK_EQ_STR(scopes, many);
    many[TOKEN_SCOPES_MAX] = 'x';
    many[TOKEN_SCOPES_MAX + 1] = 0;
    CHECK_EQ_INT(
        token_issue_bearer(AUTHORITY(&w), &t.principal, many, NOW_US, 60, token, &expires, &err),
        SW_ELIMIT);
}

/* ---- tokens that were opened before ---- */

static void basic_of(const char *token, char ret[LIMIT_TOKEN])
{
    char plain[TOKEN_MAX + 8];
    int n = snprintf(plain, sizeof(plain), "AWS:%s", token);

    memcpy(ret, "Basic ", 6);
    sw_base64(plain, (size_t)n, ret + 6);
}

static struct token_authority with_cache(struct world *w, struct token_cache *cache)
{
    return (struct token_authority){.keyring = w->keyring, .identity = w->id, .cache = cache};
}

static int check_header(const struct token_authority *a, const char *header, int64_t now_us,
                        struct principal *ret, struct sw_err *err)
{
    struct token_login l = login;
    l.now_us = now_us;
    return token_verify_basic(a, sw_str(header), &l, ret, err);
}

/* Whether the answer came from the cache shows with a keyring that opens nothing of this one. */
TEST(a_token_that_was_opened_is_known_by_its_header)
{
    autoworld w = {0};
    struct issued t;
    struct principal p;
    struct sw_err err = SW_ERR_INIT;
    struct keyring *other = NULL;
    char header[LIMIT_TOKEN], scopes[TOKEN_SCOPES_MAX + 1], bearer[TOKEN_BEARER_MAX];
    int64_t expires;

    world_open(&w);
    issue(&w, "ann", &t);
    basic_of(t.token, header);
    struct token_cache *cache = token_cache_new();
    struct token_authority a = with_cache(&w, cache), blind = a;
    CHECK_OK(keyring_open(test_path("other.key"), &other, &err));
    blind.keyring = other;
    CHECK_ERR(check_header(&blind, header, NOW_US, &p, &err), SW_EDENIED, UNAUTH);
    CHECK_OK(check_header(&a, header, NOW_US, &p, &err));
    memset(&p, 0, sizeof(p));
    CHECK_OK(check_header(&blind, header, NOW_US, &p, &err));
    CHECK_EQ_STR(p.name, "ann");
    CHECK_EQ_STR(p.access_key_id, t.principal.access_key_id);
    header[strlen(header) / 2] ^= 1;
    CHECK_ERR(check_header(&a, header, NOW_US, &p, &err), SW_EDENIED, UNAUTH);
    CHECK_OK(token_issue_bearer(&a, &t.principal, "a b", NOW_US, 60, bearer, &expires, &err));
    CHECK_OK(token_verify_bearer(&a, sw_str(bearer), NOW_US, &p, scopes, &err));
    memset(scopes, 0, sizeof(scopes));
    CHECK_OK(token_verify_bearer(&blind, sw_str(bearer), NOW_US, &p, scopes, &err));
    CHECK_EQ_STR(scopes, "a b");
    CHECK_ERR(token_verify_bearer(&a, sw_str(bearer), expires, &p, scopes, &err), SW_EDENIED,
              UNAUTH);
    /* One form's text is not the other's. */
    CHECK_ERR(token_verify_bearer(&blind, sw_str(header + 6), NOW_US, &p, scopes, &err), SW_EDENIED,
              UNAUTH);
    token_cache_free(cache);
    keyring_free(other);
}

TEST(a_known_token_ends_like_any_other)
{
    autoworld w = {0};
    struct issued ann, bob;
    struct principal p;
    struct sw_err err = SW_ERR_INIT;
    char header[LIMIT_TOKEN], other[LIMIT_TOKEN];

    world_open(&w);
    issue(&w, "ann", &ann);
    issue(&w, "bob", &bob);
    basic_of(ann.token, header);
    basic_of(bob.token, other);
    struct token_cache *cache = token_cache_new();
    struct token_authority a = with_cache(&w, cache);
    CHECK_OK(check_header(&a, header, NOW_US, &p, &err));
    CHECK_OK(check_header(&a, other, NOW_US, &p, &err));
    CHECK_OK(check_header(&a, header, ann.expires_at_us - 1, &p, &err));
    CHECK_ERR(check_header(&a, header, ann.expires_at_us, &p, &err), SW_EDENIED, UNAUTH);
    CHECK_OK(identity_user_delete(w.id, ACCOUNT, "ann", &err));
    CHECK_ERR(check_header(&a, header, NOW_US, &p, &err), SW_EDENIED, UNAUTH);
    world_add(&w, "ann", PRINCIPAL_USER, &p);
    CHECK_ERR(check_header(&a, header, NOW_US, &p, &err), SW_EDENIED, UNAUTH);
    CHECK_OK(directory_key_delete(w.id, ACCOUNT, "bob", bob.principal.access_key_id, &err));
    CHECK_ERR(check_header(&a, other, NOW_US, &p, &err), SW_EDENIED, UNAUTH);
    token_cache_free(cache);
}

TEST(the_cache_is_bounded_and_mixes_nobody_up)
{
    struct token_cache *cache = token_cache_new();
    struct session_claims c = {.kind = PRINCIPAL_USER}, got;
    char scopes[TOKEN_SCOPES_MAX + 1], text[32];
    size_t found = 0;

    for (int round = 0; round < 2; round++)
        for (int i = 0; i < 4 * TOKEN_CACHE_SLOTS; i++) {
            struct sw_str s = sw_str(text);
            (void)snprintf(text, sizeof(text), "token %d", i);
            (void)snprintf(c.id, sizeof(c.id), "%d", i);
            s.n = strlen(text);
            c.packed_n = (size_t)i % SESSION_PACKED_MAX;
            memset(c.packed, i, c.packed_n);
            if (round == 0) {
                token_cache_put(cache, TOKEN_BEARER, s, &c, c.id);
            } else if (token_cache_find(cache, TOKEN_BEARER, s, &got, scopes)) {
                found++;
                CHECK_EQ_STR(got.id, c.id);
                CHECK_EQ_STR(scopes, c.id);
                CHECK_EQ_UINT(got.packed_n, c.packed_n);
                CHECK(memcmp(got.packed, c.packed, c.packed_n) == 0);
            }
        }
    CHECK(found > 0 && found <= TOKEN_CACHE_SLOTS);
    CHECK(!token_cache_find(NULL, TOKEN_BEARER, SW_STR("token 1"), &got, scopes));
    token_cache_free(cache);
}

struct crowd {
    struct token_cache *cache;
    atomic_int wrong;
};

static void *come_and_go(void *arg)
{
    struct crowd *crowd = arg;
    struct session_claims c = {.kind = PRINCIPAL_USER}, got;
    char scopes[TOKEN_SCOPES_MAX + 1];

    for (int i = 0; i < 2000; i++) {
        struct sw_str s = {.p = c.id};
        (void)snprintf(c.id, sizeof(c.id), "%d", i % 300);
        s.n = strlen(c.id);
        if (!token_cache_find(crowd->cache, TOKEN_BASIC, s, &got, scopes))
            token_cache_put(crowd->cache, TOKEN_BASIC, s, &c, c.id);
        else if (strcmp(got.id, c.id) != 0 || strcmp(scopes, c.id) != 0)
            atomic_fetch_add(&crowd->wrong, 1);
    }
    return NULL;
}

TEST(threads_share_a_cache)
{
    struct crowd crowd = {.cache = token_cache_new()};
    pthread_t threads[4];

    for (size_t i = 0; i < SW_ARRAY_LEN(threads); i++)
        CHECK(pthread_create(&threads[i], NULL, come_and_go, &crowd) == 0);
    for (size_t i = 0; i < SW_ARRAY_LEN(threads); i++)
        pthread_join(threads[i], NULL);
    CHECK_EQ_INT(atomic_load(&crowd.wrong), 0);
    token_cache_free(crowd.cache);
}
