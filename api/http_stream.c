/* SPDX-License-Identifier: Apache-2.0 */
/* api/http_stream.c - bytes between whoever makes a body and the connection that sends it.
 * Invariant: the reader is put to sleep with the lock held and woken with the lock held, so no wake-up comes before its sleep.
 * Before each write fewer than waiting_max bytes of `waiting` are sent ones, so that it never overflows. */
#include <pthread.h>

#include "api/http.h"
#include "base/alloc.h"
#include "base/macros.h"

struct http_stream {
    pthread_mutex_t lock;
    int refs; /* the writer's, the answer's */
    size_t waiting_max;
    struct sw_buf waiting;
    size_t sent; /* of `waiting` */
    bool ended, gone, asleep;
    struct http_stream_reader reader;
};

struct http_stream *http_stream_new(size_t waiting_max)
{
    struct http_stream *s = SW_NEW(struct http_stream);
    pthread_mutex_init(&s->lock, NULL);
    s->refs = 1;
    s->waiting_max = waiting_max;
    s->waiting = (struct sw_buf)SW_BUF_INIT(2 * waiting_max);
    return s;
}

static void unref_unlock(struct http_stream *s)
{
    const bool last = --s->refs == 0;
    pthread_mutex_unlock(&s->lock);
    if (!last)
        return;
    sw_buf_done(&s->waiting);
    pthread_mutex_destroy(&s->lock);
    free(s);
}

static void wake(struct http_stream *s)
{
    if (!s->asleep)
        return;
    s->asleep = false;
    s->reader.wake(s->reader.ctx);
}

int http_stream_write(struct http_stream *s, const void *data, size_t n, struct sw_err *err)
{
    int r = 0;
    pthread_mutex_lock(&s->lock);
    if (s->gone)
        r = sw_fail(err, SW_EUNAVAILABLE, NULL, "the peer has gone");
    else if (s->waiting.n - s->sent + n > s->waiting_max)
        r = sw_fail(err, SW_ELIMIT, NULL, "the peer takes too slowly");
    if (r == 0) {
        if (s->sent >= s->waiting_max) {
            sw_buf_drop(&s->waiting, s->sent);
            s->sent = 0;
        }
        sw_buf_add(&s->waiting, data, n);
        wake(s);
    }
    pthread_mutex_unlock(&s->lock);
    return r;
}

void http_stream_end(struct http_stream *s)
{
    pthread_mutex_lock(&s->lock);
    s->ended = true;
    wake(s);
    unref_unlock(s);
}

/* --- for whoever sends --- */

void http_stream_ref(struct http_stream *s)
{
    pthread_mutex_lock(&s->lock);
    s->refs++;
    pthread_mutex_unlock(&s->lock);
}

ssize_t http_stream_read(struct http_stream *s, void *out, size_t max,
                         const struct http_stream_reader *reader)
{
    pthread_mutex_lock(&s->lock);
    const size_t n = SW_MIN(s->waiting.n - s->sent, max);
    ssize_t r = (ssize_t)n;
    if (n > 0) {
        memcpy(out, s->waiting.p + s->sent, n);
        s->sent += n;
    } else if (s->ended || s->gone) {
        r = -1;
    } else {
        s->reader = *reader;
        s->asleep = true;
        s->reader.sleep(s->reader.ctx);
    }
    if (s->sent == s->waiting.n) {
        sw_buf_reset(&s->waiting);
        s->sent = 0;
    }
    pthread_mutex_unlock(&s->lock);
    return r;
}

void http_stream_close(struct http_stream *s)
{
    pthread_mutex_lock(&s->lock);
    s->gone = true;
    wake(s);
    pthread_mutex_unlock(&s->lock);
}

void http_stream_unref(struct http_stream *s)
{
    pthread_mutex_lock(&s->lock);
    s->gone = true;
    unref_unlock(s);
}
