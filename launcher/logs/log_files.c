/* SPDX-License-Identifier: Apache-2.0 */
/* launcher/logs/log_files.c
 * Invariants:
 * 1. A batch is one frame, written by one write and synced before log_files_append returns 0. A new segment's header is written
 *    with its first frame, and its folder synced after that.
 * 2. After a failed write or sync nothing in memory of the stream is believed: it is read anew before its next use, and goes on in a
 *    new segment if the file has a torn end.
 * 3. A stream's position is in each frame and in each header, so it outlives the segments that are removed: the last one goes only
 *    after an empty one with the position is there.
 * 4. The table holds streams that have events or are in use, and nothing of those that were removed. An append that comes late, after
 *    the removal, finds no folder; if it would make one, it asks whether the stream is known still and takes the folder away again.
 *    Who removes took the row first, so one of the two sees the other.
 * Locks: `lock` guards tables, references and byte counts, a stream's `io` its segments. io before lock; never two io. */
#include "launcher/logs/log_files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/io.h"
#include "base/log.h"
#include "base/macros.h"

#define BUCKETS         4096
#define SEGMENT_DEFAULT (4LL * 1024 * 1024)
#define SEGMENT_AGE_MS  86400000LL /* so that retention finds segments of one day */

struct group;
struct stream {
    struct stream *next_in_bucket, *next_in_group;
    struct group *group;
    char id[LOG_ID_LEN + 1];
    pthread_mutex_t io;
    size_t refs; /* of calls that use it */
    bool loaded, removed;
    struct log_segment_info *segments; /* ascending */
    size_t n, cap;
    _Atomic int64_t bytes;
};

struct group {
    struct group *next;
    char id[LOG_ID_LEN + 1];
    struct stream *streams;
    _Atomic int64_t bytes;
};

struct log_files {
    struct log_files_options o;
    char *dir;
    pthread_mutex_t lock;
    struct group *groups;
    struct stream *buckets[BUCKETS];
    _Atomic int64_t bytes;
};

static bool is_id(const char *name)
{
    return strlen(name) == LOG_ID_LEN && strspn(name, "0123456789abcdef") == LOG_ID_LEN;
}

static int64_t clock_ms(void)
{
    return sw_now_us() / 1000;
}

static size_t bucket_of(const char *group, const char *stream)
{
    uint64_t h = 1469598103934665603u;
    for (const char *p = group; *p; p++)
        h = (h ^ (unsigned char)*p) * 1099511628211u;
    for (const char *p = stream; *p; p++)
        h = (h ^ (unsigned char)*p) * 1099511628211u;
    return h % BUCKETS;
}

/* With the lock held; NULL: nothing is known of it. */
static struct group *known_group(struct log_files *f, const char *id)
{
    struct group *g = f->groups;
    while (g && strcmp(g->id, id) != 0)
        g = g->next;
    return g;
}

static struct group *group_of(struct log_files *f, const char *id)
{
    struct group *g = known_group(f, id);
    if (!g) {
        g = SW_NEW(struct group);
        (void)sw_str_copy(sw_str(id), g->id, sizeof g->id);
        g->next = f->groups;
        f->groups = g;
    }
    return g;
}

/* A reference, to be given back with put(). */
static struct stream *find(struct log_files *f, const char *group, const char *stream)
{
    const size_t b = bucket_of(group, stream);
    pthread_mutex_lock(&f->lock);
    struct stream *s = f->buckets[b];
    while (s && (strcmp(s->id, stream) != 0 || strcmp(s->group->id, group) != 0))
        s = s->next_in_bucket;
    if (!s) {
        s = SW_NEW(struct stream);
        (void)sw_str_copy(sw_str(stream), s->id, sizeof s->id);
        pthread_mutex_init(&s->io, NULL);
        s->group = group_of(f, group);
        s->next_in_group = s->group->streams;
        s->group->streams = s;
        s->next_in_bucket = f->buckets[b];
        f->buckets[b] = s;
    }
    s->refs++;
    pthread_mutex_unlock(&f->lock);
    return s;
}

