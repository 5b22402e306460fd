# SPDX-License-Identifier: Apache-2.0
# ctest-lock: containers
# ctest-cost: 36
"""What containers may see and share of their machine: privileged ones, terminals, namespaces of the task, swap, time to start, no
network; and what an agent's operator takes away."""
import os
import stat
import signal
import time

import pytest
from botocore.exceptions import ClientError

from support import run as r
from support.server import Server
from support.tasks import Tasks


def wait(condition):
    """For the shell of a container: another one of the task may be slower."""
    return "for i in $(seq 200); do %s && break; sleep 0.1; done; " % condition


def attributes(tasks, definition):
    return {a["name"] for a in tasks.ecs.describe_task_definition(taskDefinition=definition)["taskDefinition"]["requiresAttributes"]}


def host_capabilities():
    with open("/proc/self/status", encoding="utf-8") as f:
        return int([x for x in f if x.startswith("CapEff")][0].split()[1], 16)


# -- privileged

def test_a_privileged_container_has_all_of_the_machine(tasks, name):
    command = ("grep -E 'CapEff|Seccomp:|NoNewPrivs' /proc/self/status; mount -t tmpfs none /mnt && echo mounted; "
               "touch /proc/sys/kernel/domainname && echo unmasked; mount | grep ' /sys '; ls /dev | sort | tr '\\n' ' '")
    plain = tasks.output(name, "mkdir -p /mnt; " + command + "; true")
    out = tasks.output(name, "mkdir -p /mnt; " + command, privileged=True)
    assert "mounted" not in plain and "(ro" in plain.split(" /sys ")[1].split("\n")[0]
    assert "Seccomp:\t2" in plain and "Seccomp:\t0" in out and "NoNewPrivs:\t0" in out
    assert int([x for x in out.splitlines() if x.startswith("CapEff")][0].split()[1], 16) == host_capabilities()
    assert "mounted" in out and "unmasked" in out and "(rw" in out.split(" /sys ")[1].split("\n")[0]
    nodes = {n for n in os.listdir("/dev") if not os.path.isdir("/dev/" + n) and not os.path.islink("/dev/" + n)
             and n[0] != "." and os.stat("/dev/" + n).st_mode & 0o170000 in (0o020000, 0o060000)}
    assert nodes - {"console", "tty"} <= set(out.split()), nodes - set(out.split())
    assert "com.amazonaws.ecs.capability.privileged-container" in attributes(tasks, tasks.define(name, {"privileged": True}))


def test_no_new_privileges_is_what_containers_have_anyway(tasks, name):
    assert "NoNewPrivs:\t1" in tasks.output(name, "cat /proc/self/status", dockerSecurityOptions=["no-new-privileges"])
    for more in ({"dockerSecurityOptions": ["apparmor:x"]}, {"dockerSecurityOptions": ["label:disable"]},
                 {"dockerSecurityOptions": ["no-new-privileges"], "privileged": True}):
        with pytest.raises(ClientError) as e:
            tasks.define(name, more)
        assert e.value.response["Error"]["Code"] == "UnsupportedFeatureException" and "dockerSecurityOptions" in str(e.value)


# -- standard streams

def test_a_terminal_and_an_open_input(tasks, name):
    command = "for i in 0 1 2; do [ -t $i ] && echo tty $i || echo none $i; done"
    assert tasks.output(name, command).split("\n")[:3] == ["none 0", "none 1", "none 2"]
    out = tasks.output(name, command, pseudoTerminal=True).replace("\r", "").split("\n")
    assert out[:3] == ["tty 0", "tty 1", "tty 2"]
    # Without an input the end comes at once; an open one is waited for.
    assert "ended" in tasks.output(name, "cat; echo ended")
    arn = tasks.start(name, {"command": "cat; echo ended", "interactive": True})
    tasks.wait_running(arn)
    time.sleep(1)
    assert tasks.describe(arn)["lastStatus"] == "RUNNING"
    tasks.stop(arn)
    assert "ended" not in tasks.logs(arn)
    arn = tasks.start(name, {"command": "echo hello; cat; echo ended", "interactive": True, "pseudoTerminal": True})
    tasks.wait_running(arn)
    r.wait_for(lambda: "hello" in tasks.logs(arn), 10, 0.2, "output of the terminal")
    tasks.stop(arn)


