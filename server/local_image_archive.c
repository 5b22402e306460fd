/* SPDX-License-Identifier: Apache-2.0 */
/* server/local_image_archive.c - images in a tar file.
 * Docker archive (docker save, podman save): manifest.json, a configuration and layer tars. Two passes over the file, since
 * manifest.json may come last: first the manifest, then each layer streams by; a plain one is compressed, a compressed one goes
 * over as it is. OCI archive: an OCI layout as a tar; when a file is both, the layout counts, since it has the digests.
 * Member names come from the archive and are only compared, never used as paths, but for blobs/ALGORITHM/HEX of a valid digest. */
#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/io.h"
#include "base/json.h"
#include "base/lazy.h"
#include "base/limits.h"
#include "base/macros.h"
#include "server/local_image.h"

#define LAYERS_MAX 512
#define READ_BLOCK 1048576

struct wanted {
    const char *config; /* member names, borrowed from the manifest */
    const char *layers[LAYERS_MAX];
    size_t layers_n;
};

struct found {
    struct sw_buf config;
    struct local_image_layer layers[LAYERS_MAX];
    bool have[LAYERS_MAX];
};

/* a is NULL for a symbolic link. */
typedef int (*member_fn)(void *ctx, struct archive *a, const char *name, struct sw_err *err);

static int each_member(const char *path, member_fn fn, void *ctx, struct sw_err *err)
{
    int r = sw_archive_load(err);
    if (r < 0)
        return r;
    struct archive *a = archive_read_new();
    struct archive_entry *e;
    (void)archive_read_support_format_tar(a);
    (void)archive_read_support_filter_gzip(a);
    (void)archive_read_support_filter_zstd(a);
    int status = archive_read_open_filename(a, path, READ_BLOCK);
    while (status >= ARCHIVE_WARN && r == 0 &&
           (status = archive_read_next_header(a, &e)) >= ARCHIVE_WARN && status != ARCHIVE_EOF) {
        const char *name = archive_entry_pathname(e);
        if (name && name[0] == '.' && name[1] == '/')
            name += 2;
        if (name && archive_entry_filetype(e) == AE_IFREG)
            r = fn(ctx, a, name, err);
        else if (name && archive_entry_filetype(e) == AE_IFLNK)
            r = fn(ctx, NULL, name, err);
    }
    if (r == 0 && status < ARCHIVE_WARN)
        r = sw_fail(err, SW_EINVALID, NULL, "%s: %s", path, archive_error_string(a));
    (void)archive_read_free(a);
    return r;
}

static int read_member(struct archive *a, const char *name, struct sw_buf *out, struct sw_err *err)
{
    const void *data;
    size_t n;
    la_int64_t offset;
    int status;
    while ((status = archive_read_data_block(a, &data, &n, &offset)) == ARCHIVE_OK)
        if (!sw_buf_add(out, data, n))
            return sw_fail(err, SW_ELIMIT, NULL, "%s: larger than %zu bytes", name, out->max);
    if (status != ARCHIVE_EOF)
        return sw_fail(err, SW_EINVALID, NULL, "%s: %s", name, archive_error_string(a));
    return 0;
}

struct first_look {
    struct sw_buf manifest;
    bool layout;
};

static int look(void *ctx, struct archive *a, const char *name, struct sw_err *err)
{
    struct first_look *l = ctx;
    if (!a)
        return 0;
    if (sw_streq(name, "oci-layout"))
        l->layout = true;
    return sw_streq(name, "manifest.json") ? read_member(a, name, &l->manifest, err) : 0;
}

/* --- OCI archive ------------------------------------------------------------------------------ */

struct unpacking {
    const struct local_image *image;
    const struct local_image_options *o;
};

/* blobs/sha256/0123...: into the same name below the temporary folder. */
static bool is_blob(const char *name, char out[DIGEST_STRING_MAX + 8])
{
    char text[DIGEST_STRING_MAX];
    struct digest d;
    const char *slash = strchr(name, '/'), *second = slash ? strchr(slash + 1, '/') : NULL;
    if (strncmp(name, "blobs/", 6) != 0 || !second || strlen(slash + 1) >= sizeof(text))
        return false;
    (void)snprintf(text, sizeof(text), "%s", slash + 1);
    text[second - slash - 1] = ':';
    if (!digest_parse(sw_str(text), &d))
        return false;
    (void)snprintf(out, DIGEST_STRING_MAX + 8, "blobs/%s", slash + 1);
    return true;
}

