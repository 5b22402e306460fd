/* SPDX-License-Identifier: Apache-2.0 */
/* The blob driver's side of tests/lib/power.h. */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "tests/lib/power.h"
#include "tests/lib/test.h"

static const struct blob_fs_sys *const real = &blob_fs_sys_default;

static size_t node_of(struct power_disk *d, ino_t ino)
{
    for (size_t i = d->nodes_n; i-- > 0;)
        if (d->nodes[i].ino == ino)
            return i;
    return power_node_new(d, ino, false);
}

static size_t node_of_fd(struct power_disk *d, int fd)
{
    struct stat st;
    CHECK(fstat(fd, &st) == 0);
    return node_of(d, st.st_ino);
}

/* Locked, and counted. False: dead, and unlocked again. */
static bool enter(struct power_disk *d)
{
    pthread_mutex_lock(&d->lock);
    if (power_tick(d))
        return true;
    pthread_mutex_unlock(&d->lock);
    errno = EIO;
    return false;
}

static int leave(struct power_disk *d, int result)
{
    int kept = errno;
    pthread_mutex_unlock(&d->lock);
    errno = kept;
    return result;
}

static void blob_name(const struct power_disk *d, const char *path, char ret[POWER_PATH_MAX])
{
    size_t folder_n = strlen(d->blobs), n = strlen(path);
    assert(folder_n + n < POWER_PATH_MAX);
    memcpy(ret, d->blobs, folder_n);
    memcpy(ret + folder_n, path, n + 1);
}

static ino_t ino_at(int dir, const char *path)
{
    struct stat st;
    CHECK(fstatat(dir, path, &st, AT_SYMLINK_NOFOLLOW) == 0);
    return st.st_ino;
}

static int b_openat(void *ctx, int dir, const char *path, int flags, mode_t mode)
{
    struct power_disk *d = ctx;
    char name[POWER_PATH_MAX];
    if (!enter(d))
        return -1;
    int fd = real->openat(NULL, dir, path, flags, mode);
    blob_name(d, path, name);
    if (fd >= 0 && (flags & O_CREAT) && !power_name_find(d, name))
        power_name_set(d, name, power_node_new(d, ino_at(dir, path), false));
    return leave(d, fd);
}

static ssize_t b_pwrite(void *ctx, int fd, const void *data, size_t n, off_t offset)
{
    struct power_disk *d = ctx;
    if (!enter(d))
        return -1;
    ssize_t done = real->pwrite(NULL, fd, data, n, offset);
    if (done > 0)
        power_write(d, node_of_fd(d, fd), data, (size_t)done, (size_t)offset);
    leave(d, 0);
    return done;
}

static int b_ftruncate(void *ctx, int fd, off_t size)
{
    struct power_disk *d = ctx;
    if (!enter(d))
        return -1;
    int r = real->ftruncate(NULL, fd, size);
    if (r == 0)
        power_truncate(d, node_of_fd(d, fd), (size_t)size);
    return leave(d, r);
}

static int b_fdatasync(void *ctx, int fd)
{
    struct power_disk *d = ctx;
    if (!enter(d))
        return -1;
    power_sync(d, node_of_fd(d, fd));
    return leave(d, 0);
}

static int b_link(void *ctx, int dir, const char *from, const char *to)
{
    struct power_disk *d = ctx;
    char name[POWER_PATH_MAX];
    if (!enter(d))
        return -1;
    int r = real->link(NULL, dir, from, to);
    blob_name(d, to, name);
    if (r == 0)
        power_name_set(d, name, node_of(d, ino_at(dir, to)));
    return leave(d, r);
}

static int b_rename(void *ctx, int dir, const char *from, const char *to)
{
    struct power_disk *d = ctx;
    char name[POWER_PATH_MAX];
    if (!enter(d))
        return -1;
    int r = real->rename(NULL, dir, from, to);
    if (r == 0) {
        blob_name(d, from, name);
        power_name_drop(d, name);
        blob_name(d, to, name);
        power_name_drop(d, name);
        power_name_set(d, name, node_of(d, ino_at(dir, to)));
    }
    return leave(d, r);
}

static int b_unlink(void *ctx, int dir, const char *path)
{
    struct power_disk *d = ctx;
    char name[POWER_PATH_MAX];
    if (!enter(d))
        return -1;
    int r = real->unlink(NULL, dir, path);
    blob_name(d, path, name);
    if (r == 0)
        power_name_drop(d, name);
    return leave(d, r);
}

static int b_mkdir(void *ctx, int dir, const char *path, mode_t mode)
{
    struct power_disk *d = ctx;
    char name[POWER_PATH_MAX];
    if (!enter(d))
        return -1;
    int r = real->mkdir(NULL, dir, path, mode);
    blob_name(d, path, name);
    if (r == 0)
        power_name_set(d, name, power_node_new(d, ino_at(dir, path), true));
    return leave(d, r);
}

static int b_fsync_dir(void *ctx, int dir, const char *path)
{
    struct power_disk *d = ctx;
    char name[POWER_PATH_MAX];
    (void)dir;
    if (!enter(d))
        return -1;
    blob_name(d, strcmp(path, ".") == 0 ? "" : path, name);
    if (*name && name[strlen(name) - 1] == '/')
        name[strlen(name) - 1] = 0;
    power_sync_folder(d, name);
    return leave(d, 0);
}

const struct blob_fs_sys power_blob_sys = {.openat = b_openat,
                                           .pwrite = b_pwrite,
                                           .ftruncate = b_ftruncate,
                                           .fdatasync = b_fdatasync,
                                           .link = b_link,
                                           .rename = b_rename,
                                           .unlink = b_unlink,
                                           .mkdir = b_mkdir,
                                           .fsync_dir = b_fsync_dir};
