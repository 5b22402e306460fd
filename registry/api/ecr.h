/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* registry/api/ecr.h - the ECR API (AWS JSON 1.1, AmazonEC2ContainerRegistry_V20150921) over the registry, and ecr-public
 * (SpencerFrontendService) as another view of the same one: see ecr_public.c.
 * Tables in ecr_schema.c, handlers in ecr_*.c. Every handler asks aws_may() before it looks anything up.
 * Threads: shared freely. */
#include <stdint.h>

#include "api/awsjson.h"
#include "auth/identity.h"
#include "auth/keyring.h"
#include "registry/core/registry.h"

struct ecr_api_options {
    struct registry *registry;
    struct keyring *keyring;
    struct identity *identity; /* to look up principals that policies name; NULL: they are not */
    struct session_store *sessions; /* NULL: no principals with temporary credentials */
    const char *account;            /* plain host names lead to it */
    const char *region;             /* the same; NULL: us-east-1 */
    const char *
        endpoint; /* proxyEndpoint, "https://registry.example:5000"; NULL: scheme and Host of the request */
    int64_t token_ttl_s; /* 0: TOKEN_TTL_S */
};

struct ecr_api;
struct ecr_api *ecr_api_new(
    const struct ecr_api_options *o); /* copies the options and their strings */
void ecr_api_free(struct ecr_api *a);
/* Borrowed, live as long as a. */
struct aws_service *ecr_aws_service(struct ecr_api *a);
struct aws_service *ecr_public_aws_service(struct ecr_api *a);
/* Takes /_slipway/layer: the addresses that GetDownloadUrlForLayer gives. */
struct http_service ecr_download_service(struct ecr_api *a);
