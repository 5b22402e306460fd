# SPDX-License-Identifier: Apache-2.0
"""The calls that Terraform's AWS provider makes for a resource, in its order: create, read, read again for a plan that must find nothing
to change, update, destroy and wait for the end. (Neither Debian nor npm has Terraform itself.) What was set must read back the same, or
Terraform would replace the resource at every apply. Each reply is checked against the service's model."""
import json
import time
import urllib.parse

import pytest
from botocore.exceptions import ClientError

from support import run as r
from support.aws import call

TAGS = [{"Key": "env", "Value": "pr\u00e9-prod"}, {"Key": "team", "Value": "a"}]
ECS_TAGS = [{k.lower(): v for k, v in tag.items()} for tag in TAGS]
TRUST = {"Version": "2012-10-17", "Statement": [
    {"Action": "sts:AssumeRole", "Effect": "Allow", "Principal": {"Service": "ecs-tasks.amazonaws.com"}, "Sid": ""}]}
PULL = {"Version": "2012-10-17", "Statement": [
    {"Action": ["ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"], "Effect": "Allow", "Resource": "*"}]}


@pytest.fixture(scope="module")
def ecr(server):
    assert server.boto("sts").get_caller_identity()["Account"] == r.ACCOUNT  # the provider's first call
    return server.boto("ecr")


@pytest.fixture(scope="module")
def iam(server):
    return server.boto("iam")


@pytest.fixture(scope="module")
def ecs(server):
    return server.boto("ecs")


def gone(code, call, **arguments):
    with pytest.raises(ClientError) as e:
        call(**arguments)
    assert e.value.response["Error"]["Code"] == code, e.value


def by_key(tags):
    return sorted(tags, key=lambda t: sorted(t.items()))


def holds(got, wanted, where=""):
    """Fails unless everything that was set is in what was read; a list has the same members in order."""
    if isinstance(wanted, dict):
        assert isinstance(got, dict), "%s: %r" % (where, got)
        for k, v in wanted.items():
            assert k in got, "%s.%s was set and is not read back" % (where, k)
            holds(got[k], v, where + "." + k)
    elif isinstance(wanted, list):
        assert isinstance(got, list) and len(got) == len(wanted), "%s: %r" % (where, got)
        for i, v in enumerate(wanted):
            holds(got[i], v, "%s[%d]" % (where, i))
    else:
        assert got == wanted, "%s: %r, not %r" % (where, got, wanted)


def planned(read, wanted):
    """Two reads, as create and the next plan make them."""
    first, second = read(), read()
    holds(first, wanted)
    assert first == second
    return first


# -- ECR

def test_ecr_repository(ecr, name):
    wanted = {"repositoryName": name, "imageTagMutability": "IMMUTABLE",
              "imageScanningConfiguration": {"scanOnPush": True}, "encryptionConfiguration": {"encryptionType": "AES256"}}
    made = ecr.create_repository(tags=TAGS, **wanted)["repository"]
    assert made["repositoryUri"].endswith("/" + name)

    def read():
        found = ecr.describe_repositories(repositoryNames=[name])["repositories"]
        assert len(found) == 1
        return dict(found[0], tags=by_key(ecr.list_tags_for_resource(resourceArn=made["repositoryArn"])["tags"]))
    assert planned(read, dict(wanted, tags=by_key(TAGS)))["repositoryUri"] == made["repositoryUri"]

    ecr.put_image_tag_mutability(registryId=r.ACCOUNT, repositoryName=name, imageTagMutability="MUTABLE")
    ecr.put_image_scanning_configuration(registryId=r.ACCOUNT, repositoryName=name, imageScanningConfiguration={"scanOnPush": False})
    ecr.untag_resource(resourceArn=made["repositoryArn"], tagKeys=["env"])
    ecr.tag_resource(resourceArn=made["repositoryArn"], tags=[{"Key": "team", "Value": "b"}])
    planned(read, dict(wanted, imageTagMutability="MUTABLE", imageScanningConfiguration={"scanOnPush": False},
                       tags=[{"Key": "team", "Value": "b"}]))

    ecr.delete_repository(repositoryName=name, registryId=r.ACCOUNT, force=True)
    gone("RepositoryNotFoundException", ecr.describe_repositories, repositoryNames=[name])
    gone("RepositoryNotFoundException", ecr.delete_repository, repositoryName=name, registryId=r.ACCOUNT, force=True)


