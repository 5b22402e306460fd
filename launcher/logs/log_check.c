/* SPDX-License-Identifier: Apache-2.0 */
/* launcher/logs/log_check.c - a walk over groups, streams and segments in the order of their numbers. */
#include "launcher/logs/log_check.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/macros.h"
#include "launcher/logs/log_files.h"
#include "launcher/logs/log_segment.h"

struct walk {
    const struct log_check_options *o;
    struct log_check_counts *counts;
};

static bool is_id(const char *name)
{
    return strlen(name) == LOG_ID_LEN && strspn(name, "0123456789abcdef") == LOG_ID_LEN;
}

static int by_number(const void *a, const void *b)
{
    const uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return x < y ? -1 : x > y;
}

static void found(struct walk *w, const char *group, const char *stream, uint32_t number,
                  const char *what)
{
    char name[LOG_SEGMENT_NAME_MAX];
    log_segment_name(number, name);
    sw_autofree char *file = sw_asprintf("%s/%s/%s", group, stream, name);
    w->counts->findings++;
    w->o->found(w->o->ctx, file, what);
}

static int check_segments(struct walk *w, const char *group, const char *stream, int dir_fd,
                          const uint32_t *numbers, size_t n, struct sw_err *err)
{
    int64_t position = LOG_POSITION_NONE;
    bool known = false; /* the position that the next one follows */
    for (size_t i = 0; i < n; i++) {
        struct log_segment_check c;
        struct sw_err e = SW_ERR_INIT;
        if (w->o->cancelled && atomic_load(w->o->cancelled))
            return sw_fail(err, SW_EUNAVAILABLE, NULL, "the check was cancelled");
        int r = log_segment_verify(dir_fd, numbers[i], &c, &e);
        if (r == SW_ENOTFOUND) /* retention, meanwhile */
            continue;
        if (r < 0)
            (void)snprintf(c.what, sizeof c.what, "%.150s", e.msg);
        else if (!c.what[0] && known && c.position_before != position)
            (void)snprintf(c.what, sizeof c.what, "it follows position %lld, not %lld",
                           (long long)c.position_before, (long long)position);
        if (c.what[0])
            found(w, group, stream, numbers[i], c.what);
        known = r == 0 && !c.what[0];
        if (r < 0)
            continue;
        w->counts->segments++;
        w->counts->bytes += (uint64_t)c.info.bytes;
        w->counts->events += c.info.events;
        position = c.info.position;
    }
    return 0;
}

static int check_stream(struct walk *w, const char *group, const char *stream, struct sw_err *err)
{
    sw_autofree char *path = sw_asprintf("%s/%s/%s", w->o->dir, group, stream);
    sw_autofree uint32_t *numbers = NULL;
    size_t n = 0;
    DIR *d = opendir(path);
    if (!d)
        return errno == ENOENT || errno == ENOTDIR ? 0 : sw_fail_os(err, errno, "%s", path);
    for (struct dirent *e; (e = readdir(d));) {
        uint32_t number;
        if (!log_segment_number(e->d_name, &number))
            continue;
        numbers = sw_realloc_array(numbers, n + 1, sizeof *numbers);
        numbers[n++] = number;
    }
    if (n)
        qsort(numbers, n, sizeof *numbers, by_number);
    int r = check_segments(w, group, stream, dirfd(d), numbers, n, err);
    closedir(d);
    return r;
}

static int check_group(struct walk *w, const char *group, struct sw_err *err)
{
    sw_autofree char *path = sw_asprintf("%s/%s", w->o->dir, group);
    int r = 0;
    DIR *d = opendir(path);
    if (!d)
        return errno == ENOENT || errno == ENOTDIR ? 0 : sw_fail_os(err, errno, "%s", path);
    for (struct dirent *e; r == 0 && (e = readdir(d));)
        if (is_id(e->d_name))
            r = check_stream(w, group, e->d_name, err);
    closedir(d);
    return r;
}

int log_check(const struct log_check_options *o, struct log_check_counts *ret, struct sw_err *err)
{
    struct walk w = {.o = o, .counts = ret};
    int r = 0;
    DIR *d = opendir(o->dir);
    if (!d)
        return errno == ENOENT ? 0 : sw_fail_os(err, errno, "%s", o->dir);
    for (struct dirent *e; r == 0 && (e = readdir(d));)
        if (is_id(e->d_name))
            r = check_group(&w, e->d_name, err);
    closedir(d);
    return r;
}
