/* SPDX-License-Identifier: Apache-2.0 */
/* server/backup.c - invariants of a backup:
 * 1. Rows first, then the blobs that these rows name. Nothing takes blobs away meanwhile, so all of them are there.
 * 2. slipway.db of an earlier backup is replaced after all blobs of the new one are durable, and blobs that only the earlier one
 *    needs go after that.
 * Of a restore: slipway.db comes last, so a folder with one is complete. */
#include "server/backup.h"
#include "server/backup_folders.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/io.h"
#include "base/json.h"
#include "base/macros.h"
#include "registry/core/blob_rows.h"

#define CHUNK      (1024 * 1024)
#define SMALL_FILE 65536
#define FORMAT     1
#define COPIES     4 /* blobs at once */
#define MARKER     "backup.json"

static const struct {
    const char *name;
    mode_t mode;
    bool needed;
} small_files[] = {
    {"account", 0644, true}, {"master.key", 0600, true}, {"credentials", 0600, false}};

struct copy {
    struct blob_store *from, *to;
    const atomic_bool *cancelled;
    void (*problem)(void *ctx, const char *digest, const char *what);
    void *ctx;
    struct backup_counts *counts;
};

static char *in_folder(const char *dir, const char *name)
{
    return sw_asprintf("%s/%s", dir, name);
}

static int go_on(const atomic_bool *cancelled, struct sw_err *err)
{
    if (cancelled && atomic_load(cancelled))
        return sw_fail(err, SW_EUNAVAILABLE, NULL, "interrupted");
    return 0;
}

/* --- blobs ------------------------------------------------------------------------------------ */

static int pump(const struct copy *c, int fd, struct blob_writer *w, struct sw_err *err)
{
    sw_autofree char *chunk = sw_malloc(CHUNK);
    for (;;) {
        int r = go_on(c->cancelled, err);
        if (r < 0)
            return r;
        ssize_t n = read(fd, chunk, CHUNK);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return sw_fail(err, SW_EMISMATCH, NULL, "cannot be read: %s", strerror(errno));
        if (n == 0)
            return 0;
        r = blob_writer_append(w, chunk, (size_t)n, err);
        if (r < 0)
            return r;
    }
}

/* SW_ENOTFOUND and SW_EMISMATCH are about the source's bytes; the rest is about this machine. */
static int copy_bytes(const struct copy *c, const struct digest *d, const char *key,
                      struct sw_err *err)
{
    struct blob_writer *w = NULL;
    struct blob_info info;
    struct sw_err ignored = SW_ERR_INIT;
    uint64_t size = 0;
    sw_autoclose int fd = -1;
    int r = blob_open(c->from, key, &fd, &size, err);
    if (r < 0)
        return r;
    r = blob_writer_begin(c->to, d->algorithm, &w, err);
    if (r == 0)
        r = pump(c, fd, w, err);
    if (r == 0)
        r = blob_writer_commit(w, d, &info, err);
    if (r < 0 && w)
        (void)blob_writer_cancel(w, &ignored);
    blob_writer_free(w);
    return r;
}

/* Looks first: 1 when it had to be copied, 0 when it was there. */
static int bring_blob(const struct copy *c, const struct blob_row *row, struct sw_err *err)
{
    struct digest d;
    struct sw_err ignored = SW_ERR_INIT;
    uint64_t there = 0;
    if (!digest_parse(sw_str(row->digest), &d))
        return sw_fail(err, SW_EINTERNAL, NULL, "a blob's row has the digest '%s'", row->digest);
    if (blob_stat(c->to, row->digest, &there, &ignored) == 0 && there == (uint64_t)row->size)
        return 0;
    int r = copy_bytes(c, &d, row->key, err);
    return r < 0 ? r : 1;
}

