# SPDX-License-Identifier: Apache-2.0
"""Clusters, container instances, attributes, account settings, capacity providers, protection and the agent's operations: boto3
and the AWS CLI, each reply checked against the service's model. The instances are the test's own; no container runs."""
import json

import pytest

from support import run as r
from support.aws import call, refused
from support.fleet import Fleet
from support.machines import AGENT_POLICY


@pytest.fixture(scope="module")
def ecs(server):
    return server.boto("ecs")


@pytest.fixture
def fleet(server, name):
    return Fleet(server, name)


def statistics(ecs, name):
    cluster = ecs.describe_clusters(clusters=[name], include=["STATISTICS"])["clusters"][0]
    return {s["name"]: s["value"] for s in cluster["statistics"]}


# -- clusters

def test_cluster_life(ecs, name):
    logging = {"executeCommandConfiguration": {"logging": "OVERRIDE", "logConfiguration": {"cloudWatchLogGroupName": "x"}}}
    made = ecs.create_cluster(clusterName=name, tags=[{"key": "a", "value": "1"}], configuration=logging,
                              settings=[{"name": "containerInsights", "value": "enabled"}])["cluster"]
    assert made["status"] == "ACTIVE" and made["configuration"] == logging
    plain = ecs.describe_clusters(clusters=[name])["clusters"][0]
    assert plain["tags"] == [] and plain["settings"] == [] and plain["statistics"] == [] and "configuration" not in plain
    full = ecs.describe_clusters(clusters=[name], include=["TAGS", "SETTINGS", "CONFIGURATIONS", "STATISTICS", "ATTACHMENTS"])
    full = full["clusters"][0]
    assert full["tags"] == [{"key": "a", "value": "1"}] and full["configuration"] == logging
    assert full["settings"] == [{"name": "containerInsights", "value": "enabled"}]
    assert len(full["statistics"]) == 12 and {s["value"] for s in full["statistics"]} == {"0"}
    changed = ecs.update_cluster_settings(cluster=name, settings=[{"name": "containerInsights", "value": "disabled"}])["cluster"]
    assert changed["settings"] == [{"name": "containerInsights", "value": "disabled"}]
    changed = ecs.update_cluster(cluster=name, configuration={"executeCommandConfiguration": {"logging": "NONE"}})["cluster"]
    assert changed["configuration"] == {"executeCommandConfiguration": {"logging": "NONE"}}
    assert changed["settings"] == [{"name": "containerInsights", "value": "disabled"}]
    assert "containerInsights" in refused("InvalidParameterException", ecs.update_cluster_settings, cluster=name,
                                          settings=[{"name": "containerInsights", "value": "perhaps"}])
    assert ecs.delete_cluster(cluster=name)["cluster"]["status"] == "INACTIVE"
    assert ecs.describe_clusters(clusters=[name])["clusters"][0]["status"] == "INACTIVE"
    assert made["clusterArn"] not in ecs.list_clusters()["clusterArns"]
    assert refused("ClusterNotFoundException", ecs.list_tasks, cluster=name) == "The referenced cluster was inactive."
    refused("ClusterNotFoundException", ecs.delete_cluster, cluster=name)
    again = ecs.create_cluster(clusterName=name)["cluster"]
    assert again["status"] == "ACTIVE" and again["tags"] == [] and "configuration" not in again
    refused("ClusterNotFoundException", ecs.delete_cluster, cluster=name + "-not")


def test_a_cluster_that_holds_something_stays(ecs, fleet, name):
    arn = fleet.join("one")
    fleet.define(name)
    assert refused("ClusterContainsContainerInstancesException", ecs.delete_cluster, cluster=name) == (
        "The Cluster cannot be deleted while Container Instances are active or draining.")
    task = ecs.run_task(cluster=name, taskDefinition=name)["tasks"][0]
    assert statistics(ecs, name)["pendingEC2TasksCount"] == "1"
    assert refused("InvalidParameterException", ecs.deregister_container_instance, cluster=name, containerInstance=arn)
    ecs.deregister_container_instance(cluster=name, containerInstance=arn, force=True)
    stopped = ecs.describe_tasks(cluster=name, tasks=[task["taskArn"]])["tasks"][0]
    assert stopped["lastStatus"] == "STOPPED"
    assert ecs.delete_cluster(cluster=name)["cluster"]["status"] == "INACTIVE"


