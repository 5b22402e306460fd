# SPDX-License-Identifier: Apache-2.0
# ctest-lock: containers
# ctest-cost: 49
"""Machines that are marked for Fargate and are no container instances: two of them, the tasks of two clusters, waiting tasks, a drain."""
import json

import pytest
from botocore.exceptions import ClientError

from support import run as r
from support.machines import Site

NETWORK = {"awsvpcConfiguration": {"subnets": ["subnet-1"]}}


class World(Site):
    def start(self):
        super().start()
        for cluster in ("shop", "bank"):
            self.ecs.create_cluster(clusterName=cluster, capacityProviders=["FARGATE"])
        self.push()
        self.ecs.register_task_definition(family="app", networkMode="awsvpc", requiresCompatibilities=["FARGATE"], cpu="256", memory="512",
                                          containerDefinitions=[{"name": "main", "image": self.address + "/busybox:v1", "stopTimeout": 2,
                                                                 "command": ["sh", "-c", "echo up; exec sleep 600"]}])
        return self

    def machine(self, i):
        return self.agent(i, ECS_CLUSTER="shop", ECS_FARGATE="only").start()

    def run(self, cluster, **how):
        out = self.ecs.run_task(cluster=cluster, taskDefinition="app", networkConfiguration=NETWORK, **how)
        assert out["failures"] == [], out
        return out["tasks"][0]["taskArn"]

    def task(self, cluster, arn):
        return self.ecs.describe_tasks(cluster=cluster, tasks=[arn])["tasks"][0]

    def wait(self, cluster, arn, status, seconds=40):
        r.wait_for(lambda: self.task(cluster, arn)["lastStatus"] == status, seconds, 0.2, "%s; agent: %s" % (
            status, r.tail(self.agents[-1].log) if self.agents else ""))

    def fleet(self):
        """Instance ids as `slipway top` shows them, with how many tasks of the cluster."""
        text = self.server.slipway("top", "--once", "--cluster", "bank").stdout
        return {line.split()[0]: line for line in text.splitlines() if line.rstrip().endswith("FARGATE")}


@pytest.fixture(scope="module")
def world():
    r.need_root()
    for program in ("runc", "conmon", "busybox"):
        r.need_program(program)
    w = World(2)
    try:
        yield w.start()
    finally:
        r.show_log("log of the server", w.server.log)
        w.close()


def test_the_fleet(world):
    """Tasks wait while there is no machine; one that joins takes those of every cluster, and is in the list of none."""
    waiting = [("shop", world.run("shop", capacityProviderStrategy=[{"capacityProvider": "FARGATE", "weight": 1}])),
               ("bank", world.run("bank", capacityProviderStrategy=[{"capacityProvider": "FARGATE", "weight": 1}]))]
    assert {world.task(*t)["lastStatus"] for t in waiting} == {"PROVISIONING"}
    shown = [line.split() for line in world.server.slipway("top", "--once", "--cluster", "bank").stdout.splitlines()]
    assert [waiting[1][1].rsplit("/", 1)[1], "family:app", "PROVISIONING", "-", "-", "-"] in shown, shown
    world.machine(1)
    for cluster, arn in waiting:
        world.wait(cluster, arn, "RUNNING")
        assert "containerInstanceArn" not in world.task(cluster, arn)
        assert world.ecs.list_container_instances(cluster=cluster)["containerInstanceArns"] == []
        assert world.ecs.describe_clusters(clusters=[cluster])["clusters"][0]["registeredContainerInstancesCount"] == 0
        assert world.server.slipway("logs", arn, "--cluster", cluster).stdout == "up\n"
    with pytest.raises(ClientError) as e:
        world.ecs.delete_cluster(cluster="shop")
    assert e.value.response["Error"]["Code"] == "ClusterContainsContainerInstancesException"
    (machine,) = world.fleet()
    started = world.ecs.start_task
    with pytest.raises(ClientError) as e:
        started(cluster="shop", taskDefinition="app", containerInstances=["0" * 32], networkConfiguration=NETWORK, group="service:x")
    assert e.value.response["Error"]["Code"] == "InvalidParameterException"
    out = started(cluster="shop", taskDefinition="app", containerInstances=[machine], networkConfiguration=NETWORK)
    assert out["tasks"] == [] and out["failures"][0]["reason"] == "MISSING"
    for cluster, arn in waiting:
        world.ecs.stop_task(cluster=cluster, task=arn)
        world.wait(cluster, arn, "STOPPED")


def test_a_service_leaves_a_machine_that_drains(world):
    """Services of Fargate move like others: the second machine takes over from the first."""
    if not world.agents:
        world.machine(1)
    world.machine(2)
    r.wait_for(lambda: len(world.fleet()) == 2, 30, 0.3, "two machines; " + r.tail(world.agents[-1].log))
    world.ecs.create_service(cluster="bank", serviceName="web", taskDefinition="app", desiredCount=2, launchType="FARGATE", networkConfiguration=NETWORK,
                             deploymentConfiguration={"minimumHealthyPercent": 0, "maximumPercent": 200})

    def on():
        text = world.server.slipway("top", "--once", "--cluster", "bank").stdout
        rows = [line.split() for line in text.splitlines() if "service:web" in line]
        return sorted(row[-1] for row in rows if row[2] == "RUNNING")
    r.wait_for(lambda: len(set(on())) == 2, 40, 0.3, "a task on each machine")
    drained = sorted(world.fleet())[0]
    world.ecs.update_container_instances_state(cluster="shop", containerInstances=[drained], status="DRAINING")
    # A task without a health check counts as healthy after 40 s, and only then the other one may go.
    r.wait_for(lambda: on() == [sorted(world.fleet())[1][:8]] * 2, 100, 0.3, "both tasks on the other machine")
    world.ecs.delete_service(cluster="bank", service="web", force=True)


def test_a_mark_that_is_none(world):
    done = world.server.slipway("agent", "--fargate", "maybe", "--endpoint", world.server.endpoint, "--data", world.server.home + "/no-agent", check=False)
    assert done.returncode != 0 and "'maybe' is not only or shared" in done.stderr, done.stderr


def test_who_may_mark_a_machine(world):
    """It gets tasks of every cluster with their roles: the right to register in one cluster is not enough."""
    key = world.server.add_user("narrow")
    world.server.boto("iam").put_user_policy(UserName="narrow", PolicyName="one", PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Action": "ecs:*", "Resource": "arn:aws:ecs:*:*:*/shop"}]}))
    ecs = world.server.boto("ecs", key=key)
    resources = [{"name": "CPU", "type": "INTEGER", "integerValue": 1024}, {"name": "MEMORY", "type": "INTEGER", "integerValue": 1024}]

    def register(mark):
        return ecs.register_container_instance(cluster="shop", totalResources=resources,
                                               attributes=[{"name": "ecs.capability.fargate", "value": mark}] if mark else [])
    own = register(None)["containerInstance"]["containerInstanceArn"]
    for mark, code in (("only", "AccessDeniedException"), ("shared", "AccessDeniedException")):
        with pytest.raises(ClientError) as e:
            register(mark)
        assert e.value.response["Error"]["Code"] == code
    with pytest.raises(ClientError) as e:
        world.ecs.put_attributes(cluster="shop", attributes=[{"name": "ecs.capability.fargate", "value": "shared", "targetId": own}])
    assert e.value.response["Error"]["Code"] == "InvalidParameterException"
    world.ecs.deregister_container_instance(cluster="shop", containerInstance=own, force=True)
