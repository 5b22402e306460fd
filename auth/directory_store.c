/* SPDX-License-Identifier: Apache-2.0 */
/* auth/directory_store.c - the rows of the directory. An object is stored whole: its row, then its lists in place of those that were
 * there. Objects are small and changes rare, so that is simpler than a statement for each kind of change, and cannot forget one.
 * Secrets are sealed, bound to their key's id. */
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "auth/directory_internal.h"
#include "base/alloc.h"
#include "base/clock.h"
#include "base/macros.h"

#define SEALED_MAX 512

static void secret_context(const char *access_key_id, char ret[64])
{
    (void)snprintf(ret, 64, "access key %s", access_key_id);
}

int store_key_init(struct store_key *k, struct keyring *ring, const struct iam_entity *user,
                   const struct identity_key *pair, struct sw_err *err)
{
    char context[64];

    *k = (struct store_key){
        .user = user, .pair = pair, .sealed = SW_BUF_INIT(SEALED_MAX), .now_us = sw_now_us()};
    secret_context(pair->access_key_id, context);
    return keyring_seal(ring, context, pair->secret_access_key, strlen(pair->secret_access_key),
                        &k->sealed, err);
}

int store_key_insert(struct meta_tx *tx, void *key, struct sw_err *err)
{
    const struct store_key *k = key;
    int64_t one = 0;
    int r = meta_get(tx, err, "SELECT 1 FROM iam_access_key WHERE id = $1", "t",
                     k->pair->access_key_id, "i", &one);

    if (r > 0)
        return sw_fail(err, SW_ECONFLICT, "EntityAlreadyExists", "Access key %s already exists.",
                       k->pair->access_key_id);
    if (r < 0)
        return r;
    return meta_exec(tx, err, NULL,
                     "INSERT INTO iam_access_key (id, user_id, account_id, secret, created_at) "
                     "VALUES ($1, $2, $3, $4, $5)",
                     "tttbi", k->pair->access_key_id, k->user->id, k->user->account, k->sealed.p,
                     k->sealed.n, k->now_us);
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
    struct directory_maps maps;
};

#define not_ours(err, table) \
    sw_fail((err), SW_EINTERNAL, NULL, "a row of %s is not one of ours", (table))

static bool fill_entity(struct meta_stmt *st, struct iam_entity *e)
{
    char kind[24], user_kind[16] = "";

    if (!sw_str_copy(meta_str(st, 0), e->id, sizeof(e->id)) ||
        !sw_str_copy(meta_str(st, 1), e->account, sizeof(e->account)) ||
        !sw_str_copy(meta_str(st, 2), kind, sizeof(kind)) || !iam_kind_from_string(kind, &e->kind))
        return false;
    e->name = meta_dup(st, 3);
    e->path = meta_dup(st, 4);
    e->description = meta_dup(st, 5);
    e->created_at_us = meta_int(st, 6);
    e->changed_at_us = meta_int(st, 7);
    e->boundary = meta_dup(st, 9);
    e->max_session_s = meta_int(st, 11);
    e->last_used_us = meta_int(st, 12);
    (void)sw_str_copy(meta_str(st, 13), e->last_used_region, sizeof(e->last_used_region));
    e->default_version = meta_int(st, 14);
    e->next_version = meta_int(st, 15);
    e->jwks = meta_dup(st, 16);
    entity_set_arn(e);
    if (e->kind != IAM_USER)
        return true;
    return sw_str_copy(meta_str(st, 8), user_kind, sizeof(user_kind)) &&
           principal_kind_from_string(user_kind, &e->user_kind) &&
           principal_kind_is_user(e->user_kind);
}

static int load_trust(struct iam_entity *e, struct sw_str text, struct sw_err *err)
{
    if (!text.p)
        return not_ours(err, "iam_entity");
    e->trust = sw_str_dup(text);
    int r = policy_document_parse(text, POLICY_TYPE_TRUST, &e->trust_doc, NULL, err);
    return r < 0 ? sw_prefix(err, "the stored trust policy of %s", e->arn) : 0;
}

