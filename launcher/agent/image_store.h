/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* launcher/agent/image_store.h - which images are on this machine, and taking away what nobody needs.
 * An image that was pulled has a record, CONTENT/image-<hex of its manifest's digest>: its documents and layers, and, as the file's time of
 * change, when it was used last. What a record names stays. Everything else in CONTENT and among the snapshots is left over and goes,
 * except what a pull in this process holds, what a mount of this machine shows, and what is younger than the least age.
 * Promise: nothing that a task uses or a pull fetches is taken; killed at any instant, nothing that a record names is missing in part: a
 * record goes before what it names, and a snapshot by one rename.
 * Threads: shared freely. Expected errors: SW_ESTALE (a hold ended since the generation was read), SW_EIO. */
#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/digest.h"
#include "base/err.h"
#include "launcher/agent/snapshot.h"

struct image_store;
struct image_store *image_store_new(const char *content_dir, struct snapshots *s); /* borrows s */
void image_store_free(struct image_store *s); /* nothing is held any more */

/* Layers that a pull is about to look for, until it ends or its image is not needed in this form any more. */
struct image_hold;
struct image_hold *image_store_hold(struct image_store *s, const struct digest *layers, size_t n);
void image_hold_free(struct image_hold *h); /* NULL ok */
/* The image is whole: writes its record, or says that it was used now. documents: of its manifest and what it names. */
void image_store_record(struct image_hold *h, const struct digest *manifest,
                        const struct digest *documents, size_t n);

/* Grows when a hold ends. Whoever asks what tasks use reads it before, since a hold may pass to a task meanwhile. */
uint64_t image_store_generation(struct image_store *s);
struct image_cleanup {
    const json_t *used;  /* digests of manifests that tasks need: ["sha256:...", ...] */
    uint64_t generation; /* from before `used` was looked for */
    int64_t min_age_s;   /* since an image was used last */
    size_t images_max;   /* to take away, those first that were not used for longest */
};
struct image_cleaned {
    size_t images, snapshots, documents;
};
int image_store_clean(struct image_store *s, const struct image_cleanup *o,
                      struct image_cleaned *ret, struct sw_err *err);
