# SPDX-License-Identifier: Apache-2.0
# ctest-lock: containers
# ctest-cost: 68
"""Real containers through the AWS APIs: life cycle, network modes, what a task definition says, secure defaults, failures."""
import json
import os
import subprocess
import threading
import time

import pytest
from botocore.exceptions import ClientError

from support import images
from support import run as r
from support.aws import call
from support.server import read_credentials
from support.tasks import fetch, free_port


# -- life cycle

def test_life_cycle_through_the_aws_cli(up, tasks, name, tmp_path):
    """register, run, wait tasks-running, describe, list, stop, wait tasks-stopped: as scripts do it."""
    path = tmp_path / "app.json"
    path.write_text(json.dumps({"family": name, "containerDefinitions": [
        {"name": "web", "image": tasks.image, "memory": 64, "stopTimeout": 1, "command": ["httpd", "-f", "-p", "80", "-h", "/www"],
         "portMappings": [{"containerPort": 80}]}]}))
    up.aws("ecs", "register-task-definition", "--cli-input-json", "file://%s" % path)
    out = up.aws("ecs", "run-task", "--task-definition", name)
    assert out["failures"] == []
    task = out["tasks"][0]
    arn = task["taskArn"]
    assert arn.startswith("arn:aws:ecs:us-east-1:000000000000:task/default/")
    assert task["lastStatus"] in ("PROVISIONING", "PENDING") and task["desiredStatus"] == "RUNNING"
    up.aws("ecs", "wait", "tasks-running", "--tasks", arn)
    task = up.aws("ecs", "describe-tasks", "--tasks", arn)["tasks"][0]
    assert (task["lastStatus"], task["group"]) == ("RUNNING", "family:" + name)
    assert task["connectivity"] == "CONNECTED" and task["pullStartedAt"] and task["startedAt"]
    container = task["containers"][0]
    assert container["lastStatus"] == "RUNNING" and container["runtimeId"] and container["imageDigest"]
    port = container["networkBindings"][0]["hostPort"]
    assert "served by a task" in fetch(port)
    assert up.aws("ecs", "list-tasks", "--family", name)["taskArns"] == [arn]
    assert arn.rsplit("/", 1)[1] in up.slipway("ps").stdout
    stopped = up.aws("ecs", "stop-task", "--task", arn, "--reason", "enough")["task"]
    assert stopped["desiredStatus"] == "STOPPED"
    up.aws("ecs", "wait", "tasks-stopped", "--tasks", arn)
    task = up.aws("ecs", "describe-tasks", "--tasks", arn)["tasks"][0]
    assert (task["lastStatus"], task["stopCode"], task["stoppedReason"]) == ("STOPPED", "UserInitiated", "enough")
    assert task["stoppedAt"] and task["executionStoppedAt"]
    assert fetch(port) == ""
    assert up.aws("ecs", "list-tasks", "--family", name)["taskArns"] == []
    assert up.aws("ecs", "list-tasks", "--family", name, "--desired-status", "STOPPED")["taskArns"] == [arn]


def test_waiters_of_boto3(tasks, name):
    arn = tasks.start(name, {"command": "sleep 100"})
    quick = {"Delay": 1, "MaxAttempts": 120}
    tasks.ecs.get_waiter("tasks_running").wait(tasks=[arn], WaiterConfig=quick)
    tasks.ecs.stop_task(task=arn)
    tasks.ecs.get_waiter("tasks_stopped").wait(tasks=[arn], WaiterConfig=quick)
    assert tasks.container(arn)["exitCode"] in (137, 143)


def test_container_instance_tells_what_the_machine_has(tasks):
    arn = tasks.ecs.list_container_instances()["containerInstanceArns"][0]
    instance = tasks.ecs.describe_container_instances(containerInstances=[arn])["containerInstances"][0]
    have = {x["name"]: x for x in instance["registeredResources"]}
    assert have["CPU"]["integerValue"] == os.cpu_count() * 1024
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") >> 20
    assert 0.8 * total < have["MEMORY"]["integerValue"] <= total
    assert "22" in have["PORTS"]["stringSetValue"]
    assert instance["agentConnected"] is True and instance["status"] == "ACTIVE"


def test_resources_are_reserved_and_given_back(tasks, name):
    arn = tasks.ecs.list_container_instances()["containerInstanceArns"][0]

    def remaining():
        i = tasks.ecs.describe_container_instances(containerInstances=[arn])["containerInstances"][0]
        return {x["name"]: x.get("integerValue") for x in i["remainingResources"]}
    before = remaining()
    task = tasks.start(name, {"command": "sleep 100", "memory": 128, "cpu": 64})
    after = remaining()
    assert before["MEMORY"] - after["MEMORY"] == 128 and before["CPU"] - after["CPU"] == 64
    tasks.stop(task)
    r.wait_for(lambda: remaining() == before, 10, what="resources given back")


