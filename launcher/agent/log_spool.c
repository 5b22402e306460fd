/* SPDX-License-Identifier: Apache-2.0 */
/* launcher/agent/log_spool.c
 * Invariants:
 * 1. A generation is a hard link to the file; the newest one is the file that conmon writes.
 * 2. Generations grow and none is used for two files: they go on behind the links there are and behind the one of the reader's state.
 * 3. What is given up is counted in a file before its link goes, so a kill in between counts it twice rather than never.
 * 4. A generation before which output was lost unseen has a file NAME.gap beside its link, which is there before the link is. */
#include "launcher/agent/log_spool.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/io.h"
#include "base/json.h"
#include "base/log.h"
#include "base/macros.h"
#include "launcher/agent/logs.h"

#define STATE_MAX   4096
#define CHUNK       (256 * 1024)
#define KEPT_BYTES  (64LL * 1024 * 1024) /* behind the reader, for whoever reads the file itself */
#define PUNCH_BYTES (16LL * 1024 * 1024)
#define NEXT_US \
    200000 /* conmon reads the clock before it takes the name; file systems have a coarse one */
#define HEAD_MAX 256

struct log_spool {
    pthread_mutex_t lock;
    char *path, *state_path, *lost_path;
    bool loaded, looked;
    int64_t newest; /* -1: none yet */
    uint64_t newest_inode;
    int64_t generation, offset, punched; /* of the reader; before its first word: 0 */
    int64_t backlog; /* of what was unread at the first look: what is left of it */
    struct log_lost lost;
};

struct log_spool *log_spool_new(const char *folder, const char *container)
{
    struct log_spool *s = SW_NEW(struct log_spool);
    s->path = sw_asprintf("%s/containers/%s/log", folder, container);
    s->state_path = sw_asprintf("%s/log-%s.json", folder, container);
    s->lost_path = sw_asprintf("%s/log-%s.lost.json", folder, container);
    s->newest = -1;
    pthread_mutex_init(&s->lock, NULL);
    return s;
}

void log_spool_free(struct log_spool *s)
{
    if (!s)
        return;
    pthread_mutex_destroy(&s->lock);
    free(s->path);
    free(s->state_path);
    free(s->lost_path);
    free(s);
}

static char *name_of(const struct log_spool *s, int64_t generation)
{
    return sw_asprintf("%s.%010lld", s->path, (long long)generation);
}

/* The newest link of the folder, -1 for none. */
static int64_t newest_link(const struct log_spool *s)
{
    int64_t newest = -1;
    sw_autofree char *dir = sw_strndup(s->path, strlen(s->path) - strlen("/log"));
    DIR *d = opendir(dir);
    for (struct dirent *e; d && (e = readdir(d));) {
        int64_t n;
        if (strncmp(e->d_name, "log.", 4) == 0 && strlen(e->d_name) == 14 &&
            sw_parse_i64(sw_str(e->d_name + 4), &n))
            newest = SW_MAX(newest, n);
    }
    if (d)
        closedir(d);
    return newest;
}

static uint64_t inode_of(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 ? (uint64_t)st.st_ino : 0;
}

static int64_t size_of(const struct log_spool *s, int64_t generation)
{
    struct stat st;
    sw_autofree char *name = name_of(s, generation);
    return stat(name, &st) == 0 ? (int64_t)st.st_size : 0;
}

/* With the lock held. */
static int64_t unread(const struct log_spool *s)
{
    int64_t n = 0;
    for (int64_t g = s->generation; g <= s->newest; g++)
        n += SW_MAX(size_of(s, g) - (g == s->generation ? s->offset : 0), (int64_t)0);
    return n;
}

