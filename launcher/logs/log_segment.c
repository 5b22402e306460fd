/* SPDX-License-Identifier: Apache-2.0 */
/* launcher/logs/log_segment.c
 * Invariants:
 * 1. A frame is written by one write and synced before the next one, so only the last frame of a file can be torn.
 * 2. The check sum covers a frame's header after itself and all of its events: a frame that verifies is what was acknowledged. */
#include "launcher/logs/log_segment.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "base/alloc.h"
#include "base/io.h"
#include "base/macros.h"

#define MARK_FRAME  0x46574c53u
#define MARK_FOOTER 0x45574c53u
#define EVENT_HEAD  12 /* timestamp and length */

static const char magic[8] = "SWLOG1\n";

struct file_head {
    char magic[8];
    int64_t position, made_ms;
    uint32_t sum, unused;
};

struct frame_head {
    uint32_t mark, bytes, sum, events;
    int64_t ingestion_ms, position;
};

struct footer {
    struct frame_head head;
    int64_t min_ms, max_ms, bytes;
    uint64_t events;
};

static uint32_t sum_of(const void *p, size_t n)
{
    return (uint32_t)crc32(crc32(0, NULL, 0), p, (uInt)n);
}

/* Of a frame that is whole in memory: everything after the sum. */
static uint32_t frame_sum(const char *frame, size_t bytes)
{
    const size_t from = offsetof(struct frame_head, events);
    return sum_of(frame + from, bytes - from);
}

void log_segment_header(struct sw_buf *buf, int64_t made_ms, int64_t position)
{
    struct file_head h = {.position = position, .made_ms = made_ms};
    memcpy(h.magic, magic, sizeof magic);
    h.sum = sum_of(&h, offsetof(struct file_head, sum));
    sw_buf_add(buf, &h, sizeof h);
}

static void set_sum(struct sw_buf *buf, size_t from, uint32_t bytes)
{
    if (buf->overflow)
        return;
    const uint32_t sum = frame_sum(buf->p + from, bytes);
    memcpy(buf->p + from + offsetof(struct frame_head, sum), &sum, sizeof sum);
}

void log_segment_frame(struct sw_buf *buf, const struct log_event *events, size_t n,
                       int64_t ingestion_ms, int64_t position)
{
    size_t bytes = sizeof(struct frame_head), from = buf->n;
    for (size_t i = 0; i < n; i++)
        bytes += EVENT_HEAD + events[i].message.n;
    struct frame_head h = {.mark = MARK_FRAME,
                           .bytes = (uint32_t)bytes,
                           .events = (uint32_t)n,
                           .ingestion_ms = ingestion_ms,
                           .position = position};
    sw_buf_add(buf, &h, sizeof h);
    for (size_t i = 0; i < n; i++) {
        const uint32_t length = (uint32_t)events[i].message.n;
        sw_buf_add(buf, &events[i].timestamp_ms, sizeof events[i].timestamp_ms);
        sw_buf_add(buf, &length, sizeof length);
        sw_buf_add_str(buf, events[i].message);
    }
    set_sum(buf, from, h.bytes);
}

void log_segment_footer(struct sw_buf *buf, const struct log_segment_info *info)
{
    const size_t from = buf->n;
    struct footer f = {.head = {.mark = MARK_FOOTER,
                                .bytes = sizeof f,
                                .ingestion_ms = info->last_ingestion_ms,
                                .position = info->position},
                       .min_ms = info->min_ms,
                       .max_ms = info->max_ms,
                       .bytes = info->bytes,
                       .events = info->events};
    sw_buf_add(buf, &f, sizeof f);
    set_sum(buf, from, sizeof f);
}

void log_segment_begin(struct log_segment_info *ret, uint32_t number, int64_t made_ms,
                       int64_t position)
{
    *ret = (struct log_segment_info){.number = number,
                                     .made_ms = made_ms,
                                     .bytes = sizeof(struct file_head),
                                     .min_ms = INT64_MAX,
                                     .max_ms = INT64_MIN,
                                     .position = position};
}

