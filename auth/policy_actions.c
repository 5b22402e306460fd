/* SPDX-License-Identifier: Apache-2.0 */
#include "auth/policy_actions.h"

#include <strings.h>

#include "auth/policy_match.h"
#include "base/macros.h"

struct group {
    const char *service;
    const char *resources; /* NULL: only "*" */
    const char *keys;
    const char *names;
};

/* clang-format off */
#define ECR_REPOSITORY  "arn:*:ecr:*:*:repository/*"
#define ECR_KEYS        "ecr:ResourceTag/*"
#define PUBLIC_REPO     "arn:*:ecr-public::*:repository/*"
#define ECS_CLUSTER     "arn:*:ecs:*:*:cluster/*"
#define ECS_INSTANCE    "arn:*:ecs:*:*:container-instance/*"
#define ECS_TASK        "arn:*:ecs:*:*:task/*"
#define ECS_DEFINITION  "arn:*:ecs:*:*:task-definition/*"
#define ECS_SERVICE     "arn:*:ecs:*:*:service/*"
#define ECS_TASK_SET    "arn:*:ecs:*:*:task-set/*"
#define ECS_CAPACITY    "arn:*:ecs:*:*:capacity-provider/*"
#define ECS_TAG         "ecs:ResourceTag/*"
#define ECS_SERVICE_KEYS ECS_TAG " ecs:cluster ecs:capacity-provider ecs:task-definition ecs:enable-ebs-volumes " \
                        "ecs:enable-ecs-managed-tags ecs:enable-execute-command ecs:enable-service-connect ecs:enable-vpc-lattice " \
                        "ecs:propagate-tags ecs:namespace ecs:subnet ecs:auto-assign-public-ip ecs:compute-compatibility ecs:service"
#define IAM_USER        "arn:*:iam::*:user/*"
#define IAM_GROUP       "arn:*:iam::*:group/*"
#define IAM_ROLE        "arn:*:iam::*:role/*"
#define IAM_POLICY      "arn:*:iam::*:policy/*"
#define IAM_PROFILE     "arn:*:iam::*:instance-profile/*"
#define IAM_OIDC        "arn:*:iam::*:oidc-provider/*"
#define IAM_SAML        "arn:*:iam::*:saml-provider/*"
#define IAM_TAG         "iam:ResourceTag/*"
#define LOG_GROUP       "arn:*:logs:*:*:log-group:*"

