/* SPDX-License-Identifier: Apache-2.0 */
/* registry/api/ecr_schema.c - repositories, images and layers. Names, types, limits and enumerations as in Amazon's model of
 * 2015-09-21; how each input member is handled is ours. What belongs to the registry as a whole is in ecr_schema_registry.c. */
#include "registry/api/ecr_rows.h"
#include "registry/core/layer_upload.h"
#include "registry/core/reference.h"
#include "registry/core/tag_rule.h"

bool ecr_is_repository(const char *s)
{
    return repo_name_valid(sw_str(s));
}

bool ecr_is_registry_id(const char *s)
{
    size_t n = 0;
    while (s[n] >= '0' && s[n] <= '9')
        n++;
    return n == 12 && s[n] == 0;
}

/* 8-4-4-4-12 hexadecimal digits. */
bool ecr_is_upload_id(const char *s)
{
    for (size_t i = 0; i < 36; i++) {
        bool dash = i == 8 || i == 13 || i == 18 || i == 23;
        bool hex = (s[i] >= '0' && s[i] <= '9') || (s[i] >= 'a' && s[i] <= 'f') ||
                   (s[i] >= 'A' && s[i] <= 'F');
        if (dash ? s[i] != '-' : !hex)
            return false;
    }
    return s[36] == 0;
}

static bool is_tag_filter(const char *s)
{
    return tag_filter_valid(sw_str(s));
}

/* clang-format off */
const char *const ecr_mutabilities[] = {"MUTABLE", "IMMUTABLE", "IMMUTABLE_WITH_EXCLUSION", "MUTABLE_WITH_EXCLUSION", NULL};
const char *const ecr_encryption_types[] = {"AES256", "KMS", "KMS_DSSE", NULL};
static const char *const image_statuses[] = {"ACTIVE", "ARCHIVED", "ACTIVATING", NULL};
static const char *const image_status_filters[] = {"ACTIVE", "ARCHIVED", "ACTIVATING", "ANY", NULL};
static const char *const filter_kinds[] = {"WILDCARD", NULL};
static const char *const tag_statuses[] = {"TAGGED", "UNTAGGED", "ANY", NULL};
static const char *const image_failures[] = {
    "InvalidImageDigest", "InvalidImageTag", "ImageTagDoesNotMatchDigest", "ImageNotFound", "MissingDigestAndTag",
    "ImageReferencedByManifestList", "KmsError", "UpstreamAccessDenied", "UpstreamTooManyRequests", "UpstreamUnavailable",
    "ImageInaccessible", NULL};
static const char *const layer_failures[] = {"InvalidLayerDigest", "MissingLayerDigest", NULL};
static const char *const availabilities[] = {"AVAILABLE", "UNAVAILABLE", "ARCHIVED", NULL};

const struct sw_field ecr_empty_out[] = {F_END};

/* Inner structures. Inputs and outputs share those whose members are stored and echoed. */
static const struct sw_field tag_member[] = {STRING("Key", F_READ), STRING("Value", F_READ), F_END};
const struct sw_field ecr_tag_element[] = {STRUCT("tag", F_READ, tag_member), F_END};
const struct sw_field ecr_string_element[] = {STRING("element", F_READ), F_END};
static const struct sw_field scanning[] = {{.name = "scanOnPush", .type = T_BOOL, .flags = F_STORED}, F_END};
const struct sw_field ecr_encryption[] = {
    STRING("encryptionType", F_REQUIRED | F_READ, .values = ecr_encryption_types),
    STRING("kmsKey", F_LIMITS | F_REFUSED, .min = 1, .max = 2048),
    F_END};
const struct sw_field ecr_image_id_members[] = {
    STRING("imageDigest", F_READ),
    STRING("imageTag", F_READ | F_LIMITS, .min = 1, .max = 300),
    F_END};
const struct sw_field ecr_image_id_element[] = {STRUCT("imageId", F_READ, ecr_image_id_members), F_END};
static const struct sw_field image_filter[] = {
    STRING("tagStatus", F_READ, .values = tag_statuses), STRING("imageStatus", F_READ, .values = image_status_filters), F_END};
