/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* registry/core/registry.h - the registry as a whole: what it is opened with, and its periodic work.
 * Owns: repositories, links from repositories to blobs, manifests, tags, open uploads; the caches in front of them.
 * Borrows: the database, the blob store, the keyring; they outlive it. Only this process may write its rows.
 * Promise: what an operation acknowledged is durable; a delete shows at once, whatever was cached.
 * Threads: a registry is shared freely. The operations are in repo_store.h, blob_link.h, manifest_store.h, tag_store.h
 * and upload.h; none of them asks who may: that is registry/api's part, before it calls them. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "auth/keyring.h"
#include "base/err.h"
#include "storage/blob/blob.h"
#include "storage/meta/meta.h"

struct registry;

struct registry_options {
    struct meta_db *db;
    struct blob_store *blobs;
    struct keyring *keyring; /* seals upload sessions into their URL */
    /* A push to a repository that does not exist makes it (if the caller may), also without a creation template. */
    bool create_on_push;
    /* Manifests may name blobs and children that are not there. A repository's own setting `allowSparseManifests` (true or
     * false, in its settings document) beats this default. */
    bool allow_sparse_manifests;
    int64_t upload_ttl_ms;        /* an upload untouched for so long may be expired; 0: 24 hours */
    uint64_t blob_max;            /* bytes of one blob; 0: 1 TiB */
    size_t cache_bytes;           /* manifests and blob links in memory; 0: 32 MiB */
    size_t uploads_per_principal; /* 0: LIMIT_UPLOADS_PER_PRINCIPAL */
    int64_t (*now_us)(void);      /* NULL: sw_now_us */
};

int registry_open(const struct registry_options *o, struct registry **ret, struct sw_err *err);
void registry_free(struct registry *reg); /* NULL ok. Uploads keep their bytes for the next start */

uint64_t registry_blob_max(const struct registry *reg);

/* Forgets everything in memory (repositories, caches, open uploads that no request is using): after a reset of the rows. */
void registry_reset_memory(struct registry *reg);

/* Drops uploads that nobody touched for upload_ttl_ms, and closes those that nobody touched for five minutes (their token opens
 * them again). Cheap; for a periodic job. */
int registry_expire_uploads(struct registry *reg, int64_t now_us, struct sw_err *err);

struct registry_collect_counts {
    uint64_t links;   /* blobs that a repository had but none of its manifests needs */
    uint64_t blobs;   /* blobs that no repository has any more */
    uint64_t files;   /* bytes that no row knows */
    uint64_t bytes;   /* of those blobs and files */
    uint64_t uploads; /* that expired */
};
/* Online collection: never stops a push or a pull, see collect.c. Only what is older than grace_us is touched. collect.h has
 * the same with choices. */
int registry_collect(struct registry *reg, int64_t now_us, int64_t grace_us,
                     struct registry_collect_counts *ret, struct sw_err *err);
