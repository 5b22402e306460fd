/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* registry/core/blob_link.h - which repository has which blob. Bytes are shared by all; a repository sees a blob only through
 * its own link. Threads: shared freely. Expected errors: BLOB_UNKNOWN, RepositoryNotFoundException;
 * LayerInaccessibleException for what is linked but has lost its bytes (over /v2/ that is an unknown blob too). */
#include <stdbool.h>
#include <stdint.h>

#include "base/digest.h"
#include "base/err.h"
#include "registry/core/cache.h"
#include "registry/core/repo_store.h"

struct blob_link {
    char key[BLOB_KEY_MAX];
    uint64_t size;
};

/* From memory only: no row is read. */
bool blob_link_cached(struct registry *reg, struct repo *repo, const struct digest *d,
                      struct blob_link *ret);
int blob_link_find(struct registry *reg, struct repo *repo, const struct digest *d,
                   struct blob_link *ret, struct sw_err *err);
/* Bytes that vanished although linked are BLOB_UNKNOWN too. */
int blob_link_open(struct registry *reg, const struct digest *d, const struct blob_link *link,
                   int *ret_fd, struct sw_err *err);

/* The whole content of a small blob, verified against its digest when it was read; shared, and kept in memory while room lasts.
 * *ret becomes NULL when the blob is larger than BLOB_BYTES_MAX. Whether the repository has the blob is the caller's to ask. */
#define BLOB_BYTES_MAX (64 * 1024)
struct blob_bytes {
    struct cache_item item;
    size_t n;
    char *p;
};
int blob_link_bytes(struct registry *reg, const struct repo *repo, const struct digest *d,
                    const struct blob_link *link, struct blob_bytes **ret, struct sw_err *err);
void blob_bytes_unref(struct blob_bytes *b); /* NULL ok */

/* Row of the blob and the link, in one transaction. The caller holds registry_blob_lock() shared (upload.c does). */
int blob_link_add(struct registry *reg, struct repo *repo, const struct blob_info *info,
                  struct sw_err *err);
int blob_link_remove(struct registry *reg, struct repo *repo, const struct digest *d,
                     struct sw_err *err);

/* Links a blob that another repository of the same account and region has. from NULL: any that the caller may read.
 * may_read is pure and may be asked more than once. *ret_mounted false: nothing to mount, which is no error. */
typedef bool (*blob_may_read_fn)(void *ctx, const char *repository);
int blob_link_mount(struct registry *reg, struct repo *repo, const char *from,
                    const struct digest *d, blob_may_read_fn may_read, void *ctx, bool *ret_mounted,
                    struct sw_err *err);
