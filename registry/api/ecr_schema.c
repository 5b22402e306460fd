/* SPDX-License-Identifier: Apache-2.0 */
/* registry/api/ecr_schema.c - names, types, limits and enumerations as in Amazon's model of 2015-09-21; how each input member is
 * handled is ours. */
#include "registry/api/ecr_schema.h"

#include <stddef.h>

#include "base/limits.h"
#include "registry/core/reference.h"

#define REPOSITORY_PATTERN "(?:[a-z0-9]+(?:[._-][a-z0-9]+)*/)*[a-z0-9]+(?:[._-][a-z0-9]+)*"

static bool is_repository(const char *s)
{
    return repo_name_valid(sw_str(s));
}

static bool is_registry_id(const char *s)
{
    size_t n = 0;
    while (s[n] >= '0' && s[n] <= '9')
        n++;
    return n == 12 && s[n] == 0;
}

/* clang-format off */
#define STRING(n, fl, ...)    {.name = n, .type = T_STRING, .flags = (fl), __VA_ARGS__}
#define BOUND(st, member, ...) .off = offsetof(struct st, member), __VA_ARGS__
#define LIST(n, fl, element, ...) {.name = n, .type = T_LIST, .flags = (fl), .of = element, __VA_ARGS__}
#define STRUCT(n, fl, members) {.name = n, .type = T_STRUCT, .flags = (fl), .of = members}
#define REGISTRY_ID(fl, ...)  STRING("registryId", (fl), .check = is_registry_id, .pattern = "[0-9]{12}", __VA_ARGS__)
#define REPOSITORY(n, fl, ...) \
    STRING(n, F_LIMITS | (fl), .min = 2, .max = 256, .check = is_repository, .pattern = REPOSITORY_PATTERN, __VA_ARGS__)
#define IN_REPOSITORY(st) \
    REGISTRY_ID(F_BOUND, BOUND(st, registry_id)), \
    REPOSITORY("repositoryName", F_REQUIRED | F_BOUND, BOUND(st, repository))
#define OUT_REPOSITORY REGISTRY_ID(0), REPOSITORY("repositoryName", 0)
#define IN_PAGE(st) \
    STRING("nextToken", F_BOUND, BOUND(st, next_token)), \
    {.name = "maxResults", .type = T_INT, .flags = F_BOUND | F_LIMITS, .min = 1, .max = 1000, BOUND(st, max_results)}

static const char *const mutabilities[] = {"MUTABLE", "IMMUTABLE", NULL};
static const char *const encryption_types[] = {"AES256", "KMS", NULL};
static const char *const tag_statuses[] = {"TAGGED", "UNTAGGED", "ANY", NULL};
static const char *const image_failures[] = {
    "InvalidImageDigest", "InvalidImageTag", "ImageTagDoesNotMatchDigest", "ImageNotFound", "MissingDigestAndTag",
    "ImageReferencedByManifestList", "KmsError", NULL};
static const char *const layer_failures[] = {"InvalidLayerDigest", "MissingLayerDigest", NULL};
static const char *const availabilities[] = {"AVAILABLE", "UNAVAILABLE", NULL};
static const char *const filter_types[] = {"PREFIX_MATCH", NULL};

const struct sw_field ecr_empty_out[] = {F_END};

/* Inner structures. Inputs and outputs share those whose members are stored and echoed. */
static const struct sw_field tag_member[] = {STRING("Key", F_READ), STRING("Value", F_READ), F_END};
static const struct sw_field tag_element[] = {STRUCT("tag", F_READ, tag_member), F_END};
static const struct sw_field string_element[] = {STRING("element", F_READ), F_END};
static const struct sw_field scanning[] = {{.name = "scanOnPush", .type = T_BOOL, .flags = F_STORED}, F_END};
static const struct sw_field encryption[] = {
    STRING("encryptionType", F_REQUIRED | F_READ, .values = encryption_types),
    STRING("kmsKey", F_LIMITS | F_REFUSED, .min = 1, .max = 2048),
    F_END};