/* With the lock held. */
static void forget(struct log_files *f, struct stream *s)
{
    struct stream **at = &f->buckets[bucket_of(s->group->id, s->id)];
    struct group *g = s->group;
    while (*at != s)
        at = &(*at)->next_in_bucket;
    *at = s->next_in_bucket;
    for (at = &g->streams; *at != s;)
        at = &(*at)->next_in_group;
    *at = s->next_in_group;
    pthread_mutex_destroy(&s->io);
    free(s->segments);
    free(s);
    if (g->streams)
        return;
    struct group **in = &f->groups;
    while (*in != g)
        in = &(*in)->next;
    *in = g->next;
    free(g);
}

/* One without events is known from its row alone. */
static void put(struct log_files *f, struct stream *s)
{
    pthread_mutex_lock(&f->lock);
    if (--s->refs == 0 && (s->removed || (s->loaded && s->n == 0 && atomic_load(&s->bytes) == 0)))
        forget(f, s);
    pthread_mutex_unlock(&f->lock);
}

/* References to all streams of a group; the caller gives each back, and frees the list. */
static struct stream **streams_of(struct log_files *f, const char *group, size_t *ret_n)
{
    size_t n = 0, i = 0;
    pthread_mutex_lock(&f->lock);
    const struct group *g = known_group(f, group);
    for (struct stream *s = g ? g->streams : NULL; s; s = s->next_in_group)
        n++;
    struct stream **list = sw_calloc(n + 1, sizeof(struct stream *));
    for (struct stream *s = g ? g->streams : NULL; s; s = s->next_in_group) {
        s->refs++;
        list[i++] = s;
    }
    pthread_mutex_unlock(&f->lock);
    *ret_n = n;
    return list;
}

static void count(struct log_files *f, struct stream *s, int64_t bytes)
{
    atomic_fetch_add(&s->bytes, bytes);
    atomic_fetch_add(&s->group->bytes, bytes);
    atomic_fetch_add(&f->bytes, bytes);
}

static char *folder_of(const struct log_files *f, const struct stream *s)
{
    return sw_asprintf("%s/%s/%s", f->dir, s->group->id, s->id);
}

static struct log_segment_info *add_segment(struct stream *s)
{
    if (s->n == s->cap) {
        s->cap = s->cap ? s->cap * 2 : 4;
        s->segments = sw_realloc_array(s->segments, s->cap, sizeof *s->segments);
    }
    return &s->segments[s->n++];
}

static int by_number(const void *a, const void *b)
{
    const struct log_segment_info *x = a, *y = b;
    return x->number < y->number ? -1 : x->number > y->number;
}

static int open_folder(const struct log_files *f, const struct stream *s, int *ret,
                       struct sw_err *err)
{
    sw_autofree char *path = folder_of(f, s);
    return sw_open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0, ret, err);
}

static int load_one(struct stream *s, int dir_fd, const char *name, struct sw_err *err)
{
    uint32_t number;
    struct log_segment_info info;
    struct sw_err e = SW_ERR_INIT;
    if (!log_segment_number(name, &number))
        return 0;
    int r = log_segment_look(dir_fd, number, &info, &e);
    if (r == 0) {
        *add_segment(s) = info;
        return 0;
    }
    if (r != SW_EMISMATCH)
        return sw_err_move(err, &e);
    sw_log_err(SW_LOG_WARNING, "log-segment-removed", &e, "stream", s->id, NULL);
    (void)unlinkat(dir_fd, name, 0);
    return 0;
}

