/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* launcher/api/ssm_internal.h - handlers and members of ssm.c's table. */
#include "api/awsedge.h"
#include "launcher/service/launcher.h"

/* ssm_activation.c */
extern const struct sw_field create_activation_in[], create_activation_out[];
extern const struct sw_field delete_activation_in[], delete_activation_out[];
extern const struct sw_field describe_activations_in[], describe_activations_out[];
int create_activation(struct aws_call *call, const void *in, json_t *out, struct sw_err *err);
int delete_activation(struct aws_call *call, const void *in, json_t *out, struct sw_err *err);
int describe_activations(struct aws_call *call, const void *in, json_t *out, struct sw_err *err);
/* Whether the caller may hand this role to Systems Manager. */
int ssm_may_pass(struct aws_call *call, const char *role, struct sw_err *err);
/* One page of a list, asked for by MaxResults and NextToken, that is about no one resource. */
int ssm_page(struct aws_call *call, launcher_list_fn fn, int most, json_t *out, struct sw_err *err);

/* ssm_managed.c */
extern const struct sw_field deregister_managed_instance_in[], deregister_managed_instance_out[];
extern const struct sw_field describe_instance_information_in[],
    describe_instance_information_out[];
extern const struct sw_field update_managed_instance_role_in[], update_managed_instance_role_out[];
int deregister_managed_instance(struct aws_call *call, const void *in, json_t *out,
                                struct sw_err *err);
int describe_instance_information(struct aws_call *call, const void *in, json_t *out,
                                  struct sw_err *err);
int update_managed_instance_role(struct aws_call *call, const void *in, json_t *out,
                                 struct sw_err *err);

/* ssm_session.c */
extern const struct sw_field resume_session_in[], resume_session_out[];
int resume_session(struct aws_call *call, const void *in, json_t *out, struct sw_err *err);

/* ssm_parameter.c */
extern const struct sw_field add_tags_to_resource_in[], add_tags_to_resource_out[];
extern const struct sw_field delete_parameter_in[], delete_parameter_out[];
extern const struct sw_field delete_parameters_in[], delete_parameters_out[];
extern const struct sw_field describe_parameters_in[], describe_parameters_out[];
extern const struct sw_field get_parameter_in[], get_parameter_out[];
extern const struct sw_field get_parameter_history_in[], get_parameter_history_out[];
extern const struct sw_field get_parameters_in[], get_parameters_out[];
extern const struct sw_field get_parameters_by_path_in[], get_parameters_by_path_out[];
extern const struct sw_field list_tags_for_ssm_resource_in[], list_tags_for_ssm_resource_out[];
extern const struct sw_field put_parameter_in[], put_parameter_out[];
extern const struct sw_field remove_tags_from_resource_in[], remove_tags_from_resource_out[];
int add_tags_to_resource(struct aws_call *call, const void *in, json_t *out, struct sw_err *err);
int delete_parameter(struct aws_call *call, const void *in, json_t *out, struct sw_err *err);
int delete_parameters(struct aws_call *call, const void *in, json_t *out, struct sw_err *err);
int describe_parameters(struct aws_call *call, const void *in, json_t *out, struct sw_err *err);
int get_parameter(struct aws_call *call, const void *in, json_t *out, struct sw_err *err);
int get_parameter_history(struct aws_call *call, const void *in, json_t *out, struct sw_err *err);
int get_parameters(struct aws_call *call, const void *in, json_t *out, struct sw_err *err);
int get_parameters_by_path(struct aws_call *call, const void *in, json_t *out, struct sw_err *err);
int list_tags_for_ssm_resource(struct aws_call *call, const void *in, json_t *out,
                               struct sw_err *err);
int put_parameter(struct aws_call *call, const void *in, json_t *out, struct sw_err *err);
int remove_tags_from_resource(struct aws_call *call, const void *in, json_t *out,
                              struct sw_err *err);
