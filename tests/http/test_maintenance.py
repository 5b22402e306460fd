# SPDX-License-Identifier: Apache-2.0
"""gc, fsck, backup and restore, export and import, by the command line against real servers and folders."""
import glob
import json
import os
import sqlite3
import tarfile
import threading
import time

import pytest

from support import aws, images
from support import run as r
from support.clients import Client, stored
from support.server import Server


@pytest.fixture
def eager():
    """A server of the test's own that keeps nothing which is not needed; its schedule does not disturb."""
    s = Server(env={"SLIPWAY_COLLECT_GRACE": "0s", "SLIPWAY_COLLECT_INTERVAL": "1h"})
    try:
        yield s.start()
    finally:
        s.close()


def small(text, **more):
    return images.Image([images.layer([("file", text.encode(), 0o644)])], **more)


def push(server, image, repository, tag, create=True):
    if create:
        server.create_repository(repository)
    with server.http() as http:
        image.push(http, repository, tag)
    return image


def lines(server, *argv, check=True, env=None):
    p = server.slipway(*argv, check=check, env=env)
    return p.returncode, [json.loads(line) for line in p.stdout.splitlines()]


def blob_files(data):
    return {os.path.basename(p) for p in glob.glob(os.path.join(data, "blobs/*/*/*"))}


def blob_file(data, name):
    algorithm, text = name.split(":")
    return os.path.join(data, "blobs", algorithm, text[:2], text)


def findings(server, *argv):
    """(exit status, {kind: [entries]})."""
    status, entries = lines(server, "fsck", "--json", *argv, check=False)
    kinds = {}
    for e in entries[:-1]:
        kinds.setdefault(e["Kind"], []).append(e)
    assert status == (1 if kinds else 0), entries
    return status, kinds


# -- gc

def test_a_dry_run_says_what_would_go_and_why_and_a_run_takes_it(eager):
    kept = push(eager, small("kept"), "one", "v1")
    gone = push(eager, small("gone"), "one", "v2", create=False)
    eager.create_repository("two")
    with eager.http() as http:
        loose = images.push_blob(http, "two", b"nobody needs this")
        http.request("DELETE", "/v2/one/manifests/" + gone.digest)
    before = blob_files(eager.data)
    _, would = lines(eager, "gc", "--dry-run", "--json")
    assert blob_files(eager.data) == before
    by_name = {e["Name"]: e for e in would[:-1]}
    assert set(by_name) == set(gone.blobs) | {loose}
    assert by_name[loose]["Kind"] == "link" and by_name[loose]["Repository"] == "two"
    assert by_name[loose]["Size"] == 17 and "no manifest of the repository has needed it since 20" in by_name[loose]["Reason"]
    size = sum(len(b) for b in gone.blobs.values()) + 17
    assert would[-1]["Sum"]["Bytes"] == size and would[-1]["Sum"]["Blobs"] == 3
    text = eager.slipway("gc", "--dry-run").stdout
    assert text.splitlines()[-1].startswith("would free ") and "two" in text
    _, did = lines(eager, "gc", "--json")
    assert did[-1]["Sum"]["Bytes"] == size
    assert blob_files(eager.data) == {n.split(":")[1] for n in kept.blobs}
    assert lines(eager, "gc", "--dry-run", "--json")[1][-1]["Sum"]["Bytes"] == 0
    assert findings(eager)[0] == 0
    with eager.http() as http:
        for name in kept.blobs:
            assert http.get("/v2/one/blobs/" + name).status == 200


def test_files_without_a_row_are_found_and_taken(eager):
    data = b"left by a crash"
    name = images.digest(data)
    os.makedirs(os.path.dirname(blob_file(eager.data, name)), exist_ok=True)
    with open(blob_file(eager.data, name), "wb") as f:
        f.write(data)
    os.utime(blob_file(eager.data, name), (1, 1))
    _, would = lines(eager, "gc", "--dry-run", "--json")
    assert [(e["Kind"], e["Name"]) for e in would[:-1]] == [("file", name)]
    assert lines(eager, "gc", "--json")[1][-1]["Sum"]["Files"] == 1
    assert not os.path.exists(blob_file(eager.data, name))


def test_the_schedule_collects_by_itself(tmp_path):
    s = Server(env={"SLIPWAY_COLLECT_GRACE": "0s", "SLIPWAY_COLLECT_INTERVAL": "1s"})
    try:
        s.start()
        image = push(s, small("soon gone"), "one", "v1")
        with s.http() as http:
            http.request("DELETE", "/v2/one/manifests/" + image.digest)
        r.wait_for(lambda: not blob_files(s.data), 20, what="empty store")
    finally:
        s.close()


