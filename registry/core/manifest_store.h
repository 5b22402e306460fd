/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* registry/core/manifest_store.h - manifests of a repository: their bytes, what they need, and who refers to them.
 * Promise: bytes come back as they were pushed; a push by tag is one transaction; a delete takes the tags with it.
 * Threads: shared freely. Expected errors: MANIFEST_UNKNOWN, RepositoryNotFoundException, LayersNotFoundException and
 * ReferencedImagesNotFoundException (detail: the first missing digest; manifest_put.missing has more), MANIFEST_INVALID (a
 * size that is not that of the stored content; detail: the digest), ImageTagAlreadyExistsException. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "registry/core/cache.h"
#include "registry/core/manifest_parse.h"
#include "registry/core/reference.h"
#include "registry/core/repo_store.h"

/* Immutable but for the time of its last recorded pull (pulls.h); shared. */
struct stored_manifest {
    struct cache_item item;
    _Atomic int64_t pulled_at_us;
    char digest[DIGEST_STRING_MAX]; /* as pushed */
    char *media_type;
    char *bytes;
    size_t n;
};
static inline void stored_manifest_unref(struct stored_manifest *m)
{
    if (m)
        cache_item_unref(&m->item);
}

/* From memory only; NULL when it is not there. */
struct stored_manifest *manifest_cached(struct registry *reg, struct repo *repo,
                                        const struct reference *ref);
int manifest_get(struct registry *reg, struct repo *repo, const struct reference *ref,
                 struct stored_manifest **ret, struct sw_err *err);

#define MANIFEST_MISSING_MAX 100

struct manifest_put {
    const struct manifest *manifest;
    struct sw_str bytes;
    struct digest digest;    /* of the bytes, in the algorithm of the push */
    const char *const *tags; /* valid ones; may be none */
    size_t tags_n;
    bool created;  /* out: there was no such manifest */
    bool retagged; /* out: some tag is new or moved */
    /* out: with LayersNotFoundException and ReferencedImagesNotFoundException, which of manifest->refs are not there; each
     * digest once, the first MANIFEST_MISSING_MAX of them. Else 0. */
    size_t missing[MANIFEST_MISSING_MAX], missing_n;
};
int manifest_put(struct registry *reg, struct repo *repo, struct manifest_put *put,
                 struct sw_err *err);
/* With all its tags. */
int manifest_delete(struct registry *reg, struct repo *repo, const struct digest *d,
                    struct sw_err *err);

/* A page of the manifests whose subject is d, in digest order. fn is called with NULL first (see repo_list). */
struct referrer {
    const char *digest, *media_type, *artifact_type,
        *annotations; /* the last two may be NULL; annotations is JSON text */
    int64_t size;
};
int manifest_referrers(struct registry *reg, struct repo *repo, const struct digest *subject,
                       const char *last, int64_t n, int (*fn)(void *ctx, const struct referrer *r),
                       void *ctx, struct sw_err *err);

/* ECR's view. */
struct image_info {
    char *digest, *media_type, *artifact_type, *subject; /* owned; the last two may be NULL */
    int64_t image_size, pushed_at_us, pulled_at_us;      /* pulled: 0 when it never was */
    char **tags;                                         /* owned, in byte order */
    size_t tags_n;
};
void image_info_done(struct image_info *i);

enum image_tag_status { IMAGE_ANY, IMAGE_TAGGED, IMAGE_UNTAGGED };

int image_describe(struct registry *reg, struct repo *repo, const struct reference *ref,
                   struct image_info *ret, struct sw_err *err);
/* Images with digests after `last`, in digest order; an array that the caller frees with image_list_free(). */
int image_list(struct registry *reg, struct repo *repo, enum image_tag_status status,
               const char *last, int64_t n, struct image_info **ret, size_t *ret_n,
               struct sw_err *err);
void image_list_free(struct image_info *list, size_t n);

enum image_delete_result {
    IMAGE_DELETED,
    IMAGE_NOT_FOUND,
    IMAGE_TAG_MISMATCH,
    IMAGE_REFERENCED, /* by an index of the repository */
};
/* ECR's rule: a tag goes alone unless it was the image's last one; a digest takes all tags with it. digest or tag may be NULL.
 * *ret: the image's digest and the tags that went, valid when IMAGE_DELETED. */
int image_delete(struct registry *reg, struct repo *repo, const char *digest, const char *tag,
                 enum image_delete_result *ret_result, struct image_info *ret, struct sw_err *err);
