/* SPDX-License-Identifier: Apache-2.0 */
/* launcher/agent/layer_unpack.c - OCI image-spec layer.md: "Applying Changesets", "Whiteouts"; overlayfs.rst: "whiteouts and opaque
 * directories".
 *
 * Invariants:
 * 1. A path of the archive is used only through openat2(RESOLVE_BENEATH), which follows links that stay inside and refuses
 *    others, and only for the folder that holds the entry; the entry's own name is one component, never followed.
 * 2. The cached parent descriptor is dropped whenever an entry replaces something, since that may have been an ancestor.
 * 3. Folder times are set last, since making entries changes them. */
#include "launcher/agent/layer_unpack.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <locale.h>
#include <pthread.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/io.h"
#include "base/lazy.h"
#include "base/limits.h"
#include "base/macros.h"
#include "launcher/agent/layer_stream.h"

#define REASON           "CannotPullContainerError"
#define PATH_LIMIT       4096
#define READ_CHUNK       (256 * 1024)
#define XATTR_VALUE_MAX  (64 * 1024)
#define FOLDER_TIMES_MAX (512 * 1024 * 1024)

const struct layer_limits layer_limits_default = {.unpacked_bytes = LIMIT_LAYER_UNPACKED,
                                                  .entries = LIMIT_LAYER_ENTRIES,
                                                  .ratio = LIMIT_LAYER_RATIO,
                                                  .ratio_free = 16 * 1024 * 1024};

struct unpack {
    int root;
    const struct layer_limits *limits;
    struct layer_stream *stream;
    struct archive *archive;
    struct layer_result *result;
    struct sw_err *err;
    int parent_fd; /* of `parent`; -1: none */
    char parent[PATH_LIMIT];
    struct sw_buf folder_times; /* struct timespec, then the path and NUL */
    unsigned char chunk[READ_CHUNK];
};

/* One entry's place: the folder that holds it and its name there. */
struct place {
    const char *path; /* for messages */
    int parent;
    char name[NAME_MAX + 1];
};

void layer_result_done(struct layer_result *r)
{
    sw_buf_done(&r->implicit);
}

static int open_beneath(int root, const char *path, int flags)
{
    struct open_how how = {.flags = (uint64_t)(flags | O_CLOEXEC),
                           .resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS};
    for (int i = 0;; i++) {
        long fd = syscall(SYS_openat2, root, path, &how, sizeof how);
        if (fd >= 0 || errno != EAGAIN || i == 100)
            return (int)fd;
    }
}

static void forget_parent(struct unpack *u)
{
    if (u->parent_fd >= 0)
        close(u->parent_fd);
    u->parent_fd = -1;
}

/* "./a//b/" -> "a/b"; "" for the root itself. Absolute names and ".." are refused. */
static int clean_path(const char *raw, char out[PATH_LIMIT], struct sw_err *err)
{
    struct sw_str rest = sw_str(raw), part;
    size_t n = 0;
    if (!raw || !raw[0])
        return sw_fail(err, SW_EINVALID, REASON, "the layer has an entry without a name");
    if (raw[0] == '/' && strspn(raw, "/.") != strlen(raw))
        return sw_fail(err, SW_EINVALID, REASON, "layer entry '%.200s' has an absolute name", raw);
    while (sw_str_split(&rest, '/', &part)) {
        if (part.n == 0 || sw_str_eq_z(part, "."))
            continue;
        if (sw_str_eq_z(part, ".."))
            return sw_fail(err, SW_EINVALID, REASON, "layer entry '%.200s' leads out of the layer",
                           raw);
        if (part.n > NAME_MAX || n + part.n + 2 > PATH_LIMIT)
            return sw_fail(err, SW_EINVALID, REASON,
                           "layer entry '%.200s' has a name that is too long", raw);
        if (n)
            out[n++] = '/';
        memcpy(out + n, part.p, part.n);
        n += part.n;
    }
    out[n] = 0;
    return 0;
}

