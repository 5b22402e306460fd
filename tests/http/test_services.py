# SPDX-License-Identifier: Apache-2.0
# ctest-lock: containers
# ctest-cost: 92
"""Services on a real machine: the course's exercise with the AWS CLI, waiters, deployments, the breaker, a killed server."""
import json
import os
import re
import subprocess
import time

import pytest
from botocore.exceptions import ClientError

from support import run as r
from support.aws import call
from support.server import Server
from support.tasks import fetch, free_port

QUICK = {"Delay": 1, "MaxAttempts": 360}


@pytest.fixture(scope="module")
def up():
    """slipway up whose tasks count as healthy after a second."""
    r.need_root()
    for program in ("runc", "conmon", "busybox"):
        r.need_program(program)
    s = Server("up", env={"SLIPWAY_TASK_HEALTHY_AFTER": "1s"})
    try:
        yield s.start()
    finally:
        s.close()


@pytest.fixture
def service(up, tasks):
    """Names of services that the test made; what is left of them goes at its end."""
    names = []
    yield names
    for name in names:
        try:
            tasks.ecs.delete_service(service=name, force=True)
            tasks.ecs.get_waiter("services_inactive").wait(services=[name], WaiterConfig=QUICK)
        except ClientError as e:
            assert e.response["Error"]["Code"] in ("ServiceNotActiveException", "ServiceNotFoundException")


def describe(tasks, name):
    out = tasks.ecs.describe_services(services=[name])
    assert out["failures"] == []
    return out["services"][0]


def events(tasks, name):
    return [e["message"] for e in describe(tasks, name)["events"]]


def stable(tasks, name):
    tasks.ecs.get_waiter("services_stable").wait(services=[name], WaiterConfig=QUICK)
    return describe(tasks, name)


def running(tasks, name):
    arns = tasks.ecs.list_tasks(serviceName=name)["taskArns"]
    if not arns:
        return []
    return [t for t in tasks.ecs.describe_tasks(tasks=arns)["tasks"] if t["lastStatus"] == "RUNNING"]


def ports(tasks, name):
    return sorted(b["hostPort"] for t in running(tasks, name) for c in t["containers"] for b in c["networkBindings"])


def web(tasks, family, host_port=0, text="served"):
    """A family whose tasks serve one page."""
    return tasks.define(family, {
        "command": "mkdir /tmp/w; echo %s > /tmp/w/index.html; exec httpd -f -p 80 -h /tmp/w" % text, "memory": 32,
        "portMappings": [{"containerPort": 80, "hostPort": host_port}]})


# -- the exercise of the course

