/* SPDX-License-Identifier: Apache-2.0 */
/* Blobs as files: blobs/<algorithm>/<2 hex>/<hex>, uploads/<id>. A blob's key is its digest's text.
 *
 * Why a commit that returned 0 survives power loss, and why an earlier loss shows nothing wrong:
 * 1. The upload's bytes are synced (fdatasync) before any name of a blob points to them. Whatever
 *    survives of the steps behind, a name under blobs/ leads to whole, verified bytes.
 * 2. link(2) publishes them under their digest; it never replaces. If the name exists, the first
 *    one wins.
 * 3. The folder of the name is synced before 0 is returned; also by whom the name was there
 *    already, because its maker may not have come as far as that. The folder itself is made and
 *    its parent synced before the first link.
 * 4. Unlinking the upload needs no sync: should its name come back, it is one more upload that
 *    nobody knows, which collection removes. That it shares the blob's bytes is what 5 is for.
 * 5. Files under blobs/ are never written: upload_open refuses a file that has more than one name,
 *    or a writer.
 * 6. When the sync fails the upload is removed: the kernel reports a lost write once, and a second
 *    sync of the same pages would succeed without them.
 * Removing a blob is not synced either: one that comes back is garbage, collected again.
 *
 * Large pieces are written past the page cache (O_DIRECT): their copy, and the memory for it, would be most of what a push costs.
 * 7. A direct write only begins where the file's pages end and after what was written through the cache is on the disk, so that a
 *    power cut leaves a prefix of the upload, with or without the last pieces, and never a hole in it.
 * 8. What a file system refuses to write directly goes through the cache; so does an upload on a disk so slow that the receiving
 *    threads would wait for it. */
#include "storage/blob/blob_fs.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/io.h"
#include "base/macros.h"

/* Written back early in pieces of this size, so that the sync of a large upload is short. */
#define WRITEBACK  (8 * 1024 * 1024)
#define PATH_SIZE  200
#define PAGE       4096
#define DIRECT_MIN (128 * 1024)
/* Slower than this on average, the page cache takes the upload's bytes. */
#define DIRECT_US_PER_MIB 25000

struct fs {
    char *dir;
    int dir_fd;
    const struct blob_fs_sys *sys;
    void *ctx;
    /* Folders of which we know that they exist durably, by the first byte of the digest. */
    _Atomic bool ready[DIGEST_MAX_][256];
    _Atomic bool no_direct; /* the file system refused it */
};

struct upload {
    struct fs *fs;
    int fd, direct_fd; /* -1: not open */
    bool no_direct;
    uint64_t size, written_back;
    uint64_t cached_from; /* bytes from here on may be in the page cache only */
    uint64_t direct_bytes;
    int64_t direct_us;
    char path[PATH_SIZE];
};

/* --- system calls ----------------------------------------------------------------------------- */

static int sys_openat(void *ctx, int dir, const char *path, int flags, mode_t mode)
{
    (void)ctx;
    return openat(dir, path, flags | O_CLOEXEC, mode);
}

static ssize_t sys_pwrite(void *ctx, int fd, const void *data, size_t n, off_t offset)
{
    (void)ctx;
    return pwrite(fd, data, n, offset);
}

static int sys_ftruncate(void *ctx, int fd, off_t size)
{
    (void)ctx;
    return ftruncate(fd, size);
}

static int sys_fdatasync(void *ctx, int fd)
{
    (void)ctx;
    return fdatasync(fd);
}

static int sys_link(void *ctx, int dir, const char *from, const char *to)
{
    (void)ctx;
    return linkat(dir, from, dir, to, 0);
}

static int sys_rename(void *ctx, int dir, const char *from, const char *to)
{
    (void)ctx;
    return renameat(dir, from, dir, to);
}

static int sys_unlink(void *ctx, int dir, const char *path)
{
    (void)ctx;
    return unlinkat(dir, path, 0);
}

