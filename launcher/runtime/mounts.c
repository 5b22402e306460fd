/* SPDX-License-Identifier: Apache-2.0 */
/* launcher/runtime/mounts.c - open_tree(2), move_mount(2), mount(2); Docker's "local" volume driver.
 * Invariants:
 * 1. A bind mount is made from a descriptor, so nobody can put another folder in the place of the one that was resolved.
 * 2. What is bound is private before anybody uses it: taking it away takes nothing away elsewhere. */
#include "launcher/runtime/mounts.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/io.h"
#include "base/macros.h"
#include "base/str.h"
#include "launcher/runtime/image_user.h"

#define REASON            "InvalidVolumeError"
#define TREE_CLONE        1
#define TREE_CLOEXEC      O_CLOEXEC
#define TREE_RECURSIVE    0x8000
#define MOVE_F_EMPTY_PATH 4
#define OPTIONS_MAX       4096

static bool is_mount(const char *path)
{
    struct statx st;
    return statx(AT_FDCWD, path, AT_SYMLINK_NOFOLLOW, STATX_TYPE, &st) == 0 &&
           (st.stx_attributes & STATX_ATTR_MOUNT_ROOT);
}

static int fail(struct sw_err *err, int e, const char *what, const char *path)
{
    (void)sw_fail_os(err, e, "%s %s", what, path);
    err->reason = REASON;
    return err->code;
}

/* A mount point like what is to be mounted there. */
static int make_target(const char *dir, const char *target, bool folder, struct sw_err *err)
{
    if (sw_mkdirs(dir, 0700, err) < 0)
        return err->code;
    sw_autoclose int fd = -1;
    if (folder ? mkdir(target, 0700) < 0 && errno != EEXIST
               : (fd = open(target, O_RDONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600)) < 0)
        return fail(err, errno, "mount point", target);
    return 0;
}

/* The tree at the descriptor appears at target. */
static int bind_tree(int fd, const char *dir, const char *target, struct sw_err *err)
{
    struct stat st;
    if (fstat(fd, &st) < 0)
        return fail(err, errno, "folder for", target);
    if (make_target(dir, target, S_ISDIR(st.st_mode), err) < 0)
        return err->code;
    sw_autoclose int tree = (int)syscall(
        SYS_open_tree, fd, "", TREE_CLONE | TREE_CLOEXEC | AT_EMPTY_PATH | TREE_RECURSIVE);
    if (tree < 0 || syscall(SYS_move_mount, tree, "", AT_FDCWD, target, MOVE_F_EMPTY_PATH) < 0 ||
        mount(NULL, target, NULL, MS_REC | MS_PRIVATE, NULL) < 0)
        return fail(err, errno, "mounting", target);
    return 0;
}

