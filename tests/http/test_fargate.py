# SPDX-License-Identifier: Apache-2.0
# ctest-lock: containers
# ctest-cost: 46
"""Launch type FARGATE and capacity provider strategies: real containers, the AWS CLI, waiters of boto3."""
import json
import resource

import pytest
from botocore.exceptions import ClientError

from support import run as r
from support.aws import call
from support.tasks import fetch

NETWORK = {"awsvpcConfiguration": {"subnets": ["subnet-1"]}}
FARGATE = {"networkMode": "awsvpc", "requiresCompatibilities": ["FARGATE"], "cpu": "256", "memory": "512"}


def alive(ecs, cluster):
    """Tasks that take room."""
    arns = [a for desired in ("RUNNING", "STOPPED") for a in ecs.list_tasks(cluster=cluster, desiredStatus=desired)["taskArns"]]
    return [t for t in ecs.describe_tasks(cluster=cluster, tasks=arns)["tasks"] if t["lastStatus"] != "STOPPED"] if arns else []


@pytest.fixture()
def cluster(up, name):
    """A cluster of its own, with both providers, that has no container instances."""
    ecs = up.boto("ecs")
    ecs.create_cluster(clusterName=name, capacityProviders=["FARGATE", "FARGATE_SPOT"])
    yield name
    for service in ecs.list_services(cluster=name)["serviceArns"]:
        ecs.delete_service(cluster=name, service=service, force=True)
    for task in ecs.list_tasks(cluster=name)["taskArns"]:
        ecs.stop_task(cluster=name, task=task)
    r.wait_for(lambda: not alive(ecs, name) and not ecs.list_services(cluster=name)["serviceArns"], 60, 0.2, "the end of the cluster's tasks")


def define(tasks, family, command="sleep 600", **more):
    container = {"command": command, "memory": 64, "stopTimeout": 2}
    container.update(more.pop("container", {}))
    return tasks.define(family, container, **dict(FARGATE, **more))


def run(tasks, definition, **more):
    out = tasks.ecs.run_task(taskDefinition=definition, **dict({"networkConfiguration": NETWORK}, **more))
    assert out["failures"] == [], out
    return out["tasks"]


def refused(code, text, operation, **how):
    with pytest.raises(ClientError) as e:
        operation(**how)
    error = e.value.response["Error"]
    assert error["Code"] == code and text in error["Message"], error


def of(tasks, cluster, arn):
    return tasks.ecs.describe_tasks(cluster=cluster, tasks=[arn])["tasks"][0]


def details(task):
    return {d["name"]: d["value"] for d in task["attachments"][0]["details"]}


def files_limit():
    """What Fargate gives, or less where the machine may not raise its own limit."""
    with open("/proc/self/status", encoding="ascii") as f:
        capabilities = [int(line.split()[1], 16) for line in f if line.startswith("CapEff")][0]
    return 65535 if capabilities >> 24 & 1 else min(65535, resource.getrlimit(resource.RLIMIT_NOFILE)[1])


# -- a task

def test_run_task_of_the_aws_cli(up, tasks, name):
    """As in the guides: one command in a cluster without container instances, its output, its exit code."""
    define(tasks, name, "echo hello from $AWS_EXECUTION_ENV; ulimit -n")
    up.aws("ecs", "create-cluster", "--cluster-name", name)
    out = up.aws("ecs", "run-task", "--cluster", name, "--launch-type", "FARGATE", "--task-definition", name,
                 "--network-configuration", "awsvpcConfiguration={subnets=[subnet-1],securityGroups=[sg-1],assignPublicIp=ENABLED}")
    assert out["failures"] == []
    task = out["tasks"][0]
    arn = task["taskArn"]
    assert "containerInstanceArn" not in task and "capacityProviderName" not in task
    assert (task["launchType"], task["platformVersion"], task["platformFamily"]) == ("FARGATE", "1.4.0", "Linux")
    assert task["ephemeralStorage"] == {"sizeInGiB": 20} and (task["cpu"], task["memory"]) == ("256", "512")
    up.aws("ecs", "wait", "tasks-stopped", "--cluster", name, "--tasks", arn)
    stopped = of(tasks, name, arn)
    assert stopped["stopCode"] == "EssentialContainerExited" and stopped["containers"][0]["exitCode"] == 0
    assert stopped["attachments"][0]["status"] == "DELETED" and "containerInstanceArn" not in stopped
    assert up.slipway("logs", arn, "--cluster", name).stdout.splitlines() == ["hello from AWS_ECS_FARGATE", str(files_limit())]