@pytest.mark.parametrize("code", (0, 1, 42, 255))
def test_exit_codes(tasks, name, code):
    arn = tasks.start(name, {"command": "exit %d" % code})
    task = tasks.wait_stopped(arn)
    assert task["stopCode"] == "EssentialContainerExited"
    assert task["stoppedReason"] == "Essential container in task exited"
    assert task["containers"][0]["exitCode"] == code


def test_a_container_killed_by_a_signal(tasks, name):
    task = tasks.wait_stopped(tasks.start(name, {"command": "kill -KILL 1; sh -c 'kill -KILL $$'; exit $?"}))
    assert task["containers"][0]["exitCode"] == 137


def test_count_and_started_by(tasks, name):
    definition = tasks.define(name, {"command": "sleep 100"})
    out = tasks.ecs.run_task(taskDefinition=definition, count=3, startedBy="me-" + name, group="grp")
    arns = [t["taskArn"] for t in out["tasks"]]
    assert len(set(arns)) == 3
    assert set(tasks.ecs.list_tasks(startedBy="me-" + name)["taskArns"]) == set(arns)
    for arn in arns:
        assert tasks.wait_running(arn)["group"] == "grp"
    for arn in arns:
        tasks.ecs.stop_task(task=arn)
    for arn in arns:
        tasks.wait_stopped(arn)


# -- networks

def test_bridge_with_a_dynamic_port(tasks, name):
    arn = tasks.start(name, {"command": ["httpd", "-f", "-p", "8080", "-h", "/www"], "portMappings": [{"containerPort": 8080}]})
    task = tasks.wait_running(arn)
    binding = task["containers"][0]["networkBindings"][0]
    assert (binding["containerPort"], binding["protocol"], binding["bindIP"]) == (8080, "tcp", "0.0.0.0")
    assert binding["hostPort"] >= 32768
    assert "served by a task" in r.wait_for(lambda: fetch(binding["hostPort"]), 10, what="page")
    tasks.stop(arn)


def test_bridge_with_a_fixed_port(up, tasks, name):
    port = free_port()
    arn = tasks.start(name, {"command": ["httpd", "-f", "-p", "80", "-h", "/www"],
                             "portMappings": [{"containerPort": 80, "hostPort": port}]})
    task = tasks.wait_running(arn)
    assert task["containers"][0]["networkBindings"][0]["hostPort"] == port
    assert "served by a task" in r.wait_for(lambda: fetch(port), 10, what="page")
    assert "127.0.0.1:%d->80/tcp" % port in up.slipway("ps").stdout.replace("0.0.0.0", "127.0.0.1")
    out = tasks.ecs.run_task(taskDefinition=name)
    assert out["tasks"] == []
    assert [f["reason"] for f in out["failures"]] == ["RESOURCE:PORTS"]
    tasks.stop(arn)
    again = tasks.run(name)
    tasks.wait_running(again)
    assert "served by a task" in r.wait_for(lambda: fetch(port), 10, what="page")
    tasks.stop(again)


def test_containers_of_bridge_tasks_reach_each_other(tasks, name):
    arn = tasks.start(name, {"command": "hostname -i; exec httpd -f -p 80 -h /www"})
    tasks.wait_running(arn)
    address = r.wait_for(lambda: tasks.logs(arn).strip(), 10, what="address")
    out = tasks.output(name + "-peer", "printf 'GET /index.html HTTP/1.0\\r\\n\\r\\n' | nc %s 80" % address)
    assert "served by a task" in out
    tasks.stop(arn)


def test_host_network(tasks, name):
    port = free_port()
    arn = tasks.start(name, {"command": ["httpd", "-f", "-p", str(port), "-h", "/www"],
                             "portMappings": [{"containerPort": port}]}, networkMode="host")
    task = tasks.wait_running(arn)
    assert task["containers"][0]["networkBindings"][0]["hostPort"] == port
    assert "served by a task" in r.wait_for(lambda: fetch(port), 10, what="page")
    tasks.stop(arn)


def test_no_network(tasks, name):
    out = tasks.output(name, "cat /proc/net/dev | tail -n +3; ls /sys/class/net || true", task={"networkMode": "none"})
    assert [line.split(":")[0].strip() for line in out.splitlines() if ":" in line] == ["lo"]


# -- what the definition says about the process

