# SPDX-License-Identifier: Apache-2.0
# ctest-lock: containers
# ctest-cost: 40
"""Agent, server or both are killed while a task runs: the container goes on as the same process, the restarted agent adopts it, what
it wrote meanwhile is in its log, and its exit code is reported."""
import glob
import os
import random
import signal
import subprocess
import time

import pytest

from support import run as r
from support.server import Network, Server
from support.tasks import Tasks, fetch

# Counts until a file appears, then ends with code 7.
COUNT = "i=0; while ! test -e /go/end; do i=$((i+1)); echo line $i; sleep 0.1; done; echo the end; exit 7"


@pytest.fixture
def machine():
    r.need_root()
    s = Server("up")
    try:
        yield s.start()
    finally:
        s.close()


class Counting:
    """A task that counts, and the file that ends it."""

    def __init__(self, tasks, folder, name="count"):
        self.tasks, self.folder = tasks, folder
        self.arn = tasks.start(name, {
            "command": COUNT, "mountPoints": [{"sourceVolume": "go", "containerPath": "/go"}],
            "portMappings": [{"containerPort": 80}]}, volumes=[{"name": "go", "host": {"sourcePath": str(folder)}}])
        tasks.wait_running(self.arn)
        self.pid = tasks.pid(self.arn)
        assert self.pid, "no process of the container was found"
        self.started = self.start_time()

    def start_time(self):
        with open("/proc/%d/stat" % self.pid, encoding="utf-8") as f:
            return f.read().rsplit(")", 1)[1].split()[19]

    def check_alive(self):
        assert r.alive(self.pid) and self.start_time() == self.started, "the container was disturbed"

    def end(self):
        (self.folder / "end").write_text("")

    def check_end(self, seconds=40):
        """Exit code and the whole log, without a gap."""
        task = self.tasks.wait_stopped(self.arn, seconds)
        assert task["containers"][0]["exitCode"] == 7, task
        assert task["stopCode"] == "EssentialContainerExited"
        lines = self.tasks.logs(self.arn).splitlines()
        assert lines[-1] == "the end"
        assert lines[:-1] == ["line %d" % i for i in range(1, len(lines))], "the log has a gap"
        return len(lines)


def wait_for_agent(s, old):
    """A new agent, and the instance is connected."""
    pid = r.wait_for(lambda: (lambda p: p if p and p != old else 0)(s.agent_pid()), 20, 0.1, "restarted agent")
    ecs = s.boto("ecs")

    def connected():
        arns = ecs.list_container_instances()["containerInstanceArns"]
        found = ecs.describe_container_instances(containerInstances=arns)["containerInstances"] if arns else []
        return [i for i in found if i["agentConnected"]]
    instances = r.wait_for(connected, 20, 0.1, "connected instance")
    assert len(instances) == 1, "the machine registered twice"
    return pid


def test_killed_agent_is_restarted_and_adopts(machine, tmp_path):
    tasks = Tasks(machine)
    count = Counting(tasks, tmp_path)
    agent = machine.agent_pid()
    for _ in range(3):
        os.kill(agent, signal.SIGKILL)
        agent = wait_for_agent(machine, agent)
        count.check_alive()
        assert tasks.describe(count.arn)["lastStatus"] == "RUNNING"
    time.sleep(0.5)
    count.check_alive()
    count.end()
    count.check_end()
    assert tasks.output("after", "echo fine") == "fine\n"


def test_container_that_ends_while_no_agent_runs(machine, tmp_path):
    """Frozen rather than killed first, so that up does not start another before the container has ended."""
    tasks = Tasks(machine)
    count = Counting(tasks, tmp_path)
    agent = machine.agent_pid()
    os.kill(agent, signal.SIGSTOP)
    count.end()
    r.wait_for(lambda: not r.alive(count.pid), 20, what="end of the container")
    os.kill(agent, signal.SIGKILL)
    wait_for_agent(machine, agent)
    count.check_end()


def test_killed_up_and_everything_with_it(machine, tmp_path):
    """up gets SIGKILL: its agent follows, containers stay. A new up adopts them, from the same data folder and port."""
    tasks = Tasks(machine)
    count = Counting(tasks, tmp_path)
    agent = machine.agent_pid()
    machine.kill()
    r.wait_for(lambda: not r.alive(agent), 20, what="end of the agent that lost its supervisor")
    count.check_alive()
    time.sleep(0.5)
    count.check_alive()
    machine.start()
    wait_for_agent(machine, agent)
    count.check_alive()
    assert tasks.wait_running(count.arn)["lastStatus"] == "RUNNING"
    count.end()
    count.check_end()


def test_server_and_agent_killed_at_once_and_the_container_ends_meanwhile(machine, tmp_path):
    tasks = Tasks(machine)
    count = Counting(tasks, tmp_path)
    agent = machine.agent_pid()
    machine.process.send_signal(signal.SIGSTOP)  # it must not start another agent
    os.kill(agent, signal.SIGKILL)
    machine.kill()
    count.check_alive()
    count.end()
    r.wait_for(lambda: not r.alive(count.pid), 20, what="end of the container")
    machine.start()
    wait_for_agent(machine, agent)
    count.check_end()