static const struct sw_field mutability_filter[] = {
    STRING("filterType", F_REQUIRED | F_READ, .values = filter_kinds),
    STRING("filter", F_REQUIRED | F_READ | F_LIMITS, .min = 1, .max = TAG_FILTER_MAX, .check = is_tag_filter, .pattern = "^[0-9a-zA-Z._*-]{1,128}"),
    F_END};
const struct sw_field ecr_mutability_filter_element[] = {STRUCT("filter", F_READ, mutability_filter), F_END};
#define MUTABILITY_FILTERS(fl, ...) \
    LIST("imageTagMutabilityExclusionFilters", F_LIMITS | (fl), ecr_mutability_filter_element, .min = 1, .max = TAG_FILTERS_MAX, __VA_ARGS__)

static const struct sw_field repository[] = {
    STRING("repositoryArn", 0),
    OUT_REPOSITORY,
    STRING("repositoryUri", 0),
    {.name = "createdAt", .type = T_TIMESTAMP},
    STRING("imageTagMutability", 0, .values = ecr_mutabilities),
    MUTABILITY_FILTERS(0),
    STRUCT("imageScanningConfiguration", 0, scanning),
    STRUCT("encryptionConfiguration", 0, ecr_encryption),
    F_END};
static const struct sw_field repository_element[] = {STRUCT("repository", 0, repository), F_END};

static const struct sw_field image_failure[] = {
    STRUCT("imageId", 0, ecr_image_id_members),
    STRING("failureCode", 0, .values = image_failures),
    STRING("failureReason", 0),
    F_END};
static const struct sw_field image_failure_element[] = {STRUCT("failure", 0, image_failure), F_END};

static const struct sw_field image[] = {
    OUT_REPOSITORY,
    STRUCT("imageId", 0, ecr_image_id_members),
    STRING("imageManifest", F_LIMITS, .min = 1, .max = LIMIT_MANIFEST),
    STRING("imageManifestMediaType", 0),
    F_END};
static const struct sw_field image_element[] = {STRUCT("image", 0, image), F_END};

/* GetAuthorizationToken */
static const struct sw_field registry_id_element[] = {
    STRING("registryId", F_READ, .check = ecr_is_registry_id, .pattern = "[0-9]{12}"), F_END};
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
    LIST("tags", F_READ, ecr_tag_element),
    STRING("imageTagMutability", F_BOUND, .values = ecr_mutabilities, BOUND(ecr_repository_in, mutability)),
    MUTABILITY_FILTERS(F_BOUND, BOUND(ecr_repository_in, filters)),
    STRUCT("imageScanningConfiguration", F_STORED, scanning),
    STRUCT("encryptionConfiguration", F_READ, ecr_encryption),
    F_END};
const struct sw_field ecr_create_repository_out[] = {STRUCT("repository", 0, repository), F_END};
const struct sw_field ecr_delete_repository_in[] = {
    IN_REPOSITORY(ecr_repository_in),
    {.name = "force", .type = T_BOOL, .flags = F_BOUND, BOUND(ecr_repository_in, force)},
    F_END};
const struct sw_field ecr_repository_name_element[] = {REPOSITORY("repositoryName", F_READ), F_END};
const struct sw_field ecr_describe_repositories_in[] = {
    REGISTRY_ID(F_BOUND, BOUND(ecr_list_in, registry_id)),
    LIST("repositoryNames", F_BOUND | F_LIMITS, ecr_repository_name_element, .min = 1, .max = 100,
         BOUND(ecr_list_in, names)),
    IN_PAGE(ecr_list_in),
    F_END};
const struct sw_field ecr_describe_repositories_out[] = {
    LIST("repositories", 0, repository_element), STRING("nextToken", 0), F_END};
const struct sw_field ecr_put_image_tag_mutability_in[] = {
    IN_REPOSITORY(ecr_repository_in),
    STRING("imageTagMutability", F_REQUIRED | F_BOUND, .values = ecr_mutabilities, BOUND(ecr_repository_in, mutability)),
    MUTABILITY_FILTERS(F_BOUND, BOUND(ecr_repository_in, filters)),
    F_END};
const struct sw_field ecr_put_image_tag_mutability_out[] = {
    OUT_REPOSITORY, STRING("imageTagMutability", 0, .values = ecr_mutabilities), MUTABILITY_FILTERS(0), F_END};
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
    {.name = "filter", .type = T_STRUCT, .flags = F_BOUND, .of = image_filter, BOUND(ecr_list_in, filter)},
    F_END};