def test_the_exercise_with_the_aws_cli(up, tasks, tmp_path):
    """Cluster, two definitions, a task, a service of 2 with a fixed host port on one machine, dynamic ports, scaling, deletion."""
    fixed = free_port()

    def register(family, page, host_port):
        path = tmp_path / "def.json"
        path.write_text(json.dumps({"family": family, "containerDefinitions": [{
            "name": family, "image": tasks.image, "memory": 32, "cpu": 10, "essential": True, "stopTimeout": 2,
            "command": ["sh", "-c", "mkdir /tmp/w; echo %s > /tmp/w/index.html; exec httpd -f -p 80 -h /tmp/w" % page],
            "portMappings": [{"containerPort": 80, "hostPort": host_port}]}]}))
        return up.aws("ecs", "register-task-definition", "--cli-input-json", "file://%s" % path)["taskDefinition"]

    assert up.aws("ecs", "create-cluster", "--cluster-name", "course")["cluster"]["status"] == "ACTIVE"
    assert register("nginx", "hello-from-nginx", 0)["revision"] == 1
    assert register("httpd", "it-works", fixed)["revision"] == 1

    task = up.aws("ecs", "run-task", "--task-definition", "nginx")["tasks"][0]["taskArn"]
    tasks.wait_running(task)
    binding = up.aws("ecs", "describe-tasks", "--tasks", task)["tasks"][0]["containers"][0]["networkBindings"][0]
    assert "hello-from-nginx" in fetch(binding["hostPort"])
    up.aws("ecs", "stop-task", "--task", task)

    made = up.aws("ecs", "create-service", "--service-name", "httpd-service", "--task-definition", "httpd:1",
                  "--desired-count", "2")["service"]
    assert (made["status"], made["desiredCount"], made["schedulingStrategy"]) == ("ACTIVE", 2, "REPLICA")
    r.wait_for(lambda: "it-works" in fetch(fixed), 30, 0.2, "the first task of the service")
    r.wait_for(lambda: any("unable to place a task" in e for e in events(tasks, "httpd-service")), 20, 0.2, "the event")
    said = [e for e in events(tasks, "httpd-service") if "unable to place a task" in e]
    assert len(said) == 1 and said[0].startswith(
        "(service httpd-service) was unable to place a task because no container instance met all of its requirements."), said
    assert "is already using a port required by your task" in said[0]
    assert describe(tasks, "httpd-service")["runningCount"] == 1

    assert register("httpd", "it-works", 0)["revision"] == 2
    updated = up.aws("ecs", "update-service", "--service", "httpd-service", "--task-definition", "httpd:2")["service"]
    assert len(updated["deployments"]) == 2
    stable(tasks, "httpd-service")  # the CLI asks every 15 s
    up.aws("ecs", "wait", "services-stable", "--services", "httpd-service")
    now = describe(tasks, "httpd-service")
    assert (now["runningCount"], len(now["deployments"])) == (2, 1)
    assert now["taskDefinition"].endswith("httpd:2")
    dynamic = ports(tasks, "httpd-service")
    assert len(dynamic) == 2 and len(set(dynamic)) == 2 and fixed not in dynamic
    assert all("it-works" in fetch(p) for p in dynamic)

    up.aws("ecs", "update-service", "--service", "httpd-service", "--desired-count", "4")
    stable(tasks, "httpd-service")  # the CLI asks every 15 s
    up.aws("ecs", "wait", "services-stable", "--services", "httpd-service")
    assert len(ports(tasks, "httpd-service")) == 4

    # Drain: nothing may be missing and there is no other machine, so nothing stops; with a minimum of 0 everything does.
    instance = up.aws("ecs", "list-container-instances")["containerInstanceArns"][0]
    up.aws("ecs", "update-container-instances-state", "--container-instances", instance, "--status", "DRAINING")
    time.sleep(3)
    assert len(ports(tasks, "httpd-service")) == 4
    up.aws("ecs", "update-service", "--service", "httpd-service", "--deployment-configuration", "minimumHealthyPercent=0")
    r.wait_for(lambda: ports(tasks, "httpd-service") == [], 40, 0.2, "an empty machine")
    up.aws("ecs", "update-container-instances-state", "--container-instances", instance, "--status", "ACTIVE")
    r.wait_for(lambda: len(ports(tasks, "httpd-service")) == 4, 40, 0.2, "tasks on the machine again")

    refused = up.aws("ecs", "delete-service", "--service", "httpd-service", check=False)
    assert "The service cannot be stopped while it is scaled above 0." in refused.stderr
    up.aws("ecs", "update-service", "--service", "httpd-service", "--desired-count", "0")
    assert up.aws("ecs", "delete-service", "--service", "httpd-service")["service"]["status"] in ("DRAINING", "INACTIVE")
    tasks.ecs.get_waiter("services_inactive").wait(services=["httpd-service"], WaiterConfig=QUICK)
    up.aws("ecs", "wait", "services-inactive", "--services", "httpd-service")
    assert up.aws("ecs", "list-services")["serviceArns"] == []
    assert up.aws("ecs", "list-tasks")["taskArns"] == []


# -- life