# -- namespaces

def test_process_ids_of_the_task(tasks, name):
    """Each sees the other; the first process is nobody's program, reaps what is left to it, and shows nothing."""
    arn = tasks.start(name, {"command": wait("ps -o args | grep -q '[s]leep 77'") + "ps -o pid,args; ls -l /proc/1/exe; cat /proc/1/environ | wc -c; ls /proc/1/root/ "
                             "| tr '\\n' ' '; (sh -c 'sleep 0.1 & exit' &); sleep 1; ps -o stat | grep -c Z; true"},
                      {"command": "sleep 77", "essential": False}, pidMode="task")
    tasks.wait_stopped(arn)
    out = tasks.logs(arn, "main")
    assert "sleep 77" in out and "holder" in out.split("\n")[1], out
    assert "\n0\n" in out.split("holder", 1)[1], out
    d = tasks.define(name, {}, pidMode="task", ipcMode="task")
    assert "ecs.capability.pid-ipc-namespace-sharing" in attributes(tasks, d)


def test_process_ids_are_not_shared_unasked(tasks, name):
    arn = tasks.start(name, {"command": "sleep 1; ps -o pid,args"}, {"command": "sleep 77", "essential": False})
    tasks.wait_stopped(arn)
    assert "sleep 77" not in tasks.logs(arn, "main")


def test_memory_that_the_task_shares(tasks, name):
    arn = tasks.start(name, {"command": wait("[ -s /dev/shm/x ]") + "cat /dev/shm/x; mount | grep /dev/shm; readlink /proc/self/ns/ipc",
                             "linuxParameters": {"sharedMemorySize": 9}},
                      {"command": "echo shared > /dev/shm/x; readlink /proc/self/ns/ipc; sleep 77", "essential": False}, ipcMode="task")
    tasks.wait_stopped(arn)
    out, other = tasks.logs(arn, "main"), tasks.logs(arn, "c1")
    assert "shared" in out and "size=9216k" in out and other.strip() in out
    for mode in ({}, {"ipcMode": "none"}):
        arn = tasks.start(name, {"command": "cat /dev/shm/x; true", "dependsOn": [{"containerName": "c1", "condition": "COMPLETE"}]},
                          {"command": "echo shared > /dev/shm/x", "essential": False}, **mode)
        tasks.wait_stopped(arn)
        assert "shared" not in tasks.logs(arn, "main")


def test_nothing_is_left_of_what_was_shared(up, tasks, name):
    arn = tasks.start(name, {"command": "sleep 100"}, {"command": "sleep 100"}, pidMode="task", ipcMode="task")
    tasks.wait_running(arn)
    task_id = arn.rsplit("/", 1)[1]
    mounts = os.path.join(up.data, "agent", "mounts", task_id)
    assert os.listdir(mounts) == ["shm"]
    tasks.stop(arn)
    assert not os.path.exists(mounts)
    assert not [p for p, line in r.processes() if "/holder" in line and task_id in line]
    with open("/proc/mounts", encoding="utf-8") as f:
        assert task_id not in f.read()


def test_an_agent_that_is_killed_goes_on_with_the_holder(up, tasks, name):
    arn = tasks.start(name, {"command": "sleep 100"}, {"command": "sleep 100", "essential": False}, pidMode="task", ipcMode="task")
    tasks.wait_running(arn)
    before = up.agent_pid()
    os.kill(before, signal.SIGKILL)
    r.wait_for(lambda: up.agent_pid() not in (0, before), 20, 0.2, "another agent")
    time.sleep(1)
    assert tasks.describe(arn)["lastStatus"] == "RUNNING"
    tasks.stop(arn)
    assert not os.path.exists(os.path.join(up.data, "agent", "mounts", arn.rsplit("/", 1)[1]))