/* One row per set of resources and keys that actions share. */
static const struct group groups[] = {
    {"ecr", ECR_REPOSITORY, ECR_KEYS,
     "BatchCheckLayerAvailability BatchDeleteImage BatchGetImage BatchGetRepositoryScanningConfiguration BatchImportUpstreamImage "
     "CompleteLayerUpload CreateRepository DeleteLifecyclePolicy DeleteRepository DeleteRepositoryPolicy DescribeImageReplicationStatus "
     "DescribeImageScanFindings DescribeImageSigningStatus DescribeImages DescribeRepositories GetDownloadUrlForLayer GetLifecyclePolicy "
     "GetLifecyclePolicyPreview GetRepositoryPolicy InitiateLayerUpload ListImageReferrers ListImages ListTagsForResource PutImage "
     "PutImageScanningConfiguration PutImageTagMutability PutLifecyclePolicy ReplicateImage SetRepositoryPolicy StartImageScan "
     "StartLifecyclePolicyPreview TagResource UntagResource UpdateImageStorageClass UploadLayerPart"},
    {"ecr", NULL, "ecr:AccountSetting", "GetAccountSetting PutAccountSetting"},
    {"ecr", NULL, NULL,
     "CreatePullThroughCacheRule CreateRepositoryCreationTemplate DeletePullThroughCacheRule DeleteRegistryPolicy "
     "DeleteRepositoryCreationTemplate DeleteSigningConfiguration DeregisterPullTimeUpdateExclusion DescribePullThroughCacheRules "
     "DescribeRegistry DescribeRepositoryCreationTemplates GetAuthorizationToken GetRegistryPolicy GetRegistryScanningConfiguration "
     "GetSigningConfiguration ListPullTimeUpdateExclusions PutRegistryPolicy PutRegistryScanningConfiguration PutReplicationConfiguration "
     "PutSigningConfiguration RegisterPullTimeUpdateExclusion UpdatePullThroughCacheRule UpdateRepositoryCreationTemplate "
     "ValidatePullThroughCacheRule"},
    {"ecr-public", PUBLIC_REPO, "ecr-public:ResourceTag/*",
     "BatchCheckLayerAvailability BatchDeleteImage CompleteLayerUpload CreateRepository DeleteRepository DeleteRepositoryPolicy "
     "DescribeImageTags DescribeImages DescribeRepositories GetRepositoryCatalogData GetRepositoryPolicy InitiateLayerUpload "
     "ListTagsForResource PutImage PutRepositoryCatalogData SetRepositoryPolicy TagResource UntagResource UploadLayerPart"},
    {"ecr-public", "arn:*:ecr-public::*:registry/*", NULL, "DescribeRegistries GetRegistryCatalogData PutRegistryCatalogData"},
    {"ecr-public", NULL, NULL, "GetAuthorizationToken"},
    {"ecs", ECS_DEFINITION, ECS_TAG " ecs:cluster ecs:capacity-provider ecs:enable-ebs-volumes ecs:enable-ecs-managed-tags "
     "ecs:enable-execute-command ecs:propagate-tags ecs:task-cpu ecs:task-memory ecs:auto-assign-public-ip ecs:subnet "
     "ecs:compute-compatibility ecs:privileged", "RunTask"},
    {"ecs", ECS_DEFINITION, ECS_TAG " ecs:cluster ecs:container-instances ecs:enable-ebs-volumes ecs:enable-ecs-managed-tags "
     "ecs:enable-execute-command ecs:propagate-tags ecs:subnet ecs:auto-assign-public-ip", "StartTask"},
    {"ecs", ECS_DEFINITION, ECS_TAG " ecs:privileged ecs:compute-compatibility ecs:task-cpu ecs:task-memory", "RegisterTaskDefinition"},
    {"ecs", ECS_DEFINITION, ECS_TAG, "DeleteTaskDefinitions"},
    {"ecs", ECS_TASK, ECS_TAG " ecs:cluster", "DescribeTasks GetTaskProtection StopTask UpdateTaskProtection"},
    {"ecs", ECS_CLUSTER " " ECS_TASK, ECS_TAG " ecs:cluster ecs:container-name ecs:task", "ExecuteCommand"},
    {"ecs", ECS_SERVICE, ECS_SERVICE_KEYS,
     "CreateExpressGatewayService CreateService DeleteExpressGatewayService DeleteService DescribeExpressGatewayService DescribeServices "
     "ListServiceDeployments UpdateExpressGatewayService UpdateService UpdateServicePrimaryTaskSet"},
    {"ecs", ECS_SERVICE " arn:*:ecs:*:*:service-deployment/*", ECS_TAG " ecs:cluster ecs:service",
     "ContinueServiceDeployment DescribeServiceDeployments StopServiceDeployment"},
    {"ecs", ECS_SERVICE " arn:*:ecs:*:*:service-revision/*", ECS_TAG " ecs:cluster ecs:service", "DescribeServiceRevisions"},
    {"ecs", ECS_TASK_SET, ECS_TAG " ecs:cluster ecs:service ecs:capacity-provider ecs:task-definition ecs:subnet "
     "ecs:auto-assign-public-ip", "CreateTaskSet DeleteTaskSet DescribeTaskSets UpdateTaskSet"},
    {"ecs", ECS_CLUSTER, ECS_TAG " ecs:capacity-provider ecs:fargate-ephemeral-storage-kms-key ecs:instance-metadata-tags-propagation",
     "AllowVendedLogDeliveryForResource CreateCluster DeleteCluster DeregisterContainerInstance DescribeClusters ListAttributes "
     "ListContainerInstances PutClusterCapacityProviders RegisterContainerInstance SubmitAttachmentStateChanges SubmitContainerStateChange "
     "SubmitTaskStateChange UpdateCluster UpdateClusterSettings"},
    {"ecs", ECS_INSTANCE, ECS_TAG " ecs:cluster",
     "DeleteAttributes DescribeContainerInstances ListTasks Poll PutAttributes StartTelemetrySession UpdateContainerAgent "
     "UpdateContainerInstancesState"},
    {"ecs", ECS_CLUSTER " " ECS_INSTANCE, ECS_TAG " ecs:cluster", "PutSystemLogEvents"},
    {"ecs", ECS_CAPACITY, ECS_TAG,
     "CreateCapacityProvider DeleteCapacityProvider DescribeCapacityProviders UpdateCapacityProvider"},
    {"ecs", "arn:*:ecs:*:*:daemon*/*", ECS_TAG " ecs:cluster ecs:daemon ecs:daemon-task-definition",
     "CreateDaemon DeleteDaemon DeleteDaemonTaskDefinition DescribeDaemon DescribeDaemonDeployments DescribeDaemonRevisions "
     "DescribeDaemonTaskDefinition ListDaemonDeployments RegisterDaemonTaskDefinition UpdateDaemon"},
    {"ecs", "arn:*:ecs:*:*:*/*", ECS_TAG " ecs:CreateAction", "ListTagsForResource TagResource UntagResource"},
    {"ecs", NULL, "ecs:account-setting", "DeleteAccountSetting ListAccountSettings PutAccountSetting PutAccountSettingDefault"},
    {"ecs", NULL, "ecs:cluster ecs:namespace",
     "DeregisterTaskDefinition DescribeTaskDefinition DiscoverPollEndpoint ListClusters ListDaemonTaskDefinitions ListDaemons ListServices "
     "ListServicesByNamespace ListTaskDefinitionFamilies ListTaskDefinitions"},
    {"iam", IAM_ROLE, IAM_TAG " iam:PassedToService iam:AssociatedResourceArn", "PassRole"},
    {"iam", IAM_ROLE, IAM_TAG " iam:PolicyARN iam:PermissionsBoundary iam:AWSServiceName",
     "AttachRolePolicy CreateRole CreateServiceLinkedRole DeleteRole DeleteRolePermissionsBoundary DeleteRolePolicy DeleteServiceLinkedRole "
     "DetachRolePolicy GetRole GetRolePolicy GetServiceLinkedRoleDeletionStatus ListAttachedRolePolicies ListInstanceProfilesForRole "
     "ListRolePolicies ListRoleTags PutRolePermissionsBoundary PutRolePolicy TagRole UntagRole UpdateAssumeRolePolicy UpdateRole "
     "UpdateRoleDescription"},
    {"iam", IAM_USER, IAM_TAG " iam:PolicyARN iam:PermissionsBoundary iam:ServiceSpecificCredentialAgeDays iam:ServiceSpecificCredentialServiceName",
     "AttachUserPolicy ChangePassword CreateAccessKey CreateLoginProfile CreateServiceSpecificCredential CreateUser DeactivateMFADevice "
     "DeleteAccessKey DeleteLoginProfile DeleteSSHPublicKey DeleteServiceSpecificCredential DeleteSigningCertificate DeleteUser "
     "DeleteUserPermissionsBoundary DeleteUserPolicy DetachUserPolicy EnableMFADevice GetAccessKeyLastUsed GetLoginProfile GetMFADevice "
     "GetSSHPublicKey GetUser GetUserPolicy ListAccessKeys ListAttachedUserPolicies ListGroupsForUser ListMFADevices ListSSHPublicKeys "
     "ListServiceSpecificCredentials ListSigningCertificates ListUserPolicies ListUserTags PutUserPermissionsBoundary PutUserPolicy "
     "ResetServiceSpecificCredential ResyncMFADevice TagUser UntagUser UpdateAccessKey UpdateLoginProfile UpdateSSHPublicKey "
     "UpdateServiceSpecificCredential UpdateSigningCertificate UpdateUser UploadSSHPublicKey UploadSigningCertificate"},
    {"iam", IAM_GROUP, "iam:PolicyARN",
     "AddUserToGroup AttachGroupPolicy CreateGroup DeleteGroup DeleteGroupPolicy DetachGroupPolicy GetGroup GetGroupPolicy "
     "ListAttachedGroupPolicies ListGroupPolicies PutGroupPolicy RemoveUserFromGroup UpdateGroup"},
    {"iam", IAM_POLICY, IAM_TAG,
     "CreatePolicy CreatePolicyVersion DeletePolicy DeletePolicyVersion GetPolicy GetPolicyVersion ListEntitiesForPolicy ListPolicyTags "
     "ListPolicyVersions SetDefaultPolicyVersion TagPolicy UntagPolicy"},
    {"iam", IAM_PROFILE, IAM_TAG,
     "AddRoleToInstanceProfile CreateInstanceProfile DeleteInstanceProfile GetInstanceProfile ListInstanceProfileTags "
     "RemoveRoleFromInstanceProfile TagInstanceProfile UntagInstanceProfile"},
    {"iam", IAM_OIDC, IAM_TAG,
     "AddClientIDToOpenIDConnectProvider CreateOpenIDConnectProvider DeleteOpenIDConnectProvider GetOpenIDConnectProvider "
     "ListOpenIDConnectProviderTags RemoveClientIDFromOpenIDConnectProvider TagOpenIDConnectProvider UntagOpenIDConnectProvider "
     "UpdateOpenIDConnectProviderThumbprint"},
    {"iam", IAM_SAML, IAM_TAG,
     "CreateSAMLProvider DeleteSAMLProvider GetSAMLProvider ListSAMLProviderTags TagSAMLProvider UntagSAMLProvider UpdateSAMLProvider"},
    {"iam", "arn:*:iam::*:server-certificate/*", IAM_TAG,
     "DeleteServerCertificate GetServerCertificate ListServerCertificateTags TagServerCertificate UntagServerCertificate "
     "UpdateServerCertificate UploadServerCertificate"},
    {"iam", "arn:*:iam::*:mfa/*", IAM_TAG, "CreateVirtualMFADevice DeleteVirtualMFADevice ListMFADeviceTags TagMFADevice UntagMFADevice"},
    {"iam", IAM_USER " " IAM_GROUP " " IAM_ROLE " " IAM_POLICY, IAM_TAG,
     "GenerateServiceLastAccessedDetails GetContextKeysForPrincipalPolicy ListPoliciesGrantingServiceAccess SimulatePrincipalPolicy"},
    {"iam", NULL, "iam:OrganizationsPolicyId",
     "CreateAccountAlias DeleteAccountAlias DeleteAccountPasswordPolicy GenerateCredentialReport GenerateOrganizationsAccessReport "
     "GetAccountAuthorizationDetails GetAccountEmailAddress GetAccountName GetAccountPasswordPolicy GetAccountSummary "
     "GetContextKeysForCustomPolicy GetCredentialReport GetOrganizationsAccessReport GetServiceLastAccessedDetails "
     "GetServiceLastAccessedDetailsWithEntities ListAccountAliases ListGroups ListInstanceProfiles ListOpenIDConnectProviders ListPolicies "
     "ListRoles ListSAMLProviders ListServerCertificates ListUsers ListVirtualMFADevices SetSecurityTokenServicePreferences "
     "SimulateCustomPolicy UpdateAccountEmailAddress UpdateAccountName UpdateAccountPasswordPolicy"},
    {"sts", IAM_ROLE, "sts:ExternalId sts:RoleSessionName sts:SourceIdentity sts:TransitiveTagKeys sts:TaskPolicyArn sts:RequestContext/* saml:*",
     "AssumeRole AssumeRoleWithSAML AssumeRoleWithWebIdentity SetContext"},
    {"sts", IAM_ROLE " " IAM_USER, "sts:SourceIdentity", "SetSourceIdentity"},
    {"sts", IAM_ROLE " " IAM_USER " arn:*:sts::*:federated-user/*", "sts:SourceIdentity sts:TransitiveTagKeys", "TagSession"},
    {"sts", IAM_USER " arn:*:sts::*:federated-user/*", "sts:DurationSeconds", "GetFederationToken"},
    {"sts", "arn:*:iam::*:root", "sts:TaskPolicyArn", "AssumeRoot"},
    {"sts", NULL, "sts:DurationSeconds sts:IdentityTokenAudience sts:SigningAlgorithm",
     "DecodeAuthorizationMessage GetAccessKeyInfo GetCallerIdentity GetServiceBearerToken GetSessionToken GetWebIdentityToken"},
    {"logs", LOG_GROUP, NULL,
     "AssociateKmsKey CreateExportTask CreateLogAnomalyDetector CreateLogGroup CreateLogStream DeleteDataProtectionPolicy DeleteLogGroup "
     "DeleteLogStream DeleteMetricFilter DeleteRetentionPolicy DeleteSubscriptionFilter DeleteTransformer DescribeLogStreams "
     "DescribeMetricFilters DescribeSubscriptionFilters DisassociateKmsKey FilterLogEvents GetDataProtectionPolicy GetLogEvents "
     "GetLogGroupFields GetLogRecord GetQueryResults GetTransformer ListTagsLogGroup PutDataProtectionPolicy PutLogEvents PutMetricFilter "
     "PutRetentionPolicy PutTransformer StartLiveTail StartQuery TagLogGroup Unmask UntagLogGroup"},
    {"logs", LOG_GROUP " arn:*:logs:*:*:destination:*", "logs:DestinationArn", "PutSubscriptionFilter"},
    {"logs", "arn:*:logs:*:*:*:*", NULL,
     "CreateDelivery DeleteDelivery DeleteDeliveryDestination DeleteDeliverySource DeleteDestination GetDelivery GetDeliveryDestination "
     "GetDeliverySource ListTagsForResource PutDeliveryDestination PutDeliverySource PutDestination PutDestinationPolicy TagResource "
     "UntagResource"},
    {"logs", NULL, NULL,
     "CancelExportTask CreateLogDelivery DeleteAccountPolicy DeleteLogDelivery DeleteQueryDefinition DeleteResourcePolicy "
     "DescribeAccountPolicies DescribeDeliveries DescribeDestinations DescribeExportTasks DescribeLogGroups DescribeQueries "
     "DescribeQueryDefinitions DescribeResourcePolicies GetLogDelivery ListLogDeliveries ListLogGroups PutAccountPolicy PutQueryDefinition "
     "PutResourcePolicy StopLiveTail StopQuery TestMetricFilter TestTransformer UpdateLogDelivery"},
    {"secretsmanager", "arn:*:secretsmanager:*:*:secret:*",
     "secretsmanager:Name secretsmanager:SecretId secretsmanager:VersionId secretsmanager:VersionStage secretsmanager:KmsKeyId "
     "secretsmanager:KmsKeyArn secretsmanager:Description secretsmanager:ResourceTag/* secretsmanager:SecretPrimaryRegion "
     "secretsmanager:ForceDeleteWithoutRecovery secretsmanager:RecoveryWindowInDays secretsmanager:RotationLambdaARN "
     "secretsmanager:BlockPublicPolicy secretsmanager:AddReplicaRegions secretsmanager:resource/AllowRotationLambdaArn",
     "CancelRotateSecret CreateSecret DeleteResourcePolicy DeleteSecret DescribeSecret GetResourcePolicy GetSecretValue ListSecretVersionIds "
     "PutResourcePolicy PutSecretValue RemoveRegionsFromReplication ReplicateSecretToRegions RestoreSecret RotateSecret "
     "StopReplicationToReplica TagResource UntagResource UpdateSecret UpdateSecretVersionStage ValidateResourcePolicy"},
    {"secretsmanager", NULL, NULL, "BatchGetSecretValue GetRandomPassword ListSecrets"},
    {"ssm", "arn:*:ssm:*:*:parameter/*", "ssm:Overwrite ssm:Recursive ssm:Policies ssm:resourceTag/*",
     "DeleteParameter DeleteParameters GetParameter GetParameterHistory GetParameters GetParametersByPath LabelParameterVersion PutParameter "
     "UnlabelParameterVersion"},
    {"ssm", "arn:*:ssm:*:*:* arn:*:ecs:*:*:task/* arn:*:ec2:*:*:instance/*", "ssm:resourceTag/* ssm:SessionDocumentAccessCheck ssm:DocumentCategories",
     "AddTagsToResource ListTagsForResource RemoveTagsFromResource ResumeSession SendCommand StartSession TerminateSession "
     "DeregisterManagedInstance UpdateManagedInstanceRole UpdateInstanceInformation DescribeDocument GetDocument CreateDocument UpdateDocument "
     "DeleteDocument"},
    {"ssm", NULL, NULL,
     "CreateActivation DeleteActivation DescribeActivations DescribeInstanceInformation DescribeParameters DescribeSessions "
     "ListCommandInvocations ListCommands ListDocuments GetCommandInvocation"},
    {"slipway", IAM_USER, NULL, "AddRobot ListRobots RemoveRobot RotateRobot"},
    {"slipway", IAM_USER " " IAM_ROLE, NULL, "ExplainPolicy"},
    {"slipway", IAM_OIDC, NULL, "PutProviderKeys"},
    {"slipway", NULL, NULL,
     "AdministerAccounts BackupData CheckStorage CollectGarbage DebugSigv4 DeleteQuota DescribeMaintenanceJob GetMetrics ListQuotas "
     "PutQuota ReloadPolicies"},
    /* Later additions, and what slipway does not serve: any resource of the service. */
    {"iam", "arn:*:iam::*:*", NULL,
     "AcceptDelegationRequest AssociateDelegationRequest CreateDelegationRequest DisableOrganizationsRootCredentialsManagement "
     "DisableOrganizationsRootSessions DisableOutboundWebIdentityFederation EnableOrganizationsRootCredentialsManagement "
     "EnableOrganizationsRootSessions EnableOutboundWebIdentityFederation GetDelegationRequest GetHumanReadableSummary "
     "GetOutboundWebIdentityFederationInfo ListDelegationRequests ListOrganizationsFeatures ListSTSRegionalEndpointsStatus "
     "RejectDelegationRequest SendDelegationToken SetSTSRegionalEndpointStatus"},
    {"logs", "arn:*:logs:*:*:*", NULL,
     "CallWithBearerToken CancelImportTask CreateImportTask CreateLookupTable CreateScheduledQuery DeleteDeliveryDestinationPolicy "
     "DeleteIndexPolicy DeleteIntegration DeleteLogAnomalyDetector DeleteLookupTable DeleteScheduledQuery "
     "DescribeConfigurationTemplates DescribeDeliveryDestinations DescribeDeliverySources DescribeFieldIndexes "
     "DescribeImportTaskBatches DescribeImportTasks DescribeIndexPolicies DescribeLookupTables GetDeliveryDestinationPolicy "
     "GetIntegration GetLogAnomalyDetector GetLogFields GetLookupTable GetScheduledQuery GetScheduledQueryHistory Link "
     "ListAggregateLogGroupSummaries ListAnomalies ListEntitiesForLogGroup ListIntegrations ListLogAnomalyDetectors "
     "ListLogGroupsForEntity ListLogGroupsForQuery ListScheduledQueries PutBearerTokenAuthentication PutDeliveryDestinationPolicy "
     "PutIndexPolicy PutIntegration PutLogGroupDeletionProtection UpdateAnomaly UpdateDeliveryConfiguration "
     "UpdateLogAnomalyDetector UpdateLookupTable UpdateScheduledQuery"},
    {"ssm", "arn:*:ssm:*:*:* arn:*:ec2:*:*:instance/*", "ssm:resourceTag/*",
     "AssociateOpsItemRelatedItem CancelCommand CancelMaintenanceWindowExecution CreateAssociation CreateAssociationBatch "
     "CreateMaintenanceWindow CreateOpsItem CreateOpsMetadata CreatePatchBaseline CreateResourceDataSync DeleteAssociation "
     "DeleteInventory DeleteMaintenanceWindow DeleteOpsMetadata DeletePatchBaseline DeleteResourceDataSync DeleteResourcePolicy "
     "DeregisterPatchBaselineForPatchGroup DeregisterTargetFromMaintenanceWindow DeregisterTaskFromMaintenanceWindow "
     "DescribeAssociation DescribeAssociationExecutionTargets DescribeAssociationExecutions DescribeAutomationExecutions "
     "DescribeAutomationStepExecutions DescribeAvailablePatches DescribeDocumentPermission DescribeEffectiveInstanceAssociations "
     "DescribeEffectivePatchesForPatchBaseline DescribeInstanceAssociationsStatus DescribeInstancePatchStates "
     "DescribeInstancePatchStatesForPatchGroup DescribeInstancePatches DescribeInventoryDeletions "
     "DescribeMaintenanceWindowExecutionTaskInvocations DescribeMaintenanceWindowExecutionTasks DescribeMaintenanceWindowExecutions "
     "DescribeMaintenanceWindowSchedule DescribeMaintenanceWindowTargets DescribeMaintenanceWindowTasks DescribeMaintenanceWindows "
     "DescribeMaintenanceWindowsForTarget DescribeOpsItems DescribePatchBaselines DescribePatchGroupState DescribePatchGroups "
     "DescribePatchProperties DisassociateOpsItemRelatedItem GetAutomationExecution GetCalendarState GetDefaultPatchBaseline "
     "GetDeployablePatchSnapshotForInstance GetInventory GetInventorySchema GetMaintenanceWindow GetMaintenanceWindowExecution "
     "GetMaintenanceWindowExecutionTask GetMaintenanceWindowExecutionTaskInvocation GetMaintenanceWindowTask GetOpsItem "
     "GetOpsMetadata GetOpsSummary GetPatchBaseline GetPatchBaselineForPatchGroup GetResourcePolicies GetServiceSetting "
     "ListAssociationVersions ListAssociations ListComplianceItems ListComplianceSummaries ListDocumentMetadataHistory "
     "ListDocumentVersions ListInventoryEntries ListOpsItemEvents ListOpsItemRelatedItems ListOpsMetadata "
     "ListResourceComplianceSummaries ListResourceDataSync ModifyDocumentPermission PutComplianceItems PutInventory "
     "PutResourcePolicy RegisterDefaultPatchBaseline RegisterPatchBaselineForPatchGroup RegisterTargetWithMaintenanceWindow "
     "RegisterTaskWithMaintenanceWindow ResetServiceSetting SendAutomationSignal StartAssociationsOnce StartAutomationExecution "
     "StartChangeRequestExecution StopAutomationExecution UpdateAssociation UpdateAssociationStatus UpdateDocumentDefaultVersion "
     "UpdateDocumentMetadata UpdateMaintenanceWindow UpdateMaintenanceWindowTarget UpdateMaintenanceWindowTask UpdateOpsItem "
     "UpdateOpsMetadata UpdatePatchBaseline UpdateResourceDataSync UpdateServiceSetting GetConnectionStatus"},
};

