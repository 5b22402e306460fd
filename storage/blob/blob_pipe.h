/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* storage/blob/blob_pipe.h - the bytes of an upload that its driver does not have yet. Private to storage/blob.
 * The receiving thread only copies what arrives into blocks of 1 MiB. An upload that ends within its first block is hashed and
 * written by whoever ends it, both at once when there are hardly other uploads; for a longer one a thread hashes the full blocks
 * while another hands them to the driver, in their order, so that the driver always holds a prefix of what arrived. When all blocks
 * are full the receiving thread waits for one.
 * Owns: the blocks, BLOB_PIPE_BUDGET for all uploads together. Who gets none writes and hashes by itself.
 * Blocks lie on pages as their bytes lie in the upload, so that a driver can write past the page cache.
 * Threads: belongs to the writer's thread; the helpers are invisible. */
#include "storage/blob/blob_hash.h"

#define BLOB_PIPE_BLOCK  (1024 * 1024)
#define BLOB_PIPE_BLOCKS 3  /* of one upload */
#define BLOB_PIPE_BUDGET 32 /* of all */

struct blob_pipe;

/* The driver holds `size` bytes, all of them hashed. From now on both are the pipe's, until it ends. NULL: no block is left. */
struct blob_pipe *blob_pipe_new(const struct blob_ops *ops, void *state, struct blob_hash *hash,
                                uint64_t size);
/* Fails with the driver's error, which may be that of an earlier byte. */
int blob_pipe_add(struct blob_pipe *p, const void *data, size_t n, struct sw_err *err);
/* Both end the pipe, also when they fail. finish: the driver has every byte and all are hashed. abandon: some may be lost. */
int blob_pipe_finish(struct blob_pipe *p, struct sw_err *err);
void blob_pipe_abandon(struct blob_pipe *p); /* NULL ok */
/* Gives back the memory of blocks that were not needed for a second. */
void blob_pipe_trim(void);