def test_ecr_policies(ecr, name):
    ecr.create_repository(repositoryName=name)
    lifecycle = json.dumps({"rules": [
        {"rulePriority": 1, "description": "Expire \u00fcnwanted", "action": {"type": "expire"},
         "selection": {"tagStatus": "untagged", "countType": "sinceImagePushed", "countUnit": "days", "countNumber": 14}},
        {"rulePriority": 2, "action": {"type": "expire"},
         "selection": {"tagStatus": "tagged", "tagPrefixList": ["v"], "countType": "imageCountMoreThan", "countNumber": 30}}]}, indent=1)
    policy = json.dumps({"Version": "2008-10-17", "Statement": [
        {"Sid": "pull", "Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::%s:root" % r.ACCOUNT}, "Action": "ecr:BatchGetImage"}]})
    # Reads before creation must say that nothing is there, in the words that the provider knows.
    gone("LifecyclePolicyNotFoundException", ecr.get_lifecycle_policy, repositoryName=name)
    gone("RepositoryPolicyNotFoundException", ecr.get_repository_policy, repositoryName=name)
    ecr.put_lifecycle_policy(repositoryName=name, lifecyclePolicyText=lifecycle)
    ecr.set_repository_policy(repositoryName=name, policyText=policy)
    for _ in range(2):
        assert json.loads(ecr.get_lifecycle_policy(repositoryName=name)["lifecyclePolicyText"]) == json.loads(lifecycle)
        read = ecr.get_repository_policy(repositoryName=name)
        assert json.loads(read["policyText"]) == json.loads(policy)
        assert (read["registryId"], read["repositoryName"]) == (r.ACCOUNT, name)
    ecr.delete_lifecycle_policy(registryId=r.ACCOUNT, repositoryName=name)
    ecr.delete_repository_policy(registryId=r.ACCOUNT, repositoryName=name)
    gone("LifecyclePolicyNotFoundException", ecr.delete_lifecycle_policy, repositoryName=name)
    gone("RepositoryPolicyNotFoundException", ecr.delete_repository_policy, repositoryName=name)
    ecr.delete_repository(repositoryName=name)
    # The repository first: what hung on it is gone, and the provider takes that as destroyed.
    gone("RepositoryNotFoundException", ecr.get_lifecycle_policy, repositoryName=name)
    gone("RepositoryNotFoundException", ecr.delete_repository_policy, repositoryName=name)


# -- IAM

def text_of(document):
    """IAM's documents come percent-encoded; boto3 has decoded them already."""
    return json.loads(urllib.parse.unquote(document)) if isinstance(document, str) else document


def test_iam_policy(iam, name):
    made = iam.create_policy(PolicyName=name, Path="/app/", Description="what it is for", PolicyDocument=json.dumps(PULL), Tags=TAGS)
    arn = made["Policy"]["Arn"]

    def read():
        policy = iam.get_policy(PolicyArn=arn)["Policy"]
        version = iam.get_policy_version(PolicyArn=arn, VersionId=policy["DefaultVersionId"])["PolicyVersion"]
        return dict(policy, Tags=by_key(policy["Tags"]), document=text_of(version["Document"]))
    planned(read, {"PolicyName": name, "Path": "/app/", "Description": "what it is for", "Arn": arn, "AttachmentCount": 0,
                   "document": PULL, "Tags": by_key(TAGS)})
    for n in range(6):  # more than IAM keeps: the provider removes the oldest first
        versions = iam.list_policy_versions(PolicyArn=arn)["Versions"]
        if len(versions) >= 5:
            oldest = min((v for v in versions if not v["IsDefaultVersion"]), key=lambda v: (v["CreateDate"], v["VersionId"]))
            iam.delete_policy_version(PolicyArn=arn, VersionId=oldest["VersionId"])
        changed = dict(PULL, Id="n%d" % n)
        iam.create_policy_version(PolicyArn=arn, PolicyDocument=json.dumps(changed), SetAsDefault=True)
    planned(read, {"document": changed, "DefaultVersionId": "v7"})
    iam.untag_policy(PolicyArn=arn, TagKeys=["env"])
    planned(read, {"Tags": [{"Key": "team", "Value": "a"}]})
    for version in iam.list_policy_versions(PolicyArn=arn)["Versions"]:
        if not version["IsDefaultVersion"]:
            iam.delete_policy_version(PolicyArn=arn, VersionId=version["VersionId"])
    iam.delete_policy(PolicyArn=arn)
    gone("NoSuchEntity", iam.get_policy, PolicyArn=arn)
    gone("NoSuchEntity", iam.delete_policy, PolicyArn=arn)


