/* SPDX-License-Identifier: Apache-2.0 */
/* The SQLite database: a writer thread with group commit, a pool of readers, migrations.
 *
 * 1. Only the writer thread uses the writer's connection once the database is open, so SQLite never
 *    waits for a lock.
 * 2. A batch is everything that was queued when the writer became free, at most BATCH_MAX. Nobody
 *    waits for a batch to fill: while one batch syncs, the next one queues up, and that is what
 *    makes commits shared under load.
 * 3. Inside a batch of several each function runs in a savepoint; a failing one is rolled back
 *    alone. Nobody is told anything, not even a failure, before the batch is committed: an answer
 *    may rest on what a neighbour wrote.
 * 4. When SQLite gives up the whole transaction in the middle of a batch (full disk, I/O error),
 *    each function of the batch runs again by itself. When the commit fails, all fail: what is on
 *    disk is then known to nobody.
 * 5. The log is checkpointed after the waiters were woken, or when the writer was idle a while. */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <sys/stat.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/io.h"
#include "base/macros.h"
#include "storage/meta/migrations.h"
#include "storage/meta/sqlite_conn.h"

#define BATCH_MAX          128
#define READERS_DEFAULT    8
#define READERS_SHORT      2 /* never taken by long reads, if there are more */
#define BUSY_TRIES         5
#define LOG_PAGES_WANTED   1000 /* checkpoint when nobody waits */
#define LOG_PAGES_MOST     8000 /* checkpoint in any case: 32 MiB */
#define IDLE_CHECKPOINT_MS 500

struct request {
    meta_fn fn;
    void *arg;
    struct sw_err *err;
    int result;
    sem_t done;
    struct request *next;
};

struct sqlite_db {
    struct meta_db head;
    char *path;

    pthread_t thread;
    struct conn *writer;
    pthread_mutex_t queue_lock; /* guards the queue and stopping */
    pthread_cond_t queue_cond;
    struct request *first, **last;
    size_t queued;
    bool stopping;

    pthread_mutex_t readers_lock; /* guards the fields below */
    pthread_cond_t readers_cond;
    struct conn **idle; /* a stack: the warmest connection is taken first */
    size_t idle_n, readers_n, readers_max;
    sem_t long_reads; /* how many more may begin; taken before a reader, given back after it */

    _Atomic uint64_t reads, writes, commits, checkpoints;
};

static _Thread_local bool in_tx; /* for the assertion in sqlite_tx only */

static int call(struct conn *c, meta_fn fn, void *arg, struct sw_err *err)
{
    in_tx = true;
    int r = conn_call(c, fn, arg, err);
    in_tx = false;
    return r;
}

/* --- writing ---------------------------------------------------------------------------------- */

static int begin_write(struct conn *c, struct sw_err *err)
{
    conn_rollback(c); /* whatever a failing disk may have left open */
    int r = conn_control(c, "BEGIN IMMEDIATE", err);
    for (int i = 1; r < 0 && conn_was_busy(c) && i < BUSY_TRIES; i++) {
        sw_err_clear(err);
        r = conn_control(c, "BEGIN IMMEDIATE", err);
    }
    return r;
}

static int run_alone(struct sqlite_db *db, struct request *q)
{
    struct conn *c = db->writer;
    int r = begin_write(c, q->err);
    if (r < 0)
        return r;
    int result = call(c, q->fn, q->arg, q->err);
    if (result < 0) {
        conn_rollback(c);
        return result;
    }
    r = conn_commit(c, q->err);
    if (r < 0)
        return r;
    atomic_fetch_add(&db->commits, 1);
    return result;
}

/* False if the batch's transaction is gone. */
static bool run_in_savepoint(struct conn *c, struct request *q)
{
    struct sw_err err = SW_ERR_INIT;
    if (conn_control(c, "SAVEPOINT one", &err) < 0)
        return false;
    q->result = call(c, q->fn, q->arg, q->err);
    if (!conn_in_tx(c))
        return false;
    if (q->result < 0 && conn_control(c, "ROLLBACK TO one", &err) < 0)
        return false;
    return conn_control(c, "RELEASE one", &err) == 0;
}

