# SPDX-License-Identifier: Apache-2.0
"""What ECS refuses and what it adds, rule by rule: tags, names and characters, sizes, defaults of clusters. The instances are the
test's own; no container runs."""
import json
import time

import pytest
from botocore.exceptions import ClientError

from support import run as r
from support.aws import call as signed_call
from support.aws import refused
from support.fleet import Fleet
from support.server import Server


@pytest.fixture(scope="module")
def server():
    s = Server("serve", ["--task-healthy-after", "1s"])
    try:
        yield s.start()
    finally:
        s.close()


@pytest.fixture
def fleet(server, name):
    return Fleet(server, name)


def sent(server, operation, **body):
    """By hand: members that Debian's boto3 does not know, or does not let pass."""
    answer = signed_call(server, "ecs", operation, json.dumps(body).encode())
    return answer.status, json.loads(answer.body)


# -- tags

BAD_TAGS = [("aws:team", "a"), ("AWS:x", "a"), ("Aws:", "a"), ("a<b", "a"), ("a", "x;y"), ("a\nb", "a"), ("a", "\x07")]


@pytest.mark.parametrize("key, value", BAD_TAGS)
def test_tags_that_nobody_may_have(fleet, name, key, value):
    ecs, tags = fleet.ecs, [{"key": key, "value": value}]
    fleet.join("a")
    fleet.define("d" + name)
    arn = ecs.describe_clusters(clusters=[name])["clusters"][0]["clusterArn"]
    container = [{"name": "c", "image": "i", "memory": 10}]
    for call in (lambda: ecs.tag_resource(resourceArn=arn, tags=tags),
                 lambda: ecs.create_cluster(clusterName=name + "2", tags=tags),
                 lambda: ecs.register_task_definition(family="e" + name, containerDefinitions=container, tags=tags),
                 lambda: ecs.run_task(cluster=name, taskDefinition="d" + name, tags=tags),
                 lambda: ecs.create_service(cluster=name, serviceName="s", taskDefinition="d" + name, desiredCount=1, tags=tags),
                 lambda: ecs.register_container_instance(cluster=name, tags=tags)):
        refused("InvalidParameterException", call)
    assert ecs.list_tasks(cluster=name)["taskArns"] == [] and ecs.list_services(cluster=name)["serviceArns"] == []
    assert ecs.list_tags_for_resource(resourceArn=arn)["tags"] == []


@pytest.mark.parametrize("tag", [{"value": "x"}, {"key": None}, {"key": ""}, {}])
def test_a_tag_has_a_key(server, name, tag):
    status, body = sent(server, "CreateCluster", clusterName=name, tags=[tag])
    assert (status, body["__type"]) == (400, "InvalidParameterException"), body
    assert server.boto("ecs").describe_clusters(clusters=[name])["failures"]


def test_tags_of_every_script(fleet, name):
    arn = fleet.ecs.describe_clusters(clusters=[name])["clusters"][0]["clusterArn"]
    tags = [{"key": "\u540d \u00e9", "value": "caf\u00e9 \U0001f6a2"}, {"key": "a_.:/=+-@ 9", "value": ""}]
    fleet.ecs.tag_resource(resourceArn=arn, tags=tags)
    assert fleet.ecs.list_tags_for_resource(resourceArn=arn)["tags"] == tags
    fleet.ecs.tag_resource(resourceArn=arn, tags=[{"key": "k%d" % i, "value": "v"} for i in range(48)])
    assert "50 tags" in refused("InvalidParameterException", fleet.ecs.tag_resource, resourceArn=arn, tags=[{"key": "one", "value": ""}])


def test_managed_tags_are_not_taken_away(fleet, name):
    ecs = fleet.ecs
    fleet.join("a", ecs_availability__zone="z")
    fleet.define("d" + name)
    task = ecs.run_task(cluster=name, taskDefinition="d" + name, enableECSManagedTags=True)["tasks"][0]
    assert "aws:" in refused("InvalidParameterException", ecs.untag_resource, resourceArn=task["taskArn"],
                             tagKeys=["aws:ecs:clusterName"])
    assert ecs.list_tags_for_resource(resourceArn=task["taskArn"])["tags"] == [{"key": "aws:ecs:clusterName", "value": name}]


@pytest.mark.parametrize("service, make", [
    ("logs", lambda c, name, tags: c.create_log_group(logGroupName=name, tags=tags)),
    ("ecr", lambda c, name, tags: c.create_repository(repositoryName=name, tags=[{"Key": k, "Value": v} for k, v in tags.items()])),
    ("secretsmanager", lambda c, name, tags: c.create_secret(Name=name, SecretString="x", Tags=[
        {"Key": k, "Value": v} for k, v in tags.items()]))])
