# SPDX-License-Identifier: Apache-2.0
"""A disk of our own (a small file system in a file) becomes read-only, fails every call, or loses what was not synced, under a server
that is being pushed to. Who asks is told so, the server serves on what it can, nothing that was acknowledged is lost, and with the
disk back all goes on. 4 power cuts; 100 with SLIPWAY_TEST_LONG=1."""
import fcntl
import os
import random
import struct
import subprocess
import time

import pytest
from test_crash import PUSHERS, SEED, Pusher, check_files, resumed

from support import images
from support import run as r
from support.server import Server

CUTS = 100 if r.LONG else 4
EXT4_IOC_SHUTDOWN = 0x8004587D
FLUSH_NOTHING = 2  # what the journal has not written yet is lost, as with the power


class Disk:
    """ext4 on a loop device: what a real disk does, it does."""

    def __init__(self, folder):
        r.need_root("mounting a file system needs it")
        self.image, self.path, self.env = str(folder / "image"), str(folder / "disk"), r.clean_env(str(folder))
        mkfs = r.need_program("mkfs.ext4")
        with open(self.image, "wb") as f:
            f.truncate(160 << 20)
        os.mkdir(self.path)
        r.run([mkfs, "-q", "-F", "-m", "0", self.image], env=self.env)
        try:
            self.mount()
        except AssertionError:
            pytest.skip("this machine cannot mount a file system from a file")
        os.chmod(self.path, 0o700)
        self.data = os.path.join(self.path, "data")

    def mount(self, options="loop,commit=300"):
        r.run(["mount", "-o", options, self.image, self.path], env=self.env)
        r.run(["mount", "--make-shared", self.path], env=self.env)  # so that unmounting it reaches containers that began meanwhile

    def unmount(self):
        r.wait_for(lambda: subprocess.run(["umount", self.path], env=self.env, check=False,
                                          stderr=subprocess.DEVNULL).returncode == 0, 20, 0.1, "unmounted disk")

    def again(self):
        """As after switching the machine on. Somebody's container may have been given our disk with all others, and keep it alive."""
        for _ in range(100):
            self.unmount()
            self.mount()
            try:
                with open(os.path.join(self.path, "works"), "w", encoding="utf-8"):
                    return
            except OSError:
                time.sleep(0.2)
        pytest.skip("the disk is in use in another mount namespace")

    def become_read_only(self):
        """As ext4 does it itself when it finds the disk damaged: although files are open."""
        r.run(["mount", "-o", "remount,abort", self.path], env=self.env)

    def cut(self):
        fd = os.open(self.path, os.O_RDONLY)
        try:
            fcntl.ioctl(fd, EXT4_IOC_SHUTDOWN, struct.pack("I", FLUSH_NOTHING))
        finally:
            os.close(fd)


@pytest.fixture
def disk(tmp_path):
    d = Disk(tmp_path)
    yield d
    if os.path.ismount(d.path):
        d.unmount()


def every_write(h, image, location):
    """(what, answer) of each kind of request that has to write."""
    data = os.urandom(70000)
    yield "blob", h.request("POST", "/v2/app/blobs/uploads/?digest=" + images.digest(data), data)
    yield "chunk", h.request("PATCH", location, data)
    yield "tag", images.put_manifest(h, "app", "new", image.manifest)
    yield "delete", h.request("DELETE", "/v2/app/manifests/v1")


def expect_reads(h, image):
    assert h.get("/v2/app/manifests/v1").body == image.manifest
    assert h.get("/v2/app/tags/list").json()["tags"] == ["v1"]
    for name, data in image.blobs.items():
        assert h.get("/v2/app/blobs/" + name).body == data


def pushed(h):
    image = images.Image([images.layer([("f", os.urandom(90000), 0o644)])])
    image.push(h, "app", "v1")
    return image, h.request("POST", "/v2/app/blobs/uploads/").header("Location")


