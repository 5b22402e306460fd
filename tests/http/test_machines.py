# SPDX-License-Identifier: Apache-2.0
# ctest-lock: containers
# ctest-timeout: 300
"""Five agents on five machines (network namespaces with addresses of their own): spread placement, one killed, one cut off, one
drained, one deregistered. Tasks run on whatever becomes of the agents."""
import socket

import pytest

from support import images
from support import run as r
from support.machines import Agent, Machines
from support.server import Server

CLUSTER = "fleet"


class Fleet:
    def __init__(self, count):
        self.machines = Machines(count)
        with socket.socket() as s:
            s.bind((self.machines.server_address, 0))
            port = s.getsockname()[1]
        self.server = Server("serve", args=["--listen", "0.0.0.0:%d" % port, "--agent-timeout", "2s"])
        self.agents = []
        self.address = "%s:%d" % (self.machines.server_address, port)

    def start(self, count):
        self.server.start()
        self.ecs = self.server.boto("ecs")
        self.ecs.create_cluster(clusterName=CLUSTER)
        key = self.server.add_user("machines")
        self.server.boto("iam").attach_user_policy(
            UserName="machines", PolicyArn="arn:aws:iam::aws:policy/service-role/AmazonEC2ContainerServiceforEC2Role")
        self.credentials = self.server.home + "/credentials-machines"
        self.server.create_repository("busybox")
        with self.server.http() as http:
            images.busybox().push(http, "busybox", "v1")
        for i in range(1, count + 1):
            self.agents.append(Agent(self.machines, i, "http://" + self.address, {
                "ECS_CLUSTER": CLUSTER, "ECS_INSTANCE_ATTRIBUTES": '{"machine": "m%d", "ecs.availability-zone": "z%d"}' % (i, i % 2),
                "ECS_CONTAINER_INSTANCE_TAGS": '{"number": "%d"}' % i, "ECS_RESERVED_MEMORY": "64"},
                args=["--credentials", self.credentials]).start())
        r.wait_for(lambda: len(self.instances()) == count, 30, 0.2, "%d instances; %s" % (count, r.tail(self.agents[0].log)))
        assert key
        return self

    def instances(self):
        """By the machine's name."""
        arns = self.ecs.list_container_instances(cluster=CLUSTER)["containerInstanceArns"]
        if not arns:
            return {}
        found = self.ecs.describe_container_instances(cluster=CLUSTER, containerInstances=arns, include=["TAGS"])["containerInstances"]
        return {[a["value"] for a in i["attributes"] if a["name"] == "machine"][0]: i for i in found}

    def tasks(self, *arns):
        return {t["containerInstanceArn"]: t for t in self.ecs.describe_tasks(cluster=CLUSTER, tasks=list(arns))["tasks"]}

    def close(self):
        try:
            for agent in self.agents:
                agent.close()
        finally:
            try:
                self.server.close()
            finally:
                self.machines.close()


@pytest.fixture(scope="module")
def fleet():
    r.need_root()
    for program in ("runc", "conmon", "busybox", "ip", "nsenter"):
        r.need_program(program)
    f = Fleet(5)
    try:
        yield f.start(5)
    finally:
        f.close()


def test_machines_come_and_go_and_tasks_run_on(fleet):
    ecs, seen = fleet.ecs, fleet.instances()
    assert sorted(seen) == ["m1", "m2", "m3", "m4", "m5"]
    assert all(i["agentConnected"] and i["status"] == "ACTIVE" for i in seen.values())
    assert {t["value"] for i in seen.values() for t in i["tags"]} == set("12345")
    arn = {name: i["containerInstanceArn"] for name, i in seen.items()}
    ecs.register_task_definition(family="sleep", containerDefinitions=[
        {"name": "c", "image": fleet.address + "/busybox:v1", "memory": 32, "stopTimeout": 1, "command": ["sleep", "1000"],
         "portMappings": [{"containerPort": 80, "hostPort": 8080}]}])
    spread = [{"type": "spread", "field": "attribute:ecs.availability-zone"}, {"type": "spread", "field": "instanceId"}]
    out = ecs.run_task(cluster=CLUSTER, taskDefinition="sleep", count=5, placementStrategy=spread)
    assert out["failures"] == [] and {t["containerInstanceArn"] for t in out["tasks"]} == set(arn.values())
    task = {t["containerInstanceArn"]: t["taskArn"] for t in out["tasks"]}

    def last(name):
        return ecs.describe_tasks(cluster=CLUSTER, tasks=[task[arn[name]]])["tasks"][0]["lastStatus"]
    r.wait_for(lambda: {last(n) for n in arn} == {"RUNNING"}, 40, 0.2, "five running tasks; " + r.tail(fleet.agents[0].log))

    # One is killed, one is cut off: only their connection is gone.
    monitors = {i: fleet.agents[i - 1].containers() for i in (1, 2)}
    assert all(len(m) == 1 for m in monitors.values())
    fleet.agents[0].kill()
    fleet.machines.connect(2, False)
    # One drains: it keeps what it has and gets nothing new. One is deregistered by force: its task ends.
    ecs.update_container_instances_state(cluster=CLUSTER, containerInstances=[arn["m3"]], status="DRAINING")
    assert ecs.deregister_container_instance(cluster=CLUSTER, containerInstance=arn["m4"], force=True)[
        "containerInstance"]["status"] == "INACTIVE"
    assert last("m4") == "STOPPED"
    r.wait_for(lambda: not fleet.agents[3].containers(), 20, 0.2, "end of the deregistered instance's container")
    r.wait_for(lambda: [fleet.instances()[n]["agentConnected"] for n in ("m1", "m2")] == [False, False], 40, 0.5, "lost connections")
    assert fleet.instances()["m3"]["agentConnected"] and fleet.instances()["m3"]["status"] == "DRAINING"
    assert [last(n) for n in ("m1", "m2", "m3")] == ["RUNNING"] * 3
    assert {i: fleet.agents[i - 1].containers() for i in (1, 2)} == monitors, "a container went with its agent"
    out = ecs.run_task(cluster=CLUSTER, taskDefinition="sleep", count=5, placementStrategy=spread)
    reasons = {f["arn"]: f["reason"] for f in out["failures"]}
    assert reasons[arn["m1"]] == reasons[arn["m2"]] == "AGENT" and reasons[arn["m3"]] == "INACTIVE"
    assert arn["m4"] not in reasons and reasons[arn["m5"]] == "RESOURCE:PORTS"

    # They come back as who they were, with what they had.
    fleet.agents[0].start()
    fleet.machines.connect(2, True)
    r.wait_for(lambda: all(fleet.instances()[n]["agentConnected"] for n in ("m1", "m2")), 60, 0.5, "agents that are back")
    assert {fleet.instances()[n]["containerInstanceArn"] for n in ("m1", "m2")} == {arn["m1"], arn["m2"]}
    assert [last(n) for n in ("m1", "m2", "m3")] == ["RUNNING"] * 3
    assert {i: fleet.agents[i - 1].containers() for i in (1, 2)} == monitors
    for name in ("m1", "m2", "m3"):
        ecs.stop_task(cluster=CLUSTER, task=task[arn[name]])
    r.wait_for(lambda: {last(n) for n in ("m1", "m2", "m3")} == {"STOPPED"}, 30, 0.2, "stopped tasks")
