/* SPDX-License-Identifier: Apache-2.0 */
/* auth/directory_change.c - changes. Each is made on a copy of its object while `change` is held: begin() takes the copy, end()
 * stores it and puts it in the object's place, or throws it away when the change was refused. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "auth/directory_internal.h"
#include "base/alloc.h"
#include "base/clock.h"
#include "base/macros.h"

struct iam_entity *directory_copy(struct identity *d, const struct iam_entity *e)
{
    pthread_rwlock_wrlock(&d->lock); /* an object's view changes under the read lock */
    struct iam_entity *copy = entity_clone(e);
    pthread_rwlock_unlock(&d->lock);
    return copy;
}

/* Takes `change`. On failure it is given back. */
static int begin(struct identity *d, enum iam_kind kind, const char *account, const char *name,
                 struct iam_entity **ret, struct sw_err *err)
{
    int r = 0;

    pthread_mutex_lock(&d->change);
    const struct iam_entity *e = maps_find(&d->maps, kind, account, name);
    if (!e)
        r = directory_missing(err, kind, name);
    else if (sw_streq(e->origin, IAM_BUILTIN))
        r = sw_fail(err, SW_EDENIED, "AccessDeniedException",
                    "%s is managed by AWS and cannot be changed.", e->arn);
    else if (e->origin)
        r = sw_fail(err, SW_ECONFLICT, "UnmodifiableEntity",
                    "%s is managed by the policy file %s and cannot be changed through IAM.",
                    e->arn, e->origin);
    if (r < 0) {
        pthread_mutex_unlock(&d->change);
        return r;
    }
    *ret = directory_copy(d, e);
    return 0;
}

/* r: of the change. Gives `change` back. */
static int end(struct identity *d, struct iam_entity *e, int r, struct sw_err *err)
{
    if (r >= 0)
        r = store_save(d->db, e, NULL, err);
    if (r >= 0)
        directory_publish(d, e);
    else
        entity_free(e);
    pthread_mutex_unlock(&d->change);
    return r < 0 ? r : 0;
}

/* ---- coming and going ---- */

static int check_policy_arn(struct identity *d, const char *account, const char *arn,
                            struct sw_err *err)
{
    const struct iam_entity *p = strmap_get(&d->maps.by_arn, arn);

    if (strncmp(arn, "arn:", 4) != 0)
        return sw_fail(err, SW_EINVALID, "InvalidInput", "ARN %s is not valid.", arn);
    if (!p || p->kind != IAM_POLICY ||
        !(sw_streq(p->account, IAM_AWS_ACCOUNT) || sw_streq(p->account, account)))
        return sw_fail(err, SW_ENOTFOUND, "NoSuchEntity",
                       "Policy %s does not exist or is not attachable.", arn);
    return 0;
}

struct principals {
    struct identity *d;
    const char *account;
    struct sw_err *err;
};

/* A user or role of the role's own account must be there, or a later one of that name would be let in. */
static void check_principal(void *ctx, enum policy_principal_kind kind, const char *value,
                            struct policy_position where SW_UNUSED)
{
    struct principals *p = ctx;
    struct sw_str rest = sw_str(value), part = {0};

    if (p->err->code != 0 || kind != POLICY_PRINCIPAL_ARN)
        return;
    for (int i = 0; i < 5; i++)
        (void)sw_str_split(&rest, ':', &part);
    bool named = rest.p && (sw_str_starts_with(rest, "user/") || sw_str_starts_with(rest, "role/"));
    if (named && sw_str_eq_z(part, p->account) && !strmap_get(&p->d->maps.by_arn, value))
        (void)sw_fail(p->err, SW_EINVALID, "MalformedPolicyDocument",
                      "Invalid principal in policy: \"AWS\":\"%s\"", value);
}

static int check_trust(struct identity *d, const struct iam_entity *e, struct sw_err *err)
{
    struct principals p = {d, e->account, err};

    if (e->trust_doc)
        policy_document_principals(e->trust_doc, check_principal, &p);
    return err->code;
}

