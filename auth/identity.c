/* SPDX-License-Identifier: Apache-2.0 */
/* Invariants:
 * 1. `change` is held over a change's rows and its memory, so both see changes in one order.
 * 2. Memory is changed after the rows committed, under the write lock of `lock`; readers hold its read lock and copy out.
 * 3. Every user in `by_id` is in `by_name` under "ACCOUNT/NAME", and its active keys are in `keys`; `by_id` owns users,
 *    `keys` owns keys, a key points to its user.
 * 4. Secrets are sealed in the rows (bound to their key id) and open in memory, wiped when they leave it. */
#include "auth/identity.h"

#include <assert.h>
#include <pthread.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "auth/strmap.h"
#include "base/alloc.h"
#include "base/clock.h"
#include "base/id.h"
#include "base/macros.h"

#define SECRET_MAX     128
#define SEALED_MAX     512
#define NAME_KEY_MAX   (13 + 1 + PRINCIPAL_NAME_MAX)
#define ACCOUNT_DIGITS 12

struct user {
    struct principal principal;
    int64_t created_at_us;
};

struct key {
    struct user *user;
    struct identity_key pair;
};

struct directory {
    struct strmap by_id, by_name, keys;
};

struct identity {
    struct meta_db *db;
    struct keyring *keyring;
    pthread_mutex_t change;
    pthread_rwlock_t lock;
    struct directory dir;
};

#define no_such_user(err, name) \
    sw_fail((err), SW_ENOTFOUND, "NoSuchEntity", "The user with name %s cannot be found.", (name))

/* ---- memory ---- */

static void free_user(void *ctx SW_UNUSED, void *user)
{
    free(user);
}

static void free_key(void *ctx SW_UNUSED, void *key)
{
    sodium_memzero(key, sizeof(struct key));
    free(key);
}

static void directory_done(struct directory *d)
{
    strmap_each(&d->keys, free_key, NULL);
    strmap_each(&d->by_id, free_user, NULL);
    strmap_done(&d->keys);
    strmap_done(&d->by_id);
    strmap_done(&d->by_name);
}

static void name_key(const char *account, const char *name, char ret[NAME_KEY_MAX])
{
    (void)snprintf(ret, NAME_KEY_MAX, "%s/%s", account, name);
}

static struct user *directory_add_user(struct directory *d, const struct principal *p,
                                       int64_t created_at_us)
{
    struct user *u = SW_NEW(struct user);
    char full[NAME_KEY_MAX];

    u->principal = *p;
    u->created_at_us = created_at_us;
    name_key(p->account, p->name, full);
    strmap_put(&d->by_id, p->user_id, u);
    strmap_put(&d->by_name, full, u);
    return u;
}

static void directory_add_key(struct directory *d, struct user *u, const struct identity_key *pair)
{
    struct key *k = SW_NEW(struct key);

    k->user = u;
    k->pair = *pair;
    strmap_put(&d->keys, pair->access_key_id, k);
}

struct key_search {
    const struct user *user;
    struct key *found;
};

static void find_key_of(void *ctx, void *value)
{
    struct key_search *s = ctx;
    struct key *k = value;

    if (k->user == s->user)
        s->found = k;
}

static void directory_remove_user(struct directory *d, struct user *u)
{
    char full[NAME_KEY_MAX];

    for (;;) {
        struct key_search s = {.user = u};
        strmap_each(&d->keys, find_key_of, &s);
        if (!s.found)
            break;
        strmap_remove(&d->keys, s.found->pair.access_key_id);
        free_key(NULL, s.found);
    }
    name_key(u->principal.account, u->principal.name, full);
    strmap_remove(&d->by_name, full);
    strmap_remove(&d->by_id, u->principal.user_id);
    free(u);
}

static void principal_fill(struct principal *p, enum principal_kind kind, const char *account,
                           const char *user_id, const char *name)
{
    *p = (struct principal){.kind = kind};
    (void)snprintf(p->account, sizeof(p->account), "%s", account);
    (void)snprintf(p->user_id, sizeof(p->user_id), "%s", user_id);
    (void)snprintf(p->name, sizeof(p->name), "%s", name);
    (void)snprintf(p->arn, sizeof(p->arn), "arn:aws:iam::%s:user/%s", account, name);
}

