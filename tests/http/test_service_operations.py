# SPDX-License-Identifier: Apache-2.0
"""Operations about services that do little here, and say so exactly; tags of everything that can have some; whose account settings there are."""
import json

import pytest

from support.aws import call, refused
from support.fleet import Fleet


@pytest.fixture(scope="module")
def ecs(server):
    return server.boto("ecs")


@pytest.fixture
def fleet(server, name):
    return Fleet(server, name)


def raw(server, operation, **body):
    """Operations that this machine's botocore does not know."""
    reply = call(server, "AmazonEC2ContainerServiceV20141113", operation, json.dumps(body).encode(), scope="ecs")
    return reply.status, reply.json()


def test_services_of_a_namespace(ecs):
    assert ecs.list_services_by_namespace(namespace="prod.local")["serviceArns"] == []
    arn = "arn:aws:servicediscovery:us-east-1:000000000000:namespace/ns-abcdefghijklmnop"
    assert ecs.list_services_by_namespace(namespace=arn, maxResults=1)["serviceArns"] == []
    for bad in ("", "two words", arn.replace("us-east-1", "us-west-2"), "arn:aws:ecs:us-east-1:000000000000:cluster/x"):
        assert "Invalid namespace" in refused("InvalidParameterException", ecs.list_services_by_namespace, namespace=bad)


def test_no_deployment_pauses(server, ecs, fleet, name):
    fleet.define(name)
    service = ecs.create_service(cluster=name, serviceName="web", taskDefinition=name, desiredCount=0)["service"]
    status, listed = raw(server, "ListServiceDeployments", cluster=name, service="web")
    assert status == 200
    deployment = listed["serviceDeployments"][0]["serviceDeploymentArn"]
    status, body = raw(server, "ContinueServiceDeployment", serviceDeploymentArn=deployment, hookId="h", action="ROLLBACK")
    assert status == 400 and body["__type"].endswith("InvalidParameterException") and "not paused" in body["message"]
    status, body = raw(server, "ContinueServiceDeployment", serviceDeploymentArn=deployment + "x", hookId="h")
    assert status == 400 and body["__type"].endswith("ServiceDeploymentNotFoundException")
    status, body = raw(server, "ContinueServiceDeployment", serviceDeploymentArn=deployment)
    assert status == 400 and "hookId" in body["message"]
    status, body = raw(server, "ContinueServiceDeployment", serviceDeploymentArn=deployment, hookId="h", action="WAIT")
    assert status == 400 and "action" in body["message"]
    hooks = [{"hookTargetArn": "arn:aws:lambda:us-east-1:000000000000:function:f",
              "roleArn": "arn:aws:iam::000000000000:role/r", "lifecycleStages": ["PRE_SCALE_UP"]}]
    for more in ({"lifecycleHooks": hooks}, {"bakeTimeInMinutes": 5}, {"strategy": "BLUE_GREEN"}):
        status, body = raw(server, "UpdateService", cluster=name, service=service["serviceName"], deploymentConfiguration=more)
        assert status == 400 and body["__type"].endswith("UnsupportedFeatureException"), body


def test_thresholds_of_the_circuit_breaker(server, ecs, fleet, name):
    fleet.define(name)

    def configured(breaker):
        return raw(server, "CreateService", cluster=name, serviceName="web", taskDefinition=name, desiredCount=0,
                   deploymentConfiguration={"deploymentCircuitBreaker": dict({"enable": True, "rollback": False}, **breaker)})
    for bad in ({"type": "COUNT", "value": 0}, {"type": "BOUNDED_PERCENT", "value": 101}, {"type": "SHARE", "value": 5}):
        status, body = configured({"thresholdConfiguration": bad})
        assert status == 400 and body["__type"].endswith("InvalidParameterException"), body
    breaker = {"thresholdConfiguration": {"type": "COUNT", "value": 7}, "resetOnHealthyTask": False}
    status, body = configured(breaker)
    assert status == 200
    status, body = raw(server, "DescribeServices", cluster=name, services=["web"])
    assert body["services"][0]["deploymentConfiguration"]["deploymentCircuitBreaker"] == dict(breaker, enable=True, rollback=False)


