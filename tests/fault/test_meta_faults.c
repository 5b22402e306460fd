/* SPDX-License-Identifier: Apache-2.0 */
/* test-deps: storage/meta base */
/* Statements and commits that fail: injected ones at every point of a scenario, and real ones from
 * a limit on the size of files, by which SQLite's own error paths run. A transaction happened as a
 * whole or not at all, only acknowledged ones happened unless the commit itself failed, and the
 * database serves on without being opened again. */
#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <sys/resource.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/macros.h"
#include "storage/meta/meta.h"
#include "storage/meta/meta_fault.h"
#include "tests/lib/test.h"

static struct meta_db *open_db(void)
{
    struct sw_err err = SW_ERR_INIT;
    struct meta_db *db = NULL;
    CHECK_OK(meta_sqlite_open(&(struct meta_options){.path = test_path("meta.db")}, &db, &err));
    return db;
}

static int create_table(struct meta_tx *tx, void *arg, struct sw_err *err)
{
    (void)arg;
    return meta_exec(tx, err, NULL,
                     "CREATE TABLE pair (id INTEGER PRIMARY KEY, half BIGINT, data TEXT)", "");
}

static struct meta_db *open_with_table(void)
{
    struct sw_err err = SW_ERR_INIT;
    struct meta_db *db = open_db();
    CHECK_OK(meta_tx(db, META_WRITE, create_table, NULL, &err));
    return db;
}

static const char insert_sql[] = "INSERT INTO pair (half, data) VALUES ($1, $2)";

/* Two rows that belong together. */
static int add_pair(struct meta_tx *tx, void *arg, struct sw_err *err)
{
    if (meta_exec(tx, err, NULL, insert_sql, "it", (int64_t)1, (const char *)arg) < 0)
        return err->code;
    return meta_exec(tx, err, NULL, insert_sql, "it", (int64_t)2, (const char *)arg);
}

static int count_pairs(struct meta_tx *tx, void *arg, struct sw_err *err)
{
    int64_t ones = 0, all = 0;
    if (meta_get(tx, err, "SELECT coalesce(sum(half = 1), 0), count(*) FROM pair", "", "ii", &ones,
                 &all) < 0)
        return err->code;
    CHECK_EQ_INT(all, 2 * ones);
    *(int64_t *)arg = ones;
    return 0;
}

static int64_t pairs(struct meta_db *db)
{
    struct sw_err err = SW_ERR_INIT;
    int64_t n = 0;
    CHECK_OK(meta_tx(db, META_READ, count_pairs, &n, &err));
    return n;
}

static void check_serves_on(struct meta_db *db)
{
    struct sw_err err = SW_ERR_INIT;
    int64_t before = pairs(db);
    CHECK_OK(meta_tx(db, META_WRITE, add_pair, "after", &err));
    CHECK_EQ_INT(pairs(db), before + 1);
}

static bool expected(const struct sw_err *err, int errno_value)
{
    if (errno_value == ENOSPC)
        return err->code == SW_ELIMIT && sw_streq(err->reason, "DiskFull");
    return err->code == SW_EIO;
}

static void run_points(enum meta_fault_kind kind, bool persistent, int errno_value)
{
    struct sw_err err = SW_ERR_INIT;
    struct meta_db *db = open_with_table();
    int64_t acknowledged = pairs(db);
    bool hit = true;
    for (uint64_t nth = 1; hit; nth++) {
        CHECK(nth < 100);
        int refused = 0;
        meta_fault_arm(kind, nth, persistent, errno_value);
        for (int i = 0; i < 5; i++) {
            if (meta_tx(db, META_WRITE, add_pair, "x", &err) == 0) {
                acknowledged++;
                continue;
            }
            CHECK(expected(&err, errno_value));
            sw_err_clear(&err);
            refused++;
        }
        hit = meta_fault_disarm();
        CHECK_EQ_INT(hit, refused > 0);
        CHECK(persistent || refused <= 1);
        CHECK_EQ_INT(pairs(db), acknowledged);
        check_serves_on(db);
        acknowledged++;
    }
    meta_db_free(db);
    db = open_db();
    CHECK_EQ_INT(pairs(db), acknowledged);
    meta_db_free(db);
}

TEST(every_statement_fails_once)
{
    run_points(META_FAULT_STATEMENT, false, EIO);
}

TEST(every_statement_fails_for_good)
{
    run_points(META_FAULT_STATEMENT, true, ENOSPC);
}

TEST(every_commit_fails_once)
{
    run_points(META_FAULT_COMMIT, false, EIO);
}

TEST(every_commit_fails_for_good)
{
    run_points(META_FAULT_COMMIT, true, ENOSPC);
}

TEST(a_failing_read_says_so_and_the_next_one_works)
{
    struct sw_err err = SW_ERR_INIT;
    struct meta_db *db = open_with_table();
    int64_t n = -1;
    meta_fault_arm(META_FAULT_STATEMENT, 1, false, EIO);
    CHECK_ERR(meta_tx(db, META_READ, count_pairs, &n, &err), SW_EIO, NULL);
    CHECK(meta_fault_disarm());
    CHECK_EQ_INT(n, -1);
    CHECK_EQ_INT(pairs(db), 0);
    meta_db_free(db);
}

/* --- batches ---------------------------------------------------------------------------------- */

#define MEMBERS 8

struct gate {
    sem_t entered, leave;
};

/* Keeps the writer busy, so that what comes meanwhile becomes one batch. */
static int wait_at_gate(struct meta_tx *tx, void *arg, struct sw_err *err)
{
    struct gate *g = arg;
    (void)tx, (void)err;
    sem_post(&g->entered);
    while (sem_wait(&g->leave) < 0)
        continue;
    return 0;
}

