/* SPDX-License-Identifier: Apache-2.0 */
/* auth/directory_retire.c - when a user or role goes or is renamed, trust policies that name it by ARN name its unique id instead,
 * as in IAM: who gets the name later gets nothing by it. Others who keep policies do the same, see identity_on_retire(). It is done
 * before: until then the id means the same. */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "auth/directory_internal.h"
#include "auth/policy_retire.h"
#include "base/alloc.h"
#include "base/macros.h"

struct trusting {
    const char *arn;
    bool named; /* of the document at hand */
    const struct iam_entity **roles;
    size_t n;
};

static void look(void *ctx, enum policy_principal_kind kind, const char *value,
                 struct policy_position where SW_UNUSED)
{
    struct trusting *t = ctx;

    if (kind == POLICY_PRINCIPAL_ARN && strcmp(value, t->arn) == 0)
        t->named = true;
}

static void collect(void *ctx, void *value)
{
    struct trusting *t = ctx;
    const struct iam_entity *e = value;

    if (e->kind != IAM_ROLE || e->origin || sw_streq(e->arn, t->arn))
        return;
    t->named = false;
    policy_document_principals(e->trust_doc, look, t);
    if (t->named)
        t->roles[t->n++] = e;
}

static int rewrite(struct identity *d, const struct iam_entity *role, const char *arn,
                   const char *id, struct sw_err *err)
{
    sw_autofree char *text = NULL;
    int r = policy_retire(role->trust, arn, id, &text, err);

    if (r < 0 || !text)
        return r;
    struct iam_entity *changed = directory_copy(d, role);
    r = entity_set_trust(changed, text, NULL, err);
    if (r == 0)
        r = store_save(d->db, changed, NULL, err);
    if (r < 0)
        entity_free(changed);
    else
        directory_publish(d, changed);
    return r;
}

void identity_on_retire(struct identity *d, identity_retire_fn fn, void *ctx)
{
    pthread_mutex_lock(&d->change);
    d->retire = fn;
    d->retire_ctx = ctx;
    pthread_mutex_unlock(&d->change);
}

int directory_retire(struct identity *d, const struct iam_entity *gone, struct sw_err *err)
{
    struct trusting t = {.arn = gone->arn};
    int r = 0;

    if (gone->kind != IAM_USER && gone->kind != IAM_ROLE)
        return 0;
    t.roles = sw_calloc(d->maps.by_id.n + 1, sizeof(struct iam_entity *));
    strmap_each(&d->maps.by_id, collect, &t);
    for (size_t i = 0; i < t.n && r == 0; i++)
        r = rewrite(d, t.roles[i], gone->arn, gone->id, err);
    free(t.roles);
    if (r == 0 && d->retire)
        r = d->retire(d->retire_ctx, gone->arn, gone->id, err);
    return r < 0 ? r : 0;
}

/* ---- names of what policy files had ---- */

struct absent {
    const char *account;
    bool (*there)(void *ctx, const char *arn);
    void *ctx;
    char *arn; /* the first of the document at hand */
    struct iam_words roles;
};

/* The kind and name of a user or role of that account. */
static bool parse_arn(const char *arn, const char *account, enum iam_kind *ret_kind,
                      const char **ret_name)
{
    struct sw_str rest = sw_str(arn), part = {0};

    for (int i = 0; i < 5; i++)
        (void)sw_str_split(&rest, ':', &part);
    const char *slash = strrchr(arn, '/');
    if (!rest.p || !slash || !sw_str_eq_z(part, account))
        return false;
    *ret_kind = sw_str_starts_with(rest, "role/") ? IAM_ROLE : IAM_USER;
    *ret_name = slash + 1;
    return *ret_kind == IAM_ROLE || sw_str_starts_with(rest, "user/");
}

static void look_absent(void *ctx, enum policy_principal_kind kind, const char *value,
                        struct policy_position where SW_UNUSED)
{
    struct absent *a = ctx;
    enum iam_kind of;
    const char *name;

    if (!a->arn && kind == POLICY_PRINCIPAL_ARN && parse_arn(value, a->account, &of, &name) &&
        !a->there(a->ctx, value))
        a->arn = sw_strdup(value);
}

static void find_absent(struct absent *a, const struct iam_entity *role)
{
    free(SW_TAKE(a->arn));
    a->account = role->account;
    policy_document_principals(role->trust_doc, look_absent, a);
}

static void collect_absent(void *ctx, void *value)
{
    struct absent *a = ctx;
    const struct iam_entity *e = value;

    if (e->kind != IAM_ROLE || e->origin)
        return;
    find_absent(a, e);
    if (a->arn)
        (void)words_add(&a->roles, e->id);
}

static int rewrite_absent(struct identity *d, struct absent *a, const char *role_id,
                          struct sw_err *err)
{
    const struct iam_entity *role = strmap_get(&d->maps.by_id, role_id);
    char id[IAM_ID_MAX];
    enum iam_kind kind;
    const char *name;
    int r = 0;

    for (find_absent(a, role); a->arn && r == 0; find_absent(a, role)) {
        (void)parse_arn(a->arn, a->account, &kind, &name);
        directory_overlay_id(kind, a->account, name, id);
        r = rewrite(d, role, a->arn, id, err);
        role = strmap_get(&d->maps.by_id, role_id);
    }
    return r;
}

int directory_retire_absent(struct identity *d, bool (*there)(void *ctx, const char *arn),
                            void *ctx, struct sw_err *err)
{
    struct absent a = {.there = there, .ctx = ctx};
    int r = 0;

    strmap_each(&d->maps.by_id, collect_absent, &a);
    for (size_t i = 0; i < a.roles.n && r == 0; i++)
        r = rewrite_absent(d, &a, a.roles.v[i], err);
    words_clear(&a.roles);
    free(a.arn);
    return r;
}