static const struct sw_field image_id[] = {
    STRING("imageDigest", F_READ),
    STRING("imageTag", F_READ | F_LIMITS, .min = 1, .max = 300),
    F_END};
static const struct sw_field image_id_element[] = {STRUCT("imageId", F_READ, image_id), F_END};
static const struct sw_field tag_status_filter[] = {STRING("tagStatus", F_READ, .values = tag_statuses), F_END};

static const struct sw_field repository[] = {
    STRING("repositoryArn", 0),
    OUT_REPOSITORY,
    STRING("repositoryUri", 0),
    {.name = "createdAt", .type = T_TIMESTAMP},
    STRING("imageTagMutability", 0, .values = mutabilities),
    STRUCT("imageScanningConfiguration", 0, scanning),
    STRUCT("encryptionConfiguration", 0, encryption),
    F_END};
static const struct sw_field repository_element[] = {STRUCT("repository", 0, repository), F_END};

static const struct sw_field image_failure[] = {
    STRUCT("imageId", 0, image_id),
    STRING("failureCode", 0, .values = image_failures),
    STRING("failureReason", 0),
    F_END};
static const struct sw_field image_failure_element[] = {STRUCT("failure", 0, image_failure), F_END};

static const struct sw_field image[] = {
    OUT_REPOSITORY,
    STRUCT("imageId", 0, image_id),
    STRING("imageManifest", F_LIMITS, .min = 1, .max = LIMIT_MANIFEST),
    STRING("imageManifestMediaType", 0),
    F_END};
static const struct sw_field image_element[] = {STRUCT("image", 0, image), F_END};

/* GetAuthorizationToken */
static const struct sw_field registry_id_element[] = {
    STRING("registryId", F_READ, .check = is_registry_id, .pattern = "[0-9]{12}"), F_END};
const struct sw_field ecr_get_authorization_token_in[] = {
    LIST("registryIds", F_BOUND | F_LIMITS, registry_id_element, .min = 1, .max = 10, BOUND(ecr_token_in, registry_ids)),
    F_END};
static const struct sw_field authorization[] = {
    STRING("authorizationToken", 0),
    {.name = "expiresAt", .type = T_TIMESTAMP},
    STRING("proxyEndpoint", 0),
    F_END};
static const struct sw_field authorization_element[] = {STRUCT("authorization", 0, authorization), F_END};
const struct sw_field ecr_get_authorization_token_out[] = {LIST("authorizationData", 0, authorization_element), F_END};

/* Repositories */
const struct sw_field ecr_create_repository_in[] = {
    IN_REPOSITORY(ecr_repository_in),
    LIST("tags", F_READ, tag_element),
    STRING("imageTagMutability", F_BOUND, .values = mutabilities, BOUND(ecr_repository_in, mutability)),
    STRUCT("imageScanningConfiguration", F_STORED, scanning),
    STRUCT("encryptionConfiguration", F_READ, encryption),
    F_END};
const struct sw_field ecr_create_repository_out[] = {STRUCT("repository", 0, repository), F_END};
const struct sw_field ecr_delete_repository_in[] = {
    IN_REPOSITORY(ecr_repository_in),
    {.name = "force", .type = T_BOOL, .flags = F_BOUND, BOUND(ecr_repository_in, force)},
    F_END};
static const struct sw_field repository_name_element[] = {REPOSITORY("repositoryName", F_READ), F_END};
const struct sw_field ecr_describe_repositories_in[] = {
    REGISTRY_ID(F_BOUND, BOUND(ecr_list_in, registry_id)),
    LIST("repositoryNames", F_BOUND | F_LIMITS, repository_name_element, .min = 1, .max = 100,
         BOUND(ecr_list_in, names)),
    IN_PAGE(ecr_list_in),
    F_END};
const struct sw_field ecr_describe_repositories_out[] = {
    LIST("repositories", 0, repository_element), STRING("nextToken", 0), F_END};
