/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* launcher/service/managed.h - managed instances: the machines that activations (activations.h) made.
 * One is a row and a user of kind NODE, both named mi- and 17 digits, and the container instances that this user registered.
 * Deregistering ends the key first, so that nothing is registered anew meanwhile, then the container instances (their tasks
 * become STOPPED), then the row; said again after a crash in between, it goes on.
 * Expected errors: SW_ENOTFOUND "InvalidInstanceId", SW_EINVALID "InvalidFilterKey". */
#include "launcher/service/launcher.h"

/* DeregisterManagedInstance, UpdateManagedInstanceRole, DescribeInstanceInformation: input and output as the operations have them. */
int launcher_deregister_managed(struct launcher *l, const struct launcher_caller *c,
                                const json_t *in, json_t *out, struct sw_err *err);
int launcher_update_managed_role(struct launcher *l, const struct launcher_caller *c,
                                 const json_t *in, json_t *out, struct sw_err *err);
int launcher_describe_managed(struct launcher *l, const struct launcher_caller *c, const json_t *in,
                              struct launcher_page *page, json_t *out, struct sw_err *err);

/* The row of a machine that the activation makes now, in the transaction that counts its use. */
int managed_add(struct meta_tx *tx, const struct launcher_caller *c, const char *id,
                const char *activation_id, int64_t now_us, struct sw_err *err);
