/* SPDX-License-Identifier: Apache-2.0 */
/* launcher/agent/log_reader.c
 * Invariants:
 * 1. The generation of a file is durable before any event of it is given out: a position is never used for two events.
 * 2. The stored offset is where the oldest line begins that was not confirmed as a whole, so putting pieces and lines together starts
 *    at the same byte again. What ends an event is in the file, or (an end by time, lines left out) durable in the state before the
 *    event is given out: read again, the same bytes make the same events.
 * 3. Events are given out in the order of what ends them, so positions grow although two outputs take turns. */
#include "launcher/agent/log_reader.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/arena.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/io.h"
#include "base/json.h"
#include "base/log.h"
#include "base/macros.h"
#include "base/pattern.h"
#include "launcher/agent/logs.h"

#define CHUNK        (256 * 1024)
#define BATCH_EVENTS 2000
#define BATCH_BYTES  (512 * 1024)
#define STATE_MAX    4096
#define REPLACEMENT  "\xef\xbf\xbd"
#define EVENT_END_MS 5000

/* Of one output: a line whose pieces come, or an event whose lines come. */
struct pending {
    struct sw_buf text;
    int64_t from, timestamp_us; /* where it begins in the file */
    int64_t at_ms;              /* when the last of it was read */
};

struct log_reader {
    char *state_path;
    struct log_spool *spool;
    int64_t buffer_bytes, away_bytes;
    struct sw_arena arena;
    const struct sw_pattern *first_line;
    int fd;
    uint64_t inode;
    int64_t generation, offset, break_at; /* break_at: events ended there by time; -1: nowhere */
    struct log_lost lost;                 /* before the offset, not yet said and confirmed */
    struct pending pieces[2], event[2];   /* stdout, stderr */
    json_t *batch;
    int64_t batch_bytes;
    bool opened, known, at_end, finished;
};

int log_reader_new(const struct log_reader_options *o, struct log_reader **ret, struct sw_err *err)
{
    struct log_reader *r = SW_NEW(struct log_reader);
    size_t at;
    r->state_path = sw_asprintf("%s/log-%s.json", o->folder, o->container);
    r->spool = log_spool_new(o->folder, o->container);
    r->buffer_bytes = o->buffer_bytes;
    r->away_bytes = o->away_bytes;
    r->fd = -1;
    r->break_at = -1;
    for (int i = 0; i < 2; i++)
        r->pieces[i].text = r->event[i].text = (struct sw_buf)SW_BUF_INIT(LOG_EVENT_MAX + CHUNK);
    if (o->first_line &&
        sw_pattern_parse(sw_str(o->first_line), &r->arena, &r->first_line, &at, err) < 0) {
        log_reader_free(r);
        return err->code;
    }
    *ret = r;
    return 0;
}

void log_reader_free(struct log_reader *r)
{
    if (!r)
        return;
    sw_closep(&r->fd);
    for (int i = 0; i < 2; i++) {
        sw_buf_done(&r->pieces[i].text);
        sw_buf_done(&r->event[i].text);
    }
    json_decref(r->batch);
    log_spool_free(r->spool);
    sw_arena_done(&r->arena);
    free(r->state_path);
    free(r);
}

struct log_spool *log_reader_spool(struct log_reader *r)
{
    return r->spool;
}

/* --- the place where reading goes on --- */

static int64_t first_unsent(const struct log_reader *r)
{
    int64_t at = r->offset;
    for (int i = 0; i < 2; i++) {
        if (r->pieces[i].text.n > 0)
            at = SW_MIN(at, r->pieces[i].from);
        if (r->event[i].text.n > 0)
            at = SW_MIN(at, r->event[i].from);
    }
    return at;
}

static bool is_lost(const struct log_lost *l)
{
    return l->lines > 0 || l->unseen > 0;
}

static int save(const struct log_reader *r, bool durable, struct sw_err *err)
{
    const int64_t offset = first_unsent(r);
    sw_autojson json_t *o = json_object();
    sw_json_set_int(o, "generation", r->generation);
    sw_json_set_int(o, "inode", (int64_t)r->inode);
    sw_json_set_int(o, "offset", offset);
    sw_json_set_bool(o, "finished", r->finished);
    if (r->break_at > offset)
        sw_json_set_int(o, "break", r->break_at);
    if (is_lost(&r->lost)) {
        sw_json_set_int(o, "lostLines", r->lost.lines);
        sw_json_set_int(o, "lostBytes", r->lost.bytes);
        sw_json_set_int(o, "lostUnseen", r->lost.unseen);
    }
    sw_autofree char *text = sw_json_dump(o);
    int e = (durable ? sw_write_file_atomic : sw_replace_file)(r->state_path, text, strlen(text),
                                                               0600, err);
    if (e == 0)
        log_spool_read_to(r->spool, r->generation, offset);
    return e;
}

