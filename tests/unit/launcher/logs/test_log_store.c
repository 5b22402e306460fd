/* SPDX-License-Identifier: Apache-2.0 */
#include "launcher/logs/log_store.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/macros.h"
#include "tests/lib/test.h"

#define ACCOUNT "123456789012"
#define DAY     86400000LL

static const struct log_scope scope = {ACCOUNT, "us-east-1"};
static struct meta_db *db;
static struct log_store *store;

static int add_account(struct meta_tx *tx, void *arg SW_UNUSED, struct sw_err *err)
{
    return meta_exec(tx, err, NULL,
                     "INSERT INTO account (id, created_at) VALUES ($1, 0) ON CONFLICT DO NOTHING",
                     "t", ACCOUNT);
}

static void open_store(void)
{
    struct sw_err err = SW_ERR_INIT;
    struct meta_options m = {.path = test_path("meta.db")};
    CHECK_OK(meta_sqlite_open(&m, &db, &err));
    CHECK_OK(meta_tx(db, META_WRITE, add_account, NULL, &err));
    struct log_store_options o = {.db = db, .dir = test_path("logs")};
    CHECK_OK(log_store_open(&o, &store, &err));
}

static void close_store(void)
{
    log_store_free(store);
    meta_db_free(db);
}

static int64_t now_ms(void)
{
    return sw_now_us() / 1000;
}

static void make(const char *group, const char *stream)
{
    struct sw_err err = SW_ERR_INIT;
    CHECK_OK(log_store_create_group(store, &scope, group, NULL, &err));
    CHECK_OK(log_store_create_stream(store, &scope, group, stream, &err));
}

static void put(const char *group, const char *stream, int64_t at, const char *text)
{
    struct sw_err err = SW_ERR_INIT;
    struct log_rejected rejected;
    struct log_event e = {.timestamp_ms = at, .position = -1, .message = sw_str(text)};
    CHECK_OK(log_store_put(store, &scope, group, stream, &e, 1, &rejected, &err));
    CHECK_EQ_INT(rejected.too_old_end, -1);
}

/* Number of events of a group, in pages. */
static size_t count(const char *group)
{
    struct sw_err err = SW_ERR_INIT;
    struct log_group_row g;
    struct log_stream_row *rows = NULL;
    size_t n = 0, found = 0;
    struct log_scan_stream streams[8];
    struct log_key after;
    struct log_page page = {.more = true};
    CHECK_OK(log_store_get_group(store, &scope, group, &g, &err));
    CHECK_OK(log_store_list_streams(store, g.id, NULL, NULL, &rows, &n, &err));
    for (size_t i = 0; i < n && i < 8; i++)
        streams[i] = (struct log_scan_stream){rows[i].id, rows[i].name};
    for (bool first = true; page.more; first = false) {
        struct log_scan q = {.streams = streams,
                             .streams_n = n,
                             .until_ms = INT64_MAX,
                             .after = first ? NULL : &after,
                             .events_max = 7,
                             .bytes_max = 1 << 20};
        CHECK_OK(log_store_scan(store, &g, &q, &page, &err));
        after = page.next;
        found += page.n;
        log_page_done(&(struct log_page){.events = page.events, .n = page.n});
    }
    free(rows);
    log_group_row_done(&g);
    return found;
}

TEST(rows_and_events_survive_a_restart)
{
    struct sw_err err = SW_ERR_INIT;
    open_store();
    make("g", "s");
    put("g", "s", now_ms(), "one");
    close_store();
    open_store();
    CHECK_EQ_UINT(count("g"), 1);
    CHECK_ERR(log_store_create_group(store, &scope, "g", NULL, &err), SW_ECONFLICT,
              "ResourceAlreadyExistsException");
    close_store();
}

TEST(a_name_never_leads_to_what_was_deleted)
{
    struct sw_err err = SW_ERR_INIT;
    open_store();
    make("g", "s");
    put("g", "s", now_ms(), "one");
    CHECK_OK(log_store_delete_group(store, &scope, "g", &err));
    make("g", "s");
    CHECK_EQ_UINT(count("g"), 0);
    put("g", "s", now_ms(), "two");
    CHECK_OK(log_store_delete_stream(store, &scope, "g", "s", &err));
    CHECK_OK(log_store_create_stream(store, &scope, "g", "s", &err));
    CHECK_EQ_UINT(count("g"), 0);
    close_store();
}

