/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/core/tag_store.h"

#include "base/macros.h"
#include "registry/core/internal.h"

struct tag_args {
    const struct repo *repo;
    const char *text; /* the tag, or the last one of the page before */
    int64_t n;
    int (*fn)(void *ctx, const char *tag);
    void *ctx;
};

static int list_tx(struct meta_tx *tx, void *arg, struct sw_err *err)
{
    struct tag_args *a = arg;
    meta_autostmt *st = NULL;
    (void)a->fn(a->ctx, NULL);
    int r = meta_query(
        tx, err, &st,
        "SELECT name FROM tag WHERE repository_id = $1 AND name > $2 ORDER BY name LIMIT $3", "iti",
        a->repo->id, a->text, a->n);
    if (r < 0)
        return r;
    while ((r = meta_step(st, err)) > 0) {
        sw_autofree char *name = meta_dup(st, 0);
        if (a->fn(a->ctx, name))
            return 0;
    }
    return r;
}

int tag_list(struct registry *reg, struct repo *repo, const char *last, int64_t n,
             int (*fn)(void *ctx, const char *tag), void *ctx, struct sw_err *err)
{
    struct tag_args a = {repo, last, n, fn, ctx};
    int r = meta_tx(reg->o.db, META_READ_LONG, list_tx, &a, err);
    return r < 0 ? r : 0;
}

static int delete_tx(struct meta_tx *tx, void *arg, struct sw_err *err)
{
    struct tag_args *a = arg;
    int64_t changed = 0;
    int r = meta_exec(tx, err, &changed, "DELETE FROM tag WHERE repository_id = $1 AND name = $2",
                      "it", a->repo->id, a->text);
    if (r < 0)
        return r;
    if (changed == 0) {
        sw_fail(err, SW_ENOTFOUND, "MANIFEST_UNKNOWN", "tag '%s' is unknown to the repository",
                a->text);
        return sw_detail(err, "%s", a->text);
    }
    return 0;
}

int tag_delete(struct registry *reg, struct repo *repo, const char *tag, struct sw_err *err)
{
    struct tag_args a = {.repo = repo, .text = tag};
    int r = meta_tx(reg->o.db, META_WRITE, delete_tx, &a, err);
    if (r < 0)
        return r;
    repo_changed(repo, REPO_TAGS);
    return 0;
}
