/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* registry/core/usage.h - how much is stored, for operators. Reads every link row, so callers keep the answer for a while.
 * A blob that several repositories have counts in each of them, and once in the totals. */
#include "registry/core/registry.h"

struct registry_repo_usage {
    const char *account, *region, *name; /* borrowed during the call */
    uint64_t blobs, blob_bytes;          /* layers and configurations that it links */
    uint64_t manifests, manifest_bytes, tags;
};

struct registry_totals {
    uint64_t repositories;
    uint64_t blobs, blob_bytes; /* each once, those that await collection too */
};

uint64_t registry_uploads_open(struct registry *reg); /* sessions in memory at this moment; cheap */

typedef void (*registry_usage_fn)(void *ctx, const struct registry_repo_usage *u);
/* Calls fn for the `max` repositories with the most bytes, the largest first, all seen at one moment. fn is called under a read
 * transaction: it only copies; NULL as `u` says that what came before is void and starts again. */
int registry_usage(struct registry *reg, int64_t max, registry_usage_fn fn, void *ctx,
                   struct registry_totals *ret, struct sw_err *err);