def test_command_entry_point_environment_directory(tasks, name):
    out = tasks.output(name, ["one", "two words"], entryPoint=["sh", "-c", 'echo "$0|$1|$A|$PWD"'], workingDirectory="/etc",
                       environment=[{"name": "A", "value": "val ue"}])
    assert out.strip() == "one|two words|val ue|/etc"


def test_defaults_come_from_the_image(tasks, name):
    image = tasks.push(images.busybox({"Entrypoint": ["/bin/sh", "-c"], "Cmd": ["echo $FROM_IMAGE $PWD; id -u; id -g"],
                                       "Env": ["PATH=/bin", "FROM_IMAGE=yes"], "WorkingDir": "/made/there", "User": "app"}),
                       name)
    arn = tasks.start(name, {"image": image})
    task = tasks.wait_stopped(arn)
    assert task["containers"][0]["exitCode"] == 0, (task, tasks.logs(arn))
    assert tasks.logs(arn).split() == ["yes", "/made/there", "1000", "1000"]


@pytest.mark.parametrize("user, ids", (("1000", "1000 1000"), ("1234", "1234 0"), ("1000:2000", "1000 2000"), ("app", "1000 1000"), ("app:extra", "1000 2000"),
                                       ("0:0", "0 0")))
def test_user(tasks, name, user, ids):
    assert tasks.output(name, "echo $(id -u) $(id -g)", user=user).strip() == ids


def test_overrides(tasks, name):
    definition = tasks.define(name, {"command": "echo original $A"})
    arn = tasks.run(definition, overrides={"containerOverrides": [
        {"name": "main", "command": ["sh", "-c", "echo replaced $A"], "environment": [{"name": "A", "value": "b"}]}]})
    tasks.wait_stopped(arn)
    assert tasks.logs(arn).strip() == "replaced b"


def test_ulimits(tasks, name):
    out = tasks.output(name, "ulimit -n; ulimit -Hn", ulimits=[{"name": "nofile", "softLimit": 123, "hardLimit": 456}])
    assert out.split() == ["123", "456"]


def test_read_only_root(tasks, name):
    out = tasks.output(name, "touch /x 2>&1 || echo refused", readonlyRootFilesystem=True)
    assert "Read-only file system" in out and "refused" in out


def test_root_is_writable_and_private(tasks, name):
    assert tasks.output(name, "echo 1 > /etc/new; cat /etc/new").strip() == "1"
    assert tasks.output(name + "-b", "ls /etc/new 2>/dev/null || echo absent").strip() == "absent"


def test_bind_volumes(tasks, name, tmp_path):
    (tmp_path / "in").write_text("from the host")
    volumes = [{"name": "host", "host": {"sourcePath": str(tmp_path)}}, {"name": "scratch"}]
    out = tasks.output(name, "cat /h/in; echo; touch /r/x 2>&1; echo written > /h/out; echo kept > /s/a; cat /s/a",
                       mountPoints=[{"sourceVolume": "host", "containerPath": "/h"},
                                    {"sourceVolume": "host", "containerPath": "/r", "readOnly": True},
                                    {"sourceVolume": "scratch", "containerPath": "/s"}], task={"volumes": volumes})
    assert "from the host" in out and "Read-only" in out and out.strip().endswith("kept")
    assert (tmp_path / "out").read_text().strip() == "written"


def test_volume_shared_by_two_containers(tasks, name):
    mount = [{"sourceVolume": "shared", "containerPath": "/s"}]
    arn = tasks.start(name, {"command": "cat /s/from", "mountPoints": mount,
                             "dependsOn": [{"containerName": "c1", "condition": "SUCCESS"}]},
                      {"command": "echo hello > /s/from", "essential": False, "mountPoints": mount}, volumes=[{"name": "shared"}])
    tasks.wait_stopped(arn)
    assert "hello" in tasks.logs(arn, "main")


# -- limits

def test_memory_limit_kills(up, tasks, name):
    arn = tasks.start(name, {"command": "tail /dev/zero", "memory": 16})
    container = tasks.wait_stopped(arn)["containers"][0]
    assert container["exitCode"] == 137
    assert container["reason"].startswith("OutOfMemoryError")
    assert "oom" not in os.listdir(up.home), "the monitor's mark lies where the server was started"


def test_memory_limit_is_set(tasks, name):
    arn = tasks.start(name, {"command": "sleep 100", "memory": 48})
    tasks.wait_running(arn)
    pid = tasks.pid(arn)
    assert pid
    groups = {}
    with open("/proc/%d/cgroup" % pid, encoding="utf-8") as f:
        for line in f:
            _, controllers, path = line.strip().split(":", 2)
            groups.update((c, path) for c in controllers.split(","))
    v1 = "/sys/fs/cgroup/memory%s/memory.limit_in_bytes" % groups.get("memory", "")
    v2 = "/sys/fs/cgroup%s/memory.max" % groups.get("", "")
    with open(v1 if os.path.exists(v1) else v2, encoding="utf-8") as f:
        assert int(f.read()) == 48 << 20
    tasks.stop(arn)