static int load_entities(struct meta_tx *tx, struct load *l, struct sw_err *err)
{
    meta_autostmt *st = NULL;
    int r = meta_query(tx, err, &st,
                       "SELECT id, account_id, kind, name, path, description, created_at, "
                       "changed_at, user_kind, boundary, trust_policy, max_session_s, "
                       "last_used_at, last_used_region, default_version, next_version, jwks "
                       "FROM iam_entity",
                       "");

    if (r < 0)
        return r;
    while ((r = meta_step(st, err)) > 0) {
        struct iam_entity *e = SW_NEW(struct iam_entity);
        if (!fill_entity(st, e)) {
            entity_free(e);
            return not_ours(err, "iam_entity");
        }
        if (e->kind == IAM_ROLE && load_trust(e, meta_str(st, 10), err) < 0) {
            entity_free(e);
            return err->code;
        }
        maps_put(&l->maps, e);
    }
    return r;
}

/* The object that the row at hand belongs to. */
static struct iam_entity *owner_of(struct load *l, struct meta_stmt *st)
{
    char id[IAM_ID_MAX];

    return sw_str_copy(meta_str(st, 0), id, sizeof(id)) ? strmap_get(&l->maps.by_id, id) : NULL;
}

static int parse_stored(struct sw_str text, const struct iam_entity *e,
                        struct policy_document **ret, struct sw_err *err)
{
    int r = policy_document_parse(text, POLICY_TYPE_IDENTITY, ret, NULL, err);
    return r < 0 ? sw_prefix(err, "a stored policy of %s", e->arn) : 0;
}

static int load_versions(struct meta_tx *tx, struct load *l, struct sw_err *err)
{
    meta_autostmt *st = NULL;
    int r = meta_query(tx, err, &st,
                       "SELECT policy_id, number, document, created_at FROM iam_policy_version "
                       "ORDER BY policy_id, number",
                       "");

    if (r < 0)
        return r;
    while ((r = meta_step(st, err)) > 0) {
        struct iam_entity *e = owner_of(l, st);
        struct policy_document *doc = NULL;
        if (!e)
            return not_ours(err, "iam_policy_version");
        sw_autofree char *text = meta_dup(st, 2);
        if (parse_stored(sw_str(text), e, &doc, err) < 0)
            return err->code;
        entity_put_version(e, meta_int(st, 1), text, doc, meta_int(st, 3));
    }
    return r;
}

static int load_inlines(struct meta_tx *tx, struct load *l, struct sw_err *err)
{
    meta_autostmt *st = NULL;
    int r = meta_query(tx, err, &st, "SELECT entity_id, name, document FROM iam_inline_policy", "");

    if (r < 0)
        return r;
    while ((r = meta_step(st, err)) > 0) {
        struct iam_entity *e = owner_of(l, st);
        struct policy_document *doc = NULL;
        if (!e)
            return not_ours(err, "iam_inline_policy");
        sw_autofree char *name = meta_dup(st, 1), *text = meta_dup(st, 2);
        if (parse_stored(sw_str(text), e, &doc, err) < 0)
            return err->code;
        entity_put_inline(e, name, text, doc);
    }
    return r;
}

static int load_tags(struct meta_tx *tx, struct load *l, struct sw_err *err)
{
    meta_autostmt *st = NULL;
    int r = meta_query(tx, err, &st, "SELECT entity_id, key, value FROM iam_tag", "");

    if (r < 0)
        return r;
    while ((r = meta_step(st, err)) > 0) {
        struct iam_entity *e = owner_of(l, st);
        if (!e)
            return not_ours(err, "iam_tag");
        sw_autofree char *key = meta_dup(st, 1), *value = meta_dup(st, 2);
        entity_put_tag(e, key, value);
    }
    return r;
}

static const char *const list_names[] = {"policy", "group", "role", "client", "thumbprint"};

static struct iam_words *list_of(struct iam_entity *e, size_t i)
{
    struct iam_words *const lists[] = {&e->policies, &e->groups, &e->roles, &e->clients,
                                       &e->thumbprints};
    return lists[i];
}

static int load_lists(struct meta_tx *tx, struct load *l, struct sw_err *err)
{
    meta_autostmt *st = NULL;
    int r = meta_query(tx, err, &st, "SELECT entity_id, list, value FROM iam_list", "");

    if (r < 0)
        return r;
    while ((r = meta_step(st, err)) > 0) {
        struct iam_entity *e = owner_of(l, st);
        size_t i = 0;
        while (i < SW_ARRAY_LEN(list_names) && !sw_str_eq_z(meta_str(st, 1), list_names[i]))
            i++;
        if (!e || i == SW_ARRAY_LEN(list_names))
            return not_ours(err, "iam_list");
        sw_autofree char *value = meta_dup(st, 2);
        (void)words_add(list_of(e, i), value);
    }
    return r;
}

