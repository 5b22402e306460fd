/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdatomic.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/macros.h"
#include "storage/blob/blob_pipe.h"
#include "tests/lib/test.h"

#define MOST (12 * BLOB_PIPE_BLOCK)

/* An upload in memory that takes only what follows what it has, and can be slow or fail. */
struct memory {
    const unsigned char *expect;
    _Atomic uint64_t size;
    _Atomic int pieces, on_pages;
    uint64_t fails_at; /* the append that reaches this byte; 0: none */
    int64_t append_ms;
};

static unsigned char content[MOST];

static int memory_append(void *state, const void *data, size_t n, struct sw_err *err)
{
    struct memory *m = state;
    uint64_t at = atomic_load(&m->size);
    if (m->append_ms)
        sw_sleep_ms(m->append_ms);
    if (m->fails_at && at + n >= m->fails_at)
        return sw_fail_os(err, ENOSPC, "write");
    CHECK(at + n <= MOST && memcmp(content + at, data, n) == 0);
    atomic_fetch_add(&m->pieces, 1);
    if ((uintptr_t)data % 4096 == at % 4096)
        atomic_fetch_add(&m->on_pages, 1);
    atomic_store(&m->size, at + n);
    return 0;
}

static int memory_read(void *state, uint64_t offset, void *out, size_t cap, size_t *ret_n,
                       struct sw_err *err)
{
    struct memory *m = state;
    (void)err;
    *ret_n = (size_t)SW_MIN(cap, atomic_load(&m->size) - offset);
    memcpy(out, content + offset, *ret_n);
    return 0;
}

static const struct blob_ops ops = {.upload_append = memory_append, .upload_read = memory_read};

static void fill_content(void)
{
    for (size_t i = 0; i < MOST; i++)
        content[i] = (unsigned char)(i * 2654435761u >> 24);
}

static int add(struct blob_pipe *p, size_t from, size_t to, size_t piece, struct sw_err *err)
{
    int r = 0;
    for (size_t at = from; at < to && r == 0; at += piece)
        r = blob_pipe_add(p, content + at, SW_MIN(piece, to - at), err);
    return r;
}

static void check_digest(struct blob_hash *h, size_t n)
{
    struct sw_err err = SW_ERR_INIT;
    struct digest got, want;
    CHECK_OK(blob_hash_get(h, &got, &err));
    digest_of(DIGEST_SHA256, content, n, &want);
    CHECK(digest_equal(&got, &want));
}

/* From `from` bytes that the driver has to `to`. */
static void check_run(size_t from, size_t to, size_t piece)
{
    struct sw_err err = SW_ERR_INIT;
    struct memory m = {.size = from};
    struct digest first;
    struct blob_hash *h = blob_hash_new(DIGEST_SHA256, &ops, &m, from);
    CHECK_OK(blob_hash_get(h, &first, &err));
    CHECK(blob_hash_current(h));
    struct blob_pipe *p = blob_pipe_new(&ops, &m, h, from);
    CHECK(p);
    CHECK_OK(add(p, from, to, piece, &err));
    CHECK_OK(blob_pipe_finish(p, &err));
    CHECK_EQ_UINT(m.size, to);
    CHECK_EQ_INT(m.on_pages, m.pieces);
    check_digest(h, to);
    blob_hash_free(h);
}

TEST(every_byte_arrives_in_order_and_is_hashed)
{
    static const size_t sizes[] = {0,
                                   1,
                                   5000,
                                   BLOB_PIPE_BLOCK - 1,
                                   BLOB_PIPE_BLOCK,
                                   BLOB_PIPE_BLOCK + 1,
                                   3 * BLOB_PIPE_BLOCK,
                                   9 * BLOB_PIPE_BLOCK + 77};
    fill_content();
    for (size_t i = 0; i < SW_ARRAY_LEN(sizes); i++) {
        check_run(0, sizes[i], 30011);
        check_run(0, sizes[i], 3 * BLOB_PIPE_BLOCK);
        check_run(4096, 4096 + sizes[i], 30011);
        check_run(12345, 12345 + sizes[i], 30011);
    }
}

TEST(what_fits_in_one_block_is_written_at_the_end_in_one_piece)
{
    struct sw_err err = SW_ERR_INIT;
    struct memory m = {.size = 0};
    fill_content();
    struct blob_hash *h = blob_hash_new(DIGEST_SHA256, &ops, &m, 0);
    struct blob_pipe *p = blob_pipe_new(&ops, &m, h, 0);
    CHECK_OK(add(p, 0, BLOB_PIPE_BLOCK, 4096, &err));
    CHECK_EQ_INT(m.pieces, 0);
    CHECK_OK(blob_pipe_finish(p, &err));
    CHECK_EQ_INT(m.pieces, 1);
    blob_hash_free(h);
}

