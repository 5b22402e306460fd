/* SPDX-License-Identifier: Apache-2.0 */
/* PutLogEvents' limits and retention at their boundaries, to the byte and the millisecond. */
#include "launcher/logs/log_store.h"

#include <stdio.h>

#include "base/alloc.h"
#include "base/macros.h"
#include "tests/lib/test.h"

#define ACCOUNT "000000000000"
#define NOW_MS  1795255200000LL
#define HOUR    3600000LL
#define DAY     (24 * HOUR)

static struct meta_db *db;
static struct log_store *store;
static const struct log_scope scope = {.account = ACCOUNT, .region = "us-east-1"};
static int64_t now_ms;

static int64_t clock_us(void)
{
    return now_ms * 1000;
}

static int add_account(struct meta_tx *tx, void *arg SW_UNUSED, struct sw_err *err)
{
    return meta_exec(tx, err, NULL,
                     "INSERT INTO account (id, created_at) VALUES ($1, 0) ON CONFLICT DO NOTHING",
                     "t", ACCOUNT);
}

static void begin(void)
{
    struct sw_err err = SW_ERR_INIT;
    struct meta_options m = {.path = test_path("meta.db")};
    now_ms = NOW_MS;
    CHECK_OK(meta_sqlite_open(&m, &db, &err));
    CHECK_OK(meta_tx(db, META_WRITE, add_account, NULL, &err));
    struct log_store_options o = {.db = db, .dir = test_path("logs"), .now_us = clock_us};
    CHECK_OK(log_store_open(&o, &store, &err));
}

static const char *make_group(size_t i)
{
    static char name[16];
    struct sw_err err = SW_ERR_INIT;
    (void)snprintf(name, sizeof name, "g%zu", i);
    CHECK_OK(log_store_create_group(store, &scope, name, NULL, &err));
    CHECK_OK(log_store_create_stream(store, &scope, name, "s", &err));
    return name;
}

static void end(void)
{
    log_store_free(store);
    meta_db_free(db);
}

static size_t stored(const char *group)
{
    struct sw_err err = SW_ERR_INIT;
    struct log_group_row g = {.tags = NULL};
    sw_autofree struct log_stream_row *rows = NULL;
    size_t n = 0;
    struct log_page page;
    CHECK_OK(log_store_get_group(store, &scope, group, &g, &err));
    CHECK_OK(log_store_list_streams(store, g.id, NULL, NULL, &rows, &n, &err));
    struct log_scan_stream stream = {.id = rows[0].id, .name = rows[0].name};
    struct log_scan q = {.streams = &stream,
                         .streams_n = 1,
                         .until_ms = INT64_MAX,
                         .events_max = 100000,
                         .bytes_max = 64 << 20};
    CHECK_OK(log_store_scan(store, &g, &q, &page, &err));
    const size_t found = page.n;
    log_page_done(&page);
    log_group_row_done(&g);
    return found;
}

/* Times before or after the present. */
struct batch {
    int64_t at[4];
    size_t n;
    int64_t retention_days;
    const char *refused;               /* what the message says; NULL: taken */
    int64_t expired, too_old, too_new; /* indexes of the answer; -1: none */
    size_t stored;
};

TEST(times_of_a_batch)
{
    static const struct batch table[] = {
        {{0}, 1, 0, NULL, -1, -1, -1, 1},
        {{0, 0}, 2, 0, NULL, -1, -1, -1, 2},
        {{0, -1}, 2, 0, "chronological order", 0, 0, 0, 0},
        {{2 * HOUR}, 1, 0, NULL, -1, -1, -1, 1},
        {{2 * HOUR + 1}, 1, 0, NULL, -1, -1, 0, 0},
        {{0, 2 * HOUR, 2 * HOUR + 1, 2 * HOUR + 2}, 4, 0, NULL, -1, -1, 2, 2},
        {{-14 * DAY}, 1, 0, NULL, -1, -1, -1, 1},
        {{-14 * DAY - 1}, 1, 0, NULL, -1, 1, -1, 0},
        {{-14 * DAY - 2, -14 * DAY - 1, -14 * DAY}, 3, 0, NULL, -1, 2, -1, 1},
        {{-DAY}, 1, 1, NULL, -1, -1, -1, 1},
        {{-DAY - 1}, 1, 1, NULL, 1, -1, -1, 0},
        {{-DAY - 1, -DAY, 0}, 3, 1, NULL, 1, -1, -1, 2},
        {{-DAY, 0}, 2, 0, NULL, -1, -1, -1, 2},
        {{-DAY - 1, 0}, 2, 0, "cannot span more than 24 hours", 0, 0, 0, 0},
        {{-22 * HOUR, 2 * HOUR}, 2, 0, NULL, -1, -1, -1, 2},
        {{-22 * HOUR - 1, 2 * HOUR}, 2, 0, "cannot span more than 24 hours", 0, 0, 0, 0},
        /* what is left out does not count for the span */
        {{-15 * DAY, 0}, 2, 0, NULL, -1, 1, -1, 1},
        {{-15 * DAY, 0, 2 * HOUR + 1}, 3, 0, NULL, -1, 1, 2, 1},
        {{0, 30 * DAY}, 2, 0, NULL, -1, -1, 1, 1},
        {{-30 * DAY, 30 * DAY}, 2, 0, NULL, -1, 1, 1, 0},
    };
    begin();
    for (size_t i = 0; i < SW_ARRAY_LEN(table); i++) {
        const struct batch *b = &table[i];
        struct sw_err err = SW_ERR_INIT;
        struct log_event events[4];
        struct log_rejected x;
        const char *group = make_group(i);
        CHECK_OK(log_store_set_retention(store, &scope, group, b->retention_days, &err));
        for (size_t k = 0; k < b->n; k++)
            events[k] = (struct log_event){.timestamp_ms = NOW_MS + b->at[k],
                                           .position = LOG_POSITION_NONE,
                                           .message = sw_str("x")};
        int r = log_store_put(store, &scope, group, "s", events, b->n, &x, &err);
        CHECK_MSG((r < 0) == (b->refused != NULL), "row %zu: %s", i, err.msg);
        if (b->refused)
            CHECK_CONTAINS(err.msg, b->refused);
        else
            CHECK_MSG(x.expired_end == b->expired && x.too_old_end == b->too_old &&
                          x.too_new_start == b->too_new,
                      "row %zu: %d %d %d", i, (int)x.expired_end, (int)x.too_old_end,
                      (int)x.too_new_start);
        CHECK_MSG(stored(group) == b->stored, "row %zu", i);
    }
    end();
}