int directory_check_new(struct identity *d, const struct iam_entity *n, struct sw_err *err)
{
    const struct iam_entity *there = maps_find(&d->maps, n->kind, n->account, n->name);

    if (there)
        return there->origin && !sw_streq(there->origin, IAM_BUILTIN)
                   ? sw_fail(err, SW_ECONFLICT, "EntityAlreadyExists",
                             "%s with name %s already exists: it comes from the policy file %s.",
                             entity_display(n->kind), n->name, there->origin)
                   : sw_fail(err, SW_ECONFLICT, "EntityAlreadyExists",
                             "%s with name %s already exists.", entity_display(n->kind), n->name);
    if (directory_count(&d->maps, n->kind, n->account) >= IAM_ENTITIES_MAX)
        return sw_fail(err, SW_ELIMIT, "LimitExceeded", "Cannot exceed quota for %ssPerAccount: %d",
                       entity_display(n->kind), IAM_ENTITIES_MAX);
    int r = check_trust(d, n, err);
    return r == 0 && n->boundary ? check_policy_arn(d, n->account, n->boundary, err) : r;
}

int directory_create(struct identity *d, const struct directory_new *n, char ret_id[IAM_ID_MAX],
                     struct sw_err *err)
{
    struct iam_entity *e = entity_new(n, sw_now_us(), err);

    if (!e)
        return err->code;
    pthread_mutex_lock(&d->change);
    int r = directory_check_new(d, e, err);
    if (r == 0)
        memcpy(ret_id, e->id, IAM_ID_MAX);
    return end(d, e, r, err);
}

struct user_search {
    const char *id; /* of the group, role or an ARN of a policy */
    const struct iam_entity *found;
};

static void find_member(void *ctx, void *value)
{
    struct user_search *s = ctx;
    const struct iam_entity *e = value;

    if (iam_words_has(&e->groups, s->id) || iam_words_has(&e->roles, s->id) ||
        iam_words_has(&e->policies, s->id) || (e->boundary && sw_streq(e->boundary, s->id)))
        s->found = e;
}

/* Some object that names this one, or NULL. */
static const struct iam_entity *user_of(struct identity *d, const char *id)
{
    struct user_search s = {.id = id};

    strmap_each(&d->maps.by_id, find_member, &s);
    return s.found;
}

static void find_key(void *ctx, void *value)
{
    struct user_search *s = ctx;
    const struct key_entry *k = value;

    if (sw_streq(k->info.user_id, s->id))
        s->id = NULL;
}

static bool has_key(struct identity *d, const char *user_id)
{
    struct user_search s = {.id = user_id};

    strmap_each(&d->maps.keys, find_key, &s);
    return !s.id;
}

/* What a policy file took away with it holds nothing. */
static bool any_there(const struct iam_words *w, const struct strmap *m)
{
    for (size_t i = 0; i < w->n; i++)
        if (strmap_get(m, w->v[i]))
            return true;
    return false;
}

#define conflict(err, text) sw_fail((err), SW_ECONFLICT, "DeleteConflict", "%s", (text))

static int check_free(struct identity *d, const struct iam_entity *e, struct sw_err *err)
{
    if (e->kind == IAM_POLICY) {
        if (user_of(d, e->arn))
            return conflict(err, "Cannot delete a policy attached to entities.");
        return e->versions_n > 1
                   ? conflict(err, "This policy has more than one version. Before you delete a "
                                   "policy, you must delete the policy's versions. The default "
                                   "version is deleted with the policy.")
                   : 0;
    }
    if (any_there(&e->roles, &d->maps.by_id))
        return conflict(err,
                        "Cannot delete entity, must remove roles from instance profile first.");
    if (e->inlines_n)
        return conflict(err, "Cannot delete entity, must delete policies first.");
    if (any_there(&e->policies, &d->maps.by_arn))
        return conflict(err, "Cannot delete entity, must detach all policies first.");
    if (any_there(&e->groups, &d->maps.by_id))
        return conflict(err, "Cannot delete entity, must remove user from groups first.");
    if (e->kind == IAM_USER && has_key(d, e->id))
        return conflict(err, "Cannot delete entity, must delete access keys first.");
    if (e->kind == IAM_GROUP && user_of(d, e->id))
        return conflict(err, "Cannot delete entity, must remove users from group first.");
    if (e->kind == IAM_ROLE && user_of(d, e->id))
        return conflict(err,
                        "Cannot delete entity, must remove roles from instance profile first.");
    return 0;
}

