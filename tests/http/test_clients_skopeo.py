# SPDX-License-Identifier: Apache-2.0
"""skopeo, which copies between layouts, archives and registries and keeps digests."""
import json
import os

import pytest

from support import images
from support.clients import Client, stored


@pytest.fixture(scope="module")
def skopeo(tmp_path_factory, server):
    c = Client("skopeo", tmp_path_factory.mktemp("skopeo"))
    try:
        assert "Login Succeeded" in c.login(server.host_port, server.slipway("get-login-password").stdout).stdout
        yield c
    finally:
        c.close()


def test_login_with_the_password_of_the_aws_cli(skopeo, server):
    assert "Login Succeeded" in skopeo.login(server.host_port, server.aws("ecr", "get-login-password")).stdout


def test_wrong_password_is_refused_readably(skopeo, server):
    p = skopeo.login(server.host_port, "wrong", check=False)
    assert p.returncode != 0
    assert "invalid username/password" in p.stderr or "unauthorized" in p.stderr.lower()


def push_and_pull(skopeo, server, repository, layout, image, folder):
    remote = "docker://%s/%s" % (server.host_port, repository)
    skopeo.run("copy", "--preserve-digests", "--dest-tls-verify=false", "oci:%s:latest" % layout, remote + ":v1",
               timeout=300)
    assert stored(server, repository, "v1")[0] == image.digest
    seen = json.loads(skopeo.run("inspect", "--tls-verify=false", remote + ":v1").stdout)
    assert seen["Digest"] == image.digest
    assert seen["RepoTags"] == ["v1"]
    back = str(folder / "back")
    skopeo.run("copy", "--preserve-digests", "--src-tls-verify=false", remote + "@" + image.digest, "oci:%s:x" % back,
               timeout=300)
    for name in [image.digest] + list(image.blobs):
        assert images.file_digest(os.path.join(back, "blobs", name.replace(":", "/"))) == name
    skopeo.run("copy", "--preserve-digests", "--dest-tls-verify=false", "oci:%s:latest" % layout, remote + ":again",
               timeout=300)
    assert stored(server, repository, "again")[0] == image.digest


def test_push_pull_and_push_again(skopeo, server, repository, busybox_layout, busybox_image, tmp_path):
    push_and_pull(skopeo, server, repository, busybox_layout, busybox_image, tmp_path)


def test_large_image(skopeo, server, repository, large_layout, large_image, tmp_path):
    push_and_pull(skopeo, server, repository, large_layout, large_image, tmp_path)


def test_zstd_and_uncompressed_layers(skopeo, server, repository, tmp_path):
    image = images.Image([images.layer([("a", b"1" * 1000, 0o644)], "zstd"), images.layer([("b", b"2", 0o644)], None)])
    push_and_pull(skopeo, server, repository, image.write_layout(str(tmp_path / "layout")), image, tmp_path)


def test_docker_manifest(skopeo, server, repository, busybox_layout):
    """Converted to Docker's types while it is pushed."""
    remote = "docker://%s/%s:v2s2" % (server.host_port, repository)
    skopeo.run("copy", "--format", "v2s2", "--dest-tls-verify=false", "oci:%s:latest" % busybox_layout, remote)
    assert stored(server, repository, "v2s2")[1]["mediaType"] == images.DOCKER_MANIFEST


def test_copy_between_repositories_and_tags(skopeo, server, repository, busybox_layout, busybox_image):
    server.create_repository(repository + "-2")
    one, two = ("docker://%s/%s%s:v1" % (server.host_port, repository, s) for s in ("", "-2"))
    skopeo.run("copy", "--dest-tls-verify=false", "oci:%s:latest" % busybox_layout, one)
    skopeo.run("copy", "--src-tls-verify=false", "--dest-tls-verify=false", one, two)
    assert stored(server, repository + "-2", "v1")[0] == busybox_image.digest
    tags = json.loads(skopeo.run("list-tags", "--tls-verify=false", one[:-3]).stdout)["Tags"]
    assert tags == ["v1"]


def test_delete(skopeo, server, repository, busybox_layout):
    remote = "docker://%s/%s:v1" % (server.host_port, repository)
    skopeo.run("copy", "--dest-tls-verify=false", "oci:%s:latest" % busybox_layout, remote)
    skopeo.run("delete", "--tls-verify=false", remote)
    p = skopeo.run("inspect", "--tls-verify=false", remote, check=False)
    assert p.returncode != 0
    assert "manifest unknown" in p.stderr.lower()


def test_push_to_a_repository_that_does_not_exist_says_so(skopeo, server, busybox_layout):
    p = skopeo.run("copy", "--dest-tls-verify=false", "oci:%s:latest" % busybox_layout,
                   "docker://%s/nowhere/app:v1" % server.host_port, check=False)
    assert p.returncode != 0
    assert "name unknown" in p.stderr.lower()


# -- slipway's own client, against the same server

def test_slipway_pushes_and_pulls_every_form(server, repository, busybox_layout, busybox_image, tmp_path):
    remote = "%s/%s" % (server.host_port, repository)
    server.slipway("push", busybox_layout, remote + ":layout")
    assert stored(server, repository, "layout")[0] == busybox_image.digest
    archive = images.docker_archive(str(tmp_path / "archive.tar"), busybox_image, "busybox:latest")
    server.slipway("push", archive, remote + ":archive")
    root = tmp_path / "root"
    root.mkdir()
    server.slipway("push", images.busybox_root(str(root)), remote + ":folder", "--cmd", '["echo", "hello"]')
    for tag in ("layout", "archive", "folder"):
        digest, _ = stored(server, repository, tag)
        server.slipway("pull", "%s:%s" % (remote, tag), str(tmp_path / ("pulled-" + tag)))
        assert images.file_digest(str(tmp_path / ("pulled-" + tag) / "blobs" / digest.replace(":", "/"))) == digest


def test_slipway_pushes_the_large_image(server, repository, large_layout, large_image):
    server.slipway("push", large_layout, "%s/%s:v1" % (server.host_port, repository), timeout=300)
    assert stored(server, repository, "v1")[0] == large_image.digest


def test_slipway_push_to_a_repository_that_does_not_exist(server, busybox_layout):
    tag = server.host_port + "/not/there:v1"
    p = server.slipway("push", busybox_layout, tag, check=False)
    assert p.returncode == 1
    assert "not/there" in p.stderr and "does not exist" in p.stderr
    server.slipway("push", busybox_layout, tag, "--create")