void log_segment_note(struct log_segment_info *info, const struct log_event *events, size_t n,
                      int64_t ingestion_ms, int64_t position, size_t frame_bytes)
{
    for (size_t i = 0; i < n; i++) {
        info->min_ms = SW_MIN(info->min_ms, events[i].timestamp_ms);
        info->max_ms = SW_MAX(info->max_ms, events[i].timestamp_ms);
    }
    info->events += n;
    info->bytes += (int64_t)frame_bytes;
    info->last_ingestion_ms = SW_MAX(info->last_ingestion_ms, ingestion_ms);
    info->position = position;
}

/* One frame at p that is whole and verifies; its events go to fn. Returns its bytes, 0 when there is none. */
static size_t take_frame(const char *p, size_t n, uint64_t sequence, struct frame_head *ret,
                         log_segment_fn fn, void *ctx, bool *go_on)
{
    if (n < sizeof *ret)
        return 0;
    memcpy(ret, p, sizeof *ret);
    if (ret->mark != MARK_FRAME || ret->bytes < sizeof *ret || ret->bytes > n ||
        frame_sum(p, ret->bytes) != ret->sum)
        return 0;
    size_t at = sizeof *ret;
    for (uint32_t i = 0; i < ret->events && *go_on; i++) {
        uint32_t length;
        struct log_event e = {.ingestion_ms = ret->ingestion_ms,
                              .sequence = sequence + at,
                              .position = LOG_POSITION_NONE};
        if (ret->bytes - at < EVENT_HEAD)
            return 0;
        memcpy(&e.timestamp_ms, p + at, sizeof e.timestamp_ms);
        memcpy(&length, p + at + sizeof e.timestamp_ms, sizeof length);
        at += EVENT_HEAD;
        if (ret->bytes - at < length)
            return 0;
        e.message = sw_str_n(p + at, length);
        at += length;
        *go_on = fn(ctx, &e);
    }
    return ret->bytes;
}

void log_segment_name(uint32_t number, char out[LOG_SEGMENT_NAME_MAX])
{
    (void)snprintf(out, LOG_SEGMENT_NAME_MAX, "%010u.log", (unsigned)number);
}

bool log_segment_number(const char *name, uint32_t *ret)
{
    uint64_t v;
    struct sw_str s = sw_str(name);
    if (s.n != 14 || !sw_str_ends_with(s, ".log") || !sw_parse_u64(sw_str_n(name, 10), &v) ||
        v > UINT32_MAX)
        return false;
    *ret = (uint32_t)v;
    return true;
}

static int open_segment(int dir_fd, uint32_t number, int64_t *ret_size, int *ret_fd,
                        struct sw_err *err)
{
    char name[LOG_SEGMENT_NAME_MAX];
    struct stat st;
    log_segment_name(number, name);
    int r = sw_openat(dir_fd, name, O_RDONLY | O_NOFOLLOW, 0, ret_fd, err);
    if (r == 0 && fstat(*ret_fd, &st) < 0)
        r = sw_fail_os(err, errno, "%s", name);
    if (r == 0)
        *ret_size = (int64_t)st.st_size;
    return r;
}

/* All of n bytes from the start; fewer are an error. */
static int load(int fd, char *out, size_t n, struct sw_err *err)
{
    for (size_t at = 0; at < n;) {
        ssize_t got = pread(fd, out + at, n - at, (off_t)at);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return sw_fail_os(err, got < 0 ? errno : EIO, "reading a log segment");
        at += (size_t)got;
    }
    return 0;
}