const struct sw_field ecr_put_image_tag_mutability_in[] = {
    IN_REPOSITORY(ecr_repository_in),
    STRING("imageTagMutability", F_REQUIRED | F_BOUND, .values = mutabilities, BOUND(ecr_repository_in, mutability)),
    F_END};
const struct sw_field ecr_put_image_tag_mutability_out[] = {
    OUT_REPOSITORY, STRING("imageTagMutability", 0, .values = mutabilities), F_END};
const struct sw_field ecr_put_image_scanning_configuration_in[] = {
    IN_REPOSITORY(ecr_repository_in),
    STRUCT("imageScanningConfiguration", F_REQUIRED | F_STORED, scanning),
    F_END};
const struct sw_field ecr_put_image_scanning_configuration_out[] = {
    OUT_REPOSITORY, STRUCT("imageScanningConfiguration", 0, scanning), F_END};

/* Images */
const struct sw_field ecr_list_images_in[] = {
    IN_REPOSITORY(ecr_list_in),
    IN_PAGE(ecr_list_in),
    {.name = "filter", .type = T_STRUCT, .flags = F_BOUND, .of = tag_status_filter, BOUND(ecr_list_in, filter)},
    F_END};
const struct sw_field ecr_list_images_out[] = {
    LIST("imageIds", 0, image_id_element), STRING("nextToken", 0), F_END};
const struct sw_field ecr_describe_images_in[] = {
    IN_REPOSITORY(ecr_list_in),
    LIST("imageIds", F_BOUND | F_LIMITS, image_id_element, .min = 1, .max = 100, BOUND(ecr_list_in, image_ids)),
    IN_PAGE(ecr_list_in),
    {.name = "filter", .type = T_STRUCT, .flags = F_BOUND, .of = tag_status_filter, BOUND(ecr_list_in, filter)},
    F_END};
static const struct sw_field image_detail[] = {
    OUT_REPOSITORY,
    STRING("imageDigest", 0),
    LIST("imageTags", 0, string_element),
    {.name = "imageSizeInBytes", .type = T_LONG},
    {.name = "imagePushedAt", .type = T_TIMESTAMP},
    STRING("imageManifestMediaType", 0),
    STRING("artifactMediaType", 0),
    F_END};
static const struct sw_field image_detail_element[] = {STRUCT("imageDetail", 0, image_detail), F_END};
const struct sw_field ecr_describe_images_out[] = {
    LIST("imageDetails", 0, image_detail_element), STRING("nextToken", 0), F_END};
const struct sw_field ecr_batch_get_image_in[] = {
    IN_REPOSITORY(ecr_images_in),
    LIST("imageIds", F_REQUIRED | F_BOUND | F_LIMITS, image_id_element, .min = 1, .max = 100,
         BOUND(ecr_images_in, image_ids)),
    LIST("acceptedMediaTypes", F_BOUND | F_LIMITS, string_element, .min = 1, .max = 100,
         BOUND(ecr_images_in, media_types)),
    F_END};
const struct sw_field ecr_batch_get_image_out[] = {
    LIST("images", 0, image_element), LIST("failures", 0, image_failure_element), F_END};
const struct sw_field ecr_batch_delete_image_in[] = {
    IN_REPOSITORY(ecr_images_in),
    LIST("imageIds", F_REQUIRED | F_BOUND | F_LIMITS, image_id_element, .min = 1, .max = 100,
         BOUND(ecr_images_in, image_ids)),
    F_END};
const struct sw_field ecr_batch_delete_image_out[] = {
    LIST("imageIds", 0, image_id_element), LIST("failures", 0, image_failure_element), F_END};
const struct sw_field ecr_put_image_in[] = {
    IN_REPOSITORY(ecr_put_image_in),
    STRING("imageManifest", F_REQUIRED | F_BOUND | F_LIMITS, .min = 1, .max = LIMIT_MANIFEST,
           BOUND(ecr_put_image_in, manifest)),
    STRING("imageManifestMediaType", F_BOUND, BOUND(ecr_put_image_in, media_type)),
    STRING("imageTag", F_BOUND | F_LIMITS, .min = 1, .max = 300, BOUND(ecr_put_image_in, tag)),
    STRING("imageDigest", F_BOUND, BOUND(ecr_put_image_in, digest)),
    F_END};
