/* SPDX-License-Identifier: Apache-2.0 */
#include "auth/identity.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>

#include "storage/meta/meta_fault.h"
#include "tests/unit/auth/world.h"

#define UNKNOWN "UnrecognizedClientException"

TEST(mints_a_user_with_a_key)
{
    autoworld w = {0};
    struct principal p, got;
    struct sw_err err = SW_ERR_INIT;
    char secret[129];

    world_open(&w);
    struct identity_key key = world_add(&w, "ann", PRINCIPAL_ADMIN, &p);
    CHECK_EQ_INT(p.kind, PRINCIPAL_ADMIN);
    CHECK_EQ_STR(p.account, ACCOUNT);
    CHECK_EQ_STR(p.name, "ann");
    CHECK_EQ_STR(p.arn, "arn:aws:iam::" ACCOUNT ":user/ann");
    CHECK_EQ_STR(p.access_key_id, "");
    CHECK_EQ_INT(strlen(p.user_id), 21);
    CHECK(strncmp(p.user_id, "AIDA", 4) == 0);
    CHECK_EQ_INT(strspn(p.user_id, "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"), 21);
    CHECK_EQ_INT(strlen(key.access_key_id), 20);
    CHECK(strncmp(key.access_key_id, "AKIA", 4) == 0);
    CHECK_EQ_INT(strspn(key.access_key_id, "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"), 20);
    CHECK_EQ_INT(strlen(key.secret_access_key), 40);
    CHECK_OK(identity_secret(w.id, key.access_key_id, &got, secret, &err));
    CHECK_EQ_STR(secret, key.secret_access_key);
    CHECK_EQ_STR(got.user_id, p.user_id);
    CHECK_EQ_STR(got.access_key_id, key.access_key_id);
    CHECK_OK(identity_user_by_name(w.id, ACCOUNT, "ann", &got, &err));
    CHECK_EQ_STR(got.user_id, p.user_id);
    CHECK_OK(identity_user_by_id(w.id, p.user_id, &got, &err));
    CHECK_EQ_STR(got.name, "ann");
    CHECK(identity_key_is_of(w.id, key.access_key_id, p.user_id));
    CHECK(!identity_key_is_of(w.id, key.access_key_id, "AIDAOTHER"));
    CHECK(!identity_key_is_of(w.id, "AKIAOTHER", p.user_id));
}

TEST(survives_reopening)
{
    autoworld w = {0};
    struct principal ann, node, got;
    struct sw_err err = SW_ERR_INIT;
    char secret[129];

    world_open(&w);
    struct identity_key key = world_add(&w, "ann", PRINCIPAL_USER, &ann);
    struct identity_key node_key = world_add(&w, "node-1", PRINCIPAL_NODE, &node);
    world_close(&w);
    world_open(&w);
    CHECK_OK(identity_secret(w.id, key.access_key_id, &got, secret, &err));
    CHECK_EQ_STR(secret, key.secret_access_key);
    CHECK_EQ_INT(got.kind, PRINCIPAL_USER);
    CHECK_OK(identity_secret(w.id, node_key.access_key_id, &got, secret, &err));
    CHECK_EQ_INT(got.kind, PRINCIPAL_NODE);
    CHECK_EQ_STR(got.user_id, node.user_id);
    CHECK_OK(identity_reload(w.id, &err));
    CHECK_OK(identity_user_by_id(w.id, ann.user_id, &got, &err));
}

TEST(secrets_are_not_in_the_files)
{
    autoworld w = {0};
    static const char *const files[] = {"meta.db", "meta.db-wal"};
    struct principal p;

    world_open(&w);
    struct identity_key key = world_add(&w, "ann", PRINCIPAL_USER, &p);
    bool id_seen = false;
    for (size_t i = 0; i < SW_ARRAY_LEN(files); i++) {
        FILE *f = fopen(test_path("%s", files[i]), "re");
        if (!f)
            continue;
        (void)fclose(f);
        size_t n = 0;
        const char *bytes = test_read_file(test_path("%s", files[i]), &n);
        CHECK_NULL(memmem(bytes, n, key.secret_access_key, 40));
        id_seen |= memmem(bytes, n, key.access_key_id, 20) != NULL;
    }
    CHECK(id_seen);
}

TEST(another_master_key_is_an_error_at_start)
{
    autoworld w = {0};
    struct meta_options o = {.path = test_path("meta.db")};
    struct principal p;
    struct sw_err err = SW_ERR_INIT;

    world_open(&w);
    world_add(&w, "ann", PRINCIPAL_USER, &p);
    world_close(&w);
    CHECK_OK(keyring_open(test_path("other.key"), &w.keyring, &err));
    CHECK_OK(meta_sqlite_open(&o, &w.db, &err));
    CHECK_EQ_INT(identity_open(w.db, w.keyring, &w.id, &err), SW_EMISMATCH);
    CHECK_CONTAINS(err.msg, "master key");
}

