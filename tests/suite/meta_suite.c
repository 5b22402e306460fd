/* SPDX-License-Identifier: Apache-2.0 */
/* test-deps: storage/meta base */
/* What every metadata driver must do. SLIPWAY_TEST_META names the driver: sqlite (the default). */
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/macros.h"
#include "storage/meta/meta.h"
#include "tests/lib/test.h"

static struct meta_db *open_db(void)
{
    struct sw_err err = SW_ERR_INIT;
    struct meta_db *db = NULL;
    const char *driver = getenv("SLIPWAY_TEST_META");
    if (driver && !sw_streq(driver, "sqlite"))
        test_fail(__FILE__, __LINE__, "no driver %s", driver);
    CHECK_OK(meta_sqlite_open(&(struct meta_options){.path = test_path("meta.db")}, &db, &err));
    return db;
}

static int exec_text(struct meta_tx *tx, void *arg, struct sw_err *err)
{
    return meta_exec(tx, err, NULL, arg, "");
}

static void write_sql(struct meta_db *db, const char *sql)
{
    struct sw_err err = SW_ERR_INIT;
    CHECK_OK(meta_tx(db, META_WRITE, exec_text, (void *)(uintptr_t)sql, &err));
}

struct count {
    const char *sql;
    int64_t n;
};

static int count_rows(struct meta_tx *tx, void *arg, struct sw_err *err)
{
    struct count *c = arg;
    return meta_get(tx, err, c->sql, "", "i", &c->n) < 0 ? err->code : 0;
}

static int64_t number(struct meta_db *db, const char *sql)
{
    struct sw_err err = SW_ERR_INIT;
    struct count c = {.sql = sql};
    CHECK_OK(meta_tx(db, META_READ, count_rows, &c, &err));
    return c.n;
}

static struct meta_db *open_with_table(void)
{
    struct meta_db *db = open_db();
    write_sql(db,
              "CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT UNIQUE, data BYTEA, n BIGINT)");
    return db;
}

/* --- values ----------------------------------------------------------------------------------- */

static int round_trip(struct meta_tx *tx, void *arg, struct sw_err *err)
{
    (void)arg;
    static const unsigned char bytes[] = {0, 1, 255, 0};
    int64_t changed = 0;
    if (meta_exec(tx, err, &changed,
                  "INSERT INTO t (id, n, data, name) VALUES ($4, $3, $2, $1), ($5, $3, $6, $7)",
                  "sbiiitn", SW_STR("z\xc3\xbc"), (const void *)bytes, sizeof bytes, INT64_MIN,
                  (int64_t)1, (int64_t)2, NULL) < 0)
        return err->code;
    CHECK_EQ_INT(changed, 2);
    meta_autostmt *st = NULL;
    if (meta_query(tx, err, &st, "SELECT id, name, data, n FROM t ORDER BY id", "") < 0)
        return err->code;
    CHECK_EQ_INT(meta_step(st, err), 1);
    CHECK_EQ_INT(meta_int(st, 0), 1);
    CHECK_EQ_MEM(meta_str(st, 1).p, meta_str(st, 1).n, "z\xc3\xbc", 3);
    CHECK_EQ_MEM(meta_str(st, 2).p, meta_str(st, 2).n, bytes, sizeof bytes);
    CHECK_EQ_INT(meta_int(st, 3), INT64_MIN);
    CHECK(!meta_is_null(st, 1));
    CHECK_EQ_INT(meta_step(st, err), 1);
    CHECK(meta_is_null(st, 1));
    CHECK(meta_is_null(st, 2));
    CHECK_NULL(meta_str(st, 1).p);
    CHECK_EQ_UINT(meta_str(st, 1).n, 0);
    CHECK_NULL(meta_dup(st, 2));
    CHECK_EQ_INT(meta_int(st, 1), 0);
    CHECK_EQ_INT(meta_step(st, err), 0);
    return 0;
}

TEST(values_round_trip_in_any_order_of_parameters)
{
    struct sw_err err = SW_ERR_INIT;
    struct meta_db *db = open_with_table();
    CHECK_OK(meta_tx(db, META_WRITE, round_trip, NULL, &err));
    meta_db_free(db);
}