def test_create_describe_list(tasks, name, service):
    definition = web(tasks, name)
    made = tasks.ecs.create_service(serviceName=name, taskDefinition=name, desiredCount=1, tags=[{"key": "team", "value": "a"}],
                                    placementStrategy=[{"type": "binpack", "field": "memory"}],
                                    placementConstraints=[{"type": "memberOf", "expression": "attribute:ecs.os-type == linux"}],
                                    healthCheckGracePeriodSeconds=7, propagateTags="SERVICE", enableECSManagedTags=True)
    service.append(name)
    made = made["service"]
    assert made["serviceArn"] == "arn:aws:ecs:us-east-1:000000000000:service/default/" + name
    assert made["taskDefinition"] == definition
    assert made["deploymentConfiguration"]["maximumPercent"] == 200
    assert made["deploymentConfiguration"]["minimumHealthyPercent"] == 100
    assert made["deploymentConfiguration"]["deploymentCircuitBreaker"] == {"enable": False, "rollback": False}
    assert made["placementStrategy"] == [{"type": "binpack", "field": "memory"}]
    assert made["placementConstraints"] == [{"type": "memberOf", "expression": "attribute:ecs.os-type == linux"}]
    assert made["healthCheckGracePeriodSeconds"] == 7 and made["propagateTags"] == "SERVICE"
    assert made["deployments"][0]["rolloutState"] == "IN_PROGRESS"
    assert made["deployments"][0]["id"].startswith("ecs-svc/") and len(made["deployments"][0]["id"]) == 27
    now = stable(tasks, name)
    assert "tags" not in now
    r.wait_for(lambda: "(service %s) has reached a steady state." % name in events(tasks, name), 20, 0.2, "steady state")
    done = describe(tasks, name)["deployments"][0]
    assert done["rolloutState"] == "COMPLETED"
    assert done["rolloutStateReason"] == "ECS deployment %s completed." % done["id"]
    tagged = tasks.ecs.describe_services(services=[made["serviceArn"]], include=["TAGS"])["services"][0]
    assert tagged["tags"] == [{"key": "team", "value": "a"}]
    task = tasks.ecs.describe_tasks(tasks=tasks.ecs.list_tasks(serviceName=name)["taskArns"], include=["TAGS"])["tasks"][0]
    assert (task["group"], task["startedBy"]) == ("service:" + name, made["deployments"][0]["id"])
    assert {t["key"]: t["value"] for t in task["tags"]} == {
        "aws:ecs:clusterName": "default", "aws:ecs:serviceName": name, "team": "a"}
    assert tasks.ecs.list_services(launchType="EC2", schedulingStrategy="REPLICA")["serviceArns"] == [made["serviceArn"]]
    assert tasks.ecs.list_services(schedulingStrategy="DAEMON")["serviceArns"] == []
    missing = tasks.ecs.describe_services(services=["nope", name])
    assert [f["reason"] for f in missing["failures"]] == ["MISSING"] and len(missing["services"]) == 1
    assert tasks.ecs.describe_clusters()["clusters"][0]["activeServicesCount"] == 1


def test_pages_of_services(tasks, name, service):
    web(tasks, name)
    for i in range(3):
        tasks.ecs.create_service(serviceName="%s-%d" % (name, i), taskDefinition=name, desiredCount=0)
        service.append("%s-%d" % (name, i))
    pages = list(tasks.ecs.get_paginator("list_services").paginate(PaginationConfig={"PageSize": 2}))
    assert [len(p["serviceArns"]) for p in pages] == [2, 1]


def test_a_stopped_task_is_replaced_and_the_reason_is_told(tasks, name, service):
    web(tasks, name)
    tasks.ecs.create_service(serviceName=name, taskDefinition=name, desiredCount=2)
    service.append(name)
    stable(tasks, name)
    first = {t["taskArn"] for t in running(tasks, name)}
    victim = sorted(first)[0]
    tasks.ecs.stop_task(task=victim)
    r.wait_for(lambda: len(running(tasks, name)) == 2 and victim not in {t["taskArn"] for t in running(tasks, name)}, 40, 0.2,
               "replacement")
    tasks.ecs.update_service(service=name, desiredCount=1)
    stable(tasks, name)
    stopped = tasks.ecs.list_tasks(serviceName=name, desiredStatus="STOPPED")["taskArns"]
    said = {t["stoppedReason"]: t["stopCode"] for t in tasks.ecs.describe_tasks(tasks=stopped)["tasks"]}
    scaled = [k for k in said if k.startswith("Scaling activity initiated by (deployment ecs-svc/")]
    assert scaled and said[scaled[0]] == "ServiceSchedulerInitiated", said


