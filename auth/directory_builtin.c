/* SPDX-License-Identifier: Apache-2.0 */
/* auth/directory_builtin.c - AWS managed policies that mean something here, by AWS's names, with what they allow of the services
 * that this program has; and the policies that this program needs itself. Read-only; every directory has them. */
#include "auth/directory_builtin.h"

#include <assert.h>
#include <stdlib.h>

#include "auth/directory_internal.h"
#include "base/macros.h"

#define DOCUMENT(statements) "{\"Version\":\"2012-10-17\",\"Statement\":[" statements "]}"
#define ALLOW(actions)       "{\"Effect\":\"Allow\",\"Action\":[" actions "],\"Resource\":\"*\"}"
#define BUILTIN_SINCE_US     1423180800000000 /* 2015-02-06 */
#define PULL_ACTIONS                                                      \
    "\"ecr:BatchCheckLayerAvailability\",\"ecr:GetDownloadUrlForLayer\"," \
    "\"ecr:BatchGetImage\""
#define READ_ECR                                                            \
    "\"ecr:GetAuthorizationToken\"," PULL_ACTIONS                           \
    ",\"ecr:GetRepositoryPolicy\",\"ecr:DescribeRepositories\","            \
    "\"ecr:ListImages\",\"ecr:DescribeImages\",\"ecr:GetLifecyclePolicy\"," \
    "\"ecr:GetLifecyclePolicyPreview\",\"ecr:ListTagsForResource\","        \
    "\"ecr:DescribeImageScanFindings\""

const char builtin_administrator[] = DOCUMENT(ALLOW("\"*\""));
/* What an agent needs to pull images and to speak for its container instance. */
const char builtin_node[] =
    DOCUMENT(ALLOW("\"ecr:GetAuthorizationToken\"," PULL_ACTIONS
                   ",\"ecs:RegisterContainerInstance\",\"ecs:DeregisterContainerInstance\","
                   "\"ecs:DiscoverPollEndpoint\",\"ecs:Poll\",\"ecs:SubmitTaskStateChange\","
                   "\"ecs:SubmitContainerStateChange\",\"ecs:StartTelemetrySession\""));
const char builtin_nothing[] =
    "{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Deny\",\"Action\":\"*\","
    "\"Resource\":\"*\"}]}";
/* What anyone may do with a public repository. */
const char builtin_public_pull[] =
    "{\"Version\":\"2012-10-17\",\"Statement\":[{\"Sid\":\"PublicPull\",\"Effect\":\"Allow\","
    "\"Principal\":\"*\",\"Action\":[" PULL_ACTIONS ",\"ecr:ListImages\"]}]}";

