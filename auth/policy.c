/* SPDX-License-Identifier: Apache-2.0 */
#include "auth/policy.h"

#include <assert.h>

#include "auth/authorizer.h"
#include "base/macros.h"
#include "base/str.h"

/* What an agent needs to pull images and to speak for its container instance. */
static const char *const node_actions[] = {
    "ecr:GetAuthorizationToken",     "ecr:BatchCheckLayerAvailability",
    "ecr:GetDownloadUrlForLayer",    "ecr:BatchGetImage",
    "ecs:RegisterContainerInstance", "ecs:DeregisterContainerInstance",
    "ecs:DiscoverPollEndpoint",      "ecs:Poll",
    "ecs:SubmitTaskStateChange",     "ecs:SubmitContainerStateChange",
    "ecs:StartTelemetrySession",
};

/* What anyone may do with a public repository. */
static const char *const pull_actions[] = {
    "ecr:BatchCheckLayerAvailability",
    "ecr:GetDownloadUrlForLayer",
    "ecr:BatchGetImage",
    "ecr:ListImages",
};

static bool is_one_of(const char *action, const char *const *actions, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (sw_streq(action, actions[i]))
            return true;
    }
    return false;
}

static bool node_may(const char *action)
{
    return is_one_of(action, node_actions, SW_ARRAY_LEN(node_actions));
}

static enum policy_decision policy_decide(const struct principal *p, const char *action,
                                          const struct policy_context *ctx)
{
    assert(action && ctx && ctx->account);
    if (ctx->resource_public && is_one_of(action, pull_actions, SW_ARRAY_LEN(pull_actions)))
        return POLICY_ALLOW;
    if (p->kind == PRINCIPAL_ANONYMOUS || !sw_streq(p->account, ctx->account))
        return POLICY_IMPLICIT_DENY;
    switch (p->kind) {
    case PRINCIPAL_ROOT:
    case PRINCIPAL_ADMIN: return POLICY_ALLOW;
    case PRINCIPAL_NODE: return node_may(action) ? POLICY_ALLOW : POLICY_IMPLICIT_DENY;
    case PRINCIPAL_USER:
    case PRINCIPAL_ROLE:
    case PRINCIPAL_FEDERATED:
    case PRINCIPAL_ANONYMOUS:
    case PRINCIPAL_MAX_: break;
    }
    return POLICY_IMPLICIT_DENY;
}

int may(struct authorizer *a SW_UNUSED, const struct principal *p, const char *action,
        const char *resource, const struct policy_context *ctx, struct sw_err *err)
{
    enum policy_decision d = policy_decide(p, action, ctx);
    bool anonymous = p->kind == PRINCIPAL_ANONYMOUS;
    /* Someone of another account, or nobody, could only be let in by the resource's own policy. */
    bool foreign = anonymous || !sw_streq(p->account, ctx->account);

    if (d == POLICY_ALLOW)
        return 0;
    if (d == POLICY_EXPLICIT_DENY)
        return sw_fail(
            err, SW_EDENIED, "AccessDeniedException",
            "User: %s is not authorized to perform: %s on resource: %s with an explicit deny",
            anonymous ? "anonymous" : p->arn, action, resource);
    return sw_fail(err, SW_EDENIED, "AccessDeniedException",
                   "User: %s is not authorized to perform: %s on resource: %s because no %s-based "
                   "policy allows the %s action",
                   anonymous ? "anonymous" : p->arn, action, resource,
                   foreign ? "resource" : "identity", action);
}
