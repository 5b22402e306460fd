/* SPDX-License-Identifier: Apache-2.0 */
/* registry/core/repo_store.c - invariants:
 * 1. A repository has at most one object in the table. An object that left the table (its repository was deleted) lives on in
 *    the hands of its holders; what they cached under its serial nobody finds again.
 * 2. An object is entered only if no removal happened since its row was read (epoch), so a deleted repository does not come
 *    back to life in memory.
 * 3. What is public in memory was public in a row: changes of settings and removals go one at a time, each with its transaction
 *    and its copy in memory (public.h). A name that is free is not public.
 * 4. Row ids are random: an upload or a cached link of a deleted repository never meets a new one. */
#include "registry/core/repo_store.h"

#include <string.h>

#include "base/alloc.h"
#include "base/id.h"
#include "base/json.h"
#include "registry/core/internal.h"

#define BUCKETS_MIN 64

static _Atomic uint64_t next_serial = 1;

static uint64_t hash_text(uint64_t h, const char *s)
{
    for (; *s; s++)
        h = (h ^ (unsigned char)*s) * 0x100000001b3u;
    return (h ^ '/') * 0x100000001b3u;
}

static uint64_t hash_key(const struct repo_key *key)
{
    uint64_t h = hash_text(0xcbf29ce484222325u, key->account);
    h = hash_text(h, key->region);
    h = hash_text(h, key->name);
    return h ^ (h >> 29);
}

void repo_table_init(struct repo_table *t)
{
    *t = (struct repo_table){.buckets_n = BUCKETS_MIN};
    pthread_rwlock_init(&t->lock, NULL);
    t->buckets = sw_calloc(t->buckets_n, sizeof(struct repo *));
}

void repo_table_clear(struct repo_table *t)
{
    pthread_rwlock_wrlock(&t->lock);
    for (size_t i = 0; i < t->buckets_n; i++) {
        while (t->buckets[i]) {
            struct repo *repo = t->buckets[i];
            t->buckets[i] = repo->next;
            repo_unref(repo);
        }
    }
    t->n = 0;
    t->epoch++;
    pthread_rwlock_unlock(&t->lock);
}

void repo_table_done(struct repo_table *t)
{
    repo_table_clear(t);
    free(t->buckets);
    pthread_rwlock_destroy(&t->lock);
}

struct repo *repo_ref(struct repo *repo)
{
    atomic_fetch_add_explicit(&repo->refs, 1, memory_order_relaxed);
    return repo;
}

void repo_unref(struct repo *repo)
{
    if (!repo || atomic_fetch_sub_explicit(&repo->refs, 1, memory_order_acq_rel) != 1)
        return;
    free(repo->account);
    free(repo->region);
    free(repo->name);
    free(repo);
}

static bool is_key(const struct repo *repo, const struct repo_key *key)
{
    return strcmp(repo->name, key->name) == 0 && strcmp(repo->region, key->region) == 0 &&
           strcmp(repo->account, key->account) == 0;
}

/* Under the lock. */
static struct repo **table_find(struct repo_table *t, uint64_t hash, const struct repo_key *key)
{
    struct repo **at = &t->buckets[hash % t->buckets_n];
    while (*at && ((*at)->hash != hash || !is_key(*at, key)))
        at = &(*at)->next;
    return at;
}

static void table_grow(struct repo_table *t)
{
    size_t n = t->buckets_n * 2;
    struct repo **buckets = sw_calloc(n, sizeof(struct repo *));
    for (size_t i = 0; i < t->buckets_n; i++) {
        while (t->buckets[i]) {
            struct repo *repo = t->buckets[i];
            t->buckets[i] = repo->next;
            repo->next = buckets[repo->hash % n];
            buckets[repo->hash % n] = repo;
        }
    }
    free(t->buckets);
    t->buckets = buckets;
    t->buckets_n = n;
}