static int empty_values(struct meta_tx *tx, void *arg, struct sw_err *err)
{
    (void)arg;
    if (meta_exec(tx, err, NULL, "INSERT INTO t (name, data) VALUES ($1, $2)", "sb", SW_STR(""),
                  (const void *)"", (size_t)0) < 0)
        return err->code;
    meta_autostmt *st = NULL;
    if (meta_query(tx, err, &st, "SELECT name, data FROM t", "") < 0)
        return err->code;
    CHECK_EQ_INT(meta_step(st, err), 1);
    for (int i = 0; i < 2; i++) {
        CHECK(!meta_is_null(st, i));
        CHECK_NOT_NULL(meta_str(st, i).p);
        CHECK_EQ_UINT(meta_str(st, i).n, 0);
    }
    return 0;
}

TEST(empty_is_not_null)
{
    struct sw_err err = SW_ERR_INIT;
    struct meta_db *db = open_with_table();
    CHECK_OK(meta_tx(db, META_WRITE, empty_values, NULL, &err));
    meta_db_free(db);
}

static int get_variants(struct meta_tx *tx, void *arg, struct sw_err *err)
{
    (void)arg;
    int64_t id = -1, untouched = -7;
    char *name = NULL;
    CHECK_EQ_INT(meta_get(tx, err, "INSERT INTO t (name, n) VALUES ($1, $2) RETURNING id, name",
                          "ti", "a", (int64_t)5, "it", &id, &name),
                 1);
    CHECK(id > 0);
    CHECK_EQ_STR(name, "a");
    free(name);
    CHECK_EQ_INT(meta_get(tx, err, "SELECT n FROM t WHERE name = $1", "t", "none", "i", &untouched),
                 0);
    CHECK_EQ_INT(untouched, -7);
    /* The same text while it is in use: two statements, two positions. */
    meta_autostmt *one = NULL, *two = NULL;
    const char *sql = "SELECT n FROM t WHERE n = $1 OR n = 6 ORDER BY n";
    CHECK_EQ_INT(meta_exec(tx, err, NULL, "INSERT INTO t (n) VALUES (6)", ""), 0);
    CHECK_EQ_INT(meta_query(tx, err, &one, sql, "i", (int64_t)5), 0);
    CHECK_EQ_INT(meta_step(one, err), 1);
    CHECK_EQ_INT(meta_query(tx, err, &two, sql, "i", (int64_t)0), 0);
    CHECK_EQ_INT(meta_step(two, err), 1);
    CHECK_EQ_INT(meta_int(one, 0), 5);
    CHECK_EQ_INT(meta_int(two, 0), 6);
    CHECK_EQ_INT(meta_step(one, err), 1);
    CHECK_EQ_INT(meta_int(one, 0), 6);
    return 0;
}

TEST(one_row_helper_and_statements_used_twice)
{
    struct sw_err err = SW_ERR_INIT;
    struct meta_db *db = open_with_table();
    CHECK_OK(meta_tx(db, META_WRITE, get_variants, NULL, &err));
    CHECK_EQ_INT(number(db, "SELECT count(*) FROM t"), 2);
    meta_db_free(db);
}

static int values_are_copied(struct meta_tx *tx, void *arg, struct sw_err *err)
{
    (void)arg;
    char name[] = "before";
    meta_autostmt *st = NULL;
    CHECK_EQ_INT(meta_query(tx, err, &st, "SELECT $1", "t", name), 0);
    memset(name, 'x', sizeof name - 1);
    CHECK_EQ_INT(meta_step(st, err), 1);
    sw_autofree char *got = meta_dup(st, 0);
    CHECK_EQ_STR(got, "before");
    return 0;
}

TEST(a_query_keeps_its_own_copy_of_values)
{
    struct sw_err err = SW_ERR_INIT;
    struct meta_db *db = open_db();
    CHECK_OK(meta_tx(db, META_READ, values_are_copied, NULL, &err));
    meta_db_free(db);
}

/* --- errors ----------------------------------------------------------------------------------- */