def test_an_abandoned_upload_expires_and_its_space_returns():
    """Two uploads, one of which nobody came back to. Both have survived a restart."""
    s = Server(env={"SLIPWAY_UPLOAD_TTL": "1h"})
    uploads = os.path.join(s.data, "uploads")
    try:
        s.start()
        s.create_repository("one")
        with s.http() as http:
            where = []
            for _ in range(2):
                location = http.request("POST", "/v2/one/blobs/uploads/").header("Location")
                where.append(http.request("PATCH", location, b"x" * (1 << 20), chunked=True).header("Location"))
        s.stop()
        abandoned = next(name for name in os.listdir(uploads) if name in where[0])
        then = time.time() - 3700
        os.utime(os.path.join(uploads, abandoned), (then, then))
        s.start()
        status, said = lines(s, "gc", "--json")
        assert status == 0 and said[-1]["Sum"]["Uploads"] == 1, said
        assert [name in where[1] for name in os.listdir(uploads)] == [True]
        with s.http() as http:
            gone = http.get(where[0])
            assert (gone.status, gone.code()) == (404, "BLOB_UPLOAD_UNKNOWN")
            assert http.get(where[1]).header("Range") == "0-1048575"
    finally:
        s.close()


def test_only_administrators_may(eager, tmp_path):
    eager.add_user("plain")
    env = eager.env(SLIPWAY_ENDPOINT=eager.endpoint)
    env["AWS_SHARED_CREDENTIALS_FILE"] = os.path.join(eager.home, "credentials-plain")
    for argv in (("gc",), ("gc", "--dry-run"), ("fsck",), ("backup", str(tmp_path / "b"))):
        p = eager.slipway(*argv, env=env, check=False)
        assert p.returncode == 1 and "AccessDenied" in p.stderr and "slipway:" in p.stderr, p.stderr
    assert not os.path.exists(str(tmp_path / "b"))


# -- fsck

def test_fsck_finds_each_damage_while_it_serves_and_when_it_is_stopped(eager):
    one = push(eager, small("one"), "one", "v1")
    two = push(eager, small("two"), "two", "v1")
    assert findings(eager)[0] == 0
    assert "clean: read 4 blobs" in eager.slipway("fsck").stdout
    (config, layer), (config2, layer2) = list(one.blobs), list(two.blobs)
    for name, content in ((config, b"x" * len(one.blobs[config])), (layer, b"short")):
        os.unlink(blob_file(eager.data, name))
        with open(blob_file(eager.data, name), "wb") as f:
            f.write(content)
    os.unlink(blob_file(eager.data, layer2))
    expected = {"blob-damaged": [config], "blob-size": [layer], "blob-missing": [layer2]}

    def check():
        kinds = findings(eager)[1]
        linked = {(e["Name"], e["Repository"]) for e in kinds.pop("blob-linked")}
        assert linked == {(config, "one"), (layer, "one"), (layer2, "two")}
        assert {k: [e["Name"] for e in v] for k, v in kinds.items()} == expected
    check()
    eager.stop()
    check()
    with sqlite3.connect(os.path.join(eager.data, "slipway.db")) as db:
        db.execute("UPDATE manifest SET content = ? WHERE digest = ?", (b"{}", one.digest))
        db.execute("DELETE FROM manifest_reference WHERE parent = ? AND kind = 'layer'", (two.digest,))
        db.execute("DELETE FROM collect_link")
    db.close()
    kinds = findings(eager)[1]
    assert [e["Name"] for e in kinds["manifest-damaged"]] == [one.digest]
    assert [e["Name"] for e in kinds["reference-rows"]] == [two.digest]
    assert config2 not in json.dumps(kinds)
    eager.start()


def test_quarantine_and_mending_by_the_next_push(eager):
    image = push(eager, small("heal me"), "one", "v1")
    config, layer = list(image.blobs)
    path = blob_file(eager.data, layer)
    with eager.http() as http:
        assert http.get("/v2/one/blobs/" + layer).status == 200  # known to the server's memory
        os.chmod(path, 0o600)
        with open(path, "r+b") as f:
            f.write(b"XX")
        kinds = findings(eager, "--quarantine")[1]
        assert kinds["blob-damaged"][0]["Quarantined"] is True
        moved = os.path.join(eager.data, "quarantine", layer.replace(":", "-"))
        with open(moved, "rb") as f:
            assert f.read(2) == b"XX"
        assert http.get("/v2/one/blobs/" + layer).status == 404
        assert http.request("HEAD", "/v2/one/blobs/" + layer).status == 404
        assert http.get("/v2/one/blobs/" + config).status == 200
        assert http.get("/v2/one/manifests/v1").status == 200
        assert "blob-missing" in findings(eager)[1]
        image.push(http, "one", "v1")
        assert http.get("/v2/one/blobs/" + layer).status == 200
    assert findings(eager)[0] == 0


