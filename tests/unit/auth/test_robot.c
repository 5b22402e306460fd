/* SPDX-License-Identifier: Apache-2.0 */
#include "auth/robot.h"

#include <pthread.h>

#include "auth/directory.h"
#include "base/clock.h"
#include "base/json.h"
#include "tests/unit/auth/world.h"

#define NOW_US 1793000000000000LL
#define DAY_US (86400 * 1000000LL)
#define UNAUTH "UNAUTHORIZED"

struct place {
    struct world w;
    struct robot_store *s;
};

static void place_close(struct place *p)
{
    robot_free(p->s);
    world_close(&p->w);
}
#define autoplace SW_CLEANUP(place_close) struct place

static void place_open(struct place *p)
{
    struct sw_err err = SW_ERR_INIT;

    world_open(&p->w);
    CHECK_OK(robot_open(p->w.db, p->w.id, &p->s, &err));
}

static struct robot_login login(const char *user, const char *password)
{
    return (struct robot_login){.account = ACCOUNT,
                                .user = sw_str(user),
                                .password = sw_str(password),
                                .peer_ip = "10.0.0.1",
                                .now_us = NOW_US};
}

static int verify(struct place *p, const char *user, const char *password, struct principal *ret,
                  struct sw_err *err)
{
    struct robot_login l = login(user, password);
    return robot_verify(p->s, &l, ret, err);
}

TEST(scopes_become_a_policy)
{
    SW_CLEANUP(sw_buf_done) struct sw_buf text = SW_BUF_INIT(10000);
    policy_autodoc struct policy_document *doc = NULL;
    struct sw_err err = SW_ERR_INIT;

    CHECK_OK(robot_scopes_policy("team-a/*:push,delete  app:pull", ACCOUNT, &text, &err));
    CHECK_CONTAINS(text.p, "arn:aws:ecr:*:" ACCOUNT ":repository/team-a/*");
    CHECK_CONTAINS(text.p, "arn:aws:ecr:*:" ACCOUNT ":repository/app\"");
    CHECK_OK(policy_document_parse(sw_buf_str(&text), POLICY_TYPE_IDENTITY, &doc, NULL, &err));
    CHECK_EQ_UINT(policy_document_statement_count(doc), 3);
    static const char *const bad[] = {
        "",       " ",        "app",   "app:",       "app:own",     "a*b:pull",
        "A:pull", "x\":pull", ":pull", "app:pull,,", "app:pull app"};
    for (size_t i = 0; i < SW_ARRAY_LEN(bad); i++) {
        sw_buf_reset(&text);
        CHECK_ERR(robot_scopes_policy(bad[i], ACCOUNT, &text, &err), SW_EINVALID,
                  "ValidationError");
    }
}

TEST(a_robot_logs_in)
{
    autoplace p = {0};
    char password[ROBOT_PASSWORD_MAX];
    struct principal who;
    struct sw_err err = SW_ERR_INIT;

    place_open(&p);
    CHECK_OK(robot_add(p.s, ACCOUNT, "ci", "app:pull", NOW_US, 0, password, &err));
    CHECK_EQ_UINT(strlen(password), 32);
    static const char *const names[] = {"ci", "robot$ci", "CI$robot"};
    for (size_t i = 0; i < 3; i++) {
        CHECK_OK(verify(&p, names[i], password, &who, &err));
        CHECK_EQ_STR(who.arn, "arn:aws:iam::" ACCOUNT ":user/robot/ci");
        CHECK_EQ_INT(who.kind, PRINCIPAL_USER);
        CHECK_EQ_STR(who.access_key_id, "");
    }
    CHECK_ERR(verify(&p, "ci", "wrong", &who, &err), SW_EDENIED, UNAUTH);
    CHECK_ERR(verify(&p, "ci", "", &who, &err), SW_EDENIED, UNAUTH);
    CHECK_ERR(verify(&p, "nobody", password, &who, &err), SW_EDENIED, UNAUTH);
    CHECK_ERR(verify(&p, "robot$", password, &who, &err), SW_EDENIED, UNAUTH);
    CHECK_ERR(robot_add(p.s, ACCOUNT, "ci", "app:pull", NOW_US, 0, password, &err), SW_ECONFLICT,
              "EntityAlreadyExists");
    world_add(&p.w, "ann", PRINCIPAL_USER, &who);
    CHECK_ERR(robot_add(p.s, ACCOUNT, "ann", "app:pull", NOW_US, 0, password, &err), SW_ECONFLICT,
              "EntityAlreadyExists");
    CHECK_ERR(robot_add(p.s, ACCOUNT, "late", "app:pull", NOW_US, NOW_US, password, &err),
              SW_EINVALID, "ValidationError");
}

