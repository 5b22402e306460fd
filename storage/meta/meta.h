/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* storage/meta/meta.h - rows: a thin SQL driver with transactions. Aggregates write their SQL once,
 * in the subset that SQLite and PostgreSQL share ($1.. parameters, upsert, RETURNING), in their own
 * files.
 * Promise: when meta_tx(META_WRITE) returned 0 the changes survive a crash and power loss
 * (synchronous=FULL).
 * Concurrent writers share commits: a writer thread runs queued transactions one after the other,
 * each in a savepoint, and syncs once for the batch; a failing one is rolled back alone. Readers
 * run beside writers and see whole commits.
 * Threads: a database is shared freely; a struct meta_tx and its statements live only inside the
 * function given.
 * Expected errors: SW_ECONFLICT (unique or foreign key violation, reason NULL), SW_ESTALE,
 * SW_ELIMIT ("DiskFull"), SW_EIO ("DiskReadOnly" or no reason). */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"

struct meta_db;
struct meta_tx;
struct meta_stmt;

struct meta_options {
    const char *path;   /* file of the SQLite database */
    size_t readers_max; /* 0: 8 */
};

/* Opens, applies missing migrations in order (each in a transaction; refuses a database newer than
 * this program). */
int meta_sqlite_open(const struct meta_options *o, struct meta_db **ret, struct sw_err *err);
void meta_db_free(struct meta_db *db); /* finishes queued writes first */

/* META_READ_LONG reads what META_READ does, and is for what may take its time: lists, checks, sums. Such reads together leave two
 * of the readers to the others (if there are three), so a META_READ, which is a few rows by their keys, waits only for its like:
 * threads that serve connections rely on that. A backup and a check count as long. */
enum meta_mode { META_READ, META_READ_LONG, META_WRITE };

/* 0 or more commits and is what meta_tx returns; negative rolls back (err filled by fn). May be run
 * again: effects only on rows and on *arg from scratch. Calling meta_tx inside it, or leaving a
 * statement open, is a bug (asserted). Writing in META_READ fails. A META_WRITE function runs on
 * the writer's thread: keep it short, and no input or output of other kinds. */
typedef int (*meta_fn)(struct meta_tx *tx, void *arg, struct sw_err *err);
int meta_tx(struct meta_db *db, enum meta_mode mode, meta_fn fn, void *arg, struct sw_err *err);

/* Parameters by a format string, one letter each, in the order of $1, $2, ...:
 *   t const char *      s struct sw_str      b const void *, size_t (blob)
 *   i int64_t (cast it!)      n nothing: NULL
 * A NULL pointer in t, s or b is the SQL NULL, as meta_str() gives it back. At most 32 parameters.
 * meta_exec runs to the end; *ret_changed may be NULL. */
int meta_exec(struct meta_tx *tx, struct sw_err *err, int64_t *ret_changed, const char *sql,
              const char *fmt, ...);
/* Starts a query; the statement is cached, so keep sql a literal. Free it before the function
 * returns. Values are copied.
 * A change with RETURNING has happened only once meta_step() returned 0: take all its rows. */
int meta_query(struct meta_tx *tx, struct sw_err *err, struct meta_stmt **ret, const char *sql,
               const char *fmt, ...);
int meta_step(struct meta_stmt *st, struct sw_err *err); /* 1: a row; 0: no more; <0: error */
/* Columns of the current row. Strings and blobs are borrowed until the next step; NULL gives p ==
 * NULL, 0. */
int64_t meta_int(struct meta_stmt *st, int column);
struct sw_str meta_str(struct meta_stmt *st, int column);
bool meta_is_null(struct meta_stmt *st, int column);
char *meta_dup(struct meta_stmt *st, int column); /* owned NUL-terminated copy, NULL for NULL */
void meta_stmt_free(struct meta_stmt *st);        /* NULL ok */
static inline void meta_stmt_freep(struct meta_stmt **st)
{
    meta_stmt_free(*st);
}
#define meta_autostmt __attribute__((cleanup(meta_stmt_freep))) struct meta_stmt

/* One-row helper: 1 row found and columns stored, 0 none, <0 error (then nothing is stored). Later
 * rows are not looked at; a change with RETURNING is run to its end.
 * out letters: i int64_t *, t char ** (owned; NULL for NULL). Example:
 *   meta_get(tx, err, "SELECT id, name FROM t WHERE name = $1", "t", name, "it", &id, &name) */
int meta_get(struct meta_tx *tx, struct sw_err *err, const char *sql, const char *fmt, ...);

/* Empties every table of the migrations, in one transaction: the database is as when it was made. */
int meta_delete_all(struct meta_db *db, struct sw_err *err);

/* A copy of the whole database as of one commit, in a new file `path` (0600) that exists and is durable when 0 is returned.
 * Writers and readers go on meanwhile. SW_ECONFLICT if the file exists; a copy that failed is removed. */
int meta_backup(struct meta_db *db, const char *path, struct sw_err *err);
/* Looks for damage inside the database (structure, indexes, foreign keys) and calls fn with one sentence for each, at most a few
 * hundred; 0 also when there was some. Reads everything. */
int meta_check(struct meta_db *db, void (*fn)(void *ctx, const char *what), void *ctx,
               struct sw_err *err);

/* Counted since the database was opened; thread-safe. commits < writes shows that writers shared
 * them. */
struct meta_stats {
    uint64_t reads;       /* read transactions */
    uint64_t writes;      /* write transactions that were committed or rolled back */
    uint64_t commits;     /* commits, each with one sync */
    uint64_t queued;      /* write transactions that wait at this moment */
    uint64_t checkpoints; /* moves of committed pages from the log into the database file */
};
void meta_stats(struct meta_db *db, struct meta_stats *ret);

/* The driver's side is meta_driver.h: sqlite.c implements it, pg.c will. Tests inject failures by
 * meta_fault.h.
 * One file of migrations/, as the build embeds it: see migrations.h. */
struct meta_migration {
    int number;
    const char *name;
    const char *sql;
};