static int load(struct log_reader *r, struct sw_err *err)
{
    sw_autojson json_t *o = NULL;
    struct sw_err e = SW_ERR_INIT;
    if (sw_json_load_file(r->state_path, STATE_MAX, &o, &e) < 0)
        return e.code == SW_ENOTFOUND ? 0 : sw_err_move(err, &e);
    r->generation = sw_json_int(o, "generation", 0);
    r->inode = (uint64_t)sw_json_int(o, "inode", 0);
    r->offset = sw_json_int(o, "offset", 0);
    r->break_at = sw_json_int(o, "break", -1);
    r->lost.lines = sw_json_int(o, "lostLines", 0);
    r->lost.bytes = sw_json_int(o, "lostBytes", 0);
    r->lost.unseen = sw_json_int(o, "lostUnseen", 0);
    r->finished = sw_json_bool(o, "finished", false);
    r->known = true;
    return 0;
}

/* The file where reading goes on (next: the one after it). 1: there is none. */
static int open_file(struct log_reader *r, bool next, struct sw_err *err)
{
    int64_t generation = 0;
    uint64_t inode = 0;
    sw_autoclose int fd = -1;
    int e = log_spool_open(r->spool, r->generation + next, &generation, &inode, &fd, err);
    if (e != 0)
        return e;
    const bool same = r->known && generation == r->generation;
    if (!same || !r->known) {
        const struct log_reader before = *r;
        const struct log_lost lost = log_spool_lost(r->spool);
        r->generation = generation;
        r->inode = inode;
        r->offset = 0;
        r->break_at = -1;
        r->known = true;
        r->lost.lines += lost.lines;
        r->lost.bytes += lost.bytes;
        r->lost.unseen += lost.unseen + log_spool_follows_a_gap(r->spool, generation);
        if (save(r, true, err) < 0) {
            r->generation = before.generation;
            r->inode = before.inode;
            r->offset = before.offset;
            r->known = before.known;
            r->lost = before.lost;
            return err->code;
        }
        log_spool_said(r->spool, generation);
        if (is_lost(&lost))
            log_spool_forget(r->spool);
    }
    sw_closep(&r->fd);
    r->fd = SW_TAKE_FD(fd);
    return 0;
}

/* --- lines to events --- */

static json_t *utf8(struct sw_str s)
{
    SW_CLEANUP(sw_buf_done) struct sw_buf b = SW_BUF_INIT(4 * (LOG_EVENT_MAX + CHUNK));
    if (sw_utf8_valid(s))
        return json_stringn(s.p, s.n);
    for (size_t i = 0; i < s.n;) {
        const size_t n = s.p[i] ? sw_utf8_sequence(s.p + i, s.n - i) : 0;
        if (n)
            sw_buf_add(&b, s.p + i, n);
        else
            sw_buf_add_z(&b, REPLACEMENT);
        i += n ? n : 1;
    }
    return json_stringn(b.p, b.n);
}

static int64_t position(const struct log_reader *r, int64_t at)
{
    return (r->generation << 32) + at;
}

static void push(struct log_reader *r, struct sw_str text, int64_t timestamp_us, bool error,
                 int64_t at)
{
    json_t *o = json_object();
    json_t *message = utf8(text);
    sw_json_set_int(o, "position", position(r, at));
    sw_json_set_int(o, "timestamp", timestamp_us / 1000);
    sw_json_set_new(o, "message", message ? message : json_string(REPLACEMENT));
    if (error)
        sw_json_set_bool(o, "error", true);
    json_array_append_new(r->batch, o);
    r->batch_bytes += (int64_t)text.n;
}

static void end_event(struct log_reader *r, int i, int64_t at)
{
    struct pending *e = &r->event[i];
    if (e->text.n > 0)
        push(r, sw_buf_str(&e->text), e->timestamp_us, i, at);
    sw_buf_reset(&e->text);
}

