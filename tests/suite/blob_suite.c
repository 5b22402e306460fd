/* SPDX-License-Identifier: Apache-2.0 */
/* test-deps: storage/blob base */
/* What every blob driver must do. SLIPWAY_TEST_BLOB names the driver: fs (the default), or fault:
 * fs behind the wrapper of the fault tests, which must change nothing while nothing is armed. */
#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/macros.h"
#include "storage/blob/blob.h"
#include "storage/blob/blob_fault.h"
#include "tests/lib/test.h"

#define MIB (1024 * 1024)

static struct blob_store *open_store(void)
{
    struct sw_err err = SW_ERR_INIT;
    struct blob_store *s = NULL;
    struct blob_fault *fault = NULL;
    const char *driver = getenv("SLIPWAY_TEST_BLOB");
    CHECK_OK(blob_fs_open(test_path("store"), &s, &err));
    if (sw_streq(driver, "fault"))
        return blob_fault_wrap(s, &fault);
    CHECK_MSG(!driver || sw_streq(driver, "fs"), "no driver %s", driver);
    return s;
}

/* Bytes that differ by position and seed. */
static unsigned char *make_data(size_t n, uint64_t seed)
{
    unsigned char *p = sw_malloc(n + 8);
    uint64_t x = seed * 0x9e3779b97f4a7c15u + 1;
    for (size_t i = 0; i < n; i += 8) {
        x ^= x << 13, x ^= x >> 7, x ^= x << 17;
        memcpy(p + i, &x, 8);
    }
    return p;
}

static struct blob_writer *begin(struct blob_store *s, enum digest_algorithm a)
{
    struct sw_err err = SW_ERR_INIT;
    struct blob_writer *w = NULL;
    CHECK_OK(blob_writer_begin(s, a, &w, &err));
    CHECK_EQ_UINT(strlen(blob_writer_id(w)), BLOB_UPLOAD_ID_LEN);
    return w;
}

static void append(struct blob_writer *w, const unsigned char *p, size_t n, size_t piece)
{
    struct sw_err err = SW_ERR_INIT;
    for (size_t at = 0; at < n; at += piece)
        CHECK_OK(blob_writer_append(w, p + at, SW_MIN(piece, n - at), &err));
}

static void commit(struct blob_writer *w, const struct digest *d, struct blob_info *ret)
{
    struct sw_err err = SW_ERR_INIT;
    CHECK_OK(blob_writer_commit(w, d, ret, &err));
    CHECK(digest_equal(&ret->digest, d));
    CHECK(ret->key[0] && strlen(ret->key) < BLOB_KEY_MAX);
    blob_writer_free(w);
}

static void check_stored(struct blob_store *s, const struct blob_info *b, const unsigned char *p,
                         size_t n)
{
    struct sw_err err = SW_ERR_INIT;
    struct sw_buf buf = SW_BUF_INIT(64 * MIB);
    uint64_t size = 1;
    int fd = -1;
    CHECK_OK(blob_stat(s, b->key, &size, &err));
    CHECK_EQ_UINT(size, n);
    CHECK_EQ_UINT(b->size, n);
    CHECK_OK(blob_open(s, b->key, &fd, &size, &err));
    CHECK_EQ_UINT(size, n);
    CHECK_EQ_INT(lseek(fd, 0, SEEK_END), n);
    close(fd);
    CHECK_OK(blob_read(s, b->key, &b->digest, 64 * MIB, &buf, &err));
    CHECK_EQ_MEM(buf.n ? buf.p : "", buf.n, p, n);
    sw_buf_done(&buf);
}

static struct blob_info store_bytes(struct blob_store *s, const unsigned char *p, size_t n)
{
    struct digest d;
    struct blob_info info;
    digest_of(DIGEST_SHA256, p, n, &d);
    struct blob_writer *w = begin(s, DIGEST_SHA256);
    append(w, p, n, 65536);
    commit(w, &d, &info);
    return info;
}

static int count_upload(void *ctx, const struct blob_upload_info *u)
{
    CHECK_EQ_UINT(strlen(u->id), BLOB_UPLOAD_ID_LEN);
    CHECK(u->modified_at_us > 0);
    ++*(int *)ctx;
    return 0;
}

