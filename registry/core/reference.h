/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* registry/core/reference.h - grammar of repository names, tags and manifest references (OCI distribution-spec "Pull").
 * Pure. Everything that becomes a row or a path went through here or through digest_parse(). */
#include <stdbool.h>

#include "base/digest.h"
#include "base/err.h"
#include "base/str.h"

#define REPO_NAME_MIN 2
#define REPO_NAME_MAX 256 /* characters; ECR's bounds */
#define TAG_MAX       128

/* Components of [a-z0-9]+ joined by '.', '_', '__' or dashes, joined by '/'. */
bool repo_name_valid(struct sw_str name);
/* [a-zA-Z0-9_][a-zA-Z0-9._-]{0,127} */
bool tag_valid(struct sw_str tag);

struct reference {
    bool is_digest;
    struct digest digest;
    char text[DIGEST_STRING_MAX]; /* the tag, or the digest's text */
};

/* What follows /manifests/. SW_EINVALID: DIGEST_INVALID for anything with a colon that is no digest, else TAG_INVALID. */
int reference_parse(struct sw_str s, struct reference *ret, struct sw_err *err);
