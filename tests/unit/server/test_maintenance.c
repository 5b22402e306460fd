/* SPDX-License-Identifier: Apache-2.0 */
#include "server/maintenance.h"

#include <stdatomic.h>

#include "base/clock.h"
#include "base/io.h"
#include "base/json.h"
#include "registry/core/upload.h"
#include "server/backup.h"
#include "tests/unit/registry/world.h"

struct fixture {
    struct world w;
    struct maintenance *m;
    struct maintenance_options o;
    _Atomic int collections;
};

static void count_collection(void *ctx, const struct registry_collect_counts *counts,
                             int64_t duration_us)
{
    struct fixture *f = ctx;
    CHECK(counts && duration_us >= 0);
    atomic_fetch_add(&f->collections, 1);
}

static void fixture_open(struct fixture *f, int64_t interval_ms)
{
    struct sw_err err = SW_ERR_INIT;
    static char data[512];
    (void)snprintf(data, sizeof(data), "%s", test_path("blobs"));
    world_open(&f->w);
    f->o = (struct maintenance_options){.registry = f->w.reg,
                                        .db = f->w.db,
                                        .blobs = f->w.blobs,
                                        .data_dir = data,
                                        .collect_interval_ms = interval_ms,
                                        .collected = count_collection,
                                        .ctx = f};
    CHECK_OK(maintenance_start(&f->o, &f->m, &err));
}

static void fixture_close(struct fixture *f)
{
    maintenance_stop(f->m);
    world_stop(&f->w);
}
#define autofixture SW_CLEANUP(fixture_close) struct fixture

static void store(struct fixture *f, int number)
{
    struct sw_err err = SW_ERR_INIT;
    struct blob_writer *w;
    struct blob_info info;
    struct digest d;
    digest_of(DIGEST_SHA256, &number, sizeof(number), &d);
    CHECK_OK(blob_writer_begin(f->w.blobs, DIGEST_SHA256, &w, &err));
    CHECK_OK(blob_writer_append(w, &number, sizeof(number), &err));
    CHECK_OK(blob_writer_commit(w, &d, &info, &err));
    blob_writer_free(w);
}

/* The last report, with all its entries. */
static json_t *finish(struct fixture *f, const char *id, size_t *ret_entries)
{
    int64_t after = 0;
    *ret_entries = 0;
    for (int i = 0; i < 20000; i++) {
        struct sw_err err = SW_ERR_INIT;
        json_t *out = json_object();
        CHECK_OK(maintenance_describe(f->m, id, after, out, &err));
        size_t n = json_array_size(sw_json_array(out, "Entries"));
        *ret_entries += n;
        CHECK_EQ_INT(sw_json_int(out, "NextEntry", -1), after + (int64_t)n);
        after += (int64_t)n;
        const char *status = sw_json_str(out, "Status", "");
        if (n == 0 && (sw_streq(status, "DONE") || sw_streq(status, "FAILED")))
            return out;
        json_decref(out);
        if (n == 0)
            sw_sleep_ms(5);
    }
    test_fail(__FILE__, __LINE__, "the job does not end");
    return NULL;
}

TEST(a_job_is_followed_page_by_page)
{
    autofixture f = {0};
    struct sw_err err = SW_ERR_INIT;
    char id[MAINTENANCE_ID_LEN + 1];
    size_t entries = 0;
    fixture_open(&f, 0);
    for (int i = 0; i < 700; i++)
        store(&f, i); /* bytes without rows */
    sw_sleep_ms(5);
    struct maintenance_request request = {.kind = MAINTENANCE_COLLECT, .dry_run = true};
    CHECK_OK(maintenance_submit(f.m, &request, id, &err));
    sw_autojson json_t *out = finish(&f, id, &entries);
    CHECK_EQ_STR(sw_json_str(out, "Status", ""), "DONE");
    CHECK_EQ_UINT(entries, 700);
    CHECK_EQ_INT(sw_json_int(sw_json_object(out, "Counts"), "Files", 0), 700);
    CHECK_EQ_INT(f.collections, 0);
    request.dry_run = false;
    char second[MAINTENANCE_ID_LEN + 1];
    CHECK_OK(maintenance_submit(f.m, &request, second, &err));
    sw_autojson json_t *did = finish(&f, second, &entries);
    CHECK_EQ_UINT(entries, 700);
    CHECK_EQ_INT(sw_json_int(sw_json_object(did, "Counts"), "Files", 0), 700);
    CHECK_EQ_INT(f.collections, 1);
    sw_autojson json_t *old = json_object();
    CHECK_ERR(maintenance_describe(f.m, id, 0, old, &err), SW_ENOTFOUND,
              "ResourceNotFoundException");
}