def read_text(path):
    with open(path, encoding="utf-8") as f:
        return f.read()


def task_group(pid, controller, task_id):
    """The folder of the task's control group, and of the container's inside it."""
    with open("/proc/%d/cgroup" % pid, encoding="utf-8") as f:
        groups = dict(line.strip().split(":", 2)[1:] for line in f)
    path = next((p for c, p in groups.items() if controller in c.split(",")), groups.get("", ""))
    base = "/sys/fs/cgroup/" + controller
    base = base if os.path.exists(base) else "/sys/fs/cgroup"
    assert path.split("/")[-2] == task_id, path
    return base + os.path.dirname(path), base + path


def test_task_limits_are_shared(tasks, name):
    arn = tasks.start(name, {"command": "sleep 100", "memory": 48}, cpu="512", memory="64")
    tasks.wait_running(arn)
    pid, task_id = tasks.pid(arn), arn.split("/")[-1]
    memory, container = task_group(pid, "memory", task_id)
    cpu, _ = task_group(pid, "cpu", task_id)
    limit = "memory.limit_in_bytes" if "/memory/" in memory else "memory.max"
    assert int(read_text(memory + "/" + limit)) == 64 << 20
    assert int(read_text(container + "/" + limit)) == 48 << 20
    if os.path.exists(cpu + "/cpu.max"):
        assert read_text(cpu + "/cpu.max").split() == ["50000", "100000"]
    else:
        assert read_text(cpu + "/cpu.cfs_quota_us").strip() == "50000"
    tasks.stop(arn)
    tasks.wait_stopped(arn)
    assert not os.path.exists(memory) and not os.path.exists(cpu)


# -- dependencies, health, stopping

def test_depends_on_order(tasks, name):
    arn = tasks.start(
        name,
        {"command": "echo main", "dependsOn": [{"containerName": "c1", "condition": "SUCCESS"},
                                               {"containerName": "c2", "condition": "COMPLETE"},
                                               {"containerName": "c3", "condition": "START"}]},
        {"command": "sleep 1; echo one", "essential": False},
        {"command": "sleep 1; echo two; exit 3", "essential": False},
        {"command": "sleep 100", "essential": False})
    task = tasks.wait_stopped(arn)
    codes = {c["name"]: c.get("exitCode") for c in task["containers"]}
    assert codes["main"] == 0 and codes["c1"] == 0 and codes["c2"] == 3 and codes["c3"] in (137, 143)
    lines = up_lines(tasks, arn)
    assert lines.index("main") > lines.index("one") and lines.index("main") > lines.index("two")


def up_lines(tasks, arn):
    """The words that the containers wrote, by time."""
    text = tasks.server.slipway("logs", arn, "--timestamps").stdout
    return [line.split()[-1] for line in sorted(text.splitlines()) if line.strip()]


def test_dependency_that_fails_stops_the_task(tasks, name):
    arn = tasks.start(name, {"command": "echo never", "dependsOn": [{"containerName": "c1", "condition": "SUCCESS"}]},
                      {"command": "exit 7", "essential": False})
    task = tasks.wait_stopped(arn)
    assert "never" not in tasks.logs(arn)
    assert "TaskDependencyError" in task["stoppedReason"]


def test_essential_container_ends_the_others(tasks, name):
    arn = tasks.start(name, {"command": "exit 5", "dependsOn": [{"containerName": "c1", "condition": "START"}]},
                      {"command": "sleep 100", "essential": True})
    task = tasks.wait_stopped(arn)
    codes = {c["name"]: c["exitCode"] for c in task["containers"]}
    assert codes["main"] == 5 and codes["c1"] in (137, 143)


def test_health_check(tasks, name):
    check = {"command": ["CMD-SHELL", "test -e /tmp/well"], "interval": 5, "timeout": 2, "retries": 1}
    arn = tasks.start(name, {"command": "sleep 1; touch /tmp/well; sleep 100", "healthCheck": check})
    tasks.wait_running(arn)
    assert tasks.container(arn)["healthStatus"] in ("UNKNOWN", "HEALTHY")
    r.wait_for(lambda: tasks.container(arn)["healthStatus"] == "HEALTHY", 20, 0.2, "HEALTHY container")
    assert tasks.describe(arn)["healthStatus"] == "HEALTHY"
    tasks.stop(arn)