def test_sigterm_of_up_leaves_tasks_running_and_sigint_stops_them(machine, tmp_path):
    tasks = Tasks(machine)
    count = Counting(tasks, tmp_path)
    agent = machine.agent_pid()
    machine.stop(signal.SIGTERM)
    assert not r.alive(agent)
    count.check_alive()
    machine.start()
    wait_for_agent(machine, agent)
    count.check_alive()
    machine.stop(signal.SIGINT, 60)
    assert not r.alive(count.pid)
    machine.start()
    task = tasks.wait_stopped(count.arn)
    assert task["containers"][0]["exitCode"] in (137, 143)


def test_stop_asked_while_the_agent_is_away(machine, tmp_path):
    tasks = Tasks(machine)
    count = Counting(tasks, tmp_path)
    agent = machine.agent_pid()
    os.kill(agent, signal.SIGSTOP)
    tasks.ecs.stop_task(task=count.arn, reason="while it slept")
    time.sleep(0.3)
    os.kill(agent, signal.SIGKILL)
    task = tasks.wait_stopped(count.arn, 60)
    assert (task["stopCode"], task["stoppedReason"]) == ("UserInitiated", "while it slept")
    assert not r.alive(count.pid)


def test_ports_work_across_an_agent_restart(machine):
    tasks = Tasks(machine)
    arn = tasks.start("web", {"command": ["httpd", "-f", "-p", "80", "-h", "/www"], "portMappings": [{"containerPort": 80}]})
    port = tasks.wait_running(arn)["containers"][0]["networkBindings"][0]["hostPort"]
    assert "served by a task" in r.wait_for(lambda: fetch(port), 10, what="page")
    agent = machine.agent_pid()
    os.kill(agent, signal.SIGKILL)
    assert "served by a task" in fetch(port)
    wait_for_agent(machine, agent)
    assert "served by a task" in fetch(port)
    assert tasks.container(arn)["networkBindings"][0]["hostPort"] == port
    tasks.stop(arn)
    assert fetch(port) == ""


class Agent:
    """An agent of the test's own for a `serve`: killed and started again at once, which `up` would not do."""

    def __init__(self, server):
        self.server, self.network, self.process = server, Network(), None

    def start(self):
        with open(self.server.log, "ab") as log:
            self.process = subprocess.Popen([
                r.BIN, "agent", "--endpoint", self.server.endpoint, "--data", self.server.data + "/agent",
                "--credentials", self.server.credentials_file, "--bridge-name", self.network.bridge,
                "--bridge-subnet", self.network.subnet], env=r.clean_env(self.server.home), stdout=log, stderr=log)

    def kill(self):
        self.process.kill()
        self.process.wait(50)

    def close(self):
        r.end(self.process, signal.SIGTERM, 20)


@pytest.fixture
def served_agent():
    r.need_root()
    s = Server()
    agent = None
    try:
        s.start()
        agent = Agent(s)
        agent.start()
        yield agent
    finally:
        if agent:
            agent.close()
        s.close()
        if agent:
            agent.network.free()


def test_killed_at_random_moments_of_many_starts(served_agent):
    """Whatever the agent was doing (pulling, unpacking, creating, removing): every task ends with its code or says that it did
    not start, none runs twice, and nothing stays."""
    seed = int(os.environ.get("SLIPWAY_TEST_SEED") or random.randrange(1 << 32))
    print("SLIPWAY_TEST_SEED=%d" % seed)
    chance, agent = random.Random(seed), served_agent
    data = agent.server.data
    tasks = Tasks(agent.server)
    definition = tasks.define("quick", {"command": "echo begin; sleep 0.3; echo end; exit 4"})
    arns = []
    for _ in range(100 if r.LONG else 8):
        arns.append(tasks.run(definition))
        time.sleep(chance.uniform(0, 0.4))
        agent.kill()
        time.sleep(chance.choice((0, 0, 1)))  # what it had begun goes on without it, or meets the next agent
        agent.start()
    for arn in arns:
        task = tasks.wait_stopped(arn, 60)
        if task["stopCode"] == "TaskFailedToStart":
            assert "end" not in tasks.logs(arn).splitlines(), task
            continue
        assert task["containers"][0]["exitCode"] == 4, (task, tasks.logs(arn))
        assert tasks.logs(arn).splitlines() == ["begin", "end"], task
    failed = [tasks.describe(a)["stoppedReason"] for a in arns if tasks.describe(a)["stopCode"] == "TaskFailedToStart"]
    print("failed to start: %s" % failed)
    assert len(failed) <= len(arns) // 2, "most tasks failed"
    r.wait_for(lambda: not [line for _, line in r.processes() if line.split(" ")[0].endswith("conmon") and data in line],
               20, what="end of all monitors")
    assert not os.listdir(data + "/agent/runtime/containers")

    def groups():
        ids = {a.split("/")[-1] for a in arns}
        return [d for d in glob.glob("/sys/fs/cgroup/*/slipway/*") + glob.glob("/sys/fs/cgroup/slipway/*")
                if os.path.basename(d) in ids]
    # Creations that outlived the agent are looked for some seconds after the start.
    r.wait_for(lambda: not groups(), 20, what="end of all control groups")
