/* SPDX-License-Identifier: Apache-2.0 */
/* Members of the operations on capacity providers, account settings and attributes: ECS API 2014-11-13. Output members carry no
 * handling. */
#include "launcher/api/ecs_schema.h"

/* Capacity providers. */

static const char *const enabled_values[] = {"ENABLED", "DISABLED", NULL};

/* clang-format off */
static const struct sw_field managed_scaling[] = {
    ENUM("status", F_READ, enabled_values),
    INTEGER("targetCapacity", F_READ | F_LIMITS, .min = 1, .max = 100),
    INTEGER("minimumScalingStepSize", F_READ | F_LIMITS, .min = 1, .max = 10000),
    INTEGER("maximumScalingStepSize", F_READ | F_LIMITS, .min = 1, .max = 10000),
    INTEGER("instanceWarmupPeriod", F_READ | F_LIMITS, .min = 0, .max = 10000),
    F_END,
};

static const struct sw_field auto_scaling_group_provider[] = {
    STRING("autoScalingGroupArn", F_READ | F_REQUIRED),
    STRUCT("managedScaling", F_READ, managed_scaling),
    ENUM("managedTerminationProtection", F_READ, enabled_values),
    ENUM("managedDraining", F_READ, enabled_values),
    F_END,
};

static const struct sw_field auto_scaling_group_provider_update[] = {
    STRUCT("managedScaling", F_READ, managed_scaling),
    ENUM("managedTerminationProtection", F_READ, enabled_values),
    ENUM("managedDraining", F_READ, enabled_values),
    F_END,
};

static const char *const capacity_provider_status_values[] = {"ACTIVE", "INACTIVE", NULL};
static const char *const capacity_provider_update_status_values[] = {
    "DELETE_IN_PROGRESS", "DELETE_COMPLETE", "DELETE_FAILED", "UPDATE_IN_PROGRESS",
    "UPDATE_COMPLETE", "UPDATE_FAILED", NULL};

static const struct sw_field capacity_provider[] = {
    STRING("capacityProviderArn", 0),
    STRING("name", 0),
    ENUM("status", 0, capacity_provider_status_values),
    STRUCT("autoScalingGroupProvider", 0, auto_scaling_group_provider),
    ENUM("updateStatus", 0, capacity_provider_update_status_values),
    STRING("updateStatusReason", 0),
    LIST("tags", F_LIMITS, tags_list, .min = 0, .max = 50),
    F_END,
};
static const struct sw_field capacity_providers_list[] = {STRUCT("member", 0, capacity_provider)};

/* All of it is read to be checked; then the call is refused, because there are no Auto Scaling groups. */
static const struct sw_field managed_instances_provider[] = {F_END}; /* refused, whatever is in it */

const struct sw_field create_capacity_provider_in[] = {
    STRING("name", F_READ | F_REQUIRED),
    STRING("cluster", F_REFUSED),
    STRUCT("managedInstancesProvider", F_REFUSED, managed_instances_provider),
    STRUCT("autoScalingGroupProvider", F_READ | F_REQUIRED, auto_scaling_group_provider),
    LIST("tags", F_READ | F_LIMITS, tags_list, .min = 0, .max = 50),
    F_END,
};
const struct sw_field create_capacity_provider_out[] = {
    STRUCT("capacityProvider", 0, capacity_provider),
    F_END,
};
const struct sw_field update_capacity_provider_in[] = {
    STRING("name", F_READ | F_REQUIRED),
    STRING("cluster", F_REFUSED),
    STRUCT("managedInstancesProvider", F_REFUSED, managed_instances_provider),
    STRUCT("autoScalingGroupProvider", F_READ | F_REQUIRED, auto_scaling_group_provider_update),
    F_END,
};
const struct sw_field update_capacity_provider_out[] = {
    STRUCT("capacityProvider", 0, capacity_provider),
    F_END,
};
const struct sw_field delete_capacity_provider_in[] = {
    STRING("capacityProvider", F_READ | F_REQUIRED),
    STRING("cluster", F_REFUSED),
    F_END,
};
const struct sw_field delete_capacity_provider_out[] = {
    STRUCT("capacityProvider", 0, capacity_provider),
    F_END,
};