def test_slipway_run_of_a_definition_for_fargate_only(up, tasks, name, tmp_path):
    path = tmp_path / "app.json"
    path.write_text(json.dumps(dict(FARGATE, family=name, containerDefinitions=[
        {"name": "main", "image": tasks.image, "command": ["sh", "-c", "echo ran; exit 3"]}])))
    done = up.slipway("run", str(path), check=False)
    assert done.returncode == 3 and "ran" in done.stdout


def test_each_task_has_an_address_of_its_own(tasks, cluster, name):
    """Two tasks with the same port on one machine, and a third that reads from both."""
    web = define(tasks, name, None, container={"command": ["httpd", "-f", "-p", "80", "-h", "/www"], "portMappings": [{"containerPort": 80}]})
    arns = [t["taskArn"] for t in run(tasks, web, cluster=cluster, launchType="FARGATE", count=2)]
    tasks.ecs.get_waiter("tasks_running").wait(cluster=cluster, tasks=arns, WaiterConfig={"Delay": 1})
    both = [of(tasks, cluster, a) for a in arns]
    addresses = [details(t)["privateIPv4Address"] for t in both]
    assert len(set(addresses)) == 2 and all(details(t)["networkInterfaceId"].startswith("eni-") for t in both)
    assert all(details(t)["subnetId"] == "subnet-1" and t["attachments"][0]["status"] == "ATTACHED" for t in both)
    assert [t["containers"][0]["networkInterfaces"][0]["privateIpv4Address"] for t in both] == addresses
    assert all("200 OK" in fetch(80, host=a) for a in addresses)
    reader = define(tasks, name + "-r", "wget -qO- http://%s/index.html && wget -qO- $ECS_CONTAINER_METADATA_URI_V4/task" % addresses[0])
    arn = run(tasks, reader, cluster=cluster, launchType="FARGATE")[0]["taskArn"]
    r.wait_for(lambda: of(tasks, cluster, arn)["lastStatus"] == "STOPPED", 30, 0.2, "the reader's end")
    text = tasks.server.slipway("logs", arn, "--cluster", cluster).stdout
    assert of(tasks, cluster, arn)["containers"][0]["exitCode"] == 0, text
    metadata = json.loads(text[text.index("{"):])
    assert metadata["LaunchType"] == "FARGATE" and metadata["Cluster"].endswith(":cluster/" + cluster) and metadata["Limits"] == {"CPU": 0.25, "Memory": 512}


