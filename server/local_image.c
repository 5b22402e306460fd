/* SPDX-License-Identifier: Apache-2.0 */
/* server/local_image.c - what the three sources share. */
#include "server/local_image.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <zlib.h>

#include "base/alloc.h"
#include "base/io.h"
#include "base/json.h"
#include "base/macros.h"

#define CHUNK       65536
#define GZIP_WINDOW (15 + 16)

int local_image_open(const char *path, const struct local_image_options *o, struct local_image *ret,
                     struct sw_err *err)
{
    struct stat st;
    *ret = (struct local_image){0};
    if (stat(path, &st) < 0)
        return sw_fail_os(err, errno, "%s", path);
    sw_autofree char *marker = sw_asprintf("%s/oci-layout", path);
    int r;
    if (S_ISREG(st.st_mode))
        r = local_image_from_archive(path, o, ret, err);
    else if (!S_ISDIR(st.st_mode))
        r = sw_fail(err, SW_EINVALID, NULL, "%s: neither a folder nor a file", path);
    else if (sw_path_exists(marker))
        r = local_image_from_layout(path, o, ret, err);
    else
        r = local_image_from_folder(path, o, ret, err);
    if (r < 0)
        local_image_done(ret);
    return r;
}

int local_image_go_on(const struct local_image_options *o, struct sw_err *err)
{
    if (o->cancelled && __atomic_load_n(o->cancelled, __ATOMIC_RELAXED))
        return sw_fail(err, SW_EUNAVAILABLE, NULL, "interrupted");
    return 0;
}

void local_image_done(struct local_image *i)
{
    struct sw_err ignored = SW_ERR_INIT;
    for (size_t k = 0; k < i->blobs_n; k++)
        free(i->blobs[k].path);
    for (size_t k = 0; k < i->manifests_n; k++) {
        free(i->manifests[k].media_type);
        free(i->manifests[k].content);
    }
    free(i->blobs);
    free(i->manifests);
    if (i->temp_dir)
        (void)sw_remove_tree(i->temp_dir, &ignored);
    free(i->temp_dir);
    *i = (struct local_image){0};
}

int local_image_make_temp_dir(struct local_image *i, struct sw_err *err)
{
    const char *tmp = getenv("TMPDIR");
    i->temp_dir = sw_asprintf("%s/slipway-push-XXXXXX", tmp && *tmp ? tmp : "/tmp");
    int r = sw_make_temp_dir(i->temp_dir, err);
    if (r < 0) {
        free(i->temp_dir);
        i->temp_dir = NULL;
    }
    return r;
}

bool local_image_has_blob(const struct local_image *i, const struct digest *d)
{
    for (size_t k = 0; k < i->blobs_n; k++)
        if (digest_equal(&i->blobs[k].digest, d))
            return true;
    return false;
}

void local_image_add_blob(struct local_image *i, const struct digest *d, uint64_t size, char *path)
{
    i->blobs = sw_realloc_array(i->blobs, i->blobs_n + 1, sizeof(*i->blobs));
    i->blobs[i->blobs_n++] = (struct local_image_blob){.digest = *d, .size = size, .path = path};
}

void local_image_add_manifest(struct local_image *i, const char *media_type, const void *content,
                              size_t n)
{
    i->manifests = sw_realloc_array(i->manifests, i->manifests_n + 1, sizeof(*i->manifests));
    struct local_image_manifest *m = &i->manifests[i->manifests_n++];
    *m = (struct local_image_manifest){
        .media_type = sw_strdup(media_type), .content = sw_strndup(content, n), .content_n = n};
    digest_of(DIGEST_SHA256, content, n, &m->digest);
}

static json_t *descriptor(const char *media_type, const struct digest *d, uint64_t size)
{
    char text[DIGEST_STRING_MAX];
    digest_format(d, text);
    return json_pack("{s:s, s:s, s:I}", "mediaType", media_type, "digest", text, "size",
                     (json_int_t)size);
}

