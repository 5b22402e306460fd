/* SPDX-License-Identifier: Apache-2.0 */
/* DeregisterManagedInstance, UpdateManagedInstanceRole, DescribeInstanceInformation: Systems Manager API 2014-11-06. Associations and
 * patches are not here, so their members are never answered. */
#include <stdio.h>

#include "base/json.h"
#include "base/macros.h"
#include "launcher/api/ecs_internal.h"
#include "launcher/api/ecs_schema.h"
#include "launcher/api/ssm_internal.h"
#include "launcher/service/managed.h"

#define PAGE_MAX 50

/* clang-format off */
const struct sw_field deregister_managed_instance_in[] = {
    STRING("InstanceId", F_READ | F_REQUIRED | F_LIMITS, .min = 20, .max = 124),
    F_END,
};
const struct sw_field deregister_managed_instance_out[] = {F_END};

const struct sw_field update_managed_instance_role_in[] = {
    STRING("InstanceId", F_READ | F_REQUIRED | F_LIMITS, .min = 20, .max = 124),
    STRING("IamRole", F_READ | F_REQUIRED | F_LIMITS, .min = 0, .max = 64),
    F_END,
};
const struct sw_field update_managed_instance_role_out[] = {F_END};

static const char *const old_filter_keys[] = {"InstanceIds", "AgentVersion", "PingStatus", "PlatformTypes", "ActivationIds",
                                              "IamRole", "ResourceType", "AssociationStatus", NULL};
static const struct sw_field filter_values[] = {STRING("member", F_LIMITS, .min = 1, .max = -1)};
static const struct sw_field old_filter[] = {
    ENUM("key", F_READ | F_REQUIRED, old_filter_keys),
    LIST("valueSet", F_READ | F_REQUIRED | F_LIMITS, filter_values, .min = 1, .max = 100),
    F_END,
};
static const struct sw_field old_filter_list[] = {STRUCT("member", 0, old_filter)};
static const struct sw_field string_filter[] = {
    STRING("Key", F_READ | F_REQUIRED | F_LIMITS, .min = 1, .max = -1),
    LIST("Values", F_READ | F_REQUIRED | F_LIMITS, filter_values, .min = 1, .max = 100),
    F_END,
};
static const struct sw_field string_filter_list[] = {STRUCT("member", 0, string_filter)};

const struct sw_field describe_instance_information_in[] = {
    LIST("InstanceInformationFilterList", F_READ | F_LIMITS, old_filter_list, .min = 0, .max = -1),
    LIST("Filters", F_READ | F_LIMITS, string_filter_list, .min = 0, .max = -1),
    INTEGER("MaxResults", F_READ | F_LIMITS, .min = 5, .max = PAGE_MAX),
    STRING("NextToken", F_READ),
    F_END,
};

static const char *const ping_values[] = {"Online", "ConnectionLost", "Inactive", NULL};
static const char *const platform_values[] = {"Windows", "Linux", "MacOS", NULL};
static const char *const resource_values[] = {"ManagedInstance", "Document", "EC2Instance", NULL};
static const struct sw_field information[] = {
    STRING("InstanceId", 0),
    ENUM("PingStatus", 0, ping_values),
    TIME("LastPingDateTime", 0),
    STRING("AgentVersion", 0),
    ENUM("PlatformType", 0, platform_values),
    STRING("ActivationId", 0),
    STRING("IamRole", 0),
    TIME("RegistrationDate", 0),
    ENUM("ResourceType", 0, resource_values),
    STRING("Name", 0),
    F_END,
};
static const struct sw_field information_list[] = {STRUCT("member", 0, information)};
const struct sw_field describe_instance_information_out[] = {
    LIST("InstanceInformationList", 0, information_list),
    STRING("NextToken", 0),
    F_END,
};
/* clang-format on */

static int may_change(struct aws_call *call, const json_t *in, struct sw_err *err)
{
    char arn[ARN_MAX];
    struct launcher_caller c = ecs_caller(call);
    (void)snprintf(arn, sizeof arn, "arn:aws:ssm:%s:%s:managed-instance/%.124s", c.region,
                   c.account, sw_json_str(in, "InstanceId", ""));
    return aws_may(call, arn, err);
}

int deregister_managed_instance(struct aws_call *call, const void *in SW_UNUSED, json_t *out,
                                struct sw_err *err)
{
    struct launcher_caller c = ecs_caller(call);
    sw_autojson json_t *input = ecs_input(call);
    int r = may_change(call, input, err);
    return r < 0 ? r : launcher_deregister_managed(ecs_launcher(call), &c, input, out, err);
}

int update_managed_instance_role(struct aws_call *call, const void *in SW_UNUSED, json_t *out,
                                 struct sw_err *err)
{
    struct launcher_caller c = ecs_caller(call);
    sw_autojson json_t *input = ecs_input(call);
    int r = may_change(call, input, err);
    if (r == 0)
        r = ssm_may_pass(call, sw_json_str(input, "IamRole", ""), err);
    return r < 0 ? r : launcher_update_managed_role(ecs_launcher(call), &c, input, out, err);
}

int describe_instance_information(struct aws_call *call, const void *in SW_UNUSED, json_t *out,
                                  struct sw_err *err)
{
    return ssm_page(call, launcher_describe_managed, PAGE_MAX, out, err);
}
