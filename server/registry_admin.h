/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* server/registry_admin.h - SlipwayAdminRegistry_V20261121: what `slipway repo set` and `slipway quota` ask of a running server and ECR
 * has no operation for. AWS JSON 1.1, signed for "iam". SetRepositoryPublic is ecr:SetRepositoryPolicy on the repository; PutQuota,
 * DeleteQuota and ListQuotas are actions of their own, slipway:*, of which only administrators have any. All are about the
 * caller's account and the region of its signature. */
#include "api/awsjson.h"
#include "registry/core/registry.h"

#define TARGET_REGISTRY_ADMIN "SlipwayAdminRegistry_V20261121"

/* The registry is borrowed; NULL: only to print the tables. */
struct aws_service registry_admin_aws_service(struct registry *reg);