static const char *const capacity_provider_field_values[] = {"TAGS", NULL};
static const struct sw_field capacity_provider_field_list[] = {
    ENUM("member", 0, capacity_provider_field_values)};

const struct sw_field describe_capacity_providers_in[] = {
    LIST("capacityProviders", F_READ, strings_list),
    LIST("include", F_READ, capacity_provider_field_list),
    STRING("cluster", F_REFUSED),
    INTEGER("maxResults", F_READ),
    STRING("nextToken", F_READ),
    F_END,
};
const struct sw_field describe_capacity_providers_out[] = {
    LIST("capacityProviders", 0, capacity_providers_list),
    LIST("failures", 0, failures_list),
    STRING("nextToken", 0),
    F_END,
};

/* Account settings. */

static const char *const setting_name_values[] = {
    "serviceLongArnFormat", "taskLongArnFormat", "containerInstanceLongArnFormat",
    "awsvpcTrunking", "containerInsights", "fargateFIPSMode", "tagResourceAuthorization",
    "fargateTaskRetirementWaitPeriod", "guardDutyActivate", "defaultLogDriverMode",
    "dualStackIPv6", "fargateEventWindows", NULL};

static const struct sw_field setting[] = {
    ENUM("name", 0, setting_name_values),
    STRING("value", 0),
    STRING("principalArn", 0),
    F_END,
};
static const struct sw_field settings_list[] = {STRUCT("member", 0, setting)};

const struct sw_field put_account_setting_in[] = {
    ENUM("name", F_READ | F_REQUIRED, setting_name_values),
    STRING("value", F_READ | F_REQUIRED),
    STRING("principalArn", F_READ),
    F_END,
};
const struct sw_field put_account_setting_out[] = {STRUCT("setting", 0, setting), F_END};

const struct sw_field put_account_setting_default_in[] = {
    ENUM("name", F_READ | F_REQUIRED, setting_name_values),
    STRING("value", F_READ | F_REQUIRED),
    F_END,
};
const struct sw_field put_account_setting_default_out[] = {STRUCT("setting", 0, setting), F_END};

const struct sw_field delete_account_setting_in[] = {
    ENUM("name", F_READ | F_REQUIRED, setting_name_values),
    STRING("principalArn", F_READ),
    F_END,
};
const struct sw_field delete_account_setting_out[] = {STRUCT("setting", 0, setting), F_END};

const struct sw_field list_account_settings_in[] = {
    ENUM("name", F_READ, setting_name_values),
    STRING("value", F_READ),
    STRING("principalArn", F_READ),
    BOOLEAN("effectiveSettings", F_READ),
    STRING("nextToken", F_READ),
    INTEGER("maxResults", F_READ),
    F_END,
};
const struct sw_field list_account_settings_out[] = {
    LIST("settings", 0, settings_list),
    STRING("nextToken", 0),
    F_END,
};

/* Attributes. */

static const char *const target_type_values[] = {"container-instance", NULL};

const struct sw_field put_attributes_in[] = {
    STRING("cluster", F_READ),
    LIST("attributes", F_READ | F_REQUIRED, attributes_list),
    F_END,
};
const struct sw_field put_attributes_out[] = {LIST("attributes", 0, attributes_list), F_END};

const struct sw_field delete_attributes_in[] = {
    STRING("cluster", F_READ),
    LIST("attributes", F_READ | F_REQUIRED, attributes_list),
    F_END,
};
const struct sw_field delete_attributes_out[] = {LIST("attributes", 0, attributes_list), F_END};

const struct sw_field list_attributes_in[] = {
    STRING("cluster", F_READ),
    ENUM("targetType", F_READ | F_REQUIRED, target_type_values),
    STRING("attributeName", F_READ),
    STRING("attributeValue", F_READ),
    STRING("nextToken", F_READ),
    INTEGER("maxResults", F_READ),
    F_END,
};
const struct sw_field list_attributes_out[] = {
    LIST("attributes", 0, attributes_list),
    STRING("nextToken", 0),
    F_END,
};
/* clang-format on */