const struct sw_field ecr_list_images_out[] = {
    LIST("imageIds", 0, ecr_image_id_element), STRING("nextToken", 0), F_END};
const struct sw_field ecr_describe_images_in[] = {
    IN_REPOSITORY(ecr_list_in),
    LIST("imageIds", F_BOUND | F_LIMITS, ecr_image_id_element, .min = 1, .max = 100, BOUND(ecr_list_in, image_ids)),
    IN_PAGE(ecr_list_in),
    {.name = "filter", .type = T_STRUCT, .flags = F_BOUND, .of = image_filter, BOUND(ecr_list_in, filter)},
    F_END};
static const struct sw_field image_detail[] = {
    OUT_REPOSITORY,
    STRING("imageDigest", 0),
    LIST("imageTags", 0, ecr_string_element),
    {.name = "imageSizeInBytes", .type = T_LONG},
    {.name = "imagePushedAt", .type = T_TIMESTAMP},
    STRING("imageManifestMediaType", 0),
    STRING("artifactMediaType", 0),
    TIME("lastRecordedPullTime"),
    STRING("subjectManifestDigest", 0),
    STRING("imageStatus", 0, .values = image_statuses),
    TIME("lastArchivedAt"),
    TIME("lastActivatedAt"),
    F_END};
static const struct sw_field image_detail_element[] = {STRUCT("imageDetail", 0, image_detail), F_END};
const struct sw_field ecr_describe_images_out[] = {
    LIST("imageDetails", 0, image_detail_element), STRING("nextToken", 0), F_END};
const struct sw_field ecr_batch_get_image_in[] = {
    IN_REPOSITORY(ecr_images_in),
    LIST("imageIds", F_REQUIRED | F_BOUND | F_LIMITS, ecr_image_id_element, .min = 1, .max = 100,
         BOUND(ecr_images_in, image_ids)),
    LIST("acceptedMediaTypes", F_BOUND | F_LIMITS, ecr_string_element, .min = 1, .max = 100,
         BOUND(ecr_images_in, media_types)),
    F_END};
const struct sw_field ecr_batch_get_image_out[] = {
    LIST("images", 0, image_element), LIST("failures", 0, image_failure_element), F_END};
const struct sw_field ecr_batch_delete_image_in[] = {
    IN_REPOSITORY(ecr_images_in),
    LIST("imageIds", F_REQUIRED | F_BOUND | F_LIMITS, ecr_image_id_element, .min = 1, .max = 100,
         BOUND(ecr_images_in, image_ids)),
    F_END};
const struct sw_field ecr_batch_delete_image_out[] = {
    LIST("imageIds", 0, ecr_image_id_element), LIST("failures", 0, image_failure_element), F_END};
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
const struct sw_field ecr_list_tags_for_resource_out[] = {LIST("tags", 0, ecr_tag_element), F_END};
const struct sw_field ecr_tag_resource_in[] = {
    STRING("resourceArn", F_REQUIRED | F_BOUND, BOUND(ecr_tags_in, arn)),
    LIST("tags", F_REQUIRED | F_BOUND, ecr_tag_element, BOUND(ecr_tags_in, tags)),
    F_END};
const struct sw_field ecr_untag_resource_in[] = {
    STRING("resourceArn", F_REQUIRED | F_BOUND, BOUND(ecr_tags_in, arn)),
    LIST("tagKeys", F_REQUIRED | F_BOUND, ecr_string_element, BOUND(ecr_tags_in, keys)),
    F_END};


/* Layers in parts, and their addresses */
const struct sw_field ecr_initiate_layer_upload_in[] = {IN_REPOSITORY(ecr_layer_in), F_END};
const struct sw_field ecr_initiate_layer_upload_out[] = {
    STRING("uploadId", 0), {.name = "partSize", .type = T_LONG}, F_END};
#define IN_UPLOAD_ID \
    STRING("uploadId", F_REQUIRED | F_BOUND, .check = ecr_is_upload_id, \
           .pattern = "[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}", \
           BOUND(ecr_layer_in, upload_id))