/* Alone it is hashed and written at once, beside others one after the other. */
TEST(one_block_ends_the_same_alone_and_beside_others)
{
    struct memory other = {.size = 0};
    struct blob_hash *h = blob_hash_new(DIGEST_SHA256, &ops, &other, 0);
    struct blob_pipe *others[BLOB_PIPE_BLOCKS + 1];
    fill_content();
    for (size_t n = 200 * 1024; n <= BLOB_PIPE_BLOCK; n += 106 * 1024)
        check_run(4096, 4096 + n, 30011);
    for (size_t i = 0; i < SW_ARRAY_LEN(others); i++)
        CHECK((others[i] = blob_pipe_new(&ops, &other, h, 0)) != NULL);
    for (size_t n = 200 * 1024; n <= BLOB_PIPE_BLOCK; n += 106 * 1024)
        check_run(4096, 4096 + n, 30011);
    for (size_t i = 0; i < SW_ARRAY_LEN(others); i++)
        blob_pipe_abandon(others[i]);
    blob_hash_free(h);
}

TEST(a_failed_write_of_the_only_block_is_reported)
{
    struct sw_err err = SW_ERR_INIT;
    struct memory m = {.fails_at = 1};
    fill_content();
    struct blob_hash *h = blob_hash_new(DIGEST_SHA256, &ops, &m, 0);
    struct blob_pipe *p = blob_pipe_new(&ops, &m, h, 0);
    CHECK_OK(add(p, 0, BLOB_PIPE_BLOCK, 4096, &err));
    CHECK_ERR(blob_pipe_finish(p, &err), SW_ELIMIT, NULL);
    CHECK_EQ_INT(m.pieces, 0);
    blob_hash_free(h);
}

TEST(a_failed_write_is_reported_and_nothing_is_written_behind_it)
{
    fill_content();
    for (uint64_t fails_at = 1; fails_at < MOST; fails_at += BLOB_PIPE_BLOCK * 7 / 5) {
        struct sw_err err = SW_ERR_INIT;
        struct memory m = {.fails_at = fails_at};
        struct blob_hash *h = blob_hash_new(DIGEST_SHA256, &ops, &m, 0);
        struct blob_pipe *p = blob_pipe_new(&ops, &m, h, 0);
        int r = add(p, 0, MOST, 50000, &err);
        if (r < 0)
            blob_pipe_abandon(p);
        else
            r = blob_pipe_finish(p, &err);
        CHECK_EQ_INT(r, SW_ELIMIT);
        CHECK_EQ_UINT(m.size, (fails_at - 1) / BLOB_PIPE_BLOCK * BLOB_PIPE_BLOCK);
        blob_hash_free(h);
    }
}

TEST(the_receiver_is_never_more_than_its_blocks_ahead)
{
    struct sw_err err = SW_ERR_INIT;
    struct memory m = {.append_ms = 20};
    fill_content();
    struct blob_hash *h = blob_hash_new(DIGEST_SHA256, &ops, &m, 0);
    struct blob_pipe *p = blob_pipe_new(&ops, &m, h, 0);
    for (size_t at = 0; at < MOST; at += 65536) {
        CHECK_OK(blob_pipe_add(p, content + at, 65536, &err));
        CHECK(at + 65536 - atomic_load(&m.size) <= BLOB_PIPE_BLOCKS * BLOB_PIPE_BLOCK);
    }
    CHECK_OK(blob_pipe_finish(p, &err));
    check_digest(h, MOST);
    blob_hash_free(h);
}

TEST(giving_up_does_not_wait_for_the_rest)
{
    struct sw_err err = SW_ERR_INIT;
    struct memory m = {.append_ms = 50};
    fill_content();
    struct blob_hash *h = blob_hash_new(DIGEST_SHA256, &ops, &m, 0);
    struct blob_pipe *p = blob_pipe_new(&ops, &m, h, 0);
    CHECK_OK(add(p, 0, BLOB_PIPE_BLOCKS * BLOB_PIPE_BLOCK, BLOB_PIPE_BLOCK, &err));
    blob_pipe_abandon(p);
    CHECK(m.size <= BLOB_PIPE_BLOCK);
    blob_hash_free(h);
}

/* With all blocks taken nobody gets a pipe; one who has a block and gets no second one still goes on. */
TEST(the_budget_bounds_all_uploads_together)
{
    struct sw_err err = SW_ERR_INIT;
    fill_content();
    for (int round = 0; round < 2; round++) {
        struct memory m[BLOB_PIPE_BUDGET] = {{0}};
        struct blob_hash *h[BLOB_PIPE_BUDGET];
        struct blob_pipe *p[BLOB_PIPE_BUDGET];
        for (size_t i = 0; i < BLOB_PIPE_BUDGET; i++) {
            h[i] = blob_hash_new(DIGEST_SHA256, &ops, &m[i], 0);
            p[i] = blob_pipe_new(&ops, &m[i], h[i], 0);
            CHECK(p[i]);
        }
        CHECK(!blob_pipe_new(&ops, &m[0], h[0], 0));
        CHECK_OK(add(p[0], 0, 3 * BLOB_PIPE_BLOCK + 5, 65536, &err));
        for (size_t i = 0; i < BLOB_PIPE_BUDGET; i++)
            CHECK_OK(blob_pipe_finish(p[i], &err));
        check_digest(h[0], 3 * BLOB_PIPE_BLOCK + 5);
        for (size_t i = 0; i < BLOB_PIPE_BUDGET; i++)
            blob_hash_free(h[i]);
    }
}