static void fail_all(struct request *batch, const struct sw_err *why)
{
    for (struct request *q = batch; q; q = q->next) {
        *q->err = *why;
        q->result = why->code;
    }
}

static void run_each_alone(struct sqlite_db *db, struct request *batch)
{
    conn_rollback(db->writer);
    for (struct request *q = batch; q; q = q->next) {
        sw_err_clear(q->err);
        q->result = run_alone(db, q);
    }
}

static void run_batch(struct sqlite_db *db, struct request *batch)
{
    struct sw_err err = SW_ERR_INIT;
    if (!batch->next) {
        batch->result = run_alone(db, batch);
        return;
    }
    if (begin_write(db->writer, &err) < 0) {
        fail_all(batch, &err);
        return;
    }
    for (struct request *q = batch; q; q = q->next)
        if (!run_in_savepoint(db->writer, q)) {
            run_each_alone(db, batch);
            return;
        }
    if (conn_commit(db->writer, &err) < 0)
        fail_all(batch, &err);
    else
        atomic_fetch_add(&db->commits, 1);
}

/* A request is the waiter's again, and may be gone, as soon as it is posted. */
static void wake_all(struct sqlite_db *db, struct request *batch)
{
    while (batch) {
        struct request *q = batch;
        batch = q->next;
        atomic_fetch_add(&db->writes, 1);
        sem_post(&q->done);
    }
}

static void checkpoint(struct sqlite_db *db)
{
    if (conn_checkpoint(db->writer))
        atomic_fetch_add(&db->checkpoints, 1);
}

static void deadline_in(struct timespec *ts, int64_t ms)
{
    clock_gettime(CLOCK_MONOTONIC, ts);
    ts->tv_sec += ms / 1000;
    ts->tv_nsec += ms % 1000 * 1000000;
    if (ts->tv_nsec >= 1000000000) {
        ts->tv_sec++;
        ts->tv_nsec -= 1000000000;
    }
}

/* The next batch, or NULL: nothing is queued, and either *ret_idle (time to checkpoint) or the
 * database is closing. */
static struct request *take_batch(struct sqlite_db *db, bool idle_wanted, bool *ret_idle)
{
    struct timespec deadline;
    deadline_in(&deadline, IDLE_CHECKPOINT_MS);
    *ret_idle = false;
    pthread_mutex_lock(&db->queue_lock);
    while (!db->first && !db->stopping && !*ret_idle) {
        if (idle_wanted)
            *ret_idle = pthread_cond_clockwait(&db->queue_cond, &db->queue_lock, CLOCK_MONOTONIC,
                                               &deadline) == ETIMEDOUT;
        else
            pthread_cond_wait(&db->queue_cond, &db->queue_lock);
    }
    struct request *batch = db->first, *end = batch;
    size_t n = batch ? 1 : 0;
    for (; end && end->next && n < BATCH_MAX; n++)
        end = end->next;
    if (batch) {
        *ret_idle = false;
        db->queued -= n;
        db->first = end->next;
        end->next = NULL;
        if (!db->first)
            db->last = &db->first;
    }
    pthread_mutex_unlock(&db->queue_lock);
    return batch;
}

static bool queue_empty(struct sqlite_db *db)
{
    pthread_mutex_lock(&db->queue_lock);
    bool empty = !db->first;
    pthread_mutex_unlock(&db->queue_lock);
    return empty;
}

static void *writer_main(void *arg)
{
    struct sqlite_db *db = arg;
    bool log_dirty = false;
    for (;;) {
        bool idle = false;
        struct request *batch = take_batch(db, log_dirty, &idle);
        if (!batch && !idle)
            return NULL;
        if (batch) {
            run_batch(db, batch);
            wake_all(db, batch);
            log_dirty = true;
        }
        size_t pages = conn_log_pages(db->writer);
        if (idle || pages >= LOG_PAGES_MOST || (pages >= LOG_PAGES_WANTED && queue_empty(db))) {
            checkpoint(db);
            log_dirty = false;
        }
    }
}

