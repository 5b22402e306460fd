# SPDX-License-Identifier: Apache-2.0
"""Quotas as operators set them and pushers meet them."""
import os
import threading

import pytest

from support import images
from support.clients import Client

MIB = 1024 * 1024


@pytest.fixture
def team(server, name):
    """A prefix with two repositories."""
    for repository in ("a", "b"):
        server.create_repository("%s/%s" % (name, repository))
    yield name + "/"
    server.slipway("quota", "delete", name + "/", check=False)


def upload(http, repository, data, chunked=False):
    return http.request("POST", "/v2/%s/blobs/uploads/?digest=%s" % (repository, images.digest(data)), data,
                        {"Content-Type": "application/octet-stream"}, chunked=chunked)


def used(server, prefix):
    for line in server.slipway("quota", "list").stdout.splitlines():
        words = line.split()
        if words[0] == prefix:
            return int(words[2]), int(words[6])
    return None


def test_refused_at_the_start_with_a_readable_reason(server, team):
    server.slipway("quota", "set", team, "--bytes", "1M")
    first, second = os.urandom(MIB - 1000), os.urandom(2000)
    with server.http() as http:
        assert upload(http, team + "a", first).status == 201
        reply = upload(http, team + "b", second)
        assert (reply.status, reply.code()) == (403, "DENIED")
        assert "quota of '%s'" % team in reply.json()["errors"][0]["message"]
        assert upload(http, team + "b", first).status == 201
        reply = upload(http, team + "b", second, chunked=True)
        assert (reply.status, reply.code()) == (403, "DENIED")
        assert http.head("/v2/%sb/blobs/%s" % (team, images.digest(second))).status == 404
    assert used(server, team) == (MIB - 1000, 0)


def test_a_large_body_is_not_read_when_it_is_refused(server, team):
    server.slipway("quota", "set", team, "--bytes", "1M")
    with server.http() as http:
        reply = http.request("POST", "/v2/%sa/blobs/uploads/" % team)
        assert reply.status == 202
        reply = http.request("PATCH", reply.header("Location"), os.urandom(2 * MIB))
        assert (reply.status, reply.code()) == (403, "DENIED")


def test_warning_near_the_end(server, team):
    server.slipway("quota", "set", team, "--bytes", "1M")
    with server.http() as http:
        assert upload(http, team + "a", os.urandom(MIB // 2)).header("Warning") is None
        warning = upload(http, team + "a", os.urandom(MIB // 2 - 100)).header("Warning")
        assert warning.startswith('299 - "') and team in warning


def test_skopeo_tells_the_reason(server, team, busybox_layout, tmp_path):
    server.slipway("quota", "set", team, "--bytes", "1000")
    skopeo = Client("skopeo", tmp_path / "skopeo")
    try:
        skopeo.login(server.host_port, server.password())
        p = skopeo.run("copy", "--dest-tls-verify=false", "oci:%s:latest" % busybox_layout,
                       "docker://%s/%sa:v1" % (server.host_port, team), check=False)
        assert p.returncode != 0
        assert "quota of" in p.stderr
    finally:
        skopeo.close()


def test_images_are_counted(server, team, busybox_image):
    server.slipway("quota", "set", team, "--images", "1")
    other = images.busybox(more=[[("other", b"x", 0o644)]])
    with server.http() as http:
        busybox_image.push(http, team + "a", "v1")
        busybox_image.push(http, team + "a", "again")
        other.push(http, team + "a", "v2", check=403)
        assert http.request("DELETE", "/v2/%sa/manifests/%s" % (team, busybox_image.digest)).status == 202
        other.push(http, team + "a", "v2")
    assert used(server, team)[1] == 1


def test_concurrent_pushes_never_pass_the_maximum(server, team):
    """Sixteen blobs of 100 KiB at once where ten fit."""
    server.slipway("quota", "set", team, "--bytes", str(10 * 100 * 1024))
    blobs = [os.urandom(100 * 1024) for _ in range(16)]
    got = []

    def one(i):
        with server.http() as http:
            got.append(upload(http, team + "ab"[i % 2], blobs[i], chunked=i % 3 == 0).status)

    threads = [threading.Thread(target=one, args=(i,)) for i in range(16)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert sorted(got) == [201] * 10 + [403] * 6
    assert used(server, team) == (10 * 100 * 1024, 0)


def test_deleting_makes_room_and_counts_stay_over_a_restart(server, team):
    server.slipway("quota", "set", team, "--bytes", "1M")
    data = os.urandom(MIB)
    with server.http() as http:
        assert upload(http, team + "a", data).status == 201
    server.stop()
    server.start()
    assert used(server, team) == (MIB, 0)
    with server.http() as http:
        assert upload(http, team + "b", b"one more").status == 403
    server.boto("ecr").delete_repository(repositoryName=team + "a", force=True)
    assert used(server, team) == (0, 0)
    with server.http() as http:
        assert upload(http, team + "b", b"one more").status == 201


def test_only_administrators_have_to_do_with_quotas(server, team, name):
    key = server.add_user("quota-" + name)
    environment = server.env(AWS_ACCESS_KEY_ID=key[0], AWS_SECRET_ACCESS_KEY=key[1])
    for command in (("set", team, "--bytes", "1"), ("list",), ("delete", team)):
        p = server.slipway("quota", *command, "--endpoint", server.endpoint, env=environment, check=False)
        assert p.returncode == 1
        assert "AccessDeniedException" in p.stderr and "slipway:" in p.stderr


def test_wrong_prefixes_are_named(server):
    for prefix in ("UPPER/", "a//", "/", "x"):
        p = server.slipway("quota", "set", prefix, "--bytes", "1", check=False)
        assert p.returncode == 1 and "must be the name of a repository" in p.stderr
