/* SPDX-License-Identifier: Apache-2.0 */
/* launcher/runtime/image_user.c - texts of an image resolved beneath its root. */
#include "launcher/runtime/image_user.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/io.h"
#include "base/limits.h"
#include "base/macros.h"

#define REASON       "CannotCreateContainerError"
#define NAME_MAX_LEN 256

int image_openat(int root_fd, const char *path, int flags, mode_t mode)
{
    struct open_how how = {.flags = (uint64_t)(flags | O_CLOEXEC),
                           .mode = flags & O_CREAT ? mode : 0,
                           .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS};
    for (int i = 0;; i++) {
        long fd = syscall(SYS_openat2, root_fd, path, &how, sizeof how);
        /* EAGAIN: a rename somewhere raced with the resolution of "..". */
        if (fd >= 0 || errno != EAGAIN || i == 100)
            return (int)fd;
    }
}

static int read_image_file(int root_fd, const char *path, struct sw_buf *ret, struct sw_err *err)
{
    sw_autoclose int fd = image_openat(root_fd, path, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0);
    if (fd < 0 && (errno == ENOENT || errno == ENOTDIR))
        return 0;
    struct stat st;
    if (fd < 0 || fstat(fd, &st) < 0)
        return sw_fail(err, SW_EINVALID, REASON, "%s of the image cannot be read: %s", path,
                       strerror(errno));
    if (!S_ISREG(st.st_mode))
        return sw_fail(err, SW_EINVALID, REASON, "%s of the image is no regular file", path);
    if (st.st_size > LIMIT_PASSWD_FILE)
        return sw_fail(err, SW_ELIMIT, REASON, "%s of the image is larger than %d bytes", path,
                       LIMIT_PASSWD_FILE);
    return sw_read_fd(fd, ret, err);
}

/* Splits one line of passwd or group. */
static size_t fields_of(struct sw_str line, struct sw_str *fields, size_t max)
{
    size_t n = 0;
    while (n < max && sw_str_split(&line, ':', &fields[n]))
        n++;
    return n;
}

static bool parse_id(struct sw_str s, uint32_t *ret)
{
    uint64_t v;
    if (s.n == 0 || s.n > 10 || !sw_parse_u64(s, &v) || v > INT32_MAX)
        return false;
    *ret = (uint32_t)v;
    return true;
}

static bool only_digits(struct sw_str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] < '0' || s.p[i] > '9')
            return false;
    return s.n > 0;
}

struct found_user {
    bool found;
    char name[NAME_MAX_LEN];
};

/* First line of passwd whose name, or else id, is `who`. */
static void find_user(struct sw_str who, struct sw_str passwd, struct image_user *u,
                      struct found_user *ret)
{
    uint32_t id = 0;
    bool by_id = parse_id(who, &id);
    struct sw_str line;
    while (sw_str_split(&passwd, '\n', &line)) {
        struct sw_str f[7];
        uint32_t uid, gid;
        if (fields_of(line, f, 7) < 4 || !parse_id(f[2], &uid) || !parse_id(f[3], &gid))
            continue;
        if (!sw_str_eq(f[0], who) && !(by_id && uid == id))
            continue;
        if (!sw_str_copy(f[0], ret->name, sizeof ret->name))
            continue;
        u->uid = uid;
        u->gid = gid;
        ret->found = true;
        if (fields_of(line, f, 7) < 6 || !sw_str_copy(f[5], u->home, sizeof u->home))
            u->home[0] = 0;
        return;
    }
}

static bool list_has(struct sw_str list, const char *name)
{
    struct sw_str part;
    while (sw_str_split(&list, ',', &part))
        if (sw_str_eq_z(part, name))
            return true;
    return false;
}

static bool has_group(const struct image_user *u, uint32_t gid)
{
    for (size_t i = 0; i < u->groups_n; i++)
        if (u->groups[i] == gid)
            return true;
    return u->gid == gid;
}

static int supplementary(const char *name, struct sw_str group, struct image_user *u,
                         struct sw_err *err)
{
    struct sw_str line;
    while (sw_str_split(&group, '\n', &line)) {
        struct sw_str f[4];
        uint32_t gid;
        if (fields_of(line, f, 4) < 4 || !parse_id(f[2], &gid) || !list_has(f[3], name) ||
            has_group(u, gid))
            continue;
        if (u->groups_n == IMAGE_GROUPS_MAX)
            return sw_fail(err, SW_ELIMIT, REASON, "user %s is in more than %d groups", name,
                           IMAGE_GROUPS_MAX);
        u->groups[u->groups_n++] = gid;
    }
    return 0;
}

