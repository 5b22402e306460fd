/* SPDX-License-Identifier: Apache-2.0 */
#include "auth/session.h"

#include <pthread.h>

#include "auth/directory.h"
#include "auth/token.h"
#include "base/alloc.h"
#include "base/json.h"
#include "tests/unit/auth/world.h"

#define NOW_US  1793000000000000LL
#define HOUR_US (3600 * 1000000LL)
#define UNKNOWN "UnrecognizedClientException"
#define TRUST                                                                              \
    "{\"Version\":\"2012-10-17\",\"Statement\":{\"Effect\":\"Allow\",\"Principal\":\"*\"," \
    "\"Action\":\"sts:AssumeRole\"}}"
#define ALLOW(action)                                                                      \
    "{\"Version\":\"2012-10-17\",\"Statement\":{\"Effect\":\"Allow\",\"Action\":\"" action \
    "\",\"Resource\":\"*\"}}"

struct place {
    struct world w;
    struct session_store *s;
    char role_id[IAM_ID_MAX];
};

static void place_close(struct place *p)
{
    session_store_free(p->s);
    world_close(&p->w);
}
#define autoplace SW_CLEANUP(place_close) struct place

static void make_role(struct place *p)
{
    const struct directory_new role = {
        .kind = IAM_ROLE, .account = ACCOUNT, .name = "ci", .path = "/team/", .document = TRUST};
    struct sw_err err = SW_ERR_INIT;

    CHECK_OK(directory_create(p->w.id, &role, p->role_id, &err));
}

static void place_open(struct place *p)
{
    world_open(&p->w);
    const struct session_options o = {
        .keyring = p->w.keyring, .identity = p->w.id, .extras_max = 2};
    p->s = session_store_new(&o);
    make_role(p);
}

static struct session_grant role_grant(const struct place *p)
{
    return (struct session_grant){.kind = PRINCIPAL_ROLE,
                                  .account = ACCOUNT,
                                  .id = p->role_id,
                                  .name = "build-7",
                                  .now_us = NOW_US,
                                  .expires_at_us = NOW_US + HOUR_US};
}

static struct session_credentials issue(struct place *p, const struct session_grant *g)
{
    struct session_credentials c;
    struct sw_err err = SW_ERR_INIT;

    CHECK_OK(session_issue(p->s, g, &c, &err));
    return c;
}

static int open_session(struct place *p, const struct session_credentials *c, int64_t now_us,
                        struct principal *ret, struct sw_err *err)
{
    char secret[129] = "";
    int r = session_open(p->s, c->access_key_id, sw_str(c->token), now_us, ret, secret, err);

    if (r == 0)
        CHECK_EQ_STR(secret, c->secret_access_key);
    return r;
}

TEST(a_role_session_comes_back)
{
    autoplace p = {0};
    struct principal who;
    struct sw_err err = SW_ERR_INIT;

    place_open(&p);
    struct session_grant g = role_grant(&p);
    struct session_credentials c = issue(&p, &g);
    CHECK_EQ_INT(c.packed_percent, 0);
    CHECK(strlen(c.token) < 300);
    CHECK_OK(open_session(&p, &c, NOW_US, &who, &err));
    CHECK_EQ_INT(who.kind, PRINCIPAL_ROLE);
    CHECK_EQ_STR(who.arn, "arn:aws:sts::" ACCOUNT ":assumed-role/ci/build-7");
    CHECK_EQ_STR(who.role_arn, "arn:aws:iam::" ACCOUNT ":role/team/ci");
    CHECK_EQ_STR(who.user_id, p.role_id);
    CHECK_EQ_STR(who.session_name, "build-7");
    CHECK_EQ_STR(who.access_key_id, c.access_key_id);
    CHECK_EQ_INT(who.expires_at_us, NOW_US + HOUR_US);
    CHECK_EQ_INT(who.issued_at_us, NOW_US);
    CHECK(!who.has_session_policy);
}

TEST(ends_with_its_time_its_role_and_its_token)
{
    autoplace p = {0};
    struct principal who;
    struct sw_err err = SW_ERR_INIT;

    place_open(&p);
    struct session_grant g = role_grant(&p);
    struct session_credentials c = issue(&p, &g), other = issue(&p, &g);
    CHECK_ERR(open_session(&p, &c, NOW_US + HOUR_US, &who, &err), SW_EDENIED,
              "ExpiredTokenException");
    memcpy(other.access_key_id, c.access_key_id, sizeof(c.access_key_id));
    CHECK_ERR(open_session(&p, &other, NOW_US, &who, &err), SW_EDENIED, UNKNOWN);
    for (size_t i = 0; i < strlen(c.token); i += 7) {
        struct session_credentials bad = c;
        bad.token[i] = bad.token[i] == 'A' ? 'B' : 'A';
        CHECK_ERR(open_session(&p, &bad, NOW_US, &who, &err), SW_EDENIED, UNKNOWN);
        bad.token[i] = 0;
        CHECK_ERR(open_session(&p, &bad, NOW_US, &who, &err), SW_EDENIED, UNKNOWN);
    }
    CHECK_OK(directory_delete(p.w.id, IAM_ROLE, ACCOUNT, "ci", &err));
    CHECK_ERR(open_session(&p, &c, NOW_US, &who, &err), SW_EDENIED, UNKNOWN);
    make_role(&p); /* another one of that name */
    CHECK_ERR(open_session(&p, &c, NOW_US, &who, &err), SW_EDENIED, UNKNOWN);
}