def test_cluster_pages(server, ecs, name):
    names = ["%s-%d" % (name, i) for i in range(7)]
    for n in names:
        ecs.create_cluster(clusterName=n)
    ecs.delete_cluster(cluster=names[3])
    found, tokens, more = [], set(), {}
    while True:
        page = ecs.list_clusters(maxResults=2, **more)
        assert len(page["clusterArns"]) <= 2
        found += page["clusterArns"]
        if "nextToken" not in page:
            break
        assert page["nextToken"] not in tokens
        tokens.add(page["nextToken"])
        more = {"nextToken": page["nextToken"]}
    mine = [a.rsplit("/", 1)[1] for a in found if name in a]
    assert mine == [n for n in names if n != names[3]]
    refused("InvalidParameterException", ecs.list_clusters, nextToken="bogus")
    assert len(server.aws("ecs", "list-clusters")["clusterArns"]) == len(found)


# -- capacity providers

def test_capacity_providers(server, ecs, name):
    both = ecs.describe_capacity_providers()["capacityProviders"]
    assert [p["name"] for p in both] == ["FARGATE", "FARGATE_SPOT"] and {p["status"] for p in both} == {"ACTIVE"}
    one = ecs.describe_capacity_providers(capacityProviders=["FARGATE", "mine"], include=["TAGS"])
    assert [p["name"] for p in one["capacityProviders"]] == ["FARGATE"]
    assert [(f["arn"], f["reason"]) for f in one["failures"]] == [("mine", "MISSING")]
    page = ecs.describe_capacity_providers(maxResults=1)
    assert [p["name"] for p in page["capacityProviders"]] == ["FARGATE"]
    page = ecs.describe_capacity_providers(maxResults=1, nextToken=page["nextToken"])
    assert [p["name"] for p in page["capacityProviders"]] == ["FARGATE_SPOT"] and "nextToken" not in page
    ecs.create_cluster(clusterName=name)
    strategy = [{"capacityProvider": "FARGATE_SPOT", "weight": 3, "base": 1}, {"capacityProvider": "FARGATE", "weight": 1, "base": 0}]
    put = ecs.put_cluster_capacity_providers(cluster=name, capacityProviders=["FARGATE", "FARGATE_SPOT"],
                                             defaultCapacityProviderStrategy=strategy)["cluster"]
    assert put["capacityProviders"] == ["FARGATE", "FARGATE_SPOT"] and put["defaultCapacityProviderStrategy"] == strategy
    assert ecs.describe_clusters(clusters=[name])["clusters"][0]["defaultCapacityProviderStrategy"] == strategy
    for providers, rules, words in (
            (["mine"], [], "'mine' was not found"),
            (["FARGATE"], strategy, "not associated with the cluster"),
            (["FARGATE", "FARGATE_SPOT"], [dict(s, base=1) for s in strategy], "Only one capacity provider"),
            (["FARGATE", "FARGATE_SPOT"], [dict(s, weight=0, base=0) for s in strategy], "weight greater than zero")):
        assert words in refused("InvalidParameterException", ecs.put_cluster_capacity_providers, cluster=name,
                                capacityProviders=providers, defaultCapacityProviderStrategy=rules)
    group = {"autoScalingGroupArn": "arn:aws:autoscaling:us-east-1:000000000000:autoScalingGroup:x:autoScalingGroupName/x"}
    for fn, more in ((ecs.create_capacity_provider, group), (ecs.update_capacity_provider, {})):
        p = server.boto("ecs", validate=False)
        assert p
        assert "Auto Scaling" in refused("UnsupportedFeatureException", fn, name="mine", autoScalingGroupProvider=more)
    refused("ClientException", ecs.delete_capacity_provider, capacityProvider="FARGATE")
    refused("ClientException", ecs.delete_capacity_provider, capacityProvider="mine")


# -- account settings