static int write_tx(struct sqlite_db *db, meta_fn fn, void *arg, struct sw_err *err)
{
    struct request q = {.fn = fn, .arg = arg, .err = err};
    sem_init(&q.done, 0, 0);
    pthread_mutex_lock(&db->queue_lock);
    assert(!db->stopping);
    *db->last = &q;
    db->last = &q.next;
    db->queued++;
    pthread_cond_signal(&db->queue_cond);
    pthread_mutex_unlock(&db->queue_lock);
    while (sem_wait(&q.done) < 0)
        assert(errno == EINTR);
    sem_destroy(&q.done);
    return q.result;
}

/* --- reading ---------------------------------------------------------------------------------- */

static int take_reader(struct sqlite_db *db, struct conn **ret, struct sw_err *err)
{
    struct conn *c = NULL;
    pthread_mutex_lock(&db->readers_lock);
    while (db->idle_n == 0 && db->readers_n == db->readers_max)
        pthread_cond_wait(&db->readers_cond, &db->readers_lock);
    if (db->idle_n > 0)
        c = db->idle[--db->idle_n];
    else
        db->readers_n++;
    pthread_mutex_unlock(&db->readers_lock);
    if (!c && conn_open(db->path, CONN_READER, db->head.ops, &c, err) < 0) {
        pthread_mutex_lock(&db->readers_lock);
        db->readers_n--;
        pthread_cond_signal(&db->readers_cond);
        pthread_mutex_unlock(&db->readers_lock);
        return err->code;
    }
    *ret = c;
    return 0;
}

static int take_long_reader(struct sqlite_db *db, struct conn **ret, struct sw_err *err)
{
    while (sem_wait(&db->long_reads) < 0)
        assert(errno == EINTR);
    int r = take_reader(db, ret, err);
    if (r < 0)
        sem_post(&db->long_reads);
    return r;
}

static void give_reader(struct sqlite_db *db, struct conn *c)
{
    pthread_mutex_lock(&db->readers_lock);
    db->idle[db->idle_n++] = c;
    pthread_cond_signal(&db->readers_cond);
    pthread_mutex_unlock(&db->readers_lock);
}

static void give_long_reader(struct sqlite_db *db, struct conn *c)
{
    give_reader(db, c);
    sem_post(&db->long_reads);
}

/* Deferred: the first statement takes the snapshot. Ending it is a rollback, which cannot fail. */
static int read_once(struct conn *c, meta_fn fn, void *arg, bool *ret_busy, struct sw_err *err)
{
    conn_rollback(c);
    int r = conn_control(c, "BEGIN", err);
    if (r == 0)
        r = call(c, fn, arg, err);
    *ret_busy = r < 0 && conn_was_busy(c);
    conn_rollback(c);
    return r;
}

static int read_tx(struct sqlite_db *db, bool is_long, meta_fn fn, void *arg, struct sw_err *err)
{
    struct conn *c = NULL;
    int r = is_long ? take_long_reader(db, &c, err) : take_reader(db, &c, err);
    if (r < 0)
        return r;
    bool busy = false;
    r = read_once(c, fn, arg, &busy, err);
    for (int i = 1; busy && i < BUSY_TRIES; i++) {
        sw_err_clear(err);
        r = read_once(c, fn, arg, &busy, err);
    }
    if (is_long)
        give_long_reader(db, c);
    else
        give_reader(db, c);
    atomic_fetch_add_explicit(&db->reads, 1, memory_order_relaxed);
    return r;
}

/* --- driver ----------------------------------------------------------------------------------- */