static int uploads(struct blob_store *s)
{
    struct sw_err err = SW_ERR_INIT;
    int n = 0;
    CHECK_OK(blob_list_uploads(s, count_upload, &n, &err));
    return n;
}

static int count_blob(void *ctx, const char *key, uint64_t size, int64_t modified_at_us)
{
    (void)size;
    CHECK(key[0] && modified_at_us > 0);
    ++*(int *)ctx;
    return 0;
}

static int blobs(struct blob_store *s)
{
    struct sw_err err = SW_ERR_INIT;
    int n = 0;
    CHECK_OK(blob_list(s, count_blob, &n, &err));
    return n;
}

/* --- content ---------------------------------------------------------------------------------- */

TEST(what_is_committed_is_read_back)
{
    static const struct {
        size_t size, piece;
        enum digest_algorithm hint, wanted;
    } cases[] = {{0, 1, DIGEST_SHA256, DIGEST_SHA256},
                 {0, 1, DIGEST_SHA512, DIGEST_SHA256},
                 {1, 1, DIGEST_SHA256, DIGEST_SHA256},
                 {4096, 1000, DIGEST_SHA512, DIGEST_SHA512},
                 {100000, 4096, DIGEST_SHA256, DIGEST_SHA512},
                 {100000, 100000, DIGEST_SHA512, DIGEST_SHA256},
                 {4 * MIB, 65536, DIGEST_SHA256, DIGEST_SHA256},
                 {4 * MIB + 1, 4 * MIB, DIGEST_SHA256, DIGEST_SHA256},
                 {17 * MIB + 7, 30001, DIGEST_SHA256, DIGEST_SHA256},
                 {17 * MIB + 7, 2 * MIB, DIGEST_SHA256, DIGEST_SHA512},
                 {17 * MIB + 7, 17 * MIB + 7, DIGEST_SHA512, DIGEST_SHA512}};
    struct blob_store *s = open_store();
    for (size_t i = 0; i < SW_ARRAY_LEN(cases); i++) {
        sw_autofree unsigned char *p = make_data(cases[i].size, i + 1);
        struct digest d;
        struct blob_info info;
        digest_of(cases[i].wanted, p, cases[i].size, &d);
        struct blob_writer *w = begin(s, cases[i].hint);
        append(w, p, cases[i].size, cases[i].piece);
        CHECK_EQ_UINT(blob_writer_size(w), cases[i].size);
        commit(w, &d, &info);
        check_stored(s, &info, p, cases[i].size);
    }
    CHECK_EQ_INT(uploads(s), 0);
    blob_store_free(s);
}

TEST(a_mismatch_leaves_the_upload_as_it_was)
{
    struct sw_err err = SW_ERR_INIT;
    static const size_t sizes[] = {10, 6 * MIB};
    struct blob_store *s = open_store();
    for (size_t i = 0; i < SW_ARRAY_LEN(sizes); i++) {
        size_t n = sizes[i];
        sw_autofree unsigned char *p = make_data(n, 20 + i);
        struct digest whole;
        struct blob_info info;
        digest_of(DIGEST_SHA256, p, n, &whole);
        struct blob_writer *w = begin(s, DIGEST_SHA256);
        append(w, p, n - 1, 65536);
        int r = blob_writer_commit(w, &whole, &info, &err);
        CHECK_CONTAINS(err.detail, "sha256:");
        CHECK_ERR(r, SW_EMISMATCH, "DIGEST_INVALID");
        CHECK_EQ_INT(blobs(s), (int)i);
        CHECK_EQ_INT(uploads(s), 1);
        append(w, p + n - 1, 1, 1);
        commit(w, &whole, &info);
        check_stored(s, &info, p, n);
    }
    struct blob_stats stats;
    blob_stats(s, &stats);
    CHECK_EQ_UINT(stats.mismatches, 2);
    CHECK_EQ_UINT(stats.commits, 2);
    CHECK_EQ_UINT(stats.bytes_received, sizes[0] + sizes[1]);
    blob_store_free(s);
}

