/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* registry/core/tag_rule.h - which tags of a repository may be moved, once they are set. Pure.
 * ECR user guide, "Preventing image tags from being overwritten": a repository is mutable or immutable as a whole, or with the
 * exception of the tags that one of up to five patterns matches. */
#include <jansson.h>
#include <stdbool.h>

#include "base/str.h"

enum repo_mutability {
    REPO_MUTABLE,
    REPO_IMMUTABLE,
    REPO_MUTABLE_WITH_EXCLUSION,   /* tags that a pattern matches are fixed */
    REPO_IMMUTABLE_WITH_EXCLUSION, /* tags that a pattern matches may be moved */
    REPO_MUTABILITY_MAX_
};
const char *repo_mutability_to_string(enum repo_mutability m); /* "IMMUTABLE_WITH_EXCLUSION" */
bool repo_mutability_from_string(struct sw_str s, enum repo_mutability *ret);
static inline bool repo_mutability_has_filters(enum repo_mutability m)
{
    return m == REPO_MUTABLE_WITH_EXCLUSION || m == REPO_IMMUTABLE_WITH_EXCLUSION;
}

#define TAG_FILTERS_MAX    5
#define TAG_FILTER_MAX     128                                  /* characters */
#define TAG_FILTER_SETTING "imageTagMutabilityExclusionFilters" /* in a repository's settings */

/* [0-9a-zA-Z._*-]{1,128} */
bool tag_filter_valid(struct sw_str filter);
/* '*' stands for any text, also none. Time is bounded by the product of both lengths. */
bool tag_filter_matches(const char *filter, const char *tag);
/* filters: [{"filterType": "WILDCARD", "filter": "v*"}] or NULL. */
bool tag_is_fixed(enum repo_mutability m, const json_t *filters, const char *tag);