/* Names up to their slash, for those that go on with a tag's key. */
static const char *const global_keys[] = {
    "aws:AssumedRoot", "aws:CalledVia", "aws:CalledViaFirst", "aws:CalledViaLast", "aws:ChatbotSourceArn", "aws:CurrentTime",
    "aws:Ec2InstanceSourcePrivateIPv4", "aws:Ec2InstanceSourceVpc", "aws:EpochTime", "aws:FederatedProvider", "aws:MultiFactorAuthAge",
    "aws:MultiFactorAuthPresent", "aws:PrincipalAccount", "aws:PrincipalArn", "aws:PrincipalIsAWSService", "aws:PrincipalOrgID",
    "aws:PrincipalOrgPaths", "aws:PrincipalServiceName", "aws:PrincipalServiceNamesList", "aws:PrincipalTag/", "aws:PrincipalType",
    "aws:referer", "aws:RequestedRegion", "aws:RequestTag/", "aws:ResourceAccount", "aws:ResourceOrgID", "aws:ResourceOrgPaths",
    "aws:ResourceTag/", "aws:SecureTransport", "aws:SourceAccount", "aws:SourceArn", "aws:SourceIdentity", "aws:SourceIp",
    "aws:SourceOrgID", "aws:SourceOrgPaths", "aws:SourceVpc", "aws:SourceVpcArn", "aws:SourceVpce", "aws:TagKeys", "aws:TokenIssueTime",
    "aws:UserAgent", "aws:userid", "aws:username", "aws:ViaAWSService", "aws:VpceAccount", "aws:VpcSourceIp", "aws:IsMcpServiceAction",
};
/* clang-format on */

