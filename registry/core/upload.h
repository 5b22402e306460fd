/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* registry/core/upload.h - uploads in progress.
 * An upload belongs to a repository and a principal; its token (a path segment) is the id of its bytes and a seal over both
 * owners, so no row is written for it: after a restart the seal proves whose the bytes are, and they go on where they stopped.
 * A token of another repository or principal is as unknown as one that never was (CVE-2026-32589).
 * Holding: upload_begin() and upload_acquire() give an upload to one request alone, upload_release() gives it back. A holder that
 * has been quiet for two seconds loses it to the owner's next request: its connection may be dead, and who comes again knows it.
 * Threads: the table is shared freely, a handle belongs to one thread at a time.
 * Expected errors: BLOB_UPLOAD_UNKNOWN, ConflictException (another request holds it), TOOMANYREQUESTS, DIGEST_INVALID,
 * RequestEntityTooLarge, DiskFull. */
#include <stdint.h>

#include "base/digest.h"
#include "base/err.h"
#include "registry/core/blob_link.h"

#define UPLOAD_TOKEN_MAX 160

struct upload;

/* A new one, held. once: it serves this request only (bytes and digest come together): it has no token, is not in the table and
 * is dropped on release. repo may be NULL then. */
int upload_begin(struct registry *reg, const struct repo *repo, const char *principal_id,
                 enum digest_algorithm hint, bool once, struct upload **ret, struct sw_err *err);
/* After a restart the first request re-reads the bytes to continue the hash. */
int upload_acquire(struct registry *reg, const struct repo *repo, const char *principal_id,
                   const char *token, struct upload **ret, struct sw_err *err);
/* Bytes held, also while another request appends (then: those before it began). */
int upload_status(struct registry *reg, const struct repo *repo, const char *principal_id,
                  const char *token, uint64_t *ret_size, struct sw_err *err);
void upload_release(struct upload *u); /* NULL ok */

const char *upload_token(const struct upload *u);
uint64_t upload_size(const struct upload *u);
int upload_append(struct upload *u, const void *data, size_t n, struct sw_err *err);
/* Call it before the client is told how much arrived: from then on the bytes outlive this process. Waits for the disk. */
int upload_flush(struct upload *u, struct sw_err *err);
/* Should this holder be cut off, the bytes it appended stay; else they go with it. */
void upload_keep_partial(struct upload *u);
/* The bytes from `size` on are to be forgotten; done at the next use. */
void upload_rollback(struct upload *u, uint64_t size);
/* Verifies, makes durable, links to repo. On DIGEST_INVALID the bytes stay. */
int upload_commit(struct upload *u, struct repo *repo, const struct digest *expect,
                  struct blob_info *ret, struct sw_err *err);
int upload_cancel(struct upload *u, struct sw_err *err); /* then release */