static int sqlite_tx(struct meta_db *head, enum meta_mode mode, meta_fn fn, void *arg,
                     struct sw_err *err)
{
    struct sqlite_db *db = SW_CONTAINER_OF(head, struct sqlite_db, head);
    assert(!in_tx && "meta_tx inside a transaction's function");
    return mode == META_WRITE ? write_tx(db, fn, arg, err)
                              : read_tx(db, mode == META_READ_LONG, fn, arg, err);
}

static void sqlite_stats(struct meta_db *head, struct meta_stats *ret)
{
    struct sqlite_db *db = SW_CONTAINER_OF(head, struct sqlite_db, head);
    pthread_mutex_lock(&db->queue_lock);
    size_t queued = db->queued;
    pthread_mutex_unlock(&db->queue_lock);
    *ret = (struct meta_stats){.queued = queued,
                               .reads = atomic_load(&db->reads),
                               .writes = atomic_load(&db->writes),
                               .commits = atomic_load(&db->commits),
                               .checkpoints = atomic_load(&db->checkpoints)};
}

static int sync_folder_of(const char *path, struct sw_err *err)
{
    const char *slash = strrchr(path, '/');
    sw_autofree char *dir =
        !slash ? sw_strdup(".") : sw_strndup(path, slash == path ? 1 : (size_t)(slash - path));
    return sw_fsync_dir(dir, err);
}

static int new_file(const char *path, struct sw_err *err)
{
    sw_autoclose int fd = -1;
    int r = sw_open(path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, 0600, &fd, err);
    if (r < 0 && err->os_errno == EEXIST)
        err->code = r = SW_ECONFLICT;
    return r;
}

static int sync_file(const char *path, struct sw_err *err)
{
    sw_autoclose int fd = -1;
    int r = sw_open(path, O_RDWR, 0, &fd, err);
    if (r == 0 && fsync(fd) < 0)
        r = sw_fail_os(err, errno, "sync %s", path);
    return r < 0 ? r : sync_folder_of(path, err);
}

static int sqlite_backup(struct meta_db *head, const char *path, struct sw_err *err)
{
    struct sqlite_db *db = SW_CONTAINER_OF(head, struct sqlite_db, head);
    struct conn *c = NULL;
    int r = new_file(path, err);
    if (r < 0)
        return r;
    r = take_long_reader(db, &c, err);
    if (r == 0) {
        conn_rollback(c);
        r = conn_backup(c, path, err);
        give_long_reader(db, c);
    }
    if (r == 0)
        r = sync_file(path, err);
    if (r < 0) {
        (void)unlink(path);
        return sw_prefix(err, "copying the database to %s", path);
    }
    return 0;
}

struct check {
    void (*fn)(void *ctx, const char *what);
    void *ctx;
};

static int check_tx(struct meta_tx *tx, void *arg, struct sw_err *err)
{
    const struct check *check = arg;
    meta_autostmt *st = NULL, *keys = NULL;
    int r = meta_query(tx, err, &st, "PRAGMA integrity_check(100)", "");
    while (r >= 0 && (r = meta_step(st, err)) > 0)
        if (!sw_str_eq_z(meta_str(st, 0), "ok")) {
            sw_autofree char *what = meta_dup(st, 0);
            check->fn(check->ctx, what);
        }
    if (r >= 0)
        r = meta_query(tx, err, &keys, "PRAGMA foreign_key_check", "");
    for (int n = 0; r >= 0 && n < 100 && (r = meta_step(keys, err)) > 0; n++) {
        struct sw_str from = meta_str(keys, 0);
        sw_autofree char *what =
            sw_asprintf("row %lld of " SW_STR_FMT " names no row of its parent",
                        (long long)meta_int(keys, 1), SW_STR_ARG(from));
        check->fn(check->ctx, what);
    }
    return r < 0 ? r : 0;
}

static int sqlite_check(struct meta_db *head, void (*fn)(void *ctx, const char *what), void *ctx,
                        struct sw_err *err)
{
    struct sqlite_db *db = SW_CONTAINER_OF(head, struct sqlite_db, head);
    struct check check = {fn, ctx};
    return read_tx(db, true, check_tx, &check, err);
}