def test_other_services_reserve_the_same_keys(server, name, service, make):
    client = server.boto(service)
    for tags in ({"aws:x": "a"}, {"AWS:x": "a"}):
        with pytest.raises(ClientError) as e:
            make(client, name, tags)
        assert "aws:" in str(e.value).lower(), e.value
    make(client, name, {"team": "a"})


# -- tasks

@pytest.mark.parametrize("more, part", [
    ({"group": "service:web"}, "Invalid namespace for group."),
    ({"group": "g" * 256}, "group"),
    ({"startedBy": "a b"}, "startedBy"),
    ({"startedBy": "\u00e9"}, "startedBy"),
    ({"startedBy": "s" * 129}, "startedBy"),
    ({"clientToken": "a b"}, "clientToken"),
    ({"clientToken": "\u00e9"}, "clientToken"),
    ({"clientToken": "t" * 65}, "clientToken"),
    ({"overrides": {"containerOverrides": [{"name": "c", "command": ["x" * 8200]}]}}, "Container Overrides length must be at most 8192")])
def test_what_run_task_refuses(fleet, name, more, part):
    arn = fleet.join("a")
    fleet.define("d" + name)
    body = dict(more, cluster=name, taskDefinition="d" + name)
    operations = [("RunTask", body)]
    if "clientToken" not in more:  # StartTask has none
        operations.append(("StartTask", dict(body, containerInstances=[arn])))
    for operation, body in operations:
        status, answer = sent(fleet.server, operation, **body)
        assert (status, answer["__type"]) == (400, "InvalidParameterException") and part in answer["message"], answer
    assert fleet.ecs.list_tasks(cluster=name)["taskArns"] == []


def test_what_run_task_takes(fleet, name):
    fleet.join("a")
    fleet.define("d" + name)
    for more in ({"startedBy": "ecs-svc/123_a"}, {"startedBy": "s" * 128}, {"group": "g" * 255}, {"clientToken": "!" + "~" * 63},
                 {"overrides": {"containerOverrides": [{"name": "c", "command": ["x" * 8000]}]}}):
        status, answer = sent(fleet.server, "RunTask", cluster=name, taskDefinition="d" + name, **more)
        assert status == 200, answer
        task = answer["tasks"][0]
        assert all(task[k] == more[k] for k in more if k in ("startedBy", "group"))


def test_tasks_are_in_the_zone_of_their_machine(fleet, name):
    fleet.ecs.register_container_instance(cluster=name, totalResources=[
        {"name": "CPU", "type": "INTEGER", "integerValue": 1024}, {"name": "MEMORY", "type": "INTEGER", "integerValue": 1024}],
        attributes=[{"name": "ecs.availability-zone", "value": "cellar"}])
    fleet.names[fleet.ecs.list_container_instances(cluster=name)["containerInstanceArns"][0]] = "a"
    fleet.agent("PollTasks", containerInstance=list(fleet.names)[0], waitSeconds=0)
    fleet.define("d" + name)
    run = fleet.ecs.run_task(cluster=name, taskDefinition="d" + name)["tasks"][0]
    fleet.ecs.create_service(cluster=name, serviceName="s", taskDefinition="d" + name, desiredCount=1)
    arn = r.wait_for(lambda: fleet.ecs.list_tasks(cluster=name, serviceName="s")["taskArns"], 10, 0.1, "the service's task")[0]
    tasks = fleet.ecs.describe_tasks(cluster=name, tasks=[run["taskArn"], arn])["tasks"]
    assert [t["availabilityZone"] for t in tasks] == ["cellar"] * 2 and run["availabilityZone"] == "cellar"


# -- task definitions

def test_a_task_definition_has_64_kib(fleet, name):
    def register(length):
        return fleet.ecs.register_task_definition(family="d" + name, containerDefinitions=[
            {"name": "c", "image": "i", "memory": 10, "environment": [{"name": "E", "value": "v" * length}]}])
    assert refused("ClientException", register, 70000).endswith("Max allowed length is '65536' bytes.")
    assert register(65000)["taskDefinition"]["revision"] == 1


# -- clusters

