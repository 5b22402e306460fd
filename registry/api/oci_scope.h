/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* registry/api/oci_scope.h - scopes of bearer tokens: `repository:team/app:pull,push` and `registry:catalog:*`, several separated
 * by blanks (distribution token scope grammar). Pure. */
#include <stdbool.h>

#include "base/buf.h"
#include "base/str.h"
#include "registry/core/reference.h"

enum oci_right {
    OCI_PULL = 1,
    OCI_PUSH = 2,
    OCI_DELETE = 4,
    OCI_CATALOG_LIST = 8, /* of the registry, the others are of a repository */
};

struct oci_scope {
    char name[REPO_NAME_MAX + 1]; /* "" for the registry's catalog */
    unsigned rights;              /* enum oci_right; 0: nothing that we know */
};

/* One scope. False when it is none, or of a type or a repository name that cannot be here. */
bool oci_scope_parse(struct sw_str text, struct oci_scope *ret);
/* Appends it, after a blank unless it is the first; one without rights adds nothing. */
void oci_scope_add(struct sw_buf *b, const struct oci_scope *scope);
/* Whether the scopes together hold this right. */
bool oci_scopes_allow(const char *scopes, const char *repository, enum oci_right right);
/* The right that an action like "ecr:BatchGetImage" needs. */
enum oci_right oci_right_of(const char *action);
