/* SPDX-License-Identifier: Apache-2.0 */
/* server/local_image_folder.c - a folder as a root filesystem: one layer, names sorted, owners as they are on disk. */
#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <sys/stat.h>

#include "base/alloc.h"
#include "base/io.h"
#include "base/json.h"
#include "base/lazy.h"
#include "base/macros.h"
#include "launcher/agent/image_manifest.h"
#include "server/local_image.h"

#define DEFAULT_PATH "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
#define READ_CHUNK   262144

struct packer {
    const struct local_image_options *o;
    struct layer_writer *out;
    struct archive *tar, *disk;
    struct archive_entry_linkresolver *links;
    size_t root_n; /* of "ROOT", without the slash that follows it */
    struct sw_err *err;
};

static la_ssize_t write_tar(struct archive *a, void *ctx, const void *data, size_t n)
{
    struct packer *p = ctx;
    (void)a;
    bool done = p->err->code == 0 && local_image_go_on(p->o, p->err) == 0 &&
                layer_writer_add(p->out, data, n, p->err) == 0;
    return done ? (la_ssize_t)n : -1;
}

static int fail_archive(struct packer *p, const char *path)
{
    if (p->err->code)
        return p->err->code;
    return sw_fail(p->err, SW_EIO, NULL, "%s: %s", path, archive_error_string(p->tar));
}

static int write_content(struct packer *p, const char *path, int64_t size)
{
    sw_autoclose int fd = -1;
    int r = sw_open(path, O_RDONLY | O_NOFOLLOW, 0, &fd, p->err);
    if (r < 0)
        return r;
    sw_autofree char *chunk = sw_malloc(READ_CHUNK);
    while (size > 0) {
        ssize_t n = read(fd, chunk, (size_t)SW_MIN(size, (int64_t)READ_CHUNK));
        if (n < 0)
            return sw_fail_os(p->err, errno, "%s", path);
        if (n == 0)
            return sw_fail(p->err, SW_ESTALE, NULL, "%s: became shorter while it was read", path);
        if (archive_write_data(p->tar, chunk, (size_t)n) < 0)
            return fail_archive(p, path);
        size -= n;
    }
    return 0;
}

static int write_entry(struct packer *p, struct archive_entry *e)
{
    const char *path = archive_entry_sourcepath(e);
    if (archive_write_header(p->tar, e) < ARCHIVE_WARN)
        return fail_archive(p, path);
    if (archive_entry_filetype(e) == AE_IFREG && archive_entry_size(e) > 0)
        return write_content(p, path, archive_entry_size(e));
    return 0;
}

static int add(struct packer *p, const FTSENT *f)
{
    if (S_ISSOCK(f->fts_statp->st_mode) || f->fts_level == FTS_ROOTLEVEL)
        return 0; /* sockets have no place in a tar; the root itself needs no entry */
    struct archive_entry *e = archive_entry_new(), *spare = NULL;
    archive_entry_copy_sourcepath(e, f->fts_path);
    int r = 0;
    if (archive_read_disk_entry_from_file(p->disk, e, -1, f->fts_statp) < ARCHIVE_WARN)
        r = sw_fail(p->err, SW_EIO, NULL, "%s: %s", f->fts_path, archive_error_string(p->disk));
    archive_entry_copy_pathname(e, f->fts_path + p->root_n + 1);
    if (r == 0) {
        archive_entry_linkify(p->links, &e, &spare);
        if (e)
            r = write_entry(p, e);
    }
    archive_entry_free(e);
    archive_entry_free(spare);
    return r;
}

static int by_name(const FTSENT **a, const FTSENT **b)
{
    return strcmp((*a)->fts_name, (*b)->fts_name);
}

static int walk(struct packer *p, char *root)
{
    char *paths[] = {root, NULL};
    FTS *fts = fts_open(paths, FTS_PHYSICAL | FTS_COMFOLLOW | FTS_NOCHDIR, by_name);
    if (!fts)
        return sw_fail_os(p->err, errno, "%s", root);
    int r = 0;
    FTSENT *f;
    while (r == 0 && (f = fts_read(fts))) {
        if (f->fts_info == FTS_DNR || f->fts_info == FTS_ERR || f->fts_info == FTS_NS)
            r = sw_fail_os(p->err, f->fts_errno, "%s", f->fts_path);
        else if (f->fts_info != FTS_DP)
            r = add(p, f);
    }
    (void)fts_close(fts);
    return r;
}