/* The object in the table: an existing one, or a new one if no removal came in between; else NULL. */
static struct repo *table_enter(struct repo_table *t, uint64_t epoch, const struct repo_key *key,
                                int64_t id)
{
    uint64_t hash = hash_key(key);
    pthread_rwlock_wrlock(&t->lock);
    struct repo **at = table_find(t, hash, key);
    struct repo *repo = *at;
    if (!repo && t->epoch == epoch) {
        repo = SW_NEW(struct repo);
        atomic_init(&repo->refs, 1);
        repo->id = id;
        repo->serial = atomic_fetch_add(&next_serial, 1);
        repo->account = sw_strdup(key->account);
        repo->region = sw_strdup(key->region);
        repo->name = sw_strdup(key->name);
        repo->hash = hash;
        *at = repo;
        if (++t->n > t->buckets_n)
            table_grow(t);
    }
    if (repo)
        repo_ref(repo);
    pthread_rwlock_unlock(&t->lock);
    return repo;
}

static struct repo *table_lookup(struct repo_table *t, const struct repo_key *key,
                                 uint64_t *ret_epoch)
{
    uint64_t hash = hash_key(key);
    pthread_rwlock_rdlock(&t->lock);
    struct repo *repo = *table_find(t, hash, key);
    if (repo)
        repo_ref(repo);
    *ret_epoch = t->epoch;
    pthread_rwlock_unlock(&t->lock);
    return repo;
}

struct repo *repo_table_by_id(struct repo_table *t, int64_t id)
{
    struct repo *found = NULL;
    pthread_rwlock_rdlock(&t->lock);
    for (size_t i = 0; i < t->buckets_n && !found; i++)
        for (struct repo *r = t->buckets[i]; r && !found; r = r->next)
            if (r->id == id)
                found = repo_ref(r);
    pthread_rwlock_unlock(&t->lock);
    return found;
}

void repo_table_changed(struct repo_table *t, enum repo_generation g)
{
    pthread_rwlock_rdlock(&t->lock);
    for (size_t i = 0; i < t->buckets_n; i++)
        for (struct repo *r = t->buckets[i]; r; r = r->next)
            repo_changed(r, g);
    pthread_rwlock_unlock(&t->lock);
}

static void table_remove(struct repo_table *t, const struct repo_key *key)
{
    pthread_rwlock_wrlock(&t->lock);
    struct repo **at = table_find(t, hash_key(key), key);
    struct repo *repo = *at;
    if (repo) {
        *at = repo->next;
        t->n--;
    }
    t->epoch++;
    pthread_rwlock_unlock(&t->lock);
    if (repo)
        for (size_t g = 0; g < REPO_GENERATION_MAX_; g++)
            repo_changed(repo, g);
    repo_unref(repo);
}

void repo_info_done(struct repo_info *info)
{
    free(info->name);
    free(info->settings);
    *info = (struct repo_info){0};
}

struct repo_row {
    struct registry *reg;
    const struct repo_key *key;
    int64_t id;
    bool immutable, force;
    const char *settings;
    int64_t now;
    repo_settings_fn change;
    void *change_ctx;
    bool changed, is_public;
    struct repo_info info;
};

#define SELECT_REPO                                                          \
    "SELECT id, name, created_at, tag_mutability, settings FROM repository " \
    "WHERE account_id = $1 AND region = $2 AND name = $3"

static int load_row(struct meta_tx *tx, struct repo_row *a, struct sw_err *err)
{
    sw_autofree char *mutability = NULL;
    repo_info_done(&a->info);
    int r = meta_get(tx, err, SELECT_REPO, "ttt", a->key->account, a->key->region, a->key->name,
                     "ititt", &a->id, &a->info.name, &a->info.created_at_us, &mutability,
                     &a->info.settings);
    if (r < 0)
        return r;
    if (r == 0)
        return registry_fail_no_repo(err, a->key->account, a->key->name);
    a->info.immutable_tags = sw_streq(mutability, "IMMUTABLE");
    return 0;
}

static int load_tx(struct meta_tx *tx, void *arg, struct sw_err *err)
{
    return load_row(tx, arg, err);
}

int repo_describe(struct registry *reg, const struct repo_key *key, struct repo_info *ret,
                  struct sw_err *err)
{
    struct repo_row a = {.reg = reg, .key = key};
    int r = meta_tx(reg->o.db, META_READ, load_tx, &a, err);
    if (r < 0)
        repo_info_done(&a.info);
    else
        *ret = a.info;
    return r;
}

