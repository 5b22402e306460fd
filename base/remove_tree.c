/* SPDX-License-Identifier: Apache-2.0 */
/* sw_remove_tree() of base/io.h, made for trees that an adversary filled (unpacked layers):
 * 1. Every name is resolved relative to an open folder with RESOLVE_NO_XDEV | RESOLVE_NO_SYMLINKS
 * (openat2), so neither a link swapped in nor a mount, bind mounts of the same file system
 * included, is ever entered. Kernels or filters without openat2 get O_NOFOLLOW and a comparison of
 * st_dev.
 * 2. Depth is unbounded for the tree but bounded for us: what lies deeper than DEPTH_MAX is moved
 * to the top folder first and removed in a later round, so that descriptors and stack stay few.
 * 3. Folders without permission for their owner get it (0700) before they are emptied. */
#include "base/io.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/err.h"
#include "base/id.h"
#include "base/macros.h"

#define DEPTH_MAX 32

struct removal {
    int top_fd;       /* the outermost folder */
    bool again;       /* something was moved up into it */
    const char *path; /* for messages */
};

static int open_folder_compat(int dirfd, const char *name, int flags)
{
    struct stat outer, inner;

    int fd = openat(dirfd, name, flags | O_NOFOLLOW);
    if (fd < 0)
        return -1;
    if (fstat(dirfd, &outer) < 0 || fstat(fd, &inner) < 0 || outer.st_dev != inner.st_dev) {
        (void)close(fd);
        errno = EXDEV;
        return -1;
    }
    return fd;
}

static int open_folder(int dirfd, const char *name, int flags)
{
    flags |= O_DIRECTORY | O_CLOEXEC;
    struct open_how how = {.flags = (unsigned)flags,
                           .resolve = RESOLVE_NO_XDEV | RESOLVE_NO_SYMLINKS};

    int fd = (int)syscall(SYS_openat2, dirfd, name, &how, sizeof(how));
    if (fd < 0 && (errno == ENOSYS || errno == EPERM))
        return open_folder_compat(dirfd, name, flags);
    return fd;
}

/* Opens for reading; a folder that its owner may not read is made 0700 first, through a descriptor
 * of itself. */
static int open_for_removal(int dirfd, const char *name)
{
    char self[40];

    int fd = open_folder(dirfd, name, O_RDONLY);
    if (fd >= 0 || errno != EACCES)
        return fd;
    sw_autoclose int handle = open_folder(dirfd, name, O_PATH);
    if (handle < 0)
        return -1;
    (void)snprintf(self, sizeof(self), "/proc/self/fd/%d", handle);
    if (chmod(self, 0700) < 0)
        return -1;
    return open_folder(dirfd, name, O_RDONLY);
}

static void closedirp(DIR **d)
{
    if (*d)
        (void)closedir(*d);
}

static int remove_entry(struct removal *r, int dirfd, const char *name, int depth,
                        struct sw_err *err);

/* Empties the folder; takes fd. */
static int remove_children(struct removal *r, int fd, int depth, struct sw_err *err)
{
    struct stat st;

    if (fstat(fd, &st) == 0 && (st.st_mode & 0700) != 0700)
        (void)fchmod(fd, 0700); /* a failure shows when the first child is removed */
    SW_CLEANUP(closedirp) DIR *dir = fdopendir(fd);
    if (!dir) {
        int e = errno;
        (void)close(fd);
        return sw_fail_os(err, e, "remove %s", r->path);
    }
    for (;;) {
        errno = 0;
        const struct dirent *entry = readdir(dir);
        if (!entry && errno)
            return sw_fail_os(err, errno, "remove %s: read folder", r->path);
        if (!entry)
            return 0;
        if (sw_streq(entry->d_name, ".") || sw_streq(entry->d_name, ".."))
            continue;
        int rc = remove_entry(r, dirfd(dir), entry->d_name, depth, err);
        if (rc < 0)
            return rc;
    }
}

