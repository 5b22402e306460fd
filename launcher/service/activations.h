/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* launcher/service/activations.h - activations of external instances (ECS Anywhere, in the way of Systems Manager).
 * An activation is a row, and a user "activation-ID" without any policy, whose one access key is the id without its hyphens with the
 * code as its secret. All that this user can do is to exchange itself, as often as the activation allows, for the credentials of an
 * instance: a user of kind NODE, named mi- and 17 digits.
 * Expected errors: SW_ENOTFOUND "InvalidActivation", SW_EDENIED "InvalidActivation", SW_EINVALID "ValidationException". */
#include "launcher/service/launcher.h"

#define ACTIVATION_USER "activation-"
#define MANAGED_PREFIX  "mi-"

/* CreateActivation, DescribeActivations, DeleteActivation: input and output as the operations have them. */
int launcher_create_activation(struct launcher *l, const struct launcher_caller *c,
                               const json_t *in, json_t *out, struct sw_err *err);
int launcher_describe_activations(struct launcher *l, const struct launcher_caller *c,
                                  const json_t *in, struct launcher_page *page, json_t *out,
                                  struct sw_err *err);
int launcher_delete_activation(struct launcher *l, const struct launcher_caller *c,
                               const json_t *in, json_t *out, struct sw_err *err);
/* Some of those that expired before then, with their users. */
#define ACTIVATION_KEEP_US (30 * INT64_C(86400000000))
int activations_expire(struct launcher *l, int64_t before_us, struct sw_err *err);
/* By the activation's own user: {managedInstanceId, accessKeyId, secretAccessKey}. */
int launcher_register_managed(struct launcher *l, const struct launcher_caller *c, const json_t *in,
                              json_t *out, struct sw_err *err);
/* That the role is there; SW_ENOTFOUND "ValidationException". */
int activation_check_role(struct launcher *l, const struct launcher_caller *c, const char *role,
                          struct sw_err *err);
/* Whether the caller is an instance that an activation made. */
bool launcher_is_managed(const struct principal *p);
