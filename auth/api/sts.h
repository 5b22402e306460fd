/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* auth/api/sts.h - STS's operations, API version 2011-06-15, over the directory and auth/session.h.
 * Tables in sts_schema.c, handlers in sts_*.c. GetCallerIdentity and GetSessionToken need no permission, as in AWS; roles are given
 * by their trust policies through aws_may(), or, to the bearer of an OIDC token, by the trust policy alone.
 * Threads: shared freely. Spec: STS API reference; docs/internals/tokens.md. */
#include "api/awsedge.h"
#include "auth/session.h"

struct sts_api_options {
    struct identity *identity;
    struct session_store *sessions;
};
struct sts_api;
struct sts_api *sts_api_new(const struct sts_api_options *o);
void sts_api_free(struct sts_api *a); /* NULL ok */
struct aws_service sts_aws_service(struct sts_api *a);
