/* SPDX-License-Identifier: Apache-2.0 */
/* registry/core/lifecycle_store.c - rows of policies and what a preview found. The next run of a policy is a time in its row, so a
 * restart forgets none. */

#include "base/alloc.h"
#include "registry/core/internal.h"
#include "registry/core/lifecycle_run.h"

void registry_set_lifecycle(struct registry *reg, const struct lifecycle_hooks *hooks)
{
    reg->lifecycle = *hooks;
}

static void wake(struct registry *reg)
{
    if (reg->lifecycle.wake)
        reg->lifecycle.wake(reg->lifecycle.wake_ctx);
}

struct policy_args {
    const struct repo *repo;
    const char *text;
    char *old; /* owned */
    int64_t now, next, evaluated_at;
};

static int fail_no_policy(const struct repo *repo, struct sw_err *err)
{
    return sw_fail(err, SW_ENOTFOUND, "LifecyclePolicyNotFoundException",
                   "Lifecycle policy does not exist for the repository with name '%s' in the "
                   "registry with id '%s'",
                   repo->name, repo->account);
}

/* put_at grows even when the clock does not. */
static int put_tx(struct meta_tx *tx, void *arg, struct sw_err *err)
{
    const struct policy_args *a = arg;
    int64_t one;
    int r =
        meta_get(tx, err, "SELECT 1 FROM repository WHERE id = $1", "i", a->repo->id, "i", &one);
    if (r <= 0)
        return r < 0 ? r : registry_fail_no_repo(err, a->repo->account, a->repo->name);
    return meta_exec(tx, err, NULL,
                     "INSERT INTO lifecycle_policy (repository_id, policy, put_at, next_at) "
                     "VALUES ($1, $2, $3, $4) ON CONFLICT (repository_id) DO UPDATE SET "
                     "policy = excluded.policy, next_at = excluded.next_at, put_at = "
                     "CASE WHEN excluded.put_at > lifecycle_policy.put_at THEN excluded.put_at "
                     "ELSE lifecycle_policy.put_at + 1 END",
                     "itii", a->repo->id, a->text, a->now, a->next);
}

int lifecycle_put(struct registry *reg, struct repo *repo, const char *text, struct sw_err *err)
{
    int64_t now = registry_now(reg);
    struct policy_args a = {
        .repo = repo, .text = text, .now = now, .next = now + reg->lifecycle.delay_us};
    int r = meta_tx(reg->o.db, META_WRITE, put_tx, &a, err);
    if (r == 0)
        wake(reg);
    return r;
}

static int get_tx(struct meta_tx *tx, void *arg, struct sw_err *err)
{
    struct policy_args *a = arg;
    free(SW_TAKE(a->old));
    int r = meta_get(tx, err,
                     "SELECT policy, COALESCE(evaluated_at, 0) FROM lifecycle_policy "
                     "WHERE repository_id = $1",
                     "i", a->repo->id, "ti", &a->old, &a->evaluated_at);
    if (r < 0)
        return r;
    return r == 0 ? fail_no_policy(a->repo, err) : 0;
}

static int delete_tx(struct meta_tx *tx, void *arg, struct sw_err *err)
{
    const struct policy_args *a = arg;
    int r = get_tx(tx, arg, err);
    return r < 0 ? r
                 : meta_exec(tx, err, NULL, "DELETE FROM lifecycle_policy WHERE repository_id = $1",
                             "i", a->repo->id);
}

static int read_policy(struct registry *reg, enum meta_mode mode, meta_fn fn, struct repo *repo,
                       char **ret_text, int64_t *ret_evaluated_at_us, struct sw_err *err)
{
    struct policy_args a = {.repo = repo};
    int r = meta_tx(reg->o.db, mode, fn, &a, err);
    if (r < 0) {
        free(a.old);
        return r;
    }
    *ret_text = a.old;
    *ret_evaluated_at_us = a.evaluated_at;
    return 0;
}

int lifecycle_get(struct registry *reg, struct repo *repo, char **ret_text,
                  int64_t *ret_evaluated_at_us, struct sw_err *err)
{
    return read_policy(reg, META_READ, get_tx, repo, ret_text, ret_evaluated_at_us, err);
}

int lifecycle_delete(struct registry *reg, struct repo *repo, char **ret_text,
                     int64_t *ret_evaluated_at_us, struct sw_err *err)
{
    return read_policy(reg, META_WRITE, delete_tx, repo, ret_text, ret_evaluated_at_us, err);
}

static int soon_tx(struct meta_tx *tx, void *arg, struct sw_err *err)
{
    const struct policy_args *a = arg;
    int64_t changed = 0;
    int r = meta_exec(tx, err, &changed,
                      "UPDATE lifecycle_policy SET next_at = $2 WHERE repository_id = $1", "ii",
                      a->repo->id, a->now);
    if (r < 0)
        return r;
    return changed == 0 ? fail_no_policy(a->repo, err) : 0;
}

int lifecycle_run_soon(struct registry *reg, struct repo *repo, struct sw_err *err)
{
    struct policy_args a = {.repo = repo, .now = registry_now(reg)};
    int r = meta_tx(reg->o.db, META_WRITE, soon_tx, &a, err);
    if (r == 0)
        wake(reg);
    return r;
}

/* --- previews --------------------------------------------------------------------------------- */