const struct sw_field ecr_upload_layer_part_in[] = {
    IN_REPOSITORY(ecr_layer_in),
    IN_UPLOAD_ID,
    {.name = "partFirstByte", .type = T_LONG, .flags = F_REQUIRED | F_BOUND | F_LIMITS, .min = 0, .max = -1, BOUND(ecr_layer_in, first)},
    {.name = "partLastByte", .type = T_LONG, .flags = F_REQUIRED | F_BOUND | F_LIMITS, .min = 0, .max = -1, BOUND(ecr_layer_in, last)},
    {.name = "layerPartBlob", .type = T_BLOB, .flags = F_REQUIRED | F_BOUND | F_LIMITS, .min = 0, .max = LAYER_PART_SIZE, BOUND(ecr_layer_in, blob)},
    F_END};
const struct sw_field ecr_upload_layer_part_out[] = {
    OUT_REPOSITORY, STRING("uploadId", 0), {.name = "lastByteReceived", .type = T_LONG}, F_END};
static const struct sw_field digest_element[] = {STRING("layerDigest", F_READ), F_END};
const struct sw_field ecr_complete_layer_upload_in[] = {
    IN_REPOSITORY(ecr_layer_in),
    IN_UPLOAD_ID,
    LIST("layerDigests", F_REQUIRED | F_BOUND | F_LIMITS, digest_element, .min = 1, .max = 100, BOUND(ecr_layer_in, digests)),
    F_END};
const struct sw_field ecr_complete_layer_upload_out[] = {
    OUT_REPOSITORY, STRING("uploadId", 0), STRING("layerDigest", 0), F_END};
const struct sw_field ecr_get_download_url_for_layer_in[] = {
    IN_REPOSITORY(ecr_layer_in),
    STRING("layerDigest", F_REQUIRED | F_BOUND, BOUND(ecr_layer_in, digest)),
    F_END};
const struct sw_field ecr_get_download_url_for_layer_out[] = {
    STRING("downloadUrl", 0), STRING("layerDigest", 0), F_END};

/* Referrers */
static const struct sw_field subject[] = {STRING("imageDigest", F_REQUIRED | F_READ), F_END};
static const struct sw_field referrer_filter[] = {
    LIST("artifactTypes", F_READ | F_LIMITS, ecr_string_element, .min = 1, .max = 5),
    STRING("artifactStatus", F_READ, .values = image_status_filters),
    F_END};
const struct sw_field ecr_list_image_referrers_in[] = {
    IN_REPOSITORY(ecr_list_in),
    {.name = "subjectId", .type = T_STRUCT, .flags = F_REQUIRED | F_READ, .of = subject},
    {.name = "filter", .type = T_STRUCT, .flags = F_BOUND, .of = referrer_filter, BOUND(ecr_list_in, filter)},
    IN_TOKEN_AND_MAX(ecr_list_in, 50),
    F_END};
static const struct sw_field annotation[] = {STRING("key", 0), STRING("value", 0), F_END};
static const struct sw_field referrer[] = {
    STRING("digest", F_REQUIRED),
    STRING("mediaType", F_REQUIRED),
    STRING("artifactType", 0),
    {.name = "size", .type = T_LONG, .flags = F_REQUIRED},
    {.name = "annotations", .type = T_MAP, .of = annotation},
    STRING("artifactStatus", 0, .values = image_statuses),
    F_END};
static const struct sw_field referrer_element[] = {STRUCT("referrer", 0, referrer), F_END};
const struct sw_field ecr_list_image_referrers_out[] = {LIST("referrers", 0, referrer_element), STRING("nextToken", 0), F_END};

/* Repository policies */
#define POLICY_TEXT STRING("policyText", F_REQUIRED | F_BOUND | F_LIMITS, .min = 0, .max = LIMIT_ECR_POLICY_TEXT, BOUND(ecr_policy_in, text))
const struct sw_field ecr_set_repository_policy_in[] = {
    IN_REPOSITORY(ecr_policy_in), POLICY_TEXT, BOOL("force", F_BOUND, BOUND(ecr_policy_in, force)), F_END};
const struct sw_field ecr_repository_policy_in[] = {IN_REPOSITORY(ecr_policy_in), F_END};
const struct sw_field ecr_repository_policy_out[] = {OUT_REPOSITORY, STRING("policyText", 0), F_END};
/* clang-format on */