TEST(takes_a_given_key_pair)
{
    static const struct identity_key given[] = {
        {"AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"},
        {"test", "test"},
        {"foo", "a b"},
        {"0123456789ABCDEF0123456789ABCDEF", "~"},
    };
    autoworld w = {0};
    struct sw_err err = SW_ERR_INIT;

    world_open(&w);
    for (size_t i = 0; i < SW_ARRAY_LEN(given); i++) {
        struct identity_key key;
        struct principal p, got;
        char name[8], secret[129];
        (void)snprintf(name, sizeof(name), "u%zu", i);
        CHECK_OK(identity_user_add(w.id, ACCOUNT, name, PRINCIPAL_USER, &given[i], &p, &key, &err));
        CHECK_EQ_STR(key.access_key_id, given[i].access_key_id);
        CHECK_OK(identity_secret(w.id, given[i].access_key_id, &got, secret, &err));
        CHECK_EQ_STR(secret, given[i].secret_access_key);
        CHECK_EQ_STR(got.name, name);
    }
    CHECK_ERR(identity_secret(w.id, "TEST", &(struct principal){0}, (char[129]){0}, &err),
              SW_ENOTFOUND, UNKNOWN);
}

TEST(refuses_bad_given_pairs)
{
    struct identity_key bad[] = {
        {"ab", "secret"},           {"", "secret"},          {"AKIA/EXAMPLE", "secret"},
        {"AKIA EXAMPLE", "secret"}, {"AKIA:EXAMPLE", "s"},   {"AKIAEXAMPLE", ""},
        {"AKIAEXAMPLE", "a\nb"},    {"AKIAEXAMPLE", "\x7f"}, {"AKIAEXAMPLE", "\xc3\xa9"},
    };
    autoworld w = {0};
    struct sw_err err = SW_ERR_INIT;

    world_open(&w);
    for (size_t i = 0; i < SW_ARRAY_LEN(bad); i++) {
        struct identity_key key;
        struct principal p;
        CHECK_ERR(identity_user_add(w.id, ACCOUNT, "ann", PRINCIPAL_USER, &bad[i], &p, &key, &err),
                  SW_EINVALID, "ValidationError");
    }
    CHECK_ERR(identity_user_by_name(w.id, ACCOUNT, "ann", &(struct principal){0}, &err),
              SW_ENOTFOUND, "NoSuchEntity");
}

TEST(refuses_bad_names_and_accounts)
{
    char long_name[66];
    const char *names[] = {"", "a b", "a/b", "a:b", "ann\n", "\xc3\xa9", "a*", long_name};
    static const char *const accounts[] = {"", "00000000000", "0000000000000", "00000000000a",
                                           " 00000000000"};
    autoworld w = {0};
    struct sw_err err = SW_ERR_INIT;
    struct identity_key key;
    struct principal p;

    memset(long_name, 'n', 65);
    long_name[65] = 0;
    world_open(&w);
    for (size_t i = 0; i < SW_ARRAY_LEN(names); i++)
        CHECK_ERR(identity_user_add(w.id, ACCOUNT, names[i], PRINCIPAL_USER, NULL, &p, &key, &err),
                  SW_EINVALID, "ValidationError");
    for (size_t i = 0; i < SW_ARRAY_LEN(accounts); i++) {
        CHECK_ERR(identity_user_add(w.id, accounts[i], "ann", PRINCIPAL_USER, NULL, &p, &key, &err),
                  SW_EINVALID, "ValidationError");
        CHECK_ERR(identity_ensure_account(w.id, accounts[i], &err), SW_EINVALID, "ValidationError");
        CHECK_ERR(identity_user_by_name(w.id, accounts[i], "ann", &p, &err), SW_ENOTFOUND,
                  "NoSuchEntity");
    }
    CHECK_ERR(identity_user_by_name(w.id, ACCOUNT, long_name, &p, &err), SW_ENOTFOUND,
              "NoSuchEntity");
    CHECK_ERR(identity_user_add(w.id, "999999999999", "ann", PRINCIPAL_USER, NULL, &p, &key, &err),
              SW_ENOTFOUND, "NoSuchEntity");
    long_name[64] = 0;
    CHECK_OK(identity_user_add(w.id, ACCOUNT, long_name, PRINCIPAL_USER, NULL, &p, &key, &err));
    CHECK_EQ_STR(p.name, long_name);
    CHECK_OK(identity_user_add(w.id, ACCOUNT, "A+=,.@_-9", PRINCIPAL_USER, NULL, &p, &key, &err));
}