def test_a_task_ends_with_the_monitor_of_its_holder(tasks, name):
    arn = tasks.start(name, {"command": "trap 'exit 3' TERM; sleep 100 & wait"}, {"command": "sleep 100", "essential": False}, pidMode="task")
    tasks.wait_running(arn)
    holder = f"/tasks/{arn.rsplit('/', 1)[1]}/holder"
    for pid, line in r.processes():
        if "conmon" in line and holder in line:
            os.kill(pid, signal.SIGKILL)
    task = tasks.wait_stopped(arn)
    assert task["stoppedReason"] == "Essential container in task exited: the holder of the task's shared namespaces", task
    assert [c.get("exitCode") for c in task["containers"] if c["name"] == "main"] == [3], task


def test_the_machines_processes_are_seen_and_not_looked_into(tasks, name):
    """pidMode host, as with Docker: a plain user reads no environment of others."""
    secret = tasks.start(name, {"command": "sleep 55", "environment": [{"name": "WORD", "value": "swordfish"}]})
    tasks.wait_running(secret)
    command = "ps -o args | grep -c '[s]leep 55'; cat /proc/[0-9]*/environ 2>/dev/null | grep -c swordfish; true"
    arn = tasks.start(name, {"command": command, "user": "1234"}, pidMode="host")
    tasks.wait_stopped(arn)
    seen, words = [int(x) for x in tasks.logs(arn).split()[:2]]
    assert seen >= 1 and words == 0
    tasks.stop(secret)


# -- memory and time

def cgroup_value(arn, container_id, *names):
    for name in names:
        for path in ("/sys/fs/cgroup/memory/slipway/%s/%s/%s" % (arn.rsplit("/", 1)[1], container_id, name),
                     "/sys/fs/cgroup/slipway/%s/%s/%s" % (arn.rsplit("/", 1)[1], container_id, name)):
            if os.path.exists(path):
                with open(path, encoding="utf-8") as f:
                    return int(f.read())
    return None


def test_swap(tasks, name):
    p = {"maxSwap": 32, "swappiness": 7}
    arn = tasks.start(name, {"command": "sleep 100", "memory": 64, "linuxParameters": p})
    task = tasks.wait_running(arn)
    runtime_id = task["containers"][0]["runtimeId"]
    mib = 1 << 20
    if os.path.isdir("/sys/fs/cgroup/memory"):
        swap = cgroup_value(arn, runtime_id, "memory.memsw.limit_in_bytes")
        assert swap in (None, 96 * mib)
        assert cgroup_value(arn, runtime_id, "memory.swappiness") in (None, 7)
    else:
        assert cgroup_value(arn, runtime_id, "memory.swap.max") in (None, 32 * mib)
    tasks.stop(arn)
    for wrong, part in (({"maxSwap": -1}, "maxSwap"), ({"maxSwap": 1, "swappiness": 101}, "swappiness")):
        with pytest.raises(ClientError) as e:
            tasks.define(name, {"linuxParameters": wrong})
        assert part in str(e.value)


