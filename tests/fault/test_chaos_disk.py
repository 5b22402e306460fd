# SPDX-License-Identifier: Apache-2.0
# ctest-lock: containers
# ctest-cost: 46
"""The disk of the server, then that of an agent, is full for a while, and processes die meanwhile. Nothing that was acknowledged is
forgotten, and with room everything comes to what is wanted by itself."""
import os
import signal
import time

import pytest

from chaos import CLUSTER, World
from support import run as r
from support.aws import call


def fill(folder):
    """Not a byte left; returns what gives it back."""
    path = os.path.join(folder, "fills-the-disk")
    with open(path, "wb", buffering=0) as f:
        for size in (1 << 20, 4096, 1):
            while True:
                try:
                    f.write(bytes(size))
                except OSError:
                    break
    return lambda: os.unlink(path)


@pytest.fixture
def world(request):
    r.need_root()
    for program in ("runc", "conmon", "busybox", "ip", "nsenter", "iptables", "mount"):
        r.need_program(program)
    w = World(3, agents=2, **request.param)
    try:
        yield w.start()
    finally:
        w.close()


@pytest.mark.parametrize("world", [{"server_disk": 64}], indirect=True)
def test_the_servers_disk(world):
    w, asked = world, b'{"cluster": "%s", "taskDefinition": "zero"}' % CLUSTER.encode()
    w.calm()
    w.run_task("three")
    empty = fill(w.server.data)
    for pid, _ in w.monitors()[:3]:
        w.hurt(pid)
    w.agents[0].kill()
    time.sleep(1)
    w.agents[0].start()
    answers = {call(w.server, "ecs", "RunTask", asked).status for _ in range(3)}
    assert answers <= {200, 500}, answers
    time.sleep(8)
    w.server.kill()
    empty()
    w.server.start()
    w.run_task("zero")
    w.calm()
    assert not w.complaints()


@pytest.mark.parametrize("world", [{"agent_disk": 96}], indirect=True)
def test_an_agents_disk(world):
    w = world
    w.calm()
    agent = w.agents[0]
    w.run_task("three")
    empty = fill(agent.data)
    for _ in range(4):
        w.run_task("three")
    for pid, of in w.monitors():
        if of is agent:
            w.hurt(pid)
            break
    w.define()
    for name in ("web", "fixed", "lines", "each"):
        w.server.boto("ecs").update_service(cluster=CLUSTER, service=name, taskDefinition=name)
    time.sleep(6)
    agent.kill()
    time.sleep(1)
    agent.start()
    time.sleep(6)
    empty()
    w.wounded |= {arn.rsplit("/", 1)[1] for _, arn in w.tasks.values()}
    w.calm()
    agent.process.send_signal(signal.SIGTERM)
    assert agent.process.wait(100) == 0
    assert not w.complaints()