static int unpack_member(void *ctx, struct archive *a, const char *name, struct sw_err *err)
{
    const struct unpacking *u = ctx;
    char known[DIGEST_STRING_MAX + 8];
    sw_autoclose int fd = -1;
    const void *data;
    size_t n;
    la_int64_t offset;
    int status = ARCHIVE_OK;
    if (!a)
        return 0;
    if (sw_streq(name, "index.json") || sw_streq(name, "oci-layout"))
        (void)snprintf(known, sizeof(known), "%s", name);
    else if (!is_blob(name, known))
        return 0;
    sw_autofree char *path = sw_asprintf("%s/%s", u->image->temp_dir, known);
    int r = sw_open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600, &fd, err);
    while (r == 0 && (status = archive_read_data_block(a, &data, &n, &offset)) == ARCHIVE_OK) {
        r = local_image_go_on(u->o, err);
        if (r == 0)
            r = sw_write_all(fd, data, n, err);
    }
    if (r == 0 && status != ARCHIVE_EOF)
        r = sw_fail(err, SW_EINVALID, NULL, "%s: %s", name, archive_error_string(a));
    return r;
}

static int from_layout_archive(const char *path, const struct local_image_options *o,
                               struct local_image *ret, struct sw_err *err)
{
    struct unpacking u = {.image = ret, .o = o};
    int r = local_image_make_temp_dir(ret, err);
    for (int a = 0; a < DIGEST_MAX_ && r == 0; a++) {
        sw_autofree char *dir = sw_asprintf("%s/blobs/%s", ret->temp_dir,
                                            digest_algorithm_to_string((enum digest_algorithm)a));
        r = sw_mkdirs(dir, 0700, err);
    }
    if (r == 0)
        r = each_member(path, unpack_member, &u, err);
    if (r == 0)
        r = local_image_from_layout(ret->temp_dir, o, ret, err);
    return r;
}

/* --- docker archive --------------------------------------------------------------------------- */

struct extraction {
    struct local_image *image;
    const struct wanted *wanted;
    struct found *found;
    const struct local_image_options *o;
};

/* The bytes of a member; the first block can be looked at before it is taken. */
struct member {
    struct extraction *x;
    struct archive *a;
    const void *first;
    size_t first_n;
    bool ended;
    int fd; /* where a compressed one is copied to, as it is read */
    struct digest_hasher *copied;
    uint64_t size;
    struct sw_err err;
};

/* 1 a block, 0 the end. */
static int next_block(struct member *m, const void **ret, size_t *ret_n, struct sw_err *err)
{
    la_int64_t offset;
    int r = local_image_go_on(m->x->o, err);
    if (r < 0 || m->ended)
        return r;
    if (m->first) {
        *ret = m->first;
        *ret_n = m->first_n;
        m->first = NULL;
        return 1;
    }
    int status = archive_read_data_block(m->a, ret, ret_n, &offset);
    if (status == ARCHIVE_OK)
        return 1;
    m->ended = true;
    return status == ARCHIVE_EOF
               ? 0
               : sw_fail(err, SW_EINVALID, NULL, "a layer: %s", archive_error_string(m->a));
}

static const char *compression_of(const struct member *m)
{
    static const unsigned char gzip[] = {0x1f, 0x8b}, zstd[] = {0x28, 0xb5, 0x2f, 0xfd};
    if (m->first_n >= sizeof(gzip) && memcmp(m->first, gzip, sizeof(gzip)) == 0)
        return MEDIA_OCI_LAYER_GZIP;
    if (m->first_n >= sizeof(zstd) && memcmp(m->first, zstd, sizeof(zstd)) == 0)
        return MEDIA_OCI_LAYER_ZSTD;
    return NULL;
}

static int compress_member(struct member *m, const char *path, struct local_image_layer *ret,
                           struct sw_err *err)
{
    struct layer_writer *w = NULL;
    const void *data;
    size_t n;
    int r = layer_writer_open(path, &w, err);
    if (r < 0)
        return r;
    if (m->x->o->progress)
        m->x->o->progress(m->x->o->progress_ctx, "compressing a layer");
    while ((r = next_block(m, &data, &n, err)) > 0) {
        r = layer_writer_add(w, data, n, err);
        if (r < 0)
            break;
    }
    if (r == 0)
        r = layer_writer_finish(w, ret, err);
    layer_writer_free(w);
    return r;
}