TEST(one_job_at_a_time_and_a_stop_ends_it)
{
    autofixture f = {0};
    struct sw_err err = SW_ERR_INIT;
    char id[MAINTENANCE_ID_LEN + 1];
    fixture_open(&f, 0);
    for (int i = 0; i < 300; i++)
        store(&f, i);
    struct maintenance_request request = {.kind = MAINTENANCE_CHECK};
    CHECK_OK(maintenance_submit(f.m, &request, id, &err)); /* takes a moment: it looks twice */
    CHECK_ERR(maintenance_submit(f.m, &request, id, &err), SW_ECONFLICT, "ConflictException");
    int64_t started = sw_mono_ms();
    maintenance_stop(SW_TAKE(f.m));
    CHECK(sw_mono_ms() - started < 60000);
}

TEST(the_schedule_needs_nobody)
{
    autofixture f = {0};
    fixture_open(&f, 20);
    for (int i = 0; i < 5000 && atomic_load(&f.collections) < 3; i++)
        sw_sleep_ms(10);
    CHECK(atomic_load(&f.collections) >= 3);
}

TEST(a_job_that_fails_says_why)
{
    autofixture f = {0};
    struct sw_err err = SW_ERR_INIT;
    char id[MAINTENANCE_ID_LEN + 1];
    size_t entries = 0;
    fixture_open(&f, 0);
    struct maintenance_request request = {.kind = MAINTENANCE_BACKUP, .path = "relative"};
    CHECK_OK(maintenance_submit(f.m, &request, id, &err));
    sw_autojson json_t *out = finish(&f, id, &entries);
    CHECK_EQ_STR(sw_json_str(out, "Status", ""), "FAILED");
    CHECK(strstr(sw_json_str(out, "Message", ""), "absolute path") != NULL);
}

/* --- backup, as far as a server's commands do not reach ---------------------------------------- */

static void no_problem(void *ctx SW_UNUSED, const char *digest, const char *what)
{
    test_fail(__FILE__, __LINE__, "%s: %s", digest, what);
}

TEST(an_interrupted_backup_keeps_the_earlier_one)
{
    autofixture f = {0};
    struct sw_err err = SW_ERR_INIT;
    struct backup_counts counts;
    atomic_bool cancelled = false;
    char to[512];
    size_t before = 0, after = 0;
    fixture_open(&f, 0);
    (void)test_write_file(test_path("blobs/account"), "000000000000\n", 13);
    (void)test_write_file(test_path("blobs/master.key"), "0123456789abcdef0123456789abcdef", 32);
    (void)snprintf(to, sizeof(to), "%s", test_path("backup"));
    struct backup_options o = {.db = f.w.db,
                               .blobs = f.w.blobs,
                               .data_dir = f.o.data_dir,
                               .to = to,
                               .problem = no_problem,
                               .cancelled = &cancelled};
    CHECK_OK(backup_run(&o, &counts, &err));
    const char *earlier = test_read_file(test_path("backup/slipway.db"), &before);
    world_repo(&f.w, "more");
    struct repo_key key = world_key("more");
    struct repo *repo;
    struct upload *u;
    struct blob_info info;
    struct digest d;
    digest_of(DIGEST_SHA256, "x", 1, &d);
    CHECK_OK(repo_open(f.w.reg, &key, &repo, &err));
    CHECK_OK(upload_begin(f.w.reg, repo, "AIDA", DIGEST_SHA256, true, &u, &err));
    CHECK_OK(upload_append(u, "x", 1, &err));
    CHECK_OK(upload_commit(u, repo, &d, &info, &err));
    upload_release(u);
    repo_unref(repo);
    cancelled = true;
    CHECK_ERR(backup_run(&o, &counts, &err), SW_EUNAVAILABLE, NULL);
    const char *now = test_read_file(test_path("backup/slipway.db"), &after);
    CHECK(after == before && memcmp(now, earlier, after) == 0);
    CHECK(!sw_path_exists(test_path("backup/slipway.db.new")));
    (void)test_write_file(test_path("backup/backup.json"), "{\"slipwayBackup\":2}", 19);
    CHECK_ERR(backup_run(&o, &counts, &err), SW_ECONFLICT, "ConflictException");
}
