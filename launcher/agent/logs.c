/* SPDX-License-Identifier: Apache-2.0 */
/* launcher/agent/logs.c - the Kubernetes CRI log format, as conmon writes it. */
#include "launcher/agent/logs.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/encode.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/macros.h"
#include "launcher/model/taskdef.h"

#define CHUNK_MAX     (256 * 1024)
#define LINE_OVERHEAD 64 /* of a record beside its text */

struct position {
    const char *container;
    uint64_t inode, offset;
};

bool log_line_parse(struct sw_str line, struct log_line *ret)
{
    struct sw_str time, stream, tag;
    struct sw_str rest = line;
    if (!sw_str_split(&rest, ' ', &time) || !sw_str_split(&rest, ' ', &stream) ||
        !sw_str_split(&rest, ' ', &tag) || !rest.p)
        return false;
    if (!sw_parse_iso8601(time, &ret->timestamp_us))
        return false;
    ret->err_stream = sw_str_eq_z(stream, "stderr");
    ret->partial = sw_str_eq_z(tag, "P");
    ret->text = rest;
    return (ret->err_stream || sw_str_eq_z(stream, "stdout")) &&
           (ret->partial || sw_str_eq_z(tag, "F"));
}

/* "NAME=INODE.OFFSET;NAME=..." */
static int parse_cursor(const char *cursor, struct position *list, size_t n, struct sw_err *err)
{
    struct sw_str rest = sw_str(cursor), part;
    if (rest.n == 0)
        return 0;
    while (sw_str_split(&rest, ';', &part)) {
        struct sw_str name, inode;
        uint64_t ino, off;
        if (!sw_str_split(&part, '=', &name) || !sw_str_split(&part, '.', &inode) || !part.p ||
            !sw_parse_u64(inode, &ino) || !sw_parse_u64(part, &off) || off > INT64_MAX)
            return sw_fail(err, SW_EINVALID, "InvalidParameterException",
                           "the log cursor is not valid");
        for (size_t i = 0; i < n; i++)
            if (sw_str_eq_z(name, list[i].container)) {
                list[i].inode = ino;
                list[i].offset = off;
            }
    }
    return 0;
}

static void add_record(json_t *records, const char *container, const struct log_line *l)
{
    sw_autofree char *text = sw_calloc(1, SW_BASE64_LEN(l->text.n) + 1);
    sw_base64(l->text.p, l->text.n, text);
    json_t *r = json_object();
    sw_json_set_str(r, "containerName", container);
    sw_json_set_str(r, "stream", l->err_stream ? "stderr" : "stdout");
    sw_json_set_int(r, "timestamp", l->timestamp_us);
    sw_json_set_str(r, "message", text);
    sw_json_set_bool(r, "partial", l->partial);
    json_array_append_new(records, r);
}

/* Whole lines of the chunk, within the budget; returns how many bytes were used. */
static size_t take_lines(const char *p, size_t n, const char *container, json_t *records,
                         int64_t *budget)
{
    size_t used = 0;
    while (used<n && * budget> 0) {
        const char *end = memchr(p + used, '\n', n - used);
        if (!end)
            break;
        struct sw_str line = {p + used, (size_t)(end - p) - used};
        struct log_line l;
        used += line.n + 1;
        *budget -= (int64_t)line.n + LINE_OVERHEAD;
        if (log_line_parse(line, &l))
            add_record(records, container, &l);
    }
    /* A line that fills a whole chunk is none of conmon's: stepped over, never read again and again. */
    if (used == 0 && n == CHUNK_MAX)
        used = n;
    return used;
}

static int read_container(const struct log_request *r, struct position *at, json_t *records,
                          int64_t *budget, bool *drained, struct sw_err *err)
{
    sw_autofree char *path = sw_asprintf("%s/containers/%s/log", r->task_dir, at->container);
    sw_autofree char *chunk = sw_malloc(CHUNK_MAX);
    sw_autoclose int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    struct stat st;
    if (fd < 0 && errno == ENOENT)
        return 0;
    if (fd < 0 || fstat(fd, &st) < 0)
        return sw_fail_os(err, errno, "%s", path);
    if (at->inode != st.st_ino || at->offset > (uint64_t)st.st_size) {
        at->inode = st.st_ino;
        at->offset = 0;
    }
    for (;;) {
        ssize_t n = pread(fd, chunk, CHUNK_MAX, (off_t)at->offset);
        if (n < 0)
            return sw_fail_os(err, errno, "%s", path);
        size_t used = take_lines(chunk, (size_t)n, at->container, records, budget);
        at->offset += used;
        if (used == 0 || *budget <= 0) {
            *drained &= (uint64_t)st.st_size <= at->offset || *budget > 0;
            return 0;
        }
    }
}

struct sortable {
    json_t *record;
    int64_t at;
    size_t order;
};

static int by_time(const void *a, const void *b)
{
    const struct sortable *x = a, *y = b;
    if (x->at != y->at)
        return x->at < y->at ? -1 : 1;
    return x->order < y->order ? -1 : 1;
}

static json_t *sorted(json_t *records)
{
    size_t n = json_array_size(records);
    sw_autofree struct sortable *s = sw_calloc(n + 1, sizeof *s);
    for (size_t i = 0; i < n; i++) {
        json_t *r = json_array_get(records, i);
        s[i] = (struct sortable){r, sw_json_int(r, "timestamp", 0), i};
    }
    qsort(s, n, sizeof *s, by_time);
    json_t *out = json_array();
    for (size_t i = 0; i < n; i++)
        json_array_append(out, s[i].record);
    return out;
}

static int format_cursor(const struct position *list, size_t n, char out[LOG_CURSOR_MAX],
                         struct sw_err *err)
{
    SW_CLEANUP(sw_buf_done) struct sw_buf b = SW_BUF_INIT(LOG_CURSOR_MAX - 1);
    for (size_t i = 0; i < n; i++)
        if (list[i].inode)
            sw_buf_addf(&b, "%s%s=%llu.%llu", b.n ? ";" : "", list[i].container,
                        (unsigned long long)list[i].inode, (unsigned long long)list[i].offset);
    if (sw_buf_check(&b, NULL, err) < 0)
        return err->code;
    (void)sw_str_copy(sw_buf_str(&b), out, LOG_CURSOR_MAX);
    return 0;
}

int logs_read(const struct log_request *r, json_t **ret_records, char ret_cursor[LOG_CURSOR_MAX],
              bool *ret_drained, struct sw_err *err)
{
    struct position list[TASKDEF_CONTAINERS_MAX] = {0};
    size_t n = 0;
    for (size_t i = 0; r->containers[i] && n < TASKDEF_CONTAINERS_MAX; i++)
        if (!r->container || sw_streq(r->container, r->containers[i]))
            list[n++].container = r->containers[i];
    int64_t budget = SW_MIN(SW_MAX(r->max_bytes, (int64_t)1), (int64_t)LIMIT_LOG_CHUNK);
    sw_autojson json_t *records = json_array();
    bool drained = true;
    if (parse_cursor(r->cursor ? r->cursor : "", list, n, err) < 0)
        return err->code;
    for (size_t i = 0; i < n; i++) {
        if (budget <= 0)
            drained = false;
        else if (read_container(r, &list[i], records, &budget, &drained, err) < 0)
            return err->code;
    }
    if (format_cursor(list, n, ret_cursor, err) < 0)
        return err->code;
    *ret_records = sorted(records);
    *ret_drained = drained;
    return 0;
}
