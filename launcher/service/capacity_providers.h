/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* launcher/service/capacity_providers.h - what clusters and services may say about capacity providers, and cluster settings. Only
 * the two that exist everywhere are known: FARGATE and FARGATE_SPOT. */
#include "launcher/service/launcher.h"

/* The name in a name or an ARN; NULL: of none that there is. */
const char *service_provider_name(const char *text);
/* A capacity provider strategy, for a cluster that has those providers attached. SW_EINVALID "InvalidParameterException". */
int service_check_strategy(const json_t *strategy, const json_t *attached, struct sw_err *err);
/* None that the cluster has, and that is not in names, is used there. SW_ECONFLICT "ResourceInUseException". */
int service_check_removed_providers(struct meta_tx *tx, int64_t cluster_id, const json_t *names,
                                    struct sw_err *err);
/* capacityProviders and defaultCapacityProviderStrategy of the input. SW_EINVALID "InvalidParameterException". */
int service_check_providers(const json_t *in, struct sw_err *err);
/* [{name, value}]: known names with values they can have. SW_EINVALID "InvalidParameterException". */
int service_check_settings(const json_t *settings, struct sw_err *err);
