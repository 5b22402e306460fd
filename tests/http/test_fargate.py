# SPDX-License-Identifier: Apache-2.0
# ctest-lock: containers
# ctest-timeout: 600
"""Launch type FARGATE and capacity provider strategies: real containers, the AWS CLI, waiters of boto3."""
import json
import resource
import time

import pytest
from botocore.exceptions import ClientError

from support import run as r
from support.tasks import Tasks, fetch

NETWORK = {"awsvpcConfiguration": {"subnets": ["subnet-1"]}}
FARGATE = {"networkMode": "awsvpc", "requiresCompatibilities": ["FARGATE"], "cpu": "256", "memory": "512"}


@pytest.fixture(scope="module")
def tasks(up):
    return Tasks(up)


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
    r.wait_for(lambda: not ecs.list_tasks(cluster=name)["taskArns"] and not ecs.list_services(cluster=name)["serviceArns"], 60, 0.2,
               "the end of the cluster's tasks")


def define(tasks, family, command="sleep 600", **more):
    container = {"command": command, "memory": 64, "stopTimeout": 2}
    container.update(more.pop("container", {}))
    return tasks.define(family, container, **dict(FARGATE, **more))


def run(tasks, definition, **more):
    out = tasks.ecs.run_task(taskDefinition=definition, **dict({"networkConfiguration": NETWORK}, **more))
    assert out["failures"] == [], out
    return out["tasks"]


def refused(code, text, call, **how):
    with pytest.raises(ClientError) as e:
        call(**how)
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
                 "--network-configuration", "awsvpcConfiguration={subnets=[subnet-1]}")
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
