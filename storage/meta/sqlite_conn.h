/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* storage/meta/sqlite_conn.h - one SQLite connection: statements, errors, pragmas. Private to the
 * SQLite driver.
 * Threads: one at a time. Statements are cached by their text, at most CONN_CACHE_MAX of them.
 * Errors as meta_driver.h maps them; besides, conn_was_busy() says that trying again helps. */
#include <stdbool.h>
#include <stddef.h>

#include "storage/meta/meta_driver.h"

#define CONN_CACHE_MAX 256

struct conn;

enum conn_role { CONN_WRITER, CONN_READER };

/* The transaction object of this connection is what meta functions get. */
int conn_open(const char *path, enum conn_role role, const struct meta_ops *ops, struct conn **ret,
              struct sw_err *err);
/* The two halves of conn_open. After the first the file's log is open, so that another connection waits for nothing; reading the
 * schema, most of the time that it takes, is in the second. */
int conn_attach(const char *path, enum conn_role role, const struct meta_ops *ops,
                struct conn **ret, struct sw_err *err);
int conn_set_up(struct conn *c, struct sw_err *err);
void conn_free(struct conn *c); /* NULL ok */

/* Runs fn as part of the open transaction and adds what its statements failed with unnoticed. */
int conn_call(struct conn *c, meta_fn fn, void *arg, struct sw_err *err);
/* BEGIN, SAVEPOINT and the like: one statement without parameters. */
int conn_control(struct conn *c, const char *sql, struct sw_err *err);
int conn_commit(struct conn *c, struct sw_err *err); /* rolled back if it fails */
/* Ends the transaction if there is still one. It cannot fail in a way that matters: SQLite has then
 * ended it itself. */
void conn_rollback(struct conn *c);
/* Several statements, uncached. */
int conn_script(struct conn *c, const char *sql, struct sw_err *err);
/* False once SQLite has rolled back by itself, as it does on a full disk. */
bool conn_in_tx(const struct conn *c);
/* The last error was a lock held by somebody else. */
bool conn_was_busy(const struct conn *c);

/* Pages in the write-ahead log that the last commit left. */
size_t conn_log_pages(const struct conn *c);
/* Moves what can be moved without waiting for readers. False if it failed: the log stays and grows
 * until it works. */
bool conn_checkpoint(struct conn *c);

/* The database as this connection sees it, into the empty file `path`, synced. */
int conn_backup(struct conn *c, const char *path, struct sw_err *err);

/* Applies what is missing of list, sorted by number; refuses a database with a number beyond the
 * last. In sqlite_tx.c. */
int meta_sqlite_migrate(struct conn *c, const struct meta_migration *list, size_t n,
                        struct sw_err *err);

/* Slots of struct meta_ops. */
int conn_query(struct meta_tx *tx, const char *sql, const struct meta_value *values, size_t n,
               bool copy, struct meta_stmt **ret, struct sw_err *err);
int conn_step(struct meta_stmt *st, struct sw_err *err);
int64_t conn_column_int(struct meta_stmt *st, int column);
struct sw_str conn_column_str(struct meta_stmt *st, int column);
bool conn_column_is_null(struct meta_stmt *st, int column);
int64_t conn_changed(struct meta_stmt *st);
bool conn_is_write(struct meta_stmt *st);
void conn_stmt_free(struct meta_stmt *st);
