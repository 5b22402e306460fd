/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* launcher/api/ssm_internal.h - handlers and members of ssm.c's table. */
#include "api/awsedge.h"

/* ssm_activation.c */
extern const struct sw_field create_activation_in[], create_activation_out[];
extern const struct sw_field delete_activation_in[], delete_activation_out[];
extern const struct sw_field describe_activations_in[], describe_activations_out[];
int create_activation(struct aws_call *call, const void *in, json_t *out, struct sw_err *err);
int delete_activation(struct aws_call *call, const void *in, json_t *out, struct sw_err *err);
int describe_activations(struct aws_call *call, const void *in, json_t *out, struct sw_err *err);