def test_depends_on_healthy(tasks, name):
    check = {"command": ["CMD", "test", "-e", "/tmp/well"], "interval": 5, "timeout": 2, "retries": 3}
    arn = tasks.start(name, {"command": "echo main", "dependsOn": [{"containerName": "c1", "condition": "HEALTHY"}]},
                      {"command": "touch /tmp/well; echo well; sleep 100", "healthCheck": check, "essential": False})
    tasks.wait_stopped(arn)
    assert up_lines(tasks, arn) == ["well", "main"]


def test_stop_is_sigterm_first(tasks, name):
    arn = tasks.start(name, {"command": "trap 'echo bye; exit 9' TERM; echo up; while true; do sleep 0.1; done"})
    tasks.wait_running(arn)
    r.wait_for(lambda: "up" in tasks.logs(arn), 10, what="running shell")
    started = time.monotonic()
    task = tasks.stop(arn)
    assert time.monotonic() - started < 5 * r.PATIENCE
    assert task["containers"][0]["exitCode"] == 9
    assert "bye" in tasks.logs(arn)


def test_stop_timeout_then_sigkill(tasks, name):
    arn = tasks.start(name, {"command": "trap '' TERM; echo up; while true; do sleep 0.1; done", "stopTimeout": 2})
    tasks.wait_running(arn)
    r.wait_for(lambda: "up" in tasks.logs(arn), 10, what="running shell")
    started = time.monotonic()
    task = tasks.stop(arn)
    assert 1.5 < time.monotonic() - started < 10 * r.PATIENCE
    assert task["containers"][0]["exitCode"] == 137


def test_stop_before_it_runs(tasks, name):
    arn = tasks.start(name, {"command": "sleep 100"})
    task = tasks.stop(arn)
    assert task["stopCode"] == "UserInitiated"


# -- slipway run, logs, ps

def write_definition(tmp_path, name, tasks, *containers):
    path = tmp_path / (name + ".json")
    path.write_text(json.dumps({"family": name, "containerDefinitions": [
        dict({"name": "main", "image": tasks.image, "memory": 32, "stopTimeout": 1}, **c) for c in containers]}))
    return str(path)


def test_slipway_run_gives_output_and_exit_code(up, tasks, name, tmp_path):
    path = write_definition(tmp_path, name, tasks, {"command": ["sh", "-c", "echo to out; echo to err >&2; exit 7"]})
    p = up.slipway("run", path, check=False)
    assert p.returncode == 7, p
    assert p.stdout == "to out\n" and "to err\n" in p.stderr


def test_slipway_run_of_much_output(up, tasks, name, tmp_path):
    path = write_definition(tmp_path, name, tasks, {"command": ["sh", "-c", "seq 1 50000; printf 'no newline'"]})
    p = up.slipway("run", path)
    lines = p.stdout.splitlines()
    assert lines[:50000] == [str(i) for i in range(1, 50001)]
    assert lines[50000:] == ["no newline"]


def test_slipway_run_of_a_task_that_cannot_start(up, tasks, name, tmp_path):
    path = write_definition(tmp_path, name, tasks, {"command": ["/no/such/program"]})
    p = up.slipway("run", path, check=False)
    assert p.returncode == 125, p
    assert "/no/such/program" in p.stderr


def test_slipway_run_detached_and_stop(up, tasks, name, tmp_path):
    path = write_definition(tmp_path, name, tasks, {"command": ["sleep", "100"]})
    task = up.slipway("run", path, "--detach").stdout.split()[0]
    assert task in up.slipway("ps").stdout
    up.slipway("stop", task, "--reason", "by hand")
    assert tasks.wait_stopped(task)["stoppedReason"] == "by hand"
    assert task not in up.slipway("ps").stdout
    assert task in up.slipway("ps", "--all").stdout


def test_slipway_run_is_stopped_by_ctrl_c(up, tasks, name, tmp_path):
    import signal
    path = write_definition(tmp_path, name, tasks, {"command": ["sh", "-c", "trap 'exit 3' TERM; echo up; while true; do sleep 0.1; done"]})
    p = subprocess.Popen([r.BIN, "run", path], env=up.env(SLIPWAY_DATA=up.data), stdout=subprocess.PIPE,
                         stderr=subprocess.PIPE, text=True)
    try:
        assert p.stdout.readline() == "up\n"
        p.send_signal(signal.SIGINT)
        assert p.wait(100) == 3
    finally:
        r.end(p, signal.SIGKILL, 5)
        p.stdout.close()
        p.stderr.close()


