/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* server/backup.h - a backup is a folder with the same layout as a data folder: slipway.db, blobs/, logs/, policies/, master.key, account,
 * credentials, and backup.json, which says that it is one and when it was made.
 * Promise: the rows are those of one commit, and every blob that they name is there and was verified while it was copied. A backup
 * into the folder of an earlier one copies only blobs that are not there yet, and replaces the earlier one at once, at the end:
 * interrupted anywhere, the folder holds the earlier backup.
 * Not in it: uploads that are not finished, the log files of the server, and what an agent keeps.
 * The folder opens every door of the server: it is made 0700, its keys are 0600.
 * Threads: one backup of a folder at a time, which its lock file sees to; no collection beside it. Copies four blobs at once;
 * problem() is called by one thread at a time, not always the same.
 * Expected errors: SW_ECONFLICT (the folder is something else, or in use), SW_ELIMIT "DiskFull", SW_EUNAVAILABLE (cancelled). */
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "storage/blob/blob.h"
#include "storage/meta/meta.h"

struct backup_options {
    struct meta_db *db;
    struct blob_store *blobs;
    const char *data_dir, *to;                                        /* absolute */
    void (*problem)(void *ctx, const char *digest, const char *what); /* a blob that is not in it */
    void *ctx;
    const atomic_bool *cancelled;
};

struct backup_counts {
    uint64_t blobs, bytes;         /* that the rows name and the folder has */
    uint64_t copied, copied_bytes; /* this time */
    uint64_t removed;              /* of an earlier backup, not needed any more */
    uint64_t problems;
};

/* 0 also when some blobs were damaged or missing: see problems. */
int backup_run(const struct backup_options *o, struct backup_counts *ret, struct sw_err *err);

struct restore_options {
    const char *from, *to; /* `to` must be empty or not be there */
    bool partial;          /* go on without the blobs that are damaged or missing */
    void (*problem)(void *ctx, const char *digest, const char *what);
    void *ctx;
    const atomic_bool *cancelled;
};
/* Everything is verified while it is copied. A restore that fails takes away what it has made. */
int restore_run(const struct restore_options *o, struct backup_counts *ret, struct sw_err *err);