bool policy_service_known(struct sw_str service)
{
    for (size_t i = 0; i < SW_ARRAY_LEN(groups); i++) {
        if (sw_str_eq_nocase(service, sw_str(groups[i].service)))
            return true;
    }
    return false;
}

/* Splits at the first colon; without one the service is empty. */
static struct sw_str service_part(struct sw_str action, struct sw_str *ret_name)
{
    const char *colon = action.n ? memchr(action.p, ':', action.n) : NULL;
    size_t n = colon ? (size_t)(colon - action.p) : 0;
    *ret_name = sw_str_slice(action, colon ? n + 1 : 0, action.n);
    return sw_str_slice(action, 0, n);
}

static size_t match_group(const struct group *g, const struct policy_glob *name,
                          policy_action_fn *fn, void *ctx)
{
    struct sw_str rest = sw_str(g->names), one;
    size_t n = 0;
    while (sw_str_split(&rest, ' ', &one)) {
        if (policy_glob_match(name, one, true, NULL) != POLICY_MATCH)
            continue;
        n++;
        if (fn)
            fn(ctx, &(struct policy_action_info){sw_str(g->service), one, g->resources, g->keys});
    }
    return n;
}

size_t policy_actions_matching(struct sw_str pattern, policy_action_fn *fn, void *ctx)
{
    struct sw_arena arena = {0};
    struct policy_glob glob;
    struct sw_str name, service = service_part(pattern, &name);
    bool every = sw_str_eq_z(pattern, "*");
    size_t n = 0;
    (void)policy_glob_compile(&arena, name, POLICY_GLOB_WILDCARDS, &glob);
    for (size_t i = 0; i < SW_ARRAY_LEN(groups); i++) {
        if (every || sw_str_eq_nocase(service, sw_str(groups[i].service)))
            n += match_group(&groups[i], &glob, fn, ctx);
    }
    sw_arena_done(&arena);
    return n;
}

