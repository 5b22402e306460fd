# SPDX-License-Identifier: Apache-2.0
# ctest-lock: containers
# ctest-cost: 67
"""Storms on a fleet: server, agents, monitors, runtimes, network plugins and containers are killed, frozen and cut off at random
moments, two at a time now and then, while people deploy, scale, drain and run tasks. Afterwards everything comes to what is wanted without
anybody, nothing ran twice or was forgotten, and nothing is left over. Long: SLIPWAY_TEST_LONG=1, SLIPWAY_TEST_STORMS=N."""
import os
import random
import re

import pytest

from chaos import World
from support import run as r

SEED = int(os.environ.get("SLIPWAY_TEST_SEED") or (random.randrange(1 << 32) if r.LONG else 5))
STORMS = int(os.environ.get("SLIPWAY_TEST_STORMS") or (25 if r.LONG else 2))


@pytest.fixture
def world():
    r.need_root()
    for program in ("runc", "conmon", "busybox", "ip", "nsenter", "iptables"):
        r.need_program(program)
    w = World(SEED, agents=2 + SEED % 4 if r.LONG else 3)
    try:
        yield w.start()
    finally:
        w.close()


def sizes(world):
    """Resident KiB, threads and descriptors of each process of ours."""
    found = {}
    for name, process in [("server", world.server.process)] + [("agent %d" % a.i, a.process) for a in world.agents]:
        with open("/proc/%d/status" % process.pid, encoding="utf-8") as f:
            text = f.read()
        found[name] = tuple(int(re.search(key + r":\s+(\d+)", text).group(1)) for key in ("VmRSS", "Threads")) + (
            len(os.listdir("/proc/%d/fd" % process.pid)),)
    return found


def test_storms(world):
    print("SLIPWAY_TEST_SEED=%d" % SEED, flush=True)
    world.calm()
    for i in range(STORMS):
        print("storm %d" % i, flush=True)
        world.storm(strokes=16 if r.LONG else 12)
        world.calm()
        print("  %s" % sizes(world), flush=True)
    for name, (_, threads, descriptors) in sizes(world).items():
        assert threads < 120 and descriptors < 200, (name, sizes(world))
    assert not world.complaints()
    world.server.stop()
    world.server.slipway("fsck", "--data", world.server.data)
