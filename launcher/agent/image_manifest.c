/* SPDX-License-Identifier: Apache-2.0 */
/* launcher/agent/image_manifest.c - OCI image-spec manifest.md, image-index.md, config.md ("Layer ChainID"); Docker's image
 * manifest version 2, schema 2. */
#include "launcher/agent/image_manifest.h"

#include <sys/utsname.h>

#include "base/buf.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/macros.h"

#define REASON            "CannotPullImageManifestError"
#define INDEX_ENTRIES_MAX LIMIT_MANIFEST_DESCRIPTORS

static const struct {
    const char *type;
    bool index;
} manifest_types[] = {
    {"application/vnd.oci.image.manifest.v1+json", false},
    {"application/vnd.docker.distribution.manifest.v2+json", false},
    {"application/vnd.oci.image.index.v1+json", true},
    {"application/vnd.docker.distribution.manifest.list.v2+json", true},
};

static const char *const layer_types[] = {
    "application/vnd.oci.image.layer.v1.tar",
    "application/vnd.oci.image.layer.v1.tar+gzip",
    "application/vnd.oci.image.layer.v1.tar+zstd",
    "application/vnd.oci.image.layer.nondistributable.v1.tar",
    "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip",
    "application/vnd.oci.image.layer.nondistributable.v1.tar+zstd",
    "application/vnd.docker.image.rootfs.diff.tar",
    "application/vnd.docker.image.rootfs.diff.tar.gzip",
    "application/vnd.docker.image.rootfs.diff.tar.zstd",
    "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip",
};

const char *image_own_architecture(void)
{
    struct utsname u;
    if (uname(&u) < 0)
        return "unknown";
    if (strcmp(u.machine, "x86_64") == 0)
        return "amd64";
    if (strcmp(u.machine, "aarch64") == 0)
        return "arm64";
    return "unknown";
}

static int descriptor_of(const json_t *o, const char *what, struct image_descriptor *ret,
                         struct sw_err *err)
{
    if (!digest_parse(sw_str(sw_json_str(o, "digest", "")), &ret->digest))
        return sw_fail(err, SW_EINVALID, REASON, "%s has no valid digest", what);
    ret->size = sw_json_int(o, "size", -1);
    if (ret->size < 0)
        return sw_fail(err, SW_EINVALID, REASON, "%s has no valid size", what);
    return 0;
}

/* The type that both the response and the document agree on. 0, or 1 for an index. */
static int kind_of(const json_t *doc, const char *content_type, struct sw_err *err)
{
    const char *inside = sw_json_str(doc, "mediaType", NULL);
    struct sw_str rest = sw_str(content_type), outside = {0};
    if (content_type)
        (void)sw_str_split(&rest, ';', &outside);
    outside = sw_str_trim(outside);
    bool has_layers = json_object_get(doc, "layers") || json_object_get(doc, "config");
    bool has_manifests = json_object_get(doc, "manifests") != NULL;
    if (has_layers == has_manifests)
        return sw_fail(err, SW_EINVALID, REASON, "the document is %s",
                       has_layers ? "both a manifest and an index" : "no image manifest");
    for (size_t i = 0; i < SW_ARRAY_LEN(manifest_types); i++) {
        bool in = !inside || sw_streq(inside, manifest_types[i].type);
        bool out = !outside.n || sw_str_eq_z(outside, manifest_types[i].type);
        if (in && out && manifest_types[i].index == has_manifests)
            return has_manifests;
    }
    return sw_fail(err, SW_EINVALID, REASON,
                   "media type '%s' of the document does not fit '" SW_STR_FMT "' or its content",
                   inside ? inside : "", SW_STR_ARG(outside));
}

static int pick_platform(const json_t *doc, const char *architecture, struct image_descriptor *ret,
                         struct sw_err *err)
{
    const json_t *list = sw_json_array(doc, "manifests");
    SW_CLEANUP(sw_buf_done) struct sw_buf found = SW_BUF_INIT(300);
    size_t i;
    json_t *m;
    if (json_array_size(list) > INDEX_ENTRIES_MAX)
        return sw_fail(err, SW_ELIMIT, REASON, "the index has too many entries");
    json_array_foreach(list, i, m) {
        const json_t *p = sw_json_object(m, "platform");
        const char *os = sw_json_str(p, "os", "unknown"),
                   *arch = sw_json_str(p, "architecture", "unknown");
        const char *variant = sw_json_str(p, "variant", "");
        if (sw_streq(os, "linux") && sw_streq(arch, architecture) &&
            (!variant[0] || sw_streq(variant, "v8")))
            return descriptor_of(m, "the index entry", ret, err);
        if (!sw_streq(os, "unknown"))
            sw_buf_addf(&found, "%s%s/%s", found.n ? ", " : "", os, arch);
    }
    return sw_fail(err, SW_EINVALID, "CannotPullContainerError",
                   "no matching manifest for linux/%s in the image index (found: %s)", architecture,
                   found.n ? sw_buf_str(&found).p : "none");
}