bool policy_action_find(struct sw_str action, struct policy_action_info *ret)
{
    struct sw_str name, service = service_part(action, &name), rest, one;
    for (size_t i = 0; i < SW_ARRAY_LEN(groups); i++) {
        rest = sw_str(groups[i].names);
        while (sw_str_eq_nocase(service, sw_str(groups[i].service)) &&
               sw_str_split(&rest, ' ', &one)) {
            if (sw_str_eq_nocase(one, name)) {
                *ret = (struct policy_action_info){sw_str(groups[i].service), one,
                                                   groups[i].resources, groups[i].keys};
                return true;
            }
        }
    }
    return false;
}

/* How many single-letter changes apart, in any letter case; names are short. */
static size_t distance(struct sw_str a, struct sw_str b)
{
    size_t row[64];
    if (a.n >= SW_ARRAY_LEN(row) || b.n >= SW_ARRAY_LEN(row))
        return SIZE_MAX;
    for (size_t j = 0; j <= b.n; j++)
        row[j] = j;
    for (size_t i = 1; i <= a.n; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= b.n; j++) {
            bool same = sw_str_eq_nocase(sw_str_n(a.p + i - 1, 1), sw_str_n(b.p + j - 1, 1));
            size_t best = SW_MIN(row[j], row[j - 1]) + 1;
            best = SW_MIN(best, diagonal + !same);
            diagonal = row[j];
            row[j] = best;
        }
    }
    return row[b.n];
}

