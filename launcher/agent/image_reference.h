/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* launcher/agent/image_reference.h - the text of an image name, parsed strictly. Pure.
 * HOST[:PORT]/repo[:tag][@digest]; `<account>.dkr.ecr.<region>.<domain>/repo` and a name without a host belong to our own
 * registry; docker.io is Docker's. Expected error: SW_EINVALID "CannotPullContainerError". */
#include <stdbool.h>
#include <stddef.h>

#include "base/digest.h"
#include "base/err.h"
#include "base/str.h"

#define IMAGE_REFERENCE_MAX 1024

struct image_registry {
    const char *host_port; /* our own registry; NULL: none */
    bool tls;
};
struct image_reference {
    char host_port[272]; /* whom to connect to */
    char
        host_header[272]; /* "" or the name to send as Host (an ECR-style one carries the region) */
    char repository[257];
    char tag[129]; /* "" when only a digest was given */
    bool has_digest;
    struct digest digest;
    bool ours;
    bool tls; /* ours: as configured; elsewhere all but loopback hosts */
    /* Of a pull from our own registry in somebody else's name: the header's value, borrowed. NULL: the client's. */
    const char *authorization;
    /* For whatever registry it is, when that asks: "Basic ...", borrowed. NULL: none. */
    const char *credentials;
    const char *identity; /* whose `authorization` is, borrowed; NULL: the client's own */
    bool ask;             /* the registry, even for a manifest that is here: may they? */
    bool known;           /* they were allowed before, and that is enough */
};

int image_name_parse(struct sw_str text, const struct image_registry *own,
                     struct image_reference *ret, struct sw_err *err);
/* True for localhost, 127.0.0.0/8 and ::1, with or without a port. */
bool image_host_is_loopback(const char *host_port);
