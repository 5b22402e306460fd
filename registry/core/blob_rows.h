/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* registry/core/blob_rows.h - all rows of blobs, a page at a time in the order of their digests. Each page is a transaction of its
 * own, so rows that come or go meanwhile may or may not be seen, and nobody waits for the walk.
 * Threads: a page belongs to one at a time. */
#include <stddef.h>
#include <stdint.h>

#include "base/digest.h"
#include "base/err.h"
#include "storage/blob/blob.h"
#include "storage/meta/meta.h"

#define BLOB_ROWS_MAX 200

struct blob_row {
    char digest[DIGEST_STRING_MAX], key[BLOB_KEY_MAX];
    int64_t size;
};

struct blob_page { /* begins as zeros */
    struct blob_row rows[BLOB_ROWS_MAX];
    size_t n;
    char after[DIGEST_STRING_MAX];
};
/* 1: the rows behind those of the page; 0: there are none. */
int blob_rows_next(struct meta_db *db, struct blob_page *page, struct sw_err *err);
