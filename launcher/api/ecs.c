/* SPDX-License-Identifier: Apache-2.0 */
#include "launcher/api/ecs.h"

#include "base/alloc.h"
#include "base/json.h"
#include "launcher/api/ecs_facts.h"
#include "launcher/api/task_log_rights.h"
#include "launcher/model/agent_protocol.h"

#define EXACT_MAX 9007199254740992.0 /* beyond it a double skips integers */

/* Operations of the service that are not implemented, as of the models of 2026. */
static const char *const unimplemented[] = {
    "AssociateGatewayWithCluster",
    "CreateDaemon",
    "CreateExpressGatewayService",
    "CreateGateway",
    "DeleteDaemon",
    "DeleteDaemonTaskDefinition",
    "DeleteExpressGatewayService",
    "DeleteGateway",
    "DescribeDaemon",
    "DescribeDaemonDeployments",
    "DescribeDaemonRevisions",
    "DescribeDaemonTaskDefinition",
    "DescribeExpressGatewayService",
    "DescribeGateway",
    "DescribeGatewayResources",
    "DescribeGatewayRoute",
    "DisassociateGatewayFromCluster",
    "ListDaemonDeployments",
    "ListDaemonTaskDefinitions",
    "ListDaemons",
    "ListGatewayClusterAssociations",
    "ListGatewayRoutes",
    "ListGateways",
    "RegisterDaemonTaskDefinition",
    "UpdateDaemon",
    "UpdateExpressGatewayService",
    "UpdateGateway",
    NULL,
};

struct ecs_api *ecs_api_new(const struct ecs_api_options *o)
{
    struct ecs_api *a = SW_NEW(struct ecs_api);
    a->launcher = o->launcher;
    a->secrets = o->secrets;
    a->log_store = o->log_store;
    a->endpoint = o->endpoint;
    a->log_rights = task_log_rights_new();
    return a;
}

void ecs_api_free(struct ecs_api *a)
{
    if (a)
        task_log_rights_free(a->log_rights);
    free(a);
}

static const struct aws_op_note notes[] = {
    {"CreateCapacityProvider", AWS_OP_REFUSED, "Auto Scaling groups"},
    {"DeleteCapacityProvider", AWS_OP_EMPTY, "capacity providers besides FARGATE and FARGATE_SPOT"},
    {"ContinueServiceDeployment", AWS_OP_REFUSED, "hooks at which a deployment pauses"},
    {"ListServicesByNamespace", AWS_OP_EMPTY, "Service Connect, so no service has a namespace"},
    {"PutAccountSetting", AWS_OP_STORED,
     "containerInsights is the default of new clusters; the others change nothing"},
    {"PutAccountSettingDefault", AWS_OP_STORED,
     "containerInsights is the default of new clusters; the others change nothing"},
    {"PutClusterCapacityProviders", AWS_OP_STORED, "no task is placed by the strategy"},
    {"SubmitAttachmentStateChanges", AWS_OP_EMPTY, "attachments of tasks"},
    {"UpdateCapacityProvider", AWS_OP_REFUSED, "Auto Scaling groups"},
    {"UpdateClusterSettings", AWS_OP_STORED, "containerInsights collects nothing"},
    {"UpdateContainerAgent", AWS_OP_EMPTY, "updates of an agent: NoUpdateAvailableException"},
    {.name = NULL},
};

struct aws_service ecs_aws_service(struct ecs_api *a)
{
    return (struct aws_service){.signing_name = "ecs",
                                .target_prefix = "AmazonEC2ContainerServiceV20141113",
                                .invalid_reason = "InvalidParameterException",
                                .ops = ecs_ops,
                                .ops_n = ecs_ops_n,
                                .unimplemented = unimplemented,
                                .notes = notes,
                                .ctx = a};
}

struct aws_service agent_aws_service(struct ecs_api *a)
{
    static const char *const none[] = {NULL};
    return (struct aws_service){.signing_name = "ecs",
                                .target_prefix = AGENT_TARGET_PREFIX,
                                .invalid_reason = "InvalidParameterException",
                                .ops = agent_ops,
                                .ops_n = agent_ops_n,
                                .unimplemented = none,
                                .ctx = a};
}

struct launcher *ecs_launcher(const struct aws_call *call)
{
    const struct ecs_api *a = call->service->ctx;
    return a->launcher;
}

struct launcher_caller ecs_caller(const struct aws_call *call)
{
    return (struct launcher_caller){
        .account = call->principal.account, .region = call->region, .principal = &call->principal};
}

static bool has_real(const json_t *v)
{
    const char *key;
    json_t *member;
    size_t i;
    if (json_is_real(v))
        return true;
    json_array_foreach(v, i, member) {
        if (has_real(member))
            return true;
    }
    json_object_foreach((json_t *)v, key, member) {
        if (has_real(member))
            return true;
    }
    return false;
}

/* A new reference to v, or its value as an integer. */
static json_t *as_integer(json_t *v)
{
    double d = json_real_value(v);
    bool integral = json_is_real(v) && d >= -EXACT_MAX && d <= EXACT_MAX && d == (double)(int64_t)d;
    return integral ? json_integer((int64_t)d) : json_incref(v);
}

static void make_integers(json_t *v)
{
    const char *key;
    json_t *member;
    size_t i;
    json_array_foreach(v, i, member) {
        make_integers(member);
        json_array_set_new(v, i, as_integer(member));
    }
    json_object_foreach(v, key, member) {
        make_integers(member);
        json_object_set_new(v, key, as_integer(member));
    }
}

json_t *ecs_input(const struct aws_call *call)
{
    if (!has_real(call->input))
        return json_incref((json_t *)call->input);
    json_t *copy = json_deep_copy(call->input);
    make_integers(copy);
    return copy;
}

int ecs_may_cluster(struct aws_call *call, const char *cluster, struct sw_err *err)
{
    char arn[ARN_MAX];
    struct launcher_caller c = ecs_caller(call);
    int r = launcher_cluster_arn(&c, cluster, arn, err);
    return r < 0 ? r : ecs_may(call, arn, NULL, err);
}

int ecs_may_task(struct aws_call *call, const char *task, struct sw_err *err)
{
    char arn[ARN_MAX];
    struct launcher_caller c = ecs_caller(call);
    int r = launcher_task_arn(&c, sw_json_str(call->input, "cluster", NULL), task, arn, err);
    return r < 0 ? r : ecs_may(call, arn, NULL, err);
}

int ecs_may_instance(struct aws_call *call, const char *instance, struct sw_err *err)
{
    char arn[ARN_MAX];
    struct launcher_caller c = ecs_caller(call);
    int r =
        launcher_instance_arn(&c, sw_json_str(call->input, "cluster", NULL), instance, arn, err);
    return r < 0 ? r : ecs_may(call, arn, NULL, err);
}