TEST(names_and_keys_are_taken_once)
{
    autoworld w = {0};
    struct sw_err err = SW_ERR_INIT;
    struct identity_key given = {"AKIATAKEN", "one"}, key;
    struct principal p, got;
    char secret[129];

    world_open(&w);
    CHECK_OK(identity_ensure_account(w.id, "111111111111", &err));
    CHECK_OK(identity_user_add(w.id, ACCOUNT, "ann", PRINCIPAL_USER, &given, &p, &key, &err));
    CHECK_ERR(identity_user_add(w.id, ACCOUNT, "ann", PRINCIPAL_USER, NULL, &got, &key, &err),
              SW_ECONFLICT, "EntityAlreadyExists");
    given.secret_access_key[0] = 'O';
    CHECK_ERR(
        identity_user_add(w.id, "111111111111", "bob", PRINCIPAL_USER, &given, &got, &key, &err),
        SW_ECONFLICT, "EntityAlreadyExists");
    CHECK_ERR(identity_user_by_name(w.id, "111111111111", "bob", &got, &err), SW_ENOTFOUND,
              "NoSuchEntity");
    CHECK_OK(identity_secret(w.id, "AKIATAKEN", &got, secret, &err));
    CHECK_EQ_STR(secret, "one");
    CHECK_OK(
        identity_user_add(w.id, "111111111111", "ann", PRINCIPAL_USER, NULL, &got, &key, &err));
    CHECK_EQ_STR(got.arn, "arn:aws:iam::111111111111:user/ann");
}

TEST(deletes_a_user_and_its_keys)
{
    autoworld w = {0};
    struct sw_err err = SW_ERR_INIT;
    struct principal p, again, got;
    char secret[129];

    world_open(&w);
    struct identity_key key = world_add(&w, "ann", PRINCIPAL_USER, &p);
    CHECK_OK(identity_user_delete(w.id, ACCOUNT, "ann", &err));
    for (int reopened = 0; reopened < 2; reopened++) {
        CHECK_ERR(identity_secret(w.id, key.access_key_id, &got, secret, &err), SW_ENOTFOUND,
                  UNKNOWN);
        CHECK_ERR(identity_user_by_name(w.id, ACCOUNT, "ann", &got, &err), SW_ENOTFOUND,
                  "NoSuchEntity");
        CHECK_ERR(identity_user_by_id(w.id, p.user_id, &got, &err), SW_ENOTFOUND, "NoSuchEntity");
        CHECK_ERR(identity_user_delete(w.id, ACCOUNT, "ann", &err), SW_ENOTFOUND, "NoSuchEntity");
        world_close(&w);
        world_open(&w);
    }
    world_add(&w, "ann", PRINCIPAL_USER, &again);
    CHECK(strcmp(p.user_id, again.user_id) != 0);
}

struct names {
    char text[256];
    int stop_after;
};

static int add_name(void *ctx, const struct principal *p, int64_t created_at_us)
{
    struct names *n = ctx;
    size_t at = strlen(n->text);

    CHECK(created_at_us > 0);
    (void)snprintf(n->text + at, sizeof(n->text) - at, "%s ", p->name);
    return n->stop_after > 0 && --n->stop_after == 0;
}

TEST(lists_an_account_in_name_order)
{
    autoworld w = {0};
    struct sw_err err = SW_ERR_INIT;
    struct names all = {0}, two = {.stop_after = 2}, other = {0};
    struct principal p;

    world_open(&w);
    world_add(&w, "cleo", PRINCIPAL_USER, &p);
    world_add(&w, "ann", PRINCIPAL_ADMIN, &p);
    world_add(&w, "bob", PRINCIPAL_NODE, &p);
    CHECK_OK(identity_user_list(w.id, ACCOUNT, add_name, &all, &err));
    CHECK_EQ_STR(all.text, "ann bob cleo ");
    CHECK_OK(identity_user_list(w.id, ACCOUNT, add_name, &two, &err));
    CHECK_EQ_STR(two.text, "ann bob ");
    CHECK_OK(identity_user_list(w.id, "111111111111", add_name, &other, &err));
    CHECK_EQ_STR(other.text, "");
    CHECK_ERR(identity_user_list(w.id, "x", add_name, &other, &err), SW_EINVALID,
              "ValidationError");
}