/* What an earlier process left. */
static void load(struct log_spool *s)
{
    struct sw_err ignored = SW_ERR_INIT;
    sw_autojson json_t *state = NULL;
    sw_autojson json_t *lost = NULL;
    s->newest = newest_link(s);
    if (s->newest >= 0) {
        sw_autofree char *name = name_of(s, s->newest);
        s->newest_inode = inode_of(name);
    }
    if (sw_json_load_file(s->state_path, STATE_MAX, &state, &ignored) == 0) {
        s->generation = sw_json_int(state, "generation", 0);
        s->offset = sw_json_int(state, "offset", 0);
        if (s->generation > s->newest) {
            s->newest = s->generation;
            s->newest_inode = (uint64_t)sw_json_int(state, "inode", 0);
        }
    }
    sw_err_clear(&ignored);
    if (sw_json_load_file(s->lost_path, STATE_MAX, &lost, &ignored) == 0) {
        s->lost.lines = sw_json_int(lost, "lines", 0);
        s->lost.bytes = sw_json_int(lost, "bytes", 0);
        s->lost.unseen = sw_json_int(lost, "unseen", 0);
    }
    s->loaded = true;
}

/* 1: that generation is another file, which another spool of this container saw. */
static int add_link(const struct log_spool *s, int fd, uint64_t inode, int64_t generation,
                    struct sw_err *err)
{
    sw_autofree char *name = name_of(s, generation);
    sw_autofree char *ours = sw_asprintf("/proc/self/fd/%d", fd);
    if (linkat(AT_FDCWD, ours, AT_FDCWD, name, AT_SYMLINK_FOLLOW) == 0)
        return 0;
    if (errno != EEXIST)
        return sw_fail_os(err, errno, "%s", name);
    return inode_of(name) != inode;
}

static char *gap_of(const struct log_spool *s, int64_t generation)
{
    return sw_asprintf("%s.%010lld.gap", s->path, (long long)generation);
}

bool log_spool_is_next(int64_t first_line_us, int64_t renamed_us, int64_t now_us)
{
    return first_line_us <= renamed_us + NEXT_US || first_line_us > now_us;
}