static la_ssize_t read_and_copy(struct archive *inner, void *ctx, const void **ret)
{
    struct member *m = ctx;
    size_t n = 0;
    int r = next_block(m, ret, &n, &m->err);
    if (r > 0) {
        digest_hasher_update(m->copied, *ret, n);
        m->size += n;
        r = sw_write_all(m->fd, *ret, n, &m->err);
    }
    if (r < 0)
        archive_set_error(inner, EIO, "%s", m->err.msg);
    return r < 0 ? -1 : (la_ssize_t)n;
}

/* The digest of what is inside; whatever lies behind the compressed data is copied too. */
static int inflate_and_copy(struct member *m, struct digest *ret_plain, struct sw_err *err)
{
    struct archive *inner = archive_read_new();
    struct archive_entry *e;
    struct digest_hasher *plain = digest_hasher_new(DIGEST_SHA256);
    const void *data;
    size_t n;
    la_int64_t offset;
    (void)archive_read_support_format_raw(inner);
    (void)archive_read_support_filter_gzip(inner);
    (void)archive_read_support_filter_zstd(inner);
    int status = archive_read_open(inner, m, NULL, read_and_copy, NULL);
    if (status == ARCHIVE_OK)
        status = archive_read_next_header(inner, &e);
    while (status == ARCHIVE_OK &&
           (status = archive_read_data_block(inner, &data, &n, &offset)) == ARCHIVE_OK)
        digest_hasher_update(plain, data, n);
    while (status == ARCHIVE_EOF && m->err.code == 0 && !m->ended)
        if (read_and_copy(inner, m, &data) < 0)
            break;
    digest_hasher_peek(plain, ret_plain);
    digest_hasher_free(plain);
    int r = 0;
    if (m->err.code != 0)
        r = sw_err_move(err, &m->err);
    else if (status != ARCHIVE_EOF)
        r = sw_fail(err, SW_EINVALID, NULL, "a layer: %s", archive_error_string(inner));
    (void)archive_read_free(inner);
    return r;
}

static int copy_member(struct member *m, const char *path, const char *media_type,
                       struct local_image_layer *ret, struct sw_err *err)
{
    int r = sw_open(path, O_WRONLY | O_CREAT | O_EXCL, 0600, &m->fd, err);
    if (r < 0)
        return r;
    m->copied = digest_hasher_new(DIGEST_SHA256);
    r = inflate_and_copy(m, &ret->diff_id, err);
    digest_hasher_peek(m->copied, &ret->digest);
    digest_hasher_free(m->copied);
    ret->size = m->size;
    ret->media_type = media_type;
    (void)close(m->fd);
    return r;
}

static int take_layer(struct extraction *x, struct archive *a, size_t index, struct sw_err *err)
{
    sw_autofree char *path = sw_asprintf("%s/layer-%zu", x->image->temp_dir, index);
    struct member m = {.x = x, .a = a, .fd = -1};
    const void *data = NULL;
    size_t n = 0;
    int r = next_block(&m, &data, &n, err);
    if (r < 0)
        return r;
    m.first = r > 0 ? data : NULL;
    m.first_n = r > 0 ? n : 0;
    const char *media_type = compression_of(&m);
    struct local_image_layer *layer = &x->found->layers[index];
    r = media_type ? copy_member(&m, path, media_type, layer, err)
                   : compress_member(&m, path, layer, err);
    if (r < 0)
        return sw_prefix(err, "layer %zu", index);
    x->found->have[index] = true;
    const struct local_image_layer *l = &x->found->layers[index];
    if (!local_image_has_blob(x->image, &l->digest))
        local_image_add_blob(x->image, &l->digest, l->size, SW_TAKE(path));
    return 0;
}

static int extract(void *ctx, struct archive *a, const char *name, struct sw_err *err)
{
    struct extraction *x = ctx;
    if (a && sw_streq(name, x->wanted->config))
        return read_member(a, name, &x->found->config, err);
    size_t first = x->wanted->layers_n;
    for (size_t i = x->wanted->layers_n; i-- > 0;)
        if (sw_streq(name, x->wanted->layers[i]))
            first = i;
    if (first == x->wanted->layers_n)
        return 0;
    if (!a)
        return sw_fail(err, SW_EUNSUPPORTED, NULL,
                       "the layer %s is a link; save the image again with a current docker", name);
    int r = take_layer(x, a, first, err);
    for (size_t i = first + 1; r == 0 && i < x->wanted->layers_n; i++) {
        if (sw_streq(name, x->wanted->layers[i])) { /* the same layer twice: an empty one */
            x->found->layers[i] = x->found->layers[first];
            x->found->have[i] = true;
        }
    }
    return r;
}