/* ---- sealing ---- */

static void secret_context(const char *access_key_id, char ret[64])
{
    (void)snprintf(ret, 64, "access key %s", access_key_id);
}

static int open_secret(struct keyring *k, const char *access_key_id, struct sw_str sealed,
                       char ret[SECRET_MAX + 1], struct sw_err *err)
{
    SW_CLEANUP(sw_buf_done) struct sw_buf plain = SW_BUF_INIT(SECRET_MAX);
    char context[64];
    int r = 0;

    secret_context(access_key_id, context);
    if (keyring_open_sealed(k, context, sealed.p, sealed.n, &plain, err) < 0)
        return sw_prefix(
            err, "cannot open the secret of access key %s (is it this data folder's master key?)",
            access_key_id);
    if (!sw_str_copy(sw_buf_str(&plain), ret, SECRET_MAX + 1))
        r = sw_fail(err, SW_EINTERNAL, NULL, "the secret of access key %s is not text",
                    access_key_id);
    if (plain.p)
        sodium_memzero(plain.p, plain.n);
    return r;
}

/* ---- loading ---- */

struct load {
    struct keyring *keyring;
    struct directory dir;
};

static int load_users(struct meta_tx *tx, struct directory *d, struct sw_err *err)
{
    meta_autostmt *st = NULL;
    int r =
        meta_query(tx, err, &st, "SELECT id, account_id, name, kind, created_at FROM iam_user", "");

    if (r < 0)
        return r;
    while ((r = meta_step(st, err)) > 0) {
        char id[33], account[13], name[PRINCIPAL_NAME_MAX], kind_name[16];
        enum principal_kind kind;
        struct principal p;
        if (!sw_str_copy(meta_str(st, 0), id, sizeof(id)) ||
            !sw_str_copy(meta_str(st, 1), account, sizeof(account)) ||
            !sw_str_copy(meta_str(st, 2), name, sizeof(name)) ||
            !sw_str_copy(meta_str(st, 3), kind_name, sizeof(kind_name)) ||
            !principal_kind_from_string(kind_name, &kind))
            return sw_fail(err, SW_EINTERNAL, NULL, "a row of iam_user is not one of ours");
        principal_fill(&p, kind, account, id, name);
        directory_add_user(d, &p, meta_int(st, 4));
    }
    return r;
}

static int load_keys(struct meta_tx *tx, struct load *l, struct sw_err *err)
{
    meta_autostmt *st = NULL;
    int r = meta_query(tx, err, &st,
                       "SELECT id, user_id, secret FROM access_key WHERE status = 'Active'", "");

    if (r < 0)
        return r;
    while ((r = meta_step(st, err)) > 0) {
        struct identity_key pair;
        char user_id[33];
        struct user *u;
        if (!sw_str_copy(meta_str(st, 0), pair.access_key_id, sizeof(pair.access_key_id)) ||
            !sw_str_copy(meta_str(st, 1), user_id, sizeof(user_id)) ||
            !(u = strmap_get(&l->dir.by_id, user_id)))
            return sw_fail(err, SW_EINTERNAL, NULL, "a row of access_key is not one of ours");
        r = open_secret(l->keyring, pair.access_key_id, meta_str(st, 2), pair.secret_access_key,
                        err);
        if (r < 0)
            return r;
        directory_add_key(&l->dir, u, &pair);
        sodium_memzero(&pair, sizeof(pair));
    }
    return r;
}

static int load_all(struct meta_tx *tx, void *arg, struct sw_err *err)
{
    struct load *l = arg;
    int r;

    directory_done(&l->dir); /* what an earlier try of this transaction left */
    r = load_users(tx, &l->dir, err);
    return r < 0 ? r : load_keys(tx, l, err);
}