class Pusher(threading.Thread):
    """Pushes small images until it is told to end; `done` are those that were acknowledged, in order."""

    def __init__(self, server, repository, delete=False):
        super().__init__(daemon=True)
        self.server, self.repository, self.delete = server, repository, delete
        self.done, self.error, self.ending = [], None, threading.Event()

    def run(self):
        try:
            with self.server.http() as http:
                while not self.ending.is_set():
                    n = len(self.done)
                    image = small("%s %d" % (self.repository, n))
                    image.push(http, self.repository, "t%d" % n)
                    self.done.append(image)
        except (OSError, AssertionError) as e:
            self.error = e

    def end(self):
        self.ending.set()
        self.join(150)
        assert not self.error, self.error
        return self.done


def test_pushes_beside_a_check_are_no_findings(eager):
    eager.create_repository("one")
    pusher = Pusher(eager, "one")
    pusher.start()
    try:
        for _ in range(5):
            assert findings(eager)[0] == 0
            lines(eager, "gc", "--dry-run", "--json")
    finally:
        done = pusher.end()
    assert len(done) > 5


# -- backup and restore

def test_backup_of_a_server_under_pushes_and_its_restore(eager, tmp_path):
    eager.create_repository("one")
    pusher = Pusher(eager, "one")
    pusher.start()
    backup, new = str(tmp_path / "backup"), str(tmp_path / "new")
    try:
        r.wait_for(lambda: len(pusher.done) > 5, what="some images")
        p = eager.slipway("backup", backup)
        before = list(pusher.done)
        assert "master.key" in p.stderr
        first = int(p.stdout.split("copied ")[1].split(",")[0])
        assert first >= 10
        r.wait_for(lambda: len(pusher.done) > len(before) + 3, what="more images")
    finally:
        pusher.end()
    known = list(pusher.done)
    p = eager.slipway("backup", backup)  # the second one has them all, and copies only what is new
    copied = int(p.stdout.split("copied ")[1].split(",")[0])
    assert 0 < copied <= 2 * len(known) - first
    assert oct(os.stat(backup).st_mode & 0o777) == "0o700"
    for name in ("master.key", "credentials", "slipway.db", "backup.json"):
        assert oct(os.stat(os.path.join(backup, name)).st_mode & 0o777) == "0o600", name
    server = Server(data=new)
    try:
        assert "all verified" in server.slipway("restore", backup, "--data", new).stdout
        server.start()
        assert server.admin == eager.admin
        with server.http() as http:
            for n, image in enumerate(known):
                reply = http.get("/v2/one/manifests/t%d" % n)
                assert reply.status == 200 and reply.header("Docker-Content-Digest") == image.digest
                for name in image.blobs:
                    assert images.digest(http.get("/v2/one/blobs/" + name).body) == name
        assert findings(server)[0] == 0
        push(server, small("after"), "two", "v1")
        p = server.slipway("restore", backup, "--data", new, check=False)
        assert p.returncode == 1 and "not empty" in p.stderr
    finally:
        server.close()


def test_a_backup_forgets_what_is_gone_and_refuses_other_folders(eager, tmp_path):
    image = push(eager, small("short life"), "one", "v1")
    backup = str(tmp_path / "backup")
    eager.slipway("backup", backup)
    assert len(blob_files(backup)) == 2
    with eager.http() as http:
        http.request("DELETE", "/v2/one/manifests/" + image.digest)
    eager.slipway("gc")
    assert "removed 2" in eager.slipway("backup", backup).stdout
    assert not blob_files(backup)
    other = tmp_path / "other"
    other.mkdir()
    (other / "file").write_text("mine")
    for path, why in ((str(other), "neither empty nor"), (eager.data, "outside the data folder"),
                      (os.path.join(eager.data, "sub"), "outside the data folder")):
        p = eager.slipway("backup", path, check=False)
        assert p.returncode == 1 and why in p.stderr, p.stderr
    assert os.listdir(str(other)) == ["file"]
    eager.stop()
    eager.slipway("backup", str(tmp_path / "offline"))
    eager.start()


