/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* registry/api/ecr_rows.h - how rows of the ECR tables are written, and the inner structures that several of them share. For the
 * files that define tables; handlers include ecr_schema.h. */
#include <stddef.h>

#include "base/limits.h"
#include "registry/api/ecr_schema.h"

#define ECR_REPOSITORY_PATTERN "(?:[a-z0-9]+(?:[._-][a-z0-9]+)*/)*[a-z0-9]+(?:[._-][a-z0-9]+)*"

bool ecr_is_repository(const char *s);
bool ecr_is_registry_id(const char *s);
bool ecr_is_upload_id(const char *s);

/* clang-format off */
#define STRING(n, fl, ...)    {.name = n, .type = T_STRING, .flags = (fl), __VA_ARGS__}
#define BOUND(st, member, ...) .off = offsetof(struct st, member), __VA_ARGS__
#define LIST(n, fl, element, ...) {.name = n, .type = T_LIST, .flags = (fl), .of = element, __VA_ARGS__}
#define STRUCT(n, fl, members) {.name = n, .type = T_STRUCT, .flags = (fl), .of = members}
#define REGISTRY_ID(fl, ...)  STRING("registryId", (fl), .check = ecr_is_registry_id, .pattern = "[0-9]{12}", __VA_ARGS__)
#define REPOSITORY(n, fl, ...) \
    STRING(n, F_LIMITS | (fl), .min = 2, .max = 256, .check = ecr_is_repository, .pattern = ECR_REPOSITORY_PATTERN, __VA_ARGS__)
#define IN_REPOSITORY(st) \
    REGISTRY_ID(F_BOUND, BOUND(st, registry_id)), \
    REPOSITORY("repositoryName", F_REQUIRED | F_BOUND, BOUND(st, repository))
#define OUT_REPOSITORY REGISTRY_ID(0), REPOSITORY("repositoryName", 0)
#define BOOL(n, fl, ...) {.name = n, .type = T_BOOL, .flags = (fl), __VA_ARGS__}
#define TIME(n) {.name = n, .type = T_TIMESTAMP}
#define IN_TOKEN_AND_MAX(st, most) \
    STRING("nextToken", F_BOUND, BOUND(st, next_token)), \
    {.name = "maxResults", .type = T_INT, .flags = F_BOUND | F_LIMITS, .min = 1, .max = most, BOUND(st, max_results)}
#define IN_PAGE(st) IN_TOKEN_AND_MAX(st, 1000)
/* clang-format on */

extern const char *const ecr_mutabilities[], *const ecr_encryption_types[];
extern const struct sw_field ecr_tag_element[];      /* {"Key", "Value"} */
extern const struct sw_field ecr_string_element[];   /* of any text */
extern const struct sw_field ecr_image_id_members[]; /* {"imageDigest", "imageTag"} */
extern const struct sw_field ecr_image_id_element[]; /* the same in a list */
extern const struct sw_field ecr_encryption[];       /* {"encryptionType", "kmsKey"} */
extern const struct sw_field ecr_mutability_filter_element[];
extern const struct sw_field ecr_repository_name_element[];
extern const struct sw_field ecr_replication[];
