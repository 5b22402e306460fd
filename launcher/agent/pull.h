/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* launcher/agent/pull.h - an image name to snapshots on this machine.
 *
 * Promise: what is returned was verified: the manifest by the digest it was asked by, configuration and layers by their
 * descriptors (digest and size), each layer's uncompressed archive by the configuration's diff id. Layers are fetched in
 * parallel, unpacked while they arrive, resumed when the connection breaks, and only once for all who want them.
 * An image that is complete here and named by digest needs no network, one named by a tag is used as it was when its registry cannot
 * be reached: by whomever that registry gave it before (image_grants.h).
 * Threads: shared freely. Errors carry the reasons of ECS: CannotPullContainerError, CannotPullECRContainerError,
 * CannotPullImageManifestError. */
#include <jansson.h>
#include <stddef.h>

#include "base/digest.h"
#include "base/err.h"
#include "launcher/agent/image_reference.h"
#include "launcher/agent/image_store.h"
#include "launcher/agent/layer_unpack.h"
#include "launcher/agent/snapshot.h"

/* ECS_IMAGE_PULL_BEHAVIOR, for images that are named by a tag. A digest never names anything else. */
enum pull_behavior {
    PULL_DEFAULT, /* the registry says what it is; what is here when it cannot be reached */
    PULL_ALWAYS,  /* the registry says, or there is no image */
    PULL_CACHED,  /* "once", "prefer-cached": what is here, without asking, if there is something */
    PULL_BEHAVIOR_MAX_
};
struct puller_options {
    struct snapshots *snapshots; /* borrowed */
    const char *content_dir;     /* manifests and configurations */
    struct image_registry registry;
    const char *ca_file;
    int (*authorization)(void *ctx, const char *host_port, char *out, size_t cap,
                         struct sw_err *err);
    void *ctx;
    enum pull_behavior behavior;
    struct image_store *images; /* borrowed; NULL: nothing is ever cleaned */
    /* The disk is full: true when something went, so that trying again may help. May be NULL. */
    bool (*make_room)(void *room_ctx);
    void *room_ctx;
    const char *architecture;          /* NULL: this machine's */
    const struct layer_limits *limits; /* NULL: the defaults */
};
struct puller;
int puller_new(const struct puller_options *o, struct puller **ret, struct sw_err *err);
void puller_free(struct puller *p);

struct image {
    char manifest_digest[DIGEST_STRING_MAX];
    json_t *config; /* the whole document */
    char **layers;  /* folders, lowest first; at least one */
    size_t layers_n;
    struct image_hold *hold; /* keeps them until image_done; may be NULL */
};
void image_done(struct image *i);

/* In whose name. */
struct pull_as {
    const char
        *authorization; /* header for our own registry, in place of the node's; NULL: the node's */
    const char *identity;    /* whose authorization is: the same text for the same rights */
    const char *credentials; /* "Basic ..." for whatever registry the image is in; NULL: none */
    bool known; /* this image was allowed before: what is here is not asked for again */
};
/* cancelled: optional, non-zero ends it with SW_EUNAVAILABLE. as: NULL: the node's own. Somebody else's manifest is asked for even
 * if it is here, so that what the registry refuses is refused. */
int puller_pull(struct puller *p, const char *name, const struct pull_as *as,
                const volatile int *cancelled, struct image *ret, struct sw_err *err);
