/* SPDX-License-Identifier: Apache-2.0 */
/* test-deps: storage/meta base */
/* The power goes away at every sync (and every new file, truncation and deletion) of SQLite in a scenario of the database: migrations,
 * single and shared commits, one that outgrows the cache, checkpoints, closing and opening again. What may be left on the disk
 * (tests/lib/power.h) is opened: it is sound, every acknowledged transaction is there, no other one is there in part. With
 * SLIPWAY_TEST_LONG=1 more images of each cut. */
#include <pthread.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/io.h"
#include "base/macros.h"
#include "storage/meta/meta.h"
#include "tests/lib/power.h"
#include "tests/lib/test.h"

#define IDS_MAX 256
#define THREADS 4
#define BIG \
    (9 << 19) /* more than the writer's cache and than the log may hold; in rows of ROW bytes */
#define ROW 60000

/* What was tried and what was acknowledged; an id belongs to one thread. */
struct history {
    bool tried[IDS_MAX], acknowledged[IDS_MAX];
    int64_t counter_tried, counter_acknowledged;
};

static char *filler;

static int create_tables(struct meta_tx *tx, void *arg, struct sw_err *err)
{
    (void)arg;
    if (meta_exec(tx, err, NULL,
                  "CREATE TABLE half (id BIGINT, part BIGINT, parts BIGINT, data TEXT,"
                  " PRIMARY KEY (id, part))",
                  "") < 0 ||
        meta_exec(tx, err, NULL, "CREATE TABLE counter (value BIGINT)", "") < 0 ||
        meta_exec(tx, err, NULL, "INSERT INTO counter VALUES (0)", "") < 0)
        return err->code;
    return 0;
}

struct addition {
    int64_t id;
    size_t bytes;
};

/* Parts that belong together, 0 to n-1; n is in each. */
static int add_tx(struct meta_tx *tx, void *arg, struct sw_err *err)
{
    const struct addition *a = arg;
    int64_t parts = 2 + (int64_t)(a->bytes / ROW);
    for (int64_t part = 0; part < parts; part++)
        if (meta_exec(tx, err, NULL,
                      "INSERT INTO half (id, part, parts, data) VALUES ($1, $2, $3, $4)", "iiit",
                      a->id, part, parts, a->bytes ? filler : "") < 0)
            return err->code;
    return 0;
}

static int add(struct meta_db *db, struct history *h, int64_t id, size_t bytes, struct sw_err *err)
{
    struct addition a = {id, bytes};
    h->tried[id] = true;
    int r = meta_tx(db, META_WRITE, add_tx, &a, err);
    h->acknowledged[id] = r == 0;
    return r;
}

static int count_tx(struct meta_tx *tx, void *arg, struct sw_err *err)
{
    return meta_exec(tx, err, NULL, "UPDATE counter SET value = $1", "i", *(int64_t *)arg);
}

static int count_to(struct meta_db *db, struct history *h, int64_t value, struct sw_err *err)
{
    h->counter_tried = value;
    int r = meta_tx(db, META_WRITE, count_tx, &value, err);
    if (r == 0)
        h->counter_acknowledged = value;
    return r;
}

struct adder {
    struct meta_db *db;
    struct history *h;
    int64_t first;
    pthread_t thread;
    int result;
};

static void *adder_main(void *arg)
{
    struct adder *a = arg;
    struct sw_err err = SW_ERR_INIT;
    for (int64_t id = a->first; id < a->first + 3 && a->result == 0; id++)
        a->result = add(a->db, a->h, id, 0, &err);
    return NULL;
}

/* Commits that are shared. */
static int add_together(struct meta_db *db, struct history *h, int64_t first)
{
    struct adder adders[THREADS];
    int r = 0;
    for (int i = 0; i < THREADS; i++) {
        adders[i] = (struct adder){.db = db, .h = h, .first = first + 3 * i};
        CHECK(pthread_create(&adders[i].thread, NULL, adder_main, &adders[i]) == 0);
    }
    for (int i = 0; i < THREADS; i++) {
        CHECK(pthread_join(adders[i].thread, NULL) == 0);
        r = adders[i].result ? adders[i].result : r;
    }
    return r;
}