TEST(what_retention_ended_is_not_shown_and_goes)
{
    struct sw_err err = SW_ERR_INIT;
    struct log_group_row g;
    open_store();
    make("g", "s");
    put("g", "s", now_ms() - 2 * DAY, "old");
    put("g", "s", now_ms(), "young");
    CHECK_EQ_UINT(count("g"), 2);
    CHECK_OK(log_store_set_retention(store, &scope, "g", 1, &err));
    CHECK_EQ_UINT(count("g"), 1);
    CHECK_OK(log_store_create_stream(store, &scope, "g", "t", &err));
    CHECK_OK(log_store_set_retention(store, &scope, "g", 0, &err));
    put("g", "t", now_ms() - 3 * DAY, "old");
    CHECK_EQ_UINT(count("g"), 3);
    CHECK_OK(log_store_set_retention(store, &scope, "g", 1, &err));
    CHECK_OK(log_store_expire(store, &err));
    CHECK_OK(log_store_set_retention(store, &scope, "g", 0, &err));
    CHECK_EQ_UINT(count("g"), 2); /* the segment with the young one stays as a whole */
    CHECK_OK(log_store_get_group(store, &scope, "g", &g, &err));
    CHECK(g.stored_bytes > 0);
    log_group_row_done(&g);
    close_store();
}

TEST(a_source_is_taken_once_and_makes_what_is_missing)
{
    struct sw_err err = SW_ERR_INIT;
    int64_t position = 0;
    struct log_event e[2] = {{.timestamp_ms = 1, .position = 5, .message = SW_STR("a")},
                             {.timestamp_ms = 2, .position = 9, .message = SW_STR("b")}};
    open_store();
    CHECK_EQ_INT(log_store_put_source(store, &scope, "g", "s", false, e, 2, &position, &err),
                 SW_ENOTFOUND);
    sw_err_clear(&err);
    CHECK_OK(log_store_put_source(store, &scope, "g", "s", true, e, 1, &position, &err));
    CHECK_EQ_INT(position, 5);
    close_store();
    open_store();
    CHECK_OK(log_store_put_source(store, &scope, "g", "s", true, e, 2, &position, &err));
    CHECK_EQ_INT(position, 9);
    CHECK_OK(log_store_put_source(store, &scope, "g", "s", true, NULL, 0, &position, &err));
    CHECK_EQ_INT(position, 9);
    CHECK_EQ_UINT(count("g"), 2);
    close_store();
}

/* Random batches over several streams: pages of any size, forwards and backwards, give all events in order, each once. */
TEST(pages_are_complete_and_in_order)
{
    struct sw_err err = SW_ERR_INIT;
    struct log_group_row g;
    struct log_stream_row *rows = NULL;
    size_t n = 0, total = 0;
    const int64_t start = now_ms() - 100000;
    unsigned seed = 7;
    open_store();
    make("g", "s0");
    CHECK_OK(log_store_create_stream(store, &scope, "g", "s1", &err));
    CHECK_OK(log_store_create_stream(store, &scope, "g", "s2", &err));
    for (int i = 0; i < 200; i++, total++) {
        sw_autofree char *stream = sw_asprintf("s%d", rand_r(&seed) % 3);
        sw_autofree char *text = sw_asprintf("%d", i);
        put("g", stream, start + rand_r(&seed) % 500, text);
    }
    CHECK_OK(log_store_get_group(store, &scope, "g", &g, &err));
    CHECK_OK(log_store_list_streams(store, g.id, NULL, NULL, &rows, &n, &err));
    struct log_scan_stream streams[3] = {
        {rows[0].id, "s0"}, {rows[1].id, "s1"}, {rows[2].id, "s2"}};
    for (size_t max = 1; max < 210; max = max * 3 + 1) {
        for (int backwards = 0; backwards < 2; backwards++) {
            struct log_key at = {0}, previous = {0};
            size_t seen = 0, got = 1;
            for (bool first = true; got > 0; first = false) {
                struct log_page page;
                struct log_scan q = {.streams = streams,
                                     .streams_n = 3,
                                     .until_ms = INT64_MAX,
                                     .after = first || backwards ? NULL : &at,
                                     .before = first || !backwards ? NULL : &at,
                                     .backwards = backwards,
                                     .events_max = max,
                                     .bytes_max = 1 << 20};
                CHECK_OK(log_store_scan(store, &g, &q, &page, &err));
                got = page.n;
                seen += page.n;
                for (size_t i = 1; i < page.n; i++)
                    CHECK(page.events[i - 1].key.timestamp_ms <= page.events[i].key.timestamp_ms);
                if (got) {
                    const struct log_found *edge = &page.events[backwards ? 0 : got - 1];
                    CHECK(first || (backwards ? edge->key.timestamp_ms <= previous.timestamp_ms
                                              : edge->key.timestamp_ms >= previous.timestamp_ms));
                    previous = at = edge->key;
                }
                log_page_done(&page);
            }
            CHECK_EQ_UINT(seen, total);
        }
    }
    free(rows);
    log_group_row_done(&g);
    close_store();
}

static size_t asked;

static bool slow(void *ctx SW_UNUSED, struct sw_str message)
{
    asked++;
    sw_sleep_ms(1);
    return message.p[message.n - 1] == '7';
}

/* Events of one moment in several segments, of which no part comes before another, and a pattern that costs more than the time there is:
 * calls end in the middle, and all of them together find each event once, in order. */
