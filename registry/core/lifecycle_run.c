/* SPDX-License-Identifier: Apache-2.0 */
/* registry/core/lifecycle_run.c - invariants:
 * 1. A deletion is made on a snapshot's decision only while the policy's put_at and the stamp of image_holders are those of the
 *    snapshot, in the deleting transaction itself; otherwise the decision is made again.
 * 2. In that transaction each image must still have the tags that it was judged by, and no index may need it; else it stays.
 * 3. Images go in the plan's order, so an index goes before its children.
 * 4. A policy's row names its next run; it moves on only when a run ended, well or not. */
#include "registry/core/lifecycle_run.h"

#include "base/alloc.h"
#include "base/json.h"
#include "registry/core/internal.h"
#include "registry/core/lifecycle_view.h"
#include "registry/core/pulls.h"

#define BATCH        50
#define PREVIEW_STEP 500
#define ATTEMPTS     5
#define RETRY_US     300000000LL /* after a failure */

/* --- a decision ------------------------------------------------------------------------------- */

struct decision {
    struct registry *reg;
    const struct repo *repo;
    const char *text; /* a policy to judge by; NULL: the repository's */
    struct snapshot snapshot;
    struct lifecycle_plan plan;
};

static void decision_done(struct decision *d)
{
    lifecycle_plan_done(&d->plan);
    snapshot_done(&d->snapshot);
}

static int decide_tx(struct meta_tx *tx, void *arg, struct sw_err *err)
{
    struct decision *d = arg;
    return snapshot_read(tx, d->reg, d->repo, &d->snapshot, err);
}

static int decide(struct decision *d, int64_t now_us, struct sw_err *err)
{
    struct lifecycle_policy policy;
    int r = pulls_flush(d->reg, err);
    if (r == 0)
        r = meta_tx(d->reg->o.db, META_READ_LONG, decide_tx, d, err);
    if (r < 0)
        return r;
    const char *text = d->text ? d->text : d->snapshot.policy;
    if (!text)
        return sw_fail(err, SW_ENOTFOUND, "LifecyclePolicyNotFoundException",
                       "Lifecycle policy does not exist for the repository with name '%s' in the "
                       "registry with id '%s'",
                       d->repo->name, d->repo->account);
    r = lifecycle_policy_parse(sw_str(text), &policy, err);
    if (r < 0)
        return r;
    struct lifecycle_view view = {.images = d->snapshot.images,
                                  .n = d->snapshot.n,
                                  .edges = d->snapshot.edges,
                                  .edges_n = d->snapshot.edges_n,
                                  .now_us = now_us};
    lifecycle_plan(&policy, &view, &d->plan);
    lifecycle_policy_done(&policy);
    return 0;
}

static struct lifecycle_item item_of(const struct decision *d, size_t i)
{
    const struct lifecycle_image *image = &d->snapshot.images[i];
    const struct lifecycle_decision *what = &d->plan.decisions[i];
    const struct snapshot_uses *uses = &d->snapshot.uses[i];
    bool has_because = what->why == LIFECYCLE_FOLLOWS || what->why == LIFECYCLE_HOLDS ||
                       what->why == LIFECYCLE_NEEDED;
    if (what->why == LIFECYCLE_HOLDS || what->why == LIFECYCLE_NEEDED)
        uses = &d->snapshot.uses[what->because];
    return (struct lifecycle_item){.digest = image->digest,
                                   .tags = image->tags,
                                   .tags_n = image->tags_n,
                                   .pushed_at_us = image->pushed_at_us,
                                   .rule = what->rule,
                                   .why = what->why,
                                   .because = has_because ? d->snapshot.images[what->because].digest
                                                          : NULL,
                                   .holders = (const char *const *)uses->holders,
                                   .holders_n = uses->n};
}

