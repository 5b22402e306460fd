/* SPDX-License-Identifier: Apache-2.0 */
#include "launcher/service/taskdef_store.h"

#include "base/alloc.h"
#include "base/macros.h"
#include "launcher/service/service.h"

void taskdef_row_done(struct taskdef_row *r)
{
    free(r->family);
    free(r->document);
    *r = (struct taskdef_row){.id = 0};
}

int taskdef_store_next_revision(struct meta_tx *tx, const struct launcher_caller *c,
                                const char *family, int64_t *ret_revision, struct sw_err *err)
{
    int r = meta_get(tx, err,
                     "INSERT INTO task_family (account_id, region, family, last_revision)"
                     " VALUES ($1, $2, $3, 1)"
                     " ON CONFLICT (account_id, region, family)"
                     " DO UPDATE SET last_revision = task_family.last_revision + 1"
                     " RETURNING last_revision",
                     "ttt", c->account, c->region, family, "i", ret_revision);
    return r < 0 ? r : 0;
}

int taskdef_store_add(struct meta_tx *tx, const struct launcher_caller *c, const char *family,
                      int64_t revision, const char *document, int64_t now_us, struct sw_err *err)
{
    return meta_exec(tx, err, NULL,
                     "INSERT INTO task_definition"
                     " (account_id, region, family, revision, status, document, registered_at)"
                     " VALUES ($1, $2, $3, $4, 'ACTIVE', $5, $6)",
                     "tttiti", c->account, c->region, family, revision, document, now_us);
}

int taskdef_store_get(struct meta_tx *tx, const struct launcher_caller *c, const char *family,
                      int64_t revision, struct taskdef_row *ret, struct sw_err *err)
{
    int64_t active = 0;
    int r;
    if (revision)
        r = meta_get(tx, err,
                     "SELECT id, revision, family, document, status = 'ACTIVE' FROM task_definition"
                     " WHERE account_id = $1 AND region = $2 AND family = $3 AND revision = $4",
                     "ttti", c->account, c->region, family, revision, "iitti", &ret->id,
                     &ret->revision, &ret->family, &ret->document, &active);
    else
        r = meta_get(tx, err,
                     "SELECT id, revision, family, document, 1 FROM task_definition"
                     " WHERE account_id = $1 AND region = $2 AND family = $3 AND status = 'ACTIVE'"
                     " ORDER BY revision DESC LIMIT 1",
                     "ttt", c->account, c->region, family, "iitti", &ret->id, &ret->revision,
                     &ret->family, &ret->document, &active);
    if (r > 0)
        ret->active = active != 0;
    return r;
}

int taskdef_store_document(struct meta_tx *tx, int64_t id, json_t **ret, struct sw_err *err)
{
    sw_autofree char *text = NULL;
    int r = meta_get(tx, err, "SELECT document FROM task_definition WHERE id = $1", "i", id, "t",
                     &text);
    if (r == 0)
        return sw_fail(err, SW_EINTERNAL, NULL, "task definition row %lld is missing",
                       (long long)id);
    return r < 0 ? r : service_document(text, ret, err);
}

int taskdef_store_set_document(struct meta_tx *tx, int64_t id, const char *document,
                               struct sw_err *err)
{
    return meta_exec(tx, err, NULL, "UPDATE task_definition SET document = $2 WHERE id = $1", "it",
                     id, document);
}

int taskdef_store_retire(struct meta_tx *tx, int64_t id, const char *document, int64_t now_us,
                         struct sw_err *err)
{
    return meta_exec(tx, err, NULL,
                     "UPDATE task_definition SET status = 'INACTIVE', document = $2,"
                     " deregistered_at = $3 WHERE id = $1",
                     "iti", id, document, now_us);
}

int taskdef_store_mark_deleted(struct meta_tx *tx, int64_t id, const char *document,
                               struct sw_err *err)
{
    return meta_exec(tx, err, NULL,
                     "UPDATE task_definition SET status = 'DELETE_IN_PROGRESS', document = $2"
                     " WHERE id = $1",
                     "it", id, document);
}

#define LIST_WHERE                                                                       \
    "SELECT family, revision FROM task_definition WHERE account_id = $1 AND region = $2" \
    " AND status = $3 AND ($4 = '' OR family = $4)"

int taskdef_store_list(struct meta_tx *tx, const struct launcher_caller *c,
                       const struct taskdef_filter *f, int limit,
                       int (*fn)(void *ctx, const char *family, int64_t revision), void *ctx,
                       struct sw_err *err)
{
    static const char ascending[] =
        LIST_WHERE " AND ($5 = '' OR family > $5 OR (family = $5 AND revision > $6))"
                   " ORDER BY family, revision LIMIT $7";
    static const char descending[] =
        LIST_WHERE " AND ($5 = '' OR family < $5 OR (family = $5 AND revision < $6))"
                   " ORDER BY family DESC, revision DESC LIMIT $7";
    meta_autostmt *st = NULL;
    int r = meta_query(tx, err, &st, f->descending ? descending : ascending, "tttttii", c->account,
                       c->region, f->status, f->family, f->after_family, f->after_revision,
                       (int64_t)limit);
    if (r < 0)
        return r;
    while ((r = meta_step(st, err)) > 0) {
        sw_autofree char *family = meta_dup(st, 0);
        if (fn(ctx, family, meta_int(st, 1)) != 0)
            return 0;
    }
    return r;
}

int taskdef_store_families(struct meta_tx *tx, const struct launcher_caller *c, const char *prefix,
                           const char *status, struct launcher_page *page, json_t *names,
                           struct sw_err *err)
{
    meta_autostmt *st = NULL;
    int r = meta_query(
        tx, err, &st,
        "SELECT family FROM task_family f WHERE account_id = $1 AND region = $2 AND family > $3"
        " AND substr(family, 1, $4) = $5 AND ($6 = 'ALL' OR ($6 = 'ACTIVE') = EXISTS"
        " (SELECT 1 FROM task_definition d WHERE d.account_id = f.account_id"
        " AND d.region = f.region AND d.family = f.family AND d.status = 'ACTIVE'))"
        " ORDER BY family LIMIT $7",
        "tttitti", c->account, c->region, page->after, (int64_t)strlen(prefix), prefix, status,
        (int64_t)page->limit + 1);
    return r < 0 ? r : service_page_rows(st, page, names, err);
}
