/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdatomic.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/macros.h"
#include "storage/blob/blob_hash.h"
#include "tests/lib/test.h"

/* An upload in memory that counts what is read of it, and can fail. */
struct memory {
    unsigned char *p;
    _Atomic uint64_t size, read;
    _Atomic int failures;
    int64_t read_ms; /* how long one read takes */
};

static int memory_read(void *state, uint64_t offset, void *out, size_t cap, size_t *ret_n,
                       struct sw_err *err)
{
    struct memory *m = state;
    if (atomic_load(&m->failures) > 0) {
        atomic_fetch_sub(&m->failures, 1);
        return sw_fail_os(err, EIO, "read");
    }
    if (m->read_ms)
        sw_sleep_ms(m->read_ms);
    uint64_t size = atomic_load(&m->size);
    *ret_n = offset >= size ? 0 : (size_t)SW_MIN(size - offset, (uint64_t)cap);
    memcpy(out, m->p + offset, *ret_n);
    atomic_fetch_add(&m->read, *ret_n);
    return 0;
}

static const struct blob_ops ops = {.upload_read = memory_read};

#define MOST (3 * BLOB_HASH_BESIDE)

static void memory_init(struct memory *m)
{
    *m = (struct memory){.p = sw_malloc(MOST)};
    for (size_t i = 0; i < MOST; i++)
        m->p[i] = (unsigned char)(i * 2654435761u >> 24);
}

static void add(struct blob_hash *h, struct memory *m, size_t n, size_t piece)
{
    for (size_t done = 0; done < n; done += piece) {
        size_t part = SW_MIN(piece, n - done);
        uint64_t at = atomic_fetch_add(&m->size, part);
        blob_hash_add(h, m->p + at, part);
    }
}

static void check_digest(struct blob_hash *h, const struct memory *m)
{
    struct sw_err err = SW_ERR_INIT;
    struct digest got, want;
    CHECK_OK(blob_hash_get(h, &got, &err));
    digest_of(DIGEST_SHA256, m->p, (size_t)m->size, &want);
    CHECK(digest_equal(&got, &want));
}

TEST(a_small_upload_is_never_read_back)
{
    struct memory m;
    memory_init(&m);
    struct blob_hash *h = blob_hash_new(DIGEST_SHA256, &ops, &m, 0);
    check_digest(h, &m);
    add(h, &m, BLOB_HASH_BESIDE - 1, 10007);
    check_digest(h, &m);
    CHECK_EQ_UINT(m.read, 0);
    blob_hash_free(h);
    free(m.p);
}

TEST(a_large_one_is_hashed_beside_and_each_byte_once)
{
    struct memory m;
    memory_init(&m);
    struct blob_hash *h = blob_hash_new(DIGEST_SHA256, &ops, &m, 0);
    add(h, &m, 2 * BLOB_HASH_BESIDE, 65536);
    check_digest(h, &m);
    CHECK_EQ_UINT(m.read, BLOB_HASH_BESIDE);
    add(h, &m, BLOB_HASH_BESIDE - 5, 65536);
    check_digest(h, &m);
    CHECK(m.read < 2 * BLOB_HASH_BESIDE);
    blob_hash_free(h);
    free(m.p);
}

TEST(bytes_that_were_there_before_are_read_when_needed)
{
    struct memory m;
    memory_init(&m);
    m.size = 1000;
    struct blob_hash *h = blob_hash_new(DIGEST_SHA256, &ops, &m, 1000);
    CHECK_EQ_UINT(m.read, 0);
    add(h, &m, 500, 500);
    check_digest(h, &m);
    CHECK_EQ_UINT(m.read, 1500);
    add(h, &m, 500, 500);
    check_digest(h, &m);
    CHECK_EQ_UINT(m.read, 1500);
    blob_hash_free(h);
    free(m.p);
}

TEST(truncation_starts_over)
{
    struct memory m;
    memory_init(&m);
    struct blob_hash *h = blob_hash_new(DIGEST_SHA256, &ops, &m, 0);
    add(h, &m, 2 * BLOB_HASH_BESIDE, 65536);
    blob_hash_truncate(h, 5000);
    m.size = 5000;
    memset(m.p + 5000, 'x', 1000);
    add(h, &m, 1000, 100);
    check_digest(h, &m);
    blob_hash_free(h);
    free(m.p);
}

TEST(a_failed_read_is_reported_and_can_be_tried_again)
{
    struct sw_err err = SW_ERR_INIT;
    struct memory m;
    struct digest d;
    memory_init(&m);
    struct blob_hash *h = blob_hash_new(DIGEST_SHA256, &ops, &m, 0);
    m.failures = 2; /* the helper's, and that of the first get */
    add(h, &m, 2 * BLOB_HASH_BESIDE, 65536);
    CHECK_ERR(blob_hash_get(h, &d, &err), SW_EIO, NULL);
    check_digest(h, &m);
    m.size -= 1; /* the driver lost a byte */
    struct blob_hash *other = blob_hash_new(DIGEST_SHA256, &ops, &m, m.size + 1);
    CHECK_ERR(blob_hash_get(other, &d, &err), SW_EIO, NULL);
    blob_hash_free(other);
    blob_hash_free(h);
    free(m.p);
}

/* 8 MiB lie ahead of the helper, 32 reads; giving up waits for one or two. */
TEST(giving_up_does_not_wait_for_the_rest)
{
    struct memory m;
    memory_init(&m);
    m.read_ms = 20;
    struct blob_hash *h = blob_hash_new(DIGEST_SHA256, &ops, &m, 0);
    add(h, &m, MOST, BLOB_HASH_BESIDE);
    blob_hash_abandon(h);
    CHECK(atomic_load(&m.read) < BLOB_HASH_BESIDE);
    blob_hash_free(h);
    free(m.p);
}

TEST(helpers_are_given_back)
{
    struct memory m;
    for (int round = 0; round < 3; round++) {
        struct blob_hash *h[BLOB_HASH_HELPERS + 2];
        struct memory each[SW_ARRAY_LEN(h)];
        memory_init(&m);
        for (size_t i = 0; i < SW_ARRAY_LEN(h); i++) {
            each[i] = (struct memory){.p = m.p};
            h[i] = blob_hash_new(DIGEST_SHA256, &ops, &each[i], 0);
            add(h[i], &each[i], BLOB_HASH_BESIDE + 2 * 1024 * 1024, 1 << 20);
        }
        for (size_t i = 0; i < SW_ARRAY_LEN(h); i++) {
            check_digest(h[i], &each[i]);
            CHECK_EQ_UINT(each[i].read, i < BLOB_HASH_HELPERS ? 2 * 1024 * 1024 : 0);
            blob_hash_free(h[i]);
        }
        free(m.p);
    }
}
