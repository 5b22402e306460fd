# SPDX-License-Identifier: Apache-2.0
# ctest-lock: containers
# ctest-cost: 55
"""What lies in an agent's folder, when it is copied, damaged, full or too much: two machines never run one instance's tasks, a task whose
file is damaged is not forgotten, and images that nobody uses go."""
import json
import os
import shutil
import signal
import time

import pytest

from support import images
from support import run as r
from support.machines import Site
from support.server import Server

CONFIG = {"ECS_CLUSTER": "default", "ECS_CONTAINER_STOP_TIMEOUT": "1s"}


class Folders(Site):
    """A server and room for agents on machines of their own."""

    def agent(self, i, **config):
        return super().agent(i, **dict(CONFIG, **config))

    def instances(self, status="ACTIVE"):
        arns = self.ecs.list_container_instances(status=status)["containerInstanceArns"]
        return self.ecs.describe_container_instances(containerInstances=arns)["containerInstances"] if arns else []

    def define(self, family, image="busybox", command="sleep 600", **more):
        self.ecs.register_task_definition(family=family, containerDefinitions=[
            {"name": "main", "image": "%s/%s:v1" % (self.address, image), "memory": 32, "command": ["sh", "-c", command], "stopTimeout": 1}], **more)
        return family

    def run(self, family):
        out = self.ecs.run_task(taskDefinition=family)
        assert out["failures"] == [], out
        return out["tasks"][0]["taskArn"]

    def task(self, arn):
        return self.ecs.describe_tasks(tasks=[arn])["tasks"][0]

    def wait(self, arn, status, seconds=40):
        r.wait_for(lambda: self.task(arn)["lastStatus"] == status, seconds, 0.2,
                   "%s task, not %s; %s" % (status, self.task(arn)["lastStatus"], r.tail(self.agents[0].log)))
        return self.task(arn)


@pytest.fixture
def site():
    r.need_root()
    for program in ("runc", "conmon", "busybox", "ip", "nsenter", "unshare"):
        r.need_program(program)
    s = Folders(2)
    try:
        yield s.start()
    finally:
        s.close()


def copy_folder(a, b):
    """The agent's folder as a copied disk has it: no mounts. Without the runtime's own records, which name processes of this kernel."""
    def skip(folder, names):
        return [n for n in names if n in ("rootfs", "snapshots", "runtime") or os.path.ismount(os.path.join(folder, n)) or
                not (os.path.isdir(os.path.join(folder, n)) or os.path.isfile(os.path.join(folder, n)))]
    shutil.copytree(a.data, b.data, symlinks=True, ignore=skip)


def log_of(agent):
    with open(agent.log, encoding="utf-8") as f:
        return f.read()


def test_a_copied_folder_on_another_machine_is_another_instance(site):
    site.push("busybox", images.busybox())
    first = site.agent(1).start()
    arn = r.wait_for(site.instances, 30, 0.2, "instance; " + r.tail(first.log))[0]["containerInstanceArn"]
    task = site.run(site.define("stays"))
    site.wait(task, "RUNNING")
    second = site.agent(2)
    copy_folder(first, second)
    with open(os.path.join(second.home, "machine-id"), "w", encoding="utf-8") as f:
        f.write("0123456789abcdef0123456789abcdef\n")
    # Its own /etc/machine-id, in a mount namespace whose mounts go with it.
    second.before = ["unshare", "--mount", "sh", "-c", 'mount --bind "$0" /etc/machine-id && exec "$@"', os.path.join(second.home, "machine-id")]
    second.start()
    both = r.wait_for(lambda: len(site.instances()) == 2 and site.instances(), 30, 0.2, "second instance; " + r.tail(second.log))
    assert arn in [i["containerInstanceArn"] for i in both]
    assert "folder-of-another-machine" in log_of(second)
    r.wait_for(lambda: all(i["agentConnected"] for i in site.instances()), 20, 0.2, "both agents")
    assert site.task(task)["lastStatus"] == "RUNNING" and site.task(task)["containerInstanceArn"] == arn
    assert len(first.containers()) == 1 and not second.containers()
    r.wait_for(lambda: True, 1)
    assert "instance-is-elsewhere" not in log_of(first)


def test_of_two_agents_with_one_name_the_last_one_is_it(site):
    site.push("busybox", images.busybox())
    first = site.agent(1).start()
    arn = r.wait_for(site.instances, 30, 0.2, "instance; " + r.tail(first.log))[0]["containerInstanceArn"]
    task = site.run(site.define("moves"))
    site.wait(task, "RUNNING")
    second = site.agent(2)
    os.makedirs(second.data)
    shutil.copy(os.path.join(first.data, "instance.json"), second.data)
    second.start()
    r.wait_for(lambda: "instance-is-elsewhere" in log_of(first), 30, 0.2, "end of the first; " + r.tail(first.log))
    # What ran at the first ends there; nobody runs it twice, and the new agent, which has never had it, says that it is gone.
    r.wait_for(lambda: not first.containers(), 20, 0.2, "end of its containers; " + r.tail(first.log))
    site.wait(task, "STOPPED")
    assert [i["containerInstanceArn"] for i in site.instances()] == [arn]
    again = site.run("moves")
    site.wait(again, "RUNNING")
    assert len(second.containers()) == 1 and not first.containers()
    assert first.process.poll() is None
    # The first is not told of tasks any more, and its end changes nothing.
    first.stop()
    assert site.task(again)["lastStatus"] == "RUNNING"
    site.ecs.stop_task(task=again)
    site.wait(again, "STOPPED")


