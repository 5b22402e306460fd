/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* storage/blob/blob_fs.h - the system calls of the filesystem driver that change the disk, as a
 * table. Tests put their own in front of them to cut the power between any two. Everybody else uses
 * blob_fs_open() of blob.h. Paths are relative to the folder `dir`. All return -1 with errno. */
#include <sys/types.h>

#include "storage/blob/blob.h"

struct blob_fs_sys {
    int (*openat)(void *ctx, int dir, const char *path, int flags, mode_t mode);
    ssize_t (*pwrite)(void *ctx, int fd, const void *data, size_t n, off_t offset);
    int (*ftruncate)(void *ctx, int fd, off_t size);
    int (*fdatasync)(void *ctx, int fd);
    int (*link)(void *ctx, int dir, const char *from, const char *to);
    int (*rename)(void *ctx, int dir, const char *from, const char *to);
    int (*unlink)(void *ctx, int dir, const char *path);
    int (*mkdir)(void *ctx, int dir, const char *path, mode_t mode);
    int (*fsync_dir)(void *ctx, int dir, const char *path);
};

extern const struct blob_fs_sys blob_fs_sys_default; /* its ctx is not looked at */

/* sys and ctx must live as long as the store. */
int blob_fs_open_sys(const char *dir, const struct blob_fs_sys *sys, void *ctx,
                     struct blob_store **ret, struct sw_err *err);
