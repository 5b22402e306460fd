/* SPDX-License-Identifier: Apache-2.0 */
/* launcher/api/exec_transcript.c
 * Invariant: batch and lost are the pool's while `writing`, else of whoever adds. */
#include "launcher/api/exec_transcript.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/macros.h"

#define BATCH_EVENTS 1000

struct exec_transcript {
    struct exec_transcript_options o;
    struct exec_log_target target;
    struct sw_buf text; /* not handed over yet */
    pthread_mutex_t lock;
    bool writing;
    struct sw_buf batch;
    struct {
        int64_t lines, bytes;
        char why[64];
    } lost; /* since the store last took something, and not said there yet */
};

struct exec_transcript *exec_transcript_new(const struct exec_transcript_options *o)
{
    struct exec_transcript *t = SW_NEW(struct exec_transcript);
    t->o = *o;
    t->target = (struct exec_log_target){.account = sw_strdup(o->target->account),
                                         .region = sw_strdup(o->target->region),
                                         .group = sw_strdup(o->target->group),
                                         .stream = sw_strdup(o->target->stream)};
    t->text.max = t->batch.max = 2 * EXEC_TRANSCRIPT_MAX;
    pthread_mutex_init(&t->lock, NULL);
    return t;
}

void exec_transcript_add(struct exec_transcript *t, struct sw_str text)
{
    (void)sw_buf_add_str(&t->text, text);
}

static bool is_writing(struct exec_transcript *t)
{
    pthread_mutex_lock(&t->lock);
    bool writing = t->writing;
    pthread_mutex_unlock(&t->lock);
    return writing;
}

bool exec_transcript_full(struct exec_transcript *t)
{
    return t->text.n >= EXEC_TRANSCRIPT_MAX;
}

bool exec_transcript_idle(struct exec_transcript *t)
{
    return t->text.n == 0 && !is_writing(t);
}

/* The length of the first line, its end left out, cut between characters. */
static size_t line_length(struct sw_str rest)
{
    const char *end = memchr(rest.p, '\n', rest.n);
    size_t n = end ? (size_t)(end - rest.p) : rest.n;
    if (n <= EXEC_LINE_MAX)
        return n;
    n = EXEC_LINE_MAX;
    while (n > EXEC_LINE_MAX - 4 && ((unsigned char)rest.p[n] & 0xc0) == 0x80)
        n--;
    return n;
}

/* As UTF-8: what is none becomes a question mark. */
static char *clean_line(struct sw_str line)
{
    char *s = sw_str_dup(line);
    for (size_t i = 0; i < line.n;) {
        size_t n = sw_utf8_sequence(s + i, line.n - i);
        if (n == 0 || s[i] == 0)
            s[i] = '?';
        i += n ? n : 1;
    }
    return s;
}

static int put(struct exec_transcript *t, const struct log_event *events, size_t n,
               struct sw_err *err)
{
    const struct log_scope scope = {.account = t->target.account, .region = t->target.region};
    struct log_rejected rejected;
    return log_store_put(t->o.logs, &scope, t->target.group, t->target.stream, events, n, &rejected,
                         err);
}

/* The stream may have gone with its group, which may have come back. */
static int put_or_make(struct exec_transcript *t, const struct log_event *events, size_t n,
                       struct sw_err *err)
{
    const struct log_scope scope = {.account = t->target.account, .region = t->target.region};
    struct sw_err e = SW_ERR_INIT, missing = SW_ERR_INIT;
    if (put(t, events, n, &e) == 0)
        return 0;
    if (e.code != SW_ENOTFOUND ||
        log_store_create_stream(t->o.logs, &scope, t->target.group, t->target.stream, &missing) < 0)
        return sw_err_move(err, &e);
    return put(t, events, n, err);
}

