/* SPDX-License-Identifier: Apache-2.0 */
/* The generic layer above all drivers: it hashes, verifies, remembers failures and counts, so that
 * drivers cannot lie.
 *
 * 1. A driver's upload_commit is only called with the digest of exactly the bytes that the upload
 *    holds.
 * 2. After a failed append, truncate or commit the writer knows nothing about the upload any more
 *    and does nothing but repeat the error; a mismatch is no failure.
 * 3. While there is a pipe, driver and hash belong to it; whoever needs either ends it first. */
#include "storage/blob/blob.h"

#include <assert.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/id.h"
#include "base/macros.h"
#include "storage/blob/blob_hash.h"
#include "storage/blob/blob_pipe.h"

struct blob_store {
    const struct blob_ops *ops;
    void *drv;
    _Atomic uint64_t bytes_received, commits, opens, mismatches;
};

struct blob_writer {
    struct blob_store *store;
    void *state;
    char id[BLOB_UPLOAD_ID_LEN + 1];
    uint64_t size; /* with what is in the pipe */
    enum digest_algorithm hint;
    struct blob_hash *hash;
    struct blob_pipe *pipe; /* NULL: nothing is on its way to the driver */
    struct sw_err failed;
    bool spent;
};

struct blob_store *blob_store_new(const struct blob_ops *ops, void *drv)
{
    struct blob_store *s = SW_NEW(struct blob_store);
    s->ops = ops;
    s->drv = drv;
    return s;
}

void blob_store_free(struct blob_store *s)
{
    if (!s)
        return;
    s->ops->free(s->drv);
    free(s);
}

const struct blob_ops *blob_store_ops(const struct blob_store *s)
{
    return s->ops;
}

void *blob_store_driver(const struct blob_store *s)
{
    return s->drv;
}

void blob_stats(const struct blob_store *s, struct blob_stats *ret)
{
    *ret = (struct blob_stats){.bytes_received = atomic_load(&s->bytes_received),
                               .commits = atomic_load(&s->commits),
                               .opens = atomic_load(&s->opens),
                               .mismatches = atomic_load(&s->mismatches)};
}

void blob_trim(void)
{
    blob_pipe_trim();
}

int blob_stat(struct blob_store *s, const char *key, uint64_t *ret_size, struct sw_err *err)
{
    return s->ops->stat(s->drv, key, ret_size, err);
}

int blob_open(struct blob_store *s, const char *key, int *ret_fd, uint64_t *ret_size,
              struct sw_err *err)
{
    int r = s->ops->open(s->drv, key, ret_fd, ret_size, err);
    if (r == 0)
        atomic_fetch_add_explicit(&s->opens, 1, memory_order_relaxed);
    return r;
}

static int read_exactly(int fd, uint64_t size, struct sw_buf *ret, struct sw_err *err)
{
    char chunk[16 * 1024];
    uint64_t at = 0;
    while (at < size) {
        ssize_t n = pread(fd, chunk, (size_t)SW_MIN(size - at, (uint64_t)sizeof chunk), (off_t)at);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return sw_fail_os(err, errno, "read");
        if (n == 0)
            return sw_fail(err, SW_EMISMATCH, NULL, "ends at %llu, not at %llu",
                           (unsigned long long)at, (unsigned long long)size);
        sw_buf_add(ret, chunk, (size_t)n);
        at += (uint64_t)n;
    }
    return sw_buf_check(ret, NULL, err);
}

int blob_read(struct blob_store *s, const char *key, const struct digest *expect, size_t max,
              struct sw_buf *ret, struct sw_err *err)
{
    sw_autoclose int fd = -1;
    uint64_t size = 0;
    struct digest got;
    sw_buf_reset(ret);
    int r = blob_open(s, key, &fd, &size, err);
    if (r < 0)
        return r;
    if (size > max)
        return sw_fail(err, SW_ELIMIT, "SIZE_INVALID",
                       "blob %s has %llu bytes, at most %zu are read", key,
                       (unsigned long long)size, max);
    r = read_exactly(fd, size, ret, err);
    if (r < 0)
        return sw_prefix(err, "blob %s", key);
    digest_of(expect->algorithm, ret->n ? ret->p : "", ret->n, &got);
    if (!digest_equal(&got, expect)) {
        sw_buf_reset(ret);
        return sw_fail(err, SW_EMISMATCH, NULL, "blob %s is damaged", key);
    }
    return 0;
}

int blob_remove(struct blob_store *s, const char *key, struct sw_err *err)
{
    return s->ops->remove(s->drv, key, err);
}

int blob_quarantine(struct blob_store *s, const char *key, struct sw_err *err)
{
    return s->ops->quarantine(s->drv, key, err);
}

int blob_list(struct blob_store *s,
              int (*fn)(void *ctx, const char *key, uint64_t size, int64_t modified_at_us),
              void *ctx, struct sw_err *err)
{
    return s->ops->list(s->drv, fn, ctx, err);
}

int blob_list_uploads(struct blob_store *s, int (*fn)(void *ctx, const struct blob_upload_info *u),
                      void *ctx, struct sw_err *err)
{
    return s->ops->list_uploads(s->drv, fn, ctx, err);
}

static int writer_open(struct blob_store *s, const char *id, bool create,
                       enum digest_algorithm hint, struct blob_writer **ret, struct sw_err *err)
{
    void *state = NULL;
    uint64_t size = 0;
    int r = s->ops->upload_open(s->drv, id, create, &state, &size, err);
    if (r < 0)
        return r;
    struct blob_writer *w = SW_NEW(struct blob_writer);
    w->store = s;
    w->state = state;
    w->size = size;
    w->hint = hint;
    w->hash = blob_hash_new(hint, s->ops, state, size);
    snprintf(w->id, sizeof w->id, "%s", id);
    *ret = w;
    return 0;
}

