/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* registry/api/ecr_lifecycle.h - the operations on lifecycle policies and their previews. Tables in ecr_schema_lifecycle.c. A reply
 * has no member for who uses an image that stays: `slipway lifecycle preview` tells. */
#include "api/awsjson.h"

struct ecr_lifecycle_in {
    const char *registry_id, *repository, *text, *next_token;
    struct schema_int max_results;
    json_t *image_ids, *filter;
};

extern const struct sw_field ecr_put_lifecycle_policy_in[], ecr_put_lifecycle_policy_out[];
extern const struct sw_field ecr_get_lifecycle_policy_in[], ecr_get_lifecycle_policy_out[];
extern const struct sw_field ecr_start_lifecycle_policy_preview_in[],
    ecr_start_lifecycle_policy_preview_out[];
extern const struct sw_field ecr_get_lifecycle_policy_preview_in[],
    ecr_get_lifecycle_policy_preview_out[];

int ecr_put_lifecycle_policy(struct aws_call *call, const void *in, json_t *out,
                             struct sw_err *err);
int ecr_get_lifecycle_policy(struct aws_call *call, const void *in, json_t *out,
                             struct sw_err *err);
int ecr_delete_lifecycle_policy(struct aws_call *call, const void *in, json_t *out,
                                struct sw_err *err);
int ecr_start_lifecycle_policy_preview(struct aws_call *call, const void *in, json_t *out,
                                       struct sw_err *err);
int ecr_get_lifecycle_policy_preview(struct aws_call *call, const void *in, json_t *out,
                                     struct sw_err *err);