def snapshots(agent):
    folder = os.path.join(agent.data, "snapshots")
    return {n for n in os.listdir(folder) if not n.startswith("new.")}


def test_images_that_no_task_uses_go(site):
    # Layers that nobody else on this machine has mounted.
    for name in ("used", "left"):
        site.push(name, images.Image([images.layer(images.busybox_entries() + [("etc/which", os.urandom(16), 0o644)])],
                                     {"Cmd": ["/bin/sh"], "Env": ["PATH=/bin"]}))
    agent = site.agent(1, ECS_IMAGE_CLEANUP_INTERVAL="1s", ECS_IMAGE_MINIMUM_CLEANUP_AGE="3s").start()
    r.wait_for(site.instances, 30, 0.2, "instance; " + r.tail(agent.log))
    runs = site.run(site.define("used", "used"))
    site.wait(runs, "RUNNING")
    kept = snapshots(agent)
    kept_folder = os.path.join(agent.data, "snapshots", list(kept)[0])
    ended = site.run(site.define("left", "left", "cat /etc/which"))
    site.wait(ended, "STOPPED")
    r.wait_for(lambda: snapshots(agent) == kept, 30, 0.2, "snapshots that are left; " + r.tail(agent.log))
    assert "images-removed" in log_of(agent) and site.task(runs)["lastStatus"] == "RUNNING"
    # It is fetched again when it is wanted again.
    again = site.run("left")
    assert site.wait(again, "STOPPED")["containers"][0]["exitCode"] == 0
    assert os.path.isdir(kept_folder)
    # An agent that is started again knows what its containers use.
    agent.kill()
    agent.start()
    r.wait_for(lambda: snapshots(agent) == kept, 40, 0.2, "snapshots that are left afterwards; " + r.tail(agent.log))
    site.ecs.stop_task(task=runs)
    site.wait(runs, "STOPPED")
    r.wait_for(lambda: not snapshots(agent), 30, 0.2, "no snapshot; " + r.tail(agent.log))


def test_a_task_whose_file_is_damaged_is_not_forgotten(site):
    site.push("busybox", images.busybox())
    agent = site.agent(1).start()
    r.wait_for(site.instances, 30, 0.2, "instance; " + r.tail(agent.log))
    tasks = [site.run(site.define("damaged")) for _ in range(3)]
    for task in tasks:
        site.wait(task, "RUNNING")
    agent.kill()
    files = [os.path.join(agent.data, "tasks", t.rsplit("/", 1)[1], "state.json") for t in tasks]
    with open(files[0], "w", encoding="utf-8") as f:
        f.write('{"placed": ')
    os.unlink(files[1])
    agent.start()
    for task in tasks[:2]:
        assert site.wait(task, "STOPPED")["stoppedReason"]
    assert site.task(tasks[2])["lastStatus"] == "RUNNING"
    r.wait_for(lambda: len(agent.containers()) == 1, 30, 0.2, "end of containers without a file; " + r.tail(agent.log))
    again = site.run("damaged")
    site.wait(again, "RUNNING")
    with open(os.path.join(agent.data, "damaged", tasks[0].rsplit("/", 1)[1] + ".json"), encoding="utf-8") as f:
        assert f.read() == '{"placed": '
    assert log_of(agent).count("task-file-damaged") == 2


def large(fill):
    return images.Image([images.layer(images.busybox_entries() + [("big", fill, 0o644)])], {"Cmd": ["/bin/sh"], "Env": ["PATH=/bin"]})


