/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/core/policy_set.h"

#include <stdio.h>

#include "base/alloc.h"
#include "registry/core/registry_setting.h"

#define KEY_MAX 100

static void format_key(const char *account, const char *region, char out[KEY_MAX])
{
    (void)snprintf(out, KEY_MAX, "%s/%s", account, region);
}

static void drop(void *ctx, void *value)
{
    (void)ctx;
    policy_document_unref(value);
}

static void clear(struct policy_set *s)
{
    strmap_each(&s->documents, drop, NULL);
    strmap_done(&s->documents);
}

void policy_set_init(struct policy_set *s)
{
    *s = (struct policy_set){0};
    pthread_mutex_init(&s->change, NULL);
    pthread_rwlock_init(&s->lock, NULL);
}

void policy_set_done(struct policy_set *s)
{
    clear(s);
    pthread_mutex_destroy(&s->change);
    pthread_rwlock_destroy(&s->lock);
}

static int load_tx(struct meta_tx *tx, void *arg, struct sw_err *err)
{
    struct policy_set *s = arg;
    meta_autostmt *st = NULL;
    clear(s);
    int r = meta_query(tx, err, &st,
                       "SELECT account_id, region, value FROM registry_setting WHERE name = $1",
                       "t", REGISTRY_SETTING_POLICY);
    while (r >= 0 && (r = meta_step(st, err)) > 0) {
        sw_autofree char *account = meta_dup(st, 0), *region = meta_dup(st, 1);
        struct policy_document *document = NULL;
        char key[KEY_MAX];
        if (policy_document_parse(meta_str(st, 2), POLICY_TYPE_RESOURCE, &document, NULL, err) < 0)
            return sw_prefix(err, "the registry policy of account %s in %s", account, region);
        format_key(account, region, key);
        strmap_put(&s->documents, key, document);
    }
    return r;
}

int policy_set_load(struct policy_set *s, struct meta_db *db, struct sw_err *err)
{
    pthread_mutex_lock(&s->change);
    pthread_rwlock_wrlock(&s->lock);
    int r = meta_tx(db, META_READ, load_tx, s, err);
    pthread_rwlock_unlock(&s->lock);
    pthread_mutex_unlock(&s->change);
    return r < 0 ? r : 0;
}

void policy_set_put(struct policy_set *s, const char *account, const char *region,
                    struct policy_document *document)
{
    char key[KEY_MAX];
    format_key(account, region, key);
    pthread_rwlock_wrlock(&s->lock);
    struct policy_document *old = strmap_remove(&s->documents, key);
    if (document)
        strmap_put(&s->documents, key, document);
    pthread_rwlock_unlock(&s->lock);
    policy_document_unref(old);
}

struct policy_document *policy_set_get(struct policy_set *s, const char *account,
                                       const char *region)
{
    char key[KEY_MAX];
    format_key(account, region, key);
    pthread_rwlock_rdlock(&s->lock);
    struct policy_document *d = strmap_get(&s->documents, key);
    if (d)
        policy_document_ref(d);
    pthread_rwlock_unlock(&s->lock);
    return d;
}