def test_logs_follow(up, tasks, name, tmp_path):
    command = "echo line 1; while [ ! -e /go/on ]; do sleep 0.1; done; for i in 2 3 4 5; do echo line $i; sleep 0.1; done"
    arn = tasks.start(name, {"command": command, "mountPoints": [{"sourceVolume": "go", "containerPath": "/go"}]},
                      volumes=[{"name": "go", "host": {"sourcePath": str(tmp_path)}}])
    p = subprocess.Popen([r.BIN, "logs", arn, "--follow"], env=up.env(SLIPWAY_DATA=up.data), stdout=subprocess.PIPE, text=True)
    watchdog = threading.Timer(150, p.kill)
    watchdog.start()
    try:
        first = p.stdout.readline()  # comes while there is no other yet
        (tmp_path / "on").touch()
        rest = p.stdout.read()
        assert p.wait(50) == 0
    finally:
        watchdog.cancel()
        p.stdout.close()
    assert first + rest == "".join("line %d\n" % i for i in range(1, 6))
    assert tasks.logs(arn) == first + rest


def test_logs_of_several_containers_are_told_apart(up, tasks, name):
    arn = tasks.start(name, {"command": "echo from-main; sleep 1"}, {"command": "echo from-c1", "essential": False})
    tasks.wait_stopped(arn)
    text = up.slipway("logs", arn).stdout
    assert "main | from-main" in text and "c1 | from-c1" in text
    assert up.slipway("logs", arn, "--container", "c1").stdout == "from-c1\n"


def test_logs_of_a_task_that_is_not_there(up):
    p = up.slipway("logs", "0" * 32, check=False)
    assert p.returncode == 1 and p.stderr.startswith("slipway: ")


def test_binary_output_survives(up, tasks, name):
    arn = tasks.start(name, {"command": "printf '\\303\\050 \\377 \\000 end\\n'"})
    tasks.wait_stopped(arn)
    p = subprocess.run([r.BIN, "logs", arn], env=up.env(SLIPWAY_DATA=up.data), stdout=subprocess.PIPE, check=True)
    assert p.stdout.endswith(b" end\n") and b"\xc3(" in p.stdout


# -- failures

def test_more_memory_than_any_instance_has(tasks, name):
    definition = tasks.define(name, {"memory": 1 << 30})
    out = tasks.ecs.run_task(taskDefinition=definition, count=2)
    assert out["tasks"] == []
    assert {f["reason"] for f in out["failures"]} == {"RESOURCE:MEMORY"}
    assert all("container-instance/" in f["arn"] for f in out["failures"])


def test_more_cpu_than_any_instance_has(tasks, name):
    definition = tasks.define(name, {"cpu": 262144})
    assert [f["reason"] for f in tasks.ecs.run_task(taskDefinition=definition)["failures"]] == ["RESOURCE:CPU"]


def test_port_of_the_system(tasks, name):
    definition = tasks.define(name, {"portMappings": [{"containerPort": 22, "hostPort": 22}]})
    assert [f["reason"] for f in tasks.ecs.run_task(taskDefinition=definition)["failures"]] == ["RESOURCE:PORTS"]


def test_port_that_another_program_has(tasks, name):
    import socket
    with socket.socket() as s:
        s.bind(("0.0.0.0", 0))
        s.listen()
        port = s.getsockname()[1]
        task = tasks.wait_stopped(tasks.start(name, {"command": "sleep 9", "portMappings": [{"containerPort": 80, "hostPort": port}]}))
    assert task["stopCode"] == "TaskFailedToStart"
    assert str(port) in task["stoppedReason"] + task["containers"][0].get("reason", "")


@pytest.mark.parametrize("image, reason, words", (
    ("SELF/busybox:nope", "CannotPull", "nope"),
    ("SELF/no/such/repository:v1", "CannotPull", "no/such/repository"),
    ("127.0.0.1:1/busybox:v1", "CannotPull", "127.0.0.1:1"),
    ("SELF/busybox@sha256:" + "0" * 64, "CannotPull", "sha256:" + "0" * 64),
))
def test_image_that_cannot_be_pulled(up, tasks, name, image, reason, words):
    task = tasks.wait_stopped(tasks.start(name, {"image": image.replace("SELF", up.host_port)}))
    assert task["stopCode"] == "TaskFailedToStart"
    text = "%s %s" % (task["stoppedReason"], task["containers"][0].get("reason", ""))
    assert reason in text and words in text
    assert "exitCode" not in task["containers"][0]


def test_image_of_a_registry_that_denies(server, tasks, name, busybox_image):
    """Another registry that wants credentials: the agent has none for it, and does not send it those that it has."""
    server.create_repository(name)
    with server.http() as http:
        busybox_image.push(http, name, "v1")
    task = tasks.wait_stopped(tasks.start(name, {"image": "%s/%s:v1" % (server.host_port, name)}))
    assert task["stopCode"] == "TaskFailedToStart"
    text = task["stoppedReason"] + task["containers"][0].get("reason", "")
    assert "CannotPull" in text and server.host_port in text, text