int directory_delete(struct identity *d, enum iam_kind kind, const char *account, const char *name,
                     struct sw_err *err)
{
    struct iam_entity *e = NULL;
    int r = begin(d, kind, account, name, &e, err);

    if (r < 0)
        return r;
    r = check_free(d, e, err);
    if (r == 0)
        r = directory_retire(d, e, err);
    if (r == 0)
        r = store_delete(d->db, e, err);
    if (r == 0)
        directory_forget(d, e->id);
    entity_free(e);
    pthread_mutex_unlock(&d->change);
    return r;
}

/* ---- changing one object ---- */

static int rename_to(struct identity *d, struct iam_entity *e, const struct directory_update *u,
                     struct sw_err *err)
{
    int r = u->name ? entity_check_name(e->kind, u->name, err) : 0;

    if (r == 0 && u->path)
        r = entity_check_path(u->path, err);
    if (r < 0)
        return r;
    if (u->name) {
        const struct iam_entity *there = maps_find(&d->maps, e->kind, e->account, u->name);
        if (there && !sw_streq(there->id, e->id))
            return sw_fail(err, SW_ECONFLICT, "EntityAlreadyExists",
                           "%s with name %s already exists.", entity_display(e->kind), u->name);
        entity_set_str(&e->name, u->name);
    }
    if (u->path)
        entity_set_str(&e->path, u->path);
    entity_set_arn(e);
    /* Who is trusted stays trusted, and who gets the old name later is not. */
    const struct iam_entity *before = strmap_get(&d->maps.by_id, e->id);
    return before && !sw_streq(before->arn, e->arn) ? directory_retire(d, before, err) : 0;
}

static int apply(struct identity *d, struct iam_entity *e, const struct directory_update *u,
                 struct sw_err *err)
{
    int r = u->name || u->path ? rename_to(d, e, u, err) : 0;

    if (r == 0 && u->description)
        r = entity_check_description(u->description, err);
    if (r == 0 && u->description)
        entity_set_str(&e->description, u->description);
    if (r == 0 && u->trust)
        r = entity_set_trust(e, u->trust, NULL, err);
    if (r == 0 && u->trust)
        r = check_trust(d, e, err);
    if (r == 0 && u->max_session_s)
        r = entity_set_session(e, u->max_session_s, err);
    if (r == 0 && u->jwks)
        entity_set_str(&e->jwks, *u->jwks ? u->jwks : NULL);
    return r;
}

int directory_change(struct identity *d, enum iam_kind kind, const char *account, const char *name,
                     const struct directory_update *u, struct sw_err *err)
{
    struct iam_entity *e = NULL;
    int r = begin(d, kind, account, name, &e, err);

    return r < 0 ? r : end(d, e, apply(d, e, u, err), err);
}

int directory_put_inline(struct identity *d, enum iam_kind kind, const char *account,
                         const char *name, const char *policy, const char *document,
                         struct sw_err *err)
{
    struct iam_entity *e = NULL;
    int r = begin(d, kind, account, name, &e, err);

    return r < 0 ? r : end(d, e, entity_set_inline(e, policy, document, NULL, err), err);
}

static int remove_inline(struct iam_entity *e, const char *policy, struct sw_err *err)
{
    for (size_t i = 0; i < e->inlines_n; i++) {
        if (strcmp(e->inlines[i].name, policy) != 0)
            continue;
        free(e->inlines[i].name);
        free(e->inlines[i].text);
        policy_document_unref(e->inlines[i].doc);
        memmove(&e->inlines[i], &e->inlines[i + 1], (e->inlines_n - i - 1) * sizeof(*e->inlines));
        e->inlines_n--;
        return 0;
    }
    return sw_fail(err, SW_ENOTFOUND, "NoSuchEntity", "The %s policy with name %s cannot be found.",
                   iam_kind_to_string(e->kind), policy);
}