/* The caller holds the lock. Damage of the source is a problem and no error. */
static int count_blob(const struct copy *c, const struct blob_row *row, int result,
                      struct sw_err *err)
{
    if (result >= 0) {
        c->counts->copied += result;
        c->counts->copied_bytes += result ? (uint64_t)row->size : 0;
        c->counts->blobs++;
        c->counts->bytes += (uint64_t)row->size;
        return 0;
    }
    if (err->code != SW_ENOTFOUND && err->code != SW_EMISMATCH)
        return err->code;
    c->counts->problems++;
    c->problem(c->ctx, row->digest, err->code == SW_ENOTFOUND ? "its bytes are missing" : err->msg);
    sw_err_clear(err);
    return 0;
}

/* A page that several threads copy: most blobs are small, and syncs of several at once cost the disk little more than that of one. */
struct page_work {
    const struct copy *c;
    const struct blob_page *page;
    pthread_mutex_t lock; /* guards the fields below, the counters, and calls of problem() */
    size_t next;
    struct sw_err err; /* the first; ends all */
};

static void *copy_main(void *arg)
{
    struct page_work *w = arg;
    pthread_mutex_lock(&w->lock);
    while (w->err.code == 0 && w->next < w->page->n) {
        const struct blob_row *row = &w->page->rows[w->next++];
        struct sw_err err = SW_ERR_INIT;
        pthread_mutex_unlock(&w->lock);
        int r = go_on(w->c->cancelled, &err);
        if (r == 0)
            r = bring_blob(w->c, row, &err);
        pthread_mutex_lock(&w->lock);
        if (count_blob(w->c, row, r, &err) < 0 && w->err.code == 0)
            w->err = err;
    }
    pthread_mutex_unlock(&w->lock);
    return NULL;
}

static int copy_page(const struct copy *c, const struct blob_page *page, struct sw_err *err)
{
    struct page_work w = {.c = c, .page = page};
    pthread_t threads[COPIES - 1];
    size_t n = 0;
    pthread_mutex_init(&w.lock, NULL);
    while (n < SW_MIN(page->n, (size_t)COPIES) - 1 &&
           pthread_create(&threads[n], NULL, copy_main, &w) == 0)
        n++;
    (void)copy_main(&w);
    while (n > 0)
        (void)pthread_join(threads[--n], NULL);
    pthread_mutex_destroy(&w.lock);
    return w.err.code ? sw_err_move(err, &w.err) : 0;
}

/* Every blob that the rows of db name. */
static int copy_blobs(const struct copy *c, struct meta_db *db, struct sw_err *err)
{
    sw_autofree struct blob_page *p = SW_NEW(struct blob_page);
    int r;
    while ((r = blob_rows_next(db, p, err)) > 0) {
        r = copy_page(c, p, err);
        if (r < 0)
            return r;
    }
    return r;
}

/* --- what an earlier backup left -------------------------------------------------------------- */

struct stale {
    struct meta_db *db;
    char (*names)[BLOB_KEY_MAX];
    size_t n;
    const char *key;
    struct sw_err err;
};

static void add_name(struct stale *s, const char *name)
{
    s->names = sw_realloc_array(s->names, s->n + 1, sizeof(*s->names));
    (void)sw_str_copy(sw_str(name), s->names[s->n++], BLOB_KEY_MAX);
}

static int known_tx(struct meta_tx *tx, void *arg, struct sw_err *err)
{
    struct stale *s = arg;
    int64_t one;
    return meta_get(tx, err, "SELECT 1 FROM blob WHERE digest = $1", "t", s->key, "i", &one);
}

static int note_unknown(void *ctx, const char *key, uint64_t size SW_UNUSED, int64_t at SW_UNUSED)
{
    struct stale *s = ctx;
    s->key = key;
    int r = meta_tx(s->db, META_READ, known_tx, s, &s->err);
    if (r == 0)
        add_name(s, key);
    return r < 0;
}

static int note_upload(void *ctx, const struct blob_upload_info *u)
{
    add_name(ctx, u->id);
    return 0;
}

