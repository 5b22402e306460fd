/* SPDX-License-Identifier: Apache-2.0 */
#include "server/backup_folders.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/io.h"
#include "base/macros.h"
#include "base/str.h"

#define CHUNK      (256 * 1024)
#define LEVELS     3 /* logs, groups, streams */
#define UNFINISHED ".copy"

struct work {
    const atomic_bool *cancelled;
    char *chunk;
};

static int copy_open(const struct work *w, int in, int out, int64_t size, const char *to,
                     struct sw_err *err)
{
    int r = 0;
    while (r == 0 && size > 0) {
        ssize_t n = read(in, w->chunk, (size_t)SW_MIN(size, (int64_t)CHUNK));
        if (n == 0)
            break;
        if (n < 0)
            return sw_fail_os(err, errno, "read for %s", to);
        r = sw_write_all(out, w->chunk, (size_t)n, err);
        size -= n;
        if (r == 0 && w->cancelled && atomic_load(w->cancelled))
            r = sw_fail(err, SW_EUNAVAILABLE, NULL, "interrupted");
    }
    return r == 0 && fdatasync(out) < 0 ? sw_fail_os(err, errno, "sync %s", to) : r;
}

/* As much of it as there was when it was opened. One that is gone by now is not wanted any more. */
static int copy_file(const struct work *w, const char *from, const char *to, struct sw_err *err)
{
    sw_autofree char *fresh = sw_asprintf("%s" UNFINISHED, to);
    sw_autoclose int in = -1, out = -1;
    struct stat source, target;
    struct sw_err e = SW_ERR_INIT;
    int r = sw_open(from, O_RDONLY | O_NOFOLLOW, 0, &in, &e);
    if (r == SW_ENOTFOUND)
        return 0;
    if (r < 0)
        return sw_err_move(err, &e);
    if (fstat(in, &source) < 0)
        return sw_fail_os(err, errno, "stat %s", from);
    if (!S_ISREG(source.st_mode) || (stat(to, &target) == 0 && target.st_size == source.st_size))
        return 0;
    (void)unlink(fresh);
    r = sw_open(fresh, O_WRONLY | O_CREAT | O_EXCL, 0600, &out, err);
    if (r == 0)
        r = copy_open(w, in, out, source.st_size, fresh, err);
    if (r == 0 && rename(fresh, to) < 0)
        r = sw_fail_os(err, errno, "rename %s", fresh);
    if (r < 0)
        (void)unlink(fresh);
    return r;
}

static int copy_folder(const struct work *w, const char *from, const char *to, int level,
                       struct sw_err *err);

static int copy_entry(const struct work *w, const char *from, const char *to, const char *name,
                      int level, struct sw_err *err)
{
    sw_autofree char *source = sw_asprintf("%s/%s", from, name);
    sw_autofree char *target = sw_asprintf("%s/%s", to, name);
    struct stat st;
    if (lstat(source, &st) < 0)
        return errno == ENOENT ? 0 : sw_fail_os(err, errno, "stat %s", source);
    if (S_ISDIR(st.st_mode))
        return level < LEVELS ? copy_folder(w, source, target, level + 1, err) : 0;
    return sw_str_ends_with(sw_str(name), UNFINISHED) ? 0 : copy_file(w, source, target, err);
}

static int copy_folder(const struct work *w, const char *from, const char *to, int level,
                       struct sw_err *err)
{
    DIR *dir = opendir(from);
    struct dirent *entry;
    if (!dir)
        return errno == ENOENT ? 0 : sw_fail_os(err, errno, "open %s", from);
    int r = sw_mkdirs(to, 0700, err);
    while (r == 0 && (entry = readdir(dir)) != NULL) {
        if (entry->d_name[0] != '.')
            r = copy_entry(w, from, to, entry->d_name, level, err);
    }
    (void)closedir(dir);
    return r == 0 ? sw_fsync_dir(to, err) : r;
}

/* Beside the earlier ones, then in their place. */
static int copy_policies(const struct work *w, const char *from, const char *to, struct sw_err *err)
{
    sw_autofree char *source = sw_asprintf("%s/policies", from);
    sw_autofree char *target = sw_asprintf("%s/policies", to);
    sw_autofree char *fresh = sw_asprintf("%s/policies" UNFINISHED, to);
    int r = sw_path_exists(fresh) ? sw_remove_tree(fresh, err) : 0;
    if (r == 0)
        r = copy_folder(w, source, fresh, 1, err);
    if (r == 0 && sw_path_exists(target))
        r = sw_remove_tree(target, err);
    if (r == 0 && sw_path_exists(fresh) && rename(fresh, target) < 0)
        r = sw_fail_os(err, errno, "rename %s", fresh);
    return r == 0 ? sw_fsync_dir(to, err) : r;
}

int backup_copy_folders(const char *from, const char *to, const atomic_bool *cancelled,
                        struct sw_err *err)
{
    sw_autofree char *chunk = sw_malloc(CHUNK);
    sw_autofree char *source = sw_asprintf("%s/logs", from);
    sw_autofree char *target = sw_asprintf("%s/logs", to);
    struct work w = {.cancelled = cancelled, .chunk = chunk};
    int r = copy_folder(&w, source, target, 1, err);
    return r == 0 ? copy_policies(&w, from, to, err) : r;
}