/* With io held. */
static int load_segments(struct log_files *f, struct stream *s, struct sw_err *err)
{
    int fd = -1, r = 0;
    struct sw_err e = SW_ERR_INIT;
    struct stat st;
    if (s->removed)
        return sw_fail(err, SW_ENOTFOUND, "ResourceNotFoundException",
                       "The specified log stream does not exist.");
    if (s->loaded)
        return 0;
    s->n = 0;
    if (open_folder(f, s, &fd, &e) < 0) {
        s->loaded = e.code == SW_ENOTFOUND;
        return s->loaded ? 0 : sw_err_move(err, &e);
    }
    DIR *d = fdopendir(fd);
    if (!d) {
        r = sw_fail_os(err, errno, "the folder of log stream %s", s->id);
        close(fd);
        return r;
    }
    int64_t bytes = 0;
    for (struct dirent *de; r == 0 && (de = readdir(d));) {
        r = load_one(s, fd, de->d_name, err);
        if (de->d_name[0] != '.' && fstatat(fd, de->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0)
            bytes += (int64_t)st.st_size;
    }
    closedir(d);
    if (r < 0)
        return r;
    if (s->n)
        qsort(s->segments, s->n, sizeof *s->segments, by_number);
    count(f, s, bytes - atomic_load(&s->bytes));
    s->loaded = true;
    return 0;
}

static int64_t position_of(const struct stream *s)
{
    return s->n ? s->segments[s->n - 1].position : LOG_POSITION_NONE;
}

/* --- appending --- */

/* The segment that takes the next frame, or NULL for a new one. */
static struct log_segment_info *open_one(struct log_files *f, struct stream *s, int64_t now_ms)
{
    struct log_segment_info *last = s->n ? &s->segments[s->n - 1] : NULL;
    if (!last || last->sealed || last->bytes >= f->o.segment_bytes ||
        (last->events > 0 && now_ms - last->made_ms > SEGMENT_AGE_MS))
        return NULL;
    return last;
}

/* The footer only spares a look at the whole file: failing to write it changes nothing. */
static void seal(struct log_files *f, struct stream *s, int dir_fd)
{
    char name[LOG_SEGMENT_NAME_MAX];
    sw_autoclose int fd = -1;
    struct sw_err err = SW_ERR_INIT;
    SW_CLEANUP(sw_buf_done) struct sw_buf b = SW_BUF_INIT(4096);
    struct log_segment_info *last = s->n ? &s->segments[s->n - 1] : NULL;
    if (!last || last->sealed)
        return;
    last->sealed = true;
    log_segment_footer(&b, last);
    log_segment_name(last->number, name);
    if (sw_openat(dir_fd, name, O_WRONLY | O_NOFOLLOW, 0, &fd, &err) == 0 &&
        sw_pwrite_all(fd, b.p, b.n, last->bytes, &err) == 0)
        count(f, s, (int64_t)b.n);
}

static int write_synced(int dir_fd, const char *name, int flags, const struct sw_buf *b, int64_t at,
                        struct sw_err *err)
{
    sw_autoclose int fd = -1;
    int r = sw_openat(dir_fd, name, O_WRONLY | O_NOFOLLOW | flags, 0600, &fd, err);
    if (r == 0)
        r = sw_pwrite_all(fd, b->p, b->n, at, err);
    if (r == 0 && fdatasync(fd) < 0)
        r = sw_fail_os(err, errno, "syncing a log segment");
    if (r == 0 && flags && fsync(dir_fd) < 0)
        r = sw_fail_os(err, errno, "syncing the folder of a log stream");
    if (r < 0 && fd >= 0 && ftruncate(fd, (off_t)at) == 0 && at == 0)
        (void)unlinkat(dir_fd, name, 0);
    return r;
}

static int make_folder(struct log_files *f, struct stream *s, struct sw_err *err)
{
    sw_autofree char *path = folder_of(f, s);
    sw_autofree char *above = sw_asprintf("%s/%s", f->dir, s->group->id);
    int r = sw_path_exists(path) ? 0 : sw_mkdirs(path, 0700, err);
    if (r == 0)
        r = sw_fsync_dir(above, err);
    return r == 0 ? sw_fsync_dir(f->dir, err) : r;
}

/* Invariant 4. */
static int check_known(struct log_files *f, struct stream *s, struct sw_err *err)
{
    sw_autofree char *path = folder_of(f, s);
    sw_autofree char *above = sw_asprintf("%s/%s", f->dir, s->group->id);
    if (!f->o.exists || f->o.exists(f->o.exists_ctx, s->group->id, s->id))
        return 0;
    (void)rmdir(path);
    (void)rmdir(above);
    s->removed = true;
    return sw_fail(err, SW_ENOTFOUND, "ResourceNotFoundException",
                   "The specified log stream does not exist.");
}

/* A new segment with what is in `frame` (may be empty), whose events are noted by the caller. */
static int start_segment(struct log_files *f, struct stream *s, const struct sw_buf *frame,
                         int64_t now_ms, struct sw_err *err)
{
    char name[LOG_SEGMENT_NAME_MAX];
    sw_autoclose int dir_fd = -1;
    SW_CLEANUP(sw_buf_done) struct sw_buf b = SW_BUF_INIT(LOG_SEGMENT_BATCH + 4096);
    const uint32_t number = s->n ? s->segments[s->n - 1].number + 1 : 1;
    const int64_t position = position_of(s);
    int r = s->n ? 0 : make_folder(f, s, err);
    if (r == 0 && s->n == 0 && (r = check_known(f, s, err)) < 0)
        return r;
    if (r < 0 || (r = open_folder(f, s, &dir_fd, err)) < 0)
        return r;
    seal(f, s, dir_fd);
    log_segment_header(&b, now_ms, position);
    sw_buf_add_str(&b, sw_buf_str(frame));
    log_segment_name(number, name);
    if ((r = sw_buf_check(&b, NULL, err)) < 0 ||
        (r = write_synced(dir_fd, name, O_CREAT | O_TRUNC, &b, 0, err)) < 0)
        return r;
    log_segment_begin(add_segment(s), number, now_ms, position);
    count(f, s, (int64_t)b.n);
    return 0;
}

static int extend_segment(struct log_files *f, struct stream *s, struct log_segment_info *last,
                          const struct sw_buf *frame, struct sw_err *err)
{
    char name[LOG_SEGMENT_NAME_MAX];
    sw_autoclose int dir_fd = -1;
    int r = open_folder(f, s, &dir_fd, err);
    if (r < 0)
        return r;
    log_segment_name(last->number, name);
    if ((r = write_synced(dir_fd, name, 0, frame, last->bytes, err)) == 0)
        count(f, s, (int64_t)frame->n);
    return r;
}

/* With io held, the stream loaded. */
static int append(struct log_files *f, struct stream *s, const struct log_event *events, size_t n,
                  struct sw_err *err)
{
    const int64_t now = f->o.now_ms();
    const int64_t last = events[n - 1].position;
    const int64_t position = last == LOG_POSITION_NONE ? position_of(s) : last;
    SW_CLEANUP(sw_buf_done) struct sw_buf frame = SW_BUF_INIT(LOG_SEGMENT_BATCH);
    log_segment_frame(&frame, events, n, now, position);
    int r = sw_buf_check(&frame, NULL, err);
    if (r < 0)
        return r;
    struct log_segment_info *open = open_one(f, s, now);
    r = open ? extend_segment(f, s, open, &frame, err) : start_segment(f, s, &frame, now, err);
    if (r == 0)
        log_segment_note(&s->segments[s->n - 1], events, n, now, position, frame.n);
    else
        s->loaded = false;
    return r;
}

static void enforce_caps(struct log_files *f, struct group *g);

int log_files_append(struct log_files *f, const char *group, const char *stream,
                     const struct log_event *events, size_t n, size_t *ret_taken,
                     struct sw_err *err)
{
    struct stream *s = find(f, group, stream);
    size_t skip = 0;
    pthread_mutex_lock(&s->io);
    int r = load_segments(f, s, err);
    if (r == 0) {
        while (skip < n && events[skip].position != LOG_POSITION_NONE &&
               events[skip].position <= position_of(s))
            skip++;
        if (skip < n)
            r = append(f, s, events + skip, n - skip, err);
    }
    pthread_mutex_unlock(&s->io);
    if (r == 0 && ret_taken)
        *ret_taken = n - skip;
    if (r == 0)
        enforce_caps(f, s->group); /* which lives as long as we hold one of its streams */
    put(f, s);
    return r;
}

int log_files_position(struct log_files *f, const char *group, const char *stream, int64_t *ret,
                       struct sw_err *err)
{
    struct stream *s = find(f, group, stream);
    pthread_mutex_lock(&s->io);
    int r = load_segments(f, s, err);
    if (r == 0)
        *ret = position_of(s);
    pthread_mutex_unlock(&s->io);
    put(f, s);
    return r;
}

/* --- looking --- */

int log_files_stat(struct log_files *f, const char *group, const char *stream,
                   struct log_files_stat *ret, struct sw_err *err)
{
    struct stream *s = find(f, group, stream);
    pthread_mutex_lock(&s->io);
    int r = load_segments(f, s, err);
    if (r == 0) {
        *ret = (struct log_files_stat){.first_ms = INT64_MAX, .last_ms = INT64_MIN};
        for (size_t i = 0; i < s->n; i++) {
            ret->events += s->segments[i].events;
            ret->first_ms = SW_MIN(ret->first_ms, s->segments[i].min_ms);
            ret->last_ms = SW_MAX(ret->last_ms, s->segments[i].max_ms);
            ret->last_ingestion_ms =
                SW_MAX(ret->last_ingestion_ms, s->segments[i].last_ingestion_ms);
        }
        ret->bytes = atomic_load(&s->bytes);
    }
    pthread_mutex_unlock(&s->io);
    put(f, s);
    return r;
}

int64_t log_files_group_bytes(struct log_files *f, const char *group)
{
    pthread_mutex_lock(&f->lock);
    const struct group *g = known_group(f, group);
    const int64_t bytes = g ? atomic_load(&g->bytes) : 0;
    pthread_mutex_unlock(&f->lock);
    return bytes;
}

int64_t log_files_bytes(struct log_files *f)
{
    return atomic_load(&f->bytes);
}

int log_files_segments(struct log_files *f, const char *group, const char *stream,
                       struct log_segment_info **ret, size_t *ret_n, struct sw_err *err)
{
    struct stream *s = find(f, group, stream);
    pthread_mutex_lock(&s->io);
    int r = load_segments(f, s, err);
    if (r == 0) {
        *ret = sw_calloc(s->n + 1, sizeof **ret);
        if (s->n)
            memcpy(*ret, s->segments, s->n * sizeof **ret);
        *ret_n = s->n;
    }
    pthread_mutex_unlock(&s->io);
    put(f, s);
    return r;
}

int log_files_read(struct log_files *f, const char *group, const char *stream,
                   const struct log_segment_info *segment, log_segment_fn fn, void *ctx,
                   struct sw_err *err)
{
    sw_autoclose int dir_fd = -1;
    struct sw_err e = SW_ERR_INIT;
    struct stream *s = find(f, group, stream);
    if (open_folder(f, s, &dir_fd, &e) == 0)
        (void)log_segment_read(dir_fd, segment, fn, ctx, &e);
    put(f, s);
    return e.code == 0 || e.code == SW_ENOTFOUND ? 0 : sw_err_move(err, &e);
}

/* --- removing --- */

/* The first `n` segments; with io held, the stream loaded. */
static int drop_first(struct log_files *f, struct stream *s, size_t n, struct sw_err *err)
{
    sw_autoclose int dir_fd = -1;
    SW_CLEANUP(sw_buf_done) struct sw_buf nothing = SW_BUF_INIT(1);
    int r = 0;
    if (n == s->n && position_of(s) != LOG_POSITION_NONE)
        r = start_segment(f, s, &nothing, f->o.now_ms(), err);
    if (r < 0 || (r = open_folder(f, s, &dir_fd, err)) < 0)
        return r;
    for (size_t i = 0; i < n; i++) {
        char name[LOG_SEGMENT_NAME_MAX];
        struct stat st = {.st_size = 0};
        log_segment_name(s->segments[i].number, name);
        (void)fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW);
        if (unlinkat(dir_fd, name, 0) < 0 && errno != ENOENT) {
            s->loaded = false;
            return sw_fail_os(err, errno, "removing a log segment");
        }
        count(f, s, -(int64_t)st.st_size);
    }
    if (n < s->n)
        memmove(s->segments, s->segments + n, (s->n - n) * sizeof *s->segments);
    s->n -= n;
    return 0;
}