static void count_lost(struct exec_transcript *t, const struct log_event *events, size_t n,
                       const struct sw_err *err)
{
    if (t->lost.lines == 0) {
        sw_log_err(SW_LOG_ERROR, "exec-transcript-lost", err, "group", t->target.group, "stream",
                   t->target.stream, NULL);
        (void)sw_str_copy(sw_str(err->reason ? err->reason : "error"), t->lost.why,
                          sizeof t->lost.why);
    }
    t->lost.lines += (int64_t)n;
    for (size_t i = 0; i < n; i++)
        t->lost.bytes += (int64_t)events[i].message.n;
}

/* What was left out before them is said in the first event, if there is something to say. */
static void put_events(struct exec_transcript *t, struct log_event *events, size_t n)
{
    struct sw_err err = SW_ERR_INIT;
    sw_autofree char *said =
        sw_asprintf("slipway: %lld lines (%lld bytes) are missing here: %s",
                    (long long)t->lost.lines, (long long)t->lost.bytes, t->lost.why);
    const bool say = t->lost.lines > 0;
    events[0].timestamp_ms = events[1].timestamp_ms;
    events[0].message = sw_str(said);
    if (put_or_make(t, events + !say, n + say, &err) < 0) {
        count_lost(t, events + 1, n, &err);
        return;
    }
    t->lost.lines = t->lost.bytes = 0;
}

/* Events that stand behind the first one of the list, which is for whoever puts them. */
static size_t take_events(struct sw_str *rest, struct log_event *events)
{
    const int64_t now_ms =
        sw_now_us() / 1000; /* one for all: a clock that is set back disorders none */
    size_t n = 0;
    while (rest->n > 0 && n < BATCH_EVENTS) {
        size_t len = line_length(*rest);
        struct sw_str line = sw_str_slice(*rest, 0, len);
        if (line.n > 0 && line.p[line.n - 1] == '\r')
            line.n--;
        bool at_end = len < rest->n && rest->p[len] == '\n';
        *rest = sw_str_slice(*rest, len + at_end, rest->n);
        if (line.n > 0)
            events[++n] = (struct log_event){.timestamp_ms = now_ms,
                                             .position = LOG_POSITION_NONE,
                                             .message = sw_str(clean_line(line))};
    }
    return n;
}

static void put_text(struct exec_transcript *t, struct sw_str rest)
{
    sw_autofree struct log_event *events = sw_calloc(BATCH_EVENTS + 1, sizeof *events);
    events[0].position = LOG_POSITION_NONE;
    while (rest.n > 0) {
        size_t n = take_events(&rest, events);
        if (n > 0)
            put_events(t, events, n);
        for (; n > 0; n--)
            free((char *)(uintptr_t)events[n].message.p);
    }
}

static void write_batch(void *arg)
{
    struct exec_transcript *t = arg;
    void (*wake)(void *) = t->o.wake;
    void *ctx = t->o.ctx;
    put_text(t, sw_buf_str(&t->batch));
    pthread_mutex_lock(&t->lock);
    sw_buf_reset(&t->batch);
    t->writing = false;
    pthread_mutex_unlock(&t->lock);
    wake(ctx);
}

void exec_transcript_flush(struct exec_transcript *t, bool last)
{
    if (t->text.n == 0 || is_writing(t))
        return;
    const char *end = memrchr(t->text.p, '\n', t->text.n);
    size_t n = last || !end ? t->text.n : (size_t)(end + 1 - t->text.p);
    if (!last && !end && n < EXEC_LINE_MAX)
        return;
    (void)sw_buf_add(&t->batch, t->text.p, n);
    sw_buf_drop(&t->text, n);
    t->writing = true;
    sw_pool_submit(t->o.pool, write_batch, t);
}

void exec_transcript_free(struct exec_transcript *t)
{
    if (!t)
        return;
    if (t->lost.lines > 0)
        sw_log(SW_LOG_ERROR, "exec-transcript-ended", "group", t->target.group, "stream",
               t->target.stream, "#lines_lost", t->lost.lines, NULL);
    free(t->target.account);
    free(t->target.region);
    free(t->target.group);
    free(t->target.stream);
    sw_buf_done(&t->text);
    sw_buf_done(&t->batch);
    pthread_mutex_destroy(&t->lock);
    free(t);
}
