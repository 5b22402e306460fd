/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/core/tag_rule.h"

#include <string.h>

#include "base/json.h"
#include "base/macros.h"

static const char *const names[] = {
    [REPO_MUTABLE] = "MUTABLE",
    [REPO_IMMUTABLE] = "IMMUTABLE",
    [REPO_MUTABLE_WITH_EXCLUSION] = "MUTABLE_WITH_EXCLUSION",
    [REPO_IMMUTABLE_WITH_EXCLUSION] = "IMMUTABLE_WITH_EXCLUSION",
};

const char *repo_mutability_to_string(enum repo_mutability m)
{
    return m < REPO_MUTABILITY_MAX_ ? names[m] : "";
}

bool repo_mutability_from_string(struct sw_str s, enum repo_mutability *ret)
{
    for (size_t i = 0; i < SW_ARRAY_LEN(names); i++)
        if (sw_str_eq_z(s, names[i])) {
            *ret = (enum repo_mutability)i;
            return true;
        }
    return false;
}

bool tag_filter_valid(struct sw_str filter)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                  "._*-";
    for (size_t i = 0; i < filter.n; i++)
        if (!filter.p[i] || !strchr(allowed, filter.p[i]))
            return false;
    return filter.n >= 1 && filter.n <= TAG_FILTER_MAX;
}

/* Only the last star is ever tried again: what an earlier one matched can stay as short as it is. */
bool tag_filter_matches(const char *filter, const char *tag)
{
    const char *star = NULL, *resume = NULL;
    while (*tag) {
        if (*filter == '*') {
            star = ++filter;
            resume = tag;
        } else if (*filter == *tag) {
            filter++;
            tag++;
        } else if (star) {
            filter = star;
            tag = ++resume;
        } else {
            return false;
        }
    }
    while (*filter == '*')
        filter++;
    return *filter == 0;
}

bool tag_is_fixed(enum repo_mutability m, const json_t *filters, const char *tag)
{
    bool matched = false;
    for (size_t i = 0; i < json_array_size(filters) && !matched; i++)
        matched = tag_filter_matches(sw_json_str(json_array_get(filters, i), "filter", ""), tag);
    switch (m) {
    case REPO_IMMUTABLE: return true;
    case REPO_MUTABLE_WITH_EXCLUSION: return matched;
    case REPO_IMMUTABLE_WITH_EXCLUSION: return !matched;
    case REPO_MUTABLE:
    case REPO_MUTABILITY_MAX_: break;
    }
    return false;
}