/* With the lock held. A NULL group: of all. */
static struct stream *largest(struct log_files *f, struct group *g)
{
    for (struct group *x = g ? NULL : f->groups; x; x = x->next)
        if (!g || atomic_load(&x->bytes) > atomic_load(&g->bytes))
            g = x;
    struct stream *best = NULL;
    for (struct stream *s = g ? g->streams : NULL; s; s = s->next_in_group)
        if (!best || atomic_load(&s->bytes) > atomic_load(&best->bytes))
            best = s;
    return best;
}

/* *ret: a reference. */
static bool above_caps(struct log_files *f, struct group *g, struct stream **ret)
{
    const bool group = f->o.group_bytes_max && atomic_load(&g->bytes) > f->o.group_bytes_max;
    const bool total = f->o.total_bytes_max && atomic_load(&f->bytes) > f->o.total_bytes_max;
    if (!group && !total)
        return false;
    pthread_mutex_lock(&f->lock);
    *ret = largest(f, group ? g : NULL);
    if (*ret)
        (*ret)->refs++;
    pthread_mutex_unlock(&f->lock);
    return *ret != NULL;
}

/* Drops the oldest segment of a stream. False: that freed nothing. */
static bool drop_oldest(struct log_files *f, struct stream *s)
{
    struct sw_err err = SW_ERR_INIT;
    pthread_mutex_lock(&s->io);
    int r = load_segments(f, s, &err);
    const int64_t before = atomic_load(&s->bytes);
    if (r == 0 && s->n > 0)
        r = drop_first(f, s, 1, &err);
    const int64_t freed = before - atomic_load(&s->bytes);
    if (r < 0) { /* what cannot be removed is not counted, or nothing would be bounded any more */
        s->loaded = false;
        count(f, s, -atomic_load(&s->bytes));
    }
    pthread_mutex_unlock(&s->io);
    if (r < 0) {
        sw_log_err(SW_LOG_ERROR, "log-events-not-dropped", &err, "stream", s->id, NULL);
        return before > 0;
    }
    if (freed > 0)
        sw_log(SW_LOG_WARNING, "log-events-dropped", "group", s->group->id, "stream", s->id,
               "#bytes", freed, "#kept_bytes", atomic_load(&s->group->bytes), "why",
               "logs_group_max or logs_max", NULL);
    return freed > 0;
}

