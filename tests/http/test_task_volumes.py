# SPDX-License-Identifier: Apache-2.0
# ctest-lock: containers
"""Volumes: what new ones hold, VOLUMEs of images, what the driver local mounts, folders and access points of file systems."""
import json
import os
import tarfile

import pytest

from support import images

# For a container of the task that is slower.
WAIT = "for i in $(seq 200); do [ -s %s ] && break; sleep 0.1; done; "


@pytest.fixture(scope="module")
def filled(tasks):
    """An image with files of somebody else's, two of its folders VOLUMEs."""
    def folder(path, mode):
        return path, {"type": tarfile.DIRTYPE, "uid": 11, "gid": 12}, mode
    more = [folder("data", 0o1777), ("data/seed", b"from the image", 0o640), folder("plain", 0o755), ("plain/x", b"plain", 0o600)]
    return tasks.push(images.busybox({"Volumes": {"/data": {}, "/empty": {}}}, more=[more]), "filled")


def with_volume(tasks, name, command, volume, path="/v", image=None, **more):
    c = dict({"command": command, "mountPoints": [{"sourceVolume": "v", "containerPath": path}]}, **more)
    if image:
        c["image"] = image
    arn = tasks.start(name, c, volumes=[dict({"name": "v"}, **volume)])
    return tasks.wait_stopped(arn), tasks.logs(arn)


@pytest.mark.parametrize("volume", ({}, {"dockerVolumeConfiguration": {"scope": "task", "driver": "local"}}))
def test_a_new_volume_holds_what_the_image_has(tasks, filled, name, volume):
    out = with_volume(tasks, name, "stat -c '%a %u %g' /plain /plain/x; cat /plain/x", volume, "/plain", filled)[1]
    assert out.split() == ["755", "11", "12", "600", "0", "0", "plain"], out


def test_a_volume_with_files_keeps_them(tasks, filled, name):
    volume = {"name": name, "dockerVolumeConfiguration": {"scope": "shared", "autoprovision": True, "driver": "local",
                                                          "labels": {"a": "b"}}}
    c = {"image": filled, "mountPoints": [{"sourceVolume": name, "containerPath": "/plain"}]}
    for command, want in (("cat /plain/x; echo changed > /plain/x", "plain"), ("cat /plain/x", "changed")):
        assert tasks.output(name, command, task={"volumes": [volume]}, **c).strip() == want


def test_host_folders_are_not_filled(tasks, filled, name, tmp_path):
    out = with_volume(tasks, name, "ls /plain", {"host": {"sourcePath": str(tmp_path / "new")}}, "/plain", filled)[1]
    assert out.strip() == "" and os.path.isdir(tmp_path / "new")


def test_volumes_of_an_image(up, tasks, filled, name):
    out = tasks.output(name, "stat -c '%a %u %g' /data; cat /data/seed; touch /data/y /empty/z && echo written; touch /no 2>&1; "
                       "mount | grep -c -e ' /data ' -e ' /empty '; true", image=filled, readonlyRootFilesystem=True)
    assert out.startswith("1777 11 12\nfrom the image") and "written" in out and "Read-only" in out and out.rstrip().endswith("2"), out
    arn = tasks.start(name, {"command": WAIT % "/data/from-c1" + "cat /data/from-c1; touch /data/y 2>&1; true",
                             "volumesFrom": [{"sourceContainer": "c1", "readOnly": True}]},
                      {"image": filled, "command": "echo shared > /data/from-c1; sleep 50", "essential": False})
    tasks.wait_stopped(arn)
    out = tasks.logs(arn, "main")
    assert "shared" in out and "Read-only" in out
    assert not os.path.exists(os.path.join(up.data, "agent", "tasks", arn.rsplit("/", 1)[1], "volumes.image"))


def test_what_the_driver_local_mounts(up, tasks, name, tmp_path):
    tmpfs = {"dockerVolumeConfiguration": {"scope": "task", "driver": "local", "driverOpts": {
        "type": "tmpfs", "device": "tmpfs", "o": "size=3m,mode=0711,noexec"}}}
    out = with_volume(tasks, name, "stat -c %a /v; mount | grep ' /v '", tmpfs)[1]
    assert out.startswith("711") and "size=3072k" in out and "noexec" in out
    (tmp_path / "x").write_text("of the machine")
    bind = {"dockerVolumeConfiguration": {"scope": "shared", "autoprovision": True, "driver": "local", "driverOpts": {
        "type": "none", "device": str(tmp_path), "o": "bind,ro"}}}
    out = with_volume(tasks, name, "cat /v/x; touch /v/y 2>&1; true", bind)[1]
    assert "of the machine" in out and "Read-only" in out
    # One mount for all containers of the task.
    arn = tasks.start(name, {"command": WAIT % "/v/x" + "cat /v/x", "mountPoints": [{"sourceVolume": "v", "containerPath": "/v"}]},
                      {"command": "echo both > /v/x; sleep 20", "essential": False,
                       "mountPoints": [{"sourceVolume": "v", "containerPath": "/v"}]}, volumes=[dict({"name": "v"}, **tmpfs)])
    tasks.wait_stopped(arn)
    assert "both" in tasks.logs(arn, "main")
    missing = {"dockerVolumeConfiguration": {"driver": "local", "driverOpts": {"type": "none", "o": "bind", "device": "/not/there"}}}
    stopped, _ = with_volume(tasks, name, "true", missing)
    assert "/not/there" in stopped["stoppedReason"] and stopped["stopCode"] == "TaskFailedToStart"
    with open("/proc/mounts", encoding="utf-8") as f:
        assert up.data + "/agent/mounts" not in f.read()


