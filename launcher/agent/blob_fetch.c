/* SPDX-License-Identifier: Apache-2.0 */
/* launcher/agent/blob_fetch.c
 *
 * Invariants, under the lock: `written` bytes of the file are valid and hashed; `ended` is set once, after which err is final. */
#include "launcher/agent/blob_fetch.h"
#include "launcher/agent/flag.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/io.h"
#include "base/macros.h"

#define REASON       "CannotPullContainerError"
#define ATTEMPTS_MAX 5
#define BACKOFF_MS   100

struct blob_fetch {
    struct registry_client *client;
    const struct image_reference *ref;
    struct digest digest;
    int64_t size;
    const volatile int *outer_cancelled;
    volatile int cancelled;
    int fd;
    pthread_t thread;
    struct digest_hasher *hasher;
    pthread_mutex_t lock;
    pthread_cond_t grown;
    int64_t written, skip; /* skip: bytes of a restarted transfer that we have already */
    bool ended;
    struct sw_err err;
    int64_t read_at;
};

static int sink(void *ctx, const void *data, size_t n, struct sw_err *err)
{
    struct blob_fetch *f = ctx;
    if (flag_is_set(f->outer_cancelled))
        return sw_fail(err, SW_EUNAVAILABLE, REASON, "the pull was given up");
    int64_t skip = SW_MIN(f->skip, (int64_t)n);
    f->skip -= skip;
    data = (const char *)data + skip;
    n -= (size_t)skip;
    if ((int64_t)n > f->size - f->written)
        return sw_fail(err, SW_EMISMATCH, REASON,
                       "the blob is larger than the %lld bytes of its descriptor",
                       (long long)f->size);
    if (n == 0)
        return 0;
    if (sw_pwrite_all(f->fd, data, n, f->written, err) < 0)
        return err->code;
    digest_hasher_update(f->hasher, data, n);
    pthread_mutex_lock(&f->lock);
    f->written += (int64_t)n;
    pthread_cond_broadcast(&f->grown);
    pthread_mutex_unlock(&f->lock);
    return 0;
}

static int one_attempt(struct blob_fetch *f, bool ranges, struct sw_err *err)
{
    char name[DIGEST_STRING_MAX];
    struct httpc_response r = {0};
    digest_format(&f->digest, name);
    f->skip = ranges ? 0 : f->written;
    struct registry_get g = {.ref = f->ref,
                             .kind = "blobs",
                             .name = name,
                             .sink = sink,
                             .sink_ctx = f,
                             .offset = ranges ? f->written : 0,
                             .cancelled = &f->cancelled};
    if (registry_get(f->client, &g, &r, err) < 0)
        return err->code;
    httpc_response_done(&r);
    if (f->written < f->size)
        return sw_fail(err, SW_EUNAVAILABLE, REASON, "the blob ended after %lld of %lld bytes",
                       (long long)f->written, (long long)f->size);
    return 0;
}

static int download(struct blob_fetch *f, struct sw_err *err)
{
    bool ranges = true;
    int64_t wait_ms = BACKOFF_MS;
    for (int attempt = 1; f->size > 0; attempt++) {
        int64_t before = f->written;
        if (one_attempt(f, ranges, err) == 0)
            break;
        if (err->code == SW_EUNSUPPORTED ||
            (ranges && before > 0 && err->code == SW_ELIMIT && f->written == before))
            ranges = false;
        else if (err->code != SW_EUNAVAILABLE || flag_is_set(&f->cancelled) ||
                 (flag_is_set(f->outer_cancelled)))
            return err->code;
        if (attempt == ATTEMPTS_MAX)
            return sw_prefix(err, "gave up after %d attempts", attempt);
        sw_err_clear(err);
        sw_sleep_ms(wait_ms);
        wait_ms *= 2;
    }
    struct digest got;
    digest_hasher_peek(f->hasher, &got);
    if (!digest_equal(&got, &f->digest))
        return sw_fail(err, SW_EMISMATCH, REASON,
                       "the blob does not have the digest it was asked by");
    return 0;
}

static void *fetch_main(void *arg)
{
    struct blob_fetch *f = arg;
    struct sw_err err = SW_ERR_INIT;
    (void)download(f, &err);
    pthread_mutex_lock(&f->lock);
    f->err = err;
    f->ended = true;
    pthread_cond_broadcast(&f->grown);
    pthread_mutex_unlock(&f->lock);
    return NULL;
}

static int nameless_file(const char *dir)
{
    int fd = open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (fd >= 0 || (errno != EOPNOTSUPP && errno != EISDIR))
        return fd;
    sw_autofree char *path = sw_asprintf("%s/blob.XXXXXX", dir);
    fd = mkostemp(path, O_CLOEXEC);
    if (fd >= 0)
        (void)unlink(path);
    return fd;
}

static void fetch_free(struct blob_fetch *f)
{
    if (f->fd >= 0)
        close(f->fd);
    digest_hasher_free(f->hasher);
    pthread_mutex_destroy(&f->lock);
    pthread_cond_destroy(&f->grown);
    free(f);
}

int blob_fetch_start(struct registry_client *c, const struct image_reference *ref,
                     const struct digest *digest, int64_t size, const char *dir,
                     const volatile int *cancelled, struct blob_fetch **ret, struct sw_err *err)
{
    struct blob_fetch *f = SW_NEW(struct blob_fetch);
    f->client = c;
    f->ref = ref;
    f->digest = *digest;
    f->size = size;
    f->outer_cancelled = cancelled;
    f->hasher = digest_hasher_new(digest->algorithm);
    pthread_mutex_init(&f->lock, NULL);
    pthread_cond_init(&f->grown, NULL);
    f->fd = nameless_file(dir);
    int e = f->fd < 0 ? errno : pthread_create(&f->thread, NULL, fetch_main, f);
    if (e != 0) {
        fetch_free(f);
        return sw_fail_os(err, e, "temporary file or thread for a layer");
    }
    *ret = f;
    return 0;
}

int64_t blob_fetch_read(void *ctx, void *out, size_t cap, struct sw_err *err)
{
    struct blob_fetch *f = ctx;
    pthread_mutex_lock(&f->lock);
    while (f->written == f->read_at && !f->ended)
        pthread_cond_wait(&f->grown, &f->lock);
    int64_t there = f->written - f->read_at;
    if (there == 0 && f->err.code)
        *err = f->err;
    pthread_mutex_unlock(&f->lock);
    if (there == 0)
        return err->code;
    ssize_t n = pread(f->fd, out, (size_t)SW_MIN(there, (int64_t)cap), f->read_at);
    if (n <= 0)
        return sw_fail_os(err, n < 0 ? errno : EIO, "reading back a layer");
    f->read_at += n;
    return n;
}

int blob_fetch_finish(struct blob_fetch *f, bool give_up, struct sw_err *err)
{
    if (give_up) {
        pthread_mutex_lock(&f->lock);
        bool all = f->written == f->size;
        pthread_mutex_unlock(&f->lock);
        if (!all)
            flag_set(&f->cancelled);
    }
    pthread_join(f->thread, NULL);
    *err = f->err;
    fetch_free(f);
    return err->code;
}
