/* SPDX-License-Identifier: Apache-2.0 */
/* auth/directory.c - the copy in memory. Invariants:
 * 1. Every object of `by_id` is in `by_name` under "KIND/ACCOUNT/name in lower case" (of a provider: its host) and in `by_arn`; `by_id`
 *    owns objects, `keys` owns keys. An object is replaced, never altered, but for its last use and its view.
 * 2. Objects name each other by id or ARN; a name that nothing has is as if it were not there, but for a boundary: who has one that
 *    is not there may do nothing.
 * 3. `generation` moves with every change of objects. A view is of the generation that its object says; one of an earlier
 *    generation is built anew by the next who asks, under the read lock, so a change costs nobody but those whom it may concern.
 * 4. `views` guards the views of objects; it is taken inside the read lock and nothing is taken inside it. */
#include <assert.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "auth/directory_internal.h"
#include "base/alloc.h"
#include "base/macros.h"

/* ---- maps ---- */

void directory_fold_name(enum iam_kind kind, char *name)
{
    for (; *name && !(kind == IAM_PROVIDER && *name == '/'); name++)
        if (*name >= 'A' && *name <= 'Z')
            *name = (char)(*name - 'A' + 'a');
}

void directory_name_key(enum iam_kind kind, const char *account, const char *name,
                        char ret[DIRECTORY_KEY_MAX])
{
    int n = snprintf(ret, DIRECTORY_KEY_MAX, "%s/%s/", iam_kind_to_string(kind), account);

    (void)snprintf(ret + n, (size_t)(DIRECTORY_KEY_MAX - n), "%s", name);
    directory_fold_name(kind, ret + n);
}

static void free_object(void *ctx SW_UNUSED, void *value)
{
    entity_free(value);
}

static void free_key(void *ctx SW_UNUSED, void *value)
{
    sodium_memzero(value, sizeof(struct key_entry));
    free(value);
}

static void free_string(void *ctx SW_UNUSED, void *value)
{
    free(value);
}

void maps_done(struct directory_maps *m)
{
    strmap_each(&m->by_id, free_object, NULL);
    strmap_each(&m->keys, free_key, NULL);
    strmap_each(&m->aliases, free_string, NULL);
    strmap_done(&m->by_id);
    strmap_done(&m->by_name);
    strmap_done(&m->by_arn);
    strmap_done(&m->keys);
    strmap_done(&m->aliases);
}

void maps_put(struct directory_maps *m, struct iam_entity *e)
{
    char key[DIRECTORY_KEY_MAX];

    directory_name_key(e->kind, e->account, e->name, key);
    strmap_put(&m->by_id, e->id, e);
    strmap_put(&m->by_name, key, e);
    strmap_put(&m->by_arn, e->arn, e);
}

void maps_drop(struct directory_maps *m, const char *id)
{
    struct iam_entity *e = strmap_remove(&m->by_id, id);
    char key[DIRECTORY_KEY_MAX];

    if (!e)
        return;
    directory_name_key(e->kind, e->account, e->name, key);
    strmap_remove(&m->by_name, key);
    strmap_remove(&m->by_arn, e->arn);
    entity_free(e);
}

struct iam_entity *maps_find(const struct directory_maps *m, enum iam_kind kind,
                             const char *account, const char *name)
{
    char key[DIRECTORY_KEY_MAX];

    if (strlen(account) > 12 || strlen(name) > 255)
        return NULL;
    directory_name_key(kind, account, name, key);
    return strmap_get(&m->by_name, key);
}

void directory_publish(struct identity *d, struct iam_entity *e)
{
    pthread_rwlock_wrlock(&d->lock);
    maps_drop(&d->maps, e->id);
    maps_put(&d->maps, e);
    d->generation++;
    pthread_rwlock_unlock(&d->lock);
}

struct key_search {
    const char *user_id;
    const struct key_entry *found;
};

static void find_key_of(void *ctx, void *value)
{
    struct key_search *s = ctx;
    const struct key_entry *k = value;

    if (sw_streq(k->info.user_id, s->user_id))
        s->found = k;
}

void directory_forget(struct identity *d, const char *id)
{
    char user_id[IAM_ID_MAX];

    (void)snprintf(user_id, sizeof(user_id), "%s", id);
    pthread_rwlock_wrlock(&d->lock);
    for (;;) {
        struct key_search s = {.user_id = user_id};
        strmap_each(&d->maps.keys, find_key_of, &s);
        if (!s.found)
            break;
        free_key(NULL, strmap_remove(&d->maps.keys, s.found->info.id));
    }
    maps_drop(&d->maps, user_id);
    d->generation++;
    pthread_rwlock_unlock(&d->lock);
}

void directory_put_key(struct identity *d, struct key_entry *k)
{
    pthread_rwlock_wrlock(&d->lock);
    strmap_put(&d->maps.keys, k->info.id, k);
    pthread_rwlock_unlock(&d->lock);
}

void directory_forget_key(struct identity *d, const char *key_id)
{
    pthread_rwlock_wrlock(&d->lock);
    struct key_entry *k = strmap_remove(&d->maps.keys, key_id);
    pthread_rwlock_unlock(&d->lock);
    if (k)
        free_key(NULL, k);
}

struct counting {
    enum iam_kind kind;
    const char *account;
    size_t n;
};