def test_iam_role(iam, name):
    boundary = iam.create_policy(PolicyName=name + "-b", PolicyDocument=json.dumps(PULL))["Policy"]["Arn"]
    iam.create_role(RoleName=name, Path="/app/", AssumeRolePolicyDocument=json.dumps(TRUST), Description="runs \u00e0 task",
                    MaxSessionDuration=7200, PermissionsBoundary=boundary, Tags=TAGS)

    def read():
        role = iam.get_role(RoleName=name)["Role"]
        return dict(role, Tags=by_key(role["Tags"]), trust=text_of(role["AssumeRolePolicyDocument"]),
                    inline={n: text_of(iam.get_role_policy(RoleName=name, PolicyName=n)["PolicyDocument"])
                            for n in iam.list_role_policies(RoleName=name)["PolicyNames"]},
                    attached=iam.list_attached_role_policies(RoleName=name)["AttachedPolicies"])
    wanted = {"RoleName": name, "Path": "/app/", "Description": "runs \u00e0 task", "MaxSessionDuration": 7200, "trust": TRUST,
              "PermissionsBoundary": {"PermissionsBoundaryArn": boundary}, "Tags": by_key(TAGS), "inline": {}, "attached": []}
    first = planned(read, wanted)
    assert first["RoleId"].startswith("AROA")
    # aws_iam_role_policy, aws_iam_role_policy_attachment, aws_iam_instance_profile
    iam.put_role_policy(RoleName=name, PolicyName="inline", PolicyDocument=json.dumps(PULL))
    iam.attach_role_policy(RoleName=name, PolicyArn=boundary)
    iam.create_instance_profile(InstanceProfileName=name, Path="/", Tags=TAGS)
    iam.add_role_to_instance_profile(InstanceProfileName=name, RoleName=name)
    planned(lambda: iam.get_instance_profile(InstanceProfileName=name)["InstanceProfile"],
            {"InstanceProfileName": name, "Path": "/", "Roles": [{"RoleName": name, "Arn": first["Arn"]}], "Tags": TAGS})
    planned(read, dict(wanted, inline={"inline": PULL}, attached=[{"PolicyName": name + "-b", "PolicyArn": boundary}]))
    # update
    trust = {"Version": "2012-10-17", "Statement": [dict(TRUST["Statement"][0], Principal={"Service": "ec2.amazonaws.com"})]}
    iam.update_assume_role_policy(RoleName=name, PolicyDocument=json.dumps(trust))
    iam.update_role_description(RoleName=name, Description="other")
    iam.update_role(RoleName=name, MaxSessionDuration=3600)
    iam.delete_role_permissions_boundary(RoleName=name)
    iam.untag_role(RoleName=name, TagKeys=["env"])
    iam.tag_role(RoleName=name, Tags=[{"Key": "team", "Value": "b"}])
    changed = planned(read, {"trust": trust, "Description": "other", "MaxSessionDuration": 3600,
                             "Tags": [{"Key": "team", "Value": "b"}], "RoleId": first["RoleId"]})
    assert "PermissionsBoundary" not in changed
    # destroy
    gone("DeleteConflict", iam.delete_role, RoleName=name)
    for profile in iam.list_instance_profiles_for_role(RoleName=name)["InstanceProfiles"]:
        iam.remove_role_from_instance_profile(InstanceProfileName=profile["InstanceProfileName"], RoleName=name)
    iam.detach_role_policy(RoleName=name, PolicyArn=boundary)
    iam.delete_role_policy(RoleName=name, PolicyName="inline")
    gone("NoSuchEntity", iam.detach_role_policy, RoleName=name, PolicyArn=boundary)
    gone("NoSuchEntity", iam.delete_role_policy, RoleName=name, PolicyName="inline")
    iam.delete_role(RoleName=name)
    gone("NoSuchEntity", iam.get_role, RoleName=name)
    gone("NoSuchEntity", iam.list_attached_role_policies, RoleName=name)
    iam.delete_instance_profile(InstanceProfileName=name)
    iam.delete_policy(PolicyArn=boundary)


def test_iam_user(iam, name):
    iam.create_user(UserName=name, Path="/ci/", Tags=TAGS)

    def read():
        user = iam.get_user(UserName=name)["User"]
        return dict(user, Tags=by_key(user.get("Tags", [])))
    planned(read, {"UserName": name, "Path": "/ci/", "Tags": by_key(TAGS)})
    # aws_iam_access_key, aws_iam_user_policy, aws_iam_user_policy_attachment, aws_iam_group with its membership
    key = iam.create_access_key(UserName=name)["AccessKey"]
    planned(lambda: iam.list_access_keys(UserName=name)["AccessKeyMetadata"], [
        {"UserName": name, "AccessKeyId": key["AccessKeyId"], "Status": "Active"}])
    iam.put_user_policy(UserName=name, PolicyName="p", PolicyDocument=json.dumps(PULL))
    assert text_of(iam.get_user_policy(UserName=name, PolicyName="p")["PolicyDocument"]) == PULL
    iam.attach_user_policy(UserName=name, PolicyArn="arn:aws:iam::aws:policy/ReadOnlyAccess")
    planned(lambda: iam.list_attached_user_policies(UserName=name)["AttachedPolicies"], [{"PolicyName": "ReadOnlyAccess"}])
    iam.create_group(GroupName=name, Path="/")
    iam.add_user_to_group(GroupName=name, UserName=name)
    planned(lambda: iam.get_group(GroupName=name)["Users"], [{"UserName": name}])
    # update: a new name and path, tags removed
    iam.update_user(UserName=name, NewUserName=name + "-new", NewPath="/")
    name += "-new"
    iam.untag_user(UserName=name, TagKeys=["env", "team"])
    planned(read, {"UserName": name, "Path": "/", "Tags": []})
    # destroy
    gone("DeleteConflict", iam.delete_user, UserName=name)
    for group in iam.list_groups_for_user(UserName=name)["Groups"]:
        iam.remove_user_from_group(GroupName=group["GroupName"], UserName=name)
    iam.delete_group(GroupName=name[:-4])
    iam.detach_user_policy(UserName=name, PolicyArn="arn:aws:iam::aws:policy/ReadOnlyAccess")
    iam.delete_user_policy(UserName=name, PolicyName="p")
    iam.update_access_key(UserName=name, AccessKeyId=key["AccessKeyId"], Status="Inactive")
    iam.delete_access_key(UserName=name, AccessKeyId=key["AccessKeyId"])
    gone("NoSuchEntity", iam.get_login_profile, UserName=name)
    iam.delete_user(UserName=name)
    gone("NoSuchEntity", iam.get_user, UserName=name)
    gone("NoSuchEntity", iam.delete_user, UserName=name)


