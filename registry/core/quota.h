/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* registry/core/quota.h - how many bytes and images a repository, or all repositories below a prefix, may have.
 * A prefix is a repository's name, a name with a slash behind it for everything below, or "*" for all of the account and region. A
 * repository may be in several quotas; each must have room.
 * What counts: the bytes of blobs, a blob that several repositories of the quota share once, and of manifests; images are
 * manifests, tagged or not. The counters are rows that change in the transaction that links or unlinks (migration 0005), so
 * they are exact at every moment and no push counts anything.
 * Promise: no transaction that makes a quota's use grow ends above its maximum; what shrinks or leaves it is always done, also when
 * the maximum was lowered below what is there.
 * Threads: shared freely. Expected errors: QuotaExceededException (readable), NoSuchEntity, InvalidParameterException. */
#include "base/digest.h"
#include "registry/core/repo_store.h"
#include "storage/meta/meta.h"

#define QUOTA_NONE (-1) /* no maximum */

struct quota {
    const char *prefix;
    int64_t bytes_max, images_max; /* or QUOTA_NONE */
    int64_t bytes_used, images_used;
};

/* Makes it, which counts what is there, or changes its maxima. */
int quota_set(struct registry *reg, const char *account, const char *region, const struct quota *q,
              struct sw_err *err);
int quota_delete(struct registry *reg, const char *account, const char *region, const char *prefix,
                 struct sw_err *err);
/* In byte order of their prefixes. fn is called with NULL first (see repo_list); non-zero stops. */
int quota_list(struct registry *reg, const char *account, const char *region,
               int (*fn)(void *ctx, const struct quota *q), void *ctx, struct sw_err *err);

/* Before bytes are read: whether so many more fit. d: a blob that a quota may have already, or NULL. Free of cost as long as there
 * is no quota at all, else a read of the repository's. */
int quota_room(struct registry *reg, const struct repo *repo, const struct digest *d,
               uint64_t bytes, struct sw_err *err);
/* The same, and what other uploads that are in memory have received for a repository of the quota needs room too; u (or NULL) is
 * the one that asks. For bytes that are still to come: what is here already may not fail for the sake of others. */
struct upload;
int quota_room_beside(struct registry *reg, const struct repo *repo, const struct upload *u,
                      const struct digest *d, uint64_t bytes, struct sw_err *err);
/* A sentence about the fullest quota of the repository that is above nine tenths, or "". */
int quota_warning(struct registry *reg, const struct repo *repo, char *out, size_t cap,
                  struct sw_err *err);
/* Counts everything again and calls fn for quotas of any account and region whose counters differ: there are none, unless somebody
 * wrote rows behind the triggers. fn is called with NULL first. */
int quota_verify(struct registry *reg, void (*fn)(void *ctx, const struct quota *q), void *ctx,
                 struct sw_err *err);

/* --- for the transactions of registry/core ------------------------------------------------------ */

#define QUOTAS_OF_REPOSITORY_MAX 136 /* a name has fewer prefixes */

struct quota_view {
    size_t n;
    struct {
        int64_t id, bytes, images;
    } q[QUOTAS_OF_REPOSITORY_MAX];
};
/* What is used before a change, and whether what grew is within its maximum after it. */
int quota_before(struct meta_tx *tx, int64_t repo_id, struct quota_view *view, struct sw_err *err);
int quota_after(struct meta_tx *tx, int64_t repo_id, const struct quota_view *view,
                struct sw_err *err);
/* Whether there are any, at the start and after a reset. */
int quota_load(struct registry *reg, struct sw_err *err);