static int load_keys(struct meta_tx *tx, struct load *l, struct sw_err *err)
{
    meta_autostmt *st = NULL;
    int r = meta_query(tx, err, &st,
                       "SELECT id, user_id, account_id, secret, status, created_at, last_used_at, "
                       "last_used_service, last_used_region FROM iam_access_key",
                       "");

    if (r < 0)
        return r;
    while ((r = meta_step(st, err)) > 0) {
        struct key_entry *k = SW_NEW(struct key_entry);
        if (!sw_str_copy(meta_str(st, 0), k->info.id, sizeof(k->info.id)) ||
            !sw_str_copy(meta_str(st, 1), k->info.user_id, sizeof(k->info.user_id)) ||
            !sw_str_copy(meta_str(st, 2), k->info.account, sizeof(k->info.account))) {
            free(k);
            return not_ours(err, "iam_access_key");
        }
        k->info.active = sw_str_eq_z(meta_str(st, 4), "Active");
        k->info.created_at_us = meta_int(st, 5);
        k->info.last_used_us = meta_int(st, 6);
        (void)sw_str_copy(meta_str(st, 7), k->info.last_service, sizeof(k->info.last_service));
        (void)sw_str_copy(meta_str(st, 8), k->info.last_region, sizeof(k->info.last_region));
        strmap_put(&l->maps.keys, k->info.id, k);
        if (open_secret(l->keyring, k->info.id, meta_str(st, 3), k->secret, err) < 0)
            return err->code;
    }
    return r;
}

static int load_aliases(struct meta_tx *tx, struct load *l, struct sw_err *err)
{
    meta_autostmt *st = NULL;
    int r = meta_query(tx, err, &st, "SELECT id, alias FROM account WHERE alias IS NOT NULL", "");

    if (r < 0)
        return r;
    while ((r = meta_step(st, err)) > 0) {
        sw_autofree char *account = meta_dup(st, 0);
        strmap_put(&l->maps.aliases, account, meta_dup(st, 1));
    }
    return r;
}

static int load_all(struct meta_tx *tx, void *arg, struct sw_err *err)
{
    static int (*const parts[])(struct meta_tx *, struct load *, struct sw_err *) = {
        load_entities, load_versions, load_inlines, load_tags, load_lists, load_keys, load_aliases};
    struct load *l = arg;
    int r = 0;

    maps_done(&l->maps); /* what an earlier try of this transaction left */
    builtin_add(&l->maps);
    for (size_t i = 0; i < SW_ARRAY_LEN(parts) && r >= 0; i++)
        r = parts[i](tx, l, err);
    return r;
}

int store_load(struct meta_db *db, struct keyring *k, struct directory_maps *ret,
               struct sw_err *err)
{
    struct load l = {.keyring = k};
    int r = meta_tx(db, META_READ, load_all, &l, err);

    if (r < 0) {
        maps_done(&l.maps);
        return r;
    }
    *ret = l.maps;
    return 0;
}

/* ---- saving ---- */

static int save_row(struct meta_tx *tx, const struct iam_entity *e, struct sw_err *err)
{
    sw_autofree char *name_key = sw_strdup(e->name);

    directory_fold_name(e->kind, name_key);
    return meta_exec(
        tx, err, NULL,
        "INSERT INTO iam_entity (id, account_id, kind, name, name_key, path, description, "
        "created_at, changed_at, user_kind, boundary, trust_policy, max_session_s, "
        "default_version, next_version, jwks) "
        "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16) "
        "ON CONFLICT (id) DO UPDATE SET name = $4, name_key = $5, path = $6, description = $7, "
        "changed_at = $9, boundary = $11, trust_policy = $12, max_session_s = $13, "
        "default_version = $14, next_version = $15, jwks = $16",
        "tttttttiitttiiit", e->id, e->account, iam_kind_to_string(e->kind), e->name, name_key,
        e->path, e->description, e->created_at_us, e->changed_at_us,
        e->kind == IAM_USER ? principal_kind_to_string(e->user_kind) : NULL, e->boundary, e->trust,
        e->max_session_s, e->default_version, e->next_version, e->jwks);
}