static int find_group(struct sw_str who, struct sw_str group, uint32_t *ret, struct sw_err *err)
{
    struct sw_str line;
    while (sw_str_split(&group, '\n', &line)) {
        struct sw_str f[4];
        if (fields_of(line, f, 4) >= 3 && sw_str_eq(f[0], who) && parse_id(f[2], ret))
            return 0;
    }
    if (parse_id(who, ret))
        return 0;
    if (only_digits(who))
        return sw_fail(err, SW_EINVALID, REASON, "group id " SW_STR_FMT " is not in 0..2147483647",
                       SW_STR_ARG(who));
    return sw_fail(err, SW_EINVALID, REASON, "unable to find group '" SW_STR_FMT "' in the image",
                   SW_STR_ARG(who));
}

static int check_text(const char *user, struct sw_err *err)
{
    if (strlen(user) >= NAME_MAX_LEN)
        return sw_fail(err, SW_EINVALID, REASON, "the user is longer than %d bytes",
                       NAME_MAX_LEN - 1);
    for (const char *c = user; *c; c++)
        if ((unsigned char)*c <= ' ' || *c == 0x7f || *c == '/' || *c == ',')
            return sw_fail(err, SW_EINVALID, REASON,
                           "the user holds a character that no user name may hold");
    return 0;
}

int image_user_parse(const char *user, struct sw_str passwd, struct sw_str group,
                     struct image_user *ret, struct sw_err *err)
{
    if (check_text(user, err) < 0)
        return err->code;
    struct sw_str rest = sw_str(user), who = {0}, grp = {0};
    bool empty = rest.n == 0;
    (void)sw_str_split(&rest, ':', &who);
    bool has_grp = rest.p != NULL;
    if (has_grp)
        grp = rest;
    if ((!empty && who.n == 0 && !has_grp) ||
        (has_grp && (grp.n == 0 || memchr(grp.p, ':', grp.n))))
        return sw_fail(err, SW_EINVALID, REASON,
                       "user '%s' is not USER, UID, USER:GROUP or UID:GID", user);
    if (who.n == 0)
        who = SW_STR("0");
    struct image_user u = {0};
    struct found_user f = {0};
    find_user(who, passwd, &u, &f);
    if (!f.found && !parse_id(who, &u.uid)) {
        if (only_digits(who))
            return sw_fail(err, SW_EINVALID, REASON,
                           "user id " SW_STR_FMT " is not in 0..2147483647", SW_STR_ARG(who));
        return sw_fail(err, SW_EINVALID, REASON,
                       "unable to find user '" SW_STR_FMT "' in the image", SW_STR_ARG(who));
    }
    if (has_grp) {
        if (find_group(grp, group, &u.gid, err) < 0)
            return err->code;
    } else if (f.found && supplementary(f.name, group, &u, err) < 0) {
        return err->code;
    }
    if (u.home[0] != '/')
        snprintf(u.home, sizeof u.home, "/");
    *ret = u;
    return 0;
}

int image_user_resolve(int root_fd, const char *user, struct image_user *ret, struct sw_err *err)
{
    SW_CLEANUP(sw_buf_done) struct sw_buf passwd = SW_BUF_INIT(LIMIT_PASSWD_FILE);
    SW_CLEANUP(sw_buf_done) struct sw_buf group = SW_BUF_INIT(LIMIT_PASSWD_FILE);
    if (read_image_file(root_fd, "/etc/passwd", &passwd, err) < 0 ||
        read_image_file(root_fd, "/etc/group", &group, err) < 0)
        return err->code;
    return image_user_parse(user ? user : "", sw_buf_str(&passwd), sw_buf_str(&group), ret, err);
}

static int check_path(const char *path, struct sw_err *err)
{
    if (path[0] != '/' || strlen(path) >= 4096)
        return sw_fail(err, SW_EINVALID, REASON, "path '%.200s' is not absolute", path);
    struct sw_str rest = sw_str(path), part;
    while (sw_str_split(&rest, '/', &part))
        if (sw_str_eq_z(part, ".."))
            return sw_fail(err, SW_EINVALID, REASON, "path '%.200s' holds '..'", path);
    return 0;
}

