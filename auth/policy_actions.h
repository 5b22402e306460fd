/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* auth/policy_actions.h - the actions that policies can name: which resources each has, and which condition keys.
 * Knows the services that slipway serves or will: ecr, ecr-public, ecs, iam, sts, logs, secretsmanager, ssm. For messages and
 * the linter only: decisions never look here, so an action that the table lacks is still decided as its policies say.
 * Source: the service authorization reference of each service. Pure; static data. */
#include <stdbool.h>
#include <stddef.h>

#include "base/str.h"

struct policy_action_info {
    struct sw_str service, name;
    const char *resources; /* ARN patterns, separated by blanks; NULL: "*" is the only resource */
    const char *
        keys; /* of the service, for this action, separated by blanks; a trailing '*' is any name; or NULL */
};

bool policy_service_known(struct sw_str service);
/* Exact, in any letter case. */
bool policy_action_find(struct sw_str action, struct policy_action_info *ret);
/* Every action that the pattern ("ecr:Get*", in any letter case) matches; returns how many. fn may be NULL. */
typedef void policy_action_fn(void *ctx, const struct policy_action_info *action);
size_t policy_actions_matching(struct sw_str pattern, policy_action_fn *fn, void *ctx);
/* "service:Name" of the known action with the smallest edit distance, into out; false when none is near. */
bool policy_action_nearest(struct sw_str action, char *out, size_t cap);

/* Global keys: "aws:SourceIp", "aws:PrincipalTag/team". */
bool policy_global_key_known(const char *key);
const char *policy_global_key_nearest(const char *key); /* or NULL */