def test_a_condition_that_is_not_met_in_time(tasks, name):
    began = time.monotonic()
    arn = tasks.start(name, {"command": "echo never", "dependsOn": [{"containerName": "c1", "condition": "COMPLETE"}]},
                      {"command": "sleep 100", "essential": False, "startTimeout": 2})
    stopped = tasks.wait_stopped(arn)
    assert 1.5 < time.monotonic() - began < 60
    assert stopped["stopCode"] == "TaskFailedToStart" and "has timed out" in stopped["stoppedReason"], stopped
    assert "never" not in tasks.logs(arn, "main")
    # In time, and for a condition that has none.
    for condition, command, timeout in (("COMPLETE", "sleep 1", 60), ("START", "sleep 50", 1)):
        arn = tasks.start(name, {"command": "sleep 3; echo started", "dependsOn": [{"containerName": "c1", "condition": condition}]},
                          {"command": command, "essential": False, "startTimeout": timeout})
        tasks.wait_stopped(arn)
        assert "started" in tasks.logs(arn, "main")
    with pytest.raises(ClientError) as e:
        tasks.define(name, {"startTimeout": -1})
    assert "startTimeout" in str(e.value)


def test_a_container_without_network(tasks, name):
    out = tasks.output(name, "ls /sys/class/net; cat /etc/hosts", disableNetworking=True)
    assert out.split()[0] == "lo" and "eth0" not in out
    for more, task in (({"portMappings": [{"containerPort": 80}]}, {}), ({}, {"networkMode": "host"}), ({}, {"networkMode": "awsvpc"})):
        with pytest.raises(ClientError) as e:
            tasks.define(name, dict({"disableNetworking": True}, **more), **task)
        assert "disableNetworking" in str(e.value)


# -- what an operator takes away

@pytest.fixture(scope="module")
def strict(tmp_path_factory):
    r.need_root()
    allowed = tmp_path_factory.mktemp("allowed")
    s = Server("up", env={"ECS_DISABLE_PRIVILEGED": "true", "ECS_AVAILABLE_LOGGING_DRIVERS": '["json-file"]',
                          "SLIPWAY_HOST_PATHS": "%s,/usr/share,/dev/full" % allowed})
    try:
        s.start()
        s.allowed = str(allowed)
        yield s
    finally:
        s.close()


@pytest.fixture(scope="module")
def strict_tasks(strict):
    return Tasks(strict)


def not_placed(tasks, definition, attribute):
    out = tasks.ecs.run_task(taskDefinition=definition)
    assert out["tasks"] == [] and out["failures"][0]["reason"] == "ATTRIBUTE", out
    instance = tasks.ecs.describe_container_instances(containerInstances=tasks.ecs.list_container_instances()["containerInstanceArns"])
    assert attribute not in {a["name"] for a in instance["containerInstances"][0]["attributes"]}


def test_an_instance_without_privileged_containers(strict_tasks, name):
    not_placed(strict_tasks, strict_tasks.define(name, {"privileged": True}), "com.amazonaws.ecs.capability.privileged-container")
    assert "ran" in strict_tasks.output(name, "echo ran")


def test_an_instance_with_some_log_drivers(strict_tasks, name):
    log = {"logDriver": "awslogs", "options": {"awslogs-group": "g", "awslogs-region": "us-east-1"}}
    not_placed(strict_tasks, strict_tasks.define(name, {"logConfiguration": log}), "com.amazonaws.ecs.capability.logging-driver.awslogs")
    assert "ran" in strict_tasks.output(name, "echo ran", logConfiguration={"logDriver": "json-file"})


def mount(path, command, name, tasks):
    task = tasks.start(name, {"command": command, "mountPoints": [{"sourceVolume": "v", "containerPath": "/v"}]},
                       volumes=[{"name": "v", "host": {"sourcePath": path}}])
    return tasks.wait_stopped(task), tasks.logs(task)


