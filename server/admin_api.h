/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* server/admin_api.h - SlipwayAdmin_V20261121: what `slipway user` asks of a running server. AWS JSON 1.1, signed for "iam", with
 * IAM's action names. CreateUser, DeleteUser, ListUsers. */
#include "api/awsjson.h"
#include "auth/identity.h"

#define TARGET_ADMIN "SlipwayAdmin_V20261121"

struct admin_api {
    struct identity *identity;
};
struct aws_service admin_aws_service(struct admin_api *a);
