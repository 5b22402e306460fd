/* SPDX-License-Identifier: Apache-2.0 */
/* server/cli_user.c - slipway user add|key|list|delete. */
#include <stdio.h>

#include "auth/directory.h"
#include "base/json.h"
#include "server/admin_api.h"
#include "server/cli_admin.h"

struct options {
    struct cli_common common;
    char *access_key_id, *secret_access_key, *account;
    bool admin;
};

#define OFF(member) offsetof(struct options, member)
/* clang-format off */
static const struct conf_key keys[] = {
    CLI_COMMON_KEYS,
    {"access_key_id", CONF_STRING, OFF(access_key_id), NULL, 0, 0, NULL, "add, key: use this key instead of a new one"},
    {"secret_access_key", CONF_STRING, OFF(secret_access_key), NULL, 0, 0, NULL, "add, key: the secret that goes with it"},
    {"account", CONF_STRING, OFF(account), NULL, 0, 0, NULL, "add: the account of 12 digits, made when it is not there; default: the caller's"},
    {"admin", CONF_BOOL, OFF(admin), "false", 0, 0, NULL, "add: an administrator of the account"},
};
/* clang-format on */
static const struct conf_table flags = {keys, SW_ARRAY_LEN(keys), ""};

static void print_key(const char *id, const char *secret)
{
    printf("[default]\naws_access_key_id = %s\naws_secret_access_key = %s\n", id, secret);
}

static int remote(struct client *client, const struct options *o, const char *verb,
                  const char *name, struct sw_err *err)
{
    sw_autojson json_t *in = json_object(), *out = NULL;
    sw_json_set_str(in, "UserName", name);
    sw_json_set_str(in, "AccessKeyId", o->access_key_id);
    sw_json_set_str(in, "SecretAccessKey", o->secret_access_key);
    sw_json_set_str(in, "AccountId", o->account);
    if (o->admin)
        sw_json_set_bool(in, "Administrator", true);
    const char *target = sw_streq(verb, "add")      ? TARGET_ADMIN ".CreateUser"
                         : sw_streq(verb, "key")    ? TARGET_ADMIN ".CreateAccessKey"
                         : sw_streq(verb, "delete") ? TARGET_ADMIN ".DeleteUser"
                                                    : TARGET_ADMIN ".ListUsers";
    int r = client_call(client, target, in, 0, &out, err);
    if (r < 0)
        return r;
    const json_t *key = sw_json_object(out, "AccessKey");
    if (key)
        print_key(sw_json_str(key, "AccessKeyId", ""), sw_json_str(key, "SecretAccessKey", ""));
    size_t i;
    json_t *u;
    json_array_foreach(sw_json_array(out, "Users"), i, u)
        printf("%-24s %-8s %s\n", sw_json_str(u, "UserName", ""), sw_json_str(u, "Kind", ""),
               sw_json_str(u, "Arn", ""));
    return 0;
}

static int print_user(void *ctx, const struct principal *p, int64_t created_at_us)
{
    (void)ctx;
    (void)created_at_us;
    printf("%-24s %-8s %s\n", p->name, principal_kind_to_string(p->kind), p->arn);
    return 0;
}

static int add_local(struct app *app, const struct options *o, bool is_new, const char *name,
                     struct sw_err *err)
{
    struct identity_key given = {0}, key = {0};
    if (o->access_key_id &&
        (!sw_str_copy(sw_str(o->access_key_id), given.access_key_id, sizeof(given.access_key_id)) ||
         !sw_str_copy(sw_str(o->secret_access_key), given.secret_access_key,
                      sizeof(given.secret_access_key))))
        return sw_fail(err, SW_EINVALID, "ValidationError",
                       "the access key id has at most 32 characters, the secret 128");
    struct principal p;
    const struct identity_key *chosen = o->access_key_id ? &given : NULL;
    const char *account = o->account ? o->account : app_account(app);
    int r = identity_ensure_account(app_identity(app), account, err);
    if (r == 0 && is_new)
        r = identity_user_add(app_identity(app), account, name,
                              o->admin ? PRINCIPAL_ADMIN : PRINCIPAL_USER, chosen, &p, &key, err);
    else if (r == 0)
        r = directory_key_add(app_identity(app), account, name, chosen, &key, err);
    if (r == 0)
        print_key(key.access_key_id, key.secret_access_key);
    explicit_bzero(&key, sizeof(key));
    return r;
}

static int local(struct app *app, const struct options *o, const char *verb, const char *name,
                 struct sw_err *err)
{
    if (sw_streq(verb, "add") || sw_streq(verb, "key"))
        return add_local(app, o, sw_streq(verb, "add"), name, err);
    if (sw_streq(verb, "delete"))
        return identity_user_delete(app_identity(app), app_account(app), name, err);
    return identity_user_list(app_identity(app), app_account(app), print_user, NULL, err);
}

static bool well_formed(const struct options *o, int argc, char **argv)
{
    if (!o->access_key_id != !o->secret_access_key ||
        ((o->account || o->admin) && !sw_streq(argv[1], "add")))
        return false;
    if (argc == 2)
        return sw_streq(argv[1], "list");
    return argc == 3 &&
           (sw_streq(argv[1], "add") || sw_streq(argv[1], "key") || sw_streq(argv[1], "delete"));
}

static int run(int argc, char **argv)
{
    struct options o = {0};
    struct sw_err err = SW_ERR_INIT;
    int status = cli_parse(&cli_user, &argc, argv, &o, 1, 2);
    if (status == 0 && !well_formed(&o, argc, argv)) {
        fprintf(stderr, "usage: slipway user %s\n", cli_user.arguments);
        status = CLI_USAGE;
    }
    if (status == 0) {
        const char *name = argc == 3 ? argv[2] : NULL;
        struct admin_session s = {0};
        int r = admin_session_open(&o.common, &s, &err);
        if (r == 0)
            r = s.app ? local(s.app, &o, argv[1], name, &err)
                      : remote(&s.client, &o, argv[1], name, &err);
        admin_session_close(&s);
        if (r < 0)
            status = cli_fail(&err);
    }
    conf_free(&flags, &o);
    return status;
}

const struct cli_command cli_user = {
    .name = "user",
    .arguments =
        "add|key NAME [--access-key-id ID --secret-access-key SECRET] [--account N] [--admin] | "
        "list | delete NAME",
    .summary =
        "Add, list and delete users; add prints the key pair, once, and key that of another key",
    .example = "slipway user add ci > ci-credentials",
    .flags = &flags,
    .run = run,
};