TEST(what_was_verified_once_needs_no_argon2)
{
    autoplace p = {0};
    char password[ROBOT_PASSWORD_MAX];
    struct principal who;
    struct sw_err err = SW_ERR_INIT;

    place_open(&p);
    CHECK_OK(robot_add(p.s, ACCOUNT, "ci", "app:pull", NOW_US, 0, password, &err));
    struct robot_login l = login("ci", password);
    l.must_not_block = true;
    CHECK_ERR(robot_verify(p.s, &l, &who, &err), SW_EUNAVAILABLE, "RobotUnverified");
    CHECK_OK(verify(&p, "ci", password, &who, &err));
    int64_t start = sw_mono_us();
    for (int i = 0; i < 1000; i++)
        CHECK_OK(robot_verify(p.s, &l, &who, &err));
    CHECK(sw_mono_us() - start < 20000000); /* once takes tens of milliseconds */
    CHECK_ERR(verify(&p, "ci", "wrong", &who, &err), SW_EDENIED, UNAUTH);
    l = login("ci", "wrong");
    l.must_not_block = true; /* a wrong one is known, too */
    CHECK_ERR(robot_verify(p.s, &l, &who, &err), SW_EDENIED, UNAUTH);
    l.now_us += 61 * 1000000LL;
    CHECK_ERR(robot_verify(p.s, &l, &who, &err), SW_EUNAVAILABLE, "RobotUnverified");
}

TEST(rotating_removing_and_time_end_a_password)
{
    autoplace p = {0};
    char first[ROBOT_PASSWORD_MAX], second[ROBOT_PASSWORD_MAX];
    struct principal who;
    struct sw_err err = SW_ERR_INIT;

    place_open(&p);
    CHECK_OK(robot_add(p.s, ACCOUNT, "ci", "app:pull", NOW_US, NOW_US + DAY_US, first, &err));
    CHECK_OK(verify(&p, "ci", first, &who, &err));
    CHECK_EQ_INT(who.expires_at_us, NOW_US + DAY_US);
    struct robot_login late = login("ci", first);
    late.now_us = NOW_US + DAY_US;
    CHECK_ERR(robot_verify(p.s, &late, &who, &err), SW_EDENIED, UNAUTH);
    CHECK_OK(robot_rotate(p.s, ACCOUNT, "ci", NOW_US, 0, second, &err));
    CHECK_ERR(verify(&p, "ci", first, &who, &err), SW_EDENIED, UNAUTH);
    late.password = sw_str(second);
    CHECK_OK(robot_verify(p.s, &late, &who, &err)); /* it does not expire any more */
    CHECK_OK(robot_remove(p.s, ACCOUNT, "ci", &err));
    CHECK_ERR(verify(&p, "ci", second, &who, &err), SW_EDENIED, UNAUTH);
    CHECK_ERR(identity_user_by_name(p.w.id, ACCOUNT, "ci", &who, &err), SW_ENOTFOUND,
              "NoSuchEntity");
    CHECK_ERR(robot_remove(p.s, ACCOUNT, "ci", &err), SW_ENOTFOUND, "NoSuchEntity");
    CHECK_ERR(robot_rotate(p.s, ACCOUNT, "ci", NOW_US, -1, second, &err), SW_ENOTFOUND,
              "NoSuchEntity");
}

TEST(deleting_its_user_ends_a_robot)
{
    autoplace p = {0};
    char password[ROBOT_PASSWORD_MAX];
    struct principal who;
    struct sw_err err = SW_ERR_INIT;

    place_open(&p);
    CHECK_OK(robot_add(p.s, ACCOUNT, "ci", "app:pull", NOW_US, 0, password, &err));
    CHECK_OK(verify(&p, "ci", password, &who, &err));
    CHECK_OK(directory_delete_inline(p.w.id, IAM_USER, ACCOUNT, "ci", ROBOT_POLICY, &err));
    CHECK_OK(directory_delete(p.w.id, IAM_USER, ACCOUNT, "ci", &err));
    CHECK_ERR(verify(&p, "ci", password, &who, &err), SW_EDENIED, UNAUTH);
}

TEST(a_user_with_rights_of_its_own_becomes_no_robot)
{
    autoplace p = {0};
    char password[ROBOT_PASSWORD_MAX], id[IAM_ID_MAX];
    struct directory_new n = {
        .kind = IAM_USER, .account = ACCOUNT, .name = "ci", .path = ROBOT_PATH};
    struct identity_key key;
    struct principal who;
    struct sw_err err = SW_ERR_INIT;

    place_open(&p);
    CHECK_OK(directory_create(p.w.id, &n, id, &err));
    CHECK_OK(directory_key_add(p.w.id, ACCOUNT, "ci", NULL, &key, &err));
    CHECK_ERR(robot_add(p.s, ACCOUNT, "ci", "app:pull", NOW_US, 0, password, &err), SW_ECONFLICT,
              "EntityAlreadyExists");
    CHECK_OK(directory_key_delete(p.w.id, ACCOUNT, "ci", key.access_key_id, &err));
    CHECK_OK(directory_attach(p.w.id, IAM_USER, ACCOUNT, "ci",
                              "arn:aws:iam::aws:policy/AdministratorAccess", &err));
    CHECK_ERR(robot_add(p.s, ACCOUNT, "ci", "app:pull", NOW_US, 0, password, &err), SW_ECONFLICT,
              "EntityAlreadyExists");
    CHECK_OK(directory_detach(p.w.id, IAM_USER, ACCOUNT, "ci",
                              "arn:aws:iam::aws:policy/AdministratorAccess", &err));
    CHECK_OK(
        directory_put_inline(p.w.id, IAM_USER, ACCOUNT, "ci", "own",
                             "{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\","
                             "\"Action\":\"*\",\"Resource\":\"*\"}]}",
                             &err));
    CHECK_ERR(robot_add(p.s, ACCOUNT, "ci", "app:pull", NOW_US, 0, password, &err), SW_ECONFLICT,
              "EntityAlreadyExists");
    CHECK_OK(directory_delete_inline(p.w.id, IAM_USER, ACCOUNT, "ci", "own", &err));
    CHECK_OK(robot_add(p.s, ACCOUNT, "ci", "app:pull", NOW_US, 0, password, &err)); /* a crash's */
    CHECK_OK(verify(&p, "ci", password, &who, &err));
    CHECK_EQ_STR(who.user_id, id);
}

