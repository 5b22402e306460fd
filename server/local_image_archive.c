/* SPDX-License-Identifier: Apache-2.0 */
/* server/local_image_archive.c - docker archive (docker save, podman save): a tar with manifest.json, a configuration and layer tars.
 * Two passes over the file, since manifest.json may come last: first the manifest, then each layer is compressed as it streams
 * by. Member names come from the archive and are only compared, never used as paths. */
#include <archive.h>
#include <archive_entry.h>

#include "base/alloc.h"
#include "base/io.h"
#include "base/json.h"
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

typedef int (*member_fn)(void *ctx, struct archive *a, const char *name, struct sw_err *err);

static int each_member(const char *path, member_fn fn, void *ctx, struct sw_err *err)
{
    struct archive *a = archive_read_new();
    struct archive_entry *e;
    (void)archive_read_support_format_tar(a);
    (void)archive_read_support_filter_gzip(a);
    (void)archive_read_support_filter_zstd(a);
    int r = 0, status = archive_read_open_filename(a, path, READ_BLOCK);
    while (status >= ARCHIVE_WARN && r == 0 &&
           (status = archive_read_next_header(a, &e)) >= ARCHIVE_WARN && status != ARCHIVE_EOF) {
        const char *name = archive_entry_pathname(e);
        if (name && archive_entry_filetype(e) == AE_IFREG)
            r = fn(ctx, a, name[0] == '.' && name[1] == '/' ? name + 2 : name, err);
        else if (name && archive_entry_filetype(e) == AE_IFLNK && strstr(name, "layer.tar"))
            r = sw_fail(err, SW_EUNSUPPORTED, NULL,
                        "%s: %s is a link; save the image again with a current docker", path, name);
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

static int find_manifest(void *ctx, struct archive *a, const char *name, struct sw_err *err)
{
    return sw_streq(name, "manifest.json") ? read_member(a, name, ctx, err) : 0;
}

struct extraction {
    struct local_image *image;
    const struct wanted *wanted;
    struct found *found;
    const struct local_image_options *o;
};

static int compress_member(struct extraction *x, struct archive *a, size_t index,
                           struct sw_err *err)
{
    sw_autofree char *path = sw_asprintf("%s/layer-%zu", x->image->temp_dir, index);
    struct layer_writer *w = NULL;
    int r = layer_writer_open(path, &w, err), status = ARCHIVE_OK;
    if (r < 0)
        return r;
    const void *data;
    size_t n;
    la_int64_t offset;
    while (r == 0 && (status = archive_read_data_block(a, &data, &n, &offset)) == ARCHIVE_OK) {
        r = local_image_go_on(x->o, err);
        if (r == 0)
            r = layer_writer_add(w, data, n, err);
    }
    if (r == 0 && status != ARCHIVE_EOF)
        r = sw_fail(err, SW_EINVALID, NULL, "layer %zu: %s", index, archive_error_string(a));
    if (r == 0)
        r = layer_writer_finish(w, &x->found->layers[index], err);
    layer_writer_free(w);
    if (r < 0)
        return r;
    x->found->have[index] = true;
    const struct local_image_layer *l = &x->found->layers[index];
    if (!local_image_has_blob(x->image, &l->digest))
        local_image_add_blob(x->image, &l->digest, l->size, SW_TAKE(path));
    return 0;
}

static int extract(void *ctx, struct archive *a, const char *name, struct sw_err *err)
{
    struct extraction *x = ctx;
    if (sw_streq(name, x->wanted->config))
        return read_member(a, name, &x->found->config, err);
    size_t first = x->wanted->layers_n;
    for (size_t i = x->wanted->layers_n; i-- > 0;)
        if (sw_streq(name, x->wanted->layers[i]))
            first = i;
    if (first == x->wanted->layers_n)
        return 0;
    if (x->o->progress)
        x->o->progress(x->o->progress_ctx, "compressing a layer");
    int r = compress_member(x, a, first, err);
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

int local_image_from_archive(const char *path, const struct local_image_options *o,
                             struct local_image *ret, struct sw_err *err)
{
    SW_CLEANUP(sw_buf_done) struct sw_buf text = SW_BUF_INIT(LIMIT_MANIFEST);
    sw_autojson json_t *manifest = NULL;
    struct wanted wanted = {0};
    sw_autofree struct found *found = SW_NEW(struct found);
    found->config.max = LIMIT_IMAGE_CONFIG;
    int r = each_member(path, find_manifest, &text, err);
    if (r == 0 && text.n == 0)
        r = sw_fail(err, SW_EINVALID, NULL, "%s: not a docker archive: no manifest.json", path);
    if (r == 0)
        r = sw_json_load(sw_buf_str(&text), LIMIT_MANIFEST_DEPTH, LIMIT_MANIFEST_VALUES, NULL,
                         &manifest, err);
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