static int clear_lists(struct meta_tx *tx, const char *id, struct sw_err *err)
{
    static const char *const sql[] = {"DELETE FROM iam_policy_version WHERE policy_id = $1",
                                      "DELETE FROM iam_inline_policy WHERE entity_id = $1",
                                      "DELETE FROM iam_tag WHERE entity_id = $1",
                                      "DELETE FROM iam_list WHERE entity_id = $1"};
    int r = 0;

    for (size_t i = 0; i < SW_ARRAY_LEN(sql) && r >= 0; i++)
        r = meta_exec(tx, err, NULL, sql[i], "t", id);
    return r;
}

static int save_lists(struct meta_tx *tx, const struct iam_entity *e, struct sw_err *err)
{
    int r = 0;

    for (size_t i = 0; i < e->versions_n && r >= 0; i++)
        r = meta_exec(tx, err, NULL,
                      "INSERT INTO iam_policy_version (policy_id, number, document, created_at) "
                      "VALUES ($1, $2, $3, $4)",
                      "titi", e->id, e->versions[i].number, e->versions[i].text,
                      e->versions[i].created_at_us);
    for (size_t i = 0; i < e->inlines_n && r >= 0; i++)
        r = meta_exec(tx, err, NULL,
                      "INSERT INTO iam_inline_policy (entity_id, name, document) "
                      "VALUES ($1, $2, $3)",
                      "ttt", e->id, e->inlines[i].name, e->inlines[i].text);
    for (size_t i = 0; i < e->tags_n && r >= 0; i++)
        r = meta_exec(tx, err, NULL,
                      "INSERT INTO iam_tag (entity_id, key, value) VALUES ($1, $2, $3)", "ttt",
                      e->id, e->tags[i].key, e->tags[i].value);
    for (size_t i = 0; i < SW_ARRAY_LEN(list_names); i++) {
        const struct iam_words *w = list_of((struct iam_entity *)e, i);
        for (size_t j = 0; j < w->n && r >= 0; j++)
            r = meta_exec(tx, err, NULL,
                          "INSERT INTO iam_list (entity_id, list, value) VALUES ($1, $2, $3)",
                          "ttt", e->id, list_names[i], w->v[j]);
    }
    return r;
}

struct saving {
    const struct iam_entity *e;
    const struct store_key *key;
};

static int save(struct meta_tx *tx, void *arg, struct sw_err *err)
{
    const struct saving *s = arg;
    int64_t one = 0;
    int r = meta_get(tx, err, "SELECT 1 FROM account WHERE id = $1", "t", s->e->account, "i", &one);

    if (r == 0)
        return sw_fail(err, SW_ENOTFOUND, "NoSuchEntity", "The account %s does not exist.",
                       s->e->account);
    if (r > 0)
        r = save_row(tx, s->e, err);
    if (r >= 0)
        r = clear_lists(tx, s->e->id, err);
    if (r >= 0)
        r = save_lists(tx, s->e, err);
    if (r >= 0 && s->key)
        r = store_key_insert(tx, (void *)s->key, err);
    return r;
}

int store_save(struct meta_db *db, const struct iam_entity *e, const struct store_key *key,
               struct sw_err *err)
{
    struct saving s = {e, key};
    int r = meta_tx(db, META_WRITE, save, &s, err);
    return r < 0 ? r : 0;
}

static int drop(struct meta_tx *tx, void *arg, struct sw_err *err)
{
    const struct iam_entity *e = arg;
    int r = meta_exec(tx, err, NULL, "DELETE FROM iam_access_key WHERE user_id = $1", "t", e->id);

    if (r >= 0)
        r = clear_lists(tx, e->id, err);
    if (r >= 0)
        r = meta_exec(tx, err, NULL, "DELETE FROM iam_entity WHERE id = $1", "t", e->id);
    return r;
}

int store_delete(struct meta_db *db, const struct iam_entity *e, struct sw_err *err)
{
    int r = meta_tx(db, META_WRITE, drop, (void *)e, err);
    return r < 0 ? r : 0;
}