TEST(a_costly_look_ends_anywhere_and_loses_nothing)
{
    struct sw_err err = SW_ERR_INIT;
    struct log_files *f = NULL;
    struct log_files_options o = {.dir = test_path("f"), .segment_bytes = 2000};
    const char *group = "00000000000000000000000000000001",
               *stream = "0000000000000000000000000000000a";
    struct log_scan_stream streams = {stream, "s"};
    struct log_key after, before = {.timestamp_ms = 0};
    struct log_page page = {.more = true};
    size_t found = 0, pages = 0, most = 0;
    CHECK_OK(log_files_open(&o, &f, &err));
    for (int i = 0; i < 600; i++) {
        char text[32];
        (void)snprintf(text, sizeof text, "message %d", i);
        struct log_event e = {
            .timestamp_ms = i < 500 ? 1000 : 1000 + i, .position = -1, .message = sw_str(text)};
        CHECK_OK(log_files_append(f, group, stream, &e, 1, NULL, &err));
    }
    for (; page.more; pages++) {
        struct log_scan q = {.files = f,
                             .group = group,
                             .streams = &streams,
                             .streams_n = 1,
                             .until_ms = INT64_MAX,
                             .after = pages ? &after : NULL,
                             .events_max = 1000,
                             .bytes_max = 1 << 20,
                             .look_until_ms = sw_mono_ms() + 20,
                             .wanted = slow,
                             .costly = true};
        asked = 0;
        CHECK_OK(log_scan(&q, &page, &err));
        for (size_t i = 0; i < page.n; i++) {
            CHECK(page.events[i].key.timestamp_ms > before.timestamp_ms ||
                  page.events[i].key.sequence > before.sequence);
            before = page.events[i].key;
        }
        most = SW_MAX(most, asked);
        found += page.n;
        after = page.next;
        log_page_done(&(struct log_page){.events = page.events, .n = page.n});
        CHECK(pages < 600);
    }
    CHECK_EQ_UINT(found, 60);
    CHECK(most < 500);
    log_files_free(f);
}

static bool count_asked(void *ctx SW_UNUSED, struct sw_str message SW_UNUSED)
{
    asked++;
    return false;
}

/* What an event costs grows with it: the clock is asked after one large event as after many small ones. */
TEST(a_costly_look_at_large_events_ends_after_one)
{
    enum { EVENTS = 10, LARGE = 64 * 1024 };
    struct sw_err err = SW_ERR_INIT;
    struct log_files *f = NULL;
    struct log_files_options o = {.dir = test_path("f")};
    const char *group = "00000000000000000000000000000001",
               *stream = "0000000000000000000000000000000a";
    struct log_scan_stream streams = {stream, "s"};
    struct log_page page;
    sw_autofree char *text = sw_calloc(1, LARGE);
    CHECK_OK(log_files_open(&o, &f, &err));
    memset(text, 'a', LARGE);
    for (int i = 0; i < EVENTS; i++) {
        struct log_event e = {
            .timestamp_ms = 1000 + i, .position = -1, .message = sw_str_n(text, LARGE)};
        CHECK_OK(log_files_append(f, group, stream, &e, 1, NULL, &err));
    }
    struct log_scan q = {.files = f,
                         .group = group,
                         .streams = &streams,
                         .streams_n = 1,
                         .until_ms = INT64_MAX,
                         .events_max = 1000,
                         .bytes_max = 1 << 20,
                         .look_until_ms = 1,
                         .wanted = count_asked,
                         .costly = true};
    asked = 0;
    CHECK_OK(log_scan(&q, &page, &err));
    CHECK_EQ_UINT(asked, 1);
    CHECK(page.more);
    log_page_done(&page);
    log_files_free(f);
}

/* A search that may look at little at a time still finds everything, in short pages. */
TEST(a_bounded_look_goes_on_where_it_was)
{
    struct sw_err err = SW_ERR_INIT;
    struct log_files *f = NULL;
    struct log_files_options o = {.dir = test_path("f"), .segment_bytes = 200};
    const char *group = "00000000000000000000000000000001",
               *stream = "0000000000000000000000000000000a";
    struct log_scan_stream streams = {stream, "s"};
    struct log_key after;
    struct log_page page = {.more = true};
    size_t found = 0, pages = 0;
    CHECK_OK(log_files_open(&o, &f, &err));
    for (int i = 0; i < 100; i++) {
        struct log_event e = {.timestamp_ms = i / 3, .position = -1, .message = SW_STR("message")};
        CHECK_OK(log_files_append(f, group, stream, &e, 1, NULL, &err));
    }
    for (; page.more; pages++) {
        struct log_scan q = {.files = f,
                             .group = group,
                             .streams = &streams,
                             .streams_n = 1,
                             .until_ms = INT64_MAX,
                             .after = pages ? &after : NULL,
                             .events_max = 1000,
                             .bytes_max = 1 << 20,
                             .look_max = 300};
        CHECK_OK(log_scan(&q, &page, &err));
        found += page.n;
        after = page.next;
        log_page_done(&(struct log_page){.events = page.events, .n = page.n});
        CHECK(pages < 100);
    }
    CHECK_EQ_UINT(found, 100);
    CHECK(pages > 5);
    log_files_free(f);
}