def test_account_settings(server, ecs, name):
    me = server.boto("sts").get_caller_identity()["Arn"]
    assert ecs.list_account_settings(name="awsvpcTrunking")["settings"] == []
    effective = {s["name"]: s for s in ecs.list_account_settings(effectiveSettings=True)["settings"]}
    assert effective["taskLongArnFormat"] == {"name": "taskLongArnFormat", "value": "enabled", "principalArn": me}
    assert effective["awsvpcTrunking"]["value"] == "disabled"
    own = ecs.put_account_setting(name="awsvpcTrunking", value="enabled")["setting"]
    assert own == {"name": "awsvpcTrunking", "value": "enabled", "principalArn": me}
    assert ecs.list_account_settings()["settings"] == [own]
    default = ecs.put_account_setting_default(name="containerInsights", value="enabled")["setting"]
    assert default["principalArn"] == "arn:aws:iam::000000000000:root"
    other = server.boto("ecs", server.add_user(name))  # may nothing yet
    refused("AccessDeniedException", other.list_account_settings)
    one = ecs.list_account_settings(effectiveSettings=True, name="containerInsights")["settings"]
    assert [s["value"] for s in one] == ["enabled"]
    assert ecs.list_account_settings(effectiveSettings=True, name="awsvpcTrunking", value="disabled")["settings"] == []
    assert ecs.delete_account_setting(name="awsvpcTrunking")["setting"]["value"] == "disabled"
    assert ecs.list_account_settings()["settings"] == []
    ecs.delete_account_setting(name="containerInsights", principalArn="arn:aws:iam::000000000000:root")
    assert "always enabled" in refused("InvalidParameterException", ecs.put_account_setting, name="taskLongArnFormat", value="disabled")
    refused("InvalidParameterException", ecs.put_account_setting, name="awsvpcTrunking", value="maybe")
    refused("InvalidParameterException", ecs.put_account_setting, name="nothing", value="enabled")
    refused("InvalidParameterException", ecs.put_account_setting, name="awsvpcTrunking", value="enabled",
            principalArn="arn:aws:iam::999999999999:user/x")
    pages = [len(p["settings"]) for p in ecs.get_paginator("list_account_settings").paginate(
        effectiveSettings=True, PaginationConfig={"PageSize": 4})]
    assert sum(pages) == len(effective) and max(pages) == 4