static bool read_footer(int fd, int64_t size, struct log_segment_info *info)
{
    struct footer f;
    if (size < (int64_t)(sizeof f + sizeof(struct file_head)) ||
        pread(fd, &f, sizeof f, (off_t)(size - (int64_t)sizeof f)) != (ssize_t)sizeof f ||
        f.head.mark != MARK_FOOTER || f.head.bytes != sizeof f ||
        frame_sum((const char *)&f, sizeof f) != f.head.sum || f.bytes != size - (int64_t)sizeof f)
        return false;
    info->min_ms = f.min_ms;
    info->max_ms = f.max_ms;
    info->bytes = f.bytes;
    info->events = f.events;
    info->last_ingestion_ms = f.head.ingestion_ms;
    info->position = f.head.position;
    info->sealed = true;
    return true;
}

static bool note_one(void *ctx, const struct log_event *e)
{
    struct log_segment_info *info = ctx;
    info->min_ms = SW_MIN(info->min_ms, e->timestamp_ms);
    info->max_ms = SW_MAX(info->max_ms, e->timestamp_ms);
    return true;
}

int log_segment_look(int dir_fd, uint32_t number, struct log_segment_info *ret, struct sw_err *err)
{
    sw_autoclose int fd = -1;
    int64_t size = 0;
    struct file_head h;
    int r = open_segment(dir_fd, number, &size, &fd, err);
    if (r < 0)
        return r;
    if (pread(fd, &h, sizeof h, 0) != (ssize_t)sizeof h ||
        memcmp(h.magic, magic, sizeof magic) != 0 ||
        h.sum != sum_of(&h, offsetof(struct file_head, sum)))
        return sw_fail(err, SW_EMISMATCH, NULL, "log segment %u has no header", (unsigned)number);
    log_segment_begin(ret, number, h.made_ms, h.position);
    if (read_footer(fd, size, ret))
        return 0;
    if (size > LOG_SEGMENT_FILE_MAX)
        return sw_fail(err, SW_EIO, NULL, "log segment %u is too large", (unsigned)number);
    sw_autofree char *all = sw_malloc((size_t)size);
    if ((r = load(fd, all, (size_t)size, err)) < 0)
        return r;
    while (ret->bytes < size) {
        bool go_on = true;
        struct frame_head f;
        size_t n =
            take_frame(all + ret->bytes, (size_t)(size - ret->bytes), 0, &f, note_one, ret, &go_on);
        if (n == 0)
            break;
        ret->bytes += (int64_t)n;
        ret->events += f.events;
        ret->last_ingestion_ms = f.ingestion_ms;
        ret->position = f.position;
    }
    ret->sealed = ret->bytes < size;
    return 0;
}

static int load_all(int dir_fd, uint32_t number, char **ret, int64_t *ret_size, struct sw_err *err)
{
    sw_autoclose int fd = -1;
    int r = open_segment(dir_fd, number, ret_size, &fd, err);
    if (r == 0 && *ret_size > LOG_SEGMENT_FILE_MAX)
        r = sw_fail(err, SW_EIO, NULL, "it is larger than any segment: %lld bytes",
                    (long long)*ret_size);
    if (r < 0)
        return r;
    *ret = sw_malloc((size_t)*ret_size + 1);
    return load(fd, *ret, (size_t)*ret_size, err);
}

/* Frames from the start, into info; returns where the first one is that is not whole. */
static size_t take_frames(const char *all, size_t n, struct log_segment_info *info)
{
    size_t at = sizeof(struct file_head);
    for (;;) {
        bool go_on = true;
        struct frame_head f;
        const size_t bytes = take_frame(all + at, n - at, 0, &f, note_one, info, &go_on);
        if (bytes == 0)
            return at;
        at += bytes;
        info->bytes = (int64_t)at;
        info->events += f.events;
        info->last_ingestion_ms = SW_MAX(info->last_ingestion_ms, f.ingestion_ms);
        info->position = f.position;
    }
}

static bool no_event(void *ctx, const struct log_event *e)
{
    (void)ctx, (void)e;
    return true;
}

