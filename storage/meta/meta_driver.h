/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* storage/meta/meta_driver.h - what a database driver implements; for drivers and meta.c only.
 * The generic layer reads format strings, loops over rows, and asserts what callers must not do; a
 * driver runs transactions and statements and turns its errors into ours:
 *   unique or foreign key violation    SW_ECONFLICT, reason NULL
 *   disk full                          SW_ELIMIT, "DiskFull"
 *   busy, serialization failure        tried again inside tx(), then SW_EUNAVAILABLE
 *   what can never work                SW_EINTERNAL (syntax, NOT NULL, wrong parameters)
 *   anything else                      SW_EIO
 * Drivers embed the structures below as their first member. */
#include "storage/meta/meta.h"

enum meta_value_kind { META_VALUE_NULL, META_VALUE_INT, META_VALUE_TEXT, META_VALUE_BLOB };

struct meta_value {
    enum meta_value_kind kind;
    int64_t i;
    const void *p;
    size_t n;
};

#define META_PARAMETERS_MAX 32

struct meta_ops {
    const char *name;
    int (*tx)(struct meta_db *db, enum meta_mode mode, meta_fn fn, void *arg, struct sw_err *err);
    /* `copy`: values may be gone before the next step. The statement is ready to step. */
    int (*query)(struct meta_tx *tx, const char *sql, const struct meta_value *values, size_t n,
                 bool copy, struct meta_stmt **ret, struct sw_err *err);
    int (*step)(struct meta_stmt *st, struct sw_err *err); /* 1, 0, <0 as meta_step */
    int64_t (*column_int)(struct meta_stmt *st, int column);
    struct sw_str (*column_str)(struct meta_stmt *st, int column);
    bool (*column_is_null)(struct meta_stmt *st, int column);
    int64_t (*changed)(struct meta_stmt *st); /* rows, after the last step */
    bool (*is_write)(struct meta_stmt *st);
    /* Gives the statement up. An error that shows only now makes the transaction fail. */
    void (*stmt_free)(struct meta_stmt *st);
    void (*stats)(struct meta_db *db, struct meta_stats *ret);
    int (*backup)(struct meta_db *db, const char *path, struct sw_err *err);
    int (*check)(struct meta_db *db, void (*fn)(void *ctx, const char *what), void *ctx,
                 struct sw_err *err);
    void (*free)(struct meta_db *db);
};

struct meta_db {
    const struct meta_ops *ops;
};

struct meta_tx {
    const struct meta_ops *ops;
    enum meta_mode mode;
};

struct meta_stmt {
    const struct meta_ops *ops;
};