static int remove_uploads(struct blob_store *blobs, struct sw_err *err)
{
    struct stale s = {0};
    int r = blob_list_uploads(blobs, note_upload, &s, err);
    for (size_t i = 0; i < s.n && r == 0; i++)
        r = blob_upload_remove(blobs, s.names[i], err);
    free(s.names);
    return r;
}

/* --- files ------------------------------------------------------------------------------------ */

static int copy_small_file(const char *from, const char *to, size_t i, struct sw_err *err)
{
    sw_autofree char *source = in_folder(from, small_files[i].name);
    sw_autofree char *target = in_folder(to, small_files[i].name);
    SW_CLEANUP(sw_buf_done) struct sw_buf content = SW_BUF_INIT(SMALL_FILE);
    struct sw_err e = SW_ERR_INIT;
    int r = sw_read_file(source, &content, &e);
    if (r == SW_ENOTFOUND && !small_files[i].needed)
        return 0;
    if (r < 0)
        return sw_err_move(err, &e);
    r = sw_write_file_atomic(target, content.p, content.n, small_files[i].mode, err);
    explicit_bzero(content.p, content.n);
    return r;
}

static int copy_small_files(const char *from, const char *to, struct sw_err *err)
{
    int r = 0;
    for (size_t i = 0; i < SW_ARRAY_LEN(small_files) && r == 0; i++)
        r = copy_small_file(from, to, i, err);
    return r;
}

static int copy_large_file(const struct copy *c, const char *from, const char *to,
                           struct sw_err *err)
{
    sw_autofree char *chunk = sw_malloc(CHUNK);
    sw_autoclose int in = -1, out = -1;
    int r = sw_open(from, O_RDONLY, 0, &in, err);
    if (r == 0)
        r = sw_open(to, O_WRONLY | O_CREAT | O_EXCL, 0600, &out, err);
    while (r == 0) {
        ssize_t n = read(in, chunk, CHUNK);
        if (n == 0)
            break;
        r = n < 0 ? sw_fail_os(err, errno, "read %s", from)
                  : sw_write_all(out, chunk, (size_t)n, err);
        if (r == 0)
            r = go_on(c->cancelled, err);
    }
    if (r == 0 && fsync(out) < 0)
        r = sw_fail_os(err, errno, "sync %s", to);
    return r;
}

static int replace(const char *dir, const char *from, const char *to, struct sw_err *err)
{
    if (rename(from, to) < 0)
        return sw_fail_os(err, errno, "rename %s", from);
    return sw_fsync_dir(dir, err);
}

/* One that is not there is empty. A file system of its own may have its lost+found. */
static int check_empty(const char *path, const char *what, struct sw_err *err)
{
    DIR *dir = opendir(path);
    if (!dir)
        return errno == ENOENT ? 0 : sw_fail_os(err, errno, "%s", path);
    const struct dirent *e;
    int r = 0;
    while (r == 0 && (e = readdir(dir)))
        if (!sw_streq(e->d_name, ".") && !sw_streq(e->d_name, "..") &&
            !sw_streq(e->d_name, "lost+found"))
            r = sw_fail(err, SW_ECONFLICT, "ConflictException", "%s: %s", path, what);
    (void)closedir(dir);
    return r;
}

/* --- backup ----------------------------------------------------------------------------------- */

static int write_marker(const char *dir, bool complete, const struct backup_counts *counts,
                        struct sw_err *err)
{
    char when[SW_TIME_LEN];
    sw_format_iso8601(sw_now_us(), when);
    sw_autofree char *path = in_folder(dir, MARKER);
    sw_autojson json_t *doc = json_object();
    sw_json_set_int(doc, "slipwayBackup", FORMAT);
    sw_json_set_bool(doc, "complete", complete);
    sw_json_set_str(doc, "program", SLIPWAY_VERSION);
    sw_json_set_str(doc, "madeAt", when);
    sw_json_set_int(doc, "blobs", (int64_t)counts->blobs);
    sw_json_set_int(doc, "bytes", (int64_t)counts->bytes);
    sw_json_set_int(doc, "blobsMissing", (int64_t)counts->problems);
    sw_autofree char *text = sw_json_dump(doc);
    return sw_write_file_atomic(path, text, strlen(text), 0600, err);
}