def test_the_node_may_pull_and_no_more(up, tasks):
    """Its key lies on the machine: it opens only what an agent does."""
    key = read_credentials(os.path.join(up.data, "agent/credentials"))
    ecr, ecs = up.boto("ecr", key), up.boto("ecs", key)
    for attempt in (lambda: ecr.create_repository(repositoryName="nodes"), lambda: ecr.delete_repository(repositoryName="busybox"),
                    lambda: ecs.run_task(taskDefinition="x"), lambda: ecs.stop_task(task="0" * 32),
                    lambda: ecs.register_task_definition(family="x", containerDefinitions=[])):
        with pytest.raises(ClientError) as e:
            attempt()
        assert e.value.response["Error"]["Code"] == "AccessDeniedException", e.value
    with up.http() as admin, up.http(up.password(key)) as node:
        assert node.get("/v2/busybox/manifests/v1").status == 200
        location = admin.request("POST", "/v2/busybox/blobs/uploads/").header("Location")
        for method, path in (("POST", "/v2/busybox/blobs/uploads/"), ("PATCH", location), ("GET", location), ("DELETE", location),
                             ("PUT", "/v2/busybox/manifests/v2"), ("DELETE", "/v2/busybox/manifests/v1")):
            reply = node.request(method, path, b"x" if method in ("POST", "PATCH", "PUT") else None)
            assert (reply.status, reply.code()) in ((403, "DENIED"), (404, "BLOB_UPLOAD_UNKNOWN")), reply
        assert admin.get(location).header("Range") == "0-0"
        assert admin.request("DELETE", location).status == 204


def test_image_for_another_architecture(tasks, name):
    other = "arm64" if images.MACHINE == "amd64" else "amd64"
    image = tasks.push(images.busybox(architecture=other), name)
    task = tasks.wait_stopped(tasks.start(name, {"image": image}))
    assert task["stopCode"] == "TaskFailedToStart"
    text = task["stoppedReason"] + task["containers"][0].get("reason", "")
    assert "CannotPull" in text and images.MACHINE in text


def test_list_of_platforms_gives_the_right_one(up, tasks, name):
    up.create_repository(name)
    children = []
    with up.http() as http:
        for architecture in ("s390x", images.MACHINE, "ppc64le"):
            image = images.busybox({"Cmd": ["echo", "I am " + architecture]}, architecture)
            image.push(http, name, image.digest)
            children.append(dict(images.descriptor(images.OCI_MANIFEST, image.manifest),
                                 platform={"os": "linux", "architecture": architecture}))
        index = images.dump({"schemaVersion": 2, "mediaType": images.OCI_INDEX, "manifests": children})
        assert images.put_manifest(http, name, "v1", index, images.OCI_INDEX).status == 201
    arn = tasks.start(name, {"image": "%s/%s:v1" % (up.host_port, name)})
    tasks.wait_stopped(arn)
    assert tasks.logs(arn) == "I am %s\n" % images.MACHINE


def test_container_that_cannot_start(tasks, name):
    task = tasks.wait_stopped(tasks.start(name, {"command": ["/etc/passwd"]}))
    assert task["stopCode"] == "TaskFailedToStart"
    text = task["stoppedReason"] + task["containers"][0].get("reason", "")
    assert "CannotStartContainer" in text or "CannotCreateContainer" in text


def test_the_large_image_runs(up, tasks, name, large_layout, large_image):
    up.slipway("push", "--create", large_layout, "%s/%s:v1" % (up.host_port, name), timeout=300)
    arn = tasks.start(name, {"image": "%s/%s:v1" % (up.host_port, name), "command": "ls /usr | tr '\\n' ' '"})
    task = tasks.wait_stopped(arn, 120)
    assert task["containers"][0]["exitCode"] == 0, (task, tasks.logs(arn))
    assert task["containers"][0]["imageDigest"] == large_image.digest
    assert "lib" in tasks.logs(arn).split()


def test_every_compression_and_whiteouts(tasks, name):
    base = images.layer(images.busybox_entries())
    folder = {"type": __import__("tarfile").DIRTYPE}
    more = [images.layer([("d", folder, 0o755), ("d/gone", b"1", 0o644), ("d/stays", b"2", 0o644), ("o", folder, 0o755),
                          ("o/hidden", b"3", 0o644)], "zstd"),
            images.layer([("d/.wh.gone", b"", 0o644), ("o/.wh..wh..opq", b"", 0o644), ("o/fresh", b"4", 0o600)], None)]
    image = tasks.push(images.Image([base] + more, {"Env": ["PATH=/bin"]}), name)
    out = tasks.output(name, "ls d o; stat -c %a o/fresh", image=image)
    assert out.split() == ["d:", "stays", "o:", "fresh", "600"]


