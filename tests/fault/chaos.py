# SPDX-License-Identifier: Apache-2.0
"""A fleet that work is asked of while its processes are killed: the world, what may happen to it, and what must hold when it is quiet
again (chaos_checks.py). Everything random comes from one seed."""
import glob
import http.client
import json
import os
import random
import re
import shutil
import signal
import subprocess
import threading
import time

from botocore.exceptions import BotoCoreError, ClientError

from chaos_checks import Checks, groups
from support import images
from support import run as r
from support.aws import call
from support.machines import Site

CLUSTER, FIXED_PORT, LOGS = "storm", 8088, "chaos"
COUNT = "i=0; trap 'exit 0' TERM; while :; do i=$((i+1)); echo line $i; sleep 0.2; done"
SERVE = "mkdir -p /tmp/w; echo version-%s > /tmp/w/index.html; exec httpd -f -p 80 -h /tmp/w"
# A line when it began and one when it came to its end: who began twice ran twice.
ONCE = "echo begin >> /marks/$MARK; %s; echo end >> /marks/$MARK; exit %d"
KINDS = {"zero": ("sleep 0.2", 0), "three": ("sleep 1", 3), "long": ("sleep 20", 7)}


class World(Site):
    def __init__(self, seed, agents=3, say=print, server_disk=0, agent_disk=0):
        """Disks: MiB of a file system of its own under the data of the server, or of each agent."""
        self.chance, self.say, self.count = random.Random(seed), say, agents
        super().__init__(agents, args=["--agent-grace", "6s", "--task-healthy-after", "1s"])
        self.agent_disk = agent_disk
        if server_disk:
            self.disk(self.server.data, server_disk)
        self.marks = os.path.join(self.server.home, "marks")
        os.makedirs(self.marks)
        self.version = 0
        self.tasks = {}      # what was asked for: mark -> (kind, ARN of the answer, or None)
        self.services = {}   # name -> wanted count, None for a daemon
        self.prepare, self.prepared = lambda: None, None  # before the agents start
        self.wounded = set()  # containers that were hurt on purpose: their ends are not the program's
        self.forgotten = set()  # those that the runtime knows nothing of any more

    # -- beginning and end

    def start(self):
        super().start()
        ecs = self.ecs
        ecs.create_cluster(clusterName=CLUSTER)
        self.server.boto("logs").create_log_group(logGroupName=LOGS)
        self.server.create_repository("busybox")
        for i in range(1, self.count + 1):
            agent = self.agent(i, ECS_CLUSTER=CLUSTER, ECS_INSTANCE_ATTRIBUTES='{"machine": "m%d"}' % i, ECS_RESERVED_MEMORY="64")
            if self.agent_disk:
                self.disk(agent.data, self.agent_disk)
        self.prepared = self.prepare()
        for agent in self.agents:
            agent.start()
        r.wait_for(lambda: len(self.instances()) == self.count, 30, 0.2, "instances; " + r.tail(self.agents[0].log))
        self.define()
        for kind, (command, code) in KINDS.items():
            ecs.register_task_definition(family=kind, volumes=[{"name": "marks", "host": {"sourcePath": self.marks}}], containerDefinitions=[
                self.container(ONCE % (command, code), mountPoints=[{"sourceVolume": "marks", "containerPath": "/marks"}])])
        percent = {"minimumHealthyPercent": 50, "maximumPercent": 200}
        self.create("web", 4, deploymentConfiguration=percent)
        self.create("fixed", 2, deploymentConfiguration={"minimumHealthyPercent": 0, "maximumPercent": 100})
        self.create("each", None, schedulingStrategy="DAEMON")
        self.create("vpc", 2, deploymentConfiguration=percent,
                    networkConfiguration={"awsvpcConfiguration": {"subnets": ["subnet-1"]}})
        self.create("lines", 2, deploymentConfiguration=percent)
        self.create("shared", 2, deploymentConfiguration=percent)
        return self

    @staticmethod
    def disk(folder, megabytes):
        os.makedirs(folder)
        r.run(["mount", "-t", "tmpfs", "-o", "size=%dm,mode=0700" % megabytes, "chaos", folder])

    def container(self, command, **more):
        return dict({"name": "c", "image": self.address + "/busybox:v%d" % self.version, "memory": 16, "stopTimeout": 1,
                     "command": ["sh", "-c", command]}, **more)

    def define(self):
        """A new revision of each family, with an image of its own that has to be pulled."""
        self.version += 1
        noise = self.chance.randbytes(2 << 20)
        with self.server.http(timeout=20) as http:
            images.busybox(more=[[("noise", noise, 0o644)]]).push(http, "busybox", "v%d" % self.version)
        page = SERVE % self.version
        for family, command, more, task in (
                ("web", page, {"portMappings": [{"containerPort": 80}]}, {}),
                ("fixed", page, {"portMappings": [{"containerPort": 80, "hostPort": FIXED_PORT}]}, {}),
                ("each", "sleep 100000", {}, {}),
                ("shared", "sleep 100000", {}, {"pidMode": "task"}),
                ("vpc", page, {"portMappings": [{"containerPort": 80}]}, {"networkMode": "awsvpc"}),
                ("lines", COUNT, {"logConfiguration": {"logDriver": "awslogs", "options": {
                    "awslogs-group": LOGS, "awslogs-region": "us-east-1", "awslogs-stream-prefix": "s", "mode": "blocking"}}}, {})):
            second = [self.container("sleep 100000", name="beside", essential=False,
                                     restartPolicy={"enabled": True, "restartAttemptPeriod": 60})] if family == "vpc" else []
            self.register(family=family, containerDefinitions=[self.container(command, **more)] + second, **task)

    def register(self, **more):
        """Debian's boto3 knows no restartPolicy."""
        reply = call(self.server, "ecs", "RegisterTaskDefinition", json.dumps(more).encode())
        assert reply.status == 200, reply.body

    def create(self, name, count, **more):
        if count is not None:
            more["desiredCount"] = count
        self.server.boto("ecs").create_service(cluster=CLUSTER, serviceName=name, taskDefinition=name, **more)
        self.services[name] = count

    # -- looking

    def instances(self):
        ecs = self.server.boto("ecs")
        arns = ecs.list_container_instances(cluster=CLUSTER)["containerInstanceArns"]
        return ecs.describe_container_instances(cluster=CLUSTER, containerInstances=arns)["containerInstances"] if arns else []

    def monitors(self):
        """(pid, agent) of each container's monitor."""
        return [(pid, a) for pid, line in sorted(r.processes()) for a in self.agents
                if line.split(" ")[0].endswith("conmon") and a.data + "/" in line]

    def complaints(self):
        """Of sanitizers, in what our programs wrote."""
        found = []
        for path in [self.server.log] + [a.log for a in self.agents]:
            with open(path, encoding="utf-8", errors="replace") as f:
                found += [line for line in f if "Sanitizer" in line or "runtime error:" in line]
        return found

    # -- asking for work; whatever is in its way, until it is taken

    def insist(self, what, call, seconds=300):
        until = time.monotonic() + seconds
        while True:
            try:
                return call(self.server.boto("ecs"))
            except ClientError as e:
                if e.response["ResponseMetadata"]["HTTPStatusCode"] < 500 or time.monotonic() > until:
                    raise
            except (BotoCoreError, OSError, http.client.HTTPException):
                if time.monotonic() > until:
                    raise
            time.sleep(0.2)

    def run_task(self, kind):
        mark = "%s-%032x" % (kind, self.chance.getrandbits(128))
        self.tasks[mark] = (kind, None)

        body = json.dumps({"cluster": CLUSTER, "taskDefinition": kind, "clientToken": mark.split("-")[1], "overrides": {
            "containerOverrides": [{"name": "c", "environment": [{"name": "MARK", "value": mark}]}]}}).encode()

        def ask(_):
            """Debian's boto3 knows no clientToken here."""
            reply = call(self.server, "ecs", "RunTask", body)
            if reply.status >= 500:
                raise OSError("answer %d" % reply.status)
            assert reply.status == 200, reply
            return json.loads(reply.body)
        out = self.insist("run-task", ask)
        if out["tasks"]:
            self.tasks[mark] = (kind, out["tasks"][0]["taskArn"])

    def work(self):
        """One thing that somebody asks for."""
        c = self.chance
        what = c.choice(["run"] * 5 + ["roll", "roll", "force", "scale", "scale", "drain", "activate", "stop"])
        try:
            if what == "run":
                for kind in c.sample(sorted(KINDS), 2):
                    self.run_task(kind)
            elif what in ("roll", "force"):
                name = c.choice(sorted(self.services))
                if what == "roll" and self.server.process:
                    self.define()
                self.insist(what, lambda ecs: ecs.update_service(cluster=CLUSTER, service=name, taskDefinition=name, forceNewDeployment=True))
            elif what == "scale":
                name, count = c.choice(["web", "lines", "vpc"]), c.randrange(0, 6)
                self.insist(what, lambda ecs: ecs.update_service(cluster=CLUSTER, service=name, desiredCount=count))
                self.services[name] = count
            elif what == "stop":
                arns = self.insist(what, lambda ecs: ecs.list_tasks(cluster=CLUSTER))["taskArns"]
                if arns:
                    arn = c.choice(arns)
                    self.insist(what, lambda ecs: ecs.stop_task(cluster=CLUSTER, task=arn, reason="storm"))
                    self.wounded.add(arn.rsplit("/", 1)[1])
            else:
                known = sorted(i["containerInstanceArn"] for i in self.insist(what, lambda ecs: self.instances()))
                one = c.choice(known)
                self.insist(what, lambda ecs: ecs.update_container_instances_state(
                    cluster=CLUSTER, containerInstances=[one], status="DRAINING" if what == "drain" else "ACTIVE"))
        except (ClientError, BotoCoreError, OSError, AssertionError) as e:
            return "%s: %s" % (what, e)
        return what

    # -- what happens to it: each returns what ends it, or None

    def kill_server(self):
        self.server.kill()
        return self.server.start

    def end_server(self):
        self.server.stop()
        return self.server.start

    def freeze_server(self):
        self.server.process.send_signal(signal.SIGSTOP)
        return lambda: self.server.process.send_signal(signal.SIGCONT)

    def kill_agent(self):
        agent = self.chance.choice([a for a in self.agents if a.process] or [None])
        if not agent:
            return None
        agent.kill()
        return agent.start

    def end_agent(self):
        agent = self.chance.choice([a for a in self.agents if a.process] or [None])
        if not agent:
            return None
        agent.stop()
        return agent.start

    def freeze_agent(self):
        agent = self.chance.choice([a for a in self.agents if a.process] or [None])
        if not agent:
            return None
        process = agent.process
        process.send_signal(signal.SIGSTOP)

        def wake():
            if process.poll() is None:
                process.send_signal(signal.SIGCONT)
        return wake

    def cut(self):
        i = self.chance.randrange(1, self.count + 1)
        self.machines.connect(i, False)
        return lambda: self.machines.connect(i, True)

    def hurt(self, pid):
        try:
            with open("/proc/%d/cmdline" % pid, "rb") as f:
                line = f.read().decode("utf-8", "replace")
            if "/tasks/" in line:
                self.wounded.add(line.split("/tasks/", 1)[1].split("/", 1)[0])
            os.kill(pid, signal.SIGKILL)
        except (OSError, IndexError):
            pass

    def kill_monitor(self):
        found = self.monitors()
        if found:
            self.hurt(self.chance.choice(sorted(p for p, _ in found)))

    def freeze_monitor(self):
        found = sorted(p for p, _ in self.monitors())
        if not found:
            return None
        pid = self.chance.choice(found)
        os.kill(pid, signal.SIGSTOP)

        def wake():
            try:
                os.kill(pid, signal.SIGCONT)
            except OSError:
                pass
        return wake

    def kill_container(self):
        """The container's first process."""
        found = sorted(p for p, _ in self.monitors())
        if not found:
            return
        monitor = self.chance.choice(found)
        for pid, parent in r_parents():
            if parent == monitor:
                try:
                    with open("/proc/%d/cgroup" % pid, encoding="utf-8") as f:
                        text = f.read()
                    if "/slipway/" in text:
                        self.wounded.add(text.split("/slipway/", 1)[1].split("/", 1)[0].strip())
                    os.kill(pid, signal.SIGKILL)
                except OSError:
                    pass

    def hunt(self, is_prey, seconds=1.5):
        """Kills the first process that is_prey(pid, line) names within that time."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            for pid, line in r.processes():
                if is_prey(pid, line):
                    self.hurt(pid)
                    return
            time.sleep(0.002)

    def kill_runtime(self):
        self.hunt(lambda pid, line: line.split(" ")[0].endswith("runc") and any(a.data + "/" in line for a in self.agents))

    def kill_creating_monitor(self):
        old = {p for p, _ in self.monitors()}
        self.hunt(lambda pid, line: pid not in old and line.split(" ")[0].endswith("conmon") and any(a.data + "/" in line for a in self.agents))

    def kill_plugin(self):
        mine = {a.process.pid for a in self.agents if a.process}
        names = ("/bridge", "/portmap", "/host-local", "/iptables", "iptables")

        def is_prey(pid, line):
            return line and line.split(" ")[0].endswith(names) and bool(set(ancestors(pid)) & mine)
        self.hunt(is_prey)

    # -- what an operator, or another program, takes away

    def inside(self, a, *argv):
        return subprocess.run(["nsenter", "--net=/run/netns/" + self.machines.names[a.i - 1]] + list(argv), check=False, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout

    def take_bridge(self):
        self.inside(self.chance.choice(self.agents), "ip", "link", "del", "swt0")

    def flush_rules(self):
        a = self.chance.choice(self.agents)
        for what in ("-F", "-X"):
            self.inside(a, "iptables", "-w", "-t", "nat", what)

    def take_cable(self):
        a = self.chance.choice(self.agents)
        ports = sorted(re.findall(r"^\d+: (veth\w+)@", self.inside(a, "ip", "-o", "link"), re.M))
        if ports:
            port = self.chance.choice(ports)
            self.wound_holders(a, port)
            self.inside(a, "ip", "link", "del", port)

    def wound_holders(self, a, port):
        """Tasks of the lease whose file names that port."""
        def text(path):
            try:
                with open(path, encoding="utf-8") as f:
                    return f.read()
            except OSError:
                return ""
        for path in glob.glob(a.data + "/networks/net-*.json"):
            if port in text(path):
                lease = os.path.basename(path)[:-5]
                self.wounded |= {p.split("/")[-2] for p in glob.glob(a.data + "/tasks/*/state.json") if lease in text(p)}

    def forget_container(self):
        a = self.chance.choice(self.agents)
        found = sorted(glob.glob(a.data + "/runtime/runtime/*"))
        if found:
            one = self.chance.choice(found)
            self.forgotten.add(os.path.basename(one))
            shutil.rmtree(one, ignore_errors=True)

    def kill_everything(self):
        """Server, agents, monitors and containers, as with the power: no monitor sees its container end."""
        pids = [p for p, _ in self.monitors()] + [a.process.pid for a in self.agents if a.process]
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
        for agent in self.agents:
            agent.kill()
        self.server.kill()
        self.wounded |= {t.rsplit("/", 1)[1] for _, t in self.tasks.values() if t}

        def gone():
            left = [p for p, _ in self.monitors()]
            left += [p for p, line in r.processes() if any(a.data + "/" in line for a in self.agents)]
            tasks = {os.path.basename(d) for a in self.agents for d in glob.glob(a.data + "/tasks/*")}
            left += [int(p) for task, found in groups().items() if task in tasks for p in found]
            for pid in left:  # monitors first
                try:
                    os.kill(pid, signal.SIGKILL)
                except OSError:
                    pass
            return not left
        r.wait_for(gone, 20, what="end of all containers")

    def start_everything(self):
        self.server.start()
        for agent in self.agents:
            agent.start()

    def kill_monitors(self):
        """All of one machine."""
        agent = self.chance.choice(self.agents)
        for pid, of in self.monitors():
            if of is agent:
                self.hurt(pid)

    def storm(self, strokes=8, pause=1.2):
        """Workers ask for things while strokes fall, two at a time now and then; then everything is healed."""
        end, heal, said = threading.Event(), [], []

        def work():
            while not end.is_set():
                said.append(self.work())
                end.wait(self.chance.uniform(0.05, 0.5))
        worker = threading.Thread(target=work, daemon=True)
        worker.start()
        strokes_known = [self.kill_server, self.kill_server, self.end_server, self.freeze_server, self.kill_agent, self.kill_agent,
                         self.kill_agent, self.end_agent, self.freeze_agent, self.cut, self.kill_monitor, self.kill_monitors,
                         self.freeze_monitor,
                         self.kill_container, self.kill_runtime, self.kill_runtime, self.kill_creating_monitor, self.kill_plugin,
                         self.kill_plugin, self.take_bridge, self.flush_rules, self.take_cable, self.forget_container]
        without = os.environ.get("SLIPWAY_TEST_WITHOUT", "").split(",")
        strokes_known = [f for f in strokes_known if f.__name__ not in without]
        for _ in range(strokes):
            for _ in range(self.chance.choice((1, 1, 2))):
                stroke = self.chance.choice(strokes_known)
                if "server" in stroke.__name__ and any("server" in name for _, name, _ in heal):
                    continue
                self.say("  %s" % stroke.__name__)
                undo = stroke()
                if undo:
                    heal.append((time.monotonic() + self.chance.choice((0, 0.2, 1, 3, 9)), stroke.__name__, undo))
            time.sleep(self.chance.uniform(0, pause))
            heal = self.heal(heal, False)
        end.set()
        self.heal(heal, True)
        worker.join(120)
        assert not worker.is_alive(), "a call never came back"
        self.say("  asked: %s" % said)

    @staticmethod
    def heal(heal, all_of_them):
        left = []
        for due, name, undo in sorted(heal, key=lambda h: h[0]):
            if all_of_them or time.monotonic() >= due:
                undo()
            else:
                left.append((due, name, undo))
        return left

    def calm(self):
        """Machines that drain are made active again; then all must come to what is wanted, by itself."""
        began = time.monotonic()
        r.wait_for(lambda: all(i["agentConnected"] for i in self.instances()), 60, 0.3, "agents that are back")
        for i in self.instances():
            if i["status"] != "ACTIVE":
                self.server.boto("ecs").update_container_instances_state(
                    cluster=CLUSTER, containerInstances=[i["containerInstanceArn"]], status="ACTIVE")
        Checks(self).all()
        self.say("  at rest after %d s" % (time.monotonic() - began))


def r_parents():
    """(pid, its parent) of every process."""
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                with open("/proc/%s/stat" % name, encoding="utf-8", errors="replace") as f:
                    yield int(name), int(f.read().rsplit(")", 1)[1].split()[1])
            except OSError:
                continue


def ancestors(pid):
    for _ in range(6):
        try:
            with open("/proc/%d/stat" % pid, encoding="utf-8", errors="replace") as f:
                pid = int(f.read().rsplit(")", 1)[1].split()[1])
        except OSError:
            return
        yield pid
