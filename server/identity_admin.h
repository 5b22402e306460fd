/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* server/identity_admin.h - SlipwayAdminIdentity_V20261121: what `slipway robot` and `slipway oidc` ask of a running server and IAM
 * has no operation for. AWS JSON 1.1, signed for "iam". Actions are slipway:AddRobot, slipway:ListRobots, slipway:RemoveRobot and
 * slipway:RotateRobot on the robot's user (arn:aws:iam::ACCOUNT:user/robot/NAME), slipway:PutProviderKeys on the OIDC provider, and slipway:DebugSigv4 on
 * "*", which tells only of requests by keys of the caller's account.
 * All are about the caller's account. */
#include "api/awsedge.h"
#include "api/rejected.h"
#include "auth/identity.h"
#include "auth/robot.h"

#define TARGET_IDENTITY_ADMIN "SlipwayAdminIdentity_V20261121"

struct identity_admin {
    struct identity *identity;
    struct robot_store *robots;
    struct rejected_log *rejected;
};
struct aws_service identity_admin_aws_service(struct identity_admin *a);