def test_account_setting_is_the_default_of_clusters(server, name):
    ecs = server.boto("ecs")

    def settings(cluster):
        return ecs.describe_clusters(clusters=[cluster], include=["SETTINGS"])["clusters"][0]["settings"]
    ecs.put_account_setting(name="containerInsights", value="enabled")
    try:
        made = ecs.create_cluster(clusterName=name)["cluster"]
    finally:
        ecs.delete_account_setting(name="containerInsights")
    assert made["settings"] == settings(name) == [{"name": "containerInsights", "value": "enabled"}]
    ecs.create_cluster(clusterName=name + "-2")
    assert settings(name + "-2") == [{"name": "containerInsights", "value": "disabled"}]
    assert ecs.describe_clusters(clusters=[name])["clusters"][0]["settings"] == []


def test_a_setting_is_given_once(server, name):
    twice = [{"name": "containerInsights", "value": v} for v in ("enabled", "disabled")]
    assert "2 times" in refused("InvalidParameterException", server.boto("ecs").create_cluster, clusterName=name, settings=twice)


def test_nothing_to_describe(fleet, name):
    for call, member in (("describe_container_instances", "containerInstances"), ("describe_tasks", "tasks"),
                         ("describe_services", "services")):
        assert "cannot be empty" in refused("InvalidParameterException", getattr(fleet.ecs, call), cluster=name, **{member: []})


@pytest.mark.parametrize("call, more", [
    ("delete_cluster", {}), ("update_cluster", {"settings": [{"name": "containerInsights", "value": "enabled"}]}),
    ("update_cluster_settings", {"settings": [{"name": "containerInsights", "value": "enabled"}]}),
    ("put_cluster_capacity_providers", {"capacityProviders": [], "defaultCapacityProviderStrategy": []})])
def test_an_empty_name_is_not_the_default_cluster(server, call, more):
    ecs = server.boto("ecs")
    assert refused("InvalidParameterException", getattr(ecs, call), cluster="", **more) == "Cluster can not be blank."
    assert ecs.describe_clusters()["clusters"][0]["status"] == "ACTIVE"


# -- services

def test_members_that_say_nothing_are_taken(fleet, name):
    """Clients write what they do not want: switched off in every member."""
    fleet.define("d" + name)
    body = {"cluster": name, "serviceName": "s", "taskDefinition": "d" + name, "desiredCount": 0,
            "serviceConnectConfiguration": {"enabled": False},
            "deploymentConfiguration": {"alarms": {"alarmNames": [], "enable": False, "rollback": False}}}
    status, answer = sent(fleet.server, "CreateService", **body)
    assert status == 200 and "alarms" not in answer["service"]["deploymentConfiguration"], answer
    body["deploymentConfiguration"]["alarms"]["enable"] = True
    for change in ({}, {"serviceConnectConfiguration": {"enabled": True}}):
        status, answer = sent(fleet.server, "CreateService", **dict(body, serviceName="t", **change))
        assert (status, answer["__type"]) == (400, "UnsupportedFeatureException"), answer


# Members of models later than Debian's, here refused by name and not as unknown.
LATER = [
    ("CreateService", {"monitoring": {"metricConfigurations": [{"x": 1}]}}), ("CreateService", {"gatewayConnectors": [{"portName": "x"}]}),
    ("CreateService", {"deploymentConfiguration": {"earlySuccessCriteria": {"enable": True, "healthyPercent": 50}}}),
    ("CreateService", {"serviceConnectConfiguration": {"enabled": True, "containerConfigurations": [{"x": 1}]}}),
    ("UpdateService", {"service": "x", "monitoring": {"metricConfigurations": [{"x": 1}]}}),
    ("RunTask", {"launchType": "MANAGED_INSTANCES"}), ("ListTasks", {"daemonName": "x"}),
    ("CreateCluster", {"configuration": {"managedStorageConfiguration": {"kmsKeyId": "x"}}}),
    ("CreateCapacityProvider", {"name": "x", "managedInstancesProvider": {"infrastructureRoleArn": "x"}}),
    ("DescribeCapacityProviders", {"cluster": "x"}),
    ("RegisterTaskDefinition", {"volumes": [{"name": "v", "s3filesVolumeConfiguration": {"fileSystemArn": "x"}}]})]


@pytest.mark.parametrize("operation, more", LATER)
def test_what_came_later_is_refused_by_name(fleet, name, operation, more):
    fleet.join("a")
    fleet.define("d" + name)
    base = {"CreateService": {"cluster": name, "serviceName": "s", "taskDefinition": "d" + name, "desiredCount": 0},
            "UpdateService": {"cluster": name}, "RunTask": {"cluster": name, "taskDefinition": "d" + name},
            "ListTasks": {"cluster": name}, "CreateCluster": {"clusterName": name + "2"},
            "RegisterTaskDefinition": {"family": "e" + name, "containerDefinitions": [{"name": "c", "image": "i", "memory": 9}]}}
    status, answer = sent(fleet.server, operation, **dict(base.get(operation, {}), **more))
    assert (status, answer["__type"]) == (400, "UnsupportedFeatureException") and "not supported" in answer["message"], answer


