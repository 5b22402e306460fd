/* SPDX-License-Identifier: Apache-2.0 */
/* launcher/agent/log_reader.c
 * Invariants:
 * 1. The generation of a file is durable before any event of it is given out: a position is never used for two lines.
 * 2. The stored offset is where the oldest line begins that was not confirmed as a whole, so putting pieces together starts at the
 *    same byte again.
 * 3. A file that was begun anew is read to its end before the next one: its descriptor stays open until then. */
#include "launcher/agent/log_reader.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/io.h"
#include "base/json.h"
#include "base/log.h"
#include "base/macros.h"
#include "launcher/agent/logs.h"

#define CHUNK        (256 * 1024)
#define BATCH_EVENTS 2000
#define BATCH_BYTES  (512 * 1024)
#define STATE_MAX    4096
#define REPLACEMENT  "\xef\xbf\xbd"

struct pending {
    struct sw_buf text;
    int64_t from, timestamp_us; /* where the line begins in the file */
};

struct log_reader {
    char *path, *state_path;
    int fd;
    uint64_t inode;
    int64_t generation, offset;
    struct pending pending[2]; /* stdout, stderr */
    json_t *batch;
    int64_t batch_bytes;
    bool opened, known, at_end, finished;
};

struct log_reader *log_reader_new(const char *folder, const char *container)
{
    struct log_reader *r = SW_NEW(struct log_reader);
    r->path = sw_asprintf("%s/containers/%s/log", folder, container);
    r->state_path = sw_asprintf("%s/log-%s.json", folder, container);
    r->fd = -1;
    for (int i = 0; i < 2; i++)
        r->pending[i].text = (struct sw_buf)SW_BUF_INIT(LOG_EVENT_MAX + CHUNK);
    return r;
}

void log_reader_free(struct log_reader *r)
{
    if (!r)
        return;
    sw_closep(&r->fd);
    for (int i = 0; i < 2; i++)
        sw_buf_done(&r->pending[i].text);
    json_decref(r->batch);
    free(r->path);
    free(r->state_path);
    free(r);
}

/* --- the place where reading goes on --- */

static int64_t first_unsent(const struct log_reader *r)
{
    int64_t at = r->offset;
    for (int i = 0; i < 2; i++)
        if (r->pending[i].text.n > 0)
            at = SW_MIN(at, r->pending[i].from);
    return at;
}

static int save(const struct log_reader *r, bool durable, struct sw_err *err)
{
    sw_autojson json_t *o = json_object();
    sw_json_set_int(o, "generation", r->generation);
    sw_json_set_int(o, "inode", (int64_t)r->inode);
    sw_json_set_int(o, "offset", first_unsent(r));
    sw_json_set_bool(o, "finished", r->finished);
    sw_autofree char *text = sw_json_dump(o);
    return (durable ? sw_write_file_atomic : sw_replace_file)(r->state_path, text, strlen(text),
                                                              0600, err);
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
    r->finished = sw_json_bool(o, "finished", false);
    r->known = true;
    return 0;
}

