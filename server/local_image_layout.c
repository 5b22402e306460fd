/* SPDX-License-Identifier: Apache-2.0 */
/* server/local_image_layout.c - OCI image layout (image-spec "image-layout.md"): index.json names manifests in blobs/. Manifests go over
 * byte for byte; an index brings its children. */
#include <sys/stat.h>

#include "base/alloc.h"
#include "base/io.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/macros.h"
#include "server/local_image.h"

#define NESTING_MAX 8
#define REF_NAME    "org.opencontainers.image.ref.name"

struct source {
    const char *root;
    struct local_image *image;
};

static char *blob_path(const char *root, const struct digest *d)
{
    char hex[129];
    digest_hex(d, hex);
    return sw_asprintf("%s/blobs/%s/%s", root, digest_algorithm_to_string(d->algorithm), hex);
}

static int descriptor_digest(const json_t *descriptor, struct digest *ret, struct sw_err *err)
{
    const char *text = sw_json_str(descriptor, "digest", "");
    if (!digest_parse(sw_str(text), ret))
        return sw_fail(err, SW_EINVALID, NULL, "'%s' is not a digest", text);
    return 0;
}

static int add_file(struct source *s, const json_t *descriptor, struct sw_err *err)
{
    struct digest d;
    int r = descriptor_digest(descriptor, &d, err);
    if (r < 0 || local_image_has_blob(s->image, &d))
        return r;
    if (sw_json_array(descriptor, "urls") && json_array_size(sw_json_array(descriptor, "urls")) > 0)
        return 0; /* a foreign layer lives elsewhere */
    sw_autofree char *path = blob_path(s->root, &d);
    struct stat st;
    if (stat(path, &st) < 0 || !S_ISREG(st.st_mode))
        return sw_fail(err, SW_ENOTFOUND, NULL, "%s: the layout lacks this blob", path);
    if (st.st_size != sw_json_int(descriptor, "size", -1))
        return sw_fail(err, SW_EMISMATCH, NULL, "%s: its size is not the descriptor's", path);
    local_image_add_blob(s->image, &d, (uint64_t)st.st_size, SW_TAKE(path));
    return 0;
}

static bool has_manifest(const struct local_image *i, const struct digest *d)
{
    for (size_t k = 0; k < i->manifests_n; k++)
        if (digest_equal(&i->manifests[k].digest, d))
            return true;
    return false;
}

static int add_manifest(struct source *s, const json_t *descriptor, int depth, struct sw_err *err);

static int add_children(struct source *s, const json_t *manifest, int depth, struct sw_err *err)
{
    size_t i;
    json_t *child;
    int r = 0;
    json_array_foreach(sw_json_array(manifest, "manifests"), i, child) {
        r = add_manifest(s, child, depth + 1, err);
        if (r < 0)
            return r;
    }
    const json_t *config = sw_json_object(manifest, "config");
    if (config && (r = add_file(s, config, err)) < 0)
        return r;
    json_array_foreach(sw_json_array(manifest, "layers"), i, child) {
        r = add_file(s, child, err);
        if (r < 0)
            return r;
    }
    return 0;
}

static int add_manifest(struct source *s, const json_t *descriptor, int depth, struct sw_err *err)
{
    struct digest d, actual;
    int r = descriptor_digest(descriptor, &d, err);
    if (r == 0 && depth > NESTING_MAX)
        r = sw_fail(err, SW_ELIMIT, NULL, "indexes are nested deeper than %d", NESTING_MAX);
    if (r < 0)
        return r;
    if (has_manifest(s->image, &d))
        return 0;
    sw_autofree char *path = blob_path(s->root, &d);
    SW_CLEANUP(sw_buf_done) struct sw_buf content = SW_BUF_INIT(LIMIT_MANIFEST);
    sw_autojson json_t *manifest = NULL;
    r = sw_read_file(path, &content, err);
    if (r == 0) {
        digest_of(d.algorithm, content.p, content.n, &actual);
        if (!digest_equal(&d, &actual))
            r = sw_fail(err, SW_EMISMATCH, NULL, "%s: its content has another digest", path);
    }
    if (r == 0)
        r = sw_json_load(sw_buf_str(&content), LIMIT_MANIFEST_DEPTH, LIMIT_MANIFEST_VALUES, NULL,
                         &manifest, err);
    if (r == 0)
        r = add_children(s, manifest, depth, err);
    if (r < 0)
        return r;
    const char *media_type = sw_json_str(descriptor, "mediaType",
                                         sw_json_str(manifest, "mediaType", MEDIA_OCI_MANIFEST));
    local_image_add_manifest(s->image, media_type, content.p, content.n);
    s->image->manifests[s->image->manifests_n - 1].digest = d; /* an index may name it by sha512 */
    return 0;
}

/* The only image, or the one whose name annotation is the tag that is pushed. */
static const json_t *choose(const json_t *index, const char *name)
{
    const json_t *manifests = sw_json_array(index, "manifests");
    if (json_array_size(manifests) == 1)
        return json_array_get(manifests, 0);
    size_t i;
    json_t *m;
    json_array_foreach(manifests, i, m)
        if (name && sw_streq(sw_json_str(sw_json_object(m, "annotations"), REF_NAME, ""), name))
            return m;
    return NULL;
}

int local_image_from_layout(const char *path, const struct local_image_options *o,
                            struct local_image *ret, struct sw_err *err)
{
    struct source s = {.root = path, .image = ret};
    sw_autofree char *file = sw_asprintf("%s/index.json", path);
    sw_autojson json_t *index = NULL;
    int r = sw_json_load_file(file, LIMIT_MANIFEST, &index, err);
    if (r < 0)
        return r;
    const json_t *chosen = choose(index, o->name);
    if (!chosen)
        return sw_fail(err, SW_ENOTFOUND, NULL, "%s: holds %zu images, none of them named '%s'",
                       file, json_array_size(sw_json_array(index, "manifests")),
                       o->name ? o->name : "");
    return add_manifest(&s, chosen, 0, err);
}