TEST(a_users_session_ends_with_its_key)
{
    autoplace p = {0};
    struct principal ann, who;
    struct sw_err err = SW_ERR_INIT;

    place_open(&p);
    struct identity_key key = world_add(&p.w, "ann", PRINCIPAL_ADMIN, &ann);
    const struct session_grant g = {.kind = PRINCIPAL_USER,
                                    .account = ACCOUNT,
                                    .id = ann.user_id,
                                    .name = "",
                                    .parent_key_id = key.access_key_id,
                                    .now_us = NOW_US,
                                    .expires_at_us = NOW_US + HOUR_US};
    struct session_credentials c = issue(&p, &g);
    CHECK_OK(open_session(&p, &c, NOW_US, &who, &err));
    CHECK_EQ_INT(who.kind, PRINCIPAL_ADMIN);
    CHECK_EQ_STR(who.arn, ann.arn);
    CHECK(!who.has_session_policy);
    CHECK_OK(directory_key_set(p.w.id, ACCOUNT, "ann", key.access_key_id, false, &err));
    CHECK_ERR(open_session(&p, &c, NOW_US, &who, &err), SW_EDENIED, UNKNOWN);
}

TEST(a_federated_user_has_its_askers_id)
{
    autoplace p = {0};
    struct principal ann, who;
    struct sw_err err = SW_ERR_INIT;

    place_open(&p);
    (void)world_add(&p.w, "ann", PRINCIPAL_USER, &ann);
    const struct session_grant g = {.kind = PRINCIPAL_FEDERATED,
                                    .account = ACCOUNT,
                                    .id = ann.user_id,
                                    .name = "guest",
                                    .has_policy = true,
                                    .now_us = NOW_US,
                                    .expires_at_us = NOW_US + HOUR_US};
    struct session_credentials c = issue(&p, &g);
    CHECK_OK(open_session(&p, &c, NOW_US, &who, &err));
    CHECK_EQ_STR(who.arn, "arn:aws:sts::" ACCOUNT ":federated-user/guest");
    CHECK_EQ_STR(who.user_id, ann.user_id);
    CHECK(who.has_session_policy);
    CHECK_OK(identity_user_delete(p.w.id, ACCOUNT, "ann", &err));
    CHECK_ERR(open_session(&p, &c, NOW_US, &who, &err), SW_EDENIED, UNKNOWN);
}

struct seen {
    size_t calls, n;
    char names[4][200];
};

static void see(void *ctx, const struct policy_attached *policies, size_t n)
{
    struct seen *s = ctx;

    s->calls++;
    s->n = n;
    for (size_t i = 0; i < n && i < 4; i++) {
        CHECK_NOT_NULL(policies[i].doc);
        CHECK_EQ_INT(policies[i].kind, POLICY_FROM_SESSION);
        (void)snprintf(s->names[i], sizeof(s->names[i]), "%s", policies[i].name);
    }
}

