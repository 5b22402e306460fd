/* SPDX-License-Identifier: Apache-2.0 */
/* 1. `hasher` has seen exactly the bytes [0, hashed) of the upload, and hashed <= size.
 * 2. While `helping`, hasher, hashed and failed belong to the helper, and size is shared under the
 *    lock; else all is the writer's. The writer may look at hashed while the helper waits.
 * 3. The helper only reads below size, where bytes no longer change.
 * 4. `hurry` makes the helper end after the piece it reads, however much is left: a peer that goes away, or whose bytes are dropped,
 *    must not make its thread wait for the hash. Once abandoned nobody wants the digest any more. */
#include "storage/blob/blob_hash.h"

#include <pthread.h>
#include <stdatomic.h>

#include "base/alloc.h"
#include "base/macros.h"

#define READ_SIZE (256 * 1024)
#define LAG_MIN   (1024 * 1024) /* what makes waking the helper worth it */

struct blob_hash {
    enum digest_algorithm algorithm;
    const struct blob_ops *ops;
    void *state;
    struct digest_hasher *hasher;
    uint64_t hashed, size;
    struct sw_err failed; /* of a read; a later get tries again */

    bool helping;
    pthread_t thread;
    pthread_mutex_t lock; /* guards size, waiting and stopping while helping */
    pthread_cond_t more;
    bool stopping, waiting;
    atomic_bool hurry;
    bool abandoned;
};

static _Atomic int helpers;

struct blob_hash *blob_hash_new(enum digest_algorithm a, const struct blob_ops *ops, void *state,
                                uint64_t size)
{
    struct blob_hash *h = SW_NEW(struct blob_hash);
    h->algorithm = a;
    h->ops = ops;
    h->state = state;
    h->size = size;
    h->hasher = digest_hasher_new(a);
    pthread_mutex_init(&h->lock, NULL);
    pthread_cond_init(&h->more, NULL);
    return h;
}

/* Moves `hashed` up to `until`. */
static int catch_up(struct blob_hash *h, uint64_t until, struct sw_err *err)
{
    if (h->hashed == until)
        return 0;
    sw_autofree unsigned char *buf = sw_malloc(READ_SIZE);
    while (h->hashed < until && !atomic_load_explicit(&h->hurry, memory_order_relaxed)) {
        size_t want = (size_t)SW_MIN(until - h->hashed, (uint64_t)READ_SIZE), got = 0;
        int r = h->ops->upload_read(h->state, h->hashed, buf, want, &got, err);
        if (r < 0)
            return r;
        if (got == 0)
            return sw_fail(err, SW_EIO, NULL, "the upload ends at %llu, not at %llu",
                           (unsigned long long)h->hashed, (unsigned long long)until);
        digest_hasher_update(h->hasher, buf, got);
        h->hashed += got;
    }
    return 0;
}

/* Ends when the writer pauses it, having read everything or in a hurry, or at the first error. */
static void *help(void *arg)
{
    struct blob_hash *h = arg;
    for (;;) {
        pthread_mutex_lock(&h->lock);
        while (!h->stopping && h->size - h->hashed < LAG_MIN) {
            h->waiting = true;
            pthread_cond_wait(&h->more, &h->lock);
        }
        h->waiting = false;
        uint64_t until = h->size;
        bool stop = h->stopping && (until == h->hashed || atomic_load(&h->hurry));
        pthread_mutex_unlock(&h->lock);
        if (stop || catch_up(h, until, &h->failed) < 0)
            return NULL;
    }
}

static void start_helper(struct blob_hash *h)
{
    if (atomic_fetch_add(&helpers, 1) < BLOB_HASH_HELPERS) {
        h->stopping = h->waiting = false;
        if (pthread_create(&h->thread, NULL, help, h) == 0) {
            h->helping = true;
            return;
        }
    }
    atomic_fetch_sub(&helpers, 1);
}

void blob_hash_pause(struct blob_hash *h)
{
    if (!h->helping)
        return;
    pthread_mutex_lock(&h->lock);
    h->stopping = true;
    pthread_cond_signal(&h->more);
    pthread_mutex_unlock(&h->lock);
    pthread_join(h->thread, NULL);
    h->helping = false;
    atomic_fetch_sub(&helpers, 1);
}

void blob_hash_abandon(struct blob_hash *h)
{
    atomic_store(&h->hurry, true);
    h->abandoned = true;
    blob_hash_pause(h);
}

bool blob_hash_current(const struct blob_hash *h)
{
    return !h->helping && !h->abandoned && h->hashed == h->size && h->failed.code == 0;
}

void blob_hash_feed(struct blob_hash *h, const void *data, size_t n)
{
    digest_hasher_update(h->hasher, data, n);
    h->hashed += n;
    h->size += n;
}

void blob_hash_add(struct blob_hash *h, const void *data, size_t n)
{
    if (h->helping) {
        pthread_mutex_lock(&h->lock);
        h->size += n;
        if (h->waiting && h->size - h->hashed >= LAG_MIN)
            pthread_cond_signal(&h->more);
        pthread_mutex_unlock(&h->lock);
        return;
    }
    if (h->hashed == h->size)
        blob_hash_feed(h, data, n);
    else
        h->size += n;
    if (h->size >= BLOB_HASH_BESIDE && h->failed.code == 0)
        start_helper(h);
}

void blob_hash_truncate(struct blob_hash *h, uint64_t size)
{
    atomic_store(&h->hurry, true);
    blob_hash_pause(h);
    atomic_store(&h->hurry, h->abandoned);
    if (size < h->hashed) {
        digest_hasher_free(h->hasher);
        h->hasher = digest_hasher_new(h->algorithm);
        h->hashed = 0;
    }
    h->size = SW_MIN(h->size, size);
}

int blob_hash_get(struct blob_hash *h, struct digest *ret, struct sw_err *err)
{
    blob_hash_pause(h);
    sw_err_clear(&h->failed);
    int r = catch_up(h, h->size, err);
    if (r < 0)
        return r;
    digest_hasher_peek(h->hasher, ret);
    return 0;
}

void blob_hash_free(struct blob_hash *h)
{
    if (!h)
        return;
    blob_hash_abandon(h);
    digest_hasher_free(h->hasher);
    pthread_mutex_destroy(&h->lock);
    pthread_cond_destroy(&h->more);
    free(h);
}
