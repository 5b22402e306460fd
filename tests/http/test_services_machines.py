# SPDX-License-Identifier: Apache-2.0
# ctest-lock: containers
# ctest-cost: 43
"""A service on five machines: one agent killed, one machine cut off, one drained, and the server killed, in a rolling deployment under
requests. What the percentages promise keeps serving, and in the end exactly the wanted tasks run."""
import threading
import time

import pytest
from botocore.exceptions import BotoCoreError, ClientError

from support import run as r
from support.tasks import fetch
from test_machines import CLUSTER, Fleet

DESIRED, LOWER = 6, 3


class Requests(threading.Thread):
    """Asks every RUNNING task of the service, again and again; how many answered at the worst moment."""

    def __init__(self, fleet, addresses):
        super().__init__(daemon=True)
        self.fleet, self.addresses, self.least, self.rounds, self.end = fleet, addresses, 99, 0, False
        self.worst = {}

    def targets(self):
        ecs = self.fleet.server.boto("ecs")
        arns = ecs.list_tasks(cluster=CLUSTER, serviceName="web")["taskArns"]
        found = ecs.describe_tasks(cluster=CLUSTER, tasks=arns)["tasks"] if arns else []
        return [(self.addresses[t["containerInstanceArn"]], b["hostPort"]) for t in found
                for c in t["containers"] for b in c.get("networkBindings", [])]

    def run(self):
        while not self.end:
            try:
                targets = self.targets()
                answers = {t: "version" in fetch(t[1], host=t[0], timeout=10) for t in targets}
                silent = {t for t in targets if not answers[t]}
                if silent - set(self.targets()):  # stopped meanwhile, and others came
                    continue
            except (AssertionError, OSError, BotoCoreError, ClientError):  # the server is killed, and tasks run on
                time.sleep(0.1)
                continue
            self.rounds += 1
            if sum(answers.values()) < self.least:
                self.least, self.worst = sum(answers.values()), answers


@pytest.fixture(scope="module")
def fleet():
    r.need_root()
    for program in ("runc", "conmon", "busybox", "ip", "nsenter"):
        r.need_program(program)
    f = Fleet(5)
    f.server.args += ["--agent-grace", "4s", "--task-healthy-after", "1s"]
    try:
        yield f.start(5)
    finally:
        f.close()


def define(fleet, version):
    fleet.ecs.register_task_definition(family="web", containerDefinitions=[
        {"name": "c", "image": fleet.address + "/busybox:v1", "memory": 32, "stopTimeout": 1, "portMappings": [{"containerPort": 80}],
         "command": ["sh", "-c", "mkdir /tmp/w; echo version-%s > /tmp/w/index.html; exec httpd -f -p 80 -h /tmp/w" % version]}])


def test_a_deployment_while_machines_fail(fleet):
    ecs, arn = fleet.ecs, {name: i["containerInstanceArn"] for name, i in fleet.instances().items()}
    addresses = {arn["m%d" % i]: fleet.machines.address(i) for i in range(1, 6)}

    def service():
        return fleet.server.boto("ecs").describe_services(cluster=CLUSTER, services=["web"])["services"][0]

    def events():
        return "\n".join(e["message"] for e in service()["events"])

    def stable():
        s = service()
        return len(s["deployments"]) == 1 and s["runningCount"] == DESIRED and s["pendingCount"] == 0
    define(fleet, "one")
    ecs.create_service(cluster=CLUSTER, serviceName="web", taskDefinition="web", desiredCount=DESIRED,
                       deploymentConfiguration={"minimumHealthyPercent": 50, "maximumPercent": 150})
    r.wait_for(stable, 60, 0.2, "the service; " + r.tail(fleet.agents[0].log))
    spread = [t["containerInstanceArn"] for t in ecs.describe_tasks(
        cluster=CLUSTER, tasks=ecs.list_tasks(cluster=CLUSTER, serviceName="web")["taskArns"])["tasks"]]
    assert set(spread) == set(arn.values()), "not spread over the machines"

    asking = Requests(fleet, addresses)
    asking.start()
    define(fleet, "two")
    ecs.update_service(cluster=CLUSTER, service="web", taskDefinition="web")
    fleet.agents[0].kill()
    ecs.update_container_instances_state(cluster=CLUSTER, containerInstances=[arn["m3"]], status="DRAINING")
    time.sleep(0.5)
    fleet.server.kill()
    fleet.server.start()
    r.wait_for(lambda: stable() and not [t for t in asking.targets() if t[0] in (addresses[arn["m1"]], addresses[arn["m3"]])],
               90, 0.3, "the deployment: " + events())
    # Between LOWER and what m1 carried: its agent was away, so nobody could stop what served there.
    assert asking.least >= LOWER - 1 and asking.rounds > 5, (asking.worst, asking.rounds)

    asking.least = 99
    fleet.machines.connect(2, False)
    lost = sum(t[0] == addresses[arn["m2"]] for t in asking.targets())
    r.wait_for(lambda: stable() and addresses[arn["m2"]] not in [t[0] for t in asking.targets()], 60, 0.3,
               "tasks in the place of those that were cut off: " + events())
    assert asking.least >= DESIRED - lost - 1, (asking.worst, lost)
    asking.end = True
    asking.join(150)

    # Whoever comes back is told to stop what was replaced.
    fleet.agents[0].start()
    fleet.machines.connect(2, True)
    ecs = fleet.server.boto("ecs")
    ecs.update_container_instances_state(cluster=CLUSTER, containerInstances=[arn["m3"]], status="ACTIVE")
    r.wait_for(lambda: sum(len(a.containers()) for a in fleet.agents) == DESIRED and stable(), 60, 0.5, "no task too many: " + events())
    found = ecs.describe_tasks(cluster=CLUSTER, tasks=ecs.list_tasks(cluster=CLUSTER, serviceName="web")["taskArns"])["tasks"]
    assert {t["taskDefinitionArn"].rsplit(":", 1)[1] for t in found} == {"2"} and len(found) == DESIRED
    assert all("version-two" in fetch(port, host=address) for address, port in asking.targets())
    ecs.delete_service(cluster=CLUSTER, service="web", force=True)
    r.wait_for(lambda: service()["status"] == "INACTIVE" and not any(a.containers() for a in fleet.agents), 60, 0.3, "the end")