int directory_delete_inline(struct identity *d, enum iam_kind kind, const char *account,
                            const char *name, const char *policy, struct sw_err *err)
{
    struct iam_entity *e = NULL;
    int r = begin(d, kind, account, name, &e, err);

    return r < 0 ? r : end(d, e, remove_inline(e, policy, err), err);
}

static int attach(struct identity *d, struct iam_entity *e, const char *arn, struct sw_err *err)
{
    int r = check_policy_arn(d, e->account, arn, err);

    if (r < 0)
        return r;
    if (words_add(&e->policies, arn) && e->policies.n > IAM_ATTACHED_MAX)
        return sw_fail(err, SW_ELIMIT, "LimitExceeded", "Cannot exceed quota for PoliciesPer%s: %d",
                       entity_display(e->kind), IAM_ATTACHED_MAX);
    return 0;
}

int directory_attach(struct identity *d, enum iam_kind kind, const char *account, const char *name,
                     const char *policy_arn, struct sw_err *err)
{
    struct iam_entity *e = NULL;
    int r = begin(d, kind, account, name, &e, err);

    return r < 0 ? r : end(d, e, attach(d, e, policy_arn, err), err);
}

int directory_detach(struct identity *d, enum iam_kind kind, const char *account, const char *name,
                     const char *policy_arn, struct sw_err *err)
{
    struct iam_entity *e = NULL;
    int r = begin(d, kind, account, name, &e, err);

    if (r < 0)
        return r;
    if (!words_remove(&e->policies, policy_arn))
        r = sw_fail(err, SW_ENOTFOUND, "NoSuchEntity", "Policy %s was not found.", policy_arn);
    return end(d, e, r, err);
}

int directory_set_boundary(struct identity *d, enum iam_kind kind, const char *account,
                           const char *name, const char *policy_arn, struct sw_err *err)
{
    struct iam_entity *e = NULL;
    int r = begin(d, kind, account, name, &e, err);

    if (r < 0)
        return r;
    if (policy_arn)
        r = check_policy_arn(d, e->account, policy_arn, err);
    else if (!e->boundary)
        r = sw_fail(err, SW_ENOTFOUND, "NoSuchEntity",
                    "%s %s does not have a permissions boundary attached.", entity_display(kind),
                    name);
    if (r == 0)
        entity_set_str(&e->boundary, policy_arn);
    return end(d, e, r, err);
}

int directory_tag(struct identity *d, enum iam_kind kind, const char *account, const char *name,
                  const struct iam_tag *tags, size_t n, struct sw_err *err)
{
    struct iam_entity *e = NULL;
    int r = begin(d, kind, account, name, &e, err);

    return r < 0 ? r : end(d, e, entity_set_tags(e, tags, n, err), err);
}

int directory_untag(struct identity *d, enum iam_kind kind, const char *account, const char *name,
                    const char *const *keys, size_t n, struct sw_err *err)
{
    struct iam_entity *e = NULL;
    int r = begin(d, kind, account, name, &e, err);

    if (r < 0)
        return r;
    for (size_t i = 0; i < n; i++)
        entity_remove_tag(e, keys[i]);
    return end(d, e, 0, err);
}

/* ---- links ---- */

static int join(struct identity *d, struct iam_entity *user, const char *group, bool in,
                struct sw_err *err)
{
    const struct iam_entity *g = maps_find(&d->maps, IAM_GROUP, user->account, group);

    if (!g)
        return directory_missing(err, IAM_GROUP, group);
    if (!in)
        (void)words_remove(&user->groups, g->id);
    else if (words_add(&user->groups, g->id) && user->groups.n > IAM_GROUPS_MAX)
        return sw_fail(err, SW_ELIMIT, "LimitExceeded", "Cannot exceed quota for GroupsPerUser: %d",
                       IAM_GROUPS_MAX);
    return 0;
}

int directory_join(struct identity *d, const char *account, const char *user, const char *group,
                   bool in, struct sw_err *err)
{
    struct iam_entity *e = NULL;
    int r = begin(d, IAM_USER, account, user, &e, err);

    return r < 0 ? r : end(d, e, join(d, e, group, in, err), err);
}

static int hold(struct identity *d, struct iam_entity *profile, const char *role, bool in,
                struct sw_err *err)
{
    const struct iam_entity *e = maps_find(&d->maps, IAM_ROLE, profile->account, role);