static int layers_of(const json_t *doc, struct image_manifest *m, struct sw_err *err)
{
    const json_t *list = sw_json_array(doc, "layers");
    size_t i, t;
    json_t *l;
    if (json_array_size(list) > IMAGE_LAYERS_MAX)
        return sw_fail(err, SW_ELIMIT, REASON, "the image has more than %d layers",
                       IMAGE_LAYERS_MAX);
    json_array_foreach(list, i, l) {
        const char *type = sw_json_str(l, "mediaType", "");
        for (t = 0; t < SW_ARRAY_LEN(layer_types) && !sw_streq(type, layer_types[t]); t++)
            ;
        if (t == SW_ARRAY_LEN(layer_types))
            return sw_fail(err, SW_EINVALID, REASON,
                           "layer %zu is of type '%.100s', which is no file system", i, type);
        if (descriptor_of(l, "a layer", &m->layers[i], err) < 0)
            return err->code;
    }
    m->layers_n = json_array_size(list);
    return descriptor_of(sw_json_object(doc, "config"), "the configuration", &m->config, err);
}

int image_manifest_parse(struct sw_str body, const char *content_type, const char *architecture,
                         struct image_manifest *ret, struct sw_err *err)
{
    sw_autojson json_t *doc = NULL;
    memset(ret, 0, sizeof *ret);
    if (body.n > LIMIT_MANIFEST)
        return sw_fail(err, SW_ELIMIT, REASON, "the manifest is larger than %d bytes",
                       LIMIT_MANIFEST);
    if (sw_json_load(body, LIMIT_MANIFEST_DEPTH, LIMIT_MANIFEST_VALUES, REASON, &doc, err) < 0)
        return sw_prefix(err, "image manifest");
    if (!json_is_object(doc) || sw_json_int(doc, "schemaVersion", 0) != 2)
        return sw_fail(err, SW_EINVALID, REASON, "the manifest is not of schema version 2");
    int kind = kind_of(doc, content_type, err);
    if (kind < 0)
        return kind;
    ret->is_index = kind == 1;
    return kind == 1 ? pick_platform(doc, architecture, &ret->child, err)
                     : layers_of(doc, ret, err);
}

static void chain_ids(struct image_config *c)
{
    for (size_t i = 0; i < c->layers_n; i++) {
        if (i == 0) {
            c->chain[0] = c->diff[0];
            continue;
        }
        char before[DIGEST_STRING_MAX], diff[DIGEST_STRING_MAX], text[2 * DIGEST_STRING_MAX];
        digest_format(&c->chain[i - 1], before);
        digest_format(&c->diff[i], diff);
        int n = snprintf(text, sizeof text, "%s %s", before, diff);
        digest_of(DIGEST_SHA256, text, (size_t)n, &c->chain[i]);
    }
}

static int config_fields(struct image_config *c, size_t layers_n, const char *architecture,
                         struct sw_err *err)
{
    const json_t *rootfs = sw_json_object(c->doc, "rootfs"),
                 *diff = sw_json_array(rootfs, "diff_ids");
    const char *os = sw_json_str(c->doc, "os", ""), *arch = sw_json_str(c->doc, "architecture", "");
    if (!sw_streq(os, "linux") || !sw_streq(arch, architecture))
        return sw_fail(
            err, SW_EINVALID, "CannotPullContainerError",
            "the image is for another architecture: %.40s/%.40s, this instance is linux/%s", os,
            arch, architecture);
    if (!sw_streq(sw_json_str(rootfs, "type", ""), "layers") || json_array_size(diff) != layers_n)
        return sw_fail(err, SW_EINVALID, REASON,
                       "the image configuration describes %zu layers, the manifest %zu",
                       json_array_size(diff), layers_n);
    for (size_t i = 0; i < layers_n; i++) {
        const char *text = json_string_value(json_array_get(diff, i));
        if (!digest_parse(sw_str(text), &c->diff[i]) || c->diff[i].algorithm != DIGEST_SHA256)
            return sw_fail(err, SW_EINVALID, REASON,
                           "diff id %zu of the image configuration is not valid", i);
    }
    c->layers_n = layers_n;
    chain_ids(c);
    return 0;
}

int image_config_parse(struct sw_str body, size_t layers_n, const char *architecture,
                       struct image_config *ret, struct sw_err *err)
{
    memset(ret, 0, sizeof *ret);
    if (sw_json_load(body, LIMIT_MANIFEST_DEPTH, LIMIT_MANIFEST_VALUES, REASON, &ret->doc, err) < 0)
        return sw_prefix(err, "image configuration");
    if (config_fields(ret, layers_n, architecture, err) < 0)
        image_config_done(ret);
    return err->code;
}

void image_config_done(struct image_config *c)
{
    json_decref(c->doc);
    c->doc = NULL;
}