def test_host_volumes_of_some_folders_only(strict, strict_tasks, name):
    allowed = strict.allowed
    stopped, out = mount(allowed + "/new/deep", "echo x > /v/file; ls /v", name, strict_tasks)
    assert "file" in out and os.path.exists(allowed + "/new/deep/file"), stopped
    os.symlink("/etc", allowed + "/link")
    os.symlink("new/deep", allowed + "/inside")
    assert "file" in mount(allowed + "/inside", "ls /v", name, strict_tasks)[1]
    for path, part in (("/etc", "does not let containers have /etc"), (allowed + "-x", "does not let containers have"),
                       (allowed + "/link/passwd", "")):
        stopped, out = mount(path, "ls /v; cat /v/passwd /v", name, strict_tasks)
        assert part in stopped["stoppedReason"] and "root:" not in out, (path, stopped, out)
    assert not os.path.exists("/etc/passwd/x")
    bind = {"scope": "task", "driver": "local", "driverOpts": {"type": "none", "o": "bind", "device": "/etc"}}
    task = strict_tasks.start(name, {"command": "ls /v", "mountPoints": [{"sourceVolume": "v", "containerPath": "/v"}]},
                              volumes=[{"name": "v", "dockerVolumeConfiguration": bind}])
    assert "does not let containers have /etc" in strict_tasks.wait_stopped(task)["stoppedReason"]
    with open("/proc/mounts", encoding="utf-8") as f:
        assert strict.data + "/agent/mounts" not in f.read()


def test_a_bind_in_an_allowed_folder_keeps_its_options(strict, strict_tasks, name):
    with open(strict.allowed + "/kept", "w", encoding="utf-8") as f:
        f.write("kept\n")
    bind = {"scope": "task", "driver": "local", "driverOpts": {"type": "none", "o": "bind,ro,nosuid", "device": strict.allowed}}
    task = strict_tasks.start(name, {"command": "cat /v/kept; echo x > /v/written || echo refused; grep ' /v ' /proc/mounts",
                                     "mountPoints": [{"sourceVolume": "v", "containerPath": "/v"}]},
                              volumes=[{"name": "v", "dockerVolumeConfiguration": bind}])
    strict_tasks.wait_stopped(task)
    out = strict_tasks.logs(task)
    assert "kept" in out and "refused" in out and "nosuid" in out, out
    assert not os.path.exists(strict.allowed + "/written")


def devices(*paths, **more):
    return {"linuxParameters": dict({"devices": [{"hostPath": p, "containerPath": "/dev/own%d" % i} for i, p in enumerate(paths)]}, **more)}


def why_not(tasks, name, container, **more):
    stopped = tasks.wait_stopped(tasks.start(name, dict({"command": "echo started"}, **container), **more))
    assert stopped["stopCode"] == "TaskFailedToStart", stopped
    return stopped["stoppedReason"] + str([c.get("reason") for c in stopped["containers"]])


def test_devices_are_host_paths(strict, strict_tasks, name):
    """A disk's node would be every folder of it."""
    out = strict_tasks.output(name, "ls -l /dev/own0", **devices("/dev/full"))
    assert "1,   7" in " ".join(out.split()).replace("1, 7", "1,   7"), out
    os.mknod(strict.allowed + "/node", 0o666 | stat.S_IFCHR, os.makedev(1, 5))
    os.symlink("/dev/zero", strict.allowed + "/zero")
    for path in ("/dev/zero", strict.allowed + "/node", strict.allowed + "/zero", "/dev/fullest"):
        assert "does not let containers have it" in why_not(strict_tasks, name, devices(path)), path


def test_capabilities_that_are_as_good_as_privileges(strict_tasks, name):
    def add(*names):
        return {"linuxParameters": {"capabilities": {"add": list(names)}}}
    for one in ("ALL", "SYS_ADMIN", "SYS_MODULE", "DAC_READ_SEARCH", "SYS_RAWIO", "BPF", "SYS_BOOT"):
        assert "ECS_DISABLE_PRIVILEGED" in why_not(strict_tasks, name, add("IPC_LOCK", one)), one
    assert "SYS_PTRACE" in why_not(strict_tasks, name, add("SYS_PTRACE"), pidMode="host")
    assert "NET_ADMIN" in why_not(strict_tasks, name, add("NET_ADMIN"), networkMode="host")
    assert "ran" in strict_tasks.output(name, "echo ran", **add("SYS_PTRACE", "NET_ADMIN"))
