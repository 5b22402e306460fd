# SPDX-License-Identifier: Apache-2.0
"""The server is killed at random moments while several clients push. After each restart everything that was acknowledged is asked
for, and nothing that is served is wrong. 15 kills; 200 with SLIPWAY_TEST_LONG=1."""
import contextlib
import http.client
import os
import random
import threading
import time

import pytest

from support import images
from support import run as r
from support.rawhttp import Http
from support.server import Server

KILLS = 200 if r.LONG else 15
PUSHERS = 4
SEED = int(os.environ.get("SLIPWAY_TEST_SEED") or random.randrange(1 << 32))


class Pusher(threading.Thread):
    """Pushes small images in a loop and remembers what was acknowledged. An error means the server is down: it waits for the
    next one. What was sent without an answer may or may not be there."""

    def __init__(self, server, number, password):
        super().__init__(daemon=True)
        self.server, self.number, self.password = server, number, password
        self.random = random.Random(SEED + number)
        self.stopping = False
        self.blobs, self.manifests, self.tags = {}, {}, {}
        self.uncertain_tags = {}
        self.acknowledged = 0
        self.wrong = None

    def run(self):
        try:
            self.push_until_told()
        except AssertionError as e:
            self.wrong = e

    def push_until_told(self):
        count = 0
        while not self.stopping:
            try:
                with Http(self.server.host_port, self.password, 10) as h:
                    while not self.stopping:
                        count += 1
                        self.push_one(h, "crash/%d" % self.number, count)
            except (OSError, http.client.HTTPException):
                time.sleep(0.02)

    def push_one(self, h, repository, count):
        config = images.dump({"architecture": "amd64", "os": "linux", "n": "%d-%d" % (self.number, count)})
        layer = self.random.randbytes(self.random.choice((0, 10, 3000, 70000)))
        for data in (config, layer):
            name = images.digest(data, self.random.choice(("sha256", "sha256", "sha512")) if data is layer else "sha256")
            self.push_blob(h, repository, name, data)
            if data is layer:
                layer_name = name
        body = images.dump({
            "schemaVersion": 2, "mediaType": images.OCI_MANIFEST, "config": images.descriptor(images.OCI_CONFIG, config),
            "layers": [{"mediaType": images.OCI_GZIP, "digest": layer_name, "size": len(layer)}]})
        tag = "t%d" % (count % 5)
        self.uncertain_tags.setdefault(tag, set()).add(images.digest(body))
        reply = images.put_manifest(h, repository, tag, body)
        assert reply.status == 201, reply
        self.manifests[images.digest(body)] = body
        self.tags[tag] = images.digest(body)
        self.uncertain_tags[tag] = set()
        self.acknowledged += 1

    def push_blob(self, h, repository, name, data):
        base = "/v2/%s/blobs/uploads/" % repository
        if self.random.random() < 0.5:
            reply = h.request("POST", base + "?digest=" + name, data)
        else:
            reply = h.request("POST", base)
            assert reply.status == 202, reply
            location, half = reply.header("Location"), len(data) // 2
            if half:
                reply = h.request("PATCH", location, data[:half], {"Content-Range": "0-%d" % (half - 1)})
                assert reply.status == 202, reply
                location = reply.header("Location")
            reply = h.request("PUT", location + ("&" if "?" in location else "?") + "digest=" + name, data[half:])
        assert reply.status == 201, reply
        self.blobs[name] = data

    def verify(self, h, everything):
        """Everything acknowledged since the last look (or ever) is there, byte for byte."""
        base = "/v2/crash/%d/" % self.number
        for kind, known in (("blobs", self.blobs), ("manifests", self.manifests)):
            names = list(known) if everything else list(known)[-40:]
            for name in names:
                reply = h.get(base + kind + "/" + name)
                assert reply.status == 200, "%s %s is lost: %r" % (kind, name, reply)
                assert reply.body == known[name], "%s %s is wrong" % (kind, name)
        for tag, name in self.tags.items():
            reply = h.get(base + "manifests/" + tag)
            assert reply.status == 200, "tag %s is lost: %r" % (tag, reply)
            assert reply.header("Docker-Content-Digest") in {name} | self.uncertain_tags[tag], "tag %s went back" % tag
            self.tags[tag] = reply.header("Docker-Content-Digest")


@pytest.fixture
def crashing():
    s = Server()
    try:
        yield s.start()
    finally:
        s.close()


