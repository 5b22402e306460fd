/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* registry/api/registry_host.h - the host names under which the registry of an account in a region is reached. Pure.
 * <account>.dkr.ecr.<region>.<anything> says both; any other name stands for the configured account and region. */
#include <stdbool.h>
#include <stddef.h>

#include "base/str.h"

#define REGISTRY_REGION_MAX 64 /* with its NUL */
#define REGISTRY_HOST_MAX   400

struct registry_host {
    struct sw_str account, region, rest; /* rest: what follows, with its port */
};
/* host may be NULL. */
bool registry_host_parse(const char *host, struct registry_host *ret);

struct registry_place {
    const char *account, *region;
};
/* The name that a client should use, with a port if it needs one: `host` (what it used, or what is configured) as long as that
 * reaches the place, else an ECR-style name before it. Names below localhost stand for the loopback addresses, which can have none. */
void registry_host_name(const char *host, const struct registry_place *fallback,
                        const struct registry_place *wanted, char out[REGISTRY_HOST_MAX]);