TEST(policies_tags_and_source_identity_travel)
{
    autoplace p = {0};
    static const char *const arns[] = {"arn:aws:iam::" ACCOUNT ":policy/pull",
                                       "arn:aws:iam::" ACCOUNT ":policy/gone"};
    const struct session_tag tags[] = {{"team", "a"}, {"stage", "\xe2\x82\xac"}};
    static const char *const transitive[] = {"Team"};
    const struct directory_new policy = {
        .kind = IAM_POLICY, .account = ACCOUNT, .name = "pull", .document = ALLOW("ecr:*")};
    char id[IAM_ID_MAX];
    struct principal who;
    struct seen seen = {0};
    struct sw_err err = SW_ERR_INIT;

    place_open(&p);
    CHECK_OK(directory_create(p.w.id, &policy, id, &err));
    struct session_grant g = role_grant(&p);
    g.policy = ALLOW("ecr:BatchGetImage");
    g.policy_arns = arns;
    g.policy_arns_n = 2;
    g.tags = tags;
    g.tags_n = 2;
    g.transitive = transitive;
    g.transitive_n = 1;
    g.source_identity = "someone";
    struct session_credentials c = issue(&p, &g);
    CHECK(c.packed_percent > 1 && c.packed_percent < 30);
    CHECK_OK(open_session(&p, &c, NOW_US, &who, &err));
    CHECK(who.has_session_policy);
    CHECK(session_policies(p.s, who.session_policy_id, see, &seen));
    CHECK_EQ_UINT(seen.calls, 1);
    CHECK_EQ_UINT(seen.n, 2); /* the one that is gone allows nothing */
    CHECK_EQ_STR(seen.names[1], arns[0]);
    struct session_extra *x = session_extra(p.s, who.session_policy_id);
    CHECK_NOT_NULL(x);
    CHECK_EQ_STR(session_extra_key(x, "AWS:principaltag/STAGE")->values[0], "\xe2\x82\xac");
    CHECK_EQ_STR(session_extra_key(x, "aws:SourceIdentity")->values[0], "someone");
    CHECK_NULL(session_extra_key(x, "aws:PrincipalTag/other"));
    CHECK(session_extra_is_transitive(x, "team"));
    CHECK(!session_extra_is_transitive(x, "stage"));
    CHECK_EQ_UINT(json_object_size(session_extra_tags(x)), 2);
    session_extra_unref(x);
}

TEST(extras_are_bounded_and_come_back_with_their_token)
{
    autoplace p = {0};
    struct principal who[3];
    struct session_credentials c[3];
    struct seen seen = {0};
    struct sw_err err = SW_ERR_INIT;

    place_open(&p);
    for (size_t i = 0; i < 3; i++) {
        sw_autofree char *text = sw_asprintf(
            "{\"Statement\":{\"Effect\":\"Allow\",\"Action\":\"ecr:A%zu\",\"Resource\":\"*\"}}", i);
        struct session_grant g = role_grant(&p);
        g.policy = text;
        c[i] = issue(&p, &g);
        CHECK_OK(open_session(&p, &c[i], NOW_US, &who[i], &err));
    }
    CHECK(!session_policies(p.s, who[0].session_policy_id, see, &seen));
    CHECK(session_policies(p.s, who[1].session_policy_id, see, &seen));
    CHECK_OK(open_session(&p, &c[0], NOW_US, &who[0], &err));
    CHECK(session_policies(p.s, who[0].session_policy_id, see, &seen));
    CHECK(session_policies(p.s, who[1].session_policy_id, see, &seen));
    CHECK(!session_policies(p.s, who[2].session_policy_id, see, &seen));
}

TEST(malformed_and_large_extras_are_refused)
{
    autoplace p = {0};
    struct session_credentials c;
    struct sw_err err = SW_ERR_INIT;
    SW_CLEANUP(sw_buf_done) struct sw_buf big = SW_BUF_INIT(20000);

    place_open(&p);
    struct session_grant g = role_grant(&p);
    g.policy = "{\"Statement\":[]}x";
    CHECK_ERR(session_issue(p.s, &g, &c, &err), SW_EINVALID, "MalformedPolicyDocument");
    sw_buf_add_z(&big,
                 "{\"Statement\":{\"Effect\":\"Allow\",\"Resource\":\"*\",\"Action\":[\"s:A\"");
    for (unsigned i = 1; i < 1500; i++)
        sw_buf_addf(&big, ",\"s:%x\"", i * 2654435761U);
    sw_buf_add_z(&big, "]}}");
    g.policy = big.p;
    CHECK_ERR(session_issue(p.s, &g, &c, &err), SW_EINVALID, "PackedPolicyTooLarge");
}

TEST(key_ids_tell_their_account)
{
    autoplace p = {0};
    char account[13];

    place_open(&p);
    struct session_grant g = role_grant(&p);
    static const char *const accounts[] = {"000000000000", "123456789012", "999999999999"};
    for (size_t i = 0; i < 3; i++) {
        g.account = accounts[i];
        struct session_credentials c = issue(&p, &g);
        CHECK_EQ_UINT(strlen(c.access_key_id), 20);
        CHECK(session_key_account(c.access_key_id, account));
        CHECK_EQ_STR(account, accounts[i]);
    }
    CHECK(!session_key_account("AKIAIOSFODNN7EXAMPLE", account));
    CHECK(!session_key_account("ASIA", account));
    CHECK(!session_key_account("ASIA77777777AAAAAAAA", account));
    CHECK(!session_key_account("ASIA0000AAAAAAAAAAAA", account));
}

