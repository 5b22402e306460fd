/* SPDX-License-Identifier: Apache-2.0 */
/* registry/core/principal_retire.c - the names of what holds such a policy are gathered first, and each is then looked at again when
 * it is rewritten. A policy that is put meanwhile is one that was put after the user or role was gone. */
#include "registry/core/principal_retire.h"

#include <stdlib.h>

#include "auth/policy_retire.h"
#include "base/alloc.h"
#include "base/json.h"
#include "base/macros.h"
#include "registry/core/creation_template.h"
#include "registry/core/internal.h"
#include "registry/core/registry_setting.h"
#include "registry/core/repo_store.h"

struct place {
    char *account, *region, *name;
};

struct retiring {
    struct registry *reg;
    const char *arn, *id;
    const char *select; /* account, region, name, text */
    bool in_document;   /* text is a template's document */
    struct place *v;
    size_t n;
};

static void places_done(struct retiring *t)
{
    for (size_t i = 0; i < t->n; i++) {
        free(t->v[i].account);
        free(t->v[i].region);
        free(t->v[i].name);
    }
    free(SW_TAKE(t->v));
    t->n = 0;
}

static int rewritten(void *ctx, const char *text, char **ret_new, struct sw_err *err)
{
    const struct retiring *t = ctx;
    return policy_retire(text, t->arn, t->id, ret_new, err);
}

/* *ret: what of the document changes, or NULL. */
static int rewritten_document(const struct retiring *t, const json_t *document, json_t **ret,
                              struct sw_err *err)
{
    const char *policy = sw_json_str(document, "repositoryPolicy", NULL);
    sw_autofree char *text = NULL;
    int r = policy ? policy_retire(policy, t->arn, t->id, &text, err) : 0;
    *ret = NULL;
    if (r == 0 && text) {
        *ret = json_object();
        sw_json_set_str(*ret, "repositoryPolicy", text);
    }
    return r;
}

static int names_it(struct retiring *t, const char *text, bool *ret, struct sw_err *err)
{
    sw_autojson json_t *document = NULL, *changes = NULL;
    sw_autofree char *new_text = NULL;
    int r;
    if (t->in_document) {
        r = sw_json_load(sw_str(text), 32, 10000, NULL, &document, err);
        if (r == 0)
            r = rewritten_document(t, document, &changes, err);
    } else {
        r = rewritten(t, text, &new_text, err);
    }
    *ret = new_text || changes;
    return r;
}

static int find_tx(struct meta_tx *tx, void *arg, struct sw_err *err)
{
    struct retiring *t = arg;
    meta_autostmt *st = NULL;
    places_done(t);
    int r = meta_query(tx, err, &st, t->select, "");
    while (r >= 0 && (r = meta_step(st, err)) > 0) {
        sw_autofree char *text = meta_dup(st, 3);
        bool named = false;
        r = names_it(t, text, &named, err);
        if (r < 0)
            return r;
        if (!named)
            continue;
        t->v = sw_realloc_array(t->v, t->n + 1, sizeof(*t->v));
        t->v[t->n++] = (struct place){meta_dup(st, 0), meta_dup(st, 1), meta_dup(st, 2)};
    }
    return r;
}

static int in_repository(struct retiring *t, const struct place *at, struct sw_err *err)
{
    struct repo_key key = {at->account, at->region, at->name};
    return repo_update_policy(t->reg, &key, rewritten, t, err);
}

static int in_registry(struct retiring *t, const struct place *at, struct sw_err *err)
{
    struct registry_key key = {at->account, at->region};
    return registry_policy_update(t->reg, &key, rewritten, t, err);
}

static int in_template(struct retiring *t, const struct place *at, struct sw_err *err)
{
    struct registry_key key = {at->account, at->region};
    struct creation_template now = {0}, after = {0};
    sw_autojson json_t *changes = NULL;
    int r = creation_template_get(t->reg, &key, at->name, &now, err);
    if (r == 0)
        r = rewritten_document(t, now.document, &changes, err);
    if (r == 0 && changes)
        r = creation_template_update(t->reg, &key, at->name, changes, &after, err);
    creation_template_done(&now);
    creation_template_done(&after);
    return r;
}

int registry_retire_principal(struct registry *reg, const char *arn, const char *unique_id,
                              struct sw_err *err)
{
    static const struct {
        const char *select;
        int (*rewrite)(struct retiring *t, const struct place *at, struct sw_err *err);
        bool in_document;
    } kept[] = {
        {"SELECT account_id, region, name, policy FROM repository WHERE policy IS NOT NULL",
         in_repository, false},
        {"SELECT account_id, region, name, value FROM registry_setting WHERE name = "
         "'" REGISTRY_SETTING_POLICY "'",
         in_registry, false},
        {"SELECT account_id, region, prefix, document FROM creation_template", in_template, true},
    };
    int r = 0;
    for (size_t k = 0; k < SW_ARRAY_LEN(kept) && r == 0; k++) {
        SW_CLEANUP(places_done)
        struct retiring t = {.reg = reg,
                             .arn = arn,
                             .id = unique_id,
                             .select = kept[k].select,
                             .in_document = kept[k].in_document};
        r = meta_tx(reg->o.db, META_READ_LONG, find_tx, &t, err);
        for (size_t i = 0; i < t.n && r >= 0; i++) {
            r = kept[k].rewrite(&t, &t.v[i], err);
            if (r != SW_ENOTFOUND)
                continue;
            sw_err_clear(err); /* it was deleted meanwhile */
            r = 0;
        }
        r = r < 0 ? r : 0;
    }
    return r;
}