/* Opens what is at the path now; another file than the one we know is the next generation. 1: there is none. */
static int open_file(struct log_reader *r, struct sw_err *err)
{
    struct stat st;
    struct sw_err e = SW_ERR_INIT;
    sw_autoclose int fd = -1;
    if (sw_open(r->path, O_RDONLY | O_NOFOLLOW, 0, &fd, &e) < 0)
        return e.code == SW_ENOTFOUND ? 1 : sw_err_move(err, &e);
    if (fstat(fd, &st) < 0)
        return sw_fail_os(err, errno, "%s", r->path);
    if (!r->known || st.st_ino != r->inode || st.st_size < r->offset) {
        r->generation += r->known;
        r->inode = st.st_ino;
        r->offset = 0;
        r->known = true;
        if (save(r, true, err) < 0) {
            r->known = r->generation > 0;
            r->inode = 0;
            return err->code;
        }
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

static int64_t position(const struct log_reader *r, int64_t end)
{
    return (r->generation << 32) + end;
}

/* The pending line ends behind `end`. */
static void emit(struct log_reader *r, struct pending *p, int64_t end)
{
    if (p->text.n > 0) {
        json_t *o = json_object();
        json_t *message = utf8(sw_buf_str(&p->text));
        sw_json_set_int(o, "position", position(r, end));
        sw_json_set_int(o, "timestamp", p->timestamp_us / 1000);
        sw_json_set_new(o, "message", message ? message : json_string(REPLACEMENT));
        json_array_append_new(r->batch, o);
        r->batch_bytes += (int64_t)p->text.n;
    }
    sw_buf_reset(&p->text);
}

static void take_line(struct log_reader *r, struct sw_str line, int64_t from, int64_t end)
{
    struct log_line l;
    if (!log_line_parse(line, &l))
        return;
    struct pending *p = &r->pending[l.err_stream];
    if (p->text.n == 0) {
        p->from = from;
        p->timestamp_us = l.timestamp_us;
    }
    sw_buf_add_str(&p->text, l.text);
    if (!l.partial || p->text.n >= LOG_EVENT_MAX)
        emit(r, p, end);
}

/* Whole lines until the batch is full; returns whether something was read. */
static int fill(struct log_reader *r, bool *ret_read, struct sw_err *err)
{
    sw_autofree char *chunk = sw_malloc(CHUNK);
    ssize_t n = pread(r->fd, chunk, CHUNK, (off_t)r->offset);
    size_t used = 0;
    if (n < 0)
        return sw_fail_os(err, errno, "%s", r->path);
    while (used < (size_t)n && json_array_size(r->batch) < BATCH_EVENTS &&
           r->batch_bytes < BATCH_BYTES) {
        const char *end = memchr(chunk + used, '\n', (size_t)n - used);
        if (!end)
            break;
        const size_t length = (size_t)(end - chunk) - used;
        const int64_t from = r->offset + (int64_t)used;
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

/* At the end of the file: the lines that still miss their newline. */
static void emit_rest(struct log_reader *r)
{
    for (int i = 0; i < 2; i++)
        emit(r, &r->pending[i], r->offset + 1 + i);
}

static bool is_replaced(const struct log_reader *r)
{
    struct stat st;
    return stat(r->path, &st) == 0 && st.st_ino != r->inode;
}

/* Reads until the batch is full or there is no more. */
static int read_more(struct log_reader *r, bool ended, struct sw_err *err)
{
    for (;;) {
        /* Asked before the last look: what was written before the renewal is then seen. */
        const bool replaced = is_replaced(r);
        bool read = false;
        if (fill(r, &read, err) < 0)
            return err->code;
        if (json_array_size(r->batch) >= BATCH_EVENTS || r->batch_bytes >= BATCH_BYTES)
            return 0;
        if (read)
            continue;
        if (replaced || ended)
            emit_rest(r);
        r->at_end = !replaced && ended;
        if (!replaced || json_array_size(r->batch) > 0)
            return 0;
        if (open_file(r, err) != 0)
            return err->code;
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

json_t *log_reader_batch(struct log_reader *r, bool ended, struct sw_err *err)
{
    if (r->finished && ended)
        return NULL;
    r->finished = r->at_end = false; /* or it was started again */
    if (!r->batch)
        r->batch = json_array();
    if (json_array_size(r->batch) > 0)
        return r->batch;
    if (!r->opened && load(r, err) < 0)
        return NULL;
    r->opened = true;
    if (r->finished && ended)
        return NULL;
    if (r->fd < 0) {
        int o = open_file(r, err);
        if (o != 0) {
            r->finished = o > 0 && ended;
            return NULL;
        }
    }
    r->batch_bytes = 0;
    if (read_more(r, ended, err) < 0)
        return NULL;
    if (json_array_size(r->batch) > 0)
        return r->batch;
    r->finished = r->at_end;
    if (r->finished)
        finish(r, err);
    return NULL;
}

void log_reader_confirm(struct log_reader *r, struct sw_err *err)
{
    json_array_clear(r->batch);
    r->finished = r->at_end;
    finish(r, err);
}

bool log_reader_finished(const struct log_reader *r)
{
    return r->finished;
}
