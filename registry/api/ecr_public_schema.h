/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* registry/api/ecr_public_schema.h - the tables of ecr-public. The handlers' structures are those of ecr_schema.h. */
#include "api/schema.h"

extern const struct sw_field ecr_public_catalog_out[], ecr_public_complete_layer_upload_in[],
    ecr_public_create_repository_in[], ecr_public_create_repository_out[],
    ecr_public_delete_repository_in[], ecr_public_delete_repository_out[],
    ecr_public_describe_image_tags_in[], ecr_public_describe_image_tags_out[],
    ecr_public_describe_images_in[], ecr_public_describe_images_out[],
    ecr_public_describe_registries_out[], ecr_public_describe_repositories_in[],
    ecr_public_describe_repositories_out[], ecr_public_get_authorization_token_out[],
    ecr_public_images_in[], ecr_public_initiate_layer_upload_in[], ecr_public_layers_in[],
    ecr_public_list_tags_in[], ecr_public_no_in[], ecr_public_page_in[],
    ecr_public_put_catalog_in[], ecr_public_put_image_in[], ecr_public_put_registry_catalog_in[],
    ecr_public_registry_catalog_out[], ecr_public_repository_in[], ecr_public_set_policy_in[],
    ecr_public_tag_in[], ecr_public_untag_in[], ecr_public_upload_layer_part_in[];
