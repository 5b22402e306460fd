# SPDX-License-Identifier: Apache-2.0
# ctest-lock: containers
# ctest-cost: 46
"""Five agents on five machines (network namespaces with addresses of their own): spread placement, one killed, one cut off, one
drained, one deregistered. Tasks run on whatever becomes of the agents."""
import os
import re
import shlex
import signal
import subprocess

import pytest

from support import run as r
from support.machines import Machines, Site
from support.tasks import free_port

CLUSTER = "fleet"


class Fleet(Site):
    def start(self, count):
        super().start()
        self.ecs.create_cluster(clusterName=CLUSTER)
        self.push()
        for i in range(1, count + 1):
            self.agent(i, ECS_CLUSTER=CLUSTER, ECS_RESERVED_MEMORY="64", ECS_CONTAINER_INSTANCE_TAGS='{"number": "%d"}' % i,
                       ECS_INSTANCE_ATTRIBUTES='{"machine": "m%d", "ecs.availability-zone": "z%d"}' % (i, i % 2)).start()
        r.wait_for(lambda: sum(i["agentConnected"] for i in self.instances().values()) == count, 60, 0.2,
                   "%d instances; %s" % (count, r.tail(self.agents[0].log)))
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
    assert "m4" not in fleet.instances(), "who was taken out does not come back by itself"
    assert not out["tasks"]

    # A new start of its agent brings the deregistered machine back, as a new instance.
    fleet.agents[3].stop()
    fleet.agents[3].start()
    again = r.wait_for(lambda: fleet.instances().get("m4"), 30, 0.5, "new instance")
    assert again["containerInstanceArn"] != arn["m4"] and again["status"] == "ACTIVE"

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


def test_the_guide_as_written(tmp_path):
    """Every block of docs/adding-a-machine.md; only addresses and folders are this test's own. The machine is a network namespace."""
    r.need_root()
    for program in ("runc", "conmon", "busybox", "ip", "nsenter", "aws"):
        r.need_program(program)
    with open(os.path.join(r.SOURCE, "docs", "adding-a-machine.md"), encoding="utf-8") as f:
        blocks = re.findall(r"^```sh ?(\w*)\n(.*?)^```$", f.read(), re.M | re.S)
    assert [kind for kind, _ in blocks] == ["", "cert", "serve", "", "machine", "agent", "", "", "stop", "", ""]
    machines = Machines(1)
    port = free_port()
    etc, data, program = tmp_path / "etc", tmp_path / "data", tmp_path / "bin"
    etc.mkdir()
    program.mkdir()
    (program / "slipway").symlink_to(r.BIN)
    env = r.clean_env(tmp_path)
    env["PATH"] = "%s:%s" % (program, env["PATH"])

    def own(text):
        for theirs, mine in (("10.0.0.5:5000", "%s:%d" % (machines.server_address, port)), ("10.0.0.5", machines.server_address),
                             ("/var/lib/slipway/agent", str(tmp_path / "agent")), ("/var/lib/slipway", str(data)), ("/etc/ecs", str(etc)),
                             ("0.0.0.0:5000", "0.0.0.0:%d" % port)):
            text = text.replace(theirs, mine)
        return text

    def bash(text, where=()):
        return subprocess.run(list(where) + ["bash", "-ec", own(text)], cwd=tmp_path, env=env, check=False, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=120)

    def background(text, log, where=(), more=""):
        with open(log, "ab") as out:
            return subprocess.Popen(list(where) + shlex.split(own(text) + more), cwd=tmp_path, env=env, stdin=subprocess.DEVNULL,
                                    stdout=out, stderr=out)
    inside = [r.need_program("nsenter"), "--net=/run/netns/" + machines.names[0]]
    running, script, said = [], "", ""
    try:
        for kind, text in blocks:
            if kind == "serve":
                running.append(background(text, tmp_path / "server.log"))
                r.wait_for(lambda: (data / "endpoint").exists(), 30, 0.1, "server; " + r.tail(str(tmp_path / "server.log")))
            elif kind == "agent":
                for name, there in (("credentials", "machine-2.credentials"), ("ca.crt", "data/tls/ca.crt")):
                    (etc / name).write_bytes((tmp_path / there).read_bytes())
                running.append(background(text, tmp_path / "agent.log", inside,
                                          " --config %s/ecs.config --data %s/agent --bridge-name swt0 --bridge-subnet 10.243.1.0/24" % (
                                              etc, tmp_path)))
            elif kind == "stop":
                r.end(running.pop(), signal.SIGTERM, 20)
            elif kind == "machine":
                assert bash(text, inside).returncode == 0
            elif kind == "cert":
                assert bash(text).returncode == 0
            else:
                script += text if not script or "export" in text else ""
                done = bash(script + "machine=$(cat machine 2>/dev/null) || true\n" + text + '\necho "$machine" > machine\n')
                assert done.returncode == 0, (text, done.stdout, r.tail(str(tmp_path / "agent.log")))
                said += done.stdout
        for word in ("container-instance/default/", "shop", '"OK"', "DRAINING", "INACTIVE", "MIB", "true"):
            assert word in said, (word, said)
    finally:
        for process in reversed(running):
            r.end(process, signal.SIGTERM, 20)
        machines.close()