def test_a_deployment_under_requests(tasks, name, service):
    """100/200: new tasks are there before old ones go."""
    web(tasks, name, text="one")
    tasks.ecs.create_service(serviceName=name, taskDefinition=name, desiredCount=2)
    service.append(name)
    stable(tasks, name)
    web(tasks, name, text="two")
    tasks.ecs.update_service(service=name, taskDefinition=name)
    least, until = 9, time.monotonic() + 60 * r.PATIENCE
    while time.monotonic() < until and len(describe(tasks, name)["deployments"]) > 1:
        least = min(least, len(running(tasks, name)))
        time.sleep(0.05)
    assert least >= 2
    assert all("two" in fetch(p) for p in ports(tasks, name))


def test_the_breaker_rolls_back(tasks, name, service):
    web(tasks, name, text="good")
    tasks.ecs.create_service(serviceName=name, taskDefinition=name, desiredCount=1, deploymentConfiguration={
        "deploymentCircuitBreaker": {"enable": True, "rollback": True}})
    service.append(name)
    stable(tasks, name)
    r.wait_for(lambda: describe(tasks, name)["deployments"][0]["rolloutState"] == "COMPLETED", 20, 0.2, "completed")
    tasks.define(name, {"command": "exit 3", "memory": 32})
    tasks.ecs.update_service(service=name, taskDefinition=name)
    r.wait_for(lambda: any("rolling back to deployment ecs-svc/" in e for e in events(tasks, name)), 90, 0.5, "rollback")
    r.wait_for(lambda: len(describe(tasks, name)["deployments"]) == 1, 60, 0.5, "the end of the rollback")
    assert describe(tasks, name)["taskDefinition"].endswith(name + ":1")
    assert all("good" in fetch(p) for p in ports(tasks, name)) and len(ports(tasks, name)) == 1


def test_a_server_killed_in_the_middle_of_a_deployment(up, tasks, name, service):
    """Whatever was decided is in the rows: after kill -9 the new definition runs, in the right number, and nothing is left over."""
    web(tasks, name, text="old")
    tasks.ecs.create_service(serviceName=name, taskDefinition=name, desiredCount=3)
    service.append(name)
    stable(tasks, name)
    web(tasks, name, text="new")
    tasks.ecs.update_service(service=name, taskDefinition=name)
    for pause in (0.05, 0.4, 1.0):
        time.sleep(pause)
        up.kill()
        up.start()
    tasks.ecs = up.boto("ecs")
    now = stable(tasks, name)
    assert now["taskDefinition"].endswith(name + ":2") and now["runningCount"] == 3
    r.wait_for(lambda: len(ports(tasks, name)) == 3 and all("new" in fetch(p) for p in ports(tasks, name)), 30, 0.2, "new tasks")
    arns = tasks.ecs.list_tasks(serviceName=name)["taskArns"]
    assert len(arns) == 3
    assert {t["taskDefinitionArn"].rsplit(":", 1)[1] for t in running(tasks, name)} == {"2"}


def test_daemon(tasks, name, service):
    tasks.define(name, {"command": "sleep 1000", "memory": 32})
    made = tasks.ecs.create_service(serviceName=name, taskDefinition=name, schedulingStrategy="DAEMON")["service"]
    service.append(name)
    assert made["deploymentConfiguration"]["maximumPercent"] == 100
    assert made["deploymentConfiguration"]["minimumHealthyPercent"] == 0
    r.wait_for(lambda: len(running(tasks, name)) == 1, 30, 0.2, "daemon")
    assert describe(tasks, name)["desiredCount"] == 1