/* A whole frame behind one that is not: then that one was acknowledged, too. */
static bool has_frame_after(const char *all, size_t n, size_t at)
{
    const uint32_t mark = MARK_FRAME;
    for (at++; at < n; at++) {
        const char *p = memmem(all + at, n - at, &mark, sizeof mark);
        bool go_on = true;
        struct frame_head f;
        if (!p)
            return false;
        at = (size_t)(p - all);
        if (take_frame(p, n - at, 0, &f, no_event, NULL, &go_on))
            return true;
    }
    return false;
}

static void check_footer(const char *p, struct log_segment_check *c)
{
    struct footer f;
    const struct log_segment_info *i = &c->info;
    memcpy(&f, p, sizeof f);
    const char *what =
        f.head.bytes != sizeof f || frame_sum(p, sizeof f) != f.head.sum ? "its footer is damaged"
        : f.bytes != i->bytes   ? "its footer names another size than its frames"
        : f.events != i->events ? "its footer counts other events than its frames"
        : f.min_ms != i->min_ms || f.max_ms != i->max_ms
            ? "its footer names other times than its frames"
        : f.head.position != i->position ? "its footer names another position than its frames"
                                         : "";
    (void)snprintf(c->what, sizeof c->what, "%s", what);
}

int log_segment_verify(int dir_fd, uint32_t number, struct log_segment_check *ret,
                       struct sw_err *err)
{
    sw_autofree char *all = NULL;
    int64_t size = 0;
    struct file_head h;
    uint32_t mark = 0;
    *ret = (struct log_segment_check){.what = ""};
    int r = load_all(dir_fd, number, &all, &size, err);
    if (r < 0)
        return r;
    const size_t n = (size_t)size;
    if (n < sizeof h)
        return sw_fail(err, SW_EMISMATCH, NULL, "it has no header");
    memcpy(&h, all, sizeof h);
    if (memcmp(h.magic, magic, sizeof magic) != 0 ||
        h.sum != sum_of(&h, offsetof(struct file_head, sum)))
        return sw_fail(err, SW_EMISMATCH, NULL, "its header is damaged");
    ret->position_before = h.position;
    log_segment_begin(&ret->info, number, h.made_ms, h.position);
    const size_t at = take_frames(all, n, &ret->info);
    if (n - at >= sizeof mark)
        memcpy(&mark, all + at, sizeof mark);
    if (mark == MARK_FOOTER && n - at >= sizeof(struct footer))
        check_footer(all + at, ret);
    else if (has_frame_after(all, n, at))
        (void)snprintf(ret->what, sizeof ret->what,
                       "the frame at byte %zu is damaged, and whole ones follow it", at);
    return 0;
}

int log_segment_read(int dir_fd, const struct log_segment_info *info, log_segment_fn fn, void *ctx,
                     struct sw_err *err)
{
    sw_autoclose int fd = -1;
    int64_t size = 0;
    int r = open_segment(dir_fd, info->number, &size, &fd, err);
    if (r < 0)
        return r;
    if (info->bytes > size || info->bytes > LOG_SEGMENT_FILE_MAX)
        return sw_fail(err, SW_EIO, NULL, "log segment %u was cut", (unsigned)info->number);
    sw_autofree char *all = sw_malloc((size_t)info->bytes);
    if ((r = load(fd, all, (size_t)info->bytes, err)) < 0)
        return r;
    bool go_on = true;
    for (int64_t at = sizeof(struct file_head); at < info->bytes && go_on;) {
        struct frame_head f;
        size_t n = take_frame(all + at, (size_t)(info->bytes - at),
                              ((uint64_t)info->number << 32) + (uint64_t)at, &f, fn, ctx, &go_on);
        if (n == 0)
            return sw_fail(err, SW_EIO, NULL, "log segment %u is damaged", (unsigned)info->number);
        at += (int64_t)n;
    }
    return 0;
}
