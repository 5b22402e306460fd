/* SPDX-License-Identifier: Apache-2.0 */
/* auth/directory_retire.c - when a user or role goes or is renamed, trust policies that name it by ARN name its unique id instead,
 * as in IAM: who gets the name later gets nothing by it. Others who keep policies do the same, see identity_on_retire(). It is done
 * before: until then the id means the same. */
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

static int rewrite(struct identity *d, const struct iam_entity *role, const struct iam_entity *gone,
                   struct sw_err *err)
{
    sw_autofree char *text = NULL;
    int r = policy_retire(role->trust, gone->arn, gone->id, &text, err);

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
        r = rewrite(d, t.roles[i], gone, err);
    free(t.roles);
    if (r == 0 && d->retire)
        r = d->retire(d->retire_ctx, gone->arn, gone->id, err);
    return r < 0 ? r : 0;
}