TEST(registry_tokens_carry_sessions)
{
    autoplace p = {0};
    struct principal who, back;
    struct sw_err err = SW_ERR_INIT;
    char token[TOKEN_MAX], bearer[TOKEN_BEARER_MAX], scopes[TOKEN_SCOPES_MAX + 1];
    int64_t expires;

    place_open(&p);
    const struct token_authority a = {.keyring = p.w.keyring, .identity = p.w.id, .sessions = p.s};
    struct session_grant g = role_grant(&p);
    g.policy = ALLOW("ecr:BatchGetImage");
    struct session_credentials c = issue(&p, &g);
    CHECK_OK(open_session(&p, &c, NOW_US, &who, &err));
    CHECK_OK(token_issue(&a, &who, NOW_US, TOKEN_TTL_S, token, &expires, &err));
    CHECK_EQ_INT(expires, NOW_US + HOUR_US); /* no longer than the session */
    CHECK_OK(token_verify(&a, sw_str(token), NOW_US, &back, &err));
    CHECK_EQ_STR(back.arn, who.arn);
    CHECK_EQ_INT(back.issued_at_us, NOW_US); /* of the session */
    CHECK(back.has_session_policy);
    CHECK_EQ_MEM(back.session_policy_id, PRINCIPAL_POLICY_ID, who.session_policy_id,
                 PRINCIPAL_POLICY_ID);
    CHECK_OK(token_issue_bearer(&a, &back, "x", NOW_US, 300, bearer, &expires, &err));
    CHECK_OK(token_verify_bearer(&a, sw_str(bearer), NOW_US, &back, scopes, &err));
    CHECK_EQ_STR(back.role_arn, who.role_arn);
    CHECK_ERR(token_verify(&a, sw_str(c.token), NOW_US, &back, &err), SW_EDENIED, "UNAUTHORIZED");
    CHECK_ERR(token_verify(&a, sw_str(token), NOW_US + HOUR_US, &back, &err), SW_EDENIED,
              "UNAUTHORIZED");
    session_store_free(p.s); /* a restart: the token brings its policies along */
    const struct session_options o = {.keyring = p.w.keyring, .identity = p.w.id};
    p.s = session_store_new(&o);
    const struct token_authority later = {
        .keyring = p.w.keyring, .identity = p.w.id, .sessions = p.s};
    struct seen seen = {0};
    CHECK_OK(token_verify(&later, sw_str(token), NOW_US, &back, &err));
    CHECK(session_policies(p.s, back.session_policy_id, see, &seen));
    CHECK_EQ_UINT(seen.n, 1);
    CHECK_OK(directory_delete(p.w.id, IAM_ROLE, ACCOUNT, "ci", &err));
    CHECK_ERR(token_verify(&later, sw_str(token), NOW_US, &back, &err), SW_EDENIED, "UNAUTHORIZED");
}

TEST(long_term_and_temporary_keys_are_told_apart)
{
    autoplace p = {0};
    struct principal ann, who;
    char secret[129];
    struct sw_err err = SW_ERR_INIT;

    place_open(&p);
    struct identity_key key = world_add(&p.w, "ann", PRINCIPAL_USER, &ann);
    struct session_grant g = role_grant(&p);
    struct session_credentials c = issue(&p, &g);
    struct sigv4_key k = {key.access_key_id, SW_STR(""), NOW_US};
    CHECK_OK(session_secret(p.s, &k, &who, secret, &err));
    CHECK_EQ_STR(who.name, "ann");
    k.session_token = sw_str(c.token);
    CHECK_ERR(session_secret(p.s, &k, &who, secret, &err), SW_EDENIED, UNKNOWN);
    k.access_key_id = c.access_key_id;
    CHECK_OK(session_secret(p.s, &k, &who, secret, &err));
    CHECK_EQ_STR(who.name, "ci");
    k.session_token = SW_STR("");
    CHECK_ERR(session_secret(p.s, &k, &who, secret, &err), SW_EDENIED, UNKNOWN);
}

static void *intern_many(void *arg)
{
    struct place *p = arg;
    struct sw_err err = SW_ERR_INIT;
    struct principal who;

    for (unsigned i = 0; i < 300; i++) {
        char text[120];
        struct session_grant g = role_grant(p);
        (void)snprintf(text, sizeof(text),
                       "{\"Statement\":{\"Effect\":\"Allow\",\"Action\":\"ecr:A%u\",\"Resource\":"
                       "\"*\"}}",
                       i % 5);
        g.policy = text;
        struct session_credentials c = issue(p, &g);
        CHECK_OK(open_session(p, &c, NOW_US, &who, &err));
        struct seen seen = {0};
        (void)session_policies(p->s, who.session_policy_id, see, &seen);
    }
    return NULL;
}

TEST(many_threads_share_extras)
{
    autoplace p = {0};
    pthread_t t[4];

    place_open(&p);
    for (size_t i = 0; i < 4; i++)
        CHECK_EQ_INT(pthread_create(&t[i], NULL, intern_many, &p), 0);
    for (size_t i = 0; i < 4; i++)
        CHECK_EQ_INT(pthread_join(t[i], NULL), 0);
}