TEST(violations_are_conflicts_and_leave_nothing)
{
    struct sw_err err = SW_ERR_INIT;
    struct meta_db *db = open_with_table();
    write_sql(db, "CREATE TABLE child (t_id BIGINT REFERENCES t (id))");
    write_sql(db, "INSERT INTO t (id, name) VALUES (1, 'a')");
    CHECK_ERR(meta_tx(db, META_WRITE, exec_text, "INSERT INTO t (name) VALUES ('a')", &err),
              SW_ECONFLICT, NULL);
    CHECK_ERR(meta_tx(db, META_WRITE, exec_text, "INSERT INTO t (id) VALUES (1)", &err),
              SW_ECONFLICT, NULL);
    int r = meta_tx(db, META_WRITE, exec_text, "INSERT INTO child VALUES (2)", &err);
    CHECK_NULL(err.reason);
    CHECK_ERR(r, SW_ECONFLICT, NULL);
    CHECK_EQ_INT(number(db, "SELECT (SELECT count(*) FROM t) + (SELECT count(*) FROM child)"), 1);
    meta_db_free(db);
}

static int returning_unfinished(struct meta_tx *tx, void *arg, struct sw_err *err)
{
    (void)arg;
    meta_autostmt *st = NULL;
    if (meta_query(tx, err, &st, "INSERT INTO child VALUES (7) RETURNING t_id", "") < 0)
        return err->code;
    return meta_step(st, err) < 0 ? err->code : 0; /* the violation would show at the end */
}

static int returning_get(struct meta_tx *tx, void *arg, struct sw_err *err)
{
    char **name = arg;
    return meta_get(tx, err, "INSERT INTO child VALUES (7) RETURNING 'text'", "", "t", name) < 0
               ? err->code
               : 0;
}

TEST(an_error_behind_the_last_row_is_not_lost)
{
    struct sw_err err = SW_ERR_INIT;
    struct meta_db *db = open_with_table();
    char *name = NULL;
    write_sql(db, "CREATE TABLE child (t_id BIGINT REFERENCES t (id))");
    CHECK_ERR(meta_tx(db, META_WRITE, returning_unfinished, NULL, &err), SW_ECONFLICT, NULL);
    CHECK_ERR(meta_tx(db, META_WRITE, returning_get, &name, &err), SW_ECONFLICT, NULL);
    CHECK_NULL(name);
    CHECK_EQ_INT(number(db, "SELECT count(*) FROM child"), 0);
    meta_db_free(db);
}

static int refuse(struct meta_tx *tx, void *arg, struct sw_err *err)
{
    if (exec_text(tx, arg, err) < 0)
        return err->code;
    return sw_fail(err, SW_ESTALE, "Why", "changed my mind");
}

TEST(a_refusing_function_rolls_back_and_its_error_arrives)
{
    struct sw_err err = SW_ERR_INIT;
    struct meta_db *db = open_with_table();
    CHECK_ERR(meta_tx(db, META_WRITE, refuse, "INSERT INTO t (n) VALUES (1)", &err), SW_ESTALE,
              "Why");
    CHECK_EQ_INT(number(db, "SELECT count(*) FROM t"), 0);
    meta_db_free(db);
}

static int conflict_and_go_on(struct meta_tx *tx, void *arg, struct sw_err *err)
{
    (void)arg;
    if (exec_text(tx, "INSERT INTO t (name) VALUES ('b')", err) < 0)
        return err->code;
    CHECK_EQ_INT(exec_text(tx, "INSERT INTO t (name) VALUES ('b')", err), SW_ECONFLICT);
    sw_err_clear(err);
    return exec_text(tx, "INSERT INTO t (name) VALUES ('c')", err);
}

TEST(a_handled_conflict_does_not_end_the_transaction)
{
    struct sw_err err = SW_ERR_INIT;
    struct meta_db *db = open_with_table();
    CHECK_OK(meta_tx(db, META_WRITE, conflict_and_go_on, NULL, &err));
    CHECK_EQ_INT(number(db, "SELECT count(*) FROM t"), 2);
    meta_db_free(db);
}

static int wrong_parameters(struct meta_tx *tx, void *arg, struct sw_err *err)
{
    (void)arg;
    return meta_exec(tx, err, NULL, "INSERT INTO t (n) VALUES ($1)", "ii", (int64_t)1, (int64_t)2);
}

