# SPDX-License-Identifier: Apache-2.0
# ctest-lock: containers
# ctest-cost: 45
"""What somebody sees who is at work while the server is killed and started again: run ends with the code and every line once, logs
--follow goes on, the CLI's waiter waits, top and events go on by themselves."""
import json
import signal
import subprocess
import time

import pytest

from support import run as r
from support.server import Server
from support.tasks import Tasks

LINES = 40
COMMAND = "i=0; while test $i -lt %d; do i=$((i+1)); echo line $i; sleep 0.2; done; exit 9" % LINES


@pytest.fixture
def machine():
    r.need_root()
    s = Server("up")
    try:
        yield s.start()
    finally:
        s.close()


class Client:
    """A program in the background, and what it said."""

    def __init__(self, server, folder, name, argv):
        self.out, self.err = folder / (name + ".out"), folder / (name + ".err")
        # The AWS CLI waits a random time between its attempts: enough of them for a server that is away for some seconds.
        env = server.env(SLIPWAY_DATA=server.data, AWS_MAX_ATTEMPTS="12")
        with open(self.out, "wb") as out, open(self.err, "wb") as err:
            self.process = subprocess.Popen(argv, env=env, stdin=subprocess.DEVNULL, stdout=out, stderr=err)

    def wait(self, seconds):
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired as e:
            raise AssertionError("it never ended: " + self.err.read_text()) from e

    def end(self):
        r.end(self.process, signal.SIGTERM, 10)


def test_clients_outlive_a_restart_of_the_server(machine, tmp_path):
    tasks = Tasks(machine)
    definition = tmp_path / "count.json"
    definition.write_text(json.dumps({"family": "count", "containerDefinitions": [
        {"name": "main", "image": tasks.image, "memory": 32, "command": ["sh", "-c", COMMAND]}]}))
    tasks.define("stays", {"command": "sleep 1000"})
    clients = []

    def client(name, *argv):
        clients.append(Client(machine, tmp_path, name, list(argv)))
        return clients[-1]
    try:
        run = client("run", r.BIN, "run", str(definition))
        top = client("top", r.BIN, "top", "--interval", "500ms")
        tasks.ecs.create_service(serviceName="first", taskDefinition="stays", desiredCount=1)
        events = client("events", r.BIN, "events", "--follow")
        r.wait_for(lambda: "line 5\n" in run.out.read_text() and top.out.read_text(), 30, 0.1, "lines")
        arn = tasks.ecs.list_tasks(family="count")["taskArns"][0]
        follow = client("logs", r.BIN, "logs", arn, "--follow")
        tasks.ecs.create_service(serviceName="second", taskDefinition="stays", desiredCount=2)
        stable = client("wait", r.need_program("aws"), "--endpoint-url", machine.endpoint, "ecs", "wait", "services-stable", "--services",
                        "first", "second")
        time.sleep(0.5)
        machine.kill()
        time.sleep(2)
        looked = len(top.out.read_text())
        machine.start()
        whole = ["line %d" % i for i in range(1, LINES + 1)]
        assert run.wait(300) == 9, run.err.read_text()
        assert run.out.read_text().splitlines() == whole
        assert follow.wait(150) == 0, follow.err.read_text()
        assert follow.out.read_text().splitlines() == whole
        assert stable.wait(300) == 0, stable.err.read_text()
        assert "the server answers again" in run.err.read_text() and "the server answers again" in follow.err.read_text()
        r.wait_for(lambda: len(top.out.read_text()) > looked and "the server answers again" in top.err.read_text(), 20, 0.2, "top goes on")
        r.wait_for(lambda: "(service second) has reached a steady state." in events.out.read_text(), 60, 0.2,
                   "events go on" + "; so far:\n" + machine.slipway("events").stdout)
        said = [line.split("  ", 2)[2] for line in events.out.read_text().splitlines()]
        assert len([s for s in said if "(service first) has reached" in s]) == 1, said
        assert len(tasks.ecs.list_tasks(family="count", desiredStatus="STOPPED")["taskArns"]) == 1, "a second task was started"
    finally:
        for c in clients:
            c.end()
