/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/macros.h"
#include "storage/meta/meta.h"
#include "storage/meta/migrations.h"
#include "storage/meta/sqlite_conn.h"
#include "tests/lib/test.h"

/* What is SQLite's own; what every driver must do is in tests/suite/meta_suite.c. */

static struct meta_db *open_db(void)
{
    struct sw_err err = SW_ERR_INIT;
    struct meta_db *db = NULL;
    CHECK_OK(meta_sqlite_open(&(struct meta_options){.path = test_path("meta.db")}, &db, &err));
    return db;
}

static unsigned mode_of(const char *path)
{
    struct stat st;
    CHECK(stat(path, &st) == 0);
    return st.st_mode & 0777;
}

static int add_account(struct meta_tx *tx, void *arg, struct sw_err *err)
{
    return meta_exec(tx, err, NULL, "INSERT INTO account (id, created_at) VALUES ($1, $2)", "ti",
                     (const char *)arg, (int64_t)1);
}

TEST(files_are_private)
{
    struct sw_err err = SW_ERR_INIT;
    struct meta_db *db = open_db();
    CHECK_OK(meta_tx(db, META_WRITE, add_account, "000000000001", &err));
    CHECK_EQ_UINT(mode_of(test_path("meta.db")), 0600);
    CHECK_EQ_UINT(mode_of(test_path("meta.db-wal")), 0600);
    CHECK_EQ_UINT(mode_of(test_path("meta.db-shm")), 0600);
    meta_db_free(db);
    struct stat st;
    CHECK_MSG(stat(test_path("meta.db-wal"), &st) < 0, "closing moves the log into the database");
}

static int read_versions(struct meta_tx *tx, void *arg, struct sw_err *err)
{
    int64_t *v = arg;
    return meta_get(tx, err, "SELECT COUNT(*), MAX(number) FROM schema_migration", "", "ii", &v[0],
                    &v[1]);
}

TEST(applies_every_migration_once)
{
    struct sw_err err = SW_ERR_INIT;
    for (int i = 0; i < 2; i++) {
        struct meta_db *db = open_db();
        int64_t versions[2] = {0};
        CHECK_EQ_INT(meta_tx(db, META_READ, read_versions, versions, &err), 1);
        CHECK_EQ_INT(versions[0], (int64_t)meta_migrations_n);
        CHECK_EQ_INT(versions[1], meta_migrations[meta_migrations_n - 1].number);
        meta_db_free(db);
    }
}

static int forge_version(struct meta_tx *tx, void *arg, struct sw_err *err)
{
    (void)arg;
    return meta_exec(tx, err, NULL, "INSERT INTO schema_migration VALUES (999999, 'future', 0)",
                     "");
}

static int count_accounts(struct meta_tx *tx, void *arg, struct sw_err *err)
{
    return meta_get(tx, err, "SELECT COUNT(*) FROM account", "", "i", (int64_t *)arg);
}

/* The first reader is opened beside the writer, which has the log of the program that died to go through. */
TEST(a_start_after_a_crash_reads_all_that_was_written)
{
    struct sw_err err = SW_ERR_INIT;
    int64_t before = 0, n = 0;
    meta_db_free(open_db());
    for (int i = 0; i < 5; i++) {
        int status = -1;
        pid_t pid = fork();
        if (pid == 0) {
            char name[16];
            struct meta_db *db = open_db();
            (void)snprintf(name, sizeof name, "%012d", i + 10);
            _exit(meta_tx(db, META_WRITE, add_account, name, &err) == 0 ? 0 : 1);
        }
        CHECK(waitpid(pid, &status, 0) == pid);
        CHECK_EQ_INT(status, 0);
        struct meta_db *db = open_db();
        CHECK(meta_tx(db, META_READ, count_accounts, &n, &err) == 1);
        if (i > 0)
            CHECK_EQ_INT(n, before + 1);
        before = n;
        meta_db_free(db);
    }
}