static int open_beneath(const char *root, const char *path, const struct mounts_folder *missing,
                        int *ret_fd, struct sw_err *err)
{
    sw_autoclose int top = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (top < 0)
        return fail(err, errno, "folder", root);
    int fd = image_openat(top, path, O_PATH | O_CLOEXEC, 0);
    if (fd < 0 && errno == ENOENT && missing->create) {
        if (image_make_folder(top, path, missing->uid, missing->gid, err) < 0)
            return err->code;
        fd = image_openat(top, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
        if (fd >= 0 && missing->mode && fchmod(fd, missing->mode) < 0) {
            close(fd);
            return fail(err, errno, "folder", path);
        }
    }
    if (fd < 0)
        return sw_fail(err, SW_ENOTFOUND, REASON, "there is no %s in %s", path, root);
    *ret_fd = fd;
    return 0;
}

int mounts_bind_beneath(const char *dir, const char *name, const char *root, const char *path,
                        const struct mounts_folder *missing, char **ret_path, struct sw_err *err)
{
    sw_autofree char *target = sw_asprintf("%s/%s", dir, name);
    sw_autoclose int fd = -1;
    if (!is_mount(target) && open_beneath(root, path, missing, &fd, err) == 0)
        (void)bind_tree(fd, dir, target, err);
    if (err->code == 0)
        *ret_path = SW_TAKE(target);
    return err->code;
}

static const struct {
    const char *name;
    unsigned long flag;
} flags[] = {{"ro", MS_RDONLY},         {"rw", 0},
             {"defaults", 0},           {"nosuid", MS_NOSUID},
             {"nodev", MS_NODEV},       {"noexec", MS_NOEXEC},
             {"sync", MS_SYNCHRONOUS},  {"dirsync", MS_DIRSYNC},
             {"noatime", MS_NOATIME},   {"nodiratime", MS_NODIRATIME},
             {"relatime", MS_RELATIME}, {"strictatime", MS_STRICTATIME},
             {"bind", MS_BIND},         {"rbind", MS_BIND | MS_REC}};

unsigned long mounts_options(const char *options, char *ret_rest)
{
    struct sw_str rest = sw_str(options), part;
    unsigned long set = 0;
    size_t n = 0;
    while (sw_str_split(&rest, ',', &part)) {
        bool known = part.n == 0;
        for (size_t i = 0; i < SW_ARRAY_LEN(flags); i++)
            if (sw_str_eq_z(part, flags[i].name)) {
                set |= flags[i].flag;
                known = true;
            }
        if (known)
            continue;
        if (n)
            ret_rest[n++] = ',';
        memcpy(ret_rest + n, part.p, part.n);
        n += part.n;
    }
    ret_rest[n] = 0;
    return set;
}

/* The kernel wants addr= as a number. Owned. */
static int resolve_address(const char *rest, char **ret, struct sw_err *err)
{
    struct sw_str all = sw_str(rest), part;
    struct sw_buf out = SW_BUF_INIT(OPTIONS_MAX);
    while (sw_str_split(&all, ',', &part)) {
        char host[256], number[NI_MAXHOST];
        struct addrinfo *found = NULL, hints = {.ai_socktype = SOCK_STREAM};
        sw_buf_add_z(&out, out.n ? "," : "");
        if (!sw_str_starts_with(part, "addr=")) {
            sw_buf_add_str(&out, part);
            continue;
        }
        if (!sw_str_copy(sw_str_slice(part, 5, part.n), host, sizeof host) ||
            getaddrinfo(host, NULL, &hints, &found) != 0) {
            sw_buf_done(&out);
            return sw_fail(err, SW_EUNAVAILABLE, REASON,
                           "the address of a file server, " SW_STR_FMT, SW_STR_ARG(part));
        }
        int e = getnameinfo(found->ai_addr, found->ai_addrlen, number, sizeof number, NULL, 0,
                            NI_NUMERICHOST);
        freeaddrinfo(found);
        sw_buf_addf(&out, "addr=%s", e == 0 ? number : host);
    }
    *ret = sw_buf_take(&out);
    return 0;
}

static int set_flags(const char *target, unsigned long set, const char *of, struct sw_err *err)
{
    set &= ~(unsigned long)MS_REC;
    if ((set & ~(unsigned long)MS_BIND) &&
        mount(NULL, target, NULL, set | MS_BIND | MS_REMOUNT, NULL) < 0)
        return fail(err, errno, "mount options of", of);
    return 0;
}

int mounts_set_options(const char *path, const char *options, struct sw_err *err)
{
    char rest[OPTIONS_MAX];
    if (strlen(options) >= sizeof rest)
        return sw_fail(err, SW_ELIMIT, REASON, "mount options of more than %zu bytes",
                       sizeof rest - 1);
    return set_flags(path, mounts_options(options, rest), path, err);
}

static int make_bind(const char *dir, const char *target, const char *device, unsigned long set,
                     struct sw_err *err)
{
    sw_autoclose int fd = open(device, O_PATH | O_CLOEXEC);
    if (fd < 0)
        return fail(err, errno, "device", device);
    return bind_tree(fd, dir, target, err) < 0 ? err->code : set_flags(target, set, device, err);
}

static int make_fs(const char *dir, const char *target, const char *type, const char *device,
                   const char *options, struct sw_err *err)
{
    char rest[OPTIONS_MAX];
    if (strlen(options) >= sizeof rest)
        return sw_fail(err, SW_ELIMIT, REASON, "mount options of more than %zu bytes",
                       sizeof rest - 1);
    unsigned long set = mounts_options(options, rest);
    if (set & MS_BIND)
        return make_bind(dir, target, device, set, err);
    sw_autofree char *data = NULL;
    if (resolve_address(rest, &data, err) < 0 || make_target(dir, target, true, err) < 0)
        return err->code;
    if (mount(device, target, type, set, data) < 0)
        return sw_fail(err, SW_EIO, REASON, "mounting %s as %s with '%s': %s", device, type,
                       options, strerror(errno));
    return 0;
}

int mounts_make(const char *dir, const char *name, const char *type, const char *device,
                const char *options, char **ret_path, struct sw_err *err)
{
    sw_autofree char *target = sw_asprintf("%s/%s", dir, name);
    if (!is_mount(target) && make_fs(dir, target, type, device, options, err) < 0) {
        (void)umount2(target, MNT_DETACH | UMOUNT_NOFOLLOW);
        (void)rmdir(target);
    }
    if (err->code == 0)
        *ret_path = SW_TAKE(target);
    return err->code;
}

bool mounts_release(const char *dir)
{
    DIR *d = opendir(dir);
    bool gone = true;
    for (struct dirent *e; d && (e = readdir(d));) {
        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
            continue;
        sw_autofree char *path = sw_asprintf("%s/%s", dir, e->d_name);
        (void)umount2(path, MNT_DETACH | UMOUNT_NOFOLLOW);
        /* A file that is no mount point any more is an empty one of ours. */
        gone &= !is_mount(path) && (rmdir(path) == 0 || (errno == ENOTDIR && unlink(path) == 0));
    }
    if (d)
        closedir(d);
    return (rmdir(dir) == 0 || errno == ENOENT) && gone;
}