# -- EFS

@pytest.fixture(scope="module")
def efs(up, tmp_path_factory):
    """What an operator does: a folder for the file system, and efs.json about it."""
    top = tmp_path_factory.mktemp("fs")
    folder = os.path.join(up.data, "agent", "efs")
    os.makedirs(folder)
    for fs in ("fs-plain", "fs-tls"):
        os.makedirs(top / fs / "sub" / "deep")
        (top / fs / "sub" / "deep" / "x").write_text("of " + fs)
        os.symlink(str(top / fs), os.path.join(folder, fs))
    os.symlink("/etc", top / "fs-plain" / "away")
    deep = str(top / "fs-plain" / "sub" / "deep")
    doc = {"fileSystems": {"fs-tls": {"encrypted": True, "iam": True}, "fs-path": {"path": str(top / "fs-plain")},
                           "fs-device": {"type": "none", "device": str(top / "fs-plain"), "options": "bind,ro"},
                           "fs-gone": {"device": deep + "/not/there", "type": "none", "options": "bind"}},
           "accessPoints": {
               "fsap-1": {"fileSystemId": "fs-tls", "rootDirectory": {"path": "/sub/deep"}},
               "fsap-new": {"fileSystemId": "fs-tls", "rootDirectory": {"path": "/made/here", "creationInfo": {
                   "ownerUid": 1001, "ownerGid": 1002, "permissions": "2750"}}},
               "fsap-user": {"fileSystemId": "fs-tls", "posixUser": {"uid": 5, "gid": 5}}}}
    with open(os.path.join(folder, "efs.json"), "w", encoding="utf-8") as f:
        json.dump(doc, f)
    return top


def efs_volume(fs, **more):
    return {"efsVolumeConfiguration": dict({"fileSystemId": fs}, **more)}


def tls(**auth):
    return {"transitEncryption": "ENABLED", "authorizationConfig": auth}


def test_a_folder_of_a_file_system(tasks, efs, name):
    assert "of fs-plain" in with_volume(tasks, name, "cat /v/x", efs_volume("fs-plain", rootDirectory="/sub/deep"))[1]
    for root in ("/away", "/nowhere"):
        stopped, out = with_volume(tasks, name, "ls /v", efs_volume("fs-plain", rootDirectory=root))
        assert "InvalidVolumeError" in stopped["stoppedReason"] and root in stopped["stoppedReason"] and "passwd" not in out


def test_file_systems_elsewhere(up, tasks, efs, name):
    """A path, or something that is mounted while the task runs."""
    for fs in ("fs-path", "fs-device"):
        out = with_volume(tasks, name, "cat /v/x; touch /v/new 2>&1; true", efs_volume(fs, rootDirectory="/sub/deep"))[1]
        assert "of fs-plain" in out and ("Read-only" in out) == (fs == "fs-device")
    stopped, _ = with_volume(tasks, name, "true", efs_volume("fs-gone"))
    assert "InvalidVolumeError" in stopped["stoppedReason"] and "/not/there" in stopped["stoppedReason"]
    with open("/proc/mounts", encoding="utf-8") as f:
        assert up.data + "/agent/mounts" not in f.read()


def test_access_points(tasks, efs, name):
    assert "of fs-tls" in with_volume(tasks, name, "cat /v/x", efs_volume("fs-tls", **tls(accessPointId="fsap-1", iam="ENABLED")))[1]
    out = with_volume(tasks, name, "stat -c '%a %u %g' /v", efs_volume("fs-tls", **tls(accessPointId="fsap-new")))[1]
    assert out.strip() == "2750 1001 1002"
    for point, fs, part in (("fsap-none", "fs-tls", "access point fsap-none"), ("fsap-1", "fs-plain", "access point fsap-1"),
                            ("fsap-user", "fs-tls", "posixUser, which is not supported")):
        stopped, _ = with_volume(tasks, name, "true", efs_volume(fs, **tls(accessPointId=point)))
        assert part in stopped["stoppedReason"], stopped


def test_what_a_file_system_is_not_called_is_not_assumed(tasks, efs, name):
    stopped, _ = with_volume(tasks, name, "true", efs_volume("fs-plain", transitEncryption="ENABLED"))
    assert 'does not say that it is "encrypted"' in stopped["stoppedReason"]
    d = tasks.define(name, {}, volumes=[dict({"name": "v"}, **efs_volume("fs-tls", **tls(iam="ENABLED")))])
    names = {a["name"] for a in tasks.ecs.describe_task_definition(taskDefinition=d)["taskDefinition"]["requiresAttributes"]}
    assert {"ecs.capability.efs", "ecs.capability.efsAuth"} <= names
