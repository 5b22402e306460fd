/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* registry/core/manifest_parse.h - what the registry needs to know about a manifest.
 * Docker schema 2 images and lists, OCI images and indexes (image-spec "manifest.md", "image-index.md"). Pure and bounded:
 * LIMIT_MANIFEST bytes, depth, values and descriptors. JSON takes up to 300 bytes of memory for each value, so of documents above
 * LIMIT_MANIFEST_LARGE four at once are parsed and not done; who comes next waits, so nobody may hold two. Unknown members are allowed; what could be read in two ways is not:
 * duplicate keys, an index with layers, an image with manifests, a media type that contradicts the Content-Type.
 * Expected errors: SW_EINVALID and SW_ELIMIT, MANIFEST_INVALID; MANIFEST_TOO_LARGE. */
#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/digest.h"
#include "base/err.h"
#include "base/str.h"

#define MEDIA_OCI_IMAGE    "application/vnd.oci.image.manifest.v1+json"
#define MEDIA_OCI_INDEX    "application/vnd.oci.image.index.v1+json"
#define MEDIA_DOCKER_IMAGE "application/vnd.docker.distribution.manifest.v2+json"
#define MEDIA_DOCKER_LIST  "application/vnd.docker.distribution.manifest.list.v2+json"

enum manifest_role { MANIFEST_CONFIG, MANIFEST_LAYER, MANIFEST_CHILD, MANIFEST_ROLE_MAX_ };
const char *manifest_role_to_string(enum manifest_role r); /* "config" "layer" "manifest" */

struct manifest_descriptor {
    enum manifest_role role;
    struct digest digest;
    int64_t size;
    bool foreign; /* the bytes are elsewhere: a non-distributable type, or it has urls */
};

struct manifest {
    json_t *doc;            /* owned; the strings below are its */
    const char *media_type; /* one of the four above, static */
    bool is_index;
    const char
        *artifact_type; /* the manifest's own, else an image's config media type; may be NULL */
    const char *config_media_type; /* may be NULL */
    bool has_subject;
    struct digest subject;
    const json_t *annotations; /* object or NULL */
    struct manifest_descriptor *refs;
    size_t refs_n;
    bool large; /* holds one of the four places */
};

/* content_type: the header's value, parameters and all; empty: only the body's own mediaType counts. */
int manifest_parse(struct sw_str text, struct sw_str content_type, struct manifest *ret,
                   struct sw_err *err);
void manifest_done(struct manifest *m);
/* Bytes of config and layers (not of an index's children); saturates. */
int64_t manifest_image_size(const struct manifest *m);