/* A folder that may be written: ours, empty, or not there. *ret_marked: it holds a backup, complete or begun. */
static int look_at_marker(const char *dir, bool *ret_marked, bool *ret_complete, struct sw_err *err)
{
    sw_autofree char *path = in_folder(dir, MARKER);
    sw_autojson json_t *doc = NULL;
    *ret_marked = *ret_complete = false;
    if (!sw_path_exists(path))
        return 0;
    int r = sw_json_load_file(path, SMALL_FILE, &doc, err);
    if (r < 0)
        return r;
    int64_t format = sw_json_int(doc, "slipwayBackup", 0);
    if (format != FORMAT)
        return sw_fail(err, SW_ECONFLICT, "ConflictException",
                       "%s: a backup of format %lld, this program knows %d", dir, (long long)format,
                       FORMAT);
    *ret_marked = true;
    *ret_complete = sw_json_bool(doc, "complete", false);
    return 0;
}

static bool within(const char *path, const char *folder)
{
    size_t n = strlen(folder);
    return strncmp(path, folder, n) == 0 && (path[n] == 0 || path[n] == '/');
}

static int prepare_target(const struct backup_options *o, int *ret_lock, struct sw_err *err)
{
    bool marked = false, complete = false;
    sw_autofree char *lock = in_folder(o->to, "lock");
    if (o->to[0] != '/' || within(o->to, o->data_dir) || within(o->data_dir, o->to))
        return sw_fail(err, SW_EINVALID, "ValidationError",
                       "%s: a backup needs an absolute path outside the data folder", o->to);
    int r = look_at_marker(o->to, &marked, &complete, err);
    if (r == 0 && !marked)
        r = check_empty(o->to, "neither empty nor an earlier backup", err);
    if (r == 0)
        r = sw_mkdirs(o->to, 0700, err);
    if (r == 0 && chmod(o->to, 0700) < 0)
        r = sw_fail_os(err, errno, "%s", o->to);
    if (r == 0 && !marked)
        r = write_marker(o->to, false, &(struct backup_counts){0}, err);
    if (r == 0)
        r = sw_lock_file(lock, ret_lock, err);
    return r;
}

static int copy_everything(const struct backup_options *o, const char *rows, struct blob_store *to,
                           struct stale *stale, struct backup_counts *counts, struct sw_err *err)
{
    struct copy c = {o->blobs, to, o->cancelled, o->problem, o->ctx, counts};
    struct meta_options meta = {.path = rows, .readers_max = 1};
    struct meta_db *db = NULL;
    int r = meta_sqlite_open(&meta, &db, err);
    if (r < 0)
        return r;
    r = copy_blobs(&c, db, err);
    stale->db = db;
    if (r == 0)
        r = blob_list(to, note_unknown, stale, err);
    if (stale->err.code != 0)
        r = sw_err_move(err, &stale->err);
    meta_db_free(db);
    return r;
}

static void remove_rows(const char *path)
{
    static const char *const suffixes[] = {"", "-wal", "-shm", "-journal"};
    for (size_t i = 0; i < SW_ARRAY_LEN(suffixes); i++) {
        sw_autofree char *file = sw_asprintf("%s%s", path, suffixes[i]);
        (void)unlink(file);
    }
}