TEST(programming_errors_are_internal)
{
    struct sw_err err = SW_ERR_INIT;
    struct meta_db *db = open_with_table();
    CHECK_ERR(meta_tx(db, META_WRITE, exec_text, "INSERT INTO nowhere VALUES (1)", &err),
              SW_EINTERNAL, NULL);
    CHECK_ERR(meta_tx(db, META_WRITE, exec_text, "SELECT 1; SELECT 2", &err), SW_EINTERNAL, NULL);
    CHECK_ERR(meta_tx(db, META_WRITE, exec_text, "SELECT $2", &err), SW_EINTERNAL, NULL);
    CHECK_ERR(meta_tx(db, META_WRITE, wrong_parameters, NULL, &err), SW_EINTERNAL, NULL);
    CHECK_ERR(meta_tx(db, META_READ, exec_text, "INSERT INTO t (n) VALUES (1)", &err), SW_EINTERNAL,
              NULL);
    write_sql(db, "CREATE TABLE strict_one (a TEXT NOT NULL)");
    CHECK_ERR(meta_tx(db, META_WRITE, exec_text, "INSERT INTO strict_one VALUES (NULL)", &err),
              SW_EINTERNAL, NULL);
    CHECK_EQ_INT(number(db, "SELECT count(*) FROM t"), 0);
    meta_db_free(db);
}

/* --- concurrency ------------------------------------------------------------------------------ */

#define THREADS 64
#define ROUNDS  20

struct crowd {
    struct meta_db *db;
    int number;
    _Atomic int *refused;
};

static int add_row(struct meta_tx *tx, void *arg, struct sw_err *err)
{
    return meta_exec(tx, err, NULL, "INSERT INTO t (name) VALUES ($1)", "t", (const char *)arg);
}

/* Every second round writes a name that all threads want: one wins, the others are told so. */
static void *crowd_main(void *arg)
{
    struct crowd *c = arg;
    for (int i = 0; i < ROUNDS; i++) {
        struct sw_err err = SW_ERR_INIT;
        bool shared = i % 2 == 1;
        sw_autofree char *name =
            shared ? sw_asprintf("shared-%d", i) : sw_asprintf("own-%d-%d", c->number, i);
        int r = meta_tx(c->db, META_WRITE, add_row, name, &err);
        if (r < 0) {
            CHECK(shared);
            CHECK_EQ_INT(r, SW_ECONFLICT);
            atomic_fetch_add(c->refused, 1);
        }
    }
    return NULL;
}

TEST(concurrent_writers_share_commits_and_fail_alone)
{
    struct meta_db *db = open_with_table();
    struct meta_stats before, after;
    meta_stats(db, &before);
    _Atomic int refused = 0;
    pthread_t threads[THREADS];
    struct crowd crowds[THREADS];
    for (int i = 0; i < THREADS; i++) {
        crowds[i] = (struct crowd){db, i, &refused};
        CHECK(pthread_create(&threads[i], NULL, crowd_main, &crowds[i]) == 0);
    }
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    meta_stats(db, &after);
    CHECK_EQ_INT(number(db, "SELECT count(*) FROM t"), THREADS * ROUNDS / 2 + ROUNDS / 2);
    CHECK_EQ_INT(atomic_load(&refused), THREADS * ROUNDS / 2 - ROUNDS / 2);
    uint64_t writes = after.writes - before.writes, commits = after.commits - before.commits;
    CHECK_EQ_UINT(writes, THREADS * ROUNDS);
    CHECK_MSG(commits < writes / 2, "%llu commits for %llu transactions",
              (unsigned long long)commits, (unsigned long long)writes);
    meta_db_free(db);
}

struct watcher {
    struct meta_db *db;
    _Atomic bool stop;
    _Atomic int rounds;
};

static int two_sums(struct meta_tx *tx, void *arg, struct sw_err *err)
{
    (void)arg;
    int64_t a = 0, b = 0, c = 0;
    if (meta_get(tx, err, "SELECT n FROM t WHERE name = 'a'", "", "i", &a) < 0 ||
        meta_get(tx, err, "SELECT n FROM t WHERE name = 'b'", "", "i", &b) < 0 ||
        meta_get(tx, err, "SELECT n FROM t WHERE name = 'a'", "", "i", &c) < 0)
        return err->code;
    CHECK_EQ_INT(a + b, 100);
    CHECK_EQ_INT(a, c);
    return 0;
}

