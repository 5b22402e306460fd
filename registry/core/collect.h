/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* registry/core/collect.h - online collection with its choices: what registry_collect() of registry.h does by default.
 * Cost: proportional to what was linked, unlinked or deleted since the last run. Only `walk_files` looks at every file.
 * Threads: one collection at a time. Expected errors: SW_EUNAVAILABLE when it was cancelled; what went until then is gone. */
#include <stdatomic.h>

#include "registry/core/registry.h"

enum collect_kind {
    COLLECT_LINK,   /* a repository has a blob that none of its manifests needs */
    COLLECT_BLOB,   /* no repository has the blob */
    COLLECT_FILE,   /* bytes without a row */
    COLLECT_UPLOAD, /* expired */
    COLLECT_MAX_
};
const char *collect_kind_to_string(enum collect_kind k);

struct collect_item {
    enum collect_kind kind;
    const char *name;       /* digest; key of a file; id of an upload */
    const char *repository; /* of a link, or NULL */
    uint64_t size;
    int64_t since_us;
    bool last_link; /* with this link the blob goes too */
};

struct collect_options {
    int64_t now_us, grace_us;
    bool dry_run;    /* nothing is changed, everything is noted */
    bool walk_files; /* look for bytes without a row; it happens anyhow when there may be some */
    void (*note)(void *ctx, const struct collect_item *item); /* what goes, or would; may be NULL */
    void *ctx;
    const atomic_bool *cancelled; /* may be NULL */
};

int registry_collect_with(struct registry *reg, const struct collect_options *o,
                          struct registry_collect_counts *ret, struct sw_err *err);
