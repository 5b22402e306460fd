# SPDX-License-Identifier: Apache-2.0
# ctest-cost: 19
"""Two servers on one database: their data folder's lock is taken away, as a file system without locks would. One plans services; the
other takes over when the first is stopped, paused or killed, and what wakes up again changes nothing."""
import json
import os
import re
import signal
import time

import pytest

from support import run as r
from support.fleet import Fleet
from support.server import Server

PATIENCE = 10


def start_beside(server):
    """Although another one has the folder."""
    os.unlink(os.path.join(server.data, "lock"))
    return server.start()


def metric(server, name):
    with server.http(None) as http:
        page = http.get("/metrics").body.decode()
    return int(re.search(r"^%s (\d+)$" % name, page, re.M).group(1))


def holds(server):
    return metric(server, "slipway_lease_held") == 1


def ready(server):
    with server.http(None) as http:
        return http.get("/readyz").status == 200


def events(server, name):
    with open(server.log, encoding="utf-8") as f:
        lines = [json.loads(line) for line in f if line.startswith("{")]
    return [e for e in lines if e.get("event") == name]


@pytest.fixture(name="servers")
def _servers():
    first = Server().start()
    second = Server(data=first.data)
    try:
        yield first, start_beside(second)
    finally:
        for server in (first, second):
            if server.process:
                server.process.send_signal(signal.SIGCONT)
        second.close()
        first.close()


def tasks_of(server, cluster):
    return len(server.boto("ecs").list_tasks(cluster=cluster, serviceName="web")["taskArns"])


def scale(server, cluster, n):
    server.boto("ecs").update_service(cluster=cluster, service="web", desiredCount=n)


def test_one_of_two_servers_plans(servers):
    first, second = servers
    assert holds(first) and not holds(second)
    assert ready(first) and ready(second)
    fleets = [Fleet(s, "shared") for s in servers]
    instance = fleets[0].join("one")
    fleets[0].define("web")
    ecs = first.boto("ecs")
    ecs.create_service(cluster="shared", serviceName="web", taskDefinition="web", desiredCount=2)
    r.wait_for(lambda: tasks_of(second, "shared") == 2, 10, 0.1, "two tasks")

    # Asked of the one that does not plan, done by the one that does.
    scale(second, "shared", 3)
    r.wait_for(lambda: tasks_of(second, "shared") == 3, 10, 0.1, "a third task")
    assert metric(second, "slipway_service_plans_total") == 0

    # Paused for longer than the others wait.
    first.process.send_signal(signal.SIGSTOP)
    paused = time.monotonic()
    r.wait_for(lambda: holds(second), PATIENCE + 10, 0.1, "the second to take over")
    assert time.monotonic() - paused > PATIENCE - 3
    assert fleets[1].agent("PollTasks", containerInstance=instance, waitSeconds=0).status == 200
    scale(second, "shared", 4)
    r.wait_for(lambda: tasks_of(second, "shared") == 4, 10, 0.1, "a fourth task")
    first.process.send_signal(signal.SIGCONT)
    r.wait_for(lambda: events(first, "lease-lost"), 10, 0.1, "the first to see it")
    assert not holds(first) and holds(second) and ready(first)
    assert tasks_of(first, "shared") == 4

    # Killed: this machine knows it at once.
    assert fleets[0].agent("PollTasks", containerInstance=instance, waitSeconds=0).status == 200
    second.kill()
    r.wait_for(lambda: holds(first), PATIENCE, 0.05, "the first to take over")
    assert events(first, "lease-taken")[-1]["why"] == "its holder is dead"
    scale(first, "shared", 5)
    r.wait_for(lambda: tasks_of(first, "shared") == 5, 10, 0.1, "a fifth task")

    # Stopped: given back.
    start_beside(second)
    assert holds(first) and not holds(second)
    first.stop()
    r.wait_for(lambda: holds(second), PATIENCE, 0.05, "the second to take over")
    assert events(second, "lease-taken")[-1]["why"] == "it was given back"
    assert metric(second, "slipway_lease_epoch") == 4
    assert tasks_of(second, "shared") == 5


def test_a_killed_server_plans_at_once_after_its_restart():
    server = Server().start()
    try:
        fleet = Fleet(server, "one")
        instance = fleet.join("one")
        fleet.define("web")
        server.boto("ecs").create_service(cluster="one", serviceName="web", taskDefinition="web", desiredCount=1)
        r.wait_for(lambda: tasks_of(server, "one") == 1, 10, 0.05, "a task")
        for i in range(2, 5):
            server.kill()
            server.start()
            assert fleet.agent("PollTasks", containerInstance=instance, waitSeconds=0).status == 200
            scale(server, "one", i)
            r.wait_for(lambda n=i: tasks_of(server, "one") == n, 10, 0.02, "another task")
        assert events(server, "lease-taken")[-1]["why"] == "its holder is dead"
    finally:
        server.close()


def test_a_data_folder_has_one_server():
    server = Server().start()
    try:
        other = r.run([r.BIN, "serve", "--data", server.data, "--listen", "127.0.0.1:0"],
                      env=r.clean_env(server.home), check=False)
        assert other.returncode == 1 and "another slipway uses" in other.stderr
    finally:
        server.close()


def test_a_server_alone_writes_nothing():
    server = Server().start()
    try:
        def rests():
            before = metric(server, "slipway_database_commits_total")
            time.sleep(4)
            return metric(server, "slipway_database_commits_total") == before
        r.wait_for(rests, 10, what="quiet after the start")
    finally:
        server.close()
