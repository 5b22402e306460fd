/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* registry/api/ecr_schema.h - the ECR API as data: one array per structure, named as in Amazon's model, and what the handlers
 * compute with. A member that is read from the JSON or only stored has no place in a structure. */
#include "api/awsjson.h"
#include "api/schema.h"

struct ecr_repository_in { /* every operation on one repository */
    const char *registry_id, *repository;
    enum schema_bool force;
    const char *mutability;
};
struct ecr_list_in { /* lists in pages */
    const char *registry_id, *repository, *next_token;
    struct schema_int max_results;
    json_t *names, *image_ids, *filter;
};
struct ecr_images_in {
    const char *registry_id, *repository;
    json_t *image_ids, *media_types, *digests;
};
struct ecr_put_image_in {
    const char *registry_id, *repository, *manifest, *media_type, *tag, *digest;
};
struct ecr_tags_in {
    const char *arn;
    json_t *tags, *keys;
};
struct ecr_token_in {
    json_t *registry_ids;
};

extern const struct sw_field ecr_batch_check_layer_availability_in[],
    ecr_batch_check_layer_availability_out[];
extern const struct sw_field ecr_batch_delete_image_in[], ecr_batch_delete_image_out[];
extern const struct sw_field ecr_batch_get_image_in[], ecr_batch_get_image_out[];
extern const struct sw_field ecr_create_repository_in[], ecr_create_repository_out[];
extern const struct sw_field ecr_delete_repository_in[];
extern const struct sw_field ecr_describe_images_in[], ecr_describe_images_out[];
extern const struct sw_field ecr_describe_registry_in[], ecr_describe_registry_out[];
extern const struct sw_field ecr_describe_repositories_in[], ecr_describe_repositories_out[];
extern const struct sw_field ecr_get_authorization_token_in[], ecr_get_authorization_token_out[];
extern const struct sw_field ecr_list_images_in[], ecr_list_images_out[];
extern const struct sw_field ecr_list_tags_for_resource_in[], ecr_list_tags_for_resource_out[];
extern const struct sw_field ecr_put_image_in[], ecr_put_image_out[];
extern const struct sw_field ecr_put_image_scanning_configuration_in[],
    ecr_put_image_scanning_configuration_out[];
extern const struct sw_field ecr_put_image_tag_mutability_in[], ecr_put_image_tag_mutability_out[];
extern const struct sw_field ecr_tag_resource_in[], ecr_untag_resource_in[], ecr_empty_out[];