def test_deployments_and_revisions(up, tasks, name, service):
    web(tasks, name)
    arn = tasks.ecs.create_service(serviceName=name, taskDefinition=name, desiredCount=1)["service"]["serviceArn"]
    service.append(name)
    stable(tasks, name)
    r.wait_for(lambda: describe(tasks, name)["deployments"][0]["rolloutState"] == "COMPLETED", 20, 0.2, "completed")

    def ask(operation, **body):
        reply = call(up, "ecs", operation, json.dumps(body).encode())
        assert reply.status == 200, reply.body
        return json.loads(reply.body)
    listed = ask("ListServiceDeployments", service=arn)["serviceDeployments"]
    assert [d["status"] for d in listed] == ["SUCCESSFUL"]
    assert listed[0]["serviceDeploymentArn"].startswith(
        "arn:aws:ecs:us-east-1:000000000000:service-deployment/default/%s/" % name)
    whole = ask("DescribeServiceDeployments", serviceDeploymentArns=[listed[0]["serviceDeploymentArn"]])["serviceDeployments"][0]
    assert whole["targetServiceRevision"]["runningTaskCount"] == 1
    revision = ask("DescribeServiceRevisions", serviceRevisionArns=[whole["targetServiceRevision"]["arn"]])["serviceRevisions"][0]
    assert revision["taskDefinition"].endswith(name + ":1") and revision["containerImages"][0]["image"] == tasks.image
    web(tasks, name)
    tasks.ecs.update_service(service=name, taskDefinition=name)
    current = ask("ListServiceDeployments", service=arn, status=["IN_PROGRESS"])["serviceDeployments"]
    if current:
        ask("StopServiceDeployment", serviceDeploymentArn=current[0]["serviceDeploymentArn"])
        r.wait_for(lambda: [d["status"] for d in ask("ListServiceDeployments", service=arn)["serviceDeployments"]][0] ==
                   "ROLLBACK_SUCCESSFUL", 60, 0.3, "rollback")
        assert describe(tasks, name)["taskDefinition"].endswith(name + ":1")


# -- bad input

@pytest.mark.parametrize("operation,body,code", [
    ("UpdateService", {"service": "nope"}, "ServiceNotFoundException"),
    ("UpdateService", {"service": "a/b/c"}, "InvalidParameterException"),
    ("UpdateService", {"service": "arn:aws:ecs:eu-west-1:000000000000:service/default/x"}, "InvalidParameterException"),
    ("UpdateService", {"service": "arn:aws:ecs:us-east-1:000000000000:service/other/x", "cluster": "default"},
     "InvalidParameterException"),
    ("DeleteService", {"service": "nope"}, "ServiceNotFoundException"),
    ("DescribeServices", {"services": []}, "InvalidParameterException"),
    ("DescribeServices", {"services": ["s%d" % i for i in range(11)]}, "InvalidParameterException"),
    ("ListServices", {"maxResults": 101}, "InvalidParameterException"),
    ("ListServices", {"schedulingStrategy": "BOTH"}, "InvalidParameterException"),
    ("ListTasks", {"serviceName": "nope"}, "ServiceNotFoundException"),
    ("CreateService", {"serviceName": "x", "taskDefinition": "y", "desiredCount": "two"}, "SerializationException"),
    ("CreateService", {"serviceName": "x", "taskDefinition": "y", "desiredCount": 1, "availabilityZoneRebalancing": "ENABLED",
                       "placementStrategy": [{"type": "random"}]}, "InvalidParameterException"),
    ("CreateService", {"serviceName": "x", "unknownMember": 1}, "InvalidParameterException"),
    ("ListServiceDeployments", {"service": "nope"}, "ServiceNotFoundException"),
    ("DescribeServiceDeployments", {"serviceDeploymentArns": ["x"]}, "InvalidParameterException"),
    ("StopServiceDeployment", {"serviceDeploymentArn": "arn:aws:ecs:us-east-1:000000000000:service-deployment/default/x/Y"},
     "ServiceDeploymentNotFoundException"),
    ("CreateTaskSet", {"cluster": "default", "service": "nope", "taskDefinition": "y"}, "ServiceNotFoundException"),
    ("UpdateTaskSet", {"cluster": "default", "service": "nope", "taskSet": "ecs-svc/1", "scale": {"value": 50.5}},
     "InvalidParameterException"),
    ("DeleteTaskSet", {"cluster": "default", "service": "nope", "taskSet": "ecs-svc/1"}, "ServiceNotFoundException"),
])
def test_what_others_refuse(up, operation, body, code):
    reply = call(up, "ecs", operation, json.dumps(body).encode())
    assert reply.status == 400
    assert json.loads(reply.body)["__type"] == code, reply.body