static void report(const struct decision *d, lifecycle_item_fn fn, void *ctx)
{
    for (size_t k = 0; k < d->plan.order_n; k++) {
        struct lifecycle_item item = item_of(d, d->plan.order[k]);
        if (fn(ctx, &item))
            return;
    }
    for (size_t i = 0; i < d->snapshot.n; i++) {
        const struct lifecycle_decision *what = &d->plan.decisions[i];
        if (what->why == LIFECYCLE_UNSELECTED || lifecycle_expires(what))
            continue;
        struct lifecycle_item item = item_of(d, i);
        if (fn(ctx, &item))
            return;
    }
}

int lifecycle_evaluate(struct registry *reg, struct repo *repo, const char *text,
                       lifecycle_item_fn fn, void *ctx, struct lifecycle_counts *ret,
                       struct sw_err *err)
{
    struct decision d = {.reg = reg, .repo = repo, .text = text};
    int r = decide(&d, registry_now(reg), err);
    if (r == 0) {
        *ret = (struct lifecycle_counts){.images = d.snapshot.n, .expiring = d.plan.order_n};
        for (size_t i = 0; i < d.snapshot.n; i++)
            ret->held += d.plan.decisions[i].why == LIFECYCLE_HELD ||
                         d.plan.decisions[i].why == LIFECYCLE_HOLDS;
        report(&d, fn, ctx);
    }
    decision_done(&d);
    return r;
}

/* --- expiry ----------------------------------------------------------------------------------- */

struct batch {
    struct decision *d;
    uint32_t images[BATCH];
    bool gone[BATCH];
    size_t n;
};

/* The tags are read by digest and name, as the snapshot has them. 1: the same; 0: others, or the image is gone. */
static int same_tags(struct meta_tx *tx, const struct decision *d,
                     const struct lifecycle_image *image, struct sw_err *err)
{
    meta_autostmt *st = NULL;
    size_t n = 0;
    bool same = true;
    int r = meta_query(
        tx, err, &st, "SELECT name FROM tag WHERE repository_id = $1 AND digest = $2 ORDER BY name",
        "it", d->repo->id, image->digest);
    while (r >= 0 && (r = meta_step(st, err)) > 0) {
        same = same && n < image->tags_n && sw_str_eq_z(meta_str(st, 0), image->tags[n]);
        n++;
    }
    return r < 0 ? r : same && n == image->tags_n;
}

static int check_basis(struct meta_tx *tx, const struct decision *d, struct sw_err *err)
{
    int64_t put_at = 0, stamp;
    int r = meta_get(tx, err, "SELECT put_at FROM lifecycle_policy WHERE repository_id = $1", "i",
                     d->repo->id, "i", &put_at);
    if (r >= 0)
        r = snapshot_stamp(tx, d->reg, &stamp, err);
    if (r < 0)
        return r;
    if (put_at != d->snapshot.put_at || stamp != d->snapshot.stamp)
        return sw_fail(err, SW_ESTALE, NULL, "the policy or the users of images changed");
    return 0;
}

static int expire_tx(struct meta_tx *tx, void *arg, struct sw_err *err)
{
    struct batch *b = arg;
    int r = check_basis(tx, b->d, err);
    for (size_t i = 0; i < b->n && r == 0; i++) {
        const struct lifecycle_image *image = &b->d->snapshot.images[b->images[i]];
        int64_t one;
        bool referenced = true;
        b->gone[i] = false;
        r = meta_get(tx, err, "SELECT 1 FROM manifest WHERE repository_id = $1 AND digest = $2",
                     "it", b->d->repo->id, image->digest, "i", &one);
        if (r > 0)
            r = same_tags(tx, b->d, image, err);
        if (r > 0)
            r = image_delete_row(tx, b->d->repo, image->digest, &referenced, err);
        b->gone[i] = r == 0 && !referenced;
    }
    return r;
}