/* Invariant 2: hands a deep folder to the next round. */
static int move_up(struct removal *r, int dirfd, const char *name, struct sw_err *err)
{
    char fresh[32] = ".removed-";

    sw_random_hex(fresh + strlen(fresh), 16);
    if (renameat(dirfd, name, r->top_fd, fresh) < 0) {
        /* Moving a folder rewrites its "..", which takes permission to write to it. */
        sw_autoclose int fd = errno == EACCES ? open_for_removal(dirfd, name) : -1;
        if (fd < 0 || fchmod(fd, 0700) < 0 || renameat(dirfd, name, r->top_fd, fresh) < 0)
            return sw_fail_os(err, errno, "remove %s: move %s up", r->path, name);
    }
    r->again = true;
    return 0;
}

static int remove_folder(struct removal *r, int dirfd, const char *name, int depth,
                         struct sw_err *err)
{
    if (depth > DEPTH_MAX)
        return move_up(r, dirfd, name, err);
    int fd = open_for_removal(dirfd, name);
    if (fd < 0 && errno == ENOENT)
        return 0;
    if (fd < 0 && errno == EXDEV)
        return sw_fail(err, SW_ECONFLICT, NULL, "remove %s: %s is a mount point", r->path, name);
    if (fd < 0)
        return sw_fail_os(err, errno, "remove %s: open %s", r->path, name);
    int keep = -1;
    if (depth == 0) {
        keep = fcntl(fd, F_DUPFD_CLOEXEC, 0);
        if (keep < 0) {
            int e = errno;
            (void)close(fd);
            return sw_fail_os(err, e, "remove %s", r->path);
        }
        r->top_fd = keep;
    }
    sw_autoclose int guard = keep;
    int rc = remove_children(r, fd, depth + 1, err);
    while (rc == 0 && depth == 0 && r->again) {
        r->again = false;
        fd = open_folder(guard, ".", O_RDONLY);
        rc = fd < 0 ? sw_fail_os(err, errno, "remove %s", r->path)
                    : remove_children(r, fd, depth + 1, err);
    }
    if (rc < 0)
        return rc;
    if (unlinkat(dirfd, name, AT_REMOVEDIR) < 0 && errno != ENOENT)
        return sw_fail_os(err, errno, "remove %s: rmdir %s", r->path, name);
    return 0;
}

static int remove_entry(struct removal *r, int dirfd, const char *name, int depth,
                        struct sw_err *err)
{
    /* Unlinking comes first: it needs no look at the type that could be out of date. */
    if (unlinkat(dirfd, name, 0) == 0 || errno == ENOENT)
        return 0;
    int e = errno;
    struct stat st;
    if (fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return errno == ENOENT ? 0 : sw_fail_os(err, errno, "remove %s: stat %s", r->path, name);
    if (!S_ISDIR(st.st_mode)) {
        if (e == EBUSY)
            return sw_fail(err, SW_ECONFLICT, NULL, "remove %s: %s is a mount point", r->path,
                           name);
        return sw_fail_os(err, e, "remove %s: unlink %s", r->path, name);
    }
    return remove_folder(r, dirfd, name, depth, err);
}

int sw_remove_tree(const char *path, struct sw_err *err)
{
    struct removal r = {.top_fd = -1, .path = path};
    sw_autofree char *copy = sw_strdup(path);
    sw_autoclose int parent = -1;
    size_t n = strlen(copy);

    while (n > 1 && copy[n - 1] == '/')
        copy[--n] = 0;
    char *slash = strrchr(copy, '/');
    const char *name = slash ? slash + 1 : copy;
    if (!*name || sw_streq(name, ".") || sw_streq(name, ".."))
        return sw_fail(err, SW_EINVALID, NULL, "remove %s: the last part must be a name", path);
    const char *folder = !slash ? "." : slash == copy ? "/" : copy;
    if (slash)
        *slash = 0;
    parent = open(*folder ? folder : "/", O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (parent < 0)
        return errno == ENOENT ? 0 : sw_fail_os(err, errno, "remove %s: open folder", path);
    return remove_entry(&r, parent, name, 0, err);
}
