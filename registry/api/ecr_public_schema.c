/* SPDX-License-Identifier: Apache-2.0 */
/* registry/api/ecr_public_schema.c - names, types and limits as in Amazon's ecr-public model of 2020-10-30. Replies that both services
 * share are the private one's tables. A registry has no alias, so that a registryId is an account number everywhere. */
#include "registry/api/ecr_public_schema.h"

#include "registry/api/ecr_rows.h"
#include "registry/core/layer_upload.h"

/* clang-format off */
static const char *const alias_statuses[] = {"ACTIVE", "PENDING", "REJECTED", NULL};

#define PUBLIC_NAME(fl, ...) \
    STRING("repositoryName", F_LIMITS | (fl), .min = 2, .max = 205, .check = ecr_is_repository, .pattern = ECR_REPOSITORY_PATTERN, __VA_ARGS__)
#define IN_PUBLIC(st) \
    STRING("registryId", F_BOUND | F_LIMITS, .min = 1, .max = 256, .check = ecr_is_registry_id, .pattern = "[0-9]{12}", BOUND(st, registry_id)), \
    PUBLIC_NAME(F_REQUIRED | F_BOUND, BOUND(st, repository))

static const struct sw_field tag[] = {
    STRING("Key", F_READ | F_LIMITS, .min = 1, .max = 128), STRING("Value", F_READ | F_LIMITS, .min = 0, .max = 256), F_END};
static const struct sw_field tag_element[] = {STRUCT("tag", F_READ, tag), F_END};
static const struct sw_field key_element[] = {STRING("key", F_READ | F_LIMITS, .min = 1, .max = 128), F_END};
static const struct sw_field word_element[] = {STRING("word", F_STORED | F_LIMITS, .min = 1, .max = 50), F_END};
static const struct sw_field digest_element[] = {STRING("layerDigest", F_READ | F_LIMITS, .min = 0, .max = 1000), F_END};
static const struct sw_field layer_digest_element[] = {STRING("layerDigest", F_READ), F_END};
static const struct sw_field name_element[] = {PUBLIC_NAME(F_READ), F_END};

#define CATALOG_MEMBERS \
    STRING("description", F_STORED | F_LIMITS, .min = 0, .max = 1024), \
    LIST("architectures", F_STORED | F_LIMITS, word_element, .min = 0, .max = 50), \
    LIST("operatingSystems", F_STORED | F_LIMITS, word_element, .min = 0, .max = 50), \
    STRING("aboutText", F_STORED | F_LIMITS, .min = 0, .max = 10240), \
    STRING("usageText", F_STORED | F_LIMITS, .min = 0, .max = 10240)
static const struct sw_field catalog_in[] = {
    CATALOG_MEMBERS, {.name = "logoImageBlob", .type = T_BLOB, .flags = F_REFUSED | F_LIMITS, .min = 0, .max = 512000}, F_END};
static const struct sw_field catalog[] = {CATALOG_MEMBERS, STRING("logoUrl", 0), BOOL("marketplaceCertified", 0), F_END};

const struct sw_field ecr_public_no_in[] = {F_END};
const struct sw_field ecr_public_page_in[] = {IN_PAGE(ecr_list_in), F_END};

/* Repositories */
const struct sw_field ecr_public_create_repository_in[] = {
    PUBLIC_NAME(F_REQUIRED | F_BOUND, BOUND(ecr_repository_in, repository)),
    STRUCT("catalogData", F_READ, catalog_in),
    LIST("tags", F_READ | F_LIMITS, tag_element, .min = 0, .max = 200), F_END};
static const struct sw_field repository[] = {
    STRING("repositoryArn", 0), REGISTRY_ID(0), PUBLIC_NAME(0), STRING("repositoryUri", 0), TIME("createdAt"), F_END};
static const struct sw_field repository_element[] = {STRUCT("repository", 0, repository), F_END};
const struct sw_field ecr_public_create_repository_out[] = {
    STRUCT("repository", 0, repository), STRUCT("catalogData", 0, catalog), F_END};
const struct sw_field ecr_public_delete_repository_in[] = {
    IN_PUBLIC(ecr_repository_in), BOOL("force", F_BOUND, BOUND(ecr_repository_in, force)), F_END};