static int expire_batch(struct batch *b, struct repo *repo, const struct lifecycle_work_options *o,
                        uint64_t *expired, struct sw_err *err)
{
    struct repo_key key = {repo->account, repo->region, repo->name};
    int r = meta_tx(b->d->reg->o.db, META_WRITE, expire_tx, b, err);
    if (r < 0)
        return r;
    repo_changed(repo, REPO_TAGS);
    repo_changed(repo, REPO_MANIFESTS);
    for (size_t i = 0; i < b->n; i++) {
        if (!b->gone[i])
            continue;
        struct lifecycle_item item = item_of(b->d, b->images[i]);
        (*expired)++;
        if (o->expired)
            o->expired(o->ctx, &key, &item);
    }
    return 0;
}

static bool cancelled(const struct lifecycle_work_options *o)
{
    return o->cancelled && atomic_load(o->cancelled);
}

static int expire(struct decision *d, struct repo *repo, const struct lifecycle_work_options *o,
                  uint64_t *expired, struct sw_err *err)
{
    struct batch b = {.d = d};
    for (size_t k = 0; k < d->plan.order_n; k++) {
        b.images[b.n++] = d->plan.order[k];
        if (b.n < BATCH && k + 1 < d->plan.order_n)
            continue;
        if (cancelled(o))
            return sw_fail(err, SW_EUNAVAILABLE, NULL, "the run was interrupted");
        int r = expire_batch(&b, repo, o, expired, err);
        if (r < 0)
            return r;
        b.n = 0;
    }
    return 0;
}

static int run_policy(struct registry *reg, struct repo *repo,
                      const struct lifecycle_work_options *o, uint64_t *expired, struct sw_err *err)
{
    int r = SW_ESTALE;
    for (int i = 0; i < ATTEMPTS && r == SW_ESTALE; i++) {
        struct decision d = {.reg = reg, .repo = repo};
        sw_err_clear(err);
        r = decide(&d, o->now_us, err);
        if (r == 0)
            r = expire(&d, repo, o, expired, err);
        decision_done(&d);
    }
    return r;
}

/* --- what is due ------------------------------------------------------------------------------ */

struct due {
    int64_t now_us, repo_id, next_us;
    char *account, *region, *name, *policy; /* owned; the policy of a preview */
    int64_t started_at, put_at;
};

static void due_done(struct due *d)
{
    free(d->account);
    free(d->region);
    free(d->name);
    free(d->policy);
    *d = (struct due){.now_us = d->now_us, .next_us = d->next_us};
}

static int preview_due_tx(struct meta_tx *tx, void *arg, struct sw_err *err)
{
    struct due *d = arg;
    due_done(d);
    return meta_get(tx, err,
                    "SELECT r.id, r.account_id, r.region, r.name, p.policy, p.started_at "
                    "FROM lifecycle_preview p JOIN repository r ON r.id = p.repository_id "
                    "WHERE p.status = 'IN_PROGRESS' ORDER BY p.started_at LIMIT 1",
                    "", "itttti", &d->repo_id, &d->account, &d->region, &d->name, &d->policy,
                    &d->started_at);
}

/* 1: due; 0: none, and next_us says when. */
static int policy_due_tx(struct meta_tx *tx, void *arg, struct sw_err *err)
{
    struct due *d = arg;
    due_done(d);
    d->next_us = INT64_MAX;
    int r = meta_get(tx, err,
                     "SELECT r.id, r.account_id, r.region, r.name, p.put_at, p.next_at "
                     "FROM lifecycle_policy p JOIN repository r ON r.id = p.repository_id "
                     "ORDER BY p.next_at LIMIT 1",
                     "", "itttii", &d->repo_id, &d->account, &d->region, &d->name, &d->put_at,
                     &d->next_us);
    return r > 0 ? d->next_us <= d->now_us : r;
}

static int open_due(struct registry *reg, const struct due *d, struct repo **ret,
                    struct sw_err *err)
{
    struct repo_key key = {d->account, d->region, d->name};
    return repo_open(reg, &key, ret, err);
}

/* --- previews --------------------------------------------------------------------------------- */

struct preview_step {
    const struct decision *d;
    const struct due *due;
    size_t from;
    const char *status; /* NULL: not the end */
    int64_t now_us;
};

