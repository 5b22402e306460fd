/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/core/public.h"

#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "registry/core/reference.h"

#define KEY_MAX (REPO_NAME_MAX + 128)

void public_set_init(struct public_set *s)
{
    *s = (struct public_set){0};
    pthread_rwlock_init(&s->change, NULL);
    pthread_rwlock_init(&s->lock, NULL);
}

void public_set_done(struct public_set *s)
{
    strmap_done(&s->names);
    pthread_rwlock_destroy(&s->change);
    pthread_rwlock_destroy(&s->lock);
}

bool settings_are_public(const char *settings)
{
    sw_autojson json_t *doc = NULL;
    struct sw_err ignored = SW_ERR_INIT;
    if (!strstr(settings, "\"public\""))
        return false;
    return sw_json_load(sw_str(settings), 32, 10000, NULL, &doc, &ignored) == 0 &&
           sw_json_bool(doc, "public", false);
}

static void format_key(const struct repo_key *key, char out[KEY_MAX])
{
    (void)snprintf(out, KEY_MAX, "%s/%s/%s", key->account, key->region, key->name);
}

void public_set_put(struct public_set *s, const struct repo_key *key, bool is_public)
{
    char text[KEY_MAX];
    format_key(key, text);
    pthread_rwlock_wrlock(&s->lock);
    if (is_public)
        strmap_put(&s->names, text, s);
    else
        (void)strmap_remove(&s->names, text);
    atomic_store(&s->n, s->names.n);
    pthread_rwlock_unlock(&s->lock);
}

bool public_set_has(struct public_set *s, const struct repo_key *key)
{
    char text[KEY_MAX];
    if (atomic_load(&s->n) == 0)
        return false;
    format_key(key, text);
    pthread_rwlock_rdlock(&s->lock);
    bool has = strmap_get(&s->names, text) != NULL;
    pthread_rwlock_unlock(&s->lock);
    return has;
}

static int load_tx(struct meta_tx *tx, void *arg, struct sw_err *err)
{
    struct public_set *s = arg;
    meta_autostmt *st = NULL;
    strmap_done(&s->names);
    int r = meta_query(tx, err, &st,
                       "SELECT account_id, region, name, settings FROM repository "
                       "WHERE settings LIKE $1",
                       "t", "%\"public\"%");
    while (r >= 0 && (r = meta_step(st, err)) > 0) {
        sw_autofree char *account = meta_dup(st, 0), *region = meta_dup(st, 1);
        sw_autofree char *name = meta_dup(st, 2), *settings = meta_dup(st, 3);
        char text[KEY_MAX];
        if (!settings_are_public(settings))
            continue;
        format_key(&(struct repo_key){account, region, name}, text);
        strmap_put(&s->names, text, s);
    }
    return r;
}

int public_set_load(struct public_set *s, struct meta_db *db, struct sw_err *err)
{
    pthread_rwlock_wrlock(&s->change);
    pthread_rwlock_wrlock(&s->lock);
    int r = meta_tx(db, META_READ, load_tx, s, err);
    if (r < 0)
        strmap_done(&s->names);
    atomic_store(&s->n, s->names.n);
    pthread_rwlock_unlock(&s->lock);
    pthread_rwlock_unlock(&s->change);
    return r;
}