static void count_one(void *ctx, void *value)
{
    struct counting *c = ctx;
    const struct iam_entity *e = value;

    c->n += e->kind == c->kind && sw_streq(e->account, c->account);
}

size_t directory_count(const struct directory_maps *m, enum iam_kind kind, const char *account)
{
    struct counting c = {kind, account, 0};

    strmap_each(&m->by_id, count_one, &c);
    return c.n;
}

int directory_missing(struct sw_err *err, enum iam_kind kind, const char *name)
{
    if (kind == IAM_POLICY)
        return sw_fail(err, SW_ENOTFOUND, "NoSuchEntity", "Policy %s was not found.", name);
    if (kind == IAM_PROFILE)
        return sw_fail(err, SW_ENOTFOUND, "NoSuchEntity", "Instance Profile %s cannot be found.",
                       name);
    if (kind == IAM_PROVIDER)
        return sw_fail(err, SW_ENOTFOUND, "NoSuchEntity",
                       "OpenIDConnect Provider not found for arn %s", name);
    return sw_fail(err, SW_ENOTFOUND, "NoSuchEntity", "The %s with name %s cannot be found.",
                   iam_kind_to_string(kind), name);
}

/* ---- reading ---- */

void directory_lock(struct identity *d)
{
    pthread_rwlock_rdlock(&d->lock);
}

void directory_unlock(struct identity *d)
{
    pthread_rwlock_unlock(&d->lock);
}

const struct iam_entity *directory_find(struct identity *d, enum iam_kind kind, const char *account,
                                        const char *name)
{
    return maps_find(&d->maps, kind, account, name);
}

void directory_arn(struct identity *d, enum iam_kind kind, const char *account, const char *name,
                   const char *path, char ret[IAM_ARN_MAX])
{
    directory_lock(d);
    const struct iam_entity *e = directory_find(d, kind, account, name);
    if (e)
        (void)snprintf(ret, IAM_ARN_MAX, "%s", e->arn);
    else
        (void)snprintf(ret, IAM_ARN_MAX, "arn:aws:iam::%s:%s%s%s", account,
                       iam_kind_to_string(kind), path ? path : "/", name);
    directory_unlock(d);
}

const struct iam_entity *directory_by_id(struct identity *d, const char *id)
{
    return strmap_get(&d->maps.by_id, id);
}

const struct iam_entity *directory_by_arn(struct identity *d, const char *arn)
{
    return strmap_get(&d->maps.by_arn, arn);
}

struct listing {
    enum iam_kind kind;
    const char *account;
    const struct iam_entity **v;
    size_t n;
};

static void collect(void *ctx, void *value)
{
    struct listing *l = ctx;
    const struct iam_entity *e = value;

    if (e->kind == l->kind && (!l->account || sw_streq(e->account, l->account)))
        l->v[l->n++] = e;
}

static int by_name_cmp(const void *a, const void *b)
{
    const struct iam_entity *x = *(const struct iam_entity *const *)a,
                            *y = *(const struct iam_entity *const *)b;
    int c = strcmp(x->name, y->name);

    return c ? c : strcmp(x->id, y->id);
}

void directory_each(struct identity *d, enum iam_kind kind, const char *account,
                    directory_each_fn *fn, void *ctx)
{
    struct listing l = {.kind = kind, .account = account};

    l.v = sw_calloc(d->maps.by_id.n + 1, sizeof(struct iam_entity *));
    strmap_each(&d->maps.by_id, collect, &l);
    qsort(l.v, l.n, sizeof(*l.v), by_name_cmp);
    for (size_t i = 0; i < l.n; i++)
        fn(ctx, l.v[i]);
    free(l.v);
}

struct key_listing {
    const char *user_id;
    const struct key_entry **v;
    size_t n;
};

static void collect_key(void *ctx, void *value)
{
    struct key_listing *l = ctx;
    const struct key_entry *k = value;

    if (sw_streq(k->info.user_id, l->user_id))
        l->v[l->n++] = k;
}

static int key_cmp(const void *a, const void *b)
{
    const struct key_entry *x = *(const struct key_entry *const *)a,
                           *y = *(const struct key_entry *const *)b;

    if (x->info.created_at_us != y->info.created_at_us)
        return x->info.created_at_us < y->info.created_at_us ? -1 : 1;
    return strcmp(x->info.id, y->info.id);
}

void directory_each_key(struct identity *d, const char *user_id, directory_key_fn *fn, void *ctx)
{
    struct key_listing l = {.user_id = user_id};

    l.v = sw_calloc(d->maps.keys.n + 1, sizeof(struct key_entry *));
    strmap_each(&d->maps.keys, collect_key, &l);
    qsort(l.v, l.n, sizeof(*l.v), key_cmp);
    for (size_t i = 0; i < l.n; i++)
        fn(ctx, &l.v[i]->info);
    free(l.v);
}

bool directory_key(struct identity *d, const char *key_id, struct iam_key_info *ret)
{
    const struct key_entry *k = strmap_get(&d->maps.keys, key_id);

    if (k)
        *ret = k->info;
    return k != NULL;
}

bool directory_alias(struct identity *d, const char *account, char ret[64])
{
    const char *alias = strmap_get(&d->maps.aliases, account);

    if (alias)
        (void)snprintf(ret, 64, "%s", alias);
    return alias != NULL;
}