/* The same, where the reader is there before the tables are. */
TEST(migrations_are_seen_by_the_reader_that_was_opened_beside_them)
{
    struct sw_err err = SW_ERR_INIT;
    struct conn *c = NULL;
    int64_t n = -1;
    int fd = open(test_path("meta.db"), O_RDWR | O_CREAT, 0600);
    CHECK(fd >= 0);
    close(fd);
    CHECK_OK(conn_open(test_path("meta.db"), CONN_WRITER, NULL, &c, &err));
    CHECK_OK(conn_script(c, "CREATE TABLE of_somebody_else (a INTEGER)", &err));
    conn_free(c);
    struct meta_db *db = open_db();
    CHECK(meta_tx(db, META_READ, count_accounts, &n, &err) == 1);
    meta_db_free(db);
}

TEST(refuses_a_database_of_a_newer_program)
{
    struct sw_err err = SW_ERR_INIT;
    struct meta_db *db = open_db();
    CHECK_OK(meta_tx(db, META_WRITE, forge_version, NULL, &err));
    meta_db_free(db);
    db = NULL;
    struct meta_options o = {.path = test_path("meta.db")};
    int r = meta_sqlite_open(&o, &db, &err);
    CHECK_CONTAINS(err.msg, "newer program");
    CHECK_ERR(r, SW_ECONFLICT, NULL);
    CHECK_NULL(db);
}

static struct conn *open_conn(void)
{
    struct sw_err err = SW_ERR_INIT;
    static const struct meta_ops ops = {.query = conn_query,
                                        .step = conn_step,
                                        .column_int = conn_column_int,
                                        .column_str = conn_column_str,
                                        .column_is_null = conn_column_is_null,
                                        .changed = conn_changed,
                                        .is_write = conn_is_write,
                                        .stmt_free = conn_stmt_free};
    struct conn *c = NULL;
    const char *path = test_path("conn.db");
    test_write_file(path, "", 0);
    CHECK_OK(conn_open(path, CONN_WRITER, &ops, &c, &err));
    return c;
}

TEST(a_failed_migration_leaves_the_database_as_it_was)
{
    struct sw_err err = SW_ERR_INIT;
    static const struct meta_migration list[] = {
        {1, "one", "CREATE TABLE one (a BIGINT);"},
        {2, "two", "CREATE TABLE two (a BIGINT); CREATE TABLE one (a BIGINT);"}};
    struct conn *c = open_conn();
    int r = meta_sqlite_migrate(c, list, 2, &err);
    CHECK_CONTAINS(err.msg, "migration 2 (two)");
    CHECK_ERR(r, SW_EINTERNAL, NULL);
    CHECK(!conn_in_tx(c));
    CHECK_ERR(conn_script(c, "INSERT INTO one VALUES (1)", &err), SW_EINTERNAL, NULL);
    CHECK_OK(meta_sqlite_migrate(c, list, 1, &err));
    static const struct meta_migration repaired[] = {{1, "one", "syntax error: must not run again"},
                                                     {2, "two", "CREATE TABLE two (a BIGINT);"}};
    CHECK_OK(meta_sqlite_migrate(c, repaired, 2, &err));
    CHECK_OK(conn_script(c, "INSERT INTO two VALUES (1)", &err));
    conn_free(c);
}

TEST(refuses_a_migration_that_changed_its_name)
{
    struct sw_err err = SW_ERR_INIT;
    struct conn *c = open_conn();
    CHECK_OK(meta_sqlite_migrate(c, &(struct meta_migration){1, "one", "SELECT 1"}, 1, &err));
    CHECK_ERR(meta_sqlite_migrate(c, &(struct meta_migration){1, "uno", "SELECT 1"}, 1, &err),
              SW_ECONFLICT, NULL);
    conn_free(c);
}

static int run_many_texts(struct meta_tx *tx, void *arg, struct sw_err *err)
{
    (void)arg;
    for (int i = 0; i < 2 * CONN_CACHE_MAX; i++) {
        sw_autofree char *sql = sw_asprintf("SELECT %d", i);
        int64_t got = -1;
        if (meta_get(tx, err, sql, "", "i", &got) < 0)
            return err->code;
        CHECK_EQ_INT(got, i);
    }
    return 0;
}

