/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* registry/core/lifecycle_view.h - what lifecycle_plan() looks at, read from the rows of one repository and from image_holders.
 * Part of lifecycle_run.h's implementation. Threads: a snapshot belongs to one. */
#include "registry/core/internal.h"
#include "registry/core/lifecycle_run.h"

struct snapshot_uses { /* who uses an image: sentences, owned */
    char **holders;
    size_t n;
};

struct snapshot {
    char *policy;                   /* of the repository; NULL: none */
    int64_t put_at;                 /* of that policy */
    int64_t stamp;                  /* of image_holders */
    struct lifecycle_image *images; /* by digest */
    struct snapshot_uses *uses;     /* beside images */
    struct lifecycle_edge *edges;
    size_t n, images_cap, edges_n, edges_cap;
};

/* In a transaction, which may run again: forgets what was there. */
int snapshot_read(struct meta_tx *tx, const struct registry *reg, const struct repo *repo,
                  struct snapshot *s, struct sw_err *err);
void snapshot_done(struct snapshot *s);
/* The index of a digest, or s->n. */
size_t snapshot_find(const struct snapshot *s, const char *digest);
/* The stamp as of now; 0 without holders. */
int snapshot_stamp(struct meta_tx *tx, const struct registry *reg, int64_t *ret,
                   struct sw_err *err);