# -- ECS

def test_ecs_cluster(ecs, name):
    settings = [{"name": "containerInsights", "value": "disabled"}]
    arn = ecs.create_cluster(clusterName=name, settings=settings, tags=ECS_TAGS)["cluster"]["clusterArn"]

    def read():
        reply = ecs.describe_clusters(clusters=[arn], include=["TAGS", "CONFIGURATIONS", "SETTINGS"])
        assert reply["failures"] == [] and len(reply["clusters"]) == 1
        return dict(reply["clusters"][0], tags=by_key(reply["clusters"][0]["tags"]))
    planned(read, {"clusterName": name, "clusterArn": arn, "status": "ACTIVE", "settings": settings, "tags": by_key(ECS_TAGS),
                   "capacityProviders": [], "defaultCapacityProviderStrategy": []})
    ecs.update_cluster(cluster=arn, settings=settings)
    ecs.tag_resource(resourceArn=arn, tags=[{"key": "team", "value": "b"}])
    ecs.untag_resource(resourceArn=arn, tagKeys=["env"])
    planned(read, {"tags": [{"key": "team", "value": "b"}], "settings": settings})
    ecs.put_cluster_capacity_providers(cluster=name, capacityProviders=[], defaultCapacityProviderStrategy=[])
    ecs.delete_cluster(cluster=arn)
    reply = ecs.describe_clusters(clusters=[arn], include=["TAGS", "CONFIGURATIONS", "SETTINGS"])
    assert reply["failures"] or reply["clusters"][0]["status"] == "INACTIVE"


CONTAINERS = [
    {"name": "web", "image": "team/app:v1", "cpu": 64, "memory": 128, "memoryReservation": 64, "essential": True,
     "command": ["serve", "--caf\u00e9"], "entryPoint": ["/bin/sh", "-c"],
     "environment": [{"name": "A", "value": "1"}, {"name": "B", "value": ""}],
     "portMappings": [{"containerPort": 80, "hostPort": 0, "protocol": "tcp"}], "workingDirectory": "/srv", "user": "1000:1000",
     "mountPoints": [{"sourceVolume": "data", "containerPath": "/data", "readOnly": True}], "readonlyRootFilesystem": True,
     "ulimits": [{"name": "nofile", "softLimit": 1024, "hardLimit": 2048}], "dockerLabels": {"a.b": "c"}, "stopTimeout": 20,
     "healthCheck": {"command": ["CMD-SHELL", "true"], "interval": 5, "timeout": 2, "retries": 3, "startPeriod": 1},
     "dependsOn": [{"containerName": "init", "condition": "SUCCESS"}]},
    {"name": "init", "image": "team/init@sha256:" + "0" * 64, "memory": 16, "essential": False, "command": ["true"]}]


def test_ecs_task_definition(ecs, iam, name):
    role = iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(TRUST))["Role"]["Arn"]
    wanted = {"family": name, "containerDefinitions": CONTAINERS, "networkMode": "bridge", "cpu": "256", "memory": "512",
              "taskRoleArn": role, "executionRoleArn": role, "requiresCompatibilities": ["EC2"],
              "volumes": [{"name": "data", "host": {"sourcePath": "/srv/data"}}],
              "placementConstraints": [{"type": "memberOf", "expression": "attribute:zone == a"}],
              "runtimePlatform": {"cpuArchitecture": "X86_64", "operatingSystemFamily": "LINUX"}}
    made = ecs.register_task_definition(tags=ECS_TAGS, **wanted)
    arn = made["taskDefinition"]["taskDefinitionArn"]
    assert by_key(made["tags"]) == by_key(ECS_TAGS)

    def read(arn=arn):
        reply = ecs.describe_task_definition(taskDefinition=arn, include=["TAGS"])
        return dict(reply["taskDefinition"], tags=by_key(reply["tags"]))
    planned(read, dict(wanted, tags=by_key(ECS_TAGS), status="ACTIVE", revision=1, taskDefinitionArn=arn))
    ecs.tag_resource(resourceArn=arn, tags=[{"key": "team", "value": "b"}])
    assert {"key": "team", "value": "b"} in read()["tags"]
    # an update is a new revision, and then the old one goes
    changed = [dict(CONTAINERS[0], image="team/app:v2"), CONTAINERS[1]]
    second = ecs.register_task_definition(**dict(wanted, containerDefinitions=changed))["taskDefinition"]["taskDefinitionArn"]
    assert second == arn[:-1] + "2"
    ecs.deregister_task_definition(taskDefinition=arn)
    assert read()["status"] == "INACTIVE"  # to the provider this one is gone
    planned(lambda: read(second), dict(wanted, containerDefinitions=changed, status="ACTIVE", revision=2, tags=[]))
    planned(lambda: ecs.describe_task_definition(taskDefinition=name)["taskDefinition"], {"taskDefinitionArn": second})
    ecs.deregister_task_definition(taskDefinition=second)
    iam.delete_role(RoleName=name)


