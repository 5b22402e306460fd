# SPDX-License-Identifier: Apache-2.0
# ctest-lock: containers
# ctest-cost: 82
"""The members of a task definition that shape a container's machine, each in a real container: volumes of others, names, devices,
capabilities, kernel settings."""
import json
import os

import pytest
from botocore.exceptions import ClientError

from support import run as r
from support.aws import call
from support.tasks import fetch


def test_everything_is_described_as_it_was_registered(tasks, name):
    volumes = [{"name": "d", "dockerVolumeConfiguration": {"scope": "shared", "autoprovision": True, "driver": "local",
                                                           "labels": {"a": "b"}}}]
    main = {"name": "main", "image": tasks.image, "memory": 64, "hostname": "here", "links": ["other:db"],
            "extraHosts": [{"hostname": "x.example", "ipAddress": "10.1.2.3"}], "dnsServers": ["10.9.9.9"],
            "dnsSearchDomains": ["example.com"], "volumesFrom": [{"sourceContainer": "other", "readOnly": True}],
            "systemControls": [{"namespace": "net.core.somaxconn", "value": "99"}],
            "linuxParameters": {"capabilities": {"add": ["SYS_PTRACE"], "drop": ["MKNOD"]}, "sharedMemorySize": 8,
                                "devices": [{"hostPath": "/dev/null", "containerPath": "/dev/zap", "permissions": ["read"]}],
                                "tmpfs": [{"containerPath": "/t", "size": 4, "mountOptions": ["noexec"]}]}}
    other = {"name": "other", "image": tasks.image, "memory": 64, "mountPoints": [{"sourceVolume": "d", "containerPath": "/d"}]}
    arn = tasks.ecs.register_task_definition(family=name, volumes=volumes, containerDefinitions=[main, other], pidMode="host",
                                             ipcMode="host")["taskDefinition"]["taskDefinitionArn"]
    got = tasks.ecs.describe_task_definition(taskDefinition=arn)["taskDefinition"]
    assert got["volumes"] == volumes and (got["pidMode"], got["ipcMode"]) == ("host", "host")
    for key, value in main.items():
        assert got["containerDefinitions"][0][key] == value, key


@pytest.mark.parametrize("member, part", (
    ({"links": ["nobody"]}, "links to 'nobody'"), ({"links": ["main"]}, "links to 'main'"),
    ({"volumesFrom": [{"sourceContainer": "nobody"}]}, "volumesFrom 'nobody'"),
    ({"hostname": "a b"}, "'hostname' is not valid"), ({"dnsServers": ["x"]}, "dnsServers[0]"),
    ({"extraHosts": [{"hostname": "a", "ipAddress": "x"}]}, "extraHosts[0]"),
    ({"systemControls": [{"namespace": "kernel.panic", "value": "1"}]}, "'kernel.panic'"),
    ({"linuxParameters": {"capabilities": {"add": ["FLY"]}}}, "'FLY'"),
    ({"linuxParameters": {"tmpfs": [{"containerPath": "/t", "size": 1, "mountOptions": ["bind"]}]}}, "'bind'"),
    ({"linuxParameters": {"tmpfs": [{"containerPath": "/", "size": 1}]}}, "tmpfs[0].containerPath"),
    ({"linuxParameters": {"devices": [{"hostPath": "dev/x"}]}}, "devices[0]"),
))
def test_what_cannot_be_is_refused(tasks, name, member, part):
    with pytest.raises(ClientError) as e:
        tasks.define(name, member)
    assert e.value.response["Error"]["Code"] == "ClientException" and part in str(e.value)


@pytest.mark.parametrize("more, code, part", (
    ({"volumes": [{"name": "v", "dockerVolumeConfiguration": {"driver": "rexray"}}]}, "UnsupportedFeatureException", "'rexray'"),
    ({"volumes": [{"name": "v", "dockerVolumeConfiguration": {"autoprovision": True}}]}, "ClientException", "autoprovision"),
))
def test_volumes_that_cannot_be_are_refused(tasks, name, more, code, part):
    with pytest.raises(ClientError) as e:
        tasks.define(name, {}, **more)
    assert e.value.response["Error"]["Code"] == code and part in str(e.value)