static int64_t time_us(struct timespec t)
{
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

/* When its first line was written; of an empty file: when it got its name. -1: it cannot be told. */
static int64_t begun_us(int fd, const struct stat *st)
{
    char head[HEAD_MAX];
    struct log_line l;
    const ssize_t n = pread(fd, head, sizeof head, 0);
    const char *end = n > 0 ? memchr(head, '\n', (size_t)n) : NULL;
    if (n == 0)
        return time_us(st->st_ctim);
    return n > 0 && log_line_parse(sw_str_n(head, end ? (size_t)(end - head) : (size_t)n), &l)
               ? l.timestamp_us
               : -1;
}

/* The file of the new generation: did others come and go since the newest that we have? */
static int note_gap(const struct log_spool *s, int fd, const struct stat *st, struct sw_err *err)
{
    struct stat before;
    sw_autofree char *name = name_of(s, s->newest);
    if (s->newest < 0 || stat(name, &before) < 0 ||
        log_spool_is_next(begun_us(fd, st), time_us(before.st_ctim), sw_now_us()))
        return 0;
    sw_autofree char *gap = gap_of(s, s->newest + 1);
    return sw_replace_file(gap, "", 0, 0600, err);
}

static int find_file(struct log_spool *s, struct sw_err *err)
{
    struct stat st;
    struct sw_err e = SW_ERR_INIT;
    sw_autoclose int fd = -1;
    if (!s->loaded)
        load(s);
    if (stat(s->path, &st) < 0)
        return errno == ENOENT ? 0 : sw_fail_os(err, errno, "%s", s->path);
    sw_autofree char *newest = name_of(s, s->newest);
    if (s->newest >= 0 && st.st_ino == s->newest_inode && sw_path_exists(newest))
        return 0;
    if (sw_open(s->path, O_RDONLY | O_NOFOLLOW, 0, &fd, &e) < 0)
        return e.code == SW_ENOTFOUND ? 0 : sw_err_move(err, &e);
    if (fstat(fd, &st) < 0)
        return sw_fail_os(err, errno, "%s", s->path);
    const int64_t generation =
        s->newest >= 0 && st.st_ino == s->newest_inode ? s->newest : s->newest + 1;
    if (generation != s->newest && note_gap(s, fd, &st, err) < 0)
        return err->code;
    const int r = add_link(s, fd, st.st_ino, generation, &e);
    if (r < 0) /* begun anew at this moment: the next look */
        return e.code == SW_ENOTFOUND ? 0 : sw_err_move(err, &e);
    sw_autofree char *name = name_of(s, generation);
    s->newest = generation;
    s->newest_inode = r == 0 ? st.st_ino : inode_of(name);
    return r == 0 ? 0 : find_file(s, err);
}

/* With the lock held. */
static int look(struct log_spool *s, struct sw_err *err)
{
    const bool first = !s->looked;
    int r = find_file(s, err);
    if (first && r == 0) {
        s->looked = true;
        s->backlog = unread(s);
    }
    return r;
}

int log_spool_look(struct log_spool *s, struct sw_err *err)
{
    pthread_mutex_lock(&s->lock);
    int r = look(s, err);
    pthread_mutex_unlock(&s->lock);
    return r;
}

int log_spool_open(struct log_spool *s, int64_t from, int64_t *ret_generation, uint64_t *ret_inode,
                   int *ret_fd, struct sw_err *err)
{
    struct stat st;
    pthread_mutex_lock(&s->lock);
    int r = look(s, err);
    int found = r < 0 ? r : 1;
    for (int64_t g = from; found == 1 && g <= s->newest; g++) {
        sw_autofree char *name = name_of(s, g);
        struct sw_err e = SW_ERR_INIT;
        sw_autoclose int fd = -1;
        if (sw_open(name, O_RDONLY | O_NOFOLLOW, 0, &fd, &e) < 0) {
            found = e.code == SW_ENOTFOUND ? 1 : sw_err_move(err, &e);
            continue;
        }
        if (fstat(fd, &st) < 0) {
            found = sw_fail_os(err, errno, "%s", name);
            continue;
        }
        *ret_generation = g;
        *ret_inode = st.st_ino;
        *ret_fd = SW_TAKE_FD(fd);
        found = 0;
    }
    pthread_mutex_unlock(&s->lock);
    return found;
}

bool log_spool_has_newer(struct log_spool *s, int64_t generation)
{
    struct sw_err ignored = SW_ERR_INIT;
    pthread_mutex_lock(&s->lock);
    (void)look(s, &ignored);
    const bool newer = s->newest > generation;
    pthread_mutex_unlock(&s->lock);
    return newer;
}

/* The beginning of a large file gives its space back; a file system that cannot keeps it. */
static void punch(struct log_spool *s)
{
    const int64_t until = (s->offset - KEPT_BYTES) / 4096 * 4096;
    struct sw_err ignored = SW_ERR_INIT;
    sw_autoclose int fd = -1;
    if (until - s->punched < PUNCH_BYTES)
        return;
    sw_autofree char *name = name_of(s, s->generation);
    if (sw_open(name, O_WRONLY | O_NOFOLLOW, 0, &fd, &ignored) == 0)
        (void)fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)s->punched,
                        (off_t)(until - s->punched));
    s->punched = until;
}

void log_spool_read_to(struct log_spool *s, int64_t generation, int64_t offset)
{
    pthread_mutex_lock(&s->lock);
    for (; s->generation < generation; s->generation++) {
        sw_autofree char *name = name_of(s, s->generation);
        sw_autofree char *gap = gap_of(s, s->generation);
        (void)unlink(name);
        (void)unlink(gap);
        s->punched = 0;
    }
    s->offset = offset;
    punch(s);
    pthread_mutex_unlock(&s->lock);
}

int64_t log_spool_unread(struct log_spool *s)
{
    pthread_mutex_lock(&s->lock);
    if (!s->loaded)
        load(s);
    const int64_t n = unread(s);
    pthread_mutex_unlock(&s->lock);
    return n;
}