static int backup_into(const struct backup_options *o, struct blob_store *to,
                       struct backup_counts *counts, struct sw_err *err)
{
    sw_autofree char *fresh = in_folder(o->to, "slipway.db.new");
    sw_autofree char *rows = in_folder(o->to, "slipway.db");
    struct stale stale = {0};
    remove_rows(fresh);
    int r = remove_uploads(to, err);
    if (r == 0)
        r = meta_backup(o->db, fresh, err);
    if (r == 0)
        r = copy_everything(o, fresh, to, &stale, counts, err);
    if (r == 0)
        r = backup_copy_folders(o->data_dir, o->to, o->cancelled, err);
    if (r == 0)
        r = copy_small_files(o->data_dir, o->to, err);
    if (r == 0)
        r = replace(o->to, fresh, rows, err);
    if (r == 0)
        r = write_marker(o->to, true, counts, err);
    for (size_t i = 0; i < stale.n && r == 0; i++, counts->removed++)
        r = blob_remove(to, stale.names[i], err);
    if (r < 0)
        remove_rows(fresh);
    free(stale.names);
    return r;
}

int backup_run(const struct backup_options *o, struct backup_counts *ret, struct sw_err *err)
{
    sw_autoclose int lock = -1;
    struct blob_store *to = NULL;
    *ret = (struct backup_counts){0};
    int r = prepare_target(o, &lock, err);
    if (r == 0)
        r = blob_fs_open(o->to, &to, err);
    if (r == 0)
        r = backup_into(o, to, ret, err);
    blob_store_free(to);
    return r < 0 ? sw_prefix(err, "backup") : 0;
}

/* --- restore ---------------------------------------------------------------------------------- */

static int check_source(const struct restore_options *o, struct sw_err *err)
{
    bool marked = false, complete = false;
    int r = look_at_marker(o->from, &marked, &complete, err);
    if (r == 0 && !marked)
        r = sw_fail(err, SW_ENOTFOUND, NULL, "%s: not a backup: there is no %s", o->from, MARKER);
    if (r == 0 && !complete)
        r = sw_fail(err, SW_ECONFLICT, NULL, "%s: this backup was never finished", o->from);
    return r < 0 ? r : check_empty(o->to, "not empty; restore into a new folder", err);
}

static int restore_into(const struct restore_options *o, struct backup_counts *counts,
                        struct sw_err *err)
{
    sw_autofree char *source = in_folder(o->from, "slipway.db");
    sw_autofree char *fresh = in_folder(o->to, "slipway.db.new");
    sw_autofree char *rows = in_folder(o->to, "slipway.db");
    struct copy c = {
        .cancelled = o->cancelled, .problem = o->problem, .ctx = o->ctx, .counts = counts};
    struct meta_options meta = {.path = fresh, .readers_max = 1};
    struct meta_db *db = NULL;
    int r = blob_fs_open(o->from, &c.from, err);
    if (r == 0)
        r = blob_fs_open(o->to, &c.to, err);
    if (r == 0)
        r = copy_small_files(o->from, o->to, err);
    if (r == 0)
        r = backup_copy_folders(o->from, o->to, o->cancelled, err);
    if (r == 0)
        r = copy_large_file(&c, source, fresh, err);
    if (r == 0)
        r = meta_sqlite_open(&meta, &db, err);
    if (r == 0)
        r = copy_blobs(&c, db, err);
    meta_db_free(db);
    if (r == 0 && counts->problems > 0 && !o->partial)
        r = sw_fail(
            err, SW_EMISMATCH, NULL,
            "%llu blobs of the backup are damaged or missing; --partial goes on without them",
            (unsigned long long)counts->problems);
    if (r == 0)
        r = replace(o->to, fresh, rows, err);
    blob_store_free(c.from);
    blob_store_free(c.to);
    return r;
}

int restore_run(const struct restore_options *o, struct backup_counts *ret, struct sw_err *err)
{
    sw_autoclose int lock = -1;
    struct sw_err ignored = SW_ERR_INIT;
    *ret = (struct backup_counts){0};
    int r = check_source(o, err);
    if (r < 0)
        return r;
    r = sw_mkdirs(o->to, 0700, err);
    sw_autofree char *path = in_folder(o->to, "lock");
    if (r == 0)
        r = sw_lock_file(path, &lock, err);
    if (r < 0)
        return r;
    r = restore_into(o, ret, err);
    if (r < 0)
        (void)sw_remove_tree(o->to, &ignored);
    return r;
}