def test_a_full_disk(site):
    """A pull that finds no room takes what nobody uses away; what is used stays, and a task that ends meanwhile is not lost."""
    for name in ("one", "two", "three"):
        site.push(name, large(os.urandom(16 << 20)))
    agent = site.agent(1)
    os.makedirs(agent.data)
    r.run([r.need_program("mount"), "-t", "tmpfs", "-o", "size=38m,mode=0700", "tmpfs", agent.data])
    try:
        agent.start()
        r.wait_for(site.instances, 30, 0.2, "instance; " + r.tail(agent.log))
        first = site.run(site.define("one", "one", "true"))
        assert site.wait(first, "STOPPED")["containers"][0]["exitCode"] == 0
        assert "images-removed" not in log_of(agent)
        second = site.run(site.define("two", "two"))
        site.wait(second, "RUNNING")
        assert "disk-full-images-removed" in log_of(agent), log_of(agent)
        third = site.wait(site.run(site.define("three", "three")), "STOPPED")
        assert "CannotPullContainerError" in third["stoppedReason"] and "No space left" in third["stoppedReason"], third
        assert site.task(second)["lastStatus"] == "RUNNING" and len(snapshots(agent)) == 1
        # Nothing can be written at all, and the task ends.
        filler = os.path.join(agent.data, "filler")
        with open(filler, "wb", buffering=0) as f:
            try:
                while True:
                    f.write(b"x" * 65536)
            except OSError:
                pass
        site.ecs.stop_task(task=second)
        r.wait_for(lambda: not agent.containers(), 30, 0.2, "end of the container; " + r.tail(agent.log))
        r.wait_for(lambda: "task-state-not-saved" in log_of(agent), 20, 0.2, "failure to save; " + r.tail(agent.log))
        os.unlink(filler)
        site.wait(second, "STOPPED")
        assert agent.process.poll() is None and site.instances()[0]["agentConnected"]
    finally:
        agent.close()
        r.run(["umount", "-l", agent.data], check=False)


def test_without_the_programs_that_it_needs(site):
    site.push("busybox", images.busybox())
    agent = site.agent(1)
    agent.args += ["--runtime", "/nowhere/runc"]
    agent.start().process.wait(100)
    assert agent.process.returncode == 1 and "/nowhere/runc" in log_of(agent)
    agent.process = None
    # The folder of network plugins is empty: tasks without a network of their own run, others say why they do not.
    del agent.args[-2:]
    empty = os.path.join(agent.home, "empty")
    os.makedirs(empty)
    agent.before = ["unshare", "--mount", "--propagation", "slave", "sh", "-c", 'mount --bind "$0" /usr/lib/cni && exec "$@"', empty]
    agent.start()
    r.wait_for(site.instances, 30, 0.2, "instance; " + r.tail(agent.log))
    bridged = site.wait(site.run(site.define("bridged")), "STOPPED")
    assert "network plugin bridge ADD: start /usr/lib/cni/bridge: No such file" in bridged["stoppedReason"], bridged
    plain = site.run(site.define("plain", command="exit 3", networkMode="host"))
    assert site.wait(plain, "STOPPED")["containers"][0]["exitCode"] == 3
    assert agent.process.poll() is None


def test_cleaning_takes_nothing_from_tasks_that_start(site):
    names = ["image%d" % i for i in range(4)]
    for name in names:
        site.push(name, images.Image([images.layer(images.busybox_entries()), images.layer([("which", os.urandom(16), 0o644)])],
                                     {"Cmd": ["/bin/sh"], "Env": ["PATH=/bin"]}))
        site.define(name, name, "test -s /which && exit 7")
    agent = site.agent(1, ECS_IMAGE_CLEANUP_INTERVAL="1s", ECS_IMAGE_MINIMUM_CLEANUP_AGE="1s").start()
    r.wait_for(site.instances, 30, 0.2, "instance; " + r.tail(agent.log))
    tasks = []
    for i in range(24):
        tasks.append(site.run(names[(i * 7) % 4 if i % 6 else 0]))
        time.sleep(0.4 if i % 5 else 2.5)
    for task in tasks:
        done = site.wait(task, "STOPPED")
        assert done["containers"][0].get("exitCode") == 7, (done["stoppedReason"], done["containers"][0], r.tail(agent.log))
    assert log_of(agent).count("images-removed") >= 2


def test_a_folder_stays_in_its_cluster():
    """As with ECS's agent: `up` in another cluster is refused until the container instance is deregistered."""
    s = Server("up")
    instance = os.path.join(s.data, "agent", "instance.json")

    def saved():
        with open(instance, encoding="utf-8") as f:
            return json.load(f)["cluster"]

    try:
        s.start()
        r.wait_for(lambda: os.path.exists(instance), 30, 0.05, "registered instance")
        s.stop(signal.SIGTERM, 60)
        s.args = ["--cluster", "other"]
        with pytest.raises(AssertionError, match="is registered in cluster 'default', not in 'other'"):
            s.start()
        s.args = []
        s.start()
        ecs = s.boto("ecs")
        ecs.create_cluster(clusterName="other")
        arn = ecs.list_container_instances()["containerInstanceArns"][0]
        r.wait_for(lambda: ecs.describe_container_instances(containerInstances=[arn])["containerInstances"][0]["agentConnected"], 30, 0.05,
                   "connected agent")
        ecs.deregister_container_instance(containerInstance=arn, force=True)
        r.wait_for(lambda: saved() == "", 30, 0.05, "agent that knows that it was deregistered")
        s.stop(signal.SIGTERM, 60)
        s.args = ["--cluster", "other"]
        s.start()
        ecs = s.boto("ecs")
        r.wait_for(lambda: ecs.list_container_instances(cluster="other")["containerInstanceArns"], 30, 0.05, "instance of the other cluster")
    finally:
        s.close()