def test_a_setting_of_a_role_is_of_its_sessions(server, name):
    iam = server.boto("iam")
    arn = iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": {"AWS": "000000000000"}, "Action": "sts:AssumeRole"}]}))["Role"]["Arn"]
    iam.put_role_policy(RoleName=name, PolicyName="p", PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Action": "ecs:*", "Resource": "*"}]}))

    def session(of):
        c = server.boto("sts").assume_role(RoleArn=arn, RoleSessionName=of)["Credentials"]
        return server.boto("ecs", (c["AccessKeyId"], c["SecretAccessKey"], c["SessionToken"]))
    assert session("one").put_account_setting(name="containerInsights", value="enabled")["setting"]["principalArn"] == arn
    assert session("two").create_cluster(clusterName=name)["cluster"]["settings"] == [{"name": "containerInsights", "value": "enabled"}]


# -- container instances

def test_states_filters_and_health(server, fleet, ecs, name):
    a, b, c = fleet.join("a", zone="x"), fleet.join("b", zone="y"), fleet.join("c", zone="x", memory=2000)
    every = sorted((a, b, c))

    def listed(**more):
        return ecs.list_container_instances(cluster=name, **more)["containerInstanceArns"]
    assert listed() == every
    assert listed(filter="attribute:zone == x") == sorted((a, c))
    assert listed(filter="attribute:zone == x and runningTasksCount == 0 and agentConnected == true", status="ACTIVE") == sorted((a, c))
    assert listed(filter="agentVersion > 2") == []
    one = ecs.list_container_instances(cluster=name, filter="attribute:zone == x", maxResults=1)
    two = ecs.list_container_instances(cluster=name, filter="attribute:zone == x", maxResults=1, nextToken=one["nextToken"])
    assert one["containerInstanceArns"] + two["containerInstanceArns"] == sorted((a, c)) and "nextToken" not in two
    assert "column" in refused("InvalidParameterException", listed, filter="attribute:zone ==")
    out = ecs.update_container_instances_state(cluster=name, containerInstances=[a.rsplit("/", 1)[1], "0" * 32], status="DRAINING")
    assert [i["status"] for i in out["containerInstances"]] == ["DRAINING"]
    assert [f["reason"] for f in out["failures"]] == ["MISSING"]
    assert listed(status="DRAINING") == [a] and listed(status="ACTIVE") == sorted((b, c))
    fleet.define(name)
    assert set(fleet.run(name, 4)[0]) <= {"b", "c"}
    assert {f["reason"] for f in ecs.start_task(cluster=name, taskDefinition=name, containerInstances=[a])["failures"]} == {"INACTIVE"}
    ecs.update_container_instances_state(cluster=name, containerInstances=[a], status="ACTIVE")
    assert listed(status="DRAINING") == []
    for bad in ("REGISTERING", "GONE"):
        refused("InvalidParameterException", ecs.update_container_instances_state, cluster=name, containerInstances=[a], status=bad)
    refused("InvalidParameterException", ecs.update_container_instances_state, cluster=name, containerInstances=["0" * 32] * 11,
            status="ACTIVE")
    ecs.tag_resource(resourceArn=a, tags=[{"key": "k", "value": "v"}])
    seen = ecs.describe_container_instances(cluster=name, containerInstances=[a], include=["TAGS", "CONTAINER_INSTANCE_HEALTH"])
    seen = seen["containerInstances"][0]
    assert seen["tags"] == [{"key": "k", "value": "v"}] and seen["agentConnected"]
    assert seen["healthStatus"]["overallStatus"] == "OK" and seen["healthStatus"]["details"][0]["type"] == "CONTAINER_RUNTIME"
    seen = ecs.describe_container_instances(cluster=name, containerInstances=[a])["containerInstances"][0]
    assert seen["tags"] == [] and "healthStatus" not in seen
    assert server.aws("ecs", "list-container-instances", "--cluster", name, "--filter", "attribute:zone == y")[
        "containerInstanceArns"] == [b]
    refused("NoUpdateAvailableException", ecs.update_container_agent, cluster=name, containerInstance=a)
    refused("InvalidParameterException", ecs.update_container_agent, cluster=name, containerInstance="0" * 32)


def test_attributes(fleet, ecs, name):
    a, b = fleet.join("a", zone="x"), fleet.join("b", zone="y")
    put = ecs.put_attributes(cluster=name, attributes=[
        {"name": "stack", "value": "prod@v1: a b", "targetId": a},
        {"name": "ssd", "targetId": b.rsplit("/", 1)[1], "targetType": "container-instance"}])["attributes"]
    assert [(p["name"], p.get("value"), p["targetId"]) for p in put] == [("stack", "prod@v1: a b", a), ("ssd", None, b)]

    def listed(**more):
        out = ecs.list_attributes(cluster=name, targetType="container-instance", **more)["attributes"]
        return [(x["name"], x.get("value"), x["targetId"]) for x in out]
    assert listed(attributeName="stack") == [("stack", "prod@v1: a b", a)]
    assert listed(attributeName="zone", attributeValue="y") == [("zone", "y", b)]
    assert len(listed()) == 4
    pages = list(ecs.get_paginator("list_attributes").paginate(cluster=name, targetType="container-instance",
                                                                PaginationConfig={"PageSize": 3}))
    assert [len(p["attributes"]) for p in pages] == [3, 1]
    # Placement sees them, and the agent's next registration does not undo them.
    assert ecs.list_container_instances(cluster=name, filter="attribute:ssd exists")["containerInstanceArns"] == [b]
    ecs.register_container_instance(cluster=name, containerInstanceArn=b, attributes=[{"name": "zone", "value": "z"}], totalResources=[
        {"name": "CPU", "type": "INTEGER", "integerValue": 1}, {"name": "MEMORY", "type": "INTEGER", "integerValue": 1}])
    assert listed(attributeName="ssd") == [("ssd", None, b)] and listed(attributeName="zone", attributeValue="z") == [("zone", "z", b)]
    assert ecs.delete_attributes(cluster=name, attributes=[{"name": "ssd", "targetId": b}])["attributes"][0]["targetId"] == b
    assert listed(attributeName="ssd") == []
    assert ecs.delete_attributes(cluster=name, attributes=[{"name": "ssd", "targetId": b}])["attributes"] == []
    refused("TargetNotFoundException", ecs.put_attributes, cluster=name, attributes=[{"name": "x", "targetId": "0" * 32}])
    for bad in ({"name": "x y"}, {"name": ""}, {"name": "x" * 129}, {"name": "x", "value": " y"}, {"name": "x", "value": "y!"},
                {"name": "x", "value": ""}, {"name": "x", "value": "y" * 129}, {"name": "ecs.os-type", "value": "windows"}):
        refused("InvalidParameterException", ecs.put_attributes, cluster=name, attributes=[dict(bad, targetId=a)])
    refused("InvalidParameterException", ecs.put_attributes, cluster=name, attributes=[{"name": "x"}])
    refused("InvalidParameterException", ecs.put_attributes, cluster=name, attributes=[])
    ecs.put_attributes(cluster=name, attributes=[{"name": "n%d" % i, "targetId": a} for i in range(9)])
    assert "up to 10 custom" in refused("AttributeLimitExceededException", ecs.put_attributes, cluster=name,
                                        attributes=[{"name": "eleventh", "targetId": a}])


# -- tasks

def test_start_task(fleet, ecs, name):
    a, b = fleet.join("a"), fleet.join("b", memory=50)
    fleet.define(name)
    out = ecs.start_task(cluster=name, taskDefinition=name, containerInstances=[a, b, "0" * 32], startedBy="me", group="g")
    assert [(t["containerInstanceArn"], t["startedBy"], t["group"]) for t in out["tasks"]] == [(a, "me", "g")]
    assert {f["arn"]: f["reason"] for f in out["failures"]} == {
        b: "RESOURCE:MEMORY", a.rsplit("/", 1)[0] + "/" + "0" * 32: "MISSING"}
    tagged = ecs.run_task(cluster=name, taskDefinition=name, enableECSManagedTags=True, tags=[{"key": "k", "value": "v"}])["tasks"][0]
    assert tagged["tags"] == [{"key": "k", "value": "v"}, {"key": "aws:ecs:clusterName", "value": name}]
    for bad in ([], [a] * 2, ["0" * 32] * 11):
        refused("InvalidParameterException", ecs.start_task, cluster=name, taskDefinition=name, containerInstances=bad)
    refused("ClientException", ecs.start_task, cluster=name, taskDefinition=name + "-none", containerInstances=[a])


def test_external_instances_take_external_tasks(fleet, ecs, name):
    fleet.join("own")
    fleet.define(name)
    assert "No Container Instances" in refused("InvalidParameterException", fleet.run, name, launchType="EXTERNAL")
    fleet.join("far", ecs_capability_external="")
    assert fleet.run(name, 2) == (["own"] * 2, {}) and fleet.run(name, 2, launchType="EC2") == (["own"] * 2, {})
    task = ecs.run_task(cluster=name, taskDefinition=name, launchType="EXTERNAL")["tasks"][0]
    assert fleet.names[task["containerInstanceArn"]] == "far" and task["launchType"] == "EXTERNAL"
    assert ecs.list_tasks(cluster=name, launchType="EXTERNAL")["taskArns"] == [task["taskArn"]]
    assert len(ecs.list_tasks(cluster=name, launchType="EC2")["taskArns"]) == 4
    assert statistics(ecs, name)["pendingExternalTasksCount"] == "1"


def test_protection_is_for_tasks_of_services(fleet, ecs, name):
    fleet.join("a")
    fleet.define(name)
    task = ecs.run_task(cluster=name, taskDefinition=name)["tasks"][0]["taskArn"]
    out = ecs.update_task_protection(cluster=name, tasks=[task, "0" * 32], protectionEnabled=True)
    assert out["protectedTasks"] == [] and [f["reason"] for f in out["failures"]] == ["TASK_NOT_VALID", "MISSING"]
    ecs.create_service(cluster=name, serviceName="web", taskDefinition=name, desiredCount=1)
    of_service = r.wait_for(lambda: ecs.list_tasks(cluster=name, serviceName="web")["taskArns"], 10, 0.1, "the service's task")[0]
    out = ecs.update_task_protection(cluster=name, tasks=[of_service], protectionEnabled=True, expiresInMinutes=30)
    seconds = out["protectedTasks"][0]["expirationDate"].timestamp() - __import__("time").time()
    assert out["protectedTasks"][0]["protectionEnabled"] and 1700 < seconds <= 1800
    assert [t["taskArn"] for t in ecs.get_task_protection(cluster=name)["protectedTasks"]] == [of_service]
    out = ecs.update_task_protection(cluster=name, tasks=[of_service], protectionEnabled=False)["protectedTasks"]
    assert out == [{"taskArn": of_service, "protectionEnabled": False}]
    assert ecs.get_task_protection(cluster=name, tasks=[of_service])["protectedTasks"] == out
    assert ecs.get_task_protection(cluster=name)["protectedTasks"] == []
    for minutes in (0, 2881):
        refused("InvalidParameterException", ecs.update_task_protection, cluster=name, tasks=[of_service], protectionEnabled=True,
                expiresInMinutes=minutes)
    refused("InvalidParameterException", ecs.update_task_protection, cluster=name, tasks=[task] * 11, protectionEnabled=True)


def test_task_definitions_are_deleted_in_two_steps(server, fleet, ecs, name):
    """Sent by hand: Debian's boto3 does not know the operation yet."""
    arn = fleet.define(name)["taskDefinition"]["taskDefinitionArn"]

    def delete(*names):
        reply = call(server, "ecs", "DeleteTaskDefinitions", json.dumps({"taskDefinitions": names}).encode())
        return reply.status, reply.json()
    status, out = delete(arn, name + ":7")
    assert status == 200 and out["taskDefinitions"] == []
    assert ["still in ACTIVE" in f["reason"] or "does not exist" in f["reason"] for f in out["failures"]] == [True, True]
    ecs.deregister_task_definition(taskDefinition=arn)
    status, out = delete(arn)
    assert status == 200 and out["failures"] == [] and out["taskDefinitions"][0]["status"] == "DELETE_IN_PROGRESS"
    assert out["taskDefinitions"][0]["deleteRequestedAt"] > 0
    assert ecs.describe_task_definition(taskDefinition=arn)["taskDefinition"]["status"] == "DELETE_IN_PROGRESS"
    assert ecs.list_task_definitions(familyPrefix=name, status="INACTIVE")["taskDefinitionArns"] == []
    fleet.join("a")
    refused("ClientException", ecs.run_task, cluster=name, taskDefinition=arn)
    assert delete(name)[0] == 400 and delete()[0] == 400


# -- the agent's operations with hostile input

def test_an_agent_speaks_for_its_own_instance_only(server, fleet, ecs, name):
    server.slipway("policy", "--help")
    arn = fleet.join("mine")
    fleet.define(name)
    task = ecs.run_task(cluster=name, taskDefinition=name)["tasks"][0]["taskArn"]
    iam = server.boto("iam")
    key = server.add_user(name)
    iam.attach_user_policy(UserName=name, PolicyArn=AGENT_POLICY)
    other = server.boto("ecs", key)
    theirs = other.register_container_instance(cluster=name, totalResources=[
        {"name": "CPU", "type": "INTEGER", "integerValue": 1}, {"name": "MEMORY", "type": "INTEGER", "integerValue": 1}])
    assert theirs["containerInstance"]["containerInstanceArn"] != arn
    version = ecs.describe_tasks(cluster=name, tasks=[task])["tasks"][0]["version"]
    refused("AccessDeniedException", other.register_container_instance, cluster=name, containerInstanceArn=arn, totalResources=[
        {"name": "CPU", "type": "INTEGER", "integerValue": 1}, {"name": "MEMORY", "type": "INTEGER", "integerValue": 1}])
    refused("AccessDeniedException", other.submit_task_state_change, cluster=name, task=task, status="STOPPED")
    refused("AccessDeniedException", other.submit_container_state_change, cluster=name, task=task, containerName="c", status="STOPPED",
            exitCode=1)
    for operation, body in (("PollTasks", {"containerInstance": arn}),
                            ("SubmitHealth", {"task": task, "containers": []}),
                            ("SubmitLogs", {"containerInstance": arn, "requestId": "x", "records": []})):
        reply = fleet.agent(operation, key=key, **body)
        assert (reply.status, reply.json()["__type"]) == (400, "AccessDeniedException"), (operation, reply)
    assert ecs.describe_tasks(cluster=name, tasks=[task])["tasks"][0]["version"] == version
    refused("InvalidParameterException", other.submit_attachment_state_changes, cluster=name,
            attachments=[{"attachmentArn": "arn:x", "status": "ATTACHED"}])


def test_reports_are_bounded_and_repeatable(fleet, ecs, name):
    fleet.join("mine")
    fleet.define(name)
    task = ecs.run_task(cluster=name, taskDefinition=name)["tasks"][0]["taskArn"]

    def now():
        return ecs.describe_tasks(cluster=name, tasks=[task])["tasks"][0]
    report = dict(cluster=name, task=task, containerName="c", status="RUNNING", runtimeId="r1",
                  networkBindings=[{"bindIP": "0.0.0.0", "containerPort": 80, "hostPort": 8080, "protocol": "tcp"}])
    assert ecs.submit_container_state_change(**report)["acknowledgment"] == "ACCEPTED"
    seen = now()
    assert seen["containers"][0]["runtimeId"] == "r1" and seen["containers"][0]["lastStatus"] == "RUNNING"
    ecs.submit_container_state_change(**report)
    assert now()["version"] == seen["version"], "a replay changed something"
    ecs.submit_task_state_change(cluster=name, task=task, status="STOPPED", reason="EssentialContainerExited: " + "x" * 100000,
                                 containers=[{"containerName": "c", "status": "STOPPED", "exitCode": 3, "reason": "y" * 100000}])
    stopped = now()
    assert stopped["lastStatus"] == "STOPPED" and len(stopped["stoppedReason"]) == 1024
    assert len(stopped["containers"][0]["reason"]) <= 1024
    for status in ("RUNNING", "PENDING", "STOPPED"):
        ecs.submit_task_state_change(cluster=name, task=task, status=status, reason="late")
    assert now() == stopped
    refused("ClientException", ecs.submit_task_state_change, cluster=name, task=task, status="GONE")
    ecs.submit_task_state_change(cluster=name, task="0" * 32, status="STOPPED")  # not known any more


def machine(**more):
    values = dict({"CPU": 1024, "MEMORY": 1000}, **more)
    return [{"name": k, "type": "STRINGSET", "stringSetValue": v} if isinstance(v, list) else
            {"name": k, "type": "INTEGER", "integerValue": v} for k, v in values.items()]


ABSURD = {
    "negative": {"totalResources": machine(CPU=-1)},
    "no memory": {"totalResources": machine()[:1]},
    "twice": {"totalResources": machine() + machine()[:1]},
    "unknown": {"totalResources": machine(SPACE=5)},
    "ports that are none": {"totalResources": machine(PORTS=["22", "x"])},
    "port zero": {"totalResources": machine(PORTS=["0"])},
    "port too high": {"totalResources": machine(PORTS_UDP=["65536"])},
    "too many ports": {"totalResources": machine(PORTS=[str(p) for p in range(1, 102)])},
    "a set of numbers": {"totalResources": machine(CPU=["1"])},
    "too many attributes": {"totalResources": machine(), "attributes": [{"name": "a%d" % i} for i in range(301)]},
    "a long version": {"totalResources": machine(), "versionInfo": {"agentVersion": "1" * 256}},
    "a name of another cluster": {"totalResources": machine(),
                                  "containerInstanceArn": "arn:aws:ecs:us-east-1:000000000000:container-instance/elsewhere/" + "0" * 32},
    "no name at all": {"totalResources": machine(), "containerInstanceArn": "../../etc"},
    "a document of EC2": {"totalResources": machine(), "instanceIdentityDocument": json.dumps({"instanceId": "i-1"})},
    "no document": {"totalResources": machine(), "instanceIdentityDocument": "{" * 5000},
}


@pytest.mark.parametrize("what", ABSURD, ids=lambda w: w.replace(" ", "-"))
def test_absurd_registrations(fleet, ecs, name, what):
    fleet.join("mine")
    refused("InvalidParameterException", ecs.register_container_instance, cluster=name, **ABSURD[what])
    assert len(ecs.list_container_instances(cluster=name)["containerInstanceArns"]) == 1


def test_large_registrations_are_placed_on(fleet, ecs, name):
    """What is still a number is believed, and sums of it stay numbers."""
    most = 2 ** 31 - 1
    for i in range(3):
        made = ecs.register_container_instance(cluster=name, totalResources=machine(
            CPU=most, MEMORY=most, PORTS=[str(p) for p in range(1, 101)]))["containerInstance"]
        fleet.agent("PollTasks", containerInstance=made["containerInstanceArn"], waitSeconds=0)
    fleet.define(name)
    placed = ecs.run_task(cluster=name, taskDefinition=name, count=10)
    assert len(placed["tasks"]) == 10 and placed["failures"] == []


HUGE = 2 ** 63 - 1


@pytest.mark.parametrize("said", [{"cpuUnits": -1}, {"memoryMiB": HUGE}, {"tasks": [{"cpuMs": HUGE, "memoryBytes": 1}]},
                                  {"tasks": [{"cpuMs": 1, "memoryBytes": -5}]}, {"tasks": [{"cpuMs": 1, "memoryBytes": 1, "cpuUnits": HUGE}]}],
                         ids=["cpu", "memory", "time", "bytes", "units"])
def test_numbers_that_nothing_uses(fleet, ecs, name, said):
    arn = fleet.join("mine")
    fleet.define(name)
    task = ecs.run_task(cluster=name, taskDefinition=name)["tasks"][0]["taskArn"]
    body = dict({"tasks": []}, **said)
    for t in body["tasks"]:
        t["task"] = task
    reply = fleet.agent("SubmitMetrics", containerInstance=arn, **body)
    assert (reply.status, reply.json()["__type"]) == (400, "InvalidParameterException")


def test_usage_is_of_own_tasks(server, fleet, ecs, name):
    mine, theirs = fleet.join("mine"), fleet.join("theirs")
    fleet.define(name)
    tasks = {}
    while len(tasks) < 2:
        task = ecs.run_task(cluster=name, taskDefinition=name)["tasks"][0]
        tasks.setdefault(task["containerInstanceArn"], task["taskArn"])
        assert len(ecs.list_tasks(cluster=name)["taskArns"]) < 20
    said = [{"task": t, "cpuMs": 1, "memoryBytes": 424242} for t in
            [tasks[mine]] * 3 + [tasks[theirs], "nonsense"] + ["arn:aws:ecs:us-east-1:000000000000:task/%s/%032x" % (name, i) for i in range(500)]]
    assert fleet.agent("SubmitMetrics", containerInstance=mine, tasks=said).status == 200
    with server.http() as http:
        text = http.get("/metrics").body.decode()
    lines = [x for x in text.split("\n") if "424242" in x and x.startswith("slipway_task_memory_bytes")]
    assert len(lines) == 1 and tasks[mine].rsplit("/", 1)[1] in lines[0], lines


def test_states_that_go_backwards_or_nowhere(fleet, ecs, name):
    fleet.join("mine")
    fleet.define(name)
    task = ecs.run_task(cluster=name, taskDefinition=name)["tasks"][0]["taskArn"]

    def now():
        return ecs.describe_tasks(cluster=name, tasks=[task])["tasks"][0]
    ecs.submit_task_state_change(cluster=name, task=task, status="RUNNING", containers=[{"containerName": "c", "status": "RUNNING"}])
    running = now()
    ecs.submit_task_state_change(cluster=name, task=task, status="PENDING", containers=[{"containerName": "c", "status": "PENDING"}])
    ecs.submit_task_state_change(cluster=name, task=task, status="RUNNING", containers=[
        {"containerName": "nobody" * 1000, "status": "STOPPED", "exitCode": 1},
        {"containerName": "c", "status": "RUNNING", "runtimeId": "r" * 100000, "imageDigest": "d" * 100000,
         "networkBindings": [{"bindIP": "0.0.0.0", "containerPort": p % 65536, "hostPort": p % 65536} for p in range(20000)]}])
    seen = now()
    assert seen["lastStatus"] == "RUNNING" and len(seen["containers"]) == 1 and seen["containers"][0]["lastStatus"] == "RUNNING"
    assert len(json.dumps(seen, default=str)) < len(json.dumps(running, default=str)) + 20000
    for when in (-1e18, 1e300, 4e9):
        body = {"cluster": name, "task": task, "status": "RUNNING", "pullStartedAt": when}
        call(fleet.server, "ecs", "SubmitTaskStateChange", json.dumps(body).encode())
        assert ecs.describe_tasks(cluster=name, tasks=[task])["tasks"][0]["lastStatus"] == "RUNNING"
    refused("InvalidParameterException", ecs.submit_task_state_change, cluster=name, task="../" + "x" * 600, status="RUNNING")
    ecs.submit_task_state_change(cluster=name, task=task, status="STOPPED", containers=[
        {"containerName": "c", "status": "STOPPED", "exitCode": -2 ** 31}])
    assert now()["containers"][0]["exitCode"] == -2 ** 31


GATEWAYS = ("AssociateGatewayWithCluster", "CreateGateway", "DeleteGateway", "DescribeGateway", "DisassociateGatewayFromCluster",
            "ListGatewayClusterAssociations", "ListGateways", "UpdateGateway", "CreateDaemon", "ListDaemons",
            "CreateExpressGatewayService")


@pytest.mark.parametrize("operation", GATEWAYS)
def test_what_is_not_there_is_refused_by_name(server, operation):
    reply = call(server, "ecs", operation, b"{}")
    assert (reply.status, reply.json()["__type"]) == (400, "UnsupportedFeatureException") and operation in reply.json()["message"]