static void free_parts(struct sqlite_db *db)
{
    for (size_t i = 0; i < db->idle_n; i++)
        conn_free(db->idle[i]);
    conn_free(db->writer); /* last: closing it moves the log into the database and removes it */
    sem_destroy(&db->long_reads);
    pthread_cond_destroy(&db->readers_cond);
    pthread_mutex_destroy(&db->readers_lock);
    pthread_cond_destroy(&db->queue_cond);
    pthread_mutex_destroy(&db->queue_lock);
    free(db->idle);
    free(db->path);
    free(db);
}

static void sqlite_free(struct meta_db *head)
{
    struct sqlite_db *db = SW_CONTAINER_OF(head, struct sqlite_db, head);
    pthread_mutex_lock(&db->queue_lock);
    db->stopping = true;
    pthread_cond_signal(&db->queue_cond);
    pthread_mutex_unlock(&db->queue_lock);
    pthread_join(db->thread, NULL);
    assert(db->idle_n == db->readers_n && "a database was freed under a reader");
    free_parts(db);
}

static const struct meta_ops sqlite_ops = {
    .name = "sqlite",
    .tx = sqlite_tx,
    .query = conn_query,
    .step = conn_step,
    .column_int = conn_column_int,
    .column_str = conn_column_str,
    .column_is_null = conn_column_is_null,
    .changed = conn_changed,
    .is_write = conn_is_write,
    .stmt_free = conn_stmt_free,
    .stats = sqlite_stats,
    .backup = sqlite_backup,
    .check = sqlite_check,
    .free = sqlite_free,
};

/* --- opening ---------------------------------------------------------------------------------- */

/* SQLite gives its log files the mode of the database, so this one decides for all. The folder is
 * synced by us: SQLite does it for journals, but not for a database that somebody else created.
 * That comes before SQLite writes, so a file with content needs it no more. */
static int create_file(const char *path, bool *ret_new, struct sw_err *err)
{
    sw_autoclose int fd = -1;
    int r = sw_open(path, O_RDWR | O_CREAT | O_NOFOLLOW, 0600, &fd, err);
    struct stat st;
    *ret_new = !(r == 0 && fstat(fd, &st) == 0 && st.st_size > 0);
    if (!*ret_new)
        return 0;
    return r < 0 ? r : sync_folder_of(path, err);
}

static int is_applied(struct meta_tx *tx, void *arg, struct sw_err *err)
{
    const struct meta_migration *m = arg;
    sw_autofree char *name = NULL;
    int r = meta_get(tx, err, "SELECT name FROM schema_migration WHERE number = $1", "i",
                     (int64_t)m->number, "t", &name);
    if (r == 1 && !sw_streq(name, m->name))
        return sw_fail(err, SW_ECONFLICT, NULL, "migration %d is %s here and %s in the database",
                       m->number, m->name, name);
    return r;
}

static int record(struct meta_tx *tx, void *arg, struct sw_err *err)
{
    const struct meta_migration *m = arg;
    return meta_exec(tx, err, NULL,
                     "INSERT INTO schema_migration (number, name, applied_at) VALUES ($1, $2, $3)",
                     "iti", (int64_t)m->number, m->name, sw_now_us());
}

/* In the transaction that is open. */
static int apply(struct conn *c, struct meta_migration m, struct sw_err *err)
{
    int r = call(c, is_applied, &m, err);
    if (r == 0) {
        r = conn_script(c, m.sql, err);
        if (r == 0)
            r = call(c, record, &m, err);
    }
    if (r < 0)
        sw_prefix(err, "migration %d (%s)", m.number, m.name);
    return r < 0 ? r : 0;
}

/* What is applied already, if the table is there. */
static int newest(struct meta_tx *tx, void *arg, struct sw_err *err)
{
    return meta_get(tx, err, "SELECT coalesce(max(number), 0) FROM schema_migration", "", "i", arg);
}