def test_tags_of_everything_that_can_have_some(server, ecs, fleet, name):
    instance = fleet.join("one")
    definition = fleet.define(name)["taskDefinition"]["taskDefinitionArn"]
    task = ecs.run_task(cluster=name, taskDefinition=name)["tasks"][0]["taskArn"]
    service = ecs.create_service(cluster=name, serviceName="sets", desiredCount=0,
                                 deploymentController={"type": "EXTERNAL"})["service"]["serviceArn"]
    task_set = ecs.create_task_set(cluster=name, service="sets", taskDefinition=name,
                                   tags=[{"key": "made", "value": "so"}])["taskSet"]["taskSetArn"]
    cluster = ecs.describe_clusters(clusters=[name])["clusters"][0]["clusterArn"]
    for arn in (cluster, instance, definition, task, service, task_set):
        ecs.tag_resource(resourceArn=arn, tags=[{"key": "a", "value": "b"}, {"key": "c", "value": "d"}])
        ecs.untag_resource(resourceArn=arn, tagKeys=["c"])
        tags = {t["key"]: t["value"] for t in ecs.list_tags_for_resource(resourceArn=arn)["tags"]}
        assert tags == ({"made": "so", "a": "b"} if arn == task_set else {"a": "b"})
    shown = ecs.describe_task_sets(cluster=name, service="sets", include=["TAGS"])["taskSets"][0]["tags"]
    assert {t["key"] for t in shown} == {"made", "a"}
    provider = "arn:aws:ecs:us-east-1:000000000000:capacity-provider/FARGATE"
    assert ecs.list_tags_for_resource(resourceArn=provider)["tags"] == []
    assert "reserved" in refused("InvalidParameterException", ecs.tag_resource, resourceArn=provider,
                                 tags=[{"key": "a", "value": "b"}])
    refused("InvalidParameterException", ecs.list_tags_for_resource, resourceArn=provider + "S")
    refused("InvalidParameterException", ecs.list_tags_for_resource, resourceArn=task_set + "1")
    refused("ResourceNotFoundException", ecs.untag_resource, resourceArn=task_set + "1", tagKeys=["a"])
    # Another spelling, which no policy about the cluster's task sets would name.
    refused("InvalidParameterException", ecs.delete_task_set, cluster=name, service="sets", force=True,
            taskSet=task_set.replace("task-set/%s/sets/" % name, "task-set/"))
    ecs.delete_task_set(cluster=name, service="sets", taskSet=task_set, force=True)
    refused("InvalidParameterException", ecs.list_tags_for_resource, resourceArn=task_set)


def test_account_settings_are_of_those_who_exist(server, ecs, name):
    iam, sts = server.boto("iam"), server.boto("sts")
    user = iam.create_user(UserName=name, Path="/team/")["User"]["Arn"]
    set_for = ecs.put_account_setting(name="awsvpcTrunking", value="enabled", principalArn=user)["setting"]
    assert set_for["principalArn"] == user
    assert ecs.list_account_settings(principalArn=user)["settings"] == [set_for]
    iam.delete_user(UserName=name)
    assert ecs.list_account_settings(principalArn=user)["settings"] == []
    iam.create_user(UserName=name, Path="/team/")
    for ghost in (user + "x", user.replace("/team/", "/"), "arn:aws:iam::000000000000:role/" + name):
        assert "no user or role" in refused("InvalidParameterException", ecs.put_account_setting, name="awsvpcTrunking",
                                            value="enabled", principalArn=ghost)
    trust = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole",
                                                     "Principal": {"AWS": "arn:aws:iam::000000000000:root"}}]}
    role = iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(trust))["Role"]["Arn"]
    iam.attach_role_policy(RoleName=name, PolicyArn="arn:aws:iam::aws:policy/AdministratorAccess")
    for session in ("one", "two"):
        got = sts.assume_role(RoleArn=role, RoleSessionName=session)["Credentials"]
        mine = boto_session(server, got)
        setting = mine.put_account_setting(name="awsvpcTrunking", value="enabled")["setting"]
        assert setting["principalArn"] == role
    assert mine.list_account_settings()["settings"] == [setting]


def boto_session(server, credentials):
    import boto3
    return boto3.client("ecs", endpoint_url=server.endpoint, region_name="us-east-1",
                        aws_access_key_id=credentials["AccessKeyId"], aws_secret_access_key=credentials["SecretAccessKey"],
                        aws_session_token=credentials["SessionToken"])