def test_ecs_task_definition_with_efs(ecs, name):
    """With an access point the provider sends no rootDirectory, and expects what ECS adds."""
    efs = {"fileSystemId": "fs-1", "transitEncryption": "ENABLED", "authorizationConfig": {"accessPointId": "fsap-1", "iam": "ENABLED"}}
    made = ecs.register_task_definition(family=name, containerDefinitions=[{"name": "c", "image": "x", "memory": 32}],
                                        volumes=[{"name": "v", "efsVolumeConfiguration": efs}])["taskDefinition"]
    planned(lambda: ecs.describe_task_definition(taskDefinition=name)["taskDefinition"],
            {"volumes": [{"name": "v", "efsVolumeConfiguration": dict(efs, rootDirectory="/")}]})
    ecs.deregister_task_definition(taskDefinition=made["taskDefinitionArn"])


def read_service(ecs, cluster, arn):
    reply = ecs.describe_services(cluster=cluster, services=[arn], include=["TAGS"])
    assert reply["failures"] == [] and len(reply["services"]) == 1
    service = dict(reply["services"][0], tags=by_key(reply["services"][0].get("tags", [])))
    service.pop("events")  # the provider does not look at them, and they grow
    return service


def test_ecs_service(ecs, name):
    """No instance: the provider does not wait for tasks unless it is told to."""
    cluster = ecs.create_cluster(clusterName=name)["cluster"]["clusterArn"]
    first, second = (ecs.register_task_definition(family=name, containerDefinitions=[
        {"name": "web", "image": image, "memory": 32}])["taskDefinition"]["taskDefinitionArn"] for image in ("x:1", "x:2"))
    wanted = {"desiredCount": 2, "launchType": "EC2", "schedulingStrategy": "REPLICA", "enableECSManagedTags": True,
              "enableExecuteCommand": False, "healthCheckGracePeriodSeconds": 30, "propagateTags": "SERVICE",
              "deploymentController": {"type": "ECS"}, "deploymentConfiguration": {
                  "maximumPercent": 150, "minimumHealthyPercent": 50, "deploymentCircuitBreaker": {"enable": True, "rollback": True}},
              "placementStrategy": [{"type": "spread", "field": "attribute:ecs.availability-zone"}, {"type": "binpack", "field": "memory"}],
              "placementConstraints": [{"type": "memberOf", "expression": "attribute:zone in [a, b]"}, {"type": "distinctInstance"}]}
    made = ecs.create_service(cluster=cluster, serviceName=name, taskDefinition=first, tags=ECS_TAGS,
                              clientToken="terraform-20261121203000123400000001", **wanted)["service"]
    arn = made["serviceArn"]
    read = planned(lambda: read_service(ecs, cluster, arn), dict(
        wanted, status="ACTIVE", serviceName=name, clusterArn=cluster, taskDefinition=first, tags=by_key(ECS_TAGS), loadBalancers=[],
        serviceRegistries=[]))
    assert "networkConfiguration" not in read and "capacityProviderStrategy" not in read
    # update: what the provider sends when each of these changed
    ecs.update_service(cluster=cluster, service=arn, taskDefinition=second, desiredCount=3, forceNewDeployment=False,
                       deploymentConfiguration={"maximumPercent": 200, "minimumHealthyPercent": 100,
                                                "deploymentCircuitBreaker": {"enable": False, "rollback": False}},
                       healthCheckGracePeriodSeconds=0, enableECSManagedTags=False, propagateTags="NONE", placementStrategy=[],
                       placementConstraints=[])
    ecs.tag_resource(resourceArn=arn, tags=[{"key": "team", "value": "b"}])
    ecs.untag_resource(resourceArn=arn, tagKeys=["env"])
    planned(lambda: read_service(ecs, cluster, arn), {
        "desiredCount": 3, "taskDefinition": second, "tags": [{"key": "team", "value": "b"}], "propagateTags": "NONE",
        "placementStrategy": [], "placementConstraints": [], "enableECSManagedTags": False, "healthCheckGracePeriodSeconds": 0,
        "deploymentConfiguration": {"maximumPercent": 200, "minimumHealthyPercent": 100,
                                    "deploymentCircuitBreaker": {"enable": False, "rollback": False}}})
    # destroy: down to nothing, delete, wait for the end; once more because the state may be older than the service
    ecs.update_service(cluster=cluster, service=arn, desiredCount=0)
    ecs.delete_service(cluster=cluster, service=arn)
    ecs.get_waiter("services_inactive").wait(cluster=cluster, services=[arn], WaiterConfig={"Delay": 1, "MaxAttempts": 80})
    assert read_service(ecs, cluster, arn)["status"] == "INACTIVE"
    gone("ServiceNotActiveException", ecs.update_service, cluster=cluster, service=arn, desiredCount=0)
    for definition in (first, second):
        ecs.deregister_task_definition(taskDefinition=definition)
    ecs.delete_cluster(cluster=cluster)