static void enforce_caps(struct log_files *f, struct group *g)
{
    struct stream *s;
    bool freed = true;
    while (freed && above_caps(f, g, &s)) {
        freed = drop_oldest(f, s);
        put(f, s);
    }
}

static int expire_stream(struct log_files *f, struct stream *s, int64_t before_ms,
                         struct sw_err *err)
{
    size_t n = 0;
    int r = 0;
    pthread_mutex_lock(&s->io);
    if (!s->removed && (r = load_segments(f, s, err)) == 0) {
        while (n < s->n && s->segments[n].events > 0 && s->segments[n].max_ms < before_ms)
            n++;
        if (n > 0)
            r = drop_first(f, s, n, err);
    }
    pthread_mutex_unlock(&s->io);
    return r;
}

int log_files_expire(struct log_files *f, const char *group, int64_t before_ms, struct sw_err *err)
{
    int r = 0;
    size_t n;
    sw_autofree struct stream **list = streams_of(f, group, &n);
    for (size_t i = 0; i < n; i++) { /* one that cannot be read keeps no other */
        struct sw_err e = SW_ERR_INIT;
        if (expire_stream(f, list[i], before_ms, &e) < 0 && r == 0)
            r = sw_err_move(err, &e);
        put(f, list[i]);
    }
    return r;
}

