/* SPDX-License-Identifier: Apache-2.0 */
/* auth/directory_overlay.c - objects that come from policy files: gathered, checked against each other and against those of IAM, and
 * then put in place together. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "auth/directory_internal.h"
#include "base/alloc.h"
#include "base/clock.h"
#include "base/digest.h"
#include "base/macros.h"

struct directory_overlay {
    struct strmap by_id; /* owns */
    struct strmap by_name;
};

/* The first letters say what it is; the rest is taken from a digest of the names. */
void directory_overlay_id(enum iam_kind kind, const char *account, const char *name,
                          char ret[IAM_ID_MAX])
{
    static const char *const prefixes[IAM_KIND_MAX_] = {"AIDA", "AGPA", "AROA",
                                                        "ANPA", "AIPA", "AOPA"};
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    sw_autofree char *text = sw_asprintf("%s/%s/%s", iam_kind_to_string(kind), account, name);
    struct digest digest;
    size_t n = 4;

    digest_of(DIGEST_SHA256, text, strlen(text), &digest);
    (void)snprintf(ret, IAM_ID_MAX, "%s", prefixes[kind]);
    for (; n < 21; n++)
        ret[n] = letters[digest.bytes[n] & 31];
    ret[n] = 0;
}

struct directory_overlay *directory_overlay_new(void)
{
    return SW_NEW(struct directory_overlay);
}

static void free_object(void *ctx SW_UNUSED, void *value)
{
    entity_free(value);
}

void directory_overlay_free(struct directory_overlay *o)
{
    if (!o)
        return;
    strmap_each(&o->by_id, free_object, NULL);
    strmap_done(&o->by_id);
    strmap_done(&o->by_name);
    free(o);
}

int directory_overlay_add(struct directory_overlay *o, const struct directory_new *n,
                          const char *file, struct iam_entity **ret, struct sw_err *err)
{
    struct iam_entity *e = entity_new(n, sw_now_us(), err);

    if (!e)
        return err->code;
    directory_overlay_id(n->kind, n->account, n->name, e->id);
    entity_set_str(&e->origin, file);
    char key[DIRECTORY_KEY_MAX];
    directory_name_key(n->kind, n->account, n->name, key);
    const struct iam_entity *there = strmap_get(&o->by_name, key);
    if (there) {
        entity_free(e);
        return sw_fail(err, SW_ECONFLICT, "EntityAlreadyExists",
                       "%s with name %s already exists: in %s.", entity_display(n->kind), n->name,
                       there->origin);
    }
    strmap_put(&o->by_id, e->id, e);
    strmap_put(&o->by_name, key, e);
    *ret = e;
    return 0;
}

int directory_overlay_inline(struct iam_entity *e, const char *policy, const char *document,
                             struct policy_position *ret_where, struct sw_err *err)
{
    return entity_set_inline(e, policy, document, ret_where, err);
}

void directory_overlay_attach(struct iam_entity *e, const char *policy_arn)
{
    (void)words_add(&e->policies, policy_arn);
}

void directory_overlay_join(struct iam_entity *user, const char *group_name)
{
    char id[IAM_ID_MAX];

    directory_overlay_id(IAM_GROUP, user->account, group_name, id);
    (void)words_add(&user->groups, id);
}

void directory_overlay_hold(struct iam_entity *profile, const char *role_name)
{
    char id[IAM_ID_MAX];

    directory_overlay_id(IAM_ROLE, profile->account, role_name, id);
    (void)words_add(&profile->roles, id);
}

/* ---- putting in place ---- */

struct checking {
    struct identity *d;
    struct directory_overlay *o;
    struct strmap arns; /* of the overlay's policies */
    struct sw_err *err;
};

static void note_arn(void *ctx, void *value)
{
    struct checking *c = ctx;
    struct iam_entity *e = value;

    strmap_put(&c->arns, e->arn, e);
}

static bool policy_there(const struct checking *c, const char *account, const char *arn)
{
    const struct iam_entity *p = strmap_get(&c->arns, arn);

    if (!p) {
        p = strmap_get(&c->d->maps.by_arn, arn);
        if (p && p->origin && !sw_streq(p->origin, IAM_BUILTIN))
            return false; /* of the overlay that goes */
    }
    return p && p->kind == IAM_POLICY &&
           (sw_streq(p->account, IAM_AWS_ACCOUNT) || sw_streq(p->account, account));
}

