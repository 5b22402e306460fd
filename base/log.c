/* SPDX-License-Identifier: Apache-2.0 */
/* Invariants: a line is built on the stack and handed to one write(2), so that lines of threads and
 * processes that share a pipe or an O_APPEND file do not mix; a line is valid JSON even when it had
 * to be cut. */
#include "base/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/macros.h"

#define LINE_MAX_BYTES (16 * 1024)
#define TAIL           "\"cut\":true}\n" /* longest end of a line, with its comma */
#define TAIL_ROOM      sizeof("," TAIL)

static const char *const level_names[SW_LOG_MAX_] = {
    [SW_LOG_DEBUG] = "debug",
    [SW_LOG_INFO] = "info",
    [SW_LOG_WARNING] = "warning",
    [SW_LOG_ERROR] = "error",
};

static atomic_int log_level = SW_LOG_INFO;
static atomic_int log_fd = STDERR_FILENO;

bool sw_log_level_from_string(const char *s, enum sw_log_level *ret)
{
    for (size_t i = 0; i < SW_LOG_MAX_; i++) {
        if (sw_streq(s, level_names[i])) {
            *ret = (enum sw_log_level)i;
            return true;
        }
    }
    return false;
}

void sw_log_set_level(enum sw_log_level l)
{
    atomic_store_explicit(&log_level, (int)l, memory_order_relaxed);
}

void sw_log_set_fd(int fd)
{
    atomic_store_explicit(&log_fd, fd, memory_order_relaxed);
}

bool sw_log_enabled(enum sw_log_level l)
{
    return (int)l >= atomic_load_explicit(&log_level, memory_order_relaxed);
}

/* A line under construction in its caller's memory; base/buf.c never reallocates a full-sized
 * buffer. */
struct line {
    struct sw_buf buf;
    bool cut;
    char memory[LINE_MAX_BYTES];
};

static void rewind_to(struct line *l, size_t n)
{
    l->buf.n = n;
    l->buf.p[n] = 0;
    l->buf.overflow = false;
    l->cut = true;
}

static void add_key(struct line *l, const char *key)
{
    if (l->buf.n > 1)
        sw_buf_add_char(&l->buf, ',');
    sw_buf_add_json_string(&l->buf, sw_str(key));
    sw_buf_add_char(&l->buf, ':');
}

/* A text that does not fit is halved until it does; a key that does not fit is left out. */
static void add_text(struct line *l, const char *key, const char *value)
{
    size_t before = l->buf.n;

    if (!value) {
        add_key(l, key);
        if (!sw_buf_add_z(&l->buf, "null"))
            rewind_to(l, before);
        return;
    }
    struct sw_str s = sw_str(value);
    for (;;) {
        add_key(l, key);
        if (sw_buf_add_json_string(&l->buf, s))
            return;
        rewind_to(l, before);
        if (s.n == 0)
            return;
        s.n = SW_MIN(s.n / 2, (size_t)LINE_MAX_BYTES);
        while (s.n > 0 && ((unsigned char)s.p[s.n] & 0xc0) == 0x80)
            s.n--; /* not within a character */
    }
}

static void add_plain(struct line *l, const char *key, const char *value)
{
    size_t before = l->buf.n;

    add_key(l, key);
    if (!sw_buf_add_z(&l->buf, value))
        rewind_to(l, before);
}

static void add_number(struct line *l, const char *key, int64_t value)
{
    char text[24];

    (void)snprintf(text, sizeof(text), "%lld", (long long)value);
    add_plain(l, key, text);
}

static void add_pairs(struct line *l, va_list ap)
{
    for (const char *key = va_arg(ap, const char *); key; key = va_arg(ap, const char *)) {
        if (key[0] == '#')
            add_number(l, key + 1, va_arg(ap, int64_t));
        else if (key[0] == '?')
            add_plain(l, key + 1, va_arg(ap, int) ? "true" : "false");
        else
            add_text(l, key, va_arg(ap, const char *));
    }
}

static void begin(struct line *l, enum sw_log_level level, const char *event)
{
    char time[SW_TIME_LEN];

    l->buf = (struct sw_buf){
        .p = l->memory, .cap = sizeof(l->memory), .max = sizeof(l->memory) - 1 - TAIL_ROOM};
    l->cut = false;
    l->memory[0] = 0;
    sw_format_iso8601(sw_now_us(), time);
    sw_buf_add_char(&l->buf, '{');
    add_text(l, "time", time);
    add_text(l, "level", level_names[level]);
    add_text(l, "event", event);
}

static void end(struct line *l)
{
    const char *p = l->buf.p;

    l->buf.max = sizeof(l->memory) - 1;
    sw_buf_add_z(&l->buf, l->cut ? "," TAIL : "}\n");
    for (size_t left = l->buf.n; left > 0;) {
        ssize_t n = write(atomic_load_explicit(&log_fd, memory_order_relaxed), p, left);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return; /* nowhere left to report it */
        p += n;
        left -= (size_t)n;
    }
}

void sw_log(enum sw_log_level level, const char *event, ...)
{
    struct line l;
    va_list ap;
    int saved = errno;

    if (!sw_log_enabled(level))
        return;
    begin(&l, level, event);
    va_start(ap, event);
    add_pairs(&l, ap);
    va_end(ap);
    end(&l);
    errno = saved;
}

void sw_log_err(enum sw_log_level level, const char *event, const struct sw_err *e, ...)
{
    struct line l;
    va_list ap;
    int saved = errno;

    if (!sw_log_enabled(level))
        return;
    begin(&l, level, event);
    add_text(&l, "error", sw_error_code_to_string(e->code));
    if (e->reason)
        add_text(&l, "reason", e->reason);
    add_text(&l, "message", e->msg);
    if (e->detail[0])
        add_text(&l, "detail", e->detail);
    if (e->os_errno)
        add_number(&l, "errno", e->os_errno);
    if (e->where)
        add_text(&l, "where", e->where);
    va_start(ap, e);
    add_pairs(&l, ap);
    va_end(ap);
    end(&l);
    errno = saved;
}