/* A whole line, the last piece of which is from..end. What it ends has a position before any that the line itself can have. */
static void take_whole(struct log_reader *r, int i, int64_t from, int64_t end)
{
    struct pending *p = &r->pieces[i], *e = &r->event[i];
    const struct sw_str line = sw_buf_str(&p->text);
    if (!r->first_line) {
        if (line.n > 0)
            push(r, line, p->timestamp_us, i, end);
    } else {
        if (e->text.n + line.n > LOG_EVENT_MAX || sw_pattern_found(r->first_line, line))
            end_event(r, i, from + 1);
        if (e->text.n == 0) {
            e->from = p->from;
            e->timestamp_us = p->timestamp_us;
        } else {
            sw_buf_add_z(&e->text, "\n");
        }
        sw_buf_add_str(&e->text, line);
        e->at_ms = sw_mono_ms();
    }
    sw_buf_reset(&p->text);
}

static void take_line(struct log_reader *r, struct sw_str line, int64_t from, int64_t end)
{
    struct log_line l;
    if (!log_line_parse(line, &l))
        return;
    struct pending *p = &r->pieces[l.err_stream];
    if (p->text.n == 0) {
        p->from = from;
        p->timestamp_us = l.timestamp_us;
    }
    sw_buf_add_str(&p->text, l.text);
    if (!l.partial || p->text.n >= LOG_EVENT_MAX)
        take_whole(r, l.err_stream, from, end);
}

static void end_events(struct log_reader *r, int64_t at)
{
    for (int i = 0; i < 2; i++)
        end_event(r, i, at + 1 + i);
}

/* Whole lines until the batch is full; returns whether something was read. */
static int fill(struct log_reader *r, bool *ret_read, struct sw_err *err)
{
    sw_autofree char *chunk = sw_malloc(CHUNK);
    ssize_t n = pread(r->fd, chunk, CHUNK, (off_t)r->offset);
    size_t used = 0;
    if (n < 0)
        return sw_fail_os(err, errno, "%s", r->state_path);
    while (used < (size_t)n && json_array_size(r->batch) < BATCH_EVENTS &&
           r->batch_bytes < BATCH_BYTES) {
        const char *end = memchr(chunk + used, '\n', (size_t)n - used);
        if (!end)
            break;
        const size_t length = (size_t)(end - chunk) - used;
        const int64_t from = r->offset + (int64_t)used;
        if (r->break_at >= 0 && from >= r->break_at) {
            end_events(r, r->break_at);
            r->break_at = -1;
        }
        take_line(r, sw_str_n(chunk + used, length), from, from + (int64_t)length + 1);
        used += length + 1;
    }
    /* A line that fills a whole chunk is none of the monitor's: stepped over. */
    if (used == 0 && n == CHUNK)
        used = CHUNK;
    r->offset += (int64_t)used;
    *ret_read = used > 0;
    return 0;
}

/* At the end of the file: the lines that still miss their newline, and the events that miss their end. */
static void end_rest(struct log_reader *r)
{
    for (int i = 0; i < 2; i++)
        if (r->pieces[i].text.n > 0)
            take_whole(r, i, r->offset + i, r->offset + 1 + i);
    end_events(r, r->offset + 2);
}

/* An event that nothing follows for a while is whole. */
static int end_by_time(struct log_reader *r, struct sw_err *err)
{
    const int64_t now = sw_mono_ms();
    bool due = false;
    for (int i = 0; i < 2; i++)
        due |= r->event[i].text.n > 0 && now - r->event[i].at_ms >= EVENT_END_MS;
    if (!due)
        return 0;
    r->break_at = r->offset;
    if (save(r, true, err) < 0)
        return err->code;
    end_events(r, r->break_at);
    return 0;
}

/* --- lines that the buffer had no room for --- */

static void count_pending(struct log_reader *r, struct pending *p)
{
    r->lost.lines += p->text.n > 0;
    r->lost.bytes += (int64_t)p->text.n;
    sw_buf_reset(&p->text);
}

/* Goes on so far that a quarter of the buffer is free. */
static int leave_out(struct log_reader *r, struct sw_err *err)
{
    struct stat st;
    if (!r->buffer_bytes)
        return 0;
    const int64_t room = log_spool_room(r->spool, r->buffer_bytes, r->away_bytes);
    const int64_t keep = room - room / 4;
    if (log_spool_unread(r->spool) <= room)
        return 0;
    for (int i = 0; i < 2; i++) {
        count_pending(r, &r->pieces[i]);
        count_pending(r, &r->event[i]);
    }
    for (;;) {
        const bool newer = log_spool_has_newer(r->spool, r->generation);
        if (fstat(r->fd, &st) < 0)
            return sw_fail_os(err, errno, "%s", r->state_path);
        const int64_t too_many = log_spool_unread(r->spool) - keep;
        const int64_t until = SW_MIN((int64_t)st.st_size, r->offset + too_many);
        if (too_many > 0 && log_spool_count(r->fd, r->offset, until, &r->lost, &r->offset, err) < 0)
            return err->code;
        r->break_at = -1;
        if (save(r, true, err) < 0)
            return err->code;
        if (!newer || log_spool_unread(r->spool) <= room)
            return 0;
        if (open_file(r, true, err) != 0)
            return err->code;
    }
}

