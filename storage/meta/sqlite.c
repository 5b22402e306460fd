/* SPDX-License-Identifier: Apache-2.0 */
/* One connection to SQLite; the only file that knows its interface. Transactions are sqlite_tx.c's
 * business.
 *
 * 1. A statement that is in use is never shared: who asks for the same text meanwhile gets a fresh
 *    one.
 * 2. A statement in the cache is reset and holds no values.
 * 3. An error that shows only when a changing statement is given up (a foreign key, checked at its
 *    end) is kept in `late` and fails the transaction: no cleanup attribute can lose it.
 * 4. No memory mapping of the database: a disk that fails to read would be a SIGBUS there, and here
 *    it is SW_EIO. */
#include "storage/meta/sqlite_conn.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <sqlite3.h>

#include "base/alloc.h"
#include "base/macros.h"
#include "storage/meta/meta_fault.h"

#define BUSY_TIMEOUT_MS 5000
#define CACHE_BUCKETS   128

struct statement {
    struct meta_stmt head;
    struct conn *conn;
    sqlite3_stmt *st;
    char *sql;
    uint32_t hash;
    bool cached, in_use, started, write;
    size_t params_n;
    unsigned char
        index[META_PARAMETERS_MAX]; /* of $1, $2, ...: SQLite counts by first appearance */
    struct statement *next;
};

struct conn {
    struct meta_tx tx;
    sqlite3 *db;
    struct statement *cache[CACHE_BUCKETS];
    size_t cached_n, open_n;
    size_t log_pages;
    bool busy;
    struct sw_err late;
};

/* The pages of the commit that just ended are in the log; pragmas have switched SQLite's own
 * checkpoints off. */
static int on_commit(void *arg, sqlite3 *db, const char *name, int pages)
{
    (void)db, (void)name;
    ((struct conn *)arg)->log_pages = (size_t)pages;
    return SQLITE_OK;
}

/* Fills err from the code, or from the connection if that knows more. */
static int fail_sqlite(struct conn *c, int rc, const char *what, struct sw_err *err)
{
    /* A failed commit leaves it in errno only; taken away, so that it explains no later failure. */
    int os = errno == EROFS ? EROFS : sqlite3_system_errno(c->db);
    errno = 0;
    bool full =
        rc == SQLITE_FULL || ((rc & 0xff) == SQLITE_IOERR && (os == ENOSPC || os == EDQUOT));
    const char *text =
        sqlite3_extended_errcode(c->db) == rc ? sqlite3_errmsg(c->db) : sqlite3_errstr(rc);
    if (full)
        return sw_fail_at(err, SW_ELIMIT, ENOSPC, "DiskFull", SW_WHERE, "%s: %s", what, text);
    switch (rc & 0xff) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        c->busy = true;
        return sw_fail(err, SW_EUNAVAILABLE, NULL, "%s: %s", what, text);
    case SQLITE_IOERR:
    case SQLITE_READONLY:
    case SQLITE_CANTOPEN:
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
    case SQLITE_PERM:
    case SQLITE_AUTH:
    case SQLITE_NOLFS:
        return sw_fail_at(err, SW_EIO, os, os == EROFS ? "DiskReadOnly" : NULL, SW_WHERE,
                          "%s: %s (%d)", what, text, rc);
    case SQLITE_CONSTRAINT:
        if (rc != SQLITE_CONSTRAINT_NOTNULL && rc != SQLITE_CONSTRAINT_CHECK)
            return sw_fail(err, SW_ECONFLICT, NULL, "%s: %s", what, text);
        break;
    default: break;
    }
    return sw_fail(err, SW_EINTERNAL, NULL, "%s: %s (%d)", what, text, rc);
}

static uint32_t hash_text(const char *z)
{
    uint32_t h = 2166136261u;
    for (; *z; z++)
        h = (h ^ (unsigned char)*z) * 16777619u;
    return h;
}

static void statement_free(struct statement *s)
{
    sqlite3_finalize(s->st);
    free(s->sql);
    free(s);
}

/* $N -> SQLite's number for it. Every number from 1 to the highest must appear. */
static int read_parameters(struct statement *s, struct sw_err *err)
{
    int n = sqlite3_bind_parameter_count(s->st);
    for (int i = 1; i <= n; i++) {
        const char *name = sqlite3_bind_parameter_name(s->st, i);
        uint64_t number = 0;
        if (!name || name[0] != '$' || !sw_parse_u64(sw_str(name + 1), &number) || number < 1 ||
            number > (uint64_t)n || number > META_PARAMETERS_MAX)
            return sw_fail(err, SW_EINTERNAL, NULL, "%s: parameter %s is none of $1 to $%d", s->sql,
                           name ? name : "?", n);
        s->index[number - 1] = (unsigned char)i;
    }
    s->params_n = (size_t)n;
    return 0;
}