const struct sw_field ecr_public_delete_repository_out[] = {STRUCT("repository", 0, repository), F_END};
const struct sw_field ecr_public_describe_repositories_in[] = {
    REGISTRY_ID(F_BOUND, BOUND(ecr_list_in, registry_id)),
    LIST("repositoryNames", F_BOUND | F_LIMITS, name_element, .min = 1, .max = 100, BOUND(ecr_list_in, names)),
    IN_PAGE(ecr_list_in), F_END};
const struct sw_field ecr_public_describe_repositories_out[] = {
    LIST("repositories", 0, repository_element), STRING("nextToken", 0), F_END};

/* Catalog data */
const struct sw_field ecr_public_repository_in[] = {IN_PUBLIC(ecr_policy_in), F_END};
const struct sw_field ecr_public_put_catalog_in[] = {
    IN_PUBLIC(ecr_policy_in), STRUCT("catalogData", F_REQUIRED | F_READ, catalog_in), F_END};
const struct sw_field ecr_public_catalog_out[] = {STRUCT("catalogData", 0, catalog), F_END};
const struct sw_field ecr_public_put_registry_catalog_in[] = {
    STRING("displayName", F_BOUND | F_LIMITS, .min = 0, .max = 100, BOUND(ecr_setting_in, name)), F_END};
static const struct sw_field registry_catalog[] = {STRING("displayName", 0), F_END};
const struct sw_field ecr_public_registry_catalog_out[] = {STRUCT("registryCatalogData", F_REQUIRED, registry_catalog), F_END};

/* Registries and the login */
static const struct sw_field alias[] = {
    STRING("name", F_REQUIRED), STRING("status", F_REQUIRED, .values = alias_statuses), BOOL("primaryRegistryAlias", F_REQUIRED),
    BOOL("defaultRegistryAlias", F_REQUIRED), F_END};
static const struct sw_field alias_element[] = {STRUCT("alias", 0, alias), F_END};
static const struct sw_field registry[] = {
    REGISTRY_ID(F_REQUIRED), STRING("registryArn", F_REQUIRED), STRING("registryUri", F_REQUIRED), BOOL("verified", F_REQUIRED),
    LIST("aliases", F_REQUIRED, alias_element), F_END};
static const struct sw_field registry_element[] = {STRUCT("registry", 0, registry), F_END};
const struct sw_field ecr_public_describe_registries_out[] = {
    LIST("registries", F_REQUIRED, registry_element), STRING("nextToken", 0), F_END};
static const struct sw_field authorization[] = {STRING("authorizationToken", 0), TIME("expiresAt"), F_END};
const struct sw_field ecr_public_get_authorization_token_out[] = {STRUCT("authorizationData", 0, authorization), F_END};

/* Policies and resource tags */
const struct sw_field ecr_public_set_policy_in[] = {
    IN_PUBLIC(ecr_policy_in),
    STRING("policyText", F_REQUIRED | F_BOUND | F_LIMITS, .min = 0, .max = LIMIT_ECR_POLICY_TEXT, BOUND(ecr_policy_in, text)),
    BOOL("force", F_BOUND, BOUND(ecr_policy_in, force)), F_END};
#define ARN STRING("resourceArn", F_REQUIRED | F_BOUND, BOUND(ecr_tags_in, arn))
const struct sw_field ecr_public_list_tags_in[] = {ARN, F_END};
const struct sw_field ecr_public_tag_in[] = {
    ARN, LIST("tags", F_REQUIRED | F_BOUND | F_LIMITS, tag_element, .min = 0, .max = 200, BOUND(ecr_tags_in, tags)), F_END};
const struct sw_field ecr_public_untag_in[] = {
    ARN, LIST("tagKeys", F_REQUIRED | F_BOUND | F_LIMITS, key_element, .min = 0, .max = 200, BOUND(ecr_tags_in, keys)), F_END};

/* Images and layers */
#define IMAGE_IDS(fl, st) LIST("imageIds", F_BOUND | F_LIMITS | (fl), ecr_image_id_element, .min = 1, .max = 100, BOUND(st, image_ids))
const struct sw_field ecr_public_images_in[] = {IN_PUBLIC(ecr_images_in), IMAGE_IDS(F_REQUIRED, ecr_images_in), F_END};
const struct sw_field ecr_public_describe_images_in[] = {
    IN_PUBLIC(ecr_list_in), IMAGE_IDS(0, ecr_list_in), IN_PAGE(ecr_list_in), F_END};
