/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* registry/core/lifecycle_run.h - lifecycle policies of repositories, their previews, and the runs that expire images.
 * Owns the rows of migration 0009. Decisions are lifecycle_plan()'s, on a snapshot of one transaction; a run applies them in small
 * transactions, each of which repeats what could have changed meanwhile: the policy, who uses images, the image's tags and keepers. What
 * changed is left for the next run. So a run never takes what a push, a task definition or another policy saved at the same time.
 * The registry does not know who uses images: it asks struct image_holders, inside its own transactions.
 * Threads: lifecycle_work() on one thread; the rest shared freely.
 * Expected errors: LifecyclePolicyNotFoundException, LifecyclePolicyPreviewNotFoundException,
 * LifecyclePolicyPreviewInProgressException; those of lifecycle_policy.h. */
#include <stdatomic.h>

#include "registry/core/lifecycle_plan.h"
#include "registry/core/repo_store.h"

/* One use of an image, by tag or digest; either may be NULL, both never are. */
struct image_use {
    const char *account, *region, *repository;
    const char *tag, *digest;
    const char *holder; /* for people: "task definition arn:..." */
};
typedef int (*image_use_fn)(void *arg, const struct image_use *use); /* non-zero stops */

struct image_holders {
    /* Every use of an image of the account and region's repositories; uses of others may be among them and are ignored. */
    int (*each)(void *ctx, struct meta_tx *tx, const char *account, const char *region,
                image_use_fn fn, void *arg, struct sw_err *err);
    /* A number that is another one as soon as there may be a new use. Cheap. */
    int (*stamp)(void *ctx, struct meta_tx *tx, int64_t *ret, struct sw_err *err);
    void *ctx;
};

struct lifecycle_hooks {
    struct image_holders holders; /* each NULL: nobody uses images */
    int64_t delay_us;             /* from a put to the first run */
    int64_t interval_us;          /* from a run to the next */
    void (*wake)(void *ctx);      /* there is work for lifecycle_work(); may be NULL */
    void *wake_ctx;
};
/* Before anything else here; copied. */
void registry_set_lifecycle(struct registry *reg, const struct lifecycle_hooks *hooks);

/* --- policies --------------------------------------------------------------------------------- */

/* The text was checked by lifecycle_policy_parse(). */
int lifecycle_put(struct registry *reg, struct repo *repo, const char *text, struct sw_err *err);
/* text: owned by the caller. *ret_evaluated_at_us: 0 when it never was. */
int lifecycle_get(struct registry *reg, struct repo *repo, char **ret_text,
                  int64_t *ret_evaluated_at_us, struct sw_err *err);
int lifecycle_delete(struct registry *reg, struct repo *repo, char **ret_text,
                     int64_t *ret_evaluated_at_us, struct sw_err *err);
/* The next run is due now. */
int lifecycle_run_soon(struct registry *reg, struct repo *repo, struct sw_err *err);

/* --- evaluation ------------------------------------------------------------------------------- */

struct lifecycle_item {
    const char *digest;
    const char *const *tags;
    size_t tags_n;
    int64_t pushed_at_us, rule;
    enum lifecycle_why why;
    const char *because;        /* digest or NULL */
    const char *const *holders; /* of it or of what it keeps */
    size_t holders_n;
};
typedef int (*lifecycle_item_fn)(void *ctx, const struct lifecycle_item *item); /* non-zero stops */

struct lifecycle_counts {
    uint64_t images, expiring, held; /* held: selected, but in use */
};
/* What a run would do now: what expires in its order, then what a rule selects and stays all the same. text NULL: the repository's
 * policy. Changes nothing. */
int lifecycle_evaluate(struct registry *reg, struct repo *repo, const char *text,
                       lifecycle_item_fn fn, void *ctx, struct lifecycle_counts *ret,
                       struct sw_err *err);

/* --- previews --------------------------------------------------------------------------------- */

#define LIFECYCLE_PREVIEW_KEEP_US 86400000000LL /* then it is EXPIRED */

struct lifecycle_preview {
    char *policy; /* owned */
    char status[16];
    int64_t expiring;
};
void lifecycle_preview_done(struct lifecycle_preview *p);

/* lifecycle_work() computes it. text NULL: the repository's policy. *ret_text is owned by the caller. */
int lifecycle_preview_start(struct registry *reg, struct repo *repo, const char *text,
                            char **ret_text, struct sw_err *err);

enum lifecycle_preview_tags {
    LIFECYCLE_PREVIEW_ANY,
    LIFECYCLE_PREVIEW_TAGGED,
    LIFECYCLE_PREVIEW_UNTAGGED
};
struct lifecycle_preview_image {
    const char *digest, *tags; /* tags: JSON list */
    int64_t position, pushed_at_us, rule;
};
struct lifecycle_preview_query {
    enum lifecycle_preview_tags tags;
    const char *digest; /* only this one; NULL: all */
    int64_t after, n;   /* positions, from 0 on: after -1 is the start */
    void (*fn)(void *ctx,
               const struct lifecycle_preview_image *image); /* NULL image: from the start again */
    void *ctx;
};
/* The state, and when it is COMPLETE a page of the images. */
int lifecycle_preview_read(struct registry *reg, struct repo *repo,
                           const struct lifecycle_preview_query *q, struct lifecycle_preview *ret,
                           struct sw_err *err);

/* --- the work --------------------------------------------------------------------------------- */

struct lifecycle_work_options {
    int64_t now_us;
    const atomic_bool *cancelled; /* may be NULL */
    /* An image that expired; may be NULL. */
    void (*expired)(void *ctx, const struct repo_key *repo, const struct lifecycle_item *item);
    /* A run that ended; err NULL: well. May be NULL. */
    void (*ran)(void *ctx, const struct repo_key *repo, uint64_t expired, const struct sw_err *err);
    void *ctx;
};
/* Computes the previews that wait, then runs the policies that are due. *ret_next_us: when there is something due again (INT64_MAX:
 * never, unless woken). */
int lifecycle_work(struct registry *reg, const struct lifecycle_work_options *o,
                   int64_t *ret_next_us, struct sw_err *err);
