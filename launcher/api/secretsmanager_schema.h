/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* launcher/api/secretsmanager_schema.h - members of the operations of Secrets Manager, API 2017-10-17. */
#include "api/schema.h"

extern const struct sw_field batch_get_secret_value_in[], batch_get_secret_value_out[];
extern const struct sw_field create_secret_in[], create_secret_out[];
extern const struct sw_field delete_secret_in[], delete_secret_out[];
extern const struct sw_field describe_secret_in[], describe_secret_out[];
extern const struct sw_field get_random_password_in[], get_random_password_out[];
extern const struct sw_field get_resource_policy_in[], get_resource_policy_out[];
extern const struct sw_field get_secret_value_in[], get_secret_value_out[];
extern const struct sw_field list_secret_version_ids_in[], list_secret_version_ids_out[];
extern const struct sw_field list_secrets_in[], list_secrets_out[];
extern const struct sw_field put_secret_value_in[], put_secret_value_out[];
extern const struct sw_field restore_secret_in[], restore_secret_out[];
extern const struct sw_field tag_secret_in[], tag_secret_out[];
extern const struct sw_field untag_secret_in[], untag_secret_out[];
extern const struct sw_field update_secret_in[], update_secret_out[];
extern const struct sw_field update_secret_version_stage_in[], update_secret_version_stage_out[];