int repo_open(struct registry *reg, const struct repo_key *key, struct repo **ret,
              struct sw_err *err)
{
    for (;;) {
        uint64_t epoch;
        struct repo *repo = table_lookup(&reg->repos, key, &epoch);
        if (!repo) {
            struct repo_row a = {.reg = reg, .key = key};
            int r = meta_tx(reg->o.db, META_READ, load_tx, &a, err);
            repo_info_done(&a.info);
            if (r < 0)
                return r;
            repo = table_enter(&reg->repos, epoch, key, a.id);
        }
        if (repo) {
            *ret = repo;
            return 0;
        }
    }
}

static int create_tx(struct meta_tx *tx, void *arg, struct sw_err *err)
{
    struct repo_row *a = arg;
    uint64_t id;
    sw_random_bytes(&id, sizeof(id));
    a->id = (int64_t)(id >> 2) + 1;
    int64_t changed = 0;
    int r = meta_exec(
        tx, err, &changed,
        "INSERT INTO repository (id, account_id, region, name, created_at, tag_mutability, "
        "settings) "
        "VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (account_id, region, name) DO NOTHING",
        "itttitt", a->id, a->key->account, a->key->region, a->key->name, a->now,
        a->immutable ? "IMMUTABLE" : "MUTABLE", a->settings);
    if (r < 0)
        return r;
    if (changed == 0) {
        sw_fail(err, SW_ECONFLICT, "RepositoryAlreadyExistsException",
                "The repository with name '%s' already exists in the registry with id '%s'",
                a->key->name, a->key->account);
        return sw_detail(err, "%s", a->key->name);
    }
    return load_row(tx, a, err);
}

int repo_create(struct registry *reg, const struct repo_key *key, bool immutable_tags,
                const char *settings, struct repo_info *ret, struct sw_err *err)
{
    struct repo_row a = {.reg = reg,
                         .key = key,
                         .immutable = immutable_tags,
                         .settings = settings,
                         .now = registry_now(reg)};
    pthread_rwlock_rdlock(&reg->publics.change);
    int r = meta_tx(reg->o.db, META_WRITE, create_tx, &a, err);
    if (r >= 0 && settings_are_public(settings))
        public_set_put(&reg->publics, key, true);
    pthread_rwlock_unlock(&reg->publics.change);
    if (r < 0 || !ret)
        repo_info_done(&a.info);
    else
        *ret = a.info;
    return r < 0 ? r : 0;
}

int repo_open_or_create(struct registry *reg, const struct repo_key *key, struct repo **ret,
                        struct sw_err *err)
{
    int r = repo_open(reg, key, ret, err);
    if (r != SW_ENOTFOUND)
        return r;
    sw_err_clear(err);
    r = repo_create(reg, key, false, "{}", NULL, err);
    if (r == SW_ECONFLICT) {
        sw_err_clear(err);
        r = 0;
    }
    return r < 0 ? r : repo_open(reg, key, ret, err);
}

static int delete_tx(struct meta_tx *tx, void *arg, struct sw_err *err)
{
    struct repo_row *a = arg;
    int r = load_row(tx, a, err);
    if (r < 0)
        return r;
    if (!a->force) {
        int64_t one;
        r = meta_get(tx, err, "SELECT 1 FROM manifest WHERE repository_id = $1 LIMIT 1", "i", a->id,
                     "i", &one);
        if (r < 0)
            return r;
        if (r > 0)
            return sw_fail(err, SW_ECONFLICT, "RepositoryNotEmptyException",
                           "The repository with name '%s' in registry with id '%s' cannot be "
                           "deleted because it "
                           "still contains images",
                           a->key->name, a->key->account);
    }
    return meta_exec(tx, err, NULL, "DELETE FROM repository WHERE id = $1", "i", a->id);
}

int repo_delete(struct registry *reg, const struct repo_key *key, bool force, struct repo_info *ret,
                struct sw_err *err)
{
    struct repo_row a = {.reg = reg, .key = key, .force = force};
    pthread_rwlock_wrlock(&reg->publics.change);
    int r = meta_tx(reg->o.db, META_WRITE, delete_tx, &a, err);
    if (r >= 0) {
        public_set_put(&reg->publics, key, false);
        table_remove(&reg->repos, key);
    }
    pthread_rwlock_unlock(&reg->publics.change);
    if (r < 0 || !ret)
        repo_info_done(&a.info);
    else
        *ret = a.info;
    return r < 0 ? r : 0;
}