def test_links_that_go_round_are_refused(tasks, name):
    with pytest.raises(ClientError) as e:
        tasks.define(name, {"links": ["c1"]}, {"volumesFrom": [{"sourceContainer": "main"}]})
    assert "cycle" in str(e.value)


def test_volumes_from_another_container(tasks, name):
    arn = tasks.start(name, {"command": "while [ ! -s /data/x ]; do sleep 0.1; done; cat /data/x; touch /data/y 2>&1; mount | grep /data", "volumesFrom": [
        {"sourceContainer": "c1", "readOnly": True}]}, {
            "command": "echo from c1 > /data/x; sleep 100", "mountPoints": [{"sourceVolume": "v", "containerPath": "/data"}],
            "essential": False}, volumes=[{"name": "v"}])
    tasks.wait_stopped(arn)
    out = tasks.logs(arn, "main")
    assert "from c1" in out and "Read-only file system" in out


def test_volumes_with_the_scope_task_and_shared(up, tasks, name):
    def run(config, command):
        return tasks.output(name, command, mountPoints=[{"sourceVolume": name, "containerPath": "/v"}],
                            task={"volumes": [{"name": name, "dockerVolumeConfiguration": config}]})
    for _ in range(2):
        assert run({"scope": "task"}, "ls /v | wc -l; touch /v/x").strip() == "0"
    shared = {"scope": "shared", "autoprovision": True, "driver": "local"}
    assert run(shared, "ls /v | wc -l; echo kept > /v/x").strip() == "0"
    assert run(shared, "cat /v/x").strip() == "kept"
    assert run({"scope": "shared"}, "cat /v/x").strip() == "kept"
    assert os.path.isdir(os.path.join(up.data, "agent", "volumes", name))
    arn = tasks.start(name, {"command": "true", "mountPoints": [{"sourceVolume": "none", "containerPath": "/v"}]},
                      volumes=[{"name": "none", "dockerVolumeConfiguration": {"scope": "shared"}}])
    assert "the shared volume none is not on this instance" in tasks.wait_stopped(arn)["stoppedReason"]


def test_file_systems_are_folders_of_the_operators(up, tasks, name, tmp_path):
    volume = {"name": "v", "efsVolumeConfiguration": {"fileSystemId": "fs-0123", "rootDirectory": "/"}}
    one = {"command": "cat /efs/x; echo new > /efs/y", "mountPoints": [{"sourceVolume": "v", "containerPath": "/efs"}]}
    reason = tasks.wait_stopped(tasks.start(name, one, volumes=[volume]))["stoppedReason"]
    assert "the file system fs-0123 is not on this instance" in reason
    (tmp_path / "x").write_text("of the file system\n")
    os.makedirs(os.path.join(up.data, "agent", "efs"))
    os.symlink(str(tmp_path), os.path.join(up.data, "agent", "efs", "fs-0123"))
    assert "of the file system" in tasks.output(name, one["command"], mountPoints=one["mountPoints"], task={"volumes": [volume]})
    assert (tmp_path / "y").read_text() == "new\n"


def test_tmpfs_and_shared_memory(tasks, name):
    out = tasks.output(name, "mount | grep -e ' /t ' -e /dev/shm; touch /t/x && echo written", readonlyRootFilesystem=True,
                       linuxParameters={"sharedMemorySize": 7,
                                        "tmpfs": [{"containerPath": "/t", "size": 3, "mountOptions": ["mode=0700"]}]})
    lines = {line.split(" ")[2]: line for line in out.splitlines() if " on " in line}
    assert "size=3072k" in lines["/t"] and "mode=700" in lines["/t"] and "noexec" in lines["/t"]
    assert "size=7168k" in lines["/dev/shm"] and "written" in out


