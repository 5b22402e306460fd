# SPDX-License-Identifier: Apache-2.0
# ctest-lock: containers
# ctest-cost: 47
"""Everything dies at once: by SIGKILL, and by the power, after which mounts, namespaces, control groups and what lay in memory are gone
too. Services come back by themselves; tasks that ran are STOPPED, say why, and are not run again."""
import glob
import os
import shutil
import time
import uuid

import pytest

from chaos import CLUSTER, World
from support import run as r


@pytest.fixture
def world():
    r.need_root()
    for program in ("runc", "conmon", "busybox", "ip", "nsenter", "iptables", "unshare"):
        r.need_program(program)
    w = World(7, agents=2)
    try:
        yield w
    finally:
        w.close()


def standalone(w):
    """Tasks that run, and one that is about to. ARNs."""
    for _ in range(2):
        w.run_task("long")
    arns = [arn for _, arn in w.tasks.values()]

    def running():
        tasks = w.server.boto("ecs").describe_tasks(cluster=CLUSTER, tasks=arns)["tasks"]
        return all(t["lastStatus"] == "RUNNING" for t in tasks)
    r.wait_for(running, 40, 0.2, "tasks that run")
    w.run_task("long")
    return arns


def ends(w, arns, reason):
    tasks = w.server.boto("ecs").describe_tasks(cluster=CLUSTER, tasks=arns)["tasks"]
    for t in tasks:
        assert t["lastStatus"] == "STOPPED" and t["stopCode"] == "EssentialContainerExited", t
        assert "exitCode" not in t["containers"][0] and reason in t["containers"][0]["reason"], t


def test_everything_killed_at_once(world):
    w = world.start()
    w.calm()
    arns = standalone(w)
    w.kill_everything()
    w.start_everything()
    w.calm()
    ends(w, arns, "CannotInspectContainerError: ")


class Boot:
    """Agents that have their own mounts and their own name of the boot."""

    def __init__(self, w):
        self.w = w
        for agent in w.agents:
            agent.before = ["unshare", "--mount", "--propagation", "private", "sh", "-c",
                            'mount --bind "$0" /proc/sys/kernel/random/boot_id && exec "$@"', agent.home + "/boot"]
        self.new()

    def new(self):
        for agent in self.w.agents:
            with open(agent.home + "/boot", "w", encoding="utf-8") as f:
                f.write("%s\n" % uuid.uuid4())

    def again(self, runtime_in_memory):
        """What a machine has lost when it comes up."""
        w = self.w
        w.kill_everything()
        for agent in w.agents:
            for task in glob.glob(agent.data + "/tasks/*"):
                for group in glob.glob("/sys/fs/cgroup/*/slipway/" + os.path.basename(task)):
                    for folder in glob.glob(group + "/*/") + [group]:
                        r.wait_for(lambda f=folder: not os.path.exists(f) or _removed(f), 20, what="empty " + folder)
            if runtime_in_memory:
                shutil.rmtree(agent.data + "/runtime")
            w.machines.take(agent.i)
            w.machines.add(agent.i)
        self.new()
        w.start_everything()


def _removed(folder):
    try:
        os.rmdir(folder)
    except OSError:
        return False
    return True


@pytest.mark.parametrize("runtime_in_memory", [False, True])
def test_machines_that_lost_power(world, runtime_in_memory):
    w = world
    w.prepare = lambda: Boot(w)
    boot = w.start().prepared
    w.calm()
    arns = standalone(w)
    time.sleep(0.3)
    boot.again(runtime_in_memory)
    w.calm()
    ends(w, arns, "CannotInspectContainerError: the container instance was restarted")
