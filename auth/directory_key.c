/* SPDX-License-Identifier: Apache-2.0 */
/* auth/directory_key.c - access keys and account aliases. A key may belong to a user of a policy file: the file says what the user
 * may do, and IAM hands out the keys. */
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "auth/directory_internal.h"
#include "base/alloc.h"
#include "base/clock.h"
#include "base/id.h"
#include "base/macros.h"

static bool is_word(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

static int check_given(const struct identity_key *given, struct sw_err *err)
{
    size_t id_n = strlen(given->access_key_id), secret_n = strlen(given->secret_access_key);

    if (id_n < 3 || id_n > 32)
        return sw_fail(err, SW_EINVALID, "ValidationError",
                       "An access key id has 3 to 32 characters, not %zu.", id_n);
    for (const char *c = given->access_key_id; *c; c++)
        if (!is_word(*c))
            return sw_fail(err, SW_EINVALID, "ValidationError",
                           "An access key id may hold letters, digits and _ only.");
    if (secret_n < 1 || secret_n > SECRET_MAX)
        return sw_fail(err, SW_EINVALID, "ValidationError",
                       "A secret access key has 1 to %d characters, not %zu.", SECRET_MAX,
                       secret_n);
    for (const char *c = given->secret_access_key; *c; c++)
        if (*c < ' ' || *c > '~')
            return sw_fail(err, SW_EINVALID, "ValidationError",
                           "A secret access key may hold printable characters only.");
    return 0;
}

int key_mint(const struct identity_key *given, struct identity_key *ret, struct sw_err *err)
{
    int r = given ? check_given(given, err) : 0;

    if (r < 0)
        return r;
    if (given) {
        *ret = *given;
        return 0;
    }
    (void)snprintf(ret->access_key_id, sizeof(ret->access_key_id), "AKIA");
    sw_random_base32(ret->access_key_id + 4, 16);
    sw_random_base64(ret->secret_access_key, 40);
    return 0;
}

void key_remember(struct identity *d, const struct store_key *n)
{
    struct key_entry *k = SW_NEW(struct key_entry);

    (void)snprintf(k->info.id, sizeof(k->info.id), "%s", n->pair->access_key_id);
    memcpy(k->info.user_id, n->user->id, sizeof(k->info.user_id));
    memcpy(k->info.account, n->user->account, sizeof(k->info.account));
    memcpy(k->secret, n->pair->secret_access_key, sizeof(k->secret));
    k->info.active = true;
    k->info.created_at_us = n->now_us;
    directory_put_key(d, k);
}

static void count_key(void *ctx, const struct iam_key_info *key SW_UNUSED)
{
    ++*(size_t *)ctx;
}

static int check_key(struct identity *d, const struct iam_entity *user,
                     const struct identity_key *pair, struct sw_err *err)
{
    size_t n = 0;

    if (strmap_get(&d->maps.keys, pair->access_key_id))
        return sw_fail(err, SW_ECONFLICT, "EntityAlreadyExists", "Access key %s already exists.",
                       pair->access_key_id);
    directory_each_key(d, user->id, count_key, &n);
    if (n >= IAM_KEYS_MAX)
        return sw_fail(err, SW_ELIMIT, "LimitExceeded",
                       "Cannot exceed quota for AccessKeysPerUser: %d", IAM_KEYS_MAX);
    return 0;
}

static int add_key(struct identity *d, const char *account, const char *user,
                   const struct identity_key *pair, struct sw_err *err)
{
    const struct iam_entity *u = maps_find(&d->maps, IAM_USER, account, user);
    int r = u ? check_key(d, u, pair, err) : directory_missing(err, IAM_USER, user);

    if (r < 0)
        return r;
    struct store_key k;
    r = store_key_init(&k, d->keyring, u, pair, err);
    if (r == 0)
        r = meta_tx(d->db, META_WRITE, store_key_insert, &k, err);
    if (r >= 0)
        key_remember(d, &k);
    sw_buf_done(&k.sealed);
    return r < 0 ? r : 0;
}

int directory_key_add(struct identity *d, const char *account, const char *user,
                      const struct identity_key *given, struct identity_key *ret,
                      struct sw_err *err)
{
    struct identity_key pair = {0};
    int r = key_mint(given, &pair, err);

    if (r == 0) {
        pthread_mutex_lock(&d->change);
        r = add_key(d, account, user, &pair, err);
        pthread_mutex_unlock(&d->change);
    }
    if (r == 0)
        *ret = pair;
    sodium_memzero(&pair, sizeof(pair));
    return r;
}

/* The key if it is that user's. */
static int find_key(struct identity *d, const char *account, const char *user, const char *key_id,
                    struct key_entry **ret, struct sw_err *err)
{
    const struct iam_entity *u = maps_find(&d->maps, IAM_USER, account, user);
    struct key_entry *k = strmap_get(&d->maps.keys, key_id);

    if (!u)
        return directory_missing(err, IAM_USER, user);
    if (!k || !sw_streq(k->info.user_id, u->id))
        return sw_fail(err, SW_ENOTFOUND, "NoSuchEntity",
                       "The Access Key with id %s cannot be found.", key_id);
    *ret = k;
    return 0;
}

struct key_status {
    const char *id;
    bool active;
};

static int update_key(struct meta_tx *tx, void *arg, struct sw_err *err)
{
    const struct key_status *s = arg;

    return meta_exec(tx, err, NULL, "UPDATE iam_access_key SET status = $2 WHERE id = $1", "tt",
                     s->id, s->active ? "Active" : "Inactive");
}

int directory_key_set(struct identity *d, const char *account, const char *user, const char *key_id,
                      bool active, struct sw_err *err)
{
    struct key_entry *k = NULL;
    struct key_status s = {key_id, active};

    pthread_mutex_lock(&d->change);
    int r = find_key(d, account, user, key_id, &k, err);
    if (r == 0)
        r = meta_tx(d->db, META_WRITE, update_key, &s, err);
    if (r >= 0) {
        pthread_rwlock_wrlock(&d->lock);
        k->info.active = active;
        pthread_rwlock_unlock(&d->lock);
    }
    pthread_mutex_unlock(&d->change);
    return r < 0 ? r : 0;
}

static int delete_key(struct meta_tx *tx, void *arg, struct sw_err *err)
{
    return meta_exec(tx, err, NULL, "DELETE FROM iam_access_key WHERE id = $1", "t",
                     (const char *)arg);
}

int directory_key_delete(struct identity *d, const char *account, const char *user,
                         const char *key_id, struct sw_err *err)
{
    struct key_entry *k = NULL;

    pthread_mutex_lock(&d->change);
    int r = find_key(d, account, user, key_id, &k, err);
    if (r == 0)
        r = meta_tx(d->db, META_WRITE, delete_key, k->info.id, err);
    if (r >= 0)
        directory_forget_key(d, key_id);
    pthread_mutex_unlock(&d->change);
    return r < 0 ? r : 0;
}

/* ---- aliases ---- */

struct alias {
    const char *account, *alias;
};

static int store_alias(struct meta_tx *tx, void *arg, struct sw_err *err)
{
    const struct alias *a = arg;
    int64_t one = 0;
    int r = a->alias ? meta_get(tx, err, "SELECT 1 FROM account WHERE alias = $1 AND id <> $2",
                                "tt", a->alias, a->account, "i", &one)
                     : 0;

    if (r > 0)
        return sw_fail(err, SW_ECONFLICT, "EntityAlreadyExists",
                       "The account alias %s already exists.", a->alias);
    if (r < 0)
        return r;
    return meta_exec(tx, err, NULL, "UPDATE account SET alias = $2 WHERE id = $1", "tt", a->account,
                     a->alias);
}

static int check_alias(const char *alias, struct sw_err *err)
{
    size_t n = strlen(alias);

    if (n < 3 || n > 63 || strspn(alias, "abcdefghijklmnopqrstuvwxyz0123456789-") != n ||
        alias[0] == '-' || alias[n - 1] == '-' || strstr(alias, "--"))
        return sw_fail(
            err, SW_EINVALID, "ValidationError",
            "An account alias has 3 to 63 lower-case letters, digits and single dashes.");
    return 0;
}

int directory_set_alias(struct identity *d, const char *account, const char *alias,
                        struct sw_err *err)
{
    struct alias a = {account, alias};
    int r = alias ? check_alias(alias, err) : 0;

    if (r < 0)
        return r;
    pthread_mutex_lock(&d->change);
    r = meta_tx(d->db, META_WRITE, store_alias, &a, err);
    if (r >= 0) {
        pthread_rwlock_wrlock(&d->lock);
        free(strmap_remove(&d->maps.aliases, account));
        if (alias)
            strmap_put(&d->maps.aliases, account, sw_strdup(alias));
        pthread_rwlock_unlock(&d->lock);
    }
    pthread_mutex_unlock(&d->change);
    return r < 0 ? r : 0;
}
