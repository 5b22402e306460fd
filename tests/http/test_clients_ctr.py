# SPDX-License-Identifier: Apache-2.0
"""containerd by its own client: push, pull, push again, an index of two platforms, deletes."""
import pytest

from support import images
from support import run as r
from support.clients import stored
from support.containerd import Containerd


@pytest.fixture(scope="module")
def containerd():
    c = Containerd()
    try:
        yield c.start()
    finally:
        r.show_log("log of containerd", c.log)
        c.close()


@pytest.fixture(scope="module")
def ctr(containerd, server):
    """ctr images push|pull with the password of the AWS CLI; no daemon keeps it."""
    user = "AWS:" + server.aws("ecr", "get-login-password").strip()

    def run(verb, *argv, user=user, **more):
        how = ["--snapshotter", "native"] if verb == "pull" else []
        return containerd.run("images", verb, "--plain-http", "--user", user, *how, *argv, **more)
    return run


def push_and_pull(containerd, ctr, server, repository, layout, image):
    name = "%s/%s:v1" % (server.host_port, repository)
    containerd.load(layout, name)
    ctr("push", name, timeout=300)
    assert stored(server, repository, "v1")[0] == image.digest
    containerd.forget(name)
    r.wait_for(lambda: not containerd.has_content(image.digest), 20, 0.1, "content that is gone")
    by_digest = "%s/%s@%s" % (server.host_port, repository, image.digest)
    for reference in (name, by_digest):
        ctr("pull", reference, timeout=300)
        for digest in [image.digest] + list(image.blobs):
            assert containerd.has_content(digest)
    assert image.digest in containerd.run("images", "ls").stdout
    again = "%s/%s:again" % (server.host_port, repository)
    containerd.run("images", "tag", name, again)
    ctr("push", again, timeout=300)
    ctr("push", name, timeout=300)
    assert stored(server, repository, "again")[0] == stored(server, repository, "v1")[0] == image.digest
    containerd.forget(name, by_digest, again)


def test_push_pull_and_push_again(containerd, ctr, server, repository, busybox_layout, busybox_image):
    push_and_pull(containerd, ctr, server, repository, busybox_layout, busybox_image)


def test_large_image(containerd, ctr, server, repository, large_layout, large_image):
    push_and_pull(containerd, ctr, server, repository, large_layout, large_image)


def test_index_of_two_platforms(containerd, ctr, server, repository, tmp_path):
    name = "%s/%s:two" % (server.host_port, repository)
    layout, index, children = images.two_platforms(str(tmp_path / "layout"))
    containerd.load(layout, name)
    ctr("push", name)
    assert stored(server, repository, "two")[0] == images.digest(index)
    for child in children:
        assert stored(server, repository, child.digest)[0] == child.digest
    containerd.forget(name)
    r.wait_for(lambda: not containerd.has_content(images.digest(index)), 20, 0.1, "content that is gone")
    ctr("pull", "--all-platforms", name)
    for child in children:
        for digest in [child.digest] + list(child.blobs):
            assert containerd.has_content(digest)
    containerd.forget(name)


def test_layers_that_are_there_are_not_sent_again(containerd, ctr, server, repository, busybox_layout, busybox_image):
    name = "%s/%s" % (server.host_port, repository)
    containerd.load(busybox_layout, name + ":one")
    ctr("push", name + ":one")
    containerd.run("images", "tag", name + ":one", name + ":two")
    shown = ctr("push", name + ":two", "--http-dump")
    lines = (shown.stdout + shown.stderr).splitlines()
    assert [line for line in lines if "PUT" in line and "/manifests/" in line]
    assert not [line for line in lines if "/blobs/uploads/" in line]
    assert stored(server, repository, "two")[0] == busybox_image.digest
    containerd.forget(name + ":one", name + ":two")


def test_wrong_password_is_refused_readably(containerd, ctr, server, repository, busybox_layout):
    name = "%s/%s:v1" % (server.host_port, repository)
    containerd.load(busybox_layout, name)
    for verb in ("push", "pull"):
        p = ctr(verb, name, user="AWS:wrong", check=False)
        assert p.returncode != 0
        assert "401" in p.stderr or "authorization failed" in p.stderr
    containerd.forget(name)


def test_push_to_a_repository_that_does_not_exist_fails(containerd, ctr, server, busybox_layout):
    name = "%s/nowhere/app:v1" % server.host_port
    containerd.load(busybox_layout, name)
    p = ctr("push", name, check=False)
    assert p.returncode != 0
    assert "404" in p.stderr
    containerd.forget(name)


def test_pull_of_what_was_deleted_says_so(containerd, ctr, server, repository, busybox_layout, busybox_image):
    name = "%s/%s:v1" % (server.host_port, repository)
    containerd.load(busybox_layout, name)
    ctr("push", name)
    with server.http() as http:
        assert http.request("DELETE", "/v2/%s/manifests/%s" % (repository, busybox_image.digest)).status == 202
    containerd.forget(name)
    p = ctr("pull", name, check=False)
    assert p.returncode != 0
    assert "not found" in p.stderr