static int remove_stream(struct log_files *f, struct stream *s, struct sw_err *err)
{
    sw_autofree char *path = folder_of(f, s);
    pthread_mutex_lock(&s->io);
    s->removed = true;
    s->n = 0;
    count(f, s, -atomic_load(&s->bytes));
    int r = sw_remove_tree(path, err);
    pthread_mutex_unlock(&s->io);
    return r;
}

int log_files_remove_stream(struct log_files *f, const char *group, const char *stream,
                            struct sw_err *err)
{
    struct stream *s = find(f, group, stream);
    int r = remove_stream(f, s, err);
    put(f, s);
    return r;
}

int log_files_remove_group(struct log_files *f, const char *group, struct sw_err *err)
{
    int r = 0;
    size_t n;
    sw_autofree char *path = sw_asprintf("%s/%s", f->dir, group);
    sw_autofree struct stream **list = streams_of(f, group, &n);
    for (size_t i = 0; i < n; i++) {
        struct sw_err e = SW_ERR_INIT;
        if (remove_stream(f, list[i], &e) < 0 && r == 0)
            r = sw_err_move(err, &e);
        put(f, list[i]);
    }
    return r == 0 ? sw_remove_tree(path, err) : r;
}

/* What the table does not know: groups whose streams have no events in memory. */
static int remove_folders(struct log_files *f, struct sw_err *err)
{
    int r = 0;
    DIR *d = opendir(f->dir);
    if (!d)
        return sw_fail_os(err, errno, "%s", f->dir);
    for (struct dirent *de; r == 0 && (de = readdir(d));) {
        sw_autofree char *path = sw_asprintf("%s/%s", f->dir, de->d_name);
        if (is_id(de->d_name))
            r = sw_remove_tree(path, err);
    }
    closedir(d);
    return r;
}

