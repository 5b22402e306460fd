/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* server/maintenance.h - collection, check and backup, one after the other on a thread of their own: so nothing that must be prompt
 * waits for them, and they never run beside each other. The collection also runs by itself, on schedule.
 * An operation starts a job and returns its id; DescribeMaintenanceJob tells how far it is and pages through what it found. One job
 * may wait or run; its report is kept until the next one starts.
 * Threads: shared freely. Expected errors: ConflictException (another job is not finished), ResourceNotFoundException. */
#include <jansson.h>

#include "base/err.h"
#include "registry/core/registry.h"

struct maintenance;

struct maintenance_options {
    struct registry *registry;
    struct meta_db *db;
    struct blob_store *blobs;
    const char *data_dir;
    int64_t collect_interval_ms; /* 0: only when asked */
    int64_t collect_grace_ms;
    bool alone; /* nobody else uses the data: a check needs no second look */
    /* After a collection of the schedule or of an operator; counts NULL: it failed. May be NULL. */
    void (*collected)(void *ctx, const struct registry_collect_counts *counts, int64_t duration_us);
    void *ctx;
};

int maintenance_start(const struct maintenance_options *o, struct maintenance **ret,
                      struct sw_err *err);
/* Ends what is under way at its next step. NULL ok. */
void maintenance_stop(struct maintenance *m);

#define MAINTENANCE_ID_LEN 16

enum maintenance_kind { MAINTENANCE_COLLECT, MAINTENANCE_CHECK, MAINTENANCE_BACKUP };
struct maintenance_request {
    enum maintenance_kind kind;
    bool dry_run;     /* collect */
    bool at_once;     /* collect: without the grace period, but for what is under way */
    bool quarantine;  /* check */
    const char *path; /* backup: absolute; copied */
};
int maintenance_submit(struct maintenance *m, const struct maintenance_request *request,
                       char ret_id[MAINTENANCE_ID_LEN + 1], struct sw_err *err);

/* Fills out with JobId, Status (QUEUED, RUNNING, DONE, FAILED), Message, Counts, and Entries from number `after` on, at most a page;
 * NextEntry is what to ask for next, EntriesTotal more than the entries kept when there were too many. */
int maintenance_describe(struct maintenance *m, const char *id, int64_t after, json_t *out,
                         struct sw_err *err);
