/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* launcher/agent/image_manifest.h - what a registry says an image is: manifests, indexes and configurations, parsed strictly.
 * Pure; owns its memory. A document that could be read as a manifest and as an index at once is refused (CVE-2021-41190).
 * Expected errors: SW_EINVALID "CannotPullImageManifestError", "CannotPullContainerError" (platform). */
#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/digest.h"
#include "base/err.h"
#include "base/str.h"

#define IMAGE_LAYERS_MAX 200

struct image_descriptor {
    struct digest digest;
    int64_t size;
};
struct image_manifest {
    bool is_index;
    struct image_descriptor config;
    struct image_descriptor layers[IMAGE_LAYERS_MAX];
    size_t layers_n;
    struct image_descriptor child; /* of an index: the one for our platform */
};
/* content_type: of the response, may be NULL or carry parameters. architecture: "amd64". */
int image_manifest_parse(struct sw_str body, const char *content_type, const char *architecture,
                         struct image_manifest *ret, struct sw_err *err);

struct image_config {
    json_t *doc;                           /* owned */
    struct digest chain[IMAGE_LAYERS_MAX]; /* chain ids, OCI image-spec config.md */
    struct digest diff[IMAGE_LAYERS_MAX];
    size_t layers_n;
};
/* Refuses another platform, and a count of layers that differs from the manifest's. */
int image_config_parse(struct sw_str body, size_t layers_n, const char *architecture,
                       struct image_config *ret, struct sw_err *err);
void image_config_done(struct image_config *c);

/* "amd64", "arm64" or what uname says. */
const char *image_own_architecture(void);