static int open_failed(const char *path, int e, struct sw_err *err)
{
    if (e == EXDEV)
        return sw_fail(err, SW_EINVALID, REASON,
                       "layer entry '%.200s' leads out of the layer through a link", path);
    if (e == ENOTDIR || e == ELOOP)
        return sw_fail(err, SW_EINVALID, REASON,
                       "layer entry '%.200s' lies below something that is no folder", path);
    return sw_fail_os(err, e, "layer entry '%.200s'", path);
}

static int make_implicit(struct unpack *u, const char *dir)
{
    char upto[PATH_LIMIT];
    for (size_t i = 1;; i++) {
        if (dir[i] && dir[i] != '/')
            continue;
        memcpy(upto, dir, i);
        upto[i] = 0;
        sw_autoclose int there = open_beneath(u->root, upto, O_PATH | O_DIRECTORY);
        if (there < 0) {
            if (errno != ENOENT)
                return open_failed(dir, errno, u->err);
            char *slash = strrchr(upto, '/');
            if (slash)
                *slash = 0;
            sw_autoclose int parent =
                open_beneath(u->root, slash ? upto : ".", O_PATH | O_DIRECTORY);
            if (parent < 0 || mkdirat(parent, slash ? slash + 1 : upto, 0755) < 0)
                return open_failed(dir,
                                   parent < 0        ? errno
                                   : errno == EEXIST ? EXDEV
                                                     : errno,
                                   u->err);
            memcpy(upto, dir, i);
            sw_buf_add(&u->result->implicit, upto, i + 1);
            if (sw_buf_check(&u->result->implicit, REASON, u->err) < 0)
                return u->err->code;
        }
        if (!dir[i])
            return 0;
    }
}

/* The folder that holds `path`, made if it is missing; stays owned by u. */
static int open_parent(struct unpack *u, const char *path, struct place *ret)
{
    const char *slash = strrchr(path, '/');
    size_t n = slash ? (size_t)(slash - path) : 0;
    const char *name = slash ? slash + 1 : path;
    char dir[PATH_LIMIT];
    memcpy(dir, path, n);
    dir[n] = 0;
    if (u->parent_fd < 0 || strcmp(dir, u->parent) != 0) {
        forget_parent(u);
        int fd = open_beneath(u->root, n ? dir : ".", O_PATH | O_DIRECTORY);
        if (fd < 0 && errno == ENOENT) {
            if (make_implicit(u, dir) < 0)
                return u->err->code;
            fd = open_beneath(u->root, dir, O_PATH | O_DIRECTORY);
        }
        if (fd < 0)
            return open_failed(path, errno, u->err);
        u->parent_fd = fd;
        memcpy(u->parent, dir, n + 1);
    }
    ret->path = path;
    ret->parent = u->parent_fd;
    if ((size_t)snprintf(ret->name, sizeof ret->name, "%s", name) >= sizeof ret->name)
        return sw_fail_os(u->err, ENAMETOOLONG, "layer entry '%.200s'", path);
    return 0;
}

static int os_failed(struct unpack *u, const struct place *p, const char *what)
{
    return sw_fail_os(u->err, errno, "%s layer entry '%.200s'", what, p->path);
}

static bool is_whiteout(const struct stat *st)
{
    return S_ISCHR(st->st_mode) && st->st_rdev == makedev(0, 0);
}

static int set_opaque(struct unpack *u, const struct place *p)
{
    char via[64 + NAME_MAX];
    snprintf(via, sizeof via, "/proc/self/fd/%d/%s", p->parent, p->name);
    if (lsetxattr(via, "trusted.overlay.opaque", "y", 1, 0) < 0)
        return os_failed(u, p, "marking");
    return 0;
}