/* 26 bytes each, and the message's as UTF-8. */
TEST(bytes_of_a_batch)
{
    static const struct {
        size_t n, bytes; /* of all messages */
        bool taken;
    } table[] = {
        {1, LOG_BATCH_BYTES - 26, true},         {1, LOG_BATCH_BYTES - 25, false},
        {2, LOG_BATCH_BYTES - 52, true},         {2, LOG_BATCH_BYTES - 51, false},
        {10000, LOG_BATCH_BYTES - 260000, true}, {10000, LOG_BATCH_BYTES - 260000 + 1, false},
    };
    sw_autofree char *text = sw_malloc(LOG_BATCH_BYTES);
    sw_autofree struct log_event *events = sw_calloc(10000, sizeof *events);
    memset(text, 'x', LOG_BATCH_BYTES);
    memcpy(text, "\xc3\xa9", 2);
    begin();
    const char *group = make_group(0);
    for (size_t i = 0; i < SW_ARRAY_LEN(table); i++) {
        struct sw_err err = SW_ERR_INIT;
        struct log_rejected x;
        const size_t n = table[i].n;
        for (size_t k = 0; k < n; k++)
            events[k] = (struct log_event){
                .timestamp_ms = NOW_MS,
                .position = LOG_POSITION_NONE,
                .message = sw_str_n(text, k + 1 < n ? 1 : table[i].bytes - (n - 1))};
        int r = log_store_put(store, &scope, group, "s", events, n, &x, &err);
        CHECK_MSG((r == 0) == table[i].taken, "row %zu: %s", i, err.msg);
        if (r < 0)
            CHECK_CONTAINS(err.msg, "Upload too large: 1048577 bytes exceeds limit of 1048576");
    }
    CHECK_EQ_UINT(stored(group), 1 + 2 + 10000);
    end();
}

/* An event of the age of the retention is there, a millisecond later it is not, and then its segment goes. */
TEST(retention_ends_to_the_millisecond)
{
    struct sw_err err = SW_ERR_INIT;
    struct log_group_row g = {.tags = NULL};
    struct log_rejected x;
    begin();
    const char *group = make_group(0);
    const struct log_event events[] = {
        {.timestamp_ms = NOW_MS - 5, .position = LOG_POSITION_NONE, .message = sw_str("old")},
        {.timestamp_ms = NOW_MS, .position = LOG_POSITION_NONE, .message = sw_str("young")}};
    CHECK_OK(log_store_put(store, &scope, group, "s", events, 2, &x, &err));
    CHECK_OK(log_store_set_retention(store, &scope, group, 3, &err));
    static const struct {
        int64_t later;
        size_t seen;
        bool kept;
    } table[] = {{3 * DAY - 5, 2, true},
                 {3 * DAY - 4, 1, true},
                 {3 * DAY, 1, true},
                 {3 * DAY + 1, 0, false}};
    for (size_t i = 0; i < SW_ARRAY_LEN(table); i++) {
        now_ms = NOW_MS + table[i].later;
        CHECK_OK(log_store_expire(store, &err));
        CHECK_EQ_UINT(stored(group), table[i].seen);
        CHECK_OK(log_store_get_group(store, &scope, group, &g, &err));
        CHECK_MSG((g.stored_bytes > 0) == table[i].kept, "row %zu: %d", i, (int)g.stored_bytes);
        log_group_row_done(&g);
    }
    end();
}
