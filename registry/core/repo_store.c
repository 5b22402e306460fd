/* SPDX-License-Identifier: Apache-2.0 */
/* registry/core/repo_store.c - invariants:
 * 1. A repository has at most one object in the table. An object that left the table (its repository was deleted) lives on in
 *    the hands of its holders; what they cached under its serial nobody finds again.
 * 2. An object is entered only if no removal happened since its row was read (epoch), so a deleted repository does not come
 *    back to life in memory.
 * 3. What is public in memory was public in a row: changes of settings and removals go one at a time, each with its transaction
 *    and its copy in memory (public.h). A name that is free is not public. The same holds for the rules of an object: they are
 *    those of the row that was last committed, since a change raises the epoch before it puts its own.
 * 4. Row ids are random: an upload or a cached link of a deleted repository never meets a new one. */
#include "registry/core/repo_store.h"

#include <string.h>

#include "base/alloc.h"
#include "base/id.h"
#include "base/json.h"
#include "registry/core/creation_template.h"
#include "registry/core/internal.h"
#include "registry/core/lifecycle_run.h"

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
    repo_rules_unref(repo->rules);
    pthread_mutex_destroy(&repo->rules_lock);
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
                                int64_t id, struct repo_rules *rules)
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
        pthread_mutex_init(&repo->rules_lock, NULL);
        cache_item_ref(&rules->item);
        repo->rules = rules;
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

static void rules_free(struct cache_item *item)
{
    struct repo_rules *rules = SW_CONTAINER_OF(item, struct repo_rules, item);
    policy_document_unref(rules->policy);
    for (size_t i = 0; i < rules->tags_n; i++) {
        free(rules->tags[i].key);
        free(rules->tags[i].value);
    }
    free(rules->tags);
    free(rules);
}

void repo_rules_unref(struct repo_rules *rules)
{
    if (rules)
        cache_item_unref(&rules->item);
}

struct repo_rules *repo_rules(struct repo *repo)
{
    pthread_mutex_lock(&repo->rules_lock);
    struct repo_rules *rules = repo->rules;
    cache_item_ref(&rules->item);
    pthread_mutex_unlock(&repo->rules_lock);
    return rules;
}

struct policy_document *repo_policy(struct repo *repo)
{
    struct repo_rules *rules = repo_rules(repo);
    struct policy_document *policy = policy_document_ref(rules->policy);
    repo_rules_unref(rules);
    return policy;
}

static void load_tags(const char *settings, struct repo_rules *rules)
{
    sw_autojson json_t *doc = NULL;
    struct sw_err ignored = SW_ERR_INIT;
    if (!strstr(settings, "\"tags\"") ||
        sw_json_load(sw_str(settings), 32, 10000, NULL, &doc, &ignored) < 0)
        return;
    const json_t *tags = sw_json_array(doc, "tags");
    size_t n = json_array_size(tags);
    rules->tags = sw_calloc(n ? n : 1, sizeof(*rules->tags));
    for (; rules->tags_n < n; rules->tags_n++) {
        const json_t *tag = json_array_get(tags, rules->tags_n);
        rules->tags[rules->tags_n] = (struct repo_tag){sw_strdup(sw_json_str(tag, "Key", "")),
                                                       sw_strdup(sw_json_str(tag, "Value", ""))};
    }
}

/* policy: its text or NULL. One that is stored but cannot be read denies everything: the repository does not open. */
static int rules_new(const char *settings, const char *policy, struct repo_rules **ret,
                     struct sw_err *err)
{
    struct policy_document *document = NULL;
    struct sw_err why = SW_ERR_INIT;
    if (policy &&
        policy_document_parse(sw_str(policy), POLICY_TYPE_RESOURCE, &document, NULL, &why) < 0)
        return sw_fail(err, SW_EINTERNAL, NULL, "the repository's policy is damaged: %s", why.msg);
    struct repo_rules *rules = SW_NEW(struct repo_rules);
    cache_item_init(&rules->item, rules_free);
    rules->policy = document;
    load_tags(settings, rules);
    *ret = rules;
    return 0;
}