static int statement_new(struct conn *c, const char *sql, uint32_t hash, struct statement **ret,
                         struct sw_err *err)
{
    struct statement *s = SW_NEW(struct statement);
    const char *rest = NULL;
    s->head.ops = c->tx.ops;
    s->conn = c;
    s->hash = hash;
    s->sql = sw_strdup(sql);
    int rc = sqlite3_prepare_v3(c->db, sql, -1, SQLITE_PREPARE_PERSISTENT, &s->st, &rest);
    int r = 0;
    if (rc != SQLITE_OK)
        r = fail_sqlite(c, rc, sql, err);
    else if (!s->st || (rest && *rest))
        r = sw_fail(err, SW_EINTERNAL, NULL, "%s: not exactly one statement", sql);
    else
        r = read_parameters(s, err);
    if (r < 0) {
        statement_free(s);
        return r;
    }
    s->write = !sqlite3_stmt_readonly(s->st);
    *ret = s;
    return 0;
}

static int statement_take(struct conn *c, const char *sql, struct statement **ret,
                          struct sw_err *err)
{
    uint32_t hash = hash_text(sql);
    struct statement **bucket = &c->cache[hash % CACHE_BUCKETS];
    bool known = false;
    for (struct statement *s = *bucket; s; s = s->next)
        if (s->hash == hash && strcmp(s->sql, sql) == 0) {
            known = true;
            if (!s->in_use) {
                s->in_use = true;
                *ret = s;
                return 0;
            }
        }
    struct statement *s = NULL;
    int r = statement_new(c, sql, hash, &s, err);
    if (r < 0)
        return r;
    s->in_use = true;
    if (!known && c->cached_n < CONN_CACHE_MAX) {
        s->cached = true;
        s->next = *bucket;
        *bucket = s;
        c->cached_n++;
    }
    *ret = s;
    return 0;
}

static int bind_value(struct statement *s, size_t i, const struct meta_value *v, bool copy)
{
    int at = s->index[i];
    sqlite3_destructor_type life = copy ? SQLITE_TRANSIENT : SQLITE_STATIC;
    switch (v->kind) {
    case META_VALUE_INT: return sqlite3_bind_int64(s->st, at, v->i);
    case META_VALUE_TEXT: return sqlite3_bind_text64(s->st, at, v->p, v->n, life, SQLITE_UTF8);
    case META_VALUE_BLOB: return sqlite3_bind_blob64(s->st, at, v->p, v->n, life);
    case META_VALUE_NULL: break;
    }
    return sqlite3_bind_null(s->st, at);
}

int conn_query(struct meta_tx *tx, const char *sql, const struct meta_value *values, size_t n,
               bool copy, struct meta_stmt **ret, struct sw_err *err)
{
    struct conn *c = SW_CONTAINER_OF(tx, struct conn, tx);
    struct statement *s = NULL;
    int r = statement_take(c, sql, &s, err);
    if (r < 0)
        return r;
    s->started = false;
    c->open_n++;
    int rc = SQLITE_OK;
    if (n != s->params_n)
        r = sw_fail(err, SW_EINTERNAL, NULL, "%s: has %zu parameters, got %zu", sql, s->params_n,
                    n);
    for (size_t i = 0; i < n && r == 0 && rc == SQLITE_OK; i++)
        rc = bind_value(s, i, &values[i], copy);
    if (rc != SQLITE_OK)
        r = fail_sqlite(c, rc, sql, err);
    if (r < 0) {
        conn_stmt_free(&s->head);
        return r;
    }
    *ret = &s->head;
    return 0;
}

static struct statement *statement_of(struct meta_stmt *st)
{
    return SW_CONTAINER_OF(st, struct statement, head);
}

int conn_step(struct meta_stmt *st, struct sw_err *err)
{
    struct statement *s = statement_of(st);
    struct conn *c = s->conn;
    if (!s->started) {
        s->started = true;
        int r = meta_fault_due(META_FAULT_STATEMENT, err);
        if (r < 0) {
            conn_rollback(c);
            return r;
        }
        if (s->write && c->tx.mode == META_READ)
            return sw_fail(err, SW_EINTERNAL, NULL, "%s: a change in a read transaction", s->sql);
        if (!conn_in_tx(c))
            return sw_fail(err, SW_EIO, NULL, "%s: the transaction was rolled back before", s->sql);
    }
    int rc = sqlite3_step(s->st);
    if (rc == SQLITE_ROW)
        return 1;
    if (rc == SQLITE_DONE)
        return 0;
    int r = fail_sqlite(c, rc, s->sql, err);
    sqlite3_reset(s->st); /* repeats the error just reported */
    return r;
}

int64_t conn_column_int(struct meta_stmt *st, int column)
{
    return sqlite3_column_int64(statement_of(st)->st, column);
}