TEST(more_texts_than_the_statement_cache_holds)
{
    struct sw_err err = SW_ERR_INIT;
    struct meta_db *db = open_db();
    CHECK_OK(meta_tx(db, META_READ, run_many_texts, NULL, &err));
    CHECK_OK(meta_tx(db, META_READ, run_many_texts, NULL, &err));
    meta_db_free(db);
}

TEST(a_folder_that_does_not_exist_is_not_found)
{
    struct sw_err err = SW_ERR_INIT;
    struct meta_db *db = NULL;
    struct meta_options o = {.path = test_path("no/such/meta.db")};
    CHECK_ERR(meta_sqlite_open(&o, &db, &err), SW_ENOTFOUND, NULL);
}

TEST(a_file_that_is_no_database_is_refused)
{
    struct sw_err err = SW_ERR_INIT;
    struct meta_db *db = NULL;
    char text[8192];
    memset(text, 'x', sizeof text);
    struct meta_options o = {.path = test_write_file(test_path("text"), text, sizeof text)};
    CHECK_ERR(meta_sqlite_open(&o, &db, &err), SW_EIO, NULL);
}

#define LONG_READS 8

struct long_reads {
    struct meta_db *db;
    sem_t go;
    _Atomic int begun, ended;
};

static int read_until_told(struct meta_tx *tx, void *arg, struct sw_err *err)
{
    struct long_reads *l = arg;
    int64_t n;
    int r = meta_get(tx, err, "SELECT COUNT(*) FROM account", "", "i", &n);
    atomic_fetch_add(&l->begun, 1);
    while (sem_wait(&l->go) < 0)
        continue;
    return r < 0 ? r : 0;
}

static void *long_main(void *arg)
{
    struct long_reads *l = arg;
    struct sw_err err = SW_ERR_INIT;
    CHECK_OK(meta_tx(l->db, META_READ_LONG, read_until_told, l, &err));
    atomic_fetch_add(&l->ended, 1);
    return NULL;
}

static int read_number(struct meta_tx *tx, void *arg, struct sw_err *err)
{
    return meta_get(tx, err, "SELECT COUNT(*) FROM account", "", "i", (int64_t *)arg);
}

static void wait_until(_Atomic int *number, int wanted)
{
    for (int i = 0; i < 20000 && atomic_load(number) < wanted; i++)
        nanosleep(&(struct timespec){.tv_nsec = 5000000}, NULL);
    CHECK_EQ_INT(atomic_load(number), wanted);
}

static void check_long_reads(size_t readers_max, int at_once)
{
    struct sw_err err = SW_ERR_INIT;
    struct long_reads l = {0};
    struct meta_options o = {.path = test_path("long.db"), .readers_max = readers_max};
    pthread_t threads[LONG_READS];
    int64_t number = 0;
    CHECK_OK(meta_sqlite_open(&o, &l.db, &err));
    sem_init(&l.go, 0, 0);
    for (int i = 0; i < LONG_READS; i++)
        CHECK(pthread_create(&threads[i], NULL, long_main, &l) == 0);
    wait_until(&l.begun, at_once);
    nanosleep(&(struct timespec){.tv_nsec = 50000000}, NULL);
    CHECK_EQ_INT(atomic_load(&l.begun), at_once);
    if (readers_max > 1)
        CHECK(meta_tx(l.db, META_READ, read_number, &number, &err) == 1);
    CHECK_EQ_INT(atomic_load(&l.ended), 0);
    for (int i = 0; i < LONG_READS; i++)
        sem_post(&l.go);
    for (int i = 0; i < LONG_READS; i++)
        pthread_join(threads[i], NULL);
    CHECK_EQ_INT(atomic_load(&l.ended), LONG_READS);
    sem_destroy(&l.go);
    meta_db_free(l.db);
}

TEST(long_reads_leave_two_readers_to_the_short_ones)
{
    check_long_reads(8, 6);
    check_long_reads(3, 1);
}

TEST(few_readers_still_read_long)
{
    check_long_reads(2, 1);
    check_long_reads(1, 1);
}