def test_kill_during_pushes_loses_nothing_acknowledged(crashing):
    print("SLIPWAY_TEST_SEED=%d" % SEED)
    chance = random.Random(SEED)
    password = crashing.password()
    for number in range(PUSHERS):
        crashing.create_repository("crash/%d" % number)
    pushers = [Pusher(crashing, n, password) for n in range(PUSHERS)]
    for kill in range(KILLS):
        before = sum(p.acknowledged for p in pushers)
        threads = pushers = [resumed(p) for p in pushers]
        for p in threads:
            p.start()
        time.sleep(chance.uniform(0.05, 0.6))
        crashing.kill()
        for p in threads:
            p.stopping = True
        for p in threads:
            p.join(100)
            assert not p.is_alive()
            if p.wrong:
                raise p.wrong
        crashing.start()
        with crashing.http(password) as h:
            for p in pushers:
                p.verify(h, everything=kill % 20 == KILLS % 20 - 1 or kill == KILLS - 1)
        print("kill %d: %d pushes acknowledged since the last" % (kill, sum(p.acknowledged for p in pushers) - before))
    assert sum(p.acknowledged for p in pushers) > 5 * KILLS, "too few pushes to prove anything"
    crashing.stop()
    check_files(crashing.data)


def resumed(p):
    """A thread runs once: the same memory in a new one."""
    q = type(p)(p.server, p.number, p.password)
    q.random = p.random
    for key in ("blobs", "manifests", "tags", "uncertain_tags", "acknowledged"):
        setattr(q, key, getattr(p, key))
    q.random.seed(random.Random(SEED ^ p.number ^ p.acknowledged).random())
    return q


def check_files(data):
    """The database is sound, and every blob file that carries a digest as its name is what it says."""
    import sqlite3
    with contextlib.closing(sqlite3.connect("file:%s/slipway.db?mode=ro" % data, uri=True)) as db:
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert db.execute("PRAGMA foreign_key_check").fetchall() == []
    checked = 0
    for folder, _, files in os.walk(data):
        for name in files:
            algorithm = {64: "sha256", 128: "sha512"}.get(len(name))
            if algorithm and all(c in "0123456789abcdef" for c in name) and "upload" not in folder:
                with open(os.path.join(folder, name), "rb") as f:
                    assert images.digest(f.read(), algorithm) == "%s:%s" % (algorithm, name)
                checked += 1
    assert checked, "no blob file was found to look at"


def test_kill_while_one_blob_is_sent(crashing):
    """A blob in flight is there whole or not at all, and its session can go on after the restart."""
    crashing.create_repository("one")
    password = crashing.password()
    data = os.urandom(3 << 20)
    with crashing.http(password) as h:
        location = h.request("POST", "/v2/one/blobs/uploads/").header("Location")
        reply = h.request("PATCH", location, data[:1 << 20], {"Content-Range": "0-%d" % ((1 << 20) - 1)})
        assert reply.status == 202
        location = reply.header("Location")
    crashing.kill()
    crashing.start()
    with crashing.http(password) as h:
        reply = h.get(location)
        if reply.status == 404:  # uploads need not survive, only what was acknowledged as a blob
            return
        held = 0 if reply.header("Range") == "0-0" else int(reply.header("Range")[2:]) + 1
        assert held <= 1 << 20
        reply = h.request("PATCH", location, data[held:], {"Content-Range": "%d-%d" % (held, len(data) - 1)})
        assert reply.status == 202, reply
        location = reply.header("Location")
        done = h.request("PUT", location + ("&" if "?" in location else "?") + "digest=" + images.digest(data))
        assert done.status == 201, done
        assert h.get("/v2/one/blobs/" + images.digest(data)).body == data


def test_everything_else_survives_a_kill(crashing):
    """Repositories, users, task definitions and tokens."""
    made = crashing.create_repository("survivor")
    key = crashing.add_user("survivor")
    definition = crashing.boto("ecs").register_task_definition(family="survivor", containerDefinitions=[
        {"name": "a", "image": "b", "memory": 8}])["taskDefinition"]
    password = crashing.password()
    crashing.kill()
    crashing.start()
    assert crashing.boto("ecr").describe_repositories()["repositories"] == [made]
    assert crashing.boto("ecs").describe_task_definition(taskDefinition="survivor")["taskDefinition"] == definition
    assert "survivor" in crashing.slipway("user", "list").stdout
    with crashing.http(password) as h:
        assert h.get("/v2/").status == 200
    with pytest.raises(Exception, match="AccessDenied"):
        crashing.boto("ecr", key).describe_repositories()
