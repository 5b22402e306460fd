/* SPDX-License-Identifier: Apache-2.0 */
/* registry/core/registry_setting.c - rows of registry_setting. A policy in memory was one in a row: changes of policies go one at a
 * time, each with its transaction and its copy (policy_set.h). */
#include "registry/core/registry_setting.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "registry/core/internal.h"

struct setting_args {
    const struct registry_key *key;
    const char *name, *value;
    int64_t now, n;
    char *old;
    const char *last;
    int (*fn)(void *ctx, const char *name, const char *value);
    void *ctx;
};

#define SELECT_ONE \
    "SELECT value FROM registry_setting WHERE account_id = $1 AND region = $2 AND name = $3"

static int get_tx(struct meta_tx *tx, void *arg, struct sw_err *err)
{
    struct setting_args *a = arg;
    free(SW_TAKE(a->old));
    int r = meta_get(tx, err, SELECT_ONE, "ttt", a->key->account, a->key->region, a->name, "t",
                     &a->old);
    return r < 0 ? r : 0;
}

int registry_setting_get(struct registry *reg, const struct registry_key *key, const char *name,
                         char **ret, struct sw_err *err)
{
    struct setting_args a = {.key = key, .name = name};
    int r = meta_tx(reg->o.db, META_READ, get_tx, &a, err);
    if (r < 0)
        free(a.old);
    else
        *ret = a.old;
    return r;
}

static int put_tx(struct meta_tx *tx, void *arg, struct sw_err *err)
{
    struct setting_args *a = arg;
    int r = get_tx(tx, arg, err);
    return r < 0 ? r
                 : meta_exec(tx, err, NULL,
                             "INSERT INTO registry_setting (account_id, region, name, value, "
                             "updated_at) VALUES ($1, $2, $3, $4, $5) ON CONFLICT (account_id, "
                             "region, name) DO UPDATE SET value = excluded.value, updated_at = "
                             "excluded.updated_at",
                             "tttti", a->key->account, a->key->region, a->name, a->value, a->now);
}

static int delete_tx(struct meta_tx *tx, void *arg, struct sw_err *err)
{
    struct setting_args *a = arg;
    int r = get_tx(tx, arg, err);
    return r < 0 ? r
                 : meta_exec(tx, err, NULL,
                             "DELETE FROM registry_setting WHERE account_id = $1 AND region = $2 "
                             "AND name = $3",
                             "ttt", a->key->account, a->key->region, a->name);
}

int registry_setting_put(struct registry *reg, const struct registry_key *key, const char *name,
                         const char *value, bool *ret_new, struct sw_err *err)
{
    struct setting_args a = {.key = key, .name = name, .value = value, .now = registry_now(reg)};
    int r = meta_tx(reg->o.db, META_WRITE, put_tx, &a, err);
    if (r >= 0 && ret_new)
        *ret_new = !a.old;
    free(a.old);
    return r < 0 ? r : 0;
}

int registry_setting_delete(struct registry *reg, const struct registry_key *key, const char *name,
                            bool *ret_existed, struct sw_err *err)
{
    struct setting_args a = {.key = key, .name = name};
    int r = meta_tx(reg->o.db, META_WRITE, delete_tx, &a, err);
    if (r >= 0)
        *ret_existed = a.old != NULL;
    free(a.old);
    return r < 0 ? r : 0;
}

static int list_tx(struct meta_tx *tx, void *arg, struct sw_err *err)
{
    struct setting_args *a = arg;
    meta_autostmt *st = NULL;
    size_t skip = strlen(a->name);
    sw_autofree char *after = sw_asprintf("%s%s", a->name, a->last);
    (void)a->fn(a->ctx, NULL, NULL);
    int r = meta_query(tx, err, &st,
                       "SELECT name, value FROM registry_setting WHERE account_id = $1 AND region "
                       "= $2 AND name > $3 ORDER BY name LIMIT $4",
                       "ttti", a->key->account, a->key->region, after, a->n);
    while (r >= 0 && (r = meta_step(st, err)) > 0) {
        sw_autofree char *name = meta_dup(st, 0), *value = meta_dup(st, 1);
        if (strncmp(name, a->name, skip) != 0 || a->fn(a->ctx, name + skip, value))
            return 0;
    }
    return r;
}

int registry_setting_list(struct registry *reg, const struct registry_key *key, const char *prefix,
                          const char *last, int64_t n,
                          int (*fn)(void *ctx, const char *name, const char *value), void *ctx,
                          struct sw_err *err)
{
    struct setting_args a = {
        .key = key, .name = prefix, .last = last, .n = n, .fn = fn, .ctx = ctx};
    int r = meta_tx(reg->o.db, META_READ_LONG, list_tx, &a, err);
    return r < 0 ? r : 0;
}

struct policy_document *registry_policy(struct registry *reg, const struct registry_key *key)
{
    return policy_set_get(&reg->policies, key->account, key->region);
}

static int remove_policy_tx(struct meta_tx *tx, void *arg, struct sw_err *err)
{
    struct setting_args *a = arg;
    int r = delete_tx(tx, arg, err);
    if (r < 0 || a->old)
        return r;
    return sw_fail(err, SW_ENOTFOUND, "RegistryPolicyNotFoundException",
                   "Registry policy does not exist in the registry with id '%s'", a->key->account);
}

int registry_policy_set(struct registry *reg, const struct registry_key *key, const char *text,
                        char **ret_old, struct sw_err *err)
{
    struct policy_document *document = NULL;
    struct setting_args a = {
        .key = key, .name = REGISTRY_SETTING_POLICY, .value = text, .now = registry_now(reg)};
    if (text && policy_document_parse(sw_str(text), POLICY_TYPE_RESOURCE, &document, NULL, err) < 0)
        return err->code;
    pthread_mutex_lock(&reg->policies.change);
    int r = meta_tx(reg->o.db, META_WRITE, text ? put_tx : remove_policy_tx, &a, err);
    if (r >= 0)
        policy_set_put(&reg->policies, key->account, key->region, SW_TAKE(document));
    pthread_mutex_unlock(&reg->policies.change);
    policy_document_unref(document);
    if (r < 0)
        free(a.old);
    else
        *ret_old = a.old;
    return r < 0 ? r : 0;
}

int registry_policy_update(struct registry *reg, const struct registry_key *key,
                           int (*fn)(void *ctx, const char *text, char **ret_new,
                                     struct sw_err *err),
                           void *ctx, struct sw_err *err)
{
    struct policy_document *document = NULL;
    sw_autofree char *text = NULL, *changed = NULL;
    struct setting_args a = {.key = key, .name = REGISTRY_SETTING_POLICY, .now = registry_now(reg)};
    pthread_mutex_lock(&reg->policies.change);
    int r = registry_setting_get(reg, key, a.name, &text, err);
    if (r == 0 && text)
        r = fn(ctx, text, &changed, err);
    if (r == 0 && changed)
        r = policy_document_parse(sw_str(changed), POLICY_TYPE_RESOURCE, &document, NULL, err);
    a.value = changed;
    if (r == 0 && changed)
        r = meta_tx(reg->o.db, META_WRITE, put_tx, &a, err);
    if (r >= 0 && changed)
        policy_set_put(&reg->policies, key->account, key->region, SW_TAKE(document));
    pthread_mutex_unlock(&reg->policies.change);
    policy_document_unref(document);
    free(a.old);
    return r < 0 ? r : 0;
}