static int insert_preview_image(struct meta_tx *tx, const struct preview_step *s, size_t position,
                                struct sw_err *err)
{
    struct lifecycle_item item = item_of(s->d, s->d->plan.order[position]);
    sw_autojson json_t *tags = json_array();
    for (size_t i = 0; i < item.tags_n; i++)
        (void)json_array_append_new(tags, json_string(item.tags[i]));
    sw_autofree char *text = sw_json_dump(tags);
    return meta_exec(tx, err, NULL,
                     "INSERT INTO lifecycle_preview_image "
                     "(repository_id, position, digest, tags, pushed_at, rule) "
                     "VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (repository_id, position) "
                     "DO UPDATE SET digest = excluded.digest, tags = excluded.tags, "
                     "pushed_at = excluded.pushed_at, rule = excluded.rule",
                     "iittii", s->due->repo_id, (int64_t)position, item.digest, text,
                     item.pushed_at_us, item.rule);
}

/* Nothing is written into a preview that was started anew meanwhile. */
static int preview_tx(struct meta_tx *tx, void *arg, struct sw_err *err)
{
    const struct preview_step *s = arg;
    int64_t one;
    int r = meta_get(tx, err,
                     "SELECT 1 FROM lifecycle_preview WHERE repository_id = $1 "
                     "AND started_at = $2 AND status = 'IN_PROGRESS'",
                     "ii", s->due->repo_id, s->due->started_at, "i", &one);
    if (r <= 0)
        return r;
    r = 0;
    for (size_t k = s->from; k < s->d->plan.order_n && k < s->from + PREVIEW_STEP && r == 0; k++)
        r = insert_preview_image(tx, s, k, err);
    if (r == 0 && s->status)
        r = meta_exec(tx, err, NULL,
                      "UPDATE lifecycle_preview SET status = $2, finished_at = $3, expiring = $4 "
                      "WHERE repository_id = $1",
                      "itii", s->due->repo_id, s->status, s->now_us, (int64_t)s->d->plan.order_n);
    return r;
}

static int write_preview(struct registry *reg, struct preview_step *s,
                         const struct lifecycle_work_options *o, struct sw_err *err)
{
    size_t n = s->d->plan.order_n;
    int r = 0;
    do {
        if (cancelled(o))
            return 0; /* it is still IN_PROGRESS for the next start */
        s->status = s->from + PREVIEW_STEP >= n ? "COMPLETE" : NULL;
        r = meta_tx(reg->o.db, META_WRITE, preview_tx, s, err);
        s->from += PREVIEW_STEP;
    } while (r == 0 && s->from < n);
    return r;
}

static int compute_preview(struct registry *reg, const struct due *due,
                           const struct lifecycle_work_options *o, struct sw_err *err)
{
    struct repo *repo = NULL;
    struct decision d = {.reg = reg, .text = due->policy};
    struct preview_step s = {.d = &d, .due = due, .now_us = o->now_us};
    int r = open_due(reg, due, &repo, err);
    d.repo = repo;
    if (r == 0)
        r = decide(&d, o->now_us, err);
    if (r == 0)
        r = write_preview(reg, &s, o, err);
    if (r < 0) {
        struct sw_err ignored = SW_ERR_INIT; /* then it is tried again */
        decision_done(&d);
        s.from = 0;
        s.status = "FAILED";
        (void)meta_tx(reg->o.db, META_WRITE, preview_tx, &s, &ignored);
    }
    decision_done(&d);
    repo_unref(repo);
    return r;
}

static int compute_previews(struct registry *reg, const struct lifecycle_work_options *o,
                            struct sw_err *err)
{
    for (;;) {
        struct due due = {.now_us = o->now_us};
        int r = meta_tx(reg->o.db, META_READ, preview_due_tx, &due, err);
        if (r > 0 && !cancelled(o))
            r = compute_preview(reg, &due, o, err) < 0 ? err->code : 1;
        due_done(&due);
        if (r <= 0 || cancelled(o))
            return r < 0 ? r : 0;
    }
}

