# SPDX-License-Identifier: Apache-2.0
"""Several machines on one: a network namespace each, with its own address, on a bridge where the server has an address too; a server and
agents there."""
import glob
import os
import signal
import subprocess
import tempfile
import time

from support import images
from support import run as r
from support.server import Network, Server


# AWS's managed policy: what an agent may do.
AGENT_POLICY = "arn:aws:iam::aws:policy/service-role/AmazonEC2ContainerServiceforEC2Role"


def _ip(*argv, check=True):
    return r.run([r.need_program("ip")] + list(argv), env=r.clean_env("/tmp"), check=check)


class Machines:
    """The bridge and its namespaces. Numbers and names come from a locked network number, so that runs do not meet."""

    def __init__(self, count):
        self.network = Network()
        self.bridge = "swm%d" % self.network.index
        self.prefix = "10.242.%d" % self.network.index
        self.names = ["%s-%d" % (self.bridge, i) for i in range(1, count + 1)]
        self.remove()
        _ip("link", "add", self.bridge, "type", "bridge")
        _ip("addr", "add", self.prefix + ".254/24", "dev", self.bridge)
        _ip("link", "set", self.bridge, "up")
        for i in range(1, count + 1):
            self.add(i)

    def add(self, i):
        name = self.names[i - 1]
        _ip("netns", "add", name)
        _ip("link", "add", self.outside(i), "type", "veth", "peer", "name", "eth0", "netns", name)
        _ip("link", "set", self.outside(i), "master", self.bridge, "up")
        for argv in (("link", "set", "lo", "up"), ("addr", "add", "%s/24" % self.address(i), "dev", "eth0"),
                     ("link", "set", "eth0", "up"), ("route", "add", "default", "via", self.server_address)):
            _ip("-n", name, *argv)

    @property
    def server_address(self):
        return self.prefix + ".254"

    def address(self, i):
        return "%s.%d" % (self.prefix, i)

    def outside(self, i):
        return "%sv%d" % (self.bridge, i)

    def connect(self, i, there):
        _ip("link", "set", self.outside(i), "up" if there else "down")

    def take(self, i):
        _ip("link", "delete", self.outside(i), check=False)
        _ip("netns", "delete", self.names[i - 1], check=False)

    def remove(self):
        for i in range(1, len(self.names) + 1):
            self.take(i)
        _ip("link", "delete", self.bridge, check=False)

    def close(self):
        self.remove()
        self.network.free()


class Agent:
    """slipway agent in the namespace of machine i. Its folder stays between stop() or kill() and start()."""

    def __init__(self, machines, i, endpoint, config, args=()):
        self.machines, self.i, self.endpoint, self.args = machines, i, endpoint, list(args)
        self.home = tempfile.mkdtemp(prefix="slipway-test-agent-")
        self.data = os.path.join(self.home, "data")
        self.log = os.path.join(self.home, "agent.log")
        self.config = os.path.join(self.home, "ecs.config")
        self.process = None
        self.before = []  # a program, with its words, that starts the agent
        with open(self.config, "w", encoding="utf-8") as f:
            f.write("".join("%s=%s\n" % kv for kv in dict(config, ECS_BACKEND_HOST=endpoint, ECS_DATADIR=self.data).items()))

    def start(self):
        # Not `ip netns exec`: that makes a mount namespace, and mounts of a killed agent would be out of sight of the next.
        argv = [r.need_program("nsenter"), "--net=/run/netns/" + self.machines.names[self.i - 1]] + self.before + [
                r.BIN, "agent", "--config", self.config, "--bridge-name", "swt0", "--bridge-subnet", "10.243.%d.0/24" % self.i] + self.args
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(argv, env=r.clean_env(self.home), stdout=log, stderr=log, stdin=subprocess.DEVNULL,
                                            cwd=self.home)
        return self

    def kill(self):
        self.process.kill()
        self.process.wait(10)
        self.process = None

    def stop(self):
        if self.process:
            r.end(self.process, signal.SIGTERM, 20)
            self.process = None

    def containers(self):
        """Process ids of its containers' monitors."""
        return [pid for pid, line in r.processes() if "conmon" in line.split(" ")[0] and self.data + "/" in line]

    def close(self):
        self.stop()
        r.show_log("log of agent %d" % self.i, self.log)
        tasks = glob.glob(self.data + "/tasks/*")
        for _ in range(3):  # monitors first, then what they leave
            for pid, line in r.processes():
                if self.data + "/" in line and pid != os.getpid():
                    for child in [pid] + _children(pid):
                        try:
                            os.kill(child, signal.SIGKILL)
                        except ProcessLookupError:
                            continue
        r.remove_tree(self.home)
        for task in tasks:
            remove_groups(os.path.basename(task))


class Site:
    """A server that the machines reach, with a user for agents, and the agents."""

    def __init__(self, count, args=()):
        self.machines = Machines(count)
        self.server = Server("serve")
        self.server.args = ["--listen", "0.0.0.0:%d" % self.server.port, "--agent-timeout", "2s"] + list(args)
        self.address = "%s:%d" % (self.machines.server_address, self.server.port)
        self.agents = []

    def start(self):
        self.server.start()
        self.ecs = self.server.boto("ecs")
        self.server.add_user("machines")
        self.server.boto("iam").attach_user_policy(UserName="machines", PolicyArn=AGENT_POLICY)
        return self

    def agent(self, i, **config):
        """Of machine i; not started."""
        agent = Agent(self.machines, i, "http://" + self.address, config,
                      args=["--credentials", self.server.home + "/credentials-machines"])
        self.agents.append(agent)
        return agent

    def push(self, name="busybox", image=None, tag="v1"):
        self.server.create_repository(name)
        with self.server.http() as http:
            (image or images.busybox()).push(http, name, tag)

    def close(self):
        try:
            for agent in self.agents:
                agent.close()
        finally:
            try:
                self.server.close()
            finally:
                self.machines.close()


def remove_groups(task, seconds=2):
    """Control groups of a task whose processes are ending."""
    until = time.monotonic() + seconds
    while True:
        left = glob.glob("/sys/fs/cgroup/*/slipway/" + task) + glob.glob("/sys/fs/cgroup/slipway/" + task)
        for group in left:
            for folder in glob.glob(group + "/*/") + [group]:
                try:
                    os.rmdir(folder)
                except OSError:
                    continue
        if not left or time.monotonic() > until:
            return
        time.sleep(0.02)


def _children(parent):
    found = []
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                with open("/proc/%s/stat" % name, encoding="utf-8", errors="replace") as f:
                    if int(f.read().rsplit(")", 1)[1].split()[1]) == parent:
                        found.append(int(name))
            except OSError:
                continue
    return found
