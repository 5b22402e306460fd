# SPDX-License-Identifier: Apache-2.0
# ctest-lock: containers
# ctest-cost: 55
"""A service on five machines under requests: in one rolling deployment an agent is killed, a machine drained and the server killed, in the
next a machine is cut off. Every task that is RUNNING and is to run answers each request, there are never fewer of them than the
percentages promise, and in the end exactly the wanted tasks run."""
import threading
import time

import pytest
from botocore.exceptions import BotoCoreError, ClientError

from support import run as r
from support.tasks import fetch
from test_machines import CLUSTER, Fleet

DESIRED, LOWER = 6, 3


class Requests(threading.Thread):
    """A client that learns by the API whom to ask, as a balancer does, and asks all of them again and again."""

    def __init__(self, fleet, addresses):
        super().__init__(daemon=True)
        self.fleet, self.addresses, self.end, self.failed = fleet, addresses, False, None
        self.excused = set()  # addresses of machines that are cut off: nobody promises anything there
        self.unwatched = set()  # addresses of machines whose agent is killed: what serves there goes on, though it is listed no more
        self.seen_on_unwatched = frozenset()
        self.known, self.lost, self.served = {}, [], set()
        self.begin_phase()

    def begin_phase(self):
        self.least, self.rounds, self.most_excused = 99, 0, 0

    def running(self):
        """Task -> (address, port) of those that run and are to run."""
        ecs = self.fleet.server.boto("ecs")
        arns = ecs.list_tasks(cluster=CLUSTER, serviceName="web")["taskArns"]
        found = ecs.describe_tasks(cluster=CLUSTER, tasks=arns)["tasks"] if arns else []
        return {t["taskArn"]: (self.addresses[t["containerInstanceArn"]], b["hostPort"]) for t in found
                if t["lastStatus"] == t["desiredStatus"] == "RUNNING" for c in t["containers"] for b in c.get("networkBindings", [])}

    def targets(self):
        return list(self.running().values())

    def consistent(self):
        """List and description are two calls: what changes between them would look like a gap. None: the server is away."""
        before = None
        while not self.end:
            try:
                now = self.running()
            except (OSError, BotoCoreError, ClientError):
                return None
            if now == before:
                return now
            before = now
        return None

    def ask(self, task, target):
        """Of a task that just began nobody listens yet, so it may refuse until it answers for the first time. Afterwards a request without
        an answer is lost if the task is to run still."""
        until = time.monotonic() + 20 * r.PATIENCE
        while not self.end:
            if "version" in fetch(target[1], host=target[0], timeout=10 * r.PATIENCE):
                self.served.add(task)
                return
            now = self.consistent()
            if now is None:  # the server is away: it says later whether the task was to go
                time.sleep(0.05)
                continue
            if task not in now or target[0] in self.excused:
                return
            if task in self.served or time.monotonic() > until:
                self.lost.append((task, target))
                return
            time.sleep(0.05)

    def round(self):
        asked = set()
        while not self.end:
            now = self.consistent()
            last = now is None  # then those of before are asked, which run on without a server
            self.known = self.known if last else now
            new = {t: at for t, at in self.known.items() if t not in asked and at[0] not in self.excused}
            for task, target in new.items():
                self.ask(task, target)
            asked |= set(new)
            if last:
                return
            if not new:  # all that run have answered
                self.most_excused = max(self.most_excused, sum(at[0] in self.excused for at in now.values()))
                self.count({at for at in now.values() if at[0] not in self.excused})
                return

    def count(self, serving):
        for target in self.seen_on_unwatched - serving:
            if "version" in fetch(target[1], host=target[0], timeout=10 * r.PATIENCE):
                serving = serving | {target}
        self.seen_on_unwatched |= {at for at in serving if at[0] in self.unwatched}
        self.rounds += 1
        self.least = min(self.least, len(serving))

    def run(self):
        try:
            while not self.end:
                self.round()
        except Exception as e:  # pylint: disable=broad-except  # for the test to say
            self.failed = e

    def check(self, least):
        assert self.is_alive() and not self.failed, repr(self.failed)
        assert not self.lost, "no answer from %s" % self.lost
        assert self.least >= least and self.rounds > 3, (self.least, least, self.rounds)


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
    r.wait_for(lambda: asking.rounds > 3, 60, 0.05, "requests")
    asking.check(DESIRED)
    asking.begin_phase()
    define(fleet, "two")
    asking.unwatched = {addresses[arn["m1"]]}
    asking.seen_on_unwatched = {at for at in asking.targets() if at[0] in asking.unwatched}
    ecs.update_service(cluster=CLUSTER, service="web", taskDefinition="web")
    fleet.agents[0].kill()
    ecs.update_container_instances_state(cluster=CLUSTER, containerInstances=[arn["m3"]], status="DRAINING")
    time.sleep(0.5)
    fleet.server.kill()
    fleet.server.start()
    r.wait_for(lambda: stable() and not [t for t in asking.targets() if t[0] in (addresses[arn["m1"]], addresses[arn["m3"]])],
               90, 0.3, "the deployment: " + events())
    asking.check(LOWER)

    # The next deployment: what the machine that is cut off carried may be missed, and nothing else.
    fleet.agents[0].start()
    ecs = fleet.server.boto("ecs")
    ecs.update_container_instances_state(cluster=CLUSTER, containerInstances=[arn["m3"]], status="ACTIVE")
    r.wait_for(lambda: all(i["agentConnected"] for i in fleet.instances().values()), 60, 0.3, "all agents")
    asking.unwatched, asking.seen_on_unwatched = set(), frozenset()
    asking.begin_phase()
    define(fleet, "three")
    ecs.update_service(cluster=CLUSTER, service="web", taskDefinition="web")
    asking.excused = {addresses[arn["m2"]]}
    fleet.machines.connect(2, False)
    r.wait_for(lambda: stable() and addresses[arn["m2"]] not in [t[0] for t in asking.targets()], 90, 0.3,
               "tasks in the place of those that were cut off: " + events())
    asking.check(LOWER - asking.most_excused)
    asking.begin_phase()
    r.wait_for(lambda: asking.rounds > 3, 60, 0.05, "requests")
    asking.check(DESIRED)
    asking.end = True
    asking.join(150)

    # Whoever comes back is told to stop what was replaced.
    fleet.machines.connect(2, True)
    r.wait_for(lambda: sum(len(a.containers()) for a in fleet.agents) == DESIRED and stable(), 60, 0.5, "no task too many: " + events())
    found = ecs.describe_tasks(cluster=CLUSTER, tasks=ecs.list_tasks(cluster=CLUSTER, serviceName="web")["taskArns"])["tasks"]
    assert {t["taskDefinitionArn"].rsplit(":", 1)[1] for t in found} == {"3"} and len(found) == DESIRED
    assert all("version-three" in fetch(port, host=address) for address, port in asking.targets())
    ecs.delete_service(cluster=CLUSTER, service="web", force=True)
    r.wait_for(lambda: service()["status"] == "INACTIVE" and not any(a.containers() for a in fleet.agents), 60, 0.3, "the end")