int local_image_finish(struct local_image *i, const char *config, size_t config_n,
                       const struct local_image_layer *layers, size_t layers_n, struct sw_err *err)
{
    struct digest d;
    digest_of(DIGEST_SHA256, config, config_n, &d);
    sw_autofree char *path = sw_asprintf("%s/config.json", i->temp_dir);
    int r = sw_write_file_atomic(path, config, config_n, 0600, err);
    if (r < 0)
        return r;
    local_image_add_blob(i, &d, config_n, SW_TAKE(path));
    json_t *list = json_array();
    for (size_t k = 0; k < layers_n; k++)
        json_array_append_new(list,
                              descriptor(layers[k].media_type, &layers[k].digest, layers[k].size));
    sw_autojson json_t *manifest =
        json_pack("{s:i, s:s, s:o, s:o}", "schemaVersion", 2, "mediaType", MEDIA_OCI_MANIFEST,
                  "config", descriptor(MEDIA_OCI_CONFIG, &d, config_n), "layers", list);
    sw_autofree char *text = sw_json_dump(manifest);
    local_image_add_manifest(i, MEDIA_OCI_MANIFEST, text, strlen(text));
    return 0;
}

struct layer_writer {
    int fd;
    z_stream z;
    struct digest_hasher *compressed, *plain;
    uint64_t size;
};

int layer_writer_open(const char *path, struct layer_writer **ret, struct sw_err *err)
{
    struct layer_writer *w = SW_NEW(struct layer_writer);
    w->fd = -1;
    int r = sw_open(path, O_WRONLY | O_CREAT | O_EXCL, 0600, &w->fd, err);
    if (r < 0) {
        free(w);
        return r;
    }
    if (deflateInit2(&w->z, Z_DEFAULT_COMPRESSION, Z_DEFLATED, GZIP_WINDOW, 8,
                     Z_DEFAULT_STRATEGY) != Z_OK)
        abort(); /* only on no memory or wrong constants */
    w->compressed = digest_hasher_new(DIGEST_SHA256);
    w->plain = digest_hasher_new(DIGEST_SHA256);
    *ret = w;
    return 0;
}

static int deflate_all(struct layer_writer *w, int flush, struct sw_err *err)
{
    unsigned char out[CHUNK];
    int z;
    do {
        w->z.next_out = out;
        w->z.avail_out = sizeof(out);
        z = deflate(&w->z, flush);
        size_t n = sizeof(out) - w->z.avail_out;
        digest_hasher_update(w->compressed, out, n);
        w->size += n;
        int r = sw_write_all(w->fd, out, n, err);
        if (r < 0)
            return r;
    } while (w->z.avail_out == 0 || (flush == Z_FINISH && z != Z_STREAM_END));
    return 0;
}

int layer_writer_add(struct layer_writer *w, const void *data, size_t n, struct sw_err *err)
{
    digest_hasher_update(w->plain, data, n);
    const unsigned char *p = data;
    while (n > 0) {
        size_t part = SW_MIN(n, (size_t)1 << 30);
        w->z.next_in = (unsigned char *)(uintptr_t)p;
        w->z.avail_in = (unsigned)part;
        int r = deflate_all(w, Z_NO_FLUSH, err);
        if (r < 0)
            return r;
        p += part;
        n -= part;
    }
    return 0;
}

int layer_writer_finish(struct layer_writer *w, struct local_image_layer *ret, struct sw_err *err)
{
    w->z.avail_in = 0;
    int r = deflate_all(w, Z_FINISH, err);
    if (r < 0)
        return r;
    digest_hasher_peek(w->compressed, &ret->digest);
    digest_hasher_peek(w->plain, &ret->diff_id);
    ret->size = w->size;
    ret->media_type = MEDIA_OCI_LAYER_GZIP;
    return 0;
}

void layer_writer_free(struct layer_writer *w)
{
    if (!w)
        return;
    (void)deflateEnd(&w->z);
    digest_hasher_free(w->compressed);
    digest_hasher_free(w->plain);
    if (w->fd >= 0)
        (void)close(w->fd);
    free(w);
}
