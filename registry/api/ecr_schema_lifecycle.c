/* SPDX-License-Identifier: Apache-2.0 */
/* registry/api/ecr_schema_lifecycle.c - lifecycle policies and previews, as in Amazon's model of 2015-09-21. */
#include "registry/api/ecr_lifecycle.h"
#include "registry/api/ecr_rows.h"
#include "registry/core/lifecycle_policy.h"

/* clang-format off */
#define POLICY_TEXT(fl, ...) \
    STRING("lifecyclePolicyText", F_LIMITS | (fl), .min = LIFECYCLE_TEXT_MIN, .max = LIFECYCLE_TEXT_MAX, __VA_ARGS__)

static const char *const statuses[] = {"IN_PROGRESS", "COMPLETE", "EXPIRED", "FAILED", NULL};
static const char *const actions[] = {"EXPIRE", NULL};
static const char *const tag_statuses[] = {"TAGGED", "UNTAGGED", "ANY", NULL};

const struct sw_field ecr_put_lifecycle_policy_in[] = {
    IN_REPOSITORY(ecr_lifecycle_in),
    POLICY_TEXT(F_REQUIRED | F_BOUND, BOUND(ecr_lifecycle_in, text)),
    F_END};
const struct sw_field ecr_put_lifecycle_policy_out[] = {OUT_REPOSITORY, POLICY_TEXT(0), F_END};
const struct sw_field ecr_get_lifecycle_policy_in[] = {IN_REPOSITORY(ecr_lifecycle_in), F_END};
const struct sw_field ecr_get_lifecycle_policy_out[] = {
    OUT_REPOSITORY, POLICY_TEXT(0), {.name = "lastEvaluatedAt", .type = T_TIMESTAMP}, F_END};

const struct sw_field ecr_start_lifecycle_policy_preview_in[] = {
    IN_REPOSITORY(ecr_lifecycle_in),
    POLICY_TEXT(F_BOUND, BOUND(ecr_lifecycle_in, text)),
    F_END};
const struct sw_field ecr_start_lifecycle_policy_preview_out[] = {
    OUT_REPOSITORY, POLICY_TEXT(0), STRING("status", 0, .values = statuses), F_END};

static const struct sw_field filter[] = {STRING("tagStatus", F_READ, .values = tag_statuses), F_END};
const struct sw_field ecr_get_lifecycle_policy_preview_in[] = {
    IN_REPOSITORY(ecr_lifecycle_in),
    LIST("imageIds", F_BOUND | F_LIMITS, ecr_image_id_element, .min = 1, .max = 100, BOUND(ecr_lifecycle_in, image_ids)),
    STRING("nextToken", F_BOUND, BOUND(ecr_lifecycle_in, next_token)),
    {.name = "maxResults", .type = T_INT, .flags = F_BOUND | F_LIMITS, .min = 1, .max = 100, BOUND(ecr_lifecycle_in, max_results)},
    {.name = "filter", .type = T_STRUCT, .flags = F_BOUND, .of = filter, BOUND(ecr_lifecycle_in, filter)},
    F_END};
static const struct sw_field action[] = {STRING("type", 0, .values = actions), F_END};
static const struct sw_field result[] = {
    LIST("imageTags", 0, ecr_string_element),
    STRING("imageDigest", 0),
    {.name = "imagePushedAt", .type = T_TIMESTAMP},
    STRUCT("action", 0, action),
    {.name = "appliedRulePriority", .type = T_INT, .flags = F_LIMITS, .min = 1, .max = INT32_MAX},
    F_END};
static const struct sw_field result_element[] = {STRUCT("result", 0, result), F_END};
static const struct sw_field summary[] = {{.name = "expiringImageTotalCount", .type = T_INT}, F_END};
const struct sw_field ecr_get_lifecycle_policy_preview_out[] = {
    OUT_REPOSITORY,
    POLICY_TEXT(0),
    STRING("status", 0, .values = statuses),
    STRING("nextToken", 0),
    LIST("previewResults", 0, result_element),
    STRUCT("summary", 0, summary),
    F_END};
/* clang-format on */
