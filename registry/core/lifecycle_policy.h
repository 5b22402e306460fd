/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* registry/core/lifecycle_policy.h - the text of a lifecycle policy as a value.
 * The whole grammar of ECR's user guide, "Lifecycle policy properties"; what is wrong is said with the rule that is wrong. What is
 * valid but not here (archive storage: action `transition`, storage class `archive`) is refused by name.
 * Pure, bounded by LIFECYCLE_TEXT_MAX. Threads: any.
 * Expected errors: SW_EINVALID "InvalidParameterException", SW_EUNSUPPORTED "UnsupportedFeatureException". */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"

#define LIFECYCLE_TEXT_MIN      100
#define LIFECYCLE_TEXT_MAX      30720
#define LIFECYCLE_RULES_MAX     50
#define LIFECYCLE_TAGS_MAX      100 /* prefixes or patterns of one rule */
#define LIFECYCLE_TAG_MAX       128
#define LIFECYCLE_WILDCARDS_MAX 4 /* in one pattern */

enum lifecycle_tag_status { LIFECYCLE_TAGGED, LIFECYCLE_UNTAGGED, LIFECYCLE_ANY };
enum lifecycle_count { LIFECYCLE_MORE_THAN, LIFECYCLE_SINCE_PUSHED, LIFECYCLE_SINCE_PULLED };

struct lifecycle_rule {
    int64_t priority;
    enum lifecycle_tag_status status;
    bool prefixes; /* tags are prefixes, else patterns with '*' */
    char *
        *tags; /* LIFECYCLE_TAGGED: the image must match each of them by some tag; owned, sorted */
    size_t tags_n;
    enum lifecycle_count count;
    int64_t number; /* images, or days */
};

struct lifecycle_policy {
    struct lifecycle_rule *rules; /* by priority, the smallest number first */
    size_t n;
};

int lifecycle_policy_parse(struct sw_str text, struct lifecycle_policy *ret, struct sw_err *err);
void lifecycle_policy_done(struct lifecycle_policy *p);

/* Whether the rule's requirement about tags holds. */
bool lifecycle_rule_matches(const struct lifecycle_rule *r, const char *const *tags, size_t n);
/* '*' stands for any run of characters, also none. */
bool lifecycle_pattern_matches(const char *pattern, const char *text);
