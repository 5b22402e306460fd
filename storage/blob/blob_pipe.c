/* SPDX-License-Identifier: Apache-2.0 */
/* 1. Full blocks are counted: `filled` by the receiver, `hashed` and `written` by the helpers; block k lies in slot k % owned. A slot
 *    is free for block k when both helpers have passed block k - owned.
 * 2. `owned` changes only before the helpers start, when no slot was used twice.
 * 3. The helpers touch slots in [hashed, filled) and [written, filled), the receiver only the slot of `filled`.
 * 4. Blocks are written in their order by one thread at a time: the driver holds a prefix.
 * 5. A failed write is remembered and ends the writing helper; nothing is written behind it. */
#include "storage/blob/blob_pipe.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/macros.h"

#define PAGE       4096
#define KEEP_IDLE  2 /* blocks that stay: the next small upload takes warm memory */
#define BUSY_MS    1000
#define ALONE      BLOB_PIPE_BLOCKS /* blocks in use, of all uploads */
#define BESIDE_MIN (256 * 1024)     /* 0.13 ms of hashing; a thread costs 0.05 */

struct blob_pipe {
    const struct blob_ops *ops;
    void *state;
    struct blob_hash *hash;
    unsigned char *blocks[BLOB_PIPE_BLOCKS];
    size_t owned;
    size_t skew; /* where the first block begins, so that pages of memory are pages of the upload */
    size_t fill; /* the end of the bytes in the slot of `filled` */

    bool helping;
    pthread_t hasher, writer;
    pthread_mutex_t lock; /* guards what follows */
    pthread_cond_t more, room;
    uint64_t filled, hashed, written;
    bool stopping, abandoned;
    struct sw_err failed;
};

/* ---- blocks ---- */

static struct {
    pthread_mutex_t lock;
    unsigned char *idle[BLOB_PIPE_BUDGET];
    size_t idle_n, used;
    int64_t busy_ms; /* when more than KEEP_IDLE were in use last */
} pool = {.lock = PTHREAD_MUTEX_INITIALIZER};

