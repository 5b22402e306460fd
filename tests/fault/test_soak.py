# SPDX-License-Identifier: Apache-2.0
# ctest-timeout: 4000
# ctest-cost: 32
"""Pushes, pulls, deletes, mounts, checks, backups and collections, all at once. It ends with no broken image, nothing lost that was
acknowledged, and exactly the bytes on the disk that the living images need. 20 seconds; an hour with SLIPWAY_TEST_LONG=1."""
import glob
import json
import os
import random
import threading
import time

from support import images
from support import run as r
from support.server import Server

SECONDS = 3600 if r.LONG else 20
REPOSITORIES = ("one", "two", "team/three")
GRACE = 4
LIVING = 8  # images of one worker at once
SEED = int(os.environ.get("SLIPWAY_TEST_SEED") or random.randrange(1 << 32))


def layers():
    """Few enough that images share them, so many that most of them die and come back."""
    return [images.layer([("file", random.Random(n).randbytes(20000 if n % 4 else 900000), 0o644)]) for n in range(40)]


class Worker(threading.Thread):
    """Owns its tags, so it knows what must be there: pushes, pulls back, deletes."""

    def __init__(self, server, number, pool):
        super().__init__(daemon=True)
        self.server, self.number, self.pool = server, number, pool
        self.random = random.Random(SEED + number)
        self.living = {}  # (repository, tag) -> image
        self.count = {"push": 0, "again": 0, "pull": 0, "delete": 0, "cancel": 0, "mount": 0}
        self.error, self.ending = None, threading.Event()

    def run(self):
        try:
            with self.server.http() as http:
                while not self.ending.is_set():
                    what = self.random.random()
                    if (what < 0.45 and len(self.living) < LIVING) or not self.living:
                        self.push(http)
                    elif what < 0.7:
                        self.pull(http, *self.random.choice(list(self.living.items())))
                    elif what < 0.95:
                        for where in self.random.sample(list(self.living), self.random.choice((1, 1, len(self.living)))):
                            self.delete(http, where)
                    else:
                        self.cancel(http)
        except (OSError, AssertionError) as e:
            self.error = e

    def push(self, http):
        chosen = self.random.sample(self.pool, self.random.randint(1, 3))
        tag = "w%d-%d" % (self.number, self.count["push"])
        image = images.Image(chosen, {"Labels": {"tag": tag}})
        repository = self.random.choice(REPOSITORIES)
        for _ in range(20):
            if self.try_push(http, image, repository, tag):
                self.living[(repository, tag)] = image
                self.count["push"] += 1
                return
            self.count["again"] += 1
        raise AssertionError("20 pushes of one image were too late for the collection")

    def try_push(self, http, image, repository, tag):
        """As clients do it: ask, mount, upload; then the manifest. False: a blob went between the two, push again."""
        for name, data in image.blobs.items():
            if http.request("HEAD", "/v2/%s/blobs/%s" % (repository, name)).status == 200:
                continue
            other = self.random.choice(REPOSITORIES)
            reply = http.request("POST", "/v2/%s/blobs/uploads/?mount=%s&from=%s" % (repository, name, other))
            if reply.status == 201:
                self.count["mount"] += 1
                continue
            assert reply.status == 202, reply
            where = reply.header("Location")
            reply = http.request("PATCH", where, data[:len(data) // 2], {"Content-Type": "application/octet-stream"})
            assert reply.status == 202, reply
            where = reply.header("Location")
            reply = http.request("PUT", where + ("&" if "?" in where else "?") + "digest=" + name, data[len(data) // 2:],
                                 {"Content-Type": "application/octet-stream"})
            assert reply.status == 201, reply
        reply = images.put_manifest(http, repository, tag, image.manifest)
        assert reply.status == 201 or reply.code() in ("MANIFEST_BLOB_UNKNOWN", "BLOB_UNKNOWN"), reply
        return reply.status == 201

    def pull(self, http, where, image):
        repository, tag = where
        reply = http.get("/v2/%s/manifests/%s" % (repository, tag))
        assert reply.status == 200 and reply.body == image.manifest, (where, reply)
        for name in image.blobs:
            reply = http.get("/v2/%s/blobs/%s" % (repository, name))
            assert reply.status == 200 and images.digest(reply.body) == name, (where, name, reply)
        self.count["pull"] += 1

    def delete(self, http, where):
        image = self.living.pop(where)
        by = image.digest if self.random.random() < 0.5 else where[1]
        reply = http.request("DELETE", "/v2/%s/manifests/%s" % (where[0], by))
        assert reply.status == 202, reply
        if by == where[1]:  # the tag only: the manifest goes too
            assert http.request("DELETE", "/v2/%s/manifests/%s" % (where[0], image.digest)).status == 202
        assert http.get("/v2/%s/manifests/%s" % where).status == 404
        self.count["delete"] += 1

    def cancel(self, http):
        reply = http.request("POST", "/v2/%s/blobs/uploads/" % self.random.choice(REPOSITORIES))
        where = http.request("PATCH", reply.header("Location"), b"never finished",
                             {"Content-Type": "application/octet-stream"}).header("Location")
        assert http.request("DELETE", where).status == 204
        self.count["cancel"] += 1


def checked(server):
    """fsck: no finding."""
    p = server.slipway("fsck", "--json", check=False, timeout=600)
    assert p.returncode == 0, p.stdout + p.stderr
    return json.loads(p.stdout.splitlines()[-1])["Sum"]


def stored(server):
    return {os.path.basename(p) for p in glob.glob(os.path.join(server.data, "blobs/*/*/*"))}


def needed(workers):
    return {name.split(":")[1] for w in workers for i in w.living.values() for name in i.blobs}


def test_everything_at_once(tmp_path):
    print("seed", SEED)
    server = Server(env={"SLIPWAY_COLLECT_GRACE": "%ds" % GRACE, "SLIPWAY_COLLECT_INTERVAL": "1s"})
    workers = []
    try:
        server.start()
        for name in REPOSITORIES:
            server.create_repository(name)
        pool = layers()
        workers = [Worker(server, n, pool) for n in range(4)]
        for w in workers:
            w.start()
        end = time.monotonic() + SECONDS
        rounds = 0
        while time.monotonic() < end and not any(w.error for w in workers):
            time.sleep(1)
            rounds += 1
            if rounds % 3 == 0:
                checked(server)
            if rounds % 7 == 0:
                server.slipway("gc", "--quiet")
            if rounds % 10 == 0:
                server.slipway("backup", str(tmp_path / "backup"), timeout=600)
        finish(server, workers, str(tmp_path))
    finally:
        for w in workers:
            w.ending.set()
        server.close()


def finish(server, workers, folder):
    for w in workers:
        w.ending.set()
    for w in workers:
        w.join(300)
        assert not w.error, w.error
    print({k: sum(w.count[k] for w in workers) for k in workers[0].count})
    assert sum(w.count["push"] for w in workers) > SECONDS / 2 and sum(w.count["delete"] for w in workers) > SECONDS / 4
    time.sleep(GRACE + 1.1)
    server.slipway("gc", "--quiet")
    would = json.loads(server.slipway("gc", "--dry-run", "--json").stdout.splitlines()[-1])["Sum"]
    assert would["Links"] == would["Blobs"] == would["Files"] == 0, would
    assert stored(server) == needed(workers)
    assert not os.listdir(os.path.join(server.data, "uploads"))
    assert checked(server)["Manifests"] == sum(len(w.living) for w in workers)
    with server.http() as http:
        for w in workers:
            for where, image in w.living.items():
                w.pull(http, where, image)
    server.slipway("backup", os.path.join(folder, "backup"), timeout=600)
    server.slipway("restore", os.path.join(folder, "backup"), "--data", os.path.join(folder, "new"), timeout=600)
    with server.http() as http:
        for w in workers:
            for where in list(w.living):
                w.delete(http, where)
    time.sleep(GRACE + 1.1)
    server.slipway("gc", "--quiet")
    assert not stored(server)