bool conn_column_is_null(struct meta_stmt *st, int column)
{
    return sqlite3_column_type(statement_of(st)->st, column) == SQLITE_NULL;
}

struct sw_str conn_column_str(struct meta_stmt *st, int column)
{
    sqlite3_stmt *s = statement_of(st)->st;
    if (sqlite3_column_type(s, column) == SQLITE_NULL)
        return (struct sw_str){NULL, 0};
    bool number = sqlite3_column_type(s, column) != SQLITE_BLOB;
    const void *p =
        number ? (const void *)sqlite3_column_text(s, column) : sqlite3_column_blob(s, column);
    size_t n = (size_t)sqlite3_column_bytes(s, column);
    return (struct sw_str){p ? p : "", p ? n : 0};
}

int64_t conn_changed(struct meta_stmt *st)
{
    struct statement *s = statement_of(st);
    return s->write ? (int64_t)sqlite3_changes64(s->conn->db) : 0;
}

bool conn_is_write(struct meta_stmt *st)
{
    return statement_of(st)->write;
}

void conn_stmt_free(struct meta_stmt *st)
{
    struct statement *s = statement_of(st);
    struct conn *c = s->conn;
    bool running = sqlite3_stmt_busy(s->st) != 0;
    int rc = sqlite3_reset(s->st);
    if (running && rc != SQLITE_OK && s->write && c->late.code == 0)
        (void)fail_sqlite(c, rc, s->sql, &c->late);
    assert(c->open_n > 0);
    c->open_n--;
    if (s->cached) {
        sqlite3_clear_bindings(s->st);
        s->in_use = false;
    } else {
        statement_free(s);
    }
}

int conn_call(struct conn *c, meta_fn fn, void *arg, struct sw_err *err)
{
    c->busy = false;
    sw_err_clear(&c->late);
    int r = fn(&c->tx, arg, err);
    assert(c->open_n == 0 && "a statement was left open by a transaction's function");
    assert((r < 0) == (err->code != 0) && "a transaction's function and its error disagree");
    if (r >= 0 && c->late.code != 0)
        return sw_err_move(err, &c->late);
    if (r >= 0 && !conn_in_tx(c))
        return sw_fail(err, SW_EIO, NULL, "the transaction was rolled back by a failed statement");
    return r;
}

int conn_control(struct conn *c, const char *sql, struct sw_err *err)
{
    struct statement *s = NULL;
    c->busy = false;
    int r = statement_take(c, sql, &s, err);
    if (r < 0)
        return r;
    int rc = sqlite3_step(s->st);
    if (rc != SQLITE_DONE)
        r = fail_sqlite(c, rc, sql, err);
    sqlite3_reset(s->st);
    s->in_use = false;
    if (!s->cached)
        statement_free(s);
    return r;
}

int conn_commit(struct conn *c, struct sw_err *err)
{
    int r = meta_fault_due(META_FAULT_COMMIT, err);
    if (r == 0)
        r = conn_control(c, "COMMIT", err);
    if (r < 0)
        conn_rollback(c);
    return r;
}

void conn_rollback(struct conn *c)
{
    struct sw_err ignored = SW_ERR_INIT;
    if (conn_in_tx(c))
        (void)conn_control(c, "ROLLBACK", &ignored);
}

int conn_script(struct conn *c, const char *sql, struct sw_err *err)
{
    int rc = sqlite3_exec(c->db, sql, NULL, NULL, NULL);
    return rc == SQLITE_OK ? 0 : fail_sqlite(c, rc, "script", err);
}

bool conn_in_tx(const struct conn *c)
{
    return sqlite3_get_autocommit(c->db) == 0;
}

bool conn_was_busy(const struct conn *c)
{
    return c->busy;
}

size_t conn_log_pages(const struct conn *c)
{
    return c->log_pages;
}

bool conn_checkpoint(struct conn *c)
{
    int in_log = 0, moved = 0;
    int rc = sqlite3_wal_checkpoint_v2(c->db, NULL, SQLITE_CHECKPOINT_PASSIVE, &in_log, &moved);
    if (rc == SQLITE_OK && moved >= in_log)
        c->log_pages = 0;
    return rc == SQLITE_OK;
}

/* One step, so that all of it is one commit's state; in WAL mode that keeps nobody from writing. */
static int copy_all(struct conn *c, sqlite3 *to, struct sw_err *err)
{
    sqlite3_backup *b = sqlite3_backup_init(to, "main", c->db, "main");
    if (!b)
        return sw_fail(err, SW_EIO, NULL, "%s", sqlite3_errmsg(to));
    int rc = sqlite3_backup_step(b, -1);
    int finished = sqlite3_backup_finish(b);
    if (rc != SQLITE_DONE || finished != SQLITE_OK) {
        int code = rc == SQLITE_DONE ? finished : rc;
        return sw_fail(err, (code & 0xff) == SQLITE_FULL ? SW_ELIMIT : SW_EIO,
                       (code & 0xff) == SQLITE_FULL ? "DiskFull" : NULL, "%s",
                       sqlite3_errstr(code));
    }
    return 0;
}

