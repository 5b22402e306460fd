# SPDX-License-Identifier: Apache-2.0
"""Tasks on a `slipway up`: register, run, wait, read, stop."""
import json
import socket

from support import images
from support import run as r
from support.server import Port

# A role that tasks may have.
TRUST = json.dumps({"Version": "2012-10-17", "Statement": [
    {"Effect": "Allow", "Principal": {"Service": "ecs-tasks.amazonaws.com"}, "Action": "sts:AssumeRole"}]})

_ports = []


class Tasks:
    def __init__(self, server):
        self.server = server
        self.ecs = server.boto("ecs")
        r.wait_for(lambda: self.ecs.list_container_instances(status="ACTIVE")["containerInstanceArns"], 20, 0.1,
                   "container instance; log:\n" + r.tail(server.log))
        self.image = self.push(images.busybox(), "busybox")

    def push(self, image, repository, tag="v1"):
        """The image's name for a task definition."""
        self.server.create_repository(repository)
        with self.server.http() as http:
            image.push(http, repository, tag)
        return "%s/%s:%s" % (self.server.host_port, repository, tag)

    def define(self, family, *containers, **more):
        full = []
        for i, c in enumerate(containers or ({},)):
            # A shell as process 1 does not hear SIGTERM: without a short timeout each stop takes 30 s.
            c = dict({"name": "main" if i == 0 else "c%d" % i, "image": self.image, "memory": 64, "stopTimeout": 1}, **c)
            if isinstance(c.get("command"), str):
                c["command"] = ["sh", "-c", c["command"]]
            full.append(c)
        out = self.ecs.register_task_definition(family=family, containerDefinitions=full, **more)
        return out["taskDefinition"]["taskDefinitionArn"]

    def run(self, definition, **more):
        out = self.ecs.run_task(taskDefinition=definition, **more)
        assert out["failures"] == [] and len(out["tasks"]) == more.get("count", 1), out
        return out["tasks"][0]["taskArn"]

    def start(self, family, *containers, **more):
        return self.run(self.define(family, *containers, **more))

    def describe(self, arn):
        out = self.ecs.describe_tasks(tasks=[arn])
        assert out["failures"] == [], out
        return out["tasks"][0]

    def container(self, arn, name="main"):
        return [c for c in self.describe(arn)["containers"] if c["name"] == name][0]

    def _wait(self, arn, status, seconds):
        def look():
            task = self.describe(arn)
            return task if task["lastStatus"] in (status, "STOPPED") else None
        return r.wait_for(look, seconds, 0.1, status + " task; now %s; log:\n%s" % (
            self.describe(arn)["lastStatus"], r.tail(self.server.log)))

    def wait_running(self, arn, seconds=30):
        task = self._wait(arn, "RUNNING", seconds)
        assert task["lastStatus"] == "RUNNING", (task, self.logs(arn))
        return task

    def wait_stopped(self, arn, seconds=40):
        return self._wait(arn, "STOPPED", seconds)

    def stop(self, arn, reason="the test is over", seconds=40):
        self.ecs.stop_task(task=arn, reason=reason)
        return self.wait_stopped(arn, seconds)

    def logs(self, arn, container=None):
        more = ["--container", container] if container else []
        return self.server.slipway("logs", arn, *more).stdout

    def output(self, family, command, **more):
        """What a task with this one command prints; it must exit with 0."""
        task_more = more.pop("task", {})
        arn = self.start(family, dict({"command": command}, **more), **task_more)
        task = self.wait_stopped(arn)
        text = self.logs(arn)
        assert task["containers"][0].get("exitCode") == 0, (task, text)
        return text

    def pid(self, arn):
        """Host process id of the task's first process: the child of its monitor."""
        task_id = arn.rsplit("/", 1)[1]
        for pid, line in r.processes():
            if "conmon" in line.split(" ")[0] and task_id[:12] in line and self.server.data in line:
                for child, _ in r.processes():
                    try:
                        with open("/proc/%d/stat" % child, encoding="utf-8", errors="replace") as f:
                            if int(f.read().rsplit(")", 1)[1].split()[1]) == pid:
                                return child
                    except OSError:
                        continue
        return 0


def fetch(port, host="127.0.0.1", path="/index.html", timeout=20):
    """The whole answer to a plain GET; empty when nobody answers."""
    try:
        with socket.create_connection((host, port), timeout) as s:
            s.sendall(("GET %s HTTP/1.0\r\nHost: x\r\n\r\n" % path).encode())
            return b"".join(iter(lambda: s.recv(65536), b"")).decode("utf-8", "replace")
    except OSError:
        return ""


def free_port():
    """One that nobody else gets as long as the test runs."""
    _ports.append(Port())
    return _ports[-1].number