# -- secure defaults

CAPABILITIES = 0x00000000a80425fb  # Docker's default set


def test_secure_defaults(tasks, name):
    out = tasks.output(name, "grep -E '^(NoNewPrivs|Cap|Seccomp):' /proc/self/status; grep -E '^(Cap|NoNew|Seccomp)' /proc/self/status; "
                             "head -c 1 /proc/kcore | wc -c; ls /proc/acpi /sys/firmware | wc -l; echo 1 > /proc/sys/kernel/hostname || "
                             "echo read-only; echo pids $(ls /proc | grep -c '^[0-9]'); hostname")
    status = dict(line.split(":", 1) for line in out.splitlines() if ":" in line and not line.startswith("/"))
    assert status["NoNewPrivs"].strip() == "1"
    assert status["Seccomp"].strip() == "2"
    assert int(status["CapEff"], 16) == int(status["CapBnd"], 16) == CAPABILITIES
    assert int(status["CapAmb"], 16) == 0 and int(status["CapInh"], 16) == 0
    assert "\n0\n" in out, "a byte of /proc/kcore was read"
    assert "read-only" in out
    assert int(out.split("pids ")[1].split()[0]) < 8
    assert os.uname().nodename not in out.split()


def test_other_users_have_no_capabilities(tasks, name):
    out = tasks.output(name, "grep CapEff /proc/self/status", user="1000")
    assert int(out.split(":")[1], 16) == 0


def test_mount_is_refused(tasks, name):
    assert "refused" in tasks.output(name, "mount -t tmpfs none /tmp 2>/dev/null || echo refused")


def test_devices(tasks, name):
    out = tasks.output(name, "ls /dev | tr '\\n' ' '; test -c /dev/null && echo null; ls /dev/mem /dev/kmsg /dev/vda 2>/dev/null | wc -l")
    assert "null" in out and out.split()[-1] == "0"


def test_containers_of_a_task_do_not_see_other_processes(tasks, name):
    out = tasks.output(name, "cat /proc/1/cmdline | tr '\\0' ' '")
    assert "cat /proc/1/cmdline" in out


# -- requests

def test_client_token_makes_run_task_idempotent(up, tasks, name):
    """Sent by hand: Debian's boto3 does not know the member yet."""
    body = {"taskDefinition": tasks.define(name, {"command": "sleep 100"}), "clientToken": "token-" + name}

    def run_task(**more):
        return call(up, "ecs", "RunTask", json.dumps(dict(body, **more)).encode())
    one, two = run_task().json(), run_task().json()
    assert [t["taskArn"] for t in one["tasks"]] == [t["taskArn"] for t in two["tasks"]]
    other = run_task(count=2)
    assert (other.status, other.json()["__type"]) == (400, "ConflictException")
    assert tasks.ecs.list_tasks(family=name)["taskArns"] == [one["tasks"][0]["taskArn"]]
    tasks.stop(one["tasks"][0]["taskArn"])


@pytest.mark.parametrize("more, error", (
    ({"count": 0}, "InvalidParameterException"), ({"count": 11}, "InvalidParameterException"),
    ({"launchType": "FARGATE"}, "InvalidParameterException"),
    ({"networkConfiguration": {"awsvpcConfiguration": {"subnets": ["subnet-1"]}}}, "InvalidParameterException"),
    ({"overrides": {"containerOverrides": [{"name": "ghost", "command": ["x"]}]}}, "InvalidParameterException"),
    ({"cluster": "ghost"}, "ClusterNotFoundException"),
))
def test_bad_requests_start_nothing(tasks, name, more, error):
    definition = tasks.define(name, {"command": "sleep 100"})
    with pytest.raises(ClientError) as e:
        tasks.ecs.run_task(taskDefinition=definition, **more)
    assert e.value.response["Error"]["Code"] in (error, "ClientException", "UnsupportedFeatureException"), e.value
    assert tasks.ecs.list_tasks(family=name)["taskArns"] == []


def test_inactive_definition_is_not_run(tasks, name):
    definition = tasks.define(name, {})
    tasks.ecs.deregister_task_definition(taskDefinition=definition)
    with pytest.raises(ClientError) as e:
        tasks.ecs.run_task(taskDefinition=definition)
    assert e.value.response["Error"]["Code"] in ("ClientException", "InvalidParameterException")