int conn_backup(struct conn *c, const char *path, struct sw_err *err)
{
    sqlite3 *to = NULL;
    int r = meta_fault_due(META_FAULT_STATEMENT, err);
    if (r < 0)
        return r;
    int rc = sqlite3_open_v2(path, &to, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL);
    r = rc == SQLITE_OK ? copy_all(c, to, err)
                        : sw_fail(err, SW_EIO, NULL, "%s", sqlite3_errstr(rc));
    if (sqlite3_close(to) != SQLITE_OK && r == 0)
        r = sw_fail(err, SW_EIO, NULL, "the copy cannot be closed");
    return r;
}

/* Without statistics SQLite's allocator needs no lock that all readers would share. */
static void configure_once(void)
{
    (void)sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
}

static int set_pragmas(struct conn *c, enum meta_mode mode, struct sw_err *err)
{
    static const char common[] = "PRAGMA foreign_keys = ON;"
                                 "PRAGMA temp_store = MEMORY;"
                                 "PRAGMA trusted_schema = OFF;"
                                 "PRAGMA mmap_size = 0;";
    static const char writer[] = "PRAGMA page_size = 4096;"
                                 "PRAGMA journal_mode = WAL;"
                                 "PRAGMA synchronous = FULL;"
                                 "PRAGMA cache_size = -2048;"
                                 "PRAGMA wal_autocheckpoint = 0;"
                                 "PRAGMA journal_size_limit = 8388608;";
    static const char reader[] = "PRAGMA query_only = ON;"
                                 "PRAGMA cache_size = -512;";
    int r = conn_script(c, common, err);
    return r < 0 ? r : conn_script(c, mode == META_WRITE ? writer : reader, err);
}

/* Some file systems refuse the log silently; then commits would not be what meta.h promises. */
static int check_journal(struct conn *c, const char *path, struct sw_err *err)
{
    struct statement *s = NULL;
    int r = statement_take(c, "PRAGMA journal_mode", &s, err);
    if (r < 0)
        return r;
    if (sqlite3_step(s->st) != SQLITE_ROW ||
        !sw_streq((const char *)sqlite3_column_text(s->st, 0), "wal"))
        r = sw_fail(err, SW_EIO, NULL, "%s: this file system allows no write-ahead log", path);
    sqlite3_reset(s->st);
    s->in_use = false;
    return r;
}

int conn_attach(const char *path, enum conn_role role, const struct meta_ops *ops,
                struct conn **ret, struct sw_err *err)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, configure_once);
    struct conn *c = SW_NEW(struct conn);
    c->tx.ops = ops;
    c->tx.mode = role == CONN_WRITER ? META_WRITE : META_READ;
    int rc = sqlite3_open_v2(path, &c->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL);
    int r = 0;
    if (rc != SQLITE_OK) {
        r = c->db ? fail_sqlite(c, rc, path, err)
                  : sw_fail(err, SW_EIO, NULL, "%s: out of memory", path);
    } else {
        sqlite3_extended_result_codes(c->db, 1);
        sqlite3_busy_timeout(c->db, BUSY_TIMEOUT_MS);
        r = conn_script(c, "PRAGMA schema_version", err);
    }
    if (r < 0) {
        conn_free(c);
        return sw_prefix(err, "database %s", path);
    }
    *ret = c;
    return 0;
}

int conn_set_up(struct conn *c, struct sw_err *err)
{
    const char *path = sqlite3_db_filename(c->db, "main");
    int r = set_pragmas(c, c->tx.mode, err);
    if (r == 0)
        r = check_journal(c, path, err);
    sqlite3_wal_hook(c->db, on_commit, c);
    return r < 0 ? sw_prefix(err, "database %s", path) : 0;
}

int conn_open(const char *path, enum conn_role role, const struct meta_ops *ops, struct conn **ret,
              struct sw_err *err)
{
    struct conn *c = NULL;
    int r = conn_attach(path, role, ops, &c, err);
    if (r == 0)
        r = conn_set_up(c, err);
    if (r < 0) {
        conn_free(c);
        return r;
    }
    *ret = c;
    return 0;
}

void conn_free(struct conn *c)
{
    if (!c)
        return;
    assert(c->open_n == 0);
    for (size_t i = 0; i < CACHE_BUCKETS; i++)
        while (c->cache[i]) {
            struct statement *s = c->cache[i];
            c->cache[i] = s->next;
            statement_free(s);
        }
    int rc = sqlite3_close(c->db);
    assert(rc == SQLITE_OK);
    (void)rc;
    free(c);
}