def test_a_backup_has_log_events_and_policy_files(eager, tmp_path):
    """Both lie beside the rows; a restored server has them."""
    logs, backup, fresh = eager.boto("logs"), str(tmp_path / "backup"), str(tmp_path / "restored")
    logs.create_log_group(logGroupName="kept")
    logs.create_log_stream(logGroupName="kept", logStreamName="one")
    now = int(time.time() * 1000)
    logs.put_log_events(logGroupName="kept", logStreamName="one",
                        logEvents=[{"timestamp": now + i, "message": "line %d" % i} for i in range(100)])
    os.makedirs(os.path.join(eager.data, "policies"), exist_ok=True)
    with open(os.path.join(eager.data, "policies", "ann.json"), "w", encoding="utf-8") as f:
        f.write('{"UserName": "ann"}')
    eager.slipway("policy", "reload")
    eager.slipway("backup", backup)
    logs.put_log_events(logGroupName="kept", logStreamName="one", logEvents=[{"timestamp": now + 200, "message": "later"}])
    eager.slipway("backup", backup)
    eager.slipway("restore", backup, "--data", fresh)
    restored = Server("serve", data=fresh)
    try:
        restored.start()
        events = restored.boto("logs").get_log_events(logGroupName="kept", logStreamName="one", startFromHead=True)["events"]
        assert [e["message"] for e in events] == ["line %d" % i for i in range(100)] + ["later"]
        assert "ann" in [u["UserName"] for u in restored.boto("iam").list_users()["Users"]]
    finally:
        restored.close()



def test_a_backup_from_another_machine_goes_below_the_configured_folder_only(tmp_path):
    allowed, denied = tmp_path / "allowed", tmp_path / "denied"
    allowed.mkdir()
    elsewhere = {"X-Forwarded-For": "192.0.2.1"}
    for env in ({}, {"SLIPWAY_BACKUP_DIR": str(allowed)}):
        s = Server(env=env)
        try:
            s.start()

            def backup(path, **how):
                body = json.dumps({"Path": str(path)}).encode()
                return aws.call(s, "SlipwayAdmin_V20261121", "BackupData", body, scope="iam", **how)
            paths = [denied, "/etc", "/no/such/folder", str(allowed) + "x/b", str(allowed) + "/../denied", allowed]
            paths += [] if env else [allowed / "b"]
            replies = [backup(path, more=elsewhere) for path in paths]
            assert {reply.status for reply in replies} <= {400, 403}
            assert len({reply.body for reply in replies}) == 1, "the answer tells what exists"
            assert b"AccessDenied" in replies[0].body
            if env:
                assert backup(allowed / "b", more=elsewhere).status == 200
                r.wait_for(lambda: (allowed / "b" / "slipway.db").exists(), 20, what="backup")
        finally:
            s.close()
    assert not denied.exists() and os.listdir(str(allowed)) == ["b"]


def test_damage_is_left_out_of_a_backup_and_a_damaged_backup_is_not_restored(eager, tmp_path):
    image = push(eager, small("damaged"), "one", "v1")
    config, layer = list(image.blobs)
    backup, new = str(tmp_path / "backup"), str(tmp_path / "new")
    os.unlink(blob_file(eager.data, layer))
    p = eager.slipway("backup", backup, check=False)
    assert p.returncode == 1 and layer in p.stdout and "NOT in the backup" in p.stderr
    p = eager.slipway("restore", backup, "--data", new, check=False)
    assert p.returncode == 1 and "--partial" in p.stderr and not os.path.exists(new)
    p = eager.slipway("restore", backup, "--data", new, "--partial", check=False)
    assert p.returncode == 1 and "blob-missing" in p.stdout
    assert blob_files(new) == {config.split(":")[1]}
    r.remove_tree(new)
    push(eager, image, "one", "v1", create=False)  # mends it
    assert eager.slipway("backup", backup).returncode == 0
    os.chmod(blob_file(backup, config), 0o600)
    with open(blob_file(backup, config), "r+b") as f:
        f.write(b"XX")
    p = eager.slipway("restore", backup, "--data", new, check=False)
    assert p.returncode == 1 and config in p.stdout and not os.path.exists(new)
    p = eager.slipway("restore", str(tmp_path), "--data", new, check=False)
    assert p.returncode == 1 and "not a backup" in p.stderr
    assert eager.slipway("restore", backup, check=False).returncode == 2


# -- export and import

@pytest.fixture(scope="module")
def skopeo(tmp_path_factory):
    c = Client("skopeo", tmp_path_factory.mktemp("skopeo"))
    yield c
    c.close()