/* "TIME stdout F TEXT": the end of a line, and not a piece of one. */
static bool ends_a_line(const char *p, const char *end)
{
    for (int i = 0; i < 2; i++) {
        p = memchr(p, ' ', (size_t)(end - p));
        if (!p++)
            return false;
    }
    return p < end && *p == 'F';
}

int log_spool_count(int fd, int64_t from, int64_t until, struct log_lost *ret, int64_t *ret_end,
                    struct sw_err *err)
{
    sw_autofree char *chunk = sw_malloc(CHUNK);
    int64_t end = from;
    while (until < 0 || end < until) {
        const int64_t at = end;
        ssize_t n = pread(fd, chunk, CHUNK, (off_t)at);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return sw_fail_os(err, errno, "counting lines");
        const char *p = chunk, *newline;
        while ((until < 0 || end < until) && (newline = memchr(p, '\n', (size_t)(chunk + n - p)))) {
            ret->lines += ends_a_line(p, newline);
            p = newline + 1;
            end = at + (p - chunk);
        }
        if (end == at && n < CHUNK)
            break;
        if (end == at) /* none of the monitor's lines */
            end += n;
        ret->bytes += end - at;
    }
    *ret_end = end;
    return 0;
}

static void give_up(struct log_spool *s, int64_t generation)
{
    sw_autofree char *name = name_of(s, generation);
    sw_autofree char *gap = gap_of(s, generation);
    struct sw_err err = SW_ERR_INIT;
    sw_autoclose int fd = -1;
    int64_t end = 0;
    s->lost.unseen += sw_path_exists(gap);
    if (sw_open(name, O_RDONLY | O_NOFOLLOW, 0, &fd, &err) < 0 ||
        log_spool_count(fd, 0, -1, &s->lost, &end, &err) < 0)
        return;
    sw_autojson json_t *o = json_object();
    sw_json_set_int(o, "lines", s->lost.lines);
    sw_json_set_int(o, "bytes", s->lost.bytes);
    sw_json_set_int(o, "unseen", s->lost.unseen);
    sw_autofree char *text = sw_json_dump(o);
    if (sw_replace_file(s->lost_path, text, strlen(text), 0600, &err) < 0)
        sw_log_err(SW_LOG_WARNING, "container-logs-state-not-saved", &err, NULL);
    (void)unlink(name);
    (void)unlink(gap);
}

void log_spool_trim(struct log_spool *s, int64_t max_bytes)
{
    pthread_mutex_lock(&s->lock);
    int64_t left = s->loaded ? unread(s) : 0;
    for (int64_t g = s->generation + 1; g < s->newest && left > max_bytes; g++) {
        const int64_t size = size_of(s, g);
        if (size == 0)
            continue;
        give_up(s, g);
        left -= size;
    }
    pthread_mutex_unlock(&s->lock);
}

int64_t log_spool_room(struct log_spool *s, int64_t max_bytes, int64_t away_bytes)
{
    pthread_mutex_lock(&s->lock);
    s->backlog = SW_MIN(s->backlog, unread(s));
    const int64_t room = max_bytes + SW_MIN(s->backlog, away_bytes);
    pthread_mutex_unlock(&s->lock);
    return room;
}

bool log_spool_follows_a_gap(struct log_spool *s, int64_t generation)
{
    sw_autofree char *gap = gap_of(s, generation);
    return sw_path_exists(gap);
}

void log_spool_said(struct log_spool *s, int64_t generation)
{
    sw_autofree char *gap = gap_of(s, generation);
    (void)unlink(gap);
}

struct log_lost log_spool_lost(struct log_spool *s)
{
    pthread_mutex_lock(&s->lock);
    const struct log_lost lost = s->lost;
    pthread_mutex_unlock(&s->lock);
    return lost;
}

void log_spool_forget(struct log_spool *s)
{
    pthread_mutex_lock(&s->lock);
    s->lost = (struct log_lost){.lines = 0};
    (void)unlink(s->lost_path);
    pthread_mutex_unlock(&s->lock);
}
