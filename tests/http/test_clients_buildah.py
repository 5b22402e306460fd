# SPDX-License-Identifier: Apache-2.0
"""buildah: log in, push, pull, push again; digests agree with those of the registry."""
import os

import pytest

from support import images
from support.clients import Client, stored
from support.run import need_root


@pytest.fixture(scope="module")
def buildah(tmp_path_factory, server):
    need_root("its storage wants overlay mounts")
    c = Client("buildah", tmp_path_factory.mktemp("buildah"))
    try:
        assert "Login Succeeded" in c.login(server.host_port, server.slipway("get-login-password").stdout).stdout
        yield c
    finally:
        c.close()


def test_login_with_the_password_of_the_aws_cli(buildah, server):
    assert "Login Succeeded" in buildah.login(server.host_port, server.aws("ecr", "get-login-password")).stdout


def test_wrong_password_is_refused_readably(buildah, server):
    p = buildah.login(server.host_port, "wrong", check=False)
    assert p.returncode != 0
    assert "invalid username/password" in p.stderr or "unauthorized" in p.stderr.lower()
    assert "Login Succeeded" in buildah.login(server.host_port, server.password()).stdout


def push_and_pull(buildah, server, repository, layout, image):
    remote = "%s/%s" % (server.host_port, repository)
    local = buildah.run("pull", "oci:" + layout, timeout=300).stdout.strip().split()[-1]
    assert local == images.digest(image.config)[7:]
    digest_file = os.path.join(buildah.folder, "digest")
    buildah.run("push", "--tls-verify=false", "--digestfile", digest_file, local, remote + ":v1", timeout=300)
    with open(digest_file, encoding="utf-8") as f:
        pushed = f.read().strip()
    digest, manifest = stored(server, repository, "v1")
    assert pushed == digest
    assert len(manifest["layers"]) == len(image.layers)
    buildah.run("rmi", "--force", local)
    for reference in (":v1", "@" + digest):
        p = buildah.run("pull", "--tls-verify=false", remote + reference, timeout=300)
        assert p.stdout.strip().split()[-1] == local
    buildah.run("push", "--tls-verify=false", "--digestfile", digest_file, local, remote + ":again", timeout=300)
    assert stored(server, repository, "again")[0] == digest
    buildah.run("rmi", "--force", local)


def test_push_pull_and_push_again(buildah, server, repository, busybox_layout, busybox_image):
    push_and_pull(buildah, server, repository, busybox_layout, busybox_image)


def test_large_image(buildah, server, repository, large_layout, large_image):
    push_and_pull(buildah, server, repository, large_layout, large_image)


def test_push_to_a_repository_that_does_not_exist_says_so(buildah, server, busybox_layout):
    local = buildah.run("pull", "oci:" + busybox_layout).stdout.strip().split()[-1]
    p = buildah.run("push", "--tls-verify=false", local, server.host_port + "/nowhere/app:v1", check=False)
    assert p.returncode != 0
    assert "name unknown" in p.stderr.lower()


def test_pull_of_what_does_not_exist_says_so(buildah, server, repository):
    p = buildah.run("pull", "--tls-verify=false", "%s/%s:nope" % (server.host_port, repository), check=False)
    assert p.returncode != 0
    assert "manifest unknown" in p.stderr.lower()


def test_image_that_buildah_made(buildah, server, repository, busybox_layout):
    """A commit on top of busybox, without running anything."""
    remote = "%s/%s:made" % (server.host_port, repository)
    container = buildah.run("from", "oci:" + busybox_layout).stdout.strip()
    try:
        buildah.run("config", "--cmd", "echo made", "--env", "A=b", container)
        buildah.run("copy", container, os.path.abspath(__file__), "/test.py")
        buildah.run("commit", "--quiet", container, "made")
    finally:
        buildah.run("rm", container)
    buildah.run("push", "--tls-verify=false", "made", remote)
    digest, manifest = stored(server, repository, "made")
    assert len(manifest["layers"]) == 2
    images_of_ecr = server.boto("ecr").describe_images(repositoryName=repository)["imageDetails"]
    assert [i["imageDigest"] for i in images_of_ecr] == [digest]
