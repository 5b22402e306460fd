/* SPDX-License-Identifier: Apache-2.0 */
/* auth/directory_view.c - the policies of a user or role, gathered once per change and then shared; and notes of last uses. */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "auth/directory_internal.h"
#include "base/alloc.h"
#include "base/macros.h"

static void add(struct directory_view *v, struct policy_document *doc, const char *name,
                const char *origin, enum policy_origin kind)
{
    v->identity = sw_realloc_array(v->identity, v->identity_n + 1, sizeof(*v->identity));
    v->identity[v->identity_n++] = (struct policy_attached){
        policy_document_ref(doc), sw_strdup(name), sw_strdup_or_null(origin), kind};
}

static void add_of(struct identity *d, struct directory_view *v, const struct iam_entity *e,
                   enum policy_origin kind)
{
    for (size_t i = 0; i < e->inlines_n; i++)
        add(v, e->inlines[i].doc, e->inlines[i].name, e->origin, kind);
    for (size_t i = 0; i < e->policies.n; i++) {
        const struct iam_entity *p = strmap_get(&d->maps.by_arn, e->policies.v[i]);
        const struct iam_version *version = p ? iam_default_version(p) : NULL;
        if (version)
            add(v, version->doc, p->arn, p->origin, kind);
    }
}

static void add_built_in(struct identity *d, struct directory_view *v, enum principal_kind kind)
{
    const char *name = kind == PRINCIPAL_ADMIN  ? "AdministratorAccess"
                       : kind == PRINCIPAL_NODE ? "SlipwayNode"
                                                : NULL;
    const struct iam_entity *p =
        name ? maps_find(&d->maps, IAM_POLICY, IAM_AWS_ACCOUNT, name) : NULL;

    if (p)
        add(v, iam_default_version(p)->doc, p->arn, IAM_BUILTIN, POLICY_FROM_BUILTIN);
}

static void set_boundary(struct identity *d, struct directory_view *v, const char *arn)
{
    const struct iam_entity *p = strmap_get(&d->maps.by_arn, arn);
    const struct iam_version *version = p ? iam_default_version(p) : NULL;

    v->has_boundary = true;
    v->boundary =
        (struct policy_attached){.doc = version ? policy_document_ref(version->doc) : NULL,
                                 .name = sw_strdup(arn),
                                 .origin = p ? sw_strdup_or_null(p->origin) : NULL,
                                 .kind = POLICY_FROM_BOUNDARY};
}

static struct directory_view *build(struct identity *d, const struct iam_entity *e)
{
    struct directory_view *v = SW_NEW(struct directory_view);

    atomic_init(&v->refs, 1);
    v->kind = e->kind;
    memcpy(v->id, e->id, sizeof(v->id));
    v->arn = sw_strdup(e->arn);
    v->account = sw_strdup(e->account);
    v->name = sw_strdup(e->name);
    if (e->kind == IAM_USER)
        add_built_in(d, v, e->user_kind);
    add_of(d, v, e, e->kind == IAM_USER ? POLICY_FROM_USER : POLICY_FROM_ROLE);
    for (size_t i = 0; i < e->groups.n; i++) {
        const struct iam_entity *g = strmap_get(&d->maps.by_id, e->groups.v[i]);
        if (g)
            add_of(d, v, g, POLICY_FROM_GROUP);
    }
    if (e->boundary)
        set_boundary(d, v, e->boundary);
    v->tags = sw_calloc(e->tags_n + 1, sizeof(*v->tags));
    for (size_t i = 0; i < e->tags_n; i++)
        v->tags[v->tags_n++] =
            (struct iam_tag){sw_strdup(e->tags[i].key), sw_strdup(e->tags[i].value)};
    return v;
}

static void free_attached(struct policy_attached *a)
{
    policy_document_unref((struct policy_document *)a->doc);
    free((char *)a->name);
    free((char *)a->origin);
}

void directory_view_unref(struct directory_view *v)
{
    if (!v || atomic_fetch_sub_explicit(&v->refs, 1, memory_order_acq_rel) != 1)
        return;
    for (size_t i = 0; i < v->identity_n; i++)
        free_attached(&v->identity[i]);
    free(v->identity);
    if (v->has_boundary)
        free_attached(&v->boundary);
    for (size_t i = 0; i < v->tags_n; i++) {
        free(v->tags[i].key);
        free(v->tags[i].value);
    }
    free(v->tags);
    free((char *)v->arn);
    free((char *)v->account);
    free((char *)v->name);
    free(v);
}