static int set_immutable_tx(struct meta_tx *tx, void *arg, struct sw_err *err)
{
    struct repo_row *a = arg;
    int r = load_row(tx, a, err);
    if (r < 0)
        return r;
    return meta_exec(tx, err, NULL, "UPDATE repository SET tag_mutability = $2 WHERE id = $1", "it",
                     a->id, a->immutable ? "IMMUTABLE" : "MUTABLE");
}

int repo_set_immutable_tags(struct registry *reg, const struct repo_key *key, bool immutable_tags,
                            struct sw_err *err)
{
    struct repo_row a = {.reg = reg, .key = key, .immutable = immutable_tags};
    int r = meta_tx(reg->o.db, META_WRITE, set_immutable_tx, &a, err);
    repo_info_done(&a.info);
    return r < 0 ? r : 0;
}

static int update_settings_tx(struct meta_tx *tx, void *arg, struct sw_err *err)
{
    struct repo_row *a = arg;
    int r = load_row(tx, a, err);
    if (r < 0)
        return r;
    sw_autofree char *text = NULL;
    r = a->change(a->change_ctx, a->info.settings, &text, err);
    a->changed = r >= 0 && text;
    if (!a->changed)
        return r;
    a->is_public = settings_are_public(text);
    return meta_exec(tx, err, NULL, "UPDATE repository SET settings = $2 WHERE id = $1", "it",
                     a->id, text);
}

int repo_update_settings(struct registry *reg, const struct repo_key *key, repo_settings_fn fn,
                         void *ctx, struct sw_err *err)
{
    struct repo_row a = {.reg = reg, .key = key, .change = fn, .change_ctx = ctx};
    pthread_rwlock_wrlock(&reg->publics.change);
    int r = meta_tx(reg->o.db, META_WRITE, update_settings_tx, &a, err);
    if (r >= 0 && a.changed)
        public_set_put(&reg->publics, key, a.is_public);
    pthread_rwlock_unlock(&reg->publics.change);
    repo_info_done(&a.info);
    return r < 0 ? r : 0;
}

bool repo_is_public(struct registry *reg, const struct repo_key *key)
{
    return public_set_has(&reg->publics, key);
}

static int change_public(void *ctx, const char *settings, char **ret_new, struct sw_err *err)
{
    sw_autojson json_t *doc = NULL;
    int r = sw_json_load(sw_str(settings), 32, 10000, NULL, &doc, err);
    if (r < 0)
        return r;
    (void)json_object_del(doc, "public");
    if (*(const bool *)ctx)
        sw_json_set_bool(doc, "public", true);
    *ret_new = sw_json_dump(doc);
    return 0;
}

int repo_set_public(struct registry *reg, const struct repo_key *key, bool is_public,
                    struct sw_err *err)
{
    return repo_update_settings(reg, key, change_public, &is_public, err);
}

struct list_args {
    const char *account, *region, *last;
    int64_t n;
    int (*fn)(void *ctx, const struct repo_info *info);
    void *ctx;
};

static int list_tx(struct meta_tx *tx, void *arg, struct sw_err *err)
{
    struct list_args *a = arg;
    meta_autostmt *st = NULL;
    (void)a->fn(a->ctx, NULL);
    int r = meta_query(tx, err, &st,
                       "SELECT name, created_at, tag_mutability, settings FROM repository "
                       "WHERE account_id = $1 AND region = $2 AND name > $3 ORDER BY name LIMIT $4",
                       "ttti", a->account, a->region, a->last, a->n);
    if (r < 0)
        return r;
    while ((r = meta_step(st, err)) > 0) {
        struct repo_info info = {.name = meta_dup(st, 0),
                                 .created_at_us = meta_int(st, 1),
                                 .immutable_tags = sw_str_eq_z(meta_str(st, 2), "IMMUTABLE"),
                                 .settings = meta_dup(st, 3)};
        int stop = a->fn(a->ctx, &info);
        repo_info_done(&info);
        if (stop)
            return 0;
    }
    return r;
}

int repo_list(struct registry *reg, const char *account, const char *region, const char *last,
              int64_t n, int (*fn)(void *ctx, const struct repo_info *info), void *ctx,
              struct sw_err *err)
{
    struct list_args a = {account, region, last, n, fn, ctx};
    int r = meta_tx(reg->o.db, META_READ_LONG, list_tx, &a, err);
    return r < 0 ? r : 0;
}
