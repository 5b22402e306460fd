/* SPDX-License-Identifier: Apache-2.0 */
#include "launcher/api/exec_transcript.h"

#include <stdatomic.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/macros.h"
#include "storage/meta/meta.h"
#include "tests/lib/test.h"

#define ACCOUNT "000000000000"
#define WAIT_MS 60000

static struct meta_db *db;
static struct log_store *store;
static struct sw_pool *pool;
static struct exec_transcript *transcript;
static const struct log_scope scope = {.account = ACCOUNT, .region = "us-east-1"};
static atomic_int woken;

static int add_account(struct meta_tx *tx, void *arg SW_UNUSED, struct sw_err *err)
{
    return meta_exec(tx, err, NULL,
                     "INSERT INTO account (id, created_at) VALUES ($1, 0) ON CONFLICT DO NOTHING",
                     "t", ACCOUNT);
}

static void wake(void *ctx SW_UNUSED)
{
    atomic_fetch_add(&woken, 1);
}

static void begin(void)
{
    struct sw_err err = SW_ERR_INIT;
    struct meta_options m = {.path = test_path("meta.db")};
    CHECK_OK(meta_sqlite_open(&m, &db, &err));
    CHECK_OK(meta_tx(db, META_WRITE, add_account, NULL, &err));
    struct log_store_options o = {.db = db, .dir = test_path("logs")};
    CHECK_OK(log_store_open(&o, &store, &err));
    pool = sw_pool_new(1, "test");
    const struct exec_log_target target = {.account = (char *)ACCOUNT,
                                           .region = (char *)"us-east-1",
                                           .group = (char *)"g",
                                           .stream = (char *)"s"};
    const struct exec_transcript_options x = {
        .logs = store, .pool = pool, .target = &target, .wake = wake};
    transcript = exec_transcript_new(&x);
}

static void end(void)
{
    exec_transcript_free(transcript);
    sw_pool_free(pool);
    log_store_free(store);
    meta_db_free(db);
}

static void make_group(void)
{
    struct sw_err err = SW_ERR_INIT;
    CHECK_OK(log_store_create_group(store, &scope, "g", NULL, &err));
}

static void delete_group(void)
{
    struct sw_err err = SW_ERR_INIT;
    CHECK_OK(log_store_delete_group(store, &scope, "g", &err));
}

static void write_all(const char *text)
{
    exec_transcript_add(transcript, sw_str(text));
    exec_transcript_flush(transcript, true);
    for (const int64_t until = sw_mono_ms() + WAIT_MS; !exec_transcript_idle(transcript);) {
        CHECK(sw_mono_ms() < until);
        sw_sleep_ms(1);
    }
}

/* "MESSAGE|MESSAGE|" of the stream. */
static char *stored(void)
{
    struct sw_err err = SW_ERR_INIT;
    struct sw_buf b = SW_BUF_INIT(8 << 20);
    struct log_group_row g = {.tags = NULL};
    sw_autofree struct log_stream_row *rows = NULL;
    size_t n = 0;
    struct log_page page;
    CHECK_OK(log_store_get_group(store, &scope, "g", &g, &err));
    CHECK_OK(log_store_list_streams(store, g.id, "s", NULL, &rows, &n, &err));
    CHECK_EQ_INT(n, 1);
    struct log_scan_stream stream = {.id = rows[0].id, .name = rows[0].name};
    struct log_scan q = {.streams = &stream,
                         .streams_n = 1,
                         .until_ms = INT64_MAX,
                         .events_max = 100000,
                         .bytes_max = 8 << 20};
    CHECK_OK(log_store_scan(store, &g, &q, &page, &err));
    for (size_t i = 0; i < page.n; i++) {
        sw_buf_add(&b, page.events[i].message, page.events[i].message_n);
        sw_buf_add_z(&b, "|");
    }
    sw_buf_add(&b, "", 1);
    log_page_done(&page);
    log_group_row_done(&g);
    return sw_buf_take(&b);
}

TEST(lines_that_the_store_refuses_are_counted_and_said_when_it_takes_again)
{
    begin();
    make_group();
    write_all("one\r\ntwo\n");
    sw_autofree char *first = stored(); /* the stream is made */
    CHECK_EQ_STR(first, "one|two|");
    delete_group();
    write_all("lost 1\nlost 2\n");
    write_all("lost 3\n");
    make_group();
    write_all("three\n\nfour\n");
    sw_autofree char *got = stored();
    CHECK_EQ_STR(
        got, "slipway: 3 lines (18 bytes) are missing here: ResourceNotFoundException|three|four|");
    write_all("five\n");
    sw_autofree char *more = stored();
    CHECK_CONTAINS(more, "three|four|five|"); /* it is said once */
    CHECK(atomic_load(&woken) == 5);
    end();
}

TEST(a_store_that_refuses_for_long_costs_no_memory)
{
    sw_autofree char *text = sw_calloc(1, EXEC_TRANSCRIPT_MAX + 1);
    begin();
    for (size_t i = 0; i < EXEC_TRANSCRIPT_MAX; i++)
        text[i] = i % 100 == 99 ? '\n' : 'x';
    for (int i = 0; i < 40; i++) {
        CHECK(!exec_transcript_full(transcript));
        write_all(text);
    }
    make_group();
    write_all("again\n");
    sw_autofree char *got = stored();
    /* the last line of each text has 44 bytes */
    CHECK_EQ_STR(got, "slipway: 104880 lines (10380920 bytes) are missing here: "
                      "ResourceNotFoundException|again|");
    end();
}
