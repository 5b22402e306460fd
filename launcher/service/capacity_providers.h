/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* launcher/service/capacity_providers.h - what clusters and services may say about capacity providers, and cluster settings. Only
 * the two that exist everywhere are known: FARGATE and FARGATE_SPOT. */
#include "launcher/service/launcher.h"

/* capacityProviders and defaultCapacityProviderStrategy of the input. SW_EINVALID "InvalidParameterException". */
int service_check_providers(const json_t *in, struct sw_err *err);
/* [{name, value}]: known names with values they can have. SW_EINVALID "InvalidParameterException". */
int service_check_settings(const json_t *settings, struct sw_err *err);
