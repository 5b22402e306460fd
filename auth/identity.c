/* SPDX-License-Identifier: Apache-2.0 */
/* auth/identity.c - opening the directory, accounts, and users with their keys as the rest of the server sees them. */
#include "auth/identity.h"

#include <assert.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "auth/directory_internal.h"
#include "base/alloc.h"
#include "base/clock.h"
#include "base/macros.h"

#define ACCOUNT_DIGITS 12

/* ---- opening ---- */

struct overlaid {
    struct directory_maps *to;
};

/* Objects of policy files stay over a reload of rows. */
static void keep_overlaid(void *ctx, void *value)
{
    struct overlaid *o = ctx;
    const struct iam_entity *e = value;

    if (e->origin && !sw_streq(e->origin, IAM_BUILTIN))
        maps_put(o->to, entity_clone(e));
}

int identity_reload(struct identity *id, struct sw_err *err)
{
    struct directory_maps fresh = {0};

    pthread_mutex_lock(&id->change);
    int r = store_load(id->db, id->keyring, &fresh, err);
    if (r == 0) {
        struct directory_maps old = id->maps;
        struct overlaid o = {&fresh};
        pthread_rwlock_wrlock(&id->lock); /* views change under the read lock */
        strmap_each(&old.by_id, keep_overlaid, &o);
        id->maps = fresh;
        id->generation++;
        pthread_rwlock_unlock(&id->lock);
        maps_done(&old);
    }
    pthread_mutex_unlock(&id->change);
    return r;
}

