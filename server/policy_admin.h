/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* server/policy_admin.h - SlipwayAdminPolicy_V20261121: what `slipway policy` asks of a running server. AWS JSON 1.1, signed for "iam".
 * ExplainPolicy puts the question that a request of that principal would put, with the resource's own policies and tags, and says
 * which statement decides, in which policy, file and line. ReloadPolicies takes up the policy files, as SIGHUP does.
 * Actions: slipway:ExplainPolicy on the principal's ARN, slipway:ReloadPolicies; only administrators have any. */
#include "api/awsedge.h"
#include "auth/authorizer.h"
#include "registry/core/registry.h"
#include "server/policies.h"

#define TARGET_POLICY_ADMIN "SlipwayAdminPolicy_V20261121"

struct policy_admin {
    struct identity *identity;
    struct authorizer *authorizer;
    struct registry *registry;
    const struct policies *policies;
};
struct aws_service policy_admin_aws_service(struct policy_admin *a);