const struct sw_field ecr_public_describe_image_tags_in[] = {IN_PUBLIC(ecr_list_in), IN_PAGE(ecr_list_in), F_END};
static const struct sw_field image_detail[] = {
    REGISTRY_ID(0), PUBLIC_NAME(0), STRING("imageDigest", 0), LIST("imageTags", 0, ecr_string_element),
    {.name = "imageSizeInBytes", .type = T_LONG}, TIME("imagePushedAt"), STRING("imageManifestMediaType", 0),
    STRING("artifactMediaType", 0), F_END};
static const struct sw_field image_detail_element[] = {STRUCT("imageDetail", 0, image_detail), F_END};
const struct sw_field ecr_public_describe_images_out[] = {
    LIST("imageDetails", 0, image_detail_element), STRING("nextToken", 0), F_END};
static const struct sw_field referenced[] = {
    STRING("imageDigest", 0), {.name = "imageSizeInBytes", .type = T_LONG}, TIME("imagePushedAt"),
    STRING("imageManifestMediaType", 0), STRING("artifactMediaType", 0), F_END};
static const struct sw_field tag_detail[] = {
    STRING("imageTag", 0), TIME("createdAt"), STRUCT("imageDetail", 0, referenced), F_END};
static const struct sw_field tag_detail_element[] = {STRUCT("imageTagDetail", 0, tag_detail), F_END};
const struct sw_field ecr_public_describe_image_tags_out[] = {
    LIST("imageTagDetails", 0, tag_detail_element), STRING("nextToken", 0), F_END};
const struct sw_field ecr_public_put_image_in[] = {
    IN_PUBLIC(ecr_put_image_in),
    STRING("imageManifest", F_REQUIRED | F_BOUND | F_LIMITS, .min = 1, .max = LIMIT_MANIFEST, BOUND(ecr_put_image_in, manifest)),
    STRING("imageManifestMediaType", F_BOUND, BOUND(ecr_put_image_in, media_type)),
    STRING("imageTag", F_BOUND | F_LIMITS, .min = 1, .max = 300, BOUND(ecr_put_image_in, tag)),
    STRING("imageDigest", F_BOUND, BOUND(ecr_put_image_in, digest)), F_END};
const struct sw_field ecr_public_layers_in[] = {
    IN_PUBLIC(ecr_images_in),
    LIST("layerDigests", F_REQUIRED | F_BOUND | F_LIMITS, digest_element, .min = 1, .max = 100, BOUND(ecr_images_in, digests)), F_END};
const struct sw_field ecr_public_initiate_layer_upload_in[] = {IN_PUBLIC(ecr_layer_in), F_END};
#define UPLOAD_ID \
    STRING("uploadId", F_REQUIRED | F_BOUND, .check = ecr_is_upload_id, \
           .pattern = "[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}", BOUND(ecr_layer_in, upload_id))
const struct sw_field ecr_public_upload_layer_part_in[] = {
    IN_PUBLIC(ecr_layer_in), UPLOAD_ID,
    {.name = "partFirstByte", .type = T_LONG, .flags = F_REQUIRED | F_BOUND | F_LIMITS, .min = 0, .max = -1, BOUND(ecr_layer_in, first)},
    {.name = "partLastByte", .type = T_LONG, .flags = F_REQUIRED | F_BOUND | F_LIMITS, .min = 0, .max = -1, BOUND(ecr_layer_in, last)},
    {.name = "layerPartBlob", .type = T_BLOB, .flags = F_REQUIRED | F_BOUND | F_LIMITS, .min = 0, .max = LAYER_PART_SIZE, BOUND(ecr_layer_in, blob)},
    F_END};
const struct sw_field ecr_public_complete_layer_upload_in[] = {
    IN_PUBLIC(ecr_layer_in), UPLOAD_ID,
    LIST("layerDigests", F_REQUIRED | F_BOUND | F_LIMITS, layer_digest_element, .min = 1, .max = 100, BOUND(ecr_layer_in, digests)), F_END};
/* clang-format on */