static void *watcher_main(void *arg)
{
    struct watcher *w = arg;
    while (!atomic_load(&w->stop)) {
        struct sw_err err = SW_ERR_INIT;
        CHECK_OK(meta_tx(w->db, META_READ, two_sums, NULL, &err));
        atomic_fetch_add(&w->rounds, 1);
    }
    return NULL;
}

static int move_one(struct meta_tx *tx, void *arg, struct sw_err *err)
{
    (void)arg;
    if (exec_text(tx, "UPDATE t SET n = n - 1 WHERE name = 'a'", err) < 0)
        return err->code;
    return exec_text(tx, "UPDATE t SET n = n + 1 WHERE name = 'b'", err);
}

TEST(readers_see_whole_commits_beside_writers)
{
    struct sw_err err = SW_ERR_INIT;
    struct meta_db *db = open_with_table();
    write_sql(db, "INSERT INTO t (name, n) VALUES ('a', 100), ('b', 0)");
    struct watcher w = {.db = db};
    pthread_t threads[12]; /* more than there are readers' connections */
    for (size_t i = 0; i < SW_ARRAY_LEN(threads); i++)
        CHECK(pthread_create(&threads[i], NULL, watcher_main, &w) == 0);
    for (int i = 0; i < 200 || (atomic_load(&w.rounds) < 50 && i < 20000); i++)
        CHECK_OK(meta_tx(db, META_WRITE, move_one, NULL, &err));
    atomic_store(&w.stop, true);
    for (size_t i = 0; i < SW_ARRAY_LEN(threads); i++)
        pthread_join(threads[i], NULL);
    struct meta_stats stats;
    meta_stats(db, &stats);
    CHECK(stats.reads >= 50);
    meta_db_free(db);
}

static int nested(struct meta_tx *tx, void *arg, struct sw_err *err)
{
    (void)tx;
    return meta_tx(arg, META_READ, two_sums, NULL, err);
}

TEST(nesting_is_asserted)
{
    struct meta_db *db = open_db();
    meta_db_free(db);
    pid_t pid = fork();
    CHECK(pid >= 0);
    if (pid == 0) {
        struct sw_err err = SW_ERR_INIT;
        if (!freopen("/dev/null", "w", stderr))
            _exit(2);
        signal(SIGABRT, SIG_DFL);
        db = open_db();
        (void)meta_tx(db, META_WRITE, nested, db, &err);
        _exit(0);
    }
    int status = 0;
    CHECK(waitpid(pid, &status, 0) == pid);
    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
}

/* --- durability ------------------------------------------------------------------------------- */

static int add_number(struct meta_tx *tx, void *arg, struct sw_err *err)
{
    return meta_exec(tx, err, NULL, "INSERT INTO t (id, n) VALUES ($1, $1)", "i", *(int64_t *)arg);
}

/* Writes rows for ever; after each commit its number goes to the pipe. */
static void write_until_killed(int fd)
{
    struct sw_err err = SW_ERR_INIT;
    struct meta_db *db = open_db();
    for (int64_t i = 1;; i++)
        if (meta_tx(db, META_WRITE, add_number, &i, &err) < 0 ||
            write(fd, &i, sizeof i) != sizeof i)
            _exit(1);
}

TEST(acknowledged_rows_survive_sigkill)
{
    meta_db_free(open_with_table());
    int64_t last = 0;
    int fds[2];
    CHECK(pipe(fds) == 0);
    pid_t pid = fork();
    CHECK(pid >= 0);
    if (pid == 0) {
        close(fds[0]);
        write_until_killed(fds[1]);
    }
    close(fds[1]);
    int64_t i = 0;
    for (int n = 0; n < 100 && read(fds[0], &i, sizeof i) == sizeof i; n++)
        last = i;
    CHECK(kill(pid, SIGKILL) == 0);
    while (read(fds[0], &i, sizeof i) == sizeof i)
        last = i;
    close(fds[0]);
    CHECK(waitpid(pid, NULL, 0) == pid);
    CHECK(last >= 100);
    struct meta_db *db = open_db();
    int64_t rows = number(db, "SELECT count(*) FROM t");
    CHECK_MSG(rows == last || rows == last + 1, "%lld rows, %lld acknowledged", (long long)rows,
              (long long)last);
    CHECK_EQ_INT(number(db, "SELECT max(id) FROM t"), rows);
    meta_db_free(db);
}

