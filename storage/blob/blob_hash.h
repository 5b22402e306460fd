/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* storage/blob/blob_hash.h - the running digest of an upload. Private to storage/blob.
 * Small uploads are hashed as bytes arrive. From BLOB_HASH_BESIDE bytes on a helper thread hashes
 * beside the receiving one, reading what was written back from the page cache, so that one stream
 * is bounded by the longer of the two and not by their sum. There are at most BLOB_HASH_HELPERS of
 * them; an upload that gets none goes on by itself.
 * Threads: belongs to the writer's thread; the helper is invisible. */
#include "storage/blob/blob.h"

#define BLOB_HASH_BESIDE  (4 * 1024 * 1024)
#define BLOB_HASH_HELPERS 2

struct blob_hash;

/* `state` is an upload of the driver and holds `size` bytes already, which are read when needed. */
struct blob_hash *blob_hash_new(enum digest_algorithm a, const struct blob_ops *ops, void *state,
                                uint64_t size);
/* n bytes were appended; call it after the driver has them. */
void blob_hash_add(struct blob_hash *h, const void *data, size_t n);
/* Everything added is hashed and no helper is at work. */
bool blob_hash_current(const struct blob_hash *h);
/* As add, of bytes that need not be with the driver yet, without a helper; only while current. */
void blob_hash_feed(struct blob_hash *h, const void *data, size_t n);
/* Bytes from `size` on are about to be dropped; stops the helper where it is. Call it before the driver's. */
void blob_hash_truncate(struct blob_hash *h, uint64_t size);
/* Waits until the helper, if there is one, has read everything: no more reads until the next add. */
void blob_hash_pause(struct blob_hash *h);
/* Stops the helper where it is. The digest is not to be asked for any more. */
void blob_hash_abandon(struct blob_hash *h);
/* The digest of everything added; reads what is missing. More may be added afterwards. */
int blob_hash_get(struct blob_hash *h, struct digest *ret, struct sw_err *err);
void blob_hash_free(struct blob_hash *h); /* NULL ok */
