/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* launcher/service/taskdef_store.h - rows of task definitions and their families. Inside a transaction of the caller. */
#include "launcher/service/launcher.h"

struct taskdef_row {
    int64_t id, revision;
    char *family, *document;
    bool active;
};
void taskdef_row_done(struct taskdef_row *r);

/* Takes the family's next number; two registrations never get the same. */
int taskdef_store_next_revision(struct meta_tx *tx, const struct launcher_caller *c,
                                const char *family, int64_t *ret_revision, struct sw_err *err);
int taskdef_store_add(struct meta_tx *tx, const struct launcher_caller *c, const char *family,
                      int64_t revision, const char *document, int64_t now_us, struct sw_err *err);
/* revision 0: the latest ACTIVE one. 1 found, 0 not. */
int taskdef_store_get(struct meta_tx *tx, const struct launcher_caller *c, const char *family,
                      int64_t revision, struct taskdef_row *ret, struct sw_err *err);
/* The document of a revision that is known to exist; owned by the caller. */
int taskdef_store_document(struct meta_tx *tx, int64_t id, json_t **ret, struct sw_err *err);
int taskdef_store_set_document(struct meta_tx *tx, int64_t id, const char *document,
                               struct sw_err *err);
int taskdef_store_mark_deleted(struct meta_tx *tx, int64_t id, const char *document,
                               struct sw_err *err);
int taskdef_store_retire(struct meta_tx *tx, int64_t id, const char *document, int64_t now_us,
                         struct sw_err *err);

struct taskdef_filter {
    const char *family; /* "": any */
    const char *status; /* ACTIVE | INACTIVE */
    bool descending;
    const char *after_family; /* "": from the start */
    int64_t after_revision;
};
/* Calls fn for each, until it returns other than 0. */
int taskdef_store_list(struct meta_tx *tx, const struct launcher_caller *c,
                       const struct taskdef_filter *f, int limit,
                       int (*fn)(void *ctx, const char *family, int64_t revision), void *ctx,
                       struct sw_err *err);
/* status: ACTIVE (some revision is), INACTIVE (none is) or ALL. */
int taskdef_store_families(struct meta_tx *tx, const struct launcher_caller *c, const char *prefix,
                           const char *status, struct launcher_page *page, json_t *names,
                           struct sw_err *err);