def test_roles_secrets_logs_and_sessions_of_a_task(up, tasks, cluster, name):
    """What its agent asks for, although the agent itself is registered in another cluster."""
    role = up.boto("iam").create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": {"Service": "ecs-tasks.amazonaws.com"}, "Action": "sts:AssumeRole"}]}))["Role"]["Arn"]
    up.boto("iam").put_role_policy(RoleName=name, PolicyName="all", PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Action": ["secretsmanager:*", "logs:*", "ecr:*", "ecs:*"], "Resource": "*"}]}))
    secret = up.boto("secretsmanager").create_secret(Name=name, SecretString="hush")["ARN"]
    logs = up.boto("logs")
    logs.create_log_group(logGroupName=name)
    script = "echo secret=$PW; wget -qO- http://169.254.170.2$AWS_CONTAINER_CREDENTIALS_RELATIVE_URI | grep -o RoleArn; exec sleep 600"
    definition = define(tasks, name, script, taskRoleArn=role, executionRoleArn=role, container={
        "secrets": [{"name": "PW", "valueFrom": secret}],
        "logConfiguration": {"logDriver": "awslogs", "options": {"awslogs-group": name, "awslogs-region": "us-east-1", "awslogs-stream-prefix": "p"}}})
    arn = run(tasks, definition, cluster=cluster, launchType="FARGATE", enableExecuteCommand=True)[0]["taskArn"]
    tasks.ecs.get_waiter("tasks_running").wait(cluster=cluster, tasks=[arn], WaiterConfig={"Delay": 1})
    stream = "p/main/" + arn.rsplit("/", 1)[1]

    def lines():
        return [e["message"] for e in logs.get_log_events(logGroupName=name, logStreamName=stream, startFromHead=True)["events"]]
    r.wait_for(lambda: len(lines()) == 2, 20, 0.2, "two lines")
    assert lines() == ["secret=hush", "RoleArn"]
    assert up.slipway("exec", "--cluster", cluster, arn, "--", "echo", "hi there").stdout.strip() == "hi there"


def test_the_cluster_counts_tasks_and_no_instances(up, tasks, cluster, name):
    arn = run(tasks, define(tasks, name), cluster=cluster, launchType="FARGATE")[0]["taskArn"]
    tasks.ecs.get_waiter("tasks_running").wait(cluster=cluster, tasks=[arn], WaiterConfig={"Delay": 1})
    shown = tasks.ecs.describe_clusters(clusters=[cluster], include=["STATISTICS"])["clusters"][0]
    statistics = {s["name"]: s["value"] for s in shown["statistics"]}
    assert shown["registeredContainerInstancesCount"] == 0 and shown["runningTasksCount"] == 1
    assert statistics["runningFargateTasksCount"] == "1" and statistics["runningEC2TasksCount"] == "0"
    assert tasks.ecs.list_container_instances(cluster=cluster)["containerInstanceArns"] == []
    assert tasks.ecs.list_tasks(cluster=cluster, launchType="FARGATE")["taskArns"] == [arn]
    assert tasks.ecs.list_tasks(cluster=cluster, launchType="EC2")["taskArns"] == []
    top = up.slipway("top", "--once", "--cluster", cluster).stdout
    assert arn.rsplit("/", 1)[1] in top and "FARGATE" in top, top
    why = up.slipway("placement", "explain", name, "--cluster", cluster, "--launch-type", "FARGATE").stdout
    assert "CHOSEN" in why, why


def test_capacity_is_counted_once(tasks, cluster, name):
    """The machine of `slipway up` is a container instance of the cluster default, too."""
    def left():
        arns = tasks.ecs.list_container_instances()["containerInstanceArns"]
        found = tasks.ecs.describe_container_instances(containerInstances=arns)["containerInstances"][0]
        return {x["name"]: x.get("integerValue") for x in found["remainingResources"]}
    before = left()
    arn = run(tasks, define(tasks, name, cpu="512", memory="1024"), cluster=cluster, launchType="FARGATE")[0]["taskArn"]
    after = left()
    assert before["CPU"] - after["CPU"] == 512 and before["MEMORY"] - after["MEMORY"] == 1024
    tasks.ecs.stop_task(cluster=cluster, task=arn)
    tasks.ecs.get_waiter("tasks_stopped").wait(cluster=cluster, tasks=[arn], WaiterConfig={"Delay": 1})
    assert left() == before


# -- capacity provider strategies

BOTH = [{"capacityProvider": "FARGATE", "base": 1, "weight": 1}, {"capacityProvider": "FARGATE_SPOT", "weight": 1}]


def test_a_strategy_divides_the_tasks(tasks, cluster, name):
    some = run(tasks, define(tasks, name), cluster=cluster, capacityProviderStrategy=BOTH, count=3)
    assert sorted(t["capacityProviderName"] for t in some) == ["FARGATE", "FARGATE", "FARGATE_SPOT"]
    assert {t["launchType"] for t in some} == {"FARGATE"}
    arns = [t["taskArn"] for t in some]
    tasks.ecs.get_waiter("tasks_running").wait(cluster=cluster, tasks=arns, WaiterConfig={"Delay": 1})
    refused("ResourceInUseException", "in use and cannot be removed", tasks.ecs.put_cluster_capacity_providers, cluster=cluster,
            capacityProviders=["FARGATE"], defaultCapacityProviderStrategy=[])


def test_what_finds_no_room_waits_with_a_provider_and_fails_without(tasks, cluster, name):
    """More than this machine has: the launch type says so, the strategy waits; what waits can be stopped, and runs when there is room."""
    large = define(tasks, name, cpu="16384", memory="122880")
    out = tasks.ecs.run_task(cluster=cluster, taskDefinition=large, launchType="FARGATE", networkConfiguration=NETWORK)
    assert out["tasks"] == [] and len(out["failures"]) == 1
    assert out["failures"][0]["reason"] == "Capacity is unavailable at this time. Please try again later or in a different availability zone"
    assert "left" in out["failures"][0]["detail"]
    arn = run(tasks, large, cluster=cluster, capacityProviderStrategy=BOTH)[0]["taskArn"]
    small = define(tasks, name, cpu="256", memory="512")
    other = run(tasks, small, cluster=cluster, capacityProviderStrategy=BOTH)[0]["taskArn"]
    tasks.ecs.get_waiter("tasks_running").wait(cluster=cluster, tasks=[other], WaiterConfig={"Delay": 1})
    waiting = of(tasks, cluster, arn)
    assert waiting["lastStatus"] == "PROVISIONING" and waiting["attachments"][0]["status"] == "PRECREATED"
    assert tasks.server.slipway("logs", arn, "--cluster", cluster, check=False).returncode != 0
    stopped = tasks.ecs.stop_task(cluster=cluster, task=arn, reason="enough")["task"]
    assert stopped["lastStatus"] == "STOPPED" and stopped["stopCode"] == "UserInitiated" and stopped["stoppedReason"] == "enough"


# -- services

def test_a_service_on_fargate(up, tasks, cluster, name):
    """Created and awaited by the AWS CLI, updated, deleted; every description says by what it is launched."""
    define(tasks, name)
    made = up.aws("ecs", "create-service", "--cluster", cluster, "--service-name", name, "--task-definition", name, "--desired-count", "2",
                  "--launch-type", "FARGATE", "--network-configuration",
                  "awsvpcConfiguration={subnets=[subnet-1],securityGroups=[sg-1,sg-2],assignPublicIp=ENABLED}")["service"]
    assert made["networkConfiguration"]["awsvpcConfiguration"] == {
        "subnets": ["subnet-1"], "securityGroups": ["sg-1", "sg-2"], "assignPublicIp": "ENABLED"}
    assert (made["launchType"], made["platformVersion"], made["platformFamily"]) == ("FARGATE", "LATEST", "Linux")
    assert (made["deployments"][0]["launchType"], made["deployments"][0]["platformVersion"]) == ("FARGATE", "1.4.0")
    r.wait_for(lambda: len(tasks.ecs.list_tasks(cluster=cluster, serviceName=name)["taskArns"]) == 2, 30, 0.2, "two tasks")
    arns = tasks.ecs.list_tasks(cluster=cluster, serviceName=name)["taskArns"]
    tasks.ecs.get_waiter("tasks_running").wait(cluster=cluster, tasks=arns, WaiterConfig={"Delay": 1})
    assert {t["launchType"] for t in tasks.ecs.describe_tasks(cluster=cluster, tasks=arns)["tasks"]} == {"FARGATE"}
    refused("InvalidParameterException", "you must force a new deployment", tasks.ecs.update_service, cluster=cluster, service=name,
            capacityProviderStrategy=BOTH)
    one_each = [{"capacityProvider": "FARGATE", "base": 1}, {"capacityProvider": "FARGATE_SPOT", "weight": 1}]
    updated = tasks.ecs.update_service(cluster=cluster, service=name, capacityProviderStrategy=one_each, forceNewDeployment=True)["service"]
    assert "launchType" not in updated and [s["capacityProvider"] for s in updated["capacityProviderStrategy"]] == ["FARGATE", "FARGATE_SPOT"]
    assert [d.get("launchType") for d in updated["deployments"]] == [None, "FARGATE"]

    def providers():
        arns = tasks.ecs.list_tasks(cluster=cluster, serviceName=name)["taskArns"]
        found = tasks.ecs.describe_tasks(cluster=cluster, tasks=arns)["tasks"] if arns else []
        return sorted(t["capacityProviderName"] for t in found if t["lastStatus"] == "RUNNING" and "capacityProviderName" in t)
    r.wait_for(lambda: providers() == ["FARGATE", "FARGATE_SPOT"], 60, 0.3, "tasks of both providers")

    def ask(operation, **members):  # newer than this boto3
        return json.loads(call(up, "ecs", operation, json.dumps(members).encode()).body)
    newest = ask("ListServiceDeployments", cluster=cluster, service=name)["serviceDeployments"][0]
    shown = ask("DescribeServiceRevisions", serviceRevisionArns=[newest["targetServiceRevisionArn"]])["serviceRevisions"][0]
    assert [s["capacityProvider"] for s in shown["capacityProviderStrategy"]] == ["FARGATE", "FARGATE_SPOT"] and shown["platformVersion"] == "1.4.0"
    assert up.slipway("events", "--cluster", cluster, "--service", name).stdout.count("has started") >= 2
    up.aws("ecs", "delete-service", "--cluster", cluster, "--service", name, "--force")
    up.aws("ecs", "wait", "services-inactive", "--cluster", cluster, "--services", name)


def test_a_service_without_capacity_says_so(tasks, cluster, name):
    define(tasks, name, cpu="16384", memory="122880")
    tasks.ecs.create_service(cluster=cluster, serviceName=name, taskDefinition=name, desiredCount=1, launchType="FARGATE",
                             networkConfiguration=NETWORK)

    def events():
        return [e["message"] for e in tasks.ecs.describe_services(cluster=cluster, services=[name])["services"][0]["events"]]
    r.wait_for(events, 20, 0.2, "an event")
    assert events()[0] == ("(service %s) was unable to place a task. Reason: Capacity is unavailable at this time. Please try again later "
                           "or in a different availability zone." % name)


# -- refusals, through the wire

@pytest.mark.parametrize("members, code, text", [
    ({"launchType": "FARGATE", "capacityProviderStrategy": BOTH}, "InvalidParameterException",
     "Specifying both a launch type and capacity provider strategy is not supported. Remove one and try again."),
    ({"launchType": "FARGATE", "platformVersion": "2.0"}, "PlatformUnknownException", ""),
    ({"launchType": "FARGATE", "platformVersion": "1.3.0"}, "UnsupportedFeatureException", "platformVersion"),
    ({"launchType": "EC2", "platformVersion": "LATEST"}, "InvalidParameterException", "must be null when specifying an EC2 launch type"),
    ({"launchType": "EC2"}, "InvalidParameterException", "Task definition does not support launch_type EC2."),
    ({"launchType": "FARGATE", "placementStrategy": [{"type": "random"}]}, "InvalidParameterException",
     "Placement strategies are not supported with FARGATE launch type."),
    ({"launchType": "FARGATE", "group": "service:mine"}, "InvalidParameterException", "group"),
    ({"launchType": "FARGATE", "overrides": {"cpu": "300"}}, "ClientException", "No Fargate configuration exists for given values."),
    ({"launchType": "FARGATE", "overrides": {"inferenceAcceleratorOverrides": [{"deviceName": "a", "deviceType": "b"}]}}, "UnsupportedFeatureException",
     "inferenceAccelerator"),
    ({"launchType": "FARGATE", "overrides": {"containerOverrides": [{"name": "main", "resourceRequirements": [{"type": "GPU", "value": "1"}]}]}},
     "UnsupportedFeatureException", "resourceRequirements"),
    ({"capacityProviderStrategy": [{"capacityProvider": "FARGATE", "weight": 1001}]}, "InvalidParameterException", "weight"),
    ({"capacityProviderStrategy": [{"capacityProvider": "mine", "weight": 1}]}, "InvalidParameterException", "'mine' was not found"),
])
def test_run_task_refuses(tasks, cluster, name, members, code, text):
    definition = define(tasks, name)
    refused(code, text, tasks.ecs.run_task, **dict({"cluster": cluster, "taskDefinition": definition, "networkConfiguration": NETWORK}, **members))


@pytest.mark.parametrize("members, text", [
    ({"networkMode": "bridge"}, "Fargate only supports network mode"),
    ({"cpu": "256", "memory": "16384"}, "No Fargate configuration exists for given values."),
    ({"container": {"stopTimeout": 200}}, "stopTimeout"),
    ({"volumes": [{"name": "v", "host": {"sourcePath": "/srv"}}]}, "sourcePath"),
    ({"ephemeralStorage": {"sizeInGiB": 20}}, "between 21 and 200"),
    ({"placementConstraints": [{"type": "memberOf", "expression": "attribute:a exists"}]}, "placementConstraints"),
    ({"container": {"logConfiguration": {"logDriver": "awslogs", "options": {"awslogs-group": "g", "awslogs-region": "us-east-1"}}}},
     "awslogs-stream-prefix"),
])
def test_register_refuses(tasks, name, members, text):
    with pytest.raises(ClientError) as e:
        define(tasks, name, **members)
    assert e.value.response["Error"]["Code"] == "ClientException" and text in e.value.response["Error"]["Message"], e.value


def test_a_definition_comes_back_as_it_was_registered(tasks, name):
    define(tasks, name, ephemeralStorage={"sizeInGiB": 30})
    shown = tasks.ecs.describe_task_definition(taskDefinition=name)["taskDefinition"]
    assert shown["ephemeralStorage"] == {"sizeInGiB": 30} and shown["compatibilities"] == ["EC2", "FARGATE"]
    task = run(tasks, name, launchType="FARGATE", overrides={"ephemeralStorage": {"sizeInGiB": 40}, "cpu": "512", "memory": "1024"})[0]
    assert task["ephemeralStorage"] == {"sizeInGiB": 40} and (task["cpu"], task["memory"]) == ("512", "1024")
    tasks.stop(task["taskArn"])


def test_policies_name_providers_by_their_arns(up, tasks, cluster, name):
    """ecs:capacity-provider: who may use FARGATE_SPOT only."""
    definition = define(tasks, name)
    key = up.add_user(name)
    up.boto("iam").put_user_policy(UserName=name, PolicyName="spot", PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Action": "ecs:RunTask", "Resource": "*", "Condition": {"ForAllValues:StringEquals": {
            "ecs:capacity-provider": "arn:aws:ecs:us-east-1:000000000000:capacity-provider/FARGATE_SPOT"}}}]}))
    ecs = up.boto("ecs", key=key)

    def start(*names):
        return ecs.run_task(cluster=cluster, taskDefinition=definition, networkConfiguration=NETWORK,
                            capacityProviderStrategy=[{"capacityProvider": n, "weight": 1} for n in names])
    assert start("FARGATE_SPOT")["tasks"][0]["capacityProviderName"] == "FARGATE_SPOT"
    with pytest.raises(ClientError) as e:
        start("FARGATE_SPOT", "FARGATE")
    assert e.value.response["Error"]["Code"] == "AccessDeniedException"