def test_ecs_service_wait_for_steady_state(server, ecs, name):
    """The provider looks for the service deployment whose revision has the number of the PRIMARY deployment, and waits for its end."""
    cluster = ecs.create_cluster(clusterName=name)["cluster"]["clusterArn"]
    definition = ecs.register_task_definition(family=name, containerDefinitions=[
        {"name": "web", "image": "x", "memory": 32}])["taskDefinition"]["taskDefinitionArn"]

    def sent(operation, **body):
        answer = call(server, "ecs", operation, json.dumps(body).encode())
        assert answer.status == 200, answer.body
        return json.loads(answer.body)
    began = time.time() - 1
    ecs.create_service(cluster=cluster, serviceName=name, taskDefinition=definition, desiredCount=0)
    primary = [d for d in read_service(ecs, cluster, name)["deployments"] if d["status"] == "PRIMARY"][0]
    listed = sent("ListServiceDeployments", cluster=cluster, service=name, createdAt={"after": began})["serviceDeployments"]
    mine = [d["serviceDeploymentArn"] for d in listed if primary["id"].split("/")[1] in d["targetServiceRevisionArn"]]
    assert len(mine) == 1
    r.wait_for(lambda: sent("DescribeServiceDeployments", serviceDeploymentArns=mine)["serviceDeployments"][0]["status"] == "SUCCESSFUL",
               30, 0.1, "the deployment's end")
    ecs.delete_service(cluster=cluster, service=name)


def test_ecs_cluster_capacity_providers(ecs, name):
    ecs.create_cluster(clusterName=name)
    strategy = [{"capacityProvider": "FARGATE", "base": 1, "weight": 100}, {"capacityProvider": "FARGATE_SPOT", "base": 0, "weight": 1}]

    def read():
        cluster = ecs.describe_clusters(clusters=[name], include=["TAGS", "CONFIGURATIONS", "SETTINGS"])["clusters"][0]
        return dict(cluster, capacityProviders=sorted(cluster["capacityProviders"]))
    ecs.put_cluster_capacity_providers(cluster=name, capacityProviders=["FARGATE", "FARGATE_SPOT"],
                                       defaultCapacityProviderStrategy=strategy)
    planned(read, {"capacityProviders": ["FARGATE", "FARGATE_SPOT"], "defaultCapacityProviderStrategy": strategy})
    ecs.put_cluster_capacity_providers(cluster=name, capacityProviders=["FARGATE"], defaultCapacityProviderStrategy=[])
    planned(read, {"capacityProviders": ["FARGATE"], "defaultCapacityProviderStrategy": []})
    ecs.put_cluster_capacity_providers(cluster=name, capacityProviders=[], defaultCapacityProviderStrategy=[])
    planned(read, {"capacityProviders": [], "defaultCapacityProviderStrategy": []})
    ecs.delete_cluster(cluster=name)


def test_ecs_account_setting_default(ecs):
    root = "arn:aws:iam::%s:root" % r.ACCOUNT
    ecs.put_account_setting_default(name="containerInsights", value="enabled")
    try:
        planned(lambda: ecs.list_account_settings(name="containerInsights", principalArn=root, effectiveSettings=True)["settings"],
                [{"name": "containerInsights", "value": "enabled", "principalArn": root}])
    finally:
        ecs.put_account_setting_default(name="containerInsights", value="disabled")  # what the provider does to destroy it
    planned(lambda: ecs.list_account_settings(name="containerInsights", effectiveSettings=True)["settings"],
            [{"name": "containerInsights", "value": "disabled"}])
    ecs.put_account_setting_default(name="taskLongArnFormat", value="enabled")
    with pytest.raises(ClientError, match="You can no longer disable Long Arn settings"):  # then the provider takes it as destroyed
        ecs.put_account_setting_default(name="taskLongArnFormat", value="disabled")


def test_ecs_tag(ecs, name):
    arn = ecs.create_cluster(clusterName=name)["cluster"]["clusterArn"]
    ecs.tag_resource(resourceArn=arn, tags=[{"key": "only", "value": "this"}])
    planned(lambda: ecs.list_tags_for_resource(resourceArn=arn)["tags"], [{"key": "only", "value": "this"}])
    ecs.untag_resource(resourceArn=arn, tagKeys=["only"])
    planned(lambda: ecs.list_tags_for_resource(resourceArn=arn)["tags"], [])
    ecs.delete_cluster(cluster=arn)