TEST(who_guesses_has_to_wait)
{
    autoplace p = {0};
    char password[ROBOT_PASSWORD_MAX], guess[32];
    struct principal who;
    struct sw_err err = SW_ERR_INIT;

    place_open(&p);
    CHECK_OK(robot_add(p.s, ACCOUNT, "ci", "app:pull", NOW_US, 0, password, &err));
    for (int i = 0; i < 10; i++) {
        (void)snprintf(guess, sizeof(guess), "guess-%d", i);
        CHECK_ERR(verify(&p, "ci", guess, &who, &err), SW_EDENIED, UNAUTH);
    }
    CHECK_ERR(verify(&p, "ci", "guess-10", &who, &err), SW_ELIMIT, "TOOMANYREQUESTS");
    struct robot_login other = login("ci", password);
    other.peer_ip = "10.0.0.2";
    CHECK_OK(robot_verify(p.s, &other, &who, &err));
    CHECK_OK(verify(&p, "ci", password, &who, &err)); /* known now, from anywhere */
    struct robot_login later = login("ci", "guess-10");
    later.now_us += 61 * 1000000LL;
    CHECK_ERR(robot_verify(p.s, &later, &who, &err), SW_EDENIED, UNAUTH);
}

static void take(void *ctx, const struct robot *r)
{
    struct robot *out = ctx;
    *out = *r;
    out->scopes = NULL;
    CHECK_EQ_STR(r->scopes, "app:pull");
}

TEST(robots_are_listed)
{
    autoplace p = {0};
    char password[ROBOT_PASSWORD_MAX];
    struct robot last = {0};
    struct sw_err err = SW_ERR_INIT;

    place_open(&p);
    CHECK_OK(robot_add(p.s, ACCOUNT, "ci", "app:pull", NOW_US, NOW_US + DAY_US, password, &err));
    CHECK_OK(robot_list(p.s, ACCOUNT, take, &last, &err));
    CHECK_EQ_STR(last.name, "ci");
    CHECK_EQ_INT(last.created_at_us, NOW_US);
    CHECK_EQ_INT(last.expires_at_us, NOW_US + DAY_US);
}

struct guesser {
    struct place *p;
    const char *password;
    int from, right, refused;
};

static void *guess_some(void *arg)
{
    struct guesser *g = arg;

    for (int i = 0; i < 4; i++) {
        struct sw_err err = SW_ERR_INIT;
        struct principal who;
        char guess[40], ip[40];
        struct robot_login l = login("ci", guess);
        (void)snprintf(guess, sizeof(guess), "%d-%d", g->from, i);
        (void)snprintf(ip, sizeof(ip), "10.1.0.%d", g->from);
        l.password = i % 2 ? sw_str(g->password) : sw_str(guess);
        l.peer_ip = ip;
        int r = robot_verify(g->p->s, &l, &who, &err);
        g->right += r == 0;
        g->refused += r == SW_ELIMIT;
        CHECK(r == 0 || r == SW_EDENIED || r == SW_ELIMIT);
    }
    return NULL;
}

TEST(many_logins_at_once)
{
    autoplace p = {0};
    char password[ROBOT_PASSWORD_MAX];
    struct guesser g[12];
    pthread_t t[12];
    struct sw_err err = SW_ERR_INIT;
    int right = 0;

    place_open(&p);
    CHECK_OK(robot_add(p.s, ACCOUNT, "ci", "app:pull", NOW_US, 0, password, &err));
    for (int i = 0; i < 12; i++) {
        g[i] = (struct guesser){.p = &p, .password = password, .from = i};
        CHECK_EQ_INT(pthread_create(&t[i], NULL, guess_some, &g[i]), 0);
    }
    for (int i = 0; i < 12; i++) {
        CHECK_EQ_INT(pthread_join(t[i], NULL), 0);
        right += g[i].right;
    }
    CHECK(right > 0);
}