def capability_bits(text):
    return int([line for line in text.splitlines() if line.startswith("CapEff")][0].split()[1], 16)


def test_capabilities(tasks, name):
    def bits(**capabilities):
        return capability_bits(tasks.output(name, "cat /proc/self/status", linuxParameters={"capabilities": capabilities}))
    plain, net_admin, chown = bits(), 1 << 12, 1
    assert plain & chown and not plain & net_admin
    assert bits(add=["NET_ADMIN"]) == plain | net_admin
    assert bits(drop=["CHOWN"]) == plain & ~chown
    assert bits(drop=["ALL"]) == 0
    assert bits(drop=["ALL"], add=["CHOWN"]) == chown


def test_added_capabilities_may_be_used(tasks, name):
    """The system calls that go with them are open: a mount with SYS_ADMIN."""
    command = "mount -t tmpfs none /tmp && echo mounted || echo refused"
    assert "refused" in tasks.output(name, command)
    assert "mounted" in tasks.output(name, command, linuxParameters={"capabilities": {"add": ["SYS_ADMIN"]}})


def test_an_init_process(tasks, name):
    r.need_program("docker-init")
    command = "cat /proc/1/cmdline | tr '\\0' ' '; echo; (sleep 0.1 &); sleep 0.5; ps | grep -c '[Zz]' || true"
    out = tasks.output(name, command, linuxParameters={"initProcessEnabled": True})
    assert out.startswith("/sbin/docker-init -- sh -c")
    arn = tasks.start(name + "-stop", {"command": ["sleep", "100"], "stopTimeout": 30, "linuxParameters": {"initProcessEnabled": True}})
    tasks.wait_running(arn)
    assert tasks.stop(arn, seconds=15)["containers"][0]["exitCode"] == 143  # at once: it hears SIGTERM


def test_devices(tasks, name):
    devices = [{"hostPath": "/dev/kmsg", "containerPath": "/dev/log-of-host", "permissions": ["read"]}]
    out = tasks.output(name, "ls -l /dev/log-of-host; (: > /dev/log-of-host) 2>&1 || true", linuxParameters={"devices": devices})
    node = os.stat("/dev/kmsg").st_rdev
    assert out.startswith("c") and "%d, " % os.major(node) in out and "not permitted" in out
    arn = tasks.start(name, {"command": "true", "linuxParameters": {"devices": [{"hostPath": "/dev/none"}]}})
    assert "CannotStartContainerError: device /dev/none: No such file" in tasks.wait_stopped(arn)["stoppedReason"]


def test_names(tasks, name):
    out = tasks.output(name, "hostname; cat /etc/hostname /etc/hosts /etc/resolv.conf", hostname="db-1",
                       extraHosts=[{"hostname": "x.example", "ipAddress": "10.1.2.3"}], dnsServers=["10.9.9.9", "10.9.9.8"],
                       dnsSearchDomains=["a.example", "b.example"])
    lines = out.splitlines()
    assert lines[:2] == ["db-1", "db-1"] and "10.1.2.3\tx.example" in lines
    assert [line for line in lines if line.startswith(("nameserver", "search"))] == \
        ["nameserver 10.9.9.9", "nameserver 10.9.9.8", "search a.example b.example"]
    assert [line for line in lines if line.endswith("\tdb-1")]


def test_links(tasks, name):
    arn = tasks.start(name, {"command": "cat /etc/hosts", "links": ["c1:web"]},
                      {"command": ["httpd", "-f", "-p", "80", "-h", "/www"], "essential": False})
    task = tasks.wait_stopped(arn)
    lines = [line for line in tasks.logs(arn, "main").splitlines() if line.endswith("\tweb c1")]
    assert len(lines) == 1 and task["containers"][0]["exitCode"] == 0