/* After the commit, under publics.change. */
static void table_change_rules(struct repo_table *t, const struct repo_key *key,
                               struct repo_rules *rules)
{
    struct repo_rules *old = NULL;
    pthread_rwlock_wrlock(&t->lock);
    t->epoch++;
    struct repo *repo = *table_find(t, hash_key(key), key);
    if (repo) {
        pthread_mutex_lock(&repo->rules_lock);
        old = repo->rules;
        cache_item_ref(&rules->item);
        repo->rules = rules;
        pthread_mutex_unlock(&repo->rules_lock);
    }
    pthread_rwlock_unlock(&t->lock);
    repo_rules_unref(old);
}

void repo_info_done(struct repo_info *info)
{
    free(info->name);
    free(info->policy);
    free(info->settings);
    *info = (struct repo_info){0};
}

struct repo_row {
    struct registry *reg;
    const struct repo_key *key;
    int64_t id;
    bool force;
    enum repo_mutability mutability;
    const char *settings, *policy;
    const json_t *filters;
    int64_t now;
    repo_settings_fn change;
    void *change_ctx;
    bool changed, is_public;
    struct repo_rules *rules; /* of the row as it was changed */
    struct repo_info info;
};

#define SELECT_REPO                                                                  \
    "SELECT id, name, created_at, tag_mutability, settings, policy FROM repository " \
    "WHERE account_id = $1 AND region = $2 AND name = $3"

static int load_row(struct meta_tx *tx, struct repo_row *a, struct sw_err *err)
{
    sw_autofree char *mutability = NULL;
    repo_info_done(&a->info);
    int r = meta_get(tx, err, SELECT_REPO, "ttt", a->key->account, a->key->region, a->key->name,
                     "itittt", &a->id, &a->info.name, &a->info.created_at_us, &mutability,
                     &a->info.settings, &a->info.policy);
    if (r < 0)
        return r;
    if (r == 0)
        return registry_fail_no_repo(err, a->key->account, a->key->name);
    if (!repo_mutability_from_string(sw_str(mutability), &a->info.mutability))
        return sw_fail(err, SW_EINTERNAL, NULL, "repository '%s' has the tag mutability '%s'",
                       a->key->name, mutability);
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
            if (r == 0)
                r = rules_new(a.info.settings, a.info.policy, &a.rules, err);
            repo_info_done(&a.info);
            if (r < 0)
                return r;
            repo = table_enter(&reg->repos, epoch, key, a.id, a.rules);
            repo_rules_unref(a.rules);
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
        "settings, policy) "
        "VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (account_id, region, name) DO NOTHING",
        "itttittt", a->id, a->key->account, a->key->region, a->key->name, a->now,
        repo_mutability_to_string(a->mutability), a->settings, a->policy);
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

static int check_policy(const char *text, struct sw_err *err)
{
    policy_autodoc struct policy_document *document = NULL;
    return policy_document_parse(sw_str(text), POLICY_TYPE_RESOURCE, &document, NULL, err);
}

int repo_create_with(struct registry *reg, const struct repo_key *key, const struct repo_new *what,
                     struct repo_info *ret, struct sw_err *err)
{
    struct repo_row a = {.reg = reg,
                         .key = key,
                         .mutability = what->mutability,
                         .settings = what->settings,
                         .policy = what->policy,
                         .now = registry_now(reg)};
    if (what->policy && check_policy(what->policy, err) < 0)
        return err->code;
    pthread_rwlock_rdlock(&reg->publics.change);
    int r = meta_tx(reg->o.db, META_WRITE, create_tx, &a, err);
    if (r >= 0 && settings_are_public(what->settings))
        public_set_put(&reg->publics, key, true);
    pthread_rwlock_unlock(&reg->publics.change);
    if (r < 0 || !ret)
        repo_info_done(&a.info);
    else
        *ret = a.info;
    return r < 0 ? r : 0;
}

