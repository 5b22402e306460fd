/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* registry/core/tag_store.h - tags of a repository; setting one is part of manifest_put(). Threads: shared freely.
 * Expected errors: MANIFEST_UNKNOWN. */
#include <stdint.h>

#include "registry/core/repo_store.h"

/* Up to n tags after `last`, in byte order. fn is called with NULL first (see repo_list). */
int tag_list(struct registry *reg, struct repo *repo, const char *last, int64_t n,
             int (*fn)(void *ctx, const char *tag), void *ctx, struct sw_err *err);
/* The manifest stays. */
int tag_delete(struct registry *reg, struct repo *repo, const char *tag, struct sw_err *err);