def test_system_controls(tasks, name):
    assert tasks.output(name, "cat /proc/sys/net/ipv4/ip_unprivileged_port_start /proc/sys/kernel/msgmax", systemControls=[
        {"namespace": "net.ipv4.ip_unprivileged_port_start", "value": "7"}, {"namespace": "kernel.msgmax", "value": "9999"}
    ]).split() == ["7", "9999"]


def test_namespaces_of_the_host(tasks, name):
    own = [os.readlink("/proc/self/ns/pid"), os.readlink("/proc/self/ns/ipc")]

    def seen(**task):
        return tasks.output(name, "ls -l /proc/self/ns/pid /proc/self/ns/ipc; grep -c /dev/shm /proc/mounts || true", task=task)
    out = seen()
    assert own[0] not in out and own[1] not in out and out.split()[-1] == "1"
    assert own[0] in seen(pidMode="host")
    assert own[1] in seen(ipcMode="host")
    out = seen(ipcMode="none", pidMode="task")
    assert own[0] not in out and own[1] not in out and out.split()[-1] == "0"


def test_what_is_not_there_yet_is_refused_by_name(tasks, name):
    for member, value in (("firelensConfiguration", {"type": "fluentd"}),
                          ("resourceRequirements", [{"type": "GPU", "value": "1"}])):
        with pytest.raises(ClientError) as e:
            tasks.define(name, {member: value})
        assert member in str(e.value)


# -- awsvpc: a network of the task's own

VPC = {"awsvpcConfiguration": {"subnets": ["subnet-1"]}}


def test_awsvpc_is_one_network_of_the_whole_task(tasks, name):
    definition = tasks.define(name, {"command": "until printf 'GET /index.html HTTP/1.0\\r\\n\\r\\n' | nc 127.0.0.1 80; do sleep 0.2; done; "
                                     "cat /etc/hosts; echo $ECS_CONTAINER_METADATA_URI_V4; sleep 100"},
                              {"command": ["httpd", "-f", "-p", "80", "-h", "/www"], "portMappings": [{"containerPort": 80}]},
                              networkMode="awsvpc")
    arn = tasks.run(definition, networkConfiguration=VPC)
    task = tasks.wait_running(arn)
    attachment = task["attachments"][0]
    details = {d["name"]: d["value"] for d in attachment["details"]}
    assert (attachment["type"], attachment["status"], details["subnetId"]) == ("ElasticNetworkInterface", "ATTACHED", "subnet-1")
    address = details["privateIPv4Address"]
    for c in task["containers"]:
        assert c["networkInterfaces"] == [{"attachmentId": attachment["id"], "privateIpv4Address": address}]
        assert c["networkBindings"] == []
    out = r.wait_for(lambda: "169.254" in tasks.logs(arn, "main") and tasks.logs(arn, "main"), 10, what="output")
    assert "served by a task" in out and address + "\t" in out
    assert "served by a task" in r.wait_for(lambda: fetch(80, address), 10, what="page")
    again = tasks.run(definition, networkConfiguration=VPC)
    second = tasks.wait_running(again)["containers"][0]["networkInterfaces"][0]["privateIpv4Address"]
    assert second != address and "served by a task" in r.wait_for(lambda: fetch(80, second), 10, what="page")
    assert tasks.stop(arn)["attachments"][0]["status"] == "DELETED"
    tasks.stop(again)


def test_awsvpc_outlives_its_first_container(tasks, name):
    """The network stays while any container runs, and goes with the last."""
    definition = tasks.define(name, {"command": "hostname -i; sleep 1; exec httpd -f -p 80 -h /www",
                                     "dependsOn": [{"containerName": "c1", "condition": "SUCCESS"}]},
                              {"command": "hostname -i", "essential": False}, networkMode="awsvpc")
    arn = tasks.run(definition, networkConfiguration=VPC)
    task = tasks.wait_running(arn)
    address = task["containers"][0]["networkInterfaces"][0]["privateIpv4Address"]
    assert "served by a task" in r.wait_for(lambda: fetch(80, address), 10, what="page")
    assert tasks.logs(arn, "main").split()[0] == tasks.logs(arn, "c1").split()[0] == address
    tasks.stop(arn)
    assert fetch(80, address, timeout=1) == ""