int repo_create(struct registry *reg, const struct repo_key *key, enum repo_mutability mutability,
                const char *settings, struct repo_info *ret, struct sw_err *err)
{
    struct repo_new what = {.mutability = mutability, .settings = settings};
    return repo_create_with(reg, key, &what, ret, err);
}

/* What of a creation template's document lies in a repository's settings, and under which name. */
static const struct {
    const char *from, *to;
} template_settings[] = {
    {"resourceTags", "tags"},
    {"encryptionConfiguration", "encryptionConfiguration"},
    {TAG_FILTER_SETTING, TAG_FILTER_SETTING},
};

static int create_from_template(struct registry *reg, const struct repo_key *key,
                                const json_t *document, struct sw_err *err)
{
    struct repo_new what = {.policy = sw_json_str(document, "repositoryPolicy", NULL)};
    (void)repo_mutability_from_string(sw_str(sw_json_str(document, "imageTagMutability", "")),
                                      &what.mutability);
    sw_autojson json_t *settings = json_object();
    for (size_t i = 0; i < SW_ARRAY_LEN(template_settings); i++) {
        json_t *value = json_object_get(document, template_settings[i].from);
        if (value)
            sw_json_set_new(settings, template_settings[i].to, json_incref(value));
    }
    sw_autofree char *text = sw_json_dump(settings);
    what.settings = text;
    return repo_create_with(reg, key, &what, NULL, err);
}