# -- what services need besides

def test_ecs_task_set(ecs, name):
    cluster = ecs.create_cluster(clusterName=name)["cluster"]["clusterArn"]
    definition = ecs.register_task_definition(family=name, containerDefinitions=[
        {"name": "web", "image": "x", "memory": 32}])["taskDefinition"]["taskDefinitionArn"]
    service = ecs.create_service(cluster=cluster, serviceName=name, desiredCount=0,
                                 deploymentController={"type": "EXTERNAL"})["service"]["serviceArn"]
    wanted = {"externalId": "green", "launchType": "EC2", "scale": {"value": 50.0, "unit": "PERCENT"}, "taskDefinition": definition}
    made = ecs.create_task_set(cluster=cluster, service=service, clientToken="tf", tags=ECS_TAGS, **wanted)["taskSet"]

    def read():
        reply = ecs.describe_task_sets(cluster=cluster, service=service, taskSets=[made["id"]], include=["TAGS"])
        assert reply["failures"] == [] and len(reply["taskSets"]) == 1
        found = dict(reply["taskSets"][0], tags=by_key(reply["taskSets"][0]["tags"]))
        found.pop("stabilityStatusAt")
        return found
    r.wait_for(lambda: read()["stabilityStatus"] == "STEADY_STATE", 30, 0.1, "the task set is steady")
    planned(read, dict(wanted, tags=by_key(ECS_TAGS), status="ACTIVE", id=made["id"], taskSetArn=made["taskSetArn"]))
    ecs.update_task_set(cluster=cluster, service=service, taskSet=made["id"], scale={"value": 100.0, "unit": "PERCENT"})
    ecs.untag_resource(resourceArn=made["taskSetArn"], tagKeys=["env"])
    assert read()["scale"] == {"value": 100.0, "unit": "PERCENT"} and len(read()["tags"]) == 1
    ecs.delete_task_set(cluster=cluster, service=service, taskSet=made["id"], force=False)
    r.wait_for(lambda: ecs.describe_task_sets(cluster=cluster, service=service, taskSets=[made["id"]])["failures"], 30, 0.1, "its end")
    ecs.delete_service(cluster=cluster, service=service)
    ecs.deregister_task_definition(taskDefinition=definition)


def test_cloudwatch_log_group(server, name):
    logs = server.boto("logs")
    tags = {t["Key"]: t["Value"] for t in TAGS}
    logs.create_log_group(logGroupName=name, tags=tags)
    logs.create_log_group(logGroupName=name + "-2")  # the provider looks for a prefix and takes the one that is meant
    logs.put_retention_policy(logGroupName=name, retentionInDays=7)

    def read():
        found = [g for page in logs.get_paginator("describe_log_groups").paginate(logGroupNamePrefix=name)
                 for g in page["logGroups"] if g["logGroupName"] == name]
        assert len(found) == 1
        return dict(found[0], tags=logs.list_tags_for_resource(resourceArn=found[0]["arn"].removesuffix(":*"))["tags"])
    planned(read, {"logGroupName": name, "retentionInDays": 7, "tags": tags})
    logs.delete_retention_policy(logGroupName=name)
    arn = read()["arn"].removesuffix(":*")
    logs.untag_resource(resourceArn=arn, tagKeys=["env"])
    logs.tag_resource(resourceArn=arn, tags={"team": "b"})
    assert "retentionInDays" not in planned(read, {"tags": {"team": "b"}})
    logs.delete_log_group(logGroupName=name)
    gone("ResourceNotFoundException", logs.delete_log_group, logGroupName=name)
    logs.delete_log_group(logGroupName=name + "-2")