static int pack(const char *root, const struct local_image_options *o, struct layer_writer *out,
                struct sw_err *err)
{
    int r = sw_archive_load(err);
    if (r < 0)
        return r;
    sw_autofree char *path = sw_strdup(root);
    size_t n = strlen(path);
    while (n > 1 && path[n - 1] == '/')
        path[--n] = '\0';
    struct packer p = {.o = o,
                       .out = out,
                       .tar = archive_write_new(),
                       .disk = archive_read_disk_new(),
                       .links = archive_entry_linkresolver_new(),
                       .root_n = n > 1 ? n : 0, /* "/" is its own slash */
                       .err = err};
    (void)archive_read_disk_set_symlink_physical(p.disk);
    (void)archive_write_set_format_pax_restricted(p.tar);
    archive_entry_linkresolver_set_strategy(p.links, ARCHIVE_FORMAT_TAR_PAX_RESTRICTED);
    (void)archive_write_set_bytes_in_last_block(p.tar, 1);
    if (archive_write_open(p.tar, &p, NULL, write_tar, NULL) != ARCHIVE_OK)
        r = fail_archive(&p, root);
    if (r == 0)
        r = walk(&p, path);
    if (archive_write_close(p.tar) != ARCHIVE_OK && r == 0)
        r = fail_archive(&p, root);
    archive_entry_linkresolver_free(p.links);
    (void)archive_write_free(p.tar);
    (void)archive_read_free(p.disk);
    return r;
}

/* A JSON list, or one word as a list of one. */
static int words(const char *text, const char *flag, json_t **ret, struct sw_err *err)
{
    if (text[0] != '[') {
        *ret = json_pack("[s]", text);
        return 0;
    }
    sw_autojson json_t *list = NULL;
    int r = sw_json_load(sw_str(text), 2, 1000, NULL, &list, err);
    if (r < 0)
        return sw_prefix(err, "--%s", flag);
    size_t i;
    json_t *word;
    json_array_foreach(list, i, word)
        if (!json_is_string(word))
            return sw_fail(err, SW_EINVALID, NULL, "--%s: a list of strings, or one word", flag);
    *ret = SW_TAKE(list);
    return 0;
}

static int make_config(const struct local_image_options *o, const struct local_image_layer *layer,
                       char **ret, struct sw_err *err)
{
    char diff_id[DIGEST_STRING_MAX];
    digest_format(&layer->diff_id, diff_id);
    sw_autojson json_t *config = json_pack(
        "{s:s, s:s, s:{s:[s]}, s:{s:s, s:[s]}}", "architecture", image_own_architecture(), "os",
        "linux", "config", "Env", DEFAULT_PATH, "rootfs", "type", "layers", "diff_ids", diff_id);
    json_t *inner = sw_json_object(config, "config"), *list = NULL;
    int r = 0;
    if (o->entrypoint && (r = words(o->entrypoint, "entrypoint", &list, err)) == 0)
        sw_json_set_new(inner, "Entrypoint", list);
    if (r == 0 && (o->cmd || !o->entrypoint) &&
        (r = words(o->cmd ? o->cmd : "/bin/sh", "cmd", &list, err)) == 0)
        sw_json_set_new(inner, "Cmd", list);
    if (r == 0)
        *ret = sw_json_dump(config);
    return r;
}

int local_image_from_folder(const char *path, const struct local_image_options *o,
                            struct local_image *ret, struct sw_err *err)
{
    struct local_image_layer layer;
    struct layer_writer *w = NULL;
    sw_autofree char *config = NULL;
    int r = local_image_make_temp_dir(ret, err);
    if (r < 0)
        return r;
    if (o->progress)
        o->progress(o->progress_ctx, "packing the folder");
    sw_autofree char *file = sw_asprintf("%s/layer", ret->temp_dir);
    r = layer_writer_open(file, &w, err);
    if (r == 0)
        r = pack(path, o, w, err);
    if (r == 0)
        r = layer_writer_finish(w, &layer, err);
    layer_writer_free(w);
    if (r == 0)
        r = make_config(o, &layer, &config, err);
    if (r < 0)
        return r;
    local_image_add_blob(ret, &layer.digest, layer.size, SW_TAKE(file));
    return local_image_finish(ret, config, strlen(config), &layer, 1, err);
}