def test_read_only_while_it_serves(disk):
    s = Server(data=disk.data)
    try:
        s.start()
        s.create_repository("app")
        with s.http() as h:
            image, location = pushed(h)
            disk.become_read_only()
            for what, reply in every_write(h, image, location):
                assert reply.status == 507, (what, reply)
                assert "read-only" in reply.json()["errors"][0]["message"], (what, reply.body)
            expect_reads(h, image)
        with pytest.raises(Exception, match="read-only") as e:
            s.boto("ecr", validate=False).create_repository(repositoryName="another")
        assert e.value.response["ResponseMetadata"]["HTTPStatusCode"] == 500
        with s.http() as h:
            assert h.get("/healthz").status == 200
            expect_reads(h, image)
        s.stop()
        disk.again()
        s.start()
        with s.http() as h:
            expect_reads(h, image)
            assert h.get("/v2/app/manifests/new").status == 404
            images.Image([images.layer([("g", b"y", 0o644)])]).push(h, "app", "new")
        check_files(s.data)
    finally:
        s.close()


def test_read_only_from_the_start(disk):
    s = Server(data=disk.data)
    try:
        s.start()
        s.create_repository("app")
        with s.http() as h:
            image, _ = pushed(h)
        s.stop()
        disk.unmount()
        disk.mount("loop,ro")
        p = r.run([r.BIN, "serve", "--data", disk.data, "--listen", "127.0.0.1:0"], env=r.clean_env(s.home), check=False, timeout=30)
        assert p.returncode not in (0, -6, -11), p
        assert "read-only file system" in p.stderr.lower(), p.stderr
        disk.again()
        s.start()
        with s.http() as h:
            expect_reads(h, image)
    finally:
        s.close()


def test_every_call_fails(disk):
    s = Server(data=disk.data)
    try:
        s.start()
        s.create_repository("app")
        with s.http() as h:
            image, location = pushed(h)
            disk.cut()
            for what, reply in every_write(h, image, location):
                assert reply.status == 500, (what, reply)
                assert "request id" in reply.json()["errors"][0]["message"], (what, reply.body)
            for name in image.blobs:  # from memory, or an answer that says no
                assert h.get("/v2/app/blobs/" + name).status in (200, 500)
            assert h.get("/healthz").status == 200
        s.kill()
        disk.again()
        s.start()
        with s.http() as h:
            expect_reads(h, image)
            images.Image([images.layer([("g", b"y", 0o644)])]).push(h, "app", "new")
    finally:
        s.close()


class CutPusher(Pusher):
    """From the moment of the cut on a push may fail, with a server fault."""
    cut = False

    def push_until_told(self):
        try:
            super().push_until_told()
        except AssertionError as e:
            if not self.cut or not any(" %d" % status in str(e) or "%d " % status in str(e) for status in (500, 507)):
                raise


def test_power_cuts_during_pushes_lose_nothing_acknowledged(disk):
    print("SLIPWAY_TEST_SEED=%d" % SEED)
    chance = random.Random(SEED)
    s = Server(data=disk.data)
    try:
        s.start()
        password = s.password()
        for number in range(PUSHERS):
            s.create_repository("crash/%d" % number)
        pushers = [CutPusher(s, n, password) for n in range(PUSHERS)]
        for cut in range(CUTS):
            pushers = [resumed(p) for p in pushers]
            for p in pushers:
                p.start()
            time.sleep(chance.uniform(0.2, 1.2))
            for p in pushers:
                p.cut = True
            disk.cut()
            time.sleep(0.05)
            for p in pushers:
                p.stopping = True
            for p in pushers:
                p.join(100)
                assert not p.is_alive()
                if p.wrong:
                    raise p.wrong
            s.kill()
            disk.again()
            s.start()
            with s.http(password) as h:
                for p in pushers:
                    p.verify(h, everything=cut % 10 == CUTS % 10 - 1 or cut == CUTS - 1)
            print("cut %d: %d pushes acknowledged so far" % (cut, sum(p.acknowledged for p in pushers)))
        assert sum(p.acknowledged for p in pushers) > CUTS, "too few pushes to prove anything"
        p = s.slipway("fsck", check=False, timeout=300)
        assert p.returncode == 0, p.stdout
        s.stop()
        check_files(s.data)
    finally:
        s.close()
