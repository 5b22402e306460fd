/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* server/local_image.h - an image on this machine's disk, ready to be pushed: an OCI layout in a folder or a tar archive, a docker
 * archive (docker save), or a plain folder that becomes the root filesystem. What has to be made (layers, configuration) lies in a temporary folder that goes
 * with the image. One thread at a time. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/digest.h"
#include "base/err.h"

#define MEDIA_OCI_MANIFEST   "application/vnd.oci.image.manifest.v1+json"
#define MEDIA_OCI_INDEX      "application/vnd.oci.image.index.v1+json"
#define MEDIA_OCI_CONFIG     "application/vnd.oci.image.config.v1+json"
#define MEDIA_OCI_LAYER_GZIP "application/vnd.oci.image.layer.v1.tar+gzip"
#define MEDIA_OCI_LAYER_ZSTD "application/vnd.oci.image.layer.v1.tar+zstd"

struct local_image_blob {
    struct digest digest;
    uint64_t size;
    char *path;
};
struct local_image_manifest {
    struct digest digest;
    char *media_type;
    char *content;
    size_t content_n;
};
struct local_image {
    struct local_image_blob *blobs;
    size_t blobs_n;
    struct local_image_manifest
        *manifests; /* children before parents; the last one is what the tag names */
    size_t manifests_n;
    char *temp_dir; /* NULL when nothing had to be made */
};

struct local_image_options {
    const char *name;       /* tag to look for when a layout or archive holds several images */
    const char *entrypoint; /* plain folder: a JSON list or one word; NULL: none */
    const char *cmd;        /* plain folder: the same; NULL: ["/bin/sh"] */
    void (*progress)(void *ctx, const char *what); /* may be NULL */
    void *progress_ctx;
    const volatile int *cancelled; /* non-zero: give up with SW_EUNAVAILABLE; may be NULL */
};

/* Finds out which of them `path` is. */
int local_image_open(const char *path, const struct local_image_options *o, struct local_image *ret,
                     struct sw_err *err);
void local_image_done(struct local_image *i);

/* For the sources, now and then: SW_EUNAVAILABLE when it was cancelled. */
int local_image_go_on(const struct local_image_options *o, struct sw_err *err);

/* The sources; local_image_open chooses. */
int local_image_from_layout(const char *path, const struct local_image_options *o,
                            struct local_image *ret, struct sw_err *err);
int local_image_from_archive(const char *path, const struct local_image_options *o,
                             struct local_image *ret, struct sw_err *err);
int local_image_from_folder(const char *path, const struct local_image_options *o,
                            struct local_image *ret, struct sw_err *err);

/* For the sources. */
int local_image_make_temp_dir(struct local_image *i, struct sw_err *err);
bool local_image_has_blob(const struct local_image *i, const struct digest *d);
void local_image_add_blob(struct local_image *i, const struct digest *d, uint64_t size,
                          char *path); /* takes path */
void local_image_add_manifest(struct local_image *i, const char *media_type, const void *content,
                              size_t n);
/* Config written to the temporary folder and a manifest over the layers (blobs added before). */
struct local_image_layer {
    struct digest digest, diff_id;
    uint64_t size;
    const char *media_type; /* static */
};
int local_image_finish(struct local_image *i, const char *config, size_t config_n,
                       const struct local_image_layer *layers, size_t layers_n, struct sw_err *err);

/* Takes an uncompressed tar, writes it gzip-compressed to `path`, and knows both digests at the end. */
struct layer_writer;
int layer_writer_open(const char *path, struct layer_writer **ret, struct sw_err *err);
int layer_writer_add(struct layer_writer *w, const void *data, size_t n, struct sw_err *err);
int layer_writer_finish(struct layer_writer *w, struct local_image_layer *ret,
                        struct sw_err *err); /* then free */
void layer_writer_free(struct layer_writer *w);