TEST(a_suspended_upload_is_resumed_after_a_restart)
{
    struct sw_err err = SW_ERR_INIT;
    static const size_t sizes[] = {1000, 5 * MIB, 12 * MIB};
    for (size_t i = 0; i < SW_ARRAY_LEN(sizes); i++) {
        size_t n = sizes[i];
        sw_autofree unsigned char *p = make_data(n, 30 + i);
        char id[BLOB_UPLOAD_ID_LEN + 1];
        struct digest d;
        struct blob_info info;
        digest_of(DIGEST_SHA256, p, n, &d);
        struct blob_store *s = open_store();
        struct blob_writer *w = begin(s, DIGEST_SHA256);
        append(w, p, n / 2, 100000);
        snprintf(id, sizeof id, "%s", blob_writer_id(w));
        blob_writer_free(w);
        CHECK_EQ_INT(uploads(s), 1);
        blob_store_free(s);

        s = open_store();
        CHECK_OK(blob_writer_resume(s, id, DIGEST_SHA256, &w, &err));
        CHECK_EQ_STR(blob_writer_id(w), id);
        CHECK_EQ_UINT(blob_writer_size(w), n / 2);
        append(w, p + n / 2, n - n / 2, 70000);
        commit(w, &d, &info);
        check_stored(s, &info, p, n);
        CHECK_ERR(blob_writer_resume(s, id, DIGEST_SHA256, &w, &err), SW_ENOTFOUND, NULL);
        blob_store_free(s);
    }
}

TEST(a_truncated_upload_goes_on_from_there)
{
    struct sw_err err = SW_ERR_INIT;
    static const size_t sizes[] = {1000, 6 * MIB};
    struct blob_store *s = open_store();
    for (size_t i = 0; i < SW_ARRAY_LEN(sizes); i++) {
        size_t n = sizes[i];
        sw_autofree unsigned char *p = make_data(n, 40 + i), *other = make_data(n, 50 + i);
        struct digest d;
        struct blob_info info;
        digest_of(DIGEST_SHA256, p, n, &d);
        struct blob_writer *w = begin(s, DIGEST_SHA256);
        append(w, p, n / 3, 65536);
        append(w, other, n, 65536);
        CHECK_OK(blob_writer_truncate(w, n / 3, &err));
        CHECK_EQ_UINT(blob_writer_size(w), n / 3);
        append(w, p + n / 3, n - n / 3, 65536);
        CHECK_OK(blob_writer_truncate(w, n + 1, &err)); /* nothing there to drop */
        commit(w, &d, &info);
        check_stored(s, &info, p, n);
    }
    blob_store_free(s);
}

/* --- uploads ---------------------------------------------------------------------------------- */

TEST(a_cancelled_upload_is_gone)
{
    struct sw_err err = SW_ERR_INIT;
    struct blob_store *s = open_store();
    struct blob_writer *w = begin(s, DIGEST_SHA256), *again = NULL;
    char id[BLOB_UPLOAD_ID_LEN + 1];
    snprintf(id, sizeof id, "%s", blob_writer_id(w));
    append(w, (const unsigned char *)"abc", 3, 3);
    CHECK_EQ_INT(uploads(s), 1);
    CHECK_OK(blob_writer_cancel(w, &err));
    blob_writer_free(w);
    CHECK_EQ_INT(uploads(s), 0);
    CHECK_ERR(blob_writer_resume(s, id, DIGEST_SHA256, &again, &err), SW_ENOTFOUND, NULL);
    blob_store_free(s);
}

TEST(an_upload_has_one_writer)
{
    struct sw_err err = SW_ERR_INIT;
    struct blob_store *s = open_store();
    struct blob_writer *w = begin(s, DIGEST_SHA256), *second = NULL;
    char id[BLOB_UPLOAD_ID_LEN + 1];
    snprintf(id, sizeof id, "%s", blob_writer_id(w));
    CHECK_ERR(blob_writer_resume(s, id, DIGEST_SHA256, &second, &err), SW_ECONFLICT, NULL);
    CHECK_ERR(blob_upload_remove(s, id, &err), SW_ECONFLICT, NULL);
    CHECK_EQ_INT(uploads(s), 1);
    blob_writer_free(w);
    CHECK_OK(blob_upload_remove(s, id, &err));
    CHECK_EQ_INT(uploads(s), 0);
    CHECK_OK(blob_upload_remove(s, id, &err));
    blob_store_free(s);
}