const struct sw_field ecr_put_image_out[] = {STRUCT("image", 0, image), F_END};

/* Layers */
static const struct sw_field layer_digest_element[] = {
    STRING("layerDigest", F_READ | F_LIMITS, .min = 0, .max = 1000), F_END};
const struct sw_field ecr_batch_check_layer_availability_in[] = {
    IN_REPOSITORY(ecr_images_in),
    LIST("layerDigests", F_REQUIRED | F_BOUND | F_LIMITS, layer_digest_element, .min = 1, .max = 100,
         BOUND(ecr_images_in, digests)),
    F_END};
static const struct sw_field layer[] = {
    STRING("layerDigest", 0),
    STRING("layerAvailability", 0, .values = availabilities),
    {.name = "layerSize", .type = T_LONG},
    STRING("mediaType", 0),
    F_END};
static const struct sw_field layer_element[] = {STRUCT("layer", 0, layer), F_END};
static const struct sw_field layer_failure[] = {
    STRING("layerDigest", F_LIMITS, .min = 0, .max = 1000),
    STRING("failureCode", 0, .values = layer_failures),
    STRING("failureReason", 0),
    F_END};
static const struct sw_field layer_failure_element[] = {STRUCT("failure", 0, layer_failure), F_END};
const struct sw_field ecr_batch_check_layer_availability_out[] = {
    LIST("layers", 0, layer_element), LIST("failures", 0, layer_failure_element), F_END};

/* Resource tags */
const struct sw_field ecr_list_tags_for_resource_in[] = {
    STRING("resourceArn", F_REQUIRED | F_BOUND, BOUND(ecr_tags_in, arn)), F_END};
const struct sw_field ecr_list_tags_for_resource_out[] = {LIST("tags", 0, tag_element), F_END};
const struct sw_field ecr_tag_resource_in[] = {
    STRING("resourceArn", F_REQUIRED | F_BOUND, BOUND(ecr_tags_in, arn)),
    LIST("tags", F_REQUIRED | F_BOUND, tag_element, BOUND(ecr_tags_in, tags)),
    F_END};
const struct sw_field ecr_untag_resource_in[] = {
    STRING("resourceArn", F_REQUIRED | F_BOUND, BOUND(ecr_tags_in, arn)),
    LIST("tagKeys", F_REQUIRED | F_BOUND, string_element, BOUND(ecr_tags_in, keys)),
    F_END};

/* DescribeRegistry */
const struct sw_field ecr_describe_registry_in[] = {F_END};
static const struct sw_field destination[] = {
    STRING("region", F_REQUIRED | F_LIMITS, .min = 2, .max = 25),
    REGISTRY_ID(F_REQUIRED),
    F_END};
static const struct sw_field destination_element[] = {STRUCT("destination", 0, destination), F_END};
static const struct sw_field repository_filter[] = {
    STRING("filter", F_REQUIRED | F_LIMITS, .min = 2, .max = 256),
    STRING("filterType", F_REQUIRED, .values = filter_types),
    F_END};
static const struct sw_field repository_filter_element[] = {STRUCT("filter", 0, repository_filter), F_END};
static const struct sw_field replication_rule[] = {
    LIST("destinations", F_REQUIRED | F_LIMITS, destination_element, .min = 0, .max = 25),
    LIST("repositoryFilters", F_LIMITS, repository_filter_element, .min = 1, .max = 100),
    F_END};
static const struct sw_field replication_rule_element[] = {STRUCT("rule", 0, replication_rule), F_END};
static const struct sw_field replication[] = {
    LIST("rules", F_REQUIRED | F_LIMITS, replication_rule_element, .min = 0, .max = 10), F_END};
const struct sw_field ecr_describe_registry_out[] = {
    REGISTRY_ID(0), STRUCT("replicationConfiguration", 0, replication), F_END};
/* clang-format on */