def test_secretsmanager_secret(server, name):
    secrets = server.boto("secretsmanager")
    made = secrets.create_secret(Name=name, Description="what it opens", ForceOverwriteReplicaSecret=False, Tags=TAGS,
                                 ClientRequestToken="terraform-20261121203000123400000001")

    def read():
        found = secrets.describe_secret(SecretId=made["ARN"])
        policy = secrets.get_resource_policy(SecretId=made["ARN"])
        assert "ResourcePolicy" not in policy and policy["Name"] == name
        return {k: v for k, v in dict(found, Tags=by_key(found["Tags"])).items() if k != "ResponseMetadata"}
    planned(read, {"Name": name, "Description": "what it opens", "ARN": made["ARN"], "Tags": by_key(TAGS)})
    # aws_secretsmanager_secret_version
    version = secrets.put_secret_value(SecretId=made["ARN"], SecretString='{"a": "\u00e9"}',
                                       ClientRequestToken="terraform-20261121203000123400000002")

    def value(version_id):
        got = secrets.get_secret_value(SecretId=made["ARN"], VersionId=version_id)
        return got["SecretString"], sorted(got["VersionStages"])
    assert planned(lambda: {"v": list(value(version["VersionId"]))}, {"v": ['{"a": "\u00e9"}', ["AWSCURRENT"]]})
    second = secrets.put_secret_value(SecretId=made["ARN"], SecretString="2", VersionStages=["AWSCURRENT", "blue"],
                                      ClientRequestToken="terraform-20261121203000123400000003")
    assert value(version["VersionId"])[1] == ["AWSPREVIOUS"] and value(second["VersionId"]) == ("2", ["AWSCURRENT", "blue"])
    secrets.update_secret_version_stage(SecretId=made["ARN"], VersionStage="blue", RemoveFromVersionId=second["VersionId"])
    gone("InvalidParameterException", secrets.update_secret_version_stage, SecretId=made["ARN"], VersionStage="AWSCURRENT",
         RemoveFromVersionId=second["VersionId"])  # the provider leaves this one where it is
    # update and destroy
    secrets.update_secret(SecretId=made["ARN"], Description="other", ClientRequestToken="terraform-20261121203000123400000004")
    secrets.untag_resource(SecretId=made["ARN"], TagKeys=["env"])
    planned(read, {"Description": "other", "Tags": [{"Key": "team", "Value": "a"}]})
    secrets.delete_secret(SecretId=made["ARN"], RecoveryWindowInDays=7)
    assert secrets.describe_secret(SecretId=made["ARN"])["DeletedDate"]
    gone("InvalidRequestException", secrets.get_secret_value, SecretId=made["ARN"])
    secrets.restore_secret(SecretId=made["ARN"])
    secrets.delete_secret(SecretId=made["ARN"], ForceDeleteWithoutRecovery=True)
    gone("ResourceNotFoundException", secrets.describe_secret, SecretId=made["ARN"])
    gone("ResourceNotFoundException", secrets.get_resource_policy, SecretId=made["ARN"])


def test_ssm_parameter(server, name):
    ssm, path = server.boto("ssm"), "/app/" + name
    ssm.put_parameter(Name=path, Type="SecureString", Value="geh\u00e9im", Description="what it says", DataType="text", Overwrite=False,
                      Tags=TAGS)

    def read():
        got = ssm.get_parameter(Name=path, WithDecryption=True)["Parameter"]
        described = ssm.describe_parameters(ParameterFilters=[{"Key": "Name", "Option": "Equals", "Values": [path]}])["Parameters"]
        assert len(described) == 1
        return dict(described[0], Value=got["Value"], ARN=got["ARN"], tags=by_key(
            ssm.list_tags_for_resource(ResourceType="Parameter", ResourceId=path)["TagList"]))
    first = planned(read, {"Name": path, "Type": "SecureString", "Value": "geh\u00e9im", "Description": "what it says", "Tier": "Standard",
                           "DataType": "text", "Version": 1, "tags": by_key(TAGS)})
    assert first["ARN"].endswith(":parameter" + path)
    ssm.put_parameter(Name=path, Type="SecureString", Value="geheim2", Description="other", Overwrite=True)
    ssm.remove_tags_from_resource(ResourceType="Parameter", ResourceId=path, TagKeys=["env"])
    ssm.add_tags_to_resource(ResourceType="Parameter", ResourceId=path, Tags=[{"Key": "team", "Value": "b"}])
    planned(read, {"Value": "geheim2", "Version": 2, "Description": "other", "tags": [{"Key": "team", "Value": "b"}]})
    ssm.delete_parameter(Name=path)
    gone("ParameterNotFound", ssm.get_parameter, Name=path, WithDecryption=True)
    gone("ParameterNotFound", ssm.delete_parameter, Name=path)


def test_ssm_activation(server, iam, name):
    ssm = server.boto("ssm")
    trust = json.dumps({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": {"Service": "ssm.amazonaws.com"}, "Action": "sts:AssumeRole"}]})
    iam.create_role(RoleName=name, AssumeRolePolicyDocument=trust)
    made = ssm.create_activation(Description="d", IamRole=name, RegistrationLimit=3, Tags=TAGS)
    assert made["ActivationCode"]

    def read():
        found = ssm.describe_activations(Filters=[{"FilterKey": "ActivationIds", "FilterValues": [made["ActivationId"]]}])["ActivationList"]
        assert len(found) == 1
        return dict(found[0], Tags=by_key(found[0]["Tags"]))
    planned(read, {"ActivationId": made["ActivationId"], "Description": "d", "IamRole": name, "RegistrationLimit": 3,
                   "RegistrationsCount": 0, "Expired": False, "Tags": by_key(TAGS)})
    ssm.delete_activation(ActivationId=made["ActivationId"])
    assert ssm.describe_activations(Filters=[{"FilterKey": "ActivationIds", "FilterValues": [made["ActivationId"]]}])["ActivationList"] == []
    gone("InvalidActivation", ssm.delete_activation, ActivationId=made["ActivationId"])
    iam.delete_role(RoleName=name)