void lifecycle_preview_done(struct lifecycle_preview *p)
{
    free(p->policy);
    *p = (struct lifecycle_preview){0};
}

struct start_args {
    const struct repo *repo;
    const char *text; /* NULL: the repository's */
    char *used;       /* owned */
    int64_t now;
};

static int start_tx(struct meta_tx *tx, void *arg, struct sw_err *err)
{
    struct start_args *a = arg;
    int64_t one;
    free(SW_TAKE(a->used));
    int r = meta_get(tx, err,
                     "SELECT 1 FROM lifecycle_preview WHERE repository_id = $1 "
                     "AND status = 'IN_PROGRESS'",
                     "i", a->repo->id, "i", &one);
    if (r > 0)
        return sw_fail(err, SW_ECONFLICT, "LifecyclePolicyPreviewInProgressException",
                       "A lifecycle policy preview is in progress for the repository with name "
                       "'%s' in the registry with id '%s'",
                       a->repo->name, a->repo->account);
    if (r == 0 && a->text)
        a->used = sw_strdup(a->text);
    else if (r == 0)
        r = meta_get(tx, err, "SELECT policy FROM lifecycle_policy WHERE repository_id = $1", "i",
                     a->repo->id, "t", &a->used);
    if (r < 0)
        return r;
    if (!a->used)
        return fail_no_policy(a->repo, err);
    r = meta_exec(tx, err, NULL, "DELETE FROM lifecycle_preview WHERE repository_id = $1", "i",
                  a->repo->id);
    if (r == 0)
        r = meta_exec(tx, err, NULL,
                      "INSERT INTO lifecycle_preview (repository_id, policy, status, started_at) "
                      "SELECT id, $2, 'IN_PROGRESS', $3 FROM repository WHERE id = $1",
                      "iti", a->repo->id, a->used, a->now);
    return r;
}

int lifecycle_preview_start(struct registry *reg, struct repo *repo, const char *text,
                            char **ret_text, struct sw_err *err)
{
    struct start_args a = {.repo = repo, .text = text, .now = registry_now(reg)};
    int r = meta_tx(reg->o.db, META_WRITE, start_tx, &a, err);
    if (r < 0) {
        free(a.used);
        return r;
    }
    *ret_text = a.used;
    wake(reg);
    return 0;
}

struct read_args {
    const struct repo *repo;
    const struct lifecycle_preview_query *q;
    struct lifecycle_preview preview;
    int64_t now;
};

static int read_images(struct meta_tx *tx, const struct read_args *a, struct sw_err *err)
{
    const struct lifecycle_preview_query *q = a->q;
    meta_autostmt *st = NULL;
    int r =
        meta_query(tx, err, &st,
                   "SELECT position, digest, tags, pushed_at, rule FROM lifecycle_preview_image "
                   "WHERE repository_id = $1 AND position > $2 AND ($3 = 0 OR ($3 = 1) = "
                   "(tags <> '[]')) AND ($4 IS NULL OR digest = $4) ORDER BY position LIMIT $5",
                   "iiiti", a->repo->id, q->after, (int64_t)q->tags, q->digest, q->n);
    while (r >= 0 && (r = meta_step(st, err)) > 0) {
        sw_autofree char *digest = meta_dup(st, 1), *tags = meta_dup(st, 2);
        q->fn(q->ctx, &(struct lifecycle_preview_image){.position = meta_int(st, 0),
                                                        .digest = digest,
                                                        .tags = tags,
                                                        .pushed_at_us = meta_int(st, 3),
                                                        .rule = meta_int(st, 4)});
    }
    return r;
}

static int read_tx(struct meta_tx *tx, void *arg, struct sw_err *err)
{
    struct read_args *a = arg;
    sw_autofree char *status = NULL;
    int64_t finished_at = 0;
    lifecycle_preview_done(&a->preview);
    a->q->fn(a->q->ctx, NULL);
    int r = meta_get(tx, err,
                     "SELECT policy, status, expiring, COALESCE(finished_at, 0) "
                     "FROM lifecycle_preview WHERE repository_id = $1",
                     "i", a->repo->id, "ttii", &a->preview.policy, &status, &a->preview.expiring,
                     &finished_at);
    if (r < 0)
        return r;
    if (r == 0)
        return sw_fail(err, SW_ENOTFOUND, "LifecyclePolicyPreviewNotFoundException",
                       "Lifecycle policy preview does not exist for the repository with name '%s' "
                       "in the registry with id '%s'",
                       a->repo->name, a->repo->account);
    bool complete = sw_streq(status, "COMPLETE");
    bool old = complete && a->now - finished_at > LIFECYCLE_PREVIEW_KEEP_US;
    (void)sw_str_copy(sw_str(old ? "EXPIRED" : status), a->preview.status,
                      sizeof(a->preview.status));
    return complete && !old ? read_images(tx, a, err) : 0;
}

int lifecycle_preview_read(struct registry *reg, struct repo *repo,
                           const struct lifecycle_preview_query *q, struct lifecycle_preview *ret,
                           struct sw_err *err)
{
    struct read_args a = {.repo = repo, .q = q, .now = registry_now(reg)};
    int r = meta_tx(reg->o.db, META_READ_LONG, read_tx, &a, err);
    if (r < 0) {
        lifecycle_preview_done(&a.preview);
        return r;
    }
    *ret = a.preview;
    return 0;
}