def test_what_says_nothing_is_not_shown(fleet, name):
    fleet.define("d" + name)
    status, answer = sent(fleet.server, "CreateService", cluster=name, serviceName="s", taskDefinition="d" + name, desiredCount=0,
                          deploymentConfiguration={"earlySuccessCriteria": {"enable": False}, "bakeTimeInMinutes": 0,
                                                   "canaryConfiguration": {"canaryPercent": 0}, "lifecycleHooks": []})
    assert status == 200, answer
    assert set(answer["service"]["deploymentConfiguration"]) == {"deploymentCircuitBreaker", "maximumPercent", "minimumHealthyPercent",
                                                                "strategy"}
    status, answer = sent(fleet.server, "CreateCluster", clusterName=name + "2",
                          configuration={"managedStorageConfiguration": {"kmsKeyId": ""}})
    assert status == 200, answer


def test_a_program_that_ends_at_once_is_not_started_without_end(fleet, name):
    """It reached RUNNING, so ECS does not throttle it; but it is not started as often as the machine can."""
    arn = fleet.join("a")
    fleet.define("d" + name)
    fleet.ecs.create_service(cluster=name, serviceName="s", taskDefinition="d" + name, desiredCount=1)
    seen, began = set(), time.monotonic()
    while time.monotonic() < began + 4 or (len(seen) < 2 and time.monotonic() < began + 100):
        for task in fleet.ecs.list_tasks(cluster=name, serviceName="s")["taskArns"]:
            if task not in seen:
                seen.add(task)
                for status in ("RUNNING", "STOPPED"):
                    fleet.ecs.submit_task_state_change(cluster=name, task=task, status=status, reason="EssentialContainerExited: x",
                                                       containers=[{"containerName": "c", "status": status}])
        fleet.agent("PollTasks", containerInstance=arn, waitSeconds=0)
        time.sleep(0.02)
    # A second of pause here, because that is when a task is healthy.
    assert 2 <= len(seen) <= time.monotonic() - began + 2, seen
    events = [e["message"] for e in fleet.ecs.describe_services(cluster=name, services=["s"])["services"][0]["events"]]
    assert not any("consistently" in e for e in events), events


@pytest.mark.parametrize("threshold, desired, wanted", [
    (None, 1, 3), (None, 7, 4), (None, 25, 13), (None, 1000, 200), ({"type": "COUNT", "value": 1}, 7, 1),
    ({"type": "UNBOUNDED_PERCENT", "value": 10}, 25, 3), ({"type": "BOUNDED_PERCENT", "value": 100}, 7, 7)])
def test_threshold_of_the_circuit_breaker(fleet, name, threshold, desired, wanted):
    fleet.define("d" + name)
    breaker = dict({"enable": True, "rollback": False}, **({"thresholdConfiguration": threshold} if threshold else {}))
    sent(fleet.server, "CreateService", cluster=name, serviceName="s", taskDefinition="d" + name, desiredCount=desired,
         deploymentConfiguration={"deploymentCircuitBreaker": breaker})
    listed = sent(fleet.server, "ListServiceDeployments", cluster=name, service="s")[1]["serviceDeployments"]
    shown = sent(fleet.server, "DescribeServiceDeployments", serviceDeploymentArns=[listed[0]["serviceDeploymentArn"]])[1]
    assert shown["serviceDeployments"][0]["deploymentCircuitBreaker"] == {"status": "MONITORING", "failureCount": 0, "threshold": wanted}


# -- what UpdateService may change, by the deployment controller

@pytest.mark.parametrize("member, value, part", [
    ("desiredCount", 3, None), ("placementStrategy", [{"type": "random"}], None), ("healthCheckGracePeriodSeconds", 9, None),
    ("placementConstraints", [{"type": "distinctInstance"}], None), ("enableECSManagedTags", True, None),
    ("propagateTags", "SERVICE", None), ("taskDefinition", None, None), ("forceNewDeployment", False, None),
    ("taskDefinition", "any", "taskDefinition"), ("networkConfiguration", {"awsvpcConfiguration": {"subnets": ["s"]}}, "networkConf"),
    ("deploymentConfiguration", {"maximumPercent": 150}, "deploymentConfiguration"), ("forceNewDeployment", True, "new deployment")])
