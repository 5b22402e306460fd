/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* registry/api/ecr.h - the ECR API (AWS JSON 1.1, AmazonEC2ContainerRegistry_V20150921) over the registry.
 * Tables in ecr_schema.c, handlers in ecr_*.c. Every handler asks aws_may() before it looks anything up.
 * Threads: shared freely. */
#include <stdint.h>

#include "api/awsjson.h"
#include "auth/keyring.h"
#include "registry/core/registry.h"

struct ecr_api_options {
    struct registry *registry;
    struct keyring *keyring;
    struct session_store *sessions; /* NULL: no principals with temporary credentials */
    const char *account; /* the one registry id that is served */
    const char *
        endpoint; /* proxyEndpoint, "https://registry.example:5000"; NULL: scheme and Host of the request */
    int64_t token_ttl_s; /* 0: TOKEN_TTL_S */
};

struct ecr_api;
struct ecr_api *ecr_api_new(
    const struct ecr_api_options *o); /* copies the options and their strings */
void ecr_api_free(struct ecr_api *a);
struct aws_service *ecr_aws_service(struct ecr_api *a); /* borrowed, lives as long as a */
