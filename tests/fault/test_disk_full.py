# SPDX-License-Identifier: Apache-2.0
# ctest-lock: containers
"""The disk is full while a client pushes, and while an agent pulls: each is told so, nothing half-made stays, and both go on as soon
as there is room. The disks are small tmpfs mounts."""
import os

import pytest

from support import images
from support import run as r
from support.server import Server
from support.tasks import Tasks

MIB = 1 << 20


@pytest.fixture
def small_disk(tmp_path):
    r.need_root("mounting a small tmpfs needs it")
    disk = tmp_path / "disk"
    disk.mkdir()
    r.run(["mount", "-t", "tmpfs", "-o", "size=32m,mode=0700", "slipway-test", str(disk)], env=r.clean_env(str(tmp_path)))
    yield str(disk)
    r.remove_tree(str(disk))


def ballast(folder, leave):
    """Fills the disk up to `leave` bytes; returns the file."""
    path = os.path.join(folder, "ballast")
    with open(path, "wb") as f:
        while images.free_space(folder) > leave:
            f.write(b"\0" * min(65536, images.free_space(folder) - leave))
            f.flush()
    return path


def files_of(folder):
    return {os.path.join(d, f): os.path.getsize(os.path.join(d, f)) for d, _, names in os.walk(folder) for f in names
            if "-wal" not in f and "-shm" not in f}


def test_push(small_disk):
    s = Server(data=os.path.join(small_disk, "data"))
    try:
        s.start()
        s.create_repository("full")
        good = os.urandom(MIB)
        with s.http() as h:
            images.push_blob(h, "full", good)
            path = ballast(small_disk, 4 * MIB)
            before = files_of(s.data)
            data = os.urandom(8 * MIB)
            for way in ("post", "patch", "patch"):
                if way == "post":
                    reply = h.request("POST", "/v2/full/blobs/uploads/?digest=" + images.digest(data), data)
                else:
                    location = h.request("POST", "/v2/full/blobs/uploads/").header("Location")
                    reply = h.request("PATCH", location, data, chunked=True)
                assert reply.status == 507, reply
                assert "no space left" in reply.json()["errors"][0]["message"]
                assert h.head("/v2/full/blobs/" + images.digest(data)).status == 404
                if way == "patch":
                    assert h.request("DELETE", location).status in (204, 404)
            assert h.get("/v2/full/blobs/" + images.digest(good)).body == good
            assert files_of(s.data).keys() - before.keys() == set(), "a failed push left files"
            os.unlink(path)
            assert images.push_blob(h, "full", data)
            assert h.get("/v2/full/blobs/" + images.digest(data)).body == data
        s.kill()
        s.start()
        with s.http() as h:
            assert h.get("/v2/full/blobs/" + images.digest(data)).body == data
    finally:
        s.close()


def test_rows_when_not_a_byte_is_left(small_disk):
    """Even the database cannot grow: a server fault is answered, reads go on, and later writes work."""
    s = Server(data=os.path.join(small_disk, "data"))
    try:
        s.start()
        ecr = s.boto("ecr", validate=False)
        ecr.create_repository(repositoryName="before")
        path = ballast(small_disk, 0)
        made, refused = ["before"], 0
        for i in range(300):
            try:
                ecr.create_repository(repositoryName="r%d" % i, tags=[{"Key": "k", "Value": "v" * 200}])
                made.append("r%d" % i)
            except ecr.exceptions.ClientError as e:
                assert e.response["ResponseMetadata"]["HTTPStatusCode"] == 500, e
                refused += 1
            if refused == 3:
                break
        assert refused, "the disk did not fill"
        names = [x["repositoryName"] for p in ecr.get_paginator("describe_repositories").paginate() for x in p["repositories"]]
        assert sorted(names) == sorted(made)
        os.unlink(path)
        ecr.create_repository(repositoryName="after")
        s.kill()
        s.start()
        names = [x["repositoryName"] for p in ecr.get_paginator("describe_repositories").paginate() for x in p["repositories"]]
        assert sorted(names) == sorted(made + ["after"])
    finally:
        s.close()


def test_pull(small_disk):
    """The agent's folder is the small disk; the image does not fit."""
    r.need_program("runc")
    s = Server("up")
    agent = os.path.join(s.data, "agent")
    os.makedirs(agent)
    os.chmod(s.data, 0o700)
    r.run(["mount", "--bind", small_disk, agent], env=r.clean_env(s.home))
    try:
        s.start()
        tasks = Tasks(s)
        assert tasks.output("small", "echo fits") == "fits\n"
        layer = images.layer([("big", os.urandom(40 * MIB), 0o644)])
        image = tasks.push(images.Image([images.layer(images.busybox_entries()), layer], {"Env": ["PATH=/bin"]}), "big")
        for _ in range(2):
            task = tasks.wait_stopped(tasks.start("big", {"image": image, "command": "true"}))
            assert task["stopCode"] == "TaskFailedToStart"
            text = task["stoppedReason"] + task["containers"][0].get("reason", "")
            assert "CannotPull" in text and "no space left on" in text.lower(), text
        assert images.free_space(small_disk) > 8 * MIB, "a failed pull kept its layers"
        assert tasks.output("again", "echo still fits") == "still fits\n"
        assert s.agent_pid()
    finally:
        s.close()