int blob_writer_begin(struct blob_store *s, enum digest_algorithm hint, struct blob_writer **ret,
                      struct sw_err *err)
{
    char id[BLOB_UPLOAD_ID_LEN + 1];
    sw_random_hex(id, BLOB_UPLOAD_ID_LEN);
    return writer_open(s, id, true, hint, ret, err);
}

int blob_writer_resume(struct blob_store *s, const char *id, enum digest_algorithm hint,
                       struct blob_writer **ret, struct sw_err *err)
{
    return writer_open(s, id, false, hint, ret, err);
}

const char *blob_writer_id(const struct blob_writer *w)
{
    return w->id;
}

uint64_t blob_writer_size(const struct blob_writer *w)
{
    return w->size;
}

static int repeat_failure(const struct blob_writer *w, struct sw_err *err)
{
    assert(!w->spent && "a spent writer was used");
    if (w->failed.code == 0)
        return 0;
    struct sw_err copy = w->failed;
    return sw_err_move(err, &copy);
}

static void drop_pipe(struct blob_writer *w)
{
    blob_pipe_abandon(w->pipe);
    w->pipe = NULL;
}

static int stick(struct blob_writer *w, const struct sw_err *err)
{
    drop_pipe(w);
    blob_hash_abandon(w->hash);
    w->failed = *err;
    return err->code;
}

int blob_writer_append(struct blob_writer *w, const void *data, size_t n, struct sw_err *err)
{
    int r = repeat_failure(w, err);
    if (r < 0 || n == 0)
        return r;
    if (!w->pipe && blob_hash_current(w->hash))
        w->pipe = blob_pipe_new(w->store->ops, w->state, w->hash, w->size);
    r = w->pipe ? blob_pipe_add(w->pipe, data, n, err)
                : w->store->ops->upload_append(w->state, data, n, err);
    if (r < 0)
        return stick(w, err);
    w->size += n;
    if (!w->pipe)
        blob_hash_add(w->hash, data, n);
    atomic_fetch_add_explicit(&w->store->bytes_received, n, memory_order_relaxed);
    return 0;
}

int blob_writer_flush(struct blob_writer *w, struct sw_err *err)
{
    struct blob_pipe *pipe = w->pipe;
    int r = repeat_failure(w, err);
    if (r < 0 || !pipe)
        return r;
    w->pipe = NULL;
    r = blob_pipe_finish(pipe, err);
    return r < 0 ? stick(w, err) : 0;
}

int blob_writer_truncate(struct blob_writer *w, uint64_t size, struct sw_err *err)
{
    int r = repeat_failure(w, err);
    if (r < 0 || size >= w->size)
        return r;
    r = blob_writer_flush(w, err);
    if (r < 0)
        return r;
    blob_hash_truncate(w->hash, size);
    r = w->store->ops->upload_truncate(w->state, size, err);
    if (r < 0)
        return stick(w, err);
    w->size = size;
    return 0;
}

/* The digest of the upload in the algorithm that the client chose at last. */
static int digest_as(struct blob_writer *w, enum digest_algorithm a, struct digest *ret,
                     struct sw_err *err)
{
    if (a == w->hint)
        return blob_hash_get(w->hash, ret, err);
    blob_hash_pause(w->hash);
    struct blob_hash *other = blob_hash_new(a, w->store->ops, w->state, w->size);
    int r = blob_hash_get(other, ret, err);
    blob_hash_free(other);
    return r;
}

int blob_writer_commit(struct blob_writer *w, const struct digest *expect, struct blob_info *ret,
                       struct sw_err *err)
{
    struct digest got;
    struct blob_info info = {.digest = *expect, .size = w->size};
    int r = blob_writer_flush(w, err);
    if (r < 0)
        return r;
    r = digest_as(w, expect->algorithm, &got, err);
    if (r < 0)
        return stick(w, err);
    if (!digest_equal(&got, expect)) {
        char is[DIGEST_STRING_MAX], want[DIGEST_STRING_MAX];
        digest_format(&got, is);
        digest_format(expect, want);
        atomic_fetch_add(&w->store->mismatches, 1);
        sw_fail(err, SW_EMISMATCH, "DIGEST_INVALID", "the content is %s, not %s", is, want);
        return sw_detail(err, "%s", want);
    }
    r = w->store->ops->upload_commit(w->state, expect, info.key, err);
    if (r < 0)
        return stick(w, err);
    w->spent = true;
    atomic_fetch_add(&w->store->commits, 1);
    *ret = info;
    return 0;
}

int blob_writer_cancel(struct blob_writer *w, struct sw_err *err)
{
    assert(!w->spent);
    drop_pipe(w);
    blob_hash_abandon(w->hash);
    w->spent = true;
    return w->store->ops->upload_cancel(w->state, err);
}

void blob_writer_free(struct blob_writer *w)
{
    struct sw_err ignored = SW_ERR_INIT;
    if (!w)
        return;
    if (!w->spent)
        (void)blob_writer_flush(w, &ignored);
    blob_hash_free(w->hash);
    w->store->ops->upload_close(w->state);
    free(w);
}

int blob_upload_remove(struct blob_store *s, const char *id, struct sw_err *err)
{
    void *state = NULL;
    uint64_t size = 0;
    int r = s->ops->upload_open(s->drv, id, false, &state, &size, err);
    if (r == SW_ENOTFOUND) {
        sw_err_clear(err);
        return 0;
    }
    if (r < 0)
        return r;
    r = s->ops->upload_cancel(state, err);
    s->ops->upload_close(state);
    return r;
}