struct tidy {
    int64_t before_us, latest_us;
};

/* Previews grow old; and a shorter interval in the configuration counts for policies that ran under a longer one. */
static int tidy_tx(struct meta_tx *tx, void *arg, struct sw_err *err)
{
    const struct tidy *t = arg;
    int r = meta_exec(tx, err, NULL,
                      "DELETE FROM lifecycle_preview_image WHERE repository_id IN "
                      "(SELECT repository_id FROM lifecycle_preview WHERE status = 'COMPLETE' "
                      "AND started_at < $1 AND finished_at < $1)",
                      "i", t->before_us);
    if (r == 0)
        r = meta_exec(tx, err, NULL,
                      "UPDATE lifecycle_preview SET status = 'EXPIRED' WHERE status = "
                      "'COMPLETE' AND started_at < $1 AND finished_at < $1",
                      "i", t->before_us);
    if (r == 0)
        r = meta_exec(tx, err, NULL, "UPDATE lifecycle_policy SET next_at = $1 WHERE next_at > $1",
                      "i", t->latest_us);
    return r;
}

/* --- the work --------------------------------------------------------------------------------- */

struct moved_on {
    const struct due *due;
    int64_t now_us, next_us;
    bool well;
};

static int moved_on_tx(struct meta_tx *tx, void *arg, struct sw_err *err)
{
    const struct moved_on *m = arg;
    return meta_exec(tx, err, NULL,
                     "UPDATE lifecycle_policy SET next_at = $3, evaluated_at = "
                     "CASE WHEN $4 = 1 THEN $5 ELSE evaluated_at END "
                     "WHERE repository_id = $1 AND put_at = $2",
                     "iiiii", m->due->repo_id, m->due->put_at, m->next_us, (int64_t)m->well,
                     m->now_us);
}

static int run_due(struct registry *reg, const struct due *due,
                   const struct lifecycle_work_options *o, struct sw_err *err)
{
    struct repo *repo = NULL;
    struct sw_err why = SW_ERR_INIT;
    struct repo_key key = {due->account, due->region, due->name};
    uint64_t expired = 0;
    int r = open_due(reg, due, &repo, &why);
    if (r == 0)
        r = run_policy(reg, repo, o, &expired, &why);
    repo_unref(repo);
    if (cancelled(o))
        return 0;
    if (o->ran)
        o->ran(o->ctx, &key, expired, r < 0 ? &why : NULL);
    int64_t interval = reg->lifecycle.interval_us;
    struct moved_on m = {.due = due,
                         .now_us = o->now_us,
                         .next_us = o->now_us + (r < 0 ? SW_MIN(RETRY_US, interval) : interval),
                         .well = r == 0};
    return meta_tx(reg->o.db, META_WRITE, moved_on_tx, &m, err);
}

int lifecycle_work(struct registry *reg, const struct lifecycle_work_options *o,
                   int64_t *ret_next_us, struct sw_err *err)
{
    const struct lifecycle_hooks *h = &reg->lifecycle;
    struct tidy tidy = {.before_us = o->now_us - LIFECYCLE_PREVIEW_KEEP_US,
                        .latest_us = o->now_us + SW_MAX(h->interval_us, h->delay_us)};
    *ret_next_us = INT64_MAX;
    int r = compute_previews(reg, o, err);
    if (r == 0)
        r = meta_tx(reg->o.db, META_WRITE, tidy_tx, &tidy, err);
    while (r == 0 && !cancelled(o)) {
        struct due due = {.now_us = o->now_us};
        r = meta_tx(reg->o.db, META_READ, policy_due_tx, &due, err);
        *ret_next_us = due.next_us;
        bool is_due = r > 0;
        if (is_due)
            r = run_due(reg, &due, o, err);
        due_done(&due);
        if (!is_due)
            break;
    }
    return r < 0 ? r : 0;
}
