/* SPDX-License-Identifier: Apache-2.0 */
#include "server/tar_writer.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/io.h"
#include "base/lazy.h"
#include "base/macros.h"
#include "base/str.h"

#define BLOCK 65536

struct tar_writer {
    struct archive *a;
    int fd;
    char *path, *partial; /* NULL for standard output */
    char **names;
    size_t names_n;
    uint64_t left; /* of the member that is being written */
};

static int fail(struct tar_writer *w, struct sw_err *err)
{
    int os = archive_errno(w->a);
    const char *where = w->path ? w->path : "standard output";
    return os > 0 ? sw_fail_os(err, os, "%s", where)
                  : sw_fail(err, SW_EIO, NULL, "%s: %s", where, archive_error_string(w->a));
}

int tar_writer_open(const char *path, struct tar_writer **ret, struct sw_err *err)
{
    int r = sw_archive_load(err);
    if (r < 0)
        return r;
    struct tar_writer *w = SW_NEW(struct tar_writer);
    w->fd = STDOUT_FILENO;
    w->a = archive_write_new();
    if (!sw_streq(path, "-")) {
        w->path = sw_strdup(path);
        w->partial = sw_asprintf("%s.partial", path);
        w->fd = -1;
        r = sw_open(w->partial, O_WRONLY | O_CREAT | O_TRUNC, 0644, &w->fd, err);
    }
    (void)archive_write_set_format_pax_restricted(w->a);
    (void)archive_write_set_bytes_per_block(w->a, BLOCK);
    (void)archive_write_set_bytes_in_last_block(w->a, 1);
    if (r == 0 && archive_write_open_fd(w->a, w->fd) != ARCHIVE_OK)
        r = fail(w, err);
    if (r < 0) {
        tar_writer_free(w);
        return r;
    }
    *ret = w;
    return 0;
}

bool tar_writer_has(const struct tar_writer *w, const char *name)
{
    for (size_t i = 0; i < w->names_n; i++)
        if (sw_streq(w->names[i], name))
            return true;
    return false;
}

int tar_writer_begin(struct tar_writer *w, const char *name, uint64_t size, struct sw_err *err)
{
    struct archive_entry *e = archive_entry_new();
    archive_entry_set_pathname(e, name);
    archive_entry_set_size(e, (la_int64_t)size);
    archive_entry_set_filetype(e, AE_IFREG);
    archive_entry_set_perm(e, 0644);
    archive_entry_set_mtime(e, 0, 0);
    int status = archive_write_header(w->a, e);
    archive_entry_free(e);
    w->names = sw_realloc_array(w->names, w->names_n + 1, sizeof(*w->names));
    w->names[w->names_n++] = sw_strdup(name);
    w->left = size;
    return status == ARCHIVE_OK ? 0 : fail(w, err);
}

int tar_writer_data(struct tar_writer *w, const void *data, size_t n, struct sw_err *err)
{
    const char *p = data;
    if (n > w->left)
        return sw_fail(err, SW_EINTERNAL, NULL, "a member is longer than it was announced");
    w->left -= n;
    while (n > 0) {
        la_ssize_t wrote = archive_write_data(w->a, p, n);
        if (wrote <= 0)
            return fail(w, err);
        p += wrote;
        n -= (size_t)wrote;
    }
    return 0;
}

int tar_writer_member(struct tar_writer *w, const char *name, const void *data, size_t n,
                      struct sw_err *err)
{
    int r = tar_writer_begin(w, name, n, err);
    return r < 0 ? r : tar_writer_data(w, data, n, err);
}

int tar_writer_finish(struct tar_writer *w, struct sw_err *err)
{
    if (archive_write_close(w->a) != ARCHIVE_OK)
        return fail(w, err);
    if (!w->path)
        return 0;
    if (fsync(w->fd) < 0 || rename(w->partial, w->path) < 0)
        return sw_fail_os(err, errno, "%s", w->path);
    free(w->partial);
    w->partial = NULL;
    return 0;
}

void tar_writer_free(struct tar_writer *w)
{
    if (!w)
        return;
    (void)archive_write_free(w->a);
    if (w->partial)
        (void)unlink(w->partial);
    if (w->fd > STDOUT_FILENO)
        (void)close(w->fd);
    for (size_t i = 0; i < w->names_n; i++)
        free(w->names[i]);
    free(w->names);
    free(w->path);
    free(w->partial);
    free(w);
}