static int sys_mkdir(void *ctx, int dir, const char *path, mode_t mode)
{
    (void)ctx;
    return mkdirat(dir, path, mode);
}

static int sys_fsync_dir(void *ctx, int dir, const char *path)
{
    (void)ctx;
    sw_autoclose int fd = openat(dir, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return fd < 0 ? -1 : fsync(fd);
}

const struct blob_fs_sys blob_fs_sys_default = {.openat = sys_openat,
                                                .pwrite = sys_pwrite,
                                                .ftruncate = sys_ftruncate,
                                                .fdatasync = sys_fdatasync,
                                                .link = sys_link,
                                                .rename = sys_rename,
                                                .unlink = sys_unlink,
                                                .mkdir = sys_mkdir,
                                                .fsync_dir = sys_fsync_dir};

/* --- names ------------------------------------------------------------------------------------ */

static void blob_path(const struct digest *d, char out[PATH_SIZE])
{
    char hex[129];
    digest_hex(d, hex);
    snprintf(out, PATH_SIZE, "blobs/%s/%.2s/%s", digest_algorithm_to_string(d->algorithm), hex,
             hex);
}

/* Only what digest_parse accepts becomes a path. */
static int path_of_key(const char *key, char out[PATH_SIZE], struct sw_err *err)
{
    struct digest d;
    if (!digest_parse(sw_str(key), &d))
        return sw_fail(err, SW_ENOTFOUND, NULL, "no such blob");
    blob_path(&d, out);
    return 0;
}

static bool id_valid(const char *id)
{
    return strlen(id) == BLOB_UPLOAD_ID_LEN && strspn(id, "0123456789abcdef") == BLOB_UPLOAD_ID_LEN;
}

static int64_t modified_us(const struct stat *st)
{
    return (int64_t)st->st_mtim.tv_sec * 1000000 + st->st_mtim.tv_nsec / 1000;
}

/* --- reading ---------------------------------------------------------------------------------- */

static int fs_stat(void *drv, const char *key, uint64_t *ret_size, struct sw_err *err)
{
    struct fs *fs = drv;
    char path[PATH_SIZE];
    struct stat st;
    int r = path_of_key(key, path, err);
    if (r < 0)
        return r;
    if (fstatat(fs->dir_fd, path, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return sw_fail_os(err, errno, "blob %s", key);
    if (!S_ISREG(st.st_mode))
        return sw_fail(err, SW_EIO, NULL, "blob %s is not a file", key);
    *ret_size = (uint64_t)st.st_size;
    return 0;
}

static int fs_open(void *drv, const char *key, int *ret_fd, uint64_t *ret_size, struct sw_err *err)
{
    struct fs *fs = drv;
    sw_autoclose int fd = -1;
    char path[PATH_SIZE];
    struct stat st;
    int r = path_of_key(key, path, err);
    if (r < 0)
        return r;
    r = sw_openat(fs->dir_fd, path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK, 0, &fd, err);
    if (r < 0)
        return r;
    if (fstat(fd, &st) < 0)
        return sw_fail_os(err, errno, "blob %s", key);
    if (!S_ISREG(st.st_mode))
        return sw_fail(err, SW_EIO, NULL, "blob %s is not a file", key);
    *ret_size = (uint64_t)st.st_size;
    *ret_fd = SW_TAKE_FD(fd);
    return 0;
}

/* --- uploads ---------------------------------------------------------------------------------- */

static void fs_upload_close(void *state)
{
    struct upload *u = state;
    if (u->fd >= 0) {
        (void)flock(u->fd, LOCK_UN); /* a process that is just being started may have a copy */
        (void)close(u->fd);
    }
    if (u->direct_fd >= 0)
        (void)close(u->direct_fd);
    free(u);
}

/* A committed upload whose name outlived a crash: its bytes are a blob's. Or one that was just
 * removed. */
static int drop_published(struct upload *u, struct sw_err *err)
{
    (void)u->fs->sys->unlink(u->fs->ctx, u->fs->dir_fd, u->path);
    return sw_fail(err, SW_ENOTFOUND, NULL, "the upload has ended");
}

/* The lock keeps a second writer off, so that nobody can still hold what becomes a blob. */
static int check_upload(struct upload *u, struct stat *st, struct sw_err *err)
{
    if (fstat(u->fd, st) < 0)
        return sw_fail_os(err, errno, "%s", u->path);
    if (!S_ISREG(st->st_mode))
        return sw_fail(err, SW_EIO, NULL, "%s is not a file", u->path);
    if (flock(u->fd, LOCK_EX | LOCK_NB) < 0)
        return errno == EWOULDBLOCK
                   ? sw_fail(err, SW_ECONFLICT, NULL, "%s has a writer already", u->path)
                   : sw_fail_os(err, errno, "lock %s", u->path);
    if (fstat(u->fd, st) < 0)
        return sw_fail_os(err, errno, "%s", u->path);
    return st->st_nlink == 1 ? 0 : drop_published(u, err);
}

static int fs_upload_open(void *drv, const char *id, bool create, void **ret_state,
                          uint64_t *ret_size, struct sw_err *err)
{
    struct fs *fs = drv;
    struct stat st;
    if (!id_valid(id))
        return sw_fail(err, SW_ENOTFOUND, NULL, "no such upload");
    struct upload *u = SW_NEW(struct upload);
    u->fs = fs;
    u->direct_fd = -1;
    snprintf(u->path, sizeof u->path, "uploads/%s", id);
    int flags = O_RDWR | O_NOFOLLOW | O_NONBLOCK | (create ? O_CREAT | O_EXCL : 0);
    u->fd = fs->sys->openat(fs->ctx, fs->dir_fd, u->path, flags, 0600);
    int r = u->fd < 0 ? sw_fail_os(err, errno, "upload %s", id) : check_upload(u, &st, err);
    if (r < 0) {
        fs_upload_close(u);
        return r;
    }
    u->size = u->written_back = (uint64_t)st.st_size;
    *ret_size = u->size;
    *ret_state = u;
    return 0;
}

/* Without waiting; a file system that cannot do it leaves all to the sync. */
static void write_back(struct upload *u)
{
    uint64_t end = u->size - u->size % WRITEBACK;
    if (end <= u->written_back)
        return;
    (void)sync_file_range(u->fd, (off_t)u->written_back, (off_t)(end - u->written_back),
                          SYNC_FILE_RANGE_WRITE);
    u->written_back = end;
}

/* How many bytes of the piece at `offset` are written; fewer than n only with errno. */
static size_t write_piece(const struct upload *u, int fd, const char *p, size_t n, uint64_t offset)
{
    size_t done = 0;
    while (done < n) {
        ssize_t wrote =
            u->fs->sys->pwrite(u->fs->ctx, fd, p + done, n - done, (off_t)(offset + done));
        if (wrote < 0 && errno == EINTR)
            continue;
        if (wrote < 0)
            break;
        done += (size_t)wrote;
    }
    return done;
}

/* With errno. */
static void refused_direct(struct upload *u, bool refused)
{
    if (!refused)
        return;
    u->no_direct = true;
    if (errno == EINVAL || errno == EOPNOTSUPP)
        atomic_store(&u->fs->no_direct, true);
}

static int open_direct(struct upload *u)
{
    struct fs *fs = u->fs;
    if (u->direct_fd < 0 && !u->no_direct && !atomic_load(&fs->no_direct)) {
        u->direct_fd = fs->sys->openat(fs->ctx, fs->dir_fd, u->path,
                                       O_WRONLY | O_NOFOLLOW | O_NONBLOCK | O_DIRECT, 0);
        refused_direct(u, u->direct_fd < 0);
    }
    return u->no_direct ? -1 : u->direct_fd;
}

/* Invariant 7: what is in the cache first. */
static void settle_cached(struct upload *u, uint64_t end)
{
    if (u->cached_from < end)
        (void)sync_file_range(u->fd, (off_t)u->cached_from, (off_t)(end - u->cached_from),
                              SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE |
                                  SYNC_FILE_RANGE_WAIT_AFTER);
}

/* Whole pages of p past the page cache, as many as the file system takes. What fails here is tried again through the cache, which
 * finds the error if there is one. */
static size_t write_direct(struct upload *u, const char *p, size_t n, uint64_t offset)
{
    n -= n % PAGE;
    if (open_direct(u) < 0)
        return 0;
    settle_cached(u, offset);
    int64_t begin_us = sw_mono_us();
    size_t done = write_piece(u, u->direct_fd, p, n, offset);
    refused_direct(u, done < n);
    u->cached_from = u->written_back = offset + done;
    u->direct_bytes += done;
    u->direct_us += sw_mono_us() - begin_us;
    if (u->direct_bytes >= 4 * 1024 * 1024 &&
        u->direct_us / (int64_t)(u->direct_bytes / (1024 * 1024)) > DIRECT_US_PER_MIB)
        u->no_direct = true;
    return done;
}

static int fs_upload_append(void *state, const void *data, size_t n, struct sw_err *err)
{
    struct upload *u = state;
    const char *p = data;
    size_t head = (size_t)(PAGE - u->size % PAGE) % PAGE, done = 0;
    if (n >= head + DIRECT_MIN && (uintptr_t)(p + head) % PAGE == 0) {
        done = write_piece(u, u->fd, p, head, u->size);
        if (done == head)
            done += write_direct(u, p + head, n - head, u->size + head);
    }
    done += write_piece(u, u->fd, p + done, n - done, u->size + done);
    if (done < n) {
        int failed = errno;
        (void)u->fs->sys->ftruncate(u->fs->ctx, u->fd, (off_t)u->size);
        return sw_fail_os(err, failed, "write %s", u->path);
    }
    u->size += n;
    write_back(u);
    return 0;
}

/* Looks at nothing that an append beside it changes. */
static int fs_upload_read(void *state, uint64_t offset, void *out, size_t cap, size_t *ret_n,
                          struct sw_err *err)
{
    struct upload *u = state;
    size_t done = 0;
    while (done < cap) {
        ssize_t n = pread(u->fd, (char *)out + done, cap - done, (off_t)(offset + done));
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return sw_fail_os(err, errno, "read %s", u->path);
        if (n == 0)
            break;
        done += (size_t)n;
    }
    *ret_n = done;
    return 0;
}

static int fs_upload_truncate(void *state, uint64_t size, struct sw_err *err)
{
    struct upload *u = state;
    if (u->fs->sys->ftruncate(u->fs->ctx, u->fd, (off_t)size) < 0)
        return sw_fail_os(err, errno, "truncate %s", u->path);
    u->size = size;
    u->written_back = SW_MIN(u->written_back, size);
    u->cached_from = SW_MIN(u->cached_from, size);
    return 0;
}

static int fs_upload_cancel(void *state, struct sw_err *err)
{
    struct upload *u = state;
    if (u->fs->sys->unlink(u->fs->ctx, u->fs->dir_fd, u->path) < 0 && errno != ENOENT)
        return sw_fail_os(err, errno, "remove %s", u->path);
    return 0;
}

/* The folder of d's name, durably. */
static int prepare_folder(struct fs *fs, const struct digest *d, const char *folder,
                          struct sw_err *err)
{
    _Atomic bool *ready = &fs->ready[d->algorithm][d->bytes[0]];
    if (atomic_load(ready))
        return 0;
    if (fs->sys->mkdir(fs->ctx, fs->dir_fd, folder, 0700) < 0 && errno != EEXIST)
        return sw_fail_os(err, errno, "create %s", folder);
    char parent[PATH_SIZE];
    snprintf(parent, sizeof parent, "blobs/%s", digest_algorithm_to_string(d->algorithm));
    if (fs->sys->fsync_dir(fs->ctx, fs->dir_fd, parent) < 0)
        return sw_fail_os(err, errno, "sync %s", parent);
    atomic_store(ready, true);
    return 0;
}

/* Makes `path` a name of the upload's bytes, unless it has the same already. A file of another size
 * there is damage (names of blobs are only given to verified bytes), which these verified bytes
 * repair. */
static int publish(struct upload *u, const char *path, struct sw_err *err)
{
    struct fs *fs = u->fs;
    struct stat st;
    if (fs->sys->link(fs->ctx, fs->dir_fd, u->path, path) == 0)
        return 0;
    if (errno != EEXIST)
        return sw_fail_os(err, errno, "link %s", path);
    if (fstatat(fs->dir_fd, path, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return sw_fail_os(err, errno, "stat %s", path);
    if (S_ISREG(st.st_mode) && (uint64_t)st.st_size == u->size)
        return 0;
    if (fs->sys->rename(fs->ctx, fs->dir_fd, u->path, path) < 0)
        return sw_fail_os(err, errno, "replace %s", path);
    return 0;
}

static int fs_upload_commit(void *state, const struct digest *d, char ret_key[BLOB_KEY_MAX],
                            struct sw_err *err)
{
    struct upload *u = state;
    struct fs *fs = u->fs;
    char path[PATH_SIZE], folder[PATH_SIZE];
    if (fs->sys->fdatasync(fs->ctx, u->fd) < 0) {
        int failed = errno;
        (void)fs->sys->unlink(fs->ctx, fs->dir_fd, u->path);
        return sw_fail_os(err, failed, "sync %s", u->path);
    }
    blob_path(d, path);
    snprintf(folder, sizeof folder, "%.*s", (int)(strrchr(path, '/') - path), path);
    int r = prepare_folder(fs, d, folder, err);
    if (r == 0)
        r = publish(u, path, err);
    if (r < 0)
        return r;
    if (fs->sys->fsync_dir(fs->ctx, fs->dir_fd, folder) < 0)
        return sw_fail_os(err, errno, "sync %s", folder);
    (void)fchmod(u->fd, 0400); /* against accidents of people only */
    (void)fs->sys->unlink(fs->ctx, fs->dir_fd, u->path);
    digest_format(d, ret_key);
    return 0;
}

/* --- lists ------------------------------------------------------------------------------------ */

static int fs_remove(void *drv, const char *key, struct sw_err *err)
{
    struct fs *fs = drv;
    char path[PATH_SIZE];
    struct digest d;
    if (!digest_parse(sw_str(key), &d))
        return 0;
    blob_path(&d, path);
    if (fs->sys->unlink(fs->ctx, fs->dir_fd, path) < 0 && errno != ENOENT)
        return sw_fail_os(err, errno, "remove blob %s", key);
    return 0;
}

/* quarantine/<algorithm>-<hex>. A second damaged file of the same name replaces the first. */
static int fs_quarantine(void *drv, const char *key, struct sw_err *err)
{
    struct fs *fs = drv;
    char path[PATH_SIZE], to[PATH_SIZE], hex[129];
    struct digest d;
    int r = path_of_key(key, path, err);
    if (r < 0 || !digest_parse(sw_str(key), &d))
        return r;
    digest_hex(&d, hex);
    snprintf(to, sizeof to, "quarantine/%s-%s", digest_algorithm_to_string(d.algorithm), hex);
    if (fs->sys->mkdir(fs->ctx, fs->dir_fd, "quarantine", 0700) < 0 && errno != EEXIST)
        return sw_fail_os(err, errno, "create quarantine");
    if (fs->sys->rename(fs->ctx, fs->dir_fd, path, to) < 0)
        return sw_fail_os(err, errno, "move blob %s to quarantine", key);
    if (fs->sys->fsync_dir(fs->ctx, fs->dir_fd, "quarantine") < 0)
        return sw_fail_os(err, errno, "sync quarantine");
    return 0;
}

typedef int (*entry_fn)(struct fs *fs, const char *folder, const char *name, const struct stat *st,
                        void *ctx, struct sw_err *err);

/* Regular files and folders; those that vanish meanwhile are left out. */
static int each_entry(struct fs *fs, const char *folder, entry_fn fn, void *ctx, struct sw_err *err)
{
    int fd = openat(fs->dir_fd, folder, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    if (!dir) {
        int failed = errno;
        if (fd >= 0)
            (void)close(fd);
        return failed == ENOENT || failed == ENOTDIR ? 0
                                                     : sw_fail_os(err, failed, "list %s", folder);
    }
    int r = 0;
    const struct dirent *e;
    while (r == 0 && (errno = 0, e = readdir(dir))) {
        struct stat st;
        if (e->d_name[0] == '.')
            continue;
        if (fstatat(fd, e->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0)
            r = fn(fs, folder, e->d_name, &st, ctx, err);
        else if (errno != ENOENT)
            r = sw_fail_os(err, errno, "stat %s/%s", folder, e->d_name);
    }
    if (r == 0 && errno != 0)
        r = sw_fail_os(err, errno, "list %s", folder);
    (void)closedir(dir);
    return r;
}

struct list_call {
    int (*fn)(void *ctx, const char *key, uint64_t size, int64_t modified_at_us);
    int (*upload_fn)(void *ctx, const struct blob_upload_info *u);
    void *ctx;
    enum digest_algorithm algorithm;
};

static int list_blob(struct fs *fs, const char *folder, const char *name, const struct stat *st,
                     void *ctx, struct sw_err *err)
{
    struct list_call *call = ctx;
    struct digest d;
    char key[BLOB_KEY_MAX];
    (void)fs, (void)folder, (void)err;
    int n = snprintf(key, sizeof key, "%s:%s", digest_algorithm_to_string(call->algorithm), name);
    if (!S_ISREG(st->st_mode) || n >= (int)sizeof key || !digest_parse(sw_str(key), &d))
        return 0;
    return call->fn(call->ctx, key, (uint64_t)st->st_size, modified_us(st));
}

static int list_folder(struct fs *fs, const char *folder, const char *name, const struct stat *st,
                       void *ctx, struct sw_err *err)
{
    char path[PATH_SIZE];
    if (!S_ISDIR(st->st_mode) || strlen(name) != 2)
        return 0;
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return each_entry(fs, path, list_blob, ctx, err);
}

static int fs_list(void *drv,
                   int (*fn)(void *ctx, const char *key, uint64_t size, int64_t modified_at_us),
                   void *ctx, struct sw_err *err)
{
    struct list_call call = {.fn = fn, .ctx = ctx};
    int r = 0;
    for (int a = 0; a < DIGEST_MAX_ && r == 0; a++) {
        char path[PATH_SIZE];
        call.algorithm = (enum digest_algorithm)a;
        snprintf(path, sizeof path, "blobs/%s", digest_algorithm_to_string(call.algorithm));
        r = each_entry(drv, path, list_folder, &call, err);
    }
    return r;
}

static int list_upload(struct fs *fs, const char *folder, const char *name, const struct stat *st,
                       void *ctx, struct sw_err *err)
{
    struct list_call *call = ctx;
    struct blob_upload_info info = {.size = (uint64_t)st->st_size,
                                    .modified_at_us = modified_us(st)};
    (void)fs, (void)folder, (void)err;
    if (!S_ISREG(st->st_mode) || !id_valid(name))
        return 0;
    snprintf(info.id, sizeof info.id, "%s", name);
    return call->upload_fn(call->ctx, &info);
}

static int fs_list_uploads(void *drv, int (*fn)(void *ctx, const struct blob_upload_info *u),
                           void *ctx, struct sw_err *err)
{
    struct list_call call = {.upload_fn = fn, .ctx = ctx};
    return each_entry(drv, "uploads", list_upload, &call, err);
}

/* --- opening ---------------------------------------------------------------------------------- */

static void fs_free(void *drv)
{
    struct fs *fs = drv;
    if (fs->dir_fd >= 0)
        (void)close(fs->dir_fd);
    free(fs->dir);
    free(fs);
}

static const struct blob_ops fs_ops = {.name = "fs",
                                       .stat = fs_stat,
                                       .open = fs_open,
                                       .upload_open = fs_upload_open,
                                       .upload_append = fs_upload_append,
                                       .upload_read = fs_upload_read,
                                       .upload_truncate = fs_upload_truncate,
                                       .upload_commit = fs_upload_commit,
                                       .upload_close = fs_upload_close,
                                       .upload_cancel = fs_upload_cancel,
                                       .remove = fs_remove,
                                       .quarantine = fs_quarantine,
                                       .list = fs_list,
                                       .list_uploads = fs_list_uploads,
                                       .free = fs_free};

static int make_folder(struct fs *fs, const char *name, bool *made, struct sw_err *err)
{
    if (fs->sys->mkdir(fs->ctx, fs->dir_fd, name, 0700) == 0)
        *made = true;
    else if (errno != EEXIST)
        return sw_fail_os(err, errno, "create %s/%s", fs->dir, name);
    return 0;
}

static int sync_parent(const char *dir, struct sw_err *err)
{
    sw_autofree char *parent = sw_asprintf("%s/..", dir);
    return sw_fsync_dir(parent, err);
}

/* Parents before children, and each parent synced, so that no folder can be lost under a blob.
 * uploads comes last, when that is done: where it is, the others need no sync again. */
static int make_folders(struct fs *fs, struct sw_err *err)
{
    static const char *const folders[] = {"blobs", "blobs/sha256", "blobs/sha512"};
    bool made = false;
    int r = 0;
    for (size_t i = 0; i < SW_ARRAY_LEN(folders) && r == 0; i++)
        r = make_folder(fs, folders[i], &made, err);
    if (r < 0 || (!made && faccessat(fs->dir_fd, "uploads", F_OK, 0) == 0))
        return r;
    if (fs->sys->fsync_dir(fs->ctx, fs->dir_fd, "blobs") < 0 ||
        fs->sys->fsync_dir(fs->ctx, fs->dir_fd, ".") < 0)
        return sw_fail_os(err, errno, "sync %s", fs->dir);
    r = sync_parent(fs->dir, err);
    return r < 0 ? r : make_folder(fs, "uploads", &made, err);
}

int blob_fs_open_sys(const char *dir, const struct blob_fs_sys *sys, void *ctx,
                     struct blob_store **ret, struct sw_err *err)
{
    int r = sw_mkdirs(dir, 0700, err);
    if (r < 0)
        return r;
    struct fs *fs = SW_NEW(struct fs);
    fs->dir = sw_strdup(dir);
    fs->dir_fd = -1;
    fs->sys = sys;
    fs->ctx = ctx;
    r = sw_open(dir, O_RDONLY | O_DIRECTORY, 0, &fs->dir_fd, err);
    if (r == 0)
        r = make_folders(fs, err);
    if (r < 0) {
        fs_free(fs);
        return r;
    }
    *ret = blob_store_new(&fs_ops, fs);
    return 0;
}

int blob_fs_open(const char *dir, struct blob_store **ret, struct sw_err *err)
{
    return blob_fs_open_sys(dir, &blob_fs_sys_default, NULL, ret, err);
}
