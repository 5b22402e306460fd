/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* registry/api/oci.h - /v2/: the OCI distribution protocol 1.1 (and what its main branch adds: upload cancel, mandatory
 * digest headers, `?tag=`) over the registry, with ECR's names for what each request does.
 * Authenticates with the Basic scheme, user AWS and a password from GetAuthorizationToken or a robot and its password, or with a
 * bearer token from /v2/token,
 * which holds only what was asked for and lives for five minutes. Both are always accepted. Every route asks may() before it
 * tells whether anything exists.
 * Threads: shared freely. */
#include <stdint.h>

#include "api/http.h"
#include "api/rate.h"
#include "auth/identity.h"
#include "auth/keyring.h"
#include "registry/core/registry.h"

struct oci_api_options {
    struct registry *registry;
    struct keyring *keyring;
    struct identity *identity;
    struct session_store *sessions; /* NULL: no principals with temporary credentials */
    struct robot_store *robots;     /* NULL: no robots */
    struct authorizer *authorizer;  /* what may() asks with; NULL: built-in policies only */
    const char *account;            /* owner of repositories when the host name does not say */
    const char *region;             /* the same */
    const char *service_name;       /* in the challenge; NULL: "ecr.amazonaws.com" */
    bool bearer_challenge;          /* the challenge names /v2/token instead of the Basic scheme */
    uint64_t chunk_min;             /* advice to clients, OCI-Chunk-Min-Length; 0: none is sent */
    struct rate_limiter *rate;      /* NULL: none; borrowed */
    int64_t (*now_us)(void);        /* NULL: sw_now_us */
};

struct oci_api;
struct oci_api *oci_api_new(
    const struct oci_api_options *o); /* copies the options and their strings */
void oci_api_free(struct oci_api *a);
/* Takes every path that is /v2 or begins with /v2/. */
struct http_service oci_api_service(struct oci_api *a);