static int check_links(const struct checking *c, const struct iam_entity *e, struct sw_err *err)
{
    for (size_t i = 0; i < e->policies.n; i++)
        if (!policy_there(c, e->account, e->policies.v[i]))
            return sw_fail(err, SW_ENOTFOUND, "NoSuchEntity",
                           "%s: the attached policy %s does not exist.", e->arn, e->policies.v[i]);
    if (e->boundary && !policy_there(c, e->account, e->boundary))
        return sw_fail(err, SW_ENOTFOUND, "NoSuchEntity",
                       "%s: the permissions boundary %s does not exist.", e->arn, e->boundary);
    for (size_t i = 0; i < e->groups.n; i++)
        if (!strmap_get(&c->o->by_id, e->groups.v[i]))
            return sw_fail(err, SW_ENOTFOUND, "NoSuchEntity",
                           "%s is in a group that no policy file has.", e->arn);
    for (size_t i = 0; i < e->roles.n; i++)
        if (!strmap_get(&c->o->by_id, e->roles.v[i]))
            return sw_fail(err, SW_ENOTFOUND, "NoSuchEntity",
                           "%s holds a role that no policy file has.", e->arn);
    return 0;
}

static void check_one(void *ctx, void *value)
{
    struct checking *c = ctx;
    const struct iam_entity *e = value;

    if (c->err->code != 0)
        return;
    const struct iam_entity *there = maps_find(&c->d->maps, e->kind, e->account, e->name);
    if (there && !there->origin)
        (void)sw_fail(c->err, SW_ECONFLICT, "EntityAlreadyExists",
                      "%s with name %s already exists: it was made through IAM.",
                      entity_display(e->kind), e->name);
    else
        (void)check_links(c, e, c->err);
    if (c->err->code != 0)
        (void)sw_detail(c->err, "%s", e->origin);
}

struct leaving {
    struct iam_entity **v;
    size_t n;
};

static void note_leaving(void *ctx, void *value)
{
    struct leaving *l = ctx;
    struct iam_entity *e = value;

    if (e->origin && !sw_streq(e->origin, IAM_BUILTIN))
        l->v[l->n++] = e;
}

static void put_one(void *ctx, void *value)
{
    maps_put(ctx, value);
}

static void replace(struct identity *d, struct directory_overlay *o)
{
    struct leaving l = {0};

    pthread_rwlock_wrlock(&d->lock);
    l.v = sw_calloc(d->maps.by_id.n + 1, sizeof(*l.v));
    strmap_each(&d->maps.by_id, note_leaving, &l);
    for (size_t i = 0; i < l.n; i++)
        maps_drop(&d->maps, l.v[i]->id);
    strmap_each(&o->by_id, put_one, &d->maps);
    d->generation++;
    pthread_rwlock_unlock(&d->lock);
    strmap_done(&o->by_id);
    strmap_done(&o->by_name);
    free(l.v);
}

static bool arn_there(void *ctx, const char *arn)
{
    const struct checking *c = ctx;
    const struct iam_entity *e = strmap_get(&c->d->maps.by_arn, arn);

    return strmap_get(&c->arns, arn) || (e && !e->origin);
}

/* What leaves the files takes the trust in its name with it. Its id stays its own: it has it again when it comes back. */
static int retire(struct identity *d, struct checking *c, struct sw_err *err)
{
    struct leaving l = {.v = sw_calloc(d->maps.by_id.n + 1, sizeof(*l.v))};
    int r = 0;

    strmap_each(&d->maps.by_id, note_leaving, &l);
    for (size_t i = 0; i < l.n && r == 0; i++)
        if (!strmap_get(&c->arns, l.v[i]->arn))
            r = directory_retire(d, l.v[i], err);
    free(l.v);
    /* Those that left the files while no server ran. */
    return r < 0 ? r : directory_retire_absent(d, arn_there, c, err);
}

int directory_overlay_set(struct identity *d, struct directory_overlay *o, struct sw_err *err)
{
    struct checking c = {.d = d, .o = o, .err = err};

    pthread_mutex_lock(&d->change);
    strmap_each(&o->by_id, note_arn, &c);
    strmap_each(&o->by_id, check_one, &c);
    if (err->code == 0 && retire(d, &c, err) == 0)
        replace(d, o);
    strmap_done(&c.arns);
    pthread_mutex_unlock(&d->change);
    if (err->code != 0)
        return err->code;
    free(o);
    return 0;
}