def test_what_goes_with_awsvpc(tasks, name):
    with pytest.raises(ClientError) as e:
        tasks.define(name, {"portMappings": [{"containerPort": 80, "hostPort": 81}]}, networkMode="awsvpc")
    assert "When networkMode=awsvpc, the host ports and container ports" in str(e.value)
    with pytest.raises(ClientError) as e:
        tasks.define(name, {"hostname": "x"}, networkMode="awsvpc")
    assert "hostname is not supported" in str(e.value)
    bridge, own = tasks.define(name + "-b", {}), tasks.define(name, {"portMappings": [{"containerPort": 80}]}, networkMode="awsvpc")
    got = tasks.ecs.describe_task_definition(taskDefinition=own)["taskDefinition"]
    assert got["containerDefinitions"][0]["portMappings"] == [{"containerPort": 80, "hostPort": 80, "protocol": "tcp"}]
    for definition, network, code, part in (
            (own, None, "InvalidParameterException", "must be provided when networkMode 'awsvpc'"),
            (bridge, VPC, "InvalidParameterException", "is not valid for the given networkMode"),
            (own, {"awsvpcConfiguration": {"subnets": []}}, "InvalidParameterException", "subnets can not be empty"),
            (own, {"awsvpcConfiguration": {"subnets": ["s"], "assignPublicIp": "ENABLED"}}, "InvalidParameterException",
             "Assign public IP is not supported for this launch type."),
            (own, {"awsvpcConfiguration": {"subnets": ["s"], "securityGroups": ["g"] * 6}}, "InvalidParameterException",
             "securityGroups can have at most 5 items.")):
        with pytest.raises(ClientError) as e:
            tasks.ecs.run_task(taskDefinition=definition, **({"networkConfiguration": network} if network else {}))
        assert e.value.response["Error"]["Code"] == code and part in str(e.value), e.value


def register(up, family, container):
    """As a newer SDK would: this one does not know the member."""
    body = {"family": family, "containerDefinitions": [container]}
    reply = call(up, "ecs", "RegisterTaskDefinition", json.dumps(body).encode())
    return reply.status, json.loads(reply.body)


def test_a_restart_policy_keeps_the_task_and_its_port(up, tasks, name):
    """The shortest period that ECS takes is a minute."""
    policy = {"enabled": True, "restartAttemptPeriod": 60, "ignoredExitCodes": [7]}
    container = {"name": "main", "image": tasks.image, "memory": 64, "stopTimeout": 1, "portMappings": [{"containerPort": 80}],
                 "command": ["sh", "-c", "echo begun; httpd -p 80 -h /www; sleep 61; exit 1"]}
    status, body = register(up, name, dict(container, restartPolicy=dict(policy, restartAttemptPeriod=59)))
    assert status == 400 and "'restartAttemptPeriod' must be between 60 and 1800" in body["message"]
    status, body = register(up, name, dict(container, restartPolicy=policy))
    assert status == 200 and body["taskDefinition"]["containerDefinitions"][0]["restartPolicy"] == policy
    arn = tasks.run(name)
    port = tasks.wait_running(arn)["containers"][0]["networkBindings"][0]["hostPort"]
    assert "served by a task" in r.wait_for(lambda: fetch(port), 10, what="page")
    r.wait_for(lambda: tasks.logs(arn).count("begun") == 2, 80, 1, "second start")
    assert "served by a task" in r.wait_for(lambda: fetch(port), 10, what="page of the second start")
    assert tasks.describe(arn)["lastStatus"] == "RUNNING"
    tasks.stop(arn)