int repo_open_or_create(struct registry *reg, const struct repo_key *key, struct repo **ret,
                        struct sw_err *err)
{
    struct creation_template t = {0};
    int r = repo_open(reg, key, ret, err);
    if (r != SW_ENOTFOUND)
        return r;
    sw_err_clear(err);
    r = creation_template_match(reg, key, TEMPLATE_CREATE_ON_PUSH, &t, err);
    if (r >= 0)
        r = r > 0 ? create_from_template(reg, key, t.document, err)
                  : repo_create(reg, key, REPO_MUTABLE, "{}", NULL, err);
    bool made = r == 0;
    if (r == SW_ECONFLICT) {
        sw_err_clear(err);
        r = 0;
    }
    if (r == 0)
        r = repo_open(reg, key, ret, err);
    const char *lifecycle = sw_json_str(t.document, "lifecyclePolicy", NULL);
    if (r == 0 && made && lifecycle) {
        r = lifecycle_put(reg, *ret, lifecycle, err);
        if (r < 0)
            repo_unref(SW_TAKE(*ret));
    }
    creation_template_done(&t);
    return r;
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

static int set_mutability_tx(struct meta_tx *tx, void *arg, struct sw_err *err)
{
    struct repo_row *a = arg;
    sw_autojson json_t *doc = NULL;
    int r = load_row(tx, a, err);
    if (r == 0)
        r = sw_json_load(sw_str(a->info.settings), 32, 10000, NULL, &doc, err);
    if (r < 0)
        return r;
    (void)json_object_del(doc, TAG_FILTER_SETTING);
    if (a->filters)
        sw_json_set_new(doc, TAG_FILTER_SETTING, json_incref((json_t *)a->filters));
    sw_autofree char *text = sw_json_dump(doc);
    return meta_exec(tx, err, NULL,
                     "UPDATE repository SET tag_mutability = $2, settings = $3 WHERE id = $1",
                     "itt", a->id, repo_mutability_to_string(a->mutability), text);
}

int repo_set_mutability(struct registry *reg, const struct repo_key *key,
                        enum repo_mutability mutability, const json_t *filters, struct sw_err *err)
{
    struct repo_row a = {.reg = reg, .key = key, .mutability = mutability, .filters = filters};
    int r = meta_tx(reg->o.db, META_WRITE, set_mutability_tx, &a, err);
    repo_info_done(&a.info);
    return r < 0 ? r : 0;
}

/* The row as it will be, as rules: what they cannot be made of is not written. */
static int prepare_rules(struct repo_row *a, const char *settings, const char *policy,
                         struct sw_err *err)
{
    repo_rules_unref(SW_TAKE(a->rules));
    return rules_new(settings, policy, &a->rules, err);
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
    r = prepare_rules(a, text, a->info.policy, err);
    return r < 0 ? r
                 : meta_exec(tx, err, NULL, "UPDATE repository SET settings = $2 WHERE id = $1",
                             "it", a->id, text);
}

int repo_update_settings(struct registry *reg, const struct repo_key *key, repo_settings_fn fn,
                         void *ctx, struct sw_err *err)
{
    struct repo_row a = {.reg = reg, .key = key, .change = fn, .change_ctx = ctx};
    pthread_rwlock_wrlock(&reg->publics.change);
    int r = meta_tx(reg->o.db, META_WRITE, update_settings_tx, &a, err);
    if (r >= 0 && a.changed) {
        public_set_put(&reg->publics, key, a.is_public);
        table_change_rules(&reg->repos, key, a.rules);
    }
    pthread_rwlock_unlock(&reg->publics.change);
    repo_rules_unref(a.rules);
    repo_info_done(&a.info);
    return r < 0 ? r : 0;
}

static int set_policy_tx(struct meta_tx *tx, void *arg, struct sw_err *err)
{
    struct repo_row *a = arg;
    int r = load_row(tx, a, err);
    if (r < 0)
        return r;
    if (!a->policy && !a->info.policy)
        return sw_fail(err, SW_ENOTFOUND, "RepositoryPolicyNotFoundException",
                       "Repository policy does not exist for the repository with name '%s' in the "
                       "registry with id '%s'",
                       a->key->name, a->key->account);
    r = prepare_rules(a, a->info.settings, a->policy, err);
    return r < 0 ? r
                 : meta_exec(tx, err, NULL, "UPDATE repository SET policy = $2 WHERE id = $1", "it",
                             a->id, a->policy);
}

int repo_set_policy(struct registry *reg, const struct repo_key *key, const char *text,
                    char **ret_old, struct sw_err *err)
{
    struct repo_row a = {.reg = reg, .key = key, .policy = text};
    if (text && check_policy(text, err) < 0)
        return err->code;
    pthread_rwlock_wrlock(&reg->publics.change);
    int r = meta_tx(reg->o.db, META_WRITE, set_policy_tx, &a, err);
    if (r >= 0)
        table_change_rules(&reg->repos, key, a.rules);
    pthread_rwlock_unlock(&reg->publics.change);
    if (r >= 0)
        *ret_old = SW_TAKE(a.info.policy);
    repo_rules_unref(a.rules);
    repo_info_done(&a.info);
    return r < 0 ? r : 0;
}

static int update_policy_tx(struct meta_tx *tx, void *arg, struct sw_err *err)
{
    struct repo_row *a = arg;
    int r = load_row(tx, a, err);
    a->changed = false;
    if (r < 0 || !a->info.policy)
        return r;
    sw_autofree char *text = NULL;
    r = a->change(a->change_ctx, a->info.policy, &text, err);
    if (r < 0 || !text)
        return r;
    a->changed = true;
    r = prepare_rules(a, a->info.settings, text, err);
    return r < 0 ? r
                 : meta_exec(tx, err, NULL, "UPDATE repository SET policy = $2 WHERE id = $1", "it",
                             a->id, text);
}

int repo_update_policy(struct registry *reg, const struct repo_key *key, repo_settings_fn fn,
                       void *ctx, struct sw_err *err)
{
    struct repo_row a = {.reg = reg, .key = key, .change = fn, .change_ctx = ctx};
    pthread_rwlock_wrlock(&reg->publics.change);
    int r = meta_tx(reg->o.db, META_WRITE, update_policy_tx, &a, err);
    if (r >= 0 && a.changed)
        table_change_rules(&reg->repos, key, a.rules);
    pthread_rwlock_unlock(&reg->publics.change);
    repo_rules_unref(a.rules);
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
        struct repo_info info = {
            .name = meta_dup(st, 0), .created_at_us = meta_int(st, 1), .settings = meta_dup(st, 3)};
        (void)repo_mutability_from_string(meta_str(st, 2), &info.mutability);
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
