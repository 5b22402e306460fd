# SPDX-License-Identifier: Apache-2.0
"""Values and tables against botocore's service models."""
import base64
import binascii

# Debian's models are of 2022. Members, values and operations of later ones (the services' current API references), by name; the
# server's own tables check the replies that have them.
NEWER_MEMBERS = {
    "ecr": {"subjectManifestDigest", "lastRecordedPullTime", "imageTagMutabilityExclusionFilters", "imageStatus",
            "lastArchivedAt", "lastActivatedAt", "storageClass", "targetStorageClass", "transitioningImageTotalCounts",
            "credentialArn", "customRoleArn", "upstreamRepositoryPrefix", "upstreamRegistry", "updatedAt"},
    "ecr-public": set(),
    "ecs": {"restartPolicy", "credentialSpecs", "versionConsistency", "enableFaultInjection", "fargateEphemeralStorage",
            "clientToken", "volumeConfigurations", "serviceConnectDefaults", "s3EncryptionEnabled", "appProtocol",
            "containerPortRange", "hostPortRange", "managedStorageConfiguration", "configuredAtLaunch", "deleteRequestedAt",
            "managedDraining",
            "availabilityZoneRebalancing", "advancedConfiguration", "thresholdConfiguration", "resetOnHealthyTask", "alarms",
            "strategy", "bakeTimeInMinutes", "lifecycleHooks", "linearConfiguration", "canaryConfiguration", "testTrafficRules",
            "timeout", "tls", "accessLogConfiguration", "vpcLatticeConfigurations", "resourceManagementType",
            "deploymentController", "currentServiceDeployment", "currentServiceRevisions", "earlySuccessCriteria",
            "containerConfigurations", "monitoring", "gatewayConnectors", "cluster", "managedInstancesProvider", "daemonName",
            "s3filesVolumeConfiguration", "fileSystemArn", "transitEncryptionPort", "accessPointArn", "kmsKeyId",
            "fargateEphemeralStorageKmsKeyId"},
    "secretsmanager": {"IncludePlannedDeletion", "RotationToken", "SortBy"},
    "ssm": {"Shared"},
    "iam": set(),
    "logs": {"logGroupClass", "deletionProtectionEnabled", "logGroupIdentifiers", "logGroupArn", "entity",
             "rejectedEntityInfo", "queryLanguage"},
    "sts": {"ProvidedContexts"},
}
NEWER_VALUES = {"DELETE_IN_PROGRESS", "defaultLogDriverMode", "dualStackIPv6", "fargateFIPSMode", "fargateTaskRetirementWaitPeriod",
                "fargateEventWindows",
                "guardDutyActivate", "tagResourceAuthorization", "IMMUTABLE_WITH_EXCLUSION", "MUTABLE_WITH_EXCLUSION", "KMS_DSSE"}
NEWER_OPERATIONS = {
    "logs": {"StartLiveTail"},
    "ecr": {"CreateRepositoryCreationTemplate", "DeleteRepositoryCreationTemplate", "DeleteSigningConfiguration",
            "DeregisterPullTimeUpdateExclusion", "DescribeImageSigningStatus", "DescribeReplicationBackfillResults",
            "DescribeRepositoryCreationTemplates", "GetAccountSetting", "GetSigningConfiguration", "ListImageReferrers",
            "ListPullTimeUpdateExclusions", "ListReplicationBackfills", "PutAccountSetting", "PutSigningConfiguration",
            "RegisterPullTimeUpdateExclusion", "StartReplicationBackfill", "StopReplicationBackfill",
            "UpdateImageStorageClass", "UpdatePullThroughCacheRule", "UpdateRepositoryCreationTemplate",
            "ValidatePullThroughCacheRule"},
    "ecr-public": set(),
    "ecs": {"DescribeServiceDeployments", "DescribeServiceRevisions", "ListServiceDeployments", "StopServiceDeployment",
            "DeleteTaskDefinitions", "ContinueServiceDeployment"},
    "iam": set(),
    "secretsmanager": {"BatchGetSecretValue"},
    "ssm": set(),
    "sts": set(),
}
_NEWER = set().union(*NEWER_MEMBERS.values())


def error_members(operation, name):
    for shape in operation.error_shapes:
        if shape.name == name:
            return set(shape.members)
    return set()


def _scalar_problem(shape, value):
    kind = shape.type_name
    if kind in ("string", "character"):
        if not isinstance(value, str):
            return "not a string"
        if shape.metadata.get("enum") and value not in shape.metadata["enum"] and value not in NEWER_VALUES:
            return "not one of the model's values"
    elif kind in ("integer", "long"):
        if not isinstance(value, int) or isinstance(value, bool):
            return "not an integer"
    elif kind in ("float", "double"):
        if not isinstance(value, (int, float)) or isinstance(value, bool):
            return "not a number"
    elif kind == "boolean":
        if not isinstance(value, bool):
            return "not a boolean"
    elif kind == "timestamp":
        if not isinstance(value, (int, float)) or isinstance(value, bool):
            return "not a number of seconds"
        if value > 1e11:
            return "not seconds"
    elif kind == "blob":
        try:
            base64.b64decode(value, validate=True)
        except (binascii.Error, TypeError, ValueError):
            return "not base64"
    return None


def check_value(shape, value, path):
    """Everything in value that the shape does not allow, as lines of text."""
    kind = shape.type_name
    if kind == "structure":
        if not isinstance(value, dict):
            return ["%s: not an object: %r" % (path, value)]
        found = ["%s: unknown member %s" % (path, k) for k in value if k not in shape.members and k not in _NEWER]
        found += ["%s: required member %s is missing" % (path, k) for k in shape.required_members if k not in value]
        for k, v in value.items():
            if k in shape.members:
                found += check_value(shape.members[k], v, path + "." + k)
        return found
    if kind == "list":
        if not isinstance(value, list):
            return ["%s: not a list: %r" % (path, value)]
        return [p for i, v in enumerate(value) for p in check_value(shape.member, v, "%s[%d]" % (path, i))]
    if kind == "map":
        if not isinstance(value, dict):
            return ["%s: not a map: %r" % (path, value)]
        return [p for k, v in value.items() for p in check_value(shape.value, v, "%s[%s]" % (path, k))]
    problem = _scalar_problem(shape, value)
    return ["%s: %s: %r" % (path, problem, value)] if problem else []
