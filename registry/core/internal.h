/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* registry/core/internal.h - what the files of registry/core share. Nobody else includes it. */
#include <pthread.h>
#include <stdatomic.h>

#include "base/digest.h"
#include "base/macros.h"
#include "registry/core/cache.h"
#include "registry/core/lifecycle_run.h"
#include "registry/core/policy_set.h"
#include "registry/core/public.h"
#include "registry/core/registry.h"
#include "registry/core/repo_store.h"

/* What a change can make stale. */
enum repo_generation {
    REPO_TAGS,      /* a tag was set or removed */
    REPO_MANIFESTS, /* a manifest was removed */
    REPO_BLOBS,     /* a blob was unlinked */
    REPO_GENERATION_MAX_
};

struct repo {
    atomic_int refs;
    int64_t id;      /* of the row; random, never used again */
    uint64_t serial; /* of this object; never used again */
    char *account, *region, *name;
    _Atomic uint64_t generation[REPO_GENERATION_MAX_];
    pthread_mutex_t rules_lock;
    struct repo_rules *rules; /* under rules_lock; never NULL */
    struct repo *next;        /* in its bucket; under the table's lock */
    uint64_t hash;
};

static inline uint64_t repo_generation(const struct repo *repo, enum repo_generation g)
{
    return atomic_load(&((struct repo *)repo)->generation[g]);
}
/* Call after the commit and before the answer. */
static inline void repo_changed(struct repo *repo, enum repo_generation g)
{
    atomic_fetch_add(&repo->generation[g], 1);
}

/* Repositories in memory. `epoch` rises with every removal and change of rules: a row that was read before is not entered after. */
struct repo_table {
    pthread_rwlock_t lock;
    struct repo **buckets;
    size_t buckets_n, n;
    uint64_t epoch;
};
void repo_table_init(struct repo_table *t);
void repo_table_done(struct repo_table *t);
void repo_table_clear(struct repo_table *t);
/* The object of a row id if it is in memory: a new reference or NULL. */
struct repo *repo_table_by_id(struct repo_table *t, int64_t id);

/* repo_changed() for all that are in memory. */
void repo_table_changed(struct repo_table *t, enum repo_generation g);

struct upload_table;
struct upload_table *upload_table_new(void);
void upload_table_free(struct upload_table *t);
void upload_table_clear(struct upload_table *t); /* the idle ones */
size_t upload_table_count(struct upload_table *t);
/* Bytes that sessions in memory have received, by repository, but those of one upload (or NULL). Free *ret. */
struct upload;
struct upload_pending {
    int64_t repo_id;
    uint64_t bytes;
};
size_t upload_table_pending(struct upload_table *t, const struct upload *but,
                            struct upload_pending **ret);

/* pulls.c */
struct pull_table;
struct pull_table *pull_table_new(void);
void pull_table_free(struct pull_table *t);

/* The row of an image without further checks but one: *ret_referenced when an index of the repository needs it, and it stays. */
int image_delete_row(struct meta_tx *tx, const struct repo *repo, const char *digest,
                     bool *ret_referenced, struct sw_err *err);

/* Taken shared by whoever stores a blob, from before its bytes are committed until its row is; taken alone by the collector
 * from before the row goes until the bytes are gone. One lock per class of digests. */
#define BLOB_LOCKS 32

struct registry {
    struct registry_options o;
    struct cache *cache;
    struct repo_table repos;
    struct public_set publics;
    struct policy_set policies;
    atomic_bool has_quotas; /* there was one since the start: else no upload asks for room */
    struct upload_table *uploads;
    pthread_rwlock_t blob_locks[BLOB_LOCKS];
    _Atomic uint32_t *asked; /* blob_link_used_at() */
    struct pull_table *pulls;
    struct lifecycle_hooks lifecycle;
    atomic_bool
        files_may_leak; /* bytes may lie there without a row: after a start, or after a failure */
};

static inline int64_t registry_now(const struct registry *reg)
{
    return reg->o.now_us();
}
pthread_rwlock_t *registry_blob_lock(struct registry *reg, const struct digest *d);
/* The sentence that ECR and docker users know. */
int registry_fail_no_repo(struct sw_err *err, const char *account, const char *name);

/* When the blob of the repository was last asked for, or a little later, or 0. Kept in a table of times by hash, so it may be
 * another blob's time, which is younger; it forgets at a restart only. */
#define ASKED_SLOTS (1u << 18)
int64_t blob_link_used_at(struct registry *reg, int64_t repo_id, const struct digest *d);