static bool has_tag(const json_t *image, const char *name)
{
    size_t i;
    json_t *tag;
    json_array_foreach(sw_json_array(image, "RepoTags"), i, tag) {
        const char *colon = json_is_string(tag) ? strrchr(json_string_value(tag), ':') : NULL;
        if (colon && name && sw_streq(colon + 1, name))
            return true;
    }
    return false;
}

static int choose(const json_t *manifest, const char *name, struct wanted *ret, struct sw_err *err)
{
    const json_t *chosen = json_array_size(manifest) == 1 ? json_array_get(manifest, 0) : NULL;
    for (size_t i = 0; !chosen && i < json_array_size(manifest); i++)
        if (has_tag(json_array_get(manifest, i), name))
            chosen = json_array_get(manifest, i);
    if (!chosen)
        return sw_fail(err, SW_ENOTFOUND, NULL, "the archive holds %zu images, none tagged '%s'",
                       json_array_size(manifest), name ? name : "");
    ret->config = sw_json_str(chosen, "Config", NULL);
    size_t i;
    json_t *layer;
    json_array_foreach(sw_json_array(chosen, "Layers"), i, layer) {
        if (i >= LAYERS_MAX || !json_is_string(layer))
            return sw_fail(err, SW_ELIMIT, NULL, "more than %d layers, or a layer that is no name",
                           LAYERS_MAX);
        ret->layers[ret->layers_n++] = json_string_value(layer);
    }
    return ret->config ? 0
                       : sw_fail(err, SW_EINVALID, NULL, "manifest.json names no configuration");
}

/* The configuration goes over as it is, so its diff IDs must be those of the layers. */
static int check_diff_ids(const struct found *found, size_t n, struct sw_err *err)
{
    sw_autojson json_t *config = NULL;
    int r = sw_json_load(sw_buf_str(&found->config), LIMIT_MANIFEST_DEPTH, LIMIT_MANIFEST_VALUES,
                         NULL, &config, err);
    if (r < 0)
        return sw_prefix(err, "image configuration");
    const json_t *ids = sw_json_array(sw_json_object(config, "rootfs"), "diff_ids");
    if (json_array_size(ids) != n)
        return sw_fail(err, SW_EMISMATCH, NULL,
                       "manifest.json lists %zu layers, the configuration %zu", n,
                       json_array_size(ids));
    for (size_t i = 0; i < n; i++) {
        char diff_id[DIGEST_STRING_MAX];
        digest_format(&found->layers[i].diff_id, diff_id);
        const json_t *id = json_array_get(ids, i);
        if (!found->have[i] || !json_is_string(id) || !sw_streq(json_string_value(id), diff_id))
            return sw_fail(err, SW_EMISMATCH, NULL,
                           "layer %zu is missing or not the one that the configuration names", i);
    }
    return 0;
}

static int from_docker_archive(const char *path, struct sw_str text,
                               const struct local_image_options *o, struct local_image *ret,
                               struct sw_err *err)
{
    sw_autojson json_t *manifest = NULL;
    struct wanted wanted = {0};
    sw_autofree struct found *found = SW_NEW(struct found);
    found->config.max = LIMIT_IMAGE_CONFIG;
    int r = sw_json_load(text, LIMIT_MANIFEST_DEPTH, LIMIT_MANIFEST_VALUES, NULL, &manifest, err);
    if (r == 0)
        r = choose(manifest, o->name, &wanted, err);
    if (r == 0)
        r = local_image_make_temp_dir(ret, err);
    struct extraction x = {.image = ret, .wanted = &wanted, .found = found, .o = o};
    if (r == 0)
        r = each_member(path, extract, &x, err);
    if (r == 0)
        r = check_diff_ids(found, wanted.layers_n, err);
    if (r == 0)
        r = local_image_finish(ret, found->config.p, found->config.n, found->layers,
                               wanted.layers_n, err);
    sw_buf_done(&found->config);
    return r;
}

int local_image_from_archive(const char *path, const struct local_image_options *o,
                             struct local_image *ret, struct sw_err *err)
{
    struct first_look first = {.manifest = SW_BUF_INIT(LIMIT_MANIFEST)};
    int r = each_member(path, look, &first, err);
    if (r == 0 && first.layout)
        r = from_layout_archive(path, o, ret, err);
    else if (r == 0 && first.manifest.n == 0)
        r = sw_fail(err, SW_EINVALID, NULL,
                    "%s: not a docker archive: no manifest.json, and no OCI archive: no oci-layout",
                    path);
    else if (r == 0)
        r = from_docker_archive(path, sw_buf_str(&first.manifest), o, ret, err);
    sw_buf_done(&first.manifest);
    return r;
}