bool policy_action_nearest(struct sw_str action, char *out, size_t cap)
{
    struct sw_str name, service = service_part(action, &name), rest, one;
    size_t best = SW_MAX(name.n / 3, (size_t)2) + 1;
    bool found = false;
    for (size_t i = 0; i < SW_ARRAY_LEN(groups); i++) {
        rest = sw_str(groups[i].names);
        size_t service_apart = distance(service, sw_str(groups[i].service));
        while (service_apart < 3 && sw_str_split(&rest, ' ', &one)) {
            size_t d = distance(name, one) + service_apart;
            if (d >= best)
                continue;
            best = d;
            found = snprintf(out, cap, "%s:%.*s", groups[i].service, SW_STR_ARG(one)) < (int)cap;
        }
    }
    return found;
}

bool policy_global_key_known(const char *key)
{
    for (size_t i = 0; i < SW_ARRAY_LEN(global_keys); i++) {
        size_t n = strlen(global_keys[i]);
        if (global_keys[i][n - 1] == '/' ? strncasecmp(key, global_keys[i], n) == 0 && key[n]
                                         : strcasecmp(key, global_keys[i]) == 0)
            return true;
    }
    return false;
}

const char *policy_global_key_nearest(const char *key)
{
    return sw_nearest_name(key, global_keys, SW_ARRAY_LEN(global_keys));
}