int identity_open(struct meta_db *db, struct keyring *k, struct identity **ret, struct sw_err *err)
{
    struct identity *id = SW_NEW(struct identity);
    pthread_rwlockattr_t attr;
    int r;

    id->db = db;
    id->keyring = k;
    id->generation = 1; /* an object's view_at is 0 at first */
    pthread_mutex_init(&id->change, NULL);
    pthread_mutex_init(&id->views, NULL);
    pthread_rwlockattr_init(&attr);
    /* Readers overlap all the time under load; a change must not wait for the first pause. */
    pthread_rwlockattr_setkind_np(&attr, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
    pthread_rwlock_init(&id->lock, &attr);
    pthread_rwlockattr_destroy(&attr);
    r = identity_reload(id, err);
    if (r < 0) {
        identity_free(id);
        return r;
    }
    *ret = id;
    return 0;
}

void identity_free(struct identity *id)
{
    if (!id)
        return;
    maps_done(&id->maps);
    pthread_rwlock_destroy(&id->lock);
    pthread_mutex_destroy(&id->change);
    pthread_mutex_destroy(&id->views);
    free(id);
}

/* ---- accounts ---- */

static int check_account(const char *account, struct sw_err *err)
{
    if (strlen(account) != ACCOUNT_DIGITS || strspn(account, "0123456789") != ACCOUNT_DIGITS)
        return sw_fail(err, SW_EINVALID, "ValidationError",
                       "An account id has %d digits, not '%.40s'.", ACCOUNT_DIGITS, account);
    return 0;
}

static int insert_account(struct meta_tx *tx, void *arg, struct sw_err *err)
{
    return meta_exec(
        tx, err, NULL,
        "INSERT INTO account (id, created_at) VALUES ($1, $2) ON CONFLICT (id) DO NOTHING", "ti",
        (const char *)arg, sw_now_us());
}

int identity_ensure_account(struct identity *id, const char *account, struct sw_err *err)
{
    char copy[ACCOUNT_DIGITS + 1];
    int r = check_account(account, err);

    if (r < 0)
        return r;
    (void)snprintf(copy, sizeof(copy), "%s", account);
    r = meta_tx(id->db, META_WRITE, insert_account, copy, err);
    return r < 0 ? r : 0;
}

/* ---- users ---- */

static void to_principal(const struct iam_entity *e, struct principal *ret)
{
    *ret = (struct principal){.kind = e->user_kind};
    (void)snprintf(ret->account, sizeof(ret->account), "%s", e->account);
    (void)snprintf(ret->user_id, sizeof(ret->user_id), "%s", e->id);
    (void)snprintf(ret->name, sizeof(ret->name), "%s", e->name);
    (void)snprintf(ret->arn, sizeof(ret->arn), "%s", e->arn);
}

/* Rows of both in one transaction, then memory. Takes the user. */
static int store_user(struct identity *id, struct iam_entity *user, const struct identity_key *pair,
                      struct sw_err *err)
{
    struct store_key key;
    int r = store_key_init(&key, id->keyring, user, pair, err);

    pthread_mutex_lock(&id->change);
    if (r == 0)
        r = directory_check_new(id, user, err);
    if (r == 0)
        r = store_save(id->db, user, &key, err);
    if (r == 0) {
        directory_publish(id, user);
        key_remember(id, &key);
    } else {
        entity_free(user);
    }
    pthread_mutex_unlock(&id->change);
    sw_buf_done(&key.sealed);
    return r;
}

/* user_id NULL: a new one. */
static int add_user(struct identity *id, const struct directory_new *n, const char *user_id,
                    const struct identity_key *given, struct principal *ret,
                    struct identity_key *ret_key, struct sw_err *err)
{
    struct identity_key pair = {0};
    struct principal p;
    int r = check_account(n->account, err);

    assert(principal_kind_is_user(n->user_kind));
    if (r == 0)
        r = key_mint(given, &pair, err);
    if (r < 0)
        return r;
    struct iam_entity *user = entity_new(n, sw_now_us(), err);
    if (user && user_id)
        (void)snprintf(user->id, sizeof(user->id), "%s", user_id);
    if (user)
        to_principal(user, &p);
    r = user ? store_user(id, user, &pair, err) : err->code;
    if (r == 0) {
        *ret = p;
        *ret_key = pair;
    }
    sodium_memzero(&pair, sizeof(pair));
    return r;
}

int identity_user_add(struct identity *id, const char *account, const char *name,
                      enum principal_kind kind, const struct identity_key *given,
                      struct principal *ret, struct identity_key *ret_key, struct sw_err *err)
{
    struct directory_new n = {
        .kind = IAM_USER, .account = account, .name = name, .user_kind = kind};

    return add_user(id, &n, NULL, given, ret, ret_key, err);
}

int identity_user_restore(struct identity *id, const struct principal *before,
                          const struct identity_key *key, struct sw_err *err)
{
    struct directory_new n = {.kind = IAM_USER,
                              .account = before->account,
                              .name = before->name,
                              .user_kind = before->kind};
    struct identity_key pair = {0};
    struct principal p;
    int r = add_user(id, &n, before->user_id, key, &p, &pair, err);

    sodium_memzero(&pair, sizeof(pair));
    return r;
}

int identity_user_delete(struct identity *id, const char *account, const char *name,
                         struct sw_err *err)
{
    int r = 0;

    pthread_mutex_lock(&id->change);
    const struct iam_entity *e = maps_find(&id->maps, IAM_USER, account, name);
    if (!e)
        r = directory_missing(err, IAM_USER, name);
    else if (e->origin)
        r = sw_fail(err, SW_ECONFLICT, "UnmodifiableEntity", "%s is managed by the policy file %s.",
                    e->arn, e->origin);
    else
        r = directory_retire(id, e, err);
    if (r == 0)
        r = store_delete(id->db, e, err);
    if (r == 0)
        directory_forget(id, e->id);
    pthread_mutex_unlock(&id->change);
    return r;
}

/* ---- looking up ---- */

int identity_user_by_name(struct identity *id, const char *account, const char *name,
                          struct principal *ret, struct sw_err *err)
{
    directory_lock(id);
    const struct iam_entity *e = directory_find(id, IAM_USER, account, name);
    if (e)
        to_principal(e, ret);
    directory_unlock(id);
    return e ? 0 : directory_missing(err, IAM_USER, name);
}

int identity_user_by_id(struct identity *id, const char *user_id, struct principal *ret,
                        struct sw_err *err)
{
    directory_lock(id);
    const struct iam_entity *e = directory_by_id(id, user_id);
    bool found = e && e->kind == IAM_USER;
    if (found)
        to_principal(e, ret);
    directory_unlock(id);
    return found ? 0
                 : sw_fail(err, SW_ENOTFOUND, "NoSuchEntity",
                           "The user with id %s cannot be found.", user_id);
}

int identity_secret(struct identity *id, const char *access_key_id, struct principal *ret,
                    char ret_secret[129], struct sw_err *err)
{
    bool found = false;

    directory_lock(id);
    const struct key_entry *k = strmap_get(&id->maps.keys, access_key_id);
    const struct iam_entity *e =
        k && k->info.active ? strmap_get(&id->maps.by_id, k->info.user_id) : NULL;
    if (e) {
        found = true;
        to_principal(e, ret);
        (void)snprintf(ret->access_key_id, sizeof(ret->access_key_id), "%s", k->info.id);
        memcpy(ret_secret, k->secret, SECRET_MAX + 1);
    }
    directory_unlock(id);
    return found ? 0
                 : sw_fail(err, SW_ENOTFOUND, "UnrecognizedClientException",
                           "The security token included in the request is invalid.");
}

bool identity_key_is_of(struct identity *id, const char *access_key_id, const char *user_id)
{
    directory_lock(id);
    const struct key_entry *k = strmap_get(&id->maps.keys, access_key_id);
    bool ours = k && k->info.active && sw_streq(k->info.user_id, user_id);
    directory_unlock(id);
    return ours;
}

struct listing {
    struct {
        struct principal principal;
        int64_t created_at_us;
    } * users;
    size_t n;
};

static void collect(void *ctx, const struct iam_entity *e)
{
    struct listing *l = ctx;

    l->users = sw_realloc_array(l->users, l->n + 1, sizeof(*l->users));
    to_principal(e, &l->users[l->n].principal);
    l->users[l->n++].created_at_us = e->created_at_us;
}

int identity_user_list(struct identity *id, const char *account,
                       int (*fn)(void *ctx, const struct principal *p, int64_t created_at_us),
                       void *ctx, struct sw_err *err)
{
    struct listing l = {0};
    int r = check_account(account, err);

    if (r < 0)
        return r;
    directory_lock(id);
    directory_each(id, IAM_USER, account, collect, &l);
    directory_unlock(id);
    for (size_t i = 0; i < l.n && r == 0; i++)
        r = fn(ctx, &l.users[i].principal, l.users[i].created_at_us);
    free(l.users);
    return 0;
}