/* Makes one more folder of the path: `upto` is the path so far. The parent was resolved in the root already. */
static int make_one(int root_fd, const char *upto, uint32_t uid, uint32_t gid, struct sw_err *err)
{
    sw_autofree char *copy = sw_strdup(upto);
    char *slash = strrchr(copy, '/');
    *slash = 0;
    sw_autoclose int parent = image_openat(root_fd, copy[0] ? copy : "/", O_PATH | O_DIRECTORY, 0);
    if (parent < 0)
        return sw_fail(err, SW_EINVALID, REASON, "'%.200s' of the image is no folder", copy);
    if (mkdirat(parent, slash + 1, 0755) == 0)
        return fchownat(parent, slash + 1, uid, gid, AT_SYMLINK_NOFOLLOW) < 0
                   ? sw_fail_os(err, errno, "%s", upto)
                   : 0;
    if (errno != EEXIST)
        return sw_fail_os(err, errno, "creating %s in the container", upto);
    return 0;
}

int image_make_folder(int root_fd, const char *path, uint32_t uid, uint32_t gid, struct sw_err *err)
{
    if (check_path(path, err) < 0)
        return err->code;
    sw_autoclose int there = image_openat(root_fd, path, O_PATH | O_DIRECTORY, 0);
    if (there >= 0)
        return 0;
    SW_CLEANUP(sw_buf_done) struct sw_buf upto = SW_BUF_INIT(8192);
    struct sw_str rest = sw_str(path), part;
    while (sw_str_split(&rest, '/', &part)) {
        if (part.n == 0 || sw_str_eq_z(part, "."))
            continue;
        sw_buf_add_char(&upto, '/');
        sw_buf_add_str(&upto, part);
        if (make_one(root_fd, sw_buf_str(&upto).p, uid, gid, err) < 0)
            return err->code;
    }
    sw_autoclose int fd = image_openat(root_fd, path, O_PATH | O_DIRECTORY, 0);
    if (fd < 0)
        return sw_fail(err, SW_EINVALID, REASON, "'%.200s' in the image is no folder", path);
    return 0;
}

int image_make_file(int root_fd, const char *path, struct sw_err *err)
{
    if (check_path(path, err) < 0)
        return err->code;
    sw_autofree char *copy = sw_strdup(path);
    char *slash = strrchr(copy, '/');
    *slash = 0;
    if (slash != copy && image_make_folder(root_fd, copy, 0, 0, err) < 0)
        return err->code;
    sw_autoclose int parent = image_openat(root_fd, copy[0] ? copy : "/", O_PATH | O_DIRECTORY, 0);
    if (parent < 0)
        return sw_fail_os(err, errno, "%s in the image", copy);
    struct stat st;
    if (fstatat(parent, slash + 1, &st, AT_SYMLINK_NOFOLLOW) == 0) {
        if (S_ISREG(st.st_mode))
            return 0;
        /* A link here (systemd images link resolv.conf) would lead the mount elsewhere. */
        if (!S_ISLNK(st.st_mode) || unlinkat(parent, slash + 1, 0) < 0)
            return sw_fail(err, SW_EINVALID, REASON, "%s in the image is no regular file", path);
    }
    sw_autoclose int fd =
        openat(parent, slash + 1, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
    if (fd < 0)
        return sw_fail_os(err, errno, "creating %s in the container", path);
    return 0;
}

int image_check_mount_targets(int root_fd, struct sw_err *err)
{
    static const char *const targets[] = {
        "proc", "dev", "sys", "dev/pts", "dev/shm", "dev/mqueue", "sys/fs", "sys/fs/cgroup", "etc"};
    for (size_t i = 0; i < SW_ARRAY_LEN(targets); i++) {
        struct stat st;
        if (fstatat(root_fd, targets[i], &st, AT_SYMLINK_NOFOLLOW) < 0)
            continue;
        if (!S_ISDIR(st.st_mode))
            return sw_fail(err, SW_EINVALID, REASON, "/%s of the image is no folder", targets[i]);
    }
    return 0;
}
