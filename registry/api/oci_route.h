/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* registry/api/oci_route.h - from a request path to what it names. Pure.
 * Paths are matched from the right, because a repository may be called "a/blobs/uploads/b" or "x/manifests/y". Segments are
 * percent-decoded one by one, so an escape never makes or removes a slash. */
#include <stdbool.h>

#include "base/err.h"
#include "registry/core/reference.h"

enum oci_kind {
    OCI_PING,
    OCI_CATALOG,
    OCI_TOKEN,
    OCI_BLOB,
    OCI_UPLOADS, /* where uploads begin */
    OCI_UPLOAD,
    OCI_MANIFEST,
    OCI_TAGS,
    OCI_REFERRERS,
    OCI_KIND_MAX_
};
const char *oci_kind_to_string(
    enum oci_kind k); /* "oci.blob": the name of the route in the access log */

#define OCI_REFERENCE_MAX 300

struct oci_route {
    enum oci_kind kind;
    char name[REPO_NAME_MAX + 1]; /* valid; "" for PING, CATALOG and TOKEN */
    char reference
        [OCI_REFERENCE_MAX]; /* decoded, not checked: digest, tag or upload token; "" where there is none */
};

/* path: as received. SW_ENOTFOUND (no reason): names nothing. NAME_INVALID: the name breaks the grammar. */
int oci_route_parse(const char *path, struct oci_route *ret, struct sw_err *err);