static unsigned char *take_block(void)
{
    unsigned char *b = NULL;

    pthread_mutex_lock(&pool.lock);
    if (pool.idle_n > 0) {
        b = pool.idle[--pool.idle_n];
    } else if (pool.used < BLOB_PIPE_BUDGET) {
        b = mmap(NULL, BLOB_PIPE_BLOCK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (b == MAP_FAILED)
            b = NULL;
    }
    if (b)
        pool.used++;
    pthread_mutex_unlock(&pool.lock);
    return b;
}

/* Memory that is given back costs a page fault for each of its pages when it is needed again: not while uploads are frequent. */
static void trim_idle(void)
{
    if (sw_mono_ms() - pool.busy_ms < BUSY_MS)
        return;
    while (pool.idle_n > KEEP_IDLE)
        (void)munmap(pool.idle[--pool.idle_n], BLOB_PIPE_BLOCK);
}

static void give_block(unsigned char *b)
{
    pthread_mutex_lock(&pool.lock);
    if (pool.used-- > KEEP_IDLE)
        pool.busy_ms = sw_mono_ms();
    pool.idle[pool.idle_n++] = b;
    if (pool.used == 0)
        trim_idle();
    pthread_mutex_unlock(&pool.lock);
}

void blob_pipe_trim(void)
{
    pthread_mutex_lock(&pool.lock);
    trim_idle();
    pthread_mutex_unlock(&pool.lock);
}

/* ---- steps ---- */

static size_t start_of(const struct blob_pipe *p, uint64_t block)
{
    return block == 0 ? p->skew : 0;
}

static void hash_part(struct blob_pipe *p, uint64_t block, size_t end)
{
    size_t at = start_of(p, block);
    blob_hash_feed(p->hash, p->blocks[block % p->owned] + at, end - at);
}

static int write_part(struct blob_pipe *p, uint64_t block, size_t end, struct sw_err *err)
{
    size_t at = start_of(p, block);
    return p->ops->upload_append(p->state, p->blocks[block % p->owned] + at, end - at, err);
}

/* False: nothing will come any more. */
static bool wait_for_more(struct blob_pipe *p, const uint64_t *done)
{
    pthread_mutex_lock(&p->lock);
    while (!p->stopping && *done == p->filled)
        pthread_cond_wait(&p->more, &p->lock);
    bool more = *done < p->filled && !p->abandoned;
    pthread_mutex_unlock(&p->lock);
    return more;
}

static void passed(struct blob_pipe *p, uint64_t *count)
{
    pthread_mutex_lock(&p->lock);
    ++*count;
    pthread_cond_signal(&p->room);
    pthread_mutex_unlock(&p->lock);
}

static void *hash_blocks(void *arg)
{
    struct blob_pipe *p = arg;
    while (wait_for_more(p, &p->hashed)) {
        hash_part(p, p->hashed, BLOB_PIPE_BLOCK);
        passed(p, &p->hashed);
    }
    return NULL;
}

static void *write_blocks(void *arg)
{
    struct blob_pipe *p = arg;
    while (wait_for_more(p, &p->written)) {
        struct sw_err err = SW_ERR_INIT;
        if (write_part(p, p->written, BLOB_PIPE_BLOCK, &err) < 0) {
            pthread_mutex_lock(&p->lock);
            p->failed = err;
            pthread_cond_signal(&p->room);
            pthread_mutex_unlock(&p->lock);
            return NULL;
        }
        passed(p, &p->written);
    }
    return NULL;
}

/* ---- the receiver ---- */

struct blob_pipe *blob_pipe_new(const struct blob_ops *ops, void *state, struct blob_hash *hash,
                                uint64_t size)
{
    unsigned char *b = take_block();
    if (!b)
        return NULL;
    struct blob_pipe *p = SW_NEW(struct blob_pipe);
    p->ops = ops;
    p->state = state;
    p->hash = hash;
    p->blocks[0] = b;
    p->owned = 1;
    p->skew = p->fill = (size_t)(size % PAGE);
    pthread_mutex_init(&p->lock, NULL);
    pthread_cond_init(&p->more, NULL);
    pthread_cond_init(&p->room, NULL);
    return p;
}

static void stop_helpers(struct blob_pipe *p, bool abandon)
{
    if (!p->helping)
        return;
    pthread_mutex_lock(&p->lock);
    p->stopping = true;
    p->abandoned = abandon;
    pthread_cond_broadcast(&p->more);
    pthread_mutex_unlock(&p->lock);
    pthread_join(p->hasher, NULL);
    pthread_join(p->writer, NULL);
    p->helping = false;
}

/* The first block is full and more comes. Without memory or threads for it this thread does all by itself. */
static void start_helpers(struct blob_pipe *p)
{
    while (p->owned < BLOB_PIPE_BLOCKS && (p->blocks[p->owned] = take_block()))
        p->owned++;
    if (p->owned == 1 || pthread_create(&p->hasher, NULL, hash_blocks, p) != 0)
        return;
    p->helping = true;
    if (pthread_create(&p->writer, NULL, write_blocks, p) == 0)
        return;
    pthread_mutex_lock(&p->lock);
    p->stopping = true;
    pthread_cond_broadcast(&p->more);
    pthread_mutex_unlock(&p->lock);
    pthread_join(p->hasher, NULL);
    p->stopping = p->helping = false;
}

static int work_off(struct blob_pipe *p, struct sw_err *err)
{
    int r = 0;
    for (; p->hashed < p->filled; p->hashed++)
        hash_part(p, p->hashed, BLOB_PIPE_BLOCK);
    for (; r == 0 && p->written < p->filled; p->written++)
        r = write_part(p, p->written, BLOB_PIPE_BLOCK, err);
    return r;
}

/* The current block is full: on to a free slot. */
static int next_block(struct blob_pipe *p, struct sw_err *err)
{
    int r = 0;
    if (p->filled == 0)
        start_helpers(p);
    pthread_mutex_lock(&p->lock);
    p->filled++;
    pthread_cond_broadcast(&p->more);
    while (p->helping && p->failed.code == 0 &&
           p->filled - SW_MIN(p->hashed, p->written) >= p->owned)
        pthread_cond_wait(&p->room, &p->lock);
    if (p->failed.code != 0) {
        struct sw_err copy = p->failed;
        r = sw_err_move(err, &copy);
    }
    pthread_mutex_unlock(&p->lock);
    p->fill = 0;
    return r < 0 || p->helping ? r : work_off(p, err);
}

int blob_pipe_add(struct blob_pipe *p, const void *data, size_t n, struct sw_err *err)
{
    const unsigned char *from = data;
    while (n > 0) {
        int r = p->fill == BLOB_PIPE_BLOCK ? next_block(p, err) : 0;
        if (r < 0)
            return r;
        size_t part = SW_MIN(n, BLOB_PIPE_BLOCK - p->fill);
        memcpy(p->blocks[p->filled % p->owned] + p->fill, from, part);
        p->fill += part;
        from += part;
        n -= part;
    }
    return 0;
}

static void pipe_free(struct blob_pipe *p)
{
    for (size_t i = 0; i < p->owned; i++)
        give_block(p->blocks[i]);
    pthread_mutex_destroy(&p->lock);
    pthread_cond_destroy(&p->more);
    pthread_cond_destroy(&p->room);
    free(p);
}

static void *hash_last(void *arg)
{
    struct blob_pipe *p = arg;
    hash_part(p, p->filled, p->fill);
    return NULL;
}

/* Without other uploads a processor is idle: it hashes while this thread waits for the disk. */
static bool is_worth_a_thread(size_t n)
{
    pthread_mutex_lock(&pool.lock);
    bool alone = pool.used <= ALONE;
    pthread_mutex_unlock(&pool.lock);
    return alone && n >= BESIDE_MIN;
}

/* What lies in the block that is not full. */
static int last_part(struct blob_pipe *p, struct sw_err *err)
{
    size_t n = p->fill - start_of(p, p->filled);
    if (n == 0)
        return 0;
    pthread_t hasher;
    bool beside = is_worth_a_thread(n) && pthread_create(&hasher, NULL, hash_last, p) == 0;
    if (!beside)
        hash_part(p, p->filled, p->fill);
    int r = write_part(p, p->filled, p->fill, err);
    if (beside)
        pthread_join(hasher, NULL);
    return r;
}

int blob_pipe_finish(struct blob_pipe *p, struct sw_err *err)
{
    int r = 0;
    stop_helpers(p, false);
    if (p->failed.code != 0) {
        struct sw_err copy = p->failed;
        r = sw_err_move(err, &copy);
    }
    if (r == 0)
        r = work_off(p, err);
    if (r == 0)
        r = last_part(p, err);
    pipe_free(p);
    return r;
}

void blob_pipe_abandon(struct blob_pipe *p)
{
    if (!p)
        return;
    stop_helpers(p, true);
    pipe_free(p);
}