static int add_many(struct meta_tx *tx, void *arg, struct sw_err *err)
{
    (void)arg;
    sw_autofree char *data = sw_calloc(1, 4000);
    for (int i = 0; i < 500; i++)
        if (meta_exec(tx, err, NULL, "INSERT INTO t (data) VALUES ($1)", "b", (const void *)data,
                      (size_t)4000) < 0)
            return err->code;
    return 0;
}

TEST(the_log_is_moved_into_the_database_when_idle)
{
    struct sw_err err = SW_ERR_INIT;
    struct meta_db *db = open_with_table();
    CHECK_OK(meta_tx(db, META_WRITE, add_many, NULL, &err)); /* too little to do it at once */
    struct meta_stats stats = {0};
    for (int i = 0; i < 5000 && stats.checkpoints == 0; i++) {
        sw_sleep_ms(10);
        meta_stats(db, &stats);
    }
    CHECK(stats.checkpoints > 0);
    CHECK_EQ_INT(number(db, "SELECT count(*) FROM t"), 500);
    meta_db_free(db);
}

struct writing {
    struct meta_db *db;
    atomic_bool stop;
    atomic_int n;
};

static void *write_on(void *arg)
{
    struct writing *w = arg;
    for (; !atomic_load(&w->stop); atomic_fetch_add(&w->n, 1))
        write_sql(w->db, "INSERT INTO t (data) VALUES ('beside')");
    return NULL;
}

static int count_lines(struct meta_tx *tx, void *arg, struct sw_err *err)
{
    return meta_get(tx, err, "SELECT count(*) FROM t", "", "i", (int64_t *)arg) < 0 ? err->code : 0;
}

TEST(a_backup_is_one_commits_state_beside_writers)
{
    struct sw_err err = SW_ERR_INIT;
    struct meta_db *db = open_with_table(), *copy = NULL;
    CHECK_OK(meta_tx(db, META_WRITE, add_many, NULL, &err));
    struct writing w = {.db = db};
    pthread_t thread;
    CHECK(pthread_create(&thread, NULL, write_on, &w) == 0);
    for (int i = 0; i < 5000 && atomic_load(&w.n) == 0; i++)
        sw_sleep_ms(10);
    CHECK_OK(meta_backup(db, test_path("copy.db"), &err));
    atomic_store(&w.stop, true);
    pthread_join(thread, NULL);
    CHECK_ERR(meta_backup(db, test_path("copy.db"), &err), SW_ECONFLICT, NULL);
    CHECK_OK(meta_sqlite_open(&(struct meta_options){.path = test_path("copy.db")}, &copy, &err));
    int64_t n = 0;
    CHECK_OK(meta_tx(copy, META_READ, count_lines, &n, &err));
    CHECK_MSG(n > 500 && n <= 500 + atomic_load(&w.n), "%lld rows", (long long)n);
    meta_db_free(copy);
    meta_db_free(db);
}

TEST(a_backup_that_fails_leaves_no_file)
{
    struct sw_err err = SW_ERR_INIT;
    struct meta_db *db = open_with_table();
    CHECK_ERR(meta_backup(db, test_path("no/such/folder.db"), &err), SW_ENOTFOUND, NULL);
    meta_db_free(db);
}

static void count_damage(void *ctx, const char *what)
{
    CHECK(*what);
    ++*(int *)ctx;
}

TEST(a_sound_database_has_no_damage)
{
    struct sw_err err = SW_ERR_INIT;
    struct meta_db *db = open_with_table();
    int n = 0;
    CHECK_OK(meta_tx(db, META_WRITE, add_many, NULL, &err));
    CHECK_OK(meta_check(db, count_damage, &n, &err));
    CHECK_EQ_INT(n, 0);
    meta_db_free(db);
}
