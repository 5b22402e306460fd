/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* registry/core/layer_upload.h - uploads in parts, as ECR's InitiateLayerUpload, UploadLayerPart and CompleteLayerUpload have them.
 * The bytes are an upload session's (upload.h); a row gives it the UUID that this API names it by, so that it survives a restart.
 * Parts come in order. Each but the last needs LAYER_PART_MIN bytes, which is looked at when the upload is completed.
 * Threads: shared freely; one request at a time uses an upload.
 * Expected errors: UploadNotFoundException (also of another repository or principal), InvalidLayerPartException,
 * LayerPartTooSmallException, EmptyUploadException, InvalidLayerException, LayerAlreadyExistsException; those of upload.h. */
#include <stdint.h>

#include "registry/core/upload.h"

#define LAYER_PART_MIN (5 * 1024 * 1024)
#define LAYER_PART_SIZE \
    (20 * 1024 * 1024) /* what clients are told to send, and the most that one part may have */
#define LAYER_UUID_LEN 36

int layer_upload_begin(struct registry *reg, struct repo *repo, const char *principal_id,
                       char ret_id[LAYER_UUID_LEN + 1], struct sw_err *err);
/* *ret_size: the bytes received so far. */
int layer_upload_find(struct registry *reg, struct repo *repo, const char *principal_id,
                      const char *id, uint64_t *ret_size, struct sw_err *err);
struct layer_part {
    const char *id; /* of the upload */
    uint64_t first;
    const void *data;
    size_t n;
};
/* *ret_size: the bytes received with the part, or without it when it was refused. */
int layer_upload_part(struct registry *reg, struct repo *repo, const char *principal_id,
                      const struct layer_part *part, uint64_t *ret_size, struct sw_err *err);
/* The upload is gone afterwards, unless it was refused for its digest, its parts or its being empty. */
int layer_upload_complete(struct registry *reg, struct repo *repo, const char *principal_id,
                          const char *id, const struct digest *expect, struct sw_err *err);
/* Rows of uploads that nobody touched since. */
int layer_upload_expire(struct registry *reg, int64_t before_us, struct sw_err *err);