static const struct {
    const char *path, *name, *description, *document;
} policies[] = {
    {"/", "AdministratorAccess", "Provides full access to AWS services and resources.",
     builtin_administrator},
    {"/", "ReadOnlyAccess", "Provides read-only access to AWS services and resources.",
     DOCUMENT(ALLOW("\"ecr:BatchCheck*\",\"ecr:BatchGet*\",\"ecr:Describe*\",\"ecr:Get*\","
                    "\"ecr:List*\",\"ecr-public:Describe*\",\"ecr-public:Get*\","
                    "\"ecr-public:List*\",\"ecs:Describe*\",\"ecs:Get*\",\"ecs:List*\","
                    "\"iam:Generate*\",\"iam:Get*\",\"iam:List*\",\"iam:Simulate*\","
                    "\"logs:Describe*\",\"logs:FilterLogEvents\",\"logs:Get*\",\"logs:List*\","
                    "\"logs:StartQuery\",\"logs:StopQuery\",\"cloudwatch:Describe*\","
                    "\"cloudwatch:Get*\",\"cloudwatch:List*\",\"elasticloadbalancing:Describe*\","
                    "\"application-autoscaling:Describe*\",\"application-autoscaling:List*\","
                    "\"autoscaling:Describe*\",\"ssm:Describe*\",\"ssm:Get*\",\"ssm:List*\","
                    "\"secretsmanager:DescribeSecret\",\"secretsmanager:GetResourcePolicy\","
                    "\"secretsmanager:List*\",\"ec2:Describe*\",\"sts:GetAccessKeyInfo\","
                    "\"sts:GetCallerIdentity\",\"sts:GetSessionToken\",\"tag:Get*\""))},
    {"/", "AmazonEC2ContainerRegistryFullAccess",
     "Provides administrative access to Amazon ECR resources.",
     DOCUMENT(
         ALLOW("\"ecr:*\",\"cloudtrail:LookupEvents\"") ","
                                                        "{\"Effect\":\"Allow\",\"Action\":[\"iam:"
                                                        "CreateServiceLinkedRole\"],"
                                                        "\"Resource\":\"*\",\"Condition\":{"
                                                        "\"StringEquals\":{\"iam:AWSServiceName\":"
                                                        "[\"replication.ecr.amazonaws.com\"]}}}")},
    {"/", "AmazonEC2ContainerRegistryPowerUser",
     "Provides full access to Amazon ECR repositories, but does not allow repository deletion or "
     "policy changes.",
     DOCUMENT(ALLOW(READ_ECR ",\"ecr:InitiateLayerUpload\",\"ecr:UploadLayerPart\","
                             "\"ecr:CompleteLayerUpload\",\"ecr:PutImage\""))},
    {"/", "AmazonEC2ContainerRegistryReadOnly",
     "Provides read-only access to Amazon ECR repositories.", DOCUMENT(ALLOW(READ_ECR))},
    {"/", "AmazonEC2ContainerRegistryPullOnly",
     "Provides permissions to pull images from Amazon ECR.",
     DOCUMENT(ALLOW("\"ecr:GetAuthorizationToken\",\"ecr:BatchGetImage\","
                    "\"ecr:GetDownloadUrlForLayer\",\"ecr:BatchImportUpstreamImage\""))},
    {"/", "AmazonECS_FullAccess", "Provides administrative access to Amazon ECS resources.",
     DOCUMENT(ALLOW(
         "\"application-autoscaling:*\",\"autoscaling:*\",\"cloudwatch:*\","
         "\"codedeploy:*\",\"ec2:Describe*\",\"ecs:*\","
         "\"elasticloadbalancing:*\",\"iam:ListAttachedRolePolicies\","
         "\"iam:ListInstanceProfiles\",\"iam:ListRoles\",\"logs:CreateLogGroup\","
         "\"logs:DescribeLogGroups\",\"logs:FilterLogEvents\"") ","
                                                                "{\"Effect\":\"Allow\",\"Action\":"
                                                                "\"iam:PassRole\",\"Resource\":\"*"
                                                                "\","
                                                                "\"Condition\":{\"StringLike\":{"
                                                                "\"iam:PassedToService\":"
                                                                "\"ecs-tasks.amazonaws.com\"}}},"
                                                                "{\"Effect\":\"Allow\",\"Action\":"
                                                                "\"iam:PassRole\",\"Resource\":"
                                                                "[\"arn:aws:iam::*:role/"
                                                                "ecsInstanceRole*\"],\"Condition\":"
                                                                "{\"StringLike\":"
                                                                "{\"iam:PassedToService\":[\"ec2."
                                                                "amazonaws.com\"]}}},"
                                                                "{\"Effect\":\"Allow\",\"Action\":"
                                                                "\"iam:CreateServiceLinkedRole\","
                                                                "\"Resource\":\"*\",\"Condition\":{"
                                                                "\"StringLike\":{\"iam:"
                                                                "AWSServiceName\":"
                                                                "[\"autoscaling.amazonaws.com\","
                                                                "\"ecs.amazonaws.com\","
                                                                "\"ecs.application-autoscaling."
                                                                "amazonaws.com\",\"spot.amazonaws."
                                                                "com\","
                                                                "\"spotfleet.amazonaws.com\"]}}}")},
    {"/service-role/", "AmazonECSTaskExecutionRolePolicy",
     "Provides access to other AWS service resources that are required to run Amazon ECS tasks.",
     DOCUMENT(ALLOW("\"ecr:GetAuthorizationToken\"," PULL_ACTIONS
                    ",\"logs:CreateLogStream\",\"logs:PutLogEvents\""))},
    {"/service-role/", "AmazonEC2ContainerServiceforEC2Role",
     "Default policy for the Amazon EC2 Role for Amazon EC2 Container Service.",
     DOCUMENT(ALLOW(
         "\"ec2:DescribeTags\",\"ecs:CreateCluster\","
         "\"ecs:DeregisterContainerInstance\",\"ecs:DiscoverPollEndpoint\","
         "\"ecs:Poll\",\"ecs:RegisterContainerInstance\","
         "\"ecs:StartTelemetrySession\",\"ecs:UpdateContainerInstancesState\","
         "\"ecs:Submit*\",\"ecr:GetAuthorizationToken\"," PULL_ACTIONS
         ",\"logs:CreateLogStream\",\"logs:PutLogEvents\"") ","
                                                            "{\"Effect\":\"Allow\",\"Action\":"
                                                            "\"ecs:TagResource\",\"Resource\":\"*"
                                                            "\","
                                                            "\"Condition\":{\"StringEquals\":{"
                                                            "\"ecs:CreateAction\":["
                                                            "\"CreateCluster\","
                                                            "\"RegisterContainerInstance\"]}}}")},
    {"/aws-service-role/", "AmazonECSServiceRolePolicy",
     "Policy to enable Amazon ECS to manage your cluster.",
     DOCUMENT(ALLOW("\"ec2:Describe*\",\"elasticloadbalancing:DeregisterTargets\","
                    "\"elasticloadbalancing:Describe*\","
                    "\"elasticloadbalancing:RegisterTargets\",\"cloudwatch:DescribeAlarms\","
                    "\"cloudwatch:PutMetricAlarm\",\"autoscaling:Describe*\""))},
    {"/", "AmazonElasticContainerRegistryPublicFullAccess",
     "Provides administrative access to Amazon ECR Public resources.",
     DOCUMENT(ALLOW("\"ecr-public:*\",\"sts:GetServiceBearerToken\""))},
    {"/", "AmazonElasticContainerRegistryPublicReadOnly",
     "Provides read-only access to Amazon ECR Public repositories.",
     DOCUMENT(ALLOW("\"ecr-public:GetAuthorizationToken\",\"sts:GetServiceBearerToken\","
                    "\"ecr-public:BatchCheckLayerAvailability\","
                    "\"ecr-public:GetRepositoryPolicy\",\"ecr-public:DescribeRepositories\","
                    "\"ecr-public:DescribeRegistries\",\"ecr-public:DescribeImages\","
                    "\"ecr-public:DescribeImageTags\","
                    "\"ecr-public:GetRepositoryCatalogData\","
                    "\"ecr-public:GetRegistryCatalogData\""))},
    {"/", "IAMFullAccess", "Provides full access to IAM.", DOCUMENT(ALLOW("\"iam:*\""))},
    {"/", "IAMReadOnlyAccess", "Provides read only access to IAM.",
     DOCUMENT(ALLOW("\"iam:GenerateCredentialReport\","
                    "\"iam:GenerateServiceLastAccessedDetails\",\"iam:Get*\",\"iam:List*\","
                    "\"iam:SimulateCustomPolicy\",\"iam:SimulatePrincipalPolicy\""))},
    {"/slipway/", "SlipwayNode", "What an agent of this server needs.", builtin_node},
};

void builtin_add(struct directory_maps *m)
{
    for (size_t i = 0; i < SW_ARRAY_LEN(policies); i++) {
        struct sw_err err = SW_ERR_INIT;
        struct directory_new n = {.kind = IAM_POLICY,
                                  .account = IAM_AWS_ACCOUNT,
                                  .name = policies[i].name,
                                  .path = policies[i].path,
                                  .description = policies[i].description,
                                  .document = policies[i].document};
        struct iam_entity *e = entity_new(&n, BUILTIN_SINCE_US, &err);
        assert(e);
        directory_overlay_id(IAM_POLICY, n.account, n.name, e->id);
        entity_set_str(&e->origin, IAM_BUILTIN);
        maps_put(m, e);
    }
}