@pytest.mark.parametrize("more,code,part", [
    ({}, "InvalidParameterException", "desiredCount is required"),
    ({"desiredCount": -1}, "InvalidParameterException", "desiredCount"),
    ({"desiredCount": 1, "launchType": "FARGATE"}, "InvalidParameterException", "does not support launch_type FARGATE"),
    ({"desiredCount": 1, "deploymentController": {"type": "CODE_DEPLOY"}}, "UnsupportedFeatureException", "CODE_DEPLOY"),
    ({"desiredCount": 1, "loadBalancers": [{"containerName": "main", "containerPort": 80}]}, "UnsupportedFeatureException",
     "loadBalancers"),
    ({"desiredCount": 1, "serviceRegistries": [{"registryArn": "x"}]}, "UnsupportedFeatureException", "serviceRegistries"),
    ({"desiredCount": 1, "deploymentConfiguration": {"maximumPercent": 100, "minimumHealthyPercent": 100}},
     "InvalidParameterException", "cannot be 100"),
    ({"desiredCount": 1, "schedulingStrategy": "DAEMON"}, "InvalidParameterException", "desired count"),
    ({"desiredCount": 1, "placementStrategy": [{"type": "spread", "field": "nonsense"}]}, "InvalidParameterException", ""),
    ({"desiredCount": 1, "placementConstraints": [{"type": "memberOf", "expression": "a =="}]}, "InvalidParameterException",
     "column"),
    ({"desiredCount": 1, "deploymentConfiguration": {"maximumPercent": 50}}, "InvalidParameterException", "at least 100"),
    ({"desiredCount": 1, "deploymentConfiguration": {"minimumHealthyPercent": 101}}, "InvalidParameterException", "between 0 and 100"),
    ({"desiredCount": 1, "deploymentController": {"type": "EXTERNAL"}}, "InvalidParameterException", "task sets"),
    ({"desiredCount": 1, "clientToken": "x" * 37}, "InvalidParameterException", "clientToken"),
    ({"desiredCount": 1, "healthCheckGracePeriodSeconds": -1}, "InvalidParameterException", "healthCheckGracePeriodSeconds"),
    ({"desiredCount": 1, "taskDefinition": "nope"}, "ClientException", "TaskDefinition not found"),
    ({"desiredCount": 1, "serviceName": "no spaces"}, "InvalidParameterException", "Invalid service identifier"),
    ({"desiredCount": 1, "cluster": "nope"}, "ClusterNotFoundException", "Cluster not found"),
])
def test_what_create_service_refuses(tasks, name, more, code, part):
    tasks.define(name, {"command": "sleep 10"})
    with pytest.raises(ClientError) as e:
        tasks.ecs.create_service(**dict({"serviceName": name, "taskDefinition": name}, **more))
    assert e.value.response["Error"]["Code"] == code
    assert part in e.value.response["Error"]["Message"]
    assert tasks.ecs.describe_services(services=[name])["services"] == []


# -- the guide