def test_archives_come_back_with_the_same_digest(server, repository, busybox_layout, busybox_image, skopeo, tmp_path):
    name = "%s/%s:v1" % (server.host_port, repository)
    server.slipway("push", busybox_layout, name)
    oci, docker, folder = str(tmp_path / "oci.tar"), str(tmp_path / "docker.tar"), str(tmp_path / "folder")
    for path, how in ((oci, ()), (docker, ("--format", "docker")), (folder, ())):
        assert server.slipway("export", name, path, *how).stdout.strip() == busybox_image.digest
        again = "%s/%s:%s" % (server.host_port, repository, os.path.basename(path).split(".")[0])
        assert server.slipway("import", path, again).stdout.strip() == busybox_image.digest
        assert stored(server, repository, again.rsplit(":", 1)[1])[0] == busybox_image.digest
    assert sorted(os.listdir(str(tmp_path))) == ["docker.tar", "folder", "oci.tar"]
    for source in ("oci-archive:" + oci, "docker-archive:" + docker, "oci:%s:v1" % folder):
        seen = json.loads(skopeo.run("inspect", "--config", source).stdout)
        assert seen["rootfs"]["diff_ids"] == [d for _, _, d in busybox_image.layers]
    with tarfile.open(docker) as t:
        doc = json.load(t.extractfile("manifest.json"))
    assert doc[0]["RepoTags"] == [name]


def test_archives_of_other_programs(server, repository, busybox_layout, busybox_image, skopeo, tmp_path):
    saved = images.docker_archive(str(tmp_path / "saved.tar"), busybox_image, "x:v1")
    copied, oci = str(tmp_path / "copied.tar"), str(tmp_path / "oci.tar")
    skopeo.run("copy", "docker-archive:" + saved, "docker-archive:%s:x:y" % copied)
    skopeo.run("copy", "oci:%s:latest" % busybox_layout, "oci-archive:" + oci)
    for number, path in enumerate((saved, copied, oci)):
        reference = "%s/%s:n%d" % (server.host_port, repository, number)
        server.slipway("import", path, reference)
        back = str(tmp_path / ("back%d.tar" % number))
        server.slipway("export", reference, back, "--format", "docker")
        seen = json.loads(skopeo.run("inspect", "--config", "docker-archive:" + back).stdout)
        assert seen["rootfs"]["diff_ids"] == [d for _, _, d in busybox_image.layers]


def test_one_platform_of_an_index(server, repository, tmp_path):
    children = {a: small(a, architecture=a) for a in ("amd64", "arm64", "s390x")}
    index = images.dump({"schemaVersion": 2, "mediaType": images.OCI_INDEX, "manifests": [
        images.descriptor(images.OCI_MANIFEST, i.manifest, platform={"os": "linux", "architecture": a})
        for a, i in children.items()]})
    with server.http() as http:
        for image in children.values():
            image.push(http, repository, image.digest)
        assert images.put_manifest(http, repository, "all", index, images.OCI_INDEX).status == 201
    name = "%s/%s:all" % (server.host_port, repository)
    path = str(tmp_path / "out.tar")
    for more, want in (((), images.MACHINE), (("--platform", "linux/s390x"), "s390x")):
        p = server.slipway("export", name, path, "--format", "docker", *more)
        assert p.stdout.strip() == children[want].digest
    p = server.slipway("export", name, path, "--format", "docker", "--platform", "plan9/mips", check=False)
    assert p.returncode == 1 and "--platform" in p.stderr
    assert server.slipway("export", name, path).stdout.strip() == images.digest(index)
    assert server.slipway("import", path, "%s/%s:whole" % (server.host_port, repository)).returncode == 0


def test_an_export_that_fails_leaves_nothing(server, repository, tmp_path):
    image = small("cut")
    with server.http() as http:
        image.push(http, repository, "v1")
    path = str(tmp_path / "out.tar")
    p = server.slipway("export", "%s/%s:none" % (server.host_port, repository), path, check=False)
    assert p.returncode == 1 and not os.listdir(str(tmp_path))


def test_docker_loads_what_is_exported(dockerd, server, repository, busybox_image, tmp_path):
    name = "%s/%s:v1" % (server.host_port, repository)
    with server.http() as http:
        busybox_image.push(http, repository, "v1")
    path = str(tmp_path / "image.tar")
    server.slipway("export", name, path, "--format", "docker")
    assert name in dockerd.run("load", "-i", path).stdout
