/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* registry/core/fsck.h - looks at everything the registry stores: every blob's bytes against its digest, every row against the
 * bytes and the other rows, every file against the rows.
 * Promise: changes nothing, unless `quarantine` is set: then a damaged blob's bytes are moved aside (blob_quarantine) and no row is
 * touched. Pushes, pulls and deletes may go on: what looks wrong is looked at again before it is reported.
 * Cost: reads every byte once.
 * Threads: one check at a time, and no collection beside it. Expected errors: SW_EUNAVAILABLE when it was cancelled. */
#include <stdatomic.h>

#include "registry/core/registry.h"

enum fsck_kind {
    FSCK_DATABASE,          /* the database file itself is damaged */
    FSCK_BLOB_MISSING,      /* a row without bytes */
    FSCK_BLOB_SIZE,         /* bytes of another length than the row says */
    FSCK_BLOB_DAMAGED,      /* bytes of another digest */
    FSCK_BLOB_UNREADABLE,   /* the disk refuses */
    FSCK_BLOB_LINKED,       /* follows one of the four: a repository that has this blob */
    FSCK_BLOB_ROW,          /* a row that contradicts itself */
    FSCK_FILE_UNKNOWN,      /* bytes without a row that a collection should have taken */
    FSCK_MANIFEST_DAMAGED,  /* a manifest's content has another digest or length than its row */
    FSCK_MANIFEST_INVALID,  /* its content is no manifest */
    FSCK_REFERENCE_MISSING, /* it needs a blob or manifest that its repository does not have */
    FSCK_REFERENCE_ROWS, /* its content and its reference rows disagree: collection could take what it needs */
    FSCK_TAG_DANGLING, /* a tag without its manifest */
    FSCK_QUOTA_COUNT,  /* a quota's counters are not those of the rows */
    FSCK_MAX_
};
const char *fsck_kind_to_string(enum fsck_kind k); /* "blob-damaged" */

struct fsck_finding {
    enum fsck_kind kind;
    const char *digest;     /* or "" */
    const char *repository; /* or "" */
    const char *detail;     /* for people */
    bool quarantined;
};

struct fsck_options {
    int64_t now_us;
    int64_t leaked_after_us; /* a file without a row is a finding when it is older */
    int64_t settle_ms;       /* before something is looked at again; 0 when nothing else runs */
    bool quarantine;
    void (*found)(void *ctx, const struct fsck_finding *f);
    void (*progress)(void *ctx, uint64_t blobs, uint64_t bytes); /* now and then; may be NULL */
    void *ctx;
    const atomic_bool *cancelled; /* may be NULL */
};

struct fsck_counts {
    uint64_t blobs, bytes, manifests, files, findings, quarantined;
};

/* 0 when everything was looked at, whatever was found. */
int registry_fsck(struct registry *reg, const struct fsck_options *o, struct fsck_counts *ret,
                  struct sw_err *err);