static int check_newest(int64_t there, int64_t known, struct sw_err *err)
{
    if (there <= known)
        return 0;
    return sw_fail(err, SW_ECONFLICT, NULL,
                   "the database has schema %lld, this program knows up to %lld: it was used by "
                   "a newer program",
                   (long long)there, (long long)known);
}

/* All in one transaction: a start of a new program makes one sync of it, and leaves an old database as it was unless every migration
 * succeeds. */
static int migrate(struct conn *c, const struct meta_migration *list, size_t n, struct sw_err *err)
{
    int64_t there = 0;
    int r = conn_script(c,
                        "CREATE TABLE IF NOT EXISTS schema_migration (number INTEGER PRIMARY KEY,"
                        " name TEXT NOT NULL, applied_at BIGINT NOT NULL)",
                        err);
    if (r == 0)
        r = call(c, newest, &there, err);
    if (r >= 0)
        r = check_newest(there, n > 0 ? list[n - 1].number : 0, err);
    for (size_t i = 0; i < n && r == 0; i++)
        r = apply(c, list[i], err);
    return r < 0 ? r : 0;
}

int meta_sqlite_migrate(struct conn *c, const struct meta_migration *list, size_t n,
                        struct sw_err *err)
{
    int r = begin_write(c, err);
    if (r < 0)
        return r;
    r = migrate(c, list, n, err);
    if (r == 0)
        return conn_commit(c, err);
    conn_rollback(c);
    return r;
}

static void init_locks(struct sqlite_db *db)
{
    pthread_mutex_init(&db->queue_lock, NULL);
    pthread_cond_init(&db->queue_cond, NULL);
    pthread_mutex_init(&db->readers_lock, NULL);
    pthread_cond_init(&db->readers_cond, NULL);
}

static void *open_first_reader(void *arg)
{
    struct sqlite_db *db = arg;
    struct sw_err err = SW_ERR_INIT;
    if (conn_open(db->path, CONN_READER, &sqlite_ops, &db->idle[0], &err) == 0)
        db->idle_n = db->readers_n = 1;
    else
        sw_err_clear(&err); /* whoever reads first tries again */
    return NULL;
}

/* The writer, and beside it the first reader: each reads the schema, which is most of what a start does. A new database has none,
 * and its migrations would keep the reader waiting. */
static int open_connections(struct sqlite_db *db, bool is_new, struct sw_err *err)
{
    pthread_t thread;
    int r = conn_attach(db->path, CONN_WRITER, &sqlite_ops, &db->writer, err);
    if (r < 0)
        return r;
    bool beside = !is_new && pthread_create(&thread, NULL, open_first_reader, db) == 0;
    r = conn_set_up(db->writer, err);
    if (r == 0)
        r = meta_sqlite_migrate(db->writer, meta_migrations, meta_migrations_n, err);
    if (beside)
        pthread_join(thread, NULL);
    return r;
}

int meta_sqlite_open(const struct meta_options *o, struct meta_db **ret, struct sw_err *err)
{
    bool is_new = true;
    int r = create_file(o->path, &is_new, err);
    if (r < 0)
        return sw_prefix(err, "database");
    struct sqlite_db *db = SW_NEW(struct sqlite_db);
    db->head.ops = &sqlite_ops;
    db->path = sw_strdup(o->path);
    db->last = &db->first;
    db->readers_max = o->readers_max ? o->readers_max : READERS_DEFAULT;
    size_t spare = db->readers_max > READERS_SHORT ? READERS_SHORT : db->readers_max - 1;
    sem_init(&db->long_reads, 0, (unsigned)(db->readers_max - spare));
    db->idle = sw_calloc(db->readers_max, sizeof(struct conn *));
    init_locks(db);
    r = open_connections(db, is_new, err);
    if (r == 0) {
        int failed = pthread_create(&db->thread, NULL, writer_main, db);
        if (failed)
            r = sw_fail_os(err, failed, "database %s: cannot start its thread", db->path);
    }
    if (r < 0) {
        free_parts(db);
        return r;
    }
    *ret = &db->head;
    return 0;
}