static int first_part(struct meta_db *db, struct history *h, struct sw_err *err)
{
    int r = meta_tx(db, META_WRITE, create_tables, NULL, err);
    for (int64_t id = 0; id < 3 && r == 0; id++)
        r = add(db, h, id, 0, err);
    if (r == 0)
        r = add(db, h, 3, 100000, err);
    return r == 0 ? add_together(db, h, 10) : r;
}

/* The log passes the length at which the writer moves it into the database, and begins anew. */
static int second_part(struct meta_db *db, struct history *h, struct sw_err *err)
{
    int r = 0;
    for (int64_t i = 1; i < 4 && r == 0; i++)
        r = count_to(db, h, i, err);
    if (r == 0)
        r = add(db, h, 50, BIG, err);
    for (int64_t i = 4; i < 7 && r == 0; i++)
        r = count_to(db, h, i, err);
    return r == 0 ? add_together(db, h, 60) : r;
}

static int scenario(const char *path, struct history *h)
{
    static int (*const parts[])(struct meta_db *, struct history *,
                                struct sw_err *) = {first_part, second_part};
    struct meta_options o = {.path = path, .readers_max = 1};
    int r = 0;
    for (size_t i = 0; i < SW_ARRAY_LEN(parts) && r == 0; i++) {
        struct sw_err err = SW_ERR_INIT;
        struct meta_db *db = NULL;
        r = meta_sqlite_open(&o, &db, &err);
        if (r == 0) {
            r = parts[i](db, h, &err);
            meta_db_free(db);
        }
    }
    return r;
}

/* --- what is found ------------------------------------------------------------------------------ */

struct found {
    int64_t parts[IDS_MAX], wanted[IDS_MAX];
    int64_t counter;
    bool tables;
};

static int read_tx(struct meta_tx *tx, void *arg, struct sw_err *err)
{
    struct found *f = arg;
    int64_t tables = 0;
    *f = (struct found){.counter = -1};
    int r =
        meta_get(tx, err, "SELECT count(*) FROM sqlite_master WHERE name IN ('half', 'counter')",
                 "", "i", &tables);
    CHECK(tables == 0 || tables == 2);
    f->tables = tables == 2;
    if (r < 0 || !f->tables)
        return r < 0 ? r : 0;
    meta_autostmt *st = NULL;
    r = meta_query(tx, err, &st, "SELECT id, parts FROM half", "");
    while (r >= 0 && (r = meta_step(st, err)) > 0) {
        int64_t id = meta_int(st, 0);
        CHECK(id >= 0 && id < IDS_MAX);
        f->parts[id]++;
        f->wanted[id] = meta_int(st, 1);
    }
    return r < 0 ? r : meta_get(tx, err, "SELECT value FROM counter", "", "i", &f->counter);
}

static void no_damage(void *ctx, const char *what)
{
    test_fail(__FILE__, __LINE__, "%s: %s", (const char *)ctx, what);
}

static void check_image(const char *path, const struct history *h, uint64_t cut_at, uint32_t seed)
{
    struct sw_err err = SW_ERR_INIT;
    struct meta_options o = {.path = path, .readers_max = 1};
    struct meta_db *db = NULL;
    struct found f;
    struct history after = *h;
    char where[64];
    (void)snprintf(where, sizeof where, "cut at %llu, seed %u", (unsigned long long)cut_at, seed);
    CHECK_OK(meta_sqlite_open(&o, &db, &err));
    CHECK_OK(meta_check(db, no_damage, where, &err));
    CHECK_OK(meta_tx(db, META_READ, read_tx, &f, &err));
    for (int id = 0; id < IDS_MAX; id++) {
        CHECK_MSG(f.parts[id] || !h->acknowledged[id], "%s: %d was lost", where, id);
        CHECK_MSG(!f.parts[id] || h->tried[id], "%s: %d came from nowhere", where, id);
        CHECK_MSG(f.parts[id] == f.wanted[id], "%s: %d is there in part", where, id);
    }
    CHECK_MSG(f.tables || h->counter_tried == 0, "%s: no tables", where);
    if (f.tables)
        CHECK_MSG(f.counter >= h->counter_acknowledged && f.counter <= h->counter_tried,
                  "%s: the counter is %lld", where, (long long)f.counter);
    if (!f.tables)
        CHECK_OK(meta_tx(db, META_WRITE, create_tables, NULL, &err));
    CHECK_OK(add(db, &after, IDS_MAX - 1, 0, &err));
    meta_db_free(db);
}

