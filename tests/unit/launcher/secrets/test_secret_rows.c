/* SPDX-License-Identifier: Apache-2.0 */
/* Rows, and what the database holds of a value. */
#include "base/macros.h"
#include "launcher/secrets/secrets_internal.h"
#include "tests/lib/test.h"

#define ACCOUNT "123456789012"

static int64_t now_us = 1800000000000000;

static int64_t clock_us(void)
{
    return now_us;
}

struct world {
    struct meta_db *db;
    struct keyring *keyring;
    struct secrets *s;
    struct secrets_caller c;
};

static int add_account(struct meta_tx *tx, void *arg SW_UNUSED, struct sw_err *err)
{
    return meta_exec(tx, err, NULL, "INSERT INTO account (id, created_at) VALUES ($1, 0)", "t",
                     ACCOUNT);
}

static void world_open(struct world *w)
{
    struct sw_err err = SW_ERR_INIT;
    struct meta_options mo = {.path = test_path("meta.db")};
    *w = (struct world){.c = {.account = ACCOUNT, .region = "us-east-1", .arn = "arn:aws:iam::u"}};
    CHECK_OK(meta_sqlite_open(&mo, &w->db, &err));
    CHECK_OK(meta_tx(w->db, META_WRITE, add_account, NULL, &err));
    CHECK_OK(keyring_open(test_path("key"), &w->keyring, &err));
    struct secrets_options o = {.db = w->db, .keyring = w->keyring, .now_us = clock_us};
    w->s = secrets_new(&o);
}

static void world_close(struct world *w)
{
    secrets_free(w->s);
    meta_db_free(w->db);
    keyring_free(w->keyring);
}

/* Runs fn on a document with single quotes for double ones. */
static int run(struct world *w, secrets_fn fn, const char *text, json_t *out, struct sw_err *err)
{
    char copy[1024];
    (void)snprintf(copy, sizeof copy, "%s", text);
    for (char *p = copy; *p; p++)
        *p = *p == '\'' ? '"' : *p;
    sw_autojson json_t *in = json_loads(copy, 0, NULL);
    CHECK_MSG(in != NULL, "%s", text);
    json_object_clear(out);
    *err = (struct sw_err)SW_ERR_INIT;
    return fn(w->s, &w->c, in, out, err);
}

static int swap_values(struct meta_tx *tx, void *arg SW_UNUSED, struct sw_err *err)
{
    int r = meta_exec(tx, err, NULL,
                      "UPDATE secret_version SET sealed = (SELECT v.sealed FROM secret_version v"
                      " JOIN secret s ON s.arn = v.secret_arn WHERE s.name = 'b')",
                      "");
    return r < 0 ? r
                 : meta_exec(tx, err, NULL,
                             "UPDATE parameter_version SET sealed = (SELECT sealed FROM"
                             " parameter_version WHERE name = 'b')",
                             "");
}

TEST(a_value_opens_as_itself_only)
{
    struct world w;
    struct sw_err err = SW_ERR_INIT;
    sw_autojson json_t *out = json_object();
    world_open(&w);
    CHECK_OK(run(&w, secret_create, "{'Name': 'a', 'SecretString': 'one'}", out, &err));
    CHECK_OK(run(&w, secret_create, "{'Name': 'b', 'SecretString': 'two'}", out, &err));
    CHECK_OK(run(&w, parameter_put, "{'Name': 'a', 'Value': 'one', 'Type': 'String'}", out, &err));
    CHECK_OK(run(&w, parameter_put, "{'Name': 'b', 'Value': 'two', 'Type': 'String'}", out, &err));
    CHECK_OK(meta_tx(w.db, META_WRITE, swap_values, NULL, &err));
    CHECK_ERR(run(&w, secret_get_value, "{'SecretId': 'a'}", out, &err), SW_EMISMATCH,
              "DecryptionFailure");
    CHECK_ERR(run(&w, parameter_get, "{'Name': 'a'}", out, &err), SW_EMISMATCH,
              "DecryptionFailure");
    CHECK_OK(run(&w, secret_get_value, "{'SecretId': 'b'}", out, &err));
    CHECK_EQ_STR(sw_json_str(out, "SecretString", ""), "two");
    world_close(&w);
}

TEST(a_deleted_secret_goes_when_its_window_is_over)
{
    struct world w;
    struct sw_err err = SW_ERR_INIT;
    sw_autojson json_t *out = json_object();
    world_open(&w);
    CHECK_OK(run(&w, secret_create, "{'Name': 'a', 'SecretString': 'one'}", out, &err));
    CHECK_OK(run(&w, secret_delete, "{'SecretId': 'a', 'RecoveryWindowInDays': 7}", out, &err));
    now_us += 7 * SECRETS_DAY_US - 1;
    CHECK_OK(secrets_expire(w.s, &err));
    CHECK_OK(run(&w, secret_describe, "{'SecretId': 'a'}", out, &err));
    now_us += 1; /* gone at once, whether the housekeeper came by or not */
    CHECK_ERR(run(&w, secret_restore, "{'SecretId': 'a'}", out, &err), SW_ENOTFOUND,
              "ResourceNotFoundException");
    CHECK_OK(run(&w, secret_create, "{'Name': 'a', 'SecretString': 'two'}", out, &err));
    CHECK_OK(secrets_expire(w.s, &err));
    CHECK_OK(run(&w, secret_get_value, "{'SecretId': 'a'}", out, &err));
    CHECK_EQ_STR(sw_json_str(out, "SecretString", ""), "two");
    world_close(&w);
}

TEST(references_find_values)
{
    struct world w;
    struct sw_err err = SW_ERR_INIT;
    struct secret_reference ref;
    char *value = NULL;
    sw_autojson json_t *out = json_object();
    world_open(&w);
    CHECK_OK(run(&w, secret_create, "{'Name': 'a', 'SecretBinary': 'AAE='}", out, &err));
    CHECK_OK(secret_reference_parse(sw_json_str(out, "ARN", ""), &ref, &err));
    CHECK_ERR(secret_reference_value(w.s, &w.c, &ref, &value, &err), SW_EINVALID,
              "ClientException");
    CHECK_OK(
        run(&w, parameter_put, "{'Name': '/p', 'Value': 'v', 'Type': 'SecureString'}", out, &err));
    CHECK_OK(secret_reference_parse("/p", &ref, &err));
    CHECK_OK(secret_reference_value(w.s, &w.c, &ref, &value, &err));
    CHECK_EQ_STR(value, "v");
    secret_value_free(value);
    CHECK_OK(secret_reference_parse("/absent", &ref, &err));
    CHECK_ERR(secret_reference_value(w.s, &w.c, &ref, &value, &err), SW_ENOTFOUND,
              "ClientException");
    world_close(&w);
}