/* Under the read lock, so the generation stays. */
static void renew(struct identity *d, struct iam_entity *e)
{
    pthread_mutex_lock(&d->views);
    if (__atomic_load_n(&e->view_at, __ATOMIC_RELAXED) != d->generation) {
        directory_view_unref(e->view);
        e->view = build(d, e);
        __atomic_store_n(&e->view_at, d->generation, __ATOMIC_RELEASE);
    }
    pthread_mutex_unlock(&d->views);
}

struct directory_view *directory_view(struct identity *d, const char *id)
{
    struct directory_view *v = NULL;

    pthread_rwlock_rdlock(&d->lock);
    struct iam_entity *e = strmap_get(&d->maps.by_id, id);
    if (e && (e->kind == IAM_USER || e->kind == IAM_ROLE)) {
        if (__atomic_load_n(&e->view_at, __ATOMIC_ACQUIRE) != d->generation)
            renew(d, e);
        v = e->view;
        atomic_fetch_add_explicit(&v->refs, 1, memory_order_relaxed);
    }
    pthread_rwlock_unlock(&d->lock);
    return v;
}

/* ---- last uses ---- */

/* Rare (the caller sees to that), so it may have the write lock, and who reads needs no other. */
void directory_note_use(struct identity *d, const struct principal *p, const char *service,
                        const char *region, int64_t now_us)
{
    pthread_rwlock_wrlock(&d->lock);
    struct key_entry *k = strmap_get(&d->maps.keys, p->access_key_id);
    struct iam_entity *role =
        p->kind == PRINCIPAL_ROLE ? strmap_get(&d->maps.by_id, p->user_id) : NULL;
    if (k) {
        k->used = true;
        k->info.last_used_us = now_us;
        (void)snprintf(k->info.last_service, sizeof(k->info.last_service), "%s", service);
        (void)snprintf(k->info.last_region, sizeof(k->info.last_region), "%s", region);
    }
    if (role && role->kind == IAM_ROLE) {
        role->last_used_us = now_us;
        (void)snprintf(role->last_used_region, sizeof(role->last_used_region), "%s", region);
        role->used = true;
    }
    pthread_rwlock_unlock(&d->lock);
}

struct used {
    char id[IAM_ID_MAX];
    int64_t at_us;
    char service[32], region[64];
};

struct uses {
    struct used *keys, *roles;
    size_t keys_n, roles_n;
};

static void take_key(void *ctx, void *value)
{
    struct uses *u = ctx;
    struct key_entry *k = value;

    if (!k->used)
        return;
    k->used = false;
    struct used *one = &u->keys[u->keys_n++];
    one->at_us = k->info.last_used_us;
    memcpy(one->id, k->info.id, sizeof(one->id));
    memcpy(one->service, k->info.last_service, sizeof(one->service));
    memcpy(one->region, k->info.last_region, sizeof(one->region));
}

static void take_role(void *ctx, void *value)
{
    struct uses *u = ctx;
    struct iam_entity *e = value;

    if (!e->used)
        return;
    e->used = false;
    struct used *one = &u->roles[u->roles_n++];
    one->at_us = e->last_used_us;
    memcpy(one->id, e->id, sizeof(one->id));
    memcpy(one->region, e->last_used_region, sizeof(one->region));
}

static int store_uses(struct meta_tx *tx, void *arg, struct sw_err *err)
{
    const struct uses *u = arg;
    int r = 0;

    for (size_t i = 0; i < u->keys_n && r >= 0; i++)
        r = meta_exec(tx, err, NULL,
                      "UPDATE iam_access_key SET last_used_at = $2, last_used_service = $3, "
                      "last_used_region = $4 WHERE id = $1",
                      "titt", u->keys[i].id, u->keys[i].at_us, u->keys[i].service,
                      u->keys[i].region);
    for (size_t i = 0; i < u->roles_n && r >= 0; i++)
        r = meta_exec(tx, err, NULL,
                      "UPDATE iam_entity SET last_used_at = $2, last_used_region = $3 "
                      "WHERE id = $1",
                      "tit", u->roles[i].id, u->roles[i].at_us, u->roles[i].region);
    return r;
}

int directory_flush(struct identity *d, struct sw_err *err)
{
    struct uses u = {0};
    int r = 0;

    pthread_rwlock_wrlock(&d->lock);
    u.keys = sw_calloc(d->maps.keys.n + 1, sizeof(*u.keys));
    u.roles = sw_calloc(d->maps.by_id.n + 1, sizeof(*u.roles));
    strmap_each(&d->maps.keys, take_key, &u);
    strmap_each(&d->maps.by_id, take_role, &u);
    pthread_rwlock_unlock(&d->lock);
    if (u.keys_n || u.roles_n)
        r = meta_tx(d->db, META_WRITE, store_uses, &u, err);
    free(u.keys);
    free(u.roles);
    return r < 0 ? r : 0;
}