/* Clears the way for an entry of another kind. *ret_was_whiteout tells that the layer had hidden this name before. */
static int remove_existing(struct unpack *u, const struct place *p, bool *ret_was_whiteout)
{
    struct stat st;
    *ret_was_whiteout = false;
    if (fstatat(p->parent, p->name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return errno == ENOENT ? 0 : os_failed(u, p, "looking for");
    *ret_was_whiteout = is_whiteout(&st);
    u->parent[0] = '/'; /* no clean path: the next entry resolves anew */
    u->parent[1] = 0;
    if (!S_ISDIR(st.st_mode))
        return unlinkat(p->parent, p->name, 0) < 0 ? os_failed(u, p, "replacing") : 0;
    char via[64 + NAME_MAX];
    snprintf(via, sizeof via, "/proc/self/fd/%d/%s", p->parent, p->name);
    return sw_remove_tree(via, u->err);
}

static void times_of(struct archive_entry *e, struct timespec ret[2])
{
    ret[1] = (struct timespec){archive_entry_mtime_is_set(e) ? archive_entry_mtime(e) : 0,
                               archive_entry_mtime_nsec(e)};
    if (ret[1].tv_nsec < 0 || ret[1].tv_nsec > 999999999)
        ret[1].tv_nsec = 0;
    ret[0] = ret[1];
}

static int owner_of(struct unpack *u, struct archive_entry *e, const char *path, uid_t *ret_uid,
                    gid_t *ret_gid)
{
    int64_t uid = archive_entry_uid(e), gid = archive_entry_gid(e);
    if (uid < 0 || uid > INT32_MAX || gid < 0 || gid > INT32_MAX)
        return sw_fail(u->err, SW_EINVALID, REASON,
                       "layer entry '%.200s' has an owner that is out of range", path);
    *ret_uid = (uid_t)uid;
    *ret_gid = (gid_t)gid;
    return 0;
}

static bool xattr_wanted(const char *name)
{
    return strcmp(name, "security.capability") == 0 || strncmp(name, "user.", 5) == 0;
}

static int set_xattrs(struct unpack *u, struct archive_entry *e, const struct place *p)
{
    char via[64 + NAME_MAX];
    const char *name;
    const void *value;
    size_t n;
    snprintf(via, sizeof via, "/proc/self/fd/%d/%s", p->parent, p->name);
    archive_entry_xattr_reset(e);
    while (archive_entry_xattr_next(e, &name, &value, &n) == ARCHIVE_OK) {
        if (!name || !xattr_wanted(name))
            continue;
        if (n > XATTR_VALUE_MAX)
            return sw_fail(u->err, SW_ELIMIT, REASON,
                           "layer entry '%.200s' has an attribute that is too large", p->path);
        if (lsetxattr(via, name, value, n, 0) < 0 && errno != ENOTSUP && errno != EPERM)
            return os_failed(u, p, "attribute of");
    }
    return 0;
}

/* Owner before mode: chown clears the set-user-id bits; attributes after both: chown clears file capabilities. */
static int set_metadata(struct unpack *u, struct archive_entry *e, const struct place *p)
{
    uid_t uid;
    gid_t gid;
    struct timespec times[2];
    mode_t mode = archive_entry_perm(e) & 07777;
    if (owner_of(u, e, p->path, &uid, &gid) < 0)
        return u->err->code;
    times_of(e, times);
    if (fchownat(p->parent, p->name, uid, gid, AT_SYMLINK_NOFOLLOW) < 0)
        return os_failed(u, p, "owner of");
    /* The entry was made by us just now and only we can write here, so this name is no link. */
    if (archive_entry_filetype(e) != AE_IFLNK && fchmodat(p->parent, p->name, mode, 0) < 0)
        return os_failed(u, p, "mode of");
    if (set_xattrs(u, e, p) < 0)
        return u->err->code;
    if (utimensat(p->parent, p->name, times, AT_SYMLINK_NOFOLLOW) < 0)
        return os_failed(u, p, "time of");
    return 0;
}

static int archive_failed(struct unpack *u)
{
    /* A failure of the stream under the archive was described already. */
    if (u->err->code)
        return u->err->code;
    return sw_fail(u->err, SW_EINVALID, REASON, "the layer is no valid archive: %s",
                   archive_error_string(u->archive));
}

static int write_content(struct unpack *u, struct archive_entry *e, int fd, const struct place *p)
{
    int64_t size = archive_entry_size(e), written = 0;
    const void *data;
    size_t n;
    la_int64_t offset;
    for (;;) {
        int r = archive_read_data_block(u->archive, &data, &n, &offset);
        if (r == ARCHIVE_EOF)
            break;
        if (r < ARCHIVE_WARN)
            return archive_failed(u);
        if (offset < 0 || offset > size || (int64_t)n > size - offset)
            return sw_fail(u->err, SW_EINVALID, REASON,
                           "layer entry '%.200s' is longer than it says", p->path);
        if (n && sw_pwrite_all(fd, data, n, offset, u->err) < 0)
            return sw_prefix(u->err, "layer entry '%.200s'", p->path);
        written = offset + (int64_t)n;
    }
    if (written < size && ftruncate(fd, size) < 0)
        return os_failed(u, p, "size of");
    return 0;
}

static int make_file(struct unpack *u, struct archive_entry *e, const struct place *p)
{
    int64_t size = archive_entry_size(e);
    if (size < 0 || size > u->limits->unpacked_bytes - u->result->unpacked_bytes)
        return sw_fail(u->err, SW_ELIMIT, REASON, "the layer unpacks to more than %lld bytes",
                       (long long)u->limits->unpacked_bytes);
    u->result->unpacked_bytes += size;
    sw_autoclose int fd =
        openat(p->parent, p->name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return os_failed(u, p, "creating");
    return write_content(u, e, fd, p);
}

static int make_hard_link(struct unpack *u, const char *target, const struct place *p)
{
    char path[PATH_LIMIT];
    if (clean_path(target, path, u->err) < 0)
        return sw_prefix(u->err, "hard link '%.200s'", p->path);
    char *slash = strrchr(path, '/');
    const char *name = slash ? slash + 1 : path;
    if (slash)
        *slash = 0;
    sw_autoclose int dir = open_beneath(u->root, slash ? path : ".", O_PATH | O_DIRECTORY);
    if (dir < 0 && errno != ENOENT)
        return open_failed(p->path, errno, u->err);
    struct stat st;
    if (dir < 0 || fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0 || S_ISDIR(st.st_mode) ||
        is_whiteout(&st))
        return sw_fail(u->err, SW_EINVALID, REASON, "hard link '%.200s' names no file of the layer",
                       p->path);
    if (linkat(dir, name, p->parent, p->name, 0) < 0)
        return os_failed(u, p, "linking");
    return 0;
}

static int make_device(struct unpack *u, struct archive_entry *e, const struct place *p)
{
    dev_t dev = makedev((unsigned)archive_entry_rdevmajor(e), (unsigned)archive_entry_rdevminor(e));
    mode_t type = archive_entry_filetype(e) == AE_IFBLK ? S_IFBLK : S_IFCHR;
    if (type == S_IFCHR && dev == makedev(0, 0))
        return sw_fail(u->err, SW_EINVALID, REASON,
                       "layer entry '%.200s' is a whiteout in disguise", p->path);
    return mknodat(p->parent, p->name, type | 0600, dev) < 0 ? os_failed(u, p, "creating") : 0;
}

static int remember_folder(struct unpack *u, struct archive_entry *e, const char *path)
{
    struct timespec times[2];
    times_of(e, times);
    sw_buf_add(&u->folder_times, &times[1], sizeof times[1]);
    sw_buf_add(&u->folder_times, path, strlen(path) + 1);
    return sw_buf_check(&u->folder_times, REASON, u->err);
}

static int make_folder(struct unpack *u, struct archive_entry *e, const struct place *p)
{
    struct stat st;
    bool hidden = false;
    if (fstatat(p->parent, p->name, &st, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISDIR(st.st_mode)) {
        if (remove_existing(u, p, &hidden) < 0)
            return u->err->code;
        if (mkdirat(p->parent, p->name, 0700) < 0)
            return os_failed(u, p, "creating");
        if (hidden && set_opaque(u, p) < 0)
            return u->err->code;
    }
    if (set_metadata(u, e, p) < 0)
        return u->err->code;
    return remember_folder(u, e, p->path);
}

/* ".wh.NAME" hides NAME of the layers below; what this layer itself has of that name stays, whichever came first. */
static int make_whiteout(struct unpack *u, const struct place *p)
{
    struct place hidden = *p;
    const char *name = p->name + 4;
    if (strcmp(p->name, ".wh..wh..opq") == 0) {
        char via[64];
        snprintf(via, sizeof via, "/proc/self/fd/%d", p->parent);
        return setxattr(via, "trusted.overlay.opaque", "y", 1, 0) < 0 ? os_failed(u, p, "marking")
                                                                      : 0;
    }
    if (strncmp(name, ".wh.", 4) == 0)
        return 0; /* another file system's own notes */
    if (!name[0] || strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
        return sw_fail(u->err, SW_EINVALID, REASON, "layer entry '%.200s' hides no valid name",
                       p->path);
    snprintf(hidden.name, sizeof hidden.name, "%s", name);
    if (mknodat(hidden.parent, hidden.name, S_IFCHR, makedev(0, 0)) == 0)
        return 0;
    struct stat st;
    if (errno != EEXIST || fstatat(hidden.parent, hidden.name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return os_failed(u, p, "creating");
    return S_ISDIR(st.st_mode) ? set_opaque(u, &hidden) : 0;
}

static int make_other(struct unpack *u, struct archive_entry *e, const struct place *p)
{
    bool hidden;
    if (remove_existing(u, p, &hidden) < 0)
        return u->err->code;
    if (archive_entry_hardlink(e))
        return make_hard_link(u, archive_entry_hardlink(e), p);
    int r = 0;
    switch (archive_entry_filetype(e)) {
    case AE_IFREG: r = make_file(u, e, p); break;
    case AE_IFLNK:
        if (!archive_entry_symlink(e) ||
            symlinkat(archive_entry_symlink(e), p->parent, p->name) < 0)
            r = sw_fail(u->err, SW_EINVALID, REASON, "layer entry '%.200s' is no valid link",
                        p->path);
        break;
    case AE_IFCHR:
    case AE_IFBLK: r = make_device(u, e, p); break;
    case AE_IFIFO:
        r = mkfifoat(p->parent, p->name, 0600) < 0 ? os_failed(u, p, "creating") : 0;
        break;
    case AE_IFSOCK: return 0; /* a socket without its process means nothing */
    default:
        return sw_fail(u->err, SW_EINVALID, REASON, "layer entry '%.200s' is of no known kind",
                       p->path);
    }
    return r < 0 ? r : set_metadata(u, e, p);
}

static int set_root(struct unpack *u, struct archive_entry *e)
{
    uid_t uid;
    gid_t gid;
    if (archive_entry_hardlink(e) || archive_entry_filetype(e) != AE_IFDIR)
        return sw_fail(u->err, SW_EINVALID, REASON, "the layer's root entry is no folder");
    if (owner_of(u, e, "/", &uid, &gid) < 0)
        return u->err->code;
    if (fchown(u->root, uid, gid) < 0 || fchmod(u->root, archive_entry_perm(e) & 07777) < 0)
        return sw_fail_os(u->err, errno, "the layer's root folder");
    return remember_folder(u, e, "");
}

static int one_entry(struct unpack *u, struct archive_entry *e)
{
    char path[PATH_LIMIT];
    struct place p;
    const char *raw = archive_entry_pathname(e);
    if (++u->result->entries > u->limits->entries)
        return sw_fail(u->err, SW_ELIMIT, REASON, "the layer has more than %lld entries",
                       (long long)u->limits->entries);
    if (clean_path(raw, path, u->err) < 0)
        return u->err->code;
    if (!path[0])
        return set_root(u, e);
    if (open_parent(u, path, &p) < 0)
        return u->err->code;
    if (strncmp(p.name, ".wh.", 4) == 0)
        return make_whiteout(u, &p);
    if (!archive_entry_hardlink(e) && archive_entry_filetype(e) == AE_IFDIR)
        return make_folder(u, e, &p);
    return make_other(u, e, &p);
}

static int set_folder_times(struct unpack *u)
{
    struct sw_str s = sw_buf_str(&u->folder_times);
    forget_parent(u);
    while (s.n > sizeof(struct timespec)) {
        struct timespec times[2];
        memcpy(&times[1], s.p, sizeof times[1]);
        times[0] = times[1];
        const char *path = s.p + sizeof times[1];
        /* One that a later entry replaced is no folder of ours any more. */
        sw_autoclose int fd =
            open_beneath(u->root, path[0] ? path : ".", O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
        if (fd >= 0)
            (void)futimens(fd, times);
        s = sw_str_slice(s, sizeof times[1] + strlen(path) + 1, s.n);
    }
    return 0;
}

static la_ssize_t archive_source(struct archive *a, void *ctx, const void **ret)
{
    struct unpack *u = ctx;
    /* libarchive may ask again after a failure. */
    if (u->err->code)
        return -1;
    int64_t n = layer_stream_read(u->stream, u->chunk, sizeof u->chunk, u->err);
    *ret = u->chunk;
    if (n < 0)
        archive_set_error(a, EIO, "%s", u->err->msg);
    return (la_ssize_t)n;
}

static int unpack_all(struct unpack *u)
{
    archive_read_support_filter_none(u->archive);
    archive_read_support_format_tar(u->archive);
    archive_read_support_format_empty(u->archive);
    if (archive_read_open(u->archive, u, NULL, archive_source, NULL) != ARCHIVE_OK)
        return archive_failed(u);
    struct archive_entry *e;
    for (;;) {
        int r = archive_read_next_header(u->archive, &e);
        /* A source that failed at the start looks like an empty archive to libarchive. */
        if (u->err->code)
            return u->err->code;
        if (r == ARCHIVE_EOF)
            break;
        if (r < ARCHIVE_WARN)
            return archive_failed(u);
        if (one_entry(u, e) < 0)
            return u->err->code;
    }
    /* What follows the end mark belongs to the digest. */
    for (int64_t n = 1; n > 0;) {
        n = layer_stream_read(u->stream, u->chunk, sizeof u->chunk, u->err);
        if (n < 0)
            return (int)n;
    }
    layer_stream_diff_id(u->stream, &u->result->diff_id);
    return set_folder_times(u);
}

static pthread_once_t utf8_once = PTHREAD_ONCE_INIT;
static locale_t utf8; /* never freed */

static void make_utf8(void)
{
    utf8 = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
}

int layer_unpack(layer_read_fn read, void *ctx, int root_fd, const struct layer_limits *limits,
                 struct layer_result *ret, struct sw_err *err)
{
    int r = sw_archive_load(err);
    if (r < 0)
        return r;
    struct unpack *u = SW_NEW(struct unpack);
    u->root = root_fd;
    u->limits = limits;
    u->stream = layer_stream_new(read, ctx, limits);
    u->archive = archive_read_new();
    u->result = ret;
    u->err = err;
    u->parent_fd = -1;
    u->folder_times.max = FOLDER_TIMES_MAX;
    /* libarchive converts names to the thread's character set; without this it would lose those beyond ASCII. */
    pthread_once(&utf8_once, make_utf8);
    locale_t before = utf8 ? uselocale(utf8) : (locale_t)0;
    r = unpack_all(u);
    if (utf8)
        (void)uselocale(before);
    forget_parent(u);
    archive_read_free(u->archive);
    layer_stream_free(u->stream);
    sw_buf_done(&u->folder_times);
    free(u);
    if (r < 0 && !err->reason)
        err->reason = REASON;
    return r;
}
