/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* registry/core/lifecycle_plan.h - which images a policy expires, as a function of values.
 * Pure: no clock, no rows. The same images in another order get the same decisions. O(n log n) for n images and their edges.
 *
 * Words. An edge says that one image keeps another: an index its children, a subject what refers to it. An image is *of its own* when
 * it is named (has a tag that a person gave it), or nothing keeps it. Only images of their own are selected and counted by rules.
 * Rules, lowest number first: the first whose requirement about tags an image meets claims it; later ones count it, but never
 * expire it. A count rule expires what it claims beyond the newest `number`; a time rule what is older than `number` days.
 * Kept whatever the rules say: what is held, everything that keeps something held, and everything that something kept keeps.
 * What is not of its own goes with the last image that kept it.
 * So: nothing held goes; a second run after a first one, at the same time, expires nothing; one more hold only keeps more. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "registry/core/lifecycle_policy.h"

struct lifecycle_image {
    const char *digest; /* unique */
    const char *const *tags;
    size_t tags_n;
    bool named;                         /* a tag of it is more than a pointer to a subject */
    bool held;                          /* in use */
    int64_t pushed_at_us, pulled_at_us; /* 0: never pulled */
};

struct lifecycle_edge {
    uint32_t keeper, kept; /* indexes of images */
    bool child;            /* the keeper is an index: pulling the child is a use of it */
};

struct lifecycle_view {
    const struct lifecycle_image *images;
    size_t n; /* below UINT32_MAX */
    const struct lifecycle_edge *edges;
    size_t edges_n;
    int64_t now_us;
};

enum lifecycle_why {
    LIFECYCLE_UNSELECTED, /* no rule selects it */
    LIFECYCLE_SELECTED,   /* expires by its rule */
    LIFECYCLE_FOLLOWS,    /* expires with `because`, its last keeper; its rule is that one's */
    LIFECYCLE_HELD,       /* its rule selects it, but it is held */
    LIFECYCLE_HOLDS,      /* ... but it keeps `because`, which is held */
    LIFECYCLE_NEEDED,     /* ... but `because`, which stays, keeps it */
    LIFECYCLE_WHY_MAX_
};

struct lifecycle_decision {
    enum lifecycle_why why;
    int64_t rule;     /* priority; 0: none */
    uint32_t because; /* where `why` says so */
};
static inline bool lifecycle_expires(const struct lifecycle_decision *d)
{
    return d->why == LIFECYCLE_SELECTED || d->why == LIFECYCLE_FOLLOWS;
}

struct lifecycle_plan {
    struct lifecycle_decision *decisions; /* one per image */
    uint32_t *order; /* what expires: keepers before what they keep, oldest first */
    size_t order_n;
};

void lifecycle_plan(const struct lifecycle_policy *policy, const struct lifecycle_view *view,
                    struct lifecycle_plan *ret);
void lifecycle_plan_done(struct lifecycle_plan *plan);

/* The digest that a tag written by a client without the referrers API points to ("sha256-<hex>", also with ".sig" and the like): into
 * out, "sha256:<hex>", of LIFECYCLE_SUBJECT_MAX bytes. */
#define LIFECYCLE_SUBJECT_MAX 72
bool lifecycle_tag_subject(const char *tag, char out[LIFECYCLE_SUBJECT_MAX]);