struct run {
    uint64_t calls, syncs;
    bool dead;
};

static struct run run_until(uint64_t cut_at, uint32_t images)
{
    struct sw_err err = SW_ERR_INIT;
    struct power_disk *disk = power_new(cut_at);
    struct history *h = SW_NEW(struct history);
    const char *live = test_path("live"), *image = test_path("image");
    CHECK(sw_mkdirs(live, 0700, &err) == 0);
    power_sqlite_attach(disk, live);
    int r = scenario(test_path("live/meta.db"), h);
    struct run run = {disk->calls, disk->sql_syncs, disk->dead};
    CHECK((r < 0) <= disk->dead);
    power_sqlite_detach();
    for (uint32_t i = 0; i < images; i++) {
        uint32_t seed = i < 2 ? i : (uint32_t)cut_at + i;
        power_image(disk, image, seed);
        check_image(test_path("image/meta.db"), h, cut_at, seed);
        CHECK_OK(sw_remove_tree(image, &err));
    }
    CHECK_OK(sw_remove_tree(live, &err));
    free(h);
    power_free(disk);
    return run;
}

TEST(no_cut_loses_an_acknowledged_transaction)
{
    const char *more = getenv("SLIPWAY_TEST_LONG");
    uint32_t images = sw_streq(more, "1") ? 100 : 4;
    filler = sw_malloc(ROW + 1);
    memset(filler, 'f', ROW);
    filler[ROW] = 0;
    struct run whole = run_until(0, 2);
    struct run last = {0};
    CHECK(whole.syncs > 20 && !whole.dead);
    for (uint64_t cut_at = 1; cut_at == 1 || last.dead; cut_at++) {
        CHECK(cut_at < 2 * whole.calls + 100);
        last = run_until(cut_at, images);
    }
    printf("    %llu calls, %llu of them syncs, %u images of each cut\n",
           (unsigned long long)whole.calls, (unsigned long long)whole.syncs, images);
    free(filler);
    filler = NULL;
}

/* The disk itself must be able to lose things, or the test above proves nothing. */
TEST(without_syncs_a_transaction_is_lost)
{
    struct sw_err err = SW_ERR_INIT;
    struct power_disk *disk = power_new(0);
    struct history h = {.counter_tried = 0};
    struct meta_options o = {.path = test_path("live/meta.db"), .readers_max = 1};
    struct meta_db *db = NULL;
    struct found f;
    CHECK(sw_mkdirs(test_path("live"), 0700, &err) == 0);
    power_sqlite_attach(disk, test_path("live"));
    CHECK_OK(meta_sqlite_open(&o, &db, &err));
    CHECK_OK(meta_tx(db, META_WRITE, create_tables, NULL, &err));
    disk->deaf = true;
    CHECK_OK(add(db, &h, 1, 0, &err));
    power_cut(disk);
    meta_db_free(db);
    power_sqlite_detach();
    power_image(disk, test_path("image"), 0);
    o.path = test_path("image/meta.db");
    CHECK_OK(meta_sqlite_open(&o, &db, &err));
    CHECK_OK(meta_tx(db, META_READ, read_tx, &f, &err));
    CHECK(f.tables && f.parts[1] == 0);
    meta_db_free(db);
    power_free(disk);
}
