/* SPDX-License-Identifier: Apache-2.0 */
/* What Docker does when a new volume is mounted over files of the image.
 * Everything is named by descriptors: a link is copied as a link, never gone through. */
#include "launcher/runtime/copy_tree.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/io.h"
#include "base/macros.h"

#define REASON    "CannotCreateContainerError"
#define DEPTH_MAX 256
#define XATTR_MAX 65536
#define CHUNK     65536

static int failed(struct sw_err *err, const char *name)
{
    (void)sw_fail_os(err, errno, "copying %s into a volume", name);
    err->reason = REASON;
    return err->code;
}

/* n bytes from where both files stand. */
static int copy_span(int from, int to, int64_t n, const char *name, struct sw_err *err)
{
    sw_autofree char *chunk = NULL;
    while (n > 0) {
        ssize_t got = chunk ? -1 : copy_file_range(from, NULL, to, NULL, (size_t)n, 0);
        if (got < 0 && !chunk && errno != EXDEV && errno != EINVAL && errno != ENOSYS &&
            errno != EOPNOTSUPP)
            return failed(err, name);
        if (got < 0) { /* not between these file systems */
            chunk = chunk ? chunk : sw_malloc(CHUNK);
            got = read(from, chunk, (size_t)SW_MIN(n, (int64_t)CHUNK));
            if (got < 0)
                return failed(err, name);
            if (got > 0 && sw_write_all(to, chunk, (size_t)got, err) < 0)
                return err->code;
        }
        if (got == 0)
            return 0; /* it was cut meanwhile */
        n -= got;
    }
    return 0;
}

/* Holes stay holes: a file may say that it is larger than any disk. */
static int copy_bytes(int from, int to, int64_t size, const char *name, struct sw_err *err)
{
    for (int64_t at = 0; at < size;) {
        int64_t data = lseek(from, at, SEEK_DATA);
        if (data < 0 && errno == ENXIO)
            break;
        int64_t hole = data < 0 ? size : lseek(from, data, SEEK_HOLE);
        data = SW_MAX(data, at);
        hole = hole < 0 ? size : hole;
        if (lseek(from, data, SEEK_SET) < 0 || lseek(to, data, SEEK_SET) < 0)
            return failed(err, name);
        if (copy_span(from, to, hole - data, name, err) < 0)
            return err->code;
        at = hole;
    }
    return ftruncate(to, size) < 0 ? failed(err, name) : 0;
}

/* Those that a file system does not take are left out, as cp does. */
static void copy_attributes(int from, int to)
{
    sw_autofree char *names = sw_malloc(XATTR_MAX);
    sw_autofree char *value = sw_malloc(XATTR_MAX);
    ssize_t n = flistxattr(from, names, XATTR_MAX);
    for (ssize_t at = 0; at < n; at += (ssize_t)strlen(names + at) + 1) {
        ssize_t size = fgetxattr(from, names + at, value, XATTR_MAX);
        if (size >= 0 && strncmp(names + at, "trusted.overlay.", 16) != 0)
            (void)fsetxattr(to, names + at, value, (size_t)size, 0);
    }
}

/* Owner before mode: a change of owner takes set-user-id bits away; both before attributes, for capabilities. */
static int copy_meta(int from, int to, const struct stat *st, const char *name, struct sw_err *err)
{
    const struct timespec times[2] = {st->st_atim, st->st_mtim};
    if (fchown(to, st->st_uid, st->st_gid) < 0 || fchmod(to, st->st_mode & 07777) < 0)
        return failed(err, name);
    copy_attributes(from, to);
    return futimens(to, times) < 0 ? failed(err, name) : 0;
}

static int copy_link(int from_dir, int to_dir, const char *name, struct sw_err *err)
{
    char target[4096];
    ssize_t n = readlinkat(from_dir, name, target, sizeof target - 1);
    if (n < 0)
        return failed(err, name);
    target[n] = 0;
    return symlinkat(target, to_dir, name) < 0 ? failed(err, name) : 0;
}

static int copy_folder(int from, int to, const struct stat *st, int depth, struct sw_err *err);

static int copy_opened(int from_dir, int to_dir, const char *name, const struct stat *st, int depth,
                       struct sw_err *err)
{
    bool folder = S_ISDIR(st->st_mode);
    int kind = folder ? O_DIRECTORY : 0;
    sw_autoclose int from = openat(from_dir, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | kind);
    if (from < 0 || (folder && mkdirat(to_dir, name, 0700) < 0))
        return failed(err, name);
    sw_autoclose int to =
        folder ? openat(to_dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
               : openat(to_dir, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (to < 0)
        return failed(err, name);
    if (folder)
        return copy_folder(from, to, st, depth, err);
    return copy_bytes(from, to, st->st_size, name, err) < 0 ? err->code
                                                            : copy_meta(from, to, st, name, err);
}

static int copy_entry(int from_dir, int to_dir, const char *name, int depth, struct sw_err *err)
{
    struct stat st;
    if (fstatat(from_dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return failed(err, name);
    if (S_ISDIR(st.st_mode) || S_ISREG(st.st_mode))
        return copy_opened(from_dir, to_dir, name, &st, depth, err);
    if (S_ISLNK(st.st_mode)) {
        if (copy_link(from_dir, to_dir, name, err) < 0)
            return err->code;
    } else if (S_ISSOCK(st.st_mode)) {
        return 0; /* nobody listens there */
    } else if (mknodat(to_dir, name, st.st_mode, st.st_rdev) < 0) {
        return failed(err, name);
    }
    return fchownat(to_dir, name, st.st_uid, st.st_gid, AT_SYMLINK_NOFOLLOW) < 0 ? failed(err, name)
                                                                                 : 0;
}

static int copy_folder(int from, int to, const struct stat *st, int depth, struct sw_err *err)
{
    if (depth == DEPTH_MAX)
        return sw_fail(err, SW_ELIMIT, REASON, "a volume's files lie in more than %d folders",
                       DEPTH_MAX);
    int copy = fcntl(from, F_DUPFD_CLOEXEC, 0);
    DIR *d = copy < 0 ? NULL : fdopendir(copy);
    if (!d)
        return failed(err, "a folder");
    for (struct dirent *e; err->code == 0 && (e = readdir(d));)
        if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
            (void)copy_entry(from, to, e->d_name, depth + 1, err);
    closedir(d);
    return err->code ? err->code : copy_meta(from, to, st, "a folder", err);
}

int copy_tree(int from_fd, int to_fd, struct sw_err *err)
{
    struct stat st;
    if (fstat(from_fd, &st) < 0)
        return failed(err, "a folder");
    return copy_folder(from_fd, to_fd, &st, 0, err);
}