def test_updates_of_a_service_of_task_sets(fleet, name, member, value, part):
    fleet.ecs.create_service(cluster=name, serviceName="s", desiredCount=1, deploymentController={"type": "EXTERNAL"})
    status, answer = sent(fleet.server, "UpdateService", cluster=name, service="s", **{member: value})
    if part:
        assert (status, answer["__type"]) == (400, "InvalidParameterException") and part in answer["message"], answer
    else:
        assert status == 200, answer
        if value and member != "forceNewDeployment":
            assert answer["service"][member] == value


# -- zones

def joined_in(fleet, zone):
    arn = fleet.ecs.register_container_instance(cluster=fleet.cluster, totalResources=[
        {"name": "CPU", "type": "INTEGER", "integerValue": 4096}, {"name": "MEMORY", "type": "INTEGER", "integerValue": 4096}],
        attributes=[{"name": "ecs.availability-zone", "value": zone}])["containerInstance"]["containerInstanceArn"]
    fleet.names[arn] = zone
    return arn


def obey(fleet):
    """What agents do: every task that shall run runs, every other one has ended. Zones of those that run."""
    zones = []
    for arn, zone in fleet.names.items():
        for task in json.loads(fleet.agent("PollTasks", containerInstance=arn, waitSeconds=0).body)["tasks"]:
            status = task["desiredStatus"]
            fleet.ecs.submit_task_state_change(cluster=fleet.cluster, task=task["taskArn"], status=status,
                                               containers=[{"containerName": "c", "status": status}])
            zones += [zone] * (status == "RUNNING")
    return sorted(zones)


def test_a_machine_in_another_zone_gets_its_share(fleet, name):
    fleet.define("d" + name)
    joined_in(fleet, "a")
    fleet.ecs.create_service(cluster=name, serviceName="s", taskDefinition="d" + name, desiredCount=4)
    assert sent(fleet.server, "DescribeServices", cluster=name, services=["s"])[1]["services"][0]["availabilityZoneRebalancing"] == "ENABLED"

    def steady():
        return any("steady state" in e["message"] for e in events())

    def events():
        return fleet.ecs.describe_services(cluster=name, services=["s"])["services"][0]["events"]
    r.wait_for(lambda: obey(fleet) == ["a"] * 4 and steady(), 20, 0.1, "four tasks in the only zone")
    joined_in(fleet, "b")
    least = []

    def balanced():
        zones = obey(fleet)
        least.append(len(zones))
        return zones == ["a", "a", "b", "b"]
    r.wait_for(balanced, 30, 0.1, "tasks in both zones")
    assert min(least) >= 4 and max(least) == 5, least
    said = [e["message"] for e in events()]
    assert "(service s) is not AZ balanced with 4 tasks in a, 0 tasks in b. AZ Rebalancing in progress." in said, said
    # switched off, it stays as it is
    sent(fleet.server, "UpdateService", cluster=name, service="s", availabilityZoneRebalancing="DISABLED")
    joined_in(fleet, "c")
    fleet.ecs.update_service(cluster=name, service="s", desiredCount=2)
    r.wait_for(lambda: obey(fleet) == ["a", "b"], 20, 0.1, "two tasks")


@pytest.mark.parametrize("more, part", [
    ({"placementStrategy": [{"type": "binpack", "field": "memory"}]}, "placement strategies"),
    ({"schedulingStrategy": "DAEMON"}, "DAEMON"),
    ({"deploymentConfiguration": {"maximumPercent": 100, "minimumHealthyPercent": 50}}, "maximumPercent")])
def test_zones_that_cannot_be_balanced(fleet, name, more, part):
    fleet.define("d" + name)
    body = dict(more, cluster=name, serviceName="s", taskDefinition="d" + name)
    if "schedulingStrategy" not in more:
        body["desiredCount"] = 0
    status, answer = sent(fleet.server, "CreateService", availabilityZoneRebalancing="ENABLED", **body)
    assert status == 400 and part in answer["message"], answer
    status, answer = sent(fleet.server, "CreateService", **body)
    assert status == 200 and answer["service"]["availabilityZoneRebalancing"] == "DISABLED", answer
    # An update that makes it impossible ends it; one that asks for what cannot be is refused.
    sent(fleet.server, "CreateService", cluster=name, serviceName="t", taskDefinition="d" + name, desiredCount=0)
    if "schedulingStrategy" not in more:
        status, answer = sent(fleet.server, "UpdateService", cluster=name, service="t", **more)
        assert status == 200 and answer["service"]["availabilityZoneRebalancing"] == "DISABLED", answer
        status, answer = sent(fleet.server, "UpdateService", cluster=name, service="t", availabilityZoneRebalancing="ENABLED")
        assert status == 400 and part in answer["message"], answer