struct member {
    struct meta_db *db;
    meta_fn fn;
    void *arg;
    struct sw_err err;
    int result;
    pthread_t thread;
};

static void *member_main(void *arg)
{
    struct member *m = arg;
    m->result = meta_tx(m->db, META_WRITE, m->fn, m->arg, &m->err);
    return NULL;
}

static void start(struct member *m, struct meta_db *db, meta_fn fn, void *arg)
{
    *m = (struct member){.db = db, .fn = fn, .arg = arg};
    CHECK(pthread_create(&m->thread, NULL, member_main, m) == 0);
}

/* All members as one batch. */
static void run_batch(struct meta_db *db, struct member members[MEMBERS], meta_fn odd)
{
    struct gate g;
    struct member blocker;
    sem_init(&g.entered, 0, 0);
    sem_init(&g.leave, 0, 0);
    start(&blocker, db, wait_at_gate, &g);
    while (sem_wait(&g.entered) < 0)
        continue;
    for (int i = 0; i < MEMBERS; i++)
        start(&members[i], db, i == MEMBERS / 2 ? odd : add_pair, "b");
    struct meta_stats stats = {.queued = 0};
    for (int i = 0; i < 10000 && stats.queued < MEMBERS; i++) {
        sw_sleep_ms(1);
        meta_stats(db, &stats);
    }
    CHECK_EQ_UINT(stats.queued, MEMBERS);
    sem_post(&g.leave);
    for (int i = 0; i < MEMBERS; i++)
        pthread_join(members[i].thread, NULL);
    pthread_join(blocker.thread, NULL);
    sem_destroy(&g.entered);
    sem_destroy(&g.leave);
}

static int refuse_after_writing(struct meta_tx *tx, void *arg, struct sw_err *err)
{
    if (add_pair(tx, arg, err) < 0)
        return err->code;
    return sw_fail(err, SW_ESTALE, "Odd", "not today");
}

TEST(one_of_a_batch_fails_alone)
{
    struct meta_db *db = open_with_table();
    struct member members[MEMBERS];
    struct meta_stats before, after;
    meta_stats(db, &before);
    run_batch(db, members, refuse_after_writing);
    meta_stats(db, &after);
    for (int i = 0; i < MEMBERS; i++)
        CHECK_EQ_INT(members[i].result, i == MEMBERS / 2 ? SW_ESTALE : 0);
    CHECK_EQ_INT(pairs(db), MEMBERS - 1);
    CHECK_EQ_UINT(after.commits - before.commits, 2); /* the gate's and the batch's */
    meta_db_free(db);
}

TEST(a_batch_whose_commit_fails_fails_as_a_whole)
{
    struct meta_db *db = open_with_table();
    struct member members[MEMBERS];
    meta_fault_arm(META_FAULT_COMMIT, 2, false, EIO); /* the first is the gate's */
    run_batch(db, members, refuse_after_writing);
    CHECK(meta_fault_disarm());
    for (int i = 0; i < MEMBERS; i++) {
        CHECK_EQ_INT(members[i].result, SW_EIO);
        CHECK_EQ_INT(members[i].err.code, SW_EIO);
    }
    CHECK_EQ_INT(pairs(db), 0);
    check_serves_on(db);
    meta_db_free(db);
}

TEST(a_batch_that_loses_its_transaction_runs_again_one_by_one)
{
    struct meta_db *db = open_with_table();
    struct member members[MEMBERS];
    meta_fault_arm(META_FAULT_STATEMENT, MEMBERS, false, ENOSPC);
    run_batch(db, members, add_pair);
    CHECK(meta_fault_disarm());
    for (int i = 0; i < MEMBERS; i++)
        CHECK_EQ_INT(members[i].result, 0);
    CHECK_EQ_INT(pairs(db), MEMBERS);
    meta_db_free(db);
}

/* --- real failures ---------------------------------------------------------------------------- */

static int add_much(struct meta_tx *tx, void *arg, struct sw_err *err)
{
    for (int i = 0; i < 8; i++)
        if (add_pair(tx, arg, err) < 0)
            return err->code;
    return 0;
}

static void limit_files(rlim_t most)
{
    struct rlimit limit;
    CHECK(getrlimit(RLIMIT_FSIZE, &limit) == 0);
    limit.rlim_cur = SW_MIN(most, limit.rlim_max);
    CHECK(setrlimit(RLIMIT_FSIZE, &limit) == 0);
}

/* The log meets its end at some write or other, a page later in every round. */
TEST(files_that_cannot_grow)
{
    struct sw_err err = SW_ERR_INIT;
    struct rlimit old;
    CHECK(getrlimit(RLIMIT_FSIZE, &old) == 0);
    signal(SIGXFSZ, SIG_IGN);
    sw_autofree char *data = sw_malloc(30001);
    memset(data, 'd', 30000);
    data[30000] = 0;
    struct meta_db *db = open_with_table();
    int64_t acknowledged = 0;
    int refused = 0;
    for (rlim_t most = 40000; most < 1500000; most += 4096 * 7) {
        limit_files(most);
        for (int i = 0; i < 3; i++) {
            if (meta_tx(db, META_WRITE, add_much, data, &err) == 0) {
                acknowledged += 8;
            } else {
                CHECK(err.code == SW_EIO || err.code == SW_ELIMIT);
                sw_err_clear(&err);
                refused++;
            }
        }
        limit_files(old.rlim_cur);
        CHECK_EQ_INT(pairs(db), acknowledged);
    }
    CHECK(refused > 0 && acknowledged > 0);
    check_serves_on(db);
    meta_db_free(db);
    db = open_db();
    CHECK_EQ_INT(pairs(db), acknowledged + 1);
    meta_db_free(db);
}