int identity_reload(struct identity *id, struct sw_err *err)
{
    struct load l = {.keyring = id->keyring};
    int r;

    pthread_mutex_lock(&id->change);
    r = meta_tx(id->db, META_READ, load_all, &l, err);
    if (r >= 0) {
        struct directory old = id->dir;
        pthread_rwlock_wrlock(&id->lock);
        id->dir = l.dir;
        pthread_rwlock_unlock(&id->lock);
        l.dir = old;
        r = 0;
    }
    pthread_mutex_unlock(&id->change);
    directory_done(&l.dir);
    return r;
}

int identity_open(struct meta_db *db, struct keyring *k, struct identity **ret, struct sw_err *err)
{
    struct identity *id = SW_NEW(struct identity);
    int r;

    id->db = db;
    id->keyring = k;
    pthread_mutex_init(&id->change, NULL);
    pthread_rwlock_init(&id->lock, NULL);
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
    directory_done(&id->dir);
    pthread_rwlock_destroy(&id->lock);
    pthread_mutex_destroy(&id->change);
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

/* ---- adding a user ---- */

struct new_user {
    struct principal principal;
    struct identity_key pair;
    int64_t now_us;
    struct sw_buf sealed;
};

static int check_name(const char *name, struct sw_err *err)
{
    size_t n = strlen(name);

    if (n == 0 || n >= PRINCIPAL_NAME_MAX)
        return sw_fail(err, SW_EINVALID, "ValidationError",
                       "A user name has 1 to %d characters, not %zu.", PRINCIPAL_NAME_MAX - 1, n);
    for (const char *c = name; *c; c++) {
        bool letter =
            (*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') || (*c >= '0' && *c <= '9');
        if (!letter && !strchr("+=,.@_-", *c))
            return sw_fail(err, SW_EINVALID, "ValidationError",
                           "A user name may hold letters, digits and any of +=,.@_- only.");
    }
    return 0;
}

static int check_given(const struct identity_key *given, struct sw_err *err)
{
    size_t id_n = strlen(given->access_key_id), secret_n = strlen(given->secret_access_key);

    if (id_n < 3 || id_n > 32)
        return sw_fail(err, SW_EINVALID, "ValidationError",
                       "An access key id has 3 to 32 characters, not %zu.", id_n);
    for (const char *c = given->access_key_id; *c; c++) {
        if (!((*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') || (*c >= '0' && *c <= '9') ||
              *c == '_'))
            return sw_fail(err, SW_EINVALID, "ValidationError",
                           "An access key id may hold letters, digits and _ only.");
    }
    if (secret_n < 1 || secret_n > SECRET_MAX)
        return sw_fail(err, SW_EINVALID, "ValidationError",
                       "A secret access key has 1 to %d characters, not %zu.", SECRET_MAX,
                       secret_n);
    for (const char *c = given->secret_access_key; *c; c++) {
        if (*c < ' ' || *c > '~')
            return sw_fail(err, SW_EINVALID, "ValidationError",
                           "A secret access key may hold printable characters only.");
    }
    return 0;
}

static int row_exists(struct meta_tx *tx, const char *sql, const char *a, const char *b,
                      struct sw_err *err)
{
    int64_t one = 0;

    if (b)
        return meta_get(tx, err, sql, "tt", a, b, "i", &one);
    return meta_get(tx, err, sql, "t", a, "i", &one);
}

static int insert_user(struct meta_tx *tx, void *arg, struct sw_err *err)
{
    struct new_user *u = arg;
    const struct principal *p = &u->principal;
    int r = row_exists(tx, "SELECT 1 FROM account WHERE id = $1", p->account, NULL, err);

    if (r == 0)
        return sw_fail(err, SW_ENOTFOUND, "NoSuchEntity", "The account %s does not exist.",
                       p->account);
    if (r < 0)
        return r;
    r = row_exists(tx, "SELECT 1 FROM iam_user WHERE account_id = $1 AND name = $2", p->account,
                   p->name, err);
    if (r > 0)
        return sw_fail(err, SW_ECONFLICT, "EntityAlreadyExists",
                       "User with name %s already exists.", p->name);
    if (r < 0)
        return r;
    r = row_exists(tx, "SELECT 1 FROM access_key WHERE id = $1", u->pair.access_key_id, NULL, err);
    if (r > 0)
        return sw_fail(err, SW_ECONFLICT, "EntityAlreadyExists", "Access key %s already exists.",
                       u->pair.access_key_id);
    if (r < 0)
        return r;
    r = meta_exec(
        tx, err, NULL,
        "INSERT INTO iam_user (id, account_id, name, kind, created_at) VALUES ($1, $2, $3, $4, $5)",
        "tttti", p->user_id, p->account, p->name, principal_kind_to_string(p->kind), u->now_us);
    if (r < 0)
        return r;
    return meta_exec(
        tx, err, NULL,
        "INSERT INTO access_key (id, user_id, secret, created_at) VALUES ($1, $2, $3, $4)", "ttbi",
        u->pair.access_key_id, p->user_id, u->sealed.p, u->sealed.n, u->now_us);
}

static void mint(char *out, const char *prefix, size_t n)
{
    (void)snprintf(out, 5, "%s", prefix);
    sw_random_base32(out + 4, n);
}

/* Rows, then memory. */
static int store_user(struct identity *id, struct new_user *u, struct sw_err *err)
{
    char context[64];
    int r;

    secret_context(u->pair.access_key_id, context);
    r = keyring_seal(id->keyring, context, u->pair.secret_access_key,
                     strlen(u->pair.secret_access_key), &u->sealed, err);
    if (r < 0)
        return r;
    pthread_mutex_lock(&id->change);
    r = meta_tx(id->db, META_WRITE, insert_user, u, err);
    if (r >= 0) {
        pthread_rwlock_wrlock(&id->lock);
        directory_add_key(&id->dir, directory_add_user(&id->dir, &u->principal, u->now_us),
                          &u->pair);
        pthread_rwlock_unlock(&id->lock);
        r = 0;
    }
    pthread_mutex_unlock(&id->change);
    return r;
}

int identity_user_add(struct identity *id, const char *account, const char *name,
                      enum principal_kind kind, const struct identity_key *given,
                      struct principal *ret, struct identity_key *ret_key, struct sw_err *err)
{
    struct new_user u = {.sealed = SW_BUF_INIT(SEALED_MAX), .now_us = sw_now_us()};
    char user_id[22];
    int r;

    assert(kind == PRINCIPAL_USER || kind == PRINCIPAL_ADMIN || kind == PRINCIPAL_NODE);
    if ((r = check_account(account, err)) < 0 || (r = check_name(name, err)) < 0 ||
        (given && (r = check_given(given, err)) < 0))
        return r;
    mint(user_id, "AIDA", 17);
    principal_fill(&u.principal, kind, account, user_id, name);
    if (given) {
        u.pair = *given;
    } else {
        mint(u.pair.access_key_id, "AKIA", 16);
        sw_random_base64(u.pair.secret_access_key, 40);
    }
    r = store_user(id, &u, err);
    if (r == 0) {
        *ret = u.principal;
        *ret_key = u.pair;
    }
    sodium_memzero(&u.pair, sizeof(u.pair));
    sw_buf_done(&u.sealed);
    return r;
}

/* ---- deleting a user ---- */

static int delete_user(struct meta_tx *tx, void *arg, struct sw_err *err)
{
    const struct principal *p = arg;
    int64_t changed = 0;
    int r = meta_exec(tx, err, NULL, "DELETE FROM access_key WHERE user_id = $1", "t", p->user_id);

    if (r < 0)
        return r;
    r = meta_exec(tx, err, &changed, "DELETE FROM iam_user WHERE id = $1", "t", p->user_id);
    if (r < 0)
        return r;
    return changed == 1 ? 0 : no_such_user(err, p->name);
}

int identity_user_delete(struct identity *id, const char *account, const char *name,
                         struct sw_err *err)
{
    struct principal p;
    int r;

    pthread_mutex_lock(&id->change);
    r = identity_user_by_name(id, account, name, &p, err);
    if (r == 0)
        r = meta_tx(id->db, META_WRITE, delete_user, &p, err);
    if (r >= 0) {
        pthread_rwlock_wrlock(&id->lock);
        directory_remove_user(&id->dir, strmap_get(&id->dir.by_id, p.user_id));
        pthread_rwlock_unlock(&id->lock);
        r = 0;
    }
    pthread_mutex_unlock(&id->change);
    return r;
}

/* ---- looking up ---- */

int identity_user_by_name(struct identity *id, const char *account, const char *name,
                          struct principal *ret, struct sw_err *err)
{
    char full[NAME_KEY_MAX];
    const struct user *u = NULL;

    pthread_rwlock_rdlock(&id->lock);
    if (strlen(account) == ACCOUNT_DIGITS && strlen(name) < PRINCIPAL_NAME_MAX) {
        name_key(account, name, full);
        u = strmap_get(&id->dir.by_name, full);
    }
    if (u)
        *ret = u->principal;
    pthread_rwlock_unlock(&id->lock);
    return u ? 0 : no_such_user(err, name);
}

int identity_user_by_id(struct identity *id, const char *user_id, struct principal *ret,
                        struct sw_err *err)
{
    const struct user *u;

    pthread_rwlock_rdlock(&id->lock);
    u = strmap_get(&id->dir.by_id, user_id);
    if (u)
        *ret = u->principal;
    pthread_rwlock_unlock(&id->lock);
    return u ? 0
             : sw_fail(err, SW_ENOTFOUND, "NoSuchEntity", "The user with id %s cannot be found.",
                       user_id);
}

int identity_secret(struct identity *id, const char *access_key_id, struct principal *ret,
                    char ret_secret[129], struct sw_err *err)
{
    const struct key *k;

    pthread_rwlock_rdlock(&id->lock);
    k = strmap_get(&id->dir.keys, access_key_id);
    if (k) {
        *ret = k->user->principal;
        (void)snprintf(ret->access_key_id, sizeof(ret->access_key_id), "%s", k->pair.access_key_id);
        memcpy(ret_secret, k->pair.secret_access_key, SECRET_MAX + 1);
    }
    pthread_rwlock_unlock(&id->lock);
    return k ? 0
             : sw_fail(err, SW_ENOTFOUND, "UnrecognizedClientException",
                       "The security token included in the request is invalid.");
}

bool identity_key_is_of(struct identity *id, const char *access_key_id, const char *user_id)
{
    pthread_rwlock_rdlock(&id->lock);
    const struct key *k = strmap_get(&id->dir.keys, access_key_id);
    bool ours = k && sw_streq(k->user->principal.user_id, user_id);
    pthread_rwlock_unlock(&id->lock);
    return ours;
}

struct listing {
    const char *account;
    struct user *users;
    size_t n;
};

static void collect(void *ctx, void *value)
{
    struct listing *l = ctx;
    const struct user *u = value;

    if (sw_streq(u->principal.account, l->account))
        l->users[l->n++] = *u;
}

static int user_cmp(const void *a, const void *b)
{
    return strcmp(((const struct user *)a)->principal.name,
                  ((const struct user *)b)->principal.name);
}

int identity_user_list(struct identity *id, const char *account,
                       int (*fn)(void *ctx, const struct principal *p, int64_t created_at_us),
                       void *ctx, struct sw_err *err)
{
    struct listing l = {.account = account};
    int r = check_account(account, err);

    if (r < 0)
        return r;
    pthread_rwlock_rdlock(&id->lock);
    l.users = sw_calloc(id->dir.by_id.n + 1, sizeof(*l.users));
    strmap_each(&id->dir.by_id, collect, &l);
    pthread_rwlock_unlock(&id->lock);
    qsort(l.users, l.n, sizeof(*l.users), user_cmp);
    for (size_t i = 0; i < l.n && r == 0; i++)
        r = fn(ctx, &l.users[i].principal, l.users[i].created_at_us);
    free(l.users);
    return 0;
}