    if (!e)
        return directory_missing(err, IAM_ROLE, role);
    if (!in)
        return words_remove(&profile->roles, e->id) ? 0 : directory_missing(err, IAM_ROLE, role);
    if (profile->roles.n)
        return sw_fail(err, SW_ELIMIT, "LimitExceeded",
                       "Cannot exceed quota for InstanceSessionsPerInstanceProfile: 1");
    (void)words_add(&profile->roles, e->id);
    return 0;
}

int directory_profile_role(struct identity *d, const char *account, const char *profile,
                           const char *role, bool in, struct sw_err *err)
{
    struct iam_entity *e = NULL;
    int r = begin(d, IAM_PROFILE, account, profile, &e, err);

    return r < 0 ? r : end(d, e, hold(d, e, role, in, err), err);
}

int directory_provider_words(struct identity *d, const char *account, const char *name,
                             enum iam_provider_list what, const char *const *words, size_t n,
                             struct sw_err *err)
{
    struct iam_entity *e = NULL;
    int r = begin(d, IAM_PROVIDER, account, name, &e, err);

    if (r < 0)
        return r;
    if (what == IAM_THUMBPRINTS)
        words_clear(&e->thumbprints);
    for (size_t i = 0; i < n; i++) {
        if (what == IAM_CLIENT_REMOVE)
            (void)words_remove(&e->clients, words[i]);
        else
            (void)words_add(what == IAM_THUMBPRINTS ? &e->thumbprints : &e->clients, words[i]);
    }
    if (e->clients.n > IAM_CLIENTS_MAX)
        r = sw_fail(err, SW_ELIMIT, "LimitExceeded",
                    "Cannot exceed quota for ClientIdsPerOpenIdConnectProvider: %d",
                    IAM_CLIENTS_MAX);
    return end(d, e, r, err);
}

/* ---- versions ---- */

int directory_add_version(struct identity *d, const char *account, const char *name,
                          const char *document, bool set_default, int64_t *ret_number,
                          struct sw_err *err)
{
    struct iam_entity *e = NULL;
    int r = begin(d, IAM_POLICY, account, name, &e, err);

    if (r < 0)
        return r;
    int64_t number = e->next_version;
    r = end(d, e, entity_add_version(e, document, set_default, sw_now_us(), NULL, err), err);
    if (r == 0)
        *ret_number = number;
    return r;
}

static int remove_version(struct iam_entity *e, int64_t number, struct sw_err *err)
{
    if (number == e->default_version)
        return conflict(err, "Cannot delete the default version of a policy.");
    for (size_t i = 0; i < e->versions_n; i++) {
        if (e->versions[i].number != number)
            continue;
        free(e->versions[i].text);
        policy_document_unref(e->versions[i].doc);
        memmove(&e->versions[i], &e->versions[i + 1],
                (e->versions_n - i - 1) * sizeof(*e->versions));
        e->versions_n--;
        e->changed_at_us = sw_now_us();
        return 0;
    }
    return sw_fail(err, SW_ENOTFOUND, "NoSuchEntity",
                   "Policy %s version v%lld does not exist or is not attachable.", e->arn,
                   (long long)number);
}

int directory_delete_version(struct identity *d, const char *account, const char *name,
                             int64_t number, struct sw_err *err)
{
    struct iam_entity *e = NULL;
    int r = begin(d, IAM_POLICY, account, name, &e, err);

    return r < 0 ? r : end(d, e, remove_version(e, number, err), err);
}

int directory_set_default_version(struct identity *d, const char *account, const char *name,
                                  int64_t number, struct sw_err *err)
{
    struct iam_entity *e = NULL;
    int r = begin(d, IAM_POLICY, account, name, &e, err);

    if (r < 0)
        return r;
    if (!iam_version_of(e, number))
        r = sw_fail(err, SW_ENOTFOUND, "NoSuchEntity",
                    "Policy %s version v%lld does not exist or is not attachable.", e->arn,
                    (long long)number);
    else if (e->default_version != number) {
        e->default_version = number;
        e->changed_at_us = sw_now_us();
    }
    return end(d, e, r, err);
}