TEST(a_failing_database_changes_nothing)
{
    autoworld w = {0};
    struct principal p, got;
    int failures = 0;

    world_open(&w);
    world_add(&w, "old", PRINCIPAL_USER, &p);
    for (uint64_t n = 1; n < 50; n++) {
        struct sw_err err = SW_ERR_INIT;
        struct identity_key key;
        meta_fault_arm(n % 2 ? META_FAULT_STATEMENT : META_FAULT_COMMIT, (n + 1) / 2, false, EIO);
        int r = identity_user_add(w.id, ACCOUNT, "new", PRINCIPAL_USER, NULL, &p, &key, &err);
        bool hit = meta_fault_disarm();
        sw_err_clear(&err);
        CHECK_EQ_INT(identity_user_by_name(w.id, ACCOUNT, "new", &got, &err) == 0, r == 0);
        sw_err_clear(&err);
        CHECK_OK(identity_reload(w.id, &err));
        CHECK_EQ_INT(identity_user_by_name(w.id, ACCOUNT, "new", &got, &err) == 0, r == 0);
        sw_err_clear(&err);
        CHECK(hit == (r < 0));
        if (r == 0)
            CHECK_OK(identity_user_delete(w.id, ACCOUNT, "new", &err));
        meta_fault_arm(META_FAULT_STATEMENT, n, false, EIO);
        r = identity_user_delete(w.id, ACCOUNT, "old", &err);
        hit = meta_fault_disarm();
        sw_err_clear(&err);
        CHECK_EQ_INT(identity_user_by_name(w.id, ACCOUNT, "old", &got, &err) == 0, r < 0);
        sw_err_clear(&err);
        failures += hit;
        if (r == 0)
            break;
    }
    CHECK(failures >= 2);
}

/* ---- threads ---- */

struct churn {
    struct identity *id;
    const char *key_id;
    int number;
    atomic_bool *stop;
};

static void *look_up(void *arg)
{
    struct churn *c = arg;

    while (!atomic_load(c->stop)) {
        struct sw_err err = SW_ERR_INIT;
        struct principal p;
        char secret[129];
        CHECK_OK(identity_secret(c->id, c->key_id, &p, secret, &err));
    }
    return NULL;
}

static void *add_and_delete(void *arg)
{
    struct churn *c = arg;

    for (int i = 0; i < 10; i++) {
        struct sw_err err = SW_ERR_INIT;
        struct identity_key key;
        struct principal p;
        char name[32];
        (void)snprintf(name, sizeof(name), "t%d", c->number);
        CHECK_OK(identity_user_add(c->id, ACCOUNT, name, PRINCIPAL_USER, NULL, &p, &key, &err));
        if (i < 9)
            CHECK_OK(identity_user_delete(c->id, ACCOUNT, name, &err));
    }
    return NULL;
}

TEST(readers_and_writers_together)
{
    autoworld w = {0};
    pthread_t readers[2], writers[3];
    struct churn churn[3];
    struct sw_err err = SW_ERR_INIT;
    struct names all = {0};
    atomic_bool stop = false;
    struct principal p;

    world_open(&w);
    struct identity_key key = world_add(&w, "steady", PRINCIPAL_USER, &p);
    for (int i = 0; i < 3; i++) {
        churn[i] = (struct churn){w.id, key.access_key_id, i, &stop};
        CHECK_EQ_INT(pthread_create(&writers[i], NULL, add_and_delete, &churn[i]), 0);
        if (i < 2)
            CHECK_EQ_INT(pthread_create(&readers[i], NULL, look_up, &churn[i]), 0);
    }
    for (int i = 0; i < 3; i++)
        pthread_join(writers[i], NULL);
    atomic_store(&stop, true);
    for (int i = 0; i < 2; i++)
        pthread_join(readers[i], NULL);
    CHECK_OK(identity_user_list(w.id, ACCOUNT, add_name, &all, &err));
    CHECK_EQ_STR(all.text, "steady t0 t1 t2 ");
}

TEST(a_user_is_restored_with_its_id)
{
    struct world w;
    struct principal p, again;
    struct identity_key key;
    struct sw_err err = SW_ERR_INIT;
    char secret[129];

    world_open(&w);
    CHECK_OK(identity_user_add(w.id, ACCOUNT, "root", PRINCIPAL_ADMIN, NULL, &p, &key, &err));
    CHECK_OK(meta_delete_all(w.db, &err));
    CHECK_OK(identity_reload(w.id, &err));
    CHECK(identity_user_by_id(w.id, p.user_id, &again, &err) < 0);
    sw_err_clear(&err);
    CHECK_OK(identity_ensure_account(w.id, ACCOUNT, &err));
    CHECK_OK(identity_user_restore(w.id, &p, &key, &err));
    CHECK_OK(identity_user_by_id(w.id, p.user_id, &again, &err));
    CHECK(again.kind == PRINCIPAL_ADMIN);
    CHECK_EQ_STR(again.arn, p.arn);
    CHECK_OK(identity_secret(w.id, key.access_key_id, &again, secret, &err));
    CHECK_EQ_STR(secret, key.secret_access_key);
    world_close(&w);
}