int log_files_remove_all(struct log_files *f, struct sw_err *err)
{
    char id[LOG_ID_LEN + 1], last[LOG_ID_LEN + 1] = "";
    for (int r = 0; r == 0;) {
        pthread_mutex_lock(&f->lock);
        const struct group *g = f->groups;
        (void)sw_str_copy(sw_str(g ? g->id : ""), id, sizeof id);
        pthread_mutex_unlock(&f->lock);
        /* One that somebody uses at this moment stays in the table until they give it back. */
        if (!*id || sw_streq(id, last))
            break;
        memcpy(last, id, sizeof last);
        if ((r = log_files_remove_group(f, id, err)) < 0)
            return r;
    }
    return remove_folders(f, err);
}

/* --- opening --- */

/* Bytes only: segments are looked at when the stream is first used. */
static void measure(struct log_files *f, const char *group, const char *stream, const char *path)
{
    DIR *d = opendir(path);
    int64_t bytes = 0;
    for (struct dirent *de; d && (de = readdir(d));) {
        struct stat st;
        uint32_t number;
        if (log_segment_number(de->d_name, &number) &&
            fstatat(dirfd(d), de->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0)
            bytes += (int64_t)st.st_size;
    }
    if (d)
        closedir(d);
    struct stream *s = find(f, group, stream);
    count(f, s, bytes);
    put(f, s);
}

static int walk_group(struct log_files *f, const char *group, struct sw_err *err)
{
    sw_autofree char *path = sw_asprintf("%s/%s", f->dir, group);
    int r = 0;
    if (f->o.known && !f->o.known(f->o.ctx, group, NULL))
        return sw_remove_tree(path, err);
    DIR *d = opendir(path);
    if (!d)
        return sw_fail_os(err, errno, "%s", path);
    for (struct dirent *de; r == 0 && (de = readdir(d));) {
        sw_autofree char *below = sw_asprintf("%s/%s", path, de->d_name);
        if (!is_id(de->d_name))
            continue;
        if (f->o.known && !f->o.known(f->o.ctx, group, de->d_name))
            r = sw_remove_tree(below, err);
        else
            measure(f, group, de->d_name, below);
    }
    closedir(d);
    return r;
}

static int walk(struct log_files *f, struct sw_err *err)
{
    int r = 0;
    DIR *d = opendir(f->dir);
    if (!d)
        return sw_fail_os(err, errno, "%s", f->dir);
    for (struct dirent *de; r == 0 && (de = readdir(d));)
        if (is_id(de->d_name))
            r = walk_group(f, de->d_name, err);
    closedir(d);
    return r;
}

int log_files_open(const struct log_files_options *o, struct log_files **ret, struct sw_err *err)
{
    int r = sw_mkdirs(o->dir, 0700, err);
    if (r < 0)
        return r;
    struct log_files *f = SW_NEW(struct log_files);
    f->o = *o;
    f->dir = sw_strdup(o->dir);
    if (!f->o.segment_bytes)
        f->o.segment_bytes = SEGMENT_DEFAULT;
    if (!f->o.now_ms)
        f->o.now_ms = clock_ms;
    pthread_mutex_init(&f->lock, NULL);
    if ((r = walk(f, err)) < 0) {
        log_files_free(f);
        return r;
    }
    *ret = f;
    return 0;
}

void log_files_free(struct log_files *f)
{
    if (!f)
        return;
    for (struct group *g = f->groups, *next; g; g = next) {
        next = g->next;
        for (struct stream *s = g->streams, *after; s; s = after) {
            after = s->next_in_group;
            pthread_mutex_destroy(&s->io);
            free(s->segments);
            free(s);
        }
        free(g);
    }
    pthread_mutex_destroy(&f->lock);
    free(f->dir);
    free(f);
}