def test_the_guide_as_written(up, tmp_path):
    """Every block of docs/first-service.md, in one shell; only the addresses are this test's own."""
    with open(os.path.join(r.SOURCE, "docs", "first-service.md"), encoding="utf-8") as f:
        blocks = re.findall(r"^```sh\n(.*?)^```$", f.read(), re.M | re.S)
    assert len(blocks) == 6
    fixed = str(free_port())
    text = "\n".join(["set -e"] + blocks).replace("127.0.0.1:5000", up.host_port).replace("/var/lib/slipway", up.data)
    text = text.replace("sleep 10", "until curl -sf http://127.0.0.1:8080/ >/dev/null; do sleep 0.5; done; sleep 2").replace("8080", fixed)
    text = text.replace("ecs wait", "sleep 5; ecs wait")
    folder = tmp_path / "bin"
    folder.mkdir()
    (folder / "slipway").symlink_to(r.BIN)
    env = r.clean_env(up.home, SLIPWAY_DATA=up.data)
    env["PATH"] = "%s:%s" % (folder, env["PATH"])
    out = subprocess.run(["bash", "-c", text], cwd=tmp_path, env=env, check=False, text=True, stdout=subprocess.PIPE,
                         stderr=subprocess.STDOUT, timeout=800).stdout
    assert "hello from slipway" in out, out
    assert "is already using a port required by your task" in out, out
    ecs = up.boto("ecs")
    assert ecs.describe_services(services=["site"])["services"][0]["status"] == "INACTIVE", out
    assert ecs.list_tasks(family="site")["taskArns"] == []


# -- rights

def test_policies_name_services_and_roles_are_passed(up, tasks, name, service):
    iam = up.boto("iam")
    iam.create_user(UserName=name)
    key = iam.create_access_key(UserName=name)["AccessKey"]
    own = up.boto("ecs", key=(key["AccessKeyId"], key["SecretAccessKey"]), validate=False)
    team = "arn:aws:ecs:us-east-1:000000000000:service/default/team-*"

    def allow(*statements):
        iam.put_user_policy(UserName=name, PolicyName="own", PolicyDocument=json.dumps(
            {"Version": "2012-10-17", "Statement": list(statements)}))
    tasks.define(name, {"command": "sleep 1000", "memory": 32}, executionRoleArn="arn:aws:iam::000000000000:role/puller")
    wanted = {"serviceName": "team-" + name, "taskDefinition": name, "desiredCount": 0}
    services = {"Effect": "Allow", "Action": "ecs:*Service*", "Resource": team}
    allow(services)
    with pytest.raises(ClientError) as e:
        own.create_service(**dict(wanted, serviceName="other"))
    assert e.value.response["Error"]["Code"] == "AccessDeniedException"
    assert "ecs:CreateService on resource: arn:aws:ecs:us-east-1:000000000000:service/default/other" in str(e.value)
    with pytest.raises(ClientError) as e:
        own.create_service(**wanted)
    assert "iam:PassRole on resource: arn:aws:iam::000000000000:role/puller" in str(e.value)
    allow(services, {"Effect": "Allow", "Action": "iam:PassRole", "Resource": "arn:aws:iam::*:role/puller"})
    with pytest.raises(ClientError) as e:
        own.create_service(tags=[{"key": "a", "value": "b"}], **wanted)
    assert "ecs:TagResource on resource: " + team[:-1] in str(e.value)
    own.create_service(**wanted)
    service.append("team-" + name)
    assert own.describe_services(services=["team-" + name])["services"][0]["status"] == "ACTIVE"
    with pytest.raises(ClientError):
        own.describe_services(services=["team-" + name, "other"])
    with pytest.raises(ClientError):
        own.list_services()
    allow({"Effect": "Allow", "Action": "ecs:DescribeServices", "Resource": "*",
           "Condition": {"ArnEquals": {"ecs:cluster": "arn:aws:ecs:us-east-1:000000000000:cluster/elsewhere"}}})
    with pytest.raises(ClientError):
        own.describe_services(services=["team-" + name])