/* Of the line that is read next, so that the place in the order of time is right; the present without one. */
static int64_t next_timestamp_us(const struct log_reader *r)
{
    char head[256];
    struct log_line l;
    ssize_t n = pread(r->fd, head, sizeof head, (off_t)r->offset);
    const char *end = n > 0 ? memchr(head, '\n', (size_t)n) : NULL;
    const bool known =
        n > 0 && log_line_parse(sw_str_n(head, end ? (size_t)(end - head) : (size_t)n), &l);
    return known ? l.timestamp_us : sw_now_us();
}

/* One event, since it has one position. */
static void say_lost(struct log_reader *r)
{
    static const char unseen[] =
        "slipway: lines are missing here: more came than waits while no agent runs (log_away_max)";
    if (!is_lost(&r->lost))
        return;
    sw_autofree char *counted = sw_asprintf(
        "slipway: %lld lines (%lld bytes) are missing here: max-buffer-size was reached",
        (long long)r->lost.lines, (long long)r->lost.bytes);
    sw_autofree char *both = sw_asprintf("%s; %s", counted, unseen);
    const char *text = !r->lost.unseen ? counted : !r->lost.lines ? unseen : both;
    push(r, sw_str(text), next_timestamp_us(r), true, r->offset + 1);
}

/* --- batches --- */

/* Reads until the batch is full or there is no more. */
static int read_more(struct log_reader *r, bool ended, struct sw_err *err)
{
    for (;;) {
        /* Asked before the last look: what was written before the renewal is then seen. */
        const bool replaced = log_spool_has_newer(r->spool, r->generation);
        bool read = false;
        if (fill(r, &read, err) < 0)
            return err->code;
        if (json_array_size(r->batch) >= BATCH_EVENTS || r->batch_bytes >= BATCH_BYTES)
            return 0;
        if (read)
            continue;
        if (replaced || ended)
            end_rest(r);
        else if (end_by_time(r, err) < 0)
            return err->code;
        r->at_end = !replaced && ended;
        if (!replaced || json_array_size(r->batch) > 0)
            return 0;
        if (open_file(r, true, err) != 0)
            return err->code;
        say_lost(r);
    }
}

/* Tasks that ended are known for hours: their files are not kept open. */
static void finish(struct log_reader *r, struct sw_err *err)
{
    if (r->finished) {
        sw_closep(&r->fd);
        r->fd = -1;
    }
    (void)save(r, false, err);
}

/* 0: there is a file to read. */
static int ready(struct log_reader *r, bool ended, struct sw_err *err)
{
    if (!r->opened && load(r, err) < 0)
        return err->code;
    r->opened = true;
    if (r->finished && ended)
        return 1;
    if (r->fd < 0) {
        int o = open_file(r, false, err);
        if (o != 0) {
            r->finished = o > 0 && ended;
            return o;
        }
    }
    r->finished = r->at_end = false; /* or it was started again */
    return leave_out(r, err);
}

json_t *log_reader_batch(struct log_reader *r, bool ended, struct sw_err *err)
{
    if (r->finished && ended)
        return NULL;
    if (!r->batch)
        r->batch = json_array();
    if (json_array_size(r->batch) > 0)
        return r->batch;
    if (ready(r, ended, err) != 0)
        return NULL;
    r->batch_bytes = 0;
    say_lost(r);
    if (read_more(r, ended, err) < 0)
        return NULL;
    if (json_array_size(r->batch) > 0)
        return r->batch;
    r->finished = r->at_end;
    if (r->finished)
        finish(r, err);
    return NULL;
}

int64_t log_reader_lost(const struct log_reader *r)
{
    return r->lost.lines + r->lost.unseen;
}

bool log_reader_unseen(const struct log_reader *r)
{
    return r->lost.unseen > 0;
}

void log_reader_confirm(struct log_reader *r, struct sw_err *err)
{
    json_array_clear(r->batch);
    r->lost = (struct log_lost){.lines = 0};
    r->finished = r->at_end;
    finish(r, err);
}

bool log_reader_finished(const struct log_reader *r)
{
    return r->finished;
}
