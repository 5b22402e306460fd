/* SPDX-License-Identifier: Apache-2.0 */
/* Invariants of the atomic write: (1) the temporary file lies in the target's folder, so rename
 * stays within one file system; (2) its bytes are synced before the rename, the folder after it;
 * (3) on any failure before the rename the old file is untouched and the temporary one is gone. */
#include "base/io.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/err.h"
#include "base/macros.h"

#define CHUNK (64 * 1024)

int sw_openat(int dirfd, const char *path, int flags, mode_t mode, int *ret_fd, struct sw_err *err)
{
    int fd;

    do
        fd = openat(dirfd, path, flags | O_CLOEXEC, mode);
    while (fd < 0 && errno == EINTR);
    if (fd < 0)
        return sw_fail_os(err, errno, "open %s", path);
    *ret_fd = fd;
    return 0;
}

int sw_open(const char *path, int flags, mode_t mode, int *ret_fd, struct sw_err *err)
{
    return sw_openat(AT_FDCWD, path, flags, mode, ret_fd, err);
}

int sw_write_all(int fd, const void *data, size_t n, struct sw_err *err)
{
    const char *p = data;

    while (n > 0) {
        ssize_t done = write(fd, p, n);
        if (done < 0 && errno == EINTR)
            continue;
        if (done < 0)
            return sw_fail_os(err, errno, "write");
        p += done;
        n -= (size_t)done;
    }
    return 0;
}

int sw_pwrite_all(int fd, const void *data, size_t n, int64_t offset, struct sw_err *err)
{
    const char *p = data;

    while (n > 0) {
        ssize_t done = pwrite(fd, p, n, offset);
        if (done < 0 && errno == EINTR)
            continue;
        if (done < 0)
            return sw_fail_os(err, errno, "write");
        p += done;
        n -= (size_t)done;
        offset += done;
    }
    return 0;
}

int sw_read_fd(int fd, struct sw_buf *ret, struct sw_err *err)
{
    char chunk[CHUNK];

    for (;;) {
        ssize_t n = read(fd, chunk, sizeof(chunk));
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return sw_fail_os(err, errno, "read");
        if (n == 0)
            return sw_buf_check(ret, NULL, err);
        if (!sw_buf_add(ret, chunk, (size_t)n))
            return sw_buf_check(ret, NULL, err);
    }
}

int sw_read_file(const char *path, struct sw_buf *ret, struct sw_err *err)
{
    sw_autoclose int fd = -1;

    int rc = sw_open(path, O_RDONLY, 0, &fd, err);
    if (rc < 0)
        return rc;
    rc = sw_read_fd(fd, ret, err);
    return rc < 0 ? sw_prefix(err, "%s", path) : 0;
}

/* The folder that holds `path`, as an owned string. */
static char *parent_of(const char *path)
{
    const char *slash = strrchr(path, '/');

    if (!slash)
        return sw_strdup(".");
    return slash == path ? sw_strdup("/") : sw_strndup(path, (size_t)(slash - path));
}

int sw_fsync_dir(const char *path, struct sw_err *err)
{
    sw_autoclose int fd = -1;

    int rc = sw_open(path, O_RDONLY | O_DIRECTORY, 0, &fd, err);
    if (rc < 0)
        return rc;
    if (fsync(fd) < 0)
        return sw_fail_os(err, errno, "fsync %s", path);
    return 0;
}

static int fill(int fd, const char *path, const void *data, size_t n, mode_t mode, bool durable,
                struct sw_err *err)
{
    int rc = sw_write_all(fd, data, n, err);

    if (rc < 0)
        return sw_prefix(err, "%s", path);
    if (fchmod(fd, mode) < 0)
        return sw_fail_os(err, errno, "chmod %s", path);
    if (durable && fsync(fd) < 0)
        return sw_fail_os(err, errno, "fsync %s", path);
    return 0;
}

static int replace(const char *path, const void *data, size_t n, mode_t mode, bool durable,
                   struct sw_err *err)
{
    sw_autofree char *temporary = sw_asprintf("%s.tmp.XXXXXX", path);
    sw_autoclose int fd = mkostemp(temporary, O_CLOEXEC);

    if (fd < 0)
        return sw_fail_os(err, errno, "create %s", temporary);
    int rc = fill(fd, temporary, data, n, mode, durable, err);
    if (rc == 0 && rename(temporary, path) < 0)
        rc = sw_fail_os(err, errno, "rename %s to %s", temporary, path);
    if (rc < 0) {
        (void)unlink(temporary);
        return rc;
    }
    return 0;
}

int sw_replace_file(const char *path, const void *data, size_t n, mode_t mode, struct sw_err *err)
{
    return replace(path, data, n, mode, false, err);
}

int sw_write_file_atomic(const char *path, const void *data, size_t n, mode_t mode,
                         struct sw_err *err)
{
    sw_autofree char *folder = parent_of(path);

    int rc = replace(path, data, n, mode, true, err);
    return rc < 0 ? rc : sw_fsync_dir(folder, err);
}

static bool is_folder(const char *path)
{
    struct stat st;

    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

int sw_mkdirs(const char *path, mode_t mode, struct sw_err *err)
{
    sw_autofree char *copy = sw_strdup(path);

    if (!*copy)
        return sw_fail_os(err, ENOENT, "mkdir of an empty path");
    for (char *p = copy + 1;; p++) {
        if (*p != '/' && *p != 0)
            continue;
        char c = *p;
        *p = 0;
        if (mkdir(copy, mode) < 0) {
            int e = errno;
            if (!is_folder(copy))
                return sw_fail_os(err, e == EEXIST ? ENOTDIR : e, "mkdir %s", copy);
        }
        *p = c;
        if (c == 0)
            return 0;
    }
}

bool sw_path_exists(const char *path)
{
    struct stat st;

    return lstat(path, &st) == 0;
}

int sw_make_temp_dir(char *path_template, struct sw_err *err)
{
    if (!mkdtemp(path_template))
        return sw_fail_os(err, errno, "mkdtemp %s", path_template);
    return 0;
}

int sw_lock_file(const char *path, int *ret_fd, struct sw_err *err)
{
    sw_autoclose int fd = -1;
    int locked;

    int rc = sw_open(path, O_RDWR | O_CREAT | O_NOFOLLOW, 0600, &fd, err);
    if (rc < 0)
        return rc;
    do
        locked = flock(fd, LOCK_EX | LOCK_NB);
    while (locked < 0 && errno == EINTR);
    if (locked < 0 && errno == EWOULDBLOCK)
        return sw_fail(err, SW_ECONFLICT, NULL, "%s is locked by another process", path);
    if (locked < 0)
        return sw_fail_os(err, errno, "lock %s", path);
    *ret_fd = SW_TAKE_FD(fd);
    return 0;
}