TEST(ids_and_keys_that_nobody_gave_out_are_not_found)
{
    struct sw_err err = SW_ERR_INIT;
    static const char *const ids[] = {"",
                                      "x",
                                      "..",
                                      "../blobs",
                                      "0123456789abcdef0123456789abcde",
                                      "0123456789abcdef0123456789abcdef",
                                      "0123456789ABCDEF0123456789ABCDEF",
                                      "0123456789abcdef0123456789abcdef0",
                                      "../../../../../../../etc/passwd0"};
    static const char *const keys[] = {
        "",
        "sha256",
        "sha256:",
        "sha256:../../../../etc/passwd",
        "../uploads/0123456789abcdef0123456789abcdef",
        "md5:d41d8cd98f00b204e9800998ecf8427e",
        "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "sha256:E3B0C44298FC1C149AFBF4C8996FB92427AE41E4649B934CA495991B7852B855"};
    struct blob_store *s = open_store();
    struct blob_writer *w = NULL;
    uint64_t size = 7;
    int fd = -7;
    for (size_t i = 0; i < SW_ARRAY_LEN(ids); i++) {
        CHECK_ERR(blob_writer_resume(s, ids[i], DIGEST_SHA256, &w, &err), SW_ENOTFOUND, NULL);
        CHECK_OK(blob_upload_remove(s, ids[i], &err));
    }
    for (size_t i = 0; i < SW_ARRAY_LEN(keys); i++) {
        CHECK_ERR(blob_stat(s, keys[i], &size, &err), SW_ENOTFOUND, NULL);
        CHECK_ERR(blob_open(s, keys[i], &fd, &size, &err), SW_ENOTFOUND, NULL);
        CHECK_OK(blob_remove(s, keys[i], &err));
    }
    CHECK_NULL(w);
    CHECK_EQ_INT(fd, -7);
    CHECK_EQ_UINT(size, 7);
    blob_store_free(s);
}

/* --- blobs ------------------------------------------------------------------------------------ */

static int stop_at_two(void *ctx, const char *key, uint64_t size, int64_t modified_at_us)
{
    (void)key, (void)size, (void)modified_at_us;
    return ++*(int *)ctx == 2 ? 42 : 0;
}

TEST(lists_and_removes)
{
    struct sw_err err = SW_ERR_INIT;
    struct blob_store *s = open_store();
    struct blob_info info[5];
    for (int i = 0; i < 5; i++)
        info[i] = store_bytes(s, (const unsigned char *)"abcde", (size_t)i + 1);
    CHECK_EQ_INT(blobs(s), 5);
    int n = 0;
    CHECK_EQ_INT(blob_list(s, stop_at_two, &n, &err), 42);
    CHECK_EQ_INT(n, 2);
    uint64_t size;
    int fd = -1;
    CHECK_OK(blob_open(s, info[2].key, &fd, &size, &err));
    CHECK_OK(blob_remove(s, info[2].key, &err));
    CHECK_OK(blob_remove(s, info[2].key, &err));
    char text[8] = {0};
    CHECK_EQ_INT(pread(fd, text, sizeof text, 0), 3); /* who reads goes on reading */
    close(fd);
    CHECK_ERR(blob_stat(s, info[2].key, &size, &err), SW_ENOTFOUND, NULL);
    CHECK_EQ_INT(blobs(s), 4);
    blob_store_free(s);
}

TEST(what_is_in_quarantine_is_not_found_and_can_be_stored_again)
{
    struct sw_err err = SW_ERR_INIT;
    struct blob_store *s = open_store();
    struct blob_info info = store_bytes(s, (const unsigned char *)"abc", 3);
    uint64_t size;
    CHECK_OK(blob_quarantine(s, info.key, &err));
    CHECK_ERR(blob_stat(s, info.key, &size, &err), SW_ENOTFOUND, NULL);
    CHECK_EQ_INT(blobs(s), 0);
    CHECK_ERR(blob_quarantine(s, info.key, &err), SW_ENOTFOUND, NULL);
    CHECK_ERR(blob_quarantine(s, "../escape", &err), SW_ENOTFOUND, NULL);
    info = store_bytes(s, (const unsigned char *)"abc", 3);
    CHECK_OK(blob_stat(s, info.key, &size, &err));
    CHECK_OK(blob_quarantine(s, info.key, &err));
    CHECK_EQ_INT(blobs(s), 0);
    blob_store_free(s);
}

TEST(reading_is_bounded)
{
    struct sw_err err = SW_ERR_INIT;
    struct blob_store *s = open_store();
    struct blob_info info = store_bytes(s, (const unsigned char *)"0123456789", 10);
    struct sw_buf buf = SW_BUF_INIT(100), small = SW_BUF_INIT(5);
    CHECK_ERR(blob_read(s, info.key, &info.digest, 9, &buf, &err), SW_ELIMIT, "SIZE_INVALID");
    CHECK_ERR(blob_read(s, info.key, &info.digest, 10, &small, &err), SW_ELIMIT, NULL);
    CHECK_OK(blob_read(s, info.key, &info.digest, 10, &buf, &err));
    CHECK_EQ_UINT(buf.n, 10);
    struct digest other;
    digest_of(DIGEST_SHA256, "x", 1, &other);
    CHECK_ERR(blob_read(s, info.key, &other, 10, &buf, &err), SW_EMISMATCH, NULL);
    CHECK_EQ_UINT(buf.n, 0);
    sw_buf_done(&buf);
    sw_buf_done(&small);
    blob_store_free(s);
}

struct pusher {
    struct blob_store *s;
    const unsigned char *p;
    size_t n;
    struct blob_info info;
};

static void *push_main(void *arg)
{
    struct pusher *u = arg;
    u->info = store_bytes(u->s, u->p, u->n);
    return NULL;
}

TEST(many_commit_the_same_digest_at_once)
{
    static const size_t sizes[] = {3, 100000, 5 * MIB};
    struct blob_store *s = open_store();
    for (size_t k = 0; k < SW_ARRAY_LEN(sizes); k++) {
        sw_autofree unsigned char *p = make_data(sizes[k], 60 + k);
        struct pusher pushers[12];
        pthread_t threads[SW_ARRAY_LEN(pushers)];
        for (size_t i = 0; i < SW_ARRAY_LEN(pushers); i++) {
            pushers[i] = (struct pusher){.s = s, .p = p, .n = sizes[k]};
            CHECK(pthread_create(&threads[i], NULL, push_main, &pushers[i]) == 0);
        }
        for (size_t i = 0; i < SW_ARRAY_LEN(pushers); i++)
            pthread_join(threads[i], NULL);
        for (size_t i = 0; i < SW_ARRAY_LEN(pushers); i++)
            check_stored(s, &pushers[i].info, p, sizes[k]);
    }
    CHECK_EQ_INT(blobs(s), (int)SW_ARRAY_LEN(sizes));
    CHECK_EQ_INT(uploads(s), 0);
    blob_store_free(s);
}

TEST(many_large_uploads_at_once)
{
    struct blob_store *s = open_store();
    struct pusher pushers[6]; /* more than there are helpers that hash beside */
    pthread_t threads[SW_ARRAY_LEN(pushers)];
    for (size_t i = 0; i < SW_ARRAY_LEN(pushers); i++) {
        size_t n = 6 * MIB + i;
        pushers[i] = (struct pusher){.s = s, .p = make_data(n, 70 + i), .n = n};
        CHECK(pthread_create(&threads[i], NULL, push_main, &pushers[i]) == 0);
    }
    for (size_t i = 0; i < SW_ARRAY_LEN(pushers); i++) {
        pthread_join(threads[i], NULL);
        check_stored(s, &pushers[i].info, pushers[i].p, pushers[i].n);
        free((void *)(uintptr_t)pushers[i].p);
    }
    CHECK_EQ_INT(blobs(s), (int)SW_ARRAY_LEN(pushers));
    blob_store_free(s);
}
